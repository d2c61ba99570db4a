"""Kernels in Triton: a full-batch pass over bytes, and the update that prepares the next one.

For stored values V (B, K), bytes, and a run with folded weights W (K, N), bias b (N,) and labels y, of
whose N = 16 outputs C are real:

    Z = V W + b            linear outputs, (B, N)
    S = sigmoid(Z)         with a sigmoid head, else Z
    G = (softmax(S) - onehot(y)) * S (1 - S), the last factor for the sigmoid head only
    V^T G and 1^T G        the gradients of the summed loss at W and b, (K, N) and (N,)

Products take float16 and add in float32. A byte is exact in float16; weights and G are not, so each is
the sum of two float16, the high part and what it leaves, after scaling by a power of two: together they have
22 bits of significand, about as many as float32. Products of high and low parts are added apart, for tensor
cores round what they add.

Nothing is added by atomics, and no program waits for another: the same bits on the same card, always.
A program handles some blocks of rows of one run and writes its own partial sums; the update adds those of
all programs of a run in one order.

Without a GPU the kernels run in Triton's interpreter, which has no inline assembly.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, CompiledKernel

OUTPUTS = tl.constexpr(16)
"""N, the outputs of a run with their padding: the narrowest product of tensor cores."""
CHUNK = tl.constexpr(8)
"""Features that a program of the update handles."""
GRADIENT_SCALE = tl.constexpr(32768.0)
"""G, at most 1, as the largest power of two in float16."""
IS_INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
HAS_ASSEMBLY = tl.constexpr(not IS_INTERPRETED)
FACTOR = tl.constexpr(tl.float32 if IS_INTERPRETED else tl.float16)
"""Type of the factors of products, whose values are float16; NumPy has no fast product of those."""
TYPES = {
    "inputs_ptr": "*u8",
    "labels_ptr": "*i64",
    "columns_ptr": "*i32",
    **dict.fromkeys(("offset_ptr", "bias_parts_ptr", "metrics_ptr"), "*fp64"),
    **dict.fromkeys(("blocks", "sigmoid_runs", "width", "programs"), "i32"),
    "count": "fp32",
}
"""Types of arguments by name; other pointers are to float32."""
UNALIGNED = ("parameters_ptr", "decay_ptr", "rate_ptr")
"""Pointers that may be no multiple of 16 bytes: rates are cut out of a table."""


def launcher(
    kernel: Any,  # noqa: ANN401  as Triton decorates it
    constants: Mapping[str, int],
    capability: tuple[int, int],
    warps: int,
    stages: int,
    grid: tuple[int, int],
) -> Callable[..., None]:
    """Compile and load a kernel; return what launches it with the arguments before its constants.

    The arguments' values are not looked at, so that nothing is compiled while a training runs.
    Raises whatever Triton and the driver raise.
    """
    names = [name for name in kernel.arg_names if name in constants]
    run = compiled(kernel, tuple((name, constants[name]) for name in names), capability, warps, stages)[
        *grid, 1
    ]
    values = [constants[name] for name in names]
    return lambda *arguments: run(*arguments, *values)


@cache
def compiled(
    kernel: Any,  # noqa: ANN401
    constants: tuple[tuple[str, int], ...],
    capability: tuple[int, int],
    warps: int,
    stages: int,
) -> CompiledKernel:
    """Return machine code for GPUs of a capability, made now or read from Triton's cache; needs no GPU."""
    names = [name for name in kernel.arg_names if name not in dict(constants)]
    types = {name: TYPES.get(name, "*fp32") for name in names}
    aligned = [name for name in names if types[name].startswith("*") and name not in UNALIGNED]
    source = ASTSource(
        kernel,
        {name: types.get(name, "constexpr") for name in kernel.arg_names},
        dict(constants),
        {(kernel.arg_names.index(name),): [["tt.divisibility", 16]] for name in aligned},
    )
    target = GPUTarget("cuda", 10 * capability[0] + capability[1], 32)
    return triton.compile(source, target, {"num_warps": warps, "num_stages": stages})


@triton.jit
def half_of_bytes(values):
    """Return bytes as factors, exactly."""
    if HAS_ASSEMBLY:
        # 0x6400 is 1024 in float16, whose last bit is worth 1: with a byte there it is 1024 + byte.
        return tl.inline_asm_elementwise(
            """{
            .reg .b32 thousand, minus;
            mov.b32 thousand, 0x64646464;
            mov.b32 minus, 0xe400e400;
            prmt.b32 $0, $2, thousand, 0x4140;
            prmt.b32 $1, $2, thousand, 0x4342;
            add.rn.f16x2 $0, $0, minus;
            add.rn.f16x2 $1, $1, minus;
            }""",
            "=r,=r,r",
            [values],
            dtype=tl.float16,
            is_pure=True,
            pack=4,
        )
    return values.to(FACTOR)


@triton.jit
def two_halves(values):
    """Return float32 as the sum of two float16 for factors: the nearest, and what it leaves."""
    high = values.to(tl.float16)
    return high.to(FACTOR), (values - high.to(tl.float32)).to(tl.float16).to(FACTOR)


@triton.jit
def to_thousand(largest):
    """Return the power of two that brings a number into [2^9, 2^10), and its inverse.

    0, infinity and NaN have none: they get that of the smallest or largest numbers.
    """
    exponent = (largest.to(tl.int32, bitcast=True) >> 23) & 0xFF
    exponent = tl.minimum(tl.maximum(exponent, 10), 254)
    scale = ((127 + 9 + 127 - exponent) << 23).to(tl.float32, bitcast=True)
    inverse = ((exponent - 9) << 23).to(tl.float32, bitcast=True)
    return scale, inverse


@triton.jit
def head_outputs(z, is_sigmoid, CLASSES: tl.constexpr):
    """Return S of Z, (B, N), with -infinity as padding."""
    # A plain division is approximate on a GPU, which would change how many outputs tie at 1.
    s = tl.where(is_sigmoid, tl.math.div_rn(1.0, 1.0 + tl.exp(-z)), z)
    return tl.where(tl.arange(0, OUTPUTS)[None, :] < CLASSES, s, float("-inf"))


@triton.jit
def first_largest(s):
    """Return which output is the first of the largest, (B,); NaN is larger than all, as it is in PyTorch."""
    column = tl.arange(0, OUTPUTS)[None, :]
    first = tl.min(tl.where(s == tl.max(s, 1)[:, None], column, OUTPUTS), 1)
    first_nan = tl.min(tl.where(s != s, column, OUTPUTS), 1)
    return tl.where(first_nan < OUTPUTS, first_nan, first)


@triton.jit
def full_batch_pass(
    inputs_ptr,
    labels_ptr,
    weights_ptr,
    bias_parts_ptr,
    maxima_ptr,
    gradient_ptr,
    metrics_ptr,
    blocks,
    sigmoid_runs,
    FEATURES: tl.constexpr,
    STRIDE: tl.constexpr,
    CLASSES: tl.constexpr,
    CHUNKS: tl.constexpr,
    MAXIMA: tl.constexpr,
    BIAS_PARTS: tl.constexpr,
    BLOCK_ROWS: tl.constexpr,
    BLOCK_FEATURES: tl.constexpr,
    FEATURE_BLOCKS: tl.constexpr,
    HAS_GRADIENT: tl.constexpr,
    HAS_METRICS: tl.constexpr,
):
    """Program (p, r) of (P, R): blocks p, p + P, ... of the rows for run r; sigmoid heads come first.

    With STRIDE the bytes of a row, FEATURES of which are not padding, and label -1 for rows that are:

        inputs (blocks * BLOCK_ROWS, STRIDE) uint8     labels (blocks * BLOCK_ROWS,) int64
        weights (R, STRIDE, N) float32, bias_parts (R, CHUNKS, N) float64, maxima (R, CHUNKS) float32
                                                       as `update` prepares them
        gradient (R, P, FEATURES + 1, N) float32       partial sums, the bias last
        metrics (R, P, 2) float64                      partial sums of losses and of correct answers

    BIAS_PARTS, the last ones, hold the bias; that and MAXIMA are powers of two.
    """
    p, run, programs = tl.program_id(0), tl.program_id(1), tl.num_programs(0)
    rows, inner, column = tl.arange(0, BLOCK_ROWS), tl.arange(0, BLOCK_FEATURES), tl.arange(0, OUTPUTS)
    weights_ptr += run * STRIDE * OUTPUTS
    chunk = tl.arange(0, MAXIMA)
    maxima = tl.load(maxima_ptr + run * CHUNKS + chunk, mask=chunk < CHUNKS, other=0.0)
    scale, inverse = to_thousand(tl.max(maxima, 0))
    part = CHUNKS - 1 - tl.arange(0, BIAS_PARTS)[:, None]
    bias_parts = tl.load(
        bias_parts_ptr + (run * CHUNKS + part) * OUTPUTS + column[None, :], mask=part >= 0, other=0.0
    )
    bias = tl.sum(bias_parts, 0).to(tl.float32)
    weight_sums = ()
    for _ in tl.static_range(FEATURE_BLOCKS):
        weight_sums = weight_sums + (tl.zeros((BLOCK_FEATURES, OUTPUTS), tl.float32),)
    bias_sum = tl.zeros((BLOCK_ROWS, OUTPUTS), tl.float32)
    loss_sum = tl.zeros((BLOCK_ROWS,), tl.float64)
    correct_sum = tl.zeros((BLOCK_ROWS,), tl.int32)
    for block in range(p, blocks, programs):
        # The bytes may be more than 32 bits can number.
        first_row = tl.cast(block, tl.int64) * BLOCK_ROWS
        row_ptr = inputs_ptr + first_row * STRIDE + rows[:, None] * STRIDE
        high_sum = tl.zeros((BLOCK_ROWS, OUTPUTS), tl.float32)
        low_sum = tl.zeros((BLOCK_ROWS, OUTPUTS), tl.float32)
        # Not unrolled: the compiler would keep all bytes in registers for the second time, and spill.
        for start in tl.range(0, STRIDE, BLOCK_FEATURES):
            k = start + inner
            v = half_of_bytes(tl.load(row_ptr + k[None, :], mask=(k < STRIDE)[None, :], other=0))
            at = weights_ptr + k[:, None] * OUTPUTS + column[None, :]
            high, low = two_halves(scale * tl.load(at, mask=(k < STRIDE)[:, None], other=0.0))
            high_sum = tl.dot(v, high, high_sum)
            low_sum = tl.dot(v, low, low_sum)
        s = head_outputs((high_sum + low_sum) * inverse + bias[None, :], run < sigmoid_runs, CLASSES)
        label = tl.load(labels_ptr + first_row + rows).to(tl.int32)
        is_label = column[None, :] == label[:, None]
        top = tl.max(s, 1)
        exponentials = tl.exp(s - top[:, None])
        total = tl.sum(exponentials, 1)
        if HAS_METRICS:
            of_label = tl.sum(tl.where(is_label, s, 0.0), 1)
            # In this order the sum's logarithm is not lost beside large outputs.
            loss = (top - of_label) + tl.log(total)
            loss_sum += tl.where(label >= 0, loss, 0.0).to(tl.float64)
            correct_sum += (first_largest(s) == label).to(tl.int32)
        if HAS_GRADIENT:
            g = tl.math.div_rn(exponentials, total[:, None] + tl.zeros_like(exponentials)) - is_label.to(
                tl.float32
            )
            g = tl.where(run < sigmoid_runs, g * (s * (1.0 - s)), g)
            g = tl.where((column < CLASSES)[None, :] & (label >= 0)[:, None], g, 0.0)
            bias_sum += g
            high, low = two_halves(g * GRADIENT_SCALE)
            sums = ()
            for i in tl.static_range(FEATURE_BLOCKS):
                k = i * BLOCK_FEATURES + inner
                # Another eviction policy than above, or the compiler keeps what was read there.
                again = tl.load(
                    row_ptr + k[None, :], mask=(k < STRIDE)[None, :], other=0, eviction_policy="evict_first"
                )
                v = tl.trans(half_of_bytes(again))
                sums = sums + (tl.dot(v, high, tl.dot(v, low, weight_sums[i])),)
            weight_sums = sums
    if HAS_GRADIENT:
        out = gradient_ptr + (run * programs + p) * (FEATURES + 1) * OUTPUTS
        for i in tl.static_range(FEATURE_BLOCKS):
            k = i * BLOCK_FEATURES + inner
            at = out + k[:, None] * OUTPUTS + column[None, :]
            tl.store(at, weight_sums[i] * (1.0 / GRADIENT_SCALE), mask=(k < FEATURES)[:, None])
        tl.store(out + FEATURES * OUTPUTS + column, tl.sum(bias_sum, 0))
    if HAS_METRICS:
        at = metrics_ptr + (run * programs + p) * 2
        tl.store(at, tl.sum(loss_sum, 0))
        tl.store(at + 1, tl.sum(correct_sum, 0).to(tl.float64))


@triton.jit
def update(
    parameters_ptr,
    gradient_ptr,
    decay_ptr,
    rate_ptr,
    columns_ptr,
    scale_ptr,
    offset_ptr,
    weights_ptr,
    bias_parts_ptr,
    maxima_ptr,
    width,
    programs,
    count,
    FEATURES: tl.constexpr,
    STRIDE: tl.constexpr,
    CLASSES: tl.constexpr,
    CHUNKS: tl.constexpr,
    PROGRAMS_AT_ONCE: tl.constexpr,
    HAS_OFFSET: tl.constexpr,
    HAS_STEP: tl.constexpr,
):
    """Program (i, r): a step of CHUNK parameters of each class of run r, and the weights of the next pass.

    Parameters are handled in the order of `columns`: the kept features, the bias, then the features that are
    zero in every sample. These have no gradient, but decay. For a kept feature of scale a and offset
    o = shift * a (see core/engine/folding.py), with W its parameters and v its values in the N samples:

        dL/dW = (a sum v G - o sum G) / N              prepared: a W as weights, -o W as part of the bias

        parameters (R * CLASSES, width) float32        columns (width,) int32
        gradient (R, programs, FEATURES + 1, N)        as `full_batch_pass` leaves it, if HAS_STEP
        decay, rate (R * CLASSES,) float32             decay is 2 lambda, the rate negative
        scale (FEATURES,) float32                      offset (FEATURES,) float64
    """
    chunk, run = tl.program_id(0), tl.program_id(1)
    element = tl.arange(0, CHUNK * OUTPUTS)
    place, output = chunk * CHUNK + element // OUTPUTS, element % OUTPUTS
    is_real = (place < width) & (output < CLASSES)
    is_kept = place < FEATURES
    scale = tl.load(scale_ptr + place, mask=is_kept, other=1.0)
    row = run * CLASSES + output
    at = parameters_ptr + row * width + tl.load(columns_ptr + place, mask=place < width, other=0)
    w = tl.load(at, mask=is_real, other=0.0)
    if HAS_OFFSET:
        offset = tl.load(offset_ptr + place, mask=is_kept, other=0.0)
    if HAS_STEP:
        total = tl.zeros((CHUNK * OUTPUTS,), tl.float32)
        bias_total = tl.zeros((CHUNK * OUTPUTS,), tl.float64)
        for start in range(0, programs, PROGRAMS_AT_ONCE):
            program = start + tl.arange(0, PROGRAMS_AT_ONCE)[:, None]
            part = gradient_ptr + (run * programs + program) * (FEATURES + 1) * OUTPUTS
            is_in = (program < programs) & (place <= FEATURES)[None, :]
            total += tl.sum(tl.load(part + (place * OUTPUTS + output)[None, :], mask=is_in, other=0.0), 0)
            if HAS_OFFSET:
                of_bias = tl.load(part + (output + FEATURES * OUTPUTS)[None, :], mask=is_in, other=0.0)
                bias_total += tl.sum(of_bias.to(tl.float64), 0)
        total *= scale
        if HAS_OFFSET:
            total = (total.to(tl.float64) - bias_total * offset).to(tl.float32)
        rate = tl.load(rate_ptr + row, mask=is_real, other=0.0)
        decay = tl.load(decay_ptr + row, mask=is_real, other=0.0)
        w += rate * (tl.math.div_rn(total, count + tl.zeros_like(total)) + decay * w)
        tl.store(at, w, mask=is_real)
    weight = tl.where(is_kept, w * scale, 0.0)
    tl.store(weights_ptr + run * STRIDE * OUTPUTS + place * OUTPUTS + output, weight, mask=is_kept)
    # All programs that hold a kept feature or the bias; the others have nothing for the next pass.
    if chunk < CHUNKS:
        tl.store(maxima_ptr + run * CHUNKS + chunk, tl.max(tl.abs(weight), 0))
        of_bias = tl.where(place == FEATURES, w, 0.0).to(tl.float64)
        if HAS_OFFSET:
            of_bias -= w.to(tl.float64) * offset
        of_bias = tl.sum(tl.reshape(of_bias, (CHUNK, OUTPUTS)), 0)
        tl.store(bias_parts_ptr + (run * CHUNKS + chunk) * OUTPUTS + tl.arange(0, OUTPUTS), of_bias)
