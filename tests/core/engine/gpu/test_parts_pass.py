"""Products of bfloat16 parts: as exact as float32, and accepted by PyTorch for a GPU.

Losses, gradients and odd values are compared in test_full_batch_pass.py.
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from helpers.loops import CPU
from helpers.made_data import ALL_OPTIMIZERS, DiskSource, dataset, values, with_runs
from helpers.stand_in_gpu import GPU, Launches, emulated_product, fake_gpu
from hypothesis import given, settings
from hypothesis import strategies as st

from logreg_tui.core.data.inputs import Inputs
from logreg_tui.core.engine.engine import Engine
from logreg_tui.core.engine.gpu import parts_pass
from logreg_tui.core.engine.gpu.choice import GRAPH, THREE_PARTS, EngineChoice
from logreg_tui.core.engine.gpu.parts_pass import PartsPass, has_part_products, split
from logreg_tui.core.engine.storage import choose_storage
from logreg_tui.core.engine.thread_team import ThreadTeam
from logreg_tui.core.optimizers import Optimizer

TEAM = ThreadTeam(1)


@settings(deadline=None)
@given(st.floats(width=32, allow_nan=False, min_value=-(2.0**127), max_value=2.0**127, allow_subnormal=False))
def test_three_parts_are_a_float32_to_its_last_bits(value: float) -> None:
    parts = torch.zeros(3, 1, dtype=torch.bfloat16)
    split(torch.tensor([value]), parts)
    # What is left out is below half of a float32's last bit, or too small for any float32.
    assert abs(parts.double().sum().item() - value) <= max(abs(value) * 2.0**-24, 2.0**-133)


def test_products_of_parts_are_as_exact_as_those_of_float32() -> None:
    random = torch.Generator().manual_seed(0)
    inputs = torch.randint(0, 256, (500, 720), generator=random).to(torch.bfloat16)
    weights = torch.randn(16, 720, generator=random)
    parts = torch.zeros(3, 16, 720, dtype=torch.bfloat16)
    split(weights, parts)
    found = torch.zeros(48, 500)
    emulated_product(parts.flatten(0, 1), inputs.t(), found)
    exact = weights.double() @ inputs.double().t()
    scale = weights.double().abs() @ inputs.double().t()
    error, of_float32 = (
        ((outputs.double() - exact).abs() / scale).max().item()
        for outputs in (found.view(3, 16, 500).sum(0), weights @ inputs.float().t())
    )
    assert error < 2 * of_float32


@pytest.mark.parametrize("heads", [["sigmoid"], ["sigmoid", "logits"] * 12])
def test_a_gpu_is_called_as_pytorch_wants_it_and_nothing_comes_back(
    heads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = dataset(values(60_000, 20), values(10_000, 20, seed=1), 10)
    with fake_gpu(monkeypatch):
        engine = with_runs(Engine(data, GPU), heads)
        engine.use(EngineChoice(GRAPH, {"parts": THREE_PARTS}))
        assert isinstance(engine._full_pass, PartsPass)
        rates = torch.zeros(1, 10 * len(heads), 1, device=GPU)
        engine.gradient_step(rates)
        with Launches() as launches:
            engine.gradient_step(rates)
        with Launches() as of_measurement:
            metrics = engine.measure_on_device()
    assert metrics.shape == (5, len(heads))
    assert of_measurement.transfers == 0
    passes = 1 if len(heads) == 1 else 3
    assert launches.counts["aten.mm"] == 2 * passes
    assert launches.transfers == 0
    assert launches.counts.total() <= 16 + 15 * passes, launches.counts


def test_the_steps_of_optimizers_make_no_gpu_wait_and_are_few_launches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = dataset(values(60, 5), values(20, 5), classes=10)
    counts = []
    for optimizers, width in (((Optimizer(),), 1), (ALL_OPTIMIZERS, 2)):
        with fake_gpu(monkeypatch):
            engine = with_runs(Engine(data, GPU), ["sigmoid"] * 4, optimizers=optimizers)
            engine.use(EngineChoice(GRAPH))
            rates = torch.zeros(1, 40, width, device=GPU)
            engine.gradient_step(rates)
            with Launches() as launches:
                engine.gradient_step(rates)
        assert launches.transfers == 0
        counts.append(launches.counts.total())
    # Velocity, its sum and a step for two of them, eight for Adam.
    assert counts[1] - counts[0] <= 18, counts


def _is_used(device: torch.device, dtype: str = "u1", limit: int | None = None) -> bool:
    inputs = Inputs(DiskSource(values(20, 5, dtype=dtype)))
    return has_part_products(choose_storage([inputs, inputs], device, TEAM, limit or 1 << 30), device)


def test_parts_are_for_bytes_that_a_gpu_with_bfloat16_keeps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 0))
    assert _is_used(GPU)
    assert not _is_used(CPU)
    assert not _is_used(GPU, "<f4")
    assert not _is_used(GPU, limit=1), "streamed"
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    assert not _is_used(GPU)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    monkeypatch.setattr(torch.version, "hip", "6.4")
    assert not _is_used(GPU)
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(parts_pass.torch, "ops", SimpleNamespace(aten=SimpleNamespace(mm=object())))
    assert not _is_used(GPU), "PyTorch is older than 2.8"
