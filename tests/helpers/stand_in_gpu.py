"""What stands in for a GPU where there is none: its products, and tensors that have no values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from logreg_tui.core.engine.gpu.cuda_graphs import GraphCache

GPU = torch.device("cuda", 0)
NOT_LAUNCHED = {
    "prim.device",
    *(f"aten.{name}" for name in ("alias", "expand", "select", "slice", "t", "transpose", "unbind", "view")),
    *(f"aten.{name}" for name in ("_unsafe_view", "empty", "empty_like", "lift_fresh", "split", "unsqueeze")),
}
"""Functions of PyTorch that start no kernel."""


def emulated_product(a: Tensor, b: Tensor, out: Tensor) -> None:
    """Do on a processor what `parts_pass.product` does: operands are bfloat16, sums are float32."""
    assert a.dtype == b.dtype == torch.bfloat16
    assert out.dtype == torch.float32
    # The product of two numbers of 8 bits is exact in float32.
    torch.mm(a.float(), b.float(), out=out)


class Launches(TorchDispatchMode):
    """Counts the functions of PyTorch that would start a kernel, by name, and transfers to and from a GPU."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()
        self.transfers = 0

    def __torch_dispatch__(
        self,
        func: Callable[..., object],
        types: object,
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        name = str(func).rpartition(".")[0]
        result = func(*args, **(kwargs or {}))
        places = {tensor.device.type for tensor in (*args, result) if isinstance(tensor, Tensor)}
        self.transfers += name == "aten._local_scalar_dense" or len(places) > 1
        if name not in NOT_LAUNCHED:
            self.counts[name] += 1
        return result


@contextmanager
def fake_gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let tensors on `GPU` have type, shape and place but no values; a wrong call fails as on a GPU."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 0))
    with FakeTensorMode(allow_non_fake_inputs=True):
        yield


def without_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let engines with graphs compute without them."""
    monkeypatch.setattr(GraphCache, "gradient_step", lambda self, rates: self._engine.gradient_step(rates))
    monkeypatch.setattr(GraphCache, "measure", lambda self: self._engine.measure_on_device())
