"""Compile the fused kernels for every card, print what they need of it; for test_fused_kernels.py.

It needs a process of its own: other tests hide Triton. Nothing is loaded, so that no GPU is needed.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
import triton
from helpers.fused import fused_pass

from logreg_tui.core.data.inputs import Scaling
from logreg_tui.core.engine.gpu import fused_kernels
from logreg_tui.core.engine.storage import StorageLayout

CUOBJDUMP = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
CARDS = ((8, 0), (8, 6), (8, 9), (9, 0), (10, 0), (12, 0))
MNIST = 717, 10, CARDS
LARGEST = 1024, 16, ((8, 0), (9, 0))
"""Kept features, classes, and the cards to compile for: those with the fewest registers to spare."""


@contextmanager
def not_loaded(capability: tuple[int, int], kernels: list[Any]) -> Iterator[None]:
    """Compile for a card that is not here, and note what was compiled."""
    compiled = fused_kernels.compiled

    class NotLoaded:
        def __init__(self, kernel: Any, constants: tuple[tuple[str, int], ...], *others: Any) -> None:  # noqa: ANN401
            kernels.append((dict(constants), compiled(kernel, constants, *others)))

        def __getitem__(self, grid: tuple[int, ...]) -> None:
            assert len(grid) == 3

    with (
        patch.object(fused_kernels, "compiled", NotLoaded),
        patch.object(torch.cuda, "get_device_capability", lambda device: capability),
    ):
        yield


def resources(kernel: Any) -> dict[str, int]:  # noqa: ANN401
    """Return what a kernel needs for each thread and program."""
    with NamedTemporaryFile(suffix=".cubin") as file:
        file.write(kernel.asm["cubin"])
        file.flush()
        text = subprocess.run(
            [CUOBJDUMP, "-res-usage", file.name], capture_output=True, text=True, check=True
        ).stdout
    found = {name.lower(): int(value) for name, value in re.findall(r"\b([A-Z]+):(\d+)", text)}
    return {
        "registers": found["reg"],
        "spilled": found["stack"] + found["local"],
        "shared_memory": kernel.metadata.shared,
        "warps": kernel.metadata.num_warps,
    }


def main() -> None:
    """Print one line of JSON for each kernel."""
    for features, classes, cards in (MNIST, LARGEST):
        # Standardized, for which the kernels have the most to do.
        scaling = Scaling(np.ones(features), np.full(features, 2.0))
        storage = StorageLayout(features, np.arange(features), scaling=scaling, values=np.dtype(np.uint8))
        for capability in cards:
            kernels: list[Any] = []
            with not_loaded(capability, kernels):
                fused_pass(storage, ("sigmoid", "logits"), classes, 60_000, 132)
            for constants, kernel in kernels:
                flags = [name for name in ("HAS_GRADIENT", "HAS_METRICS", "HAS_STEP") if constants.get(name)]
                name = " ".join([kernel.name, *flags]).lower()
                case = {
                    "features": features,
                    "classes": classes,
                    "capability": capability,
                    "kernel": name,
                }
                print(json.dumps({**case, **resources(kernel)}), flush=True)


if __name__ == "__main__":
    main()
