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
from fractions import Fraction
from functools import cached_property

import sympy as sp

from ..declaration.game import Game
from ..errors import GameError
from .graph import Graph
from .reading import Reader
from .tangents import SparseRow, bits, components, new_variables, transposed_product

__all__ = ["determinant_and_adjugate", "GameBlocks", "ResponseBlocks", "INLINE", "SINGULAR"]

#: Followers' systems up to this size are solved by determinants inside the program.
INLINE = 3
SINGULAR = ("the follower's Hessian D22 f2 is singular everywhere (as in a bilinear game): "
            "regularise with eta > 0, e.g. stackelberg_gradient(game, eta=1)")

Rows = list[list[int]]


class GameBlocks:
    """Nodes of a game's costs, gradients and Hessians.

    The graph has a variable for each action, one more for each component of v, and one for
    each of the parameters ``moving``, whose values are left open.
    """

    def __init__(self, game: Game, moving: Sequence[sp.Symbol] = ()) -> None:
        self.game, self.n, self.n1 = game, len(game.variables), game.sizes[0]
        last = 2 * self.n - self.n1
        self.graph = graph = Graph(last + len(moving))
        self.x, self.v = graph.variables[:self.n], graph.variables[self.n:last]
        self.moving = graph.variables[last:]
        reader = Reader(graph, dict(zip((*game.variables, *moving), (*self.x, *self.moving))))
        fixed = {s: value for s, value in game.parameters.items() if s not in moving}
        costs = ([cost.xreplace(fixed) for cost in game.costs] if moving
                 else game.valued_costs)
        self.costs = [reader.read(cost) for cost in costs]
        self.f1 = graph.gradient(self.costs[0], self.x)
        starts = [sum(game.sizes[:k]) for k in range(game.n_players + 1)]
        self._own = [range(a, b) for a, b in zip(starts, starts[1:])]
        self.omega = [node for cost, own in zip(self.costs, self._own)
                      for node in graph.gradient(cost, [self.x[i] for i in own])]
        self.followers = self.omega[self.n1:]

    @cached_property
    def directions(self) -> list[int]:
        """A further variable p_i for each action, for products with a vector p."""
        return new_variables(self.graph, self.n)

    # Rows {column: node} without zeros; the dense forms below are for small games.

    @cached_property
    def matrix(self) -> list[SparseRow]:
        """The rows of M, columns counted from the first follower's action."""
        rows = self._player_rows(range(1, len(self._own)), self._mask(self.n1, self.n))
        return [{j - self.n1: node for j, node in row.items()} for row in rows]

    @cached_property
    def cross(self) -> list[SparseRow]:
        """The rows of C = D_1 F."""
        return self._player_rows(range(1, len(self._own)), self._mask(0, self.n1))

    @cached_property
    def jacobian_rows(self) -> list[SparseRow]:
        """The rows of J."""
        followers = [c | {j + self.n1: node for j, node in row.items()}
                     for c, row in zip(self.cross, self.matrix)]
        return self._leader_rows + followers

    @cached_property
    def _leader_rows(self) -> list[SparseRow]:
        return self._player_rows(range(1), self._mask(0, self.n))

    @cached_property
    def lagrangian_rows(self) -> list[SparseRow]:
        """The rows of the Hessian of f1 - h in x, v held constant."""
        graph, rows = self.graph, []
        for f, h in zip(self._f1_rows, self._h_rows):
            rows.append({j: node for j in sorted(f.keys() | h.keys())
                         if (node := graph.sub(f.get(j, graph.zero), h.get(j, graph.zero)))
                         != graph.zero})
        return rows

    @cached_property
    def _f1_rows(self) -> list[SparseRow]:
        leader = self._leader_rows
        return leader + self._hessian_rows(self.f1[self.n1:], range(self.n1, self.n),
                                           dict(enumerate(leader)), self._mask(0, self.n))

    @cached_property
    def _h_rows(self) -> list[SparseRow]:
        return self._hessian_rows(self.h_gradient, range(self.n), {}, self._mask(0, self.n))

    @cached_property
    def jacobian(self) -> Rows:
        """The rows of J."""
        return self._dense(self.jacobian_rows)

    @cached_property
    def f1_hessian(self) -> Rows:
        """The Hessian of f1 in all variables."""
        return self._dense(self._f1_rows)

    @cached_property
    def h_hessian(self) -> Rows:
        """The Hessian of h = v . F in x, v held constant."""
        return self._dense(self._h_rows)

    @cached_property
    def h_gradient(self) -> list[int]:
        """D h, v held constant: C^T v and M^T v."""
        return transposed_product(self.graph, self.followers, self.x, self.v)

    @cached_property
    def leader(self) -> list[int]:
        """D_1 f1 - D_1 h: with the response's v put in, omega_{S,1}."""
        return [self.graph.sub(f, h) for f, h in zip(self.f1[:self.n1], self.h_gradient)]

    def _dense(self, rows: list[SparseRow]) -> Rows:
        zero = self.graph.zero
        return [[row.get(j, zero) for j in range(self.n)] for row in rows]

    @staticmethod
    def _mask(start: int, stop: int) -> int:
        return (1 << stop) - (1 << start)

    def _player_rows(self, players: range, columns: int) -> list[SparseRow]:
        return [row for k in players
                for row in self._hessian_rows([self.omega[i] for i in self._own[k]],
                                              self._own[k], {}, columns)]

    def _hessian_rows(self, gradient: Sequence[int], which: range, known: dict[int, SparseRow],
                      columns: int) -> list[SparseRow]:
        """Rows ``which`` of a Hessian, in the ``columns`` of a mask.

        Entries in the columns of known rows are theirs, by symmetry.
        """
        known, graph = dict(known), self.graph
        finished = sum(1 << i for i in known)
        for i, node in zip(which, gradient):
            met = graph.support[node] & columns
            fresh = list(bits(met & ~finished))
            slopes = graph.gradient(node, [self.x[j] for j in fresh])
            row = {j: d for j, d in zip(fresh, slopes) if d != graph.zero}
            row.update((j, known[j][i]) for j in bits(met & finished) if i in known[j])
            known[i] = {j: row[j] for j in sorted(row)}
            # Its column is known only if it has been looked at.
            if columns >> i & 1:
                finished |= 1 << i
        return [known[i] for i in which]


class ResponseBlocks:
    """Nodes of omega_S, J_S, Dr and S1(J), the followers' systems solved inside.

    M + eta I falls into its diagonal blocks, the connected components of its pattern, and each
    is solved by its determinant.  ``tau`` multiplies the followers' rows and ``eta``
    regularises their systems.  Raises `GameError`, when nodes are asked for, if the
    determinant of a block is identically zero.
    """

    def __init__(self, blocks: GameBlocks, tau: sp.Expr = sp.S.One,
                 eta: sp.Expr = sp.S.Zero) -> None:
        self.blocks, self.tau, self.eta = blocks, tau, eta

    @cached_property
    def regularised(self) -> list[SparseRow]:
        """The rows of M + eta I."""
        graph, eta = self.blocks.graph, self.eta_node
        if eta == graph.zero:
            return self.blocks.matrix
        rows = [{**row, k: graph.add(row.get(k, graph.zero), eta)}
                for k, row in enumerate(self.blocks.matrix)]
        return [{j: node for j, node in row.items() if node != graph.zero} for row in rows]

    @cached_property
    def eta_node(self) -> int:
        """The node of eta."""
        return Reader(self.blocks.graph, {}).read(self.eta)

    @cached_property
    def components(self) -> list[list[int]]:
        """The followers' actions of each diagonal block of M."""
        return components(self.blocks.matrix)

    @cached_property
    def _solvers(self) -> list[tuple[list[int], int, Rows]]:
        """The members, determinant and adjugate of each block."""
        graph, rows, found = self.blocks.graph, self.regularised, []
        for members in self.components:
            matrix = [[rows[i].get(j, graph.zero) for j in members] for i in members]
            determinant, adjugate = determinant_and_adjugate(graph, matrix)
            if determinant == graph.zero:
                raise GameError(SINGULAR)
            found.append((members, determinant, adjugate))
        return found

    def require_regular(self) -> None:
        """Raise `GameError` if the determinant of a block is zero everywhere."""
        self._solvers

    def guard(self) -> int:
        """The node of a number that vanishes where det(M + eta I) does, with its sign.

        The product of the blocks' determinants, each different one once and without
        exponential factors, which underflow far out; constants only if there is nothing else.
        Of k > 4 of them the roots of order k/4 are taken, with their signs, so that the
        product stays in range.
        """
        graph = self.blocks.graph
        different: dict[int, None] = {}
        for _, determinant, _ in self._solvers:
            coefficient, rest = graph._split(determinant)
            node = graph._scaled(coefficient, graph._unit(rest)[0])
            if graph.support[node] or len(self._solvers) == 1:
                different[node] = None
        guard = graph.one
        for node in different:
            if len(different) > 4:
                size = graph.power(graph.pow(node, 2), Fraction(2, len(different)))
                node = graph.select(node, size, graph.neg(size))
            guard = graph.mul(guard, node)
        return guard

    def solve(self, right: Sequence[int], transposed: bool = False) -> list[int]:
        """Nodes of the solution of (M + eta I) z = right, or of its transpose."""
        zero = self.blocks.graph.zero
        found = self._solve(dict(enumerate(right)), transposed)
        return [found.get(i, zero) for i in range(len(right))]

    def _solve(self, right: SparseRow, transposed: bool) -> SparseRow:
        """The same for sparse vectors {place: node}."""
        graph, found = self.blocks.graph, {}
        for block in sorted({self._block_of[i] for i in right}):
            members, determinant, adjugate = self._solvers[block]
            values = [right.get(i, graph.zero) for i in members]
            rows = zip(*adjugate) if transposed else adjugate
            for i, row in zip(members, rows):
                node = graph.div(graph.dot(row, values), determinant)
                if node != graph.zero:
                    found[i] = node
        return found

    @cached_property
    def _block_of(self) -> dict[int, int]:
        return {i: k for k, (members, _, _) in enumerate(self._solvers) for i in members}

    @cached_property
    def response(self) -> list[int]:
        """Nodes of v."""
        return self.solve(self.blocks.f1[self.blocks.n1:], transposed=True)

    def _with_v(self, nodes: Sequence[int]) -> list[int]:
        return self.blocks.graph.substitute(nodes, dict(zip(self.blocks.v, self.response)))

    def scaled(self, nodes: Iterable[int]) -> list[int]:
        """Nodes times tau."""
        graph = self.blocks.graph
        tau = Reader(graph, {}).read(self.tau)
        return [graph.mul(tau, node) for node in nodes]

    def value(self) -> list[int]:
        """Nodes of omega_S."""
        return self._with_v(self.blocks.leader) + self.scaled(self.blocks.followers)

    def products(self) -> int:
        """At most how many products J_S takes, beside what its parts do: C^T times Dv."""
        width = [0] * len(self.blocks.cross)
        rows = self.blocks.lagrangian_rows[self.blocks.n1:]
        for members in self.components:
            met = set().union(*(rows[i] for i in members))
            for i in members:
                width[i] = len(met)
        return sum(len(row) * k for row, k in zip(self.blocks.cross, width))

    def jacobian_rows(self) -> list[SparseRow]:
        """The sparse rows of J_S."""
        b, g, n1 = self.blocks, self.blocks.graph, self.blocks.n1
        # The Hessian of f1 - h with v constant, then what v contributes: C^T Dv.
        lagrangian = b.lagrangian_rows
        slopes = _columns([self._solve(column, transposed=True)
                           for column in _columns(lagrangian[n1:], b.n)], b.n - n1)
        leader = []
        for row, cross in zip(lagrangian, _columns(b.cross, n1)):
            terms: dict[int, list[int]] = {}
            for i, c in cross.items():
                for j, slope in slopes[i].items():
                    terms.setdefault(j, []).append(g.mul(c, slope))
            entries = {j: g.sub(row.get(j, g.zero), g.sum(terms.get(j, [])))
                       for j in sorted(row.keys() | terms.keys())}
            leader.append({j: node for j, node in entries.items() if node != g.zero})
        places = [(k, j) for k, row in enumerate(leader) for j in row]
        nodes = self._with_v([leader[k][j] for k, j in places])
        rows: list[SparseRow] = [{} for _ in range(n1)]
        for (k, j), node in zip(places, nodes):
            rows[k][j] = node
        return rows + [dict(zip(row, self.scaled(row.values())))
                       for row in b.jacobian_rows[n1:]]

    def jacobian(self) -> list[int]:
        """Nodes of J_S, row by row."""
        return [e for row in self.blocks._dense(self.jacobian_rows()) for e in row]

    def _columns_of_response(self) -> list[SparseRow]:
        """The columns of (M + eta I)^-1 C."""
        return [self._solve(column, transposed=False)
                for column in _columns(self.blocks.cross, self.blocks.n1)]

    def implicit(self) -> list[int]:
        """Nodes of Dr = -M^-1 C, row by row."""
        graph, columns = self.blocks.graph, self._columns_of_response()
        return [graph.neg(column.get(i, graph.zero))
                for i in range(len(self.blocks.cross)) for column in columns]

    def schur(self) -> list[int]:
        """Nodes of S1(J) = A - B M^-1 C, row by row."""
        b, g, n1 = self.blocks, self.blocks.graph, self.blocks.n1
        response = self._columns_of_response()
        return [g.sub(row.get(k, g.zero),
                      g.sum([g.mul(node, response[k][j - n1]) for j, node in row.items()
                             if j >= n1 and j - n1 in response[k]]))
                for row in b._leader_rows for k in range(n1)]


def _columns(rows: Sequence[SparseRow], n: int) -> list[SparseRow]:
    """The columns {row: node} of n columns of sparse rows."""
    columns: list[SparseRow] = [{} for _ in range(n)]
    for i, row in enumerate(rows):
        for j, node in row.items():
            columns[j][i] = node
    return columns


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
