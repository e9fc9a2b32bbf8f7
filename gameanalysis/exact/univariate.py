"""Integer polynomials in one variable, and their real roots.

A polynomial is a tuple of Python integers, highest power first.  A real root
is a squarefree polynomial p with an interval with rational ends at which p
does not vanish and between which it has exactly one root; the interval
shrinks by quadratic interval refinement.  The sign of another polynomial f at
the root is exact: f vanishes there if and only if gcd(f, p) changes sign over
the interval, and otherwise interval arithmetic with outward rounding decides
after finitely many refinements.

p need not be irreducible: whenever a gcd splits it, the factor that vanishes
at the root takes its place (dynamic evaluation).

References: J. Abbott, Quadratic interval refinement, ACM CCA 48 (2014);
J. Della Dora, C. Dicrescenzo, D. Duval, About a new method for computing in
algebraic number fields, EUROCAL 85.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import reduce
from math import gcd, isqrt, lcm

import sympy as sp
from sympy.polys.densearith import dup_exquo, dup_mul
from sympy.polys.densetools import dup_primitive
from sympy.polys.domains import ZZ
from sympy.polys.euclidtools import dup_gcd, dup_invert
from sympy.polys.factortools import dup_factor_list
from sympy.polys.polyerrors import NotInvertible
from sympy.polys.rootisolation import dup_isolate_real_roots_sqf
from sympy.polys.sqfreetools import dup_sqf_list

__all__ = ["Dense", "RealRoot", "real_roots"]

#: A polynomial in t with integer coefficients, highest power first.
Dense = tuple[int, ...]

#: The exponents of a monomial, and a polynomial in several variables.
Monomial = tuple[int, ...]
Sparse = Mapping[Monomial, int]

#: Bits of the enclosures tried before the exact test for zero.
_QUICK = (64, 192)


def dense(coefficients: Sequence) -> Dense:
    """The polynomial with these integer coefficients; 0 is the empty tuple."""
    values = [int(c) for c in coefficients]
    first = next((k for k, c in enumerate(values) if c), len(values))
    return tuple(values[first:])


def _over_zz(f: Dense) -> list:
    return [ZZ(c) for c in f]


def multiply(f: Dense, g: Dense) -> Dense:
    """The product of two polynomials."""
    return dense(dup_mul(_over_zz(f), _over_zz(g), ZZ))


def add(f: Dense, g: Dense, a: int = 1, b: int = 1) -> Dense:
    """a f + b g."""
    size = max(len(f), len(g))
    f, g = (0,) * (size - len(f)) + f, (0,) * (size - len(g)) + g
    return dense([a * u + b * v for u, v in zip(f, g)])


def divide(f: Dense, g: Dense) -> Dense:
    """The primitive part of f / g, where g divides f over the rationals."""
    return primitive(dense(dup_exquo(_over_zz(primitive(f)), _over_zz(primitive(g)), ZZ)))


def exact_quotient(f: Dense, g: Dense) -> Dense | None:
    """f / g when it is a polynomial with integer coefficients, else None."""
    quotient, rest = [], list(f)
    while len(rest) >= len(g):
        c, left = divmod(rest[0], g[0])
        if left:
            return None
        quotient.append(c)
        for k, b in enumerate(g):
            rest[k] -= c * b
        rest = rest[1:]
    return None if any(rest) else dense(quotient)


def derivative(f: Dense) -> Dense:
    """df/dt."""
    return tuple(c * k for c, k in zip(f, range(len(f) - 1, 0, -1)))


def primitive(f: Dense) -> Dense:
    """f divided by the greatest common divisor of its coefficients."""
    return dense(dup_primitive(_over_zz(f), ZZ)[1])


def common_divisor(f: Dense, g: Dense) -> Dense:
    """The primitive greatest common divisor."""
    return primitive(dense(dup_gcd(_over_zz(f), _over_zz(g), ZZ)))


def squarefree_factors(f: Dense) -> list[tuple[Dense, int]]:
    """Coprime squarefree primitive factors of f != 0 with their multiplicities."""
    return [(primitive(dense(g)), int(k)) for g, k in dup_sqf_list(_over_zz(f), ZZ)[1]]


def remainder(f: Dense, p: Dense) -> tuple[Dense, int]:
    """(r, c) with c > 0, c f = r modulo p and deg r < deg p, in lowest terms."""
    rest, scale, lead = list(f), 1, p[0]
    while len(rest) >= len(p):
        head = rest[0]
        if head:
            common = gcd(head, lead)
            up, head = abs(lead // common), head // common
            if lead < 0:
                head = -head
            scale *= up
            rest = [up * c for c in rest]
            for k, c in enumerate(p):
                rest[k] -= head * c
        rest = rest[1:]
    r = dense(rest)
    common = reduce(gcd, r, scale)
    return tuple(c // common for c in r), scale // common


def scale(f: Dense, factor: int) -> Dense:
    """factor times f."""
    return tuple(factor * c for c in f)


def product_modulo(factors: Sequence[Dense], p: Dense) -> tuple[Dense, int]:
    """(f, c) with c > 0 and f = c times the product of the factors, modulo p."""
    result: Dense = (1,)
    c = 1
    for factor in factors:
        result, more = remainder(multiply(result, factor), p)
        c *= more
    return result, c


def substitute(f: Sparse, numerators: Sequence[Dense], denominator: Dense, p: Dense,
               degree: int) -> tuple[Dense, int]:
    """(N, c), c > 0, with N = c D^degree f(N_1/D, ..., N_n/D) modulo p.

    ``degree`` is at least the total degree of f.
    """
    products: dict[tuple[int, ...], tuple[Dense, int]] = {(): ((1,), 1)}
    factors = (*numerators, denominator)

    def product(word: tuple[int, ...]) -> tuple[Dense, int]:
        if word not in products:
            head, c = product(word[:-1])
            value, more = remainder(multiply(head, factors[word[-1]]), p)
            products[word] = value, c * more
        return products[word]

    total: Dense = ()
    common = 1
    for monomial, coefficient in f.items():
        exponents = (degree - sum(monomial), *monomial)
        word = tuple(k - 1 for k, e in enumerate(exponents) for _ in range(e))
        term, c = product(word)
        joint = lcm(common, c)
        total = add(total, term, joint // common, coefficient * (joint // c))
        common = joint
    return total, common


def evaluate(f: Dense, t: Fraction) -> Fraction:
    """f(t), exactly."""
    return Fraction(_homogeneous(f, t.numerator, t.denominator),
                    t.denominator ** max(len(f) - 1, 0))


def _homogeneous(f: Dense, u: int, v: int) -> int:
    """v^deg(f) f(u/v)."""
    value, power = 0, 1
    for c in f:
        value = value * u + c * power
        power *= v
    return value


def sign(value: int | Fraction) -> int:
    """-1, 0 or 1."""
    return (value > 0) - (value < 0)


class RealRoot:
    """One real root of a squarefree integer polynomial, refined on demand.

    The root is the only one of ``p`` in the open interval (lo, hi), at whose
    ends p does not vanish; or lo = hi is the root and p = (v t - u).
    Refinement and splitting change how the root is stored, never the root.
    """

    __slots__ = ("p", "lo", "hi")

    def __init__(self, p: Dense, lo: Fraction, hi: Fraction) -> None:
        self.p, self.lo, self.hi = p, lo, hi

    def sign_of(self, f: Dense) -> int:
        """The exact sign of f at the root; 0 is proved by a common divisor."""
        if len(f) <= 1:
            return sign(f[0]) if f else 0
        if self.lo == self.hi:
            return sign(evaluate(f, self.lo))
        for bits in _QUICK:
            found = self._enclosed_sign(f, bits)
            if found:
                return found
        common = common_divisor(f, self.p)
        if len(common) > 1:
            # At a root of its squarefree multiple p, `common` changes sign.
            if sign(evaluate(common, self.lo)) != sign(evaluate(common, self.hi)):
                self.p = common
                return 0
            self.p = divide(self.p, common)
        bits = 2 * _QUICK[-1]
        while not (found := self._enclosed_sign(f, bits)):
            bits *= 2
        return found

    def _enclosed_sign(self, f: Dense, bits: int) -> int:
        lo, hi = self.range_of(f, bits)
        return 1 if lo > 0 else -1 if hi < 0 else 0

    def range_of(self, f: Dense, bits: int) -> tuple[int, int]:
        """(lo, hi) with 2^-bits lo <= f(root) <= 2^-bits hi.

        Computed with the root known to 2^-bits; intermediate results are
        rounded outward to multiples of 2^-bits.
        """
        if len(f) <= 1:
            value = (f[0] if f else 0) << bits
            return value, value
        a, b = self._cell(bits)
        lo = hi = 0
        for c in f:
            products = (lo * a, lo * b, hi * a, hi * b)
            lo = (min(products) >> bits) + (c << bits)
            hi = -(-max(products) >> bits) + (c << bits)
        return lo, hi

    def _cell(self, bits: int) -> tuple[int, int]:
        """(a, b), b - a <= 1, with the root in [a, b] 2^-bits."""
        if self.hi > self.lo and (self.hi - self.lo) * (1 << bits) > Fraction(1, 2):
            self._refine(bits + 1)
        return (self.lo * (1 << bits)).__floor__(), (self.hi * (1 << bits)).__ceil__()

    def _refine(self, bits: int) -> None:
        """Shrink (lo, hi) to at most 2^-bits: quadratic interval refinement.

        A secant step guesses one of 2^k equal parts and checks the guess by
        signs; a hit doubles k, a miss halves it, and k = 1 is bisection.
        """
        goal, k, p = Fraction(1, 1 << bits), 2, self.p
        lo, hi = self.lo, self.hi
        at_lo, at_hi = evaluate(p, lo), evaluate(p, hi)
        while hi - lo > goal:
            width = (hi - lo) / (1 << k)
            index = ((1 << k) * abs(at_lo) / (abs(at_lo) + abs(at_hi))).__round__()
            index = min(max(index, 1), (1 << k) - 1)
            middle = lo + index * width
            at_middle = evaluate(p, middle)
            if at_middle == 0:
                lo = hi = middle
                self.p = (middle.denominator, -middle.numerator)
                break
            left = sign(at_middle) != sign(at_lo)
            other = middle - width if left else middle + width
            at_other = evaluate(p, other)
            if left:
                hi, at_hi = middle, at_middle
                hit = sign(at_other) == sign(at_lo)
                if hit:
                    lo, at_lo = other, at_other
            else:
                lo, at_lo = middle, at_middle
                hit = sign(at_other) == sign(at_hi)
                if hit:
                    hi, at_hi = other, at_other
            if at_other == 0:
                lo = hi = other
                self.p = (other.denominator, -other.numerator)
                break
            k = 2 * k if hit else max(k // 2, 1)
        self.lo, self.hi = lo, hi

    def make_irreducible(self) -> None:
        """Replace p by its irreducible factor that vanishes at the root."""
        for factor, _ in dup_factor_list(_over_zz(self.p), ZZ)[1]:
            f = dense(factor)
            if sign(evaluate(f, self.lo)) != sign(evaluate(f, self.hi)):
                self.p = f

    def rational(self) -> Fraction | None:
        """The root, if it is rational.

        A rational root of p has a denominator that divides the leading
        coefficient c, so c times it is one of at most two known integers.
        """
        lead = abs(self.p[0])
        if self.lo < self.hi:
            self._refine(lead.bit_length() + 1)
        if self.lo == self.hi:
            return self.lo
        candidate = Fraction((self.hi * lead).__floor__(), lead)
        if candidate > self.lo and evaluate(self.p, candidate) == 0:
            self.lo = self.hi = candidate
            self.p = (candidate.denominator, -candidate.numerator)
            return candidate
        return None


def real_roots(p: Dense) -> list[RealRoot]:
    """All real roots of a squarefree p, ascending, rational ones exact."""
    p = primitive(p)
    if len(p) <= 1:
        return []
    intervals = [(Fraction(int(a.numerator), int(a.denominator)),
                  Fraction(int(b.numerator), int(b.denominator)))
                 for a, b in dup_isolate_real_roots_sqf(_over_zz(p), ZZ)]
    rest = p
    for a, b in intervals:
        if a == b:
            # Removed from p, so that no interval ends at a root of its p.
            rest = divide(rest, (a.denominator, -a.numerator))
    roots = []
    for a, b in intervals:
        if a == b:
            roots.append(RealRoot((a.denominator, -a.numerator), a, a))
        else:
            roots.append(RealRoot(rest, a, b))
            roots[-1].rational()
    return roots


def invert(f: Dense, p: Dense) -> tuple[Dense, int]:
    """(g, d) with f g = d modulo p, for coprime f and p.

    The inverse modulo a prime q is lifted to q^(2^k) by Newton's iteration
    until its rational reconstruction passes the exact check.
    """
    q = 1 << 31
    while True:
        q = int(sp.prevprime(q))
        if p[0] % q:
            field = sp.GF(q, symmetric=False)
            residues = [field(c) for c in f]
            while residues and not residues[0]:
                residues = residues[1:]
            try:
                start = dup_invert(residues, [field(c) for c in p], field)
                break
            except (NotInvertible, ZeroDivisionError):
                continue
    inverse, modulus = dense([int(c) for c in start]), q
    while True:
        found = reconstruct(inverse, modulus)
        if found is not None:
            g, d = dense(found[0]), found[1]
            if not remainder(add(multiply(f, g), (d,), 1, -1), p)[0]:
                return g, d
        modulus *= modulus
        defect = add((2,), _modulo(multiply(f, inverse), p, modulus), 1, -1)
        inverse = _modulo(multiply(inverse, defect), p, modulus)


def _modulo(f: Dense, p: Dense, modulus: int) -> Dense:
    """f modulo p and modulo `modulus`, which is prime to p's leading coefficient."""
    scale = pow(p[0], -1, modulus)
    monic = [c * scale % modulus for c in p]
    rest = [c % modulus for c in f]
    while len(rest) >= len(p):
        head = rest[0]
        for k, c in enumerate(monic):
            rest[k] = (rest[k] - head * c) % modulus
        rest = rest[1:]
    return dense(rest)


def reconstruct(residues: Sequence[int], modulus: int) -> tuple[Dense, int] | None:
    """(g, d), d > 0, with d f = g modulo `modulus` and small g, d; or None."""
    bound = isqrt(modulus // 2)
    d = 1
    for c in residues:
        found = rational_reconstruction(c * d % modulus, modulus, bound)
        if found is None or d * found[1] > bound:
            return None
        d *= found[1]
    half = modulus // 2
    return tuple((c * d + half) % modulus - half for c in residues), d


def rational_reconstruction(residue: int, modulus: int,
                            bound: int) -> tuple[int, int] | None:
    """(u, v) with u = residue v modulo `modulus`, |u|, v <= bound; or None."""
    a, b, s, t = modulus, residue % modulus, 0, 1
    while b > bound:
        quotient = a // b
        a, b, s, t = b, a - quotient * b, t, s - quotient * t
    if t == 0 or abs(t) > bound or gcd(b, t) != 1:
        return None
    return (b, t) if t > 0 else (-b, -t)
