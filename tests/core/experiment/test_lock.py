"""The lock: one trainer per experiment, whoever died, and never a guess about another host."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from helpers.disk import Disk, appended

from logreg_tui.core.errors import Cancelled, UserError
from logreg_tui.core.experiment import lock as lock_module
from logreg_tui.core.experiment.lock import (
    LOCK,
    Held,
    Lock,
    Owner,
    ask,
    boot_id,
    is_locked,
    read_owner,
    wait_until_free,
)
from logreg_tui.core.session.resume import resume_experiment
from logreg_tui.core.session.start import run_experiment
from logreg_tui.core.session.stop import stop_experiment
from logreg_tui.core.settings import ExperimentSettings
from logreg_tui.core.training.events import ExperimentEnded, ExperimentStarted
from logreg_tui.core.training.requests import Control
from logreg_tui.tui.cli.main import main

HOLD = """
import sys
from pathlib import Path
from logreg_tui.core.experiment.lock import Lock
lock = Lock(Path(sys.argv[1]), has_screen=True)
print("locked", flush=True)
sys.stdin.read()
lock.release()
"""
ELSEWHERE = Owner("elsewhere", "boot", 4711)


@contextmanager
def other_process(directory: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a process that holds the lock until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, directory], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def write_record(directory: Path, record: object) -> None:
    (directory / LOCK).write_text(json.dumps(record))


def test_a_lock_names_its_owner_and_is_empty_after_a_clean_end(tmp_path: Path) -> None:
    lock = Lock(tmp_path)
    owner = read_owner(tmp_path)
    assert owner == Owner(socket.gethostname(), boot_id(), os.getpid(), since=owner.since if owner else "")
    assert is_locked(tmp_path)
    lock.release()
    assert not is_locked(tmp_path)
    assert (tmp_path / LOCK).read_bytes() == b""
    lock.release()


def test_a_lock_that_another_process_has_is_refused_and_names_it(tmp_path: Path) -> None:
    with other_process(tmp_path) as process:
        with pytest.raises(Held, match=rf"process {process.pid} on host '{socket.gethostname()}'") as held:
            Lock(tmp_path)
        assert held.value.owner == read_owner(tmp_path)
        assert re.search(r"since \d{4}-\d\d-\d\d \d\d:\d\d UTC", str(held.value))
        assert "watch" in str(held.value)
        assert "take-over" not in str(held.value)
        assert is_locked(tmp_path)
        process.communicate("")
    assert not is_locked(tmp_path)
    assert read_owner(tmp_path) is None


def test_a_lock_is_refused_to_the_process_that_has_it(tmp_path: Path) -> None:
    lock = Lock(tmp_path)
    with pytest.raises(Held):
        Lock(tmp_path)
    lock.release()


def test_an_owner_that_died_on_this_host_is_replaced(tmp_path: Path) -> None:
    with other_process(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        dead = read_owner(tmp_path)
        assert dead is not None
        assert dead.pid == process.pid
        assert not is_locked(tmp_path)
        lock = Lock(tmp_path)
    owner = read_owner(tmp_path)
    assert owner is not None
    assert owner.pid == os.getpid()
    lock.release()


def test_an_owner_on_another_host_is_never_presumed_dead(tmp_path: Path) -> None:
    write_record(tmp_path, {"host": "elsewhere", "boot_id": "boot", "pid": 4711, "has_screen": False})
    with pytest.raises(Held, match="process 4711 on host 'elsewhere'") as held:
        Lock(tmp_path)
    assert f"`logreg-tui resume {tmp_path} --take-over` goes on" in str(held.value)
    assert held.value.owner == ELSEWHERE
    assert read_owner(tmp_path) == ELSEWHERE
    Lock(tmp_path, takes_over=True).release()
    Lock(tmp_path).release()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "[" * 100_000,
        '{"host": "elsewhere"}',
        '{"host": 5, "boot_id": "", "pid": 1, "has_screen": false}',
        '{"host": "elsewhere", "boot_id": "", "pid": "1", "has_screen": false}',
        '{"host": "elsewhere", "boot_id": "", "pid": true, "has_screen": false}',
        '{"host": "elsewhere", "boot_id": "", "pid": -1, "has_screen": false}',
        '{"host": "elsewhere", "boot_id": "", "pid": 0, "has_screen": false}',
        f'{{"host": "elsewhere", "boot_id": "", "pid": {10**30}, "has_screen": false}}',
        "\udcff\udcfe",
    ],
)
def test_a_damaged_record_tells_of_nobody_and_is_replaced(tmp_path: Path, text: str) -> None:
    (tmp_path / LOCK).write_bytes(text.encode(errors="surrogateescape"))
    assert read_owner(tmp_path) is None
    lock = Lock(tmp_path)
    owner = read_owner(tmp_path)
    assert owner == Owner(socket.gethostname(), boot_id(), os.getpid(), since=owner.since if owner else "")
    lock.release()


@pytest.mark.parametrize("pid", [-1, 0])
def test_no_record_makes_anybody_signal_more_than_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pid: int
) -> None:
    settings = ExperimentSettings(dataset="digits", device="cpu", epochs=10, runs_dir=str(tmp_path))
    list(run_experiment(settings, Control(), print))
    (directory,) = tmp_path.iterdir()
    signalled: list[int] = []
    monkeypatch.setattr(os, "kill", lambda number, _: signalled.append(number))
    monkeypatch.setattr(lock_module, "POLL_S", 0)
    owner = {"host": socket.gethostname(), "boot_id": boot_id(), "pid": pid, "has_screen": False}
    write_record(directory, owner)
    with (directory / LOCK).open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(Held, match="another process"):
            list(resume_experiment(directory, Control(), print))
        assert stop_experiment(directory) is None
    assert signalled == []


def test_a_lock_that_cannot_be_had_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot lock"):
        Lock(tmp_path / "nowhere")
    (tmp_path / LOCK).mkdir()
    with pytest.raises(UserError, match="cannot lock"):
        Lock(tmp_path)
    assert not is_locked(tmp_path)
    assert read_owner(tmp_path) is None


def test_a_lock_whose_record_the_disk_refuses_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch, tmp_path)
    disk.fault = appended(lambda line: 0, errno.EIO)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        Lock(tmp_path)
    disk.fault = lambda call: None
    assert not is_locked(tmp_path)
    Lock(tmp_path).release()


@pytest.mark.parametrize("moments", [3, None])
def test_a_look_at_a_lock_keeps_nobody_from_taking_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moments: int | None
) -> None:
    """Somebody looks for `moments` times 1 ms; None is a process that is stopped just then."""
    (tmp_path / LOCK).touch()
    looks = (tmp_path / LOCK).open()
    fcntl.flock(looks, fcntl.LOCK_SH)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == moments:
            looks.close()

    monkeypatch.setattr(lock_module.time, "sleep", sleep)
    monkeypatch.setattr(lock_module.time, "monotonic", lambda: sum(slept))
    if moments is None:
        with pytest.raises(Held, match="another process"):
            Lock(tmp_path)
    else:
        Lock(tmp_path).release()
        assert len(slept) == moments


def test_losing_the_screen_is_recorded(tmp_path: Path) -> None:
    lock = Lock(tmp_path, has_screen=True)
    lock.lose_screen()
    owner = read_owner(tmp_path)
    assert owner is not None
    assert not owner.has_screen
    assert is_locked(tmp_path)
    lock.release()


def test_renewing_locks_the_file_that_stands_there_now(tmp_path: Path) -> None:
    lock = Lock(tmp_path)
    lock.renew(tmp_path)
    (tmp_path / LOCK).unlink()
    assert not is_locked(tmp_path)
    lock.renew(tmp_path)
    assert is_locked(tmp_path)
    owner = read_owner(tmp_path)
    assert owner is not None
    assert owner.pid == os.getpid()
    lock.release()
    assert (tmp_path / LOCK).read_bytes() == b""


def test_renewing_does_not_take_the_lock_from_who_took_over(tmp_path: Path) -> None:
    lock = Lock(tmp_path)
    (tmp_path / LOCK).unlink()
    with other_process(tmp_path) as process:
        with pytest.raises(Held, match=f"process {process.pid}"):
            lock.renew(tmp_path)
        owner = read_owner(tmp_path)
        assert owner is not None
        assert owner.pid == process.pid
    lock.release()


def test_a_lock_that_was_moved_with_its_directory_is_given_back_where_it_is(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    lock = Lock(old)
    old.rename(new)
    assert is_locked(new)
    lock.release()
    assert not is_locked(new)
    assert read_owner(new) is None


def test_waiting_ends_when_the_lock_is_free_or_nobody_waits_any_more(tmp_path: Path) -> None:
    assert wait_until_free(tmp_path, 0, lambda: False)
    lock = Lock(tmp_path)
    assert not wait_until_free(tmp_path, 0, lambda: False)
    with pytest.raises(Cancelled):
        wait_until_free(tmp_path, 60, lambda: True)

    def release() -> bool:
        lock.release()
        return False

    assert wait_until_free(tmp_path, 60, release)


def test_a_record_that_names_an_innocent_process_gets_it_no_signal(tmp_path: Path) -> None:
    with other_process(tmp_path), (tmp_path / LOCK).open("ab") as opened:
        # It has the file open, as a reader may, and not the lock.
        innocent = subprocess.Popen(["sleep", "60"], pass_fds=[opened.fileno()])
        try:
            owner = Owner(socket.gethostname(), boot_id(), innocent.pid)
            with pytest.raises(PermissionError, match="does not hold the lock"):
                ask(tmp_path, owner, signal.SIGTERM, print)
            assert innocent.poll() is None
        finally:
            innocent.kill()
            innocent.wait()


def test_the_process_that_holds_the_lock_gets_the_signal(tmp_path: Path) -> None:
    with other_process(tmp_path) as process:
        owner = read_owner(tmp_path)
        assert owner is not None
        ask(tmp_path, owner, signal.SIGTERM, print)
        assert process.wait(timeout=60) == -signal.SIGTERM


def test_a_process_that_is_gone_is_said_to_be(tmp_path: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    with pytest.raises(ProcessLookupError, match="not to be seen"):
        ask(tmp_path, Owner(socket.gethostname(), boot_id(), gone.pid), signal.SIGTERM, print)


def test_a_container_of_this_host_that_was_killed_is_replaced_and_one_that_trains_is_not(
    tmp_path: Path,
) -> None:
    Lock(tmp_path).release()
    write_record(tmp_path, {"host": "container", "boot_id": boot_id(), "pid": 7, "has_screen": False})
    # The kernel is the same, so its lock tells.
    Lock(tmp_path).release()
    with other_process(tmp_path), pytest.raises(Held):
        Lock(tmp_path)


@pytest.mark.parametrize("make", ["pipe", "endless"])
def test_what_is_no_file_in_the_place_of_the_lock_is_refused_at_once(tmp_path: Path, make: str) -> None:
    os.mkfifo(tmp_path / LOCK) if make == "pipe" else (tmp_path / LOCK).symlink_to("/dev/zero")
    assert read_owner(tmp_path) is None
    assert not is_locked(tmp_path)
    with pytest.raises(UserError, match="cannot lock"):
        Lock(tmp_path)


def test_a_record_of_a_later_version_is_read(tmp_path: Path) -> None:
    write_record(tmp_path, {"host": "elsewhere", "boot_id": "boot", "pid": 4711, "queue": "long"})
    assert read_owner(tmp_path) == ELSEWHERE


@pytest.mark.parametrize("since", ["2026-11-30T13:20:05Z", "", "\x1b[31mnever", "9" * 99])
def test_an_owner_is_named_with_its_time_if_there_is_one(since: str) -> None:
    text = str(Owner("else\x1b[31mwhere", "boot", 4711, since=since))
    assert text.startswith(r"process 4711 on host 'else\x1b")
    assert text.endswith(" since 2026-11-30 13:20 UTC") == (since[:4] == "2026")
    assert text.isprintable()


# File systems without locks


@pytest.fixture(params=[errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS])
def without_locks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(lock_module.fcntl, "flock", refuse)


@pytest.mark.usefixtures("without_locks")
def test_without_locks_the_record_alone_tells(tmp_path: Path) -> None:
    lock = Lock(tmp_path)
    assert "this file system has no locks" in str(lock.notice)
    assert is_locked(tmp_path)
    with pytest.raises(Held, match="--take-over"):
        Lock(tmp_path)
    Lock(tmp_path, takes_over=True)
    lock.release()
    assert not is_locked(tmp_path)


@pytest.mark.usefixtures("without_locks")
def test_without_locks_an_owner_that_died_here_is_replaced(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    here = {"host": socket.gethostname(), "has_screen": False}
    # One that is gone, one whose number another process has by now, one from before the machine was started.
    for record in (
        {"boot_id": boot_id(), "pid": gone.pid},
        {"boot_id": boot_id(), "pid": os.getpid(), "since": "2001-01-01T00:00:00Z"},
        {"boot_id": "earlier", "pid": os.getpid()},
    ):
        write_record(tmp_path, {**here, **record})
        assert not is_locked(tmp_path)
        Lock(tmp_path).release()
    # Its processes are numbered otherwise: nobody knows.
    write_record(tmp_path, {"host": "container", "boot_id": boot_id(), "pid": gone.pid})
    assert is_locked(tmp_path)
    with pytest.raises(Held, match="on host 'container'.*--take-over"):
        Lock(tmp_path)


@pytest.mark.usefixtures("without_locks")
def test_without_locks_a_training_is_begun_stopped_and_taken_up_with_a_warning(tmp_path: Path) -> None:
    settings = ExperimentSettings(dataset="digits", epochs=20, device="cpu", runs_dir=str(tmp_path))
    begun = next(run_experiment(settings, Control(), lambda _: None))
    assert isinstance(begun, ExperimentStarted)
    assert "has no locks" in str(begun.notice)
    directory = Path(begun.directory)
    assert stop_experiment(directory) is None
    happened = list(resume_experiment(directory, Control(), lambda _: None))
    notices = [str(event.notice) for event in happened if isinstance(event, ExperimentStarted)]
    assert "has no locks" in notices[0]
    assert isinstance(happened[-1], ExperimentEnded)


def test_an_owner_elsewhere_is_taken_for_gone_at_ones_own_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ExperimentSettings(dataset="digits", epochs=20, device="cpu", runs_dir=str(tmp_path))
    stream = run_experiment(settings, Control(), lambda _: None)
    begun = next(stream)
    assert isinstance(begun, ExperimentStarted)
    stream.close()
    directory = Path(begun.directory)
    write_record(directory, {"host": "elsewhere", "boot_id": "boot", "pid": 4711})
    assert main(["resume", str(directory), "--no-screen"]) == 1
    assert "process 4711 on host 'elsewhere'" in capsys.readouterr().err
    assert main(["resume", str(directory), "--no-screen", "--take-over"]) == 0
    assert read_owner(directory) is None
