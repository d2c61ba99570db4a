"""The fused kernels in Triton's interpreter, held against PyTorch; `test_fused_kernels.py` starts this file.

It needs a process of its own: Triton decides when it is imported whether it interprets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from helpers.fused import fused_pass, gpu_samples, gpu_storage
from torch import Tensor
from torch.nn import functional

from logreg_tui.core.data.arrays import Arrays
from logreg_tui.core.data.inputs import Inputs
from logreg_tui.core.data.scaling import scaled_inputs
from logreg_tui.core.engine.gpu import fused_kernels
from logreg_tui.core.engine.gpu.fused_pass import FusedPass
from logreg_tui.core.heads import LOGITS, SIGMOID

NAN, INF = float("nan"), float("inf")
BOTH = (SIGMOID, LOGITS)
EPOCHS = 4
PIXELS = ("raw", "unit", "standardized")

# The interpreter computes all of a padded tile, of which infinity times 0 is a part.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


@pytest.fixture(autouse=True)
def _interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Launch the kernels as the interpreter has them, where a GPU would launch what was compiled."""
    monkeypatch.setattr(fused_kernels, "compiled", lambda kernel, *others: kernel)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))


@dataclass(frozen=True)
class Made:
    """Made-up training data of some shape, with what the kernels compute from."""

    inputs: Inputs
    labels: np.ndarray
    classes: int
    test_inputs: Inputs
    """Has features that are zero in training."""

    @classmethod
    def of(
        cls, rows: int, features: int, classes: int, pixels: str = "raw", *, seed: int = 0, most: int = 255
    ) -> Made:
        """Return bytes up to `most` of which half are 0, and every fifth feature always."""
        random = np.random.default_rng(seed)

        def split(count: int) -> np.ndarray:
            made = random.integers(0, most + 1, (count, features)) * (random.random((count, features)) < 0.5)
            # One feature is the same in all samples of training, and not in those of the test.
            made[:, 1::5] = 7 if count == rows else 9
            made[:, 4::5] = 0
            return made.astype(np.uint8)

        labels = random.integers(0, classes, rows)
        brightest = 255.0 if seed % 2 else None
        train, test = scaled_inputs(Arrays("made", split(rows), labels, split(50), labels, brightest), pixels)
        return cls(train, labels, classes, test)

    def fused(self, heads: tuple[str, ...] = BOTH, programs: int = 4) -> tuple[FusedPass, Any]:
        """Return passes for runs with these heads, and the samples."""
        storage = gpu_storage(self.inputs, self.test_inputs)
        samples = gpu_samples(self.inputs, self.labels, storage)
        return fused_pass(storage, heads, self.classes, len(self.labels), programs), samples

    def scaled(self) -> Tensor:
        """Return the inputs with a column of ones, float64."""
        stored = self.inputs.stored(0, len(self.labels)).astype(np.float64)
        if (scaling := self.inputs.scaling) is not None:
            divisor = np.where(scaling.divisor == 0, np.inf, scaling.divisor)
            stored = (stored - scaling.shift) / divisor
        return torch.from_numpy(np.concatenate([stored, np.ones((len(stored), 1))], 1))

    def outputs(self, parameters: Tensor, heads: tuple[str, ...]) -> Tensor:
        """Return what the heads give for parameters (R * C, D + 1), shape (rows, R, C)."""
        z = (self.scaled().to(parameters.dtype) @ parameters.T).view(-1, len(heads), self.classes)
        return torch.cat([z[:, : heads.count(SIGMOID)].sigmoid(), z[:, heads.count(SIGMOID) :]], 1)

    def losses(self, parameters: Tensor, heads: tuple[str, ...]) -> Tensor:
        """Return the mean cross entropy of each run, shape (R,)."""
        outputs, labels = self.outputs(parameters, heads), torch.from_numpy(self.labels)
        return torch.stack([functional.cross_entropy(outputs[:, run], labels) for run in range(len(heads))])

    def parameters(self, heads: tuple[str, ...] = BOTH, scale: float = 0.02) -> Tensor:
        """Return parameters of all runs, shape (R * C, D + 1)."""
        generator = torch.Generator().manual_seed(len(self.labels))
        shape = len(heads) * self.classes, self.inputs.shape[1] + 1
        return torch.randn(shape, generator=generator) * scale

    def is_correct(self, parameters: Tensor, heads: tuple[str, ...]) -> Tensor:
        """Return if the first largest output in float32 is the label's, shape (R, rows)."""
        return torch.from_numpy(self.labels) == self.outputs(parameters, heads).argmax(2).T


def computed(full_pass: FusedPass, samples: Any, parameters: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ANN401
    """Return sums of losses and of correct answers, (2, R), and the gradient of the mean loss."""
    full_pass.set_parameters(parameters)
    partial = full_pass.new_gradient(parameters).fill_(NAN)
    metrics = full_pass.metrics_and_gradient(samples, partial).clone()
    return metrics, full_pass.parameter_gradient(parameters, partial)


@pytest.mark.parametrize(
    ("rows", "features", "classes", "pixels", "programs"),
    [
        (1, 1, 2, "raw", 1),
        (3, 7, 3, "standardized", 8),
        (128, 17, 16, "unit", 3),
        (257, 40, 10, "raw", 2),
        (129, 90, 5, "standardized", 2),
        (60, 161, 2, "unit", 1),
        (50, 784, 10, "standardized", 1),
        (50, 1275, 16, "raw", 1),
    ],
)
def test_losses_and_gradients_are_those_of_float64(
    rows: int, features: int, classes: int, pixels: str, programs: int
) -> None:
    heads = (SIGMOID,) * (rows % 3) + (LOGITS,) * (1 - rows % 3 + features % 2)
    made = Made.of(rows, features, classes, pixels, seed=rows)
    parameters = made.parameters(heads, 0.02 if pixels == "raw" else 0.5)
    metrics, gradient = computed(*made.fused(heads, programs), parameters)
    exact = parameters.double().requires_grad_()
    losses = made.losses(exact, heads)
    losses.sum().backward()
    assert exact.grad is not None
    torch.testing.assert_close(metrics[0] / rows, losses.detach(), rtol=2e-6, atol=1e-6)
    assert (metrics[1] - made.is_correct(parameters, heads).sum(1)).abs().max() <= rows // 100
    for found, expected in zip(gradient.chunk(len(heads)), exact.grad.chunk(len(heads)), strict=True):
        assert (found - expected).norm() <= 3e-6 * expected.norm()


def test_metrics_and_gradient_have_the_same_bits_alone_as_together() -> None:
    made = Made.of(200, 20, 4)
    parameters = made.parameters()
    full_pass, samples = made.fused()
    metrics, gradient = computed(full_pass, samples, parameters)
    full_pass.set_parameters(parameters)
    partial = full_pass.new_gradient(parameters).fill_(NAN)
    full_pass.gradient(samples, partial)
    assert torch.equal(full_pass.metrics(samples), metrics)
    assert torch.equal(full_pass.parameter_gradient(parameters, partial), gradient)


@pytest.mark.parametrize("pixels", PIXELS)
def test_several_epochs_are_those_of_plain_gradient_descent(pixels: str) -> None:
    made = Made.of(260, 20, 4, pixels, most=12)
    l2, rates = torch.tensor([0.0, 0.3]), torch.tensor([0.01, 0.002] if pixels == "raw" else [0.5, 0.1])
    parameters = made.parameters()
    plain = [part.clone().double().requires_grad_() for part in parameters.chunk(2)]
    optimizers = [torch.optim.SGD([p], lr=float(rate)) for p, rate in zip(plain, rates, strict=True)]
    full_pass, samples = made.fused()
    of_rows = [values.repeat_interleave(4)[:, None] for values in (2 * l2, -rates)]
    partial = full_pass.new_gradient(parameters)
    full_pass.set_parameters(parameters)
    for _ in range(EPOCHS):
        full_pass.gradient(samples, partial)
        assert full_pass.update(parameters, partial, *of_rows), "the new ones are taken at once"
        (
            made.losses(torch.cat(plain), BOTH).sum()
            + sum(a * p.square().sum() for a, p in zip(l2, plain, strict=True))
        ).backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
    expected = torch.cat(plain).detach()
    torch.testing.assert_close(parameters.double(), expected, rtol=0, atol=1e-5 * float(expected.abs().max()))
    # Features that are zero everywhere have no gradient, but decay.
    unused = torch.arange(4, 20, 5)
    assert torch.equal(parameters[:4, unused], made.parameters()[:4, unused])
    torch.testing.assert_close(
        parameters[4:, unused], made.parameters()[4:, unused] * (1 - 0.6 * float(rates[1])) ** EPOCHS
    )


def test_what_an_update_prepares_is_what_setting_its_parameters_does() -> None:
    made = Made.of(200, 30, 3, "standardized")
    parameters = made.parameters()
    full_pass, samples = made.fused()
    partial = full_pass.new_gradient(parameters)
    full_pass.set_parameters(parameters)
    full_pass.gradient(samples, partial)
    full_pass.update(parameters, partial, torch.full((6, 1), 0.1), torch.full((6, 1), -0.1))
    metrics = full_pass.metrics(samples).clone()
    assert not torch.equal(parameters, made.parameters())
    other, samples = made.fused()
    other.set_parameters(parameters)
    assert torch.equal(other.metrics(samples), metrics)


def test_the_same_bits_twice_and_for_a_run_alone_or_among_others() -> None:
    made = Made.of(400, 20, 10)
    parameters = made.parameters()
    found = [computed(*made.fused(programs=4), parameters) for _ in range(2)]
    assert torch.equal(found[0][0], found[1][0])
    assert torch.equal(found[0][1], found[1][1])
    for run, head in enumerate(BOTH):
        metrics, gradient = computed(*made.fused((head,), programs=2), parameters.chunk(2)[run])
        assert torch.equal(metrics[:, 0], found[0][0][:, run])
        assert torch.equal(gradient, found[0][1].chunk(2)[run])


def test_padding_counts_for_nothing() -> None:
    made = Made.of(150, 21, 3)
    full_pass, samples = made.fused()
    expected = computed(full_pass, samples, made.parameters())
    block = samples._kept[0]
    assert block.inputs.shape == (256, 32)
    block.inputs[150:] = 255
    block.inputs[:, 17:] = 255
    found = computed(full_pass, samples, made.parameters())
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])


@pytest.mark.parametrize(
    ("head", "outputs", "answer"),
    [
        # The first of equal outputs wins, also where a sigmoid makes them equal.
        (LOGITS, [0.0, 0, 0], 0),
        (LOGITS, [1.0, 2, 2], 1),
        (SIGMOID, [30.0, 90, 40], 0),
        (SIGMOID, [3.0, 30, 40], 1),
        (SIGMOID, [-200.0, -300, -400], 0),
        # NaN is larger than all, as it is for torch.argmax.
        (LOGITS, [1.0, NAN, 2], 1),
        (LOGITS, [INF, 1, NAN], 2),
        (LOGITS, [1.0, -INF, INF], 2),
        (LOGITS, [-INF, -INF, -INF], 0),
    ],
)
def test_the_first_largest_output_is_the_answer(head: str, outputs: list[float], answer: int) -> None:
    inputs = Inputs.of(np.ones((3, 1), np.uint8))
    made = Made(inputs, np.array([answer, answer, (answer + 1) % 3]), 3, inputs)
    full_pass, samples = made.fused((head,))
    full_pass.set_parameters(torch.tensor([[0.0, output] for output in outputs]))
    assert full_pass.metrics(samples)[1].tolist() == [2]


@pytest.mark.parametrize("scale", [1e-38, 1e-30, 1.0, 1e30])
def test_weights_of_any_size_are_as_exact_as_float32(scale: float) -> None:
    made = Made.of(100, 20, 4)
    parameters = made.parameters((LOGITS,), scale)
    full_pass, samples = made.fused((LOGITS,))
    metrics, gradient = computed(full_pass, samples, parameters)
    exact = parameters.double().requires_grad_()
    loss = made.losses(exact, (LOGITS,))
    loss.sum().backward()
    torch.testing.assert_close(metrics[0] / 100, loss.detach(), rtol=2e-6, atol=0)
    assert exact.grad is not None
    assert (gradient - exact.grad).norm() <= 3e-6 * exact.grad.norm()


@pytest.mark.parametrize("place", [(3, 2), (2, -1)])
@pytest.mark.parametrize("value", [NAN, -INF, 3e38])
def test_what_is_not_finite_in_a_run_is_not_in_its_loss_and_in_no_other(
    value: float, place: tuple[int, int]
) -> None:
    made = Made.of(100, 20, 4)
    parameters = made.parameters()
    full_pass, samples = made.fused()
    expected = computed(full_pass, samples, parameters)
    spoilt = parameters.clone()
    spoilt.view(2, 4, 21)[1][place] = value
    metrics, gradient = computed(full_pass, samples, spoilt)
    # In float32, but for the sum.
    outputs = made.outputs(spoilt, BOTH)[:, 1]
    plain = functional.cross_entropy(outputs, torch.from_numpy(made.labels), reduction="none").double().sum()
    assert plain.isfinite() == metrics[0, 1].isfinite()
    assert torch.equal(metrics[:, 0], expected[0][:, 0])
    assert torch.equal(gradient[:4], expected[1][:4])
    # Nothing of it stays.
    again = computed(full_pass, samples, parameters)
    assert torch.equal(again[0], expected[0])
    assert torch.equal(again[1], expected[1])
