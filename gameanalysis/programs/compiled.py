"""Compiled games and fields: the formulas of the paper as fast NumPy functions.

Every function takes points x of shape (..., n), the variables in declared order:

    omega(x), omega_S(x)  (..., n)           J(x), J_S(x)  (..., n, n)
    S1(J)(x)              (..., n1, n1)      Dr(x)         (..., n2, n1)

in double precision, from the exact formulas of `blocks`.  The systems with the
followers' Jacobian M are solved by determinants inside the program for up to three
followers' actions; for more, numerically, in batches, by LAPACK.

Arrays of many values are structures of arrays: the result for a batch is a view
in which each entry, as a function of the point, is contiguous.  Whoever needs
points in contiguous rows calls `numpy.ascontiguousarray`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from ..declaration.game import Game
from ..dynamics import GameField, VectorField
from ..errors import GameError, ShapeError
from ..learning.updates import RuleField
from ..tables import short
from .blocks import INLINE, SINGULAR, GameBlocks, ResponseBlocks
from .graph import Graph
from .printing import Blocks, nearest
from .program import Program
from .reading import Reader
from .scalars import rule_field_nodes

__all__ = ["CompiledGame", "CompiledField", "compile_game", "compile_field"]

Array = NDArray[np.float64]

_FLOAT = np.dtype(np.float64)
_array = np.array
#: Constant entries of larger arrays are filled in instead of computed.
_SMALL = 64


class _Bundle:
    """An array of nodes as a function of points: (..., n) to (..., *shape)."""

    def __init__(self, graph: Graph, entries: Iterable[int], shape: tuple[int, ...],
                 n_inputs: int) -> None:
        nodes = list(entries)
        self.shape, self.n_inputs, self.size = shape, n_inputs, len(nodes)
        self._single, self._flat = (n_inputs,), len(shape) == 1
        # A large array is filled from a template of its constant entries and from
        # the values of each other node, computed once; a small one is all computed.
        self._template: Array | None = None
        if self.size > _SMALL:
            self._template = np.zeros(self.size)
            slots: dict[int, int] = {}
            positions, source = [], []
            for k in np.flatnonzero(np.array(nodes) != graph.zero).tolist():
                node = graph.nodes[nodes[k]]
                if node[0] == "const":
                    self._template[k] = nearest(node[1])
                else:
                    positions.append(k)
                    source.append(slots.setdefault(nodes[k], len(slots)))
            self._positions = np.array(positions, dtype=np.intp)
            self._source = np.array(source, dtype=np.intp)
            nodes = list(slots)
        self.program = Program(graph, nodes, n_inputs)
        self._program_at = self.program.at
        self._direct = (self.program.point if self._flat and self._template is None
                        and self.program.is_printed else None)

    def __call__(self, x: Any) -> Array:
        """Values at one point or at any array of points."""
        # Solvers ask for one point a million times: their way through here is short.
        if not (type(x) is np.ndarray and x.dtype is _FLOAT and x.shape == self._single):
            x = points(x, self.n_inputs)
            if x.ndim > 1:
                return self._many(x)
        if self._direct is not None:
            try:
                return _array(self._direct(*x.tolist()))
            except (ArithmeticError, ValueError):
                pass                        # math raises there, NumPy does not
        values = self._program_at(x)
        if self._template is not None:
            out = self._template.copy()
            out[self._positions] = values[self._source]
            values = out
        return values if self._flat else values.reshape(self.shape)

    def _many(self, x: Array) -> Array:
        columns = self.program.columns(x.reshape(-1, self.n_inputs).T)
        if self._template is not None:
            values = columns
            columns = np.empty((self.size, values.shape[1]))
            columns[:] = self._template[:, None]
            columns[self._positions] = values[self._source]
        return columns.T.reshape(x.shape[:-1] + self.shape)


def points(x: Any, n: int) -> Array:
    """``x`` as a float array of points (..., n); raises `ShapeError` otherwise."""
    if type(x) is not np.ndarray or x.dtype != _FLOAT:
        try:
            x = np.asarray(x, dtype=float)
        except (TypeError, ValueError):
            raise ShapeError(f"points must be an array of real numbers of shape "
                             f"(..., {n}), not {short(repr(x))}") from None
    if x.ndim == 0 or x.shape[-1] != n:
        raise ShapeError(f"points must have shape (..., {n}), one row a point, "
                         f"not {x.shape}")
    return x


class _Numerical:
    """omega_S, J_S, S1(J) and Dr with the followers' systems solved by LAPACK."""

    def __init__(self, blocks: GameBlocks, tau: sp.Expr, eta: sp.Expr) -> None:
        self.blocks, self.tau, self.eta = blocks, float(tau), float(eta)
        self.n, self.n1 = blocks.n, blocks.n1
        self.m = self.n - self.n1
        matrix = np.array([row[self.n1:] for row in blocks.jacobian[self.n1:]])
        absent = matrix == blocks.graph.zero
        if not eta and (absent.all(axis=0).any() or absent.all(axis=1).any()):
            raise GameError(SINGULAR)

    def _bundle(self, nodes: Iterable[int], *shape: int, n_inputs: int = 0) -> _Bundle:
        return _Bundle(self.blocks.graph, nodes, shape, n_inputs or self.n)

    @cached_property
    def _first(self) -> _Bundle:
        """D f1, F and the rows [C, M]: all that omega_S needs."""
        b = self.blocks
        entries = [*b.f1, *b.followers, *(e for row in b.jacobian[self.n1:] for e in row)]
        return self._bundle(entries, len(entries))

    @cached_property
    def _hessian(self) -> _Bundle:
        """The Hessian of f1 - h, a function of (x, v)."""
        b = self.blocks
        entries = [b.graph.sub(f, h) for rows in zip(b.f1_hessian, b.h_hessian)
                   for f, h in zip(*rows)]
        return self._bundle(entries, self.n, self.n, n_inputs=self.n + self.m)

    @cached_property
    def _jacobian(self) -> _Bundle:
        return self._bundle([e for row in self.blocks.jacobian for e in row], self.n, self.n)

    def _parts(self, x: Array) -> tuple[Array, ...]:
        """D_1 f1, F, C, M, M + eta I and v at points (..., n)."""
        n, n1, m = self.n, self.n1, self.m
        values = self._first(x)
        f1, followers = values[..., :n], values[..., n:n + m]
        rows = values[..., n + m:].reshape(x.shape[:-1] + (m, n))
        c, matrix = rows[..., :n1], rows[..., n1:]
        regularised = matrix + self.eta * np.eye(m)
        v = _solve(np.swapaxes(regularised, -1, -2), f1[..., n1:, None])[..., 0]
        return f1[..., :n1], followers, c, matrix, regularised, v

    def value(self, x: Any) -> Array:
        """omega_S at points (..., n)."""
        f1, followers, c, _, _, v = self._parts(points(x, self.n))
        return self._value(f1, followers, c, v)

    def _value(self, f1: Array, followers: Array, c: Array, v: Array) -> Array:
        with np.errstate(all="ignore"):
            leader = f1 - (np.swapaxes(c, -1, -2) @ v[..., None])[..., 0]
            return np.concatenate([leader, self.tau * followers], axis=-1)

    def guarded(self, x: Array) -> Array:
        """omega_S and det(M + eta I), or a root of that: (..., n) to (..., n + 1).

        For m > 4, its root of order m/4, with its sign, so that it changes as smoothly.
        """
        f1, followers, c, _, regularised, v = self._parts(x)
        with np.errstate(all="ignore"):
            sign, logarithm = np.linalg.slogdet(regularised)
            size = np.clip(logarithm * min(1, 4 / self.m), -700, 700)
            guard = (sign * np.exp(size))[..., None]
        return np.concatenate([self._value(f1, followers, c, v), guard], axis=-1)

    def jacobian(self, x: Any) -> Array:
        """J_S at points (..., n)."""
        x, n1 = points(x, self.n), self.n1
        _, _, c, matrix, regularised, v = self._parts(x)
        hessian = self._hessian(np.concatenate([x, v], axis=-1))
        slopes = _solve(np.swapaxes(regularised, -1, -2), hessian[..., n1:, :])
        out = np.empty(x.shape[:-1] + (self.n, self.n))
        with np.errstate(all="ignore"):
            out[..., :n1, :] = hessian[..., :n1, :] - np.swapaxes(c, -1, -2) @ slopes
            out[..., n1:, :n1] = self.tau * c
            out[..., n1:, n1:] = self.tau * matrix
        return out

    def implicit(self, x: Any) -> Array:
        """Dr at points (..., n)."""
        rows = self._jacobian(x)[..., self.n1:, :]
        return -_solve(rows[..., self.n1:], rows[..., :self.n1])

    def schur(self, x: Any) -> Array:
        """S1(J) at points (..., n)."""
        n1 = self.n1
        jacobian = self._jacobian(x)
        response = _solve(jacobian[..., n1:, n1:], jacobian[..., n1:, :n1])
        with np.errstate(all="ignore"):
            return jacobian[..., :n1, :n1] - jacobian[..., :n1, n1:] @ response


def _solve(matrix: Array, right: Array) -> Array:
    """Batched solve; NaN for the members whose matrix is singular."""
    try:
        return np.asarray(np.linalg.solve(matrix, right), dtype=float)
    except np.linalg.LinAlgError:
        out = np.full(right.shape, np.nan)
        for index in np.ndindex(matrix.shape[:-2]):
            try:
                out[index] = np.linalg.solve(matrix[index], right[index])
            except np.linalg.LinAlgError:
                continue                                # its values stay NaN
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
        self.n = len(game.variables)
        self._blocks = GameBlocks(game)

    def __reduce__(self) -> tuple:
        return CompiledGame, (self.game,)

    def __repr__(self) -> str:
        return (f"CompiledGame({self.game.name or 'game'}, {self.game.n_players} players, "
                f"{self.n} variables)")

    def _bundle(self, nodes: Iterable[int], *shape: int) -> _Bundle:
        return _Bundle(self._blocks.graph, nodes, shape, self.n)

    @cached_property
    def _costs(self) -> _Bundle:
        return self._bundle(self._blocks.costs, self.game.n_players)

    @cached_property
    def _gradient(self) -> _Bundle:
        return self._bundle(self._blocks.omega, self.n)

    @cached_property
    def _jacobian(self) -> _Bundle:
        return self._bundle([e for row in self._blocks.jacobian for e in row], self.n, self.n)

    @cached_property
    def _response(self) -> ResponseBlocks | _Numerical:
        return _response(self._blocks, sp.S.One, sp.S.Zero)

    @cached_property
    def _stackelberg_gradient(self) -> Callable[[Any], Array]:
        r = self._response
        return r.value if isinstance(r, _Numerical) else self._bundle(r.value(), self.n)

    @cached_property
    def _stackelberg_jacobian(self) -> Callable[[Any], Array]:
        r = self._response
        return (r.jacobian if isinstance(r, _Numerical)
                else self._bundle(r.jacobian(), self.n, self.n))

    @cached_property
    def _schur(self) -> Callable[[Any], Array]:
        r, n1 = self._response, self._blocks.n1
        return r.schur if isinstance(r, _Numerical) else self._bundle(r.schur(), n1, n1)

    @cached_property
    def _implicit(self) -> Callable[[Any], Array]:
        r, n1 = self._response, self._blocks.n1
        return (r.implicit if isinstance(r, _Numerical)
                else self._bundle(r.implicit(), self.n - n1, n1))

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
        return self._stackelberg_gradient(x)

    def stackelberg_jacobian(self, x: Any) -> Array:
        """J_S(x) = D omega_S(x): (..., n) to (..., n, n)."""
        return self._stackelberg_jacobian(x)

    def schur_complement(self, x: Any) -> Array:
        """S1(J) = A - B D^-1 C at x: (..., n) to (..., n1, n1)."""
        return self._schur(x)

    def implicit_derivative(self, x: Any) -> Array:
        """Dr(x) = -(D22 f2)^-1 D21 f2: (..., n) to (..., n2, n1)."""
        return self._implicit(x)


def _response(blocks: GameBlocks, tau: sp.Expr, eta: sp.Expr) -> ResponseBlocks | _Numerical:
    """The followers' response: in the program if it is small, else by LAPACK."""
    inline = blocks.n - blocks.n1 <= INLINE
    return (ResponseBlocks if inline else _Numerical)(blocks, tau, eta)


def _guard(response: ResponseBlocks) -> int:
    """The node of det(M + eta I) without exponential factors, which underflow far out."""
    graph = response.blocks.graph
    coefficient, rest = graph._split(response._solver[0])
    return graph._scaled(coefficient, graph._unit(rest)[0])


class CompiledField:
    """A vector field as NumPy functions: value and Jacobian, nothing else.

    Made by `compile_field`.  ``value`` maps points (..., n) to (..., n) and
    ``jacobian`` to (..., n, n).  ``value_program`` and ``jacobian_program`` (row by row)
    compute them in any arithmetic; they are None where the field is only known
    numerically (Stackelberg gradients with more than three followers'
    actions).
    """

    def __init__(self, field: VectorField,
                 nodes: tuple[Graph, list[int]] | None = None) -> None:
        """Compile ``field``, or in its place the given nodes of a graph."""
        self.field = field
        self.name = field.name
        self.variables = field.variables
        self.n = len(field.variables)
        self.periods: Mapping[sp.Symbol, sp.Expr] = field.periods
        self._numerical: _Numerical | None = None
        self._value_nodes: list[int] = []
        self._jacobian_nodes: list[int] = []
        self._guard_nodes: list[int] = []
        if nodes is None and isinstance(field, RuleField):
            nodes = rule_field_nodes(field)
        if nodes is None and not isinstance(field, GameField):
            graph = Graph(self.n)
            reader = Reader(graph, dict(zip(field.variables, graph.variables)))
            nodes = graph, [reader.read(e) for e in field.expressions]
        if nodes is not None:
            self._graph, self._value_nodes = nodes
            rows = self._graph.jacobian(self._value_nodes, self._graph.variables[:self.n])
            self._jacobian_nodes = [e for row in rows for e in row]
            return
        assert isinstance(field, GameField)
        blocks = GameBlocks(field.game)
        self._graph = blocks.graph
        if field.kind == "simultaneous":
            self._value_nodes = blocks.omega
            self._jacobian_nodes = [e for row in blocks.jacobian for e in row]
            return
        response = _response(blocks, field.tau, field.eta)
        if isinstance(response, _Numerical):
            self._numerical = response
        else:
            self._value_nodes, self._jacobian_nodes = response.value(), response.jacobian()
            self._guard_nodes = [_guard(response)]

    def __reduce__(self) -> tuple:
        return CompiledField, (self.field,)

    def __repr__(self) -> str:
        return f"CompiledField({self.name or 'field'}, {self.n} variables)"

    @cached_property
    def value_program(self) -> Program | None:
        """The value as a `Program`; None if the field is only known numerically."""
        if self._numerical is not None:
            return None
        return Program(self._graph, self._value_nodes, self.n)

    @property
    def is_guarded(self) -> bool:
        """Whether the field divides by det(M + eta I), as Stackelberg gradients do."""
        return self._numerical is not None or bool(self._guard_nodes)

    @cached_property
    def guarded_program(self) -> Program | None:
        """The value, and after it the guard if there is one; None as for the value.

        The guard is det(M + eta I) without factors that are exponentials: a number with
        its sign that vanishes where it does.
        """
        if self._numerical is not None:
            return None
        return Program(self._graph, self._value_nodes + self._guard_nodes, self.n)

    def columns(self, x: Array) -> Array:
        """The value, and the guard if there is one, at columns: (n, N) to (n or n + 1, N)."""
        if self._numerical is not None:
            return self._numerical.guarded(x.T).T
        assert self.guarded_program is not None
        return self.guarded_program.columns(x)

    @property
    def blocks(self) -> Blocks | None:
        """What computes `columns` into given arrays; None where it is not printed."""
        return None if self.guarded_program is None else self.guarded_program.blocks

    @cached_property
    def jacobian_program(self) -> Program | None:
        """The Jacobian, row by row, as a `Program`; None as for the value."""
        if self._numerical is not None:
            return None
        return Program(self._graph, self._jacobian_nodes, self.n)

    @cached_property
    def _value(self) -> _Bundle:
        return _Bundle(self._graph, self._value_nodes, (self.n,), self.n)

    @cached_property
    def _jacobian(self) -> _Bundle:
        return _Bundle(self._graph, self._jacobian_nodes, (self.n, self.n), self.n)

    def value(self, x: Any) -> Array:
        """The field at points: (..., n) to (..., n)."""
        return self._value(x) if self._numerical is None else self._numerical.value(x)

    def jacobian(self, x: Any) -> Array:
        """Its Jacobian at points: (..., n) to (..., n, n)."""
        return self._jacobian(x) if self._numerical is None else self._numerical.jacobian(x)


def compile_game(game: Game) -> CompiledGame:
    """Compile a game to NumPy functions of points of shape (..., n).

    Guarantee: each function is the exact formula evaluated in double precision;
    derivatives are derived, never differenced.  Compilation happens on first use
    of each method.

    >>> x, y = sp.symbols("x y", real=True)
    >>> from gameanalysis.declaration.game import zero_sum
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
