"""The state of a run, from its rows: the distance of its loss, oscillation, plateaus, divergence.

No numpy is imported here, because the screen loads this module before the first frame.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from logreg_tui.core.analysis.trends import (
    RECENT_ROWS,
    Explosion,
    Plateau,
    explosion_of,
    first_row,
    plateau_of,
)
from logreg_tui.core.heads import SIGMOID, loss_floor
from logreg_tui.core.settings import RunSettings
from logreg_tui.core.text import loss_text
from logreg_tui.core.training.history import COLUMNS, History, RunHistory

if TYPE_CHECKING:
    from logreg_tui.core.analysis.inspection import HeadFacts
    from logreg_tui.core.training.events import RowLogged

MOST_SIGN_CHANGES = 7
"""A train loss whose differences change sign more often than this in RECENT_ROWS oscillates."""
LEAST_SWING = 1e-4
"""Sign changes within this share of the loss are rounding, no oscillation."""
OVERFIT = 0.01
"""A test loss this share above its lowest, while the train loss went on falling, is overfitted."""
DIVERGED = "diverged"
EXPLODED = "exploded"
STALLS = "stalls"
CONVERGED = "converged"


@dataclass(frozen=True, slots=True)
class Lowest:
    """The row with the lowest test loss since the last knob turn."""

    epoch: int
    train_loss: float
    test_loss: float


@dataclass(frozen=True, slots=True)
class RunDiagnosis:
    """The figures of a run that its explanation and the advice on it follow from."""

    settings: RunSettings
    status: str
    epochs: int
    """Planned."""
    classes: int
    last: RowLogged
    first_loss: float
    """Train loss of the first row with the present head."""
    recent: tuple[float, ...]
    """Train losses of the newest rows since the last knob turn, RECENT_ROWS + 1 at most."""
    recent_accuracies: tuple[float, ...]
    """Test accuracies of the newer half of these rows."""
    lowest: Lowest
    plateau: Plateau | None = None
    explosion: Explosion | None = None
    pixels: str | None = None
    """None if it is not known."""
    facts: HeadFacts | None = None
    directory: str = "DIR"
    cause: str = ""
    """The value that diverged."""

    @property
    def floor(self) -> float:
        """The loss below which no training gets, in nats: ln(1 + (C - 1)/e) for a sigmoid, else 0."""
        return loss_floor(self.classes) if self.settings.head == SIGMOID else 0.0

    @property
    def distance(self) -> float:
        """Train loss above the floor."""
        return self.last.train_loss - self.floor

    @property
    def takes_knobs(self) -> bool:
        """True if its knobs can be turned: it has not ended."""
        return self.status == "training"

    @property
    def sign_changes(self) -> int:
        """Sign changes of the train loss's differences from row to row, in the newest rows."""
        changes = [after - before for before, after in pairwise(self.recent)]
        return sum(before * after < 0 for before, after in pairwise(changes))

    @property
    def oscillates(self) -> bool:
        """True if the train loss goes up and down rather than down."""
        if self.sign_changes <= MOST_SIGN_CHANGES:
            return False
        return max(self.recent) - min(self.recent) > LEAST_SWING * max(self.recent)

    @property
    def penalty_share(self) -> float:
        """L2 penalty as a share of the objective above the floor."""
        above = self.distance + self.last.l2_penalty
        return self.last.l2_penalty / above if above > 0 else 0.0

    @property
    def penalty_of_objective(self) -> float:
        """L2 penalty as a share of the whole objective."""
        return self.last.l2_penalty / self.last.objective if self.last.l2_penalty else 0.0

    @property
    def overfits(self) -> bool:
        """True if the test loss has risen while the train loss fell."""
        has_risen = self.last.test_loss > (1 + OVERFIT) * self.lowest.test_loss
        return has_risen and self.last.train_loss < self.lowest.train_loss and not self.oscillates


def diagnose(
    run: RunHistory,
    classes: int,
    pixels: str | None,
    facts: HeadFacts | None,
    directory: str = "DIR",
    until: int | None = None,
) -> RunDiagnosis | None:
    """Return the diagnosis of a run from its rows up to epoch `until`, or None while it has no row."""
    epochs, train, test, accuracies = run.columns.read("epoch", "train_loss", "test_loss", "test_accuracy")
    if until is not None:
        epochs = epochs[: int(epochs.searchsorted(until, side="right"))]
    count = len(epochs)
    if run.last is None or not count:
        return None
    last, train, test = _row(run, count - 1), train[:count], test[:count]
    # A knob that was turned just now may have no row behind it yet.
    start = min(first_row(run, epochs), count - 1)
    start_of_head = min(first_row(run, epochs, of_head=True), count - 1)
    best = start + int(test[start:].argmin())
    recent = train[start:][-RECENT_ROWS - 1 :].tolist()
    return RunDiagnosis(
        run.settings,
        run.status,
        run.epochs,
        classes,
        last,
        first_loss=float(train[start_of_head]),
        recent=tuple(recent),
        recent_accuracies=tuple(accuracies[count - 1 - (len(recent) - 1) // 2 : count].tolist()),
        lowest=Lowest(int(epochs[best]), float(train[best]), float(test[best])),
        plateau=plateau_of(run),
        explosion=explosion_of(run),
        pixels=pixels,
        facts=facts,
        directory=directory,
        cause=run.marks[-1].text if run.status == DIVERGED and run.marks else "",
    )


def _row(run: RunHistory, at: int) -> RowLogged:
    """Return the row at a place, the newest with its own head and lambda."""
    assert run.last is not None
    if at == len(run.columns) - 1:
        return run.last
    columns = zip(COLUMNS, run.columns.read(*COLUMNS), strict=True)
    values: dict[str, Any] = {name: float(column[at]) for name, column in columns}
    return replace(run.last, **{**values, "epoch": int(values["epoch"])})


@dataclass(frozen=True, slots=True)
class Alarm:
    """One thing that somebody should know about a run."""

    run: int
    kind: str
    """DIVERGED, EXPLODED, STALLS or CONVERGED."""
    epoch: int
    """The run's epoch at which it diverged, or since which its loss is too large or does not fall."""
    epochs: int = 0
    """Of a plateau: the number of epochs that were looked at."""
    cause: str = ""
    """Of a divergence or explosion: the value, such as `train_loss is nan`."""
    knob_turns: int = 0
    """Knobs turned before: after another turn a later plateau is another one."""

    @property
    def key(self) -> tuple[int, str, int]:
        """Equal while it is the same alarm."""
        return self.run, self.kind, self.knob_turns


def alarms(history: History) -> list[Alarm]:
    """Return the alarms of all runs, the newest first.

    Divergences and explosions of all runs, plateaus of runs that train.
    """
    found = [pair for run in history.runs.values() if (pair := _alarm_of(run)) is not None]
    return [alarm for _, alarm in sorted(found, key=lambda pair: (pair[0], pair[1].run), reverse=True)]


def _alarm_of(run: RunHistory) -> tuple[int, Alarm] | None:
    """Return the step at which a run's alarm was due, and the alarm; None if it gives none."""
    if run.status == DIVERGED and run.ended_at is not None:
        cause = run.marks[-1].detail if run.marks else ""
        return run.joined_at + run.ended_at, Alarm(run.number, DIVERGED, run.ended_at, cause=cause)
    knob_turns = len(run.marks)
    if run.last is not None and (explosion := explosion_of(run)) is not None:
        cause = f"train loss {loss_text(run.last.train_loss)}, {loss_text(explosion.first_loss)} at its start"
        alarm = Alarm(run.number, EXPLODED, explosion.since, cause=cause, knob_turns=knob_turns)
        return run.joined_at + explosion.since, alarm
    plateau = plateau_of(run) if run.is_training else None
    if plateau is None:
        return None
    kind = CONVERGED if plateau.is_converged else STALLS
    alarm = Alarm(run.number, kind, plateau.since, plateau.epochs, knob_turns=knob_turns)
    return run.joined_at + plateau.since + plateau.epochs, alarm
