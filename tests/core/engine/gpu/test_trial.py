"""The trial of the fused kernel, on the processor, with another pass in place of the kernel."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from helpers.loops import CPU
from torch import Tensor

from logreg_tui.core.engine import device_data
from logreg_tui.core.engine.dense_pass import DensePass
from logreg_tui.core.engine.device_data import DeviceData
from logreg_tui.core.engine.gpu.choice import FUSED, EngineChoice
from logreg_tui.core.engine.gpu.cuda_graphs import GraphCache
from logreg_tui.core.engine.gpu.probe import Shape
from logreg_tui.core.engine.gpu.trial import failure_on, made_samples


class Wrong(DensePass):
    """A kernel that is wrong in one respect."""

    gradient_factor = loss_factor = 1.0

    def fill_gradient(self, total: Tensor, gradient: Tensor) -> None:
        super().fill_gradient(total, gradient)
        gradient[-1].mul_(self.gradient_factor)

    def metrics_and_gradient(self, samples: Any, out: Tensor) -> Tensor:  # noqa: ANN401
        return super().metrics_and_gradient(samples, out) * self.loss_factor


@pytest.mark.parametrize("has_offset", [False, True])
@pytest.mark.parametrize(
    ("wrong", "failure"),
    [
        ({}, None),
        ({"loss_factor": 1.001}, "the loss of a sigmoid head is "),
        ({"loss_factor": float("nan")}, "the loss of a sigmoid head is nan, not "),
        ({"gradient_factor": 1.1}, "the gradient of a logits head is off by "),
    ],
)
def test_a_kernel_is_held_against_float64(
    wrong: dict[str, float], failure: str | None, has_offset: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = type("Kernel", (Wrong,), wrong)

    def new_pass(self: DeviceData, choice: EngineChoice, *runs: int) -> DensePass:
        kind = kernel if choice.name == FUSED else DensePass
        made: DensePass = kind(self.storage, *runs, self.classes, CPU, self._team, self.counts[0])
        return made

    real = device_data.choose_storage
    monkeypatch.setattr(
        device_data, "choose_storage", lambda *arguments: real(*arguments, may_be_compiled=False)
    )
    monkeypatch.setattr(DeviceData, "new_pass", new_pass)
    monkeypatch.setattr(GraphCache, "gradient_step", lambda self, rates: self._engine.gradient_step(rates))
    monkeypatch.setattr(GraphCache, "measure", lambda self: self._engine.measure_on_device())
    samples = made_samples(Shape(30, 4, has_offset))
    found = failure_on(samples, torch.device("cpu"), {})
    assert found is None if failure is None else str(found).startswith(failure)
