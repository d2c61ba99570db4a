"""Measurements in processes of their own: start-up times and the cost of the screen.

A program with a screen runs in a pseudo-terminal that is read all the time, as a terminal emulator
does. Every process is killed when its figures are there, or when the benchmark itself is ended.
"""

from __future__ import annotations

import os
import pty
import re
import select
import shlex
import signal
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import FrameType

from logreg_tui.core.bench.results import PairedTimes, ScreenCost, Spread, StartUp
from logreg_tui.core.errors import UserError
from logreg_tui.core.experiment.metrics import parse_row
from logreg_tui.core.text import counted

COLUMNS, ROWS = 120, 40
SCREEN_S = 6.0
"""The least time for which each training is watched."""
LEAST_EPOCHS = 80
"""The least number of epochs of it, rows being 10 apart."""
SCREEN_PAIRS = 3
SPARE_EPOCHS = 4
"""Factor on the epochs that a training should need: it ends even if nobody ends it."""
DEADLINE_S = 300.0
"""The most time until a process shows what is waited for: data may have to be read, or downloaded."""
POLL_S = 0.1

ENTER_ALTERNATE_SCREEN = b"\x1b[?1049h"
ESCAPES = re.compile(
    rb"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI
    rb"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC
    rb"|\x1b[PX^_].*?\x1b\\"  # DCS, SOS, PM, APC
    rb"|\x1b[ -/]*[0-OQ-WYZ\\`-~]"  # everything else of two characters or more
    rb"|\x1b.*\Z",  # cut off
    re.DOTALL,
)


def has_drawn(written: bytes) -> bool:
    """Return True if any character but blanks was drawn after the switch to the alternate screen."""
    _, switch, after = written.partition(ENTER_ALTERNATE_SCREEN)
    return bool(switch) and bool(ESCAPES.sub(b"", after).split())


def epochs_per_second(rows: Sequence[tuple[int, float]], seconds: float) -> float:
    """Return the speed between a quarter of `seconds` and all of it, of rows of epoch and elapsed seconds.

    Raises UserError if there are fewer than two such rows.
    """
    counted = [row for row in rows if seconds / 4 <= row[1] <= seconds]
    if len(counted) < 2 or counted[-1][1] <= counted[0][1]:
        raise UserError(
            f"{seconds:g} s are too short to see the cost of the screen at this speed: use --no-screen"
        )
    (first_epoch, start), (last_epoch, end) = counted[0], counted[-1]
    return (last_epoch - first_epoch) / (end - start)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the program by SystemExit, so that no process is left behind."""

    def leave(number: int, frame: FrameType | None) -> None:
        sys.exit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Child:
    """A process in a pseudo-terminal, or without one; leaving the context kills it."""

    def __init__(self, words: Sequence[str], *, has_terminal: bool = False) -> None:
        """Start it. No function runs in the new process: that would make its start wait for a fork."""
        self.words = words
        self._master: int | None = None
        stream = subprocess.DEVNULL
        if has_terminal:
            self._master, stream = pty.openpty()
            termios.tcsetwinsize(stream, (ROWS, COLUMNS))
        self._process = subprocess.Popen(
            words, stdin=stream, stdout=stream, stderr=stream, env=_environment(), start_new_session=True
        )
        if has_terminal:
            os.close(stream)

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.wait()
        if self._master is not None:
            os.close(self._master)

    def read(self, timeout_s: float) -> bytes:
        """Return what it wrote to its terminal, or nothing when time is up. Raises UserError at its end."""
        if self._master is None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout_s)
                raise self.ended()
            return b""
        if not select.select([self._master], [], [], timeout_s)[0]:
            return b""
        with suppress(OSError):
            if data := os.read(self._master, 65536):
                return data
        raise self.ended()

    def wait(self) -> int:
        """Wait until the process has ended and return its status."""
        # With a deadline Python would look now and then only, up to 50 ms late.
        return self._process.wait()

    def ended(self) -> UserError:
        """Return the error of a process that ended before it was expected to, or failed."""
        status = self._process.wait()
        return UserError(
            f"a command that was to be timed ended with status {status}; "
            f"to see why, run: {shlex.join(self.words)}"
        )


def _environment() -> dict[str, str]:
    # A size there would hide the terminal's own.
    kept = {name: value for name, value in os.environ.items() if name not in ("LINES", "COLUMNS")}
    # The user's own defaults are not what is measured.
    kept["LOGREG_TUI_CONFIG"] = ""
    if kept.get("TERM", "dumb") == "dumb":
        kept["TERM"] = "xterm-256color"
    return kept


def time_of_command(words: Sequence[str], clock: Callable[[], float] = time.perf_counter) -> float:
    """Return the seconds from start to end of a command. Raises UserError if it fails."""
    start = clock()
    with Child(words) as child:
        if child.wait():
            raise child.ended()
        return clock() - start


def time_of_first_frame(words: Sequence[str], clock: Callable[[], float] = time.perf_counter) -> float:
    """Return the seconds until a program has drawn anything. Raises UserError if it does not."""
    start = clock()
    with Child(words, has_terminal=True) as child:
        written = b""
        while not has_drawn(written):
            if clock() - start > DEADLINE_S:
                raise UserError(f"no screen came within {DEADLINE_S:g} s from: {shlex.join(words)}")
            written += child.read(POLL_S)
        return clock() - start


def measure_start_up(
    command: Sequence[str], pairs: int, progress: Callable[[str], None]
) -> tuple[StartUp, StartUp]:
    """Time `--help` and the first frame of a command, each in turn with the import it cannot do without."""
    progress(f"Timing --help and the first frame: {counted(pairs, 'pair')} each")
    with tempfile.TemporaryDirectory(prefix="logreg-tui-bench-") as folder:
        app = [*command, "--dataset", "digits", "--device", "cpu", "--paused", "--runs-dir", folder]
        return (
            _beside("--help", lambda: time_of_command([*command, "--help"]), "import argparse", pairs),
            _beside("first frame", lambda: time_of_first_frame(app), "import textual.app", pairs),
        )


def _beside(name: str, measure: Callable[[], float], base: str, pairs: int) -> StartUp:
    least = partial(time_of_command, [sys.executable, "-P", "-c", base])
    return StartUp.of(name, base, PairedTimes.in_turn(measure, least, pairs))


def measure_screen(
    command: Sequence[str], options: Sequence[str], epochs_per_s: float, progress: Callable[[str], None]
) -> ScreenCost:
    """Train without and with the screen in turn, each equally long, and compare the epochs reached.

    `options` are those of both commands; `epochs_per_s` is about what they reach.
    """
    seconds = max(SCREEN_S, LEAST_EPOCHS / epochs_per_s)
    words = [*options, "--epochs", str(max(1000, round(SPARE_EPOCHS * seconds * epochs_per_s)))]
    rates = []
    for pair in range(1, SCREEN_PAIRS + 1):
        progress(f"Training without and with the screen: pair {pair} of {SCREEN_PAIRS}")
        without = _rate([*command, "train", *words], seconds)
        rates.append((without, _rate([*command, *words], seconds, has_terminal=True)))
    pairs = PairedTimes(*zip(*rates, strict=True))
    return ScreenCost(
        seconds, (COLUMNS, ROWS), Spread.of(pairs.first), Spread.of(pairs.second), pairs.ratio()
    )


def _rate(words: Sequence[str], seconds: float, *, has_terminal: bool = False) -> float:
    with tempfile.TemporaryDirectory(prefix="logreg-tui-bench-") as folder:
        with Child([*words, "--runs-dir", folder], has_terminal=has_terminal) as child:
            lines = _trained(child, Path(folder), seconds).read_bytes().splitlines()
        rows = [row for row in map(parse_row, lines) if row is not None]
        return epochs_per_second(
            [(row.epoch, row.elapsed_s) for row in rows if row.elapsed_s is not None], seconds
        )


def _trained(child: Child, folder: Path, seconds: float) -> Path:
    """Let a process train for some seconds; return its metrics.csv."""
    deadline_s = DEADLINE_S + 2 * seconds
    end = time.monotonic() + deadline_s
    # The only experiment there is, whose directory appears with its files.
    while not (found := list(folder.glob("[!.]*/metrics.csv"))) or _elapsed(found[0]) < seconds:
        if time.monotonic() > end:
            raise UserError(
                f"no {seconds:g} s of training came within {deadline_s:g} s from: {shlex.join(child.words)}"
            )
        # Read all the time: a full pipe would hold the program up.
        next_look = time.monotonic() + POLL_S
        while (left := next_look - time.monotonic()) > 0:
            child.read(left)
    return found[0]


def _elapsed(path: Path) -> float:
    """Return the seconds of the last row of a metrics.csv, or 0 if there is none yet."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 4096))
        lines = file.read().split(b"\n")[:-1]
    row = parse_row(lines[-1]) if lines else None
    return (row and row.elapsed_s) or 0.0
