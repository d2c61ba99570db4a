"""The end of a training as plain text: the final table, where everything is, the command to go on with."""

from __future__ import annotations

import shlex

from logreg_tui.core.experiment.metrics import METRICS
from logreg_tui.core.export.tables import fitted_table
from logreg_tui.core.optimizers import SGD
from logreg_tui.core.settings import PROGRAM
from logreg_tui.core.text import counted, escape_control_chars
from logreg_tui.core.training.history import History, RunHistory
from logreg_tui.tui.number_format import shown_path

TABLE_HEADER = (
    "run", "optimizer", "head", "l2", "lr", "seed", "epoch", "objective",
    "train loss", "test loss", "train acc", "test acc", "state",
)  # fmt: skip
NUMBERS = {title for title in TABLE_HEADER if title not in ("optimizer", "head", "state")}
DISPENSABLE = ("objective", "train loss", "train acc", "seed", "lr", "l2")
"""Columns that a narrow terminal does without, in this order, after settings that all runs share."""


def final_table(history: History, width: int | None = None) -> str:
    """Return the newest figures of each run, in `width` cells the most important ones."""
    cells = [_cells(run, history.state) for run in history.runs.values()]
    columns = dict(zip(TABLE_HEADER, zip(*cells, strict=True), strict=False))
    if set(columns.get("optimizer", ())) <= {str(SGD)}:
        columns.pop("optimizer", None)
    shared = [title for title in ("seed", "lr", "l2") if len(set(columns.get(title, ()))) == 1]
    dispensable = dict.fromkeys((*shared, *DISPENSABLE))
    header = tuple(columns) or tuple(title for title in TABLE_HEADER if title != "optimizer")
    return fitted_table(header, list(zip(*columns.values(), strict=True)), NUMBERS, width, dispensable)


def _cells(run: RunHistory, state: str) -> tuple[str, ...]:
    settings, row = run.settings, run.last
    figures = [""] * 6
    if row is not None:
        losses = (row.objective, row.train_loss, row.test_loss)
        accuracies = (row.train_accuracy, row.test_accuracy)
        figures = [f"{row.epoch:,}", *map("{:.6g}".format, losses), *map("{:.4f}".format, accuracies)]
    return (
        str(run.number),
        str(settings.optimizer),
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
    return f"{counted(history.rows, 'row')} in {escape_control_chars(metrics)}"


def shell_word(path: str) -> str:
    """Return a path, short if it is below the working directory, as one word of a shell."""
    return escape_control_chars(shlex.quote(shown_path(path)))


def exit_summary(history: History, width: int | None = None) -> str:
    """Return the text for after the screen: the final figures, and where everything is."""
    if history.experiment is None:
        return ""
    lines = [final_table(history, width), where_it_is(history), go_on_with(history)]
    return "\n".join(lines) + "\n"


def farewell(history: History, process_id: int) -> str:
    """Return the text for after a screen without which the training goes on in another process."""
    assert history.experiment is not None, "something trains"
    directory = shell_word(history.experiment.directory)
    return (
        f"{where_it_is(history)}\n"
        f"training goes on without a screen, as process {process_id}; bring it back with:\n"
        f"{PROGRAM} attach {directory}\n"
    )


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
