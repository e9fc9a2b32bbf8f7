r"""The matrices that decide an equilibrium, at one point, in exact or interval numbers.

With x1 the leader's actions and y all the others', F the followers' own gradients,
C = D_1 F, M = D_y F (for one follower D22 f2), d = det M, and h = v . F with v held
constant (see `blocks`), everything below is free of division: the matrices are
multiplied by a power of d, whose sign is decided on its own.

    v^  = adj(M)^T D_y f1                                  = d v
    w^  = d D_1 f1 - C^T v^                                = d D f1
    T   = d^2 D D_1 f1 - d D D_1 h(v^) - C^T adj(M)^T (d D D_y f1 - D D_y h(v^))
                                                           = d^2 (leader's rows of J_S)
    H   = d T_x - T_y adj(M) C                             = d^3 S1(J_S) = d^3 D^2 f1

At a critical point of a zero-sum game D_y f1 = -F = 0, so v = 0 and no third
derivative is needed.

In intervals M is inverted where it is large, and (d, adj M) is (1, M^-1) in all of these.

The derivatives themselves come from a source: programs evaluated in some arithmetic, or
the 3-jets of the costs where these are rational.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from ..declaration.game import Game
from ..exact.jets import Jet
from ..exact.minors import (adjugate, determinant, dot, integer_dot, interval_inverse,
                            interval_sign, minus, scaled_schur_complement)
from ..programs.blocks import GameBlocks
from ..programs.program import Program

__all__ = ["Forms", "FormsAt", "JetAt", "Matrices"]

Array = NDArray[np.float64]
Rows = list[list[Any]]

#: Above this size an interval matrix M is inverted: its adjugate takes O(n^4) operations.
_LARGE = 6


class Forms:
    """Programs of a game's first, second and third derivatives, one order of play.

    With parameters ``moving`` the programs have these as further inputs, the last ones.
    """

    def __init__(self, game: Game, moving: Sequence[sp.Symbol] = ()) -> None:
        self.game = game
        self.blocks = GameBlocks(game, moving)
        self.n, self.n1 = self.blocks.n, self.blocks.n1
        self.sizes = game.sizes

    @cached_property
    def is_zero_sum(self) -> bool:
        """Whether there are two players, whose costs are f and -f."""
        return self.game.is_zero_sum

    def _program(self, nodes: Sequence[int], n_inputs: int) -> Program:
        blocks = self.blocks
        return Program(blocks.graph, nodes, [*range(n_inputs), *blocks.moving])

    @cached_property
    def first(self) -> Program:
        """D f1 in all variables, then F."""
        return self._program([*self.blocks.f1, *self.blocks.followers], self.n)

    @cached_property
    def second(self) -> Program:
        """J, row by row."""
        return self._program(_flat(self.blocks.jacobian), self.n)

    @cached_property
    def lower(self) -> Program:
        """The rows D D_y f1 of the Hessian of f1."""
        return self._program(_flat(self.blocks.f1_hessian[self.n1:]), self.n)

    @cached_property
    def third(self) -> Program:
        """The Hessian of h in x, a program in (x, v)."""
        return self._program(_flat(self.blocks.h_hessian), 2 * self.n - self.n1)


class Source(Protocol):
    """The derivatives of the costs at a point, one order of play, in one kind of numbers."""

    sizes: tuple[int, ...]

    def first(self) -> list[Any]:
        """D f1 in all variables, then F."""

    def second(self) -> Rows:
        """J."""

    def lower(self) -> Rows:
        """The rows D D_y f1 of the Hessian of f1."""

    def third(self, v: Sequence[Any]) -> Rows:
        """The Hessian of h = v . F, v held constant."""


class FormsAt:
    """The programs of `Forms` at a point.

    inputs : the coordinates, in the order of the game of ``forms``.
    new_arithmetic : makes an arithmetic for `Program.evaluate`.

    Raises ArithmeticError where a derivative is not defined in the whole enclosure.
    """

    def __init__(self, forms: Forms, inputs: Sequence[Any],
                 new_arithmetic: Callable[[], Any]) -> None:
        self.forms, self.inputs, self.new_arithmetic = forms, list(inputs), new_arithmetic
        self.sizes = forms.sizes

    def _evaluate(self, program: Program, inputs: Sequence[Any]) -> list[Any]:
        arithmetic = self.new_arithmetic()
        values = program.evaluate(inputs, arithmetic)
        if not getattr(arithmetic, "defined", True):
            raise ArithmeticError("a derivative is not defined in the whole enclosure")
        return values

    def first(self) -> list[Any]:
        """D f1 in all variables, then F."""
        return self._evaluate(self.forms.first, self.inputs)

    def second(self) -> Rows:
        """J."""
        return self._second

    @cached_property
    def _second(self) -> Rows:
        return _rows(self._evaluate(self.forms.second, self.inputs), self.forms.n)

    def lower(self) -> Rows:
        """The rows D D_y f1 of the Hessian of f1."""
        if self.forms.is_zero_sum:
            return [[-entry for entry in row] for row in self._second[self.forms.n1:]]
        return _rows(self._evaluate(self.forms.lower, self.inputs), self.forms.n)

    def third(self, v: Sequence[Any]) -> Rows:
        """The Hessian of h = v . F, v held constant."""
        return _rows(self._evaluate(self.forms.third, [*self.inputs, *v]), self.forms.n)


class JetAt:
    """The derivatives of a `Jet`, each times the positive ``jet.scale``, in integers."""

    def __init__(self, jet: Jet) -> None:
        self.jet, self.sizes = jet, jet.sizes
        self.owners, self.n = jet.owners, jet.n

    def first(self) -> list[int]:
        """D f1 in all variables, then F."""
        jet, n1 = self.jet, self.sizes[0]
        return ([jet.slope(0, i) for i in range(self.n)]
                + [jet.slope(self.owners[i], i) for i in range(n1, self.n)])

    def second(self) -> list[list[int]]:
        """J."""
        return [self.jet.hessian_row(p, i) for i, p in enumerate(self.owners)]

    def lower(self) -> list[list[int]]:
        """The rows D D_y f1 of the Hessian of f1."""
        return [self.jet.hessian_row(0, i) for i in range(self.sizes[0], self.n)]

    def third(self, v: Sequence[Any]) -> Rows:
        """The Hessian of h = v . F, v held constant."""
        n1, third = self.sizes[0], self.jet.third
        terms = [(k, self.owners[k], w) for k, w in enumerate(v, n1) if w]
        return [[sum(w * third(p, k, i, j) for k, p, w in terms) for j in range(self.n)]
                for i in range(self.n)]


class Matrices:
    """The matrices above at one point, in one kind of numbers.

    Parameters
    ----------
    source : the derivatives, `FormsAt` or `JetAt`.
    sign : the sign of a number, None where unknown.
    response_free : whether D_y f1 is known to be zero at the point.
    """

    def __init__(self, source: Source, sign: Callable[[Any], int | None],
                 response_free: bool) -> None:
        self.source, self.sign, self.response_free = source, sign, response_free
        self.sizes, self.n, self.n1 = source.sizes, sum(source.sizes), source.sizes[0]
        self._dot: Callable[..., Any] = integer_dot if isinstance(source, JetAt) else dot

    @cached_property
    def _first(self) -> list[Any]:
        return self.source.first()

    @cached_property
    def jacobian(self) -> Rows:
        """J."""
        return self.source.second()

    @property
    def omega(self) -> list[Any]:
        """The game's gradient."""
        return self._first[:self.n1] + self._first[self.n:]

    def own_hessians(self) -> list[Rows]:
        """D_ii f_i for each player in order of play."""
        out, start = [], 0
        for size in self.sizes:
            stop = start + size
            out.append([row[start:stop] for row in self.jacobian[start:stop]])
            start = stop
        return out

    @cached_property
    def response(self) -> Rows:
        """M, the followers' joint Jacobian."""
        return [row[self.n1:] for row in self.jacobian[self.n1:]]

    @cached_property
    def cross(self) -> Rows:
        """C = D_1 F."""
        return [row[:self.n1] for row in self.jacobian[self.n1:]]

    @cached_property
    def _inverse(self) -> Rows | None:
        """M^-1 in place of adj M, with d = 1: for intervals, where M is large.

        Every formula holds for (d, adj M) times a number that is not zero.
        """
        if self.sign is not interval_sign or len(self.response) <= _LARGE:
            return None
        return interval_inverse(self.response)

    @cached_property
    def d(self) -> Any:
        """det M, or 1 where M is proved to be regular and its inverse is known."""
        return determinant(self.response) if self._inverse is None else 1

    @cached_property
    def _adjugate(self) -> Rows:
        return adjugate(self.response) if self._inverse is None else self._inverse

    @cached_property
    def _v(self) -> list[Any]:
        leader_cost = self._first[self.n1:self.n]
        return [self._dot(column, leader_cost) for column in zip(*self._adjugate)]

    def pull(self) -> list[Any]:
        """C^T v^ = d (D_1 f1 - D f1): what the others' answer does to the leader's slope."""
        if self.response_free:
            return []
        return [self._dot(column, self._v) for column in zip(*self.cross)]

    def total_derivative(self) -> list[Any]:
        """d D f1."""
        own = self._first[:self.n1]
        if self.response_free:
            return own
        return [self.d * g - pull for g, pull in zip(own, self.pull())]

    @cached_property
    def _leader_rows(self) -> tuple[Rows, Any]:
        """(power * leader's rows of J_S, power), power = d or d^2."""
        n, n1, d = self.n, self.n1, self.d
        direct = self.jacobian[:n1]
        lower = self.source.lower()
        power = d
        if not self.response_free:
            h = self.source.third(self._v)
            direct = [[d * f - g for f, g in zip(*pair)] for pair in zip(direct, h[:n1])]
            lower = [[d * f - g for f, g in zip(*pair)] for pair in zip(lower, h[n1:])]
            power = d * d
        columns, dot = list(zip(*self._adjugate)), self._dot
        slopes = [[dot(column, right) for column in columns] for right in zip(*lower)]
        across = list(zip(*self.cross))
        rows = [[d * direct[k][j] - dot(across[k], slopes[j]) for j in range(n)]
                for k in range(n1)]
        return rows, power

    def stackelberg_jacobian(self) -> Rows:
        """d^2 J_S: a positive multiple, so that it has the signs of J_S."""
        rows, power = self._leader_rows
        if self.response_free:
            rows, power = [[self.d * e for e in row] for row in rows], self.d * power
        return rows + [[power * e for e in row] for row in self.jacobian[self.n1:]]

    def total_hessian(self) -> tuple[Rows, Any]:
        """(p S1(J_S), p) with p a product of powers of d."""
        rows, power = self._leader_rows
        n1, dot = self.n1, self._dot
        slopes = [[dot(row, column) for row in self._adjugate] for column in zip(*self.cross)]
        return ([[self.d * row[j] - dot(row[n1:], slopes[j]) for j in range(n1)]
                 for row in rows], self.d * power)

    def schur_complement(self) -> tuple[Rows, Any]:
        """(d S1(J), d)."""
        if self._inverse is None:
            return scaled_schur_complement(self.jacobian, self.n1)
        n1, slopes = self.n1, [[dot(row, column) for row in self._inverse]
                               for column in zip(*self.cross)]
        return [[minus(row[j], dot(row[n1:], slopes[j])) for j in range(n1)]
                for row in self.jacobian[:n1]], 1

    def floats(self, scale: int) -> tuple[Array, Array, Array]:
        """J, J_S and S1(J) as floats, for exact entries that are ``scale`` times too large.

        NaN where they are not defined.
        """
        jacobian = _rounded(self.jacobian, scale)
        if not self.sign(self.d):
            return (jacobian, np.full(jacobian.shape, np.nan),
                    np.full((self.n1, self.n1), np.nan))
        schur, power = self.schur_complement()
        return (jacobian, _rounded(self.stackelberg_jacobian(), self.d * self.d * scale),
                _rounded(schur, power * scale))


def _rounded(rows: Rows, scale: int) -> Array:
    """Exact numbers over one denominator, as the nearest floats."""
    return np.array([[_ratio(Fraction(e), scale) for e in row] for row in rows])


def _ratio(value: Fraction, scale: int) -> float:
    try:
        return float(value / scale)
    except OverflowError:
        return math.copysign(math.inf, value * scale)


def _flat(rows: Sequence[Sequence[Any]]) -> list[Any]:
    return [entry for row in rows for entry in row]


def _rows(flat: Sequence[Any], n: int) -> Rows:
    return [list(flat[k:k + n]) for k in range(0, len(flat), n)]
