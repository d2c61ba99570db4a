"""A widget that is given its lines and sends only the cells that changed.

Textual does not compare frames: `refresh()` sends the whole widget again, which over SSH costs
more than everything else on the screen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget


class LineView(Widget):
    """Shows strips, one per line, on its own background; lines that are missing are blank."""

    # Textual would copy the name of the widget: it does not know the lines.
    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._lines: list[Strip] = []
        self.line_style = Style.null()
        """The widget's own style at its last paint."""

    def show_lines(self, lines: Sequence[Strip]) -> None:
        """Show these lines; what equals the lines shown before is not sent again."""
        old, self._lines = self._lines, list(lines)
        width, height = self.content_size
        rows = ((y, changed_columns(_line(old, y), _line(self._lines, y))) for y in range(height))
        self.refresh_cells([(y, columns) for y, all_ in rows if (columns := [x for x in all_ if x < width])])

    def refresh_cells(self, changed: Sequence[tuple[int, Sequence[int]]]) -> None:
        """Send the changed columns of each row; rows without any are not in `changed`."""
        if changed:
            self.refresh(*(Region(xs[0], y, xs[-1] + 1 - xs[0], 1) for y, xs in changed))

    def render_lines(self, crop: Region) -> list[Strip]:
        """Render the lines of a paint, all in the style that the widget has now."""
        # Computed once: it walks through all ancestors, which for every line costs most of a paint.
        self.line_style = self.rich_style
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """Return one line of the content, as wide as the widget, in the widget's own style."""
        return self.part(y, 0, self.size.width, self.line_style)

    def part(self, y: int, start: int, end: int, style: Style) -> Strip:
        """Return columns `start` to `end` of a line over `style`."""
        part = _line(self._lines, y).crop(start, end)
        return joined_blanks(part.apply_style(style).adjust_cell_length(end - start, style))


def _line(lines: Sequence[Strip], y: int) -> Strip:
    return lines[y] if y < len(lines) else Strip.blank(0)


def joined_blanks(strip: Strip) -> Strip:
    """Return a strip that looks the same, its blanks in the style before them: most codes are of blanks."""
    segments: list[Segment] = []
    for segment in strip:
        before = segments[-1] if segments else None
        if before is not None and segment.text.isspace() and _looks_alike(before.style, segment.style):
            segments[-1] = Segment(before.text + segment.text, before.style)
        else:
            segments.append(segment)
    return Strip(segments, strip.cell_length)


def _looks_alike(style: Style | None, blank: Style | None) -> bool:
    """Whether a blank looks the same in both styles."""
    if style is None or blank is None:
        return style is blank
    marks = (style.underline, style.reverse, style.strike, blank.underline, blank.reverse, blank.strike)
    return style.bgcolor == blank.bgcolor and style.meta == blank.meta and not any(marks)


def changed_columns(before: Strip, after: Strip) -> list[int]:
    """Return the columns in which two lines differ, from left to right."""
    if before == after:
        return []
    length = max(before.cell_length, after.cell_length)
    old, new = _cells(before, length), _cells(after, length)
    return [x for x in range(length) if old[x] != new[x]]


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
