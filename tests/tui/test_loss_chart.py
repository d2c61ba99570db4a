"""The loss chart in an app."""

from __future__ import annotations

import pytest
from test_loss_chart_frame import decay, history
from textual.app import App, ComposeResult

from logreg_tui.core.history import History
from logreg_tui.tui.widgets.loss_chart import LossChart


class ChartApp(App[None]):
    CSS = "LossChart { background: $surface; }"

    def __init__(self, *, ascii_only: bool = False) -> None:
        super().__init__()
        self.chart = LossChart(ascii_only=ascii_only, id="chart")

    def compose(self) -> ComposeResult:
        yield self.chart

    def text(self) -> str:
        return "\n".join(strip.text for strip in self.screen._compositor.render_strips())

    def colors(self) -> set[str]:
        strips = self.screen._compositor.render_strips()
        return {str(s.style.color.name) for strip in strips for s in strip if s.style and s.style.color}

    def backgrounds(self) -> set[str]:
        strips = self.screen._compositor.render_strips()
        return {str(s.style.bgcolor.name) for strip in strips for s in strip if s.style and s.style.bgcolor}


@pytest.fixture
def data() -> History:
    return history([decay(), decay(100)])


async def test_a_history_drawn_is_on_the_screen(data: History) -> None:
    app = ChartApp()
    async with app.run_test(size=(88, 22)) as pilot:
        app.chart.draw(data, 1)
        await pilot.pause()
        assert "1 train 1.5470" in app.text()
        assert app.chart.last_draw_s > 0


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
