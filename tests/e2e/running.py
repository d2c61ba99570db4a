"""Where the installed command is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

COMMAND = Path(sys.executable).with_name("logreg-tui")
Command = Callable[..., "subprocess.CompletedProcess[str]"]
