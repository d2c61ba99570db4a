"""Requests to a training while it runs, put into a thread-safe inbox.

The trainer alone takes them out, between two epochs.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from logreg_tui.core.settings import RunSettings


@dataclass(frozen=True, slots=True)
class Request:
    """Something to be done by a training."""


@dataclass(frozen=True, slots=True)
class Pause(Request):
    """Wait before the next epoch."""


@dataclass(frozen=True, slots=True)
class Resume(Request):
    """Go on after a pause."""


@dataclass(frozen=True, slots=True)
class StepOnce(Request):
    """Train to the next log point, then pause."""


@dataclass(frozen=True, slots=True)
class SetKnob(Request):
    """Turn a knob of a run; its parameters are kept, and its schedule multiplies a new learning rate."""

    run: int
    name: str
    """`head`, `l2` or `learning_rate`."""
    value: str | float

    def __post_init__(self) -> None:
        RunSettings().changed(self.name, self.value)


@dataclass(frozen=True, slots=True)
class AddRun(Request):
    """Train one more run beside the others, from its epoch 0, for as many epochs as the experiment's."""

    settings: RunSettings


@dataclass(frozen=True, slots=True)
class EndRun(Request):
    """Stop training one run; its rows and parameters stay."""

    run: int


@dataclass(frozen=True, slots=True)
class Extend(Request):
    """Let runs go on to this epoch; those that diverged or have reached it stay as they are."""

    epochs: int
    runs: tuple[int, ...] = ()
    """None: all that train or have finished, or if there is none of these, those that ended early."""


@dataclass(frozen=True, slots=True)
class LogRows(Request):
    """Log a row for every run that has none at this step, as a stop does; a replay asks for it."""


@dataclass(frozen=True, slots=True)
class ShowParameters(Request):
    """Show the parameters of one run as they are now; nothing of the training changes."""

    run: int


@dataclass(frozen=True, slots=True)
class Detach(Request):
    """The terminal is gone: train on to the end without a screen, or leave if nothing trains."""


@dataclass(frozen=True, slots=True)
class Stop(Request):
    """End the experiment cleanly: the epoch it stands at is its last and gets its row."""


@dataclass(frozen=True, slots=True)
class Leave(Request):
    """Let this process go at once, even in the middle of an epoch; a resume goes on exactly there."""

    cause: str
    """The reason, such as `SIGTERM` or `handed over`."""


class Control:
    """The inbox. `send` may be called from any thread and from a signal handler; it never blocks."""

    def __init__(self, *requests: Request) -> None:
        # Of the standard queues only SimpleQueue may be put into by a signal handler that
        # interrupted another put.
        self._requests: SimpleQueue[Request] = SimpleQueue()
        self._stopping = threading.Event()
        self.leave_cause: str | None = None
        """The reason why this process leaves; the engine polls it between two blocks of an epoch."""
        for request in requests:
            self.send(request)

    def send(self, request: Request) -> None:
        """Put a request into the inbox; a paused trainer wakes."""
        if isinstance(request, Leave):
            self.leave_cause = request.cause
        if isinstance(request, Stop | Leave):
            self._stopping.set()
        self._requests.put(request)

    def take(self) -> Request | None:
        """Return the oldest request, or None if there is none."""
        try:
            return self._requests.get_nowait()
        except Empty:
            return None

    def wait(self) -> Request:
        """Return the oldest request, blocking until there is one."""
        return self._requests.get()

    @property
    def is_stopping(self) -> bool:
        """True if Stop or Leave was ever sent: long preparations poll it."""
        return self._stopping.is_set()
