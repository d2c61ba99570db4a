"""What an experiment directory tells of the past, as the events it was made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from logreg_tui.core.errors import UsageError
from logreg_tui.core.experiment.directory import CSV_COLUMNS, EVENTS, METRICS
from logreg_tui.core.settings import ExperimentSettings, check_head
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
        text = file.read(lengths[METRICS]).decode(errors="replace")
    rows = []
    # Not read by the csv module: a stray quote would swallow the lines behind it.
    for line in text.split("\n")[1:]:
        row = row_of(dict(zip(CSV_COLUMNS, line.split(","), strict=False)), joins)
        if row is not None:
            is_report = settings.is_report_point(row.epoch) or (row.run, row.epoch) in ends
            rows.append(replace(row, is_report=is_report))
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


def row_of(values: Mapping[str, str], joins: Mapping[int, list[tuple[int, int]]]) -> RowLogged | None:
    try:
        run, epoch = int(values["run"]), int(values["epoch"])
        joined_at = next(step for start, step in reversed(joins[run]) if epoch > start)
        numbers = {name: float(values[name]) for name in CSV_COLUMNS if name not in ("run", "epoch", "head")}
        head = check_head(values["head"])
    except (KeyError, ValueError, TypeError, StopIteration, UsageError):
        return None
    if not 0 <= epoch < 2**63:
        return None
    return RowLogged(step=joined_at + epoch, run=run, epoch=epoch, head=head, is_report=False, **numbers)


def _order(event: Event) -> tuple[int, int]:
    """A run starts before its first row; what else happened at a step came after its rows."""
    if isinstance(event, events.RunStarted):
        return event.step, 0
    return event.step, 1 if isinstance(event, RowLogged) else 2
