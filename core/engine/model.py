"""The initial parameters of a run: those of a plain PyTorch module."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def initial_parameters(features: int, classes: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return weight (classes, features) and bias (classes,), float32, on the CPU.

    They are exactly those of `torch.manual_seed(seed); torch.nn.Linear(features, classes)`;
    the global random state is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        linear = nn.Linear(features, classes)
    return linear.weight.detach(), linear.bias.detach()
