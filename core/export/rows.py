"""The rows of metrics.csv as plain values, checked, for the writers of other formats.

Experiment directories may come from strangers: a line that is no row is counted, not believed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from logreg_tui.core.errors import UserError
from logreg_tui.core.experiment.metrics import CSV_HEADER, METRICS, MetricsRow, parse_row
from logreg_tui.core.files import reason


class Exported(NamedTuple):
    """What was written."""

    rows: int
    left_out: int
    """Lines that are no rows, because somebody has edited them."""
    runs: int = 0


def whole_lines(directory: Path) -> list[bytes]:
    """Return the lines of metrics.csv, the header first; a last one still being written is left out.

    Raises UserError where there is no such file.
    """
    path = directory / METRICS
    try:
        with path.open("rb") as file:
            lines = [line for line in file if line.endswith(b"\n")]
    except OSError as error:
        raise UserError(
            f"{str(directory)!r} is not an experiment directory: cannot read {METRICS}: {reason(error)}"
        ) from error
    if not lines or not lines[0].startswith(b"run,epoch,"):
        raise _no_header(path)
    return lines


def read_rows(directory: Path) -> tuple[list[MetricsRow], int]:
    """Return the rows in the order of the file, and how many lines are none. Raises UserError."""
    header, *lines = whole_lines(directory)
    if header.decode(errors="replace").rstrip() != CSV_HEADER.rstrip():
        raise _no_header(directory / METRICS)
    rows = [row for row in map(parse_row, lines) if row is not None]
    return rows, len(lines) - len(rows)


def named(directories: Sequence[Path], spelled: Callable[[str], str] = str) -> dict[str, Path]:
    """Return each directory once, by its own name as `spelled`, with -2, -3 ... behind one that is taken."""
    different = {os.path.realpath(directory): directory for directory in directories}
    found: dict[str, Path] = {}
    for real, directory in different.items():
        name = spelled(os.path.basename(real))
        number = 1
        while (free := f"{name}-{number}" if number > 1 else name) in found:
            number += 1
        found[free] = directory
    return found


def _no_header(path: Path) -> UserError:
    return UserError(f"{str(path)!r} has no header of metrics.csv: name an experiment directory")
