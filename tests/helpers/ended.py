"""An experiment directory that ended cleanly, made up: no training, no torch, no data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from helpers.configs import config_of
from logreg_tui.core.experiment.config import write_config
from logreg_tui.core.experiment.event_log import to_record
from logreg_tui.core.experiment.metrics import CSV_HEADER
from logreg_tui.core.settings import ExperimentSettings, RunSettings
from logreg_tui.core.training import events

EPOCHS = 200


def make_ended(
    folder: Path,
    weights: Sequence[np.ndarray],
    *,
    heads: Sequence[str] = (),
    shape: tuple[int, int] | None = (8, 8),
    **settings: str,
) -> Path:
    """Return a directory with a run for each weight, shape (classes, features), whose biases are 0."""
    folder.mkdir(parents=True)
    runs = tuple(RunSettings(head) for head in heads or ["logits"] * len(weights))
    values = ExperimentSettings(runs=runs, epochs=EPOCHS, **{"dataset": "digits", **settings})
    features = 64 if shape is None else shape[0] * shape[1]
    write_config(folder, config_of(values, dataset="made", features=features, image_shape=shape))
    rows = [
        f"{number},{EPOCHS},1.5,{run.head},0.001,0.01,0.5,0.1,0.5,0.9,0.9\n"
        for number, run in enumerate(runs, 1)
    ]
    (folder / "metrics.csv").write_text(CSV_HEADER + "".join(rows))
    happened: list[events.Event] = [
        *(events.RunStarted(0, number, run, EPOCHS) for number, run in enumerate(runs, 1)),
        events.ExperimentEnded(EPOCHS, "finished"),
    ]
    for event in happened:
        record_event(folder, event)
    for number, weight in enumerate(weights, 1):
        arrays = {"weight": weight.astype(np.float32), "bias": np.zeros(len(weight), np.float32)}
        save_file(arrays, folder / f"model-{number}.safetensors")
    return folder


def record_event(folder: Path, event: events.Event) -> None:
    """Append an event to events.jsonl."""
    with (folder / "events.jsonl").open("a") as file:
        file.write(json.dumps({"time": "2026-11-22T18:45:30.250Z", **(to_record(event) or {})}) + "\n")
