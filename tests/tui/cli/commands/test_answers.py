"""Commands whose answer is text on stdout, read by a program that may stop reading."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from logreg_tui.tui.cli import main as cli


@pytest.mark.parametrize(
    "words",
    [["runs", "--runs-dir", "."], ["completion", "bash"], ["--version"], ["--help"], ["plot", "--help"]],
)
def test_a_reader_that_has_gone_ends_a_command_silently_as_sigpipe_does(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w", encoding="utf-8") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        assert cli.main(words) == 141
    assert capsys.readouterr().err == ""


def test_a_full_disk_is_an_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no device that is always full")
    with open("/dev/full", "w", encoding="utf-8", buffering=1) as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        assert cli.main(["completion", "bash"]) == 1
        monkeypatch.undo()
        with open(os.devnull, "w") as null:
            os.dup2(null.fileno(), stdout.fileno())
    assert "No space left" in capsys.readouterr().err
