r"""Tight enclosures of polynomial fields: exact Taylor expansion round a box's centre.

For a polynomial field g and a box with centre m and half-widths r, every x = m + d in
the box has

    g_i(m + d) = sum_a c_{i,a} d^a,    c_{i,a} = sum_b coef_{i,b} binom(b, a) m^(b - a),

a finite sum over the monomials a below those of g.  The coefficients of a whole batch
of boxes are one product of matrices: (monomials of m) times (a constant matrix).  With
Y an approximate inverse of the linear part, the coefficients of Y g are formed before
any absolute value is taken, so nothing is lost to dependence:

    Y g (m + d) = p + L d + N(d),   L near I,   |N_i(d)| <= sum_{|a| >= 2} |c_a| r^a,

where a monomial with even exponents only is known to be positive.  A zero satisfies
d_i = -(p_i + sum_{j != i} L_ij d_j + N_i) / L_ii.  Since
d_j d^a / r_j <= a_j r^(a - e_j), the bound

    w_i = sum_j |I - L|_ij r_j + sum_{|a| >= 2} |a| |c_{i,a}| r^a

majorises |I - Y J(X)| r: w < r proves that the box holds at most one zero, |p| + w < r
that it holds exactly one (Krawczyk).

Rounding.  Let P_i be g_i with absolute values for coefficients.  Every computed sum
here differs from the exact one by at most eps P(|m| + r), or eps |Y| P(|m| + r) after
the product with Y, with eps = (number of monomials + degree + n + 20) 2^-52: each
c_{i,a} is a sum of at most that many rounded products, and
sum_a P_a(|m|) r^a = P(|m| + r).  This, times 4 + degree where Y and the factor |a| take
part, is added to every bound.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import comb, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..compilation.compiled import CompiledField
from ..programs.linear import inverses
from .enclosure import Region, Step, System
from .propagation import Propagation
from .relaxation import WIDE, RelaxedSystem, by_rows

__all__ = ["TaylorSystem", "Polynomials", "system_of"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Terms = dict[tuple[int, ...], Fraction]

#: The constant matrix may have this many entries; beyond, interval programs are faster.
_ENTRIES = 60_000
#: Above every underflow, for coefficients between 2^-100 and 2^100.
_FLOOR = 1e-250
#: Polynomials with more terms are not expanded.
_TERMS = 400
#: Rungs of the ladder of radii tried round an approximate zero.
_RUNGS = 2.0 ** -np.arange(0, 40, 1.5)
#: Half-widths below this fraction of the centre are not told from rounding.
_LEAST = 2.0 ** -40


class Polynomials:
    """The arithmetic of polynomials with rational coefficients, for `Program.evaluate`.

    Values map exponents to coefficients.  Operations that leave the polynomials raise
    ArithmeticError, as does an expansion with too many terms.
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self.inputs: list[Terms] = [
            {tuple(int(j == k) for j in range(n)): Fraction(1)} for k in range(n)]

    def constant(self, value: Fraction) -> Terms:
        """A constant polynomial."""
        return {(0,) * self.n: value} if value else {}

    def add(self, a: Terms, b: Terms) -> Terms:
        """a + b."""
        out = dict(a)
        for exponent, c in b.items():
            total = out.get(exponent, Fraction(0)) + c
            if total:
                out[exponent] = total
            else:
                del out[exponent]
        return out

    def neg(self, a: Terms) -> Terms:
        """-a."""
        return {exponent: -c for exponent, c in a.items()}

    def sub(self, a: Terms, b: Terms) -> Terms:
        """a - b."""
        return self.add(a, self.neg(b))

    def mul(self, a: Terms, b: Terms) -> Terms:
        """a b."""
        if len(a) * len(b) > 20 * _TERMS:
            raise ArithmeticError("too many terms")
        out: Terms = {}
        for (p, c), (q, d) in product(a.items(), b.items()):
            exponent = tuple(map(int.__add__, p, q))
            out[exponent] = out.get(exponent, Fraction(0)) + c * d
        return {exponent: c for exponent, c in out.items() if c}

    def pow(self, a: Terms, n: int) -> Terms:
        """a**n."""
        if n > 30:
            raise ArithmeticError("too high a power")
        out = a
        for _ in range(n - 1):
            out = self.mul(out, a)
        return out

    def div(self, a: Terms, b: Terms) -> Terms:
        """a / b for a constant b."""
        zero = (0,) * self.n
        if set(b) != {zero}:
            raise ArithmeticError("no polynomial")
        inverse = 1 / Fraction(b[zero])
        return {exponent: c * inverse for exponent, c in a.items()}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)

        def refuse(*_: Any) -> Terms:
            raise ArithmeticError(f"{name} is no polynomial")
        return refuse


def system_of(field: CompiledField) -> System:
    """The tightest system for a field: Taylor expansions where it is polynomial.

    Other fields are enclosed by affine forms, with few variables by intervals.
    """
    other = RelaxedSystem if field.n >= WIDE else System
    if field.value_program is not None:
        arithmetic = Polynomials(field.n)
        try:
            terms = field.value_program.evaluate(arithmetic.inputs, arithmetic)
        except ArithmeticError:
            return other(field)
        exponents = _below(terms, field.n)
        if len(exponents) ** 2 * field.n <= _ENTRIES and _representable(terms):
            return TaylorSystem(field, terms, exponents)
    return other(field)


def _below(terms: list[Terms], n: int) -> list[tuple[int, ...]]:
    """All exponents below some exponent of the terms, the constant first."""
    found = {(0,) * n}
    for exponent in {e for t in terms for e in t}:
        if prod(e + 1 for e in exponent) > _TERMS:
            return [exponent] * (_ENTRIES + 1)
        found.update(product(*(range(e + 1) for e in exponent)))
    return sorted(found, key=lambda e: (sum(e), [-k for k in e]))


def _representable(terms: list[Terms]) -> bool:
    """Whether floats hold every coefficient, far from overflow and underflow."""
    return all(2.0 ** -100 < abs(c) < 2.0 ** 100 for t in terms for c in t.values())


class TaylorSystem(System):
    """A polynomial field, enclosed by exact Taylor expansions."""

    def __init__(self, field: CompiledField, terms: list[Terms],
                 exponents: list[tuple[int, ...]]) -> None:
        super().__init__(field)
        n, size = self.n, len(exponents)
        place = {e: k for k, e in enumerate(exponents)}
        self.exponents = np.array(exponents)
        degree = self.exponents.sum(axis=1)
        matrix = np.zeros((size, n, size))
        self._absolute = np.zeros((size, n))
        for i, polynomial in enumerate(terms):
            for b, c in polynomial.items():
                self._absolute[place[b], i] = abs(float(c))
                for a in product(*(range(e + 1) for e in b)):
                    rest = tuple(p - q for p, q in zip(b, a))
                    binomials = prod(comb(p, q) for p, q in zip(b, a))
                    matrix[place[rest], i, place[a]] += float(c * binomials)
        self._matrix = matrix.reshape(size, n * size)
        self._eps = float((size + degree.max() + n + 20) * 2.0 ** -52)
        self._slack = 4.0 + float(degree.max())
        self._even = (self.exponents % 2 == 0).all(axis=1)
        self._even[0] = False
        self._degree = degree.astype(float)
        self._linear = [place.get(tuple(int(j == k) for j in range(n)), -1) for k in range(n)]
        self._nonlinear = np.flatnonzero(degree >= 2)
        self._propagation = Propagation(self.value_program) if n >= WIDE else None

    @property
    def work(self) -> float:
        """About how many nanoseconds one box takes."""
        size, n = len(self.exponents), self.n
        return 1.4 * size * n * (size + 2 * n) + 10.0 * n ** 3 + 1000.0

    def _monomials(self, x: Array) -> Array:
        """x^a for every exponent a: rows (N, n) to (N, size)."""
        out = np.ones((len(x), len(self.exponents)))
        for k in range(self.n):
            power = np.ones_like(x[:, k])
            column = self.exponents[:, k]
            for e in range(1, int(column.max(initial=0)) + 1):
                power = power * x[:, k]
                out[:, column == e] *= power[:, None]
        return out

    def _expand(self, center: Array, reach: Array) -> tuple[Array, Array, Array]:
        """c (N, n, size), r^a (N, size), and the bound eps P(|m| + r) (N, n)."""
        coefficients = (self._monomials(center) @ self._matrix).reshape(
            len(center), self.n, -1)
        error = self._eps * (self._monomials(np.abs(center) + reach) @ self._absolute)
        return coefficients, self._monomials(reach), error + _FLOOR

    def _jacobian_at(self, coefficients: Array) -> Array:
        """The linear coefficients, g's Jacobian at the centres: (N, n, n)."""
        out = np.zeros((len(coefficients), self.n, self.n))
        for k, place in enumerate(self._linear):
            if place >= 0:
                out[:, :, k] = coefficients[:, :, place]
        return out

    def _ranges(self, coefficients: Array, powers: Array, which: Any) -> tuple[Array, Array]:
        """How far the chosen terms go below and above zero: two (N, n), not negative."""
        terms = coefficients[:, :, which] * powers[:, None, which]
        even = self._even[which]
        size = np.abs(terms[:, :, ~even]).sum(axis=2)
        positive = terms[:, :, even]
        return (size + np.maximum(-positive, 0).sum(axis=2),
                size + np.maximum(positive, 0).sum(axis=2))

    @staticmethod
    def _centered(low: Array, high: Array) -> tuple[Array, Array]:
        """Centres and half-widths, rounded up, of boxes given by columns: rows."""
        center = np.clip(0.5 * (low + high), low, high)
        reach = np.maximum(high - center, center - low)
        return center.T, (reach * (1 + 2.0 ** -50) + 1e-290).T

    def may_vanish(self, low: Array, high: Array) -> Mask:
        """Always: `contract` decides from the same expansion."""
        return np.ones(low.shape[1], dtype=bool)

    def sift(self, low: Array, high: Array) -> tuple[Array, Array, Mask]:
        """What propagation on the program leaves of the boxes, with many variables."""
        if self._propagation is None:
            return super().sift(low, high)
        return self._propagation.sift(low, high)

    def contract(self, low: Array, high: Array) -> Step:
        """Newton's step on the preconditioned Taylor expansion of every box."""
        with np.errstate(all="ignore"):
            return self._contract(low, high)

    def _contract(self, low: Array, high: Array) -> Step:
        n, count = low.shape
        center, reach = self._centered(low, high)
        c, powers, error = self._expand(center, reach)
        below, above = self._ranges(c, powers, slice(1, None))
        outside = (c[:, :, 0] - below > error) | (-c[:, :, 0] - above > error)
        empty = np.asarray(outside.any(axis=1))
        jacobian = self._jacobian_at(c)
        smear = np.abs(jacobian) * reach[:, None, :]
        smear += (np.abs(c[:, :, self._nonlinear]) * powers[:, None, self._nonlinear]
                  ) @ self.exponents[self._nonlinear]
        weight = (smear / np.maximum(smear.sum(axis=2, keepdims=True), 1e-300)).sum(axis=1)
        inverse, invertible = inverses(jacobian)
        y = inverse @ c
        y_error = self._slack * (np.abs(inverse) @ error[:, :, None])[:, :, 0]
        linear = self._jacobian_at(y)
        bound = self._uniqueness(y, linear, powers, reach) + y_error
        promising: Mask = np.asarray((bound < reach).all(axis=1), dtype=bool)
        promising &= invertible
        below, above = self._ranges(y, powers, self._nonlinear)
        diagonal = linear[:, range(n), range(n)]
        across = (np.abs(linear) @ reach[:, :, None])[:, :, 0] - np.abs(diagonal) * reach
        least = -(y[:, :, 0] + above + across) - y_error
        most = -(y[:, :, 0] - below - across) + y_error
        regular = invertible[:, None] & (diagonal > 0.5)
        scale = np.where(regular, diagonal, 1.0)
        # One more unit of rounding for the quotient and the sum with the centre.
        slack = 2.0 ** -50
        least = least / scale - slack * (np.abs(least) + np.abs(center)) - 1e-290
        most = most / scale + slack * (np.abs(most) + np.abs(center)) + 1e-290
        new_low = np.where(regular, np.fmax(low.T, center + least), low.T)
        new_high = np.where(regular, np.fmin(high.T, center + most), high.T)
        if self._propagation is not None:
            # Every equation for every variable, without Y: p, L and half of the range of N.
            below, above = self._ranges(c, powers, self._nonlinear)
            least, most, none = by_rows(c[:, :, 0] + 0.5 * (above - below), jacobian,
                                        (0.5 * (above + below) + 2 * error) * (1 + slack), reach)
            new_low = np.fmax(new_low, center + least - slack * (np.abs(center) + np.abs(least)))
            new_high = np.fmin(new_high, center + most + slack * (np.abs(center) + np.abs(most)))
            empty |= none
        empty |= (new_low > new_high).any(axis=1)
        return Step(new_low.T, np.maximum(new_low, new_high).T, empty, promising & ~empty,
                    np.ones(count, dtype=bool), weight.T)

    def _uniqueness(self, y: Array, linear: Array, powers: Array, reach: Array) -> Array:
        """w of the module's docstring."""
        nonlinear = self._nonlinear
        scaled = (powers * self._degree)[:, nonlinear]
        return (np.abs(np.eye(self.n) - linear) @ reach[:, :, None])[:, :, 0] + (
            np.abs(y[:, :, nonlinear]) @ scaled[:, :, None])[:, :, 0]

    def prove(self, points: Array, radii: Array) -> list[Region | None]:
        """A box round each point (rows) proved to hold exactly one zero, or None."""
        count, rungs, n = len(points), len(_RUNGS), self.n
        reach = (radii[:, None, :] * _RUNGS[:, None]).reshape(-1, n)
        center = np.repeat(points, rungs, axis=0)
        with np.errstate(all="ignore"):
            c, powers, error = self._expand(center, reach)
            inverse, invertible = inverses(self._jacobian_at(c))
            y = inverse @ c
            y_error = self._slack * (np.abs(inverse) @ error[:, :, None])[:, :, 0]
            bound = self._uniqueness(y, self._jacobian_at(y), powers, reach)
            bound = (bound + np.abs(y[:, :, 0])) * (1 + 2.0 ** -40) + y_error
            inner = reach * (1 - 2.0 ** -40) - np.abs(center) * 2.0 ** -50
            good = invertible & (bound < inner).all(axis=1)
            good &= (reach > _LEAST * np.abs(center)).all(axis=1)
        good = good.reshape(count, rungs)
        # The floats below lie inside the box that was examined.
        low, high = center - inner, center + inner
        low, high = low.reshape(count, rungs, n), high.reshape(count, rungs, n)
        return [Region(low[k, rung], high[k, rung]) if good[k, rung] else None
                for k, rung in enumerate(np.argmax(good, axis=1))]
