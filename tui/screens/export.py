"""The dialog that writes metrics.csv somewhere else."""

from __future__ import annotations

from asyncio import to_thread
from contextlib import suppress
from os.path import isfile
from pathlib import Path

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Label, Static

from logreg_tui.core.errors import UserError
from logreg_tui.core.files import is_stream
from logreg_tui.tui.screens.dialog import Dialog
from logreg_tui.tui.theme import Glyphs


class ExportScreen(Dialog[None]):
    """A form for the path; an existing file needs a second enter; a failure keeps the dialog open."""

    def __init__(self, directory: str, *, glyphs: Glyphs) -> None:
        super().__init__(glyphs=glyphs)
        self._directory = Path(directory)
        self._asked_about: Path | None = None
        """The existing file that the user is being asked about."""

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = "Export metrics as CSV"
            box.border_subtitle = "enter accepts, escape cancels"
            yield Label("Write to", classes="field-label")
            field = Input(f"./{self._directory.name}.csv", id="path", compact=True, select_on_focus=False)
            field.cursor_blink = False
            yield field
            yield Static(id="export-message", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Export", variant="primary", compact=True, id="submit")
                yield Button("Cancel", compact=True, id="cancel")

    @on(Input.Changed, "#path")
    def forget_question(self) -> None:
        """A changed path is another question."""
        self._ask(None, "")

    @on(Input.Submitted, "#path")
    @on(Button.Pressed, "#submit")
    def submit(self) -> None:
        """Export, after a question if a file is in the way."""
        text = self.query_one("#path", Input).value.strip()
        if not text:
            self._say("give a path", is_wrong=True)
            return
        target = Path(text)
        # No such user's home: the text is taken as it is, and the export says what is wrong.
        with suppress(RuntimeError):
            target = target.expanduser()
        target = target.absolute()
        # Stdout is the screen, and a pipe that nobody reads would be waited for, at the end too.
        if "\0" in text or is_stream(target):
            self._say(f"{target} is no file: give another path", is_wrong=True)
            return
        # Unlike Path's it raises nothing, such as for a name that is too long.
        if isfile(target) and self._asked_about != target:
            self._ask(target, f"{target} exists. Overwrite it? enter overwrites, escape goes back")
            return
        self.query_one(".buttons").disabled = True
        self._export(target)

    def action_cancel(self) -> None:
        """Go back from the question to the path, or close."""
        if self._asked_about is None:
            self.dismiss(None)
        else:
            self._ask(None, "")
            self.query_one("#path").focus()

    def _ask(self, target: Path | None, question: str) -> None:
        self._asked_about = target
        self.query_one("#submit", Button).label = "Export" if target is None else "Overwrite"
        self._say(question, is_wrong=target is not None)

    def _say(self, text: str, is_wrong: bool) -> None:
        message = self.query_one("#export-message", Static)
        message.update(self.glyphs.shown(text))
        message.set_class(is_wrong, "-wrong")

    @work(exit_on_error=False)
    async def _export(self, target: Path) -> None:
        """Write the file, and close; a failure is shown, and the path can be corrected."""
        # Loaded when it is needed: nothing else in the app writes files.
        from logreg_tui.core.export.rows import export_csv

        try:
            # A thread: the file may be large or on a slow disk, and a copy that has begun ends.
            rows = await to_thread(export_csv, self._directory, target)
        except Exception as error:
            is_expected = isinstance(error, UserError | OSError)
            self.query_one(".buttons").disabled = False
            self._ask(None, "")
            cause = str(error) if is_expected else f"unexpected error: {type(error).__name__}: {error}"
            self._say(cause, is_wrong=True)
            self.query_one("#path").focus()
        else:
            text = self.glyphs.shown(f"{rows:,} rows written to {target}")
            self.app.notify(text, title="Exported", markup=False)
            self.dismiss(None)
