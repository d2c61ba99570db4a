"""A screen that hangs: what it leaves behind, and every way to end it, with a checkpoint."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.running import (
    ENDLESS,
    TRAINING,
    begun,
    last_event,
    row_count,
    wait_for_rows,
    wait_until,
)
from helpers.terminal import Terminal

from logreg_tui.core.experiment.checkpoint import read_checkpoint

HANGING = """
import sys, time
from logreg_tui.tui.cli.main import main
from logreg_tui.tui.screens.main import MainScreen

def hang_for_ever(screen):
    print(end="", file=open("hangs", "w"))
    while True:
        time.sleep(0.01)

MainScreen.action_toggle_freeze = hang_for_ever
main()
"""
"""The program with a key `f` that hangs its screen."""
ENDS_WITHIN_S = 30.0
"""Far more than the two seconds it takes, for a busy machine; without a watch it never ends."""


@pytest.fixture
def stuck(tmp_path: Path, environment: dict[str, str]) -> Iterator[tuple[Terminal, Path]]:
    """Yield a terminal whose screen hangs while the training goes on, and the directory."""
    with Terminal([sys.executable, "-c", HANGING, *TRAINING, *ENDLESS], tmp_path, environment) as terminal:
        directory = begun(tmp_path, terminal.process)
        wait_for_rows(directory, 10)
        terminal.send("f")
        wait_until((tmp_path / "hangs").exists, lambda: "a screen that hangs")
        wait_for_rows(directory, row_count(directory) + 20)
        yield terminal, directory


def press_ctrl_c_twice(terminal: Terminal) -> None:
    terminal.send("\x03\x03")


def send_sigterm(terminal: Terminal) -> None:
    terminal.process.send_signal(signal.SIGTERM)


def hang_up(terminal: Terminal) -> None:
    terminal.hang_up()


@pytest.mark.parametrize(
    ("end", "status", "cause"),
    [(press_ctrl_c_twice, 130, "SIGINT"), (send_sigterm, 143, "SIGTERM"), (hang_up, 0, "hang-up")],
)
def test_a_screen_that_hangs_is_ended_with_a_checkpoint(
    stuck: tuple[Terminal, Path],
    end: Callable[[Terminal], None],
    status: int,
    cause: str,
) -> None:
    terminal, directory = stuck
    end(terminal)
    assert terminal.process.wait(ENDS_WITHIN_S) == status
    last = last_event(directory)
    assert (last["event"], last["cause"]) == ("experiment_left", cause)
    if end is not hang_up:
        assert terminal.wait_for_end() == status
        assert terminal.is_restored
        assert f"logreg-tui resume runs/{directory.name}" in terminal.last_words
    assert read_checkpoint(directory / "checkpoint.pt")["step"] == last["step"]


def test_a_screen_that_hangs_leaves_its_stacks(stuck: tuple[Terminal, Path]) -> None:
    _, directory = stuck
    log = directory / "error.log"
    wait_until(lambda: log.exists() and "hang_for_ever" in log.read_text(), lambda: "the stacks")
    assert "the screen has not answered for 5 s" in log.read_text()
