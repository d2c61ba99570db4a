"""The choice of the engine: the processor plays the GPU, with passes and a probe of the test's own."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from helpers.loops import CPU
from helpers.made_data import all_parameters, dataset, values, with_runs
from helpers.stand_in_gpu import without_graphs

from logreg_tui.core.engine.dense_pass import DensePass
from logreg_tui.core.engine.device_data import DeviceData
from logreg_tui.core.engine.engine import Engine
from logreg_tui.core.engine.full_batch_pass import FullBatchPass
from logreg_tui.core.engine.gpu import qualification, selection
from logreg_tui.core.engine.gpu import stamp as stamps
from logreg_tui.core.engine.gpu.choice import EAGER, FUSED, GRAPH, THREE_PARTS, EngineChoice
from logreg_tui.core.engine.gpu.probe import Answer, Shape
from logreg_tui.core.engine.gpu.selection import Selector
from logreg_tui.core.errors import Cancelled, UserError

DATA = dataset(values(60, 5, dtype="f4"), values(20, 5, seed=1, dtype="f4"))
RATES = {1: 0.05, 2: 0.002}
CONFIGURATION = {"programs": 132, "block_rows": 128, "warps": 8, "stages": 1, "parts": "fp16x2"}
OUT = RuntimeError("out of registers\nand more")


class Probe:
    """The process that tries the kernel, with the answer of a test."""

    def __init__(self, failure: str | None = None, *, is_lasting: bool = True) -> None:
        self.answer = Answer("", failure, is_lasting)
        self.asked: list[tuple[int, Shape, Path]] = []
        self.is_closed = False

    def ask(self, device: int, shape: Shape, folder: Path, is_cancelled: Callable[[], bool]) -> Answer:
        if is_cancelled():
            raise Cancelled
        self.asked.append((device, shape, folder))
        (folder / "kernel").write_text("machine code")
        return self.answer

    def close(self) -> None:
        self.is_closed = True


class Box:
    """A machine with a GPU, as far as the choice is concerned."""

    def __init__(self) -> None:
        self.failing: dict[str, Exception] = {}
        """What the engines of these titles raise."""
        self.microseconds = {FUSED: 27.0, "graph of bf16x3": 104.0, GRAPH: 160.0, EAGER: 240.0}
        self.obstacle: str | None = None
        self.has_parts = True
        self.card = "NVIDIA H100 80GB HBM3"
        self.told: list[str] = []
        self.probes: list[Probe] = []
        """Those that were started, not early."""

    def new_probe(self) -> Probe:
        self.probes.append(Probe())
        return self.probes[-1]

    def new_pass(
        self, data: DeviceData, choice: EngineChoice, runs: int, sigmoid_runs: int
    ) -> FullBatchPass[Any]:
        if choice.title in self.failing:
            raise self.failing[choice.title]
        return DensePass(data.storage, runs, sigmoid_runs, 3, CPU, data._team, data.counts[0])

    def select(
        self,
        wanted: str = "auto",
        probe: Probe | None = None,
        recorded: EngineChoice | None = None,
        engine: Engine | None = None,
        *,
        is_cancelled: bool = False,
    ) -> tuple[EngineChoice, str | None]:
        """Select for an engine, and return its choice and why it is not the recorded one."""
        engine = engine or with_runs(Engine(DATA, CPU), ("logits", "logits"))
        before = all_parameters(engine) if engine.runs else None
        selector = Selector(wanted, probe, self.told.append, lambda: is_cancelled)  # type: ignore[arg-type]
        change = selector.select(engine, RATES, recorded)
        if before is not None:
            assert torch.equal(all_parameters(engine), before)
        return engine.choice, change


@pytest.fixture
def box(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Box:
    """A machine with an H100 and a cache folder of the test's own."""
    made = Box()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("TRITON_CACHE_DIR", "")
    monkeypatch.setattr(stamps, "USERS_FOLDER", "")
    monkeypatch.setattr(selection, "has_choice", lambda engine: True)
    monkeypatch.setattr(selection, "fused_obstacle", lambda *_: made.obstacle)
    monkeypatch.setattr(selection, "has_part_products", lambda *_: made.has_parts)
    monkeypatch.setattr(selection, "ProbeProcess", made.new_probe)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: made.card)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    properties = SimpleNamespace(multi_processor_count=132)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    monkeypatch.setattr(
        qualification, "timed", lambda engine, *_: made.microseconds[engine.choice.title] / 1e6
    )
    without_graphs(monkeypatch)
    monkeypatch.setattr(DeviceData, "new_pass", lambda *arguments: made.new_pass(*arguments))
    return made


def test_auto_takes_the_fastest_and_says_so(box: Box) -> None:
    choice, change = box.select()
    assert change is None
    assert (
        choice.text
        == "engine fused: 27 us an epoch (graph of bf16x3 104, graph 160, eager 240), losses are the same"
    )
    assert (choice.name, choice.parameters) == (FUSED, CONFIGURATION)
    assert (choice.device, choice.capability) == (box.card, "9.0")
    assert choice.triton is not None
    box.microseconds[FUSED] = 300
    assert box.select()[0].title == "graph of bf16x3"
    box.has_parts = False
    assert box.select()[0].title == GRAPH
    box.microseconds[EAGER] = 10
    assert box.select()[0].text == "engine eager: 10 us an epoch (fused 300, graph 160)"


def test_what_was_left_out_is_said(box: Box) -> None:
    box.obstacle = "no Triton here"
    assert box.select()[0].text == (
        "engine graph: 104 us an epoch (graph 160, eager 240), losses are the same; "
        "the fused kernel was left out: no Triton here"
    )
    box.failing = {"graph of bf16x3": OUT, GRAPH: OUT}
    assert box.select()[0].text == (
        "engine eager: 240 us an epoch; the fused kernel was left out: no Triton here; "
        "graph of bf16x3 was left out: out of registers; graph was left out: out of registers"
    )


def test_the_kernel_is_tried_once_in_another_process(box: Box) -> None:
    early = Probe()
    assert box.select(probe=early)[0].name == FUSED
    ((device, shape, folder),) = early.asked
    assert (device, shape) == (0, Shape(5, 3, has_offset=False))
    assert box.told == ["Preparing the GPU kernels, once"]
    assert stamps.os.environ["TRITON_CACHE_DIR"] == str(folder)
    again = Probe()
    assert box.select(probe=again)[0].name == FUSED
    assert (again.asked, again.is_closed, box.probes, len(box.told)) == ([], True, [], 1)
    # A damaged kernel is compiled anew, by a process that is started now.
    (folder / "kernel").write_text("machine cods")
    assert box.select()[0].name == FUSED
    assert len(box.probes) == len(box.probes[0].asked) == 1


def test_a_kernel_that_failed_is_not_tried_again_unless_it_is_asked_for(box: Box) -> None:
    failing = Probe("/bin/false failed with status 1")
    left_out = "; the fused kernel was left out: /bin/false failed with status 1"
    assert str(box.select(probe=failing)[0].text).endswith(left_out)
    again = Probe()
    assert str(box.select(probe=again)[0].text).endswith(left_out)
    assert again.asked == []
    assert box.select(FUSED, Probe())[0].name == FUSED
    assert box.select(probe=again)[0].name == FUSED
    assert again.asked == []


def test_what_may_pass_is_tried_again(box: Box) -> None:
    assert box.select(probe=Probe("CUDA out of memory", is_lasting=False))[0].name == GRAPH
    assert box.select(probe=Probe())[0].name == FUSED


def test_without_a_place_for_a_stamp_every_start_tries_the_kernel(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/none")
    for _ in range(2):
        probe = Probe()
        assert box.select(probe=probe)[0].name == FUSED
        assert len(probe.asked) == 1
    # The one that was started early can be asked once.
    assert box.select(probe=probe)[0].name == FUSED
    assert len(box.probes) == len(probe.asked) == 1


@pytest.mark.parametrize(
    ("wanted", "title"), [(FUSED, FUSED), (GRAPH, "graph of bf16x3"), (EAGER, EAGER), ("auto", FUSED)]
)
def test_an_engine_that_is_asked_for_is_taken(wanted: str, title: str, box: Box) -> None:
    choice, _ = box.select(wanted)
    assert choice.title == title
    assert (choice.text is None) == (wanted == EAGER), "there was nothing to choose"


def test_an_engine_that_is_asked_for_and_cannot_be_used_is_an_error(box: Box) -> None:
    box.obstacle = "it needs inputs that are integers from 0 to 255"
    with pytest.raises(UserError) as caught:
        box.select(FUSED)
    assert str(caught.value) == f"--engine fused cannot be used here: {box.obstacle}; use --engine auto"
    box.failing = {"graph of bf16x3": OUT}
    assert box.select(GRAPH)[0].title == GRAPH
    box.failing[GRAPH] = OUT
    probe = Probe()
    with pytest.raises(UserError, match="--engine graph cannot be used here: out of registers; "):
        box.select(GRAPH, probe)
    assert probe.is_closed


def test_a_stop_while_the_kernel_is_tried_ends_it(box: Box) -> None:
    probe = Probe()
    with pytest.raises(Cancelled):
        box.select(probe=probe, is_cancelled=True)
    assert probe.is_closed


RECORDED = EngineChoice(FUSED, {**CONFIGURATION, "programs": 108}, "NVIDIA H100 80GB HBM3", "9.0", None)


def recorded_here(box: Box, **changes: object) -> EngineChoice:
    return replace(box.select()[0], **{"parameters": RECORDED.parameters, **changes})  # type: ignore[arg-type]


def test_the_recorded_engine_is_taken_with_its_parameters_however_slow(box: Box) -> None:
    box.microseconds[FUSED] = math.inf
    recorded = recorded_here(
        box, name=FUSED, reason="27 us an epoch", triton=stamps.environment_facts("", (9, 0), "")["triton"]
    )
    choice, change = box.select(recorded=recorded)
    assert change is None
    assert (choice.name, choice.parameters) == (FUSED, RECORDED.parameters)
    assert choice.text == "engine fused: as recorded, losses are the same"
    for name, parameters in ((GRAPH, {"parts": THREE_PARTS}), (GRAPH, {}), (EAGER, {})):
        recorded = EngineChoice(name, parameters, box.card, "9.0")
        choice, change = box.select(recorded=recorded)
        assert (choice.name, choice.parameters, change) == (name, parameters, None)


@pytest.mark.parametrize("wanted", ["auto", FUSED])
def test_what_cannot_be_as_recorded_is_said_in_a_line(wanted: str, box: Box) -> None:
    box.obstacle = "no Triton here"
    choice, change = box.select(wanted, recorded=RECORDED)
    assert choice.title == "graph of bf16x3"
    assert change == (
        "rows may differ in their last digits: the engine is now graph, it was fused (no Triton here)"
    )
    box.obstacle, box.failing = None, {FUSED: OUT}
    choice, change = box.select(wanted, recorded=RECORDED)
    assert change == (
        "rows may differ in their last digits: the engine is now graph, it was fused (out of registers)"
    )


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"device": "NVIDIA A100"}, "the GPU is now NVIDIA H100 80GB HBM3, it was NVIDIA A100"),
        ({"triton": "3.3.1"}, "the version of Triton is now "),
        (
            {"name": "sparse", "parameters": {}},
            "the engine is now fused, it was sparse (that is none of a GPU)",
        ),
    ],
)
def test_another_machine_than_the_recorded_one_is_said(
    changes: Mapping[str, object], what: str, box: Box
) -> None:
    choice, change = box.select(recorded=recorded_here(box, **changes))
    assert choice.name == FUSED
    assert str(change).startswith(f"rows may differ in their last digits: {what}")


def test_data_that_are_streamed_are_for_the_eager_engine_and_read_by_nobody_before(box: Box) -> None:
    engine = with_runs(Engine(DATA, CPU), ("logits", "logits"))
    engine.data.storage = replace(engine.data.storage, is_streamed=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(selection, "qualify", None)
        choice, _ = box.select(engine=engine)
    why = "the data do not fit into the memory of the GPU"
    assert choice.text == f"engine eager: the fused kernel was left out: {why}; graph was left out: {why}"
    with pytest.raises(UserError, match=f"--engine fused cannot be used here: {why}"):
        box.select(FUSED, engine=engine)


def test_an_engine_without_runs_gets_one_for_the_trial(box: Box) -> None:
    engine = Engine(DATA, CPU)
    assert box.select(engine=engine)[0].name == FUSED
    assert engine.runs == []


def test_a_processor_has_no_choice() -> None:
    engine, probe = Engine(DATA, CPU), Probe()
    assert Selector("auto", probe).select(engine, {}) is None  # type: ignore[arg-type]
    assert (engine.choice, probe.is_closed) == (EngineChoice("dense"), True)
