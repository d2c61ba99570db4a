"""Every key of the main screen reaches the training, and shows its effect."""

from __future__ import annotations

from functools import partial

import pytest
from helpers.app import Lab, running
from helpers.fake_training import Emit, FakeTraining, Finish, More
from helpers.records import row

from logreg_tui.core.settings import RunSettings
from logreg_tui.core.training import events
from logreg_tui.core.training import requests as control
from logreg_tui.tui.preferences import Preferences
from logreg_tui.tui.widgets.curves.panel import LossChart
from logreg_tui.tui.widgets.runs.run_list import RunList

TWO_RUNS = (RunSettings(), RunSettings(head="logits", l2=0.0))


REQUESTS = [
    ("space", control.Pause()),
    ("full_stop", control.StepOnce()),
    ("h", control.SetKnob(1, "head", "logits")),
    ("plus", control.SetKnob(1, "l2", 0.01)),
    ("minus", control.SetKnob(1, "l2", 0.001)),
    ("minus", control.SetKnob(1, "l2", 0.0001)),
    ("l", control.SetKnob(1, "l2", 0.0)),
    ("c", control.AddRun(RunSettings(l2=0.0))),
    ("r", control.AddRun(RunSettings(l2=0.0))),
    ("u", control.SetKnob(1, "l2", 0.0001)),
]
"""Keys in the order in which they are pressed, and what the training gets."""


async def test_a_key_sends_its_request() -> None:
    async with running() as lab:
        for count, (key, request) in enumerate(REQUESTS, 1):
            await lab.press(key)
            await lab.until(partial(lambda count: len(lab.training.requests) == count, count))
            assert lab.training.requests[-1] == request
            # What was added becomes the selected one.
            await lab.until(lambda: lab.screen.selected_number == len(lab.history.runs))
            assert lab.screen.query_one(RunList).selected == len(lab.history.runs)


async def test_space_resumes_a_paused_training_and_shows_a_pause_before_that_confirms_it() -> None:
    async with running() as lab:
        await lab.press("space")
        await lab.until(lambda: lab.screen.state == "paused")
        await lab.until(lambda: "space Go on" in lab.text() and "Pause" not in lab.text())
        assert "paused" in lab.text()
        await lab.press("space")
        await lab.until(lambda: lab.screen.state == "training")
        lab.screen.action_toggle_pause()
        assert lab.screen.state in ("pausing", "paused")
        lab.screen.action_toggle_pause()
        await lab.until(lambda: lab.training.requests == [control.Pause(), control.Resume()] * 2)


async def test_quick_presses_add_up_and_a_head_switched_twice_at_once_is_where_it_was() -> None:
    async with running() as lab:
        for _ in range(3):
            lab.screen.action_scale_l2(10)
        lab.screen.action_switch_head()
        lab.screen.action_switch_head()
        await lab.request(control.SetKnob(1, "head", "sigmoid"))
        await lab.pilot.pause()
        raised = [control.SetKnob(1, "l2", l2) for l2 in (0.01, 0.1, 1.0)]
        assert lab.training.requests == [
            *raised,
            control.SetKnob(1, "head", "logits"),
            control.SetKnob(1, "head", "sigmoid"),
        ]


async def test_lambda_comes_back_with_its_last_value() -> None:
    async with running(FakeTraining(runs=(RunSettings(l2=0.5),))) as lab:
        await lab.press("l", "l")
        await lab.request(control.SetKnob(1, "l2", 0.5))


async def test_a_lambda_that_is_off_is_not_scaled_and_turned_on_with_the_default() -> None:
    async with running(FakeTraining(runs=(RunSettings(l2=0.0),))) as lab:
        await lab.press("plus")
        await lab.until(lambda: any("L2 is off" in note for note in lab.notes()))
        assert lab.training.requests == []
        await lab.press("l")
        await lab.request(control.SetKnob(1, "l2", 0.001))


async def test_a_lambda_beyond_float32_is_refused() -> None:
    async with running(FakeTraining(runs=(RunSettings(l2=1e38),))) as lab:
        await lab.press("plus")
        await lab.until(lambda: any("lambda is 1e+39" in note for note in lab.notes()))
        assert lab.training.requests == []


async def test_up_and_down_select_a_run_and_keys_apply_to_it() -> None:
    async with running(FakeTraining(runs=TWO_RUNS)) as lab:
        await lab.press("down")
        await lab.until(lambda: lab.screen.selected_number == 2)
        await lab.press("h")
        await lab.request(control.SetKnob(2, "head", "sigmoid"))
        await lab.press("up")
        await lab.until(lambda: lab.screen.selected_number == 1)


async def test_axis_keys_turn_the_chart_at_once() -> None:
    async with running() as lab:
        chart = lab.screen.query_one(LossChart)
        await lab.press("y", "x")
        assert (chart.log_y, chart.log_x) == (True, True)
        await lab.press("y")
        assert (chart.log_y, chart.log_x) == (False, True)


async def test_a_key_wins_over_the_axis_that_the_chart_chose_and_for_good() -> None:
    training = FakeTraining(runs=(RunSettings(), RunSettings("logits")), log_points=0)
    async with running(training, size=(80, 24)) as lab:
        chart = lab.screen.query_one(LossChart)
        for run, loss in ((1, 2.0), (2, 850.0)):
            settings = training.runs[run - 1]
            lab.send(Emit(row(run, 10, settings, train_loss=loss, test_loss=loss)))
        await lab.until(lambda: "log axis" in lab.text())
        await lab.press("y")
        await lab.until(lambda: "log axis" not in lab.text())
        assert chart.log_y is False
        lab.send(Emit(row(2, 20, training.runs[1], train_loss=900.0, test_loss=900.0)))
        await lab.until(lambda: lab.history.rows == 5)
        assert "log axis" not in lab.text()
        await lab.press("a", "y")
        assert "accuracies stand on a linear axis" in lab.notes()
        assert chart.log_y is False


async def test_freezing_holds_the_figures_while_training_goes_on() -> None:
    async with running(FakeTraining(report_every=10)) as lab:
        await lab.press("f")
        before = lab.text()
        assert "frozen" in before
        lab.send(More(5))
        await lab.until(lambda: lab.history.rows == 9)
        await lab.pilot.pause(0.6)
        assert lab.text() == before
        await lab.press("y")
        assert lab.screen.query_one(LossChart).log_y, "its axes still turn"
        await lab.press("f")
        await lab.until(lambda: "80 of 10,000" in lab.text() and "frozen" not in lab.text())


async def test_a_refused_request_is_shown() -> None:
    async with running() as lab:
        lab.send(Emit(events.RequestRefused(30, "run 7 [has] ended")))
        await lab.until(lambda: "run 7 [has] ended" in lab.notes())


@pytest.mark.parametrize("has_hint", [True, False])
async def test_when_all_runs_have_ended_the_screen_says_once_what_to_do(has_hint: bool) -> None:
    async with running(preferences=Preferences(hints_gone="" if has_hint else "done")) as lab:
        lab.send(Finish())
        await lab.until(lambda: "finished" in lab.text())
        said = [note for note in lab.notes() if "all runs finished" in note]
        if has_hint:
            await lab.until(lambda: "all runs are done: 4 compares them" in lab.text())
        assert len(said) == (0 if has_hint else 1)
        await lab.press("r")
        await lab.until(lambda: lab.screen.state == "training")


async def test_keys_that_cannot_apply_are_dimmed_and_not_in_the_palette() -> None:
    async with running() as lab:
        assert dimmed(lab) == set()
        assert {
            "Training: Pause or resume",
            "Runs: Add a new run",
            "View: Change theme (dark, light)",
        } <= titles(lab)
        lab.send(Finish())
        await lab.until(lambda: lab.history.state == "idle")
        assert dimmed(lab) == set(ACTIONS_OF_A_RUN)
        assert lab.screen.check_action("restart", ()) is True
        assert "Training: Pause or resume" not in titles(lab)
        assert "Runs: Add a new run" in titles(lab)
        await lab.press("h", "space", "d")
        await lab.pilot.pause()
        assert lab.training.requests == [Finish()]


def dimmed(lab: Lab) -> set[str]:
    return {name for name in ACTIONS_OF_A_RUN if lab.screen.check_action(name, ()) is None}


def titles(lab: Lab) -> set[str]:
    return {command.title for command in lab.app.get_system_commands(lab.screen)}


ACTIONS_OF_A_RUN = ("toggle_pause", "step", "switch_head", "toggle_l2", "scale_l2", "end_run")


async def test_a_training_started_paused_is_asked_to_wait() -> None:
    async with running(paused=True) as lab:
        await lab.until(lambda: lab.screen.state == "paused")
        assert lab.training.requests == [control.Pause()]


async def test_a_palette_command_does_what_its_key_does() -> None:
    async with running() as lab:
        await lab.press("ctrl+p")
        await lab.press(*"Switch head", "enter")
        await lab.request(control.SetKnob(1, "head", "logits"))
