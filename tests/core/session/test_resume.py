"""Going on and repeating: the same rows, bit for bit, wherever the training was cut off."""

from __future__ import annotations

import csv
import json
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from helpers.experiments import directed, untimed_rows

from logreg_tui.core.errors import UsageError, UserError
from logreg_tui.core.optimizers import Optimizer
from logreg_tui.core.session.resume import AlreadyFinished, repeat_experiment, resume_experiment
from logreg_tui.core.session.start import run_experiment
from logreg_tui.core.settings import ExperimentSettings, RunSettings, Schedule
from logreg_tui.core.training import events, requests
from logreg_tui.core.training.events import Event
from logreg_tui.core.training.history import History
from logreg_tui.core.training.requests import Control

Script = dict[int, tuple[requests.Request, ...]]

SCRIPT: Script = {
    20: (requests.SetKnob(1, "head", "logits"), requests.SetKnob(1, "l2", 0.01)),
    30: (
        requests.AddRun(RunSettings("sigmoid", seed=5, optimizer=Optimizer("nesterov"))),
        requests.Pause(),
        requests.Resume(),
    ),
    50: (requests.SetKnob(2, "learning_rate", 0.003), requests.EndRun(3)),
    70: (requests.SetKnob(1, "head", "sigmoid"),),
}
"""What a person does, by step."""


def settings(tmp_path: Path, name: str) -> ExperimentSettings:
    schedule = Schedule("step", 25, 0.5)
    runs = (
        RunSettings("sigmoid", schedule=schedule, optimizer=Optimizer("adam")),
        RunSettings("logits", learning_rate=0.001),
    )
    return ExperimentSettings(
        runs=runs,
        dataset="digits",
        device="cpu",
        epochs=100,
        report_every=40,
        runs_dir=str(tmp_path / name),
    )


def lasting(directory: Path) -> list[dict[str, object]]:
    """Return the lines of events.jsonl without their time and without what resuming adds."""
    lines = [json.loads(line) for line in (directory / "events.jsonl").read_text().splitlines()]
    kept = [line for line in lines if line["event"] not in ("experiment_resumed", "paused", "resumed")]
    return [
        {name: value for name, value in line.items() if name not in ("time", "directory")} for line in kept
    ]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a training that nothing interrupted."""
    control = Control()
    wanted = settings(tmp_path_factory.mktemp("whole"), "runs")
    list(directed(run_experiment(wanted, control, print), control, SCRIPT))
    (directory,) = Path(wanted.runs_dir).iterdir()
    return directory


def cut_off(happenings: Iterator[Event], count: int) -> bool:
    """Take so many events and drop the rest, as SIGKILL does; return whether there were that many."""
    taken = sum(1 for _, _ in zip(range(count), happenings, strict=False))
    happenings.close()  # type: ignore[attr-defined]
    return taken == count


@pytest.mark.parametrize("seed", range(12))
def test_rows_after_crashes_equal_those_of_an_uninterrupted_training(
    tmp_path: Path, whole: Path, seed: int
) -> None:
    chance = random.Random(seed)
    wanted = settings(tmp_path, "runs")
    control = Control()
    happenings = run_experiment(wanted, control, print)
    was_cut = cut_off(directed(happenings, control, SCRIPT), chance.randint(2, 90))
    happenings.close()
    (directory,) = Path(wanted.runs_dir).iterdir()
    for _ in range(6):
        if not was_cut or lasting(directory)[-1]["event"] == "experiment_ended":
            break
        _damage_tail(directory, chance)
        was_cut = _go_on(directory, chance.randint(20, 150))
    _go_on(directory, 10**6)
    assert untimed_rows(directory) == untimed_rows(whole)
    assert lasting(directory) == lasting(whole)


def _go_on(directory: Path, count: int) -> bool:
    """Resume for so many events, the past ones among them; return whether it was cut off."""
    control = Control()
    happenings = resume_experiment(directory, control, print)
    try:
        return cut_off(directed(happenings, control, _still_to_do(directory)), count)
    except AlreadyFinished:
        return False
    finally:
        happenings.close()


def _still_to_do(directory: Path) -> Script:
    """Return what the person has not done yet, to judge by what is recorded."""
    done = [
        json.loads(line) for line in (directory / "events.jsonl").read_text().splitlines() if line[-1:] == "}"
    ]
    last = max((line["step"] for line in done if line["event"] in _DEEDS), default=-1)
    happened = [line for line in done if line["event"] in _DEEDS and line["step"] == last]
    left = {step: wishes for step, wishes in SCRIPT.items() if step > last}
    if last in SCRIPT:
        lasting = [wish for wish in SCRIPT[last] if not isinstance(wish, requests.Pause | requests.Resume)]
        at_last = [line for line in happened if line.get("reason") != "finished"]
        left[last] = tuple(lasting[len(at_last) :])
    return left


_DEEDS = ("setting_changed", "run_started", "run_ended")


def _damage_tail(directory: Path, chance: random.Random) -> None:
    """Add what a crash in the middle of a write leaves behind."""
    for name, text in (("metrics.csv", "1,9999,0.5,sigm"), ("events.jsonl", '{"time": "2026')):
        with (directory / name).open("a") as file:
            file.write(text[: chance.randint(0, len(text))])


def test_a_training_repeats_bit_for_bit(tmp_path: Path, whole: Path) -> None:
    list(repeat_experiment(whole, str(tmp_path / "again"), Control(), print))
    (again,) = (tmp_path / "again").iterdir()
    assert untimed_rows(again) == untimed_rows(whole)


def test_a_stopped_training_goes_on_and_its_repetition_stops_where_it_did(tmp_path: Path) -> None:
    wanted, control = settings(tmp_path, "runs"), Control()
    script: Script = {20: (requests.SetKnob(1, "l2", 0.0),), 40: (requests.Stop(),)}
    list(directed(run_experiment(wanted, control, print), control, script))
    (directory,) = Path(wanted.runs_dir).iterdir()
    list(repeat_experiment(directory, str(tmp_path / "again"), Control(), print))
    (again,) = (tmp_path / "again").iterdir()
    assert untimed_rows(again) == untimed_rows(directory)
    assert untimed_rows(again)[-1]["epoch"] == "40"
    assert lasting(again)[-1] == {"event": "experiment_ended", "step": 40, "reason": "stopped"}
    list(resume_experiment(directory, Control(), print))
    epochs = [int(row["epoch"]) for row in untimed_rows(directory) if row["run"] == "1"]
    assert epochs == list(range(0, 101, 10))


@pytest.mark.parametrize("request_", [requests.Stop(), requests.EndRun(1)])
def test_a_run_that_diverges_by_the_row_that_its_end_asked_for_is_repeated_with_it(
    tmp_path: Path, request_: requests.Request
) -> None:
    class EndsAmid(Control):
        looked = 0

        def take(self) -> requests.Request | None:
            self.looked += 1
            return request_ if self.looked == 4 else super().take()

    runs = (RunSettings("sigmoid", learning_rate=1e37),)
    wanted = replace(settings(tmp_path, "runs"), runs=runs)
    list(run_experiment(wanted, EndsAmid(), print))
    (directory,) = Path(wanted.runs_dir).iterdir()
    assert [row["epoch"] for row in untimed_rows(directory)] == ["0", "3"]
    assert "run_diverged" in [line["event"] for line in lasting(directory)]
    list(repeat_experiment(directory, str(tmp_path / "again"), Control(), print))
    (again,) = (tmp_path / "again").iterdir()
    assert untimed_rows(again) == untimed_rows(directory)


def test_what_is_finished_says_so_and_goes_further_on_request(tmp_path: Path, whole: Path) -> None:
    directory = tmp_path / "copy"
    shutil.copytree(whole, directory)
    with pytest.raises(AlreadyFinished, match="is finished.*--epochs") as caught:
        list(resume_experiment(directory, Control(), print))
    assert caught.value.exit_status == 0
    with pytest.raises(AlreadyFinished):
        list(resume_experiment(directory, Control(), print, epochs=100))
    list(resume_experiment(directory, Control(), print, epochs=130))
    for run, last in (("1", "130"), ("2", "130"), ("3", "20")):
        assert [row["epoch"] for row in untimed_rows(directory) if row["run"] == run][-1] == last
    elapsed = [float(row["elapsed_s"]) for row in _timed(directory) if row["run"] == "1"]
    assert elapsed == sorted(elapsed)
    list(repeat_experiment(directory, str(tmp_path / "again"), Control(), print))
    (again,) = (tmp_path / "again").iterdir()
    assert untimed_rows(again) == untimed_rows(directory)


TAKEN_UP: Script = {
    20: (requests.SetKnob(1, "head", "logits"), requests.EndRun(1), requests.Extend(90, (1,))),
    50: (requests.EndRun(1), requests.EndRun(2)),
}
"""Runs that are ended: the first is taken up at once, and both later, when nothing trains any more."""
BACK = (requests.Extend(70, (2,)), requests.Extend(110, (1, 2)), requests.SetKnob(2, "l2", 0.1))


def _taken_up(tmp_path: Path) -> Iterator[Event]:
    """Train with runs that are ended and taken up again."""
    control = Control()
    happenings = run_experiment(settings(tmp_path, "runs"), control, print, stays_open=True)
    for event in directed(happenings, control, TAKEN_UP):
        if isinstance(event, events.AllRunsEnded):
            for request in BACK if event.step == 50 else [requests.Stop()]:
                control.send(request)
        yield event


def _only(directory: Path) -> Path:
    (found,) = directory.iterdir()
    return found


@pytest.fixture(scope="module")
def taken_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a training in which runs were ended and taken up again."""
    folder = tmp_path_factory.mktemp("taken")
    list(_taken_up(folder))
    return _only(folder / "runs")


def test_a_run_that_was_ended_goes_on_where_it_stood_and_repeats_bit_for_bit(
    tmp_path: Path, taken_up: Path
) -> None:
    rows = untimed_rows(taken_up)
    for run in ("1", "2"):
        assert [int(row["epoch"]) for row in rows if row["run"] == run] == list(range(0, 111, 10))
    list(repeat_experiment(taken_up, str(tmp_path / "again"), Control(), print))
    assert untimed_rows(_only(tmp_path / "again")) == rows


@pytest.mark.parametrize("from_the_start", [False, True], ids=["newest checkpoint", "checkpoint of step 0"])
@pytest.mark.parametrize("rows", [0, 1, 4, 9])
def test_after_a_crash_behind_it_everything_comes_again_once(
    tmp_path: Path, taken_up: Path, rows: int, from_the_start: bool
) -> None:
    happenings = _taken_up(tmp_path)
    left = rows
    for event in happenings:
        if isinstance(event, events.SettingChanged) and event.step == 50:
            break
    while left:
        left -= isinstance(next(happenings), events.RowLogged)
    happenings.close()  # type: ignore[attr-defined]
    directory = _only(tmp_path / "runs")
    if from_the_start:
        (directory / "checkpoint.pt").write_bytes(b"damaged")
    list(resume_experiment(directory, Control(), print))
    assert untimed_rows(directory) == untimed_rows(taken_up)
    assert lasting(directory) == lasting(taken_up)


def test_what_a_person_ended_goes_on_with_epochs_if_nothing_else_can(tmp_path: Path) -> None:
    wanted, control = settings(tmp_path, "runs"), Control()
    script: Script = {30: (requests.EndRun(1), requests.EndRun(2))}
    list(directed(run_experiment(wanted, control, print), control, script))
    directory = _only(Path(wanted.runs_dir))
    with pytest.raises(AlreadyFinished, match="N above 30 goes further"):
        list(resume_experiment(directory, Control(), print, epochs=30))
    list(resume_experiment(directory, Control(), print, epochs=60, runs=[2]))
    assert [row["epoch"] for row in untimed_rows(directory)][-3:] == ["40", "50", "60"]
    list(resume_experiment(directory, Control(), print, epochs=100))
    assert [row["run"] for row in untimed_rows(directory) if row["epoch"] == "100"] == ["2"]
    with pytest.raises(UsageError, match="run 2 cannot go on to epoch 90: it has reached 100"):
        list(resume_experiment(directory, Control(), print, epochs=90, runs=[2]))
    with pytest.raises(UsageError, match="run 3 cannot go on"):
        list(resume_experiment(directory, Control(), print, epochs=90, runs=[3]))
    list(repeat_experiment(directory, str(tmp_path / "again"), Control(), print))
    assert untimed_rows(_only(tmp_path / "again")) == untimed_rows(directory)


@pytest.mark.parametrize("epochs", [None, 100, 120])
def test_epochs_let_a_training_that_was_stopped_go_further_and_never_end_earlier(
    tmp_path: Path, epochs: int | None
) -> None:
    wanted, control = settings(tmp_path, "runs"), Control()
    list(directed(run_experiment(wanted, control, print), control, {30: (requests.Leave("quit"),)}))
    directory = _only(Path(wanted.runs_dir))
    with pytest.raises(UsageError, match=r"--epochs 40 changes nothing.* epoch 100 or further.*leave it out"):
        list(resume_experiment(directory, Control(), print, epochs=40))
    happened = list(resume_experiment(directory, Control(), print, epochs=epochs))
    assert not [event for event in happened if isinstance(event, events.RequestRefused)]
    assert untimed_rows(directory)[-1]["epoch"] == str(epochs or 100)


def test_fewer_epochs_are_refused_when_all_are_done_and_let_a_run_that_was_ended_go_on(
    tmp_path: Path,
) -> None:
    wanted, control = settings(tmp_path, "runs"), Control()
    script: Script = {30: (requests.EndRun(1),), 50: (requests.Leave("quit"),)}
    list(directed(run_experiment(wanted, control, print), control, script))
    directory = _only(Path(wanted.runs_dir))
    list(resume_experiment(directory, Control(), print, epochs=80, runs=[1]))
    assert {row["run"] for row in untimed_rows(directory) if row["epoch"] == "80"} == {"1", "2"}
    with pytest.raises(UsageError, match=r"--epochs 40 changes nothing.* epoch 80 or further"):
        list(resume_experiment(directory, Control(), print, epochs=40))
    with pytest.raises(AlreadyFinished, match=r"`--epochs N` with N above 80"):
        list(resume_experiment(directory, Control(), print, epochs=80))


def test_runs_that_all_diverged_cannot_go_on_and_say_so(tmp_path: Path) -> None:
    runs = (RunSettings("logits", learning_rate=1e30),)
    wanted = ExperimentSettings(
        runs=runs, dataset="digits", device="cpu", epochs=50, runs_dir=str(tmp_path / "runs")
    )
    list(run_experiment(wanted, Control(), print))
    for epochs, status in ((None, 0), (90, 1)):
        with pytest.raises(UserError, match="every run has diverged.*smaller --lr") as caught:
            list(resume_experiment(_only(tmp_path / "runs"), Control(), print, epochs=epochs))
        assert caught.value.exit_status == status


def test_without_a_screen_a_training_that_nothing_brings_back_ends(tmp_path: Path) -> None:
    wanted, control = settings(tmp_path, "runs"), Control()
    script: Script = {30: (requests.EndRun(1), requests.EndRun(2))}
    for event in directed(run_experiment(wanted, control, print, stays_open=True), control, script):
        # Killed while it waits for a new run: nobody recorded an end.
        if isinstance(event, events.AllRunsEnded):
            break
    happened = list(resume_experiment(_only(Path(wanted.runs_dir)), Control(), print, epochs=20))
    assert happened[-1] == events.ExperimentEnded(30, "finished")


def _timed(directory: Path) -> list[dict[str, str]]:
    with (directory / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("former", [None, "sparse 1"])
def test_a_change_of_engine_is_told_once_and_the_rows_go_on(
    tmp_path: Path, whole: Path, former: str | None
) -> None:
    directory = _cut_at(tmp_path, 60)
    for path in directory.glob("checkpoint*.pt"):
        record = torch.load(path, weights_only=True)
        engine = record.pop("engine")
        torch.save(record if former is None else {**record, "engine": former}, path)
    control = Control()
    happened = list(directed(resume_experiment(directory, control, print), control, _still_to_do(directory)))
    (change,) = [event for event in happened if isinstance(event, events.EngineChanged)]
    assert f"the engine is now {engine}, it was {former or 'that of an earlier version'}" in change.reason
    assert untimed_rows(directory) == untimed_rows(whole)
    with pytest.raises(AlreadyFinished):
        list(resume_experiment(directory, control, print))


def test_a_resumed_training_shows_the_whole_past(tmp_path: Path, whole: Path) -> None:
    wanted, control = settings(tmp_path, "runs"), Control()
    happenings = directed(run_experiment(wanted, control, print), control, SCRIPT)
    for event in happenings:
        if isinstance(event, events.RowLogged) and event.step == 90:
            break
    happenings.close()  # type: ignore[attr-defined]
    (directory,) = Path(wanted.runs_dir).iterdir()
    history = History()
    for event in resume_experiment(directory, Control(), print):
        history.apply(event)
    assert history.rows == len(untimed_rows(whole))
    for number, run in history.runs.items():
        epochs = [int(row["epoch"]) for row in untimed_rows(whole) if row["run"] == str(number)]
        assert run.columns.read("epoch")[0].tolist() == epochs
    assert [mark.text for mark in history.runs[1].marks] == [
        "sigmoid → logits",
        "λ 0.001 → 0.01",
        "logits → sigmoid",
    ]
    assert [(row.run, row.epoch) for row in history.reports][:4] == [(1, 0), (2, 0), (3, 0), (1, 40)]


def break_nothing(directory: Path) -> None: ...


def truncate_checkpoint(directory: Path) -> None:
    path = directory / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[:500])


def empty_checkpoint(directory: Path) -> None:
    (directory / "checkpoint.pt").write_bytes(b"")


def remove_checkpoint(directory: Path) -> None:
    (directory / "checkpoint.pt").unlink()


def garble_checkpoint(directory: Path) -> None:
    path = directory / "checkpoint.pt"
    data = bytearray(path.read_bytes())
    data[100:300] = b"\xff" * 200
    path.write_bytes(bytes(data))


def shorten_metrics(directory: Path) -> None:
    path = directory / "metrics.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:6]))


@pytest.mark.parametrize(
    "damage",
    [break_nothing, truncate_checkpoint, empty_checkpoint, remove_checkpoint, garble_checkpoint],
)
def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    tmp_path: Path, whole: Path, damage: Callable[[Path], None]
) -> None:
    directory = _cut_at(tmp_path, 90)
    damage(directory)
    control = Control()
    list(directed(resume_experiment(directory, control, print), control, {}))
    assert untimed_rows(directory) == untimed_rows(whole)


def _cut_at(tmp_path: Path, step: int) -> Path:
    wanted, control = settings(tmp_path, "runs"), Control()
    happenings = run_experiment(wanted, control, print)
    for event in directed(happenings, control, SCRIPT):
        if isinstance(event, events.RowLogged) and event.step == step:
            break
    happenings.close()
    (directory,) = Path(wanted.runs_dir).iterdir()
    return directory


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "no config": (lambda path: (path / "config.json").unlink(), "not an experiment directory"),
    "config of a newer version": (
        lambda path: (path / "config.json").write_text('{"format": 99}'),
        "format '99'",
    ),
    "config that is no JSON": (lambda path: (path / "config.json").write_text("{"), "damaged"),
    "config that is a list": (lambda path: (path / "config.json").write_text("[]"), "damaged"),
    "config with a bad setting": (
        lambda path: (path / "config.json").write_text(
            (path / "config.json").read_text().replace('"epochs": 100', '"epochs": -1')
        ),
        "epochs",
    ),
    "other data": (
        lambda path: (path / "config.json").write_text(
            (path / "config.json")
            .read_text()
            .replace('"pixels": "raw"', '"pixels": "raw"')
            .replace('"fingerprint": "', '"fingerprint": "0')
        ),
        "fingerprint",
    ),
    "no events": (lambda path: (path / "events.jsonl").unlink(), "events.jsonl"),
    "no checkpoint at all": (
        lambda path: [(path / name).unlink() for name in ("checkpoint.pt", "checkpoint.previous.pt")],
        "no usable checkpoint",
    ),
    "metrics shorter than any checkpoint": (
        lambda path: (path / "metrics.csv").write_text("run,epoch\n"),
        "metrics.csv is shorter",
    ),
}


@pytest.mark.parametrize(("damage", "named"), BROKEN.values(), ids=BROKEN)
def test_a_broken_directory_is_named_in_one_line_and_left_as_it_is(
    tmp_path: Path, damage: Callable[[Path], object], named: str
) -> None:
    directory = _cut_at(tmp_path, 50)
    damage(directory)
    before = {path.name: path.read_bytes() for path in directory.iterdir() if path.name != "lock"}
    with pytest.raises(UserError, match=named) as caught:
        list(resume_experiment(directory, Control(), print))
    assert "\n" not in str(caught.value)
    assert {path.name: path.read_bytes() for path in directory.iterdir() if path.name != "lock"} == before


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: None])
def test_a_directory_that_is_no_experiment_is_named(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "other")
    with pytest.raises(UserError, match="not an experiment directory"):
        list(resume_experiment(tmp_path / "other", Control(), print))
    with pytest.raises(UserError, match="not an experiment directory"):
        list(repeat_experiment(tmp_path / "other", str(tmp_path / "again"), Control(), print))


def test_an_experiment_that_is_being_trained_is_not_trained_twice(tmp_path: Path) -> None:
    wanted = settings(tmp_path, "runs")
    happenings = run_experiment(wanted, Control(), print)
    next(happenings)
    (directory,) = Path(wanted.runs_dir).iterdir()
    with pytest.raises(UserError, match=r"trained by process.*logreg-tui watch"):
        list(resume_experiment(directory, Control(), print))
    happenings.close()
