"""The time that a GPU takes for a part of its work, while the processor goes on, and what it is good for."""

from __future__ import annotations

from time import perf_counter

import torch

FIRST_STRIDE, LONGEST_STRIDE = 10, 100
"""Epochs on a GPU between two looks at what was asked for: before one was timed, and at most."""
STRIDE_S = 0.05
"""Seconds that a stride is to take at most: what is asked for meanwhile waits for its end."""


class Stride:
    """The number of epochs that are best given to a GPU at once: many if each is short."""

    def __init__(self) -> None:
        self.epochs = FIRST_STRIDE
        self.under_way = 0
        """Epochs that were given and that nobody has waited for."""
        self._given_at = 0.0

    def begin(self) -> None:
        """Take note that epochs are about to be given."""
        self._given_at = perf_counter()

    def end(self, ended_at: float) -> None:
        """Take note of when the epochs under way were computed."""
        if self.under_way:
            self.epochs = stride_of((ended_at - self._given_at) / self.under_way)
            self.under_way = 0


def stride_of(epoch_s: float) -> int:
    """Return how many epochs of so many seconds fit into STRIDE_S: at least 1, at most LONGEST_STRIDE."""
    return max(1, min(LONGEST_STRIDE, int(STRIDE_S / max(epoch_s, 1e-9))))


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
