"""Figures of a training as plain text: accuracy lines, the final table, where everything is."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from logreg_tui.core.experiment.listing import Summary
from logreg_tui.core.experiment.metrics import METRICS
from logreg_tui.core.export.tables import plain_table
from logreg_tui.core.text import escape_control_chars
from logreg_tui.core.training.events import RowLogged
from logreg_tui.core.training.history import History, RunHistory
from logreg_tui.tui.number_format import shown_path

TABLE_HEADER = (
    "run", "head", "l2", "lr", "seed", "epoch", "objective",
    "train loss", "test loss", "train acc", "test acc", "state",
)  # fmt: skip
NUMBERS = (0, *range(2, 11))
"""Places of the columns of numbers."""
LISTING_HEADER = ("experiment", "state", "dataset", "runs", "rows", "host", "pid")


def accuracy_line(row: RowLogged) -> str:
    """Return one line of the accuracy log."""
    return (
        f"epoch {row.epoch:>6,}  run {row.run:<2}  objective {row.objective:.4f}  "
        f"train {row.train_accuracy:.4f}  test {row.test_accuracy:.4f}"
    )


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
        return f"every run is done; go further with: logreg-tui resume {directory} --epochs N"
    return f"go on with: logreg-tui resume {directory}"


def listing(experiments: Sequence[Summary]) -> str:
    """Return one line per experiment: its state, size and the process that trains it."""
    if not experiments:
        return "no experiments here"
    rows = [
        (
            escape_control_chars(experiment.directory.name),
            experiment.state,
            escape_control_chars(experiment.dataset),
            str(experiment.runs),
            f"{experiment.rows:,}",
            escape_control_chars(experiment.host),
            "" if experiment.pid is None else str(experiment.pid),
        )
        for experiment in experiments
    ]
    return plain_table(LISTING_HEADER, rows, right=(3, 4, 6))
