"""What an experiment directory tells of the past, as the events it was made of."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from logreg_tui.core import events
from logreg_tui.core.events import Event, RowLogged
from logreg_tui.core.experiment import CSV_COLUMNS, EVENTS, METRICS
from logreg_tui.core.replay import read_events
from logreg_tui.core.settings import ExperimentSettings

_SHOWN = (events.RunStarted, events.SettingChanged, events.RunDiverged, events.RunEnded, events.RunExtended)


def past_events(directory: Path, settings: ExperimentSettings, lengths: Mapping[str, int]) -> list[Event]:
    """Return rows and changes of the past in the order of their steps, up to these lengths in bytes.

    Rows that cannot be read are left out. Raises OSError.
    """
    changes = [
        line.event
        for line in read_events(directory / EVENTS)
        if line.offset < lengths[EVENTS] and isinstance(line.event, _SHOWN)
    ]
    joins = joins_of(changes)
    ends = {(event.run, event.epoch) for event in changes if isinstance(event, events.RunEnded)}
    with (directory / METRICS).open("rb") as file:
        text = file.read(lengths[METRICS]).decode(errors="replace")
    rows = []
    for values in csv.DictReader(text.splitlines()):
        row = row_of(values, joins)
        if row is not None:
            is_report = settings.is_report_point(row.epoch) or (row.run, row.epoch) in ends
            rows.append(replace(row, is_report=is_report))
    return sorted([*changes, *rows], key=_order)


def joins_of(changes: Iterable[Event]) -> dict[int, list[tuple[int, int]]]:
    """Return for each run from which epoch on it counts from which step, in the order of epochs."""
    joins: dict[int, list[tuple[int, int]]] = {}
    for event in changes:
        if isinstance(event, events.RunStarted):
            joins[event.run] = [(-1, event.step)]
        elif isinstance(event, events.RunExtended) and event.run in joins:
            joins[event.run].append((event.epoch, event.step - event.epoch))
    return joins


def row_of(values: Mapping[str, str], joins: Mapping[int, list[tuple[int, int]]]) -> RowLogged | None:
    try:
        run, epoch = int(values["run"]), int(values["epoch"])
        joined_at = next(step for start, step in reversed(joins[run]) if epoch > start)
        numbers = {name: float(values[name]) for name in CSV_COLUMNS if name not in ("run", "epoch", "head")}
        head = values["head"]
    except (KeyError, ValueError, TypeError, StopIteration):
        return None
    return RowLogged(step=joined_at + epoch, run=run, epoch=epoch, head=head, is_report=False, **numbers)


def _order(event: Event) -> tuple[int, int]:
    """A run starts before its first row; what else happened at a step came after its rows."""
    if isinstance(event, events.RunStarted):
        return event.step, 0
    return event.step, 1 if isinstance(event, RowLogged) else 2
