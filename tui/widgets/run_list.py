"""The list of runs: one line each, in the colour of its curves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rich.style import Style
from textual.content import Content
from textual.message import Message
from textual.strip import Strip
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from logreg_tui.core.settings import RunSettings
from logreg_tui.tui.theme import Glyphs
from logreg_tui.tui.widgets.chart_colors import run_color

WIDE = 30
"""Cells from which the values have their names."""


@dataclass(frozen=True, slots=True)
class RunLine:
    """What the list shows of a run."""

    number: int
    settings: RunSettings
    status: str


class RunList(OptionList):
    """Shows the runs; the highlighted one is the selected one."""

    @dataclass
    class Selected(Message):
        """The user chose another run."""

        run: int

    def __init__(self, *, glyphs: Glyphs, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, compact=True, markup=False)
        self._glyphs = glyphs
        self._shown: list[Content] = []
        self._numbers: list[int] = []

    def show(self, lines: Iterable[RunLine]) -> None:
        """Show these runs; only lines that changed are drawn again."""
        runs = list(lines)
        prompts = self._prompts(runs)
        for index, prompt in enumerate(prompts):
            if index >= len(self._shown):
                self.add_option(Option(prompt))
            elif prompt != self._shown[index]:
                self.replace_option_prompt_at_index(index, prompt)
        self._shown, self._numbers = prompts, [run.number for run in runs]

    def select(self, run: int) -> None:
        """Highlight a run without telling anyone."""
        index = self._numbers.index(run)
        if self.highlighted != index:
            with self.prevent(OptionList.OptionHighlighted):
                self.highlighted = index

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Say which run the user chose."""
        event.stop()
        if event.option_index < len(self._numbers):
            self.post_message(self.Selected(self._numbers[event.option_index]))

    def render_line(self, y: int) -> Strip:
        """Return one line; the highlighted one is reversed where colour cannot show it."""
        strip = super().render_line(y)
        # Not in the style sheet: an option's own rendering drops `reverse`.
        is_marked = self.app.no_color and self.has_focus and self.scroll_offset.y + y == self.highlighted
        return strip.apply_style(Style(reverse=True)) if is_marked else strip

    def _prompts(self, runs: list[RunLine]) -> list[Content]:
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
        red, green, blue = run_color(run.number, self.app.current_theme.dark)
        swatch = (self._glyphs.swatch, f"rgb({red},{green},{blue})")
        text = (
            f"{self._glyphs.symbol(run.status)}{run.number:>{number_width}} {run.settings.head:<7} {values}"
        )
        return Content.assemble(swatch, text)

    def refresh_colors(self, lines: Iterable[RunLine]) -> None:
        """Draw every line again: the theme changed."""
        self._shown = [Content("")] * len(self._shown)
        self.show(lines)


def _shown_number(value: float) -> str:
    return f"{value:g}"


def _short_number(value: float) -> str:
    """Return the number without the 0 before its point."""
    return f"{value:g}".removeprefix("0") if 0 < value < 1 else f"{value:g}"
