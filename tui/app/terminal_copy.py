"""A copy of the terminal's screen, to send it only the cells that differ.

Textual repaints whole widgets and gives every piece of text its full colours; over SSH that is
several times what has changed (MNIST at 120x40: 8,200 bytes a second; 2,200 if widgets refresh changed
spans alone, since Textual sends each line from the left end of its widget on; 310 with this).
Understands only Textual's paints: anything else is passed on as it is, and what the terminal shows
counts as unknown from then on. The private characters of images (tui/graphics.py) become what the
terminal's protocol needs.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache

from rich.cells import cell_len

from logreg_tui.tui.graphics import BLOCKS, FIRST, KITTY, LAST, SIXEL, Graphics, PlacedImage
from logreg_tui.tui.image_encoding import PLACEHOLDER, row_column_marks

StyledCharacter = tuple[str, str]
"""A character and its SGR codes."""

RESET = "\x1b[m"
_TOKEN = re.compile(
    r"\x1b\[(?P<row>\d+);(?P<column>\d+)H"
    r"|\x1b\[(?P<style>[\d;]*)m"
    r"|(?P<line_end>\r?\n)"
    r"|(?P<aside>\x1b\[\?2026[hl]|\x1b\](?!8;)[^\x07\x1b]*(?:\x07|\x1b\\))"
    r"|(?P<text>[^\x00-\x1f\x7f-\x9f]+)"
)
_CODE = re.compile(r"[34]8;(?:2;\d+;\d+|5);\d+|\d+")
_FOREGROUND = re.compile(r"38;.*|3[0-79]|9[0-7]")
_BACKGROUND = re.compile(r"48;.*|4[0-79]|10[0-7]")
_INVISIBLE_ON_BLANKS = {"1", "2", "3"}
_IMAGE = re.compile(f"[{chr(FIRST)}-{chr(LAST)}]")


class TerminalCopy:
    """Turns the output for a terminal into less that makes it look the same.

    Every write starts and ends with plain style, so that other output in between looks right.
    """

    def __init__(self, graphics: Graphics | None = None) -> None:
        self._rows: defaultdict[int, dict[int, StyledCharacter]] = defaultdict(dict)
        self._pen = _Pen()
        self._graphics = graphics or Graphics()
        self._corners: dict[int, tuple[int, int]] = {}
        """Row and column of the first cell of each image, where it was painted last."""
        self._touched: set[int] = set()
        """Images of which cells were painted over since they were painted."""

    def forget(self) -> None:
        """Take nothing for granted: the terminal may show anything, its cursor may be anywhere."""
        self._rows.clear()
        self._pen.place = None

    def reduce(self, data: str) -> str:
        """Return the shorter output that is to be written instead of `data`; may be empty."""
        tokens = list(_TOKEN.finditer(data))
        if sum(len(token[0]) for token in tokens) != len(data) or not _places_every_text(tokens):
            self.forget()
            return data
        self._paint(tokens)
        return self._pen.take() + self._touched_images()

    def image(self, number: int) -> str:
        """Return what is to be written because an image is new, has changed or is gone."""
        if self._graphics.protocol == SIXEL:
            self._touched.add(number)
            return self._touched_images()
        return self._graphics.output(number)

    def _touched_images(self) -> str:
        """Return the sixels of images whose cells have become blank, where all of them are on the screen."""
        touched, self._touched = self._touched, set()
        images = [self._graphics.placed[number] for number in touched if number in self._graphics.placed]
        return "".join(self._sixels(each) for each in images if self._is_whole(each))

    def _is_whole(self, image: PlacedImage) -> bool:
        row, column = self._corners.get(image.number, (0, 0))
        return row > 0 and all(
            self._rows[row + y].get(column + x, ("", ""))[0] == _sixel_cell(image, y, x)
            for y in range(image.rows)
            for x in range(image.columns)
        )

    def _sixels(self, image: PlacedImage) -> str:
        row, column = self._corners[image.number]
        # Saved and restored: the cursor and the style are where the pen thinks they are.
        return f"\x1b7\x1b[{row};{column}H{self._graphics.output(image.number)}\x1b8"

    def _paint(self, tokens: Iterable[re.Match[str]]) -> None:
        row = column = 0
        style = ""
        for token in tokens:
            match token.lastgroup:
                case "column":
                    row, column = int(token["row"]), int(token["column"])
                case "style":
                    style = "" if token["style"] == "0" else token["style"]
                case "aside":
                    self._pen.parts.append(token["aside"])
                case "text":
                    self._put(row, column, token["text"], style)
                    column += cell_len(token["text"])
        if row:
            self._pen.move(row, column)

    def _put(self, row: int, column: int, text: str, style: str) -> None:
        if self._graphics.protocol != BLOCKS and _IMAGE.search(text):
            self._put_image(row, column, text, style)
            return
        if not text.isascii() and any(cell_len(character) != 1 for character in text):
            self._put_wide(row, column, text, style)
            return
        cells = self._rows[row]
        blank = (" ", _blank_style(style))
        for at, character in enumerate(text, column):
            cell = blank if character == " " else (character, style)
            if cells.get(at) != cell:
                cells[at] = cell
                self._pen.move(row, at)
                self._pen.put(*cell)

    def _put_image(self, row: int, column: int, text: str, style: str) -> None:
        """Put text in which private characters stand for cells of images."""
        for at, character in enumerate(text, column):
            found = self._graphics.cell_of(character)
            if found is None:
                self._put(row, at, " " if _IMAGE.match(character) else character, style)
                continue
            image, y, x = found
            is_kitty = self._graphics.protocol == KITTY
            shown = cell = _kitty_cell(image, y, x, style)
            if not is_kitty:
                shown, cell = (" ", _blank_style(style)), (_sixel_cell(image, y, x), _blank_style(style))
            if self._rows[row].get(at) != cell:
                self._rows[row][at] = cell
                self._pen.move(row, at)
                self._pen.put(*shown)
                self._corners[image.number] = row - y, at - x
                self._touched.update(() if is_kitty else (image.number,))

    def _put_wide(self, row: int, column: int, text: str, style: str) -> None:
        """Send a text in full; terminals do not agree on how far it reaches."""
        self._pen.move(row, column)
        self._pen.put(text, style)
        self._pen.place = None
        cells = self._rows[row]
        self._rows[row] = {at: cell for at, cell in cells.items() if at < column - 1}


class _Pen:
    """Collects output; knows the cursor's place and the style of the moment."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.place: tuple[int, int] | None = None
        self._style = ""

    def move(self, row: int, column: int) -> None:
        """Go to a cell."""
        if self.place == (row, column):
            return
        if self.place is not None and self.place[0] == row and self.place[1] < column:
            self.parts.append(f"\x1b[{column - self.place[1]}C")
        else:
            self.parts.append(f"\x1b[{row};{column}H")
        self.place = (row, column)

    def put(self, character: str, style: str) -> None:
        """Write a character at the cursor."""
        if style != (_blank_style(self._style) if character == " " else self._style):
            self.parts.append(_style_change(self._style, style))
            self._style = style
        self.parts.append(character)
        if self.place is not None:
            self.place = (self.place[0], self.place[1] + 1)

    def take(self) -> str:
        """Return the output collected, back in plain style."""
        if self._style:
            self.parts.append(RESET)
            self._style = ""
        written, self.parts = "".join(self.parts), []
        return written


def _kitty_cell(image: PlacedImage, y: int, x: int, style: str) -> StyledCharacter:
    """Return the placeholder of a cell, whose colour is the number of the image."""
    _, background, _ = _split(style)
    color, marks = f"38;5;{image.number}", row_column_marks()
    return PLACEHOLDER + marks[y] + marks[x], f"{color};{background}" if background else color


def _sixel_cell(image: PlacedImage, y: int, x: int) -> str:
    """Return a name for a blank under a part of an image, which differs from that of any other blank.

    An image of another size has other names: blanks wipe out what it would leave of the one before.
    """
    return f"image {image.number} {image.first} {y} {x}"


def _places_every_text(tokens: Iterable[re.Match[str]]) -> bool:
    """Return True if the place of every text is known."""
    is_placed = False
    for token in tokens:
        if token.lastgroup == "text" and not is_placed:
            return False
        if token.lastgroup in ("column", "line_end"):
            is_placed = token.lastgroup == "column"
    return True


@lru_cache(maxsize=1024)
def _split(style: str) -> tuple[str, str, frozenset[str]]:
    """Return the codes of foreground and background, '' for none, and all others."""
    codes = _CODE.findall(style)
    foreground = "".join(code for code in codes if _FOREGROUND.fullmatch(code))
    background = "".join(code for code in codes if _BACKGROUND.fullmatch(code))
    return foreground, background, frozenset(codes) - {foreground, background}


@lru_cache(maxsize=1024)
def _blank_style(style: str) -> str:
    """Return the part of a style that is visible on a blank."""
    _, background, marks = _split(style)
    return background if marks <= _INVISIBLE_ON_BLANKS else style


@lru_cache(maxsize=4096)
def _style_change(before: str, after: str) -> str:
    """Return the shortest code that leads from one style to another."""
    (old_ink, old_ground, old_marks), (ink, ground, marks) = _split(before), _split(after)
    if not after:
        return RESET
    if not before:
        return f"\x1b[{after}m"
    if old_marks - marks or (old_ink and not ink) or (old_ground and not ground):
        return f"\x1b[0;{after}m"
    added = sorted(marks - old_marks)
    colors = [new for old, new in ((old_ink, ink), (old_ground, ground)) if new != old]
    return f"\x1b[{';'.join(added + colors)}m"
