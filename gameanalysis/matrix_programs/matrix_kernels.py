r"""The operations of matrix programs, on one point and on batches.

Each operation f(A, B, ...) exists twice: as Python source for one point, where matrices are
arrays (r, c) and scalars are numbers, and for batches, where matrices are (..., r, c) and
scalars (...), joined by broadcasting.  Constants are computed by the first kind.

Linear systems A X = B are solved with LU factors by partial pivoting (LAPACK).  At one point
those of a large matrix are computed once, for all the systems and determinants that need them; a
small one is factorised anew, because LAPACK's solver for given factors starts threads even for
five unknowns, which costs more.  A singular matrix gives NaN or infinities.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from .matrix_nodes import DUMMY

__all__ = ["BATCH", "BatchFactors", "CONSTANT", "Factors", "IN_PLACE", "POINT", "SCALAR",
           "elementwise", "factors", "solved_batch"]

Array = NDArray[np.float64]

#: Matrices of this size and smaller are factorised for each system.
_SMALL = 64


class Factors:
    """LU factors of one matrix."""

    def __init__(self, matrix: Array) -> None:
        from scipy.linalg import lapack     # slow to import, seldom needed
        self._lapack = lapack
        self.lu, self.pivots, _ = lapack.dgetrf(matrix)

    def solve(self, right: Array, turned: bool) -> Array:
        """A^-1 B, or A^-T B for ``turned``."""
        return self._lapack.dgetrs(self.lu, self.pivots, right, int(turned))[0]

    @property
    def det(self) -> float:
        """The determinant."""
        swaps = np.count_nonzero(self.pivots != np.arange(len(self.pivots)))
        return float((-1) ** swaps * np.prod(np.diagonal(self.lu)))

    @property
    def logdet(self) -> float:
        """The logarithm of the determinant, NaN where that is negative."""
        diagonal = np.diagonal(self.lu)
        swaps = np.count_nonzero(self.pivots != np.arange(len(self.pivots)))
        odd = (swaps + np.count_nonzero(diagonal < 0)) % 2
        return float("nan") if odd else float(np.sum(np.log(np.abs(diagonal))))


class BatchFactors:
    """The same for matrices (..., n, n), which are factorised for each system."""

    def __init__(self, matrix: Array) -> None:
        self.matrix = matrix

    def solve(self, right: Array, turned: bool) -> Array:
        """A^-1 B, or A^-T B for ``turned``, NaN where A is singular."""
        return solved_batch(np.swapaxes(self.matrix, -1, -2) if turned else self.matrix, right)

    @property
    def det(self) -> Array:
        """The determinants."""
        return np.asarray(np.linalg.det(self.matrix), dtype=float)

    @property
    def logdet(self) -> Array:
        """Their logarithms, NaN where they are negative."""
        sign, size = np.linalg.slogdet(self.matrix)
        return np.where(sign < 0, np.nan, size)


def solved_batch(matrix: Array, right: Array) -> Array:
    """A^-1 B for stacks of matrices; NaN for the members whose matrix is singular."""
    try:
        return np.asarray(np.linalg.solve(matrix, right), dtype=float)
    except np.linalg.LinAlgError:
        batch = np.broadcast_shapes(matrix.shape[:-2], right.shape[:-2])
        matrix = np.broadcast_to(matrix, batch + matrix.shape[-2:])
        right = np.broadcast_to(right, batch + right.shape[-2:])
        out = np.full(right.shape, np.nan)
        for index in np.ndindex(batch):
            try:
                out[index] = np.linalg.solve(matrix[index], right[index])
            except np.linalg.LinAlgError:
                continue                    # its values stay NaN
        return out


def factors(matrix: Array) -> Factors | BatchFactors:
    """What solves systems with one matrix."""
    return BatchFactors(matrix) if len(matrix) <= _SMALL else Factors(matrix)


@lru_cache(maxsize=256)
def elementwise(function: sp.Expr) -> Callable[[Any], Any]:
    """A function of `DUMMY` as a NumPy function."""
    special = function.has(sp.erf, sp.erfc, sp.gamma, sp.loggamma, sp.polygamma)
    return sp.lambdify(DUMMY, function, "scipy" if special else "numpy")


def _power(exponent: Any) -> str:
    if exponent == 2:
        return "{0} * {0}"
    return "sqrt({0})" if exponent * 2 == 1 else f"{{0}} ** ({exponent})"


#: Operations with an ``out`` argument, as the source of the call without it.
IN_PLACE = {"add": "add({0}, {1}", "sub": "subtract({0}, {1}", "neg": "negative({0}",
            "had": "multiply({0}, {1}", "by": "multiply({0}, {extra}",
            "scale": "multiply({1}, {0}", "dot": "{0}.dot({1}"}

#: The source of an operation at one point; a function of what else it needs, where it does.
POINT: dict[str, str | Callable[[Any], str]] = {
    "T": "{0}.T", "lu": "factors({0})", "solve": "{0}.solve({1}, {extra})",
    "det": "{0}.det", "logdet": "{0}.logdet", "inner": "vdot({0}, {1})",
    "trace": "{0}.trace()", "entry": "{0}[{extra[0]}, {extra[1]}]", "map": "{extra}({0})",
    "times": "{0} * {1}", "div": "divide({0}, {1})", "power": _power,
}
SCALAR = {"add": "{0} + {1}", "sub": "{0} - {1}", "neg": "-{0}", "by": "{extra} * {0}"}

#: The source of an operation on batches, where it is another.
BATCH: dict[str, str] = {
    "T": "swapaxes({0}, -1, -2)", "lu": "BatchFactors({0})", "dot": "matmul({0}, {1})",
    "inner": "einsum('...ij,...ij->...', {0}, {1})", "trace": "einsum('...ii->...', {0})",
    "entry": "{0}[..., {extra[0]}, {extra[1]}]", "had": "{0} * {1}",
    "scale": "asarray({0})[..., None, None] * {1}",
}

#: What computes constants.
CONSTANT: dict[str, Callable[..., Any]] = {
    "T": lambda _, a: a.T, "dot": lambda _, a, b: a @ b, "add": lambda _, a, b: a + b,
    "sub": lambda _, a, b: a - b, "neg": lambda _, a: -a, "by": lambda c, a: c * a,
    "scale": lambda _, s, a: s * a, "had": lambda _, a, b: a * b,
    "times": lambda _, s, t: s * t, "div": lambda _, s, t: np.float64(s) / t,
    "power": lambda e, s: np.float64(s) ** float(e), "lu": lambda _, a: factors(a),
    "solve": lambda turned, lu, b: lu.solve(b, turned), "det": lambda _, lu: lu.det,
    "logdet": lambda _, lu: lu.logdet, "inner": lambda _, a, b: float(np.vdot(a, b)),
    "trace": lambda _, a: float(np.trace(a)), "entry": lambda ij, a: float(a[ij]),
    "map": lambda function, a: elementwise(function)(a),
}
