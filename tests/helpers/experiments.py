"""Experiment directories: made up, without training, torch and data; and small ones that were trained."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.records import row
from logreg_tui.core.experiment.config import ExperimentConfig, write_config
from logreg_tui.core.experiment.event_log import to_record
from logreg_tui.core.experiment.metrics import CSV_HEADER, csv_line
from logreg_tui.core.session import recorder
from logreg_tui.core.session.start import run_experiment
from logreg_tui.core.settings import ExperimentSettings, RunSettings, Schedule, grid
from logreg_tui.core.training import events
from logreg_tui.core.training.requests import Control, Request

EPOCHS = 200
STARTED = "2026-11-22T18:45:30.250Z"
JOINED = "2026-11-22T19:00:00.000Z"
SIGMOID = "1,0,0.5,sigmoid,0.001,0.01,2.302585092994046,0.1,2.4,0.1,0.11"
TURNED = "1,10,1.5e-07,logits,1e-05,0.01,1.7976931348623157,0.30000000000000004,0.1,0.9,1.0"
DIVERGED = "2,0,0.25,logits,0.0,1e+30,nan,inf,-inf,0.1,"
ROWS = (SIGMOID, TURNED, DIVERGED)
"""The second run, which joined later, diverged, and one value of it was not measured."""


def config_of(settings: ExperimentSettings, **changes: Any) -> ExperimentConfig:  # noqa: ANN401
    """Return the config of an experiment with these settings, on data of the size of digits."""
    data = {"dataset": settings.dataset, "fingerprint": "f" * 64, "train_samples": 1437, "test_samples": 360}
    sizes = {"features": 64, "classes": 10, "image_shape": (8, 8)}
    return ExperimentConfig(settings=settings, **{**data, **sizes, **changes})


@contextmanager
def checkpoints_after_every_row() -> Iterator[None]:
    """Let a training save a checkpoint whenever rows were logged, however little time has passed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recorder, "CHECKPOINT_INTERVAL_S", 0.0)
        patch.setattr(recorder, "CHECKPOINT_SHARE", math.inf)
        yield


HEADS = grid(["sigmoid", "logits"], [0.001], [0.001], [0], Schedule())
"""Both heads, everything else the same."""


def trained(
    runs_dir: Path | None = None,
    runs: Sequence[RunSettings] = HEADS,
    **settings: Any,  # noqa: ANN401
) -> Path:
    """Train on the digits for 20 epochs, if `settings` say nothing else; return the directory."""
    place = {} if runs_dir is None else {"runs_dir": str(runs_dir)}
    few = {"dataset": "digits", "device": "cpu", "epochs": 20}
    wanted = ExperimentSettings(runs=tuple(runs), **{**few, **place, **settings})
    started, *_ = list(run_experiment(wanted, Control(), lambda text: None))
    assert isinstance(started, events.ExperimentStarted)
    return Path(started.directory)


def write_experiment(
    directory: Path,
    settings: ExperimentSettings,
    rows: Iterable[events.RowLogged | str] = (),
    happenings: Iterable[events.Event | tuple[str, events.Event]] = (),
    **config: Any,  # noqa: ANN401
) -> Path:
    """Write the files of an experiment; rows may be lines as they stand, events may have a time."""
    directory.mkdir(parents=True)
    write_config(directory, config_of(settings, **config))
    lines = [each + "\n" if isinstance(each, str) else csv_line(each) for each in rows]
    (directory / "metrics.csv").write_text(CSV_HEADER + "".join(lines))
    (directory / "events.jsonl").touch()
    for each in happenings:
        time, event = each if isinstance(each, tuple) else (STARTED, each)
        record_event(directory, event, time)
    return directory


def read_rows(directory: Path) -> list[dict[str, str]]:
    """Return the rows of metrics.csv."""
    with (directory / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def untimed_rows(directory: Path) -> list[dict[str, str]]:
    """Return the rows of metrics.csv without what the clock said."""
    return [{**row, "elapsed_s": ""} for row in read_rows(directory)]


def directed(
    happenings: Iterator[events.Event], control: Control, script: Mapping[int, Sequence[Request]]
) -> Iterator[events.Event]:
    """Yield events, sending the script's requests when their steps are logged."""
    left = dict(script)
    for event in happenings:
        if isinstance(event, events.Progressed):
            for request in left.pop(event.step, ()):
                control.send(request)
        yield event


def record_event(directory: Path, event: events.Event, time: str = STARTED) -> None:
    """Append an event to events.jsonl."""
    with (directory / "events.jsonl").open("a") as file:
        file.write(json.dumps({"time": time, **(to_record(event) or {})}) + "\n")


def make_ended(
    directory: Path,
    weights: Sequence[np.ndarray],
    *,
    heads: Sequence[str] = (),
    shape: tuple[int, int] | None = (8, 8),
    **settings: str,
) -> Path:
    """Return a directory with a run for each weight, shape (classes, features), whose biases are 0."""
    from safetensors.numpy import save_file

    runs = tuple(RunSettings(head) for head in heads or ["logits"] * len(weights))
    wanted = ExperimentSettings(runs=runs, epochs=EPOCHS, **{"dataset": "digits", **settings})
    features = 64 if shape is None else shape[0] * shape[1]
    rows = [row(number, EPOCHS, run, train_loss=0.5) for number, run in enumerate(runs, 1)]
    joined = [events.RunStarted(0, number, run, EPOCHS) for number, run in enumerate(runs, 1)]
    ended = events.ExperimentEnded(EPOCHS, "finished")
    data = {"dataset": "made", "features": features, "classes": len(weights[0]), "image_shape": shape}
    write_experiment(directory, wanted, rows, [*joined, ended], **data)
    for number, weight in enumerate(weights, 1):
        arrays = {"weight": weight.astype(np.float32), "bias": np.zeros(len(weight), np.float32)}
        save_file(arrays, directory / f"model-{number}.safetensors")
    return directory


def make_experiment(directory: Path, rows: Sequence[str] = ROWS) -> Path:
    """Return an experiment directory with two runs, of which the first had two knobs turned."""
    runs = RunSettings(), RunSettings(head="logits", l2=0.0, learning_rate=1e30, seed=7)
    happenings = [
        (STARTED, events.RunStarted(0, 1, runs[0], 100)),
        (JOINED, events.RunStarted(5, 2, runs[1], 100)),
        (JOINED, events.SettingChanged(5, 1, 5, "head", "sigmoid", "logits")),
        (JOINED, events.SettingChanged(7, 1, 7, "l2", 0.001, 1e-05)),
        (JOINED, events.RunDiverged(5, 2, 0, "train_loss is nan")),
    ]
    settings = ExperimentSettings(runs=runs[:1], dataset="digits")
    started = datetime(2026, 11, 22, 18, 45, tzinfo=UTC)
    return write_experiment(directory, settings, rows, happenings, started=started)
