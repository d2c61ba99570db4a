"""The meeting of the processes that a launcher starts: each finds the machine of rank 0 and waits for all."""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import torch.distributed as dist

from logreg_tui.core.errors import UsageError, UserError
from logreg_tui.core.text import describe

if TYPE_CHECKING:
    from torch.distributed.distributed_c10d import Store

SPEAK_AFTER_S, RESOLVE_S, MEETING_S = 5.0, 60.0, 300.0
"""Seconds until a rank says what it waits for, gives up finding rank 0's machine, gives up meeting all."""
FOR_EVER = timedelta(days=365)
"""Of an exchange: the heartbeat sees if a rank has gone, and a pause may last for hours."""
ADVICE = "unset RANK and WORLD_SIZE to train with this process alone"


def meet(rank: int, size: int, say: Callable[[str], None], show: Callable[[Store], None]) -> Store:
    """Wait until all ranks are there, and return the store that they share.

    `say` is told after some seconds what this waits for; `show` is called with the store before all are
    there. Raises UserError.
    """
    # Not in every build of PyTorch.
    from torch.distributed.rendezvous import rendezvous

    address = os.environ.get("MASTER_ADDR", "")
    where = f"{address}:{os.environ.get('MASTER_PORT', '')}"
    me = f"rank {rank} on {socket.gethostname()}"
    if address in ("localhost", "::1") or address.startswith("127."):
        # Else gloo asks for this machine's own name, which not every machine knows.
        for name in {name for _, name in socket.if_nameindex()} & {"lo", "lo0"}:
            os.environ.setdefault("GLOO_SOCKET_IFNAME", name)
    others = "rank 0" if rank else f"the other {size - 1}"
    timer = threading.Timer(SPEAK_AFTER_S, say, [f"{me} waits for {others} at {where}; {ADVICE}"])
    timer.daemon = True
    # Python's own handler would answer a ctrl-C only when all have come.
    handler = signal.signal(signal.SIGINT, signal.SIG_DFL)
    timer.start()
    try:
        _resolve(address)
        store: Store
        store, _, _ = next(rendezvous("env://", timeout=timedelta(seconds=MEETING_S)))
        show(store)
        dist.init_process_group("gloo", store=store, rank=rank, world_size=size, timeout=FOR_EVER)
    except ValueError as error:
        raise UsageError(
            f"RANK and WORLD_SIZE are set, but {cause_of(error)}: use torchrun, or {ADVICE}"
        ) from error
    except OSError as error:
        raise UserError(
            f"{me} cannot find the machine of rank 0, MASTER_ADDR {address!r} ({error.strerror}): "
            f"set it to a name or an address that this machine knows, or {ADVICE}"
        ) from error
    except RuntimeError as error:
        raise UserError(
            f"{me} did not meet the other ranks at {where} ({cause_of(error)}): start all of them, "
            f"with the same address and a port that is free, or {ADVICE}"
        ) from error
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, handler)
    return store


def _resolve(address: str) -> None:
    """Wait until the name of rank 0's machine is known, as it may be only once that has started.

    Raises OSError if it is not in time. An empty address is torch's to complain of.
    """
    deadline = time.monotonic() + RESOLVE_S
    while address:
        try:
            socket.getaddrinfo(address, None)
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(1.0)


def cause_of(error: Exception) -> str:
    """Return the message of torch.distributed without the places in its source and its advice."""
    text = re.sub(r"^\[.*?\] |^Error initializing .* rendezvous: ", "", str(error))
    return describe(RuntimeError(text.partition(". ")[0]))
