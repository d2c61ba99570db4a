"""Start, failure and quit: the thread comes after the first frame, and no error is lost."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import Event

import pytest
from helpers.app import DEADLINE_S, note_frames, running, text_of, wait_until
from helpers.fake_training import Emit, Fail, FakeTraining

from logreg_tui.core.errors import Cancelled, UsageError, UserError
from logreg_tui.core.training import events
from logreg_tui.core.training.requests import Control, Stop
from logreg_tui.tui.app import app as app_module
from logreg_tui.tui.app.app import LogRegApp
from logreg_tui.tui.messages import Outcome
from logreg_tui.tui.screens.help import HelpScreen


@dataclass
class SlowPreparation:
    """Prepares until it is asked to stop."""

    preparing: Event = field(default_factory=Event)

    def __call__(self, control: Control, progress: Callable[[str], None]) -> Iterator[events.Event]:
        progress("Loading [PyTorch]")
        self.preparing.set()
        assert isinstance(control.wait(), Stop)
        raise Cancelled
        yield


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the second of two ctrl+c come as late as it may on a busy machine."""
    monkeypatch.setattr(app_module, "QUIT_WITHIN_S", DEADLINE_S)


async def test_the_training_starts_after_the_first_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    note_frames(monkeypatch, lambda: order.append("frame"))
    training = FakeTraining()

    def start(control: Control, progress: Callable[[str], None]) -> Iterator[events.Event]:
        order.append("training")
        return training(control, progress)

    app = LogRegApp(start)
    async with app.run_test() as pilot:
        await wait_until(pilot, lambda: app.history.rows)
        assert order[0] == "frame"
        assert order.count("training") == 1
    assert app.runner.stop(DEADLINE_S)


async def test_preparations_are_named_and_quit_ends_them() -> None:
    training = SlowPreparation()
    app = LogRegApp(training)
    async with app.run_test() as pilot:
        await wait_until(pilot, training.preparing.is_set)
        status = app.screen.query_one("#header")
        await wait_until(pilot, lambda: "Loading [PyTorch]" in status.render_line(0).text)
        await pilot.press("q")
    assert app.runner.stop(DEADLINE_S)
    assert app.outcome == Outcome(0, None)
    assert app.return_code == 0


async def test_no_tab_is_blank_before_the_training_begins() -> None:
    training = SlowPreparation()
    app = LogRegApp(training)
    async with app.run_test(size=(120, 40)) as pilot:
        await wait_until(pilot, training.preparing.is_set)
        for tab in "2345":
            await pilot.press(tab)
            await pilot.pause()
            assert re.search("(?i)wait", text_of(app))
        await pilot.press("1")
        await wait_until(pilot, lambda: text_of(app).count("Loading [PyTorch]") == 2)
    assert app.runner.stop(DEADLINE_S)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (UserError("no such [file]"), Outcome(1, "no such [file]")),
        (UsageError("no such device"), Outcome(2, "no such device")),
        (KeyError("a\nb"), Outcome(1, "unexpected error: KeyError: 'a\\nb'")),
    ],
)
async def test_a_failure_before_there_is_anything_to_see_ends_the_app(
    error: Exception, outcome: Outcome
) -> None:
    app = LogRegApp(FakeTraining(fails_at_start=error))
    async with app.run_test() as pilot:
        await wait_until(pilot, lambda: app.return_code is not None)
    assert app.runner.stop(DEADLINE_S)
    assert app.outcome == outcome
    assert app.runner.exception is error
    assert app.return_code == outcome.status


async def test_a_later_failure_stays_on_the_screen_with_the_curves() -> None:
    async with running() as lab:
        error = RuntimeError("disk [full]")
        error.log_path = "/x/error.log"  # type: ignore[attr-defined]
        lab.send(Fail(error))
        await lab.until(lambda: "failed" in lab.text())
        line = "unexpected error: RuntimeError: disk [full]; details in /x/error.log"
        assert lab.line("#failure") == line
        assert line in lab.text()
        assert "Loss Comparison" in lab.text()
        assert lab.screen.check_action("toggle_pause", ()) is None
        assert lab.screen.check_action("export", ()) is True
        await lab.press("q")
        await lab.until(lambda: lab.app.return_code is not None)
    assert lab.app.return_code == 1
    assert lab.app.outcome == Outcome(1, line)


@pytest.mark.parametrize("keys", [["q"], ["ctrl+q"], ["ctrl+c", "ctrl+c"]])
async def test_quit_stops_the_training(keys: list[str], unhurried: None) -> None:
    async with running() as lab:
        await lab.press(*keys)
        await lab.until(lambda: lab.app.return_code is not None)
    assert lab.training.requests == [Stop()]
    assert lab.training.closed
    assert lab.history.state == "stopped"
    assert lab.app.outcome == Outcome(0, None)


async def test_one_ctrl_c_only_says_how_to_quit() -> None:
    async with running() as lab:
        await lab.press("ctrl+c")
        assert "press ctrl+c again to quit" in lab.notes()
        assert lab.app.return_code is None


async def test_ctrl_c_quits_from_a_dialog_too(unhurried: None) -> None:
    async with running() as lab:
        await lab.press("question_mark")
        await lab.until(lambda: isinstance(lab.app.screen, HelpScreen))
        await lab.press("ctrl+c", "ctrl+c")
        await lab.until(lambda: lab.app.return_code is not None)


async def test_ctrl_c_copies_what_is_selected_in_a_field() -> None:
    async with running() as lab:
        lab.screen.query_one("#l2").focus()
        await lab.press("home", "shift+end", "ctrl+c")
        assert lab.app.clipboard == "0.001"
        assert lab.notes() == []


async def test_a_notice_stays_visible() -> None:
    async with running(FakeTraining(notice="digits [stand] in for MNIST")) as lab:
        assert lab.line("#notice") == "digits [stand] in for MNIST"
        assert "digits [stand] in for MNIST" in lab.text()


@pytest.mark.parametrize("notice", [None, "digits stand in for MNIST"])
async def test_the_choice_of_the_engine_stays_visible(notice: str | None) -> None:
    engine = "engine fused: 27 us an epoch (graph 104, eager 240), losses agree to 2e-07"
    async with running(FakeTraining(notice=notice, engine=engine)) as lab:
        assert lab.line("#notice") == (f"{notice}; {engine}" if notice else engine)


async def test_an_engine_that_changed_is_told_as_a_notice_is() -> None:
    async with running() as lab:
        lab.send(Emit(events.EngineChanged(30, "CUDA graphs [cannot] be used here")))
        await lab.until(lambda: lab.line("#notice") == "CUDA graphs [cannot] be used here")


async def test_an_experiment_stopped_from_outside_stays_to_be_looked_at() -> None:
    async with running() as lab:
        lab.send(Stop())
        await lab.until(lambda: lab.history.state == "stopped")
        await lab.until(lambda: lab.screen.check_action("new_run", ()) is None)
        await lab.until(lambda: "stopped" in lab.text())


async def test_an_error_of_a_screen_that_is_being_taken_down_is_no_crash(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running() as lab:
        monkeypatch.setattr(LogRegApp, "is_headless", False)
        lab.app.exit(return_code=0)
        lab.app._handle_exception(KeyError("gone"))
        assert (lab.app.crash, lab.app.return_code) == (None, 0)
        monkeypatch.undo()
