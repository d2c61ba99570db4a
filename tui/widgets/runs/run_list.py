"""The list of runs: one line each, in the colour of its curves; many runs are grouped and can be filtered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from logreg_tui.core.analysis.diagnostics import EXPLODED
from logreg_tui.tui.number_format import shorten
from logreg_tui.tui.run_filter import RunTest, run_filter
from logreg_tui.tui.theme import Glyphs
from logreg_tui.tui.widgets.cells import ink
from logreg_tui.tui.widgets.chart_style import ChartStyle, curve_mark
from logreg_tui.tui.widgets.few_colors import system_of
from logreg_tui.tui.widgets.palette import run_color
from logreg_tui.tui.widgets.runs.run_groups import (
    FEW,
    Heading,
    RunEntry,
    RunLine,
    ValueFormat,
    arrange,
    best_accuracy,
)
from logreg_tui.tui.widgets.scrolling_lines import PAGE_OVERLAP, ScrollingLines, first_in_view
from logreg_tui.tui.widgets.spans import Span
from logreg_tui.tui.widgets.sparkline import sparkline, trend

WIDE = 30
"""Cells from which the values have their names."""
ACCURACY_WIDTH = 6
LEAST_TREND, MOST_TREND = 5, 24
"""Cells of a run's small curve."""
FIGURES_WIDTH = ACCURACY_WIDTH + LEAST_TREND + 1
TITLED = 24
"""Lines of the terminal from which the values of few runs stand under their names."""
TITLE = "Runs"
KEYS_HINT = "/ filter  p pin"
NO_MATCH = Heading(("no run matches",))
BOLD = Style(bold=True)


class RunList(ScrollingLines, inherit_bindings=False):
    """Shows the runs; the cursor is on the selected one. Only lines in view are ever made."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "cursor_up", "Run above", show=False),
        Binding("down", "cursor_down", "Run below", show=False),
        Binding("home", "first_run", "First run", show=False),
        Binding("end", "last_run", "Last run", show=False),
        Binding("pageup", "move_pages(-1)", "Page up", show=False),
        Binding("pagedown", "move_pages(1)", "Page down", show=False),
        Binding("p", "pin", "Pin the run", show=False),
    ]
    KEYS: ClassVar[tuple[tuple[str, str], ...]] = (
        ("p", "Keep the selected run at the top, or let it go"),
        ("escape", "Show all runs again, if a filter hides some"),
    )
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"runs--{name}" for name in ("heading", "titles", "warning", "cursor")
    }
    DEFAULT_CSS = """
    RunList { width: 1fr; height: auto; }
    RunList > .runs--heading { text-style: bold; color: $text-muted; }
    RunList > .runs--titles { color: $text-muted; }
    RunList > .runs--warning { text-style: bold; color: $text-warning; }
    RunList > .runs--cursor { color: $foreground; background: $block-cursor-blurred-background; }
    RunList:focus > .runs--cursor {
        color: $block-cursor-foreground;
        background: $block-cursor-background;
        text-style: $block-cursor-text-style;
    }
    RunList:nocolor > .runs--cursor { text-style: bold underline; }
    RunList:nocolor:focus > .runs--cursor { text-style: bold reverse; }
    """

    @dataclass
    class Clicked(Message):
        """The user clicked on the colour of a run."""

        run: int

    @dataclass
    class Selected(Message):
        """The user chose another run."""

        run: int

    def __init__(self, *, glyphs: Glyphs, id: str | None = None) -> None:  # noqa: A002
        super().__init__(glyphs=glyphs, id=id)
        self.pinned: frozenset[int] = frozenset()
        """Numbers of the runs that stay at the top."""
        self.hidden_runs: frozenset[int] = frozenset()
        """Numbers of the runs that the chart does not show."""
        self._runs: Sequence[RunLine] = ()
        self._shown: Sequence[Heading | RunEntry] = ()
        self._places: dict[int, int] = {}
        """The line of each run that is shown."""
        self._arranged: tuple[object, ...] = ()
        """All that the lines were arranged from."""
        self._titles = ""
        """The names of the values of few runs."""
        self._selected: int | None = None
        self._filter = ""
        self._lets_through = run_filter("")
        self._number_width = self._words_width = 1
        self._has_marks = False
        """True if curves carry marks, because colours do not tell them apart."""

    def show(self, lines: Iterable[RunLine], text: str = "", lets_through: RunTest | None = None) -> None:
        """Show those of these runs that a filter lets through; only lines that changed are drawn again.

        `text` is what was typed of the filter.
        """
        self._runs, self._filter = list(lines), text
        self._lets_through = lets_through or run_filter("")
        self._number_width = max((len(str(run.number)) for run in self._runs), default=1)
        self._show_again()

    def select(self, run: int) -> None:
        """Put the cursor on a run without telling anyone; on none if the filter hides it."""
        before, self._selected = self.highlighted, run
        if self.highlighted != before:
            self._bring_into_view()
        self.redraw()

    @property
    def selected(self) -> int | None:
        """The number of the selected run, whether the filter lets it be shown or not."""
        return self._selected

    @property
    def highlighted(self) -> int | None:
        """The line of the selected run, None if it is not shown."""
        return None if self._selected is None else self._places.get(self._selected)

    def lets_through(self, run: RunLine) -> bool:
        """Return whether a run is shown: it is pinned, or matches the filter."""
        return run.number in self.pinned or self._lets_through(run.filtered)

    def on_resize(self) -> None:
        self._show_again()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return the lines that all of it would take."""
        return len(self.header()) + len(self._shown)

    # Keys and mouse

    def action_cursor_up(self) -> None:
        self._move(-1)

    def action_cursor_down(self) -> None:
        self._move(1)

    def action_first_run(self) -> None:
        self._choose(0, 1)

    def action_last_run(self) -> None:
        self._choose(len(self._shown) - 1, -1)

    def action_move_pages(self, pages: int) -> None:
        """Move the cursor by pages, of which a line stays in view."""
        at, step = self.highlighted or 0, pages * max(1, self._page() - PAGE_OVERLAP)
        self._choose(max(0, min(at + step, len(self._shown) - 1)), 1 if pages < 0 else -1)

    def action_pin(self) -> None:
        """Keep the selected run at the top, or let it go."""
        if self._selected is not None:
            self.pinned ^= {self._selected}
            self._show_again()

    def on_click(self, event: events.Click) -> None:
        """Select the run that was clicked on; on its colour, hide or show it."""
        offset = event.get_content_offset_capture(self)
        index = self.top + offset.y - len(self.header())
        if not 0 <= index < len(self._shown) or (self.overflows and offset.x == self.content_size.width - 1):
            return
        line = self._shown[index]
        if offset.x == 0 and isinstance(line, RunEntry):
            self.post_message(self.Clicked(line.run.number))
        elif isinstance(line, RunEntry):
            self._choose(index, 1)

    def _move(self, direction: int) -> None:
        """Select the next run, from the last one the first."""
        count, at = len(self._shown), self.highlighted
        start = (-1 if direction > 0 else count) if at is None else at
        self._choose((start + direction) % max(1, count), direction)

    def _choose(self, index: int, direction: int) -> None:
        """Select the run in a line, or the next one in a direction that is no heading."""
        count = len(self._shown)
        lines = (self._shown[(index + direction * step) % count] for step in range(count))
        entry = next((line for line in lines if isinstance(line, RunEntry)), None)
        if entry is not None and entry.run.number != self._selected:
            self.select(entry.run.number)
            self.post_message(self.Selected(entry.run.number))

    def _bring_into_view(self) -> None:
        """Scroll to the selected run, and to the heading right above it."""
        at = self.highlighted
        if at is not None:
            page = self._page()
            has_heading = page > 1 and at > 0 and isinstance(self._shown[at - 1], Heading)
            top = first_in_view(self.top, at, page, len(self._shown))
            self._top = min(top, at - 1) if has_heading else top

    # The lines

    def _show_again(self) -> None:
        before = self.highlighted
        basis = self._runs, self._filter, self.pinned, self.content_size.width
        if basis != self._arranged:
            self._arranged = basis
            self._arrange()
        if self.highlighted != before:
            self._bring_into_view()
        self._show_title()
        self.redraw()

    def _arrange(self) -> None:
        height = self.get_content_height(self.size, self.size, 0)
        lines: Sequence[Heading | RunEntry]
        if len(self._runs) <= FEW:
            lines = self._few()
        else:
            l2 = self.glyphs.l2
            # A digit would run into the value.
            short = ValueFormat(f"{l2}=" if l2[-1].isdigit() else l2, _short_number, "", "s")
            words = ValueFormat(l2) if self.content_size.width >= WIDE else short
            lines = arrange(self._runs, words, short, self.pinned, self._lets_through)
        self._shown = lines if lines or not self._runs else [NO_MATCH]
        self._places = {
            line.run.number: at for at, line in enumerate(self._shown) if isinstance(line, RunEntry)
        }
        texts = (" ".join(line.words) for line in self._shown if isinstance(line, RunEntry))
        self._words_width = max(map(len, texts), default=0)
        self._has_marks = self._style.marks_curves([run.number for run in self._runs])
        most = self.app.size.height
        if min(height, most) != min(self.get_content_height(self.size, self.size, 0), most):
            self.refresh(layout=True)

    def _few(self) -> list[RunEntry]:
        """Return few runs with their values, which stand in columns under their names."""
        pinned_first = sorted(self._runs, key=lambda run: run.number not in self.pinned)
        runs = [run for run in pinned_first if self.lets_through(run)]
        number: Callable[[float], str] = "{:g}".format if self.content_size.width >= WIDE else _short_number
        columns = [
            ("head", *(run.settings.head for run in runs)),
            (self.glyphs.l2, *(number(run.settings.l2) for run in runs)),
            ("lr", *(number(run.settings.learning_rate) for run in runs)),
        ]
        optimizers = {run.settings.optimizer for run in runs}
        if len(optimizers) > 1:
            is_named = len({optimizer.kind for optimizer in optimizers}) == len(optimizers)
            names = (run.settings.optimizer.kind if is_named else str(run.settings.optimizer) for run in runs)
            columns.append(("optim.", *names))
        room = self.content_size.width - self._number_width - 3
        while len(columns) > 1:
            # The columns that stay are those in which the runs differ: they are worth more than the curves.
            alike = [column for column in columns if len(set(column[1:])) == 1]
            figures = FIGURES_WIDTH if alike else ACCURACY_WIDTH + 1
            if sum(max(map(len, column)) + 1 for column in columns) + figures <= room:
                break
            columns.remove((alike or columns)[-1])
        widths = [max(map(len, column)) for column in columns]
        self._titles, *texts = (
            " ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True))
            for row in zip(*columns, strict=True)
        )
        best = best_accuracy(self._runs)
        return [
            RunEntry(run, (text,), 2 * (run.accuracy is not None and run.accuracy == best))
            for run, text in zip(runs, texts, strict=True)
        ]

    def header(self) -> Sequence[Strip]:
        """Return the names of the values of few runs."""
        if not self._places or len(self._runs) > FEW or self.app.size.height < TITLED:
            return ()
        title = f"{' ' * (self._number_width + 3)}{self._titles} {'test':<{ACCURACY_WIDTH}}"
        style = self.get_component_rich_style("runs--titles")
        return [self.strip([(title[: self.content_size.width], style)])]

    def line_count(self) -> int:
        return len(self._shown)

    def line(self, index: int) -> Strip:
        """Return a line: of a run its values, its accuracy at the right, reversed under the cursor."""
        line, room = self._shown[index], self.content_size.width - self.overflows
        if isinstance(line, Heading):
            return self.strip([(" ".join(line.words), self.get_component_rich_style("runs--heading"))])
        strip = self.strip(self._entry(line, room)).adjust_cell_length(room)
        if index != self.highlighted:
            return strip
        return strip.apply_style(self.get_component_rich_style("runs--cursor"))

    def _entry(self, entry: RunEntry, room: int) -> list[Span]:
        """Return the line of a run: the values no heading names, at the right its accuracy."""
        run, is_table = entry.run, len(self._runs) <= FEW
        color = ink(run_color(run.number, self.app.current_theme.dark))
        room -= 2
        words = f"{' '.join(entry.words):<{self._words_width}}"
        text = shorten(f"{self._label(run)}{words}", room, self.glyphs.dots)
        right = self._figures(run, room - len(text) - 1, entry.rank, color)
        gap = 1 if is_table else max(0, room - len(text) - sum(len(each) for each, _ in right))
        style = BOLD if entry.rank == 2 and not is_table else None
        return [(self._swatch(run.number), color), self._symbol(run), (f"{text}{' ' * gap}", style), *right]

    def _swatch(self, run: int) -> str:
        """Return what shows the colour of a run: the mark of its curve if that is not its number."""
        if run in self.hidden_runs:
            return self.glyphs.swatch_hidden
        mark = curve_mark(run, False)
        return mark if self._has_marks and mark != str(run) else self.glyphs.swatch

    @property
    def _style(self) -> ChartStyle:
        app = self.app
        return ChartStyle(app.current_theme.dark, app.no_color, self.glyphs.is_ascii, system=system_of(app))

    def _figures(self, run: RunLine, room: int, rank: int, color: Style) -> list[Span]:
        """Return accuracy, mark and curve of a run as far as they fit into `room` cells."""
        mark = self.glyphs.ranks[rank]
        accuracy = (
            ""
            if run.accuracy is None
            else f"{run.accuracy:.4f}"[0 if self.content_size.width >= WIDE else 1 :]
        )
        style = BOLD if rank == 2 else None
        cells = min(MOST_TREND, room - len(accuracy) - 1)
        if cells >= LEAST_TREND and accuracy:
            curve = sparkline(trend(run.accuracies), cells, self.glyphs.is_ascii)
            return [(f"{accuracy}{mark}", style), (curve, color)]
        texts = (f"{accuracy}{mark}", mark)
        return [(next((text for text in texts if len(text) <= room), ""), style)]

    def _label(self, run: RunLine) -> str:
        """Return the number of a run, and the mark of one that is pinned."""
        pin = " " if run.number not in self.pinned else "^" if self.glyphs.is_ascii else "↑"
        return f"{run.number:>{self._number_width}}{pin}"

    def _symbol(self, run: RunLine) -> Span:
        """Return the symbol of a run's state and its style: a warning for a loss that exploded."""
        if run.verdict == EXPLODED and run.status != "diverged":
            return self.glyphs.symbol(EXPLODED), self.get_component_rich_style("runs--warning", partial=True)
        return self.glyphs.symbol(run.status), None

    def _show_title(self) -> None:
        title = TITLE
        if self._filter:
            title += f" /{self._filter}  {len(self._places)} of {len(self._runs)}"
        if Content(title) != self._border_title:
            self.border_title = Content(title)
        hint = KEYS_HINT if len(self._runs) > FEW else ""
        # Textual paints the whole list again even for the same text.
        if hint != (self.border_subtitle or ""):
            self.border_subtitle = hint


def _short_number(value: float) -> str:
    """Return the number without the 0 before its point."""
    return f"{value:g}".removeprefix("0") if 0 < value < 1 else f"{value:g}"
