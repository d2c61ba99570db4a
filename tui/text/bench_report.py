"""The figures of a benchmark as plain text: a pure function of the results."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from logreg_tui.core.bench.results import ORIGINAL_EPOCHS, BenchResult, Speed, SpeedComparison, Spread
from logreg_tui.core.export.tables import GAP, fitted_table
from logreg_tui.core.text import counted, escape_control_chars

SPEED_HEADER = (
    "", "runs", "ms/epoch", "ms/epoch and run", "epochs/s", "GB/s", "GFLOP/s", "of limit", "times as fast",
)  # fmt: skip
DISPENSABLE = ("GFLOP/s", "GB/s", "ms/epoch and run", "of limit", "epochs/s")
"""Columns that a narrow terminal does without, in this order."""


def bench_text(result: BenchResult, width: int | None = None) -> str:
    """Return a benchmark as paragraphs and tables, without a newline at the end.

    In `width` cells lines are wrapped and the table's least important columns give way.
    """
    machine, limits, training, agreement = result.machine, result.limits, result.training, result.agreement
    dataset, device = escape_control_chars(machine.dataset), escape_control_chars(machine.device)
    work, size = machine.work, f"{limits.product_size:,}"
    paragraphs = [
        f"{dataset}, {work.samples:,} training samples x {work.features}, {work.classes} classes, "
        f"{machine.pixels} pixels, on {device}, PyTorch {machine.torch}\n{machine.engine}\n"
        "Figures are medians [lower quartile, upper quartile] of measurements in turn, ratios pair by pair.",
        f"This machine reads the training inputs, as float32, at {figure(limits.read_gb_per_s)} GB/s "
        f"({limits.read_way}),\nand multiplies float32 matrices of {size} x {size} at "
        f"{figure(limits.product_gflop_per_s)} GFLOP/s.\n"
        "An epoch counts as two reads of the inputs as float32 and two products with them, whatever is\n"
        "really read and computed: what leaves out zeros or reads bytes may get past the limit.\n"
        "How many times as fast the engine is: per epoch and run, against the plain loop above it.",
        speed_table(result.comparisons, width),
        f"After {agreement.epochs} epochs of {counted(agreement.runs, 'run')} the losses of engine and plain "
        f"loop differ by {agreement.largest_difference:.1e} at most\n(allowed: {agreement.tolerance:.0e}): "
        f"{'they agree' if agreement.is_close else 'THEY DISAGREE'}.",
        f"One run with both losses every {training.log_every} epochs: "
        f"{spread(training.ms_per_epoch, ' ms/epoch')}, the plain loop "
        f"{spread(training.plain_ms_per_epoch, ' ms/epoch')}:\n{spread(training.speedup)} times as fast. "
        f"{ORIGINAL_EPOCHS:,} epochs (extrapolated): {figure(training.original_s)} s, the plain loop "
        f"{figure(training.plain_original_s)} s.",
    ]
    if screen := result.screen:
        paragraphs.append(
            f"With a screen of {screen.size[0]} x {screen.size[1]}: "
            f"{spread(screen.with_epochs_per_s, ' epochs/s')}, without one "
            f"{spread(screen.without_epochs_per_s, ' epochs/s')}:\n{spread(screen.slowdown)} times as slow "
            f"(rows of {screen.seconds:g} s of training, recorded on disk)."
        )
    starts = [
        f"{start.name}: {spread(start.ms, ' ms')}, python -c '{start.base}': {spread(start.base_ms, ' ms')}: "
        f"{spread(start.ratio)} times"
        for start in result.start_up
    ]
    if starts:
        paragraphs.append("\n".join(starts))
    if width is not None:
        table = speed_table(result.comparisons, width)
        paragraphs = [text if text == table else wrap(text, width) for text in paragraphs]
    return "\n\n".join(paragraphs)


def wrap(text: str, width: int) -> str:
    """Return a paragraph in lines of `width` cells at most; a line that fits stays as it is."""
    return "\n".join(textwrap.fill(line, width, subsequent_indent=GAP) for line in text.splitlines())


def spread(values: Spread, unit: str = "") -> str:
    """Return a spread as `median [low, high]`, with three digits or more, and its unit."""
    return f"{figure(values.median)} [{figure(values.low)}, {figure(values.high)}]{unit}"


def figure(value: float) -> str:
    """Return a number with three digits, or all of those before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:#.3g}".rstrip(".")


def speed_table(comparisons: Sequence[SpeedComparison], width: int | None = None) -> str:
    """Return a line for the plain loop and the engine per number of runs."""
    lines = []
    for comparison in comparisons:
        lines.append(_speed_cells("plain loop", comparison.plain, "1"))
        lines.append(_speed_cells("engine", comparison.engine, spread(comparison.speedup)))
    return fitted_table(SPEED_HEADER, lines, SPEED_HEADER[1:], width, DISPENSABLE)


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
