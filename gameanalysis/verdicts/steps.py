r"""For which learning rates an update attracts to a fixed point, proved for all of them.

M(gamma) is the update's Jacobian at the fixed point, all learning rates equal to gamma (times
the rule's tau); the point attracts where rho(M(gamma)) < 1.  The entries of M are rational
functions of gamma, and so are the determinants of the criterion for rho < 1 (see
`discs`).  The ends of the ranges of gamma are looked for in floats; then the
criterion's signs are proved, or disproved, on every range between them, the first from 0 and
the last to infinity, by Bernstein coefficients and bisection.  Only gaps of relative width
2e-6 round the ends themselves are left out.

Where eigenvalues cross the circle while another is outside of it, all the determinants may
vanish at one gamma; there rho >= r is proved for an r > 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..exact.discs import schur_conditions, schur_verdict
from ..exact.exponentials import PiMultiple
from ..exact.minors import exact_sign, interval_sign
from ..programs.intervals import NoEnclosure
from ..programs.precise import PreciseIntervals
from ..programs.program import Program
from ..programs.ratios import Ratio, Ratios, WholeNumbers
from ..truth import Truth
from .location import Location
from .spectra import MatrixAt, rational

__all__ = ["StepRange", "Steps", "StepsAt", "as_ratios"]

Array = NDArray[np.float64]
Range = tuple[Fraction, "Fraction | None"]
Piece = tuple[Fraction, Fraction]
Conditions = tuple[list[Any], list[Any]]

#: Learning rates looked at, over the largest entry of M'(0), and the ratio of two neighbours.
_RANGE, _RATIO = (1e-5, 1e4), 1.053
#: Where infinity is out of reach, learning rates up to so many times the largest looked at.
_FAR = 1e3
#: Half-width of the gap round the end of a range, relative to the end.
_GAP = 1e-6
#: How far from an end in floats, relatively, the proved one is looked for.
_NEAR = 1e-3
#: A peak of rho between neighbours so many times smaller is taken for a pole.
_POLE = 1e4
#: At most so many pieces prove one range, with radius 1 and with others; few where a sign may
#: take long.
_PIECES, _MORE_PIECES, _SLOW_PIECES = 100, 40, 8
#: Multiples of the lower end from where a range up to infinity is looked at as one piece.
_TAILS = (4, 2**6, 2**12, 2**24)
#: At most so many radii beside 1 are tried for one range.
_RADII = 4


@dataclass(frozen=True)
class StepRange:
    """Learning rates low < gamma < high at which a fixed point attracts.

    ``low`` is 0 where every small learning rate does, ``high`` is infinite where every large
    one does.

    >>> 0.5 in StepRange(0.0, 1.0)
    True
    """

    low: float
    high: float

    def __contains__(self, gamma: float) -> bool:
        return self.low < gamma < self.high

    def __str__(self) -> str:
        if self.high == np.inf:
            return f"> {self.low:.3g}" if self.low else "always"
        digits = next((n for n in (3, 6) if f"{self.low:.{n}g}" != f"{self.high:.{n}g}"), 12)
        return (f"{self.low:.{digits}g}..{self.high:.{digits}g}" if self.low
                else f"< {self.high:.3g}")


@dataclass(frozen=True)
class Steps:
    """All learning rates at which a fixed point attracts: ranges in ascending order.

    ``proved`` is YES if it is proved that the point attracts everywhere on the ranges and
    nowhere beside them, but for gaps of relative width 2e-6 round their ends, and round
    single learning rates at which rho touches 1 or is infinite; and but for those beyond
    ``decided_to``, where it is finite.  UNDECIDED says that the ranges are floats without
    proof: some that are narrower than a ratio of 1.05, or far from the natural scale, may be
    missing.

    >>> steps = Steps((StepRange(0.0, 0.5), StepRange(2.0, float("inf"))), Truth.YES)
    >>> print(steps, 1.0 in steps)
    < 0.5, > 2 False
    """

    ranges: tuple[StepRange, ...]
    proved: Truth
    decided_to: float = np.inf

    def __iter__(self) -> Iterator[StepRange]:
        return iter(self.ranges)

    def __len__(self) -> int:
        return len(self.ranges)

    def __getitem__(self, index: int) -> StepRange:
        return self.ranges[index]

    def __contains__(self, gamma: float) -> bool:
        return any(gamma in each for each in self.ranges)

    def __str__(self) -> str:
        text = ", ".join(map(str, self.ranges)) or "never"
        return text if self.proved is Truth.YES else f"{text}?"


class StepsAt:
    """An update at one of its fixed points, as a function of the learning rate.

    ``program`` : (z, gamma) to M, row by row, as `CompiledUpdate.at_rest` makes it.
    ``starts_at_rest`` : whether F(z; 0) = z, so that the rows of I - M for z vanish at 0.
    """

    def __init__(self, program: Program, location: Location, starts_at_rest: bool) -> None:
        self.program, self.location = program, location
        self.starts_at_rest = starts_at_rest
        self.n, self.size = program.n_inputs - 1, round(len(program.outputs) ** 0.5)
        self._found: list[_Level] = []
        self._source = as_ratios(program, location)

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
    def _grid(self) -> Array:
        """The learning rates that are looked at, by the size and the spectrum of M'(0)."""
        point = np.append(self.location.x, 0.0)
        matrices = []
        for gamma in (0.0, 1e-6):
            point[-1] = gamma
            matrices.append(self.program.batch(point[None])[0])
        slope = (matrices[1] - matrices[0]) * 1e6
        top = float(np.abs(slope).max()) if np.isfinite(slope).all() else 0.0
        if top <= 1e-9:
            slope, top = np.eye(self.size).ravel(), 1.0
        rates = np.abs(np.linalg.eigvals(slope.reshape(self.size, self.size)))
        slowest = float(rates[rates > max(1e-9 * top, 1e-8)].min(initial=top))
        low, high = _RANGE[0] / top, max(_RANGE[1] / top, 1e3 / slowest)
        return np.geomspace(low, high, 1 + round(math.log(high / low) / math.log(_RATIO)))

    def _end(self, low: float, high: float) -> float:
        side = self.radii(np.array([low]))[0] < 1
        while low < (middle := 0.5 * (low + high)) < high:
            if (self.radii(np.array([middle]))[0] < 1) == side:
                low = middle
            else:
                high = middle
        return low

    def _ends(self, grid: Array) -> tuple[bool, list[float]]:
        """Whether the smallest learning rates attract, and where that changes, in floats.

        Learning rates at which rho only touches 1, or is infinite, come twice.
        """
        rho = self.radii(grid)
        inside = rho < 1 - 1e-14
        ends = []
        for k in np.flatnonzero(inside[1:] != inside[:-1]).tolist():
            ends.append(self._end(grid[k], grid[k + 1]))
        for k in range(1, len(grid) - 1):
            if not inside[k] and 2 < rho[k] >= max(rho[k - 1], rho[k + 1]):
                top = self._extreme(grid[k - 1], grid[k + 1], 1.0)
                if self.radii(np.array([top]))[0] > _POLE * max(rho[k - 1], rho[k + 1]):
                    ends += [top, top]
            sign = 1.0 if inside[k] else -1.0           # a peak inside, a dip outside
            near, drops = rho[k - 1:k + 2], sign * (rho[k] - rho[[k - 1, k + 1]])
            if (inside[k - 1] == inside[k] == inside[k + 1] and np.isfinite(near).all()
                    and drops.min() > 1e-9 and abs(rho[k] - 1) < 4 * drops.max()):
                top = self._extreme(grid[k - 1], grid[k + 1], sign)
                value = float(self.radii(np.array([top]))[0])
                if sign * (value - 1) > 1e-11:
                    ends += [self._end(grid[k - 1], top), self._end(top, grid[k + 1])]
                elif abs(value - 1) < 1e-9:
                    ends += [top, top]
        return bool(inside[0]), sorted(ends)

    def _extreme(self, low: float, high: float, sign: float) -> float:
        """Where ``sign`` times rho is largest between two learning rates, in floats."""
        for _ in range(6):
            points = np.linspace(low, high, 65)
            k = int(np.clip(np.argmax(sign * self.radii(points)), 1, 63))
            low, high = points[k - 1], points[k + 1]
        return float(points[k])

    def ranges(self) -> Steps:
        """All ranges of learning rates at which the point attracts."""
        grid = self._grid
        first, ends = self._ends(grid)
        known = self._decided(ends)
        while (wrong := _wrong(known, first)) is not None:
            # Rounding hides on which side of 1 a radius near 1 is: the proof knows.
            first ^= wrong == 0
            if not ends:
                break
            del ends[max(wrong - 1, 0):wrong + 1]
            known = self._decided(ends)
        if Truth.UNDECIDED in known and len(set(ends)) == len(ends):
            # Where eigenvalues are defective, floats may miss an end by more than the gap.
            ends = [self._proved_end(end, first ^ bool(k % 2)) for k, end in enumerate(ends)]
            known = self._decided(ends)
        attracts = [first ^ bool(k % 2) for k in range(len(known))]
        decided_to = np.inf
        if known[-1] is Truth.UNDECIDED and not attracts[-1]:
            # Powers of gamma that cancel leave rounding, which matters only far away.
            far = float(max(grid[-1], *ends, 0.0)) * _FAR
            below = _above(ends[-1]) if ends else Fraction(0)
            if self._verdict((below, _short(far))) is Truth.NO:
                known[-1], decided_to = Truth.NO, far
        proved = Truth.of(all(a in (None, Truth.of(b)) for a, b in zip(known, attracts)) or None)
        edges = [0.0, *ends, np.inf]
        return Steps(tuple(StepRange(float(low), float(high)) for low, high, yes
                           in zip(edges, edges[1:], attracts) if yes and low < high),
                     proved, decided_to)

    # -- proof -----------------------------------------------------------------

    def _decided(self, ends: list[float]) -> list[Truth | None]:
        """For each range between ends whether the point attracts on all of it, or nowhere.

        None for what lies within a gap.
        """
        below = [Fraction(0), *map(_above, ends)]
        above: list[Fraction | None] = [*(_short(end * (1 - _GAP)) for end in ends), None]
        return [self._verdict(piece) if piece[1] is None or piece[0] < piece[1] else None
                for piece in zip(below, above)]

    def _proved_end(self, end: float, attracts: bool) -> float:
        """An end of a range below which the point attracts or not, by bisection with proofs."""
        low, high = _short(end * (1 - _NEAR)), _short(end * (1 + _NEAR))
        below = Truth.of(attracts)
        if self._at(low) is not below or self._at(high) is not ~below:
            return end
        while high - low > low * Fraction(_GAP) / 100:
            middle = (low + high) / 2
            found = self._at(middle)
            if found is Truth.UNDECIDED:
                break
            low, high = (middle, high) if found is below else (low, middle)
        return float(middle)

    def _at(self, gamma: Fraction) -> Truth:
        """Whether the point attracts at one learning rate."""
        return self._first((gamma, gamma))

    def _first(self, piece: Range) -> Truth:
        """The first answer about a range as one piece that is not UNDECIDED."""
        for level in self._levels():
            answer = level.answer(piece, Fraction(1))
            if answer is not Truth.UNDECIDED:
                return answer
        return Truth.UNDECIDED

    def _levels(self) -> Iterator[_Level]:
        k = 0
        while True:
            if k == len(self._found):
                found = next(self._source, None)
                if found is None:
                    return
                self._found.append(_Level(*found, self.n if self.starts_at_rest else 0))
            yield self._found[k]
            k += 1

    def _verdict(self, whole: Range) -> Truth:
        """YES if rho < 1 is proved on a range, NO if rho >= 1 is, else UNDECIDED."""
        low, high = whole
        if high is not None:
            return self._bounded(low, high)
        start = low or _short(float(self._grid[0] / _RANGE[0]))
        for begin in (low, *(start * factor for factor in _TAILS)):
            answer = self._first((begin, None))
            if answer is not Truth.UNDECIDED:
                return answer if begin == low or self._bounded(low, begin) is answer else \
                    Truth.UNDECIDED
        return Truth.UNDECIDED

    def _bounded(self, low: Fraction, high: Fraction) -> Truth:
        answers: set[Truth] = set()
        pieces, radius = [(low, high)], Fraction(1)
        for _ in range(_RADII + 1):
            for level in self._levels():
                pieces = level.bisected(pieces, radius, answers)
                if not pieces or len(answers) > 1:
                    break
            if len(answers) > 1 or Truth.YES in answers and (pieces or radius > 1):
                return Truth.UNDECIDED          # rho < radius says nothing of rho < 1
            if not pieces:
                return answers.pop()
            middle = float((pieces[-1][0] + pieces[-1][1]) / 2)
            found = float(self.radii(np.array([middle]))[0])
            if not 1 + 1e-6 < found < np.inf or not pieces[0][0]:
                return Truth.UNDECIDED
            radius = _short(1 + (found - 1) * (0.6 if radius == 1 else 0.3))
        return Truth.UNDECIDED


def _wrong(known: list[Truth | None], first: bool) -> int | None:
    """The first range of which the opposite is proved."""
    for k, truth in enumerate(known):
        if truth is Truth.of(not first ^ bool(k % 2)):
            return k
    return None


class _Level:
    """M as rational functions of gamma in one arithmetic, and what `discs` asks of them.

    With Q a common denominator, Q M and Q stand for M and 1: det(w Q A + Q B) has the signs of
    det(w A + B) where Q > 0.  The first ``at_rest`` rows of I - M are known to vanish at 0.
    """

    def __init__(self, over: Ratios, values: list[Ratio], at_rest: int) -> None:
        self.over, size = over, round(len(values) ** 0.5)
        cleared, self._q = _cleared(over, values)
        rows = [cleared[k:k + size] for k in range(0, len(values), size)]
        self._left = [[(self._q if j == k else 0) - e for j, e in enumerate(row)]
                      for k, row in enumerate(rows)]
        self._left[:at_rest] = [[e.without_constant() for e in row]
                                for row in self._left[:at_rest]]
        self._right = [[e + self._q if j == k else e for j, e in enumerate(row)]
                       for k, row in enumerate(rows)]
        self._conditions: dict[tuple[Fraction, int], Conditions] = {}

    def conditions(self, radius: Fraction, sign: int) -> Conditions:
        """The conditions for rho(M) < radius where Q has that sign."""
        if (radius, sign) not in self._conditions:
            more = self._q * self.over.constant(radius - 1)
            self._conditions[radius, sign] = schur_conditions(*(
                [[sign * (e + more if j == k and radius != 1 else e) for j, e in enumerate(row)]
                 for k, row in enumerate(rows)] for rows in (self._left, self._right)))
        return self._conditions[radius, sign]

    def answer(self, piece: Range, radius: Fraction) -> Truth:
        """Whether rho < radius on all of a piece of a range (NO: nowhere)."""
        sign = self.over.sign_on(*piece)
        try:
            # At a zero of Q, M need not be defined.
            side = sign(self._q)
            return schur_verdict(self.conditions(radius, side), sign) if side else Truth.UNDECIDED
        except ArithmeticError:
            return Truth.UNDECIDED

    def bisected(self, pieces: list[Piece], radius: Fraction, answers: set[Truth]
                 ) -> list[Piece]:
        """Add the answers on pieces of ranges; returns the pieces that stay undecided."""
        # Numbers that are exact, but not rational, are needed where a sign is zero, and slow.
        fast = isinstance(self.over.base, (PreciseIntervals, WholeNumbers))
        budget = (_PIECES if radius == 1 else _MORE_PIECES) if fast else _SLOW_PIECES
        pieces = list(pieces)
        while pieces and len(answers) <= 1 and budget:
            low, high = pieces.pop()
            answer, budget = self.answer((low, high), radius), budget - 1
            if answer is Truth.UNDECIDED:
                middle = _middle(low, high)
                pieces += [(low, middle), (middle, high)]
            else:
                answers.add(answer)
        return pieces


def _cleared(over: Ratios, values: list[Ratio]) -> tuple[list[Ratio], Ratio]:
    """Q times the values, without denominators, and a common denominator Q of theirs."""
    below = list({id(e.q): e.q for e in values if e.q is not None}.values())
    total: list[Any] = [over.base.constant(Fraction(1))]
    for q in below:
        total = over.times(total, q)
    out = []
    for e in values:
        p: Sequence[Any] = e.p
        for q in below:
            p = p if q is e.q else over.times(p, q)
        out.append(list(p))
    if isinstance(over.base, WholeNumbers):
        scale = math.lcm(*(c.denominator for p in (total, *out) for c in p))
        total, *out = ([int(c * scale) for c in p] for p in (total, *out))
    return [Ratio(over, p) for p in out], Ratio(over, total)


def as_ratios(program: Program, location: Location) -> Iterator[tuple[Ratios, list[Ratio]]]:
    """The outputs of a program (z, gamma) at a point, as rational functions of gamma.

    In rational numbers where these do; else in intervals, and then in exact numbers.  Yields
    nothing for a program that applies another function to gamma, or that is not defined at
    the point.
    """
    # Algebraic numbers of high degree would take minutes.
    numbers = location.exact_numbers() if location.exact is not None else None
    found = None
    if numbers is not None:
        over = Ratios(numbers, numbers.sign)
        try:
            values = _evaluated(program, over, numbers.inputs)
            if not any(isinstance(c, PiMultiple) for e in values for c in (*e.p, *(e.q or ()))):
                found = over, values
                simple = Ratios(WholeNumbers(), exact_sign)
                shared: dict[tuple[Fraction, ...], tuple[Fraction, ...]] = {}
                yield simple, [_rational(e, simple, shared) for e in values]
                return
        except ArithmeticError:
            pass
    for digits in (20, 50):
        arithmetic = PreciseIntervals(digits + 10)
        over = Ratios(arithmetic, interval_sign)
        try:
            ends = location.enclosure(digits)
            values = _evaluated(program, over, [arithmetic.interval(*e) for e in ends])
            if arithmetic.defined:
                yield over, values
        except (ArithmeticError, NoEnclosure):
            break
    if found is not None:
        yield found


def _evaluated(program: Program, over: Ratios, inputs: list[Any]) -> list[Ratio]:
    return program.evaluate([*map(over.number, inputs), over.variable()], over)


def _rational(value: Ratio, over: Ratios,
              shared: dict[tuple[Fraction, ...], tuple[Fraction, ...]]) -> Ratio:
    """The same over the rationals; raises ArithmeticError for other coefficients.

    Equal denominators become one object; ``shared`` holds those met before.
    """
    q = None if value.q is None else tuple(map(rational, value.q))
    return Ratio(over, list(map(rational, value.p)), q and shared.setdefault(q, q))


def _above(end: float) -> Fraction:
    return _short(end * (1 + _GAP))


def _short(value: float) -> Fraction:
    """A fraction of 30 binary digits near a float: its powers stay short."""
    mantissa, exponent = math.frexp(value)
    return Fraction(round(mantissa * 2**30)) * Fraction(2) ** (exponent - 30)


def _middle(low: Fraction, high: Fraction) -> Fraction:
    """A number between the ends: their mean, or the geometric one if they are far apart."""
    if not low:
        return high / 8
    return _short(math.sqrt(low * high)) if high > 4 * low else (low + high) / 2
