"""The clocks of a training: neither pauses count, nor the time in which the process was stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

BEAT_S = 0.2
"""Seconds between two looks at the time."""
LONGEST_BEAT_S = 1.0
"""Seconds without a look from which on the process counts as stopped."""


class RunningClock:
    """Monotonic seconds without those in which this process was stopped, as by ctrl+z or a paused container.

    Between `watch` and `rest` a thread looks at the time. If it could not for long, and next to nothing was
    computed meanwhile, nothing ran.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, cpu: Callable[[], float] = time.process_time
    ) -> None:
        """`cpu` is the processor time of all threads of this process."""
        self._clock, self._cpu = clock, cpu
        self._lock = threading.Lock()
        self._looked, self._computed = clock(), cpu()
        self._stopped_s = 0.0
        self._is_over: threading.Event | None = None

    def read(self) -> float:
        """Return the seconds since any moment."""
        with self._lock:
            now, computed = self._clock(), self._cpu()
            gap, busy_s = now - self._looked, computed - self._computed
            # A call that keeps all other threads from running has one processor compute. After the last look
            # before the stop, every thread may have.
            most_s = gap / 2 + BEAT_S * threading.active_count()
            if self._is_over and gap > LONGEST_BEAT_S and busy_s < most_s:
                self._stopped_s += gap - BEAT_S / 2
            self._looked, self._computed = now, computed
            return now - self._stopped_s

    def watch(self) -> None:
        """Begin to notice stops."""
        self.read()
        self._is_over = threading.Event()
        threading.Thread(target=self._beat, args=(self._is_over,), name="clock", daemon=True).start()

    def rest(self) -> None:
        """Notice stops no longer."""
        self.read()
        if self._is_over:
            self._is_over.set()
        self._is_over = None

    def _beat(self, is_over: threading.Event) -> None:
        while not is_over.wait(BEAT_S):
            self.read()


class Stopwatch:
    """Seconds of training: pauses, and stops of the process, are excluded."""

    def __init__(self, clock: RunningClock | None = None, elapsed_s: float = 0.0) -> None:
        self._clock = clock or RunningClock()
        self._elapsed_s = elapsed_s
        self._started: float | None = None

    def start(self) -> None:
        """Count from now on."""
        if self._started is None:
            self._clock.watch()
            self._started = self._clock.read()

    def stop(self) -> None:
        """Count no longer."""
        if self._started is not None:
            self._elapsed_s = self.read()
            self._started = None
            self._clock.rest()

    def read(self) -> float:
        """Return the seconds counted so far."""
        running = 0.0 if self._started is None else self._clock.read() - self._started
        return self._elapsed_s + running
