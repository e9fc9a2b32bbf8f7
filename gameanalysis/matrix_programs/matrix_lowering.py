r"""From matrix expressions to few matrix operations.

A graph says what is to be computed; here it is decided how.  Four rewritings, in this order,
each an identity of real matrices:

    common factors        A X + B X = (A + B) X, and X A + X B, where that costs less;
    private signs         -(A + B) X = (-A - B) X, where A + B serves nothing else;
    common differences    c A + d B, up to a factor, in several sums is computed once;
    association           A_1 ... A_k in the order of least cost; products that are needed
                          anyway, or whose transpose is, are free.

Inverses next to a matrix become solves with LU factors, shared between A and A^T.  Whatever
depends on no variable is computed here, in floats, and is a constant of the program: rounding
starts in this module.

The result is a list of `Step`: an operation, its operands (earlier steps) and its shape.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import sympy as sp

from .matrix_graph import MatrixGraph, chain_cost
from .matrix_kernels import CONSTANT
from .matrix_nodes import Number, Shape, operands

__all__ = ["Step", "Steps", "lower"]

#: A call costs about as much as so many multiplications.
_CALL = 1000
#: Sums of more terms are left as they are.
_LONG = 40

Term = tuple[Number, int]
_Pair = tuple[int, int, Number]             # c a + d b as (a, b, d/c)


class Step(NamedTuple):
    """One operation: ``args`` are the numbers of earlier steps, ``extra`` anything else."""

    operation: str
    args: tuple[int, ...]
    extra: Any
    shape: Shape


class Steps(NamedTuple):
    """A lowered program: steps, the values of the constant ones, the steps of the outputs."""

    steps: list[Step]
    constants: dict[int, Any]
    outputs: list[int]


def lower(graph: MatrixGraph, outputs: Sequence[int]) -> Steps:
    """The steps that compute the given nodes."""
    nodes = _Rewriting(graph).rewritten(outputs)
    nodes = _absorbed(graph, nodes)
    emission = _Emission(graph, nodes)
    places = [emission.value(a) for a in nodes]
    return Steps(emission.steps, emission.constants, places)


class _Rewriting:
    """Bottom-up: common factors out of sums of products."""

    def __init__(self, graph: MatrixGraph) -> None:
        self.graph = graph
        self.new: dict[int, int] = {}

    def rewritten(self, outputs: Sequence[int]) -> list[int]:
        for index in self.graph.reachable(outputs):
            self.new[index] = self.graph.rebuilt(index, self.new)
            if self.graph.nodes[self.new[index]][0] == "lin":
                self.new[index] = self._factored(self.new[index])
        return [self.new[a] for a in outputs]

    def _factored(self, index: int) -> int:
        graph, shape = self.graph, self.graph.shapes[index]
        terms = list(graph.terms(index))
        if not shape or len(terms) > _LONG:
            return index
        while True:
            parts = [self._parts(a) for _, a in terms]
            groups: dict[tuple[int, int], list[int]] = {}
            for k, (_, factors) in enumerate(parts):
                if len(factors) > 1:
                    groups.setdefault((0, factors[0]), []).append(k)
                    groups.setdefault((-1, factors[-1]), []).append(k)
            best = max(groups.items(), default=None,
                       key=lambda item: self._saving(item[0][0], item[1], parts))
            if best is None or self._saving(best[0][0], best[1], parts) <= 0:
                return graph.sum(terms, shape)
            (side, factor), members = best
            rest = [(terms[k][0], self._without(side, parts[k])) for k in members]
            cofactor = graph.sum(rest, graph.shapes[rest[0][1]])
            if graph.nodes[cofactor][0] == "lin":
                cofactor = self._factored(cofactor)
            pair = [factor, cofactor] if side == 0 else [cofactor, factor]
            terms = [term for k, term in enumerate(terms) if k not in members]
            terms = list(graph.terms(graph.sum([*terms, (1, graph.product(pair))], shape)))
            if len(terms) < 2:
                return graph.sum(terms, shape)

    def _parts(self, a: int) -> tuple[int, tuple[int, ...]]:
        """A node as scalar and factors."""
        node, scalar = self.graph.nodes[a], self.graph.one
        if node[0] == "scale":
            scalar, a = node[1:]
            node = self.graph.nodes[a]
        return scalar, node[1:] if node[0] == "chain" else (a,)

    def _without(self, side: int, part: tuple[int, tuple[int, ...]]) -> int:
        scalar, factors = part
        rest = factors[1:] if side == 0 else factors[:-1]
        return self.graph.times(scalar, self.graph.product(rest))

    def _saving(self, side: int, members: Sequence[int],
                parts: Sequence[tuple[int, tuple[int, ...]]]) -> int:
        """Multiplications (and calls) saved by taking a factor out."""
        if len(members) < 2:
            return 0
        shapes = self.graph.shapes
        before, after = 0, 0
        for k in members:
            sizes = [shapes[a] for a in parts[k][1]]
            rest = sizes[1:] if side == 0 else sizes[:-1]
            before += chain_cost(sizes) + sizes[0][0] * sizes[-1][1] + _CALL * len(sizes)
            after += chain_cost(rest) + rest[0][0] * rest[-1][1] + _CALL * len(rest)
        whole: list[Shape] = [(rest[0][0], rest[-1][1])]
        whole.insert(0 if side == 0 else 1, sizes[0 if side == 0 else -1])
        return before - after - chain_cost(whole) - _CALL


def _absorbed(graph: MatrixGraph, outputs: Sequence[int]) -> list[int]:
    """Outputs with the coefficients of products in factors that serve nothing else."""
    uses = Counter(a for k in graph.reachable(outputs) for a in operands(graph.nodes[k]))
    uses.update(outputs)
    return [_absorbing(graph, a, uses) for a in outputs]


def _absorbing(graph: MatrixGraph, index: int, uses: Counter[int]) -> int:
    terms = []
    for c, a in graph.terms(index):
        node = graph.nodes[a]
        own = [k for k in node[1:] if node[0] == "chain" and uses[k] == 1 == uses[a]
               and len(graph.terms(k)) > 1]
        if c != 1 and own:
            scaled = graph.scaled(c, own[0])
            # Not through `product`, which would take the sign out again.
            factors = [scaled if k == own[0] else k for k in node[1:]]
            c, a = 1, graph._joined(("chain", *factors), graph.shapes[a], factors)
        terms.append((c, a))
    return graph.sum(terms, graph.shapes[index])


class _Emission:
    """Steps in order of evaluation, equal ones once, constant ones computed."""

    def __init__(self, graph: MatrixGraph, outputs: Sequence[int]) -> None:
        self.graph = graph
        self.steps: list[Step] = []
        self.constants: dict[int, Any] = {}
        self._index: dict[tuple, int] = {}
        self._values: dict[int, int] = {}
        self._products: dict[tuple[int, ...], int] = {}
        reachable = graph.reachable(outputs)
        self._wanted = {graph.nodes[a][1:] for a in reachable if graph.nodes[a][0] == "chain"}
        self._wanted |= {self._turned(factors) for factors in self._wanted}
        self._sums = _shared_sums(graph, reachable)

    def _turned(self, factors: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(self.graph.transpose(a) for a in reversed(factors))

    def step(self, operation: str, args: Iterable[int], shape: Shape, extra: Any = None) -> int:
        """A step, found again if it is there already."""
        args = tuple(args)
        key = operation, args, extra
        if key not in self._index:
            self._index[key] = index = len(self.steps)
            self.steps.append(Step(operation, args, extra, shape))
            if operation in ("number", "array"):
                self.constants[index] = extra if operation == "number" else _array(extra)
            elif operation != "input" and all(a in self.constants for a in args):
                with np.errstate(all="ignore"):
                    self.constants[index] = CONSTANT[operation](
                        extra, *(self.constants[a] for a in args))
        return self._index[key]

    def value(self, a: int) -> int:
        """The step that computes a node."""
        if a not in self._values:
            self._values[a] = self._emit(a)
        return self._values[a]

    def _emit(self, a: int) -> int:
        graph = self.graph
        node, shape = graph.nodes[a], graph.shapes[a]
        kind = node[0]
        if kind == "var":
            return self.step("input", (), shape, node[1])
        if kind in ("array", "eye", "ones", "unit"):
            return self.step("array", (), shape, node)
        if kind == "number":
            return self.step("number", (), (), float(node[1].evalf(25)))
        if kind == "lin":
            return self._sum(self._sums.get(a, node[2:]), shape)
        if kind == "mono":
            return self._monomial(node[1:])
        if kind == "chain":
            return self._product(node[1:])
        if kind == "had":
            result = self.value(node[1])
            for k in node[2:]:
                result = self.step("had", (result, self.value(k)), shape)
            return result
        if kind == "inv":
            return self._solved(a, self.step("array", (), shape, ("eye", shape[0])), False)
        if kind in ("det", "logdet"):
            return self.step(kind, self._factors(node[1])[:1], ())
        if kind == "entry":
            return self.step("entry", (self.value(node[1]),), (), node[2:])
        if kind == "map":
            return self.step("map", (self.value(node[2]),), shape, node[1])
        return self.step(kind, [self.value(k) for k in operands(node)], shape)

    # -- sums ------------------------------------------------------------

    def _sum(self, terms: Sequence[Term], shape: Shape) -> int:
        """Terms of equal size of coefficient are added before they are scaled."""
        if not terms:
            return self.step("array", (), shape, ("zero", shape)) if shape else self._number(0)
        groups: dict[Number, list[Term]] = {}
        for c, a in terms:
            size: Number = 1 if a == self.graph.one else c if c > 0 else -c
            groups.setdefault(size, []).append((c, a))
        # The sum starts with a positive term, or one that is multiplied anyway.
        total: int | None = None
        order = sorted(groups, key=lambda size: (all(c < 0 for c, _ in groups[size])
                                                 and size == 1, size == 1))
        for size in order:
            members = sorted(groups[size], key=lambda term: term[0] < 0)
            if size == 1:
                for c, a in members:
                    total = self._plus(total, 1 if c > 0 else -1, self._term(c, a), shape)
                continue
            sign = 1 if members[0][0] > 0 else -1
            inner: int | None = None
            for c, a in members:
                inner = self._plus(inner, sign if c > 0 else -sign, self.value(a), shape)
            assert inner is not None
            signed = float(size) if total is not None else sign * float(size)
            scaled = self.step("by", (inner,), shape, signed)
            total = scaled if total is None else self._plus(total, sign, scaled, shape)
        assert total is not None
        return total

    def _term(self, c: Number, a: int) -> int:
        return self._number(c if c > 0 else -c) if a == self.graph.one else self.value(a)

    def _number(self, value: Number) -> int:
        return self.step("number", (), (), float(value))

    def _plus(self, total: int | None, sign: int, step: int, shape: Shape) -> int:
        if total is None:
            return step if sign > 0 else self.step("neg", (step,), shape)
        return self.step("add" if sign > 0 else "sub", (total, step), shape)

    def _monomial(self, factors: Sequence[tuple[int, Number]]) -> int:
        """Powers above the line, divided by those below it."""
        above: list[int] = []
        below: list[int] = []
        for a, exponent in factors:
            value = self.value(a)
            size = abs(exponent)
            if size != 1:
                value = self.step("power", (value,), (), size)
            (above if exponent > 0 else below).append(value)
        result = self._times(above) if above else self._number(1)
        return self.step("div", (result, self._times(below)), ()) if below else result

    def _times(self, values: Sequence[int]) -> int:
        result = values[0]
        for value in values[1:]:
            result = self.step("times", (result, value), ())
        return result

    # -- products --------------------------------------------------------

    def _product(self, factors: tuple[int, ...]) -> int:
        if len(factors) == 1:
            return self.value(factors[0])
        if factors not in self._products:
            turned = self._turned(factors)
            if turned in self._products:
                result = self.step("T", (self._products[turned],), self._shape(factors))
            else:
                result = self._split(factors)
            self._products[factors] = result
        return self._products[factors]

    def _shape(self, factors: Sequence[int]) -> Shape:
        return self.graph.shapes[factors[0]][0], self.graph.shapes[factors[-1]][1]

    def _split(self, factors: tuple[int, ...]) -> int:
        cut = self._best_cut(factors, {})[1]
        left, right = factors[:cut], factors[cut:]
        if self._is_inverse(left):
            return self._solved(left[0], self._product(right), False)
        shape = self._shape(factors)
        if self._is_inverse(right):
            # B A^-1 = (A^-T B^T)^T
            transposed = self.step("T", (self._product(left),), (shape[1], shape[0]))
            return self.step("T", (self._solved(right[0], transposed, True),), shape)
        return self.step("dot", (self._product(left), self._product(right)), shape)

    def _is_inverse(self, factors: tuple[int, ...]) -> bool:
        return len(factors) == 1 and self.graph.nodes[factors[0]][0] == "inv"

    def _best_cut(self, factors: tuple[int, ...], memo: dict) -> tuple[float, int]:
        """The least cost of a product and where it is cut."""
        if len(factors) == 1:
            return 0.0, 0
        if factors not in memo:
            (rows, columns), shapes = self._shape(factors), self.graph.shapes
            best = (float("inf"), 0)
            for cut in range(1, len(factors)):
                cost = rows * columns * shapes[factors[cut]][0] + sum(
                    0.0 if part in self._wanted else self._best_cut(part, memo)[0]
                    for part in (factors[:cut], factors[cut:]))
                best = min(best, (cost, cut))
            memo[factors] = best
        return memo[factors]

    def _factors(self, a: int) -> tuple[int, bool]:
        """The step of the LU factors that serve A, and whether they are those of A^T."""
        turned = self.graph.transpose(a)
        base = min(a, turned)
        return self.step("lu", (self.value(base),), self.graph.shapes[a]), base != a

    def _solved(self, inverse: int, right: int, transposed: bool) -> int:
        """A^-1 B, or A^-T B, for the node A^-1 and the step B."""
        factors, turned = self._factors(self.graph.nodes[inverse][1])
        return self.step("solve", (factors, right), self.steps[right].shape, turned != transposed)


def _array(node: tuple) -> np.ndarray:
    """A constant leaf in floats, each the nearest to its exact value."""
    kind = node[0]
    if kind == "eye":
        return np.eye(node[1])
    if kind == "ones":
        return np.ones(node[1])
    if kind == "zero":
        return np.zeros(node[1])
    if kind == "unit":
        out = np.zeros(node[1])
        out[node[2:]] = 1.0
        return out
    matrix = node[1]
    return np.array([_nearest(entry) for entry in matrix], dtype=float).reshape(matrix.shape)


def _nearest(value: sp.Expr) -> float:
    if value.is_Rational:
        return float(Fraction(int(value.p), int(value.q)))
    return float(value.evalf(25))


def _shared_sums(graph: MatrixGraph, reachable: Sequence[int]) -> dict[int, list[Term]]:
    """Sums with the pairs of terms that several of them share, up to a factor, as one term."""
    sums: dict[int, list[Term]] = {}
    users: dict[_Pair, set[int]] = {}
    queue: list[tuple[int, _Pair]] = []         # the most shared first

    def put(index: int, terms: list[Term]) -> None:
        for key in _pairs(graph, sums.get(index, [])):
            users[key].discard(index)
        sums[index] = terms
        for key in _pairs(graph, terms):
            users.setdefault(key, set()).add(index)
            if len(users[key]) > 1:
                heapq.heappush(queue, (-len(users[key]), key))

    for index in reachable:
        if graph.nodes[index][0] == "lin" and 1 < len(graph.terms(index)) <= _LONG:
            put(index, list(graph.terms(index)))
    while queue:
        count, key = heapq.heappop(queue)
        if len(users[key]) < -count:            # out of date: some of them share other pairs now
            if len(users[key]) > 1:
                heapq.heappush(queue, (-len(users[key]), key))
            continue
        a, b, ratio = key
        pair = graph.sum([(1, a), (ratio, b)], graph.shapes[a])
        for index in sorted(users[key] - {pair}):
            coefficient = next(c for c, k in sums[index] if k == a)
            rest = [term for term in sums[index] if term[1] not in (a, b)]
            put(index, [*rest, (coefficient, pair)])
        put(pair, [(1, a), (ratio, b)])
    return sums


def _pairs(graph: MatrixGraph, terms: Sequence[Term]) -> list[_Pair]:
    """(a, b, d/c) for any two terms c a and d b that are no numbers."""
    terms = sorted((term for term in terms if term[1] != graph.one), key=lambda term: term[1])
    return [(a, b, d * c if abs(c) == 1 else Fraction(d) / c)
            for k, (c, a) in enumerate(terms) for d, b in terms[k + 1:]]
