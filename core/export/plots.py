"""Figures for print, drawn by matplotlib: the loss comparison, and weights as pictures.

The same input gives the same bytes. matplotlib is an extra (`plot`), imported here only and when a
figure is drawn; its global state, a display and the user's matplotlibrc play no part.
"""

from __future__ import annotations

import logging
import math
import os
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from itertools import cycle, islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from logreg_tui.core.analysis.curves import Curve, limits, needs_log
from logreg_tui.core.analysis.drawn_metrics import LOSS, TITLES
from logreg_tui.core.errors import UsageError, UserError
from logreg_tui.core.files import is_stream, refusals_explained, replace_file
from logreg_tui.core.text import class_name, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

COLORS = ("#0072B2", "#E69F00", "#009E73", "#000000", "#D55E00", "#CC79A7", "#56B4E9", "#A08B00")
"""After Okabe and Ito (2008), its yellow darkened for white paper; neighbours differ in grey too."""
MARKERS = ("o", "s", "^", "D", "v", "P", "<")
"""One fewer than colours: no two of 56 runs have the same of both."""
PLAIN_RUNS = 2
"""Runs that are told apart by their colours, in grey too; more have markers."""
WIDTH, HEIGHT = 6.4, 4.2
"""Inches; of many runs the legend makes the figure higher."""
DASHES = (0, (3, 1.5))
TRAIN_WIDTH, TEST_WIDTH = 0.8, 1.4
"""Dashes are to be seen on a solid line of the same colour."""
MARKER_DISTANCE = 0.12
"""Of two markers of a curve, as a share of the diagonal of the axes."""
COLUMN_ROOM, HANDLE_ROOM = 96, 10
"""Characters in a row of the legend, and what the sample of a line takes of them."""
LEGEND_ROWS = 2
"""Rows of the legend that fit into HEIGHT."""
ROW_HEIGHT = 0.17
NAMED_MARKS = 6
"""If at most as many knobs were turned, their names stand at their marks."""
MOST_CLASSES = 100
"""Pictures in a figure of weights."""
MOST_NAME = 14
"""Characters of a class's name over its picture."""
GREY = "#555555"
LegendEntry = tuple["Line2D", str]
STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.titlesize": 11,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.formatter.useoffset": False,
    "axes.linewidth": 0.6,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.5,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "lines.markersize": 3.5,
    "savefig.dpi": 300,
    # Labels are names, which may hold a dollar sign, and stay words in an SVG.
    "text.parse_math": False,
    "svg.fonttype": "none",
    "image.composite_image": False,
    "svg.hashsalt": "logreg-tui",
}
METADATA: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
"""Metadata that matplotlib would write into a file and that are not the same each time."""


def image_format(target: Path) -> str:
    """Return `png`, `svg` or `pdf` after the ending of a name, `png` for a stream. Raises UsageError."""
    ending = "png" if is_stream(target) else target.suffix.lower().removeprefix(".")
    if ending not in METADATA:
        raise UsageError(f"{str(target)!r} is no name of a figure: let it end in .png, .svg or .pdf")
    return ending


def draw_curves(curves: Sequence[Curve], target: Path, metric: str = LOSS) -> None:
    """Draw curves of LOSS or ACCURACY over epochs, train solid and test dashed.

    A line is interrupted if a value is not finite, and if the head was switched; a curve that
    diverged ends in a cross. Raises UserError.
    """
    _draw(target, lambda figure: _compare(figure, curves, metric))


def draw_weights(
    weight: np.ndarray,
    shape: tuple[int, int],
    title: str,
    target: Path,
    class_names: Sequence[str] = (),
) -> None:
    """Draw the weights of each class as a picture, all on one scale that is symmetric around 0.

    weight: shape (classes, features); shape: rows and columns of an image, features in all. Of more
    than MOST_CLASSES classes the first are drawn. Raises UserError.
    """
    _draw(target, lambda figure: _show_weights(figure, weight, shape, title, class_names))


def _import_matplotlib() -> None:
    """Load matplotlib without what a notebook's environment says of backends. Raises UserError without it."""
    backend = os.environ.pop("MPLBACKEND", None)
    # Of a bad matplotlibrc, or a home folder that cannot be written to: neither matters here.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    try:
        for name in ("matplotlib", "matplotlib.figure"):
            import_module(name)
    except ImportError as error:
        raise UserError("figures need matplotlib: pip install matplotlib") from error
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend


def _draw(target: Path, paint: Callable[[Figure], None]) -> None:
    kind = image_format(target)
    _import_matplotlib()
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(), warnings.catch_warnings():
        # Such as for a character that no font has: the figure shows a box.
        warnings.simplefilter("ignore")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        paint(figure)

        def write(file: IO[bytes]) -> None:
            figure.savefig(file, format=kind, metadata=METADATA[kind])

        with refusals_explained(target):
            replace_file(target, write)


def _compare(figure: Figure, curves: Sequence[Curve], metric: str) -> None:
    axes = figure.add_subplot()
    title, name = TITLES[metric]
    axes.set(title=title, xlabel="Epochs", ylabel=name)
    floors = sorted({curve.floor for curve in curves if curve.floor is not None and metric == LOSS})
    entries = [_draw_run(axes, *each) for each in zip(curves, _line_styles(len(curves)), strict=True)]
    entries += [_key("train", linewidth=TRAIN_WIDTH), _key("test", linewidth=TEST_WIDTH, linestyle=DASHES)]
    for floor in floors:
        line = axes.axhline(floor, color="black", linewidth=0.9, linestyle=(0, (1, 2)), zorder=1.5)
        entries.append((line, f"sigmoid floor {floor:.4f}"))
    entries += _draw_knobs(axes, curves)
    _set_axes(axes, curves, metric, floors)
    # The legend stands under the axes, in as many columns as fit, and the figure makes room for it.
    lines, labels = zip(*entries, strict=True)
    # Each column is filled from its top.
    widths = [len(label) + HANDLE_ROOM for label in labels]
    columns = len(widths)
    while columns > 1 and sum(max(part) for part in np.array_split(widths, columns)) > COLUMN_ROOM:
        columns -= 1
    rows = -(-len(labels) // columns)
    figure.set_size_inches(WIDTH, HEIGHT + ROW_HEIGHT * max(0, rows - LEGEND_ROWS))
    figure.legend(lines, labels, loc="outside lower center", ncols=columns)


def _line_styles(count: int) -> list[dict[str, Any]]:
    """Return a colour, and of more than PLAIN_RUNS runs a marker, for each of `count` runs."""
    styles: list[dict[str, Any]] = [{"color": color} for color in islice(cycle(COLORS), count)]
    if count > PLAIN_RUNS:
        for at, (style, marker) in enumerate(zip(styles, cycle(MARKERS), strict=False)):
            style.update(marker=marker, markerfacecolor="white", markeredgewidth=0.7)
            # Markers of curves that lie on each other stand side by side.
            style["markevery"] = (MARKER_DISTANCE * (0.1 + at * 0.381966 % 1), MARKER_DISTANCE)
    return styles


def _draw_run(axes: Axes, curve: Curve, style: dict[str, Any]) -> LegendEntry:
    """Draw both curves of a run, and a cross if it diverged."""
    # A single row makes no line.
    dot: dict[str, Any] = {"marker": "o", "clip_on": False} if len(curve.epochs) < 2 else {}
    (line,) = axes.plot(*curve.line(curve.train), **{**style, **dot, "linewidth": TRAIN_WIDTH})
    dashes: dict[str, Any] = {"linewidth": TEST_WIDTH, "linestyle": DASHES, "markerfacecolor": "white"}
    axes.plot(*curve.line(curve.test), color=style["color"], **dashes, **dot)
    if curve.diverged_at is None:
        return line, curve.label
    end = curve.place(curve.diverged_at)
    if end is not None:
        axes.plot(*end, linestyle="", marker="X", color=style["color"], markersize=6, zorder=3, clip_on=False)
    return line, f"{curve.label} (✕ diverged at {curve.diverged_at:,})"


def _key(label: str, **style: Any) -> LegendEntry:  # noqa: ANN401  of a line
    from matplotlib.lines import Line2D

    return Line2D([], [], color=GREY, **style), label


def _draw_knobs(axes: Axes, curves: Sequence[Curve]) -> list[LegendEntry]:
    """Mark the epochs at which knobs were turned, with words if there are few."""
    turned = [(mark, at) for curve in curves for mark in curve.named_marks if (at := curve.place(mark.epoch))]
    style: dict[str, Any] = {"linestyle": "", "marker": "d", "markersize": 4}
    for mark, at in turned:
        axes.plot(*at, zorder=3, clip_on=False, color=GREY, **style)
        if len(turned) <= NAMED_MARKS:
            axes.annotate(mark.text, at, (3, 5), textcoords="offset points", fontsize=7, color=GREY)
    return [_key("knob turned", **style)] if turned else []


def _set_axes(axes: Axes, curves: Sequence[Curve], metric: str, floors: Sequence[float]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    axes.set_xlim(0, max(1.0, *(float(curve.epochs[-1]) for curve in curves)) * 1.01)
    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    low, high = limits(curves)
    low, high = min([low, *floors]), max([high, *floors])
    if metric == LOSS and needs_log(curves):
        axes.set_yscale("log", nonpositive="mask")
        decades = math.log10(high / low)
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if decades < 4 else (1,)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set_ylim(low / 1.1**decades, high * 1.1**decades)
    else:
        margin = 0.05 * (high - low) or 0.05 * abs(high) or 0.05
        axes.set_ylim(low - margin, high + margin)


def _show_weights(
    figure: Figure, weight: np.ndarray, shape: tuple[int, int], title: str, class_names: Sequence[str]
) -> None:
    shown = weight[:MOST_CLASSES]
    if len(shown) < len(weight):
        title = f"{title} (classes 0 to {len(shown) - 1} of {len(weight):,})"
    finite = np.abs(shown[np.isfinite(shown)])
    most = float(finite.max(initial=0.0)) or 1.0
    columns = min(len(shown), 5 if len(shown) <= 20 else 10)
    inch = (WIDTH - 1.2) / columns
    # All in one coordinate system, in which a picture is 1 wide: a hundred of axes take seconds.
    height, gap, name_room = shape[0] / shape[1], 0.08, 0.2 / inch
    step, rows = height + name_room, -(-len(shown) // columns)
    figure.set_size_inches(WIDTH, 0.4 + rows * step * inch)
    axes = figure.add_subplot(title=title)
    axes.axis("off")
    for label, picture in enumerate(shown):
        x, y = label % columns, -(label // columns) * step
        extent = (x, x + 1 - gap, y - height * (1 - gap), y)
        image = axes.imshow(
            picture.reshape(shape), "RdBu", vmin=-most, vmax=most, interpolation="none", extent=extent
        )
        name = shortened(class_name(class_names, label), MOST_NAME)
        axes.text(x + (1 - gap) / 2, y + 0.15 * name_room, name, ha="center", va="bottom", fontsize=8)
    axes.set(xlim=(0, columns - gap), ylim=(name_room - rows * step, name_room))
    figure.colorbar(image, shrink=0.9, aspect=30)
