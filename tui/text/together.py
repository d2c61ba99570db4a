"""Training without a screen by one process, or by those that torchrun started together."""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import TYPE_CHECKING

from logreg_tui.core.engine.process_group import launched_rank
from logreg_tui.core.errors import UserError

if TYPE_CHECKING:
    from logreg_tui.tui.text.training_log import StartPlainly


def train_alone_or_together(start: StartPlainly) -> int:
    """Train, or compute for rank 0 which does, and return the exit status.

    Raises what this process is to say about its end, such as UserError; of several only one says it.
    """
    from logreg_tui.tui.text.training_log import train_plainly

    rank = launched_rank()
    if rank is None:
        return train_plainly(start)
    if rank == 0:
        print("Waiting for the other ranks", file=sys.stderr, flush=True)
    # Before torch is imported; what goes wrong between processes is said once, and without C++ frames.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    from logreg_tui.core.session.distributed import Group, serve

    group = Group()
    try:
        with group:
            return serve(group) if rank else train_plainly(partial(start, ranks=group))
    except UserError as error:
        if group.is_silent:
            return error.exit_status
        raise
    except Exception:
        if group.is_silent:
            return 1
        raise
