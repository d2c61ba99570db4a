"""The engine that an experiment is trained by, as config.json and checkpoints record it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from logreg_tui.core.errors import UserError
from logreg_tui.core.text import escape_control_chars

FUSED, GRAPH, EAGER = "fused", "graph", "eager"
"""One kernel on bytes; products of libraries as CUDA graphs; the same launched one by one."""
GPU_ENGINES = (FUSED, GRAPH, EAGER)
NAMES = (*GPU_ENGINES, "sparse", "csr", "dense")
"""The last three are the ways of a processor, which follow from the data alone."""
THREE_PARTS = "bf16x3"
"""Of the graph engine's parameter `parts`: products of bytes by three parts of bfloat16, not by float32."""
LEAST_CAPABILITY = (8, 0)
"""Before it, Triton knows no tensor cores: the fused kernel would be slower than anything else."""
LARGEST_PARAMETER = 1 << 16
_FACTS = ("device", "capability", "triton", "reason")


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """An engine with what its bits depend on; resume and repeat take exactly this one."""

    name: str
    """One of NAMES."""
    parameters: Mapping[str, int | str] = field(default_factory=dict)
    """Of its kernel and its products."""
    device: str | None = None
    """The name of the GPU."""
    capability: str | None = None
    triton: str | None = None
    """Its version, if it compiled the kernel."""
    reason: str | None = None
    """Times and agreement that it was chosen by, or why a faster one was left out; one line."""

    def to_json(self) -> dict[str, Any]:
        """Return plain values that `from_json` turns back into an equal choice."""
        facts = {name: getattr(self, name) for name in _FACTS}
        return {"name": self.name, **self.parameters, **{k: v for k, v in facts.items() if v is not None}}

    @classmethod
    def from_json(cls, record: object) -> EngineChoice | None:
        """Read what `to_json` gave; None if it names no engine, as before there was a choice."""
        if not isinstance(record, Mapping) or record.get("name") not in NAMES:
            return None
        facts = {name: escape_control_chars(record[name]) for name in _FACTS if record.get(name) is not None}
        parameters = {
            escape_control_chars(name): escape_control_chars(value) if isinstance(value, str) else value
            for name, value in record.items()
            if name not in ("name", *_FACTS) and _is_parameter(value)
        }
        return cls(record["name"], parameters, **facts)

    @property
    def title(self) -> str:
        """The name, with what products are made of if that is not float32."""
        is_in_parts = self.name == GRAPH and "parts" in self.parameters
        return f"{self.name} of {self.parameters['parts']}" if is_in_parts else self.name

    @property
    def text(self) -> str | None:
        """The line that says what was chosen and why; None if there was no choice."""
        return self.reason and f"engine {self.name}: {self.reason}"

    def difference(self, now: EngineChoice) -> str | None:
        """Return in what another choice computes otherwise, such as `the engine is now ...`, or None."""
        if self.name != now.name:
            return f"the engine is now {now.name}, it was {self.name}"
        if self.parameters != now.parameters:
            return f"the {self.name} engine has other parameters now"
        for what, then, today in (
            ("GPU", self.device, now.device),
            ("version of Triton", self.triton, now.triton),
        ):
            if then is not None and then != today:
                return f"the {what} is now {today}, it was {then}"
        return None


def _is_parameter(value: object) -> bool:
    return isinstance(value, str) or (type(value) is int and 0 < value <= LARGEST_PARAMETER)


def check_wanted(wanted: str, device_type: str, ranks: int) -> None:
    """Raise UserError if an engine is asked for that is for a CUDA GPU, or for a single process, alone."""
    if wanted not in (GRAPH, FUSED):
        return
    if device_type != "cuda":
        raise UserError(f"--engine {wanted} needs a CUDA GPU, not {device_type}: use --engine auto or eager")
    if ranks > 1:
        raise UserError(f"--engine {wanted} is for a single process: use --engine auto or eager")
