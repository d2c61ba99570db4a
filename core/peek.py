"""Parameters and data of an experiment that another process trains, for whoever watches it.

Both are read only when somebody looks at them: the checkpoint needs torch, the data need time.
"""

from __future__ import annotations

from collections.abc import Iterator

from logreg_tui.core.errors import UserError
from logreg_tui.core.events import Event
from logreg_tui.core.experiment import CHECKPOINT
from logreg_tui.core.resume import Kept, reading_only
from logreg_tui.core.showing import DataShown, ParametersShown


class Peek:
    """What the files of an experiment show of its model."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self._has_looked_for_data = False

    def look(self, run: int) -> Iterator[Event]:
        """Yield the data once, where they are on this machine, and the run's newest saved parameters.

        A checkpoint that cannot be read, or does not have the run yet, yields nothing.
        """
        if not self._has_looked_for_data:
            self._has_looked_for_data = True
            yield from self._data()
        yield from self._parameters(run)

    def _data(self) -> Iterator[Event]:
        from logreg_tui.core.datasets import data_folder, load_dataset
        from logreg_tui.core.idx import FAMILIES

        settings = reading_only(self._kept.settings)
        family = FAMILIES.get(settings.dataset)
        if family is not None and family.missing(data_folder(settings.data_dir)):
            # Watching downloads nothing.
            return
        try:
            dataset = load_dataset(
                settings.dataset, settings.data_dir, settings.pixels, lambda text: None, lambda: False
            )
        except UserError:
            return
        if dataset.fingerprint == self._kept.fingerprint:
            yield DataShown(0, dataset)

    def _parameters(self, number: int) -> Iterator[Event]:
        from logreg_tui.core.checkpoint import read_checkpoint

        try:
            record = read_checkpoint(self._kept.directory / CHECKPOINT)
            runs = {run["number"]: run for run in record["runs"]}
            run = runs[number]
            is_training = run["status"] == "training"
            epoch = record["step"] - run["joined_at"] if is_training else run["logged_epoch"]
            weight, bias = run["weight"].numpy(), run["bias"].numpy()
            yield ParametersShown(record["step"], number, epoch, run["settings"]["head"], weight, bias)
        except (ValueError, KeyError, TypeError, AttributeError):
            return
