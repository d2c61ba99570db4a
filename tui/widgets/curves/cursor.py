"""Reading values off the curves: the row that the cursor is on, and a table of the values of every run."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from logreg_tui.core.training.history import RunHistory
from logreg_tui.tui.widgets.cells import Cells, ink
from logreg_tui.tui.widgets.chart_style import ChartStyle
from logreg_tui.tui.widgets.curves.window import x_values

STEP, LONG_STEP = 1, 10
"""Rows that a key moves the cursor."""
LOSS_WIDTH = 8


@dataclass(frozen=True, slots=True)
class Reading:
    """A run's row at the cursor."""

    number: int
    epoch: int
    train_loss: float
    test_loss: float
    train_accuracy: float
    test_accuracy: float

    @property
    def loss_gap(self) -> float:
        """Loss on the test set minus that on the training set."""
        return self.test_loss - self.train_loss


def moved(run: RunHistory, epoch: float | None, rows: int = 0) -> int:
    """Return the epoch of the run's row that is nearest, or of one `rows` further on; None is the newest."""
    (epochs,) = run.columns.read("epoch")
    at = len(epochs) - 1 if epoch is None else int(abs(epochs - epoch).argmin()) + rows
    return int(epochs[max(0, min(len(epochs) - 1, at))])


def read(run: RunHistory, x: float, clock: str) -> Reading | None:
    """Return the run's newest row up to `x`; None if it has none there, or had ended before."""
    names = ("epoch", "elapsed_s", "train_loss", "test_loss", "train_accuracy", "test_accuracy")
    epochs, elapsed, *values = run.columns.read(*names)
    xs = x_values(epochs, elapsed, clock)
    at = int(xs.searchsorted(x * (1 + 1e-12), side="right")) - 1
    if at < 0 or (x > xs[-1] and not run.is_training):
        return None
    return Reading(run.number, int(epochs[at]), *(float(column[at]) for column in values))


def six_decimals(value: float) -> str:
    """Return a loss with six decimals, or fewer so that it takes eight columns."""
    texts = (f"{value:.{digits}f}" for digits in (6, 5, 4, 3, 2, 1, 0))
    text = next((text for text in texts if len(text) <= LOSS_WIDTH), f"{value:.2g}")
    return (text if math.isfinite(value) else f"{value:.0f}").rjust(LOSS_WIDTH)


def _signed(value: float) -> str:
    text = six_decimals(abs(value)).strip()
    return f"{'-' if value < 0 else '+' if value >= 0 else ''}{text}"


_COLUMNS: tuple[tuple[str, int, Callable[[Reading], str]], ...] = (
    ("epoch", 9, lambda row: f"{row.epoch:,}"),
    ("train", 9, lambda row: six_decimals(row.train_loss)),
    ("test", 9, lambda row: six_decimals(row.test_loss)),
    ("gap", 10, lambda row: _signed(row.loss_gap)),
    ("tr.acc", 7, lambda row: f"{row.train_accuracy:.4f}"),
    ("te.acc", 7, lambda row: f"{row.test_accuracy:.4f}"),
    ("gap", 8, lambda row: f"{row.test_accuracy - row.train_accuracy:+.4f}"),
)
"""Title, width and text, the more important ones first."""
_WIDE_TITLES = ("epoch", "train loss", "test loss", "gap", "train acc", "test acc", "gap")
_NUMBER_WIDTH = 3
_WIDER = 3
"""Columns more for each if there is room for all."""


def table_height(runs: int, height: int) -> int:
    """Return the lines of the table in a chart of `height` lines, its titles among them."""
    return 1 if height < 9 else 1 + min(runs, max(2, height // 3 - 2))


def draw_table(
    cells: Cells, top: int, lines: int, runs: Sequence[RunHistory], x: float, clock: str, style: ChartStyle
) -> None:
    """Write the values of the runs at `x` from line `top` on, the first run first; `+n more` if need be."""
    count = len(runs)
    if lines == 1:
        cells.put(0, top, _row_text(cells, runs[0], x, clock), style.text(runs[0].number))
        return
    cells.put(0, top, _titles(cells), style.muted)
    shown = count if count <= lines - 1 else max(1, lines - 2)
    for y, run in enumerate(runs[:shown], start=top + 1):
        cells.put(0, y, _row_text(cells, run, x, clock), ink(None, bold=y == top + 1))
        cells.put(0, y, f"{run.number:>{_NUMBER_WIDTH - 1}}", style.text(run.number))
    if shown < count and shown + 1 < lines:
        cells.put(0, top + 1 + shown, f"+{count - shown} more", style.muted)


def _widths(width: int) -> list[int]:
    wide = [size + _WIDER for _, size, _ in _COLUMNS]
    if _NUMBER_WIDTH + sum(wide) <= width:
        return wide
    sizes: list[int] = []
    for _, size, _ in _COLUMNS:
        if _NUMBER_WIDTH + sum(sizes) + size > width:
            break
        sizes.append(size)
    return sizes


def _titles(cells: Cells) -> str:
    widths = _widths(cells.width)
    is_wide = widths[:1] > [_COLUMNS[0][1]]
    titles = _WIDE_TITLES if is_wide else [title for title, *_ in _COLUMNS]
    return "run" + "".join(title.rjust(width) for title, width in zip(titles, widths, strict=False))


def _row_text(cells: Cells, run: RunHistory, x: float, clock: str) -> str:
    row = read(run, x, clock)
    texts = ["-" if row is None else text(row) for _, _, text in _COLUMNS]
    return f"{run.number:>{_NUMBER_WIDTH - 1}} " + "".join(
        text.rjust(width) for text, width in zip(texts, _widths(cells.width), strict=False)
    )
