r"""Learning rules as operations: the algebra in which a rule writes its formula into a graph.

A `Scalar` is a node of a `Graph` that can be added, multiplied and divided like a number, so
that the formulas of `learning` build programs in the same words in which they build SymPy
expressions.  The graph of a rule has as variables

    the actions z (n),   the memory m (n or none),   the learning rates gamma (n),

in this order; rates are variables, so that one program serves every schedule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from ..declaration.costs import exact
from ..declaration.game import Game
from ..errors import GameError
from ..learning.play import Entries, Play, entries
from ..learning.updates import RuleField, Update
from .graph import Graph
from .program import Program
from .reading import Reader

__all__ = ["RuleGraph", "Scalar", "jacobian_at_rest", "rule_field_nodes"]


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

    def _with(self, operation: Callable[[int, int], int], other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return NotImplemented               # NumPy goes through its entries
        return self._of(operation(self.index, self._node(other)))

    def __add__(self, other: Any) -> Any:
        return self._with(self.graph.add, other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self._with(self.graph.sub, other)

    def __rsub__(self, other: Any) -> Scalar:
        return self._of(self.graph.sub(self._node(other), self.index))

    def __mul__(self, other: Any) -> Any:
        return self._with(self.graph.mul, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        return self._with(self.graph.div, other)

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
        return Scalar(self.graph, self._reader.read(exact(value, "a number in a rule")))

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

    def vanishes(self, entry: Scalar) -> bool:
        return entry.index == self.graph.zero


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


class _Jet:
    """A function of (z, m) at a fixed point: its value there, and its first derivatives.

    Both are nodes, functions of z.  ``slopes`` is an array of Scalars, (n + n_memory,).
    """

    __slots__ = ("value", "slopes")

    def __init__(self, value: Scalar, slopes: Entries) -> None:
        self.value, self.slopes = value, slopes

    def _jet(self, other: Any) -> _Jet:
        if isinstance(other, _Jet):
            return other
        return _Jet(self.value * 0 + other, self.slopes * 0)

    def __add__(self, other: Any) -> _Jet:
        other = self._jet(other)
        return _Jet(self.value + other.value, self.slopes + other.slopes)

    __radd__ = __add__

    def __neg__(self) -> _Jet:
        return _Jet(-self.value, -self.slopes)

    def __sub__(self, other: Any) -> _Jet:
        return self + -self._jet(other)

    def __rsub__(self, other: Any) -> _Jet:
        return -self + other

    def __mul__(self, other: Any) -> _Jet:
        other = self._jet(other)
        return _Jet(self.value * other.value,
                    self.slopes * other.value + other.slopes * self.value)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> _Jet:
        other = self._jet(other)
        value = self.value / other.value
        return _Jet(value, (self.slopes - other.slopes * value) / other.value)

    def __pow__(self, n: int) -> _Jet:
        return _Jet(self.value ** n, self.slopes * (self.value ** (n - 1) * n))


class _Jets:
    """The algebra of `_Jet`: `moved` is the chain rule at a point that does not move."""

    def __init__(self, nodes: _Nodes, width: int) -> None:
        self.nodes, self.width = nodes, width
        self.zero: Any = nodes.number(sp.S.Zero)

    def constant(self, value: Scalar) -> _Jet:
        """A value that does not depend on (z, m)."""
        return _Jet(value, entries([self.zero] * self.width))

    def number(self, value: sp.Expr) -> _Jet:
        return self.constant(self.nodes.number(value))

    def moved(self, listed: Iterable[_Jet], variables: Iterable[_Jet],
              values: Iterable[_Jet]) -> list[_Jet]:
        before, after = list(variables), list(values)
        if any(a.value.index != b.value.index for a, b in zip(before, after)):
            raise GameError("the rule looks at the game at another point, which moves when "
                            "its fixed point does not")
        turn = np.stack([jet.slopes for jet in after])          # dz'/d(z, m)
        n = len(before)
        out = []
        for jet in listed:
            kept = jet.slopes.copy()
            kept[:n] = kept[:n] * 0
            out.append(_Jet(jet.value, jet.slopes[:n] @ turn + kept))
        return out

    def vanishes(self, entry: _Jet) -> bool:
        return self.nodes.vanishes(entry.value)

    def select(self, c: _Jet, a: _Jet, b: _Jet) -> _Jet:
        raise GameError("the rule switches where it is at rest, and has no Jacobian there")

    def gradient(self, entry: _Jet, variables: Iterable[_Jet]) -> list[_Jet]:
        raise GameError("the rule differentiates what it has computed: its second derivatives "
                        "at rest are not followed")

    def exp(self, a: _Jet) -> _Jet:
        value = self.nodes.exp(a.value)
        return _Jet(value, a.slopes * value)


class _RestingPlay(Play):
    """A `Play` of jets at a point where some components of omega are known to be zero.

    ``opposed`` : whether the costs are f and -f, so that all of Df is zero where omega is.
    """

    def __init__(self, base: Play, jets: _Jets, vanishing: Sequence[bool],
                 opposed: bool) -> None:
        one: Any = jets.nodes.number(sp.S.One)
        unit = np.where(np.eye(base.n, jets.width, dtype=bool), one, jets.zero)
        super().__init__(jets, (), [_Jet(z, row) for z, row in zip(base.z, unit)],
                         [own.stop - own.start for own in base.players])
        self._base, self._jets = base, jets
        self._vanishing, self._opposed = np.array(vanishing, dtype=bool), opposed

    def _lifted(self, values: Entries) -> Entries:
        """Functions of z as jets."""
        slopes = self._base.derivative(values.ravel())
        rest = entries([self._jets.zero] * (self._jets.width - self.n))
        return entries(_Jet(v, np.concatenate([row, rest]))
                       for v, row in zip(values.ravel(), slopes)).reshape(values.shape)

    def _with_zeros(self, values: Entries, vanishing: NDArray[np.bool_]) -> Entries:
        return entries(_Jet(self._jets.zero, jet.slopes) if vanishes else jet
                       for jet, vanishes in zip(self._lifted(values), vanishing))

    @cached_property
    def omega(self) -> Entries:
        return self._with_zeros(self._base.omega, self._vanishing)

    @cached_property
    def jacobian(self) -> Entries:
        return self._lifted(self._base.jacobian)

    def slope(self, player: int) -> Entries:
        known = self._vanishing
        if not self._opposed:
            known = np.zeros(self.n, dtype=bool)
            known[self.players[player]] = self._vanishing[self.players[player]]
        return self._with_zeros(self._base.slope(player), known)


def jacobian_at_rest(update: Update, vanishing: Sequence[bool]
                     ) -> tuple[RuleGraph, list[int], list[int]]:
    """M = D(F, h) at a fixed point where the components ``vanishing`` of omega are zero.

    By the chain rule at the fixed point itself: a rule that looks ahead sees no other point
    there, so that the learning rates enter M as in linear games, rationally, and omega
    brings no rounding.  Returns the graph, the nodes of M row by row, and those of
    (F - z, h - m), zero if the point is fixed; functions of z and the rates.  Raises
    `GameError` if the rule looks at the game at another point, and for one that chooses
    between formulas.
    """
    built = RuleGraph(update.game, update.n_memory)
    n, width = built.n, built.n + update.n_memory
    jets = _Jets(_Nodes(built.graph), width)
    play = _RestingPlay(built.play, jets, vanishing, update.game.is_zero_sum)
    rates = entries(map(jets.constant, built.rates))
    start = update.at_start(play, rates)
    one: Any = jets.nodes.number(sp.S.One)
    unit = np.where(np.eye(width, dtype=bool)[n:], one, jets.zero)
    memory = entries(_Jet(jet.value, row) for jet, row in zip(start, unit))
    after, kept = update.entries(play, rates, memory)
    moved = [(new.value - old.value).index
             for new, old in zip((*after, *kept), (*play.z, *memory))]
    return built, [slope.index for jet in (*after, *kept) for slope in jet.slopes], moved


def rule_field_nodes(field: RuleField) -> tuple[Graph, list[int]]:
    """The field of a rule's flow as nodes of a graph whose first variables are the actions."""
    update = Update(field.game, field.rule)
    built = RuleGraph(field.game, update.n_memory)
    nodes = built.nodes(field.limit(built.play, built.rates, built.memory))
    after, _ = update.entries(built.play, built.rates, built.memory)
    # The flow exists only if F(z, m; 0) = z, as the rule says of itself: look at a point.
    point = [0.3 + 0.1 * k for k in range(built.n + built.n_memory)]
    program = Program(built.graph, built.nodes(after))
    found = program.at(np.array(point + [0.0] * built.n))
    if (np.abs(found - point[:built.n]) > 1e-9).any():
        raise GameError(f"{field.rule.title} says that it has a flow, but without a step it "
                        f"moves: its entry needs has_flow = False")
    return built.graph, nodes
