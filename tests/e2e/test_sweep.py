"""Every call that changes or opens a file fails once, and once the process is killed there: nothing is lost.

`helpers/sweep.py` says what must hold behind each, and sweeps all kinds of faults.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from helpers.sweep import ERRORS, FAULTS, Sweep

PARTS = 4


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sweep]:
    sweep = Sweep(tmp_path_factory.mktemp("sweep"))
    yield sweep
    sweep.commands.close()


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("name", ["train", "resume"])
def test_no_call_that_fails_and_no_kill_loses_a_row_or_leaves_a_temporary_file(
    sweep: Sweep, name: str, part: int
) -> None:
    for at in range(part + 1, sweep.normally(name)[0] + 1, PARTS):
        sweep.check(name, ERRORS[at % len(ERRORS)], at)
        sweep.check(name, "SIGKILL", at)


@pytest.mark.parametrize(
    "name",
    ["repeat", "export csv", "export jsonl", "export tensorboard", "plot", "report", "compare", "runs"],
)
def test_the_same_holds_of_commands_that_go_by_an_experiment(sweep: Sweep, name: str) -> None:
    kinds = list(FAULTS)
    for at in range(1, sweep.normally(name)[0] + 1):
        sweep.check(name, kinds[at % len(kinds)], at)
