"""Where a critical point on a manifold of critical points is: on a slice across it.

Such a point is not isolated, so no box holds exactly one.  Some coordinates are therefore held
at rational numbers, so many that in the others exactly one critical point remains in a box;
`slices` finds them and proves it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import cached_property

import numpy as np

from ..exact.exponentials import ExactNumbers
from ..exact.numberfield import AlgebraicPoint
from ..numerics.enclosure import Zero, float_ends
from .location import Ends, Location

__all__ = ["SliceLocation"]


class SliceLocation(Location):
    """A critical point in an affine subspace x_j = a_j, j in ``fixed``, alone there in a box.

    fixed : {j: a_j}, rational.
    free : the other coordinates, in the order of ``zero``.
    zero : the proved zero in the free coordinates.
    of : the field that is proved to vanish there, "simultaneous" or "stackelberg".
    response_free : the players l, each D_j f_l = 0 of whom is proved for the others' actions j.
    algebraic : called for the exact zeros in the free coordinates; none where they are not
        known.
    """

    def __init__(self, fixed: Mapping[int, Fraction], free: tuple[int, ...], zero: Zero,
                 of: str, response_free: frozenset[int],
                 algebraic: Callable[[], Sequence[AlgebraicPoint]]) -> None:
        self.fixed, self.free, self.zero = dict(fixed), free, zero
        self.of, self.response_free, self.algebraic = of, response_free, algebraic
        self.x = np.empty(len(fixed) + len(free))
        self.x[list(free)] = zero.x
        error = Fraction(zero.radius)
        for j, value in fixed.items():
            self.x[j] = float(value)
            error = max(error, abs(Fraction(float(value)) - value))
        self.radius = float(np.nextafter(float(error), np.inf))

    def enclosure(self, digits: int) -> Ends:
        """Exact ends for each coordinate; those held still are known exactly."""
        ends = {j: (value, value) for j, value in self.fixed.items()}
        ends.update(zip(self.free, self.zero.enclosure(digits)))
        return [ends[j] for j in range(len(ends))]

    def exact_numbers(self) -> ExactNumbers | None:
        """Arithmetic in the number field of the point, where that is found."""
        return self._numbers

    @cached_property
    def _numbers(self) -> ExactNumbers | None:
        found = [point for point in self.algebraic()
                 if self.zero.region.contains(*float_ends(point.enclosure(200)))]
        if len(found) != 1:
            return None
        numbers = ExactNumbers(found[0])
        inputs = dict(zip(self.free, numbers.inputs))
        inputs.update((j, numbers.constant(value)) for j, value in self.fixed.items())
        numbers.inputs = [inputs[j] for j in range(len(inputs))]
        return numbers
