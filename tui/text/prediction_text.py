"""Predictions for a picture as lines for a terminal.

The picture stands at the left, the bars of some runs beside it, the other runs below in one line each.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from logreg_tui.core.heads import SIGMOID, loss_floor
from logreg_tui.core.text import class_name
from logreg_tui.core.training.snapshots import ParametersSnapshot
from logreg_tui.tui.widgets.cells import ink, longest_name, name_cells
from logreg_tui.tui.widgets.chart_style import ChartStyle
from logreg_tui.tui.widgets.palette import BLACK
from logreg_tui.tui.widgets.pictures import fitted, grey_inks, picture
from logreg_tui.tui.widgets.spans import beside

PICTURE_WIDTH = 28
PICTURE_HEIGHT = 14
GAP = 2
LEAST_COLUMN = 22
MOST_COLUMNS = 4
MOST_NAME = 12
"""Cells of the name of a class."""
MOST_CLASSES = 20
"""If there are more, the likeliest classes are shown."""
EIGHTHS = " ▏▎▍▌▋▊▉█"


def prediction_lines(
    shares: np.ndarray,
    runs: Mapping[int, ParametersSnapshot],
    probabilities: Mapping[int, np.ndarray],
    width: int,
    *,
    has_color: bool,
    ascii_only: bool,
    class_names: Sequence[str] = (),
) -> list[Strip]:
    """Return lines of at most `width` cells; they are wider if that is less than LEAST_COLUMN.

    `shares` are the pixels from background to ink, shape (rows, columns), 0..1; `probabilities` are those
    of each run, shape (classes,).
    """
    # Black as the model sees it, whatever the terminal's own background is.
    style = ChartStyle(True, not has_color, ascii_only, BLACK)
    rows, columns = shares.shape
    size = fitted((rows, columns), min(PICTURE_WIDTH, width), PICTURE_HEIGHT)
    drawn = picture(np.clip(shares, 0, 1), *size, grey_inks(style))
    room = width - PICTURE_WIDTH - GAP
    is_beside = room >= LEAST_COLUMN
    room = room if is_beside else width
    count = max(1, min(len(runs), MOST_COLUMNS, (room + GAP) // (LEAST_COLUMN + GAP)))
    column = max(LEAST_COLUMN, (room + GAP) // count - GAP)
    barred = list(runs.values())[:count]
    blocks = [_column(run, probabilities[run.run], column, style, class_names) for run in barred]
    others = [_verdict(run, probabilities[run.run], class_names) for run in list(runs.values())[count:]]
    if is_beside:
        lines = beside([[line.adjust_cell_length(PICTURE_WIDTH) for line in drawn], *blocks], GAP)
    else:
        lines = [*drawn, Strip.blank(0), *beside(blocks, GAP)]
    return [*lines, *(_text(line, width) for line in others)]


def sigmoid_note(classes: int, width: int) -> str:
    """Return why a sigmoid head is never sure, on lines of this width."""
    text = (
        f"A sigmoid head puts out values between 0 and 1, so it gives none of {classes} classes more than "
        f"{100 * most_probable(SIGMOID, classes):.1f} %: its bars are full there."
    )
    return textwrap.fill(text, max(20, width))


def most_probable(head: str, classes: int) -> float:
    """Return the probability that a head can give a class at most: exp(-loss_floor) for a sigmoid."""
    return math.exp(-loss_floor(classes)) if head == SIGMOID else 1.0


def _column(
    run: ParametersSnapshot,
    probabilities: np.ndarray,
    width: int,
    style: ChartStyle,
    class_names: Sequence[str],
) -> list[Strip]:
    """Return the bars of one run under its name, all `width` cells wide."""
    winner = int(probabilities.argmax())
    shown = np.arange(len(probabilities))
    if len(shown) > MOST_CLASSES:
        shown = np.sort(np.argsort(-probabilities, kind="stable")[:MOST_CLASSES])
    digits = longest_name(class_names, MOST_NAME) if class_names else len(str(shown[-1]))
    most = most_probable(run.head, len(probabilities))
    title = f"run {run.run}  {run.head}: {class_name(class_names, winner)}"
    heading = [_text(title, width, is_strong=True)]
    heading.append(_text(f"epoch {run.epoch:,}{_tie(probabilities, class_names)}", width))
    bars = []
    for number in shown:
        is_winner = number == winner
        strong = Style(bold=is_winner)
        color = ink(style.color(2 if is_winner else 1, False))
        label = name_cells(
            class_name(class_names, int(number)), digits, style.ascii_only, at_right=not class_names
        )
        name = f"{'>' if is_winner else ' '} {label} "
        figure = f"{100 * probabilities[number]:6.1f} %"
        bar = _bar(
            float(probabilities[number] / most), width - cell_len(name) - len(figure), style.ascii_only
        )
        bars.append(Strip([Segment(name, strong), Segment(bar, color), Segment(figure, strong)]))
    left_out = len(probabilities) - len(shown)
    rest = [_text(f"and {left_out:,} classes less likely", width)] if left_out else []
    return [line.adjust_cell_length(width) for line in (*heading, *bars, *rest)]


def _bar(share: float, width: int, is_ascii: bool) -> str:
    share = min(max(share, 0.0), 1.0)
    if is_ascii:
        return ("#" * round(share * width)).ljust(width)
    eighths = round(share * width * 8)
    rest = EIGHTHS[eighths % 8] if eighths % 8 else ""
    return ("█" * (eighths // 8) + rest).ljust(width)


def _tie(probabilities: np.ndarray, class_names: Sequence[str]) -> str:
    """Return which classes are as likely as the predicted one, which is the first of them."""
    _, *others = np.flatnonzero(probabilities == probabilities.max())
    if not others:
        return ""
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    return f", tie with {class_name(class_names, int(others[0]))}{more}"


def _verdict(run: ParametersSnapshot, probabilities: np.ndarray, class_names: Sequence[str]) -> str:
    winner = int(probabilities.argmax())
    return (
        f"run {run.run}  {run.head}: {class_name(class_names, winner)}  "
        f"{100 * probabilities[winner]:.1f} %  epoch {run.epoch:,}{_tie(probabilities, class_names)}"
    )


def _text(text: str, width: int, *, is_strong: bool = False) -> Strip:
    return Strip([Segment(text, Style(bold=is_strong))]).crop(0, width)
