"""The samples of a dataset on the device, and the passes over them that there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from logreg_tui.core.data.dataset import Dataset
from logreg_tui.core.data.inputs import Inputs
from logreg_tui.core.engine.blocks import SampleBlocks
from logreg_tui.core.engine.dense_pass import OUTPUT_VALUES, CsrPass, DensePass
from logreg_tui.core.engine.full_batch_pass import FullBatchPass
from logreg_tui.core.engine.gpu.choice import EAGER, FUSED, THREE_PARTS, EngineChoice
from logreg_tui.core.engine.gpu.fused_pass import FusedConfiguration, FusedPass
from logreg_tui.core.engine.gpu.parts_pass import PartsPass
from logreg_tui.core.engine.process_group import ProcessGroup
from logreg_tui.core.engine.storage import StorageLayout, choose_storage, free_memory
from logreg_tui.core.engine.thread_team import ThreadTeam
from logreg_tui.core.errors import UserError
from logreg_tui.core.memory import limit_text, size_text
from logreg_tui.core.text import counted, describe

MODEL_COPIES = 7
"""Arrays as large as the parameters, beside a sum for each thread."""
OUTPUT_COPIES = 6
"""Arrays as large as the outputs that are computed at once."""
PROGRAM_BYTES = 1 << 28
"""About what Python and PyTorch take: models that take no more are never refused."""


class DeviceData:
    """Training and test samples as they are kept on the device, of several ranks this one's part."""

    def __init__(
        self,
        dataset: Dataset,
        device: torch.device,
        threads: int,
        memory_limit: int | None,
        ranks: ProcessGroup,
        progress: Callable[[str], None],
    ) -> None:
        """Move the data to the device. Raises torch.OutOfMemoryError if they do not fit."""
        self.device = device
        self.classes = dataset.classes
        self.counts = len(dataset.train_inputs), len(dataset.test_inputs)
        """Samples of training and test, those of all ranks."""
        self._team = ThreadTeam(threads if device.type == "cpu" else 1)
        train, test = (ranks.part(Inputs.of(i)) for i in (dataset.train_inputs, dataset.test_inputs))
        self.storage = choose_storage([train, test], device, self._team, memory_limit)
        self._kernel: Callable[..., None] | None = None
        if self.storage.is_sparse and self.storage.is_compiled:
            try:
                self._kernel = _compiled(self.storage, progress)
            # A processor or a NumPy that this Numba does not know; it raises whatever it comes across.
            except Exception as error:
                progress(f"Numba cannot be used ({describe(error)}): training takes several times as long")
                self.storage = choose_storage(
                    [train, test], device, self._team, memory_limit, may_be_compiled=False
                )
        self.train = self._samples(train, ranks.part(dataset.train_labels), has_gradient=True)
        self.test = self._samples(test, ranks.part(dataset.test_labels), has_gradient=False)

    def _samples(self, inputs: Inputs, labels: np.ndarray, *, has_gradient: bool) -> SampleBlocks[Any]:
        return SampleBlocks(inputs, labels, self.storage, self.device, self._team, has_gradient=has_gradient)

    @property
    def plainest_choice(self) -> EngineChoice:
        """The engine that needs no trial: on a processor the only one."""
        if self.device.type == "cuda":
            return EngineChoice(EAGER)
        if not self.storage.is_sparse:
            return EngineChoice("dense")
        return EngineChoice("sparse" if self.storage.is_compiled else "csr")

    def new_pass(self, choice: EngineChoice, runs: int, sigmoid_runs: int) -> FullBatchPass[Any]:
        """Return passes over these samples for so many runs, of which those of sigmoid heads come first.

        Raises whatever compilers, libraries and memory raise if the engine cannot be used here.
        """
        shape = self.storage, runs, sigmoid_runs, self.classes
        if choice.name == FUSED:
            parameters: dict[str, Any] = dict(choice.parameters)
            return FusedPass(*shape, self.counts[0], self.device, FusedConfiguration(**parameters))
        if self.storage.is_sparse and not self.storage.is_compiled:
            return CsrPass(*shape, self.device, self._team, self.counts[0])
        if self._kernel is None:
            kind = PartsPass if choice.parameters.get("parts") == THREE_PARTS else DensePass
            return kind(*shape, self.device, self._team, self.counts[0])
        from logreg_tui.core.engine.processor.sparse_pass import SparsePass

        return SparsePass(*shape, self._kernel, self._team, self.counts[0])


def _compiled(storage: StorageLayout, progress: Callable[[str], None]) -> Callable[..., None]:
    """Return the kernel for inputs that are kept so. Raises whatever Numba raises if it cannot."""
    # Imported on the thread that trains, and only if it is used.
    from logreg_tui.core.engine.processor.kernels import compiled_pass

    return compiled_pass(storage.index, storage.values, progress)


def model_bytes(dataset: Dataset, runs: int, threads: int) -> int:
    """Return about what the models of runs take to train, in bytes, beside the data.

    Parameters, their gradient, the sum of each thread, and what an optimizer and a checkpoint keep; and for
    each thread the outputs of the rows that are computed at once.
    """
    samples, features = dataset.train_inputs.shape
    outputs = runs * dataset.classes
    # There may be more threads than work.
    of_parameters = 4 * outputs * (features + 1) * (MODEL_COPIES + min(threads, samples))
    of_rows = min(threads * max(OUTPUT_VALUES, outputs), outputs * samples)
    return of_parameters + 4 * of_rows * OUTPUT_COPIES


def check_model_memory(
    dataset: Dataset, runs: int, device: torch.device, threads: int, memory_limit: int | None
) -> None:
    """Raise UserError if the models of runs take more than `memory_limit` bytes; None is what is free."""
    threads = threads if device.type == "cpu" else 1
    needed, allowed = model_bytes(dataset, runs, threads), memory_limit or free_memory(device)
    if needed <= max(PROGRAM_BYTES, allowed):
        return
    limit, more = limit_text(allowed, memory_limit), "fewer runs, " if runs > 1 else ""
    shape = f"{dataset.classes:,} classes and {dataset.train_inputs.shape[1]:,} features"
    raise UserError(
        f"{counted(runs, 'run')} of {shape} {'takes' if runs == 1 else 'take'} about {size_text(needed)} of "
        f"memory beside the data, {limit}: use {more}fewer classes or fewer features"
    )


def data_bytes(dataset: Dataset) -> int:
    """Return what the engine keeps of the data on its device, in bytes: inputs and labels."""
    splits = [Inputs.of(inputs) for inputs in (dataset.train_inputs, dataset.test_inputs)]
    if splits[0].is_sparse:
        # By rows and by columns.
        return sum(2 * inputs.csr(0, len(inputs)).nbytes + 8 * len(inputs) for inputs in splits)
    of_value = 1 if all(inputs.are_bytes for inputs in splits) else 4
    return sum(len(inputs) * (of_value * inputs.shape[1] + 8) for inputs in splits)
