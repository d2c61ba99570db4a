"""Threads that share the blocks of a pass: every block once, and no thread left behind."""

from __future__ import annotations

import threading
from itertools import count

import pytest
import torch

from logreg_tui.core.engine.thread_team import ThreadTeam
from logreg_tui.core.errors import Cancelled

ENOUGH_S = 0.2
"""What a thread waits for something that must not happen."""


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize("blocks", [0, 1, 2, 5, 50])
def test_every_block_is_taken_once(threads: int, blocks: int) -> None:
    taken: list[int] = []
    team = ThreadTeam(threads)
    for _ in range(3):
        team.run(taken.append, blocks)
        assert sorted(taken) == list(range(blocks))
        taken.clear()


def test_blocks_are_taken_in_rising_order() -> None:
    taken: list[int] = []
    ThreadTeam(1).run(taken.append, 20)
    assert taken == list(range(20))


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_as_many_threads_work_at_once_as_were_asked_for(threads: int) -> None:
    meeting = threading.Barrier(threads)
    ThreadTeam(threads).run(lambda index: meeting.wait(timeout=10) and None, threads)


def test_threads_compute_alone_and_without_denormal_numbers() -> None:
    meeting = threading.Barrier(3)
    found: list[tuple[int, float]] = []

    def look(index: int) -> None:
        meeting.wait(timeout=10)
        found.append((torch.get_num_threads(), (torch.tensor(1e-30) * 1e-10).item()))

    ThreadTeam(3).run(look, 3)
    assert found == [(1, 0.0)] * 3
    assert (torch.tensor(1e-30) * 1e-10).item() > 0, "the calling thread computes as before"


def test_denormal_numbers_are_back_after_an_error_too() -> None:
    with pytest.raises(ZeroDivisionError):
        ThreadTeam(1).run(lambda index: index // 0 and None, 3)
    assert (torch.tensor(1e-30) * 1e-10).item() > 0


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("failing", [0, 3, 9])
def test_an_error_in_any_block_reaches_the_caller_and_the_next_pass_works(threads: int, failing: int) -> None:
    def fail(index: int) -> None:
        if index == failing:
            raise ZeroDivisionError(f"in block {index}")

    team = ThreadTeam(threads)
    with pytest.raises(ZeroDivisionError, match=f"in block {failing}"):
        team.run(fail, 10)
    taken: list[int] = []
    team.run(taken.append, 10)
    assert sorted(taken) == list(range(10))


def test_an_error_stops_the_other_threads_too() -> None:
    blocks = 10**6
    meeting = threading.Barrier(2)
    taken = count()

    def work(index: int) -> None:
        if index < 2:
            meeting.wait(timeout=10)
        if index == 0:
            raise ZeroDivisionError
        next(taken)

    with pytest.raises(ZeroDivisionError):
        ThreadTeam(2).run(work, blocks)
    assert next(taken) < blocks - 1


@pytest.mark.parametrize("error", [Cancelled, ZeroDivisionError])
def test_nobody_is_at_work_any_more_when_a_pass_ends_with_an_error(error: type[Exception]) -> None:
    threads = 5
    meeting = threading.Barrier(threads)
    has_returned = threading.Event()
    ended: list[bool] = []

    def work(index: int) -> None:
        meeting.wait(timeout=10)
        # One of the threads is slow; all others fail at once.
        if not threading.current_thread().name.endswith(f"_{threads - 2}"):
            raise error
        ended.append(has_returned.wait(ENOUGH_S))

    with pytest.raises(error):
        ThreadTeam(threads).run(work, threads)
    has_finished = bool(ended)
    has_returned.set()
    assert has_finished, "a thread was still at work"


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("polls", [0, 1, 4])
def test_a_pass_that_is_cancelled_stops_between_two_blocks(threads: int, polls: int) -> None:
    asked = count()
    taken: list[int] = []
    with pytest.raises(Cancelled):
        ThreadTeam(threads).run(taken.append, 20, lambda: next(asked) >= polls)
    assert len(taken) == polls


def test_what_is_cancelled_after_the_last_block_was_taken_is_whole() -> None:
    taken: list[int] = []
    ThreadTeam(2).run(taken.append, 20, lambda: len(taken) == 20)
    assert len(taken) == 20
