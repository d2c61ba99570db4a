"""Products with blocks of rows, sparse and dense, held against plain matrix products."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.loops import CPU
from helpers.made_data import values
from torch import Tensor

from logreg_tui.core.data.inputs import with_ones
from logreg_tui.core.engine.blocks import Block, DenseBlock, OutputLayout, Scratch, SparseBlock, sparse_widths

ROWS, FEATURES = 19, 12
KINDS = ("sparse", "dense")
NAN = float("nan")


def block_of(inputs: np.ndarray, kind: str) -> tuple[Block, int]:
    """Return a block with ones behind the inputs, and the number of its columns."""
    if kind == "sparse":
        rows = np.ones((len(inputs), inputs.shape[1] + 1), inputs.dtype)
        rows[:, :-1] = inputs
        return SparseBlock(rows, has_gradient=True), rows.shape[1]
    dense = with_ones(*inputs.shape)
    dense[:, : inputs.shape[1]] = inputs
    return DenseBlock(torch.from_numpy(dense)), dense.shape[1]


def with_bias(inputs: np.ndarray) -> Tensor:
    return torch.from_numpy(np.c_[inputs, np.ones(len(inputs))]).float()


def buffer(layout: OutputLayout, parameters: Tensor) -> list[Tensor]:
    """Return the parameters (outputs, features + 1) as the products take them."""
    weights = layout.weights()
    for weight, place in zip(weights, layout.places, strict=True):
        part = parameters[place]
        weight[: part.shape[1], : len(part)] = part.t()
    return weights


def products(
    inputs: np.ndarray, kind: str, parameters: Tensor, gradient: Tensor
) -> tuple[Tensor, Tensor, OutputLayout, Scratch]:
    """Return outputs (outputs, rows) and gradients (outputs, K) from rooms that were full of NaN."""
    block, columns = block_of(inputs, kind)
    layout = OutputLayout(len(parameters), columns, is_sparse=kind == "sparse", device=CPU)
    scratch = Scratch(len(inputs), layout, CPU)
    for used in (*scratch.rows, scratch.outputs):
        used.fill_(NAN)
    block.set_outputs(buffer(layout, parameters), scratch)
    scratch.gradient[: len(gradient)] = gradient
    gradients = layout.gradients()
    for used in gradients:
        used.fill_(NAN)
    block.set_gradients(scratch, gradients)
    return scratch.outputs, layout.joined(gradients), layout, scratch


def test_groups_are_as_wide_as_products_are_fast_and_only_the_last_is_padded() -> None:
    for outputs in range(1, 200):
        widths = sparse_widths(outputs)
        assert set(widths) <= {16, 24, 32}
        assert sum(widths[:-1]) < outputs <= sum(widths)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("runs", range(1, 18))
def test_both_products_equal_plain_ones_for_any_number_of_runs_and_classes(runs: int, kind: str) -> None:
    inputs = values(ROWS, FEATURES, 0.3)
    plain = with_bias(inputs)
    generator = torch.Generator().manual_seed(runs)
    for classes in range(2, 12):
        wanted = runs * classes
        parameters = torch.randn(wanted, FEATURES + 1, generator=generator)
        gradient = torch.randn(wanted, ROWS, generator=generator)
        outputs, gradients, layout, _ = products(inputs, kind, parameters, gradient)
        torch.testing.assert_close(outputs[:wanted], parameters @ plain.T, rtol=1e-5, atol=1e-4)
        expected = gradient @ plain
        assert gradients.shape == (wanted, layout.columns)
        torch.testing.assert_close(gradients[:, : FEATURES + 1], expected, rtol=1e-5, atol=1e-4)
        assert not outputs[wanted:].any(), "padding must stay zero"
        assert not gradients[:, FEATURES + 1 :].any(), "padding must stay zero"


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_diverged_run_puts_out_stays_its_own(kind: str) -> None:
    inputs = values(ROWS, FEATURES, 0.3)
    parameters, gradient = torch.ones(6, FEATURES + 1), torch.ones(6, ROWS)
    outputs, gradients, _, _ = products(inputs, kind, parameters, gradient)
    sick, sick_gradient = parameters.clone(), gradient.clone()
    sick[2], sick_gradient[3] = NAN, torch.inf
    sick_outputs, sick_gradients, _, _ = products(inputs, kind, sick, sick_gradient)
    others = [0, 1, 3, 4, 5]
    assert torch.equal(sick_outputs[others], outputs[others])
    assert sick_outputs[2].isnan().all()
    others = [0, 1, 2, 4, 5]
    assert torch.equal(sick_gradients[others], gradients[others])


@pytest.mark.parametrize("kind", KINDS)
def test_the_column_of_ones_carries_the_bias(kind: str) -> None:
    parameters = torch.zeros(7, FEATURES + 1)
    parameters[:, -1] = torch.arange(7) + 0.1
    gradient = torch.randn(7, ROWS, generator=torch.Generator().manual_seed(0))
    outputs, gradients, _, _ = products(values(ROWS, FEATURES, 0.3), kind, parameters, gradient)
    assert torch.equal(outputs[:7], parameters[:, -1:].expand(7, ROWS))
    torch.testing.assert_close(gradients[:, FEATURES], gradient.sum(1))


@pytest.mark.parametrize("kind", KINDS)
def test_features_and_samples_that_are_all_zero_are_fine(kind: str) -> None:
    inputs = values(ROWS, FEATURES, 0.3)
    inputs[:, 3] = 0
    inputs[5] = 0
    parameters, gradient = torch.full((3, FEATURES + 1), 2.0), torch.ones(3, ROWS)
    outputs, gradients, _, _ = products(inputs, kind, parameters, gradient)
    assert outputs[:3, 5].tolist() == [2.0] * 3
    assert gradients[:, 3].tolist() == [0.0] * 3
    no_outputs, no_gradients, _, _ = products(np.zeros_like(inputs), kind, parameters, gradient)
    assert torch.equal(no_outputs[:3], torch.full((3, ROWS), 2.0))
    assert not no_gradients[:, :FEATURES].any()


@pytest.mark.parametrize("dtype", ["?", "u1", "i1", "<i2", "<f4", "<f8"])
def test_sparse_rows_may_be_stored_in_any_type(dtype: str) -> None:
    inputs = values(ROWS, FEATURES, 0.3, dtype)
    parameters, gradient = torch.ones(2, FEATURES + 1), torch.ones(2, ROWS)
    outputs, gradients, _, _ = products(inputs, "sparse", parameters, gradient)
    assert torch.equal(outputs[:2], parameters @ with_bias(inputs).T)
    assert torch.equal(gradients, gradient @ with_bias(inputs))


def test_rows_are_turned_there_and_back() -> None:
    layout = OutputLayout(41, 5, is_sparse=True, device=CPU)
    assert (layout.widths, layout.padded) == ([32, 16], 48)
    scratch = Scratch(3, layout, CPU)
    scratch.gradient.copy_(torch.arange(48 * 3).view(48, 3))
    scratch.turn_gradient()
    scratch.turn_outputs()
    assert torch.equal(scratch.outputs, scratch.gradient)


def test_the_same_products_give_the_same_bits() -> None:
    inputs = values(300, 50, 0.3)
    parameters = torch.randn(20, 51, generator=torch.Generator().manual_seed(0))
    gradient = torch.randn(20, 300, generator=torch.Generator().manual_seed(1))
    for kind in KINDS:
        first, second = (products(inputs, kind, parameters, gradient)[:2] for _ in range(2))
        assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


def test_samples_that_are_only_measured_have_one_orientation() -> None:
    block = SparseBlock(values(4, 3), has_gradient=False)
    layout = OutputLayout(2, 3, is_sparse=True, device=CPU)
    with pytest.raises(AssertionError, match="without a gradient"):
        block.set_gradients(Scratch(4, layout, CPU), layout.gradients())
