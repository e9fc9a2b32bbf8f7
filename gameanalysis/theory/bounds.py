r"""Interval matrices at a point, and bounds of their eigenvalues and norms that are proved.

Matrices are lists of rows in any arithmetic of `programs`, or pairs of float arrays, lower
and upper ends.

Eigenvalues.  Let S be symmetric, V floats (approximate eigenvectors), T = V^T S V = diag(d) + E
and G = V^T V, both enclosed, |E| <= eta and |G - I| <= e < 1.  By the theorems of Weyl and
Ostrowski the k-th eigenvalue of S in ascending order is

    l_k(S) = theta l_k(T),     l_k(T) in d_(k) + [-eta, eta],     theta in [1/(1+e), 1/(1-e)].

Reference: R. A. Horn, C. R. Johnson, Matrix Analysis, theorems 4.3.1 and 4.5.9.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..programs.linear import matmul_point, matvec

__all__ = ["difference", "down", "eigenvalue_bounds", "gram_bounds", "norm_bound", "product",
           "solve", "symmetric_part", "transposed", "up"]

Array = NDArray[np.float64]
Pair = tuple[Array, Array]
Rows = list[list[Any]]

#: Relative slack for a few roundings of a computed bound.
_SLACK = 2.0 ** -48


def transposed(rows: Sequence[Sequence[Any]]) -> Rows:
    """The transpose of a matrix given by its rows."""
    return [list(column) for column in zip(*rows)]


def product(a: Any, left: Rows, right: Rows) -> Rows:
    """left @ right in the arithmetic ``a``."""
    out: Rows = []
    for row in left:
        out.append([])
        for column in zip(*right):
            total = a.mul(row[0], column[0])
            for x, y in zip(row[1:], column[1:]):
                total = a.add(total, a.mul(x, y))
            out[-1].append(total)
    return out


def difference(a: Any, left: Rows, right: Rows) -> Rows:
    """left - right in the arithmetic ``a``."""
    return [[a.sub(x, y) for x, y in zip(*rows)] for rows in zip(left, right)]


def solve(a: Any, matrix: Rows, right: Rows, size: Callable[[Any], Any] | None = None) -> Rows:
    """matrix^-1 right by Gaussian elimination in the arithmetic ``a``.

    Encloses the solutions for every matrix of the box; a pivot that may be zero leaves
    "not defined" in the arithmetic's flag.  ``size`` picks the pivots; without it they are
    the diagonal ones, which are positive where the matrix is positive definite.
    """
    n = len(matrix)
    rows = [[*left, *more] for left, more in zip(matrix, right)]
    for k in range(n):
        if size is not None:
            best = max(range(k, n), key=lambda i: size(rows[i][k]))
            rows[k], rows[best] = rows[best], rows[k]
        for i in range(k + 1, n):
            factor = a.div(rows[i][k], rows[k][k])
            for j in range(k + 1, len(rows[i])):
                rows[i][j] = a.sub(rows[i][j], a.mul(factor, rows[k][j]))
    for k in reversed(range(n)):
        for j in range(n, len(rows[k])):
            total = rows[k][j]
            for i in range(k + 1, n):
                total = a.sub(total, a.mul(rows[k][i], rows[i][j]))
            rows[k][j] = a.div(total, rows[k][k])
    return [row[n:] for row in rows]


def down(value: Fraction | float) -> float:
    """A float at or below a number."""
    nearest = float(value)
    return math.nextafter(nearest, -math.inf) if nearest > value else nearest


def up(value: Fraction | float) -> float:
    """A float at or above a number."""
    return -down(-value)


def eigenvalue_bounds(matrix: Pair) -> Pair:
    """Lower and upper bounds of every eigenvalue, ascending, of a symmetric matrix.

    ``matrix`` are lower and upper ends (n, n); the bounds hold for every symmetric
    matrix between them.  They are infinite where nothing was proved.

    >>> low, high = eigenvalue_bounds((np.diag([3.0, 1.0]), np.diag([3.0, 1.0])))
    >>> low <= [1, 3], high - low < 1e-13
    (array([ True,  True]), array([ True,  True]))
    """
    low, high = matrix
    n = len(low)
    if n == 1 or not np.isfinite(low).all() or not np.isfinite(high).all():
        return (low[0], high[0]) if n == 1 else (np.full(n, -np.inf), np.full(n, np.inf))
    middle = 0.5 * low + 0.5 * high
    vectors = np.linalg.eigh(0.5 * (middle + middle.T))[1].T
    half = matmul_point(vectors[None], (low[None], high[None]))
    t_low, t_high = (end[0] for end in matmul_point(
        vectors[None], (half[0].transpose(0, 2, 1), half[1].transpose(0, 2, 1))))
    g_low, g_high = (end[0] for end in matmul_point(
        vectors[None], (vectors.T[None], vectors.T[None])))
    identity, off = np.eye(n), ~np.eye(n, dtype=bool)
    size = np.maximum(np.abs(t_low), np.abs(t_high))
    center = 0.5 * (np.diag(t_low) + np.diag(t_high))
    spread = np.diag(t_high) - np.diag(t_low)
    eta = ((size * off).sum(axis=1) + spread).max() * (1 + n * _SLACK)
    e = np.maximum(np.abs(g_low - identity), np.abs(g_high - identity)).sum(axis=1).max()
    e = float(e * (1 + n * _SLACK))
    eta = eta if e < 0.5 else np.inf
    center = np.sort(center)
    least, most = center - eta, center + eta
    slack = _SLACK * (np.abs(center) + eta)
    # x / (1 + e) >= x - |x| e and x / (1 - e) <= x + 2 |x| e for e < 1/2.
    return (least - 2 * e * np.abs(least) - slack, most + 2 * e * np.abs(most) + slack)


def symmetric_part(matrix: Pair) -> Pair:
    """Ends of (M + M^T)/2, rounded outward."""
    low, high = (np.where(end == end.T, end, 0.5 * (end + end.T)) for end in matrix)
    return (np.where(low == matrix[0], low, low - (np.abs(low) * 2.0**-52 + 1e-300)),
            np.where(high == matrix[1], high, high + (np.abs(high) * 2.0**-52 + 1e-300)))


def gram_bounds(matrix: Pair) -> Pair:
    """Bounds of the eigenvalues of M^T M, that is, of the squared singular values."""
    low, high = (end[None] for end in matrix)
    gram = matvec((low.transpose(0, 2, 1), high.transpose(0, 2, 1)), (low, high))
    low, high = eigenvalue_bounds((gram[0][0], gram[1][0]))
    return np.maximum(low, 0.0), high


def norm_bound(size: Array) -> Array:
    """Upper bounds of |M|_2 for all M with |M_ij| <= size_ij: shape (..., n, n) to (...)."""
    frobenius = np.sqrt((size * size).sum(axis=(-2, -1)))
    product_of_norms = np.sqrt(size.sum(axis=-2).max(axis=-1) * size.sum(axis=-1).max(axis=-1))
    return np.minimum(frobenius, product_of_norms) * (1 + size.shape[-1] ** 2 * _SLACK) + 1e-150
