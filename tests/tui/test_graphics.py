"""Images for terminals: which protocol, what is sent, and the characters that stand for them."""

from __future__ import annotations

import io
import re
import unicodedata
from base64 import b64decode
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from PIL import Image as PillowImage

from logreg_tui.tui.graphics import (
    AUTO,
    BLOCKS,
    FIRST,
    KITTY,
    LAST,
    SIXEL,
    Graphics,
    Image,
    ImageSheet,
    choose_protocol,
)
from logreg_tui.tui.image_encoding import (
    CHUNK,
    MOST_CELLS,
    Rgb,
    kitty_deletion,
    kitty_image,
    png,
    row_column_marks,
    sixel,
    through_tmux,
)

PALETTE: tuple[Rgb, ...] = ((0, 0, 0), (255, 255, 255), (51, 102, 153), (255, 0, 51))
APC = re.compile(r"\x1b_G([^;\x1b]*);?([^\x1b]*)\x1b\\")


def random_levels(rows: int, columns: int, seed: int = 0) -> tuple[bytes, ...]:
    levels = np.random.default_rng(seed).integers(0, len(PALETTE), (rows, columns), np.uint8)
    return tuple(row.tobytes() for row in levels)


def enlarged(levels: Sequence[bytes], scale: int) -> np.ndarray:
    """Return the colours of the pixels, shape (rows, columns, 3)."""
    numbers = np.array([list(row) for row in levels])
    return np.array(PALETTE, np.uint8)[numbers].repeat(scale, 0).repeat(scale, 1)


def decoded_sixel(text: str) -> np.ndarray:
    """Return the pixels of a sixel image, shape (rows, columns, 3), -1 where nothing was painted."""
    found = re.fullmatch(r'\x1bP0;1;0q"1;1;(\d+);(\d+)(.*)\x1b\\', text)
    assert found
    width, height = int(found[1]), int(found[2])
    pixels = np.full((-(-height // 6) * 6, width, 3), -1)
    colors: dict[int, list[int]] = {}
    color, x, y = 0, 0, 0
    for number, rgb, count, character, control in re.findall(
        r"#(\d+)(;2;\d+;\d+;\d+)?|(?:!(\d+))?([?-~])|([$-])", found[3]
    ):
        if number:
            color = int(number)
            if rgb:
                colors[color] = [round(int(part) * 2.55) for part in rgb.split(";")[2:]]
        elif control:
            x, y = 0, y + 6 * (control == "-")
        else:
            for bit in range(6):
                if ord(character) - 63 >> bit & 1:
                    pixels[y + bit, x : x + int(count or 1)] = colors[color]
            x += int(count or 1)
    assert (pixels[height:] == -1).all()
    return pixels[:height]


# Which protocol


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"TERM": "xterm-kitty"}, KITTY),
        ({"TERM": "xterm-ghostty"}, KITTY),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "ghostty"}, KITTY),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, KITTY),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1", "VTE_VERSION": "7200"}, BLOCKS),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1", "TERM_PROGRAM": "vscode"}, BLOCKS),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm", "TERM_PROGRAM_VERSION": "20240203"}, SIXEL),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app", "TERM_PROGRAM_VERSION": "3.5.0"}, SIXEL),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app", "TERM_PROGRAM_VERSION": "3.4.23"}, BLOCKS),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app", "TERM_PROGRAM_VERSION": "new"}, BLOCKS),
        ({"TERM": "xterm-kitty", "TERM_PROGRAM": "iTerm.app", "TERM_PROGRAM_VERSION": "3.5.0"}, KITTY),
        ({"TERM": "foot", "TERM_PROGRAM": "ghostty", "KITTY_WINDOW_ID": "1"}, SIXEL),
        ({"TERM": "alacritty", "TERM_PROGRAM": "WezTerm", "KITTY_WINDOW_ID": "1"}, BLOCKS),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm", "VTE_VERSION": "7200"}, BLOCKS),
        ({"TERM": "wezterm"}, SIXEL),
        ({"TERM": "foot"}, SIXEL),
        ({"TERM": "foot-extra"}, SIXEL),
        ({"TERM": "mlterm-256color"}, SIXEL),
        ({"TERM": "contour"}, SIXEL),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, BLOCKS),
        ({"TERM": "xterm-256color"}, BLOCKS),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/tmux-1/default,1,0"}, BLOCKS),
        ({"TERM": "tmux-256color", "KITTY_WINDOW_ID": "1"}, BLOCKS),
        ({"TERM": "screen-256color", "TERM_PROGRAM": "WezTerm"}, BLOCKS),
        ({"TERM": "xterm-kitty", "ZELLIJ": "0"}, BLOCKS),
        ({"TERM": "linux"}, BLOCKS),
        ({"TERM": ""}, BLOCKS),
        ({}, BLOCKS),
    ],
)
def test_the_name_of_the_terminal_decides(environment: Mapping[str, str], expected: str) -> None:
    assert choose_protocol(AUTO, environment, (10, 20)) == expected
    for setting in (KITTY, SIXEL, BLOCKS):
        assert choose_protocol(setting, environment, None) == setting


def test_no_sixels_of_unknown_size_unless_they_are_asked_for() -> None:
    assert choose_protocol(AUTO, {"TERM": "foot"}, None) == BLOCKS
    assert choose_protocol(AUTO, {"TERM": "xterm-kitty"}, None) == KITTY


# What is sent


@pytest.mark.parametrize("scale", [1, 2, 5, 16])
@pytest.mark.parametrize("shape", [(28, 28), (8, 8), (1, 7), (5, 1)])
def test_a_png_holds_every_level_as_a_square(shape: tuple[int, int], scale: int) -> None:
    levels = random_levels(*shape)
    image = PillowImage.open(io.BytesIO(png(levels, PALETTE, scale)))
    np.testing.assert_array_equal(np.asarray(image.convert("RGB")), enlarged(levels, scale))


@pytest.mark.parametrize("scale", [1, 4, 6, 7, 16])
@pytest.mark.parametrize("shape", [(28, 28), (8, 8), (1, 7), (5, 1)])
def test_sixels_hold_every_level_as_a_square(shape: tuple[int, int], scale: int) -> None:
    levels = random_levels(*shape)
    shown = decoded_sixel(sixel(levels, PALETTE, shape[1] * scale, shape[0] * scale))
    np.testing.assert_array_equal(shown, enlarged(levels, scale))


@pytest.mark.parametrize("size", [(80, 80), (29, 55), (100, 31)])
def test_sixels_of_another_size_repeat_the_nearest_level(size: tuple[int, int]) -> None:
    levels, (width, height) = random_levels(28, 28), size
    rows, columns = np.arange(height) * 28 // height, np.arange(width) * 28 // width
    shown = decoded_sixel(sixel(levels, PALETTE, width, height))
    np.testing.assert_array_equal(shown, enlarged(levels, 1)[rows][:, columns])


def test_a_small_image_is_one_silent_command() -> None:
    (command,) = kitty_image(7, b"\x89PNG", 4, 2)
    assert command == "\x1b_Ga=T,f=100,U=1,i=7,c=4,r=2,q=2;iVBORw==\x1b\\"
    assert kitty_deletion(7) == "\x1b_Ga=d,d=I,i=7,q=2\x1b\\"


def test_a_large_image_comes_in_chunks_and_is_placed_behind_them() -> None:
    data = np.random.default_rng(0).bytes(2 * CHUNK)
    commands = list(kitty_image(7, data, 4, 2))
    parts = [APC.fullmatch(command) for command in commands]
    found = [(part[1], part[2]) for part in parts if part]
    assert b64decode("".join(text for _, text in found)) == data
    assert all(len(text) <= CHUNK and len(text) % 4 == 0 for _, text in found)
    controls = [control for control, _ in found]
    assert controls[0] == "a=t,f=100,i=7,q=2,m=1"
    assert controls[1:-1] == ["q=2,m=1"] * (len(found) - 3) + ["q=2,m=0"]
    assert controls[-1] == "a=p,U=1,i=7,c=4,r=2,q=2"


def test_kittys_marks_are_as_many_as_its_list_has_and_stand_above_a_character() -> None:
    marks = row_column_marks()
    assert len(set(marks)) == len(marks) == MOST_CELLS
    assert all(unicodedata.combining(mark) == 230 for mark in marks)
    # The first, some between and the last, as kitty's list has them.
    assert [f"{ord(marks[at]):X}" for at in (0, 1, 30, 255, 296)] == ["305", "30D", "483", "A8E5", "1D244"]


def test_tmux_is_told_to_pass_a_command_on() -> None:
    assert through_tmux("\x1b_Ga=d\x1b\\") == "\x1bPtmux;\x1b\x1b_Ga=d\x1b\x1b\\\x1b\\"
    graphics = Graphics(KITTY, in_tmux=True)
    placed = graphics.place(None, Image(random_levels(4, 4), PALETTE), 4, 2)
    assert placed is not None
    assert graphics.output(placed.number).startswith("\x1bPtmux;\x1b\x1b_G")


def test_an_image_is_as_large_as_its_cells_are_when_it_is_sent() -> None:
    size = [(10, 20)]
    graphics = Graphics(SIXEL, cell=lambda: size[0])
    placed = graphics.place(None, Image(random_levels(8, 8), PALETTE), 8, 4)
    assert placed is not None
    for size[0], pixels in (((10, 20), 80), ((7, 15), 56), ((5, 9), 36), ((1, 1), 8)):
        assert decoded_sixel(graphics.output(placed.number)).shape == (pixels, pixels, 3)


# Characters that stand for images


def test_an_image_is_told_of_when_it_changes_and_keeps_its_characters() -> None:
    graphics, told = Graphics(KITTY), list[int]()
    graphics.listener = told.append
    one, other = (Image(random_levels(4, 4, seed), PALETTE) for seed in (0, 1))
    first = graphics.place(None, one, 8, 4)
    assert first is not None
    assert first == graphics.place(first.number, one, 8, 4)
    assert told == [first.number]
    second = graphics.place(first.number, other, 8, 4)
    assert second is not None
    assert second.lines() == first.lines()
    assert [graphics.cell_of(line[0]) for line in second.lines()] == [(second, y, 0) for y in range(4)]
    third = graphics.place(first.number, other, 9, 4)
    assert third is not None
    assert set("".join(third.lines())).isdisjoint("".join(second.lines()))
    graphics.drop(third.number)
    assert told == [first.number] * 4
    assert graphics.cell_of(third.lines()[0][0]) is None
    assert graphics.output(third.number) == kitty_deletion(third.number)


def test_images_never_share_a_character_however_many_there_were() -> None:
    graphics, random = Graphics(KITTY), np.random.default_rng(0)
    for seed in range(300):
        columns, rows = (int(size) for size in random.integers(1, 90, 2))
        number = int(random.choice(list(graphics.placed))) if len(graphics.placed) > 4 else None
        image = Image(random_levels(1, 1, seed), PALETTE)
        placed = graphics.place(number, image, columns, rows)
        assert placed is not None
        spans = sorted((each.first, each.end) for each in graphics.placed.values())
        assert spans[0][0] >= FIRST
        assert spans[-1][1] <= LAST + 1
        assert all(before[1] <= after[0] for before, after in zip(spans, spans[1:], strict=False))


@pytest.mark.parametrize(("columns", "rows"), [(MOST_CELLS + 1, 1), (0, 0), (2, 1)])
def test_what_cannot_be_shown_is_left_to_half_blocks(columns: int, rows: int) -> None:
    graphics = Graphics(KITTY, cell=lambda: (10, 20))
    assert graphics.place(None, Image(random_levels(40, 40), PALETTE), columns, rows) is None
    assert not graphics.placed


def test_a_sheet_forgets_the_images_that_a_drawing_does_without() -> None:
    graphics, told = Graphics(KITTY), list[int]()
    graphics.listener = told.append
    sheet = ImageSheet(graphics)
    images = [Image(random_levels(4, 4, seed), PALETTE) for seed in range(3)]
    drawings = (images, images, images[:1], [])
    for drawn in drawings:
        sheet.begin()
        for image in drawn:
            assert sheet.lines(image, 8, 4)
        sheet.end()
        assert len(graphics.placed) == len(drawn)
    assert told == [1, 2, 3, 3, 2, 1]


def test_the_protocol_decides_what_a_panel_may_show() -> None:
    sheets = {protocol: Graphics(protocol).sheet() for protocol in (KITTY, SIXEL, BLOCKS)}
    may = {protocol: sheet and sheet.takes_changes for protocol, sheet in sheets.items()}
    assert may == {KITTY: True, SIXEL: False, BLOCKS: None}
