"""Terminals of no size and terminals that change it all the time, for real."""

from __future__ import annotations

import random
import termios
import time
from functools import partial
from pathlib import Path

import pytest
from helpers.bytes_per_second import pause
from helpers.running import COMMAND, ENDLESS, TRAINING, begun, wait_for_rows
from helpers.terminal import COLUMNS, ROWS, Terminal


@pytest.mark.parametrize("size", [(0, 0), (80, 0), (0, 24), (1, 1)], ids=str)
def test_a_terminal_of_any_size_trains_and_rests(
    tmp_path: Path, environment: dict[str, str], size: tuple[int, int]
) -> None:
    shrink = partial(termios.tcsetwinsize, 0, (size[1], size[0]))
    with Terminal([COMMAND, *TRAINING, *ENDLESS], tmp_path, environment, shrink) as terminal:
        directory = begun(tmp_path, terminal.process)
        wait_for_rows(directory, 50)
        pause(terminal, directory)
        terminal.send("q")
        assert terminal.wait_for_end() == 0


def test_a_window_that_is_dragged_leaves_a_screen_that_answers(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    chosen = random.Random(0)
    with Terminal([COMMAND, *TRAINING, *ENDLESS], tmp_path, environment) as terminal:
        directory = begun(tmp_path, terminal.process)
        wait_for_rows(directory, 50)
        for _ in range(60):
            terminal.resize(chosen.randint(1, 200), chosen.randint(1, 60))
            time.sleep(0.05)
        terminal.resize(COLUMNS, ROWS)
        pause(terminal, directory)
        terminal.send("q")
        assert terminal.wait_for_end() == 0
