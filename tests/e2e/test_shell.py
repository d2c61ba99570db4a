"""The app under a shell with job control: ctrl+z, fg, and a terminal that goes away meanwhile."""

from __future__ import annotations

from pathlib import Path

from helpers.running import (
    COMMAND,
    ENDLESS,
    TRAINING,
    Command,
    Uninterrupted,
    experiments,
    figures,
    last_event,
    row_count,
    wait_for_event,
    wait_for_rows,
    wait_until,
)
from helpers.terminal import CTRL_Z, Terminal

from logreg_tui.core.experiment.lock import is_locked

SHELL = ["bash", "--norc", "--noprofile", "-i"]


def started_by_hand(terminal: Terminal, folder: Path, *words: str) -> Path:
    """Type the command at the shell's prompt; return the directory once the app trains."""
    terminal.wait_for("ready>")
    terminal.send(" ".join([str(COMMAND), *words]) + "\n")
    wait_until(lambda: experiments(folder), lambda: f"the experiment in\n{terminal.text}")
    (directory,) = experiments(folder)
    wait_for_rows(directory, 10)
    return directory


def suspend(terminal: Terminal) -> None:
    terminal.send(CTRL_Z)
    wait_until(lambda: terminal.is_restored, lambda: "the shell's screen")
    terminal.wait_for("Stopped")


def ask_shell(terminal: Terminal, question: str, answer: str) -> None:
    terminal.send(f"echo {question}\n")
    wait_until(lambda: answer.encode() in terminal.written, lambda: f"{answer} in\n{terminal.text}")


def test_ctrl_z_gives_the_shell_back_and_fg_goes_on(tmp_path: Path, environment: dict[str, str]) -> None:
    with Terminal(SHELL, tmp_path, {**environment, "PS1": "ready> "}) as terminal:
        directory = started_by_hand(terminal, tmp_path, *TRAINING, *ENDLESS)
        suspend(terminal)
        ask_shell(terminal, "answer $((6 * 7))", "answer 42")
        rows = row_count(directory)
        terminal.send("fg\n")
        wait_for_rows(directory, rows + 10)
        wait_until(lambda: not terminal.is_restored, lambda: "the app's screen")
        terminal.send("h")
        wait_for_event(directory, "setting_changed")
        terminal.send("q")
        wait_until(lambda: terminal.is_restored, lambda: "the shell's screen")
        ask_shell(terminal, "status $?", "status 0")


def test_stop_ends_an_app_that_is_suspended_and_leaves_the_shells_screen_alone(
    tmp_path: Path, environment: dict[str, str], command: Command, uninterrupted: Uninterrupted
) -> None:
    with Terminal(SHELL, tmp_path, {**environment, "PS1": "ready> "}) as terminal:
        directory = started_by_hand(terminal, tmp_path, *TRAINING)
        suspend(terminal)
        written = len(terminal.written)
        stopped = command("stop", str(directory))
        assert stopped.returncode == 0, stopped.stderr
        assert "is suspended, as by ctrl+z" in stopped.stderr
        assert "has checkpointed and left" in stopped.stdout
        assert not is_locked(directory)
        ask_shell(terminal, "answer $((6 * 7))", "answer 42")
        assert b"\x1b[?1049" not in terminal.written[written:]
    assert last_event(directory)["cause"] == "SIGTERM"
    assert command("resume", "--no-screen", str(directory)).returncode == 0
    assert figures(directory) == uninterrupted(*TRAINING)


def test_an_app_that_was_suspended_when_its_terminal_went_away_loses_nothing(
    tmp_path: Path, environment: dict[str, str], command: Command, uninterrupted: Uninterrupted
) -> None:
    with Terminal(SHELL, tmp_path, {**environment, "PS1": "ready> "}) as terminal:
        directory = started_by_hand(terminal, tmp_path, *TRAINING)
        suspend(terminal)
        terminal.hang_up()
        # It trains on, or leaves: bash, when it ends, sends its stopped jobs SIGHUP or SIGTERM.
        wait_until(lambda: not is_locked(directory), lambda: "the end of the process")
    assert last_event(directory)["event"] in ("experiment_ended", "experiment_left")
    resumed = command("resume", "--no-screen", str(directory))
    assert resumed.returncode == 0, resumed.stderr
    assert figures(directory) == uninterrupted(*TRAINING)
