r"""What a phase portrait shows, computed before anything is drawn.

A portrait shows a plane in R^n: two coordinates vary in a box, the others are held at given
values.  For a field g, something to descend, this module computes on that plane

    directions      -g/|g| and log10 |g|, in the plane,
    nullcline       functions that vanish where g_1 or g_2 does, without g's poles,
    determinant     det(D_22 f2 + eta I), which vanishes where omega_S is not defined,

and for coordinates on a circle the images of a point in the box and where a path is cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from ..declaration.game import Game
from ..dynamics import GameField, VectorField, simultaneous_gradient, stackelberg_gradient
from ..errors import BoxError, GameError
from ..learning.updates import RuleField
from ..numerics.critical import float_box
from ..compilation.compiled import compile_field, compile_game
from .classify import CriticalPoint

__all__ = ["Plane", "Side", "beside_a_change", "determinant", "directions", "field_of",
           "heading", "images", "nullcline_values", "plane_of", "wrapped"]

Array = NDArray[np.float64]
Source = Game | VectorField

#: Fields of rules with more operations than this are drawn with their poles.
_WRITTEN = 2000


@dataclass(frozen=True)
class Side:
    """One of the two coordinates: its name in LaTeX, its period, ticks in multiples of pi."""

    name: str
    period: float | None
    in_pi: bool


@dataclass(frozen=True, eq=False)
class Plane:
    """Two coordinates, at positions ``axes``, vary in ``box``; the others are at ``base``."""

    sides: tuple[Side, Side]
    axes: tuple[int, int]
    base: Array
    box: Array | None

    def grid(self, count: int, *, centred: bool = False) -> tuple[Array, Array, Array]:
        """Coordinates x, y (count,) and the points (count, count, n), a row for each y.

        From edge to edge, or ``centred`` in as many cells a side.  Raises `BoxError`
        without a box, `ValueError` for a count that is no integer >= 2.
        """
        if self.box is None:
            raise BoxError("this layer needs a box: a pair (low, high) for each variable")
        if isinstance(count, bool) or not isinstance(count, int) or count < 2:
            raise ValueError(f"count must be an integer >= 2, not {count!r}")
        shift = 0.5 / count if centred else 0.0
        x, y = (low + (high - low) * np.linspace(shift, 1 - shift, count)
                for low, high in self.box)
        points = np.empty((count, count, len(self.base)))
        points[:] = self.base
        points[..., self.axes[0]], points[..., self.axes[1]] = np.meshgrid(x, y)
        return x, y, points

    def contains(self, x: Array, atol: float) -> bool:
        """Whether a point is within ``atol`` of the plane in every coordinate held."""
        held = [k for k in range(len(self.base)) if k not in self.axes]
        return bool((np.abs(x - self.base)[held] <= atol).all())


def plane_of(source: Source | None, box: Any, plane: Sequence[Any] | None = None,
             at: Mapping[Any, Any] | None = None, *, n: int = 2, held: bool = True) -> Plane:
    """The plane to draw, every part of it checked.

    Parameters
    ----------
    source : a `Game` or a `VectorField`, which names the variables and their periods;
        None stands for x1, ..., xn without periods.
    box : pairs or a mapping, for all variables or for the two drawn; None for no box.
    plane : two variables or names; may be left out if there are only two.
    at : a value for each other variable; not asked for if ``held`` is False.

    Raises `GameError` for another source, plane or values, `BoxError` for another box.
    """
    if source is not None and not isinstance(source, (Game, VectorField)):
        raise GameError(f"expected a Game or a VectorField, not {source!r}")
    variables = sp.symbols(f"x1:{n + 1}", real=True) if source is None else source.variables
    names = [v.name for v in variables]
    if plane is None and len(names) != 2:
        raise GameError(f"a plane has two variables, and these are {len(names)}: "
                        f"{', '.join(names)}; choose two with plane=(...) and hold the "
                        f"others with at={{...}}")
    chosen = [_name(v) for v in (names if plane is None else plane)]
    if len(chosen) != 2 or chosen[0] == chosen[1] or not set(chosen) <= set(names):
        raise GameError(f"plane must name two different variables of {', '.join(names)}, "
                        f"not {', '.join(chosen)}")
    values = {_name(v): value for v, value in (at or {}).items()}
    others = [name for name in names if name not in chosen]
    if held and sorted(values) != sorted(others):
        raise GameError(f"at must give a value to each variable outside the plane "
                        f"({', '.join(others) or 'none'}), and gives "
                        f"{', '.join(values) or 'none'}")
    base = np.array([float(values.get(name, 0)) for name in names])
    if not np.isfinite(base).all():
        raise GameError("at must give finite values")
    ends = _ends(box, names, chosen)
    axes = names.index(chosen[0]), names.index(chosen[1])
    first, second = (_side(source, variables[k], ends and ends[i]) for i, k in enumerate(axes))
    return Plane((first, second), axes, base, None if ends is None else float_box(ends, 2))


def _name(variable: Any) -> str:
    return variable.name if isinstance(variable, sp.Symbol) else str(variable)


def _side(source: Source | None, variable: sp.Symbol, ends: Any) -> Side:
    period = None if source is None else source.periods.get(variable)
    in_pi = any(isinstance(v, sp.Basic) and v.has(sp.pi) for v in (period, *(ends or ())))
    return Side(sp.latex(variable), None if period is None else float(period), in_pi)


def _ends(box: Any, names: Sequence[str], chosen: Sequence[str]) -> list[Any] | None:
    """The two sides of the box in the plane; it may be given for all variables."""
    if box is None:
        return None
    if isinstance(box, Mapping):
        by_name = {_name(v): ends for v, ends in box.items()}
        if not set(chosen) <= set(by_name) <= set(names):
            raise BoxError(f"the box must name {' and '.join(chosen)}, and names "
                           f"{', '.join(by_name) or 'nothing'}")
        box = [by_name[name] for name in chosen]
    elif np.ndim(box) and len(box) == len(names) != 2:
        box = [box[names.index(name)] for name in chosen]
    float_box(box, 2)
    return [tuple(pair) for pair in box]


def field_of(source: Source, of: str) -> VectorField:
    """The field itself, or the one of a game that ``of`` names; raises `GameError`."""
    if isinstance(source, VectorField):
        return source
    if of not in ("simultaneous", "stackelberg"):
        raise GameError(f"of is 'simultaneous' or 'stackelberg', not {of!r}")
    return (simultaneous_gradient if of == "simultaneous" else stackelberg_gradient)(source)


def directions(g: VectorField, plane: Plane, points: Array) -> tuple[Array, Array]:
    """-g/|g| in the plane and log10 |g|: (..., n) to (..., 2) and (...).

    NaN where g is zero or has no finite value.
    """
    with np.errstate(all="ignore"):
        value = -compile_field(g).value(points)[..., list(plane.axes)]
        # The largest component is taken out first, so that no square overflows.
        top = np.abs(value).max(axis=-1)
        top = np.where(np.isfinite(top) & (top > 0), top, np.nan)
        value = value / top[..., None]
        size = np.linalg.norm(value, axis=-1)
        return value / size[..., None], np.log10(size) + np.log10(top)


def nullcline_values(g: VectorField, plane: Plane, points: Array) -> tuple[Array, Array]:
    """Two functions that vanish where the components of g in the plane do.

    They have no poles, where g would change sign without being zero: the leader's
    components of omega_S are multiplied by det(D_22 f2 + eta I), and of a component with
    denominators the numerator is taken.
    """
    with np.errstate(all="ignore"):
        values = compile_field(_without_poles(g)).value(points)
        if isinstance(g, GameField) and g.kind == "stackelberg":
            values = values.copy()
            values[..., :g.game.sizes[0]] *= determinant(g, points)[..., None]
    return values[..., plane.axes[0]], values[..., plane.axes[1]]


def _without_poles(g: VectorField) -> VectorField:
    if isinstance(g, GameField):
        return g
    try:
        size = sum(map(sp.count_ops, g.expressions))
        switches = any(e.has(sp.Piecewise) for e in g.expressions)
    except GameError:                   # too long to be written down
        return g
    if isinstance(g, RuleField) and (switches or size > _WRITTEN):
        return g
    return VectorField([_numerator(e) if any(
        power.exp.is_negative and power.base.free_symbols for power in e.atoms(sp.Pow)) else e
        for e in g.expressions], g.variables)


def _numerator(expression: sp.Expr) -> sp.Expr:
    return sp.fraction(sp.together(expression))[0]


def determinant(g: GameField, points: Array) -> Array:
    """det(D_22 f2 + eta I), or of the followers' joint Jacobian: (..., n) to (...)."""
    n1 = g.game.sizes[0]
    with np.errstate(all="ignore"):
        matrix = compile_game(g.game).jacobian(points)[..., n1:, n1:]
        return np.linalg.det(matrix + float(g.eta) * np.eye(matrix.shape[-1]))


def beside_a_change(values: Array) -> NDArray[np.bool_]:
    """Which points of a grid have a neighbour where the values have another sign."""
    sign = np.sign(values)
    beside = np.zeros(sign.shape, dtype=bool)
    for change, into in (((sign[1:] != sign[:-1]), (beside[1:], beside[:-1])),
                         ((sign[:, 1:] != sign[:, :-1]), (beside[:, 1:], beside[:, :-1]))):
        for part in into:
            part |= change
    return beside


def images(plane: Plane, point: CriticalPoint) -> list[tuple[float, ...]]:
    """The point in the plane; on a circle, each of its images in the closed box."""
    return list(product(*(_images(plane, point, k) for k in (0, 1))))


def _images(plane: Plane, point: CriticalPoint, k: int) -> list[float]:
    value, period = float(point.x[plane.axes[k]]), plane.sides[k].period
    if period is None or plane.box is None:
        return [value]
    low, high = plane.box[k]
    slack = 1e-9 * period + (point.radius if point.certified else 0.0)
    first = np.ceil((low - slack - value) / period)
    last = np.floor((high + slack - value) / period)
    return [value + shift * period for shift in np.arange(first, last + 1).tolist()]


def wrapped(plane: Plane, path: Array) -> Array:
    """A path (time, n) in the plane, wrapped round circles: NaN rows where it is cut."""
    path = path[:, plane.axes]
    jumps = np.zeros(max(len(path) - 1, 0), dtype=bool)
    for k, side in enumerate(plane.sides):
        if side.period is not None:
            low = -side.period / 2 if plane.box is None else plane.box[k, 0]
            path[:, k] = low + np.mod(path[:, k] - low, side.period)
            jumps |= np.abs(np.diff(path[:, k])) > side.period / 2
    return np.insert(path, np.flatnonzero(jumps) + 1, np.nan, axis=0)


def heading(plane: Plane, path: Array, part: float) -> Array | None:
    """Where a path (time, 2) is after ``part`` of its length in the box, and its direction.

    Four numbers (x, y, u, v), (u, v) of length 1; None if it does not move there.
    """
    low, high = (-np.inf, np.inf) if plane.box is None else plane.box.T
    inside = np.asarray((np.isfinite(path) & (path >= low) & (path <= high)).all(axis=-1))
    step = np.where((inside[1:] & inside[:-1])[:, None], np.diff(path, axis=0), 0.0)
    length = np.cumsum(np.linalg.norm(step, axis=-1))
    if not length.size or not length[-1] > 0:
        return None
    k = int(np.searchsorted(length, part * length[-1]))
    return np.concatenate([path[k], step[k] / np.linalg.norm(step[k])])
