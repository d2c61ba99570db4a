"""The lines above the plot: title, y axis name, notes, and the current values of as many runs as fit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rich.style import Style

from logreg_tui.core.analysis.drawn_metrics import ACCURACY, LOSS, METRIC_COLUMNS, TITLES
from logreg_tui.core.training.history import RunHistory
from logreg_tui.tui.widgets.cells import Cells, ink, plain_text
from logreg_tui.tui.widgets.chart_style import ChartStyle, curve_mark
from logreg_tui.tui.widgets.curves.seeds import SeedMean
from logreg_tui.tui.widgets.run_names import run_names

BEST_RUNS = 3
HEAD_START = 0.005
"""Share of its value by which a run must be better than one of the best to take its place."""
VALUE_WIDTH = 6
NOTES_SHARE = 0.62
"""Share of the width that long notes may take; beyond, the short ones are written."""
GAP = 2
NARROW = 32
ROOMY, SECOND_ROOMY = 11, 12
"""Lines from which a chart has a header of two, and one under another chart."""
NAMED = 2
"""The highest level of a legend whose runs have names."""
WAYS = 6
"""Levels of legends that have all runs."""

LegendEntry = list[tuple[str, Style]]
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


def header_height(runs: int, height: int, *, is_second: bool = False) -> int:
    """Return the lines the header takes of a chart of `height` lines."""
    if height < (SECOND_ROOMY if is_second else ROOMY):
        return 1
    return 2 + (runs > 2 and height >= 16) + (runs > 8 and height >= 28)


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
    cells: Cells, legend: Legend, lines: int, *, metric: str = LOSS, notes: Sequence[tuple[str, str]] = ()
) -> None:
    """Write title, name of the y axis, notes (long and short) and a legend into the first `lines` rows.

    Notes are short, and left out, before the runs lose their names; so is the second word of a lone title.
    """
    width, titles = cells.width, [*TITLES[metric]][:lines]
    if width < NARROW:
        titles = [""] * min(2, lines)
    texts = note_texts(notes, len(titles[-1]), width, legend.style)
    found = [_Header(titles, text, legend, lines, width) for text in texts]
    best = min(found, key=lambda header: header.level)
    if best.level > NAMED and not legend.thin:
        shorter = [titles[0].split(" ")[0]] if lines == 1 else titles
        named = (_Header(shorter, text, legend, lines, width) for text in dict.fromkeys([texts[-1], ""]))
        best = next((header for header in named if header.level <= NAMED), best)
    best.draw(cells)


class _Header:
    """A way to fill the lines above a plot."""

    def __init__(self, titles: Sequence[str], notes: str, legend: Legend, lines: int, width: int) -> None:
        self._titles, self._notes, self._style = titles, notes, legend.style
        self._notes_at = len(titles[-1]) + (GAP if titles[-1] else 0)
        rooms = [width - (len(titles[y]) + 3 if y < len(titles) else 0) for y in range(lines)]
        rooms[len(titles) - 1] -= len(notes) + GAP if notes else 0
        self.level, self._entries = legend.lines(rooms)
        """The lower, the more the legend tells."""

    def draw(self, cells: Cells) -> None:
        for y, title in enumerate(self._titles):
            cells.put(0, y, title, ink(None, bold=y == 0))
        cells.put(self._notes_at, len(self._titles) - 1, self._notes, self._style.shade(0.85))
        for y, entries in enumerate(self._entries):
            x = cells.width - _width(entries)
            for text, style in (span for entry in entries for span in [*entry, (" " * GAP, ink(None))]):
                cells.put(x, y, text, style)
                x += len(text)


def note_texts(notes: Sequence[tuple[str, str]], x: int, width: int, style: ChartStyle) -> list[str]:
    """Return the notes as texts from column `x` of `width` on: long if there is room, and short."""
    separator = style.pick(" · ", ", ")
    long, short = (separator.join(note[at] for note in notes) for at in (0, 1))
    return [long, short] if x + len(long) + GAP <= NOTES_SHARE * width and long != short else [short]


def draw_notes(cells: Cells, x: int, notes: Sequence[tuple[str, str]], style: ChartStyle) -> None:
    """Write notes on the picture into the first line, from column `x` on."""
    cells.put(x + GAP, 0, note_texts(notes, x, cells.width, style)[0], style.shade(0.85))


@dataclass(slots=True)
class Legend:
    """The newest values of a metric, of as many runs as fit: the selected one and the best come first."""

    runs: Sequence[RunHistory]
    values: Mapping[int, Values]
    """By the number of the run."""
    selected: int | None
    style: ChartStyle
    best: Sequence[int] = ()
    thin: Sequence[int] = ()
    """Runs drawn as a dim test curve: they are named in its colour, with the test value alone."""
    earlier: Sequence[tuple[str, float]] = ()
    """Names and last test values of runs of earlier experiments."""
    undrawn: int = 0
    """The number of further runs, which have no curve."""
    _number_width: int = field(init=False)
    _has_marks: bool = field(init=False)

    def __post_init__(self) -> None:
        numbers = [run.number for run in self.runs]
        self._number_width = len(str(max(numbers, default=0)))
        self._has_marks = self.style.marks_curves(numbers)

    def lines(self, rooms: Sequence[int]) -> tuple[int, list[list[LegendEntry]]]:
        """Return the lines of the most telling legend that fits into lines of these widths, and its level.

        The lower the level, the more it tells; up to NAMED the runs have their names.
        """
        if not self.undrawn and (found := self._of_all(rooms)) is not None:
            return found
        runs = len(self.runs) + self.undrawn
        leading = [number for number in (self.selected, *self.best) if number is not None]
        rank = {number: at for at, number in reversed([*enumerate(leading)])}
        ordered = sorted(self.runs, key=lambda run: rank.get(run.number, len(leading)))
        short = [self._short(run) for run in ordered]
        earlier = self._earlier()
        few = earlier[-1] if earlier else []
        for count in range(min(len(short), runs - 1), 0, -1):
            rest: LegendEntry = [(f"+{runs - count:,} more", self.style.muted)]
            filled = _flow([*short[:count], rest, *few], rooms)
            if filled is not None:
                return WAYS + runs - count, filled
        return WAYS + runs, _flow(short[:1], rooms) or []

    def _of_all(self, rooms: Sequence[int]) -> tuple[int, list[list[LegendEntry]]] | None:
        """Return the lines of the most telling legend that has all runs, and its level; None if none fits."""
        short = [self._short(run) for run in self.runs]
        full: list[LegendEntry] = []
        named, bare = full, full
        if not self.thin:
            names = run_names(self.runs, plain_text("λ", self.style.ascii_only))
            full = [self._full(run, names) for run in self.runs]
            named = [self._short(run, names) for run in self.runs]
            bare = [self._full(run, {}) for run in self.runs]
        key: LegendEntry = [
            (self.style.pick(f"━ train {self._test_line} test", "- train . test"), self.style.muted)
        ]
        earlier = self._earlier()
        ways = (full, [key, *named] if named else [], named, bare, [key, *short], short)
        for level, own in enumerate(ways):
            for behind in [*earlier, []] if own else []:
                filled = _flow([*own, *behind], rooms)
                if filled is not None:
                    return level, filled
        return None

    def _earlier(self) -> list[list[LegendEntry]]:
        """Return the entries of earlier experiments, the most telling first."""
        if not self.earlier:
            return []
        grey, muted = ink(self.style.dim_color(0)), self.style.muted
        swatch = self.style.pick("┈", "'")
        full: list[LegendEntry] = [
            [(f"{swatch}e{at} ", grey), (f"{name} {loss_text(value)}", muted)]
            for at, (name, value) in enumerate(self.earlier, start=1)
        ]
        return [full, [[(f"{swatch}e ", grey), (f"{len(self.earlier)} earlier, test", muted)]]]

    def _full(self, run: RunHistory, names: Mapping[int, str]) -> LegendEntry:
        space = "" if self._has_marks else " "
        train, test = (loss_text(value) for value in self.values.get(run.number, UNKNOWN))
        text = self._text_style(run)
        return [
            self._swatch(run, False),
            (f"{space}{self._name(run, names)} train {train}  ", text),
            self._swatch(run, True),
            (f"{space}test {test}", text),
        ]

    def _name(self, run: RunHistory, names: Mapping[int, str]) -> str:
        seeds = f" mean of {run.seeds}" if isinstance(run, SeedMean) else ""
        return f"{run.number} {names.get(run.number, '')}".strip() + seeds

    def _short(self, run: RunHistory, names: Mapping[int, str] | None = None) -> LegendEntry:
        train, test = (loss_text(value) for value in self.values.get(run.number, UNKNOWN))
        number = f"{run.number:{self._number_width}} "
        name = "" if names is None else f"{names[run.number]} "
        if run.number in self.thin:
            dim, muted = ink(self.style.dim_color(run.number)), self.style.muted
            return [(number, muted), (self.style.pick("┈", "."), dim), (test, muted)]
        text = self._text_style(run)
        return [
            (number + name, text),
            self._swatch(run, False),
            (f"{train} ", text),
            self._swatch(run, True),
            (test, text),
        ]

    @property
    def _test_line(self) -> str:
        """The line of test curves, dashed where colours do not tell it from the other one."""
        return "┅" if self.style.marks_lines else "─"

    def _text_style(self, run: RunHistory) -> Style:
        return ink(None, bold=run.number == self.selected)

    def _swatch(self, run: RunHistory, is_test: bool) -> tuple[str, Style]:
        line = self.style.pick(self._test_line if is_test else "━", "." if is_test else "-")
        text = f"{line}{curve_mark(run.number, is_test)}{line} " if self._has_marks else line
        return text, ink(self.style.color(run.number, is_test))


def _flow(entries: Sequence[LegendEntry], rooms: Sequence[int]) -> list[list[LegendEntry]] | None:
    """Fill lines of the given widths in order; None if the entries do not fit."""
    lines: list[list[LegendEntry]] = [[] for _ in rooms]
    y = taken = 0
    for entry in entries:
        width = _width([entry])
        while y < len(rooms) and taken + width > rooms[y]:
            y, taken = y + 1, 0
        if y == len(rooms):
            return None
        lines[y].append(entry)
        taken += width + GAP
    return lines


def _width(entries: Sequence[LegendEntry]) -> int:
    return sum(len(text) for entry in entries for text, _ in entry) + GAP * max(0, len(entries) - 1)
