"""TerminalCopy: less is written, and a terminal looks the same."""

from __future__ import annotations

import pyte
from hypothesis import given, settings
from hypothesis import strategies as st
from pyte.screens import Char

from logreg_tui.tui.app.terminal_copy import TerminalCopy

WIDTH, HEIGHT = 24, 6
Paint = tuple[int, int, list[tuple[str, str]]]
STYLES = (
    "0",
    "38;2;224;224;224;48;2;18;18;18",
    "1;38;2;224;224;224;48;2;18;18;18",
    "38;2;86;180;233;48;2;18;18;18",
    "2;38;5;9;48;5;236",
    "4;31;42",
    "7;31",
    "1;7;97;104",
    "48;2;36;47;56",
    "9",
    "39;49",
)
TEXTS = st.text(alphabet="ab 1█━⠳ ", min_size=1, max_size=8) | st.sampled_from(["漢字", "e\u0301a", "a漢 b"])
PAINTS = st.tuples(
    st.integers(1, HEIGHT),
    st.integers(1, WIDTH - 8),
    st.lists(st.tuples(st.sampled_from(STYLES), TEXTS), min_size=1, max_size=3),
)
INK = "\x1b[38;2;224;224;224;48;2;18;18;18m"


def painted(row: int, column: int, segments: list[tuple[str, str]]) -> str:
    text = "".join(f"\x1b[{style}m{text}\x1b[0m" for style, text in segments)
    return f"\x1b[{row};{column}H{text}"


def frame_of(paints: list[Paint]) -> str:
    """Return what Textual would write: the rows from top to bottom, then the place of the cursor."""
    ordered = sorted(paints, key=lambda paint: paint[0])
    last = ordered[-1][0]
    return "".join(painted(*paint) + "\n" * (paint[0] != last) for paint in ordered) + "\x1b[2;3H"


class Terminal:
    """A terminal, by what it shows after writes to it."""

    def __init__(self) -> None:
        self._screen = pyte.Screen(WIDTH, HEIGHT)
        self._screen.reset_mode(pyte.modes.DECAWM)
        self._stream = pyte.Stream(self._screen)

    def write(self, data: str) -> None:
        self._stream.feed(data.replace("\n", "\r\n"))

    def look(self) -> list[list[Char]]:
        rows = [[self._screen.buffer[y][x] for x in range(WIDTH)] for y in range(HEIGHT)]
        return [[_seen(cell) for cell in row] for row in rows]

    def cursor(self) -> tuple[int, int]:
        return self._screen.cursor.y, self._screen.cursor.x


def _seen(cell: Char) -> Char:
    """Return a cell without what does not show: the ink of a blank."""
    is_bare = cell.data == " " and not (cell.reverse or cell.underscore or cell.strikethrough)
    return Char(" ", bg=cell.bg) if is_bare else cell


@settings(deadline=None)
@given(st.lists(st.lists(PAINTS, min_size=1, max_size=5), min_size=1, max_size=6))
def test_a_terminal_looks_the_same_after_every_frame(frames: list[list[Paint]]) -> None:
    plain, thrifty, copy = Terminal(), Terminal(), TerminalCopy()
    for frame in frames:
        data = frame_of(frame)
        plain.write(data)
        thrifty.write(copy.reduce(data))
        assert thrifty.look() == plain.look()
        assert thrifty.cursor() == plain.cursor()


def test_what_is_shown_already_is_not_sent_again() -> None:
    copy = TerminalCopy()
    frame = painted(1, 1, [(STYLES[1], "one"), (STYLES[2], "two")]) + "\x1b[1;1H"
    assert copy.reduce(frame)
    assert copy.reduce(frame) == ""


def test_only_cells_that_differ_are_sent_each_colour_once() -> None:
    copy = TerminalCopy()
    copy.reduce(painted(1, 1, [(STYLES[1], "epoch 100")]))
    sent = copy.reduce(painted(1, 1, [(STYLES[1], "epoch 201")]))
    assert sent == f"\x1b[1;7H{INK}2\x1b[1C1\x1b[m"


def test_a_change_of_colour_names_only_what_changes() -> None:
    sent = TerminalCopy().reduce(painted(1, 1, [(STYLES[1], "a"), (STYLES[3], "b"), (STYLES[2], "c")]))
    assert sent == f"\x1b[1;1H{INK}a\x1b[38;2;86;180;233mb\x1b[1;38;2;224;224;224mc\x1b[m"


def test_a_blank_takes_any_ink() -> None:
    copy = TerminalCopy()
    copy.reduce(painted(1, 1, [(STYLES[1], "a b")]))
    assert (
        copy.reduce(painted(1, 1, [(STYLES[1], "a"), (STYLES[3], " "), (STYLES[1], "b")]) + "\x1b[1;4H") == ""
    )


def test_an_unknown_sequence_is_passed_on_and_everything_is_sent_again_after_it() -> None:
    copy = TerminalCopy()
    frame = painted(1, 1, [(STYLES[1], "one")])
    first = copy.reduce(frame)
    for unknown in ("\x1b[?1049h", "\x1b[2J", "a\x1b]8;;http://x\x1b\\b", "text without a place"):
        assert copy.reduce(unknown) == unknown
        assert copy.reduce(frame) == first


def test_what_only_frames_a_paint_or_names_the_pointer_changes_nothing_that_is_known() -> None:
    copy = TerminalCopy()
    frame = painted(1, 1, [(STYLES[1], "one")]) + "\x1b[1;4H"
    copy.reduce(frame)
    for aside in ("\x1b[?2026h", "\x1b[?2026l", "\x1b]22;pointer\x07"):
        assert copy.reduce(aside) == aside
    assert copy.reduce(frame) == ""


def test_after_forgetting_everything_is_sent() -> None:
    copy = TerminalCopy()
    frame = painted(1, 1, [(STYLES[1], "one")])
    first = copy.reduce(frame)
    copy.forget()
    assert copy.reduce(frame) == first


def test_what_stands_right_of_a_wide_character_is_sent_again() -> None:
    copy = TerminalCopy()
    copy.reduce(painted(1, 10, [(STYLES[1], "end")]))
    copy.reduce(painted(1, 1, [(STYLES[1], "漢")]))
    assert "end" in copy.reduce(painted(1, 10, [(STYLES[1], "end")]))
