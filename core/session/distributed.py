"""The processes that torchrun or another launcher starts, joined through torch.distributed.

What rank 0 says, and who has something to say when all ends, goes over the processors' network;
gradients go over nccl if they are on GPUs. Anyone who can reach the port can make the ranks run
code, as with anything that torch.distributed joins: it is for networks that are trusted.
https://docs.pytorch.org/docs/stable/distributed.html
"""

from __future__ import annotations

import os
import re
import signal
import socket
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from types import FrameType
from typing import TYPE_CHECKING, Any, Self

import torch
import torch.distributed as dist
from torch import Tensor

from logreg_tui.core.engine.process_group import PeerLost, ProcessGroup
from logreg_tui.core.errors import Cancelled, UsageError, UserError
from logreg_tui.core.session import start as session
from logreg_tui.core.text import describe
from logreg_tui.core.training.requests import Control, Leave

if TYPE_CHECKING:
    from torch.distributed.distributed_c10d import Store

    from logreg_tui.core.data.dataset import Dataset
    from logreg_tui.core.engine.engine import Engine
    from logreg_tui.core.settings import ExperimentSettings

BEGIN, END = "begin", "end"
PASSES = ("advance", "measure")
CLAIM = "logreg-tui/says-what-went-wrong"
PATIENCE_S = 5.0
"""Seconds that the ranks wait for each other to find out which of them reports the failure."""
POLL_S = 0.05
CPU = torch.device("cpu")


class Refused(UserError):
    """A process cannot train, and all know why."""


class Group(ProcessGroup):
    """This process among those that a launcher started with it, in contact with them inside the context."""

    def __init__(self) -> None:
        """Take rank and size from the launcher. Raises UserError if PyTorch cannot join processes."""
        if not dist.is_available():
            raise UserError("this build of PyTorch has no torch.distributed: train with a single process")
        self.rank, self.size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        self.wish = 0
        """The signal that asked this process to end; rank 0 learns of it before the next pass."""
        self.is_silent = self.rank > 1 and os.environ.get("LOCAL_RANK") != "0"
        """True if another rank reports the failure."""
        self._is_idle = True
        self._has_trained = False

    def __enter__(self) -> Self:
        """Meet the other ranks. Raises UserError if that fails."""
        self._store = _meet()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Refused):
            self.is_silent = self.rank > 0
            return
        # In the middle of an exchange the others would not understand; they notice the end of this process.
        is_clean = self._is_idle
        if self.rank == 0 and is_clean:
            with suppress(PeerLost):
                self.broadcast(END, getattr(error, "exit_status", int(error is not None)))
        if error is not None or not is_clean:
            with suppress(RuntimeError):  # Where the store has gone with rank 0.
                self.is_silent = not self._claims(error)
                if self.rank == 0 and not is_clean:
                    # The others see who has claimed: the store may end with this process.
                    _disconnect(error)
                    end = time.monotonic() + PATIENCE_S
                    while self._store.add(CLAIM, 0) < self.size - 1 and time.monotonic() < end:
                        time.sleep(POLL_S)

    def _claims(self, error: BaseException | None) -> bool:
        """Return whether this process is the first to say what went wrong; of a lost peer rank 0 tells."""
        if self.rank and isinstance(error, PeerLost):
            # Rank 0 may wait for this one's part: it would learn of the loss only when this one has gone.
            _disconnect(error)
            with suppress(dist.DistStoreError):
                self._store.wait([CLAIM], timedelta(seconds=PATIENCE_S))
        return bool(self._store.add(CLAIM, 1) == 1)

    @contextmanager
    def _exchange(self) -> Iterator[None]:
        remedy = "start all of them again"
        if self._has_trained:
            remedy = "go on with `logreg-tui resume DIR --no-screen`, with any number of ranks"
        self._is_idle = False
        try:
            yield
        except RuntimeError as error:
            raise PeerLost(
                f"rank {self.rank} on {socket.gethostname()} lost contact with the other ranks "
                f"({_cause(error)}): one of them failed or was killed; {remedy}"
            ) from error
        self._is_idle = True

    def broadcast(self, name: str, *arguments: object, **named: object) -> None:
        """Send a call of the engine to the other ranks; only rank 0 does."""
        if self.rank == 0:
            self._send([(name, arguments, named)])

    @contextmanager
    def calling(self, name: str, *arguments: object, **named: object) -> Iterator[None]:
        """Broadcast a call; an error in the middle of a pass leaves the others waiting for this rank."""
        self.broadcast(name, *arguments, **named)
        self._is_idle = name not in PASSES
        yield
        self._is_idle = True

    def receive(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        """Wait for the next call that rank 0 broadcasts, and return it."""
        message: list[Any] = [None]
        self._send(message)
        name, arguments, named = message[0]
        return name, arguments, named

    def _send(self, message: list[Any]) -> None:
        with self._exchange():
            dist.broadcast_object_list(message, device=CPU)
        if message[0][0] not in PASSES:
            return
        self._has_trained = True
        # Rank 0 learns which signal asked a process to end, and then ends the training for all.
        wish = torch.tensor([self.wish])
        with self._exchange():
            dist.all_reduce(wish, dist.ReduceOp.MAX)
        if self.rank == 0 and wish.item():
            os.kill(os.getpid(), int(wish.item()))

    def all_reduce(self, tensor: Tensor) -> None:
        """Replace a tensor by the sum over all ranks, the same bits in each."""
        with self._exchange():
            dist.all_reduce(tensor)

    def share(self, settings: ExperimentSettings, dataset: Dataset) -> None:
        """Let the others load the same data, which rank 0 has. Raises UserError."""
        if self.rank:
            return
        smallest = min(len(dataset.train_inputs), len(dataset.test_inputs))
        if smallest < self.size:
            raise UserError(f"{self.size} ranks are too many for {smallest} samples: start fewer")
        self.broadcast(BEGIN, settings, dataset.fingerprint)
        self.confirm(None)

    def confirm(self, problem: str | None) -> None:
        """Tell the others what keeps this rank from training. Raises Refused if any of them has a problem."""
        problems: list[Any] = [None] * self.size
        with self._exchange():
            dist.all_gather_object(problems, problem)
        for rank, text in enumerate(problems):
            if text is not None:
                raise Refused(f"rank {rank} {text}")


def _meet() -> Store:
    """Wait until all ranks are there, and return the store that they share. Raises UserError."""
    # Not in every build of PyTorch.
    from torch.distributed.rendezvous import rendezvous

    address = os.environ.get("MASTER_ADDR", "")
    if address in ("localhost", "::1") or address.startswith("127."):
        # Else gloo asks for this machine's own name, which not every machine knows.
        for name in {name for _, name in socket.if_nameindex()} & {"lo", "lo0"}:
            os.environ.setdefault("GLOO_SOCKET_IFNAME", name)
    # Python's own handler would answer a ctrl-C only when all have come.
    handler = signal.signal(signal.SIGINT, signal.SIG_DFL)
    # Tensors of the processor go through gloo even where GPUs have nccl.
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    try:
        store: Store
        store, rank, size = next(rendezvous("env://"))
        dist.init_process_group(backend, store=store, rank=rank, world_size=size)
    except ValueError as error:
        raise UsageError(f"RANK and WORLD_SIZE are set, but {_cause(error)}: use torchrun") from error
    except RuntimeError as error:
        raise UserError(
            f"rank {os.environ['RANK']} on {socket.gethostname()} did not meet the other ranks at "
            f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']} ({_cause(error)}): start all of them, "
            "with the same address and a port that is free"
        ) from error
    finally:
        signal.signal(signal.SIGINT, handler)
    return store


def _disconnect(error: BaseException | None) -> None:
    """Let the ranks that wait for this one's part notice that none will come."""
    if dist.get_backend() == dist.Backend.GLOO:
        while error is not None:
            # The exchange that failed stands in a frame, and its connections stay open as long.
            traceback.clear_frames(error.__traceback__)
            error = error.__cause__ or error.__context__
        dist.destroy_process_group()


def _cause(error: Exception) -> str:
    """Return the message of torch.distributed without the places in its source and its advice."""
    text = re.sub(r"^\[.*?\] |^Error initializing .* rendezvous: ", "", str(error))
    return describe(RuntimeError(text.partition(". ")[0]))


def serve(group: Group) -> int:
    """Compute for rank 0 until it ends the training; return the exit status.

    Signals are rank 0's to answer: it ends the training cleanly for all. Raises UserError.
    """
    control = Control()

    def wish(number: int, frame: FrameType | None) -> None:
        group.wish = number
        control.send(Leave(signal.Signals(number).name))

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, wish)
    try:
        name, arguments, _ = group.receive()
        if name == BEGIN:
            environment = _prepared(group, control, *arguments)
            with session.out_of_memory_explained(environment):
                arguments = _follow(group, environment)
        return int(arguments[0])
    except (PeerLost, Refused):
        raise
    except UserError as error:
        raise UserError(f"rank {group.rank} on {socket.gethostname()}: {error}") from error


def _prepared(
    group: Group, control: Control, settings: ExperimentSettings, fingerprint: str
) -> session.TrainingEnvironment:
    problem, environment = None, None
    try:
        environment = session.prepare(settings, control, lambda text: None, group)
        if environment.dataset.fingerprint != fingerprint:
            problem = f"has data of {settings.dataset!r} that are not those of rank 0"
    except UserError as error:
        problem = f"cannot train: {error}"
    except Cancelled:
        problem = f"was ended by {control.leave_cause}"
    group.confirm(problem and f"on {socket.gethostname()} {problem}")
    assert environment is not None, "without a problem"
    return environment


def _follow(group: Group, environment: session.TrainingEnvironment) -> tuple[Any, ...]:
    """Carry out the calls of rank 0 until it ends; return the arguments of the last."""
    engine: Engine | None = None
    while True:
        name, arguments, named = group.receive()
        if name == END:
            return arguments
        if name == "__init__":
            engine = environment.engine()
        else:
            getattr(engine, name)(*arguments, **named)
