"""The directory that keeps an experiment: create, lock, append, checkpoint, list.

A directory appears complete by one rename; config.json says how it was started, metrics.csv and
events.jsonl are only ever appended to, checkpoint.pt is replaced atomically.
"""

from __future__ import annotations

import errno
import fcntl
import itertools
import json
import os
import secrets
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from logreg_tui.core import events
from logreg_tui.core.errors import UserError
from logreg_tui.core.files import reason, replace_file

FORMAT = 1
"""Version of config.json and checkpoint.pt."""

CONFIG = "config.json"
METRICS = "metrics.csv"
EVENTS = "events.jsonl"
CHECKPOINT = "checkpoint.pt"
PREVIOUS_CHECKPOINT = "checkpoint.previous.pt"
LOCK = "lock"
ERROR_LOG = "error.log"

CSV_COLUMNS = (
    "run",
    "epoch",
    "elapsed_s",
    "head",
    "l2",
    "learning_rate",
    "train_loss",
    "l2_penalty",
    "test_loss",
    "train_accuracy",
    "test_accuracy",
)
CSV_HEADER = ",".join(CSV_COLUMNS) + "\n"
FIRST_LENGTHS = {METRICS: len(CSV_HEADER), EVENTS: 0}
"""Bytes in the two growing files of a new directory."""


def csv_line(row: events.RowLogged) -> str:
    """Return a row of metrics.csv: floats in full precision, nan and inf as such."""
    return ",".join(str(getattr(row, name)) for name in CSV_COLUMNS) + "\n"


class Experiment:
    """One experiment directory, locked by this process and open for appending."""

    def __init__(self, directory: Path, lock: IO[str]) -> None:
        self.directory = directory
        self._lock = lock
        # Unbuffered: every line is with the operating system when the call returns.
        self._metrics = (directory / METRICS).open("ab", buffering=0)
        self._events = (directory / EVENTS).open("ab", buffering=0)

    @classmethod
    def create(
        cls, runs_dir: Path, label: str, config: dict[str, Any], write_checkpoint: Callable[[IO[bytes]], None]
    ) -> Experiment:
        """Make `runs_dir/<UTC time>-<label>`, or with -2, -3 ... behind it where that exists.

        `write_checkpoint` writes the checkpoint of step 0, which belongs to files of the lengths
        FIRST_LENGTHS. Raises UserError where the directory cannot be made.
        """
        try:
            runs_dir.mkdir(parents=True, exist_ok=True)
            draft = runs_dir / f".new-{os.getpid()}-{secrets.token_hex(4)}"
            draft.mkdir()
        except OSError as error:
            raise UserError(
                f"cannot make an experiment in {str(runs_dir)!r}: {reason(error)}; choose another --runs-dir"
            ) from error
        lock = None
        try:
            _write_json(draft / CONFIG, {"format": FORMAT, **config})
            (draft / METRICS).write_text(CSV_HEADER)
            (draft / EVENTS).touch()
            replace_file(draft / CHECKPOINT, write_checkpoint)
            lock = take_lock(draft)
            directory = _rename_to_free_name(draft, f"{_started_at()}-{label}")
        except OSError as error:
            if lock is not None:
                lock.close()
            _remove_draft(draft)
            raise UserError(
                f"cannot write to {str(runs_dir)!r}: {reason(error)}; choose another --runs-dir"
            ) from error
        return cls(directory, lock)

    @classmethod
    def reopen(cls, directory: Path, lock: IO[str], lengths: Mapping[str, int]) -> Experiment:
        """Go on writing to a directory whose lock is held, from a checkpoint that belongs to `lengths`.

        Rows past the checkpoint are cut; of the events only a last line without its end is, which
        nobody ever saw. Raises OSError.
        """
        os.truncate(directory / METRICS, lengths[METRICS])
        events_file = directory / EVENTS
        data = events_file.read_bytes()
        os.truncate(events_file, data.rfind(b"\n") + 1)
        return cls(directory, lock)

    def append_row(self, row: events.RowLogged) -> None:
        """Append one line to metrics.csv. Raises UserError where the disk refuses it."""
        self._append(self._metrics, csv_line(row), METRICS)

    def append_event(self, event: events.Event) -> None:
        """Append one line to events.jsonl, unless the event is not kept there."""
        record = events.to_record(event)
        if record is not None:
            line = json.dumps({"time": utc_now(), **record}, allow_nan=False)
            self._append(self._events, line + "\n", EVENTS)

    def _append(self, file: IO[bytes], text: str, name: str) -> None:
        data = text.encode()
        try:
            written = file.write(data)
        except OSError as error:
            raise self._write_error(name, reason(error)) from error
        if written != len(data):
            raise self._write_error(name, "only a part of a line was written; is the disk full?")

    def _write_error(self, name: str, cause: str) -> UserError:
        return UserError(f"cannot write {str(self.directory / name)!r}: {cause}; what is written is safe")

    def save(self, name: str, write: Callable[[IO[bytes]], None]) -> None:
        """Replace a file atomically by what `write` writes. Raises UserError."""
        try:
            replace_file(self.directory / name, write)
        except OSError as error:
            raise self._write_error(name, reason(error)) from error

    def save_checkpoint(self, write: Callable[[IO[bytes]], None]) -> None:
        """Replace checkpoint.pt, keep the one before, and sync what it belongs to. Raises UserError."""
        current, draft = self.directory / CHECKPOINT, self.directory / f".{CHECKPOINT}.new"
        try:
            os.fsync(self._metrics.fileno())
            os.fsync(self._events.fileno())
            replace_file(draft, write)
            # Between the two renames the one before is the newest: whoever loads falls back to it.
            with suppress(FileNotFoundError):
                current.replace(self.directory / PREVIOUS_CHECKPOINT)
            draft.replace(current)
        except OSError as error:
            raise self._write_error(CHECKPOINT, reason(error)) from error

    @property
    def lengths(self) -> dict[str, int]:
        """Bytes of the two growing files: what a checkpoint taken now belongs to."""
        return {METRICS: self._metrics.tell(), EVENTS: self._events.tell()}

    def log_error(self, text: str) -> Path:
        """Append a traceback to error.log and return its path."""
        path = self.directory / ERROR_LOG
        with path.open("a") as file:
            file.write(f"{utc_now()}\n{text}\n")
        return path

    def close(self) -> None:
        """Close the files and give the lock back."""
        self._metrics.close()
        self._events.close()
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def utc_now() -> str:
    """Return the time as ISO 8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _write_json(path: Path, record: dict[str, Any]) -> None:
    path.write_text(json.dumps(record, indent=2, allow_nan=False) + "\n")


def _remove_draft(draft: Path) -> None:
    for path in draft.iterdir():
        path.unlink()
    draft.rmdir()


def _started_at() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}"


def _rename_to_free_name(draft: Path, name: str) -> Path:
    for number in itertools.count(1):
        target = draft.with_name(f"{name}-{number}" if number > 1 else name)
        if target.exists():
            continue
        try:
            return draft.rename(target)
        except OSError as error:
            # Another process took the name just now.
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
    raise AssertionError("unreachable: the numbers do not end")


def take_lock(directory: Path) -> IO[str]:
    """Lock the directory for as long as the file returned stays open. Raises OSError where it is locked."""
    file = (directory / LOCK).open("a+")
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    file.truncate(0)
    file.write(json.dumps({"host": socket.gethostname(), "boot_id": boot_id(), "pid": os.getpid()}))
    file.flush()
    return file


def boot_id() -> str:
    """Return what identifies this boot of this host, or '' where the system does not say."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""
