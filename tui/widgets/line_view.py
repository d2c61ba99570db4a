"""A widget that is given its lines and sends only the cells that changed.

Textual does not compare frames: `refresh()` sends the whole widget again, which over SSH costs
more than everything else on the screen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget


class LineView(Widget):
    """Shows strips, one per line, on its own background; lines that are missing are blank."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._lines: list[Strip] = []

    def show_lines(self, lines: Sequence[Strip]) -> None:
        """Show these lines; what equals the lines shown before is not sent again."""
        old, self._lines = self._lines, list(lines)
        width, height = self.content_size
        regions = []
        for y in range(height):
            before, after = _line(old, y), _line(self._lines, y)
            span = changed_span(before, after)
            if span is not None and span[0] < width:
                regions.append(Region(span[0], y, min(span[1], width) - span[0], 1))
        if regions:
            self.refresh(*regions)

    def render_line(self, y: int) -> Strip:
        """Return one line of the content, as wide as the widget, in the widget's own style."""
        line = _line(self._lines, y)
        return line.apply_style(self.rich_style).adjust_cell_length(self.size.width, self.rich_style)


def _line(lines: Sequence[Strip], y: int) -> Strip:
    return lines[y] if y < len(lines) else Strip.blank(0)


def changed_span(before: Strip, after: Strip) -> tuple[int, int] | None:
    """Return the first and one past the last column in which two lines differ, or None."""
    if before == after:
        return None
    length = max(before.cell_length, after.cell_length)
    old, new = _cells(before, length), _cells(after, length)
    different = [x for x in range(length) if old[x] != new[x]]
    return (different[0], different[-1] + 1) if different else None


def _cells(strip: Strip, length: int) -> list[tuple[str, object]]:
    """Return text and style of every cell; a wide character fills two, the second with ''."""
    cells = list(chain.from_iterable(map(_segment_cells, strip)))
    return cells + [(" ", None)] * (length - len(cells))


def _segment_cells(segment: Segment) -> Iterable[tuple[str, object]]:
    if len(segment.text) == segment.cell_length:
        return ((character, segment.style) for character in segment.text)
    single = (Segment(character, segment.style) for character in segment.text)
    return chain.from_iterable(
        [(part.text, part.style)] + [("", part.style)] * (part.cell_length - 1)
        for part in single
        if part.cell_length
    )
