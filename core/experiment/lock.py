"""The lock of an experiment: a kernel lock on a file that names host, boot and process.

The kernel gives the lock back when its process ends, however it ends. The record is emptied on a
clean end only, so that on a shared file system an owner on another host, whose lock this host may
not see, is never presumed dead. Where the file system has no locks, the record alone tells.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, astuple, dataclass, fields
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from shlex import quote
from tempfile import TemporaryFile
from typing import IO, Any

from logreg_tui.core.errors import Cancelled, UserError
from logreg_tui.core.experiment.config import parse_moment, utc_text
from logreg_tui.core.files import open_regular, read_regular, reason
from logreg_tui.core.text import describe, quoted

LOCK = "lock"
POLL_S = 0.05
PROBES_S = 1.0
"""Longest time for which those who only look may keep a lock from the one who takes it."""
MOST_RECORD_BYTES = 1 << 12
NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
"""Errors of file systems without kernel locks, as some mounts of Lustre and NFS are."""
LATE_S = 60.0
"""Seconds by which the clocks may differ that say when a process began and when it took the lock."""
HAND_OVER_SIGNAL = signal.SIGUSR1
"""Asks a process that trains without a screen to checkpoint and leave."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that trains an experiment, or did when it died."""

    host: str
    boot_id: str
    pid: int
    has_screen: bool = False
    since: str = ""
    """When it took the lock, ISO 8601 in UTC; empty if that was not recorded."""

    def __str__(self) -> str:
        moment = parse_moment(self.since)
        since = f" since {moment:%Y-%m-%d %H:%M} UTC" if moment else ""
        return f"process {self.pid} on host {quoted(self.host)}{since}"

    @property
    def is_here(self) -> bool:
        """True if it runs, or ran, under this kernel, whose locks this process sees.

        A container has a host name of its own, and the boot of its host.
        """
        return self.host == socket.gethostname() or self.boot_id == boot_id() != ""

    @property
    def is_alive(self) -> bool:
        """True unless its process is known to be gone, by its number and the time at which that one began."""
        if self.host != socket.gethostname():
            # In a container, which numbers its processes itself, or on another host.
            return True
        if self.boot_id != boot_id():
            return False
        psutil: Any = import_module("psutil")
        try:
            began = psutil.Process(self.pid).create_time()
        except psutil.NoSuchProcess:
            return False
        except psutil.Error:
            return True
        moment = parse_moment(self.since)
        return moment is None or began <= moment.timestamp() + LATE_S


class Held(UserError):
    """Another process trains the experiment."""

    def __init__(self, directory: Path, owner: Owner | None, *, is_unsure: bool = False) -> None:
        """`is_unsure` says that no kernel lock proves it."""
        self.owner = owner
        who = "another process" if owner is None else str(owner)
        place = quote(str(directory))
        remedy = f"`logreg-tui watch {place}` shows it without touching it"
        if is_unsure:
            remedy += f"; if that process is gone, `logreg-tui resume {place} --take-over` goes on"
        super().__init__(f"{str(directory)!r} is being trained by {who}: {remedy}")


class Lock:
    """The lock of one directory, held by this process until `release`."""

    def __init__(self, directory: Path, *, has_screen: bool = False, takes_over: bool = False) -> None:
        """Take the lock; with `takes_over` also from an owner of which this host cannot know that it lives.

        Raises Held if another process has it, UserError if it cannot be had, OSError if
        the record of its owner cannot be written.
        """
        self.notice: str | None = None
        """A warning for the user if nothing keeps another process away."""
        self._has_screen = has_screen
        self._takes_over = takes_over
        self._since = utc_text(datetime.now(UTC))
        self._file = self._take(directory)
        try:
            self._write()
        except OSError:
            self._file.close()
            raise

    def _take(self, directory: Path) -> IO[bytes]:
        try:
            file = open_regular(directory / LOCK, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            try:
                has_locks = self._flock(file)
                if os.fstat(file.fileno()).st_nlink == 0:
                    raise FileNotFoundError(errno.ENOENT, "it was deleted this very moment")
                owner = read_owner(directory)
                is_unsure = owner is not None and (owner.is_alive if not has_locks else not owner.is_here)
                if is_unsure and not self._takes_over:
                    raise Held(directory, owner, is_unsure=True)
            except BaseException:
                file.close()
                raise
        except BlockingIOError as error:
            raise Held(directory, read_owner(directory)) from error
        except OSError as error:
            raise UserError(f"cannot lock {str(directory)!r}: {reason(error)}") from error
        return file

    def _flock(self, file: IO[bytes]) -> bool:
        """Lock a file; return False if its file system knows no locks."""
        try:
            _lock_exclusively(file)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            self.notice = (
                f"this file system has no locks ({reason(error)}): see to it yourself that no process on "
                "another host trains this experiment too"
            )
            return False
        return True

    def _write(self) -> None:
        owner = Owner(socket.gethostname(), boot_id(), os.getpid(), self._has_screen, self._since)
        self._file.truncate(0)
        self._file.write(json.dumps(asdict(owner)).encode())

    def lose_screen(self) -> None:
        """Record, if the disk takes it, that this process goes on without a screen."""
        self._has_screen = False
        # What goes on has nobody to tell of a refusal, and can do without.
        with suppress(OSError):
            self._write()

    def renew(self, directory: Path) -> None:
        """Lock the file that stands in `directory` now, if the one that was locked has been deleted."""
        with suppress(OSError):
            if os.path.samestat(os.fstat(self._file.fileno()), (directory / LOCK).stat()):
                return
        held, self._file = self._file, self._take(directory)
        held.close()
        self._write()

    def release(self) -> None:
        """Give the lock back, as a clean end does."""
        if not self._file.closed:
            with suppress(OSError):
                self._file.truncate(0)
            with suppress(OSError):
                self._file.close()


def _lock_exclusively(file: IO[bytes]) -> None:
    """Lock a file. Raises BlockingIOError if another process has it, OSError if it cannot be had."""
    end = time.monotonic() + PROBES_S
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            # An owner lets nobody share; whoever only looks, as `is_locked`, does, and is done at once.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            fcntl.flock(file, fcntl.LOCK_UN)
            if time.monotonic() > end:
                raise
        time.sleep(0.001)


def read_owner(directory: Path) -> Owner | None:
    """Return the owner of the lock of a directory, or the last one if it died; None if there is none.

    A record that is damaged tells of nobody.
    """
    try:
        record = json.loads(read_regular(directory / LOCK, MOST_RECORD_BYTES))
        # A later version may record more.
        owner = Owner(**{field.name: record[field.name] for field in fields(Owner) if field.name in record})
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    kinds = [type(value) for value in astuple(owner)]
    # A signal to process 0 or -1 would reach all processes of a group or of a user.
    return owner if kinds == [str, str, int, bool, str] and 0 < owner.pid < 2**31 else None


def ask(directory: Path, owner: Owner, number: signal.Signals, progress: Callable[[str], None]) -> None:
    """Send the process that trains an experiment a signal; one that is suspended goes on, to answer it.

    `progress` is told of that in a line. Raises OSError, also if it is not one of this user's that holds the
    lock: a record is a file like any other, and may name an innocent process.
    """
    # Loaded when it is needed: a start does without.
    psutil: Any = import_module("psutil")
    with _pinned(owner.pid) as send:
        try:
            process = psutil.Process(owner.pid)
            is_owner = process.uids().real == os.getuid() and _holds(process, directory / LOCK)
            is_suspended = process.status() == psutil.STATUS_STOPPED
        except psutil.Error as error:
            raise ProcessLookupError(errno.ESRCH, f"it is not to be seen ({describe(error)})") from error
        if not is_owner:
            raise PermissionError(errno.EPERM, "it does not hold the lock, or is another user's")
        send(number)
        if is_suspended:
            progress(f"Process {owner.pid} is suspended, as by ctrl+z: it is let go on, to leave")
            send(signal.SIGCONT)


@contextmanager
def _pinned(pid: int) -> Iterator[Callable[[signal.Signals], None]]:
    """Give what sends signals to this process, and to none that gets its number later if the system can."""
    try:
        descriptor = os.pidfd_open(pid)
    # Not on macOS, and not everywhere in a sandbox.
    except (AttributeError, OSError):
        yield lambda number: os.kill(pid, number)
        return
    try:
        yield lambda number: signal.pidfd_send_signal(descriptor, number)
    finally:
        os.close(descriptor)


def _holds(process: Any, path: Path) -> bool:  # noqa: ANN401  psutil has no types
    """Return if a process has the lock of a file; if the kernel does not tell, if it has the file open."""
    wanted, tells = path.stat(), _has_locks(path) and _kernel_tells_locks()
    for opened in process.open_files():
        with suppress(OSError):
            is_it = os.path.samestat(Path(opened.path).stat(), wanted)
            if is_it and (not tells or _is_locked_through(process.pid, opened.fd)):
                return True
    return False


def _kernel_tells_locks() -> bool:
    """Return if /proc lists locks by their descriptors: not on macOS, nor in every sandbox."""
    with suppress(OSError), TemporaryFile() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        return _is_locked_through(os.getpid(), file.fileno())
    return False


def _is_locked_through(pid: int, descriptor: int) -> bool:
    return "FLOCK" in Path(f"/proc/{pid}/fdinfo/{descriptor}").read_text()


def is_locked(directory: Path) -> bool:
    """Return whether a process that this host can see trains the experiment now."""
    try:
        with open_regular(directory / LOCK) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError as error:
        owner = read_owner(directory) if error.errno in NO_LOCKS else None
        return owner is not None and owner.is_here and owner.is_alive
    return False


def _has_locks(path: Path) -> bool:
    try:
        with open_regular(path) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in NO_LOCKS
    return True


def wait_until_free(directory: Path, timeout_s: float, is_cancelled: Callable[[], bool]) -> bool:
    """Wait until nobody trains the experiment; return whether that came true in time.

    Raises Cancelled if `is_cancelled` says so.
    """
    end = time.monotonic() + timeout_s
    while is_locked(directory):
        if is_cancelled():
            raise Cancelled
        if time.monotonic() > end:
            return False
        time.sleep(POLL_S)
    return True


def wait_until_taken(directory: Path, timeout_s: float, is_over: Callable[[], bool]) -> None:
    """Wait until somebody trains the experiment, until `is_over`, or for so many seconds."""
    end = time.monotonic() + timeout_s
    while not (is_locked(directory) or is_over() or time.monotonic() > end):
        time.sleep(POLL_S)


def boot_id() -> str:
    """Return the identifier of this boot of this host, or '' if the system does not say."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""
