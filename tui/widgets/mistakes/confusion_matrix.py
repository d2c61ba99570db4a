"""The confusion matrix as a heat map with counts: labels down, predicted classes across.

Right answers are blue and bold, mistakes orange, the stronger the more. Nothing here knows of a screen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.style import Style
from textual.strip import Strip

from logreg_tui.core.text import class_name
from logreg_tui.tui.number_format import first_fitting
from logreg_tui.tui.widgets.cells import ink, longest_name, name_cells, short_name
from logreg_tui.tui.widgets.chart_style import ChartStyle, cursor_style
from logreg_tui.tui.widgets.palette import Rgb, blend, readable_on
from logreg_tui.tui.widgets.spans import Span, paint, strip_of

if TYPE_CHECKING:
    from logreg_tui.core.analysis.inspection import Mistakes

SHARE_WIDTH = 6
MOST_CELL = 8
MOST_NAME = 14
"""Cells of the name of a class."""
LEAST_LISTED, MOST_LISTED = 3, 10
"""Lines of the list of the most frequent mistakes under the matrix."""
MOST_BAR = 24
ROOMY_LABEL = 6
"""Width of the column of labels, in cells, from which there is room for words."""
HEAT_LEVELS = 13
RIGHT_ON_DARK: Rgb = (24, 92, 168)
WRONG_ON_DARK: Rgb = (214, 116, 20)
RIGHT_ON_LIGHT: Rgb = (92, 156, 220)
WRONG_ON_LIGHT: Rgb = (232, 140, 44)


@dataclass(frozen=True, slots=True)
class MatrixLayout:
    """The places of the parts of the matrix, in cells."""

    label_width: int
    cell_width: int
    rows: int
    """Labels in view."""
    columns: int
    """Predicted classes in view."""
    top: int
    """The line of the first label."""
    has_precision: bool

    def cell_at(self, x: int, y: int, first: tuple[int, int]) -> tuple[int, int] | None:
        """Return label and predicted class of the cell at a place, or None."""
        row, column = y - self.top, (x - self.label_width) // self.cell_width
        if x < self.label_width or not (0 <= row < self.rows and column < self.columns):
            return None
        return first[0] + row, first[1] + column


@dataclass(frozen=True, slots=True)
class MatrixView:
    """The part of the matrix that is looked at, and the room for it."""

    width: int
    height: int
    cursor: tuple[int, int]
    first: tuple[int, int]
    """The first label and the first predicted class in view, as `first_in_view` gives them."""
    has_focus: bool


@dataclass(frozen=True, slots=True)
class CellPage:
    """A cell of the matrix, and what is shown of its samples."""

    label: int
    predicted: int
    first: int = 0
    """Number of a sample: the first one shown is this or the next one in the cell."""
    enlarged: int | None = None
    """Number of the sample that is shown alone, even if it has left the cell since."""


def lay_out(
    classes: int, most: int, width: int, height: int, class_names: Sequence[str] = ()
) -> MatrixLayout:
    """Return the layout for a number of classes, `most` being the largest count."""
    name_width = longest_name(class_names, MOST_NAME)
    figures = min(name_width, 3) if class_names else len(str(classes - 1))
    least_cell = max(len(str(most)), figures) + 1
    room = width - SHARE_WIDTH
    roomy = max(ROOMY_LABEL, name_width + 1)
    label_width = roomy if roomy + classes * least_cell <= room else min(ROOMY_LABEL, figures + 1)
    columns = max(1, min(classes, (room - label_width) // least_cell))
    most_cell = max(MOST_CELL, name_width + 1)
    cell_width = max(least_cell, min(most_cell, (room - label_width) // columns))
    # Title, numbers and the line about the cursor are always there.
    spare = height - 3 - classes
    has_precision = spare >= 1 and label_width >= ROOMY_LABEL
    top = 3 if spare >= 2 else 2
    return MatrixLayout(
        label_width, cell_width, max(1, min(classes, height - 3)), columns, top, has_precision
    )


def draw_matrix(
    mistakes: Mistakes, head: str, view: MatrixView, style: ChartStyle, class_names: Sequence[str] = ()
) -> list[Strip]:
    """Return the lines of the panel; without names classes are shown by their numbers."""
    counts = mistakes.counts
    layout = lay_out(len(counts), int(counts.max()), view.width, view.height, class_names)
    return _Drawing(mistakes, head, view, style, layout, class_names).lines()


@dataclass(frozen=True, slots=True)
class _Drawing:
    """One drawing of the matrix."""

    mistakes: Mistakes
    head: str
    view: MatrixView
    style: ChartStyle
    layout: MatrixLayout
    class_names: Sequence[str]

    def lines(self) -> list[Strip]:
        layout, view = self.layout, self.view
        part = self._part_in_view()
        name = title(self.mistakes, self.head, view.width - len(part))
        lines = [self._line(name + part, ink(None, bold=True))]
        if layout.top == 3:
            lines.append(self._line(f"{'':>{layout.label_width}}predicted", self.style.muted))
        lines.append(self._numbers())
        worst = self.mistakes.worst
        most = int(self.mistakes.counts[worst]) if worst[0] != worst[1] else 0
        lines += [self._row(label, most) for label in range(view.first[0], view.first[0] + layout.rows)]
        if layout.has_precision:
            lines.append(self._precisions())
        lines += self._most_frequent(view.height - 4 - len(lines))
        lines += [Strip.blank(0)] * (view.height - 1 - len(lines))
        return [*lines[: view.height - 1], self._about_cursor()]

    def _part_in_view(self) -> str:
        """Return the labels and classes in view if those are not all."""
        classes, (row, column), layout = len(self.mistakes.counts), self.view.first, self.layout
        parts = []
        if layout.rows < classes:
            parts.append(f"  labels {self._span(row, layout.rows)} of {classes}")
        if layout.columns < classes:
            parts.append(f"  predicted {self._span(column, layout.columns)} of {classes}")
        return "".join(parts)

    def _span(self, first: int, count: int) -> str:
        return f"{self._name(first)} to {self._name(first + count - 1)}"

    def _name(self, label: int) -> str:
        return short_name(class_name(self.class_names, label), MOST_NAME, self.style.ascii_only)

    def _name_cells(self, label: int, width: int) -> str:
        name = class_name(self.class_names, label)
        return name_cells(name, width, self.style.ascii_only, at_right=True)

    def _mark_of_more(self, label: int) -> str:
        """Return an arrow at the first and the last label in view if there are more beyond, else a space."""
        first, last = self.view.first[0], self.view.first[0] + self.layout.rows - 1
        if label == last < len(self.mistakes.counts) - 1:
            return self.style.pick("↓", "v")
        return self.style.pick("↑", "^") if label == first > 0 else " "

    @property
    def _columns(self) -> range:
        return range(self.view.first[1], self.view.first[1] + self.layout.columns)

    def _line(self, text: str, style: Style) -> Strip:
        return strip_of([(text[: self.view.width], style)], ascii_only=self.style.ascii_only)

    def _numbers(self) -> Strip:
        word = "true" if self.layout.label_width >= ROOMY_LABEL else ""
        parts: list[Span] = [(f"{word:<{self.layout.label_width}}", self.style.muted)]
        for column in self._columns:
            mark = ink(None, bold=True) if column == self.view.cursor[1] else self.style.muted
            parts.append((f"{self._name_cells(column, self._digits)} ", mark))
        return strip_of([*parts, (f"{'recall':>{SHARE_WIDTH}}", self.style.muted)])

    @property
    def _digits(self) -> int:
        """Width of the count in a cell: it ends one before the cell's end."""
        return self.layout.cell_width - 1

    def _row(self, label: int, most_wrong: int) -> Strip:
        counts = self.mistakes.counts[label].tolist()
        of_label = sum(counts)
        name_style = ink(None, bold=True) if label == self.view.cursor[0] else self.style.muted
        name = f"{self._name_cells(label, self.layout.label_width - 1)}{self._mark_of_more(label)}"
        parts: list[Span] = [(name, name_style)]
        for predicted in self._columns:
            count = counts[predicted]
            is_right = label == predicted
            share = count / max(1, of_label if is_right else most_wrong)
            if (label, predicted) == self.view.cursor:
                shade = cursor_style(self.view.has_focus, self.style)
            else:
                shade = cell_style(is_right, share, self.style)
            parts.append((f"{count or self.style.pick('·', '.'):>{self._digits}} ", shade))
        parts.append((_shown_share(float(self.mistakes.class_accuracies[label])), None))
        return strip_of(parts)

    def _precisions(self) -> Strip:
        parts: list[Span] = [(f"{'prec.':<{self.layout.label_width}}", self.style.muted)]
        for predicted in self._columns:
            share = _shown_share(float(self.mistakes.precisions[predicted]), self._digits)
            parts.append((f"{share} ", None))
        return strip_of([*parts, (_shown_share(self.mistakes.accuracy), ink(None, bold=True))])

    def _most_frequent(self, most: int) -> list[Strip]:
        """Return the most frequent mistakes under a heading, in at most `most` lines; none without room."""
        counts, style = self.mistakes.counts, self.style
        order = (-counts).ravel().argsort(kind="stable")[: MOST_LISTED + len(counts)].tolist()
        cells = [divmod(at, len(counts)) for at in order]
        cells = [cell for cell in cells if cell[0] != cell[1] and counts[cell]][: min(most, MOST_LISTED)]
        if len(cells) < LEAST_LISTED:
            return []
        largest, width = int(counts[cells[0]]), max(cell_len(self._name(at)) for cell in cells for at in cell)
        lines = [Strip.blank(0), self._line("Most frequent mistakes: label as prediction", style.muted)]
        for label, predicted in cells:
            count = int(counts[label, predicted])
            names = " as ".join(self._name_cells(at, width) for at in (label, predicted))
            text = f"{names}  {count:>{len(f'{largest:,}')},} {100 * count / counts[label].sum():5.1f} %  "
            room = min(MOST_BAR, self.view.width - cell_len(text))
            bar = style.pick("█", "#") * max(0, round(room * count / largest))
            lines.append(strip_of([(text, None), (bar, style.muted)]).crop(0, self.view.width))
        return lines

    def _about_cursor(self) -> Strip:
        label, predicted = self.view.cursor
        count, of_label = int(self.mistakes.counts[label, predicted]), int(self.mistakes.counts[label].sum())
        share = f" ({100 * count / of_label:.1f} %)" if of_label else ""
        names = f"label {self._name(label)} predicted as {self._name(predicted)}"
        text = f"{names}: {count:,} of {of_label:,}{share}"
        hint = "   enter or click: see them" if self.view.has_focus else "   click or tab, then arrows"
        hint = hint if cell_len(text) + len(hint) <= self.view.width else ""
        return strip_of([(text, None), (hint, self.style.muted)]).crop(0, self.view.width)


def title(mistakes: Mistakes, head: str, width: int) -> str:
    """Return run, epoch and share of right answers, as much as fits into `width` cells."""
    samples = int(mistakes.counts.sum())
    right = round(mistakes.accuracy * samples)
    epoch, accuracy = f"epoch {mistakes.epoch:,}", f"test accuracy {mistakes.accuracy:.4f}"
    texts = (
        f"Run {mistakes.run} {head}  {epoch}  {accuracy} ({right:,} of {samples:,})",
        f"Run {mistakes.run}  {epoch}  {accuracy}",
        f"{epoch}  {mistakes.accuracy:.4f}",
    )
    return first_fitting(texts, width)


def _shown_share(share: float, width: int = SHARE_WIDTH) -> str:
    """Return a share with as many decimals, up to three, as there is room for; `-` if it is not defined."""
    if math.isnan(share):
        return f"{'-':>{width}}"
    text = f"{share:.{max(0, min(3, width - 3))}f}"
    return f"{text:>{width}}"


@lru_cache(maxsize=512)
def _heat(is_right: bool, level: int, dark: bool, background: Rgb) -> Style:
    color = heat_color(is_right, level / (HEAT_LEVELS - 1), dark, background)
    return paint(readable_on(color), color, is_right)


def heat_color(is_right: bool, share: float, dark: bool, background: Rgb) -> Rgb:
    """Return the background of a cell; even a small share differs from nothing."""
    right, wrong = (RIGHT_ON_DARK, WRONG_ON_DARK) if dark else (RIGHT_ON_LIGHT, WRONG_ON_LIGHT)
    return blend(background, right if is_right else wrong, 0.12 + 0.88 * math.sqrt(share))


def cell_style(is_right: bool, share: float, style: ChartStyle) -> Style:
    """Return the style of a count: without colour the diagonal is bold, frequent mistakes are underlined."""
    if style.monochrome:
        return Style(bold=is_right or None, underline=True if not is_right and share >= 0.5 else None)
    if not share:
        return style.muted
    return _heat(is_right, round(share * (HEAT_LEVELS - 1)), style.dark, style.background)
