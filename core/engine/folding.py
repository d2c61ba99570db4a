"""`--pixels` folded into the weights, so that one stored form of the inputs serves every scaling.

Inputs x = (v - shift) * scale of stored values v need no copy of their own; features that are constant in
training have scale 0. With V (B, D) the stored values, W (P, D) and b (P,) the parameters, G (B, P) the
gradient at the outputs:

    X W^T + b = V (W * scale)^T + (b - W (shift * scale))
    dL/dW = (G^T V) * scale - (1^T G)^T (shift * scale)
    dL/db = 1^T G
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from logreg_tui.core.engine.storage import StorageLayout


class Folding:
    """Between the parameters and the weights of the stored values, those of the kept features alone."""

    def __init__(self, storage: StorageLayout, device: torch.device) -> None:
        self.used = torch.from_numpy(storage.columns).to(device)
        """Numbers of the kept features, shape (U,)."""
        self.scale: Tensor | None = None
        """Shape (U,), float32; None if all are 1."""
        self.offset: Tensor | None = None
        """shift * scale of all features, shape (D,); None if all are 0."""
        # Apple's GPUs have no float64.
        self._exact = torch.float32 if device.type == "mps" else torch.float64
        if storage.scaling is None:
            return
        scale = np.zeros(storage.features)
        divisor = storage.scaling.divisor
        np.divide(1.0, divisor, out=scale, where=divisor != 0)
        self.scale = torch.from_numpy(scale[storage.columns].astype(np.float32)).to(device)
        offset = scale * storage.scaling.shift
        if offset.any():
            self.offset = torch.from_numpy(offset).to(self._exact).to(device)

    def weights(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """Return weights (P, U) and bias (P,) for the stored values of parameters (P, D + 1)."""
        weight, bias = parameters[:, :-1], parameters[:, -1]
        used = weight.index_select(1, self.used)
        if self.scale is not None:
            used *= self.scale
        if self.offset is not None:
            bias = (bias.to(self._exact) - weight.to(self._exact) @ self.offset).float()
        return used, bias

    def fill_gradient(self, used: Tensor, bias: Tensor, gradient: Tensor) -> None:
        """Fill the gradient (P, D + 1) from that of weights (P, U) and bias (P,) of the stored values."""
        if self.scale is not None:
            used = used * self.scale
        if gradient.shape[1] > len(self.used) + 1:
            gradient.zero_()
        gradient[:, -1] = bias
        gradient.index_copy_(1, self.used, used)
        if self.offset is not None:
            gradient[:, :-1].sub_(torch.outer(bias.to(self._exact), self.offset))
