"""Textual's driver for Linux and macOS, sending a terminal only what it does not show already."""

from __future__ import annotations

import signal
import threading
from types import FrameType

from textual.drivers.linux_driver import LinuxDriver

from logreg_tui.tui.app.terminal_copy import TerminalCopy


class ThriftyDriver(LinuxDriver):
    """Compares what Textual paints with a copy of the terminal, on whatever thread it is written."""

    _copy_lock = threading.Lock()

    def start_application_mode(self) -> None:
        """Take over the terminal; after a resize, what it shows counts as unknown."""
        self._copy = TerminalCopy()
        self._is_copy_stale = False
        super().start_application_mode()  # type: ignore[no-untyped-call]
        told = signal.getsignal(signal.SIGWINCH)

        def resize(number: int, frame: FrameType | None) -> None:
            # Not the lock: the signal may come while this thread holds it.
            self.forget()
            if callable(told):
                told(number, frame)

        signal.signal(signal.SIGWINCH, resize)

    def forget(self) -> None:
        """Take nothing of what the terminal shows for granted."""
        self._is_copy_stale = True

    def write(self, data: str) -> None:
        """Write what differs from what the terminal shows."""
        with self._copy_lock:
            if self._is_copy_stale:
                self._is_copy_stale = False
                self._copy.forget()
            if reduced := self._copy.reduce(data):
                super().write(reduced)
