"""Any prefix of any sequence of writes loads, and whatever else is in the files is named in one line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from helpers.experiments import checkpoints_after_every_row, untimed_rows
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from logreg_tui.core.data import dataset as datasets
from logreg_tui.core.data.dataset import Dataset
from logreg_tui.core.errors import UserError
from logreg_tui.core.experiment.checkpoint import read_checkpoint
from logreg_tui.core.experiment.config import CONFIG, read_config
from logreg_tui.core.experiment.directory import CHECKPOINT, FIRST_LENGTHS, PREVIOUS_CHECKPOINT
from logreg_tui.core.experiment.event_log import EVENTS, read_events, recorded_events
from logreg_tui.core.experiment.listing import summarize
from logreg_tui.core.experiment.lock import LOCK, read_owner
from logreg_tui.core.experiment.metrics import CSV_HEADER, METRICS
from logreg_tui.core.session.resume import AlreadyFinished, resume_experiment
from logreg_tui.core.session.start import run_experiment
from logreg_tui.core.settings import ExperimentSettings, RunSettings, Schedule
from logreg_tui.core.training import events, requests
from logreg_tui.core.training.events import Event
from logreg_tui.core.training.history import History
from logreg_tui.core.training.requests import Control
from logreg_tui.tui.cli.commands.runs import listing
from logreg_tui.tui.text.exit_summary import final_table

DEEDS: dict[int, requests.Request] = {
    10: requests.SetKnob(1, "head", "logits"),
    20: requests.AddRun(RunSettings("sigmoid", seed=5)),
    25: requests.SetKnob(1, "l2", 0.01),
    30: requests.EndRun(2),
}
"""What a person does, by step; steps that have no row cannot be seen from outside and are not waited for."""
SETTINGS = ExperimentSettings(
    runs=(RunSettings("sigmoid", schedule=Schedule("step", 15, 0.5)), RunSettings("logits")),
    dataset="digits",
    device="cpu",
    epochs=40,
    log_every=5,
    report_every=10,
)
FEW = profile(
    derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=False
)


@dataclass(frozen=True)
class Moment:
    """The directory between two checkpoints."""

    checkpoint: bytes
    previous: bytes | None
    lengths: dict[str, int]
    sizes: dict[str, int]
    """What the growing files have become when the next checkpoint is written."""


@dataclass(frozen=True)
class Recorded:
    """An uninterrupted training: its directory and every state that it was in."""

    directory: Path
    moments: list[Moment]
    rows: list[list[dict[str, str]]]
    """The rows of trainings in which only the first 0, 1, 2 ... of the deeds were done."""

    def restore(self, target: Path, moment: Moment) -> None:
        """Make `target` what the directory was at that moment."""
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        shutil.copy(self.directory / CONFIG, target)
        (target / CHECKPOINT).write_bytes(moment.checkpoint)
        if moment.previous is not None:
            (target / PREVIOUS_CHECKPOINT).write_bytes(moment.previous)
        for name, size in moment.sizes.items():
            (target / name).write_bytes((self.directory / name).read_bytes()[:size])


def train(runs_dir: Path, deeds: dict[int, requests.Request]) -> Iterator[tuple[Path, Event]]:
    """Train, doing the deeds at their steps; yield each event and the directory."""
    control, left, directory = Control(), dict(deeds), runs_dir
    wanted = replace(SETTINGS, runs_dir=str(runs_dir))
    for event in run_experiment(wanted, control, lambda text: None):
        if isinstance(event, events.ExperimentStarted):
            directory = Path(event.directory)
        if isinstance(event, events.Progressed) and event.step in left:
            control.send(left.pop(event.step))
        yield directory, event
    assert not left


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """One training that was looked at after each of its writes, and those that had fewer deeds."""
    folder = tmp_path_factory.mktemp("recorded")
    checkpoints: list[bytes] = []
    directory = folder
    with checkpoints_after_every_row():
        for directory, _ in train(folder / "all", DEEDS):
            checkpoint = (directory / CHECKPOINT).read_bytes()
            if checkpoint not in checkpoints[-1:]:
                checkpoints.append(checkpoint)
    rows = []
    for count in range(len(DEEDS)):
        *_, (other, _) = train(folder / str(count), dict(list(DEEDS.items())[:count]))
        rows.append(untimed_rows(other))
    return Recorded(directory, _moments(directory, checkpoints), [*rows, untimed_rows(directory)])


def _moments(directory: Path, checkpoints: list[bytes]) -> list[Moment]:
    lengths = [_lengths(directory, checkpoint) for checkpoint in checkpoints]
    sizes = [*lengths[1:], {name: (directory / name).stat().st_size for name in FIRST_LENGTHS}]
    return [
        Moment(*states) for states in zip(checkpoints, [None, *checkpoints[:-1]], lengths, sizes, strict=True)
    ]


def _lengths(directory: Path, checkpoint: bytes) -> dict[str, int]:
    path = directory.with_name("checkpoint")
    path.write_bytes(checkpoint)
    lengths: dict[str, int] = read_checkpoint(path)["lengths"]
    return lengths


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory that every example makes anew."""
    return tmp_path_factory.mktemp("example") / "experiment"


@pytest.fixture(autouse=True, scope="module")
def little_to_wait_for(digits: Dataset) -> Iterator[None]:
    """Train on a few digits, read once, and sync nothing: it need not outlive the machine."""
    real = datasets.load_dataset
    few = replace(digits, train_inputs=digits.train_inputs[:200], train_labels=digits.train_labels[:200])

    def load(name: str, *others: Any, **named: Any) -> Dataset:  # noqa: ANN401  as the real one
        return few if name == "digits" and others[1] == "raw" else real(name, *others, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets, "load_dataset", load)
        patch.setattr("os.fsync", lambda descriptor: None)
        yield


def check_is_one_inert_line(error: UserError) -> None:
    assert str(error).isprintable()
    assert str(error)


def resume(directory: Path, most: int = 10_000) -> UserError | None:
    """Go on as the command without a screen does, for so many events; return what it refused with."""
    history, progressed = History(), 0
    try:
        with closing(resume_experiment(directory, Control(), lambda text: None)) as happenings:
            for count, event in enumerate(happenings):
                history.apply(event)
                progressed += isinstance(event, events.Progressed)
                # Damaged settings may ask for more than anybody can wait for.
                if count >= most or progressed >= most // 10:
                    break
    except UserError as error:
        check_is_one_inert_line(error)
        return error
    assert all(line.isprintable() for line in final_table(history).split("\n"))
    return None


def look(directory: Path) -> None:
    """Do what only reads: none of it may raise more than it says."""
    assert all(line.isprintable() for line in listing([summarize(directory)]).split("\n"))
    read_owner(directory)
    try:
        settings = read_config(directory).settings
        lengths = {name: (directory / name).stat().st_size for name in FIRST_LENGTHS}
        history = History()
        for event in recorded_events(directory, settings, lengths):
            history.apply(event)
    except UserError as error:
        check_is_one_inert_line(error)


def deeds_in(data: bytes) -> int:
    """Count the deeds that lines with an end tell of."""
    lines = [json.loads(line) for line in data.splitlines(keepends=True) if line.endswith(b"\n")]
    return sum(
        line["event"] == "setting_changed"
        or (line["event"] == "run_started" and line["run"] > len(SETTINGS.runs))
        or (line["event"] == "run_ended" and line["reason"] == "ended")
        for line in lines
    )


def cut(data: st.DataObject, recorded: Recorded, moment: Moment, directory: Path) -> int:
    """Cut each growing file anywhere behind its checkpoint; return how many deeds are known then."""
    for name in (METRICS, EVENTS):
        size = data.draw(st.integers(moment.lengths[name], moment.sizes[name]), label=name)
        path = directory / name
        path.write_bytes(path.read_bytes()[:size])
    return deeds_in((directory / EVENTS).read_bytes())


def test_the_recording_has_what_the_properties_are_about(recorded: Recorded) -> None:
    assert len(recorded.moments) > 5
    assert deeds_in((recorded.directory / EVENTS).read_bytes()) == len(DEEDS)
    assert len({str(rows) for rows in recorded.rows}) == len(DEEDS) + 1
    for earlier, later in pairwise(recorded.moments):
        assert earlier.sizes == later.lengths


@profile(FEW, max_examples=60)
@given(data=st.data())
def test_any_prefix_of_the_writes_goes_on_to_the_rows_of_the_whole(
    recorded: Recorded, directory: Path, data: st.DataObject
) -> None:
    moment = data.draw(st.sampled_from(recorded.moments))
    recorded.restore(directory, moment)
    deeds = cut(data, recorded, moment, directory)
    draft = data.draw(st.integers(0, len(moment.checkpoint)), label="draft")
    (directory / f".{CHECKPOINT}.new").write_bytes(moment.checkpoint[:draft])
    look(directory)
    refused = resume(directory)
    assert refused is None or isinstance(refused, AlreadyFinished), refused
    _check_rows(directory, recorded.rows[deeds])
    assert isinstance(resume(directory), AlreadyFinished)


def _check_rows(directory: Path, wanted: list[dict[str, str]]) -> None:
    assert untimed_rows(directory) == wanted
    assert (directory / METRICS).read_text().count(CSV_HEADER) == 1


def truncate(checkpoint: bytes, data: st.DataObject) -> bytes | None:
    return checkpoint[: data.draw(st.integers(0, len(checkpoint) - 1), label="truncated")]


def garble(checkpoint: bytes, data: st.DataObject) -> bytes | None:
    at = data.draw(st.integers(0, len(checkpoint) - 1), label="garbled")
    bits = data.draw(st.integers(1, 255), label="bits")
    return checkpoint[:at] + bytes([checkpoint[at] ^ bits]) + checkpoint[at + 1 :]


def remove(checkpoint: bytes, data: st.DataObject) -> bytes | None:
    return None


Damage = Callable[[bytes, st.DataObject], bytes | None]


@pytest.mark.parametrize("damage", [truncate, garble, remove])
@profile(FEW, max_examples=25)
@given(data=st.data())
def test_a_damaged_checkpoint_never_changes_a_row(
    recorded: Recorded, directory: Path, damage: Damage, data: st.DataObject
) -> None:
    moment = data.draw(st.sampled_from(recorded.moments))
    recorded.restore(directory, moment)
    deeds = cut(data, recorded, moment, directory)
    left = damage(moment.checkpoint, data)
    (directory / CHECKPOINT).unlink()
    if left is not None:
        (directory / CHECKPOINT).write_bytes(left)
    look(directory)
    before = (directory / METRICS).read_bytes()
    refused = resume(directory)
    if refused is None or isinstance(refused, AlreadyFinished):
        _check_rows(directory, recorded.rows[deeds])
    else:
        assert moment.previous is None
        assert "no usable checkpoint" in str(refused)
        assert (directory / METRICS).read_bytes() == before


FRAGMENTS = (
    b'"', b"'", b"\x00", b"\n", b"\r\n", b"\x1b[31m", b"[bold]", b"\xff\xfe", b"=", b",", b"-", b"-1", b"0",
    b"{", b"}", b"]", b"null", b"true", b"NaN", b"1e999", b"-Infinity", b"9" * 30, b"1" + b"0" * 400,
    b"9" * 5000, b"[" * 100_000, b'{"a":' * 100_000, b'"\\ud800"', "λ\u202e\u2028".encode(), b"x" * 200_000,
)  # fmt: skip
"""What readers have stumbled over, somewhere."""


@st.composite
def edits(draw: st.DrawFn) -> tuple[int, int, bytes]:
    """Return where in a file, in thousandths of it, how many bytes give way, and to what."""
    put = draw(st.one_of(st.sampled_from(FRAGMENTS), st.binary(max_size=8)))
    return draw(st.integers(0, 1000)), draw(st.integers(0, 12)), put


def edit(path: Path, changes: list[tuple[int, int, bytes]]) -> None:
    data = path.read_bytes() if path.exists() else b""
    for where, removed, put in changes:
        at = where * len(data) // 1000
        data = data[:at] + put + data[at + removed :]
    path.write_bytes(data)


@pytest.mark.parametrize("name", [CONFIG, EVENTS, METRICS, LOCK, CHECKPOINT])
@profile(FEW, max_examples=50)
@given(data=st.data(), changes=st.lists(edits(), min_size=1, max_size=3))
def test_no_bytes_in_a_file_do_more_than_refuse_in_one_line(
    recorded: Recorded,
    directory: Path,
    name: str,
    data: st.DataObject,
    changes: list[tuple[int, int, bytes]],
) -> None:
    recorded.restore(directory, data.draw(st.sampled_from(recorded.moments)))
    edit(directory / name, changes)
    look(directory)
    resume(directory, most=100)


def tokens(line: bytes) -> list[object]:
    """Return values that a reader does not expect in place of those of an event."""
    return [None, True, -1, 1.5, "", "x", "\x1b[31m", "9", [], {}, [1], 2**64, 10**400, float("nan")]


@profile(FEW, max_examples=100)
@given(data=st.data())
def test_no_value_in_an_event_does_more_than_refuse_in_one_line(
    recorded: Recorded, directory: Path, data: st.DataObject
) -> None:
    recorded.restore(directory, data.draw(st.sampled_from(recorded.moments)))
    path = directory / EVENTS
    lines = path.read_bytes().splitlines() or [b'{"event": "paused", "step": 0}']
    index = data.draw(st.integers(0, len(lines) - 1), label="line")
    record = json.loads(lines[index])
    name = data.draw(st.sampled_from(sorted(record)), label="name")
    record[name] = data.draw(st.sampled_from(tokens(lines[index])), label="value")
    lines[index] = json.dumps(record).encode()
    path.write_bytes(b"\n".join(lines) + b"\n")
    look(directory)
    resume(directory, most=100)


@profile(FEW, max_examples=200)
@given(data=st.binary(max_size=300), start=st.integers(0, 300))
def test_any_bytes_can_be_read_as_events(directory: Path, data: bytes, start: int) -> None:
    path = directory.with_name(EVENTS)
    path.write_bytes(data)
    assert all(line.offset >= start for line in read_events(path, start))
