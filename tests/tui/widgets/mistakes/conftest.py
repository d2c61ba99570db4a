"""Fixtures of the tests of mistakes."""

from __future__ import annotations

import pytest

from logreg_tui.core.data.dataset import Dataset, load_dataset


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_dataset("digits", None, "raw", lambda _: None, lambda: False)
