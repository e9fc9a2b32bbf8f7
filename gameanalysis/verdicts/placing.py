"""Where a game is looked at: rows of numbers and critical points become locations.

A row is a point as it is, where the costs may be anything, and not even defined.  A
`CriticalPoint` stands for the exact zero of a field, which is proved once more.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from ..declaration.costs import exact
from ..declaration.game import Game
from ..errors import BoxError, GameError
from ..truth import Truth
from .analyze import locations
from .classify import CriticalPoint
from .location import ExactLocation, FloatLocation, Location, RationalLocation
from .problem import Problem, is_defined

__all__ = ["costs_are_defined", "located", "rational"]


def rational(value: Any, what: str) -> Fraction:
    """A rational number, taken as it is written; `GameError` for others."""
    number = exact(value.item() if isinstance(value, np.generic) else value, what)
    if not number.is_Rational:
        raise GameError(f"{what} must be a rational number, not {number}")
    return Fraction(int(number.p), int(number.q))


def located(game: Game, point: Any) -> tuple[Location, str | None]:
    """Where a point is, and the field of which it is proved to be a zero, if any.

    point : a row of numbers, taken as they are written, or a `CriticalPoint`.

    Raises `BoxError` for a row of another length, `GameError` for what is no number.
    """
    if isinstance(point, CriticalPoint):
        return _critical_location(game, point)
    values = [exact(v.item() if isinstance(v, np.generic) else v, "a coordinate") for v in point]
    if len(values) != len(game.variables):
        raise BoxError(f"a point needs {len(game.variables)} coordinates, one for each of "
                       f"{', '.join(map(str, game.variables))}, not {len(values)}")
    if all(v.is_Rational for v in values):
        return RationalLocation([Fraction(int(v.p), int(v.q)) for v in values]), None
    return ExactLocation(values), None


def _critical_location(game: Game, point: CriticalPoint) -> tuple[Location, str | None]:
    """The exact critical point that one of an analysis stands for, proved once more."""
    if point.exact is not None and all(v.is_Rational for v in point.exact):
        given, _ = located(game, point.exact)
        assert isinstance(given, RationalLocation)
        if given.jet(game) is not None:
            return given, None                      # everything is decided there
        try:
            found, = locations(game, [point.exact], of=point.of)
        except GameError:
            return given, None
        same = isinstance(found, RationalLocation) and found.values == given.values
        return given, point.of if same else None
    found, = locations(game, [point], of=point.of)
    # Newton's method, which looks for it again, might have gone to a zero nearby.
    strayed = np.abs(found.x - point.x).max() > 2 * (point.radius + found.radius)
    if strayed or not found.certified:
        return FloatLocation(point.x), None
    return found, point.of


def costs_are_defined(game: Game, location: Location) -> bool:
    """Whether the costs are proved to be smooth at a point: 1/x**2 is, log(x) is not, at -1."""
    parts = Problem(game, "simultaneous").partial
    return parts is None or is_defined(parts, location) is Truth.YES
