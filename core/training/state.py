"""State of a training: settings, engine, runs, clock. Whole whenever `train` has yielded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from logreg_tui.core.engine.engine import Engine
from logreg_tui.core.engine.model import initial_parameters
from logreg_tui.core.engine.run_matrix import Measurement
from logreg_tui.core.goals import ENDED_EARLY, NO_LONGER_BETTER, REACHED, GoalProgress
from logreg_tui.core.settings import ExperimentSettings, RunSettings
from logreg_tui.core.training.clock import Stopwatch
from logreg_tui.core.training.events import RowLogged
from logreg_tui.core.training.snapshots import ParametersSnapshot


@dataclass(slots=True)
class RunState:
    """One run as it stands now."""

    number: int
    settings: RunSettings
    epochs: int
    joined_at: int
    joined_at_s: float
    logged_epoch: int = -1
    is_announced: bool = False
    """True if the event that says it joined was yielded."""
    status: str = "training"
    """`training`, `finished`, `diverged` or one of ENDED_EARLY."""
    parameters: tuple[Tensor, Tensor] | None = None
    """Weight and bias of a run that has left the engine."""
    optimizer_state: dict[str, Any] | None = None
    """State of its optimizer then; None if it has none."""
    goals: GoalProgress = field(default_factory=GoalProgress)
    trained_s: float = 0.0
    """Seconds of training of a run that has left the engine."""

    @property
    def is_training(self) -> bool:
        """True if the run is in the engine."""
        return self.status == "training"

    def can_reach(self, epochs: int) -> bool:
        """Return whether the run can go on from where it stands or is planned to end to this epoch."""
        return self.status != "diverged" and epochs > (
            self.logged_epoch if self.status in ENDED_EARLY else self.epochs
        )


@dataclass(slots=True)
class Training:
    """Everything a training is made of; whole and consistent whenever `train` has yielded."""

    settings: ExperimentSettings
    engine: Engine
    stopwatch: Stopwatch = field(default_factory=Stopwatch)
    step: int = 0
    runs: dict[int, RunState] = field(default_factory=dict)
    is_paused: bool = False

    @classmethod
    def start(cls, settings: ExperimentSettings, engine: Engine) -> Training:
        """Return a training at step 0 with the runs of the settings, on an engine without runs."""
        training = cls(settings, engine)
        for run in settings.runs:
            training.join(run)
        return training

    def join(self, settings: RunSettings) -> RunState:
        """Let a run join at this step with its initial parameters."""
        number = len(self.runs) + 1
        run = RunState(number, settings, self.settings.epochs, self.step, self.stopwatch.read())
        weight, bias = initial_parameters(self.engine.features, self.engine.classes, settings.seed)
        self.engine.add(number, settings.head, settings.l2, weight, bias, settings.optimizer)
        self.runs[number] = run
        return run

    def leave(self, run: RunState, status: str) -> None:
        """Take a run out of the engine; its parameters and its optimizer's state stay with it."""
        run.parameters = self.engine.parameters(run.number)
        run.optimizer_state = self.engine.optimizer_state(run.number)
        run.trained_s = self.stopwatch.read() - run.joined_at_s
        run.status = status
        self.engine.remove(run.number)

    def rejoin(self, run: RunState, epochs: int) -> None:
        """Let a run that has finished or was ended go on to a later epoch, as if it had waited since."""
        assert run.parameters is not None, "a run that has left keeps its parameters"
        settings = run.settings
        # An end that it has come to is no end of what it is asked for now.
        run.goals.is_off |= run.status in (REACHED, NO_LONGER_BETTER)
        self.engine.add(
            run.number,
            settings.head,
            settings.l2,
            *run.parameters,
            settings.optimizer,
            run.optimizer_state,
        )
        run.joined_at = self.step - run.logged_epoch
        run.joined_at_s = self.stopwatch.read() - run.trained_s
        run.parameters, run.optimizer_state, run.status, run.epochs = None, None, "training", epochs

    @property
    def active(self) -> list[RunState]:
        """The runs that train, by number."""
        return [run for run in self.runs.values() if run.is_training]

    @property
    def learning_rates(self) -> dict[int, float]:
        """The learning rates of the runs that train, schedules apart."""
        return {run.number: run.settings.learning_rate for run in self.active}

    @property
    def is_whole(self) -> bool:
        """True if no run stands between its last row and its leaving."""
        return not any(run.logged_epoch == self.epoch(run) == run.epochs for run in self.active)

    def epoch(self, run: RunState) -> int:
        """Return the epoch of a run that trains."""
        return self.step - run.joined_at

    def is_unlogged(self, run: RunState) -> bool:
        """Return whether a run that trains has no row of its present epoch."""
        return run.logged_epoch != self.epoch(run)

    def is_due(self, run: RunState) -> bool:
        """Return whether a row of a run that trains is to be logged now."""
        epoch = self.epoch(run)
        return (epoch == run.epochs or self.settings.is_log_point(epoch)) and self.is_unlogged(run)

    def rates(self, stride: int) -> list[dict[int, float]]:
        """Return the learning rates of the next epochs by run."""
        active = self.active
        if all(run.settings.schedule.kind == "constant" for run in active):
            return [{run.number: run.settings.learning_rate for run in active}] * stride
        epochs = [(run, self.epoch(run)) for run in active]
        return [
            {run.number: run.settings.learning_rate_at(epoch + ahead) for run, epoch in epochs}
            for ahead in range(stride)
        ]

    def row(self, run: RunState, figures: Measurement, elapsed_s: float, *, is_last: bool) -> RowLogged:
        """Return the row of a run that trains; `elapsed_s` are the seconds of the experiment."""
        epoch, settings = self.epoch(run), run.settings
        return RowLogged(
            step=self.step,
            run=run.number,
            epoch=epoch,
            elapsed_s=elapsed_s - run.joined_at_s,
            head=settings.head,
            l2=settings.l2,
            learning_rate=settings.learning_rate_at(epoch),
            train_loss=figures.train_loss,
            l2_penalty=figures.l2_penalty,
            test_loss=figures.test_loss,
            train_accuracy=figures.train_accuracy,
            test_accuracy=figures.test_accuracy,
            is_report=is_last or self.is_report(run),
        )

    def is_report(self, run: RunState) -> bool:
        """Return whether the accuracy log has a line for the present epoch of a run that trains."""
        epoch = self.epoch(run)
        return epoch == run.epochs or self.settings.is_report_point(epoch)

    def end_of(self, run: RunState, row: RowLogged) -> str | None:
        """Take in a row of finite values; return why the run ends with it, None if it goes on."""
        outcome: str | None = None
        is_at_end = row.epoch == run.epochs
        # A row between log points is there because somebody stopped: whether they did must not matter.
        if is_at_end or self.settings.is_log_point(row.epoch):
            outcome = run.goals.take(row, run.settings.stop_at, run.settings.patience)
        return "finished" if is_at_end and outcome != REACHED else outcome

    def parameters(self, run: RunState) -> tuple[Tensor, Tensor]:
        """Return weight (classes, features) and bias (classes,) on the CPU."""
        return run.parameters or self.engine.parameters(run.number)

    def shown(self, run: RunState) -> ParametersSnapshot:
        """Return the parameters of a run as they are now, to be looked at."""
        weight, bias = self.parameters(run)
        epoch = self.epoch(run) if run.is_training else run.logged_epoch
        return ParametersSnapshot(
            self.step, run.number, epoch, run.settings.head, weight.numpy(), bias.numpy()
        )

    def optimizer_state(self, run: RunState) -> dict[str, Any] | None:
        """Return what the optimizer of a run remembers, or None."""
        return self.engine.optimizer_state(run.number) if run.is_training else run.optimizer_state

    def snapshot_parameters(self, run: RunState) -> tuple[Tensor, Tensor]:
        """Return the parameters of a run's last finite row, likewise."""
        return run.parameters or self.engine.snapshot_parameters(run.number)
