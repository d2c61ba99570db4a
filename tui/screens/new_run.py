"""The form for a new run, filled with the settings of the selected one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Button, Input, Label, Static

from logreg_tui.core.errors import UsageError
from logreg_tui.core.goals import parse_goal
from logreg_tui.core.heads import HEADS
from logreg_tui.core.optimizers import OPTIMIZERS, WITH_MOMENTUM, Optimizer, check_share
from logreg_tui.core.settings import (
    DEFAULT_GAMMA,
    SCHEDULES,
    RunSettings,
    Schedule,
    check_l2,
    check_learning_rate,
    check_positive,
    check_seed,
    parse_integer,
    parse_number,
)
from logreg_tui.tui.screens.dialog import Dialog
from logreg_tui.tui.theme import Glyphs
from logreg_tui.tui.widgets.controls import Choice, NumberInput


class NewRunScreen(Dialog[RunSettings | None]):
    """Returns checked settings, or None; a bad value is named under its field."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "submit", "Start the run", show=False)]
    AUTO_FOCUS = "#new-head"

    def __init__(self, settings: RunSettings, epochs: int, *, glyphs: Glyphs) -> None:
        super().__init__(glyphs=glyphs)
        self._settings = settings
        self._epochs = epochs

    def compose(self) -> ComposeResult:
        """Yield a row per setting, an error line under each number, and the buttons."""
        settings, schedule, optimizer = self._settings, self._settings.schedule, self._settings.optimizer
        with VerticalScroll(classes="dialog", can_focus=False) as box:
            box.border_title = "New run"
            box.border_subtitle = "enter starts it, escape cancels"
            for label, field in (
                ("Head", Choice(HEADS, settings.head, glyphs=self.glyphs, id="new-head")),
                (f"L2 {self.glyphs.lambda_}", NumberInput(f"{settings.l2:g}", id="new-l2")),
                ("Learning rate", NumberInput(f"{settings.learning_rate:g}", id="new-rate")),
                ("Seed", NumberInput(str(settings.seed), id="new-seed")),
                ("Optimizer", Choice(OPTIMIZERS, optimizer.kind, glyphs=self.glyphs, id="new-optimizer")),
                ("Momentum", NumberInput(f"{optimizer.momentum:g}", id="new-momentum")),
                ("Betas", NumberInput("{:g} {:g}".format(*optimizer.betas), id="new-betas")),
                ("Schedule", Choice(SCHEDULES, schedule.kind, glyphs=self.glyphs, id="new-schedule")),
                ("Step size", NumberInput(str(schedule.step_size), id="new-step-size")),
                ("Gamma", NumberInput(f"{schedule.gamma:g}", id="new-gamma")),
                ("Stop at", NumberInput(str(settings.stop_at or ""), id="new-stop-at")),
                ("Patience", NumberInput(str(settings.patience or ""), id="new-patience")),
            ):
                with Horizontal(classes="field", id=f"{field.id}-row"):
                    yield Label(label, classes="field-label")
                    yield field
                if isinstance(field, NumberInput):
                    yield Static(id=f"{field.id}-error", classes="field-error", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Start run", variant="primary", compact=True, id="submit")
                yield Button("Cancel", compact=True, id="cancel")

    def on_mount(self) -> None:
        """Show the fields that schedule and optimizer have."""
        super().on_mount()
        self._show_fields_of(self._settings.schedule.kind)
        self._show_fields_of(self._settings.optimizer.kind)

    @on(Choice.Chosen, "#new-optimizer")
    def adapt_to_optimizer(self, event: Choice.Chosen) -> None:
        """Offer what belongs to the optimizer chosen."""
        self._show_fields_of(event.value)

    @on(Choice.Chosen, "#new-schedule")
    def adapt_to_schedule(self, event: Choice.Chosen) -> None:
        """Offer the usual gamma of the schedule chosen."""
        before = self._settings.schedule
        gamma = before.gamma if event.value == before.kind else DEFAULT_GAMMA.get(event.value, before.gamma)
        self.query_one("#new-gamma", NumberInput).value = f"{gamma:g}"
        self._show_fields_of(event.value)

    def _show_fields_of(self, kind: str) -> None:
        """Show the fields of a schedule or an optimizer, and none of the others of its sort."""
        fields_of = next(fields for fields in (SCHEDULE_FIELDS, OPTIMIZER_FIELDS) if kind in fields)
        for name in {name for names in fields_of.values() for name in names}:
            self.query_one(f"#{name}-row").display = name in fields_of[kind]
            if name not in fields_of[kind]:
                self._show_error(name, "")

    @on(Input.Submitted)
    @on(Button.Pressed, "#submit")
    def action_submit(self) -> None:
        """Return the settings, or show what is wrong and go there."""
        kind, optimizer = (self.query_one(f"#new-{name}", Choice).value for name in ("schedule", "optimizer"))
        names = (*ALWAYS, *OPTIMIZER_FIELDS[optimizer], *SCHEDULE_FIELDS[kind])
        values: dict[str, Any] = {}
        wrong = [name for name in names if not self._read(name, values)]
        if wrong:
            self.query_one(f"#{wrong[0]}").focus()
        else:
            self.dismiss(self._settings_of(kind, optimizer, values))

    def _settings_of(self, kind: str, optimizer: str, values: dict[str, Any]) -> RunSettings:
        before = self._settings.schedule
        period = before.period if before.kind == kind == "cosine" else self._epochs
        schedule = Schedule(
            kind, values.get("new-step-size", before.step_size), values.get("new-gamma", 1.0), period
        )
        head = self.query_one("#new-head", Choice).value
        l2, rate, seed, stop_at, patience = (values[name] for name in ALWAYS)
        chosen = Optimizer.of(optimizer, values.get("new-momentum"), values.get("new-betas"))
        return RunSettings(head, l2, rate, seed, schedule, chosen, stop_at, patience)

    def _read(self, name: str, values: dict[str, Any]) -> bool:
        """Add the value of a field, or show why it is refused and return False."""
        error = ""
        try:
            values[name] = PARSERS[name](self.query_one(f"#{name}", NumberInput).value)
        except UsageError as refusal:
            error = str(refusal)
        self._show_error(name, error)
        return not error

    def _show_error(self, name: str, error: str) -> None:
        line = self.query_one(f"#{name}-error", Static)
        line.update(self.glyphs.shown(error))
        line.set_class(bool(error), "-shown")


def _parse_betas(text: str) -> tuple[float, float]:
    betas = [check_share("beta", parse_number(word)) for word in text.replace(",", " ").split()]
    if len(betas) != 2:
        raise UsageError(f"{text!r} are not the two betas of adam, such as 0.9 0.999")
    return betas[0], betas[1]


ALWAYS = ("new-l2", "new-rate", "new-seed", "new-stop-at", "new-patience")
SCHEDULE_FIELDS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(SCHEDULES, ()),
    "step": ("new-step-size", "new-gamma"),
    "exponential": ("new-gamma",),
}
OPTIMIZER_FIELDS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(OPTIMIZERS, ()),
    **dict.fromkeys(WITH_MOMENTUM, ("new-momentum",)),
    "adam": ("new-betas",),
}
PARSERS: dict[str, Callable[[str], object]] = {
    "new-l2": lambda text: check_l2(parse_number(text)),
    "new-rate": lambda text: check_learning_rate(parse_number(text)),
    "new-seed": lambda text: check_seed(parse_integer(text)),
    "new-momentum": lambda text: check_share("momentum", parse_number(text)),
    "new-betas": _parse_betas,
    "new-step-size": lambda text: Schedule(step_size=parse_integer(text)).step_size,
    "new-stop-at": lambda text: parse_goal(text) if text.strip() else None,
    "new-patience": lambda text: check_positive("patience", parse_integer(text)) if text.strip() else None,
    "new-gamma": lambda text: Schedule(gamma=parse_number(text)).gamma,
}
