"""Passes over bytes on the tensor cores of a CUDA GPU, by PyTorch's own products: no compiler is needed.

Bytes are exact as bfloat16, whose 8 significant bits make a float32 in three parts, w = w1 + w2 + w3.
The parts stand one below the other, so that one product of bfloat16, summed up in float32, does the work
of one of float32:

    [Z1 Z2 Z3] = [W1 W2 W3] X^T,    Z = Z1 + Z2 + Z3
    [D1 D2 D3] = [G1 G2 G3] X,      dL/dW^T = D1 + D2 + D3

Inputs are read at half the size of float32 and products take a fraction of the time.
"""

from __future__ import annotations

import torch
from torch import Tensor

from logreg_tui.core.engine.blocks import ByteBlock, DenseBlock
from logreg_tui.core.engine.dense_pass import DensePass, Scratch
from logreg_tui.core.engine.storage import GPU_ROWS, StorageLayout
from logreg_tui.core.engine.thread_team import ThreadTeam

PARTS = 3
MOST_VALUES = 1 << 24
"""Outputs of all parts that are computed at once."""


def has_part_products(storage: StorageLayout, device: torch.device) -> bool:
    """Return if PartsPass can be used for inputs that are kept so."""
    return (
        device.type == "cuda"
        and storage.are_bytes
        and not storage.is_streamed
        and torch.version.hip is None
        # PyTorch 2.8 is the first whose products of bfloat16 can be float32.
        and hasattr(torch.ops.aten.mm, "dtype_out")
        # Ampere is the first with bfloat16 in its tensor cores.
        and torch.cuda.get_device_capability(device) >= (8, 0)
    )


def product(a: Tensor, b: Tensor, out: Tensor) -> None:
    """Fill out, float32, with the product of two matrices of bfloat16, summed up in float32."""
    torch.mm(a, b, out_dtype=torch.float32, out=out)


def split(values: Tensor, parts: Tensor) -> None:
    """Fill parts (3, ...), bfloat16, whose sum is the values (...), float32."""
    parts[0].copy_(values)
    rest = values - parts[0]
    parts[1].copy_(rest)
    parts[2].copy_(rest.sub_(parts[1]))


class PartsPass(DensePass):
    """Passes over a block of bytes, of which it keeps a copy as bfloat16 with a column of ones."""

    def __init__(
        self,
        storage: StorageLayout,
        runs: int,
        sigmoid_runs: int,
        classes: int,
        device: torch.device,
        team: ThreadTeam,
        count: int,
    ) -> None:
        super().__init__(storage, runs, sigmoid_runs, classes, device, team, count)
        self._weight_parts = _parts(self._padded, storage.width, device)
        self._products = torch.zeros(PARTS, self._padded, storage.width, device=device)
        self._copies: dict[int, tuple[ByteBlock, Tensor]] = {}
        """Blocks as bfloat16, shape (rows, K), by the identity of the block."""

    def set_parameters(self, parameters: Tensor) -> None:
        """Take the parameters, shape (outputs, features + 1)."""
        super().set_parameters(parameters)
        split(self._weights.t(), self._weight_parts)
        # Of what is infinite the first part tells; infinity less itself would not be a number.
        self._weight_parts[1:].nan_to_num_(0.0, 0.0, 0.0)

    def parts(self, block: DenseBlock | ByteBlock) -> list[tuple[int, int]]:
        """Return the bounds of the rows that are computed at once; those of the padding add nothing."""
        most = max(1, MOST_VALUES // (PARTS * self._padded * GPU_ROWS)) * GPU_ROWS
        rows = len(block.inputs)
        return [(start, min(start + most, rows)) for start in range(0, rows, most)]

    def new_scratch(self, rows: int) -> Scratch:
        """Return room for so many rows."""
        return _PartsScratch(rows, self._padded, self._device)

    def rows(self, block: DenseBlock | ByteBlock, start: int, stop: int, scratch: Scratch) -> Tensor:
        """Return rows of a block as bfloat16 with a column of ones, shape (rows, K)."""
        assert isinstance(block, ByteBlock), "bytes are exact as bfloat16"
        if id(block) not in self._copies:
            self._copies[id(block)] = block, self._copy(block)
        return self._copies[id(block)][1][start:stop]

    def _copy(self, block: ByteBlock) -> Tensor:
        used = len(self._storage.columns)
        shape = len(block.inputs), self._storage.width
        copy = torch.zeros(shape, dtype=torch.bfloat16, device=self._device)
        copy[:, :used] = block.inputs[:, :used]
        copy[: block.count, used].fill_(1)
        return copy

    def set_outputs(self, inputs: Tensor, scratch: Scratch) -> None:
        """Fill the scratch's linear outputs, (P, rows)."""
        assert isinstance(scratch, _PartsScratch)
        product(self._weight_parts.flatten(0, 1), inputs.t(), scratch.products.flatten(0, 1))
        torch.sum(scratch.products, 0, out=scratch.outputs)

    def add_gradient(self, inputs: Tensor, scratch: Scratch, gradient: Tensor, *, is_first: bool) -> None:
        """Add the gradient of the weights, (P, K), to that of the rows before."""
        assert isinstance(scratch, _PartsScratch)
        split(scratch.gradient, scratch.gradient_parts)
        product(scratch.gradient_parts.flatten(0, 1), inputs, self._products.flatten(0, 1))
        if is_first:
            torch.sum(self._products, 0, out=gradient)
        else:
            gradient.add_(self._products.sum(0))


class _PartsScratch(Scratch):
    def __init__(self, rows: int, outputs: int, device: torch.device) -> None:
        super().__init__(rows, outputs, device)
        self.products = torch.zeros(PARTS, outputs, rows, device=device)
        self.gradient_parts = _parts(outputs, rows, device)


def _parts(rows: int, columns: int, device: torch.device) -> Tensor:
    return torch.zeros(PARTS, rows, columns, dtype=torch.bfloat16, device=device)
