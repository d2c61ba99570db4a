"""Compiled kernels for one block of sparse rows: linear outputs, heads, losses and gradient in one call.

For B rows of inputs V (B, K), weights W (K, P), bias b (P,) and labels y (B,), P outputs of all runs:

    Z = V W + b        linear outputs, (B, P)
    S = sigmoid(Z)     of runs with a sigmoid head, else Z
    L = sum over rows of log(sum_c exp(S_c)) - S_y, for each run
    G = (softmax(S) - onehot(y)) * S (1 - S), the last factor for sigmoid heads only
    dL/dW = V^T G      (K, P)
    dL/db = 1^T G      (P,)

Both products run over the non-zero values alone and keep the outputs of a row, or the gradients of a feature,
in vector registers; Numba's own loops keep them in memory, which is three times as slow, and so the two are
written in LLVM's terms. Numba releases the interpreter's lock within a call. Import this module on the
thread that trains: Numba takes a quarter of a second.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from numba.core.event import Listener, install_listener

from logreg_tui.core.engine.processor.vector_loops import LANES, MOST_VECTORS, add_weighted_rows, power_of_two

TILE = 64
"""Rows whose heads are computed together, so that they stay in the first cache."""

COMPILING_S = 120
OPTIONS: dict[str, Any] = {"nogil": True, "fastmath": {"contract"}, "boundscheck": False}

f4 = np.float32


@njit(**OPTIONS)
def exp(x: np.float32) -> np.float32:
    """e^x in float32 to about 1 ulp, in operations that become vector instructions; NaN stays NaN.

    x = k ln 2 + r with |r| <= ln 2 / 2 gives 2^k e^r, e^r by the polynomial of Cephes' expf.
    """
    y = min(max(x, f4(-87.0)), f4(88.0))
    k = np.floor(y * f4(1.44269504) + f4(0.5))
    r = y - k * f4(0.693359375)
    r = r + k * f4(2.12194440e-4)
    p = f4(1.9875691500e-4)
    p = p * r + f4(1.3981999507e-3)
    p = p * r + f4(8.3334519073e-3)
    p = p * r + f4(4.1665795894e-2)
    p = p * r + f4(1.6666665459e-1)
    p = p * r + f4(5.0000001201e-1)
    p = p * r * r + r + f4(1.0)
    p = p * power_of_two(np.int32(k))
    return p if x == x else x


@njit(**OPTIONS)
def multiply(
    starts: np.ndarray, index: np.ndarray, values: np.ndarray, rows: np.ndarray, out: np.ndarray, stride: int
) -> None:
    """out (len(starts) - 1, stride) += the sparse matrix by rows (K, stride)."""
    vectors = stride // LANES
    groups = (vectors + MOST_VECTORS - 1) // MOST_VECTORS
    width = (vectors + groups - 1) // groups
    for first in range(0, vectors, width):
        count = min(width, vectors - first)
        for i in range(len(starts) - 1):
            add_weighted_rows(
                out,
                i * stride + first * LANES,
                index,
                values,
                np.int64(starts[i]),
                np.int64(starts[i + 1]),
                rows,
                first * LANES,
                stride,
                count,
            )


@njit(**OPTIONS)
def apply_head(
    z: np.ndarray,
    column: int,
    labels: np.ndarray,
    classes: int,
    is_sigmoid: bool,
    wants_gradient: bool,
    wants_metrics: bool,
    room: np.ndarray,
    place: np.ndarray,
    metrics: np.ndarray,
) -> None:
    """Turn the linear outputs of one run, z[:, column : column + C], into G; add to metrics (2,).

    In `room` (2 C + 2, TILE) rows stand innermost, one per lane: S, exponentials, their shift, their sum.
    """
    shift, total = 2 * classes, 2 * classes + 1
    for start in range(0, len(z), TILE):
        n = min(TILE, len(z) - start)
        for i in range(n):
            for c in range(classes):
                room[c, i] = z[start + i, column + c]
        for i in range(TILE):
            room[total, i] = f4(0.0)
        if is_sigmoid:
            for c in range(classes):
                for i in range(TILE):
                    room[c, i] = f4(1.0) / (f4(1.0) + exp(-room[c, i]))
            # At most 1: their exponentials need no shift.
            for i in range(TILE):
                room[shift, i] = f4(0.0)
        else:
            for i in range(TILE):
                room[shift, i] = room[0, i]
            for c in range(1, classes):
                for i in range(TILE):
                    room[shift, i] = max(room[shift, i], room[c, i])
        for c in range(classes):
            for i in range(TILE):
                power = exp(room[c, i] - room[shift, i])
                room[classes + c, i] = power
                room[total, i] += power
        if wants_metrics:
            add_metrics(labels, start, n, classes, room, place, metrics)
        if not wants_gradient:
            continue
        for i in range(TILE):
            room[total, i] = f4(1.0) / room[total, i]
        for c in range(classes):
            for i in range(TILE):
                room[classes + c, i] *= room[total, i]
        for i in range(n):
            room[classes + labels[start + i], i] -= f4(1.0)
        if is_sigmoid:
            for c in range(classes):
                for i in range(TILE):
                    room[classes + c, i] *= room[c, i] * (f4(1.0) - room[c, i])
        for i in range(n):
            for c in range(classes):
                z[start + i, column + c] = room[classes + c, i]


@njit(**OPTIONS)
def add_metrics(
    labels: np.ndarray,
    start: int,
    n: int,
    classes: int,
    room: np.ndarray,
    place: np.ndarray,
    metrics: np.ndarray,
) -> None:
    """Add the losses of n rows, and their answers that are the label: the first of the largest outputs."""
    best, total = 2 * classes, 2 * classes + 1
    for i in range(n):
        metrics[0] += np.log(room[total, i]) + (room[best, i] - room[labels[start + i], i])
    # The shift is of no more use.
    for i in range(TILE):
        room[best, i] = room[0, i]
        place[i] = 0
    for c in range(1, classes):
        for i in range(TILE):
            # A NaN counts as the largest, as in PyTorch.
            is_larger = room[c, i] > room[best, i]
            if is_larger or (room[c, i] != room[c, i] and room[best, i] == room[best, i]):
                room[best, i] = room[c, i]
                place[i] = c
    for i in range(n):
        metrics[1] += place[i] == labels[start + i]


def pass_over_block(
    row_starts: np.ndarray,
    row_columns: np.ndarray,
    row_values: np.ndarray,
    column_starts: np.ndarray,
    column_rows: np.ndarray,
    column_values: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    classes: int,
    sigmoid_runs: int,
    z: np.ndarray,
    room: np.ndarray,
    place: np.ndarray,
    gradient: np.ndarray,
    metrics: np.ndarray,
    wants_gradient: bool,
    wants_metrics: bool,
) -> None:
    """Fill `gradient` (K + 1, P), the bias in its last row, and add to `metrics` (runs, 2), as asked for.

    The inputs stand by rows and by columns; `weights` is (K + 1, P), the bias in its last row; the first
    `sigmoid_runs` runs have a sigmoid head. z (B, P), room (2 C + 2, TILE) and place (TILE,) are for
    computing in.
    """
    rows, outputs = z.shape
    last = len(weights) - 1
    for i in range(rows):
        for p in range(outputs):
            z[i, p] = weights[last, p]
    multiply(row_starts, row_columns, row_values, weights, z, outputs)
    for run in range(len(metrics)):
        apply_head(
            z,
            run * classes,
            labels,
            classes,
            run < sigmoid_runs,
            wants_gradient,
            wants_metrics,
            room,
            place,
            metrics[run],
        )
    if wants_gradient:
        for k in range(last + 1):
            for p in range(outputs):
                gradient[k, p] = f4(0.0)
        multiply(column_starts, column_rows, column_values, z, gradient, outputs)
        for i in range(rows):
            for p in range(outputs):
                gradient[last, p] += z[i, p]


class _NotOnDiskError(Exception):
    """The kernel would have to be compiled."""


class _Refusal(Listener):
    """Stops whatever begins to be compiled."""

    def on_start(self, event: object) -> None:
        raise _NotOnDiskError

    def on_end(self, event: object) -> None:
        pass


def compiled_pass(index: np.dtype, values: np.dtype, progress: Callable[[str], None]) -> Callable[..., None]:
    """Return `pass_over_block` compiled for inputs of these types; `progress` is told if it is not on disk.

    Numba keeps it in NUMBA_CACHE_DIR, beside this file or in the user's cache folder, whichever can be
    written to; if none can, or a damaged file cannot be replaced, it is compiled for this process alone.
    """
    try:
        with install_listener("numba:compile", _Refusal()):
            return from_disk(index, values)
    except _NotOnDiskError:
        pass
    # No folder that can be used, or a damaged file, of which pickle raises a dozen types.
    except Exception:
        _remove_cached("")
    # What a process that was killed while it compiled has left; none takes that long.
    _remove_cached(".tmp.*", least_age_s=COMPILING_S)
    progress("Compiling the kernels for this processor: once, a few seconds")
    with suppress(Exception):
        _compile_elsewhere(index, values)
    with suppress(Exception):
        return from_disk(index, values)
    return _ready(njit(**OPTIONS)(pass_over_block), index, values)


def from_disk(index: np.dtype, values: np.dtype) -> Callable[..., None]:
    """Return `pass_over_block` from disk; it is compiled and put there first if need be."""
    return _ready(njit(cache=True, **OPTIONS)(pass_over_block), index, values)


def _ready(kernel: Callable[..., None], index: np.dtype, values: np.dtype) -> Callable[..., None]:
    kernel(*_least_block(index, values))
    return kernel


def _compile_elsewhere(index: np.dtype, values: np.dtype) -> None:
    """Put the kernel on disk from another process: LLVM takes 80 MB, and the lock that a screen needs."""
    code = "import sys, numpy; from logreg_tui.core.engine.processor.kernels import from_disk; "
    code += "from_disk(*map(numpy.dtype, sys.argv[1:]))"
    # -P: a user's folder may hold a file named like a package.
    words = [sys.executable, "-P", "-c", code, index.str, values.str]
    subprocess.run(words, check=False, capture_output=True, timeout=COMPILING_S)


def _remove_cached(ending: str, least_age_s: float = 0.0) -> None:
    """Remove files of the kernel, or with an ending numba's temporary ones, that nobody wrote to lately."""
    with suppress(Exception):
        folder = njit(cache=True)(pass_over_block).stats.cache_path
        for path in Path(folder).glob(f"{Path(__file__).stem}.{pass_over_block.__name__}-*.nb[ic]{ending}"):
            if time.time() - path.stat().st_mtime >= least_age_s:
                path.unlink()


def _least_block(index: np.dtype, values: np.dtype) -> tuple[object, ...]:
    """Return arguments of `pass_over_block` for one row of one input that is 0, and two classes."""
    sparse = np.zeros(2, np.int32), np.zeros(0, index), np.zeros(0, values)
    weights, z, room = (np.zeros(shape, np.float32) for shape in ((2, LANES), (1, LANES), (6, TILE)))
    place, labels, metrics = np.zeros(TILE, np.int64), np.zeros(1, np.int64), np.zeros((1, 2))
    return *sparse, *sparse, labels, weights, 2, 1, z, room, place, weights.copy(), metrics, True, True
