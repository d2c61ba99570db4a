"""Full-batch passes by the fused kernels: all that an epoch does are two launches.

The gradient stays the partial sums of the programs that computed it, shape (R, P, K + 1, N): of R runs and
P programs each, for K kept features and the bias, and N outputs of which C are real. The update adds them up.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from logreg_tui.core.engine.blocks import ByteBlock, SampleBlocks
from logreg_tui.core.engine.folding import Folding
from logreg_tui.core.engine.full_batch_pass import FullBatchPass
from logreg_tui.core.engine.gpu.choice import LEAST_CAPABILITY
from logreg_tui.core.engine.storage import GPU_ROWS, StorageLayout
from logreg_tui.core.text import describe

OUTPUTS, CHUNK = 16, 8
"""N, and the features that a program of the update handles."""
MOST_FEATURES = 1024
"""Kept features whose gradient fits into a program's registers."""
LEAST_TRITON = (3, 3, 1)
PARTS = "fp16x2"
MOST_BLOCK_FEATURES = 128
"""Features that a product takes at once."""
UPDATE_WARPS, PROGRAMS_AT_ONCE = 4, 32

Launcher = Callable[..., None]


@dataclass(frozen=True, slots=True)
class FusedConfiguration:
    """The settings that the kernel's bits depend on, beside the card."""

    programs: int
    """Programs of all runs together: as many as the card has multiprocessors."""
    block_rows: int = 128
    warps: int = 8
    stages: int = 1
    parts: str = PARTS
    """Parts that weights and output gradients are split into for products."""

    @classmethod
    def of(cls, device: torch.device) -> FusedConfiguration:
        """Return the one for a GPU."""
        return cls(torch.cuda.get_device_properties(device).multi_processor_count)


def fused_obstacle(storage: StorageLayout, classes: int, device: torch.device, ranks: int) -> str | None:
    """Return why the kernels cannot be used, in words that follow a colon; None if nothing is against it.

    Whether they compile and run is for trying to show.
    """
    if device.type != "cuda" or torch.version.hip is not None:
        return f"it needs a CUDA GPU, not {'ROCm' if device.type == 'cuda' else device}"
    if ranks > 1:
        return "it is for a single process"
    if not storage.are_bytes:
        return "it needs inputs that are integers from 0 to 255"
    if storage.is_streamed:
        return "it needs data that fit into the memory of the GPU"
    features = len(storage.columns)
    if not 0 < features <= MOST_FEATURES:
        return f"it takes 1 to {MOST_FEATURES:,} features that are not zero everywhere, not {features:,}"
    if classes > OUTPUTS:
        return f"it takes up to {OUTPUTS} classes, not {classes:,}"
    capability = torch.cuda.get_device_capability(device)
    if capability < LEAST_CAPABILITY:
        return "it needs compute capability {}.{}, not {}.{}".format(*LEAST_CAPABILITY, *capability)
    return _triton_obstacle()


def _triton_obstacle() -> str | None:
    if os.environ.get("TRITON_INTERPRET", "0") not in ("", "0"):
        return "TRITON_INTERPRET is set"
    try:
        import triton
    # A damaged installation raises whatever it comes across.
    except Exception as error:
        return f"Triton cannot be imported ({describe(error)})"
    if tuple(map(int, re.findall(r"\d+", triton.__version__)[:3])) < LEAST_TRITON:
        return f"it needs Triton {'.'.join(map(str, LEAST_TRITON))}, not {triton.__version__}"
    return None


class FusedPass(FullBatchPass[ByteBlock]):
    """Passes over one block of bytes, for up to 16 classes and 1,024 kept features."""

    def __init__(
        self,
        storage: StorageLayout,
        runs: int,
        sigmoid_runs: int,
        classes: int,
        count: int,
        device: torch.device,
        configuration: FusedConfiguration,
    ) -> None:
        """Make room and load the kernels, compiled if need be, for gradients averaged over `count` samples.

        Nothing is allocated after this. Raises whatever Triton and the driver raise.
        """
        super().__init__()
        self._configuration, self._device = configuration, device
        self._runs, self._sigmoid_runs, self._count = runs, sigmoid_runs, count
        self._features, self._stride = len(storage.columns), storage.byte_width
        self._width = storage.features + 1
        # More programs than blocks of rows would have nothing to do.
        blocks = math.ceil(count / configuration.block_rows)
        self._programs = max(1, min(configuration.programs // max(1, runs), blocks))
        chunks = math.ceil((self._features + 1) / CHUNK)
        folding = Folding(storage, device)
        self._scale = torch.ones(self._features, device=device) if folding.scale is None else folding.scale
        # That of features that are not kept is 0: they are constant where the scaling was found.
        self._offset = None if folding.offset is None else folding.offset[folding.used]
        is_kept = torch.zeros(self._width, dtype=torch.bool)
        is_kept[storage.columns] = is_kept[-1] = True
        kept = torch.from_numpy(storage.columns), torch.tensor([storage.features])
        self._columns = torch.cat([*kept, (~is_kept).nonzero()[:, 0]]).to(device, torch.int32)
        self._weights = self._zeros(runs, self._stride, OUTPUTS)
        self._bias_parts = self._zeros(runs, chunks, OUTPUTS, dtype=torch.float64)
        self._maxima = self._zeros(runs, chunks)
        self._partial_metrics = self._zeros(runs, self._programs, 2, dtype=torch.float64)
        # Of passes with a gradient, and of those without.
        self._metrics = [self._zeros(runs, 2, dtype=torch.float64) for _ in range(2)]
        if runs:
            self._load(classes, chunks)

    def _zeros(self, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.zeros(*shape, dtype=dtype, device=self._device)

    def _load(self, classes: int, chunks: int) -> None:
        # Not where Triton is missing.
        from logreg_tui.core.engine.gpu import fused_kernels as kernels

        capability, configuration = torch.cuda.get_device_capability(self._device), self._configuration
        shape = {
            "FEATURES": self._features,
            "STRIDE": self._stride,
            "CLASSES": classes,
            "CHUNKS": chunks,
        }
        has_offset = self._offset is not None
        assert GPU_ROWS % configuration.block_rows == 0, "rows are padded for it"
        assert configuration.parts == PARTS, "there is no other kernel"
        block_features = min(MOST_BLOCK_FEATURES, max(16, _power_of_two(self._stride)))
        of_pass = {
            **shape,
            "MAXIMA": _power_of_two(chunks),
            "BIAS_PARTS": _power_of_two(chunks) if has_offset else 1,
            "BLOCK_ROWS": configuration.block_rows,
            "BLOCK_FEATURES": block_features,
            "FEATURE_BLOCKS": math.ceil(self._stride / block_features),
        }
        of_update = {**shape, "PROGRAMS_AT_ONCE": PROGRAMS_AT_ONCE, "HAS_OFFSET": has_offset}
        update_programs = math.ceil(self._width / CHUNK)

        def pass_launcher(*, has_gradient: bool, has_metrics: bool) -> Launcher:
            return kernels.launcher(
                kernels.full_batch_pass,
                {**of_pass, "HAS_GRADIENT": has_gradient, "HAS_METRICS": has_metrics},
                capability,
                configuration.warps,
                configuration.stages,
                (self._programs, self._runs),
            )

        def update_launcher(*, has_step: bool) -> Launcher:
            return kernels.launcher(
                kernels.update,
                {**of_update, "HAS_STEP": has_step},
                capability,
                UPDATE_WARPS,
                1,
                (update_programs, self._runs),
            )

        self._launch_pass = {
            (True, False): pass_launcher(has_gradient=True, has_metrics=False),
            (True, True): pass_launcher(has_gradient=True, has_metrics=True),
            (False, True): pass_launcher(has_gradient=False, has_metrics=True),
        }
        self._launch_update = {has_step: update_launcher(has_step=has_step) for has_step in (True, False)}

    def set_parameters(self, parameters: Tensor) -> None:
        """Prepare the weights of the next passes from parameters, shape (R * C, D + 1)."""
        # What a step takes is not looked at.
        self._update(parameters, self._weights, self._weights, self._weights, has_step=False)

    def update(self, parameters: Tensor, gradient: Tensor, decay: Tensor, negative_rate: Tensor) -> bool:
        """Take a step in place, and the parameters that it leads to as `set_parameters` does."""
        self._update(parameters, gradient, decay, negative_rate, has_step=True)
        return True

    def parameter_gradient(self, parameters: Tensor, gradient: Tensor) -> Tensor:
        """Return the gradient, (R * C, D + 1): only the kernel of the update adds up the partial sums."""
        # A step from zeros by a rate of 1 is the gradient, but for the sign.
        result, no_decay = torch.zeros_like(parameters), torch.zeros_like(parameters[:, :1])
        self._update(result, gradient, no_decay, no_decay - 1, has_step=True)
        return result.neg_()

    def _update(
        self, parameters: Tensor, gradient: Tensor, decay: Tensor, negative_rate: Tensor, *, has_step: bool
    ) -> None:
        if not self._runs:
            return
        self._launch_update[has_step](
            parameters,
            gradient,
            decay,
            negative_rate,
            self._columns,
            self._scale,
            self._bias_parts if self._offset is None else self._offset,
            self._weights,
            self._bias_parts,
            self._maxima,
            self._width,
            self._programs,
            float(self._count),
        )

    def new_gradient(self, parameters: Tensor) -> Tensor:
        """Return room for the partial sums of all programs, shape (R, P, K + 1, N)."""
        return self._zeros(self._runs, self._programs, self._features + 1, OUTPUTS)

    def gradient(self, samples: SampleBlocks[ByteBlock], out: Tensor) -> None:
        """Fill the partial sums of the gradient of the summed cross entropy."""
        self._pass(samples, out, has_metrics=False)

    def metrics_and_gradient(self, samples: SampleBlocks[ByteBlock], out: Tensor) -> Tensor:
        """Do the same, and return the sums of losses and of correct answers, (2, R), valid until the next."""
        self._pass(samples, out, has_metrics=True)
        return self._summed_metrics(0)

    def metrics(self, samples: SampleBlocks[ByteBlock]) -> Tensor:
        """Return the sums of losses and of correct answers, shape (2, R), valid until the next."""
        self._pass(samples, None, has_metrics=True)
        return self._summed_metrics(1)

    def _summed_metrics(self, which: int) -> Tensor:
        return torch.sum(self._partial_metrics, 1, out=self._metrics[which]).t()

    def _pass(self, samples: SampleBlocks[ByteBlock], gradient: Tensor | None, *, has_metrics: bool) -> None:
        if not self._runs:
            return
        with samples.reading() as block_of:
            block = block_of(0)
        assert len(samples.block_bounds) == 1, "all samples are one block"
        self._launch_pass[gradient is not None, has_metrics](
            block.inputs,
            block.labels,
            self._weights,
            self._bias_parts,
            self._maxima,
            # Without a gradient nothing is written there.
            self._weights if gradient is None else gradient,
            self._partial_metrics,
            len(block.inputs) // self._configuration.block_rows,
            self._sigmoid_runs,
        )


def _power_of_two(number: int) -> int:
    """Return the next power of two that is not smaller."""
    return 1 << (number - 1).bit_length()
