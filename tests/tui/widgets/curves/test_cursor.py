"""Reading values off the curves."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from test_chart import decay, history

from logreg_tui.tui.widgets.cells import Cells
from logreg_tui.tui.widgets.chart_style import ChartStyle
from logreg_tui.tui.widgets.curves.axes import Plot, span_axis
from logreg_tui.tui.widgets.curves.cursor import (
    draw_table,
    moved,
    read,
    six_decimals,
    table_height,
)
from logreg_tui.tui.widgets.curves.window import EPOCHS, SECONDS


def table(runs: int, width: int, height: int, x: float = 100) -> list[str]:
    data = history([decay(30)] * runs)
    lines = table_height(runs, height)
    cells = Cells(width, lines)
    draw_table(cells, 0, lines, list(data.runs.values()), x, "epochs", ChartStyle())
    return [strip.text.rstrip() for strip in cells.strips()]


def test_the_cursor_begins_at_the_newest_row_and_stays_among_the_rows() -> None:
    run = history([decay(30)]).runs[1]
    assert moved(run, None, -1) == 290
    assert moved(run, 290, -1) == 280
    assert moved(run, 100, 10) == 200
    assert (moved(run, 20, -10), moved(run, 280, 10)) == (0, 290)
    assert moved(run, 104.9) == 100


def test_epochs_and_seconds_lead_to_each_other() -> None:
    run = history([decay(30)]).runs[1]
    axis = span_axis(0, 100, False, 101)
    seconds = Plot(0, 0, 101, 20, axis, axis, 29.0, SECONDS, is_fine=False)
    assert seconds.x_of_epoch(run, 100) == 10
    assert seconds.epoch_at(run, 10) == pytest.approx(100)
    epochs = replace(seconds, clock=EPOCHS)
    assert (epochs.x_of_epoch(run, 105), epochs.epoch_at(run, 35)) == (105, pytest.approx(35))


def test_a_reading_is_the_row_at_the_cursor() -> None:
    run = history([decay(30)]).runs[1]
    reading = read(run, 100, "epochs")
    assert reading is not None
    assert (reading.epoch, reading.train_loss) == (100, decay(30)[10])
    assert reading.loss_gap == pytest.approx(0.1)
    assert reading == read(run, 10, "seconds")


def test_a_run_that_ended_before_has_no_reading() -> None:
    run = history([decay(30)]).runs[1]
    assert read(run, 300, "epochs") is not None
    run.status = "finished"
    assert read(run, 300, "epochs") is None
    assert read(run, 290, "epochs") is not None
    assert read(run, -1, "epochs") is None


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.4612345678, "1.461235"), (22.6012345, "22.60123"), (123456789.0, " 1.2e+08"), (math.nan, "     nan")],
)
def test_losses_have_six_decimals_as_long_as_they_fit(value: float, text: str) -> None:
    assert six_decimals(value) == text


def test_the_table_has_everything_in_eighty_columns() -> None:
    lines = table(2, 90, 25)
    assert lines[0].split() == [
        "run", "epoch", "train", "loss", "test", "loss", "gap", "train", "acc", "test", "acc", "gap",
    ]  # fmt: skip
    assert lines[1].split() == [
        "1",
        "100",
        "2.007963",
        "2.107963",
        "+0.100000",
        "0.9000",
        "0.9000",
        "+0.0000",
    ]


@pytest.mark.parametrize("width", [20, 40, 58, 90, 160])
def test_columns_that_do_not_fit_are_left_out_whole(width: int) -> None:
    titles, first = table(1, width, 25)
    assert len(titles) <= width
    assert len(titles) == len(first) or width < 30


def test_of_many_runs_as_many_as_fit_are_shown_and_the_others_counted() -> None:
    lines = table(24, 90, 25)
    assert len(lines) == 7
    assert lines[-1] == "+19 more"
    assert [line.split()[0] for line in lines[1:-1]] == ["1", "2", "3", "4", "5"]


def test_a_flat_chart_reads_one_run() -> None:
    assert table(3, 58, 8)[0].split()[:3] == ["1", "100", "2.007963"]
