"""The command `predict`: what it prints for pictures, and what it says of those it cannot use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.drawn import drawn
from helpers.experiments import make_ended
from PIL import Image

from logreg_tui.core.predict.picture_file import read_picture
from logreg_tui.core.predict.preprocessing import DIGITS
from logreg_tui.core.training.snapshots import ParametersSnapshot
from logreg_tui.tui.cli.main import main
from logreg_tui.tui.text.prediction_text import prediction_lines, sigmoid_note


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A run that knows a 7 from a 1 among eight classes that nothing speaks for, with both heads."""
    seven, one = (sample(tmp_path / "drawn.png", digit) for digit in (7, 1))
    weight = np.full((10, 64), -1.0)
    weight[7], weight[1] = (seven - one).ravel(), (one - seven).ravel()
    return make_ended(tmp_path / "experiment", [weight, weight], heads=["sigmoid", "logits"])


def sample(path: Path, digit: int) -> np.ndarray:
    drawn(digit).save(path)
    return DIGITS.apply(read_picture(path))


@pytest.fixture
def seven(tmp_path: Path) -> str:
    drawn(7).save(tmp_path / "seven.png")
    return str(tmp_path / "seven.png")


Printed = pytest.CaptureFixture[str]


def test_the_picture_and_a_bar_for_each_class_are_shown(directory: Path, seven: str, capsys: Printed) -> None:
    assert main(["predict", str(directory), seven, "--run", "2"]) == 0
    name, *lines = capsys.readouterr().out.splitlines()
    assert name == seven
    assert "run 2  logits: 7" in lines[0]
    assert "epoch 200" in lines[1]
    bars = [line[30:] for line in lines[2:12]]
    assert [bar.split()[0 if bar[0] == " " else 1] for bar in bars] == list("0123456789")
    assert [bar[0] for bar in bars] == list("       >  ")
    assert abs(sum(float(bar.split()[-2]) for bar in bars) - 100) < 1
    assert bars[7].count("█") > 20
    assert any(character in "".join(line[:28] for line in lines) for character in "%@")


def test_several_digits_in_one_picture_are_told_of(directory: Path, tmp_path: Path, capsys: Printed) -> None:
    both = Image.new("L", (600, 300), 255)
    both.paste(drawn(7, size=(300, 300)))
    both.paste(drawn(1, size=(300, 300)), (300, 0))
    both.save(tmp_path / "71.png")
    assert main(["predict", str(directory), str(tmp_path / "71.png"), "--run", "2"]) == 0
    printed = capsys.readouterr()
    assert "run 2  logits: 7" in printed.out
    (line,) = printed.err.splitlines()
    assert "71.png' shows 2 things apart, of which the largest alone is read" in line


def test_runs_stand_side_by_side_and_a_sigmoid_is_explained(
    directory: Path, seven: str, capsys: Printed
) -> None:
    assert main(["predict", str(directory), seven]) == 0
    out = capsys.readouterr().out
    assert "run 1  sigmoid: 7         run 2  logits: 7" in out
    assert "none of 10 classes\nmore than 23.2 %" in out
    main(["predict", str(directory), seven, "--run", "2"])
    assert "23.2" not in capsys.readouterr().out


def test_good_pictures_are_shown_beside_bad_ones(directory: Path, seven: str, capsys: Printed) -> None:
    Image.new("L", (50, 50), 99).save(directory.parent / "blank\x1b[31m.png")
    bad = str(directory.parent / "blank\x1b[31m.png")
    drawn(1).save(directory.parent / "one.png")
    one = str(directory.parent / "one.png")
    assert main(["predict", str(directory), seven, bad, str(directory), one]) == 1
    out, err = capsys.readouterr()
    assert [line for line in out.splitlines() if line in (seven, one)] == [seven, one]
    assert "logits: 7" in out
    assert "logits: 1" in out
    nothing, folder = err.splitlines()
    assert "shows nothing on its ground" in nothing
    assert "is a folder" in folder
    assert "\x1b" not in out + err


def test_a_picture_that_is_named_twice_is_shown_once(directory: Path, seven: str, capsys: Printed) -> None:
    assert main(["predict", str(directory), seven, seven]) == 0
    assert capsys.readouterr().out.count(seven) == 1


def test_without_any_good_picture_nothing_is_printed(directory: Path, capsys: Printed) -> None:
    assert main(["predict", str(directory), "none.png"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "status", "cause"),
    [
        (["none", "a.png"], 1, "is not an experiment directory"),
        (["DIR", "a.png", "--run", "3"], 2, "has no run 3: choose from 1, 2"),
        (["DIR", "a.png", "--run", "0"], 2, "--run"),
        (["DIR"], 2, "IMAGE"),
    ],
)
def test_what_is_wrong_is_one_line(
    words: list[str], status: int, cause: str, directory: Path, capsys: Printed
) -> None:
    assert main(["predict", *(str(directory) if word == "DIR" else word for word in words)]) == status
    err = capsys.readouterr().err
    assert cause in err
    assert err.count("\n") == 1


def test_with_ascii_every_character_is(directory: Path, tmp_path: Path, capsys: Printed) -> None:
    drawn(7).save(tmp_path / "sept-é.png")
    assert main(["predict", str(directory), str(tmp_path / "sept-é.png"), "--ascii"]) == 0
    out = capsys.readouterr().out
    assert out.isascii()
    assert "sept-\\xe9.png" in out
    assert "####" in out


@pytest.mark.parametrize("columns", [30, 44, 60, 80, 120, 200])
def test_lines_fit_the_terminal(
    columns: int, directory: Path, seven: str, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    main(["predict", str(directory), seven])
    _, *lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= columns
    assert sum(">" in line for line in lines) == 1
    assert any("run 2  logits: 7" in line for line in lines)


def run_of(number: int, head: str = "logits", classes: int = 10) -> ParametersSnapshot:
    return ParametersSnapshot(0, number, 10_000, head, np.zeros((classes, 4)), np.zeros(classes))


def text(runs: list[ParametersSnapshot], probabilities: np.ndarray, width: int = 80) -> str:
    given = {run.run: probabilities for run in runs}
    lines = prediction_lines(
        np.eye(8), {run.run: run for run in runs}, given, width, has_color=False, ascii_only=False
    )
    return "\n".join(line.text for line in lines)


def test_with_colours_two_pixels_stand_in_a_cell() -> None:
    shares = np.zeros((28, 28))
    shares[::2] = 1
    runs = {1: run_of(1)}
    even = {1: np.full(10, 0.1)}
    first, *_ = prediction_lines(shares, runs, even, 80, has_color=True, ascii_only=False)
    assert first.text[:28] == "▀" * 28
    style = next(iter(first)).style
    assert style is not None
    assert style.color != style.bgcolor
    plain, *_ = prediction_lines(shares, runs, even, 80, has_color=False, ascii_only=False)
    assert {segment.style.color for segment in plain if segment.style} == {None}
    assert "▀" not in plain.text


def test_classes_are_told_by_their_names() -> None:
    names = ("T-shirt", "trouser", "a name that is too long", *"defghij")
    runs = {number: run_of(number) for number in range(1, 6)}
    given = dict.fromkeys(runs, np.eye(10)[1])
    lines = prediction_lines(
        np.eye(8), runs, given, 130, has_color=False, ascii_only=False, class_names=names
    )
    shown = "\n".join(line.text for line in lines)
    assert "run 1  logits: trouser" in shown
    assert "> trouser " in shown
    assert "run 5  logits: trouser  100.0 %" in shown
    assert max(line.cell_length for line in lines) <= 130


def test_of_many_runs_the_first_have_bars_and_the_others_a_line() -> None:
    shown = text([run_of(number) for number in range(1, 25)], np.eye(10)[3], 200)
    assert shown.count("> 3 ") == 4
    assert "run 24  logits: 3  100.0 %  epoch 10,000" in shown


def test_of_many_classes_the_likeliest_are_shown() -> None:
    probabilities = np.arange(1, 101) / 5050
    shown = text([run_of(1, classes=100)], probabilities)
    assert "> 99 " in shown
    assert "  80 " in shown
    assert "  79 " not in shown
    assert "and 80 classes less likely" in shown


def test_a_tie_is_told_of() -> None:
    tied = np.array([0, 0.25, 0.25, 0.25, 0.25, 0, 0, 0, 0, 0])
    assert "tie with 2 and 2 more" in text([run_of(1)], tied)
    tied[3:5] = 0, 0.2
    assert "tie with 2" in text([run_of(1)], tied)
    assert " more" not in text([run_of(1)], tied)


def test_the_bar_of_a_sigmoid_is_full_at_the_most_it_can_give() -> None:
    surest = np.exp(np.eye(10)[3]) / (np.e + 9)
    lines = text([run_of(1, "sigmoid")], surest).splitlines()
    assert "█ 23.2 %" in lines[5].replace("   ", " ").replace("  ", " ")
    assert "23.2 %" in sigmoid_note(10, 80)
