r"""The Stackelberg update near a point in exact rationals, and what its powers do.

The update x <- x - gamma w_S_tau(x) has at a zero of w_S the derivative M = I - gamma J_S_tau.

Stein's equation  r^2 P - M^T P M = r^2 I  has one solution unless two eigenvalues of M have
the product r^2, and then the eigenvalues of P > 0 are as many as those of M with modulus below
r, the negative ones as many as those beyond r (Taussky; Wimmer).  Hence:

    r = 1, P > 0        V(e) = e^T P e falls by |e|^2 - o(|e|^2): the point attracts;
    r > 1, P not >= 0   Q = -P has V_Q(M e) = r^2 (V_Q(e) + |e|^2): on the cone V_Q > 0 the
                        distance grows at least as r^k, and the point is not stable.

Powers M^n are computed in fixed point, with a bound of the error that is proved.

References: A. M. Lyapunov 1892 and P. Stein, J. Res. Nat. Bur. Standards 48 (1952), for the
equation; H. K. Wimmer, Linear Algebra Appl. 7 (1973), for the inertia.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Union

import numpy as np
from sympy import QQ, Float, Rational
from sympy.polys.matrices import DomainMatrix
from sympy.polys.matrices.exceptions import DMNonInvertibleMatrixError

from ..exact.definiteness import inertia, is_positive_definite, spectrum_inertia
from ..exact.minors import characteristic_polynomial
from ..exact.univariate import RealRoot, dense, real_roots, squarefree_factors
from ..truth import Truth
from ..verdicts.local import LocalGame

__all__ = [
    "brief", "decrease", "eigenvalue_ends", "expansion", "gram", "is_norm_at_most", "n_outside",
    "plain", "power", "root_above", "scaled_rows", "solution", "stackelberg_derivative",
    "symmetric_part", "update_derivative"]

Number = Union[int, Fraction]
Rows = list[list[Fraction]]
#: A matrix N and e: the matrix meant lies within e of N in Frobenius' norm, in units 2^-_BITS.
Ball = tuple[list[list[int]], int]

#: Bits after the point in the powers of a matrix.
_BITS = 320
#: How many rates r very near 1 are tried, after those between 1 and the spectral radius.
_RATES = 24


# -- small matrices over QQ --------------------------------------------------------------

def plain(rows: Sequence[Sequence[Any]], divisor: Number = 1) -> Rows:
    """A matrix of exact numbers over one divisor, as Fractions."""
    return [[Fraction(e) / divisor for e in row] for row in rows]


def scaled_rows(rows: Rows, factors: Sequence[Number]) -> Rows:
    """Each row times its factor."""
    return [[e * factor for e in row] for row, factor in zip(rows, factors)]


def solution(matrix: Rows, right: Rows) -> Rows | None:
    """matrix^-1 right over QQ; None for a singular matrix.

    >>> solution([[Fraction(2)]], [[Fraction(1)]])
    [[Fraction(1, 2)]]
    """
    try:
        found = _over_qq(matrix).lu_solve(_over_qq(right))
    except DMNonInvertibleMatrixError:
        return None
    return [[Fraction(int(e.numerator), int(e.denominator)) for e in row]
            for row in found.to_list()]


def _over_qq(rows: Rows) -> DomainMatrix:
    return DomainMatrix([[QQ(e.numerator, e.denominator) for e in row] for row in rows],
                        (len(rows), len(rows[0])), QQ)


def gram(rows: Rows) -> Rows:
    """M^T M."""
    columns = list(zip(*rows))
    return [[sum((x * y for x, y in zip(a, b)), Fraction(0)) for b in columns] for a in columns]


def symmetric_part(rows: Rows) -> Rows:
    """(M + M^T)/2."""
    return [[(x + y) / 2 for x, y in zip(row, column)] for row, column in zip(rows, zip(*rows))]


def update_derivative(jacobian: Rows, gamma: Number) -> Rows:
    """I - gamma J."""
    return [[(i == j) - gamma * e for j, e in enumerate(row)] for i, row in enumerate(jacobian)]


def brief(value: Fraction) -> str:
    """A number in six digits, for a note; any size.

    >>> brief(Fraction(1, 3)), brief(Fraction(10) ** 400)
    ('0.333333', '1.00000e+400')
    """
    if value == 0 or 2.0 ** -900 < abs(value) < 2.0 ** 900:
        return f"{float(value):.6g}"
    return str(Float(Rational(value.numerator, value.denominator), 6))


# -- the Stackelberg gradient --------------------------------------------------------------

def stackelberg_derivative(local: LocalGame, tau: Number = 1) -> Rows | None:
    r"""J_S_tau at the point, by deriving w_S along each coordinate.

    With F the followers' gradients, M = D_y F, C = D_1 F and M^T v = D_y f1,

        w_S,1 = D_1 f1 - C^T v,    d_j w_S,1 = d_j D_1 f1 - (d_j C)^T v - C^T v_j,
        M^T v_j = d_j D_y f1 - (d_j M)^T v,

    solved over QQ: another way than that of `forms`.  None without a rational jet and where
    M is singular.

    >>> local = LocalGame.of_polynomials([{(0, 0): -1, (0, 1): 2, (1, 1): Fraction(-1, 2)}],
    ...                                  (1, 1))
    >>> stackelberg_derivative(local, 3)
    [[Fraction(2, 1), Fraction(0, 1)], [Fraction(-6, 1), Fraction(3, 1)]]
    """
    jet = local.jet
    if jet is None:
        return None
    n, n1, s, owners = jet.n, jet.sizes[0], jet.scale, jet.owners
    lead, lower = range(n1), range(n1, n)

    def own(i: int, j: int) -> Fraction:
        return Fraction(jet.hessian(owners[i], i, j), s)

    transposed = [[own(i, k) for i in lower] for k in lower]
    found = solution(transposed, [[Fraction(jet.slope(0, k), s)] for k in lower])
    if found is None:
        return None
    v = [row[0] for row in found]

    def pulled(j: int, k: int) -> Fraction:
        """d_j d_k (v . F), v held constant."""
        return sum((c * Fraction(jet.third(owners[i], i, j, k), s) for c, i in zip(v, lower)),
                   Fraction(0))
    turned = solution(transposed, [[Fraction(jet.hessian(0, k, j), s) - pulled(j, k)
                                    for j in range(n)] for k in lower])
    assert turned is not None
    rows = [[Fraction(jet.hessian(0, i, j), s) - pulled(j, i)
             - sum((own(k, i) * turned[k - n1][j] for k in lower), Fraction(0))
             for j in range(n)] for i in lead]
    return rows + [[tau * own(i, j) for j in range(n)] for i in lower]


# -- eigenvalues -------------------------------------------------------------------------------

def eigenvalue_ends(matrices: Sequence[Rows], bits: int = 40) -> tuple[Fraction, Fraction] | None:
    """(a, b): a below the least real eigenvalue of all matrices, b at or above the greatest.

    a < lmin and lmax <= b, each within 2^(1-bits) of it relatively, from isolating intervals
    of the roots of the characteristic polynomials; None if there is no real eigenvalue or an
    end is zero.

    >>> a, b = eigenvalue_ends([[[Fraction(0), Fraction(2)], [Fraction(1), Fraction(3)]]], 20)
    >>> float(round(a, 3)), float(round(b, 3))
    (-0.562, 3.562)
    """
    roots = [root for rows in matrices for root in _roots(rows)]
    if not roots:
        return None
    ends = [_enclosed(root, bits) for root in roots]
    low, high = min(e[0] for e in ends), max(e[1] for e in ends)
    if not low or not high:
        return None
    return low - abs(low) / 2 ** bits, high


def _roots(rows: Rows) -> list[RealRoot]:
    coefficients = [Fraction(c) for c in characteristic_polynomial(rows)][::-1]
    common = math.lcm(*(c.denominator for c in coefficients))
    whole = dense([int(c * common) for c in coefficients])
    return [root for factor, _ in squarefree_factors(whole) for root in real_roots(factor)]


def _enclosed(root: RealRoot, bits: int) -> tuple[Fraction, Fraction]:
    exact = root.rational()
    if exact is not None:
        return exact, exact
    places = bits
    while True:
        low, high = root.range_of((1, 0), places)
        if low * high > 0 and (high - low) << bits <= min(abs(low), abs(high)):
            return Fraction(low, 1 << places), Fraction(high, 1 << places)
        places *= 2


def n_outside(jacobian: Rows, gamma: Number) -> int:
    """How many eigenvalues of I - gamma J have modulus above 1, with multiplicity.

    An eigenvalue m = 1 - g, g != 0, has |m| > 1 if and only if (m + 1)/(m - 1) = 1 - 2/g has
    positive real part; m = 1 is on the circle.  The 1/g are the roots of the reversed
    characteristic polynomial of gamma J, decided by Routh's scheme.

    >>> n_outside([[Fraction(-1), Fraction(0)], [Fraction(0), Fraction(1)]], 1)
    1
    """
    found = [Fraction(c) for c in
             characteristic_polynomial([[gamma * e for e in row] for row in jacobian])]
    while found and not found[0]:
        found.pop(0)
    n = len(found) - 1
    if n == 0:
        return 0
    # Companion matrix of the monic polynomial with roots 1/g, coefficients ascending.
    monic = [c / found[0] for c in found[::-1]]
    rows = [[Fraction(0)] * n for _ in range(n)]
    for i in range(n):
        if i:
            rows[i][i - 1] = Fraction(1)
        rows[i][n - 1] = -monic[i]
    counts = spectrum_inertia(update_derivative(rows, 2))
    assert counts is not None                               # the entries are exact
    return counts[0]


# -- Stein's equation ---------------------------------------------------------------------------

def _stein(m: Rows, square: Fraction) -> Rows | None:
    """The symmetric P with r^2 P - M^T P M = r^2 I, r^2 = square; None if not unique."""
    n = len(m)
    place = {pair: k for k, pair in enumerate((i, j) for i in range(n) for j in range(i, n))}
    rows: Rows = []
    for i, j in place:
        row = [Fraction(0)] * len(place)
        row[place[i, j]] += square
        for k in range(n):
            for other in range(n):
                weight = m[k][i] * m[other][j]
                if weight:
                    row[place[min(k, other), max(k, other)]] -= weight
        rows.append(row)
    found = solution(rows, [[square if i == j else Fraction(0)] for i, j in place])
    if found is None:
        return None
    return [[found[place[min(i, j), max(i, j)]][0] for j in range(n)] for i in range(n)]


def decrease(m: Rows) -> Rows | None:
    """P > 0 with P - M^T P M = I, or None: then the spectral radius is at least 1.

    >>> decrease([[Fraction(1, 2)]]), decrease([[Fraction(2)]])
    ([[Fraction(4, 3)]], None)
    """
    p = _stein(m, Fraction(1))
    return p if p is not None and is_positive_definite(p) is Truth.YES else None


def expansion(m: Rows) -> tuple[Fraction, Rows] | None:
    """(r, Q): r > 1, M^T Q M - r^2 Q = r^2 I, Q with a positive eigenvalue; or None.

    It exists if and only if the spectral radius rho exceeds 1; r - 1 is 9/10 of rho - 1, or
    less.  None says that none was found, which for rho > 1 is not expected.

    >>> r, q = expansion([[Fraction(3)]])
    >>> float(r), q[0][0] > 0, expansion([[Fraction(1)]])
    (2.8, True, None)
    """
    try:
        radius = float(np.abs(np.linalg.eigvals(np.array(m, dtype=float))).max(initial=0.0))
    except (OverflowError, np.linalg.LinAlgError):          # only a hint where to begin
        radius = 2.0 ** 30
    excess = Fraction(min(max(radius - 1, 2.0 ** -30), 2.0 ** 30)).limit_denominator(1 << 40)
    # Where r^2 is a product of two eigenvalues the equation is singular: another r.
    shares = [Fraction(k, 10) for k in range(9, 0, -1)]
    for share in shares + [Fraction(1, 16 << k) for k in range(_RATES)]:
        r = 1 + share * excess
        p = _stein(m, r * r)
        counts = None if p is None else inertia(p)
        if p is not None and counts is not None and counts[1]:
            return r, [[-e for e in row] for row in p]
    return None


# -- powers ---------------------------------------------------------------------------------

def power(m: Rows, n: int) -> Ball | None:
    """M^n, n >= 1, within a bound of the error that is proved; None where that exceeds 1."""
    size = len(m)
    base: Ball = [[math.floor(e * 2 ** _BITS) for e in row] for row in m], size
    out: Ball | None = None
    while n:
        if n & 1:
            out = base if out is None else _times(out, base)
        n >>= 1
        if n:
            base = _times(base, base)
        if base[1] >> _BITS or out is not None and out[1] >> _BITS:
            return None
    return out


def _times(left: Ball, right: Ball) -> Ball:
    (a, e), (b, f) = left, right
    columns = list(zip(*b))
    rows = [[sum(x * y for x, y in zip(row, column)) >> _BITS for column in columns] for row in a]
    error = (_frobenius(a) * f + e * _frobenius(b) + e * f >> _BITS) + 1
    return rows, error + len(a)


def _frobenius(rows: list[list[int]]) -> int:
    return math.isqrt(sum(e * e for row in rows for e in row)) + 1


def is_norm_at_most(ball: Ball | None, bound: Fraction) -> Truth:
    """Whether |M|_2 <= bound for the matrix that `power` encloses; YES and NO are proved.

    >>> third = power([[Fraction(1, 2)]], 3)
    >>> is_norm_at_most(third, Fraction(1, 7)), is_norm_at_most(third, Fraction(1, 9))
    (<Truth.YES>, <Truth.NO>)
    """
    if ball is None:
        return Truth.UNDECIDED
    rows, error = ball
    columns = list(zip(*rows))
    square = [[sum(x * y for x, y in zip(a, b)) for b in columns] for a in columns]

    def below(t: int) -> bool:
        counts = inertia([[(t * t if i == j else 0) - e for j, e in enumerate(row)]
                          for i, row in enumerate(square)])
        assert counts is not None
        return not counts[1]
    low, high = math.floor(bound * 2 ** _BITS) - error, math.ceil(bound * 2 ** _BITS) + error
    if low >= 0 and below(low):
        return Truth.YES
    return Truth.UNDECIDED if below(high) else Truth.NO


def root_above(value: Fraction) -> Fraction:
    """A rational at or above the square root of a number >= 0.

    >>> root_above(Fraction(4))
    Fraction(2, 1)
    """
    root = math.isqrt(math.floor(value * 4 ** 40))
    if Fraction(root, 2 ** 40) ** 2 < value:
        root += 1
    return Fraction(root, 2 ** 40)
