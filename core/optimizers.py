"""Optimizers: what an update makes of the gradient. Imports neither torch nor numpy.

Each is that of torch.optim with the L2 term in the objective, which is its `weight_decay` of 2 lambda:
https://docs.pytorch.org/docs/stable/optim.html#algorithms
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from logreg_tui.core.errors import UsageError

OPTIMIZERS = ("sgd", "momentum", "nesterov", "adam")
WITH_MOMENTUM = ("momentum", "nesterov")
DEFAULT_MOMENTUM = 0.9
DEFAULT_BETAS = (0.9, 0.999)
ADAM_EPS = 1e-8
"""Added to Adam's denominator, as torch.optim.Adam does."""


def check_share(what: str, value: float) -> float:
    """Return a factor that a memory of gradients decays by, or raise UsageError unless 0 <= value < 1."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1:
        raise UsageError(f"{what} is {value!r}: give a number from 0 to below 1")
    return float(value)


@dataclass(frozen=True, slots=True)
class Optimizer:
    """The optimizer of a run, with the settings that belong to it; others keep their defaults."""

    kind: str = "sgd"
    """One of OPTIMIZERS; `sgd` is plain gradient descent."""
    momentum: float = DEFAULT_MOMENTUM
    """Factor of the velocity, of `momentum` and `nesterov`."""
    betas: tuple[float, float] = DEFAULT_BETAS
    """Factors of the running means of the gradient and of its square, of `adam`."""

    def __post_init__(self) -> None:
        if self.kind not in OPTIMIZERS:
            raise UsageError(f"optimizer {self.kind!r} is unknown: choose from {', '.join(OPTIMIZERS)}")
        check_share("momentum", self.momentum)
        if len(self.betas) != 2:
            raise UsageError(f"betas are {' '.join(map(str, self.betas))}: give two, such as 0.9 0.999")
        for beta in self.betas:
            check_share("beta", beta)

    @classmethod
    def of(
        cls, kind: str, momentum: float | None = None, betas: tuple[float, float] | None = None
    ) -> Optimizer:
        """Return an optimizer with what belongs to it of these settings; None is the default."""
        has_momentum, has_betas = kind in WITH_MOMENTUM, kind == "adam"
        return cls(
            kind,
            momentum if has_momentum and momentum is not None else DEFAULT_MOMENTUM,
            betas if has_betas and betas is not None else DEFAULT_BETAS,
        )

    @property
    def is_plain(self) -> bool:
        """True if an update follows from the present gradient alone."""
        return self.kind == "sgd"

    @property
    def is_adaptive(self) -> bool:
        """True if each parameter has a step size of its own."""
        return self.kind == "adam"

    @property
    def in_torch(self) -> str:
        """The optimizer in the words of torch.optim, as Markdown."""
        if self.kind == "momentum":
            return f"`SGD(momentum={self.momentum:g})`"
        if self.kind == "nesterov":
            return f"`SGD(momentum={self.momentum:g}, nesterov=True)`"
        return "`SGD` without momentum" if self.is_plain else "`Adam(betas=({:g}, {:g}))`".format(*self.betas)

    def to_json(self) -> dict[str, Any]:
        """Return the kind and what belongs to it, as `optimizer_from_json` takes it."""
        if self.kind in WITH_MOMENTUM:
            return {"kind": self.kind, "momentum": self.momentum}
        return {"kind": self.kind, "betas": list(self.betas)} if self.kind == "adam" else {"kind": self.kind}

    def __str__(self) -> str:
        if self.kind in WITH_MOMENTUM:
            return f"{self.kind} {self.momentum:g}"
        if self.betas != DEFAULT_BETAS:
            return f"{self.kind} {self.betas[0]:g} {self.betas[1]:g}"
        return self.kind


def optimizer_from_json(record: Mapping[str, Any]) -> Optimizer:
    """Read what `Optimizer.to_json` gave. Raises a built-in error or UsageError on bad values."""
    values = dict(record)
    if "betas" in values:
        first, second = values["betas"]
        values["betas"] = check_share("beta", first), check_share("beta", second)
    if "momentum" in values:
        values["momentum"] = check_share("momentum", values["momentum"])
    return Optimizer(**values)


SGD = Optimizer()
