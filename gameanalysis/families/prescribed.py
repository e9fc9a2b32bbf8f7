r"""Prescribed inertia and spectra, and the hypotheses of particular propositions.

All zero-sum games here are A = S1 - W D W^T, B = W D (`quadratics`) or set A itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ..errors import GameError
from ..verdicts.local import LocalGame
from .quadratics import (SMALL, General, Response, Setting, Sizes, as_fraction, boolean,
                         general_games, others, quadratic_game, responding, setting,
                         zero_sum_blocks, zero_sum_games_of)
from .sampling import (Draw, Number, Rows, congruence, conjugated, definite, diagonal, free,
                       inertias, integers, nonzero, place, positive, product, rotation, slope,
                       sylvester, symmetric, transposed, unit_lower)

__all__ = ["degenerate_follower_games", "inertia_games", "jointly_diagonal_games",
           "realizable_games", "spectrum_games"]


def inertia_games(*, schur: Sequence[int], response: Sequence[int], zero_sum: bool = True,
                  completion: str = "polynomial", at: str = "origin"
                  ) -> SearchStrategy[LocalGame]:
    """Games with w_S = 0 and prescribed inertia of D^2 f1 and of D2^2 f2.

    schur : (n_positive, n_negative, n_zero) of D^2 f1, which is S1(J) in zero-sum games;
        the sum is the leader's number of actions.
    response : the same of D2^2 f2, with n_zero = 0.

    Shrinks to diagonal matrices with entries 1, -1 and 0 and no coupling.

    >>> from hypothesis import find
    >>> find(inertia_games(schur=(0, 1, 0), response=(1, 0, 0)), lambda _: True).game.costs
    (-x**2/2 - y**2/2, x**2/2 + y**2/2)
    """
    p, q, z = _counts(schur, "schur")
    follower = _counts(response, "response")
    if follower[2]:
        raise GameError("response must have no zero eigenvalue, for D^2 f1 needs det D22 f2 != 0: "
                        "see degenerate_follower_games for the others")
    shared = setting(p + q + z, sum(follower), completion, at)

    def matrices(draw: Draw) -> tuple[Rows, Rows]:
        return inertias(draw, p, q, z), inertias(draw, *follower)
    return _with_matrices(shared, matrices, boolean(zero_sum, "zero_sum"))


def _counts(value: Any, name: str) -> tuple[int, int, int]:
    try:
        counts = tuple(value)
    except TypeError:
        counts = ()
    if (len(counts) != 3 or any(type(c) is not int or c < 0 for c in counts)
            or not sum(counts)):
        raise GameError(f"{name} must be (n_positive, n_negative, n_zero), three ints >= 0 that "
                        f"are not all 0, not {value!r}")
    return counts


def _with_matrices(shared: Setting, matrices: Callable[[Draw], tuple[Rows, Rows]],
                   zero_sum: bool | None) -> SearchStrategy[LocalGame]:
    """Games with drawn D^2 f1 and D2^2 f2."""
    if zero_sum:
        def blocks(draw: Draw, n: int, m: int) -> tuple[Rows, Rows, Rows]:
            s, d = matrices(draw)
            return zero_sum_blocks(s, slope(draw, n, m), d)
        return zero_sum_games_of(shared, blocks)

    def parts(draw: Draw, n: int, m: int, hessian: Callable[[Sequence[Number]], Rows]
              ) -> General:
        answer = Response.drawn(draw, n, m)
        s, d = matrices(draw)
        return responding(answer, s, d, hessian(answer.v))
    return general_games(shared, parts)


def spectrum_games(*, schur: Sequence[Any], response: Sequence[Any],
                   completion: str = "polynomial", at: str = "origin"
                   ) -> SearchStrategy[LocalGame]:
    """Zero-sum games at a critical point with prescribed spectra of S1(J) and of D.

    By Proposition 2 their union is the spectrum of J_S.

    schur, response : the eigenvalues of S1(J) and of D = -D2^2 f, rational numbers with
        multiplicities; their numbers are the sizes.  D must be invertible.

    Shrinks to S1 and D diagonal and no coupling.
    """
    spectra = [_eigenvalues(schur, "schur"), _eigenvalues(response, "response")]
    if not all(spectra[1]):
        raise GameError("response must not contain 0, for S1 needs an invertible D22 f2: see "
                        "degenerate_follower_games for the others")
    shared = setting(len(spectra[0]), len(spectra[1]), completion, at)
    return _with_matrices(
        shared, lambda draw: (conjugated(draw, spectra[0]), conjugated(draw, spectra[1])), True)


def _eigenvalues(values: Any, name: str) -> list[Number]:
    if isinstance(values, (str, bytes)) or not isinstance(values, Sequence) or not values:
        raise GameError(f"{name} must be a list of at least one eigenvalue, not {values!r}")
    return [as_fraction(value, name) for value in values]


def degenerate_follower_games(*, zero_sum: bool = True, leader: Sizes = SMALL,
                              follower: Sizes = SMALL, completion: str = "polynomial",
                              at: str = "origin") -> SearchStrategy[LocalGame]:
    """Games at a critical point, w = 0, with det D2^2 f2 = 0.

    Its other eigenvalues and the rest of the 2-jet are free.  Shrinks to costs that are
    zero.
    """
    shared = setting(leader, follower, completion, at)
    if boolean(zero_sum, "zero_sum"):
        return zero_sum_games_of(
            shared, lambda draw, n, m: (symmetric(draw, n), free(draw, n, m), _singular(draw, m)))
    return general_games(shared, lambda draw, n, m, _: General(
        a=symmetric(draw, n), b=free(draw, n, m), c=free(draw, m, n), d=_singular(draw, m),
        **others(draw, n, m)))


def _singular(draw: Draw, m: int) -> Rows:
    values = integers(draw, m, -2, 2)
    values[place(draw, m)] = 0
    return sylvester(draw, values)


def realizable_games(*, full_rank: bool = True, leader: Sizes = SMALL, follower: Sizes = SMALL,
                     completion: str = "polynomial", at: str = "origin"
                     ) -> SearchStrategy[LocalGame]:
    """Zero-sum games at a critical point with D1^2 f = 0 and -D2^2 f > 0 (Proposition 4).

    full_rank : whether B = D12 f has full row rank, so that S1 = B D^-1 B^T > 0.  The
        leader then has at most as many actions as the follower: a drawn number that is
        larger is cut down to the follower's.

    Shrinks to xy - y^2/2; without full rank to -y^2/2.
    """
    shared = setting(leader, follower, completion, at)
    if not boolean(full_rank, "full_rank"):
        return zero_sum_games_of(shared, lambda draw, n, m: (
            _zeros(n), free(draw, n, m), definite(draw, m)))
    if isinstance(leader, int) and isinstance(follower, int) and leader > follower:
        raise GameError(f"leader must be at most follower = {follower} for B to have full row "
                        f"rank, not {leader}: pass full_rank=False or other sizes")
    return zero_sum_games_of(shared, _full_rank, fitted=True)


def _zeros(n: int) -> Rows:
    return [[0] * n for _ in range(n)]


def _full_rank(draw: Draw, n: int, m: int) -> tuple[Rows, Rows, Rows]:
    """B = L [diag(c) | M] U with c != 0 and L, U unimodular."""
    c, more = nonzero(draw, n), free(draw, n, m - n)
    rows = [[*row, *other] for row, other in zip(diagonal(c), more)]
    b = product(product(unit_lower(draw, n), rows), transposed(unit_lower(draw, m)))
    return _zeros(n), b, definite(draw, m)


@st.composite
def _jointly_diagonal(drawn: st.DrawFn, shared: Setting) -> LocalGame:
    draw = shared.draw(drawn)
    n, m = shared.sizes(draw)
    added = shared.completions(draw, (n, m), 1)
    mu, sigma = integers(draw, n, -3, 3), integers(draw, min(n, m), -3, 3)
    delta = positive(draw, m)
    w1, w2 = rotation(draw, n), rotation(draw, m)
    padded: Rows = [diagonal(sigma, m)[i] if i < m else [0] * m for i in range(n)]
    b = product(product(w1, padded), transposed(w2))
    blocks = congruence(w1, diagonal(mu)), b, congruence(w2, diagonal(delta))
    local = quadratic_game(blocks, added, shared.point(draw, (n, m)))
    values: dict[str, Number] = {f"mu{i}": c for i, c in enumerate(mu, 1)}
    values |= {f"sigma{i}": c for i, c in enumerate(sigma, 1)}
    values |= {f"lambda{i}": 1 / Fraction(c) for i, c in enumerate(delta, 1)}
    return local.with_values(**values)


def jointly_diagonal_games(*, leader: Sizes = SMALL, follower: Sizes = SMALL,
                           completion: str = "polynomial", at: str = "origin"
                           ) -> SearchStrategy[LocalGame]:
    """Zero-sum games of Proposition E.2: A, B and D^-1 diagonal in common bases.

    w = 0, A = W1 M W1^T, D^-1 = W2 Lambda W2^T, B = W1 Sigma W2^T with W1, W2 rational and
    orthogonal, M = diag(mu) of any signs, Sigma = diag(sigma) of the shape of B and
    Lambda = diag(lambda) > 0.  Such a point is a DSE if and only if
    mu_i + sigma_i^2 lambda_i > 0 for all i, with sigma_i = 0 where there is none.

    The numbers come with the game: ``values`` has mu1, mu2, ..., sigma1, ..., lambda1, ...

    Shrinks to -y^2/2.
    """
    return _jointly_diagonal(setting(leader, follower, completion, at))
