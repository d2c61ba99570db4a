"""README and docs say what exists, and what exists is said there: commands, options, columns, keys, events.

Their examples are parsed or run, their links and the paths of code they name lead somewhere.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from textual.binding import Binding
from textual.dom import DOMNode

import logreg_tui.core
import logreg_tui.tui
from logreg_tui.core.analysis.comparison_columns import FIELDS
from logreg_tui.core.data.dataset import load_dataset
from logreg_tui.core.experiment.event_log import NAMES, RECORD_NAMES
from logreg_tui.core.experiment.metrics import CSV_COLUMNS
from logreg_tui.tui.actions import ACTIONS
from logreg_tui.tui.cli.main import app_parser
from logreg_tui.tui.cli.parser import COMMANDS, Parser, parser_of

ROOT = Path(__file__).parents[1]
DOCS = {path: path.read_text() for path in (ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")))}
README, REFERENCE, FIGURES, DATA = (
    DOCS[ROOT / name] for name in ("README.md", "docs/reference.md", "docs/figures.md", "docs/data.md")
)
MOST_LINES = 190
"""Of the README: more is not read."""
CODE = re.compile(r"`([^`]+)`")
OPTION = re.compile(r"(?<![\w-])--?[a-z][a-z0-9-]*")
LINK = re.compile(r"\]\(([^)\s]+)\)")
PATH = re.compile(r"(?:core|tui|tests)/[\w/.]*")
OF_OTHERS = frozenset(
    (
        "torchrun",
        "srun",
        "sbatch",
        "pip",
        "pipx",
        "uv",
        "python3",
        "python",
        "ssh",
        "scp",
        "tmux",
        "set",
        "apt",
    )
    + ("set-environment", "systemd-run", "tensorboard", "mypy")
)
"""Programs and commands whose options stand there too."""
UNFINISHED = re.compile(r"[][|]|\.\.\.|COMMAND")
"""Marks of a line that shows a form and is no example."""
STAND_INS = {"N": "1", "SHELL": "bash"}
OF_TEXTUAL = frozenset(("tab", "shift+tab", "ctrl+p", "ctrl+q", "ctrl+c"))
IN_DIALOGS = "logreg_tui.tui.screens.dialog", "logreg_tui.tui.screens.new_run", "logreg_tui.tui.screens.help"
"""Their keys stand on the dialogs themselves."""
SHOWN = {
    "equals_sign": "=",
    "slash": "/",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "comma": ",",
    "full_stop": ".",
}


def section(document: str, title: str) -> str:
    """Return the text below a heading, up to the next one of its level or above."""
    found = re.search(
        rf"^(#+) {re.escape(title)}$(.*?)(?=^#{{1,2}} |^\1 |\Z)", document, re.DOTALL | re.MULTILINE
    )
    assert found, title
    return found[2]


def table(text: str, head: str) -> list[list[str]]:
    """Return the cells of the first table whose first title is `head`."""
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith(f"| {head} |"):
            next(lines)
            break
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    assert rows, head
    return rows


def parsers() -> dict[str, Parser]:
    """Return the parsers of the app, under an empty name, and of all commands."""
    return {"": app_parser(), **{name: parser_of(name) for name in COMMANDS}}


def options_of(parser: Parser) -> set[str]:
    """Return the options of a parser, without -h."""
    return {option for option in parser._option_string_actions if option not in ("-h", "--help")}


def lines_of_code() -> Iterator[str]:
    """Yield spans and lines of code of all documents."""
    for document in DOCS.values():
        for part, text in enumerate(document.split("```")):
            yield from map(str.strip, text.splitlines()[1:]) if part % 2 else CODE.findall(text)


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= MOST_LINES


def anchors(document: str) -> set[str]:
    """Return the anchors of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", document, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(path: Path) -> None:
    for link in LINK.findall(DOCS[path]):
        if "://" not in link:
            name, _, anchor = link.partition("#")
            target = (path.parent / name).resolve() if name else path
            assert target.exists(), link
            assert not anchor or anchor in anchors(target.read_text()), link


def test_every_document_is_linked_from_the_readme() -> None:
    linked = {(ROOT / link.partition("#")[0]).resolve() for link in LINK.findall(README)}
    assert set(DOCS) - linked == {ROOT / "README.md"}


def test_the_map_has_every_package() -> None:
    text = section(DOCS[ROOT / "docs/contributing.md"], "The map").split("```")[1]
    inside = [*pkgutil.walk_packages(logreg_tui.core.__path__, "logreg_tui.core.")]
    inside += pkgutil.walk_packages(logreg_tui.tui.__path__, "logreg_tui.tui.")
    folders = {module.name.rpartition(".")[2] for module in inside if module.ispkg}
    assert set(re.findall(r"(\w+)/", text)) == folders | {"core", "tui", "tests", "e2e", "gpu", "helpers"}


def test_every_path_of_the_code_that_the_documents_name_exists() -> None:
    named = {word for line in lines_of_code() for word in line.split() if PATH.fullmatch(word)}
    assert len(named) > 20
    assert {word for word in named if not (ROOT / word).exists()} == set()


@pytest.mark.parametrize("document", [README, REFERENCE], ids=["README", "reference"])
def test_every_command_is_in_the_tables_and_no_other(document: str) -> None:
    named = re.findall(r"^\| `logreg-tui ([a-z]+)\b", section(document, "Commands"), re.MULTILINE)
    assert sorted(named) == sorted(COMMANDS)


def test_every_option_of_training_is_in_the_table_and_no_other() -> None:
    rows = table(section(REFERENCE, "Commands"), "option")
    told = {option for row in rows for option in OPTION.findall(row[0])}
    assert told | {"--version"} == options_of(app_parser())


def test_every_other_option_stands_with_its_command() -> None:
    of_the_app = options_of(app_parser())
    rows = table(section(REFERENCE, "Commands"), "command")
    of_commands = [(re.match(r"`logreg-tui ([a-z]+)", row[0]), row[0]) for row in rows]
    told = {match[1]: set(OPTION.findall(text)) for match, text in of_commands if match}
    for name in COMMANDS:
        missing = options_of(parser_of(name)) - of_the_app - told[name]
        assert {option for option in missing if option != "--output"} == set(), name


def test_every_option_that_the_documents_name_exists() -> None:
    known = {option for parser in parsers().values() for option in parser._option_string_actions}
    for line in lines_of_code():
        if OF_OTHERS.isdisjoint(re.split(r"[\s/]+", line)):
            assert set(OPTION.findall(line)) <= known, line


def test_every_command_line_of_the_documents_is_one_that_the_parser_takes() -> None:
    taken = [
        line for line in lines_of_code() if line.startswith("logreg-tui ") and not UNFINISHED.search(line)
    ]
    assert len(taken) > 10
    for line in taken:
        words = shlex.split(re.split(" > | && ", line)[0].rstrip(")"))[1:]
        name = words.pop(0) if words[0] in COMMANDS else ""
        with suppress(SystemExit):
            parsers()[name].parse_args([STAND_INS.get(word, word) for word in words])


def test_the_columns_of_the_rows_stand_there_in_their_order() -> None:
    rows = table(section(REFERENCE, "Files"), "column")
    assert [name for row in rows for name in CODE.findall(row[0])] == list(in_pairs())


def in_pairs() -> Iterator[str]:
    """Yield the columns in the order of the reference, which tells of train and test together."""
    assert CSV_COLUMNS[6:] == ("train_loss", "l2_penalty", "test_loss", "train_accuracy", "test_accuracy")
    yield from CSV_COLUMNS[:6]
    yield from ("train_loss", "test_loss", "l2_penalty", "train_accuracy", "test_accuracy")


def test_the_columns_of_the_comparison_stand_there() -> None:
    rows = table(section(FIGURES, "compare"), "key")
    told = [name for row in rows for name in CODE.findall(row[0])]
    deviations = {name for name in FIELDS if name.endswith("_sd")}
    assert set(told) == set(FIELDS) - deviations
    assert len(told) == len(set(told))
    assert all(name.removesuffix("_sd") in told for name in deviations)


def test_every_event_stands_there_with_its_fields() -> None:
    rows = table(section(REFERENCE, "Files"), "event")
    told = {CODE.findall(row[0])[0]: set(CODE.findall(row[1])) for row in rows}
    others = {"step", *NAMES}
    exist = {name: {field.name for field in fields(kind)} - others for kind, name in RECORD_NAMES.items()}
    assert told == exist


def test_every_key_stands_there_and_does_something() -> None:
    text = section(REFERENCE, "Keys")
    rows = [*table(text, "key"), *table(text, "in")]
    told = {key for row in rows for key in CODE.findall(row[0] if "`" in row[0] else row[1])}
    assert told == {action.key for action in ACTIONS} | set(bound_keys()) | OF_TEXTUAL
    ten = table(section(README, "Ten keys"), "key")
    assert len(ten) == 10
    assert {key for row in ten for key in CODE.findall(row[0])} < told


def bound_keys() -> Iterator[str]:
    """Yield the keys of all widgets and screens of ours, as the user knows them."""
    for module in pkgutil.walk_packages(logreg_tui.tui.__path__, "logreg_tui.tui."):
        if module.name.startswith(IN_DIALOGS) or "__main__" in module.name:
            continue
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, type) and issubclass(value, DOMNode) and value.__module__ == module.name:
                for binding in vars(value).get("BINDINGS", ()):
                    assert isinstance(binding, Binding)
                    yield from (SHOWN.get(key, key) for key in binding.key.split(","))


def python_code(document: str, after: str) -> str:
    """Return the first block of Python behind a text."""
    found = re.search(r"```python\n(.*?)```", document[document.index(after) :], re.DOTALL)
    assert found
    return found[1]


def test_the_weights_load_as_the_documents_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = python_code(FIGURES, "into PyTorch")
    assert len(code.splitlines()) <= 5
    path = re.search(r'"(runs/[^"]+)/model-1\.safetensors"', code)
    assert path
    directory = tmp_path / path[1]
    directory.mkdir(parents=True)
    weight = np.arange(7840, dtype=np.float32).reshape(10, 784)
    save_file({"weight": weight, "bias": np.ones(10, np.float32)}, directory / "model-1.safetensors")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(code, names)
    linear = names["linear"]
    assert isinstance(linear, torch.nn.Linear)
    assert np.array_equal(linear.weight.detach().numpy(), weight)


def test_the_rows_load_as_the_documents_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = python_code(FIGURES, "into pandas")
    assert len(code.splitlines()) <= 4
    path = re.search(r'"(runs/[^"]+)/metrics\.csv"', code)
    assert path
    directory = tmp_path / path[1]
    directory.mkdir(parents=True)
    rows = (
        "1,0,0.0,sigmoid,0.001,0.01,2.3,0.01,2.31,0.1,0.11\n1,10,0.5,sigmoid,0.001,0.01,nan,0.01,inf,0.1,\n"
    )
    (directory / "metrics.csv").write_text(",".join(CSV_COLUMNS) + "\n" + rows)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(code, names)
    frame = names["rows"]
    assert list(frame.columns) == list(CSV_COLUMNS)  # type: ignore[attr-defined]
    assert frame["test_loss"].dtype == np.float64  # type: ignore[attr-defined]


def test_a_folder_saved_as_the_documents_say_is_a_dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = python_code(DATA, "larger than memory")
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    inputs, labels = np.arange(24, dtype=np.float32).reshape(6, 4), np.arange(6) % 3
    for split in ("train", "test"):
        exec(code.replace("train", split), {"np": np, f"X_{split}": inputs, f"y_{split}": labels})
    dataset = load_dataset("mine", None, "raw", lambda text: None, lambda: False)
    assert dataset.classes == 3
    assert np.array_equal(dataset.test_labels, labels)
