"""The bytes that the app sends to its terminal stay few enough for any SSH connection.

Limits from above only: a slow machine draws fewer frames, never more than `--fps` a second.
"""

from __future__ import annotations

import re
import signal
from pathlib import Path

from helpers.bytes_per_second import count, pause, settle, trained
from helpers.running import wait_until
from helpers.terminal import CTRL_Z, ENTER_ALTERNATE_SCREEN, LEAVE_ALTERNATE_SCREEN

DIGITS = ("--dataset", "digits", "--device", "cpu", "--threads", "1")
SETTLED_S = 12.0
"""Training after which the axes, which are drawn anew with every doubling of it, grow once at most below."""
TRAINING_LIMIT = 2000
PAUSED_LIMIT = 50
START_LIMIT = 60_000
SECONDS = 8.0
PAUSED_SECONDS = 3.0
CLASSES = 10
CTRL_L = "\x0c"


def test_little_is_sent_while_it_trains_and_next_to_nothing_while_it_is_paused(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    environment |= {"COLORTERM": "truecolor"}
    with trained(tmp_path, environment, [*DIGITS, "--epochs", "100000000"]) as (terminal, directory):
        assert len(terminal.written) < START_LIMIT
        terminal.wait_for("Pause")
        settle(directory, SETTLED_S)
        training = count(terminal, SECONDS)
        assert 0 < sum(training) / SECONDS < TRAINING_LIMIT, training
        pause(terminal, directory)
        paused = count(terminal, PAUSED_SECONDS)
        assert sum(paused) / PAUSED_SECONDS < PAUSED_LIMIT, paused


def test_kitty_gets_each_image_once_and_has_it_on_the_screen_of_the_app_alone(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    def images() -> list[bytes]:
        return re.findall(rb"\x1b_Ga=T,f=100,U=1,(i=\d+),[^\x1b]*\x1b\\", terminal.written)

    options = ["--dataset", "kmnist", "--device", "cpu", "--graphics", "kitty", "--epochs", "100000000"]
    with trained(tmp_path, environment, options) as (terminal, directory):
        pause(terminal, directory)
        terminal.send("2")
        wait_until(lambda: len(images()) == CLASSES, lambda: "an image of each class")
        terminal.send(CTRL_L)
        wait_until(lambda: len(images()) == 2 * CLASSES, lambda: "all of them once more")
        terminal.send(CTRL_Z)
        status = Path(f"/proc/{terminal.process.pid}/stat")
        wait_until(lambda: status.read_text().rpartition(") ")[2][0] == "T", lambda: "a stopped process")
        terminal.process.send_signal(signal.SIGCONT)
        wait_until(lambda: len(images()) == 3 * CLASSES, lambda: "all of them on the screen that is back")
        terminal.send("q")
        assert terminal.wait_for_end() == 0
    assert images() == [f"i={number}".encode() for number in range(1, CLASSES + 1)] * 3
    assert terminal.written.count(b"\x1b_Ga=d,d=I,i=") == 2 * CLASSES
    commands = re.findall(rb"\x1b_G([^;\x1b]*)", terminal.written)
    assert all(b"q=2" in command for command in commands)
    own_screen = re.escape(ENTER_ALTERNATE_SCREEN) + b".*?" + re.escape(LEAVE_ALTERNATE_SCREEN)
    assert b"\x1b_G" not in re.sub(own_screen, b"", terminal.written, flags=re.DOTALL)
