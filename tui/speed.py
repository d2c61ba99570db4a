"""Epochs per second, from what the screen saw in the last seconds."""

from __future__ import annotations

from collections import deque

WINDOW_S = 5.0


class SpeedMeter:
    """Remembers (seconds, step) pairs of a monotonic clock; forgets them at every pause."""

    def __init__(self) -> None:
        self._pairs: deque[tuple[float, int]] = deque()

    def add(self, now_s: float, step: int) -> None:
        """Take in the step seen now; a step seen before adds nothing, so that slow epochs count right."""
        if self._pairs and self._pairs[-1][1] == step:
            return
        self._pairs.append((now_s, step))
        while len(self._pairs) > 2 and now_s - self._pairs[1][0] > WINDOW_S:
            self._pairs.popleft()

    def clear(self) -> None:
        """Forget everything: training stood still."""
        self._pairs.clear()

    @property
    def rate(self) -> float | None:
        """Epochs per second, or None while it is not known."""
        if len(self._pairs) < 2:
            return None
        (first_s, first), (last_s, last) = self._pairs[0], self._pairs[-1]
        return (last - first) / (last_s - first_s) if last_s > first_s else None
