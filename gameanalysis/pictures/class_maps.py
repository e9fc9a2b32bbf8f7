r"""Maps of parameters: which classes of critical points exist where.

Each cell of a `Sweep` has the colour of its signature, the number of points of each class.
Cells with one signature border on others where parameters cross a bifurcation (the number
of points changes) or the border of a class (the number stays).  A hatch says that a cell's
signature is not proved; a cell whose analysis failed is grey.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.patches import PathPatch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from ..declaration.costs import exact
from ..parameters.cells import CLASSES, CellStatus
from .canvas import GREEN, MARKERS, Artists, Picture, finish, new_axes, styled
from .maps import COLORS, HATCH, rectangles

__all__ = ["class_map"]

Array = NDArray[np.float64]

_FAILED, _UNPROVED = "failed", "////"
_GREY = "#c4c4c4"
#: Names of classes in the legend of a map.
_SHORT = {"DNE and DSE": "DNE&DSE", "DSE, not DNE": "DSE only", "DNE, not DSE": "DNE only",
          "neither, stable": "stable only"}
#: How the count of each class is drawn: colour, dashes, marker.
_LINES: Mapping[str, tuple[str, Any, str]] = {
    "points": ("#c8c8c8", "-", ""),
    "DNE and DSE": (MARKERS["DNE and DSE"][2], "-", "*"),
    "DSE, not DNE": (MARKERS["DSE, not DNE"][2], (0, (5, 1.5)), "D"),
    "DNE, not DSE": (GREEN, (0, (1, 1)), "s"),
    "neither, stable": (MARKERS["stable, not DNE, not DSE"][2], (0, (3, 1, 1, 1)), "^"),
    "neither": ("#707070", (0, (2, 1.5)), "x"),
    "undecided": ("#b84300", (0, (1, 2)), "$?$"),
}


def class_map(sweep: Any, *, at: Mapping[str, Any] | None = None, ax: Axes | None = None,
              width: float = 8.5, with_legend: bool | None = None) -> Picture:
    """Draw which classes of critical points exist for which parameters.

    Two parameters give a map, coloured by signature; one gives the number of points of each
    class against it.  Guarantee: each cell shows what was found for its own values; nothing
    is said of what lies between them, and only cells without a hatch are proved.

    Parameters
    ----------
    sweep : a `Sweep`.
    at : with more parameters, the values (among the sweep's own) of all but one or two.
    ax, width, with_legend : as for `phase_portrait`.

    Returns a Picture with the artists "cells", a mesh of numbers of signatures, and
    "hatches", patches; or "counts", a line for each class, and "hatches".  The legend names
    every signature, with its number of cells; "DSE only" is DSE, not DNE, and so on.  Raises
    `ValueError` for parameters left over.
    """
    names, values, cells = _chosen(sweep, at or {})
    own = ax is None
    with styled(ax, width) as wide:
        height = (0.55 if wide else 1.3) * width
        if len(names) == 2:                     # room for the legend, a line a signature
            height = max(height, 0.19 * len({cell.signature for cell in cells.flat}) + 0.7)
        ax = ax or new_axes(width, height)
        draw = _map if len(names) == 2 else _counts
        artists = draw(ax, names, values, cells)
        if own and sweep.game.name:
            ax.set_title(sweep.game.name, pad=9)
        finish(ax, own, wide, with_legend)
    return Picture((ax,), {name: drawn for name, drawn in artists.items() if drawn})


def _chosen(sweep: Any, at: Mapping[str, Any]) -> tuple[list[str], list[Array], Any]:
    """The names that vary, their values in ascending order, the cells as an array."""
    cells = np.empty(len(sweep), dtype=object)
    cells[:] = list(sweep)
    cells = cells.reshape(sweep.shape)
    given = {str(name): exact(value, f"the value of {name}") for name, value in at.items()}
    if set(given) - set(sweep.parameters):
        raise ValueError(f"{', '.join(sorted(set(given) - set(sweep.parameters)))} is none of "
                         f"the parameters {', '.join(sweep.parameters)}")
    names: list[str] = []
    values: list[Array] = []
    for name, all_values in sweep.parameters.items():
        axis = len(names)
        if name in given:
            if given[name] not in all_values:
                raise ValueError(f"{name} = {given[name]} is none of the sweep's values")
            cells = np.take(cells, all_values.index(given[name]), axis=axis)
        elif len(all_values) == 1 and len(sweep.parameters) > 1:
            cells = np.take(cells, 0, axis=axis)
        else:
            floats = np.array([float(v) for v in all_values])
            order = np.argsort(floats, kind="stable")
            cells = np.take(cells, order, axis=axis)
            names.append(name)
            values.append(floats[order])
    if not 1 <= len(names) <= 2:
        raise ValueError(f"a map shows one or two parameters that vary, and these are "
                         f"{', '.join(names) or 'none'}: give at= values for the others")
    return names, values, cells


def _edges(values: Array) -> Array:
    """The borders half way between neighbours."""
    if len(values) == 1:
        reach = 0.5 * max(1.0, abs(float(values[0])))
        return np.array([values[0] - reach, values[0] + reach])
    middle = 0.5 * (values[1:] + values[:-1])
    return np.concatenate([[2 * values[0] - middle[0]], middle, [2 * values[-1] - middle[-1]]])


def _color(k: int) -> tuple[float, float, float]:
    """The colour of signature k; paler when all colours have been used."""
    red, green, blue = to_rgb(COLORS[k % len(COLORS)])
    fade = 1 - 0.6 ** (k // len(COLORS))
    return red + fade * (1 - red), green + fade * (1 - green), blue + fade * (1 - blue)


def _map(ax: Axes, names: list[str], values: list[Array], cells: Any) -> dict[str, Artists]:
    x, y = map(_edges, values)
    by_signature: dict[str, list[Any]] = {}
    for cell in cells.flat:
        by_signature.setdefault(cell.signature, []).append(cell)
    ordered = sorted(by_signature, key=lambda s: (s == _FAILED, -len(by_signature[s]), s))
    colors = [to_rgb(_GREY) if s == _FAILED else _color(k) for k, s in enumerate(ordered)]
    number = {s: k for k, s in enumerate(ordered)}
    kind = np.array([number[cell.signature] for cell in cells.flat]).reshape(cells.shape).T
    mesh = ax.pcolormesh(x, y, kind, cmap=ListedColormap(colors), vmin=-0.5,
                         vmax=len(ordered) - 0.5, rasterized=True)
    for signature, color in zip(ordered, colors):
        hatch = "xxxx" if signature == _FAILED else ""
        ax.fill([], [], facecolor=color, edgecolor=HATCH if hatch else "#404040", linewidth=0.5,
                hatch=hatch, label=_words(by_signature[signature]))
    hatches: list[Any] = []
    proved = np.array([cell.proved for cell in cells.flat]).reshape(cells.shape).T
    failed = np.array([cell.status is CellStatus.FAILED for cell in cells.flat]
                      ).reshape(cells.shape).T
    for mask, hatch in ((~proved & ~failed, _UNPROVED), (failed, "xxxx")):
        if mask.any():
            hatches.append(ax.add_patch(PathPatch(rectangles(x, y, mask), facecolor="none",
                                                  linewidth=0, edgecolor=HATCH, hatch=hatch)))
    _name_unproved(ax, int((~proved & ~failed).sum()))
    ax.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]), xlabel=f"${names[0]}$", ylabel=f"${names[1]}$")
    return {"cells": (mesh,), "hatches": tuple(hatches)}


def _words(cells: list[Any]) -> str:
    """A signature in few words, and how many cells have it."""
    if cells[0].status is CellStatus.FAILED:
        return f"{_FAILED} ({len(cells)})"
    counts = ", ".join(f"{k} {_SHORT.get(kind, kind)}"
                       for kind, k in cells[0].counts.items() if k)
    return f"{counts or cells[0].signature} ({len(cells)})"


def _cells_of(count: int) -> str:
    return f"{count} cell{'s' * (count > 1)}"


def _name_unproved(ax: Axes, count: int) -> None:
    if count:
        ax.fill([], [], facecolor="white", edgecolor=HATCH, linewidth=0.5, hatch=_UNPROVED,
                label=f"not proved: {_cells_of(count)}")


def _counts(ax: Axes, names: list[str], values: list[Array], cells: Any) -> dict[str, Artists]:
    line, edges = values[0], _edges(values[0])
    failed = np.array([cell.status is CellStatus.FAILED for cell in cells])
    drawn = []
    for name in ("points", *CLASSES):
        counts = np.array([len(c.points) if name == "points" else c.counts[name] for c in cells],
                          dtype=float)
        if not counts.any():
            continue
        color, dashes, marker = _LINES[name]
        shown = np.ma.MaskedArray(counts, failed)
        drawn += ax.step(line, shown, where="mid", color=color, linestyle=dashes, marker=marker,
                         markersize=4, linewidth=4.0 if name == "points" else 1.2, label=name)
    hatches = []
    for mask, hatch in ((np.array([not c.proved for c in cells]) & ~failed, _UNPROVED),
                        (failed, "xxxx")):
        for k in np.flatnonzero(mask):
            hatches.append(ax.axvspan(edges[k], edges[k + 1], facecolor="none", linewidth=0,
                                      edgecolor=_GREY, hatch=hatch, zorder=0.5))
    _name_unproved(ax, int(sum(not c.proved for c in cells) - failed.sum()))
    if failed.any():
        ax.fill([], [], facecolor="white", edgecolor=HATCH, linewidth=0.5, hatch="xxxx",
                label=f"{_FAILED}: {_cells_of(int(failed.sum()))}")
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set(xlim=(edges[0], edges[-1]), xlabel=f"${names[0]}$", ylabel="number of points")
    ax.set_ylim(bottom=0)
    return {"counts": tuple(drawn), "hatches": tuple(hatches)}
