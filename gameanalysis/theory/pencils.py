r"""The pencil whose roots are the time scales at which gradient play changes its stability.

For J_tau = J0 + tau J1, J0 = [[A, B], [0, 0]], J1 = [[0, 0], [C, D]], and the lower Schlaeflian L,
which acts on antisymmetric matrices as Z -> X Z + Z X^T and has the eigenvalues l_i + l_j,
i < j, the pencil is L(J0) + tau L(J1), of dimension n(n-1)/2.  Rows of two leading indices
do not contain tau and those of two following ones are multiples of it; with that factor
left out

    P(tau) = P0 + tau P1,    P1 = 0 but for the n1 n2 mixed rows,

so det P has degree at most n1 n2, and 1/tau times the mixed rows stays regular as tau grows.

The roots of det P are isolated exactly where J is rational.  Over intervals P is proved to
be regular on a ray by steps: |I - Y P(t)| < 1 for an approximate inverse Y at t0 is a proof
for a whole neighbourhood of t0, as wide as |Y P1| allows.

Reference: A. T. Fuller, Conditions for a matrix to have only characteristic roots with
negative real parts, J. Math. Anal. Appl. 23 (1968).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..exact.definiteness import is_singular, is_stable
from ..exact.univariate import Dense, RealRoot, dense, multiply, real_roots, squarefree_factors
from ..programs.linear import distance_from_identity, matmul_point
from ..truth import Truth
from .bounds import up

__all__ = ["is_regular_above", "largest_root", "schlaeflian", "time_scale_pencil"]

Array = NDArray[np.float64]
Rows = Sequence[Sequence[Any]]

#: Steps of a proof that a pencil is regular on a ray, at most.
_STEPS = 2000


def _pairs(n: int) -> list[tuple[int, int]]:
    return list(combinations(range(n), 2))


def schlaeflian(matrix: Rows) -> list[list[Any]]:
    """L(X): Z -> X Z + Z X^T in the coordinates z_pq, p < q, of antisymmetric Z."""
    pairs = _pairs(len(matrix))

    def entry(p: int, q: int, r: int, s: int) -> Any:
        terms = ((matrix[p][r] if q == s else 0) + (matrix[q][s] if p == r else 0))
        return terms - (matrix[p][s] if q == r else 0) - (matrix[q][r] if p == s else 0)
    return [[entry(*row, *column) for column in pairs] for row in pairs]


def time_scale_pencil(jacobian: Rows, n1: int) -> tuple[list[list[Any]], list[list[Any]]]:
    """(P0, P1): rows of L(J0) + tau L(J1), the factor tau of two following indices left out."""
    n = len(jacobian)
    zero = [0] * n
    lead = schlaeflian([row if k < n1 else zero for k, row in enumerate(jacobian)])
    follow = schlaeflian([zero if k < n1 else row for k, row in enumerate(jacobian)])
    none = [0] * len(lead)
    constant = [follow[k] if p >= n1 else lead[k] for k, (p, _) in enumerate(_pairs(n))]
    slope = [follow[k] if p < n1 <= q else none for k, (p, q) in enumerate(_pairs(n))]
    return constant, slope


# -- exactly, for a rational J -----------------------------------------------------------

def largest_root(jacobian: list[list[Fraction]], n1: int) -> tuple[Truth, RealRoot | None]:
    """Whether J_tau is stable for all large tau, and the largest positive root, if any."""
    n = len(jacobian)
    if is_singular(jacobian) is Truth.YES:
        return Truth.NO, None
    p = _determinant(*time_scale_pencil(jacobian, n1), n1 * (n - n1))
    if not p:
        return Truth.NO, None           # some l_i + l_j vanishes for every tau
    roots = _positive_roots(p)
    largest = roots[-1] if roots else None
    above = Fraction(1)
    while largest is not None and above <= largest.hi:
        above *= 2
    scaled = [[e if k < n1 else above * e for e in row] for k, row in enumerate(jacobian)]
    return is_stable(scaled), largest


def _determinant(constant: Rows, slope: Rows, degree: int) -> Dense:
    """det(P0 + tau P1) as an integer polynomial, up to a factor, from degree + 1 values."""
    scale = math.lcm(*(Fraction(e).denominator for rows in (constant, slope)
                       for row in rows for e in row))
    values = [_bareiss([[int((a + t * b) * scale) for a, b in zip(*pair)]
                        for pair in zip(constant, slope)]) for t in range(degree + 1)]
    # Newton's divided differences at 0, 1, ..., degree, times degree!.
    differences, table = [values[0]], values
    for k in range(1, degree + 1):
        table = [b - a for a, b in zip(table, table[1:])]
        differences.append(table[0] * (math.factorial(degree) // math.factorial(k)))
    differences[0] *= math.factorial(degree)
    total: list[int] = [0] * (degree + 1)
    basis: Dense = (1,)
    for k, c in enumerate(differences):
        for i, b in enumerate(reversed(basis)):
            total[i] += c * b
        basis = multiply(basis, (1, -k))
    return dense(total[::-1])


def _bareiss(rows: list[list[int]]) -> int:
    """The determinant of an integer matrix, by elimination with exact divisions."""
    sign, last = 1, 1
    for k in range(len(rows) - 1):
        pivot = next((i for i in range(k, len(rows)) if rows[i][k]), None)
        if pivot is None:
            return 0
        if pivot != k:
            rows[k], rows[pivot], sign = rows[pivot], rows[k], -sign
        head, top = rows[k][k], rows[k]
        for i in range(k + 1, len(rows)):
            row, factor = rows[i], rows[i][k]
            rows[i] = [0] * (k + 1) + [(head * row[j] - factor * top[j]) // last
                                       for j in range(k + 1, len(rows))]
        last = head
    return sign * rows[-1][-1]


def _positive_roots(p: Dense) -> list[RealRoot]:
    """The positive roots of p != 0, ascending, each once."""
    while not p[-1]:
        p = p[:-1]
    squarefree: Dense = (1,)
    for factor, _ in squarefree_factors(p):
        squarefree = multiply(squarefree, factor)
    return [root for root in real_roots(squarefree) if root.sign_of((1, 0)) > 0]


# -- over intervals ----------------------------------------------------------------------

def is_regular_above(low: Array, high: Array, n1: int, start: float) -> bool:
    """Whether P0 + tau P1 is proved regular for all tau >= start (tau > 0 for start = 0).

    Up to tau = 1 in tau, from there in 1/tau with P0/tau + P1 in the rows with tau.
    """
    center = 0.5 * low + 0.5 * high
    radius = np.maximum(high - center, center - low)
    constant, slope = (np.array(rows, float) for rows in time_scale_pencil(center.tolist(), n1))
    # |L(X + E) - L(X)| <= L'(|E|) with all signs positive: rows of M are affine in tau.
    pairs = _pairs(len(low))
    mixed = np.array([p < n1 <= q for p, q in pairs])
    error = _spread(radius)
    if start < 1 and not _march(constant, slope, error, start, 1.0):
        return False
    # In s = 1/tau the mixed rows are s P0 + P1.
    reverse = np.where(mixed[:, None], slope, constant)
    turned = np.where(mixed[:, None], constant, 0.0)
    return _march(reverse, turned, error, 0.0, 1.0 if start < 1 else up(1 / Fraction(start)))


def _spread(radius: Array) -> Array:
    """Bounds of the entries of L(E) for |E| <= radius."""
    rows = schlaeflian(radius.tolist())
    diagonal = np.abs(np.array(rows, dtype=float))
    # An entry is one of E up to sign, or on the diagonal a sum of two.
    return diagonal * (1 + 1e-15) + 1e-300


def _march(constant: Array, slope: Array, error: Array, start: float, end: float) -> bool:
    """Whether constant + t slope, up to ``error`` (1 + t), is regular for t in [start, end].

    With Y an approximate inverse at t0, |I - Y M(t)| <= |I - Y M(t0)| + |t - t0| |Y slope|
    + |Y| error (1 + t), entry by entry.
    """
    t = start
    for _ in range(_STEPS):
        if t >= end:
            return True
        matrix = constant + t * slope
        # The sums of two numbers in L and the sum above are rounded.
        rounding = 4 * 2.0**-52 * (np.abs(constant) + t * np.abs(slope)) + 1e-300
        with np.errstate(all="ignore"):
            try:
                inverse = np.asarray(np.linalg.inv(matrix), dtype=float)
            except np.linalg.LinAlgError:
                return False
            product = matmul_point(inverse[None], (matrix[None], matrix[None]))
            gap = distance_from_identity(product)[0]
            gap = gap + np.abs(inverse) @ (error * (1 + 2 * t + 2) + rounding)
            now = float(gap.sum(axis=1).max()) * (1 + 1e-10)
            move = np.abs(inverse) @ (np.abs(slope) * (1 + 1e-15) + error)
            speed = float(move.sum(axis=1).max()) * (1 + 1e-10)
        if not (now < 0.5 and math.isfinite(speed)):
            return False
        reach = min((0.9 - now) / speed if speed else math.inf, t + 1)
        t = t + reach * (1 - 1e-9)
    return False
