"""From lines to characters: the dots of every line, and for each cell the character that shows them.

plotext would do the same with braille markers of its own, at several times the cost of a frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from logreg_tui.tui.widgets.palette import Rgb

if TYPE_CHECKING:
    import numpy as np

BRAILLE = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bit of a dot, by its row and column in a cell."""
FIRST_BRAILLE = 0x2800
EVERY = 3
"""A dotted line has one dot of so many."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """The area between the axes."""

    columns: int
    rows: int
    is_fine: bool
    """Whether a cell has two by four dots (braille), or is a dot itself (ASCII)."""

    @property
    def dots(self) -> int:
        """Rows of dots that a line can take."""
        return self.rows * (4 if self.is_fine else 1)

    @property
    def dot_columns(self) -> int:
        """Columns of dots."""
        return self.columns * (2 if self.is_fine else 1)

    def row(self, place: float) -> int:
        """Return the row, 0 at the top, of a place from 0 (bottom) to 1."""
        return self.rows - 1 - int(0.5 + place * (self.dots - 1)) * self.rows // self.dots

    def column(self, place: float) -> int:
        """Return the column of a place from 0 (left) to 1."""
        return int(0.5 + place * (self.dot_columns - 1)) * self.columns // self.dot_columns

    def place(self, column: int) -> float:
        """Return the place in the middle of a column; beyond 0 and 1 for columns outside."""
        fine = self.dot_columns // self.columns
        return (column * fine + (fine - 1) / 2) / max(1, self.dot_columns - 1)


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A line to draw: places from 0 to 1, NaN where it is interrupted."""

    x: np.ndarray
    y: np.ndarray
    color: Rgb | None
    character: str
    """What it is drawn with where cells have no dots."""
    is_dim: bool = False
    """Whether it gives way where another line is not dim."""
    is_dotted: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """One character of the picture."""

    column: int
    row: int
    character: str
    color: Rgb | None


def compose(lines: Sequence[Line], canvas: Canvas) -> list[Cell]:
    """Return the cells that have any dots; the last line is on top. Dim lines come first."""
    import numpy as np

    size = canvas.rows * canvas.columns
    bits, owner = np.zeros(size, np.uint8), np.full(size, -1)
    is_dim = np.array([line.is_dim for line in lines] + [False])
    for number, line in enumerate(lines):
        cells, dots = _cells(line, canvas)
        if not line.is_dim:
            bits[cells[is_dim[owner[cells]]]] = 0
        np.bitwise_or.at(bits, cells, dots)
        owner[cells] = number
    return [_cell(int(at), int(bits[at]), lines[owner[at]], canvas) for at in np.flatnonzero(bits)]


def _cell(at: int, bits: int, line: Line, canvas: Canvas) -> Cell:
    character = chr(FIRST_BRAILLE + bits) if canvas.is_fine else line.character
    return Cell(at % canvas.columns, at // canvas.columns, character, line.color)


def _cells(line: Line, canvas: Canvas) -> tuple[np.ndarray, np.ndarray]:
    """Return for each dot of a line the number of its cell and its bit there."""
    import numpy as np

    x, up = line_dots(line.x, line.y, canvas.dot_columns, canvas.dots)
    if line.is_dotted:
        kept = x % EVERY == 0
        x, up = x[kept], up[kept]
    y = canvas.dots - 1 - up
    if not canvas.is_fine:
        return y * canvas.columns + x, np.ones(len(x), np.uint8)
    return y // 4 * canvas.columns + x // 2, np.array(BRAILLE, np.uint8)[y % 4, x % 2]


def line_dots(x: np.ndarray, y: np.ndarray, columns: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return column and row (0 at the bottom) of every dot of a line through these places."""
    import numpy as np

    good = np.isfinite(x) & np.isfinite(y)
    column = np.floor(0.5 + np.where(good, x, 0) * (columns - 1))
    row = np.floor(0.5 + np.where(good, y, 0) * (rows - 1))
    joined = np.flatnonzero(good[:-1] & good[1:])
    right, up = column[joined + 1] - column[joined], row[joined + 1] - row[joined]
    steps = np.maximum(np.abs(right), np.abs(up)).astype(int)
    segment = np.repeat(np.arange(len(joined)), steps)
    share = (np.arange(len(segment)) - np.repeat(np.cumsum(steps) - steps, steps)) / steps[segment]
    start = joined[segment]
    all_columns = np.concatenate((column[good], np.floor(0.5 + column[start] + right[segment] * share)))
    all_rows = np.concatenate((row[good], np.floor(0.5 + row[start] + up[segment] * share)))
    inside = (all_columns >= 0) & (all_columns < columns) & (all_rows >= 0) & (all_rows < rows)
    return all_columns[inside].astype(int), all_rows[inside].astype(int)
