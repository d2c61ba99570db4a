"""Reading earlier experiments for the curves under the running one."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.experiments import write_experiment

from logreg_tui.core.analysis import earlier_runs as underlay
from logreg_tui.core.analysis.earlier_runs import POINTS, earlier_runs
from logreg_tui.core.settings import ExperimentSettings


def experiment(folder: Path, name: str, runs: int = 1, rows: int = 3, data: str = "same") -> Path:
    """Write an experiment whose run number n ends with a test loss of n."""
    lines = [
        f"{run},{10 * at},{at / 4},sigmoid,0,0.1,{run + 0.5 + 1 / (at + 1)},0,{run},0.8,0.9"
        for at in range(rows)
        for run in range(1, runs + 1)
    ]
    return write_experiment(folder / name, ExperimentSettings(), lines, fingerprint=data)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return experiment(tmp_path, "20261122T200000-sigmoid")


def test_columns_are_those_of_the_file(own: Path) -> None:
    experiment(own.parent, "20261122T100000-sigmoid", rows=4)
    (run,) = earlier_runs(own)
    assert run.epoch.tolist() == [0, 10, 20, 30]
    assert run.elapsed_s.tolist() == [0, 0.25, 0.5, 0.75]
    assert run.train_loss.tolist() == [2.5, 2.0, 1.5 + 1 / 3, 1.75]
    assert run.test_accuracy.tolist() == [0.9] * 4
    assert (run.experiment, run.number) == ("20261122T100000-sigmoid", 1)
    assert run.name == "1122-1000 sigmoid 1"


def test_the_newest_come_first_and_no_more_than_asked_for(own: Path) -> None:
    for hour in range(10, 19):
        experiment(own.parent, f"20261122T{hour}0000-sigmoid")
    names = [run.experiment[9:11] for run in earlier_runs(own, most=3)]
    assert names == ["18", "17", "16"]


def test_other_data_are_left_out(own: Path) -> None:
    experiment(own.parent, "20261122T100000-sigmoid", data="other")
    assert earlier_runs(own) == []


def test_of_a_grid_the_best_runs_are_shown(own: Path) -> None:
    experiment(own.parent, "20261122T100000-grid", runs=24)
    assert [run.number for run in earlier_runs(own)] == [1, 2]


def test_long_columns_are_thinned_and_keep_their_ends(own: Path) -> None:
    experiment(own.parent, "20261122T100000-sigmoid", rows=5000)
    (run,) = earlier_runs(own)
    assert len(run.epoch) == POINTS
    assert (run.epoch[0], run.epoch[-1]) == (0, 49_990)


def test_of_a_long_file_parts_are_read_beginning_and_end_among_them(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment(own.parent, "20261122T100000-grid", runs=2, rows=3000)
    monkeypatch.setattr(underlay, "WHOLE_BYTES", 1 << 16)
    runs = earlier_runs(own)
    assert [run.number for run in runs] == [1, 2]
    for run in runs:
        assert run.epoch[0] <= 10
        assert run.epoch[-1] == 29_990
        assert max(run.epoch[1:] - run.epoch[:-1]) < 1000


@pytest.mark.parametrize(
    "damage",
    [b"", b"\x00\xff\n" * 50, b"1,0,0\n", b"1,nan,0,sigmoid,0,0,1,0,1,1,1\n" * 3,
     b'1,0,0,"sig\n', b"1,99999999999999999999999,x,s,0,0,1,0,1,1,1\n"],
)  # fmt: skip
def test_damaged_metrics_are_left_out(own: Path, damage: bytes) -> None:
    other = experiment(own.parent, "20261122T100000-sigmoid")
    (other / "metrics.csv").write_bytes(damage)
    assert earlier_runs(own) == []


def test_damaged_lines_among_good_ones_are_skipped(own: Path) -> None:
    other = experiment(own.parent, "20261122T100000-sigmoid")
    with (other / "metrics.csv").open("ab") as file:
        file.write(b"1,5,0,sigmoid,0,0,1,0,1,1,1\nrubbish\n1,30,1.5,sigmoid,0,0,nan,0,inf,1,1\n1,40,2,sig")
    (run,) = earlier_runs(own)
    assert run.epoch.tolist() == [0, 10, 20, 30]
    assert math.isinf(run.test_loss[-1])


@pytest.mark.parametrize("text", ["", "[]", "{", '{"dataset": 3}', "[" * 5000])
def test_a_damaged_config_is_no_experiment(own: Path, text: str) -> None:
    other = experiment(own.parent, "20261122T100000-sigmoid")
    (other / "config.json").write_text(text)
    (own.parent / "file").touch()
    assert earlier_runs(own) == []


def test_a_directory_that_is_gone_has_no_neighbours(tmp_path: Path) -> None:
    assert earlier_runs(tmp_path / "gone" / "too") == []


def test_names_cannot_send_control_codes(own: Path) -> None:
    experiment(own.parent, "2026\x1b[2J")
    (run,) = earlier_runs(own)
    assert run.name.isprintable()


def test_torch_is_not_loaded() -> None:
    code = (
        "import sys; from pathlib import Path; "
        "from logreg_tui.core.analysis.earlier_runs import earlier_runs; "
        "earlier_runs(Path('/nowhere/at/all')); print({'torch', 'textual'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
