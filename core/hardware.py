"""Load of the machine: a sample of the GPU, or of the processor, once a second.

Both libraries are optional: where one is missing, or there is nothing to read, there are no samples
and nothing is said about it.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

INTERVAL_S = 1.0
KEPT_SAMPLES = 60
TREE_EVERY = 10
"""Samples between two searches for child processes, which look at every process of the machine."""
GPU = "GPU"
PROCESSOR = "CPU"


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at the machine; None is what cannot be read there."""

    kind: str
    """GPU (all that runs on it) or PROCESSOR (this process and its children)."""
    utilization: float | None = None
    """Share of the GPU's time, or of all cores' time."""
    memory_used: int | None = None
    """Bytes of the GPU's, or of the machine's memory."""
    memory_total: int | None = None
    own_memory: int | None = None
    """Bytes in memory of this process and its children; not for a GPU."""
    power_w: float | None = None
    temperature_c: float | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """A GPU as its driver names it, known before PyTorch is loaded."""

    name: str
    capability: tuple[int, int]
    """The compute capability, such as (9, 0)."""
    driver: str
    """The driver's version."""
    is_exclusive: bool = False
    """True if it lets one process compute at a time."""


def find_card(device: str) -> Card | None:
    """Return the GPU that a device of this name probably is, `auto` being the first; None without."""
    with suppress(Exception):
        nvml: Any = import_module("pynvml")
        nvml.nvmlInit()
        handle = _gpu_handle(nvml, device)
        major, minor = nvml.nvmlDeviceGetCudaComputeCapability(handle)
        mode = nvml.nvmlDeviceGetComputeMode(handle)
        return Card(
            str(nvml.nvmlDeviceGetName(handle)),
            (int(major), int(minor)),
            driver_version(),
            mode == nvml.NVML_COMPUTEMODE_EXCLUSIVE_PROCESS,
        )
    return None


def driver_version() -> str:
    """Return the version of NVIDIA's driver, or `unknown`."""
    with suppress(Exception):
        nvml: Any = import_module("pynvml")
        nvml.nvmlInit()
        return str(nvml.nvmlSystemGetDriverVersion())
    with suppress(OSError):
        return Path("/proc/driver/nvidia/version").read_text().split("\n")[0]
    return "unknown"


def has_nvidia_gpu(root: str = "/") -> bool:
    """Return whether the system has an NVIDIA GPU, usable or not; `root` is where `dev` and `proc` lie."""
    return any(Path(root).glob("dev/nvidia[0-9]*")) or any(Path(root).glob("proc/driver/nvidia/gpus/*"))


Probe = Callable[[], Sample]


class Sampler:
    """Takes samples on a thread of its own, from `start` to `stop`, the newest of which others read."""

    def __init__(
        self, probe: Callable[[str], Probe | None] | None = None, *, interval_s: float = INTERVAL_S
    ) -> None:
        """Take what finds a probe for a device; None is what this machine offers."""
        self.samples: tuple[Sample, ...] = ()
        """The newest KEPT_SAMPLES, oldest first; replaced, never changed in place."""
        self._find = probe or find_probe
        self._interval_s = interval_s
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, device: str) -> None:
        """Begin with a device in the words of ExperimentStarted; a second start changes nothing."""
        if self._thread is None and not self._stopping.is_set():
            # A daemon: a driver that hangs must not keep the program from ending.
            self._thread = threading.Thread(target=self._sample, args=(device,), daemon=True, name="machine")
            self._thread.start()

    def stop(self, wait_s: float = 0.0) -> None:
        """End, and wait at most `wait_s` seconds until the thread has."""
        self._stopping.set()
        if self._thread is not None and wait_s:
            self._thread.join(wait_s)

    def _sample(self, device: str) -> None:
        # Whatever a driver raises, the training must not suffer, nor anybody read about it.
        with suppress(Exception):
            probe = self._find(device)
            while probe is not None and not self._stopping.is_set():
                self.samples = (*self.samples[1 - KEPT_SAMPLES :], probe())
                self._stopping.wait(self._interval_s)
        self.samples = ()


def find_probe(device: str) -> Probe | None:
    """Return a probe of this device's GPU, or of the processor if there is none; None without both."""
    for find in (_gpu_probe, _processor_probe) if device.startswith("cuda") else (_processor_probe,):
        with suppress(Exception):
            return find(device)
    return None


def _gpu_probe(device: str) -> Probe:
    """Return a probe of a GPU. Raises ImportError without pynvml, its errors if there is no such GPU."""
    nvml: Any = import_module("pynvml")
    nvml.nvmlInit()
    handle = _gpu_handle(nvml, device)

    def read(name: str, *arguments: object) -> Any:  # noqa: ANN401  the library's
        with suppress(nvml.NVMLError):
            return getattr(nvml, name)(handle, *arguments)
        return None

    def probe() -> Sample:
        rates, memory = read("nvmlDeviceGetUtilizationRates"), read("nvmlDeviceGetMemoryInfo")
        power = read("nvmlDeviceGetPowerUsage")
        temperature = read("nvmlDeviceGetTemperature", nvml.NVML_TEMPERATURE_GPU)
        return Sample(
            GPU,
            None if rates is None else rates.gpu / 100,
            None if memory is None else int(memory.used),
            None if memory is None else int(memory.total),
            power_w=None if power is None else power / 1000,
            temperature_c=None if temperature is None else float(temperature),
        )

    if probe() == Sample(GPU):
        raise LookupError("the driver tells nothing of this GPU")
    return probe


def _gpu_handle(nvml: Any, device: str) -> Any:  # noqa: ANN401  the library's
    """Return the handle of `cuda:N`, which CUDA may number otherwise than the driver does."""
    found = re.match(r"cuda:(\d+)", device)
    index = int(found[1]) if found else 0
    with suppress(Exception):
        # Loaded by a process that trains; a watcher need not load it.
        uuid = sys.modules["torch"].cuda.get_device_properties(index).uuid
        return nvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}")
    visible = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    name = visible[index] if visible else str(index)
    if name.isdecimal():
        return nvml.nvmlDeviceGetHandleByIndex(int(name))
    return nvml.nvmlDeviceGetHandleByUUID(name)


def _processor_probe(_: str) -> Probe:
    """Return a probe of this process and its children. Raises ImportError without the library."""
    psutil: Any = import_module("psutil")
    own = psutil.Process()
    processes: dict[int, Any] = {}
    looks = count()

    def each(name: str) -> Iterator[Any]:
        for process in processes.values():
            with suppress(psutil.Error):
                yield getattr(process, name)()

    def probe() -> Sample:
        nonlocal processes
        if next(looks) % TREE_EVERY == 0:
            found = {process.pid: process for process in (own, *own.children(recursive=True))}
            # Known ones are kept: each remembers the times of its last look.
            processes = {pid: processes.get(pid, process) for pid, process in found.items()}
        # Of all cores' time since the last look; what processes share of the memory counts for each.
        utilization = sum(each("cpu_percent")) / 100 / (psutil.cpu_count() or 1)
        own_memory = sum(info.rss for info in each("memory_info"))
        machine = psutil.virtual_memory()
        used = int(machine.total - machine.available)
        return Sample(PROCESSOR, float(utilization), used, int(machine.total), int(own_memory))

    # The first look gives 0.
    probe()
    return probe
