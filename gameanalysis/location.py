"""Where a critical point is: an enclosure to any precision, and an exact number if found.

A `Location` answers two questions: an enclosure to so many digits, and, when intervals
cannot decide a sign because the sign is zero, the point as exact numbers.  Exactness is
proved: a guess (the simplest rational in the enclosure, or an algebraic zero of the
polynomial system) is believed only if it makes the field exactly zero and lies in the
region where the zero is unique.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cached_property

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from .enclosure import Zero, float_ends
from .exponentials import ExactNumbers
from .numberfield import AlgebraicPoint
from .program import Program
from .exactness import nearest_exact

__all__ = ["Location", "CertifiedLocation", "AlgebraicLocation", "FloatLocation",
           "RationalLocation"]

Array = NDArray[np.float64]
Ends = Sequence[tuple[Fraction, Fraction]]

#: Digits of the enclosure in which a rational coordinate is looked for.
_GUESS_DIGITS = 20


class Location:
    """A point that is known to some precision.

    ``x``, ``radius``: floats; ``certified``: whether a unique zero is proved there.
    """

    x: Array
    radius: float
    certified = True

    def enclosure(self, digits: int) -> Ends:
        """Exact ends for each coordinate, to about ``digits`` digits."""
        raise NotImplementedError

    def exact_numbers(self) -> ExactNumbers | None:
        """Exact arithmetic at the point, or None if it is not known exactly."""
        return None

    @property
    def exact(self) -> tuple[sp.Expr, ...] | None:
        """The coordinates as SymPy numbers, or None."""
        return None


class FloatLocation(Location):
    """A point found without proof."""

    certified = False

    def __init__(self, x: Array) -> None:
        self.x = np.array(x, dtype=float)
        self.radius = float("inf")


class RationalLocation(Location):
    """A zero whose coordinates are given as rational numbers."""

    def __init__(self, values: Sequence[Fraction]) -> None:
        self.values = tuple(values)
        self.x = np.array([float(v) for v in self.values])
        error = max(abs(Fraction(x) - v) for x, v in zip(self.x.tolist(), self.values))
        self.radius = float(np.nextafter(float(error), np.inf)) if error else 0.0

    def enclosure(self, digits: int) -> Ends:
        """The coordinates themselves."""
        return [(v, v) for v in self.values]

    def exact_numbers(self) -> ExactNumbers:
        """Arithmetic at the rational point."""
        return ExactNumbers(self.values)

    @property
    def exact(self) -> tuple[sp.Expr, ...]:
        """The coordinates as SymPy rationals."""
        return tuple(sp.Rational(v.numerator, v.denominator) for v in self.values)


class AlgebraicLocation(Location):
    """A zero found by exact algebra."""

    def __init__(self, point: AlgebraicPoint) -> None:
        self.point = point
        ends = self.enclosure(25)
        self.x = np.array([float((a + b) / 2) for a, b in ends])
        error = max(max(b - Fraction(x), Fraction(x) - a)
                    for (a, b), x in zip(ends, self.x.tolist()))
        self.radius = float(np.nextafter(float(error), np.inf)) if error else 0.0

    def enclosure(self, digits: int) -> Ends:
        """Exact ends for each coordinate."""
        return self.point.enclosure(int(digits * 3.33) + 8)

    def exact_numbers(self) -> ExactNumbers:
        """Arithmetic in the number field of the point."""
        return self._numbers

    @cached_property
    def _numbers(self) -> ExactNumbers:
        rational = self.point.rational
        return ExactNumbers(self.point if rational is None else rational)

    @property
    def exact(self) -> tuple[sp.Expr, ...] | None:
        """The coordinates as SymPy numbers, where they have a short form."""
        found = self.point.exact()
        return None if any(v is None for v in found) else found


class CertifiedLocation(Location):
    """A zero found by branch and prune.

    ``program`` computes the field, and ``algebraic`` is called for the exact zeros of
    the field where it is polynomial (an empty sequence where it is not).
    """

    def __init__(self, zero: Zero, program: Program,
                 algebraic: Callable[[], Sequence[AlgebraicPoint]]) -> None:
        self.zero, self.program, self.algebraic = zero, program, algebraic
        self.x, self.radius = zero.x, zero.radius

    def enclosure(self, digits: int) -> Ends:
        """Exact ends for each coordinate."""
        return self.zero.enclosure(digits)

    def exact_numbers(self) -> ExactNumbers | None:
        """Arithmetic at the rational or algebraic number that the point is."""
        if self._rational is not None:
            return ExactNumbers(self._rational)
        return None if self._algebraic is None else ExactNumbers(self._algebraic)

    @property
    def exact(self) -> tuple[sp.Expr, ...] | None:
        """The coordinates if they are proved to be rational."""
        if self._rational is None:
            return None
        return tuple(sp.Rational(v.numerator, v.denominator) for v in self._rational)

    @cached_property
    def _rational(self) -> tuple[Fraction, ...] | None:
        guess = []
        for low, high in self.zero.enclosure(_GUESS_DIGITS):
            rational = [c for c in nearest_exact(low, high) if c.is_Rational]
            if not rational:
                return None
            guess.append(Fraction(int(rational[0].p), int(rational[0].q)))
        region = self.zero.region
        if not region.contains(*float_ends([(v, v) for v in guess])):
            return None
        numbers = ExactNumbers(guess)
        try:
            values = self.program.evaluate(numbers.inputs, numbers)
        except ArithmeticError:
            return None
        return None if any(numbers.sign(v) for v in values) else tuple(guess)

    @cached_property
    def _algebraic(self) -> AlgebraicPoint | None:
        region = self.zero.region
        found = [point for point in self.algebraic()
                 if region.contains(*float_ends(point.enclosure(200)))]
        return found[0] if len(found) == 1 else None
