"""Who may import whom: core knows no user interface, the app's first frame loads nothing heavy, and
help loads nothing slow.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

IMPORT_CORE = """
import importlib, pkgutil, logreg_tui.core
for module in pkgutil.walk_packages(logreg_tui.core.__path__, "logreg_tui.core."):
    importlib.import_module(module.name)
"""

BEFORE_THE_FIRST_FRAME = """
import logreg_tui.tui.cli.main, logreg_tui.core.session.start, logreg_tui.core.session.resume
import logreg_tui.core.session.follow, logreg_tui.tui.app.app, logreg_tui.tui.app.signals
"""
HEAVY = {"torch", "numpy", "plotext", "sklearn", "torchvision", "safetensors", "polars"}

ALL_HELP = """
import contextlib, os, sys
before = set(sys.modules)
from logreg_tui.tui.cli.main import COMMANDS, main
with contextlib.redirect_stdout(open(os.devnull, "w")):
    for words in [], *([name] for name in COMMANDS):
        with contextlib.suppress(SystemExit):
            main([*words, "--help"])
print(*(set(sys.modules) - before))
"""
SLOW = HEAVY | {
    "asyncio",
    "email",
    "hashlib",
    "importlib.metadata",
    "json",
    "logging",
    "pathlib",
    "platformdirs",
    "queue",
    "rich",
    "shlex",
    "signal",
    "socket",
    "subprocess",
    "tempfile",
    "textual",
    "traceback",
    "zipfile",
    "logreg_tui.core.data.arrays",
    "logreg_tui.core.training.requests",
    "logreg_tui.core.training.events",
}
"""What help has no use for and would wait for; our own modules of many dataclasses are among it."""


@pytest.mark.parametrize(
    ("code", "forbidden"),
    [
        (IMPORT_CORE, {"textual", "plotext", "rich"}),
        (BEFORE_THE_FIRST_FRAME, HEAVY),
        ("import logreg_tui.tui.cli.main", {"torch", "numpy", "plotext", "textual", "rich"}),
    ],
)
def test_an_import_loads_nothing_that_it_must_not(code: str, forbidden: set[str]) -> None:
    show = f"{code}\nimport sys; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True)
    assert set(result.stdout.split()) & forbidden == set()


def test_help_loads_nothing_slow() -> None:
    # Compared with before: how a package is installed decides what the interpreter itself loads.
    result = subprocess.run([sys.executable, "-c", ALL_HELP], capture_output=True, text=True, check=True)
    loaded = set(result.stdout.split())
    assert "argparse" in loaded
    assert loaded & SLOW == set()
