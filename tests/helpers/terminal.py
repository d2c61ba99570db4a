"""A program in a real pseudo-terminal: what it shows, keys sent to it, and what it leaves behind.

One session and one controlling terminal per program, as a terminal emulator or sshd gives it. A
thread reads all the time, as a terminal does, so that the program never waits for its output.
"""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import termios
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import pyte

from helpers.running import DEADLINE_S, wait_until

ROWS, COLUMNS = 40, 120
POLL_S = 0.02
CTRL_Z = "\x1a"
LEAVE_ALTERNATE_SCREEN, SHOW_CURSOR = b"\x1b[?1049l", b"\x1b[?25h"
ENTER_ALTERNATE_SCREEN, HIDE_CURSOR = b"\x1b[?1049h", b"\x1b[?25l"


class Terminal:
    """A terminal of 120 x 40 characters with one program in it; leaving the context ends both."""

    def __init__(
        self,
        words: Sequence[str | Path],
        folder: Path,
        environment: Mapping[str, str],
        before: Callable[[], object] = lambda: None,
    ) -> None:
        """Start a program; `before` is called in its process, just before it runs."""
        self._master, slave = pty.openpty()
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()
        self._is_open = True
        self.written = b""
        """All that the program wrote."""
        self._text = (-1, "")
        """Bytes written, and the screen's text after them: reading it off takes long."""

        def take_terminal() -> None:
            os.login_tty(slave)
            before()

        # Not in the environment: a size there would outlive a change of the terminal's.
        size = {"LINES", "COLUMNS"}
        os.set_blocking(self._master, False)
        _set_size(slave)
        self.process = subprocess.Popen(
            words,
            cwd=folder,
            env={name: value for name, value in environment.items() if name not in size},
            preexec_fn=take_terminal,
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while self._is_open:
            if not select.select([self._master], [], [], POLL_S)[0]:
                continue
            try:
                data = os.read(self._master, 65536)
            except OSError:
                return
            with self._lock:
                self.written += data
                self._stream.feed(data)

    @property
    def text(self) -> str:
        """The text on the screen now, a line per row."""
        with self._lock:
            if self._text[0] != len(self.written):
                lines = [line.rstrip() for line in self._screen.display]
                self._text = len(self.written), "\n".join(lines)
            return self._text[1]

    @property
    def is_restored(self) -> bool:
        """True if the program gave back the first screen and the cursor."""
        with self._lock:
            data = self.written
        return data.rfind(LEAVE_ALTERNATE_SCREEN) > data.rfind(ENTER_ALTERNATE_SCREEN) and data.rfind(
            SHOW_CURSOR
        ) > data.rfind(HIDE_CURSOR)

    @property
    def last_words(self) -> str:
        """The text written after the app's screen was left."""
        with self._lock:
            return self.written.rpartition(LEAVE_ALTERNATE_SCREEN)[2].decode().replace("\r\n", "\n")

    def send(self, keys: str) -> None:
        """Press keys."""
        os.write(self._master, keys.encode())

    def resize(self, columns: int, rows: int) -> None:
        """Change its size, of which the program is told; what it shows is read as if it had not changed."""
        termios.tcsetwinsize(self._master, (rows, columns))

    def wait_for(self, text: str, deadline_s: float = DEADLINE_S) -> None:
        """Wait until the screen shows a text, wrapped or not. Raises AssertionError with the screen."""
        wait_until(
            lambda: text in " ".join(self.text.split()),
            lambda: f"{text!r} on the screen, which shows\n{self.text}",
            deadline_s,
        )

    def wait_for_end(self, deadline_s: float = DEADLINE_S) -> int:
        """Wait until the program has ended and all it wrote is read; return its exit status."""
        status = self.process.wait(deadline_s)
        self._reader.join(deadline_s)
        return status

    def hang_up(self) -> None:
        """Close the terminal, as the end of a connection does."""
        if self._is_open:
            self._is_open = False
            self._reader.join()
            os.close(self._master)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process_id in _session(self.process.pid):
            with suppress(ProcessLookupError):
                os.kill(process_id, signal.SIGKILL)
        self.process.wait()
        self.hang_up()


def _session(session: int) -> list[int]:
    """Return the processes of a session: a job of a shell outlives it otherwise."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            found += [int(folder.name)] if int(fields[3]) == session else []
    return found


def _set_size(descriptor: int) -> None:
    termios.tcsetwinsize(descriptor, (ROWS, COLUMNS))
