"""Images in cells of the screen, in the protocol that the terminal has for them.

Widgets put private characters where an image is to be: one per cell, each standing for a part of one
image. Textual moves, covers and clips them as any text. The driver turns them into what the protocol
needs: placeholders for kitty, blanks and then sixels for others.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from logreg_tui.tui.image_encoding import (
    MOST_CELLS,
    Rgb,
    kitty_deletion,
    kitty_image,
    png,
    sixel,
    through_tmux,
)

AUTO, KITTY, SIXEL, BLOCKS = "auto", "kitty", "sixel", "blocks"
SETTINGS = (AUTO, KITTY, SIXEL, BLOCKS)
BY_TERM = {
    "xterm-kitty": KITTY,
    "xterm-ghostty": KITTY,
    "wezterm": SIXEL,
    "foot": SIXEL,
    "mlterm": SIXEL,
    "contour": SIXEL,
}
"""Protocols by TERM, or by its part before a hyphen."""
BY_PROGRAM = {"ghostty": KITTY, "WezTerm": SIXEL, "iTerm.app": SIXEL}
"""Protocols of terminals that call themselves xterm, by TERM_PROGRAM, which ssh does not pass on."""
SIXEL_SINCE = {"iTerm.app": (3, 5)}
OTHERS = ("VTE_VERSION", "KONSOLE_VERSION", "ALACRITTY_WINDOW_ID", "XTERM_VERSION", "WT_SESSION")
"""Set by other terminals that call themselves xterm; started from one of ours they have its variables too."""
MULTIPLEXERS = ("TMUX", "STY", "ZELLIJ")
USUAL_CELL = (8, 16)
"""Pixels of a cell, across and down, where the terminal does not say."""
FIRST, LAST = 0xF0000, 0xFFFFD
"""The private characters: those of Unicode's plane 15."""
MOST_IMAGES = 255
"""Images at a time: kitty reads the number of one off a colour of the 256."""


def choose_protocol(setting: str, environment: Mapping[str, str], cell: tuple[int, int] | None) -> str:
    """Return KITTY, SIXEL or BLOCKS for one of SETTINGS; asks the terminal nothing.

    `cell` is the size of a cell in pixels, without which sixels would be of any size.
    """
    if setting != AUTO:
        return setting
    term, program = environment.get("TERM", ""), environment.get("TERM_PROGRAM", "")
    if any(environment.get(name) for name in MULTIPLEXERS) or term.split("-")[0] in ("tmux", "screen"):
        return BLOCKS
    # TERM first: terminals set it, but not all of them clear what another one has set.
    found = BY_TERM.get(term) or BY_TERM.get(term.split("-")[0], BLOCKS)
    if term.startswith("xterm") and found == BLOCKS and not any(environment.get(name) for name in OTHERS):
        found = BY_PROGRAM.get(program, BLOCKS)
        if _version(environment.get("TERM_PROGRAM_VERSION", "")) < SIXEL_SINCE.get(program, ()):
            found = BLOCKS
        if not program and environment.get("KITTY_WINDOW_ID"):
            found = KITTY
    return BLOCKS if found == SIXEL and cell is None else found


def _version(text: str) -> tuple[int, ...]:
    parts = text.split(".")
    return tuple(int(part) for part in parts) if all(part.isdecimal() for part in parts) else ()


def cell_pixels() -> tuple[int, int] | None:
    """Return the size of a cell, across and down, if the terminal says it."""
    import fcntl
    import struct
    import termios

    for stream in (sys.__stdin__, sys.__stderr__, sys.__stdout__):
        try:
            assert stream is not None
            answer = fcntl.ioctl(stream.fileno(), termios.TIOCGWINSZ, bytes(8))
        except (AssertionError, OSError, ValueError):
            continue
        rows, columns, width, height = struct.unpack("HHHH", answer)
        if rows and columns and width >= columns and height >= rows:
            return width // columns, height // rows
    return None


@dataclass(frozen=True, slots=True)
class Image:
    """Rows of levels, each a byte that counts the colours of the palette."""

    levels: tuple[bytes, ...]
    palette: tuple[Rgb, ...]
    is_smooth: bool = False
    """True if the terminal enlarges it, which blurs it and halves the bytes."""


@dataclass(frozen=True, slots=True)
class PlacedImage:
    """An image with the cells that it covers."""

    number: int
    image: Image
    columns: int
    rows: int
    first: int
    """The private character of its first cell; the others follow, row by row."""

    @property
    def end(self) -> int:
        """The private character behind its last one."""
        return self.first + self.columns * self.rows

    def lines(self) -> list[str]:
        """Return the characters of its cells, row by row."""
        starts = range(self.first, self.end, self.columns)
        return ["".join(map(chr, range(start, start + self.columns))) for start in starts]


class Graphics:
    """The images of the app, by number, and what a terminal is to be told of them."""

    def __init__(
        self,
        protocol: str = BLOCKS,
        *,
        in_tmux: bool = False,
        cell: Callable[[], tuple[int, int] | None] = cell_pixels,
    ) -> None:
        self.protocol = protocol
        self.placed: dict[int, PlacedImage] = {}
        self.listener: Callable[[int], None] = lambda number: None
        """Called with the number of an image that is new, has changed or is gone."""
        self._in_tmux = in_tmux
        self._cell = cell
        self._next = FIRST
        self._last_found: PlacedImage | None = None

    def sheet(self) -> ImageSheet | None:
        """Return a place for the images of one panel, if the terminal can show any."""
        return None if self.protocol == BLOCKS else ImageSheet(self)

    def room(self, columns: int, rows: int) -> tuple[int, int]:
        """Return the pixels, across and down, of cells."""
        width, height = self._cell() or USUAL_CELL
        return columns * width, rows * height

    def place(self, number: int | None, image: Image, columns: int, rows: int) -> PlacedImage | None:
        """Show an image, in the place of one with this number; None if there is no room for it."""
        old = self.placed.get(number or 0)
        number = number or next((n for n in range(1, MOST_IMAGES + 1) if n not in self.placed), None)
        is_same_place = old is not None and (old.columns, old.rows) == (columns, rows)
        first = old.first if old is not None and is_same_place else self._free(columns * rows)
        if number is None or first is None or not 1 <= max(columns, rows) <= MOST_CELLS:
            return None
        new = PlacedImage(number, image, columns, rows, first)
        if self._scale(new) < 1:
            return None
        if new != old:
            self.placed[number] = new
            self.listener(number)
        return new

    def _free(self, count: int) -> int | None:
        """Return the first of `count` private characters that no image has."""
        placed = self.placed.values()
        for first in (self._next, FIRST, *(each.end for each in placed)):
            is_free = all(first >= each.end or first + count <= each.first for each in placed)
            if is_free and first + count <= LAST:
                self._next = first + count
                return first
        return None

    def drop(self, number: int) -> None:
        """Forget an image."""
        del self.placed[number]
        self.listener(number)

    def cell_of(self, character: str) -> tuple[PlacedImage, int, int] | None:
        """Return the image that a private character is part of, and the row and column in it."""
        at, found = ord(character), self._last_found
        if found is None or not found.first <= at < found.end or self.placed.get(found.number) is not found:
            found = next((each for each in self.placed.values() if each.first <= at < each.end), None)
            self._last_found = found
        return None if found is None else (found, *divmod(at - found.first, found.columns))

    def output(self, number: int) -> str:
        """Return what makes a terminal show the image, or for kitty, if there is none, forget it."""
        placed = self.placed.get(number)
        if self.protocol == SIXEL:
            return "" if placed is None else self._sixels(placed)
        if placed is None:
            return self._joined([kitty_deletion(number)])
        image = placed.image
        data = png(image.levels, image.palette, 1 if image.is_smooth else max(1, int(self._scale(placed))))
        return self._joined(kitty_image(number, data, placed.columns, placed.rows))

    def _sixels(self, placed: PlacedImage) -> str:
        image, scale = placed.image, max(1.0, self._scale(placed))
        # A hair more, since three thirds of a pixel may be a little less than one.
        size = (int(levels * scale + 1e-9) for levels in (len(image.levels[0]), len(image.levels)))
        return sixel(image.levels, image.palette, *size)

    def all_images(self) -> str:
        """Return what a terminal that may have lost its images needs before it paints; nothing for sixels."""
        return "".join(map(self.output, self.placed)) if self.protocol == KITTY else ""

    def farewell(self) -> str:
        """Return what makes a terminal forget all images."""
        return self._joined(map(kitty_deletion, self.placed)) if self.protocol == KITTY else ""

    def _scale(self, placed: PlacedImage) -> float:
        """Return the pixels that a level has room for, across and down, in cells as large as they are now."""
        width, height = self.room(placed.columns, placed.rows)
        return min(width / len(placed.image.levels[0]), height / len(placed.image.levels))

    def _joined(self, commands: Iterable[str]) -> str:
        return "".join(map(through_tmux, commands) if self._in_tmux else commands)


class ImageSheet:
    """The images of one panel; those of a drawing take the places of those of the one before."""

    def __init__(self, graphics: Graphics) -> None:
        self._graphics = graphics
        self._numbers: list[int] = []
        self._used = 0

    def begin(self) -> None:
        """Begin a drawing."""
        self._used = 0

    def end(self) -> None:
        """Forget the images that the drawing did without."""
        while len(self._numbers) > self._used:
            self._graphics.drop(self._numbers.pop())

    @property
    def takes_changes(self) -> bool:
        """True if images that change all the time are as cheap as half blocks."""
        return self._graphics.protocol == KITTY

    def room(self, columns: int, rows: int) -> tuple[int, int]:
        """Return the pixels, across and down, of cells."""
        return self._graphics.room(columns, rows)

    def lines(self, image: Image, columns: int, rows: int) -> list[str] | None:
        """Return the characters that show an image, row by row; None if it cannot be shown."""
        number = self._numbers[self._used] if self._used < len(self._numbers) else None
        placed = self._graphics.place(number, image, columns, rows)
        if placed is None:
            return None
        if number is None:
            self._numbers.append(placed.number)
        self._used += 1
        return placed.lines()


def inside_tmux() -> bool:
    """Return whether the program runs in tmux."""
    return bool(os.environ.get("TMUX"))
