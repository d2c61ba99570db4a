"""Who may import whom: core knows no user interface, and the app's first frame loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys

import pytest

IMPORT_CORE = """
import importlib, pkgutil, logreg_tui.core
for module in pkgutil.iter_modules(logreg_tui.core.__path__):
    importlib.import_module(f"logreg_tui.core.{module.name}")
"""


@pytest.mark.parametrize(
    ("code", "forbidden"),
    [
        (IMPORT_CORE, {"textual", "plotext", "rich"}),
        ("import logreg_tui.tui.app", {"torch", "numpy", "plotext", "sklearn", "torchvision"}),
        ("import logreg_tui.tui.cli", {"torch", "numpy", "plotext", "textual", "rich"}),
    ],
)
def test_an_import_loads_nothing_that_it_must_not(code: str, forbidden: set[str]) -> None:
    show = f"{code}\nimport sys; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True)
    assert set(result.stdout.split()) & forbidden == set()
