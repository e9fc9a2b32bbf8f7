"""The errors of this library: each names the culprit and the way out.

Wrong input raises at once.  Every class is a `ValueError` or a `TypeError`,
so a caller who knows nothing of this module still catches what is expected.
"""

from __future__ import annotations


class GameError(ValueError):
    """A game, an action or a parameter was declared in a way that has no meaning."""


class UnsupportedFunction(GameError):
    """A cost contains a function this library cannot differentiate or evaluate."""


class ParseError(GameError):
    """A formula or a game file cannot be read; the message shows the place."""


class BoxError(ValueError):
    """A box (search domain) does not fit the game or is not a finite box."""


class ShapeError(ValueError):
    """An array of points does not have the shape (..., n)."""
