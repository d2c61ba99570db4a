"""The commands without a screen, end to end: figures, files, errors, exit statuses."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.experiments import read_rows
from helpers.running import COMMAND, HELD, SMALL, Command, experiments, row_count

DIGITS = ("--dataset", "digits", "--device", "cpu")


def test_train_prints_the_accuracy_log_and_keeps_the_rows(tmp_path: Path, command: Command) -> None:
    both = ("--head", "sigmoid", "logits")
    result = command("train", *DIGITS, *both, "--epochs", "50", "--report-every", "20")
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("epoch")] == [
        epoch for epoch in ("0", "20", "40", "50") for _ in range(2)
    ]
    (directory,) = experiments(tmp_path)
    rows = read_rows(directory)
    assert len(rows) == 12
    last = rows[-1]
    assert (last["run"], last["epoch"], last["head"]) == ("2", "50", "logits")
    table = [line for line in lines if line.strip().startswith("2  logits")]
    assert f"{float(last['test_accuracy']):.4f}" in table[0]
    assert "finished" in table[0]
    assert f"12 rows in runs/{directory.name}/metrics.csv" in lines[-1]
    assert "\r" not in result.stderr


def test_a_grid_trains_every_combination_in_the_documented_order(tmp_path: Path, command: Command) -> None:
    grid = ("--head", "sigmoid", "logits", "--l2", "0", "0.01", "--seed", "1", "2")
    result = command("train", *SMALL, *grid, "--epochs", "10")
    assert result.returncode == 0, result.stderr
    first = [row for row in read_rows(experiments(tmp_path)[0]) if row["epoch"] == "0"]
    assert [(row["run"], row["head"], row["l2"]) for row in first] == [
        ("1", "sigmoid", "0.0"),
        ("2", "sigmoid", "0.0"),
        ("3", "sigmoid", "0.01"),
        ("4", "sigmoid", "0.01"),
        ("5", "logits", "0.0"),
        ("6", "logits", "0.0"),
        ("7", "logits", "0.01"),
        ("8", "logits", "0.01"),
    ]
    assert first[0]["train_loss"] == first[2]["train_loss"] != first[1]["train_loss"]


def test_export_joins_experiments_and_runs_lists_them(tmp_path: Path, command: Command) -> None:
    for name in ("first", "second"):
        assert command("train", *SMALL, "--epochs", "10", "--name", name).returncode == 0
    listed = command("runs")
    assert [line.split()[1:4] for line in listed.stdout.splitlines()[1:]] == [["finished", "kmnist", "1"]] * 2
    folders = [str(path.relative_to(tmp_path)) for path in experiments(tmp_path)]
    result = command("export", *folders, "-o", "all.csv")
    assert result.returncode == 0
    assert str(tmp_path / "all.csv") in result.stderr
    with (tmp_path / "all.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["experiment"][16:] for row in rows] == ["first"] * 2 + ["second"] * 2


def save_npz(path: Path) -> None:
    import numpy as np

    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 60)
    inputs = rng.normal(size=(60, 5)) + labels[:, None]
    np.savez(path, X_train=inputs, y_train=labels, X_test=inputs, y_test=labels)


def test_train_learns_a_users_own_npz(tmp_path: Path, command: Command) -> None:
    save_npz(tmp_path / "mine.npz")
    result = command("train", "--dataset", "mine.npz", "--head", "logits", "--epochs", "200")
    assert result.returncode == 0, result.stderr
    rows = read_rows(experiments(tmp_path)[0])
    assert float(rows[-1]["train_accuracy"]) > float(rows[0]["train_accuracy"])


WRONG = {
    "unknown command": (["fly"], 2, "fly"),
    "unknown option": (["train", "--fly"], 2, "--fly"),
    "abbreviated option": (["train", "--epoch", "3"], 2, "--epoch"),
    "unknown dataset": (["train", "--dataset", "letters"], 2, "letters"),
    "missing npz": (["train", "--dataset", "gone.npz"], 2, "gone.npz"),
    "bad npz": (["train", "--dataset", "bad.npz"], 2, "bad.npz"),
    "lambda below 0": (["train", "--l2", "-1"], 2, "lambda"),
    "lambda that is no number": (["train", "--l2", "much"], 2, "much"),
    "lambda nan": (["train", "--l2", "nan"], 2, "lambda"),
    "learning rate 0": (["train", "--lr", "0"], 2, "learning rate"),
    "epochs 0": (["train", "--epochs", "0"], 2, "--epochs"),
    "epochs 1.5": (["train", "--epochs", "1.5"], 2, "1.5"),
    "unknown head": (["train", "--head", "relu"], 2, "relu"),
    "a head twice": (["train", "--head", "sigmoid", "sigmoid"], 2, "twice"),
    "gamma of a constant rate": (["train", "--gamma", "0.5"], 2, "--gamma"),
    "step size of a cosine": (["train", "--schedule", "cosine", "--step-size", "5"], 2, "--step-size"),
    "unknown device": (["train", "--device", "tpu"], 2, "tpu"),
    "bad name": (["train", "--name", "../up"], 2, "../up"),
    "an app option without a screen": (["train", "--paused"], 2, "--paused"),
    "runs directory that is a file": (
        ["train", *SMALL, "--runs-dir", "bad.npz", "--epochs", "1"],
        1,
        "--runs-dir",
    ),
    "export of nothing": (["export", "nowhere", "-o", "out.csv"], 1, "nowhere"),
    "export without a target": (["export", "nowhere"], 2, "-o"),
    "a list of no directory": (["runs", "--runs-dir", "nowhere"], 1, "nowhere"),
    "the app without a terminal": ([], 2, "logreg-tui train"),
    "resume without a terminal": (["resume", "nowhere"], 2, "--no-screen"),
    "watch without a terminal": (["watch", "nowhere"], 2, "logreg-tui plot"),
    "fps 0": (["--fps", "0"], 2, "--fps"),
    "escape sequences": (["train", "--dataset", "\x1b[31mred"], 2, "red"),
}


@pytest.mark.parametrize(("words", "status", "named"), WRONG.values(), ids=WRONG)
def test_wrong_input_is_answered_in_one_line_that_names_it(
    tmp_path: Path, command: Command, words: list[str], status: int, named: str
) -> None:
    (tmp_path / "bad.npz").write_bytes(b"this is no archive")
    result = command(*words)
    assert result.returncode == status
    assert result.stdout == ""
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("logreg-tui: ")]
    assert named in line
    assert "\x1b" not in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "runs").exists()


def test_a_device_that_is_missing_is_an_error(tmp_path: Path, command: Command) -> None:
    result = command("train", *SMALL[:2], "--device", "cuda:7", env={"CUDA_VISIBLE_DEVICES": ""})
    assert result.returncode == 1
    assert "cuda:7" in result.stderr.splitlines()[-1]
    assert not (tmp_path / "runs").exists()


def test_a_dumb_terminal_is_told_of_train(command: Command) -> None:
    result = command(env={"TERM": "dumb"})
    assert (result.returncode, len(result.stderr.splitlines())) == (2, 1)
    assert "logreg-tui train" in result.stderr


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["runs", "--help"], ["export", "--help"]])
def test_help_is_on_stdout_and_version_too(command: Command, words: list[str]) -> None:
    result = command(*words)
    assert result.returncode == 0
    name = " ".join(["logreg-tui", *words[:-1]])
    assert result.stdout.startswith(f"NAME\n    {name} - ")
    assert command("--version").stdout.startswith("logreg-tui 0.")


def test_help_loads_neither_torch_nor_textual_nor_numpy() -> None:
    code = (
        "import sys; from logreg_tui.tui.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print([name for name in ('torch', 'textual', 'numpy', 'rich', 'sklearn') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


def test_the_folders_core_and_tui_of_a_user_are_not_mistaken_for_ours(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    for name in ("core", "tui"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('the wrong package')")
    result = subprocess.run(
        [sys.executable, "-m", "logreg_tui.tui", "--version"],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout.startswith("logreg-tui 0.")


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_a_signal_ends_train_cleanly(
    tmp_path: Path, environment: dict[str, str], number: int, status: int
) -> None:
    process = subprocess.Popen(
        [str(COMMAND), "train", *SMALL, "--epochs", "10000000"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    while "epoch  1,000" not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(number)
    rest, errors = process.communicate(timeout=60)
    assert process.returncode == status
    assert "Traceback" not in errors
    assert "stopped" in rest
    (directory,) = experiments(tmp_path)
    assert f"{len(read_rows(directory)):,} rows" in rest
    assert (directory / "model-1.safetensors").is_file()
    last = json.loads((directory / "events.jsonl").read_text().splitlines()[-1])
    assert (last["event"], last["cause"]) == ("experiment_left", signal.Signals(number).name)
    assert f"logreg-tui resume runs/{directory.name}" in rest


def test_a_signal_before_training_began_leaves_nothing(tmp_path: Path, environment: dict[str, str]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HELD, "train", *SMALL],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "Loading PyTorch\n"
    process.send_signal(signal.SIGINT)
    (tmp_path / "go").touch()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == ""
    assert not (tmp_path / "runs").exists()


def test_a_closed_stderr_changes_no_status(
    tmp_path: Path, environment: dict[str, str], command: Command
) -> None:
    assert command("train", *SMALL, "--epochs", "20").returncode == 0
    (directory,) = experiments(tmp_path)
    read_end, write_end = os.pipe()
    os.close(read_end)
    words = (
        ("export", directory, "-o", "rows.csv"),
        ("plot", directory, "-o", "loss.png"),
        ("plot", "nowhere"),
    )
    statuses = [
        subprocess.run(
            [COMMAND, *line],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=write_end,
            timeout=60,
            check=False,
        ).returncode
        for line in words
    ]
    os.close(write_end)
    assert statuses == [0, 0, 1]
    assert (tmp_path / "rows.csv").is_file()
    assert (tmp_path / "loss.png").is_file()


def test_a_shell_sees_the_usual_status_of_a_pipe_whose_reader_has_gone(
    tmp_path: Path, environment: dict[str, str], command: Command
) -> None:
    assert command("train", *SMALL, "--epochs", "20").returncode == 0
    gone = tmp_path / "gone"
    for line in (
        "runs",
        "compare --no-paired",
        "plot",
        "export -o -",
        "export -o /dev/stdout",
        "--help",
        "completion bash",
    ):
        gone.unlink(missing_ok=True)
        # The command begins when nobody reads any more, however busy the machine is.
        written = f"{{ until test -e gone; do sleep 0.01; done; {COMMAND} {line}; }}"
        script = f"{written} | {{ exec <&-; touch gone; }}; echo ${{PIPESTATUS[0]}}"
        found = subprocess.run(
            ["bash", "-c", script],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert found.stdout == "141\n", line
        assert found.stderr in ("", f"newest experiment: runs/{experiments(tmp_path)[0].name}\n"), line


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_are_the_null_device(
    tmp_path: Path, environment: dict[str, str], closed: str
) -> None:
    def status(words: str) -> int:
        script = ["bash", "-c", f"{COMMAND} {words} {closed}"]
        return subprocess.run(script, cwd=tmp_path, env=environment, timeout=60, check=False).returncode

    assert status(f"train {' '.join(SMALL)} --epochs 20") == 0
    (directory,) = experiments(tmp_path)
    assert row_count(directory) == 3
    assert [status(words) for words in ("runs", "export -o -", "--help", "plot", "fly")] == [0, 0, 0, 0, 2]
    assert (directory / "metrics.csv").read_text().startswith("run,epoch,")


def test_a_reader_that_goes_away_does_not_end_the_training(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    process = subprocess.run(
        [str(COMMAND), "train", *SMALL, "--epochs", "50"],
        cwd=tmp_path,
        env=environment,
        stdout=write_end,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(write_end)
    assert (process.returncode, "Traceback" in process.stderr) == (0, False)
    assert read_rows(experiments(tmp_path)[0])[-1]["epoch"] == "50"
