"""The list of runs: one line each, in the colour of its curves; many runs are grouped and can be filtered."""

from __future__ import annotations

from collections.abc import Callable, Iterable
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

from logreg_tui.tui.theme import ASCII, Glyphs
from logreg_tui.tui.widgets.palette import run_color
from logreg_tui.tui.widgets.runs.run_groups import (
    FEW,
    Heading,
    RunEntry,
    RunLine,
    ValueFormat,
    arrange,
    matcher,
)

__all__ = ["RunLine", "RunList"]

WIDE = 30
"""Cells from which the values have their names."""
TITLE = "Runs"
KEYS_HINT = "/ filter  p pin"
LONGEST_FILTER = 200

OptionLine = tuple[str, Content]
"""The id of an option, which is the run's number or begins with `-` for a heading, and what it shows."""


class RunList(OptionList):
    """Shows the runs; the highlighted one is the selected one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter the runs", show=False),
        Binding("p", "pin", "Pin the run", show=False),
    ]
    KEYS: ClassVar[tuple[tuple[str, str], ...]] = (
        ("/", "show only some runs: words that all must match, l2=0.001 for a whole value, or /expression/"),
        ("escape", "show all runs again"),
        ("p", "keep the selected run at the top, or let it go"),
    )

    @dataclass
    class Selected(Message):
        """The user chose another run."""

        run: int

    def __init__(self, *, glyphs: Glyphs, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, compact=True, markup=False)
        self.pinned: frozenset[int] = frozenset()
        """Numbers of the runs that stay at the top."""
        self._glyphs = glyphs
        self._runs: list[RunLine] = []
        self._shown: list[OptionLine] = []
        self._selected: int | None = None
        self._filter = ""
        self._is_typing = False
        self._problem = ""
        """Why the filter cannot be used."""

    def show(self, lines: Iterable[RunLine]) -> None:
        """Show these runs; only lines that changed are drawn again."""
        self._runs = list(lines)
        self._show_lines(self._prompted())
        self._show_title()

    def select(self, run: int) -> None:
        """Highlight a run without telling anyone; none if the filter hides it."""
        self._selected = run
        index = self._index_of(run)
        if self.highlighted != index:
            with self.prevent(OptionList.OptionHighlighted):
                self.highlighted = index

    def refresh_colors(self, lines: Iterable[RunLine]) -> None:
        """Draw every line again: the theme changed."""
        self._shown = [(name, Content("")) for name, _ in self._shown]
        self.show(lines)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Say which run the user chose."""
        event.stop()
        if event.option_id is not None and not event.option_id.startswith("-"):
            self._selected = int(event.option_id)
            self.post_message(self.Selected(self._selected))

    def render_line(self, y: int) -> Strip:
        """Return one line; the highlighted one is reversed if colour cannot show it."""
        strip = super().render_line(y)
        # Not in the style sheet: an option's own rendering drops `reverse`.
        is_marked = self.app.no_color and self.has_focus and self.scroll_offset.y + y == self.highlighted
        return strip.apply_style(Style(reverse=True)) if is_marked else strip

    # Filter and pin

    def action_filter(self) -> None:
        """Type a filter, which the title shows; what was typed before is kept."""
        self._is_typing = True
        self._show_title()

    def action_pin(self) -> None:
        """Keep the selected run at the top, or let it go."""
        if self._selected is not None:
            self.pinned ^= {self._selected}
            self._show_again()

    async def _on_key(self, event: events.Key) -> None:
        """Take what is typed while a filter is; escape clears it then and later."""
        if event.key == "escape" and (self._is_typing or self._filter):
            self._is_typing = False
            self._set_filter("")
        elif not self._is_typing:
            return
        elif event.key in ("enter", "up", "down", "tab"):
            self._is_typing = False
            self._show_title()
            if event.key != "enter":
                return
        elif event.key == "backspace":
            self._set_filter(self._filter[:-1])
        elif event.key == "ctrl+u":
            self._set_filter("")
        elif event.is_printable and event.character and len(self._filter) < LONGEST_FILTER:
            self._set_filter(self._filter + event.character)
        elif event.key.startswith(("ctrl+", "f")):
            return
        event.stop()
        event.prevent_default()

    def on_blur(self) -> None:
        """End the typing of a filter: keys go elsewhere now."""
        self._is_typing = False
        self._show_title()

    def _set_filter(self, text: str) -> None:
        self._filter = text
        self._show_again()

    def _show_again(self) -> None:
        self.show(self._runs)
        if self._selected is not None:
            self.select(self._selected)

    def _show_title(self) -> None:
        parts = [Content(TITLE)]
        if self._is_typing or self._filter:
            count = sum(not name.startswith("-") for name, _ in self._shown)
            cursor = Content.styled(" ", "reverse") if self._is_typing else Content("")
            parts.append(Content.assemble(f" /{self._filter}", cursor))
            parts.append(Content(f" {self._problem or f'{count} of {len(self._runs)}'}"))
        title = Content("").join(parts)
        if title != self._border_title:
            self.border_title = title
        self.border_subtitle = KEYS_HINT if len(self._runs) > FEW else ""

    # The lines

    def _index_of(self, run: int) -> int | None:
        names = [name for name, _ in self._shown]
        return names.index(str(run)) if str(run) in names else None

    def _show_lines(self, lines: list[OptionLine]) -> None:
        before, self._shown = self._shown, lines
        names = [name for name, _ in lines]
        if names[: len(before)] != [name for name, _ in before]:
            self._rebuild(lines)
            return
        for index, (name, prompt) in enumerate(lines):
            if index >= len(before):
                self.add_option(_option(name, prompt))
            elif prompt != before[index][1]:
                self.replace_option_prompt_at_index(index, prompt)

    def _rebuild(self, lines: list[OptionLine]) -> None:
        with self.prevent(OptionList.OptionHighlighted):
            self.set_options(_option(name, prompt) for name, prompt in lines)
            if self._selected is not None:
                self.highlighted = self._index_of(self._selected)

    def _prompted(self) -> list[OptionLine]:
        matches = self._matcher()
        if len(self._runs) <= FEW:
            pinned_first = sorted(self._runs, key=lambda run: run.number not in self.pinned)
            shown = [run for run in pinned_first if run.number in self.pinned or matches(run)]
            return [(str(run.number), prompt) for run, prompt in zip(shown, self._few(shown), strict=True)]
        is_wide = self.size.width >= WIDE
        lambda_ = self._glyphs.lambda_[0]
        short = ValueFormat(lambda_, _short_number, "", "s")
        lines = arrange(self._runs, ValueFormat(lambda_) if is_wide else short, short, self.pinned, matches)
        # Where the lines do not fit a scroll bar takes a cell.
        room = self.size.width - (len(lines) > self.size.height)
        return [
            (f"-{' '.join(line.words)}", Content.styled(" ".join(line.words), "bold"))
            if isinstance(line, Heading)
            else (str(line.run.number), self._entry(line, room, is_wide))
            for line in lines
        ]

    def _matcher(self) -> Callable[[RunLine], bool]:
        self._problem = ""
        try:
            return matcher(self._filter)
        except ValueError:
            self._problem = "not an expression"
            return lambda _: False

    def _entry(self, entry: RunEntry, room: int, is_wide: bool) -> Content:
        run = entry.run
        width = max(len(str(each.number)) for each in self._runs)
        words = " ".join(entry.words)
        text = f"{self._glyphs.symbol(run.status)}{run.number:>{width}}{self._pin(run)}{words}"
        mark = self._marks[entry.rank]
        accuracy = "" if run.accuracy is None else f"{run.accuracy:.4f}"[0 if is_wide else 1 :]
        room -= 1 + len(text)
        right = next((each for each in (f"{accuracy} {mark}", mark) if len(each) < room), "")
        style = "bold" if entry.rank == 2 else ""
        return Content.assemble(self._swatch(run), (f"{text}{right:>{max(0, room)}}", style))

    @property
    def _marks(self) -> tuple[str, str, str]:
        """Nothing, the best of a group, the best of all."""
        return (" ", ".", "*") if self._glyphs is ASCII else (" ", "☆", "★")

    def _pin(self, run: RunLine) -> str:
        if run.number not in self.pinned:
            return " "
        return "^" if self._glyphs is ASCII else "↑"

    def _swatch(self, run: RunLine) -> tuple[str, str]:
        red, green, blue = run_color(run.number, self.app.current_theme.dark)
        return self._glyphs.swatch, f"rgb({red},{green},{blue})"

    def _few(self, runs: list[RunLine]) -> list[Content]:
        is_wide = self.size.width >= WIDE
        number = _shown_number if is_wide else _short_number
        lambdas = [number(run.settings.l2) for run in runs]
        rates = [number(run.settings.learning_rate) for run in runs]
        number_width = max((len(str(run.number)) for run in runs), default=1)
        l2_width = max(map(len, lambdas), default=0)
        names = (f" {self._glyphs.lambda_[0]} ", "  lr ") if is_wide else ("", " ")
        return [
            self._prompt(run, number_width, f"{names[0]}{l2:<{l2_width}}{names[1]}{rate}")
            for run, l2, rate in zip(runs, lambdas, rates, strict=True)
        ]

    def _prompt(self, run: RunLine, number_width: int, values: str) -> Content:
        symbol = self._glyphs.symbol(run.status)
        text = f"{symbol}{run.number:>{number_width}}{self._pin(run)}{run.settings.head:<7} {values}"
        return Content.assemble(self._swatch(run), text)


def _option(name: str, prompt: Content) -> Option:
    return Option(prompt, id=name, disabled=name.startswith("-"))


def _shown_number(value: float) -> str:
    return f"{value:g}"


def _short_number(value: float) -> str:
    """Return the number without the 0 before its point."""
    return f"{value:g}".removeprefix("0") if 0 < value < 1 else f"{value:g}"
