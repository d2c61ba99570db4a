"""Several processes that train together, each on its part of the rows; here, what needs no torch.

Rank 0 leads: it keeps the experiment directory and broadcasts each call of its engine, which the
others repeat on theirs. Gradients and metrics are summed over all ranks (all-reduce), so that the
parameters stay the same everywhere. `session/distributed` has the processes themselves.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, Protocol, TypeVar

from logreg_tui.core.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from logreg_tui.core.data.dataset import Dataset
    from logreg_tui.core.data.inputs import Inputs
    from logreg_tui.core.settings import ExperimentSettings

P = ParamSpec("P")
R = TypeVar("R")
Rows = TypeVar("Rows", "Inputs", "np.ndarray")


class PeerLost(UserError):
    """Another of the processes that train together has ended without a word."""


class ProcessGroup:
    """This process and those it trains with: none, unless a subclass says otherwise."""

    rank = 0
    size = 1

    def part(self, rows: Rows) -> Rows:
        """Return this process's part of inputs or labels."""
        start, stop = (len(rows) * rank // self.size for rank in (self.rank, self.rank + 1))
        return rows[start:stop]

    def all_reduce(self, tensor: Tensor) -> None:
        """Replace a tensor by the sum over all processes."""

    def broadcast(self, name: str, *arguments: object, **named: object) -> None:
        """Send a call of a method of the engine to the other ranks; only rank 0 does."""

    def calling(self, name: str, *arguments: object, **named: object) -> AbstractContextManager[None]:
        """Broadcast a call that is carried out here within the context."""
        return nullcontext()

    def share(self, settings: ExperimentSettings, dataset: Dataset) -> None:
        """Let the other ranks load the same data. Raises UserError if one of them cannot."""


ALONE = ProcessGroup()


class HasRanks(Protocol):
    """An engine, as far as `collective` is concerned."""

    ranks: ProcessGroup


E = TypeVar("E", bound=HasRanks)


def collective(method: Callable[Concatenate[E, P], R]) -> Callable[Concatenate[E, P], R]:
    """Make a method of the engine a collective operation: called on rank 0, it runs on all ranks."""

    @wraps(method)
    def on_all_ranks(engine: E, /, *arguments: P.args, **named: P.kwargs) -> R:
        with engine.ranks.calling(method.__name__, *arguments, **named):
            return method(engine, *arguments, **named)

    return on_all_ranks


def launched_rank() -> int | None:
    """Return the rank that torchrun, or another launcher, gave this process; None if it is alone."""
    try:
        rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    except (KeyError, ValueError):
        return None
    return rank if size > 1 else None


def local_rank() -> tuple[int, int]:
    """Return the rank of this process among those of this machine, and their number."""
    if launched_rank() is None:
        return 0, 1
    return int(os.environ.get("LOCAL_RANK", "0")), int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
