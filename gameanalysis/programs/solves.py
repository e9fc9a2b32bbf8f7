r"""Linear systems M v = b from products with M, from M itself, or from both.

``direct``  LU factors: LAPACK for a dense matrix, SuperLU for a sparse one.
``cg``      conjugate gradients (Hestenes and Stiefel 1952), for M = M^T > 0.
``minres``  minimal residuals (Paige and Saunders 1975), for M = M^T, definite or not.
``gmres``   the same for any M (Saad and Schultz 1986), restarted.

Iterations say little of themselves.  On an indefinite M the conjugate gradients may divide by
a curvature p^T M p near zero and return numbers that mean nothing, and every method stops by
a residual that it updates rather than computes.  So here each product M p is watched: the
least quotient p^T M p / p^T p is kept (an upper bound of the least eigenvalue of the symmetric
part of M, and a proof up to rounding that M is not positive definite where it is negative), and
conjugate gradients stop where it is not positive.  At the end the true residual
|b - M v| / |b| is computed; where it is above ``rtol``, the method goes on with the
remainder b - M v as its right-hand side, as long as that helps.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ShapeError

__all__ = ["METHODS", "Solution", "SolveStatus", "factorised", "solve"]

Array = NDArray[np.float64]

METHODS = ("auto", "direct", "cg", "minres", "gmres")
#: "auto" factorises dense matrices up to this size, sparse ones up to the second, and
#: operators without a matrix (which takes n products) up to the third.
DENSE, SPARSE, PROBED = 2000, 50_000, 64
#: gmres starts again after so many products: it keeps that many vectors.
_RESTART = 50
#: How often a method may go on with the remainder.
_ROUNDS = 4


class SolveStatus(Enum):
    """How a solve ended: the sentence is for people."""

    SOLVED = "solved: the true residual is within rtol"
    INEXACT = ("the true residual is above rtol: allow more iterations (max_iterations), or the "
               "matrix is singular or nearly so: method='direct' decides")
    INDEFINITE = ("negative curvature met: the matrix is not positive definite, and conjugate "
                  "gradients mean nothing: take method='minres' or 'direct'")
    SINGULAR = "the matrix is singular: the system has no solution, or many"
    UNDEFINED = "the matrix or the right-hand side is not finite"


@dataclass(frozen=True, eq=False)
class Solution:
    """The solution of M v = b and what is known of it, made by `solve`.

    ``x`` : (n,), read-only; NaN where the status is SINGULAR or UNDEFINED.
    ``residual`` : |b - M x| / |b|, computed from x; 0 for b = 0, NaN where x is.
    ``iterations`` : products with M that the method took, those of residuals not counted.
    ``curvature`` : the least p^T M p / p^T p of all products, None if there was none.
    ``method`` : what solved it, never "auto".
    """

    x: Array
    residual: float
    iterations: int
    curvature: float | None
    method: str
    status: SolveStatus

    @property
    def is_solved(self) -> bool:
        """Whether the true residual is within rtol."""
        return self.status is SolveStatus.SOLVED

    def require(self) -> Solution:
        """Itself if solved; raises `ArithmeticError` with the status otherwise."""
        if not self.is_solved:
            raise ArithmeticError(f"{self.method}: {self.status.value}")
        return self

    def __repr__(self) -> str:
        curvature = "unknown" if self.curvature is None else f"{self.curvature:.3g}"
        return (f"Solution of {self.x.size} unknowns by {self.method}: {self.status.value}\n"
                f"residual {self.residual:.1e}, {self.iterations} iterations, "
                f"least curvature {curvature}")

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON: no NaN, no infinity (None in their place)."""
        def plain(value: float | None) -> float | None:
            return value if value is not None and math.isfinite(value) else None
        return {"x": [plain(v) for v in self.x.tolist()], "residual": plain(self.residual),
                "iterations": self.iterations, "curvature": plain(self.curvature),
                "method": self.method, "status": self.status.value}


class _Stopped(Exception):
    """Ends an iteration from inside of a product."""

    def __init__(self, status: SolveStatus) -> None:
        self.status = status


class _Watched:
    """Products with M, counted, their curvature watched."""

    def __init__(self, product: Callable[[Array], Any], n: int) -> None:
        self.product, self.n = product, n
        self.count, self.most, self.stops = 0, 0, False
        self.curvature: float | None = None

    def __call__(self, p: Any) -> Array:
        if self.count >= self.most:
            raise _Stopped(SolveStatus.INEXACT)
        self.count += 1
        return self.plain(p)

    def plain(self, p: Any) -> Array:
        """M p, not counted."""
        p = np.asarray(p, dtype=float).reshape(self.n)
        q = np.asarray(self.product(p), dtype=float)
        if q.shape != p.shape:
            raise ShapeError(f"the product with a vector of shape {p.shape} must have that "
                             f"shape, not {q.shape}")
        with np.errstate(all="ignore"):
            square, power = float(p @ p), float(p @ q)
        if not 0 < square < math.inf or not math.isfinite(power):
            # Not finite, zero, or out of range: then the same of p / max |p|.
            size = float(np.abs(p).max(initial=0.0))
            if not np.isfinite(q).all() or not math.isfinite(size):
                raise _Stopped(SolveStatus.UNDEFINED)
            unit = p / (size or 1.0)
            square, power = float(unit @ unit), float(unit @ (q / (size or 1.0)))
        if square:
            quotient = power / square
            if self.curvature is None or quotient < self.curvature:
                self.curvature = quotient
            if self.stops and quotient <= 0:
                raise _Stopped(SolveStatus.INDEFINITE)
        return q


def solve(apply: Any, right: Any, *, method: str = "auto", symmetric: bool = True,
          matrix: Any = None, factors: Callable[[Array], Array] | SolveStatus | None = None,
          rtol: float = 1e-10, max_iterations: int | None = None) -> Solution:
    """Solve M v = b, M given by its products, as a matrix, or both.

    "auto" factorises M up to a size (dense 2,000, sparse 50,000, an operator without a
    matrix 64).  Beyond, it takes conjugate gradients for symmetric M, and goes on with minres
    as soon as a curvature that is not positive shows that M is not positive definite; gmres if
    M is not symmetric.

    Guarantee: the status is SOLVED only if the residual |b - M x|, computed from x, is at most
    ``rtol`` |b|.  That bounds the error of x by rtol times the condition number of M.

    Parameters
    ----------
    apply : the product p -> M p of vectors (n,), or M as an array (n, n) or a scipy.sparse one.
    right : b, (n,).
    method : "auto", "direct", "cg", "minres" or "gmres".  "cg" on a matrix that turns out not
        to be positive definite ends as INDEFINITE; "direct" without a matrix takes n products.
    symmetric : whether M = M^T, as "cg" and "minres" need.
    matrix : M as an array or sparse array, or a function of no argument that returns it, for
        the direct method, where ``apply`` is a product.
    factors : what `factorised` returned for M, to be used by the direct method again.
    rtol : the residual wanted, relative to |b|.
    max_iterations : products allowed, 10 n (at least 200) by default.

    Raises ValueError for an unknown method, one that needs symmetry, or a matrix that lacks it;
    `ShapeError` for shapes that do not fit.

    >>> solve(np.diag([1.0, -2.0]), [1.0, 4.0], method="cg").status.name
    'INDEFINITE'
    >>> solve(lambda p: p * [1.0, -2.0], [1.0, 4.0], method="minres").x.round(9)
    array([ 1., -2.])
    """
    b = np.array(right, dtype=float)
    if b.ndim != 1:
        raise ShapeError(f"the right-hand side must be a vector (n,), not of shape {b.shape}")
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, not {method!r}")
    if method in ("cg", "minres") and not symmetric:
        raise ValueError(f"{method} is for symmetric matrices: take 'gmres' or 'direct'")
    if not callable(apply) or hasattr(apply, "toarray"):
        matrix = _matrix(apply, b.size, symmetric)
        operator = _Watched(lambda p: matrix @ p, b.size)
    else:
        operator = _Watched(apply, b.size)
        if matrix is not None and not callable(matrix):
            matrix = _matrix(matrix, b.size, symmetric)
    operator.most = max(200, 10 * b.size) if max_iterations is None else max_iterations
    if method == "auto":
        method = _chosen(matrix, b.size, symmetric)
        switches = method == "cg"
    else:
        switches = False
    return _Job(operator, matrix, symmetric, b, rtol, factors).run(method, switches)


def _matrix(given: Any, n: int, symmetric: bool) -> Any:
    """A matrix as float array or sparse array, its shape and symmetry checked."""
    if not hasattr(given, "toarray"):
        given = np.asarray(given, dtype=float)
    if given.shape != (n, n):
        raise ShapeError(f"a matrix of shape ({n}, {n}) is wanted, not {given.shape}")
    if symmetric and n:
        with np.errstate(invalid="ignore"):
            gap, size = abs(given - given.T).max(), abs(given).max()
        if gap > 1e-8 * size:
            raise ValueError("the matrix is not symmetric: say symmetric=False")
    return given


def _chosen(matrix: Any, n: int, symmetric: bool) -> str:
    largest = (PROBED if matrix is None else SPARSE if hasattr(matrix, "toarray") else DENSE)
    return "direct" if n <= largest else "cg" if symmetric else "gmres"


class _Job:
    """One solve: rounds of a method, each on the remainder that the last one left."""

    def __init__(self, operator: _Watched, matrix: Any, symmetric: bool, b: Array,
                 rtol: float, factors: Callable[[Array], Array] | SolveStatus | None) -> None:
        self.operator, self.matrix, self.symmetric = operator, matrix, symmetric
        self.b, self.rtol, self.size = b, rtol, _norm(b)
        self.x, self.rest = np.zeros_like(b), b
        self.latest: Array | None = None
        self.turn = 0
        self._factors = factors

    @property
    def residual(self) -> float:
        return _norm(self.rest) / self.size if self.size else 0.0

    def run(self, method: str, switches: bool) -> Solution:
        if not math.isfinite(self.size):
            if np.isfinite(self.b).all():       # its norm overflows: M (v / s) = b / s
                return self._scaled(method, switches)
            return self._ended(method, SolveStatus.UNDEFINED)
        for self.turn in range(_ROUNDS):
            if self.residual <= self.rtol:
                return self._ended(method, SolveStatus.SOLVED)
            before = self.residual
            stopped = self._round(method)
            if stopped is SolveStatus.INDEFINITE and switches:
                method, switches = "minres", False
                stopped = self._round(method)
            if stopped in (SolveStatus.SINGULAR, SolveStatus.UNDEFINED, SolveStatus.INDEFINITE):
                return self._ended(method, stopped)
            if stopped is SolveStatus.INEXACT or not self.residual < before / 2:
                break
        return self._ended(method, SolveStatus.SOLVED if self.residual <= self.rtol
                           else SolveStatus.INEXACT)

    def _scaled(self, method: str, switches: bool) -> Solution:
        scale = float(np.abs(self.b).max())
        job = _Job(self.operator, self.matrix, self.symmetric, self.b / scale, self.rtol,
                   self._factors)
        found = job.run(method, switches)
        with np.errstate(over="ignore"):
            x = found.x * scale
        x.setflags(write=False)
        return Solution(x, found.residual, found.iterations, found.curvature, found.method,
                        found.status if np.isfinite(x).all() else SolveStatus.UNDEFINED)

    def _ended(self, method: str, status: SolveStatus) -> Solution:
        x, residual = self.x, self.residual
        if status in (SolveStatus.SINGULAR, SolveStatus.UNDEFINED):
            x, residual = np.full(self.b.shape, np.nan), math.nan
        x.setflags(write=False)
        return Solution(x, residual, self.operator.count, self.operator.curvature, method, status)

    def _round(self, method: str) -> SolveStatus | None:
        """One run of a method on the remainder; why it was stopped, None if it was not."""
        self.latest, stopped = None, None
        step: Array | None
        try:
            with np.errstate(all="ignore"):
                step = (self._factorised(self.rest) if method == "direct"
                        else self._iterated(method))
        except _Stopped as end:
            stopped, step = end.status, self.latest
        if step is None or not np.isfinite(step).all():
            return stopped or SolveStatus.SINGULAR
        self.operator.stops = False
        x = self.x + step
        try:
            rest = self.b - self.operator.plain(x)
        except _Stopped as end:
            return end.status
        if _norm(rest) < _norm(self.rest):
            self.x, self.rest = x, rest
        return stopped

    def _iterated(self, method: str) -> Array:
        from scipy.sparse import linalg     # slow to import, seldom needed
        operator = self.operator
        operator.stops = method == "cg"
        function = getattr(linalg, method)
        wanted = self.rtol * self.size / _norm(self.rest) / 2
        if method == "minres":
            wanted *= 10.0**(-3 * self.turn)    # it compares with |M| |x|, not with |b|
        wanted = max(wanted, 1e-15)
        # SciPy before 1.12 says tol.
        given: dict[str, Any] = {
            "rtol" if "rtol" in signature(function).parameters else "tol": wanted}
        if method == "gmres":
            restart = min(self.b.size, _RESTART)
            given |= {"restart": restart, "maxiter": -(-operator.most // restart),
                      "callback": self._keep_nothing, "callback_type": "pr_norm"}
        else:
            given |= {"maxiter": operator.most, "callback": self._keep}
        product = linalg.LinearOperator((operator.n, operator.n), matvec=operator, dtype=float)
        x, _ = function(product, self.rest, **given)
        return np.asarray(x, dtype=float)

    def _keep(self, x: Array) -> None:
        self.latest = x.copy()

    def _keep_nothing(self, norm: float) -> None:
        """What gmres reports: no iterate is known between its restarts."""

    def _factorised(self, right: Array) -> Array:
        if self._factors is None:
            matrix = self.matrix() if callable(self.matrix) else self.matrix
            if matrix is None:
                columns = [self.operator.plain(e) for e in np.eye(self.operator.n)]
                matrix = np.array(columns).reshape(self.operator.n, self.operator.n).T
            elif callable(self.matrix):
                matrix = _matrix(matrix, self.b.size, self.symmetric)
            self._factors = factorised(matrix)
        if isinstance(self._factors, SolveStatus):
            raise _Stopped(self._factors)
        return self._factors(right)


def factorised(matrix: Any) -> Callable[[Array], Array] | SolveStatus:
    """b -> M^-1 b from the LU factors of a matrix, or SINGULAR or UNDEFINED.

    ``matrix`` : an array (n, n) (LAPACK) or a scipy.sparse one (SuperLU).  The function takes
    b of shape (n,) or (n, k).  A matrix that is singular up to rounding only has factors.
    """
    if hasattr(matrix, "toarray"):
        from scipy.sparse import csc_array
        from scipy.sparse.linalg import splu
        columns = csc_array(matrix)
        if not np.isfinite(columns.data).all():
            return SolveStatus.UNDEFINED
        try:
            return splu(columns).solve
        except RuntimeError:
            return SolveStatus.SINGULAR
    if not np.isfinite(matrix).all():
        return SolveStatus.UNDEFINED
    if not matrix.size:
        return np.copy
    from scipy.linalg import lapack
    factors, pivots, place = lapack.dgetrf(matrix)
    if place:
        return SolveStatus.SINGULAR

    def back(right: Array) -> Array:
        return np.asarray(lapack.dgetrs(factors, pivots, right)[0], dtype=float)
    return back


def _norm(v: Array) -> float:
    """The Euclidean norm."""
    with np.errstate(over="ignore"):
        return float(np.linalg.norm(v))
