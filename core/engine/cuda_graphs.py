"""Epochs between two log points as one CUDA graph.

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

MOST_GRAPHS = 4
"""Strides of so many lengths are captured; the rest are taken epoch by epoch."""


class GraphCache:
    """The captured strides of an engine's present layout; learning rates and lambdas are data of theirs."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.forget()

    def forget(self) -> None:
        """Let all graphs go: the tensors they work on have been replaced."""
        self._graphs: dict[tuple[int, bool], tuple[torch.cuda.CUDAGraph, Tensor]] = {}

    def gradient_step(self, negative_rates: Tensor) -> None:
        """Do what `Engine.gradient_step` does, by a graph where there is room for one."""
        key = len(negative_rates), self._engine.gradient_is_stale
        if key not in self._graphs and len(self._graphs) < MOST_GRAPHS:
            self._graphs[key] = self._captured(negative_rates)
        if key not in self._graphs:
            self._engine.gradient_step(negative_rates)
            return
        graph, rates = self._graphs[key]
        rates.copy_(negative_rates)
        graph.replay()
        self._engine.gradient_is_stale = True

    def _captured(self, negative_rates: Tensor) -> tuple[torch.cuda.CUDAGraph, Tensor]:
        graph, rates = torch.cuda.CUDAGraph(), negative_rates.clone()
        try:
            with self._engine.restoring_parameters():
                self._warm_up(rates)
            with self._engine.restoring_parameters(), torch.cuda.graph(graph):
                self._engine.gradient_step(rates)
        except RuntimeError as error:
            raise UserError(
                f"CUDA graphs cannot be used here ({str(error).splitlines()[0]}): use --engine eager"
            ) from error
        return graph, rates

    def _warm_up(self, rates: Tensor) -> None:
        """Let the libraries allocate what they need, on another stream as capturing asks for."""
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            # Twice: the first step may have its gradient already.
            self._engine.gradient_step(rates[:1].expand(2, -1, -1))
        torch.cuda.current_stream().wait_stream(stream)
