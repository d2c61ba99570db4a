"""The directory of an experiment: create it, append to it, save to it.

A directory appears complete by one rename; config.json says how it was started, metrics.csv and
events.jsonl are only ever appended to, checkpoint.pt is replaced atomically.
"""

from __future__ import annotations

import errno
import fcntl
import itertools
import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Self

from logreg_tui.core.errors import UserError
from logreg_tui.core.experiment.config import (
    CONFIG,
    MOST_CONFIG_BYTES,
    ExperimentConfig,
    utc_text,
    write_config,
)
from logreg_tui.core.experiment.event_log import EVENTS, MOST_EVENT_BYTES, to_record
from logreg_tui.core.experiment.lock import LOCK, Held, Lock, read_owner
from logreg_tui.core.experiment.metrics import CSV_HEADER, METRICS, csv_line
from logreg_tui.core.files import (
    AppendOnlyFile,
    clear_drafts,
    is_stream,
    open_regular,
    read_regular,
    reason,
    replace_regular,
    sync_folder,
    synced_draft,
    write_synced,
)
from logreg_tui.core.training import events

CHECKPOINT = "checkpoint.pt"
PREVIOUS_CHECKPOINT = "checkpoint.previous.pt"
DRAFT = ".new-"
"""Beginning of the name of a directory that is not complete yet."""
_DRAFT_NAME = re.compile(r"\.new-(\d+-)?[0-9a-f]{8}")
ERROR_LOG = "error.log"
DETACHED_LOG = "detached.log"
"""The output of a training that goes on after its screen was left."""

FIRST_LENGTHS = {METRICS: len(CSV_HEADER), EVENTS: 0}
"""Bytes in the two growing files of a new directory."""


def check_outside(target: Path) -> None:
    """Raise UserError if a file or folder to be written would lie in an experiment's directory."""
    if is_stream(target):
        return
    resolved = Path(os.path.realpath(target))
    for place in resolved, *resolved.parents:
        if all(os.path.isfile(place / name) for name in (CONFIG, METRICS)):
            raise UserError(f"{str(target)!r} lies in an experiment's own directory: choose another place")


class WriteError(UserError):
    """The disk refused a write; what had been written is safe, and the write may be tried again."""


class Experiment:
    """One experiment directory, locked by this process and open for appending."""

    def __init__(self, directory: Path, lock: Lock) -> None:
        """Take over a complete directory and its lock. Raises OSError."""
        self.directory = directory
        self.lock = lock
        self._config = read_regular(directory / CONFIG, MOST_CONFIG_BYTES)
        self._metrics = AppendOnlyFile(directory / METRICS)
        self._events = AppendOnlyFile(directory / EVENTS)

    @classmethod
    def create(
        cls,
        runs_dir: Path,
        label: str,
        config: ExperimentConfig,
        write_checkpoint: Callable[[IO[bytes]], object],
        *,
        has_screen: bool = False,
    ) -> Experiment:
        """Make `runs_dir/<UTC time>-<label>`, or with -2, -3 ... behind it if that exists.

        `write_checkpoint` writes the checkpoint of step 0, which belongs to files of the lengths
        FIRST_LENGTHS. Raises UserError if the directory cannot be made.
        """
        try:
            runs_dir.mkdir(parents=True, exist_ok=True)
            clear_abandoned(runs_dir)
            with ExitStack() as undo:
                draft, lock = _locked_draft(runs_dir, has_screen)
                undo.callback(shutil.rmtree, draft, ignore_errors=True)
                undo.callback(lock.release)
                write_config(draft, config)
                write_synced(draft / METRICS, lambda file: file.write(CSV_HEADER.encode()))
                write_synced(draft / EVENTS, lambda file: None)
                write_synced(draft / CHECKPOINT, write_checkpoint)
                sync_folder(draft)
                experiment = cls(draft, lock)
                undo.callback(experiment.close)
                experiment._move(_rename_to_free_name(draft, f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{label}"))
                undo.pop_all()
            sync_folder(runs_dir)
            return experiment
        except (OSError, UserError) as error:
            cause = reason(error) if isinstance(error, OSError) else str(error)
            raise UserError(
                f"cannot make an experiment in {str(runs_dir)!r}: {cause}; choose another --runs-dir"
            ) from error

    @classmethod
    def reopen(cls, directory: Path, lock: Lock, lengths: Mapping[str, int]) -> Experiment:
        """Go on writing to a directory whose lock is held, from a checkpoint that belongs to `lengths`.

        Rows past the checkpoint are cut; of the events only a last line without its end is, which
        nobody ever saw. Raises OSError.
        """
        clear_drafts(directory, "*")
        data = read_regular(directory / EVENTS, MOST_EVENT_BYTES)
        for name, length in ((METRICS, lengths[METRICS]), (EVENTS, data.rfind(b"\n") + 1)):
            with open_regular(directory / name, os.O_WRONLY | os.O_APPEND) as file:
                file.truncate(length)
        return cls(directory, lock)

    def append_rows(self, rows: Iterable[events.RowLogged]) -> None:
        """Append lines to metrics.csv, all or none. Raises WriteError."""
        with self._refusals_named(METRICS):
            self._metrics.append("".join(map(csv_line, rows)).encode())

    def append_event(self, event: events.Event) -> None:
        """Append one line to events.jsonl, unless the event is never recorded. Raises WriteError."""
        record = to_record(event)
        if record is not None:
            line = json.dumps({"time": utc_now(), **record}, allow_nan=False)
            with self._refusals_named(EVENTS):
                self._events.append(line.encode() + b"\n")

    def save(self, name: str, write: Callable[[IO[bytes]], object]) -> None:
        """Replace a file atomically by what `write` writes. Raises WriteError."""
        with self._refusals_named(name):
            replace_regular(self.directory / name, write)

    def save_checkpoint(self, write: Callable[[IO[bytes]], object]) -> None:
        """Replace checkpoint.pt, keep the one before, and sync what it belongs to. Raises WriteError."""
        current = self.directory / CHECKPOINT
        with self._refusals_named(CHECKPOINT):
            self._metrics.sync()
            self._events.sync()
            with synced_draft(current, write) as draft:
                # Between the two renames the one before is the newest: a loader falls back to it.
                with suppress(FileNotFoundError):
                    current.replace(self.directory / PREVIOUS_CHECKPOINT)
                draft.replace(current)
            sync_folder(self.directory)

    def _move(self, directory: Path) -> None:
        self.directory = directory
        self._metrics.path, self._events.path = directory / METRICS, directory / EVENTS

    @contextmanager
    def _refusals_named(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            # Of a directory that is gone the system says no more than "No such file or directory".
            is_gone = isinstance(error, FileNotFoundError) and not os.path.exists(self.directory)
            cause = "its directory was deleted" if is_gone else reason(error)
            raise WriteError(f"cannot write {str(self.directory / name)!r}: {cause}") from error

    @property
    def lengths(self) -> dict[str, int]:
        """Bytes of the two growing files: what a checkpoint taken now belongs to."""
        return {METRICS: self._metrics.size, EVENTS: self._events.size}

    @property
    def checksum(self) -> int:
        """CRC-32 of metrics.csv as it is."""
        return self._metrics.checksum

    def restore_file(self) -> None:
        """Put back what was deleted or moved away while it was open. Raises UserError."""
        with self._refusals_named(CONFIG):
            self.directory.mkdir(parents=True, exist_ok=True)
            self.lock.renew(self.directory)
            if not os.path.exists(self.directory / CONFIG):
                replace_regular(self.directory / CONFIG, lambda file: file.write(self._config))
            self._metrics.restore_file()
            self._events.restore_file()

    def log_error(self, text: str) -> Path:
        """Append a traceback to error.log and return its path. Raises OSError."""
        with open_error_log(self.directory) as file:
            file.write(f"{utc_now()}\n{text}\n".encode(errors="backslashreplace"))
        return self.directory / ERROR_LOG

    def close(self) -> None:
        """Close the files and give the lock back, whatever is refused. Raises WriteError."""
        with ExitStack() as closing:
            closing.callback(self.lock.release)
            for name, file in ((METRICS, self._metrics), (EVENTS, self._events)):
                # Only now some network file systems say that there was no room.
                closing.enter_context(self._refusals_named(name))
                closing.callback(file.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        try:
            self.close()
        except WriteError:
            # Behind another error, the first is the one to be told.
            if kind is None:
                raise


def open_error_log(directory: Path) -> IO[bytes]:
    """Open error.log, unbuffered, to append to it. Raises OSError, also if something else has its name."""
    return open_regular(directory / ERROR_LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def utc_now() -> str:
    """Return the time as ISO 8601 in UTC, to the millisecond."""
    return utc_text(datetime.now(UTC))


def clear_abandoned(runs_dir: Path) -> None:
    """Remove what processes that were killed have left of experiments that were never complete."""
    with suppress(OSError):
        for draft in runs_dir.glob(f"{DRAFT}*"):
            if draft.is_symlink() or not _DRAFT_NAME.fullmatch(draft.name):
                continue
            with suppress(OSError), open_regular(draft / LOCK, os.O_RDWR | os.O_APPEND | os.O_CREAT) as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                owner = read_owner(draft)
                if owner is None or owner.is_here:
                    shutil.rmtree(draft, ignore_errors=True)


def _locked_draft(runs_dir: Path, has_screen: bool) -> tuple[Path, Lock]:
    """Make a folder that no other process takes for abandoned. Raises OSError and UserError."""
    while True:
        draft = runs_dir / f"{DRAFT}{secrets.token_hex(4)}"
        draft.mkdir()
        try:
            return draft, Lock(draft, has_screen=has_screen)
        except BaseException as error:
            # One that was quicker than the lock clears it away this very moment.
            is_taken = isinstance(error, Held) or (isinstance(error, UserError) and not os.path.exists(draft))
            shutil.rmtree(draft, ignore_errors=True)
            if not is_taken:
                raise


def _rename_to_free_name(draft: Path, name: str) -> Path:
    for number in itertools.count(1):
        target = draft.with_name(f"{name}-{number}" if number > 1 else name)
        if os.path.exists(target):
            continue
        try:
            return draft.rename(target)
        except OSError as error:
            # Another process took the name just now.
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
    raise AssertionError("unreachable: the numbers do not end")
