"""Pictures as users draw and take them: a 7, a 1 and a 0 in many guises."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image, ImageDraw

STROKES = {
    0: [(int(50 + 33 * np.cos(turn)), int(50 + 48 * np.sin(turn))) for turn in np.linspace(0, 2 * np.pi, 60)],
    1: [(50, 2), (50, 98)],
    7: [(15, 5), (85, 5), (45, 98)],
}
"""Points of a stroke in a field of 100 x 100."""
SIZE = (400, 300)


def drawn(
    digit: int = 7,
    *,
    size: tuple[int, int] = SIZE,
    height: int = 200,
    width: int = 24,
    ink: Any = 0,  # noqa: ANN401  as Pillow has colours
    ground: Any = 255,  # noqa: ANN401
    mode: str = "L",
    center: tuple[float, float] = (0.5, 0.5),
) -> Image.Image:
    """Return a picture of a digit with round strokes of a width, in pixels."""
    image = Image.new(mode, size, ground)
    pen = ImageDraw.Draw(image)
    left, top = size[0] * center[0] - height / 2, size[1] * center[1] - height / 2
    points = [(left + x * height / 100, top + y * height / 100) for x, y in STROKES[digit]]
    pen.line(points, fill=ink, width=width)
    for x, y in points:
        pen.ellipse([x - width / 2, y - width / 2, x + width / 2, y + width / 2], fill=ink)
    return image


def photo(digit: int, *, noise: float = 8.0) -> Image.Image:
    """Return a digit on paper: light from one side, noise, specks, and a dark table at the left edge."""
    random = np.random.default_rng(digit)
    paper = np.asarray(drawn(digit, size=(600, 450), height=240, width=28), np.float32) / 255
    rows, columns = paper.shape
    light = 210 - 90 * np.linspace(0, 1, columns) - 30 * np.linspace(0, 1, rows)[:, None]
    seen = (light * (0.35 + 0.65 * paper))[:, :, None] * np.array([1, 0.97, 0.88])
    for row, column in zip(
        random.integers(0, rows - 2, 20), random.integers(60, columns - 2, 20), strict=True
    ):
        seen[row : row + 2, column : column + 2] *= 0.5
    seen[:, :40] = 60
    return Image.fromarray(np.clip(seen + random.normal(0, noise, seen.shape), 0, 255).astype(np.uint8))
