"""The screen at every size, without colour, in ASCII, and how often it is drawn."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from helpers.app import note_frames, running, strips_of
from helpers.fake_training import FakeTraining, More
from rich.segment import Segment

from logreg_tui.core.settings import RunSettings, Schedule
from logreg_tui.tui.widgets.curves.panel import LossChart
from logreg_tui.tui.widgets.runs.run_list import RunList

TWO_RUNS = (RunSettings(), RunSettings("logits", 0.0, 1e-5, 0, Schedule("step", 1000, 0.1)))


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (104, 30), (120, 40), (200, 50)])
async def test_nothing_that_matters_is_cut_off(size: tuple[int, int]) -> None:
    async with running(FakeTraining(runs=TWO_RUNS), size=size) as lab:
        text = lab.text()
        for words in ("training", "30 of 10,000", "sigmoid", "logits", "8 rows", "Loss Comparison"):
            assert words in text
        for words in ("q Quit", "? Help", "space Pause", "best test", "floor", "accuracy"):
            assert words in text
        if size >= (120, 40):
            assert all(words in text for words in ("mnist", "seed", "objective", "Accuracy Comparison"))
        last = lab.history.runs[1].last
        assert last is not None
        assert f"{last.test_accuracy:.4f}" in text


@pytest.mark.parametrize("mode", ["colors", "no_color", "ascii"])
async def test_at_60_by_20_the_chart_has_room_in_every_mode(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if mode == "no_color":
        monkeypatch.setenv("NO_COLOR", "1")
    async with running(FakeTraining(runs=TWO_RUNS), size=(60, 20), ascii_only=mode == "ascii") as lab:
        plot = lab.screen.query_one(LossChart).plot
        assert plot is not None
        assert plot.rows >= 6
        assert plot.left + plot.columns >= 58


async def test_a_small_terminal_has_a_line_per_run_and_a_small_chart_and_recovers() -> None:
    async with running(FakeTraining(runs=TWO_RUNS), size=(80, 24)) as lab:
        await lab.pilot.resize_terminal(50, 15)
        await lab.until(lambda: "training 30/10,000" in lab.text())
        text = lab.text()
        assert "1 sigmoid" in text.splitlines()[1]
        assert "2 logits" in text.splitlines()[2]
        assert "Epochs" in text
        assert "objective" not in text
        await lab.pilot.resize_terminal(100, 10)
        await lab.until(lambda: "Epochs" in lab.text() and "1 sigmoid" in lab.text().splitlines()[1][:40])
        await lab.pilot.resize_terminal(30, 3)
        await lab.until(lambda: "2 logits" in lab.text().splitlines()[2])
        await lab.pilot.resize_terminal(80, 24)
        await lab.until(lambda: "objective" in lab.text())
        assert isinstance(lab.screen.focused, RunList)


async def test_a_resize_under_a_dialog_is_caught_up_with() -> None:
    async with running(size=(120, 40)) as lab:
        await lab.press("question_mark")
        await lab.pilot.resize_terminal(80, 24)
        await lab.press("escape")
        await lab.until(lambda: lab.screen.has_class("-w-medium"))


async def test_ascii_means_ascii_everywhere() -> None:
    notice = "digits ‘stand in’"
    training = FakeTraining(runs=TWO_RUNS, report_every=10, log_points=60, notice=notice, directory="/é/x")
    async with running(training, ascii_only=True) as lab:
        await lab.press("l", "h", "f")
        for keys in ((), ("n",), ("escape", "e"), ("escape", "question_mark")):
            await lab.press(*keys)
            await lab.pilot.pause()
            assert {c for c in lab.text() if ord(c) > 0x7E} == set()


async def test_no_color_means_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with running(FakeTraining(runs=TWO_RUNS)) as lab:
        strips = strips_of(lab.app)
        assert is_reversed(strips, "1 sigmoid"), "the highlighted run"
        assert not is_reversed(strips, "2 logits")
        for keys in ((), ("n",), ("escape", "question_mark"), ("escape", "tab")):
            await lab.press(*keys)
            await lab.pilot.pause()
            strips = strips_of(lab.app)
            styles = [segment.style for strip in strips for segment in strip if segment.style]
            assert all(style.color is None and style.bgcolor is None for style in styles)
            assert any(style.reverse for style in styles)


async def test_without_colour_the_grid_stays_dimmer_than_the_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with running(FakeTraining(runs=TWO_RUNS)) as lab:
        assert any(
            segment.style is not None and segment.style.dim and "┊" in segment.text
            for strip in strips_of(lab.app)
            for segment in strip
        )


def is_reversed(strips: list[list[Segment]], text: str) -> bool:
    segments = [segment for strip in strips for segment in strip if text in segment.text]
    return any(segment.style is not None and bool(segment.style.reverse) for segment in segments)


async def test_nothing_is_drawn_when_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(fps=50) as lab:
        await lab.press("space")
        await lab.until(lambda: lab.screen.state == "paused")
        drawn_at = time.monotonic()

        def note() -> None:
            nonlocal drawn_at
            drawn_at = time.monotonic()

        note_frames(monkeypatch, note)
        # On a busy machine the last drawing comes late; one that returns at 50 frames a second never rests.
        await lab.until(lambda: time.monotonic() - drawn_at > 0.5)


async def test_the_chart_rests_after_a_slow_drawing_but_shows_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    draws: list[int] = []
    async with running(fps=50) as lab:
        chart = lab.screen.query_one(LossChart)
        draw = LossChart.draw

        def slow_draw(
            self: LossChart, history: object, selected: int | None, *, keeps_legend: bool = False
        ) -> None:
            draw(self, lab.history, selected, keeps_legend=keeps_legend)
            draws.append(lab.history.rows)
            self.last_draw_s = 1e6

        monkeypatch.setattr(LossChart, "draw", slow_draw)
        chart.last_draw_s = 0.0
        lab.send(More(1))
        await lab.until(lambda: draws == [5])
        lab.send(More(1))
        await lab.until(lambda: lab.history.rows == 6)
        await lab.pilot.pause(0.2)
        assert draws == [5]
        await lab.press("space")
        await lab.until(lambda: draws == [5, 6])


async def test_a_key_is_drawn_outside_the_frame_limit() -> None:
    async with running(FakeTraining(runs=TWO_RUNS), fps=0.001) as lab:
        await lab.press("down")
        await lab.until(lambda: "Run 2" in lab.text())
        await lab.press("h")
        await lab.until(lambda: re.search(r"2 sigmoid", lab.text()))


async def test_a_theme_changes_the_colours_of_the_runs() -> None:
    async with running() as lab:
        before = str(lab.screen.query_one(RunList).line(0))
        lab.app.theme = "textual-light"
        await lab.until(lambda: str(lab.screen.query_one(RunList).line(0)) != before)


async def test_the_last_line_shortens_a_directory_that_is_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with running(FakeTraining(directory=str(tmp_path / "runs" / "x-sigmoid"))) as lab:
        assert "rows in runs/x-sigmoid" in lab.text()
        assert str(tmp_path) not in lab.text()
