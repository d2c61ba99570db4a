"""What the user is told of data that can be trained on and are odd."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from logreg_tui.core.data.dataset import load_dataset

VALUES = np.random.default_rng(0).integers(0, 256, (40, 3, 3)).astype(np.uint8)


def notice_of(tmp_path: Path, train_labels: np.ndarray, train: np.ndarray, test: np.ndarray) -> str | None:
    path = tmp_path / "data.npz"
    test_labels = np.resize(train_labels, len(test))
    np.savez(path, X_train=train, y_train=train_labels, X_test=test, y_test=test_labels)
    return load_dataset(str(path), None, "raw", lambda text: None, lambda: False).notice


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ((0, 1, 2, 3), None),
        ((1, 2, 3, 4), "label 0 has no training sample: the largest, 4, makes 5 classes, 4 of them"),
        (
            (10, 20, 30, 40),
            "labels 0 to 9, 11 to 19, 21 to 29, 31 to 39 have no training sample: the largest, 40, makes 41 "
            "classes, 4 of them with samples",
        ),
        ((0, 2, 4, 6, 8, 10, 5000), "labels 1, 3, 5, 7 and 2 more spans have no training sample"),
    ],
)
def test_labels_without_a_sample_are_named(tmp_path: Path, labels: tuple[int, ...], text: str | None) -> None:
    notice = notice_of(tmp_path, np.resize(labels, 40), VALUES, VALUES[:8])
    assert text in notice if text and notice else notice == text


@pytest.mark.parametrize(
    ("train", "test", "text"),
    [
        (VALUES, VALUES[:8] / 255, "training inputs go from 0 to 255, test inputs from 0"),
        (VALUES / 255, VALUES[:8], "bring both to one scale"),
        (VALUES / 255, VALUES[:8] / 255 + 30, "bring both to one scale"),
        (VALUES, VALUES[:8] // 2, None),
        (VALUES / 255, (VALUES[:8] > 127).astype(np.uint8), None),
        # Blank samples have no scale.
        (VALUES, np.zeros_like(VALUES[:8]), None),
    ],
)
def test_splits_on_different_scales_are_told_with_both_ranges(
    tmp_path: Path, train: np.ndarray, test: np.ndarray, text: str | None
) -> None:
    notice = notice_of(tmp_path, np.resize((0, 1), 40), train, test)
    assert text in notice if text and notice else notice == text


def test_shards_are_looked_at_too(tmp_path: Path) -> None:
    for name, values in (("train", VALUES / np.float32(255)), ("test", VALUES)):
        np.save(tmp_path / f"X_{name}.npy", values.astype(np.float32))
        np.save(tmp_path / f"y_{name}.npy", np.resize((0, 3), 40))
    notice = load_dataset(str(tmp_path), None, "raw", lambda text: None, lambda: False).notice
    assert notice is not None
    assert notice.startswith("labels 1 to 2 have no training sample")
    assert "training inputs go from 0" in notice
