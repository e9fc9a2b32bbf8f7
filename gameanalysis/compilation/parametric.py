r"""A game's field with one more variable: the parameter that moves.

The parameter lambda is a variable of the graph, beside the n actions x.  It is a symbol of
the costs, or one of the two numbers of the field itself: tau, the factor of the followers'
rows, or eta, the regularisation of their joint Jacobian M.  Nodes in z = (x, lambda):

    omega = (D_1 f1, F),   J = D_x omega = [[A, B], [C, M]],
    g     = (D_1 f1, tau F),                          simultaneous gradient play,
    g     = (D_1 f1 - C^T v, tau F),  (M + eta I)^T v = D_y f1,    Stackelberg play.

What is followed is a system G(x, lambda) = 0 with the zeros of g.  It has no denominators
and no factors that are exponentials:

    G = omega                                         simultaneous, and every zero-sum game,
    G = (det(M + eta I) D_1 f1 - C^T adj(M + eta I)^T D_y f1, F)            Stackelberg.

While det(M + eta I) and tau are not zero, g and G have the same zeros, and D_x g and D_x G
are singular at the same of them: near a zero each is an invertible matrix times the other.

Everything is compiled once, for all values of the parameter.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from ..declaration.costs import sum_to_zero
from ..declaration.game import Game
from ..dynamics import VectorField
from ..errors import GameError
from ..programs.blocks import SINGULAR, determinant_and_adjugate
from .compiled import CompiledField
from ..programs.graph import Graph
from ..programs.program import Program
from ..programs.reading import Reader

__all__ = ["ParametricField", "ParametricGame"]

Array = NDArray[np.float64]
Rows = list[list[int]]

#: Followers' systems are solved by determinants, up to this size.
_LARGEST = 8


class ParametricField:
    """G(z) and D G(z) for z = (x, lambda): n components, n + 1 variables.

    ``value_program`` and ``jacobian_program`` (row by row) evaluate in any arithmetic.

    >>> g = Graph(2); x, p = g.variables
    >>> fold = ParametricField(g, [g.sub(p, g.pow(x, 2))], 1)
    >>> fold.value(np.array([2.0, 1.0])), fold.jacobian(np.array([2.0, 1.0]))
    (array([-3.]), array([[-4.,  1.]]))
    """

    def __init__(self, graph: Graph, nodes: Sequence[int], n: int) -> None:
        self.n = n
        rows = graph.jacobian(nodes, graph.variables[:n + 1])
        self.value_program = Program(graph, nodes, n + 1)
        self.jacobian_program = Program(graph, [e for row in rows for e in row], n + 1)

    def value(self, z: Array) -> Array:
        """G at points (n + 1,) or (N, n + 1): shape (n,) or (N, n)."""
        return self.value_program.at(z) if z.ndim == 1 else self.value_program.batch(z)

    def jacobian(self, z: Array) -> Array:
        """D G at points (n + 1,) or (N, n + 1): shape (..., n, n + 1)."""
        program = self.jacobian_program
        values = program.at(z) if z.ndim == 1 else program.batch(z)
        return values.reshape(*z.shape[:-1], self.n, self.n + 1)


class ParametricGame:
    """The nodes of a game's field in (x, lambda), and what is compiled of them.

    Parameters
    ----------
    game : a `Game` with values for all its parameters.
    parameter : the name of one of them, or "tau" or "eta" where the game has none so called.
    of : "simultaneous" or "stackelberg".
    tau, eta : exact numbers, the factor and the regularisation where they do not move.

    Raises `GameError` for a parameter that is none, for a Stackelberg field with more than
    eight followers' actions, or one that is defined nowhere.
    """

    def __init__(self, game: Game, parameter: str, of: str = "simultaneous",
                 tau: sp.Expr = sp.S.One, eta: sp.Expr = sp.S.Zero) -> None:
        self.game, self.parameter, self.of = game, parameter, of
        self.tau, self.eta = tau, eta
        n = self.n = len(game.variables)
        self.n1 = game.sizes[0]
        self.symbol = next((s for s in game.parameters if s.name == parameter), None)
        if self.symbol is None and parameter not in ("tau", "eta"):
            known = ", ".join(s.name for s in game.parameters)
            raise GameError(f"{parameter} is no parameter of the game; its parameters are "
                            f"{known or 'none'}, and those of the field tau and eta")
        if parameter == "eta" and self.symbol is None and of == "simultaneous":
            raise GameError("the simultaneous gradient has no eta: take of='stackelberg'")
        # z, and as many unknowns as the systems of events need.
        self.graph = graph = Graph(3 * n + 4)
        self.x, self.point = graph.variables[:n], graph.variables[:n + 1]
        self.more = graph.variables[n + 1:]
        moving = graph.variables[n]
        fixed = {s: v for s, v in game.parameters.items() if s != self.symbol}
        costs = [cost.xreplace(fixed) for cost in game.costs]
        self.is_zero_sum = game.n_players == 2 and (
            game.zero_sum_cost is not None or sum_to_zero(*costs))
        symbols = dict(zip(game.variables, self.x))
        if self.symbol is not None:
            symbols[self.symbol] = moving
        reader = Reader(graph, symbols)
        nodes = [reader.read(cost) for cost in costs]
        own = self.symbol is not None
        self._tau = moving if parameter == "tau" and not own else reader.read(tau)
        self._eta = moving if parameter == "eta" and not own else reader.read(eta)
        self.f1 = graph.gradient(nodes[0], self.x)
        starts = [sum(game.sizes[:k]) for k in range(game.n_players + 1)]
        self.own = [slice(a, b) for a, b in zip(starts, starts[1:])]
        self.omega = [node for cost, part in zip(nodes, self.own)
                      for node in graph.gradient(cost, self.x[part])]
        self.jacobian = graph.jacobian(self.omega, self.x)

    @property
    def moves(self) -> bool:
        """Whether the critical points depend on the parameter."""
        support = 1 << self.n
        return any(self.graph.support[node] & support for node in self.system_nodes)

    @cached_property
    def response(self) -> Rows:
        """M + eta I."""
        rows = [list(row[self.n1:]) for row in self.jacobian[self.n1:]]
        for k, row in enumerate(rows):
            row[k] = self.graph.add(row[k], self._eta)
        return rows

    @cached_property
    def _solver(self) -> tuple[int, Rows]:
        if len(self.response) > _LARGEST:
            raise GameError(f"the Stackelberg field is followed for at most {_LARGEST} "
                            f"followers' actions, not {len(self.response)}")
        determinant, adjugate = determinant_and_adjugate(self.graph, self.response)
        if determinant == self.graph.zero and self.of == "stackelberg":
            raise GameError(SINGULAR)
        return determinant, adjugate

    @property
    def _cleared(self) -> list[int]:
        """det(M + eta I) D_1 f1 - C^T adj(M + eta I)^T D_y f1."""
        graph, n1 = self.graph, self.n1
        determinant, adjugate = self._solver
        scaled = [graph.dot(column, self.f1[n1:]) for column in zip(*adjugate)]
        return [graph.sub(graph.mul(determinant, self.f1[k]),
                          graph.dot([row[k] for row in self.jacobian[n1:]], scaled))
                for k in range(n1)]

    @cached_property
    def field_nodes(self) -> list[int]:
        """g, the field whose stability is told."""
        graph, n1 = self.graph, self.n1
        leader = self.omega[:n1]
        if self.of == "stackelberg":
            leader = [graph.div(node, self._solver[0]) for node in self._cleared]
        return leader + [graph.mul(self._tau, node) for node in self.omega[n1:]]

    @cached_property
    def field_jacobian(self) -> Rows:
        """D_x g."""
        return self.graph.jacobian(self.field_nodes, self.x)

    @cached_property
    def system_nodes(self) -> list[int]:
        """G."""
        nodes = self.omega
        if self.of == "stackelberg" and not self.is_zero_sum:
            nodes = self._cleared + self.omega[self.n1:]
        return [self._without_exponentials(node) for node in nodes]

    def _without_exponentials(self, node: int) -> int:
        coefficient, rest = self.graph._split(node)
        return self.graph._scaled(coefficient, self.graph._unit(rest)[0])

    @cached_property
    def system_jacobian(self) -> Rows:
        """D_x G."""
        return self.graph.jacobian(self.system_nodes, self.x)

    @cached_property
    def leader_program(self) -> Program | None:
        """det M D f1, where a branch of omega = 0 may be critical for the leader too, or None.

        In a zero-sum game it is, as a matter of course, and in a Stackelberg field by G = 0.
        """
        regularised = self._eta != self.graph.zero
        if (self.of == "stackelberg" or self.is_zero_sum or regularised
                or len(self.response) > _LARGEST or self._solver[0] == self.graph.zero):
            return None
        return self.program(self._cleared)

    @cached_property
    def leader_jacobian(self) -> Rows:
        """The Jacobian of (det M D f1, F): where both vanish, singular where D^2 f1 is."""
        nodes = [*self._cleared, *self.omega[self.n1:]]
        return self.graph.jacobian([self._without_exponentials(e) for e in nodes], self.x)

    @cached_property
    def leader_jacobian_program(self) -> Program:
        """The rows of that, as functions of z."""
        return self.program([e for row in self.leader_jacobian for e in row])

    @cached_property
    def system(self) -> ParametricField:
        """G and its derivatives in z, compiled."""
        return ParametricField(self.graph, self.system_nodes, self.n)

    def program(self, nodes: Sequence[int]) -> Program:
        """The program of some nodes, a function of z."""
        return Program(self.graph, nodes, self.n + 1)

    @cached_property
    def field_jacobian_program(self) -> Program:
        """D_x g, row by row, as a function of z."""
        return self.program([e for row in self.field_jacobian for e in row])

    @cached_property
    def jacobian_program(self) -> Program:
        """J and, row by row after it, M + eta I, as functions of z."""
        return self.program([e for row in (*self.jacobian, *self.response) for e in row])

    def unfolded(self, nodes: Sequence[int], n: int) -> CompiledField:
        """A square system of ``nodes`` in the first ``n`` variables of the graph."""
        symbols = sp.symbols(f"z0:{n}", real=True)
        return CompiledField(VectorField([0] * n, symbols), (self.graph, list(nodes)))

    def section(self, value: Fraction) -> CompiledField:
        """G at one value of the parameter, a field in x."""
        graph = self.graph
        constant = graph.constant(value)
        nodes = graph.substitute(self.system_nodes, {self.point[-1]: constant})
        return CompiledField(VectorField([0] * self.n, self.game.variables),
                             (graph, nodes))

    def game_at(self, value: Fraction) -> Game:
        """The game at one value of the parameter."""
        if self.symbol is None:
            return self.game
        return self.game.substitute({self.symbol: sp.Rational(value.numerator,
                                                              value.denominator)})

    def __reduce__(self) -> tuple[Any, ...]:
        return ParametricGame, (self.game, self.parameter, self.of, self.tau, self.eta)
