"""Colours for terminals that have 256 or 16 of them: the nearest of the same hue.

Rich takes the nearest by red, green and blue: dark oranges became red and olive there, dark blues teal.
"""

from __future__ import annotations

import math
from colorsys import rgb_to_hls
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

from logreg_tui.tui.widgets.palette import Rgb, contrast
from logreg_tui.tui.widgets.readable import LEAST_CONTRAST, LETTERS, rgb_of

if TYPE_CHECKING:
    from textual.app import App

EIGHT_BIT, SIXTEEN = "256", "standard"
SYSTEMS = (EIGHT_BIT, SIXTEEN)
"""Rich's names for terminals of 256 and of 16 colours."""
HUE_TOLERANCE = 18.0
"""Degrees by which one of 256 may miss the hue of a colour."""
COLORLESS = 0.03
"""Chroma below which a colour counts as grey."""
GREYS = ((0.26, 0), (0.6, 8), (0.88, 7), (math.inf, 15))
"""Those of 16 that are grey, up to a lightness each."""
HUES = ((20, 1), (75, 3), (168, 2), (195, 6), (265, 4), (345, 5), (360, 1))
"""The darker ones of 16 that are not, up to a hue in degrees each; 8 more is the brighter one."""
ORANGE = (20, 48)
"""Hues that stay the darker yellow, so that they differ from yellow."""
BRIGHT = 0.65
"""Lightness from which one of 16 is the brighter one."""


class FewColors(LineFilter):
    """Shows every colour as one that the terminal has, and text so that it can be read."""

    def __init__(self, system: str) -> None:
        """`system` is one of SYSTEMS."""
        super().__init__()
        self._system = system

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the segments in the terminal's colours."""
        return [
            Segment(text, style and _style(style, self._system, bool(LETTERS.search(text))), control)
            for text, style, control in segments
        ]


@lru_cache(maxsize=4096)
def _style(style: Style, system: str, is_text: bool) -> Style:
    ink, ground = rgb_of(style.color), rgb_of(style.bgcolor)
    behind = None if ground is None else nearest(ground, system)
    over = nearest(ink, system, _nominal(behind) if is_text and behind else None) if ink is not None else None
    return style + Style(color=over, bgcolor=behind)


@lru_cache(maxsize=4096)
def nearest(color: Rgb, system: str, ground: Rgb | None = None) -> RichColor:
    """Return the most similar colour of a terminal of `system`, of the same hue or grey.

    With `ground` it can be read on that colour.
    """
    ordered = _sixteen(color) if system == SIXTEEN else _eight_bit(color)
    able = (each for each in ordered if ground is None or contrast(_nominal(each), ground) >= LEAST_CONTRAST)
    return next(able)


def _eight_bit(color: Rgb) -> list[RichColor]:
    """Return the colours of a terminal of 256, the most similar first."""
    own = oklab(color)
    return [each for each, lab in sorted(_cube(), key=lambda one: _difference(own, one[1]))]


@lru_cache(maxsize=1)
def _cube() -> tuple[tuple[RichColor, tuple[float, float, float]], ...]:
    """Return cube and greys; the first 16 look different in each terminal."""
    every = map(RichColor.from_ansi, range(16, 256))
    return tuple((each, oklab(_nominal(each))) for each in every)


def _sixteen(color: Rgb) -> list[RichColor]:
    """Return the colours of a terminal of 16, the one that stands for `color` first."""
    lightness, a, b = oklab(color)
    hue, _, _ = rgb_to_hls(*(part / 255 for part in color))
    if math.hypot(a, b) <= COLORLESS or lightness <= GREYS[0][0]:
        first = next(number for most, number in GREYS if lightness <= most)
        return [RichColor.from_ansi(number) for number in (first, 15, 0)]
    base = next(number for most, number in HUES if 360 * hue <= most)
    is_bright = lightness >= BRIGHT and not ORANGE[0] < 360 * hue <= ORANGE[1]
    pair = (base + 8, base) if is_bright else (base, base + 8)
    return [RichColor.from_ansi(number) for number in (*pair, 15, 0)]


def system_of(app: App[Any]) -> str:
    """Return the one of SYSTEMS that the terminal of an app has; empty if it shows every colour, or none."""
    system = app.console.color_system or ""
    return system if system in SYSTEMS and not app.no_color else ""


def _nominal(color: RichColor) -> Rgb:
    """Return what a terminal shows unless its user has chosen something else."""
    red, green, blue = color.get_truecolor()
    return red, green, blue


def _difference(one: tuple[float, float, float], other: tuple[float, float, float]) -> float:
    """Return the squared distance of two colours in Oklab, infinite if their hues differ."""
    if math.hypot(*other[1:]) > COLORLESS:
        turn = math.degrees(math.atan2(one[2], one[1]) - math.atan2(other[2], other[1]))
        if math.hypot(*one[1:]) < COLORLESS / 3 or abs((turn + 180) % 360 - 180) > HUE_TOLERANCE:
            return math.inf
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def oklab(color: Rgb) -> tuple[float, float, float]:
    """Return L, a and b of a colour in Oklab (Ottosson 2020), where distances are those seen."""
    red, green, blue = (
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4
        for share in (part / 255 for part in color)
    )
    long = (0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue) ** (1 / 3)
    middle = (0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue) ** (1 / 3)
    short = (0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short,
    )
