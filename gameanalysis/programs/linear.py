"""Linear algebra on batches of interval matrices, rounded outward.

Interval matrices are pairs (low, high) of arrays of shape (N, n, n), interval vectors
pairs of shape (N, n).  Products go through midpoints and radii (Rump 1999), so that the
work is done by BLAS; every rounding error has an explicit bound that is added.

Reference: S. M. Rump, "Fast and parallel interval arithmetic", BIT 39 (1999);
A. Neumaier, Interval Methods for Systems of Equations, CUP 1990, section 4.3.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .intervals import widen

__all__ = ["midpoint_radius", "matmul_point", "matvec", "inverses",
           "distance_from_identity", "gauss_seidel"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Pair = tuple[Array, Array]

_U = 2.0**-53
_STEP = 1.5 * _U            # additive widening by an ulp
_TINY = 2.0**-1022          # above every underflow error, and not subnormal itself
_BLOCK = 2**13              # entries of a block of matrices


def midpoint_radius(lo: Array, hi: Array) -> Pair:
    """Midpoints m and radii r, rounded up: [lo, hi] in [m - r, m + r]; NaN if unbounded.

    >>> midpoint_radius(np.array([1.0]), np.array([2.0]))[0]
    array([1.5])
    """
    m = 0.5 * lo + 0.5 * hi
    r = np.maximum(m - lo, hi - m)
    return m, widen(r, _STEP, 0.0)


def _product(M: Pair | None, C: Array, v: Pair) -> Pair:
    """Ends of M @ v (of C @ v for None), by Rump's midpoint-radius product.

    For M = <m, r> (or C = m, r = 0), v = <c, s>, inner dimension n and
    gamma = n u / (1 - n u), in any order of summation,

        |fl(m c) - m c| <= gamma |m| |c| + n 2^-1074,
        |x y - m c| <= |m| s + r (|c| + s)   for x in <m, r>, y in <c, s>.

    The radius is computed as R = fl(|m| t + r t'), t = s + g |c| + 2^-1074, t' = |c| + s,
    with g = 2 (n + 4) u >= gamma.  All its terms are nonnegative and pass through at most
    n + 4 roundings, and 4 more follow; the factor 1 + 4 (n + 4) u makes up for them.  The
    term 4u |m c| covers the rounding of m c -+ R itself, and turns an overflow of m c
    into inf - inf, that is, into no bound; TINY covers 3n underflows.
    """
    lo, hi = v
    if lo.ndim < C.ndim:
        lo, hi = _product(M, C, (lo[..., None], hi[..., None]))
        return lo[..., 0], hi[..., 0]
    gamma = 2 * (C.shape[-1] + 4) * _U
    low, high = np.empty((2, *C.shape[:-1], lo.shape[-1]))
    # Blocks that stay in the cache: temporaries of megabytes cost four times as much.
    step = max(1, _BLOCK * len(C) // max(1, C.size, lo.size))
    for start in range(0, len(C), step):
        block = slice(start, start + step)
        c, s = midpoint_radius(lo[block], hi[block])
        m, r = (C[block], None) if M is None else midpoint_radius(M[0][block], M[1][block])
        center = m @ c
        size = np.abs(c)
        radius = np.abs(m) @ (s + gamma * size + math.ulp(0.0))
        if r is not None:
            radius += r @ (size + s)
        radius *= 1 + 2 * gamma
        radius += np.abs(center) * (4 * _U) + _TINY
        np.fmax(center - radius, -np.inf, out=low[block])
        np.fmin(center + radius, np.inf, out=high[block])
    return low, high


def matmul_point(C: Array, M: Pair) -> Pair:
    """Enclosure (lo, hi) of C @ M, C of floats and M = (lo, hi) of intervals.

    Contains C X for every X in M (rounding bound: see `_product`); exceeds
    the narrowest enclosure by rounding only.  C has shape (N, n, n), M's ends
    (N, n, k) or, for vectors, (N, n), and so the result.  NaN never comes out;
    evaluate inside ``numpy.errstate(all="ignore")`` when ends may be infinite.

    >>> C = np.array([[[1.0, -1.0], [0.0, 2.0]]])
    >>> matmul_point(C, (np.zeros((1, 2)), np.ones((1, 2))))[1].round(9)
    array([[1., 2.]])
    """
    return _product(None, C, M)


def matvec(M: Pair, v: Pair) -> Pair:
    """Enclosure (lo, hi) of M @ v, both of intervals given by (lo, hi).

    Contains X y for every X in M and y in v; at most 3/2 times as wide as the
    narrowest enclosure, and equal to it up to rounding if v is symmetric about 0.
    Shapes (N, n, n) and (N, n) (or (N, n, k), for a product of matrices).

    >>> one = np.ones((1, 1))
    >>> matvec((one[None], 2 * one[None]), (-one, one))[1].round(9)
    array([[2.]])
    """
    return _product(M, M[0], v)


def inverses(matrices: Array) -> tuple[Array, Mask]:
    """Approximate inverses, the identity where there is none, and where there is."""
    usable: Mask = np.asarray(np.isfinite(matrices).all(axis=(1, 2)))
    safe = np.where(usable[:, None, None], matrices, np.eye(matrices.shape[-1]))
    try:
        out = np.linalg.inv(safe)
    except np.linalg.LinAlgError:
        out = np.full_like(safe, np.nan)
        for k, matrix in enumerate(safe):
            try:
                out[k] = np.linalg.inv(matrix)
            except np.linalg.LinAlgError:
                pass
    usable &= (np.abs(out) < 1e150).all(axis=(1, 2))
    return np.where(usable[:, None, None], out, np.eye(matrices.shape[-1])), usable


def distance_from_identity(a: Pair) -> Array:
    """Upper bounds of |I - A| for an interval matrix A."""
    identity = np.eye(a[0].shape[-1])
    return np.maximum(np.abs(identity - a[0]), np.abs(a[1] - identity)) * (1 + 4 * _U) + 1e-300


def gauss_seidel(a: Pair, b: Pair, low: Array, high: Array, center: Array
                 ) -> tuple[Array, Array, Mask]:
    """Enclose the x in [low, high] with A (x - m) = -b; rows are boxes.

    Each sum s = b_i + sum_{j != i} A_ij d_j, d = x - m, of computed products errs by
    at most (2n + 4) u times the sum of the sizes of its terms, which is added; the
    quotient -s / A_ii errs by an ulp.  NaN ends never win: fmax and fmin skip them.
    """
    n = low.shape[1]
    slack = (2 * n + 8) * _U
    d_low, d_high = _down(low - center), _up(high - center)
    empty = np.zeros(len(low), dtype=bool)
    for i in range(n):
        corners = np.stack([a[0][:, i] * d_low, a[0][:, i] * d_high,
                            a[1][:, i] * d_low, a[1][:, i] * d_high])
        corners[:, :, i] = 0.0
        size = np.maximum(np.abs(b[0][:, i]), np.abs(b[1][:, i])) + np.abs(corners).max(
            axis=0).sum(axis=1)
        error = slack * size + 1e-300
        s_low = b[0][:, i] + corners.min(axis=0).sum(axis=1) - error
        s_high = b[1][:, i] + corners.max(axis=0).sum(axis=1) + error
        p, q = a[0][:, i, i], a[1][:, i, i]
        regular = (p > 0) | (q < 0)
        quotients = np.stack([-s_low / p, -s_low / q, -s_high / p, -s_high / q])
        x_low, x_high = _down(quotients.min(axis=0)), _up(quotients.max(axis=0))
        x_low = np.where(regular, x_low, -np.inf)
        x_high = np.where(regular, x_high, np.inf)
        d_low[:, i] = np.fmax(d_low[:, i], x_low)
        d_high[:, i] = np.fmin(d_high[:, i], x_high)
        empty |= d_low[:, i] > d_high[:, i]
    new_low = np.fmax(low, _down(center + d_low))
    new_high = np.fmin(high, _up(center + d_high))
    return new_low, np.maximum(new_high, new_low), empty


def _down(v: Array) -> Array:
    return v - (np.abs(v) * (4 * _U) + 1e-300)


def _up(v: Array) -> Array:
    return v + (np.abs(v) * (4 * _U) + 1e-300)
