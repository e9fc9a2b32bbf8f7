r"""Linear relaxations: what affine enclosures of a field say about its zeros.

Over a box m + d, |d| <= r, let every component be enclosed as in `affine`,

    g_i(m + d) in p_i + sum_j L_ij d_j + [-e_i, e_i].

A zero satisfies, for every i and every j with L_ij != 0,

    d_j in -(p_i + sum_{k != j} L_ik [-r_k, r_k] + [-e_i, e_i]) / L_ij         (rows)

which uses each equation for each of its variables and needs no preconditioner, so that
sparse systems stay sparse, and with Y an approximate inverse of L

    |d + Y p| <= |Y| e + |I - Y L| r.                                      (inverse)

Both are used: the rows while the box is wide, the inverse when it is small.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..compilation.compiled import CompiledField
from ..programs.linear import inverses
from .affine import AffineForms
from .enclosure import Step, System
from .propagation import Propagation

__all__ = ["RelaxedSystem", "WIDE", "by_rows"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_U = 2.0 ** -53
_TINY = 1e-290
#: From so many variables on, boxes are propagated and contracted by rows: with fewer, the
#: search is over before that pays.
WIDE = 5


def by_rows(p: Array, slopes: Array, e: Array, reach: Array) -> tuple[Array, Array, Mask]:
    """Bounds of d from each equation for each variable: (least, most, where empty).

    ``p``, ``e`` and ``reach`` have shape (N, n), ``slopes`` (N, n, n); |d| <= ``reach``.  The
    rounding of ``p`` and ``slopes`` is part of ``e``.  NaN proves nothing.
    """
    n = p.shape[1]
    share = np.abs(slopes) * reach[:, None, :]
    whole = (share.sum(axis=2) + e) * (1 + (n + 4) * _U)
    empty = np.asarray((np.abs(p) > whole).any(axis=1))
    # Without its own share, rounded up again.
    rest = (whole[:, :, None] - share) + (4 * _U * whole)[:, :, None]
    slack = 8 * _U
    size = np.abs(slopes)
    middle = -p[:, :, None] / slopes
    half = rest / size
    half = half + slack * (half + np.abs(middle)) + _TINY
    # A quotient by zero, or of what is not known, is no bound: fmax and fmin skip NaN.
    least = np.where(size > 0, middle - half, -np.inf)
    most = np.where(size > 0, middle + half, np.inf)
    return np.fmax.reduce(least, axis=1), np.fmin.reduce(most, axis=1), empty


class RelaxedSystem(System):
    """A field that is enclosed by affine forms, after propagation on its program."""

    def __init__(self, field: CompiledField) -> None:
        super().__init__(field)
        self._propagation = Propagation(self.value_program)

    @property
    def work(self) -> float:
        """About how many nanoseconds one box takes."""
        return 7.0 * self.value_program.n_operations * (self.n + 12) + 10.0 * self.n ** 3

    def sift(self, low: Array, high: Array) -> tuple[Array, Array, Mask]:
        """The hull of what propagation leaves of the boxes, and where something is left."""
        if not self._propagation.applies:
            return super().sift(low, high)
        return self._propagation.sift(low, high)

    def contract(self, low: Array, high: Array) -> Step:
        """Bounds by rows and by an approximate inverse of the linear part of every box."""
        with np.errstate(all="ignore"):
            return self._contract(low, high)

    def _contract(self, low: Array, high: Array) -> Step:
        n, count = low.shape
        forms = AffineForms(low, high)
        values = self.value_program.evaluate(forms.inputs, forms)
        p, e, slopes = np.empty((n, count)), np.empty((n, count)), np.zeros((n, n, count))
        empty = np.zeros(count, dtype=bool) | forms.empty
        for i, value in enumerate(values):
            p[i], e[i] = value.p, value.e
            if value.slopes is not None:
                slopes[i] = value.slopes
            empty |= (value.range.ends[0] < 0) | (value.range.ends[1] < 0)
        defined = np.broadcast_to(forms.defined, count)
        p, e, slopes = p.T, e.T, np.ascontiguousarray(slopes.transpose(2, 0, 1))
        reach, center = forms.reach.T, forms.center.T
        least, most, none = by_rows(p, slopes, e, reach)
        empty |= none
        inverse, invertible = inverses(slopes)
        known = np.isfinite(e).all(axis=1) & invertible
        shift = -(inverse @ p[:, :, None])[:, :, 0]
        size = np.abs(inverse)
        defect = np.abs(np.eye(n) - inverse @ slopes) @ reach[:, :, None]
        # Rounding of the products with Y: (n + 4) u times the sizes of their terms.
        terms = size @ (np.abs(p) + e + (np.abs(slopes) @ reach[:, :, None])[:, :, 0]
                        )[:, :, None]
        reached = ((size @ e[:, :, None] + defect + (4 * n + 16) * _U * terms)[:, :, 0]
                   * (1 + (4 * n + 16) * _U) + _TINY)
        promising = known & defined & (reached + np.abs(shift) < reach).all(axis=1)
        least = np.where(known[:, None], np.fmax(least, shift - reached), least)
        most = np.where(known[:, None], np.fmin(most, shift + reached), most)
        slack = 4 * _U
        new_low = center + least - slack * (np.abs(center) + np.abs(least)) - _TINY
        new_high = center + most + slack * (np.abs(center) + np.abs(most)) + _TINY
        new_low, new_high = np.fmax(low.T, new_low), np.fmin(high.T, new_high)
        empty |= (new_low > new_high).any(axis=1)
        share = np.abs(slopes) * reach[:, None, :]
        weight = (share / np.maximum(share.sum(axis=2, keepdims=True), 1e-300)).sum(axis=1)
        weight = np.where(np.isfinite(weight), weight, 1.0)
        return Step(new_low.T, np.maximum(new_low, new_high).T, empty, promising & ~empty,
                    defined, weight.T)
