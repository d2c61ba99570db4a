"""The runner: the thread between training and app."""

from __future__ import annotations

from helpers.app import DEADLINE_S
from helpers.fake_training import Fail, FakeTraining, More
from textual.message import Message

from logreg_tui.core.training import events
from logreg_tui.core.training.history import History
from logreg_tui.core.training.requests import Control
from logreg_tui.tui.app.runner import Runner
from logreg_tui.tui.messages import Preparing, TrainingEnded, TrainingEvents


def test_the_runner_posts_one_message_for_all_events_until_somebody_takes_them() -> None:
    posted: list[Message] = []
    control, history = Control(More(20)), History()
    runner = Runner(FakeTraining(), control, history)
    runner.launch(lambda message: not posted.append(message))
    assert runner.stop(DEADLINE_S)
    assert history.rows == 24
    (told,) = [message for message in posted if isinstance(message, TrainingEvents)]
    kinds = [type(event) for event in told.take()]
    assert kinds == [events.ExperimentStarted, events.RunStarted, events.ExperimentEnded]
    assert isinstance(posted[0], Preparing)
    assert isinstance(posted[-1], TrainingEnded)


def test_what_happens_after_the_events_were_taken_is_another_message() -> None:
    happened: list[list[type[object]]] = []

    def take(message: Message) -> bool:
        if isinstance(message, TrainingEvents):
            happened.append([type(event) for event in message.take()])
        return True

    runner = Runner(FakeTraining(), Control(More(20)), History())
    runner.launch(take)
    assert runner.stop(DEADLINE_S)
    assert happened == [[events.ExperimentStarted], [events.RunStarted], [events.ExperimentEnded]]


def test_the_runner_keeps_an_error_for_whoever_asks_later() -> None:
    error = RuntimeError("two\nlines")
    runner = Runner(FakeTraining(), Control(Fail(error)), History())
    runner.launch(lambda _: True)
    assert runner.stop(DEADLINE_S)
    assert runner.exception is error
    assert runner.outcome.status == 1
    assert runner.outcome.error == "unexpected error: RuntimeError: two lines"


def test_an_app_that_has_gone_does_not_disturb_the_runner() -> None:
    def gone(_: Message) -> bool:
        raise RuntimeError("Event loop is closed")

    training, history = FakeTraining(), History()
    runner = Runner(training, Control(), history)
    runner.launch(gone)
    assert runner.stop(DEADLINE_S)
    assert training.closed
    assert history.state == "stopped"
    assert runner.exception is None


def test_a_runner_asked_to_stop_before_it_began_never_begins() -> None:
    training = FakeTraining()
    runner = Runner(training, Control(), History())
    assert runner.stop(0)
    runner.launch(lambda _: True)
    assert not training.started
