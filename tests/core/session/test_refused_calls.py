"""A training with a screen on a disk that refuses calls: it waits, says so, and loses nothing."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from helpers.datafiles import write_npz
from helpers.disk import Call, Disk, Fault
from helpers.experiments import checkpoints_after_every_row, untimed_rows

from logreg_tui.core.errors import UserError
from logreg_tui.core.experiment.directory import CHECKPOINT, PREVIOUS_CHECKPOINT
from logreg_tui.core.experiment.listing import list_experiments
from logreg_tui.core.session.resume import resume_experiment
from logreg_tui.core.session.start import run_experiment
from logreg_tui.core.settings import ExperimentSettings, RunSettings
from logreg_tui.core.training import events
from logreg_tui.core.training.events import Event
from logreg_tui.core.training.requests import Control, Resume, Stop

REFUSALS = 2
"""How often in a row the disk refuses before it is mended."""


@pytest.fixture
def settings(tmp_path: Path) -> ExperimentSettings:
    data = write_npz(tmp_path / "data.npz")
    runs = (RunSettings("sigmoid"), RunSettings("logits"))
    return ExperimentSettings(runs=runs, dataset=data, device="cpu", epochs=2, log_every=1)


def trained(happenings: Iterator[Event], control: Control, seen: list[Event]) -> None:
    """Train with a screen whose user tries again whenever a write is refused."""
    for event in happenings:
        seen.append(event)
        if isinstance(event, events.WriteRefused):
            control.send(Resume())
        if isinstance(event, events.AllRunsEnded):
            control.send(Stop())


def attempt(
    disk: Disk, settings: ExperimentSettings, runs_dir: Path, at: int
) -> tuple[list[Call], list[Event]]:
    """Train on a disk that refuses call `at`, from 1, and others until training has waited REFUSALS times."""
    calls: list[Call] = []
    seen: list[Event] = []

    def fault(call: Call) -> Fault | None:
        calls.append(call)
        is_mended = sum(isinstance(event, events.WriteRefused) for event in seen) == REFUSALS
        if not 0 < at <= len(calls) or is_mended or call.kind == "close":
            return None
        return Fault(errno.EIO) if at % 2 else Fault(errno.ENOSPC, len(call.data) // 2)

    disk.fault = fault
    control = Control()
    try:
        with checkpoints_after_every_row():
            begun = replace(settings, runs_dir=str(runs_dir))
            trained(run_experiment(begun, control, print, stays_open=True), control, seen)
    except UserError:
        # Nothing is on the screen yet.
        assert not seen
    disk.fault = lambda call: None
    return calls, seen


def test_wherever_the_disk_refuses_a_call_training_waits_and_goes_on_to_all_rows(
    tmp_path: Path, settings: ExperimentSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, waited, wanted = Disk(monkeypatch, tmp_path), 0, None
    for at in count(0):
        runs_dir = tmp_path / str(at)
        calls, seen = attempt(disk, settings, runs_dir, at)
        refusals = sum(isinstance(event, events.WriteRefused) for event in seen)
        assert refusals in (0, REFUSALS)
        waited += refusals > 0
        listed = list_experiments(runs_dir) if runs_dir.exists() else []
        assert len(listed) == 1 or not (listed or seen)
        for each in listed:
            if not seen:
                list(resume_experiment(each.directory, Control(), print))
            wanted = wanted or untimed_rows(each.directory)
            assert untimed_rows(each.directory) == wanted
        assert not list(runs_dir.rglob(".*"))
        if len(calls) < at:
            break
    assert at > 100
    assert waited > 50


@pytest.mark.parametrize("name", [CHECKPOINT, PREVIOUS_CHECKPOINT, "events.jsonl", "metrics.csv"])
def test_a_checkpoint_is_not_taken_for_damaged_because_a_file_cannot_be_opened_now(
    tmp_path: Path, settings: ExperimentSettings, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    seen: list[Event] = []
    with checkpoints_after_every_row():
        trained(run_experiment(replace(settings, runs_dir=str(tmp_path)), Control(), print), Control(), seen)
    started = seen[0]
    assert isinstance(started, events.ExperimentStarted)
    directory = Path(started.directory)
    if name == PREVIOUS_CHECKPOINT:
        (directory / CHECKPOINT).unlink()
    before = {path.name: path.read_bytes() for path in directory.iterdir() if path.name != "lock"}
    disk, opened = Disk(monkeypatch, tmp_path), list[str]()

    def fault(call: Call) -> Fault | None:
        if call.kind == "open":
            opened.append(Path(call.path).name)
        is_now = opened.count(CHECKPOINT) + opened.count(PREVIOUS_CHECKPOINT) > 0
        return Fault(errno.EACCES) if is_now and opened[-1] == name and call.kind == "open" else None

    disk.fault = fault
    with pytest.raises(UserError, match="cannot go on .*Permission denied"):
        list(resume_experiment(directory, Control(), print, epochs=4))
    disk.fault = lambda call: None
    assert {path.name: path.read_bytes() for path in directory.iterdir() if path.name != "lock"} == before
