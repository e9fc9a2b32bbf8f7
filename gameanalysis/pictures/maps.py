r"""Maps of a box of starts: which critical point each is carried to.

The basin of a critical point x* under a flow or an update is the set of starts that end at
x*.  On a grid of starts every cell has the colour of the point that its start reached; a
start that reached none is grey or white, with a hatch that says how it ended.  The colours
differ in lightness as well, and each point lies in its own basin, so that a picture is read
in grey and by the colour-blind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from numpy.typing import NDArray

from ..errors import BoxError, GameError
from ..motion.trajectory import Outcome
from ..verdicts.planes import Plane, plane_of
from .canvas import Artists, Picture, dress, finish, legend_below, new_axes, styled
from .layers import points as draw_points

__all__ = ["basins", "compare_basins"]

Array = NDArray[np.float64]

#: Colours of the points that are reached, in turn.
COLORS = ("#a6d8f5", "#e69f00", "#004a80", "#009e73", "#b84300", "#f5ec8a", "#cc79a7", "#7a3b69",
          "#c7e9c0", "#5a3d1e", "#8f8fd9", "#fbb4ae")
#: How a start that reached no point is drawn, by its outcome: words, outcomes, colour, hatch.
_NOWHERE: tuple[tuple[str, frozenset[Outcome], str, str], ...] = (
    ("closed orbit", frozenset((Outcome.PERIODIC,)), "#ffffff", "...."),
    ("left or diverged", frozenset((Outcome.LEFT, Outcome.DIVERGED)), "#d9d9d9", "////"),
    ("not defined", frozenset((Outcome.SINGULAR, Outcome.UNDEFINED)), "#c4c4c4", "xxxx"),
    ("not arrived", frozenset(Outcome), "#f2f2f2", ""))
HATCH = "#707070"
#: A start that takes longest is so much paler than one that is there at once.
_PALEST = 0.6


def basins(found: Any, *, plane: Sequence[Any] | None = None,
           at: Mapping[Any, Any] | None = None, times: bool = False, points: bool = True,
           ax: Axes | None = None, width: float = 6.0,
           with_legend: bool | None = None) -> Picture:
    """Draw basins of attraction: a colour for each point that starts reach.

    Guarantee: each cell, or dot, shows where the dynamics carried its own start, in floats;
    nothing is said of what lies between starts.

    Parameters
    ----------
    found : a `Basins`, on a grid of starts or on a sample.
    plane, at : for more than two variables, as for `field`; without ``at`` no critical
        points are drawn.
    times : whether a start is the paler the longer it takes, by rank among all that arrive.
    points : whether the critical points are drawn on top, with the marker of their class.
    ax, width, with_legend : as for `phase_portrait`.

    Returns a Picture with the artists "basins", an AxesImage or the scattered dots, which
    hold a colour for each start; "hatches", a patch for each way to reach no point; and
    "points".  The legend gives the part of all starts that reach each point.
    """
    own = ax is None
    view = _view(found, plane, at)
    with styled(ax, width) as wide:
        ax = dress(ax or new_axes(width, (0.72 if wide else 1.6) * width), view)
        artists = _draw(ax, view, found, _palette([found]), times, points, plane, at)
        _name_colors(ax, [found], _palette([found]), times)
        if own:
            ax.set_title(found.name, pad=9)
        finish(ax, own, wide, with_legend)
    return Picture((ax,), artists)


def compare_basins(found: Mapping[str, Any], *, plane: Sequence[Any] | None = None,
                   at: Mapping[Any, Any] | None = None, times: bool = False,
                   points: bool = True, columns: int = 3, width: float = 8.0) -> Picture:
    """Draw the basins of several rules side by side, with one legend for all.

    Parameters as for `basins`; ``found`` maps labels to `Basins` of the same game, points
    and box, and there are at most ``columns`` panels in a row.  The legend gives the parts
    of all starts in the order of the panels.

    Returns a Picture with a tuple of artists for each label.  Raises `GameError` where the
    basins are not of the same game and points, `ValueError` for none at all.
    """
    if not isinstance(found, Mapping) or not found:
        raise ValueError("compare_basins needs a mapping from labels to basins")
    each = list(found.values())
    views = [_view(one, plane, at) for one in each]
    if any(_places(one) != _places(each[0]) for one in each):
        raise GameError("the basins are not of the same game and critical points")
    if any(not np.array_equal(_box(view), _box(views[0])) for view in views):
        raise GameError("the basins do not have the same box")
    if not isinstance(columns, int) or columns < 1:
        raise ValueError(f"columns is an integer >= 1, not {columns!r}")
    columns = min(columns, len(each))
    rows = -(-len(each) // columns)
    with styled(None, width):
        figure = Figure(figsize=(width, rows * (width / columns + 0.3) + 0.9),
                        layout="compressed")
        panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        drawn: dict[str, Artists] = {}
        palette = _palette(each)
        for k, (ax, view, (label, one)) in enumerate(zip(panels.flat, views, found.items())):
            artists = _draw(dress(ax, view), view, one, palette, times, points, plane, at)
            drawn[str(label)] = tuple(a for layer in artists.values() for a in layer)
            ax.set_title(str(label), pad=9)
            left, lowest = k % columns == 0, k + columns >= len(each)
            ax.tick_params(labelleft=left, labelbottom=lowest)
            ax.yaxis.label.set_visible(left)
            ax.xaxis.label.set_visible(lowest)
        for ax in panels.flat[len(each):]:
            ax.set_axis_off()
        _name_colors(panels.flat[0], each, palette, times)
        legend_below(panels.flat[0], 3)
        figure.draw_without_rendering()
        figure.set_figheight(figure.get_tightbbox().height + 0.1)
    return Picture(tuple(panels.flat[:len(each)]), drawn)


def _view(found: Any, plane: Sequence[Any] | None, at: Mapping[Any, Any] | None) -> Plane:
    n = found.starts.shape[-1]
    return plane_of(found.game, found.box, plane, at, n=n, held=n == 2 or at is not None)


def _box(view: Plane) -> Array:
    if view.box is None:
        raise BoxError("the basins have no box")
    return view.box


def _places(found: Any) -> tuple[Any, list[list[float]]]:
    return found.game, [p.x.tolist() for p in found.points]


def _palette(each: Iterable[Any]) -> dict[int, str]:
    """A colour for each point that is reached by any start."""
    reached = sorted({int(k) for one in each for k in np.unique(one.index) if k >= 0})
    return {k: COLORS[i % len(COLORS)] for i, k in enumerate(reached)}


def _nowhere(found: Any) -> NDArray[np.int_]:
    """For each start the row of `_NOWHERE`, or -1 where it reached a point."""
    kind = np.full(len(found.index), -1)
    for k in np.flatnonzero(np.asarray(found.index) < 0):
        kind[k] = next(i for i, row in enumerate(_NOWHERE) if found.status[k] in row[1])
    return kind


def _shades(found: Any, palette: Mapping[int, str], times: bool) -> Array:
    """The colour of each start, (N, 3)."""
    index, nowhere = np.asarray(found.index), _nowhere(found)
    colors = np.ones((len(index), 3))
    for k, color in palette.items():
        colors[index == k] = to_rgb(color)
    if times:
        arrived = index >= 0
        order = np.unique(np.asarray(found.time)[arrived], return_inverse=True)[1]
        pale = _PALEST * order / max(1, order.max(initial=0))
        colors[arrived] += pale[:, None] * (1 - colors[arrived])
    for i, row in enumerate(_NOWHERE):
        colors[nowhere == i] = to_rgb(row[2])
    return colors


def _draw(ax: Axes, view: Plane, found: Any, palette: Mapping[int, str], times: bool,
          points: bool, plane: Sequence[Any] | None,
          at: Mapping[Any, Any] | None) -> dict[str, Artists]:
    """The layers of one panel."""
    colors, where = _shades(found, palette, times), np.asarray(found.starts)[:, list(view.axes)]
    artists: dict[str, Artists] = {}
    if found.grid is None:
        x, y = where.T
        artists["basins"] = (ax.scatter(x, y, c=colors, s=_area(len(where)), zorder=1,
                                        edgecolors="#404040", linewidths=0.3),)
    else:
        nx, ny = found.grid
        lattice, box = where.reshape(ny, nx, 2), _box(view)
        x, y = _edges(lattice[0, :, 0], box[0]), _edges(lattice[:, 0, 1], box[1])
        artists["basins"] = (ax.imshow(
            colors.reshape(ny, nx, 3), origin="lower", interpolation="nearest", zorder=0.4,
            extent=(x[0], x[-1], y[0], y[-1]),
            aspect=ax.get_aspect()),)
        kinds = _nowhere(found).reshape(ny, nx)
        artists["hatches"] = tuple(
            ax.add_patch(PathPatch(rectangles(x, y, kinds == i), facecolor="none", linewidth=0,
                                   edgecolor=HATCH, hatch=row[3], zorder=0.5))
            for i, row in enumerate(_NOWHERE) if row[3] and (kinds == i).any())
    if points and (at is not None or len(found.game.variables) == 2):
        artists["points"] = draw_points(list(found.points), found.box, game=found.game,
                                        plane=plane, at=at, ax=ax)
    return {name: drawn for name, drawn in artists.items() if drawn}


def _area(count: int) -> float:
    return float(np.clip(4e4 / max(1, count), 3, 40))


def _edges(line: Array, box: Array) -> Array:
    """The edges of cells round equally spaced starts."""
    step = line[1] - line[0] if len(line) > 1 else box[1] - box[0]
    return np.concatenate([line - step / 2, line[-1:] + step / 2])


def rectangles(x: Array, y: Array, mask: NDArray[np.bool_]) -> Path:
    """The cells of a mask as one path: a rectangle for each run in each row."""
    change = np.diff(np.pad(mask.astype(int), ((0, 0), (1, 1))), axis=1)
    rows, first = np.nonzero(change > 0)
    last = np.nonzero(change < 0)[1]
    corners = np.empty((len(rows), 5, 2))
    corners[..., 0] = x[np.stack([first, last, last, first, first], axis=1)]
    corners[..., 1] = y[np.stack([rows, rows, rows + 1, rows + 1, rows], axis=1)]
    codes = np.tile([Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY],
                    len(rows))
    return Path(corners.reshape(-1, 2), codes)


def _name_colors(ax: Axes, each: Sequence[Any], palette: Mapping[int, str],
                 times: bool) -> None:
    """Empty patches for the legend: what each colour and hatch stands for."""
    for k, color in palette.items():
        x = each[0].points[k].x
        where = f"({', '.join(f'{v:.3g}' for v in x)})" if len(x) <= 3 else f"point {k}"
        ax.fill([], [], facecolor=color, edgecolor="#404040", linewidth=0.5,
                label=f"to {where}: {_parts(np.asarray(b.index) == k for b in each)}")
    kinds = [_nowhere(b) for b in each]
    for i, (name, _, color, hatch) in enumerate(_NOWHERE):
        if any((kind == i).any() for kind in kinds):
            ax.fill([], [], facecolor=color, edgecolor=HATCH, linewidth=0.5, hatch=hatch,
                    label=f"{name}: {_parts(kind == i for kind in kinds)}")
    if times and palette:
        ax.fill([], [], facecolor="none", edgecolor="none", label="paler: takes longer")


def _parts(masks: Iterable[NDArray[np.bool_]]) -> str:
    """The parts of all starts, in per cent, one for each panel."""
    return ", ".join(_percent(mask.mean()) for mask in masks)


def _percent(part: float) -> str:
    if 0 < part < 0.01:
        return "<1 %"
    return ">99 %" if 0.99 < part < 1 else f"{100 * part:.0f} %"
