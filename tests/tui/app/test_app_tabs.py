"""The tabs in the whole app: keys and mouse open them, what they show of, what is remembered."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from helpers.app import Lab, lines_of, running
from helpers.fake_training import Emit, FakeTraining, More
from helpers.records import row

from logreg_tui.core.hardware import GPU, Sample, Sampler
from logreg_tui.core.settings import RunSettings
from logreg_tui.core.training import events
from logreg_tui.core.training.requests import AddRun, ShowParameters
from logreg_tui.tui import preferences
from logreg_tui.tui.preferences import Preferences
from logreg_tui.tui.widgets.curves.panel import LossChart
from logreg_tui.tui.widgets.frame.status import StatusLine
from logreg_tui.tui.widgets.frame.tab_line import TabLine
from logreg_tui.tui.widgets.runs.run_list import RunList
from logreg_tui.tui.widgets.why.panel import WhyPanel

TABS = {"1": "Loss Comparison", "2": "bias", "3": "recall", "4": "test acc", "5": "The floor"}
"""Keys and words that only their tab shows."""


async def test_each_tab_is_one_key_away() -> None:
    async with running(FakeTraining(shows_data=True)) as lab:
        for key in "24135":
            await lab.press(key)
            await lab.until(partial(lambda key: TABS[key] in lab.text(), key))


async def test_a_click_opens_a_tab_and_asks_for_parameters_where_they_are_shown() -> None:
    async with running(FakeTraining(shows_data=True)) as lab:
        lab.send(More(3))
        await lab.until(lambda: lab.history.rows == 7)
        assert ShowParameters(1) not in lab.training.requests
        line = lab.screen.query_one(TabLine).region
        second = lines_of(lab.app)[line.y].index("2") - line.x
        await lab.pilot.click(TabLine, offset=(second, 0))
        await lab.request(ShowParameters(1))
        await lab.until(lambda: "bias" in lab.text())


async def test_tabs_follow_the_selected_run() -> None:
    runs = (RunSettings(), RunSettings("logits"))
    async with running(FakeTraining(runs=runs, shows_data=True)) as lab:
        await lab.press("2")
        await lab.until(lambda: "Run 1 sigmoid" in lab.text())
        lab.screen.query_one(RunList).focus()
        await lab.press("down")
        await lab.until(lambda: "Run 2 logits" in lab.text())


async def test_without_data_the_tabs_say_what_they_wait_for() -> None:
    async with running() as lab:
        await lab.press("3")
        await lab.until(lambda: "The test set is not in this process" in lab.text())


async def test_a_run_that_diverged_is_restarted_with_a_tenth_of_its_rate() -> None:
    runs = (RunSettings(), RunSettings("logits", learning_rate=0.5))
    async with running(FakeTraining(runs=runs)) as lab:
        lab.send(Emit(events.RunDiverged(30, 2, 30, "train_loss is nan")))
        await lab.until(lambda: "run 2 diverged at epoch 30: train_loss is nan" in lab.text())
        await lab.press("R")
        await lab.request(AddRun(RunSettings("logits", learning_rate=0.05)))
        await lab.until(lambda: "diverged at epoch" not in lab.text())


async def test_of_several_runs_that_failed_the_selected_one_is_restarted() -> None:
    runs = (RunSettings("logits", learning_rate=1000.0), RunSettings("logits", learning_rate=0.5))
    async with running(FakeTraining(runs=runs, log_points=0)) as lab:
        for epoch in (10, 20, 30):
            lab.send(Emit(row(1, epoch, runs[0], train_loss=3e11)))
        lab.send(Emit(events.RunDiverged(30, 2, 30, "train_loss is nan")))
        await lab.until(lambda: "train_loss is nan" in lab.text() and "at its start" in lab.text())
        diverged, exploded = lab.text().splitlines()[1:3]
        assert "R restarts it with lr 100" in exploded
        assert "press R" not in diverged
        await lab.press("R")
        await lab.request(AddRun(RunSettings("logits", learning_rate=100.0)))


async def test_a_run_that_is_pinned_in_the_comparison_stays_on_top_of_the_list() -> None:
    runs = tuple(RunSettings(seed=seed) for seed in range(6))
    async with running(FakeTraining(runs=runs, shows_data=True)) as lab:
        await lab.press("4", "end", "p")
        await lab.until(lambda: lab.screen.query_one(RunList).pinned == {6})


class MadeSampler(Sampler):
    """One sample that does not depend on the machine; remembers what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.device = ""
        self.is_stopped = False

    def start(self, device: str) -> None:
        self.device = device
        self.samples = (Sample(GPU, 0.31),)

    def stop(self, wait_s: float = 0.0) -> None:
        self.is_stopped = True


async def test_the_machine_is_sampled_on_the_device_that_trains_and_shown_while_it_does() -> None:
    sampler = MadeSampler()
    async with running(FakeTraining(), sampler=sampler) as lab:
        await lab.until(lambda: "31%" in lab.text())
        assert sampler.device == "cuda:0 NVIDIA H200"
        await lab.press("space")
        await lab.until(lambda: lab.screen.state == "paused")
        sampler.samples = (Sample(GPU, 0.77),)
        await lab.pilot.pause(1.0)
        assert "31%" in lab.text(), "while nothing trains nothing is sent to the terminal"
        await lab.press("q")
        assert sampler.is_stopped


async def test_keys_of_the_curves_do_nothing_on_other_tabs() -> None:
    async with running(FakeTraining(shows_data=True)) as lab:
        await lab.press("5", "a", "y")
        chart = lab.screen.query_one(LossChart)
        assert (chart.metric, chart.log_y) == ("loss", None)
        await lab.press("1", "y", "a")
        assert (chart.metric, chart.log_y) == ("accuracy", True)


async def drag(lab: Lab, start: tuple[int, int], end: tuple[int, int]) -> None:
    """Drag the mouse from one cell of the screen to another."""
    await lab.pilot.mouse_down(offset=start)
    await lab.pilot.hover(offset=end)
    await lab.pilot.mouse_up(offset=end)
    await lab.pilot.pause()


async def test_the_focused_panel_has_the_whole_screen_and_gives_it_back() -> None:
    async with running(FakeTraining(runs=(RunSettings(), RunSettings("logits")))) as lab:
        before = lab.screen.focused
        await lab.press("z")
        chart = lab.screen.query_one("#chart")
        await lab.until(lambda: chart.region.width == 120)
        await lab.press("z")
        await lab.until(lambda: chart.region.width < 90 and lab.screen.focused is before)
        log = lab.screen.query_one("#log")
        log.focus()
        await lab.press("z")
        await lab.until(lambda: log.region.width == 120 and log.region.height > 30)
        await lab.press("escape")
        await lab.until(lambda: log.region.width < 60)


async def test_the_border_between_losses_and_accuracies_is_dragged() -> None:
    async with running() as lab:
        chart = lab.screen.query_one(LossChart)
        await lab.until(lambda: chart.second is not None)
        assert chart.second is not None
        y = chart.region.bottom - chart.second[1]
        await drag(lab, (60, y), (60, y - 4))
        await lab.until(lambda: chart.second == (0, chart.region.bottom - y + 4))
        assert lab.app.preferences.second_height == chart.region.bottom - y + 4


async def test_a_hint_is_gone_once_followed_or_dismissed() -> None:
    async with running(FakeTraining(log_points=20)) as lab:
        await lab.until(lambda: "c trains the other head" in lab.text())
        await lab.press("c")
        await lab.until(lambda: "c trains the other head" not in lab.text())
        assert lab.app.preferences.hints_gone == "other"
        await lab.until(lambda: "5 why a run is where it is" in lab.text())
        await lab.press("escape")
        await lab.until(lambda: "5 why a run is where it is" not in lab.text())
        assert lab.app.preferences.hints_gone == "other,tabs"


async def test_a_plateau_is_told_below_and_moves_no_panel() -> None:
    async with running(FakeTraining(runs=(RunSettings("logits"),) * 2, log_points=1)) as lab:
        await lab.until(lambda: lab.history.rows == 4)
        body = lab.screen.query_one("#body").region
        for epoch in range(20, 2020, 10):
            lab.send(Emit(row(1, epoch, train_loss=1.5)))
        await lab.until(lambda: "run 1 stalls since epoch" in lab.text())
        assert lab.screen.query_one("#body").region == body
        await lab.press("escape")
        await lab.until(lambda: "run 1 stalls since epoch" not in lab.text())
        lab.send(Emit(row(1, 2020, train_loss=1.5)))
        await lab.until(lambda: lab.history.rows == 205)
        await lab.until(lambda: "5 why a run is where it is" in lab.text())


async def test_a_sigmoid_on_a_plateau_is_told_with_the_way_out() -> None:
    async with running(FakeTraining(log_points=1)) as lab:
        for epoch in range(20, 2020, 10):
            lab.send(Emit(row(1, epoch, train_loss=1.5)))
        await lab.until(lambda: "h takes the sigmoid away" in lab.text())
        assert "run 1 stalls since" not in lab.text()
        await lab.press("escape")
        await lab.until(lambda: "run 1 stalls since" in lab.text())
        await lab.pilot.click(StatusLine, offset=(5, 0))
        await lab.until(lambda: "c trains the other head" in lab.text())


async def test_choices_of_view_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "view.json"
    monkeypatch.setattr(preferences, "preferences_path", lambda: path)
    async with running(FakeTraining(shows_data=True), preferences=Preferences()) as lab:
        lab.app.theme = "textual-light"
        await lab.press("y", "a", "t")
        await drag(lab, (39, 12), (49, 12))
        await drag(lab, (20, lab.screen.query_one("#log").region.y), (20, 24))
        await lab.press("4")
        await lab.until(lambda: preferences.load().tab == 4)
    kept = preferences.load()
    assert (kept.theme, kept.log_y, kept.accuracy, kept.by_seconds) == ("textual-light", True, True, True)
    assert (kept.side_width, kept.log_height) == (50, 14)
    async with running(FakeTraining(shows_data=True), preferences=kept) as lab:
        await lab.until(lambda: "test acc" in lab.text())
        chart = lab.screen.query_one(LossChart)
        assert (chart.log_y, chart.metric, chart.clock) == (True, "accuracy", "seconds")
        assert lab.app.theme == "textual-light"
        assert lab.screen.query_one("#side").size.width == 50
        assert lab.screen.query_one("#log").region.height == 14


async def test_without_preferences_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[Preferences] = []
    keep: Callable[[Preferences], None] = saved.append
    monkeypatch.setattr("logreg_tui.tui.app.app.save", keep)
    async with running() as lab:
        await lab.press("y", "2")
        await lab.pilot.pause()
    assert saved == []


@pytest.mark.parametrize("way", ["enter", "click"])
async def test_tab_5_carries_out_its_advice(way: str) -> None:
    async with running(FakeTraining(runs=(RunSettings("logits"),))) as lab:
        lab.send(Emit(events.RunDiverged(1, 1, 1, "train_loss is nan")))
        await lab.press("5")
        await lab.until(lambda: "Restart it with a tenth" in lab.text())
        if way == "enter":
            lab.screen.query_one(WhyPanel).focus()
            await lab.press("enter")
        else:
            lines = lines_of(lab.app)
            row = next(number for number, line in enumerate(lines) if "-> press R" in line)
            await lab.pilot.click(offset=(lines[row].index("-> press R"), row))
        await lab.request(AddRun(RunSettings("logits", learning_rate=0.001)))


async def test_advice_that_comes_too_late_says_so() -> None:
    async with running(FakeTraining(runs=(RunSettings("logits"),)), watching=True) as lab:
        lab.send(Emit(events.RunDiverged(1, 1, 1, "train_loss is nan")))
        await lab.press("5")
        await lab.until(lambda: "Restart it with a tenth" in lab.text())
        lab.screen.query_one(WhyPanel).focus()
        await lab.press("enter")
        await lab.until(lambda: "The selected run takes no requests any more" in lab.notes())
