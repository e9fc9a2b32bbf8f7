r"""Stability tables: to which critical points each learning rule is attracted.

For a rule on a game and a critical point z* that it leaves where it is,

    flow      z' = -g(z)         attracts if the spectral abscissa of Dg(z*) is positive,
    update    (z, m) <- (F, h)   attracts if the spectral radius of M = D(F, h) is below 1,

and a rule may attract with learning rates for which another does not: ``steps`` are the
ranges of learning rates at which it does.  A point that a rule moves away from at once is no
fixed point of it.  `fixed_points` finds all fixed points of an update, those among them that
are no critical points of the game too.

Reference: J. M. Ortega, W. C. Rheinboldt, Iterative Solution of Nonlinear Equations in Several
Variables, Academic Press 1970, 10.1.3 (Ostrowski).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from ..declaration.game import Game, Number, exact
from ..errors import GameError
from ..learning.updates import Rule
from ..programs.compiled import compile_field
from ..programs.moves import compile_update
from ..programs.program import Program
from ..rules import every, named
from ..tables import html_table, text_table
from ..truth import Truth
from .analysis import Analysis
from .analyze import classify, locations
from .classify import CriticalPoint
from .location import Location
from .spectra import Enclosure, MatrixAt
from .steps import StepRange, StepsAt

__all__ = ["RuleAtPoint", "StabilityTable", "stability_table"]

NOT_FIXED = "no fixed point of this rule"
NOT_DEFINED = "the rule is not proved to be defined here: a matrix that it inverts is singular"
NUMERICAL = "the rule is known numerically only, or not at rest where omega_S = 0"
UNPROVED = "the point was found without proof"


@dataclass(frozen=True)
class RuleAtPoint:
    """What a rule does at a critical point; one cell of a `StabilityTable`.

    ``fixed`` : whether the rule leaves the point where it is, `Truth`.
    ``stable`` : whether its flow attracts, None for a rule without a flow.
    ``abscissa`` : the spectral abscissa of the flow's field, enclosed, or None.
    ``attracting`` : whether its update attracts at the given learning rate.
    ``radius`` : the spectral radius of the update there, enclosed, or None.
    ``steps`` : the ranges of learning rates at which it attracts, or None where not asked
        for or not known.
    ``note`` : why something is not known.
    """

    fixed: Truth
    stable: Truth | None
    abscissa: Enclosure | None
    attracting: Truth
    radius: Enclosure | None
    steps: tuple[StepRange, ...] | None
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
                "steps": None if self.steps is None else [
                    {"low": r.low, "high": _finite(r.high), "proved": str(r.proved)}
                    for r in self.steps]}


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

    def _columns(self) -> list[str]:
        return [f"[{k}]" for k in range(len(self.points))]

    def _rows(self, kind: str) -> list[list[str]]:
        text = {"flow": _flow_text, "update": _update_text}[kind]
        return [[str(rule), *(text(cell) for cell in row)]
                for rule, row in zip(self.rules, self.cells)]

    def _heads(self) -> tuple[str, str]:
        return ("the flow attracts (smallest real part of the spectrum)",
                f"the update attracts at learning rate {float(self.step_size):g} (spectral "
                f"radius; range of learning rates at which it attracts)")

    def _legend(self) -> list[str]:
        return [f"[{k}] ({', '.join(f'{v:.6g}' for v in p.x)}): {p.label}"
                for k, p in enumerate(self.points)]

    def __str__(self) -> str:
        title = f"{self.game.name}: " if self.game.name else ""
        lines = [f"{title}{len(self.rules)} rules at {len(self.points)} critical points",
                 *self._legend()]
        flush = [False] * (len(self.points) + 1)
        for kind, head in zip(("flow", "update"), self._heads()):
            lines += ["", head, text_table(["rule", *self._columns()], self._rows(kind), flush)]
        return "\n".join([*lines, *([""] if self.skipped else []), *self.skipped])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        title = f"{self.game.name}: " if self.game.name else ""
        parts = [f"<p>{title}{len(self.rules)} rules at {len(self.points)} critical points</p>",
                 html_table(["critical points"], [[line] for line in self._legend()], [False])]
        flush = [False] * (len(self.points) + 1)
        for kind, head in zip(("flow", "update"), self._heads()):
            parts += [f"<p>{head}</p>",
                      html_table(["rule", *self._columns()], self._rows(kind), flush)]
        return "".join([*parts, *(f"<p>{text}</p>" for text in self.skipped)])

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
    certified everything is UNDECIDED.

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
    if isinstance(points, Analysis):
        if points.game != game:
            raise GameError("the analysis is that of another game")
        of = points.of
    listed = list(points)
    if not listed:
        return (), []
    if not all(isinstance(p, CriticalPoint) for p in listed):
        listed = list(classify(game, listed, of or "simultaneous"))
    kinds = {p.of for p in listed}
    if len(kinds) > 1:
        raise GameError("the points are zeros of different fields, of omega and of omega_S: "
                        "make a table for each")
    return tuple(listed), locations(game, listed, kinds.pop())


def _rules(game: Game, rules: Iterable[Rule | str] | Rule | str | None
           ) -> tuple[tuple[Rule, ...], tuple[str, ...]]:
    given = [rules] if isinstance(rules, (str, Rule)) else rules
    listed, skipped = [], []
    for rule in every() if given is None else given:
        if not isinstance(rule, (str, Rule)):
            raise GameError(f"expected a rule such as rules.Extragradient(), not {rule!r}")
        rule = named(rule) if isinstance(rule, str) else rule
        try:
            compile_update(rule.on(game))
            listed.append(rule)
        except GameError as error:
            if rules is not None:
                raise
            skipped.append(f"{rule.title} is left out: {error}")
    return tuple(listed), tuple(skipped)


def _vanishing(game: Game, points: tuple[CriticalPoint, ...]) -> list[bool]:
    """Which components of omega are zero at the points."""
    n1, n = game.sizes[0], len(game.variables)
    all_zero = game.is_zero_sum or not points or points[0].of == "simultaneous"
    return [all_zero] * n1 + [True] * (n - n1)


class _AtRest:
    """A rule on a game, with the programs of its Jacobians at points where it is at rest."""

    def __init__(self, game: Game, rule: Rule, vanishing: list[bool]) -> None:
        self.game, self.rule, self.zero_sum = game, rule, game.is_zero_sum
        tangent = rule.tangent()
        self.update = compile_update(tangent.on(game))
        self.has_flow = tangent.has_flow
        self.flow: Program | None = None
        self.step: Program | None = None
        try:
            self.step = self.update.rest_jacobian(vanishing)
            field = tangent.field(game)
            self.flow = None if field is None else compile_field(field).jacobian_program
        except GameError:
            # It moves away from such points, or is known only numerically.
            pass

    def is_fixed(self, point: CriticalPoint, location: Location, gamma: Fraction) -> Truth:
        """Whether the rule leaves the point: by what it promises, or by its formula."""
        if not location.certified:
            return Truth.UNDECIDED
        if self.zero_sum or self.rule.rest == point.of:
            return Truth.YES
        try:
            moved = MatrixAt(self.update.displacement_program, location,
                             [Fraction(0)] * self.update.n_memory + [gamma] * self.update.n)
        except GameError:
            return Truth.UNDECIDED
        for evidence in moved.levels():
            signs = [evidence.sign(v) for v in evidence.values]
            if any(signs):
                return Truth.NO
            if None not in signs:
                return Truth.YES
        return Truth.UNDECIDED


def _cell(rule: _AtRest, point: CriticalPoint, location: Location, gamma: Fraction,
          ranges: bool) -> RuleAtPoint:
    stable = Truth.UNDECIDED if rule.has_flow else None
    fixed = rule.is_fixed(point, location, gamma)
    if fixed is Truth.NO:
        return RuleAtPoint(fixed, Truth.NO if rule.has_flow else None, None, Truth.NO, None, (),
                           NOT_FIXED)
    if fixed is Truth.UNDECIDED or rule.step is None:
        note = UNPROVED if not location.certified else NUMERICAL if rule.step is None else ""
        return RuleAtPoint(fixed, stable, None, Truth.UNDECIDED, None, None, note)
    steps = StepsAt(rule.step, location, rule.has_flow)
    at_step = steps.at(gamma)
    if not at_step.is_defined:
        return RuleAtPoint(fixed, stable, None, Truth.UNDECIDED, None, None, NOT_DEFINED)
    abscissa = None
    if rule.flow is not None:
        flow = MatrixAt(rule.flow, location)
        stable, abscissa = flow.is_attracting_flow(), flow.abscissa()
    return RuleAtPoint(fixed, stable, abscissa, at_step.is_attracting_update(),
                       at_step.radius(), steps.ranges() if ranges else None)


def _flow_text(cell: RuleAtPoint) -> str:
    if cell.stable is None:
        return "no flow"
    if cell.fixed is Truth.NO:
        return "not fixed"
    value = "" if cell.abscissa is None else f" {cell.abscissa.value:.3g}"
    return f"{_short(cell.stable)}{value}"


def _update_text(cell: RuleAtPoint) -> str:
    if cell.fixed is Truth.NO:
        return "not fixed"
    value = "" if cell.radius is None else f" {cell.radius.value:.4g}"
    text = f"{_short(cell.attracting)}{value}"
    if cell.steps is None:
        return text
    return f"{text} {' '.join(map(_range_text, cell.steps)) or 'never'}"


def _range_text(found: StepRange) -> str:
    doubt = "" if found.proved is Truth.YES else "?"
    if found.high == np.inf:
        return f"{'always' if found.low == 0 else f'> {found.low:.3g}'}{doubt}"
    return (f"< {found.high:.3g}{doubt}" if found.low == 0
            else f"{found.low:.3g}..{found.high:.3g}{doubt}")


def _short(truth: Truth) -> str:
    return "?" if truth is Truth.UNDECIDED else str(truth)
