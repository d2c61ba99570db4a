"""The installed command: its path, runs of it in the background, and readers of what it wrote."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from helpers.small_data import NAME

COMMAND = Path(sys.executable).with_name("logreg-tui")
Command = Callable[..., "subprocess.CompletedProcess[str]"]
Uninterrupted = Callable[..., list[str]]

DEADLINE_S = 90.0
"""How long a test waits for what must come; nothing is measured with it."""
POLL_S = 0.005
SMALL = ("--dataset", NAME, "--device", "cpu")
TRAINING = (
    *SMALL,
    *("--head", "sigmoid", "logits", "--schedule", "step", "--step-size", "1200"),
    *("--epochs", "12000", "--log-every", "40", "--report-every", "600"),
)
"""Two runs of a few seconds, with a knob that time turns, 602 rows and many checkpoints."""
ENDLESS = ("--epochs", "100000000")
"""Behind TRAINING: for what a test ends itself."""

HELD = """
import os, sys, time
from importlib.abc import MetaPathFinder

class Hold(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        while name == "torch" and not os.path.exists("go"):
            time.sleep(0.01)

sys.meta_path.insert(0, Hold())
from logreg_tui.tui.cli.main import entry
entry()
"""
"""The program, which loads PyTorch once there is a file `go`: what comes before training lasts until then."""


def wait_until(
    condition: Callable[[], object], what: Callable[[], str], deadline_s: float = DEADLINE_S
) -> None:
    """Wait until a condition is true. Raises AssertionError with `what` was waited for."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what()}"
        time.sleep(POLL_S)


@contextmanager
def background(
    folder: Path, environment: Mapping[str, str], *words: str, before: Callable[[], object] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run `logreg-tui` with some words beside the test; it is killed where the test leaves it running.

    Its outputs go to the files `out` and `err` in `folder`; `before` is called in its process first.
    """
    with (folder / "out").open("w") as out, (folder / "err").open("w") as err:
        process = subprocess.Popen(
            [str(COMMAND), *words],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            text=True,
            preexec_fn=before,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def experiments(folder: Path) -> list[Path]:
    """Return the experiments in `folder`/runs, the oldest first, without one that is not yet whole."""
    return sorted(folder.glob("runs/[!.]*"))


def begun(folder: Path, process: subprocess.Popen[Any]) -> Path:
    """Wait until a process has made the only experiment there is, and return its directory."""
    wait_until(lambda: experiments(folder) or process.poll() is not None, lambda: "the experiment")
    (directory,) = experiments(folder)
    return directory


def happened(directory: Path, name: str, **fields: object) -> bool:
    """Return whether events.jsonl holds an event of that name and with these values."""
    lines = (directory / "events.jsonl").read_text().splitlines(keepends=True)
    records = [json.loads(line) for line in lines if line.endswith("\n")]
    wanted = {"event": name, **fields}
    return any(wanted.items() <= record.items() for record in records)


def wait_for_event(directory: Path, name: str, **fields: object) -> None:
    """Wait until events.jsonl holds an event of that name and with these values."""
    wait_until(lambda: happened(directory, name, **fields), lambda: f"the event {name} {fields}")


def row_count(directory: Path) -> int:
    """Return the lines of metrics.csv without the header."""
    return (directory / "metrics.csv").read_bytes().count(b"\n") - 1


def wait_for_rows(directory: Path, count: int) -> None:
    """Wait until metrics.csv has at least that many rows."""
    wait_until(
        lambda: row_count(directory) >= count, lambda: f"{count} rows, there are {row_count(directory)}"
    )


def figures(directory: Path) -> list[str]:
    """Return the lines of metrics.csv, header and all, without the column elapsed_s."""
    text = (directory / "metrics.csv").read_text()
    assert text.endswith("\n")
    lines = [line.split(",") for line in text.splitlines()]
    column = lines[0].index("elapsed_s")
    return [",".join(line[:column] + line[column + 1 :]) for line in lines]


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def last_event(directory: Path) -> dict[str, Any]:
    """Return the last event that was recorded."""
    record: dict[str, Any] = json.loads((directory / "events.jsonl").read_text().splitlines()[-1])
    return record
