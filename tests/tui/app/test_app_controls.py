"""The knobs as controls, the list of runs and the accuracy log, by keyboard and mouse."""

from __future__ import annotations

import re

from helpers.app import Lab, running, turn_wheel
from helpers.fake_training import FakeTraining, More
from textual.events import MouseScrollDown
from textual.widgets import Input

from logreg_tui.core.settings import RunSettings, Schedule
from logreg_tui.core.training import requests as control
from logreg_tui.tui.widgets.controls import Choice, PlainCheckbox
from logreg_tui.tui.widgets.frame.accuracy_log import AccuracyLog
from logreg_tui.tui.widgets.runs.run_list import RunList

TWO_RUNS = (RunSettings(), RunSettings(head="logits", l2=0.0, learning_rate=0.5))


async def type_into(lab: Lab, selector: str, text: str) -> None:
    lab.screen.query_one(selector).focus()
    await lab.pilot.pause()
    await lab.press("home", "ctrl+k", *text)


async def test_the_list_of_runs_has_the_focus_at_the_start() -> None:
    async with running() as lab:
        assert isinstance(lab.screen.focused, RunList)


async def test_the_controls_show_the_selected_run() -> None:
    async with running(FakeTraining(runs=TWO_RUNS)) as lab:
        await lab.press("down")
        await lab.until(lambda: lab.screen.query_one("#head", Choice).value == "logits")
        assert not lab.screen.query_one("#l2-on", PlainCheckbox).value
        assert lab.screen.query_one("#learning-rate", Input).value == "0.5"
        assert lab.training.requests == []


async def test_a_learning_rate_is_sent_when_it_is_entered() -> None:
    async with running() as lab:
        await type_into(lab, "#learning-rate", "0.25")
        assert lab.training.requests == []
        await lab.press("enter")
        await lab.request(control.SetKnob(1, "learning_rate", 0.25))
        await lab.press("escape")
        assert lab.training.requests == [control.SetKnob(1, "learning_rate", 0.25)]


async def test_a_lambda_is_sent_when_its_field_is_left() -> None:
    async with running() as lab:
        await type_into(lab, "#l2", "1e-3")
        await lab.press("tab")
        await type_into(lab, "#l2", "2e-3")
        await lab.press("tab")
        await lab.request(control.SetKnob(1, "l2", 0.002))


async def test_a_bad_number_is_named_and_not_sent() -> None:
    async with running() as lab:
        await type_into(lab, "#learning-rate", "-1")
        await lab.press("enter")
        assert "learning rate is -1" in lab.line("#knob-error")
        await type_into(lab, "#learning-rate", "fast")
        await lab.press("enter")
        assert "'fast' is not a number" in lab.line("#knob-error")
        await lab.press("escape")
        assert lab.line("#knob-error") == ""
        assert lab.screen.query_one("#learning-rate", Input).value == "0.01"
        assert lab.training.requests == []


async def test_a_focused_field_keeps_its_own_keys_and_escape_returns_to_the_list() -> None:
    async with running() as lab:
        await type_into(lab, "#l2", "0.5hq")
        assert lab.screen.query_one("#l2", Input).value == "0.5hq"
        await lab.press("escape")
        assert isinstance(lab.screen.focused, RunList)
        assert lab.training.requests == []


async def test_the_head_is_chosen_with_the_arrow_keys() -> None:
    async with running() as lab:
        lab.screen.query_one("#head").focus()
        await lab.press("right")
        await lab.request(control.SetKnob(1, "head", "logits"))


async def test_the_mouse_chooses_head_lambda_and_run() -> None:
    async with running(FakeTraining(runs=TWO_RUNS)) as lab:
        await lab.pilot.click("#head", offset=(14, 0))
        await lab.request(control.SetKnob(1, "head", "logits"))
        await lab.pilot.click("#l2-on")
        await lab.request(control.SetKnob(1, "l2", 0.0))
        await lab.pilot.click(RunList, offset=(6, 3))
        await lab.until(lambda: lab.screen.selected_number == 2)


async def test_an_echo_from_the_training_sends_nothing_back() -> None:
    async with running() as lab:
        lab.send(control.SetKnob(1, "head", "logits"))
        lab.send(control.SetKnob(1, "l2", 0.0))
        await lab.until(lambda: lab.screen.query_one("#head", Choice).value == "logits")
        await lab.until(lambda: not lab.screen.query_one("#l2-on", PlainCheckbox).value)
        await lab.pilot.pause()
        assert len(lab.training.requests) == 2


async def test_the_learning_rate_of_now_is_shown_where_the_schedule_changed_it() -> None:
    runs = (RunSettings(schedule=Schedule("step", 20, 0.1)),)
    async with running(FakeTraining(runs=runs)) as lab:
        await lab.until(lambda: re.search("lr now +0.001 ", lab.text()))


async def test_the_accuracy_log_follows_its_end_until_it_is_scrolled() -> None:
    async with running(FakeTraining(report_every=10, log_points=100)) as lab:
        log = lab.screen.query_one(AccuracyLog)
        await lab.until(lambda: " 1,000 " in lab.text())
        log.focus()
        await lab.press("home")
        assert not log.is_following
        lab.send(More(1))
        await lab.until(lambda: lab.history.rows == 102)
        await lab.pilot.pause(0.4)
        assert " 1,010 1 " not in lab.text()
        await lab.press("end")
        assert log.is_following
        assert " 1,010 1 " in lab.text()


async def test_the_wheel_scrolls_the_accuracy_log() -> None:
    async with running(FakeTraining(report_every=10, log_points=100)) as lab:
        log = lab.screen.query_one(AccuracyLog)
        log.action_scroll_lines(-3)
        assert not log.is_following
        await turn_wheel(lab.pilot, log, MouseScrollDown)
        await lab.until(lambda: log.is_following)
