r"""omega_S, J_S, S1(J) and Dr as functions of points, dense or as products with vectors.

With L(x, v) = f1(x) - v . F(x), v and its derivative along p held apart,

    M^T v = D_y f1,           omega_S  =  (D_1 L, tau F),
    M^T w = D_y D L p,        J_S p    =  (D_1 D L p - C^T w,  tau DF p),

where M stands for M + eta I in the systems.  C^T w and M^T w are halves of the gradient of
w . F, and D D L p is the derivative of a gradient along p: nothing of size n x n is formed.
Where the systems are solved inside of the program (see `numerical`) and the result is not too
long, each function is one program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from .blocks import GameBlocks, ResponseBlocks
from .numerical import Bundle, Solver, Systems, chosen, points
from .tangents import tangents, transposed_product

__all__ = ["Products", "Response", "joined"]

Array = NDArray[np.float64]

#: J_S is one program up to so many products of entries, dense arrays beyond: those of the
#: covariance game with m = 5 (2,125 products) take 45 us instead of 35, and compile in half.
_PRODUCTS = 500
#: S1(J) and Dr are one program for Dr of so many entries.
_DERIVATIVES = 1000


def joined(*parts: Array) -> Array:
    """Points and vectors (..., n_k) side by side, their leading shapes broadcast."""
    first = parts[0].shape[:-1]
    if any(part.shape[:-1] != first for part in parts):
        lead = np.broadcast_shapes(*(part.shape[:-1] for part in parts))
        parts = tuple(np.broadcast_to(part, lead + part.shape[-1:]) for part in parts)
    return np.concatenate(parts, axis=-1)


class Products:
    """J p, J^T p and M p at points, as programs in (x, p)."""

    def __init__(self, blocks: GameBlocks) -> None:
        self.blocks, self.n = blocks, blocks.n
        self.m = blocks.n - blocks.n1

    def _bundle(self, nodes: Sequence[int], inputs: Sequence[int]) -> Bundle:
        graph = self.blocks.graph
        numbers = [graph.nodes[k][1] for k in inputs]
        return Bundle(graph, nodes, (len(nodes),), numbers)

    @cached_property
    def _forward(self) -> Bundle:
        b = self.blocks
        return self._bundle(tangents(b.graph, b.omega, dict(zip(b.x, b.directions))),
                            [*b.x, *b.directions])

    @cached_property
    def _backward(self) -> Bundle:
        b = self.blocks
        return self._bundle(transposed_product(b.graph, b.omega, b.x, b.directions),
                            [*b.x, *b.directions])

    @cached_property
    def _matrix(self) -> Bundle:
        b = self.blocks
        return self._bundle(tangents(b.graph, b.followers, dict(zip(b.x[b.n1:], b.v))),
                            [*b.x, *b.v])

    def jacobian(self, x: Any, p: Any) -> Array:
        """J p: (..., n)."""
        return self._forward(joined(points(x, self.n), points(p, self.n)))

    def transposed(self, x: Any, p: Any) -> Array:
        """J^T p: (..., n)."""
        return self._backward(joined(points(x, self.n), points(p, self.n)))

    def matrix(self, x: Any, p: Any) -> Array:
        """M p: (..., m)."""
        return self._matrix(joined(points(x, self.n), points(p, self.m)))


class Response:
    """The functions that need the followers' response.

    ``solver`` : how its systems are solved; ``inner`` : its nodes; ``is_formula`` : whether
    they are solved inside of the program.
    Raises `GameError`, when values are asked for, if the systems are singular everywhere.
    """

    def __init__(self, blocks: GameBlocks, tau: sp.Expr, eta: sp.Expr, wanted: str) -> None:
        self.blocks, self.inner = blocks, ResponseBlocks(blocks, tau, eta)
        self.n, self.n1, self.m = blocks.n, blocks.n1, blocks.n - blocks.n1
        self.tau = float(tau)
        self.solver = chosen(self.inner, wanted)
        self.is_formula = self.solver.method == "program"
        # What a program would be too long for goes through arrays, block by block.
        inside = Solver("direct", "blocks of at most three") if self.is_formula else self.solver
        self._systems = Systems(self.inner, inside)
        if self.is_formula:
            self.inner.require_regular()
        else:
            self._systems.require_regular()

    def _bundle(self, nodes: Iterable[int], *shape: int, inputs: int = 0) -> Bundle:
        return Bundle(self.blocks.graph, nodes, shape, inputs or self.n)

    # -- the response ----------------------------------------------------

    @cached_property
    def _right(self) -> Bundle:
        return self._bundle(self.blocks.f1[self.n1:], self.m)

    @cached_property
    def _formula_of_v(self) -> Bundle:
        return self._bundle(self.inner.response, self.m)

    @cached_property
    def _formula_of_w(self) -> Bundle:
        return self._bundle(self.inner.solve(self.blocks.v, transposed=True), self.m,
                            inputs=self.n + self.m)

    def _solving(self, x: Array) -> Callable[[Array], Array]:
        """right (..., m) -> the solution of M^T w = right at points."""
        if self.is_formula:
            return lambda right: self._formula_of_w(joined(x, right))
        solve = self._systems.at(x)
        return lambda right: solve(right[..., None], True)[..., 0]

    def v(self, x: Array) -> Array:
        """v at points: (..., m)."""
        if self.is_formula:
            return self._formula_of_v(x)
        return self._solving(x)(self._right(x))

    # -- omega_S ---------------------------------------------------------

    @cached_property
    def value_nodes(self) -> list[int]:
        """Nodes of omega_S, if it is a formula."""
        return self.inner.value()

    @cached_property
    def _formula(self) -> Bundle:
        return self._bundle(self.value_nodes, self.n)

    @cached_property
    def _with_v(self) -> Bundle:
        b = self.blocks
        return self._bundle(b.leader + self.inner.scaled(b.followers), self.n,
                            inputs=self.n + self.m)

    def value(self, x: Any) -> Array:
        """omega_S at points (..., n)."""
        if self.is_formula:
            return self._formula(x)
        x = points(x, self.n)
        return self._with_v(joined(x, self.v(x)))

    @property
    def is_guarded(self) -> bool:
        """Whether `guarded` knows the determinant: not where only products are computed."""
        return not self._systems.is_iterative

    def guarded(self, x: Array) -> Array:
        """omega_S and det(M + eta I), or a root of that: (..., n) to (..., n + 1).

        For m > 4, its root of order m/4, with its sign, so that it changes as smoothly.
        """
        sign, logarithm = self._systems.determinant(x)
        with np.errstate(all="ignore"):
            size = np.clip(logarithm * min(1, 4 / self.m), -700, 700)
            guard = (sign * np.exp(size))[..., None]
        return np.concatenate([self.value(x), guard], axis=-1)

    # -- J_S -------------------------------------------------------------

    @cached_property
    def _is_short(self) -> bool:
        return self.is_formula and self.inner.products() <= _PRODUCTS

    @cached_property
    def _jacobian_formula(self) -> Bundle:
        return self._bundle(self.inner.jacobian(), self.n, self.n)

    @cached_property
    def _hessian(self) -> Bundle:
        """D D L, a function of (x, v)."""
        rows = self.blocks._dense(self.blocks.lagrangian_rows)
        return self._bundle([e for row in rows for e in row], self.n, self.n,
                            inputs=self.n + self.m)

    @cached_property
    def _followers(self) -> Bundle:
        """The rows [C, M]."""
        rows = self.blocks._dense(self.blocks.jacobian_rows[self.n1:])
        return self._bundle([e for row in rows for e in row], self.m, self.n)

    def jacobian(self, x: Any) -> Array:
        """J_S at points (..., n)."""
        if self._is_short:
            return self._jacobian_formula(x)
        x, n1 = points(x, self.n), self.n1
        rows = self._followers(x)
        solve = self._systems.at(x)
        v = self._formula_of_v(x) if self.is_formula else solve(self._right(x)[..., None],
                                                                True)[..., 0]
        hessian = self._hessian(joined(x, v))
        slopes = solve(hessian[..., n1:, :], True)
        out = np.empty(x.shape[:-1] + (self.n, self.n))
        with np.errstate(all="ignore"):
            out[..., :n1, :] = (hessian[..., :n1, :]
                                - np.swapaxes(rows[..., :n1], -1, -2) @ slopes)
            out[..., n1:, :] = self.tau * rows
        return out

    @cached_property
    def _hessian_product(self) -> Bundle:
        """D D L p, a function of (x, v, p)."""
        b = self.blocks
        slopes = [b.graph.sub(f, h) for f, h in zip(b.f1, b.h_gradient)]
        nodes = tangents(b.graph, slopes, dict(zip(b.x, b.directions)))
        numbers = [b.graph.nodes[k][1] for k in (*b.x, *b.v, *b.directions)]
        return Bundle(b.graph, nodes, (self.n,), numbers)

    @cached_property
    def _rest_of_product(self) -> Bundle:
        """C^T w and tau DF p, functions of (x, w, p)."""
        b = self.blocks
        moved = tangents(b.graph, b.followers, dict(zip(b.x, b.directions)))
        numbers = [b.graph.nodes[k][1] for k in (*b.x, *b.v, *b.directions)]
        return Bundle(b.graph, b.h_gradient[:self.n1] + self.inner.scaled(moved), (self.n,),
                      numbers)

    def product(self, x: Any, p: Any) -> Array:
        """J_S p at points: (..., n)."""
        x, p, n1 = points(x, self.n), points(p, self.n), self.n1
        if self.is_formula:
            v, solving = self._formula_of_v(x), self._solving(x)
        else:
            solving = self._solving(x)
            v = solving(self._right(x))
        moved = self._hessian_product(joined(x, v, p))
        if moved.shape[:-1] != x.shape[:-1]:            # p has more leading axes than x
            x = np.broadcast_to(x, moved.shape[:-1] + x.shape[-1:])
            solving = self._solving(x)
        w = solving(moved[..., n1:])
        out = self._rest_of_product(joined(x, w, p))
        with np.errstate(all="ignore"):
            out[..., :n1] = moved[..., :n1] - out[..., :n1]
        return out

    # -- Dr and S1(J) ----------------------------------------------------

    @cached_property
    def _formulas(self) -> tuple[Bundle, Bundle] | None:
        if not self.is_formula or self.m * self.n1 > _DERIVATIVES:
            return None
        return (self._bundle(self.inner.implicit(), self.m, self.n1),
                self._bundle(self.inner.schur(), self.n1, self.n1))

    @cached_property
    def _leader(self) -> Bundle:
        rows = self.blocks._dense(self.blocks.jacobian_rows[:self.n1])
        return self._bundle([e for row in rows for e in row], self.n1, self.n)

    def _of_leader(self, x: Array) -> Array:
        """(M + eta I)^-1 C at points."""
        return self._systems.at(x)(self._followers(x)[..., :self.n1], False)

    def implicit(self, x: Any) -> Array:
        """Dr at points (..., n)."""
        if self._formulas is not None:
            return self._formulas[0](x)
        return -self._of_leader(points(x, self.n))

    def schur(self, x: Any) -> Array:
        """S1(J) at points (..., n)."""
        if self._formulas is not None:
            return self._formulas[1](x)
        x, n1 = points(x, self.n), self.n1
        rows = self._leader(x)
        with np.errstate(all="ignore"):
            return rows[..., :n1] - rows[..., n1:] @ self._of_leader(x)
