"""Text that can be read in every theme: a last correction of colours before they are sent."""

from __future__ import annotations

import re
from functools import lru_cache

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

from logreg_tui.tui.widgets.palette import BLACK, WHITE, Rgb, blend, contrast

LEAST_CONTRAST = 4.5
"""Of text on its background, as WCAG 2 asks for (level AA)."""
STEPS = 20
LETTERS = re.compile(r"[^\W_]")


class ReadableText(LineFilter):
    """Moves the colour of text that is too close to its background away from it, as little as it takes.

    Curves, pictures and borders keep theirs: only letters and digits are text.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the segments in colours that can be read."""
        ground = background.rgb if background.ansi is None else None
        return [
            segment
            if segment.style is None
            or not LETTERS.search(segment.text)
            or (style := _readable_style(segment.style, ground)) is segment.style
            else Segment(segment.text, style, segment.control)
            for segment in segments
        ]


@lru_cache(maxsize=4096)
def _readable_style(style: Style, ground: Rgb | None) -> Style:
    ink, behind = rgb_of(style.color), rgb_of(style.bgcolor) or ground
    if ink is None or behind is None or style.bgcolor is not None and style.bgcolor.triplet is None:
        return style
    if contrast(ink, behind) >= LEAST_CONTRAST:
        return style
    if style.reverse:
        # What was the background is the text, and may be moved as well.
        return style + Style(bgcolor=RichColor.from_rgb(*readable(behind, ink)))
    return style + Style(color=RichColor.from_rgb(*readable(ink, behind)))


def rgb_of(color: RichColor | None) -> Rgb | None:
    """Return red, green and blue of a colour that says them."""
    if color is None or color.triplet is None:
        return None
    red, green, blue = color.triplet
    return red, green, blue


@lru_cache(maxsize=4096)
def readable(ink: Rgb, ground: Rgb) -> Rgb:
    """Return the colour on the way from `ink` to white or black that just can be read on `ground`."""
    if contrast(ink, ground) >= LEAST_CONTRAST:
        return ink
    # To the side on which it is, unless that side ends too early; one of the two always suffices.
    near, far = (WHITE, BLACK) if contrast(ink, BLACK) >= contrast(ground, BLACK) else (BLACK, WHITE)
    goal = near if contrast(near, ground) >= LEAST_CONTRAST else far
    shades = (blend(ink, goal, step / STEPS) for step in range(1, STEPS + 1))
    return next((shade for shade in shades if contrast(shade, ground) >= LEAST_CONTRAST), goal)
