"""Devices by name, on machines that have them and machines that do not; a stand-in plays the GPUs."""

from __future__ import annotations

import pytest
import torch

from logreg_tui.core.engine import devices
from logreg_tui.core.engine.process_group import ProcessGroup
from logreg_tui.core.errors import UserError

HOPPER = (9, 0)


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Let this machine have two GPUs that PyTorch has kernels for."""
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: HOPPER)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA H100")
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_80", "sm_90"])
    return monkeypatch


def rank_of(rank: int, processes: int) -> ProcessGroup:
    """Return one of so many processes that train together on this machine."""
    group = ProcessGroup()
    group.rank = group.local_rank = rank
    group.size = group.local_size = processes
    return group


@pytest.mark.parametrize("name", ["auto", "cuda"])
def test_each_process_takes_a_gpu_of_its_own(gpus: pytest.MonkeyPatch, name: str) -> None:
    assert str(devices.pick_device(name, rank_of(1, 2))) == "cuda:1"


@pytest.mark.parametrize("name", ["auto", "cuda"])
def test_more_processes_than_gpus_are_told_so(gpus: pytest.MonkeyPatch, name: str) -> None:
    with pytest.raises(UserError, match="there are 2 GPUs, cuda:0 to cuda:1; 3 processes need as many"):
        devices.pick_device(name, rank_of(2, 3))


def test_a_process_that_is_shown_one_gpu_alone_takes_it(gpus: pytest.MonkeyPatch) -> None:
    gpus.setattr(torch.cuda, "device_count", lambda: 1)
    assert str(devices.pick_device("auto", rank_of(1, 2))) == "cuda:0"
    # torchrun's processes see the same GPUs: this one is rank 0's.
    gpus.setenv("TORCHELASTIC_RUN_ID", "none")
    with pytest.raises(UserError, match="there is one GPU; 2 processes need as many"):
        devices.pick_device("auto", rank_of(1, 2))


@pytest.mark.parametrize(
    ("built", "capability", "runs"),
    [
        (["sm_80", "sm_90"], (9, 0), True),
        (["sm_80", "sm_90"], (8, 9), True),
        (["sm_80", "sm_90a"], (9, 0), True),
        (["sm_75", "sm_120"], (7, 0), False),
        (["sm_86"], (8, 0), False),
        (["sm_80"], (10, 0), False),
        (["sm_80", "compute_90"], (10, 0), True),
        ([], (9, 0), True),
    ],
)
def test_a_gpu_that_pytorch_has_no_kernels_for_is_named(
    gpus: pytest.MonkeyPatch, built: list[str], capability: tuple[int, int], runs: bool
) -> None:
    gpus.setattr(torch.cuda, "get_arch_list", lambda: built)
    gpus.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    if runs:
        assert str(devices.pick_device("cuda")) == "cuda:0"
        return
    major, minor = capability
    with pytest.raises(
        UserError, match=rf"no kernels for NVIDIA H100 \(compute capability {major}.{minor}\)"
    ):
        devices.pick_device("cuda")


@pytest.mark.parametrize(
    ("error", "is_memory"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (MemoryError(), True),
        (RuntimeError("CUDA error: out of memory\nCompile with"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), False),
        (OSError("out of memory"), False),
    ],
)
def test_errors_that_mean_that_memory_ran_out_are_known(error: Exception, is_memory: bool) -> None:
    assert devices.is_out_of_memory(error) == is_memory


def test_products_on_a_gpu_are_not_rounded_to_fewer_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    matmul = torch.backends.cuda.matmul
    for name in ("allow_tf32", "allow_bf16_reduced_precision_reduction"):
        monkeypatch.setattr(matmul, name, True)
    devices.prepare(torch.device("cpu"), 1)
    assert not matmul.allow_tf32
    assert not matmul.allow_bf16_reduced_precision_reduction
