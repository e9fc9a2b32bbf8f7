r"""Games with matrices as actions: matrix formulas as fast NumPy functions.

With x = (x_1, y), the leader's actions and all followers', F = (D_i f_i)_{i > 1}, C = D_1 F and
M = D_y F, everything is made of products with directions p, which cost a small multiple of
the costs themselves:

    J p, J^T p            derivatives of omega, forward and reverse
    M q, M^T q, C^T q     derivatives of F, and of <q, F>
    omega_S,1             D_1 f1 - C^T v                    M^T v = D_y f1
    J_S p                 D(D_1 f1 - D_1 h)[p] - C^T dv     M^T dv = D(D_y f1 - D_y h)[p]

with h = <v, F>, v held constant.  There is no n x n array unless one is asked for: ``jacobian``
applies J to the identity.  How the systems with M are solved is decided from the graph
(`matrix_responses`), else from their size, and is said in ``solver``.  With tau and eta the
followers' rows are multiplied by tau, and M is M + eta I in the systems.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from ..declaration.costs import Number, exact
from ..errors import GameError, ShapeError
from ..programs.numerical import points
from .matrix_blocks import MatrixBlocks
from .matrix_printing import MatrixProgram
from .matrix_solving import SOLVERS, Iterated, MatrixSolver, Structured

__all__ = ["CompiledMatrixGame", "MatrixField", "matrix_field"]

Array = NDArray[np.float64]

#: Entries of dense results that are computed at once.
_DENSE_BLOCK = 2 ** 22


class _Compiled:
    """What games and fields have in common: programs of blocks, and dense results."""

    def __init__(self, blocks: MatrixBlocks, solver: str, tau: sp.Expr, eta: sp.Expr,
                 rtol: float) -> None:
        if solver not in SOLVERS:
            raise ValueError(f"solver must be one of {', '.join(SOLVERS)}, not {solver!r}")
        if not rtol > 0:
            raise ValueError(f"rtol must be positive, not {rtol!r}")
        self._blocks, self._asked, self._rtol = blocks, solver, float(rtol)
        self._tau, self._eta = tau, eta
        self.n, self.n1 = blocks.n, blocks.n1

    @cached_property
    def variables(self) -> tuple[sp.Symbol, ...]:
        """The flat variables: entries row by row, action by action, player by player."""
        return self._blocks.variables

    @cached_property
    def _response(self) -> Structured | Iterated:
        structure = None
        if self._asked in ("auto", "structure"):
            structure = self._blocks.structure(self._eta)
            if structure is None and self._asked == "structure":
                raise GameError(
                    "the followers' Hessian has no structure that can be solved with: M P must "
                    "be s P, H o P (entry by entry) or L P R, for each follower's own P; take "
                    "solver='auto'")
        if structure is not None:
            return Structured(self._blocks, structure, self._tau, self._eta)
        return Iterated(self._blocks, self._asked, self._tau, self._eta, self._rtol)

    @property
    def solver(self) -> MatrixSolver:
        """How the followers' systems are solved, why, and how well the last ones were."""
        return self._response.solver

    def response_residual(self, x: Any) -> Array:
        """|M^T v - D_y f1| / |D_y f1| of the v in omega_S: (..., n) to (...)."""
        return self._response.residual(points(x, self.n))

    def _pair(self, x: Any, p: Any, size: int, what: str) -> tuple[Array, Array]:
        x = points(x, self.n)
        try:
            p = np.asarray(p, dtype=float)
        except (TypeError, ValueError):
            p = np.asarray(None)
        if p.ndim == 0 or p.shape[-1] != size:
            raise ShapeError(f"{what} must be real numbers of shape (..., {size}), one row each, "
                             f"not of shape {p.shape}")
        return x, p

    @staticmethod
    def _dense(product: Callable[[Array, Array], Array], x: Array, rows: int,
               columns: int) -> Array:
        """The matrix of a linear product at points (..., n): applied to the identity."""
        out = np.empty(x.shape[:-1] + (rows, columns))
        if x.ndim == 1:
            block = max(1, _DENSE_BLOCK // rows)
            for start in range(0, columns, block):
                directions = np.eye(min(block, columns - start), columns, start)
                out[:, start:start + block] = product(x, directions).T
            return out
        eye = np.eye(columns)
        flat, results = x.reshape(-1, x.shape[-1]), out.reshape(-1, rows, columns)
        block = max(1, _DENSE_BLOCK // (rows * columns))
        for start in range(0, len(flat), block):
            part = product(flat[start:start + block, None, :], eye)
            results[start:start + block] = np.swapaxes(part, -1, -2)
        return out


class CompiledMatrixGame(_Compiled):
    """A game with matrices as actions, as NumPy functions.

    The methods are those of `CompiledGame`, and products besides.  Points ``x`` and directions
    ``p`` have shape (..., n), the entries row by row, action by action, player by player;
    leading shapes broadcast.  Where a cost is not defined, or a follower's system was not
    solved, values are NaN or infinite, and ``solver`` says which of the two.  So are the
    derivatives of a determinant of more than 3 x 3 where its matrix is singular.

    Parameters
    ----------
    costs : a scalar SymPy expression for each player, the leader first.
    actions : for each player a tuple of MatrixSymbol and Symbol.
    parameters : values of the other symbols: exact matrices and numbers.
    solver : "auto", "structure", "direct", "cg", "minres" or "gmres", for the followers'
        systems; "auto" takes structure if there is any, "direct" up to 500 unknowns, and beyond
        "cg", which goes on as "minres" where curvature is not positive ("gmres" for several
        followers, whose Jacobian is not symmetric).
    rtol : the residual that iterations must reach, relative to the right-hand side.

    Raises `GameError` and `UnsupportedFunction`, which name the culprit and the fix.

    >>> X, Y = sp.MatrixSymbol("X", 2, 2), sp.MatrixSymbol("Y", 2, 2)
    >>> f = sp.Trace(X.T*Y)
    >>> game = CompiledMatrixGame([f, sp.Trace(Y.T*Y)/2 - f], [(X,), (Y,)])
    >>> game.stackelberg_gradient([1., 0, 0, 1, 1, 2, 3, 4])
    array([2., 2., 3., 5., 0., 2., 3., 3.])
    """

    def __init__(self, costs: Sequence[sp.Expr], actions: Sequence[Sequence[sp.Basic]],
                 parameters: Mapping[sp.Basic, Any] | None = None, *, solver: str = "auto",
                 rtol: float = 1e-10, name: str = "") -> None:
        self._declared = tuple(costs), tuple(map(tuple, actions)), dict(parameters or {})
        self.name = name
        super().__init__(MatrixBlocks(*self._declared), solver, sp.S.One, sp.S.Zero, rtol)

    def __reduce__(self) -> tuple:
        return _rebuilt, (self._declared, self._asked, self._rtol, self.name)

    def __repr__(self) -> str:
        return (f"CompiledMatrixGame({self.name or 'game'}, {len(self._blocks.costs)} players, "
                f"{self.n} variables)")

    @cached_property
    def _costs(self) -> MatrixProgram:
        return self._blocks.program(self._blocks.costs)

    @cached_property
    def _gradient(self) -> MatrixProgram:
        return self._blocks.program(self._blocks.omega)

    @cached_property
    def _product(self) -> MatrixProgram:
        return self._blocks.program(self._blocks.jacobian_product, "p")

    @cached_property
    def _transposed(self) -> MatrixProgram:
        return self._blocks.program(self._blocks.jacobian_transposed_product, "p")

    def costs(self, x: Any) -> Array:
        """The costs f_i(x): (..., n) to (..., number of players)."""
        return self._costs(points(x, self.n))

    def gradient(self, x: Any) -> Array:
        """omega(x) = (D_i f_i(x))_i: (..., n) to (..., n)."""
        return self._gradient(points(x, self.n))

    def jacobian(self, x: Any) -> Array:
        """J(x) = D omega(x), dense: (..., n) to (..., n, n)."""
        return self._dense(self._product, points(x, self.n), self.n, self.n)

    def jacobian_product(self, x: Any, p: Any) -> Array:
        """J(x) p: (..., n), without J."""
        return self._product(*self._pair(x, p, self.n, "directions"))

    def jacobian_transposed_product(self, x: Any, p: Any) -> Array:
        """J(x)^T p: (..., n), without J."""
        return self._transposed(*self._pair(x, p, self.n, "directions"))

    def follower_hessian_product(self, x: Any, p: Any) -> Array:
        """M(x) p, for one follower (D22 f2) p: p of shape (..., n2) to (..., n2)."""
        size = self.n - self.n1
        return self._blocks.follower_product(*self._pair(x, p, size, "followers' directions"))

    def stackelberg_gradient(self, x: Any) -> Array:
        """omega_S(x) = (D f1, D_2 f2): (..., n) to (..., n)."""
        return self._response.value(points(x, self.n))

    def stackelberg_jacobian(self, x: Any) -> Array:
        """J_S(x) = D omega_S(x), dense: (..., n) to (..., n, n)."""
        return self._dense(self._response.product, points(x, self.n), self.n, self.n)

    def stackelberg_jacobian_product(self, x: Any, p: Any) -> Array:
        """J_S(x) p: (..., n), without J_S."""
        return self._response.product(*self._pair(x, p, self.n, "directions"))

    def schur_complement(self, x: Any) -> Array:
        """S1(J) = A - B M^-1 C at x, dense: (..., n) to (..., n1, n1)."""
        return self._dense(self._response.schur_product, points(x, self.n), self.n1,
                           self.n1)

    def implicit_derivative(self, x: Any) -> Array:
        """Dr(x) = -M^-1 C, dense: (..., n) to (..., n - n1, n1)."""
        return self._dense(self._response.implicit_product, points(x, self.n),
                           self.n - self.n1, self.n1)


class MatrixField(_Compiled):
    """omega or omega_S of a game with matrices, as NumPy functions; made by `matrix_field`.

    ``value`` and ``jacobian`` are the contract that numerics use; ``product`` avoids the
    dense Jacobian.
    """

    def __init__(self, blocks: MatrixBlocks, kind: str, tau: sp.Expr, eta: sp.Expr,
                 solver: str, rtol: float, name: str) -> None:
        if kind not in ("simultaneous", "stackelberg"):
            raise GameError(f"the kind of field is 'simultaneous' or 'stackelberg', not {kind!r}")
        if kind == "simultaneous" and (tau, eta) != (1, 0):
            raise GameError("the simultaneous gradient takes neither tau nor eta")
        if not (tau.is_positive and eta.is_nonnegative):
            raise GameError(f"tau must be positive and eta at least 0, not {tau} and {eta}")
        super().__init__(blocks, solver, tau, eta, rtol)
        self.kind, self.tau, self.eta = kind, tau, eta
        self.name = f"{kind} gradient" + f" of {name}" * bool(name)
        self._single = (self.n,)

    def __repr__(self) -> str:
        rates = f", tau = {self.tau}, eta = {self.eta}" if self.kind == "stackelberg" else ""
        return f"{self.name} in {self.n} variables{rates}"

    def __reduce__(self) -> tuple:
        title = self.name.partition(" of ")[2]
        return _rebuilt_field, (self._blocks.declared, self.kind, self.tau, self.eta,
                                self._asked, self._rtol, title)

    @cached_property
    def _value(self) -> Callable[[Array], Array]:
        if self.kind == "stackelberg":
            return self._response.value
        return self._blocks.program(self._blocks.omega)

    @cached_property
    def _direct(self) -> Callable[[Array], Array]:
        """The value at one point that needs no check."""
        return getattr(self._value, "point", self._value)

    @cached_property
    def _product(self) -> Callable[[Array, Array], Array]:
        if self.kind == "stackelberg":
            return self._response.product
        return self._blocks.program(self._blocks.jacobian_product, "p")

    def value(self, x: Any) -> Array:
        """The field at points: (..., n) to (..., n)."""
        # Updates ask for one point a million times: their way through here is short.
        if type(x) is np.ndarray and x.shape == self._single and x.dtype is _FLOAT:
            return self._direct(x)
        return self._value(points(x, self.n))

    def jacobian(self, x: Any) -> Array:
        """Its Jacobian at points, dense: (..., n) to (..., n, n)."""
        return self._dense(self._product, points(x, self.n), self.n, self.n)

    def product(self, x: Any, p: Any) -> Array:
        """The Jacobian at x times directions p: (..., n), without the Jacobian."""
        return self._product(*self._pair(x, p, self.n, "directions"))


_FLOAT = np.dtype(np.float64)


def matrix_field(costs: Sequence[sp.Expr], actions: Sequence[Sequence[sp.Basic]],
                 parameters: Mapping[sp.Basic, Any] | None = None, *,
                 kind: str = "stackelberg", tau: Number = 1, eta: Number = 0,
                 solver: str = "auto", rtol: float = 1e-10, name: str = "") -> MatrixField:
    """The field omega ("simultaneous") or omega_S ("stackelberg") of a game with matrices.

    ``tau`` > 0 multiplies the followers' components, ``eta`` >= 0 is added to M in the
    followers' systems; both are read exactly.  The rest is as in `CompiledMatrixGame`.

    >>> X, Y = sp.MatrixSymbol("X", 1, 2), sp.MatrixSymbol("Y", 1, 2)
    >>> f = sp.Trace(X.T*Y)
    >>> matrix_field([f, -f], [(X,), (Y,)], kind="simultaneous").value([1., 2, 3, 4])
    array([ 3.,  4., -1., -2.])
    """
    blocks = MatrixBlocks(tuple(costs), tuple(map(tuple, actions)), dict(parameters or {}))
    return MatrixField(blocks, kind, exact(tau, "tau"), exact(eta, "eta"), solver, rtol, name)


def _rebuilt(declared: tuple, solver: str, rtol: float, name: str) -> CompiledMatrixGame:
    return CompiledMatrixGame(*declared, solver=solver, rtol=rtol, name=name)


def _rebuilt_field(declared: tuple, kind: str, tau: sp.Expr, eta: sp.Expr, solver: str,
                   rtol: float, name: str) -> MatrixField:
    return MatrixField(MatrixBlocks(*declared), kind, tau, eta, solver, rtol, name)
