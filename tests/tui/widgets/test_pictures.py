"""Matrices as pictures: sizes, means, and colours that everybody can tell apart."""

from __future__ import annotations

import numpy as np
import pytest
from textual.strip import Strip

from logreg_tui.tui.widgets import palette, pictures
from logreg_tui.tui.widgets.chart_style import ChartStyle
from logreg_tui.tui.widgets.palette import Rgb

BACKGROUNDS = {True: (18, 18, 18), False: (224, 224, 224)}


def colors(strips: list[Strip]) -> list[list[tuple[Rgb, Rgb]]]:
    """Return the upper and the lower pixel of every cell."""
    rows = []
    for strip in strips:
        row = []
        for segment in strip:
            style = segment.style
            assert style is not None
            assert style.bgcolor is not None
            lower = tuple(style.bgcolor.get_truecolor())
            upper = lower if segment.text[0] == " " else tuple(style.color.get_truecolor())  # type: ignore[union-attr]
            row += [(upper, lower)] * len(segment.text)
        rows.append(row)
    return rows


@pytest.mark.parametrize(
    ("shape", "room", "cells"),
    [
        ((28, 28), (100, 14), (28, 14)),
        ((28, 28), (18, 13), (18, 9)),
        ((28, 28), (100, 6), (12, 6)),
        ((28, 28), (160, 44), (84, 42)),
        ((8, 8), (40, 13), (24, 12)),
        ((8, 8), (20, 30), (16, 8)),
        ((28, 20), (100, 7), (10, 7)),
        ((1, 784), (58, 7), (58, 1)),
        ((784, 1), (58, 7), (1, 7)),
        ((3, 3), (4, 8), (3, 2)),
    ],
)
def test_pictures_have_square_pixels_and_are_enlarged_by_whole_numbers(
    shape: tuple[int, int], room: tuple[int, int], cells: tuple[int, int]
) -> None:
    assert pictures.fitted(shape, *room) == cells


@pytest.mark.parametrize("size", [(3, 5), (6, 10), (12, 20), (2, 2), (1, 1), (7, 13), (28, 28)])
def test_a_picture_of_any_size_keeps_the_mean(size: tuple[int, int]) -> None:
    values = np.random.default_rng(0).normal(size=(2, 6, 10)).astype(np.float32)
    resampled = pictures.resampled(values, *size)
    assert resampled.shape == (2, *size)
    np.testing.assert_allclose(resampled.mean((1, 2)), values.mean((1, 2)), atol=1e-6)


def test_a_smaller_picture_has_the_means_of_what_its_pixels_cover() -> None:
    values = np.arange(24, dtype=np.float32).reshape(4, 6)
    expected = values.reshape(2, 2, 3, 2).mean((1, 3))
    np.testing.assert_allclose(pictures.resampled(values, 2, 3), expected, rtol=1e-6)


def test_a_larger_picture_repeats_the_pixels() -> None:
    values = np.array([[1.0, 2.0], [3.0, 4.0]])
    expected = values.repeat(3, 0).repeat(2, 1)
    np.testing.assert_allclose(pictures.resampled(values, 6, 4), expected)


def test_every_cell_shows_two_pixels() -> None:
    inks = pictures.signed_inks(ChartStyle())
    shares = pictures.signed_shares(np.array([[-2.0, 0.0], [2.0, 0.0]]), 2.0)
    assert inks.colors is not None
    low, middle, high = inks.colors[0], inks.colors[len(inks.colors) // 2], inks.colors[-1]
    assert colors(pictures.picture(shares, 2, 1, inks)) == [[(low, high), (middle, middle)]]


@pytest.mark.parametrize("dark", [True, False])
def test_strength_is_luminance_and_the_sign_is_told_by_orange_and_blue(dark: bool) -> None:
    scale = pictures.signed_colors(dark)
    middle = len(scale) // 2
    lightness = [palette.luminance(color) for color in scale]
    outwards = [lightness[middle::-1], lightness[middle:]]
    for side in outwards:
        steps = np.diff(side)
        assert (steps > 0).all() if dark else (steps < 0).all()
    # One sign is about as strong as the other, also for eyes that see no hue at all.
    for low, high in zip(*outwards, strict=True):
        assert max(low, high) + 0.05 < 1.5 * (min(low, high) + 0.05)
    for strength in range(3, middle + 1):
        red, _, blue = scale[middle - strength]
        assert red > blue + 40
        red, _, blue = scale[middle + strength]
        assert blue > red + 40


@pytest.mark.parametrize("dark", [True, False])
def test_the_ends_of_every_scale_stand_out_from_its_zero(dark: bool) -> None:
    scale = pictures.signed_colors(dark)
    greys = pictures.grey_inks(ChartStyle(dark, background=BACKGROUNDS[dark])).colors
    assert greys is not None
    for end, zero in ((scale[0], scale[12]), (scale[-1], scale[12]), (greys[-1], greys[0])):
        assert palette.contrast(end, zero) > 7
    lightness = np.diff([palette.luminance(color) for color in greys])
    assert (lightness > 0).all() if dark else (lightness < 0).all()


@pytest.mark.parametrize("has_color", [True, False])
def test_in_ascii_the_character_tells_sign_and_strength(has_color: bool) -> None:
    inks = pictures.signed_inks(ChartStyle(monochrome=not has_color, ascii_only=True))
    strips = pictures.picture(np.linspace(0, 1, 9)[None], 9, 1, inks)
    assert strips[0].text == "%=-. '+*#"
    assert any(segment.style.color for segment in strips[0] if segment.style) is has_color


def test_without_colour_characters_take_the_place_of_half_blocks() -> None:
    inks = pictures.grey_inks(ChartStyle(monochrome=True))
    assert pictures.picture(np.array([[0.0, 0.5, 1.0]]), 3, 1, inks)[0].text == " =@"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 128, 255], [0, 128 / 255, 1]),
        ([0, 8, 16], [0, 0.5, 1]),
        ([-1, 0, 3], [0, 0.25, 1]),
        ([0, 0, 0], [0, 0, 0]),
        ([5, 5, 5], [1, 1, 1]),
        ([0, float("nan"), 2], [0, 0, 1]),
    ],
)
def test_brightness_goes_from_0_to_the_brightest(values: list[float], expected: list[float]) -> None:
    np.testing.assert_allclose(pictures.grey_shares(np.array(values)), expected, rtol=1e-6)


def test_weights_that_are_all_0_are_the_middle_of_the_scale() -> None:
    assert (pictures.signed_shares(np.zeros((2, 2)), 0.0) == 0.5).all()


@pytest.mark.parametrize(
    "background", [(0, 0, 0), (255, 255, 255), (214, 116, 20), (24, 92, 168), (119, 119, 119)]
)
def test_text_on_any_colour_can_be_read(background: Rgb) -> None:
    assert palette.contrast(palette.readable_on(background), background) >= 4.5
