r"""Deflation: Newton's method that does not come back to zeros it knows.

With known zeros z_1, ..., z_K of g, and M a function that is infinite at each and near 1
far from all of them,

    M(x) = prod_k (1 / |x - z_k|^p + 1),        G(x) = M(x) g(x),

G has the other zeros of g and, for p = 2, is unbounded at every simple z_k.  As
DG = M J + g DM, the Newton step of G is that of g times a number (Sherman and Morrison):

    DG^-1 G = s / (1 + w . s),     s = J^-1 g,     w = D log M
                                     = -sum_k p (x - z_k) / (|x - z_k|^2 (|x - z_k|^p + 1)).

So a deflated step costs one product more than a plain one, and no matrix is built for it.
Distances are measured in units of the box's sides.

How much may be missing is estimated from the hits of plain starts.  Of N that converged,
let f_1 zeros have been hit once and f_2 twice.  The chance that one more start ends at a
zero that is not yet known is near f_1 / N (Good and Turing), and the number of zeros
behind it is at least f_1 (f_1 - 1) / (2 (f_2 + 1)), on average (Chao).  Both speak of what
such starts can reach: a zero with a tiny basin is not seen in them.

References: P. Farrell, A. Birkisson, S. Funke, Deflation techniques for finding distinct
solutions of nonlinear partial differential equations, SIAM J. Sci. Comput. 37 (2015);
I. J. Good, Biometrika 40 (1953); A. Chao, Scand. J. Statist. 11 (1984).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Deflation", "unseen"]

Array = NDArray[np.float64]

#: Rows of points handled together: their differences to all zeros are one array.
_ENTRIES = 2 ** 21


class Deflation:
    """The factor M of the module's docstring, for known zeros.

    Parameters
    ----------
    zeros : the known zeros, shape (K, n).
    width : the unit of each coordinate, shape (n,).
    power : p; 2 is right for simple zeros.

    >>> known = Deflation(np.array([[1.0]]), np.ones(1))
    >>> float(np.exp(known.logarithm(np.array([[3.0]]))[0]).round(12))
    1.25
    """

    def __init__(self, zeros: Array, width: Array, power: float = 2.0) -> None:
        self.width, self.power = np.asarray(width, dtype=float), float(power)
        self.zeros = np.asarray(zeros, dtype=float) / self.width

    def _parts(self, x: Array) -> list[slice]:
        step = max(1, _ENTRIES // max(1, self.zeros.size))
        return [slice(k, k + step) for k in range(0, len(x), step)]

    def logarithm(self, x: Array) -> Array:
        """log M at points (N, n): shape (N,), infinite at a known zero."""
        out = np.empty(len(x))
        with np.errstate(all="ignore"):
            for part in self._parts(x):
                away = (x[part] / self.width)[:, None] - self.zeros
                distance = np.sqrt(np.einsum("Nkn,Nkn->Nk", away, away))
                out[part] = np.log1p(distance ** -self.power).sum(axis=1)
        return out

    def length(self, x: Array, step: Array) -> Array:
        """1 / (1 + w . s): what a Newton step s (N, n) from x is multiplied with.

        NaN at a known zero, and where the deflated Jacobian is singular.
        """
        out = np.empty(len(x))
        with np.errstate(all="ignore"):
            for part in self._parts(x):
                away = (x[part] / self.width)[:, None] - self.zeros
                square = np.einsum("Nkn,Nkn->Nk", away, away)
                along = np.einsum("Nkn,Nn->Nk", away, step[part] / self.width)
                slope = -self.power * along / (square * (square ** (self.power / 2) + 1))
                out[part] = 1 / (1 + slope.sum(axis=1))
        return np.where(np.isfinite(out), out, np.nan)


def unseen(hits: Any) -> tuple[float, float]:
    """(Good and Turing's share of unseen starts, Chao's number of unseen zeros).

    ``hits`` says how many plain starts ended at each zero.  Estimates, no bounds.

    >>> unseen(np.array([5, 4, 1, 1]))
    (0.18181818181818182, 1.0)
    """
    hits = np.asarray(hits)
    once, twice, total = (hits == 1).sum(), (hits == 2).sum(), hits.sum()
    if not total:
        return 1.0, 0.0
    return float(once / total), float(once * (once - 1) / (2 * (twice + 1)))
