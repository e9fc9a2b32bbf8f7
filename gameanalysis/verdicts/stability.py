r"""Stability tables: to which critical points each learning rule is attracted.

For a rule on a game and a critical point z* that it leaves where it is,

    flow      z' = -g(z)         attracts if the spectral abscissa of Dg(z*) is positive,
    update    (z, m) <- (F, h)   attracts if the spectral radius of M = D(F, h) is below 1,

and a rule may attract with learning rates for which another does not: ``steps`` are the
ranges of learning rates at which it does.  A point that an update moves away from is no fixed
point of it, though its flow, the limit of small steps, may stay there.  `fixed_points` finds
all fixed points of an update, those among them that are no critical points of the game too.

Reference: J. M. Ortega, W. C. Rheinboldt, Iterative Solution of Nonlinear Equations in Several
Variables, Academic Press 1970, 10.1.3 (Ostrowski).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from html import escape
from textwrap import wrap
from typing import Any

import numpy as np

from ..declaration.costs import Number, exact
from ..declaration.game import Game
from ..errors import GameError
from ..exact.minors import exact_sign
from ..learning.updates import Rule, trial_of
from ..compilation.compiled import compile_field
from ..compilation.moves import compile_update, starts_at_rest
from ..programs.program import Program
from ..rules import every, named
from ..tables import html_table, text_table
from ..truth import Truth
from .analysis import Analysis
from .analyze import classify, locations
from .classify import CriticalPoint
from .location import Location
from .spectra import Enclosure, MatrixAt
from .steps import Steps, StepsAt, as_ratios

__all__ = ["RuleAtPoint", "StabilityTable", "stability_table"]

NOT_FIXED = "no fixed point of this rule"
NOT_DEFINED = "the rule is not proved to be defined here: a matrix that it inverts is singular"
UNKNOWN = "whether the rule leaves the point where it is, is not known"
NOT_AT_REST = ("the rule is known numerically only, looks at the game at another point, or "
               "chooses between formulas here")
UNPROVED = "the point was found without proof"
ONE_RATE = "fixed at this learning rate, not known to be at others"
FAR = "proved for learning rates up to some millions of times the natural scale (decided_to)"

#: Tables are printed in blocks of points so that lines stay shorter than this.
_WIDTH = 110
#: So many places of a note are named.
_PLACES = 3


@dataclass(frozen=True)
class RuleAtPoint:
    """What a rule does at a critical point; one cell of a `StabilityTable`.

    ``fixed`` : whether the update leaves the point where it is, `Truth`.
    ``stable`` : whether its flow stands still there with a positive abscissa, so that it
        attracts exponentially; None for a rule without a flow.
    ``abscissa`` : the spectral abscissa of the flow's field, enclosed, or None where it is
        not known or the flow does not leave the point where it is.
    ``attracting`` : whether its update stands still there with a spectral radius below 1 at
        the given learning rate, so that it attracts geometrically.
    ``radius`` : the spectral radius of the update there, enclosed, or None.
    ``steps`` : all learning rates at which it attracts, or None where not asked for or not
        known.
    ``note`` : why something is not known.
    """

    fixed: Truth
    stable: Truth | None
    abscissa: Enclosure | None
    attracting: Truth
    radius: Enclosure | None
    steps: Steps | None
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; infinite ends are None."""
        def enclosed(value: Enclosure | None) -> dict[str, Any] | None:
            return None if value is None else {
                "value": value.value, "low": _finite(value.low), "high": _finite(value.high)}
        return {"fixed": str(self.fixed),
                "stable": None if self.stable is None else str(self.stable),
                "abscissa": enclosed(self.abscissa), "attracting": str(self.attracting),
                "radius": enclosed(self.radius), "note": self.note,
                "steps": None if self.steps is None else {
                    "ranges": [{"low": r.low, "high": _finite(r.high)} for r in self.steps],
                    "proved": str(self.steps.proved),
                    "decided_to": _finite(self.steps.decided_to)}}


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


@dataclass(frozen=True, eq=False, repr=False)
class StabilityTable:
    """Rules by points, made by `stability_table`; prints, and renders in a notebook.

    ``rules`` are the rows, ``points`` the columns, ``step_size`` the learning rate, exact, and
    ``cell(i, j)`` what rule i does at point j.  ``skipped`` names the rules that are not
    defined for the game, with the reason.
    """

    game: Game
    points: tuple[CriticalPoint, ...]
    rules: tuple[Rule, ...]
    step_size: Fraction
    cells: tuple[tuple[RuleAtPoint, ...], ...]
    skipped: tuple[str, ...] = ()

    def cell(self, rule: int | str, point: int) -> RuleAtPoint:
        """The cell of a rule, by row or by name, and a point, by column."""
        if isinstance(rule, str):
            names = [each.name for each in self.rules]
            if rule not in names:
                raise GameError(f"the rule {rule} is not in this table ({', '.join(names)})")
            rule = names.index(rule)
        return self.cells[rule][point]

    def _heads(self) -> tuple[str, str]:
        return ("the flow attracts (smallest real part of the spectrum)",
                f"the update attracts at learning rate {float(self.step_size):g} (spectral "
                f"radius; learning rates at which it attracts)")

    def _legend(self) -> list[str]:
        return [f"[{k}] ({', '.join(f'{v:.6g}' for v in p.x)}): {p.label}"
                for k, p in enumerate(self.points)]

    def _title(self) -> str:
        name = f"{self.game.name}: " if self.game.name else ""
        rules, points = len(self.rules), len(self.points)
        return (f"{name}{rules} rule{'s' * (rules != 1)} at {points} critical "
                f"point{'s' * (points != 1)}")

    def _tables(self) -> Iterator[tuple[str, list[str], list[list[str]]]]:
        """What a table shows, its header and its rows."""
        header = ["rule", *(f"[{k}]" for k in range(len(self.points)))]
        for head, text in zip(self._heads(), (_flow_text, _update_text)):
            yield head, header, [[str(rule), *map(text, row)]
                                 for rule, row in zip(self.rules, self.cells)]

    def _notes(self) -> list[str]:
        """Why something is not known, each reason once, with the places."""
        places: dict[str, list[str]] = {}
        for rule, row in zip(self.rules, self.cells):
            for k, cell in enumerate(row):
                if cell.note and cell.note != NOT_FIXED:
                    places.setdefault(cell.note, []).append(f"{rule} [{k}]")
                if cell.steps is not None and cell.steps.decided_to < np.inf:
                    places.setdefault(FAR, []).append(f"{rule} [{k}]")
        return [f"{note}: {', '.join(where[:_PLACES])}" + (
            f" and {len(where) - _PLACES} more" if len(where) > _PLACES else "")
            for note, where in places.items()] + list(self.skipped)

    def __str__(self) -> str:
        lines = [self._title(), *self._legend()]
        if self.points and self.rules:
            for head, header, rows in self._tables():
                lines += ["", head]
                for block in _blocks(header, rows):
                    lines += ["", *block] if lines[-1] != head else block
        notes = [line for text in self._notes() for line in wrap(text, _WIDTH)]
        return "\n".join([*lines, *([""] if notes else []), *notes])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        legend = [[line] for line in self._legend()]
        parts = [f"<p>{escape(self._title())}</p>"]
        if self.points and self.rules:
            parts.append(html_table(["critical points"], legend, [False]))
            for head, header, rows in self._tables():
                parts += [f"<p>{head}</p>", html_table(header, rows, [False] * len(header))]
        return "".join([*parts, *(f"<p>{escape(text)}</p>" for text in self._notes())])

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON: Truths as text, no NaN, no infinity."""
        return {"game": self.game.name, "step_size": str(self.step_size),
                "points": [{"x": [float(v) for v in p.x], "label": p.label}
                           for p in self.points],
                "rules": [{"name": rule.name, "title": str(rule),
                           "cells": [cell.to_dict() for cell in row]}
                          for rule, row in zip(self.rules, self.cells)],
                "skipped": list(self.skipped)}


def stability_table(game: Game, points: Any, rules: Iterable[Rule | str] | None = None, *,
                    step_size: Number = Fraction(1, 100), of: str | None = None,
                    ranges: bool = True) -> StabilityTable:
    """What every learning rule does at every critical point of a game.

    Guarantee: each YES and NO is proved for the exact critical point, and so are the finite
    ends of enclosures; ``steps`` say which of them are proved.  At a point that is not
    certified everything is UNDECIDED.  To attract means exponentially, as the linearisation
    does: NO at an abscissa of 0 or a radius of 1 does not exclude slower attraction.

    Parameters
    ----------
    game : a `Game`; its parameters have values.
    points : an `Analysis`, critical points, or rows of numbers as `classify` takes them.
    rules : rules or their names; by default all that are defined for the game.
    step_size : the learning rate gamma > 0 of the update; a rule's tau multiplies it for the
        followers.  A decimal is read as written.
    of : for rows of numbers, the field whose zeros they are, "simultaneous" by default.
    ranges : whether to find the ranges of learning rates.

    Raises `GameError` for a rule that is not defined for the game (those of the default are
    left out and named in ``skipped``) or a learning rate that is not positive, and what
    `classify` raises.

    >>> import sympy as sp
    >>> from gameanalysis.declaration.game import zero_sum
    >>> x, y = sp.symbols("x y", real=True)
    >>> table = stability_table(zero_sum(x*y, x, y), [(0, 0)], ["simultaneous", "extragradient"])
    >>> [str(table.cell(i, 0).attracting) for i in (0, 1)]
    ['no', 'yes']
    """
    if not isinstance(game, Game):
        raise GameError(f"expected a Game, not {game!r}")
    gamma = checked_step(step_size)
    found, where = _points(game, points, of)
    listed, skipped = _rules(game, rules)
    vanishing = _vanishing(game, found)
    rows = []
    for rule in listed:
        at_rest = _AtRest(game, rule, vanishing)
        rows.append(tuple(_cell(at_rest, point, location, gamma, ranges)
                          for point, location in zip(found, where)))
    return StabilityTable(game, found, listed, gamma, tuple(rows), skipped)


def checked_step(step_size: Number) -> Fraction:
    """A learning rate as an exact positive rational; raises `GameError` for others."""
    value = exact(step_size, "step_size")
    if not value.is_Rational or value <= 0:
        raise GameError(f"step_size must be a positive rational number, not {step_size}")
    return Fraction(int(value.p), int(value.q))


def _points(game: Game, points: Any, of: str | None
            ) -> tuple[tuple[CriticalPoint, ...], list[Location]]:
    if of not in (None, "simultaneous", "stackelberg"):
        raise GameError(f"of is 'simultaneous' or 'stackelberg', not {of!r}")
    if isinstance(points, Analysis) and points.game != game:
        raise GameError("the analysis is that of another game")
    if not np.iterable(points) and not isinstance(points, CriticalPoint):
        raise GameError(f"points are an Analysis, critical points, or rows of numbers, not "
                        f"{points!r}")
    listed = [points] if isinstance(points, CriticalPoint) else list(points)
    if not listed:
        return (), []
    if not all(isinstance(p, CriticalPoint) for p in listed):
        listed = list(classify(game, listed, of or "simultaneous"))
    kinds = {p.of for p in listed}
    if len(kinds) > 1:
        raise GameError("the points are zeros of different fields, of omega and of omega_S: "
                        "make a table for each")
    if of not in (None, *kinds):
        raise GameError(f"the points are zeros of the field of='{kinds.pop()}', not of {of!r}")
    return tuple(listed), locations(game, listed, kinds.pop())


def _rules(game: Game, rules: Iterable[Rule | str] | Rule | str | None
           ) -> tuple[tuple[Rule, ...], tuple[str, ...]]:
    given = [rules] if isinstance(rules, (str, Rule)) else rules
    trial = trial_of(game)
    listed, skipped = [], []
    for rule in every() if given is None else given:
        if not isinstance(rule, (str, Rule)):
            raise GameError(f"expected a rule such as rules.Extragradient(), not {rule!r}")
        rule = named(rule) if isinstance(rule, str) else rule
        try:
            rule.on(game).require_defined(trial)
            listed.append(rule)
        except GameError as error:
            if given is not None:
                raise
            skipped.append(f"{rule.title} is left out: {error}")
    return tuple(listed), tuple(skipped)


def _vanishing(game: Game, points: tuple[CriticalPoint, ...]) -> list[bool]:
    """Which components of omega are zero at the points."""
    n1, n = game.sizes[0], len(game.variables)
    all_zero = game.is_zero_sum or not points or points[0].of == "simultaneous"
    return [all_zero] * n1 + [True] * (n - n1)


class _AtRest:
    """A rule on a game, with its programs at points where it is at rest."""

    def __init__(self, game: Game, rule: Rule, vanishing: list[bool]) -> None:
        self.game, self.rule = game, rule
        tangent = rule.tangent()
        self.update = compile_update(tangent.on(game))
        self.has_flow = tangent.has_flow
        self.flow: Program | None = None
        self.step: Program | None = None
        self.starts = False
        self.moved: Program | None = None
        field = tangent.field(game)
        self.field = None if field is None else compile_field(field)
        try:
            self.step, self.moved = self.update.at_rest(vanishing)
            self.starts = starts_at_rest(self.step, len(game.variables))
        except GameError:
            return
        # Where there is no such program, the flow need not be smooth at the point.
        self.flow = None if self.field is None else self.field.jacobian_program

    def _is_promised(self, point: CriticalPoint) -> bool:
        """Whether the rule stands still at all such points, whatever the learning rate."""
        if self.moved is not None and all(self.moved.nodes[k] == ("const", 0)
                                          for k in self.moved.outputs):
            return True
        return self.game.is_zero_sum or self.rule.rest == point.of

    def rests(self, point: CriticalPoint, location: Location, gamma: Fraction
              ) -> tuple[Truth, Truth, Truth]:
        """Whether the point is fixed at every learning rate, at gamma, and for the flow."""
        unknown = Truth.UNDECIDED
        if not location.certified:
            return unknown, unknown, unknown
        if self._is_promised(point):
            return Truth.YES, Truth.YES, Truth.YES
        every, flow = unknown, unknown
        if self.moved is not None:
            every, flow = _vanishes(self.moved, location)
        elif self.field is not None and self.field.value_program is not None:
            flow = MatrixAt(self.field.value_program, location).is_zero()
        if every is Truth.YES or not self.update.has_program:
            return every, every, flow
        here = MatrixAt(
            self.update.displacement_program, location,
            [Fraction(0)] * self.update.n_memory + [gamma] * self.update.n).is_zero()
        return every & here, here, flow


def _vanishes(moved: Program, location: Location) -> tuple[Truth, Truth]:
    """Whether a displacement (z, gamma) is zero for all gamma, and its slope at gamma = 0."""
    for over, values in as_ratios(moved, location):
        everywhere = [over.base_sign(c) for e in values for c in e.p]
        # p/q = 0 at 0, so that the slope there is p'(0)/q(0).
        slopes = [over.base_sign(e.p[1]) for e in values if len(e.p) > 1]
        found = [Truth.NO if any(signs) else Truth.of(None if None in signs else True)
                 for signs in (everywhere, slopes)]
        if Truth.UNDECIDED not in found or over.base_sign is exact_sign:
            return found[0], found[1]
    return Truth.UNDECIDED, Truth.UNDECIDED


def _cell(rule: _AtRest, point: CriticalPoint, location: Location, gamma: Fraction,
          ranges: bool) -> RuleAtPoint:
    every, fixed, rests = rule.rests(point, location, gamma)
    stable, abscissa = _flow(rule, location, rests)
    if fixed is Truth.NO:
        return RuleAtPoint(fixed, stable, abscissa, Truth.NO, None, None, NOT_FIXED)
    if fixed is Truth.UNDECIDED or rule.step is None:
        note = (UNPROVED if not location.certified else
                UNKNOWN if fixed is Truth.UNDECIDED else NOT_AT_REST)
        return RuleAtPoint(fixed, stable, abscissa, Truth.UNDECIDED, None, None, note)
    steps = StepsAt(rule.step, location, rule.starts)
    at_step = steps.at(gamma)
    if not at_step.is_defined:
        return RuleAtPoint(Truth.UNDECIDED, stable, abscissa, Truth.UNDECIDED, None, None,
                           NOT_DEFINED)
    found = steps.ranges() if ranges and every is Truth.YES else None
    return RuleAtPoint(fixed, stable, abscissa, at_step.is_attracting_update(),
                       at_step.radius(), found, "" if every is Truth.YES else ONE_RATE)


def _flow(rule: _AtRest, location: Location, rests: Truth
          ) -> tuple[Truth | None, Enclosure | None]:
    """Whether the flow attracts, and its spectral abscissa."""
    if not rule.has_flow:
        return None, None
    if rests is not Truth.YES:
        return Truth.NO if rests is Truth.NO else Truth.UNDECIDED, None
    if rule.flow is None:
        return Truth.UNDECIDED, None
    flow = MatrixAt(rule.flow, location)
    if not flow.is_defined:
        return Truth.UNDECIDED, None
    return flow.is_attracting_flow(), flow.abscissa()


# -- text ---------------------------------------------------------------------------

def _blocks(header: list[str], rows: list[list[str]]) -> Iterator[list[str]]:
    """Tables of a few columns each, behind the first one, that are not too wide."""
    widths = [max(map(len, column)) for column in zip(header, *rows)]
    start = 1
    while start < len(header):
        end, width = start, widths[0]
        while end < len(header) and (end == start or width + 2 + widths[end] <= _WIDTH):
            width, end = width + 2 + widths[end], end + 1
        lines = [[row[0], *row[start:end]] for row in (header, *rows)]
        yield text_table(lines[0], lines[1:], [False] * len(lines[0])).split("\n")
        start = end


def _flow_text(cell: RuleAtPoint) -> str:
    if cell.stable is None:
        return "no flow"
    if cell.abscissa is None:
        return "not at rest" if cell.stable is Truth.NO else "?"
    return f"{_short(cell.stable)} {_decimal(cell.abscissa)}"


def _update_text(cell: RuleAtPoint) -> str:
    if cell.fixed is Truth.NO:
        return "not fixed"
    text = _short(cell.attracting)
    if cell.radius is not None:
        text += f" {_near_one(cell.radius)}"
    return text if cell.steps is None else f"{text} {cell.steps}"


def _decimal(value: Enclosure) -> str:
    """Three digits; 0 where the proof cannot tell it from 0."""
    return "0" if value.low <= 0 <= value.high < np.inf else f"{value.value:.3g}"


def _near_one(value: Enclosure) -> str:
    """A spectral radius, with its distance to 1 where four digits would hide it."""
    away = value.value - 1
    if value.low < 1 < value.high or abs(away) >= 5e-4 or not away:
        return "0" if value.low <= 0 < value.high < np.inf else f"{value.value:.4g}"
    return f"1{away:+.2g}"


def _short(truth: Truth) -> str:
    return "?" if truth is Truth.UNDECIDED else str(truth)
