"""Measure what the app sends to its terminal, in bytes per second: what SSH has to carry.

    PYTHONPATH=tests python -m helpers.bytes_per_second [--size 120x40] [--seconds 40] [--paused] [-- options]

Opens the installed `logreg-tui` in a pseudo-terminal, in an empty folder of its own, waits until it
has trained for four seconds (with `--paused` until it has paused, by the space key), and counts for so
many seconds. Prints the bytes sent before that, then those of every second, their median, mean, 95th
percentile and total. The default run trains on what `--dataset auto` finds; to count with MNIST:

    PYTHONPATH=tests python -m helpers.bytes_per_second -- --dataset mnist --data-dir FOLDER

A terminal that supports synchronized output (the pseudo-terminal here answers no query) is sent 16
bytes more per frame.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import termios
import time
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from helpers.running import COMMAND, DEADLINE_S, begun, wait_for_event, wait_for_rows, wait_until
from helpers.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAST_ROWS = 20
"""Rows after which the screen is complete: the first ones still widen its figures."""
SETTLED_S = 4.0
"""Training after which the axis of epochs grows rarely: it does with every doubling of this time."""
REST_S = 2.0
"""Seconds without a byte after which the screen has said all it has to say."""


@contextmanager
def trained(
    folder: Path, environment: dict[str, str], options: Sequence[str], size: tuple[int, int] = (120, 40)
) -> Iterator[tuple[Terminal, Path]]:
    """Open the app in a terminal of `size` (columns, rows); give it and the directory once it trains."""

    def resize() -> None:
        termios.tcsetwinsize(0, (size[1], size[0]))

    # A view that the user left open would be counted in place of the curves.
    own = {**environment, "XDG_CONFIG_HOME": str(folder)}
    with Terminal([COMMAND, *options], folder, own, resize) as terminal:
        directory = begun(folder, terminal.process)
        wait_for_rows(directory, LEAST_ROWS)
        yield terminal, directory


def settle(directory: Path, seconds: float = SETTLED_S) -> None:
    """Wait until the training has lasted so many seconds."""
    wait_until(lambda: elapsed(directory) > seconds, lambda: f"{seconds} s of training")


def elapsed(directory: Path) -> float:
    """Return the seconds of training in the last whole row of metrics.csv."""
    lines = (directory / "metrics.csv").read_text().rpartition("\n")[0].splitlines()
    return float(lines[-1].split(",")[lines[0].split(",").index("elapsed_s")])


def pause(terminal: Terminal, directory: Path) -> None:
    """Pause and wait until the screen stands still."""
    terminal.send(" ")
    wait_for_event(directory, "paused")
    wait_until(lambda: not sum(count(terminal, REST_S)), lambda: "a screen that stands still")


def count(terminal: Terminal, seconds: float) -> list[int]:
    """Return the bytes that the program writes in each of the next seconds, the last one maybe shorter."""
    start = now = time.monotonic()
    before = len(terminal.written)
    counts = []
    while now < start + seconds:
        time.sleep(min(1.0, start + seconds - now))
        now, after = time.monotonic(), len(terminal.written)
        counts.append(after - before)
        before = after
    return counts


def summary(counts: Sequence[int]) -> str:
    """Return the figures of some seconds in two lines."""
    last = sorted(counts)[round(0.95 * (len(counts) - 1))]
    figures = f"median {statistics.median(counts):,.0f}   mean {statistics.mean(counts):,.0f}   p95 {last:,}"
    return f"bytes by second: {' '.join(map(str, counts))}\n{figures}   total {sum(counts):,}"


def parse_arguments(words: Sequence[str]) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description="bytes per second that the app sends to its terminal")
    parser.add_argument("--size", default="120x40", help="COLUMNSxROWS of the terminal (120x40)")
    parser.add_argument("--seconds", type=float, default=40.0, help="how long to count (40)")
    parser.add_argument("--paused", action="store_true", help="pause first")
    parser.add_argument("options", nargs="*", metavar="-- options", help="of logreg-tui")
    return parser.parse_args(words)


def main(words: Sequence[str]) -> None:
    """Measure and print."""
    arguments = parse_arguments(words)
    columns, rows = map(int, arguments.size.split("x"))
    environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    with (
        TemporaryDirectory() as folder,
        trained(Path(folder), environment, arguments.options, (columns, rows)) as (terminal, directory),
    ):
        if arguments.paused:
            pause(terminal, directory)
        else:
            settle(directory)
        print(f"{len(terminal.written):,} bytes so far")
        print(summary(count(terminal, arguments.seconds)))
        terminal.send("q")
        terminal.wait_for_end(DEADLINE_S)


if __name__ == "__main__":
    main(sys.argv[1:])
