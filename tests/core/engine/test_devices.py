"""Devices by name, on machines that have them and machines that do not; a stand-in plays the GPUs."""

from __future__ import annotations

import re
import warnings

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


PROBLEMS = {
    "too old": (
        "The NVIDIA driver on your system is too old (found version 12040). Please update your GPU driver",
        "its driver is too old, it knows CUDA 12.4 and PyTorch .* needs .*; update the driver",
    ),
    "mismatch": (
        "Unexpected error from cudaGetDeviceCount(). Did you run some cuda functions? "
        "Error 803: system has unsupported display driver / cuda driver combination (Triggered internally)",
        r"unsupported display driver / cuda driver combination \(error 803\); restart the machine",
    ),
    "unknown": (
        "CUDA unknown error - this may be due to an incorrectly set up environment",
        "CUDA unknown error - .*; look at nvidia-smi",
    ),
}


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_gpu_that_cannot_be_used_is_named_with_cause_and_remedy_in_place_of_pythons_warning(
    problem: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    complaint, said = PROBLEMS[problem]

    def is_available() -> bool:
        warnings.warn(f"CUDA initialization: {complaint}", stacklevel=1)
        return False

    def init() -> None:
        raise RuntimeError(complaint)

    monkeypatch.setattr(torch.cuda, "is_available", is_available)
    monkeypatch.setattr(torch.cuda, "init", init)
    text = devices.unusable_gpu() or ""
    assert re.search(f"NVIDIA GPU that PyTorch cannot use: .*{said}", text)
    assert "\n" not in text
    assert str(devices.pick_device("auto")) == "cpu"
    with pytest.raises(UserError, match=said):
        devices.pick_device("cuda")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("has_gpu", "built_for", "visible", "said"),
    [
        (False, None, None, None),
        (False, "13.0", None, None),
        (True, None, None, "is built without CUDA; install a build with it"),
        (True, "13.0", None, "libcuda.so.1 shows none"),
        (True, "13.0", "7", "CUDA_VISIBLE_DEVICES=7 shows none"),
        (True, "13.0", "", None),
        (True, "13.0", "-1", None),
    ],
)
def test_a_gpu_that_pytorch_does_not_look_at_is_told_unless_the_user_hid_it(
    monkeypatch: pytest.MonkeyPatch,
    has_gpu: bool,
    built_for: str | None,
    visible: str | None,
    said: str | None,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", built_for)
    monkeypatch.setattr(devices, "has_nvidia_gpu", lambda: has_gpu)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    text = devices.unusable_gpu()
    assert text is None if said is None else said in str(text)
