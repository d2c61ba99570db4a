"""`python -m logreg_tui.tui` is the same as the command `logreg-tui`."""

import sys

from logreg_tui.tui.cli import main

sys.exit(main())
