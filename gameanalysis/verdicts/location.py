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

from ..declaration.game import Game
from ..exact.exactness import nearest_exact
from ..exact.exponentials import ExactNumbers, PiMultiple
from ..exact.jets import Jet
from ..exact.numberfield import AlgebraicPoint
from ..numerics.enclosure import Zero, float_ends
from ..programs.program import Program

__all__ = ["Location", "CertifiedLocation", "AlgebraicLocation", "ExactLocation",
           "FloatLocation", "RationalLocation", "numbers_at"]

Array = NDArray[np.float64]
Ends = Sequence[tuple[Fraction, Fraction]]

#: Digits of the enclosure in which a rational coordinate is looked for.
_GUESS_DIGITS = 20
_GUESS_WIDTH = Fraction(1, 10 ** 22)


class Location:
    """A point that is known to some precision.

    ``x``, ``radius``: floats; ``certified``: whether a unique zero is proved there.
    """

    x: Array
    radius: float
    certified = True

    def enclosure(self, digits: int) -> Ends:
        """Exact ends for each coordinate, to about ``digits`` digits.

        Raises ArithmeticError for a point of which nothing is proved.
        """
        raise ArithmeticError("a point that was found without proof has no enclosure")

    def exact_numbers(self) -> ExactNumbers | None:
        """Exact arithmetic at the point, or None if it is not known exactly."""
        return None

    @property
    def exact(self) -> tuple[sp.Expr, ...] | None:
        """The coordinates as SymPy numbers, or None."""
        return None


def _distance(x: Array, ends: Ends) -> float:
    """A bound of the distance of floats to the numbers in [low, high], per coordinate."""
    error = max(max(b - Fraction(v), Fraction(v) - a) for (a, b), v in zip(ends, x.tolist()))
    return float(np.nextafter(float(error), np.inf)) if error else 0.0


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
        self.radius = _distance(self.x, self.enclosure(0))
        self._jet: tuple[Game, Jet | None] | None = None

    def jet(self, game: Game) -> Jet | None:
        """The 3-jet of the costs of a game here, None where it is not rational."""
        if self._jet is None or self._jet[0] is not game:
            self._jet = game, Jet.at(game, self.values)
        return self._jet[1]

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


class ExactLocation(Location):
    """A point of exact numbers that are not all rational."""

    def __init__(self, values: Sequence[sp.Expr]) -> None:
        self._values = tuple(values)
        self.x = np.array([float(v) for v in values])
        self.radius = float(np.spacing(np.abs(self.x)).max())

    def enclosure(self, digits: int) -> Ends:
        """Ends from SymPy's evaluation to more digits."""
        out = []
        for value in self._values:
            near = Fraction(str(value.evalf(digits + 10)))
            reach = (abs(near) + 1) / 10 ** (digits + 5)
            out.append((near - reach, near + reach))
        return out

    def exact_numbers(self) -> ExactNumbers | None:
        """Arithmetic with rational numbers and multiples of pi, None for others."""
        return numbers_at(self._values)

    @property
    def exact(self) -> tuple[sp.Expr, ...] | None:
        """The numbers themselves."""
        return self._values


class AlgebraicLocation(Location):
    """A zero found by exact algebra."""

    def __init__(self, point: AlgebraicPoint) -> None:
        self.point = point
        ends = self.enclosure(25)
        self.x = np.array([float((a + b) / 2) for a, b in ends])
        self.radius = _distance(self.x, ends)

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


def _number(value: sp.Expr) -> Fraction | PiMultiple:
    """A rational number or a rational multiple of pi."""
    rational = value if value.is_Rational else sp.cancel(value / sp.pi)
    fraction = Fraction(int(rational.p), int(rational.q))
    return fraction if value.is_Rational else PiMultiple(fraction)


def numbers_at(values: Sequence[sp.Expr]) -> ExactNumbers | None:
    """Arithmetic at a point of rational numbers and multiples of pi, None for others."""
    if not all(v.is_Rational or sp.cancel(v / sp.pi).is_Rational for v in values):
        return None
    return ExactNumbers([_number(v) for v in values])


class CertifiedLocation(Location):
    """A zero found by branch and prune.

    ``program`` computes the field, and ``algebraic`` is called for the exact zeros of
    the field where it is polynomial (an empty sequence where it is not).
    """

    def __init__(self, zero: Zero, program: Program,
                 algebraic: Callable[[], Sequence[AlgebraicPoint]]) -> None:
        self.zero, self.program, self.algebraic = zero, program, algebraic
        self.x, self.radius = zero.x, zero.radius
        if self._guessed is not None:
            self.x = np.array([float(v) for v in self._guessed])
            self.radius = _distance(self.x, [
                (value, value) if isinstance(value := _number(v), Fraction) else ends
                for v, ends in zip(self._guessed, zero.enclosure(_GUESS_DIGITS))])

    def enclosure(self, digits: int) -> Ends:
        """Exact ends for each coordinate."""
        return self.zero.enclosure(digits)

    def exact_numbers(self) -> ExactNumbers | None:
        """Arithmetic at the exact number that the point is proved to be."""
        if self._guessed is not None:
            return ExactNumbers([_number(v) for v in self._guessed])
        return None if self._algebraic is None else ExactNumbers(self._algebraic)

    @property
    def exact(self) -> tuple[sp.Expr, ...] | None:
        """The coordinates if they are proved to be rational or multiples of pi."""
        return self._guessed

    @cached_property
    def _guessed(self) -> tuple[sp.Expr, ...] | None:
        guess, ends = [], []
        for low, high in self.zero.enclosure(_GUESS_DIGITS):
            # As wide however precisely the zero is known: pi is only known to 40 digits.
            low, high = low - _GUESS_WIDTH, high + _GUESS_WIDTH
            found = nearest_exact(low, high)
            if not found:
                return None
            guess.append(found[0])
            value = _number(found[0])
            # A multiple of pi was found inside this enclosure; it is as good as its ends.
            ends.append((low, high) if isinstance(value, PiMultiple) else (value, value))
        if not self.zero.region.contains(*float_ends(ends)):
            return None
        numbers = ExactNumbers([_number(v) for v in guess])
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
