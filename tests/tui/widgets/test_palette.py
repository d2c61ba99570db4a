"""Colours of the runs."""

from __future__ import annotations

import pytest

from logreg_tui.tui.widgets.palette import Rgb, pale_run_color, run_color

SURFACES = {True: (30, 30, 30), False: (216, 216, 216)}


def luminance(color: Rgb) -> float:
    """As WCAG defines it: https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    parts = [value / 255 for value in color]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: Rgb, other: Rgb) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("dark", [True, False])
@pytest.mark.parametrize("number", range(1, 9))
def test_curves_stand_out_from_the_background(number: int, dark: bool) -> None:
    assert contrast(run_color(number, dark), SURFACES[dark]) >= 3
    assert contrast(pale_run_color(number, dark), SURFACES[dark]) >= 3


@pytest.mark.parametrize("dark", [True, False])
def test_eight_runs_have_eight_colours_and_the_ninth_begins_again(dark: bool) -> None:
    assert len({run_color(number, dark) for number in range(1, 9)}) == 8


@pytest.mark.parametrize("dark", [True, False])
def test_twenty_four_runs_have_colours_that_differ(dark: bool) -> None:
    """The ninth and the seventeenth run have the hue of the first, not its colour."""
    colors = [run_color(number, dark) for number in range(1, 25)]
    for at, color in enumerate(colors):
        assert contrast(color, SURFACES[dark]) >= 3
        for other in colors[:at]:
            assert sum(abs(one - two) for one, two in zip(color, other, strict=True)) > 30
