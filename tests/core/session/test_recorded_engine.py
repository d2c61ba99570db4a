"""The engine of an experiment: recorded, taken again by resume and repeat, held against the eager one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.experiments import untimed_rows
from helpers.loops import rows

from logreg_tui.core.engine.device_data import DeviceData
from logreg_tui.core.engine.engine import Engine
from logreg_tui.core.engine.gpu.choice import EngineChoice
from logreg_tui.core.engine.gpu.selection import Selector
from logreg_tui.core.engine.run_matrix import Measurement
from logreg_tui.core.errors import UserError
from logreg_tui.core.experiment.config import read_config, write_config
from logreg_tui.core.experiment.event_log import read_events
from logreg_tui.core.session.resume import repeat_experiment, resume_experiment
from logreg_tui.core.session.start import run_experiment
from logreg_tui.core.settings import ExperimentSettings
from logreg_tui.core.training import events
from logreg_tui.core.training.requests import Control

FUSED = EngineChoice("fused", {"programs": 132}, "NVIDIA H100", "9.0", "3.8.0", "27 us an epoch")
MOVED = "rows may differ in their last digits: the GPU is now NVIDIA A100, it was NVIDIA H100"


class Selections:
    """What is selected in place of the real thing, and what it was asked."""

    def __init__(self) -> None:
        self.choice = FUSED
        self.change: str | None = None
        self.recorded: list[EngineChoice | None] = []

    def select(
        self, engine: Engine, rates: Mapping[int, float], recorded: EngineChoice | None = None
    ) -> str | None:
        assert rates == dict.fromkeys(engine.runs, 0.01)
        self.recorded.append(recorded)
        engine.choice = self.choice
        return self.change


@pytest.fixture
def selections(monkeypatch: pytest.MonkeyPatch) -> Selections:
    made = Selections()
    real = DeviceData.new_pass
    # Of whatever name, it computes as the processor does.
    sparse = EngineChoice("sparse")
    monkeypatch.setattr(DeviceData, "new_pass", lambda self, choice, *runs: real(self, sparse, *runs))
    monkeypatch.setattr(Selector, "select", lambda self, *arguments: made.select(*arguments))
    return made


def settings(tmp_path: Path, **changes: Any) -> ExperimentSettings:  # noqa: ANN401
    wanted = ExperimentSettings(dataset="digits", device="cpu", epochs=30, report_every=20, pixels="unit")
    return replace(wanted, runs_dir=str(tmp_path / "runs"), **changes)


def trained(tmp_path: Path) -> tuple[Path, list[events.Event]]:
    happened = list(run_experiment(settings(tmp_path), Control(), print))
    return only(tmp_path / "runs"), happened


def only(folder: Path) -> Path:
    (directory,) = folder.iterdir()
    return directory


def changes_in(happened: list[events.Event]) -> list[str]:
    return [event.reason for event in happened if isinstance(event, events.EngineChanged)]


def recorded_changes(directory: Path) -> list[str]:
    return changes_in([line.event for line in read_events(directory / "events.jsonl")])


def test_the_engine_is_recorded_and_told(tmp_path: Path, selections: Selections) -> None:
    directory, happened = trained(tmp_path)
    assert selections.recorded == [None]
    (begun,) = [event for event in happened if isinstance(event, events.ExperimentStarted)]
    assert begun.engine == "engine fused: 27 us an epoch"
    record = json.loads((directory / "config.json").read_text())
    assert record["engine"] == {
        "name": "fused",
        "programs": 132,
        "device": "NVIDIA H100",
        "capability": "9.0",
        "triton": "3.8.0",
        "reason": "27 us an epoch",
    }
    assert record["settings"]["engine"] == "auto"
    assert read_config(directory).engine == FUSED
    assert torch.load(directory / "checkpoint.pt")["engine_choice"] == FUSED.to_json()
    assert changes_in(happened) == []


def test_on_a_processor_the_name_alone_is_recorded(tmp_path: Path) -> None:
    directory, happened = trained(tmp_path)
    assert json.loads((directory / "config.json").read_text())["engine"] == {"name": "sparse"}
    assert isinstance(happened[0], events.ExperimentStarted)
    assert happened[0].engine is None


def test_a_config_from_before_there_was_a_choice_is_read(tmp_path: Path) -> None:
    directory, _ = trained(tmp_path)
    config = read_config(directory)
    write_config(directory, replace(config, engine=None))
    assert "engine" not in json.loads((directory / "config.json").read_text())
    assert read_config(directory) == replace(config, engine=None)


def test_resume_and_repeat_take_the_recorded_engine(tmp_path: Path, selections: Selections) -> None:
    directory, _ = trained(tmp_path)
    happened = list(resume_experiment(directory, Control(), print, epochs=40))
    assert (selections.recorded[1:], changes_in(happened)) == ([FUSED], [])
    happened = list(repeat_experiment(directory, str(tmp_path / "again"), Control(), print))
    assert (selections.recorded[2:], changes_in(happened)) == ([FUSED], [])
    assert untimed_rows(only(tmp_path / "again")) == untimed_rows(directory)


def test_another_engine_is_said_recorded_and_kept_from_then_on(
    tmp_path: Path, selections: Selections
) -> None:
    directory, _ = trained(tmp_path)
    selections.change, selections.choice = MOVED, replace(FUSED, device="NVIDIA A100")
    happened = list(resume_experiment(directory, Control(), print, epochs=40))
    assert changes_in(happened) == recorded_changes(directory) == [MOVED]
    selections.change = None
    assert changes_in(list(resume_experiment(directory, Control(), print, epochs=50))) == []
    assert selections.recorded[1:] == [FUSED, selections.choice], "that of the checkpoint"
    selections.change = MOVED
    happened = list(repeat_experiment(directory, str(tmp_path / "again"), Control(), print))
    assert selections.recorded[-1] == FUSED
    assert changes_in(happened) == recorded_changes(only(tmp_path / "again")) == [MOVED]


def test_an_engine_can_be_chosen_anew(tmp_path: Path, selections: Selections) -> None:
    directory, _ = trained(tmp_path)
    selections.choice = EngineChoice("eager")
    happened = list(resume_experiment(directory, Control(), print, epochs=40, engine="eager"))
    assert selections.recorded[1:] == [None]
    assert changes_in(happened) == [
        "rows may differ in their last digits: the engine is now eager 3, it was fused 1"
    ]


@pytest.mark.parametrize("engine", ["fused", "graph"])
def test_an_engine_of_a_gpu_is_refused_before_anything_is_made(engine: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"^--engine {engine} needs a CUDA GPU, not cpu: use --engine auto"):
        list(run_experiment(settings(tmp_path, engine=engine), Control(), print))
    assert not (tmp_path / "runs").exists()


Change = Callable[[Measurement], Measurement]


@pytest.fixture
def falsified(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Change], None]:
    """Let `measure` give other figures from some measurement on."""
    real = Engine.measure

    def falsify(start: int, change: Change) -> None:
        count = iter(range(1_000))

        def measure(engine: Engine) -> dict[int, Measurement]:
            measured = real(engine)
            return {k: change(v) for k, v in measured.items()} if next(count) >= start else measured

        monkeypatch.setattr(Engine, "measure", measure)

    return falsify


def scaled(name: str, factor: float) -> Change:
    return lambda measured: replace(measured, **{name: getattr(measured, name) * factor})


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (scaled("train_loss", 1.001), "train_loss of run 1 is "),
        (scaled("test_loss", float("nan")), "test_loss of run 1 is nan, not 2."),
        (scaled("train_loss", float("inf")), "train_loss of run 1 is inf, not 2."),
        (scaled("test_accuracy", 0.9), "test_accuracy of run 1 is 0."),
    ],
)
def test_figures_that_are_not_the_eager_ones_end_a_training_before_they_are_written(
    change: Change,
    what: str,
    tmp_path: Path,
    selections: Selections,
    falsified: Callable[[int, Change], None],
) -> None:
    # Rows at 0, 10 and 20, of which the first and the last are report points.
    falsified(2, change)
    with pytest.raises(UserError) as caught:
        trained(tmp_path)
    text = str(caught.value)
    assert text.startswith(f"the fused engine computes otherwise than the eager one: {what}")
    assert text.endswith("that row was not written: go on with `logreg-tui resume DIR --engine eager`")
    directory = only(tmp_path / "runs")
    assert [row["epoch"] for row in untimed_rows(directory)] == ["0", "10"]
    assert not (directory / "error.log").exists()


@pytest.mark.parametrize(
    "change",
    [scaled("train_loss", 1 + 5e-5), scaled("train_accuracy", 1.001), scaled("l2_penalty", 1.0)],
)
def test_figures_that_differ_as_rounding_does_are_written(
    change: Change,
    tmp_path: Path,
    selections: Selections,
    falsified: Callable[[int, Change], None],
) -> None:
    falsified(0, change)
    assert len(rows(trained(tmp_path)[1])) == 4


def test_between_report_points_and_by_the_eager_engine_nothing_is_compared(
    tmp_path: Path, selections: Selections, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = []
    real = Engine.measure_eagerly
    monkeypatch.setattr(Engine, "measure_eagerly", lambda engine: measured.append(1) or real(engine))
    trained(tmp_path)
    assert len(measured) == 3, "at 0, 20 and 30"
    selections.choice = EngineChoice("eager")
    list(run_experiment(settings(tmp_path, name="eager"), Control(), print))
    assert len(measured) == 3


def test_a_run_that_diverges_does_so_by_any_engine(tmp_path: Path, selections: Selections) -> None:
    (run,) = settings(tmp_path).runs
    wanted = settings(tmp_path, runs=(replace(run, head="logits", l2=1e30),), report_every=10)
    happened = list(run_experiment(wanted, Control(), print))
    assert any(isinstance(event, events.RunDiverged) for event in happened)


def test_without_memory_for_the_comparison_a_training_goes_on(
    tmp_path: Path, selections: Selections, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_memory(engine: Engine) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(Engine, "measure_eagerly", out_of_memory)
    assert len(rows(trained(tmp_path)[1])) == 4
