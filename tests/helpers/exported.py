"""An experiment directory to export, made up: no training, no torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from helpers.configs import config_of
from logreg_tui.core.experiment.config import write_config
from logreg_tui.core.experiment.event_log import to_record
from logreg_tui.core.experiment.metrics import CSV_HEADER
from logreg_tui.core.settings import ExperimentSettings, RunSettings
from logreg_tui.core.training import events

STARTED = "2026-11-22T18:45:30.250Z"
JOINED = "2026-11-22T19:00:00.000Z"
SIGMOID = "1,0,0.5,sigmoid,0.001,0.01,2.302585092994046,0.1,2.4,0.1,0.11"
TURNED = "1,10,1.5e-07,logits,1e-05,0.01,1.7976931348623157,0.30000000000000004,0.1,0.9,1.0"
DIVERGED = "2,0,0.25,logits,0.0,1e+30,nan,inf,-inf,0.1,"
ROWS = (SIGMOID, TURNED, DIVERGED)
"""The second run, which joined later, diverged, and one value of it was not measured."""


def make_experiment(folder: Path, rows: Sequence[str] = ROWS) -> Path:
    """Return an experiment directory with two runs, of which the first had two knobs turned."""
    folder.mkdir(parents=True)
    runs = RunSettings(), RunSettings(head="logits", l2=0.0, learning_rate=1e30, seed=7)
    settings = ExperimentSettings(runs=runs[:1], dataset="digits")
    started = datetime(2026, 11, 22, 18, 45, tzinfo=UTC)
    write_config(folder, config_of(settings, started=started))
    (folder / "metrics.csv").write_text(CSV_HEADER + "".join(f"{row}\n" for row in rows))
    lines = [
        _line(STARTED, events.RunStarted(0, 1, runs[0], 100)),
        _line(JOINED, events.RunStarted(5, 2, runs[1], 100)),
        _line(JOINED, events.SettingChanged(5, 1, 5, "head", "sigmoid", "logits")),
        _line(JOINED, events.SettingChanged(7, 1, 7, "l2", 0.001, 1e-05)),
        _line(JOINED, events.RunDiverged(5, 2, 0, "train_loss is nan")),
    ]
    (folder / "events.jsonl").write_text("".join(lines))
    return folder


def _line(time: str, event: events.Event) -> str:
    record: dict[str, Any] = {"time": time, **(to_record(event) or {})}
    return json.dumps(record) + "\n"
