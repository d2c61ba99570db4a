"""The app's answers to signals and to the loss of its terminal.

Textual has no handler for SIGHUP and SIGTERM: it would die at once, or, with SIGHUP ignored, spin
on the end of its input. Here the screen ends and the training goes on to its end without one.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from types import FrameType
from typing import TYPE_CHECKING

from textual.message import Message

from logreg_tui.core.experiment.lock import HAND_OVER_SIGNAL
from logreg_tui.core.training.requests import Detach, Leave, Request

if TYPE_CHECKING:
    from logreg_tui.tui.app.app import LogRegApp

GRACE_S = 1.0
"""Seconds that the app may take to close after its training, before the process ends over its head."""


class TerminalGone(Message):
    """There is nobody to show anything to: close the screen."""


class SignalHandlers:
    """The signals of one app. `install` belongs to the main thread, before the app runs."""

    def __init__(self, app: LogRegApp) -> None:
        self._app = app
        self.is_gone = False
        """True if the terminal went away; the training is to be waited for then."""
        self.status = 0
        """128 plus the number of the signal that ended the app, or 0."""

    def install(self) -> None:
        """Take over the signals and watch the terminal."""
        signal.signal(signal.SIGHUP, self._lose_terminal)
        signal.signal(HAND_OVER_SIGNAL, self._hand_over)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._end)
        threading.Thread(target=_raise_on_hang_up, name="terminal", daemon=True).start()

    def _lose_terminal(self, number: int, frame: FrameType | None) -> None:
        # A shell sends a second SIGHUP, the kernel a SIGCONT, to which Textual would answer by
        # starting its input thread again.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGCONT, signal.SIG_IGN)
        if self.is_gone:
            return
        self.is_gone = True
        _cut_off_terminal()
        self._tell(Leave("hang-up") if self._app.is_watching else Detach())
        threading.Thread(target=self._end_after_training, daemon=True).start()

    def _end(self, number: int, frame: FrameType | None) -> None:
        self.status = 128 + number
        self._tell(Leave(signal.Signals(number).name))

    def _hand_over(self, number: int, frame: FrameType | None) -> None:
        if self.is_gone:
            self._app.control.send(Leave("handed over"))

    def _tell(self, request: Request) -> None:
        self._app.control.send(request)
        # From a thread of its own: only then does the message wake the event loop.
        threading.Thread(target=self._app.post_message, args=(TerminalGone(),), daemon=True).start()

    def _end_after_training(self) -> None:
        """End the process when the training is done, even if the screen hangs in a dead terminal."""
        self._app.runner.join()
        time.sleep(GRACE_S)
        os._exit(self.status or self._app.outcome.status)


def _cut_off_terminal() -> None:
    """Put a pipe that is never readable on standard input and the null device on the outputs."""
    reader, _ = os.pipe()
    os.dup2(reader, 0)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


def _raise_on_hang_up() -> None:
    """Send this process SIGHUP when its terminal hangs up, which nohup does not keep away."""
    poll = select.poll()
    # Without events asked for, only a hang-up or an error is reported.
    poll.register(os.dup(0), 0)
    poll.poll()
    os.kill(os.getpid(), signal.SIGHUP)
