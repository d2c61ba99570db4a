"""Start of the app in this terminal, and its end: the summary, the exit status, a traceback."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from traceback import format_exception
from typing import TYPE_CHECKING

from logreg_tui.core.experiment.directory import DETACHED_LOG, ERROR_LOG, open_error_log, utc_now
from logreg_tui.core.experiment.lock import wait_until_taken
from logreg_tui.core.files import open_regular, reason
from logreg_tui.core.settings import PROGRAM, RunSettings
from logreg_tui.core.training.requests import Leave
from logreg_tui.tui.preferences import load
from logreg_tui.tui.text.exit_summary import exit_summary, farewell
from logreg_tui.tui.text.output import can_show, print_error, print_out, table_width

if TYPE_CHECKING:
    from logreg_tui.tui.app.app import LogRegApp
    from logreg_tui.tui.app.runner import StartTraining
    from logreg_tui.tui.app.signals import SignalHandlers
    from logreg_tui.tui.cli.options import AppOptions

NEEDED = "│⣿█λ▸"
"""Characters of the screen without --ascii."""
QUIT_WITHIN_S = 0.6
"""Patience with the last row of a training after the screen has gone."""
LEAVE_WITHIN_S = 0.3
"""Patience with a training that is to give up the epoch under way."""
DETACH_WITHIN_S = 30.0
"""Patience with the checkpoint from which another process is to go on."""
GO_ON_WITHIN_S = 10.0
"""Patience with that process until it has the lock."""


def show(start: StartTraining, options: AppOptions, defaults: RunSettings) -> int:
    """Open the app, let it train, and return the exit status."""
    app, handlers = _run(start, options, defaults, watching=False)
    if handlers.is_gone:
        # Nobody is there to read anything; the training goes on to its end.
        app.runner.join()
        return handlers.status or app.outcome.status
    has_left = app.is_detached and app.runner.stop(DETACH_WITHIN_S)
    if has_left and not (handlers.status or app.outcome.error or app.crash):
        return _train_on(app)
    # A thread inside an import cannot be interrupted; `entry` ends the process over its head.
    has_begun = app.history.experiment is not None
    if not app.runner.stop(QUIT_WITHIN_S if has_begun else LEAVE_WITHIN_S) and has_begun:
        app.control.send(Leave("quit in the middle of an epoch"))
        app.runner.stop(LEAVE_WITHIN_S)
    print_out(exit_summary(app.history, table_width()), end="")
    return handlers.status or _report_outcome(app)


def _train_on(app: LogRegApp) -> int:
    """Let another process train on, in a session of its own, and return the exit status."""
    import subprocess

    experiment = app.history.experiment
    assert experiment is not None, "only what trains is left"
    words = [*own_command(), "resume", "--no-screen", experiment.directory]
    # A cluster may have set them for this process; one that trains without a screen would wait for others.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_TRUNC
    environment = {name: value for name, value in os.environ.items() if name not in ("RANK", "WORLD_SIZE")}
    try:
        with open_regular(Path(experiment.directory) / DETACHED_LOG, flags) as log:
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )
    except OSError as error:
        print_out(exit_summary(app.history, table_width()), end="")
        print_error(f"training cannot go on without a screen: {reason(error)}")
        return 1
    # Until it has the lock `stop` and `runs` would find nobody that trains.
    wait_until_taken(Path(experiment.directory), GO_ON_WITHIN_S, lambda: process.poll() is not None)
    if process.poll():
        print_out(exit_summary(app.history, table_width()), end="")
        print_error(f"training does not go on without a screen: {DETACHED_LOG} beside the rows says why")
        return 1
    print_out(farewell(app.history, process.pid), end="")
    return 0


def watch(directory: Path, options: AppOptions) -> int:
    """Open the app on an experiment that it only watches, and return the exit status."""
    from logreg_tui.core.session.follow import follow_experiment

    app, handlers = _run(partial(follow_experiment, directory), options, RunSettings(), watching=True)
    app.runner.stop(QUIT_WITHIN_S)
    return handlers.status or _report_outcome(app)


def own_command() -> list[str]:
    """Return the words that start this program again: the installed command, or its module.

    A file of the user's beside it, such as random.py, is never taken for a module.
    """
    script = Path(sys.executable).with_name(PROGRAM)
    return [str(script)] if script.is_file() else [sys.executable, "-P", "-m", "logreg_tui.tui"]


def _run(
    start: StartTraining, options: AppOptions, defaults: RunSettings, *, watching: bool
) -> tuple[LogRegApp, SignalHandlers]:
    """Show the app until its screen closes."""
    # What an app makes on its way to the first frame is no garbage; `launch` turns the search on again.
    gc.disable()
    # Textual is imported behind it: `train` does without.
    from logreg_tui.core.hardware import Sampler
    from logreg_tui.tui.app.app import LogRegApp
    from logreg_tui.tui.app.signals import SignalHandlers
    from logreg_tui.tui.graphics import cell_pixels, choose_protocol

    app = LogRegApp(
        start,
        fps=options.fps,
        paused=options.paused,
        ascii_only=options.ascii_only or not can_show(NEEDED, sys.stderr),
        watching=watching,
        defaults=defaults,
        preferences=load(),
        sampler=None if watching else Sampler(),
        notify=options.notify,
        graphics=choose_protocol(options.graphics, os.environ, cell_pixels()),
    )
    handlers = SignalHandlers(app, lambda: "" if watching else exit_summary(app.history))
    handlers.install()
    app.run()
    handlers.note_close()
    return app, handlers


def _report_outcome(app: LogRegApp) -> int:
    """Print what went wrong, if anything did; the traceback of a crash of the screen goes beside the rows."""
    from logreg_tui.tui.app.runner import outcome_of

    crash, experiment = app.crash, app.history.experiment
    if crash is not None and experiment is not None and not app.is_watching:
        directory = Path(experiment.directory)
        with suppress(OSError), open_error_log(directory) as file:
            file.write(f"{utc_now()}\n{''.join(format_exception(crash))}".encode(errors="backslashreplace"))
            crash.log_path = directory / ERROR_LOG  # type: ignore[attr-defined]
    outcome = app.outcome if crash is None else outcome_of(crash)
    if outcome.error:
        print_error(outcome.error)
    return outcome.status
