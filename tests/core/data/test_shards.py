"""A folder of .npy shards: the same dataset as an .npz, read piece by piece, or a clear error."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from helpers.datafiles import never, nothing_is_told, npz_arrays, write_npz
from hypothesis import given, settings
from hypothesis import strategies as st

from logreg_tui.core.data import shards
from logreg_tui.core.data.dataset import Dataset, load_dataset
from logreg_tui.core.data.shard_source import ShardSource
from logreg_tui.core.errors import Cancelled, UsageError, UserError


def load(folder: Path, pixels: str = "raw") -> Dataset:
    return load_dataset(str(folder), None, pixels, nothing_is_told, never)


def write_shards(folder: Path, arrays: dict[str, np.ndarray] | None = None, samples: int = 5) -> Path:
    """Write arrays, or those of the good dataset, as shards of some samples; return the folder."""
    folder.mkdir()
    for key, array in (arrays or npz_arrays()).items():
        for number, start in enumerate(range(0, len(array), samples)):
            np.save(folder / f"{key}-{number:05}.npy", array[start : start + samples])
    return folder


def source_of(folder: Path) -> ShardSource:
    source = shards.read_shards(folder, nothing_is_told, never).train_inputs
    assert isinstance(source, ShardSource)
    return source


@pytest.mark.parametrize("pixels", ["raw", "unit", "standardized"])
@pytest.mark.parametrize(
    "dtype", ["?", "u1", "i1", ">i2", "<i4", "u8", "<f2", ">f4", "f4", "f8", "longdouble"]
)
def test_shards_are_the_same_dataset_as_an_npz(dtype: str, pixels: str, tmp_path: Path) -> None:
    inputs = (np.arange(36) % 5).reshape(12, 3).astype(dtype)
    arrays = {**npz_arrays(), "X_train": inputs, "X_test": inputs[:6]}
    ours = load(write_shards(tmp_path / "mine", arrays), pixels)
    theirs = load_dataset(write_npz(tmp_path / "own.npz", **arrays), None, pixels, nothing_is_told, never)
    assert ours.fingerprint == theirs.fingerprint
    assert ours.name == "mine"
    assert (ours.classes, ours.image_shape, ours.notice) == (3, None, None)
    assert ours.train_inputs.source.is_on_disk
    np.testing.assert_allclose(ours.train_inputs, theirs.train_inputs, rtol=1e-6)
    np.testing.assert_allclose(ours.test_inputs, theirs.test_inputs, rtol=1e-6)
    assert np.array_equal(ours.train_labels, theirs.train_labels)
    assert np.array_equal(ours.test_labels, theirs.test_labels)


def test_images_keep_their_shape(tmp_path: Path) -> None:
    images = np.arange(12 * 6, dtype=np.uint8).reshape(12, 2, 3)
    arrays = {**npz_arrays(), "X_train": images, "X_test": images[:6]}
    dataset = load(write_shards(tmp_path / "mine", arrays))
    npz = load_dataset(write_npz(tmp_path / "own.npz", **arrays), None, "raw", nothing_is_told, never)
    assert dataset.image_shape == (2, 3)
    assert dataset.train_inputs.shape == (12, 6)
    assert dataset.fingerprint == npz.fingerprint


def test_the_size_of_the_shards_does_not_change_the_fingerprint(tmp_path: Path) -> None:
    found = {load(write_shards(tmp_path / str(size), samples=size)).fingerprint for size in (1, 5, 12)}
    assert len(found) == 1


def test_a_split_may_be_one_file_without_a_number(tmp_path: Path) -> None:
    folder = write_shards(tmp_path / "mine")
    for key, array in npz_arrays().items():
        for file in folder.glob(f"{key}-*"):
            file.unlink()
        np.save(folder / f"{key}.npy", array)
    assert np.array_equal(load(folder).train_inputs, npz_arrays()["X_train"].astype(np.float32))


def test_files_stand_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    folder = write_shards(tmp_path / "mine", samples=1)
    for file in folder.iterdir():
        key, number = file.stem.split("-")
        file.rename(folder / f"{key}-{int(number)}.npy")
    assert load(folder).train_labels.tolist() == npz_arrays()["y_train"].tolist()


def test_other_files_in_the_folder_do_not_matter(tmp_path: Path) -> None:
    folder = write_shards(tmp_path / "mine")
    np.save(folder / "weights.npy", np.array([{}]), allow_pickle=True)
    (folder / "README.md").write_text("X_train-00000.npy")
    (folder / "X_train").mkdir()
    assert load(folder).classes == 3


def test_labels_may_have_another_type_in_each_file(tmp_path: Path) -> None:
    folder = write_shards(tmp_path / "mine")
    np.save(folder / "y_train-00001.npy", np.load(folder / "y_train-00001.npy").astype("f4"))
    assert load(folder).train_labels.dtype == np.int64


VALUES = np.arange(53 * 3, dtype="<i4").reshape(53, 3)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> ShardSource:
    """53 rows in files of 4."""
    arrays = {**npz_arrays(), "X_train": VALUES, "y_train": np.arange(53) % 3}
    return source_of(write_shards(tmp_path_factory.mktemp("shards") / "mine", arrays, samples=4))


@settings(deadline=None)
@given(rows=st.tuples(st.integers(0, 53), st.integers(0, 53)).map(sorted))
def test_reading_equals_a_slice_of_the_array(source: ShardSource, rows: list[int]) -> None:
    start, stop = rows
    values = source.read(start, stop)
    assert values.dtype == VALUES.dtype
    assert values.flags.c_contiguous
    assert values.flags.owndata
    assert np.array_equal(values, VALUES[start:stop])


def test_many_threads_read_at_once(source: ShardSource) -> None:
    def is_right(start: int) -> bool:
        return np.array_equal(source.read(start, start + 9), VALUES[start : start + 9])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(is_right, [*range(44)] * 20))


@pytest.mark.skipif(not os.path.isdir("/dev/fd"), reason="shows the open files of the process")
def test_hundreds_of_shards_need_one_open_file(tmp_path: Path) -> None:
    inputs = np.zeros((300, 1), np.uint8)
    arrays = {**npz_arrays(), "X_train": inputs, "y_train": np.arange(300) % 3, "X_test": inputs[:6]}
    folder = write_shards(tmp_path / "mine", arrays, samples=1)
    before = len(os.listdir("/dev/fd"))
    source = source_of(folder)
    source.read(0, 300)
    assert len(os.listdir("/dev/fd")) <= before + 1
    del source
    assert len(os.listdir("/dev/fd")) == before


def test_neither_checking_nor_reading_takes_more_memory_than_a_slice(tmp_path: Path) -> None:
    inputs = np.ones((4000, 1000), np.float32)
    arrays = {**npz_arrays(), "X_train": inputs, "y_train": np.arange(4000) % 3, "X_test": inputs[:6]}
    folder = write_shards(tmp_path / "mine", arrays, samples=1500)
    del arrays
    tracemalloc.start()
    source = source_of(folder)
    source.read(1400, 1600)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < inputs.nbytes / 4


def spoil(name: str, array: np.ndarray, pickled: bool = False) -> Callable[[Path], None]:
    return lambda folder: np.save(folder / name, array, allow_pickle=pickled)


def rename(old: str, new: str) -> Callable[[Path], object]:
    return lambda folder: (folder / old).rename(folder / new)


def remove(pattern: str) -> Callable[[Path], None]:
    def unlink(folder: Path) -> None:
        for file in folder.glob(pattern):
            file.unlink()

    return unlink


def cut(name: str, size: int) -> Callable[[Path], None]:
    return lambda folder: os.truncate(folder / name, size)


def write(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content)


def pipe(name: str) -> Callable[[Path], None]:
    def replace(folder: Path) -> None:
        (folder / name).unlink()
        os.mkfifo(folder / name)

    return replace


def row_of_nan() -> np.ndarray:
    inputs = np.ones((5, 3))
    inputs[3, 1] = np.nan
    return inputs


X1, Y1 = "X_train-00001.npy", "y_train-00001.npy"
ONES = np.ones((5, 3))
BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "no file": (
        remove("*"),
        r"has no X_train-\*\.npy, y_train-\*\.npy, X_test-\*\.npy, y_test-\*\.npy, nor IDX files: ",
    ),
    "no test labels": (remove("y_test*"), r"has no y_test-\*\.npy, nor IDX files: name"),
    "inputs without labels": (remove(Y1), "X_train-00001.npy has no y_train-00001.npy beside it"),
    "labels without inputs": (remove(X1), "y_train-00001.npy has no X_train-00001.npy beside it"),
    "one and several files": (spoil("X_train.npy", ONES), "X_train.npy stands beside X_train-00002.npy"),
    "a name without a number": (spoil("X_train-a.npy", ONES), "'X_train-a.npy' is no name of a shard"),
    "a name with two": (rename(X1, "X_train-1-2.npy"), "'X_train-1-2.npy' is no name of a shard"),
    "a name for a terminal": (spoil("y_test\x1b[0m.npy", ONES), r"'y_test\\x1b\[0m.npy' is no name"),
    "NaN": (spoil(X1, row_of_nan()), "X_train-00001.npy holds nan in row 3 "),
    "beyond float32": (spoil(X1, ONES * 1e39), r"X_train-00001.npy holds 1e\+39 in row 0 "),
    "another type": (
        spoil(X1, ONES.astype("f4")),
        "X_train-00000.npy holds .* 'float64', X_train-00001.npy 'fl",
    ),
    "another shape": (
        spoil(X1, np.ones((5, 4))),
        r"X_train-00000.npy has shape \(5, 3\), X_train-00001.npy \(5, 4",
    ),
    "another test shape": (
        lambda folder: [np.save(file, np.load(file)[:, :2]) for file in folder.glob("X_test-*")],
        r"X_train-00000.npy has shape \(12, 3\), X_test-00000.npy \(6, 2\)",
    ),
    "Fortran order": (spoil(X1, np.asfortranarray(ONES)), "X_train-00001.npy is in Fortran order: save"),
    "objects": (spoil(X1, np.array([[{}]]), True), "X_train-00001.npy holds Python objects"),
    "object labels": (spoil(Y1, np.array([{}]), True), "y_train-00001.npy holds Python objects"),
    "complex": (spoil(X1, ONES * 1j), "X_train-00001.npy holds values of type 'complex128'"),
    "four dimensions": (spoil(X1, np.ones((5, 1, 1, 3))), r"X_train-00001.npy has shape \(5, 1, 1, 3\)"),
    "no samples": (spoil(X1, ONES[:0]), "X_train-00001.npy is empty"),
    "fewer labels": (
        spoil(Y1, np.ones(4, int)),
        "X_train-00001.npy has 5 samples, y_train-00001.npy 4 labels",
    ),
    "half a label": (spoil(Y1, np.full(5, 0.5)), "y_train-00001.npy holds 0.5 in row 0 "),
    "negative label": (spoil(Y1, -np.ones(5, int)), "y_train-00001.npy: label -1 is negative"),
    "a billion classes": (spoil(Y1, np.full(5, 10**9)), "y_train-00001.npy: label 1000000000 is too large"),
    "test label above": (spoil("y_test-00001.npy", np.array([9])), "y_test-00001.npy: label 9 is above 2"),
    "cut inputs": (cut(X1, 200), r"X_train-00001.npy is damaged: it holds 72 bytes of values, its header cl"),
    "cut labels": (cut(Y1, 150), "y_train-00001.npy is damaged: it holds 22 bytes"),
    "cut header": (cut(X1, 30), "X_train-00001.npy is damaged: "),
    "empty": (cut(X1, 0), "X_train-00001.npy is damaged: "),
    "text": (write(Y1, b"hello world, this is no array"), "y_train-00001.npy is damaged: "),
    "longer than its header says": (cut(X1, 300), "X_train-00001.npy is damaged: it holds 172 bytes"),
    "a folder": (
        lambda f: ((f / X1).unlink(), (f / X1).mkdir()),
        "X_train-00001.npy cannot be read: Is a dir",
    ),
    "a pipe": (pipe(X1), "X_train-00001.npy is no regular file"),
    "a pipe of labels": (pipe(Y1), "y_train-00001.npy is no regular file"),
}


@pytest.mark.parametrize(("change", "part"), BAD.values(), ids=BAD)
def test_what_cannot_be_used_is_named_with_the_folder(
    change: Callable[[Path], object], part: str, tmp_path: Path
) -> None:
    folder = write_shards(tmp_path / "mine")
    change(folder)
    with pytest.raises(UsageError, match=part) as caught:
        load(folder)
    assert str(caught.value).startswith(f"{folder}: ")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (cut(X1, 200), "was changed while it was in use"),
        (lambda folder: os.utime(folder / X1, (0, 0)), "was changed while it was in use"),
        (remove(X1), "cannot be read: No such file or directory"),
    ],
    ids=["shorter", "written to", "removed"],
)
def test_a_file_that_changes_while_it_is_in_use_is_named(
    change: Callable[[Path], object], part: str, tmp_path: Path
) -> None:
    folder = write_shards(tmp_path / "mine")
    source = source_of(folder)
    change(folder)
    assert source.read(0, 5).shape == (5, 3)
    with pytest.raises(UserError, match=f"{X1} {part}"):
        source.read(4, 6)


def test_the_name_of_the_folder_is_found_and_shown_inert(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_shards(tmp_path / "a\x1b[2J\nb")
    monkeypatch.chdir(folder)
    assert load(Path(".")).name == r"a\x1b[2J\nb"
    os.unlink(X1)
    with pytest.raises(UserError, match="X_train-00001") as caught:
        load(folder)
    assert str(caught.value).isprintable()


def test_progress_says_how_far_reading_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "LEAST_STEP_BYTES", 1)
    told: list[str] = []
    shards.read_shards(write_shards(tmp_path / "mine"), told.append, never)
    assert told == [
        f"Reading mine{after}" for after in ("", ": 27 %", ": 55 %", ": 66 %", ": 94 %", ": 100 %")
    ]


@pytest.mark.parametrize("polls", [0, 1, 4, 9])
def test_reading_can_be_cancelled(polls: int, tmp_path: Path) -> None:
    answers = iter([False] * polls + [True])
    with pytest.raises(Cancelled):
        shards.read_shards(write_shards(tmp_path / "mine"), nothing_is_told, lambda: next(answers))
