r"""Exact numbers sum_k c_k exp(u_k) with algebraic c_k and distinct algebraic u_k.

By the theorem of Lindemann and Weierstrass the exponentials of distinct algebraic
numbers are linearly independent over the algebraic numbers.  So such a sum is zero
if and only if every c_k is zero: equality is decidable, and the sign of a non-zero sum
comes out of interval arithmetic at a precision that rises until zero is excluded.

This is enough to evaluate the second derivatives of a game made of polynomials and
exponentials at a rational or algebraic point with no rounding at all, which is what
decides degenerate cases: a zero eigenvalue, a centre, a singular follower's Hessian.

Rational multiples of pi are kept apart (`PiMultiple`): their sines and cosines are
rational at multiples of pi/2, and that is where the critical points of games on a torus
often lie.

Reference: A. Baker, Transcendental Number Theory, CUP 1975, theorem 1.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Union

from mpmath.ctx_iv import MPIntervalContext

from .minors import exact_sign
from .numberfield import AlgebraicPoint, FieldElement

__all__ = ["ExpSum", "ExactNumbers", "PiMultiple"]

Algebraic = Union[Fraction, FieldElement]

#: Rational values of sin(pi q) and tan(pi q) in one period; others are irrational.
_SINE = {Fraction(0): Fraction(0), Fraction(1, 6): Fraction(1, 2), Fraction(1, 2): Fraction(1),
         Fraction(5, 6): Fraction(1, 2), Fraction(1): Fraction(0),
         Fraction(7, 6): Fraction(-1, 2), Fraction(3, 2): Fraction(-1),
         Fraction(11, 6): Fraction(-1, 2)}
_TANGENT = {Fraction(0): Fraction(0), Fraction(1, 4): Fraction(1), Fraction(3, 4): Fraction(-1)}

#: Values of the functions that are rational at 0, and at 1.
_AT_ZERO = {"sinh": 0, "cosh": 1, "tanh": 0, "asin": 0,
            "atan": 0, "asinh": 0, "atanh": 0, "sqrt": 0}
_AT_ONE = {"log": 0, "acos": 0, "acosh": 0, "sqrt": 1}


class PiMultiple:
    """The number q pi, q rational and not zero."""

    __slots__ = ("q",)

    def __init__(self, q: Fraction) -> None:
        self.q = q

    def __repr__(self) -> str:
        return f"{self.q}*pi"


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
        coordinates, each a Fraction or a `PiMultiple`.

    Operations that leave the exponential sums of algebraic numbers (a sine away from
    0, a square root of a number that is no square) raise ArithmeticError: nothing is
    known then.  Division by zero raises ZeroDivisionError.

    >>> n = ExactNumbers([Fraction(0), Fraction(1, 2)])
    >>> x, y = n.inputs
    >>> n.sign(n.exp(x) - 1), n.sign(n.exp(y) - 2)
    (0, -1)
    """

    def __init__(self, point: AlgebraicPoint | Sequence[Fraction | PiMultiple]) -> None:
        self.point = point if isinstance(point, AlgebraicPoint) else None
        self.inputs: list[Any] = [
            c if isinstance(c, PiMultiple) else self._algebraic(c)
            for c in (point.coordinates if isinstance(point, AlgebraicPoint) else point)]

    def _algebraic(self, value: Algebraic) -> ExpSum:
        zero = Fraction(0) if self.point is None else self.point.constant(0)
        return ExpSum(self, [(zero, value)] if self.algebraic_sign(value) else [])

    def algebraic_sign(self, value: Algebraic) -> int:
        """The exact sign of a coefficient or an exponent."""
        if isinstance(value, FieldElement):
            return value.point.sign_of(value)
        return exact_sign(value)

    def sign(self, value: ExpSum | PiMultiple | int) -> int:
        """The exact sign, -1, 0 or 1, of a number."""
        if isinstance(value, PiMultiple):
            return exact_sign(value.q)
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

    def pi(self) -> PiMultiple:
        """The number pi."""
        return PiMultiple(Fraction(1))

    def _angle(self, q: Fraction) -> Any:
        return PiMultiple(q) if q else self.constant(Fraction(0))

    def _rational(self, a: Any) -> Fraction:
        """A number that is known to be rational; ArithmeticError for others."""
        if isinstance(a, ExpSum):
            if not a.terms:
                return Fraction(0)
            (u, c), *more = a.terms
            if not more and isinstance(c, Fraction) and not self.algebraic_sign(u):
                return c
        raise ArithmeticError("a product with pi is not known exactly")

    def add(self, a: Any, b: Any) -> Any:
        """a + b."""
        if isinstance(a, ExpSum) and isinstance(b, ExpSum):
            return a + b
        angles = [x.q if isinstance(x, PiMultiple) else None for x in (a, b)]
        if None in angles and any(isinstance(x, ExpSum) and x.terms for x in (a, b)):
            raise ArithmeticError("a sum with pi is not known exactly")
        return self._angle(sum((q for q in angles if q is not None), Fraction(0)))

    def sub(self, a: Any, b: Any) -> Any:
        """a - b."""
        return self.add(a, self.neg(b))

    def mul(self, a: Any, b: Any) -> Any:
        """a b."""
        if isinstance(a, ExpSum) and isinstance(b, ExpSum):
            return a * b
        if isinstance(a, PiMultiple):
            a, b = b, a
        return self._angle(self._rational(a) * b.q)

    def select(self, c: Any, a: Any, b: Any) -> Any:
        """a if c > 0, b if c < 0; ArithmeticError at 0, where derivatives jump."""
        sign = self.sign(c)
        if not sign:
            raise ArithmeticError("a rule switches here")
        return a if sign > 0 else b

    def neg(self, a: Any) -> Any:
        """-a."""
        return PiMultiple(-a.q) if isinstance(a, PiMultiple) else -a

    def pow(self, a: Any, n: int) -> ExpSum:
        """a**n for an int n >= 1."""
        if isinstance(a, PiMultiple):
            raise ArithmeticError("a power of pi is not known exactly")
        return a ** n

    def sin(self, a: Any) -> ExpSum:
        """sin(a) of 0 and of the multiples of pi where it is rational."""
        q = a.q if isinstance(a, PiMultiple) else None if a.terms else Fraction(0)
        return self._looked_up(_SINE, q, 2)

    def cos(self, a: Any) -> ExpSum:
        """cos(a) = sin(a + pi/2)."""
        q = a.q if isinstance(a, PiMultiple) else None if a.terms else Fraction(0)
        return self._looked_up(_SINE, None if q is None else q + Fraction(1, 2), 2)

    def tan(self, a: Any) -> ExpSum:
        """tan(a) of 0 and of the multiples of pi where it is rational."""
        q = a.q if isinstance(a, PiMultiple) else None if a.terms else Fraction(0)
        return self._looked_up(_TANGENT, q, 1)

    def _looked_up(self, table: dict[Fraction, Fraction], q: Fraction | None,
                   period: int) -> ExpSum:
        value = None if q is None else table.get(q % period)
        if value is None:
            raise ArithmeticError("a circular function is not rational here")
        return self.constant(value)

    def div(self, a: Any, b: Any) -> Any:
        """a / b for a b of one term."""
        if isinstance(b, PiMultiple):
            if isinstance(a, PiMultiple):
                return self.constant(a.q / b.q)
            raise ArithmeticError("a quotient by pi is not known exactly")
        if isinstance(a, PiMultiple) and b.terms:
            return self._angle(a.q / self._rational(b))
        if not b.terms:
            raise ZeroDivisionError("division by zero")
        if len(b.terms) > 1:
            raise ArithmeticError("no quotient of exponential sums")
        (u, c), = b.terms
        inverse = 1 / c if isinstance(c, Fraction) else c.point.inverse(c)
        return a * ExpSum(self, [(-u, inverse)])

    def exp(self, a: Any) -> ExpSum:
        """exp(a) of an algebraic number."""
        one = self.constant(Fraction(1)).terms[0][1]
        if isinstance(a, PiMultiple):
            raise ArithmeticError("an exponential of pi is not known exactly")
        if not a.terms:
            return self.constant(Fraction(1))
        if len(a.terms) > 1 or self.algebraic_sign(a.terms[0][0]):
            raise ArithmeticError("an exponential of an exponential")
        return ExpSum(self, [(a.terms[0][1], one)])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)

        def at_a_rational_value(a: Any, *_: Any) -> ExpSum:
            if isinstance(a, PiMultiple):
                raise ArithmeticError(f"{name} of a multiple of pi is not known exactly")
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
