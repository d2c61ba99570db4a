"""The accuracy log: one line per report point and run, scrolled by hand or following its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.strip import Strip

from logreg_tui.core.training.events import RowLogged
from logreg_tui.tui import number_format as figures
from logreg_tui.tui.widgets.cells import ink
from logreg_tui.tui.widgets.palette import run_color
from logreg_tui.tui.widgets.scrolling_lines import ScrollingLines
from logreg_tui.tui.widgets.spans import strip_of

MOST_GAP = 4
"""Cells between two columns, if there is room for so many."""


@dataclass(frozen=True, slots=True)
class Column:
    """A figure of a report; of those that do not fit the ones with the highest rank are left out."""

    title: str
    width: int
    text: Callable[[RowLogged], str]
    rank: int = 0


def _accuracy(decimals: int) -> tuple[Column, Column]:
    return (
        Column("train", decimals + 2, lambda row: f"{row.train_accuracy:.{decimals}f}"),
        Column("test", decimals + 2, lambda row: f"{row.test_accuracy:.{decimals}f}"),
    )


COLUMNS = (
    Column("objective", 9, lambda row: figures.loss(row.objective), 1),
    Column("train loss", 10, lambda row: figures.loss(row.train_loss), 3),
    Column("test loss", 9, lambda row: figures.loss(row.test_loss), 3),
    Column("lr", 8, lambda row: figures.learning_rate(row.learning_rate), 4),
    *_accuracy(4),
)
SHORT_COLUMNS = _accuracy(3)
EPOCH, NUMBER = 6, 3
"""Cells of an epoch, and of a run that is known by its number; at least."""
NAME_RANK = 2


@dataclass(frozen=True, slots=True)
class Layout:
    """The widths of a line's parts."""

    epoch: int
    run: int
    gap: int
    columns: Sequence[Column]


class AccuracyLog(ScrollingLines):
    """A window on the reports under a header with the names of the columns."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"log--header"}
    FOLLOWS_END = True
    _top = None
    _reports: Sequence[RowLogged] = ()
    _names: Mapping[int, str] = {}  # noqa: RUF012  replaced, never changed in place
    _layout = Layout(EPOCH, NUMBER, 1, SHORT_COLUMNS)
    _longest_name = 0
    _looked_at = 0
    _last_epoch = 0
    """The largest of the reports that were looked at."""

    def show(self, reports: Sequence[RowLogged], names: Mapping[int, str]) -> None:
        """Show these reports of runs of these names; the sequence may grow, call again then."""
        if reports is not self._reports:
            self._looked_at = self._last_epoch = 0
        # A list that only grows is looked through once.
        added = reports[self._looked_at :]
        self._looked_at += len(added)
        self._last_epoch = max([self._last_epoch, *(row.epoch for row in added)])
        self._reports, self._names = reports, names
        self._longest_name = max((len(self._run_name(run)) for run in names), default=0)
        self.redraw()

    def redraw(self) -> None:
        self._layout = self._fitting_layout()
        super().redraw()

    def _fitting_layout(self) -> Layout:
        # The last cell is that of the scroll bar.
        room = self.content_size.width - 1
        epoch = max(EPOCH, len(f"{self._last_epoch:,}"))
        name = max(NUMBER, self._longest_name)
        for rank in sorted({NAME_RANK, *(column.rank for column in COLUMNS)}, reverse=True):
            columns = [column for column in COLUMNS if column.rank <= rank]
            run = name if rank >= NAME_RANK else NUMBER
            gaps, rest = len(columns) + 1, room - epoch - run - sum(column.width for column in columns)
            if rest >= gaps:
                return Layout(epoch, run, min(MOST_GAP, rest // gaps), columns)
        return Layout(epoch, NUMBER, 1, SHORT_COLUMNS)

    def _run_name(self, run: int) -> str:
        return f"{run} {self._names.get(run, '')}".strip()

    def header(self) -> Sequence[Strip]:
        layout = self._layout
        titles = [column.title.rjust(column.width) for column in layout.columns]
        text = (" " * layout.gap).join(["epoch".rjust(layout.epoch), "run".ljust(layout.run), *titles])
        return [strip_of([(text, self.get_component_rich_style("log--header"))])]

    def line_count(self) -> int:
        return len(self._reports)

    def line(self, index: int) -> Strip:
        """Return a report, its run in the colour of the run."""
        row, layout, gap = self._reports[index], self._layout, " " * self._layout.gap
        color = ink(run_color(row.run, self.app.current_theme.dark), bold=True)
        name = self._run_name(row.run)
        shown = name if len(name) <= layout.run else str(row.run)
        values = "".join(gap + column.text(row).rjust(column.width) for column in layout.columns)
        epoch = f"{row.epoch:,}".rjust(layout.epoch)
        return self.strip([(epoch + gap, None), (shown.ljust(layout.run), color), (values, None)])
