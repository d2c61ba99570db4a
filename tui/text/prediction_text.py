"""A picture that a model was given and what runs make of it, as lines for a terminal.

The picture stands at the left, the bars of some runs beside it, the other runs below in one line each.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from logreg_tui.core.heads import loss_floor
from logreg_tui.core.settings import SIGMOID
from logreg_tui.tui.widgets.palette import BLACK, ON_DARK
from logreg_tui.tui.widgets.pictures import fitted, grey_inks, paint, picture

if TYPE_CHECKING:
    import numpy as np

    from logreg_tui.core.training.snapshots import ParametersSnapshot

PICTURE_WIDTH = 28
PICTURE_HEIGHT = 14
GAP = 2
LEAST_COLUMN = 22
MOST_COLUMNS = 4
MOST_CLASSES = 20
"""Of more classes the likeliest are shown."""
EIGHTHS = " ▏▎▍▌▋▊▉█"


@dataclass(frozen=True, slots=True)
class Look:
    """How lines are drawn."""

    width: int
    has_color: bool
    is_ascii: bool


def prediction_lines(
    shares: np.ndarray,
    runs: Mapping[int, ParametersSnapshot],
    probabilities: Mapping[int, np.ndarray],
    look: Look,
) -> list[Strip]:
    """Return lines of at most the look's width; they are wider where that is less than a column's least.

    `shares` are the pixels from ground to ink, shape (rows, columns), 0..1; `probabilities` are of each
    run, shape (classes,).
    """
    drawn = _picture(shares, look)
    room = look.width - PICTURE_WIDTH - GAP
    is_beside = room >= LEAST_COLUMN
    room = room if is_beside else look.width
    count = max(1, min(len(runs), MOST_COLUMNS, (room + GAP) // (LEAST_COLUMN + GAP)))
    width = max(LEAST_COLUMN, (room + GAP) // count - GAP)
    barred = list(runs.values())[:count]
    columns = [_column(run, probabilities[run.run], width, look) for run in barred]
    others = [_verdict(run, probabilities[run.run]) for run in list(runs.values())[count:]]
    if is_beside:
        lines = _side_by_side([(PICTURE_WIDTH, drawn), *((width, column) for column in columns)])
    else:
        lines = [*drawn, Strip.blank(0), *_side_by_side([(width, column) for column in columns])]
    return [*lines, *(_text(line, look.width) for line in others)]


def sigmoid_note(classes: int, look: Look) -> str:
    """Return why a sigmoid head is never sure, on lines of the look's width."""
    text = (
        f"A sigmoid head puts out values between 0 and 1, so it gives none of {classes} classes more than "
        f"{100 * most_probable(SIGMOID, classes):.1f} %: its bars are full there."
    )
    return textwrap.fill(text, max(20, look.width))


def most_probable(head: str, classes: int) -> float:
    """Return the probability that a head can give a class at most."""
    import math

    return math.exp(-loss_floor(classes)) if head == SIGMOID else 1.0


def _picture(shares: np.ndarray, look: Look) -> list[Strip]:
    import numpy as np

    # Black as the model sees it, whatever the terminal's own background is.
    inks = grey_inks(True, BLACK, has_color=look.has_color, has_blocks=not look.is_ascii)
    width, height = fitted((shares.shape[0], shares.shape[1]), min(PICTURE_WIDTH, look.width), PICTURE_HEIGHT)
    return picture(np.clip(shares, 0, 1), width, height, inks)


def _column(run: ParametersSnapshot, probabilities: np.ndarray, width: int, look: Look) -> list[Strip]:
    """Return the bars of one run under its name."""
    import numpy as np

    winner = int(probabilities.argmax())
    shown = np.arange(len(probabilities))
    if len(shown) > MOST_CLASSES:
        shown = np.sort(np.argsort(-probabilities, kind="stable")[:MOST_CLASSES])
    digits = len(str(shown[-1]))
    most = most_probable(run.head, len(probabilities))
    heading = [_text(f"run {run.run}  {run.head}: {winner}", width, is_strong=True)]
    heading.append(_text(f"epoch {run.epoch:,}{_tie(probabilities)}", width))
    bars = []
    for number in shown:
        mark = ">" if number == winner else " "
        name, figure = f"{mark} {number:>{digits}} ", f"{100 * probabilities[number]:6.1f} %"
        bar = _bar(probabilities[number] / most, width - len(name) - len(figure), look.is_ascii)
        bars.append(_bar_line(name, bar, figure, look.has_color, number == winner))
    left_out = len(probabilities) - len(shown)
    return [*heading, *bars, *([_text(f"and {left_out:,} classes less likely", width)] if left_out else [])]


def _bar_line(name: str, bar: str, figure: str, has_color: bool, is_winner: bool) -> Strip:
    strong = Style(bold=is_winner)
    color = paint(ON_DARK[1 if is_winner else 0], None) if has_color else Style.null()
    return Strip([Segment(name, strong), Segment(bar, color), Segment(figure, strong)])


def _bar(share: float, width: int, is_ascii: bool) -> str:
    share = min(max(float(share), 0.0), 1.0)
    if is_ascii:
        return ("#" * round(share * width)).ljust(width)
    eighths = round(share * width * 8)
    rest = EIGHTHS[eighths % 8] if eighths % 8 else ""
    return ("█" * (eighths // 8) + rest).ljust(width)


def _tie(probabilities: np.ndarray) -> str:
    """Return which classes are as likely as the predicted one, which is the first of them."""
    import numpy as np

    _, *others = np.flatnonzero(probabilities == probabilities.max())
    if not others:
        return ""
    return f", tie with {others[0]}" + (f" and {len(others) - 1} more" if len(others) > 1 else "")


def _verdict(run: ParametersSnapshot, probabilities: np.ndarray) -> str:
    winner = int(probabilities.argmax())
    return (
        f"run {run.run}  {run.head}: {winner}  {100 * probabilities[winner]:.1f} %  "
        f"epoch {run.epoch:,}{_tie(probabilities)}"
    )


def _text(text: str, width: int, *, is_strong: bool = False) -> Strip:
    return Strip([Segment(text[:width], Style(bold=is_strong))])


def _side_by_side(blocks: list[tuple[int, list[Strip]]]) -> list[Strip]:
    return list(_joined(blocks))


def _joined(blocks: list[tuple[int, list[Strip]]]) -> Iterator[Strip]:
    """Yield the lines of blocks of given widths, a gap between them."""
    for at in range(max(len(lines) for _, lines in blocks)):
        parts = [
            (lines[at] if at < len(lines) else Strip.blank(0)).adjust_cell_length(width)
            for width, lines in blocks
        ]
        gaps = [Strip.blank(GAP)] * (len(parts) - 1)
        yield Strip.join([part for pair in zip(parts, [*gaps, Strip.blank(0)], strict=True) for part in pair])
