"""The parameters of all runs in one matrix (R * C, D + 1), those of sigmoid heads first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from logreg_tui.core.engine.optimizer_step import MOMENTS, corrections, moments_of, take_step, updates_of
from logreg_tui.core.heads import SIGMOID
from logreg_tui.core.optimizers import OPTIMIZERS, SGD, Optimizer


@dataclass(frozen=True, slots=True)
class Measurement:
    """The measured values of one run on one set of parameters; plain numbers."""

    train_loss: float
    l2_penalty: float
    test_loss: float
    train_accuracy: float
    test_accuracy: float


@dataclass(slots=True)
class Slot:
    """One run in the matrix."""

    head: str
    l2: float
    parameters: Tensor  # (C, D + 1), a view of the matrix: weight, then bias
    snapshot: Tensor
    optimizer: Optimizer = SGD
    moments: tuple[Tensor, ...] = ()
    """State of the optimizer, one (C, D + 1) for each of its MOMENTS, views likewise."""
    updates: int = 0
    """Updates of the optimizer so far."""


@dataclass(frozen=True, slots=True)
class SavedMatrix:
    """Copies of all that updates change."""

    parameters: Tensor
    moments: list[Tensor]
    updates: dict[int, int]


class RunMatrix:
    """Runs with their parameters, lambdas, optimizers, and the last parameters that were finite."""

    def __init__(self, classes: int, features: int, device: torch.device) -> None:
        self._classes = classes
        self._features = features
        self._device = device
        self.slots: dict[int, Slot] = {}
        """By the number of the run; in the order of the rows once the matrix is laid out."""
        self._is_laid_out = False
        self.note_change()

    @property
    def sigmoid_runs(self) -> int:
        """The number of runs with a sigmoid head."""
        return sum(slot.head == SIGMOID for slot in self.slots.values())

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
        """Let a run join with weight (C, D) and bias (C,): the matrix is another once it is used again.

        `state` is what `optimizer_state` gave; None is that before the first update. Raises ValueError if
        it does not fit.
        """
        parameters = self._joined(weight, bias)
        slot = Slot(head, l2, parameters, parameters, optimizer)
        if state is None:
            slot.moments = tuple(torch.zeros_like(parameters) for _ in MOMENTS[optimizer.kind])
        else:
            slot.moments, slot.updates = moments_of(optimizer, state, parameters), updates_of(state)
        self.slots[run] = slot
        self._is_laid_out = False
        self.note_change()

    def optimizer_state(self, run: int) -> dict[str, Any] | None:
        """Return copies of what the optimizer of a run remembers, on the CPU; None if that is nothing."""
        slot = self.slots[run]
        if slot.optimizer.is_plain:
            return None
        names = MOMENTS[slot.optimizer.kind]
        moments = {name: moment.cpu().clone() for name, moment in zip(names, slot.moments, strict=True)}
        return {"step": slot.updates, **moments}

    def remove(self, run: int) -> None:
        """Take a run out, likewise."""
        del self.slots[run]
        self._is_laid_out = False

    def set_head(self, run: int, head: str) -> None:
        """Switch the head of a run, likewise; its parameters are kept."""
        self.slots[run].head = head
        self._is_laid_out = False

    def set_l2(self, run: int, l2: float) -> None:
        """Change the lambda of a run."""
        self.slots[run].l2 = l2
        if self._is_laid_out:
            self._set_decay()

    @property
    def parameters(self) -> Tensor:
        """Shape (R * C, D + 1); whoever changes it calls `note_change`."""
        self.lay_out()
        return self._parameters

    @property
    def decay(self) -> Tensor:
        """2 * l2 of each row, shape (R * C, 1)."""
        self.lay_out()
        return self._decay

    @property
    def moments(self) -> list[Tensor]:
        """The optimizers' first and second moments, (R * C, D + 1); rows of runs without one are unused."""
        self.lay_out()
        return self._moments

    def _joined(self, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.cat([weight, bias[:, None]], 1).to(self._device, torch.float32)

    def lay_out(self) -> None:
        """Build the matrix if runs came, left or changed their head since: once for any number of them.

        Sigmoid heads first, then by optimizer, then in the order of run numbers.
        """
        if self._is_laid_out:
            return
        slots = self.slots
        order = sorted(slots, key=lambda run: _place(run, slots[run]))
        laid = {run: replace(slots[run]) for run in order}
        self._parameters = self._matrix([slot.parameters for slot in laid.values()])
        for slot, part in zip(laid.values(), self._parts(self._parameters), strict=True):
            slot.parameters = part
        self._moments: list[Tensor] = []
        for n in range(max((len(slot.moments) for slot in laid.values()), default=0)):
            parts = [slot.moments[n] if n < len(slot.moments) else None for slot in laid.values()]
            matrix = self._matrix(parts)
            self._moments.append(matrix)
            for slot, part in zip(laid.values(), self._parts(matrix), strict=True):
                if n < len(slot.moments):
                    slot.moments = (*slot.moments[:n], part, *slot.moments[n + 1 :])
        self.slots = laid
        self._stretches = self._stretches_of_optimizers()
        self._decay = torch.zeros(len(self._parameters), 1, device=self._device)
        self._is_laid_out = True
        self._set_decay()

    def _matrix(self, parts: Sequence[Tensor | None]) -> Tensor:
        """Return the parts, (C, D + 1) each and zeros for None, one below the other."""
        matrix = torch.zeros(len(parts) * self._classes, self._features + 1, device=self._device)
        for rows, part in zip(self._parts(matrix), parts, strict=True):
            if part is not None:
                rows.copy_(part)
        return matrix

    def _parts(self, matrix: Tensor) -> Sequence[Tensor]:
        """Return the views of the runs."""
        return torch.split(matrix, self._classes) if len(matrix) else ()

    def _stretches_of_optimizers(self) -> list[tuple[slice, Optimizer]]:
        """Return the rows of neighbouring runs that share an optimizer."""
        stretches, start = [], 0
        for optimizer, group in groupby(self.slots.values(), key=lambda slot: slot.optimizer):
            stop = start + len(list(group)) * self._classes
            stretches.append((slice(start, stop), optimizer))
            start = stop
        return stretches

    def _set_decay(self) -> None:
        """Fill the decay of each row of the matrix, in place: graphs that use it stay valid."""
        decays = torch.tensor([2 * slot.l2 for slot in self.slots.values()], dtype=torch.float32)
        self._decay.copy_(decays.repeat_interleave(self._classes)[:, None])

    @property
    def is_plain(self) -> bool:
        """True if all runs train by plain gradient descent."""
        self.lay_out()
        return all(optimizer.is_plain for _, optimizer in self._stretches)

    def coefficients(self, rates: Sequence[Mapping[int, float]]) -> list[list[tuple[float, ...]]]:
        """Return what the next updates take, by epoch and run, of their learning rates: see `take_step`."""
        self.lay_out()
        # A GPU waits for this: most runs are corrected alike, and most rates are one object for many epochs.
        if any(optimizer.is_adaptive for _, optimizer in self._stretches):
            alike = {run: (slot.optimizer, slot.updates) for run, slot in self.slots.items()}
            numbers = {key: at for at, key in enumerate(dict.fromkeys(alike.values()))}
            places = {run: numbers[key] for run, key in alike.items()}
            table: list[list[tuple[float, ...]]] = []
            for ahead, of_epoch in enumerate(rates, 1):
                found = [corrections(optimizer, updates + ahead) for optimizer, updates in numbers]
                table.append([(-of_epoch[run] / found[at][0], found[at][1]) for run, at in places.items()])
            return table
        rows: dict[int, list[tuple[float, ...]]] = {}
        for of_epoch in rates:
            if id(of_epoch) not in rows:
                rows[id(of_epoch)] = [(-of_epoch[run],) for run in self.slots]
        return [rows[id(of_epoch)] for of_epoch in rates]

    def step(self, gradient: Tensor, coefficients: Tensor) -> None:
        """Update all runs by the gradient of the loss, shape (R * C, D + 1), each by its optimizer."""
        objective = torch.addcmul(gradient, self.parameters, self.decay)
        for rows, optimizer in self._stretches:
            moments = [moment[rows] for moment in self.moments]
            take_step(
                optimizer,
                self.parameters[rows],
                objective[rows],
                moments[: len(MOMENTS[optimizer.kind])],
                coefficients[rows],
            )

    def squares(self, dtype: torch.dtype) -> Tensor:
        """Return the sum of squared parameters of each run, shape (1, R).

        Infinite ones with lambda 0 give nan as the penalty, which tells of the divergence.
        """
        return self.parameters.to(dtype).square().view(1, len(self.slots), -1).sum(2)

    def measurements(self, metrics: Tensor) -> dict[int, Measurement]:
        """Return the figures by run.

        `metrics` are loss and accuracy of training and of test, and the sums of squared parameters, (5, R).
        """
        # One transfer from the device; it waits for the epochs before as well.
        rows = metrics.tolist()
        return {
            run: Measurement(train_loss, slot.l2 * squares, test_loss, train_accuracy, test_accuracy)
            for (run, slot), train_loss, train_accuracy, test_loss, test_accuracy, squares in zip(
                self.slots.items(), *rows, strict=True
            )
        }

    def count_updates(self, epochs: int) -> None:
        """Take note of updates that were made; whoever makes them calls this."""
        for slot in self.slots.values():
            slot.updates += epochs

    def saved(self) -> SavedMatrix:
        """Return copies of all that updates change, for `restore`."""
        updates = {run: slot.updates for run, slot in self.slots.items()}
        return SavedMatrix(self.parameters.clone(), [moment.clone() for moment in self.moments], updates)

    def restore(self, saved: SavedMatrix) -> None:
        """Undo the updates since `saved`; the runs are those of then."""
        self.parameters.copy_(saved.parameters)
        for moment, before in zip(self.moments, saved.moments, strict=True):
            moment.copy_(before)
        for run, updates in saved.updates.items():
            self.slots[run].updates = updates
        self.note_change()

    def note_change(self) -> None:
        """Forget the copies of parameters that are about to change."""
        self._copies: dict[int, Tensor] | None = None
        """Copies of the present parameters by run, once one was asked for."""

    def snapshot(self, run: int) -> None:
        """Remember the parameters of a run as its last finite ones."""
        if self._copies is None:
            # One copy for all runs: most have a row at the same step.
            self._copies = dict(zip(self.slots, self._parts(self.parameters.clone()), strict=True))
        self.slots[run].snapshot = self._copies[run]

    def set_snapshot(self, run: int, weight: Tensor, bias: Tensor) -> None:
        """Set what `snapshot` remembers: weight (C, D) and bias (C,)."""
        self.slots[run].snapshot = self._joined(weight, bias)

    def rollback(self, run: int) -> None:
        """Give a run the parameters that `snapshot` remembered; its optimizer forgets what led away."""
        slot = self.slots[run]
        slot.parameters.copy_(slot.snapshot)
        for moment in slot.moments:
            moment.zero_()
        slot.updates = 0
        if self._copies is not None:
            self._copies[run] = slot.snapshot


def _place(run: int, slot: Slot) -> tuple[object, ...]:
    optimizer = slot.optimizer
    kind = OPTIMIZERS.index(optimizer.kind)
    return slot.head != SIGMOID, kind, optimizer.momentum, optimizer.betas, run


def weight_and_bias(parameters: Tensor) -> tuple[Tensor, Tensor]:
    """Return weight (C, D) and bias (C,) of parameters (C, D + 1) as copies on the CPU."""
    both = parameters.cpu()
    return both[:, :-1].clone(memory_format=torch.contiguous_format), both[:, -1].clone()
