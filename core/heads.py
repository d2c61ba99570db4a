"""The heads, which stand between the linear layer and the cross entropy, and the floor of one of them."""

from __future__ import annotations

import math

from logreg_tui.core.errors import UsageError

SIGMOID = "sigmoid"
LOGITS = "logits"
HEADS = (SIGMOID, LOGITS)


def check_head(value: str) -> str:
    """Return the head. Raises UsageError if there is none of that name."""
    if value not in HEADS:
        raise UsageError(f"head {value!r} is unknown: choose from {', '.join(HEADS)}")
    return value


def loss_floor(classes: int) -> float:
    """Return the cross entropy that no sigmoid head can get below, in nats: ln(1 + (C - 1)/e).

    The outputs lie in (0, 1); the best that softmax can make of them is one output at 1 and the
    others at 0, which gives the label the probability e / (e + C - 1).
    """
    return math.log1p((classes - 1) / math.e)
