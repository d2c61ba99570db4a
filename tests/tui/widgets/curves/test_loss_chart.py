"""The loss chart in an app."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from helpers.app import colors_of, text_of, turn_wheel, wait_until
from helpers.experiments import write_experiment
from helpers.records import row
from test_chart import decay, history
from textual import events
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.strip import Strip

from logreg_tui.core.settings import ExperimentSettings
from logreg_tui.core.training.history import History
from logreg_tui.tui.theme import ASCII, UNICODE
from logreg_tui.tui.widgets import panel
from logreg_tui.tui.widgets.curves.panel import LossChart
from logreg_tui.tui.widgets.curves.window import ALL, Window


class ChartApp(App[None]):
    CSS = "LossChart { background: $surface; }"

    def __init__(self, *, ascii_only: bool = False) -> None:
        super().__init__()
        self.chart = LossChart(glyphs=ASCII if ascii_only else UNICODE, id="chart")

    def compose(self) -> ComposeResult:
        yield self.chart

    def text(self) -> str:
        return text_of(self)

    def colors(self) -> set[str]:
        return colors_of(self)

    def backgrounds(self) -> set[str]:
        return colors_of(self, "bgcolor")


@pytest.fixture
def data() -> History:
    return history([decay(), decay(100)])


async def test_a_history_drawn_is_on_the_screen(data: History) -> None:
    app = ChartApp()
    async with app.run_test(size=(88, 22)) as pilot:
        app.chart.draw(data, 1)
        await pilot.pause()
        assert "1 sigmoid train 1.5470" in app.text()
        assert app.chart.last_draw_s > 0


async def test_the_painter_rests_after_slow_drawings_but_not_after_a_slow_one(
    data: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = ChartApp()
    async with app.run_test(size=(88, 22)) as pilot:
        for _ in range(2):
            app.chart.draw(data, 1)
        await pilot.pause()
        lines = LossChart.lines

        now = 0.0

        def slow_lines(self: LossChart, width: int, height: int) -> Sequence[Strip]:
            nonlocal now
            now += 1000.0
            return lines(self, width, height)

        monkeypatch.setattr(LossChart, "lines", slow_lines)
        monkeypatch.setattr(panel, "perf_counter", lambda: now)
        app.chart.draw(data, 1)
        assert app.chart.last_draw_s < 1000, "the first one loads modules"
        app.chart.draw(data, 1)
        assert app.chart.last_draw_s == 1000


@pytest.mark.parametrize("empty", [History(), history([[]])])
async def test_an_empty_history_waits(empty: History) -> None:
    app = ChartApp()
    async with app.run_test(size=(88, 22)) as pilot:
        app.chart.draw(empty, None)
        await pilot.pause()
        assert "waiting for the first row" in app.text()
        assert app.chart.plot is None


async def test_before_there_is_a_history_the_chart_says_what_is_being_prepared(data: History) -> None:
    app = ChartApp()
    async with app.run_test(size=(88, 22)) as pilot:
        app.chart.show_note("Loading PyTorch")
        await pilot.pause()
        assert app.text().splitlines()[10].strip() == "Loading PyTorch"
        app.chart.draw(data, 1)
        app.chart.show_note("Loading PyTorch")
        await pilot.pause()
        assert "Loading PyTorch" not in app.text()


async def test_a_legend_that_is_kept_learns_of_runs_that_had_no_row(data: History) -> None:
    app = ChartApp()
    async with app.run_test(size=(88, 22)) as pilot:
        app.chart.draw(history([decay()]), 1)
        app.chart.draw(data, 1, keeps_legend=True)
        await pilot.pause()
        assert "2 sigmoid train 1.5524" in app.text()
        assert "nan" not in app.text()


async def test_a_history_drawn_before_the_first_layout_appears_with_it(data: History) -> None:
    app = ChartApp()
    app.chart.draw(data, 1)
    async with app.run_test(size=(88, 22)) as pilot:
        await pilot.pause()
        assert "Loss Comparison" in app.text()


async def test_a_resize_redraws_at_the_new_size(data: History) -> None:
    app = ChartApp()
    async with app.run_test(size=(88, 22)) as pilot:
        app.chart.draw(data, 1)
        await pilot.resize_terminal(150, 40)
        await pilot.pause()
        lines = app.text().split("\n")
        assert len(lines[-2].rstrip()) == 150
        assert "Epochs" in lines[-1]


async def test_log_axes_redraw_the_last_history(data: History) -> None:
    app = ChartApp()
    async with app.run_test(size=(88, 22)) as pilot:
        app.chart.draw(data, 1)
        await pilot.pause()
        linear = app.text()
        app.chart.log_x = True
        await pilot.pause()
        assert app.text() != linear
        app.chart.log_x = False
        app.chart.log_y = True
        await pilot.pause()
        assert app.text() != linear


async def test_another_theme_brings_its_own_colours(data: History) -> None:
    app = ChartApp()
    async with app.run_test(size=(88, 22)) as pilot:
        app.theme = "textual-dark"
        app.chart.draw(data, 1)
        await pilot.pause()
        assert "rgb(86,180,233)" in app.colors()
        app.theme = "textual-light"
        await pilot.pause()
        await pilot.pause()
        assert "rgb(86,180,233)" not in app.colors()
        assert "rgb(0,98,168)" in app.colors()
        assert len(app.backgrounds()) == 1


async def test_terminal_themes_are_drawn_too(data: History) -> None:
    app = ChartApp()
    async with app.run_test(size=(88, 22)) as pilot:
        app.theme = "textual-ansi" if "textual-ansi" in app.available_themes else "ansi-dark"
        app.chart.draw(data, 1)
        await pilot.pause()
        assert "Loss Comparison" in app.text()


async def test_ascii_reaches_the_screen(data: History) -> None:
    app = ChartApp(ascii_only=True)
    async with app.run_test(size=(88, 22)) as pilot:
        app.chart.draw(data, 1)
        await pilot.pause()
        assert app.text().isascii()


async def test_no_colour_draws_marks(data: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = ChartApp()
    async with app.run_test(size=(88, 22)) as pilot:
        app.chart.draw(data, 1)
        await pilot.pause()
        assert "━2━" in app.text()


@asynccontextmanager
async def drawn(data: History, *, ascii_only: bool = False) -> AsyncIterator[tuple[ChartApp, Pilot[None]]]:
    app = ChartApp(ascii_only=ascii_only)
    async with app.run_test(size=(88, 22)) as pilot:
        app.chart.draw(data, 1)
        app.chart.focus()
        await pilot.pause()
        yield app, pilot


async def test_choices_redraw_by_themselves(data: History) -> None:
    async with drawn(data) as (app, pilot):
        for choose, text in (
            (app.chart.toggle_metric, "Accuracy Comparison"),
            (app.chart.toggle_clock, "Seconds"),
            (app.chart.cycle_smoothing, "smoothed 0.6"),
            (partial(app.chart.zoom, 1), "last half"),
        ):
            choose()
            await pilot.pause()
            assert text in app.text()
        for _ in range(3):
            app.chart.cycle_smoothing()
        app.chart.zoom(-1)
        assert (app.chart.smoothing, app.chart.window) == (0.0, ALL)


async def test_arrows_read_values_off_and_escape_from_them_is_known(data: History) -> None:
    async with drawn(data) as (app, pilot):
        await pilot.press("left")
        assert app.chart.cursor == 1990
        await pilot.press("left", "shift+left")
        assert app.chart.cursor == 1880
        await pilot.press("home", "right")
        assert app.chart.cursor == 10
        await pilot.press("end")
        assert app.chart.cursor == 1990
        await pilot.pause()
        assert "At epoch 1,990" in app.text()
        assert app.chart.leave_cursor()
        await pilot.pause()
        assert "At epoch" not in app.text()
        assert not app.chart.leave_cursor()


async def test_another_run_is_read_off_at_its_nearest_row(data: History) -> None:
    async with drawn(data) as (app, _):
        app.chart.action_move_cursor(0)
        app.chart.draw(data, 2)
        assert app.chart.cursor == 990


async def test_with_the_cursor_the_window_narrows_around_it(data: History) -> None:
    async with drawn(data) as (app, pilot):
        app.chart.action_move_cursor(0)
        app.chart.action_move_cursor(-100)
        app.chart.zoom(1)
        low, high = app.chart.window.limits or (0, 0)
        assert low < 990 < high
        await pilot.press("home")
        assert app.chart.window.limits is not None
        assert app.chart.window.limits[0] == pytest.approx(0, abs=high - low)


def over(app: ChartApp, epoch: float) -> tuple[int, int]:
    """Return the cell of the widget where an epoch is, in the middle of the plot."""
    plot = app.chart.plot
    assert plot is not None
    return plot.column(epoch) or 0, plot.top + plot.rows // 2


async def test_the_wheel_zooms_at_the_pointer(data: History) -> None:
    async with drawn(data) as (app, pilot):
        x, y = over(app, 500)
        await turn_wheel(pilot, app.chart, events.MouseScrollUp, (x, y))
        low, high = app.chart.window.limits or (0, 0)
        assert 0 < low < 500 < high < 2000
        await pilot.pause()
        assert abs(over(app, 500)[0] - x) <= 1
        for _ in range(3):
            await turn_wheel(pilot, app.chart, events.MouseScrollDown, (x, y))
        assert app.chart.window == ALL


async def test_dragging_moves_the_window_and_a_click_reads_values_off(data: History) -> None:
    async with drawn(data) as (app, pilot):
        app.chart.window = Window(limits=(500, 1000))
        await pilot.pause()
        x, y = over(app, 750)
        await pilot.mouse_down(app.chart, (x, y))
        await pilot.hover(app.chart, (x + 10, y))
        await pilot.mouse_up(app.chart, (x + 10, y))
        low, high = app.chart.window.limits or (0, 0)
        assert low < 500
        assert high - low == pytest.approx(500)
        assert app.chart.cursor is None
        await pilot.pause()
        x, y = over(app, 800)
        await pilot.mouse_down(app.chart, (x, y))
        await pilot.mouse_up(app.chart, (x, y))
        assert app.chart.cursor == pytest.approx(800, abs=10)


async def test_earlier_experiments_come_and_go(data: History, tmp_path: Path) -> None:
    for name in ("20261122T184530-sigmoid", "20261122T200000-sigmoid"):
        rows = [row(1, epoch, test_loss=1.75) for epoch in range(0, 900, 100)]
        write_experiment(tmp_path / name, ExperimentSettings(), rows)
    assert data.experiment is not None
    data.experiment = replace(data.experiment, directory=str(tmp_path / "20261122T200000-sigmoid"))
    async with drawn(data) as (app, pilot):
        app.chart.toggle_earlier()
        await wait_until(pilot, lambda: app.chart.earlier)
        await pilot.pause()
        assert "1122-1845 sigmoid 1 1.7500" in app.text()
        app.chart.toggle_earlier()
        await pilot.pause()
        assert "1122-1845" not in app.text()


def test_the_signature_differs_where_the_picture_does(data: History) -> None:
    chart = LossChart()
    before = chart.signature(data, 1)
    assert before == chart.signature(data, 1)
    assert before != chart.signature(data, 2)
    data.runs[1].status = "ended"
    assert before != chart.signature(data, 1)
