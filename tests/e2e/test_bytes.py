"""The bytes that the app sends to its terminal stay few enough for any SSH connection.

Limits from above only: a slow machine draws fewer frames, never more than `--fps` a second.
"""

from __future__ import annotations

from pathlib import Path

from helpers.bytes_per_second import count, pause, settle, trained

DIGITS = ("--dataset", "digits", "--device", "cpu", "--threads", "1")
TRAINING_LIMIT = 3000
"""Digits are so fast that both charts are drawn anew within these seconds, some 13 KB each time."""
PAUSED_LIMIT = 50
START_LIMIT = 60_000
SECONDS = 8.0
PAUSED_SECONDS = 3.0


def test_little_is_sent_while_it_trains_and_next_to_nothing_while_it_is_paused(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    environment |= {"COLORTERM": "truecolor"}
    with trained(tmp_path, environment, [*DIGITS, "--epochs", "100000000"]) as (terminal, directory):
        assert len(terminal.written) < START_LIMIT
        terminal.wait_for("Pause")
        settle(directory)
        training = count(terminal, SECONDS)
        assert 0 < sum(training) / SECONDS < TRAINING_LIMIT, training
        pause(terminal, directory)
        paused = count(terminal, PAUSED_SECONDS)
        assert sum(paused) / PAUSED_SECONDS < PAUSED_LIMIT, paused
