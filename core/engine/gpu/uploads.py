"""Blocks that go to a CUDA GPU while it computes those before."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


class Uploads:
    """Two buffers in turn, each pinned on the processor and on the GPU, and a stream of their own.

    A pinned buffer is filled anew once its copy is done, one on the GPU is overwritten once what was given
    to the current stream before the next block was asked for is done.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._slots: list[_Slot] = []
        self._number = 0

    def upload(self, values: np.ndarray) -> Tensor:
        """Return the values on the GPU, which hold until the next are uploaded; one thread may ask."""
        if not self._slots:
            # Made by the thread that trains, on the GPU that it has chosen.
            self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            self._slots = [_Slot(), _Slot()]
        current = torch.cuda.current_stream()
        # All that computes with the block before has been given to the stream by now.
        self._slots[self._number % 2 - 1].used.record(current)
        slot = self._slots[self._number % 2]
        self._number += 1
        slot.copied.synchronize()
        slot.make_room(values.nbytes, self._device)
        slot.here.numpy()[: values.nbytes] = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
        self._stream.wait_event(slot.used)
        with torch.cuda.stream(self._stream):
            slot.there[: values.nbytes].copy_(slot.here[: values.nbytes], non_blocking=True)
        slot.copied.record(self._stream)
        current.wait_event(slot.copied)
        dtype = torch.uint8 if values.dtype == np.uint8 else torch.float32
        return slot.there[: values.nbytes].view(dtype).view(values.shape)


class _Slot:
    def __init__(self) -> None:
        self.copied, self.used = torch.cuda.Event(), torch.cuda.Event()  # type: ignore[no-untyped-call]
        self.here = self.there = torch.empty(0, dtype=torch.uint8)

    def make_room(self, size: int, device: torch.device) -> None:
        """Have room for so many bytes; all blocks but the last are of one size."""
        if len(self.here) < size:
            self.here = pinned(size)
            self.there = torch.empty(size, dtype=torch.uint8, device=device)
            # The GPU's allocator knows the memory as the current stream's, which may still use it.
            self.used.record(torch.cuda.current_stream())


def pinned(size: int) -> Tensor:
    """Return bytes of the processor's memory that a GPU can copy by itself."""
    return torch.empty(size, dtype=torch.uint8, pin_memory=True)
