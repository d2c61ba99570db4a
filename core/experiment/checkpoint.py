"""A training to a file and back: everything needed to continue exactly.

Plain values and tensors only, so that the file loads with `weights_only=True`.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import torch

from logreg_tui.core.engine.engine import Engine
from logreg_tui.core.errors import UserError
from logreg_tui.core.experiment.config import FORMAT
from logreg_tui.core.experiment.event_log import EVENTS
from logreg_tui.core.experiment.metrics import METRICS
from logreg_tui.core.files import open_regular, reason
from logreg_tui.core.goals import GoalProgress
from logreg_tui.core.settings import ExperimentSettings, run_from_json, run_to_json
from logreg_tui.core.text import quoted
from logreg_tui.core.training.clock import Stopwatch
from logreg_tui.core.training.state import RunState, Training

_PLAIN = {
    "number": int,
    "epochs": int,
    "joined_at": int,
    "joined_at_s": float,
    "logged_epoch": int,
    "is_announced": bool,
    "status": str,
    "trained_s": float,
}
"""Attributes of a run that are plain values."""


def write_checkpoint(
    file: IO[bytes], training: Training, lengths: dict[str, int], checksum: int | None = None
) -> None:
    """Write a training as it stands, with the byte lengths of the files that belong to it.

    `checksum` is that of metrics.csv.

    Raises OSError if the disk refuses it (torch.save hides the reason, so it writes to memory).
    """
    buffer = io.BytesIO()
    torch.save({**record_of(training, lengths), "checksum": checksum}, buffer)
    file.write(buffer.getbuffer())


def record_of(training: Training, lengths: dict[str, int]) -> dict[str, Any]:
    """Return a training as it stands, as `restore` takes it."""
    return {
        "format": FORMAT,
        "engine": training.engine.identity,
        "engine_choice": training.engine.choice.to_json(),
        "step": training.step,
        "elapsed_s": training.stopwatch.read(),
        "lengths": lengths,
        "runs": [_run_record(training, run) for run in training.runs.values()],
    }


def _run_record(training: Training, run: RunState) -> dict[str, Any]:
    weight, bias = training.parameters(run)
    kept_weight, kept_bias = training.snapshot_parameters(run)
    state = training.optimizer_state(run)
    return {
        **{name: getattr(run, name) for name in _PLAIN},
        "settings": run_to_json(run.settings),
        "weight": weight,
        "bias": bias,
        "kept_weight": kept_weight,
        "kept_bias": kept_bias,
        **({} if state is None else {"optimizer": state}),
        **({"goals": asdict(run.goals)} if run.settings.has_goal else {}),
    }


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return what `write_checkpoint` wrote. Raises ValueError if the file cannot be used."""
    try:
        # torch.load would not notice that a byte has changed.
        with open_regular(path) as file:
            with zipfile.ZipFile(file) as archive:
                # torch.save packs nothing, so that no member is larger than the file.
                if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
                    raise ValueError("it is damaged: it is packed")
                if archive.testzip() is not None:
                    raise ValueError("it is damaged: a checksum is wrong")
            file.seek(0)
            record = torch.load(file, map_location="cpu", weights_only=True)
        if record["format"] != FORMAT:
            raise ValueError(f"its format is {quoted(str(record['format']))}, this program reads {FORMAT}")
        lengths = {name: int(record["lengths"][name]) for name in (METRICS, EVENTS)}
        return {**record, "lengths": lengths}
    except ValueError:
        raise
    # A damaged file makes torch and its zip reader raise whatever they come across.
    except Exception as error:
        why = reason(error) if isinstance(error, OSError) else type(error).__name__
        raise ValueError(f"it cannot be read ({why})") from error


def restore(record: dict[str, Any], settings: ExperimentSettings, engine: Engine) -> Training:
    """Return the training of a checkpoint on an engine without runs.

    Raises ValueError if the checkpoint does not fit the settings or the data.
    """
    try:
        training = Training(settings, engine, Stopwatch(elapsed_s=float(record["elapsed_s"])))
        training.step = int(record["step"])
        for values in record["runs"]:
            _restore_run(training, values)
    except (KeyError, TypeError, AttributeError, OverflowError, RuntimeError, UserError) as error:
        raise ValueError(f"it does not fit ({type(error).__name__}: {error})") from error
    return training


def _restore_run(training: Training, values: dict[str, Any]) -> None:
    plain = {name: values[name] for name in _PLAIN}
    for name, kind in _PLAIN.items():
        if type(plain[name]) is not kind:
            raise TypeError(f"{name} is {plain[name]!r}")
    run = RunState(settings=run_from_json(values["settings"]), **plain)
    if run.settings.has_goal:
        run.goals = _goals(values["goals"])
    training.runs[run.number] = run
    engine = training.engine
    weight, bias = values["weight"], values["bias"]
    if weight.shape != (engine.classes, engine.features) or bias.shape != (engine.classes,):
        raise ValueError("its parameters have another shape than the data ask for")
    # Without its state an optimizer would go on otherwise.
    state = None if run.settings.optimizer.is_plain else values["optimizer"]
    if run.is_training:
        settings = run.settings
        engine.add(run.number, settings.head, settings.l2, weight, bias, settings.optimizer, state)
        engine.set_snapshot(run.number, values["kept_weight"], values["kept_bias"])
    else:
        run.parameters, run.optimizer_state = (weight, bias), state


def _goals(values: dict[str, Any]) -> GoalProgress:
    goals = GoalProgress(**values)
    kinds = {"best_test_loss": float, "waited": int, "is_off": bool}
    for name, kind in kinds.items():
        if type(getattr(goals, name)) is not kind:
            raise TypeError(f"{name} is {getattr(goals, name)!r}")
    return goals


def write_model(file: IO[bytes], training: Training, run: RunState) -> None:
    """Write weight (classes, features) and bias (classes,) of one run as safetensors."""
    from safetensors.torch import save

    weight, bias = training.parameters(run)
    file.write(save({"weight": weight, "bias": bias}))
