"""Proved answers about the spectrum of a small square matrix.

Let M be n x n with eigenvalues l_1, ..., l_n, and

    q(s) = det(s I + M) = e_0 s^n + e_1 s^(n-1) + ... + e_n,    e_0 = 1,

so that e_k, the sum of the principal minors of size k, is the k-th elementary
symmetric function of the eigenvalues.  Signs decide everything here:

* symmetric M is positive definite if and only if its leading principal minors
  are positive (Sylvester), if and only if e_1, ..., e_n are positive; q is
  real-rooted, so Descartes' rule of signs counts its roots exactly;
* M is stable, spectrum in the open RIGHT half-plane (x' = -g(x)), if and only
  if e_1, ..., e_n and the Hurwitz determinants D_(n-1), D_(n-3), ... of q are
  positive (Lienard-Chipart);
* on the imaginary axis q(iw) = i^n (f1(w) - i f2(w)) with the real polynomials
  f1 = e_0 w^n - e_2 w^(n-2) + ..., f2 = e_1 w^(n-1) - e_3 w^(n-3) + ...  The
  Cauchy index of f2 / f1 is the number of eigenvalues on the right less the
  number on the left, and the real roots of gcd(f1, f2) are those between, with
  multiplicities: Routh's scheme with its singular cases (Gantmacher).

Entries are exact rationals, exact algebraic numbers, or intervals: anything
with ``+``, ``-``, ``*`` among themselves and with int, plus a function ``sign``
that maps an entry to +1, 0, -1 or, when it cannot tell, None.  Nothing divides.
An interval matrix stands for every matrix in its box: YES means for each of
them, NO for none of them, UNDECIDED that neither was proved.

A box is connected, and eigenvalues move continuously with the entries.  So as
soon as no matrix of the box has an eigenvalue on the imaginary axis, the counts
at one rational member are those of all; a proof that works where many signs
of the textbook's criteria are not known.

References: F. R. Gantmacher, The Theory of Matrices II, ch. XV; S. Basu,
R. Pollack, M.-F. Roy, Algorithms in Real Algebraic Geometry, ch. 2, 9, 10;
S. J. Berkowitz, Inf. Proc. Letters 18 (1984).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction

from mpmath import libmp

from ..truth import Truth
from .minors import (Entry, Matrix, Sign, determinant_sign, dot, exact_sign,
                     integer_minor_sums, integers, leading_minors, minor_sums, minus, pivots,
                     plus, square, square_rows, times, total_sign)

__all__ = [
    "is_singular", "is_positive_definite", "inertia", "is_stable", "is_hyperbolic",
    "spectrum_inertia", "n_real_eigenvalues", "all_positive", "hurwitz_minors", "hyperbolic",
    "is_hurwitz", "lienard_chipart", "rational_member"]

Poly = list[Entry]

#: Cells that the search for a common zero of two interval polynomials may use.
_CELLS = 256
#: Beyond this exponent an endpoint is not turned into a rational number.
_EXPONENT = 20_000


def is_singular(matrix: Matrix, sign: Sign = exact_sign) -> Truth:
    """Whether det M = 0; NO says that every matrix of the box is invertible.

    >>> is_singular([[1, 2], [2, 4]])
    <Truth.YES>
    """
    found = determinant_sign(matrix, sign)
    return Truth.of(None if found is None else found == 0)


def _symmetric(rows: list[list[Entry]], sign: Sign) -> list[list[Entry]]:
    """The upper triangle mirrored; `ValueError` if it is proved not to be."""
    for i, row in enumerate(rows):
        for j in range(i):
            if row[j] is not rows[j][i] and sign(minus(row[j], rows[j][i])):
                raise ValueError(f"the matrix is not symmetric: its entries ({i}, {j}) and "
                                 f"({j}, {i}) are {row[j]} and {rows[j][i]}")
            row[j] = rows[j][i]
    return rows


def rational_member(rows: list[list[Entry]]) -> list[list[Entry]] | None:
    """One rational matrix of the box, entry by entry, or None if none is known."""
    def number(x: Entry) -> Entry | None:
        if type(x) is int:
            return x
        for sign, mantissa, exponent, size in getattr(x, "_mpi_", ()):
            if (mantissa or not exponent) and abs(exponent) + size < _EXPONENT:
                return Fraction(*libmp.to_rational((sign, mantissa, exponent, size)))
        return None
    member = [[number(x) for x in row] for row in rows]
    return None if any(x is None for row in member for x in row) else member


# Symmetric matrices

def all_positive(signs: Iterable[int | None]) -> Truth:
    """YES if all are positive, NO as soon as one is proved not to be."""
    return Truth.all(Truth.of(None if s is None else s > 0) for s in signs)


def is_positive_definite(matrix: Matrix, sign: Sign = exact_sign) -> Truth:
    """Whether the symmetric matrix M is positive definite.

    Always decided for exact entries.  For intervals, M stands for the
    symmetric matrices of the box; a box without a singular matrix is decided
    once it is thin enough.  The empty matrix is positive definite.

    matrix : rows, n x n.  sign : +1, 0, -1 or None for an entry.

    Raises `ValueError` if M is proved not to be symmetric, `ShapeError` if it
    is not square, `TypeError` for floats.

    >>> is_positive_definite([[2, -1], [-1, 2]])
    <Truth.YES>
    """
    sign = total_sign(sign)
    rows, whole = square_rows(matrix)
    if whole:
        return Truth.YES if min(pivots(_symmetric(rows, sign)), default=1) > 0 else Truth.NO
    rows = _symmetric(integers(rows)[0], sign)
    if any(sign(row[i]) in (0, -1) for i, row in enumerate(rows)):
        return Truth.NO
    signs = [sign(x) for x in leading_minors(rows)]
    verdict = all_positive(signs)
    if verdict is Truth.UNDECIDED:
        verdict = all_positive(map(sign, minor_sums(rows)))
    if verdict is Truth.UNDECIDED and signs[-1]:
        member = rational_member(rows)
        if member is not None:
            return is_positive_definite(member)
    return verdict


def inertia(matrix: Matrix, sign: Sign = exact_sign) -> tuple[int, int, int] | None:
    """(n_positive, n_negative, n_zero) of the eigenvalues of a symmetric matrix.

    Always found for exact entries.  For intervals it is the inertia of every
    symmetric matrix in the box, or None if that was not proved.  Errors are
    those of `is_positive_definite`.

    >>> inertia([[0, 1], [1, 0]])
    (1, 1, 0)
    """
    sign = total_sign(sign)
    rows = _symmetric(integers(square(matrix))[0], sign)
    signs = [sign(x) for x in minor_sums(rows)]
    known = [s for s in signs if s is not None]
    if len(known) == len(signs):
        n_zero = next(k for k, s in enumerate(reversed(known)) if s)
        n_negative = _variations(known)
        return len(rows) - n_zero - n_negative, n_negative, n_zero
    # Without a singular matrix in the (connected) box, one member speaks for all.
    member = rational_member(rows) if signs[-1] else None
    return None if member is None else inertia(member)


# Polynomials.  Coefficients ascend and the last one has a proved non-zero sign.

def _variations(signs: Sequence[int]) -> int:
    """Changes of sign along a sequence, zeros left out."""
    signs = [s for s in signs if s]
    return sum(s != t for s, t in zip(signs, signs[1:]))


def _trimmed(poly: Poly, sign: Sign) -> Poly | None:
    """The polynomial without leading zeros; None if the degree is not known."""
    poly = list(poly)
    while poly:
        leading = sign(poly[-1])
        if leading is None:
            return None
        if leading:
            break
        poly.pop()
    if poly and all(type(c) is int for c in poly):
        content = math.gcd(*poly)
        poly = [c // content for c in poly]
    return poly


def _negated_remainder(a: Poly, b: Poly, sign: Sign) -> Poly | None:
    """A positive multiple of -(a mod b), without a division."""
    remainder = list(a)
    flip = -1
    while len(remainder) >= len(b):
        leading = remainder.pop()
        found = sign(leading)
        if found is None:
            return None
        if found == 0:
            continue
        shift = len(remainder) + 1 - len(b)
        remainder = [times(b[-1], c) for c in remainder]
        for i, c in enumerate(b[:-1]):
            remainder[shift + i] = minus(remainder[shift + i], times(leading, c))
        flip *= sign(b[-1]) or 0
    return _trimmed([minus(0, c) for c in remainder] if flip < 0 else remainder, sign)


def _cauchy_index(a: Poly, b: Poly, sign: Sign) -> tuple[int, Poly] | None:
    """The Cauchy index of b / a on the real line, and gcd(a, b); None if unknown.

    The changes of sign at minus infinity less those at plus infinity, in the
    chain of signed remainders a, b, -(a mod b), ...
    """
    chain = [a]
    following = _trimmed(b, sign)
    while following:
        chain.append(following)
        following = _negated_remainder(chain[-2], chain[-1], sign)
    if following is None:
        return None
    right = [sign(p[-1]) or 0 for p in chain]
    left = [-s if len(p) % 2 == 0 else s for s, p in zip(right, chain)]
    return _variations(left) - _variations(right), chain[-1]


def _n_real_roots(poly: Poly, sign: Sign) -> int | None:
    """Real roots with multiplicity: the distinct ones of p, of gcd(p, p'), ..."""
    total = 0
    while len(poly) > 1:
        found = _cauchy_index(poly, [k * c for k, c in enumerate(poly)][1:], sign)
        if found is None:
            return None
        total, poly = total + found[0], found[1]
    return total


def _bernstein(poly: Poly) -> Poly:
    """Coefficients on [0, 1] in Bernstein's basis, times a positive integer."""
    d = len(poly) - 1
    scale = math.lcm(*(math.comb(d, k) for k in range(d + 1)))
    return [dot([scale * math.comb(i, k) // math.comb(d, k) for k in range(i + 1)], poly)
            for i in range(d + 1)]


def _halves(b: Poly) -> tuple[Poly, Poly]:
    """De Casteljau's bisection at 1/2; both halves are scaled by 2^degree."""
    left, right = [], []
    for power in range(len(b) - 1, -1, -1):
        left.append(times(b[0], 1 << power))
        right.append(times(b[-1], 1 << power))
        b = [plus(x, y) for x, y in zip(b, b[1:])]
    return left, right[::-1]


def _no_common_positive_root(p: Poly, q: Poly, sign: Sign) -> bool:
    """Whether p and q are proved to have no common root in (0, infinity).

    On each cell one of the two must have Bernstein coefficients of one sign.
    Widths add up but never grow, so thin intervals lose nothing to bisection.
    """
    # (1, infinity) is (0, 1) for the reversed polynomials.
    cells = [(_bernstein(p), _bernstein(q)), (_bernstein(p[::-1]), _bernstein(q[::-1]))]
    for _ in range(_CELLS):
        if not cells:
            return True
        pair = cells.pop()
        if any({sign(c) for c in b} in ({1}, {-1}) for b in pair):
            continue
        (p_left, p_right), (q_left, q_right) = map(_halves, pair)
        if not sign(p_left[-1]) and not sign(q_left[-1]):
            return False  # no bisection can separate the two at this point
        cells += [(p_left, q_left), (p_right, q_right)]
    return False


# General matrices

def _axis(sums: list[Entry], sign: Sign) -> tuple[int, Poly] | None:
    """The Cauchy index of f2 / f1 and gcd(f1, f2), see the head of the module."""
    f1, f2 = (_alternating(sums, start)[::-1] for start in (0, 1))
    return _cauchy_index(f1, f2, sign)


def _alternating(sums: list[Entry], start: int) -> Poly:
    """e_start, 0, -e_(start+2), 0, e_(start+4), ... in the places of the sums."""
    return [0 if (k - start) % 2 else minus(0, x) if (k - start) % 4 else x
            for k, x in enumerate(sums)]


def hyperbolic(sums: list[Entry], sign: Sign) -> Truth:
    """Whether e_0 s^n + ... + e_n has no root on the imaginary axis."""
    at_zero = sign(sums[-1])
    if at_zero == 0:
        return Truth.NO
    found = _axis(sums, sign)
    roots = None if found is None else _n_real_roots(found[1], sign)
    if roots is not None:
        return Truth.of(roots == 0)
    # q(iw) = E(-v) + i w O(-v) with v = w^2 and q(s) = E(s^2) + s O(s^2).
    even, odd = ([minus(0, c) if k % 2 else c for k, c in enumerate(sums[::-1][start::2])]
                 for start in (0, 1))
    if at_zero and _no_common_positive_root(even, odd, sign):
        return Truth.YES
    return Truth.UNDECIDED


def is_hyperbolic(matrix: Matrix, sign: Sign = exact_sign) -> Truth:
    """Whether no eigenvalue of M has real part zero.

    Always decided for exact entries, pairs (s, -s) and singular Routh arrays
    included.  A box of hyperbolic matrices is decided once it is thin enough;
    NO for a box is rare, for it needs a structural reason.  Errors are those of
    `determinant`.

    >>> is_hyperbolic([[0, 1], [-1, 0]]), is_hyperbolic([[0, 1], [1, 0]])
    (<Truth.NO>, <Truth.YES>)
    """
    return hyperbolic(minor_sums(integers(square(matrix))[0]), total_sign(sign))


def is_stable(matrix: Matrix, sign: Sign = exact_sign) -> Truth:
    """Whether all eigenvalues of M have positive real part (x' = -M x decays).

    Always decided for exact entries.  For intervals YES holds for every matrix
    in the box and NO says that none is stable; a box of hyperbolic matrices is
    decided once it is thin enough.  The empty matrix is stable.  Errors are
    those of `determinant`.

    >>> is_stable([[1, -5], [5, 0]])
    <Truth.YES>
    """
    sign = total_sign(sign)
    rows, whole = square_rows(matrix)
    if whole:
        return Truth.of(_is_hurwitz(integer_minor_sums(rows)))
    rows = integers(rows)[0]
    sums = minor_sums(rows)
    verdict = is_hurwitz(sums, sign)
    if verdict is Truth.UNDECIDED:
        member = rational_member(rows)
        if member is not None and hyperbolic(sums, sign) is Truth.YES:
            return is_stable(member)
    return verdict


def is_hurwitz(sums: list[Entry], sign: Sign) -> Truth:
    """Whether e_0 s^n + ... + e_n, e_0 > 0, has all its roots left of the imaginary axis."""
    verdict = all_positive(map(sign, sums))
    if verdict is Truth.NO or len(sums) < 3:
        return verdict
    return lienard_chipart(verdict, [sign(x) for x in hurwitz_minors(sums)])


def _is_hurwitz(sums: list[int]) -> bool:
    """`is_hurwitz` for integers: all D_k > 0, and before that all e_k > 0, which is cheaper."""
    return min(sums) > 0 and (len(sums) < 4 or min(pivots(_hurwitz(sums))) > 0)


def hurwitz_minors(sums: list[Entry]) -> list[Entry]:
    """D_1, ..., D_(n-1): leading minors of the matrix H_ij = e_(2j-i)."""
    return leading_minors(_hurwitz(sums))


def _hurwitz(sums: list[Entry]) -> list[list[Entry]]:
    n = len(sums) - 1
    return [[sums[2 * j - i + 1] if 0 <= 2 * j - i + 1 <= n else 0 for j in range(n - 1)]
            for i in range(n - 1)]


def lienard_chipart(coefficients: Truth, signs: list[int | None]) -> Truth:
    """The criterion, from whether all coefficients are positive and the minors' signs."""
    every = all_positive(signs)
    return every if every is Truth.NO else coefficients & all_positive(signs[::-2])


def spectrum_inertia(matrix: Matrix, sign: Sign = exact_sign) -> tuple[int, int, int] | None:
    """(n_right, n_left, n_axis): eigenvalues by the sign of their real part.

    Counted with multiplicity.  Always found for exact entries; for intervals
    the counts of every matrix in the box, or None if they were not proved.
    Errors are those of `determinant`.

    >>> spectrum_inertia([[0, 1, 0], [-1, 0, 0], [0, 0, 2]])
    (1, 0, 2)
    """
    sign = total_sign(sign)
    rows = integers(square(matrix))[0]
    sums = minor_sums(rows)
    found = _axis(sums, sign)
    n_axis = None if found is None else _n_real_roots(found[1], sign)
    if found is not None and n_axis is not None:
        n_off = len(rows) - n_axis
        return (n_off + found[0]) // 2, (n_off - found[0]) // 2, n_axis
    member = rational_member(rows)
    if member is None or hyperbolic(sums, sign) is not Truth.YES:
        return None
    return spectrum_inertia(member)


def n_real_eigenvalues(matrix: Matrix, sign: Sign = exact_sign) -> int | None:
    """The number of real eigenvalues of M, with multiplicity, by Sturm's chain.

    Always found for exact entries; None where an interval hides a sign.
    Errors are those of `determinant`.

    >>> n_real_eigenvalues([[0, 1, 0], [-1, 0, 0], [0, 0, 2]])
    1
    """
    return _n_real_roots(minor_sums(integers(square(matrix))[0])[::-1], total_sign(sign))
