r"""Fixed points of an update, those among them that are no critical points of the game.

At learning rate gamma a rule stands still where z = F(z, m; gamma) and m = h(z, m; gamma).  A
critical point of the game is one such place for most rules, but a rule may have others: where
a matrix that it multiplies the gradient by is singular, or where a trial step happens to end
at a critical point.  They are found as critical points are, by interval branch and prune
on the displacement (z - F, m - h), and each is told apart by the sign of omega.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..declaration.costs import Number
from ..dynamics import simultaneous_gradient
from ..errors import GameError
from ..learning.updates import Update
from ..numerics.certify import certify
from ..numerics.enclosure import Zero
from ..numerics.undecided import Reason, Undecided
from ..compilation.compiled import compile_field
from ..programs.intervals import FloatIntervals, NoEnclosure
from ..compilation.moves import CompiledUpdate, compile_update
from ..programs.program import Program
from ..tables import text_table
from ..truth import Truth
from .analyze import analyze, exact_box
from .location import CertifiedLocation
from .spectra import Enclosure, MatrixAt
from .stability import checked_step

__all__ = ["FixedPoint", "FixedPoints", "fixed_points"]

Array = NDArray[np.float64]

#: Updates of more numbers are refused: a search among them may take minutes.
_NUMBERS = 6


@dataclass(frozen=True, eq=False)
class FixedPoint:
    """A fixed point of an update.

    ``x`` : the point as floats, (n,); ``radius`` bounds its distance to the exact one.
    ``critical`` : whether omega = 0 there, so that it is a critical point of the game.
    ``label`` : the class of the critical point, or "spurious" for a point that is none.
    ``attracting``, ``spectral_radius`` : as in a stability table, at this learning rate.
    """

    x: Array
    radius: float
    critical: Truth
    label: str
    attracting: Truth
    spectral_radius: Enclosure | None

    def __repr__(self) -> str:
        return f"FixedPoint(({', '.join(f'{v:.6g}' for v in self.x)}), {self.label})"


@dataclass(frozen=True, eq=False, repr=False)
class FixedPoints:
    """The fixed points of an update in a box, made by `fixed_points`; prints as a table.

    ``points`` : each is proved to exist and listed once.
    ``undecided`` : boxes that may hold more, with the reason.
    ``complete`` : YES if there are none of these: the list is proved to be all of them.
    """

    update: Update
    step_size: Fraction
    points: tuple[FixedPoint, ...]
    undecided: tuple[Undecided, ...]

    @property
    def complete(self) -> Truth:
        """YES if the list is proved to hold every fixed point in the box."""
        return Truth.UNDECIDED if self.undecided else Truth.YES

    @property
    def spurious(self) -> tuple[FixedPoint, ...]:
        """The fixed points that are proved to be no critical points of the game."""
        return tuple(p for p in self.points if p.critical is Truth.NO)

    def __iter__(self) -> Iterator[FixedPoint]:
        return iter(self.points)

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, index: int) -> FixedPoint:
        return self.points[index]

    def __str__(self) -> str:
        proved = ("the list is proved complete" if self.complete is Truth.YES else
                  f"NOT proved complete: {len(self.undecided)} undecided "
                  f"box{'es' * (len(self.undecided) != 1)}")
        count = f"{len(self.points)} fixed point{'s' * (len(self.points) != 1)}"
        lines = [f"{self.update.name}: {count} at learning rate {float(self.step_size):g}, "
                 f"{len(self.spurious)} spurious; {proved}"]
        if self.points:
            header = [*map(str, self.update.variables), "what it is", "attracting", "radius"]
            rows = [[*(f"{v:.6f}" for v in p.x), p.label, str(p.attracting),
                     "unknown" if p.spectral_radius is None else f"{p.spectral_radius.value:.4g}"]
                    for p in self.points]
            n = len(self.update.variables)
            lines += ["", text_table(header, rows, [True] * n + [False, False, True])]
        lines += [f"  {u}" for u in self.undecided[:5]]
        return "\n".join(lines)

    __repr__ = __str__


def fixed_points(update: Update, box: Any, *, step_size: Number = Fraction(1, 100),
                 max_boxes: int | None = None) -> FixedPoints:
    """Every fixed point of a rule's update in a box, proved, and what each is.

    Guarantee: a point listed exists and is listed once; if ``.complete`` is YES there are no
    others in the closed box; YES and NO are proofs.

    Parameters
    ----------
    update : a rule on a game, ``rule.on(game)``, with at most 6 numbers in all, variables
        and memory.
    box : as for `analyze`.
    step_size : the learning rate, exact; the rule's tau multiplies it for the followers.
    max_boxes : the budget of the search; see `certify`.

    Raises `TypeError` for anything but an `Update`, `GameError` for too many variables, and
    what `analyze` raises.

    >>> import sympy as sp
    >>> from gameanalysis import rules
    >>> from gameanalysis.declaration.game import zero_sum
    >>> x, y = sp.symbols("x y", real=True)
    >>> update = rules.Consensus(lam=1).on(zero_sum(x**2/2 - x**4/4 - y**2/2, x, y))
    >>> [p.label for p in fixed_points(update, [(-2, 2), (-1, 1)])].count("spurious")
    2
    """
    if not isinstance(update, Update):
        raise TypeError(f"fixed_points needs a rule on a game, such as "
                        f"rules.Extragradient().on(game), not {update!r}")
    gamma = checked_step(step_size)
    compiled = compile_update(update)
    width = compiled.n + compiled.n_memory
    if width > _NUMBERS:
        raise GameError(f"fixed points are searched for in at most {_NUMBERS} numbers, and "
                        f"this update has {width}")
    sides = exact_box(update.game, box)
    field, below = compiled.standstill([gamma] * compiled.n)
    program = field.value_program
    assert program is not None
    ends = np.array([[float(a), float(b)] for a, b in sides])
    # The memory of a fixed point is looked for in all that it can be at a start, and round 0.
    memory = [(min(low, -1.0), max(high, 1.0)) for low, high in _memory(compiled, ends, gamma)]
    whole = [*sides, *memory]
    try:
        certificate = certify(field, None, whole, max_boxes=max_boxes)
    except NoEnclosure:
        nowhere = Undecided(ends[:, 0], ends[:, 1], Reason.NO_ENCLOSURE)
        return FixedPoints(update, gamma, (), (nowhere,))
    critical = [p for p in analyze(update.game, sides, max_boxes=max_boxes) if p.certified]
    omega = compile_field(simultaneous_gradient(update.game)).value_program
    assert omega is not None
    found, undecided = [], list(certificate.undecided)
    for zero in certificate.zeros:
        location = CertifiedLocation(zero, program, lambda: ())
        if not MatrixAt(below, location).has_no_zero():
            undecided.append(Undecided(zero.region.low[:compiled.n], zero.region.high[:compiled.n],
                                       Reason.UNDEFINED))
            continue
        truth, label = _kind(update, compiled, omega, zero, location, critical, gamma)
        matrix = MatrixAt(compiled.jacobian_program, location, [gamma] * compiled.n)
        found.append(FixedPoint(location.x[:compiled.n], location.radius, truth, label,
                                matrix.is_attracting_update(), matrix.radius()))
    found.sort(key=lambda p: tuple(p.x))
    return FixedPoints(update, gamma, tuple(found), tuple(undecided))


def _memory(update: CompiledUpdate, sides: Array, gamma: Fraction) -> list[tuple[float, float]]:
    """Enclosures of the memory at rest over a box of starts, (n, 2)."""
    if update.start_program is None:
        return []
    arithmetic = FloatIntervals()
    with np.errstate(all="ignore"):
        inputs = [arithmetic.interval(low, high) for low, high in sides.tolist()]
        inputs += [arithmetic.constant(0)] * update.n_memory
        inputs += [arithmetic.constant(gamma)] * update.n
        values = update.start_program.evaluate(inputs, arithmetic)
    return [(float(v.lo.min()), float(v.hi.max())) for v in values]


def _kind(update: Update, compiled: CompiledUpdate, omega: Program, zero: Zero,
          location: CertifiedLocation, critical: list[Any], gamma: Fraction
          ) -> tuple[Truth, str]:
    """Whether omega = 0 at a fixed point, and the label."""
    zero_there = MatrixAt(omega, location).is_zero()        # the memory among its inputs is idle
    if zero_there is Truth.NO:
        return Truth.NO, "spurious"
    promised = update.rule.rest == "simultaneous" or update.game.is_zero_sum
    for point in critical:
        around = np.stack([point.x - point.radius, point.x + point.radius], axis=1)
        low, high = np.array([*around.tolist(), *_memory(compiled, around, gamma)]).T
        if promised and zero.region.contains(low, high):
            return Truth.YES, point.label       # the rule stands still there, and only there
    if zero_there is Truth.YES:
        near = [p.label for p in critical if (np.abs(p.x - location.x[:compiled.n])
                                              <= p.radius + location.radius).all()]
        return Truth.YES, near[0] if near else "critical"
    return Truth.UNDECIDED, "undecided"
