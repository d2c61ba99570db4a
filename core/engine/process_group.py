"""Several processes that train together, each on its part of the rows; here, what needs no torch.

All ranks run the same trainer on the same settings. What only rank 0 knows (requests of the user,
how many epochs fit between two looks at them) it broadcasts; gradients and metrics are summed over
all ranks (all-reduce), so that every rank holds the same parameters and decides the same. Rank 0
alone records and shows. `session/distributed` has the processes themselves.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from logreg_tui.core.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, device

    from logreg_tui.core.data.dataset import Dataset
    from logreg_tui.core.data.inputs import Inputs
    from logreg_tui.core.settings import ExperimentSettings

T = TypeVar("T")
Rows = TypeVar("Rows", "Inputs", "np.ndarray")


class PeerLost(UserError):
    """Another of the processes that train together has ended."""


class ProcessGroup:
    """This process and those it trains with: none, unless a subclass says otherwise."""

    rank = 0
    size = 1
    local_rank = 0
    """The rank among the processes of this machine."""
    local_size = 1

    def part(self, rows: Rows) -> Rows:
        """Return this process's part of inputs or labels."""
        start, stop = (len(rows) * rank // self.size for rank in (self.rank, self.rank + 1))
        return rows[start:stop]

    def from_first(self, make: Callable[[], T]) -> T:
        """Return on every rank what `make` returns on rank 0; it is called there alone."""
        return make()

    def all_reduce(self, tensor: Tensor) -> None:
        """Replace a tensor by the sum over all processes, the same bits in each."""

    def settle(self, device: device) -> None:
        """Wait until a GPU has nothing left to compute, if that may be for ever. Raises PeerLost."""

    def share(self, settings: ExperimentSettings, dataset: Dataset, device: device) -> None:
        """Let all ranks load the same data. Raises UserError if one of them cannot train."""


ALONE = ProcessGroup()


def launched_rank() -> int | None:
    """Return the rank that torchrun, or another launcher, gave this process; None if it is alone.

    Clusters set the variables for any process: only what trains with the others may ask.
    """
    try:
        rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    except (KeyError, ValueError):
        return None
    return rank if size > 1 else None
