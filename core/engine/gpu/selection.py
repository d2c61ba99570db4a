"""The engine of a training: the recorded one, the one asked for, or the fastest that computes the same."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from time import perf_counter
from typing import TYPE_CHECKING

import torch

from logreg_tui.core.engine.folding import Folding
from logreg_tui.core.engine.gpu.choice import EAGER, FUSED, GPU_ENGINES, GRAPH, THREE_PARTS, EngineChoice
from logreg_tui.core.engine.gpu.fused_pass import FusedConfiguration, fused_obstacle
from logreg_tui.core.engine.gpu.parts_pass import has_part_products
from logreg_tui.core.engine.gpu.probe import Shape
from logreg_tui.core.engine.gpu.probe_process import ProbeProcess
from logreg_tui.core.engine.gpu.qualification import Qualified, qualify
from logreg_tui.core.engine.gpu.stamp import Stamp, StampFile, environment_facts
from logreg_tui.core.engine.model import initial_parameters
from logreg_tui.core.errors import UserError
from logreg_tui.core.hardware import driver_version
from logreg_tui.core.heads import SIGMOID

if TYPE_CHECKING:
    from logreg_tui.core.engine.engine import Engine

AUTO = "auto"
ANY_RATE = 0.01
PREPARING = "Preparing the GPU kernels, once"


def has_choice(engine: Engine) -> bool:
    """Return whether there is more than one way to compute: on a GPU, by a single process."""
    return engine.device.type == "cuda" and engine.ranks.size == 1


class Selector:
    """Chooses for engines whose runs have joined."""

    def __init__(
        self,
        wanted: str,
        probe: ProbeProcess | None = None,
        progress: Callable[[str], None] = lambda text: None,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        """Choose what is `wanted`, one of ENGINES; a `probe` that was started early is asked, or ended."""
        self._wanted = wanted
        self._probe = probe
        self._progress = progress
        self._is_cancelled = is_cancelled

    def select(
        self, engine: Engine, rates: Mapping[int, float], recorded: EngineChoice | None = None
    ) -> str | None:
        """Make an engine compute as recorded, as wanted or as fast as can be.

        Return why it is not exactly as recorded: later rows may differ. `rates` are the learning rates of its
        runs. Raises UserError if an engine was asked for that cannot be used, and Cancelled.
        """
        try:
            if not has_choice(engine):
                return None
            with _some_run(engine, rates) as tried_rates:
                choice, why = self._select(engine, tried_rates, recorded)
            engine.use(choice)
            difference = None if recorded is None else recorded.difference(choice)
            return difference and f"rows may differ in their last digits: {difference}{why}"
        finally:
            if self._probe is not None:
                self._probe.close()

    def _select(
        self, engine: Engine, rates: Mapping[int, float], recorded: EngineChoice | None
    ) -> tuple[EngineChoice, str]:
        """Return the engine to use, and in brackets why it is not the recorded one."""
        if recorded is None:
            return self._chosen(engine, rates, self._wanted), ""
        candidates, failures = self._candidates(engine, [recorded.name])
        # The bits follow from the parameters: those recorded, not what would be best on this GPU.
        exact = [replace(one, parameters=recorded.parameters) for one in candidates[:1]]
        agreed, more = _qualified(engine, exact, rates, clock=None)
        if agreed:
            return replace(agreed[0].choice, reason=f"as recorded{_agreement(agreed[0])}"), ""
        why = "; ".join({**failures, **more}.values()) or "that is none of a GPU"
        return self._chosen(engine, rates, AUTO), f" ({why})"

    def _chosen(self, engine: Engine, rates: Mapping[int, float], wanted: str) -> EngineChoice:
        """Return what is wanted, with times and agreement. Raises UserError if it cannot be had."""
        candidates, failures = self._candidates(engine, GPU_ENGINES if wanted == AUTO else (wanted,))
        agreed, more = _qualified(engine, candidates, rates)
        failures |= more
        if not agreed:
            why = "; ".join(failures.values())
            raise UserError(f"--engine {wanted} cannot be used here: {why}; use --engine auto")
        best = min(agreed, key=lambda one: one.epoch_s)
        parts = [] if math.isnan(best.epoch_s) else [_times(best, agreed) + _agreement(best)]
        parts += [f"{NAMED.get(title, title)} was left out: {why}" for title, why in failures.items()]
        return replace(best.choice, reason="; ".join(parts) or None)

    def _candidates(self, engine: Engine, names: Sequence[str]) -> tuple[list[EngineChoice], dict[str, str]]:
        """Return the engines of these names that may be tried here, and by title why others may not."""
        candidates, failures = [], {}
        card, capability = (
            torch.cuda.get_device_name(engine.device),
            torch.cuda.get_device_capability(engine.device),
        )
        facts = environment_facts(card, capability, driver_version())
        here = EngineChoice(EAGER, device=card, capability=facts["capability"])
        for name in names:
            obstacle: str | None = None
            if name != EAGER and engine.data.storage.is_streamed:
                obstacle = "the data do not fit into the memory of the GPU"
            elif name != EAGER and engine.data.storage.is_sparse:
                obstacle = "the data are sparse, which the eager engine takes"
            elif name == FUSED:
                obstacle = fused_obstacle(engine.data.storage, engine.classes, engine.device, 1)
                obstacle = obstacle or self._failure_of_kernel(engine, facts)
            if obstacle is not None:
                failures[name] = obstacle
            elif name == FUSED:
                parameters = asdict(FusedConfiguration.of(engine.device))
                candidates.append(replace(here, name=name, parameters=parameters, triton=facts["triton"]))
            elif name in GPU_ENGINES:
                if name == GRAPH and has_part_products(engine.data.storage, engine.device):
                    candidates.append(replace(here, name=name, parameters={"parts": THREE_PARTS}))
                candidates.append(replace(here, name=name))
        return candidates, failures

    def _failure_of_kernel(self, engine: Engine, facts: Mapping[str, str]) -> str | None:
        """Return why the fused kernel cannot be used with this GPU and data, as another process found out."""
        storage = engine.data.storage
        has_offset = Folding(storage, engine.device).offset is not None
        shape = Shape(len(storage.columns), engine.classes, has_offset)
        file = StampFile({**facts, **{name: str(value) for name, value in asdict(shape).items()}})
        stamp = file.read()
        # Whoever asks for it by name may have mended what was wrong.
        if stamp is None or (stamp.failure is not None and self._wanted == FUSED):
            self._progress(PREPARING)
            file.clear_kernel()
            probe = ProbeProcess() if self._probe is None or self._probe.is_closed else self._probe
            answer = probe.ask(engine.device.index or 0, shape, file.kernel_folder(), self._is_cancelled)
            stamp = Stamp(answer.failure)
            if answer.failure is None or answer.is_lasting:
                file.write(stamp)
        if stamp.failure is None:
            os.environ["TRITON_CACHE_DIR"] = str(file.kernel_folder())
        return stamp.failure


NAMED = {FUSED: "the fused kernel"}


def _qualified(
    engine: Engine,
    candidates: Sequence[EngineChoice],
    rates: Mapping[int, float],
    clock: Callable[[], float] | None = perf_counter,
) -> tuple[list[Qualified], dict[str, str]]:
    """Return what `qualify` does; the eager engine is not tried if it has nothing beside it."""
    if all(candidate.name == EAGER for candidate in candidates):
        return [Qualified(candidate, 0.0) for candidate in candidates], {}
    return qualify(engine, candidates, rates, clock=clock)


def _times(best: Qualified, agreed: Sequence[Qualified]) -> str:
    others = ", ".join(f"{one.choice.title} {_microseconds(one)}" for one in agreed if one is not best)
    return f"{_microseconds(best)} us an epoch{others and f' ({others})'}"


def _microseconds(one: Qualified) -> str:
    return f"{one.epoch_s * 1e6:,.0f}"


def _agreement(one: Qualified) -> str:
    if one.choice.name == EAGER:
        return ""
    return f", losses agree to {one.difference:.0e}" if one.difference else ", losses are the same"


@contextmanager
def _some_run(engine: Engine, rates: Mapping[int, float]) -> Iterator[Mapping[int, float]]:
    """Let a run join an engine that has none, so that there is something to compute."""
    if engine.runs:
        yield rates
        return
    engine.add(0, SIGMOID, 0.0, *initial_parameters(engine.features, engine.classes, 0))
    try:
        yield {0: ANY_RATE}
    finally:
        engine.remove(0)
