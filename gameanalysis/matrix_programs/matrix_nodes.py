"""Nodes of matrix graphs: leaves, sums and scalars, stored once.

A node is a tuple whose operands are earlier nodes.  A sum is ("lin", shape, (c_1, a_1), ...) with
exact rationals c_k that are not 0 and nodes a_k in ascending order, none of them a sum; a product
of scalars is ("mono", (s_1, e_1), ...) with exponents e_k.  So equal terms are collected, what
cancels is gone, and zero is the empty sum.  `matrix_graph` adds the products of matrices.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

import sympy as sp

from ..errors import GameError, UnsupportedFunction

__all__ = ["DUMMY", "Node", "Number", "ScalarsAndSums", "Shape", "operands"]

Number = int | Fraction
Shape = tuple[int, ...]
Node = tuple

#: The argument of the functions in ``map`` nodes.
DUMMY = sp.Dummy("t", real=True)


class ScalarsAndSums:
    """A hash-consed list of nodes; they are referred to by their index.

    >>> g = ScalarsAndSums(); x = g.variable(())
    >>> g.sub(g.times(x, x), g.power(x, 2)) == g.zero()
    True
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.shapes: list[Shape] = []
        self.support: list[int] = []            # bit k: depends on the k-th variable
        self.variables: list[int] = []
        self._index: dict[Node, int] = {}
        self.one = self._node(("mono",), (), 0)

    def _node(self, node: Node, shape: Shape, support: int) -> int:
        index = self._index.get(node)
        if index is None:
            index = self._index[node] = len(self.nodes)
            self.nodes.append(node)
            self.shapes.append(shape)
            self.support.append(support)
        return index

    def _joined(self, operation: tuple, shape: Shape, parts: Iterable[int]) -> int:
        support = 0
        for part in parts:
            support |= self.support[part]
        return self._node(operation, shape, support)

    # -- leaves ----------------------------------------------------------

    def variable(self, shape: Shape) -> int:
        """A new variable of that shape."""
        k = len(self.variables)
        self.variables.append(self._node(("var", k), shape, 1 << k))
        return self.variables[-1]

    def array(self, matrix: sp.MatrixBase) -> int:
        """A constant matrix of exact numbers."""
        matrix = sp.ImmutableDenseMatrix(matrix)
        if all(entry == 0 for entry in matrix):
            return self.zero(matrix.shape)
        if matrix.rows == matrix.cols and matrix == sp.eye(matrix.rows):
            return self.eye(matrix.rows)
        return self._node(("array", matrix), matrix.shape, 0)

    def eye(self, n: int) -> int:
        """The identity."""
        return self._node(("eye", n), (n, n), 0)

    def ones(self, shape: Shape) -> int:
        """A matrix of ones, or the number one."""
        return self._node(("ones", shape), shape, 0) if shape else self.one

    def zero(self, shape: Shape = ()) -> int:
        """Zero, of any shape."""
        return self._node(("lin", shape), shape, 0)

    def unit(self, shape: Shape, i: int, j: int) -> int:
        """E_ij: one at (i, j), zero elsewhere."""
        return self._node(("unit", shape, i, j), shape, 0)

    def constant(self, value: Number) -> int:
        """An exact rational number."""
        return self.scaled(value, self.one)

    def number(self, value: sp.Expr) -> int:
        """An exact real number; rationals become constants."""
        if value.is_Rational:
            return self.constant(Fraction(int(value.p), int(value.q)))
        if value.is_real is False or value.is_finite is False:
            raise UnsupportedFunction(f"a cost contains {value}, which is no real number")
        coefficient, rest = value.as_coeff_Mul(rational=True)
        node = self._node(("number", rest), (), 0)
        return self.scaled(Fraction(int(coefficient.p), int(coefficient.q)), node)

    # -- sums ------------------------------------------------------------

    def terms(self, a: int) -> tuple[tuple[Number, int], ...]:
        """A node as a sum of (rational coefficient, node)."""
        node = self.nodes[a]
        return node[2:] if node[0] == "lin" else ((1, a),)

    def _split(self, a: int) -> tuple[Number, int]:
        """(c, rest) with a = c rest; of a sum only the sign of its first term."""
        terms = self.terms(a)
        if len(terms) == 1:
            return terms[0]
        if terms and terms[0][0] < 0:
            return -1, self.scaled(-1, a)
        return (1, a) if terms else (0, self.ones(self.shapes[a]))

    def sum(self, terms: Iterable[tuple[Number, int]], shape: Shape) -> int:
        """The sum of coefficients times nodes, all of that shape."""
        total: dict[int, Number] = {}
        for coefficient, a in terms:
            if self.shapes[a] != shape:
                raise GameError(f"matrices of shapes {self.shapes[a]} and {shape} do not add")
            for c, k in self.terms(a):
                total[k] = total.get(k, 0) + coefficient * c
        kept = tuple(sorted((k, c) for k, c in total.items() if c))
        if len(kept) == 1 and kept[0][1] == 1:
            return kept[0][0]
        return self._joined(("lin", shape, *((c, k) for k, c in kept)), shape,
                            (k for k, _ in kept))

    def add(self, *nodes: int) -> int:
        """The sum of nodes of one shape."""
        return self.sum([(1, a) for a in nodes], self.shapes[nodes[0]])

    def sub(self, a: int, b: int) -> int:
        """a - b."""
        return self.sum([(1, a), (-1, b)], self.shapes[a])

    def scaled(self, coefficient: Number, a: int) -> int:
        """A rational number times a node."""
        return self.sum([(coefficient, a)], self.shapes[a])

    def is_zero(self, a: int) -> bool:
        """Whether a node is the constant zero."""
        return self.nodes[a][0] == "lin" and len(self.nodes[a]) == 2

    # -- scalars ---------------------------------------------------------

    def times(self, s: int, a: int) -> int:
        """A scalar node times a scalar or matrix node."""
        (c, s), (d, a) = self._split(s), self._split(a)
        if not c * d:
            return self.zero(self.shapes[a])
        if not self.shapes[a]:
            return self.scaled(c * d, self._monomial([(s, 1), (a, 1)]))
        if self.nodes[a][0] == "scale":
            e, s = self._split(self.times(s, self.nodes[a][1]))
            c, a = c * e, self.nodes[a][2]
        if s == self.one:
            return self.scaled(c * d, a)
        return self.scaled(c * d, self._joined(("scale", s, a), self.shapes[a], (s, a)))

    def _monomial(self, factors: Iterable[tuple[int, Number]]) -> int:
        total: dict[int, Number] = {}
        stack = list(factors)
        while stack:
            a, exponent = stack.pop()
            node = self.nodes[a]
            if node[0] == "mono" and (exponent.denominator == 1 or len(node) == 1):
                stack += [(b, e * exponent) for b, e in node[1:]]
            else:
                total[a] = total.get(a, 0) + exponent
        kept = tuple(sorted((a, e) for a, e in total.items() if e))
        if len(kept) == 1 and kept[0][1] == 1:
            return kept[0][0]
        return self._joined(("mono", *kept), (), (a for a, _ in kept))

    def power(self, s: int, exponent: Number) -> int:
        """A scalar to a rational power; powers that are no integers need s >= 0."""
        if exponent == 0:
            return self.one
        c, rest = self._split(s)
        if c == 0:
            if exponent < 0:
                raise UnsupportedFunction("a cost divides by zero everywhere")
            return s
        if exponent.denominator == 1:
            return self.scaled(Fraction(c) ** int(exponent),
                               self._monomial([(rest, int(exponent))]))
        if rest == self.one:
            return self.number(sp.Rational(c.numerator, c.denominator)
                               ** sp.Rational(exponent.numerator, exponent.denominator))
        node = ("mono", (s, Fraction(exponent)))
        return self._joined(node, (), (s,))

    def map(self, function: sp.Expr, a: int) -> int:
        """A function of `DUMMY`, applied to a scalar or to each entry of a matrix."""
        coefficient, function = function.as_coeff_Mul(rational=True)
        c = Fraction(int(coefficient.p), int(coefficient.q))
        if function == DUMMY:
            return self.scaled(c, a)
        if DUMMY not in function.free_symbols:
            return self.scaled(c, self.times(self.number(function), self.ones(self.shapes[a])))
        d, rest = self._split(a)
        if not d or rest in (self.one, self._index.get(("ones", self.shapes[a]))):
            value = function.subs(DUMMY, sp.Rational(d.numerator, d.denominator))
            if value.is_real is False or value.is_finite is False:
                raise UnsupportedFunction(f"{function.subs(DUMMY, sp.Symbol('t'))} is not "
                                          f"defined at {d}, where a cost takes it")
            return self.scaled(c, self.times(self.number(value), self.ones(self.shapes[a])))
        return self.scaled(c, self._node(("map", function, a), self.shapes[a], self.support[a]))

    # -- questions -------------------------------------------------------

    def reachable(self, outputs: Iterable[int]) -> list[int]:
        """Indices of all nodes the outputs need, operands first."""
        seen: set[int] = set()
        stack = list(outputs)
        while stack:
            a = stack.pop()
            if a not in seen:
                seen.add(a)
                stack.extend(operands(self.nodes[a]))
        return sorted(seen)

    def mask(self, variables: Iterable[int] | Mapping[int, int]) -> int:
        """The bits of the given variables in ``support``."""
        mask = 0
        for a in variables:
            mask |= self.support[a]
        return mask


def operands(node: Node) -> tuple[int, ...]:
    """The indices of the nodes that a node needs."""
    kind = node[0]
    if kind == "lin":
        return tuple(k for _, k in node[2:])
    if kind == "mono":
        return tuple(a for a, _ in node[1:])
    if kind in ("chain", "had", "inner", "scale"):
        return node[1:]
    if kind in ("T", "inv", "det", "logdet", "trace", "entry"):
        return (node[1],)
    return (node[2],) if kind == "map" else ()
