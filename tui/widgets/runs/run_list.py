"""The list of runs: one line each, in the colour of its curves; many runs are grouped and can be filtered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.strip import Strip
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from logreg_tui.core.analysis.diagnostics import EXPLODED
from logreg_tui.tui.run_filter import RunTest, run_filter
from logreg_tui.tui.theme import Glyphs
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
from logreg_tui.tui.widgets.sparkline import sparkline

WIDE = 30
"""Cells from which the values have their names."""
ACCURACY_WIDTH = 6
LEAST_TREND, MOST_TREND = 5, 24
"""Cells of a run's small curve."""
FIGURES_WIDTH = ACCURACY_WIDTH + LEAST_TREND + 2
TITLED = 24
"""Lines of the terminal from which the values of few runs stand under their names."""
TITLE = "Runs"
KEYS_HINT = "/ filter  p pin"

OptionLine = tuple[str, Content]
"""The id of an option, which is the run's number or begins with `-` for a heading, and what it shows."""
NO_MATCH: list[OptionLine] = [("-", Content("no run matches"))]


class RunList(OptionList):
    """Shows the runs; the highlighted one is the selected one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "pin", "Pin the run", show=False),
    ]
    KEYS: ClassVar[tuple[tuple[str, str], ...]] = (
        ("p", "Keep the selected run at the top, or let it go"),
        ("escape", "Show all runs again, if a filter hides some"),
    )

    @dataclass
    class Clicked(Message):
        """The user clicked on the colour of a run."""

        run: int

    @dataclass
    class Selected(Message):
        """The user chose another run."""

        run: int

    def __init__(self, *, glyphs: Glyphs, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, compact=True, markup=False)
        self.pinned: frozenset[int] = frozenset()
        """Numbers of the runs that stay at the top."""
        self.hidden_runs: frozenset[int] = frozenset()
        """Numbers of the runs that the chart does not show."""
        self._glyphs = glyphs
        self._runs: list[RunLine] = []
        self._shown: list[OptionLine] = []
        self._selected: int | None = None
        self._filter = ""
        self._lets_through = run_filter("")
        self._has_marks = False
        """True if curves carry marks, because colours do not tell them apart."""

    def show(self, lines: Iterable[RunLine], text: str = "", lets_through: RunTest | None = None) -> None:
        """Show those of these runs that a filter lets through; only lines that changed are drawn again.

        `text` is what was typed of the filter.
        """
        self._runs, self._filter = list(lines), text
        self._lets_through = lets_through or run_filter("")
        self._show_again()

    def _show_again(self) -> None:
        app = self.app
        style = ChartStyle(app.current_theme.dark, app.no_color, self._glyphs.is_ascii, system=system_of(app))
        self._has_marks = style.marks_curves([run.number for run in self._runs])
        lines = self._prompted()
        self._show_lines(lines if lines or not self._runs else NO_MATCH)
        self._show_title()

    def select(self, run: int) -> None:
        """Highlight a run without telling anyone; none if the filter hides it."""
        self._selected = run
        index = self._index_of(run)
        if self.highlighted != index:
            with self.prevent(OptionList.OptionHighlighted):
                self.highlighted = index

    def refresh_colors(self) -> None:
        """Draw every line again: the theme changed."""
        self._shown = [(name, Content("")) for name, _ in self._shown]
        self._show_again()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        if event.option_id is not None and not event.option_id.startswith("-"):
            self._selected = int(event.option_id)
            self.post_message(self.Selected(self._selected))

    def on_click(self, event: events.Click) -> None:
        """Hide or show the run whose colour was clicked on; elsewhere a click selects."""
        option = event.style.meta.get("option")
        if event.get_content_offset_capture(self).x == 0 and option is not None:
            name = self.get_option_at_index(option).id
            if name is not None and not name.startswith("-"):
                event.prevent_default()
                self.post_message(self.Clicked(int(name)))

    def render_line(self, y: int) -> Strip:
        """Return one line; the highlighted one is reversed if colour cannot show it."""
        strip = super().render_line(y)
        # Not in the style sheet: an option's own rendering drops `reverse`.
        is_marked = self.app.no_color and self.has_focus and self.scroll_offset.y + y == self.highlighted
        return strip.apply_style(Style(reverse=True)) if is_marked else strip

    # Filter and pin

    def action_pin(self) -> None:
        """Keep the selected run at the top, or let it go."""
        if self._selected is not None:
            self.pinned ^= {self._selected}
            self._show_again()
            self.select(self._selected)

    def _show_title(self) -> None:
        parts = [Content(TITLE)]
        if self._filter:
            count = sum(not name.startswith("-") for name, _ in self._shown)
            parts.append(Content(f" /{self._filter}  {count} of {len(self._runs)}"))
        title = Content("").join(parts)
        if title != self._border_title:
            self.border_title = title
        hint = KEYS_HINT if len(self._runs) > FEW else ""
        # Textual paints the whole list again even for the same text.
        if hint != (self.border_subtitle or ""):
            self.border_subtitle = hint

    # The lines

    def _index_of(self, run: int) -> int | None:
        names = [name for name, _ in self._shown]
        return names.index(str(run)) if str(run) in names else None

    def _show_lines(self, lines: list[OptionLine]) -> None:
        before, self._shown = self._shown, lines
        if [name for name, _ in lines] != [name for name, _ in before]:
            with self.prevent(OptionList.OptionHighlighted):
                self.set_options(
                    Option(prompt, id=name, disabled=name.startswith("-")) for name, prompt in lines
                )
                if self._selected is not None:
                    self.highlighted = self._index_of(self._selected)
            return
        for index, (_, prompt) in enumerate(lines):
            if prompt != before[index][1]:
                self.replace_option_prompt_at_index(index, prompt)

    def _prompted(self) -> list[OptionLine]:
        """Return the lines of all runs that the filter lets through, arranged if there are many."""
        if len(self._runs) <= FEW:
            pinned_first = sorted(self._runs, key=lambda run: run.number not in self.pinned)
            return self._few([run for run in pinned_first if self.lets_through(run)])
        is_wide = self.size.width >= WIDE
        lambda_ = self._glyphs.lambda_[0]
        short = ValueFormat(lambda_, _short_number, "", "s")
        lines = arrange(
            self._runs, ValueFormat(lambda_) if is_wide else short, short, self.pinned, self._lets_through
        )
        # Where the lines do not fit a scroll bar takes a cell.
        room = self.size.width - (len(lines) > self.size.height)
        entries = [line for line in lines if isinstance(line, RunEntry)]
        width = max((len(" ".join(entry.words)) for entry in entries), default=0)
        return [
            (f"-{' '.join(line.words)}", Content.styled(" ".join(line.words), "bold"))
            if isinstance(line, Heading)
            else (str(line.run.number), self._entry(line, width, room))
            for line in lines
        ]

    def lets_through(self, run: RunLine) -> bool:
        """Return whether a run is shown: it is pinned, or matches the filter."""
        return run.number in self.pinned or self._lets_through(run.filtered)

    def _few(self, runs: list[RunLine]) -> list[OptionLine]:
        """Return the lines of few runs as a table: values, test accuracy, curve."""
        rows = [self._values(run) for run in runs]
        names: tuple[str, ...] = ("head", self._glyphs.lambda_[0], "lr")
        if len({run.settings.optimizer for run in runs}) > 1:
            # In front of what is left out where there is little room.
            rows = [
                (head, str(run.settings.optimizer), *rest)
                for run, (head, *rest) in zip(runs, rows, strict=True)
            ]
            names = (names[0], "optimizer", *names[1:])
        widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
        before = len(self._label(runs[0])) + 2 if runs else 0
        room = self.size.width - before
        while len(widths) > 1 and sum(widths) + len(widths) + FIGURES_WIDTH > room:
            widths.pop()

        def written(values: Sequence[str]) -> str:
            return " ".join(f"{text:<{width}}" for text, width in zip(values, widths, strict=False))

        rest = room - sum(widths) - len(widths)
        best = best_accuracy(self._runs)
        lines = [
            (
                str(run.number),
                Content.assemble(
                    self._swatch(run), self._symbol(run), f"{self._label(run)}{written(values)} ",
                    *self._figures(run, rest, 2 * (run.accuracy is not None and run.accuracy == best)),
                ),
            )
            for run, values in zip(runs, rows, strict=True)
        ]  # fmt: skip
        if lines and self.app.size.height >= TITLED:
            title = f"{' ' * before}{written(names)} {'test':<{ACCURACY_WIDTH}}"
            lines.insert(0, ("-titles", Content(title[: self.size.width])))
        return lines

    def _values(self, run: RunLine) -> tuple[str, ...]:
        number: Callable[[float], str] = "{:g}".format if self.size.width >= WIDE else _short_number
        return run.settings.head, number(run.settings.l2), number(run.settings.learning_rate)

    def _entry(self, entry: RunEntry, width: int, room: int) -> Content:
        """Return the line of one of many runs: in `width` cells what no heading names, and its accuracy."""
        run = entry.run
        text = f"{self._label(run)}{' '.join(entry.words):<{width}}"
        room -= 2 + len(text)
        right = self._figures(run, room - 1, entry.rank)
        gap = room - sum(len(each) for each, _ in right)
        style = "bold" if entry.rank == 2 else ""
        return Content.assemble(
            self._swatch(run), self._symbol(run), (f"{text}{' ' * max(0, gap)}", style), *right
        )

    def _figures(self, run: RunLine, room: int, rank: int) -> list[tuple[str, str]]:
        """Return accuracy, curve and mark of a run as far as they fit into `room` cells."""
        # Neither, the best of its group, the best of all.
        mark = (" .*" if self._glyphs.is_ascii else " ☆★")[rank]
        accuracy = (
            "" if run.accuracy is None else f"{run.accuracy:.4f}"[0 if self.size.width >= WIDE else 1 :]
        )
        style = "bold" if rank == 2 else ""
        cells = min(MOST_TREND, room - len(accuracy) - 2)
        if cells >= LEAST_TREND and accuracy:
            curve = sparkline(run.trend, cells, self._glyphs.is_ascii)
            return [(f"{accuracy} ", style), (curve, self._swatch(run)[1]), (mark, style)]
        texts = (f"{accuracy} {mark}", mark)
        return [(next((text for text in texts if len(text) <= room), ""), style)]

    def _label(self, run: RunLine) -> str:
        """Return the number of a run, and the mark of one that is pinned."""
        width = max(len(str(each.number)) for each in self._runs)
        pin = " " if run.number not in self.pinned else "^" if self._glyphs.is_ascii else "↑"
        return f"{run.number:>{width}}{pin}"

    def _symbol(self, run: RunLine) -> tuple[str, str]:
        """Return the symbol of a run's state and its style: a warning for a loss that exploded."""
        if run.verdict == EXPLODED and run.status != "diverged":
            return self._glyphs.symbol(EXPLODED), "bold $text-warning"
        return self._glyphs.symbol(run.status), ""

    def _swatch(self, run: RunLine) -> tuple[str, str]:
        """Return the colour of a run, or the mark of its curve if that is not its number."""
        red, green, blue = run_color(run.number, self.app.current_theme.dark)
        mark = curve_mark(run.number, False)
        if run.number in self.hidden_runs:
            swatch = self._glyphs.swatch_hidden
        else:
            swatch = mark if self._has_marks and mark != str(run.number) else self._glyphs.swatch
        return swatch, f"rgb({red},{green},{blue})"


def _short_number(value: float) -> str:
    """Return the number without the 0 before its point."""
    return f"{value:g}".removeprefix("0") if 0 < value < 1 else f"{value:g}"
