r"""Critical points, Nash and Stackelberg equilibria, by construction.

The constructions, in the letters of `quadratics`: a zero-sum point is a DSE where S1 > 0
and D > 0 are drawn and A = S1 - W D W^T follows.  It is no DNE once A is not positive
definite, which a factor beta of W attains, since W D W^T >= 0 is not zero.  In general sum
D^2 f1 > 0 and D > 0 are drawn and A follows likewise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ..exact.definiteness import is_positive_definite
from ..truth import Truth
from ..verdicts.local import LocalGame
from .quadratics import (SMALL, General, Response, Sizes, boolean, general_games, one_of, others,
                         responding, setting, zero_sum_blocks, zero_sum_games_of)
from .sampling import (Draw, Number, Rows, congruence, definite, diagonal, difference, free,
                       nonzero, place, product, scaled, slope, sylvester, symmetric, total)

__all__ = ["critical_games", "nash_games", "stackelberg_games"]


def critical_games(*, zero_sum: bool = True, of: str = "simultaneous", leader: Sizes = SMALL,
                   follower: Sizes = SMALL, completion: str = "polynomial",
                   at: str = "origin") -> SearchStrategy[LocalGame]:
    """Games at a critical point with any 2-jet: w = 0, or w_S = 0.

    of : "simultaneous", or "stackelberg": D2 f2 = 0, det D22 f2 != 0 and D f1 = 0, where in
        general sum D2 f1 is free.  In zero-sum games that is w = 0 with det D22 f2 != 0.

    Shrinks to costs that are zero; with "stackelberg" to D22 f2 = 1.
    """
    shared = setting(leader, follower, completion, at)
    one_of(of, "of", ("simultaneous", "stackelberg"))
    if boolean(zero_sum, "zero_sum"):
        return zero_sum_games_of(
            shared, _critical if of == "simultaneous" else _regular_critical)
    return general_games(
        shared, _general_critical if of == "simultaneous" else _general_stackelberg_critical)


def _critical(draw: Draw, n: int, m: int) -> tuple[Rows, Rows, Rows]:
    return symmetric(draw, n), free(draw, n, m), symmetric(draw, m)


def _regular_critical(draw: Draw, n: int, m: int) -> tuple[Rows, Rows, Rows]:
    return symmetric(draw, n), free(draw, n, m), sylvester(draw, nonzero(draw, m))


def _general_critical(draw: Draw, n: int, m: int, hessian: object) -> General:
    return General(a=symmetric(draw, n), b=free(draw, n, m), c=free(draw, m, n),
                   d=symmetric(draw, m), **others(draw, n, m))


def _general_stackelberg_critical(draw: Draw, n: int, m: int,
                                  hessian: Callable[[Sequence[Number]], Rows]) -> General:
    answer = Response.drawn(draw, n, m)
    return responding(answer, symmetric(draw, n), sylvester(draw, nonzero(draw, m)),
                      hessian(answer.v))


def nash_games(*, zero_sum: bool = True, leader: Sizes = SMALL, follower: Sizes = SMALL,
               completion: str = "polynomial", at: str = "origin") -> SearchStrategy[LocalGame]:
    """Games at a differential Nash equilibrium: w = 0, D1^2 f1 > 0, D2^2 f2 > 0.

    The rest of the 2-jet is free.  Shrinks to x^2/2 - y^2/2, or to the costs x^2/2, y^2/2.
    """
    shared = setting(leader, follower, completion, at)
    if boolean(zero_sum, "zero_sum"):
        return zero_sum_games_of(shared, _nash)
    return general_games(shared, _general_nash)


def _nash(draw: Draw, n: int, m: int) -> tuple[Rows, Rows, Rows]:
    return definite(draw, n), free(draw, n, m), definite(draw, m)


def _general_nash(draw: Draw, n: int, m: int, hessian: object) -> General:
    return General(a=definite(draw, n), b=free(draw, n, m), c=free(draw, m, n),
                   d=definite(draw, m), **others(draw, n, m))


def stackelberg_games(*, zero_sum: bool = True, nash: bool | None = None,
                      leader: Sizes = SMALL, follower: Sizes = SMALL,
                      completion: str = "polynomial",
                      at: str = "origin") -> SearchStrategy[LocalGame]:
    """Games at a differential Stackelberg equilibrium: D f1 = D2 f2 = 0, D^2 f1, D2^2 f2 > 0.

    In general sum D2 f1 is free and the cubic terms of f2 are accounted for.

    nash : False for points that are no differential Nash equilibrium, True for points that
        are one too, None for either.

    Shrinks to x^2/2 - y^2/2 or the costs x^2/2, y^2/2; with ``nash=False`` to xy - y^2/2,
    in general sum to the costs xy - x^2/2, y^2/2 - xy.
    """
    shared = setting(leader, follower, completion, at)
    boolean(nash, "nash", or_none=True)
    if boolean(zero_sum, "zero_sum"):
        return zero_sum_games_of(
            shared, {None: _stackelberg, False: _only_stackelberg, True: _nash}[nash])
    return general_games(shared, {None: _general_stackelberg, False: _only_general_stackelberg,
                                  True: _general_both}[nash])


def _stackelberg(draw: Draw, n: int, m: int) -> tuple[Rows, Rows, Rows]:
    return zero_sum_blocks(definite(draw, n), slope(draw, n, m), definite(draw, m))


def _only_stackelberg(draw: Draw, n: int, m: int) -> tuple[Rows, Rows, Rows]:
    """The least integer beta for which S1 - beta^2 W D W^T is not positive definite."""
    schur, w, d = definite(draw, n), _not_zero(draw, n, m), definite(draw, m)
    gain = congruence(w, d)
    beta = 1
    # Ends: W D W^T has a positive diagonal entry, for a row of W is not zero.
    while is_positive_definite(difference(schur, scaled(gain, beta * beta))) is Truth.YES:
        beta += 1
    return zero_sum_blocks(schur, scaled(w, beta), d)


def _not_zero(draw: Draw, n: int, m: int) -> Rows:
    """A matrix with one entry, at a drawn place, that is not zero; it shrinks to 1."""
    out = slope(draw, n, m)
    out[place(draw, n)][place(draw, m)] = nonzero(draw, 1)[0]
    return out


def _general_stackelberg(draw: Draw, n: int, m: int,
                         hessian: Callable[[Sequence[Number]], Rows]) -> General:
    answer = Response.drawn(draw, n, m)
    return responding(answer, definite(draw, n), definite(draw, m), hessian(answer.v))


def _only_general_stackelberg(draw: Draw, n: int, m: int,
                              hessian: Callable[[Sequence[Number]], Rows]) -> General:
    """An entry of P makes a diagonal entry of A at most zero, unless D1 f1 != 0 already."""
    answer = Response.drawn(draw, n, m)
    i, k = place(draw, n), place(draw, m)
    answer.r[k][i] = nonzero(draw, 1)[0]
    schur, d, third = definite(draw, n), definite(draw, m), hessian(answer.v)
    if not any(answer.pull(d)):
        over = schur[i][i] + third[i][i] - answer.coupling()[i][i]
        if over > 0:
            # A_ii falls by 2 P_ik R_ki.
            sign = 1 if answer.r[k][i] > 0 else -1
            answer.p[i][k] += sign * math.ceil(over / Fraction(2 * sign * answer.r[k][i]))
    return responding(answer, schur, d, third)


def _general_both(draw: Draw, n: int, m: int,
                  hessian: Callable[[Sequence[Number]], Rows]) -> General:
    """D1 f1 = -R^T D v = 0, and the least integer added to D^2 f1 for which A > 0 as well."""
    answer, bends = Response.drawn(draw, n, m), draw(st.booleans())
    d = definite(draw, m)
    g = [row[0] for row in product(d, [[c] for c in answer.v])]
    k = next((k for k, c in enumerate(g) if c), None)
    if k is not None and bends:
        # One row of R follows from R^T g = 0; in the other half v gives way.
        answer.r[k] = [-Fraction(sum(g[i] * row[j] for i, row in enumerate(answer.r) if i != k))
                       / g[k] for j in range(n)]
    else:
        answer.v = [0] * m
    third = hessian(answer.v)
    xx = [row[:n] for row in third[:n]]
    schur, rest = definite(draw, n), difference(xx, answer.coupling())
    shift = 0
    while is_positive_definite(total(schur, rest, diagonal([shift] * n))) is not Truth.YES:
        shift += 1
    return responding(answer, total(schur, diagonal([shift] * n)), d, third)
