"""Epochs between two log points as CUDA graphs.

One launch replaces the hundreds of small ones that keep a fast GPU waiting for the host.
https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs
"""

from __future__ import annotations

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
    """The captured epochs of an engine's present layout; learning rates and lambdas are data of theirs.

    If graphs cannot be captured, the engine goes on epoch by epoch and `failure` says why.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._stream: torch.cuda.Stream | None = None
        self._expected: tuple[Tensor, Tensor] | None = None
        """Rates of the last warm-up, and the parameters after it."""
        self.failure: str | None = None
        """Why epochs are no longer replayed; None as long as they are."""
        self.forget()

    def forget(self) -> None:
        """Let all graphs go: the tensors they work on have been replaced."""
        self._graphs: dict[tuple[int, bool], tuple[torch.cuda.CUDAGraph, Tensor]] = {}

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
        if self.failure is None and key not in self._graphs:
            try:
                self._graphs[key] = self._captured(negative_rates)
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:
                self._give_up(error)
        return self._graphs.get(key)

    def _captured(self, negative_rates: Tensor) -> tuple[torch.cuda.CUDAGraph, Tensor]:
        graph, rates = torch.cuda.CUDAGraph(), negative_rates.clone()
        before = torch.cuda.current_stream()
        # One for all warm-ups and captures: every stream that cuBLAS meets keeps a workspace of its own.
        stream = self._stream = self._stream or torch.cuda.Stream()  # type: ignore[no-untyped-call]
        with self._engine.restoring_parameters() as parameters:
            self._warm_up(rates, before, stream)
            self._expected = rates, parameters.clone()
        with self._engine.restoring_parameters():
            try:
                # Calls of other threads must not spoil the capture.
                with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
                    self._engine.gradient_step(rates)
            finally:
                # If ending the capture raises, torch leaves its stream the current one.
                torch.cuda.set_stream(before)
        return graph, rates

    def _warm_up(self, rates: Tensor, before: torch.cuda.Stream, stream: torch.cuda.Stream) -> None:
        """Let the libraries allocate what they need, on another stream as capturing asks for."""
        stream.wait_stream(before)
        try:
            with torch.cuda.stream(stream):
                self._two_steps(rates)
        finally:
            # Also if it was cancelled: what is restored next must not be overwritten afterwards.
            before.wait_stream(stream)

    def _give_up(self, error: RuntimeError) -> None:
        """Go on without graphs. Raises UserError if the GPU is of no use any more."""
        # An error inside a capture arrives as the one that ending the capture raised.
        cause = error.__context__ if isinstance(error.__context__, RuntimeError) else error
        if isinstance(cause, torch.OutOfMemoryError):
            raise cause
        self.failure = f"CUDA graphs cannot be used here ({str(cause).splitlines()[0]})"
        self.forget()
        try:
            is_sound = self._computes_as_before()
        except RuntimeError as broken:
            raise UserError(f"{self.failure}, and the GPU answers no more: use --engine eager") from broken
        if not is_sound:
            raise UserError(f"{self.failure}, and left the GPU in disorder: use --engine eager") from error

    def _two_steps(self, rates: Tensor) -> None:
        # Two, because the first may have its gradient already.
        self._engine.gradient_step(rates[:1].expand(2, -1, -1))

    def _computes_as_before(self) -> bool:
        """Return whether the steps of the last warm-up give what they gave then."""
        if self._expected is None:
            return True
        rates, expected = self._expected
        with self._engine.restoring_parameters() as parameters:
            self._two_steps(rates)
            return torch.allclose(parameters, expected, rtol=SAME, equal_nan=True)
