"""Determinants and minors of matrices of Python's integers, by exact division.

Bareiss's elimination: its pivots are the leading principal minors, and every division in
it is exact.  The sums e_k of the principal minors of size k come from Newton's identities

    k e_k = sum_i (-1)^(i-1) e_(k-i) trace(M^i).

Reference: E. H. Bareiss, Sylvester's identity and multistep integer-preserving Gaussian
elimination, Math. Comp. 22 (1968).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from operator import mul

__all__ = ["integer_determinant", "integer_dot", "integer_minor_sums", "pivots"]


def integer_dot(xs: Sequence[int], ys: Sequence[int]) -> int:
    """The sum of x_i y_i.

    >>> integer_dot([1, 2], [3, 4])
    11
    """
    return sum(map(mul, xs, ys))


def pivots(rows: Sequence[Sequence[int]]) -> Iterator[int]:
    """The leading principal minors of an integer matrix up to the first that is zero."""
    work = list(rows)
    previous = 1
    while work:
        (pivot, *top), *below = work
        yield pivot
        if not pivot:
            return
        work = [[(pivot * x - row[0] * y) // previous for x, y in zip(row[1:], top)]
                for row in below]
        previous = pivot


def integer_determinant(rows: Sequence[Sequence[int]]) -> int:
    """det M by Bareiss's elimination, rows exchanged where a pivot is zero."""
    work, previous, flipped = list(rows), 1, False
    while work:
        at = next((k for k, row in enumerate(work) if row[0]), None)
        if at is None:
            return 0
        pivot, *top = work.pop(at)
        # Taking row k out passes it over k others.
        flipped ^= at % 2 == 1
        work = [[(pivot * x - row[0] * y) // previous for x, y in zip(row[1:], top)]
                for row in work]
        previous = pivot
    return -previous if flipped else previous


def integer_minor_sums(rows: list[list[int]]) -> list[int]:
    """e_0, ..., e_n, the sums of the principal minors of each size, by Newton's identities.

    >>> integer_minor_sums([[1, 2], [3, 4]])
    [1, 5, -2]
    """
    n = len(rows)
    turned = list(zip(*rows))
    powers = [rows]
    while 2 * len(powers) < n:
        powers.append([[sum(map(mul, row, column)) for column in turned] for row in powers[-1]])
    traces = [sum(row[i] for i, row in enumerate(power)) for power in powers]
    across = [list(chain.from_iterable(zip(*power))) for power in powers]
    flat = list(chain.from_iterable(powers[-1]))
    # trace(M^a M^b) needs no further product of matrices.
    traces += [sum(map(mul, flat, across[k - len(powers) - 1]))
               for k in range(len(powers) + 1, n + 1)]
    sums = [1]
    signed = [-t if i % 2 else t for i, t in enumerate(traces)]
    for k in range(1, n + 1):
        sums.append(integer_dot(signed, sums[::-1]) // k)
    return sums
