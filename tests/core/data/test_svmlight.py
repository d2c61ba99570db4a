"""Files of LIBSVM and SVMlight as datasets: kept sparse, read as by scikit-learn, or refused in one line."""

from __future__ import annotations

import bz2
import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from helpers.datafiles import never, nothing_is_told
from scipy.sparse import csr_matrix, vstack
from sklearn.datasets import dump_svmlight_file, load_svmlight_file
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MaxAbsScaler, StandardScaler

from logreg_tui.core.data.dataset import Dataset, load_dataset
from logreg_tui.core.data.inputs import Inputs
from logreg_tui.core.data.sparse import lines
from logreg_tui.core.data.sparse.csr import CsrSource
from logreg_tui.core.data.sparse.lines import check_svmlight, is_svmlight
from logreg_tui.core.errors import Cancelled, UsageError
from logreg_tui.core.file_options import FileOptions
from logreg_tui.core.settings import ExperimentSettings, RunSettings

LINES = """# as SVMlight writes it
+1 1:0.5 7:2 # a comment
-1 qid:3 2:1 5:-3
+1 3:4e-1

-1
-1 5:1 7:0
+1 1:1
"""
FEATURES = 7


def written(folder: Path, text: str | bytes, name: str = "a.svm") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(path: Path, pixels: str = "raw", limit: int | None = None, **options: object) -> Dataset:
    file = FileOptions(**options)  # type: ignore[arg-type]
    return load_dataset(str(path), None, pixels, nothing_is_told, never, memory_limit=limit, file=file)


def refusal(path: Path, **options: object) -> str:
    """Return the line by which a file is refused."""
    with pytest.raises(UsageError) as caught:
        read(path, **options)  # type: ignore[arg-type]
    text = str(caught.value)
    assert "\n" not in text
    assert caught.value.exit_status == 2
    return text


def matrix_of(inputs: Inputs) -> csr_matrix:
    source = inputs.csr(0, len(inputs))
    return csr_matrix((source.values, source.index, source.starts), source.shape)


def made(seed: int = 0, samples: int = 60, features: int = 40) -> csr_matrix:
    random = np.random.default_rng(seed)
    values = random.normal(size=(samples, features)) * (random.random((samples, features)) < 0.1)
    values[:, 5] = 1.5  # constant
    values[: samples // 2, 6] = 0
    return csr_matrix(values.astype(np.float32))


PACKERS = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress}


@pytest.mark.parametrize("packed", PACKERS)
@pytest.mark.parametrize("ending", [".svm", ".libsvm", ".svmlight", ".SVM"])
def test_a_file_is_read_as_by_scikit_learn(tmp_path: Path, ending: str, packed: str) -> None:
    path = written(tmp_path, PACKERS[packed](LINES.encode()), f"a{ending}{packed}")
    assert is_svmlight(path.name)
    data = read(path, test=str(path))
    expected, labels = load_svmlight_file(str(written(tmp_path, LINES, "plain")), dtype=np.float32)
    assert (matrix_of(data.train_inputs) != expected).nnz == 0
    assert data.train_inputs.shape == (6, FEATURES)
    assert data.class_names == ("-1", "1")
    assert data.train_labels.tolist() == [1, 0, 1, 0, 0, 1] == (labels > 0).astype(int).tolist()
    assert np.array_equal(data.test_labels, data.train_labels)
    assert data.name == "a"
    # Features are called by the numbers that the file has.
    assert (data.feature_names[0], data.feature_names[-1]) == ("1", "7")
    assert list(data.feature_names[1:3]) == ["2", "3"]
    # A zero that is written down is none that is kept.
    assert len(data.train_inputs.csr(0, 6).values) == 7
    check_svmlight(str(path), FileOptions())


@pytest.mark.parametrize("packed", PACKERS)
@pytest.mark.parametrize("name", ["a9a", "a9a.t", "mnist.scale", "rows.txt"])
@pytest.mark.parametrize("before", ["", "# a comment\n\n", "\ufeff"])
def test_a_file_has_the_name_under_which_it_was_published(
    tmp_path: Path, name: str, packed: str, before: str
) -> None:
    path = written(tmp_path, PACKERS[packed]((before + LINES).encode()), name + packed)
    assert is_svmlight(str(path))
    data = read(path)
    assert data.name == name
    assert data.feature_names[0] == "1"


def test_a_first_sample_of_any_length_tells_what_a_file_is(tmp_path: Path) -> None:
    assert is_svmlight(
        str(written(tmp_path, f"1{''.join(f' {at}:0.5' for at in range(1, 20_000))}\n", "a9a"))
    )


@pytest.mark.parametrize(
    "content",
    ["", "hello world\n", "1\n2\n", "1,2:3\n", "1:2 3:4\n", "# 1 2:3\n", b"\x89PNG\r\n\x1a\n", b"BZh91AY&SY",
     b"\x1f\x8b\x08\x00", b"\x00" * 100_000, "1 2:3" + " " * 70_000 + "x\n"],
)  # fmt: skip
def test_what_does_not_begin_with_a_sample_is_no_such_file(tmp_path: Path, content: str | bytes) -> None:
    path = written(tmp_path, content, "a9a")
    # Only its beginning is looked at: the last one is found to be wrong when it is read.
    assert is_svmlight(str(path)) == (len(content) > 70_000 and content[0] == "1")


def test_only_a_regular_file_is_looked_into(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    assert not any(is_svmlight(str(tmp_path / name)) for name in ("pipe", "zero", "none", "."))


def test_a_test_file_may_have_more_features_or_fewer_and_any_name(tmp_path: Path) -> None:
    train = written(tmp_path, "1 2:1\n2 3:1\n")
    data = read(train, test=str(written(tmp_path, "2 9:1\n", "a9a.t")))
    assert data.train_inputs.shape == (2, 9)
    assert data.test_inputs.shape == (1, 9)
    # A feature 0 in one of the files counts from 0 in both.
    data = read(train, test=str(written(tmp_path, "2 0:1\n", "zero.t")))
    assert data.train_inputs.shape == (2, 4)
    assert data.feature_names[0] == "0"
    assert matrix_of(data.train_inputs).toarray().tolist() == [[0, 0, 1, 0], [0, 0, 0, 1]]


def test_without_a_test_file_classes_are_split_as_by_scikit_learn(tmp_path: Path) -> None:
    matrix, labels = made(), np.arange(60) % 3
    dump_svmlight_file(matrix, labels, str(tmp_path / "a.svm"), zero_based=False)
    data = read(tmp_path / "a.svm", test_share=0.3, split_seed=7)
    rows = train_test_split(np.arange(60), test_size=0.3, stratify=labels, random_state=7)
    for inputs, codes, chosen in (
        (data.train_inputs, data.train_labels, np.sort(rows[0])),
        (data.test_inputs, data.test_labels, np.sort(rows[1])),
    ):
        assert np.array_equal(np.asarray(inputs), matrix[chosen].toarray())
        assert np.array_equal(codes, labels[chosen])
    assert data.class_names == ()
    assert data.notice == "18 of 60 rows are the test set, stratified with --split-seed 7"


@pytest.mark.parametrize(
    ("pixels", "scaler"), [("standardized", StandardScaler(with_mean=False)), ("unit", MaxAbsScaler())]
)
def test_scaling_moves_no_zero(tmp_path: Path, pixels: str, scaler: StandardScaler | MaxAbsScaler) -> None:
    train, test = made(0), made(1)
    for matrix, name in ((train, "train.svm"), (test, "test.svm")):
        dump_svmlight_file(matrix, np.arange(60) % 2, str(tmp_path / name), zero_based=False)
    data = read(tmp_path / "train.svm", pixels, test=str(tmp_path / "test.svm"))
    assert data.train_inputs.is_sparse
    scaler.fit(train.astype(np.float64))
    for inputs, matrix in ((data.train_inputs, train), (data.test_inputs, test)):
        expected = scaler.transform(matrix.astype(np.float64)).toarray()
        assert np.allclose(np.asarray(inputs), expected, rtol=1e-6, atol=0)
        # What the samples were is still to be had.
        assert np.allclose(inputs.original(0, 60), matrix.toarray(), rtol=1e-6)


def test_the_fingerprint_follows_values_labels_and_the_number_of_features(tmp_path: Path) -> None:
    def fingerprint(text: str, test: str = "1 2:1\n") -> str:
        paths = written(tmp_path, text), written(tmp_path, test, "test")
        return read(paths[0], test=str(paths[1])).fingerprint

    first = fingerprint("1 2:1\n2 3:1\n")
    assert first == fingerprint("# said otherwise\n+1 2:1.0 3:0\n2.0 3:1e0\n")
    others = ["1 2:2\n2 3:1\n", "2 2:1\n1 3:1\n", "1 2:1\n3 3:1\n", "1 2:1\n2 3:1\n2 3:1\n"]
    found = {fingerprint(text) for text in others} | {fingerprint("1 2:1\n2 3:1\n", "1 2:1 99:1\n")}
    assert len(found | {first}) == 6


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "holds no samples"),
        ("# nothing\n\n", "holds no samples"),
        ("1 1:1\nspam 1:2\n", "line 2: label 'spam' is no number"),
        ("1 1:1\n\n1,2 1:2\n", "line 3: '1,2' are several labels"),
        ("1:1 2:3\n", "line 1: '1:1' stands where the label should"),
        ("1 1:1\n2 5\n", "line 2: '5' is no `index:value`"),
        ("1 1:1\n2 5:x\n", "line 2: '5:x' is no `index:value`"),
        ("1 1:1\n2 -5:1\n", "line 2: '-5:1' is no `index:value`"),
        ("1 1:1\n2 a:1\n", "line 2: 'a:1' is no `index:value`"),
        ("1 1:1\n2 7:1 3:1\n", "line 2: feature 3 stands behind 7"),
        ("1 1:1\n2 7:1 7:1\n", "line 2: feature 7 stands behind 7"),
        ("1 1:1\n2 99999999999999999999:1\n", "too large"),
        ("1 1:1\n2 2147483647:1\n", "too large"),
        ("1 1:1\n2 1:nan\n", "a value of sample 2 is not finite"),
        ("1 1:1\n2 1:1e39\n", "a value of sample 2 is not finite"),
        ("1 1:1\nnan 1:1\n", "the label of sample 2 is not finite"),
        ("1\n2\n", "there are no features"),
        ("1 1:1\n1 1:2\n", "the label is '1' in every row"),
        ("".join(f"{at / 7} 1:1\n" for at in range(1, 30)), "which is a quantity"),
        ("a,b,c\n1,2,3\n", "line 1: label 'a,b,c' is no number"),
        ("\x00\x01\x02", "line 1: label"),
        ("\x1f\x8bxyz", "damaged, or cut off|cannot be read"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(tmp_path: Path, text: str, expected: str) -> None:
    path = written(tmp_path, text.encode("latin-1"))
    with pytest.raises(UsageError, match=expected):
        read(path)
    assert str(path) in refusal(path)


def test_packed_files_that_are_cut_off_are_refused(tmp_path: Path) -> None:
    for ending, packer in PACKERS.items():
        if ending:
            path = written(tmp_path, packer(LINES.encode() * 99)[:60], f"a.svm{ending}")
            assert "damaged, or cut off" in refusal(path)


def test_files_that_are_not_there_and_other_labels_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, LINES)
    assert "cannot be read: No such file" in refusal(path, test=str(tmp_path / "none"))
    assert "cannot be read" in refusal(path, test=str(tmp_path))
    unknown = refusal(path, test=str(written(tmp_path, "7 1:1\n", "t")))
    assert "label 7 is none of the 2 of the training set" in unknown
    for name in ("none", ""):
        with pytest.raises(UsageError):
            check_svmlight(str(path), FileOptions(test=str(tmp_path / name)))
    with pytest.raises(UsageError, match="line 1: 'x' is no"):
        check_svmlight(str(written(tmp_path, "1 x\n")), FileOptions())


def test_features_without_end_and_memory_that_is_not_there_are_refused(tmp_path: Path) -> None:
    far = written(tmp_path, "1 1:1\n2 2000000000:1\n" * 9)
    assert "each run takes about" in refusal(far, limit=10**9)
    assert "takes more memory than there is" in refusal(written(tmp_path, LINES * 99), limit=100)


@pytest.mark.parametrize("packed", ["", ".gz", ".bz2"])
def test_a_line_without_end_is_not_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: str
) -> None:
    monkeypatch.setattr(lines, "LONGEST_LINE", 1 << 10)
    pack = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress}[packed]
    path = written(tmp_path, pack(b"1 1:1\n" + bytes(1 << 20)), f"a.svm{packed}")
    assert refusal(path) == f"{path}: line 2 has no end within 1,024 bytes"


def test_options_of_tables_are_none_of_its(tmp_path: Path) -> None:
    for options in ({"label": "x"}, {"one_hot": True}, {"fill": "mean"}, {"drop": ("x",)}):
        with pytest.raises(UsageError, match="is for tables"):
            ExperimentSettings((RunSettings(),), dataset="a.svm", file=FileOptions(**options))  # type: ignore[arg-type]
    settings = ExperimentSettings((RunSettings(),), dataset="a.svm", file=FileOptions(test="b"))
    assert ExperimentSettings.from_json(settings.to_json()) == settings


def test_reading_is_given_up_when_the_user_stops(tmp_path: Path) -> None:
    path = written(tmp_path, LINES)
    asked: list[bool] = []

    def stop_while_reading() -> bool:
        asked.append(True)
        return len(asked) > 1

    with pytest.raises(Cancelled):
        load_dataset(str(path), None, "raw", nothing_is_told, stop_while_reading)
    assert len(asked) == 2


def test_rows_are_taken_and_read_like_those_of_a_matrix() -> None:
    matrix = made()
    source = CsrSource(matrix.indptr.astype(np.int64), matrix.indices, matrix.data, matrix.shape[1])
    chosen = np.array([3, 3, 59, 0])
    taken = source.take(chosen)
    assert np.array_equal(taken.read(0, 4), matrix[chosen].toarray())
    assert np.array_equal(taken.rows(1, 3).read(1, 2), matrix[[59]].toarray())
    assert taken.take(np.array([], int)).shape == (0, 40)
    weight = np.random.default_rng(0).normal(size=(3, 40)).astype(np.float32)
    inputs = Inputs(source)[10:50][5:]
    assert np.allclose(inputs.product(2, 9, weight), inputs.read(2, 9) @ weight.T, atol=1e-5)
    dense = vstack([matrix]).toarray().astype(np.float64)
    assert np.allclose(source.deviations(), dense.std(axis=0), rtol=1e-6, atol=1e-8)
    assert np.array_equal(source.largest(), np.abs(dense).max(axis=0))
