r"""Venn diagrams: how often two or three properties go together.

Each property is a disc, and each region of the plane, inside some discs and outside the
others, is one combination of properties.  A region holds the number of its examples and
their share; one that no example fell into is hatched, so that an inclusion such as
"DNE is part of DSE" is seen as an empty crescent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle
from numpy.typing import NDArray

from .canvas import BLACK, NAVY, ORANGE, SKY, Picture, new_axes, styled

__all__ = ["venn"]

Array = NDArray[np.float64]

_COLORS = (ORANGE, SKY, NAVY)
#: Pixels of the shading along one side; the outlines are drawn as curves.
_PIXELS = 500
#: The distance of the discs' centres from the middle, in radii.
_APART = 0.62


def venn(counts: Mapping[Iterable[str], int], names: Sequence[str] | None = None, *,
         ax: Axes | None = None, width: float = 4.4) -> Picture:
    """Draw how many examples have each combination of two or three properties.

    Parameters
    ----------
    counts : from sets of names to how many examples have just these of the properties;
        combinations that are missing have none.  The empty set stands outside.
    names : the properties in order, the first on top (of two: on the left); all names that
        occur, in alphabetical order, by default.
    ax, width : as for `phase_portrait`.

    Returns a Picture with the artists "shading", "discs", "names" and "counts".  Raises
    `ValueError` for another number of properties, a name that is none of them, and counts
    that are no whole numbers.

    >>> venn({("DNE", "DSE"): 3, ("DSE",): 2, (): 5})
    Picture with the artists shading (1), discs (2), names (2), counts (4)
    """
    known = {frozenset([c] if isinstance(c, str) else c): n for c, n in counts.items()}
    found = sorted(set().union(*known))
    names = found if names is None else list(names)
    if len(names) not in (2, 3) or len(set(names)) < len(names):
        raise ValueError(f"a Venn diagram shows two or three properties, not {names}")
    if set(found) - set(names):
        raise ValueError(f"{', '.join(sorted(set(found) - set(names)))} is none of the "
                         f"properties {', '.join(names)}")
    for n in known.values():
        if isinstance(n, bool) or int(n) != n or n < 0:
            raise ValueError(f"counts are whole numbers >= 0, not {n!r}")
    total = sum(known.values())
    angles = np.deg2rad([180, 0] if len(names) == 2 else [90, 210, 330])
    centers = _APART * np.column_stack([np.cos(angles), np.sin(angles)])
    with styled(ax, width):
        if ax is None:
            ax = new_axes(width, width * (0.72 if len(names) == 2 else 0.98))
        low, high = centers.min(axis=0) - 1.12, centers.max(axis=0) + 1.12
        grid = np.stack(np.meshgrid(np.linspace(low[0], high[0], _PIXELS),
                                    np.linspace(low[1], high[1], _PIXELS)), axis=-1)
        inside = np.linalg.norm(grid[:, :, None, :] - centers, axis=-1) < 1
        drawn: dict[str, tuple[Any, ...]] = {"shading": (_shading(
            ax, inside, (low[0], high[0], low[1], high[1])),)}
        _hatch_empty(ax, grid, inside, names, known)
        drawn["discs"] = tuple(
            ax.add_patch(Circle((float(x), float(y)), 1, facecolor="none", edgecolor=color,
                                linewidth=1.8, zorder=3))
            for (x, y), color in zip(centers, _COLORS))
        drawn["names"] = tuple(_named(ax, name, center, len(names))
                               for name, center in zip(names, centers))
        drawn["counts"] = tuple(_counted(ax, grid, inside, names, known, total))
        ax.set(xlim=(low[0], high[0]), ylim=(low[1] - 0.1, high[1] + 0.14), aspect="equal")
        ax.set_axis_off()
    return Picture((ax,), drawn)


def _shading(ax: Axes, inside: NDArray[np.bool_], extent: tuple[float, float, float, float]
             ) -> Any:
    """A light wash of each disc's colour, mixed where they overlap."""
    from matplotlib.colors import to_rgb
    image = np.ones((*inside.shape[:2], 3))
    for k in range(inside.shape[2]):
        tint = 0.72 + 0.28 * np.array(to_rgb(_COLORS[k]))
        image = np.where(inside[..., k, None], image * tint, image)
    return ax.imshow(image, origin="lower", extent=extent, zorder=0.5, interpolation="bilinear")


def _regions(names: Sequence[str]) -> list[tuple[bool, ...]]:
    """Which discs each region is inside of, the outside first."""
    return [tuple(bool(code >> k & 1) for k in range(len(names)))
            for code in range(2 ** len(names))]


def _count(known: Mapping[frozenset[str], int], names: Sequence[str],
           region: tuple[bool, ...]) -> int:
    return int(known.get(frozenset(n for n, held in zip(names, region) if held), 0))


def _hatch_empty(ax: Axes, grid: Array, inside: NDArray[np.bool_], names: Sequence[str],
                 known: Mapping[frozenset[str], int]) -> None:
    for region in _regions(names):
        if any(region) and not _count(known, names, region):
            mask = (inside == region).all(axis=-1).astype(float)
            filled = ax.contourf(grid[..., 0], grid[..., 1], mask, levels=[0.5, 1.5],
                                 colors=["#f4f4f4"], hatches=["///"], zorder=1)
            filled.set(edgecolor="#c4c4c4", linewidth=0)


def _named(ax: Axes, name: str, center: Array, count: int) -> Any:
    """The name beside its disc, away from the others."""
    if count == 2 or center[1] > 0:
        return ax.text(center[0], center[1] + 1.05, name, ha="center", va="bottom",
                       fontsize=11, fontweight="bold", zorder=4)
    side = -1 if center[0] < 0 else 1
    return ax.text(center[0] + side * 0.72, center[1] - 0.80, name, zorder=4, fontsize=11,
                   ha="right" if side < 0 else "left", va="top", fontweight="bold")


def _percent(share: float) -> str:
    """Two digits, and 100 only for all."""
    if share < 0.1 or share == 1:
        return f"{100 * share:.2g}" if share < 1 else "100"
    return f"{100 * share:.0f}" if share < 0.995 else f"{min(99.9, 100 * share):.1f}"


def _counted(ax: Axes, grid: Array, inside: NDArray[np.bool_], names: Sequence[str],
             known: Mapping[frozenset[str], int], total: int) -> Iterable[Any]:
    for region in _regions(names):
        n = _count(known, names, region)
        if any(region):
            x, y = grid[(inside == region).all(axis=-1)].mean(axis=0)
            if sum(region) == 2 and len(names) == 3:    # off the thin ends of the lens
                x, y = 1.06 * x, 1.06 * y
        else:
            x, y = grid[0, -1] if len(names) == 2 else grid[-1, -1]
            y -= 0.08 * (len(names) == 2)
        share = f"\n{_percent(n / total)} %" if n else ""
        if any(region):
            yield ax.text(x, y, f"{n:,}{share}".replace(",", "\u2009"), ha="center",
                          va="center", fontsize=9, zorder=4, color=BLACK,
                          bbox={"boxstyle": "round,pad=0.15", "facecolor": "white",
                                "edgecolor": "none", "alpha": 0.75} if not n else None)
        else:
            yield ax.text(x, y, f"none: {n:,}{share}".replace(",", "\u2009"), ha="right",
                          va="top" if len(names) == 3 else "bottom", fontsize=9, zorder=4)
