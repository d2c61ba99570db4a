"""Images in the stream to the terminal: sent once per change, moved, covered and uncovered like text."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pyte
import pytest
from helpers.app import Lab, running, settle
from helpers.fake_training import FakeTraining
from hypothesis import given, settings
from hypothesis import strategies as st

from logreg_tui.tui.app.terminal_copy import TerminalCopy
from logreg_tui.tui.graphics import BLOCKS, KITTY, SIXEL, Graphics, Image, PlacedImage
from logreg_tui.tui.image_encoding import PLACEHOLDER, row_column_marks
from logreg_tui.tui.widgets.mistakes.panel import MistakesPanel
from logreg_tui.tui.widgets.weights.panel import WeightsPanel

PALETTE = ((0, 0, 0), (255, 255, 255))
STYLE = "38;2;224;224;224;48;2;18;18;18"
BACKGROUND = "48;2;18;18;18"
SIXELS = re.compile(r"\x1b7\x1b\[(\d+);(\d+)H\x1bP[^\x1b]*\x1b\\\x1b8")
PRIVATE = re.compile("[\U000f0000-\U000ffffd]")


def image(seed: int = 0) -> Image:
    levels = np.random.default_rng(seed).integers(0, 2, (4, 4), np.uint8)
    return Image(tuple(row.tobytes() for row in levels), PALETTE)


def placed(graphics: Graphics, number: int | None = None, seed: int = 0) -> PlacedImage:
    found = graphics.place(number, image(seed), 4, 2)
    assert found is not None
    return found


def painted(row: int, column: int, text: str) -> str:
    return f"\x1b[{row};{column}H\x1b[{STYLE}m{text}\x1b[0m"


def frame(shown: PlacedImage, row: int, column: int) -> str:
    lines = (painted(row + y, column, f"a{line}b") for y, line in enumerate(shown.lines()))
    return "\n".join(lines) + "\x1b[1;1H"


def kitty_cells(row: int) -> str:
    marks = row_column_marks()
    return "".join(PLACEHOLDER + marks[row] + marks[column] for column in range(4))


# The stream


def test_kitty_is_sent_placeholders_in_the_colour_that_is_the_number_of_the_image() -> None:
    graphics = Graphics(KITTY)
    shown, copy = placed(graphics), TerminalCopy(graphics)
    sent = copy.reduce(frame(shown, 3, 5))
    for row in range(2):
        assert f"a\x1b[38;5;1m{kitty_cells(row)}\x1b[38;2;224;224;224mb" in sent
    assert copy.reduce(frame(shown, 3, 5)) == ""


def test_kitty_is_sent_no_cell_when_an_image_changes_in_its_place() -> None:
    graphics = Graphics(KITTY)
    copy = TerminalCopy(graphics)
    copy.reduce(frame(placed(graphics), 3, 5))
    other = placed(graphics, 1, seed=1)
    assert copy.image(1) == graphics.output(1) != ""
    assert copy.reduce(frame(other, 3, 5)) == ""


def test_part_of_an_image_that_is_uncovered_is_sent_alone() -> None:
    graphics = Graphics(KITTY)
    shown, copy = placed(graphics), TerminalCopy(graphics)
    copy.reduce(frame(shown, 3, 5))
    copy.reduce(painted(3, 8, "XY") + "\x1b[1;1H")
    sent = copy.reduce(frame(shown, 3, 5))
    marks = row_column_marks()
    assert [sent.count(PLACEHOLDER + marks[0] + marks[column]) for column in range(4)] == [0, 0, 1, 1]


def test_sixels_follow_the_blanks_once_and_leave_the_cursor_where_it_was() -> None:
    graphics = Graphics(SIXEL, cell=lambda: (10, 20))
    shown, copy = placed(graphics), TerminalCopy(graphics)
    sent = copy.reduce(frame(shown, 3, 5))
    text, (row, column) = SIXELS.sub("", sent), SIXELS.findall(sent)[0]
    assert (row, column) == ("3", "6")
    assert sent.endswith("\x1b8")
    assert f"\x1b[{STYLE}ma    b" in text
    assert not PRIVATE.search(text)
    assert copy.reduce(frame(shown, 3, 5)) == ""


def test_sixels_are_sent_again_when_the_image_changed_moved_or_was_uncovered() -> None:
    graphics = Graphics(SIXEL, cell=lambda: (10, 20))
    shown, copy = placed(graphics), TerminalCopy(graphics)
    first = SIXELS.search(copy.reduce(frame(shown, 3, 5)))
    changed = placed(graphics, 1, seed=1)
    sent = copy.image(1)
    assert SIXELS.fullmatch(sent)
    assert first
    assert sent != first[0]
    # Covered in part it cannot be shown: what is left of it stays until it is whole again.
    assert not SIXELS.search(copy.reduce(painted(3, 8, "X") + "\x1b[1;1H"))
    assert copy.image(1) == ""
    assert len(SIXELS.findall(copy.reduce(frame(changed, 3, 5)))) == 1
    moved = copy.reduce(frame(changed, 4, 7))
    assert SIXELS.findall(moved) == [("4", "8")]
    copy.forget()
    assert SIXELS.findall(copy.reduce(frame(changed, 4, 7))) == [("4", "8")]
    smaller = graphics.place(1, image(1), 3, 2)
    assert smaller is not None
    # Blanks wipe out all of the larger one first.
    sent = copy.reduce(frame(smaller, 4, 7))
    assert "   " in SIXELS.sub("", sent)
    assert len(SIXELS.findall(sent)) == 1


@pytest.mark.parametrize("protocol", [KITTY, SIXEL])
def test_an_image_that_is_gone_leaves_blanks(protocol: str) -> None:
    graphics = Graphics(protocol)
    shown, copy = placed(graphics), TerminalCopy(graphics)
    graphics.drop(shown.number)
    sent = copy.reduce(frame(shown, 3, 5))
    assert sent.count("    ") == 2
    assert not PRIVATE.search(sent)
    assert PLACEHOLDER not in sent
    assert not SIXELS.search(sent)


SPANS = st.tuples(st.integers(1, 4), st.integers(1, 12), st.sampled_from(("image", "text", "blank")))
"""Row and column of what is painted, and what it is."""


@settings(deadline=None)
@given(st.lists(st.lists(SPANS, min_size=1, max_size=4), min_size=1, max_size=5))
def test_kittys_cells_look_the_same_however_they_were_covered(
    frames: list[list[tuple[int, int, str]]],
) -> None:
    graphics = Graphics(KITTY)
    lines, copy = placed(graphics).lines(), TerminalCopy(graphics)
    whole, thrifty = pyte.Screen(20, 6), pyte.Screen(20, 6)
    for spans in frames:
        texts = {"image": lines[len(spans) % 2], "text": "word", "blank": "    "}
        data = "\n".join(painted(row, column, texts[kind]) for row, column, kind in sorted(spans))
        for screen, written in (whole, TerminalCopy(graphics).reduce(data)), (thrifty, copy.reduce(data)):
            pyte.Stream(screen).feed(written)
        assert thrifty.display == whole.display


# The app


class Sent:
    """The numbers of images that the driver was told of, and whether they were there."""

    def __init__(self, lab: Lab) -> None:
        self._graphics = lab.app.graphics
        self._told: list[tuple[int, bool]] = []
        self._graphics.listener = lambda number: self._told.append((number, number in self._graphics.placed))

    def take(self) -> list[tuple[int, bool]]:
        told, self._told = self._told, []
        return told

    @property
    def cells(self) -> list[tuple[int, int]]:
        """Columns and rows of the images that there are."""
        return [(each.columns, each.rows) for each in self._graphics.placed.values()]


@asynccontextmanager
async def looking_at_mistakes(protocol: str, **options: object) -> AsyncIterator[tuple[Lab, Sent]]:
    async with running(FakeTraining(shows_data=True), graphics=protocol, **options) as lab:
        sent = Sent(lab)
        await lab.press("3")
        panel = lab.screen.query_one(MistakesPanel)
        await lab.until(lambda: panel._analysis is not None)
        panel.focus()
        await lab.press("enter")
        await lab.until(lambda: panel._is_read)
        await settle(lab.pilot)
        yield lab, sent


async def press(lab: Lab, key: str) -> None:
    await lab.press(key)
    await lab.until(lambda: lab.screen.query_one(MistakesPanel)._is_read)
    await settle(lab.pilot)


async def test_an_enlarged_sample_is_sent_once_per_change_and_forgotten_behind_it() -> None:
    async with looking_at_mistakes(SIXEL) as (lab, sent):
        sent.take()
        await press(lab, "enter")
        told = sent.take()
        assert told[0] == (1, True)
        assert not any(is_there for _, is_there in told[1:])
        assert PRIVATE.search(lab.text())
        # As large as its text leaves room for, where half blocks would stay at 28 cells for 28 pixels.
        assert sent.cells == [(40, 20)]
        await press(lab, "right")
        assert sent.take() == [(1, True)]
        for key in ("question_mark", "escape", "ctrl+l"):
            await press(lab, key)
        assert sent.take() == []
        await press(lab, "escape")
        assert all(is_there for _, is_there in sent.take())
        await lab.press("escape")
        await settle(lab.pilot)
        assert sent.cells == []
        assert not PRIVATE.search(lab.text())


@pytest.mark.parametrize("protocol", [KITTY, SIXEL])
async def test_all_images_of_a_cell_are_sent_once_each(protocol: str) -> None:
    async with looking_at_mistakes(protocol) as (lab, sent):
        told = sent.take()
        assert told == [(number, True) for number in range(1, len(told) + 1)] != []
        await press(lab, "right")
        assert sent.take() == []
        await press(lab, "enter")
        assert sent.take()[0] == (1, True)
        assert len(sent.cells) == 1


@pytest.mark.parametrize(
    ("protocol", "options"), [(BLOCKS, {}), (KITTY, {"ascii_only": True}), (SIXEL, {"ascii_only": True})]
)
async def test_blocks_and_ascii_send_no_image(protocol: str, options: dict[str, object]) -> None:
    async with looking_at_mistakes(protocol, **options) as (lab, sent):
        await press(lab, "enter")
        assert sent.take() == []
        assert not PRIVATE.search(lab.text())


async def test_no_color_sends_no_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with looking_at_mistakes(KITTY) as (lab, sent):
        await press(lab, "enter")
        assert sent.take() == []
        assert not PRIVATE.search(lab.text())


async def test_class_pictures_are_images_for_kitty_and_half_blocks_for_sixels() -> None:
    for protocol, count in ((KITTY, 10), (SIXEL, 0)):
        async with running(FakeTraining(shows_data=True), graphics=protocol) as lab:
            sent = Sent(lab)
            await lab.press("2")
            await lab.until(lambda lab=lab: "bias" in lab.text())
            assert len(sent.take()) == count
            panel = lab.screen.query_one(WeightsPanel)
            # Each change is sent as a whole, so there are fewer of them.
            assert bool(panel.rest_s) is (count > 0)
