r"""`continuation`: follow the critical points of a game while a parameter moves.

The parameter lambda is a symbol of the costs, or tau or eta of the field (`parametric`).  At
some of its values all critical points are found (`analyze`).  From each the curve is followed
to both sides (`arclength`), its events are found, refined and proved (`events`), one point
between each two events is classified, and where another branch crosses that is followed too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from ..declaration.costs import Number, exact
from ..declaration.game import Game
from ..errors import BoxError, GameError, ShapeError
from ..exact.derivatives import ratio, regularisation
from ..numerics.arclength import corrected
from ..numerics.critical import float_box
from ..compilation.parametric import ParametricGame
from ..truth import Truth
from ..workers import Path as FilePath, Workers, checked_workers, map_ordered
from ..verdicts.analyze import exact_box
from .branches import Branch, Continuation, Event, critical_points_at
from .following import Followed, Spec, Task, follow, passes
from .records import Stages
from .unfoldings import EventKind, Found

__all__ = ["continuation"]

Array = NDArray[np.float64]

#: Branches that start at branch points are followed until there are so many.
_MOST_BRANCHES = 200
#: How far from a branch point, in units, the crossing branch is picked up.
_ASIDE = 1e-3
#: Singular values of D G below this fraction of the largest are zero.
_RANK = 1e-9


def continuation(game: Game, parameter: Any, values: Sequence[Number], *, start: Any = None,
                 at: Number | None = None, box: Any = None, of: str = "simultaneous",
                 tau: Number = 1, eta: Number = 0, learning_rate: Number | None = None,
                 sections: int = 3, max_step: float = 0.02, max_points: int = 5_000,
                 crossings: bool = True, workers: Workers = 1,
                 checkpoint: FilePath | None = None,
                 progress: Callable[[int], object] | None = None) -> Continuation:
    """Follow the critical points of a game while a parameter moves, with all events.

    Guarantee: a piece of a branch that is ``proved`` is one smooth curve of critical points,
    with no other in the tube round it; an event that is ``certified`` is there, and simple;
    the label and the stability of a segment are proved at one point of it.  Not proved: that
    no event was missed between two neighbouring points, and that there are no branches that
    avoid all sections; ask `Continuation.consistent` for that.

    Parameters
    ----------
    parameter : a symbol of the game's parameters, or its name; where the game has none of
        that name also "tau", the factor of the followers' rows, or "eta", the regularisation
        of their joint Jacobian in the Stackelberg gradient.
    values : the range (low, high) of the parameter.
    start : rows of critical points at the value ``at``, shape (k, n); by default all that
        `analyze` finds in the box at ``sections`` values of the parameter, both ends included.
    at : where ``start`` is, by default at the low end.
    box : as for `analyze`; branches end where they leave it.  It may be left out where
        ``start`` is given.  A coordinate on a circle has no bounds.
    of : "simultaneous" or "stackelberg", the field whose zeros are followed.
    tau, eta : the field's, where they are not the parameter.
    learning_rate : if given, events of the update x - learning_rate g(x) are told too.
    sections : at how many values, evenly spaced, branches are started.
    max_step : the longest step, in units of the box and the range together.
    max_points : the budget of each branch.
    crossings : whether branches that cross at branch points are followed too.
    workers : a number of processes, or any map-like callable.
    checkpoint : a path: branches are kept there as they are finished, and the same call goes
        on from them after Ctrl-C or a crash, to the same result.  The sections are analysed
        again.
    progress : called with the number of paths that are newly finished.

    Raises `GameError` for a parameter that is none, `BoxError` for a range or a box that does
    not fit, `ShapeError` for starts of another shape, and the errors of `map_ordered`.

    >>> x, y, a = sp.symbols("x y a", real=True)
    >>> from gameanalysis.declaration.game import zero_sum
    >>> game = zero_sum(x**3/3 - a*x - y**2/2, x, y, parameters={a: 1})
    >>> [e.kind.name for e in continuation(game, a, (-1, 1), box=[(-2, 2), (-1, 1)]).events]
    ['FOLD']
    """
    run = _Run(game, parameter, values, box, of, tau, eta, learning_rate, max_step, max_points)
    if not isinstance(sections, int) or sections < 2:
        raise ValueError(f"sections is an int, 2 or more (both ends of the range), not "
                         f"{sections!r}")
    run.workers, run.progress = checked_workers(workers), progress
    if checkpoint is not None:
        run.stages = Stages(checkpoint, follow, (
            game, run.name, run.ends, str(start), at, run.exact_box, of, run.tau, run.eta,
            run.rate, sections, max_step, max_points, crossings))
    try:
        if start is None:
            run.from_sections(sections)
        else:
            run.from_points(start, at)
        if crossings:
            run.cross()
    except KeyboardInterrupt as stop:
        if run.stages is not None and not hasattr(stop, "__notes__"):
            stop.add_note(f"the branches that are finished are kept in {checkpoint}: the same "
                          f"call goes on from them")
        raise
    finally:
        if run.stages is not None:
            run.stages.close()
    return run.result()


class _Run:
    """One call of `continuation`."""

    workers: Workers
    progress: Callable[[int], object] | None
    stages: Stages | None = None

    def __init__(self, game: Game, parameter: Any, values: Sequence[Number], box: Any, of: str,
                 tau: Number, eta: Number, learning_rate: Number | None, max_step: float,
                 max_points: int) -> None:
        if not isinstance(game, Game):
            raise GameError(f"expected a Game, not {game!r}")
        if of not in ("simultaneous", "stackelberg"):
            raise GameError(f"of is 'simultaneous' or 'stackelberg', not {of!r}")
        if isinstance(parameter, sp.Symbol) and parameter not in game.parameters:
            raise GameError(f"{parameter} is not a parameter of this game (parameters: "
                            f"{', '.join(map(str, game.parameters)) or 'none'})")
        self.game, self.name, self.of = game, str(parameter), of
        self.tau, self.eta = ratio(exact(tau, "tau")), regularisation(exact(eta, "eta"))
        if of == "simultaneous" and self.eta != 0:
            raise GameError("the simultaneous gradient has no eta: take of='stackelberg'")
        self.system = ParametricGame(game, self.name, of, self.tau, self.eta)
        self.rate = None if learning_rate is None else _rational(learning_rate, "learning_rate")
        if self.rate is not None and self.rate <= 0:
            raise ValueError(f"learning_rate is positive, not {learning_rate}")
        if not 0 < max_step <= 1:
            raise ValueError(f"max_step is in (0, 1], not {max_step!r}")
        self.ends = self._range(values)
        self.exact_box = None if box is None else exact_box(game, box)
        self.max_step, self.max_points = max_step, max_points
        self.branches: list[Followed] = []
        self.sections: list[tuple[float, int, Truth]] = []
        self.notes: list[str] = []

    def _range(self, values: Sequence[Number]) -> tuple[Fraction, Fraction]:
        try:
            low, high = (_rational(v, "an end of the range") for v in values)
        except (TypeError, ValueError) as error:
            if isinstance(error, GameError):
                raise
            raise BoxError(f"values is a range (low, high), not {values!r}") from None
        if not low < high:
            raise BoxError(f"the range of {self.name} has low {low} not below high {high}")
        if self.system.symbol is None:
            # Raises for a time-scale ratio that is not positive, or a negative eta.
            (ratio if self.name == "tau" else regularisation)(
                sp.Rational(low.numerator, low.denominator))
        return low, high

    def _bounds(self, x: Array) -> None:
        """Bounds and units, from the box or from the starts."""
        n, game = self.system.n, self.game
        ends = np.array([float(e) for e in self.ends])
        if self.exact_box is not None:
            box = float_box(self.exact_box, n)
        else:
            reach = 1e3 * np.maximum(1.0, np.abs(x).max(axis=0, initial=0))
            box = np.column_stack([-reach, reach])
        self.box = box
        unit = box[:, 1] - box[:, 0] if self.exact_box is not None else 2e-3 * box[:, 1]
        for k, v in enumerate(game.variables):
            if v in game.periods:
                unit[k] = float(game.periods[v])
                if self.exact_box is None or box[k, 1] - box[k, 0] >= 0.999 * unit[k]:
                    box = box.copy()
                    box[k] = -np.inf, np.inf
        low, high = np.append(box[:, 0], ends[0]), np.append(box[:, 1], ends[1])
        self.unit = np.append(unit, ends[1] - ends[0])
        self.spec = Spec(game, self.name, self.of, self.tau, self.eta, self.rate, tuple(low),
                         tuple(high), tuple(self.unit), self.max_step, self.max_points)

    # -- where branches start --------------------------------------------

    def from_sections(self, count: int) -> None:
        """Find all critical points at some values, and follow those that are on no branch."""
        if self.exact_box is None:
            raise BoxError("continuation needs a box to look for critical points in, or start=")
        self._bounds(np.zeros((0, self.system.n)))
        low, high = self.ends
        # Both ends first: what lies between is on those branches, as a rule.
        order = [0, count - 1, *range(1, count - 1)]
        shares = [Fraction(k, count - 1) for k in order]
        if not self.system.moves:
            shares = shares[:1]
        for share in shares:
            value = low + share * (high - low)
            points, complete = critical_points_at(self.system, value, self.exact_box, None)
            self.sections.append((float(value), len(points), complete))
            self._start([p.x for p in points], value)

    def from_points(self, start: Any, at: Number | None) -> None:
        """Follow given critical points."""
        try:
            x = np.array([getattr(p, "x", p) for p in start], dtype=float)
        except (TypeError, ValueError):
            raise ShapeError(f"start is rows of {self.system.n} numbers, not {start!r}"
                             ) from None
        x = x[None] if x.ndim == 1 else x
        if x.ndim != 2 or x.shape[1] != self.system.n:
            raise ShapeError(f"start is rows of {self.system.n} numbers, one for each of "
                             f"{', '.join(map(str, self.game.variables))}, not of shape {x.shape}")
        value = self.ends[0] if at is None else _rational(at, "at")
        if not self.ends[0] <= value <= self.ends[1]:
            raise BoxError(f"at = {value} is not in the range of {self.name}")
        self._bounds(x)
        self._start(list(x), value, given=True)

    def _start(self, rows: Sequence[Array], value: Fraction, given: bool = False) -> None:
        system, n = self.system.system, self.system.n
        normal = np.eye(n + 1)[n]
        tasks = []
        for x in rows:
            if self._known(np.append(x, float(value))):
                continue
            z = corrected(system, np.append(x, float(value)), self.unit, normal)
            if z is None or (np.abs(z[:n] - x) > 0.01 * (self.unit[:n] + np.abs(x))).any() \
                    or self._is_singular(z):
                text = ", ".join(f"{v:.6g}" for v in x)
                if given:
                    raise GameError(f"there is no isolated critical point near ({text}) at "
                                    f"{self.name} = {value}")
                self.notes.append(f"({text}) at {self.name} = {float(value):.6g} is not "
                                  f"followed: the Jacobian of the field is singular there")
                continue
            if self._known(z):
                continue
            interior = self.ends[0] < value < self.ends[1]
            along = -normal if value == self.ends[1] else normal
            tasks.append(Task(self.spec, z, along, interior))
        self._follow(tasks)

    def _is_singular(self, z: Array) -> bool:
        """Whether D G has not full rank, as where critical points fill a surface."""
        scaled = self.system.system.jacobian(z) * self.unit
        if not np.isfinite(scaled).all():
            return True
        values = np.linalg.svd(scaled, compute_uv=False)
        return bool(values[-1] <= _RANK * values[0])

    def _known(self, z: Array) -> bool:
        """Whether a point is on a branch that was followed already."""
        return any(passes(branch, z, self.system.game, self.unit) for branch in self.branches)

    def _follow(self, tasks: Sequence[Task]) -> None:
        if not tasks:
            return
        kept = None if self.stages is None else self.stages.checkpoint(tasks)
        for followed in map_ordered(follow, tasks, self.workers, checkpoint=kept,
                                    progress=self.progress):
            ends = (followed.path.z[0], followed.path.z[-1])
            middle = followed.path.z[len(followed.path.z) // 2]
            if not all(self._known(z) for z in (*ends, middle)):
                self.branches.append(followed)

    def cross(self) -> None:
        """Follow the branches that cross at branch points, and those that cross these."""
        done = 0
        while done < len(self.branches) < _MOST_BRANCHES:
            fresh, done = self.branches[done:], len(self.branches)
            points = [event for branch in fresh for _, event in branch.events
                      if event.kind is EventKind.BRANCH]
            # A branch that is followed through the point needs no start on its other side.
            for side in (1, -1):
                self._follow([task for event in points for w in event.directions
                              if (task := self._aside(event, side * w)) is not None])

    def _aside(self, event: Found, way: Array) -> Task | None:
        """A start beside a branch point, if it is on no branch that is known."""
        begin = event.z + _ASIDE * way * self.unit
        z = corrected(self.system.system, begin, self.unit, way)
        low, high = np.array(self.spec.low), np.array(self.spec.high)
        if z is None or np.linalg.norm((z - event.z) / self.unit) > 3 * _ASIDE \
                or ((z < low) | (z > high)).any() or self._known(z):
            return None
        return Task(self.spec, z, way, True)

    # -- the result ------------------------------------------------------

    def result(self) -> Continuation:
        """Branches with their events, numbered."""
        branches = [_branch(followed, k, self.game, self.box)
                    for k, followed in enumerate(self.branches)]
        ends = float(self.ends[0]), float(self.ends[1])
        return Continuation(self.game, self.name, ends, self.of, self.tau, self.eta, self.rate,
                            self.box, self.unit, tuple(branches), tuple(self.sections),
                            tuple(dict.fromkeys(self.notes)))


def _rational(value: Number, what: str) -> Fraction:
    number = exact(value, what)
    if not number.is_Rational:
        raise ValueError(f"{what} is a rational number here, not {number}")
    return Fraction(int(number.p), int(number.q))


def _branch(followed: Followed, number: int, game: Game, box: Array) -> Branch:
    z, segments = followed.path.z, followed.segments
    events = []
    for (_, found), before, after in zip(followed.events, segments, segments[1:]):
        x, numbers = found.z[:-1].copy(), None if found.exact is None else list(found.exact)
        for k, v in enumerate(game.variables):
            if v in game.periods:
                # Shown within one period, wherever the branch has gone round.
                turns = int(np.floor((x[k] - box[k, 0]) / float(game.periods[v]) + 1e-9))
                x[k] -= turns * float(game.periods[v])
                if numbers is not None:
                    numbers[k] -= turns * game.periods[v]
        events.append(Event(
            found.kind, float(found.z[-1]), x, found.certified, found.radius,
            before.label, after.label, before.stable, after.stable, found.eigenvalues,
            None if numbers is None else tuple(numbers), found.also, found.player, number))
    return Branch(z[:, -1].copy(), z[:, :-1].copy(), segments, tuple(events), followed.begin,
                  followed.path.end, followed.tubes)
