r"""What every picture stands on: Axes, ticks, colours, dashes, markers, legends.

Classes of points differ by shape and fill, lines by dashes and lightness, so that a picture
is read in grey and by the colour-blind; the colours are those of Okabe and Ito, some darker.

Where no Axes is given a new Figure is made that pyplot does not know, so that nothing is
left open.  For a window, hand in ``ax`` from ``pyplot.subplots()``.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import Normal, withStroke
from matplotlib.ticker import FuncFormatter, MultipleLocator
from numpy.typing import NDArray

from ..verdicts.planes import Plane

__all__ = ["Artists", "BLACK", "FAMILIES", "GREEN", "MARKERS", "NAVY", "ORANGE", "PURPLE",
           "Picture", "SAND", "SKY", "VERMILLION", "draw_crosses", "draw_curves", "draw_points",
           "dress", "finish", "in_pi", "legend", "new_axes", "prepare", "styled", "trim"]

Array = NDArray[np.float64]
Artists = tuple[Any, ...]

BLACK, ORANGE, SKY, GREEN, NAVY, VERMILLION, PURPLE, SAND = (
    "#000000", "#e69f00", "#56b4e9", "#009e73", "#004a80", "#b84300", "#cc79a7", "#ead9a0")

#: How each class of critical points is drawn: marker, fill style, colour, size in points.
MARKERS: Mapping[str, tuple[str, str, str, float]] = MappingProxyType({
    "DNE and DSE": ("*", "full", ORANGE, 12.0),
    "DSE, not DNE": ("D", "left", SKY, 7.0),
    "DNE, not DSE": ("s", "full", GREEN, 7.0),
    "stable, not DNE, not DSE": ("^", "full", PURPLE, 8.0),
    "saddle": ("x", "none", BLACK, 6.5),
    "unstable": ("o", "none", BLACK, 7.0),
    "centre": (r"$\odot$", "full", BLACK, 9.0),
    "non-hyperbolic": ("P", "none", BLACK, 8.0),
    "not DNE, not DSE": ("v", "none", BLACK, 8.0),
    "degenerate": ("p", "none", BLACK, 9.0),
    "undecided": ("$?$", "full", BLACK, 9.0),
    "uncertified": ("1", "none", BLACK, 9.0),
})

#: Colour, dashes and width of families of trajectories, in turn.
FAMILIES: tuple[tuple[str, Any, float], ...] = (
    (NAVY, "-", 1.3), (VERMILLION, (0, (4, 1.5)), 1.5), (BLACK, (0, (1, 1.2)), 1.4),
    (GREEN, (0, (6, 1.2, 1, 1.2)), 1.4))
#: From this width in inches on the legend stands beside the picture, not below it.
_WIDE = 5.0


@dataclass(frozen=True, eq=False, repr=False)
class Picture:
    """What was drawn: ``.ax``, ``.figure`` and ``.artists``, a tuple for each thing drawn.

    ``axes`` is a tuple of all Axes drawn on, ``ax`` the first.  Shows itself in a notebook;
    ``save`` writes it to a file.
    """

    axes: tuple[Axes, ...]
    artists: Mapping[str, Artists]

    def __post_init__(self) -> None:
        object.__setattr__(self, "artists", MappingProxyType(dict(self.artists)))

    @property
    def ax(self) -> Axes:
        """The first of the Axes drawn on."""
        return self.axes[0]

    @property
    def figure(self) -> Any:
        """The Figure drawn on."""
        return self.axes[0].get_figure()

    def save(self, path: Any, dpi: float = 300) -> None:
        """Write the figure to a file; the ending of its name says the format."""
        self.figure.savefig(path, dpi=dpi)

    def __repr__(self) -> str:
        drawn = ", ".join(f"{name} ({len(a)})" for name, a in self.artists.items())
        return f"{type(self).__name__} with the artists {drawn or 'of no layer'}"

    def _repr_png_(self) -> bytes:
        stream = io.BytesIO()
        self.figure.savefig(stream, format="png", dpi=150)
        return stream.getvalue()


@contextmanager
def styled(ax: Axes | None, width: float) -> Iterator[bool]:
    """Type and lines for a new figure, left as they are on an Axes given.

    Yields whether the figure is wide.  Raises `ValueError` for a width that is none.
    """
    if not isinstance(width, (int, float)) or not 1 <= width <= 100:
        raise ValueError(f"width is in inches, from 1 to 100, not {width!r}")
    style: dict[Any, Any] = {"font.size": 9 if width >= _WIDE else 8, "axes.linewidth": 0.6,
                             "xtick.major.width": 0.6, "ytick.major.width": 0.6}
    with rc_context(style if ax is None else {}):
        yield width >= _WIDE


def finish(ax: Axes, own: bool, wide: bool, with_legend: bool | None) -> None:
    """The legend, by default only of a new figure, beside or below it; the height cut."""
    if own if with_legend is None else with_legend:
        if not own:
            legend(ax)
        elif wide:
            legend(ax, "outside right upper")
        else:
            legend_below(ax, 2)
    if own:
        trim(ax)


def legend_below(ax: Axes, columns: int) -> None:
    """A legend below the figure, in fewer columns where so many are too wide."""
    figure: Any = ax.get_figure()
    for count in range(columns, 0, -1):
        shown = legend(ax, "outside lower center", ncols=count)
        if shown is None or count == 1:
            return
        figure.draw_without_rendering()
        if shown.get_window_extent().width <= figure.bbox.width:
            return
        shown.remove()


def new_axes(width: float = 4.0, height: float = 3.6) -> Axes:
    """The Axes of a new figure that pyplot does not know, in inches."""
    return Figure(figsize=(width, height), layout="compressed").add_subplot()


def prepare(ax: Axes | None, view: Plane) -> Axes:
    """The Axes given, or those of a new figure, dressed."""
    return dress(new_axes(), view) if ax is None else ax


def dress(ax: Axes, view: Plane) -> Axes:
    """Limits, labels and ticks."""
    axes = ax.xaxis, ax.yaxis
    for axis, side in zip(axes, view.sides):
        axis.set_label_text(f"${side.name}$")
    if view.box is None:
        return ax
    ax.set(xlim=view.box[0], ylim=view.box[1])
    width = view.box[:, 1] - view.box[:, 0]
    if width.max() <= 3 * width.min():
        ax.set_aspect("equal")
    for axis, side, w in zip(axes, view.sides, width):
        if side.in_pi:
            axis.set_major_locator(MultipleLocator(np.pi * 2.0 ** round(np.log2(w / np.pi / 4))))
            axis.set_major_formatter(FuncFormatter(in_pi))
    return ax


def trim(ax: Axes) -> None:
    """Cut the height of the figure to what is drawn."""
    figure: Any = ax.get_figure()
    figure.draw_without_rendering()
    if ax.get_aspect() != "auto":
        figure.set_figheight(figure.get_tightbbox().height + 0.1)


def in_pi(value: float, _: Any = None) -> str:
    """A tick label as a multiple of pi."""
    ratio = Fraction(value / np.pi).limit_denominator(1024)
    top = {0: "0", 1: r"\pi", -1: r"-\pi"}.get(ratio.numerator, rf"{ratio.numerator}\pi")
    return f"${top}/{ratio.denominator}$" if ratio.denominator > 1 else f"${top}$"


def draw_curves(ax: Axes, curves: list[Array], label: str, **style: Any) -> LineCollection:
    """Curves as one artist; not in the legend where there are none."""
    drawn = LineCollection(curves, label=label if curves else "_", **style)
    ax.add_collection(drawn)
    return drawn


def draw_points(ax: Axes, name: str, where: Array) -> Line2D:
    """Points of one class of `MARKERS`, with a white rim, at the rows of ``where``."""
    marker, fill, color, size = MARKERS[name]
    halo = [withStroke(linewidth=2.4, foreground="white"), Normal()]
    return ax.plot(*where.T, linestyle="none", marker=marker, markersize=size,
                   fillstyle=fill, markerfacecolor=color, markerfacecoloralt="white",
                   markeredgecolor=BLACK, markeredgewidth=1.6 if fill == "none" else 0.9,
                   clip_on=False, zorder=5, label=name, path_effects=halo)[0]


def legend(ax: Axes, loc: str = "best", **options: Any) -> Any:
    """A legend of what is drawn on ``ax``: classes of points first, no label twice.

    ``loc`` is a location within the Axes, or one of the figure's that begins with
    "outside".  ``options`` go to the Legend, which is returned; None if nothing is
    labelled.
    """
    found = dict(zip(*reversed(ax.get_legend_handles_labels())))
    order = [name for name in MARKERS if name in found]
    lines = [name for name, handle in found.items() if isinstance(handle, Line2D)]
    lines.sort(key=lambda name: found[name].get_linestyle() == "None")
    order = list(dict.fromkeys((*order, *lines, *found)))
    if not order:
        return None
    outside = loc.startswith("outside")
    owner: Any = ax.get_figure() if outside else ax
    return owner.legend([found[name] for name in order], order,
                        **({"loc": loc, "handlelength": 2.2, "frameon": not outside} | options))


def draw_crosses(ax: Axes, where: Array, color: str) -> Artists:
    """A small cross where each start that failed has its last point; nothing for none."""
    if not len(where):
        return ()
    return tuple(ax.plot(*where.T, linestyle="none", marker="X", markersize=5.5,
                         markerfacecolor=color, markeredgecolor="white", markeredgewidth=0.7,
                         zorder=4.5, label="failed, last point"))
