"""`python -m logreg_tui.tui` is the same as the command `logreg-tui`."""

from logreg_tui.tui.cli.main import entry

entry()
