"""Textual's driver for Linux and macOS, sending a terminal only what it does not show already."""

from __future__ import annotations

import signal
import threading
from time import monotonic
from types import FrameType
from typing import TYPE_CHECKING, cast

from textual import events
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from logreg_tui.tui.app.announcer import POP_TITLE, PUSH_TITLE
from logreg_tui.tui.app.terminal_copy import TerminalCopy
from logreg_tui.tui.app.watchdog import end_stuck_app

if TYPE_CHECKING:
    from logreg_tui.tui.app.app import LogRegApp

QUIT_WITHIN_S = 2.0
"""Seconds between two ctrl+c that together quit."""


class ThriftyDriver(LinuxDriver):
    """Compares Textual's paints with a copy of the terminal, on the thread that writes them."""

    _copy_lock = threading.Lock()
    _interrupted_at = -QUIT_WITHIN_S

    def start_application_mode(self) -> None:
        """Take over the terminal; after a resize its screen counts as unknown."""
        self._graphics = cast("LogRegApp", self._app).graphics
        self._copy = TerminalCopy(self._graphics)
        # Not stale: images would be sent before the app's own screen is there; after ctrl+z the app forgets.
        self._is_copy_stale = False
        super().start_application_mode()  # type: ignore[no-untyped-call]
        self.tell(PUSH_TITLE)
        self._graphics.listener = self.show_image
        told = signal.getsignal(signal.SIGWINCH)

        def resize(number: int, frame: FrameType | None) -> None:
            # Not the lock: the signal may come while this thread holds it.
            self.forget()
            if callable(told):
                told(number, frame)

        signal.signal(signal.SIGWINCH, resize)

    def stop_application_mode(self) -> None:
        """Give the terminal back, without images and with the title that it had."""
        self._graphics.listener = lambda number: None
        self.tell(self._graphics.farewell() + POP_TITLE)
        super().stop_application_mode()

    def tell(self, data: str) -> None:
        """Write what changes nothing on the screen, such as a title or a bell."""
        with self._copy_lock:
            super().write(data)

    def show_image(self, number: int) -> None:
        """Write what an image needs that is new, has changed or is gone."""
        with self._copy_lock:
            if data := self._copy.image(number):
                super().write(data)

    def forget(self) -> None:
        """Let the screen of the terminal count as unknown."""
        self._is_copy_stale = True

    def write(self, data: str) -> None:
        """Write the cells that differ from the screen of the terminal."""
        with self._copy_lock:
            lost = ""
            if self._is_copy_stale:
                self._is_copy_stale = False
                self._copy.forget()
                lost = self._graphics.all_images()
            if written := lost + self._copy.reduce(data):
                super().write(written)

    def process_message(self, message: Message) -> None:
        """Pass on what was typed; two ctrl+c end also an app that is too busy to see them."""
        super().process_message(message)
        if isinstance(message, events.Key) and message.key == "ctrl+c":
            before, self._interrupted_at = self._interrupted_at, monotonic()
            if self._interrupted_at - before <= QUIT_WITHIN_S:
                end_stuck_app(cast("LogRegApp", self._app))
