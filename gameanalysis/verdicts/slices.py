r"""Points on a manifold of critical points: proved on a slice across it.

On the orbit of a symmetry the critical points are not isolated, and no box holds one
alone.  Let x be near the orbit.  Coordinates x_j, j in P, are held at rational numbers: those
that seem to be simple numbers, such as 0, and as many more as the orbit has dimensions.
Put into omega = 0 they leave equations for the other coordinates, of which

- those that vanish identically, or depend on others linearly over Q, are dropped;
- d more may follow from the rest by identities eta_1, ..., eta_d of the game
  (`exact.symmetries`): where omega_k = 0 for all k not in R, |R| = d, the identities read
  sum over k in R of eta_k omega_k = 0, and det (eta_a,k) != 0 at the point gives omega_R = 0.
  In a zero-sum game, and for symmetries that move one player, each symmetry is one.

For omega_S of a general-sum game the equations that may be left out are the leader's.  Let
F be the followers' gradients, M and C their derivatives, M^T v = D_y f1, so that
omega_S,1 = D_1 f1 - C^T v.  A symmetry changes F by DF xi = -K_y^T F, hence
C xi_1 = -M xi_y - K_y^T F and

    xi_1 . omega_S,1 = xi_1 . D_1 f1 + D_y f1 . xi_y + (K_y v) . F = c_1 + (K_y v) . F:

where F = 0 and c_1 = 0, each symmetry is an identity eta = xi_1 between the leader's equations.

What remains is square.  Krawczyk's operator proves that it has exactly one zero in a box of
the slice; by the above that zero is critical, in exact arithmetic but for the enclosure.

Where no such system is square, a critical point may not exist: in general sum, an orbit of
a rotation on which x' = -omega(x) turns steadily is not critical, and as generic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import cached_property, partial
from itertools import product
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from ..declaration.game import Game
from ..dynamics import VectorField, simultaneous_gradient, stackelberg_gradient
from ..errors import GameError
from ..exact.algebra import real_zeros
from ..exact.exactness import nearest_exact
from ..exact.macaulay import NotZeroDimensional, TooLarge
from ..exact.minors import determinant, interval_sign
from ..exact.numberfield import AlgebraicPoint
from ..exact.sparse_forms import Elimination, SparseForms, TooManyWords
from ..exact.symmetries import Generator, critical_identities
from ..numerics.certify import certify
from ..numerics.critical import newton
from ..numerics.enclosure import Zero
from ..compilation.compiled import compile_field
from ..programs.precise import PreciseIntervals
from .continua import SliceLocation
from .location import Location, RationalLocation
from .problem import MAX_VARIABLES, Problem

__all__ = ["locate_on_orbit"]

Array = NDArray[np.float64]

#: A singular value or pivot below this, relative to the largest, is taken for zero.
_RTOL = 1e-8
#: A coordinate so close to a simple number is tried as that number.
_NEAR = Fraction(1, 10 ** 10)
#: Simple numbers have denominators up to this.
_DENOMINATOR = 64
#: Systems with up to so many unknowns are solved exactly where signs need it.
_EXACT = 4
#: At most so many products of an equation and a variable are formed.
_PRODUCTS = 600
#: Coordinates held still are rounded to multiples of this.
_GRID = 2 ** 30


def locate_on_orbit(problem: Problem, row: Sequence[Any]) -> Location | None:
    """A critical point near a row, on a manifold that the game's symmetries make; or None.

    Guarantee: the location's point is critical (omega = 0; for a problem of "stackelberg" also
    omega_S = 0 wherever that is defined), and the only critical point in a box of a slice
    across the orbit.  It is at most ``0.01 (1 + max|x|)`` from the row.

    None where the game has no symmetry that moves the row, where Gauss-Newton steps find no
    critical point, or where none of the systems above is square and proved.

    problem : the `Problem` of a game.  row : n numbers.
    """
    found = problem.classifier.symmetries
    start = np.array([float(v) for v in row])
    if not found.dimension or not np.isfinite(start).all():
        return None
    tangents = np.array([g.at(start.tolist()) for g in found.generators], dtype=float)
    rank = _rank(tangents)
    if not rank:
        return None
    reach = 0.01 * (1 + np.abs(start).max())
    kinds = ["simultaneous"]
    if problem.of == "stackelberg" and not problem.classifier.zero_sum and \
            len(start) <= MAX_VARIABLES:
        kinds.append("stackelberg")
    try:
        for kind in kinds:
            x = _polished(*_compiled(problem, kind), start, len(start) - rank)
            if x is None or (np.abs(x - start) > reach).any():
                continue
            location = _Slices(problem, kind, x).search(reach)
            if location is not None and (np.abs(location.x - start) <= reach).all():
                return location
    except (ArithmeticError, GameError, TooManyWords):     # not defined, or not enclosed, there
        pass
    return None


def _rank(matrix: Array) -> int:
    values = np.linalg.svd(matrix, compute_uv=False)
    return int((values > _RTOL * values.max(initial=0.0)).sum())


def _compiled(problem: Problem, kind: str) -> tuple[Callable[[Array], Array],
                                                    Callable[[Array], Array]]:
    """omega or omega_S and its Jacobian as functions of a point."""
    game = problem.classifier.compiled
    if kind == "simultaneous":
        return game.gradient, game.jacobian
    return game.stackelberg_gradient, game.stackelberg_jacobian


def _polished(value: Callable[[Array], Array], jacobian: Callable[[Array], Array], x: Array,
              rank: int) -> Array | None:
    """Gauss-Newton to a zero where the Jacobian has the given rank; None if it fails."""
    for _ in range(50):
        g, slope = value(x), jacobian(x)
        if not rank or not (np.isfinite(g).all() and np.isfinite(slope).all()):
            return None
        left, values, right = np.linalg.svd(slope)
        if not values[rank - 1]:
            return None
        step = right[:rank].T @ ((left[:, :rank].T @ g) / values[:rank])
        x = x - step
        if np.abs(step).max() <= 1e-13 * (1 + np.abs(x).max()):
            return x
    return None


def _simple(value: float) -> Fraction | None:
    """The simple rational number that a coordinate seems to be."""
    near = Fraction(value)
    for number in nearest_exact(near - _NEAR, near + _NEAR, denominator=_DENOMINATOR):
        if number.is_Rational:
            return Fraction(int(number.p), int(number.q))
    return None


def _pins(simple: Sequence[Fraction | None]) -> Iterator[dict[int, Fraction]]:
    """Which coordinates to hold at simple numbers: all of them, the zeros, none."""
    every = {j: v for j, v in enumerate(simple) if v is not None}
    zeros = {j: v for j, v in every.items() if not v}
    tried: list[dict[int, Fraction]] = []
    for pins in (every, zeros, {}):
        if len(pins) < len(simple) and pins not in tried:
            tried.append(pins)
            yield pins


class _Slices:
    """The systems on slices through one approximate zero x of omega or omega_S."""

    def __init__(self, problem: Problem, kind: str, x: Array) -> None:
        self.problem, self.kind, self.x = problem, kind, x
        self.game: Game = problem.game
        self.variables = self.game.variables
        self.n, self.n1 = len(self.variables), self.game.sizes[0]
        self.jacobian = _compiled(problem, kind)[1](x)

    @cached_property
    def field(self) -> list[sp.Expr]:
        """The components of omega or omega_S."""
        return list((simultaneous_gradient if self.kind == "simultaneous"
                     else stackelberg_gradient)(self.game).expressions)

    def search(self, reach: float) -> Location | None:
        """The first location that is proved, and that counts for the problem's field."""
        classifier = self.problem.classifier
        simple = [_simple(v) for v in self.x.tolist()]
        if None not in simple:
            given = RationalLocation([v for v in simple if v is not None])
            if classifier.is_zero(given):
                return given
        for pins in _pins(simple):
            location = self._proved(pins, reach)
            # omega_S = 0 follows from omega = 0 where the leader has no use of the answer.
            if location is not None and (self.kind == self.problem.of or classifier.zero_sum
                                         or 0 in location.response_free):
                return location
        return None

    def _proved(self, pins: dict[int, Fraction], reach: float) -> SliceLocation | None:
        """The critical point with the pinned coordinates, if a square system proves it."""
        free = [j for j in range(self.n) if j not in pins]
        rows = self._independent(pins, free)
        kept, columns = _pivots(self.jacobian, rows, free)
        left_out: list[int] = []
        if len(kept) < len(rows):
            # Identities need all the other equations, dependent or not.
            left_out = self._superfluous(self.n - len(kept))
            rows = [k for k in range(self.n) if k not in left_out]
            kept, columns = _pivots(self.jacobian, rows, free)
            if len(kept) < len(rows):
                return None
        if not columns:
            return None
        fixed = dict(pins)
        for j in free:
            if j not in columns:
                fixed[j] = Fraction(round(float(self.x[j]) * _GRID), _GRID)
        equations = self._substituted([self.field[k] for k in kept], fixed)
        unknowns = [self.variables[j] for j in columns]
        zero = _proved_zero(equations, unknowns, self.x[columns], reach)
        if zero is None:
            return None
        location = SliceLocation(fixed, tuple(columns), zero, self.kind,
                                 self._response_free(fixed, columns),
                                 partial(_algebraic_zeros, equations, unknowns))
        return location if self._follows(left_out, location) else None

    def _superfluous(self, count: int) -> list[int]:
        """Equations that seem to follow from the others by identities, at most ``count``."""
        values = self._identities_at(self.x)
        among = range(self.n if self.kind == "simultaneous" else self.n1)
        return _pivots(values, range(len(values)), among, count)[1]

    def _identities_at(self, x: Array) -> Array:
        values: list[list[float]] = [eta.at(x.tolist()) for eta in self._identities]
        return np.array(values, dtype=np.float64).reshape(-1, self.n)

    @cached_property
    def _identities(self) -> Sequence[Generator]:
        if self.kind == "simultaneous":
            return critical_identities(self.game)
        return [g for g in self.problem.classifier.symmetries if not g.changes[0]]

    def _substituted(self, expressions: Sequence[sp.Expr], fixed: dict[int, Fraction]
                     ) -> list[sp.Expr]:
        values = {self.variables[j]: sp.Rational(v.numerator, v.denominator)
                  for j, v in fixed.items()}
        out = [e.xreplace(values) for e in expressions]
        if any(e.has(sp.nan, sp.zoo, sp.oo, -sp.oo) for e in out):
            raise ArithmeticError("a derivative is not defined on the slice")
        return out

    def _independent(self, pins: dict[int, Fraction], free: Sequence[int]) -> list[int]:
        """The equations that are linearly independent over Q once the pins are put in."""
        forms = SparseForms([self.variables[j] for j in free])
        span = Elimination()
        return [k for k, e in enumerate(self._substituted(self.field, pins))
                if span.add(forms.read(e))]

    def _response_free(self, fixed: dict[int, Fraction], columns: Sequence[int]
                       ) -> frozenset[int]:
        """The players l with D_j f_l = 0 for all the others' actions j.

        On the slice these are sums of components of the field, times numbers or variables.
        """
        forms = SparseForms([self.variables[j] for j in columns])
        field = [forms.read(e) for e in self._substituted(self.field, fixed)]
        span = Elimination(field)
        if len(columns) * self.n <= _PRODUCTS:
            for words, j in product(field, range(forms.n)):
                span.add({tuple(sorted((*word, j))): c for word, c in words.items()})
        out, start = [], 0
        for player, (cost, size) in enumerate(zip(self.game.valued_costs, self.game.sizes)):
            others = [v for j, v in enumerate(self.variables)
                      if not start <= j < start + size]
            slopes = self._substituted([sp.diff(cost, v) for v in others], fixed)
            if not any(span.reduce(forms.read(e)) for e in slopes):
                out.append(player)
            start += size
        return frozenset(out)

    def _follows(self, left_out: Sequence[int], location: SliceLocation) -> bool:
        """Whether the equations left out follow from the others by identities."""
        if not left_out:
            return True
        values = self._identities_at(location.x)
        chosen, columns = _pivots(values, range(len(values)), left_out)
        if len(chosen) < len(left_out):
            return False
        arithmetic = PreciseIntervals(40)
        point = [arithmetic.interval(*ends) for ends in location.enclosure(30)]
        found = [self._identities[a].at(point) for a in chosen]
        rows = [[eta[k] for k in columns] for eta in found]
        return bool(interval_sign(determinant(rows)))


def _proved_zero(equations: Sequence[sp.Expr], unknowns: Sequence[sp.Symbol], start: Array,
                 reach: float) -> Zero | None:
    """The proved zero of a square system near a point."""
    field = compile_field(VectorField(equations, unknowns))
    y, converged = newton(field, start[None])
    if not converged[0] or (np.abs(y[0] - start) > reach).any():
        return None
    zeros = certify(field, y, [(v - reach, v + reach) for v in y[0].tolist()], max_boxes=0).zeros
    return zeros[0] if zeros else None


def _algebraic_zeros(equations: Sequence[sp.Expr], unknowns: Sequence[sp.Symbol]
                     ) -> Sequence[AlgebraicPoint]:
    """All zeros of a small polynomial system, none where exact algebra does not apply."""
    if len(unknowns) > _EXACT or not all(e.is_polynomial(*unknowns) for e in equations):
        return ()
    try:
        return real_zeros([sp.Poly(e, *unknowns) for e in equations], unknowns)
    except (NotZeroDimensional, TooLarge, ValueError):
        return ()


def _pivots(matrix: Array, rows: Sequence[int], columns: Sequence[int],
            count: int | None = None) -> tuple[list[int], list[int]]:
    """Rows and columns of a regular block, as large as seems possible: Gauss, on floats.

    At most ``count`` of each.
    """
    work = matrix[np.ix_(list(rows), list(columns))].astype(float)
    scale = np.abs(work).max(initial=0.0)
    kept_rows: list[int] = []
    kept_columns: list[int] = []
    while work.size and len(kept_rows) != count:
        i, j = np.unravel_index(int(np.argmax(np.abs(work))), work.shape)
        if not abs(work[i, j]) > _RTOL * scale:
            break
        kept_rows.append(rows[int(i)])
        kept_columns.append(columns[int(j)])
        work = work - np.outer(work[:, j], work[i] / work[i, j])
        work[i], work[:, j] = 0.0, 0.0
    return sorted(kept_rows), sorted(kept_columns)
