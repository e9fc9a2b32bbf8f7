r"""The derivatives of a game with matrices, as nodes of one graph.

As `blocks` for scalars, with products in place of matrices.  The graph has a variable for each
action x_k, and three more kinds: directions p of all actions, directions q of the followers'
actions y, and the followers' multipliers v.  With F the followers' gradients and h = <v, F>,

    J p = D omega[p],   J^T p = D <p, omega>,   M q = D_y F[q],   M^T q = D_y <q, F>,
    C p_1 = D_1 F[p_1],   C^T q = D_1 <q, F>,

and J_S takes the derivatives of D_1 f1 - D_1 h and D_y f1 - D_y h along p, v held constant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from ..declaration.costs import exact
from ..declaration.matrices import entries, exact_matrix
from ..errors import GameError
from .matrix_derivatives import directional, gradient
from .matrix_graph import MatrixGraph
from .matrix_printing import MatrixProgram, size_of
from .matrix_reading import MatrixReader, shape_of
from .matrix_responses import Structure, find_structure

__all__ = ["MatrixBlocks"]

Array = NDArray[np.float64]


class MatrixBlocks:
    """Nodes of costs, gradients and products; programs of them.

    Raises `GameError` for costs and actions that do not fit each other.
    """

    def __init__(self, costs: Sequence[sp.Expr], actions: Sequence[Sequence[sp.Basic]],
                 parameters: Mapping[sp.Basic, Any]) -> None:
        if len(costs) != len(actions) or len(costs) < 2:
            raise GameError(f"a game needs two or more players, each with a cost and actions, "
                            f"not {len(costs)} costs and {len(actions)} lists of actions")
        self.declared = tuple(costs), tuple(map(tuple, actions)), dict(parameters)
        self._symbols = [symbol for own in self.declared[1] for symbol in own]
        if len(set(self._symbols)) < len(self._symbols) or set(self._symbols) & set(parameters):
            raise GameError("an action is listed twice, or is also a parameter")
        self.graph = graph = MatrixGraph()
        shapes = [shape_of(symbol) for symbol in self._symbols]
        self.x = [graph.variable(shape) for shape in shapes]
        known = dict(zip(self._symbols, self.x))
        known |= {symbol: self._parameter(symbol, value) for symbol, value in parameters.items()}
        reader = MatrixReader(graph, known)
        self.costs = [reader.scalar(cost) for cost in costs]
        stops = np.cumsum([len(own) for own in actions]).tolist()
        self._own = [self.x[a:b] for a, b in zip([0, *stops], stops)]
        self.x1, self.y = self._own[0], self.x[stops[0]:]
        sizes = [size_of(shape) for shape in shapes]
        self.n, self.n1 = sum(sizes), sum(sizes[:stops[0]])
        self.is_symmetric = len(costs) == 2                 # M is one player's Hessian
        self.arguments = {"x": self.x, "p": self.p, "p1": self.p[:len(self.x1)], "q": self.q,
                          "v": self.v}

    def _parameter(self, symbol: sp.Basic, value: Any) -> int:
        shape, graph = shape_of(symbol), self.graph
        if not shape:
            return graph.number(exact(value, f"the parameter {symbol}"))
        matrix = exact_matrix(value, f"the parameter {symbol}")
        if matrix.shape != shape:
            raise GameError(f"the parameter {symbol} has shape {shape}, its value {matrix.shape}")
        return graph.array(matrix)

    @cached_property
    def variables(self) -> tuple[sp.Symbol, ...]:
        """The flat variables: a symbol for each entry."""
        return tuple(entry for symbol in self._symbols for entry in (
            entries(symbol) if isinstance(symbol, sp.MatrixSymbol) else (symbol,)))

    @cached_property
    def p(self) -> list[int]:
        """Directions of all actions."""
        return [self.graph.variable(self.graph.shapes[a]) for a in self.x]

    @cached_property
    def q(self) -> list[int]:
        """Directions of the followers' actions."""
        return [self.graph.variable(self.graph.shapes[a]) for a in self.y]

    @cached_property
    def v(self) -> list[int]:
        """The followers' multipliers."""
        return [self.graph.variable(self.graph.shapes[a]) for a in self.y]

    def program(self, nodes: Sequence[int], *more: str) -> MatrixProgram:
        """Nodes as a function of x and of the arguments named, among p, p1, q, v."""
        return MatrixProgram(self.graph, nodes, [self.arguments[k] for k in ("x", *more)])

    # -- gradients -------------------------------------------------------

    @cached_property
    def f1(self) -> list[int]:
        """The gradients of f1 in all actions."""
        return gradient(self.graph, self.costs[0], self.x)

    @cached_property
    def omega(self) -> list[int]:
        """Each player's own gradients."""
        leader = self.f1[:len(self.x1)]
        return leader + [node for cost, own in zip(self.costs[1:], self._own[1:])
                         for node in gradient(self.graph, cost, own)]

    @property
    def followers(self) -> list[int]:
        """F, the followers' own gradients."""
        return self.omega[len(self.x1):]

    def _paired(self, left: Sequence[int], right: Sequence[int]) -> int:
        return self.graph.sum([(1, self.graph.inner(a, b)) for a, b in zip(left, right)], ())

    # -- products --------------------------------------------------------

    @cached_property
    def jacobian_product(self) -> list[int]:
        """J p."""
        return directional(self.graph, self.omega, dict(zip(self.x, self.p)))

    @cached_property
    def jacobian_transposed_product(self) -> list[int]:
        """J^T p."""
        return gradient(self.graph, self._paired(self.p, self.omega), self.x)

    @cached_property
    def follower_image(self) -> list[int]:
        """M q."""
        return directional(self.graph, self.followers, dict(zip(self.y, self.q)))

    @cached_property
    def _follower_product(self) -> MatrixProgram:
        return self.program(self.follower_image, "q")

    def follower_product(self, x: Array, q: Array) -> Array:
        """M(x) q: (..., n2)."""
        return self._follower_product(x, q)

    @cached_property
    def turned_images(self) -> list[int]:
        """C^T q and M^T q, one after the other: the gradient of <q, F>."""
        return gradient(self.graph, self._paired(self.q, self.followers), self.x)

    @cached_property
    def cross_image(self) -> list[int]:
        """C p_1."""
        return directional(self.graph, self.followers, dict(zip(self.x1, self.p)))

    @cached_property
    def lagrangian(self) -> list[int]:
        """D f1 - D h in all actions, v held constant."""
        h = gradient(self.graph, self._paired(self.v, self.followers), self.x)
        return [self.graph.sub(a, b) for a, b in zip(self.f1, h)]

    @cached_property
    def lagrangian_product(self) -> list[int]:
        """(D^2 f1 - D^2 h) p, v held constant."""
        return directional(self.graph, self.lagrangian, dict(zip(self.x, self.p)))

    def structure(self, eta: sp.Expr) -> Structure | None:
        """How M + eta I can be solved with, None if that is not seen."""
        return find_structure(self.graph, self.follower_image, self.q, self.graph.number(eta))
