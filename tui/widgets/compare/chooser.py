"""The list in which experiments of the runs directory are chosen for the comparison."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from pathlib import Path

from logreg_tui.core.experiment.listing import Summary
from logreg_tui.tui.number_format import shorten, shown_path
from logreg_tui.tui.theme import Glyphs

WIDEST_NAME = 40
HINT = "enter includes or leaves out, escape goes back"


@dataclass
class Chooser:
    """The experiments to choose from, and the cursor."""

    folder: Path
    summaries: list[Summary] | None = None
    """None while the folder is being read."""
    cursor: int = 0
    waiting: set[Path] = field(default_factory=set)
    """Those that are being read."""

    @property
    def current(self) -> Summary | None:
        """The experiment under the cursor."""
        return self.summaries[self.cursor] if self.summaries else None

    def move(self, lines: int) -> None:
        """Move the cursor as far as there are experiments."""
        self.cursor = max(0, min(self.cursor + lines, len(self.summaries or ()) - 1))

    @property
    def title(self) -> str:
        """The line over the list."""
        folder = shown_path(str(self.folder))
        if self.summaries is None:
            return f"Reading {folder}"
        if not self.summaries:
            return f"No other experiments in {folder}; escape goes back"
        return f"{HINT} - {folder}"

    def lines(self, included: Container[Path], width: int, glyphs: Glyphs) -> list[str]:
        """Return a line for each experiment."""
        longest = min(WIDEST_NAME, width // 2)
        lines = []
        for each in self.summaries or ():
            box = glyphs.check_on if each.directory in included else " "
            box = glyphs.dots[:1] if each.directory in self.waiting else box
            name = shorten(each.directory.name, longest, glyphs.dots)
            runs = f"{each.runs} run{'' if each.runs == 1 else 's'}"
            about = f"{each.state:<11} {runs:>7}  {each.rows:>7,} rows  {each.dataset}"
            lines.append(f"[{box}] {name:<{longest}}  {about}")
        return lines
