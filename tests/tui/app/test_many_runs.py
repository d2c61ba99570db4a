"""Hundreds of runs: what the screen does must not grow with their number."""

from __future__ import annotations

import pytest
from helpers.app import running
from helpers.fake_training import Emit, FakeTraining, More
from textual.geometry import Region
from textual.widget import Widget

from logreg_tui.core.settings import Schedule, grid
from logreg_tui.core.training import events
from logreg_tui.tui.screens.main import MainScreen
from logreg_tui.tui.widgets.compare.panel import ComparePanel
from logreg_tui.tui.widgets.curves.panel import LossChart
from logreg_tui.tui.widgets.runs.run_list import RunList

RUNS = 150


def many_runs() -> FakeTraining:
    rates = [0.001 * 1.01**at for at in range(RUNS)]
    return FakeTraining(runs=grid(["sigmoid"], [0.001], rates, [0], Schedule()))


async def test_hundreds_of_runs_start_in_a_few_paintings(monkeypatch: pytest.MonkeyPatch) -> None:
    paintings: list[int] = []
    paint = MainScreen.paint
    monkeypatch.setattr(MainScreen, "paint", lambda self: paintings.append(1) or paint(self))
    async with running(many_runs()) as lab:
        await lab.until(lambda: f" of {RUNS:,}" in lab.text())
        assert len(paintings) < RUNS / 10
        assert lab.screen.selected_number == 1


async def test_what_happens_to_many_runs_at_once_is_painted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(many_runs()) as lab:
        paintings: list[int] = []
        paint = lab.screen.paint
        monkeypatch.setattr(lab.screen, "paint", lambda: paintings.append(1) or paint())
        glances: list[int] = []
        glance = lab.screen._glance
        monkeypatch.setattr(lab.screen, "_glance", lambda: glances.append(1) or glance())
        for run in range(2, RUNS + 1):
            lab.send(Emit(events.RunDiverged(20, run, 20, "train_loss is nan")))
        await lab.until(lambda: lab.history.runs[RUNS].status == "diverged")
        await lab.pilot.pause()
        assert lab.screen.query_one(RunList).line_count() == RUNS
        assert len(paintings) < RUNS / 4
        assert len(glances) < RUNS / 4


async def test_a_glance_at_many_runs_rests_as_long_as_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(many_runs(), fps=0.001) as lab:
        glances: list[float] = []
        monkeypatch.setattr(lab.screen, "_glance", lambda: glances.append(lab.screen._glance_at))
        lab.screen._glance_at = lab.screen._clock()
        now = lab.screen._clock() + 10
        monkeypatch.setattr(lab.screen, "_clock", lambda: now)
        lab.screen._glance_s = 1.0
        lab.screen._tick()
        assert not glances
        lab.screen._glance_s = 0.1
        lab.screen._tick()
        assert len(glances) == 1


async def test_runs_are_not_compared_while_the_comparison_is_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running(many_runs()) as lab:
        panel = lab.screen.query_one(ComparePanel)
        arranged: list[int] = []
        arrange = panel._state.arrange
        monkeypatch.setattr(panel._state, "arrange", lambda: arranged.append(1) or arrange())
        lab.screen.set_filter("lr < 0.002")
        await lab.pilot.pause()
        assert not arranged
        await lab.press("4")
        await lab.until(lambda: panel.content_size.width and arranged)
        # Rates of 0.001 * 1.01^n.
        assert len(panel._state.comparison.rows) == 70


async def test_a_key_makes_no_line_that_is_out_of_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(many_runs()) as lab:
        run_list = lab.screen.query_one(RunList)
        made: set[int] = set()
        line = run_list.line
        monkeypatch.setattr(run_list, "line", lambda index: made.add(index) or line(index))
        await lab.press("down")
        await lab.until(lambda: lab.screen.selected_number == 2)
        lab.send(More(1))
        await lab.until(lambda: lab.history.rows == 5 * RUNS)
        lab.screen.paint()
        assert made <= set(range(run_list.content_size.height))


async def test_a_tab_that_is_not_shown_does_nothing_with_the_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(many_runs()) as lab:
        drawn: list[int] = []
        chart = lab.screen.query_one(LossChart)
        lines = chart.lines
        monkeypatch.setattr(chart, "lines", lambda *size: drawn.append(1) or lines(*size))
        await lab.press("2")
        await lab.pilot.pause()
        drawn.clear()
        lab.send(More(2))
        await lab.until(lambda: lab.history.rows == 6 * RUNS)
        lab.screen.paint()
        await lab.press("down", "down")
        assert drawn == []


async def test_sizes_that_nobody_has_chosen_cost_no_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(many_runs()) as lab:
        layouts: list[str] = []
        refresh = Widget.refresh

        def noted(self: Widget, *regions: Region, **options: bool) -> Widget:
            if options.get("layout"):
                layouts.append(type(self).__name__)
            return refresh(self, *regions, **options)

        monkeypatch.setattr(Widget, "refresh", noted)
        lab.screen.apply_sizes()
        assert layouts == []
        lab.screen.context.remember(side_width=44, log_height=8)
        lab.screen.apply_sizes()
        await lab.until(lambda: lab.screen.query_one("#side").size.width == 44)
        assert layouts
        lab.screen.context.remember(side_width=None, log_height=None)
        lab.screen.apply_sizes()
        await lab.until(lambda: lab.screen.query_one("#side").size.width < 44)
