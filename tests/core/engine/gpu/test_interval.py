"""What a GPU takes for a measurement is no time of the epochs before it; it is waited for once."""

from __future__ import annotations

import pytest
import torch
from helpers.loops import CPU
from helpers.made_data import dataset, values, with_runs
from helpers.stand_in_gpu import GPU

from logreg_tui.core.engine import engine as engines
from logreg_tui.core.engine.engine import Engine
from logreg_tui.core.engine.gpu import interval
from logreg_tui.core.engine.gpu.interval import DeviceInterval, stride_of


class StandInGpu:
    """A clock that goes on as a GPU computes, and its events."""

    def __init__(self) -> None:
        self.now = 100.0
        self.synchronized = 0

    def event(self, enable_timing: bool) -> StandInEvent:
        assert enable_timing
        return StandInEvent(self)

    def synchronize(self, device: torch.device) -> None:
        self.synchronized += 1


class StandInEvent:
    """A point of a stream."""

    def __init__(self, gpu: StandInGpu) -> None:
        self._gpu = gpu

    def record(self) -> None:
        """Be the present point."""
        self.at = self._gpu.now

    def elapsed_time(self, other: StandInEvent) -> float:
        """Return the milliseconds to another."""
        return 1000 * (other.at - self.at)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> StandInGpu:
    """Let the clock be that of a stand-in."""
    made = StandInGpu()
    monkeypatch.setattr(torch.cuda, "Event", made.event)
    monkeypatch.setattr(torch.cuda, "synchronize", made.synchronize)
    for module in (interval, engines):
        monkeypatch.setattr(module, "perf_counter", lambda: made.now)
    return made


def test_a_processor_has_waited_for_nothing(gpu: StandInGpu) -> None:
    with DeviceInterval(CPU) as part:
        gpu.now += 3
    assert part is None
    assert DeviceInterval(CPU).waited_since(90.0) == 0


def test_the_wait_is_for_what_was_under_way_before_the_part(gpu: StandInGpu) -> None:
    part = DeviceInterval(GPU)
    for epochs_s, measuring_s in ((0.5, 0.25), (0.0, 2.0)):
        called_at = gpu.now
        gpu.now += epochs_s
        with part:
            gpu.now += measuring_s
        assert part.waited_since(called_at) == pytest.approx(epochs_s)


def test_a_row_waits_once_and_its_epochs_took_what_was_waited_for(
    gpu: StandInGpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = with_runs(Engine(dataset(values(60, 5), values(20, 5)), CPU), ["sigmoid"])
    monkeypatch.setattr(engine, "_interval", DeviceInterval(GPU))
    record = StandInEvent.record

    def begin(event: StandInEvent) -> None:
        # The begin of the measurement comes after the epochs, its end a second later.
        gpu.now += 0.1 if event is engine._interval._events[0] else 1.0
        record(event)

    monkeypatch.setattr(StandInEvent, "record", begin)
    engine.advance([{1: 0.01}] * 10)
    engine.device = GPU
    engine.measure()
    assert engine.waited_s == pytest.approx(0.1)
    assert engine._stride.epochs == stride_of(0.01)
    engine.finish()
    assert gpu.synchronized == 0


def test_epochs_that_nobody_has_waited_for_are_waited_for_before_more_are_given(gpu: StandInGpu) -> None:
    engine = with_runs(Engine(dataset(values(60, 5), values(20, 5)), CPU), ["sigmoid"])
    engine.advance([{1: 0.01}] * 10)
    engine.device = GPU
    gpu.now += 0.5
    for _ in range(2):
        engine.finish()
    assert gpu.synchronized == 1
    assert engine._stride.epochs == stride_of(0.05)
