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
from dataclasses import dataclass
from time import perf_counter

import torch
from torch import Tensor

from logreg_tui.core.data.dataset import Dataset
from logreg_tui.core.engine.device_data import DeviceData
from logreg_tui.core.engine.gpu.choice import EAGER, EngineChoice
from logreg_tui.core.engine.gpu.cuda_graphs import GraphCache
from logreg_tui.core.engine.gpu.interval import DeviceInterval
from logreg_tui.core.engine.process_group import ALONE, ProcessGroup
from logreg_tui.core.engine.run_matrix import RunMatrix, weight_and_bias

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
        self._stride = FIRST_STRIDE
        self._under_way = 0
        """Epochs that `advance` was given and that nobody has waited for."""
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
        return self._stride if self.device.type == "cuda" and not self.data.storage.is_streamed else 1

    @property
    def runs(self) -> list[int]:
        """The numbers of the runs in the matrix, in the order of its rows."""
        return list(self._runs.slots)

    def add(self, run: int, head: str, l2: float, weight: Tensor, bias: Tensor) -> None:
        """Let a run join with weight (classes, features) and bias (classes,)."""
        self._runs.add(run, head, l2, weight, bias)
        self._lay_out()

    def remove(self, run: int) -> None:
        """Take a run out of the matrix."""
        self._runs.remove(run)
        self._lay_out()

    def set_head(self, run: int, head: str) -> None:
        """Switch the head of a run; its parameters are kept."""
        self._runs.set_head(run, head)
        self._lay_out()

    def set_l2(self, run: int, l2: float) -> None:
        """Change the lambda of a run: only the update is concerned, the gradient stays valid."""
        self._runs.set_l2(run, l2)

    def _lay_out(self) -> None:
        """Prepare passes for a matrix that is another, or another engine."""
        runs = self._runs
        self._table: list[list[float]] = []
        """The learning rates of the last call of `advance`, negative: most often those of the next."""
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
        called_at = perf_counter()
        with self._interval:
            metrics = self.measure_on_device() if self._graphs is None else self._graphs.measure()
        measured = self._measurements(metrics)
        self.waited_s = self._interval.waited_since(called_at)
        self._note_end(called_at + self.waited_s)
        return measured

    def measure_eagerly(self) -> dict[int, Measurement]:
        """Measure all runs by the eager engine, to hold the figures of another against it."""
        runs, data = self._runs, self.data
        reference = data.new_pass(EngineChoice(EAGER), len(runs.slots), runs.sigmoid_runs)
        reference.set_parameters(self._runs.parameters)
        return self._measurements(self._metrics(reference.metrics(data.train), reference.metrics(data.test)))

    def _measurements(self, metrics: Tensor) -> dict[int, Measurement]:
        self.ranks.settle(self.device)
        # One transfer from the device; it waits for the epochs before as well.
        rows = metrics.tolist()
        return {
            run: Measurement(train_loss, slot.l2 * squares, test_loss, train_accuracy, test_accuracy)
            for (run, slot), train_loss, train_accuracy, test_loss, test_accuracy, squares in zip(
                self._runs.slots.items(), *rows, strict=True
            )
        }

    def measure_on_device(self) -> Tensor:
        """Return loss and accuracy of training and of test, and the squares, shape (5, runs).

        Computes the gradient on the way, and waits for nothing.
        """
        self._full_pass.set_parameters(self._runs.parameters)
        train = self._full_pass.metrics_and_gradient(self.data.train, self._gradient)
        self._complete_gradient()
        return self._metrics(train, self._full_pass.metrics(self.data.test))

    def _metrics(self, train: Tensor, test: Tensor) -> Tensor:
        """Return what sums of losses and correct answers, (2, R) of this rank's rows, come to, (5, R)."""
        metrics = torch.cat([train / self.data.counts[0], test / self.data.counts[1]])
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
        return self._runs.parameters.to(dtype).square().view(1, len(self._runs.slots), -1).sum(2)

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
        table = [[-of_epoch[run] for run in self._runs.slots] for of_epoch in rates]
        if table != self._table:
            self._table, self._negative_rates = table, self._per_row(table)
        self._advanced_at = perf_counter()
        self._runs.note_change()
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
        before = self._runs.parameters.clone() if epochs > 1 else self._runs.parameters
        try:
            yield
        except BaseException:
            if epochs > 1:
                self._runs.parameters.copy_(before)
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
                    self._full_pass.set_parameters(self._runs.parameters)
                self._full_pass.gradient(self.data.train, self._gradient)
                self._complete_gradient()
            are_taken = self._full_pass.update(self._runs.parameters, self._gradient, self._runs.decay, rate)
            self.gradient_is_stale = True
        return self._runs.parameters

    def read_gradient(self) -> Tensor:
        """Return the gradient of the mean cross entropy that was computed last, (runs * classes, D + 1)."""
        gradient, none = torch.zeros_like(self._runs.parameters), torch.zeros_like(self._runs.decay)
        # Only the pass knows its shape: an update of zeros by a rate of 1 says it, but for the sign.
        self._full_pass.update(gradient, self._gradient, none, none - 1)
        self.gradient_is_stale = True
        return gradient.neg_()

    @contextmanager
    def restoring_parameters(self) -> Iterator[Tensor]:
        """Undo afterwards what is done to the parameters, which it yields as one matrix, and the gradient."""
        before = self._runs.parameters.clone(), self._gradient.clone(), self.gradient_is_stale
        try:
            yield self._runs.parameters
        finally:
            self._runs.parameters.copy_(before[0])
            self._gradient.copy_(before[1])
            self.gradient_is_stale = before[2]

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


def stride_of(epoch_s: float) -> int:
    """Return how many epochs of so many seconds fit into STRIDE_S: at least 1, at most LONGEST_STRIDE."""
    return max(1, min(LONGEST_STRIDE, int(STRIDE_S / max(epoch_s, 1e-9))))
