"""Preprocessing of a user's picture to one more sample of a dataset, as the dataset's own were made.

MNIST and QMNIST: "size normalized to fit in a 20x20 pixel box while preserving their aspect ratio", then
centred in 28x28 "by computing the center of mass" (http://yann.lecun.com/exdb/mnist/). Fashion-MNIST:
trimmed, longest edge 28, centred, negated grey (Xiao, Rasul and Vollgraf, https://arxiv.org/abs/1708.07747).
The digits of scikit-learn: bits of a 32x32 bitmap counted in blocks of 4x4
(https://archive.ics.uci.edu/dataset/80). For other images it is measured: background, range, size and centre.

The background is what the border shows: paper, a screen, unevenly lit perhaps. What differs from it is drawn,
whichever of the two is lighter. One thing on a plain background is looked for; several digits are taken for
one, and a background with a pattern of its own is not told from a drawing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from logreg_tui.core.predict.picture_file import LUMINANCE

MEASURED_SAMPLES = 1000
"""The samples that `measure_preprocessing` looks at, the first ones."""
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
LEAST_WIDTH = 0.11
"""Share of the longer side of what is drawn. In MNIST nineteen strokes of twenty have these 2.2 pixels."""
NEIGHBOURS = np.ones((3, 3))


class NothingDrawn(Exception):
    """A picture that is all background."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """The way samples were made, and the values they are made of."""

    shape: tuple[int, int]
    box: int
    """Pixels of the longer side of what is drawn."""
    is_centred_by_mass: bool
    """Else by its box."""
    background: float
    """Value of a pixel without anything drawn."""
    ink: float
    """Value of a pixel that is covered."""
    dtype: str
    block: int = 1
    """Rows and columns of the blocks in which bits are counted; 1: greys come from the edges of strokes."""
    keeps_greys: bool = False
    """True if the greys of a thing matter, beside its outline."""
    is_measured: bool = False

    def apply(self, picture: np.ndarray) -> np.ndarray:
        """Return a picture of red, green and blue, shape (rows, columns, 3), 0..1, as a sample.

        One that looks like a sample already is taken as it is. Raises NothingDrawn.
        """
        values = self._as_it_is(picture)
        return self._drawn(picture) if values is None else values

    def shares(self, values: np.ndarray) -> np.ndarray:
        """Return how far values are from background to ink, 0..1."""
        return np.asarray((values.astype(np.float32) - self.background) / (self.ink - self.background))

    def _drawn(self, picture: np.ndarray) -> np.ndarray:
        ink, darkness = _find_drawing(picture)
        rows, columns = self.shape
        shares = _placed(
            darkness if self.keeps_greys else _thickened(ink),
            (rows * self.block, columns * self.block),
            self.box * self.block,
            by_mass=self.is_centred_by_mass,
        )
        if not self.keeps_greys:
            shares /= shares.max()
        if self.block > 1:
            bits = shares >= 0.5
            shares = bits.reshape(rows, self.block, columns, self.block).mean((1, 3), dtype=np.float32)
        return self._typed(self.background + shares * (self.ink - self.background))

    def _as_it_is(self, picture: np.ndarray) -> np.ndarray | None:
        """Return the grey values of a picture that looks like a sample."""
        if picture.shape[:2] != self.shape or np.ptp(picture, axis=2).any():
            return None
        low, high = sorted((self.background, self.ink))
        values = np.rint(picture[:, :, 0] * 255)
        # 8-bit files may hold the very values, or values that were stretched over their range.
        if low < 0 or values.max() > high:
            values = low + values / 255 * (high - low)
        typed = self._typed(values)
        return typed if self._looks_like_one(self.shares(typed)) else None

    def _looks_like_one(self, shares: np.ndarray) -> bool:
        corners = shares[:: shares.shape[0] - 1, :: shares.shape[1] - 1]
        if np.median(corners) > COVERED or shares.max() < 0.5:
            return False
        if self.is_measured or not self.is_centred_by_mass:
            return True
        profiles = [shares.sum(axis) for axis in (1, 0)]
        sides = [np.ptp(np.flatnonzero(profile)) + 1 for profile in profiles]
        away = [abs(_centre_of_mass(profile) - len(profile) / 2) for profile in profiles]
        return bool(abs(max(sides) - self.box) <= 2 and max(away) <= 1)

    def _typed(self, values: np.ndarray) -> np.ndarray:
        low, high = sorted((self.background, self.ink))
        values = np.clip(values, low, high)
        return (values if np.dtype(self.dtype).kind == "f" else np.rint(values)).astype(self.dtype)


MNIST = Preprocessing((28, 28), 20, is_centred_by_mass=True, background=0, ink=255, dtype="u1")
FASHION = Preprocessing(
    (28, 28), 28, is_centred_by_mass=False, background=0, ink=255, dtype="u1", keeps_greys=True
)
DIGITS = Preprocessing((8, 8), 8, is_centred_by_mass=False, background=0, ink=16, dtype="f8", block=4)
KNOWN = {"mnist": MNIST, "qmnist": MNIST, "fashion-mnist": FASHION, "digits": DIGITS}
"""The others are measured; how the characters of KMNIST were scaled is not told."""


def measure_preprocessing(samples: np.ndarray, dtype: str) -> Preprocessing | None:
    """Return how samples, shape (samples, rows, columns), seem to be made; None if all are blank."""
    values = samples[:MEASURED_SAMPLES].astype(np.float32)
    border = np.concatenate([values[:, 0], values[:, -1], values[:, :, 0], values[:, :, -1]], axis=1)
    low, background, high = float(values.min()), float(np.median(border)), float(values.max())
    if low == high:
        return None
    ink = high if high - background >= background - low else low
    shares = np.clip((values - background) / (ink - background), 0, 1)
    shares = shares[(shares > COVERED).any((1, 2))]
    spans = [_spans((shares > COVERED).any(axis)) for axis in (2, 1)]
    box = int(np.median(np.maximum(*(last - first + 1 for first, last in spans))))
    by_box = sum(np.std(first + last) / 2 for first, last in spans)
    by_mass = sum(np.std([_centre_of_mass(profile) for profile in shares.sum(axis)]) for axis in (2, 1))
    shape = int(samples.shape[1]), int(samples.shape[2])
    is_by_mass = bool(by_mass < by_box)
    return Preprocessing(shape, min(box, *shape), is_by_mass, background, ink, dtype, is_measured=True)


def _spans(is_ink: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first and the last true place of each row, of which none is all false."""
    return is_ink.argmax(1), is_ink.shape[1] - 1 - is_ink[:, ::-1].argmax(1)


def _centre_of_mass(profile: np.ndarray) -> float:
    """Return sum(i * m_i) / sum(m_i) of a profile m, shape (pixels,), in pixels."""
    return float((profile * np.arange(len(profile))).sum() / profile.sum())


# Finding what is drawn


def _find_drawing(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ink and darkness of what is drawn, cut out; shapes (rows, columns), float32 of 0..1.

    Ink is the share of each pixel that is covered; darkness how far it is from the background to black, or
    to white on a dark background. `picture` is as for `Preprocessing.apply`. Raises NothingDrawn.
    """
    background, noise = _fit_background(picture)
    if noise > GRAIN:
        picture = np.asarray(ndimage.gaussian_filter(picture, (1.5, 1.5, 0)))
        background, noise = _fit_background(picture)
    # The same for black on white as for red on green, and for both directions.
    distance = np.sqrt(np.square(picture - background).mean(2))
    is_kept = _main_components(distance > max(LEAST_CONTRAST, NOISE_FACTOR * noise), distance)
    if np.count_nonzero(is_kept) < 4:
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
    return ink[box].astype(np.float32), np.clip(darkness, 0, 1)[box].astype(np.float32)


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
    return np.asarray((mass > SPECK * mass.max())[numbers])


# Bringing it to the form of a sample


def _thickened(ink: np.ndarray) -> np.ndarray:
    """Return ink whose strokes are LEAST_WIDTH wide at least.

    A thin line would all but vanish when it is scaled down, as no sample of a dataset does.
    """
    is_ink = ink > 0.5
    if not is_ink.any():
        return ink
    padded = np.pad(is_ink, 1)
    # The pixels of a stroke w pixels wide are w/4 + 1/2 from its edge, on average.
    width = 4 * float(ndimage.distance_transform_edt(padded)[padded].mean()) - 2
    missing = (LEAST_WIDTH * max(ink.shape) - max(width, 1.0)) / 2
    if missing < 1:
        return ink
    margin = int(missing) + 1
    around = np.pad(ink, margin)
    away = ndimage.distance_transform_edt(np.pad(~is_ink, margin, constant_values=True))
    return np.asarray(np.maximum(around, np.clip(missing + 1 - away, 0, 1)), np.float32)


def _placed(values: np.ndarray, shape: tuple[int, int], box: int, *, by_mass: bool) -> np.ndarray:
    """Return values scaled so that the longer side has `box` pixels, in the middle of a field of 0.

    The centre of mass is put at the middle if `by_mass`, else that of the box. Shape `shape`, float32.
    """
    scale = box / max(values.shape)
    rows, columns = (max(1, round(side * scale)) for side in values.shape)
    small = np.asarray(Image.fromarray(values).resize((columns, rows), Image.Resampling.HAMMING))
    field = np.zeros(shape, np.float32)
    top, left = (_offset(small.sum(axis), side, by_mass) for axis, side in zip((1, 0), shape, strict=True))
    field[top : top + rows, left : left + columns] = small
    return field


def _offset(profile: np.ndarray, side: int, by_mass: bool) -> int:
    """Return the place on a side of the field at which a profile, shape (pixels,), begins."""
    room = side - len(profile)
    if not by_mass:
        return room // 2
    # As in MNIST, where the centre lies on the pixel behind the middle.
    return int(np.clip(round(side / 2 - _centre_of_mass(profile)), 0, room))
