r"""Graphs of matrix expressions: the scalar graphs of `graph`, one level up.

A node is a scalar, of shape (), or a matrix, of shape (r, c), and nodes are stored once
(hash-consing).  With exact rationals c, scalars s and matrices A, B the operations are

    lin      c_1 A_1 + ... + c_k A_k        mono     s_1^e_1 ... s_k^e_k
    scale    s A                            chain    A_1 A_2 ... A_k
    T        A^T                            inv      A^-1
    inner    <A, B> = tr(A^T B)             had      A_1 o ... o A_k (entry by entry)
    det, logdet, trace, entry (i, j)        map      f(A) entry by entry, f(s)

on variables, exact arrays, I, matrices of ones, and E_ij ("unit").  What is built is simplified
by identities that hold wherever the original is defined:

    (A^T)^T = A,   (A B)^T = B^T A^T,   (A^-1)^T = (A^T)^-1,   A^-1 A = I,   I A = A,
    (c A) B = c (A B),   det(c A) = c^n det A,   det(A B) = det A det B (both square),
    tr(c A + d B) = c tr A + d tr B,   tr(A_1 ... A_k) = <(A_1 ... A_i)^T, A_{i+1} ... A_k>,

the last one for any rotation and any i, so that no product is formed which the trace does not
need: those are chosen that cost least for the given shapes.  Sums are flat, equal terms are
collected, and transposes stand at variables only.  No float occurs here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

import sympy as sp

from ..errors import GameError
from .matrix_nodes import Number, ScalarsAndSums, Shape, operands

__all__ = ["MatrixGraph", "chain_cost"]

#: Determinants up to this size are polynomials in the entries, with derivatives everywhere.
EXPANDED = 3


class MatrixGraph(ScalarsAndSums):
    """A hash-consed list of matrix operations; nodes are referred to by their index.

    >>> g = MatrixGraph(); A = g.variable((2, 3)); B = g.variable((3, 2))
    >>> g.transpose(g.product([A, B])) == g.product([g.transpose(B), g.transpose(A)])
    True
    """

    def __init__(self) -> None:
        super().__init__()
        self._transposes: dict[int, int] = {}

    def transpose(self, a: int) -> int:
        """A^T."""
        if a not in self._transposes:
            self._transposes[a] = self._transpose(a)
        return self._transposes[a]

    def _transpose(self, a: int) -> int:
        node, (r, c) = self.nodes[a], self.shapes[a]
        kind = node[0]
        if kind == "lin":
            return self.sum([(d, self.transpose(k)) for d, k in node[2:]], (c, r))
        if kind == "T":
            return node[1]
        if kind == "chain":
            return self.product([self.transpose(k) for k in reversed(node[1:])])
        if kind == "scale":
            return self.times(node[1], self.transpose(node[2]))
        if kind == "inv":
            return self.inverse(self.transpose(node[1]))
        if kind == "had":
            return self.hadamard([self.transpose(k) for k in node[1:]])
        if kind == "map":
            return self.map(node[1], self.transpose(node[2]))
        if kind == "unit":
            return self.unit((c, r), node[3], node[2])
        if kind == "ones":
            return self.ones((c, r))
        if kind == "eye" or kind == "array" and r == c and node[1] == node[1].T:
            return a
        return self._node(("T", a), (c, r), self.support[a])

    def product(self, factors: Sequence[int]) -> int:
        """The product of matrices, in that order."""
        coefficient: Number = 1
        scalars: list[int] = []
        flat: list[int] = []
        stack = list(reversed(factors))
        shape = (self.shapes[factors[0]][0], self.shapes[factors[-1]][1])
        for a, b in zip(factors, factors[1:]):
            if self.shapes[a][1] != self.shapes[b][0]:
                raise GameError(f"matrices of shapes {self.shapes[a]} and {self.shapes[b]} "
                                f"do not multiply")
        while stack:
            c, a = self._split(stack.pop())
            node, coefficient = self.nodes[a], coefficient * c
            if node[0] == "chain":
                stack += reversed(node[1:])
            elif node[0] == "scale":
                scalars.append(node[1])
                stack.append(node[2])
            elif flat and self._cancel(flat[-1], a):
                flat.pop()
            elif node[0] != "eye":
                flat.append(a)
        if not coefficient:
            return self.zero(shape)
        if not flat:
            result = self.eye(shape[0])
        elif len(flat) == 1:
            result = flat[0]
        else:
            result = self._joined(("chain", *flat), shape, flat)
        for s in scalars:
            result = self.times(s, result)
        return self.scaled(coefficient, result)

    def _cancel(self, a: int, b: int) -> bool:
        return self.nodes[a] == ("inv", b) or self.nodes[b] == ("inv", a)

    def _square(self, a: int, what: str) -> int:
        shape = self.shapes[a]
        if len(shape) != 2 or shape[0] != shape[1]:
            raise GameError(f"the {what} of a matrix of shape {shape} is not defined: "
                            f"it must be square")
        return shape[0]

    def _square_factors(self, a: int) -> tuple[int, ...]:
        """The factors of a product of square matrices, else nothing."""
        node = self.nodes[a]
        n = self.shapes[a]
        return node[1:] if node[0] == "chain" and all(self.shapes[k] == n
                                                      for k in node[1:]) else ()

    def inverse(self, a: int) -> int:
        """A^-1; it is solved with, not formed, wherever a product with it is wanted."""
        n = self._square(a, "inverse")
        c, a = self._split(a)
        if not c:
            raise GameError("a cost inverts the zero matrix")
        node = self.nodes[a]
        if node[0] == "inv":
            result = node[1]
        elif node[0] == "eye":
            result = a
        elif node[0] == "scale":
            result = self.times(self.power(node[1], -1), self.inverse(node[2]))
        elif self._square_factors(a):
            result = self.product([self.inverse(k) for k in reversed(node[1:])])
        else:
            result = self._node(("inv", a), (n, n), self.support[a])
        return self.scaled(Fraction(1) / c, result)

    def det(self, a: int) -> int:
        """The determinant, up to 3 x 3 as a polynomial in the entries.

        For larger matrices its derivative is det(A) A^-T, undefined where A is singular.
        """
        n = self._square(a, "determinant")
        c, a = self._split(a)
        node = self.nodes[a]
        if not c:
            return self.zero()
        if node[0] == "eye":
            result = self.one
        elif node[0] == "inv":
            result = self.power(self.det(node[1]), -1)
        elif node[0] == "scale":
            result = self.times(self.power(node[1], n), self.det(node[2]))
        elif self._square_factors(a):
            result = self.one
            for k in node[1:]:
                result = self.times(result, self.det(k))
        elif n <= EXPANDED:
            result = self._leibniz(a, tuple(range(n)), 0)
        else:
            a = min(a, self.transpose(a))
            result = self._node(("det", a), (), self.support[a])
        return self.scaled(Fraction(c) ** n, result)

    def _leibniz(self, a: int, columns: tuple[int, ...], row: int) -> int:
        if not columns:
            return self.one
        return self.sum([((-1) ** k, self.times(
            self.entry(a, row, j), self._leibniz(a, columns[:k] + columns[k + 1:], row + 1)))
            for k, j in enumerate(columns)], ())

    def logdet(self, a: int) -> int:
        """log(det A), for det A > 0; its derivative is A^-T."""
        n = self._square(a, "determinant")
        c, rest = self._split(a)
        if c > 0 and c != 1 and rest != a:
            shift = self.scaled(n, self.number(sp.log(sp.Rational(c.numerator, c.denominator))))
            return self.add(shift, self.logdet(rest))
        if self.nodes[a][0] == "eye":
            return self.zero()
        if self.nodes[a][0] == "inv":
            return self.scaled(-1, self.logdet(self.nodes[a][1]))
        a = min(a, self.transpose(a))
        return self._node(("logdet", a), (), self.support[a])

    def trace(self, a: int) -> int:
        """tr A, without the products that it does not need."""
        n = self._square(a, "trace")
        node = self.nodes[a]
        if node[0] == "lin":
            return self.sum([(c, self.trace(k)) for c, k in node[2:]], ())
        if node[0] == "scale":
            return self.times(node[1], self.trace(node[2]))
        if node[0] == "T":
            return self.trace(node[1])
        if node[0] in ("eye", "ones"):
            return self.constant(n)
        if node[0] == "unit":
            return self.constant(int(node[2] == node[3]))
        if node[0] == "array":
            return self.number(sp.Add(*node[1].diagonal()))
        if node[0] != "chain":
            return self._node(("trace", a), (), self.support[a])
        factors = node[1:]
        if self._cancel(factors[-1], factors[0]):
            return self.trace(self.product([self.eye(self.shapes[factors[0]][1]),
                                            *factors[1:-1]]))
        best: tuple | None = None
        for start in range(len(factors)):
            turned = factors[start:] + factors[:start]
            for cut in range(1, len(factors)):
                cost = (chain_cost([self.shapes[k] for k in turned[:cut]])
                        + chain_cost([self.shapes[k] for k in turned[cut:]]))
                if best is None or cost < best[0]:
                    best = cost, turned[:cut], turned[cut:]
        assert best is not None
        return self._inner(self.transpose(self.product(best[1])), self.product(best[2]))

    def inner(self, a: int, b: int) -> int:
        """<A, B>, the sum of the products of entries; of scalars, their product."""
        if not self.shapes[a]:
            return self.times(a, b)
        if self.shapes[a] != self.shapes[b]:
            raise GameError(f"matrices of shapes {self.shapes[a]} and {self.shapes[b]} have "
                            f"no inner product")
        return self.trace(self.product([self.transpose(a), b]))

    def _inner(self, a: int, b: int) -> int:
        (c, a), (d, b) = self._split(a), self._split(b)
        first = tuple(sorted((a, b)))
        a, b = min(first, tuple(sorted((self.transpose(a), self.transpose(b)))))
        for p, q in ((a, b), (b, a)):
            if self.nodes[p][0] == "unit":
                return self.scaled(c * d, self.entry(q, *self.nodes[p][2:]))
        return self.scaled(c * d, self._joined(("inner", a, b), (), (a, b)))

    def hadamard(self, factors: Iterable[int]) -> int:
        """The product entry by entry; of scalars, their product."""
        coefficient: Number = 1
        scalars: list[int] = []
        flat: list[int] = []
        stack = list(factors)
        shape = self.shapes[stack[0]]
        if not shape:
            return self._product_of_scalars(stack)
        while stack:
            c, a = self._split(stack.pop())
            node, coefficient = self.nodes[a], coefficient * c
            if self.shapes[a] != shape:
                raise GameError(f"matrices of shapes {self.shapes[a]} and {shape} have no "
                                f"Hadamard product")
            if node[0] == "had":
                stack += node[1:]
            elif node[0] == "scale":
                scalars.append(node[1])
                stack.append(node[2])
            elif node[0] != "ones":
                flat.append(a)
        if not coefficient:
            return self.zero(shape)
        flat.sort()
        result = (self._joined(("had", *flat), shape, flat) if len(flat) > 1
                  else flat[0] if flat else self.ones(shape))
        return self.scaled(coefficient, self.times(self._product_of_scalars(scalars), result))

    def _product_of_scalars(self, scalars: Iterable[int]) -> int:
        result = self.one
        for s in scalars:
            result = self.times(result, s)
        return result

    def entry(self, a: int, i: int, j: int) -> int:
        """The entry at row i and column j, from 0."""
        r, c = self.shapes[a]
        if not (0 <= i < r and 0 <= j < c):
            raise GameError(f"a matrix of shape {(r, c)} has no entry ({i}, {j})")
        node = self.nodes[a]
        if node[0] == "lin":
            return self.sum([(d, self.entry(k, i, j)) for d, k in node[2:]], ())
        if node[0] == "scale":
            return self.times(node[1], self.entry(node[2], i, j))
        if node[0] == "T":
            return self.entry(node[1], j, i)
        if node[0] == "array":
            return self.number(node[1][i, j])
        if node[0] in ("eye", "ones", "unit"):
            return self.constant(int({"eye": i == j, "ones": True}.get(node[0],
                                                                       node[2:] == (i, j))))
        return self._node(("entry", a, i, j), (), self.support[a])

    def rebuilt(self, index: int, new: Mapping[int, int]) -> int:
        """The same operation on the operands' replacements ``new``."""
        node = self.nodes[index]
        kind = node[0]
        if all(new[a] == a for a in operands(node)):
            return index
        if kind == "lin":
            return self.sum([(c, new[k]) for c, k in node[2:]], node[1])
        if kind == "mono":
            return self._product_of_scalars(self.power(new[a], e) for a, e in node[1:])
        if kind == "chain":
            return self.product([new[a] for a in node[1:]])
        if kind == "had":
            return self.hadamard([new[a] for a in node[1:]])
        if kind == "scale":
            return self.times(new[node[1]], new[node[2]])
        if kind == "inner":
            return self._inner(new[node[1]], new[node[2]])
        if kind == "map":
            return self.map(node[1], new[node[2]])
        if kind == "entry":
            return self.entry(new[node[1]], *node[2:])
        build = {"T": self.transpose, "inv": self.inverse, "det": self.det,
                 "logdet": self.logdet, "trace": self.trace}[kind]
        return build(new[node[1]])


def chain_cost(shapes: Sequence[Shape]) -> int:
    """The least number of multiplications for a product of matrices of these shapes.

    >>> chain_cost([(9, 9), (9, 9), (9, 1)])
    162
    """
    sizes = [shapes[0][0], *(c for _, c in shapes)]
    n = len(shapes)
    cost = [[0] * n for _ in range(n)]
    for length in range(2, n + 1):
        for i in range(n - length + 1):
            j = i + length - 1
            cost[i][j] = min(cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1]
                             for k in range(i, j))
    return cost[0][n - 1]
