"""A training to a file and back: everything needed to continue exactly.

Plain values and tensors only, so that the file loads with `weights_only=True`.
"""

from __future__ import annotations

import io
from dataclasses import asdict
from typing import IO, Any

import torch

from logreg_tui.core.experiment import FORMAT
from logreg_tui.core.training import RunState, Training


def write_checkpoint(file: IO[bytes], training: Training, lengths: dict[str, int]) -> None:
    """Write a training as it stands, with the byte lengths of the files that belong to it.

    Raises OSError where the disk refuses it (torch.save hides the reason, so it writes to memory).
    """
    record = {
        "format": FORMAT,
        "step": training.step,
        "elapsed_s": training.stopwatch.read(),
        "is_paused": training.is_paused,
        "lengths": lengths,
        "runs": [_run_record(training, run) for run in training.runs.values()],
    }
    buffer = io.BytesIO()
    torch.save(record, buffer)
    file.write(buffer.getbuffer())


def _run_record(training: Training, run: RunState) -> dict[str, Any]:
    weight, bias = training.parameters(run)
    return {
        "number": run.number,
        "settings": asdict(run.settings),
        "epochs": run.epochs,
        "joined_at": run.joined_at,
        "joined_at_s": run.joined_at_s,
        "logged_epoch": run.logged_epoch,
        "status": run.status,
        "weight": weight,
        "bias": bias,
    }


def write_model(file: IO[bytes], training: Training, run: RunState) -> None:
    """Write weight (classes, features) and bias (classes,) of one run as safetensors."""
    from safetensors.torch import save

    weight, bias = training.parameters(run)
    file.write(save({"weight": weight, "bias": bias}))
