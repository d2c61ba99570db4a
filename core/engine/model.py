"""The model as a plain PyTorch module, with its loss and penalty: the reference for the engine.

The engine computes the same numbers for many runs at once; tests hold it against this module.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from logreg_tui.core.heads import loss_floor
from logreg_tui.core.settings import SIGMOID, check_head

__all__ = ["LogisticRegression", "initial_parameters", "l2_penalty", "loss_floor"]


def initial_parameters(features: int, classes: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return weight (classes, features) and bias (classes,), float32, on the CPU.

    They are exactly those of `torch.manual_seed(seed); torch.nn.Linear(features, classes)`;
    the global random state is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        linear = nn.Linear(features, classes)
    return linear.weight.detach(), linear.bias.detach()


def l2_penalty(module: nn.Module, l2: float) -> Tensor:
    """Return `l2` times the sum of squares of all parameters: the same as weight_decay = 2 * l2."""
    return l2 * torch.stack([parameter.pow(2).sum() for parameter in module.parameters()]).sum()


class LogisticRegression(nn.Module):
    """A linear layer and a head: `sigmoid` squashes its outputs, `logits` leaves them as they are."""

    def __init__(self, features: int, classes: int, head: str, seed: int = 0) -> None:
        super().__init__()
        self.head = check_head(head)
        self.linear = nn.Linear(features, classes)
        weight, bias = initial_parameters(features, classes, seed)
        with torch.no_grad():
            self.linear.weight.copy_(weight)
            self.linear.bias.copy_(bias)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the head's output, shape (samples, classes), of inputs (samples, features)."""
        outputs: Tensor = self.linear(inputs)
        return torch.sigmoid(outputs) if self.head == SIGMOID else outputs

    def loss(self, inputs: Tensor, labels: Tensor) -> Tensor:
        """Return the mean cross entropy of the head's output, without the L2 term."""
        return functional.cross_entropy(self(inputs), labels)
