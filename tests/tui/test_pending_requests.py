"""PendingRequests: what the screen shows until the training confirms or refuses it."""

from __future__ import annotations

from logreg_tui.core.settings import RunSettings
from logreg_tui.core.training import events
from logreg_tui.core.training.history import RunHistory
from logreg_tui.core.training.requests import Control, Pause, Resume, SetKnob
from logreg_tui.tui.pending_requests import PendingRequests


def test_a_request_holds_until_the_training_confirms_the_newest() -> None:
    inbox = Control()
    pending = PendingRequests(inbox)
    run = RunHistory(1, RunSettings(), 100, 0)
    pending.change(run, "l2", 0.01)
    pending.change(run, "l2", 0.1)
    pending.take(events.SettingChanged(5, 1, 5, "l2", 0.001, 0.01))
    assert pending.settings(run).l2 == 0.1
    pending.take(events.SettingChanged(5, 1, 5, "l2", 0.01, 0.1))
    assert pending.settings(run).l2 == run.settings.l2
    assert [inbox.take(), inbox.take()] == [SetKnob(1, "l2", 0.01), SetKnob(1, "l2", 0.1)]


def test_a_refusal_clears_what_is_pending() -> None:
    pending = PendingRequests(Control())
    run = RunHistory(1, RunSettings(), 100, 0)
    pending.change(run, "head", "logits")
    pending.send(Pause())
    pending.take(events.RequestRefused(5, "no"))
    assert pending.settings(run) == run.settings
    assert pending.state("training") == "training"


def test_a_pause_taken_back_waits_for_the_second_answer() -> None:
    inbox = Control()
    pending = PendingRequests(inbox)
    pending.send(Pause())
    pending.send(Resume())
    pending.take(events.Paused(5))
    assert pending.state("paused") == "resuming"
    pending.take(events.Resumed(5))
    assert pending.state("training") == "training"
    assert [inbox.take(), inbox.take()] == [Pause(), Resume()]
