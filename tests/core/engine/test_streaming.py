"""Inputs that stay on disk: the same bits as in memory, read a few blocks ahead, errors told."""

from __future__ import annotations

import threading
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.datafiles import never, nothing_is_told
from helpers.loops import CPU
from helpers.made_data import DiskSource, all_parameters, cut_into_blocks, dataset, values, with_runs

from logreg_tui.core.data.dataset import Dataset, load_dataset
from logreg_tui.core.data.inputs import Inputs, Scaling
from logreg_tui.core.data.read_ahead import READ_AHEAD, ReadAhead
from logreg_tui.core.engine.engine import Engine
from logreg_tui.core.engine.thread_team import ThreadTeam
from logreg_tui.core.errors import Cancelled, UserError

HEADS = ("sigmoid", "logits")
RATES = [{1: 0.05, 2: 0.05}] * 3
NOTHING = 1
"""A memory limit that no data keep."""
PLENTY = 1 << 40


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    cut_into_blocks(monkeypatch, 20)


def on_disk(stored: np.ndarray, scaling: Scaling | None = None) -> tuple[Inputs, DiskSource]:
    source = DiskSource(stored)
    return Inputs(source, scaling), source


def outcome(data: Dataset, limit: int, threads: int = 1) -> tuple[object, torch.Tensor]:
    """Return the figures on the way and the parameters in the end."""
    engine = with_runs(Engine(data, CPU, threads, memory_limit=limit), HEADS)
    figures = [engine.measure()]
    engine.advance(RATES)
    figures.append(engine.measure())
    return figures, all_parameters(engine)


def readers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("read")]


@pytest.mark.parametrize("share", [0.2, 1.0])
@pytest.mark.parametrize(
    "scaling",
    [None, Scaling(np.zeros(1), np.array([255.0])), Scaling(np.full(7, 3.0), np.array([2.0] * 6 + [0]))],
)
def test_streamed_data_give_the_bits_of_data_in_memory(share: float, scaling: Scaling | None) -> None:
    train, source = on_disk(values(333, 7, share), scaling)
    test, _ = on_disk(values(95, 7, share, seed=1), scaling)
    data = dataset(train, test)
    figures, parameters = outcome(data, PLENTY)
    assert source.reads == len(range(0, 333, 21)), "each block was read once"
    train, source = on_disk(values(333, 7, share), scaling)
    for threads in (1, 2, 5):
        streamed_figures, streamed_parameters = outcome(dataset(train, test), NOTHING, threads)
        assert streamed_figures == figures
        assert torch.equal(streamed_parameters, parameters)
    assert source.held == 0
    assert readers() == []


@pytest.mark.parametrize("pixels", ["raw", "unit", "standardized"])
def test_a_folder_of_shards_trains_as_it_does_in_memory(pixels: str, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for split, samples in (("train", 170), ("test", 45)):
        for number, start in enumerate(range(0, samples, 37)):
            rows = min(37, samples - start)
            np.save(tmp_path / f"X_{split}-{number}.npy", random.integers(0, 256, (rows, 3, 4), np.uint8))
            np.save(tmp_path / f"y_{split}-{number}.npy", np.arange(rows) % 3)
    data = load_dataset(str(tmp_path), None, pixels, nothing_is_told, never)
    figures, parameters = outcome(data, PLENTY)
    streamed_figures, streamed_parameters = outcome(data, NOTHING, threads=3)
    assert streamed_figures == figures
    assert torch.equal(streamed_parameters, parameters)


def test_streamed_figures_are_close_to_those_of_the_same_data_as_an_array() -> None:
    stored = values(200, 7, 0.2), values(60, 7, 0.2, seed=1)
    train, test = (on_disk(values)[0] for values in stored)
    streamed = outcome(dataset(train, test), NOTHING)[1]
    torch.testing.assert_close(streamed, outcome(dataset(*stored), NOTHING)[1])


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("error_at", [0, 150, 315])
def test_an_error_while_reading_reaches_the_caller_and_no_thread_is_left(threads: int, error_at: int) -> None:
    train, source = on_disk(values(333, 7))
    data = dataset(train, on_disk(values(40, 7))[0])
    engine = with_runs(Engine(data, CPU, threads, memory_limit=NOTHING), HEADS)
    before = all_parameters(engine)
    source.error, source.error_at = UserError("the disk is gone: plug it in"), error_at
    for _ in range(2):
        with pytest.raises(UserError, match="the disk is gone: plug it in"):
            engine.advance(RATES)
        assert torch.equal(all_parameters(engine), before)
        assert readers() == []
    source.error = None
    engine.advance(RATES)
    assert torch.equal(all_parameters(engine), outcome(data, PLENTY)[1])


def test_an_error_late_in_a_stride_leaves_the_parameters_as_they_were() -> None:
    train, source = on_disk(values(100, 7))
    engine = with_runs(Engine(dataset(train, train), CPU, memory_limit=NOTHING), HEADS)
    before = all_parameters(engine)
    reads = source.read
    asked = count()

    def read(start: int, stop: int) -> np.ndarray:
        if next(asked) == 12:
            raise UserError("the disk is gone: plug it in")
        return reads(start, stop)

    source.read = read  # type: ignore[method-assign]
    with pytest.raises(UserError, match="the disk is gone"):
        engine.advance(RATES)
    assert torch.equal(all_parameters(engine), before)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_a_streamed_pass_that_is_cancelled_changes_nothing_and_the_next_is_right(threads: int) -> None:
    data = dataset(*(on_disk(values(rows, 7))[0] for rows in (333, 60)))
    engine = with_runs(Engine(data, CPU, threads, memory_limit=NOTHING), HEADS)
    before = all_parameters(engine)
    for polls in (0, 5, 14):
        asked = count()
        engine.is_cancelled = lambda asked=asked, polls=polls: next(asked) >= polls
        with pytest.raises(Cancelled):
            engine.advance(RATES[:1])
        assert torch.equal(all_parameters(engine), before)
        assert readers() == []
    engine.is_cancelled = lambda: False
    engine.advance(RATES)
    assert torch.equal(all_parameters(engine), outcome(data, PLENTY)[1])


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_only_a_few_blocks_are_ever_held(threads: int) -> None:
    train, source = on_disk(values(2000, 7))
    engine = with_runs(
        Engine(dataset(train, on_disk(values(40, 7))[0]), CPU, threads, memory_limit=NOTHING), HEADS
    )
    assert source.reads == 0
    engine.advance(RATES[:1])
    assert source.reads == 100
    assert 1 < source.most_held <= READ_AHEAD + threads
    assert source.held == 0


def test_blocks_are_read_ahead_of_those_that_are_asked_for() -> None:
    has_read = [threading.Event() for _ in range(40)]

    def read(index: int) -> np.ndarray:
        has_read[index].set()
        return np.full(1, index)

    with ReadAhead(read, 40) as ahead:
        assert all(event.wait(10) for event in has_read[:READ_AHEAD])
        for index in range(40):
            assert ahead.take(index).tolist() == [index]
            assert all(event.wait(10) for event in has_read[: index + 1 + READ_AHEAD])
            assert not any(event.is_set() for event in has_read[index + 1 + READ_AHEAD :])


def test_threads_may_ask_for_blocks_out_of_order() -> None:
    found: list[int] = []
    for threads in (1, 2, 5):
        with ReadAhead(lambda index: np.full(1, index), 200) as ahead:
            ThreadTeam(threads).run(lambda index: found.append(int(ahead.take(index)[0])), 200)
        assert sorted(found) == list(range(200))
        found.clear()


def test_leaving_early_ends_the_thread_that_reads() -> None:
    with ReadAhead(lambda index: np.full(1, index), 200) as ahead:
        ahead.take(0)
    assert readers() == []
