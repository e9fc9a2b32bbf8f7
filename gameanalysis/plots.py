r"""Phase portraits of games with two variables, or of a plane through one with more.

For a field g, something to descend, a portrait shows where x' = -g(x) goes:

    field          the direction -g/|g|, darker where |g| is larger,
    nullclines     g_1 = 0 and g_2 = 0, which cross at the zeros of g,
    singular set   det D_22 f2 = 0, where the Stackelberg gradient is not defined,
    points         critical points, a marker for each class,
    trajectories   of any dynamics.

Each layer is a function of its own that draws on the Axes it is given and returns its
artists; `phase_portrait` puts them together.  `planes` computes what is drawn.  Classes
differ by shape and fill, lines by dashes and lightness, so that a picture is read in grey
and by the colour-blind; the colours are those of Okabe and Ito, some darker.

Where no Axes is given a new Figure is made that pyplot does not know, so that nothing is
left open.  For a window, hand in ``ax`` from ``pyplot.subplots()``.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import Normal, withStroke
from matplotlib.ticker import FuncFormatter, MultipleLocator
from numpy.typing import NDArray

from .declaration.game import Game
from .dynamics import GameField, VectorField, stackelberg_gradient
from .errors import BoxError, GameError, ShapeError
from .numerics.trajectory import Trajectory
from .verdicts.analysis import Analysis
from .verdicts.analyze import analyze
from .verdicts.classify import CriticalPoint
from .verdicts.planes import (Plane, beside_a_change, determinant, directions, field_of, heading,
                              images, nullcline_values, plane_of, wrapped)

__all__ = ["LAYERS", "MARKERS", "Portrait", "field", "legend", "nullclines", "phase_portrait",
           "point_class", "points", "singular_set", "trajectories"]

Array = NDArray[np.float64]
Source = Game | VectorField
Artists = tuple[Any, ...]

#: The layers of a portrait, from the bottom to the top.
LAYERS = ("field", "singular_set", "nullclines", "trajectories", "points")

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
_FAMILIES: tuple[tuple[str, Any, float], ...] = (
    (NAVY, "-", 1.3), (VERMILLION, (0, (4, 1.5)), 1.5), (BLACK, (0, (1, 1.2)), 1.4),
    (GREEN, (0, (6, 1.2, 1, 1.2)), 1.4))
_NULLCLINES: tuple[tuple[str, Any], ...] = (
    (GREEN, (0, (7, 1.5, 1.2, 1.5))), (PURPLE, (0, (1.2, 1.2))))
_GREYS = LinearSegmentedColormap.from_list("greys", ["#e0e0e0", "#969696"])
#: The grey runs over log |g| between these quantiles of what is drawn.
_SHADED = (0.05, 0.95)
#: Nullclines and the singular set are traced on a grid of so many points a side.
_FINE = 401
#: From this width in inches on the legend stands beside the picture, not below it.
_WIDE = 5.0


@dataclass(frozen=True, eq=False, repr=False)
class Portrait:
    """A phase portrait: ``.ax``, ``.figure`` and ``.artists``, a tuple for each layer.

    Shows itself in a notebook; ``save`` writes it to a file.
    """

    ax: Axes
    figure: Figure
    artists: Mapping[str, Artists]

    def save(self, path: Any, dpi: float = 300) -> None:
        """Write the figure to a file; the ending of its name says the format."""
        self.figure.savefig(path, dpi=dpi)

    def __repr__(self) -> str:
        drawn = ", ".join(f"{name} ({len(a)})" for name, a in self.artists.items())
        return f"Portrait with the artists {drawn or 'of no layer'}"

    def _repr_png_(self) -> bytes:
        stream = io.BytesIO()
        self.figure.savefig(stream, format="png", dpi=150)
        return stream.getvalue()


# -- layers -------------------------------------------------------------------

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
    ax = _prepare(ax, view)
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
    ax = _prepare(ax, view)
    return tuple(_draw_curves(ax, curve, f"${name} = 0$", color=color, linestyle=dashes,
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
    return (_draw_curves(_prepare(ax, view), curve, f"${name}$", color=SAND, linewidth=3.5,
                         zorder=0.5),)


def point_class(point: CriticalPoint) -> str:
    """The key of `MARKERS` for a critical point: its label in the words of a legend.

    >>> import sympy as sp
    >>> from gameanalysis.declaration.game import zero_sum
    >>> x, y = sp.symbols("x y", real=True)
    >>> point_class(analyze(zero_sum(x*y - y**2/2, x, y), [(-1, 1), (-1, 1)])[0])
    'DSE, not DNE'
    """
    label = point.label
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
    ax = _prepare(ax, view)
    return tuple(_draw_points(ax, name, np.array(where))
                 for name, where in classes.items() if where)


def trajectories(paths: Trajectory | Any, box: Any = None, *, game: Source | None = None,
                 plane: Sequence[Any] | None = None, label: str = "", family: int = 0,
                 ax: Axes | None = None, **style: Any) -> Artists:
    """Draw trajectories, their starts, and an arrowhead on each.

    Parameters
    ----------
    paths : a `Trajectory`, or points of shape (..., time, n).
    box : where to draw, and where paths on a circle are cut.
    game : names the variables and their periods; by default x1, x2, ... without periods.
    plane : the two variables that are drawn; the others are projected away.
    label : for the legend.
    family : a number that chooses colour and dashes, so that families differ.
    style : any property of a Line2D, in place of the family's.

    Returns the lines, one for each start, then the Line2D of the starts and the Quiver of
    the arrowheads.
    """
    x = np.asarray(paths.x if isinstance(paths, Trajectory) else paths, dtype=float)
    n = None if game is None else len(game.variables)
    if x.ndim < 2 or 0 in x.shape or (n is not None and x.shape[-1] != n):
        raise ShapeError(f"trajectories have shape (..., time, {n or 'n'}), not {x.shape}")
    view = plane_of(game, box, plane, n=x.shape[-1], held=False)
    curves = [wrapped(view, path) for path in x.reshape(-1, *x.shape[-2:])]
    color, dashes, width = _FAMILIES[family % len(_FAMILIES)]
    style = {"color": color, "linestyle": dashes, "linewidth": width, "zorder": 3} | style
    ax = _prepare(ax, view)
    lines = [ax.plot(*curve.T, label="_" if k else label or "_", **style)[0]
             for k, curve in enumerate(curves)]
    starts = np.array([curve[0] for curve in curves])
    dots = ax.plot(*starts.T, "o", color=BLACK, markersize=3.2, zorder=4, label="start")
    heads = [h for h in (heading(view, curve, 0.35) for curve in curves) if h is not None]
    return (*lines, *dots, ax.quiver(
        *np.array(heads).reshape(-1, 4).T, angles="xy", pivot="mid", units="inches",
        scale_units="inches", scale=12.0, width=0.02, headwidth=4.2, headlength=4.2,
        headaxislength=4.0, minlength=0, color=style["color"], zorder=3.5))


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


# -- the portrait -------------------------------------------------------------

def phase_portrait(game: Source, box: Any = None, *, analysis: Analysis | None = None,
                   of: str = "simultaneous", trajectories: Any = None,
                   layers: Sequence[str] = LAYERS, kind: str = "streamlines",
                   plane: Sequence[Any] | None = None, at: Mapping[Any, Any] | None = None,
                   ax: Axes | None = None, width: float = 6.0,
                   with_legend: bool | None = None) -> Portrait:
    """The phase portrait of x' = -g(x) for a game with two variables, or for a plane.

    Guarantee: the classes of the points are as proved as the analysis says; curves and
    arrows are floats on a grid.

    Parameters
    ----------
    game : a `Game`, whose field ``of`` names, or a `VectorField`.
    box : as for `analyze`; by default the analysis's own, or one round its points.
    analysis : the result of `analyze`; without it a game of two variables is analysed.
        The critical points of a plane or of a field are drawn only if it is given.
    trajectories : a `Trajectory` or array, or a mapping from labels to these.
    layers : which of `LAYERS`.
    kind : "arrows" or "streamlines".
    plane, at : as for `field`.
    ax : where to draw; by default a new figure, ``width`` inches wide, with a legend
        beside it, or below it if it is narrow.
    with_legend : whether to draw a legend; by default only on a new figure.

    Raises `GameError`, `BoxError` or `ShapeError` for what does not fit.

    >>> import sympy as sp
    >>> from gameanalysis.declaration.game import zero_sum
    >>> x, y = sp.symbols("x y", real=True)
    >>> phase_portrait(zero_sum(x*y - y**2/2, x, y), [(-1, 1), (-1, 1)], layers=["points"])
    Portrait with the artists points (1)
    """
    if isinstance(layers, str) or not set(layers) <= set(LAYERS):
        raise ValueError(f"layers is some of {', '.join(LAYERS)}, not {layers!r}")
    if not isinstance(width, (int, float)) or not 1 <= width <= 100:
        raise ValueError(f"width is in inches, from 1 to 100, not {width!r}")
    g = field_of(game, of) if isinstance(game, Game) else game
    owner = game if isinstance(game, Game) else getattr(game, "game", None)
    if analysis is not None and owner is not None and analysis.game != owner:
        raise GameError("the analysis is that of another game")
    box = _portrait_box(box, analysis)
    view = plane_of(game, box, plane, at)
    if "points" in layers and analysis is None and isinstance(game, Game) and plane is None:
        analysis = analyze(game, box, of)
    own, wide = ax is None, width >= _WIDE
    style: dict[Any, Any] = {"font.size": 9 if wide else 8, "axes.linewidth": 0.6,
                             "xtick.major.width": 0.6, "ytick.major.width": 0.6}
    with rc_context(style if own else {}):
        ax = _dress(ax or _new_axes(width, (0.72 if wide else 1.35) * width), view)
        artists: dict[str, Artists] = {}
        where: dict[str, Any] = {"plane": plane, "at": at, "ax": ax}
        draw = {
            "field": lambda: field(g, box, kind=kind, **where),
            "singular_set": lambda: () if owner is None else singular_set(
                g if isinstance(g, GameField) else owner, box, **where),
            "nullclines": lambda: nullclines(g, box, **where),
            "trajectories": lambda: _draw_families(trajectories, box, game, plane, ax),
            "points": lambda: () if analysis is None else points(analysis, box, **where),
        }
        for name in LAYERS:
            if name in layers and (drawn := draw[name]()):
                artists[name] = drawn
        if own if with_legend is None else with_legend:
            if own:
                legend(ax, "outside right upper" if wide else "outside lower center",
                       ncols=1 if wide else 2)
            else:
                legend(ax)
        if own:
            _trim(ax)
    figure: Any = ax.get_figure()
    return Portrait(ax, figure, MappingProxyType(artists))


def _portrait_box(box: Any, analysis: Analysis | None) -> Any:
    """The box to draw: given, the analysis's own, or one round its points."""
    if box is not None:
        return box
    if analysis is None:
        raise BoxError("give a box, a pair (low, high) for each variable, or an analysis")
    if analysis.box is not None:
        return analysis.box
    if not len(analysis):
        raise BoxError("there are no critical points to draw a box round: give a box")
    x = np.array([p.x for p in analysis])
    middle = (x.min(axis=0) + x.max(axis=0)) / 2
    half = 0.65 * max(1.0, float(np.ptp(x, axis=0).max()))
    return [(m - half, m + half) for m in middle.tolist()]


def _draw_families(given: Any, box: Any, game: Source, plane: Sequence[Any] | None,
                   ax: Axes) -> Artists:
    if given is None:
        return ()
    families = given if isinstance(given, Mapping) else {"trajectory": given}
    return tuple(artist for k, (label, paths) in enumerate(families.items())
                 for artist in trajectories(paths, box, game=game, plane=plane, label=label,
                                            family=k, ax=ax))


# -- drawing ------------------------------------------------------------------

def _new_axes(width: float = 4.0, height: float = 3.6) -> Axes:
    return Figure(figsize=(width, height), layout="compressed").add_subplot()


def _prepare(ax: Axes | None, view: Plane) -> Axes:
    """The Axes given, or those of a new figure, dressed."""
    return _dress(_new_axes(), view) if ax is None else ax


def _dress(ax: Axes, view: Plane) -> Axes:
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
            axis.set_major_formatter(FuncFormatter(_in_pi))
    return ax


def _trim(ax: Axes) -> None:
    """Cut the height of the figure to what is drawn."""
    figure: Any = ax.get_figure()
    figure.draw_without_rendering()
    if ax.get_aspect() != "auto":
        figure.set_figheight(figure.get_tightbbox().height + 0.1)


def _in_pi(value: float, _: Any = None) -> str:
    """A tick label as a multiple of pi."""
    ratio = Fraction(value / np.pi).limit_denominator(1024)
    top = {0: "0", 1: r"\pi", -1: r"-\pi"}.get(ratio.numerator, rf"{ratio.numerator}\pi")
    return f"${top}/{ratio.denominator}$" if ratio.denominator > 1 else f"${top}$"


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


def _draw_curves(ax: Axes, curves: list[Array], label: str, **style: Any) -> LineCollection:
    """Curves as one artist; not in the legend where there are none."""
    drawn = LineCollection(curves, label=label if curves else "_", **style)
    ax.add_collection(drawn)
    return drawn


def _draw_points(ax: Axes, name: str, where: Array) -> Line2D:
    marker, fill, color, size = MARKERS[name]
    halo = [withStroke(linewidth=2.4, foreground="white"), Normal()]
    return ax.plot(*where.T, linestyle="none", marker=marker, markersize=size,
                   fillstyle=fill, markerfacecolor=color, markerfacecoloralt="white",
                   markeredgecolor=BLACK, markeredgewidth=1.6 if fill == "none" else 0.9,
                   clip_on=False, zorder=5, label=name, path_effects=halo)[0]
