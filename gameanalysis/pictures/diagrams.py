r"""Bifurcation diagrams: critical points against the parameter that moves.

Of each branch (x(s), lambda(s)) one coordinate, or a function of x, is drawn over lambda.  A
line is solid where the points are stable under the field that was followed, dashed where they
are not, dotted where that is not known; its colour is that of the class, as in a phase
portrait, and equilibria are drawn thicker.  Events have a marker for each kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import groupby
from types import MappingProxyType
from typing import Any

import numpy as np
import sympy as sp
from matplotlib.axes import Axes
from matplotlib.patheffects import Normal, withStroke
from numpy.typing import NDArray

from ..truth import Truth
from ..parameters.branches import Branch, Continuation
from ..parameters.unfoldings import EventKind
from .canvas import BLACK, MARKERS, Artists, Picture, finish, new_axes, styled

__all__ = ["EVENTS", "bifurcation_diagram"]

Array = NDArray[np.float64]

_GREY = "#8c8c8c"
#: How each kind of event is drawn: words of the legend, marker, face, size in points.
EVENTS: Mapping[EventKind, tuple[str, str, str, float]] = MappingProxyType({
    EventKind.FOLD: ("fold", "o", BLACK, 5.0),
    EventKind.BRANCH: ("branch point", "X", BLACK, 7.0),
    EventKind.HOPF: ("Hopf", "s", "white", 5.5),
    EventKind.NASH: ("border of DNE", "^", "white", 6.0),
    EventKind.FOLLOWER: ("border of DNE and DSE", "D", "white", 5.0),
    EventKind.LEADER: ("border of DSE", "<", "white", 6.0),
    EventKind.RESPONSE: ("no response", "P", "white", 7.0),
    EventKind.NEIMARK_SACKER: ("Neimark-Sacker", "p", "white", 7.0),
    EventKind.FLIP: ("period doubling", "v", "white", 6.0),
    EventKind.NODE: ("node or focus", "o", "white", 3.4),
})
_DASHES: Mapping[Truth, tuple[str, Any]] = MappingProxyType({
    Truth.YES: ("stable", "-"), Truth.NO: ("not stable", (0, (3.2, 1.4))),
    Truth.UNDECIDED: ("stability not known", (0, (1, 1.6)))})


def bifurcation_diagram(continuation: Continuation, coordinate: Any = 0, *,
                        ax: Axes | None = None, width: float = 5.6,
                        nodes: bool = False, with_legend: bool | None = None) -> Picture:
    """Draw a coordinate of the critical points against the parameter that moves.

    Parameters
    ----------
    continuation : what `continuation` found.
    coordinate : a variable, its name or its number, or a function of one point x of shape
        (n,) that returns a number.  Branches that share a coordinate hide one another, as where
        only tau moves: another one, or a sum, tells them apart.
    nodes : whether to mark where a node becomes a focus, which changes no class.
    ax, width, with_legend : as for `phase_portrait`.

    Returns a Picture with the artists "branches", a Line2D for each run of segments of one
    class and stability, and "events", a Line2D for each kind.  Raises `ValueError` for a
    coordinate that is none.
    """
    if not isinstance(continuation, Continuation):
        raise TypeError(f"bifurcation_diagram draws a Continuation, not {continuation!r}")
    name, of, period = _coordinate(continuation, coordinate)
    own = ax is None
    with styled(ax, width) as wide:
        if ax is None:
            ax = new_axes(width, 0.55 * width if wide else 0.95 * width)
        lines = [line for branch in continuation for line in _lines(ax, branch, of, period)]
        _explain(ax, continuation)
        marks = _events(ax, continuation, of, period, nodes)
        low, high = continuation.values
        ax.set(xlim=(low, high), ylabel=name,
               xlabel=f"${sp.latex(sp.Symbol(continuation.parameter))}$")
        ax.margins(y=0.06)
        finish(ax, own, wide, with_legend)
    return Picture((ax,), {"branches": tuple(lines), "events": marks})


def _coordinate(found: Continuation, coordinate: Any
                ) -> tuple[str, Callable[[Array], Array], tuple[float, float] | None]:
    """Its name, its values at points (k, n), and where it is cut if it is on a circle."""
    variables = found.game.variables
    if callable(coordinate) and not isinstance(coordinate, sp.Basic):
        def values(x: Array) -> Array:
            return np.array([float(coordinate(row)) for row in x])
        name = getattr(coordinate, "__name__", "")
        return ("" if name == "<lambda>" else name), values, None
    if isinstance(coordinate, (int, np.integer)) and not isinstance(coordinate, bool):
        if not 0 <= coordinate < len(variables):
            raise ValueError(f"there is no coordinate {coordinate}: the game has "
                             f"{len(variables)} variables, numbered from 0")
        k = int(coordinate)
    else:
        names = [v.name for v in variables]
        if str(coordinate) not in names:
            raise ValueError(f"{coordinate} is no variable of the game; its variables are "
                             f"{', '.join(names)}")
        k = names.index(str(coordinate))
    circle = None
    if variables[k] in found.game.periods:
        low = float(found.box[k, 0])
        circle = low, float(found.game.periods[variables[k]])
    return f"${sp.latex(variables[k])}$", lambda x: x[:, k], circle


def _turned(values: Array, circle: tuple[float, float] | None) -> Array:
    """Values on a circle within one period, its ends as the middle of the values has it."""
    if circle is None:
        return values
    low, period = circle
    middle = values[len(values) // 2]
    return np.asarray(values - period * np.floor((middle - low) / period + 1e-12))


def _lines(ax: Axes, branch: Branch, of: Callable[[Array], Array],
           circle: tuple[float, float] | None) -> Artists:
    """A line for each run of segments that look alike, so that dashes do not begin anew."""
    height = _turned(of(branch.x), circle)
    out = []
    for _, run in groupby(branch.segments, lambda s: (s.label, s.stable)):
        segments = list(run)
        s, part = segments[0], slice(segments[0].first, segments[-1].last + 1)
        color, thick = _class_style(_class_of(s.label))
        out += ax.plot(branch.values[part], height[part], color=color,
                       linewidth=2.4 if thick else 1.3, linestyle=_DASHES[s.stable][1],
                       solid_capstyle="butt", dash_capstyle="butt", label="_",
                       zorder=3 if thick else 2.5)
    return tuple(out)


def _class_of(label: str) -> str:
    """The key of `MARKERS` for a label."""
    if label.startswith("stable"):
        return "stable, not DNE, not DSE"
    if label.startswith("degenerate"):
        return "degenerate"
    return label if label in MARKERS else "undecided"


def _class_style(name: str) -> tuple[str, bool]:
    """Colour, and whether the line is thick."""
    color = MARKERS[name][2]
    if color == BLACK and name != "saddle":
        color = _GREY
    return color, "D" in name and not name.startswith("not")


def _explain(ax: Axes, found: Continuation) -> None:
    """Lines that nobody sees, for the legend: a swatch for each class, then the dashes."""
    segments = [s for branch in found for s in branch.segments]
    classes = {_class_of(s.label) for s in segments}
    for name in MARKERS:
        if name in classes:
            ax.plot([], [], color=_class_style(name)[0], linewidth=5.0, solid_capstyle="butt",
                    label=name)
    known = {s.stable for s in segments}
    for truth, (words, dashes) in _DASHES.items():
        if truth in known and len(known) > 1:
            ax.plot([], [], color=BLACK, linewidth=1.3, linestyle=dashes, label=words)


def _events(ax: Axes, found: Continuation, of: Callable[[Array], Array],
            circle: tuple[float, float] | None, nodes: bool) -> Artists:
    """A Line2D for each kind of event."""
    out = []
    halo = [withStroke(linewidth=2.2, foreground="white"), Normal()]
    for kind, (words, marker, face, size) in EVENTS.items():
        where = [(e.value, _turned(of(e.x[None]), _of_branch(found, e.branch, of, circle))[0])
                 for e in found.events if e.kind is kind]
        if where and (nodes or kind is not EventKind.NODE):
            out += ax.plot(*np.array(where).T, linestyle="none", marker=marker, markersize=size,
                           markerfacecolor=face, markeredgecolor=BLACK, markeredgewidth=0.9,
                           label=words, zorder=5, path_effects=halo, clip_on=False)
    return tuple(out)


def _of_branch(found: Continuation, number: int, of: Callable[[Array], Array],
               circle: tuple[float, float] | None) -> tuple[float, float] | None:
    """The circle, cut so that an event is turned as its branch is."""
    if circle is None:
        return None
    low, period = circle
    values = of(found[number].x)
    turned = _turned(values, circle)
    return float(turned.min() - 0.25 * (period - (np.ptp(turned) % period))), period
