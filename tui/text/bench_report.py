"""The figures of a benchmark as plain text: a pure function of the results."""

from __future__ import annotations

from collections.abc import Sequence

from logreg_tui.core.bench.results import (
    ORIGINAL_EPOCHS,
    Agreement,
    BenchResult,
    Limits,
    LoggedTraining,
    Machine,
    ScreenCost,
    Speed,
    SpeedComparison,
    Spread,
    StartUp,
)
from logreg_tui.core.export.tables import plain_table
from logreg_tui.core.text import escape_control_chars

SPEED_HEADER = (
    "", "runs", "ms/epoch", "ms/epoch and run", "epochs/s", "GB/s", "GFLOP/s", "of limit", "times as fast",
)  # fmt: skip


def bench_text(result: BenchResult) -> str:
    """Return a benchmark as paragraphs and tables, without a newline at the end."""
    parts = [
        _machine(result.machine),
        _limits(result.limits),
        speed_table(result.comparisons),
        _agreement(result.agreement),
        _training(result.training),
    ]
    if result.screen is not None:
        parts.append(_screen(result.screen))
    if result.start_up:
        parts.append("\n".join(map(_start_up, result.start_up)))
    return "\n\n".join(parts)


def spread(values: Spread, unit: str = "") -> str:
    """Return a spread as `median [low, high]`, with three digits or more, and its unit."""
    return f"{figure(values.median)} [{figure(values.low)}, {figure(values.high)}]{unit}"


def figure(value: float) -> str:
    """Return a number with three digits, or all of those before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:#.3g}".rstrip(".")


def _machine(machine: Machine) -> str:
    work = machine.work
    return (
        f"{escape_control_chars(machine.dataset)}, {work.samples:,} training samples x {work.features}, "
        f"{work.classes} classes, {machine.pixels} pixels, on {escape_control_chars(machine.device)}, "
        f"PyTorch {machine.torch}\n"
        "Figures are medians [lower quartile, upper quartile] of measurements in turn, ratios pair by pair."
    )


def _limits(limits: Limits) -> str:
    size = f"{limits.product_size:,}"
    return (
        f"This machine reads the training inputs, as float32, at {figure(limits.read_gb_per_s)} GB/s "
        f"({limits.read_way}),\nand multiplies float32 matrices of {size} x {size} at "
        f"{figure(limits.product_gflop_per_s)} GFLOP/s.\n"
        "An epoch counts as two reads of the inputs as float32 and two products with them, whatever is\n"
        "really read and computed: what leaves out zeros or reads bytes may get past the limit.\n"
        "How many times as fast the engine is: per epoch and run, against the plain loop above it."
    )


def speed_table(comparisons: Sequence[SpeedComparison]) -> str:
    """Return a line for the plain loop and the engine per number of runs."""
    lines = []
    for comparison in comparisons:
        lines.append(_speed_cells("plain loop", comparison.plain, "1"))
        lines.append(_speed_cells("engine", comparison.engine, spread(comparison.speedup)))
    return plain_table(SPEED_HEADER, lines, right=range(1, len(SPEED_HEADER)))


def _speed_cells(name: str, speed: Speed, times: str) -> tuple[str, ...]:
    return (
        name,
        str(speed.runs),
        spread(speed.ms_per_epoch),
        spread(speed.ms_per_run),
        figure(speed.epochs_per_s.median),
        figure(speed.gb_per_s),
        figure(speed.gflop_per_s),
        f"{100 * speed.share_of_limit:.0f} %",
        times,
    )


def _agreement(agreement: Agreement) -> str:
    verdict = "they agree" if agreement.is_close else "THEY DISAGREE"
    return (
        f"After {agreement.epochs} epochs of {agreement.runs} runs the losses of engine and plain loop "
        f"differ by {agreement.largest_difference:.1e} at most\n"
        f"(allowed: {agreement.tolerance:.0e}): {verdict}."
    )


def _training(training: LoggedTraining) -> str:
    return (
        f"One run with both losses every {training.log_every} epochs: "
        f"{spread(training.ms_per_epoch, ' ms/epoch')}, the plain loop "
        f"{spread(training.plain_ms_per_epoch, ' ms/epoch')}:\n{spread(training.speedup)} times as fast. "
        f"{ORIGINAL_EPOCHS:,} epochs (extrapolated): {figure(training.original_s)} s, the plain loop "
        f"{figure(training.plain_original_s)} s."
    )


def _screen(screen: ScreenCost) -> str:
    columns, rows = screen.size
    return (
        f"With a screen of {columns} x {rows}: {spread(screen.with_epochs_per_s, ' epochs/s')}, without one "
        f"{spread(screen.without_epochs_per_s, ' epochs/s')}:\n{spread(screen.slowdown)} times as slow "
        f"(rows of {screen.seconds:g} s of training, recorded on disk)."
    )


def _start_up(start: StartUp) -> str:
    return (
        f"{start.name}: {spread(start.ms, ' ms')}, python -c '{start.base}': {spread(start.base_ms, ' ms')}: "
        f"{spread(start.ratio)} times"
    )
