"""Numbers with a running error bound: how far floats may be from the truth.

A pair (value, error) holds a 30-digit value and a bound, to first order, on the
distance of the double-precision result (Higham, Accuracy and Stability of
Numerical Algorithms, 2nd ed., section 3.3).  Each operation adds its own rounding
to what its operands bring along.  Tests use it as a tolerance that knows about
cancellation, never as the expected value.
"""

import mpmath
from mpmath import mpf

DIGITS = 40
ROUNDING = mpf(2) ** -50
SPECIAL = mpf(2) ** -42             # SciPy's special functions are a little worse
LARGEST, SMALLEST = mpf(10) ** 280, mpf(10) ** -280


class OutOfRange(ArithmeticError):
    """A value that floats overflow or underflow on, or too near a singularity."""


def _checked(value, error):
    if mpmath.im(value) or not mpmath.isfinite(value) or not mpmath.isfinite(error):
        raise OutOfRange
    if abs(value) > LARGEST or 0 < abs(value) < SMALLEST or error > abs(value) / 8 + 1:
        raise OutOfRange
    return value, error


def _function(f, rounding=ROUNDING):
    def apply(self, a, *parameters):
        value, error = a
        try:
            middle = f(value, *parameters)
            ends = [f(value + error, *parameters), f(value - error, *parameters)]
        except (ValueError, ZeroDivisionError, OverflowError):
            raise OutOfRange from None
        if any(mpmath.im(end) for end in ends):
            raise OutOfRange
        # A zero within reach turns first-order bounds into nonsense.
        spread = max(abs(end - middle) for end in ends)
        return _checked(middle, 2 * spread + abs(middle) * rounding)
    return apply


class Running:
    """An arithmetic for `Program.evaluate`."""

    def constant(self, value):
        q = mpf(value.numerator) / value.denominator
        return q, (0 if q == float(q) else abs(q) * ROUNDING)

    def pi(self):
        return +mpmath.pi, ROUNDING

    def add(self, a, b):
        value = a[0] + b[0]
        return _checked(value, a[1] + b[1] + abs(value) * ROUNDING)

    def sub(self, a, b):
        return self.add(a, self.neg(b))

    def neg(self, a):
        return -a[0], a[1]

    def mul(self, a, b):
        value = a[0] * b[0]
        return _checked(value, abs(a[0]) * b[1] + abs(b[0]) * a[1] + a[1] * b[1]
                        + abs(value) * ROUNDING)

    def div(self, a, b):
        smallest = abs(b[0]) - b[1]
        if smallest <= 0:
            raise OutOfRange
        value = a[0] / b[0]
        return _checked(value, (a[1] + abs(value) * b[1]) / smallest + abs(value) * ROUNDING)

    def pow(self, a, n):
        return _function(lambda t: t ** n, n * ROUNDING)(self, a)

    powr = _function(lambda t, q: t ** (mpf(q.numerator) / q.denominator))
    polygamma = _function(lambda t, n: mpmath.psi(n, t), SPECIAL)


for _name in ("exp log sin cos tan sinh cosh tanh asin acos atan asinh acosh atanh "
              "sqrt").split():
    setattr(Running, _name, _function(getattr(mpmath, _name)))
for _name in "erf erfc gamma loggamma".split():
    setattr(Running, _name, _function(getattr(mpmath, _name), SPECIAL))


def inputs(point):
    """A point of floats as exact inputs."""
    return [(mpf(t), mpf(0)) for t in point]
