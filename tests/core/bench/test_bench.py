"""The benchmark: its statistics, its plain loop, processes it times, and all of it once on small data."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from logreg_tui.core.bench import loops as bench_loops
from logreg_tui.core.bench import processes as bench_processes
from logreg_tui.core.bench.bench import Bench, Plan, Side, enough_epochs, rounded_up
from logreg_tui.core.bench.loops import PlainData, PlainLoop, largest_difference
from logreg_tui.core.bench.processes import (
    ENTER_ALTERNATE_SCREEN,
    _beside,
    epochs_per_second,
    has_drawn,
    measure_screen,
    time_of_command,
    time_of_first_frame,
)
from logreg_tui.core.bench.results import (
    Agreement,
    BenchResult,
    Limits,
    LoggedTraining,
    PairedTimes,
    Speed,
    Spread,
    StartUp,
    Work,
)
from logreg_tui.core.data.dataset import Dataset
from logreg_tui.core.engine.model import initial_parameters
from logreg_tui.core.engine.process_group import ALONE
from logreg_tui.core.errors import UserError
from logreg_tui.core.heads import LOGITS, SIGMOID
from logreg_tui.core.session.start import TrainingEnvironment
from logreg_tui.core.settings import ExperimentSettings, RunSettings

CPU = torch.device("cpu")
WORK = Work(samples=1000, features=50, classes=10)
LIMITS = Limits(read_gb_per_s=0.4, read_way="sum", product_gflop_per_s=0.2, product_size=64)


@pytest.mark.parametrize(
    ("values", "spread"),
    [
        ([3.0], Spread(3, 3, 3, 1)),
        ([4.0, 2.0], Spread(3, 2.5, 3.5, 2)),
        ([5.0, 1.0, 3.0, 2.0, 4.0], Spread(3, 2, 4, 5)),
        ([1.0, 1.0, 1.0, 100.0], Spread(1, 1, 25.75, 4)),
    ],
)
def test_a_spread_is_the_median_and_the_quartiles(values: list[float], spread: Spread) -> None:
    assert Spread.of(values) == spread


def test_ratios_are_taken_pair_by_pair() -> None:
    pairs = PairedTimes((10.0, 100.0, 30.0), (5.0, 20.0, 10.0))
    assert pairs.ratio() == Spread(3, 2.5, 4, 3)
    assert pairs.ratio(2).median == 6


def test_two_things_are_measured_in_turn() -> None:
    order: list[str] = []
    pairs = PairedTimes.in_turn(lambda: order.append("a") or 1.0, lambda: order.append("b") or 2.0, 3)
    assert order == list("ababab")
    assert pairs == PairedTimes((1.0,) * 3, (2.0,) * 3)


def test_what_prepares_and_warms_is_not_timed() -> None:
    now = [0.0]

    def train(epochs: int) -> None:
        now[0] += epochs

    def prepare() -> None:
        now[0] += 1000

    assert Side(train, prepare, stride=10).timed(50, lambda: now[0]) == 50
    assert now == [1060]


@pytest.mark.parametrize(
    ("ms_per_epoch", "stride", "epochs"), [(250, 1, 1), (100, 1, 4), (0.03, 10, 10_240), (900, 10, 10)]
)
def test_epochs_double_until_a_measurement_is_long_enough(
    ms_per_epoch: float, stride: int, epochs: int
) -> None:
    assert enough_epochs(lambda count: count * ms_per_epoch / 1e3, stride, 0.25) == epochs


def test_epochs_that_were_asked_for_become_a_multiple_of_the_stride() -> None:
    assert [rounded_up(epochs, 10) for epochs in (1, 10, 11)] == [10, 10, 20]


def test_a_speed_is_held_against_the_limits_of_the_machine() -> None:
    # 400 kB and 4 MFLOP: 1 ms of reading, 20 ms of computing for one run.
    speed = Speed.of([0.4, 0.8, 1.2], epochs=10, runs=2, work=WORK, limits=LIMITS)
    assert speed.ms_per_epoch == Spread(80, 60, 100, 3)
    assert speed.ms_per_run.median == 40
    assert speed.epochs_per_s.median == 12.5
    assert speed.gb_per_s == pytest.approx(400e3 / 0.08 / 1e9)
    assert speed.gflop_per_s == pytest.approx(4e6 / 0.08 / 1e9)
    assert speed.share_of_limit == pytest.approx(20 / 80)


def test_reading_is_the_limit_where_there_is_little_to_compute() -> None:
    assert Limits(0.4, "sum", 1e6, 64).least_ms(WORK, 1) == pytest.approx(1)


def test_a_logged_training_is_compared_per_epoch_and_extrapolated() -> None:
    figures = LoggedTraining.of(
        PairedTimes((1.0, 1.0), (2.0, 4.0)), epochs=100, plain_epochs=10, log_every=10
    )
    assert (figures.plain_ms_per_epoch.median, figures.ms_per_epoch.median) == (100, 30)
    assert figures.speedup == Spread.of([5.0, 2.5])
    assert (figures.plain_original_s, figures.original_s) == (1000, 300)


def test_a_start_is_told_as_a_ratio() -> None:
    assert StartUp.of("--help", "import argparse", PairedTimes((0.2, 0.3), (0.1, 0.1))).ratio.median == 2.5


def descended(inputs: Tensor, labels: Tensor, run: RunSettings, epochs: int) -> tuple[Tensor, Tensor]:
    """Return weight and bias after some epochs by the closed-form gradient in float64."""
    weight, bias = (values.double() for values in initial_parameters(inputs.shape[1], 10, run.seed))
    for _ in range(epochs):
        outputs = inputs @ weight.T + bias
        head = outputs.sigmoid() if run.head == SIGMOID else outputs
        slope = (head.softmax(1) - functional.one_hot(labels, 10)) / len(inputs)
        if run.head == SIGMOID:
            slope = slope * head * (1 - head)
        weight = weight - run.learning_rate * (slope.T @ inputs + 2 * run.l2 * weight)
        bias = bias - run.learning_rate * (slope.sum(0) + 2 * run.l2 * bias)
    return weight, bias


@pytest.mark.parametrize("head", [SIGMOID, LOGITS])
def test_the_plain_loop_descends_by_the_closed_form_gradient(digits: Dataset, head: str) -> None:
    run = RunSettings(head, l2=0.01, learning_rate=0.001, seed=3)
    data = PlainData(digits, CPU)
    loop = PlainLoop(data, run)
    loop.train(3, log_every=2)
    loop.train(2)
    weight, bias = descended(data.inputs.double(), data.labels, run, 5)
    expected = []
    for inputs, labels in ((data.inputs, data.labels), (data.test_inputs, data.test_labels)):
        outputs = inputs.double() @ weight.T + bias
        expected.append(functional.cross_entropy(outputs.sigmoid() if head == SIGMOID else outputs, labels))
    assert loop.losses() == pytest.approx([loss.item() for loss in expected], rel=1e-5)


@pytest.mark.parametrize(
    ("ours", "difference"),
    [
        ([(1.0, 2.0), (3.0, 4.0)], 0),
        ([(1.0, 2.5), (3.0, 4.0)], 0.5),
        ([(1.0, 2.0), (math.nan, 4.0)], math.inf),
    ],
)
def test_the_largest_difference_of_any_loss_counts(
    ours: list[tuple[float, float]], difference: float
) -> None:
    assert largest_difference(ours, [(1.0, 2.0), (3.0, 4.0)]) == difference


@pytest.mark.parametrize(("difference", "is_close"), [(9e-5, True), (2e-4, False), (math.inf, False)])
def test_losses_that_differ_too_much_are_an_error(difference: float, is_close: bool) -> None:
    agreement = Agreement(10, 1, difference)
    assert agreement.is_close is is_close
    if not is_close:
        with pytest.raises(UserError, match="after 10 epochs a loss differs by"):
            agreement.check()


def bench(digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Return the shortest benchmark there is."""
    monkeypatch.setattr(bench_loops, "CPU_PRODUCT_SIZE", 64)
    plan = Plan(run_counts=(3, 1), pairs=1, epochs=1)
    return Bench(
        plan,
        TrainingEnvironment(digits, CPU, 1, "cpu, 1 thread", ExperimentSettings(), ALONE),
        lambda text: None,
    )


@pytest.fixture
def threads_restored() -> Iterator[None]:
    """The number of threads is the whole process's, and the benchmark changes it."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("threads_restored")
def test_all_that_one_process_measures_is_finite_and_agrees(
    digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = bench(digits, monkeypatch).run()
    result.agreement.check()
    assert result.agreement.runs == 4
    assert [speed_comparison.engine.runs for speed_comparison in result.comparisons] == [1, 3]
    assert [speed_comparison.plain.runs for speed_comparison in result.comparisons] == [1, 1]
    assert result.machine.work == Work(1437, 64, 10)
    check_json(result)


def check_json(result: BenchResult) -> None:
    """The documented keys are there, and every number is finite."""
    record = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert set(record) == {
        "spread", "machine", "limits", "agreement", "contests", "training", "screen", "start_up",
    }  # fmt: skip
    assert set(record["contests"][0]) == {"engine", "plain", "speedup"}
    assert set(record["contests"][0]["engine"]) == {
        "runs", "epochs", "ms_per_epoch", "ms_per_run", "epochs_per_s", "gb_per_s", "gflop_per_s",
        "share_of_limit",
    }  # fmt: skip
    assert set(record["contests"][0]["speedup"]) == {"median", "low", "high", "count"}
    assert record["contests"][0]["speedup"]["median"] > 0
    assert record["agreement"]["is_close"] is True
    assert record["screen"] is None


class WrongBench(Bench):
    """A plain loop that comes to something else."""

    def plain_losses(self, count: int) -> list[tuple[float, float]]:
        return [(9.0, 9.0)] * count


@pytest.mark.usefixtures("threads_restored")
def test_an_engine_that_computes_something_else_is_found_out(
    digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = bench(digits, monkeypatch)
    wrong = WrongBench(right.plan, right.environment, right.progress)
    with pytest.raises(UserError, match="the engine and the plain loop disagree"):
        wrong.compare_speeds(LIMITS)[1].check()


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (b"", False),
        (b"logreg-tui", False),
        (ENTER_ALTERNATE_SCREEN, False),
        (ENTER_ALTERNATE_SCREEN + b"\x1b[?1000h\x1b[?25l\x1b[>1u\n\x1b[?2026$p\x1b]0;title\x07", False),
        (ENTER_ALTERNATE_SCREEN + b"\x1b[H\x1b[48;2;1;2;3m      \r\n   ", False),
        (ENTER_ALTERNATE_SCREEN + b"\x1b[38;2;25", False),
        (ENTER_ALTERNATE_SCREEN + b"\x1b]0;tit", False),
        (ENTER_ALTERNATE_SCREEN + b"\x1bP+q544e\x1b\\\x1b(B", False),
        (ENTER_ALTERNATE_SCREEN + b"\x1b[H\x1b[1m logreg-tui", True),
    ],
)
def test_drawing_is_told_from_control_sequences(written: bytes, expected: bool) -> None:
    assert has_drawn(written) is expected


def test_a_speed_counts_from_a_quarter_of_the_time_to_its_end() -> None:
    rows = [(0, 0.0), (10, 1.9), (20, 2.0), (30, 3.0), (60, 8.0), (100, 8.5)]
    assert epochs_per_second(rows, 8) == pytest.approx(40 / 6)


@pytest.mark.parametrize("rows", [[], [(0, 0.0), (10, 9.0)], [(0, 0.0), (10, 5.0)]])
def test_a_speed_of_too_few_rows_is_an_error(rows: list[tuple[int, float]]) -> None:
    with pytest.raises(UserError, match="use --no-screen"):
        epochs_per_second(rows, 8)


def python(code: str) -> list[str]:
    """Return a command that starts quickly."""
    return [sys.executable, "-S", "-c", code]


def test_a_command_that_fails_is_not_timed() -> None:
    assert time_of_command(python("")) > 0
    with pytest.raises(UserError, match="ended with status 3"):
        time_of_command(python("raise SystemExit(3)"))


def test_a_file_of_the_users_in_the_working_folder_is_not_taken_for_a_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "argparse.py").write_text("raise SystemExit(3)")
    assert _beside("--help", lambda: 1.0, "import argparse", 1).base_ms.median > 0


def test_a_program_without_a_screen_has_no_first_frame() -> None:
    drawing = "import time; print('\\x1b[?1049h\\x1b[1mframe', flush=True); time.sleep(600)"
    assert time_of_first_frame(python(drawing)) > 0
    with pytest.raises(UserError, match="ended with status 0"):
        time_of_first_frame(python("print('no screen')"))


PROGRAM = """
import pathlib, sys, time
words = sys.argv[1:]
has_screen = words[0] != "train"
assert has_screen == sys.stdout.isatty() == sys.stdin.isatty()
folder = pathlib.Path(words[words.index("--runs-dir") + 1]) / "20260101T000000-sigmoid"
folder.mkdir()
epochs = [10 * second // (2 if has_screen else 1) for second in range(20)]
rows = [f"1,{epoch},{second}.0,sigmoid,0,0.1,1,0,1,0.9,0.9" for second, epoch in enumerate(epochs)]
(folder / "metrics.csv").write_text("\\n".join(["run,epoch,elapsed_s,head", *rows, ""]))
time.sleep(600)
"""


def test_a_screen_that_halves_the_speed_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_processes, "SCREEN_PAIRS", 1)
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    cost = measure_screen([sys.executable, "-S", str(program)], [], 10.0, lambda text: None)
    assert cost.seconds == 8
    assert cost.without_epochs_per_s.median == pytest.approx(10)
    assert cost.slowdown.median == pytest.approx(2)
