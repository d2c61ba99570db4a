"""Blocks of rows and the two products with each: inputs by weights, gradients by inputs.

A column of ones beside the inputs carries the bias. Inputs that are mostly zero are kept as
compressed sparse rows in both orientations: on a processor that reads a fifth of MNIST. Values of
all runs go through in groups of columns of the widths at which the products are fastest.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import accumulate
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from logreg_tui.core.data.arrays import row_chunks

# PyTorch calls the layout beta. Its products are tested here against dense ones.
warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")

WIDE, MIDDLE, NARROW = 32, 24, 16
"""Widths at which a product with sparse rows is fastest, measured."""


def sparse_widths(outputs: int) -> list[int]:
    """Return widths of groups that hold so many outputs; only the last is wider than what it holds."""
    groups, rest = divmod(outputs, WIDE)
    widths = [WIDE] * groups
    if 0 < rest <= WIDE - MIDDLE and groups:
        return [*widths[:-1], MIDDLE, NARROW]
    if rest:
        widths.append(next(width for width in (NARROW, MIDDLE, WIDE) if rest <= width))
    return widths


class OutputLayout:
    """How the outputs of all runs stand in the products with K columns of inputs."""

    def __init__(self, outputs: int, columns: int, *, is_sparse: bool, device: torch.device) -> None:
        """Lay out so many outputs, runs * classes."""
        self.outputs = outputs
        self.columns = columns
        self.is_sparse = is_sparse
        self.widths = sparse_widths(outputs) if is_sparse else [outputs]
        starts = [0, *accumulate(self.widths)]
        self.places = [slice(start, stop) for start, stop in zip(starts, starts[1:], strict=False)]
        """Of each group among the P outputs, of which the last may be padding."""
        self._device = device

    @property
    def padded(self) -> int:
        """P, the outputs with what the last group is wider."""
        return sum(self.widths)

    def weights(self) -> list[Tensor]:
        """Return room for the weights of each group, zeros of shape (K, width)."""
        return [torch.zeros(self.columns, width, device=self._device) for width in self.widths]

    def gradients(self) -> list[Tensor]:
        """Return room for the gradient of each group: (K, width) where sparse, else (P, K)."""
        if self.is_sparse:
            return self.weights()
        return [torch.zeros(self.padded, self.columns, device=self._device)]

    def joined(self, gradients: Sequence[Tensor]) -> Tensor:
        """Return the groups' gradients as one of shape (outputs, K)."""
        if not self.is_sparse:
            return gradients[0][: self.outputs]
        return torch.cat([gradient.t() for gradient in gradients])[: self.outputs]


class Scratch:
    """What is computed of one block, reused from block to block by one thread at a time."""

    def __init__(self, rows: int, layout: OutputLayout, device: torch.device) -> None:
        self._places = layout.places
        self.rows = [torch.zeros(rows, width, device=device) for width in layout.widths]
        self.outputs = torch.zeros(layout.padded, rows, device=device)
        self.gradient = torch.zeros_like(self.outputs)

    def turn_outputs(self) -> None:
        """Fill `outputs` from `rows`."""
        for rows, place in zip(self.rows, self._places, strict=True):
            self.outputs[place].copy_(rows.t())

    def turn_gradient(self) -> None:
        """Fill `rows` from `gradient`."""
        for rows, place in zip(self.rows, self._places, strict=True):
            rows.copy_(self.gradient[place].t())


class Block(Protocol):
    """Some rows of inputs: K values each, of which one is 1 and some may be padding."""

    def set_outputs(self, weights: Sequence[Tensor], scratch: Scratch) -> None:
        """Fill scratch.outputs (P, rows) with the inputs by the weights, a group (K, width) each."""
        ...

    def set_gradients(self, scratch: Scratch, gradients: Sequence[Tensor]) -> None:
        """Fill gradients, laid out as `OutputLayout.gradients` says, from scratch.gradient (P, rows)."""
        ...


class DenseBlock:
    """Rows as they are, shape (rows, K)."""

    def __init__(self, inputs: Tensor) -> None:
        self._inputs = inputs

    def set_outputs(self, weights: Sequence[Tensor], scratch: Scratch) -> None:
        """Use the one group there is."""
        if self._inputs.device.type != "cpu":
            torch.mm(weights[0].t(), self._inputs.t(), out=scratch.outputs)
            return
        # On a processor this product is fastest row by row; what follows is, with the rows innermost.
        torch.mm(self._inputs, weights[0], out=scratch.rows[0])
        scratch.turn_outputs()

    def set_gradients(self, scratch: Scratch, gradients: Sequence[Tensor]) -> None:
        """Fill the one group there is, shape (P, K)."""
        torch.mm(scratch.gradient, self._inputs, out=gradients[0])


class SparseBlock:
    """What is not zero of some rows, in both orientations."""

    def __init__(self, inputs: np.ndarray, *, has_gradient: bool) -> None:
        """Take inputs of shape (rows, K); without `has_gradient` only one orientation is kept."""
        self._inputs = _sparse(inputs)
        self._transposed = _sparse(np.ascontiguousarray(inputs.T)) if has_gradient else None

    def set_outputs(self, weights: Sequence[Tensor], scratch: Scratch) -> None:
        """Multiply group by group."""
        for weight, rows in zip(weights, scratch.rows, strict=True):
            torch.mm(self._inputs, weight, out=rows)
        scratch.turn_outputs()

    def set_gradients(self, scratch: Scratch, gradients: Sequence[Tensor]) -> None:
        """Fill group by group, shape (K, width) each."""
        assert self._transposed is not None, "made without a gradient"
        scratch.turn_gradient()
        for rows, gradient in zip(scratch.rows, gradients, strict=True):
            torch.mm(self._transposed, rows, out=gradient)


def _sparse(values: np.ndarray) -> Tensor:
    """Return a matrix of any type as compressed sparse rows, float32 with 32-bit indices."""
    counts = np.count_nonzero(values, axis=1)
    starts = np.zeros(len(values) + 1, np.int32)
    np.cumsum(counts, out=starts[1:])
    columns, kept = np.empty(starts[-1], np.int32), np.empty(starts[-1], np.float32)
    # Part by part: the places of all would take several times what is kept of them.
    for rows in row_chunks(values.shape):
        part, found = values[rows], slice(starts[rows.start], starts[rows.stop])
        places = np.flatnonzero(part)
        columns[found] = places - np.repeat(np.arange(len(part)) * part.shape[1], counts[rows])
        kept[found] = part.reshape(-1).take(places)
    return torch.sparse_csr_tensor(
        torch.from_numpy(starts),
        torch.from_numpy(columns),
        torch.from_numpy(kept),
        values.shape,
        check_invariants=False,
    )
