r"""Exact numbers sum_k c_k exp(u_k) with algebraic c_k and distinct algebraic u_k.

By the theorem of Lindemann and Weierstrass the exponentials of distinct algebraic
numbers are linearly independent over the algebraic numbers.  So such a sum is zero
if and only if every c_k is zero: equality is decidable, and the sign of a non-zero sum
comes out of interval arithmetic at a precision that rises until zero is excluded.

This is enough to evaluate the second derivatives of a game made of polynomials and
exponentials at a rational or algebraic point with no rounding at all, which is what
decides degenerate cases: a zero eigenvalue, a centre, a singular follower's Hessian.

Reference: A. Baker, Transcendental Number Theory, CUP 1975, theorem 1.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Union

from mpmath.ctx_iv import MPIntervalContext

from .minors import exact_sign
from .numberfield import AlgebraicPoint, FieldElement

__all__ = ["ExpSum", "ExactNumbers"]

Algebraic = Union[Fraction, FieldElement]

#: Values of the functions that are rational at 0, and at 1.
_AT_ZERO = {"sin": 0, "cos": 1, "tan": 0, "sinh": 0, "cosh": 1, "tanh": 0, "asin": 0,
            "atan": 0, "asinh": 0, "atanh": 0, "sqrt": 0}
_AT_ONE = {"log": 0, "acos": 0, "acosh": 0, "sqrt": 1}


class ExpSum:
    """A number sum_k c_k exp(u_k); made and used through `ExactNumbers`.

    ``terms`` are the pairs (u_k, c_k), the u_k distinct and no c_k zero.
    """

    __slots__ = ("numbers", "terms")

    def __init__(self, numbers: ExactNumbers,
                 terms: Sequence[tuple[Algebraic, Algebraic]]) -> None:
        self.numbers, self.terms = numbers, tuple(terms)

    def _coerced(self, other: Any) -> ExpSum:
        return other if isinstance(other, ExpSum) else self.numbers.constant(Fraction(other))

    def __add__(self, other: Any) -> ExpSum:
        sign = self.numbers.algebraic_sign
        terms = list(self.terms)
        for u, c in self._coerced(other).terms:
            for k, (v, d) in enumerate(terms):
                if sign(u - v) == 0:
                    total = c + d
                    terms[k:k + 1] = [(v, total)] if sign(total) else []
                    break
            else:
                terms.append((u, c))
        return ExpSum(self.numbers, terms)

    __radd__ = __add__

    def __neg__(self) -> ExpSum:
        return ExpSum(self.numbers, [(u, -c) for u, c in self.terms])

    def __sub__(self, other: Any) -> ExpSum:
        return self + -self._coerced(other)

    def __rsub__(self, other: Any) -> ExpSum:
        return -self + other

    def __mul__(self, other: Any) -> ExpSum:
        total = ExpSum(self.numbers, ())
        for v, d in self._coerced(other).terms:
            total = total + ExpSum(self.numbers, [(u + v, c * d) for u, c in self.terms])
        return total

    __rmul__ = __mul__

    def __pow__(self, n: int) -> ExpSum:
        result = self.numbers.constant(Fraction(1))
        for _ in range(n):
            result = result * self
        return result

    def __repr__(self) -> str:
        return " + ".join(f"({c})*exp({u})" for u, c in self.terms) or "0"


class ExactNumbers:
    """The arithmetic of `ExpSum` at one exact point, for `Program.evaluate`.

    Parameters
    ----------
    point : an `AlgebraicPoint`, whose coordinates are the inputs, or a sequence of
        rational coordinates.

    Operations that leave the exponential sums of algebraic numbers (a sine away from
    0, a square root of a number that is no square) raise ArithmeticError: nothing is
    known then.  Division by zero raises ZeroDivisionError.

    >>> n = ExactNumbers([Fraction(0), Fraction(1, 2)])
    >>> x, y = n.inputs
    >>> n.sign(n.exp(x) - 1), n.sign(n.exp(y) - 2)
    (0, -1)
    """

    def __init__(self, point: AlgebraicPoint | Sequence[Fraction]) -> None:
        self.point = point if isinstance(point, AlgebraicPoint) else None
        coordinates: Sequence[Algebraic] = (
            point.coordinates if isinstance(point, AlgebraicPoint)
            else [Fraction(v) for v in point])
        self.inputs = [self._algebraic(c) for c in coordinates]

    def _algebraic(self, value: Algebraic) -> ExpSum:
        zero = Fraction(0) if self.point is None else self.point.constant(0)
        return ExpSum(self, [(zero, value)] if self.algebraic_sign(value) else [])

    def algebraic_sign(self, value: Algebraic) -> int:
        """The exact sign of a coefficient or an exponent."""
        if isinstance(value, FieldElement):
            return value.point.sign_of(value)
        return exact_sign(value)

    def sign(self, value: ExpSum | int) -> int:
        """The exact sign, -1, 0 or 1, of a number."""
        if not isinstance(value, ExpSum):
            return exact_sign(value)
        signs = {self.algebraic_sign(c) for _, c in value.terms}
        if len(signs) <= 1:
            return signs.pop() if signs else 0
        # Not zero, by Lindemann and Weierstrass: some precision shows the sign.
        bits = 64
        while True:
            context = MPIntervalContext()
            context.prec = bits
            total = context.mpf(0)
            for u, c in value.terms:
                total += _enclosed(context, c, bits) * context.exp(_enclosed(context, u, bits))
            if total.a > 0:
                return 1
            if total.b < 0:
                return -1
            bits *= 2

    # -- the protocol of Program.evaluate --------------------------------

    def constant(self, value: Fraction) -> ExpSum:
        """A rational number."""
        return self._algebraic(Fraction(value) if self.point is None
                               else self.point.constant(value))

    def pi(self) -> ExpSum:
        """Pi is transcendental: raises ArithmeticError."""
        raise ArithmeticError("pi is not algebraic")

    def add(self, a: ExpSum, b: ExpSum) -> ExpSum:
        """a + b."""
        return a + b

    def sub(self, a: ExpSum, b: ExpSum) -> ExpSum:
        """a - b."""
        return a - b

    def mul(self, a: ExpSum, b: ExpSum) -> ExpSum:
        """a b."""
        return a * b

    def neg(self, a: ExpSum) -> ExpSum:
        """-a."""
        return -a

    def pow(self, a: ExpSum, n: int) -> ExpSum:
        """a**n for an int n >= 1."""
        return a ** n

    def div(self, a: ExpSum, b: ExpSum) -> ExpSum:
        """a / b for a b of one term."""
        if not b.terms:
            raise ZeroDivisionError("division by zero")
        if len(b.terms) > 1:
            raise ArithmeticError("no quotient of exponential sums")
        (u, c), = b.terms
        inverse = 1 / c if isinstance(c, Fraction) else c.point.inverse(c)
        return a * ExpSum(self, [(-u, inverse)])

    def exp(self, a: ExpSum) -> ExpSum:
        """exp(a) of an algebraic number."""
        one = self.constant(Fraction(1)).terms[0][1]
        if not a.terms:
            return self.constant(Fraction(1))
        if len(a.terms) > 1 or self.algebraic_sign(a.terms[0][0]):
            raise ArithmeticError("an exponential of an exponential")
        return ExpSum(self, [(a.terms[0][1], one)])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)

        def at_a_rational_value(a: ExpSum, *_: Any) -> ExpSum:
            if name in _AT_ZERO and not a.terms:
                return self.constant(Fraction(_AT_ZERO[name]))
            if name in _AT_ONE and not (a - 1).terms:
                return self.constant(Fraction(_AT_ONE[name]))
            raise ArithmeticError(f"{name} is not known exactly here")
        return at_a_rational_value


def _enclosed(context: MPIntervalContext, value: Algebraic, bits: int) -> Any:
    low, high = (value, value) if isinstance(value, Fraction) else value.enclosure(bits)
    low, high = Fraction(low), Fraction(high)
    a = context.mpf(low.numerator) / low.denominator
    b = context.mpf(high.numerator) / high.denominator
    return context.mpf([a.a, b.b])
