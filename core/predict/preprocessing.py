"""What is drawn in a picture, found on its ground and brought to the size of a dataset's samples.

The ground is what the border shows: paper, a screen, also where light falls on it unevenly. What differs
from it is drawn, whichever of the two is lighter. One thing on a plain ground is looked for; several
digits are taken for one, and a ground with a pattern of its own is not told from a drawing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

GRID = 100
"""Pixels of the longer side that the ground is fitted to."""
LEAST_CONTRAST = 0.05
"""Of the distance between black and white: less is paper."""
NOISE_FACTOR = 5
"""What differs from the ground by so many times what the ground differs from itself is drawn."""
GRAIN = 0.02
"""Noise from which on a picture is smoothed first: that of a photo in the dark."""
SPECK = 0.03
"""A part that is so much fainter and smaller than the largest one is dirt."""
EDGE = 0.15
"""A part that covers so much of the border is what lies beside the paper, if there is another part."""
LEAST_WIDTH = 0.11
"""Of the longer side of what is drawn. In MNIST nineteen strokes of twenty have these 2.2 pixels."""


class NothingDrawn(Exception):
    """A picture of which all is ground."""


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """What is drawn in a picture, cut out."""

    ink: np.ndarray
    """How much of each pixel is covered, shape (rows, columns), float32 of 0..1."""
    darkness: np.ndarray
    """How far each pixel is from the ground to black, or to white on a dark ground, likewise."""


def find_drawing(picture: np.ndarray) -> Drawing:
    """Return what is drawn in a picture of red, green and blue, shape (rows, columns, 3), 0..1.

    Raises NothingDrawn.
    """
    import numpy as np

    ground, noise = _ground(picture)
    if noise > GRAIN:
        picture = _smoothed(picture)
        ground, noise = _ground(picture)
    # The same for black on white as for red on green, and for both directions.
    distance = np.sqrt(np.square(picture - ground).mean(2))
    is_drawn = distance > max(LEAST_CONTRAST, NOISE_FACTOR * noise)
    is_kept = _main_parts(is_drawn, distance)
    if np.count_nonzero(is_kept) < 4:
        raise NothingDrawn
    full = _full_contrast(distance[is_kept])
    ink = np.clip((distance - 2 * noise) / (full - 2 * noise), 0, 1) * _grown(is_kept)
    box = _box(ink > 0.25)
    return Drawing(ink[box].astype(np.float32), _darkness(picture, ground)[box].astype(np.float32))


def _smoothed(picture: np.ndarray) -> np.ndarray:
    import numpy as np
    from scipy import ndimage

    return np.asarray(ndimage.gaussian_filter(picture, (1.5, 1.5, 0)))


def _ground(picture: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the ground under every pixel, a surface of second degree for each colour, and its noise.

    Fitted again and again to what lies near it, starting from the border: more than half of the picture
    may be covered. The noise is the median distance of the ground's pixels from the surface.
    """
    import numpy as np

    step = max(1, max(picture.shape[:2]) // GRID)
    small = picture[::step, ::step].astype(np.float64)
    places = _terms(picture.shape[:2])
    terms = places[::step, ::step]
    border = _border(small)
    level = np.median(border, axis=0)
    scale = np.median(np.sqrt(np.square(border - level).mean(1)))
    away = np.sqrt(np.square(small - level).mean(2))
    for degree_terms in (3, 6, 6, 6):
        is_near = away <= 4 * scale + 1 / 255
        some = terms[is_near][:, :degree_terms]
        if len(some) < 2 * degree_terms:
            break
        fitted = np.linalg.lstsq(some, small[is_near], rcond=None)[0]
        away = np.sqrt(np.square(small - terms[..., :degree_terms] @ fitted).mean(2))
        scale = np.median(away[is_near])
        level = places[..., :degree_terms] @ fitted
    return np.broadcast_to(level, picture.shape), float(scale)


def _terms(shape: tuple[int, int]) -> np.ndarray:
    """Return 1, x, y, x^2, xy, y^2 for every pixel, shape (rows, columns, 6); x and y are in -1..1."""
    import numpy as np

    y, x = (np.linspace(-1, 1, side) for side in shape)
    across, down = np.meshgrid(x, y)
    return np.stack([np.ones(shape), across, down, across**2, across * down, down**2], axis=2)


def _border(values: np.ndarray) -> np.ndarray:
    """Return the outermost pixels, shape (pixels, channels)."""
    import numpy as np

    sides = values[0], values[-1], values[1:-1, 0], values[1:-1, -1]
    return np.concatenate(sides)


def _main_parts(is_drawn: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Return which pixels belong to the drawing: not to specks, nor to what lies beside the paper."""
    import numpy as np
    from scipy import ndimage

    numbers, count = ndimage.label(is_drawn, np.ones((3, 3)))
    if not count:
        return is_drawn
    mass = ndimage.sum_labels(distance, numbers, np.arange(count + 1))
    mass[0] = 0
    on_border = _border(numbers[:, :, None])[:, 0]
    share = np.bincount(on_border, minlength=count + 1) / len(on_border)
    is_inside = mass * (share < EDGE)
    # A crumb beside a drawing that fills the picture is no drawing itself.
    if is_inside.max() > 0.05 * mass.max():
        mass = is_inside
    return np.asarray((mass > SPECK * mass.max())[numbers])


def _full_contrast(distance: np.ndarray) -> float:
    """Return how far from the ground a pixel is that is all ink."""
    import numpy as np

    return float(np.median(distance[distance >= np.percentile(distance, 98) / 2]))


def _grown(mask: np.ndarray) -> np.ndarray:
    """Return a mask with its soft edge."""
    import numpy as np
    from scipy import ndimage

    return np.asarray(ndimage.binary_dilation(mask, np.ones((3, 3))))


def _box(mask: np.ndarray) -> tuple[slice, slice]:
    """Return the rows and columns that hold what is true."""
    import numpy as np

    sides = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    rows, columns = (slice(int(at[0]), int(at[-1]) + 1) for at in sides)
    return rows, columns


def _darkness(picture: np.ndarray, ground: np.ndarray) -> np.ndarray:
    import numpy as np

    from logreg_tui.core.predict.picture_file import LUMINANCE

    grey, paper = (values @ np.array(LUMINANCE) for values in (picture, ground))
    if np.median(paper) > 0.5:
        return np.asarray(np.clip((paper - grey) / np.maximum(paper, 1e-6), 0, 1))
    return np.asarray(np.clip((grey - paper) / np.maximum(1 - paper, 1e-6), 0, 1))


def thickened(ink: np.ndarray) -> np.ndarray:
    """Return ink whose strokes are LEAST_WIDTH wide at least.

    A thin line would all but vanish when it is scaled down, as no sample of a dataset does.
    """
    import numpy as np
    from scipy import ndimage

    is_ink = ink > 0.5
    if not is_ink.any():
        return ink
    padded = np.pad(is_ink, 1)
    # Of a stroke w pixels wide the pixels are w/4 + 1/2 from its edge, on average.
    width = 4 * float(ndimage.distance_transform_edt(padded)[padded].mean()) - 2
    missing = (LEAST_WIDTH * max(ink.shape) - max(width, 1.0)) / 2
    if missing < 1:
        return ink
    margin = int(missing) + 1
    around = np.pad(ink, margin)
    away = ndimage.distance_transform_edt(np.pad(~is_ink, margin, constant_values=True))
    return np.asarray(np.maximum(around, np.clip(missing + 1 - away, 0, 1)), np.float32)


def placed(values: np.ndarray, shape: tuple[int, int], box: int, *, by_mass: bool) -> np.ndarray:
    """Return values scaled so that the longer side has `box` pixels, in the middle of a field of 0.

    By mass the centre of gravity is put at the middle, else that of the box. Shape `shape`, float32.
    """
    import numpy as np
    from PIL import Image

    scale = box / max(values.shape)
    rows, columns = (max(1, round(side * scale)) for side in values.shape)
    small = np.asarray(Image.fromarray(values).resize((columns, rows), Image.Resampling.HAMMING))
    field = np.zeros(shape, np.float32)
    top, left = (_offset(small.sum(axis), whole, by_mass) for axis, whole in zip((1, 0), shape, strict=True))
    field[top : top + rows, left : left + columns] = small
    return field


def _offset(profile: np.ndarray, whole: int, by_mass: bool) -> int:
    """Return where a side begins on a field so wide."""
    import numpy as np

    room = whole - len(profile)
    if not by_mass:
        return room // 2
    middle = float((profile * np.arange(len(profile))).sum() / profile.sum())
    # As in MNIST, where the centre lies on the pixel behind the middle.
    return int(np.clip(round(whole / 2 - middle), 0, room))
