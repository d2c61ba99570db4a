"""From settings to a recorded training: what the app and the headless command both run."""

from __future__ import annotations

import os
import platform
import traceback
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from logreg_tui.core import events
from logreg_tui.core.control import Control
from logreg_tui.core.datasets import Dataset, load_dataset
from logreg_tui.core.errors import Cancelled, UserError
from logreg_tui.core.events import Event
from logreg_tui.core.experiment import FIRST_LENGTHS, Experiment, utc_now
from logreg_tui.core.settings import ExperimentSettings

if TYPE_CHECKING:
    from torch import device as Device

    from logreg_tui.core.training import Training


def run_experiment(
    settings: ExperimentSettings,
    control: Control,
    progress: Callable[[str], None],
    *,
    stays_open: bool = False,
) -> Generator[Event, None, None]:
    """Load what is needed, make the experiment directory, train, and yield what happens.

    `progress` is told in a line what is being prepared. With `stays_open` the experiment waits
    for new runs when all have ended. Raises UserError for what a user can mend and Cancelled
    where Stop came before training began. An error that nobody foresaw goes to error.log and
    carries that path as its attribute `log_path`.
    """
    progress("Loading PyTorch")
    _leave_if_stopping(control)
    # Heavy: imported here, on the thread that trains, after the first frame.
    from logreg_tui.core import devices

    _leave_if_stopping(control)
    device = devices.pick_device(settings.device)
    threads = devices.prepare(device, settings.threads)
    dataset = load_dataset(
        settings.dataset, settings.data_dir, settings.pixels, progress, lambda: control.is_stopping
    )
    _leave_if_stopping(control)
    progress(f"Moving {len(dataset.train_inputs):,} samples to {device}")
    try:
        yield from _train(settings, control, dataset, device, threads, stays_open)
    except (RuntimeError, MemoryError) as error:
        if devices.is_out_of_memory(error):
            raise _out_of_memory(device, dataset) from error
        raise


def _leave_if_stopping(control: Control) -> None:
    if control.is_stopping:
        raise Cancelled


def _out_of_memory(device: Device, dataset: Dataset) -> UserError:
    from logreg_tui.core import devices
    from logreg_tui.core.engine import data_bytes

    return devices.out_of_memory(device, data_bytes(dataset))


def _train(
    settings: ExperimentSettings,
    control: Control,
    dataset: Dataset,
    device: Device,
    threads: int,
    stays_open: bool,
) -> Iterator[Event]:
    from logreg_tui.core import devices
    from logreg_tui.core.checkpoint import write_checkpoint
    from logreg_tui.core.recorder import record
    from logreg_tui.core.trainer import train
    from logreg_tui.core.training import Training

    training = Training.start(settings, dataset, device, threads)
    device_text = devices.describe(device, threads)
    experiment = Experiment.create(
        Path(settings.runs_dir),
        settings.label,
        _config(settings, dataset, str(device), device_text),
        lambda file: write_checkpoint(file, training, FIRST_LENGTHS),
    )
    with experiment:
        try:
            started = _started(training, dataset, experiment, device_text)
            experiment.append_event(started)
            yield started
            yield from record(train(training, control, stays_open=stays_open), training, experiment)
        except (UserError, Cancelled):
            raise
        except Exception as error:
            error.log_path = experiment.log_error(traceback.format_exc())  # type: ignore[attr-defined]
            raise


def _started(
    training: Training, dataset: Dataset, experiment: Experiment, device: str
) -> events.ExperimentStarted:
    return events.ExperimentStarted(
        step=training.step,
        directory=str(experiment.directory.absolute()),
        dataset=dataset.name,
        train_samples=len(dataset.train_inputs),
        test_samples=len(dataset.test_inputs),
        features=training.engine.features,
        classes=dataset.classes,
        image_shape=dataset.image_shape,
        device=device,
        epochs=training.settings.epochs,
        log_every=training.settings.log_every,
        report_every=training.settings.report_every,
        notice=dataset.notice,
    )


def _config(settings: ExperimentSettings, dataset: Dataset, device: str, device_text: str) -> dict[str, Any]:
    """Return config.json: what was asked for, and what it came to on this machine."""
    import torch

    is_file = settings.dataset.endswith(".npz")
    resolved = replace(
        settings,
        dataset=os.path.abspath(settings.dataset) if is_file else dataset.name,
        data_dir=os.path.abspath(settings.data_dir) if settings.data_dir else None,
        device=device,
    )
    return {
        "started": utc_now(),
        "settings": resolved.to_json(),
        "dataset": {
            "name": dataset.name,
            "fingerprint": dataset.fingerprint,
            "train_samples": len(dataset.train_inputs),
            "test_samples": len(dataset.test_inputs),
            "features": int(dataset.train_inputs.shape[1]),
            "classes": dataset.classes,
            "image_shape": dataset.image_shape,
        },
        "device": device_text,
        "versions": {
            "python": platform.python_version(),
            "logreg-tui": version("logreg-tui"),
            "torch": str(torch.__version__),
            "numpy": version("numpy"),
        },
    }
