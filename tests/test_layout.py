"""The layout of modules: imports point one way, no two packages need each other, folders stay small."""

from __future__ import annotations

import ast
import pkgutil
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from graphlib import TopologicalSorter
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

import logreg_tui.core
import logreg_tui.tui

MAY_IMPORT = {
    "core": "",
    "core.data": "core",
    "core.engine": "core core.data",
    "core.training": "core core.data core.engine",
    "core.experiment": "core core.data core.engine core.training",
    "core.session": "core core.data core.engine core.training core.experiment",
    "core.analysis": "core core.data core.engine core.training core.experiment core.session",
    "core.bench": "core core.data core.engine core.training core.experiment core.session",
    "core.export": "core core.data core.training core.experiment core.session core.analysis",
    "core.predict": "core core.data core.training core.experiment core.session core.analysis",
    "core.report": "core core.data core.training core.experiment core.session core.analysis core.export",
    "tui": "core core.training",
    "tui.widgets": "core core.training tui",
    "tui.widgets.*": "core core.data core.training core.experiment core.analysis tui tui.widgets",
    "tui.screens": "core core.training core.analysis core.export tui tui.widgets tui.widgets.*",
    "tui.app": "core core.training core.experiment tui tui.widgets tui.widgets.* tui.screens",
    "tui.text": "core core.* tui tui.widgets tui.widgets.curves",
    "tui.cli": "core core.* tui tui.text tui.app",
    "tui.cli.commands": "core core.* tui tui.text tui.app tui.cli",
    "tui.__main__": "tui.cli",
}
"""Packages, each with the packages it may import; a last `*` stands for any one name."""
PART_OF = {
    "core.data.sparse": "core.data",
    "core.data.table": "core.data",
    "core.engine.gpu": "core.engine",
    "core.engine.processor": "core.engine",
}
"""Folders that are packages for the number of their modules only: they and the one above need each other."""
ONLY_FOR_COMMANDS = {"core.predict", "core.report"}
MOST_MODULES = 13
"""In one folder, without its `__init__`."""

ROOT = "logreg_tui."
MODULES = {
    module.name.removeprefix(ROOT): module.ispkg
    for package in (logreg_tui.core, logreg_tui.tui)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
} | {"core": True, "tui": True}
"""All modules by name, with whether they are packages."""


def package_of(module: str) -> str:
    """Return the package a module belongs to; what starts the program stands above all others."""
    package = module if MODULES[module] or module == "tui.__main__" else module.rpartition(".")[0]
    return PART_OF.get(package, package)


def imported_by(module: str) -> Iterator[str]:
    """Yield our modules that a module imports, inside functions and for type checkers too."""
    spec = find_spec(ROOT + module)
    assert spec is not None
    assert spec.origin is not None
    for node in ast.walk(ast.parse(Path(spec.origin).read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative imports are not followed"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name.startswith(ROOT):
                inside = name.removeprefix(ROOT)
                yield inside if inside in MODULES else inside.rpartition(".")[0]


IMPORTS = {(module, other) for module in MODULES for other in imported_by(module)}
BETWEEN = {(module, other) for module, other in IMPORTS if package_of(module) != package_of(other)}
"""Imports from another package."""


def is_allowed(package: str, other: str) -> bool:
    """Return whether one package may import the other."""
    entry = MAY_IMPORT[package if package in MAY_IMPORT else f"{package.rpartition('.')[0]}.*"]
    if other in ONLY_FOR_COMMANDS and package.startswith("tui"):
        return package == "tui.cli.commands"
    return not {other, f"{other.rpartition('.')[0]}.*"}.isdisjoint(entry.split())


def test_imports_point_one_way() -> None:
    wrong = {
        (module, other) for module, other in BETWEEN if not is_allowed(package_of(module), package_of(other))
    }
    assert wrong == set()


def test_no_packages_import_each_other_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for module, other in BETWEEN:
        graph.setdefault(package_of(module), set()).add(package_of(other))
    TopologicalSorter(graph).prepare()


def test_no_folder_holds_more_modules_than_a_glance_takes_in() -> None:
    sizes = Counter(name.rpartition(".")[0] for name, is_package in MODULES.items() if not is_package)
    assert {package: size for package, size in sizes.items() if size > MOST_MODULES} == {}


@pytest.mark.parametrize("root", ["core", "tui"])
def test_the_map_names_every_folder_and_module(root: str) -> None:
    text = import_module(ROOT + root).__doc__ or ""
    inside = {name.removeprefix(f"{root}.") for name in MODULES if name.startswith(f"{root}.")}
    folders = {name for name in inside if MODULES[f"{root}.{name}"]}
    assert set(re.findall(r"(\w+)/", text)) - {"tests"} == {name.rpartition(".")[2] for name in folders}
    assert {name for name in inside - folders if "." not in name} <= set(text.split())


def test_every_package_is_installed() -> None:
    path = Path(__file__).parents[1] / "pyproject.toml"
    listed = tomllib.loads(path.read_text())["tool"]["setuptools"]["packages"]
    assert sorted(listed) == sorted(ROOT + name for name, is_package in MODULES.items() if is_package)


def test_no_two_test_modules_have_the_same_name() -> None:
    """Pytest imports them by their names alone."""
    names = [path.name for path in Path(__file__).parent.rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))
