"""The style of a chart: characters, colours, and the marks that tell the curves of runs apart."""

from __future__ import annotations

import string
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from rich.style import Style

from logreg_tui.tui.widgets.cells import ink
from logreg_tui.tui.widgets.few_colors import EIGHT_BIT, SIXTEEN, nearest
from logreg_tui.tui.widgets.palette import (
    BLACK,
    PALE_OF_256_ON_LIGHT,
    WHITE,
    Rgb,
    blend,
    pale_run_color,
    run_color,
)
from logreg_tui.tui.widgets.spans import paint

DIGITS = "123456789"
DIM = Style(dim=True)
STRONG = 0.5
"""Greys below are dim in a terminal without colours."""
DIM_SHARE = 0.6
"""The share by which a dim curve's colour has moved to the background."""
ALARM_ON_DARK: Rgb = (255, 96, 80)
ALARM_ON_LIGHT: Rgb = (190, 16, 0)


@dataclass(frozen=True, slots=True)
class ChartStyle:
    """The characters and colours that the terminal and the theme allow."""

    dark: bool = True
    monochrome: bool = False
    ascii_only: bool = False
    background: Rgb = (18, 18, 18)
    system: str = ""
    """The one of few_colors.SYSTEMS that the terminal has; empty if it shows every colour."""

    def color(self, number: int, is_test: bool) -> Rgb | None:
        """Return the colour of a curve; None is the foreground."""
        if self.monochrome:
            return None
        if is_test and self.system == EIGHT_BIT and not self.dark and number in PALE_OF_256_ON_LIGHT:
            return PALE_OF_256_ON_LIGHT[number]
        return (pale_run_color if is_test else run_color)(number, self.dark)

    def dim_color(self, number: int) -> Rgb | None:
        """Return the colour of a dim curve, under the others: of run `number`, or grey for 0."""
        color = self.color(number, False)
        if not number or color is None:
            return self.grey(0.38)
        return blend(color, self.background, DIM_SHARE)

    def marks_curves(self, runs: Collection[int]) -> bool:
        """Return True if the curves of these runs carry characters: their colours do not tell them apart."""
        return self.ascii_only or len({self._shown_color(number) for number in runs}) < len(runs)

    def _shown_color(self, number: int) -> object:
        color = self.color(number, False)
        return nearest(color, self.system) if color is not None and self.system else color

    @property
    def marks_lines(self) -> bool:
        """True if dashes tell a run's test curve from its train curve, because colours cannot."""
        return self.ascii_only or self.monochrome or self.system == SIXTEEN

    def grey(self, strength: float) -> Rgb | None:
        """Return a grey between the background (0) and full contrast (1); None is the foreground."""
        return None if self.monochrome else _grey(self.background, self.dark, strength)

    def shade(self, strength: float) -> Style:
        """Return the style of a grey; without colours a weak one is dim."""
        color = self.grey(strength)
        return DIM if color is None and strength < STRONG else ink(color)

    @property
    def muted(self) -> Style:
        """For tick labels."""
        return self.shade(0.62)

    @property
    def faint(self) -> Style:
        """For the grid."""
        return self.shade(0.2)

    @property
    def axis(self) -> Style:
        """For the lines of the axes."""
        return self.shade(0.42)

    @property
    def floor(self) -> Style:
        """For the loss floor and its label."""
        return self.shade(0.8)

    @property
    def alarm(self) -> Style:
        """For errors."""
        return ink(None if self.monochrome else ALARM_ON_DARK if self.dark else ALARM_ON_LIGHT, bold=True)

    def text(self, number: int) -> Style:
        """For annotations about a run."""
        return ink(self.color(number, False))

    def mark_line(self, number: int) -> Style:
        """For the vertical line at the epoch at which a knob of a run was turned."""
        color = self.color(number, False)
        return DIM if color is None else ink(blend(color, self.background, 0.35))

    def pick(self, character: str, plain: str) -> str:
        """Return `character`, or `plain` in its place if only ASCII is allowed."""
        return plain if self.ascii_only else character


def cursor_style(has_focus: bool, style: ChartStyle) -> Style:
    """Return the style of the cell that the cursor is on: weaker while the keys go elsewhere."""
    if style.monochrome:
        return Style(bold=True, reverse=True, dim=None if has_focus else True)
    strongest = WHITE if style.dark else BLACK
    return paint(style.background, strongest if has_focus else blend(style.background, strongest, 0.5), True)


def curve_mark(number: int, is_test: bool) -> str:
    """Return the character of a curve: train 1 to 9, then capitals; test small letters; 26 differ."""
    letters = string.ascii_lowercase if is_test else string.ascii_uppercase
    return DIGITS[number - 1] if number <= 9 and not is_test else letters[(number - 1) % 26]


@lru_cache(maxsize=64)
def _grey(background: Rgb, dark: bool, strength: float) -> Rgb:
    return blend(background, WHITE if dark else BLACK, strength)
