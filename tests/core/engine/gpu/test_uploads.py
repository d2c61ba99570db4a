"""Blocks on their way to a GPU: the right values, and nothing overwritten that is still needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from helpers.loops import CPU
from helpers.made_data import DiskSource, all_parameters, cut_into_blocks, dataset, values, with_runs

from logreg_tui.core.data.inputs import Inputs
from logreg_tui.core.engine import blocks
from logreg_tui.core.engine.engine import Engine
from logreg_tui.core.engine.gpu import uploads
from logreg_tui.core.engine.gpu.uploads import Uploads


class Stream:
    """A stream that is as slow as events allow: work that was given is done once it is waited for."""

    def __init__(self) -> None:
        self.given = 0
        self.done_of: dict[Stream, int] = {}

    def wait_event(self, event: Event) -> None:
        """Let what follows come after all that the event stands for."""
        if event.stream is not None:
            self.done_of[event.stream] = max(self.done_of.get(event.stream, 0), event.at)


class Event:
    """A point of a stream; the processor notes what it has waited for."""

    def __init__(self) -> None:
        self.stream: Stream | None = None
        self.at = 0

    def record(self, stream: Stream) -> None:
        """Stand for all that was given to a stream."""
        self.stream, self.at = stream, stream.given

    def synchronize(self) -> None:
        """Wait on the processor."""
        HOST.wait_event(self)


HOST = Stream()


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> tuple[Stream, list[Stream]]:
    """Let stand-ins play streams and events; give the current one, and those that are made."""
    current, made = Stream(), []
    HOST.done_of.clear()

    def new() -> Stream:
        made.append(Stream())
        return made[-1]

    @contextmanager
    def inside(stream: Stream) -> Iterator[None]:
        stream.given += 1
        yield

    monkeypatch.setattr(torch.cuda, "Stream", new)
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: current)
    monkeypatch.setattr(torch.cuda, "stream", inside)
    monkeypatch.setattr(uploads, "pinned", lambda size: torch.empty(size, dtype=torch.uint8))
    return current, made


def test_each_block_is_copied_before_it_is_used_and_used_before_it_is_overwritten(
    streams: tuple[Stream, list[Stream]],
) -> None:
    current, made = streams
    own = Uploads(CPU)
    for number in range(1, 8):
        shape = (3, 4) if number < 7 else (2, 4)
        block = own.upload(np.full(shape, number, np.uint8))
        assert block.tolist() == np.full(shape, number).tolist()
        (copying,) = made
        assert current.done_of[copying] == number, "what computes waits for its copy"
        assert HOST.done_of.get(copying, 0) == max(0, number - 2), "a pinned buffer is free, the other is not"
        # Work on the blocks before the last has been waited for; on the last it goes on, once there is room.
        assert copying.done_of.get(current, 0) == max(number - 2, number > 1)
        current.given += 1


def test_float32_rows_are_uploaded_as_such(streams: tuple[Stream, list[Stream]]) -> None:
    rows = np.arange(12, dtype=np.float32).reshape(3, 4) / 7
    assert torch.equal(Uploads(CPU).upload(rows), torch.from_numpy(rows))


@pytest.mark.parametrize("dtype", ["u1", "<f4"])
def test_a_training_on_uploaded_blocks_has_the_bits_of_one_without(
    dtype: str, streams: tuple[Stream, list[Stream]], monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_into_blocks(monkeypatch, 20)
    data = dataset(*(Inputs(DiskSource(values(rows, 7, dtype=dtype))) for rows in (133, 55)))
    plain, uploaded = (with_runs(Engine(data, CPU, memory_limit=1), ["sigmoid", "logits"]) for _ in range(2))
    for samples in (uploaded.data.train, uploaded.data.test):
        samples._uploads = Uploads(CPU)
    for engine in (plain, uploaded):
        engine.advance([{1: 0.05, 2: 0.05}] * 3)
    assert uploaded.measure() == plain.measure()
    assert torch.equal(all_parameters(uploaded), all_parameters(plain))
    assert len(streams[1]) == 2, "of training and of test"


def test_what_a_gpu_streams_is_uploaded(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[torch.device] = []
    monkeypatch.setattr(blocks, "Uploads", made.append)
    data = dataset(*(Inputs(DiskSource(values(40, 7))) for _ in range(2)))
    Engine(data, CPU, memory_limit=1)
    assert made == []
    with torch._subclasses.fake_tensor.FakeTensorMode(allow_non_fake_inputs=True):
        device = torch.device("cuda", 0)
        Engine(data, device, memory_limit=1)
        assert made == [device] * 2
        Engine(data, device, memory_limit=1 << 20)
    assert len(made) == 2
