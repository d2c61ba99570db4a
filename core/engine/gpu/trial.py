"""A trial of the fused kernel on made samples, beside float64 on the processor and the eager engine."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import torch
from torch.nn import functional

from logreg_tui.core.data.dataset import Dataset
from logreg_tui.core.data.inputs import ArraySource, Inputs, Scaling
from logreg_tui.core.engine.engine import Engine
from logreg_tui.core.engine.gpu.choice import FUSED, EngineChoice
from logreg_tui.core.engine.gpu.fused_pass import FusedConfiguration
from logreg_tui.core.engine.gpu.probe import Request, Shape
from logreg_tui.core.engine.gpu.qualification import SAME_GRADIENT, SAME_LOSS, qualify
from logreg_tui.core.engine.model import initial_parameters
from logreg_tui.core.heads import LOGITS, SIGMOID

TRAIN_SAMPLES, TEST_SAMPLES = 4096 - 5, 1000
"""Not what rows are padded to."""
UNUSED_FEATURES = 2
SHARE_OF_ZEROS = 0.8
RATE = 0.01


def failure_of(request: Request) -> str | None:
    """Return in words what the kernel computes wrongly on a GPU; None if nothing."""
    # As in a training: inputs of products are not to be rounded.
    torch.backends.cuda.matmul.allow_tf32 = False
    device = torch.device("cuda", request.device)
    torch.cuda.set_device(device)
    return failure_on(made_samples(request.shape), device, asdict(FusedConfiguration.of(device)))


def failure_on(dataset: Dataset, device: torch.device, parameters: dict[str, int | str]) -> str | None:
    """Return likewise what is wrong on these samples."""
    engine = Engine(dataset, device)
    for run, head in enumerate((SIGMOID, LOGITS), 1):
        engine.add(run, head, 0.001, *initial_parameters(engine.features, engine.classes, run))
    engine.use(EngineChoice(FUSED, parameters))
    measured = engine.measure()
    gradient = engine.read_gradient().cpu().double().reshape(2, -1)
    for run, head in enumerate((SIGMOID, LOGITS), 1):
        loss, expected = _in_float64(dataset, head, *engine.parameters(run))
        # NaN is no agreement.
        if not abs(measured[run].train_loss - loss) <= SAME_LOSS * loss:
            return f"the loss of a {head} head is {measured[run].train_loss:.7g}, not {loss:.7g}"
        largest = float(expected.abs().max())
        error = float((gradient[run - 1] - expected).abs().max())
        if not error <= SAME_GRADIENT * largest:
            return f"the gradient of a {head} head is off by {error / largest:.0e} of its largest value"
    _, failures = qualify(engine, [EngineChoice(FUSED, parameters)], {1: RATE, 2: RATE}, clock=None)
    return failures.get(FUSED)


def made_samples(shape: Shape) -> Dataset:
    """Return samples with so many features that are not always 0, some that are, and repeated rows."""
    random = np.random.default_rng(0)
    features = shape.features + UNUSED_FEATURES

    def made(samples: int) -> np.ndarray:
        values = random.integers(0, 256, (samples, features), dtype=np.uint8)
        values[random.random((samples, features)) < SHARE_OF_ZEROS] = 0
        values[0, :] = 255
        values[:, shape.features :] = 0
        # Where outputs are the same, the first class counts.
        values[samples // 2 :] = values[: samples - samples // 2]
        return values

    scaling = None
    if shape.has_offset:
        # What is always 0 has no scaling, as in training.
        is_used = np.arange(features) < shape.features
        scaling = Scaling(
            random.uniform(1, 128, features) * is_used, random.uniform(64, 128, features) * is_used
        )
    labels = (random.integers(0, shape.classes, samples) for samples in (TRAIN_SAMPLES, TEST_SAMPLES))
    train, test = (Inputs(ArraySource(made(count)), scaling) for count in (TRAIN_SAMPLES, TEST_SAMPLES))
    return Dataset("made", train, next(labels), test, next(labels), shape.classes, None, "")


def _in_float64(
    dataset: Dataset, head: str, weight: torch.Tensor, bias: torch.Tensor
) -> tuple[float, torch.Tensor]:
    """Return the mean cross entropy on the training samples and its gradient, (classes * (D + 1),)."""
    inputs = torch.from_numpy(np.asarray(dataset.train_inputs, np.float64))
    parameters = torch.cat([weight, bias[:, None]], 1).double().requires_grad_()
    outputs = inputs @ parameters[:, :-1].T + parameters[:, -1]
    outputs = outputs.sigmoid() if head == SIGMOID else outputs
    loss = functional.cross_entropy(outputs, torch.from_numpy(dataset.train_labels))
    loss.backward()  # type: ignore[no-untyped-call]
    assert parameters.grad is not None, "just computed"
    return loss.item(), parameters.grad.flatten()
