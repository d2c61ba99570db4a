"""The arrangement of many runs in the list: grouped by shared values, filtered, pinned.

Pure functions: what is found here is drawn in `run_list.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from logreg_tui.core.settings import RunSettings
from logreg_tui.core.training.events import RowLogged
from logreg_tui.core.training.history import History, RunHistory
from logreg_tui.tui.run_filter import FIGURES, FilteredRun, RunTest

if TYPE_CHECKING:
    import numpy as np

FEW = 4
"""Up to this number, runs need no arrangement."""
MOST_TIED = 2
"""More runs than this with the same accuracy are not marked as the best."""
PINNED, OTHERS = "pinned", "others"


# Compared by identity: one is made anew whenever something of its run has changed.
@dataclass(frozen=True, slots=True, eq=False)
class RunLine:
    """The facts of a run that the list shows."""

    number: int
    settings: RunSettings
    status: str
    accuracy: float | None = None
    """Newest test accuracy; None while there is no row, and once the loss is not finite."""
    accuracies: np.ndarray | Sequence[float] = ()
    """Test accuracies from its start to now, for a small curve; shape (rows,)."""
    verdict: str = ""
    """The kind of its alarm, such as `exploded`; empty without one."""
    row: RowLogged | None = None
    """The newest row."""

    @property
    def filtered(self) -> FilteredRun:
        """The run as a filter sees it."""
        figures = {} if self.row is None else {name: getattr(self.row, name) for name in FIGURES}
        return FilteredRun(self.number, self.settings, self.status, self.verdict, figures)


class RunLines:
    """The lines of all runs; that of a run of which nothing has changed is the same object again."""

    def __init__(self) -> None:
        self._made: dict[int, tuple[object, RunLine]] = {}

    def of(
        self,
        history: History,
        settings_of: Callable[[RunHistory], RunSettings],
        verdicts: Mapping[int, str],
    ) -> list[RunLine]:
        """Return the lines of all runs; `verdicts` are the kinds of their alarms, by number."""
        return [
            self._line(run, settings_of(run), history.status(run), verdicts.get(run.number, ""))
            for run in history.runs.values()
        ]

    def _line(self, run: RunHistory, settings: RunSettings, status: str, verdict: str) -> RunLine:
        basis = run.columns, len(run.columns), run.last, settings, status, verdict
        known = self._made.get(run.number)
        if known is not None and known[0] == basis:
            return known[1]
        row, (accuracies,) = run.last, run.columns.read("test_accuracy")
        # Of parameters that are not numbers it says nothing, and could be the best of all.
        accuracy = row.test_accuracy if row is not None and math.isfinite(row.train_loss) else None
        line = RunLine(run.number, settings, status, accuracy, accuracies, verdict, row)
        self._made[run.number] = basis, line
        return line


@dataclass(frozen=True, slots=True)
class Heading:
    """Values that the runs below share."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunEntry:
    """A run with the values that its line names."""

    run: RunLine
    words: tuple[str, ...]
    rank: int = 0
    """2: the best test accuracy of all runs; 1: the best of its group; 0: neither."""


@dataclass(frozen=True, slots=True)
class ValueFormat:
    """The writing of values: long or short."""

    lambda_: str = "l2"
    number: Callable[[float], str] = "{:g}".format
    gap: str = " "
    """Between the name and the value."""
    seed: str = "seed"

    def of(self, settings: RunSettings) -> dict[str, str]:
        """Return each value of a run by its name, in the order in which a grid runs through them."""
        return {
            "optimizer": str(settings.optimizer),
            "head": settings.head,
            "l2": f"{self.lambda_}{self.gap}{self.number(settings.l2)}",
            "lr": f"lr{self.gap}{self.number(settings.learning_rate)}",
            "schedule": str(settings.schedule),
            "seed": f"{self.seed}{self.gap if self.seed == 'seed' else ''}{settings.seed}",
        }


def arrange(
    runs: Sequence[RunLine],
    words: ValueFormat,
    short: ValueFormat,
    pinned: Collection[int],
    lets_through: RunTest,
) -> list[Heading | RunEntry]:
    """Return the lines of the list: pinned runs, then those let through, under headings if that helps.

    `short` writes the lines that no heading relieves of any value.
    """
    values = {run.number: _values(words, run.settings) for run in runs}
    first = next(iter(values.values()), {})
    differing = [name for name in first if len({each[name] for each in values.values()}) > 1]
    best = best_accuracy(runs)

    def entry(run: RunLine, said: tuple[str, ...], best_of_group: float | None = None) -> RunEntry:
        if run.accuracy is None:
            return RunEntry(run, said)
        return RunEntry(run, said, 2 if run.accuracy == best else int(run.accuracy == best_of_group))

    def whole(run: RunLine) -> RunEntry:
        said = _values(short, run.settings)
        return entry(run, tuple(said[name] for name in differing or ["head"]))

    on_top = [whole(run) for run in runs if run.number in pinned]
    others = [run for run in runs if run.number not in pinned and lets_through(run.filtered)]
    groups: dict[tuple[str, ...], list[RunLine]] = {}
    for run in others:
        groups.setdefault(tuple(values[run.number][name] for name in differing[:-1]), []).append(run)
    lines: list[Heading | RunEntry] = [Heading((PINNED,)), *on_top] if on_top else []
    if len(differing) < 2 or 2 * len(groups) > len(others):
        heading = [Heading((OTHERS,))] if on_top and others else []
        return [*lines, *heading, *map(whole, others)]
    for shared, members in groups.items():
        best_of_group = best_accuracy(members) if len(members) > 1 else None
        last = [entry(run, (values[run.number][differing[-1]],), best_of_group) for run in members]
        lines += [Heading(shared), *last]
    return lines


@lru_cache(maxsize=1 << 14)
def _values(words: ValueFormat, settings: RunSettings) -> Mapping[str, str]:
    """Return what `words` writes of some settings: for a thousand runs that takes a while."""
    return words.of(settings)


def best_accuracy(runs: Sequence[RunLine]) -> float | None:
    """Return the highest accuracy; None if no run stands out."""
    accuracies = [run.accuracy for run in runs if run.accuracy is not None]
    best = max(accuracies, default=None)
    return best if best is not None and accuracies.count(best) <= MOST_TIED else None
