"""How an experiment is done again: the command line that its config.json comes to."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace

from logreg_tui.core import settings as s
from logreg_tui.core.report.runs import ReportedRun, Setup
from logreg_tui.core.settings import PROGRAM, ExperimentSettings, RunSettings, Schedule


def runs_of_report(
    l2: float, learning_rate: float, seed: int, step_size: int, epochs: int
) -> tuple[RunSettings, RunSettings]:
    """Return the original's two runs: sigmoid with a constant rate, logits with steps of a tenth."""
    constant = Schedule(period=epochs)
    steps = Schedule("step", step_size, s.DEFAULT_GAMMA["step"], epochs)
    return (
        RunSettings(s.SIGMOID, l2, learning_rate, seed, constant),
        RunSettings(s.LOGITS, l2, learning_rate, seed, steps),
    )


def command_again(setup: Setup, runs: Sequence[ReportedRun]) -> str:
    """Return the command that does an experiment again; `repeat` where no options say what was done."""
    settings = setup.settings
    words = None if _was_steered(setup, runs) else _grid_words(settings) or _report_words(settings)
    return shlex.join(words or [PROGRAM, "repeat", str(setup.directory)])


def command_for_both_heads(setup: Setup, run: RunSettings) -> str:
    """Return the command that trains a run with both heads, everything else the same."""
    words = [PROGRAM, "train", *_data_words(setup.settings), "--head", *s.HEADS]
    return shlex.join(
        [
            *words,
            *_run_words([run]),
            *_schedule_words(run.schedule),
            *_end_words(replace(setup.settings, name=None)),
        ]
    )


def _was_steered(setup: Setup, runs: Sequence[ReportedRun]) -> bool:
    """Whether somebody added or ended runs, turned knobs or went further than planned."""
    own = [run for run in runs if run.setup is setup]
    return len(own) != len(setup.settings.runs) or any(
        run.compared.changes or run.history.status == "ended" or run.history.epochs != setup.settings.epochs
        for run in own
    )


def _grid_words(settings: ExperimentSettings) -> list[str] | None:
    """Return the words of `train`; None where the runs are no grid of its options."""
    runs, schedule = settings.runs, settings.runs[0].schedule
    heads = list(dict.fromkeys(run.head for run in runs))
    l2s = list(dict.fromkeys(run.l2 for run in runs))
    rates = list(dict.fromkeys(run.learning_rate for run in runs))
    is_grid = s.grid(heads, l2s, rates, list(dict.fromkeys(run.seed for run in runs)), schedule) == runs
    if not is_grid or schedule != _schedule_of_options(schedule, settings.epochs):
        return None
    words = [PROGRAM, "train", *_data_words(settings), "--head", *heads]
    return [*words, *_run_words(runs), *_schedule_words(schedule), *_end_words(settings)]


def _schedule_of_options(schedule: Schedule, epochs: int) -> Schedule:
    """Return the schedule that the command line makes of a schedule's options."""
    kind = schedule.kind
    size = schedule.step_size if kind == "step" else s.DEFAULT_STEP_SIZE
    return Schedule(kind, size, schedule.gamma if kind in s.DEFAULT_GAMMA else 1.0, epochs)


def _report_words(settings: ExperimentSettings) -> list[str] | None:
    first, last = settings.runs[0], settings.runs[-1]
    asked = runs_of_report(
        first.l2, first.learning_rate, first.seed, last.schedule.step_size, settings.epochs
    )
    if settings.runs != asked:
        return None
    words = [PROGRAM, "report", "--run", "-o", "report.md", *_data_words(settings), *_run_words([first])]
    return [*words, "--step-size", str(last.schedule.step_size), *_end_words(settings)]


def _data_words(settings: ExperimentSettings) -> Iterator[str]:
    yield from ("--dataset", settings.dataset)
    if settings.data_dir is not None:
        yield from ("--data-dir", settings.data_dir)
    yield from ("--pixels", settings.pixels)


def _run_words(runs: Sequence[RunSettings]) -> Iterator[str]:
    for option, name in (("--l2", "l2"), ("--lr", "learning_rate"), ("--seed", "seed")):
        yield option
        yield from dict.fromkeys(repr(getattr(run, name)) for run in runs)


def _schedule_words(schedule: Schedule) -> Iterator[str]:
    yield from ("--schedule", schedule.kind)
    if schedule.kind == "step":
        yield from ("--step-size", str(schedule.step_size))
    if schedule.kind in s.DEFAULT_GAMMA:
        yield from ("--gamma", repr(schedule.gamma))


def _end_words(settings: ExperimentSettings) -> Iterator[str]:
    for option in ("epochs", "log_every", "report_every"):
        yield from (f"--{option.replace('_', '-')}", str(getattr(settings, option)))
    yield from ("--device", settings.device)
    if settings.threads is not None:
        yield from ("--threads", str(settings.threads))
    if settings.engine != "auto":
        yield from ("--engine", settings.engine)
    if settings.name is not None:
        yield from ("--name", settings.name)
