r"""One cell of a sweep: a game at values of its parameters, analysed and counted by class.

A cell's signature is its number of points of each class,

    DNE and DSE | DSE, not DNE | DNE, not DSE | neither, stable | neither | undecided,

every point being in exactly one of them; "stable" is meant for the field whose zeros the
points are.

What does not depend on the values is done once.  The critical system of most games becomes
polynomial when factors that never vanish are dropped: its coefficients are then polynomials
in the parameters, evaluated exactly for each cell.  A point is decided by the proofs of
`classify`; only what the counts need is asked.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from ..declaration.game import Game
from ..exact.definiteness import is_stable
from ..exact.reduction import ReducedSystem, reduce_system
from ..numerics.certify import Certificate
from ..numerics.critical import newton
from ..numerics.enclosure import Zero
from ..programs.blocks import GameBlocks
from ..programs.program import Program
from ..truth import Truth, both
from ..verdicts.analyze import Task
from ..verdicts.classify import Classifier
from ..verdicts.evidence import Evidence, follower_definite, own_definite, total_definite
from ..verdicts.forms import Forms
from ..verdicts.location import CertifiedLocation, Location
from ..verdicts.problem import MAX_VARIABLES, Problem

__all__ = ["CLASSES", "Cell", "CellStatus", "Cells", "SweepPoint", "decoded", "encoded"]

Array = NDArray[np.float64]

#: With more variables the points of another cell are not tried first.
_FEW = 6

#: What becomes of a cost, like 1/a, at parameters where it is not defined.
_NO_NUMBERS = (sp.zoo, sp.nan, sp.oo, -sp.oo)

#: What a point is counted as; exactly one of these.
CLASSES = ("DNE and DSE", "DSE, not DNE", "DNE, not DSE", "neither, stable", "neither",
           "undecided")


class CellStatus(Enum):
    """What became of a cell; the value is the sentence shown."""

    COMPLETE = "the list of points is proved complete"
    OPEN = "the list of points is not proved complete"
    FAILED = "the analysis raised an error"


@dataclass(frozen=True)
class SweepPoint:
    """A critical point of one cell: where it is, and what the map needs to know of it.

    The meaning of each fact is that of `CriticalPoint`, in the declared order of play;
    ``stable`` is for the field whose zeros the points are.  ``radius`` is None without proof.
    """

    x: tuple[float, ...]
    radius: float | None
    certified: bool
    differential_nash: Truth
    differential_stackelberg: Truth
    stable: Truth

    @property
    def kind(self) -> str:
        """The one of `CLASSES` that the point counts for."""
        nash, leader = self.differential_nash, self.differential_stackelberg
        if Truth.UNDECIDED in (nash, leader):
            return "undecided"
        if nash or leader:
            return {(Truth.YES, Truth.YES): "DNE and DSE", (Truth.NO, Truth.YES): "DSE, not DNE",
                    (Truth.YES, Truth.NO): "DNE, not DSE"}[nash, leader]
        return {Truth.YES: "neither, stable", Truth.NO: "neither"}.get(self.stable, "undecided")

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {"x": list(self.x), "radius": self.radius, "certified": self.certified,
                "differential_nash": str(self.differential_nash),
                "differential_stackelberg": str(self.differential_stackelberg),
                "stable": str(self.stable), "class": self.kind}


@dataclass(frozen=True)
class Cell:
    """One combination of parameter values, exact numbers, and what was found there.

    ``complete`` : YES if ``points`` are proved to be all critical points in the box.
    ``reason`` : what is open, or the error; empty for a complete cell.
    """

    values: tuple[sp.Expr, ...]
    points: tuple[SweepPoint, ...]
    status: CellStatus
    reason: str = ""

    @property
    def complete(self) -> Truth:
        """YES if the list of points is proved complete, else UNDECIDED."""
        return Truth.YES if self.status is CellStatus.COMPLETE else Truth.UNDECIDED

    @property
    def proved(self) -> bool:
        """Whether the signature is proved: a complete list, and every class decided."""
        return self.complete is Truth.YES and not any(p.kind == "undecided" for p in self.points)

    @property
    def counts(self) -> dict[str, int]:
        """The number of points of each of `CLASSES`."""
        found = Counter(p.kind for p in self.points)
        return {kind: found[kind] for kind in CLASSES}

    @property
    def signature(self) -> str:
        """The counts as text, classes without points left out.

        Without points it is "no points" where that is proved, else "no point found"; that of a
        failed cell is "failed".
        """
        if self.status is CellStatus.FAILED:
            return "failed"
        none = "no points" if self.complete is Truth.YES else "no point found"
        return " + ".join(f"{k} {kind}" for kind, k in self.counts.items() if k) or none

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; the values as exact text."""
        return {"values": [str(v) for v in self.values], "status": self.status.name.lower(),
                "reason": self.reason, "complete": str(self.complete), "counts": self.counts,
                "points": [p.to_dict() for p in self.points]}


#: Points, status and reason of a cell.
Found = tuple[tuple[SweepPoint, ...], CellStatus, str]


# -- one cell ------------------------------------------------------------------------------

@dataclass(frozen=True)
class Cells:
    """The function from values to the points of a cell, its status and the reason.

    ``middle`` : the values of a cell whose points are tried first in the others, or None.
    """

    game: Game
    symbols: tuple[sp.Symbol, ...]
    box: tuple[tuple[sp.Expr, sp.Expr], ...] | None
    of: str
    max_boxes: int | None
    n_starts: int
    rng: int
    middle: tuple[sp.Expr, ...] | None = None

    def __call__(self, values: tuple[sp.Expr, ...]) -> Found:
        return self._found(values)

    def _found(self, values: tuple[sp.Expr, ...]) -> Found:
        try:
            game = self.game.substitute(dict(zip(self.symbols, values)))
            task = _CellTask(game, self.box, self.of, self.max_boxes, self.n_starts, self.rng)
            template = _template(self.game, self.symbols, self.of)
            reduced = None
            if template is not None and not any(cost.has(*_NO_NUMBERS)
                                                for cost in game.valued_costs):
                reduced = template.at(values)
            task.classifier = task.problem.classifier = facts = _Facts(game, self.of)
            if template is not None and reduced is not None:
                task.problem.reduced = reduced
                facts.orders[0].forms = _FixedForms(template.forms, values, game)
                task.near = self._near(task.problem)
            found = task.run()
        except Exception as error:
            return (), CellStatus.FAILED, f"{type(error).__name__}: {error}"
        points: Any = found.points
        if found.complete is Truth.YES:
            return points, CellStatus.COMPLETE, ""
        reasons = dict.fromkeys([u.reason.value for u in found.undecided] + list(found.notes))
        return points, CellStatus.OPEN, "; ".join(reasons)

    def _near(self, problem: Problem) -> Array | None:
        """Where Newton's method takes the points of the cell in the middle."""
        if self.middle is None or self.box is None or len(problem.game.variables) > _FEW:
            return None
        starts = _points_of(replace(self, middle=None), self.middle)
        if not len(starts):
            return None
        x, converged = newton(problem.field, starts, max_steps=12)
        return x[converged]


@lru_cache(maxsize=8)
def _points_of(cells: Cells, values: tuple[sp.Expr, ...]) -> Array:
    """The points of a cell, rows."""
    return np.array([point.x for point in cells._found(values)[0]])


class _CellTask(Task):
    """`analyze` for one cell, with points that are not shown as exact numbers."""

    def _locations(self, certificate: Certificate) -> list[Location]:
        program = self.problem.field.value_program
        assert program is not None
        return [_Plain(zero, program, lambda: self.problem.algebraic_zeros or ())
                for zero in certificate.zeros]


class _Plain(CertifiedLocation):
    """A certified zero; which exact number it is, is asked only where a proof needs it."""

    def __init__(self, zero: Zero, program: Program, algebraic: Any) -> None:
        self.zero, self.program, self.algebraic = zero, program, algebraic
        # A coordinate that may be zero is shown as zero.
        near = (zero.low <= 0) & (zero.high >= 0)
        self.x = np.where(near, 0.0, zero.x)
        self.radius = max([zero.radius, *zero.high[near].tolist(), *(-zero.low[near]).tolist()])


class _Facts(Classifier):
    """Asks of each point only what a `SweepPoint` holds."""

    def classify(self, location: Location) -> Any:
        """The facts, by the questions of `Classifier`."""
        declared = Evidence(self.orders[0], location, self.zero_sum)
        nash, leading = self.nash_critical(declared), self.leader_critical(declared, 0)
        if self.of == "simultaneous":
            stable = both(nash, lambda: declared.truth(
                lambda m: is_stable(m.jacobian, m.sign)))
        else:
            stable = both(leading, lambda: declared.truth(
                lambda m: is_stable(m.stackelberg_jacobian(), m.sign)))
        return SweepPoint(
            tuple(map(float, location.x)),
            float(location.radius) if math.isfinite(location.radius) else None,
            location.certified, both(nash, lambda: declared.truth(own_definite)),
            both(leading, lambda: both(
                declared.truth(follower_definite),
                lambda: declared.truth(total_definite))), stable)


class _FixedForms(Forms):
    """The programs of `Forms` with parameters, at some values of these: ``game`` has them."""

    def __init__(self, forms: Forms, values: Sequence[sp.Expr], game: Game) -> None:
        self.game, self.n, self.n1, self.sizes = game, forms.n, forms.n1, forms.sizes
        numbers = [_fraction(value) for value in values]
        for name in ("first", "second", "lower", "third"):
            setattr(self, name, _Fixed(forms, name, numbers))

    @cached_property
    def blocks(self) -> GameBlocks:     # type: ignore[override]
        """Those of the game at the values."""
        return GameBlocks(self.game)


class _Fixed:
    """A program of `Forms` whose last inputs have values."""

    def __init__(self, forms: Forms, name: str, values: Sequence[Fraction]) -> None:
        self.forms, self.name, self.values = forms, name, values

    def evaluate(self, inputs: Sequence[Any], arithmetic: Any) -> list[Any]:
        """The outputs in an arithmetic."""
        program: Program = getattr(self.forms, self.name)
        return program.evaluate([*inputs, *map(arithmetic.constant, self.values)], arithmetic)


class _Template:
    """omega without factors that never vanish, polynomials in the variables and parameters.

    Each polynomial is a list of (exponents of the variables, exponents of the parameters,
    coefficient).
    """

    def __init__(self, system: ReducedSystem, game: Game, symbols: tuple[sp.Symbol, ...]
                 ) -> None:
        assert system.polynomials is not None
        n = len(game.variables)
        self.system, self.variables, self.symbols = system, game.variables, symbols
        self.forms = Forms(game, symbols)
        self.terms = [[(m[:n], m[n:], _fraction(c)) for m, c in p.terms()]
                      for p in system.polynomials]

    def at(self, values: Sequence[sp.Expr]) -> ReducedSystem | None:
        """The system for values of the parameters; None where a proof of it would fail."""
        if not all(value.is_Rational for value in values):
            return None
        there = dict(zip(self.symbols, values))
        if not all(condition.xreplace(there).is_nonzero for condition in self.system.conditions):
            return None
        numbers = [_fraction(v) for v in values]
        polynomials = []
        for terms in self.terms:
            out: dict[tuple[int, ...], Fraction] = {}
            for powers, inner, coefficient in terms:
                for number, exponent in zip(numbers, inner):
                    coefficient *= number ** exponent
                out[powers] = out.get(powers, Fraction(0)) + coefficient
            polynomials.append(sp.Poly.from_dict(
                {m: sp.QQ(c.numerator, c.denominator) for m, c in out.items() if c},
                *self.variables, domain=sp.QQ))
        return ReducedSystem(tuple(p.as_expr() for p in polynomials), tuple(polynomials), (),
                             self.system.dropped)


def _fraction(value: Any) -> Fraction:
    value = sp.Rational(value)
    return Fraction(int(value.p), int(value.q))


@lru_cache(maxsize=8)
def _template(game: Game, symbols: tuple[sp.Symbol, ...], of: str) -> _Template | None:
    """The critical system with parameters left open, where it is polynomial in all of them.

    Omega is differentiated before the values are put in.  That is the same function wherever
    neither side has a domain of its own, so powers, logarithms and the like of variables,
    other than whole powers, and of parameters, other than whole powers, are left to the
    ordinary way, cell by cell.
    """
    if of == "stackelberg" and not game.is_zero_sum or len(game.variables) > MAX_VARIABLES:
        return None
    if game.is_in_matrices:
        return None
    fixed = {s: v for s, v in game.parameters.items() if s not in symbols}
    costs = [cost.xreplace(fixed) for cost in game.costs]
    variables = set(game.variables)
    for node in set().union(*(cost.atoms(sp.Function, sp.Pow) for cost in costs)):
        whole = node.is_Pow and node.exp.is_Integer
        if isinstance(node, sp.exp) or whole and (
                node.exp > 0 or not node.free_symbols & variables):
            continue
        if node.free_symbols:
            return None
    omega = [cost.diff(v) for player, cost in zip(game.players, costs) for v in player.actions]
    system = reduce_system(omega, (*game.variables, *symbols))
    if system.polynomials is None or any(c.free_symbols & variables for c in system.conditions):
        return None
    return _Template(system, game, symbols)


# -- checkpoints -----------------------------------------------------------------------------

def encoded(found: Found) -> list[Any] | None:
    """What `Cells` finds as plain data; `decoded` reads it.

    None for an error, which may have been for want of memory: it is tried again.
    """
    points, status, reason = found
    if status is CellStatus.FAILED:
        return None
    return [[[list(p.x), p.radius, p.certified, p.differential_nash.name,
              p.differential_stackelberg.name, p.stable.name] for p in points],
            status.name, reason]


def decoded(data: Any) -> Found:
    """What `Cells` found, from plain data."""
    points = tuple(SweepPoint(tuple(x), radius, certified, *(Truth[name] for name in truths))
                   for x, radius, certified, *truths in data[0])
    return points, CellStatus[data[1]], data[2]
