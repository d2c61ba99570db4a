"""The app's answers to signals and to the loss of its terminal.

Textual has no handler for SIGHUP and SIGTERM: it would die at once, or, with SIGHUP ignored, spin
on the end of its input. Here the screen ends and the training goes on to its end without one.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

from textual.message import Message

from logreg_tui.core.experiment.lock import HAND_OVER_SIGNAL
from logreg_tui.core.training.requests import Detach, Leave, Request

if TYPE_CHECKING:
    from logreg_tui.tui.app.app import LogRegApp

GRACE_S = 1.2
"""Seconds that the app may take to close, before the process ends over its head."""
LEAVE_WITHIN_S = 0.6
"""Patience with a training that is to leave under a screen that does not close."""
RESTORE_WITHIN_S = 0.2
"""Patience with a terminal that is to be given back."""


class TerminalGone(Message):
    """There is nobody to show anything to: close the screen."""


class SignalHandlers:
    """The signals of one app. `install` belongs to the main thread, before the app runs."""

    def __init__(self, app: LogRegApp, last_words: Callable[[], str]) -> None:
        """`last_words` are printed where the signal ends a screen that hangs."""
        self._app = app
        self._last_words = last_words
        self.is_gone = False
        """True if the terminal went away; the training is to be waited for then."""
        self.status = 0
        """128 plus the number of the signal that ended the app, or 0."""
        self._is_closed = threading.Event()

    def install(self) -> None:
        """Take over the signals and watch the terminal."""
        signal.signal(signal.SIGHUP, self._lose_terminal)
        signal.signal(HAND_OVER_SIGNAL, self._hand_over)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._end)
        threading.Thread(target=_raise_on_hang_up, name="terminal", daemon=True).start()

    def note_close(self) -> None:
        """Take note that the screen has closed, so that it is not ended over its head."""
        self._is_closed.set()

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
        if _is_in_background():
            # The terminal is the shell's, as after ctrl+z: whatever asks it is stopped again.
            _cut_off_terminal()
        self._tell(Leave(signal.Signals(number).name))
        threading.Thread(target=self._end_stuck_screen, daemon=True).start()

    def _hand_over(self, number: int, frame: FrameType | None) -> None:
        if self.is_gone:
            self._app.control.send(Leave("handed over"))

    def _tell(self, request: Request) -> None:
        self._app.control.send(request)
        # From a thread of its own: only then does the message wake the event loop.
        threading.Thread(target=self._app.post_message, args=(TerminalGone(),), daemon=True).start()

    def _end_after_training(self) -> None:
        """End the process when the training is done, or soon and with a checkpoint if the screen hangs."""
        if not self._is_closed.wait(GRACE_S) and self._app.is_running:
            self._app.control.send(Leave("hang-up"))
            self._app.runner.stop(LEAVE_WITHIN_S)
        else:
            self._app.runner.join()
            time.sleep(GRACE_S)
        os._exit(self.status or self._app.outcome.status)

    def _end_stuck_screen(self) -> None:
        """End a process whose screen does not close, once its training has left."""
        if self._is_closed.wait(GRACE_S):
            return
        self._app.runner.stop(LEAVE_WITHIN_S)
        restoring = threading.Thread(target=self._give_back_terminal, daemon=True)
        restoring.start()
        restoring.join(RESTORE_WITHIN_S)
        os._exit(self.status)

    def _give_back_terminal(self) -> None:
        self._app.restore_terminal()
        print(self._last_words(), end="", file=sys.__stdout__, flush=True)


def _is_in_background() -> bool:
    """Return whether this process belongs to a job that its terminal has put aside."""
    try:
        return os.tcgetpgrp(0) != os.getpgrp()
    except OSError:
        return False


def _cut_off_terminal() -> None:
    """Put a pipe that has nothing more to say on standard input and the null device on the outputs."""
    reader, writer = os.pipe()
    os.dup2(reader, 0)
    # A character that is no key of ours: Textual's thread may be about to read, and would never come back.
    os.write(writer, b"\0")
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
