"""From settings to a directory: what lies there, when, and what is left after an error."""

from __future__ import annotations

import errno
import json
import math
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

import pytest
import torch
from helpers.disk import Call, Disk, Fault, appended
from helpers.experiments import read_rows
from safetensors.torch import load_file

from logreg_tui.core.engine import device_data, devices, engine
from logreg_tui.core.errors import Cancelled, UserError
from logreg_tui.core.experiment.directory import Experiment, clear_abandoned
from logreg_tui.core.experiment.event_log import to_record
from logreg_tui.core.experiment.lock import Lock
from logreg_tui.core.experiment.metrics import CSV_COLUMNS
from logreg_tui.core.session.resume import resume_experiment
from logreg_tui.core.session.start import run_experiment
from logreg_tui.core.settings import ExperimentSettings, RunSettings
from logreg_tui.core.training import events, requests
from logreg_tui.core.training.events import Event
from logreg_tui.core.training.requests import Control


def settings(tmp_path: Path, *runs: RunSettings, epochs: int = 30, **others: object) -> ExperimentSettings:
    return ExperimentSettings(
        runs=runs or (RunSettings(),),
        dataset="digits",
        device="cpu",
        epochs=epochs,
        report_every=20,
        runs_dir=str(tmp_path / "runs"),
        **others,  # type: ignore[arg-type]
    )


def run(wanted: ExperimentSettings, control: Control | None = None) -> list[Event]:
    return list(run_experiment(wanted, control or Control(), print))


def directory_of(happenings: list[Event]) -> Path:
    started = happenings[0]
    assert isinstance(started, events.ExperimentStarted)
    return Path(started.directory)


def read_events(directory: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (directory / "events.jsonl").read_text().splitlines()]


def test_the_directory_holds_everything_the_design_names(tmp_path: Path) -> None:
    happenings = run(settings(tmp_path, RunSettings("sigmoid"), RunSettings("logits"), name="both"))
    directory = directory_of(happenings)
    assert directory.parent == tmp_path / "runs"
    assert directory.name.endswith("Z-both") is False
    assert directory.name[15:] == "-both"
    assert sorted(path.name for path in directory.iterdir()) == [
        "checkpoint.previous.pt",
        "checkpoint.pt",
        "config.json",
        "events.jsonl",
        "lock",
        "metrics.csv",
        "model-1.safetensors",
        "model-2.safetensors",
    ]
    assert sorted(path.name for path in directory.parent.iterdir()) == [directory.name]


def test_metrics_csv_has_the_rows_of_the_events_in_full_precision(tmp_path: Path) -> None:
    happenings = run(settings(tmp_path, RunSettings("sigmoid"), RunSettings("logits")))
    directory = directory_of(happenings)
    header = (directory / "metrics.csv").read_text().splitlines()[0]
    assert header == (
        "run,epoch,elapsed_s,head,l2,learning_rate,train_loss,l2_penalty,test_loss,train_accuracy,test_accuracy"
    )
    logged = [event for event in happenings if isinstance(event, events.RowLogged)]
    written = read_rows(directory)
    assert len(written) == len(logged) == 8
    for line, row in zip(written, logged, strict=True):
        for name in CSV_COLUMNS:
            value = getattr(row, name)
            assert type(value)(line[name]) == value


def test_every_row_and_event_is_with_the_operating_system_before_it_is_seen(tmp_path: Path) -> None:
    control, rows, kept = Control(), 0, 0
    for event in run_experiment(settings(tmp_path), control, print):
        if isinstance(event, events.ExperimentStarted):
            directory = Path(event.directory)
            control.send(requests.SetKnob(1, "l2", 0.5))
        rows += isinstance(event, events.RowLogged)
        kept += to_record(event) is not None
        assert len(read_rows(directory)) == rows
        assert len(read_events(directory)) == kept


def test_events_jsonl_tells_what_was_done_and_when(tmp_path: Path) -> None:
    wishes = (
        requests.Pause(),
        requests.SetKnob(1, "head", "logits"),
        requests.SetKnob(1, "l2", 0.0),
        requests.SetKnob(1, "learning_rate", 0.001),
        requests.AddRun(RunSettings("logits", seed=3)),
        requests.EndRun(2),
        requests.StepOnce(),
    )
    control, happenings = Control(*wishes), []
    for event in run_experiment(settings(tmp_path), control, print):
        happenings.append(event)
        if event == events.Paused(10):
            control.send(requests.Resume())
    records = read_events(directory_of(happenings))
    assert [record["event"] for record in records] == [
        "experiment_started",
        "run_started",
        "paused",
        "setting_changed",
        "setting_changed",
        "setting_changed",
        "run_started",
        "run_ended",
        "stepped",
        "paused",
        "resumed",
        "run_ended",
        "all_runs_ended",
        "experiment_ended",
    ]
    assert records[3] | {"time": ""} == {
        "time": "",
        "event": "setting_changed",
        "step": 0,
        "run": 1,
        "epoch": 0,
        "name": "head",
        "old": "sigmoid",
        "new": "logits",
    }
    assert all(str(record["time"]).endswith("Z") for record in records)


def test_config_json_says_how_it_was_started(tmp_path: Path) -> None:
    wanted = settings(tmp_path, RunSettings(l2=0.0, seed=4), pixels="unit")
    config = json.loads((directory_of(run(wanted)) / "config.json").read_text())
    assert config["format"] == 1
    assert ExperimentSettings.from_json(config["settings"]).runs == wanted.runs
    assert config["settings"]["device"] == "cpu"
    assert config["dataset"]["name"] == "digits"
    assert len(config["dataset"]["fingerprint"]) == 64
    assert config["versions"]["torch"] == torch.__version__


def test_models_load_into_torch_linear(tmp_path: Path) -> None:
    happenings = run(settings(tmp_path))
    state = load_file(directory_of(happenings) / "model-1.safetensors")
    linear = torch.nn.Linear(64, 10)
    linear.load_state_dict(state)
    last = [event for event in happenings if isinstance(event, events.RowLogged)][-1]
    penalty = 0.001 * sum(tensor.pow(2).sum().item() for tensor in state.values())
    assert penalty == pytest.approx(last.l2_penalty, rel=1e-5)


def test_a_model_that_is_saved_when_all_runs_have_ended_is_not_written_again_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[str] = []
    save = Experiment.save

    def noted(self: Experiment, name: str, write: Callable[[IO[bytes]], object]) -> None:
        saved.append(name)
        save(self, name, write)

    monkeypatch.setattr(Experiment, "save", noted)
    directory = directory_of(run(settings(tmp_path, RunSettings(), RunSettings("logits"))))
    assert saved == ["model-1.safetensors", "model-2.safetensors"]
    assert all((directory / name).exists() for name in saved)


def test_the_checkpoint_of_a_fresh_directory_loads_without_pickle(tmp_path: Path) -> None:
    happenings: Iterator[Event] = run_experiment(settings(tmp_path), Control(), print)
    directory = directory_of([next(happenings)])
    record = torch.load(directory / "checkpoint.pt", weights_only=True)
    assert record["step"] == 0
    assert record["lengths"] == {"metrics.csv": (directory / "metrics.csv").stat().st_size, "events.jsonl": 0}
    assert record["runs"][0]["weight"].shape == (10, 64)


def test_a_checkpoint_belongs_to_the_bytes_that_are_written(tmp_path: Path) -> None:
    directory = directory_of(run(settings(tmp_path)))
    record = torch.load(directory / "checkpoint.pt", weights_only=True)
    assert record["step"] == 30
    assert record["runs"][0]["status"] == "finished"
    lengths = record["lengths"]
    assert (directory / "metrics.csv").stat().st_size == lengths["metrics.csv"]
    # What ends an experiment is said when everything else is safe.
    rest = (directory / "events.jsonl").read_bytes()[lengths["events.jsonl"] :]
    assert json.loads(rest)["event"] == "experiment_ended"


def test_two_experiments_of_the_same_second_get_different_names(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    for second in range(120):
        for end in ("", "-2"):
            name = f"{now + timedelta(seconds=second):%Y%m%dT%H%M%S}-sigmoid{end}"
            (tmp_path / "runs" / name).mkdir(parents=True)
    assert directory_of(run(settings(tmp_path, epochs=1))).name[15:] == "-sigmoid-3"


def test_a_diverged_row_reads_nan_and_its_model_is_finite(tmp_path: Path) -> None:
    happenings = run(settings(tmp_path, RunSettings("logits", learning_rate=1e30), RunSettings()))
    directory = directory_of(happenings)
    bad = [line for line in read_rows(directory) if line["run"] == "1"][-1]
    assert not math.isfinite(float(bad["train_loss"]))
    assert bad["train_loss"] in ("nan", "inf")
    assert torch.isfinite(load_file(directory / "model-1.safetensors")["weight"]).all()
    assert [line["epoch"] for line in read_rows(directory) if line["run"] == "2"] == ["0", "10", "20", "30"]


def test_stop_before_training_began_leaves_no_directory(tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        run(settings(tmp_path), Control(requests.Stop()))
    assert list(tmp_path.iterdir()) == []


def test_a_missing_device_is_named_and_leaves_no_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    wanted = ExperimentSettings(dataset="digits", device="cuda:3", runs_dir=str(tmp_path / "runs"))
    with pytest.raises(UserError, match=r"cuda:3.*--device cpu"):
        run(wanted)
    assert list(tmp_path.iterdir()) == []


def test_auto_takes_cuda_then_mps_then_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for has_cuda, has_mps in ((True, True), (False, True), (False, False)):
        monkeypatch.setattr(torch.cuda, "is_available", lambda has_cuda=has_cuda: has_cuda)
        monkeypatch.setattr(torch.cuda, "device_count", lambda has_cuda=has_cuda: int(has_cuda))
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda has_mps=has_mps: has_mps)
        found.append(str(devices.pick_device("auto")))
    assert found == ["cuda:0", "mps", "cpu"]


def test_a_gpu_that_is_not_there_is_named_with_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    assert str(devices.pick_device("cuda:1")) == "cuda:1"
    with pytest.raises(UserError, match="cuda:0 to cuda:1"):
        devices.pick_device("cuda:2")


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError()])
def test_out_of_memory_names_the_sizes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(device_data, "choose_storage", fail)
    with pytest.raises(UserError, match=r"out of memory on cpu: .* GiB"):
        run(settings(tmp_path))


def test_an_error_nobody_foresaw_goes_to_error_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("surprise")

    monkeypatch.setattr(engine.Engine, "advance", fail)
    with pytest.raises(ZeroDivisionError) as caught:
        run(settings(tmp_path))
    log = caught.value.log_path  # type: ignore[attr-defined]
    assert log.name == "error.log"
    assert "surprise" in log.read_text()
    assert "Traceback" in log.read_text()


def test_after_an_error_nobody_foresaw_the_training_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, count = engine.Engine.advance, 0

    def advance(self: engine.Engine, rates: list[dict[int, float]]) -> None:
        nonlocal count
        count += 1
        if count == 26:
            raise ZeroDivisionError("surprise")
        real(self, rates)

    monkeypatch.setattr(engine.Engine, "advance", advance)
    with pytest.raises(ZeroDivisionError) as caught:
        run(settings(tmp_path))
    directory = caught.value.log_path.parent  # type: ignore[attr-defined]
    assert torch.load(directory / "checkpoint.pt", weights_only=True)["step"] == 25
    list(resume_experiment(directory, Control(), print))
    whole = directory_of(run(settings(tmp_path / "whole")))
    assert [{**line, "elapsed_s": ""} for line in read_rows(directory)] == [
        {**line, "elapsed_s": ""} for line in read_rows(whole)
    ]


def test_a_full_disk_is_named_and_what_is_written_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch, tmp_path)
    happenings = run_experiment(settings(tmp_path), Control(), print)
    directory = directory_of([next(happenings)])

    disk.fault = appended(lambda line: len(line) // 2 if line.startswith(b"1,20,") else None)
    with pytest.raises(UserError, match=r"metrics\.csv.*No space left on device"):
        list(happenings)
    assert [line["epoch"] for line in read_rows(directory)] == ["0", "10"]


def test_on_the_screen_a_refused_write_waits_and_is_done_when_the_user_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, control = Disk(monkeypatch, tmp_path), Control()
    refusals, directory = 0, tmp_path
    disk.fault = appended(lambda line: len(line) // 2 if refusals < 2 and line.startswith(b"1,20,") else None)
    for event in run_experiment(settings(tmp_path), control, print, stays_open=True):
        if isinstance(event, events.ExperimentStarted):
            directory = Path(event.directory)
        if isinstance(event, events.WriteRefused):
            refusals += 1
            assert "No space left on device" in event.text
            assert [line["epoch"] for line in read_rows(directory)] == ["0", "10"]
            control.send(requests.SetKnob(1, "l2", 0.5))
            control.send(requests.Resume())
        if isinstance(event, events.AllRunsEnded):
            control.send(requests.Stop())
    assert refusals == 2
    assert [line["epoch"] for line in read_rows(directory)] == ["0", "10", "20", "30"]
    assert read_rows(directory)[-1]["l2"] == "0.5"


@pytest.mark.parametrize("epoch", [10, 20], ids=["before a row", "before a checkpoint"])
def test_a_directory_deleted_while_training_is_written_anew(tmp_path: Path, epoch: int) -> None:
    control, refusals, directory = Control(), 0, tmp_path
    for event in run_experiment(settings(tmp_path), control, print, stays_open=True):
        if isinstance(event, events.ExperimentStarted):
            directory = Path(event.directory)
        if isinstance(event, events.RowLogged) and event.epoch == epoch:
            shutil.rmtree(directory)
        if isinstance(event, events.WriteRefused):
            refusals += 1
            assert "was deleted" in event.text
            control.send(requests.Resume())
        if isinstance(event, events.AllRunsEnded):
            control.send(requests.Stop())
    assert refusals == 1
    assert [line["epoch"] for line in read_rows(directory)] == ["0", "10", "20", "30"]
    assert read_events(directory)[0]["event"] == "experiment_started"
    for name in ("config.json", "checkpoint.pt", "lock", "model-1.safetensors"):
        assert (directory / name).exists()


def test_a_runs_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file is in the way")
    with pytest.raises(UserError, match="--runs-dir"):
        run(settings(tmp_path))


def test_a_draft_that_cannot_be_completed_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("logreg_tui.core.experiment.checkpoint.write_checkpoint", fail)
    with pytest.raises(UserError, match="No space left on device"):
        run(settings(tmp_path))
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_draft_that_another_process_clears_away_before_it_is_locked_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cleared: list[Path] = []

    def lock(draft: Path, *, has_screen: bool) -> Lock:
        if not cleared:
            cleared.append(draft)
            clear_abandoned(draft.parent)
            assert not draft.exists()
        return Lock(draft, has_screen=has_screen)

    monkeypatch.setattr("logreg_tui.core.experiment.directory.Lock", lock)
    directory = directory_of(run(settings(tmp_path)))
    assert list((tmp_path / "runs").iterdir()) == [directory]


def test_a_draft_is_removed_if_a_signal_ends_its_making(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("logreg_tui.core.experiment.checkpoint.write_checkpoint", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(settings(tmp_path))
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_directory_whose_files_cannot_be_opened_again_is_not_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, opened = Disk(monkeypatch, tmp_path), list[str]()

    def fault(call: Call) -> Fault | None:
        if call.kind == "open" and call.path.endswith("events.jsonl"):
            opened.append(call.path)
            return Fault(errno.EMFILE) if len(opened) == 2 else None
        return None

    disk.fault = fault
    with pytest.raises(UserError, match="Too many open files"):
        run(settings(tmp_path))
    assert list((tmp_path / "runs").iterdir()) == []


def test_checkpoints_follow_pauses_and_the_end_and_not_every_report_point(tmp_path: Path) -> None:
    steps: list[int] = []
    control = Control()
    for event in run_experiment(settings(tmp_path, epochs=50), control, print):
        if isinstance(event, events.ExperimentStarted):
            directory = Path(event.directory)
        if isinstance(event, events.RowLogged) and event.epoch == 30:
            control.send(requests.Pause())
            control.send(requests.Resume())
        step = torch.load(directory / "checkpoint.pt", weights_only=True)["step"]
        if step not in steps:
            steps.append(step)
    assert steps == [0, 30, 50]
