"""Oddities of data that can be trained on: labels without samples, splits on different scales."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

import numpy as np

from logreg_tui.core.data.arrays import Arrays
from logreg_tui.core.data.inputs import Source
from logreg_tui.core.data.sparse.csr import CsrSource

MOST_SPANS = 4
"""Spans of labels that are named."""
LOOKED_AT = 4096
"""Samples whose values are looked at, from every part of a split that is in memory."""
FACTOR = 10.0
"""Ranges of which one is so many times as wide as the other are not on the same scale."""


def oddities(arrays: Arrays) -> Iterator[str]:
    """Yield, in a sentence each, what the user should know of the data before they are trained on."""
    yield from _absent_labels(arrays)
    yield from _different_scales(arrays)


def _absent_labels(arrays: Arrays) -> Iterator[str]:
    counts = np.bincount(arrays.train_labels, minlength=arrays.classes)
    absent = np.flatnonzero(counts == 0).tolist()
    if not absent:
        return
    spans = list(_spans(absent))
    more = f" and {len(spans) - MOST_SPANS:,} more spans" if len(spans) > MOST_SPANS else ""
    named = ", ".join(spans[:MOST_SPANS]) + more
    one = len(absent) == 1
    yield (
        f"label{'' if one else 's'} {named} {'has' if one else 'have'} no training sample: the largest, "
        f"{arrays.classes - 1:,}, makes {arrays.classes:,} classes, {arrays.classes - len(absent):,} of them "
        "with samples; number the labels from 0 without gaps"
    )


def _spans(numbers: Iterable[int]) -> Iterator[str]:
    """Yield ascending numbers as `3` or, if some follow each other, `3 to 7`."""
    for _, group in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0]):
        first, *others = [number for _, number in group]
        yield f"{first} to {others[-1]}" if others else str(first)


def _different_scales(arrays: Arrays) -> Iterator[str]:
    train, test = (_range(split) for split in (arrays.train_inputs, arrays.test_inputs))
    widths = sorted(high - low for low, high in (train, test))
    middles = [(low + high) / 2 for low, high in (train, test)]
    is_wider = widths[0] > 0 and widths[1] > FACTOR * widths[0]
    is_away = abs(middles[0] - middles[1]) > FACTOR * widths[1] > 0
    if is_wider or is_away:
        ranges = [f"{low:g} to {high:g}" for low, high in (train, test)]
        yield (
            f"training inputs go from {ranges[0]}, test inputs from {ranges[1]}: bring both to one scale, "
            "or the test figures mean nothing"
        )


def _range(split: np.ndarray | Source) -> tuple[float, float]:
    """Return the smallest and the largest of some samples' values."""
    if isinstance(split, CsrSource):
        values = np.append(split.values, 0)
    elif isinstance(split, np.ndarray):
        values = split[:: max(1, len(split) // LOOKED_AT)]
    else:
        values = split.read(0, min(LOOKED_AT, split.shape[0]))
    return float(values.min()), float(values.max())
