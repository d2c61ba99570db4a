"""Colours in terminals that have 256 or 16 of them."""

from __future__ import annotations

from collections.abc import Iterator
from colorsys import rgb_to_hls

import pytest
from helpers.app import running, settle, strips_of
from helpers.fake_training import FakeTraining
from rich.color import Color
from rich.console import Console

from logreg_tui.core.settings import RunSettings
from logreg_tui.tui.app.app import LogRegApp
from logreg_tui.tui.widgets.few_colors import SYSTEMS, nearest
from logreg_tui.tui.widgets.mistakes.confusion_matrix import heat_color
from logreg_tui.tui.widgets.palette import Rgb, contrast, luminance
from logreg_tui.tui.widgets.pictures import signed_colors

BACKGROUNDS: dict[bool, Rgb] = {True: (18, 18, 18), False: (224, 224, 224)}
BLUES, ORANGES = range(195, 266), range(14, 62)
"""Hues in degrees."""
GREY = 0.2
"""Saturation below which a hue is not seen."""
SHARES = [at / 12 for at in range(13)]


def rgb(color: Color) -> Rgb:
    red, green, blue = color.get_truecolor()
    return red, green, blue


def hue(color: Rgb) -> int | None:
    """Return the hue in degrees, None for a grey."""
    hue, lightness, saturation = rgb_to_hls(*(part / 255 for part in color))
    is_grey = saturation < GREY or not 0.04 < lightness < 0.96
    return None if is_grey else round(360 * hue)


@pytest.mark.parametrize("dark", [True, False])
@pytest.mark.parametrize("is_right", [True, False])
def test_a_ramp_keeps_its_hue_and_grows_from_the_background(is_right: bool, dark: bool) -> None:
    colors = [rgb(nearest(heat_color(is_right, share, dark, BACKGROUNDS[dark]), "256")) for share in SHARES]
    assert {hue(color) for color in colors} - {None} <= set(BLUES if is_right else [*ORANGES, 60])
    distances = [abs(luminance(color) - luminance(BACKGROUNDS[dark])) for color in colors]
    assert distances == sorted(distances)
    assert len(set(colors)) >= 5


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("dark", [True, False])
def test_weights_against_and_for_differ_in_hue(system: str, dark: bool) -> None:
    colors = [hue(rgb(nearest(color, system))) for color in signed_colors(dark)]
    assert colors[0] not in BLUES
    assert colors[-1] in BLUES
    middle = len(colors) // 2
    assert all(color is None or color in range(66) for color in colors[:middle])
    assert all(color is None or color in BLUES for color in colors[middle + 1 :])


@pytest.mark.parametrize("system", SYSTEMS)
def test_text_stays_readable(system: str) -> None:
    for ground in (rgb(nearest(each, system)) for each in (*BACKGROUNDS.values(), *signed_colors(True))):
        for ink in signed_colors(False):
            assert contrast(rgb(nearest(ink, system, ground)), ground) >= 4.5


def shown_colors(app: LogRegApp) -> Iterator[Color]:
    for strip in strips_of(app):
        for segment in strip:
            if segment.style is not None:
                yield from filter(None, (segment.style.color, segment.style.bgcolor))


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light"])
@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("tab", ["2", "3"])
async def test_pictures_and_the_matrix_are_blue_and_orange(
    tab: str, system: str, theme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Console, "color_system", property(lambda self: system))
    async with running(FakeTraining(runs=(RunSettings("logits"),), shows_data=True)) as lab:
        lab.app.theme = theme
        await lab.press(tab)
        await settle(lab.pilot)
        await lab.until(lambda: {"2": "bias", "3": "recall"}[tab] in lab.text())
        colors = set(shown_colors(lab.app))
        assert all(color.number is not None for color in colors), "all are of the terminal's own"
        panel = lab.screen.query_one({"2": "#weights", "3": "#mistakes"}[tab]).region
        own = {
            hue(rgb(segment.style.bgcolor))
            for strip in strips_of(lab.app)[panel.y : panel.bottom]
            for segment in strip.crop(panel.x, panel.right)
            if segment.style is not None and segment.style.bgcolor is not None
        } - {None}
        assert own
        assert own <= {*BLUES, *ORANGES, 60}
