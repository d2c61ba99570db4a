"""The config.json of an experiment, made up."""

from __future__ import annotations

from typing import Any

from logreg_tui.core.experiment.config import ExperimentConfig
from logreg_tui.core.settings import ExperimentSettings


def config_of(settings: ExperimentSettings, **changes: Any) -> ExperimentConfig:  # noqa: ANN401
    """Return the config of an experiment with these settings, on data of the size of digits."""
    data = {"dataset": settings.dataset, "fingerprint": "f" * 64, "train_samples": 1437, "test_samples": 360}
    sizes = {"features": 64, "classes": 10, "image_shape": (8, 8)}
    return ExperimentConfig(settings=settings, **{**data, **sizes, **changes})
