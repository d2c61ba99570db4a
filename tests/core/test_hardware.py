"""The sampler's thread, and probes over stand-ins for the two libraries."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from logreg_tui.core.hardware import (
    GPU,
    KEPT_SAMPLES,
    PROCESSOR,
    Probe,
    Sample,
    Sampler,
    find_probe,
    has_nvidia_gpu,
)

DEADLINE_S = 20.0


class NvmlError(Exception):
    pass


def fake_nvml(**changes: object) -> SimpleNamespace:
    """Return a stand-in for pynvml: two GPUs, the handle of each is its name."""

    def refuse(*_: object) -> None:
        raise NvmlError("Not Supported")

    names = {"power": lambda _: 412_300, "temperature": lambda *_: 54, **changes}
    return SimpleNamespace(
        NVMLError=NvmlError,
        NVML_TEMPERATURE_GPU=0,
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByIndex=lambda index: f"gpu {index}",
        nvmlDeviceGetHandleByUUID=lambda uuid: uuid,
        nvmlDeviceGetUtilizationRates=lambda handle: SimpleNamespace(gpu=93 if handle != "gpu 1" else 7),
        nvmlDeviceGetMemoryInfo=lambda _: SimpleNamespace(used=2**30, total=2**37),
        nvmlDeviceGetPowerUsage=names["power"] or refuse,
        nvmlDeviceGetTemperature=names["temperature"] or refuse,
    )


def fake_psutil() -> SimpleNamespace:
    class Process:
        pid = 7

        def children(self, recursive: bool) -> list[Process]:
            child = Process()
            child.pid = 8
            return [child]

        def cpu_percent(self) -> float:
            return 150.0

        def memory_info(self) -> SimpleNamespace:
            return SimpleNamespace(rss=2**30)

    return SimpleNamespace(
        Error=NvmlError,
        Process=Process,
        cpu_count=lambda: 4,
        virtual_memory=lambda: SimpleNamespace(total=2**34, available=2**33),
    )


def sample_of(device: str) -> Sample | None:
    probe = find_probe(device)
    return probe() if probe else None


@pytest.fixture
def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """What another test has loaded must not decide which GPU is meant."""
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.mark.usefixtures("without_torch")
def test_a_gpu_tells_what_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml())
    expected = Sample(GPU, 0.93, 2**30, 2**37, power_w=412.3, temperature_c=54.0)
    assert sample_of("cuda:0 NVIDIA H200") == expected


@pytest.mark.usefixtures("without_torch")
def test_what_a_gpu_does_not_tell_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml(power=None, temperature=None))
    assert sample_of("cuda:0") == Sample(GPU, 0.93, 2**30, 2**37)


@pytest.mark.parametrize(
    ("device", "visible", "utilization"),
    [
        ("cuda:1 NVIDIA H200", "", 0.07),
        ("cuda:0", "1", 0.07),
        ("cuda:1", "1,0", 0.93),
        ("cuda", "GPU-5", 0.93),
    ],
)
@pytest.mark.usefixtures("without_torch")
def test_the_gpu_is_the_one_that_trains(
    monkeypatch: pytest.MonkeyPatch, device: str, visible: str, utilization: float
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml())
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    sample = sample_of(device)
    assert sample is not None
    assert sample.utilization == utilization


def test_the_gpu_is_found_by_the_identity_that_torch_gives_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    nvml = fake_nvml()
    nvml.nvmlDeviceGetHandleByUUID = asked.append
    cuda = SimpleNamespace(get_device_properties=lambda index: SimpleNamespace(uuid=f"12-{index}"))
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    assert sample_of("cuda:3") is not None
    assert asked == ["GPU-12-3"]


@pytest.mark.parametrize("device", ["cpu, 2 threads", "mps", "cuda:0"])
def test_without_a_gpu_library_the_processor_is_looked_at(
    monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.setitem(sys.modules, "psutil", fake_psutil())
    assert sample_of(device) == Sample(PROCESSOR, 0.75, 2**33, 2**34, 2**31)


def test_without_any_library_there_is_nothing_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.setitem(sys.modules, "psutil", None)
    assert find_probe("cuda:0") is None


def test_the_newest_samples_are_kept_in_order() -> None:
    is_enough = threading.Event()
    taken: list[Sample] = []

    def probe() -> Sample:
        taken.append(Sample(GPU, float(len(taken))))
        if len(taken) > KEPT_SAMPLES + 5:
            is_enough.set()
        return taken[-1]

    sampler = Sampler(lambda _: probe, interval_s=0.0001)
    sampler.start("cuda:0")
    assert is_enough.wait(DEADLINE_S)
    samples = sampler.samples
    sampler.stop(DEADLINE_S)
    assert len(samples) == KEPT_SAMPLES
    first = samples[0].utilization
    assert first is not None
    assert [sample.utilization for sample in samples] == [first + number for number in range(KEPT_SAMPLES)]


def test_a_driver_that_fails_leaves_nothing_behind() -> None:
    failed = threading.Event()

    def probe() -> Sample:
        if sampler.samples:
            failed.set()
            raise NvmlError("GPU is lost")
        return Sample(GPU, 0.5)

    sampler = Sampler(lambda _: probe, interval_s=0.0001)
    sampler.start("cuda:0")
    assert failed.wait(DEADLINE_S)
    sampler.stop(DEADLINE_S)
    assert sampler.samples == ()


def test_a_stopped_sampler_asks_nothing_more() -> None:
    looks: list[str] = []

    def find(device: str) -> Probe | None:
        looks.append(device)
        return None

    sampler = Sampler(find)
    sampler.stop()
    sampler.start("cpu")
    assert looks == []


@pytest.mark.parametrize("path", ["dev/nvidia0", "proc/driver/nvidia/gpus/0000:01:00.0"])
def test_a_gpu_that_the_system_knows_is_found_without_its_driver(path: str, tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "nvidiactl").touch()
    assert not has_nvidia_gpu(str(tmp_path))
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).touch()
    assert has_nvidia_gpu(str(tmp_path))
