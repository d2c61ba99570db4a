"""The meeting of the processes that a launcher starts: each finds the machine of rank 0 and waits for all."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import torch.distributed as dist

from logreg_tui.core.errors import UsageError, UserError
from logreg_tui.core.session.heartbeat import Heartbeat
from logreg_tui.core.text import describe

if TYPE_CHECKING:
    from torch.distributed.distributed_c10d import Store

SPEAK_AFTER_S, RESOLVE_S, MEETING_S = 5.0, 60.0, 300.0
"""Seconds until a rank says what it waits for, gives up finding rank 0's machine, gives up meeting all."""
FOR_EVER = timedelta(days=365)
"""Of an exchange: the heartbeat sees if a rank has gone, and a pause may last for hours."""
POLL_S = 0.1
LOOPBACK = "127.0.0.1"
ADVICE = "unset RANK and WORLD_SIZE to train with this process alone"


def meet(rank: int, size: int, say: Callable[[str], None], heartbeat: Heartbeat) -> Store:
    """Wait until all ranks are there, and return the store that they share.

    `say` is told after some seconds for whom this waits. Raises UserError.
    """
    # Not in every build of PyTorch.
    from torch.distributed.distributed_c10d import PrefixStore

    me = f"rank {rank} on {socket.gethostname()}"
    try:
        address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        socket.htons(port)
    except (KeyError, ValueError, OverflowError) as error:
        problem = "RANK and WORLD_SIZE are set, but not MASTER_ADDR and a port as MASTER_PORT"
        raise UsageError(f"{problem}: use torchrun, or {ADVICE}") from error
    if address in ("localhost", "::1") or address.startswith("127."):
        # Else gloo asks for this machine's own name, which not every machine knows.
        for name in {name for _, name in socket.if_nameindex()} & {"lo", "lo0"}:
            os.environ.setdefault("GLOO_SOCKET_IFNAME", name)
    # torchrun's own process may keep the store, and keeps it if it starts its processes again.
    is_host = rank == 0 and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True"
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    timeout = timedelta(seconds=MEETING_S)
    wait = _Wait(f"{me} waits for {{}} at {address}:{port}; {ADVICE}", say)
    try:
        # PyTorch would wait in silence, deaf to signals.
        while not (is_host or _is_reachable(address, port, wait)):
            wait.a_moment("rank 0")
        # The one that keeps the store need not find itself by the name that the others know it by.
        host = LOOPBACK if is_host else address
        store: Store = dist.TCPStore(  # type: ignore[attr-defined]
            host, port, size, is_host, timeout, wait_for_workers=False, multi_tenant=True
        )
        store = PrefixStore(f"attempt-{attempt}", store)
        heartbeat.show(store)
        while missing := heartbeat.missing():
            wait.a_moment(" and ".join(f"rank {other}" for other in missing))
        dist.init_process_group("gloo", store=store, rank=rank, world_size=size, timeout=FOR_EVER)
    except OSError as error:
        raise UserError(
            f"{me} cannot find the machine of rank 0, MASTER_ADDR {address!r} ({error.strerror}): "
            f"set it to a name or an address that this machine knows, or {ADVICE}"
        ) from error
    except RuntimeError as error:
        raise UserError(
            f"{me} did not meet the other ranks at {address}:{port} ({cause_of(error)}): start all of them, "
            f"with the same address and a port that is free, or {ADVICE}"
        ) from error
    return store


class _Wait:
    """A wait that says after some seconds for whom, and ends at last."""

    def __init__(self, text: str, say: Callable[[str], None]) -> None:
        self._text, self._say = text, say
        self._began = time.monotonic()
        self._has_spoken = False

    @property
    def passed_s(self) -> float:
        return time.monotonic() - self._began

    def a_moment(self, whom: str) -> None:
        """Wait a moment for somebody. Raises RuntimeError after MEETING_S."""
        if self.passed_s > MEETING_S:
            raise RuntimeError(f"no sign of {whom} in {MEETING_S:.0f} s")
        if self.passed_s > SPEAK_AFTER_S and not self._has_spoken:
            self._has_spoken = True
            self._say(self._text.format(whom))
        time.sleep(POLL_S)


def _is_reachable(address: str, port: int, wait: _Wait) -> bool:
    """Return if somebody listens there. Raises OSError if the name is unknown for RESOLVE_S."""
    try:
        socket.create_connection((address, port), timeout=SPEAK_AFTER_S).close()
    except socket.gaierror:
        # In a cluster the name may be known only once the machine has started.
        if wait.passed_s > RESOLVE_S:
            raise
        return False
    except OSError:
        return False
    return True


def cause_of(error: Exception) -> str:
    """Return the message of torch.distributed without the places in its source and its advice."""
    text = re.sub(r"^\[.*?\] ", "", str(error))
    return describe(RuntimeError(text.partition(". ")[0]))
