"""A disk that is full, read-only or gone while a training writes to it; and what goes on afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import pytest
from helpers.running import (
    COMMAND,
    DEADLINE_S,
    TRAINING,
    Command,
    Uninterrupted,
    background,
    begun,
    figures,
    happened,
    wait_for_event,
    wait_for_rows,
    wait_until,
)
from helpers.terminal import Terminal

SMALL = "size=512k"
"""Room for an experiment of 602 rows with its checkpoints."""


class Trouble(Protocol):
    """Something that befalls a directory, and can be mended."""

    says: str
    """The system's word for it."""

    def befall(self, directory: Path) -> None: ...

    def mend(self, directory: Path) -> None: ...


class Full:
    says = "No space left on device"

    def befall(self, directory: Path) -> None:
        """Write until nothing more fits, to the last byte."""
        with self._ballast(directory).open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(1024))

    def mend(self, directory: Path) -> None:
        self._ballast(directory).unlink()

    def _ballast(self, directory: Path) -> Path:
        return directory.parent / "ballast"


class ReadOnly:
    """Files that are open can still be written to, but none can be made or renamed."""

    says = "Read-only file system"

    def befall(self, directory: Path) -> None:
        mount("--bind", directory, directory)
        # Refused while a checkpoint is just being written.
        remount = ["mount", "-o", "remount,bind,ro", directory]
        wait_until(
            lambda: subprocess.run(remount, capture_output=True, check=False).returncode == 0,
            lambda: "the directory to be read-only",
        )

    def mend(self, directory: Path) -> None:
        subprocess.run(["umount", directory], check=True)


class Deleted:
    says = "was deleted"

    def befall(self, directory: Path) -> None:
        # Again where a checkpoint was just being written into it.
        while directory.exists():
            shutil.rmtree(directory, ignore_errors=True)

    def mend(self, directory: Path) -> None:
        pass


def mount(*words: str | Path) -> None:
    subprocess.run(["mount", *words], check=True, capture_output=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own, with whatever is mounted on it taken away again."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a small disk")
    try:
        mount("-t", "tmpfs", "-o", SMALL, "tmpfs", disk)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs a system that lets root mount a tmpfs")
    yield disk
    # Also of a test that failed: what it had mounted below goes first.
    for directory in (*disk.glob("runs/*"), disk):
        subprocess.run(["umount", "--lazy", directory], check=False, capture_output=True)


def the_line(errors: str, trouble: Trouble) -> str:
    """Return the only line that says what is wrong."""
    (line,) = [line for line in errors.splitlines() if "logreg-tui:" in line]
    assert trouble.says in line
    assert "Traceback" not in errors
    return line


@pytest.mark.parametrize("trouble", [Full(), ReadOnly()], ids=["full", "read-only"])
def test_train_fails_in_one_line_is_not_resumed_loses_nothing_and_goes_on_when_that_is_mended(
    small_disk: Path,
    tmp_path: Path,
    environment: dict[str, str],
    command: Command,
    uninterrupted: Uninterrupted,
    trouble: Trouble,
) -> None:
    words = ("train", *TRAINING, "--runs-dir", str(small_disk / "runs"))
    with background(tmp_path, environment, *words) as process:
        directory = begun(small_disk, process)
        wait_for_rows(directory, 60)
        trouble.befall(directory)
        assert process.wait(DEADLINE_S) == 1
    line = the_line((tmp_path / "err").read_text(), trouble)
    assert line.startswith(f"logreg-tui: cannot write '{directory}/")
    rows = figures(directory)
    assert rows == uninterrupted(*TRAINING)[: len(rows)]
    refused = command("resume", "--no-screen", str(directory))
    assert refused.returncode == 1
    the_line(refused.stderr, trouble)
    trouble.mend(directory)
    resumed = command("resume", "--no-screen", str(directory))
    assert resumed.returncode == 0, resumed.stderr
    assert figures(directory) == uninterrupted(*TRAINING)


@pytest.mark.parametrize("trouble", [Full(), ReadOnly(), Deleted()], ids=["full", "read-only", "deleted"])
def test_the_app_waits_says_why_and_goes_on_at_a_key(
    small_disk: Path, environment: dict[str, str], uninterrupted: Uninterrupted, trouble: Trouble
) -> None:
    with Terminal([COMMAND, *TRAINING], small_disk, environment) as terminal:
        directory = begun(small_disk, terminal.process)
        wait_for_rows(directory, 60)
        trouble.befall(directory)
        terminal.wait_for(trouble.says)
        terminal.wait_for("press space")
        trouble.mend(directory)
        terminal.send(" ")
        wait_until(lambda: trouble.says not in terminal.text, lambda: f"the screen\n{terminal.text}")
        wait_until(lambda: happened(directory, "all_runs_ended"), lambda: f"the end\n{terminal.text}")
        terminal.send("q")
        assert terminal.wait_for_end() == 0
    assert figures(directory) == uninterrupted(*TRAINING)
    assert not (directory / "error.log").exists()


def test_an_app_whose_terminal_is_gone_leaves_when_the_disk_is_full(
    small_disk: Path, environment: dict[str, str], command: Command, uninterrupted: Uninterrupted
) -> None:
    full = Full()
    with Terminal([COMMAND, *TRAINING], small_disk, environment) as terminal:
        directory = begun(small_disk, terminal.process)
        wait_for_rows(directory, 20)
        terminal.hang_up()
        wait_for_event(directory, "detached")
        full.befall(directory)
        assert terminal.process.wait(DEADLINE_S) == 1
    full.mend(directory)
    assert command("resume", "--no-screen", str(directory)).returncode == 0
    assert figures(directory) == uninterrupted(*TRAINING)
