"""An .npz of one's own: what is accepted, and a clear error for everything else."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.datafiles import never, nothing_is_told, npz_arrays, write_npz

from logreg_tui.core.data.dataset import Dataset, load_dataset
from logreg_tui.core.errors import UsageError, UserError


def load(path: str | Path, pixels: str = "raw") -> Dataset:
    return load_dataset(str(path), None, pixels, nothing_is_told, never)


def test_two_dimensional_inputs_are_features(tmp_path: Path) -> None:
    dataset = load(write_npz(tmp_path / "my.data.npz"))
    assert (dataset.name, dataset.classes, dataset.image_shape) == ("my.data", 3, None)
    assert np.array_equal(dataset.train_inputs, npz_arrays()["X_train"].astype(np.float32))
    assert dataset.test_labels.tolist() == [0, 1, 2, 0, 1, 2]


def test_a_square_number_of_features_is_not_taken_for_an_image(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "own.npz", X_train=np.ones((12, 16)), X_test=np.ones((6, 16)))
    assert load(path).image_shape is None


def test_three_dimensional_inputs_are_images(tmp_path: Path) -> None:
    train, test = np.arange(12 * 6).reshape(12, 2, 3), np.arange(36).reshape(6, 2, 3)
    dataset = load(write_npz(tmp_path / "own.npz", X_train=train, X_test=test))
    assert dataset.image_shape == (2, 3)
    assert np.array_equal(dataset.train_inputs, train.reshape(12, 6))


@pytest.mark.parametrize(
    "dtype",
    ["?", "u1", "i1", "<u2", ">i2", "<i4", ">i8", "u8", "<f2", ">f4", "f4", ">f8", "f8", "longdouble"],
)
def test_inputs_of_every_real_type_are_accepted(dtype: str, tmp_path: Path) -> None:
    train = (np.arange(36) % 5).reshape(12, 3).astype(dtype)
    dataset = load(write_npz(tmp_path / "own.npz", X_train=train, X_test=train[:6]))
    assert np.asarray(dataset.train_inputs).dtype == np.float32
    assert np.array_equal(dataset.train_inputs, train.astype(np.float32))


@pytest.mark.parametrize("dtype", ["u1", "i1", ">i4", "i8", "u8", "f2", "f4", ">f8"])
def test_labels_of_every_integral_type_are_accepted(dtype: str, tmp_path: Path) -> None:
    labels = (np.arange(12) % 3).astype(dtype)
    dataset = load(write_npz(tmp_path / "own.npz", y_train=labels))
    assert dataset.train_labels.dtype == np.int64
    assert dataset.train_labels.tolist() == [index % 3 for index in range(12)]


KERAS = {"X_train": "x_train", "X_test": "x_test"}
MEDMNIST = {
    "X_train": "train_images",
    "y_train": "train_labels",
    "X_test": "test_images",
    "y_test": "test_labels",
}


@pytest.mark.parametrize("names", [KERAS, MEDMNIST], ids=["keras", "medmnist"])
def test_arrays_under_the_names_of_other_programs_are_the_same_dataset(
    names: dict[str, str], tmp_path: Path
) -> None:
    own = load(write_npz(tmp_path / "own.npz"))
    np.savez(tmp_path / "other.npz", **{names.get(key, key): array for key, array in npz_arrays().items()})
    assert load(tmp_path / "other.npz").fingerprint == own.fingerprint


def test_an_error_names_the_array_as_the_file_does(tmp_path: Path) -> None:
    arrays = {KERAS.get(key, key): array for key, array in npz_arrays().items()}
    np.savez(tmp_path / "other.npz", **arrays | {"x_test": spoilt(2, 0, np.nan, rows=6)})
    with pytest.raises(UserError, match="x_test holds nan in row 2"):
        load(tmp_path / "other.npz")


LABEL_FORMS = {
    "column": lambda labels: labels[:, None].astype("u1"),
    "one-hot floats": lambda labels: np.eye(3)[labels],
    "one-hot booleans": lambda labels: np.eye(3)[labels] > 0,
    "texts of numbers": lambda labels: labels.astype(str),
}


@pytest.mark.parametrize("form", LABEL_FORMS.values(), ids=LABEL_FORMS)
def test_labels_in_the_forms_that_people_save_are_the_same(
    form: Callable[[np.ndarray], np.ndarray], tmp_path: Path
) -> None:
    own = load(write_npz(tmp_path / "own.npz"))
    arrays = {key: form(npz_arrays()[key]) for key in ("y_train", "y_test")}
    assert load(write_npz(tmp_path / "other.npz", **arrays)).fingerprint == own.fingerprint


@pytest.mark.parametrize("dtype", ["U", "S"])
def test_texts_are_classes_in_sorted_order_with_their_names(dtype: str, tmp_path: Path) -> None:
    texts = np.array(["dog", "cat", "ox"]).astype(dtype)
    numbers = npz_arrays()
    arrays = {key: texts[numbers[key]] for key in ("y_train", "y_test")}
    dataset = load(write_npz(tmp_path / "own.npz", **arrays))
    assert dataset.class_names == ("cat", "dog", "ox")
    assert dataset.train_labels[:3].tolist() == [1, 0, 2]
    assert dataset.test_labels[:3].tolist() == [1, 0, 2]


@pytest.mark.parametrize("axis", [1, 3])
def test_a_single_channel_of_images_is_left_out(axis: int, tmp_path: Path) -> None:
    train, test = np.arange(72).reshape(12, 2, 3), np.arange(36).reshape(6, 2, 3)
    own = load(write_npz(tmp_path / "own.npz", X_train=train, X_test=test))
    arrays = {"X_train": np.expand_dims(train, axis), "X_test": np.expand_dims(test, axis)}
    channels = load(write_npz(tmp_path / "channels.npz", **arrays))
    assert (channels.fingerprint, channels.image_shape) == (own.fingerprint, (2, 3))


@pytest.mark.parametrize("shape", [(2, 5, 3), (3, 2, 5)])
def test_colours_become_features_and_that_is_said(shape: tuple[int, int, int], tmp_path: Path) -> None:
    train = np.arange(12 * 30).reshape(12, *shape)
    dataset = load(write_npz(tmp_path / "own.npz", X_train=train, X_test=train[:6]))
    assert (dataset.image_shape, dataset.train_inputs.shape) == (None, (12, 30))
    assert np.array_equal(dataset.train_inputs, train.reshape(12, 30))
    assert dataset.notice is not None
    assert dataset.notice.startswith(f"colour images of shape {shape} are 30 features")


def test_arrays_in_fortran_order_are_read_in_their_own_order(tmp_path: Path) -> None:
    train = np.asfortranarray(np.arange(12 * 6).reshape(12, 2, 3))
    dataset = load(write_npz(tmp_path / "own.npz", X_train=train, X_test=train[:6].copy()))
    assert np.array_equal(dataset.train_inputs, np.arange(72).reshape(12, 6))


def test_a_compressed_file_is_the_same_dataset(tmp_path: Path) -> None:
    plain = load(write_npz(tmp_path / "a.npz"))
    np.savez_compressed(tmp_path / "b.npz", **npz_arrays())
    assert load(tmp_path / "b.npz").fingerprint == plain.fingerprint


def test_other_arrays_in_the_file_do_not_matter(tmp_path: Path) -> None:
    objects = np.array([{}], dtype=object)
    assert load(write_npz(tmp_path / "own.npz", classes=objects)).classes == 3


def test_a_class_without_a_training_sample_is_allowed(tmp_path: Path) -> None:
    labels = np.array([0, 5] * 6)
    assert load(write_npz(tmp_path / "own.npz", y_train=labels)).classes == 6


def spoilt(row: int, column: int, value: float, dtype: str = "f8", rows: int = 12) -> np.ndarray:
    inputs = np.ones((rows, 3), dtype)
    inputs[row, column] = value
    return inputs


TEXTS = np.array(["a"] * 12)
BAD_ARRAYS: dict[str, tuple[dict[str, np.ndarray | None], str]] = {
    "no X_test": ({"X_test": None}, "has no X_test; it has 'X_train', 'y_train', 'y_test'"),
    "two missing": ({"X_train": None, "y_test": None}, "has no X_train, y_test"),
    "NaN": ({"X_train": spoilt(7, 1, np.nan)}, "X_train holds nan in row 7 "),
    "infinity": ({"X_test": spoilt(2, 0, -np.inf, rows=6)}, "X_test holds -inf in row 2 "),
    "infinity in half precision": ({"X_train": spoilt(3, 0, np.inf, "f2")}, "X_train holds inf in row 3 "),
    "too large for float32": ({"X_train": spoilt(4, 2, 1e39)}, r"X_train holds 1e\+39 in row 4 "),
    "objects": ({"X_train": np.array([[{}]] * 12)}, "X_train holds Python objects"),
    "object labels": ({"y_train": np.array([{}] * 12)}, "y_train holds Python objects"),
    "complex": ({"X_train": np.ones((12, 3), complex)}, "X_train holds values of type 'complex128'"),
    "text": ({"X_train": TEXTS.reshape(12, 1)}, "X_train holds values of type '<U1'"),
    "text labels in one split": (
        {"y_train": TEXTS},
        r"y_test is 'int64' \(6,\): both splits must hold texts",
    ),
    "a test label that training has not": (
        {"y_train": np.array(["a", "b"] * 6), "y_test": np.array(["a", "c"] * 3)},
        "y_test holds label 'c' in row 1 .*, which y_train has not",
    ),
    "one text": ({"y_train": TEXTS, "y_test": TEXTS[:6]}, "y_train holds 'a' alone"),
    "bytes that are no text": (
        {"y_train": np.array([b"\xff", b"a"] * 6), "y_test": np.array([b"a"] * 6)},
        "y_train holds bytes that are no UTF-8",
    ),
    "dates": ({"X_train": np.ones((12, 3), "M8[D]")}, r"X_train .* type 'datetime64\[D\]'"),
    "records": ({"X_train": np.ones((12, 3), "i4,f4")}, "X_train holds values of type"),
    "half a label": ({"y_train": np.full(12, 0.5)}, "y_train holds 0.5 in row 0 "),
    "NaN label": ({"y_test": np.array([0, 1, np.nan, 0, 1, 2])}, "y_test holds nan in row 2 "),
    "infinite label": ({"y_test": np.full(6, np.inf, "f2")}, "y_test holds inf in row 0 "),
    "negative label": ({"y_train": np.array([0, -1, 1] * 4)}, "y_train: label -1 is negative"),
    "negative test label": ({"y_test": np.array([0, -1] * 3)}, "y_test: label -1 is negative"),
    "test label above": ({"y_test": np.array([0, 3] * 3)}, "y_test: label 3 is above 2, the largest"),
    "one class": ({"y_train": np.zeros(12, int), "y_test": np.zeros(6, int)}, "y_train: every label is 0"),
    "a billion classes": ({"y_train": np.full(12, 10**9)}, "y_train: label 1000000000 is too large"),
    "unsigned overflow": (
        {"y_train": np.full(12, 2**64 - 1, "u8")},
        "y_train holds label 18446744073709551615",
    ),
    "labels of several columns": (
        {"y_train": np.ones((12, 3), int)},
        r"y_train has shape \(12, 3\), but row 0",
    ),
    "a one-hot row of zeros": ({"y_test": np.eye(6, 3)}, r"y_test has shape \(6, 3\), but row 3"),
    "labels of three dimensions": ({"y_test": np.ones((6, 1, 1), int)}, r"y_test has shape \(6, 1, 1\)"),
    "one dimension": ({"X_train": np.ones(12)}, r"X_train has shape \(12,\)"),
    "four dimensions that are no images": (
        {"X_train": np.ones((12, 2, 5, 2)), "X_test": np.ones((6, 2, 5, 2))},
        r"X_train has shape \(12, 2, 5, 2\): four dimensions are images with 1, 3 or 4 channels",
    ),
    "five dimensions": ({"X_train": np.ones((12, 1, 2, 2, 1))}, r"X_train has shape \(12, 1, 2, 2, 1\)"),
    "a number": ({"X_train": np.array(3.0)}, r"X_train has shape \(\)"),
    "no samples": ({"X_test": np.ones((0, 3)), "y_test": np.ones(0, int)}, "X_test is empty"),
    "no features": ({"X_train": np.ones((12, 0))}, "X_train is empty"),
    "more labels": ({"y_train": np.arange(13) % 3}, "X_train has 12 samples, y_train 13 labels"),
    "fewer test labels": ({"y_test": np.arange(5) % 3}, "X_test has 6 samples, y_test 5 labels"),
    "other features": ({"X_test": np.ones((6, 4))}, r"X_train has shape \(12, 3\), X_test \(6, 4\)"),
    "images and features": (
        {"X_train": np.ones((12, 2, 2)), "X_test": np.ones((6, 4))},
        r"X_train has shape \(12, 2, 2\), X_test \(6, 4\)",
    ),
}


@pytest.mark.parametrize(("changes", "part"), BAD_ARRAYS.values(), ids=BAD_ARRAYS)
def test_arrays_that_cannot_be_used_are_named_with_the_file(
    changes: dict[str, np.ndarray | None], part: str, tmp_path: Path
) -> None:
    path = write_npz(tmp_path / "own.npz", **changes)
    with pytest.raises(UsageError, match=part) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert str(caught.value).isprintable()


def test_bad_values_are_found_beyond_the_first_chunk(tmp_path: Path) -> None:
    inputs = np.zeros((1000, 1000))
    inputs[777, 5] = np.nan
    labels = np.arange(1000) % 2
    changes = {"X_train": inputs, "y_train": labels, "X_test": inputs[:6], "y_test": labels[:6]}
    with pytest.raises(UserError, match="X_train holds nan in row 777 "):
        load(write_npz(tmp_path / "own.npz", **changes))


def header(shape: tuple[int, ...], descr: str = "<f8") -> bytes:
    buffer = io.BytesIO()
    fields = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, fields)
    return buffer.getvalue()


def raw_header(text: bytes, version: bytes = b"\x01\x00") -> bytes:
    return b"\x93NUMPY" + version + len(text).to_bytes(2, "little") + text


BAD_MEMBERS: dict[str, bytes] = {
    "empty": b"",
    "not numpy": b"hello world, this is no array",
    "cut header": header((12, 3))[:20],
    "cut values": header((12, 3)) + bytes(12 * 3 * 8 - 1),
    "one byte more": header((12, 3)) + bytes(12 * 3 * 8 + 1),
    "a trillion samples": header((10**12, 3)) + bytes(100),
    "a size beyond 64 bits": header((10**30, 10**30)) + bytes(100),
    "negative size": header((-1, 3)) + bytes(100),
    "version 9": raw_header(b"{}", b"\x09\x00"),
    "no dictionary": raw_header(b"[1, 2, 3]\n"),
    "code for a header": raw_header(b"__import__('os').abort()\n"),
    "deep nesting": raw_header(b"(" * 9000 + b")" * 900),
    "too long a header": raw_header(b"{" + b" " * 20000 + b"}"),
    "unknown type": raw_header(b"{'descr': 'zz', 'fortran_order': False, 'shape': (1, 1)}\n"),
    "shape of texts": raw_header(b"{'descr': '<f8', 'fortran_order': False, 'shape': ('a', 'b')}\n"),
}


def write_with_member(path: Path, content: bytes, compression: int) -> None:
    np.savez(path, **{key: array for key, array in npz_arrays().items() if key != "X_train"})
    with zipfile.ZipFile(path, "a", compression) as archive:
        archive.writestr("X_train.npy", content)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
@pytest.mark.parametrize("content", BAD_MEMBERS.values(), ids=BAD_MEMBERS)
def test_a_damaged_or_hostile_array_is_named_and_nothing_is_allocated(
    content: bytes, compression: int, tmp_path: Path
) -> None:
    path = tmp_path / "own.npz"
    write_with_member(path, content, compression)
    with pytest.raises(UserError, match="X_train") as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: X_train ")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"PK\x05\x06" + bytes(18), b"PK\x03\x04" + bytes(500), b"\x93NUMPY\x01\x00"],
    ids=["empty", "text", "empty zip", "broken zip", "an .npy"],
)
def test_what_is_no_npz_is_said_to_be_none(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "own.npz"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"is not an \.npz file|has no X_train.*it has nothing"):
        load(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_an_npz_that_was_cut_off_is_a_user_error(share: float, tmp_path: Path) -> None:
    path = Path(write_npz(tmp_path / "own.npz"))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(UserError, match="is cut off"):
        load(path)


@pytest.mark.parametrize("seed", range(40))
def test_random_damage_is_a_user_error_or_is_harmless(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "own.npz"
    np.savez_compressed(path, **npz_arrays())
    content = bytearray(path.read_bytes())
    random = np.random.default_rng(seed)
    for position in random.integers(len(content), size=3):
        content[position] = random.integers(256)
    path.write_bytes(content)
    try:
        dataset = load(path)
    except UserError as error:
        message = str(error)
    else:
        message = dataset.name
        assert np.isfinite(dataset.train_inputs).all()
    assert message.isprintable()


def test_names_found_in_a_file_are_shown_but_cannot_act_on_a_terminal(tmp_path: Path) -> None:
    path = tmp_path / "own.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("\x1b[31m[bold]\n'.npy", b"")
        archive.writestr("x" * 5000, b"")
    with pytest.raises(UserError) as caught:
        load(path)
    message = str(caught.value)
    assert message.isprintable()
    assert r"\x1b[31m[bold]\n" in message
    assert len(message) < 400


def test_control_characters_in_the_path_are_shown_as_escapes(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "a\x1b[2J\nb.npz", X_test=None)
    with pytest.raises(UserError, match=r"a\\x1b\[2J\\nb\.npz: has no X_test") as caught:
        load(path)
    assert str(caught.value).isprintable()
    named = load(write_npz(tmp_path / "c\nd.npz"))
    assert named.name == r"c\nd"


# 36 and 18 values: 8 bytes each as they are stored, 4 as float32.
NEEDED = (36 + 18) * (8 + 4)


def test_an_npz_just_within_the_memory_limit_is_read(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "own.npz")
    assert load_dataset(path, None, "raw", nothing_is_told, never, memory_limit=NEEDED).classes == 3


def test_an_npz_beyond_the_memory_limit_is_refused_with_the_way_out(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "own.npz")
    with pytest.raises(UserError) as caught:
        load_dataset(path, None, "raw", nothing_is_told, never, memory_limit=NEEDED - 1)
    assert str(caught.value) == (
        f"{path}: needs 648 B of memory, more than --memory-limit 647 B: raise it, "
        "or save the data as a folder of .npy shards (see the README)"
    )


@pytest.mark.parametrize(("available", "is_refused"), [(NEEDED, False), (NEEDED - 1, True), (None, False)])
def test_without_a_limit_an_npz_must_fit_what_is_free(
    available: int | None, is_refused: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logreg_tui.core.data.npz.available_memory", lambda: available)
    path = write_npz(tmp_path / "own.npz")
    if not is_refused:
        assert load(path).classes == 3
        return
    with pytest.raises(UserError, match=r"needs 648 B of memory, of which 647 B are free: save .* shards"):
        load(path)


def test_nothing_is_read_of_an_npz_that_does_not_fit(tmp_path: Path) -> None:
    # So many values that their end, where the damage is noticed, is not read with the header.
    path = Path(write_npz(tmp_path / "own.npz", X_train=np.ones((4000, 3)), y_train=np.arange(4000) % 3))
    data = bytearray(path.read_bytes())
    data[data.index(b"\x93NUMPY") + 90_000] ^= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match="CRC"):
        load(str(path))
    with pytest.raises(UserError, match="needs"):
        load_dataset(str(path), None, "raw", nothing_is_told, never, memory_limit=1)
