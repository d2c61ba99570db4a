"""Two functions in LLVM's terms for the compiled kernels, whose own loops would keep sums in memory.

Numba's intrinsics: https://numba.readthedocs.io/en/stable/extending/high-level.html#implementing-intrinsics
Numba stamps compiled code on disk with the time of `kernels.py` alone: touch that after a change in here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

LANES = 8
"""Values of a vector register; outputs are padded to a multiple."""
MOST_VECTORS = 10
"""Registers that the outputs of a row may take: more would not leave any for the rest."""

FLOAT = ir.FloatType()
VECTOR = ir.VectorType(FLOAT, LANES)
INT = ir.IntType(64)


@intrinsic
def add_weighted_rows(
    typing: Any,
    out: Any,
    at: Any,
    index: Any,
    values: Any,
    start: Any,
    stop: Any,
    rows: Any,
    column: Any,
    stride: Any,
    vectors: Any,
) -> Any:
    """Add weighted rows to a stretch of `out`, N = LANES * vectors, 1 <= vectors <= MOST_VECTORS:

    out[at : at + N] += sum of values[j] * rows[index[j] * stride + column : ... + N], start <= j < stop.

    All arrays are contiguous and taken as flat.
    """
    signature = types.void(out, at, index, values, start, stop, rows, column, stride, vectors)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Sequence[ir.Value]) -> Any:
        pointers = [
            context.make_array(kind)(context, builder, argument).data
            if isinstance(kind, types.Array)
            else None
            for kind, argument in zip(signature.args, arguments, strict=True)
        ]
        _, at, _, _, start, stop, _, column, stride, vectors = arguments
        target = builder.gep(pointers[0], [at])
        source = builder.gep(pointers[6], [column])
        done = builder.append_basic_block("done")
        switch = builder.switch(vectors, done)
        for count in range(1, MOST_VECTORS + 1):
            case = builder.append_basic_block(f"vectors{count}")
            switch.add_case(ir.Constant(vectors.type, count), case)
            builder.position_at_end(case)
            _add_rows(builder, target, (pointers[2], pointers[3]), (start, stop), source, stride, count)
            builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    return signature, generate


def _add_rows(
    builder: ir.IRBuilder,
    target: ir.Value,
    entries: tuple[ir.Value, ir.Value],
    bounds: tuple[ir.Value, ir.Value],
    source: ir.Value,
    stride: ir.Value,
    count: int,
) -> None:
    """Generate the loop for `count` vectors: accumulators are phi nodes, which become registers."""
    # An addition waits for the one before: few accumulators are doubled, so that there is always one to do.
    sets = 2 if 2 * count <= MOST_VECTORS else 1
    targets = [_vector_pointer(builder, target, ir.Constant(INT, LANES * k)) for k in range(count)]
    initial = [_load(builder, pointer) for pointer in targets]
    zeros = [ir.Constant(VECTOR, [0.0] * LANES)] * count
    sums, at = _loop(builder, entries, bounds, source, stride, [initial, zeros][:sets])
    if sets == 2:
        ends, _ = _loop(builder, entries, (at, bounds[1]), source, stride, [sums[0]])
        sums = [[builder.fadd(a, b) for a, b in zip(ends[0], sums[1], strict=True)]]
    for pointer, total in zip(targets, sums[0], strict=True):
        builder.store(total, pointer, align=4)


def _loop(
    builder: ir.IRBuilder,
    entries: tuple[ir.Value, ir.Value],
    bounds: tuple[ir.Value, ir.Value],
    source: ir.Value,
    stride: ir.Value,
    initial: list[list[ir.Value]],
) -> tuple[list[list[ir.Value]], ir.Value]:
    """Generate a loop over entries, one per set of accumulators at a time; return sums and the next entry."""
    step = ir.Constant(INT, len(initial))
    before = builder.block
    head, body, end = (builder.append_basic_block(name) for name in ("head", "body", "end"))
    builder.branch(head)
    builder.position_at_end(head)
    j = builder.phi(INT)
    j.add_incoming(bounds[0], before)
    sums = [[builder.phi(VECTOR) for _ in accumulators] for accumulators in initial]
    for phi, value in zip(_flat(sums), _flat(initial), strict=True):
        phi.add_incoming(value, before)
    following = builder.add(j, step)
    builder.cbranch(builder.icmp_signed("<=", following, bounds[1]), body, end)
    builder.position_at_end(body)
    results = [
        _fused(builder, entries, builder.add(j, ir.Constant(INT, k)), source, stride, accumulators)
        for k, accumulators in enumerate(sums)
    ]
    j.add_incoming(following, body)
    for phi, value in zip(_flat(sums), _flat(results), strict=True):
        phi.add_incoming(value, body)
    builder.branch(head)
    builder.position_at_end(end)
    return sums, j


def _fused(
    builder: ir.IRBuilder,
    entries: tuple[ir.Value, ir.Value],
    j: ir.Value,
    source: ir.Value,
    stride: ir.Value,
    accumulators: list[ir.Value],
) -> list[ir.Value]:
    """Generate accumulators + values[j] * the row of index[j]."""
    index, value = (builder.load(builder.gep(pointer, [j])) for pointer in entries)
    if isinstance(value.type, ir.IntType):
        value = builder.uitofp(value, FLOAT)
    spread = builder.shuffle_vector(
        builder.insert_element(ir.Constant(VECTOR, ir.Undefined), value, ir.Constant(ir.IntType(32), 0)),
        ir.Constant(VECTOR, ir.Undefined),
        ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES),
    )
    row = builder.mul(builder.zext(index, INT), stride)
    results = []
    for k, accumulator in enumerate(accumulators):
        weight = _load(
            builder, _vector_pointer(builder, source, builder.add(row, ir.Constant(INT, LANES * k)))
        )
        # `contract` lets both become one instruction; nothing else may be reordered: bits stay the same.
        product = builder.fmul(spread, weight, flags=("contract",))
        results.append(builder.fadd(accumulator, product, flags=("contract",)))
    return results


def _vector_pointer(builder: ir.IRBuilder, base: ir.Value, offset: ir.Value) -> ir.Value:
    return builder.bitcast(builder.gep(base, [offset]), VECTOR.as_pointer())


def _load(builder: ir.IRBuilder, pointer: ir.Value) -> ir.Value:
    return builder.load(pointer, align=4)


def _flat(lists: list[list[ir.Value]]) -> list[ir.Value]:
    return [value for values in lists for value in values]


@intrinsic
def power_of_two(typing: Any, exponent: Any) -> Any:
    """2^exponent as float32, -126 <= exponent <= 127, by setting the bits of the exponent."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Sequence[ir.Value]) -> Any:
        biased = builder.add(arguments[0], ir.Constant(ir.IntType(32), 127))
        return builder.bitcast(builder.shl(biased, ir.Constant(ir.IntType(32), 23)), FLOAT)

    return types.float32(types.int32), generate
