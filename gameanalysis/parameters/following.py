r"""One branch, followed in any process: its curve, its events, its proofs, its labels.

From a start the curve is traced and proved (`arclength`), its events are found and put among
its points, and a point near the middle of each segment between two events is certified and
classified.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from ..declaration.game import Game
from ..errors import UnsupportedFunction
from ..exact.definiteness import is_stable, spectrum_inertia
from ..exact.minors import interval_sign
from ..numerics import arclength
from ..numerics.arclength import End, Path, Tubes, corrected, prove
from ..numerics.certify import certify
from ..compilation.parametric import ParametricGame
from ..programs.precise import PreciseIntervals
from ..truth import Truth
from .branches import BranchSegment, is_regularised
from ..verdicts.classify import CriticalPoint
from .events import Watch, inserted
from ..verdicts.location import CertifiedLocation, Location, numbers_at
from ..verdicts.problem import Problem, is_defined
from .unfoldings import Found

__all__ = ["Followed", "Spec", "Task", "follow", "passes"]

Array = NDArray[np.float64]

#: Points as close as this, in units, are one.
_SAME = 1e-6
_EQUILIBRIA = ("DNE and DSE", "DSE, not DNE", "DNE, not DSE")


@dataclass(frozen=True)
class Spec:
    """What a process needs to know to follow a path; everything else is derived."""

    game: Game
    parameter: str
    of: str
    tau: sp.Expr
    eta: sp.Expr
    gamma: Fraction | None
    low: tuple[float, ...]
    high: tuple[float, ...]
    unit: tuple[float, ...]
    max_step: float
    max_points: int


@dataclass(frozen=True, eq=False)
class Task:
    """A start z and the direction of the curve there; ``both``: go both ways."""

    spec: Spec
    z: Array
    along: Array
    both: bool


@dataclass(frozen=True, eq=False)
class Followed:
    """A branch before it has a number: plain data."""

    path: Path
    begin: End
    tubes: Tubes
    events: tuple[tuple[int, Found], ...]
    segments: tuple[BranchSegment, ...]


@lru_cache(maxsize=4)
def _compiled(game: Game, parameter: str, of: str, tau: sp.Expr, eta: sp.Expr
              ) -> ParametricGame:
    return ParametricGame(game, parameter, of, tau, eta)


def follow(task: Task) -> Followed:
    """Follow one curve, with its events, its proofs and its labels."""
    spec = task.spec
    system = _compiled(spec.game, spec.parameter, spec.of, spec.tau, spec.eta)
    unit = np.array(spec.unit)
    watch = Watch(system, unit, spec.gamma)
    path, begin = _traced(system, task)
    path = watch.refined(path)
    events = tuple(watch.events(path))
    path, tubes = prove(system.system, inserted(system.system, path, events, unit), unit)
    nodes = _nodes(path, events)
    placed = tuple((k, event) for k, (_, event) in zip(nodes, events))
    cuts = [0, *nodes, len(path.z) - 1]
    segments = tuple(_segment(system, path, tubes, unit, a, b)
                     for a, b in zip(cuts, cuts[1:]))
    return Followed(path, begin, tubes, placed, segments)


def _traced(system: ParametricGame, task: Task) -> tuple[Path, End]:
    """The path through the start, and why it ends at its first point."""
    spec = task.spec
    low, high, unit = (np.array(v) for v in (spec.low, spec.high, spec.unit))
    periods = np.array([float(spec.game.periods.get(v, 0)) for v in spec.game.variables] + [0.0])

    def way(along: Array) -> Path:
        return arclength.follow(system.system, task.z, along, low, high, unit=unit,
                                max_step=spec.max_step, max_points=spec.max_points,
                                periods=periods if periods.any() else None)[0]
    ahead = way(task.along)
    if not task.both or ahead.end is End.CLOSED:
        begin = ahead.end if ahead.end is End.CLOSED else End.RANGE
        return ahead, begin
    back = way(-ahead.tangents[0])
    joined = back.reversed()
    return Path(np.vstack([joined.z[:-1], ahead.z]),
                np.vstack([joined.tangents[:-1], ahead.tangents]), ahead.end), back.end


def _nodes(path: Path, events: Sequence[tuple[int, Found]]) -> list[int]:
    """Which points of the path the events are."""
    found: list[int] = []
    last = 0
    for _, event in events:
        away = np.abs(path.z[last:] - event.z).max(axis=1)
        last += int(np.argmin(away))
        found.append(last)
    return found


def _segment(system: ParametricGame, path: Path, tubes: Tubes, unit: Array, first: int,
             last: int) -> BranchSegment:
    """A segment with the class of a point near its middle."""
    length = np.append(0, np.cumsum(np.linalg.norm(
        np.diff(path.z[first:last + 1], axis=0) / unit, axis=1)))
    k = first + int(np.argmin(np.abs(length - 0.5 * length[-1])))
    k = min(max(k, first), max(first, last - 1))
    z = path.z[k]
    if k == first and last > first:
        chord = path.z[k + 1] - z
        normal = chord / unit / np.linalg.norm(chord / unit)
        middle = corrected(system.system, z + 0.5 * chord, unit, normal)
        z = z + 0.5 * chord if middle is None else middle

    def is_inside(low: Array, high: Array) -> bool:
        near = np.abs(0.5 * (low + high) - tubes.middle[first:last]) / unit
        order = first + np.argsort(near.max(axis=1))
        return any(tubes.contains(int(j), low, high) for j in order[:4])
    room = 0.2 * float(np.abs(path.z[[first, last], -1] - z[-1]).min())
    for digits in (10, 100, 1_000, 1_000_000, None):
        # Numbers of few digits are quicker where exact algebra has to decide.
        value = Fraction(float(z[-1]))
        if digits is not None:
            value = value.limit_denominator(digits)
            if abs(float(value) - z[-1]) > room:
                continue
        found = _located(system, z, value, unit)
        if found is None:
            continue
        problem, location = found
        ends = np.append(location.x, float(value))
        reach = location.radius + 1e-15 * (1 + np.abs(ends))
        if digits is None or is_inside(ends - reach, ends + reach):
            label, stable, point = _described(system, problem, location, value)
            return BranchSegment(first, last, label, stable, float(value), point)
    return BranchSegment(first, last, "uncertified", Truth.UNDECIDED, float(z[-1]))


def _located(system: ParametricGame, z: Array, value: Fraction, unit: Array
             ) -> tuple[Problem, Location] | None:
    """A certified critical point near z, at a value of the parameter near that of z."""
    n = system.n
    near = corrected(system.system, np.append(z[:n], float(value)), unit, np.eye(n + 1)[n])
    if near is None or (np.abs(near - z) > 0.1 * unit).any():
        return None
    x, field = near[:n], system.section(value)
    box = [(a - 0.1 * (1 + abs(a)), a + 0.1 * (1 + abs(a))) for a in x.tolist()]
    try:
        zeros = certify(field, x[None], box, max_boxes=0).zeros
    except UnsupportedFunction:
        return None
    if not zeros or field.value_program is None:
        return None
    problem = Problem(system.game_at(value), system.of)
    # Exact zeros are asked for only where intervals cannot decide a sign.
    return problem, CertifiedLocation(
        zeros[0], field.value_program,
        lambda: () if is_regularised(system) else problem.algebraic_zeros or ())


def _described(system: ParametricGame, problem: Problem, location: Location, value: Fraction
               ) -> tuple[str, Truth, CriticalPoint | None]:
    """Label, stability under the field at its tau and eta, and the point classified."""
    if problem.partial is not None:
        defined = is_defined(problem.partial, location)
        if defined is not Truth.YES:
            return ("undefined" if defined is Truth.NO else "undecided"), Truth.UNDECIDED, None
    stable, counts = _stability(system, location, value)
    point = None
    if not is_regularised(system):
        if system.of == "stackelberg":
            singular = problem.classifier.is_response_singular(location)
            if singular is not Truth.NO:
                return "undefined" if singular is Truth.YES else "undecided", stable, None
        point = problem.classifier.classify(location)
        other = "stackelberg" if system.of == "simultaneous" else "simultaneous"
        # Events of the other field's stability are not looked for: labels do not tell it.
        own = (system.symbol is None and system.parameter in ("tau", "eta")
               or system.tau != 1 or system.eta != 0 or point.stable[other] is Truth.YES)
        if not own or point.label in _EQUILIBRIA or point.label == "undecided":
            return point.label, stable, point
    if stable is Truth.YES:
        return "stable" if point is None else "stable, not DNE, not DSE", stable, point
    if counts is None:
        return "undecided" if point is None else "not DNE, not DSE", stable, point
    right, left, axis = counts
    return ("non-hyperbolic" if axis else "saddle" if right and left else "unstable",
            stable, point)


def _stability(system: ParametricGame, location: Location, value: Fraction
               ) -> tuple[Truth, tuple[int, int, int] | None]:
    """Whether D_x g is proved to be stable, and how many eigenvalues lie on which side."""
    n, program = system.n, system.field_jacobian_program
    counts = None

    def rows(values: Sequence[Any]) -> list[list[Any]]:
        return [list(values[k:k + n]) for k in range(0, n * n, n)]
    for digits in (20, 60):
        arithmetic = PreciseIntervals(digits + 10)
        inputs = [arithmetic.interval(*ends) for ends in location.enclosure(digits)]
        matrix = rows(program.evaluate([*inputs, arithmetic.constant(value)], arithmetic))
        if not arithmetic.defined:
            continue
        try:
            stable = is_stable(matrix, interval_sign)
            counts = spectrum_inertia(matrix, interval_sign)
        except ArithmeticError:
            continue
        if stable is not Truth.UNDECIDED and counts is not None:
            return stable, counts
    known = location.exact
    numbers = None if known is None else numbers_at(
        (*known, sp.Rational(value.numerator, value.denominator)))
    if numbers is not None:
        try:
            matrix = rows(program.evaluate(numbers.inputs, numbers))
            return is_stable(matrix, numbers.sign), spectrum_inertia(matrix, numbers.sign)
        except ArithmeticError:
            pass
    return Truth.UNDECIDED, counts


def passes(branch: Followed, z: Array, game: Game, unit: Array) -> bool:
    """Whether the curve is known to pass z: in a proved tube, or next to the polygon."""
    z = z.copy()
    middle = branch.path.z[len(branch.path.z) // 2]
    for k, v in enumerate(game.variables):
        if v in game.periods:
            z[k] += unit[k] * round((middle[k] - z[k]) / unit[k])
    shifts = [np.zeros(len(z))] + [s * unit[k] * np.eye(len(z))[k]
                                   for k, v in enumerate(game.variables) if v in game.periods
                                   for s in (1, -1)]
    points = branch.path.z
    for image in (z + shift for shift in shifts):
        if (np.abs(points - image) <= _SAME * unit).all(axis=1).any():
            return True
        chord = np.diff(points, axis=0) / unit
        gap = (image - points[:-1]) / unit
        length = np.maximum((chord ** 2).sum(axis=1), 1e-300)
        share = np.clip((gap * chord).sum(axis=1) / length, 0, 1)
        away = np.linalg.norm(gap - share[:, None] * chord, axis=1)
        for k in np.flatnonzero(away <= 0.5 * np.sqrt(length) + _SAME).tolist():
            reach = 1e-10 * unit
            if branch.tubes.contains(k, image - reach, image + reach):
                return True
            if not branch.tubes.proved[k] and away[k] <= 0.02 * np.sqrt(length[k]) + _SAME:
                return True
    return False
