"""Trainings that are killed, at any moment and again and again, and go on as if nothing had been."""

from __future__ import annotations

import csv
import random
import subprocess
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from helpers.running import (
    COMMAND,
    ENDLESS,
    TRAINING,
    Command,
    Uninterrupted,
    background,
    begun,
    experiments,
    figures,
    last_event,
    row_count,
    wait_for_event,
    wait_for_rows,
    wait_until,
)
from helpers.terminal import Terminal

KILLS_PER_CHAIN = 5
MOST_ROWS_BETWEEN_KILLS = 80
"""So few that the kills of a chain are over before its training is."""


def kill_at_random(process: subprocess.Popen[Any], directory: Path, rng: random.Random) -> None:
    """Send SIGKILL some rows from now, and then anywhere between two of them."""
    target = row_count(directory) + rng.randrange(MOST_ROWS_BETWEEN_KILLS)
    wait_until(lambda: row_count(directory) >= target, lambda: f"{target} rows")
    time.sleep(rng.uniform(0, 0.02))
    assert process.poll() is None, "it ended before it could be killed"
    process.kill()
    process.wait()


def survive(folder: Path, environment: Mapping[str, str], threads: str, seed: int) -> Path:
    """Train with some kills on the way, to the end; return the directory."""
    rng = random.Random(seed)
    with background(folder, environment, "train", *TRAINING, "--threads", threads) as process:
        directory = begun(folder, process)
        kill_at_random(process, directory, rng)
    resume = ("resume", "--no-screen", str(directory))
    for _ in range(KILLS_PER_CHAIN - 1):
        with background(folder, environment, *resume) as process:
            wait_for_event(directory, "experiment_resumed", pid=process.pid)
            kill_at_random(process, directory, rng)
    with background(folder, environment, *resume) as process:
        assert process.wait(90) == 0, (folder / "err").read_text()
    return directory


def test_a_training_killed_again_and_again_has_the_rows_of_an_uninterrupted_one(
    tmp_path: Path, environment: dict[str, str], uninterrupted: Uninterrupted
) -> None:
    folders = {threads: tmp_path / f"threads-{threads}" for threads in ("1", "2")}
    for folder in folders.values():
        folder.mkdir()
    # Side by side: each keeps the processors busy while the other is killed.
    with ThreadPoolExecutor() as pool:
        chains = [
            pool.submit(survive, folder, environment, threads, seed)
            for seed, (threads, folder) in enumerate(folders.items())
        ]
        directories = [chain.result() for chain in chains]
    expected = uninterrupted(*TRAINING)
    assert len(expected) == 1 + 2 * 301
    for directory in directories:
        assert figures(directory) == expected
        check_elapsed(directory)
        assert last_event(directory)["event"] == "experiment_ended"


def check_elapsed(directory: Path) -> None:
    """The clock of a run never goes back, not even where rows were computed again."""
    with (directory / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for run in ("1", "2"):
        elapsed = [float(row["elapsed_s"]) for row in rows if row["run"] == run]
        assert elapsed == sorted(elapsed)


def count_changes(directory: Path) -> int:
    return (directory / "events.jsonl").read_text().count('"setting_changed"')


def turn(terminal: Terminal, directory: Path, keys: str) -> None:
    """Press keys one by one, each when the one before has done its work."""
    known = count_changes(directory)
    for number, key in enumerate(keys, start=1):
        terminal.send(key)
        wait_until(
            partial(lambda least: count_changes(directory) >= least, known + number),
            lambda: f"what {keys} do in\n{terminal.text}",
        )


def test_an_app_killed_after_knobs_were_turned_goes_on_with_them_and_can_be_repeated(
    tmp_path: Path, environment: dict[str, str], command: Command
) -> None:
    rng = random.Random(2)
    words = [*TRAINING, "--epochs", "20000", "--log-every", "80"]
    directory = None
    for keys in ("hl", "l+", "h-"):
        with Terminal([COMMAND, *words], tmp_path, environment) as terminal:
            directory = directory or begun(tmp_path, terminal.process)
            # What is left of the training may be over before a key arrives: later ones wait for it.
            is_waiting = words[0] == "resume"
            terminal.wait_for("paused" if is_waiting else "training")
            if not is_waiting:
                wait_for_rows(directory, row_count(directory) + 4)
            turn(terminal, directory, keys)
            if is_waiting:
                terminal.send(" ")
            kill_at_random(terminal.process, directory, rng)
        words = ["resume", "--paused", str(directory)]
    assert directory is not None
    changed = count_changes(directory)
    finished = command("resume", "--no-screen", str(directory))
    assert finished.returncode == 0, finished.stderr
    assert count_changes(directory) == changed
    repeated = command("repeat", str(directory))
    assert repeated.returncode == 0, repeated.stderr
    (again,) = set(experiments(tmp_path)) - {directory}
    assert figures(again) == figures(directory)
    assert len(figures(directory)) == 1 + 2 * 268
    again_finished = command("resume", "--no-screen", str(directory))
    assert again_finished.returncode == 0
    assert "is finished" in again_finished.stderr


def test_mnist_killed_twice_has_the_rows_of_an_uninterrupted_training(
    tmp_path: Path, environment: dict[str, str], mnist_dir: str, uninterrupted: Uninterrupted
) -> None:
    data = ("--dataset", "mnist", "--data-dir", mnist_dir, "--device", "cpu")
    words = (*data, "--epochs", "24", "--log-every", "2", "--report-every", "6")
    expected = uninterrupted(*words)
    # Without an end, which it would reach before it is killed where an epoch takes a few milliseconds.
    with background(tmp_path, environment, "train", *words, *ENDLESS) as process:
        directory = begun(tmp_path, process)
        wait_for_rows(directory, 5)
        process.kill()
    resume = ("resume", "--no-screen", str(directory))
    with background(tmp_path, environment, *resume) as process:
        wait_for_event(directory, "experiment_resumed", pid=process.pid)
        wait_for_rows(directory, 9)
        process.kill()
    with background(tmp_path, environment, *resume) as process:
        wait_for_event(directory, "experiment_resumed", pid=process.pid)
        wait_for_rows(directory, len(expected))
        process.terminate()
        assert process.wait(90) == 143, (tmp_path / "err").read_text()
    assert figures(directory)[: len(expected)] == expected
