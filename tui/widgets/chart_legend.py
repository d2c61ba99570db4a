"""The lines above the plot: title, y axis name, and the current losses of as many runs as fit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from rich.style import Style

from logreg_tui.core.history import RunHistory
from logreg_tui.tui.widgets.chart_cells import Cells, ink
from logreg_tui.tui.widgets.chart_look import Look, curve_mark

TITLE = "Loss Comparison"
Y_NAME = "Loss Value"
VALUE_WIDTH = 6
GAP = 2
NARROW = 32

Entry = list[tuple[str, Style]]
Losses = tuple[float, float]
"""Train and test loss of a run."""
UNKNOWN: Losses = (math.nan, math.nan)


def loss_text(value: float) -> str:
    """Return a loss in six columns whatever it is, so that nothing beside it moves."""
    texts = (f"{value:.{digits}f}" for digits in (4, 3, 2, 1, 0))
    text = next(
        (text for text in texts if len(text) <= VALUE_WIDTH),
        f"{value:.0e}".replace("e+0", "e").replace("e+", "e"),
    )
    return text.rjust(VALUE_WIDTH) if math.isfinite(value) else f"{value:.0f}".rjust(VALUE_WIDTH)


def header_height(runs: int, height: int) -> int:
    """Return the lines the header takes of a chart of `height` lines."""
    if height < 9:
        return 1
    return 2 + (runs > 4 and height >= 16) + (runs > 8 and height >= 28)


def newest_losses(runs: Iterable[RunHistory]) -> dict[int, Losses]:
    """Return train and test loss of each run's newest row, by the number of the run."""
    return {run.number: (run.last.train_loss, run.last.test_loss) for run in runs if run.last is not None}


def draw_header(
    cells: Cells,
    runs: Sequence[RunHistory],
    losses: Mapping[int, Losses],
    selected: int | None,
    look: Look,
    lines: int,
) -> None:
    """Write title, axis name and a legend with these losses into the first `lines` rows."""
    names = [TITLE, Y_NAME][:lines] if cells.width >= NARROW else []
    for y, name in enumerate(names):
        cells.put(0, y, name, ink(None, bold=y == 0))
    rooms = [cells.width - (len(names[y]) + 3 if y < len(names) else 0) for y in range(lines)]
    for y, entries in enumerate(_fitting(runs, losses, selected, look, rooms)):
        x = cells.width - _width(entries)
        for text, style in (span for entry in entries for span in [*entry, (" " * GAP, ink(None))]):
            cells.put(x, y, text, style)
            x += len(text)


def _fitting(
    runs: Sequence[RunHistory],
    losses: Mapping[int, Losses],
    selected: int | None,
    look: Look,
    rooms: Sequence[int],
) -> list[list[Entry]]:
    """Return the lines of the most telling legend that fits."""
    has_marks = look.marks_curves(len(runs))
    full = [entry for run in runs for entry in _full(run, losses, selected, look, has_marks)]
    lines = _flow(full, rooms)
    if lines is not None:
        return lines
    digits = len(str(max(run.number for run in runs)))
    short = {run.number: _short(run, losses, selected, look, has_marks, digits) for run in runs}
    key: Entry = [(look.pick("━ train ┅ test", "- train . test"), look.muted)]
    for entries in ([key, *short.values()], list(short.values())):
        lines = _flow(entries, rooms)
        if lines is not None:
            return lines
    first = [short.pop(selected)] if selected in short else []
    ordered = first + list(short.values())
    for count in range(len(ordered) - 1, 0, -1):
        rest: Entry = [(f"+{len(ordered) - count} more", look.muted)]
        lines = _flow([*ordered[:count], rest], rooms)
        if lines is not None:
            return lines
    return _flow(ordered[:1], rooms) or []


def _flow(entries: Sequence[Entry], rooms: Sequence[int]) -> list[list[Entry]] | None:
    """Fill lines of the given widths in order; None where the entries do not fit."""
    lines: list[list[Entry]] = [[] for _ in rooms]
    y = 0
    for entry in entries:
        while y < len(rooms) and _width([*lines[y], entry]) > rooms[y]:
            y += 1
        if y == len(rooms):
            return None
        lines[y].append(entry)
    return lines


def _width(entries: Sequence[Entry]) -> int:
    return sum(len(text) for entry in entries for text, _ in entry) + GAP * max(0, len(entries) - 1)


def _full(
    run: RunHistory, losses: Mapping[int, Losses], selected: int | None, look: Look, has_marks: bool
) -> list[Entry]:
    space = "" if has_marks else " "
    values = zip((False, True), ("train", "test"), losses.get(run.number, UNKNOWN), strict=True)
    return [
        [
            _swatch(run, is_test, look, has_marks),
            (f"{space}{run.number} {name} {loss_text(value)}", _text(run, selected)),
        ]
        for is_test, name, value in values
    ]


def _short(
    run: RunHistory,
    losses: Mapping[int, Losses],
    selected: int | None,
    look: Look,
    has_marks: bool,
    digits: int,
) -> Entry:
    train, test = (loss_text(value) for value in losses.get(run.number, UNKNOWN))
    text = _text(run, selected)
    return [
        (f"{run.number:{digits}} ", text),
        _swatch(run, False, look, has_marks),
        (f"{train} ", text),
        _swatch(run, True, look, has_marks),
        (test, text),
    ]


def _text(run: RunHistory, selected: int | None) -> Style:
    return ink(None, bold=run.number == selected)


def _swatch(run: RunHistory, is_test: bool, look: Look, has_marks: bool) -> tuple[str, Style]:
    line = look.pick("┅" if is_test else "━", "." if is_test else "-")
    text = f"{line}{curve_mark(run.number, is_test)}{line} " if has_marks else line
    return text, ink(look.color(run.number, is_test))
