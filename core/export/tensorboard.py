"""Writer of a log folder that TensorBoard opens, and terminal viewers of its files.

`DIR/<experiment>/run-<number>-<head>/` is one run: in its sub-folders `train` and `test` the same metric
has the same tag, so that both are curves of one chart. Needs the package tensorboard, and of it only
what writes records. The same rows give the same bytes.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from logreg_tui.core.analysis.compared_runs import ComparedRun, read_runs
from logreg_tui.core.errors import UserError
from logreg_tui.core.experiment.config import read_config
from logreg_tui.core.experiment.directory import check_outside
from logreg_tui.core.experiment.event_log import EVENTS, MOST_EVENT_BYTES, from_record
from logreg_tui.core.experiment.listing import Skip, each_readable
from logreg_tui.core.experiment.metrics import MetricsRow
from logreg_tui.core.export.rows import Exported, named, read_rows
from logreg_tui.core.files import open_regular, reason, refusals_explained, replace_file, whole_lines
from logreg_tui.core.training.events import RunStarted

FILE_NAME = "events.out.tfevents.0.logreg-tui"
"""Always the same, so that exporting again replaces; `tfevents` is what makes it one of TensorBoard's."""
HYPERPARAMETERS = ("head", "l2", "learning_rate", "optimizer", "schedule", "seed", "dataset", "pixels")
MAX_NAME = 100
_DAMAGED = (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError)

_TEST = {"loss": "test_loss", "accuracy": "test_accuracy"}
_TRAIN = {
    "loss": "train_loss",
    "accuracy": "train_accuracy",
    "objective": "objective",
    "l2_penalty": "l2_penalty",
    "learning_rate": "learning_rate",
}
"""Columns by tag; those that a run has only once are in `train`."""


@dataclass(slots=True)
class _Run:
    compared: ComparedRun
    started: float
    """Seconds since 1970."""
    rows: list[MetricsRow] = field(default_factory=list)

    @property
    def folder(self) -> str:
        head = self.rows[0].head if self.rows else self.compared.settings.head
        return f"run-{self.compared.run}-{head}"


def export_tensorboard(directories: Sequence[Path], target: Path, skip: Skip | None = None) -> Exported:
    """Write the runs of experiments to the folder `target`, which is made or added to.

    The step of a point is its epoch, its time the start of the run plus `elapsed_s`. What was not
    measured is left out; nan and inf are written as such. Each run has its settings as they are
    now, for the table of hyperparameters, and a text that tells of the knobs turned. A line that is
    no row, or a row without run or time, is left out and counted; with `skip`, of several directories those
    are left out that cannot be read. Raises UserError.
    """
    try:
        import tensorboard.compat.proto.event_pb2  # noqa: F401
    except ImportError as error:
        raise UserError("writing for TensorBoard needs its package: pip install tensorboard") from error
    runs: dict[Path, _Run] = {}
    left_out = 0
    names = named(directories, _folder_name)
    for directory, (found, bad) in each_readable(names, _read, skip):
        runs |= {target / names[directory] / run.folder: run for run in found}
        left_out += bad
    # Before the first is written: a refusal leaves nothing half done.
    if os.path.exists(target) and not os.path.isdir(target):
        raise UserError(f"{str(target)!r} is a file: TensorBoard's format is a folder, name another")
    for folder in runs:
        check_outside(folder)
    for folder, run in runs.items():
        _write(folder, run, _about(run, folder.relative_to(target).as_posix()))
        _write(folder / "train", run, _scalars(run, _TRAIN))
        _write(folder / "test", run, _scalars(run, _TEST))
    return Exported(sum(len(run.rows) for run in runs.values()), left_out, len(runs))


def _folder_name(name: str) -> str:
    """Return an experiment's name as one folder that is hidden nowhere and leads nowhere else."""
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", name[:MAX_NAME])
    return re.sub(r"^\.+", "_", safe) or "_"


def _read(directory: Path) -> tuple[list[_Run], int]:
    """Return the runs of an experiment with their rows, and how many lines are left out."""
    rows, left_out = read_rows(directory)
    starts = _starts(directory)
    runs = {run.run: _Run(run, starts.get(run.run, starts[0])) for run in read_runs(directory)}
    for row in rows:
        if row.run in runs and math.isfinite(_elapsed(row)):
            runs[row.run].rows.append(row)
        else:
            left_out += 1
    return list(runs.values()), left_out


def _starts(directory: Path) -> dict[int, float]:
    """Return when each run began, in seconds since 1970; as run 0 the experiment, 0 if it is not known."""
    started = read_config(directory).started
    starts = {0: 0.0 if started is None else started.timestamp()}
    try:
        with open_regular(directory / EVENTS, most=MOST_EVENT_BYTES) as file:
            for _, line in whole_lines(file):
                with suppress(*_DAMAGED):
                    record = json.loads(line)
                    if isinstance(event := from_record(record), RunStarted):
                        starts.setdefault(event.run, datetime.fromisoformat(record["time"]).timestamp())
    except OSError as error:
        raise UserError(f"{str(directory)!r} is damaged: cannot read {EVENTS}: {reason(error)}") from error
    return starts


def _elapsed(row: MetricsRow) -> float:
    return math.nan if row.elapsed_s is None else row.elapsed_s


def _scalars(run: _Run, tags: dict[str, str]) -> Iterator[Any]:
    """Yield one event of TensorBoard's per row, with all its values."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    for row in run.rows:
        # The old kind of value, which every reader of these files knows.
        values = [
            Summary.Value(tag=tag, simple_value=value)
            for tag, name in tags.items()
            if (value := getattr(row, name)) is not None
        ]
        yield Event(wall_time=run.started + _elapsed(row), step=row.epoch, summary=Summary(value=values))


def _about(run: _Run, session: str) -> Iterator[Any]:
    """Yield what concerns the run as a whole: its settings, and the knobs that were turned."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
    from tensorboard.plugins.hparams.summary_v2 import hparams_pb
    from tensorboard.plugins.text.summary_v2 import text_pb

    settings = {name: run.compared.value(name) for name in HYPERPARAMETERS}
    settings["knobs_turned"] = len(run.compared.changes)
    summary = hparams_pb(settings, trial_id=session, start_time_secs=run.started)
    plugin_data = summary.value[0].metadata.plugin_data
    # A map of protobuf's has no order of its own: written anew, so that the same settings are the same bytes.
    plugin_data.content = HParamsPluginData.FromString(plugin_data.content).SerializeToString(
        deterministic=True
    )
    yield Event(wall_time=run.started, summary=summary)
    if run.compared.changes:
        lines = "\n".join(f"- epoch {change}" for change in run.compared.changes)
        yield Event(wall_time=run.started, summary=text_pb("knobs turned", lines))


def _write(folder: Path, run: _Run, happened: Iterable[Any]) -> None:
    """Replace the one file of a folder. Raises UserError."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.record_writer import RecordWriter

    def write(file: IO[bytes]) -> None:
        writer = RecordWriter(file)
        writer.write(Event(wall_time=run.started, file_version="brain.Event:2").SerializeToString())
        for event in happened:
            writer.write(event.SerializeToString())

    with refusals_explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(folder / FILE_NAME, write)
