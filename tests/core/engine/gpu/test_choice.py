"""The engine as it is recorded: read back as written, and tolerantly what others wrote."""

from __future__ import annotations

import json

import pytest

from logreg_tui.core.engine.gpu.choice import EngineChoice, check_wanted
from logreg_tui.core.errors import UserError

FUSED = EngineChoice(
    "fused",
    {"programs": 132, "block_rows": 128, "warps": 8, "stages": 1, "parts": "fp16x2"},
    "NVIDIA H100 80GB HBM3",
    "9.0",
    "3.8.0",
    "27 us an epoch",
)


@pytest.mark.parametrize(
    "choice", [FUSED, EngineChoice("sparse"), EngineChoice("graph", {"parts": "bf16x3"})]
)
def test_a_choice_is_read_as_it_was_written(choice: EngineChoice) -> None:
    assert EngineChoice.from_json(json.loads(json.dumps(choice.to_json()))) == choice


@pytest.mark.parametrize("record", [None, 3, "fused", [], {}, {"name": None}, {"name": "fast"}, {"name": []}])
def test_what_names_no_engine_is_none(record: object) -> None:
    assert EngineChoice.from_json(record) is None


def test_what_makes_no_sense_is_left_out_and_text_is_harmless() -> None:
    record = {"name": "fused", "programs": 10**9, "warps": 0, "stages": True, "a": [], "b": 1.5}
    assert EngineChoice.from_json({**record, "block_rows": 64}) == EngineChoice("fused", {"block_rows": 64})
    found = EngineChoice.from_json({"name": "eager", "device": "\x1b[2J", "reason": ["x"], "p\n": "\x07"})
    assert found == EngineChoice("eager", {"p\\n": "\\x07"}, "\\x1b[2J", reason="['x']")


def test_a_choice_is_told_in_a_line_if_there_was_one() -> None:
    assert FUSED.text == "engine fused: 27 us an epoch"
    assert EngineChoice("sparse").text is None


@pytest.mark.parametrize("wanted", ["fused", "graph"])
def test_engines_of_a_gpu_are_refused_elsewhere(wanted: str) -> None:
    check_wanted(wanted, "cuda", 1)
    for device, ranks, what in (
        ("cpu", 1, "needs a CUDA GPU, not cpu"),
        ("cuda", 2, "is for a single process"),
    ):
        with pytest.raises(UserError) as caught:
            check_wanted(wanted, device, ranks)
        assert str(caught.value) == f"--engine {wanted} {what}: use --engine auto or eager"
    for anywhere in ("auto", "eager"):
        check_wanted(anywhere, "cpu", 2)
