"""A watch over the event loop, from a thread of its own: it notices a screen that no longer answers."""

from __future__ import annotations

import faulthandler
import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import ScreenError

from logreg_tui.core.experiment.directory import open_error_log, utc_now

if TYPE_CHECKING:
    from logreg_tui.tui.app.app import LogRegApp

TICK_S = 1.0
PATIENCE = 5
"""Ticks without an answer after which the screen counts as stuck. A process that is stopped does not tick."""
INTERRUPT_PATIENCE_S = 0.5
"""Seconds that a screen has to answer after a second ctrl+c."""


class Watchdog:
    """Asks for a sign of life at each tick; sounds an alarm once for each time that none comes for long."""

    def __init__(self, ask: Callable[[Callable[[], None]], object], alarm: Callable[[], object]) -> None:
        """`ask` has its argument called by the event loop; `alarm` is called on the watchdog's thread."""
        self._ask = ask
        self._alarm = alarm
        self._is_over = threading.Event()
        self._has_answered = True
        self._missed = 0

    def start(self) -> None:
        """Watch until `stop`."""
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        """Watch no longer."""
        self._is_over.set()

    def _watch(self) -> None:
        while not self._is_over.wait(TICK_S):
            self.tick()

    def tick(self) -> None:
        """Take note of the answer since the last tick, or of its absence."""
        if self._has_answered:
            self._has_answered, self._missed = False, 0
            self._ask(self._answer)
            return
        self._missed += 1
        if self._missed == PATIENCE:
            self._alarm()

    def _answer(self) -> None:
        self._has_answered = True


def ask_screen(app: LogRegApp, answer: Callable[[], None]) -> None:
    """Have `answer` called once app and screen have dealt with all that was asked of them before."""

    def ask() -> None:
        with suppress(ScreenError):
            app.screen.call_later(answer)

    # The app may have gone, and its event loop with it.
    with suppress(RuntimeError):
        app.call_later(ask)


def end_stuck_app(app: LogRegApp) -> None:
    """Send this process SIGINT unless its screen answers soon; returns at once."""

    def run() -> None:
        has_answered = threading.Event()
        ask_screen(app, has_answered.set)
        if not has_answered.wait(INTERRUPT_PATIENCE_S) and app.is_running:
            os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=run, name="interrupt", daemon=True).start()


def report_stuck_screen(app: LogRegApp) -> None:
    """Write the stacks of all threads beside the rows, and have everything laid out anew."""
    # A terminal that takes nothing holds the screen up for a reason that no stack shows.
    if sys.__stdout__ is not None and not select.select([], [sys.__stdout__], [], 0)[1]:
        return
    experiment = app.history.experiment
    if experiment is not None and not app.is_watching:
        with suppress(OSError), open_error_log(Path(experiment.directory)) as file:
            told = f"{utc_now()}: the screen has not answered for {PATIENCE * TICK_S:g} s; its threads:\n"
            file.write(told.encode())
            faulthandler.dump_traceback(file)
    with suppress(RuntimeError):
        app.call_later(app.action_repaint)
