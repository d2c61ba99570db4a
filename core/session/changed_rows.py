"""A metrics.csv that is not as its checkpoint left it: saved by a spreadsheet, cut, or edited.

A checkpoint knows the length and the checksum of the rows it belongs to. Rows that differ in what a
spreadsheet adds alone are written as they were; of others those that can be read, if the user asks for it.
The changed file is always kept.
"""

from __future__ import annotations

import errno
import itertools
import os
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from logreg_tui.core.errors import UserError
from logreg_tui.core.experiment.directory import CHECKPOINT, PREVIOUS_CHECKPOINT
from logreg_tui.core.experiment.event_log import EVENTS, MOST_EVENT_BYTES, joins_of, logged_row, read_events
from logreg_tui.core.experiment.metrics import (
    CSV_HEADER,
    METRICS,
    as_written,
    check_separators,
    csv_line,
    parse_row,
)
from logreg_tui.core.files import MOST_BYTES, open_regular, read_regular, reason, replace_regular
from logreg_tui.core.settings import ExperimentSettings
from logreg_tui.core.text import escape_control_chars
from logreg_tui.core.training.events import RowLogged

if TYPE_CHECKING:
    from logreg_tui.core.engine.engine import Engine
    from logreg_tui.core.training.state import Training

CHANGED = f"{METRICS}.changed"
"""The name under which a changed file is kept; with -2, -3 ... behind it if there is one."""
ABSENT = (None, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EINVAL, errno.EFBIG)
"""Numbers of errors by which a file is missing or none of this program; of others it may be sound."""
Record = Mapping[str, Any]


class RowsChanged(ValueError):
    """The rows are not those that a checkpoint belongs to; the text says how that shows."""


@dataclass(frozen=True, slots=True)
class Found:
    """The newest checkpoint that can be used."""

    record: Record
    training: Training
    rows: bytes | None
    """The content that metrics.csv must have; None if it has it."""
    is_partial: bool
    """True if rows may be missing: the checkpoint must be written again with their new length."""


def newest_checkpoint(
    directory: Path, settings: ExperimentSettings, engine: Callable[[], Engine], *, restores_rows: bool
) -> Found:
    """Return the newest usable checkpoint, restored on an engine without runs.

    If the rows of none are there as they were, they are taken as a spreadsheet saved them, and with
    `restores_rows` those that can be read. Raises UserError.
    """
    from logreg_tui.core.experiment.checkpoint import read_checkpoint, restore

    problems: list[str] = []
    changed: Record | None = None
    for find_rows in (check_rows, same_rows, *((readable_rows,) if restores_rows else ())):
        refused = []
        for name in (CHECKPOINT, PREVIOUS_CHECKPOINT):
            try:
                record = read_checkpoint(directory / name)
                _check_events(directory, record)
                try:
                    rows = find_rows(directory, record, settings)
                except RowsChanged:
                    changed = changed or record
                    raise
                training = restore(record, settings, engine())
            except ValueError as error:
                _check_is_damaged(directory / name, error)
                refused.append(f"{name}: {escape_control_chars(error)}")
                continue
            if refused:
                # A damaged file must not push out the one before when the next checkpoint is written.
                (directory / CHECKPOINT).unlink(missing_ok=True)
            return Found(record, training, rows, is_partial=find_rows is readable_rows)
        problems = problems or refused
    remedy = "`logreg-tui repeat` trains it again from step 0"
    if changed is not None:
        count = readable_rows(directory, changed, settings).count(b"\n") - 1
        remedy = (
            f"`--restore-rows` keeps {METRICS} as {CHANGED} and goes on with the {count:,} of its rows "
            f"that can be read; {remedy}"
        )
    raise UserError(f"{str(directory)!r} has no usable checkpoint ({'; '.join(problems)}): {remedy}")


def _check_is_damaged(checkpoint: Path, refusal: ValueError) -> None:
    """Raise UserError if a checkpoint was refused for a reason of the system's that may pass."""
    cause = refusal.__cause__
    if isinstance(cause, OSError) and cause.errno not in ABSENT:
        raise UserError(
            f"cannot go on from {str(checkpoint)!r}: {escape_control_chars(refusal)}; if that does not pass, "
            "move it away: an older one may be there"
        ) from cause


def _check_events(directory: Path, record: Record) -> None:
    """Raise ValueError unless events.jsonl is as long as a checkpoint says, or longer."""
    length = record["lengths"][EVENTS]
    try:
        with open_regular(directory / EVENTS, most=MOST_EVENT_BYTES) as file:
            if file.seek(0, os.SEEK_END) < length:
                raise ValueError(f"{EVENTS} is shorter than when it was written")
            # Behind that length it must begin with a whole line.
            file.seek(max(length - 1, 0))
            if length < 0 or (length and file.read(1) != b"\n"):
                raise ValueError(f"{EVENTS} was changed since it was written")
    except OSError as error:
        raise ValueError(f"{EVENTS} cannot be read: {reason(error)}") from error


def check_rows(directory: Path, record: Record, settings: ExperimentSettings) -> None:
    """Raise RowsChanged unless metrics.csv begins with the rows of a checkpoint."""
    try:
        with open_regular(directory / METRICS, most=MOST_BYTES) as file:
            _check(file.read(max(record["lengths"][METRICS], 0)), record)
    except OSError as error:
        raise RowsChanged(f"{METRICS} cannot be read: {reason(error)}") from error


def _check(data: bytes, record: Record) -> None:
    length, checksum = record["lengths"][METRICS], record.get("checksum")
    if len(data) < length:
        raise RowsChanged(f"{METRICS} is shorter than when it was written")
    rows, header = data[: max(length, 0)], CSV_HEADER.encode()
    # Checkpoints of earlier versions have no checksum.
    is_same = rows.startswith(header) and rows.endswith(b"\n") and b"\r" not in rows[: len(header) + 1]
    if not is_same or (checksum is not None and zlib.crc32(rows) != checksum):
        raise RowsChanged(f"{METRICS} was changed since it was written")


def same_rows(directory: Path, record: Record, settings: ExperimentSettings) -> bytes:
    """Return the rows as they were if a spreadsheet has saved them and changed none. Raises RowsChanged."""
    data = as_written(_content(directory))
    _check(data, record)
    return data


def readable_rows(directory: Path, record: Record, settings: ExperimentSettings) -> bytes:
    """Return metrics.csv anew, of the rows that can be read and that a checkpoint belongs to, in their order.

    Raises UserError if the file is one of a spreadsheet with other separators or decimal commas.
    """
    data = _content(directory)
    check_separators(directory / METRICS, data)
    lines = read_events(directory / EVENTS)
    joins = joins_of(line.event for line in lines if line.offset < record["lengths"][EVENTS])
    logged = {run["number"]: run["logged_epoch"] for run in record["runs"]}
    for run in record["runs"]:
        joins.setdefault(run["number"], [(-1, run["joined_at"])])
    rows: dict[tuple[int, int], RowLogged] = {}
    for line in as_written(data).split(b"\n"):
        row = logged_row(parse_row(line), joins, settings)
        if row is not None and row.epoch <= logged.get(row.run, -1):
            rows.setdefault((row.run, row.epoch), row)
    ordered = sorted(rows.values(), key=lambda row: (row.step, row.run))
    return (CSV_HEADER + "".join(map(csv_line, ordered))).encode()


def rewrite(directory: Path, rows: bytes) -> str:
    """Replace metrics.csv, keep the one that was there, and return what was done. Raises OSError."""
    data = _content(directory)
    for number in itertools.count(1):
        kept = directory / (f"{CHANGED}-{number}" if number > 1 else CHANGED)
        if not os.path.exists(kept):
            break
    replace_regular(kept, lambda file: file.write(data))
    replace_regular(directory / METRICS, lambda file: file.write(rows))
    count = rows.count(b"\n") - 1
    return f"another program had changed {METRICS}: {count:,} rows are restored, {kept.name} is that file"


def _content(directory: Path) -> bytes:
    try:
        return read_regular(directory / METRICS, MOST_BYTES)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise UserError(f"{str(directory / METRICS)!r} cannot be read: {reason(error)}") from error
