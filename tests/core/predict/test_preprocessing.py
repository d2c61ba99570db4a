"""A digit is found in whatever guise it comes, and brought to the form of a dataset's samples."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from helpers.drawn import drawn, photo
from PIL import Image, ImageDraw, ImageOps

from logreg_tui.core.data.dataset import Dataset
from logreg_tui.core.errors import UserError
from logreg_tui.core.predict.drawing import NothingDrawn
from logreg_tui.core.predict.picture_file import FORMATS, read_picture
from logreg_tui.core.predict.preprocessing import (
    DIGITS,
    FASHION,
    MNIST,
    Preprocessing,
    measure_preprocessing,
)

AGREEMENT = 0.9
"""Correlation of two samples of one digit; those of a 7 and a 1 have less than 0.7."""
Guise = Callable[[int], Image.Image]
GUISES: dict[str, Guise] = {
    "light on dark": partial(drawn, ink=250, ground=10),
    "grey on grey": partial(drawn, ink=120, ground=160),
    "colour on a colour as bright": partial(drawn, ink=(200, 30, 30), ground=(30, 117, 30), mode="RGB"),
    "black on nothing": partial(drawn, ink=(0, 0, 0, 255), ground=(0, 0, 0, 0), mode="RGBA"),
    "white on nothing": partial(drawn, ink=(255, 255, 255, 255), ground=(9, 9, 9, 0), mode="RGBA"),
    "grey on nothing": partial(drawn, ink=(200, 255), ground=(200, 0), mode="LA"),
    "palette": lambda digit: drawn(digit, ink=(0, 0, 90), ground=(255, 250, 240), mode="RGB").quantize(4),
    "two colours": lambda digit: drawn(digit).convert("1"),
    "16 bits": lambda digit: Image.fromarray(np.asarray(drawn(digit), np.uint16) * 257),
    "large": partial(drawn, size=(2400, 1800), height=1200, width=144),
    "small": lambda digit: drawn(digit).resize((48, 36), Image.Resampling.BOX),
    "in a corner": partial(drawn, height=100, width=12, center=(0.2, 0.75)),
    "up to the edges": lambda digit: ImageOps.crop(drawn(digit), (100, 36, 100, 36)),
    "photo": photo,
    "noisy photo": partial(photo, noise=20),
    "10 of 16 bits": lambda digit: Image.fromarray(np.asarray(drawn(digit), np.uint16) * 3 + 100),
    "a mask of 0 and 1": lambda digit: Image.fromarray(np.asarray(drawn(digit)) // 128),
    "a thin frame": lambda digit: framed(drawn(digit), "left top right bottom", 4),
    "a thick frame": lambda digit: framed(drawn(digit), "left top right bottom", 30),
    "a frame on three sides": lambda digit: framed(drawn(digit), "left top right", 15),
    "a frame on two sides": lambda digit: framed(drawn(digit), "left bottom", 15),
    "a frame on one side": lambda digit: framed(drawn(digit), "bottom", 30),
    "pencil within a frame": lambda digit: framed(drawn(digit, ink=150), "left top right bottom", 15),
    "a light frame": lambda digit: framed(drawn(digit, ink=250, ground=5), "left top right bottom", 15, 255),
    "paper askew": lambda digit: askew(drawn(digit)),
    "a box around it": lambda digit: ImageOps.expand(
        framed(drawn(digit), "left top right bottom", 3), 20, 255
    ),
    "a shadow in a corner": lambda digit: cornered(drawn(digit)),
    "a digit that touches the edge": lambda digit: drawn(digit, center=(0.5, 0.36)),
}


def framed(image: Image.Image, sides: str, width: int, color: int = 0) -> Image.Image:
    right, bottom = image.width, image.height
    boxes = {
        "left": (0, 0, width, bottom),
        "top": (0, 0, right, width),
        "right": (right - width, 0, right, bottom),
        "bottom": (0, bottom - width, right, bottom),
    }
    for side in sides.split():
        ImageDraw.Draw(image).rectangle(boxes[side], fill=color)
    return image


def askew(image: Image.Image) -> Image.Image:
    """Return a picture with a dark frame whose paper is turned, though not the digit."""
    paper = ImageOps.expand(Image.new("L", image.size, 255), 40).rotate(3)
    paper.paste(image, (40, 40), image.point([255] * 128 + [0] * 128))
    return paper


def cornered(image: Image.Image) -> Image.Image:
    ImageDraw.Draw(image).polygon([(0, 0), (90, 0), (0, 90)], fill=20)
    return image


def sample(
    image: Image.Image, path: Path, preprocessing: Preprocessing = MNIST, **options: object
) -> np.ndarray:
    image.save(path, **options)
    return preprocessing.apply(read_picture(path))


def agreement(one: np.ndarray, other: np.ndarray) -> float:
    """Return the correlation, one pixel to and fro: a centre of mass near a half is rounded either way."""
    moves = [(down, across) for down in (-1, 0, 1) for across in (-1, 0, 1)]
    moved = (np.roll(one, move, (0, 1)).ravel() for move in moves)
    return max(float(np.corrcoef(values, other.ravel())[0, 1]) for values in moved)


@pytest.mark.parametrize("guise", GUISES)
@pytest.mark.parametrize("digit", [0, 1, 7])
def test_the_guise_of_a_digit_does_not_matter(digit: int, guise: str, tmp_path: Path) -> None:
    plain = sample(drawn(digit), tmp_path / "plain.png")
    assert agreement(sample(GUISES[guise](digit), tmp_path / "guise.png"), plain) > AGREEMENT


@pytest.mark.parametrize("is_stacked", [False, True])
def test_the_largest_of_several_digits_is_read_and_they_are_counted(is_stacked: bool, tmp_path: Path) -> None:
    one = drawn(1, size=(300, 300))
    both = Image.new("L", (300, 600) if is_stacked else (600, 300), 255)
    both.paste(drawn(7, size=(300, 300)))
    both.paste(one, (0, 300) if is_stacked else (300, 0))
    both.save(tmp_path / "71.png")
    counts: list[int] = []
    values = MNIST.apply(read_picture(tmp_path / "71.png"), counts.append)
    assert counts == [2]
    assert agreement(values, sample(drawn(7), tmp_path / "7.png")) > AGREEMENT


def test_the_parts_of_a_digit_and_characters_of_two_parts_are_one_thing(tmp_path: Path) -> None:
    counts: list[int] = []
    broken = drawn(7)
    ImageDraw.Draw(broken).rectangle((0, 80, 400, 100), fill=255)
    measured = replace(MNIST, is_measured=True)
    two = drawn(1)
    two.paste(drawn(1).crop((180, 0, 220, 300)), (250, 0))
    for image, preprocessing in ((broken, MNIST), (two, measured)):
        image.save(tmp_path / "a.png")
        values = preprocessing.apply(read_picture(tmp_path / "a.png"), counts.append)
        assert max(np.ptp(axis) for axis in np.nonzero(values > 60)) + 1 >= 18
    assert counts == []


def test_different_digits_do_not_agree(tmp_path: Path) -> None:
    seven, one, zero = (sample(drawn(digit), tmp_path / "a.png") for digit in (7, 1, 0))
    assert max(agreement(seven, one), agreement(seven, zero), agreement(one, zero)) < 0.7


def test_a_sample_is_made_as_mnist_was(tmp_path: Path) -> None:
    for digit in (0, 1, 7):
        values = sample(drawn(digit), tmp_path / "a.png")
        rows, columns = np.nonzero(values)
        assert values.shape == (28, 28)
        assert values.dtype == np.uint8
        assert values.max() == 255
        assert max(np.ptp(rows), np.ptp(columns)) + 1 in (19, 20)
        for axis in (0, 1):
            profile = values.sum(axis, dtype=float)
            assert abs((profile * np.arange(28)).sum() / profile.sum() - 14) <= 0.51


def test_strong_compression_does_not_matter(tmp_path: Path) -> None:
    plain = sample(drawn(7), tmp_path / "a.png")
    assert agreement(sample(drawn(7), tmp_path / "a.jpg", quality=10), plain) > AGREEMENT


def test_a_photo_is_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    plain = sample(drawn(7), tmp_path / "a.png")
    turned = sample(drawn(7).rotate(90, expand=True), tmp_path / "b.jpg", exif=exif)
    assert agreement(turned, plain) > AGREEMENT


@pytest.mark.parametrize("width", [1, 3])
def test_a_thin_line_becomes_a_stroke(width: int, tmp_path: Path) -> None:
    values = sample(drawn(7, width=width), tmp_path / "a.png")
    assert agreement(values, sample(drawn(7, width=22), tmp_path / "b.png")) > 0.9
    assert np.count_nonzero(values > 200) > 30


@pytest.mark.parametrize("kind", FORMATS)
def test_a_picture_is_read_by_its_content(kind: str, tmp_path: Path) -> None:
    plain = sample(drawn(7), tmp_path / "a.png")
    assert agreement(sample(drawn(7), tmp_path / "picture.txt", format=kind), plain) > AGREEMENT


def test_the_digits_of_scikit_learn_are_bits_counted_in_blocks(tmp_path: Path, digits: Dataset) -> None:
    stored = digits.train_inputs.stored(0, len(digits.train_inputs)).reshape(-1, 8, 8)
    for digit in (0, 1, 7):
        values = sample(drawn(digit, width=36), tmp_path / "a.png", DIGITS)
        assert set(values.ravel()) <= set(range(17))
        # Nobody's 7 is the average one, but it is nearer to it than to most others.
        means = [stored[digits.train_labels == label].mean(0) for label in range(10)]
        assert np.argmax([agreement(values, mean) for mean in means]) == digit


def test_a_thing_of_fashion_keeps_its_greys_and_fills_the_field(tmp_path: Path) -> None:
    shirt = Image.new("L", (300, 400), 255)
    shirt.paste(155, (100, 50, 200, 350))
    shirt.paste(55, (100, 200, 200, 350))
    values = sample(shirt, tmp_path / "a.png", FASHION)
    rows, columns = np.nonzero(values)
    assert (rows.min(), rows.max()) == (0, 27)
    assert 0 <= 27 - columns.max() - columns.min() <= 1
    assert abs(int(values[5, 14]) - 100) < 3
    assert abs(int(values[22, 14]) - 200) < 3


def test_what_covers_most_of_the_picture_is_found(tmp_path: Path) -> None:
    shirt = Image.new("L", (200, 200), 250)
    shirt.paste(90, (20, 10, 180, 190))
    values = sample(shirt, tmp_path / "a.png", FASHION)
    assert abs(int(values[14, 14]) - 163) < 4
    assert not values[:, :1].any()


@pytest.mark.parametrize("brightest", [1.0, 255.0])
@pytest.mark.parametrize("is_negative", [False, True])
def test_how_other_images_were_made_is_measured(brightest: float, is_negative: bool, tmp_path: Path) -> None:
    images = [
        np.roll(sample(drawn(digit, width=width), tmp_path / "a.png"), 1, 0) / 255
        for digit in (0, 1, 7)
        for width in (16, 30)
    ]
    stored = np.array([1 - image if is_negative else image for image in images], np.float32) * brightest
    found = measure_preprocessing(stored, "<f4")
    assert found is not None
    assert (found.shape, found.box, found.is_centred_by_mass) == ((28, 28), 20, True)
    assert (found.background, found.ink) == ((brightest, 0) if is_negative else (0, brightest))
    made = sample(drawn(7), tmp_path / "a.png", found)
    assert agreement(found.shares(made), sample(drawn(7), tmp_path / "a.png")) > 0.99


def test_blank_images_tell_nothing() -> None:
    assert measure_preprocessing(np.zeros((5, 8, 8), np.float32), "<f4") is None


def test_a_picture_that_is_a_sample_already_is_taken_as_it_is(tmp_path: Path, digits: Dataset) -> None:
    made = sample(drawn(7), tmp_path / "a.png")
    assert np.array_equal(sample(Image.fromarray(made), tmp_path / "b.png"), made)
    for stored in digits.test_inputs.stored(0, 20).reshape(-1, 8, 8):
        values = sample(Image.fromarray(stored.astype(np.uint8)), tmp_path / "c.png", DIGITS)
        assert np.array_equal(values, stored)


@pytest.mark.parametrize("move", [(0, 5), (3, 0)])
def test_a_picture_of_that_size_that_is_no_sample_is_made_one(move: tuple[int, int], tmp_path: Path) -> None:
    made = sample(drawn(1), tmp_path / "a.png")
    moved = np.roll(made, move, (0, 1))
    assert agreement(sample(Image.fromarray(moved), tmp_path / "b.png"), made) > AGREEMENT
    assert agreement(sample(Image.fromarray(255 - made), tmp_path / "c.png"), made) > AGREEMENT


@pytest.mark.parametrize(
    "image",
    [
        Image.new("L", (300, 200), 200),
        Image.new("RGBA", (300, 200), (0, 0, 0, 0)),
        Image.new("L", (1, 1)),
        Image.new("L", (2000, 1)),
        Image.fromarray(np.tile(np.linspace(0, 255, 300).astype(np.uint8), (200, 1))),
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 90, 3), dtype=np.uint8)),
    ],
    ids=["uniform", "transparent", "one pixel", "one row", "gradient", "noise"],
)
def test_where_nothing_is_drawn_nothing_is_found(image: Image.Image, tmp_path: Path) -> None:
    with pytest.raises(NothingDrawn):
        sample(image, tmp_path / "a.png")


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(side: int) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(9))) + chunk(b"IEND", b"")


def whole(folder: Path, kind: str) -> bytes:
    drawn(7).save(folder / "whole", kind)
    return (folder / "whole").read_bytes()


def text_bomb(folder: Path) -> bytes:
    png = whole(folder, "PNG")
    return png[:33] + chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(3 << 20))) + png[33:]


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (lambda folder: b"", "is no picture"),
        (lambda folder: b"just text", "is no picture"),
        (lambda folder: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is no picture"),
        (lambda folder: whole(folder, "PNG")[:700], "is damaged"),
        (lambda folder: whole(folder, "JPEG")[:2000], "is damaged"),
        (text_bomb, "is damaged"),
        (lambda folder: bomb(11_000), "more than 100,000,000 pixels"),
        (lambda folder: bomb(60_000), "more than 100,000,000 pixels"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_a_bad_file_is_told_of_in_one_line(
    content: Callable[[Path], bytes], cause: str, tmp_path: Path
) -> None:
    path = tmp_path / "bad.png"
    path.write_bytes(content(tmp_path))
    with pytest.raises(UserError, match=cause) as error:
        read_picture(path)
    assert "bad.png" in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, cause in (("", "a folder"), ("pipe", "no regular file"), ("none.png", "No such file")):
        with pytest.raises(UserError, match=cause):
            read_picture(tmp_path / name)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_an_animated_picture_is_refused(kind: str, tmp_path: Path) -> None:
    drawn(7).save(tmp_path / "a", kind, save_all=True, append_images=[drawn(1)])
    with pytest.raises(UserError, match="is animated"):
        read_picture(tmp_path / "a")


def test_the_second_picture_of_a_phones_photo_does_not_matter(tmp_path: Path) -> None:
    image = drawn(7).convert("RGB")
    image.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[drawn(1).convert("RGB")])
    plain = sample(drawn(7), tmp_path / "a.png")
    assert agreement(MNIST.apply(read_picture(tmp_path / "a.jpg")), plain) > AGREEMENT
