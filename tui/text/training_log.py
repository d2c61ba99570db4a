"""Training without a screen, by one process or those of torchrun: progress on stderr, figures on stdout."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from functools import partial
from types import FrameType

from logreg_tui.core.engine.process_group import launched_rank
from logreg_tui.core.errors import Cancelled, UserError
from logreg_tui.core.experiment.lock import HAND_OVER_SIGNAL
from logreg_tui.core.text import escape_control_chars, loss_text
from logreg_tui.core.training import events
from logreg_tui.core.training.events import Event, RowLogged
from logreg_tui.core.training.history import History, RunHistory, early_end
from logreg_tui.core.training.requests import Control, Leave
from logreg_tui.tui.number_format import duration
from logreg_tui.tui.number_format import rate as rate_text
from logreg_tui.tui.speed import SpeedMeter
from logreg_tui.tui.text.exit_summary import final_table, go_on_with, where_it_is
from logreg_tui.tui.text.output import print_error, print_out, print_progress, table_width

BAR_WIDTH = 20
LEAST_BAR = 5
BAR_INTERVAL_S = 0.25
LINE_INTERVAL_S = 10.0


StartPlainly = Callable[..., Generator[Event, None, None]]
"""Called with a control and a function that is told what is being prepared."""


class Interrupted(BaseException):
    """A signal came before training began: there is nothing to end cleanly."""


class Signals:
    """Handlers of signals while a training runs without a screen.

    SIGINT and SIGTERM end the training cleanly, a second one the process at once; SIGHUP is ignored.
    Processes that train together are ended by SIGHUP too, and a second signal changes nothing.
    HAND_OVER_SIGNAL lets another process take over.
    """

    def __init__(self, control: Control) -> None:
        self._control = control
        self.exit_status = 0
        """128 plus the number of the signal that ended the training, or 0."""
        self.has_begun = False
        """True once training has begun: from then on there is something to end cleanly."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._end)
        # torchrun passes that on too, and kills what does not end.
        signal.signal(signal.SIGHUP, signal.SIG_IGN if launched_rank() is None else self._end)
        signal.signal(HAND_OVER_SIGNAL, lambda *_: self._leave("handed over"))

    def _end(self, number: int, frame: FrameType | None) -> None:
        self.exit_status = 128 + number
        # torchrun passes on to each process what a terminal has sent it already.
        if launched_rank() is None:
            signal.signal(number, signal.SIG_DFL)
        self._leave(signal.Signals(number).name)

    def _leave(self, cause: str) -> None:
        self._control.send(Leave(cause))
        if not self.has_begun:
            raise Interrupted


def train_plainly(start: StartPlainly, history: History | None = None, *, resumes: bool = False) -> int:
    """Train without a screen and return the exit status; `history` takes in what happens.

    With `resumes` what an earlier process did comes first, and is not printed again.
    Of processes that torchrun started together rank 0 trains and the others compute for it. Raises what this
    process is to say about its end, a UserError mostly; of several processes only one says it.
    """
    rank, history = launched_rank(), History() if history is None else history
    if rank is None:
        return _train(start, history, resumes)
    # Before torch is imported; what goes wrong between processes is said once, and without C++ frames.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    from logreg_tui.core.session.distributed import Group, serve

    group = Group(print_progress, print_error)
    try:
        with group:
            return serve(group) if rank else _train(partial(start, ranks=group), history, resumes)
    except Exception as error:
        if group.heartbeat.is_silent:
            return error.exit_status if isinstance(error, UserError) else 1
        raise


def _train(start: StartPlainly, history: History, resumes: bool) -> int:
    control = Control()
    signals = Signals(control)
    reporter = Reporter(history, resumes=resumes)
    try:
        with closing(start(control, reporter.say)) as stream:
            for event in stream:
                signals.has_begun = True
                history.apply(event)
                reporter.report(event)
    except (Cancelled, Interrupted):
        return signals.exit_status
    finally:
        reporter.clear()
    print_out("")
    print_out(final_table(history, table_width()))
    print_out(where_it_is(history))
    if history.state == "stopped":
        print_out(go_on_with(history))
    return signals.exit_status


class Reporter:
    """The accuracy log on stdout and progress on stderr, as a training goes on."""

    def __init__(self, history: History, *, resumes: bool = False) -> None:
        self._history = history
        self._is_past = resumes
        """True while an earlier process is told of."""
        self._is_terminal = sys.stderr.isatty()
        self._printed = 0
        self._next = 0.0
        self._bar_length = 0
        self._meter = SpeedMeter()

    def say(self, text: str) -> None:
        """Show what is being prepared."""
        text = escape_control_chars(text)
        if self._is_terminal:
            self._draw(text)
        else:
            print_progress(text)

    def tell(self, line: str) -> None:
        """Print a line on stderr that is to stay."""
        self.clear()
        print_progress(escape_control_chars(line))

    def report(self, event: Event) -> None:
        """Print what an event changed, and now and then how far the training is."""
        if isinstance(event, events.ExperimentResumed):
            self._is_past = False
        elif self._is_past and not isinstance(event, events.ExperimentStarted):
            self._printed = len(self._history.reports)
            return
        for line in _tell(event, self._history.runs):
            self.tell(line)
        for row in self._history.reports[self._printed :]:
            self.clear()
            print_out(accuracy_line(row))
            self._printed += 1
        now = time.monotonic()
        if isinstance(event, events.Progressed) and now >= self._next:
            self._next = now + (BAR_INTERVAL_S if self._is_terminal else LINE_INTERVAL_S)
            self._show_progress()

    def _show_progress(self) -> None:
        step, runs = self._history.step, self._history.runs.values()
        ends = [run.joined_at + run.epochs for run in runs if run.is_training]
        total = max(ends, default=max(step, 1))
        self._meter.add(time.monotonic(), step)
        rate = self._meter.rate
        speed = []
        if rate:
            speed = [f"{duration((total - step) / rate).strip()} left", f"{rate_text(rate).strip()} epochs/s"]
        place = f"epoch {step:,} of {total:,}"
        if self._is_terminal:
            self._draw(progress_line([place, *_figures(list(runs)), *speed], step / total, self._width()))
        else:
            print_progress("  ".join([place, *speed]))

    def _width(self) -> int:
        """Return the columns of a line that does not wrap."""
        try:
            return os.get_terminal_size(sys.stderr.fileno()).columns - 1
        except OSError:
            return 79

    def _draw(self, text: str) -> None:
        width = self._width()
        shown = text[:width]
        print_progress("\r" + shown.ljust(min(self._bar_length, width)), end="")
        self._bar_length = len(shown)

    def clear(self) -> None:
        """Take the progress bar away."""
        if self._bar_length:
            print_progress("\r" + " " * self._bar_length + "\r", end="")
            self._bar_length = 0


def progress_line(parts: Sequence[str], share: float, width: int) -> str:
    """Return a bar and what it tells of; the bar is as short as need be, then the last parts give way."""
    while (room := width - len("[] ") - len("  ".join(parts))) < LEAST_BAR and len(parts) > 1:
        parts = parts[:-1]
    room = max(0, min(BAR_WIDTH, room))
    filled = int(room * share)
    return f"[{'#' * filled}{'.' * (room - filled)}] {'  '.join(parts)}"


def _figures(runs: Sequence[RunHistory]) -> list[str]:
    """Return train loss and test accuracy of the run that is right most often now."""
    logged = [run for run in runs if run.last is not None]
    if not logged:
        return []
    best = max(logged, key=lambda run: run.last.test_accuracy if run.last else 0)
    assert best.last is not None, "it is logged"
    name = f"run {best.number} " if len(runs) > 1 else ""
    return [f"{name}loss {loss_text(best.last.train_loss)}", f"accuracy {best.last.test_accuracy:.4f}"]


def accuracy_line(row: RowLogged) -> str:
    """Return one line of the accuracy log."""
    return (
        f"epoch {row.epoch:>6,}  run {row.run:<2}  objective {row.objective:.4f}  "
        f"train {row.train_accuracy:.4f}  test {row.test_accuracy:.4f}"
    )


def _tell(event: Event, runs: Mapping[int, RunHistory]) -> list[str]:
    match event:
        case events.RunEnded(_, run, epoch, reason) if early := early_end(reason, runs[run].settings):
            return [f"run {run} ends at epoch {epoch:,}: {early}"]
        case events.ExperimentStarted():
            size = f"{event.train_samples:,} + {event.test_samples:,} samples x {event.features}"
            lines = [f"{event.dataset} ({size}) on {event.device}", f"experiment directory {event.directory}"]
            lines += [event.engine] if event.engine else []
            return [*([f"notice: {event.notice}"] if event.notice else []), *lines]
        case events.ExperimentResumed(step=step):
            return [f"goes on at epoch {step:,}"]
        case events.EngineChanged():
            return [f"notice: {event.reason}"]
        case events.RequestRefused():
            return [f"notice: {event.text}"]
        case events.RunDiverged():
            return [f"run {event.run} diverged at epoch {event.epoch:,}: {event.cause}; try a smaller --lr"]
    return []
