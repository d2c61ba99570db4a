"""The lines above the plot: title, y axis name, notes, and the current values of as many runs as fit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from rich.style import Style

from logreg_tui.core.analysis.drawn_metrics import ACCURACY, LOSS, METRIC_COLUMNS, TITLES
from logreg_tui.core.training.history import RunHistory
from logreg_tui.tui.widgets.cells import Cells, ink
from logreg_tui.tui.widgets.chart_style import ChartStyle, curve_mark

BEST_RUNS = 3
HEAD_START = 0.005
"""Share of its value by which a run must be better than one of the best to take its place."""
VALUE_WIDTH = 6
NOTES_SHARE = 0.62
"""Share of the width that long notes may take; beyond, they are said in short."""
GAP = 2
NARROW = 32

Entry = list[tuple[str, Style]]
Values = tuple[float, float]
"""Of a metric: train and test."""
UNKNOWN: Values = (math.nan, math.nan)


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


def newest_values(runs: Iterable[RunHistory], metric: str = LOSS) -> dict[int, Values]:
    """Return train and test value of each run's newest row, by the number of the run."""
    train, test = METRIC_COLUMNS[metric]
    return {run.number: (getattr(run.last, train), getattr(run.last, test)) for run in runs if run.last}


def best_runs(
    runs: Sequence[RunHistory], values: Mapping[int, Values], metric: str, before: Sequence[int] = ()
) -> tuple[int, ...]:
    """Return the runs with the best test values, the best first; those of `before` have a head start."""
    sign = -1.0 if metric == ACCURACY else 1.0

    def rank(number: int) -> float:
        value = sign * values[number][1]
        return value - HEAD_START * abs(value) * (number in before)

    able = [
        run.number
        for run in runs
        if run.status != "diverged" and math.isfinite(values.get(run.number, UNKNOWN)[1])
    ]
    return tuple(sorted(able, key=rank)[:BEST_RUNS])


def draw_header(
    cells: Cells,
    runs: Sequence[RunHistory],
    losses: Mapping[int, Values],
    selected: int | None,
    style: ChartStyle,
    lines: int,
    *,
    metric: str = LOSS,
    notes: Sequence[tuple[str, str]] = (),
    best: Sequence[int] = (),
    thin: Sequence[int] = (),
    earlier: Sequence[tuple[str, float]] = (),
) -> None:
    """Write title, axis name, notes (long and short) and a legend into the first `lines` rows.

    `losses` are the values of the metric. Of many runs the selected one and the best are named,
    the `thin` ones in the colour of their dim curve; of earlier experiments name and last value.
    """
    names = [*TITLES[metric]][:lines] if cells.width >= NARROW else [""] * min(2, lines)
    for y, name in enumerate(names):
        cells.put(0, y, name, ink(None, bold=y == 0))
    rooms = [cells.width - (len(names[y]) + 3 if y < len(names) else 0) for y in range(lines)]
    rooms[-1 if lines < 2 else 1] -= draw_notes(cells, len(names) - 1, len(names[-1]), notes, style)
    fitting = _fitting(runs, losses, selected, style, rooms, best, frozenset(thin), _earlier(earlier, style))
    for y, entries in enumerate(fitting):
        x = cells.width - _width(entries)
        for text, ink_style in (span for entry in entries for span in [*entry, (" " * GAP, ink(None))]):
            cells.put(x, y, text, ink_style)
            x += len(text)


def draw_notes(cells: Cells, y: int, x: int, notes: Sequence[tuple[str, str]], style: ChartStyle) -> int:
    """Write what must be said of the picture from column `x` of a line on; return the columns taken."""
    if not notes:
        return 0
    separator = style.pick(" · ", ", ")
    texts = [separator.join(note[short] for note in notes) for short in (0, 1)]
    text = texts[0] if x + len(texts[0]) + GAP <= NOTES_SHARE * cells.width else texts[1]
    gap = GAP if x else 0
    cells.put(x + gap, y, text, style.shade(0.85))
    return len(text) + gap


def _earlier(earlier: Sequence[tuple[str, float]], style: ChartStyle) -> list[list[Entry]]:
    """Return the entries of earlier experiments, the most telling first."""
    if not earlier:
        return []
    grey = ink(style.dim_color(0))
    swatch = style.pick("┈", "'")
    full: list[Entry] = [
        [(f"{swatch}e{at} ", grey), (f"{name} {loss_text(value)}", style.muted)]
        for at, (name, value) in enumerate(earlier, start=1)
    ]
    return [full, [[(f"{swatch}e ", grey), (f"{len(earlier)} earlier, test", style.muted)]]]


def _fitting(
    runs: Sequence[RunHistory],
    losses: Mapping[int, Values],
    selected: int | None,
    style: ChartStyle,
    rooms: Sequence[int],
    best: Sequence[int],
    thin: frozenset[int],
    earlier: Sequence[list[Entry]],
) -> list[list[Entry]]:
    """Return the lines of the most telling legend that fits."""
    has_marks = style.marks_curves(len(runs))
    full = [] if thin else [entry for run in runs for entry in _full(run, losses, selected, style, has_marks)]
    digits = len(str(max(run.number for run in runs)))
    short = {run.number: _short(run, losses, selected, style, has_marks, digits, thin) for run in runs}
    key: Entry = [(style.pick("━ train ┅ test", "- train . test"), style.muted)]
    for own in filter(None, (full, [key, *short.values()], [*short.values()])):
        for behind in [*earlier, []]:
            lines = _flow([*own, *behind], rooms)
            if lines is not None:
                return lines
    first = [number for number in dict.fromkeys([selected, *best]) if number in short]
    ordered = [short.pop(number) for number in first if number is not None] + list(short.values())
    few = earlier[-1:] or [[]]
    for count in range(len(ordered) - 1, 0, -1):
        rest: Entry = [(f"+{len(ordered) - count} more", style.muted)]
        lines = _flow([*ordered[:count], rest, *few[0]], rooms)
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
    run: RunHistory, losses: Mapping[int, Values], selected: int | None, style: ChartStyle, has_marks: bool
) -> list[Entry]:
    space = "" if has_marks else " "
    values = zip((False, True), ("train", "test"), losses.get(run.number, UNKNOWN), strict=True)
    return [
        [
            _swatch(run, is_test, style, has_marks),
            (f"{space}{run.number} {name} {loss_text(value)}", _text(run, selected)),
        ]
        for is_test, name, value in values
    ]


def _short(
    run: RunHistory,
    losses: Mapping[int, Values],
    selected: int | None,
    style: ChartStyle,
    has_marks: bool,
    digits: int,
    thin: frozenset[int],
) -> Entry:
    train, test = (loss_text(value) for value in losses.get(run.number, UNKNOWN))
    text = _text(run, selected)
    if run.number in thin:
        dim = ink(style.dim_color(run.number))
        return [(f"{run.number:{digits}} ", style.muted), (style.pick("┈", "."), dim), (test, style.muted)]
    return [
        (f"{run.number:{digits}} ", text),
        _swatch(run, False, style, has_marks),
        (f"{train} ", text),
        _swatch(run, True, style, has_marks),
        (test, text),
    ]


def _text(run: RunHistory, selected: int | None) -> Style:
    return ink(None, bold=run.number == selected)


def _swatch(run: RunHistory, is_test: bool, style: ChartStyle, has_marks: bool) -> tuple[str, Style]:
    line = style.pick("┅" if is_test else "━", "." if is_test else "-")
    text = f"{line}{curve_mark(run.number, is_test)}{line} " if has_marks else line
    return text, ink(style.color(run.number, is_test))
