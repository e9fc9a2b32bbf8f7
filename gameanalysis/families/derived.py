r"""Games made from other strategies' games: perturbed, or carrying values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ..declaration.game import Game, Player
from ..errors import GameError
from ..truth import Truth
from ..verdicts.local import LocalGame
from .completions import completion
from .quadratics import quadratic
from .sampling import Draw, integers, symmetric

__all__ = ["perturbed_games", "with_values"]


@st.composite
def _perturbed(drawn: st.DrawFn, games: SearchStrategy[LocalGame]) -> LocalGame:
    draw = Draw(drawn)
    local: LocalGame = draw(games)
    if local.zero_sum is not Truth.YES:
        raise GameError("games must draw zero-sum games: the perturbed costs are f + t zeta "
                        "and its negative")
    n = local.n
    zeta = quadratic(integers(draw, n, -3, 3), symmetric(draw, n))
    zeta |= completion(draw, "polynomial", range(n), n, 3).terms
    e = [z - p for z, p in zip(local.game.variables, local.point)]
    t = sp.Symbol("t", real=True)
    added = sp.Add(*(sp.Rational(c.numerator, c.denominator) * sp.Mul(*(e[i] for i in word))
                     for word, c in zeta.items()))
    leader, follower = local.game.players
    f = leader.cost + t * added
    game = Game(Player(f, leader.actions), Player(-f, follower.actions), parameters={t: 0})
    return LocalGame(game, local.point, local.values)


def perturbed_games(games: SearchStrategy[LocalGame]) -> SearchStrategy[LocalGame]:
    """Zero-sum games (f + t zeta, -f - t zeta) with a parameter t = 0 (Theorem 2).

    zeta is a polynomial of degree at most 3 in e = z - z*, linear terms included.

    games : a strategy of zero-sum games, such as ``stackelberg_games()``.

    Shrinks to zeta = 0 and to what the games shrink to.
    """
    return _perturbed(_games(games))


def with_values(games: SearchStrategy[LocalGame], **values: SearchStrategy[Any]
                ) -> SearchStrategy[LocalGame]:
    """The same games carrying drawn numbers: ``local.values["tau"]``.

    games : a strategy of games.  values : a strategy of rational numbers for each name.

    >>> from gameanalysis.families.critical_points import nash_games
    >>> from gameanalysis.families.sampling import ratios
    >>> games = with_values(nash_games(), tau=ratios())
    """
    for name, strategy in values.items():
        if not isinstance(strategy, SearchStrategy):
            raise GameError(f"{name} must be a strategy of rational numbers such as ratios(), "
                            f"not {strategy!r}; for one number pass st.just(number)")
    return st.builds(_carrying, _games(games), st.fixed_dictionaries(values))


def _carrying(local: LocalGame, values: Mapping[str, Any]) -> LocalGame:
    return local.with_values(**values)


def _games(games: Any) -> SearchStrategy[LocalGame]:
    if not isinstance(games, SearchStrategy):
        raise GameError(f"games must be a strategy such as nash_games(), not {games!r}")
    return games
