"""Everything the user can do on the main screen: one table that keys, footer, palette and help share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from textual.binding import Binding


class Needs(Enum):
    """The condition under which an action applies; while it does not hold, the key is dimmed."""

    NOTHING = auto()
    LIVE = auto()
    """A training that takes requests."""
    MOVING = auto()
    """Such a training that goes on or is paused."""
    PAUSABLE = auto()
    """Such a training that goes on, is paused, or waits for its disk."""
    LIVE_RUN = auto()
    """Such a training, and a selected run."""
    TRAINING_RUN = auto()
    """Such a training, and a selected run that has not ended."""
    RUN = auto()
    """A selected run."""
    EXPERIMENT = auto()
    """An experiment that has started."""
    CURVES = auto()
    """The same, with the first tab open."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do, by a method `action_...` of the main screen, or of the app if it says `app.`."""

    group: str
    key: str
    """As it stands on the keyboard, if that is one character, else as Textual calls it."""
    action: str
    """The method without its prefix, and its arguments if it takes any."""
    needs: Needs
    title: str
    help: str
    footer: str = ""
    """Its name in the footer; empty if it stands in help and palette only."""

    @property
    def sentence(self) -> str:
        """Title and help in one line."""
        return f"{self.title}: {self.help[0].lower()}{self.help[1:]}"

    @property
    def method(self) -> str:
        """The name of the method, without arguments."""
        return self.action.partition("(")[0]

    @property
    def binding(self) -> Binding:
        """The key that reaches it."""
        description = self.footer or self.title
        return Binding(self.key, self.action, description, show=bool(self.footer), id=self.action)


# A table: one line per action, or two.
# fmt: off
ACTIONS = (
    Action("Training", "space", "toggle_pause", Needs.PAUSABLE,
           "Pause or resume", "Stop before the next epoch, or go on", "Pause"),
    Action("Training", ".", "step", Needs.MOVING,
           "Step once", "Train to the next log point, then pause", "Step"),
    Action("Knobs", "h", "switch_head", Needs.TRAINING_RUN,
           "Switch head", "Sigmoid or logits; the parameters go on as they are", "Head"),
    Action("Knobs", "l", "toggle_l2", Needs.TRAINING_RUN,
           "Turn L2 on or off", "Back on, lambda has the value it had before", "L2"),
    Action("Knobs", "+", "scale_l2(10)", Needs.TRAINING_RUN, "Multiply lambda by 10", "Stronger L2 term"),
    Action("Knobs", "-", "scale_l2(0.1)", Needs.TRAINING_RUN, "Divide lambda by 10", "Weaker L2 term"),
    Action("Knobs", "u", "undo", Needs.LIVE,
           "Undo the last turn", "Sets the knob back, or takes an ended run up; training goes on from here"),
    Action("Knobs", "U", "redo", Needs.LIVE,
           "Redo what was undone", "A turn like every other, recorded as one"),
    Action("Knobs", ":", "command", Needs.EXPERIMENT,
           "Type an exact value", "lr 0.05, l2 1e-4, head logits, epochs 20000"),
    Action("Runs", "n", "new_run", Needs.LIVE,
           "Add a new run", "A form with the selected run's settings", "New"),
    Action("Runs", "c", "other_head", Needs.LIVE_RUN,
           "Add the same run with the other head", "From epoch 0, to compare the two", "Other head"),
    Action("Runs", "r", "restart", Needs.LIVE_RUN,
           "Restart the run as a new one", "From epoch 0; the old one stays"),
    Action("Runs", "R", "restart_slower", Needs.LIVE_RUN,
           "Restart with a tenth of the learning rate", "The run that diverged, if one did"),
    Action("Runs", "d", "end_run", Needs.TRAINING_RUN, "End the run", "Asks first; u or m takes it up again"),
    Action("Runs", "m", "more_epochs", Needs.LIVE_RUN,
           "Train on for more epochs", "Runs that are done or were ended, too"),
    Action("Runs", "/", "filter", Needs.RUN,
           "Show some runs only", "In list, chart and tables: seed 1 or not sigmoid"),
    Action("Runs", "v", "toggle_run", Needs.RUN,
           "Hide or show the run in the chart", "A click on its colour in the list does it too"),
    Action("Runs", "V", "show_alone", Needs.RUN,
           "Show the run alone, or all again", "In the chart"),
    Action("Runs", "up", "select(-1)", Needs.RUN, "Select the run above", "Knobs and figures follow"),
    Action("Runs", "down", "select(1)", Needs.RUN, "Select the run below", "Knobs and figures follow"),
    Action("View", "1", "show_tab(0)", Needs.NOTHING, "Show the curves", "Loss or accuracy over the epochs"),
    Action("View", "2", "show_tab(1)", Needs.NOTHING,
           "Show the weights", "What each class looks for, as a picture"),
    Action("View", "3", "show_tab(2)", Needs.NOTHING,
           "Show the mistakes", "Which test images are taken for which"),
    Action("View", "4", "show_tab(3)", Needs.NOTHING,
           "Compare the runs", "A table of all runs, also of earlier ones"),
    Action("View", "5", "show_tab(4)", Needs.NOTHING,
           "Explain the run", "Why it stalls, and what to try next"),
    Action("View", "z", "zoom_panel", Needs.NOTHING,
           "Zoom the panel with the focus", "The whole screen for it, and back", "Zoom"),
    Action("View", "f", "toggle_freeze", Needs.EXPERIMENT,
           "Freeze or thaw the screen", "Training goes on meanwhile"),
    Action("View", "escape", "focus_runs", Needs.NOTHING,
           "Return to the list of runs", "From a control or the log"),
    Action("Curves", "a", "toggle_metric", Needs.CURVES,
           "Switch between loss and accuracy", "Both of train and test"),
    Action("Curves", "[", "zoom(-1)", Needs.CURVES, "Show more of the x axis", "Up to all of it"),
    Action("Curves", "]", "zoom(1)", Needs.CURVES, "Show less of the x axis", "Last half, tenth, hundredth"),
    Action("Curves", "t", "toggle_clock", Needs.CURVES,
           "Switch between epochs and seconds", "Since the run began"),
    Action("Curves", "s", "cycle_smoothing", Needs.CURVES,
           "Smooth the curves more, or not", "0.6, 0.9, 0.99; the raw curve stays"),
    Action("Curves", "g", "toggle_folding", Needs.CURVES,
           "Fold seeds into their mean", "Runs that differ only in the seed: mean, and a band of deviation"),
    Action("Curves", "b", "toggle_earlier", Needs.CURVES,
           "Lay earlier experiments beneath", "Those on the same data, dim"),
    Action("Curves", "left", "move_cursor(-1)", Needs.CURVES,
           "Read values off, one row back", "Escape leaves"),
    Action("Curves", "right", "move_cursor(1)", Needs.CURVES, "Read values off, one row on", "Escape leaves"),
    Action("Curves", "shift+left", "move_cursor(-10)", Needs.CURVES,
           "Read values off, ten rows back", "Escape leaves"),
    Action("Curves", "shift+right", "move_cursor(10)", Needs.CURVES,
           "Read values off, ten rows on", "Escape leaves"),
    Action("Curves", "y", "toggle_log('y')", Needs.CURVES,
           "Switch loss axis to log or linear", "A log axis shows small losses"),
    Action("Curves", "x", "toggle_log('x')", Needs.CURVES,
           "Switch epoch axis to log or linear", "A log axis shows early epochs"),
    Action("File", "e", "export", Needs.EXPERIMENT, "Export metrics as CSV", "Asks for the path", "Export"),
    Action("App", "D", "detach", Needs.MOVING,
           "Detach", "Leave; the training goes on without a screen", "Detach"),
    Action("App", "?", "help", Needs.NOTHING, "Show help", "Keys, and what the numbers mean", "Help"),
    Action("App", "q", "app.quit", Needs.NOTHING, "Quit", "Everything is on disk", "Quit"),
)
# fmt: on
