"""Why a sigmoid before the cross entropy stalls, as a number."""

from __future__ import annotations

import math


def loss_floor(classes: int) -> float:
    """Return the cross entropy that no sigmoid head can get below, in nats: ln(1 + (C - 1)/e).

    The outputs lie in (0, 1); the best that softmax can make of them is one output at 1 and the
    others at 0, which gives the label the probability e / (e + C - 1).
    """
    return math.log1p((classes - 1) / math.e)
