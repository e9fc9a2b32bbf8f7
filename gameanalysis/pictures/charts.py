r"""Spectra: eigenvalues in the complex plane, and who is stable where.

At a zero of g the flow x' = -g(x) is stable where every eigenvalue of Dg has a positive
real part: the open right half-plane.  A fixed point of an update attracts where every
eigenvalue of its Jacobian has modulus below 1: the open unit disc.  A stability table has a
cell for each rule and critical point, with

    spectral abscissa   the smallest real part of the spectrum, stable where > 0,
    spectral radius     the largest modulus of the spectrum, attracting where < 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Circle, Rectangle
from matplotlib.transforms import ScaledTranslation
from numpy.typing import NDArray

from ..truth import Truth
from .canvas import (BLACK, GREEN, NAVY, VERMILLION, Artists, Picture, draw_points, finish,
                     legend, new_axes, styled)
from .layers import point_class

__all__ = ["eigenvalues", "stability"]

Array = NDArray[np.float64]

#: Marker, colour and fill of the spectra of each label, in turn.
_SPECTRA = (("o", NAVY, "none"), ("x", VERMILLION, "full"), ("^", GREEN, "none"),
            ("+", BLACK, "full"), ("s", VERMILLION, "none"), ("D", NAVY, "full"),
            ("v", BLACK, "none"), ("*", GREEN, "full"))
_STABLE = "#dceefb"
#: Eigenvalues of an update as near to 1 as this are looked at closely.
_CLOSE = 0.25
#: From unstable to stable; in grey the unstable end is the darker one.
_DIVERGING = LinearSegmentedColormap.from_list(
    "unstable to stable", ["#a63c00", "#e8a77f", "#fafafa", "#a9d5f2", "#3f9fdc"]).with_extremes(
        bad="#dddddd")
_WORDS = {Truth.YES: "yes", Truth.NO: "no", Truth.UNDECIDED: "?", None: "\u2013"}


def eigenvalues(values: Any, *, kind: str = "flow", ax: Axes | None = None, width: float = 4.8,
                with_legend: bool | None = None) -> Picture:
    """Draw eigenvalues in the complex plane, over the region where they mean stability.

    Parameters
    ----------
    values : complex numbers, any shape, or a mapping from labels to these.
    kind : "flow" for eigenvalues of Dg, which shades the right half-plane; "update" for
        those of an update's Jacobian, which shades the unit disc.  Where all of an update's
        are close to 1, only that part of the disc is shown.
    ax, width, with_legend : as for `phase_portrait`.

    Returns a Picture with the artists "region", a patch, and "eigenvalues", a Line2D for
    each label.  Raises `ValueError` for values that are no finite numbers.

    >>> eigenvalues({"J": [1 + 2j, 1 - 2j]})
    Picture with the artists region (2), eigenvalues (1)
    """
    if kind not in ("flow", "update"):
        raise ValueError(f"kind is 'flow' or 'update', not {kind!r}")
    spectra = {str(label): _spectrum(v, label) for label, v in (
        values.items() if isinstance(values, Mapping) else [("eigenvalues", values)])}
    if not any(len(z) for z in spectra.values()):
        raise ValueError("there are no eigenvalues to draw")
    own = ax is None
    with styled(ax, width) as wide:
        limits = _limits(np.concatenate(list(spectra.values())), kind)
        if ax is None:
            (left, right), (low, high) = limits
            shape = (high - low) / (right - left)
            ax = new_axes(width, (0.65 if wide else 0.88) * width * shape + (0.4 if wide else 0.8))
        drawn = {"region": _region(ax, kind, limits), "eigenvalues": tuple(
            ax.plot(z.real, z.imag, linestyle="none", marker=marker, color=color,
                    fillstyle=fill, markersize=6.5, markeredgewidth=1.3, label=label, zorder=3)[0]
            for (label, z), (marker, color, fill) in zip(spectra.items(), _cycle(len(spectra))))}
        ax.set(xlim=limits[0], ylim=limits[1], aspect="equal", xlabel="real part",
               ylabel="imaginary part")
        finish(ax, own, wide, with_legend)
    return Picture((ax,), drawn)


def _cycle(count: int) -> list[tuple[str, str, str]]:
    return [_SPECTRA[k % len(_SPECTRA)] for k in range(count)]


def _spectrum(values: Any, label: Any) -> NDArray[np.complex128]:
    try:
        z = np.ravel(np.asarray(values, dtype=complex))
    except (TypeError, ValueError):
        raise ValueError(f"the eigenvalues of {label!r} are not numbers: {values!r}") from None
    if not np.isfinite(z).all():
        raise ValueError(f"the eigenvalues of {label!r} are not all finite")
    return z


def _limits(z: NDArray[np.complex128], kind: str) -> Array:
    """Limits of the real and the imaginary part, with all values and the boundary."""
    if kind == "update":
        away = np.abs(z - 1).max()
        if 0 < away < _CLOSE:
            return np.array([[1 - 1.3 * away, 1 + 1.3 * away], [-1.3 * away, 1.3 * away]])
        z = np.concatenate([z, [-1, 1, 1j, -1j]])
    low, high = min(z.real.min(), 0.0), max(z.real.max(), 0.0)
    top = np.abs(z.imag).max()
    span = max(high - low, 2 * top) or 1.0
    low, high = low - 0.12 * span, high + 0.12 * span
    top = max(top + 0.12 * span, 0.3 * (high - low))
    short = max(0.0, 1.6 * top - (high - low)) / 2
    return np.array([[low - short, high + short], [-top, top]])


def _region(ax: Axes, kind: str, limits: Array) -> Artists:
    """The stable region and its boundary."""
    if kind == "update":
        disc = Circle((0, 0), 1, facecolor=_STABLE, edgecolor="none", zorder=0.2,
                      label="attracting: modulus < 1")
        ring = Circle((0, 0), 1, facecolor="none", edgecolor=BLACK, linewidth=0.8, zorder=1)
        return ax.add_patch(disc), ax.add_patch(ring)
    (_, right), (low, high) = limits
    half = Rectangle((0, low), right, high - low, facecolor=_STABLE, edgecolor="none", zorder=0.2,
                     label="stable: real part > 0")
    return ax.add_patch(half), ax.axvline(0, color=BLACK, linewidth=0.8, zorder=1)


def stability(table: Any, *, kind: str = "flow", ax: Axes | None = None,
              width: float | None = None, with_legend: bool | None = None) -> Picture:
    """Draw a stability table: a row for each rule, a column for each critical point.

    A cell's colour is the spectral abscissa of the flow, or the spectral radius of the
    update.  White is the boundary of stability; each side has a scale of its own, linear
    near the boundary and logarithmic far from it.  The text is the verdict: yes, no, ? for
    undecided, and a dash where the rule has no flow.

    Guarantee: the verdicts are as proved as the table says; colours are floats.

    Parameters
    ----------
    table : a `StabilityTable`.
    kind : "flow" for ``stable`` and ``abscissa``, "update" for ``attracting`` and
        ``radius``.
    ax, with_legend : as for `phase_portrait`.
    width : of a new figure in inches; by default as wide as its columns need.

    Returns a Picture with the artists "cells", an AxesImage; "verdicts", a Text for each
    cell, row by row; "points", a Line2D for each class; "scale", the Colorbar.
    """
    if kind not in ("flow", "update"):
        raise ValueError(f"kind is 'flow' or 'update', not {kind!r}")
    rules, points = list(table.rules), list(table.points)
    if not rules or not points:
        raise ValueError("the table has no rules or no critical points")
    cells = [[table.cell(i, j) for j in range(len(points))] for i in range(len(rules))]
    margin, truths = _margins(cells, kind)
    longest = max(len(str(rule)) for rule in rules)
    needed = 0.075 * longest + 0.52 * len(points) + (1.0 if len(points) > 3 else 1.6)
    own, width = ax is None, needed if width is None else width
    with styled(ax, max(1.0, min(width, 100.0)) if own else 5.0):
        ax = ax or new_axes(width, 0.27 * len(rules) + 1.9)
        depth, ticks = _depths(margin)
        image = ax.imshow(np.ma.masked_invalid(depth), cmap=_DIVERGING, vmin=-1, vmax=1,
                          aspect="auto", interpolation="nearest")
        texts = tuple(_verdict(ax, i, j, truths[i][j], image.to_rgba(depth[i, j]))
                      for i in range(len(rules)) for j in range(len(points)))
        _dress_table(ax, [str(rule) for rule in rules], points)
        classes = _class_markers(ax, points)
        scale = _scale(image, ticks, kind)
        if own if with_legend is None else with_legend:
            legend(ax, "outside lower center" if own else "best", ncols=2 if own else 1)
    return Picture((ax,), {"cells": (image,), "verdicts": texts, "points": classes,
                           "scale": (scale,)})


def _margins(cells: Any, kind: str) -> tuple[Array, list[list[Truth | None]]]:
    """How far inside the stable region the spectrum is, NaN where unknown; the verdicts."""
    margin = np.full((len(cells), len(cells[0])), np.nan)
    truths: list[list[Truth | None]] = []
    for i, row in enumerate(cells):
        truths.append([cell.stable if kind == "flow" else cell.attracting for cell in row])
        for j, cell in enumerate(row):
            found = cell.abscissa if kind == "flow" else cell.radius
            if found is not None:
                margin[i, j] = found.value if kind == "flow" else 1 - found.value
    return margin, truths


def _depths(margin: Array) -> tuple[Array, list[tuple[float, float]]]:
    """Margins scaled to [-1, 1], each sign by itself, and ticks (depth, margin)."""
    depth = np.where(np.isfinite(margin), 0.0, np.nan)
    ticks = [(0.0, 0.0)]
    for sign in (-1.0, 1.0):
        side = sign * margin > 0
        if side.any():
            values = np.abs(margin[side])
            far, middle = float(values.max()), float(np.median(values))
            near = max(middle, 1e-3 * far)
            depth[side] = sign * np.arcsinh(values / near) / np.arcsinh(far / near)
            ticks.append((sign, sign * far))
            if (part := np.arcsinh(1) / np.arcsinh(far / near)) < 0.85:
                ticks.append((sign * part, sign * near))
    return depth, sorted(ticks)


def _verdict(ax: Axes, i: int, j: int, truth: Truth | None, rgba: Any) -> Any:
    """The word of a cell, white on dark, bold for yes."""
    dark = float(np.dot(rgba[:3], (0.2126, 0.7152, 0.0722))) < 0.5
    return ax.text(j, i, _WORDS[truth], ha="center", va="center", fontsize=8,
                   color="white" if dark else BLACK,
                   fontweight="bold" if truth is Truth.YES else "normal")


def _dress_table(ax: Axes, titles: list[str], points: list[Any]) -> None:
    """Names of rows and columns, and white lines between the cells."""
    ax.set_yticks(range(len(titles)), titles)
    ax.set_xticks(range(len(points)), [_place(p, j) for j, p in enumerate(points)],
                  rotation=40, ha="right", rotation_mode="anchor")
    ax.set_xticks(np.arange(1, len(points)) - 0.5, minor=True)
    ax.set_yticks(np.arange(1, len(titles)) - 0.5, minor=True)
    ax.grid(which="minor", color="white", linewidth=1.5)
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_visible(False)
    ax.set(xlim=(-0.5, len(points) - 0.5), ylim=(len(titles) - 0.5, -0.5))


def _place(point: Any, number: int) -> str:
    if len(point.x) > 3:
        return f"point {number}"
    return f"({', '.join(f'{v:.3g}' for v in point.x)})"


def _class_markers(ax: Axes, points: list[Any]) -> Artists:
    """The marker of each point's class above its column."""
    columns: dict[str, list[tuple[float, float]]] = {}
    for j, point in enumerate(points):
        columns.setdefault(point_class(point), []).append((j, 1.0))
    lines = tuple(draw_points(ax, name, np.array(at)) for name, at in columns.items())
    for line in lines:
        line.set_transform(ax.get_xaxis_transform() + _up(ax))
    return lines


def _up(ax: Axes) -> Any:
    """Nine points up, whatever the size of the figure."""
    figure: Any = ax.get_figure()
    return ScaledTranslation(0, 9 / 72, figure.dpi_scale_trans)


def _scale(image: Any, ticks: list[tuple[float, float]], kind: str) -> Any:
    """The colour bar, over the depths that occur, labelled with what they stand for."""
    bar = image.axes.get_figure().colorbar(image, ax=image.axes, shrink=0.9, pad=0.03)
    depths, margins = zip(*ticks)
    bar.set_ticks(depths, labels=[f"{v if kind == 'flow' else 1 - v:.3g}" for v in margins])
    bar.minorticks_off()
    bar.ax.set_ylim(min(depths[0], -0.05), max(depths[-1], 0.05))
    bar.outline.set_visible(False)
    bar.set_label("spectral abscissa" if kind == "flow" else "spectral radius")
    return bar
