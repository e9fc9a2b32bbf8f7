r"""omega_S, J_S p, Dr p and S1(J) p with the followers' systems solved in two ways.

`Structured`: v = M^-T D_y f1 is a node of the graph, so that omega_S is one straight-line
program, and J_S p its derivative along p.  `Iterated`: v is solved for at the point, by LU
factors of M (formed from products with the identity) or by iterations with products
(`solves`), and J_S p follows from

    D(D_1 f1 - D_1 h)[p] - C^T dv,    M^T dv = D(D_y f1 - D_y h)[p],    h = <v, F>.

A system that was not solved to the wanted residual gives NaN, and the solver's status says why.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from ..errors import GameError
from ..programs.blocks import SINGULAR
from ..programs.solves import SolveStatus, solve
from .matrix_blocks import MatrixBlocks
from .matrix_derivatives import directional
from .matrix_kernels import solved_batch
from .matrix_printing import MatrixProgram
from .matrix_responses import Structure, substitute

__all__ = ["DIRECT", "Iterated", "MatrixSolver", "SOLVERS", "Structured"]

Array = NDArray[np.float64]

SOLVERS = ("auto", "structure", "direct", "cg", "minres", "gmres")
#: Unknowns up to which the followers' matrix is formed and factorised.
DIRECT = 500


@dataclass(frozen=True)
class MatrixSolver:
    """How the followers' systems are solved.

    ``method`` : "structure", "direct", "cg", "minres" or "gmres".
    ``reason`` : why that one.
    ``residual`` : the largest |M^T v - b| / |b| of the last evaluation, None before the first
        and for "structure", whose residual is asked for by ``response_residual``.
    ``curvature`` : the least p^T M p / p^T p that iterations met in it, else None.
    ``status`` : the worst `SolveStatus` of it, None before the first.
    """

    method: str
    reason: str
    residual: float | None = None
    curvature: float | None = None
    status: SolveStatus | None = None

    def __str__(self) -> str:
        lines = [f"{self.method}: {self.reason}"]
        if self.status is not None:
            lines.append(self.status.value)
        if self.residual is not None:
            lines.append(f"residual {self.residual:.1e}")
        if self.curvature is not None:
            lines.append(f"least curvature {self.curvature:.3g}")
        return "; ".join(lines)


class Structured:
    """Everything as programs, v a node of the graph."""

    def __init__(self, blocks: MatrixBlocks, structure: Structure, tau: sp.Expr,
                 eta: sp.Expr) -> None:
        self.blocks, self.structure, self.eta = blocks, structure, float(eta)
        self.tau = blocks.graph.number(tau)
        self.solver = MatrixSolver("structure", str(structure))

    @cached_property
    def _v(self) -> list[int]:
        b = self.blocks
        return self.structure.solve(b.f1[len(b.x1):])

    @cached_property
    def _nodes(self) -> list[int]:
        """omega_S."""
        b, g = self.blocks, self.blocks.graph
        leader = substitute(g, b.lagrangian[:len(b.x1)], dict(zip(b.v, self._v)))
        return leader + [g.times(self.tau, node) for node in b.followers]

    @cached_property
    def value(self) -> MatrixProgram:
        """omega_S at points."""
        return self.blocks.program(self._nodes)

    @cached_property
    def product(self) -> MatrixProgram:
        """J_S p."""
        b = self.blocks
        return b.program(directional(b.graph, self._nodes, dict(zip(b.x, b.p))), "p")

    @cached_property
    def _implicit(self) -> list[int]:
        solved = self.structure.solve(self.blocks.cross_image)
        return [self.blocks.graph.scaled(-1, a) for a in solved]

    @cached_property
    def implicit_product(self) -> MatrixProgram:
        """Dr p_1."""
        return self.blocks.program(self._implicit, "p1")

    @cached_property
    def schur_product(self) -> MatrixProgram:
        """S1(J) p_1."""
        b = self.blocks
        along = dict(zip(b.x, [*b.p[:len(b.x1)], *self._implicit]))
        return b.program(directional(b.graph, b.omega[:len(b.x1)], along), "p1")

    @cached_property
    def _residual(self) -> tuple[MatrixProgram, MatrixProgram]:
        """v and b, and M^T q: two programs, for in one the graph would simplify M^T v to b."""
        b = self.blocks
        return b.program([*self._v, *b.f1[len(b.x1):]]), b.program(b.turned_images, "q")

    def residual(self, x: Array) -> Array:
        """|(M + eta I)^T v - b| / |b|."""
        b = self.blocks
        first, turned = self._residual
        v, right = np.split(first(x), [b.n - b.n1], axis=-1)
        return _relative(turned(x, v)[..., b.n1:] + self.eta * v, right)


def _relative(image: Array, right: Array) -> Array:
    """|image - right| / |right|, row by row; the numerator where the right-hand side is 0."""
    with np.errstate(all="ignore"):
        size = np.linalg.norm(right, axis=-1)
        return np.linalg.norm(image - right, axis=-1) / np.where(size > 0, size, 1.0)


class Iterated:
    """v solved for at each point."""

    def __init__(self, blocks: MatrixBlocks, asked: str, tau: sp.Expr, eta: sp.Expr,
                 rtol: float) -> None:
        self.blocks, self.rtol = blocks, rtol
        self.tau, self.eta = float(tau), float(eta)
        self.n1, self.m = blocks.n1, blocks.n - blocks.n1
        self.n = blocks.n
        self.symmetric = blocks.is_symmetric
        if not eta and all(blocks.graph.is_zero(a) for a in blocks.follower_image):
            raise GameError(SINGULAR)
        if asked in ("cg", "minres") and not self.symmetric:
            raise GameError(f"{asked} needs a symmetric matrix, and the Jacobian of several "
                            f"followers is not: take solver='gmres' or 'direct'")
        if asked != "auto":
            method, reason = asked, "as asked for"
        elif self.m <= DIRECT:
            method = "direct"
            reason = f"no structure is known, and {self.m} unknowns are at most {DIRECT}"
        else:
            method = "cg" if self.symmetric else "gmres"
            reason = f"no structure is known, and {self.m} unknowns are more than {DIRECT}"
        self.switches = asked == "auto"
        self.solver = MatrixSolver(method, reason)

    # -- programs --------------------------------------------------------

    @cached_property
    def _parts(self) -> MatrixProgram:
        """D_1 f1, D_y f1 and F."""
        return self.blocks.program([*self.blocks.f1, *self.blocks.followers])

    @cached_property
    def _turned(self) -> MatrixProgram:
        """C^T q and M^T q."""
        return self.blocks.program(self.blocks.turned_images, "q")

    @cached_property
    def _cross(self) -> MatrixProgram:
        return self.blocks.program(self.blocks.cross_image, "p1")

    @cached_property
    def _lagrangian(self) -> MatrixProgram:
        return self.blocks.program(self.blocks.lagrangian_product, "v", "p")

    @cached_property
    def _jacobian(self) -> MatrixProgram:
        return self.blocks.program(self.blocks.jacobian_product, "p")

    # -- systems ---------------------------------------------------------

    def _matrix(self, x: Array) -> Array:
        """M + eta I at points (..., n): row j is M^T e_j."""
        rows = self._turned(x[..., None, :], np.eye(self.m))[..., self.n1:]
        return rows + self.eta * np.eye(self.m)

    def _solve(self, x: Array, right: Array, turned: bool) -> Array:
        """(M + eta I)^-1 b, or its transpose's, for b of shape (..., m)."""
        batch = np.broadcast_shapes(x.shape[:-1], right.shape[:-1])
        right = np.broadcast_to(right, batch + (self.m,))
        if self.solver.method != "direct":
            return self._iterated(np.broadcast_to(x, batch + (self.n,)), right, turned)
        matrix = self._matrix(x)
        if turned:
            matrix = np.swapaxes(matrix, -1, -2)
        if x.ndim > 1 and x.shape[-2] == 1 and right.ndim > 1:      # one point, many b
            solved = np.swapaxes(solved_batch(matrix[..., 0, :, :],
                                              np.swapaxes(right, -1, -2)), -1, -2)
            image = solved @ np.swapaxes(matrix[..., 0, :, :], -1, -2)
        elif x.ndim == 1:
            solved = solved_batch(matrix, right.reshape(-1, self.m).T).T.reshape(right.shape)
            image = solved @ matrix.T
        else:
            solved = solved_batch(matrix, right[..., None])[..., 0]
            image = (matrix @ solved[..., None])[..., 0]
        worst = float(np.max(_relative(image, right), initial=0.0))
        status = (SolveStatus.SOLVED if worst <= max(self.rtol, 1e-8) else
                  SolveStatus.SINGULAR if np.isnan(solved).any() else SolveStatus.INEXACT)
        self.solver = replace(self.solver, residual=worst, status=status)
        return solved

    def _iterated(self, x: Array, right: Array, turned: bool) -> Array:
        product = self._turned if turned else self.blocks.follower_product
        out = np.empty(right.shape)
        worst: MatrixSolver | None = None
        for index in np.ndindex(right.shape[:-1]):
            point = np.ascontiguousarray(x[index])
            found = solve(lambda q: product(point, q)[-self.m:] + self.eta * q, right[index],
                          method="auto" if self.switches else self.solver.method,
                          symmetric=self.symmetric, rtol=self.rtol)
            out[index] = found.x if found.is_solved else np.nan
            this = replace(self.solver, method=found.method, residual=found.residual,
                           curvature=found.curvature, status=found.status)
            if worst is None or not found.is_solved or (
                    worst.status is SolveStatus.SOLVED
                    and found.residual > (worst.residual or 0.0)):
                worst = this
        self.solver = worst or self.solver
        return out

    # -- results ---------------------------------------------------------

    def _v(self, x: Array) -> tuple[Array, Array]:
        """All of _parts, and v."""
        parts = self._parts(x)
        return parts, self._solve(x, parts[..., self.n1:self.n], True)

    def value(self, x: Array) -> Array:
        """omega_S at points."""
        parts, v = self._v(x)
        with np.errstate(all="ignore"):
            leader = parts[..., :self.n1] - self._turned(x, v)[..., :self.n1]
            return np.concatenate([leader, self.tau * parts[..., self.n:]], axis=-1)

    def product(self, x: Array, p: Array) -> Array:
        """J_S p."""
        _, v = self._v(x)
        slopes = self._lagrangian(x, v, p)
        change = self._solve(x, slopes[..., self.n1:], True)
        with np.errstate(all="ignore"):
            leader = slopes[..., :self.n1] - self._turned(x, change)[..., :self.n1]
            followers = self.tau * self._jacobian(x, p)[..., self.n1:]
            return np.concatenate([leader, followers], axis=-1)

    def implicit_product(self, x: Array, p: Array) -> Array:
        """Dr p_1."""
        return -self._solve(x, self._cross(x, p), False)

    def schur_product(self, x: Array, p: Array) -> Array:
        """S1(J) p_1."""
        response = self.implicit_product(x, p)
        both = np.concatenate([np.broadcast_to(p, response.shape[:-1] + p.shape[-1:]), response],
                              axis=-1)
        return self._jacobian(x, both)[..., :self.n1]

    def residual(self, x: Array) -> Array:
        """|(M + eta I)^T v - b| / |b|."""
        parts, v = self._v(x)
        return _relative(self._turned(x, v)[..., self.n1:] + self.eta * v,
                         parts[..., self.n1:self.n])
