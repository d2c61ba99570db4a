"""The app: one main screen over a training that runs on a thread of its own.

Loads neither torch nor numpy nor plotext: the first frame does not wait for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import ClassVar

from textual import on
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.filter import LineFilter
from textual.message import Message
from textual.screen import Screen
from textual.theme import ThemeProvider
from textual.worker import WorkerFailed, get_current_worker

from logreg_tui.core.hardware import Sampler
from logreg_tui.core.settings import PROGRAM, RunSettings
from logreg_tui.core.training.events import ExperimentResumed
from logreg_tui.core.training.history import History
from logreg_tui.core.training.requests import Control, Leave
from logreg_tui.tui.actions import ACTIONS
from logreg_tui.tui.app.announcer import Announcer
from logreg_tui.tui.app.driver import QUIT_WITHIN_S, ThriftyDriver
from logreg_tui.tui.app.runner import Runner, StartTraining
from logreg_tui.tui.app.signals import TerminalGone
from logreg_tui.tui.app.watchdog import Watchdog, ask_screen, report_stuck_screen
from logreg_tui.tui.graphics import BLOCKS, KITTY, Graphics, inside_tmux
from logreg_tui.tui.messages import Outcome, TrainingEvents
from logreg_tui.tui.preferences import Preferences, save
from logreg_tui.tui.screens.main import MainScreen
from logreg_tui.tui.screens.palette import Palette
from logreg_tui.tui.theme import ASCII, UNICODE, WithoutColor
from logreg_tui.tui.widgets.few_colors import FewColors, system_of
from logreg_tui.tui.widgets.readable import ReadableText

ANNOUNCE_REST_S = 1.0
"""Seconds between two looks at what the terminal is told."""


class LogRegApp(App[None]):
    """Starts a training, shows it, and tells it what the user wants."""

    TITLE = PROGRAM
    CSS_PATH = Path(__file__).with_name("app.tcss")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+z", "suspend_process", show=False),
        Binding("ctrl+l", "repaint", show=False),
    ]
    HORIZONTAL_BREAKPOINTS = [(0, "-w-tiny"), (60, "-w-narrow"), (80, "-w-medium"), (104, "-w-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-h-tiny"), (20, "-h-short"), (30, "-h-normal"), (46, "-h-tall")]

    def __init__(
        self,
        start: StartTraining,
        *,
        fps: float = 4,
        paused: bool = False,
        ascii_only: bool = False,
        watching: bool = False,
        defaults: RunSettings = RunSettings(),  # noqa: B008  frozen
        preferences: Preferences | None = None,
        sampler: Sampler | None = None,
        notify: str = "unfocused",
        graphics: str = BLOCKS,
    ) -> None:
        """Without preferences nothing is remembered; without a sampler the machine is not shown.

        `notify` says when news ring: `always`, `never`, or `unfocused`, while another window has the focus.
        `graphics` is the terminal's protocol for images: `kitty`, `sixel`, or `blocks` for none.
        """
        super().__init__()
        self.sampler = sampler
        self.preferences = preferences or Preferences()
        self._remembers = preferences is not None
        self.history = History()
        self.control = Control()
        self.runner = Runner(start, self.control, self.history)
        self.crash: Exception | None = None
        """An error of the screen that nobody foresaw."""
        self.defaults = defaults
        self.starts_paused = paused
        self.is_watching = watching
        """True if another process trains: then there is nothing to ask for."""
        self.glyphs = ASCII if ascii_only else UNICODE
        self.is_detached = False
        """True if the user left and wants the training to go on without a screen."""
        self.animation_level = "none"
        self._announcer = Announcer(self.history, joins_late=watching)
        self._notify = notify
        self._title = ""
        self.graphics = Graphics(
            graphics if issubclass(self.driver_class, ThriftyDriver) else BLOCKS,
            in_tmux=graphics == KITTY and inside_tmux(),
        )
        self._fps = fps
        self._interrupted_at: float | None = None
        self.set_class(ascii_only, "-ascii")
        self._without_color = WithoutColor()
        self._readable = ReadableText()
        self._watchdog = Watchdog(partial(ask_screen, self), partial(report_stuck_screen, self))

    def on_mount(self) -> None:
        if self.preferences.theme in self.available_themes:
            self.theme = self.preferences.theme
        self.theme_changed_signal.subscribe(self, lambda theme: self.remember(theme=theme.name))
        self.set_interval(ANNOUNCE_REST_S, self._announce)

    def _announce(self) -> None:
        """Tell the terminal the title, if it has changed, and ring for what is new."""
        if (title := self._announcer.title()) != self._title:
            self._title = title
            self.tell_terminal(f"\x1b]2;{title}\x07")
        news = self._announcer.news(self.outcome.error)
        # The terminal reports the focus; one that does not is taken for focused.
        if self._notify == "never" or (self._notify == "unfocused" and self.app_focus):
            return
        for text in news:
            # The bell for those that know no notifications.
            self.tell_terminal(f"\x07\x1b]9;{PROGRAM}: {text}\x07")

    def tell_terminal(self, data: str) -> None:
        """Send the terminal what changes nothing on the screen."""
        if isinstance(self._driver, ThriftyDriver):
            self._driver.tell(data)

    @on(TrainingEvents)
    def note_resume(self, message: TrainingEvents) -> None:
        """Ring for nothing that had happened before this process took over."""
        if any(isinstance(event, ExperimentResumed) for event in message.take()):
            self._announcer.note_resume()

    def remember(self, **choices: object) -> None:
        """Keep choices of view, named as in Preferences, for the next start."""
        changed = replace(self.preferences, **choices)  # type: ignore[arg-type]
        if changed != self.preferences:
            self.preferences = changed
            if self._remembers:
                save(changed)

    @property
    def outcome(self) -> Outcome:
        """The end of the training; complete once the runner's thread has ended."""
        return self.runner.outcome

    def get_default_screen(self) -> Screen[None]:
        return MainScreen(self, fps=self._fps)

    def start_training(self, post: Callable[[Message], bool]) -> None:
        """Start the training thread, once the first frame is on the screen; `post` takes its messages."""
        self.runner.launch(post)
        if not self.is_headless:
            self._watchdog.start()

    def on_unmount(self) -> None:
        self._watchdog.stop()

    def get_driver_class(self) -> type[Driver]:
        """Return the driver that sends only what changed, unless the environment names another one."""
        chosen = super().get_driver_class()
        return ThriftyDriver if issubclass(ThriftyDriver, chosen) else chosen

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Return Textual's filters, then one that lets text be read, or under NO_COLOR one without colour.

        Textual's own for NO_COLOR leave shades of grey, and make a colour of what is dim.
        """
        if self.no_color:
            return [self._without_color]
        return [*super().get_line_filters(), self._readable, *map(FewColors, filter(None, [system_of(self)]))]

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Yield the actions that apply now, for the command palette."""
        if isinstance(screen, MainScreen):
            for action in ACTIONS:
                if screen.can(action.method):
                    title, text = f"{action.group}: {action.title}", f"{action.help} ({action.key})"
                    shown = self.glyphs.shown
                    yield SystemCommand(shown(title), shown(text), partial(screen.run_action, action.action))
        yield SystemCommand(
            "View: Change theme (dark, light)", "Dark, light and others", self.action_change_theme
        )

    def action_command_palette(self) -> None:
        if not isinstance(self.screen, Palette):
            self.push_screen(Palette("commands", glyphs=self.glyphs))

    def search_themes(self) -> None:
        self.push_screen(Palette("themes", [ThemeProvider], glyphs=self.glyphs))

    @on(Driver.SignalResume)
    def action_repaint(self) -> None:
        """Paint everything: after ctrl+z the terminal is empty, or something else has written into it."""
        if isinstance(self._driver, ThriftyDriver):
            self._driver.forget()
        self.refresh(layout=True)

    def restore_terminal(self) -> None:
        """Give the terminal back, from another thread than that of a screen that hangs."""
        if self._driver is not None:
            self._driver.stop_application_mode()
            self._driver.close()

    @on(TerminalGone)
    def close(self) -> None:
        """Close the screen; the caller of `run` decides about the training."""
        self.exit(return_code=self.outcome.status)

    def _handle_exception(self, error: Exception) -> None:
        if isinstance(error, WorkerFailed) and get_current_worker().node._pruning:
            # A screen that is being closed, such as the command palette in the middle of a search, has lost
            # what its worker looks for.
            return
        # Textual would print a traceback over the terminal; tests want it.
        if self.is_headless:
            super()._handle_exception(error)
            return
        if self.return_code is not None:
            # On its way out: a screen that was just opening finds nothing in itself, and nothing is lost.
            return
        self.crash = error
        self.exit(return_code=1)

    async def action_quit(self) -> None:
        """Ask the training to stop and close at once; the caller of `run` waits for the thread."""
        self.runner.request_stop()
        if self.sampler is not None:
            self.sampler.stop()
        self.exit(return_code=self.outcome.status)

    def detach(self) -> None:
        """Close the screen; the caller of `run` lets the training go on in another process."""
        self.is_detached = True
        self.control.send(Leave("detached"))
        if self.sampler is not None:
            self.sampler.stop()
        self.exit(return_code=0)

    def action_help_quit(self) -> None:
        """Quit at the second ctrl+c within two seconds, which Textual binds to this action."""
        now = monotonic()
        if self._interrupted_at is not None and now - self._interrupted_at <= QUIT_WITHIN_S:
            self.call_later(self.action_quit)
            return
        self._interrupted_at = now
        self.notify("press ctrl+c again to quit", timeout=QUIT_WITHIN_S)
