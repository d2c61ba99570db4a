"""The stopwatch of a training, on clocks that stand until a test moves them."""

from __future__ import annotations

import threading

import pytest

from logreg_tui.core.training.clock import BEAT_S, RunningClock, Stopwatch


@pytest.fixture(autouse=True)
def two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count one thread beside the stopwatch's own, not those that tests before have left to be used again."""
    monkeypatch.setattr(threading, "active_count", lambda: 2)


class Machine:
    """Monotonic seconds, and those of the processors of this process."""

    def __init__(self) -> None:
        self.now, self.computed = 100.0, 3.0
        self.stopwatch = Stopwatch(RunningClock(lambda: self.now, lambda: self.computed), elapsed_s=5.0)

    def compute(self, seconds: float) -> None:
        # First: the stopwatch's own thread may look in between.
        self.computed += seconds
        self.now += seconds

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_pauses_do_not_count_as_training_time() -> None:
    machine = Machine()
    watch = machine.stopwatch
    watch.start()
    machine.compute(2)
    assert watch.read() == 7.0
    watch.stop()
    machine.sleep(50)
    assert watch.read() == 7.0
    watch.start()
    watch.start()
    machine.compute(1)
    assert watch.read() == 8.0
    watch.stop()
    watch.stop()
    assert watch.read() == 8.0


def test_time_in_which_the_process_was_stopped_is_no_training_time() -> None:
    machine = Machine()
    watch = machine.stopwatch
    watch.start()
    machine.compute(2)
    assert watch.read() == 7.0
    machine.sleep(3600)
    assert watch.read() == pytest.approx(7.0, abs=BEAT_S)
    machine.compute(1)
    assert watch.read() == pytest.approx(8.0, abs=BEAT_S)
    watch.stop()
    assert watch.read() == pytest.approx(8.0, abs=BEAT_S)


def test_a_short_rest_such_as_a_wait_for_the_disk_counts() -> None:
    machine = Machine()
    machine.stopwatch.start()
    machine.sleep(0.9)
    assert machine.stopwatch.read() == pytest.approx(5.9)
    machine.stopwatch.stop()


def test_a_call_that_keeps_all_threads_waiting_but_computes_counts() -> None:
    machine = Machine()
    machine.stopwatch.start()
    machine.compute(20)
    assert machine.stopwatch.read() == 25.0
    machine.stopwatch.stop()
