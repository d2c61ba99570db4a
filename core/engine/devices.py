"""Names of devices to devices, and what to say when one is missing or too small."""

from __future__ import annotations

import os

import torch

from logreg_tui.core.engine.process_group import ALONE, ProcessGroup
from logreg_tui.core.errors import UserError

_MEMORY_ERRORS = ("can't allocate memory", "CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED")


def pick_device(name: str, ranks: ProcessGroup = ALONE) -> torch.device:
    """Return the device of that name; `auto` is cuda, then mps, then cpu.

    Processes that train together on one machine take a GPU each.
    Raises UserError if this machine or this build of PyTorch lacks it.
    """
    if name == "auto":
        return _best_device(ranks)
    if name.startswith("cuda"):
        return _cuda_device(name, ranks)
    if name == "mps" and ranks.size > 1:
        raise UserError("device mps: a single process can train on it, not several; use --device cpu")
    if name == "mps" and not torch.backends.mps.is_available():
        raise UserError("device mps: PyTorch finds no Apple GPU here; use --device cpu")
    return torch.device(name)


def _best_device(ranks: ProcessGroup) -> torch.device:
    if torch.cuda.is_available():
        return _cuda_device("cuda", ranks)
    has_mps = torch.backends.mps.is_available() and ranks.size == 1
    return torch.device("mps" if has_mps else "cpu")


def _cuda_device(name: str, ranks: ProcessGroup) -> torch.device:
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if count == 0:
        raise UserError(
            f"device {name}: PyTorch {torch.__version__} finds no CUDA GPU here; use --device cpu, or "
            "check nvidia-smi and that PyTorch is a CUDA build"
        )
    given, processes = name.partition(":")[2], ranks.local_size
    if given and processes > 1:
        raise UserError(f"device {name}: each of {processes} processes takes its own GPU; use --device cuda")
    # Slurm's --gpus-per-task shows each process its own GPU as the only one; torchrun shows all to all.
    is_shown_its_own = count == 1 and processes > 1 and "TORCHELASTIC_RUN_ID" not in os.environ
    index = 0 if is_shown_its_own else int(given or ranks.local_rank)
    if index >= count:
        found = f"there are {count} GPUs, cuda:0 to cuda:{count - 1}" if count > 1 else "there is one GPU"
        few = f"; {processes} processes need as many, start fewer" if processes > 1 else ""
        raise UserError(f"device {name}: {found}{few}; use another device, such as --device cpu")
    device = torch.device("cuda", index)
    _check_architecture(device)
    return device


def _check_architecture(device: torch.device) -> None:
    """Raise UserError unless this build of PyTorch has kernels for the GPU, or code to make them from."""
    built = torch.cuda.get_arch_list()
    capability = torch.cuda.get_device_capability(device)
    # Binaries run on their own major version; `compute_` is code that newer GPUs compile for themselves.
    runs = any(_capability(name)[0] == capability[0] and _capability(name) <= capability for name in built)
    compiles = any(name.startswith("compute_") and _capability(name) <= capability for name in built)
    if built and not runs and not compiles:
        raise UserError(
            f"device {device}: PyTorch {torch.__version__} has no kernels for "
            f"{torch.cuda.get_device_name(device)} (compute capability {capability[0]}.{capability[1]}): "
            "use --device cpu, or a build of PyTorch that has"
        )


def _capability(name: str) -> tuple[int, int]:
    """Return (9, 0) of `sm_90`, `sm_90a` or `compute_90`."""
    digits = "".join(char for char in name.partition("_")[2] if char.isdigit())
    return int(digits[:-1] or 0), int(digits[-1:] or 0)


def prepare(device: torch.device, threads: int | None, ranks: ProcessGroup = ALONE) -> int:
    """Make the calling thread ready to train, and return how many processor threads are to.

    `torch.set_num_threads` reaches only the thread that calls it, so the thread that trains does:
    the engine has threads of its own, each of which computes alone.
    """
    threads = threads or max(1, _processors() // ranks.local_size)
    torch.set_num_threads(1)
    # TF32 would round the inputs of products to 10 bits of mantissa on Ampere and later.
    torch.backends.cuda.matmul.allow_tf32 = False
    # Nor are sums of products of bfloat16 to be rounded to bfloat16 on the way.
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
    if device.type == "cuda":
        torch.cuda.set_device(device)
    return threads


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def describe(device: torch.device, threads: int, ranks: int = 1) -> str:
    """Return the device in words, such as `cuda:0 NVIDIA H200` or `cpu, 2 threads, 4 ranks`."""
    return _describe(device, threads) + (f", {ranks} ranks" if ranks > 1 else "")


def _describe(device: torch.device, threads: int) -> str:
    if device.type == "cuda":
        return f"{device} {torch.cuda.get_device_name(device)}"
    if device.type == "mps":
        return "mps Apple GPU"
    return f"cpu, {threads} thread{'s' if threads > 1 else ''}"


def out_of_memory(device: torch.device, needed: int) -> UserError:
    """Return the error to raise when memory ran out; `needed` is the size of the data in bytes."""
    gib = 1 << 30
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        found = f"{free / gib:.2f} of {total / gib:.2f} GiB are free"
    else:
        found = "it could not be allocated"
    return UserError(
        f"out of memory on {device}: the data alone need {needed / gib:.2f} GiB, {found}; "
        "use another --device, fewer runs or a smaller dataset"
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Return True if an error means that the device's, or the computer's, memory ran out."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _MEMORY_ERRORS)
