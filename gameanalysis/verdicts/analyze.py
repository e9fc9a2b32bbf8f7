r"""`analyze`: find, certify and classify the critical points of a game.

The system of `problem` is searched (`certify`), its conditions are proved at each zero, and
each is classified.  Where the system is polynomial and the search leaves something open,
exact algebra has the last word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import singledispatch
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from ..declaration.costs import exact
from ..declaration.game import Game
from ..errors import BoxError, GameError
from ..exact.algebra import positive_dimensional_part, real_zeros
from ..exact.exponentials import ExactNumbers, PiMultiple
from ..exact.macaulay import NotZeroDimensional, TooLarge
from ..numerics.certify import Certificate, certify
from ..numerics.critical import Candidates, find_critical_points, float_box, newton
from ..numerics.enclosure import float_ends
from ..numerics.undecided import Reason, Undecided
from ..programs.graph import Graph
from ..programs.intervals import NoEnclosure
from ..programs.precise import PreciseIntervals
from ..programs.program import Program
from ..programs.reading import Reader
from ..tables import short
from .analysis import Analysis
from .classify import CriticalPoint
from .location import (AlgebraicLocation, CertifiedLocation, FloatLocation, Location,
                       RationalLocation)
from .problem import MAX_VARIABLES, Problem
from .slices import locate_on_orbit

__all__ = ["analyze", "classify", "exact_box", "locations"]

#: So many points of what seems to be a continuum of critical points are shown.
_SAMPLES = 5
#: With more variables than this, points are looked for without proof before the search.
_FEW = 6

Box = Sequence[tuple[sp.Expr, sp.Expr]]


@singledispatch
def analyze(game: Any, box: Any, of: str = "simultaneous", *, max_boxes: int | None = None,
            n_starts: int = 512, rng: Any = None) -> Analysis:
    """Find every critical point of a game in a box, prove it, and classify it.

    Guarantee: a point that is ``certified`` exists and is listed once; every Truth that
    is YES or NO is proved; if ``.complete`` is YES the list holds all critical points of
    the closed box.  What could not be proved is UNDECIDED and ``.undecided`` says where.

    Parameters
    ----------
    game : a `Game`, whose parameters have values, or a `Hierarchy` (then with the parameters
        of `analyze_hierarchy`: tau in place of of).
    box : a pair (low, high) for each variable, in order, or a mapping from variables
        (or their names) to pairs; numbers or exact SymPy numbers such as ``pi``.
        ``None`` is the whole space, for games whose critical system is polynomial once
        factors that never vanish are dropped.
    of : "simultaneous" for the zeros of omega, "stackelberg" for those of omega_S.
    max_boxes : the budget of the search, for up to 10 variables; see `certify`.  A
        search that does not finish ends after about a minute on two cores.
    n_starts, rng : the search without proof (`find_critical_points`), with more than 6
        variables, or with functions that intervals cannot enclose.  Its points are
        certified one by one; with more than 10 variables there is no other search, so
        completeness is never proved.  A note says what may be missing.

    Raises `BoxError` for a box that does not fit, `GameError` if ``box=None`` is not
    possible or omega_S is defined nowhere.

    >>> x, y = sp.symbols("x y", real=True)
    >>> from gameanalysis.declaration.game import zero_sum
    >>> analyze(zero_sum(x*y - y**2/2, x, y), [(-1, 1), (-1, 1)])[0].label
    'DSE, not DNE'
    """
    if of not in ("simultaneous", "stackelberg"):
        raise GameError(f"of is 'simultaneous' or 'stackelberg', not {of!r}")
    if not isinstance(game, Game):
        raise GameError(f"expected a Game, not {game!r}")
    return Task(game, None if box is None else exact_box(game, box), of,
                max_boxes, n_starts, rng).run()


@singledispatch
def classify(game: Any, points: Any, of: str = "simultaneous") -> tuple[Any, ...]:
    """Classify given critical points of a game, one by one.

    Guarantee: every YES and NO is proved for the critical point that lies there.  A row
    of exact numbers (ints, Fractions, SymPy rationals) at which the field is exactly zero
    is taken as it is; otherwise Newton's method starts there and the zero it finds, at
    most ``0.01 (1 + max|x|)`` away, is certified: as the only one there or, where a symmetry
    of the game makes a manifold of critical points, as the only one on a slice across it.

    Parameters
    ----------
    game : a `Game`, or a `Hierarchy` (see `classify_hierarchy`).
    points : rows of n numbers, shape (k, n) or (n,), or the points of an `Analysis`.
    of : "simultaneous" for zeros of omega, "stackelberg" for those of omega_S.

    Returns one `CriticalPoint` for each row; ``certified`` is False where no proof was
    found.  Raises `GameError` if there is no critical point near a row.

    >>> x, y = sp.symbols("x y", real=True)
    >>> from gameanalysis.declaration.game import zero_sum
    >>> classify(zero_sum(x*y, x, y), [(0, 0)])[0].degenerate
    <Truth.YES>
    """
    task, found = _located(game, points, of)
    return tuple(map(task.classifier.classify, found))


def locations(game: Game, points: Any, of: str = "simultaneous") -> list[Location]:
    """Where given critical points are, to any precision; parameters and errors of `classify`.

    A point of an `Analysis` that is not certified, or that is no longer found, is a location
    without proof.
    """
    return _located(game, points, of)[1]


def _located(game: Game, points: Any, of: str) -> tuple[Task, list[Location]]:
    if of not in ("simultaneous", "stackelberg"):
        raise GameError(f"of is 'simultaneous' or 'stackelberg', not {of!r}")
    rows = list(points)
    if rows and not isinstance(rows[0], CriticalPoint) and not np.iterable(rows[0]):
        rows = [rows]
    task = Task(game, None, of, 0, 0, None)
    n = len(game.variables)
    for row in rows:
        length = len(row.x if isinstance(row, CriticalPoint) else row)
        if length != n:
            raise BoxError(f"a point needs {n} coordinates, one for each of "
                           f"{', '.join(map(str, game.variables))}, not {length}")
    return task, [_known(task, p) if isinstance(p, CriticalPoint) else task.locate(p)
                  for p in rows]


def _known(task: Task, point: CriticalPoint) -> Location:
    if point.certified:
        try:
            return task.locate(point.x)
        except GameError:               # a multiple zero, from which Newton's method strays
            pass
    return FloatLocation(point.x)


def exact_box(game: Game, box: Any) -> Box:
    """The box as pairs of exact numbers in the order of the variables."""
    if isinstance(box, Mapping):
        by_name = {v.name if isinstance(v, sp.Symbol) else str(v): ends
                   for v, ends in box.items()}
        missing = [v.name for v in game.variables if v.name not in by_name]
        extra = set(by_name) - {v.name for v in game.variables}
        if missing or extra:
            raise BoxError(f"the box must name every variable once; missing: "
                           f"{', '.join(missing) or 'none'}, unknown: "
                           f"{', '.join(sorted(extra)) or 'none'}")
        box = [by_name[v.name] for v in game.variables]
    try:
        box = [tuple(side) for side in box]
    except TypeError:
        pass  # float_box says what is wrong
    float_box(box, len(game.variables))
    return [(exact(a, "an end of the box"), exact(b, "an end of the box")) for a, b in box]


class Task:
    """One call of `analyze`."""

    def __init__(self, game: Game, box: Box | None, of: str, max_boxes: int | None,
                 n_starts: int, rng: Any) -> None:
        self.game, self.box, self.of = game, box, of
        self.max_boxes, self.n_starts, self.rng = max_boxes, n_starts, rng
        self.n = len(game.variables)
        self.problem = Problem(game, of)
        self.classifier = self.problem.classifier
        self.notes: list[str] = []
        #: Points near critical points, rows, if some are known; they save work only.
        self.near: NDArray[np.float64] | None = None

    def run(self) -> Analysis:
        """Search, certify, classify."""
        if self.of == "stackelberg" and self.classifier.is_response_singular_everywhere:
            raise GameError(
                "the follower's Hessian D22 f2 is singular everywhere (as in a bilinear game), "
                "so omega_S is defined nowhere: analyse of='simultaneous', or regularise the "
                "game by adding a small multiple of y**2 to the follower's cost")
        if self.box is None:
            return self._everywhere()
        if self.n > MAX_VARIABLES:
            return self._heuristic(Reason.NOT_SEARCHED)
        if self.problem.reduced is not None and not any(self.problem.reduced.expressions):
            domain = float_box(self.box, self.n)
            self.notes.append("every point is critical")
            everything = Undecided(domain[:, 0], domain[:, 1], Reason.CONTINUUM)
            return self._result([], [everything], "no search")
        candidates = None
        try:
            if self.n > _FEW:
                if self.problem.field.value_program is None:
                    return self._heuristic(Reason.NOT_SEARCHED)
                candidates = self._candidates()
                if not candidates.isolated:
                    # A surface of zeros would fill any budget with its boxes.
                    return self._heuristic(Reason.NOT_SEARCHED, candidates)
            tried = self.near if candidates is None else candidates
            certificate = certify(self.problem.field, tried, self.box,
                                  max_boxes=self.max_boxes)
        except NoEnclosure as error:
            self.notes.append(str(error))
            return self._heuristic(Reason.NO_ENCLOSURE)
        if certificate.undecided:
            resolved = self._by_algebra(certificate)
            if resolved is not None:
                return resolved
        method = f"interval branch and prune, {certificate.n_boxes} boxes"
        locations = self._locations(certificate)
        if candidates is not None and any(u.reason is Reason.BUDGET
                                          for u in certificate.undecided):
            locations += self._without_proof(candidates, locations)
            method += f"; {candidates!r}"
        return self._result(locations, list(certificate.undecided), method)

    def _candidates(self) -> Candidates:
        """Points of the search without proof."""
        assert self.box is not None
        return find_critical_points(self.problem.field, self.box, n_starts=self.n_starts,
                                    rng=self.rng)

    def _locations(self, certificate: Certificate) -> list[Location]:
        program = self.problem.field.value_program
        assert program is not None
        return [CertifiedLocation(zero, program, lambda: self.problem.algebraic_zeros or ())
                for zero in certificate.zeros]

    def _by_algebra(self, certificate: Certificate) -> Analysis | None:
        """The exact list where the search left something open; None if there is none."""
        if any(u.reason is Reason.BUDGET for u in certificate.undecided) and self.n > 2:
            return None
        zeros = self.problem.algebraic_zeros
        if zeros is not None:
            method = f"exact algebra, after {certificate.n_boxes} boxes of interval search"
            return self._result([AlgebraicLocation(p) for p in zeros], [], method)
        if self.problem.reduced is not None and self.problem.reduced.polynomials is not None:
            assert self.box is not None
            if all(end.is_Rational for side in self.box for end in side):
                factor = positive_dimensional_part(
                    self.problem.reduced.polynomials, self.game.variables,
                    [tuple(Fraction(int(e.p), int(e.q)) for e in side) for side in self.box])
                if factor is not None:
                    self.notes.append(f"every point of {factor} = 0 is critical: the critical "
                                      f"points are not isolated")
        return None

    def _everywhere(self) -> Analysis:
        """All critical points of the whole space, by exact algebra."""
        if self.problem.reduced is None:
            raise GameError(f"box=None needs exact algebra, which is for at most "
                            f"{MAX_VARIABLES} variables, not {self.n}: give a box")
        if self.game.periods:
            raise GameError("on a torus give a box: one period of each coordinate is the "
                            "whole space")
        if self.problem.reduced.polynomials is None:
            raise GameError("box=None needs a critical system that is polynomial once factors "
                            "that never vanish are dropped, and this one is not: give a box")
        try:
            zeros = real_zeros(self.problem.reduced.polynomials, self.game.variables)
        except (NotZeroDimensional, TooLarge) as error:
            raise GameError(f"box=None is not possible here: {error}; give a box") from None
        return self._result([AlgebraicLocation(p) for p in zeros], [],
                            "exact algebra on the whole space")

    def locate(self, row: Any) -> Location:
        """The zero at or near a point, isolated or on a manifold that a symmetry makes.

        Raises `GameError` if there is none.
        """
        try:
            found, error = self._isolated(row), None
        except GameError as failure:
            found, error = None, failure
        if found is None or not found.certified:
            place = self.on_orbit(row)
            if place is not None:
                return self._defined(place)
        if found is None:
            assert error is not None
            raise error
        return found

    def on_orbit(self, row: Any) -> Location | None:
        """The zero near a point on a manifold that a symmetry makes, proved, or None."""
        return locate_on_orbit(self.problem, row)

    def _isolated(self, row: Any) -> Location:
        """The zero at or near a point, proved where it is isolated."""
        values = [exact(v.item() if isinstance(v, np.generic) else v, "a coordinate")
                  for v in row]
        rational = [Fraction(int(v.p), int(v.q)) for v in values if v.is_Rational]
        if len(rational) == self.n:
            given = RationalLocation(rational)
            if self.classifier.is_zero(given):
                return given            # the costs are smooth round a point with a jet
        program = self.problem.field.value_program
        if program is not None and len(rational) == self.n:
            numbers = ExactNumbers(rational)
            try:
                found = program.evaluate(numbers.inputs, numbers)
                if not any(numbers.sign(v) for v in found):
                    return self._defined(RationalLocation(rational))
            except ArithmeticError:
                pass
        start = np.array([float(v) for v in values])
        reach = 0.01 * (1 + np.abs(start).max())
        x, converged = newton(self.problem.field, start[None])
        if not converged[0] or (np.abs(x[0] - start) > reach).any():
            raise GameError(f"there is no critical point near {short(start.tolist(), 160)}: the "
                            f"field there is "
                            f"{short(self.problem.field.value(start).tolist(), 160)}")
        box = [(a - reach, a + reach) for a in x[0].tolist()]
        if program is not None:
            try:
                zeros = self._locations(certify(self.problem.field, x, box, max_boxes=0))
                if zeros:
                    return self._defined(zeros[0])
            except NoEnclosure:
                pass
        return FloatLocation(x[0])

    def _defined(self, location: Location) -> Location:
        """The location, if the costs and the field are defined there; without proof if open."""
        obstacle = self._obstacle(location)
        if obstacle is False:
            raise GameError(f"there is no critical point at {short(location.x.tolist(), 160)}: a "
                            f"cost, or the field, is not defined there")
        return location if obstacle is None else FloatLocation(location.x)

    def _heuristic(self, reason: Reason, candidates: Candidates | None = None) -> Analysis:
        """Points from Newton's method, certified one by one where possible."""
        assert self.box is not None
        candidates = self._candidates() if candidates is None else candidates
        locations: list[Location] = []
        if reason is Reason.NOT_SEARCHED and self.problem.field.value_program is not None:
            try:
                certificate = certify(self.problem.field, candidates, self.box, max_boxes=0)
                locations += self._locations(certificate)
            except NoEnclosure as error:
                self.notes.append(str(error))
        locations += self._without_proof(candidates, locations)
        domain = float_box(self.box, self.n)
        whole = Undecided(domain[:, 0], domain[:, 1], reason)
        return self._result(locations, [whole], repr(candidates))

    def _without_proof(self, candidates: Candidates, locations: Sequence[Location]
                       ) -> list[Location]:
        """The candidates that are none of the points already located; notes on them."""
        if candidates.isolated:         # to count points of a surface says nothing
            self.notes.append(candidates.missing)
        with np.errstate(all="ignore"):
            defined = np.isfinite(self.classifier.compiled.costs(candidates.x)).all(axis=-1)
        known = np.array([location.x for location in locations]).reshape(-1, self.n)
        found: list[Any] = []
        for x in candidates.x[defined]:
            near = np.abs(self._difference(x, known)) <= 1e-6 * (1 + np.abs(x))
            if not near.all(axis=1).any():
                found.append(x)
                known = np.concatenate([known, x[None]])
        if not found:
            return []
        singular = np.linalg.cond(self.problem.field.jacobian(np.array(found))) > 1e10
        manifold = [x for x, is_singular in zip(found, singular) if is_singular]
        if len(manifold) > _SAMPLES:
            self.notes.append(
                f"{len(manifold)} of the points found have a singular Jacobian, as on "
                f"a curve or surface of critical points; {_SAMPLES} of them are shown")
        places = [self.on_orbit(x) or FloatLocation(x)
                  for x in manifold[:_SAMPLES]]
        return places + [FloatLocation(x) for x, is_singular in zip(found, singular)
                         if not is_singular]

    def _difference(self, x: Any, y: Any) -> Any:
        """x - y for a point and rows of points, modulo the periods."""
        out = x - y
        for k, variable in enumerate(self.game.variables):
            if variable in self.game.periods:
                period = float(self.game.periods[variable])
                out[:, k] -= period * np.round(out[:, k] / period)
        return out

    def _result(self, locations: Sequence[Location], undecided: list[Undecided],
                method: str) -> Analysis:
        kept = []
        for location in locations:
            reason = self._obstacle(location)
            if reason is None:
                kept.append(location)
            elif isinstance(reason, Reason):
                undecided.append(Undecided(*float_ends(location.enclosure(15)), reason))
        points = sorted((self.classifier.classify(location) for location in kept),
                        key=lambda p: tuple(p.x))
        box = None if self.box is None else tuple(self.box)
        return Analysis(self.game, self.of, box, tuple(points), tuple(undecided), method,
                        tuple(self.notes))

    def _obstacle(self, location: Location) -> Reason | bool | None:
        """None if the point counts, False if it is proved not to, else why it is open."""
        if not location.certified:
            return None
        reason = self.problem.obstacle(location)
        if reason is not None:
            return reason
        if self.box is None:
            return None
        for k, ends in enumerate(self.box):
            if self.game.variables[k] in self.game.periods and \
                    ends[1] - ends[0] >= self.game.periods[self.game.variables[k]]:
                continue
            inside = _within(location, k, ends)
            if inside is not True:
                return Reason.EDGE if inside is None else False
        return None


def _within(location: Location, k: int, ends: tuple[sp.Expr, sp.Expr]) -> bool | None:
    """Whether coordinate k lies in the closed interval; None if that is open."""
    low, high = (_enclosed(end) for end in ends)
    for digits in (15, 50):
        a, b = location.enclosure(digits)[k]
        if b < low[0] or a > high[1]:
            return False
        if a >= low[1] and b <= high[0]:
            return True
    exact_point = location.exact
    if exact_point is not None and exact_point[k] in ends:
        # On the edge, which belongs to the box.
        return True
    numbers = location.exact_numbers()
    if numbers is None or not all(end.is_Rational for end in ends) or isinstance(
            numbers.inputs[k], PiMultiple):
        return None
    least, most = (Fraction(int(end.p), int(end.q)) for end in ends)
    return (numbers.sign(numbers.inputs[k] - least) >= 0
            and numbers.sign(numbers.inputs[k] - most) <= 0)


def _enclosed(value: sp.Expr) -> tuple[Fraction, Fraction]:
    """A rational interval round an exact number."""
    if value.is_Rational:
        exact_value = Fraction(int(value.p), int(value.q))
        return exact_value, exact_value
    graph = Graph(1)
    program = Program(graph, [Reader(graph, {}).read(value)])
    arithmetic = PreciseIntervals(80)
    low, high = arithmetic.bounds(program.evaluate([None], arithmetic)[0])
    return Fraction(low), Fraction(high)
