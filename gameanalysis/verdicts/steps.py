r"""For which learning rates an update attracts to a fixed point, proved for all of them.

M(gamma) is the update's Jacobian at the fixed point, all learning rates equal to gamma (times
the rule's tau); the point attracts where rho(M(gamma)) < 1.  The entries of M are rational
functions of gamma, and so are the determinants of the criterion for rho < 1 (see
`discs`).  The ends of the ranges of gamma are looked for in floats; then the
criterion's signs are proved, or disproved, on every range between them, the first from 0 and
the last to infinity, by Bernstein coefficients and bisection.  Only gaps of relative width
2e-6 round the ends themselves are left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..exact.discs import schur_conditions, schur_verdict
from ..exact.exponentials import PiMultiple
from ..exact.minors import interval_sign
from ..programs.intervals import NoEnclosure
from ..programs.precise import PreciseIntervals
from ..programs.program import Program
from ..programs.ratios import Ratio, Ratios
from ..truth import Truth
from .location import Location
from .spectra import MatrixAt

__all__ = ["StepRange", "StepsAt"]

Array = NDArray[np.float64]
Range = tuple[Fraction, "Fraction | None"]
Conditions = tuple[list[Any], list[Any]]

#: Learning rates looked at, relative to 1 / max |l(M'(0))|, and how many.
_RANGE, _COUNT = (1e-5, 1e4), 400
#: Where infinity is out of reach, learning rates up to so many times the largest looked at.
_FAR = 1e3
#: Half-width of the gap round the end of a range, relative to the end.
_GAP = 1e-6
#: At most so many pieces prove one range.
_PIECES, _EXACT_PIECES = 60, 8


@dataclass(frozen=True)
class StepRange:
    """Learning rates low < gamma < high at which a fixed point attracts.

    ``low`` is 0 where every small learning rate does, ``high`` is infinite where every large
    one does.  ``proved`` is YES if it is proved that the point attracts on the whole range,
    and nowhere beside its ranges up to ``decided_to``, but for gaps of relative width 2e-6
    round their ends; UNDECIDED where the ends are floats only.

    >>> 0.5 in StepRange(0.0, 1.0, Truth.YES)
    True
    """

    low: float
    high: float
    proved: Truth
    decided_to: float = np.inf

    def __contains__(self, gamma: float) -> bool:
        return self.low < gamma < self.high

    def __str__(self) -> str:
        return f"({self.low:.4g}, {self.high:.4g})"


class StepsAt:
    """An update at one of its fixed points, as a function of the learning rate.

    ``program`` : (z, gamma) to M, row by row, as `CompiledUpdate.rest_jacobian` makes it.
    ``starts_at_rest`` : whether F(z; 0) = z, so that the rows of I - M for z vanish at 0.
    """

    def __init__(self, program: Program, location: Location, starts_at_rest: bool) -> None:
        self.program, self.location = program, location
        self.starts_at_rest = starts_at_rest
        self.n, self.size = program.n_inputs - 1, round(len(program.outputs) ** 0.5)
        self._found: list[tuple[Ratios, Conditions]] = []
        self._source = self._make()

    def at(self, gamma: Fraction) -> MatrixAt:
        """M at one learning rate."""
        return MatrixAt(self.program, self.location, [gamma])

    # -- floats ----------------------------------------------------------------

    def radii(self, gammas: Array) -> Array:
        """rho(M) at many learning rates, in floats; infinite where M is not finite."""
        points = np.empty((len(gammas), self.n + 1))
        points[:, :-1], points[:, -1] = self.location.x, gammas
        matrices = self.program.batch(points).reshape(-1, self.size, self.size)
        finite = np.isfinite(matrices).all(axis=(1, 2))
        out = np.full(len(gammas), np.inf)
        out[finite] = np.abs(np.linalg.eigvals(matrices[finite])).max(axis=1, initial=0.0)
        return out

    @cached_property
    def _scale(self) -> float:
        """A learning rate at which M is about as far from M(0) as 1, in floats."""
        point = np.append(self.location.x, 0.0)
        matrices = []
        for gamma in (0.0, 1e-6):
            point[-1] = gamma
            matrices.append(self.program.batch(point[None])[0])
        slope = (matrices[1] - matrices[0]) * 1e6
        top = float(np.abs(slope).max()) if np.isfinite(slope).all() else 0.0
        return 1.0 / top if top > 1e-9 else 1.0

    def ranges(self) -> tuple[StepRange, ...]:
        """All ranges of learning rates at which the point attracts, in ascending order.

        Ranges that lie within a ratio of 1.05 of learning rates, or outside of 1e-5 to 1e4
        times the natural scale, can be missed where ``proved`` is UNDECIDED.
        """
        grid = np.geomspace(_RANGE[0] * self._scale, _RANGE[1] * self._scale, _COUNT)
        inside = self.radii(grid) < 1 - 1e-14
        changes = np.flatnonzero(inside[1:] != inside[:-1])
        ends = [self._end(grid[k], grid[k + 1]) for k in changes.tolist()]
        below = [Fraction(0), *(_short(end * (1 + _GAP)) for end in ends)]
        above: list[Fraction | None] = [*(_short(end * (1 - _GAP)) for end in ends), None]
        pieces = list(zip(below, above))
        attracts = [bool(inside[0]) ^ bool(k % 2) for k in range(len(pieces))]
        decided_to = np.inf
        if not self._decided(pieces[-1], attracts[-1]) and not attracts[-1]:
            # Powers of gamma that cancel leave rounding, which matters only far away.
            decided_to = float(grid[-1]) * _FAR
            pieces[-1] = pieces[-1][0], _short(decided_to)
        proved = Truth.of(all(map(self._decided, pieces, attracts)) or None)
        edges = [0.0, *ends, np.inf]
        return tuple(StepRange(low, high, proved, decided_to) for low, high, yes
                     in zip(edges, edges[1:], attracts) if yes)

    def _end(self, low: float, high: float) -> float:
        side = self.radii(np.array([low]))[0] < 1
        while low < (middle := 0.5 * (low + high)) < high:
            if (self.radii(np.array([middle]))[0] < 1) == side:
                low = middle
            else:
                high = middle
        return low

    # -- proof -----------------------------------------------------------------

    def _make(self) -> Iterator[tuple[Ratios, Conditions]]:
        """The criterion's numbers as functions of gamma, in intervals, then in exact numbers."""
        for digits in (20, 50):
            arithmetic = PreciseIntervals(digits + 10)
            over = Ratios(arithmetic, interval_sign)
            try:
                ends = self.location.enclosure(digits)
                conditions = self._conditions(over, [arithmetic.interval(*e) for e in ends])
                if arithmetic.defined:
                    yield over, conditions
            except (ArithmeticError, NoEnclosure):
                return
        # Algebraic numbers of high degree would take minutes.
        numbers = self.location.exact_numbers() if self.location.exact is not None else None
        if numbers is not None:
            over = Ratios(numbers, numbers.sign)
            try:
                yield over, self._conditions(over, numbers.inputs)
            except ArithmeticError:
                return

    def _conditions(self, over: Ratios, inputs: list[Any]) -> Conditions:
        values = self.program.evaluate([*map(over.number, inputs), over.variable()], over)
        if any(isinstance(c, PiMultiple) for e in values for c in e.p):
            raise ArithmeticError("a multiple of pi is no coefficient here")
        a, b = [], []
        for k in range(self.size):
            row: list[Ratio] = values[k * self.size:(k + 1) * self.size]
            left = [(1 if j == k else 0) - e for j, e in enumerate(row)]
            if self.starts_at_rest and k < self.n:
                left = [e.without_constant() for e in left]
            a.append(left)
            b.append([e + 1 if j == k else e for j, e in enumerate(row)])
        return schur_conditions(a, b)

    def _levels(self) -> Iterator[tuple[Ratios, Conditions]]:
        k = 0
        while True:
            if k == len(self._found):
                found = next(self._source, None)
                if found is None:
                    return
                self._found.append(found)
            yield self._found[k]
            k += 1

    def _decided(self, whole: Range, attracts: bool) -> bool:
        """Whether rho < 1, or rho >= 1, is proved for every learning rate of a range."""
        for over, conditions in self._levels():
            try:
                found = _bisected(over, conditions, whole, Truth.of(attracts))
            except ArithmeticError:
                continue
            if found is not Truth.UNDECIDED:
                return found is Truth.YES
        return False


def _bisected(over: Ratios, conditions: Conditions, whole: Range, wanted: Truth) -> Truth:
    """Whether the criterion says ``wanted`` on every piece of a range."""
    # Exact algebraic numbers are slow, and needed where a sign is zero: not for bisection.
    budget = _PIECES if isinstance(over.base, PreciseIntervals) else _EXACT_PIECES
    pieces = [whole]
    for _ in range(budget):
        if not pieces:
            return Truth.YES
        low, high = pieces.pop()
        answer = schur_verdict(conditions, over.sign_on(low, high))
        if answer is Truth.UNDECIDED:
            middle = _middle(low, high)
            pieces += [(low, middle), (middle, high)]
        elif answer is not wanted:
            return Truth.NO
    return Truth.UNDECIDED if pieces else Truth.YES


def _short(value: float) -> Fraction:
    """A fraction of 30 binary digits near a float: its powers stay short."""
    mantissa, exponent = math.frexp(value)
    return Fraction(round(mantissa * 2**30)) * Fraction(2) ** (exponent - 30)


def _middle(low: Fraction, high: Fraction | None) -> Fraction:
    """A number between the ends: twice the lower, half the upper, or their mean."""
    if high is None:
        return 2 * low if low else Fraction(1)
    return (low + high) / 2 if low else high / 8
