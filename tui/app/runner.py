"""The bridge between the training and the app: one daemon thread that loops over the events.

Not a Textual worker: the app may close while the thread still loads or saves, and the command
line waits for it with a limit of its own.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from typing import cast

from textual.message import Message

from logreg_tui.core.errors import Cancelled, UserError
from logreg_tui.core.training.events import Event, ExperimentStarted, Progressed, RowLogged
from logreg_tui.core.training.history import History
from logreg_tui.core.training.requests import Control, Stop
from logreg_tui.core.training.snapshots import RowsRecorded
from logreg_tui.tui.messages import Outcome, Preparing, TrainingEnded, TrainingEvents

StartTraining = Callable[[Control, Callable[[str], None]], Iterator[Event]]
"""A generator function: prepares, telling what it does in one line at a time, then yields the events."""


class Runner:
    """Consumes the events on its own thread: History's only writer."""

    def __init__(self, start: StartTraining, control: Control, history: History) -> None:
        self._start = start
        self._control = control
        self._history = history
        self._thread = threading.Thread(target=self._run, name="training", daemon=True)
        self._told: TrainingEvents | None = None
        """The newest message of events, to which more are added until somebody takes them."""
        self.outcome = Outcome(0, None)
        self.exception: Exception | None = None
        """The error that ended the training, with its traceback."""

    def launch(self, post: Callable[[Message], bool]) -> None:
        """Start the thread, which posts messages, unless the app was asked to stop before its first frame.

        The garbage collector, which the command line turned off for the start, works from here on,
        without walking through what the start has made.
        """
        self._post = post
        gc.freeze()
        gc.enable()
        if not self._control.is_stopping:
            self._thread.start()

    def request_stop(self) -> None:
        """Ask the training to end; returns at once."""
        if not self._control.is_stopping:
            self._control.send(Stop())

    def stop(self, timeout: float | None = None) -> bool:
        """Ask the training to end and wait for the thread; return whether it has ended."""
        self.request_stop()
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def join(self) -> None:
        """Wait until the training has ended by itself."""
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            # Loaded here, and not by the first chart: the screen would stand still meanwhile.
            import numpy  # noqa: F401
            import plotext  # noqa: F401

            events = self._start(self._control, lambda text: self._tell(Preparing(text)))
            with closing(cast("Generator[Event, None, None]", events)):
                for event in events:
                    self._take(event)
        except Cancelled:
            pass
        except Exception as error:
            self.exception = error
            self.outcome = outcome_of(error)
        self._tell(TrainingEnded(self.outcome))

    def _take(self, event: Event) -> None:
        if isinstance(event, ExperimentStarted):
            # All of torch is loaded by now. Walking through it, the garbage collector would hold the
            # interpreter, and with it the screen and the training, for 0.2 s every few seconds.
            gc.freeze()
        self._history.apply(event)
        if isinstance(event, RowLogged | RowsRecorded | Progressed):
            return
        if self._told is None or not self._told.add(event):
            self._told = TrainingEvents(event)
            self._tell(self._told)

    def _tell(self, message: Message) -> None:
        # The app may have gone, and its event loop with it: then there is nobody to tell.
        with suppress(RuntimeError):
            self._post(message)


def outcome_of(error: Exception) -> Outcome:
    """Return exit status and line for an error that ended the training."""
    text = " ".join(str(error).split())
    if isinstance(error, UserError):
        return Outcome(error.exit_status, text)
    line = f"unexpected error: {type(error).__name__}" + (f": {text}" if text else "")
    path = getattr(error, "log_path", None)
    return Outcome(1, line if path is None else f"{line}; details in {path}")
