"""When the fused kernels can be used, and that an epoch is two launches."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from helpers.fused import GPU, fused_pass, gpu_samples, gpu_storage
from helpers.loops import CPU
from helpers.made_data import dataset, values, with_runs

from logreg_tui.core.data.inputs import Inputs
from logreg_tui.core.engine.engine import Engine
from logreg_tui.core.engine.gpu.fused_pass import FusedPass, fused_obstacle
from logreg_tui.core.engine.storage import StorageLayout
from logreg_tui.core.optimizers import SGD, Optimizer

BYTES = values(300, 20)
STORAGE = gpu_storage(Inputs.of(BYTES))


@pytest.fixture
def _card(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let there be a card and a compiler that the kernels are for."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 0))
    monkeypatch.setitem(sys.modules, "triton", SimpleNamespace(__version__="3.3.1"))
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)


def with_features(count: int) -> StorageLayout:
    return replace(STORAGE, features=count, columns=np.arange(count))


@pytest.mark.usefixtures("_card")
@pytest.mark.parametrize(
    ("storage", "classes", "device", "ranks", "obstacle"),
    [
        (STORAGE, 16, GPU, 1, None),
        (with_features(1024), 10, GPU, 1, None),
        (with_features(1025), 10, GPU, 1, "1 to 1,024 features that are not zero everywhere, not 1,025"),
        (with_features(0), 10, GPU, 1, "1 to 1,024 features that are not zero everywhere, not 0"),
        (STORAGE, 17, GPU, 1, "up to 16 classes, not 17"),
        (STORAGE, 10, CPU, 1, "needs a CUDA GPU, not cpu"),
        (STORAGE, 10, GPU, 2, "for a single process"),
        (replace(STORAGE, values=np.dtype(np.float32)), 10, GPU, 1, "integers from 0 to 255"),
        (replace(STORAGE, is_streamed=True), 10, GPU, 1, "fit into the memory of the GPU"),
    ],
)
def test_what_is_trained_on_decides_if_the_kernels_can_be_used(
    storage: StorageLayout, classes: int, device: torch.device, ranks: int, obstacle: str | None
) -> None:
    found = fused_obstacle(storage, classes, device, ranks)
    assert (found is None) == (obstacle is None)
    assert (obstacle or "") in (found or "")


@pytest.mark.usefixtures("_card")
@pytest.mark.parametrize(
    ("change", "obstacle"),
    [
        (
            lambda patch: patch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5)),
            "8.0, not 7.5",
        ),
        (lambda patch: patch.setattr(torch.version, "hip", "6.2"), "needs a CUDA GPU, not ROCm"),
        (lambda patch: patch.setenv("TRITON_INTERPRET", "1"), "TRITON_INTERPRET is set"),
        (lambda patch: patch.setitem(sys.modules, "triton", None), "Triton cannot be imported (import of"),
        (lambda patch: with_version(patch, "3.3.0+gitabc9"), "needs Triton 3.3.1, not 3.3.0"),
        (lambda patch: with_version(patch, "2.1.0"), "needs Triton 3.3.1, not 2.1.0"),
        (lambda patch: with_version(patch, "3.4.0+git12"), None),
        (lambda patch: with_version(patch, "4.0"), None),
    ],
)
def test_what_is_installed_decides_too(
    change: Callable[[pytest.MonkeyPatch], None], obstacle: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(monkeypatch)
    found = fused_obstacle(STORAGE, 10, GPU, 1)
    assert (found is None) == (obstacle is None)
    assert (obstacle or "") in (found or "")


def with_version(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setitem(sys.modules, "triton", SimpleNamespace(__version__=version))


class Launches:
    """Stands in for the module of the kernels: notes what is loaded and launched, and computes nothing."""

    full_batch_pass, update = "pass", "update"

    def __init__(self) -> None:
        self.grids: dict[str, tuple[int, int]] = {}
        self.launched: list[str] = []

    def launcher(
        self,
        kernel: str,
        constants: dict[str, int],
        capability: object,
        warps: int,
        stages: int,
        grid: Any,  # noqa: ANN401
    ) -> Callable[..., None]:
        flags = [name for name in ("HAS_GRADIENT", "HAS_METRICS", "HAS_STEP") if constants.get(name)]
        name = " ".join([kernel, *flags])
        self.grids[name] = grid
        return lambda *arguments: self.launched.append(name)


@pytest.fixture
def launches(monkeypatch: pytest.MonkeyPatch) -> Launches:
    """Let the kernels be loaded and launched without Triton and without a GPU."""
    made = Launches()
    monkeypatch.setitem(sys.modules, "logreg_tui.core.engine.gpu.fused_kernels", made)
    monkeypatch.setattr("logreg_tui.core.engine.gpu.fused_kernels", made, raising=False)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    return made


def laid_out(engine: Engine) -> Engine:
    """Return an engine that has been used: its passes are made by then, and may be replaced."""
    engine.measure()
    engine.gradient_is_stale = True
    return engine


def test_an_epoch_is_two_launches_and_weights_are_prepared_once(launches: Launches) -> None:
    data = dataset(BYTES, BYTES[:40])
    engine = laid_out(with_runs(Engine(data, CPU), ("sigmoid", "logits")))
    engine._full_pass = fused = fused_pass(STORAGE, ("sigmoid", "logits"), 3, 300)
    engine._gradient = fused.new_gradient(engine._runs.parameters)
    engine._train = gpu_samples(Inputs.of(BYTES), data.train_labels, STORAGE)
    engine._test = gpu_samples(Inputs.of(BYTES[:40]), data.test_labels, STORAGE)
    engine.gradient_step(torch.full((3, 6, 1), -0.1))
    epoch = ["pass HAS_GRADIENT", "update HAS_STEP"]
    assert launches.launched == ["update", *epoch * 3]
    launches.launched.clear()
    engine.measure()
    engine.gradient_step(torch.full((2, 6, 1), -0.1))
    measured = ["update", "pass HAS_GRADIENT HAS_METRICS", "pass HAS_METRICS"]
    assert launches.launched == [*measured, "update HAS_STEP", *epoch]
    # Somebody else may have changed the parameters meanwhile.
    launches.launched.clear()
    engine.rollback(1)
    engine.gradient_step(torch.full((1, 6, 1), -0.1))
    assert launches.launched == ["update", *epoch]


def test_another_optimizer_takes_the_gradient_out_of_the_kernel_of_the_update(launches: Launches) -> None:
    data = dataset(BYTES, BYTES[:40])
    runs = with_runs(Engine(data, CPU), ("sigmoid", "logits"), optimizers=(SGD, Optimizer("adam")))
    engine = laid_out(runs)
    engine._full_pass = fused = fused_pass(STORAGE, ("sigmoid", "logits"), 3, 300)
    engine._gradient = fused.new_gradient(engine._runs.parameters)
    engine.gradient_step(torch.full((2, 6, 2), -0.1))
    assert launches.launched == ["update", "pass HAS_GRADIENT", "update HAS_STEP"] * 2


@pytest.mark.parametrize(
    ("runs", "programs", "of_each_run"),
    [(1, 132, 3), (1, 2, 2), (2, 5, 2), (8, 5, 1)],
)
def test_programs_are_shared_by_the_runs_and_none_is_idle(
    runs: int, programs: int, of_each_run: int, launches: Launches
) -> None:
    fused = fused_pass(STORAGE, ("logits",) * runs, 3, 300, programs)
    assert launches.grids["pass HAS_GRADIENT"] == (of_each_run, runs)
    assert fused.new_gradient(torch.zeros(3 * runs, 21)).shape == (runs, of_each_run, 21, 16)
    assert launches.grids["update HAS_STEP"] == (3, runs)


def test_without_runs_nothing_is_loaded_or_launched(launches: Launches) -> None:
    fused: FusedPass = fused_pass(STORAGE, (), 3, 300)
    nothing = torch.zeros(0, 21)
    gradient = fused.new_gradient(nothing)
    fused.set_parameters(nothing)
    samples = gpu_samples(Inputs.of(BYTES), np.zeros(300, np.int64), STORAGE)
    assert fused.metrics_and_gradient(samples, gradient).shape == (2, 0)
    fused.update(nothing, gradient, torch.zeros(0, 1), torch.zeros(0, 1))
    assert launches.grids == {}
    assert launches.launched == []
