"""`train`: the only loop. A generator of events; its one input while it runs is the control inbox.

At each step, in this order: rows that are due are logged, requests are taken, every run is
updated once. So a request that carries a step always acts after the rows of that step, whether
it came from a person or is replayed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

from logreg_tui.core.engine.gpu.qualification import check_figures
from logreg_tui.core.errors import Cancelled
from logreg_tui.core.goals import said_of
from logreg_tui.core.training import events, requests
from logreg_tui.core.training.replay import Replay
from logreg_tui.core.training.requests import Control, Request
from logreg_tui.core.training.state import RunState, Training

PROGRESS_INTERVAL_S = 0.25


def train(
    training: Training, control: Control, *, stays_open: bool = False, replay: Replay | None = None
) -> Iterator[events.Event]:
    """Train until every run has ended or Stop arrives, yielding what happens.

    With `stays_open` a training without runs waits for new ones instead of ending. The requests
    of `replay` are carried out at their steps before any other is heard, Stop apart. Closing the
    generator between two events leaves `training` as it was at the last one.
    """
    loop = _Loop(training, control, replay or Replay(), stays_open)
    for run in training.runs.values():
        if not run.is_announced:
            run.is_announced = True
            yield events.RunStarted(training.step, run.number, run.settings, run.epochs)
    training.engine.is_cancelled = lambda: control.leave_cause is not None
    training.stopwatch.start()
    try:
        yield from loop.run()
    except Cancelled:
        # In the middle of a pass: nothing of it counts, the training is as it was before.
        yield from loop.leave()
    finally:
        training.stopwatch.stop()


class _Loop:
    def __init__(self, training: Training, control: Control, replay: Replay, stays_open: bool) -> None:
        self.training = training
        self.ranks = training.engine.ranks
        self.control = control
        self.replay = replay
        self.stays_open = stays_open
        self.is_stopping = False
        self.is_leaving = False
        self.pauses_at_next_row = False
        self.longest_stride = 1
        """Epochs that may pass before requests are looked at again."""
        self.told_failure: str | None = None
        self.last_progress = time.monotonic()

    def run(self) -> Iterator[events.Event]:
        training = self.training
        while not self.is_stopping:
            yield from self.log_rows([run for run in training.active if training.is_due(run)])
            if not training.active:
                yield events.AllRunsEnded(training.step)
                if not (self.stays_open or self.replay.requests):
                    break
                yield from self.wait_for_runs()
            yield from self.take_requests()
            if self.is_stopping or not training.active:
                continue
            yield from self.advance()
        if self.is_leaving:
            yield from self.leave()
            return
        # Before the last rows, by which the last run may diverge: a replay is to log them again.
        reason = "stopped" if training.active else "finished"
        yield from self.log_last_rows()
        yield events.ExperimentEnded(training.step, reason)

    def leave(self) -> Iterator[events.Event]:
        yield events.ExperimentLeft(self.training.step, self.control.leave_cause or "hang-up")

    def advance(self) -> Iterator[events.Event]:
        """Update every run once or, if epochs are short, up to the next step at which something is due."""
        training = self.training
        stride = self.stride() if self.longest_stride > 1 else 1
        training.engine.advance(training.rates(stride))
        training.step += stride
        failure = training.engine.graph_failure
        if failure != self.told_failure:
            self.told_failure = failure
            yield events.EngineChanged(training.step, f"{failure}: epochs are computed one by one")
        now = time.monotonic()
        if now - self.last_progress >= PROGRESS_INTERVAL_S:
            self.last_progress = now
            yield events.Progressed(training.step, training.stopwatch.read())

    def stride(self) -> int:
        """Return how many epochs lie before the next row or request of the past."""
        training, settings = self.training, self.training.settings
        stops = [self.longest_stride]
        # Most runs stand at the same epoch.
        for epoch, epochs in {(training.epoch(run), run.epochs) for run in training.active}:
            stops.append(min(settings.next_log_point(epoch), epochs) - epoch)
        if self.replay.requests:
            stops.append(self.replay.requests[0].step - training.step)
        return max(1, min(stops))

    # Rows

    def log_rows(self, runs: list[RunState], *, is_last: bool = False) -> Iterator[events.Event]:
        """Log a row for each of these runs, and let those leave that are done or diverged."""
        if not runs:
            return
        self.last_progress = time.monotonic()
        elapsed_s = self.training.stopwatch.read()
        measured = self.training.engine.measure()
        # A GPU may have had epochs left to compute.
        elapsed_s += self.training.engine.waited_s
        if is_last or any(map(self.training.is_report, runs)):
            check_figures(self.training.engine, measured)
        for run in runs:
            row = self.training.row(run, measured[run.number], elapsed_s, is_last=is_last)
            run.logged_epoch = row.epoch
            yield row
            yield from self.let_leave(run, row)
        yield events.Progressed(self.training.step, elapsed_s)
        if self.pauses_at_next_row:
            self.pauses_at_next_row = False
            yield from self.pause()

    def log_last_rows(self) -> Iterator[events.Event]:
        training = self.training
        unlogged = [run for run in training.active if training.is_unlogged(run)]
        yield from self.log_rows(unlogged, is_last=True)

    def let_leave(self, run: RunState, row: events.RowLogged) -> Iterator[events.Event]:
        training = self.training
        cause = _not_finite(row)
        if cause is not None:
            training.engine.rollback(run.number)
            training.leave(run, "diverged")
            yield events.RunDiverged(training.step, run.number, row.epoch, cause)
            return
        training.engine.snapshot(run.number)
        reason = training.end_of(run, row)
        if reason is not None:
            training.leave(run, reason)
            yield events.RunEnded(training.step, run.number, row.epoch, reason)

    # Requests

    def take_requests(self) -> Iterator[events.Event]:
        """Carry out what is asked for at this step; while paused, wait for more."""
        yield from self.replay_requests()
        while not self.is_stopping:
            request, self.longest_stride = self.ranks.from_first(self.next_request)
            if request is None:
                return
            yield from self.carry_out(request)

    def next_request(self) -> tuple[Request | None, int]:
        """Return the oldest request, and how many epochs may pass if there is none."""
        request: Request | None = None
        if not self.replay.requests:
            request = self.control.wait() if self.training.is_paused else self.control.take()
        elif self.control.is_stopping:
            # A stop during a replay is none of the experiment: what was done later is still to come.
            request = requests.Leave(self.control.leave_cause or "stop")
        return request, self.training.engine.longest_stride

    def wait_for_runs(self) -> Iterator[events.Event]:
        self.training.is_paused = False
        self.training.stopwatch.stop()
        yield from self.replay_requests()
        # What was replayed may have brought no run back.
        self.is_stopping |= not (self.training.active or self.stays_open)
        while not (self.training.active or self.is_stopping):
            yield from self.carry_out(self.ranks.from_first(self.control.wait))
        self.training.stopwatch.start()

    def replay_requests(self) -> Iterator[events.Event]:
        """Carry out again what was done at this step."""
        waiting = self.replay.requests
        # Without runs no step follows: what is left to replay belongs to this one.
        while waiting and (waiting[0].step <= self.training.step or not self.training.active):
            timed = waiting.popleft()
            try:
                yield from self.carry_out(timed.request)
            except Cancelled:
                if isinstance(timed.request, requests.EndRun):
                    waiting.appendleft(timed)
                raise

    def carry_out(self, request: Request) -> Iterator[events.Event]:
        training = self.training
        match request:
            case requests.Stop():
                self.is_stopping = True
            case requests.Detach():
                self.stays_open = False
                yield events.Detached(training.step)
                if training.is_paused or not training.active:
                    self.is_stopping = self.is_leaving = True
            case requests.Leave():
                self.is_stopping = self.is_leaving = True
            case requests.ShowParameters(number):
                if number in training.runs:
                    yield training.shown(training.runs[number])
            case requests.Pause() | requests.StepOnce() if not training.active:
                pass
            case requests.Pause():
                yield from self.pause()
            case requests.Resume():
                self.pauses_at_next_row = False
                if training.is_paused:
                    yield self.go_on(events.Resumed(training.step))
            case requests.StepOnce():
                self.pauses_at_next_row = True
                yield self.go_on(events.Stepped(training.step))
            case requests.Extend():
                yield from self.extend(request)
            case requests.LogRows():
                yield from self.log_last_rows()
            case requests.AddRun(settings):
                run = training.join(settings)
                run.is_announced = True
                yield events.RunStarted(training.step, run.number, settings, run.epochs)
                # At once, before the next request: a replay keeps this order.
                yield from self.log_rows([run])
            case requests.SetKnob() | requests.EndRun():
                yield from self.change_run(request)

    def change_run(self, request: requests.SetKnob | requests.EndRun) -> Iterator[events.Event]:
        training = self.training
        run = training.runs.get(request.run)
        if run is None or not run.is_training:
            state = "does not exist" if run is None else said_of(run.status)
            yield events.RequestRefused(training.step, f"run {request.run} {state}: nothing was changed")
            return
        match request:
            case requests.EndRun():
                for event in self.log_rows([run] if training.is_unlogged(run) else [], is_last=True):
                    if isinstance(event, events.RunDiverged):
                        # What was asked first: a replay is to log this row again.
                        yield events.RunEnded(training.step, run.number, run.logged_epoch, "ended")
                    yield event
                if run.is_training:
                    training.leave(run, "ended")
                    yield events.RunEnded(training.step, run.number, run.logged_epoch, "ended")
            case requests.SetKnob(_, name, value):
                yield from self.turn(run, name, value)

    def extend(self, request: requests.Extend) -> Iterator[events.Event]:
        training, epochs = self.training, request.epochs
        runs = training.runs.values()
        if request.runs:
            asked = [run for run in runs if run.number in request.runs]
        else:
            asked = [run for run in runs if run.status in ("training", "finished")] or list(runs)
        chosen = [run for run in asked if run.can_reach(epochs)]
        if not chosen:
            refusal = f"no run goes on to epoch {epochs:,}: each is beyond it or has diverged"
            yield events.RequestRefused(training.step, refusal)
        for run in chosen:
            if run.is_training:
                run.epochs = epochs
            else:
                training.rejoin(run, epochs)
            yield events.RunExtended(training.step, run.number, training.epoch(run), epochs)

    def turn(self, run: RunState, name: str, new: str | float) -> Iterator[events.Event]:
        training = self.training
        old = getattr(run.settings, name)
        if new == old:
            return
        run.settings = run.settings.changed(name, new)
        run.goals.begin_anew()
        if name == "head":
            training.engine.set_head(run.number, run.settings.head)
        elif name == "l2":
            training.engine.set_l2(run.number, run.settings.l2)
        yield events.SettingChanged(training.step, run.number, training.epoch(run), name, old, new)

    def pause(self) -> Iterator[events.Event]:
        self.pauses_at_next_row = False
        if not self.training.is_paused:
            self.training.is_paused = True
            self.training.stopwatch.stop()
            yield events.Paused(self.training.step)

    def go_on(self, event: events.Resumed | events.Stepped) -> events.Event:
        self.training.is_paused = False
        self.training.stopwatch.start()
        return event


def _not_finite(row: events.RowLogged) -> str | None:
    """Return which measured value is not finite, such as `train_loss is nan`, or None."""
    for name in ("train_loss", "l2_penalty", "test_loss"):
        value = getattr(row, name)
        if not math.isfinite(value):
            return f"{name} is {value}"
    return None
