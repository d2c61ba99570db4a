"""The mini view: what there is room for in a corner of a terminal."""

from __future__ import annotations

import math

import pytest
from helpers.app import lines_of
from helpers.records import history_of, row
from textual.app import App, ComposeResult

from logreg_tui.core.settings import RunSettings
from logreg_tui.core.training.events import RunDiverged
from logreg_tui.core.training.history import History
from logreg_tui.tui.widgets.curves.mini import MiniView

RUNS = [RunSettings(head, l2=l2) for head in ("sigmoid", "logits") for l2 in (0.0, 0.01)]
AXIS = "└"
"""The corner of a chart."""


class MiniApp(App[None]):
    DEFAULT_CSS = "MiniView { width: 100%; height: 100%; }"

    def compose(self) -> ComposeResult:
        yield MiniView()


def four_runs() -> History:
    """Return runs whose test losses are 2.125, 1.625, 1.125 and so on down to 0.625."""
    history = history_of(runs=RUNS)
    for number, settings in enumerate(RUNS, start=1):
        for epoch in range(0, 200, 10):
            loss = 2.5 - 0.5 * number + 1 / (epoch + 1)
            history.apply(row(number, epoch, settings, train_loss=loss))
    return history


async def shown(history: History, size: tuple[int, int]) -> list[str]:
    """Return the lines of the view in a terminal of this size."""
    async with MiniApp().run_test(size=size) as pilot:
        pilot.app.query_one(MiniView).show(history, 2, "training", "50/s 1 min")
        await pilot.pause()
        return lines_of(pilot.app)


@pytest.mark.parametrize(("size", "has_chart"), [((40, 10), True), ((40, 9), False), ((59, 19), True)])
async def test_a_small_chart_stands_under_all_runs_as_soon_as_there_is_room(
    size: tuple[int, int], has_chart: bool
) -> None:
    lines = await shown(four_runs(), size)
    assert lines[0].startswith("training 190/10,000 2% 50/s 1 min")
    starts = ("2 sigmoid λ 0.01", "1 sigmoid λ 0", "3 logits λ 0", "4 logits λ 0.01")
    assert all(start in line for line, start in zip(lines[1:5], starts, strict=True))
    assert any(AXIS in line for line in lines[5:]) == has_chart


async def test_in_a_low_and_wide_terminal_the_chart_stands_beside_the_runs() -> None:
    lines = await shown(four_runs(), (100, 8))
    assert "2 sigmoid λ 0.01" in lines[1]
    assert "Loss Comparison" in lines[1]
    assert any(AXIS in line[36:] for line in lines)


async def test_where_nothing_else_fits_the_selected_run_comes_first() -> None:
    lines = await shown(four_runs(), (40, 3))
    assert [line.strip("▌▸ ")[:9] for line in lines[1:3]] == ["2 sigmoid", "1 sigmoid"]


async def test_before_the_first_row_there_are_names_alone() -> None:
    lines = await shown(history_of(runs=RUNS), (40, 12))
    assert "2 sigmoid λ 0.01" in lines[1]
    assert not any(AXIS in line for line in lines)


@pytest.mark.parametrize("size", [(40, 10), (59, 15), (74, 14)])
async def test_the_figures_of_all_runs_stand_in_columns(size: tuple[int, int]) -> None:
    lines = await shown(four_runs(), size)
    assert len({line.index("0.9000") for line in lines[1:5]}) == 1


async def test_runs_for_which_there_is_no_line_are_counted() -> None:
    assert (await shown(four_runs(), (40, 4)))[0] == "training 190/10,000 2%  +1 more"
    assert (await shown(four_runs(), (30, 3)))[0].endswith("  +2 more")
    assert "more" not in (await shown(four_runs(), (40, 5)))[0]


@pytest.mark.parametrize("width", [12, 40, 59, 74])
async def test_a_diverged_run_has_no_accuracy(width: int) -> None:
    history = four_runs()
    history.apply(row(1, 200, RUNS[0], train_loss=math.nan))
    history.apply(RunDiverged(200, 1, 200, "train_loss is nan"))
    lines = await shown(history, (width, 8))
    line = lines[2][: 36 if width > 70 else width]
    assert line.split("nan")[1].strip() == ""
    assert all("0.9000" in line for line in (lines[1], *lines[3:5]))
