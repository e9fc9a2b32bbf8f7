r"""The linearisation of a two-player game at a critical point, in numbers that are proved.

At x* a critical point x1 leads and x2 follows,

    J = [[A, B], [C, D]],     S1 = A - B D^-1 C,     D = D22 f2,
    J_S_tau = the Jacobian of omega_S with the follower's rows times tau,

are enclosed over the box x* +- radius, or over any other box, in interval arithmetic:
the systems with D are solved by elimination, so nothing but + - * / is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from ..declaration.costs import Number, exact
from ..declaration.game import Game
from ..errors import GameError, ShapeError
from ..exact.derivatives import ratio
from ..exact.exponentials import ExactNumbers, PiMultiple
from ..exact.minors import interval_sign
from ..compilation.compiled import compile_game
from ..programs.graph import Graph
from ..programs.precise import NoEnclosure, PreciseIntervals
from ..programs.program import Program
from ..programs.reading import Reader
from ..truth import Truth
from ..verdicts.analyze import classify
from .bounds import difference, down, product, solve, transposed, up
from ..verdicts.classify import CriticalPoint
from ..verdicts.forms import Forms
from ..verdicts.location import numbers_at

__all__ = ["Linearisation", "leader_rows", "magnitude", "read_number"]

Array = NDArray[np.float64]
Pair = tuple[Array, Array]
Rows = list[list[Any]]

#: Digits of the interval arithmetic at the point.
_DIGITS = 40


class Linearisation:
    """A two-player game and one of its critical points, ready for enclosures.

    Parameters
    ----------
    game : two players; the first leads.
    point : a `CriticalPoint` of this game, or a row of numbers as `classify` takes it.
    tau : the ratio of the learning rates, > 0.
    of : the field whose zero a row of numbers is taken to be.

    Raises `GameError` for another number of players, a ``tau`` that is not positive, a
    row without a critical point near it, and a point of another game.
    """

    def __init__(self, game: Game, point: Any, tau: Number = 1, *,
                 of: str = "stackelberg") -> None:
        if not isinstance(game, Game):
            raise GameError(f"expected a Game, not {game!r}")
        if game.n_players != 2:
            raise GameError(f"this is a statement about two players, and the game has "
                            f"{game.n_players}")
        self.game, self.tau = game, ratio(exact(tau, "tau"))
        self.n, self.n1 = len(game.variables), game.sizes[0]
        self.is_zero_sum = game.is_zero_sum
        self.forms = Forms(game)
        if not isinstance(point, CriticalPoint):
            point = classify(game, [point], of="simultaneous" if self.is_zero_sum else of)[0]
        else:
            self._check(point)
        self.point: CriticalPoint = point

    def _check(self, point: CriticalPoint) -> None:
        """Raises `GameError` where a point is seen to belong to another game."""
        if point.x.shape != (self.n,):
            raise ShapeError(f"the point has {point.x.size} coordinates, and the game "
                             f"{self.n} variables")
        self.point = point
        for name, matrix in zip(("J", "J_S"), self.floats):
            known = point.eigenvalues[name]
            if known is None or not np.isfinite(matrix).all():
                same = known is None and not np.isfinite(matrix).all()
            else:
                scale = 1e-300 + np.linalg.norm(matrix)
                p, q = (np.poly(v / scale) for v in (known, np.linalg.eigvals(matrix)))
                same = np.allclose(p, q, rtol=1e-6, atol=1e-6)
            if not same:
                raise GameError(f"the point was found for another game, or for other values of "
                                f"its parameters: {name} had other eigenvalues there")

    # -- the point ---------------------------------------------------------

    @cached_property
    def ends(self) -> list[tuple[Fraction, Fraction]] | None:
        """An enclosure of each coordinate; None for a point without proof."""
        if not self.point.certified:
            return None
        exact_point = self.point.exact or (None,) * self.n
        reach = Fraction(self.point.radius)
        return [(Fraction(int(e.p), int(e.q)),) * 2 if e is not None and e.is_Rational
                else (Fraction(v) - reach, Fraction(v) + reach)
                for v, e in zip(self.point.x.tolist(), exact_point)]

    @cached_property
    def exact_numbers(self) -> ExactNumbers | None:
        """Arithmetic at the point where it is rational or a multiple of pi, else None."""
        if not self.point.exact or not self.point.certified:
            return None
        return numbers_at(self.point.exact)

    @cached_property
    def exact_jacobian(self) -> tuple[ExactNumbers, Rows] | None:
        """The arithmetic and J in it, or None where J is not known exactly."""
        numbers = self.exact_numbers
        if numbers is None:
            return None
        try:
            flat = self.forms.second.evaluate(numbers.inputs, numbers)
        except ArithmeticError:
            return None
        if any(isinstance(e, PiMultiple) for e in flat):
            return None
        return numbers, [flat[k:k + self.n] for k in range(0, len(flat), self.n)]

    @cached_property
    def rational_jacobian(self) -> list[list[Fraction]] | None:
        """c J, c > 0, with rational entries, or None; c = 1 wherever J is rational."""
        if self.exact_jacobian is None:
            return None
        numbers, rows = self.exact_jacobian
        terms = [e.terms for row in rows for e in row if e.terms]
        if any(len(t) > 1 or not isinstance(t[0][1], Fraction) for t in terms):
            return None
        # One factor exp(u) > 0 of all the entries may be left out.
        if any(numbers.algebraic_sign(t[0][0] - terms[0][0][0]) for t in terms):
            return None
        return [[e.terms[0][1] if e.terms else Fraction(0) for e in row] for row in rows]

    # -- hypotheses ----------------------------------------------------------

    def zero_sum(self) -> Truth:
        """Whether the costs are f and -f."""
        if self.is_zero_sum:
            return Truth.YES
        program = Program(self.forms.blocks.graph, self.forms.blocks.costs, self.n)
        for shift in range(4):
            arithmetic = PreciseIntervals(_DIGITS)
            inputs = [arithmetic.constant(Fraction(v) + Fraction(shift, 7 + k))
                      for k, v in enumerate(self.point.x.tolist())]
            try:
                total = arithmetic.add(*program.evaluate(inputs, arithmetic))
            except NoEnclosure:
                break
            if arithmetic.defined and interval_sign(total):
                return Truth.NO
        return Truth.UNDECIDED

    def is_critical(self, of: str) -> Truth:
        """Whether omega = 0, or omega_S = 0, at the point."""
        if not self.point.certified:
            return Truth.UNDECIDED
        if of == self.point.of:
            return Truth.YES
        if of == "simultaneous":
            return Truth.YES if self.is_zero_sum else self._all_zero(self._leader_slope)
        if self.point.differential_stackelberg is Truth.YES:
            return Truth.YES
        if self.follower_counts is None:
            return Truth.UNDECIDED
        if self.follower_counts[2]:
            return Truth.NO                 # D22 f2 is singular: omega_S is not defined
        return Truth.YES if self.is_zero_sum else self._all_zero(self._pull)

    def _all_zero(self, question: Callable[[Any, list[Any]], list[Any]]) -> Truth:
        """Whether the values made of D f1 and F at the point are zero."""
        numbers = self.exact_numbers
        try:
            if numbers is not None:
                first = self.forms.first.evaluate(numbers.inputs, numbers)
                if not any(map(numbers.sign, first[:self.n])):
                    return Truth.YES        # both questions are about multiples of these
            signs = [interval_sign(v) for v in question(self.arithmetic, self._first)]
        except ArithmeticError:
            return Truth.UNDECIDED
        if any(signs):
            return Truth.NO
        return Truth.UNDECIDED if None in signs else Truth.YES

    def _leader_slope(self, a: Any, first: list[Any]) -> list[Any]:
        """D_1 f1."""
        return first[:self.n1]

    def _pull(self, a: Any, first: list[Any]) -> list[Any]:
        """C^T D^-T D_y f1 = D_1 f1 - D f1, which is to vanish where D_1 f1 does."""
        v = solve(a, transposed(self.response), [[g] for g in first[self.n1:self.n]], magnitude)
        return self.defined([row[0] for row in product(a, transposed(self.cross), v)])

    @property
    def follower_counts(self) -> tuple[int, int, int] | None:
        """The inertia of D22 f2, None where it is not proved."""
        return self.point.inertia["D22 f2"]

    def is_definite(self, name: str) -> Truth:
        """Whether a symmetric matrix of the point's ``inertia`` is positive definite."""
        counts = self.point.inertia[name]
        return Truth.of(None if counts is None else not counts[1] and not counts[2])

    # -- enclosures at the point -----------------------------------------------

    @cached_property
    def arithmetic(self) -> PreciseIntervals:
        """The arithmetic of the enclosures at the point."""
        return PreciseIntervals(_DIGITS)

    @cached_property
    def inputs(self) -> list[Any]:
        """The coordinates as intervals; ArithmeticError for a point without proof."""
        if self.ends is None:
            raise ArithmeticError("a point that was found without proof has no enclosure")
        return [self.arithmetic.interval(*e) for e in self.ends]

    def _evaluated(self, program: Program) -> list[Any]:
        try:
            values = program.evaluate(self.inputs, self.arithmetic)
        except NoEnclosure as error:
            raise ArithmeticError(str(error)) from None
        return self.defined(values)

    def defined(self, value: Any) -> Any:
        """The value itself; ArithmeticError if something in it was not defined."""
        if not self.arithmetic.defined:
            del self.arithmetic             # its flag stays down
            raise ArithmeticError("a derivative, or a quotient by D22 f2, is not defined in "
                                  "the whole enclosure of the point")
        return value

    @cached_property
    def _first(self) -> list[Any]:
        return self._evaluated(self.forms.first)

    @cached_property
    def jacobian(self) -> Rows:
        """J."""
        flat = self._evaluated(self.forms.second)
        return [flat[k:k + self.n] for k in range(0, len(flat), self.n)]

    @property
    def response(self) -> Rows:
        """D = D22 f2."""
        return [row[self.n1:] for row in self.jacobian[self.n1:]]

    @property
    def cross(self) -> Rows:
        """C = D21 f2."""
        return [row[:self.n1] for row in self.jacobian[self.n1:]]

    @cached_property
    def schur_complement(self) -> Rows:
        """S1(J)."""
        a, n1 = self.arithmetic, self.n1
        slopes = solve(a, self.response, self.cross, magnitude)
        lead = [row[:n1] for row in self.jacobian[:n1]]
        across = [row[n1:] for row in self.jacobian[:n1]]
        return self.defined(difference(a, lead, product(a, across, slopes)))

    @cached_property
    def tau_interval(self) -> Any:
        """tau in the arithmetic of the point."""
        return read_number(self.tau, self.arithmetic)

    def scaled(self, rows: Rows) -> Rows:
        """tau times a matrix."""
        return [[self.arithmetic.mul(self.tau_interval, e) for e in row] for row in rows]

    @cached_property
    def stackelberg_jacobian(self) -> Rows:
        """J_S_tau at the point."""
        a, n1 = self.arithmetic, self.n1
        if self.is_zero_sum and self.point.certified:
            zero = a.constant(0)
            lead = [[*row, *[zero] * (self.n - n1)] for row in self.schur_complement]
        else:
            try:
                lead = leader_rows(self.forms, self.inputs, a, magnitude)
            except NoEnclosure as error:
                raise ArithmeticError(str(error)) from None
        return self.defined(lead + self.scaled(self.jacobian[n1:]))

    def bounds(self, rows: Rows) -> Pair:
        """A matrix of intervals as two float matrices, rounded outward."""
        low, high = np.empty((2, len(rows), len(rows[0])))
        for i, row in enumerate(rows):
            for j, entry in enumerate(row):
                a, b = self.arithmetic.bounds(entry)
                low[i, j], high[i, j] = down(a), up(b)
        return low, high

    # -- floats, without proof --------------------------------------------------

    @cached_property
    def floats(self) -> tuple[Array, Array]:
        """J and J_S in floats, rounded; J_S is NaN where it is not defined."""
        compiled = compile_game(self.game)
        with np.errstate(all="ignore"):
            jacobian = compiled.jacobian(self.point.x)
            try:
                return jacobian, compiled.stackelberg_jacobian(self.point.x)
            except GameError:
                return jacobian, np.full(jacobian.shape, np.nan)

    @property
    def stackelberg_floats(self) -> Array:
        """J_S_tau in floats."""
        out = self.floats[1].copy()
        out[self.n1:] *= float(self.tau)
        return out


def leader_rows(forms: Forms, inputs: Sequence[Any], a: Any,
                size: Callable[[Any], Any] | None = None) -> Rows:
    """The leader's rows of J_S over a box, in the arithmetic ``a``."""
    n, n1 = forms.n, forms.n1
    slopes = forms.first.evaluate(inputs, a)[n1:n]
    flat = forms.second.evaluate(inputs, a)
    jacobian = [flat[k:k + n] for k in range(0, len(flat), n)]
    flat = forms.lower.evaluate(inputs, a)
    lower = [flat[k:k + n] for k in range(0, len(flat), n)]
    across = transposed([row[n1:] for row in jacobian[n1:]])
    v = [row[0] for row in solve(a, across, [[g] for g in slopes], size)]
    flat = forms.third.evaluate([*inputs, *v], a)
    curvature = [flat[k:k + n] for k in range(0, len(flat), n)]
    direct = difference(a, jacobian[:n1], curvature[:n1])
    answer = solve(a, across, difference(a, lower, curvature[n1:]), size)
    cross = transposed([row[:n1] for row in jacobian[n1:]])
    return difference(a, direct, product(a, cross, answer))


def read_number(value: sp.Expr, arithmetic: Any) -> Any:
    """An exact SymPy number in an arithmetic."""
    if value.is_Rational:
        return arithmetic.constant(Fraction(int(value.p), int(value.q)))
    graph = Graph(0)
    return Program(graph, [Reader(graph, {}).read(value)]).evaluate([], arithmetic)[0]


def magnitude(interval: Any) -> Any:
    """The least |x| in an interval, for choosing a pivot."""
    low, high = interval.a, interval.b
    return low if low > 0 else -high if high < 0 else -1
