"""Figures as text: short, and of a width that does not change while they do."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

LOSS_WIDTH = 7
ACCURACY_WIDTH = 6
RATE_WIDTH = 6
DURATION_WIDTH = 11

MINUTE_S = 60
HOUR_S = 60 * MINUTE_S
DAY_S = 24 * HOUR_S


def loss(value: float | None) -> str:
    """Return a loss with about five digits, `LOSS_WIDTH` cells wide."""
    if value is None:
        return "-".rjust(LOSS_WIDTH)
    if not math.isfinite(value) or abs(value) >= 100_000:
        return f"{value:.1e}".rjust(LOSS_WIDTH) if math.isfinite(value) else f"{value}".rjust(LOSS_WIDTH)
    decimals = max(0, 4 - max(0, len(str(int(abs(value)))) - 1))
    return f"{value:.{decimals}f}".rjust(LOSS_WIDTH)


def accuracy(value: float | None) -> str:
    """Return a share of 1 with four decimals, `ACCURACY_WIDTH` cells wide."""
    return ("-" if value is None else f"{value:.4f}").rjust(ACCURACY_WIDTH)


def rate(value: float | None) -> str:
    """Return epochs per second with three digits, `RATE_WIDTH` cells wide."""
    if value is None:
        return "-".rjust(RATE_WIDTH)
    if value >= 100:
        return f"{three_digits(value):,.0f}".rjust(RATE_WIDTH)
    return f"{value:.3g}".rjust(RATE_WIDTH)


def three_digits(value: float) -> float:
    """Return the number rounded to three significant digits."""
    return float(f"{value:.3g}")


def learning_rate(value: float) -> str:
    """Return a learning rate with three digits, in the notation of the knobs: 1000, 0.01, 1e-05."""
    return f"{three_digits(value):g}"


def duration(seconds: float | None) -> str:
    """Return seconds as `16 s`, `4 min`, `1 h 05 min` or `3 d 04 h`, `DURATION_WIDTH` cells wide."""
    if seconds is None or not math.isfinite(seconds):
        return "-".rjust(DURATION_WIDTH)
    whole = math.ceil(seconds)
    if whole <= 2 * MINUTE_S:
        text = f"{whole} s"
    elif whole < HOUR_S:
        text = f"{round(whole / MINUTE_S)} min"
    elif whole < DAY_S:
        text = f"{whole // HOUR_S} h {whole % HOUR_S // MINUTE_S:02} min"
    else:
        text = f"{whole // DAY_S} d {whole % DAY_S // HOUR_S:02} h"
    return text.rjust(DURATION_WIDTH)


def shorten(text: str, width: int, dots: str) -> str:
    """Return the text, its middle replaced by dots if it is longer than `width`."""
    if len(text) <= width:
        return text
    kept = width - len(dots)
    if kept < 1:
        return text[: max(0, width)]
    head = (kept + 1) // 2
    return text[:head] + dots + text[len(text) - (kept - head) :]


def first_fitting(texts: Sequence[str], width: int) -> str:
    """Return the first text of at most `width` characters, or the last one."""
    return next((text for text in texts if len(text) <= width), texts[-1])


def shown_path(path: str) -> str:
    """Return a path relative to the working directory if it is below it."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except (ValueError, OSError):
        return path
