r"""The result of a continuation: branches of critical points, and the events on them.

A branch is a curve z = (x, lambda).  It is cut at its events into segments; within a segment
no test function of `events` changes its sign at a point that was computed, and one point of
it is classified with proof.  A curve segment between neighbouring points is proved if a tube
round it is known to hold exactly one curve of critical points (`arclength`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..declaration.costs import Number, exact
from ..declaration.game import Game
from ..numerics.arclength import End, Tubes
from ..numerics.certify import certify
from ..compilation.parametric import ParametricGame
from ..tables import data_frame, html_table, text_table
from ..truth import Truth
from ..verdicts.analyze import analyze
from ..verdicts.classify import CriticalPoint
from .unfoldings import EventKind

__all__ = ["Branch", "BranchSegment", "Consistency", "Continuation", "Event",
           "critical_points_at", "is_regularised"]

Array = NDArray[np.float64]

#: Points of branches are known to this, in units.
_KNOWN = 1e-9
#: At most so many notes are printed.
_SHOWN = 5
_FIELD = {"simultaneous": "critical points of simultaneous gradient play (omega = 0)",
          "stackelberg": "critical points of Stackelberg gradient play (omega_S = 0)"}


def is_regularised(system: ParametricGame) -> bool:
    """Whether the zeros followed are those of a regularised field, not of the game's own."""
    moving = system.parameter == "eta" and system.symbol is None
    return (system.of == "stackelberg" and not system.is_zero_sum
            and (moving or system.eta != 0))


@dataclass(frozen=True, eq=False)
class _Zero:
    """A zero of a regularised field, which is no critical point of the game."""

    x: Array
    radius: float
    certified: bool


def critical_points_at(system: ParametricGame, value: Fraction, box: Any, max_boxes: int | None
                       ) -> tuple[list[Any], Truth]:
    """All zeros of the field at one value of the parameter, and whether they are all.

    They are classified, but for those of a regularised field, which only know where they are.
    """
    if is_regularised(system):
        certificate = certify(system.section(value), None, box, max_boxes=max_boxes)
        zeros = [_Zero(z.x, z.radius, True) for z in certificate.zeros]
        return zeros, certificate.complete
    found = analyze(system.game_at(value), box, system.of, max_boxes=max_boxes, rng=0)
    return list(found), found.complete


@dataclass(frozen=True, eq=False)
class Event:
    """Where something changes on a branch.

    ``kind`` : an `EventKind`, whose value is a sentence; ``also`` : other kinds at the point.
    ``value``, ``x`` : the parameter and the point, floats.
    ``certified`` : whether an event of this kind is proved to be within ``radius`` of that,
        in every coordinate, to be simple, and the only one near.
    ``exact`` : the coordinates and the parameter as SymPy numbers where they are known, or None.
    ``before``, ``after`` : labels of the segments on both sides, along the branch;
        ``stable_before``, ``stable_after`` : the same for stability.
    ``eigenvalues`` : of the field's Jacobian, floats without proof.
    ``player`` : whose Hessian is singular, from 0, else None.
    ``branch`` : the number of the branch in its `Continuation`.
    """

    kind: EventKind
    value: float
    x: Array
    certified: bool
    radius: float
    before: str
    after: str
    stable_before: Truth
    stable_after: Truth
    eigenvalues: NDArray[np.complex128]
    exact: tuple[Any, ...] | None = None
    also: tuple[EventKind, ...] = ()
    player: int | None = None
    branch: int = 0

    def __repr__(self) -> str:
        return f"Event({self.kind.name} at {self.value:.9g}: {self.kind.value})"

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON: no NaN, no infinity, complex numbers as pairs."""
        finite = np.isfinite(self.eigenvalues).all()
        return {
            "kind": self.kind.name.lower(), "sentence": self.kind.value,
            "also": [kind.name.lower() for kind in self.also],
            "value": self.value, "x": self.x.tolist(), "certified": self.certified,
            "radius": self.radius if self.certified else None,
            "exact": None if self.exact is None else [str(v) for v in self.exact],
            "before": self.before, "after": self.after,
            "stable_before": str(self.stable_before), "stable_after": str(self.stable_after),
            "eigenvalues": ([[v.real, v.imag] for v in self.eigenvalues.tolist()] if finite
                            else None),
            "player": self.player, "branch": self.branch}


@dataclass(frozen=True, eq=False)
class BranchSegment:
    """A part of a branch between two events.

    ``first``, ``last`` : its points in the arrays of the branch, both included.
    ``label`` : the class of its points, that of ``point``, which is classified with proof;
        of a field with eta in general sum, whose zeros need not be critical points of the game,
        the stability only.
    ``stable`` : whether they are stable under the field that is followed, at its tau and eta.
    ``point`` : a `CriticalPoint` of the game at ``value``; None where none was proved.
    """

    first: int
    last: int
    label: str
    stable: Truth
    value: float
    point: CriticalPoint | None = None


@dataclass(frozen=True, eq=False)
class Branch:
    """A curve of critical points.

    ``values`` : the parameter, shape (k,); ``x`` : the points, shape (k, n).
    ``proved`` : shape (k - 1,), whether the curve between two points is proved.
    ``segments``, ``events`` : in order along the branch.
    ``begin``, ``end`` : why it ends there, an `End`; the value is a sentence.
    """

    values: Array
    x: Array
    segments: tuple[BranchSegment, ...]
    events: tuple[Event, ...]
    begin: End
    end: End
    tubes: Tubes = field(repr=False)

    def __post_init__(self) -> None:
        for array in (self.values, self.x):
            array.flags.writeable = False

    def __len__(self) -> int:
        return len(self.values)

    @property
    def proved(self) -> NDArray[np.bool_]:
        """Which pieces between neighbouring points are proved."""
        return self.tubes.proved

    @property
    def certified(self) -> bool:
        """Whether the whole curve is proved: no step can have jumped to another branch."""
        return bool(self.proved.all())

    @property
    def closed(self) -> bool:
        """Whether the branch is a closed curve."""
        return self.end is End.CLOSED

    @property
    def z(self) -> Array:
        """Points and parameter together, shape (k, n + 1)."""
        return np.column_stack([self.x, self.values])

    def crossings(self, value: float) -> list[int]:
        """The pieces k, from point k to k + 1, on which the parameter takes a value.

        Segments on which a cost or the field is not defined are left out.
        """
        away = self.values - value
        found: list[int] = np.flatnonzero(away[:-1] * away[1:] < 0).tolist()
        for k in np.flatnonzero(away == 0).tolist():
            # A fold at exactly this value counts once, an end of the branch too.
            found.append(min(k, len(away) - 2))
        if self.closed and away[0] == 0:
            found.remove(0)
        # Where a cost is not defined, zeros of its gradient are no critical points.
        return sorted(k for k in found if not any(
            s.first <= k < s.last and s.label == "undefined" for s in self.segments))

    def __repr__(self) -> str:
        labels = " | ".join(s.label for s in self.segments)
        state = "proved" if self.certified else f"{self.proved.mean():.0%} proved"
        return (f"Branch of {len(self)} points from {self.values[0]:.6g} to "
                f"{self.values[-1]:.6g} ({state}): {labels}")

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "values": self.values.tolist(), "x": self.x.tolist(),
            "proved": self.proved.tolist(), "begin": self.begin.value, "end": self.end.value,
            "segments": [{"first": s.first, "last": s.last, "label": s.label,
                          "stable": str(s.stable), "value": s.value} for s in self.segments]}


@dataclass(frozen=True)
class Consistency:
    """Whether branches are all there is at some values; ``reasons`` has a line for each.

    ``truth`` : YES if at each value a complete list of critical points is proved and each is
    on one branch; NO if a critical point is proved that no branch passes, or there are more
    crossings than points; else UNDECIDED.
    """

    truth: Truth
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join((f"consistent: {self.truth}", *self.reasons))

    __repr__ = __str__


@dataclass(frozen=True, eq=False)
class Continuation:
    """Branches of critical points while a parameter moves, made by `continuation`.

    Iterates over its `Branch`, prints its events as a table.

    ``parameter``, ``values`` : its name and the range (low, high) it moves in.
    ``of``, ``tau``, ``eta`` : the field; one of the last two is the parameter, perhaps.
    ``learning_rate`` : that of the update whose events are told too, or None.
    ``box`` : bounds of the points, shape (n, 2).
    ``sections`` : (value, number of critical points, whether the list is complete) where
        branches were started.
    ``notes`` : what else was found.
    """

    game: Game
    parameter: str
    values: tuple[float, float]
    of: str
    tau: Any
    eta: Any
    learning_rate: Any
    box: Array
    unit: Array
    branches: tuple[Branch, ...]
    sections: tuple[tuple[float, int, Truth], ...]
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Branch]:
        return iter(self.branches)

    def __len__(self) -> int:
        return len(self.branches)

    def __getitem__(self, index: int) -> Branch:
        return self.branches[index]

    @property
    def events(self) -> tuple[Event, ...]:
        """The events of all branches, by the value of the parameter."""
        return tuple(sorted((e for b in self.branches for e in b.events),
                            key=lambda e: (e.value, e.branch)))

    @property
    def certified(self) -> bool:
        """Whether every branch is proved."""
        return all(branch.certified for branch in self.branches)

    # -- where branches are ----------------------------------------------

    def _lifts(self, z: Array) -> list[Array]:
        """z and its images one turn further, for coordinates on a circle."""
        turns = [(0.0,) if v not in self.game.periods else
                 tuple(k * float(self.game.periods[v]) for k in (0, 1, -1))
                 for v in self.game.variables]
        return [z + np.array([*shift, 0.0]) for shift in product(*turns)]

    def holders(self, x: Any, value: float, radius: float = 0.0) -> list[tuple[int, int]]:
        """(branch, piece) of each proved tube that holds a critical point at a value.

        A point that lies in a tube is on that branch, with proof; neighbouring tubes overlap.
        """
        z = np.array([*np.asarray(x, dtype=float), float(value)])
        reach = np.full(len(z), radius) + 1e-15 * (1 + np.abs(z))
        out = []
        for image in self._lifts(z):
            for b, branch in enumerate(self.branches):
                tubes = branch.tubes
                extent = 0.6 * np.abs(tubes.chord) + np.abs(tubes.basis).sum(
                    axis=2) * tubes.radius[:, None] + reach
                near = tubes.proved & (np.abs(image - tubes.middle) <= extent).all(axis=1)
                out += [(b, int(k)) for k in np.flatnonzero(near)
                        if tubes.contains(int(k), image - reach, image + reach)]
        return out

    def distance(self, x: Any, value: float) -> float:
        """How far a point is from the nearest branch, in units of the box and the range."""
        z = np.array([*np.asarray(x, dtype=float), float(value)])
        best = np.inf
        for image in self._lifts(z):
            for branch in self.branches:
                points = branch.z / self.unit
                chord = np.diff(points, axis=0)
                gap = image / self.unit - points[:-1]
                length = np.maximum((chord ** 2).sum(axis=1), 1e-300)
                share = np.clip((gap * chord).sum(axis=1) / length, 0, 1)
                best = min(best, float(np.linalg.norm(
                    gap - share[:, None] * chord, axis=1).min()))
        return best

    @property
    def _reach(self) -> float:
        """More than any curve is away from the chords of its pieces, in units."""
        longest = max((float(np.linalg.norm(np.diff(b.z / self.unit, axis=0), axis=1).max())
                       for b in self.branches), default=0.0)
        return 1e-3 + 0.2 * longest

    def meets(self, other: Continuation) -> Truth:
        """Whether two continuations have the same branches, as one started at each end should.

        YES if every point of each lies in a proved tube of the other; NO if one is far from
        all branches of the other; else UNDECIDED.
        """
        answer = Truth.YES
        for one, two in ((self, other), (other, self)):
            for branch in one:
                for x, value in zip(branch.x, branch.values.tolist()):
                    if two.holders(x, value, _KNOWN * float(one.unit.min())):
                        continue
                    if two.distance(x, value) > two._reach:
                        return Truth.NO
                    answer = Truth.UNDECIDED
        return answer

    def count(self, value: float) -> int:
        """How many points the branches have at a value of the parameter."""
        return sum(len(branch.crossings(value)) for branch in self.branches)

    def turning_values(self) -> list[float]:
        """Where the number of points may change: folds, branch points, and the box's edge."""
        found = {e.value for e in self.events if e.kind in (EventKind.FOLD, EventKind.BRANCH)}
        for branch in self.branches:
            found |= {float(v) for v, end in ((branch.values[0], branch.begin),
                                              (branch.values[-1], branch.end))
                      if end in (End.BOX, End.STALLED, End.BUDGET)}
        return sorted(found)

    def check_values(self) -> list[float]:
        """The middle of each gap between `turning_values`, where `consistent` looks."""
        low, high = self.values
        least = 1e-6 * (high - low)
        ends = [low, *self.turning_values(), high]
        return [0.5 * (a + b) for a, b in zip(ends, ends[1:]) if b - a > least]

    def compare(self, value: float, points: Sequence[Any], complete: Truth) -> tuple[Truth, str]:
        """Whether certified critical points at a value are those of the branches, and why."""
        certified = [p for p in points if p.certified]
        crossed = self.count(value)
        on = [{b for b, _ in self.holders(p.x, value, p.radius)} for p in certified]
        told = (f"{self.parameter} = {value:.6g}: {crossed} on branches, {len(points)} found, "
                f"complete: {complete}")
        lost = [p for p, held in zip(certified, on)
                if not held and self.distance(p.x, value) > self._reach]
        if lost:
            at = ", ".join(f"{v:.6g}" for v in lost[0].x)
            return Truth.NO, f"{told}; no branch passes the critical point ({at})"
        if complete is Truth.YES and crossed > len(points) and all(
                b.proved[k] for b in self.branches for k in b.crossings(value)):
            return Truth.NO, f"{told}; a branch has a point that is not critical"
        agree = (complete is Truth.YES and crossed == len(points) == len(certified)
                 and all(on))
        return Truth.of(True if agree else None), told

    def consistent(self, values: Iterable[Number] | None = None, *,
                   max_boxes: int | None = None) -> Consistency:
        """Whether the branches hold all critical points of the box, at some values.

        At each value a complete list is asked of `analyze` and compared with the branches: as
        many points as crossings, each proved to be on a branch.  By default the values are
        the middles between all folds, branch points and places where a branch meets the edge
        of the box: then YES says that, at the values looked at, the number of points is what
        those events make it.
        """
        system = ParametricGame(self.game, self.parameter, self.of, self.tau, self.eta)
        chosen = self.check_values() if values is None else [
            float(exact(v, "a value of the parameter")) for v in values]
        results = [self.compare(value, *critical_points_at(
            system, Fraction(value), self.box.tolist(), max_boxes)) for value in chosen]
        return Consistency(Truth.all(truth for truth, _ in results),
                           tuple(reason for _, reason in results))

    # -- for people and other programs -----------------------------------

    def _table(self) -> tuple[list[str], list[list[str]], list[bool]]:
        names = [str(v) for v in self.game.variables]
        shown = names if len(names) <= 4 else []
        header = [self.parameter, *shown, "event", "branch", "before", "after", "stable", "radius"]
        rows = []
        for e in self.events:
            what = ", ".join(k.name.lower().replace("_", "-") for k in (e.kind, *e.also))
            rows.append([f"{e.value:.9g}", *(f"{v:.6f}" for v in (e.x + 0.0)[:len(shown)]), what,
                         str(e.branch), e.before, e.after,
                         f"{e.stable_before} to {e.stable_after}",
                         f"{e.radius:.0e}" if e.certified else "not proved"])
        flush = [True] * (1 + len(shown)) + [False, True, False, False, False, True]
        return header, rows, flush

    def _statement(self) -> str:
        low, high = self.values
        title = f"{self.game.name}: " if self.game.name else ""
        return (f"{title}{_FIELD[self.of]} while {self.parameter} goes from "
                f"{low:.6g} to {high:.6g}")

    def _census(self) -> str:
        pieces = np.concatenate([b.proved for b in self.branches] or [np.zeros(0, dtype=bool)])
        n_events = len(self.events)
        if not len(self):
            return "no branches"
        share = ("every piece proved" if pieces.all() else
                 f"{pieces.sum()} of {len(pieces)} pieces proved")
        return (f"{len(self)} branch{'es' * (len(self) != 1)} ({share}), {n_events} "
                f"event{'s' * (n_events != 1)}")

    def __str__(self) -> str:
        lines = [self._statement(), self._census(), ""]
        for k, branch in enumerate(self.branches):
            labels = " | ".join(_runs([s.label for s in branch.segments]))
            lines.append(f"branch {k}: {branch.values[0]:.6g} to {branch.values[-1]:.6g}, "
                         f"{labels}")
            if branch.end is not End.RANGE or branch.begin is not End.RANGE:
                reasons = dict.fromkeys(end.value for end in (branch.begin, branch.end)
                                        if end is not End.RANGE)
                lines.append(f"  {'; '.join(reasons)}")
        if self.events:
            lines += ["", text_table(*self._table())]
        notes = list(self.notes[:_SHOWN])
        if len(self.notes) > _SHOWN:
            notes.append(f"... and {len(self.notes) - _SHOWN} more")
        return "\n".join([*lines, *([""] if notes else []), *notes])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return (f"<p>{self._statement()}<br>{self._census()}</p>"
                + (html_table(*self._table()) if self.events else ""))

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON: Truths and reasons as text, no NaN, no infinity."""
        return {
            "game": self.game.name, "variables": [str(v) for v in self.game.variables],
            "parameter": self.parameter, "values": list(self.values), "of": self.of,
            "tau": str(self.tau), "eta": str(self.eta),
            "learning_rate": None if self.learning_rate is None else str(self.learning_rate),
            "sections": [{"value": v, "points": n, "complete": str(c)}
                         for v, n, c in self.sections],
            "notes": list(self.notes),
            "branches": [branch.to_dict() for branch in self.branches],
            "events": [event.to_dict() for event in self.events]}

    def to_dataframe(self) -> Any:
        """A pandas DataFrame with a row for each point of each branch; needs pandas."""
        rows = []
        for b, branch in enumerate(self.branches):
            for s in branch.segments:
                for k in range(s.first, s.last + (s is branch.segments[-1])):
                    rows.append({"branch": b, self.parameter: float(branch.values[k]),
                                 **{str(v): float(c) for v, c in zip(self.game.variables,
                                                                     branch.x[k])},
                                 "label": s.label, "stable": str(s.stable)})
        return data_frame(rows)


def _runs(labels: Sequence[str]) -> list[str]:
    """The labels without immediate repetition."""
    return [b for a, b in zip([None, *labels], labels) if a != b]
