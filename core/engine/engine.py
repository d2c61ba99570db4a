"""One epoch of all runs on one device: the hot path, and nothing else.

The parameters of all R runs stand one below the other in one matrix (R * C, D + 1), weights and bias
of each class, sigmoid heads first, so that one pass over the data serves every run: `sparse_pass` over
values that are mostly zero on a processor, `dense_pass` over all others. For N samples and the cross
entropy L, an epoch is

    parameters -= rate * (dL/dparameters / N + 2 * l2 * parameters)

or what another optimizer makes of the same gradient, see `optimizer_step`.

On a processor the rows are cut into blocks that threads take in turn, each computing with one
thread of its own; what the blocks give is added in their order. Blocks and layout follow from the
runs and the data alone, so that the same history of calls gives the same bits whatever the number
of threads and however busy the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from logreg_tui.core.data.dataset import Dataset
from logreg_tui.core.engine.device_data import DeviceData
from logreg_tui.core.engine.gpu.choice import EAGER, EngineChoice
from logreg_tui.core.engine.gpu.cuda_graphs import GraphCache
from logreg_tui.core.engine.gpu.interval import DeviceInterval, Stride
from logreg_tui.core.engine.process_group import ALONE, ProcessGroup
from logreg_tui.core.engine.run_matrix import Measurement, RunMatrix, weight_and_bias
from logreg_tui.core.optimizers import SGD, Optimizer

VERSIONS = {"sparse": 2, "csr": 1, "dense": 3, "eager": 3, "graph": 3, "fused": 1}
"""Another version may round otherwise; written into checkpoints beside the engine's name."""


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
        self.ranks = ranks
        self.data = DeviceData(dataset, device, threads, memory_limit, ranks, progress)
        self.classes = dataset.classes
        self.features = dataset.train_inputs.shape[1]
        self.choice = self.data.plainest_choice
        """The engine that this one is; another by `use`."""
        self._graphs: GraphCache | None = None
        self.is_cancelled: Callable[[], bool] = lambda: False
        """Polled between blocks; if it returns True, a pass ends with Cancelled and changes nothing."""
        self.gradient_is_stale = True
        """True if the gradient is not that of the present parameters."""
        self._stride = Stride()
        self._interval = DeviceInterval(device)
        self.waited_s = 0.0
        """Seconds that the last `measure` waited for the epochs before it."""
        self._runs = RunMatrix(self.classes, self.features, device)
        self._lay_out()

    def use(self, choice: EngineChoice) -> None:
        """Compute by another engine of a GPU from here on; parameters of the runs stay.

        Raises whatever compilers, libraries and memory raise if it cannot be used here.
        """
        self.choice = choice
        self._graphs = None if choice.name == EAGER else GraphCache(self)
        self._lay_out()

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
        return self._stride.epochs if self.device.type == "cuda" and not self.data.storage.is_streamed else 1

    @property
    def runs(self) -> list[int]:
        """The numbers of the runs in the matrix, in the order of its rows."""
        self._runs.lay_out()
        return list(self._runs.slots)

    @property
    def adaptive_runs(self) -> list[int]:
        """The places in `runs` of those whose optimizer scales each step by its own past: Adam."""
        self._runs.lay_out()
        return [place for place, slot in enumerate(self._runs.slots.values()) if slot.optimizer.is_adaptive]

    def add(
        self,
        run: int,
        head: str,
        l2: float,
        weight: Tensor,
        bias: Tensor,
        optimizer: Optimizer = SGD,
        state: Mapping[str, Any] | None = None,
    ) -> None:
        """Let a run join with weight (classes, features) and bias (classes,).

        `state` is what `optimizer_state` gave, None before the first update. Raises ValueError if it does
        not fit.
        """
        self._runs.add(run, head, l2, weight, bias, optimizer, state)
        self._note_change_of_runs()

    def remove(self, run: int) -> None:
        """Take a run out of the matrix."""
        self._runs.remove(run)
        self._note_change_of_runs()

    def set_head(self, run: int, head: str) -> None:
        """Switch the head of a run; its parameters are kept."""
        self._runs.set_head(run, head)
        self._note_change_of_runs()

    def set_l2(self, run: int, l2: float) -> None:
        """Change the lambda of a run: only the update is concerned, the gradient stays valid."""
        self._runs.set_l2(run, l2)

    def _note_change_of_runs(self) -> None:
        # Laid out when it is used next: a thousand runs that join or leave at one step cost one layout.
        self._is_laid_out = False
        self.gradient_is_stale = True

    def _lay_out_again(self) -> None:
        if not self._is_laid_out:
            self._lay_out()

    def _lay_out(self) -> None:
        """Prepare passes for a matrix that is another, or another engine."""
        self._is_laid_out = True
        runs = self._runs
        self._table: list[list[tuple[float, ...]]] = []
        """Factors of each epoch of the last call of `advance`: most often those of the next."""
        self._full_pass = self.data.new_pass(self.choice, len(runs.slots), runs.sigmoid_runs)
        self._gradient = self._full_pass.new_gradient(runs.parameters)
        # Several processes leave together, between two passes.
        self._full_pass.is_cancelled = lambda: self.ranks.size == 1 and self.is_cancelled()
        self.gradient_is_stale = True
        if self._graphs is not None:
            self._graphs.forget()

    def measure(self) -> dict[int, Measurement]:
        """Measure all runs on their present parameters, and compute the gradient on the way."""
        if not self._runs.slots:
            return {}
        self._lay_out_again()
        called_at = perf_counter()
        with self._interval:
            metrics = self.measure_on_device() if self._graphs is None else self._graphs.measure()
        measured = self._measurements(metrics)
        self.waited_s = self._interval.waited_since(called_at)
        self._stride.end(called_at + self.waited_s)
        return measured

    def measure_eagerly(self) -> dict[int, Measurement]:
        """Measure all runs by the eager engine, to hold the figures of another against it."""
        runs, data = self._runs, self.data
        runs.lay_out()
        reference = data.new_pass(EngineChoice(EAGER), len(runs.slots), runs.sigmoid_runs)
        reference.set_parameters(self._runs.parameters)
        return self._measurements(self._metrics(reference.metrics(data.train), reference.metrics(data.test)))

    def _measurements(self, metrics: Tensor) -> dict[int, Measurement]:
        self.ranks.settle(self.device)
        return self._runs.measurements(metrics)

    def measure_on_device(self) -> Tensor:
        """Return loss and accuracy of training and of test, and the squares, shape (5, runs).

        Computes the gradient on the way, and waits for nothing.
        """
        self._lay_out_again()
        self._full_pass.set_parameters(self._runs.parameters)
        train = self._full_pass.metrics_and_gradient(self.data.train, self._gradient)
        self._complete_gradient()
        return self._metrics(train, self._full_pass.metrics(self.data.test))

    def _metrics(self, train: Tensor, test: Tensor) -> Tensor:
        """Return what sums of losses and correct answers, (2, R) of this rank's rows, come to, (5, R)."""
        metrics = torch.cat([train / self.data.counts[0], test / self.data.counts[1]])
        squares = self._runs.squares(metrics.dtype)
        # Rank 0's for all, so that every rank sees the same run diverge.
        figures = torch.cat([metrics, squares if self.ranks.rank == 0 else torch.zeros_like(squares)])
        self.ranks.all_reduce(figures)
        return figures

    def finish(self) -> None:
        """Wait until the epochs that `advance` was given are computed."""
        if self._stride.under_way:
            self.ranks.settle(self.device)
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)
        self._stride.end(perf_counter())

    def _complete_gradient(self) -> None:
        """Add what the other processes found on their rows."""
        self.ranks.all_reduce(self._gradient)
        self.gradient_is_stale = False

    def advance(self, rates: Sequence[Mapping[int, float]]) -> None:
        """Update every run by its optimizer, once for each element of `rates`.

        Each maps runs to learning rates. The gradient of the L2 term, 2 * l2 * parameter, is added here.
        """
        # A GPU computes while the host goes on: without this it would fall behind by many strides.
        self.finish()
        self._lay_out_again()
        table = self._runs.coefficients(rates)
        if table != self._table:
            self._table, self._coefficients = table, self._per_row(table)
        self._stride.begin()
        self._runs.note_change()
        with self._whole_or_not_at_all(len(rates)):
            if self._graphs is None:
                self.gradient_step(self._coefficients)
            else:
                self._graphs.gradient_step(self._coefficients)
        self._runs.count_updates(len(rates))
        self._stride.under_way = len(rates)

    def _per_row(self, table: list[list[tuple[float, ...]]]) -> Tensor:
        """Return K values of each epoch and run on the device, shape (epochs, runs * classes, K)."""
        # From pinned memory the copy makes nobody wait for the epochs that are still being computed.
        values = torch.tensor(table, dtype=torch.float32, pin_memory=self.device.type == "cuda")
        return values.to(self.device, non_blocking=True).repeat_interleave(self.classes, 1)

    @contextmanager
    def _whole_or_not_at_all(self, epochs: int) -> Iterator[None]:
        """Undo the epochs before the one that was cancelled, or whose data could not be read."""
        # A single one changes parameters last.
        before = self._runs.saved() if epochs > 1 else None
        try:
            yield
        except BaseException:
            if before is not None:
                self._runs.restore(before)
                self.gradient_is_stale = True
            raise

    def gradient_step(self, coefficients: Tensor) -> Tensor:
        """Take one step for each of the coefficients, shape (epochs, runs * classes, K).

        They are minus the learning rates, or what other optimizers make of these. Returns the matrix of
        parameters, which it has changed.
        """
        self._lay_out_again()
        are_taken = False
        for of_epoch in coefficients:
            if self.gradient_is_stale:
                if not are_taken:
                    self._full_pass.set_parameters(self._runs.parameters)
                self._full_pass.gradient(self.data.train, self._gradient)
                self._complete_gradient()
            are_taken = self._update(of_epoch)
            self.gradient_is_stale = True
        return self._runs.parameters

    def _update(self, coefficients: Tensor) -> bool:
        """Update all runs by the present gradient; return whether the pass has taken the new parameters."""
        runs = self._runs
        if runs.is_plain:
            return self._full_pass.update(runs.parameters, self._gradient, runs.decay, coefficients)
        runs.step(self._full_pass.parameter_gradient(runs.parameters, self._gradient), coefficients)
        return False

    def read_gradient(self) -> Tensor:
        """Return the gradient of the mean cross entropy that was computed last, (runs * classes, D + 1)."""
        assert self._is_laid_out, "no gradient has been computed since runs came or left"
        gradient = self._full_pass.parameter_gradient(self._runs.parameters, self._gradient).clone()
        self.gradient_is_stale = True
        return gradient

    @contextmanager
    def restoring_parameters(self) -> Iterator[Tensor]:
        """Undo afterwards what updates and passes change; yields the parameters as one matrix."""
        self._lay_out_again()
        before, gradient, is_stale = self._runs.saved(), self._gradient.clone(), self.gradient_is_stale
        try:
            yield self._runs.parameters
        finally:
            self._runs.restore(before)
            self._gradient.copy_(gradient)
            self.gradient_is_stale = is_stale

    def snapshot(self, run: int) -> None:
        """Remember the parameters of a run as its last finite ones."""
        self._runs.snapshot(run)

    def set_snapshot(self, run: int, weight: Tensor, bias: Tensor) -> None:
        """Set what `snapshot` remembers: weight (classes, features) and bias (classes,)."""
        self._runs.set_snapshot(run, weight, bias)

    def snapshot_parameters(self, run: int) -> tuple[Tensor, Tensor]:
        """Return copies of the parameters that `snapshot` remembered, on the CPU."""
        return weight_and_bias(self._runs.slots[run].snapshot)

    def rollback(self, run: int) -> None:
        """Give a run the parameters that `snapshot` remembered."""
        self._runs.rollback(run)
        self.gradient_is_stale = True

    def parameters(self, run: int) -> tuple[Tensor, Tensor]:
        """Return copies of weight (classes, features) and bias (classes,) on the CPU."""
        return weight_and_bias(self._runs.slots[run].parameters)

    def optimizer_state(self, run: int) -> dict[str, Any] | None:
        """Return what the optimizer of a run remembers, tensors as copies on the CPU; None if nothing."""
        return self._runs.optimizer_state(run)
