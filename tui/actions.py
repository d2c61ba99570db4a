"""Everything the user can do on the main screen: one table that keys, footer, palette and help share."""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do: the screen's method `action_ACTION` does it."""

    key: str
    action: str
    footer: str
    """Its name in the footer; empty for verbs that stand in help and palette only."""
    group: str
    title: str
    help: str

    @property
    def binding(self) -> Binding:
        """The key that reaches it."""
        return Binding(
            self.key, self.action, self.footer or self.title, show=bool(self.footer), id=self.action
        )

    @property
    def shown_key(self) -> str:
        """Its key as the user knows it."""
        return _SHOWN_KEYS.get(self.key, self.key)

    @property
    def command(self) -> str:
        """Its name in the command palette."""
        return f"{self.group}: {self.title}"


ACTIONS = (
    Action(
        "space",
        "toggle_pause",
        "Pause",
        "Training",
        "Pause or resume",
        "Stop before the next epoch, or go on",
    ),
    Action("full_stop", "step", "Step", "Training", "Step once", "Train to the next log point, then pause"),
    Action("h", "switch_head", "Head", "Knobs", "Switch head", "Sigmoid or logits; the parameters are kept"),
    Action("l", "toggle_l2", "L2", "Knobs", "Turn L2 on or off", "Back on, lambda has the value it had"),
    Action("plus", "raise_l2", "", "Knobs", "Multiply lambda by 10", "Stronger L2 term"),
    Action("minus", "lower_l2", "", "Knobs", "Divide lambda by 10", "Weaker L2 term"),
    Action("n", "new_run", "New", "Runs", "Add a new run", "A form with the selected run's settings"),
    Action(
        "c",
        "other_head",
        "Compare",
        "Runs",
        "Add the same run with the other head",
        "To compare",
    ),
    Action("r", "restart", "", "Runs", "Restart the run as a new one", "The old one stays"),
    Action(
        "R",
        "restart_slower",
        "",
        "Runs",
        "Restart with a tenth of the learning rate",
        "One that diverged first",
    ),
    Action("d", "end_run", "", "Runs", "End the run", "Its rows and parameters stay"),
    Action(
        "up",
        "select_previous",
        "",
        "Runs",
        "Select the run above",
        "Knobs and figures follow",
    ),
    Action("down", "select_next", "", "Runs", "Select the run below", "Knobs and figures follow"),
    Action("1", "show_curves", "", "View", "Show the curves", "Loss or accuracy over the epochs"),
    Action("2", "show_weights", "", "View", "Show the weights", "What each class looks for, as a picture"),
    Action("3", "show_mistakes", "", "View", "Show the mistakes", "Which test images are taken for which"),
    Action("4", "show_compare", "", "View", "Compare the runs", "A table of all runs, also of earlier ones"),
    Action("5", "show_why", "", "View", "Explain the run", "Why it stalls, and what to try next"),
    Action("a", "toggle_measure", "", "Curves", "Switch between loss and accuracy", "Of train and test"),
    Action("left_square_bracket", "widen", "", "Curves", "Show more of the x axis", "Up to all of it"),
    Action(
        "right_square_bracket",
        "narrow",
        "",
        "Curves",
        "Show less of the x axis",
        "Last half, tenth, hundredth",
    ),
    Action("t", "toggle_clock", "", "Curves", "Switch between epochs and seconds", "Since the run began"),
    Action(
        "s",
        "cycle_smoothing",
        "",
        "Curves",
        "Smooth the curves more, or not",
        "0.6, 0.9, 0.99; the raw curve stays",
    ),
    Action("u", "toggle_earlier", "", "Curves", "Lay earlier experiments under", "On the same data, dim"),
    Action("left", "cursor_back", "", "Curves", "Read values off, one row back", "Escape leaves"),
    Action("right", "cursor_on", "", "Curves", "Read values off, one row on", "Escape leaves"),
    Action("shift+left", "cursor_far_back", "", "Curves", "Read values off, ten rows back", "Escape leaves"),
    Action("shift+right", "cursor_far_on", "", "Curves", "Read values off, ten rows on", "Escape leaves"),
    Action("y", "toggle_log_y", "", "Curves", "Switch loss axis to log or linear", "Shows small losses"),
    Action("x", "toggle_log_x", "", "Curves", "Switch epoch axis to log or linear", "For early epochs"),
    Action("left_curly_bracket", "narrow_side", "", "View", "Narrow the column of runs", "On wide screens"),
    Action("right_curly_bracket", "widen_side", "", "View", "Widen the column of runs", "On wide screens"),
    Action("left_parenthesis", "lower_log", "", "View", "Lower the accuracy log", "On wide screens"),
    Action("right_parenthesis", "raise_log", "", "View", "Raise the accuracy log", "On wide screens"),
    Action("f", "toggle_freeze", "Freeze", "View", "Freeze or thaw the screen", "Training goes on meanwhile"),
    Action("escape", "focus_runs", "", "View", "Return to the list of runs", "From a control or the log"),
    Action("e", "export", "Export", "File", "Export metrics as CSV", "Asks for the path"),
    Action("question_mark", "help", "Help", "App", "Show help", "Keys, and what the numbers mean"),
    Action("q", "quit", "Quit", "App", "Quit", "Everything is on disk"),
)

_SHOWN_KEYS = {
    "left_curly_bracket": "{",
    "right_curly_bracket": "}",
    "left_parenthesis": "(",
    "right_parenthesis": ")",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "full_stop": ".",
    "plus": "+",
    "minus": "-",
    "question_mark": "?",
}
