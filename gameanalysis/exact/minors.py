"""Signs of numbers, and minors of small square matrices without a division.

Determinants, characteristic polynomials, adjugates and Schur complements are
polynomials in the entries of a matrix.  Computed with ``+``, ``-`` and ``*``
alone they serve every kind of number at once: exact rationals, exact algebraic
numbers, and intervals, where an interval matrix stands for every matrix in its
box and a result encloses the results of all of them.

Up to 6 x 6 minors are expanded by rows (Laplace) with each minor computed once:
n 2^(n-1) products, none with the same entry twice, which keeps intervals tight.
Larger matrices take Berkowitz's O(n^4) products, and their adjugate is a polynomial of
the matrix (Cayley and Hamilton); the inverse of a large interval matrix, and so its
determinant, is Gauss's and Jordan's, with divisions by pivots that have a sign.  A matrix that
its zeros take apart, block diagonal up to the order of its rows, is taken block by block.

Matrices of Python's integers, which are the most frequent, have their own ways
(`integer_matrices`).

An entry needs ``+``, ``-``, ``*`` with its like and with int.  A ``sign`` maps
an entry to +1, 0, -1 or, when it cannot tell, None.

Reference: S. J. Berkowitz, On computing the determinant in small parallel time
using a small number of processors, Inf. Proc. Letters 18 (1984).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import chain, zip_longest
from numbers import Rational
from typing import Any

from mpmath import libmp

from ..errors import ShapeError
from .integer_matrices import integer_determinant, integer_dot, integer_minor_sums, pivots

__all__ = [
    "exact_sign", "interval_sign", "determinant", "determinant_sign",
    "adjugate", "interval_inverse", "scaled_schur_complement", "characteristic_polynomial"]

#: A number: int, Fraction, mpmath interval, or an exact algebraic number.
Entry = Any
Sign = Callable[[Any], "int | None"]
Matrix = Sequence[Sequence[Any]]

#: Up to this size minors are expanded, above it Berkowitz.
_EXPANDED = 6

_ZERO = (libmp.fzero, libmp.fzero)


def exact_sign(x: Entry) -> int:
    """The sign of an exact rational: +1, 0 or -1.

    Raises `TypeError` for anything else: a float is not exact.

    >>> exact_sign(Fraction(-1, 3))
    -1
    """
    if type(x) is int:
        return (x > 0) - (x < 0)
    if not isinstance(x, Rational):
        raise TypeError(f"{x!r} is not an exact rational: pass sign=interval_sign for "
                        f"mpmath intervals, or the sign function of its own type")
    numerator = int(x.numerator)
    return (numerator > 0) - (numerator < 0)


def interval_sign(x: Entry) -> int | None:
    """The sign that all numbers in an mpmath interval share, or None.

    +1 if the lower end is positive, -1 if the upper end is negative, 0 for the
    point interval [0, 0].  Exact rationals are taken as points.

    >>> from mpmath import iv
    >>> interval_sign(iv.mpf([1, 2])), interval_sign(iv.mpf([0, 2]))
    (1, None)
    """
    ends = getattr(x, "_mpi_", None)
    if ends is None:
        return exact_sign(x)
    low, high = ends
    if low == libmp.fnan or high == libmp.fnan:
        return None
    below, above = libmp.mpf_sign(low), libmp.mpf_sign(high)
    if below > 0:
        return 1
    if above < 0:
        return -1
    return 0 if below == above == 0 else None


def total_sign(sign: Sign) -> Sign:
    """The same sign function, which need not know the integers 0 and 1."""
    return lambda x: (x > 0) - (x < 0) if type(x) is int else sign(x)


def _entry(x: Entry) -> Entry:
    if type(x) is int or type(x) is Fraction:
        return x
    if hasattr(x, "_mpi_"):
        # mpmath multiplies NaN by zero to zero; adding gives the whole line.
        return x + 0 if libmp.fnan in x._mpi_ else x
    if isinstance(x, Rational):
        return Fraction(int(x.numerator), int(x.denominator))
    if isinstance(x, (float, complex)):
        raise TypeError(f"the entry {x!r} is a rounded number, about which nothing can be "
                        f"proved: use fractions.Fraction or an mpmath interval")
    return x


def integral(rows: Sequence[Sequence[Entry]]) -> bool:
    """Whether every entry is a Python int."""
    return {int}.issuperset(map(type, chain.from_iterable(rows)))


def square(matrix: Any) -> list[list[Entry]]:
    """The rows of a square matrix, every entry fit for arithmetic; see `square_rows`."""
    return square_rows(matrix)[0]


def square_rows(matrix: Any) -> tuple[list[list[Entry]], bool]:
    """The rows of a square matrix, fit for arithmetic, and whether all entries are ints.

    Takes rows or anything with ``tolist`` (SymPy, NumPy).  Rationals of other
    packages become Fractions, and Fractions beside intervals become intervals.
    Raises `ShapeError` for another shape and `TypeError` for floats.
    """
    rows = list(map(list, matrix.tolist() if hasattr(matrix, "tolist") else matrix))
    for row in rows:
        if len(row) != len(rows):
            raise ShapeError(f"a square matrix is needed, but one of its {len(rows)} rows "
                             f"has {len(row)} entries")
    if integral(rows):
        return rows, True
    rows = [[_entry(x) for x in row] for row in rows]
    interval = next((x for row in rows for x in row if hasattr(x, "_mpi_")), None)
    if interval is not None:
        point = interval.ctx.mpf
        rows = [[point(x.numerator) / x.denominator if type(x) is Fraction else x
                 for x in row] for row in rows]
    return rows, False


def integers(rows: list[list[Entry]]) -> tuple[list[list[Entry]], int]:
    """L M with its rationals cleared of denominators, and the positive integer L.

    A matrix that mixes fractions with other numbers is scaled as a whole, so no
    other type ever has to multiply a Fraction.
    """
    if integral(rows):
        return rows, 1
    scale = math.lcm(*(x.denominator for row in rows for x in row if type(x) is Fraction))
    return [[int(x * scale) if type(x) is Fraction else times(x, scale)
             for x in row] for row in rows], scale


# The integers 0 and 1 are structure (and no type has to know how to meet them).

def times(x: Entry, y: Entry) -> Entry:
    """x y, where a factor 0 or 1 costs nothing."""
    if type(x) is int and (x == 0 or x == 1):
        return y if x else 0
    if type(y) is int and (y == 0 or y == 1):
        return x if y else 0
    return x * y


def plus(x: Entry, y: Entry) -> Entry:
    """x + y, where a term 0 costs nothing."""
    if type(x) is int and x == 0:
        return y
    return x if type(y) is int and y == 0 else x + y


def minus(x: Entry, y: Entry) -> Entry:
    """x - y, where a term 0 costs nothing."""
    if type(y) is int and y == 0:
        return x
    return -y if type(x) is int and x == 0 else x - y


def _combine(p: list[Entry], q: list[Entry], op: Callable[[Entry, Entry], Entry]) -> list[Entry]:
    """p + q or p - q, coefficient by coefficient, the shorter one padded."""
    return [op(x, y) for x, y in zip_longest(p, q, fillvalue=0)]


@lru_cache(maxsize=None)
def _expansions(n: int) -> list[list[tuple[int, list[tuple[int, int, bool]]]]]:
    """Laplace's expansion along the last row, for each set of columns by size.

    A set is a bit mask; its terms are (column, the other columns, minus sign).
    """
    sets: list[list[tuple[int, list[tuple[int, int, bool]]]]] = [[] for _ in range(n)]
    for mask in range(1, 1 << n):
        columns = [j for j in range(n) if mask >> j & 1]
        sets[len(columns) - 1].append((mask, [
            (j, mask ^ (1 << j), (place + len(columns)) % 2 == 0)
            for place, j in enumerate(columns)]))
    return sets


def _leading(rows: list[list[Entry]], with_s: bool) -> list[list[Entry]]:
    """det(s I + M_k) for the leading blocks M_1, ..., M_n, powers ascending.

    Without ``with_s`` only the constant terms, the leading principal minors.
    """
    n = len(rows)
    if n > _EXPANDED:
        return _berkowitz(rows)
    level: dict[int, list[Entry]] = {0: [1]}
    found = []
    for k, (row, sets) in enumerate(zip(rows, _expansions(n))):
        above, level = level, {}
        for mask, terms in sets:
            value: list[Entry] = [0]
            for j, rest, negative in terms:
                minor = above[rest]
                term = [times(row[j], c) for c in minor]
                if with_s and j == k:
                    term = _combine(term, [0, *minor], plus)
                value = _combine(value, term, minus if negative else plus)
            level[mask] = value
        found.append(level[(1 << k + 1) - 1])
    return found


def _berkowitz(rows: list[list[Entry]]) -> list[list[Entry]]:
    """det(s I + M_k) by borders: the constant of s I + M_k is multiplied by
    the Toeplitz matrix of 1, m_kk, -r c, r M c, -r M^2 c, ..."""
    found = []
    poly: list[Entry] = [1]
    for k, row in enumerate(rows):
        column = [rows[i][k] for i in range(k)]
        toeplitz: list[Entry] = [1, row[k]]
        for power in range(k):
            moment = dot(row, column)
            toeplitz.append(minus(0, moment) if power % 2 == 0 else moment)
            column = [dot(rows[i], column) for i in range(k)]
        poly = [dot(toeplitz[i::-1], poly) for i in range(k + 2)]
        found.append(poly[::-1])
    return found


# Matrices of several blocks.

def _is_zero(x: Entry) -> bool:
    """Whether an entry is zero as it stands: an integer, or the point interval."""
    return x == 0 if type(x) is int else getattr(x, "_mpi_", None) == _ZERO


def components(rows: Sequence[Sequence[Entry]]) -> list[list[int]]:
    """The indices of the blocks of M that zeros separate, each ascending, the first first.

    >>> components([[1, 0, 2], [0, 3, 0], [0, 0, 4]])
    [[0, 2], [1]]
    """
    n, seen, found = len(rows), set[int](), []
    for start in range(n):
        if start in seen:
            continue
        seen.add(start)
        block, waiting = [start], [start]
        while waiting:
            i = waiting.pop()
            near = [j for j in range(n) if j not in seen
                    and not (_is_zero(rows[i][j]) and _is_zero(rows[j][i]))]
            seen.update(near)
            block += near
            waiting += near
        found.append(sorted(block))
    return found


def _block(rows: Sequence[Sequence[Entry]], indices: Sequence[int]) -> list[list[Entry]]:
    return [[rows[i][j] for j in indices] for i in indices]


def _product(factors: Iterable[Entry]) -> Entry:
    value: Entry = 1
    for factor in factors:
        value = times(value, factor)
    return value


def dot(xs: Sequence[Entry], ys: Sequence[Entry]) -> Entry:
    """The sum of x_i y_i as far as both sequences reach."""
    value: Entry = 0
    for x, y in zip(xs, ys):
        value = plus(value, times(x, y))
    return value


def leading_minors(rows: list[list[Entry]]) -> list[Entry]:
    """The leading principal minors, size 1 to n."""
    if integral(rows):
        found = list(pivots(rows))
        if len(found) == len(rows):
            return found
    blocks = components(rows)
    if len(blocks) == 1:
        return [poly[0] for poly in _leading(rows, False)]
    parts = [[1, *leading_minors(_block(rows, indices))] for indices in blocks]
    return [_product(part[bisect_right(indices, k)] for part, indices in zip(parts, blocks))
            for k in range(len(rows))]


def minor_sums(rows: list[list[Entry]]) -> list[Entry]:
    """e_0, ..., e_n: the coefficients of det(s I + M), powers descending."""
    if not rows:
        return [1]
    if integral(rows):
        return integer_minor_sums(rows)
    sums: list[Entry] = [1]
    for indices in components(rows):
        part = _leading(_block(rows, indices), True)[-1][::-1]
        turned = part[::-1]
        # The coefficients of a product of polynomials.
        sums = [dot(sums[max(0, k - len(indices)):], turned[max(0, len(indices) - k):])
                for k in range(len(sums) + len(indices))]
    return sums


def _unscaled(x: Entry, scale: int) -> Entry:
    return x if scale == 1 else Fraction(x, scale)


def _determinant(rows: list[list[Entry]]) -> Entry:
    if integral(rows):
        return integer_determinant(rows)
    det: Entry = 1
    for block in (_block(rows, indices) for indices in components(rows)):
        found = _eliminated(block, False) if len(block) > _EXPANDED else None
        det = times(det, _leading(block, False)[-1][0] if found is None else found[0])
    return det


def _eliminated(rows: Sequence[Sequence[Entry]], inverse: bool
                ) -> tuple[Entry, list[list[Entry]]] | None:
    """(det M, M^-1) in intervals, by Gauss (and Jordan for the inverse); None if not found."""
    numbers = [x for row in rows for x in row if type(x) is not int]
    if not numbers or not all(hasattr(x, "_mpi_") for x in numbers):
        return None
    n, one = len(rows), numbers[0].ctx.mpf(1)
    work = [[*row, *(int(i == j) for j in range(n * inverse))] for i, row in enumerate(rows)]
    det: Entry = 1
    for k in range(n):
        usable = [i for i in range(k, n) if interval_sign(work[i][k])]
        if not usable:
            return None
        best = max(usable, key=lambda i: abs(libmp.to_float((one * work[i][k])._mpi_[0])))
        if best != k:
            work[k], work[best], det = work[best], work[k], minus(0, det)
        det = times(det, work[k][k])
        slope = one / work[k][k]
        pivot = work[k][k + 1:] = [times(x, slope) for x in work[k][k + 1:]]
        for i in range(0 if inverse else k + 1, n):
            factor = work[i][k]
            if i != k and not _is_zero(factor):
                work[i][k + 1:] = [minus(x, times(factor, y))
                                   for x, y in zip(work[i][k + 1:], pivot)]
    return det, [row[n:] for row in work]


def interval_inverse(matrix: Matrix) -> list[list[Entry]] | None:
    """An enclosure of M^-1 for every matrix of the box; None where none is found.

    In O(n^3) operations, with divisions.  None, also for a matrix without an mpmath interval,
    says nothing: the matrices may be regular.  Errors are those of `determinant`.

    >>> from mpmath import iv
    >>> [[str(x) for x in row] for row in interval_inverse([[iv.mpf(2), 0], [0, iv.mpf(4)]])]
    [['[0.5, 0.5]', '0'], ['0', '[0.25, 0.25]']]
    """
    found = _eliminated(square(matrix), True)
    return None if found is None else found[1]


def _rational(rows: list[list[Entry]]) -> tuple[list[list[Entry]], int]:
    """`integers` for values, which only rational matrices can undo exactly."""
    if all(type(x) in (int, Fraction) for row in rows for x in row):
        return integers(rows)
    return rows, 1


def determinant(matrix: Matrix) -> Entry:
    """det M, without a division.

    Exact for exact entries; for intervals an enclosure of the determinants of
    all matrices in the box.  The empty determinant is 1.  Raises `ShapeError`
    for a matrix that is not square, `TypeError` for floats.

    >>> determinant([[1, 2], [3, Fraction(1, 2)]])
    Fraction(-11, 2)
    """
    rows, whole = square_rows(matrix)
    if whole:
        return integer_determinant(rows)
    rows, scale = _rational(rows)
    return _unscaled(_determinant(rows), scale ** len(rows))


def determinant_sign(matrix: Matrix, sign: Sign = exact_sign) -> int | None:
    """The sign of det M: +1, 0, -1, or None where it is not the same or not known.

    >>> determinant_sign([[1, 2], [3, 4]])
    -1
    """
    return total_sign(sign)(_determinant(integers(square(matrix))[0]))


def adjugate(matrix: Matrix) -> list[list[Entry]]:
    """adj M, with M adj(M) = adj(M) M = det(M) I, without a division.

    Rows of cofactors, transposed; enclosures for intervals.  Errors are those
    of `determinant`.

    >>> adjugate([[1, 2], [3, 4]])
    [[4, -2], [-3, 1]]
    """
    rows = square(matrix)
    n = len(rows)
    if n == 2:
        (a, b), (c, d) = rows
        return [[d, minus(0, b)], [minus(0, c), a]]
    if n > _EXPANDED and not integral(rows):
        return _large_adjugate(rows)
    cofactors = [[determinant([row[:i] + row[i + 1:] for k, row in enumerate(rows) if k != j])
                  for j in range(n)] for i in range(n)]
    return [[minus(0, x) if (i + j) % 2 else x for j, x in enumerate(row)]
            for i, row in enumerate(cofactors)]


def _large_adjugate(rows: list[list[Entry]]) -> list[list[Entry]]:
    """`adjugate`, block by block: e_(m-1) I - e_(m-2) M + ... +- M^(m-1) of one of size m."""
    blocks = components(rows)
    n, parts = len(rows), [_block(rows, indices) for indices in blocks]
    determinants = [_determinant(part) for part in parts]
    out: list[list[Entry]] = [[0] * n for _ in range(n)]
    for k, (indices, part) in enumerate(zip(blocks, parts)):
        if len(part) <= _EXPANDED:
            own = adjugate(part)
        else:
            own = [[0] * len(part) for _ in part]
            columns = list(zip(*part))
            for e in minor_sums(part)[:len(part)]:          # Horner in -M, then one I e
                own = [[minus(e if i == j else 0, x) for j, x in enumerate(row)] for i, row in
                       enumerate([[dot(row, column) for column in columns] for row in own])]
        others = _product(d for j, d in enumerate(determinants) if j != k)
        for i, row in zip(indices, own):
            for j, x in zip(indices, row):
                out[i][j] = times(others, x)
    return out


def scaled_schur_complement(matrix: Matrix, n1: int) -> tuple[list[list[Entry]], Entry]:
    """(d S, d) with M = [[A, B], [C, D]], d = det D and S = A - B D^-1 C.

    By Schur's identity (d S)_ij is the determinant of D bordered by row i and
    column j, so nothing is divided and d may even be zero.  S has the sign of
    sign(d) (d S): with d < 0, S > 0 if and only if -(d S) > 0.

    ``n1`` is the size of A, from 0 to n.  In general S is not symmetric.
    Raises `ValueError` for another n1, and the errors of `determinant`.

    >>> scaled_schur_complement([[-1, 2], [-2, -3]], 1)
    ([[7]], -3)
    """
    rows = square(matrix)
    n = len(rows)
    if not 0 <= n1 <= n:
        raise ValueError(f"n1 = {n1} is no size of a block of a {n} x {n} matrix")
    if integral(rows):
        below = [row[n1:] for row in rows[n1:]]
        adjoint, d = adjugate(below), integer_determinant(below)
        slopes = [[integer_dot(row, column) for row in adjoint]
                  for column in zip(*(row[:n1] for row in rows[n1:]))]
        return [[d * row[j] - integer_dot(row[n1:], slopes[j]) if slopes else d * row[j]
                 for j in range(n1)] for row in rows[:n1]], d
    scaled = [[determinant([[row[j], *row[n1:]] for row in (rows[i], *rows[n1:])])
               for j in range(n1)] for i in range(n1)]
    return scaled, determinant([row[n1:] for row in rows[n1:]])


def characteristic_polynomial(matrix: Matrix) -> list[Entry]:
    """The coefficients c_0, ..., c_n of det(s I - M), powers ascending; c_n = 1.

    Exact for exact entries; enclosures for intervals.  Errors are those of `determinant`.

    >>> characteristic_polynomial([[1, 2], [3, 4]])
    [-2, -5, 1]
    """
    rows, scale = _rational(square(matrix))
    sums = [_unscaled(x, scale ** k) for k, x in enumerate(minor_sums(rows))]
    return [minus(0, x) if k % 2 else x for k, x in enumerate(sums)][::-1]
