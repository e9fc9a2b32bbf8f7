r"""Enclosures of a field, its Jacobian and its zeros; Krawczyk's operator.

Notation of `certify`: a box X has midpoint m, Y is an approximate inverse of the
midpoint of J(X), A = Y J(X) and b = Y g(m), enclosed.  With E = I - A,

    K(X) = m - b + E (X - m),

contains every zero of g in X.  If |b| + |E| r < r for the half-widths r of a box
centred at m, then K(X) lies inside X: X holds exactly one zero.  If every row sum of
|E| weighted with r is below r, X holds at most one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..compilation.compiled import CompiledField
from ..programs.intervals import FloatIntervals, PreciseIntervals
from ..programs.linear import distance_from_identity, gauss_seidel, inverses, matmul_point
from ..programs.program import Program

__all__ = ["Region", "Step", "System", "Zero"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Pair = tuple[Array, Array]

_U = 2.0 ** -53
#: Rungs of the ladder of radii tried round an approximate zero.
_RUNGS = 4.0 ** -np.arange(22)
#: Digits of the arithmetic that confirms every certificate.
_CONFIRM = 30
#: Up to so many variables the products of that proof are made with as many digits.
_DIGITS = 4
#: Regions shrunk by these factors are tried in turn when one is confirmed.
_SHRINKS = (1.0, 2.0 ** -3, 2.0 ** -6, 2.0 ** -10, 2.0 ** -15)
#: Tests in floats, whose rounding errors are far below this, that may only be too hopeful.
_MARGIN = 2.0 ** -20
#: Regions are confirmed together while their Jacobians have at most so many entries.
_ENTRIES = 2 ** 21
#: Half-width of the box that encloses a zero first, relative to 1 + max|x|.
_TINY_BOX = 2.0 ** -42


@dataclass(frozen=True, eq=False)
class Region:
    """A box proved to hold exactly one zero: ``low``, ``high``, shape (n,)."""

    low: Array
    high: Array

    def contains(self, low: Array, high: Array) -> bool:
        """Whether the box [low, high] lies in the region."""
        return bool((low >= self.low).all() and (high <= self.high).all())


@dataclass(frozen=True, eq=False)
class Step:
    """A contracted batch: columns ``low``, ``high``, and facts for each box."""

    low: Array
    high: Array
    empty: Mask
    promising: Mask
    defined: Mask
    weight: Array


class System:
    """Interval evaluation of a compiled field and its Jacobian."""

    def __init__(self, field: CompiledField) -> None:
        self.field, self.n = field, field.n
        if field.value_program is None or field.jacobian_program is None:
            raise ValueError(f"{field!r} has no program that intervals could evaluate")
        self.value_program: Program = field.value_program
        self.jacobian_program: Program = field.jacobian_program
        self.n_operations = (self.value_program.n_operations
                             + self.jacobian_program.n_operations)
        # Raise NoEnclosure at once for a function that cannot be enclosed.
        self.may_vanish(np.zeros((self.n, 1)), np.zeros((self.n, 1)))

    @property
    def work(self) -> float:
        """About how many nanoseconds one box takes."""
        return 10.0 * self.n_operations + self.n ** 3

    # -- floats, many boxes at once --------------------------------------

    def _evaluate(self, program: Program, low: Array, high: Array
                  ) -> tuple[list[Any], FloatIntervals]:
        arithmetic = FloatIntervals()
        with np.errstate(all="ignore"):
            inputs = [arithmetic.interval(a, b) for a, b in zip(low, high)]
            return program.evaluate(inputs, arithmetic), arithmetic

    def may_vanish(self, low: Array, high: Array) -> Mask:
        """Where g over the boxes (columns) does not exclude zero: shape (N,)."""
        values, arithmetic = self._evaluate(self.value_program, low, high)
        keep = np.ones(low.shape[1], dtype=bool)
        keep &= ~np.asarray(arithmetic.empty)
        for value in values:
            # NaN ends stand for "no bound": the comparisons are then false.
            keep &= ~((value.ends[0] < 0) | (value.ends[1] < 0))
        return keep

    def sift(self, low: Array, high: Array) -> tuple[Array, Array, Mask]:
        """What a cheap test leaves of boxes (columns): low, high, and where anything is left."""
        return low, high, self.may_vanish(low, high)

    def _values(self, x: Array) -> Pair:
        """g at points (columns): ends of shape (N, n)."""
        values, _ = self._evaluate(self.value_program, x, x)
        return _stack(values, x.shape[1])

    def _jacobians(self, low: Array, high: Array) -> tuple[Pair, Mask]:
        """J over boxes (columns): ends (N, n, n), and where it is bounded."""
        n, count = self.n, low.shape[1]
        values, arithmetic = self._evaluate(self.jacobian_program, low, high)
        lower, upper = _stack(values, count)
        bounded = (np.isfinite(lower) & np.isfinite(upper)).all(axis=1)
        bounded &= np.asarray(arithmetic.defined)
        shape = (count, n, n)
        return (lower.reshape(shape), upper.reshape(shape)), bounded

    def _linearise(self, low: Array, high: Array, center: Array, inverse: Array | None
                   ) -> tuple[Pair, Pair, Pair, Mask, Mask]:
        """J, A = Y J, b = Y g(m), where Y exists and where J is bounded.

        Y is the inverse of the midpoint of J, unless one is given; I where that is
        singular: every matrix is allowed, a good one gives narrow results.
        """
        jacobian, bounded = self._jacobians(low, high)
        if inverse is None:
            with np.errstate(all="ignore"):
                inverse, invertible = inverses(0.5 * jacobian[0] + 0.5 * jacobian[1])
        else:
            invertible = np.asarray(np.isfinite(inverse).all(axis=(1, 2)))
        with np.errstate(all="ignore"):
            a = matmul_point(inverse, jacobian)
            b = matmul_point(inverse, self._values(center))
        return jacobian, a, b, invertible, bounded

    def contract(self, low: Array, high: Array) -> Step:
        """Gauss-Seidel steps of the interval Newton operator on every box."""
        center = np.clip(0.5 * (low + high), low, high)
        jacobian, a, b, invertible, bounded = self._linearise(low, high, center, None)
        with np.errstate(all="ignore"):
            spread = distance_from_identity(a).sum(axis=2).max(axis=1)
            promising = np.less(spread, 1.0) & bounded & invertible
            new_low, new_high, empty = gauss_seidel(a, b, low.T, high.T, center.T)
            magnitude = np.maximum(np.abs(jacobian[0]), np.abs(jacobian[1]))
            smear = np.where(bounded[:, None, None], magnitude, 1.0) * (high - low).T[:, None]
            weight = (smear / np.maximum(smear.sum(axis=2, keepdims=True), 1e-300)).sum(axis=1)
        keep = bounded[:, None]
        return Step(np.where(keep, new_low, low.T).T, np.where(keep, new_high, high.T).T,
                    empty & bounded, promising, bounded, weight.T)

    def prove(self, points: Array, radii: Array) -> list[Region | None]:
        """A box round each point (rows) proved to hold exactly one zero, or None.

        It has the largest of the radii (rows) times 4^-k, k = 0, 1, ..., that works.
        """
        count, rungs, n = len(points), len(_RUNGS), self.n
        with np.errstate(all="ignore"):
            inverse, _ = inverses(self.field.jacobian(points))
        center = np.repeat(points.T, rungs, axis=1)
        reach = (radii.T[:, :, None] * _RUNGS).reshape(n, -1)
        low, high = center - reach, center + reach
        _, a, b, invertible, bounded = self._linearise(
            low, high, center, np.repeat(inverse, rungs, axis=0))
        with np.errstate(all="ignore"):
            half = np.minimum(high - center, center - low).T
            image = (np.maximum(np.abs(b[0]), np.abs(b[1]))
                     + (distance_from_identity(a) @ half[..., None])[..., 0])
            inside = (image * (1 + 64 * n * _U) < half).all(axis=1)
        good = (inside & bounded & invertible).reshape(count, rungs)
        low, high = low.T.reshape(count, rungs, n), high.T.reshape(count, rungs, n)
        return [Region(low[k, rung], high[k, rung]) if good[k, rung] else None
                for k, rung in enumerate(np.argmax(good, axis=1))]

    # -- high precision, one zero at a time ------------------------------

    def confirm(self, regions: Sequence[Region]) -> list[Zero | None]:
        """Prove each region again at high precision, and enclose its zero tightly.

        Natural intervals are wider than what the search may use, so the region of the
        result may be smaller, round the same zero.  None where that fails.  Two facts
        are proved with arithmetic that shares nothing with the search: Krawczyk's test
        on the region (existence and uniqueness), and the same on a tiny box inside it
        (where the zero is).
        """
        step = max(1, _ENTRIES // ((1 + len(_SHRINKS)) * self.n ** 2))
        return [zero for start in range(0, len(regions), step)
                for zero in self._confirm(regions[start:start + step])]

    def _confirm(self, regions: Sequence[Region]) -> list[Zero | None]:
        center = np.array([0.5 * (r.low + r.high) for r in regions])
        with np.errstate(all="ignore"):
            inverse, invertible = inverses(self.field.jacobian(center))
        tiny = _TINY_BOX * (1 + np.abs(center).max(axis=1, keepdims=True))
        # The tiny boxes, and the regions shrunk by each factor: arrays (boxes, regions, n).
        least, most = (np.array([getattr(r, end) for r in regions]) for end in ("low", "high"))
        half = 0.5 * np.array(_SHRINKS)[:, None, None] * (most - least)
        low = np.concatenate([[center - tiny], np.maximum(center - half, least)])
        high = np.concatenate([[center + tiny], np.minimum(center + half, most)])
        jacobian, bounded = self._jacobians(low.reshape(-1, self.n).T, high.reshape(-1, self.n).T)
        with np.errstate(all="ignore"):
            spread = matmul_point(np.tile(inverse, (len(low), 1, 1)), jacobian)
            reach = 0.5 * (high - low)
            error = distance_from_identity(spread).reshape(*low.shape, self.n)
            # Where |E| r < r fails in floats there is nothing for more digits to confirm.
            hopeful = ((error @ reach[..., None])[..., 0] < (1 + _MARGIN) * reach).all(axis=2)
        hopeful &= bounded.reshape(hopeful.shape) & invertible
        out: list[Zero | None] = []
        for k in range(len(regions)):
            tries = (self._confirmed(Region(low[j, k], high[j, k]), inverse[k],
                                     (low[0, k], high[0, k]), (spread[0][k], spread[1][k]))
                     for j in range(1, len(low)) if hopeful[0, k] and hopeful[j, k])
            out.append(next((zero for zero in tries if zero is not None), None))
        return out

    def _confirmed(self, region: Region, inverse: Array, tiny: Pair, spread: Pair
                   ) -> Zero | None:
        n = self.n
        precise = PreciseIntervals(_CONFIRM)
        box = [precise.interval(a, b) for a, b in zip(region.low, region.high)]
        jacobian = self.jacobian_program.evaluate(box, precise)
        if not precise.defined:
            return None
        y = _exactly(precise, inverse)
        if n <= _DIGITS:
            minus_e = [[_dot(precise, y[i], jacobian[k::n], precise.constant(-int(i == k)))
                        for k in range(n)] for i in range(n)]
        else:
            product = _floats_product(precise, inverse, jacobian)
            if product is None or not np.isfinite(product).all():
                return None
            minus_e = _minus_identity(precise, product)
        center = [precise.constant(Fraction(v)) for v in (0.5 * (tiny[0] + tiny[1])).tolist()]
        correction = self._correction(precise, center, y)
        image = _krawczyk(precise, correction, center, minus_e, box)
        if not _inside(precise, image, region.low, region.high):
            return None
        box = [precise.interval(a, b) for a, b in zip(*tiny)]
        image = _krawczyk(precise, correction, center, _minus_identity(precise, spread), box)
        if _inside(precise, image, *tiny) and (tiny[0] >= region.low).all() \
                and (tiny[1] <= region.high).all():
            return Zero(self, region, [_ends(precise, b) for b in image], _CONFIRM - 5)
        return None

    def _correction(self, precise: PreciseIntervals, center: Sequence[Any],
                    inverse: Sequence[Sequence[Any]]) -> list[Any]:
        """m - Y g(m)."""
        minus = [precise.neg(v) for v in self.value_program.evaluate(center, precise)]
        return [_dot(precise, row, minus, c) for row, c in zip(inverse, center)]

    def narrow(self, enclosure: tuple[tuple[Fraction, Fraction], ...], digits: int
               ) -> tuple[tuple[Fraction, Fraction], ...]:
        """Krawczyk steps on a box that holds one zero, until ``digits`` digits.

        Y J(X) - I is bounded in floats: near 1e-15, so a step gains as many digits.
        """
        precise = PreciseIntervals(digits + 8)
        low, high = float_ends(enclosure)
        jacobian, bounded = self._jacobians(low[:, None], high[:, None])
        inverse, invertible = inverses(0.5 * (jacobian[0] + jacobian[1]))
        if not (bounded[0] and invertible[0]):
            return enclosure
        spread = matmul_point(inverse, jacobian)
        minus_e = _minus_identity(precise, (spread[0][0], spread[1][0]))
        y = _exactly(precise, inverse[0])
        goal = Fraction(1, 10 ** digits)
        while True:
            width = max(b - a for a, b in enclosure)
            if width <= goal * (1 + max(abs(a) for a, _ in enclosure)):
                return enclosure
            box = [precise.interval(a, b) for a, b in enclosure]
            center = [precise.middle(b) for b in box]
            image = _krawczyk(precise, self._correction(precise, center, y), center,
                              minus_e, box)
            bounds = [precise.bounds(value) for value in image]
            if not all(math.isfinite(end) for ends in bounds for end in ends):
                return enclosure
            enclosure = tuple((max(a, Fraction(p)), min(b, Fraction(q)))
                              for (a, b), (p, q) in zip(enclosure, bounds))
            if 2 * max(b - a for a, b in enclosure) > width:
                return enclosure

    # -- periodic coordinates --------------------------------------------

    def fundamental(self, domain: Array) -> tuple[Array, Array]:
        """The ends of the domain, cut to one period where a coordinate has one."""
        low, high = domain[:, 0].copy(), domain[:, 1].copy()
        for k, _, most in self._periods():
            high[k] = min(high[k], np.nextafter(low[k] + most, np.inf))
        return low, high

    def _periods(self) -> list[tuple[int, float, float]]:
        """(coordinate, lower and upper bound of its period) for each on a circle."""
        out = []
        for k, symbol in enumerate(self.field.variables):
            if symbol in self.field.periods:
                value = float(self.field.periods[symbol])
                out.append((k, float(np.nextafter(value, 0)), float(np.nextafter(value, np.inf))))
        return out

    def same_modulo(self, zero: Zero, other: Zero) -> bool:
        """Whether two different zeros are one on the circle of each period."""
        low, high = zero.low.copy(), zero.high.copy()
        for k, least, most in self._periods():
            turns = round(float(other.x[k] - zero.x[k]) / most)
            if turns:
                low[k] = np.nextafter(low[k] + min(turns * least, turns * most), -np.inf)
                high[k] = np.nextafter(high[k] + max(turns * least, turns * most), np.inf)
        return other.region.contains(low, high)


class Zero:
    """A proved zero: it exists, and is the only one in ``region``.

    Made by `System.confirm`.  ``x`` is the nearest float point, ``radius`` bounds its
    distance to the zero in every coordinate, and ``low``, ``high`` enclose the zero.
    """

    def __init__(self, system: System, region: Region,
                 enclosure: Sequence[tuple[Fraction, Fraction]], digits: int) -> None:
        self.system, self.region = system, region
        self._enclosure, self._digits = tuple(enclosure), digits
        self.low, self.high = float_ends(self._enclosure)
        self.x = np.array([float((a + b) / 2) for a, b in self._enclosure])
        error = max(max(b - Fraction(x), Fraction(x) - a)
                    for (a, b), x in zip(self._enclosure, self.x.tolist()))
        self.radius = float(np.nextafter(float(error), np.inf))
        for array in (self.low, self.high, self.x):
            array.flags.writeable = False

    def __repr__(self) -> str:
        return f"Zero({self.x.tolist()}, radius {self.radius:.1g})"

    def enclosure(self, digits: int) -> tuple[tuple[Fraction, Fraction], ...]:
        """Exact ends (low, high) for each coordinate, to about ``digits`` digits.

        They always contain the zero; where the arithmetic cannot get that far they
        are wider than asked.
        """
        if digits > self._digits:
            self._enclosure = self.system.narrow(self._enclosure, digits)
            self._digits = digits
        return self._enclosure


def _ends(precise: PreciseIntervals, value: Any) -> tuple[Fraction, Fraction]:
    """The ends of a bounded interval."""
    low, high = precise.bounds(value)
    return Fraction(low), Fraction(high)


def _dot(precise: PreciseIntervals, left: Sequence[Any], right: Sequence[Any],
         start: Any) -> Any:
    total = start
    for a, b in zip(left, right):
        total = precise.add(total, precise.mul(a, b))
    return total


def _exactly(precise: PreciseIntervals, matrix: Array) -> list[list[Any]]:
    return [[precise.interval(v, v) for v in row] for row in matrix.tolist()]


def _floats_product(precise: PreciseIntervals, matrix: Array, entries: Sequence[Any]
                    ) -> Pair | None:
    """Y J for precise intervals J, row by row, whose ends are rounded outward to floats.

    The product is n^3 operations, and J over a box is no better known than to the digits
    of floats.  None where J is not bounded.
    """
    n = len(matrix)
    bounds = [precise.bounds(value) for value in entries]
    if not all(math.isfinite(end) for ends in bounds for end in ends):
        return None
    low, high = float_ends([(Fraction(a), Fraction(b)) for a, b in bounds])
    with np.errstate(all="ignore"):
        product = matmul_point(matrix[None], (low.reshape(1, n, n), high.reshape(1, n, n)))
    return product[0][0], product[1][0]


def _minus_identity(precise: PreciseIntervals, spread: Pair) -> list[list[Any]]:
    """A - I for an interval matrix A of floats: a difference of floats errs by half an ulp."""
    identity = np.eye(len(spread[0]))
    low, high = (np.where(identity == 0, end, np.nextafter(end - identity, out)).tolist()
                 for end, out in zip(spread, (-np.inf, np.inf)))
    return [[precise.interval(p, q) for p, q in zip(*rows)] for rows in zip(low, high)]


def _krawczyk(precise: PreciseIntervals, correction: Sequence[Any], center: Sequence[Any],
              minus_e: Sequence[Sequence[Any]], box: Sequence[Any]) -> list[Any]:
    """K(X) = (m - Y g(m)) + (Y J(X) - I)(m - X)."""
    offset = [precise.sub(c, b) for b, c in zip(box, center)]
    return [_dot(precise, row, offset, start) for row, start in zip(minus_e, correction)]


def _inside(precise: PreciseIntervals, image: Sequence[Any], low: Array, high: Array) -> bool:
    """Whether the image lies in the interior of the box."""
    return all(precise.is_inside(*each) for each in zip(image, low.tolist(), high.tolist()))


def float_ends(enclosure: Sequence[tuple[Fraction, Fraction]]) -> tuple[Array, Array]:
    """Float boxes that contain an exact one."""
    low = np.array([float(a) for a, _ in enclosure])
    high = np.array([float(b) for _, b in enclosure])
    for k, (a, b) in enumerate(enclosure):
        if Fraction(low[k]) > a:
            low[k] = np.nextafter(low[k], -np.inf)
        if Fraction(high[k]) < b:
            high[k] = np.nextafter(high[k], np.inf)
    return low, high


def _stack(values: Sequence[Any], count: int) -> Pair:
    """Intervals as two arrays of ends, one row a box."""
    low, high = np.empty((len(values), count)), np.empty((len(values), count))
    for k, value in enumerate(values):
        low[k], high[k] = value.lo, value.hi
    return low.T, high.T
