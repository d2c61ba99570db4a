"""Runs of earlier experiments on the same data, for curves under those of a running one.

Reads config.json and metrics.csv of the newest experiments beside a directory; of a long file only
parts. Never raises because of them: what is damaged is left out. Meant for a thread of its own.
"""

from __future__ import annotations

import math
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from logreg_tui.core.errors import UserError
from logreg_tui.core.experiment.config import CONFIG, read_config
from logreg_tui.core.experiment.lock import is_locked
from logreg_tui.core.experiment.metrics import METRICS, parse_row
from logreg_tui.core.files import MOST_BYTES, open_regular
from logreg_tui.core.text import escape_control_chars

EXPERIMENTS = 5
RUNS_EACH = 2
"""Of each experiment those with the lowest newest test loss."""
LOOKED_AT = 100
"""Directories whose config.json is read in search of the same data."""
POINTS = 512
"""Rows that are kept of a run, evenly among those read."""
CONFIG_BYTES = 1 << 20
WHOLE_BYTES = 4 << 20
"""A longer metrics.csv is read in parts only, of this size together."""
PARTS = 128
NAMES = ("epoch", "elapsed_s", "train_loss", "test_loss", "train_accuracy", "test_accuracy")
STAMP = re.compile(r"\d{4}(\d{4})T(\d{4})\d{2}-(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True, eq=False)
class EarlierRun:
    """One run of an earlier experiment, thinned: the columns of metrics.csv, shape (rows,) each."""

    experiment: str
    """The name of its directory, without control characters."""
    number: int
    epoch: np.ndarray
    elapsed_s: np.ndarray
    train_loss: np.ndarray
    test_loss: np.ndarray
    train_accuracy: np.ndarray
    test_accuracy: np.ndarray

    @property
    def name(self) -> str:
        """The experiment's month, day, time and label, and the number of the run."""
        match = STAMP.fullmatch(self.experiment)
        return f"{'{}-{} {}'.format(*match.groups()) if match else self.experiment} {self.number}"


def earlier_runs(directory: Path, most: int = EXPERIMENTS) -> list[EarlierRun]:
    """Return the best runs of the `most` newest experiments beside `directory` on the same data.

    The newest first. Experiments that are being trained are left out.
    """
    fingerprint = _fingerprint(directory)
    if fingerprint is None:
        return []
    found: list[EarlierRun] = []
    experiments = 0
    try:
        own = Path(os.path.realpath(directory))
        folders = [path for path in own.parent.iterdir() if path != own and not path.name.startswith(".")]
    except OSError:
        return []
    # Names begin with the time.
    folders.sort(key=lambda path: path.name, reverse=True)
    for other in folders[:LOOKED_AT]:
        if experiments == most:
            break
        if _fingerprint(other) == fingerprint and not is_locked(other):
            runs = _runs_of(other)
            experiments += bool(runs)
            found += runs
    return found


def _fingerprint(directory: Path) -> str | None:
    """Return the fingerprint of an experiment's data; None if it cannot be read."""
    with suppress(OSError, UserError):
        path = directory / CONFIG
        if os.path.isfile(path) and path.stat().st_size <= CONFIG_BYTES:
            return read_config(directory).fingerprint
    return None


def _runs_of(directory: Path) -> list[EarlierRun]:
    """Return the runs with the lowest newest test loss, of those with at least two whole rows."""
    rows: defaultdict[int, list[tuple[float, ...]]] = defaultdict(list)
    with suppress(OSError):
        for row in filter(None, map(parse_row, _lines(directory / METRICS))):
            values, kept = tuple(getattr(row, name) for name in NAMES), rows[row.run]
            is_whole = None not in values and math.isfinite(values[1])
            if is_whole and (not kept or values[0] > kept[-1][0]):
                kept.append(values)
    name, runs = escape_control_chars(directory.name), []
    for number, kept in rows.items():
        if len(kept) > 1:
            at = np.unique(np.linspace(0, len(kept) - 1, min(POINTS, len(kept))).astype(int))
            runs.append(EarlierRun(name, number, *np.array(kept)[at].T))

    def final_loss(run: EarlierRun) -> float:
        return float(run.test_loss[-1]) if math.isfinite(run.test_loss[-1]) else math.inf

    return sorted(runs, key=final_loss)[:RUNS_EACH]


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the whole lines of a file; of a long one those of its end and of parts spread over it."""
    with open_regular(path, most=MOST_BYTES) as file:
        size = os.fstat(file.fileno()).st_size
        if size <= WHOLE_BYTES:
            # A last line without its end is being written, or was cut.
            yield from file.read(WHOLE_BYTES).split(b"\n")[:-1]
            return
        length = WHOLE_BYTES // PARTS
        for at in range(PARTS):
            file.seek(at * (size - length) // (PARTS - 1))
            yield from file.read(length).split(b"\n")[1 if at else 0 : -1]
