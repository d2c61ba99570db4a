"""Pictures of a model's weights: one per class on a scale that all share, or one class enlarged.

If the features form no image, the largest weights are listed as bars. Nothing here knows of a screen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from rich.cells import cell_len
from rich.style import Style
from textual.strip import Strip

from logreg_tui.core.text import FeatureNumbers, class_name
from logreg_tui.core.training.snapshots import ParametersSnapshot
from logreg_tui.tui.graphics import ImageSheet
from logreg_tui.tui.number_format import first_fitting
from logreg_tui.tui.widgets import pictures
from logreg_tui.tui.widgets.cells import ink, longest_name, name_cells, short_name
from logreg_tui.tui.widgets.chart_style import ChartStyle
from logreg_tui.tui.widgets.spans import beside, strip_of

GAP = 2
"""Cells between two pictures."""
LEAST_HEIGHT = 4
"""Lines of the smallest picture that still shows something; if not all classes fit so, they are paged."""
MOST_CLASS, MOST_FEATURE = 16, 32
"""Cells of the name of a class and of a feature beside their bar."""
MANY_FEATURES = 1000
"""Names of more would take longer to measure than all the rest."""
BARS_HEAD = 2
"""Lines above the bars."""
FACTS_WIDTH = 34
HINT_HEIGHT = 14
"""Lines from which one is spent on what the keys do."""
ZERO = " 0 "
MARKED = Style(reverse=True, bold=True)


@dataclass(frozen=True, slots=True)
class WeightsView:
    """The part of the weights that is looked at, and the room for it."""

    width: int
    height: int
    chosen: int
    """The class that the cursor is on."""
    is_enlarged: bool
    """True if that class alone is shown."""
    has_focus: bool


@dataclass(frozen=True, slots=True)
class Grid:
    """The places of the classes: captions first, pictures below."""

    width: int
    height: int
    """Cells of a picture."""
    across: int
    down: int

    @property
    def page(self) -> int:
        """The number of pictures that are shown at a time."""
        return self.across * self.down

    def class_at(self, x: int, y: int, chosen: int) -> int | None:
        """Return the class whose picture or caption covers a cell of the grid, or None."""
        (column, inside), row = divmod(x, self.width + GAP), y // (self.height + 1)
        if not (0 <= column < self.across and 0 <= row < self.down and inside < self.width):
            return None
        return chosen // self.page * self.page + row * self.across + column


@lru_cache(maxsize=32)
def arrange(shape: tuple[int, int], classes: int, width: int, height: int) -> Grid:
    """Return the grid with the largest pictures of images of this shape that holds all classes.

    If they would be too small to see anything, fewer are shown at a time.
    """
    least = min(LEAST_HEIGHT, math.ceil(shape[0] / 2))
    grids = [
        _grid(shape, across, math.ceil(classes / across), width, height)
        for across in range(1, min(classes, (width + GAP) // (GAP + 1)) + 1)
    ]
    # Large pictures, then few empty places.
    best = max(
        grids,
        key=lambda grid: (grid.width * grid.height, classes - grid.page),
        default=_grid(shape, 1, 1, width, height),
    )
    if best.height >= least and best.down * (best.height + 1) <= height:
        return best
    smallest = pictures.fitted(shape, width, least)
    across = min(classes, max(1, (width + GAP) // (smallest[0] + GAP)))
    return _grid(shape, across, max(1, height // (least + 1)), width, height)


def _grid(shape: tuple[int, int], across: int, down: int, width: int, height: int) -> Grid:
    room = max(1, (width + GAP) // across - GAP), max(1, height // down - 1)
    return Grid(*pictures.fitted(shape, *room), across, down)


def grid_height(height: int) -> int:
    """Return the lines between the header and the hint in a panel of `height` lines."""
    return height - 1 - (height >= HINT_HEIGHT)


def draw_weights(
    shown: ParametersSnapshot,
    shape: tuple[int, int] | None,
    view: WeightsView,
    style: ChartStyle,
    class_names: Sequence[str] = (),
    feature_names: Sequence[str] = (),
    *,
    sheet: ImageSheet | None = None,
) -> list[Strip]:
    """Return the lines of the panel; `shape` is that of the images, None if there are none.

    Without names classes and features are shown by their numbers.
    """
    largest = float(max(shown.weight.max(), -shown.weight.min()))
    largest = largest if math.isfinite(largest) else 0.0
    drawing = _Drawing(shown, shape, view, style, largest, class_names, feature_names, sheet)
    lines = drawing.lines()
    if view.height >= HINT_HEIGHT:
        lines = [*lines[: view.height - 1], *[Strip.blank(0)] * (view.height - 1 - len(lines))]
        lines.append(strip_of([(_hint(view, shape is not None), style.muted)]))
    return lines[: view.height]


def _hint(view: WeightsView, is_image: bool) -> str:
    if not view.has_focus:
        return "click, or press tab until this panel has the keys, to look at one class"
    if view.is_enlarged:
        return "left/right: another class   escape: all classes"
    return f"arrows: choose a class   enter: {'enlarge it' if is_image else 'its largest weights'}"


@dataclass(frozen=True, slots=True)
class _Drawing:
    """One drawing of the panel."""

    shown: ParametersSnapshot
    shape: tuple[int, int] | None
    view: WeightsView
    style: ChartStyle
    largest: float
    """The largest |weight| of all classes, which ends the scale; 0 if one is not finite."""
    class_names: Sequence[str]
    feature_names: Sequence[str]
    sheet: ImageSheet | None

    def lines(self) -> list[Strip]:
        if self.shape is None:
            return [self._header(""), *self._bars()]
        if self.view.is_enlarged:
            return [self._header(""), *self._enlarged(self.shape)]
        return self._all_classes(self.shape)

    def _header(self, page: str) -> Strip:
        """Return what is shown, as much as there is room for, and the scale."""
        shown, width = self.shown, self.view.width
        epoch = f"epoch {shown.epoch:,}{page}"
        names = [f"Run {shown.run} {shown.head}  {epoch}", f"Run {shown.run}  {epoch}", epoch]
        ends = f"{-self.largest:.3g} ", f" {self.largest:+.3g}"
        fixed = sum(map(len, ends)) + len(ZERO) + GAP
        name = first_fitting(names, width - fixed - 4)
        bar = min(pictures.MOST_BAR // 2, (width - len(name) - fixed) // 2)
        left = strip_of([(name, ink(None, bold=True))])
        if bar < 1:
            return left
        legend = self._legend(ends, bar)
        return Strip.join([left, Strip.blank(width - left.cell_length - legend.cell_length), legend])

    def _legend(self, ends: tuple[str, str], bar: int) -> Strip:
        """Return the scale: its ends in figures, all its colours, 0 in their middle."""
        sides = [
            pictures.picture(np.linspace(low, high, bar)[None], bar, 1, pictures.signed_inks(self.style))[0]
            for low, high in ((0.0, 0.5 - 0.5 / bar), (0.5 + 0.5 / bar, 1.0))
        ]
        low, zero, high = (strip_of([(text, self.style.muted)]) for text in (ends[0], ZERO, ends[1]))
        return Strip.join([low, sides[0], zero, sides[1], high])

    def _all_classes(self, shape: tuple[int, int]) -> list[Strip]:
        """Return a page of classes; if these are not all, the header says which."""
        classes = len(self.shown.bias)
        grid = arrange(shape, classes, self.view.width, grid_height(self.view.height))
        first = self.view.chosen // grid.page * grid.page
        last = min(first + grid.page, classes)
        page = "" if grid.page >= classes else f"  {first}-{last - 1} of {classes:,}"
        lines = [self._header(page)]
        for start in range(first, last, grid.across):
            numbers = range(start, min(start + grid.across, last))
            lines += beside([self._tile(shape, number, grid) for number in numbers], GAP)
        return lines

    def _tile(self, shape: tuple[int, int], number: int, grid: Grid) -> list[Strip]:
        name = class_name(self.class_names, number)
        caption = f"{short_name(name, MOST_CLASS, self.style.ascii_only)} bias {self.shown.bias[number]:+.3g}"
        if cell_len(caption) > grid.width:
            caption = short_name(name, grid.width, self.style.ascii_only)
        mark = MARKED if self.view.has_focus and number == self.view.chosen else self.style.muted
        line = strip_of([(caption, mark)]).adjust_cell_length(grid.width)
        return [line, *self._picture(shape, number, grid.width, grid.height)]

    def _picture(self, shape: tuple[int, int], number: int, width: int, height: int) -> list[Strip]:
        shares = pictures.signed_shares(self.shown.weight[number].reshape(shape), self.largest)
        inks, is_smooth = pictures.signed_inks(self.style), not self.view.is_enlarged
        return pictures.picture(shares, width, height, inks, self.sheet, is_smooth=is_smooth)

    def _enlarged(self, shape: tuple[int, int]) -> list[Strip]:
        """Return one class as large as it can be, its figures beside it or above."""
        width, height = self.view.width, grid_height(self.view.height)
        facts = self._facts(shape)
        whole = self.sheet is None
        right = pictures.fitted(shape, max(1, width - FACTS_WIDTH), height, whole=whole)
        above = pictures.fitted(shape, width, max(1, height - len(facts)), whole=whole)
        if right[0] * right[1] < above[0] * above[1]:
            return [*facts, *self._picture(shape, self.view.chosen, *above)]
        return beside([self._picture(shape, self.view.chosen, *right), facts], GAP)

    def _facts(self, shape: tuple[int, int]) -> list[Strip]:
        number = self.view.chosen
        weight = self.shown.weight[number]
        low, high = (divmod(int(at), shape[1]) for at in (weight.argmin(), weight.argmax()))
        rows = [
            ("bias  ", f"{self.shown.bias[number]:+.4g}"),
            ("least ", f"{weight.min():+.4g}  row {low[0]}, column {low[1]}"),
            ("most  ", f"{weight.max():+.4g}  row {high[0]}, column {high[1]}"),
            ("norm  ", f"{np.linalg.norm(weight.astype(np.float64)):.4g}"),
        ]
        name = short_name(class_name(self.class_names, number), MOST_CLASS, self.style.ascii_only)
        title = strip_of([(f"class {name}", ink(None, bold=True)), (f" of {len(self.shown.bias):,}", None)])
        return [title, *(strip_of([(name, self.style.muted), (text, None)]) for name, text in rows)]

    def _bars(self) -> list[Strip]:
        """Return the largest weights, of the class that is looked at or of all, as bars around 0."""
        view, style, weight = self.view, self.style, self.shown.weight
        first = view.chosen if view.is_enlarged else 0
        chosen = short_name(class_name(self.class_names, view.chosen), MOST_CLASS, style.ascii_only)
        whose = f"of class {chosen}" if view.is_enlarged else "of all classes"
        title = f"{'The' if self.feature_names else 'No image shape: the'} largest weights {whose}"
        asked = weight[first : first + 1] if view.is_enlarged else weight
        largest = _largest(asked, grid_height(view.height) - BARS_HEAD)
        width = self._feature_width([feature for _, feature in largest])
        names = self._names("class", "feature", width)
        lines = [strip_of([(text, style.muted)]) for text in (title, f"{names}{'weight':>10}")]
        return [*lines, *(self._bar_line(first + row, feature, width) for row, feature in largest)]

    def _bar_line(self, number: int, feature: int, width: int) -> Strip:
        value = float(self.shown.weight[number, feature])
        of_class, of_feature = class_name(self.class_names, number), class_name(self.feature_names, feature)
        names = self._names(of_class, of_feature, width)
        text = f"{names}{value:>+10.4g} "
        is_marked = self.view.has_focus and not self.view.is_enlarged and number == self.view.chosen
        bar = pictures.signed_bar(
            value / (self.largest or 1), (self.view.width - cell_len(text) - 1) // 2, self.style
        )
        return strip_of([(text, ink(None, bold=True) if is_marked else None), *bar])

    def _feature_width(self, shown: Sequence[int]) -> int:
        """Return the cells for names of features; of very many, only those that are shown count."""
        names = self.feature_names
        if len(names) > MANY_FEATURES:
            names = [class_name(names, feature) for feature in shown]
        return longest_name(["feature", *names], min(max(7, self.view.width // 3), MOST_FEATURE))

    def _names(self, label: str, feature: str, feature_width: int) -> str:
        """Return class and feature of a line of bars as columns: numbers at the right, names at the left."""
        ascii_only = self.style.ascii_only
        room = max(7, self.view.width // 5)
        width = longest_name(["class", *self.class_names], min(room, MOST_CLASS))
        of_class = name_cells(label, width, ascii_only, at_right=not self.class_names)
        are_numbers = not self.feature_names or isinstance(self.feature_names, FeatureNumbers)
        of_feature = name_cells(feature, feature_width, ascii_only, at_right=are_numbers)
        return f"  {of_class}  {of_feature}"


def _largest(weight: np.ndarray, count: int) -> list[tuple[int, int]]:
    """Return row and column of the `count` largest |weight| of a matrix (C, D), the largest first."""
    strengths = np.abs(np.nan_to_num(weight)).ravel()
    count = min(count, len(strengths))
    if count < 1:
        return []
    top = np.argpartition(-strengths, count - 1)[:count]
    top = top[np.lexsort((top, -strengths[top]))]
    return [divmod(int(at), weight.shape[1]) for at in top]
