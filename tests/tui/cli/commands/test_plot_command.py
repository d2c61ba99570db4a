"""The command `plot`: into files, and into the terminal as text."""

from __future__ import annotations

import io
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from helpers.experiments import write_experiment
from helpers.records import row

from logreg_tui.core.settings import ExperimentSettings, RunSettings, grid
from logreg_tui.core.settings import Schedule as Constant
from logreg_tui.core.training import events
from logreg_tui.tui.cli import main as cli
from logreg_tui.tui.widgets.cells import ink

BOTH = (RunSettings(), RunSettings("logits"))


def written(
    directory: Path, runs: Sequence[RunSettings] = BOTH, happenings: Sequence[events.Event] = ()
) -> Path:
    """Write an experiment with 40 rows per run, a row every 10 epochs."""
    settings = ExperimentSettings(runs=tuple(runs), dataset="mnist", epochs=390)
    rows = [
        row(run, epoch, train_loss=loss, test_loss=loss + 0.1, train_accuracy=0.75, test_accuracy=0.5)
        for run in range(1, len(runs) + 1)
        for epoch in range(0, 400, 10)
        for loss in [1.5 + 0.1 * run + math.exp(-epoch / 100)]
    ]
    return write_experiment(directory, settings, rows, happenings)


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("COLUMNS", "LINES", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return written(tmp_path / "20261122T184530-both")


class Terminal(io.TextIOWrapper):
    """A stdout that says it is a terminal, or not."""

    def __init__(self, encoding: str = "utf-8", *, is_terminal: bool = True) -> None:
        super().__init__(io.BytesIO(), encoding=encoding, write_through=True)
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal

    def text(self) -> str:
        return self.buffer.getvalue().decode(self.encoding)  # type: ignore[attr-defined]


def shown(monkeypatch: pytest.MonkeyPatch, stdout: Terminal, *words: object) -> str:
    """Return what the command prints."""
    monkeypatch.setattr(sys, "stdout", stdout)
    assert cli.main(["plot", *map(str, words)]) == 0
    return stdout.text()


def printed(monkeypatch: pytest.MonkeyPatch, *words: object) -> str:
    """Return what the command prints where stdout is no terminal."""
    return shown(monkeypatch, Terminal(is_terminal=False), *words)


# In the terminal


def test_the_chart_has_title_axes_legend_and_floor(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = printed(monkeypatch, directory)
    expected = ["Loss Comparison", "Loss Value", "Epochs", "1.4612: no sigmoid", "1 sigmoid", "2 logits"]
    assert all(word in text for word in expected)
    assert all(tick in text for tick in ("100", "200", "300", "390", "1.6", "2.0"))


def test_accuracies_can_be_shown_instead(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = printed(monkeypatch, directory, "--metric", "accuracy")
    assert "Accuracy Comparison" in text
    assert "0.7500" in text
    assert "1.4612" not in text


@pytest.mark.parametrize("columns", [15, 40, 80, 133])
def test_no_line_is_longer_than_the_terminal_is_wide(
    directory: Path, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = printed(monkeypatch, directory).splitlines()
    longest = max(map(len, lines))
    assert longest <= columns
    assert longest >= columns - 2 or columns < 20


def test_without_a_terminal_the_chart_has_80_columns_and_no_codes(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "get_terminal_size", _no_terminal)
    text = printed(monkeypatch, directory)
    assert max(map(len, text.splitlines())) == 80
    assert "\x1b" not in text
    assert not any(line != line.rstrip() for line in text.splitlines())


def _no_terminal(*_: object) -> os.terminal_size:
    raise OSError


def test_the_chart_fits_into_the_terminal_with_a_line_for_the_shell(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    for lines, expected in (("50", 36), ("20", 19)):
        monkeypatch.setenv("LINES", lines)
        assert len(shown(monkeypatch, Terminal(), directory).splitlines()) == expected


def test_a_terminal_gets_colours_unless_no_color_is_set(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    # A style remembers the codes of the first terminal that it was written for.
    ink.cache_clear()
    colored = shown(monkeypatch, Terminal(), directory)
    assert "\x1b[38;2;20;125;205m" in colored
    assert "\x1b[38;2;205;115;0m" in colored
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in shown(monkeypatch, Terminal(), directory)
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b" not in shown(monkeypatch, Terminal(), directory)


def test_ascii_sends_nothing_above_the_tilde(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = grid(["sigmoid", "logits"], [0.0, 0.001], [0.01, 0.1], [0, 1, 2], Constant())
    happenings = [
        events.SettingChanged(100, 1, 100, "l2", 0.0, 0.5),
        events.SettingChanged(200, 1, 200, "head", "sigmoid", "logits"),
        events.RunDiverged(300, 2, 300, "train_loss is nan"),
    ]
    other = written(directory.parent / "Füße-名前", many, happenings)
    for directories in ([directory], [other, directory]):
        text = printed(monkeypatch, *directories, "--ascii")
        assert all(" " <= character <= "~" for character in text.replace("\n", ""))


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437"])
def test_an_encoding_without_braille_gets_ascii(
    directory: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    plain = printed(monkeypatch, directory, "--ascii")
    assert shown(monkeypatch, Terminal(encoding, is_terminal=False), directory) == plain


def test_every_one_of_24_runs_is_named(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = grid(["sigmoid", "logits"], [0.0, 0.001], [0.01, 0.1], [0, 1, 2], Constant())
    text = printed(monkeypatch, written(directory.parent / "many", many))
    assert "24 logits, λ 0.001, lr 0.1, seed 2" in text
    assert all(f" {number} " in text for number in range(1, 25))


def test_runs_of_several_experiments_are_numbered_on(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = written(directory.parent / "other", [RunSettings(learning_rate=0.5)])
    text = printed(monkeypatch, directory, other)
    assert all(name in text for name in ("1 sigmoid, lr 0.01", "2 logits, lr 0.01", "3 sigmoid, lr 0.5"))


def test_a_divergence_and_a_turned_knob_are_marked(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    happenings = [
        events.SettingChanged(100, 1, 100, "l2", 0.001, 0.0),
        events.RunDiverged(390, 1, 390, "train_loss is nan"),
    ]
    text = printed(monkeypatch, written(directory.parent / "x", [RunSettings()], happenings))
    assert "λ 0.001 → 0" in text
    assert "diverged: train_loss is nan" in text


def test_a_reader_that_has_gone_ends_it_silently(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w", encoding="utf-8") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        assert cli.main(["plot", str(directory)]) == 141


# Into a file


@pytest.mark.parametrize("name", ["loss.png", "loss.SVG", "loss.pdf"])
def test_a_figure_is_written_and_where_it_is_is_said(
    directory: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    pytest.importorskip("matplotlib")
    target = directory.parent / name
    assert cli.main(["plot", str(directory), "-o", str(target)]) == 0
    assert target.read_bytes()[:5] in (b"\x89PNG\r", b"<?xml", b"%PDF-")
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"2 runs in {target}\n")
    before = target.read_bytes()
    assert cli.main(["plot", str(directory), "-o", str(target)]) == 0
    assert capsys.readouterr().err == f"2 runs in {target}, replacing the file that was there\n"
    assert target.read_bytes() == before


def test_a_minus_is_stdout(directory: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    pytest.importorskip("matplotlib")
    assert cli.main(["plot", str(directory), "-o", "-"]) == 0
    out, err = capfdbinary.readouterr()
    assert out.startswith(b"\x89PNG\r")
    assert err == b"2 runs in stdout\n"


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["-o", "loss.jpg"], 2, "'loss.jpg' is no name of a figure: let it end in .png, .svg or .pdf"),
        (["-o", "a.png", "--ascii"], 2, "--ascii concerns the terminal: leave it out, or leave out -o"),
        (["--metric", "speed"], 2, "invalid choice: 'speed'"),
        (["-o", "{directory}/loss.png"], 1, "lies in an experiment's own directory: choose another place"),
        (["-o", "{directory}/sub/loss.png"], 1, "lies in an experiment's own directory"),
        (["-o", "missing/loss.png"], 1, "cannot write 'missing/loss.png'"),
        (["missing"], 1, "'missing' is not an experiment directory"),
    ],
)
def test_mistakes_are_one_line(
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: Sequence[str],
    status: int,
    message: str,
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(directory.parent)
    before = sorted(directory.iterdir())
    words = [word.format(directory=directory) for word in words]
    assert cli.main(["plot", str(directory), *words]) == status
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert sorted(directory.iterdir()) == before


def test_without_matplotlib_the_terminal_still_works(
    directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert cli.main(["plot", str(directory), "-o", str(directory.parent / "a.png")]) == 1
    expected = "logreg-tui: figures need matplotlib: pip install matplotlib\n"
    assert capsys.readouterr().err == expected
    assert "Loss Comparison" in printed(monkeypatch, directory)
