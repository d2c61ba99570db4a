"""Commands, filter, undo, more epochs: what is typed, and what the training gets."""

from __future__ import annotations

import pytest
from helpers.app import Lab, running
from helpers.fake_training import Emit, FakeTraining, Finish
from helpers.records import row
from textual.widgets import Input, Static

from logreg_tui.core.settings import RunSettings, Schedule, grid
from logreg_tui.core.training import events
from logreg_tui.core.training import requests as control
from logreg_tui.tui.screens.commands import completed
from logreg_tui.tui.screens.dialog import ConfirmScreen
from logreg_tui.tui.widgets.compare.panel import ComparePanel
from logreg_tui.tui.widgets.curves.panel import LossChart
from logreg_tui.tui.widgets.frame.accuracy_log import AccuracyLog
from logreg_tui.tui.widgets.frame.command_line import CommandLine
from logreg_tui.tui.widgets.runs.run_list import RunList

FOUR = grid(["sigmoid", "logits"], [0.001], [0.01], [0, 1], Schedule())
NAMES = {" ": "space", "/": "slash", ":": "colon", "(": "left_parenthesis", ".": "full_stop", "-": "minus"}


async def type_line(lab: Lab, text: str) -> None:
    await lab.press(*(NAMES.get(character, character) for character in text))
    await lab.pilot.pause()


def remark(lab: Lab) -> str:
    return str(lab.screen.query_one("#remark", Static).content)


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        (":lr 0.05", control.SetKnob(1, "learning_rate", 0.05)),
        (":l2 1e-4", control.SetKnob(1, "l2", 0.0001)),
        (":λ 0", control.SetKnob(1, "l2", 0.0)),
        (":head logits", control.SetKnob(1, "head", "logits")),
        (":epochs 20000", control.Extend(20_000, (1,))),
        (":epochs 2e4", control.Extend(20_000, (1,))),
    ],
)
async def test_a_command_takes_an_exact_value(text: str, request_: control.Request) -> None:
    async with running() as lab:
        await type_line(lab, text)
        await lab.press("enter")
        await lab.request(request_)
        assert not lab.screen.query_one(CommandLine).is_open
        assert isinstance(lab.screen.focused, RunList)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (":lr fast", "'fast' is not a number"),
        (":lr -1", "learning rate is -1"),
        (":lr", ":lr takes a number above 0"),
        (":lr 0.01", "has that already"),
        (":head softmax", "softmax"),
        (":epochs 5", "no run goes on to epoch 5"),
        (":epochs 1.5", "not a whole number"),
        (":run 7", "there is no run 7"),
        (":fly", "no command 'fly': there are lr, l2, head"),
    ],
)
async def test_wrong_input_is_named_in_one_line_and_stays_to_be_mended(text: str, wrong: str) -> None:
    async with running() as lab:
        await type_line(lab, text)
        await lab.press("enter")
        await lab.until(lambda: wrong in remark(lab))
        assert wrong in lab.text()
        assert "\n" not in remark(lab)
        assert lab.screen.query_one("#typed", Input).value == text[1:]
        await lab.press("escape")
        assert not lab.screen.query_one(CommandLine).is_open
        assert lab.training.requests == []


async def test_keys_typed_into_the_line_turn_nothing() -> None:
    async with running() as lab:
        await lab.press("4")
        await type_line(lab, "/logitshld q")
        await lab.press("escape")
        await lab.pilot.pause()
        assert lab.training.requests == []
        assert lab.screen.tab == 3


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("e", "epochs "),
        ("hea", "head "),
        ("head l", "head logits"),
        ("head s", "head sigmoid"),
        ("q", "quit"),
        ("lr 0", None),
        ("x", None),
        ("", None),
    ],
)
def test_a_command_is_completed(text: str, whole: str | None) -> None:
    assert completed(text) == whole


async def test_tab_completes() -> None:
    async with running() as lab:
        await type_line(lab, ":h")
        await lab.press("tab")
        await type_line(lab, "l")
        await lab.press("tab", "enter")
        await lab.request(control.SetKnob(1, "head", "logits"))


async def test_up_brings_back_what_was_entered_before() -> None:
    async with running() as lab:
        for text in (":lr 0.05", ":l2 0.5"):
            await type_line(lab, text)
            await lab.press("enter")
            await lab.pilot.pause()
        field = lab.screen.query_one("#typed", Input)
        await type_line(lab, ":")
        seen = []
        for key in ("up", "up", "up", "down", "down"):
            await lab.press(key)
            await lab.pilot.pause()
            seen.append(field.value)
        assert seen == ["l2 0.5", "lr 0.05", "lr 0.05", "l2 0.5", ""]
        await lab.press("escape")
        await type_line(lab, "/log")
        await lab.press("up")
        assert field.value == "log"


@pytest.mark.parametrize("tab", ["1", "2", "3", "4", "5"])
async def test_a_filter_works_from_every_tab_and_says_how_many_runs_match(tab: str) -> None:
    async with running(FakeTraining(runs=FOUR)) as lab:
        await lab.press(tab)
        await type_line(lab, "/logits seed 1")
        assert remark(lab) == "1 of 4 runs"
        await type_line(lab, "x")
        assert remark(lab) == "no run matches; there are 4"
        assert "no run matches" in lab.text()
        await lab.press("backspace", "enter")
        await lab.until(lambda: "/logits seed 1  1 of 4" in lab.text())
        await lab.press("escape", "escape")
        await lab.until(lambda: "1 of 4" not in lab.text())


async def test_a_filter_that_is_given_up_shows_all_runs_again() -> None:
    async with running(FakeTraining(runs=FOUR)) as lab:
        await type_line(lab, "/logits")
        assert "2 of 4" in lab.text()
        await lab.press("escape")
        assert lab.screen.filter == ""
        await type_line(lab, "/")
        await type_line(lab, "/(")
        await lab.until(lambda: "not a regular expression" in remark(lab))


@pytest.mark.parametrize("ascii_only", [False, True])
async def test_the_footer_names_the_keys_of_the_line(ascii_only: bool) -> None:
    async with running(ascii_only=ascii_only) as lab:
        await type_line(lab, ":")
        await lab.until(lambda: "Complete" in lab.text())
        last = lab.text().splitlines()[-1]
        assert "enter Take over" in last
        assert last.isascii() or not ascii_only
        assert "Cancel" in last


async def test_undo_turns_the_last_knob_back_one_after_the_other() -> None:
    async with running() as lab:
        await lab.press("h", "plus", "u", "u", "u")
        await lab.until(lambda: any("nothing to undo" in note for note in lab.notes()))
        assert lab.training.requests == [
            control.SetKnob(1, "head", "logits"),
            control.SetKnob(1, "l2", 0.01),
            control.SetKnob(1, "l2", 0.001),
            control.SetKnob(1, "head", "sigmoid"),
        ]
        assert [mark.text for mark in lab.history.runs[1].marks] == [
            "sigmoid → logits",
            "λ 0.001 → 0.01",
            "λ 0.01 → 0.001",
            "logits → sigmoid",
        ]


async def test_what_was_undone_can_be_redone_until_another_knob_is_turned() -> None:
    async with running() as lab:
        await lab.press("h", "plus", "u", "u", "U", "U", "U")
        await lab.until(lambda: any("nothing to redo" in note for note in lab.notes()))
        assert lab.training.requests[4:] == [
            control.SetKnob(1, "head", "logits"),
            control.SetKnob(1, "l2", 0.01),
        ]
        assert any("redone: run 1 has lambda 0.01" in note for note in lab.notes())
        await lab.press("u", "l", "U")
        assert lab.training.requests[6:] == [control.SetKnob(1, "l2", 0.001), control.SetKnob(1, "l2", 0.0)]
        await lab.press("u", "U")
        await lab.until(
            lambda: (
                lab.training.requests[8:] == [control.SetKnob(1, "l2", 0.001), control.SetKnob(1, "l2", 0.0)]
            )
        )


async def test_a_turn_of_a_run_that_has_left_stays_and_says_so() -> None:
    async with running(FakeTraining(runs=FOUR[:2])) as lab:
        await lab.press("h", "down", "plus")
        await lab.request(control.SetKnob(2, "l2", 0.01))
        lab.send(Emit(events.RunDiverged(30, 2, 30, "train_loss is nan")))
        await lab.until(lambda: lab.history.runs[2].status == "diverged")
        await lab.press("u")
        await lab.until(
            lambda: any("lambda 0.01 of run 2, which has diverged" in note for note in lab.notes())
        )
        await lab.press("u")
        await lab.request(control.SetKnob(1, "head", "sigmoid"))


async def test_a_command_is_explained_with_the_value_that_holds() -> None:
    async with running() as lab:
        await type_line(lab, ":")
        assert remark(lab) == "lr  l2  head  epochs  run  filter  quit"
        await type_line(lab, "l")
        assert remark(lab) == "lr  l2"
        await type_line(lab, "r ")
        assert remark(lab) == "learning rate, above 0: lr 0.05; run 1 has 0.01"


async def test_who_watches_can_filter_but_not_turn() -> None:
    async with running(FakeTraining(runs=FOUR), watching=True) as lab:
        await type_line(lab, ":lr 0.5")
        await lab.press("enter")
        assert "this screen only watches" in remark(lab)
        await lab.press("escape")
        await type_line(lab, "/logits")
        assert remark(lab) == "2 of 4 runs"


async def test_the_end_of_a_run_is_asked_about_and_undone() -> None:
    async with running() as lab:
        await lab.press("d")
        await lab.until(lambda: isinstance(lab.app.screen, ConfirmScreen))
        await lab.press("escape")
        await lab.until(lambda: lab.app.screen is lab.screen)
        assert lab.training.requests == []
        await lab.press("d", "enter")
        await lab.request(control.EndRun(1))
        await lab.until(lambda: lab.history.state == "idle")
        await lab.press("u")
        await lab.request(control.Extend(10_000, (1,)))
        await lab.until(lambda: lab.screen.state == "training")
        assert lab.history.runs[1].is_training
        await lab.press("U")
        await lab.until(lambda: lab.training.requests[-1] == control.EndRun(1))


async def test_more_epochs_are_proposed_for_runs_that_are_done() -> None:
    async with running(FakeTraining(runs=FOUR[:2])) as lab:
        lab.send(Finish())
        await lab.until(lambda: lab.history.state == "idle")
        await lab.press("m")
        assert lab.screen.query_one("#typed", Input).value == "epochs 20000"
        await lab.press("enter")
        await lab.request(control.Extend(20_000, (1, 2)))
        await lab.until(lambda: all(run.is_training for run in lab.history.runs.values()))


async def test_of_the_runs_that_were_ended_the_selected_one_goes_on() -> None:
    async with running(FakeTraining(runs=FOUR[:3])) as lab:
        for number in (1, 2):
            lab.send(control.EndRun(number))
        await lab.until(lambda: not lab.history.runs[2].is_training)
        await lab.press("m", "enter")
        await lab.request(control.Extend(10_000, (1,)))
        assert not lab.history.runs[2].is_training


async def test_a_turn_of_a_former_process_can_be_undone_unless_it_was_turned_back() -> None:
    async with running() as lab:
        for old, new in ((0.001, 0.01), (0.01, 0.1), (0.1, 0.01)):
            lab.screen.pending.take(events.SettingChanged(20, 1, 20, "l2", old, new))
        lab.history.runs[1].settings = RunSettings(l2=0.01)
        await lab.press("u")
        await lab.request(control.SetKnob(1, "l2", 0.001))


async def test_a_filter_acts_on_list_chart_log_and_table() -> None:
    async with running(FakeTraining(runs=FOUR, report_every=10)) as lab:
        await type_line(lab, "/seed 1 and not logits")
        await lab.press("enter")
        await lab.until(lambda: "2 sigmoid train" in lab.text())
        text = lab.text()
        assert "3 logits" not in text
        assert {row.run for row in lab.screen.query_one(AccuracyLog)._reports} == {2}
        await lab.press("4")
        await lab.until(lambda: "head" in lab.text() and lab.screen.tab == 3)
        panel = lab.screen.query_one(ComparePanel)
        await lab.until(lambda: [row.first.run for row in panel._state.comparison.rows] == [2])
        await type_line(lab, "/seed 9")
        await lab.press("ctrl+u")
        await type_line(lab, "seed 9")
        await lab.until(lambda: "No run matches the filter." in lab.text())


async def test_runs_are_hidden_and_shown_by_key_and_by_a_click_on_their_colour() -> None:
    async with running(FakeTraining(runs=FOUR)) as lab:
        chart = lab.screen.query_one(LossChart)
        await lab.press("v")
        assert chart.hidden_runs == {1}
        await lab.pilot.click(RunList, offset=(2, 3))
        await lab.until(lambda: chart.hidden_runs == {1, 2})
        assert lab.screen.selected_number == 1, "the colour shows and hides, it does not select"
        await lab.pilot.click(RunList, offset=(2, 3))
        await lab.press("v", "V")
        await lab.until(lambda: chart.hidden_runs == {2, 3, 4})
        await lab.press("V")
        await lab.until(lambda: not chart.hidden_runs)


async def test_a_run_that_exploded_is_called_so_and_found_by_that_word_and_by_its_figures() -> None:
    async with running(FakeTraining(runs=FOUR, log_points=0)) as lab:
        for epoch in (10, 20, 30):
            lab.send(Emit(row(1, epoch, FOUR[0], train_loss=3e11, test_accuracy=0.05)))
        await lab.until(lambda: "Run 1 (exploded)" in lab.text())
        for text, count in (("exploded", 1), ("not exploded", 3), ("test > 0.1", 3), ("loss >= 1e6", 1)):
            await type_line(lab, "/")
            await lab.press("ctrl+u")
            await type_line(lab, text)
            assert remark(lab) == f"{count} of 4 runs"
            await lab.press("enter", "4")
            state = lab.screen.query_one(ComparePanel)._state
            await lab.until(lambda count=count, state=state: len(state.comparison.rows) == count)
            await lab.press("1")
        await type_line(lab, "/")
        await lab.press("ctrl+u")
        await type_line(lab, "head > 3")
        assert remark(lab).startswith("head is no number to compare")
