"""The part of the x axis that is shown: a share of what was trained, from its end, or an interval.

Pure functions; x is epochs or seconds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from logreg_tui.core.analysis.drawn_metrics import SMALLEST

if TYPE_CHECKING:
    import numpy as np

    from logreg_tui.tui.widgets.curves.axes import Axis

EPOCHS, SECONDS = "epochs", "seconds"
"""The units of x."""
LEAST_ROWS = 4
"""Rows that a share shows at least, if there are as many."""
STEPS = 8
"""A share is rounded outward to about this many steps, and moves by whole ones: between them the
picture stands still."""
LEAST_SPAN = 1e-4
"""Share of what was trained that an interval spans at least."""


@dataclass(frozen=True, slots=True)
class Window:
    """The newest share of what was trained, which moves on with the training, or limits that stand still."""

    share: float = 1.0
    limits: tuple[float, float] | None = None

    @property
    def is_all(self) -> bool:
        """True if the whole axis is shown."""
        return self.limits is None and self.share >= 1


ALL = Window()
SHARES = {1.0: "all", 0.5: "last half", 0.1: "last tenth", 0.01: "last hundredth"}


def x_values(epochs: np.ndarray, elapsed_s: np.ndarray, clock: str) -> np.ndarray:
    """Return the x of rows, shape (rows,): their epochs, or the seconds since the first one."""
    return epochs if clock == EPOCHS else elapsed_s - elapsed_s[:1]


def nice_step(least: float) -> float:
    """Return the smallest of 1, 2, 5 times a power of ten that is at least `least` > 0."""
    base = 10.0 ** math.floor(math.log10(least))
    return next((factor * base for factor in (1, 2, 5) if factor * base >= least * (1 - 1e-9)), 10 * base)


def name(window: Window, unit: str) -> str:
    """Return the name of a window; `unit` is EPOCHS or SECONDS."""
    if window.limits is None:
        return SHARES.get(window.share, f"last {window.share:.3g}")
    low, high = window.limits
    digits = 0 if unit == EPOCHS else max(0, min(6, 2 - math.floor(math.log10(high - low))))
    return f"{unit} {low:,.{digits}f} to {high:,.{digits}f}"


def limits(window: Window, rows: Sequence[float] | np.ndarray) -> tuple[float, float] | None:
    """Return the ends of a window on rows at these x, ascending; None for the whole axis."""
    if window.limits is not None:
        return window.limits
    if window.is_all or len(rows) < 2:
        return None
    newest = float(rows[-1])
    low = min(newest * (1 - window.share), float(rows[max(0, len(rows) - LEAST_ROWS)]))
    if newest <= low:
        return None
    step = nice_step((newest - low) / STEPS)
    return max(0.0, math.floor(low / step + 1e-9) * step), math.ceil(newest / step - 1e-9) * step


def narrower(window: Window) -> Window:
    """Return the next smaller share."""
    return Window(next((share for share in SHARES if share < window.share), min(SHARES)))


def wider(window: Window) -> Window:
    """Return the next larger share; from an interval, the whole axis."""
    if window.limits is not None:
        return ALL
    return Window(next((share for share in reversed(SHARES) if share > window.share), 1.0))


def zoomed(axis: Axis, place: float, factor: float, end: float) -> Window:
    """Return the axis with `factor` times its span, what is at `place` staying there.

    `end` is the newest x.
    """
    low, high = max(axis.value(place - place * factor), 0.0), axis.value(place + (1 - place) * factor)
    if high - low < end * LEAST_SPAN:
        return Window(limits=(axis.low, axis.high))
    first = SMALLEST if axis.is_log else 0.0
    return ALL if low <= first and high >= end else Window(limits=(low, high))


def panned(axis: Axis, places: float, end: float) -> Window:
    """Return the axis moved by `places` times its span, no further than to its ends."""
    low, high = axis.value(places), axis.value(1 + places)
    span = high - low
    if not axis.is_log and low < 0:
        low, high = 0.0, span
    if not axis.is_log and high > max(end, axis.high):
        low, high = max(0.0, max(end, axis.high) - span), max(end, axis.high)
    return Window(limits=(low, high)) if high > low > (SMALLEST if axis.is_log else -1) else ALL


def holding(window: Window, axis: Axis, x: float, end: float) -> Window:
    """Return a window in which `x` is visible: this one, or moved just as far as that takes."""
    place = axis.place(x)
    if window.is_all or math.isnan(place) or 0 <= place <= 1:
        return window
    return panned(axis, place if place < 0 else place - 1, end)
