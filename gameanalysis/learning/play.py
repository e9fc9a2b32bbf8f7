r"""A game at a point that moves: what learning rules are written in.

With z = (x_1, ..., x_N) the joint action of N players and f_i their costs,

    omega = (D_1 f_1, ..., D_N f_N),   J = D omega,   J = H_d + H_o,

H_d the block diagonal of the D_ii f_i and H_o what each player's gradient owes to the
others.  A `Play` holds these as NumPy arrays of entries, so that a rule reads like its
formula, ``z - rates * (omega + J.T @ omega)``.  What an entry is belongs to an algebra:
`Formulas` here makes SymPy expressions, for display and as exact forms, and programs bring
an algebra of their own, whose entries are operations.  One formula serves both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from ..errors import GameError
from ..exact.minors import adjugate, determinant

__all__ = ["Algebra", "Entries", "Formulas", "Play"]

#: An array of entries of an algebra (dtype object).
Entries = NDArray[Any]

#: Linear systems inside a rule are solved by determinants, up to this many unknowns.
LARGEST = 6


class Algebra(Protocol):
    """What a `Play` asks of its entries beside + - * / among themselves and with int."""

    def number(self, value: sp.Expr) -> Any:
        """The entry of an exact number."""

    def gradient(self, entry: Any, variables: Iterable[Any]) -> list[Any]:
        """The partial derivatives of an entry by entries that are variables."""

    def moved(self, entries: Iterable[Any], variables: Iterable[Any],
              values: Iterable[Any]) -> list[Any]:
        """The entries with values in the places of variables, all at once."""

    def select(self, c: Any, a: Any, b: Any) -> Any:
        """a where c > 0, else b."""

    def exp(self, a: Any) -> Any:
        """The exponential of an entry."""


class Formulas:
    """The algebra of SymPy expressions.

    >>> x, y = sp.symbols("x y", real=True)
    >>> Formulas().moved([x + 2*y], [x, y], [y, x])
    [2*x + y]
    """

    def number(self, value: sp.Expr) -> sp.Expr:
        """The number itself."""
        return value

    def gradient(self, entry: Any, variables: Iterable[sp.Symbol]) -> list[sp.Expr]:
        """Partial derivatives."""
        return [sp.diff(entry, variable) for variable in variables]

    def moved(self, entries: Iterable[Any], variables: Iterable[sp.Symbol],
              values: Iterable[Any]) -> list[sp.Expr]:
        """Simultaneous substitution."""
        mapping = {a: _expression(b) for a, b in zip(variables, values)}
        return [_expression(entry).xreplace(mapping) for entry in entries]

    def select(self, c: sp.Expr, a: sp.Expr, b: sp.Expr) -> sp.Expr:
        """A Piecewise."""
        return sp.Piecewise((a, c > 0), (b, True))

    def exp(self, a: sp.Expr) -> sp.Expr:
        """The exponential."""
        return sp.exp(a)


def _expression(value: Any) -> sp.Expr:
    if isinstance(value, Fraction):
        return sp.Rational(value.numerator, value.denominator)
    return sp.Integer(value) if isinstance(value, int) else value


class Play:
    """Blocks of a game as arrays of entries, derived when asked for.

    ``z`` : the joint action, (n,); ``players``: the slice of z of each player.

    >>> x, y = sp.symbols("x y", real=True)
    >>> play = Play(Formulas(), [x*y, y**2/2 - x*y], [x, y], [1, 1])
    >>> play.omega, play.others.tolist()
    (array([y, -x + y], dtype=object), [[0, 1], [-1, 0]])
    """

    def __init__(self, algebra: Algebra, costs: Sequence[Any], variables: Sequence[Any],
                 sizes: Sequence[int]) -> None:
        self.algebra, self.costs = algebra, list(costs)
        self.z = entries(variables)
        starts = np.concatenate([[0], np.cumsum(sizes)]).tolist()
        self.players = [slice(a, b) for a, b in zip(starts, starts[1:])]
        self.n, self.leader, self.followers = len(self.z), self.players[0], slice(sizes[0], None)

    @cached_property
    def omega(self) -> Entries:
        """omega, each player's gradient of its own cost, (n,)."""
        return entries(g for cost, own in zip(self.costs, self.players)
                       for g in self.algebra.gradient(cost, self.z[own]))

    @cached_property
    def jacobian(self) -> Entries:
        """J = D omega, (n, n)."""
        return self.derivative(self.omega)

    @cached_property
    def own(self) -> Entries:
        """H_d, the blocks D_ii f_i on the diagonal of J, zero elsewhere, (n, n)."""
        return self._masked(True)

    @cached_property
    def others(self) -> Entries:
        """H_o = J - H_d, (n, n)."""
        return self._masked(False)

    def _masked(self, diagonal: bool) -> Entries:
        inside = np.zeros((self.n, self.n), dtype=bool)
        for own in self.players:
            inside[own, own] = True
        zero = self.algebra.number(sp.S.Zero)
        return np.where(inside if diagonal else ~inside, self.jacobian, zero)

    def slope(self, player: int) -> Entries:
        """D f_i: the gradient of a player's cost in all variables, (n,)."""
        return entries(self.algebra.gradient(self.costs[player], self.z))

    def derivative(self, values: Entries, variables: Entries | None = None) -> Entries:
        """The Jacobian of an array of entries (k,) by variables, z by default: (k, n)."""
        over = self.z if variables is None else variables
        out = np.empty((len(values), len(over)), dtype=object)
        for k, value in enumerate(values):
            out[k] = self.algebra.gradient(value, over)
        return out

    def moved(self, values: Entries, z: Entries) -> Entries:
        """The same functions at another joint action z, an array of entries."""
        return entries(self.algebra.moved(values, self.z, z))

    def solve(self, matrix: Entries, right: Entries) -> Entries:
        """matrix^-1 right, by determinants.  Raises `GameError` beyond 6 unknowns."""
        if len(matrix) > LARGEST:
            raise GameError(f"this rule solves a linear system in {len(matrix)} variables "
                            f"inside its formula, which is for at most {LARGEST}")
        rows = matrix.tolist()
        return entries(sum(a * b for a, b in zip(row, right)) / determinant(rows)
                       for row in adjugate(rows))

    def solve_own(self, right: Entries) -> Entries:
        """H_d^-1 right, player by player."""
        return np.concatenate([self.solve(self.jacobian[own, own], right[own])
                               for own in self.players])

    def number(self, value: sp.Expr) -> Any:
        """The entry of an exact number."""
        return self.algebra.number(value)

    def select(self, c: Any, a: Any, b: Any) -> Any:
        """a where c > 0, else b."""
        return self.algebra.select(c, a, b)

    def identity(self) -> Entries:
        """The n x n unit matrix."""
        zero, one = (self.algebra.number(k) for k in (sp.S.Zero, sp.S.One))
        return np.where(np.eye(self.n, dtype=bool), one, zero)


def entries(values: Iterable[Any]) -> Entries:
    """A vector of entries; NumPy would look inside of some of them."""
    listed = list(values)
    out = np.empty(len(listed), dtype=object)
    for k, value in enumerate(listed):
        out[k] = value
    return out
