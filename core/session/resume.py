"""Going on with an experiment from its directory, and repeating one from step 0."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from logreg_tui.core.engine.gpu.choice import EngineChoice
from logreg_tui.core.engine.process_group import ALONE, ProcessGroup
from logreg_tui.core.errors import UsageError, UserError
from logreg_tui.core.experiment.config import ExperimentConfig, read_config
from logreg_tui.core.experiment.directory import Experiment
from logreg_tui.core.experiment.event_log import EVENTS, read_events, recorded_events, started_event
from logreg_tui.core.experiment.lock import HAND_OVER_SIGNAL, Held, Lock, ask, wait_until_free
from logreg_tui.core.experiment.metrics import METRICS
from logreg_tui.core.files import reason
from logreg_tui.core.goals import ENDED_EARLY
from logreg_tui.core.session import changed_rows
from logreg_tui.core.session import start as session
from logreg_tui.core.text import escape_control_chars
from logreg_tui.core.training import events
from logreg_tui.core.training.events import Event
from logreg_tui.core.training.replay import Recorded, Replay, TimedRequest, replay_of
from logreg_tui.core.training.requests import Control, Extend, Stop
from logreg_tui.core.training.snapshots import DatasetLoaded

if TYPE_CHECKING:
    from logreg_tui.core.training.state import Training


HAND_OVER_S = 30.0


class AlreadyFinished(UserError):
    """There is nothing left to train; not a failure."""

    exit_status = 0


def resume_experiment(
    directory: Path,
    control: Control,
    progress: Callable[[str], None],
    *,
    stays_open: bool = False,
    epochs: int | None = None,
    runs: Sequence[int] = (),
    engine: str | None = None,
    takes_over: bool = False,
    restores_rows: bool = False,
    ranks: ProcessGroup = ALONE,
) -> Generator[Event, None, None]:
    """Go on with an experiment from its last checkpoint, exactly, and yield what happens.

    First comes what had happened before, so that a front end shows the whole; none of it is
    recorded again. `epochs` lets the runs, or those whose numbers are given, go further than planned.
    `engine`, one of ENGINES, is chosen anew; None is the one that the checkpoint was written by. With
    `takes_over` a process on another host that is recorded as training it is taken for gone; with
    `restores_rows` those rows are taken that can be read of a metrics.csv that was changed.
    Raises AlreadyFinished if nothing is left to train, UserError and Cancelled like `run_experiment`.
    """
    config = read_config(directory)
    _check_files(directory)
    lock = _lock(directory, control, progress, has_screen=stays_open, takes_over=takes_over)
    try:
        goes_further = _check_what_is_left(directory, epochs, runs)
        settings = config.safe_settings
        if engine is not None:
            settings = replace(settings, engine=engine)
        environment = session.prepare(settings, control, progress, ranks)
        _check_data(config, environment.dataset.fingerprint)
        # PyTorch comes with it, which takes seconds: the lock tells meanwhile who goes on.
        from logreg_tui.core.experiment.checkpoint import write_checkpoint

        with session.out_of_memory_explained(environment):
            found = changed_rows.newest_checkpoint(
                directory, config.settings, environment.engine, restores_rows=restores_rows
            )
            training, lengths = found.training, found.record["lengths"]
            choice = EngineChoice.from_json(found.record.get("engine_choice")) or config.engine
            why = environment.select_engine(
                training.engine, training.learning_rates, choice if engine is None else None
            )
            change = _engine_change(found.record.get("engine"), training, why)
            # Behind what is still to happen stands what happened, between two crashes, at an earlier step.
            recorded = read_events(directory / EVENTS, lengths[EVENTS])
            later = [line for line in recorded if line.event.step >= training.step]
            restored = None if found.rows is None else changed_rows.rewrite(directory, found.rows)
            if found.is_partial:
                lengths = {**lengths, METRICS: len(found.rows or b"")}
            experiment = Experiment.reopen(directory, lock, lengths)
            if found.is_partial:
                sums = lengths, experiment.checksum
                experiment.save_checkpoint(lambda file: write_checkpoint(file, training, *sums))
            now = session.config_of(environment, training.engine)
            notice = session.joined(environment.notice, lock.notice, restored)
            yield started_event(now, directory.absolute(), training.step, notice)
            yield DatasetLoaded(training.step, environment.dataset)
            beginnings = [
                events.RunStarted(run.joined_at, run.number, run.settings, run.epochs)
                for run in training.runs.values()
                if run.is_announced
            ]
            yield from recorded_events(directory, config.settings, lengths, beginnings, training.step)
            replay = replay_of(later, len(training.runs))
            if epochs is not None and goes_further:
                # Behind what was done before, at the step where that leaves the training.
                step = max([training.step, *(request.step for request in replay.requests)])
                request = Extend(epochs, tuple(runs))
                replay.requests.append(TimedRequest(step, request, experiment.lengths[EVENTS]))
            with experiment:
                resumed = events.ExperimentResumed(training.step, socket.gethostname(), os.getpid())
                for event in (resumed, change) if change is not None else (resumed,):
                    experiment.append_event(event)
                    yield event
                yield from session.recorded_training(
                    training, control, experiment, replay, stays_open=stays_open
                )
    except OSError as error:
        raise UserError(f"cannot go on with {str(directory)!r}: {reason(error)}") from error
    finally:
        lock.release()


def _lock(
    directory: Path,
    control: Control,
    progress: Callable[[str], None],
    *,
    has_screen: bool,
    takes_over: bool,
) -> Lock:
    """Return the lock, handed over if a process without a screen has it. Raises Held and Cancelled."""
    try:
        return _take_lock(directory, has_screen, takes_over)
    except Held as held:
        owner = held.owner
        if owner is None or owner.has_screen or not owner.is_here or owner.pid == os.getpid():
            raise
        progress(f"Asking process {owner.pid} to hand over")
        try:
            ask(directory, owner, HAND_OVER_SIGNAL, progress)
        except OSError as error:
            # In another container, or another user's: it cannot be asked.
            raise held from error
        if not wait_until_free(directory, HAND_OVER_S, lambda: control.is_stopping):
            raise
    return _take_lock(directory, has_screen, takes_over)


def _take_lock(directory: Path, has_screen: bool, takes_over: bool) -> Lock:
    try:
        return Lock(directory, has_screen=has_screen, takes_over=takes_over)
    except OSError as error:
        raise UserError(f"cannot lock {str(directory)!r}: {reason(error)}") from error


def _check_what_is_left(directory: Path, epochs: int | None, runs: Sequence[int]) -> bool:
    """Return whether `epochs` lets a run go further than planned.

    Raises AlreadyFinished if every run has ended and none goes on to `epochs`, UsageError if one of `runs`
    cannot or all are to go further than that, UserError if all have diverged and are to go on.
    """
    recorded = [line.event for line in _read_log(directory)]
    reached = _reached(recorded)
    for run in runs:
        if run not in reached:
            raise UsageError(f"run {run} cannot go on: there is none of that number, or it has diverged")
        if epochs is not None and epochs <= reached[run][0]:
            raise UsageError(
                f"run {run} cannot go on to epoch {epochs:,}: it has reached {reached[run][0]:,}"
            )
    ended = {run: epoch for run, (epoch, was_ended) in reached.items() if was_ended}
    planned = [epoch for epoch, was_ended in reached.values() if not was_ended]
    least = min(planned or ended.values(), default=0)
    # As many as planned is no mistake: a script that resumes says so each time.
    if planned and not runs and epochs is not None and epochs < least:
        raise UsageError(
            f"--epochs {epochs:,} changes nothing: every run goes to epoch {least:,} or further, "
            "and --epochs only lets runs go further; leave it out"
        )
    ends = [event for event in recorded if isinstance(event, events.ExperimentEnded | events.RunExtended)]
    if not ends or ends[-1] != events.ExperimentEnded(ends[-1].step, "finished"):
        return epochs is not None and (bool(runs) or epochs > least)
    if not reached:
        kind = AlreadyFinished if epochs is None else UserError
        raise kind(
            f"{str(directory)!r} is finished: every run has diverged, so none can go on; "
            "start again with a smaller --lr"
        )
    if not runs and (epochs is None or epochs <= least):
        others = ", ".join(map(str, ended)) if len(ended) < len(reached) else ""
        raise AlreadyFinished(
            f"{str(directory)!r} is finished: every run has ended; `--epochs N` with N above {least:,} "
            "goes further" + (f", with `--run` a run that ended early ({others})" if others else "")
        )
    return True


def _reached(recorded: Sequence[Event]) -> dict[int, tuple[int, bool]]:
    """Return at which epoch each run ends that can go on, by number, and True if it ended early."""
    reached: dict[int, tuple[int, bool]] = {}
    for event in recorded:
        match event:
            case events.RunStarted(_, run, _, epochs) | events.RunExtended(_, run, _, epochs):
                reached[run] = epochs, False
            case events.RunEnded(_, run, epoch, reason) if reason in ENDED_EARLY:
                reached[run] = epoch, True
            case events.RunDiverged(_, run):
                reached.pop(run, None)
    return reached


def _read_log(directory: Path) -> list[Recorded]:
    try:
        return read_events(directory / EVENTS)
    except OSError as error:
        raise UserError(f"{str(directory)!r} is damaged: cannot read {EVENTS}: {reason(error)}") from error


def _check_files(directory: Path) -> None:
    try:
        paths = sorted(directory.iterdir())
    except OSError as error:
        raise UserError(f"cannot read {str(directory)!r}: {reason(error)}") from error
    for path in paths:
        # Writing would go elsewhere, or block.
        if os.path.islink(path) or not (os.path.isfile(path) or os.path.isdir(path)):
            raise UserError(
                f"{str(path)!r} is a link or no regular file: going on would write to another place; "
                "copy the experiment with `cp -rL` and go on with the copy"
            )


def _check_data(config: ExperimentConfig, fingerprint: str) -> None:
    if fingerprint != config.fingerprint:
        raise UserError(
            f"the data of {config.settings.dataset!r} are not those the experiment was started with: "
            "their fingerprint differs from the one in config.json"
        )


def _engine_change(former: object, training: Training, change: str | None) -> events.EngineChanged | None:
    """Return the event if another engine, or one from before they had names, wrote the checkpoint."""
    engine = training.engine.identity
    if change is None and former != engine:
        name = escape_control_chars(former) if isinstance(former, str) else "that of an earlier version"
        change = f"rows may differ in their last digits: the engine is now {engine}, it was {name}"
    return None if change is None else events.EngineChanged(training.step, change)


def repeat_experiment(
    directory: Path, runs_dir: str, control: Control, progress: Callable[[str], None]
) -> Generator[Event, None, None]:
    """Train an experiment again from step 0 into a new directory, every knob turned at its step."""
    config = read_config(directory)
    recorded = _read_log(directory)
    # Nothing is recorded yet in the new directory, so nothing is expected to come again.
    replay = Replay(requests=replay_of(recorded, len(config.settings.runs)).requests)
    ends = [line.event for line in recorded if isinstance(line.event, events.ExperimentEnded)]
    if ends and ends[-1].reason == "stopped":
        replay.requests.append(TimedRequest(ends[-1].step, Stop(), 0))
    settings = replace(config.safe_settings, runs_dir=runs_dir)
    happenings = session.run_experiment(settings, control, progress, replay=replay, recorded=config.engine)
    for event in happenings:
        if isinstance(event, events.ExperimentStarted):
            _check_data(config, read_config(Path(event.directory)).fingerprint)
        yield event
