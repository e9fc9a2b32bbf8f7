r"""The derivatives of a game as nodes of one graph.

With x = (x1, y), the leader's actions x1 and all followers' actions y, let F be the
stacked own gradients of the followers, M = D_y F their joint Jacobian (for one
follower: D22 f2), C = D_1 F, and v the solution of the linear system

    M^T v = D_y f1.

Then no inverse is ever formed symbolically, because with h(x, v) = v . F(x)

    omega_{S,1} = D_1 f1 - D_1 h              (v held constant),
    D omega_{S,1} = D D_1 f1 - D D_1 h - C^T Dv,   M^T Dv = D D_y f1 - D D_y h,

so J_S needs Hessians of f1 and of the scalar h only.  With tau and eta, the
followers' rows are multiplied by tau and M becomes M + eta I in the linear systems.
Reference: Fiez, Chasnov and Ratliff, ICML 2020, equation (4) and appendix H.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

import sympy as sp

from ..declaration.game import Game
from ..errors import GameError
from .graph import Graph
from .reading import Reader

__all__ = ["determinant_and_adjugate", "GameBlocks", "ResponseBlocks", "INLINE", "SINGULAR"]

#: Followers' systems up to this size are solved by determinants inside the program.
INLINE = 3
SINGULAR = ("the follower's Hessian D22 f2 is singular everywhere (as in a bilinear game): "
            "regularise with eta > 0, e.g. stackelberg_gradient(game, eta=1)")

Rows = list[list[int]]


class GameBlocks:
    """Nodes of a game's costs, gradients and Hessians.

    The graph has a variable for each action and one more for each component of v.
    """

    def __init__(self, game: Game) -> None:
        self.n, self.n1 = len(game.variables), game.sizes[0]
        self.graph = graph = Graph(2 * self.n - self.n1)
        self.x, self.v = graph.variables[:self.n], graph.variables[self.n:]
        reader = Reader(graph, dict(zip(game.variables, self.x)))
        self.costs = [reader.read(cost) for cost in game.valued_costs]
        self.f1 = graph.gradient(self.costs[0], self.x)
        starts = [sum(game.sizes[:k]) for k in range(game.n_players + 1)]
        self._own = [range(a, b) for a, b in zip(starts, starts[1:])]
        self.omega = [node for cost, own in zip(self.costs, self._own)
                      for node in graph.gradient(cost, [self.x[i] for i in own])]
        self.followers = self.omega[self.n1:]

    @cached_property
    def jacobian(self) -> Rows:
        """The rows of J."""
        return [row for own in self._own
                for row in self._hessian_rows([self.omega[i] for i in own], own, {})]

    @cached_property
    def f1_hessian(self) -> Rows:
        """The Hessian of f1 in all variables."""
        leader = self.jacobian[:self.n1]
        return leader + self._hessian_rows(self.f1[self.n1:], range(self.n1, self.n),
                                           dict(enumerate(leader)))

    @cached_property
    def _h_gradient(self) -> list[int]:
        h = self.graph.dot(self.v, self.followers)
        return self.graph.gradient(h, self.x)

    @cached_property
    def leader(self) -> list[int]:
        """D_1 f1 - D_1 h: with the response's v put in, omega_{S,1}."""
        return [self.graph.sub(f, h) for f, h in zip(self.f1[:self.n1], self._h_gradient)]

    @cached_property
    def h_hessian(self) -> Rows:
        """The Hessian of h = v . F in x, v held constant."""
        return self._hessian_rows(self._h_gradient, range(self.n), {})

    def _hessian_rows(self, gradient: Sequence[int], which: range,
                      known: dict[int, list[int]]) -> Rows:
        """Rows ``which`` of a Hessian; entries in the columns of known rows are theirs."""
        known = dict(known)
        for i, node in zip(which, gradient):
            fresh = [j for j in range(self.n) if j not in known]
            row = dict(zip(fresh, self.graph.gradient(node, [self.x[j] for j in fresh])))
            known[i] = [row[j] if j in row else known[j][i] for j in range(self.n)]
        return [known[i] for i in which]


class ResponseBlocks:
    """Nodes of omega_S, J_S, Dr and S1(J), the followers' systems solved inside.

    ``tau`` multiplies the followers' rows and ``eta`` regularises their systems.
    Raises `GameError`, when nodes are asked for, if the determinant of the systems
    is identically zero.
    """

    def __init__(self, blocks: GameBlocks, tau: sp.Expr = sp.S.One,
                 eta: sp.Expr = sp.S.Zero) -> None:
        self.blocks, self.tau, self.eta = blocks, tau, eta

    @cached_property
    def _solver(self) -> tuple[int, Rows]:
        b, graph = self.blocks, self.blocks.graph
        matrix = [list(row[b.n1:]) for row in b.jacobian[b.n1:]]
        if self.eta:
            eta = Reader(graph, {}).read(self.eta)
            for k, row in enumerate(matrix):
                row[k] = graph.add(row[k], eta)
        determinant, adjugate = determinant_and_adjugate(graph, matrix)
        if determinant == graph.zero:
            raise GameError(SINGULAR)
        return determinant, adjugate

    def _solve(self, right: Sequence[int], transposed: bool = False) -> list[int]:
        """Nodes of the solution of (M + eta I) z = right, or of its transpose."""
        graph = self.blocks.graph
        determinant, adjugate = self._solver
        rows = zip(*adjugate) if transposed else adjugate
        return [graph.div(graph.dot(row, right), determinant) for row in rows]

    def _with_v(self, nodes: Sequence[int]) -> list[int]:
        b = self.blocks
        v = self._solve(b.f1[b.n1:], transposed=True)
        return b.graph.substitute(nodes, dict(zip(b.v, v)))

    def _scaled(self, nodes: Iterable[int]) -> list[int]:
        graph = self.blocks.graph
        tau = Reader(graph, {}).read(self.tau)
        return [graph.mul(tau, node) for node in nodes]

    def value(self) -> list[int]:
        """Nodes of omega_S."""
        return self._with_v(self.blocks.leader) + self._scaled(self.blocks.followers)

    def jacobian(self) -> list[int]:
        """Nodes of J_S, row by row."""
        b, g, n1 = self.blocks, self.blocks.graph, self.blocks.n1
        # The Hessian of f1 - h with v constant, then what v contributes.
        rows = [[g.sub(f, h) for f, h in zip(*pair)] for pair in zip(b.f1_hessian, b.h_hessian)]
        slopes = [self._solve(column, transposed=True) for column in zip(*rows[n1:])]
        cross = list(zip(*self._cross()))
        leader = [g.sub(rows[k][j], g.dot(cross[k], slopes[j]))
                  for k in range(n1) for j in range(b.n)]
        return self._with_v(leader) + self._scaled(e for row in b.jacobian[n1:] for e in row)

    def _response(self) -> list[list[int]]:
        """The columns of (M + eta I)^-1 C."""
        return [self._solve(column) for column in zip(*self._cross())]

    def _cross(self) -> Rows:
        return [row[:self.blocks.n1] for row in self.blocks.jacobian[self.blocks.n1:]]

    def implicit(self) -> list[int]:
        """Nodes of Dr = -M^-1 C, row by row."""
        return [self.blocks.graph.neg(node) for row in zip(*self._response()) for node in row]

    def schur(self) -> list[int]:
        """Nodes of S1(J) = A - B M^-1 C, row by row."""
        b, g, n1 = self.blocks, self.blocks.graph, self.blocks.n1
        response = self._response()
        return [g.sub(row[k], g.dot(row[n1:], response[k]))
                for row in b.jacobian[:n1] for k in range(n1)]


def determinant_and_adjugate(graph: Graph, matrix: Sequence[Sequence[int]]
                             ) -> tuple[int, list[list[int]]]:
    """Nodes of det(M) and adj(M), division-free, by memoised minors.

    The number of products is about n 2^n: meant for n <= 6.  M adj(M) = det(M) I.
    """
    n = len(matrix)
    memo: dict[tuple[tuple[int, ...], tuple[int, ...]], int] = {}

    def minor(rows: tuple[int, ...], columns: tuple[int, ...]) -> int:
        if not rows:
            return graph.one
        key = rows, columns
        if key not in memo:
            terms = []
            for position, column in enumerate(columns):
                entry = matrix[rows[0]][column]
                if entry == graph.zero:
                    continue
                rest = columns[:position] + columns[position + 1:]
                term = graph.mul(entry, minor(rows[1:], rest))
                terms.append(graph.neg(term) if position % 2 else term)
            memo[key] = graph.sum(terms)
        return memo[key]

    everything = tuple(range(n))
    without = [everything[:k] + everything[k + 1:] for k in range(n)]
    adjugate = []
    for i in range(n):
        row = []
        for j in range(n):
            cofactor = minor(without[j], without[i])
            row.append(graph.neg(cofactor) if (i + j) % 2 else cofactor)
        adjugate.append(row)
    return minor(everything, everything), adjugate
