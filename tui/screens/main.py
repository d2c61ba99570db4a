"""The main screen: its widgets, its answers to the training and to the controls, and when it is painted."""

from __future__ import annotations

import math
from collections.abc import Callable
from time import monotonic, perf_counter

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container
from textual.widgets import ContentSwitcher, Static

from logreg_tui.core.analysis.diagnostics import EXPLODED
from logreg_tui.core.errors import UsageError
from logreg_tui.core.training import events as core_events
from logreg_tui.core.training.events import Event
from logreg_tui.core.training.requests import Pause, ShowParameters
from logreg_tui.core.training.snapshots import DatasetLoaded
from logreg_tui.tui.messages import Preparing, TrainingEnded, TrainingEvents
from logreg_tui.tui.pending_requests import PendingRequests
from logreg_tui.tui.screens import commands
from logreg_tui.tui.screens.borders import border_at, size_at
from logreg_tui.tui.screens.context import ScreenContext
from logreg_tui.tui.screens.main_actions import TABS, WIDE, MainActions
from logreg_tui.tui.screens.painter import CHART_REST, MOVING, Painter
from logreg_tui.tui.screens.training_actions import NEEDS
from logreg_tui.tui.widgets.compare.panel import ComparePanel
from logreg_tui.tui.widgets.curves.mini import MiniView
from logreg_tui.tui.widgets.curves.panel import LossChart
from logreg_tui.tui.widgets.frame.accuracy_log import AccuracyLog
from logreg_tui.tui.widgets.frame.banner import Banner
from logreg_tui.tui.widgets.frame.command_line import COMMAND, FILTER, CommandLine
from logreg_tui.tui.widgets.frame.header import HeaderLine, state_word
from logreg_tui.tui.widgets.frame.key_footer import KeyFooter
from logreg_tui.tui.widgets.frame.machine_line import MachineLine
from logreg_tui.tui.widgets.frame.status import StatusLine
from logreg_tui.tui.widgets.frame.tab_line import TabLine
from logreg_tui.tui.widgets.mistakes.panel import MistakesPanel
from logreg_tui.tui.widgets.panel import ParametersPanel
from logreg_tui.tui.widgets.runs.knobs import Knobs
from logreg_tui.tui.widgets.runs.run_list import RunList
from logreg_tui.tui.widgets.weights.panel import WeightsPanel
from logreg_tui.tui.widgets.why.panel import WhyPanel

ALL_ENDED = "all runs finished - m trains on, n, c or r adds one, q quits"

ROWS_WIDTH = 12
"""Cells of the status line that a hint leaves to the number of rows."""
GLANCE_REST_S = 1.0
"""Seconds between two looks at alarms, the machine and the accuracies in the list."""


class MainScreen(MainActions):
    """Runs, knobs, chart, accuracy log and status of one experiment."""

    AUTO_FOCUS = "RunList"

    def __init__(self, context: ScreenContext, *, fps: float, clock: Callable[[], float] = monotonic) -> None:
        super().__init__(context)
        self._fps = fps
        self._clock = clock
        self._enabled: tuple[bool, ...] = ()
        self._border: str | None = None
        """The border that the mouse drags."""
        self._glance_at = -math.inf
        self._glance_s = 0.0
        """Seconds that the last glance took on the UI thread."""

    def compose(self) -> ComposeResult:
        """Yield everything once; the style sheet arranges it by the size of the terminal."""
        glyphs = self.context.glyphs
        yield MiniView(glyphs=glyphs, id="mini")
        yield HeaderLine(glyphs=glyphs, id="header")
        yield Static(id="notice", markup=False)
        yield Static(id="failure", markup=False)
        yield Banner(glyphs=glyphs, id="banner")
        with Container(id="body"):
            with Container(id="chart"):
                yield TabLine([name.title() for name in TABS], id="tabs")
                with ContentSwitcher(initial=TABS[0], id="panels"):
                    yield LossChart(glyphs=glyphs, id="curves")
                    yield WeightsPanel(glyphs=glyphs, id="weights")
                    yield MistakesPanel(glyphs=glyphs, id="mistakes")
                    yield ComparePanel(glyphs=glyphs, id="compare")
                    yield WhyPanel(glyphs=glyphs, id="why")
            with Container(id="side"):
                yield RunList(glyphs=glyphs, id="runs")
                yield Knobs(glyphs=glyphs, id="knobs")
                yield AccuracyLog(glyphs=glyphs, id="log")
        yield MachineLine(glyphs=glyphs, id="machine")
        yield StatusLine(glyphs=glyphs, id="status")
        yield CommandLine(commands.completed, id="command")
        yield KeyFooter()

    def on_mount(self) -> None:
        """Prepare what draws; the training starts once the first frame is on the screen."""
        self.query_one(RunList).border_title = "Runs"
        self.query_one(AccuracyLog).border_title = "Accuracy"
        self.query_one(Knobs).border_title = "Run"
        for panel in self.query(ParametersPanel):
            panel.is_watching = self.context.is_watching
            panel.images = self.context.graphics.sheet()
        chart, liked = self.query_one(LossChart), self.context.preferences
        chart.log_x, chart.log_y = liked.log_x, liked.log_y
        chart.metric = "accuracy" if liked.accuracy else "loss"
        chart.clock = "seconds" if liked.by_seconds else "epochs"
        self.pending = PendingRequests(self.context.control)
        self.painter = Painter(self, self.context.history, self.pending, self._clock)
        if self.context.starts_paused:
            self.pending.send(Pause())
        self.app.theme_changed_signal.subscribe(self, lambda _: self._repaint())
        self.set_interval(1 / self._fps, self._tick)
        # Textual draws the frames first and what is in them next: what the training's thread imports would
        # hold that up.
        self.call_after_refresh(self.call_after_refresh, self.context.start_training, self.post_message)

    # Messages of the training

    @on(Preparing)
    def show_preparation(self, message: Preparing) -> None:
        self.painter.note = message.text
        self.paint()

    @on(TrainingEvents)
    def take_events(self, message: TrainingEvents) -> None:
        """Show events that History has taken in already, however many there are by one painting."""
        happened = message.take()
        for event in happened:
            self._take(event)
        if any(isinstance(event, core_events.RunDiverged) for event in happened):
            self._glance()
        self.paint()

    def _take(self, event: Event) -> None:
        self.pending.take(event)
        match event:
            case core_events.ExperimentStarted(notice=notice, engine=engine, device=device):
                if notice or engine:
                    self._show_line("#notice", "; ".join(filter(None, (notice, engine))))
                if self.context.sampler is not None:
                    self.context.sampler.start(device)
                if self.context.preferences.tab > 1:
                    self.action_show_tab(self.context.preferences.tab - 1)
            case DatasetLoaded(dataset=dataset):
                self.query_one(WhyPanel).pixels = dataset.pixels
            case core_events.RunStarted(run=run) if self.selected_number is None or self.expects_run:
                self.selected_number, self.expects_run = run, False
            case core_events.EngineChanged(reason=reason):
                self._show_line("#notice", reason)
            case core_events.RequestRefused(text=text):
                self.notify(self.context.glyphs.shown(text), severity="warning", markup=False)
            case core_events.WriteRefused(text=text):
                self._show_line("#failure", f"{text}: training waits; mend that, then press space")
            case core_events.Resumed() | core_events.Paused():
                self.query_one("#failure").remove_class("-shown")
            case core_events.AllRunsEnded() if not self.context.is_watching:
                # Else the hint says it, in the line that a notification would cover.
                if not self.hints.is_due("done") or not self.query_one(StatusLine).display:
                    self.notify(ALL_ENDED, markup=False)

    @on(TrainingEnded)
    def end_training(self, message: TrainingEnded) -> None:
        """Leave if there is nothing to look at, else show that it is over, and if it failed, loudly why."""
        self.is_over, outcome = True, message.outcome
        if self.context.history.experiment is None:
            self.app.exit(return_code=outcome.status)
            return
        if outcome.error is not None:
            self.failure = outcome
            self._show_line("#failure", outcome.error)
        self.paint()

    def _show_line(self, selector: str, text: str) -> None:
        line = self.query_one(selector, Static)
        line.update(self.context.glyphs.shown(text))
        line.add_class("-shown")

    # Painting

    def _tick(self) -> None:
        self.painter.tick(self.state, self.selected_number)
        # Of many runs a glance takes long: it rests in proportion, as the chart does.
        rest = max(GLANCE_REST_S, CHART_REST * self._glance_s)
        if self._clock() - self._glance_at >= rest and not self.painter.is_frozen:
            start = perf_counter()
            self._glance()
            self._glance_s = perf_counter() - start

    def _glance(self) -> None:
        """Show the slow changes: alarms, the machine, the accuracies in the list."""
        self._glance_at = self._clock()
        banner = self.query_one(Banner)
        banner.show(self.painter.view, self.selected_number, can_restart=self.can("restart_slower"))
        self.painter.verdicts = banner.kinds
        self._show_hint()
        # While nothing trains nothing is sent to the terminal.
        if self.context.sampler is not None and self.state in MOVING:
            self.query_one(MachineLine).show(self.context.sampler.samples)
        self._show_runs()

    def paint(self) -> None:
        """Show at once the change by an event or a key."""
        state = f"watching: {state_word(self.state)}" if self.context.is_watching else self.state
        self.query_one(HeaderLine).show(self.context.history.experiment, state, self.painter.is_frozen)
        self._show_runs()
        self.painter.paint(self.state, self.selected_number)
        self._show_hint()
        is_paused = self.state in ("paused", "blocked")
        enabled = (is_paused, *map(self.can, NEEDS))
        if enabled != self._enabled:
            self._enabled = enabled
            self.query_one(KeyFooter).is_paused = is_paused
            self.refresh_bindings()

    def _show_hint(self) -> None:
        hints, banner, status = self.hints, self.query_one(Banner), self.query_one(StatusLine)
        # Beside it stands how many rows there are.
        width, text = self.size.width - 2 - ROWS_WIDTH, ""
        if not self.context.is_watching:
            number, verdicts = self.selected_number, self.painter.verdicts
            text = hints.text(self.context.history, number, verdicts, self.tab, width)
        if not hints.advises_on_a_plateau and (plateau := banner.plateau(width)):
            status.show_hint(self.context.glyphs.shown(plateau), banner.plateau_kind)
        else:
            status.show_hint(self.context.glyphs.shown(text))
        self.context.remember(hints_gone=hints.gone)

    def _show_runs(self) -> None:
        """Show the list of runs and the knobs of the selected one."""
        run = self.selected
        if run is None:
            return
        run_list = self.query_one(RunList)
        lines = self.run_lines()
        self.query_one(ComparePanel).show_only(self.lets_through, self.painter.verdicts)
        run_list.hidden_runs = self.hidden_runs
        run_list.show(lines, self.filter, self.lets_through)
        hidden = (line.number for line in lines if not run_list.lets_through(line)) if self.filter else ()
        self.painter.filtered_out = frozenset(hidden)
        self.query_one(LossChart).hidden_runs = self.hidden_runs | self.painter.filtered_out
        run_list.select(run.number)
        has_exploded = self.painter.verdicts.get(run.number) == EXPLODED
        status = EXPLODED if has_exploded else self.context.history.status(run)
        title = f"Run {run.number}" if status == "training" else f"Run {run.number} ({status})"
        had_focus = self.focused is not None and self.query_one(Knobs) in self.focused.ancestors
        self.query_one(Knobs).show(run.number, title, self.pending.settings(run), self.can("switch_head"))
        if had_focus and not self.can("switch_head"):
            run_list.focus()

    def _repaint(self) -> None:
        self.query_one(RunList).redraw()
        self.paint()
        self._glance()

    def on_resize(self, event: events.Resize) -> None:
        """Draw the lines for the new width once the widgets have it."""
        if event.size == self.size:
            self.apply_sizes()
            self.call_after_refresh(self._focus_something)

    def on_screen_resume(self) -> None:
        """Catch up with changes under a dialog, the size of the terminal among them."""
        self.call_after_refresh(self._after_resize)

    def _after_resize(self) -> None:
        self.paint()
        self._focus_something()

    def _focus_something(self) -> None:
        if self.focused is None:
            self.query_one(RunList).focus()

    # Borders that the mouse drags

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Take hold of a border between panels."""
        if event.button == 1 and self.size.width >= WIDE and self.zoomed is None:
            self._border = border_at(self, event.screen_x, event.screen_y)
            if self._border is not None:
                # The screen itself cannot: it forwards what it has captured.
                self.query_one("#body").capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Move the border with the pointer."""
        if self._border is not None:
            size = size_at(self, self._border, event.screen_x, event.screen_y)
            if getattr(self.context.preferences, self._border) != size:
                self.context.remember(**{self._border: size})
                self.apply_sizes()

    def on_mouse_up(self) -> None:
        """Let go of the border."""
        if self._border is not None:
            self._border = None
            self.query_one("#body").release_mouse()

    @on(LossChart.Divided)
    def keep_division(self, event: LossChart.Divided) -> None:
        self.context.remember(second_height=event.lines)

    # Messages of the widgets

    @on(StatusLine.Dismissed)
    def click_hint(self) -> None:
        self.dismiss_hint()

    @on(CommandLine.Typed)
    def remark_on_typing(self, event: CommandLine.Typed) -> None:
        """Carry out a filter while it is typed, and say what is known of a command."""
        line = self.query_one(CommandLine)
        if event.prompt == COMMAND:
            line.remark(self.context.glyphs.shown(commands.remark(self, event.text)))
            return
        try:
            self.set_filter(event.text)
        except UsageError as error:
            line.remark(self.context.glyphs.shown(str(error)), is_wrong=True)
        else:
            line.remark(self.filter_result)

    @on(CommandLine.Entered)
    def enter_line(self, event: CommandLine.Entered) -> None:
        """Carry out what was typed, or say what is wrong with it."""
        line = self.query_one(CommandLine)
        try:
            if event.prompt == COMMAND:
                commands.execute(self, event.text)
            else:
                self.set_filter(event.text)
        except UsageError as error:
            line.remark(self.context.glyphs.shown(str(error)), is_wrong=True)
        else:
            line.close()
            self.paint()

    @on(CommandLine.Left)
    def leave_line(self, event: CommandLine.Left) -> None:
        """Show all runs again if a filter was given up."""
        if event.prompt == FILTER:
            self.set_filter("")

    @on(TabLine.Chosen)
    def choose_tab(self, event: TabLine.Chosen) -> None:
        self.action_show_tab(event.index)

    @on(WhyPanel.AdviceChosen)
    async def follow_advice(self, event: WhyPanel.AdviceChosen) -> None:
        await self.carry_out(event.action)

    @on(ComparePanel.Pinned)
    def pin_run(self, event: ComparePanel.Pinned) -> None:
        """Keep the run that others are compared with on top of the list too."""
        if event.run is not None:
            self.query_one(RunList).pinned |= {event.run}
            self._show_runs()

    @on(ComparePanel.Selected)
    def select_compared(self, event: ComparePanel.Selected) -> None:
        self.selected_number = event.run
        self.paint()

    @on(ComparePanel.ParametersWanted)
    def show_parameters(self, event: ComparePanel.ParametersWanted) -> None:
        self.pending.send(ShowParameters(event.run))

    @on(RunList.Clicked)
    def click_run(self, event: RunList.Clicked) -> None:
        self.toggle_run(event.run)

    @on(RunList.Selected)
    def select_run(self, event: RunList.Selected) -> None:
        self.selected_number = event.run
        self.paint()

    @on(Knobs.L2Toggled)
    def switch_l2(self, event: Knobs.L2Toggled) -> None:
        run = self.context.history.runs[event.run]
        if event.on != bool(self.pending.settings(run).l2):
            self.change(run, "l2", self.pending.last_l2(run) if event.on else 0.0)

    @on(Knobs.Turned)
    def turn_knob(self, event: Knobs.Turned) -> None:
        self.change(self.context.history.runs[event.run], event.name, event.value)
