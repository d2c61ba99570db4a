"""Preprocessing of a user's picture to one more sample of a dataset, as the dataset's own were made.

MNIST and QMNIST: "size normalized to fit in a 20x20 pixel box while preserving their aspect ratio", then
centred in 28x28 "by computing the center of mass" (http://yann.lecun.com/exdb/mnist/). Fashion-MNIST:
trimmed, longest edge 28, centred, negated grey (Xiao, Rasul and Vollgraf, https://arxiv.org/abs/1708.07747).
The digits of scikit-learn: bits of a 32x32 bitmap counted in blocks of 4x4
(https://archive.ics.uci.edu/dataset/80). For other images it is measured: background, range, size and centre.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from logreg_tui.core.predict.drawing import COVERED, find_drawing

MEASURED_SAMPLES = 1000
"""The samples that `measure_preprocessing` looks at, the first ones."""
LEAST_WIDTH = 0.11
"""Share of the longer side of what is drawn. In MNIST nineteen strokes of twenty have these 2.2 pixels."""


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

    def apply(self, picture: np.ndarray, tell: Callable[[int], None] = lambda count: None) -> np.ndarray:
        """Return a picture of red, green and blue, shape (rows, columns, 3), 0..1, as a sample.

        One that looks like a sample already is taken as it is. Of several digits the largest is taken, and
        `tell` is called with their number; characters that were measured may have parts. Raises NothingDrawn.
        """
        values = self._as_it_is(picture)
        return self._drawn(picture, tell) if values is None else values

    def shares(self, values: np.ndarray) -> np.ndarray:
        """Return how far values are from background to ink, 0..1."""
        return np.asarray((values.astype(np.float32) - self.background) / (self.ink - self.background))

    def _drawn(self, picture: np.ndarray, tell: Callable[[int], None]) -> np.ndarray:
        ink, darkness, count = find_drawing(picture, is_one_piece=not self.is_measured)
        if count > 1:
            tell(count)
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
