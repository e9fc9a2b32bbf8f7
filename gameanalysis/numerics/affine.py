r"""Affine forms: a program over a box as a linear function and a bounded rest.

Over the box m + d, |d| <= r, every value f of a program is enclosed as

    f(m + d) in p + L d + [-e, e]                                          (form)

with floats p, L, e.  The rest e is of second order in r, where intervals have an error of
first order, and unlike the Jacobian over the box it needs no second program.  With
s >= sum_k |L_k| r_k, primes for the second operand and l = L d, l' = L' d:

    sum        p + p',  L + L',  e + e'
    product    p p' + (p l' + p' l) + l l',  rest (|p| + s) e' + (|p'| + s') e + e e'
    l l'       = ((s' l + s l')^2 - (s' l - s l')^2) / (4 s s'),  so that squares and
               correlated factors are one-sided:  within [-a_-, a_+], where a_+- are the
               squares of sum_k |s' L_k +- s L'_k| r_k, over 4 s s'
    f(x)       = f(p) + f'(p)(x - p) + f''(X)(x - p)^2 / 2, X the range of x,
               and (x - p)^2 in [0, (s + e)^2]

A natural interval is carried along with every form; where it is narrower than the rest,
the form is that interval, with L = 0.

Rounding.  u = 2^-53.  A coefficient that comes from one operation errs by u of its own
size, and one that comes from two products and a sum by 3u of the size of its terms.  Each
operation adds (16 + n) u times a bound of all sizes that took part to its rest, and TINY for
underflow; n enters because s is a sum of n terms.  NaN stands for "no bound": a form with
one proves nothing.

References: L. H. de Figueiredo, J. Stolfi, Affine arithmetic: concepts and applications,
Numerical Algorithms 37 (2004); A. Neumaier, Taylor forms: use and limits, Reliable
Computing 9 (2003).
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..programs.intervals import FloatIntervals, Interval
from ..programs.precise import WithoutEnclosure

__all__ = ["AffineForms", "Form"]

Array = NDArray[np.float64]

_U = 2.0 ** -53
_TINY = 1e-290
#: f(x), f'(x) and f''(X) of a function, each by interval arithmetic.
_Slopes = tuple[Interval, Interval, Interval]


class Form:
    """p + L d + [-e, e] over N boxes: ``p``, ``s``, ``e`` of shape (N,), ``slopes`` (n, N).

    ``slopes`` is None for a form without linear part; ``s`` bounds |L d|; ``range`` is a
    natural interval of the same quantity.
    """

    __slots__ = ("p", "slopes", "s", "e", "range")

    def __init__(self, p: Array, slopes: Array | None, s: Array, e: Array,
                 natural: Interval) -> None:
        self.p, self.slopes, self.s, self.e, self.range = p, slopes, s, e, natural


class AffineForms(WithoutEnclosure):
    """The arithmetic of affine forms over N boxes, for `Program.evaluate`.

    Parameters
    ----------
    low, high : the boxes, columns of two arrays (n, N).
    center : points m in them, shape (n, N); ``reach`` bounds |x - m|, rounded up.

    ``inputs`` are the forms of the variables.  Evaluate inside
    ``numpy.errstate(all="ignore")``.  ``defined`` and ``empty`` are those of
    `FloatIntervals`.

    >>> forms = AffineForms(np.zeros((1, 1)), np.full((1, 1), 2.0))
    >>> square = forms.pow(forms.inputs[0], 2)             # (1 + d)^2 = 3/2 + 2d +- 1/2
    >>> [float(round(v[0], 9)) for v in (square.p, square.slopes[0], square.e)]
    [1.5, 2.0, 0.5]
    """

    def __init__(self, low: Array, high: Array) -> None:
        self.n, self.count = low.shape
        self.natural = FloatIntervals()
        self.beside = FloatIntervals()
        self.center = np.clip(0.5 * (low + high), low, high)
        reach = np.maximum(high - self.center, self.center - low)
        self.reach = reach * (1 + 4 * _U) + _TINY
        self._unit = (16 + self.n) * _U
        self._none = np.zeros(self.count)
        self.inputs = [self._input(k, low[k], high[k]) for k in range(self.n)]

    @property
    def defined(self) -> Any:
        """Where every operation is proved to be defined and differentiable."""
        return self.natural.defined

    @property
    def empty(self) -> Any:
        """Where some operation is proved to be defined nowhere."""
        return self.natural.empty

    @empty.setter
    def empty(self, value: Any) -> None:
        """Set by `Program.evaluate`, where a branch that is not taken says nothing."""
        self.natural.empty = value

    def _input(self, k: int, low: Array, high: Array) -> Form:
        slopes = np.zeros((self.n, self.count))
        slopes[k] = 1.0
        return Form(self.center[k], slopes, self.reach[k], self._none,
                    self.natural.interval(low, high))

    # -- making forms ----------------------------------------------------

    def _size(self, slopes: Array) -> Array:
        """An upper bound of sum_k |L_k| r_k, up to rounding."""
        return np.einsum("kN,kN->N", np.abs(slopes), self.reach)

    def _form(self, p: Array, slopes: Array | None, e: Array, size: Array,
              natural: Interval) -> Form:
        """A form whose rest still lacks the rounding of sizes ``size``."""
        s = self._none if slopes is None else self._size(slopes) * (1 + self._unit)
        e = e + self._unit * (size + np.abs(p) + s + e) + _TINY
        return self._better(Form(p, slopes, s, e, natural))

    def _better(self, form: Form) -> Form:
        """The natural interval in place of a form with a larger rest."""
        lo, hi = -form.range.ends[0], form.range.ends[1]
        half = 0.5 * (hi - lo)
        worse = ~(form.e <= half)
        if not worse.any():
            return form
        flat = self._flat(form.range)
        worse &= np.isfinite(flat.e)
        if worse.all():
            return flat
        slopes = form.slopes
        if slopes is not None:
            slopes = np.where(worse, 0.0, slopes)
        return Form(np.where(worse, flat.p, form.p), slopes, np.where(worse, 0.0, form.s),
                    np.where(worse, flat.e, form.e), form.range)

    def _flat(self, natural: Interval) -> Form:
        """The form with no linear part of an interval."""
        lo, hi = -natural.ends[0], natural.ends[1]
        p = 0.5 * lo + 0.5 * hi
        e = np.maximum(hi - p, p - lo) * (1 + 4 * _U) + 4 * _U * np.abs(p) + _TINY
        p, e = np.broadcast_to(p, self.count), np.broadcast_to(e, self.count)
        return Form(p, None, self._none, e, natural)

    def constant(self, value: Fraction | int) -> Form:
        """The form of an exact number."""
        return self._flat(self.natural.constant(value))

    def pi(self) -> Form:
        """The form of pi."""
        return self._flat(self.natural.pi())

    # -- arithmetic ------------------------------------------------------

    def add(self, a: Form, b: Form) -> Form:
        """a + b."""
        slopes = (a.slopes if b.slopes is None else b.slopes if a.slopes is None
                  else a.slopes + b.slopes)
        return self._form(a.p + b.p, slopes, a.e + b.e, self._none,
                          self.natural.add(a.range, b.range))

    def sub(self, a: Form, b: Form) -> Form:
        """a - b."""
        return self.add(a, self.neg(b))

    def neg(self, a: Form) -> Form:
        """-a, exactly."""
        return Form(-a.p, None if a.slopes is None else -a.slopes, a.s, a.e,
                    self.natural.neg(a.range))

    def mul(self, a: Form, b: Form) -> Form:
        """a b."""
        if a is b:
            return self.pow(a, 2)
        natural = self.natural.mul(a.range, b.range)
        if b.slopes is None:
            a, b = b, a
        size_a, size_b = np.abs(a.p), np.abs(b.p)
        size = (size_a + a.s) * (size_b + b.s)
        e = (size_a + a.s) * b.e + (size_b + b.s) * a.e + a.e * b.e
        p = a.p * b.p
        if b.slopes is None:
            return self._form(p, None, e, size, natural)
        if a.slopes is None:
            return self._form(p, a.p * b.slopes, e, size, natural)
        slopes = a.p * b.slopes + b.p * a.slopes
        # l l' between -minus and plus.
        one, two = a.slopes * b.s, b.slopes * a.s
        most = a.s * b.s
        plus = 0.25 * self._size(one + two) ** 2 / most
        minus = 0.25 * self._size(one - two) ** 2 / most
        # Squares that underflow, and 0 / 0, say nothing.
        sure = most > 1e-140
        plus = np.where(sure, np.minimum(plus, most), most)
        minus = np.where(sure, np.minimum(minus, most), most)
        return self._form(p + 0.5 * (plus - minus), slopes, e + 0.5 * (plus + minus),
                          4 * size, natural)

    def div(self, a: Form, b: Form) -> Form:
        """a / b; without a bound where b contains 0."""
        natural = self.natural.div(a.range, b.range)
        out = self.mul(a, self._smooth(b, self._reciprocal, self.beside.div(
            self.beside.constant(1), b.range)))
        return self._better(Form(out.p, out.slopes, out.s, out.e, natural))

    def select(self, c: Form, a: Form, b: Form) -> Form:
        """a where c > 0, b where c < 0, as an interval."""
        return self._flat(self.natural.select(c.range, a.range, b.range))

    def pow(self, a: Form, n: int) -> Form:
        """a**n for an integer n >= 2."""
        natural = self.natural.pow(a.range, n)
        if n > 2:
            return self._smooth(a, lambda x, p: self._power(x, p, n), natural)
        if a.slopes is None:
            return self._flat(natural)
        half = 0.5 * a.s * a.s
        size = np.abs(a.p) + a.s
        return self._form(a.p * a.p + half, 2 * a.p * a.slopes, half + 2 * size * a.e + a.e * a.e,
                          4 * size * size, natural)

    # -- functions -------------------------------------------------------

    def _smooth(self, a: Form, slopes: Callable[[Interval, Interval], _Slopes],
                natural: Interval) -> Form:
        """f(p) + f'(p) (x - p) + f''(X) (x - p)^2 / 2."""
        if a.slopes is None:
            return self._flat(natural)
        # Where p is no number of the domain the bounds below are NaN or infinite.
        point = np.where(np.isfinite(a.p), a.p, 0.0)
        at = self.beside.interval(point, point)
        whole = a.range
        reach = (a.s + a.e) * (1 + 8 * _U)
        # The second derivative is needed between x and p: on the hull of both.
        hull = Interval(np.maximum(whole.ends, at.ends))
        value, slope, curve = slopes(hull, at)
        p, error = _middle(value)
        rise, rise_error = _middle(slope)
        square = 0.5 * reach * reach
        low = np.minimum(-curve.ends[0], 0.0) * square
        high = np.maximum(curve.ends[1], 0.0) * square
        e = error + rise_error * reach + np.abs(rise) * a.e + 0.5 * (high - low)
        size = np.abs(p) + (np.abs(rise) + rise_error) * reach + np.abs(high) + np.abs(low)
        e = np.where(np.isfinite(a.p), e, np.nan)
        out = self._form(p + 0.5 * (low + high), rise * a.slopes, e, size, natural)
        return out

    def _apply(self, name: str, a: Form, slopes: Callable[[Interval, Interval], _Slopes]
               ) -> Form:
        return self._smooth(a, slopes, getattr(self.natural, name)(a.range))

    def _reciprocal(self, whole: Interval, at: Interval) -> _Slopes:
        i, one = self.beside, self.beside.constant(1)
        return (i.div(one, at), i.neg(i.div(one, i.pow(at, 2))),
                i.div(i.constant(2), i.pow(whole, 3)))

    def _power(self, whole: Interval, at: Interval, n: int) -> _Slopes:
        i = self.beside
        second = whole if n == 3 else i.pow(whole, n - 2)
        return (i.pow(at, n), i.mul(i.constant(n), i.pow(at, n - 1)),
                i.mul(i.constant(n * (n - 1)), second))

    def powr(self, a: Form, q: Fraction) -> Form:
        """a**q for a rational q."""
        def slopes(whole: Interval, at: Interval) -> _Slopes:
            i = self.beside
            value = i.powr(at, q)
            return (value, i.mul(i.constant(q), i.div(value, at)), i.mul(
                i.constant(q * (q - 1)), i.div(i.powr(whole, q), i.pow(whole, 2))))
        return self._smooth(a, slopes, self.natural.powr(a.range, q))

    def sqrt(self, a: Form) -> Form:
        """sqrt(a)."""
        def slopes(whole: Interval, at: Interval) -> _Slopes:
            i = self.beside
            root, half = i.sqrt(at), i.constant(Fraction(1, 2))
            cube = i.mul(whole, i.sqrt(whole))
            return root, i.div(half, root), i.div(i.constant(Fraction(-1, 4)), cube)
        return self._apply("sqrt", a, slopes)

    def exp(self, a: Form) -> Form:
        """exp(a)."""
        def slopes(whole: Interval, at: Interval) -> _Slopes:
            value = self.beside.exp(at)
            return value, value, self.beside.exp(whole)
        return self._apply("exp", a, slopes)

    def log(self, a: Form) -> Form:
        """log(a)."""
        def slopes(whole: Interval, at: Interval) -> _Slopes:
            i, one = self.beside, self.beside.constant(1)
            return i.log(at), i.div(one, at), i.neg(i.div(one, i.pow(whole, 2)))
        return self._apply("log", a, slopes)

    def sin(self, a: Form) -> Form:
        """sin(a)."""
        i = self.beside
        return self._apply("sin", a, lambda x, p: (i.sin(p), i.cos(p), i.neg(i.sin(x))))

    def cos(self, a: Form) -> Form:
        """cos(a)."""
        i = self.beside
        return self._apply("cos", a, lambda x, p: (i.cos(p), i.neg(i.sin(p)), i.neg(i.cos(x))))

    def sinh(self, a: Form) -> Form:
        """sinh(a)."""
        i = self.beside
        return self._apply("sinh", a, lambda x, p: (i.sinh(p), i.cosh(p), i.sinh(x)))

    def cosh(self, a: Form) -> Form:
        """cosh(a)."""
        i = self.beside
        return self._apply("cosh", a, lambda x, p: (i.cosh(p), i.sinh(p), i.cosh(x)))

    def tanh(self, a: Form) -> Form:
        """tanh(a)."""
        def slopes(whole: Interval, at: Interval) -> _Slopes:
            i, one = self.beside, self.beside.constant(1)
            value, wide = i.tanh(at), i.tanh(whole)
            second = i.mul(i.constant(-2), i.mul(wide, i.sub(one, i.pow(wide, 2))))
            return value, i.sub(one, i.pow(value, 2)), second
        return self._apply("tanh", a, slopes)

    def atan(self, a: Form) -> Form:
        """atan(a)."""
        def slopes(whole: Interval, at: Interval) -> _Slopes:
            i, one = self.beside, self.beside.constant(1)
            below = i.pow(i.add(one, i.pow(whole, 2)), 2)
            return (i.atan(at), i.div(one, i.add(one, i.pow(at, 2))),
                    i.div(i.mul(i.constant(-2), whole), below))
        return self._apply("atan", a, slopes)

    def __getattr__(self, name: str) -> Callable[[Form], Form]:
        """Any other function: its interval, without a linear part."""
        if name.startswith("_") or not hasattr(FloatIntervals, name):
            raise AttributeError(name)
        return lambda a: self._flat(getattr(self.natural, name)(a.range))


def _middle(value: Interval) -> tuple[Array, Array]:
    """The middle of an interval and an upper bound of its half-width."""
    lo, hi = -value.ends[0], value.ends[1]
    p = 0.5 * lo + 0.5 * hi
    return p, np.maximum(hi - p, p - lo) * (1 + 4 * _U) + 4 * _U * np.abs(p) + _TINY
