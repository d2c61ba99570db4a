"""Colours of the runs: one hue per run, told apart also by eyes that confuse red and green.

After Okabe and Ito, lightened for a dark background and darkened for a light one. There are
eight hues; the ninth run has the first one again in another shade, the seventeenth in a third.
"""

from __future__ import annotations

Rgb = tuple[int, int, int]

ON_DARK: tuple[Rgb, ...] = (
    (86, 180, 233),
    (240, 164, 28),
    (38, 194, 148),
    (224, 136, 188),
    (240, 228, 90),
    (255, 114, 64),
    (190, 190, 190),
    (120, 140, 255),
)
ON_LIGHT: tuple[Rgb, ...] = (
    (0, 98, 168),
    (168, 84, 0),
    (0, 112, 80),
    (160, 44, 118),
    (112, 96, 0),
    (190, 36, 16),
    (80, 80, 80),
    (72, 60, 200),
)
WHITE: Rgb = (255, 255, 255)
BLACK: Rgb = (0, 0, 0)
SHADES_ON_DARK: tuple[tuple[Rgb, float], ...] = ((BLACK, 0.0), (BLACK, 0.28), (WHITE, 0.62))
SHADES_ON_LIGHT: tuple[tuple[Rgb, float], ...] = ((BLACK, 0.0), (BLACK, 0.42), (BLACK, 0.21))
"""The way of a hue to white or black, for each eight runs."""
PALE_OF_256_ON_LIGHT: dict[int, Rgb] = {2: (135, 95, 0), 3: (0, 95, 0), 5: (135, 135, 0)}
"""Test curves of runs for which a terminal of 256 colours has no darker one of the hue, only greys."""


def run_color(number: int, dark: bool) -> Rgb:
    """Return the colour of run `number` (from 1) on a dark or a light background."""
    palette, shades = (ON_DARK, SHADES_ON_DARK) if dark else (ON_LIGHT, SHADES_ON_LIGHT)
    shade, at = divmod(number - 1, len(palette))
    return blend(palette[at], *shades[shade % len(shades)])


def pale_run_color(number: int, dark: bool) -> Rgb:
    """Return the colour of the run's test curve: the same hue, further from the background."""
    return blend(run_color(number, dark), WHITE, 0.4) if dark else blend(run_color(number, dark), BLACK, 0.3)


def blend(color: Rgb, other: Rgb, share: float) -> Rgb:
    """Return `color` moved towards `other`; `share` 0 is `color`, 1 is `other`."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(color, other, strict=True))
    return red, green, blue


def luminance(color: Rgb) -> float:
    """Return the relative luminance, 0 for black and 1 for white (WCAG 2)."""
    red, green, blue = (
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4
        for share in (part / 255 for part in color)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(color: Rgb, other: Rgb) -> float:
    """Return the contrast ratio, 1 to 21 (WCAG 2)."""
    high, low = sorted((luminance(color), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def readable_on(background: Rgb) -> Rgb:
    """Return the one of black and white that is easier to read."""
    return max(BLACK, WHITE, key=lambda color: contrast(color, background))
