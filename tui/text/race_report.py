"""The times to accuracies as plain text: a pure function of the results."""

from __future__ import annotations

from logreg_tui.core.bench.accuracy_race import SKLEARN, Arrival, Race, RaceResult
from logreg_tui.core.export.tables import fitted_table
from logreg_tui.core.settings import PROGRAM
from logreg_tui.core.text import counted, escape_control_chars
from logreg_tui.tui.text.bench_report import figure, wrap


def race_text(race: Race, width: int | None = None) -> str:
    """Return a race as paragraphs and a table, without a newline at the end, lines of `width` cells."""
    machine, limits = race.machine, race.limits
    work, device = machine.work, escape_control_chars(machine.device)
    titles = [f"{target:g}" for target in limits.targets]
    header = ["program", "setting", *titles, "best"]
    lines = [
        [each.program, each.setting, *map(_cell, each.arrivals), f"{each.best_accuracy:.4f}"]
        for each in race.results
    ]
    paragraphs = [
        f"{escape_control_chars(machine.dataset)}, {work.samples:,} training samples x {work.features}, "
        f"{work.classes} classes, {machine.pixels} pixels, on {device}, PyTorch {machine.torch}, "
        f"{SKLEARN} {race.sklearn}",
        "Seconds of fitting until a test accuracy is reached, the median of "
        f"{counted(limits.repeats, 'fit')}, and in brackets the epochs (of lbfgs iterations) it takes. "
        "Timed is what follows the scaled data in memory: arranging them, and an uninterrupted fit; scaling, "
        "compiling and evaluation are not.",
        fitted_table(header, lines, [*titles, "best"], width, ["best"]),
        f"-: not reached within {limits.most_iterations:,} epochs or fits of {limits.most_s:g} s",
        "\n".join(_verdict(race, at) for at in range(len(limits.targets))),
    ]
    if width is not None:
        table = paragraphs[2]
        paragraphs = [text if text == table else wrap(text, width) for text in paragraphs]
    return "\n\n".join(paragraphs)


def _cell(arrival: Arrival) -> str:
    if arrival.seconds is None:
        return "-"
    return f"{figure(arrival.seconds.median)} s ({arrival.iterations:,})"


def _verdict(race: Race, at: int) -> str:
    """Return which program is the first to reach a target, and how much faster its best setting is."""
    target = f"{race.limits.targets[at]:g}"
    arrived = [(each, each.arrivals[at].seconds) for each in race.results]
    times = {each: seconds.median for each, seconds in arrived if seconds is not None}
    if not times:
        return f"{target}: nobody reached it."
    first = min(times, key=lambda each: times[each])
    rivals = [each for each in times if each.program != first.program]
    if not rivals:
        other = SKLEARN if first.program == PROGRAM else PROGRAM
        return f"{target}: {_name(first)} reached it, {other} did not."
    second = min(rivals, key=lambda each: times[each])
    ratio = figure(times[second] / times[first])
    return f"{target}: {_name(first)} is {ratio} times as fast as {_name(second)}."


def _name(result: RaceResult) -> str:
    return f"{result.program} ({result.setting})"
