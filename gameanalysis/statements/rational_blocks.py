r"""The blocks of J at a point with a rational jet, and exact linear algebra with them.

    J = [[A, B], [C, D]],    A = D11 f1,  B = D12 f1,  C = D21 f2,  D = D22 f2,

read off the jet entry by entry as SymPy's `DomainMatrix` over the rationals, and what
propositions compare: Schur complements, characteristic polynomials, eigenvalues.  They share
no code with the matrices that the library decides equilibria and stability with (`forms`,
`minors`), so a claim that compares the two compares two computations.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import cmp_to_key
from typing import Any, NamedTuple

from sympy import QQ
from sympy.polys.matrices import DomainMatrix

from ..exact.definiteness import inertia, is_positive_definite
from ..exact.univariate import Dense, RealRoot, dense, real_roots, sign, squarefree_factors
from ..truth import Truth
from ..verdicts.local import LocalGame
from .claims import Finding

__all__ = [
    "Blocks", "NO_BLOCKS", "blocks_in", "blocks_of", "charpoly", "compare", "eigenvalues", "ends",
    "identity", "is_definite", "joined", "known_schur_complement", "known_stackelberg_jacobian",
    "known_total_hessian", "matrix", "negatives", "product", "ratio_sign", "rows_of",
    "time_scaled"]

#: Why a statement that needs blocks is not decided.
NO_BLOCKS = Finding(Truth.UNDECIDED, "needs two players and rational derivatives at the point")

#: Bits of the enclosures of algebraic numbers, tried in turn.
_BITS = (64, 256, 1024)


def matrix(rows: Sequence[Sequence[Any]], shape: tuple[int, int] | None = None) -> DomainMatrix:
    """Rows of ints and Fractions as a matrix over the rationals.

    >>> matrix([[1, Fraction(1, 2)]]).shape
    (1, 2)
    """
    entries = [[QQ(Fraction(c).numerator, Fraction(c).denominator) for c in row] for row in rows]
    return DomainMatrix(entries, shape or (len(entries), len(entries[0])), QQ)


def rows_of(m: DomainMatrix) -> list[list[Fraction]]:
    """The entries as Fractions."""
    return [[Fraction(int(c.numerator), int(c.denominator)) for c in row] for row in m.to_list()]


def identity(n: int, factor: Any = 1) -> DomainMatrix:
    """``factor`` times the identity."""
    return matrix([[factor if i == j else 0 for j in range(n)] for i in range(n)])


def joined(blocks: Sequence[Sequence[DomainMatrix]]) -> DomainMatrix:
    """The matrix of the blocks.

    >>> joined([[identity(1), identity(1, 2)]]).shape
    (1, 2)
    """
    rows = [head.hstack(*rest) for head, *rest in blocks]
    return rows[0].vstack(*rows[1:])


class Blocks(NamedTuple):
    """A, B, C and D, of a game of two players at a point."""

    a: DomainMatrix
    b: DomainMatrix
    c: DomainMatrix
    d: DomainMatrix

    @property
    def jacobian(self) -> DomainMatrix:
        """J."""
        return joined([[self.a, self.b], [self.c, self.d]])

    @property
    def schur(self) -> DomainMatrix:
        """S1(J) = A - B D^-1 C; raises SymPy's DMNonInvertibleMatrixError for a singular D."""
        return self.a - self.b * self.d.inv() * self.c


def blocks_of(local: LocalGame) -> Blocks | None:
    """The blocks at a point; None for other than two players or a jet that is not rational."""
    jet = local.jet
    if jet is None or len(jet.sizes) != 2:
        return None
    n1, n = jet.sizes[0], jet.n

    def block(player: int, rows: range, columns: range) -> DomainMatrix:
        return matrix([[Fraction(jet.hessian(player, i, j), jet.scale) for j in columns]
                       for i in rows])
    lead, follow = range(n1), range(n1, n)
    return Blocks(block(0, lead, lead), block(0, lead, follow),
                  block(1, follow, lead), block(1, follow, follow))


def blocks_in(m: DomainMatrix, n1: int) -> Blocks:
    """The four blocks of a square matrix, the first of n1 rows and columns."""
    rows, n2 = rows_of(m), len(m.to_list()) - n1
    return Blocks(matrix([r[:n1] for r in rows[:n1]]), matrix([r[n1:] for r in rows[:n1]]),
                  matrix([r[:n1] for r in rows[n1:]], (n2, n1)),
                  matrix([r[n1:] for r in rows[n1:]], (n2, n2)))


# -- what the library has computed --------------------------------------------------------

def known_stackelberg_jacobian(local: LocalGame) -> DomainMatrix:
    """J_S as `Matrices` has it; where there is a rational jet and D is not singular."""
    m, jet = local.matrices, local.jet
    assert m is not None and jet is not None
    return _divided(m.stackelberg_jacobian(), m.d * m.d * jet.scale)


def known_total_hessian(local: LocalGame) -> DomainMatrix:
    """D^2 f1 as `Matrices` has it, under the same conditions."""
    m, jet = local.matrices, local.jet
    assert m is not None and jet is not None
    rows, power = m.total_hessian()
    return _divided(rows, power * jet.scale)


def known_schur_complement(local: LocalGame) -> DomainMatrix:
    """S1(J) as `Matrices` has it, under the same conditions."""
    m, jet = local.matrices, local.jet
    assert m is not None and jet is not None
    rows, power = m.schur_complement()
    return _divided(rows, power * jet.scale)


def _divided(rows: Sequence[Sequence[int]], by: int) -> DomainMatrix:
    return matrix([[Fraction(c, by) for c in row] for row in rows])


def time_scaled(m: DomainMatrix, n1: int, tau: Fraction) -> DomainMatrix:
    """The matrix with its rows from n1 on multiplied by tau."""
    return matrix([row if i < n1 else [tau * c for c in row] for i, row in enumerate(rows_of(m))])


# -- spectra ------------------------------------------------------------------------------

def charpoly(m: DomainMatrix) -> list[Fraction]:
    """det(s I - M), highest power first.

    >>> [str(c) for c in charpoly(matrix([[1, 2], [3, 4]]))]
    ['1', '-5', '-2']
    """
    return [Fraction(int(c.numerator), int(c.denominator)) for c in m.charpoly()]


def product(p: Sequence[Fraction], q: Sequence[Fraction]) -> list[Fraction]:
    """The product of two polynomials.

    >>> product([1, 2], [1, 0, 3])
    [1, 2, 3, 6]
    """
    out = [0 * p[0]] * (len(p) + len(q) - 1)
    for i, a in enumerate(p):
        for j, b in enumerate(q):
            out[i + j] += a * b
    return out


def is_definite(m: DomainMatrix) -> bool:
    """Whether the symmetric matrix is positive definite."""
    return is_positive_definite(rows_of(m)) is Truth.YES


def negatives(m: DomainMatrix) -> int:
    """#neg, the number of negative eigenvalues of a symmetric matrix."""
    found = inertia(rows_of(m))
    assert found is not None                        # exact entries are always decided
    return found[1]


def eigenvalues(m: DomainMatrix) -> list[RealRoot]:
    """The real eigenvalues, ascending, each as often as its algebraic multiplicity.

    >>> [root.sign_of((1, 0)) for root in eigenvalues(matrix([[0, 2], [1, 0]]))]
    [-1, 1]
    """
    coefficients = charpoly(m)
    scale = math.lcm(*(c.denominator for c in coefficients))
    polynomial = dense([c * scale for c in coefficients])
    found = [(root, times) for factor, times in squarefree_factors(polynomial)
             for root in real_roots(factor)]
    found.sort(key=cmp_to_key(_compared))
    return [root for root, times in found for _ in range(times)]


def _compared(p: tuple[RealRoot, int], q: tuple[RealRoot, int]) -> int:
    return compare(p[0], q[0])


def compare(p: RealRoot, q: RealRoot) -> int:
    """The sign of p - q, exact."""
    if p is q or p.sign_of(q.p) == 0 and _same(p, q):
        return 0
    bits = 64
    while True:
        low, high = ends(p, bits)
        down, up = ends(q, bits)
        if high < down or low > up:
            return -1 if high < down else 1
        bits *= 2


def _same(p: RealRoot, q: RealRoot) -> bool:
    """Whether p, a root of q's polynomial, is q: there is only one between q's ends."""
    def at(value: Fraction) -> Dense:
        return (value.denominator, -value.numerator)
    if q.lo == q.hi:
        return True
    return p.sign_of(at(q.lo)) > 0 > p.sign_of(at(q.hi))


def ends(root: RealRoot, bits: int) -> tuple[Fraction, Fraction]:
    """Ends of an interval that holds the root, at most 2^(1 - bits) long."""
    low, high = root.range_of((1, 0), bits)
    return Fraction(low, 1 << bits), Fraction(high, 1 << bits)


def ratio_sign(k: RealRoot, d: RealRoot, m: RealRoot) -> int | None:
    """The sign of k/d + m for k >= 0 and d > 0; None where bounded refinement finds none.

    >>> two, one = eigenvalues(identity(1, 2))[0], eigenvalues(identity(1))[0]
    >>> ratio_sign(two, one, eigenvalues(identity(1, -1))[0])
    1
    """
    a, b, c = k.rational(), d.rational(), m.rational()
    if a is not None and b is not None and c is not None:
        return sign(a / b + c)
    for bits in _BITS:
        (k0, k1), (d0, d1), (m0, m1) = (ends(root, bits) for root in (k, d, m))
        if d0 <= 0:
            continue
        low, high = max(k0, Fraction(0)) / d1 + m0, k1 / d0 + m1
        if low > 0 or high < 0:
            return sign(low)
    return None
