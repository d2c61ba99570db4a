"""The parameters of all runs in one matrix (R * C, D + 1), those of sigmoid heads first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from logreg_tui.core.heads import SIGMOID


@dataclass(slots=True)
class Slot:
    """One run in the matrix."""

    head: str
    l2: float
    parameters: Tensor  # (C, D + 1), a view of the matrix: weight, then bias
    snapshot: Tensor


class RunMatrix:
    """Runs with their parameters, their lambdas and the last parameters that were finite."""

    def __init__(self, classes: int, features: int, device: torch.device) -> None:
        self._classes = classes
        self._features = features
        self._device = device
        self.slots: dict[int, Slot] = {}
        """By the number of the run, in the order of the rows."""
        self._lay_out({})

    @property
    def sigmoid_runs(self) -> int:
        """The number of runs with a sigmoid head."""
        return sum(slot.head == SIGMOID for slot in self.slots.values())

    def add(self, run: int, head: str, l2: float, weight: Tensor, bias: Tensor) -> None:
        """Let a run join with weight (C, D) and bias (C,): the matrix is another from here on."""
        parameters = self._joined(weight, bias)
        self._lay_out({**self.slots, run: Slot(head, l2, parameters, parameters)})

    def remove(self, run: int) -> None:
        """Take a run out, likewise."""
        self._lay_out({number: slot for number, slot in self.slots.items() if number != run})

    def set_head(self, run: int, head: str) -> None:
        """Switch the head of a run, likewise; its parameters are kept."""
        self.slots[run].head = head
        self._lay_out(self.slots)

    def set_l2(self, run: int, l2: float) -> None:
        """Change the lambda of a run."""
        self.slots[run].l2 = l2
        self._set_decay()

    def _joined(self, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.cat([weight, bias[:, None]], 1).to(self._device, torch.float32)

    def _lay_out(self, slots: Mapping[int, Slot]) -> None:
        """Build the matrix anew: sigmoid heads first, each group in the order of run numbers."""
        order = sorted(slots, key=lambda run: (slots[run].head != SIGMOID, run))
        rows = len(order) * self._classes
        matrix = torch.zeros(rows, self._features + 1, device=self._device)
        for row, run in zip(range(0, rows, self._classes), order, strict=True):
            matrix[row : row + self._classes] = slots[run].parameters
        parts = torch.split(matrix, self._classes) if order else ()
        self.slots = {
            run: replace(slots[run], parameters=part) for run, part in zip(order, parts, strict=True)
        }
        self.parameters = matrix
        """Shape (R * C, D + 1); whoever changes it calls `note_change`."""
        self.decay = torch.zeros(rows, 1, device=self._device)
        """2 * l2 of each row, shape (R * C, 1)."""
        self.note_change()
        self._set_decay()

    def _set_decay(self) -> None:
        """Fill the decay of each row of the matrix, in place: graphs that use it stay valid."""
        decays = torch.tensor([2 * slot.l2 for slot in self.slots.values()], dtype=torch.float32)
        self.decay.copy_(decays.repeat_interleave(self._classes)[:, None])

    def note_change(self) -> None:
        """Forget the copies of parameters that are about to change."""
        self._copies: dict[int, Tensor] | None = None
        """Copies of the present parameters by run, once one was asked for."""

    def snapshot(self, run: int) -> None:
        """Remember the parameters of a run as its last finite ones."""
        if self._copies is None:
            # One copy for all runs: most have a row at the same step.
            parts = torch.split(self.parameters.clone(), self._classes)
            self._copies = dict(zip(self.slots, parts, strict=True))
        self.slots[run].snapshot = self._copies[run]

    def set_snapshot(self, run: int, weight: Tensor, bias: Tensor) -> None:
        """Set what `snapshot` remembers: weight (C, D) and bias (C,)."""
        self.slots[run].snapshot = self._joined(weight, bias)

    def rollback(self, run: int) -> None:
        """Give a run the parameters that `snapshot` remembered."""
        slot = self.slots[run]
        slot.parameters.copy_(slot.snapshot)
        self.note_change()


def weight_and_bias(parameters: Tensor) -> tuple[Tensor, Tensor]:
    """Return weight (C, D) and bias (C,) of parameters (C, D + 1) as copies on the CPU."""
    both = parameters.cpu()
    return both[:, :-1].clone(memory_format=torch.contiguous_format), both[:, -1].clone()
