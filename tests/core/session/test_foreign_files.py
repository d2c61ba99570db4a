"""Every command on a directory in which something else stands in the place of one of its files.

None waits for ever, none takes the memory, none writes elsewhere, and each that refuses says so in one line.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from PIL import Image

from logreg_tui.core.errors import UserError
from logreg_tui.core.experiment.directory import CHECKPOINT, ERROR_LOG
from logreg_tui.core.experiment.event_log import EVENTS
from logreg_tui.core.experiment.lock import LOCK
from logreg_tui.core.experiment.metrics import METRICS
from logreg_tui.core.session.follow import follow_experiment
from logreg_tui.core.training.requests import Control, Stop
from logreg_tui.tui.cli.main import main

CONFIG = "config.json"
MODEL = "model-1.safetensors"
GUARD_S = 60
MOST_KIB = 300 * 1024


def pipe(place: Path) -> None:
    os.mkfifo(place)


def endless(place: Path) -> None:
    place.symlink_to("/dev/zero")


def link(place: Path) -> None:
    precious = place.parent.parent / "precious"
    precious.write_text("precious\n")
    place.symlink_to(precious)


def sparse(place: Path) -> None:
    with place.open("wb") as file:
        file.write(b"run,epoch\n")
        file.truncate(4 << 30)


def empty(place: Path) -> None:
    place.touch()


def noise(place: Path) -> None:
    place.write_bytes(bytes(range(256)) * 512)


READERS = {
    LOCK: ("runs", "stop", "resume"),
    MODEL: ("predict", "resume"),
    ERROR_LOG: ("runs", "resume"),
}
"""Commands that look at a file, if not all do."""
KINDS: tuple[Callable[[Path], None], ...] = (pipe, Path.mkdir, endless, link, sparse, empty, noise)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with an experiment, and a picture beside it."""
    folder = tmp_path_factory.mktemp("foreign")
    words = "train --dataset digits --device cpu --epochs 20 --name made --runs-dir"
    assert main([*words.split(), str(folder)]) == 0
    (made,) = folder.iterdir()
    (made / ERROR_LOG).touch()
    Image.new("L", (8, 8), 255).save(folder / "digit.png")
    return made


@contextmanager
def guarded() -> Iterator[None]:
    """Raise TimeoutError in the middle of what takes too long."""

    def wake(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, wake)
    signal.alarm(GUARD_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def watched(directory: Path) -> None:
    """Look at an experiment as `watch` does, once."""
    control = Control()
    with suppress(UserError):
        for _ in follow_experiment(directory, control, lambda _: None):
            control.send(Stop())


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("name", [CONFIG, METRICS, EVENTS, CHECKPOINT, LOCK, MODEL, ERROR_LOG])
def test_no_command_hangs_or_fills_the_memory(
    finished: Path,
    tmp_path: Path,
    name: str,
    kind: Callable[[Path], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    directory = tmp_path / "runs" / "made"
    shutil.copytree(finished, directory)
    (directory / name).unlink()
    kind(directory / name)
    place = str(directory)
    taken = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for words in (
        ["runs", "--runs-dir", str(directory.parent)],
        ["stop", place],
        ["plot", place],
        ["compare", place],
        ["export", place, "-o", str(tmp_path / "rows.csv")],
        ["report", place, "-o", str(tmp_path / "report.md")],
        ["predict", place, str(finished.parent / "digit.png")],
        ["repeat", place, "--runs-dir", str(tmp_path / "again")],
        ["resume", place, "--no-screen", "--epochs", "30"],
    ):
        if words[0] not in READERS.get(name, words):
            continue
        with guarded():
            status = main(words)
        said = capsys.readouterr().err
        refusals = [line for line in said.splitlines() if line.startswith("logreg-tui: ")]
        assert status == 0 or (status in (1, 2) and len(refusals) == 1), (words, said)
        assert "unexpected error" not in said, (words, said)
    with guarded():
        watched(directory)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - taken < MOST_KIB
    if kind is link:
        assert (directory.parent / "precious").read_text() == "precious\n"
