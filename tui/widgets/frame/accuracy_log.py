"""The accuracy log: one line per report point and run, scrolled by hand or following its end."""

from __future__ import annotations

from collections.abc import Sequence
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


class AccuracyLog(ScrollingLines):
    """A window on the reports under a header with the names of the columns."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"log--header"}
    FOLLOWS_END = True
    _top = None
    _reports: Sequence[RowLogged] = ()

    def show(self, reports: Sequence[RowLogged]) -> None:
        """Show these reports; the sequence may grow, call again then."""
        self._reports = reports
        self.redraw()

    def _widths(self) -> tuple[int, int]:
        """Return the width of an epoch and the decimals of an accuracy."""
        return (9, 4) if self.content_size.width >= WIDE else (7, 3)

    def header(self) -> Sequence[Strip]:
        epoch, decimals = self._widths()
        share = decimals + 2
        names = f"{'epoch':>{epoch}} run objective {'train':>{share}} {'test':>{share}}"
        return [strip_of([(names, self.get_component_rich_style("log--header"))])]

    def line_count(self) -> int:
        return len(self._reports)

    def line(self, index: int) -> Strip:
        """Return a report, its run's number in the colour of the run."""
        row, (epoch, decimals) = self._reports[index], self._widths()
        color = ink(run_color(row.run, self.app.current_theme.dark), bold=True)
        shares = f"{row.train_accuracy:.{decimals}f} {row.test_accuracy:.{decimals}f}"
        values = f" {figures.loss(row.objective):>9} {shares}"
        return strip_of([(f"{row.epoch:>{epoch},} ", None), (f"{row.run:>3}", color), (values, None)])
