"""Watching: a history made from the files equals the training's own, whatever happens to the files."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from helpers.experiments import config_of, directed

from logreg_tui.core.errors import UserError
from logreg_tui.core.experiment.directory import Experiment
from logreg_tui.core.experiment.event_log import read_events, to_record
from logreg_tui.core.experiment.lock import Lock, is_locked
from logreg_tui.core.experiment.metrics import csv_line
from logreg_tui.core.session import follow
from logreg_tui.core.session.follow import follow_experiment
from logreg_tui.core.session.resume import resume_experiment
from logreg_tui.core.session.start import run_experiment
from logreg_tui.core.settings import ExperimentSettings, RunSettings
from logreg_tui.core.training import events, requests
from logreg_tui.core.training.events import Event
from logreg_tui.core.training.history import History
from logreg_tui.core.training.replay import Recorded
from logreg_tui.core.training.requests import Control

DEADLINE_S = 20.0
SETTINGS = ExperimentSettings(epochs=100, report_every=40)
STARTED = events.ExperimentStarted(
    0, "/elsewhere", "digits", 1437, 360, 64, 10, (8, 8), "cpu, 2 threads", 100, 10, 40, "stands in"
)
FIRST_RUN = events.RunStarted(0, 1, RunSettings(), 100)
CONFIG = config_of(SETTINGS, dataset="digits", fingerprint="0", device="cpu, 2 threads")


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Poll without rest: what a slow poll can meet, a fast one meets too."""
    monkeypatch.setattr(follow, "POLL_S", 0.002)
    monkeypatch.setattr(follow, "SLICE_S", 0.001)


def row(epoch: int, run: int = 1, *, joined_at: int = 0, elapsed_s: float = 0.5) -> events.RowLogged:
    return events.RowLogged(
        joined_at + epoch, run, epoch, elapsed_s, "sigmoid", 0.001, 0.01, 1.7, 0.1, 1.8, 0.6, 0.5,
        epoch % SETTINGS.report_every == 0,
    )  # fmt: skip


class Training:
    """A directory that a training writes to, by hand."""

    def __init__(self, runs_dir: Path) -> None:
        self._experiment = Experiment.create(runs_dir, "x", CONFIG, lambda file: None)
        self.directory = self._experiment.directory

    def write(self, *happenings: Event) -> None:
        for event in happenings:
            if isinstance(event, events.RowLogged):
                self._experiment.append_rows([event])
            else:
                self._experiment.append_event(event)

    def add(self, name: str, data: str) -> None:
        with (self.directory / name).open("a") as file:
            file.write(data)

    def end(self) -> None:
        self._experiment.close()

    def die(self) -> None:
        """Give the lock back as the kernel does: what it says of its owner stays."""
        record = (self.directory / "lock").read_text()
        self.end()
        (self.directory / "lock").write_text(record)

    def resume(self, rows: int, *happenings: Event) -> None:
        """Go on from a checkpoint after so many rows."""
        lines = (self.directory / "metrics.csv").read_bytes().splitlines(keepends=True)
        lengths = {"metrics.csv": sum(map(len, lines[: rows + 1]))}
        self._experiment = Experiment.reopen(self.directory, Lock(self.directory), lengths)
        self.write(events.ExperimentResumed(max(0, rows - 1) * 10, "here", 1), *happenings)


class Watch:
    """Somebody who watches, on a thread of its own."""

    def __init__(self, directory: Path) -> None:
        self.history = History()
        self.told: list[Event] = []
        self.error: Exception | None = None
        self.control = Control()
        self._happenings = follow_experiment(directory, self.control, lambda text: None)
        self.thread = threading.Thread(target=self._consume)
        self.thread.start()

    def _consume(self) -> None:
        try:
            for event in self._happenings:
                self.history.apply(event)
                self.told.append(event)
        except Exception as error:
            self.error = error

    def until(self, condition: Callable[[], object]) -> None:
        end = monotonic() + DEADLINE_S
        while not condition():
            assert self.error is None, self.error
            assert monotonic() < end, self.told[-5:]
            sleep(0.001)

    def leave(self, request: requests.Request | None = None) -> None:
        self.control.send(request or requests.Stop())
        self.thread.join(DEADLINE_S)
        assert not self.thread.is_alive()

    def epochs(self, run: int = 1) -> list[float]:
        return list(self.history.runs[run].columns.read("epoch")[0]) if run in self.history.runs else []


@contextmanager
def watching(directory: Path) -> Iterator[Watch]:
    watch = Watch(directory)
    try:
        yield watch
    finally:
        watch.leave()


@pytest.fixture
def training(tmp_path: Path) -> Iterator[Training]:
    """An experiment that has logged its first row."""
    training = Training(tmp_path / "runs")
    training.write(STARTED, FIRST_RUN, row(0))
    yield training
    training.end()


def contents(history: History) -> dict[str, Any]:
    """Return all that a screen shows of a history."""
    names = ("settings", "epochs", "joined_at", "status", "ended_at", "marks", "last")
    columns = ("epoch", "elapsed_s", "learning_rate", "test_loss")
    runs = {
        number: (
            *(getattr(run, name) for name in names),
            *(column.tolist() for column in run.columns.read(*columns)),
        )
        for number, run in history.runs.items()
    }
    return {"runs": runs, "reports": history.reports, "state": history.state, "rows": history.rows}


SCRIPT = {
    10: [requests.SetKnob(1, "l2", 0.0), requests.Pause(), requests.Resume()],
    30: [requests.AddRun(RunSettings("logits", learning_rate=0.001, seed=4))],
    40: [requests.SetKnob(1, "head", "logits"), requests.EndRun(2), requests.AddRun(RunSettings(seed=5))],
    60: [requests.SetKnob(3, "learning_rate", 0.002), requests.StepOnce()],
    70: [requests.Resume()],
}


def test_a_watched_training_looks_like_the_training_itself_live_and_afterwards(tmp_path: Path) -> None:
    settings = replace(SETTINGS, dataset="digits", device="cpu", runs_dir=str(tmp_path / "runs"))
    control, history = Control(), History()
    happenings = directed(run_experiment(settings, control, lambda text: None), control, SCRIPT)
    history.apply(next(happenings))
    assert history.experiment is not None
    directory = Path(history.experiment.directory)
    with watching(directory) as live:
        for event in happenings:
            history.apply(event)
        live.until(lambda: live.history.state == "finished")
    with watching(directory) as late:
        late.until(lambda: late.history.state == "finished")
    assert contents(live.history) == contents(history)
    assert contents(late.history) == contents(history)
    assert late.history.experiment == live.history.experiment == history.experiment


def test_after_a_crash_a_watcher_goes_on_with_what_is_new(tmp_path: Path) -> None:
    settings = replace(SETTINGS, dataset="digits", device="cpu", runs_dir=str(tmp_path / "runs"))
    happenings = run_experiment(settings, Control(), lambda text: None)
    begun = next(happenings)
    assert isinstance(begun, events.ExperimentStarted)
    with watching(Path(begun.directory)) as watch:
        for event in happenings:
            if event.step == 70:
                break
        happenings.close()
        watch.until(lambda: watch.history.state == "interrupted")
        assert watch.epochs() == [0, 10, 20, 30, 40, 50, 60, 70]
        for event in resume_experiment(Path(begun.directory), Control(), lambda text: None):
            if isinstance(event, events.ExperimentResumed):
                watch.until(lambda: watch.history.state == "training")
        watch.until(lambda: watch.history.state == "finished")
        assert watch.epochs() == list(range(0, 101, 10))
        assert watch.history.rows == 11


END: list[Event] = [events.RunEnded(10, 1, 10, "finished"), events.AllRunsEnded(10)]
ADDED = events.RunStarted(10, 2, RunSettings(seed=3), 100)
STATES: dict[str, tuple[list[Event], str]] = {
    "training": ([], "training"),
    "paused": ([events.Paused(10)], "paused"),
    "resumed": ([events.Paused(10), events.Resumed(10)], "training"),
    "stepping": ([events.Paused(10), events.Stepped(10)], "stepping"),
    "all runs ended": (END, "idle"),
    "a run after all had ended": ([*END, ADDED, row(0, 2, joined_at=10)], "training"),
    "finished": ([*END, events.ExperimentEnded(10, "finished")], "finished"),
    "stopped": ([events.ExperimentEnded(10, "stopped")], "stopped"),
    "left": ([events.ExperimentLeft(10, "SIGTERM")], "stopped"),
    "gone on with": (
        [events.ExperimentLeft(10, "SIGTERM"), events.ExperimentResumed(10, "here", 1), row(20)],
        "training",
    ),
    "gone on with after a pause and a crash": (
        [events.Paused(30), events.ExperimentResumed(10, "here", 1), ADDED, row(0, 2, joined_at=10)],
        "training",
    ),
    "gone further": (
        [
            *END,
            events.ExperimentEnded(10, "finished"),
            events.ExperimentResumed(10, "here", 1),
            events.RunExtended(10, 1, 10, 200),
            row(20),
        ],
        "training",
    ),
}


@pytest.mark.parametrize("is_late", [False, True], ids=["live", "late"])
@pytest.mark.parametrize(("happenings", "state"), STATES.values(), ids=STATES)
def test_the_state_follows_the_files(
    training: Training, happenings: list[Event], state: str, is_late: bool
) -> None:
    if is_late:
        training.write(row(10), *happenings)
    with watching(training.directory) as watch:
        if not is_late:
            watch.until(lambda: watch.epochs() == [0])
            training.write(row(10), *happenings)
        rows = 2 + sum(isinstance(event, events.RowLogged) for event in happenings)
        watch.until(lambda: watch.history.rows == rows and watch.history.state == state)
        assert watch.history.step == max(10, *(event.step for event in happenings[-1:]), 0)


def test_half_a_line_is_left_for_later_and_what_is_no_line_is_skipped(training: Training) -> None:
    line, change = csv_line(row(10)), events.SettingChanged(10, 1, 10, "l2", 0.001, 0.0)
    record = json.dumps(to_record(change))
    with watching(training.directory) as watch:
        watch.until(lambda: watch.epochs() == [0])
        training.add("metrics.csv", line[:9])
        training.add("events.jsonl", record[:20])
        told = len(watch.told)
        sleep(0.02)
        assert len(watch.told) == told
        training.add("metrics.csv", line[9:])
        training.add("events.jsonl", record[20:] + "\n")
        watch.until(lambda: watch.history.runs[1].marks)
        training.add("metrics.csv", "\n1,x\n1,15,\xff\n1,15,0.5\n7,15,1,a,1,1,1,1,1,1,1\nrun,epoch\n")
        training.add("events.jsonl", 'x\n[]\n{"event": "other"}\n')
        training.write(events.RunEnded(10, 9, 10, "ended"), row(20))
        watch.until(lambda: watch.epochs() == [0, 10, 20])
        assert list(watch.history.runs) == [1]


@pytest.mark.parametrize("kept", [0, 1, 3, 5])
@pytest.mark.parametrize("elapsed_s", [0.5, 1.0 / 3, 4.0])
def test_rows_that_are_computed_again_are_told_once(training: Training, kept: int, elapsed_s: float) -> None:
    with watching(training.directory) as watch:
        training.write(*(row(epoch, elapsed_s=0.125) for epoch in range(10, 50, 10)))
        watch.until(lambda: len(watch.epochs()) == 5)
        training.die()
        watch.until(lambda: watch.history.state == "interrupted")
        # Written at once: no poll may ever see that the file was shorter.
        again = [row(epoch, elapsed_s=elapsed_s) for epoch in range(kept * 10, 100, 10)]
        training.resume(kept, *again)
        watch.until(lambda: len(watch.epochs()) == 10)
        assert watch.history.state == "training"
        training.write(row(100))
        watch.until(lambda: len(watch.epochs()) == 11)
        assert watch.epochs() == list(range(0, 101, 10))


def test_a_file_that_shrinks_is_read_anew(training: Training) -> None:
    with watching(training.directory) as watch:
        training.write(row(10, elapsed_s=0.125), row(20, elapsed_s=0.25))
        watch.until(lambda: len(watch.epochs()) == 3)
        lines = (training.directory / "metrics.csv").read_text().splitlines(keepends=True)
        (training.directory / "metrics.csv").write_text("".join(lines[:2]))
        training.write(events.Paused(20))
        watch.until(lambda: watch.history.state == "paused")
        again = [row(epoch, elapsed_s=epoch / 10) for epoch in (10, 20, 30)]
        training.add("metrics.csv", "".join(map(csv_line, again)))
        watch.until(lambda: watch.epochs() == [0, 10, 20, 30])


def test_an_event_is_not_told_before_the_rows_that_it_followed(
    training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = [row(10), events.RunEnded(10, 1, 10, "finished")]

    def read_late(path: Path, start: int) -> list[Recorded]:
        # Between the look at metrics.csv and the look at events.jsonl.
        training.write(*late)
        late.clear()
        return read_events(path, start)

    with watching(training.directory) as watch:
        watch.until(lambda: watch.epochs() == [0])
        monkeypatch.setattr(follow, "read_events", read_late)
        watch.until(lambda: watch.history.runs[1].status == "finished")
        assert watch.told[-2:] == [row(10), events.RunEnded(10, 1, 10, "finished")]


def test_whoever_takes_over_between_two_looks_is_not_taken_for_dead(
    training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    was_asked = threading.Event()

    def look_and_take_over(directory: Path) -> bool:
        if was_asked.is_set():
            return is_locked(directory)
        was_asked.set()
        training.die()
        training.resume(1, row(10))
        return False

    with watching(training.directory) as watch:
        watch.until(lambda: watch.epochs() == [0])
        monkeypatch.setattr(follow, "is_locked", look_and_take_over)
        watch.until(lambda: watch.epochs() == [0, 10])
        training.write(events.Paused(10))
        watch.until(lambda: watch.history.state == "paused")
        assert not [event for event in watch.told if isinstance(event, events.ExperimentLeft)]


@pytest.mark.parametrize("is_dead", [False, True])
def test_the_first_look_tells_the_whole_past_and_a_stop_ends_the_longest_wait(
    training: Training, monkeypatch: pytest.MonkeyPatch, is_dead: bool
) -> None:
    training.write(row(10), *END)
    if is_dead:
        training.die()
    monkeypatch.setattr(follow, "POLL_S", 1e6)
    with watching(training.directory) as watch:
        watch.until(lambda: watch.history.state == ("interrupted" if is_dead else "idle"))


@pytest.mark.parametrize("is_late", [False, True], ids=["live", "late"])
@pytest.mark.parametrize("last", [[], [events.Paused(10)], END], ids=["training", "paused", "idle"])
def test_a_process_that_died_is_noticed_and_its_successor_too(
    training: Training, last: list[Event], is_late: bool
) -> None:
    training.write(row(10), *last)
    if is_late:
        training.die()
    with watching(training.directory) as watch:
        if not is_late:
            watch.until(lambda: watch.history.rows == 2)
            training.die()
        watch.until(lambda: watch.history.state == "interrupted")
        training.resume(2, row(20))
        watch.until(lambda: watch.history.state == "training" and watch.history.rows == 3)
        training.die()
        watch.until(lambda: watch.history.state == "interrupted")
        lefts = [event for event in watch.told if isinstance(event, events.ExperimentLeft)]
        assert lefts == [events.ExperimentLeft(10, "interrupted"), events.ExperimentLeft(20, "interrupted")]


def test_an_owner_on_another_host_is_never_presumed_dead(training: Training) -> None:
    training.die()
    owner = {"host": f"not-{socket.gethostname()}", "boot_id": "", "pid": 1}
    (training.directory / "lock").write_text(json.dumps(owner))
    with watching(training.directory) as watch:
        for epoch in (10, 20):
            training.add("metrics.csv", csv_line(row(epoch)))
            watch.until(lambda epoch=epoch: watch.history.step == epoch)
        assert watch.history.state == "training"


@pytest.mark.parametrize("request_", [requests.Stop(), requests.Leave("SIGTERM"), requests.Detach()])
def test_a_watcher_goes_without_a_word(training: Training, request_: requests.Request) -> None:
    with watching(training.directory) as watch:
        watch.until(lambda: watch.epochs() == [0])
        watch.leave(request_)
        assert watch.error is None
        assert watch.told[-1] == row(0)


def test_watching_leaves_the_directory_and_its_lock_alone(training: Training) -> None:
    training.write(events.ExperimentEnded(0, "stopped"))
    training.end()

    def look() -> dict[str, tuple[bytes, int]]:
        return {
            path.name: (path.read_bytes(), path.stat().st_mtime_ns)
            for path in training.directory.iterdir()
            if path.name != "lock"
        }

    before = look()
    with watching(training.directory) as watch:
        watch.until(lambda: watch.history.state == "stopped")
        for _ in range(200):
            Lock(training.directory).release()
        assert look() == before


def test_what_is_watched_is_told_first(training: Training) -> None:
    training.write(replace(STARTED, device="cuda:0"))
    with watching(training.directory) as watch:
        watch.until(lambda: watch.told)
        assert watch.told[0] == replace(STARTED, device="cuda:0", directory=str(training.directory))


def test_what_is_watched_follows_from_the_config_where_nothing_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = Training(tmp_path / "runs")
    monkeypatch.chdir(tmp_path / "runs")
    with watching(Path(training.directory.name)) as watch:
        watch.until(lambda: watch.told)
        assert watch.told == [replace(STARTED, directory=str(training.directory), notice=None)]
    training.end()


def remove(directory: Path) -> None:
    directory.rename(directory.with_name("elsewhere"))


def remove_metrics(directory: Path) -> None:
    (directory / "metrics.csv").unlink()


@pytest.mark.parametrize("damage", [remove, remove_metrics])
def test_a_directory_that_goes_away_ends_the_watch(
    training: Training, damage: Callable[[Path], None]
) -> None:
    with watching(training.directory) as watch:
        watch.until(lambda: watch.epochs() == [0])
        damage(training.directory)
        watch.thread.join(DEADLINE_S)
        assert isinstance(watch.error, UserError)
        assert "cannot follow" in str(watch.error)
        assert "\n" not in str(watch.error)


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "nothing there": (lambda path: None, "not an experiment directory"),
    "an empty folder": (lambda path: path.mkdir(), "not an experiment directory"),
    "a config without its data": (
        lambda path: _make(path, {"name": "x", "fingerprint": "0"}),
        "damaged: KeyError",
    ),
    "a bad shape": (
        lambda path: _make(path, {**CONFIG.to_json()["dataset"], "image_shape": [1]}),
        "damaged: ValueError",
    ),
}


def _make(path: Path, dataset: dict[str, Any]) -> None:
    path.mkdir()
    (path / "config.json").write_text(json.dumps({**CONFIG.to_json(), "dataset": dataset}))
    (path / "metrics.csv").touch()
    (path / "events.jsonl").touch()


@pytest.mark.parametrize(("make", "named"), BROKEN.values(), ids=BROKEN)
def test_what_is_no_experiment_is_named_in_one_line(
    tmp_path: Path, make: Callable[[Path], object], named: str
) -> None:
    make(tmp_path / "x")
    with pytest.raises(UserError, match=named) as caught:
        next(follow_experiment(tmp_path / "x", Control(), lambda text: None))
    assert "\n" not in str(caught.value)


def test_watching_loads_no_torch(training: Training) -> None:
    code = f"""
import sys
from pathlib import Path
from logreg_tui.core.training.requests import Control
from logreg_tui.core.session.follow import follow_experiment
from logreg_tui.core.training.history import History
history = History()
for event in follow_experiment(Path({str(training.directory)!r}), Control(), print):
    history.apply(event)
    if history.rows:
        break
print(*sys.modules)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(result.stdout.split())
    assert "logreg_tui.core.session.follow" in loaded
    assert loaded & {"torch", "textual", "plotext", "sklearn"} == set()
