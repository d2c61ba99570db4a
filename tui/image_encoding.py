"""Images as terminals take them: PNG in kitty's graphics protocol, and sixels.

An image is rows of levels, each a byte that counts the colours of a palette. It may be enlarged here, by
a whole number, which keeps pixels sharp and twice as many bytes; a terminal that enlarges it blurs it.
"""

from __future__ import annotations

import zlib
from base64 import b64encode
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby, pairwise
from struct import pack

Rgb = tuple[int, int, int]

PLACEHOLDER = "\U0010eeee"
"""The character that shows one cell of an image in kitty, with the marks of its row and column."""
CHUNK = 4096
"""Most characters of base64 in one command of kitty's protocol."""
BAND = 6
"""Lines of pixels in a row of sixels."""
_MARKS = """
305 30D-30E 310 312 33D-33F 346 34A-34C 350-352 357 35B 363-36F 483-487 592-595 597-599 59C-5A1 5A8-5A9
5AB-5AC 5AF 5C4 610-617 657-65B 65D-65E 6D6-6DC 6DF-6E2 6E4 6E7-6E8 6EB-6EC 730 732-733 735-736 73A 73D
73F-741 743 745 747 749-74A 7EB-7F1 7F3 816-819 81B-823 825-827 829-82D 951 953-954 F82-F83 F86-F87
135D-135F 17DD 193A 1A17 1A75-1A7C 1B6B 1B6D-1B73 1CD0-1CD2 1CDA-1CDB 1CE0 1DC0-1DC1 1DC3-1DC9 1DCB-1DCC
1DD1-1DE6 1DFE 20D0-20D1 20D4-20D7 20DB-20DC 20E1 20E7 20E9 20F0 2CEF-2CF1 2DE0-2DFF A66F A67C-A67D
A6F0-A6F1 A8E0-A8F1 AAB0 AAB2-AAB3 AAB7-AAB8 AABE-AABF AAC1 FE20-FE26 10A0F 10A38 1D185-1D189 1D1AA-1D1AD
1D242-1D244
"""
"""Code points of kitty's marks of rows and columns, from 0 on, as its rowcolumn-diacritics.txt lists them."""
MOST_CELLS = 297
"""The number of marks: an image is at most as many cells wide, and high."""


@lru_cache(maxsize=1)
def row_column_marks() -> str:
    """Return kitty's marks of rows and columns: the character at index i stands for i."""
    ends = [[int(end, 16) for end in part.split("-")] for part in _MARKS.split()]
    return "".join(chr(point) for end in ends for point in range(end[0], end[-1] + 1))


def png(rows: Sequence[bytes], palette: Sequence[Rgb], scale: int) -> bytes:
    """Return a PNG of rows of levels, every level a square of `scale` pixels."""
    width, height = len(rows[0]) * scale, len(rows) * scale
    # Filter 1 is the difference from the pixel before, filter 2 that from the line above: none in a square.
    same, gap = (b"\2" + bytes(width)) * (scale - 1), bytes(scale - 1)
    steps = (b"".join(bytes([(b - a) % 256]) + gap for a, b in pairwise((0, *row))) for row in rows)
    # Repeated texts are rare where no pixel is repeated.
    strategy = zlib.Z_RLE if scale == 1 else zlib.Z_DEFAULT_STRATEGY
    # Level 9 takes two to twelve times as long as 8, for 3 to 10 % fewer bytes.
    packer = zlib.compressobj(8, zlib.DEFLATED, 15, 9, strategy)
    parts = (
        (b"IHDR", pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", b"".join(map(bytes, palette))),
        (b"IDAT", packer.compress(b"".join(b"\1" + step + same for step in steps)) + packer.flush()),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        pack(">I", len(data)) + name + data + pack(">I", zlib.crc32(name + data)) for name, data in parts
    )


def kitty_image(number: int, data: bytes, columns: int, rows: int) -> Iterator[str]:
    """Yield the commands that give the terminal a PNG as image `number`, to be shown by placeholders.

    What placeholders on the screen show is drawn anew. The terminal answers nothing (q=2).
    """
    text, place = b64encode(data).decode(), f"U=1,i={number},c={columns},r={rows},q=2"
    if len(text) <= CHUNK:
        yield f"\x1b_Ga=T,f=100,{place};{text}\x1b\\"
        return
    for start in range(0, len(text), CHUNK):
        control = f"a=t,f=100,i={number},q=2" if start == 0 else "q=2"
        more = int(start + CHUNK < len(text))
        yield f"\x1b_G{control},m={more};{text[start : start + CHUNK]}\x1b\\"
    # A command of its own: behind several chunks kitty would not look at the placeholders again.
    yield f"\x1b_Ga=p,{place}\x1b\\"


def kitty_deletion(number: int) -> str:
    """Return the command that deletes an image with its data."""
    return f"\x1b_Ga=d,d=I,i={number},q=2\x1b\\"


def through_tmux(command: str) -> str:
    """Return a command for the terminal behind tmux, which passes it on if `allow-passthrough` is on."""
    return "\x1bPtmux;" + command.replace("\x1b", "\x1b\x1b") + "\x1b\\"


def sixel(rows: Sequence[bytes], palette: Sequence[Rgb], width: int, height: int) -> str:
    """Return rows of levels as sixels of `width` and `height` pixels, from the cursor on.

    Where that is no whole multiple, some levels are a pixel wider or higher than others.
    """
    used = sorted(set().union(*rows))
    percent = {level: ";".join(str(round(part / 2.55)) for part in palette[level]) for level in used}
    registers = "".join(f"#{level};2;{percent[level]}" for level in used)
    bands = []
    for top in range(0, height, BAND):
        lines = range(top, min(top + BAND, height))
        bands.append(_band(tuple(rows[line * len(rows) // height] for line in lines), width))
    # P2=1: what is left out of the last band stays as it is.
    return f'\x1bP0;1;0q"1;1;{width};{height}{registers}{"-".join(bands)}\x1b\\'


@lru_cache(maxsize=256)
def _band(lines: tuple[bytes, ...], width: int) -> str:
    """Return a band of up to six lines: the sixels of one colour after the other."""
    columns = list(zip(*lines, strict=True))
    # Pixel x shows column x * len(columns) // width: each begins where that is first reached.
    edges = [-(-column * width // len(columns)) for column in range(len(columns) + 1)]
    widths = [after - before for before, after in pairwise(edges)]
    planes = []
    for level in sorted(set().union(*lines)):
        bits = (sum((each == level) << y for y, each in enumerate(column)) for column in columns)
        pairs = groupby(zip(bits, widths, strict=True), lambda pair: pair[0])
        runs = [(mask, sum(each for _, each in run)) for mask, run in pairs]
        if not runs[-1][0]:
            runs.pop()
        planes.append(f"#{level}" + "".join(_run(chr(63 + mask), count) for mask, count in runs))
    return "$".join(planes)


def _run(character: str, count: int) -> str:
    return character * count if count < 4 else f"!{count}{character}"
