r"""Expressions as sparse polynomials in variables and kernels, and linear algebra over Q.

A *word* is a sorted tuple of indices with repetition, the monomial z_i z_j ... of

    z_0, ..., z_(n-1)      the variables,
    z_n, z_(n+1), ...      kernels: exp(u), sin(u), 1/u, sqrt(u), pi, ..., one each.

An expression is then {word: rational coefficient}, and so is each of its derivatives, by
the chain rule.  Kernels are treated as independent: two expressions with the same words are
equal, while an identity between kernels (sin^2 + cos^2 = 1) goes unnoticed.  So what is
seen to vanish does vanish, and where there is no kernel the converse holds too.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import sympy as sp

from .jets import multiplied

__all__ = ["Elimination", "SparseForms", "TooManyWords", "Words"]

Words = dict[tuple[int, ...], Any]

#: No product is cut off.
_NO_ORDER = 1 << 60


class TooManyWords(ValueError):
    """There are more terms than the budget allows."""


class SparseForms:
    """Reads expressions in given variables into words.

    variables : the symbols z_0, ..., z_(n-1); parameters have been replaced by values.
    budget : how many terms may be written on the way; `TooManyWords` is raised beyond.

    >>> x, y = sp.symbols("x y", real=True)
    >>> forms = SparseForms((x, y))
    >>> forms.read((x + y)**2), forms.gradient(forms.read(x*sp.exp(y)))
    ({(0, 0): 1, (0, 1): 2, (1, 1): 1}, [{(2,): 1}, {(0, 2): 1}])
    """

    def __init__(self, variables: Sequence[sp.Symbol], budget: int = 300_000) -> None:
        self.variables, self.n, self.budget = tuple(variables), len(variables), budget
        self.index: dict[sp.Basic, int] = {v: i for i, v in enumerate(variables)}
        self.kernels: list[sp.Expr] = []
        self._known: dict[sp.Basic, Words] = {}
        self._slopes: dict[int, list[tuple[int, Words]]] = {}
        self._numbers: set[int] = set()
        self._spent = 0

    def read(self, node: sp.Expr) -> Words:
        """The words of an expression, without zero coefficients."""
        found = self._known.get(node)
        if found is None:
            found = self._known[node] = {w: c for w, c in self._read(node).items() if c}
        return found

    def _read(self, node: sp.Expr) -> Words:
        if node in self.index and self.index[node] < self.n:
            return {(self.index[node],): 1}
        if node.is_Rational:
            return {(): int(node.p) if node.q == 1 else Fraction(int(node.p), int(node.q))}
        if node.is_Add:
            total: Words = {}
            for term in node.args:
                for word, c in self.read(term).items():
                    total[word] = total.get(word, 0) + c
            return total
        if node.is_Mul:
            product: Words = {(): 1}
            for factor in node.args:
                product = self._times(product, self.read(factor))
            return product
        if node.is_Pow and node.exp.is_Integer:
            power = int(node.exp)
            base = self.read(node.base) if power > 0 else self._kernel(1 / node.base)
            product = {(): 1}
            for _ in range(abs(power)):
                product = self._times(product, base)
            return product
        return self._kernel(node)

    def _times(self, f: Words, g: Words) -> Words:
        self._spend(len(f) * len(g))
        return multiplied(f, g, _NO_ORDER)

    def _spend(self, terms: int) -> None:
        self._spent += terms
        if self._spent > self.budget:
            raise TooManyWords(f"the costs, written out, have more than {self.budget} terms")

    def _kernel(self, node: sp.Expr) -> Words:
        if node not in self.index:
            self.index[node] = self.n + len(self.kernels)
            self.kernels.append(node)
            if not node.free_symbols:
                self._numbers.add(self.index[node])
        return {(self.index[node],): 1}

    def gradient(self, words: Words) -> list[Words]:
        """D_0, ..., D_(n-1) of an expression given by its words."""
        out: list[Words] = [{} for _ in range(self.n)]
        for word, c in words.items():
            for place, i in enumerate(word):
                rest = word[:place] + word[place + 1:]
                if i < self.n:
                    out[i][rest] = out[i].get(rest, 0) + c
                else:
                    for j, slope in self._slopes_of(i):
                        self._spend(len(slope))
                        for tail, d in slope.items():
                            longer = tuple(sorted(rest + tail))
                            out[j][longer] = out[j].get(longer, 0) + c * d
            self._spend(len(word))
        return [{word: c for word, c in part.items() if c} for part in out]

    def _slopes_of(self, kernel: int) -> list[tuple[int, Words]]:
        """(j, D_j of a kernel) where that is not zero."""
        found = self._slopes.get(kernel)
        if found is None:
            node = self.kernels[kernel - self.n]
            if node.is_Pow and node.exp == -1:
                # D (1/u) = -(1/u)^2 D u needs no derivative by SymPy of a large u.
                below: Words = {(kernel, kernel): -1}
                slopes = [(j, self._times(below, slope)) for j, slope
                          in enumerate(self.gradient(self.read(node.base))) if slope]
            else:
                slopes = [(self.index[v], self.read(sp.diff(node, v)))
                          for v in self.variables if v in node.free_symbols]
            found = self._slopes[kernel] = slopes
        return found

    def is_constant(self, word: tuple[int, ...]) -> bool:
        """Whether a monomial is a number: no variable, no kernel that contains one."""
        return self._numbers.issuperset(word)

    def expression(self, words: Words) -> sp.Expr:
        """The words as a SymPy expression."""
        letters = (*self.variables, *self.kernels)
        return sp.Add(*(sp.Rational(c.numerator, c.denominator)
                        * sp.Mul(*(letters[i] for i in word)) for word, c in words.items()))


class Elimination:
    """Gauss-Jordan elimination over Q on sparse rows {key: coefficient}.

    >>> rows = Elimination()
    >>> rows.add({"a": 1, "b": 2}), rows.add({"a": 2, "b": 4}), rows.rank
    (True, False, 1)
    """

    def __init__(self, rows: Iterable[Mapping[Any, Any]] = ()) -> None:
        #: pivot -> the other entries of its row, whose pivot entry is 1; no pivot in them
        self.rows: dict[Hashable, dict[Hashable, Any]] = {}
        self._holders: dict[Hashable, set[Hashable]] = {}
        for row in rows:
            self.add(row)

    @property
    def rank(self) -> int:
        """The rank of the rows so far."""
        return len(self.rows)

    def reduce(self, row: Mapping[Any, Any]) -> dict[Any, Any]:
        """The row modulo the span of those before; empty exactly if it lies in it."""
        out: dict[Any, Any] = {}
        for key, c in row.items():
            known = self.rows.get(key)
            if known is None:
                _accumulate(out, key, c)
            else:
                for other, d in known.items():
                    _accumulate(out, other, -c * d)
        return out

    def add(self, row: Mapping[Any, Any]) -> bool:
        """Add a row; whether it was independent of those before."""
        rest = self.reduce(row)
        if not rest:
            return False
        pivot = min(rest, key=lambda key: len(self._holders.get(key, ())))
        head = Fraction(rest.pop(pivot))
        rest = {key: _plain(c / head) for key, c in rest.items()}
        for holder in self._holders.pop(pivot, ()):
            older = self.rows[holder]
            times = older.pop(pivot)
            for key, c in rest.items():
                _accumulate(older, key, -times * c)
                held = self._holders.setdefault(key, set())
                (held.add if key in older else held.discard)(holder)
        for key in rest:
            self._holders.setdefault(key, set()).add(pivot)
        self.rows[pivot] = rest
        return True

    def null_space(self, keys: Iterable[Hashable]) -> list[dict[Any, Any]]:
        """A basis of {z in Q^keys: sum of row[key] z[key] = 0 for every row}."""
        basis = []
        for free in keys:
            if free not in self.rows:
                vector: dict[Any, Any] = {free: 1}
                for pivot in self._holders.get(free, ()):
                    vector[pivot] = -self.rows[pivot][free]
                basis.append(vector)
        return basis


def _accumulate(row: dict[Any, Any], key: Any, c: Any) -> None:
    value = row.get(key, 0) + c
    if value:
        row[key] = value
    else:
        row.pop(key, None)


def _plain(value: Fraction) -> int | Fraction:
    return value.numerator if value.denominator == 1 else value
