"""The accuracy log: one line per report point and run, scrolled by hand or following its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual.strip import Strip

from logreg_tui.core.training.events import RowLogged
from logreg_tui.tui import number_format as figures
from logreg_tui.tui.widgets.cells import ink
from logreg_tui.tui.widgets.palette import run_color
from logreg_tui.tui.widgets.scrolling_lines import ScrollingLines
from logreg_tui.tui.widgets.spans import strip_of

WIDE = 40
"""Cells from which there is room for long epochs and a fourth decimal."""
MEDIUM = 34
"""Cells from which there is room for the objective."""


class AccuracyLog(ScrollingLines):
    """A window on the reports under a header with the names of the columns."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"log--header"}
    FOLLOWS_END = True
    _top = None
    _reports: Sequence[RowLogged] = ()

    _names: Mapping[int, str] = {}  # noqa: RUF012  replaced, never changed in place

    def show(self, reports: Sequence[RowLogged], names: Mapping[int, str]) -> None:
        """Show these reports of runs of these names; the sequence may grow, call again then."""
        self._reports, self._names = reports, names
        self.redraw()

    def _widths(self) -> tuple[int, int, int]:
        """Return the widths of an epoch and of a run, and the decimals of an accuracy."""
        width = self.content_size.width
        epoch, decimals = (9, 4) if width >= WIDE else (7, 3)
        # Behind them objective, two accuracies, their spaces and the scroll bar.
        room = width - epoch - 2 - 10 - 2 * (decimals + 3) - 1
        name = max((len(self._run_name(run)) for run in self._names), default=0)
        return epoch, name if 3 <= name <= room else 3, decimals

    def _run_name(self, run: int) -> str:
        return f"{run} {self._names.get(run, '')}".strip()

    def header(self) -> Sequence[Strip]:
        epoch, run, decimals = self._widths()
        share = decimals + 2
        objective = "objective " if self.content_size.width >= MEDIUM else ""
        names = f"{'epoch':>{epoch}}  {'run':<{run}} {objective}{'train':>{share}} {'test':>{share}}"
        return [strip_of([(names, self.get_component_rich_style("log--header"))])]

    def line_count(self) -> int:
        return len(self._reports)

    def line(self, index: int) -> Strip:
        """Return a report, its run in the colour of the run."""
        row, (epoch, run, decimals) = self._reports[index], self._widths()
        color = ink(run_color(row.run, self.app.current_theme.dark), bold=True)
        name = self._run_name(row.run)
        shares = f"{row.train_accuracy:.{decimals}f} {row.test_accuracy:.{decimals}f}"
        objective = f"{figures.loss(row.objective):>9} " if self.content_size.width >= MEDIUM else ""
        values = f" {objective}{shares}"
        shown = name if len(name) <= run else str(row.run)
        return self.strip([(f"{row.epoch:>{epoch},}  ", None), (f"{shown:<{run}}", color), (values, None)])
