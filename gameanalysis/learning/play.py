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

import random
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any, Protocol

import mpmath
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
#: Formulas whose trees have more operations than this are not written down.
LONGEST = 50_000


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

    def vanishes(self, entry: Any) -> bool:
        """Whether an entry is seen to be zero everywhere."""


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
        """Simultaneous substitution.

        Raises `GameError` for a result too long to be written down: steps put into steps
        grow by a factor each, as formulas, though not as programs.
        """
        mapping = {a: expression(b) for a, b in zip(variables, values)}
        sizes = {a: _size(b, {}) for a, b in mapping.items()}
        listed = [expression(entry) for entry in entries]
        for entry in listed:
            # Numbers and symbols in the place of symbols make nothing longer.
            size = _size(entry, dict(sizes)) if max(sizes.values(), default=1) > 1 else 0
            if size > LONGEST:
                raise GameError(f"this formula has about {size:.0e} operations, too many to be "
                                f"written down: take fewer steps, or compile it, since programs "
                                f"share equal parts")
        return [entry.xreplace(mapping) for entry in listed]

    def select(self, c: sp.Expr, a: sp.Expr, b: sp.Expr) -> sp.Expr:
        """A Piecewise."""
        c = expression(c)
        if c.is_Rational:
            return a if c > 0 else b
        # As it stands: SymPy takes seconds to see that it does not know the sign.
        condition = sp.Gt(c, 0, evaluate=False)
        return sp.Piecewise((a, condition), (b, True), evaluate=False)

    def exp(self, a: sp.Expr) -> sp.Expr:
        """The exponential."""
        return sp.exp(a)

    def vanishes(self, entry: Any) -> bool:
        """Whether an entry is zero at three random points."""
        return not any(_at_random(expression(entry), k) for k in range(3))


def expression(value: Any) -> sp.Expr:
    """The SymPy expression of an entry, which may be an int or a Fraction."""
    if isinstance(value, Fraction):
        return sp.Rational(value.numerator, value.denominator)
    return sp.Integer(value) if isinstance(value, int) else value


def _size(entry: sp.Expr, known: dict[sp.Basic, int]) -> int:
    """Operations of a formula as a tree; equal parts are counted once each time they occur."""
    stack = [entry]
    while stack:
        top = stack[-1]
        missing = [] if top in known else [part for part in top.args if part not in known]
        stack.extend(missing)
        if not missing:
            stack.pop()
            known.setdefault(top, 1 + sum(known[part] for part in top.args if part in known))
    return known[entry]


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

    def solve(self, matrix: Entries, right: Entries, what: str) -> Entries:
        """matrix^-1 right, by determinants; ``what`` names the matrix in messages.

        Raises `GameError` beyond 6 unknowns and for a matrix that is singular everywhere.
        """
        require_small(matrix, what)
        rows = matrix.tolist()
        scale = determinant(rows)
        if self.algebra.vanishes(scale):
            raise _singular(what)
        return entries(sum(a * b for a, b in zip(row, right)) / scale
                       for row in adjugate(rows))

    def solve_own(self, right: Entries) -> Entries:
        """H_d^-1 right, player by player."""
        return np.concatenate([
            self.solve(self.jacobian[own, own], right[own], f"the Hessian D{k}{k} f{k}")
            for k, own in enumerate(self.players, 1)])

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


class Trial(Play):
    """A `Play` that follows a rule's formula for the linear systems in it alone.

    ``solve`` raises what `Play.solve` raises, and else returns its right side, and nothing is
    moved, so that no formula grows.  In games with n^2 (operations of the costs) beyond
    ``EXACT`` only sizes are checked.
    """

    EXACT = 5_000

    def __init__(self, costs: Sequence[sp.Expr], variables: Sequence[sp.Symbol],
                 sizes: Sequence[int]) -> None:
        exact = len(variables)**2 * sum(map(sp.count_ops, costs)) <= self.EXACT
        super().__init__(Formulas(), costs if exact else [sp.S.Zero] * len(sizes),
                         variables, sizes)
        self._exact = exact
        self._systems: dict[tuple, bool] = {}
        self._values: dict[tuple, mpmath.mpc] = {}

    def derivative(self, values: Entries, variables: Entries | None = None) -> Entries:
        """The Jacobian; unknown entries in large games."""
        if self._exact:
            return super().derivative(values, variables)
        return np.array([[sp.Dummy() for _ in self.z] for _ in values], dtype=object)

    def moved(self, values: Entries, z: Entries) -> Entries:
        """The functions where they are."""
        return values

    def select(self, c: Any, a: Any, b: Any) -> Any:
        """One of both."""
        return a

    def solve(self, matrix: Entries, right: Entries, what: str) -> Entries:
        """The right side, if the system can be solved."""
        require_small(matrix, what)
        key = tuple(matrix.ravel())
        if key not in self._systems:
            self._systems[key] = any(self._is_regular(matrix, k) for k in range(3))
        if not self._systems[key]:
            raise _singular(what)
        return right

    def _is_regular(self, matrix: Entries, k: int) -> bool:
        """Whether the matrix is at the k-th of some random points, to 30 digits."""
        with mpmath.workdps(40):
            rows = [[self._value(entry, k) for entry in row] for row in matrix]
            scales = [max(map(abs, row)) for row in rows]
            if not all(scales):
                return False
            scaled = [[entry / scale for entry in row] for row, scale in zip(rows, scales)]
            return bool(abs(mpmath.det(mpmath.matrix(scaled))) > mpmath.mpf(10)**-30)

    def _value(self, entry: sp.Expr, k: int) -> mpmath.mpc:
        if (entry, k) not in self._values:
            self._values[entry, k] = _at_random(expression(entry), k)
        return self._values[entry, k]


def require_small(matrix: Entries, what: str) -> None:
    """Raise `GameError` for a system of more than 6 unknowns."""
    if len(matrix) > LARGEST:
        raise GameError(f"the rule inverts {what}, which has {len(matrix)} rows here: its "
                        f"formula is for at most {LARGEST}")


def _singular(what: str) -> GameError:
    return GameError(f"the rule inverts {what}, which is singular everywhere in this game: "
                     f"take another rule, or one that regularises (eta, lam > 0)")


def _at_random(entry: sp.Expr, k: int) -> mpmath.mpc:
    """An entry at the k-th of some random points: 0 where evalf found no digit."""
    # Drawn symbol by symbol, so that the entries of a matrix share their point.
    point = {symbol: sp.Rational(random.Random(f"{symbol!r} {symbol.sort_key()} {k}").randint(
        -10**9, 10**9), 10**9) for symbol in entry.free_symbols}
    parts = entry.xreplace(point).evalf(40).as_real_imag()
    return mpmath.mpc(*(mpmath.mpmathify(part) if part.is_Float and part._prec > 1 else 0
                        for part in parts))


def entries(values: Iterable[Any]) -> Entries:
    """A vector of entries; NumPy would look inside of some of them."""
    listed = list(values)
    out = np.empty(len(listed), dtype=object)
    for k, value in enumerate(listed):
        out[k] = value
    return out
