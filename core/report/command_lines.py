"""Command lines that do an experiment again, from its config.json."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace

from logreg_tui.core import settings as s
from logreg_tui.core.heads import HEADS, LOGITS, SIGMOID
from logreg_tui.core.optimizers import SGD, WITH_MOMENTUM, Optimizer
from logreg_tui.core.report.runs import ReportedExperiment, ReportedRun
from logreg_tui.core.settings import PROGRAM, ExperimentSettings, RunSettings, Schedule


def original_runs(
    l2: float, learning_rate: float, seed: int, step_size: int, epochs: int
) -> tuple[RunSettings, RunSettings]:
    """Return the original's two runs: sigmoid with a constant rate, logits with steps of a tenth."""
    constant = Schedule(period=epochs)
    steps = Schedule("step", step_size, s.DEFAULT_GAMMA["step"], epochs)
    return (
        RunSettings(SIGMOID, l2, learning_rate, seed, constant),
        RunSettings(LOGITS, l2, learning_rate, seed, steps),
    )


def command_again(experiment: ReportedExperiment, runs: Sequence[ReportedRun]) -> str:
    """Return the command that does an experiment again; `repeat` if no options ask for what was done."""
    settings = experiment.config.settings
    own = [run for run in runs if run.experiment is experiment]
    # Somebody added or ended runs, turned knobs or went further than planned.
    was_steered = len(own) != len(settings.runs) or any(
        run.compared.changes or run.history.status == "ended" or run.history.epochs != settings.epochs
        for run in own
    )
    words = None if was_steered else _grid_words(settings) or _report_words(settings)
    return shlex.join(words or [PROGRAM, "repeat", str(experiment.directory)])


def command_for_both_heads(experiment: ReportedExperiment, run: RunSettings) -> str:
    """Return the command that trains a run with both heads, everything else the same."""
    settings = replace(experiment.config.settings, name=None)
    return shlex.join(_train_words(settings, HEADS, [run]))


def _grid_words(settings: ExperimentSettings) -> list[str] | None:
    """Return the words of `train`; None if the runs are no grid of its options."""
    runs, schedule = settings.runs, settings.runs[0].schedule
    heads = list(dict.fromkeys(run.head for run in runs))
    l2s = list(dict.fromkeys(run.l2 for run in runs))
    rates = list(dict.fromkeys(run.learning_rate for run in runs))
    seeds = list(dict.fromkeys(run.seed for run in runs))
    # The schedule that the options make has defaults for what they do not say.
    kind = schedule.kind
    size = schedule.step_size if kind == "step" else s.DEFAULT_STEP_SIZE
    asked = Schedule(kind, size, schedule.gamma if kind in s.DEFAULT_GAMMA else 1.0, settings.epochs)
    momentum, betas = _of_optimizers(runs)
    kinds = dict.fromkeys(run.optimizer.kind for run in runs)
    optimizers = [Optimizer.of(kind, momentum, betas) for kind in kinds]
    is_grid = (
        s.grid(
            heads, l2s, rates, seeds, asked, optimizers, stop_at=runs[0].stop_at, patience=runs[0].patience
        )
        == runs
    )
    return _train_words(settings, heads, runs) if is_grid else None


def _of_optimizers(runs: Sequence[RunSettings]) -> tuple[float | None, tuple[float, float] | None]:
    """Return the first momentum and the first betas that the optimizers of runs have."""
    momenta = (run.optimizer.momentum for run in runs if run.optimizer.kind in WITH_MOMENTUM)
    betas = (run.optimizer.betas for run in runs if run.optimizer.is_adaptive)
    return next(momenta, None), next(betas, None)


def _optimizer_words(runs: Sequence[RunSettings]) -> Iterator[str]:
    """Yield the options of the optimizers, none for plain gradient descent."""
    kinds = list(dict.fromkeys(run.optimizer.kind for run in runs))
    if kinds == [SGD.kind]:
        return
    momentum, betas = _of_optimizers(runs)
    yield from ("--optimizer", *kinds)
    yield from _options(momentum=momentum)
    if betas is not None:
        yield from ("--betas", *map(repr, betas))


def _train_words(
    settings: ExperimentSettings, heads: Sequence[str], runs: Sequence[RunSettings]
) -> list[str]:
    schedule = runs[0].schedule
    return [
        *(
            PROGRAM,
            "train",
            *_data_words(settings),
            "--head",
            *heads,
            *_run_words(runs),
            *_optimizer_words(runs),
        ),
        *_options(
            schedule=schedule.kind,
            step_size=schedule.step_size if schedule.kind == "step" else None,
            gamma=schedule.gamma if schedule.kind in s.DEFAULT_GAMMA else None,
        ),
        *_options(stop_at=runs[0].stop_at, patience=runs[0].patience),
        *_training_words(settings),
    ]


def _report_words(settings: ExperimentSettings) -> list[str] | None:
    """Return the words of `report --run`; None if the runs are not those that it trains."""
    first, size = settings.runs[0], settings.runs[-1].schedule.step_size
    if settings.runs != original_runs(first.l2, first.learning_rate, first.seed, size, settings.epochs):
        return None
    words = [PROGRAM, "report", "--run", "-o", "report.md", *_data_words(settings), *_run_words([first])]
    return [*words, *_options(step_size=size), *_training_words(settings)]


def _data_words(settings: ExperimentSettings) -> Iterator[str]:
    yield from _options(dataset=settings.dataset, data_dir=settings.data_dir, pixels=settings.pixels)
    yield from settings.file.words()


def _run_words(runs: Sequence[RunSettings]) -> Iterator[str]:
    for option, name in (("--l2", "l2"), ("--lr", "learning_rate"), ("--seed", "seed")):
        yield option
        yield from dict.fromkeys(repr(getattr(run, name)) for run in runs)


def _training_words(settings: ExperimentSettings) -> Iterator[str]:
    return _options(
        epochs=settings.epochs,
        log_every=settings.log_every,
        report_every=settings.report_every,
        device=settings.device,
        threads=settings.threads,
        engine=None if settings.engine == "auto" else settings.engine,
        name=settings.name,
    )


def _options(**values: object) -> Iterator[str]:
    """Yield options with their values, without those that are None."""
    for name, value in values.items():
        if value is not None:
            yield from (f"--{name.replace('_', '-')}", str(value))
