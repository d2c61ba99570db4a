"""The end of a training as plain text: the final table, where everything is, the command to go on with."""

from __future__ import annotations

import shlex

from logreg_tui.core.experiment.metrics import METRICS
from logreg_tui.core.export.tables import plain_table
from logreg_tui.core.text import escape_control_chars
from logreg_tui.core.training.history import History, RunHistory
from logreg_tui.tui.number_format import shown_path

TABLE_HEADER = (
    "run", "head", "l2", "lr", "seed", "epoch", "objective",
    "train loss", "test loss", "train acc", "test acc", "state",
)  # fmt: skip
NUMBERS = (0, *range(2, 11))
"""Places of the columns of numbers."""


def final_table(history: History) -> str:
    """Return the newest figures of each run."""
    rows = [_cells(run, history.state) for run in history.runs.values()]
    return plain_table(TABLE_HEADER, rows, NUMBERS)


def _cells(run: RunHistory, state: str) -> tuple[str, ...]:
    settings, row = run.settings, run.last
    figures = [""] * 6
    if row is not None:
        losses = (row.objective, row.train_loss, row.test_loss)
        accuracies = (row.train_accuracy, row.test_accuracy)
        figures = [f"{row.epoch:,}", *map("{:.6g}".format, losses), *map("{:.4f}".format, accuracies)]
    return (
        str(run.number),
        settings.head,
        f"{settings.l2:g}",
        f"{settings.learning_rate:g}",
        str(settings.seed),
        *figures,
        state if run.is_training else run.status,
    )


def where_it_is(history: History) -> str:
    """Return the experiment directory, and how many rows its CSV holds."""
    if history.experiment is None:
        return ""
    metrics = shown_path(f"{history.experiment.directory}/{METRICS}")
    return f"{history.rows:,} rows in {escape_control_chars(metrics)}"


def shell_word(path: str) -> str:
    """Return a path, short if it is below the working directory, as one word of a shell."""
    return escape_control_chars(shlex.quote(shown_path(path)))


def exit_summary(history: History) -> str:
    """Return the text for after the screen: the final figures, and where everything is."""
    if history.experiment is None:
        return ""
    lines = [final_table(history), where_it_is(history), go_on_with(history)]
    return "\n".join(lines) + "\n"


def go_on_with(history: History) -> str:
    """Return the command that goes on with the experiment."""
    if history.experiment is None:
        return ""
    directory = shell_word(history.experiment.directory)
    if history.state == "finished":
        if all(run.status == "diverged" for run in history.runs.values()):
            return "every run has diverged: start again with a smaller --lr"
        return f"every run is done; go further with: logreg-tui resume {directory} --epochs N"
    return f"go on with: logreg-tui resume {directory}"
