"""Short names of runs: the values that tell them from the others beside them."""

from __future__ import annotations

from collections.abc import Sequence

from logreg_tui.core.training.history import RunHistory


def run_names(runs: Sequence[RunHistory], lambda_: str = "λ") -> dict[int, str]:
    """Return the name of each run by its number: what differs, such as `logits λ 0.01`, or its head."""
    values = {
        run.number: (
            run.settings.head,
            f"{lambda_} {run.settings.l2:g}",
            f"lr {run.settings.learning_rate:g}",
            str(run.settings.optimizer),
            str(run.settings.schedule),
            f"seed {run.settings.seed}",
        )
        for run in runs
    }
    columns = list(zip(*values.values(), strict=True))
    differing = [at for at, column in enumerate(columns) if len(set(column)) > 1] or [0]
    return {number: " ".join(each[at] for at in differing) for number, each in values.items()}
