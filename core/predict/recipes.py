"""How the samples of a dataset were made of pictures, so that a picture of the user's becomes one more.

MNIST and QMNIST: "size normalized to fit in a 20x20 pixel box while preserving their aspect ratio", then
centred in 28x28 "by computing the center of mass" (http://yann.lecun.com/exdb/mnist/). Fashion-MNIST:
trimmed, longest edge 28, centred, negated grey (Xiao, Rasul and Vollgraf, https://arxiv.org/abs/1708.07747).
The digits of scikit-learn: bits of a 32x32 bitmap counted in blocks of 4x4
(https://archive.ics.uci.edu/dataset/80). Of other images it is measured: their ground, their range, how
large they are drawn and what is at their middle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from logreg_tui.core.predict.preprocessing import find_drawing, placed, thickened

if TYPE_CHECKING:
    import numpy as np

MEASURED_SAMPLES = 1000
"""As many as are looked at, the first ones."""
COVERED = 0.25
"""A pixel that is so much ink belongs to what is drawn."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How samples were made, and the values they are made of."""

    shape: tuple[int, int]
    box: int
    """Pixels of the longer side of what is drawn."""
    is_centred_by_mass: bool
    """Or else by its box."""
    ground: float
    """Value of a pixel where nothing is drawn."""
    ink: float
    """Value of a pixel that is covered."""
    dtype: str
    block: int = 1
    """Bits are counted in blocks of so many rows and columns; 1: greys come from the edges of strokes."""
    keeps_greys: bool = False
    """Whether the greys of a thing matter, and not only where it is."""
    is_measured: bool = False

    def sample(self, picture: np.ndarray) -> np.ndarray:
        """Return a picture of red, green and blue, shape (rows, columns, 3), 0..1, as a sample.

        One that looks like a sample already is taken as it is. Raises NothingDrawn.
        """
        values = self._as_it_is(picture)
        return self._drawn(picture) if values is None else values

    def shares(self, values: np.ndarray) -> np.ndarray:
        """Return how far values are from ground to ink, 0..1."""
        import numpy as np

        return np.asarray((values.astype(np.float32) - self.ground) / (self.ink - self.ground))

    def _drawn(self, picture: np.ndarray) -> np.ndarray:
        import numpy as np

        drawing = find_drawing(picture)
        values = drawing.darkness if self.keeps_greys else thickened(drawing.ink)
        rows, columns = self.shape
        shape = rows * self.block, columns * self.block
        shares = placed(values, shape, self.box * self.block, by_mass=self.is_centred_by_mass)
        if not self.keeps_greys:
            shares /= shares.max()
        if self.block > 1:
            bits = shares >= 0.5
            shares = bits.reshape(rows, self.block, columns, self.block).mean((1, 3), dtype=np.float32)
        return self._typed(self.ground + shares * (self.ink - self.ground))

    def _as_it_is(self, picture: np.ndarray) -> np.ndarray | None:
        """Return the grey values of a picture that looks like a sample."""
        import numpy as np

        if picture.shape[:2] != self.shape or np.ptp(picture, axis=2).any():
            return None
        low, high = sorted((self.ground, self.ink))
        values = np.rint(picture[:, :, 0] * 255)
        # 8-bit files may hold the very values, or values that were stretched over their range.
        if low < 0 or values.max() > high:
            values = low + values / 255 * (high - low)
        typed = self._typed(values)
        return typed if self._looks_like_one(self.shares(typed)) else None

    def _looks_like_one(self, shares: np.ndarray) -> bool:
        import numpy as np

        if np.median(shares[:: shares.shape[0] - 1, :: shares.shape[1] - 1]) > COVERED or shares.max() < 0.5:
            return False
        if self.is_measured or not self.is_centred_by_mass:
            return True
        profiles = [shares.sum(axis) for axis in (1, 0)]
        sides = [np.ptp(np.flatnonzero(profile)) + 1 for profile in profiles]
        away = [abs(_middle(profile) - len(profile) / 2) for profile in profiles]
        return bool(abs(max(sides) - self.box) <= 2 and max(away) <= 1)

    def _typed(self, values: np.ndarray) -> np.ndarray:
        import numpy as np

        low, high = sorted((self.ground, self.ink))
        values = np.clip(values, low, high)
        return (values if np.dtype(self.dtype).kind == "f" else np.rint(values)).astype(self.dtype)


MNIST = Recipe((28, 28), 20, is_centred_by_mass=True, ground=0, ink=255, dtype="u1")
FASHION = Recipe((28, 28), 28, is_centred_by_mass=False, ground=0, ink=255, dtype="u1", keeps_greys=True)
DIGITS = Recipe((8, 8), 8, is_centred_by_mass=False, ground=0, ink=16, dtype="f8", block=4)
KNOWN = {"mnist": MNIST, "qmnist": MNIST, "fashion-mnist": FASHION, "digits": DIGITS}
"""The others are measured; how the characters of KMNIST were scaled is not told."""


def measured(samples: np.ndarray, dtype: str) -> Recipe | None:
    """Return how samples of shape (samples, rows, columns) seem to be made; None where all are blank."""
    import numpy as np

    values = samples[:MEASURED_SAMPLES].astype(np.float32)
    border = np.concatenate([values[:, 0], values[:, -1], values[:, :, 0], values[:, :, -1]], axis=1)
    low, ground, high = (float(part) for part in (values.min(), np.median(border), values.max()))
    if low == high:
        return None
    ink = high if high - ground >= ground - low else low
    shares = np.clip((values - ground) / (ink - ground), 0, 1)
    shares = shares[(shares > COVERED).any((1, 2))]
    spans = [_spans((shares > COVERED).any(axis)) for axis in (2, 1)]
    box = int(np.median(np.maximum(*(last - first + 1 for first, last in spans))))
    by_box = sum(np.std(first + last) / 2 for first, last in spans)
    by_mass = sum(np.std([_middle(profile) for profile in shares.sum(axis)]) for axis in (2, 1))
    shape = int(samples.shape[1]), int(samples.shape[2])
    return Recipe(shape, min(box, *shape), bool(by_mass < by_box), ground, ink, dtype, is_measured=True)


def _spans(is_ink: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first and the last true place of each row, of which none is all false."""
    length = is_ink.shape[1]
    return is_ink.argmax(1), length - 1 - is_ink[:, ::-1].argmax(1)


def _middle(profile: np.ndarray) -> float:
    """Return the centre of gravity, in pixels."""
    import numpy as np

    return float((profile * np.arange(len(profile))).sum() / profile.sum())
