"""What an experiment directory tells of the past, as the events it was made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from logreg_tui.core.experiment.directory import EVENTS
from logreg_tui.core.experiment.metrics import CSV_COLUMNS, METRICS, MetricsRow, parse_row
from logreg_tui.core.settings import ExperimentSettings
from logreg_tui.core.training import events
from logreg_tui.core.training.events import Event, RowLogged
from logreg_tui.core.training.replay import read_events

_Change = events.SettingChanged | events.RunDiverged | events.RunEnded | events.RunExtended
_Shown = events.RunStarted | _Change


def past_events(
    directory: Path,
    settings: ExperimentSettings,
    lengths: Mapping[str, int],
    beginnings: Iterable[events.RunStarted] = (),
) -> list[Event]:
    """Return rows and changes of the past in the order of their steps, up to these lengths in bytes.

    `beginnings` stand in for those that events.jsonl does not tell of because it is damaged. Rows
    that cannot be read are left out. Raises OSError.
    """
    changes = [
        line.event
        for line in read_events(directory / EVENTS)
        if line.offset < lengths[EVENTS] and isinstance(line.event, _Shown)
    ]
    told = {event.run for event in changes if isinstance(event, events.RunStarted)}
    changes[:0] = [event for event in beginnings if event.run not in told]
    joins = joins_of(changes)
    ends = {(event.run, event.epoch) for event in changes if isinstance(event, events.RunEnded)}
    with (directory / METRICS).open("rb") as file:
        lines = file.read(lengths[METRICS]).split(b"\n")
    rows = []
    for line in lines:
        row = logged_row(parse_row(line), joins, settings)
        if row is not None:
            rows.append(replace(row, is_report=True) if (row.run, row.epoch) in ends else row)
    return list(_of_runs_that_began(sorted([*changes, *rows], key=_order)))


def _of_runs_that_began(happened: Iterable[_Shown | RowLogged]) -> Iterator[Event]:
    """Leave out what only a damaged file tells: something of a run before its beginning."""
    begun = set()
    for event in happened:
        if isinstance(event, events.RunStarted):
            begun.add(event.run)
        if event.run in begun:
            yield event


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


def _order(event: Event) -> tuple[int, int]:
    """A run starts before its first row; what else happened at a step came after its rows."""
    if isinstance(event, events.RunStarted):
        return event.step, 0
    return event.step, 1 if isinstance(event, RowLogged) else 2
