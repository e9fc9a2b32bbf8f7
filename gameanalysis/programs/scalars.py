r"""Learning rules as operations: the algebra in which a rule writes its formula into a graph.

A `Scalar` is a node of a `Graph` that can be added, multiplied and divided like a number, so
that the formulas of `learning` build programs in the same words in which they build SymPy
expressions.  The graph of a rule has as variables

    the actions z (n),   the memory m (n or none),   the learning rates gamma (n),

in this order; rates are variables, so that one program serves every schedule.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import sympy as sp

from ..declaration.game import Game
from ..learning.play import Entries, Play, entries
from ..learning.updates import RuleField, Update
from .graph import Graph
from .reading import Reader

__all__ = ["RuleGraph", "Scalar", "rule_field_nodes"]


class Scalar:
    """A node of a graph as a number: + - * / among themselves and with int and Fraction.

    >>> graph = Graph(1)
    >>> x = Scalar(graph, graph.variables[0])
    >>> graph.nodes[(x * x + x * 0).index]
    ('pow', 0, 2)
    """

    __slots__ = ("graph", "index")

    def __init__(self, graph: Graph, index: int) -> None:
        self.graph, self.index = graph, index

    def _node(self, other: Any) -> int:
        if isinstance(other, Scalar):
            return other.index
        if isinstance(other, (int, Fraction)):
            return self.graph.constant(other)
        raise TypeError(f"a node of a graph and {other!r} do not mix")

    def _of(self, index: int) -> Scalar:
        return Scalar(self.graph, index)

    def __add__(self, other: Any) -> Scalar:
        return self._of(self.graph.add(self.index, self._node(other)))

    __radd__ = __add__

    def __sub__(self, other: Any) -> Scalar:
        return self._of(self.graph.sub(self.index, self._node(other)))

    def __rsub__(self, other: Any) -> Scalar:
        return self._of(self.graph.sub(self._node(other), self.index))

    def __mul__(self, other: Any) -> Scalar:
        return self._of(self.graph.mul(self.index, self._node(other)))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Scalar:
        return self._of(self.graph.div(self.index, self._node(other)))

    def __pow__(self, n: int) -> Scalar:
        return self._of(self.graph.pow(self.index, n))

    def __neg__(self) -> Scalar:
        return self._of(self.graph.neg(self.index))

    def __repr__(self) -> str:
        return f"Scalar({self.index})"


class _Nodes:
    """The algebra of the nodes of one graph; see `learning.play.Algebra`."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self._reader = graph, Reader(graph, {})

    def number(self, value: sp.Expr) -> Scalar:
        return Scalar(self.graph, self._reader.read(sp.sympify(value)))

    def gradient(self, entry: Scalar, variables: Iterable[Scalar]) -> list[Scalar]:
        nodes = self.graph.gradient(entry.index, [v.index for v in variables])
        return [Scalar(self.graph, node) for node in nodes]

    def moved(self, listed: Iterable[Scalar], variables: Iterable[Scalar],
              values: Iterable[Scalar]) -> list[Scalar]:
        mapping = {a.index: b.index for a, b in zip(variables, values)}
        nodes = self.graph.substitute([e.index for e in listed], mapping)
        return [Scalar(self.graph, node) for node in nodes]

    def select(self, c: Scalar, a: Scalar, b: Scalar) -> Scalar:
        return Scalar(self.graph, self.graph.select(c.index, a.index, b.index))

    def exp(self, a: Scalar) -> Scalar:
        return Scalar(self.graph, self.graph.apply("exp", a.index))


class RuleGraph:
    """A graph with a game's costs read into it, and the `Play` on it.

    ``play``, ``memory``, ``rates`` : what `Update.entries` takes.

    Parameters: the game, and how many numbers of memory there are.
    """

    def __init__(self, game: Game, n_memory: int) -> None:
        n = len(game.variables)
        self.n, self.n_memory = n, n_memory
        self.graph = graph = Graph(2 * n + n_memory)
        nodes = graph.variables
        reader = Reader(graph, dict(zip(game.variables, nodes)))
        costs = [Scalar(graph, reader.read(cost)) for cost in game.valued_costs]
        scalars = [Scalar(graph, node) for node in nodes]
        self.play = Play(_Nodes(graph), costs, scalars[:n], game.sizes)
        self.memory: Entries = entries(scalars[n:n + n_memory])
        self.rates: Entries = entries(scalars[n + n_memory:])

    @staticmethod
    def nodes(values: Entries) -> list[int]:
        """The nodes of an array of entries."""
        return [value.index for value in values.ravel()]


def rule_field_nodes(field: RuleField) -> tuple[Graph, list[int]]:
    """The field of a rule's flow as nodes of a graph whose first variables are the actions."""
    built = RuleGraph(field.game, Update(field.game, field.rule).n_memory)
    return built.graph, built.nodes(field.limit(built.play, built.rates, built.memory))
