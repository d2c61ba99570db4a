"""The fused kernels without a GPU: in Triton's interpreter, or compiled and not loaded."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from helpers.loops import CPU
from logreg_tui.core.data.inputs import Inputs
from logreg_tui.core.engine.blocks import SampleBlocks, padded_bytes
from logreg_tui.core.engine.gpu.fused_pass import FusedConfiguration, FusedPass
from logreg_tui.core.engine.storage import StorageLayout, choose_storage
from logreg_tui.core.engine.thread_team import ThreadTeam

GPU = torch.device("cuda")


def gpu_storage(*splits: Inputs) -> StorageLayout:
    """Return how a GPU keeps inputs."""
    return choose_storage(splits, GPU, ThreadTeam(1), None)


def gpu_samples(inputs: Inputs, labels: np.ndarray, storage: StorageLayout) -> SampleBlocks[Any]:
    """Return samples on the processor, cut and padded as on a GPU."""
    samples: SampleBlocks[Any] = SampleBlocks(inputs, labels, storage, CPU, ThreadTeam(1), has_gradient=True)
    samples.block_bounds = [(0, len(labels))]
    rows = [(slice(0, len(labels)), inputs.stored(0, len(labels)))]
    samples._kept = {0: padded_bytes(rows, torch.from_numpy(labels), storage, CPU)}
    return samples


def fused_pass(
    storage: StorageLayout, heads: tuple[str, ...], classes: int, count: int, programs: int = 4
) -> FusedPass:
    """Return passes for runs with these heads, those with a sigmoid first."""
    return FusedPass(
        storage, len(heads), heads.count("sigmoid"), classes, count, CPU, FusedConfiguration(programs)
    )
