"""Training without a screen by one process, or by those that torchrun started together."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from logreg_tui.core.ranks import launched_rank

if TYPE_CHECKING:
    from logreg_tui.tui.plain import StartPlainly


def train_alone_or_together(start: StartPlainly) -> int:
    """Train, or compute for rank 0 which does, and return the exit status. Raises UserError."""
    from logreg_tui.tui.plain import train_plainly

    rank = launched_rank()
    if rank is None:
        return train_plainly(start)
    from logreg_tui.core.together import Group, serve

    if rank > 0:
        return serve()
    with Group() as group:
        return train_plainly(partial(start, ranks=group))
