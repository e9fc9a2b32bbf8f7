r"""Rational functions of one variable s, with coefficients in another arithmetic.

A program in (x, s), x a point known exactly or in intervals, becomes p(s)/q(s) with
coefficients in the arithmetic of the point, if s meets + - * / only.  So the sign of a
determinant can be decided for all s of a range at once: for s in [a, b], with

    p(s) = sum_k B_k binom(d, k) t^k (1 - t)^(d-k),     s = a + (b - a) t,

p has the sign that all Bernstein coefficients B_k share.  Zeros at s = 0 are divided out
first, so that a range may begin at 0, which then is no part of it; a range up to infinity is
one down to 0 for s^d p(1/s).

Reference: R. T. Farouki, The Bernstein polynomial basis: a centennial retrospective,
Comput. Aided Geom. Design 29 (2012).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import zip_longest
from typing import Any

from .program import Rationals

__all__ = ["Ratio", "Ratios", "WholeNumbers"]

Sign = Callable[[Any], "int | None"]


class Ratio:
    """p(s)/q(s); + - * among themselves and with int.  Made by a `Ratios`.

    ``p`` and ``q`` are coefficients, powers ascending; q is None for 1.
    """

    __slots__ = ("over", "p", "q")

    def __init__(self, over: Ratios, p: Sequence[Any], q: tuple[Any, ...] | None = None) -> None:
        self.over, self.p, self.q = over, tuple(p), q

    def _with(self, other: Any, subtract: bool) -> Ratio:
        over = self.over
        other = other if isinstance(other, Ratio) else over.constant(Fraction(other))
        p: Sequence[Any] = self.p
        q: Sequence[Any] = other.p
        r = self.q
        # Equal denominators are mostly one object: the value of one node.
        if self.q is not other.q:
            r = over.product(self.q, other.q)
            p = p if other.q is None else over.times(p, other.q)
            q = q if self.q is None else over.times(q, self.q)
        return Ratio(over, over.sum(p, q, subtract), r)

    def __add__(self, other: Any) -> Ratio:
        return self._with(other, False)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Ratio:
        return self._with(other, True)

    def __rsub__(self, other: Any) -> Ratio:
        return -self + other

    def __neg__(self) -> Ratio:
        return Ratio(self.over, [self.over.base.neg(c) for c in self.p], self.q)

    def __mul__(self, other: Any) -> Ratio:
        over = self.over
        if isinstance(other, int):
            factor = over.base.constant(Fraction(other))
            return Ratio(over, [over.base.mul(factor, c) for c in self.p], self.q)
        return Ratio(over, over.times(self.p, other.p), over.product(self.q, other.q))

    __rmul__ = __mul__

    def without_constant(self) -> Ratio:
        """The same, with p(0), known to be zero, put to zero."""
        return Ratio(self.over, [self.over.base.constant(Fraction(0)), *self.p[1:]], self.q)

    def __repr__(self) -> str:
        return f"Ratio of degrees {len(self.p) - 1}, {len(self.q or (1,)) - 1}"


class Ratios:
    """The arithmetic of `Ratio` over ``base``, for `Program.evaluate`.

    ``sign`` tells the sign of a number of ``base``, None where it cannot.  Raises
    ArithmeticError where the program applies another function to s.

    >>> from gameanalysis.programs.program import Rationals
    >>> over = Ratios(Rationals(), lambda x: (x > 0) - (x < 0))
    >>> s = over.variable()
    >>> over.sign_on(Fraction(0), Fraction(1))(s * s - s * 2)
    -1
    """

    def __init__(self, base: Any, sign: Sign) -> None:
        self.base, self.base_sign = base, sign
        # Products of denominators, by identity: sums then find theirs equal.
        self._products: dict[tuple[int, int], tuple[Any, ...]] = {}
        self._kept: list[Any] = []

    # -- coefficients -------------------------------------------------------

    def sum(self, p: Sequence[Any], q: Sequence[Any], subtract: bool) -> list[Any]:
        """The coefficients of p + q or p - q."""
        zero = self.base.constant(Fraction(0))
        combine = self.base.sub if subtract else self.base.add
        return [combine(a, b) for a, b in zip_longest(p, q, fillvalue=zero)]

    def times(self, p: Sequence[Any], q: Sequence[Any]) -> list[Any]:
        """The coefficients of p q."""
        base = self.base
        out: list[Any] = [None] * (len(p) + len(q) - 1)
        for i, a in enumerate(p):
            for j, b in enumerate(q):
                term = base.mul(a, b)
                out[i + j] = term if out[i + j] is None else base.add(out[i + j], term)
        return out

    def product(self, p: tuple[Any, ...] | None, q: tuple[Any, ...] | None
                ) -> tuple[Any, ...] | None:
        """The product of two denominators."""
        if p is None or q is None:
            return p if q is None else q
        key = min(id(p), id(q)), max(id(p), id(q))
        if key not in self._products:
            self._products[key] = tuple(self.times(p, q))
            self._kept += (p, q)                # so that no identity is used twice
        return self._products[key]

    # -- the arithmetic of programs ------------------------------------------

    def variable(self) -> Ratio:
        """The function s."""
        return Ratio(self, [self.base.constant(Fraction(0)), self.base.constant(Fraction(1))])

    def number(self, value: Any) -> Ratio:
        """A number of ``base``, constant in s."""
        return Ratio(self, [value])

    def constant(self, value: Fraction) -> Ratio:
        """A rational number."""
        return self.number(self.base.constant(value))

    def pi(self) -> Ratio:
        """The number pi."""
        return self.number(self.base.pi())

    def add(self, a: Ratio, b: Ratio) -> Ratio:
        """a + b."""
        return a + b

    def sub(self, a: Ratio, b: Ratio) -> Ratio:
        """a - b."""
        return a - b

    def mul(self, a: Ratio, b: Ratio) -> Ratio:
        """a b."""
        return a * b

    def neg(self, a: Ratio) -> Ratio:
        """-a."""
        return -a

    def div(self, a: Ratio, b: Ratio) -> Ratio:
        """a / b."""
        if len(b.p) == 1 and b.q is None:
            divided = [self.base.div(c, b.p[0]) for c in a.p]
            return Ratio(self, divided, a.q)
        p = a.p if b.q is None else self.times(a.p, b.q)
        return Ratio(self, p, self.product(a.q, b.p))

    def pow(self, a: Ratio, n: int) -> Ratio:
        """a**n."""
        if len(a.p) == 1 and a.q is None:
            return self.number(self.base.pow(a.p[0], n))
        out = a
        for _ in range(n - 1):
            out = out * a
        return out

    def __getattr__(self, name: str) -> Callable[..., Ratio]:
        if name.startswith("_"):
            raise AttributeError(name)

        def of_a_constant(*arguments: Any) -> Ratio:
            values = []
            for a in arguments:
                if isinstance(a, Ratio):
                    if len(a.p) > 1 or a.q is not None:
                        raise ArithmeticError(f"{name} of the variable is no rational function")
                    a = a.p[0]
                values.append(a)
            return self.number(getattr(self.base, name)(*values))
        return of_a_constant

    # -- signs ----------------------------------------------------------------

    def sign_on(self, low: Fraction, high: Fraction | None) -> Sign:
        """The sign that a `Ratio` has for every s in (low, high], or in [low, high] for low > 0.

        ``high`` None stands for infinity.  None where the sign changes or is not known.
        """
        def sign(value: Any) -> int | None:
            p = self._sign(value.p, low, high)
            if value.q is None or not p:
                return p
            q = self._sign(value.q, low, high)
            return None if not q else p * q
        return sign

    def _sign(self, p: Sequence[Any], low: Fraction, high: Fraction | None) -> int | None:
        coefficients = list(p)
        while coefficients and self.base_sign(coefficients[-1]) == 0:
            coefficients.pop()
        while coefficients and self.base_sign(coefficients[0]) == 0:
            coefficients.pop(0)                    # a power of s > 0
        if not coefficients:
            return 0
        if high is None:
            if not low:                            # every s > 0: without a change of sign
                signs = {self.base_sign(c) for c in coefficients} - {0}
                return signs.pop() if len(signs) == 1 else None
            coefficients, low, high = coefficients[::-1], Fraction(0), 1 / low
        whole = all(type(c) is int for c in coefficients)
        expand = _whole_bernstein if whole else self._bernstein
        signs = {self.base_sign(b) for b in expand(coefficients, low, high)}
        return signs.pop() if len(signs) == 1 else None

    def _bernstein(self, p: list[Any], low: Fraction, high: Fraction) -> list[Any]:
        """Bernstein coefficients of p on [low, high]."""
        base, d = self.base, len(p) - 1
        out = list(p)
        if low:
            start = base.constant(low)
            for i in range(d):                      # p(s + low), by Horner's scheme
                for j in range(d - 1, i - 1, -1):
                    out[j] = base.add(out[j], base.mul(start, out[j + 1]))
        width = high - low
        for j in range(1, d + 1):                   # a_j width^j / binom(d, j)
            out[j] = base.mul(base.constant(width ** j / math.comb(d, j)), out[j])
        for i in range(d):                          # B_k = sum_j binom(k, j) of these
            for j in range(d, i, -1):
                out[j] = base.add(out[j], out[j - 1])
        return out


def _whole_bernstein(p: list[int], low: Fraction, high: Fraction) -> list[int]:
    """A positive multiple of the Bernstein coefficients of an integer polynomial."""
    d, m = len(p) - 1, math.lcm(low.denominator, high.denominator)
    start, width = int(low * m), int((high - low) * m)
    out = [c * m ** (d - j) for j, c in enumerate(p)]           # m^d p(s / m)
    for i in range(d if start else 0):
        for j in range(d - 1, i - 1, -1):
            out[j] += start * out[j + 1]
    binomials = [math.comb(d, j) for j in range(d + 1)]
    scale = math.lcm(*binomials)
    out = [c * width ** j * (scale // k) for j, (c, k) in enumerate(zip(out, binomials))]
    for i in range(d):
        for j in range(d, i, -1):
            out[j] += out[j - 1]
    return out


class WholeNumbers(Rationals):
    """Exact rational arithmetic that keeps whole numbers as int, whose products are fast.

    >>> WholeNumbers().constant(Fraction(4, 2)), WholeNumbers().constant(Fraction(1, 2))
    (2, Fraction(1, 2))
    """

    def constant(self, value: Fraction) -> Any:
        """The rational itself."""
        return int(value) if value.denominator == 1 else value
