"""A view of History that stands still, for the frozen screen."""

from __future__ import annotations

import copy
from dataclasses import replace

from logreg_tui.core.training.history import History, RunHistory


def still_view(history: History) -> History:
    """Return a History that no longer changes; it shares the rows, so that it costs next to nothing."""
    view = copy.copy(history)
    view.reports = list(history.reports)
    view.runs = {number: _still_run(run) for number, run in history.runs.items()}
    return view


def _still_run(run: RunHistory) -> RunHistory:
    # The copy keeps its own count; rows that the original appends later lie beyond it.
    return replace(run, columns=copy.copy(run.columns))
