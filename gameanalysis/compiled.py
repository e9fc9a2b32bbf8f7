r"""Compiled games and fields: the formulas of the paper as fast NumPy functions.

With x = (x1, y), the leader's actions x1 and all followers' actions y, let F be the
stacked own gradients of the followers, M = D_y F their joint Jacobian (for one
follower: D22 f2), C = D_1 F, and v the solution of the linear system

    M^T v = D_y f1.

Then no inverse is ever formed symbolically, because with h(x, v) = v . F(x)

    omega_{S,1} = D_1 f1 - D_1 h              (v held constant),
    D omega_{S,1} = D D_1 f1 - D D_1 h - C^T Dv,   M^T Dv = D D_y f1 - D D_y h,

so J_S needs Hessians of f1 and of the scalar h only.  With tau and eta, the
followers' rows are multiplied by tau and M becomes M + eta I in the linear systems
(paper, equation 4 and appendix H.1).

For up to three follower actions the systems are solved by determinants inside the
program; for more, numerically, in batches, by LAPACK.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from .dynamics import GameField, VectorField
from .errors import ShapeError
from .game import Game
from .graph import Graph, determinant_and_adjugate
from .program import Program

__all__ = ["CompiledGame", "CompiledField", "compile_game", "compile_field"]

Array = NDArray[np.float64]

#: Follower systems up to this size are solved by determinants inside the program.
_INLINE = 3


class _Bundle:
    """An array of nodes as a function of points: (..., n) to (..., *shape).

    Entries that are constant are filled in; only the others are in the program.
    """

    def __init__(self, graph: Graph, entries: Iterable[int], shape: tuple[int, ...],
                 n_inputs: int) -> None:
        self.shape, self.n_inputs = shape, n_inputs
        self.template = np.zeros(int(np.prod(shape)))
        positions, outputs = [], []
        for position, index in enumerate(entries):
            node = graph.nodes[index]
            if node[0] == "const":
                self.template[position] = float(node[1])
            else:
                positions.append(position)
                outputs.append(index)
        self.program = Program(graph, outputs, n_inputs)
        self.positions = (None if len(positions) == len(self.template)
                          else np.array(positions, dtype=np.intp))

    def columns(self, x: Array) -> Array:
        """Flat values at the columns of ``x``: (n, N) to (size, N)."""
        values = self.program.columns(x)
        if self.positions is None:
            return values
        out = np.repeat(self.template[:, None], x.shape[1], axis=1)
        out[self.positions] = values
        return out

    def __call__(self, x: Any) -> Array:
        """Values at one point or at any array of points."""
        x = points(x, self.n_inputs)
        if x.ndim == 1:
            return self._point(x)
        flat = x.reshape(-1, self.n_inputs)
        return self.columns(flat.T).T.reshape(x.shape[:-1] + self.shape)

    def _point(self, x: Array) -> Array:
        try:
            values = self.program(*x.tolist())
        except (ArithmeticError, ValueError):
            # math raises where NumPy gives NaN or infinity.
            return self.columns(x[:, None])[:, 0].reshape(self.shape)
        if self.positions is None:
            out = np.array(values)
        else:
            out = self.template.copy()
            out[self.positions] = values
        return out if len(self.shape) == 1 else out.reshape(self.shape)


def points(x: Any, n: int) -> Array:
    """``x`` as a float array of points (..., n); raises `ShapeError` otherwise."""
    if type(x) is not np.ndarray or x.dtype != np.float64:
        try:
            x = np.asarray(x, dtype=float)
        except (TypeError, ValueError):
            raise ShapeError(f"points must be an array of numbers of shape "
                             f"(..., {n}), not {x!r}") from None
    if x.ndim == 0 or x.shape[-1] != n:
        raise ShapeError(f"points must have shape (..., {n}), one row a point, "
                         f"not {x.shape}")
    return x


class _Blocks:
    """Nodes of the first and second derivatives of a game, on one graph."""

    def __init__(self, game: Game) -> None:
        n, self.n1 = len(game.variables), game.sizes[0]
        self.n = n
        # One more variable for each component of v.
        self.graph = graph = Graph(2 * n - self.n1)
        names = dict(zip(game.variables, graph.variables))
        self.x = graph.variables[:n]
        self.v = graph.variables[n:]
        self.costs = [graph.read(cost, names) for cost in game.valued_costs]
        self.f1 = graph.gradient(self.costs[0], self.x)
        starts = np.cumsum([0, *game.sizes]).tolist()
        self.own = [graph.gradient(cost, self.x[a:b])
                    for cost, a, b in zip(self.costs, starts, starts[1:])]
        self.ranges = [range(a, b) for a, b in zip(starts, starts[1:])]
        self.omega = [node for part in self.own for node in part]
        self.followers = self.omega[self.n1:]

    def rows(self, gradient: Sequence[int], which: range) -> list[list[int]]:
        """Rows ``which`` of a Hessian, its symmetric part derived once."""
        rows: list[list[int]] = []
        for i, node in zip(which, gradient):
            columns = [j for j in range(self.n) if not which.start <= j < i]
            row = dict(zip(columns, self.graph.gradient(node, [self.x[j] for j in columns])))
            for j in range(which.start, i):
                row[j] = rows[j - which.start][i]
            rows.append([row[j] for j in range(self.n)])
        return rows

    @cached_property
    def jacobian(self) -> list[list[int]]:
        """Rows of J."""
        return [row for gradient, which in zip(self.own, self.ranges)
                for row in self.rows(gradient, which)]

    @cached_property
    def h(self) -> int:
        """The scalar v . F."""
        return self.graph.dot(self.v, self.followers)

    @cached_property
    def h_gradient(self) -> list[int]:
        """D h with v constant."""
        return self.graph.gradient(self.h, self.x)

    @cached_property
    def f1_hessian(self) -> list[list[int]]:
        """Rows of D^2 f1 in all variables, sharing those of J."""
        rows = [list(row) for row in self.jacobian[:self.n1]]
        lower = self.rows(self.f1[self.n1:], range(self.n1, self.n))
        return rows + lower


class _Total:
    """omega_S and its Jacobian, for one tau and eta."""

    def __init__(self, blocks: _Blocks, tau: sp.Expr, eta: sp.Expr) -> None:
        self.blocks, self.tau, self.eta = blocks, tau, eta
        self.n, self.n1 = blocks.n, blocks.n1
        self.m = self.n - self.n1
        self.inline = self.m <= _INLINE

    @cached_property
    def _solver(self) -> tuple[int, list[list[int]]]:
        graph = self.blocks.graph
        matrix = [list(row[self.n1:]) for row in self.blocks.jacobian[self.n1:]]
        if self.eta:
            for k, row in enumerate(matrix):
                row[k] = graph.add(row[k], graph.read(self.eta, {}))
        return determinant_and_adjugate(graph, matrix)

    def _solve_transposed(self, right: Sequence[int]) -> list[int]:
        """Nodes of the solution z of (M + eta I)^T z = right."""
        graph = self.blocks.graph
        determinant, adjugate = self._solver
        return [graph.div(graph.dot([row[i] for row in adjugate], right), determinant)
                for i in range(self.m)]

    def _solve(self, right: Sequence[int]) -> list[int]:
        graph = self.blocks.graph
        determinant, adjugate = self._solver
        return [graph.div(graph.dot(row, right), determinant) for row in adjugate]

    @cached_property
    def _v(self) -> dict[int, int]:
        return dict(zip(self.blocks.v, self._solve_transposed(self.blocks.f1[self.n1:])))

    def _scaled(self, nodes: Iterable[int]) -> list[int]:
        graph = self.blocks.graph
        tau = graph.read(self.tau, {})
        return [graph.mul(tau, node) for node in nodes]

    def value_nodes(self) -> list[int]:
        """Nodes of omega_S (inline systems only)."""
        b = self.blocks
        leader = [b.graph.sub(f, h) for f, h in zip(b.f1[:self.n1], b.h_gradient)]
        return b.graph.substitute(leader, self._v) + self._scaled(b.followers)

    def jacobian_nodes(self) -> list[int]:
        """Nodes of J_S, row by row (inline systems only)."""
        b, g, n1, n = self.blocks, self.blocks.graph, self.n1, self.n
        h_rows = g.jacobian(b.h_gradient, b.x)
        hessian = b.f1_hessian
        flat = []
        slopes = [self._solve_transposed([g.sub(hessian[i][j], h_rows[i][j])
                                          for i in range(n1, n)]) for j in range(n)]
        cross = [[b.jacobian[i][k] for i in range(n1, n)] for k in range(n1)]
        for k in range(n1):
            for j in range(n):
                direct = g.sub(hessian[k][j], h_rows[k][j])
                flat.append(g.sub(direct, g.dot(cross[k], slopes[j])))
        flat = g.substitute(flat, self._v)
        for row in b.jacobian[n1:]:
            flat += self._scaled(row)
        return flat

    def implicit_nodes(self) -> list[int]:
        """Nodes of Dr = -M^-1 C, row by row."""
        b, n1 = self.blocks, self.n1
        columns = [self._solve([row[k] for row in b.jacobian[n1:]]) for k in range(n1)]
        return [b.graph.neg(columns[k][i]) for i in range(self.m) for k in range(n1)]

    def schur_nodes(self) -> list[int]:
        """Nodes of S1(J) = A - B M^-1 C, row by row."""
        b, g, n1 = self.blocks, self.blocks.graph, self.n1
        columns = [self._solve([row[k] for row in b.jacobian[n1:]]) for k in range(n1)]
        return [g.sub(b.jacobian[i][k], g.dot(b.jacobian[i][n1:], columns[k]))
                for i in range(n1) for k in range(n1)]

    # -- numerical route, for many followers' actions --------------------

    @cached_property
    def _first(self) -> _Bundle:
        """D_1 f1, D_y f1, F and the rows C, M: all that omega_S needs."""
        b = self.blocks
        entries = list(b.f1) + b.followers + [e for row in b.jacobian[self.n1:] for e in row]
        return _Bundle(b.graph, entries, (len(entries),), self.n)

    @cached_property
    def _hessian(self) -> _Bundle:
        b = self.blocks
        return _Bundle(b.graph, [e for row in b.f1_hessian for e in row],
                       (self.n, self.n), self.n)

    @cached_property
    def _h_rows(self) -> _Bundle:
        b = self.blocks
        rows = b.graph.jacobian(b.h_gradient, b.x)
        return _Bundle(b.graph, [e for row in rows for e in row], (self.n, self.n),
                       self.n + self.m)

    def parts(self, x: Array) -> tuple[Array, ...]:
        """D_1 f1, F, C, M + eta I, M and v at points (..., n)."""
        n, n1, m = self.n, self.n1, self.m
        values = self._first(x)
        f1, followers = values[..., :n], values[..., n:n + m]
        rows = values[..., n + m:].reshape(x.shape[:-1] + (m, n))
        c, matrix = rows[..., :n1], rows[..., n1:]
        regularised = matrix + float(self.eta) * np.eye(m) if self.eta else matrix
        v = _solve(np.swapaxes(regularised, -1, -2), f1[..., n1:, None])[..., 0]
        return f1[..., :n1], followers, c, regularised, matrix, v

    def value(self, x: Array) -> Array:
        """omega_S at points (..., n), numerically."""
        f1, followers, c, _, _, v = self.parts(x)
        leader = f1 - np.einsum("...mk,...m->...k", c, v)
        return np.concatenate([leader, float(self.tau) * followers], axis=-1)

    def jacobian(self, x: Array) -> Array:
        """J_S at points (..., n), numerically."""
        n, n1, m = self.n, self.n1, self.m
        _, _, c, regularised, matrix, v = self.parts(x)
        joint = np.concatenate([x, v], axis=-1)
        difference = self._hessian(x) - self._h_rows(joint)
        slopes = _solve(np.swapaxes(regularised, -1, -2), difference[..., n1:, :])
        out = np.empty(x.shape[:-1] + (n, n))
        out[..., :n1, :] = difference[..., :n1, :] - np.swapaxes(c, -1, -2) @ slopes
        out[..., n1:, :n1] = float(self.tau) * c
        out[..., n1:, n1:] = float(self.tau) * matrix
        return out


def _solve(matrix: Array, right: Array) -> Array:
    """Batched solve; NaN for the members whose matrix is singular."""
    try:
        return np.linalg.solve(matrix, right)
    except np.linalg.LinAlgError:
        out = np.full(np.broadcast_shapes(matrix.shape[:-1], right.shape[:-1])
                      + right.shape[-1:], np.nan)
        for index in np.ndindex(matrix.shape[:-2]):
            try:
                out[index] = np.linalg.solve(matrix[index], right[index])
            except np.linalg.LinAlgError:
                pass
        return out


class CompiledGame:
    """A game as NumPy functions; made by `compile_game`.

    Every method takes points ``x`` of shape (..., n), the variables in declared
    order, and works on one point as on a million.  Where a cost is not defined, or
    the followers' Hessian is singular, the values are NaN or infinite, as in NumPy.
    """

    def __init__(self, game: Game) -> None:
        self.game = game
        self.variables = game.variables
        self._blocks = _Blocks(game)
        self._total = _Total(self._blocks, sp.S.One, sp.S.Zero)

    def __reduce__(self) -> tuple:
        return CompiledGame, (self.game,)

    def __repr__(self) -> str:
        return (f"CompiledGame({self.game.name or 'game'}, {self.game.n_players} players, "
                f"{len(self.variables)} variables)")

    def _bundle(self, nodes: Iterable[int], *shape: int) -> _Bundle:
        return _Bundle(self._blocks.graph, nodes, shape, self._blocks.n)

    @cached_property
    def _costs(self) -> _Bundle:
        return self._bundle(self._blocks.costs, self.game.n_players)

    @cached_property
    def _gradient(self) -> _Bundle:
        return self._bundle(self._blocks.omega, self._blocks.n)

    @cached_property
    def _jacobian(self) -> _Bundle:
        n = self._blocks.n
        return self._bundle([e for row in self._blocks.jacobian for e in row], n, n)

    @cached_property
    def _stackelberg_gradient(self) -> _Bundle:
        return self._bundle(self._total.value_nodes(), self._blocks.n)

    @cached_property
    def _stackelberg_jacobian(self) -> _Bundle:
        n = self._blocks.n
        return self._bundle(self._total.jacobian_nodes(), n, n)

    @cached_property
    def _schur(self) -> _Bundle:
        return self._bundle(self._total.schur_nodes(), self._total.n1, self._total.n1)

    @cached_property
    def _implicit(self) -> _Bundle:
        return self._bundle(self._total.implicit_nodes(), self._total.m, self._total.n1)

    def costs(self, x: Any) -> Array:
        """The costs f_i(x): (..., n) to (..., number of players)."""
        return self._costs(x)

    def gradient(self, x: Any) -> Array:
        """omega(x) = (D_i f_i(x))_i: (..., n) to (..., n)."""
        return self._gradient(x)

    def jacobian(self, x: Any) -> Array:
        """J(x) = D omega(x): (..., n) to (..., n, n)."""
        return self._jacobian(x)

    def stackelberg_gradient(self, x: Any) -> Array:
        """omega_S(x) = (D f1, D_2 f2): (..., n) to (..., n)."""
        if self._total.inline:
            return self._stackelberg_gradient(x)
        return self._total.value(points(x, self._blocks.n))

    def stackelberg_jacobian(self, x: Any) -> Array:
        """J_S(x) = D omega_S(x): (..., n) to (..., n, n)."""
        if self._total.inline:
            return self._stackelberg_jacobian(x)
        return self._total.jacobian(points(x, self._blocks.n))

    def schur_complement(self, x: Any) -> Array:
        """S1(J) = A - B D^-1 C at x: (..., n) to (..., n1, n1)."""
        if self._total.inline:
            return self._schur(x)
        jacobian, n1 = self.jacobian(x), self._total.n1
        slopes = _solve(jacobian[..., n1:, n1:], jacobian[..., n1:, :n1])
        return jacobian[..., :n1, :n1] - jacobian[..., :n1, n1:] @ slopes

    def implicit_derivative(self, x: Any) -> Array:
        """Dr(x) = -(D22 f2)^-1 D21 f2: (..., n) to (..., n2, n1)."""
        if self._total.inline:
            return self._implicit(x)
        jacobian, n1 = self.jacobian(x), self._total.n1
        return -_solve(jacobian[..., n1:, n1:], jacobian[..., n1:, :n1])


class CompiledField:
    """A vector field as NumPy functions: value and Jacobian, nothing else.

    Made by `compile_field`.  ``value`` maps points (..., n) to (..., n) and
    ``jacobian`` to (..., n, n).  ``program`` computes both, value first, in any
    arithmetic; it is None where the field is only known numerically.
    """

    def __init__(self, field: VectorField) -> None:
        self.field = field
        self.name = field.name
        self.variables = field.variables
        self.n = len(field.variables)
        self.periods: Mapping[sp.Symbol, sp.Expr] = field.periods
        self._total: _Total | None = None
        if isinstance(field, GameField):
            blocks = _Blocks(field.game)
            self._graph = blocks.graph
            if field.kind == "simultaneous":
                self._value_nodes = blocks.omega
                self._jacobian_nodes = [e for row in blocks.jacobian for e in row]
                return
            total = _Total(blocks, field.tau, field.eta)
            if not total.inline:
                self._total = total
                return
            self._value_nodes = total.value_nodes()
            self._jacobian_nodes = total.jacobian_nodes()
            return
        graph = self._graph = Graph(self.n)
        names = dict(zip(field.variables, graph.variables))
        self._value_nodes = [graph.read(e, names) for e in field.expressions]
        self._jacobian_nodes = [e for row in graph.jacobian(
            self._value_nodes, graph.variables) for e in row]

    def __reduce__(self) -> tuple:
        return CompiledField, (self.field,)

    def __repr__(self) -> str:
        return f"CompiledField({self.name or 'field'}, {self.n} variables)"

    @cached_property
    def program(self) -> Program | None:
        """Value, then Jacobian row by row, as one `Program`; None if numerical."""
        if self._total is not None:
            return None
        return Program(self._graph, [*self._value_nodes, *self._jacobian_nodes], self.n)

    @cached_property
    def value_program(self) -> Program | None:
        """The value alone as a `Program`; None if numerical."""
        if self._total is not None:
            return None
        return Program(self._graph, self._value_nodes, self.n)

    @cached_property
    def _value(self) -> _Bundle:
        return _Bundle(self._graph, self._value_nodes, (self.n,), self.n)

    @cached_property
    def _jacobian(self) -> _Bundle:
        return _Bundle(self._graph, self._jacobian_nodes, (self.n, self.n), self.n)

    def value(self, x: Any) -> Array:
        """The field at points: (..., n) to (..., n)."""
        if self._total is not None:
            return self._total.value(points(x, self.n))
        return self._value(x)

    def jacobian(self, x: Any) -> Array:
        """Its Jacobian at points: (..., n) to (..., n, n)."""
        if self._total is not None:
            return self._total.jacobian(points(x, self.n))
        return self._jacobian(x)


def compile_game(game: Game) -> CompiledGame:
    """Compile a game to NumPy functions of points of shape (..., n).

    Guarantee: each function is the exact formula evaluated in double precision;
    derivatives are derived, never differenced.  Compilation happens on first use
    of each method.

    >>> x, y = sp.symbols("x y", real=True)
    >>> from gameanalysis.game import zero_sum
    >>> compile_game(zero_sum(x*y - y**2/2, x, y)).jacobian([0, 0])
    array([[ 0.,  1.],
           [-1.,  1.]])
    """
    return CompiledGame(game)


def compile_field(field: VectorField) -> CompiledField:
    """Compile a vector field: the narrow contract that all numerics use.

    >>> x = sp.symbols("x", real=True)
    >>> compile_field(VectorField([x**2 - 1], [x])).value([[1.0], [2.0]])
    array([[0.],
           [3.]])
    """
    return CompiledField(field)
