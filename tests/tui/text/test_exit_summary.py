"""The table at the end of a training fits the terminal."""

from __future__ import annotations

from dataclasses import replace

import pytest
from helpers.records import history_of, row

from logreg_tui.core.settings import RunSettings, Schedule, grid
from logreg_tui.core.training.history import History
from logreg_tui.tui.text.exit_summary import TABLE_HEADER, exit_summary, final_table

RUNS = grid(["sigmoid", "logits"], [0.001], [0.01], [0, 1], Schedule())


def history() -> History:
    rows = [row(number, 10_000, run, train_loss=23.202051) for number, run in enumerate(RUNS, 1)]
    return history_of(*rows, runs=RUNS)


@pytest.mark.parametrize("width", [60, 80, 100])
def test_it_fits_and_says_what_is_left_out(width: int) -> None:
    *table, left_out = final_table(history(), width).splitlines()
    assert max(map(len, table)) <= width
    header = table[0]
    assert all(name in header for name in ("run", "head", "epoch", "test acc", "state"))
    missing = left_out.removeprefix("(no room here for: ").removesuffix(")").split(", ")
    assert missing[0] == "lr"
    without = [name for name in TABLE_HEADER if name not in header]
    # Plain gradient descent is not said.
    assert without == sorted([*missing, "optimizer"], key=TABLE_HEADER.index)


def test_settings_in_which_the_runs_differ_stay_longer_than_those_they_share() -> None:
    header = final_table(history(), 80).splitlines()[0]
    assert "seed" in header
    same = history_of(*[row(run, 10, each) for run, each in enumerate(RUNS[::2], 1)], runs=RUNS[::2])
    assert "seed" not in final_table(same, 80).splitlines()[0]


def test_it_is_whole_where_there_is_no_terminal() -> None:
    assert final_table(history()).splitlines()[0].split("  ")[0] == "run"
    assert "no room" not in exit_summary(history())


def test_one_row_is_no_rows() -> None:
    one = history_of(row(), runs=(replace(RunSettings()),))
    assert "1 row in /nowhere/runs/now/metrics.csv" in exit_summary(one)
