"""Links, pipes and checkpoints from somebody else: nothing is run, nor written elsewhere, nor waited for."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.hostile import ESCAPES, edit_checkpoint, refusal

from logreg_tui.core.experiment.config import CONFIG
from logreg_tui.core.experiment.directory import CHECKPOINT, PREVIOUS_CHECKPOINT
from logreg_tui.core.experiment.event_log import EVENTS
from logreg_tui.core.experiment.lock import LOCK
from logreg_tui.core.experiment.metrics import CSV_HEADER, METRICS
from logreg_tui.tui.cli import main as cli


@pytest.mark.parametrize(
    "name",
    [CONFIG, METRICS, EVENTS, CHECKPOINT, LOCK, f".{CHECKPOINT}.new", "model-1.safetensors", "error.log"],
)
def test_a_link_in_the_directory_is_never_written_through(
    experiment: Path, tmp_path: Path, name: str
) -> None:
    target = tmp_path / "precious"
    path = experiment / name
    content = path.read_bytes() if path.exists() else b"precious"
    target.write_bytes(content)
    path.unlink(missing_ok=True)
    path.symlink_to(target)
    assert f"{str(path)!r} is a link" in refusal(experiment)
    assert target.read_bytes() == content


def test_a_pipe_in_the_directory_does_not_make_anybody_wait(experiment: Path) -> None:
    (experiment / METRICS).unlink()
    os.mkfifo(experiment / METRICS)
    assert "no regular file" in refusal(experiment)


@pytest.mark.parametrize("target", ["pipe", "/dev/zero"])
@pytest.mark.parametrize("name", [CONFIG, METRICS, EVENTS, LOCK])
def test_nobody_reads_for_ever_what_is_no_file(
    experiment: Path, tmp_path: Path, name: str, target: str
) -> None:
    path = experiment / name
    path.unlink()
    os.mkfifo(path) if target == "pipe" else path.symlink_to(target)
    for command in (
        ["runs", "--runs-dir", str(experiment.parent)],
        ["stop", str(experiment)],
        ["compare", str(experiment)],
        ["export", str(experiment), "-o", str(tmp_path / "rows.csv")],
        ["report", str(experiment), "-o", str(tmp_path / "report.md")],
    ):
        status = cli.main(command)
        # An export needs the rows alone, a list what there is.
        needs = {"export": (METRICS,), "compare": (CONFIG, METRICS), "report": (CONFIG, METRICS)}
        assert status == 1 if name in needs.get(command[0], ()) else status in (0, 1), command


class Bomb:
    """Runs a command where it is unpickled."""

    def __init__(self, target: Path) -> None:
        self._target = target

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self._target}",)


def pickled(bomb: Bomb) -> bytes:
    return pickle.dumps(bomb)


def saved(bomb: Bomb) -> bytes:
    buffer = io.BytesIO()
    torch.save({"format": 1, "runs": [bomb]}, buffer)
    return buffer.getvalue()


def saved_in_the_old_format(bomb: Bomb) -> bytes:
    buffer = io.BytesIO()
    torch.save({"format": 1, "runs": [bomb]}, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


def put_into_a_good_one(bomb: Bomb) -> bytes:
    buffer = io.BytesIO()
    torch.save({"format": 1}, buffer)
    source, target = zipfile.ZipFile(buffer), io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name in source.namelist():
            archive.writestr(name, pickle.dumps(bomb) if name.endswith("data.pkl") else source.read(name))
    return target.getvalue()


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("make", [pickled, saved, saved_in_the_old_format, put_into_a_good_one])
def test_a_checkpoint_runs_nothing(experiment: Path, tmp_path: Path, make: Callable[[Bomb], bytes]) -> None:
    bomb = make(Bomb(tmp_path / "exploded"))
    for name in (CHECKPOINT, PREVIOUS_CHECKPOINT):
        (experiment / name).write_bytes(bomb)
    assert "no usable checkpoint" in refusal(experiment)
    assert not (tmp_path / "exploded").exists()


BAD_CHECKPOINTS: dict[str, Callable[[dict[str, Any]], object]] = {
    "another format": lambda record: record.update(format=ESCAPES),
    "a tensor as format": lambda record: record.update(format=torch.zeros(2, 2)),
    "no format": lambda record: record.pop("format"),
    "no lengths": lambda record: record.pop("lengths"),
    "lengths below 0": lambda record: record["lengths"].update({METRICS: -1}),
    "lengths without the header": lambda record: record["lengths"].update({METRICS: 0}),
    "lengths amid a row": lambda record: record["lengths"].update({METRICS: len(CSV_HEADER) + 3}),
    "lengths amid an event": lambda record: record["lengths"].update({EVENTS: 7}),
    "endless lengths": lambda record: record["lengths"].update({EVENTS: float("inf")}),
    "steps that are none": lambda record: record.update(step=ESCAPES),
    "endless steps": lambda record: record.update(step=float("inf")),
    "runs that are none": lambda record: record.update(runs=5),
    "a run that is none": lambda record: record.update(runs=[ESCAPES]),
    "a number that is none": lambda record: record["runs"][0].update(number=[1]),
    "epochs that are none": lambda record: record["runs"][0].update(epochs=ESCAPES),
    "a status that is none": lambda record: record["runs"][0].update(status=5),
    "settings that are none": lambda record: record["runs"][0].update(settings=5),
    "a setting that is too large": lambda record: record["runs"][0]["settings"].update(l2=10**400),
    "weights that are none": lambda record: record["runs"][0].update(weight=ESCAPES),
    "weights of another shape": lambda record: record["runs"][0].update(weight=torch.zeros(3)),
}


@pytest.mark.parametrize("change", BAD_CHECKPOINTS.values(), ids=BAD_CHECKPOINTS)
def test_a_checkpoint_that_makes_no_sense_is_refused(
    experiment: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    edit_checkpoint(experiment, change)
    before = (experiment / METRICS).read_bytes()
    assert "no usable checkpoint" in refusal(experiment)
    assert (experiment / METRICS).read_bytes() == before
