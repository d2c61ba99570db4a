"""Names of devices to devices, and what to say when one is missing or too small."""

from __future__ import annotations

import os
import re
import warnings

import torch

from logreg_tui.core.engine.process_group import ALONE, ProcessGroup
from logreg_tui.core.errors import UserError
from logreg_tui.core.hardware import has_nvidia_gpu
from logreg_tui.core.text import escape_control_chars, shortened

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


def unusable_gpu() -> str | None:
    """Return why an NVIDIA GPU cannot be used, and the remedy; None if it can, or there is none."""
    if _has_cuda():
        return None
    complaint = ""
    try:
        # Says why each time that it is asked; the warning comes but once.
        torch.cuda.init()  # type: ignore[no-untyped-call]
    except (RuntimeError, AssertionError) as error:
        complaint = str(error)
    is_silent = any(text in complaint for text in ("No CUDA GPUs", "Found no NVIDIA driver", "not compiled"))
    cause = _silent_cause() if is_silent or not complaint else _cause(complaint)
    return None if cause is None else f"this machine has an NVIDIA GPU that PyTorch cannot use: {cause}"


def _has_cuda() -> bool:
    """Return whether PyTorch can use a CUDA GPU, without Python's warning if it cannot."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.cuda.is_available()


REMEDIES = {
    "802": "start the service nvidia-fabricmanager",
    "803": "restart the machine; in a container take the libraries of its host's driver",
    "804": "take the folder of CUDA's compatibility libraries out of LD_LIBRARY_PATH",
}
"""By the number of the error of CUDA's that the driver gives: no program can mend these."""


def _cause(complaint: str) -> str:
    """Return in a few words what PyTorch complains of, and what to do."""
    if found := re.search(r"found version (\d+)(\d\d)\d\b", complaint):
        newest = f"{found[1]}.{int(found[2])}"
        return (
            f"its driver is too old, it knows CUDA {newest} and PyTorch {torch.__version__} needs "
            f"{torch.version.cuda}; update the driver, or install a PyTorch built for CUDA {newest}"
        )
    if found := re.search(r"Error (\d+): ([^(\n]+)", complaint):
        return f"{found[2].strip()} (error {found[1]}); {REMEDIES.get(found[1], 'look at nvidia-smi')}"
    return f"{escape_control_chars(shortened(complaint, 120))}; look at nvidia-smi"


def _silent_cause() -> str | None:
    """Return why PyTorch does not even look at a GPU that is there; None if there is none, or it may not."""
    if not has_nvidia_gpu() or torch.version.hip is not None:
        return None
    if torch.version.cuda is None:
        return f"PyTorch {torch.__version__} is built without CUDA; install a build with it, see pytorch.org"
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return "the driver's library libcuda.so.1 shows none; look at nvidia-smi, in docker use --gpus all"
    is_hidden = visible.strip() in ("", "-1", "NoDevFiles")
    return None if is_hidden else f"CUDA_VISIBLE_DEVICES={visible} shows none; unset it"


def _best_device(ranks: ProcessGroup) -> torch.device:
    if _has_cuda():
        return _cuda_device("cuda", ranks)
    has_mps = torch.backends.mps.is_available() and ranks.size == 1
    return torch.device("mps" if has_mps else "cpu")


def _cuda_device(name: str, ranks: ProcessGroup) -> torch.device:
    count = torch.cuda.device_count() if _has_cuda() else 0
    if count == 0:
        found = f"PyTorch {torch.__version__} finds no CUDA GPU here; check nvidia-smi"
        raise UserError(f"device {name}: {unusable_gpu() or found}, or use --device cpu")
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
