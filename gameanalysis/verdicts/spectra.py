r"""Proved statements about the spectrum of a matrix that depends on a critical point.

The matrix is a program in the coordinates of the point, such as the Jacobian G of a flow's
field or the Jacobian M of an update at a learning rate gamma.  With eigenvalues l,

    spectral abscissa   a(G) = min Re l      the flow z' = -g(z) is attracting if a > 0,
    spectral radius     rho(M) = max |l|      the update is attracting if rho < 1.

Signs are decided in intervals at rising precision and, where a sign is zero, exactly.  A
value is enclosed by asking the same question of G - s I and of M / r on either side of the
float: the answers YES and NO are proofs, so the enclosure is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..exact.definiteness import is_stable
from ..exact.discs import is_schur_stable
from ..exact.exponentials import ExactNumbers, PiMultiple
from ..exact.minors import exact_sign, interval_sign, minus, times
from ..programs.intervals import NoEnclosure
from ..programs.precise import PreciseIntervals
from ..programs.program import Program
from ..truth import Truth
from .location import Location

__all__ = ["Evidence", "Enclosure", "MatrixAt", "rational"]

Array = NDArray[np.float64]
Rows = list[list[Any]]

#: Digits of the interval arithmetic tried in turn, before and after exact numbers.
_DIGITS, _MORE_DIGITS = (20, 50), (120,)
#: Half-widths of enclosures tried in turn, relative to the largest eigenvalue.
_WIDTHS = (1e-13, 1e-10, 1e-7, 1e-4)


def rational(value: Any) -> Fraction:
    """An exact number that is rational as it is written; raises ArithmeticError for others."""
    terms = getattr(value, "terms", None)
    if terms == ():
        return Fraction(0)
    if terms is not None and len(terms) == 1:
        (u, c), = terms
        if isinstance(u, Fraction) and isinstance(c, Fraction) and not u:
            return c
    raise ArithmeticError(f"{value!r} is not known to be rational")


@dataclass(frozen=True)
class Enclosure:
    """A real number between ``low`` and ``high``, and its float ``value``.

    The ends are proved where they are finite.
    """

    value: float
    low: float = -np.inf
    high: float = np.inf


@dataclass(frozen=True)
class Evidence:
    """Values of a program at a point, in one arithmetic, and how signs are told in it."""

    values: list[Any]
    sign: Callable[[Any], int | None]


class MatrixAt:
    """The square matrix that a program gives at a point.

    Parameters
    ----------
    program : entries row by row, of the coordinates and then of ``more`` inputs.
    location : where the point is.
    more : exact numbers for the inputs behind the coordinates.
    """

    def __init__(self, program: Program, location: Location,
                 more: Sequence[Fraction] = ()) -> None:
        self.program, self.location, self.more = program, location, list(more)
        self.size = round(len(program.outputs) ** 0.5)
        self._levels: list[Evidence] = []
        self._source = self._make()

    # -- evidence ----------------------------------------------------------

    def _make(self) -> Iterator[Evidence]:
        # Where the point has a short exact form, exact numbers are as fast and decide all.
        numbers = self.location.exact_numbers() if self.location.exact is not None else None
        known = None if numbers is None else self._over_numbers(numbers)
        if known is not None:
            try:
                yield Evidence([rational(v) for v in known.values], exact_sign)
                return
            except ArithmeticError:
                pass
        yield from self._over_intervals(_DIGITS)
        if numbers is None and (numbers := self.location.exact_numbers()) is not None:
            known = self._over_numbers(numbers)
        if known is not None:
            yield known
        yield from self._over_intervals(_MORE_DIGITS)

    def _over_numbers(self, numbers: ExactNumbers) -> Evidence | None:
        try:
            inputs = [*numbers.inputs, *map(numbers.constant, self.more)]
            values = self.program.evaluate(inputs, numbers)
        except ArithmeticError:
            return None
        if any(isinstance(v, PiMultiple) for v in values):
            return None
        return Evidence(values, numbers.sign)

    def _over_intervals(self, digits: Sequence[int]) -> Iterator[Evidence]:
        for count in digits:
            arithmetic = PreciseIntervals(count + 10)
            try:
                inputs = [arithmetic.interval(*e) for e in self.location.enclosure(count)]
                inputs += [arithmetic.constant(value) for value in self.more]
                values = self.program.evaluate(inputs, arithmetic)
            except (ArithmeticError, NoEnclosure):
                return
            if arithmetic.defined:
                yield Evidence(values, interval_sign)

    def levels(self) -> Iterator[Evidence]:
        """The evidence, from cheap to strong; none for a point without proof."""
        k = 0
        while True:
            if k == len(self._levels):
                found = next(self._source, None)
                if found is None:
                    return
                self._levels.append(found)
            yield self._levels[k]
            k += 1

    def truth(self, question: Callable[[Rows, Callable[[Any], int | None]], Truth]) -> Truth:
        """The first answer that is not UNDECIDED."""
        for evidence in self.levels():
            try:
                answer = question(self._rows(evidence), evidence.sign)
            except ArithmeticError:
                continue
            if answer is not Truth.UNDECIDED:
                return answer
        return Truth.UNDECIDED

    def _rows(self, evidence: Evidence) -> Rows:
        n = self.size
        return [evidence.values[k:k + n] for k in range(0, n * n, n)]

    def is_zero(self) -> Truth:
        """Whether all entries are zero."""
        for evidence in self.levels():
            signs = [evidence.sign(v) for v in evidence.values]
            if any(signs) or None not in signs:
                return Truth.of(not any(signs))
        return Truth.UNDECIDED

    def has_no_zero(self) -> bool:
        """Whether it is proved that no entry is zero."""
        return any(all(map(evidence.sign, evidence.values)) for evidence in self.levels())

    @property
    def is_defined(self) -> bool:
        """Whether the matrix is proved to be defined at the point."""
        return next(self.levels(), None) is not None

    # -- values --------------------------------------------------------------

    @property
    def floats(self) -> Array | None:
        """The matrix in floats, None where it is not finite."""
        point = [*self.location.x, *map(float, self.more)]
        values = self.program.batch(np.array([point]))[0]
        return values.reshape(self.size, self.size) if np.isfinite(values).all() else None

    def eigenvalues(self) -> NDArray[Any] | None:
        """Floats, without proof; None where the matrix is not finite."""
        matrix = self.floats
        return None if matrix is None else np.linalg.eigvals(matrix)

    def is_attracting_flow(self) -> Truth:
        """Whether a(G) > 0."""
        return self.truth(is_stable)

    def is_attracting_update(self) -> Truth:
        """Whether rho(M) < 1."""
        return self.truth(lambda rows, sign: is_schur_stable(rows, 1, sign))

    def abscissa(self) -> Enclosure | None:
        """a(G), enclosed; None where the matrix is not finite."""
        found = self.eigenvalues()
        if found is None:
            return None
        value = float(found.real.min())
        scale = max(float(np.abs(found).max()), abs(value), 1e-300)
        return self._enclosed(value, scale, lambda s: self.truth(
            lambda rows, sign: is_stable(_shifted(rows, s), sign)))

    def radius(self) -> Enclosure | None:
        """rho(M), enclosed; None where the matrix is not finite."""
        found = self.eigenvalues()
        if found is None:
            return None
        value = float(np.abs(found).max())

        # NO to "all moduli are below r" says rho >= r.
        return self._enclosed(value, max(value, 1e-3), lambda r: ~self.truth(
            lambda rows, sign: is_schur_stable(rows, r, sign)), floor=0.0)

    def _enclosed(self, value: float, scale: float, exceeds: Callable[[Fraction], Truth],
                  floor: float = -np.inf) -> Enclosure:
        """Ends from ``exceeds(s)``: YES where the number is proved >= s, NO where <= s.

        It is known to be at least ``floor``.
        """
        low, high = floor, np.inf
        for width in _WIDTHS:
            end = value - width * scale
            if low == floor and end > floor and exceeds(Fraction(end)) is Truth.YES:
                low = end
            end = value + width * scale
            if high == np.inf and exceeds(Fraction(end)) is Truth.NO:
                high = end
            if high < np.inf and (low > floor or value - width * scale <= floor):
                break
        return Enclosure(value, low, high)


def _shifted(rows: Rows, s: Fraction) -> Rows:
    """A positive multiple of M - s I."""
    return [[minus(times(e, s.denominator), s.numerator) if i == j else times(e, s.denominator)
             for j, e in enumerate(row)] for i, row in enumerate(rows)]
