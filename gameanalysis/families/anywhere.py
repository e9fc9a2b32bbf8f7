r"""Points that need not be critical, lines of critical points, and games of n players.

A line of critical points.  With c != 0 a direction, c_j = 1, and u_i = e_i - c_i e_j for
i != j, every function of u is constant along c.  A zero-sum f(u) with gradient 0 at u = 0
is critical on the whole line z* + s c.  In general sum so are f1 = q1(u) + p(y),
f2 = q2(u) + q(x), for p and q do not enter w: the game (x + y)^2 - 2x, (x + y)^2 - 2y is
s^2 + 2y, s^2 + 2x up to constants with s = x + y - 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ..errors import GameError
from ..verdicts.local import LocalGame
from .quadratics import (SMALL, General, Response, Setting, Sizes, boolean, general_games,
                         local_game, one_of, others, quadratic, responding, setting, size,
                         zero_sum_games_of)
from .sampling import (Draw, Number, Rows, definite, free, integers, nonzero, place, product,
                       strategy_of_sizes, sylvester, symmetric, transposed)

__all__ = ["critical_line_games", "general_sum_games", "off_curve_games", "players_games",
           "reaction_curve_games", "zero_sum_games"]


# -- any game -------------------------------------------------------------------------------

def zero_sum_games(*, degree: int = 4, leader: Sizes = SMALL, follower: Sizes = SMALL,
                   completion: str = "polynomial", at: str = "origin"
                   ) -> SearchStrategy[LocalGame]:
    """Zero-sum games (f, -f) at any point, f any polynomial up to a degree.

    degree : the highest, >= 1.  Terms of degree 3 and more are few, and are left out with
        ``completion="none"``; other completions take their place.

    Shrinks to f = 0.
    """
    return _any_games(1, degree, setting(leader, follower, completion, at))


def general_sum_games(*, degree: int = 4, leader: Sizes = SMALL, follower: Sizes = SMALL,
                      completion: str = "polynomial", at: str = "origin"
                      ) -> SearchStrategy[LocalGame]:
    """General-sum games (f1, f2) at any point; arguments as those of `zero_sum_games`.

    Shrinks to costs that are zero.
    """
    return _any_games(2, degree, setting(leader, follower, completion, at))


def _any_games(costs: int, degree: Any, shared: Setting) -> SearchStrategy[LocalGame]:
    if type(degree) is not int or degree < 1:
        raise GameError(f"degree must be an int >= 1, not {degree!r}")
    return _any(shared, costs, degree)


@st.composite
def _any(drawn: st.DrawFn, shared: Setting, costs: int, degree: int) -> LocalGame:
    draw = shared.draw(drawn)
    n = sum(sizes := shared.sizes(draw))
    added = shared.completions(draw, sizes, costs, degree)
    jets = []
    for _ in range(costs):
        slopes = integers(draw, n, -3, 3)
        jets.append(quadratic(slopes, symmetric(draw, n) if degree > 1 else []))
    return local_game(jets, added, sizes, shared.point(draw, sizes))


# -- on and off the reaction curve ------------------------------------------------------------

def reaction_curve_games(*, zero_sum: bool = False, follower_definite: bool = False,
                         leader: Sizes = SMALL, follower: Sizes = SMALL,
                         completion: str = "polynomial", at: str = "origin"
                         ) -> SearchStrategy[LocalGame]:
    """Games at a point of the reaction curve: D2 f2 = 0, det D2^2 f2 != 0.

    D1 f1, in general sum D2 f1, and the rest of the 2-jet are free, so the point is not
    critical in general.  Shrinks to -y^2/2, or to the costs 0, y^2/2.

    follower_definite : True for D2^2 f2 > 0, a strict local best response.
    """
    shared = setting(leader, follower, completion, at)
    response = definite if boolean(follower_definite, "follower_definite") else _invertible
    if boolean(zero_sum, "zero_sum"):
        return zero_sum_games_of(
            shared, lambda draw, n, m: (symmetric(draw, n), free(draw, n, m), response(draw, m)),
            linear=lambda draw, n, m: [*integers(draw, n, -3, 3), *[0] * m])

    def parts(draw: Draw, n: int, m: int, hessian: Callable[[Sequence[Number]], Rows]
              ) -> General:
        answer = Response.drawn(draw, n, m)
        own = integers(draw, n, -3, 3)
        return responding(answer, symmetric(draw, n), response(draw, m), hessian(answer.v), own)
    return general_games(shared, parts)


def off_curve_games(*, zero_sum: bool = True, leader: Sizes = SMALL, follower: Sizes = SMALL,
                    completion: str = "polynomial", at: str = "origin"
                    ) -> SearchStrategy[LocalGame]:
    """Games at a point off the reaction curve: D2 f2 != 0, det D2^2 f2 != 0.

    Shrinks to y - y^2/2, or to the costs 0, y^2/2 + y.
    """
    shared = setting(leader, follower, completion, at)
    if boolean(zero_sum, "zero_sum"):
        return zero_sum_games_of(
            shared,
            lambda draw, n, m: (symmetric(draw, n), free(draw, n, m), _invertible(draw, m)),
            linear=lambda draw, n, m: [*integers(draw, n, -3, 3), *_not_zero(draw, m)])
    return general_games(shared, lambda draw, n, m, _: General(
        a=symmetric(draw, n), b=free(draw, n, m), c=free(draw, m, n),
        d=_invertible(draw, m), leader_own=integers(draw, n, -3, 3),
        follower_own=_not_zero(draw, m), **others(draw, n, m)))


def _invertible(draw: Draw, n: int) -> Rows:
    return sylvester(draw, nonzero(draw, n))


def _not_zero(draw: Draw, n: int) -> list[Number]:
    out: list[Number] = integers(draw, n, -3, 3)
    out[place(draw, n)] = nonzero(draw, 1)[0]
    return out


# -- a line of critical points ------------------------------------------------------------------

@st.composite
def _lines(drawn: st.DrawFn, shared: Setting, zero_sum: bool) -> LocalGame:
    draw = shared.draw(drawn)
    n, m = shared.sizes(draw)
    size, costs = n + m, 1 if zero_sum else 2
    added = shared.completions(draw, (size - 1,), costs)
    pivot, along = place(draw, size), integers(draw, size - 1, -1, 1)
    # u = rows e.
    rows: Rows = [[int(i == j) for j in range(size)] for i in range(size) if i != pivot]
    for row, c in zip(rows, along):
        row[pivot] = c
    jets = []
    for _ in range(costs):
        hessian = product(product(transposed(rows), symmetric(draw, size - 1)), rows)
        jets.append(quadratic([0] * size, hessian))
    if not zero_sum:
        # What w does not contain: f1 of y alone, f2 of x alone.
        more = others(draw, n, m)
        for cost, own, at, k in ((jets[0], more["leader_other"], n, more["e"]),
                                 (jets[1], more["follower_other"], 0, more["k"])):
            for word, value in quadratic(own, k).items():
                word = tuple(at + i for i in word)
                cost[word] = cost.get(word, 0) + value
    return local_game(jets, [more.pulled(rows) for more in added], (n, m),
                      shared.point(draw, (n, m)))


def critical_line_games(*, zero_sum: bool = True, leader: Sizes = SMALL,
                        follower: Sizes = SMALL, completion: str = "polynomial",
                        at: str = "origin") -> SearchStrategy[LocalGame]:
    """Games at a point on a whole line of critical points, w = 0.

    Zero-sum: f is constant along a direction.  General sum: both costs are, up to a
    function of the other player's actions alone, as in (x + y)^2 - 2x, (x + y)^2 - 2y.
    Completions keep the symmetry.  det J = 0.  Shrinks to costs that are zero.
    """
    shared = setting(leader, follower, completion, at)
    return _lines(shared, bool(boolean(zero_sum, "zero_sum")))


# -- n players ---------------------------------------------------------------------------------

@st.composite
def _players(drawn: st.DrawFn, players: int, nash: bool, actions: SearchStrategy[int],
             shared: Setting) -> LocalGame:
    draw = shared.draw(drawn)
    sizes = [size(draw, actions, "actions") for _ in range(players)]
    n = sum(sizes)
    jets, start = [], 0
    for own in sizes:
        rows = symmetric(draw, n, 2)
        block = definite(draw, own) if nash else None
        slopes: list[Number] = integers(draw, n, -2, 2)
        for i in range(start, start + own):
            slopes[i] = 0
            if block is not None:
                rows[i][start:start + own] = block[i - start]
        jets.append(quadratic(slopes, rows))
        start += own
    added = shared.completions(draw, sizes, players)
    return local_game(jets, added, sizes, shared.point(draw, sizes))


def players_games(*, players: int = 3, kind: str = "nash", actions: Sizes = SMALL,
                  completion: str = "polynomial", at: str = "origin"
                  ) -> SearchStrategy[LocalGame]:
    """Games of n players at a critical point, D_i f_i = 0 for all i.

    players : how many, >= 2.
    kind : "nash" for D_i^2 f_i > 0, a differential Nash equilibrium; "critical" for any.
    actions : each player's number of actions.

    Shrinks to one action each and own costs x^2/2, or 0.
    """
    if type(players) is not int or players < 2:
        raise GameError(f"players must be an int >= 2, not {players!r}")
    one_of(kind, "kind", ("nash", "critical"))
    return _players(players, kind == "nash", strategy_of_sizes(actions, "actions"),
                    setting(1, 1, completion, at))
