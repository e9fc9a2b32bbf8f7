"""Rigorous interval arithmetic on one box, to any number of digits.

An interval X = [lo, hi] is the set of reals x with lo <= x <= hi; an end may
be infinite.  An enclosure F of a function f satisfies the inclusion property

    f(x) in F(X)   for every x in X at which f is defined.

With p the working precision in bits, an increasing f is evaluated at both ends
to p + 30 bits and both values are moved outward by the factor 1 +- 2^-(p + 10).
ASSUMPTION: mpmath's + - * / and sqrt round as told, and its other functions err
by less than 2^-(p + 11) relatively when asked for p + 30 bits.  (Against Arb
the worst seen is 2^-(p + 27), of sin near a multiple of pi.)  mpmath's acosh
loses half the digits near 1 and its own intervals do not know of it, nor of a
sqrt or log across 0, nor of asin and the hyperbolic functions at all.

Reference: R. E. Moore, R. B. Kearfott, M. J. Cloud, "Introduction to Interval
Analysis", SIAM (2009).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from typing import Any, NoReturn

from mpmath import libmp
from mpmath.ctx_iv import MPIntervalContext
from mpmath.libmp import libmpi

from ..errors import UnsupportedFunction

__all__ = ["NoEnclosure", "PreciseIntervals", "WithoutEnclosure", "check_power"]

_MAX_EXPONENT = 2**30


class NoEnclosure(UnsupportedFunction):
    """A function that intervals cannot enclose, so nothing can be proved of it.

    ``.name`` is the function's name.

    >>> NoEnclosure("erf").name
    'erf'
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"no interval enclosure of {name} is known: points of this program "
                         f"can be searched for and evaluated, but not proved")
        self.name = name

    def __reduce__(self) -> tuple[type, tuple[str]]:
        return type(self), (self.name,)


class WithoutEnclosure:
    """The functions of programs for which both arithmetics raise `NoEnclosure`."""

    def erf(self, a: object) -> NoReturn:
        """Raises `NoEnclosure`."""
        raise NoEnclosure("erf")

    def erfc(self, a: object) -> NoReturn:
        """Raises `NoEnclosure`."""
        raise NoEnclosure("erfc")

    def gamma(self, a: object) -> NoReturn:
        """Raises `NoEnclosure`."""
        raise NoEnclosure("gamma")

    def loggamma(self, a: object) -> NoReturn:
        """Raises `NoEnclosure`."""
        raise NoEnclosure("loggamma")

    def polygamma(self, a: object, n: object) -> NoReturn:
        """Raises `NoEnclosure`."""
        raise NoEnclosure("polygamma")


def check_power(n: int | Fraction) -> None:
    """Raises for exponents that are not positive or whose rounding errors are not bounded."""
    if n <= 0 or n == 1:
        raise ValueError(f"a power with exponent {n} is no operation of a program")
    if n > _MAX_EXPONENT:
        raise NoEnclosure(f"a power with exponent beyond {_MAX_EXPONENT}")


_DOWN, _UP = libmp.round_floor, libmp.round_ceiling
_GUARD = 30
_FAR = libmp.from_man_exp(1, 40)      # exp, sinh, cosh, tanh are evaluated up to here
_READABLE = 2**16
_HALF = (libmp.fhalf, libmp.fhalf)
_UNIT = (libmp.fnone, libmp.fone)
_LINE = (libmp.fninf, libmp.finf)
_NAN = libmp.fnan
_Mpf = Any
_Mpi = tuple[_Mpf, _Mpf]

_lt, _le = libmp.mpf_lt, libmp.mpf_le


@lru_cache(maxsize=32)
def _context(dps: int) -> MPIntervalContext:
    """One context for each precision: making one costs more than many operations."""
    context = MPIntervalContext()
    context.dps = dps
    return context


@lru_cache(maxsize=4096)
def _constant(context: MPIntervalContext, value: Fraction | int) -> Any:
    """The narrowest enclosure: programs ask for the same constants at every point."""
    q = Fraction(value)
    return context.make_mpf(tuple(libmp.from_rational(
        q.numerator, q.denominator, context.prec, way) for way in (_DOWN, _UP)))


class PreciseIntervals(WithoutEnclosure):
    """Interval arithmetic on one box, to ``dps`` decimal digits.

    Values are intervals of a private mpmath ``iv`` context (``context``), so
    that no global precision is touched; exponents are unbounded.  The methods,
    flags (plain bools) and guarantees are those of `FloatIntervals`.

    Ends come from mpmath's correctly rounded + - * / sqrt, and from its other
    functions with guard bits, moved outward by 2^-10 of the last place;
    acosh, which mpmath loses near 1, is 2 asinh(sqrt((x - 1)/2)).

    >>> arithmetic = PreciseIntervals(30)
    >>> lo, hi = arithmetic.bounds(arithmetic.sqrt(arithmetic.constant(2)))
    >>> lo**2 < 2 < hi**2, hi - lo < Fraction(1, 10**29), arithmetic.defined
    (True, True, True)
    """

    def __init__(self, dps: int) -> None:
        self.context = _context(dps)
        self.prec: int = self.context.prec
        self.defined = True
        self.empty = False
        one, nudge = 1 << self.prec + 10, self.prec + 10
        self._more = libmp.from_man_exp(one + 1, -nudge)
        self._less = libmp.from_man_exp(one - 1, -nudge)

    def _value(self, lo: _Mpf, hi: _Mpf) -> Any:
        """The interval [lo, hi], a NaN standing for "no bound known"."""
        if lo == _NAN or hi == _NAN:
            lo, hi = (_LINE[k] if end == _NAN else end for k, end in enumerate((lo, hi)))
        return self.context.make_mpf((lo, hi))

    def _require(self, inside: bool, outside: bool) -> None:
        self.defined = self.defined and inside
        self.empty = self.empty or outside

    def interval(self, lo: Any, hi: Any) -> Any:
        """The interval [lo, hi] of ints, Fractions or floats (also infinite), rounded outward.

        Raises `ValueError` for a NaN, lo > hi, lo = inf or hi = -inf.
        """
        if not (lo <= hi and lo < math.inf and hi > -math.inf):
            raise ValueError("interval ends must be numbers with lo <= hi")
        return self._value(self._rounded(lo, _DOWN), self._rounded(hi, _UP))

    def _rounded(self, x: Fraction | float, direction: str) -> _Mpf:
        if isinstance(x, float):
            return libmp.from_float(x, self.prec, direction)
        q = Fraction(x)
        return libmp.from_rational(q.numerator, q.denominator, self.prec, direction)

    def interval_of(self, a: Any) -> Any:
        """A value of any precision as one of this precision, rounded outward."""
        return self._value(*libmpi.mpi_pos(a._mpi_, self.prec))

    def middle(self, a: Any) -> Any:
        """A point of a bounded a, near its midpoint."""
        lo, hi = a._mpi_
        point = libmpi.mpi_mid((lo, hi), self.prec)
        point = lo if _lt(point, lo) else hi if _lt(hi, point) else point
        return self._value(point, point)

    def intersection(self, a: Any, b: Any) -> Any:
        """The common part of a and b; `ValueError` if there is none."""
        (lo, hi), (least, most) = a._mpi_, b._mpi_
        lo, hi = (least if _lt(lo, least) else lo), (most if _lt(most, hi) else hi)
        if _lt(hi, lo):
            raise ValueError(f"{a!r} and {b!r} have no point in common")
        return self._value(lo, hi)

    def bounds(self, a: Any) -> tuple[Fraction | float, Fraction | float]:
        """The ends of a value: Fractions, exact up to exponents of 2^16, or infinite floats."""
        lo, hi = a._mpi_
        return -_bound(libmp.mpf_neg(lo)), _bound(hi)

    def is_inside(self, a: Any, low: float, high: float) -> bool:
        """Whether a lies in the open interval between two floats."""
        lo, hi = a._mpi_
        return bool(_lt(libmp.from_float(low), lo) and _lt(hi, libmp.from_float(high)))

    def constant(self, value: Fraction | int) -> Any:
        """The narrowest enclosure of an exact number."""
        return _constant(self.context, value)

    def pi(self) -> Any:
        """An enclosure of pi."""
        return self._value(libmp.mpf_pi(self.prec, _DOWN), libmp.mpf_pi(self.prec, _UP))

    def add(self, a: Any, b: Any) -> Any:
        """a + b."""
        return self._value(*libmpi.mpi_add(a._mpi_, b._mpi_, self.prec))

    def sub(self, a: Any, b: Any) -> Any:
        """a - b."""
        return self._value(*libmpi.mpi_sub(a._mpi_, b._mpi_, self.prec))

    def neg(self, a: Any) -> Any:
        """-a, exactly."""
        lo, hi = a._mpi_
        return self._value(libmp.mpf_neg(hi), libmp.mpf_neg(lo))

    def mul(self, a: Any, b: Any) -> Any:
        """a b; a square if both are the same object."""
        if a is b:
            return self.pow(a, 2)
        return self._value(*libmpi.mpi_mul(a._mpi_, b._mpi_, self.prec))

    def div(self, a: Any, b: Any) -> Any:
        """a / b; the whole line where b contains 0."""
        lo, hi = b._mpi_
        if not (_lt(lo, libmp.fzero) and _lt(hi, libmp.fzero) or _lt(libmp.fzero, lo)):
            self._require(False, lo == hi == libmp.fzero)
            return self._value(*_LINE)
        return self._value(*libmpi.mpi_div(a._mpi_, (lo, hi), self.prec))

    def select(self, c: Any, a: Any, b: Any) -> Any:
        """a where c > 0, b where c < 0; the hull, not defined (differentiable), if 0 is in c."""
        lo, hi = c._mpi_
        if _lt(libmp.fzero, lo):
            return a
        if _lt(hi, libmp.fzero):
            return b
        self._require(False, False)
        ends = (*a._mpi_, *b._mpi_)
        return self._value(ends[2] if _lt(ends[2], ends[0]) else ends[0],
                           ends[3] if _lt(ends[1], ends[3]) else ends[1])

    def pow(self, a: Any, n: int) -> Any:
        """a**n for an integer n >= 2; even powers are at least 0."""
        check_power(n)
        return self._value(*libmpi.mpi_pow_int(a._mpi_, n, self.prec))

    def sqrt(self, a: Any) -> Any:
        """sqrt(a), a >= 0; not defined (differentiable) at 0."""
        lo, hi = self._above(a._mpi_, libmp.fzero)
        return self._value(libmp.mpf_sqrt(lo, self.prec, _DOWN),
                           libmp.mpf_sqrt(hi, self.prec, _UP))

    def _above(self, x: _Mpi, least: _Mpf, closed: bool = True) -> _Mpi:
        """x cut to [least, inf), with the domain check; least itself outside if not closed."""
        lo, hi = x
        self._require(_lt(least, lo), _lt(hi, least) or not closed and hi == least)
        return (lo if _lt(least, lo) else least), (hi if _lt(least, hi) else least)

    def _within(self, x: _Mpi, closed: bool = True) -> _Mpi:
        """x cut to [-1, 1], with the domain check of asin or atanh."""
        lo, hi = x
        one, minus = libmp.fone, libmp.fnone
        self._require(_lt(minus, lo) and _lt(hi, one),
                      _lt(one, lo) or _lt(hi, minus) or not closed and (lo == one or hi == minus))
        lo, hi = (minus if _lt(end, minus) else one if _lt(one, end) else end for end in x)
        return lo, hi

    def _monotone(self, f: Callable[..., _Mpf], x: _Mpi) -> Any:
        """[f(lo), f(hi)] for f(x, prec) increasing, computed with guard bits and moved out."""
        prec = self.prec + _GUARD
        lo = f(x[0], prec)
        hi = lo if x[0] == x[1] else f(x[1], prec)
        return self._value(*self._moved(lo, hi))

    def _moved(self, lo: _Mpf, hi: _Mpf) -> _Mpi:
        """Computed ends moved out; the sign bit says which factor leads outward."""
        return (libmp.mpf_mul(lo, self._more if lo[0] else self._less, self.prec, _DOWN),
                libmp.mpf_mul(hi, self._less if hi[0] else self._more, self.prec, _UP))

    def _clamped(self, f: Callable[..., _Mpf], x: _Mpi, least: _Mpf, most: _Mpf) -> Any:
        """`_monotone` where arguments beyond _FAR give way to f(_FAR) or a limit."""
        lo, hi = x
        far, minus = _FAR, libmp.mpf_neg(_FAR)
        value = self._monotone(f, (far if _lt(far, lo) else minus if _lt(lo, minus) else lo,
                                   far if _lt(far, hi) else minus if _lt(hi, minus) else hi))
        a, b = value._mpi_
        return self._value(least if _lt(lo, minus) else a, most if _lt(far, hi) else b)

    def powr(self, a: Any, q: Fraction) -> Any:
        """a**q for a rational q, a > 0 (also 0 if q > 0, but not defined there)."""
        check_power(abs(q))
        x = self._above(a._mpi_, libmp.fzero, closed=q > 0)
        if any(abs(end[2] + end[3]) > 1 << 50 for end in x):
            return self._value(libmp.fzero, libmp.finf)

        def power(x: _Mpf, prec: int) -> _Mpf:
            # |q log x| < 2^80, so 110 bits more keep the relative error of exp below 2^-prec.
            wide = prec + 110
            exponent = libmp.from_rational(q.numerator, q.denominator, wide)
            return libmp.mpf_exp(libmp.mpf_mul(exponent, libmp.mpf_log(x, wide)), prec)

        return self._monotone(power, x if q > 0 else x[::-1])

    def exp(self, a: Any) -> Any:
        """exp(a)."""
        return self._clamped(libmp.mpf_exp, a._mpi_, libmp.fzero, libmp.finf)

    def sinh(self, a: Any) -> Any:
        """sinh(a)."""
        return self._clamped(libmp.mpf_sinh, a._mpi_, *_LINE)

    def tanh(self, a: Any) -> Any:
        """tanh(a), within [-1, 1]."""
        return self._cut(self._clamped(libmp.mpf_tanh, a._mpi_, *_UNIT))

    def _cut(self, a: Any) -> Any:
        """The part of a in [-1, 1]."""
        lo, hi = a._mpi_
        return self._value(libmp.fnone if _lt(lo, libmp.fnone) else lo,
                           libmp.fone if _lt(libmp.fone, hi) else hi)

    def cosh(self, a: Any) -> Any:
        """cosh(a), at least 1."""
        x = libmpi.mpi_abs(a._mpi_)
        lo, hi = self._clamped(libmp.mpf_cosh, x, libmp.fone, libmp.finf)._mpi_
        return self._value(libmp.fone if _lt(lo, libmp.fone) else lo, hi)

    def log(self, a: Any) -> Any:
        """log(a), a > 0."""
        return self._monotone(libmp.mpf_log, self._above(a._mpi_, libmp.fzero, closed=False))

    def atan(self, a: Any) -> Any:
        """atan(a)."""
        return self._monotone(libmp.mpf_atan, a._mpi_)

    def asinh(self, a: Any) -> Any:
        """asinh(a)."""
        return self._monotone(libmp.mpf_asinh, a._mpi_)

    def asin(self, a: Any) -> Any:
        """asin(a), |a| <= 1; not defined (differentiable) at -1 and 1."""
        return self._monotone(libmp.mpf_asin, self._within(a._mpi_))

    def acos(self, a: Any) -> Any:
        """acos(a), |a| <= 1; not defined (differentiable) at -1 and 1."""
        return self._monotone(libmp.mpf_acos, self._within(a._mpi_)[::-1])

    def atanh(self, a: Any) -> Any:
        """atanh(a), |a| < 1."""
        return self._monotone(libmp.mpf_atanh, self._within(a._mpi_, closed=False))

    def acosh(self, a: Any) -> Any:
        """acosh(a), a >= 1; not defined (differentiable) at 1."""
        return self._monotone(_acosh, self._above(a._mpi_, libmp.fone))

    def sin(self, a: Any) -> Any:
        """sin(a), within [-1, 1]."""
        return self._wave(libmp.mpf_sin, a._mpi_, _HALF)

    def cos(self, a: Any) -> Any:
        """cos(a), within [-1, 1]."""
        return self._wave(libmp.mpf_cos, a._mpi_, (libmp.fzero, libmp.fzero))

    def _turns(self, x: _Mpi, shift: _Mpi) -> range | None:
        """The first two k at most for which x may contain (shift + k) pi; None if unknown."""
        far = max(0, *(end[2] + end[3] for end in x))
        if x[0] in _LINE or x[1] in _LINE or far > 2000:
            return None
        prec = self.prec + far + _GUARD
        pi = libmp.mpf_pi(prec, _DOWN), libmp.mpf_pi(prec, _UP)
        t = libmpi.mpi_sub(libmpi.mpi_div(x, pi, prec), shift, prec)
        first, last = libmp.to_int(libmp.mpf_ceil(t[0])), libmp.to_int(libmp.mpf_floor(t[1]))
        return range(first, min(last, first + 1) + 1)

    def _wave(self, f: Callable[..., _Mpf], x: _Mpi, crest: _Mpi) -> Any:
        """[min, max] of a wave with extrema (-1)^k at (crest + k) pi."""
        turns = self._turns(x, crest)
        if turns is None or len(turns) > 1:
            return self._value(*_UNIT)
        ends = [f(end, self.prec + _GUARD) for end in x]
        lo, hi = self._moved(*(ends if _le(*ends) else ends[::-1]))
        for k in turns:
            lo, hi = (libmp.fnone, hi) if k % 2 else (lo, libmp.fone)
        return self._cut(self._value(lo, hi))

    def tan(self, a: Any) -> Any:
        """tan(a); the whole line across a pole."""
        turns = self._turns(a._mpi_, _HALF)
        continuous = turns is not None and not turns
        self._require(continuous, False)
        return self._monotone(libmp.mpf_tan, a._mpi_) if continuous else self._value(*_LINE)


def _bound(x: _Mpf) -> Fraction | float:
    """x, or something above x that is no nuisance to write down."""
    negative, mantissa, exponent, bits = x
    if x in _LINE:
        return libmp.to_float(x)
    if abs(exponent + bits) <= _READABLE:
        numerator, denominator = libmp.to_rational(x)
        return Fraction(int(numerator), int(denominator))
    if exponent > 0:
        return -Fraction(2)**_READABLE if negative else math.inf
    return Fraction(0) if negative else Fraction(1, 2**_READABLE)


def _acosh(x: _Mpf, prec: int) -> _Mpf:
    """acosh(x) = 2 asinh(sqrt((x - 1)/2)), stable near 1."""
    half = libmp.mpf_shift(libmp.mpf_sub(x, libmp.fone, prec + 10), -1)
    return libmp.mpf_shift(libmp.mpf_asinh(libmp.mpf_sqrt(half, prec + 10), prec + 10), 1)
