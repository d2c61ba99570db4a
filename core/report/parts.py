"""The sections of the report that say what was done and what was logged, as blocks of markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from logreg_tui.core.export.tables import markdown_table
from logreg_tui.core.heads import loss_floor
from logreg_tui.core.report.heads import HeadComparison, accuracy_words
from logreg_tui.core.report.runs import ReportedRun, Setup
from logreg_tui.core.report.study import RunComparison, tally
from logreg_tui.core.report.text import (
    accuracy_text,
    capital,
    code,
    counted,
    exact,
    listed,
    literal_text,
    loss_text,
)
from logreg_tui.core.settings import LOGITS, SIGMOID
from logreg_tui.core.training.events import RowLogged

FEW_RUNS = 2
"""Of more, the last figures stand beside each other too."""
MOST_LINES = 60
"""Of a run's log."""
RIGHT = (
    "Code without the sigmoid is right: `CrossEntropyLoss` contains the softmax and expects unbounded "
    "logits. Behind a sigmoid it cannot fall below ln(1 + (C - 1)/e), which is {floor:.4f} for {classes} "
    "classes."
)
_Column = tuple[str, Callable[[ReportedRun], str]]


def _epochs(run: ReportedRun) -> str:
    if run.compared.epochs is None:
        return "none"
    planned = run.history.epochs
    return f"{run.compared.epochs:,}{'' if run.compared.epochs == planned else f' of {planned:,}'}"


_SETTINGS: tuple[_Column, ...] = (
    ("pixels", lambda run: run.setup.settings.pixels),
    ("lambda", lambda run: exact(run.compared.l2)),
    ("learning rate", lambda run: exact(run.compared.learning_rate)),
    ("schedule", lambda run: run.compared.schedule),
    ("seed", lambda run: str(run.compared.seed)),
    ("epochs", _epochs),
    ("state", lambda run: run.compared.state),
)


def title(studies: Sequence[RunComparison]) -> str:
    """Return the heading of the whole."""
    names = listed(list(dict.fromkeys(literal_text(study.setup.dataset) for study in studies)))
    return f"# Logistic regression on {names}: what a sigmoid before the cross entropy does"


def answer(study: RunComparison) -> str:
    """Return what was trained, what came out, and whether code without the sigmoid is right."""
    right = RIGHT.format(floor=loss_floor(study.setup.classes), classes=study.setup.classes)
    contest = study.contest
    if contest is None:
        return f"{_trained(study)} {_only_head(study)} {right}"
    parts = (_trained(study), accuracy_words(contest), _beside(contest), tally(study), right)
    return " ".join(part for part in parts if part)


def _beside(contest: HeadComparison) -> str:
    if contest.is_fair or contest.diverged:
        return ""
    what = listed(list(contest.beside))
    return f"The two runs differ in more than the head ({what}), so that difference is not the head's alone."


def _trained(study: RunComparison) -> str:
    return (
        f"Softmax regression, {_linear(study.setup)} with `CrossEntropyLoss`, was trained on "
        f"{literal_text(study.setup.dataset)} by full-batch gradient descent: {_by_head(study.runs)}."
    )


def _by_head(runs: Sequence[ReportedRun]) -> str:
    """Return which runs have a sigmoid and which have none."""
    parts = []
    for head, words in ((SIGMOID, "with a sigmoid before the loss"), (LOGITS, "without a sigmoid")):
        own = [run for run in runs if run.compared.head == head]
        if own:
            parts.append(f"{own[0].name if len(own) == 1 else counted(len(own), 'run')} {words}")
    return listed(parts)


def _only_head(study: RunComparison) -> str:
    found = [run for run in study.runs if run.has_figures]
    if not found:
        return "Nothing has been logged yet."
    best = max(found, key=lambda run: run.compared.test_accuracy or 0.0)
    other = LOGITS if study.heads == [SIGMOID] else SIGMOID
    return (
        f"The {'highest ' if len(found) > 1 else ''}test accuracy is "
        f"{accuracy_text(best.compared.test_accuracy or 0.0)} ({best.name}). There is no run with the head "
        f"`{other}` to compare it with."
    )


def _linear(setup: Setup) -> str:
    return f"`Linear({setup.features}, {setup.classes})`"


# Settings and model


def settings_section(studies: Sequence[RunComparison]) -> Iterator[str]:
    """Yield data, model, loss and optimizer, and a table of what the runs differ in."""
    yield "## Settings and model"
    runs = [run for study in studies for run in study.runs]
    shared = [(name, show) for name, show in _SETTINGS if len({show(run) for run in runs}) == 1]
    points = [_data(setup) for study in studies for setup in study.setups]
    points += [
        *dict.fromkeys(_model(setup) for study in studies for setup in study.setups),
        "Head: `sigmoid` applies a sigmoid to what the linear layer puts out; `logits` passes it on as it "
        "is.",
        "Loss: `CrossEntropyLoss` of what the head puts out, the mean over all training samples, plus the "
        "L2 term lambda * (sum of squares of weight and bias). It covers the bias too, and is the same as "
        "`weight_decay = 2 * lambda`. Both together are the objective.",
        "Optimizer: `SGD` without momentum, full-batch: one epoch is one update by the gradient of all "
        "training samples.",
    ]
    if shared:
        words = "; ".join(f"{name} {show(runs[0])}" for name, show in shared)
        points.append(f"{'In all runs' if len(runs) > 1 else 'The run'}: {words}.")
    yield "\n".join(f"- {point}" for point in points)
    columns = [column for column in _SETTINGS if column not in shared]
    yield _runs_table(runs, columns)
    yield from _knobs(runs)


def _data(setup: Setup) -> str:
    which = f"Experiment {setup.letter}, {code(setup.directory.resolve().name)}" if setup.letter else "Data"
    shape = f" ({setup.image_shape[0]} x {setup.image_shape[1]} pictures)" if setup.image_shape else ""
    return (
        f"{which}: {literal_text(setup.dataset)}, {setup.train_samples} training and "
        f"{setup.test_samples} test samples of "
        f"{counted(setup.features, 'feature')}{shape} in {setup.classes} classes, pixels "
        f"{setup.settings.pixels}."
    )


def _model(setup: Setup) -> str:
    parameters = (setup.features + 1) * setup.classes
    linear = f"torch.nn.Linear({setup.features}, {setup.classes})"
    return (
        f"Model: {_linear(setup)}, {parameters} parameters, which begin as those of "
        f"`torch.manual_seed(seed); {linear}`."
    )


def _runs_table(runs: Sequence[ReportedRun], columns: Sequence[_Column]) -> str:
    header = ["run", "head", *(name for name, _ in columns)]
    rows = [[run.label, run.compared.head, *(show(run) for _, show in columns)] for run in runs]
    return markdown_table(header, rows)


def _knobs(runs: Sequence[ReportedRun]) -> Iterator[str]:
    turned = [
        f"- {capital(run.name)}, epoch {mark.epoch:,}: {mark.text}"
        for run in runs
        for mark in run.history.marks
    ]
    if turned:
        yield "What happened on the way (the settings above are those at the end):"
        yield "\n".join(turned)


# The log


def log_section(studies: Sequence[RunComparison]) -> Iterator[str]:
    """Yield a table for each run, with a line for each report point."""
    yield "## Log"
    yield (
        "Every line is measured on the parameters of its epoch. The objective is the train loss plus the "
        "L2 term; the losses are plain cross entropies without it."
    )
    runs = [run for study in studies for run in study.runs]
    for run in runs:
        yield from _log(run)
    if len(runs) > FEW_RUNS:
        yield "### All runs at the end"
        yield _ends_table(runs)


def _log(run: ReportedRun) -> Iterator[str]:
    yield f"### {capital(run.name)}, {run.compared.head}"
    if not run.rows:
        yield "Nothing has been logged yet."
        return
    # The first row and the last one always stay.
    every = -(-len(run.rows) // MOST_LINES)
    kept = [row for at, row in enumerate(run.rows[:-1]) if at % every == 0]
    header = ["epoch", "objective", "train loss", "test loss", "train accuracy", "test accuracy"]
    yield markdown_table(header, map(_log_line, [*kept, run.rows[-1]]), range(len(header)))
    if every > 1:
        yield f"These are {len(kept) + 1} of {len(run.rows)} report points; metrics.csv has all of them."


def _ends_table(runs: Sequence[ReportedRun]) -> str:
    columns = [(name, show) for name, show in _SETTINGS if len({show(run) for run in runs}) > 1]
    header = ["run", "head", *(name for name, _ in columns), *(name for name, _, _ in _ENDS)]
    rows = []
    for run in runs:
        values = [(getattr(run.compared, field), show) for _, field, show in _ENDS]
        figures = ["-" if value is None else show(value) for value, show in values]
        rows.append([run.label, run.compared.head, *(show(run) for _, show in columns), *figures])
    return markdown_table(header, rows, range(len(header) - len(_ENDS), len(header)))


_ENDS: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("train loss", "train_loss", loss_text),
    ("test loss", "test_loss", loss_text),
    ("train accuracy", "train_accuracy", accuracy_text),
    ("test accuracy", "test_accuracy", accuracy_text),
)


def _log_line(row: RowLogged) -> list[str]:
    losses = (row.objective, row.train_loss, row.test_loss)
    accuracies = (row.train_accuracy, row.test_accuracy)
    return [f"{row.epoch:,}", *map(loss_text, losses), *map(accuracy_text, accuracies)]
