"""Files that are replaced as a whole or grow by whole lines, whatever happens to disk and directory."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import pytest
from helpers.disk import Disk, Fault, appended

from logreg_tui.core import files
from logreg_tui.core.files import (
    LONGEST_LINE,
    AppendOnlyFile,
    clear_drafts,
    is_stream,
    open_regular,
    read_regular,
    replace_file,
    replace_regular,
    whole_lines,
)


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    target.write_text("old")

    def fail(file: IO[bytes]) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        replace_file(target, fail)
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["out.csv"]


def test_a_link_is_written_through_and_a_device_is_not_replaced(tmp_path: Path) -> None:
    real, link = tmp_path / "real.csv", tmp_path / "link.csv"
    real.write_text("old")
    link.symlink_to(real)
    replace_file(link, lambda file: file.write(b"new"))
    assert link.is_symlink()
    assert real.read_text() == "new"
    device = os.stat(os.devnull)
    replace_file(Path(os.devnull), lambda file: file.write(b"gone"))
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)
    assert os.stat(os.devnull).st_ino == device.st_ino


def test_what_a_killed_process_left_is_cleared_away_and_what_a_living_one_writes_stays(
    tmp_path: Path,
) -> None:
    target = tmp_path / "rows [1].csv"
    (tmp_path / f".{target.name}.0123abcd.new").write_text("half")
    others = [".rows 1.csv.0123abcd.new", f".{target.name}.new", ".mine.new", "x.0123abcd.new"]
    for name in others:
        (tmp_path / name).write_text("mine")
    (tmp_path / f".{target.name}.0011aabb.new").symlink_to(tmp_path / ".mine.new")

    def write(file: IO[bytes]) -> None:
        replace_file(target, lambda other: other.write(b"other"))
        assert Path(file.name).exists()
        file.write(b"whole")

    replace_file(target, write)
    assert target.read_bytes() == b"whole"
    assert sorted(os.listdir(tmp_path)) == sorted([target.name, *others, f".{target.name}.0011aabb.new"])


def test_a_draft_that_another_process_clears_away_before_it_is_locked_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, cleared = fcntl.flock, list[Path]()

    def flock(file: IO[bytes], operation: int) -> None:
        if not cleared:
            cleared.append(Path(file.name))
            clear_drafts(tmp_path, "*")
            assert not cleared[0].exists()
        real(file, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    replace_file(tmp_path / "rows.csv", lambda file: file.write(b"rows"))
    assert cleared
    assert os.listdir(tmp_path) == ["rows.csv"]


def test_a_pipe_in_the_place_of_an_own_file_is_replaced_at_once(tmp_path: Path) -> None:
    pipe(tmp_path / "view.json")
    replace_regular(tmp_path / "view.json", lambda file: file.write(b"{}"))
    assert (tmp_path / "view.json").read_bytes() == b"{}"


def test_a_name_is_on_disk_as_well_as_what_it_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk, calls = Disk(monkeypatch, tmp_path), list[tuple[str, str]]()
    disk.fault = lambda call: calls.append((call.kind, call.path))
    replace_file(tmp_path / "rows.csv", lambda file: file.write(b"rows"))
    draft = calls[0][1]
    assert calls == [
        ("open", draft),
        ("write", draft),
        ("fsync", draft),
        ("rename", draft),
        ("close", draft),
        ("open", str(tmp_path)),
        ("fsync", str(tmp_path)),
        ("close", str(tmp_path)),
    ]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "folder" / "metrics.csv"
    path.parent.mkdir()
    path.write_bytes(b"header\n")
    return path


def test_lines_are_in_the_file_at_once(path: Path) -> None:
    file = AppendOnlyFile(path)
    assert file.size == 7
    for line in (b"1\n", b"22\n"):
        file.append(line)
        assert path.read_bytes().endswith(line)
        assert file.size == path.stat().st_size
    file.sync()
    file.close()
    assert path.read_bytes() == b"header\n1\n22\n"


@pytest.mark.parametrize("raises", [True, False])
@pytest.mark.parametrize("room", range(4))
def test_half_a_line_is_taken_back(
    path: Path, room: int, raises: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch, path.parent)
    file = AppendOnlyFile(path)
    file.append(b"1\n")
    disk.fault = appended(lambda line: room, errno.EIO if raises else 0)
    with pytest.raises(OSError, match=os.strerror(errno.EIO if raises else errno.ENOSPC)):
        file.append(b"half\n")
    assert path.read_bytes() == b"header\n1\n"
    assert file.size == 9
    disk.fault = lambda call: None
    file.append(b"2\n")
    assert path.read_bytes() == b"header\n1\n2\n"
    file.close()


def test_half_a_line_that_cannot_be_taken_back_at_once_is_before_the_next_line(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch, path.parent)
    file = AppendOnlyFile(path)
    disk.fault = lambda call: Fault(errno.EIO, len(call.data) // 2)
    for _ in range(2):
        with pytest.raises(OSError, match=os.strerror(errno.EIO)):
            file.append(b"1\n")
    disk.fault = lambda call: None
    assert path.read_bytes() == b"header\n1"
    file.append(b"1\n")
    assert path.read_bytes() == b"header\n1\n"
    file.close()


def test_a_line_for_a_deleted_file_is_refused_and_nothing_is_lost(path: Path) -> None:
    file = AppendOnlyFile(path)
    file.append(b"1\n")
    path.unlink()
    with pytest.raises(OSError, match="deleted"):
        file.append(b"2\n")
    file.restore_file()
    assert path.read_bytes() == b"header\n1\n"
    file.append(b"2\n")
    assert path.read_bytes() == b"header\n1\n2\n"
    file.close()


def test_what_stands_where_a_deleted_file_was_gives_way_to_it(path: Path) -> None:
    file = AppendOnlyFile(path)
    file.append(b"1\n")
    path.unlink()
    path.write_bytes(b"something else\n")
    with pytest.raises(OSError, match="deleted"):
        file.append(b"2\n")
    file.restore_file()
    file.append(b"2\n")
    assert path.read_bytes() == b"header\n1\n2\n"
    file.close()


def test_a_file_that_is_in_its_place_is_left_alone(path: Path) -> None:
    file = AppendOnlyFile(path)
    before = path.stat().st_ino
    file.restore_file()
    assert path.stat().st_ino == before
    file.close()


def test_a_file_goes_with_its_directory_and_is_written_again_in_its_old_place(path: Path) -> None:
    moved = path.parent.with_name("moved")
    file = AppendOnlyFile(path)
    path.parent.rename(moved)
    file.append(b"1\n")
    assert (moved / path.name).read_bytes() == b"header\n1\n"
    with pytest.raises(OSError, match=os.strerror(errno.ENOENT)):
        file.restore_file()
    file.append(b"2\n")
    path.parent.mkdir()
    file.restore_file()
    file.append(b"3\n")
    assert path.read_bytes() == b"header\n1\n2\n3\n"
    assert (moved / path.name).read_bytes() == b"header\n1\n2\n"
    file.close()


def test_a_deleted_directory_is_filled_again(path: Path) -> None:
    file = AppendOnlyFile(path)
    file.append(b"1\n")
    shutil.rmtree(path.parent)
    with pytest.raises(OSError, match="deleted"):
        file.append(b"2\n")
    path.parent.mkdir()
    file.restore_file()
    assert path.read_bytes() == b"header\n1\n"
    assert os.listdir(path.parent) == [path.name]
    file.close()


def pipe(place: Path) -> None:
    os.mkfifo(place)


def endless(place: Path) -> None:
    place.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [pipe, endless, Path.mkdir])
@pytest.mark.parametrize(
    "flags", [os.O_RDONLY, os.O_WRONLY | os.O_APPEND | os.O_CREAT, os.O_RDWR | os.O_APPEND]
)
def test_what_is_no_regular_file_is_refused_at_once(
    tmp_path: Path, make: Callable[[Path], None], flags: int
) -> None:
    make(tmp_path / "metrics.csv")
    with pytest.raises(OSError, match="it is (no regular file|a link|a folder)|directory|No such device"):
        open_regular(tmp_path / "metrics.csv", flags)


def test_a_file_that_keeps_its_reader_waiting_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As /proc/kmsg is, a regular file by its looks, which root alone may open.
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    (tmp_path / "events.jsonl").touch()
    file = os.stat(tmp_path / "events.jsonl")
    monkeypatch.setattr(os, "open", lambda *_: reading)
    monkeypatch.setattr(os, "fstat", lambda _: file)
    with open_regular(tmp_path / "events.jsonl") as opened:
        for read in (opened.read, lambda: opened.read(16), opened.readline):
            with pytest.raises(OSError, match="nothing to read yet"):
                read()
    os.close(writing)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "config.json").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(OSError, match="more than 16"):
        read_regular(tmp_path / "config.json", 16)


@pytest.mark.parametrize("flags", [os.O_WRONLY | os.O_APPEND | os.O_CREAT, os.O_RDWR | os.O_APPEND])
def test_nothing_is_written_through_a_link_which_may_be_read(tmp_path: Path, flags: int) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    link = tmp_path / "error.log"
    link.symlink_to(tmp_path / "precious")
    with pytest.raises(OSError, match="it is a link"):
        open_regular(link, flags)
    assert read_regular(link, 16) == b"precious"


@pytest.mark.parametrize("name", ["-", "/dev/stdout"])
def test_stdout_is_written_to_by_either_name_and_never_replaced(
    name: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    def write(file: IO[bytes]) -> None:
        # As formats do that go back to write a length.
        file.write(b"..cd")
        file.seek(0)
        file.write(b"ab")

    replace_file(Path(name), write)
    assert capfdbinary.readouterr().out == b"abcd"


def test_a_pipe_may_have_its_reader_later_but_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setattr(files, "READER_WAIT_S", 0.1)
    with pytest.raises(OSError, match="nobody reads this pipe"):
        replace_file(tmp_path / "pipe", lambda file: file.write(b"rows"))
    monkeypatch.setattr(files, "READER_WAIT_S", 60)
    with ThreadPoolExecutor() as pool:
        writing = pool.submit(replace_file, tmp_path / "pipe", lambda file: file.write(b"rows"))
        assert (tmp_path / "pipe").read_bytes() == b"rows"
        writing.result()


def test_a_pipe_is_a_stream_and_a_file_is_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    names = ("pipe", "file", "none", ".")
    assert [is_stream(tmp_path / name) for name in names] == [True, False, False, False]


def test_a_file_of_nothing_but_a_hole_is_not_read_but_what_the_loss_of_power_leaves_is(
    tmp_path: Path,
) -> None:
    path = tmp_path / "metrics.csv"
    path.write_bytes(b"1\n")
    os.truncate(path, 1 << 20)
    assert len(read_regular(path, 1 << 32)) == 1 << 20
    os.truncate(path, 1 << 31)
    with pytest.raises(OSError, match="it has a hole"):
        read_regular(path, 1 << 32)


def test_lines_are_whole_and_never_longer_than_any_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"first\n" + b"x" * (3 * LONGEST_LINE) + b"\nlast\nhal")
    with open_regular(path) as file:
        found = list(whole_lines(file))
        assert found == [(0, b"first\n"), (7 + 3 * LONGEST_LINE, b"last\n")]
        assert list(whole_lines(file, found[-1][0])) == found[-1:]
