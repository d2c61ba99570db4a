"""Whatever is asked of a training and wherever it is cut off: its log repeats to its rows, bit for bit."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from helpers.experiments import untimed_rows
from hypothesis import HealthCheck, Phase, example, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from logreg_tui.core.data import dataset as datasets
from logreg_tui.core.data.dataset import Dataset
from logreg_tui.core.errors import UserError
from logreg_tui.core.goals import parse_goal
from logreg_tui.core.optimizers import Optimizer
from logreg_tui.core.session import recorder, start
from logreg_tui.core.session.resume import AlreadyFinished, repeat_experiment, resume_experiment
from logreg_tui.core.session.start import run_experiment
from logreg_tui.core.settings import ExperimentSettings, RunSettings, Schedule, run_from_json
from logreg_tui.core.training import events, requests
from logreg_tui.core.training.events import Event
from logreg_tui.core.training.requests import Control, Request
from logreg_tui.core.training.state import Training

EXAMPLES = int(os.environ.get("LOGREG_TUI_TEST_LIVES", "40"))
"""Random lives to be tried; the more, the longer it takes."""
SETTINGS = ExperimentSettings(
    runs=(
        RunSettings("sigmoid", schedule=Schedule("step", 5, 0.5), optimizer=Optimizer("adam")),
        RunSettings("logits", patience=2),
    ),
    dataset="digits",
    device="cpu",
    epochs=9,
    log_every=4,
    report_every=8,
)
RUNS = st.sampled_from([1, 1, 2, 2, 3, 4])
"""More often those that there are from the beginning."""
SPAN = st.integers(0, 4)
"""Epochs, or events, until something happens."""
VALUES: dict[str, list[Any]] = {
    "head": ["sigmoid", "logits"],
    "l2": [0.0, 0.01, 1.0],
    # With the last a run diverges.
    "learning_rate": [0.001, 0.03, 1e37],
}
ADDED = [
    RunSettings("logits", seed=5, optimizer=Optimizer("nesterov"), stop_at=parse_goal("train_loss < 1.5")),
    RunSettings("sigmoid", l2=0.1),
    RunSettings(learning_rate=1e37),
]
LATER = st.integers(5, 24)
"""Epochs to which runs are to go on."""
KNOBS = [
    st.builds(requests.SetKnob, RUNS, st.just(name), st.sampled_from(values))
    for name, values in VALUES.items()
]
ASKED = st.one_of(
    *KNOBS,
    *KNOBS,
    st.builds(requests.AddRun, st.sampled_from(ADDED)),
    st.builds(requests.EndRun, RUNS),
    st.builds(requests.Extend, LATER, st.lists(RUNS, max_size=2, unique=True).map(tuple)),
    st.sampled_from([requests.Pause(), requests.Resume(), requests.StepOnce()]),
)


@dataclass(frozen=True)
class Process:
    """One process of a life: what it is asked, after how many epochs each, and how it ends."""

    asked: list[tuple[int, Request]]
    stays_open: bool
    saves: bool
    """True if it writes a checkpoint behind every row; else at a pause and at its end alone."""
    end: str
    """`goes on` to the end of all runs; `stop`, `leave` or `killed` once all was asked; `stop late` ..."""
    after: int
    """The epochs, or events for an end that is late, until then."""
    epochs: int | None
    """To which it is resumed."""
    runs: list[int]


ENDS = ("goes on", "stop", "leave", "killed", "stop amid", "leave amid", "killed amid")
PROCESSES = st.builds(
    Process,
    st.lists(st.tuples(SPAN, ASKED), min_size=2, max_size=5),
    st.booleans(),
    st.booleans(),
    st.sampled_from([*ENDS, "killed", "killed amid"]),
    st.integers(0, 16),
    st.none() | st.none() | LATER,
    st.lists(RUNS, max_size=2, unique=True),
)


KILLED_WHILE_REPLAYING = [
    # Requests of which no checkpoint knows, ...
    Process(
        [(3, requests.SetKnob(1, "l2", 1.0)), (3, requests.SetKnob(2, "head", "sigmoid"))],
        True, False, "killed", 1, None, [],
    ),
    # ... and a checkpoint written before all of them are taken again.
    Process([], True, True, "killed amid", 9, None, []),
]  # fmt: skip


class Killed(BaseException):
    """The process is gone, between two epochs."""


class Person(Control):
    """The requests of a process, each taken so many epochs after the one before."""

    def __init__(self, asked: Sequence[tuple[int, Request]], end: str, after: int) -> None:
        super().__init__()
        self.training: Training | None = None
        self._asked = deque(asked)
        self._end = (after, end)
        self._epochs = 0

    def take(self) -> Request | None:
        if (request := super().take()) is not None:
            return request
        if self._epochs < (self._asked[0][0] if self._asked else self._end[0]):
            self._epochs += 1
            return None
        return self._next(is_waiting=False)

    def wait(self) -> Request:
        request = super().take() or self._next(is_waiting=True)
        assert request is not None
        return request

    def _next(self, *, is_waiting: bool) -> Request | None:
        self._epochs = 0
        if self._asked:
            return self._asked.popleft()[1]
        end = self._end[1]
        self._end = (math.inf, "goes on")  # type: ignore[assignment]
        if end == "killed":
            raise Killed
        if end == "leave":
            self.send(requests.Leave("SIGTERM"))
            return super().take()
        paused = self.training is not None and self.training.is_paused
        if end == "stop" or (is_waiting and not paused):
            return requests.Stop()
        return requests.Resume() if is_waiting else None


class Script(Control):
    """Requests of a life that nothing interrupts, each with the step at which it is taken."""

    training: Training

    def __init__(self, script: Sequence[tuple[int, Request]]) -> None:
        super().__init__()
        self._script = deque(script)

    def take(self) -> Request | None:
        is_due = self._script and self._script[0][0] <= self.training.step
        return self._script.popleft()[1] if is_due else None

    def wait(self) -> Request:
        return self._script.popleft()[1] if self._script else requests.Stop()


@pytest.fixture(autouse=True, scope="module")
def prepared(digits: Dataset) -> Iterator[None]:
    """Train on a few digits, sync nothing, and let a control see the training."""
    few = replace(digits, train_inputs=digits.train_inputs[:60], train_labels=digits.train_labels[:60])
    few = replace(few, test_inputs=digits.test_inputs[:40], test_labels=digits.test_labels[:40])
    real = start.recorded_training

    def seen(training: Training, control: Any, *others: Any, **named: Any) -> Iterator[Event]:  # noqa: ANN401
        control.training = training
        return real(training, control, *others, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets, "load_dataset", lambda *_, **__: few)
        patch.setattr(start, "recorded_training", seen)
        patch.setattr("os.fsync", lambda descriptor: None)
        yield


def live(folder: Path, processes: Sequence[Process]) -> Path:
    """Let processes train one experiment one after the other, and then one to the end."""
    shutil.rmtree(folder, ignore_errors=True)
    directory = None
    for process in [*processes, Process([], False, True, "goes on", 0, None, [])]:
        before = b"" if directory is None else (directory / "events.jsonl").read_bytes()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(recorder, "CHECKPOINT_INTERVAL_S", 0.0 if process.saves else math.inf)
            patch.setattr(recorder, "CHECKPOINT_SHARE", math.inf)
            patch.setattr(recorder, "LONGEST_INTERVAL_S", 0.0 if process.saves else math.inf)
            _train(folder, directory, process)
        (directory,) = folder.iterdir()
        assert (directory / "events.jsonl").read_bytes().startswith(before)
    assert directory is not None
    return directory


def _train(folder: Path, directory: Path | None, process: Process) -> None:
    person = Person(process.asked, process.end, process.after)
    if directory is None:
        wanted = replace(SETTINGS, runs_dir=str(folder))
        happened = run_experiment(wanted, person, lambda text: None, stays_open=process.stays_open)
    else:
        further: dict[str, Any] = {"epochs": process.epochs}
        if process.epochs is not None:
            further["runs"] = process.runs
        happened = resume_experiment(
            directory, person, lambda text: None, stays_open=process.stays_open, **further
        )
    has_begun = False
    count = 0
    try:
        with closing(happened):
            for event in happened:
                has_begun |= directory is None or isinstance(event, events.ExperimentResumed)
                count += has_begun
                assert count < 2000, "it does not end"
                if has_begun and count > process.after and process.end.endswith(" amid"):
                    if process.end == "killed amid":
                        return
                    person.send(requests.Stop() if process.end == "stop amid" else requests.Leave("SIGTERM"))
    except Killed:
        pass
    except AlreadyFinished:
        pass
    except UserError:
        # A run that is named cannot go on, or to that epoch.
        if process.epochs is None:
            raise


def script_of(directory: Path) -> list[tuple[int, Request]]:
    """Return what was asked in a life, to judge by its log."""
    script: list[tuple[int, Request]] = []
    for line in map(json.loads, (directory / "events.jsonl").read_text().splitlines()):
        request: Request | None = None
        match line["event"]:
            case "run_started" if line["run"] > len(SETTINGS.runs):
                request = requests.AddRun(run_from_json(line["settings"]))
            case "setting_changed":
                request = requests.SetKnob(line["run"], line["name"], line["new"])
            case "run_ended" if line["reason"] == "ended":
                request = requests.EndRun(line["run"])
            case "run_extended":
                request = requests.Extend(line["epochs"], (line["run"],))
            case "experiment_ended" if line["reason"] == "stopped":
                request = requests.LogRows()
        if request is not None:
            script.append((line["step"], request))
    return script


CHANGES = ("run_started", "setting_changed", "run_ended", "run_extended", "run_diverged")


def in_steps(directory: Path) -> list[str]:
    """Return what happened to runs, each thing once, without the time, in the order of steps."""
    lines = map(json.loads, (directory / "events.jsonl").read_text().splitlines())
    return sorted(
        f"{line['step']:5} { ({**line, 'time': ''}) }" for line in lines if line["event"] in CHANGES
    )


@profile(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    print_blob=False,
    # A life is short as it is; to shrink one takes longer than to read it.
    phases=[Phase.explicit, Phase.generate],
)
@example(processes=KILLED_WHILE_REPLAYING)
@given(processes=st.lists(PROCESSES, min_size=2, max_size=4))
def test_a_life_repeats_to_its_rows_and_is_that_of_a_training_that_nothing_interrupted(
    tmp_path_factory: pytest.TempPathFactory, processes: list[Process]
) -> None:
    folder = tmp_path_factory.getbasetemp() / "lives"
    shutil.rmtree(folder, ignore_errors=True)
    directory = live(folder / "one", processes)
    rows = untimed_rows(directory)
    assert len({(row["run"], row["epoch"]) for row in rows}) == len(rows)
    wanted = replace(SETTINGS, runs_dir=str(folder / "whole"))
    list(run_experiment(wanted, Script(script_of(directory)), lambda text: None, stays_open=True))
    (whole,) = (folder / "whole").iterdir()
    assert untimed_rows(whole) == rows
    # What was asked between two crashes is recorded behind what then came later.
    assert in_steps(whole) == in_steps(directory)
    list(repeat_experiment(directory, str(folder / "again"), Control(), lambda text: None))
    (again,) = (folder / "again").iterdir()
    assert untimed_rows(again) == rows
    assert in_steps(again) == in_steps(directory)
