"""Names to data: digits, auto, the real MNIST, unknown names, progress and cancelling."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from helpers.datafiles import TRAIN, never, nothing_is_told, write_family, write_npz

from logreg_tui.core.data import dataset as datasets
from logreg_tui.core.data import download
from logreg_tui.core.data.dataset import Dataset, load_dataset
from logreg_tui.core.errors import Cancelled, UsageError, UserError


def load(name: str, data_dir: str | Path | None = None, pixels: str = "raw") -> Dataset:
    folder = None if data_dir is None else str(data_dir)
    return load_dataset(name, folder, pixels, nothing_is_told, never)


def test_data_that_are_read_whole_and_take_more_than_they_may_are_refused() -> None:
    needed = 4 * 1797 * 64
    assert load_dataset("digits", None, "raw", nothing_is_told, never, memory_limit=needed).classes == 10
    with pytest.raises(UserError, match=r"'digits' takes 449 KB of memory, --memory-limit allows 449 KB"):
        load_dataset("digits", None, "raw", nothing_is_told, never, memory_limit=needed - 1)


def check_promises(dataset: Dataset) -> None:
    for inputs, labels in (
        (np.asarray(dataset.train_inputs), dataset.train_labels),
        (np.asarray(dataset.test_inputs), dataset.test_labels),
    ):
        assert inputs.dtype == np.float32
        assert inputs.ndim == 2
        assert np.isfinite(inputs).all()
        assert labels.dtype == np.int64
        assert labels.shape == (len(inputs),)
        assert labels.min() >= 0
        assert labels.max() < dataset.classes
    assert dataset.train_labels.max() == dataset.classes - 1
    assert len(dataset.fingerprint) == 64


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every download fail at once, as it does without a network."""

    def fail(title: str, class_name: str, names: Sequence[str], folder: Path, *_: object) -> None:
        raise download.DownloadError(title, "no network here", "remedy")

    monkeypatch.setattr(datasets, "download", fail)


def test_importing_the_module_loads_nothing_heavy() -> None:
    heavy = ("torch", "torchvision", "sklearn", "urllib.request")
    script = f"import sys, logreg_tui.core.data.dataset; print([m for m in {heavy!r} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_reading_what_is_on_disk_needs_neither_torch_nor_torchvision(tmp_path: Path) -> None:
    write_family(tmp_path)
    script = (
        "import sys; from logreg_tui.core.data.dataset import load_dataset; "
        f"load_dataset('mnist', {str(tmp_path)!r}, 'unit', print, lambda: False); "
        "print([m for m in ('torch', 'torchvision', 'sklearn') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


def test_digits_are_split_80_to_20_with_every_class_in_proportion() -> None:
    dataset = load("digits")
    check_promises(dataset)
    assert (dataset.name, dataset.classes, dataset.image_shape) == ("digits", 10, (8, 8))
    assert dataset.train_inputs.shape == (1437, 64)
    assert dataset.test_inputs.shape == (360, 64)
    assert (np.asarray(dataset.train_inputs).min(), np.asarray(dataset.train_inputs).max()) == (0, 16)
    assert np.bincount(dataset.test_labels).tolist() == [36, 36, 35, 37, 36, 37, 36, 36, 35, 36]
    assert dataset.notice is None


def test_digits_are_the_same_every_time() -> None:
    first, second = load("digits"), load("digits")
    assert first.fingerprint == second.fingerprint
    assert np.array_equal(first.train_inputs, second.train_inputs)
    assert np.array_equal(first.test_labels, second.test_labels)


def test_unit_digits_are_divided_by_16() -> None:
    raw, unit = load("digits"), load("digits", pixels="unit")
    assert np.array_equal(unit.train_inputs, np.asarray(raw.train_inputs) / np.float32(16))
    assert np.asarray(unit.train_inputs).max() == 1


def test_a_broken_scikit_learn_is_a_user_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(UserError, match="scikit-learn cannot be imported") as caught:
        load("digits")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("MNIST", "is unknown"),
        ("cifar10", "is unknown"),
        ("", "is unknown"),
        ("data.NPZ", "is not a file"),
        ("no-such-file.npz", "is not a file"),
        ("bad\x1b[31m\n.npz", r"bad\\x1b\[31m\\n.npz"),
    ],
)
def test_an_unknown_name_is_a_usage_error_that_lists_the_names(name: str, part: str) -> None:
    with pytest.raises(UsageError, match=part) as caught:
        load(name)
    message = str(caught.value)
    assert message.isprintable()
    assert "auto, mnist, fashion-mnist, kmnist, qmnist, digits" in message
    assert ".npz" in message


def test_a_folder_of_any_name_is_taken_for_one_of_shards(tmp_path: Path) -> None:
    folder = tmp_path / "x.npz"
    folder.mkdir()
    with pytest.raises(UsageError, match=r"x\.npz: has no X_train-\*\.npy, y_train-\*\.npy"):
        load(str(folder))


def test_auto_takes_mnist_where_it_is_on_disk(tmp_path: Path, no_network: None) -> None:
    write_family(tmp_path)
    dataset = load("auto", tmp_path)
    assert (dataset.name, dataset.notice) == ("mnist", None)
    assert len(dataset.train_inputs) == TRAIN


def test_auto_takes_digits_with_a_notice_where_mnist_cannot_be_had(tmp_path: Path, no_network: None) -> None:
    dataset = load("auto", tmp_path)
    assert dataset.name == "digits"
    assert dataset.notice == (
        "MNIST is not on disk and could not be downloaded (no network here): "
        "training on scikit-learn's 1,797 digits instead"
    )


@pytest.mark.parametrize("where", ["", "MNIST", "MNIST/raw"])
def test_files_that_are_not_enough_are_named(where: str, tmp_path: Path, no_network: None) -> None:
    folder = tmp_path / where
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("train-images-idx3-ubyte.zip", "labels.idx1-ubyte"):
        (folder / name).write_bytes(b"")
    with pytest.raises(UserError, match="no network here; there is") as caught:
        load("mnist", tmp_path)
    for part in (
        f"{folder}/train-images-idx3-ubyte.zip",
        f"{folder}/labels.idx1-ubyte",
        "but no train-images",
    ):
        assert part in str(caught.value)
    assert f"there is {folder}/labels" in str(load("auto", tmp_path).notice)


def test_auto_never_replaces_damaged_files(tmp_path: Path, no_network: None) -> None:
    folder = write_family(tmp_path)
    (folder / "train-images-idx3-ubyte").write_bytes(b"")
    with pytest.raises(UserError, match="train-images-idx3-ubyte is damaged"):
        load("auto", tmp_path)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "kmnist", "qmnist"])
def test_a_dataset_named_explicitly_is_never_replaced(name: str, tmp_path: Path, no_network: None) -> None:
    with pytest.raises(UserError, match="no network here"):
        load(name, tmp_path)


def test_without_a_data_directory_the_users_cache_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / name))
    write_family(tmp_path / "logreg-tui", "kmnist")
    assert load("kmnist").name == "kmnist"


@pytest.mark.parametrize("name", ["digits", "mnist", "npz"])
def test_the_fingerprint_is_of_the_data_and_not_of_the_pixels(name: str, tmp_path: Path) -> None:
    write_family(tmp_path)
    path = write_npz(tmp_path / "own.npz")
    asked = path if name == "npz" else name
    found = {load(asked, tmp_path, pixels).fingerprint for pixels in ("raw", "unit", "standardized")}
    assert len(found) == 1


@pytest.mark.parametrize("key", ["X_train", "y_train", "X_test", "y_test"])
def test_one_changed_value_changes_the_fingerprint(key: str, tmp_path: Path) -> None:
    before = load(write_npz(tmp_path / "a.npz"))
    with np.load(tmp_path / "a.npz") as arrays:
        changed = arrays[key].copy()
    changed.reshape(-1)[0] = 1
    after = load(write_npz(tmp_path / "b.npz", **{key: changed}))
    assert before.fingerprint != after.fingerprint


def test_the_fingerprint_tells_shapes_apart(tmp_path: Path) -> None:
    flat = {"X_train": np.zeros((4, 4)), "y_train": np.arange(4), "X_test": np.zeros((4, 4))}
    flat["y_test"] = np.arange(4)
    square = {**flat, "X_train": np.zeros((4, 2, 2)), "X_test": np.zeros((4, 2, 2))}
    first = load(write_npz(tmp_path / "a.npz", **flat))
    second = load(write_npz(tmp_path / "b.npz", **square))
    assert first.fingerprint != second.fingerprint
    assert (first.image_shape, second.image_shape) == (None, (2, 2))


def test_progress_says_what_is_read(tmp_path: Path) -> None:
    write_family(tmp_path, "fashion-mnist")
    told: list[str] = []
    load_dataset("fashion-mnist", str(tmp_path), "unit", told.append, never)
    assert told == ["Reading Fashion-MNIST", "Scaling the inputs"]


@pytest.mark.parametrize("name", ["auto", "mnist", "digits", "npz"])
@pytest.mark.parametrize("polls", [0, 1, 2])
def test_loading_can_be_cancelled_between_any_two_steps(name: str, polls: int, tmp_path: Path) -> None:
    write_family(tmp_path)
    asked = write_npz(tmp_path / "own.npz") if name == "npz" else name
    answers = iter([False] * polls + [True])
    with pytest.raises(Cancelled):
        load_dataset(asked, str(tmp_path), "standardized", nothing_is_told, lambda: next(answers))


def test_a_dataset_larger_than_memory_is_a_user_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("logreg_tui.core.data.dataset.scaled_inputs", fail)
    with pytest.raises(UserError, match="does not fit into memory"):
        load(write_npz(tmp_path / "own.npz"))


@pytest.mark.parametrize("name", ["auto", "mnist"])
def test_the_real_mnist_is_read_as_it_is(name: str, mnist_dir: str) -> None:
    dataset = load(name, mnist_dir)
    check_promises(dataset)
    assert dataset.name == "mnist"
    assert dataset.train_inputs.shape == (60_000, 784)
    assert dataset.test_inputs.shape == (10_000, 784)
    assert (dataset.classes, dataset.image_shape, dataset.notice) == (10, (28, 28), None)
    # The mean and deviation that everybody quotes for MNIST, 0.1307 and 0.3081, times 255.
    assert np.asarray(dataset.train_inputs).mean(dtype=np.float64) / 255 == pytest.approx(0.1307, abs=5e-5)
    assert np.asarray(dataset.train_inputs).std(dtype=np.float64) / 255 == pytest.approx(0.3081, abs=5e-5)
    assert dataset.train_labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert dataset.test_labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]


def test_real_mnist_standardized_has_67_dark_pixels_and_all_others_at_deviation_1(mnist_dir: str) -> None:
    dataset = load("mnist", mnist_dir, "standardized")
    check_promises(dataset)
    deviation = np.asarray(dataset.train_inputs).std(axis=0, dtype=np.float64)
    dark = deviation == 0
    assert dark.sum() == 67
    assert deviation[~dark] == pytest.approx(1, abs=1e-4)
    assert not np.asarray(dataset.test_inputs)[:, dark].any()
    assert abs(np.asarray(dataset.train_inputs).mean(axis=0, dtype=np.float64)).max() < 1e-5


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_a_user_error(tmp_path: Path) -> None:
    folder = write_family(tmp_path)
    (folder / "train-images-idx3-ubyte").chmod(0)
    with pytest.raises(UserError, match="cannot be read: Permission denied"):
        load("mnist", tmp_path)


@pytest.mark.parametrize(("name", "takes_digits"), [("auto", True), ("kmnist", False)])
def test_without_a_home_folder_the_remedy_is_named(
    name: str, takes_digits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda number: {}[number])
    if takes_digits:
        dataset = load_dataset(name, None, "raw", lambda _: None, lambda: False)
        assert "there is no home folder to keep it in" in str(dataset.notice)
    else:
        with pytest.raises(UserError, match="set HOME, or name a folder with --data-dir"):
            load_dataset(name, None, "raw", lambda _: None, lambda: False)
