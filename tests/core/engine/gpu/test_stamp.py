"""Stamps of the fused kernel and the folder of what was compiled: kept, damaged, another's, impossible."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from logreg_tui.core.engine.gpu import stamp as stamps
from logreg_tui.core.engine.gpu.stamp import Stamp, StampFile, environment_facts, is_known

FACTS = {"gpu": "NVIDIA H200", "torch": "2.15.0", "features": "720"}
SOUND, FAILED = Stamp(), Stamp("the loss of a sigmoid head is 1, not 2")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own, of which it returns the part for the kernels."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(stamps, "USERS_FOLDER", "")
    monkeypatch.setattr(stamps, "_temporary", [tmp_path / "temporary"])
    (tmp_path / "temporary").mkdir()
    return tmp_path / "cache" / "logreg-tui" / "gpu"


def compiled(file: StampFile, content: str = "machine code") -> Path:
    """Put a kernel into its folder as Triton does, and return its path."""
    path = file.kernel_folder() / "ABC" / "full_batch_pass.cubin"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def stamped(stamp: Stamp = SOUND) -> tuple[Path, Path]:
    """Write a stamp, and return its path and that of its kernel."""
    file = StampFile(FACTS)
    kernel = compiled(file)
    file.write(stamp)
    (path,) = kernel.parents[2].glob("*.json")
    return path, kernel


@pytest.mark.parametrize("stamp", [SOUND, FAILED])
def test_a_stamp_is_read_as_it_was_written(stamp: Stamp) -> None:
    assert StampFile(FACTS).read() is None
    path, kernel = stamped(stamp)
    assert StampFile(FACTS).read() == stamp
    assert path.stem == kernel.parent.parent.name
    assert len(path.stem) == 64


def test_a_stamp_is_for_one_environment_and_shape() -> None:
    stamped()
    for name in FACTS:
        assert StampFile({**FACTS, name: "other"}).read() is None
    assert is_known({"gpu": FACTS["gpu"], "torch": FACTS["torch"]}), "with a shape of some kind"
    assert not is_known({**FACTS, "torch": "2.16.0"})


def test_facts_follow_from_kernel_machine_and_versions(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    facts = environment_facts("NVIDIA H200", (9, 0), "570.1")
    assert facts["capability"] == "9.0"
    assert facts["torch"].startswith("2.")
    assert facts["python"].startswith("cpython-3")
    monkeypatch.setenv("CC", "/bin/false")
    assert environment_facts("NVIDIA H200", (9, 0), "570.1")["compiler"] != facts["compiler"]
    monkeypatch.setattr(stamps, "KERNEL_SOURCES", ("fused_kernels.py",))
    assert environment_facts("NVIDIA H200", (9, 0), "570.1")["source"] != facts["source"]


Damage = Callable[[Path, Path], object]


def replaced(make: Callable[[Path], object]) -> Damage:
    def damage(path: Path, _: Path) -> None:
        path.unlink()
        make(path)

    return damage


def changed(**values: object) -> Damage:
    return lambda path, _: path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


DAMAGES: dict[str, Damage] = {
    "empty": lambda path, _: path.write_text(""),
    "cut": lambda path, _: path.write_text(path.read_text()[:40]),
    "no JSON": lambda path, _: path.write_bytes(b"\xff\x00" * 99),
    "deep": lambda path, _: path.write_text("[" * 100_000),
    "huge": lambda path, _: path.write_text(path.read_text() + " " * stamps.LARGEST_STAMP),
    "a list": lambda path, _: path.write_text("[]"),
    "another format": changed(format=2),
    "another's facts": changed(facts={**FACTS, "gpu": "NVIDIA T4"}),
    "facts of no kind": changed(facts=3),
    "failure of no kind": changed(failure=["no"]),
    "failure for a terminal": changed(failure="\x1b[2J"),
    "no files": changed(files={}),
    "files of no kind": changed(files=7),
    "a pipe": replaced(os.mkfifo),
    "a folder": replaced(Path.mkdir),
    "a link into nowhere": replaced(lambda path: path.symlink_to("/nowhere/stamp")),
    "a device": replaced(lambda path: path.symlink_to("/dev/zero")),
    "unreadable": lambda path, _: path.chmod(0),
    "kernel changed": lambda _, kernel: kernel.write_text("machine cods"),
    "kernel empty": lambda _, kernel: kernel.write_text(""),
    "kernel gone": lambda _, kernel: kernel.unlink(),
    "kernel a pipe": lambda _, kernel: (kernel.unlink(), os.mkfifo(kernel)),
    "kernel a link": lambda _, kernel: (kernel.unlink(), kernel.symlink_to("/dev/zero")),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_what_is_damaged_or_anothers_is_made_anew(damage: Damage, request: pytest.FixtureRequest) -> None:
    path, kernel = stamped()
    damage(path, kernel)
    file = StampFile(FACTS)
    if not (os.geteuid() == 0 and "unreadable" in request.node.name):
        assert file.read() is None
    assert is_known({}) in (True, False)
    file.clear_kernel()
    assert list(file.kernel_folder().iterdir()) == []
    compiled(file, "new machine code")
    file.write(SOUND)
    # In place of a folder nothing can be written: it is done without.
    assert file.read() == (None if path.is_dir() else SOUND)


def test_more_that_triton_compiles_later_harms_no_stamp() -> None:
    _, kernel = stamped()
    (kernel.parent / "update.cubin").write_text("of another kind of run")
    assert StampFile(FACTS).read() == SOUND
    os.mkfifo(kernel.parent / "pipe")
    assert StampFile(FACTS).read() is None


@pytest.mark.parametrize("place", ["/proc/none", "a file", "read-only"])
def test_without_a_cache_folder_there_is_no_stamp_and_a_temporary_kernel(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if place == "a file":
        (tmp_path / "file").write_text("")
        place = str(tmp_path / "file")
    elif place == "read-only":
        if os.geteuid() == 0:
            pytest.skip("root writes everywhere")
        (tmp_path / "read-only").mkdir(mode=0o500)
        place = str(tmp_path / "read-only")
    monkeypatch.setenv("XDG_CACHE_HOME", place)
    file = StampFile(FACTS)
    assert file.read() is None
    file.clear_kernel()
    compiled(file)
    file.write(SOUND)
    assert file.read() is None
    assert file.kernel_folder() == tmp_path / "temporary"
    assert not is_known({})


def test_a_folder_from_which_libraries_cannot_be_loaded_is_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: Path
) -> None:
    mounted = os.statvfs

    def noexec(path: Path) -> os.statvfs_result:
        values = list(mounted(path))
        values[8] |= os.ST_NOEXEC * str(path).startswith(str(folder))
        return os.statvfs_result(values)

    monkeypatch.setattr(os, "statvfs", noexec)
    file = StampFile(FACTS)
    assert file.kernel_folder() == tmp_path / "temporary"


def test_the_folder_that_the_user_chose_for_triton_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(stamps, "USERS_FOLDER", str(tmp_path / "triton"))
    stamped_kernel = compiled(StampFile(FACTS))
    assert stamped_kernel.is_relative_to(tmp_path / "triton" / "logreg-tui")
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(stamps, "USERS_FOLDER", str(tmp_path / "file"))
    assert StampFile(FACTS).kernel_folder().is_relative_to(tmp_path / "cache")


def test_a_link_in_place_of_the_kernels_folder_is_not_followed(tmp_path: Path) -> None:
    _, kernel = stamped()
    there = kernel.parents[1]
    there.rename(tmp_path / "elsewhere")
    there.symlink_to(tmp_path / "elsewhere")
    assert StampFile(FACTS).read() is None
    StampFile(FACTS).clear_kernel()
    assert (tmp_path / "elsewhere" / "ABC" / kernel.name).is_file()
