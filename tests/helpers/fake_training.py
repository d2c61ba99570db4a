"""A training made of scripted events that obeys the control: no torch, no clock, no waiting."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from logreg_tui.core.data.dataset import Dataset
from logreg_tui.core.data.inputs import ArraySource, Inputs
from logreg_tui.core.heads import LOGITS
from logreg_tui.core.settings import RunSettings
from logreg_tui.core.training import events
from logreg_tui.core.training import requests as core_control
from logreg_tui.core.training.requests import Control
from logreg_tui.core.training.snapshots import DatasetLoaded, ParametersSnapshot


@dataclass(frozen=True)
class More:
    """Train this many further log points."""

    log_points: int


@dataclass(frozen=True)
class Fail:
    """Raise this error."""

    error: Exception


@dataclass(frozen=True)
class Finish:
    """End every run as finished."""


@dataclass(frozen=True)
class Emit:
    """Yield this event."""

    event: events.Event


@dataclass
class FakeTraining:
    """Stands in for the generator function that the app is started with."""

    directory: str = "/nowhere/runs/20261122T184530-sigmoid"
    runs: tuple[RunSettings, ...] = (RunSettings(),)
    log_points: int = 3
    """Trained before the first request is read."""
    epochs: int = 10_000
    log_every: int = 10
    report_every: int = 1000
    notice: str | None = None
    engine: str | None = None
    shows_data: bool = False
    """True if there are images to look at."""
    fails_at_start: Exception | None = None
    requests: list[Any] = field(default_factory=list)
    """The requests it got, in order."""
    started: bool = False
    closed: bool = False

    def __call__(self, control: Control, progress: Callable[[str], None]) -> Iterator[events.Event]:
        """Be the generator function."""
        self.started = True
        progress("Loading PyTorch")
        if self.fails_at_start is not None:
            raise self.fails_at_start
        try:
            yield from self._train(control)
        finally:
            self.closed = True

    def _train(self, control: Control) -> Iterator[events.Event]:
        self._step = 0
        self._live: dict[int, RunSettings] = {}
        self._joined: dict[int, int] = {}
        self._left: dict[int, tuple[RunSettings, int]] = {}
        yield events.ExperimentStarted(
            0, self.directory, "mnist", 60_000, 10_000, 784, 10, (28, 28), "cuda:0 NVIDIA H200",
            self.epochs, self.log_every, self.report_every, self.notice, self.engine,
        )  # fmt: skip
        if self.shows_data:
            yield DatasetLoaded(0, made_data())
        for settings in self.runs:
            yield from self._join(settings)
        yield from self._log_points(self.log_points)
        while True:
            request = control.wait()
            self.requests.append(request)
            yield from self._obey(request)
            if isinstance(request, core_control.Stop):
                yield events.ExperimentEnded(self._step, "stopped")
                return

    def _obey(self, request: object) -> Iterator[events.Event]:
        match request:
            case core_control.Pause():
                yield events.Paused(self._step)
            case core_control.Resume():
                yield events.Resumed(self._step)
            case core_control.StepOnce():
                yield events.Stepped(self._step)
                yield from self._log_points(1)
                yield events.Paused(self._step)
            case core_control.SetKnob(run, name, value):
                yield from self._change(run, name, value)
            case core_control.ShowParameters(run):
                yield self._parameters(run)
            case core_control.AddRun(settings):
                yield from self._join(settings)
            case core_control.EndRun(run):
                yield from self._end(run, "ended")
            case core_control.Extend(epochs, runs):
                for run in runs:
                    yield from self._take_up(run, epochs)
            case More(count):
                yield from self._log_points(count)
            case Finish():
                for run in list(self._live):
                    yield from self._end(run, "finished")
            case Emit(event):
                yield event
            case Fail(error):
                raise error

    def _change(self, run: int, name: str, new: str | float) -> Iterator[events.Event]:
        settings = self._live[run]
        self._live[run] = replace(settings, **dict[str, Any]({name: new}))
        epoch = self._step - self._joined[run]
        yield events.SettingChanged(self._step, run, epoch, name, getattr(settings, name), new)

    def _join(self, settings: RunSettings) -> Iterator[events.Event]:
        run = len(self._joined) + 1
        self._live[run], self._joined[run] = settings, self._step
        yield events.RunStarted(self._step, run, settings, self.epochs)
        yield self._row(run)

    def _take_up(self, run: int, epochs: int) -> Iterator[events.Event]:
        if run in self._left:
            self._live[run], epoch = self._left.pop(run)
            self._joined[run] = self._step - epoch
        yield events.RunExtended(self._step, run, self._step - self._joined[run], epochs)

    def _end(self, run: int, reason: str) -> Iterator[events.Event]:
        epoch = self._step - self._joined[run]
        self._left[run] = self._live.pop(run), epoch
        yield events.RunEnded(self._step, run, epoch, reason)
        if not self._live:
            yield events.AllRunsEnded(self._step)

    def _log_points(self, count: int) -> Iterator[events.Event]:
        for _ in range(count):
            self._step += self.log_every
            yield from map(self._row, list(self._live))

    def _parameters(self, run: int) -> ParametersSnapshot:
        """Return weights that look for bright pixels in another band of rows for each class."""
        epoch = self._step - self._joined[run]
        rows = np.arange(784).reshape(28, 28) // 28
        bands = [np.cos((rows - 2.8 * label) / 4) for label in range(10)]
        weight = np.stack(bands).reshape(10, 784).astype(np.float32) * 1e-3
        head = self._live[run].head if run in self._live else "sigmoid"
        return ParametersSnapshot(self._step, run, epoch, head, weight, np.zeros(10, np.float32))

    def _row(self, run: int) -> events.RowLogged:
        settings, epoch = self._live[run], self._step - self._joined[run]
        floor, height = (0.27, 2.1) if settings.head == LOGITS else (1.53, 0.8)
        loss = floor + height * math.exp(-math.sqrt(epoch / 60))
        accuracy = 0.9 - 0.8 * math.exp(-math.sqrt(epoch / 90))
        return events.RowLogged(
            self._step, run, epoch, epoch / 400, settings.head, settings.l2,
            settings.learning_rate_at(epoch), loss, settings.l2 * 12, loss + 0.01,
            accuracy, accuracy + 0.004, epoch % self.report_every == 0,
        )  # fmt: skip


def made_data() -> Dataset:
    """Return 200 images with a bright band of rows each, at a height that follows from the label."""
    labels = np.arange(200) % 10
    rows = np.arange(28)[:, None] * np.ones((1, 28))
    shifts = np.random.default_rng(0).normal(0, 2.5, len(labels))
    bands = [
        255 * np.exp(-(((rows - 2.8 * label - shift) / 3) ** 2))
        for label, shift in zip(labels, shifts, strict=True)
    ]
    inputs = Inputs(ArraySource(np.stack(bands).astype(np.uint8)))
    return Dataset("mnist", inputs, labels, inputs, labels, 10, (28, 28), "f" * 64)
