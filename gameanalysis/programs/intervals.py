"""Rigorous interval arithmetic on batches of boxes, in floats.

An interval X = [lo, hi] is the set of reals x with lo <= x <= hi; an end may
be infinite.  An enclosure F of a function f satisfies the inclusion property

    f(x) in F(X)   for every x in X at which f is defined.

`FloatIntervals` evaluates thousands of boxes at once, `PreciseIntervals` (from
`precise`) one box to many digits.  Both carry two flags through an evaluation:
`defined` (proved: every operation is defined and continuously differentiable
on all of the box) and `empty` (proved: some operation is defined nowhere on it).

Rounding.  u = 2^-53.  Ends are stored as the pair v = (-lo, hi), so outward is
upward in both rows.  With v the rounded value of x, IEEE 754 gives
|x - v| <= ulp(v)/2 for + - * / and sqrt.  Three widenings are used (TINY =
2^-1022 covers underflow):

    v + (3/2 u |v| + TINY)   at least ulp(v)/2 above v, for 3/4 ulp(v) <= 3/2 u |v|
    P (1 +- 2ku) +- TINY     P >= 0: at least k ulp(P) away, for ulp(P) <= 2u P
    v + (2ku |v| + TINY)     exceeds v by at least 2(k-1)u |v|, the last rounding included

A sum needs no TINY: it is exact below 2^-1021.  Overflow and 0 * inf leave a
NaN (inf - inf) or an outward infinity.  A NaN row stands for "no bound known":
+ - * / and max hand it on, a comparison with it is false and so proves
nothing, and `Interval.lo` and `Interval.hi` show it as -inf and inf.

NumPy's elementary functions are not correctly rounded.  ASSUMPTION, tested on
samples: they err by at most ULPS = 8 units in the last place (the largest seen
is 1.2), and an argument of sin, cos, tan by at most 2^-60 |x| in its reduction.
Gradual underflow and rounding to nearest must be in force.

References: Rump, Zimmermann, Boldo, Melquiond, "Computing predecessor and
successor in rounding to nearest", BIT 49 (2009); S. M. Rump, "Fast and
parallel interval arithmetic", BIT 39 (1999).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import cache, lru_cache
from typing import Any, Union

import numpy as np

from .precise import NoEnclosure, PreciseIntervals, WithoutEnclosure, check_power

__all__ = ["ULPS", "NoEnclosure", "Interval", "FloatIntervals", "PreciseIntervals"]

Array = np.ndarray[Any, np.dtype[np.float64]]
Flag = Union[bool, np.bool_, np.ndarray[Any, np.dtype[np.bool_]]]

#: Largest error assumed of NumPy's elementary functions, units in the last place.
ULPS = 8

_U = 2.0**-53
_STEP = 1.5 * _U            # additive widening by an ulp
_TINY = 2.0**-1022          # above every underflow error, and not subnormal itself
_MAX = math.nextafter(math.inf, 0)
_SLOPE = 2 * (ULPS + 2) * _U
_REDUCTION = 2.0**-60       # relative error assumed in reducing an argument
_HUGE = 2.0**20             # |x| above which sin, cos, tan are not located
_TURN = 2.0**-30            # slack in locating extrema; costs 20 * 2^-60 at most
_FLIP = np.array([[-1.0], [1.0]])


class Interval:
    """One quantity over a batch of boxes: an interval for each box.

    ``lo`` and ``hi`` are arrays of shape (N,), or (1,) for a constant, without
    NaN; ``ends`` is the stored pair (-lo, hi), where NaN means "no bound".
    Values are immutable by convention and may share memory.

    >>> FloatIntervals().constant(Fraction(1, 2)).hi
    array([0.5])
    """

    __slots__ = ("ends", "positive", "factor", "exact")

    def __init__(self, ends: Array, positive: bool = False,
                 factor: float | None = None, exact: bool = False) -> None:
        self.ends = ends            # rows -lo and hi
        self.positive = positive    # lo >= 0 in every box
        self.factor = factor        # a constant c with |c - factor| <= u |factor|
        self.exact = exact          # and c == factor

    @property
    def lo(self) -> Array:
        """Lower ends, -inf where no bound is known."""
        return -np.fmin(self.ends[0], np.inf)

    @property
    def hi(self) -> Array:
        """Upper ends, inf where no bound is known."""
        return np.fmin(self.ends[1], np.inf)

    def __repr__(self) -> str:
        return f"Interval(lo={self.lo!r}, hi={self.hi!r})"


def widen(v: Array, slope: float, tiny: float = _TINY) -> Array:
    """v + (slope |v| + tiny), in place."""
    s = np.abs(v)
    np.multiply(s, slope, out=s)
    if tiny:
        np.add(s, tiny, out=s)
    return np.add(v, s, out=v)


@cache
def _factors(ulps: int) -> Array:
    return np.array([[2 * ulps * _U - 1], [2 * ulps * _U + 1]])


def _positive(p: Array, ulps: int, floor: float = 0.0) -> Interval:
    """[p[0], p[1]] of computed p >= 0, each end moved out by ulps, lo >= floor."""
    np.minimum(p[0], _MAX, out=p[0])        # a lower end that overflowed
    np.multiply(p, _factors(ulps), out=p)
    np.add(p, _TINY, out=p)
    np.minimum(p[0], -floor, out=p[0])
    return Interval(p, True)


def _odd(f: Callable[[Array], Array], v: Array) -> Interval:
    """An odd increasing f acts on both rows alike: -f(lo) = f(-lo)."""
    return Interval(widen(f(v), _SLOPE))


def _corners(p: Array, q: Array) -> Array:
    """(-min, max) of the four corners p[0], p[1], -q[0], -q[1]."""
    out = np.empty_like(p)
    np.maximum(q[0], q[1], out=out[0])
    np.maximum(p[0], p[1], out=out[1])
    np.minimum(p[0], p[1], out=p[0])
    np.minimum(q[0], q[1], out=p[1])
    np.negative(p, out=p)
    return np.maximum(out, p, out=out)


def _power(x: Array, n: int) -> Array:
    """x**n by squaring, a new array: at most n - 1 relative errors u."""
    if n < 4:
        return x * x if n == 2 else x * x * x
    root = _power(x, n // 2)
    np.multiply(root, root, out=root)
    return np.multiply(root, x, out=root) if n % 2 else root


@lru_cache(maxsize=4096)
def _constant(value: Fraction | int) -> Interval:
    try:
        f = float(value)
    except OverflowError:
        f = math.inf if value > 0 else -math.inf
    exact = math.isfinite(f) and Fraction(f) == value
    lo = f if f <= value else math.nextafter(f, -math.inf)
    hi = f if f >= value else math.nextafter(f, math.inf)
    relative = exact or 2.0**-1000 < abs(f) < 2.0**1000
    return Interval(np.array([[-lo], [hi]]), lo >= 0, f if relative else None, exact)


class FloatIntervals(WithoutEnclosure):
    """Interval arithmetic on batches of boxes, in float64 rounded outward.

    One instance serves one evaluation of a program over N boxes.  Every
    method returns an enclosure of the exact image (of the part of the
    operands inside the function's natural domain), given the assumptions in
    the module's docstring; it is not the narrowest one.  ``defined`` and
    ``empty`` are bools or arrays that broadcast to (N,), and cover all
    operations so far; where ``empty`` holds the results mean nothing.

    NumPy may warn of overflow: evaluate inside ``numpy.errstate(all="ignore")``.

    >>> arithmetic = FloatIntervals()
    >>> x = arithmetic.interval([1.0, -1.0], [4.0, 4.0])
    >>> bool((arithmetic.sqrt(x).hi >= 2.0).all()), arithmetic.defined
    (True, array([ True, False]))
    """

    def __init__(self) -> None:
        self.defined: Flag = True
        self.empty: Flag = False

    def _require(self, inside: Flag, outside: Flag) -> None:
        self.defined = self.defined & inside
        self.empty = self.empty | outside

    def interval(self, lo: Any, hi: Any) -> Interval:
        """The intervals [lo, hi] of floats; scalars or shape (N,), ends may be infinite.

        Raises `ValueError` for a NaN, lo > hi, lo = inf or hi = -inf.
        """
        lo, hi = np.broadcast_arrays(np.atleast_1d(np.asarray(lo, float)), np.asarray(hi, float))
        if lo.ndim != 1 or not np.all((lo <= hi) & (lo < np.inf) & (hi > -np.inf)):
            raise ValueError("interval ends must be scalars or vectors with lo <= hi, without NaN")
        return Interval(np.stack((-lo, hi)), bool((lo >= 0).all()))

    def constant(self, value: Fraction | int) -> Interval:
        """The narrowest enclosure of an exact number: a point if it is a float."""
        return _constant(value)

    def pi(self) -> Interval:
        """An enclosure of pi of width one ulp."""
        above = math.nextafter(math.pi, 4.0)
        return Interval(np.array([[-math.pi], [above]]), True, math.pi)

    def add(self, a: Interval, b: Interval) -> Interval:
        """a + b."""
        if a.exact and a.factor == 0:
            return b
        if b.exact and b.factor == 0:
            return a
        return Interval(widen(a.ends + b.ends, _STEP, 0.0), a.positive and b.positive)

    def sub(self, a: Interval, b: Interval) -> Interval:
        """a - b."""
        return self.add(a, self.neg(b))

    def neg(self, a: Interval) -> Interval:
        """-a, exactly."""
        factor = None if a.factor is None else -a.factor
        return Interval(a.ends[::-1], False, factor, a.exact)

    def mul(self, a: Interval, b: Interval) -> Interval:
        """a b; a square if both are the same object."""
        if a is b:
            return self.pow(a, 2)
        if b.factor is not None:
            return self._scale(a, b.factor, b.exact)
        if a.factor is not None:
            return self._scale(b, a.factor, a.exact)
        if b.positive:
            a, b = b, a
        if a.positive and b.positive:
            return _positive(a.ends * b.ends, 1)
        if a.positive:
            p, q = a.ends[1] * b.ends, (-a.ends[0]) * b.ends
            return Interval(widen(np.maximum(p, q, out=p), _STEP))
        v = _corners(a.ends * b.ends, a.ends * b.ends[::-1])
        return Interval(widen(v, _STEP))

    def _scale(self, a: Interval, c: float, exact: bool) -> Interval:
        """c a, where c stands for a real within u |c| unless it is exact."""
        if exact and c == 0:
            return self.constant(0)
        if exact and abs(c) == 1:
            return a if c > 0 else self.neg(a)
        ends, positive = (a.ends, a.positive) if c > 0 else (a.ends[::-1], False)
        v = ends * abs(c)
        if exact and math.frexp(c)[0] in (0.5, -0.5):
            # Exact but for overflow or underflow.
            v = np.maximum(v, -_MAX, out=v) if abs(c) > 1 else np.add(v, _TINY, out=v)
        else:
            # An inexact factor errs by u, the product and the last sum by u each.
            widen(v, _STEP if exact else 4 * _U)
        if positive:
            np.minimum(v[0], 0.0, out=v[0])
        return Interval(v, positive)

    def div(self, a: Interval, b: Interval) -> Interval:
        """a / b; the whole line where b contains 0."""
        away = (b.ends[0] < 0) | (b.ends[1] < 0)
        self._require(away, (b.ends[0] == 0) & (b.ends[1] == 0))
        slope = _STEP
        if a.factor is not None:
            v = -abs(a.factor) / (b.ends[::-1] if a.factor > 0 else b.ends)
            slope = _STEP if a.exact else 4 * _U
        elif b.positive:
            v = a.ends / -b.ends[0]
            v = np.maximum(v, a.ends / b.ends[1], out=v)
        else:
            v = _corners(a.ends / b.ends, a.ends / b.ends[::-1])
        widen(v, slope)
        if not away.all():
            np.copyto(v, np.inf, where=~away)
        if a.positive and b.positive:
            np.minimum(v[0], 0.0, out=v[0])
        return Interval(v, a.positive and b.positive)

    def select(self, c: Interval, a: Interval, b: Interval) -> Interval:
        """a where c > 0, b where c < 0; the hull, not defined (differentiable), if 0 is in c."""
        yes, no = c.ends[0] < 0, c.ends[1] < 0
        self._require(yes | no, False)
        hull = np.maximum(a.ends, b.ends)
        return Interval(np.where(yes, a.ends, np.where(no, b.ends, hull)))

    def pow(self, a: Interval, n: int) -> Interval:
        """a**n for an integer n >= 2; even powers are at least 0."""
        check_power(n)
        if n % 2 and not a.positive:
            return Interval(widen(_power(a.ends, n), (n + 2) * _U))
        # Above 2, k = n // 2 + 1 has 2k - 1 > n - 1.
        return _positive(_power(self._magnitudes(a), n), 1 if n == 2 else n // 2 + 1)

    def _magnitudes(self, a: Interval) -> Array:
        """Rows min |x| and max |x| over each interval, as a new array."""
        if a.positive:
            return a.ends * _FLIP
        p = np.empty_like(a.ends)
        np.minimum(a.ends[0], a.ends[1], out=p[0])
        np.negative(p[0], out=p[0])
        np.maximum(p[0], 0.0, out=p[0])
        np.maximum(a.ends[0], a.ends[1], out=p[1])
        return p

    def powr(self, a: Interval, q: Fraction) -> Interval:
        """a**q for a rational q, a > 0 (also 0 if q > 0, but not defined there)."""
        check_power(abs(q))
        f = float(q)
        v = a.ends
        self._require(v[0] < 0, v[1] < 0 if q > 0 else v[1] <= 0)
        p = np.maximum(v * _FLIP, 0.0)
        p = np.power(p if q > 0 else p[::-1], f)
        # An inexact q errs by u |q ln a| < 750 u wherever the result is a normal float.
        return _positive(p, ULPS + 2 + (0 if Fraction(f) == q else 512))

    def sqrt(self, a: Interval) -> Interval:
        """sqrt(a), a >= 0; not defined (differentiable) at 0."""
        self._require(a.ends[0] < 0, a.ends[1] < 0)
        p = np.maximum(a.ends * _FLIP, 0.0)
        return _positive(np.sqrt(p, out=p), 1)

    def exp(self, a: Interval) -> Interval:
        """exp(a)."""
        p = a.ends * _FLIP
        return _positive(np.exp(p, out=p), ULPS + 2)

    def log(self, a: Interval) -> Interval:
        """log(a), a > 0."""
        self._require(a.ends[0] < 0, a.ends[1] <= 0)
        p = np.maximum(a.ends * _FLIP, 0.0)
        np.log(p, out=p)
        np.negative(p[0], out=p[0])
        return Interval(widen(p, _SLOPE))

    def cosh(self, a: Interval) -> Interval:
        """cosh(a), at least 1."""
        p = self._magnitudes(a)
        return _positive(np.cosh(p, out=p), ULPS + 2, 1.0)

    def acosh(self, a: Interval) -> Interval:
        """acosh(a), a >= 1; not defined (differentiable) at 1."""
        self._require(a.ends[0] < -1, a.ends[1] < 1)
        p = np.maximum(a.ends * _FLIP, 1.0)
        return _positive(np.arccosh(p, out=p), ULPS + 2)

    def acos(self, a: Interval) -> Interval:
        """acos(a), |a| <= 1; not defined (differentiable) at -1 and 1."""
        p = self._unit(a) * _FLIP
        return _positive(np.arccos(p)[::-1], ULPS + 2)

    def asin(self, a: Interval) -> Interval:
        """asin(a), |a| <= 1; not defined (differentiable) at -1 and 1."""
        return _odd(np.arcsin, self._unit(a))

    def atanh(self, a: Interval) -> Interval:
        """atanh(a), |a| < 1."""
        return _odd(np.arctanh, self._unit(a, closed=False))

    def _unit(self, a: Interval, closed: bool = True) -> Array:
        """The rows of a cut to [-1, 1], with the domain check of asin or atanh."""
        v = a.ends
        outside = (v < -1) if closed else (v <= -1)
        self._require((v[0] < 1) & (v[1] < 1), outside[0] | outside[1])
        p = np.minimum(v, 1.0)
        return np.maximum(p, -1.0, out=p)

    def sinh(self, a: Interval) -> Interval:
        """sinh(a)."""
        return _odd(np.sinh, a.ends)

    def tanh(self, a: Interval) -> Interval:
        """tanh(a), within [-1, 1]."""
        v = _odd(np.tanh, a.ends).ends
        return Interval(np.minimum(v, 1.0, out=v))

    def atan(self, a: Interval) -> Interval:
        """atan(a)."""
        return _odd(np.arctan, a.ends)

    def asinh(self, a: Interval) -> Interval:
        """asinh(a)."""
        return _odd(np.arcsinh, a.ends)

    def sin(self, a: Interval) -> Interval:
        """sin(a), within [-1, 1]."""
        f = np.sin(a.ends)
        return self._wave(a.ends, np.maximum(f, -f[::-1]), 0.25)

    def cos(self, a: Interval) -> Interval:
        """cos(a), within [-1, 1]."""
        f = np.cos(a.ends)
        out = np.empty_like(f)
        np.minimum(f[0], f[1], out=out[0])
        np.negative(out[0], out=out[0])
        np.maximum(f[0], f[1], out=out[1])
        return self._wave(a.ends, out, 0.0)

    def _wave(self, v: Array, out: Array, crest: float) -> Interval:
        """Ends of a wave from its values at the ends; maxima at (crest + k) 2 pi."""
        size = np.abs(v)
        reach = np.maximum(size[0], size[1])
        widen(out, _SLOPE)
        np.add(out, reach * _REDUCTION, out=out)
        turns = v * (0.5 / math.pi)
        far = ~(reach <= _HUGE)
        np.copyto(out[1], 1.0, where=far | _meets(turns, crest))
        np.copyto(out[0], 1.0, where=far | _meets(turns, crest + 0.5))
        return Interval(np.minimum(out, 1.0, out=out))

    def tan(self, a: Interval) -> Interval:
        """tan(a); the whole line across a pole."""
        v = a.ends
        size = np.abs(v)
        pole = _meets(v * (1 / math.pi), 0.5) | ~(np.maximum(size[0], size[1]) <= _HUGE)
        self._require(~pole, False)
        f = np.tan(v)
        # tan' = 1 + tan^2 carries the error of the argument's reduction.
        size *= (1 + f * f) * (2 * _REDUCTION)
        out = widen(f + size, _SLOPE)
        np.copyto(out, np.inf, where=pole)
        return Interval(out)


def _meets(v: Array, shift: float) -> Any:
    """Where [lo, hi] may contain shift + k for an integer k (True for a NaN)."""
    return np.floor(v[1] + (_TURN - shift)) != -np.ceil(v[0] + (_TURN + shift))
