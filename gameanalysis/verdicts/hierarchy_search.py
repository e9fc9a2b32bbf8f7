r"""`analyze_hierarchy`: find, certify and classify the critical points of a hierarchy.

The zeros of G_1 (`anticipation`) are searched as those of a system without denominators (form
"search" of `stacked`), which has the same zeros where no level is singular; that the levels'
determinants are not zero is proved at each zero.  The search itself is that of `analyze`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp

from ..declaration.hierarchy import Hierarchy
from ..dynamics import VectorField
from ..errors import BoxError, GameError
from ..exact.reduction import ReducedSystem, reduce_system
from ..exact.anticipation import cleared_gradient
from ..numerics.undecided import Reason
from ..compilation.cleared import ClearedHierarchy
from ..compilation.compiled import CompiledField, compile_field
from ..truth import Truth
from .analysis import Analysis, decimal
from .analyze import Task, analyze, classify, exact_box
from .hierarchic import HierarchyClassifier, HierarchyPoint
from .location import FloatLocation, Location
from .problem import MAX_VARIABLES, Problem

__all__ = ["HierarchyAnalysis", "analyze_hierarchy", "classify_hierarchy"]

#: Systems are written down, and reduced, while costs and system have at most so many
#: operations, and the levels below the first so many variables.
_WRITTEN, _REDUCED, _BELOW = 120, 1000, 4


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class HierarchyAnalysis(Analysis):
    """The critical points of a hierarchy in a box, made by `analyze_hierarchy`.

    Iterates over its `HierarchyPoint`, prints as a table, renders as one in a notebook.  The
    attributes are those of `Analysis`, with ``of`` "hierarchy", and

    ``points`` : `HierarchyPoint`, in ascending order of their coordinates.
    ``hierarchy`` : the game with its order of moves.
    ``tau`` : the factors of the levels for which stability was decided.
    """

    hierarchy: Hierarchy
    tau: tuple[sp.Expr, ...] = ()

    def _table(self) -> tuple[list[str], list[list[str]], list[bool]]:
        players = range(1, self.game.n_players + 1)
        n = len(self.game.variables)
        header = ([str(v) for v in self.game.variables] + ["class", "equilibrium"]
                  + [f"H{k} > 0" for k in players] + ["DNE", "stable", "margin", "radius"])
        rows, points = list[list[str]](), list[Any](self.points)
        for p in points:
            known = [m for m in p.margins if m is not None]
            rows.append([decimal(v) for v in p.x] + [p.label, str(p.equilibrium)]
                        + [str(t) for t in p.second_order]
                        + [str(p.differential_nash), str(p.stable),
                           f"{min(known):.4g}" if len(known) == len(p.margins) else "",
                           f"{p.radius:.0e}" if p.certified else "unknown"])
        return header, rows, [True] * n + [False] * (len(header) - n - 2) + [True] * 2

    @property
    def _title(self) -> str:
        name = f"{self.game.name}: " if self.game.name else ""
        rates = ("" if set(self.tau) <= {1}
                 else f", tau = ({', '.join(map(str, self.tau))})")
        return (f"{name}critical points of the hierarchy {self.hierarchy.name} "
                f"in {self.where}{rates}")

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON: Truths as text, no NaN, no infinity; players from 0."""
        return {**super().to_dict(),
                "levels": [list(level) for level in self.hierarchy.levels],
                "tau": [str(t) for t in self.tau]}

    def _columns(self, facts: dict[str, Any]) -> dict[str, Any]:
        row = {key: facts[key] for key in (
            "label", "certified", "radius", "equilibrium", "differential_nash", "stable",
            "hyperbolic", "degenerate")}
        for k, (truth, margin) in enumerate(zip(facts["second_order"], facts["margins"]), 1):
            row |= {f"second_order_{k}": truth, f"margin_{k}": margin}
        return row


class _HierarchyProblem(Problem):
    """The zeros of a hierarchy's gradient, as a field to search and conditions."""

    def __init__(self, hierarchy: Hierarchy, tau: Any) -> None:
        self.hierarchy, self.game, self.of = hierarchy, hierarchy.game, "hierarchy"
        self.n = len(hierarchy.variables)
        self.levels = HierarchyClassifier(hierarchy, tau)
        self.classifier: Any = self.levels
        self._clears = hierarchy.n_levels > 1

    @cached_property
    def reduced(self) -> ReducedSystem | None:
        """A simpler system with the same zeros; None where that would be too large."""
        below = len(self.hierarchy.at_or_below(1))
        if self.n > MAX_VARIABLES or below > _BELOW or (
                self._clears and sum(map(sp.count_ops, self.game.costs)) > _WRITTEN):
            return None
        system, _ = cleared_gradient(self.hierarchy.without_parameters())
        if self._clears and sum(map(sp.count_ops, system)) > _REDUCED:
            return None
        return reduce_system(system, self.game.variables)

    @cached_property
    def field(self) -> CompiledField:
        """The field to search, compiled."""
        if self.reduced is not None:
            return compile_field(VectorField(self.reduced.expressions, self.game.variables,
                                             periods=self.game.periods))
        return ClearedHierarchy(self.hierarchy)

    def obstacle(self, location: Location) -> Reason | bool | None:
        """None if a zero of the field counts, False if it is proved not to, else why not."""
        found = super().obstacle(location)
        if found is not None:
            return found
        singular = self.levels.is_singular(location)
        if singular is Truth.NO:
            return None
        return False if singular is Truth.YES else Reason.SINGULAR_FOLLOWER


class _HierarchyTask(Task):
    """One call of `analyze_hierarchy` or `classify_hierarchy`."""

    def __init__(self, hierarchy: Hierarchy, box: Any, tau: Any = 1, *,
                 max_boxes: int | None = None, n_starts: int = 0, rng: Any = None) -> None:
        if not isinstance(hierarchy, Hierarchy):
            raise GameError(f"expected a Hierarchy(game, levels), not {hierarchy!r}")
        super().__init__(hierarchy.game, box, "simultaneous", max_boxes, n_starts, rng)
        self.of, self.hierarchy = "hierarchy", hierarchy
        problem = _HierarchyProblem(hierarchy, tau)
        self.problem, self.classifier = problem, problem.classifier
        self.levels = problem.levels
        # Raises where a level is singular everywhere.
        self.levels.forms.blocks

    def on_orbit(self, row: Any) -> None:
        """None: what symmetries do to a hierarchy is not worked out."""
        return None

    def _result(self, *arguments: Any) -> HierarchyAnalysis:
        found = super()._result(*arguments)
        return HierarchyAnalysis(
            **{each.name: getattr(found, each.name) for each in fields(found)},
            hierarchy=self.hierarchy, tau=self.levels.field.tau)


@analyze.register
def analyze_hierarchy(hierarchy: Hierarchy, box: Any, *, tau: Any = 1,
                      max_boxes: int | None = None, n_starts: int = 512,
                      rng: Any = None) -> HierarchyAnalysis:
    """Find every critical point of a hierarchy in a box, prove it, and classify it.

    The critical points are the zeros of G_1 = `hierarchy_gradient` at which no level is
    singular.  Guarantee: a point that is ``certified`` exists and is listed once; every Truth
    that is YES or NO is proved; if ``.complete`` is YES the list holds all critical points of
    the closed box.  What could not be proved is UNDECIDED and ``.undecided`` says where.

    Parameters
    ----------
    hierarchy : a `Hierarchy`; the parameters of its game have values.
    box : a pair (low, high) for each variable in declared order, a mapping from variables to
        pairs, or None for the whole space, as in `analyze`.
    tau : the levels' factors in x' = -G_1(x), as in `hierarchy_gradient`, rational; only the
        stability depends on them.
    max_boxes, n_starts, rng : as in `analyze`.

    Raises `BoxError` for a box that does not fit, `GameError` if a level is singular
    everywhere or ``box=None`` is not possible.

    >>> from gameanalysis.declaration.game import Game, Player
    >>> x, y, z = q = sp.symbols("x y z", real=True)
    >>> game = Game(*(Player(-(80 - x - y - z)*v, v) for v in q))
    >>> found = analyze_hierarchy(Hierarchy(game, [0, 1, 2]), [(0, 80)]*3)
    >>> found[0].exact, found[0].label, found.complete
    ((40, 20, 10), 'equilibrium, not DNE', <Truth.YES>)
    """
    if not isinstance(hierarchy, Hierarchy):
        raise GameError(f"expected a Hierarchy(game, levels), not {hierarchy!r}")
    exact = None if box is None else exact_box(hierarchy.game, box)
    task = _HierarchyTask(hierarchy, exact, tau, max_boxes=max_boxes, n_starts=n_starts, rng=rng)
    found = task.run()
    assert isinstance(found, HierarchyAnalysis)
    return found


@classify.register
def classify_hierarchy(hierarchy: Hierarchy, points: Any, *, tau: Any = 1
                       ) -> tuple[HierarchyPoint, ...]:
    """Classify given critical points of a hierarchy, one by one.

    Guarantee: every YES and NO is proved for the critical point that lies there.  A row of
    exact rational numbers at which the gradient is exactly zero is taken as it is; otherwise
    Newton's method starts there and the zero it finds, at most ``0.01 (1 + max|x|)`` away, is
    certified.

    Parameters
    ----------
    points : rows of n numbers, shape (k, n) or (n,), or points of a `HierarchyAnalysis`.
    tau : as in `analyze_hierarchy`.

    Raises `GameError` if there is no critical point near a row, `BoxError` for a row of
    another length.

    >>> from gameanalysis.declaration.game import Game, Player
    >>> x, y = sp.symbols("x y", real=True)
    >>> game = Game(Player(-x**2/2 + 2*x*y, x), Player(y**2 - 2*x*y, y))
    >>> classify_hierarchy(Hierarchy(game, [0, 1]), [(0, 0)])[0].second_order
    (<Truth.YES>, <Truth.YES>)
    """
    task = _HierarchyTask(hierarchy, None, tau)
    rows = list(points)
    if rows and not isinstance(rows[0], HierarchyPoint) and not np.iterable(rows[0]):
        rows = [rows]
    n, found = len(hierarchy.variables), []
    for row in rows:
        values = row.x if isinstance(row, HierarchyPoint) else row
        if len(values) != n:
            raise BoxError(f"a point needs {n} coordinates, one for each of "
                           f"{', '.join(map(str, hierarchy.variables))}, not {len(values)}")
        found.append(task.levels.classify(_known(task, row)))
    return tuple(found)


def _known(task: _HierarchyTask, row: Any) -> Location:
    if not isinstance(row, HierarchyPoint):
        return task.locate(row)
    if row.certified:
        rational = row.exact is not None and all(v.is_Rational for v in row.exact)
        try:
            return task.locate(row.exact if rational else row.x)
        except GameError:           # a multiple zero, from which Newton's method strays
            pass
    return FloatLocation(row.x)
