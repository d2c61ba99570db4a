"""The time that a GPU takes for a part of its work, while the processor goes on."""

from __future__ import annotations

from time import perf_counter

import torch


class DeviceInterval:
    """A part of the work that a device is given; a processor has done its own when a call returns."""

    def __init__(self, device: torch.device) -> None:
        self._is_gpu = device.type == "cuda"
        self._events: list[torch.cuda.Event] = []

    def __enter__(self) -> None:
        """Begin the part."""
        if self._is_gpu:
            # Made by the thread that trains, on the GPU that it has chosen.
            if not self._events:
                self._events = [torch.cuda.Event(enable_timing=True) for _ in range(2)]  # type: ignore[no-untyped-call]
            self._events[0].record()

    def __exit__(self, *error: object) -> None:
        """End it."""
        if self._is_gpu:
            self._events[1].record()

    def waited_since(self, called_at: float) -> float:
        """Return the seconds from a `perf_counter` to the begin of the part, once the device has done it."""
        if not self._is_gpu:
            return 0.0
        begin, end = self._events
        return max(0.0, perf_counter() - called_at - float(begin.elapsed_time(end)) / 1000)
