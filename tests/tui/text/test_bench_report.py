"""The output of `bench`: the table of its figures, JSON, and an error where the losses disagree."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from logreg_tui.core.bench.results import (
    Agreement,
    BenchResult,
    Limits,
    LoggedTraining,
    Machine,
    PairedTimes,
    ScreenCost,
    Speed,
    SpeedComparison,
    Spread,
    StartUp,
    Work,
)
from logreg_tui.core.errors import UsageError, UserError
from logreg_tui.tui.cli import launch
from logreg_tui.tui.cli.commands import bench
from logreg_tui.tui.cli.launch import own_command
from logreg_tui.tui.cli.main import run_command
from logreg_tui.tui.text.bench_report import bench_text, figure, spread

WORK = Work(60_000, 784, 10)
LIMITS = Limits(41.0, "sum", 158.0, 2048)


def compared(runs: int, seconds: tuple[float, ...]) -> SpeedComparison:
    """Return a comparison with a plain loop that takes 50 ms per epoch."""
    pairs = PairedTimes((0.5,) * len(seconds), seconds)
    return SpeedComparison(
        Speed.of(pairs.second, 10, runs, WORK, LIMITS),
        Speed.of(pairs.first, 10, 1, WORK, LIMITS),
        pairs.ratio(runs),
    )


RESULT = BenchResult(
    Machine("mnist", "raw", WORK, "cpu, 2 threads", 2, "2.15.0", "engine sparse"),
    LIMITS,
    Agreement(10, 9, 3e-7),
    [compared(1, (0.125, 0.125, 0.25)), compared(8, (0.8, 0.8, 0.8))],
    LoggedTraining.of(PairedTimes((0.6,), (0.15,)), 10, 10, 10),
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0512, "0.0512"),
        (1.0, "1.00"),
        (12.34, "12.3"),
        (99.96, "100"),
        (123.4, "123"),
        (51_234.0, "51,234"),
    ],
)
def test_a_figure_has_three_digits(value: float, text: str) -> None:
    assert figure(value) == text


def test_a_spread_shows_its_quartiles() -> None:
    assert spread(Spread(3.91, 3.8, 4.05, 7), " ms") == "3.91 [3.80, 4.05] ms"


def test_the_plain_loop_and_the_engine_stand_side_by_side() -> None:
    lines = bench_text(RESULT).splitlines()
    (one,) = [line.split() for line in lines if line.startswith("engine") and line.split()[1] == "1"]
    assert one[2:5] == ["12.5", "[12.5,", "18.8]"]
    assert one[-3:] == ["4.00", "[3.00,", "4.00]"]
    (eight,) = [line.split() for line in lines if line.startswith("engine") and line.split()[1] == "8"]
    assert eight[5:8] == ["10.0", "[10.0,", "10.0]"]
    assert eight[-3:] == ["5.00", "[5.00,", "5.00]"]
    assert sum(line.startswith("plain loop") for line in lines) == 2


def test_the_text_names_the_machine_its_limits_and_the_agreement() -> None:
    text = bench_text(RESULT)
    for part in (
        "mnist, 60,000 training samples x 784, 10 classes, raw pixels, on cpu, 2 threads",
        "41.0 GB/s (sum)",
        "2,048 x 2,048 at 158 GFLOP/s",
        "differ by 3.0e-07 at most",
        "they agree",
        "10,000 epochs (extrapolated): 150 s, the plain loop 600 s",
    ):
        assert part in text
    assert max(map(len, text.splitlines())) <= 120


def test_what_was_not_measured_is_not_told() -> None:
    text = bench_text(RESULT)
    assert "screen" not in text
    assert "--help" not in text


def test_the_cost_of_the_screen_and_the_start_are_told_as_ratios() -> None:
    one = Spread.of([100.0])
    text = bench_text(
        replace(
            RESULT,
            screen=ScreenCost(6, (120, 40), one, Spread.of([80.0]), Spread.of([1.25])),
            start_up=[StartUp.of("--help", "import argparse", PairedTimes((0.05,), (0.02,)))],
        )
    )
    assert "1.25 [1.25, 1.25] times as slow" in text
    assert "python -c 'import argparse': 20.0 [20.0, 20.0] ms: 2.50 [2.50, 2.50] times" in text


@pytest.mark.parametrize("width", [80, 120])
def test_the_report_fits_the_terminal(width: int) -> None:
    one = Spread.of([100.0])
    result = replace(
        RESULT,
        screen=ScreenCost(6, (120, 40), one, Spread.of([80.0]), Spread.of([1.25])),
        start_up=[StartUp.of("--help", "import argparse", PairedTimes((0.05,), (0.02,)))],
    )
    lines = bench_text(result, width).splitlines()
    assert max(map(len, lines)) <= width
    header = next(line for line in lines if "ms/epoch" in line and "times as fast" in line)
    assert ("GB/s" in header) == (width == 120)


def measured(monkeypatch: pytest.MonkeyPatch, result: BenchResult) -> None:
    """Let the command take these figures for measured."""
    monkeypatch.setattr(bench, "measure", lambda *arguments: result)


def test_the_command_prints_the_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measured(monkeypatch, RESULT)
    assert run_command("bench", []) == 0
    assert capsys.readouterr().out == bench_text(RESULT) + "\n"


def test_the_command_prints_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    measured(monkeypatch, RESULT)
    assert run_command("bench", ["--format", "json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["contests"][1]["engine"]["ms_per_run"]["median"] == pytest.approx(10)


@pytest.mark.parametrize("form", ["plain", "json"])
def test_losses_that_disagree_are_an_error_behind_the_figures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    measured(monkeypatch, replace(RESULT, agreement=Agreement(10, 9, math.inf)))
    with pytest.raises(UserError, match="disagree"):
        run_command("bench", ["--format", form])
    out = capsys.readouterr().out
    assert "THEY DISAGREE" in out if form == "plain" else json.loads(out)["agreement"]["is_close"] is False


@pytest.mark.parametrize(
    "words", [["--runs", "0"], ["--runs", "2", "2"], ["--pairs", "x"], ["--head", "logits"], ["stray"]]
)
def test_options_that_make_no_sense_are_refused(words: list[str]) -> None:
    with pytest.raises(UsageError):
        run_command("bench", words)


def test_a_program_that_is_not_installed_is_started_as_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "PROGRAM", "no-such-program")
    assert own_command()[1:] == ["-P", "-m", "logreg_tui.tui"]
