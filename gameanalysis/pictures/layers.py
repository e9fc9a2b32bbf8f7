r"""The layers of a phase portrait, each usable alone.

For a field g, something to descend, they show where x' = -g(x) goes:

    field          the direction -g/|g|, darker where |g| is larger,
    nullclines     g_1 = 0 and g_2 = 0, which cross at the zeros of g,
    singular set   det D_22 f2 = 0, where the Stackelberg gradient is not defined,
    points         critical points, a marker for each class,
    trajectories   of any dynamics.

Each draws on the Axes it is given and returns its artists.  `planes` computes what is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..declaration.game import Game
from ..dynamics import GameField, VectorField, stackelberg_gradient
from ..errors import GameError, ShapeError
from ..motion.trajectory import Trajectory
from ..verdicts.analysis import Analysis
from ..verdicts.classify import CriticalPoint
from ..verdicts.planes import (Plane, beside_a_change, determinant, directions, field_of, heading,
                               images, nullcline_values, plane_of, wrapped)
from .canvas import (BLACK, FAMILIES, GREEN, MARKERS, PURPLE, SAND, Artists, draw_crosses,
                     draw_curves, draw_points, prepare)

__all__ = ["failures", "field", "nullclines", "point_class", "points", "singular_set",
           "trajectories"]

Array = NDArray[np.float64]
Source = Game | VectorField

_NULLCLINES: tuple[tuple[str, Any], ...] = (
    (GREEN, (0, (7, 1.5, 1.2, 1.5))), (PURPLE, (0, (1.2, 1.2))))
_GREYS = LinearSegmentedColormap.from_list("greys", ["#e0e0e0", "#969696"])
#: The grey runs over log |g| between these quantiles of what is drawn.
_SHADED = (0.05, 0.95)
#: Nullclines and the singular set are traced on a grid of so many points a side.
_FINE = 401


def field(source: Source, box: Any, *, of: str = "simultaneous", kind: str = "arrows",
          plane: Sequence[Any] | None = None, at: Mapping[Any, Any] | None = None,
          count: int = 24, ax: Axes | None = None) -> Artists:
    """Draw -g: arrows of equal length, or streamlines, darker where |g| is larger.

    Nothing is drawn where g is zero or has no finite value, and no streamline crosses the
    singular set of the Stackelberg gradient.

    Parameters
    ----------
    source : a `Game`, whose field ``of`` names, or a `VectorField`.
    box : as for `analyze`, or only for the two variables drawn.
    kind : "arrows" or "streamlines".
    plane, at : for more than two variables, the two that are drawn and the values of the
        others; what is drawn is then the part of -g in the plane.
    count : arrows a side.

    Returns a tuple with the Quiver, or with the lines and the arrows of the streamlines.
    """
    view, g = plane_of(source, box, plane, at), field_of(source, of)
    if kind not in ("arrows", "streamlines"):
        raise ValueError(f"kind is 'arrows' or 'streamlines', not {kind!r}")
    arrows = kind == "arrows"
    x, y, grid = view.grid(count if arrows else 101, centred=arrows)
    unit, size = directions(g, view, grid)
    if not arrows and isinstance(g, GameField) and g.kind == "stackelberg":
        unit[beside_a_change(determinant(g, grid))] = np.nan
    known = np.isfinite(size)
    low, high = np.quantile(size[known], _SHADED) if known.any() else (0.0, 1.0)
    shade = np.nan_to_num((size - low) / (high - low or 1.0)).clip(0, 1)
    ax = prepare(ax, view)
    if not arrows:
        # Interpolated, -g vanishes where it should, and unit vectors do not.
        top = size[known].max() if known.any() else 0.0
        u, v = np.moveaxis(np.ma.masked_invalid(unit * 10.0**(size - top)[..., None]), -1, 0)
        drawn = ax.streamplot(x, y, u, v, color=shade, cmap=_GREYS, norm=Normalize(0, 1),
                              density=1.3, linewidth=0.6, arrowsize=0.6, zorder=1)
        return drawn.lines, drawn.arrows
    x, y, u, v, shades = (c[known] for c in (*np.meshgrid(x, y), *np.moveaxis(unit, -1, 0), shade))
    return (ax.quiver(x, y, u, v, shades, cmap=_GREYS, norm=Normalize(0, 1), angles="xy",
                      pivot="mid", units="width", scale=1.4 * count, width=0.09 / count,
                      headwidth=3.6, headlength=4.2, headaxislength=3.6, minlength=0,
                      zorder=1),)


def nullclines(source: Source, box: Any, *, of: str = "simultaneous",
               plane: Sequence[Any] | None = None, at: Mapping[Any, Any] | None = None,
               count: int = _FINE, ax: Axes | None = None) -> Artists:
    """Draw the curves g_1 = 0 and g_2 = 0, which cross at the zeros of g.

    They are traced on a grid of ``count`` points a side: a curve that turns within a cell,
    or along which g does not change sign, can be missed.  Poles are not drawn.

    Parameters as for `field`.  Returns two LineCollections.
    """
    view, g = plane_of(source, box, plane, at), field_of(source, of)
    x, y, grid = view.grid(count)
    curves = [_zero_set(x, y, values) for values in nullcline_values(g, view, grid)]
    ax = prepare(ax, view)
    return tuple(draw_curves(ax, curve, f"${name} = 0$", color=color, linestyle=dashes,
                             linewidth=1.0, zorder=2)
                 for curve, name, (color, dashes) in zip(curves, _component_names(g, view),
                                                         _NULLCLINES))


def singular_set(source: Source, box: Any, *, plane: Sequence[Any] | None = None,
                 at: Mapping[Any, Any] | None = None, count: int = _FINE,
                 ax: Axes | None = None) -> Artists:
    """Draw the curve det D_22 f2 = 0, where the Stackelberg gradient is not defined.

    With several followers their joint Jacobian takes the place of D_22 f2; for a
    regularised field, D_22 f2 + eta I.  Where the determinant vanishes without changing
    its sign, or everywhere, no curve is drawn.

    Parameters as for `field`; the source is a `Game` or a `GameField`, as a field of its
    own has no follower.  Returns one LineCollection, perhaps empty.
    """
    if not isinstance(source, (Game, GameField)):
        raise GameError("the singular set is that of a game's follower: give a Game or "
                        "a field made from one")
    g = source if isinstance(source, GameField) else stackelberg_gradient(source)
    view = plane_of(source, box, plane, at)
    x, y, grid = view.grid(count)
    curve = _zero_set(x, y, determinant(g, grid))
    single = g.game.n_players == 2 and g.game.sizes[1] == 1
    name = "D_{22}f_2 = 0" if single else r"\det D_{22}f_2 = 0"
    return (draw_curves(prepare(ax, view), curve, f"${name}$", color=SAND, linewidth=3.5,
                        zorder=0.5),)


def point_class(point: CriticalPoint) -> str:
    """The key of `MARKERS` for a critical point: its label in the words of a legend.

    >>> import sympy as sp
    >>> import gameanalysis as ga
    >>> x, y = sp.symbols("x y", real=True)
    >>> point_class(ga.analyze(ga.zero_sum(x*y - y**2/2, x, y), [(-1, 1), (-1, 1)])[0])
    'DSE, not DNE'
    """
    label = point.label.partition(", modulo")[0]        # across the points of a symmetry
    if label.startswith("stable"):
        return "stable, not DNE, not DSE"
    return "degenerate" if label.startswith("degenerate") else label


def points(found: Analysis | Iterable[CriticalPoint], box: Any = None, *,
           game: Source | None = None, plane: Sequence[Any] | None = None,
           at: Mapping[Any, Any] | None = None, atol: float = 1e-6,
           ax: Axes | None = None) -> Artists:
    """Draw critical points, with a marker for each class.

    A point on a circle is drawn at each of its images in the closed box.

    Parameters
    ----------
    found : an `Analysis`, or critical points.
    box : where to draw; by default the analysis's own.
    game : names the variables and their periods where ``found`` is no `Analysis`.
    plane, at : as for `field`; only points within ``atol`` of the plane are drawn.

    Returns a Line2D for each class that occurs, labelled with the class, in the order of
    `MARKERS`.
    """
    if isinstance(found, Analysis):
        game, box = found.game, found.box if box is None else box
    listed = list(found)
    if not all(isinstance(p, CriticalPoint) for p in listed):
        raise TypeError("points needs an Analysis or CriticalPoints; for other positions "
                        "use ax.plot")
    view = plane_of(game, box, plane, at, n=len(listed[0].x) if listed else 2)
    if any(p.x.shape != view.base.shape for p in listed):
        raise ShapeError(f"the critical points do not all have {len(view.base)} coordinates")
    classes: dict[str, list[tuple[float, ...]]] = {name: [] for name in MARKERS}
    for p in listed:
        if view.contains(p.x, atol):
            classes[point_class(p)] += images(view, p)
    ax = prepare(ax, view)
    return tuple(draw_points(ax, name, np.array(where))
                 for name, where in classes.items() if where)


def failures(paths: Trajectory | Any, count: int) -> NDArray[np.bool_]:
    """Which of ``count`` starts failed, in flat order; none where no outcome is known."""
    if not isinstance(paths, Trajectory):
        return np.zeros(count, dtype=bool)
    outcomes = np.ravel(np.array(paths.status, dtype=object))
    return np.array([outcome.is_failure for outcome in outcomes], dtype=bool)


def trajectories(paths: Trajectory | Any, box: Any = None, *, game: Source | None = None,
                 plane: Sequence[Any] | None = None, label: str = "", family: int = 0,
                 ax: Axes | None = None, **style: Any) -> Artists:
    """Draw trajectories, their starts, and an arrowhead on each.

    A start that failed, by its `Outcome`, has a small cross at its last point, if that is
    in the box.

    Parameters
    ----------
    paths : a `Trajectory` of `flow` or `iterate`, or points of shape (..., time, n).
    box : where to draw, and where paths on a circle are cut.
    game : names the variables and their periods; by default x1, x2, ... without periods.
    plane : the two variables that are drawn; the others are projected away.
    label : for the legend.
    family : a number that chooses colour and dashes, so that families differ.
    style : any property of a Line2D, in place of the family's.

    Returns the lines, one for each start; the Line2D of the crosses, if there are any; the
    Line2D of the starts and the Quiver of the arrowheads.
    """
    x = np.asarray(paths.x if isinstance(paths, Trajectory) else paths, dtype=float)
    n = None if game is None else len(game.variables)
    if x.ndim < 2 or 0 in x.shape or (n is not None and x.shape[-1] != n):
        raise ShapeError(f"trajectories have shape (..., time, {n or 'n'}), not {x.shape}")
    view = plane_of(game, box, plane, n=x.shape[-1], held=False)
    curves = [wrapped(view, path) for path in x.reshape(-1, *x.shape[-2:])]
    color, dashes, width = FAMILIES[family % len(FAMILIES)]
    style = {"color": color, "linestyle": dashes, "linewidth": width, "zorder": 3} | style
    ax = prepare(ax, view)
    lines = [ax.plot(*curve.T, label="_" if k else label or "_", **style)[0]
             for k, curve in enumerate(curves)]
    starts = np.array([curve[0] for curve in curves])
    dots = ax.plot(*starts.T, "o", color=BLACK, markersize=3.2, zorder=4, label="start")
    heads = [h for h in (heading(view, curve, 0.35) for curve in curves) if h is not None]
    ends = np.array([curve[-1] for curve in curves])[failures(paths, len(curves))]
    if view.box is not None:
        ends = ends[((ends >= view.box[:, 0]) & (ends <= view.box[:, 1])).all(axis=1)]
    crosses = draw_crosses(ax, ends, style["color"])
    return (*lines, *crosses, *dots, ax.quiver(
        *np.array(heads).reshape(-1, 4).T, angles="xy", pivot="mid", units="inches",
        scale_units="inches", scale=12.0, width=0.02, headwidth=4.2, headlength=4.2,
        headaxislength=4.0, minlength=0, color=style["color"], zorder=3.5))


def _zero_set(x: Array, y: Array, values: Array) -> list[Array]:
    """The curves values = 0 on a grid, each of shape (k, 2)."""
    values = np.ma.masked_invalid(values)
    if np.ma.count(values) == 0 or not values.min() <= 0 <= values.max():
        return []
    contours = Figure().add_subplot().contour(x, y, values, levels=[0.0])
    return [curve for curve in contours.allsegs[0] if len(curve) > 1]


def _component_names(g: VectorField, view: Plane) -> tuple[str, str]:
    """The two components, in the words of the paper where each player has one action."""
    if not isinstance(g, GameField) or len(g.variables) != 2:
        return f"g_{{{view.sides[0].name}}}", f"g_{{{view.sides[1].name}}}"
    names = ("D_1f_1" if g.kind == "simultaneous" else "Df_1", "D_2f_2")
    return names[view.axes[0]], names[view.axes[1]]
