"""A frame of characters with their styles, drawn in layers and given away as Strips.

Only foreground colours: the background is the widget's own. A cell holds one character that is
one column wide; `plain_text` makes any text fit for that.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from itertools import groupby

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from logreg_tui.core.text import escape_control_chars
from logreg_tui.tui.number_format import shorten
from logreg_tui.tui.theme import plain
from logreg_tui.tui.widgets.palette import Rgb

ASCII_WORDS = {"→": "->", "λ": "l2", "±": "+-"}


@lru_cache(maxsize=256)
def ink(color: Rgb | None, bold: bool = False) -> Style:
    """Return the style of a colour; None is the widget's own foreground."""
    if color is None:
        return Style(bold=True) if bold else Style.null()
    return Style(color=f"rgb({color[0]},{color[1]},{color[2]})", bold=bold or None)


def plain_text(text: str, ascii_only: bool) -> str:
    """Return `text` without control characters, every character one column wide, or in ASCII."""
    if text.isascii() and text.isprintable():
        return text
    text = "".join(character for character in text if character.isprintable())
    if not ascii_only:
        return "".join(character if cell_len(character) == 1 else "?" for character in text)
    for character, word in ASCII_WORDS.items():
        text = text.replace(character, word)
    return "".join(character if character.isascii() else "?" for character in text)


def short_name(name: str, width: int, ascii_only: bool) -> str:
    """Return a name found in data, without control characters, shortened to `width` cells at most."""
    shown = escape_control_chars(name)
    shown = plain(shown) if ascii_only else shown
    cells = cell_len(shown)
    if cells <= width:
        return shown
    if cells == len(shown):
        return shorten(shown, width, ".." if ascii_only else "…")
    # Of wide characters one may straddle the end, which becomes a blank.
    return (
        f"{set_cell_size(shown, width - 1).rstrip()}…" if width > 1 else set_cell_size(shown, max(0, width))
    )


def name_cells(name: str, width: int, ascii_only: bool, *, at_right: bool = False) -> str:
    """Return a name found in data as exactly `width` cells, shortened or padded."""
    shown = short_name(name, width, ascii_only)
    blank = " " * (width - cell_len(shown))
    return blank + shown if at_right else shown + blank


def longest_name(names: Iterable[str], most: int) -> int:
    """Return the cells that names found in data need, `most` at most, so that a few long ones are cut."""
    return min(most, max((cell_len(escape_control_chars(name)) for name in names), default=0))


class Cells:
    """A rectangle of cells, row 0 at the top; what is put outside of it is dropped."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        blank = ink(None)
        self._characters = [[" "] * width for _ in range(height)]
        self._styles = [[blank] * width for _ in range(height)]

    def put(self, x: int, y: int, text: str, style: Style) -> None:
        """Write `text` from column `x` on."""
        if not 0 <= y < self.height:
            return
        text = text[max(0, -x) : max(0, self.width - x)]
        x = max(0, x)
        self._characters[y][x : x + len(text)] = text
        self._styles[y][x : x + len(text)] = [style] * len(text)

    def put_column(self, x: int, rows: Iterable[int], character: str, style: Style) -> None:
        """Write one character into column `x` of several rows."""
        for y in rows:
            self.put(x, y, character, style)

    def strips(self) -> list[Strip]:
        """Return one strip per row."""
        return [_strip(*row) for row in zip(self._characters, self._styles, strict=True)]


def _strip(characters: list[str], styles: list[Style]) -> Strip:
    segments = []
    start = 0
    # By identity: equal styles are the same object mostly, and comparing them costs half of a frame.
    for _, cells in groupby(styles, id):
        end = start + len(list(cells))
        segments.append(Segment("".join(characters[start:end]), styles[start]))
        start = end
    return Strip(segments, len(characters))
