"""The text of the Why tab: advice on a run, the explanation of its loss, the source of its figures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from logreg_tui.core.analysis.advice import Advice, advise
from logreg_tui.core.analysis.diagnostics import RunDiagnosis
from logreg_tui.core.analysis.explain import explain

TITLE, TEXT, ADVICE, HOW = "title", "text", "advice", "how"


class StyledParagraph(NamedTuple):
    """One paragraph, to be wrapped to the width there is."""

    kind: str
    """TITLE, TEXT, ADVICE (its name) or HOW (its option or key)."""
    text: str
    lead: str = ""
    """The words that a TEXT begins with, if they are to stand out."""
    action: str = ""
    """The action of the screen that a HOW stands for; empty if it is a command to be typed."""


def paragraphs(number: int, run: RunDiagnosis, source: str) -> list[StyledParagraph]:
    """Return everything about a run; `source` is the line on its figures at the head."""
    title = f"Run {number}, {run.settings.head}, epoch {run.last.epoch:,}: why the loss is where it is"
    return [
        StyledParagraph(TITLE, "What to try next"),
        *_advice(advise(run)),
        StyledParagraph(TITLE, title),
        *(StyledParagraph(TEXT, f"{lead}. {text}", f"{lead}.") for lead, text in explain(run, "This run")),
        StyledParagraph(TEXT, source),
    ]


def _advice(advices: list[Advice]) -> Iterator[StyledParagraph]:
    if not advices:
        yield StyledParagraph(TEXT, "Nothing stands out: let it train. This changes with the figures.")
    first = next((advice for advice in advices if advice.action), None)
    for number, advice in enumerate(advices, 1):
        yield StyledParagraph(ADVICE, f"{number}. {advice.what}")
        yield StyledParagraph(TEXT, f"Because {advice.evidence}.")
        # The key 5 gives the tab the focus, wherever that is.
        keys = "click, or 5 and enter" if advice is first else "click"
        done = f"  [{keys}: do it]" if advice.action else ""
        yield StyledParagraph(HOW, f"-> {advice.how}{done}", action=advice.action)
