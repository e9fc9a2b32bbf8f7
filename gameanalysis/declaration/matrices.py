r"""Costs in matrices: actions and parameters that are whole matrices.

A player may choose a matrix, and a cost may be a scalar made of matrices: traces,
determinants and entries of sums, products, transposes, inverses and elementwise products,

    f_1(V, W) = tr(W^T (Sigma - V V^T)),

with V, W and Sigma SymPy `MatrixSymbol`.  Such a game is the same game as the one in the
entries of its matrices, read row by row, V11, V12, ..., and is known as both: written out
in entries wherever formulas of single variables are wanted, and kept in matrices where
programs are made, which then multiply matrices.

Only what is differentiable and real is let in; entries are real numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Any, Union

import sympy as sp
from sympy.matrices.expressions.determinant import Determinant
from sympy.matrices.expressions.matexpr import MatrixElement
from sympy.matrices.expressions.special import OneMatrix

from ..errors import GameError, UnsupportedFunction
from ..tables import short
from .costs import check_node, exact, rationalise

__all__ = ["MatrixDeclaration", "checked_matrix_cost", "entries", "exact_matrix", "expanded",
           "has_matrices", "matrix_action", "matrix_entries"]

Declared = Union[sp.Symbol, sp.MatrixSymbol]

#: Inverses and determinants are written out in entries up to these sizes.
_INVERTED, _DETERMINED = 5, 8

_MATRICES = (sp.MatrixSymbol, sp.MatMul, sp.MatAdd, sp.Transpose, sp.Inverse, sp.MatPow,
             sp.Identity, sp.ZeroMatrix, OneMatrix, sp.HadamardProduct, sp.HadamardPower,
             sp.MatrixBase)
_SCALARS = (sp.Trace, Determinant, MatrixElement)


@dataclass(frozen=True)
class MatrixDeclaration:
    """A game as it was declared, in matrices.

    ``costs`` : one scalar expression a player, of the symbols below.
    ``actions`` : for each player the matrix and scalar symbols it chooses; their entries, row
        by row, are the game's variables in order.
    ``parameters`` : the value of every other symbol, an exact matrix or number.
    """

    costs: tuple[sp.Expr, ...]
    actions: tuple[tuple[Declared, ...], ...]
    parameters: Mapping[Declared, sp.ImmutableMatrix | sp.Expr]


def has_matrices(expression: Any) -> bool:
    """Whether an expression is one of matrix symbols.

    >>> has_matrices(sp.Trace(sp.MatrixSymbol("V", 2, 2))), has_matrices(sp.Symbol("x"))
    (True, False)
    """
    return isinstance(expression, sp.Basic) and expression.has(sp.MatrixSymbol)


def matrix_action(symbol: sp.MatrixSymbol, role: str = "the action") -> sp.MatrixSymbol:
    """The symbol, if it has a shape in numbers; raises `GameError` otherwise."""
    if not all(side.is_Integer and side > 0 for side in symbol.shape):
        raise GameError(f"{role} {symbol} has the shape {symbol.shape}: give whole numbers, as "
                        f"in sp.MatrixSymbol('{symbol}', 3, 3)")
    return symbol


@lru_cache(maxsize=256)
def entries(symbol: sp.MatrixSymbol) -> tuple[sp.Symbol, ...]:
    """The real symbols of a matrix's entries, row by row.

    They are called V11, V12, ..., with an underscore between numbers of two digits, and
    x1, x2, ... in a vector.

    >>> entries(sp.MatrixSymbol("V", 2, 2))
    (V11, V12, V21, V22)
    """
    rows, columns = map(int, symbol.shape)
    between = "" if max(rows, columns) < 10 else "_"
    if 1 in (rows, columns) and rows != columns:
        return tuple(sp.Symbol(f"{symbol.name}{k}", real=True)
                     for k in range(1, rows * columns + 1))
    return tuple(sp.Symbol(f"{symbol.name}{i}{between}{j}", real=True)
                 for i in range(1, rows + 1) for j in range(1, columns + 1))


def matrix_entries(value: Any, symbol: sp.MatrixSymbol) -> dict[sp.Symbol, sp.Expr]:
    """The exact value of each entry of a matrix parameter.

    ``value`` is a SymPy matrix, an array or nested sequences, of the symbol's shape.
    Raises `GameError` for another shape or an entry that is not a real number.

    >>> matrix_entries([[0.5, 1]], sp.MatrixSymbol("b", 1, 2))
    {b1: 1/2, b2: 1}
    """
    rows, columns = map(int, matrix_action(symbol, "the parameter").shape)
    given = _given_rows(value, f"the parameter {symbol}, a {rows} x {columns} matrix,")
    if len(given) != rows or any(len(row) != columns for row in given):
        if rows == 1 and len(given) == columns and all(len(row) == 1 for row in given):
            given = [[row[0] for row in given]]             # a vector, written in one row
        else:
            raise GameError(f"the parameter {symbol} is a {rows} x {columns} matrix, and its "
                            f"value has the rows {short(given)}")
    flat = [entry for row in given for entry in row]
    return {name: exact(entry, f"the entry {name} of the parameter {symbol}")
            for name, entry in zip(entries(symbol), flat)}


def exact_matrix(value: Any, what: str) -> sp.ImmutableMatrix:
    """The matrix of exact numbers that nested sequences, an array or a SymPy matrix hold.

    Raises `GameError` for rows of different lengths and entries that are not real numbers.

    >>> exact_matrix([[0.5, 1]], "M")
    Matrix([[1/2, 1]])
    """
    rows = _given_rows(value, what)
    if len({len(row) for row in rows}) > 1:
        raise GameError(f"{what} has rows of different lengths: {short(rows)}")
    return sp.ImmutableMatrix([[exact(entry, f"an entry of {what}") for entry in row]
                               for row in rows])


def _given_rows(value: Any, what: str) -> list[list[Any]]:
    """The rows of what was given as a matrix; text in them is left as it is, never read."""
    given = value.tolist() if hasattr(value, "tolist") else value
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise GameError(f"{what} cannot be {short(value)}: give its rows")
    return [list(row) if isinstance(row, Iterable) and not isinstance(row, str) else [row]
            for row in given]


def checked_matrix_cost(cost: Any) -> tuple[sp.Expr, frozenset[Declared]]:
    """A cost of matrices with exact numbers, and its symbols.

    A 1 x 1 matrix such as ``x.T*A*x`` counts as its entry.  Raises `GameError` for a cost
    that is a larger matrix, `UnsupportedFunction` for what has no derivative or no meaning.
    """
    if getattr(cost, "is_Matrix", False):
        if tuple(cost.shape) != (1, 1):
            raise GameError(f"a cost must be a scalar, not a matrix of shape {cost.shape}: take "
                            f"sp.Trace(...) of it, or a quadratic form such as x.T*A*x")
        cost = sp.Trace(cost)
    cost = rationalise(cost, "a cost")
    for node in sp.preorder_traversal(cost):
        if isinstance(node, sp.MatrixSymbol):
            matrix_action(node, "the matrix")
        elif isinstance(node, (sp.Tuple, sp.core.symbol.Str)) or isinstance(
                node, (*_MATRICES, *_SCALARS)):
            _check_matrix(node)
        elif getattr(node, "is_Matrix", False):
            hint = ("write X.T: entries are real" if isinstance(node, sp.Adjoint)
                    else "use sums, products, .T, .I, integer powers, sp.hadamard_product")
            raise UnsupportedFunction(f"{type(node).__name__} in {short(node)} is not one of "
                                      f"the matrix operations: {hint}")
        else:
            check_node(node)
    return cost, frozenset(s for s in cost.free_symbols
                           if isinstance(s, (sp.Symbol, sp.MatrixSymbol)))


def _check_matrix(node: sp.Basic) -> None:
    if isinstance(node, (sp.MatPow, sp.HadamardPower)):
        exponent = node.args[1]
        if not (exponent.is_Integer if isinstance(node, sp.MatPow) else exponent.is_Rational):
            raise UnsupportedFunction(f"the power {short(node)} of a matrix has no whole number "
                                      f"as exponent")
    if isinstance(node, MatrixElement) and not all(k.is_Integer for k in node.indices):
        raise UnsupportedFunction(f"{short(node)} is not one entry: its indices are no numbers")


Rows = list[list[sp.Expr]]


def expanded(expression: sp.Expr) -> sp.Expr:
    """A scalar of matrices, written out in their entries.

    Raises `UnsupportedFunction` where the inverse of a matrix of more than 5 rows, or the
    determinant of one of more than 8, would be written out.

    >>> V = sp.MatrixSymbol("V", 2, 2)
    >>> expanded(sp.Trace(V*V.T))
    V11**2 + V12**2 + V21**2 + V22**2
    """
    return _Expansion().scalar(expression)


class _Expansion:
    """Each part of an expression in entries, once."""

    def __init__(self) -> None:
        self._known: dict[sp.Basic, Any] = {}

    def scalar(self, e: sp.Basic) -> sp.Expr:
        """The value of a scalar expression."""
        if not has_matrices(e) and not e.has(*_SCALARS):     # Trace(I) has no symbol
            return e
        if e not in self._known:
            self._known[e] = self._scalar(e)
        return self._known[e]

    def _scalar(self, e: sp.Basic) -> sp.Expr:
        if isinstance(e, sp.Trace):
            return self._trace(e.arg)
        if isinstance(e, Determinant):
            rows = self.rows(e.arg)
            _require_small("determinant", e, len(rows), _DETERMINED)
            return _minors(rows)[tuple(range(len(rows)))]
        if isinstance(e, MatrixElement):
            i, j = map(int, e.indices)
            return self.rows(e.parent)[i][j]
        return e.func(*map(self.scalar, e.args))

    def _trace(self, e: sp.Basic) -> sp.Expr:
        if isinstance(e, sp.MatAdd):
            return sp.Add(*map(self._trace, e.args))
        if isinstance(e, sp.MatMul):
            coefficient, factors = e.as_coeff_matrices()
            if len(factors) > 1:            # only the diagonal of the last product
                left = self._product(factors[:-1])
                right = self.rows(factors[-1])
                return self.scalar(coefficient) * sp.Add(*(
                    a * right[k][i] for i, row in enumerate(left) for k, a in enumerate(row)))
        rows = self.rows(e)
        return sp.Add(*(rows[k][k] for k in range(len(rows))))

    def _product(self, factors: Sequence[sp.Basic]) -> Rows:
        out = self.rows(factors[0])
        for factor in factors[1:]:
            columns = list(zip(*self.rows(factor)))
            out = [[sp.Add(*(a * b for a, b in zip(row, column))) for column in columns]
                   for row in out]
        return out

    def rows(self, e: Any) -> Rows:
        """The entries of a matrix expression."""
        if e not in self._known:
            self._known[e] = self._rows(e)
        return self._known[e]

    def _rows(self, e: Any) -> Rows:
        if isinstance(e, sp.MatrixBase):
            return e.tolist()
        rows, columns = map(int, e.shape)
        if isinstance(e, sp.MatrixSymbol):
            flat = entries(e)
            return [list(flat[i * columns:(i + 1) * columns]) for i in range(rows)]
        if isinstance(e, sp.Transpose):
            return [list(column) for column in zip(*self.rows(e.arg))]
        if isinstance(e, sp.MatAdd):
            return _entrywise(sp.Add, map(self.rows, e.args))
        if isinstance(e, sp.HadamardProduct):
            return _entrywise(sp.Mul, map(self.rows, e.args))
        if isinstance(e, sp.HadamardPower):
            return [[entry**e.exp for entry in row] for row in self.rows(e.base)]
        if isinstance(e, sp.MatMul):
            coefficient, factors = e.as_coeff_matrices()
            scale = self.scalar(coefficient)
            return [[scale * entry for entry in row] for row in self._product(factors)]
        if isinstance(e, sp.MatPow):            # sp.Inverse is one, with exponent -1
            base, power = (e.arg, -1) if isinstance(e, sp.Inverse) else (e.base, int(e.exp))
            factor = _inverse(e, self.rows(base)) if power < 0 else self.rows(base)
            matrix = sp.ImmutableMatrix(factor)
            return self._product([matrix] * abs(power)) if power else sp.eye(rows).tolist()
        return e.as_explicit().tolist()         # identity, zeros, ones


def _entrywise(combine: Any, matrices: Iterable[Rows]) -> Rows:
    return [[combine(*same) for same in zip(*rows)] for rows in zip(*matrices)]


def _require_small(what: str, e: sp.Basic, size: int, largest: int) -> None:
    if size > largest:
        raise UnsupportedFunction(
            f"the {what} of a {size} x {size} matrix, {short(e)}, is too large to be "
            f"written out in entries; compiled functions, flows and updates of this game need "
            f"no formulas of single entries")


def _inverse(e: sp.Basic, rows: Rows) -> Rows:
    _require_small("inverse", e, len(rows), _INVERTED)
    every = tuple(range(len(rows)))
    determinant = _minors(rows)[every]
    cofactors = [_minors(rows[:k] + rows[k + 1:]) for k in every]
    return [[(-1)**(i + k) * cofactors[k][every[:i] + every[i + 1:]] / determinant
             for k in every] for i in every]


def _minors(rows: Rows) -> dict[tuple[int, ...], sp.Expr]:
    """The minors of all rows, by their columns: Laplace, each minor once, nothing expanded.

    SymPy's own determinant multiplies out what it meets, for minutes.
    """
    width = len(rows[0]) if rows else 0
    minors: dict[tuple[int, ...], sp.Expr] = {(): sp.S.One}
    for size, row in enumerate(reversed(rows), 1):
        minors = {columns: sp.Add(*(
            (-1)**place * row[j] * minors[columns[:place] + columns[place + 1:]]
            for place, j in enumerate(columns) if row[j] != 0))
            for columns in combinations(range(width), size)}
    return minors
