"""events.jsonl: what was done to an experiment, one event a line; with metrics.csv it tells all of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Literal

from logreg_tui.core.errors import UsageError
from logreg_tui.core.experiment.config import ExperimentConfig
from logreg_tui.core.experiment.metrics import CSV_COLUMNS, METRICS, MetricsRow
from logreg_tui.core.files import MOST_BYTES, open_regular, whole_lines
from logreg_tui.core.goals import ENDED_EARLY
from logreg_tui.core.settings import (
    MOST_COUNT,
    MOST_EPOCHS,
    ExperimentSettings,
    RunSettings,
    run_from_json,
    run_to_json,
)
from logreg_tui.core.text import escape_control_chars
from logreg_tui.core.training import events
from logreg_tui.core.training.events import Event, RowLogged
from logreg_tui.core.training.replay import Recorded

EVENTS = "events.jsonl"
MOST_EVENT_BYTES = 1 << 28
"""Bytes of an events.jsonl: those of a million events, each of which a person has asked for."""

RECORD_NAMES: dict[type[Any], str] = {
    events.ExperimentStarted: "experiment_started",
    events.RunStarted: "run_started",
    events.SettingChanged: "setting_changed",
    events.Paused: "paused",
    events.Resumed: "resumed",
    events.Stepped: "stepped",
    events.RunDiverged: "run_diverged",
    events.RunEnded: "run_ended",
    events.RunExtended: "run_extended",
    events.ExperimentResumed: "experiment_resumed",
    events.EngineChanged: "engine_changed",
    events.AllRunsEnded: "all_runs_ended",
    events.Detached: "detached",
    events.ExperimentEnded: "experiment_ended",
    events.ExperimentLeft: "experiment_left",
}
"""The name in events.jsonl of each event that stands there."""


NAMES = ("class_names", "feature_names")
"""Fields of ExperimentStarted that config.json keeps: there may be a hundred thousand names."""
_TYPES = {name: kind for kind, name in RECORD_NAMES.items()}


def from_record(record: Mapping[str, Any]) -> Event:
    """Return the event of a line, control characters escaped. Raises ValueError if it is none."""
    try:
        kind = _TYPES[record["event"]]
        values: dict[str, Any] = {
            name: escape_control_chars(value) if isinstance(value, str) else value
            for name, value in record.items()
            if name not in ("event", "time", *NAMES)
        }
        if "settings" in values:
            values["settings"] = run_from_json(values["settings"])
        if values.get("image_shape") is not None:
            rows, columns = map(int, values["image_shape"])
            values["image_shape"] = rows, columns
        event: Event = kind(**values)
        _check(event)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, UsageError) as error:
        raise ValueError(f"not an event: {error}") from error
    return event


_KINDS: dict[str, tuple[type[Any], ...]] = {
    "int": (int,),
    "str": (str,),
    "str | float": (str, float, int),
    "str | None": (str, type(None)),
    "tuple[int, int] | None": (tuple, type(None)),
    "RunSettings": (RunSettings,),
}
"""Types that a field may hold, by its annotation: replay and front ends rely on them."""


def _check(event: Event) -> None:
    """Raise TypeError, ValueError or UsageError if this is none of the events that are ever written."""
    for field in fields(event):
        if field.name in NAMES:
            continue
        value = getattr(event, field.name)
        if type(value) not in _KINDS[str(field.type)]:
            raise TypeError(f"{field.name} is {value!r}")
        most = MOST_EPOCHS if field.name == "epochs" else MOST_COUNT
        if type(value) is int and not 0 <= value <= most:
            raise ValueError(f"{field.name} is {value}")
    if isinstance(event, events.RunEnded) and event.reason not in ("finished", *ENDED_EARLY):
        raise ValueError(f"reason is {event.reason!r}")
    if isinstance(event, events.SettingChanged):
        if event.name not in ("head", "l2", "learning_rate"):
            raise ValueError(f"name is {event.name!r}")
        RunSettings().changed(event.name, event.old).changed(event.name, event.new)


def to_record(event: Event) -> dict[str, Any] | None:
    """Return the line of an event as plain values, or None for an event that is not recorded."""
    name = RECORD_NAMES.get(type(event))
    if name is None:
        return None
    record = {"event": name, **{field: value for field, value in asdict(event).items() if field not in NAMES}}
    if isinstance(event, events.RunStarted):
        record["settings"] = run_to_json(event.settings)
    return record


def started_event(
    config: ExperimentConfig, directory: Path, step: int = 0, notice: str | None = None
) -> events.ExperimentStarted:
    """Return the event that tells a front end of data, device and settings; `directory` is absolute."""
    return events.ExperimentStarted(
        step=step,
        directory=str(directory),
        dataset=config.dataset,
        train_samples=config.train_samples,
        test_samples=config.test_samples,
        features=config.features,
        classes=config.classes,
        image_shape=config.image_shape,
        device=config.device,
        epochs=config.settings.epochs,
        log_every=config.settings.log_every,
        report_every=config.settings.report_every,
        notice=notice,
        engine=None if config.engine is None else config.engine.text,
        class_names=config.class_names,
        feature_names=config.feature_names,
    )


def read_events(path: Path, start: int = 0) -> list[Recorded]:
    """Return the events of a file from a byte offset on, which must be the start of a line.

    A last line without its end was never seen by anyone and is left out, and so is a line that
    is no event. Raises OSError.
    """
    found = []
    with open_regular(path, most=MOST_EVENT_BYTES) as file:
        for offset, line in whole_lines(file, start):
            with suppress(ValueError, RecursionError):
                found.append(Recorded(offset, from_record(json.loads(line))))
    return found


_Change = events.SettingChanged | events.RunDiverged | events.RunEnded | events.RunExtended
_Shown = events.RunStarted | _Change


def recorded_events(
    directory: Path,
    settings: ExperimentSettings,
    lengths: Mapping[str, int],
    beginnings: Iterable[events.RunStarted] = (),
    step: int = 0,
) -> list[Event]:
    """Return rows and changes of the past in the order of their steps, up to these lengths in bytes.

    Changes before `step` belong to it wherever they stand.
    Many rows without a change between them are one event. `beginnings` stand in for those that
    events.jsonl does not tell of because it is damaged. Rows that cannot be read are left out. Raises
    OSError.
    """
    # With numpy, for which the first frame of the app does not wait.
    import numpy as np

    from logreg_tui.core.experiment.row_table import logged_rows, read_table

    changes = [
        line.event
        for line in read_events(directory / EVENTS)
        if (line.offset < lengths[EVENTS] or line.event.step < step) and isinstance(line.event, _Shown)
    ]
    told = {event.run for event in changes if isinstance(event, events.RunStarted)}
    changes[:0] = [event for event in beginnings if event.run not in told]
    joins = joins_of(changes)
    ends: dict[int, list[int]] = {}
    for event in changes:
        if isinstance(event, events.RunEnded):
            ends.setdefault(event.run, []).append(event.epoch)
    with open_regular(directory / METRICS, most=MOST_BYTES) as file:
        rows = logged_rows(read_table(file.read(lengths[METRICS])), joins, settings)
    # Only a damaged file tells something of a run before its beginning.
    started: dict[int, int] = {}
    for event in changes:
        if isinstance(event, events.RunStarted):
            started[event.run] = min(event.step, started.get(event.run, event.step))
    is_known = np.zeros(len(rows), bool)
    for number, at in rows.of_runs():
        is_known[at] = rows.steps[at] >= started[number]
        rows.is_report[at] |= np.isin(rows.epoch[at], ends.get(number, ()))
    rows = rows.taken(is_known)
    rows = rows.taken(np.argsort(rows.steps, kind="stable"))

    def order(event: Event) -> tuple[int, bool]:
        """A run starts before its first row; what else happened at a step came after its rows."""
        return event.step, not isinstance(event, events.RunStarted)

    happened: list[Event] = []
    begun, given = set(), 0
    for event in sorted(changes, key=order):
        side: Literal["left", "right"] = "left" if isinstance(event, events.RunStarted) else "right"
        before = int(rows.steps.searchsorted(event.step, side))
        happened += rows.taken(slice(given, before)).told()
        given = max(given, before)
        if isinstance(event, events.RunStarted):
            begun.add(event.run)
        if event.run in begun:
            happened.append(event)
    happened += rows.taken(slice(given, None)).told()
    return happened


def joins_of(changes: Iterable[Event]) -> dict[int, list[tuple[int, int]]]:
    """Return for each run from which epoch on it counts from which step, in the order of epochs."""
    joins: dict[int, list[tuple[int, int]]] = {}
    for event in changes:
        if isinstance(event, events.RunStarted):
            joins[event.run] = [(-1, event.step)]
        elif isinstance(event, events.RunExtended) and event.run in joins:
            joins[event.run].append((event.epoch, event.step - event.epoch))
    return joins


def logged_row(
    row: MetricsRow | None, joins: Mapping[int, list[tuple[int, int]]], settings: ExperimentSettings
) -> RowLogged | None:
    """Return a row of metrics.csv as the event it was; None if it cannot be, or its run is not known."""
    if row is None or row.run not in joins:
        return None
    values = {name: getattr(row, name) for name in CSV_COLUMNS}
    if None in values.values():
        return None
    joined_at = next(step for start, step in reversed(joins[row.run]) if row.epoch > start)
    is_report = settings.is_report_point(row.epoch)
    return RowLogged(step=joined_at + row.epoch, **values, is_report=is_report)
