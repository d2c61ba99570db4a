"""One epoch of all runs on one device: the hot path, and nothing else.

The parameters of all R runs stand one below the other in one matrix (R * C, D + 1), weights and bias
of each class, sigmoid heads first, so that one pass over the data serves every run: `sparse_pass` over
values that are mostly zero on a processor, `dense_pass` over all others. For N samples and the cross
entropy L, an epoch is

    parameters -= rate * (dL/dparameters / N + 2 * l2 * parameters)

On a processor the rows are cut into blocks that threads take in turn, each computing with one
thread of its own; what the blocks give is added in their order. Blocks and layout follow from the
runs and the data alone, so that the same history of calls gives the same bits whatever the number
of threads and however busy the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor

from logreg_tui.core.data.dataset import Dataset
from logreg_tui.core.data.inputs import Inputs
from logreg_tui.core.engine.blocks import SampleBlocks
from logreg_tui.core.engine.dense_pass import DensePass
from logreg_tui.core.engine.full_batch_pass import FullBatchPass
from logreg_tui.core.engine.gpu.choice import EAGER, FUSED, THREE_PARTS, EngineChoice
from logreg_tui.core.engine.gpu.cuda_graphs import GraphCache
from logreg_tui.core.engine.gpu.fused_pass import FusedConfiguration, FusedPass
from logreg_tui.core.engine.gpu.interval import DeviceInterval
from logreg_tui.core.engine.gpu.parts_pass import PartsPass
from logreg_tui.core.engine.process_group import ALONE, ProcessGroup
from logreg_tui.core.engine.storage import StorageLayout, choose_storage
from logreg_tui.core.engine.thread_team import ThreadTeam
from logreg_tui.core.heads import SIGMOID
from logreg_tui.core.text import describe

VERSIONS = {"sparse": 2, "dense": 3, "eager": 3, "graph": 3, "fused": 1}
"""Another version may round otherwise; written into checkpoints beside the engine's name."""
FIRST_STRIDE, LONGEST_STRIDE = 10, 100
"""Epochs on a GPU between two looks at what was asked for: before one was timed, and at most."""
STRIDE_S = 0.05
"""Seconds that a stride is to take at most: what is asked for meanwhile waits for its end."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """The measured values of one run on one set of parameters; plain numbers."""

    train_loss: float
    l2_penalty: float
    test_loss: float
    train_accuracy: float
    test_accuracy: float


@dataclass(slots=True)
class _Slot:
    """One run in the matrix."""

    head: str
    l2: float
    parameters: Tensor  # (C, D + 1), a view of the matrix: weight, then bias
    snapshot: Tensor


class Engine:
    """The parameters of all runs and the two operations on them: `advance` and `measure`."""

    def __init__(
        self,
        dataset: Dataset,
        device: torch.device,
        threads: int = 1,
        *,
        memory_limit: int | None = None,
        ranks: ProcessGroup = ALONE,
        progress: Callable[[str], None] = lambda text: None,
    ) -> None:
        """Move the data to the device; `threads` of the processor train if that is the device.

        On a CUDA GPU it is the eager engine until `use` makes it another. What takes more than
        `memory_limit` bytes and lies on disk is read anew at every pass. Of several ranks each computes
        on its part of the rows. `progress` is told if kernels have to be compiled first.
        Raises torch.OutOfMemoryError if the data do not fit.
        """
        self.device = device
        self.classes = dataset.classes
        self.features = dataset.train_inputs.shape[1]
        self.ranks = ranks
        self.counts = len(dataset.train_inputs), len(dataset.test_inputs)
        """Samples of training and test, those of all ranks."""
        self._team = ThreadTeam(threads if device.type == "cpu" else 1)
        train, test = (ranks.part(Inputs.of(i)) for i in (dataset.train_inputs, dataset.test_inputs))
        self.storage = choose_storage([train, test], device, self._team, memory_limit)
        self._kernel: Callable[..., None] | None = None
        if self.storage.is_sparse:
            try:
                self._kernel = _compiled(self.storage, progress)
            # A processor or a NumPy that this Numba does not know; it raises whatever it comes across.
            except Exception as error:
                progress(f"Numba cannot be used ({describe(error)}): training takes several times as long")
                self.storage = choose_storage(
                    [train, test], device, self._team, memory_limit, may_be_sparse=False
                )
        self._train = self._samples(train, ranks.part(dataset.train_labels), has_gradient=True)
        self._test = self._samples(test, ranks.part(dataset.test_labels), has_gradient=False)
        kind = EAGER if device.type == "cuda" else "sparse" if self.storage.is_sparse else "dense"
        self.choice = EngineChoice(kind)
        """The engine that this one is; another by `use`."""
        self._graphs: GraphCache | None = None
        self.is_cancelled: Callable[[], bool] = lambda: False
        """Polled between blocks; if it returns True, a pass ends with Cancelled and changes nothing."""
        self.gradient_is_stale = True
        """True if the gradient is not that of the present parameters."""
        self._stride = FIRST_STRIDE
        self._under_way = 0
        """Epochs that `advance` was given and that nobody has waited for."""
        self._interval = DeviceInterval(device)
        self.waited_s = 0.0
        """Seconds that the last `measure` waited for the epochs before it."""
        self._slots: dict[int, _Slot] = {}
        self._lay_out({})

    def _samples(self, inputs: Inputs, labels: np.ndarray, *, has_gradient: bool) -> SampleBlocks[Any]:
        return SampleBlocks(inputs, labels, self.storage, self.device, self._team, has_gradient=has_gradient)

    def use(self, choice: EngineChoice) -> None:
        """Compute by another engine of a GPU from here on; parameters of the runs stay.

        Raises whatever compilers, libraries and memory raise if it cannot be used here.
        """
        self.choice = choice
        self._graphs = None if choice.name == EAGER else GraphCache(self)
        self._lay_out(self._slots)

    @property
    def graph_failure(self) -> str | None:
        """Why epochs are not replayed as CUDA graphs although they were to be; None if they are."""
        return None if self._graphs is None else self._graphs.failure

    @property
    def identity(self) -> str:
        """Name and version: the same history gives the same bits while they stay."""
        return f"{self.choice.name} {VERSIONS[self.choice.name]}"

    @property
    def longest_stride(self) -> int:
        """Epochs that `advance` is best given at once: many if each is short."""
        return self._stride if self.device.type == "cuda" and not self.storage.is_streamed else 1

    @property
    def runs(self) -> list[int]:
        """The numbers of the runs in the matrix, in the order of its rows."""
        return list(self._slots)

    def add(self, run: int, head: str, l2: float, weight: Tensor, bias: Tensor) -> None:
        """Let a run join with weight (classes, features) and bias (classes,)."""
        parameters = self._joined(weight, bias)
        self._lay_out({**self._slots, run: _Slot(head, l2, parameters, parameters)})

    def _joined(self, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.cat([weight, bias[:, None]], 1).to(self.device, torch.float32)

    def remove(self, run: int) -> None:
        """Take a run out of the matrix."""
        self._lay_out({number: slot for number, slot in self._slots.items() if number != run})

    def set_head(self, run: int, head: str) -> None:
        """Switch the head of a run; its parameters are kept."""
        self._slots[run].head = head
        self._lay_out(self._slots)

    def set_l2(self, run: int, l2: float) -> None:
        """Change the lambda of a run: only the update is concerned, the gradient stays valid."""
        self._slots[run].l2 = l2
        self._set_decay()

    def _lay_out(self, slots: Mapping[int, _Slot]) -> None:
        """Build the matrix anew: sigmoid heads first, each group in the order of run numbers."""
        order = sorted(slots, key=lambda run: (slots[run].head != SIGMOID, run))
        rows = len(order) * self.classes
        matrix = torch.zeros(rows, self.features + 1, device=self.device)
        for row, run in zip(range(0, rows, self.classes), order, strict=True):
            matrix[row : row + self.classes] = slots[run].parameters
        parts = torch.split(matrix, self.classes) if order else ()
        self._slots = {
            run: replace(slots[run], parameters=part) for run, part in zip(order, parts, strict=True)
        }
        self._parameters = matrix
        self._copies: dict[int, Tensor] | None = None
        """Copies of the present parameters by run, once one was asked for."""
        self._decay = torch.zeros(rows, 1, device=self.device)
        self._table: list[list[float]] = []
        """The learning rates of the last call of `advance`, negative: most often those of the next."""
        self._full_pass = self._new_pass(self.choice)
        self._gradient = self._full_pass.new_gradient(matrix)
        # Several processes leave together, between two passes.
        self._full_pass.is_cancelled = lambda: self.ranks.size == 1 and self.is_cancelled()
        self._set_decay()
        self.gradient_is_stale = True
        if self._graphs is not None:
            self._graphs.forget()

    def _new_pass(self, choice: EngineChoice) -> FullBatchPass[Any]:
        runs = len(self._slots)
        sigmoid_runs = sum(slot.head == SIGMOID for slot in self._slots.values())
        shape = self.storage, runs, sigmoid_runs, self.classes
        if choice.name == FUSED:
            parameters: dict[str, Any] = dict(choice.parameters)
            return FusedPass(*shape, self.counts[0], self.device, FusedConfiguration(**parameters))
        if self._kernel is None:
            kind = PartsPass if choice.parameters.get("parts") == THREE_PARTS else DensePass
            return kind(*shape, self.device, self._team, self.counts[0])
        from logreg_tui.core.engine.sparse_pass import SparsePass

        return SparsePass(*shape, self._kernel, self._team, self.counts[0])

    def _set_decay(self) -> None:
        """Fill the decay of each row of the matrix, in place: graphs that use it stay valid."""
        decays = torch.tensor([2 * slot.l2 for slot in self._slots.values()], dtype=torch.float32)
        self._decay.copy_(decays.repeat_interleave(self.classes)[:, None])

    def measure(self) -> dict[int, Measurement]:
        """Measure all runs on their present parameters, and compute the gradient on the way."""
        if not self._slots:
            return {}
        called_at = perf_counter()
        with self._interval:
            metrics = self.measure_on_device() if self._graphs is None else self._graphs.measure()
        measured = self._measurements(metrics)
        self.waited_s = self._interval.waited_since(called_at)
        self._note_end(called_at + self.waited_s)
        return measured

    def measure_eagerly(self) -> dict[int, Measurement]:
        """Measure all runs by the eager engine, to hold the figures of another against it."""
        reference = self._new_pass(EngineChoice(EAGER))
        reference.set_parameters(self._parameters)
        return self._measurements(
            self._metrics(reference.metrics(self._train), reference.metrics(self._test))
        )

    def _measurements(self, metrics: Tensor) -> dict[int, Measurement]:
        self.ranks.settle(self.device)
        # One transfer from the device; it waits for the epochs before as well.
        rows = metrics.tolist()
        return {
            run: Measurement(train_loss, slot.l2 * squares, test_loss, train_accuracy, test_accuracy)
            for (run, slot), train_loss, train_accuracy, test_loss, test_accuracy, squares in zip(
                self._slots.items(), *rows, strict=True
            )
        }

    def measure_on_device(self) -> Tensor:
        """Return loss and accuracy of training and of test, and the squares, shape (5, runs).

        Computes the gradient on the way, and waits for nothing.
        """
        self._full_pass.set_parameters(self._parameters)
        train = self._full_pass.metrics_and_gradient(self._train, self._gradient)
        self._complete_gradient()
        return self._metrics(train, self._full_pass.metrics(self._test))

    def _metrics(self, train: Tensor, test: Tensor) -> Tensor:
        """Return what sums of losses and correct answers, (2, R) of this rank's rows, come to, (5, R)."""
        metrics = torch.cat([train / self.counts[0], test / self.counts[1]])
        squares = self._squares(metrics.dtype)
        # Rank 0's for all, so that every rank sees the same run diverge.
        figures = torch.cat([metrics, squares if self.ranks.rank == 0 else torch.zeros_like(squares)])
        self.ranks.all_reduce(figures)
        return figures

    def finish(self) -> None:
        """Wait until the epochs that `advance` was given are computed."""
        if self._under_way:
            self.ranks.settle(self.device)
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)
        self._note_end(perf_counter())

    def _note_end(self, ended_at: float) -> None:
        """Take note of when the epochs that `advance` was given were computed."""
        if self._under_way:
            self._stride = stride_of((ended_at - self._advanced_at) / self._under_way)
            self._under_way = 0

    def _squares(self, dtype: torch.dtype) -> Tensor:
        """Return the sum of squared parameters of each run, shape (1, runs).

        Infinite ones with lambda 0 give nan as the penalty, which tells of the divergence.
        """
        return self._parameters.to(dtype).square().view(1, len(self._slots), -1).sum(2)

    def _complete_gradient(self) -> None:
        """Add what the other processes found on their rows."""
        self.ranks.all_reduce(self._gradient)
        self.gradient_is_stale = False

    def advance(self, rates: Sequence[Mapping[int, float]]) -> None:
        """Update every run by plain gradient descent, once for each element of `rates`.

        Each maps runs to learning rates. The gradient of the L2 term, 2 * l2 * parameter, is added here.
        """
        # A GPU computes while the host goes on: without this it would fall behind by many strides.
        self.finish()
        table = [[-of_epoch[run] for run in self._slots] for of_epoch in rates]
        if table != self._table:
            self._table, self._negative_rates = table, self._per_row(table)
        self._advanced_at = perf_counter()
        self._copies = None
        with self._whole_or_not_at_all(len(rates)):
            if self._graphs is None:
                self.gradient_step(self._negative_rates)
            else:
                self._graphs.gradient_step(self._negative_rates)
        self._under_way = len(rates)

    def _per_row(self, table: list[list[float]]) -> Tensor:
        """Return values of each epoch and run on the device, shape (epochs, runs * classes, 1)."""
        # From pinned memory the copy makes nobody wait for the epochs that are still being computed.
        values = torch.tensor(table, dtype=torch.float32, pin_memory=self.device.type == "cuda")
        return values.to(self.device, non_blocking=True).repeat_interleave(self.classes, 1)[:, :, None]

    @contextmanager
    def _whole_or_not_at_all(self, epochs: int) -> Iterator[None]:
        """Undo the epochs before the one that was cancelled, or whose data could not be read."""
        # A single one changes parameters last.
        before = self._parameters.clone() if epochs > 1 else self._parameters
        try:
            yield
        except BaseException:
            if epochs > 1:
                self._parameters.copy_(before)
                self.gradient_is_stale = True
            raise

    def gradient_step(self, negative_rates: Tensor) -> Tensor:
        """Take one step for each of the rates, shape (epochs, runs * classes, 1), negative.

        Returns the matrix of parameters, which it has changed.
        """
        are_taken = False
        for rate in negative_rates:
            if self.gradient_is_stale:
                if not are_taken:
                    self._full_pass.set_parameters(self._parameters)
                self._full_pass.gradient(self._train, self._gradient)
                self._complete_gradient()
            are_taken = self._full_pass.update(self._parameters, self._gradient, self._decay, rate)
            self.gradient_is_stale = True
        return self._parameters

    def read_gradient(self) -> Tensor:
        """Return the gradient of the mean cross entropy that was computed last, (runs * classes, D + 1)."""
        gradient, none = torch.zeros_like(self._parameters), torch.zeros_like(self._decay)
        # Only the pass knows its shape: an update of zeros by a rate of 1 says it, but for the sign.
        self._full_pass.update(gradient, self._gradient, none, none - 1)
        self.gradient_is_stale = True
        return gradient.neg_()

    @contextmanager
    def restoring_parameters(self) -> Iterator[Tensor]:
        """Undo afterwards what is done to the parameters, which it yields as one matrix, and the gradient."""
        before = self._parameters.clone(), self._gradient.clone(), self.gradient_is_stale
        try:
            yield self._parameters
        finally:
            self._parameters.copy_(before[0])
            self._gradient.copy_(before[1])
            self.gradient_is_stale = before[2]

    def snapshot(self, run: int) -> None:
        """Remember the parameters of a run as its last finite ones."""
        if self._copies is None:
            # One copy for all runs: most have a row at the same step.
            parts = torch.split(self._parameters.clone(), self.classes)
            self._copies = dict(zip(self._slots, parts, strict=True))
        self._slots[run].snapshot = self._copies[run]

    def set_snapshot(self, run: int, weight: Tensor, bias: Tensor) -> None:
        """Set what `snapshot` remembers: weight (classes, features) and bias (classes,)."""
        self._slots[run].snapshot = self._joined(weight, bias)

    def snapshot_parameters(self, run: int) -> tuple[Tensor, Tensor]:
        """Return copies of the parameters that `snapshot` remembered, on the CPU."""
        return _weight_and_bias(self._slots[run].snapshot)

    def rollback(self, run: int) -> None:
        """Give a run the parameters that `snapshot` remembered."""
        slot = self._slots[run]
        slot.parameters.copy_(slot.snapshot)
        self._copies = None
        self.gradient_is_stale = True

    def parameters(self, run: int) -> tuple[Tensor, Tensor]:
        """Return copies of weight (classes, features) and bias (classes,) on the CPU."""
        return _weight_and_bias(self._slots[run].parameters)


def _compiled(storage: StorageLayout, progress: Callable[[str], None]) -> Callable[..., None]:
    """Return the kernel for inputs that are kept so. Raises whatever Numba raises if it cannot."""
    # Imported on the thread that trains, and only if it is used.
    from logreg_tui.core.engine.kernels import compiled_pass

    return compiled_pass(storage.index, storage.values, progress)


def _weight_and_bias(parameters: Tensor) -> tuple[Tensor, Tensor]:
    """Return weight and bias as copies on the CPU."""
    both = parameters.cpu()
    return both[:, :-1].clone(memory_format=torch.contiguous_format), both[:, -1].clone()


def stride_of(epoch_s: float) -> int:
    """Return how many epochs of so many seconds fit into STRIDE_S: at least 1, at most LONGEST_STRIDE."""
    return max(1, min(LONGEST_STRIDE, int(STRIDE_S / max(epoch_s, 1e-9))))


def data_bytes(dataset: Dataset) -> int:
    """Return what the engine keeps of the data on its device, in bytes."""
    samples = len(dataset.train_inputs) + len(dataset.test_inputs)
    return samples * (4 * int(dataset.train_inputs.shape[1]) + 4 * dataset.classes + 8)
