"""Textual's driver for Linux and macOS, sending a terminal only what it does not show already."""

from __future__ import annotations

import signal
import threading
from types import FrameType

from textual.drivers.linux_driver import LinuxDriver

from logreg_tui.tui.app.terminal_copy import TerminalCopy


class ThriftyDriver(LinuxDriver):
    """Compares Textual's paints with a copy of the terminal, on the thread that writes them."""

    _copy_lock = threading.Lock()

    def start_application_mode(self) -> None:
        """Take over the terminal; after a resize its screen counts as unknown."""
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
        """Let the screen of the terminal count as unknown."""
        self._is_copy_stale = True

    def write(self, data: str) -> None:
        """Write the cells that differ from the screen of the terminal."""
        with self._copy_lock:
            if self._is_copy_stale:
                self._is_copy_stale = False
                self._copy.forget()
            if reduced := self._copy.reduce(data):
                super().write(reduced)
