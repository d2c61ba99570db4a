"""Seeds folded into one: which runs belong together, their mean and deviation, and the band in the chart."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.app import strips_of
from helpers.records import history_of, row
from test_loss_chart import ChartApp

from logreg_tui.core.settings import RunSettings, Schedule, grid
from logreg_tui.core.training import events
from logreg_tui.core.training.history import History, RunHistory
from logreg_tui.tui.widgets.cells import ink
from logreg_tui.tui.widgets.curves.seeds import SeedMean, fold_seeds
from logreg_tui.tui.widgets.panel import chart_style_of

RUNS = grid(["sigmoid", "logits"], [0.001], [0.01], [0, 1, 2], Schedule())
LOSSES = {1: 1.0, 2: 1.1, 3: 1.5, 4: 0.5, 5: 0.7, 6: 0.9}


def trained(runs: tuple[RunSettings, ...] = RUNS, *happenings: object) -> History:
    rows = [
        row(number, epoch, settings, train_loss=LOSSES[number] / (1 + epoch / 1000))
        for number, settings in enumerate(runs, 1)
        for epoch in range(0, 1010, 10)
    ]
    return history_of(*rows, *happenings, runs=runs)


def folded(history: History) -> dict[int, list[int]]:
    """Return the numbers of the runs that are known under each number."""
    _, known_as = fold_seeds(history.runs.values())
    groups: dict[int, list[int]] = {}
    for run, number in known_as.items():
        groups.setdefault(number, []).append(run)
    return groups


def test_runs_that_differ_only_in_their_seed_are_one() -> None:
    assert folded(trained()) == {1: [1, 2, 3], 4: [4, 5, 6]}


@pytest.mark.parametrize(
    "happening",
    [
        events.SettingChanged(500, 2, 500, "l2", 0.001, 0.01),
        events.RunDiverged(1000, 2, 1000, "train_loss is nan"),
        events.RunEnded(1000, 2, 1000, "ended"),
    ],
)
def test_a_run_that_went_another_way_stands_alone(happening: events.Event) -> None:
    assert folded(trained(RUNS, happening))[2] == [2]


def test_a_seed_that_comes_again_is_no_other_draw() -> None:
    runs = (RunSettings(), RunSettings(), RunSettings(seed=1))
    assert folded(trained(runs)) == {1: [1, 3], 2: [2]}


def test_mean_and_deviation_are_those_of_the_rows() -> None:
    history = trained()
    # One seed is a row ahead: the mean ends where all have rows.
    history.apply(row(2, 1010, RUNS[1], train_loss=0.1))
    mean = fold_seeds(history.runs.values())[0][0]
    assert isinstance(mean, SeedMean)
    epochs, train, test = mean.columns.read("epoch", "train_loss", "test_loss")
    assert epochs[-1] == 1000
    losses = [history.runs[run].columns.read("train_loss")[0][: len(epochs)] for run in (1, 2, 3)]
    assert np.allclose(train, np.mean(losses, axis=0))
    assert np.allclose(test, train + 0.125)
    assert np.allclose(mean.deviations.read("test_loss")[0], np.std(losses, axis=0, ddof=1))
    assert mean.last is not None
    assert mean.last.test_loss == test[-1]
    assert mean.seeds == 3


def test_without_a_common_row_there_is_no_mean() -> None:
    history = history_of(row(1, 0), row(2, 10), runs=RUNS[:2])
    assert [type(run) for run in fold_seeds(history.runs.values())[0]] == [RunHistory]


async def test_the_chart_shows_a_band_around_the_mean() -> None:
    app = ChartApp()
    async with app.run_test(size=(100, 22)) as pilot:
        app.chart.draw(trained(RUNS[:3]), 2)
        await pilot.pause()
        before = app.text()
        assert "2 train" in before
        app.chart.toggle_folding()
        await pilot.pause()
        assert "mean, sd" in app.text() or "mean of seeds" in app.text()
        assert "2 train" not in app.text()
        # From the mean minus to the mean plus a deviation: a part of the plot is stroked in the dim colour.
        dim = ink(chart_style_of(app.chart).dim_color(1)).color
        assert dim is not None
        segments = [segment for strip in strips_of(app) for segment in strip if segment.style]
        stroked = [each.text for each in segments if each.style and each.style.color == dim]
        assert sum(ord(character) > 0x2800 for character in "".join(stroked)) > 80
        app.chart.toggle_folding()
        await pilot.pause()
        assert app.text() == before


@pytest.mark.parametrize("ascii_only", [False, True])
async def test_a_band_below_zero_and_runs_of_one_row_do_no_harm(ascii_only: bool) -> None:
    app = ChartApp(ascii_only=ascii_only)
    async with app.run_test(size=(100, 24)) as pilot:
        app.chart.toggle_folding()
        app.chart.draw(history_of(row(1, 0, train_loss=0.1), row(2, 0, train_loss=9.0), runs=RUNS[:2]), 1)
        app.chart.log_y = True
        await pilot.pause()
        assert app.text().isascii() == ascii_only


async def test_hidden_runs_are_not_drawn_and_without_any_the_chart_says_why() -> None:
    app = ChartApp()
    async with app.run_test(size=(100, 24)) as pilot:
        app.chart.draw(trained(), 1)
        app.chart.hidden_runs = frozenset({2, 3, 5, 6})
        await pilot.pause()
        assert "1 sigmoid train" in app.text()
        assert "4 logits train" in app.text()
        assert "2 train" not in app.text()
        app.chart.hidden_runs = frozenset(range(1, 7))
        await pilot.pause()
        assert "no run is shown" in app.text()
