"""Threads that share the blocks of a pass over the data.

One Python thread per core, each computing with one thread, loses to a busy neighbour what the
neighbour takes; OpenMP's threads wait for the slowest of them after every operation.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

import torch

from logreg_tui.core.errors import Cancelled


class ThreadTeam:
    """Threads that take blocks in turn; the calling thread is one of them."""

    def __init__(self, threads: int) -> None:
        self._others = threads - 1
        self._pool = ThreadPoolExecutor(max(1, self._others), "block")

    def run(
        self, work: Callable[[int], None], count: int, is_cancelled: Callable[[], bool] = lambda: False
    ) -> None:
        """Call `work` with 0 to count - 1, in any order; an error in one call is raised here.

        Raises Cancelled if `is_cancelled` says so before the last one was taken.
        """
        counter = itertools.count()
        has_failed = threading.Event()

        def take_turns() -> None:
            # Both hold for the thread that sets them. Saturated heads give gradients so small that
            # products of denormal numbers would take most of the time.
            torch.set_num_threads(1)
            torch.set_flush_denormal(True)
            try:
                while not has_failed.is_set() and (index := next(counter)) < count:
                    if is_cancelled():
                        raise Cancelled
                    work(index)
            except BaseException:
                has_failed.set()
                raise

        others = [self._pool.submit(take_turns) for _ in range(min(self._others, count - 1))]
        try:
            take_turns()
        finally:
            torch.set_flush_denormal(False)
            # All of them, before an error of one is raised: nobody may still work on the next pass.
            wait(others)
        for other in others:
            other.result()
