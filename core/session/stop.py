"""Ending the training of an experiment from another process."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

from logreg_tui.core.errors import UserError
from logreg_tui.core.experiment.config import read_config
from logreg_tui.core.experiment.lock import Owner, ask, is_locked, read_owner, wait_until_free
from logreg_tui.core.files import reason

STOP_S = 30.0


def stop_experiment(directory: Path, progress: Callable[[str], None] = lambda text: None) -> Owner | None:
    """Ask the process that trains an experiment to checkpoint and leave, and wait until it has.

    `progress` is told in a line what is unusual. Returns that process, or None if none trains it. Raises
    UserError if it cannot be asked or does not leave.
    """
    read_config(directory)
    owner = read_owner(directory)
    if owner is not None and not owner.is_here:
        raise UserError(f"{str(directory)!r} is trained by {owner}: stop it there")
    if owner is None or not is_locked(directory):
        return None
    try:
        ask(directory, owner, signal.SIGTERM, progress)
    except OSError as error:
        raise UserError(f"process {owner.pid} cannot be stopped: {reason(error)}") from error
    if not wait_until_free(directory, STOP_S, lambda: False):
        raise UserError(f"process {owner.pid} was asked to stop but still runs: try `kill {owner.pid}` again")
    return owner
