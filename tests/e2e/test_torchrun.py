"""Training by several processes: under torchrun, and started with the variables that it sets."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from helpers.running import (
    COMMAND,
    DEADLINE_S,
    ENDLESS,
    Command,
    Uninterrupted,
    background,
    begun,
    experiments,
    figures,
    free_port,
    happened,
    last_event,
    row_count,
    wait_for_event,
    wait_for_rows,
)

from logreg_tui.core.session.follow import follow_experiment
from logreg_tui.core.training.events import RowLogged
from logreg_tui.core.training.requests import Control, Leave

# On one worker of xdist: they share their trainings, and two or three processes each keep a machine busy.
pytestmark = pytest.mark.xdist_group("torchrun")

TRAINING = ("--device", "cpu", "--lr", "0.1", "--report-every", "50")
GRID = (*TRAINING, "--head", "sigmoid", "logits", "--l2", "0.001", "0.1", "--epochs", "1000")
"""Four runs, 404 rows."""


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The option for data that are read at once and do not divide evenly among ranks."""
    path = tmp_path_factory.mktemp("data") / "made.npz"
    write_data(path, seed=0)
    return "--dataset", str(path)


def write_data(path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    arrays = {}
    for split, samples in (("train", 401), ("test", 101)):
        arrays[f"y_{split}"] = labels = np.arange(samples) % 5
        arrays[f"X_{split}"] = random.normal(np.eye(5, 20)[labels], 0.5).astype("f4")
    np.savez(path, **arrays)


@contextmanager
def ranks(
    folder: Path, environment: Mapping[str, str], size: int, *words: str
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Run `logreg-tui` with some words as so many ranks.

    Each works in a folder `rank-R`, where `out` and `err` get what it says.
    """
    variables = {"WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    with ExitStack() as stack:
        processes = []
        for rank in range(size):
            own = folder / f"rank-{rank}"
            own.mkdir(exist_ok=True)
            out, err = (stack.enter_context((own / name).open("wb")) for name in ("out", "err"))
            env = {**environment, **variables, "RANK": str(rank)}
            process = subprocess.Popen(
                [COMMAND, *words], cwd=own, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=err
            )
            processes.append(process)
            stack.callback(process.wait)
            stack.callback(process.kill)
        yield processes


def statuses(processes: Sequence[subprocess.Popen[bytes]]) -> list[int]:
    return [process.wait(DEADLINE_S) for process in processes]


def said(folder: Path, of: str = "logreg-tui: ") -> list[str]:
    """Return the lines that all ranks together said with these words in them."""
    files = sorted(folder.glob("rank-*/out")) + sorted(folder.glob("rank-*/err"))
    return [line for file in files for line in file.read_text().splitlines() if of in line]


def assert_equal(lines: Sequence[str], expected: Sequence[str]) -> None:
    """Hold rows of metrics.csv against others, numbers up to 1e-5."""
    rows, expected_rows = list(csv.DictReader(lines)), list(csv.DictReader(expected))
    assert [row.pop("head") for row in rows] == [row.pop("head") for row in expected_rows]
    numbers = ({name: float(text) for name, text in row.items()} for row in rows)
    wanted = ({name: float(text) for name, text in row.items()} for row in expected_rows)
    assert list(numbers) == [pytest.approx(row, rel=1e-5, abs=1e-12) for row in wanted]


def test_torchrun_trains_one_experiment_with_the_rows_of_a_single_process(
    tmp_path: Path, environment: dict[str, str], data: tuple[str, str], uninterrupted: Uninterrupted
) -> None:
    torchrun = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--local-addr", "127.0.0.1")
    words = ("--nproc-per-node", "2", "-m", "logreg_tui.tui", "train", *GRID, *data)
    done = subprocess.run(
        [*torchrun, *words], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=DEADLINE_S
    )
    assert done.returncode == 0, done.stderr
    (directory,) = experiments(tmp_path)
    assert done.stdout.count(str(directory.relative_to(tmp_path))) == 1
    assert done.stderr.count("2 ranks") == 1
    assert_equal(figures(directory), uninterrupted(*GRID, *data))


def test_ranks_that_end_or_are_killed_leave_what_any_number_of_ranks_goes_on_with(
    tmp_path: Path,
    environment: dict[str, str],
    data: tuple[str, str],
    uninterrupted: Uninterrupted,
) -> None:
    expected = uninterrupted(*GRID, *data)
    with ranks(tmp_path, environment, 2, "train", *GRID, *data, *ENDLESS) as processes:
        directory = begun(tmp_path / "rank-0", processes[0])
        wait_for_rows(directory, 20)
        processes[1].send_signal(signal.SIGTERM)
        assert statuses(processes) == [143, 0]
    assert last_event(directory)["cause"] == "SIGTERM"
    assert len(said(tmp_path, "go on with: ")) == 1
    assert not experiments(tmp_path / "rank-1")

    rows = row_count(directory)
    with ranks(tmp_path, environment, 3, "resume", "--no-screen", str(directory)) as processes:
        wait_for_event(directory, "experiment_resumed", pid=processes[0].pid)
        wait_for_rows(directory, rows + 20)
        processes[2].kill()
        assert statuses(processes) == [1, 1, -signal.SIGKILL]
    (line,) = said(tmp_path)
    assert "rank 2" in line.partition(", as")[0]
    assert "was killed" in line
    assert "resume" in line

    with background(tmp_path, environment, "resume", "--no-screen", str(directory)) as process:
        wait_for_event(directory, "experiment_resumed", pid=process.pid)
        wait_for_rows(directory, len(expected))
        process.terminate()
        assert process.wait(DEADLINE_S) == 143
    assert_equal(figures(directory)[: len(expected)], expected)


def test_ranks_that_are_killed_and_resume_give_the_bits_of_as_many_that_were_not(
    tmp_path: Path, environment: dict[str, str], data: tuple[str, str]
) -> None:
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    with ranks(
        tmp_path / "whole", environment, 2, "train", *TRAINING, *data, "--epochs", "1200"
    ) as processes:
        assert statuses(processes) == [0, 0]
    (directory,) = experiments(tmp_path / "whole" / "rank-0")
    whole = figures(directory)
    with ranks(tmp_path / "killed", environment, 2, "train", *TRAINING, *data, *ENDLESS) as processes:
        directory = begun(tmp_path / "killed" / "rank-0", processes[0])
        wait_for_rows(directory, 30)
        processes[0].kill()
        assert statuses(processes) == [-signal.SIGKILL, 1]
    resume = ("resume", "--no-screen", str(directory), "--epochs", "200000000")
    with ranks(tmp_path, environment, 2, *resume) as processes:
        wait_for_event(directory, "experiment_resumed", pid=processes[0].pid)
        wait_for_rows(directory, len(whole))
        processes[0].terminate()
        assert statuses(processes) == [143, 0]
    assert happened(directory, "run_extended", epochs=200_000_000)
    assert figures(directory)[: len(whole)] == whole


def follow_rows(directory: Path, count: int) -> None:
    """Watch a training until so many rows were seen, as `logreg-tui watch` does."""
    control = Control()
    timer = threading.Timer(DEADLINE_S, control.send, [Leave("deadline")])
    timer.start()
    rows = (event for event in follow_experiment(directory, control, print) if isinstance(event, RowLogged))
    assert len([row for _, row in zip(range(count), rows, strict=False)]) == count
    timer.cancel()


def test_ranks_are_watched_wait_for_one_that_is_stopped_and_end_with_rank_0(
    tmp_path: Path, environment: dict[str, str], data: tuple[str, str]
) -> None:
    with ranks(tmp_path, environment, 2, "train", *TRAINING, *data, *ENDLESS) as processes:
        directory = begun(tmp_path / "rank-0", processes[0])
        follow_rows(directory, 5)
        processes[1].send_signal(signal.SIGSTOP)
        os.waitpid(processes[1].pid, os.WUNTRACED)
        rows = row_count(directory)
        processes[1].send_signal(signal.SIGCONT)
        wait_for_rows(directory, rows + 20)
        processes[0].kill()
        assert statuses(processes) == [-signal.SIGKILL, 1]
    (line,) = said(tmp_path)
    assert "rank 0" in line.partition(", as")[0]
    assert "was killed" in line
    assert not happened(directory, "experiment_ended")


def test_a_rank_with_other_data_ends_all_with_one_line(tmp_path: Path, environment: dict[str, str]) -> None:
    for rank in range(2):
        (tmp_path / f"rank-{rank}").mkdir()
        write_data(tmp_path / f"rank-{rank}" / "own.npz", seed=rank)
    with ranks(tmp_path, environment, 2, "train", "--device", "cpu", "--dataset", "own.npz") as processes:
        assert statuses(processes) == [1, 1]
    (line,) = said(tmp_path)
    assert "rank 1" in line
    assert "not those of rank 0" in line
    assert not list(tmp_path.glob("rank-*/runs/*"))


def test_a_wrong_command_ends_all_ranks_with_one_line(tmp_path: Path, environment: dict[str, str]) -> None:
    with ranks(tmp_path, environment, 2, "train", "--epochs", "-3") as processes:
        assert statuses(processes) == [2, 2]
    assert len(said(tmp_path)) == 1


@pytest.mark.parametrize("words", [GRID, ("runs",)], ids=["app", "runs"])
def test_what_trains_alone_is_not_for_torchrun(
    tmp_path: Path, environment: dict[str, str], words: tuple[str, ...]
) -> None:
    with ranks(tmp_path, {**environment, "TORCHELASTIC_RUN_ID": "none"}, 2, *words) as processes:
        assert statuses(processes) == [2, 2]
    (line,) = said(tmp_path)
    assert "torchrun can only start `logreg-tui train`" in line


def test_what_trains_alone_does_not_look_at_the_variables_of_a_pod(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    pod = {**environment, "RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "7", "LOCAL_WORLD_SIZE": "8"}
    run = partial(subprocess.run, cwd=tmp_path, env=pod, capture_output=True, text=True, timeout=DEADLINE_S)
    done = run([COMMAND, "runs"], stdin=subprocess.DEVNULL)
    assert (done.returncode, "cannot read 'runs'" in done.stderr) == (1, True)
    # The app says what is wrong with it, as rank 0 would.
    done = run([COMMAND, "--dataset", "nowhere.npz"], stdin=subprocess.DEVNULL)
    assert done.returncode == 2
    assert "no such .npz" in done.stderr


def test_all_ranks_agree_that_nothing_is_left_to_train(
    tmp_path: Path, environment: dict[str, str], data: tuple[str, str], command: Command
) -> None:
    assert command("train", *TRAINING, *data, "--epochs", "1").returncode == 0
    (directory,) = experiments(tmp_path)
    with ranks(tmp_path, environment, 2, "resume", "--no-screen", str(directory)) as processes:
        assert statuses(processes) == [0, 0]
    (line,) = said(tmp_path)
    assert "is finished" in line
