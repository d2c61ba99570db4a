"""The app in a real pseudo-terminal: signals, a terminal that goes away, other processes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.running import (
    COMMAND,
    DEADLINE_S,
    ENDLESS,
    HELD,
    TRAINING,
    Command,
    Uninterrupted,
    background,
    begun,
    experiments,
    figures,
    happened,
    last_event,
    row_count,
    wait_for_event,
    wait_for_rows,
    wait_until,
)
from helpers.terminal import Terminal

from logreg_tui.core.experiment.lock import is_locked

App = Callable[..., Terminal]
FOCUS_IN, FOCUS_OUT = "\x1b[I", "\x1b[O"
TITLE = rb"\x1b\]2;\d+% \d\.\d{3} kmnist - logreg-tui\x07"


@pytest.fixture
def app(tmp_path: Path, environment: dict[str, str]) -> App:
    """Open the app in a terminal of its own."""

    def start(*words: str, before: Callable[[], object] = lambda: None) -> Terminal:
        return Terminal([COMMAND, *words], tmp_path, environment, before)

    return start


def ignore_hang_up() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def training_under_way(terminal: Terminal, folder: Path) -> Path:
    """Wait until the app trains and says so; return the directory."""
    directory = begun(folder, terminal.process)
    wait_for_rows(directory, 10)
    return directory


def pause(terminal: Terminal, directory: Path) -> None:
    terminal.wait_for("Pause")
    terminal.send(" ")
    wait_for_event(directory, "paused")


# Signals


def test_sigterm_ends_the_app_with_the_terminal_restored(tmp_path: Path, app: App) -> None:
    with app(*TRAINING, *ENDLESS) as terminal:
        directory = training_under_way(terminal, tmp_path)
        terminal.wait_for("Quit")
        terminal.process.terminate()
        assert terminal.wait_for_end() == 143
        assert terminal.is_restored
        exit_summary = terminal.last_words
    assert f"logreg-tui resume runs/{directory.name}" in exit_summary
    assert f"{row_count(directory):,} rows in runs/{directory.name}/metrics.csv" in exit_summary
    assert "Traceback" not in exit_summary
    last = last_event(directory)
    assert (last["event"], last["cause"]) == ("experiment_left", "SIGTERM")


def end(process: subprocess.Popen[str], directory: Path, number: signal.Signals) -> str:
    """End a training by a signal some rows from now; return what it printed."""
    wait_for_rows(directory, row_count(directory) + 40)
    process.send_signal(number)
    assert process.wait(DEADLINE_S) == 128 + number
    return (directory.parents[1] / "out").read_text()


def test_a_training_ended_by_signals_goes_on_exactly(
    tmp_path: Path, environment: dict[str, str], command: Command, uninterrupted: Uninterrupted
) -> None:
    with background(tmp_path, environment, "train", *TRAINING) as process:
        directory = begun(tmp_path, process)
        printed = end(process, directory, signal.SIGTERM)
    assert f"go on with: logreg-tui resume runs/{directory.name}\n" in printed
    resume = ("resume", "--no-screen", str(directory))
    with background(tmp_path, environment, *resume) as process:
        printed = end(process, directory, signal.SIGINT)
    assert f"go on with: logreg-tui resume runs/{directory.name}\n" in printed
    resumed = command(*resume)
    assert resumed.returncode == 0, resumed.stderr
    assert figures(directory) == uninterrupted(*TRAINING)


# A terminal that goes away


def processor_time(process_id: int, thread_id: int | None = None) -> int:
    """Return the ticks of processor time that a process, or one thread of it, has used."""
    task = "" if thread_id is None else f"task/{thread_id}/"
    fields = Path(f"/proc/{process_id}/{task}stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


@pytest.mark.parametrize("before", [lambda: None, ignore_hang_up], ids=["", "SIGHUP ignored"])
def test_the_app_trains_on_to_the_end_when_its_terminal_is_gone(
    tmp_path: Path, app: App, uninterrupted: Uninterrupted, before: Callable[[], object]
) -> None:
    with app(*TRAINING, before=before) as terminal:
        directory = training_under_way(terminal, tmp_path)
        terminal.hang_up()
        wait_for_event(directory, "detached")
        assert terminal.process.wait(DEADLINE_S) == 0
    assert last_event(directory)["event"] == "experiment_ended"
    assert figures(directory) == uninterrupted(*TRAINING)
    assert not (directory / "error.log").exists()


def test_without_a_terminal_nothing_but_the_training_uses_the_processor(tmp_path: Path, app: App) -> None:
    with app(*TRAINING, *ENDLESS, "--threads", "1") as terminal:
        directory = training_under_way(terminal, tmp_path)
        terminal.hang_up()
        wait_for_event(directory, "detached")
        number = terminal.process.pid
        wait_for_rows(directory, row_count(directory) + 50)
        before = processor_time(number), processor_time(number, number)
        wait_until(lambda: processor_time(number) > before[0] + 100, lambda: "a second of training")
        main_thread = processor_time(number, number) - before[1]
        assert main_thread < 10
        terminal.process.terminate()
        assert terminal.process.wait(DEADLINE_S) == 143


def test_a_paused_app_checkpoints_and_leaves_when_its_terminal_is_gone(
    tmp_path: Path, app: App, command: Command, uninterrupted: Uninterrupted
) -> None:
    with app(*TRAINING) as terminal:
        directory = training_under_way(terminal, tmp_path)
        pause(terminal, directory)
        terminal.hang_up()
        assert terminal.process.wait(DEADLINE_S) == 0
    assert last_event(directory)["event"] == "experiment_left"
    assert command("resume", "--no-screen", str(directory)).returncode == 0
    assert figures(directory) == uninterrupted(*TRAINING)


def test_an_app_whose_runs_have_ended_leaves_when_its_terminal_is_gone(tmp_path: Path, app: App) -> None:
    with app(*TRAINING, "--epochs", "20") as terminal:
        directory = begun(tmp_path, terminal.process)
        wait_for_event(directory, "all_runs_ended")
        terminal.hang_up()
        assert terminal.process.wait(DEADLINE_S) == 0


def test_a_terminal_gone_before_training_began_leaves_no_process(tmp_path: Path, app: App) -> None:
    with app(*TRAINING, "--epochs", "20") as terminal:
        terminal.wait_for("Loading PyTorch")
        terminal.hang_up()
        assert terminal.process.wait(DEADLINE_S) == 0


def test_train_goes_on_silently_after_a_hang_up(
    tmp_path: Path, environment: dict[str, str], uninterrupted: Uninterrupted
) -> None:
    with Terminal([COMMAND, "train", *TRAINING], tmp_path, environment) as terminal:
        directory = begun(tmp_path, terminal.process)
        wait_for_rows(directory, 10)
        terminal.process.send_signal(signal.SIGHUP)
        wait_for_rows(directory, 20)
        terminal.hang_up()
        assert terminal.process.wait(DEADLINE_S) == 0
    assert figures(directory) == uninterrupted(*TRAINING)


# Other processes


def test_a_process_without_a_screen_hands_over_to_the_one_that_resumes(
    tmp_path: Path, environment: dict[str, str], app: App, uninterrupted: Uninterrupted
) -> None:
    expected = uninterrupted(*TRAINING)
    with app(*TRAINING, *ENDLESS) as terminal:
        directory = training_under_way(terminal, tmp_path)
        terminal.hang_up()
        wait_for_event(directory, "detached")
        with background(tmp_path, environment, "resume", "--no-screen", str(directory)) as heir:
            wait_until(
                lambda: terminal.process.poll() is not None,
                lambda: f"the end of the first; the second said\n{(tmp_path / 'err').read_text()}",
            )
            assert terminal.process.returncode == 0
            wait_for_event(directory, "experiment_resumed")
            wait_for_rows(directory, max(len(expected), row_count(directory) + 10))
            heir.send_signal(signal.SIGTERM)
            assert heir.wait(DEADLINE_S) == 143, (tmp_path / "err").read_text()
    assert f"Asking process {terminal.process.pid} to hand over" in (tmp_path / "err").read_text()
    assert happened(directory, "experiment_left", cause="handed over")
    assert happened(directory, "experiment_resumed", pid=heir.pid)
    assert figures(directory)[: len(expected)] == expected


def test_the_app_takes_over_from_a_process_without_a_screen(
    tmp_path: Path, environment: dict[str, str], app: App, uninterrupted: Uninterrupted
) -> None:
    expected = uninterrupted(*TRAINING)
    with background(tmp_path, environment, "train", *TRAINING, *ENDLESS) as process:
        directory = begun(tmp_path, process)
        wait_for_rows(directory, 10)
        with app("resume", str(directory)) as terminal:
            assert process.wait(DEADLINE_S) == 0
            wait_for_event(directory, "experiment_resumed", pid=terminal.process.pid)
            terminal.wait_for("Quit")
            wait_for_rows(directory, max(len(expected), row_count(directory) + 10))
            terminal.send("q")
            assert terminal.wait_for_end() == 0
            assert terminal.is_restored
    assert happened(directory, "experiment_left", cause="handed over")
    assert figures(directory)[: len(expected)] == expected


def test_a_process_that_is_suspended_is_taken_over_at_once(
    tmp_path: Path, environment: dict[str, str], uninterrupted: Uninterrupted
) -> None:
    expected = uninterrupted(*TRAINING)
    with background(tmp_path, environment, "train", *TRAINING, *ENDLESS) as process:
        directory = begun(tmp_path, process)
        wait_for_rows(directory, 10)
        process.send_signal(signal.SIGSTOP)
        with background(tmp_path, environment, "resume", "--no-screen", str(directory)) as heir:
            assert process.wait(DEADLINE_S) == 0
            wait_for_event(directory, "experiment_resumed", pid=heir.pid)
            wait_for_rows(directory, max(len(expected), row_count(directory) + 10))
            heir.send_signal(signal.SIGTERM)
            assert heir.wait(DEADLINE_S) == 143
    assert f"Process {process.pid} is suspended, as by ctrl+z" in (tmp_path / "err").read_text()
    assert figures(directory)[: len(expected)] == expected


def test_an_app_with_a_live_screen_is_not_interrupted_but_stop_ends_it(
    tmp_path: Path, app: App, command: Command
) -> None:
    with app(*TRAINING, *ENDLESS) as terminal:
        directory = training_under_way(terminal, tmp_path)
        refused = command("resume", "--no-screen", str(directory))
        assert refused.returncode == 1
        (line,) = refused.stderr.splitlines()
        assert f"process {terminal.process.pid}" in line
        assert "logreg-tui watch" in line
        assert str(directory) in line
        rows = row_count(directory)
        wait_for_rows(directory, rows + 10)
        stopped = command("stop", str(directory))
        assert stopped.returncode == 0, stopped.stderr
        assert f"process {terminal.process.pid} has checkpointed and left" in stopped.stdout
        assert terminal.wait_for_end() == 143
        assert terminal.is_restored
    assert last_event(directory)["event"] == "experiment_left"
    again = command("stop", str(directory))
    assert (again.returncode, again.stdout) == (0, f"nothing trains {directory}\n")


# Detaching


@pytest.fixture
def ended(command: Command) -> Iterator[None]:
    """Let no training without a screen outlive the test, whatever becomes of it."""
    yield
    command("stop")


def owner(directory: Path) -> int:
    """Return the process whose name stands in the lock."""
    return int(json.loads((directory / "lock").read_text() or "{}").get("pid", 0))


def test_a_detached_training_goes_on_in_a_session_of_its_own_and_comes_back_exactly(
    tmp_path: Path, app: App, ended: None, uninterrupted: Uninterrupted
) -> None:
    expected = uninterrupted(*TRAINING)
    with app(*TRAINING, *ENDLESS) as terminal:
        directory = training_under_way(terminal, tmp_path)
        terminal.wait_for("epochs/s")
        terminal.send("D")
        assert terminal.wait_for_end() == 0
        assert is_locked(directory), "stop, runs and watch find who trains as soon as the prompt is back"
        assert terminal.is_restored
        *_, told, last = terminal.last_words.splitlines()
        words = last.split()
        terminal.hang_up()
    assert "goes on without a screen" in told
    assert words == ["logreg-tui", "attach", f"runs/{directory.name}"]
    assert happened(directory, "experiment_left", cause="detached")
    wait_for_event(directory, "experiment_resumed")
    number = owner(directory)
    assert f"process {number};" in told
    assert number != terminal.process.pid
    assert os.getsid(number) == number
    with app(*words[1:]) as terminal:
        wait_for_event(directory, "experiment_left", cause="handed over")
        wait_for_event(directory, "experiment_resumed", pid=terminal.process.pid)
        terminal.wait_for("Quit")
        wait_for_rows(directory, max(len(expected), row_count(directory) + 10))
        terminal.send("q")
        assert terminal.wait_for_end() == 0
    assert figures(directory)[: len(expected)] == expected
    log = (directory / "detached.log").read_text()
    assert "goes on at epoch" in log
    assert "epoch      0" not in log, "that was before"


def test_attach_shows_what_another_screen_trains_and_goes_on_with_what_nobody_trains(
    tmp_path: Path, app: App, command: Command
) -> None:
    with app(*TRAINING, *ENDLESS) as first:
        directory = training_under_way(first, tmp_path)
        with app("attach") as second:
            second.wait_for("watching: training")
            second.send("q")
            assert second.wait_for_end() == 0
        assert owner(directory) == first.process.pid
        first.send("q")
        assert first.wait_for_end() == 0
    with app("attach") as third:
        wait_for_event(directory, "experiment_resumed", pid=third.process.pid)
        third.send("q")
        assert third.wait_for_end() == 0


def test_attach_shows_what_is_finished(tmp_path: Path, app: App, command: Command) -> None:
    assert command("train", *TRAINING, "--epochs", "20").returncode == 0
    with app("attach") as terminal:
        terminal.wait_for("watching: finished")
        terminal.send("q")
        assert terminal.wait_for_end() == 0


# What the terminal is told


def test_the_title_tells_of_the_training_and_is_given_back(tmp_path: Path, app: App) -> None:
    with app(*TRAINING, *ENDLESS) as terminal:
        wait_until(lambda: re.search(TITLE, terminal.written), lambda: f"a title in\n{terminal.text}")
        assert b"\x1b[22;2t" in terminal.written
        terminal.send("q")
        assert terminal.wait_for_end() == 0
    titles = re.findall(rb"\x1b\]2;[^\x07]*\x07|\x1b\[2[23];2t", terminal.written)
    assert titles[0] == b"\x1b[22;2t"
    assert titles[-2:] == [b"\x1b]2;\x07", b"\x1b[23;2t"]


@pytest.mark.parametrize(
    ("words", "before", "rings"),
    [
        ((), "", False),
        ((), FOCUS_OUT, True),
        ((), FOCUS_OUT + FOCUS_IN, False),
        (("--notify", "always"), "", True),
        (("--notify", "never"), FOCUS_OUT, False),
    ],
)
def test_the_end_rings_where_the_window_has_no_focus(
    tmp_path: Path, app: App, words: tuple[str, ...], before: str, rings: bool
) -> None:
    with app(*TRAINING, "--paused", "--epochs", "20", *words) as terminal:
        directory = begun(tmp_path, terminal.process)
        terminal.wait_for("paused")
        # Behind the key, which to Textual is a sign of the focus.
        terminal.send(" " + before)
        wait_for_event(directory, "all_runs_ended")
        wait_until(lambda: b"]2;done" in terminal.written, lambda: "the title")
        terminal.send("q")
        assert terminal.wait_for_end() == 0
    bell = b"\x07\x1b]9;logreg-tui: all runs are done, "
    assert terminal.written.count(bell) == rings


# Quitting early


def test_quitting_at_the_first_frame_leaves_nothing(tmp_path: Path, environment: dict[str, str]) -> None:
    with Terminal([sys.executable, "-c", HELD, *TRAINING], tmp_path, environment) as terminal:
        terminal.wait_for("Quit")
        terminal.send("q")
        # The import that is under way then is a real one.
        (tmp_path / "go").touch()
        assert terminal.wait_for_end() == 0
        assert terminal.is_restored
        assert "Traceback" not in terminal.last_words
    assert not (tmp_path / "runs").exists()


def test_quitting_while_the_directory_is_made_leaves_all_of_it_or_nothing(
    tmp_path: Path, app: App, command: Command
) -> None:
    with app(*TRAINING, "--epochs", "100") as terminal:
        wait_until((tmp_path / "runs").exists, lambda: "the runs directory")
        terminal.send("q")
        assert terminal.wait_for_end() == 0
    assert not list((tmp_path / "runs").glob(".*"))
    for directory in experiments(tmp_path):
        resumed = command("resume", "--no-screen", str(directory), "--epochs", "101")
        assert resumed.returncode == 0, resumed.stderr
