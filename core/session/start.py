"""From settings to a recorded training: what the app and the headless command both run."""

from __future__ import annotations

import os
import platform
import traceback
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from logreg_tui.core.engine.gpu.choice import FUSED, check_wanted
from logreg_tui.core.engine.process_group import ALONE, ProcessGroup
from logreg_tui.core.errors import Cancelled, UserError
from logreg_tui.core.experiment.config import ExperimentConfig
from logreg_tui.core.experiment.directory import FIRST_LENGTHS, Experiment
from logreg_tui.core.experiment.event_log import started_event
from logreg_tui.core.settings import DATASETS, ExperimentSettings
from logreg_tui.core.training.events import EngineChanged, Event
from logreg_tui.core.training.requests import Control
from logreg_tui.core.training.snapshots import DatasetLoaded

if TYPE_CHECKING:
    from torch import device as Device

    from logreg_tui.core.data.dataset import Dataset
    from logreg_tui.core.engine.engine import Engine
    from logreg_tui.core.engine.gpu.choice import EngineChoice
    from logreg_tui.core.engine.gpu.probe_process import ProbeProcess
    from logreg_tui.core.training.replay import Replay
    from logreg_tui.core.training.state import Training


@dataclass(frozen=True, slots=True)
class TrainingEnvironment:
    """Data and device of a training, ready."""

    dataset: Dataset
    device: Device
    threads: int
    device_text: str
    settings: ExperimentSettings
    ranks: ProcessGroup
    progress: Callable[[str], None] = lambda text: None
    """Told in a line what the engine has to prepare."""
    probe: ProbeProcess | None = None
    """The process that tries the fused kernel, if it was started early."""
    is_cancelled: Callable[[], bool] = lambda: False
    notice: str | None = None
    """Something the user must keep in mind, about the data or the device."""

    def engine(self) -> Engine:
        """Return an engine without runs."""
        from logreg_tui.core.engine.engine import Engine

        return Engine(
            self.dataset,
            self.device,
            self.threads,
            memory_limit=self.settings.memory_limit,
            ranks=self.ranks,
            progress=self.progress,
        )

    def select_engine(
        self, engine: Engine, rates: Mapping[int, float], recorded: EngineChoice | None = None
    ) -> str | None:
        """Make an engine, whose runs have these learning rates, what was asked for or what is recorded.

        Return why it is not exactly the recorded one; None if it is, or none is recorded. Raises UserError
        if it was asked for and cannot be used, and Cancelled.
        """
        from logreg_tui.core.engine.gpu.selection import Selector

        selector = Selector(self.settings.engine, self.probe, self.progress, self.is_cancelled)
        return selector.select(engine, rates, recorded)


def run_experiment(
    settings: ExperimentSettings,
    control: Control,
    progress: Callable[[str], None],
    *,
    stays_open: bool = False,
    replay: Replay | None = None,
    ranks: ProcessGroup = ALONE,
    recorded: EngineChoice | None = None,
) -> Generator[Event, None, None]:
    """Load what is needed, make the experiment directory, train, and yield what happens.

    `progress` is told in a line what is being prepared. With `stays_open` the experiment waits
    for new runs when all have ended; `replay` is carried out again at its steps; `ranks` are the
    processes that train together, of which this is the first; `recorded` is the engine of the experiment
    that is repeated. Raises UserError for what a user can mend and Cancelled where Stop came before training
    began. An error that nobody foresaw goes to error.log and carries that path as its attribute `log_path`.
    """
    environment = prepare(settings, control, progress, ranks)
    with out_of_memory_explained(environment):
        # Heavy, like everything that knows torch: imported on the thread that trains.
        from logreg_tui.core.experiment.checkpoint import write_checkpoint
        from logreg_tui.core.training.state import Training

        training = Training.start(settings, environment.engine())
        change = environment.select_engine(training.engine, training.learning_rates, recorded)
        config = config_of(environment, training.engine)
        experiment = Experiment.create(
            Path(settings.runs_dir),
            settings.label,
            config,
            lambda file: write_checkpoint(file, training, FIRST_LENGTHS),
            has_screen=stays_open,
        )
        with experiment:
            directory = experiment.directory.absolute()
            notice = joined(environment.notice, experiment.lock.notice)
            begun = started_event(config, directory, training.step, notice)
            experiment.append_event(begun)
            yield begun
            if change is not None:
                changed = EngineChanged(training.step, change)
                experiment.append_event(changed)
                yield changed
            yield DatasetLoaded(training.step, environment.dataset)
            yield from recorded_training(training, control, experiment, replay, stays_open=stays_open)


def prepare(
    settings: ExperimentSettings,
    control: Control,
    progress: Callable[[str], None],
    ranks: ProcessGroup = ALONE,
) -> TrainingEnvironment:
    """Load torch and the data and pick the device. Raises UserError and Cancelled."""
    progress("Loading PyTorch")
    leave_if_stopping(control)
    from logreg_tui.core.engine.gpu.probe_process import start_early

    probe = start_early(settings.device) if settings.engine in ("auto", FUSED) and ranks.size == 1 else None
    from logreg_tui.core.data.dataset import load_dataset
    from logreg_tui.core.engine import devices

    leave_if_stopping(control)
    device = devices.pick_device(settings.device, ranks)
    check_wanted(settings.engine, device.type, ranks.size)
    threads = devices.prepare(device, settings.threads, ranks)
    dataset = load_dataset(
        settings.dataset,
        settings.data_dir,
        settings.pixels,
        progress,
        lambda: control.is_stopping,
        memory_limit=settings.memory_limit,
        file=settings.file,
    )
    leave_if_stopping(control)
    from logreg_tui.core.engine.device_data import check_model_memory

    check_model_memory(dataset, len(settings.runs), device, threads, settings.memory_limit)
    ranks.share(settings, dataset, device)
    progress(f"Moving {len(dataset.train_inputs):,} samples to {device}")
    text = devices.describe(device, threads, ranks.size)
    idle = devices.unusable_gpu() if settings.device == "auto" and device.type == "cpu" else None
    return TrainingEnvironment(
        dataset,
        device,
        threads,
        text,
        settings,
        ranks,
        progress,
        probe,
        lambda: control.is_stopping,
        joined(dataset.notice, idle),
    )


def joined(*notices: str | None) -> str | None:
    """Return several notices as one, None if there is none."""
    return "; ".join(filter(None, notices)) or None


def leave_if_stopping(control: Control) -> None:
    """Raise Cancelled if Stop was sent."""
    if control.is_stopping:
        raise Cancelled


@contextmanager
def out_of_memory_explained(environment: TrainingEnvironment) -> Iterator[None]:
    """Turn an error that means that memory ran out into a UserError that names the sizes."""
    from logreg_tui.core.engine import devices
    from logreg_tui.core.engine.device_data import data_bytes

    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if devices.is_out_of_memory(error):
            raise devices.out_of_memory(environment.device, data_bytes(environment.dataset)) from error
        raise


def recorded_training(
    training: Training,
    control: Control,
    experiment: Experiment,
    replay: Replay | None = None,
    *,
    stays_open: bool = False,
) -> Iterator[Event]:
    """Train and record; with `stays_open` a write that is refused waits for the user.

    An error that nobody foresaw goes to error.log and carries that path as `log_path`.
    """
    from logreg_tui.core.experiment.checkpoint import record_of
    from logreg_tui.core.session.recorder import record
    from logreg_tui.core.training.replay import Replay
    from logreg_tui.core.training.trainer import train

    replay = replay or Replay()
    ranks = training.engine.ranks
    if ranks.size > 1:
        # All begin with the state and the requests of the past that rank 0 alone has read.
        ranks.from_first(lambda: (training.settings, record_of(training, {}), replay.requests))
    happenings = train(training, control, stays_open=stays_open, replay=replay)
    try:
        yield from record(happenings, training, experiment, replay, control if stays_open else None)
    except UserError:
        raise
    except Exception as error:
        with suppress(OSError):
            error.log_path = experiment.log_error(traceback.format_exc())  # type: ignore[attr-defined]
        raise


def config_of(environment: TrainingEnvironment, engine: Engine) -> ExperimentConfig:
    """Return what was asked for, and what it came to on this machine."""
    # Loads the email package, for which the first frame need not wait.
    from importlib.metadata import version

    import torch

    dataset, settings = environment.dataset, environment.settings
    is_path = settings.dataset not in DATASETS
    file = settings.file
    resolved = replace(
        settings,
        file=replace(file, test=os.path.abspath(file.test)) if file.test else file,
        dataset=os.path.abspath(settings.dataset) if is_path else dataset.name,
        data_dir=os.path.abspath(settings.data_dir) if settings.data_dir else None,
        device=str(environment.device),
    )
    return ExperimentConfig(
        settings=resolved,
        dataset=dataset.name,
        fingerprint=dataset.fingerprint,
        train_samples=len(dataset.train_inputs),
        test_samples=len(dataset.test_inputs),
        features=int(dataset.train_inputs.shape[1]),
        classes=dataset.classes,
        image_shape=dataset.image_shape,
        class_names=dataset.class_names,
        feature_names=dataset.feature_names,
        table=dataset.table,
        device=environment.device_text,
        engine=engine.choice,
        started=datetime.now(UTC),
        versions={
            "python": platform.python_version(),
            "logreg-tui": version("logreg-tui"),
            "torch": str(torch.__version__),
            "numpy": version("numpy"),
            "engine": engine.identity,
        },
    )
