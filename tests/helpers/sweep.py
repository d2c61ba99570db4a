"""Commands on a disk that fails, or in a process that is killed, at every call: what must hold behind each.

`python -m helpers.sweep` in this folder's parent sweeps everything, in some minutes, and prints the counts.
"""

from __future__ import annotations

import errno
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from helpers.command_server import CommandServer, Outcome
from helpers.datafiles import write_npz
from helpers.disk import Fault
from helpers.experiments import untimed_rows

FAULTS: Mapping[str, Fault] = {
    "ENOSPC": Fault(errno.ENOSPC, taken=1),
    "EIO": Fault(errno.EIO),
    "EACCES": Fault(errno.EACCES),
    "short write": Fault(taken=1),
    "SIGKILL": Fault(kills=True, taken=1),
}
"""Where `taken` is not 0, half of a write goes through before."""
ERRORS = [name for name in FAULTS if name != "SIGKILL"]
OLD = b"what was there before"
"""In the place of a file that a command replaces."""

TRAINING = ("--device", "cpu", "--threads", "1", "--pixels", "raw", "--epochs", "2", "--log-every", "1")


@dataclass(frozen=True)
class Scenario:
    """A command line in a folder `disk/work`, which is made anew from a template for every call."""

    words: tuple[str, ...]
    template: str
    """`empty`, `killed` (an experiment in the middle) or `finished`."""
    targets: tuple[str, ...] = ()
    """Files that it replaces; without any it trains."""


class Sweep:
    """All that is swept, and the disk on which that is done."""

    def __init__(self, folder: Path) -> None:
        self._disk, self._templates = folder / "disk", folder / "templates"
        self.work = self._disk / "work"
        self._temporary = self._disk / "tmp"
        for each in (self._temporary, folder / "scratch", self._templates / "empty"):
            each.mkdir(parents=True)
        self._data = write_npz(self._disk / "data.npz")
        self.commands = CommandServer(self._disk, folder / "scratch")
        self.scenarios = self._scenarios()
        self._normally: dict[str, tuple[int, dict[str, bytes]]] = {}
        self._train("finished")
        self.rows = untimed_rows(next((self.work / "runs").iterdir()))
        # Between the two renames of a checkpoint: the hardest state to go on from.
        self._train("killed", lambda call: call.startswith("rename .checkpoint"))

    def _train(self, name: str, is_end: Callable[[str], bool] | None = None) -> None:
        """Make a template of a training, or of one that is killed at the second call of a kind."""
        self._restore("empty")
        words = self.scenarios["train"].words
        whole = self.commands.run(*words)
        assert whole.status == 0, whole
        if is_end is not None:
            at = [number for number, call in enumerate(whole.calls, 1) if is_end(call)][1]
            self._restore("empty")
            assert self.commands.run(*words, at=at, fault=FAULTS["SIGKILL"]).status == -9
        for target in ("rows.csv", "loss.png", "report.md"):
            (self.work / target).write_bytes(OLD)
        directory = next((self.work / "runs").iterdir())
        directory.rename(directory.with_name("experiment"))
        shutil.copytree(self.work, self._templates / name)

    def _scenarios(self) -> dict[str, Scenario]:
        runs, directory = str(self.work / "runs"), str(self.work / "runs" / "experiment")
        tensorboard = "log/experiment/run-1-sigmoid/events.out.tfevents.0.logreg-tui"

        def to(target: str) -> tuple[str, ...]:
            return directory, "-o", str(self.work / target)

        return {
            "train": Scenario(("train", "--dataset", self._data, "--runs-dir", runs, *TRAINING), "empty"),
            "resume": Scenario(("resume", "--no-screen", directory), "killed"),
            "repeat": Scenario(("repeat", "--runs-dir", runs, directory), "finished"),
            "export csv": Scenario(("export", *to("rows.csv")), "finished", ("rows.csv",)),
            "export jsonl": Scenario(("export", *to("rows.jsonl")), "finished", ("rows.jsonl",)),
            "export tensorboard": Scenario(
                ("export", *to("log"), "--format", "tensorboard"), "finished", (tensorboard,)
            ),
            "plot": Scenario(("plot", *to("loss.png")), "finished", ("loss.png",)),
            "report": Scenario(("report", *to("report.md")), "finished", ("report-loss.png", "report.md")),
            "compare": Scenario(("compare", directory), "finished"),
            "runs": Scenario(("runs", "--runs-dir", runs), "killed"),
        }

    def normally(self, name: str) -> tuple[int, dict[str, bytes]]:
        """Return the calls of a command that nothing happens to, and the contents of its targets."""
        if name not in self._normally:
            scenario = self.scenarios[name]
            self._restore(scenario.template)
            outcome = self.commands.run(*scenario.words)
            assert outcome.status == 0, outcome
            contents = {target: (self.work / target).read_bytes() for target in scenario.targets}
            self._normally[name] = len(outcome.calls), contents
        return self._normally[name]

    def _restore(self, template: str) -> None:
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.copytree(self._templates / template, self.work)

    def check(self, name: str, kind: str, at: int, *, lasts: bool = False) -> Outcome:
        """Let a fault befall a command at a call, and assert all that must hold then."""
        scenario, (_, contents) = self.scenarios[name], self.normally(name)
        self._restore(scenario.template)
        strays = set(self.strays())
        outcome = self.commands.run(*scenario.words, at=at, fault=FAULTS[kind], lasts=lasts)
        is_killed = kind == "SIGKILL"
        if is_killed:
            assert outcome.status == -9, outcome
        else:
            _check_end(outcome)
        if not (is_killed or lasts):
            assert set(self.strays()) <= strays, outcome
        if _contents(self.work) == _contents(self._templates / scenario.template):
            return outcome
        if scenario.targets:
            self._check_targets(scenario, contents, outcome)
        else:
            self._check_trainings(scenario)
        assert self.strays() == [], outcome
        return outcome

    def _check_targets(self, scenario: Scenario, contents: Mapping[str, bytes], outcome: Outcome) -> None:
        """Assert that each target is what it was or what it is to be, and after another try the latter."""
        for target, wanted in contents.items():
            if target == "report.md" and outcome.status == 0:
                continue  # Parameters and data that cannot be read are left out of it.
            old = OLD if (self._templates / scenario.template / target).exists() else None
            path = self.work / target
            assert (path.read_bytes() if path.exists() else None) in (wanted, old), path
        again = self.commands.run(*scenario.words)
        assert again.status == 0, again
        assert {target: (self.work / target).read_bytes() for target in contents} == contents

    def _check_trainings(self, scenario: Scenario) -> None:
        """Assert that each experiment goes on to the rows of one that nothing happened to."""
        runs = self.work / "runs"
        listed = self.commands.run("runs", "--runs-dir", str(runs))
        directories = sorted(each for each in runs.iterdir() if each.name[0] != ".") if runs.exists() else []
        assert listed.status == (0 if runs.exists() else 1), listed
        assert len(directories) <= (2 if scenario.words[0] == "repeat" else 1)
        for directory in directories:
            resumed = self.commands.run("resume", "--no-screen", str(directory))
            assert resumed.status == 0, resumed
            assert untimed_rows(directory) == self.rows, resumed
        if not directories:
            again = self.commands.run(*scenario.words)
            assert again.status == 0, again

    def strays(self) -> list[str]:
        """Return the temporary files and folders that there are."""
        hidden = [str(path.relative_to(self.work)) for path in self.work.rglob(".*")]
        return [*hidden, *(path.name for path in self._temporary.iterdir())]


def _contents(folder: Path) -> dict[Path, bytes | None]:
    return {
        path.relative_to(folder): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")
    }


def _check_end(outcome: Outcome) -> None:
    """Assert that a command ends well, or with one line."""
    lines = [line for line in outcome.err.splitlines() if "logreg-tui:" in line]
    # 2 if what it was told to read cannot be read.
    assert outcome.status in (0, 1, 2), outcome
    assert len(lines) == (outcome.status > 0), outcome
    assert "Traceback" not in outcome.err, outcome
    assert "unexpected" not in outcome.err, outcome


def main() -> int:
    """Sweep everything that the arguments name, or all; print what came of it."""
    names = sys.argv[1:]
    failures = 0
    with TemporaryDirectory() as folder:
        sweep = Sweep(Path(folder))
        for name in names or sweep.scenarios:
            for kind, lasts in [*((kind, False) for kind in FAULTS), ("ENOSPC", True), ("EIO", True)]:
                counts = Counter[str]()
                for at in range(1, sweep.normally(name)[0] + 1):
                    try:
                        counts[str(sweep.check(name, kind, at, lasts=lasts).status)] += 1
                    except AssertionError as error:
                        counts["FAILED"] += 1
                        print(f"  {name} {kind} {at} {lasts}: {error}")
                failures += counts["FAILED"]
                print(
                    name,
                    kind,
                    "from there on" if lasts else "once",
                    sum(counts.values()),
                    dict(counts),
                    flush=True,
                )
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
