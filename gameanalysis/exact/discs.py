r"""Proved answers about the spectral radius of a small square matrix: Jury's problem.

The eigenvalues l of M have modulus below r if and only if w = (l + r)/(l - r) has negative
real part, and these w are the roots of

    p(w) = det(w A + B),      A = r I - M,   B = r I + M,

so that the criterion for a half-plane (`definiteness`) decides: p(w) is a polynomial of degree
n if r is no eigenvalue.  p is expanded from A and B as they are, so that what vanishes in A,
because M is near the identity, is not lost to rounding.

Reference: E. I. Jury, Theory and Application of the z-Transform Method, Wiley 1964.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import lru_cache

from ..truth import Truth
from .definiteness import (all_positive, hurwitz_minors, hyperbolic, is_hurwitz, lienard_chipart,
                           rational_member)
from .minors import (Entry, Matrix, Sign, exact_sign, integers, minor_sums, minus, plus, square,
                     times, total_sign)

__all__ = ["is_schur_stable", "schur_conditions", "schur_verdict"]

Rows = list[list[Entry]]
Conditions = tuple[list[Entry], list[Entry]]

#: Up to this size det(w A + B) is expanded by minors, above it from det(s I + M).
_EXPANDED = 8


def is_schur_stable(matrix: Matrix, radius: Fraction | int = 1,
                    sign: Sign = exact_sign) -> Truth:
    """Whether all eigenvalues of M have modulus below ``radius`` (x <- M x decays for 1).

    Always decided for exact entries.  For intervals YES holds for every matrix in the box
    and NO says that it does for none; a box without an eigenvalue on the circle is decided
    once it is thin enough.  Errors are those of `determinant`.

    radius : an exact positive number.

    >>> is_schur_stable([[0, 2], [0, 0]]), is_schur_stable([[0, 1], [-1, 0]])
    (<Truth.YES>, <Truth.NO>)
    """
    radius = Fraction(radius)
    if radius <= 0:
        raise ValueError(f"the radius of a disc must be positive, not {radius}")
    sign = total_sign(sign)
    # The eigenvalues of c M lie in the disc of radius c r: both become integers.
    rows, scale = integers([[times(x, radius.denominator) for x in row]
                            for row in square(matrix)])
    r = radius.numerator * scale
    poly = _polynomial(rows, r)
    # A NO from other signs holds whatever that of det(r I - M): where it is not positive, a
    # real eigenvalue is r or beyond it.
    verdict = is_hurwitz(poly, sign)
    if verdict is Truth.UNDECIDED and sign(poly[0]):
        member = rational_member(rows)
        if member is not None and hyperbolic(poly, sign) is Truth.YES:
            return is_schur_stable(member, r)
    return verdict


def schur_conditions(a: Rows, b: Rows) -> Conditions:
    """Numbers whose signs decide the question for r, given A = r I - M and B = r I + M.

    For entries that are functions, of which `schur_verdict` asks again and again with
    another ``sign``.
    """
    poly = _expanded(a, b)
    return poly, hurwitz_minors(poly) if len(poly) > 2 else []


def schur_verdict(conditions: Conditions, sign: Sign) -> Truth:
    """The answer that the signs of `schur_conditions` give; UNDECIDED where they do not.

    >>> conditions = schur_conditions([[Fraction(1, 2)]], [[Fraction(3, 2)]])    # M = 1/2
    >>> schur_verdict(conditions, exact_sign)
    <Truth.YES>
    """
    sign, (poly, minors) = total_sign(sign), conditions
    verdict = all_positive(map(sign, poly))
    if verdict is Truth.NO or not minors:
        return verdict
    return lienard_chipart(verdict, [sign(x) for x in minors])


def _polynomial(rows: Rows, r: int) -> list[Entry]:
    """The coefficients of p, powers descending."""
    n = len(rows)
    if n > _EXPANDED:
        return _from_sums(minor_sums(rows), r)

    def shifted(combine: Callable[[Entry, Entry], Entry]) -> Rows:
        return [[combine(r if i == j else 0, x) for j, x in enumerate(row)]
                for i, row in enumerate(rows)]
    return _expanded(shifted(minus), shifted(plus))


def _expanded(a: Rows, b: Rows) -> list[Entry]:
    """det(w A + B), powers descending, by Laplace's expansion with each minor computed once."""
    n = len(a)
    level: dict[int, list[Entry]] = {0: [1]}                # powers ascending
    for k in range(n):
        above, level = level, {}
        for mask in _sets(n, k + 1):
            columns = [j for j in range(n) if mask >> j & 1]
            total: list[Entry] = [0] * (k + 2)
            for place, j in enumerate(columns):
                combine = minus if (place + k) % 2 else plus
                for power, c in enumerate(above[mask ^ (1 << j)]):
                    total[power] = combine(total[power], times(b[k][j], c))
                    total[power + 1] = combine(total[power + 1], times(a[k][j], c))
            level[mask] = total
    return level[(1 << n) - 1][::-1]


@lru_cache(maxsize=None)
def _sets(n: int, size: int) -> Sequence[int]:
    return [mask for mask in range(1 << n) if mask.bit_count() == size]


def _from_sums(sums: list[Entry], r: int) -> list[Entry]:
    """sum_k c_k r^k (w + 1)^k (w - 1)^(n-k), c_k = (-1)^(n-k) e_(n-k) of det(s I - M)."""
    n = len(sums) - 1
    out: list[Entry] = [0] * (n + 1)
    for k in range(n + 1):
        weight = (-1) ** (n - k) * r ** k
        powers = [1]
        for root in [1] * k + [-1] * (n - k):               # of (w + root), descending
            powers = [x + root * y for x, y in zip([*powers, 0], [0, *powers])]
        out = [plus(x, times(weight * y, sums[n - k])) for x, y in zip(out, powers)]
    return out
