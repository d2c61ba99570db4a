"""The line of progress: figures, and a bar as long as there is room for; the line of a GPU's engine."""

from __future__ import annotations

from dataclasses import replace

import pytest
from helpers.records import SETTINGS, experiment_started, row

from logreg_tui.core.goals import parse_goal
from logreg_tui.core.training import events
from logreg_tui.core.training.history import History
from logreg_tui.tui.text.exit_summary import final_table
from logreg_tui.tui.text.training_log import Reporter, progress_line

PARTS = ("epoch 4,120 of 10,000", "loss 1.5470", "accuracy 0.9060", "4 min left", "1,400 epochs/s")


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (119, "[########............] " + "  ".join(PARTS)),
        (79, "[#####........] " + "  ".join(PARTS[:4])),
        (60, "[##....] " + "  ".join(PARTS[:3])),
        (25, "[.] epoch 4,120 of 10,000"),
    ],
)
def test_the_last_figures_give_way_to_the_bar(width: int, line: str) -> None:
    assert progress_line(PARTS, 0.412, width) == line
    assert len(line) <= width


def test_the_choice_of_the_engine_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    engine = "engine graph: 104 us an epoch; the fused kernel was left out: \x1b[2J"
    for text in (None, engine):
        Reporter(History()).report(experiment_started(engine=text))
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if line.startswith("engine")] == [engine.replace("\x1b", "\\x1b")]


def test_what_goes_on_does_not_print_again_what_was_before(capsys: pytest.CaptureFixture[str]) -> None:
    history = History()
    reporter = Reporter(history, resumes=True)
    for event in (
        experiment_started(), events.RunStarted(0, 1, SETTINGS, 5000), row(1, 0, is_report=True),
        row(1, 1000, is_report=True), events.RunStarted(1000, 2, SETTINGS, 5000),
        events.RunDiverged(1200, 2, 200, "train_loss is nan"), events.ExperimentLeft(1500, "detached"),
        events.ExperimentResumed(1500, "host", 7), row(1, 2000, is_report=True),
    ):  # fmt: skip
        history.apply(event)
        reporter.report(event)
    out, err = capsys.readouterr()
    assert [line.split()[1] for line in out.splitlines()] == ["2,000"]
    assert err.splitlines()[-1] == "goes on at epoch 1,500"
    assert "mnist" in err
    assert "diverged" not in err


def test_a_request_that_is_refused_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    Reporter(History()).report(events.RequestRefused(5, "no run goes on to epoch 10"))
    assert capsys.readouterr().err == "notice: no run goes on to epoch 10\n"


def test_a_goal_that_ends_a_run_is_a_line_of_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    history = History()
    reporter = Reporter(history)
    settings = replace(SETTINGS, stop_at=parse_goal("test_loss < 5"), patience=20)
    for event in (
        experiment_started(), events.RunStarted(0, 1, settings, 50), row(1, 0, is_report=True),
        events.RunStarted(0, 2, settings, 50), events.RunEnded(0, 1, 0, "reached"),
        events.RunEnded(20, 2, 20, "no longer better"), events.RunStarted(20, 3, settings, 50),
        events.RunEnded(20, 3, 50, "finished"),
    ):  # fmt: skip
        history.apply(event)
        reporter.report(event)
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if line.startswith("run ")] == [
        "run 1 ends at epoch 0: reached test_loss < 5.0",
        "run 2 ends at epoch 20: no longer better in 20 log points",
    ]
    assert [line.split()[-1] for line in final_table(history).splitlines()[1:3]] == ["reached", "better"]
