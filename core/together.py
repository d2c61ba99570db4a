"""The processes that torchrun starts, joined through torch.distributed.

https://docs.pytorch.org/docs/stable/distributed.html
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Any, Self

import torch
import torch.distributed as dist
from torch import Tensor

from logreg_tui.core import session
from logreg_tui.core.arrays import describe
from logreg_tui.core.control import Control
from logreg_tui.core.errors import Cancelled, UserError
from logreg_tui.core.ranks import Ranks

if TYPE_CHECKING:
    from logreg_tui.core.datasets import Dataset
    from logreg_tui.core.engine import Engine
    from logreg_tui.core.settings import ExperimentSettings

BEGIN, END = "begin", "end"
PASSES = ("advance", "measure")


class LostContact(UserError):
    """Another process has ended without a word."""


class Group(Ranks):
    """This process among those that were started with it. Leave it as a context manager."""

    def __init__(self) -> None:
        """Meet the others. Raises UserError where that fails."""
        if not dist.is_available():
            raise UserError("this build of PyTorch has no torch.distributed: train with a single process")
        # Tensors of the processor go through gloo even where GPUs have nccl.
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        self._is_idle = True
        with self._exchange("meet"):
            dist.init_process_group(backend)
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        self.wants_to_leave = False
        """Whether this process was asked to end; rank 0 learns of it after the next pass."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        # In the middle of an exchange the others would not understand; they notice the end of this process.
        if self.rank == 0 and self._is_idle:
            with suppress(LostContact):
                self.announce(END)

    @contextmanager
    def _exchange(self, what: str) -> Iterator[None]:
        self._is_idle = False
        try:
            yield
        except RuntimeError as error:
            raise LostContact(
                f"rank {os.environ['RANK']} on {socket.gethostname()} cannot {what} with the other ranks "
                f"({describe(error)}): one of them has failed or was ended, and says why; the rows so far "
                "are safe, go on with `resume`"
            ) from error
        self._is_idle = True

    def announce(self, name: str, *arguments: object) -> None:
        """Send a call to the other processes; nothing where this one does not lead."""
        if self.rank:
            return
        with self._exchange("talk"):
            dist.broadcast_object_list([(name, arguments)], device=torch.device("cpu"))
        if name in PASSES:
            self.agree()

    def heard(self) -> tuple[str, tuple[Any, ...]]:
        """Return what rank 0 announced, waiting for it."""
        words: list[Any] = [None]
        with self._exchange("talk"):
            dist.broadcast_object_list(words, device=torch.device("cpu"))
        if words[0][0] in PASSES:
            self.agree()
        name, arguments = words[0]
        return name, arguments

    def agree(self) -> None:
        """Let rank 0 know whether a process was asked to end; it then ends the training for all."""
        wishes = torch.tensor([int(self.wants_to_leave)])
        with self._exchange("talk"):
            dist.all_reduce(wishes)
        if self.rank == 0 and wishes.item():
            os.kill(os.getpid(), signal.SIGTERM)

    def add_up(self, tensor: Tensor) -> None:
        """Replace a tensor by the sum over all processes, the same bits in each."""
        with self._exchange("compute"):
            dist.all_reduce(tensor)

    def share(self, settings: ExperimentSettings, dataset: Dataset) -> None:
        """Let the others load the same data, after this process has them. Raises UserError."""
        if self.rank:
            return
        smallest = min(len(dataset.train_inputs), len(dataset.test_inputs))
        if smallest < self.size:
            raise UserError(f"{self.size} ranks are too many for {smallest} samples: start fewer")
        self.announce(BEGIN, settings, dataset.fingerprint)
        self.confirm(None)

    def confirm(self, problem: str | None) -> None:
        """Tell the others what keeps this process from training. Raises UserError where any has a problem."""
        problems: list[Any] = [None] * self.size
        with self._exchange("talk"):
            dist.all_gather_object(problems, problem)
        for rank, text in enumerate(problems):
            if text is not None:
                raise UserError(f"rank {rank}: {text}")


def serve() -> int:
    """Compute for rank 0 until it ends the training; return the exit status.

    Signals are rank 0's to answer: it ends the training cleanly for all.
    """
    with Group() as group:

        def wish(number: int, frame: FrameType | None) -> None:
            group.wants_to_leave = True

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, wish)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        return _serve(group)


def _serve(group: Group) -> int:
    try:
        name, arguments = group.heard()
        if name == END:
            return 0
        ground = _prepared(group, *arguments)
        engine: Engine | None = None
        while (call := group.heard())[0] != END:
            engine = _obeyed(ground, engine, *call)
        return 0
    except LostContact:
        # Rank 0 says what happened, or whoever ended it knows.
        return 1


def _prepared(group: Group, settings: ExperimentSettings, fingerprint: str) -> session.Ground:
    problem, ground = None, None
    try:
        ground = session.prepare(settings, Control(), lambda text: None, group)
        if ground.dataset.fingerprint != fingerprint:
            problem = f"the data of {settings.dataset!r} on {socket.gethostname()} are not those of rank 0"
    except (UserError, Cancelled) as error:
        problem = f"{error} (on {socket.gethostname()})"
    group.confirm(problem)
    assert ground is not None, "without a problem"
    return ground


def _obeyed(ground: session.Ground, engine: Engine | None, name: str, arguments: tuple[Any, ...]) -> Engine:
    """Do what rank 0 does, and return the engine."""
    if engine is None or name == "__init__":
        return ground.engine()
    getattr(engine, name)(*arguments)
    return engine
