"""Short names of runs: the values that tell them from the others beside them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from logreg_tui.core.settings import RunSettings
from logreg_tui.core.training.history import RunHistory


def run_names(runs: Sequence[RunHistory], lambda_: str = "λ") -> dict[int, str]:
    """Return the name of each run by its number: what differs, such as `logits λ 0.01`, or its head."""
    values = {run.number: _words(run.settings, lambda_) for run in runs}
    columns = list(zip(*values.values(), strict=True))
    differing = [at for at, column in enumerate(columns) if len(set(column)) > 1] or [0]
    return {number: " ".join(each[at] for at in differing) for number, each in values.items()}


@lru_cache(maxsize=1 << 14)
def _words(settings: RunSettings, lambda_: str) -> tuple[str, ...]:
    return (
        settings.head,
        f"{lambda_} {settings.l2:g}",
        f"lr {settings.learning_rate:g}",
        str(settings.optimizer),
        str(settings.schedule),
        f"seed {settings.seed}",
    )
