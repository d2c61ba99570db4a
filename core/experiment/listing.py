"""Experiments in a runs directory, and the state each of them is in.

Reads, and removes what no living process works on any more.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from logreg_tui.core.errors import UserError
from logreg_tui.core.experiment.config import CONFIG, read_config
from logreg_tui.core.experiment.directory import clear_abandoned
from logreg_tui.core.experiment.event_log import EVENTS, MOST_EVENT_BYTES
from logreg_tui.core.experiment.lock import Owner, is_locked, read_owner
from logreg_tui.core.experiment.metrics import METRICS, newest_rows
from logreg_tui.core.files import MOST_BYTES, clear_drafts, open_regular, reason

TAIL_BYTES = 1 << 16
Skip = Callable[[UserError], object]
"""Called with what is wrong with a directory that is left out."""
T = TypeVar("T")
LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Summary:
    """One experiment as its files show it."""

    directory: Path
    state: str
    """`training`, `paused`, `finished`, `stopped`, `interrupted` or `damaged`."""
    dataset: str
    runs: int
    rows: int
    host: str
    """Host of the process that trains it now; empty if none does."""
    pid: int | None
    accuracy: float | None = None
    """The best test accuracy among the newest rows of its runs."""
    optimizers: tuple[str, ...] = ()
    """Those that it was started with."""


def list_experiments(runs_dir: Path) -> list[Summary]:
    """Return the experiments in a folder, by name. Raises UserError if it cannot be read."""
    try:
        found = [summarize(folder) for folder in sorted(_folders(runs_dir))]
    except OSError as error:
        raise UserError(
            f"cannot read {str(runs_dir)!r}: {reason(error)}; name the folder with --runs-dir"
        ) from error
    clear_abandoned(runs_dir)
    for each in found:
        if each.state in ("finished", "stopped", "interrupted"):
            clear_drafts(each.directory, "*")
    return found


def each_readable(
    directories: Iterable[Path], read: Callable[[Path], T], skip: Skip | None = None
) -> Iterator[tuple[Path, T]]:
    """Yield each directory with what `read` makes of it; with `skip`, of several those are left out that
    cannot be read.

    Raises UserError as `read` does, for one that does not exist always, or if none can be read.
    """
    named = list(directories)
    is_empty = True
    for directory in named:
        try:
            found = read(directory)
        except UserError as error:
            # A name that is mistyped was meant; one that a shell's pattern found is there.
            if skip is None or len(named) == 1 or not os.path.exists(directory):
                raise
            skip(error)
            continue
        is_empty = False
        yield directory, found
    if is_empty:
        raise UserError(f"none of the {len(named)} directories can be used")


def newest_experiment(runs_dir: Path, *, trained: bool = False) -> Path | None:
    """Return the experiment in a folder that started last, None if there is none.

    With `trained` one that a process trains now goes before all others.
    """
    with suppress(OSError):
        folders = _folders(runs_dir)
        return max(folders, key=lambda each: (trained and is_locked(each), _start(each), each), default=None)
    return None


def _folders(runs_dir: Path) -> list[Path]:
    """Return the experiments in a folder. Raises OSError."""
    return [path for path in runs_dir.iterdir() if path.name[0] != "." and os.path.isfile(path / CONFIG)]


def _start(directory: Path) -> datetime:
    """Return when an experiment started; one that cannot be read started before all others."""
    with suppress(UserError):
        return read_config(directory).started or LONG_AGO
    return LONG_AGO


def summarize(directory: Path) -> Summary:
    """Return what the files of one experiment directory say; what cannot be read is `damaged`."""
    try:
        config = read_config(directory)
        rows = _count_lines(directory / METRICS) - 1
        happened = _last_events(directory / EVENTS)
        added = _count_lines(directory / EVENTS, b'"event": "run_started"')
        runs = max(len(config.settings.runs), added)
        newest = newest_rows(directory / METRICS, runs)
    except (OSError, UserError):
        return Summary(directory, "damaged", "", 0, 0, "", None)
    is_live = is_locked(directory)
    owner = read_owner(directory)
    accuracies = [row.test_accuracy for row in newest.values() if row.test_accuracy is not None]
    is_elsewhere = owner is not None and not owner.is_here
    if owner is None or not (is_live or is_elsewhere):
        owner = Owner("", "", 0)
    return Summary(
        directory,
        _state(happened, is_live or is_elsewhere),
        config.dataset,
        runs,
        max(rows, 0),
        owner.host,
        owner.pid or None,
        max(accuracies, default=None),
        tuple(dict.fromkeys(str(run.optimizer) for run in config.settings.runs)),
    )


def _state(happened: list[dict[str, Any]], is_live: bool) -> str:
    names = [event.get("event") for event in happened]
    if is_live:
        pauses = [name for name in names if name in ("paused", "resumed", "stepped", "experiment_resumed")]
        return "paused" if pauses[-1:] == ["paused"] else "training"
    if names[-1:] == ["experiment_ended"] and happened[-1].get("reason") == "finished":
        return "finished"
    return "stopped" if names[-1:] in (["experiment_ended"], ["experiment_left"]) else "interrupted"


def _count_lines(path: Path, needle: bytes = b"\n") -> int:
    with open_regular(path, most=MOST_BYTES) as file:
        return sum(block.count(needle) for block in iter(lambda: file.read(1 << 20), b""))


def _last_events(path: Path) -> list[dict[str, Any]]:
    """Return the newest events that can be read, oldest first."""
    with open_regular(path, most=MOST_EVENT_BYTES) as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL_BYTES))
        lines = file.read(TAIL_BYTES).splitlines()
    found = []
    for line in lines:
        with suppress(ValueError, RecursionError):
            record = json.loads(line)
            if isinstance(record, dict):
                found.append(record)
    return found
