"""Paths that lead nowhere: whatever the option is, one line says so."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.experiments import SIGMOID, make_experiment

from logreg_tui.tui.cli.main import main

COMMANDS = (
    "runs --runs-dir {0}",
    "stop {0}",
    "resume --no-screen {0}",
    "repeat {0}",
    "plot {0}",
    "plot runs/a -o {0}.svg",
    "compare runs/a {0}",
    "export {0} -o rows.csv",
    "export runs/a -o {0}",
    "export runs/a -o {0} --format jsonl",
    "export runs/a -o {0} --format tensorboard",
    "report {0} -o report.md",
    "report runs/a -o {0}.md",
    "predict {0} seven.png",
    "predict {0}",
    "predict runs/a {0}",
    "train --dataset {0}",
    "train --dataset digits --runs-dir {0}",
    "train --dataset mnist --data-dir {0}",
    "train --dataset iris.csv --label species --test {0}.csv",
)


def of_too_long_a_name(folder: Path) -> str:
    return "x" * 300


def of_too_many_folders(folder: Path) -> str:
    return "/".join(["x" * 200] * 30)


def behind_a_loop_of_links(folder: Path) -> str:
    (folder / "loop").symlink_to("loop")
    return "loop/x"


def behind_a_file(folder: Path) -> str:
    (folder / "file").touch()
    return "file/x"


def in_a_closed_folder(folder: Path) -> str:
    (folder / "closed").mkdir(mode=0)
    if os.access(folder / "closed", os.X_OK):
        pytest.skip("root may read every folder")
    return "closed/x"


PATHS = (
    of_too_long_a_name,
    of_too_many_folders,
    behind_a_loop_of_links,
    behind_a_file,
    in_a_closed_folder,
)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.__name__)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_path_that_leads_nowhere_is_refused_in_one_line(
    command: str,
    path: Callable[[Path], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    make_experiment(tmp_path / "runs" / "a", [SIGMOID])
    (tmp_path / "iris.csv").write_text("width,species\n" + "1,a\n2,b\n" * 5)
    named = path(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert main(command.format(named).split()) in (1, 2)
    *_, line = capsys.readouterr().err.splitlines()
    assert line.startswith("logreg-tui: ")
    assert "unexpected" not in line
    assert sorted(tmp_path.rglob("*")) == before


def test_a_character_that_no_path_has_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "--runs-dir", "a\0b"]) == 2
    assert "no path has the character NUL" in capsys.readouterr().err
