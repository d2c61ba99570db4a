"""Tab 5: the explanation of the selected run's loss and advice on it, as text with the run's own numbers."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic, perf_counter
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, cast

from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from logreg_tui.core.analysis.diagnostics import RunDiagnosis, diagnose
from logreg_tui.core.text import escape_control_chars
from logreg_tui.tui.number_format import shown_path
from logreg_tui.tui.widgets.panel import Panel
from logreg_tui.tui.widgets.scrolling_lines import ScrollingLines
from logreg_tui.tui.widgets.why.text import ADVICE, HOW, TEXT, TITLE, StyledParagraph, paragraphs

if TYPE_CHECKING:
    from logreg_tui.core.analysis.inspection import HeadFacts
    from logreg_tui.core.data.dataset import Dataset
    from logreg_tui.core.training.history import History, RunHistory
    from logreg_tui.core.training.snapshots import ParametersSnapshot

MOST_WIDTH = 100
"""Longer lines are tiring to read."""
TEXT_REST_S = 1.0
"""Figures that change faster than this cannot be read."""
ANALYSIS_REST_S = 4.0
ANALYSIS_REST = 25
"""The analysis rests this many times its own duration: it takes less than 4 % of one processor's time."""
RECENT = 0.9
"""Parameters of this share of a run's epochs are as good as those of now ..."""
PATIENCE_S = 3.0
"""... and others are looked at if no newer ones come within seconds of the tab's opening."""
NUMBERS = r"(?<![\w.])\d[\d,]*(\.\d+)?(e[-+]\d+)?( ?%)?"

NO_RUN = "This tab explains the selected run's loss: it waits for the first run to start."
NO_ROW = "This tab explains the selected run's loss: it waits for the run's first row."
NO_DATA = "Gradient, saturation and ties are measured where the training data are: this process has none."
NO_PARAMETERS = "Gradient, saturation and ties are being measured: they come in a few seconds."


class WhyPanel(ScrollingLines, Panel):
    """Prose about the selected run."""

    NEEDS_PARAMETERS = True
    COMPONENT_CLASSES: ClassVar[set[str]] = {"why--title", "why--how"}
    DEFAULT_CSS = """
    WhyPanel > .why--title { text-style: bold; color: $text-primary; }
    WhyPanel > .why--how { text-style: bold; color: $text-success; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "follow_advice", "Follow the advice", show=False)
    ]
    KEYS: ClassVar[tuple[tuple[str, str], ...]] = (
        ("enter click", "Carry out the first advice that a key can (after 5), or the one clicked"),
        ("up down", "Scroll the text by a line (after 5; in the list they select a run)"),
        ("pageup pagedown", "Scroll by a page"),
        ("home end", "To the top, to the end"),
    )

    @dataclass
    class AdviceChosen(Message):
        """An advice is to be carried out."""

        action: str
        """An action of the screen, with its arguments."""

    clock: Callable[[], float] = monotonic
    pixels: str | None = None
    """`--pixels` of the experiment; None if it is not known."""
    _history: History | None = None
    _selected: int | None = None
    _facts: Mapping[int, HeadFacts] = MappingProxyType({})
    _failure = ""
    """Why the last analysis failed."""
    _is_analysing = False
    _analysed: ParametersSnapshot | None = None
    """The parameters that were looked at last."""
    _next_analysis = 0.0
    _opened_at = float("-inf")
    _text: Sequence[Strip] = ()
    _advised: Sequence[str] = ()
    """The action that each line of the text stands for, or nothing."""
    _rows = 0
    """Rows of the run when the text was written last."""
    _written_at = float("-inf")

    def line_count(self) -> int:
        return len(self._text)

    def line(self, index: int) -> Strip:
        return self._text[index]

    # What the painter asks for

    def signature(self, history: History, selected: int | None) -> object:
        """Return what `draw` depends on; new rows count once a second only."""
        run = history.runs.get(selected) if selected is not None else None
        if run is None:
            return selected, self.content_size
        rows = len(run.columns)
        if self.clock() - self._written_at < TEXT_REST_S and run.is_training:
            rows = self._rows
        shown = history.parameters.get(run.number)
        marks, facts = len(run.marks), self._facts.get(run.number)
        return selected, self.content_size, rows, run.status, run.settings, marks, shown, facts, self._failure

    def draw(self, history: History, selected: int | None) -> None:
        """Write the text anew, and have the head looked at if the parameters are new."""
        begun = perf_counter()
        is_other_run = selected != self._selected
        self._history, self._selected = history, selected
        run = history.runs.get(selected) if selected is not None else None
        self._written_at, self._rows = self.clock(), 0 if run is None else len(run.columns)
        width = min(MOST_WIDTH, max(20, self.content_size.width - 2))
        if run is None:
            written = [StyledParagraph(TEXT, NO_RUN)]
        elif (diagnosis := self._diagnose(history, run)) is None:
            written = [StyledParagraph(TEXT, NO_ROW)]
        else:
            written = paragraphs(run.number, diagnosis, self._source(history, diagnosis.facts))
        lines = [
            (line, paragraph.action) for paragraph in written for line in self._lines_of(paragraph, width)
        ]
        self._text, self._advised = [line for line, _ in lines], [action for _, action in lines]
        self.action_scroll_to_start() if is_other_run else self.redraw()
        self.last_draw_s = perf_counter() - begun
        if run is not None:
            self._analyse_parameters(history, run.number)

    def _diagnose(self, history: History, run: RunHistory) -> RunDiagnosis | None:
        experiment = history.experiment
        if experiment is None:
            return None
        facts = self._facts.get(run.number)
        if facts is not None and facts.head != run.settings.head:
            facts = None
        directory = shlex.quote(escape_control_chars(shown_path(experiment.directory)))
        return diagnose(run, experiment.classes, self.pixels, facts, directory)

    def _source(self, history: History, facts: HeadFacts | None) -> str:
        if facts is not None:
            return f"Measured at epoch {facts.epoch:,} on {facts.samples:,} training samples."
        if self._failure:
            return f"Gradient, saturation and ties could not be measured: {self._failure}."
        return NO_DATA if history.dataset is None else NO_PARAMETERS

    def action_follow_advice(self) -> None:
        """Carry out the first advice that is more than a command to be typed."""
        if action := next(filter(None, self._advised), ""):
            self.post_message(self.AdviceChosen(action))

    def on_click(self, event: events.Click) -> None:
        """Carry out the advice that was clicked; beside the text it is the scroll bar's."""
        offset = event.get_content_offset_capture(self)
        line = self._text[index] if (index := self.top + offset.y) < len(self._text) else Strip.blank(0)
        if offset.x < line.cell_length and (action := self._advised[index]):
            event.prevent_default()
            self.post_message(self.AdviceChosen(action))

    # The analysis

    def _analyse_parameters(self, history: History, run: int) -> None:
        """Look at the head, unless that was done already, is being done, or was done just now."""
        shown, dataset = history.parameters.get(run), history.dataset
        if shown is None or dataset is None or shown is self._analysed or self._is_analysing:
            return
        is_waiting = self.clock() - self._opened_at < PATIENCE_S
        if is_waiting and not _is_recent(shown.epoch, history.runs[run]):
            return
        # A run that was just selected need not wait for its first figures.
        if self.clock() < self._next_analysis and (run in self._facts or self._failure):
            return
        self._is_analysing, self._analysed = True, shown
        self.analyse(lambda: _look(shown, dataset))

    def on_panel_analysed(self, event: Panel.Analysed) -> None:
        """Show what was found, and rest in proportion to what it took."""
        event.stop()
        self._is_analysing = False
        found, took_s = cast("tuple[HeadFacts | str, float]", event.result)
        self._failure = found if isinstance(found, str) else ""
        if not isinstance(found, str):
            self._facts = {**self._facts, found.run: found}
        rest_s = max(ANALYSIS_REST_S, ANALYSIS_REST * took_s)
        self._next_analysis = self.clock() + rest_s
        if self._history is not None:
            self.draw(self._history, self._selected)
        # The painter says nothing new of a training that stands still.
        self.set_timer(rest_s, self._catch_up)

    def on_show(self) -> None:
        """Forget figures from long before, and wait for those of now."""
        self._opened_at, self._next_analysis, self._analysed = self.clock(), 0.0, None
        runs = {} if self._history is None else self._history.runs
        self._facts = {run: facts for run, facts in self._facts.items() if _is_recent(facts.epoch, runs[run])}
        self.set_timer(PATIENCE_S, self._catch_up)

    def _catch_up(self) -> None:
        if self.display and self._history is not None and self._selected is not None:
            self._analyse_parameters(self._history, self._selected)

    # The text

    def _lines_of(self, paragraph: StyledParagraph, width: int) -> list[Strip]:
        shown = escape_control_chars(paragraph.text)
        style = Style(bold=paragraph.kind == ADVICE)
        if paragraph.kind in (TITLE, HOW):
            style = self.get_component_rich_style(f"why--{paragraph.kind}", partial=True)
        text = Text(self.glyphs.shown(shown))
        # A style of the whole, rather than a span, is not rendered.
        text.stylize(style)
        if paragraph.kind == TEXT:
            text.highlight_regex(NUMBERS, Style(bold=True))
        text.stylize(Style(bold=True, underline=True), 0, len(paragraph.lead))
        console = self.app.console
        lines = [Strip(line.render(console)).simplify() for line in text.wrap(console, width)]
        return lines if paragraph.kind == ADVICE else [*lines, Strip.blank(0)]

    def on_resize(self) -> None:
        if self._history is not None:
            self.draw(self._history, self._selected)

    restyle = on_resize


def _is_recent(epoch: int, run: RunHistory) -> bool:
    """Return if what was measured at an epoch still holds for the run as it is."""
    return not run.is_training or run.last is None or epoch >= RECENT * run.last.epoch


def _look(shown: ParametersSnapshot, dataset: Dataset) -> tuple[HeadFacts | str, float]:
    """Return the figures at the head, or why there are none, and the seconds that it took."""
    # Loaded when it is needed: the first frame does not wait for numpy.
    from logreg_tui.core.analysis.inspection import head_facts

    begun = perf_counter()
    found: HeadFacts | str
    try:
        found = head_facts(shown, dataset.train_inputs, dataset.train_labels)
    # Whatever it is, the reader must not wait for it for ever.
    except Exception as error:
        found = f"{type(error).__name__}: {escape_control_chars(str(error))}"
    return found, perf_counter() - begun
