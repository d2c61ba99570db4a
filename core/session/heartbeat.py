"""The life signs of processes that train together, in the store through which they met.

A thread of each shows every second that its process lives, and looks at the others. So a rank that has
gone is named whatever the others wait for, on a processor or a GPU, and a pause may last for hours.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from logreg_tui.core.engine.process_group import PeerLost

if TYPE_CHECKING:
    from torch.distributed.distributed_c10d import Store

BEAT_S = 1.0
MAY_MISS, MAY_MISS_AFTER_BREAK = 30, 4
"""Beats without a sign of a rank: usually, and once a connection to some rank has broken."""
STUCK_S = 15.0
"""Seconds after which a process ends that does not leave by itself: its GPU may wait for ever."""
LEAVE_S = 5.0
"""Seconds that rank 0, with which the store may go, waits for the others to have left."""
POLL_S = 0.05
HOST, BEAT, SIGNAL, END, LEFT = (f"logreg-tui/{name}" for name in ("host", "beat", "signal", "end", "left"))


class Ended(PeerLost):
    """A rank has ended the training for all, and has said why; `exit_status` is its own."""


class Heartbeat:
    """This process's sign that it lives, and its knowledge of the others and of the end."""

    def __init__(self, rank: int, size: int, fail: Callable[[PeerLost], None]) -> None:
        """Keep to itself at first; `fail` reports an end in place of a process that is stuck."""
        self.signal = 0
        """The signal that asked this process to end; rank 0 gets it too."""
        self.remedy = "start all of them again"
        self.over: PeerLost | None = None
        """Why nobody need wait for the others any longer."""
        self.may_miss = MAY_MISS
        self.is_silent = rank > 1 and os.environ.get("LOCAL_RANK") != "0"
        """True if another rank reports the end; without the store rank 1 does, and one of each machine."""
        self._rank, self._fail = rank, fail
        self._hosts, self._beats = ([f"{key}/{rank}" for rank in range(size)] for key in (HOST, BEAT))
        self._seen = [b""] * size
        self._missed = [0] * size
        self._has_passed_signal = False
        self._has_ended = threading.Event()

    def show(self, store: Store) -> None:
        """Show this process to the others that come to a store."""
        self._store = store
        store.set(self._hosts[self._rank], socket.gethostname())
        store.set(self._beats[self._rank], "0")

    def missing(self) -> list[int]:
        """Return the ranks that have not shown themselves."""
        return [rank for rank, key in enumerate(self._beats) if not self._store.check([key])]

    def start(self) -> None:
        """Begin to beat; all ranks have shown themselves."""
        self._names = [host.decode() for host in self._store.multi_get(self._hosts)]
        threading.Thread(target=self._watch, name="heartbeat", daemon=True).start()

    def stop(self) -> None:
        """Beat no longer."""
        self._has_ended.set()

    def end(self, status: int) -> None:
        """End the training for all ranks. Sets `is_silent` if another rank has done so before."""
        word = f"{status} {self._rank}"
        with suppress(RuntimeError):  # Where the store has gone with rank 0.
            self.is_silent = self._store.compare_set(END, "", word).decode() != word

    def leave(self) -> None:
        """Tell that this process needs the store no longer; rank 0 waits until none does."""
        deadline = time.monotonic() + LEAVE_S
        with suppress(RuntimeError):
            self._store.add(LEFT, 1)
            while self._rank == 0 and time.monotonic() < deadline:
                if self._store.add(LEFT, 0) == len(self._beats):
                    break
                time.sleep(POLL_S)

    def _watch(self) -> None:
        beat = beats_after_end = 0
        while not self._has_ended.wait(BEAT_S):
            beat += 1
            try:
                self._store.set(self._beats[self._rank], str(beat))
                self._pass_signal_on()
                over = self._ended() or self._lost()
            except RuntimeError as error:
                # With rank 0, or with the torchrun that started it.
                over = self._gone([0])
                over.__cause__ = error
            self.over = self.over or over
            beats_after_end += self.over is not None
            if self.over is not None and beats_after_end * BEAT_S >= STUCK_S:
                self.end(self.over.exit_status)
                if not self.is_silent:
                    self._fail(self.over)
                os._exit(self.over.exit_status)

    def _pass_signal_on(self) -> None:
        if self._rank and self.signal:
            self._store.set(SIGNAL, str(self.signal))
        elif not (self._rank or self._has_passed_signal) and self._store.check([SIGNAL]):
            self._has_passed_signal = True
            os.kill(os.getpid(), int(self._store.get(SIGNAL)))

    def _ended(self) -> Ended | None:
        if not self._store.check([END]):
            return None
        status, rank = self._store.get(END).decode().split()
        over = Ended(f"rank {rank} has ended the training")
        over.exit_status = int(status)
        return over

    def _lost(self) -> PeerLost | None:
        # Counted in beats of this process: no rank misses any while the whole machine sleeps.
        beats = self._store.multi_get(self._beats)
        for rank, (beat, seen) in enumerate(zip(beats, self._seen, strict=True)):
            self._missed[rank] = self._missed[rank] + 1 if beat == seen and rank != self._rank else 0
        self._seen = beats
        lost = [rank for rank, missed in enumerate(self._missed) if missed >= self.may_miss]
        return self._gone(lost) if lost else None

    def _gone(self, ranks: list[int]) -> PeerLost:
        names = " and ".join(f"rank {rank} on {self._names[rank]}" for rank in ranks)
        return PeerLost(
            f"{names} failed, was killed or does not answer, as rank {self._rank} on "
            f"{socket.gethostname()} has noticed; {self.remedy}"
        )
