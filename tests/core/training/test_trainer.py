"""The loop: when rows are logged, what requests do, how runs join, end and diverge."""

from __future__ import annotations

import dataclasses
import math
import threading
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from helpers.loops import plain_loop, rows, start, train_to_the_end

from logreg_tui.core.data.dataset import Dataset
from logreg_tui.core.engine.model import initial_parameters
from logreg_tui.core.settings import RunSettings, Schedule
from logreg_tui.core.training import events, requests
from logreg_tui.core.training.events import Event
from logreg_tui.core.training.requests import Control
from logreg_tui.core.training.snapshots import ParametersSnapshot
from logreg_tui.core.training.state import Training
from logreg_tui.core.training.trainer import train

SIGMOID = RunSettings("sigmoid")
LOGITS = RunSettings("logits", learning_rate=0.001)


class Driver:
    """Trains on this thread and puts requests into the inbox when a step has been reached."""

    def __init__(self, training: Training, *, stays_open: bool = False) -> None:
        self.training = training
        self.control = Control()
        self.seen: list[Event] = []
        self._happenings = train(training, self.control, stays_open=stays_open)

    def until(self, kind: type[Event], **attributes: object) -> Event:
        """Train to the next event of a kind and with these attributes."""
        for event in self._happenings:
            self.seen.append(event)
            if isinstance(event, kind) and all(
                getattr(event, name) == value for name, value in attributes.items()
            ):
                return event
        raise AssertionError(f"the training ended without {kind.__name__} {attributes}")

    def send_at(self, step: int, *wanted: requests.Request) -> None:
        """Let requests take effect at a step, which must be a log point."""
        self.until(events.Progressed, step=step)
        for request in wanted:
            self.control.send(request)

    def finish(self) -> list[Event]:
        """Train to the end and return everything that happened."""
        self.seen += list(self._happenings)
        return self.seen


def kinds(happenings: list[Event]) -> list[str]:
    return [
        type(event).__name__
        for event in happenings
        if not isinstance(event, events.RowLogged | events.Progressed)
    ]


def test_rows_stand_at_epoch_0_every_log_point_every_report_point_and_the_last_epoch(digits: Dataset) -> None:
    happenings = train_to_the_end(digits, SIGMOID, epochs=47, log_every=10, report_every=15)
    assert [row.epoch for row in rows(happenings)] == [0, 10, 15, 20, 30, 40, 45, 47]
    assert [row.epoch for row in rows(happenings) if row.is_report] == [0, 15, 30, 45, 47]
    assert kinds(happenings) == ["RunStarted", "RunEnded", "AllRunsEnded", "ExperimentEnded"]
    assert happenings[-1] == events.ExperimentEnded(47, "finished")


def test_a_row_is_measured_on_the_parameters_of_its_epoch(digits: Dataset) -> None:
    expected = plain_loop(digits, SIGMOID, 30)
    for row in train_to_the_end(digits, SIGMOID, epochs=30, log_every=1):
        if isinstance(row, events.RowLogged):
            assert row.train_loss == pytest.approx(expected[row.epoch]["train_loss"], rel=1e-5)
            assert row.test_loss == pytest.approx(expected[row.epoch]["test_loss"], rel=1e-5)
            assert row.objective == row.train_loss + row.l2_penalty


def test_events_are_frozen_and_hold_plain_numbers(digits: Dataset) -> None:
    for event in train_to_the_end(digits, SIGMOID, epochs=10):
        for field in dataclasses.fields(event):
            value = getattr(event, field.name)
            assert type(value) in (int, float, str, bool, RunSettings), (event, field.name)
        with pytest.raises(dataclasses.FrozenInstanceError):
            event.step = 3  # type: ignore[misc]


def test_the_same_training_gives_the_same_bits(digits: Dataset) -> None:
    def figures() -> list[tuple[object, ...]]:
        happened = rows(train_to_the_end(digits, SIGMOID, LOGITS, epochs=60))
        return [dataclasses.astuple(dataclasses.replace(row, elapsed_s=0.0)) for row in happened]

    assert figures() == figures()


@pytest.mark.parametrize(
    ("request_", "name", "turned"),
    [
        (requests.SetKnob(1, "head", "logits"), "head", RunSettings("logits")),
        (requests.SetKnob(1, "l2", 0.5), "l2", RunSettings(l2=0.5)),
        (requests.SetKnob(1, "learning_rate", 0.1), "learning_rate", RunSettings(learning_rate=0.1)),
    ],
)
def test_turning_a_knob_keeps_the_parameters_and_changes_what_follows(
    digits: Dataset, request_: requests.Request, name: str, turned: RunSettings
) -> None:
    training = start(digits, SIGMOID, epochs=40)
    driver = Driver(training)
    driver.send_at(20, request_)
    change = driver.until(events.SettingChanged)
    assert change == events.SettingChanged(20, 1, 20, name, getattr(SIGMOID, name), getattr(turned, name))
    weight, bias = training.engine.parameters(1)
    happenings = driver.finish()
    at_20, at_30, _ = rows(happenings, 1)[-3:]
    assert getattr(at_20, name) == getattr(SIGMOID, name)
    assert getattr(at_30, name) == getattr(turned, name)

    # A plain loop that goes on from the same parameters with the new setting.
    weight = weight.clone().requires_grad_()
    bias = bias.clone().requires_grad_()
    inputs, labels = torch.from_numpy(np.asarray(digits.train_inputs)), torch.from_numpy(digits.train_labels)
    for _ in range(10):
        outputs = inputs @ weight.T + bias
        outputs = torch.sigmoid(outputs) if turned.head == "sigmoid" else outputs
        loss = torch.nn.functional.cross_entropy(outputs, labels)
        penalty = turned.l2 * (weight.pow(2).sum() + bias.pow(2).sum())
        gradients = torch.autograd.grad(loss + penalty, (weight, bias))
        with torch.no_grad():
            for parameter, gradient in zip((weight, bias), gradients, strict=True):
                parameter -= turned.learning_rate * gradient
    outputs = inputs @ weight.T + bias
    outputs = torch.sigmoid(outputs) if turned.head == "sigmoid" else outputs
    loss = torch.nn.functional.cross_entropy(outputs, labels)
    assert at_30.train_loss == pytest.approx(loss.item(), rel=1e-4)


def test_a_knob_turned_to_where_it_is_says_nothing(digits: Dataset) -> None:
    driver = Driver(start(digits, SIGMOID, epochs=20))
    driver.send_at(10, requests.SetKnob(1, "head", "sigmoid"), requests.SetKnob(1, "l2", 0.001))
    assert "SettingChanged" not in kinds(driver.finish())


def test_a_new_learning_rate_is_multiplied_by_the_schedule_at_the_runs_epoch(digits: Dataset) -> None:
    settings = RunSettings(learning_rate=0.01, schedule=Schedule("step", 10, 0.1))
    driver = Driver(start(digits, settings, epochs=30))
    driver.send_at(10, requests.SetKnob(1, "learning_rate", 0.5))
    rates = [row.learning_rate for row in rows(driver.finish())]
    assert rates == pytest.approx([0.01, 0.001, 0.005, 0.0005])


def test_a_run_that_is_added_starts_at_its_own_epoch_0_and_equals_one_started_alone(digits: Dataset) -> None:
    driver = Driver(start(digits, SIGMOID, epochs=50))
    driver.send_at(20, requests.AddRun(LOGITS))
    happenings = driver.finish()
    started = [event for event in happenings if isinstance(event, events.RunStarted)]
    assert started[1] == events.RunStarted(20, 2, LOGITS, 50)
    alone = rows(train_to_the_end(digits, LOGITS, epochs=50))
    added = rows(happenings, 2)
    assert [row.epoch for row in added] == [row.epoch for row in alone] == [0, 10, 20, 30, 40, 50]
    assert [row.step for row in added] == [20, 30, 40, 50, 60, 70]
    for here, there in zip(added, alone, strict=True):
        assert here.train_loss == pytest.approx(there.train_loss, rel=1e-5)
    assert added[0].elapsed_s < rows(happenings, 1)[-1].elapsed_s
    assert [row.epoch for row in rows(happenings, 1)][-1] == 50
    assert happenings[-1] == events.ExperimentEnded(70, "finished")


def test_a_run_added_between_log_points_has_log_points_of_its_own(digits: Dataset) -> None:
    training = start(digits, SIGMOID, epochs=20, log_every=10)
    control = Control()
    seen: list[Event] = []
    for event in train(training, control):
        seen.append(event)
        if isinstance(event, events.RunStarted) and event.run == 1:
            control.send(requests.Pause())
        if isinstance(event, events.Paused):
            training.step = 3
            control.send(requests.AddRun(LOGITS))
            control.send(requests.Resume())
    assert [row.step for row in rows(seen, 2)] == [3, 13, 23]
    assert [row.epoch for row in rows(seen, 2)] == [0, 10, 20]


def test_ending_a_run_logs_its_last_epoch_and_lets_the_others_go_on(digits: Dataset) -> None:
    training = start(digits, SIGMOID, LOGITS, epochs=40)
    driver = Driver(training)
    driver.send_at(20, requests.EndRun(1))
    happenings = driver.finish()
    assert [row.epoch for row in rows(happenings, 1)] == [0, 10, 20]
    assert [row.epoch for row in rows(happenings, 2)] == [0, 10, 20, 30, 40]
    assert events.RunEnded(20, 1, 20, "ended") in happenings
    assert training.runs[1].parameters is not None


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (requests.SetKnob(9, "head", "logits"), "run 9 does not exist"),
        (requests.SetKnob(1, "l2", 0.5), "run 1 has been ended"),
        (requests.EndRun(1), "run 1 has been ended"),
    ],
)
def test_a_request_for_a_run_that_does_not_train_is_refused_in_words(
    digits: Dataset, request_: requests.Request, text: str
) -> None:
    driver = Driver(start(digits, SIGMOID, LOGITS, epochs=20))
    driver.send_at(10, requests.EndRun(1), request_)
    refused = [event for event in driver.finish() if isinstance(event, events.RequestRefused)]
    assert [text in event.text for event in refused] == [True]


def test_stop_logs_the_last_epoch_and_ends_as_stopped(digits: Dataset) -> None:
    driver = Driver(start(digits, SIGMOID, epochs=1000, log_every=100))
    driver.send_at(100, requests.Stop())
    happenings = driver.finish()
    assert happenings[-1] == events.ExperimentEnded(100, "stopped")
    assert [row.epoch for row in rows(happenings)] == [0, 100]


def test_stop_between_log_points_adds_a_row_for_the_epoch_it_stopped_at(digits: Dataset) -> None:
    training = start(digits, SIGMOID, epochs=10**6, log_every=10**6, report_every=10**6)
    control = Control()
    happenings: list[Event] = []
    for event in train(training, control):
        happenings.append(event)
        if isinstance(event, events.Progressed) and event.step > 0:
            control.send(requests.Stop())
    last = rows(happenings)[-1]
    assert last.epoch == training.step > 0
    assert last.is_report


def paused_steps(happenings: Iterator[Event]) -> list[int]:
    return [event.step for event in happenings if isinstance(event, events.Paused)]


def test_pause_waits_step_goes_to_the_next_log_point_and_resume_goes_on(digits: Dataset) -> None:
    driver = Driver(start(digits, SIGMOID, epochs=60))
    driver.control.send(requests.Pause())
    assert driver.until(events.Paused) == events.Paused(0)
    driver.control.send(requests.StepOnce())
    assert driver.until(events.Stepped) == events.Stepped(0)
    assert driver.until(events.Paused) == events.Paused(10)
    driver.control.send(requests.Resume())
    assert driver.until(events.Resumed) == events.Resumed(10)
    driver.send_at(30, requests.StepOnce())
    assert driver.until(events.Paused) == events.Paused(40)
    driver.control.send(requests.Resume())
    assert [row.epoch for row in rows(driver.finish())] == [0, 10, 20, 30, 40, 50, 60]


def test_a_paused_training_takes_other_requests_at_its_step(digits: Dataset) -> None:
    driver = Driver(start(digits, SIGMOID, epochs=20))
    driver.control.send(requests.Pause())
    driver.until(events.Paused)
    for request in (requests.SetKnob(1, "l2", 0.0), requests.AddRun(LOGITS), requests.Stop()):
        driver.control.send(request)
    happenings = driver.finish()
    assert kinds(happenings)[-3:] == ["SettingChanged", "RunStarted", "ExperimentEnded"]
    assert [row.epoch for row in rows(happenings, 2)] == [0]


def test_a_paused_training_wakes_for_a_request_of_another_thread(digits: Dataset) -> None:
    driver = Driver(start(digits, SIGMOID, epochs=20))
    driver.control.send(requests.Pause())
    driver.until(events.Paused)
    sender = threading.Timer(0.05, driver.control.send, [requests.Stop()])
    sender.start()
    assert driver.finish()[-1] == events.ExperimentEnded(0, "stopped")
    sender.join()


def test_a_diverged_run_shows_it_keeps_its_last_finite_parameters_and_leaves_the_others_alone(
    digits: Dataset,
) -> None:
    wild = RunSettings("logits", l2=0.001, learning_rate=1e20)
    training = start(digits, LOGITS, wild, epochs=50)
    happenings = list(train(training, Control()))
    diverged = [event for event in happenings if isinstance(event, events.RunDiverged)]
    assert [event.run for event in diverged] == [2]
    last = rows(happenings, 2)[-1]
    assert last.epoch == diverged[0].epoch
    assert not math.isfinite(last.train_loss)
    assert str(last.train_loss) in diverged[0].cause
    kept = training.runs[2].parameters
    assert kept is not None
    assert torch.equal(kept[0], initial_parameters(64, 10, 0)[0])
    assert [row.epoch for row in rows(happenings, 1)] == [0, 10, 20, 30, 40, 50]
    assert happenings[-1] == events.ExperimentEnded(50, "finished")


def test_an_open_experiment_waits_for_a_run_when_all_have_ended(digits: Dataset) -> None:
    driver = Driver(start(digits, SIGMOID, epochs=10), stays_open=True)
    assert driver.until(events.AllRunsEnded) == events.AllRunsEnded(10)
    driver.control.send(requests.Pause())
    driver.control.send(requests.AddRun(LOGITS))
    assert driver.until(events.AllRunsEnded) == events.AllRunsEnded(20)
    driver.control.send(requests.Stop())
    happenings = driver.finish()
    assert "Paused" not in kinds(happenings)
    assert [row.epoch for row in rows(happenings, 2)] == [0, 10]
    assert happenings[-1] == events.ExperimentEnded(20, "finished")


def test_more_runs_do_not_change_what_a_run_is_given(digits: Dataset) -> None:
    alone = rows(train_to_the_end(digits, SIGMOID, epochs=50))
    beside = rows(train_to_the_end(digits, LOGITS, SIGMOID, LOGITS.with_other_head(), epochs=50), 2)
    for one, other in zip(alone, beside, strict=True):
        assert other.train_loss == pytest.approx(one.train_loss, rel=1e-5)


def test_parameters_are_shown_at_once_and_change_nothing(digits: Dataset) -> None:
    driver = Driver(start(digits, SIGMOID, LOGITS, epochs=30))
    driver.send_at(20, requests.ShowParameters(2), requests.ShowParameters(9))
    shown = driver.until(ParametersSnapshot)
    assert isinstance(shown, ParametersSnapshot)
    assert (shown.run, shown.epoch, shown.head) == (2, 20, "logits")
    assert shown.weight.shape == (10, 64)
    before = shown.weight.copy()
    looked_at, alone = driver.finish(), train_to_the_end(digits, SIGMOID, LOGITS, epochs=30)
    assert np.array_equal(shown.weight, before), "a copy, not what goes on being trained"
    assert [row.train_loss for row in rows(looked_at, 2)] == [row.train_loss for row in rows(alone, 2)]


def test_parameters_of_a_run_that_has_ended_are_those_of_its_last_epoch(digits: Dataset) -> None:
    driver = Driver(start(digits, SIGMOID, epochs=10), stays_open=True)
    driver.until(events.AllRunsEnded)
    driver.control.send(requests.ShowParameters(1))
    shown = driver.until(ParametersSnapshot)
    assert isinstance(shown, ParametersSnapshot)
    assert (shown.epoch, shown.head) == (10, "sigmoid")
    driver.control.send(requests.Stop())
    driver.finish()


def test_a_paused_training_whose_last_run_is_ended_can_go_on_and_take_it_up_again(digits: Dataset) -> None:
    driver = Driver(start(digits, SIGMOID, epochs=60), stays_open=True)
    driver.send_at(20, requests.Pause(), requests.EndRun(1), requests.Resume())
    driver.until(events.AllRunsEnded)
    driver.control.send(requests.Extend(10))
    driver.control.send(requests.Extend(40))
    refused = driver.until(events.RequestRefused)
    assert isinstance(refused, events.RequestRefused)
    assert "no run goes on to epoch 10" in refused.text
    driver.until(events.RunExtended, run=1, epoch=20, epochs=40)
    driver.until(events.AllRunsEnded)
    driver.control.send(requests.Stop())
    assert [row.epoch for row in rows(driver.finish())] == [0, 10, 20, 30, 40]


def test_a_run_that_is_ended_and_taken_up_while_paused_waits_like_before(digits: Dataset) -> None:
    driver = Driver(start(digits, SIGMOID, epochs=60), stays_open=True)
    driver.send_at(20, requests.Pause(), requests.EndRun(1), requests.Extend(40, (1,)))
    driver.until(events.RunExtended)
    assert driver.training.is_paused
    driver.control.send(requests.Resume())
    driver.until(events.AllRunsEnded)
    driver.control.send(requests.Stop())
    assert [row.epoch for row in rows(driver.finish())] == [0, 10, 20, 30, 40]
