"""The pieces without a screen: figures, speed, wishes, runner."""

from __future__ import annotations

import math

import pytest
from helpers.driving import DEADLINE_S
from helpers.fake_training import Fail, FakeTraining, More
from textual.message import Message

from logreg_tui.core.settings import RunSettings
from logreg_tui.core.training import events
from logreg_tui.core.training.history import History, RunHistory
from logreg_tui.core.training.requests import Control, Pause, Resume, SetL2
from logreg_tui.tui import number_format as figures
from logreg_tui.tui.app.runner import Runner
from logreg_tui.tui.messages import Preparing, TrainingEnded, TrainingEvent
from logreg_tui.tui.pending_requests import PendingRequests
from logreg_tui.tui.speed import SpeedMeter
from logreg_tui.tui.still_view import still_view
from logreg_tui.tui.theme import thumb_span


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.54701, "1.5470"),
        (22.6134, "22.613"),
        (1234.56, "1234.6"),
        (1e7, "1.0e+07"),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (None, "-"),
    ],
)
def test_a_loss_has_one_width(value: float | None, text: str) -> None:
    assert figures.loss(value) == text.rjust(figures.LOSS_WIDTH)


@pytest.mark.parametrize(
    ("value", "text"),
    [(12345.0, "12,300"), (412.4, "412"), (41.24, "41.2"), (0.5, "0.5"), (999.6, "1,000")],
)
def test_a_rate_has_three_digits(value: float, text: str) -> None:
    assert figures.rate(value).strip() == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (15.2, "16 s"),
        (0, "0 s"),
        (240, "4 min"),
        (3900, "1 h 05 min"),
        (3599, "60 min"),
        (277_200, "3 d 05 h"),
    ],
)
def test_a_duration_is_rounded_to_what_matters(seconds: float, text: str) -> None:
    assert figures.duration(seconds).strip() == text


def test_a_long_text_is_shortened_in_the_middle() -> None:
    assert figures.shorten("abcdefghij", 7, "…") == "abc…hij"
    assert figures.shorten("abc", 7, "…") == "abc"
    assert figures.shorten("abc", 0, "…") == ""


def test_speed_is_that_of_the_last_seconds() -> None:
    meter = SpeedMeter()
    assert meter.rate is None
    for second in range(20):
        meter.add(second, second * (10 if second < 10 else 100))
    assert meter.rate == pytest.approx(100)
    meter.clear()
    assert meter.rate is None


def test_speed_of_epochs_slower_than_the_window_is_known() -> None:
    meter = SpeedMeter()
    for second in range(61):
        meter.add(second, second // 20)
    assert meter.rate == pytest.approx(1 / 20)


@pytest.mark.parametrize(
    ("size", "total", "window", "position", "span"),
    [(10, 5, 10, 0, (0, 0)), (10, 100, 10, 0, (0, 1)), (10, 100, 10, 90, (9, 10)), (10, 20, 10, 5, (2, 7))],
)
def test_a_thumb_is_where_the_window_is(
    size: int, total: int, window: int, position: int, span: tuple[int, int]
) -> None:
    assert thumb_span(size, total, window, position) == span


def test_wishes_hold_until_the_training_confirms_the_newest() -> None:
    inbox = Control()
    wishes = PendingRequests(inbox)
    run = RunHistory(1, RunSettings(), 100, 0)
    wishes.set_l2(run, 0.01)
    wishes.set_l2(run, 0.1)
    wishes.take(events.SettingChanged(5, 1, 5, "l2", 0.001, 0.01))
    assert wishes.settings(run).l2 == 0.1
    wishes.take(events.SettingChanged(5, 1, 5, "l2", 0.01, 0.1))
    assert wishes.settings(run).l2 == run.settings.l2
    assert [inbox.take(), inbox.take()] == [SetL2(1, 0.01), SetL2(1, 0.1)]


def test_a_refusal_clears_the_wishes() -> None:
    wishes = PendingRequests(Control())
    run = RunHistory(1, RunSettings(), 100, 0)
    wishes.set_head(run, "logits")
    wishes.pause()
    wishes.take(events.RequestRefused(5, "no"))
    assert wishes.settings(run) == run.settings
    assert wishes.state("training") == "training"


def test_a_pause_taken_back_waits_for_the_second_answer() -> None:
    inbox = Control()
    wishes = PendingRequests(inbox)
    wishes.pause()
    wishes.resume()
    wishes.take(events.Paused(5))
    assert wishes.state("paused") == "resuming"
    wishes.take(events.Resumed(5))
    assert wishes.state("training") == "training"
    assert [inbox.take(), inbox.take()] == [Pause(), Resume()]


def test_the_runner_posts_one_message_per_event_that_is_not_a_row() -> None:
    posted: list[Message] = []
    control, history = Control(More(20)), History()
    runner = Runner(FakeTraining(), control, history, lambda message: not posted.append(message))
    runner.launch()
    assert runner.stop(DEADLINE_S)
    assert history.rows == 24
    kinds = [type(message.event) for message in posted if isinstance(message, TrainingEvent)]
    assert kinds == [events.ExperimentStarted, events.RunStarted, events.ExperimentEnded]
    assert isinstance(posted[0], Preparing)
    assert isinstance(posted[-1], TrainingEnded)


def test_the_runner_keeps_an_error_for_whoever_asks_later() -> None:
    error = RuntimeError("two\nlines")
    runner = Runner(FakeTraining(), Control(Fail(error)), History(), lambda _: True)
    runner.launch()
    assert runner.stop(DEADLINE_S)
    assert runner.exception is error
    assert runner.outcome.status == 1
    assert runner.outcome.error == "unexpected error: RuntimeError: two lines"


def test_an_app_that_has_gone_does_not_disturb_the_runner() -> None:
    def gone(_: Message) -> bool:
        raise RuntimeError("Event loop is closed")

    training, history = FakeTraining(), History()
    runner = Runner(training, Control(), history, gone)
    runner.launch()
    assert runner.stop(DEADLINE_S)
    assert training.closed
    assert history.state == "stopped"
    assert runner.exception is None


def test_a_runner_asked_to_stop_before_it_began_never_begins() -> None:
    training = FakeTraining()
    runner = Runner(training, Control(), History(), lambda _: True)
    assert runner.stop(0)
    runner.launch()
    assert not training.started


def test_a_still_view_keeps_its_rows() -> None:
    history = History()
    training = FakeTraining()(Control(More(3)), lambda _: None)
    for _ in range(6):
        history.apply(next(training))
    view = still_view(history)
    rows = view.rows
    history.apply(next(training))
    assert history.rows == rows + 1
    assert view.rows == rows
    assert len(view.runs[1].columns) == rows
