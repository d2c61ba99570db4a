"""Steps of the optimizers on rows of the matrix of all runs, as torch.optim takes them.

For parameters p, the gradient g of the objective, the learning rate lr, and the t-th update of a run:

    sgd        p -= lr g
    momentum   v = mu v + g                    p -= lr v
    nesterov   v = mu v + g                    p -= lr (g + mu v)
    adam       m = b1 m + (1 - b1) g           s = b2 s + (1 - b2) g^2
               p -= lr / (1 - b1^t) * m / (sqrt(s) / sqrt(1 - b2^t) + eps)

What depends on t is data, `coefficients`, so that CUDA graphs of a step stay valid.
https://docs.pytorch.org/docs/stable/optim.html#algorithms
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from logreg_tui.core.optimizers import ADAM_EPS, Optimizer

MOMENTS = {
    "sgd": (),
    "momentum": ("momentum_buffer",),
    "nesterov": ("momentum_buffer",),
    "adam": ("exp_avg", "exp_avg_sq"),
}
"""Names of the state of each optimizer, those of torch.optim; each has the shape of the parameters."""


def corrections(optimizer: Optimizer, update: int) -> tuple[float, float]:
    """Return the divisor of the learning rate, and the factor of sqrt(s), of the t-th update, t from 1."""
    if not optimizer.is_adaptive:
        return 1.0, 1.0
    of_mean, of_square = (1 - beta**update for beta in optimizer.betas)
    return of_mean, of_square**-0.5


def take_step(
    optimizer: Optimizer,
    parameters: Tensor,
    gradient: Tensor,
    moments: Sequence[Tensor],
    coefficients: Tensor,
) -> None:
    """Update parameters and moments (rows, D + 1) in place, by the gradient of the objective, likewise.

    `coefficients` are minus the corrected rate and the factor of sqrt(s), (rows, 2); without Adam (rows, 1).
    """
    negative_rate = coefficients[:, :1]
    match optimizer.kind:
        case "sgd":
            parameters.addcmul_(gradient, negative_rate)
        case "adam":
            mean, square = moments
            mean.lerp_(gradient, 1 - optimizer.betas[0])
            square.mul_(optimizer.betas[1]).addcmul_(gradient, gradient, value=1 - optimizer.betas[1])
            denominator = square.sqrt().mul_(coefficients[:, 1:]).add_(ADAM_EPS)
            parameters.addcmul_(mean / denominator, negative_rate)
        case kind:
            (velocity,) = moments
            velocity.mul_(optimizer.momentum).add_(gradient)
            step = velocity
            if kind == "nesterov":
                step = gradient.add(velocity, alpha=optimizer.momentum)
            parameters.addcmul_(step, negative_rate)


def moments_of(optimizer: Optimizer, state: Mapping[str, object], like: Tensor) -> tuple[Tensor, ...]:
    """Return the moments of a saved state. Raises ValueError if they are not those of the optimizer."""
    moments = []
    for name in MOMENTS[optimizer.kind]:
        moment = state.get(name)
        if (
            not isinstance(moment, Tensor)
            or moment.shape != like.shape
            or moment.dtype != torch.float32
            or moment.layout != torch.strided
        ):
            raise ValueError(f"its {name} is not that of {optimizer.kind} for these data")
        moments.append(moment.to(like.device))
    return tuple(moments)


def updates_of(state: Mapping[str, object]) -> int:
    """Return the number of updates of a saved state. Raises ValueError."""
    updates = state.get("step")
    if type(updates) is not int or not 0 <= updates < 2**63:
        raise ValueError(f"the step of its optimizer is {updates!r}")
    return updates
