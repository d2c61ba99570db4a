"""The drawing in a picture, cut out of its background.

The background is what the border shows: paper, a screen, unevenly lit perhaps. What differs from it is drawn,
whichever of the two is lighter. A frame around the paper is left out first: the lid of a scanner, a table,
the box of a form. One thing on a plain background is looked for; a background with a pattern of its own is
not told from a drawing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import numpy as np
from scipy import ndimage

from logreg_tui.core.predict.picture_file import LUMINANCE

COVERED = 0.25
"""Share of ink from which on a pixel belongs to what is drawn."""
GRID = 100
"""Pixels of the longer side that the background is fitted to."""
LEAST_CONTRAST = 0.05
"""Share of the distance between black and white; less is paper."""
NOISE_FACTOR = 5
"""A drawing differs from the background by more than this multiple of the background's noise."""
GRAIN = 0.02
"""Noise from which on a picture is smoothed first: that of a photo in the dark."""
SPECK = 0.03
"""A component whose mass is this share of the largest one's, or less, is dirt."""
EDGE = 0.15
"""A component that covers this share of the border lies beside the paper, if there is another one."""
FRAME_GRID = 200
"""Pixels of the longer side that a frame is looked for in."""
FRAME_CONTRAST = 0.2
"""Frame and paper differ by this share of the distance between black and white at least."""
PAPER_SIDE = 0.55
"""Share of each side of the picture that paper within a frame takes at least."""
PAPER_FILL = 0.82
"""Share of its box that paper takes at least, askew as it may lie: a 0 takes less."""
MOST_HOLES, LEAST_HOLES = 0.3, 0.6
"""Holes in paper are what is drawn on it; a box that is drawn around something is nearly all hole."""
ALONE_HEIGHT, ALONE_MASS = 0.7, 0.25
"""Digits side by side have these shares of the largest one's height and mass: parts of one digit do not."""
NEIGHBOURS = np.ones((3, 3))


class NothingDrawn(Exception):
    """A picture that is all background."""


def find_drawing(picture: np.ndarray, *, is_one_piece: bool) -> tuple[np.ndarray, np.ndarray, int]:
    """Return ink and darkness of what is drawn, cut out, and the number of things that there are.

    Both have the shape (rows, columns), float32 of 0..1: ink is the share of each pixel that is covered,
    darkness how far it is from the background to black, or to white on a dark background. `picture` is as for
    `Preprocessing.apply`. Of things of one piece, side by side or one above the other, it is the largest.
    Raises NothingDrawn.
    """
    low, high = float(picture.min()), float(picture.max())
    if 0 < high - low < LEAST_CONTRAST and ((picture == low) | (picture == high)).all():
        # A mask: 0 and 1 of 255.
        picture = (picture - low) / (high - low)
    for paper in _papers(picture):
        with suppress(NothingDrawn):
            return _find_on_paper(paper, is_one_piece, is_framed=True)
    return _find_on_paper(picture, is_one_piece, is_framed=False)


def _find_on_paper(
    picture: np.ndarray, is_one_piece: bool, *, is_framed: bool
) -> tuple[np.ndarray, np.ndarray, int]:
    background, noise = _fit_background(picture)
    if noise > GRAIN:
        picture = np.asarray(ndimage.gaussian_filter(picture, (1.5, 1.5, 0)))
        background, noise = _fit_background(picture)
    # The same for black on white as for red on green, and for both directions.
    distance = np.sqrt(np.square(picture - background).mean(2))
    is_kept = _main_components(distance > max(LEAST_CONTRAST, NOISE_FACTOR * noise), distance)
    count = 1
    if is_one_piece:
        is_kept, count = _largest_of_several(is_kept, distance)
    # What fills a corner of the paper is the frame, and the paper was none.
    if np.count_nonzero(is_kept) < 4 or (is_framed and is_kept[_corners(is_kept)].any()):
        raise NothingDrawn
    kept = distance[is_kept]
    full = float(np.median(kept[kept >= np.percentile(kept, 98) / 2]))
    # Grown by a pixel: strokes have soft edges.
    ink = np.clip((distance - 2 * noise) / (full - 2 * noise), 0, 1)
    ink = ink * ndimage.binary_dilation(is_kept, NEIGHBOURS)
    sides = [np.flatnonzero((ink > COVERED).any(axis)) for axis in (1, 0)]
    box = tuple(slice(side[0], side[-1] + 1) for side in sides)
    grey, paper = (values @ np.array(LUMINANCE) for values in (picture, background))
    if np.median(paper) > 0.5:
        darkness = (paper - grey) / np.maximum(paper, 1e-6)
    else:
        darkness = (grey - paper) / np.maximum(1 - paper, 1e-6)
    return ink[box].astype(np.float32), np.clip(darkness, 0, 1)[box].astype(np.float32), count


def _papers(picture: np.ndarray) -> Iterator[np.ndarray]:
    """Yield what may lie within a frame, which is darker or lighter than it, innermost first."""
    step = max(1, max(picture.shape[:2]) // FRAME_GRID)
    grey = ndimage.uniform_filter(picture @ np.array(LUMINANCE), step)[::step, ::step]
    low, high = np.percentile(grey, (1, 99))
    if high - low < FRAME_CONTRAST:
        return
    for is_like in (grey > (low + high) / 2, grey <= (low + high) / 2):
        box = _paper_box(is_like)
        if box is not None:
            # The pixel at the edge may be half frame.
            rows, columns = (slice((side.start + 1) * step, (side.stop - 1) * step) for side in box)
            paper = picture[rows, columns]
            yield from _papers(paper)
            yield paper


def _paper_box(is_like: np.ndarray) -> tuple[slice, slice] | None:
    """Return the rectangle within the largest component, or the box that it draws; None if it is no paper."""
    numbers, count = ndimage.label(is_like, NEIGHBOURS)
    if not count:
        return None
    largest = numbers == np.bincount(numbers.ravel())[1:].argmax() + 1
    filled = ndimage.binary_fill_holes(largest)
    rows, columns = ndimage.find_objects(filled.astype(int))[0]
    if not _is_large(rows, columns, is_like.shape) or filled[rows, columns].mean() < PAPER_FILL:
        return None
    holes = np.count_nonzero(filled & ~is_like) / np.count_nonzero(filled)
    if MOST_HOLES < holes < LEAST_HOLES:
        return None
    if holes >= LEAST_HOLES:
        filled &= ~largest
        rows, columns = ndimage.find_objects(filled.astype(int))[0]
    sides = [rows.start, rows.stop, columns.start, columns.stop]
    # Paper that lies askew: the side with most of the frame goes first.
    while True:
        top, bottom, left, right = sides
        inner = filled[top:bottom, left:right]
        if not _is_large(slice(top, bottom), slice(left, right), is_like.shape):
            return None
        covered = [_span(side) for side in (inner[0], inner[-1], inner[:, 0], inner[:, -1])]
        worst = int(np.argmin(covered))
        if covered[worst] >= 1 - EDGE:
            break
        sides[worst] += -1 if worst % 2 else 1
    if (bottom - top, right - left) == is_like.shape:
        return None
    return slice(top, bottom), slice(left, right)


def _is_large(rows: slice, columns: slice, shape: tuple[int, ...]) -> bool:
    sides = rows.stop - rows.start, columns.stop - columns.start
    return all(side > max(4, PAPER_SIDE * whole) for side, whole in zip(sides, shape, strict=True))


def _span(is_paper: np.ndarray) -> float:
    """Return the share of a side from the first of the paper to its last: a digit may touch it between."""
    places = np.flatnonzero(is_paper)
    return float(places[-1] - places[0] + 1) / len(is_paper) if len(places) else 0.0


def _largest_of_several(is_kept: np.ndarray, distance: np.ndarray) -> tuple[np.ndarray, int]:
    """Return the largest of things that lie side by side or one above the other, and their number."""
    for axis in (0, 1):
        # Components that overlap along the axis are parts of one thing.
        numbers, count = ndimage.label(is_kept.any(axis))
        if count < 2:
            continue
        places = np.where(is_kept, numbers[None] if axis == 0 else numbers[:, None], 0)
        mass = ndimage.sum_labels(distance, places, np.arange(1, count + 1))
        heights = np.array([rows.stop - rows.start for rows, _ in ndimage.find_objects(places)])
        is_alone = (heights >= ALONE_HEIGHT * heights.max()) & (mass >= ALONE_MASS * mass.max())
        if is_alone.sum() > 1:
            return places == int(np.argmax(mass * is_alone)) + 1, int(is_alone.sum())
    return is_kept, 1


def _fit_background(picture: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the background under every pixel, a surface of second degree for each colour, and its noise.

    Fitted again and again to what lies near it, starting from the border: more than half of the picture
    may be covered. The noise is the median distance of the background's pixels from the surface.
    """
    step = max(1, max(picture.shape[:2]) // GRID)
    small = picture[::step, ::step].astype(np.float64)
    # 1, x, y, x^2, xy, y^2 for every pixel, shape (rows, columns, 6); x and y are in -1..1.
    y, x = (np.linspace(-1, 1, side) for side in picture.shape[:2])
    across, down = np.meshgrid(x, y)
    all_terms = np.stack([np.ones_like(across), across, down, across**2, across * down, down**2], axis=2)
    terms = all_terms[::step, ::step]
    border = _border(small)
    level = np.median(border, axis=0)
    scale = np.median(np.sqrt(np.square(border - level).mean(1)))
    away = np.sqrt(np.square(small - level).mean(2))
    for count in (3, 6, 6, 6):
        is_near = away <= 4 * scale + 1 / 255
        near_terms = terms[is_near][:, :count]
        if len(near_terms) < 2 * count:
            break
        fitted = np.linalg.lstsq(near_terms, small[is_near], rcond=None)[0]
        away = np.sqrt(np.square(small - terms[..., :count] @ fitted).mean(2))
        scale = np.median(away[is_near])
        level = all_terms[..., :count] @ fitted
    return np.broadcast_to(level, picture.shape), float(scale)


def _border(values: np.ndarray) -> np.ndarray:
    """Return the outermost pixels, shape (pixels, channels)."""
    return np.concatenate([values[0], values[-1], values[1:-1, 0], values[1:-1, -1]])


def _corners(values: np.ndarray) -> tuple[slice, slice]:
    """Return the index of the four corners."""
    rows, columns = values.shape
    return slice(None, None, max(1, rows - 1)), slice(None, None, max(1, columns - 1))


def _main_components(is_drawn: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Return which pixels belong to the drawing: not to specks, nor to what lies beside the paper."""
    numbers, count = ndimage.label(is_drawn, NEIGHBOURS)
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
    # A shadow or a fold in a corner.
    away = mass.copy()
    away[numbers[_corners(numbers)]] = 0
    if away.max() > 0.5 * mass.max():
        mass = away
    return np.asarray((mass > SPECK * mass.max())[numbers])
