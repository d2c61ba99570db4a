"""Epochs between two log points, and what a log point measures, as CUDA graphs.

One launch replaces the hundreds of small ones that keep a fast GPU waiting for the host.
https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from logreg_tui.core.errors import UserError

if TYPE_CHECKING:
    from logreg_tui.core.engine.engine import Engine

GRAPH_EPOCHS = 10
"""Epochs of the longer graph; the shorter one has a single epoch, so that two of them make any stride."""
SAME = 1e-5
"""Relative difference of parameters that is still the same result."""


class GraphCache:
    """The captured work of an engine's present layout; learning rates and lambdas are data of its epochs.

    If graphs cannot be captured, the engine goes on epoch by epoch and `failure` says why.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._stream: torch.cuda.Stream | None = None
        self.failure: str | None = None
        """Why epochs are no longer replayed; None as long as they are."""
        self.forget()

    def forget(self) -> None:
        """Let all graphs go: the tensors they work on have been replaced."""
        self._epochs: dict[tuple[int, bool], tuple[torch.cuda.CUDAGraph, Tensor]] = {}
        """Graphs with their rates, by the number of epochs and if the first needs a gradient."""
        self._measurement: tuple[torch.cuda.CUDAGraph, Tensor] | None = None
        self._rehearsed: tuple[Callable[[], Tensor], Tensor] | None = None
        """The work of the last warm-up, and its result."""

    def measure(self) -> Tensor:
        """Do what `Engine.measure_on_device` does; the metrics are valid until the next time."""
        if self.failure is None and self._measurement is None:
            work = self._engine.measure_on_device
            with self._giving_up():
                self._measurement = self._captured(work, work)
        if self._measurement is None:
            return self._engine.measure_on_device()
        graph, metrics = self._measurement
        graph.replay()
        self._engine.gradient_is_stale = False
        return metrics

    def gradient_step(self, negative_rates: Tensor) -> None:
        """Do what `Engine.gradient_step` does with rates of shape (epochs, runs * classes, 1)."""
        left = negative_rates
        while len(left):
            captured = self._graph(left[: GRAPH_EPOCHS if len(left) >= GRAPH_EPOCHS else 1])
            if captured is None:
                self._engine.gradient_step(left)
                return
            graph, rates = captured
            rates.copy_(left[: len(rates)])
            graph.replay()
            self._engine.gradient_is_stale = True
            left = left[len(rates) :]

    def _graph(self, negative_rates: Tensor) -> tuple[torch.cuda.CUDAGraph, Tensor] | None:
        """Return the graph of so many epochs with its rates, captured now if need be; None if that fails."""
        key = len(negative_rates), self._engine.gradient_is_stale
        if self.failure is None and key not in self._epochs:
            rates = negative_rates.clone()
            with self._giving_up():
                graph, _ = self._captured(
                    lambda: self._engine.gradient_step(rates),
                    # Two, because the first may have its gradient already.
                    lambda: self._engine.gradient_step(rates[:1].expand(2, -1, -1)),
                )
                self._epochs[key] = graph, rates
        return self._epochs.get(key)

    def _captured(
        self, work: Callable[[], Tensor], rehearsal: Callable[[], Tensor]
    ) -> tuple[torch.cuda.CUDAGraph, Tensor]:
        """Return a graph of some work, with the tensor that it returns; nothing is changed."""
        graph, before = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
        # One for all warm-ups and captures: every stream that cuBLAS meets keeps a workspace of its own.
        stream = self._stream = self._stream or torch.cuda.Stream()  # type: ignore[no-untyped-call]
        with self._engine.restoring_parameters():
            self._rehearsed = rehearsal, self._warm_up(rehearsal, before, stream)
        with self._engine.restoring_parameters():
            try:
                # Calls of other threads must not spoil the capture.
                with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
                    result = work()
            finally:
                # If ending the capture raises, torch leaves its stream the current one.
                torch.cuda.set_stream(before)
        return graph, result

    def _warm_up(
        self, rehearsal: Callable[[], Tensor], before: torch.cuda.Stream, stream: torch.cuda.Stream
    ) -> Tensor:
        """Let the libraries allocate what they need, on another stream as capturing asks for."""
        stream.wait_stream(before)
        try:
            with torch.cuda.stream(stream):
                return rehearsal().clone()
        finally:
            # Also if it was cancelled: what is restored next must not be overwritten afterwards.
            before.wait_stream(stream)

    @contextmanager
    def _giving_up(self) -> Iterator[None]:
        """Go on without graphs if one cannot be captured. Raises UserError if the GPU is of no use now."""
        try:
            yield
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            self._give_up(error)

    def _give_up(self, error: RuntimeError) -> None:
        # An error inside a capture arrives as the one that ending the capture raised.
        cause = error.__context__ if isinstance(error.__context__, RuntimeError) else error
        if isinstance(cause, torch.OutOfMemoryError):
            raise cause
        self.failure = f"CUDA graphs cannot be used here ({str(cause).splitlines()[0]})"
        rehearsed = self._rehearsed
        self.forget()
        try:
            is_sound = rehearsed is None or self._computes_as_before(*rehearsed)
        except RuntimeError as broken:
            raise UserError(f"{self.failure}, and the GPU answers no more: use --engine eager") from broken
        if not is_sound:
            raise UserError(f"{self.failure}, and left the GPU in disorder: use --engine eager") from error

    def _computes_as_before(self, rehearsal: Callable[[], Tensor], expected: Tensor) -> bool:
        with self._engine.restoring_parameters():
            return torch.allclose(rehearsal(), expected, rtol=SAME, equal_nan=True)
