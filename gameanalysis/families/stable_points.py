r"""Points that are stable, and saddles, without presupposing an equilibrium.

Stable: J = [[A + s I, B], [C, D]] with the least s of a grid at which all eigenvalues of J
are in the open right half-plane, found by bisection between an s that is stable and one
that is not, decided exactly.  So points lie close to the boundary of stability.

A stable s exists.  With D > 0: for s large, eigenvalues tend to those of D and to infinity.
With D = L diag(d) L^T not definite, and q negative d: the zero-sum J is K + diag(A + s I, D)
with the skew K = [[0, B], [-B^T, 0]], B = beta W.  The rows of W contain the q columns of L
that belong to the negative d, so that D > 0 on ker W.  As beta grows, the eigenvalues of J
have real parts that tend to eigenvalues of diag(A + s I, D) compressed to the eigenspaces of
K: A + s I and D on the two kernels, both positive, and on the others
(U^T (A + s I) U + V^T D V)/2 with orthonormal U, V, positive for s > -lmin(A) - lmin(D).
In general sum C = -kappa B^T with kappa > 0, which is similar to the same.  This needs
q <= n, the leader's number of actions.

Saddles of the Stackelberg gradient: with R = Dr, T = D_y of w_S,1, J_S is similar to

    [[S, T], [-R S, D - R T]],    S = D^2 f1,

and T = 0, as in zero-sum games, gives spec S and spec D.  In general sum a drawn T is
halved until the eigenvalues lie on both sides and none on the axis: so it is at T = 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ..exact.definiteness import is_stable, spectrum_inertia
from ..truth import Truth
from ..verdicts.local import LocalGame
from .quadratics import (SMALL, General, Response, Sizes, boolean, general_games, others,
                         responding, setting, zero_sum_blocks, zero_sum_games_of)
from .sampling import (Draw, Number, Rows, congruence, definite, diagonal, difference, free,
                       integers, place, positive, product, scaled, slope, sylvester, symmetric,
                       total, transposed, unit_lower)

__all__ = ["saddle_games", "stable_games", "stable_neither_games"]

#: The steps of the grid of s.
_STEPS: tuple[Number, ...] = (1, Fraction(1, 2), Fraction(1, 4), Fraction(1, 8))


def stable_games(*, zero_sum: bool = True, follower_definite: bool | None = None,
                 leader: Sizes = SMALL, follower: Sizes = SMALL, completion: str = "polynomial",
                 at: str = "origin") -> SearchStrategy[LocalGame]:
    """Games at a critical point that is stable under x' = -w, near the boundary of stability.

    follower_definite : True for D2^2 f2 > 0; False for D2^2 f2 with a negative and no zero
        eigenvalue; None for either.

    Shrinks to x^2/2 - y^2/2 or the costs x^2/2, y^2/2; with ``follower_definite=False`` to
    x^2 + 2xy + y^2/2 or the costs x^2 + 2xy, -2xy - y^2/2.
    """
    shared = setting(leader, follower, completion, at)
    boolean(follower_definite, "follower_definite", or_none=True)
    if boolean(zero_sum, "zero_sum"):
        def blocks(draw: Draw, n: int, m: int) -> tuple[Rows, Rows, Rows]:
            a, b, _, d = _stable(draw, n, m, follower_definite, True)
            return a, b, d
        return zero_sum_games_of(shared, blocks)

    def parts(draw: Draw, n: int, m: int, hessian: object) -> General:
        a, b, c, d = _stable(draw, n, m, follower_definite, False)
        return General(a=a, b=b, c=c, d=d, **others(draw, n, m))
    return general_games(shared, parts)


def stable_neither_games(*, zero_sum: bool = True, leader: Sizes = SMALL,
                         follower: Sizes = SMALL, completion: str = "polynomial",
                         at: str = "origin") -> SearchStrategy[LocalGame]:
    """Games at a point stable under x' = -w that is neither a DNE nor a DSE.

    `stable_games` with ``follower_definite=False``: the follower is not at a minimum.  In
    zero-sum games there are no others with det D2^2 f2 != 0, for a stable point with
    D2^2 f2 > 0 is a DSE.  Shrinks to x^2 + 2xy + y^2/2 or the costs x^2 + 2xy,
    -2xy - y^2/2.
    """
    return stable_games(zero_sum=zero_sum, follower_definite=False, leader=leader,
                        follower=follower, completion=completion, at=at)


def _stable(draw: Draw, n: int, m: int, is_definite: bool | None, zero_sum: bool
            ) -> tuple[Rows, Rows, Rows, Rows]:
    """A, B, C, D of a stable J."""
    a = symmetric(draw, n)
    if is_definite is None:
        is_definite = not draw(st.booleans())
    if is_definite:
        d, b = definite(draw, m), free(draw, n, m)
        c = scaled(transposed(b), -1) if zero_sum else free(draw, m, n)
    else:
        d, b = _coupled(draw, n, m)
        kappa = 1 if zero_sum else positive(draw, 1)[0]
        c = scaled(transposed(b), -kappa)
    step = _STEPS[place(draw, len(_STEPS))]

    def stable(k: int, beta: int = 1) -> bool:
        upper = total(a, diagonal([k * step] * n))
        rows = [[*p, *(beta * e for e in q)] for p, q in zip(upper, b)]
        rows += [[*(beta * e for e in p), *q] for p, q in zip(c, d)]
        return is_stable(rows) is Truth.YES

    # Not stable at low: the trace of J is not positive.
    low = math.floor(-Fraction(sum(a[i][i] for i in range(n)) + sum(d[i][i] for i in range(m)))
                     / n / step)
    high = math.ceil((_radius(a) + _radius(d)) / step) + 1
    beta = 1
    while not stable(high, beta):
        if is_definite:
            high *= 2
        else:
            beta *= 2
    while high - low > 1:
        middle = (low + high) // 2
        if stable(middle, beta):
            high = middle
        else:
            low = middle
    return (total(a, diagonal([high * step] * n)), scaled(b, beta),
            scaled(c, beta), d)


def _radius(matrix: Rows) -> Number:
    """A bound of the eigenvalues' moduli (Gershgorin)."""
    return max(sum(max(c, -c) for c in row) for row in matrix)


def _coupled(draw: Draw, n: int, m: int) -> tuple[Rows, Rows]:
    """D with q >= 1 negative eigenvalues, q <= n, and W with D > 0 on ker W."""
    q = 1 + place(draw, min(n, m))
    sizes = positive(draw, m)
    first = place(draw, m)
    negative = sorted((first + i) % m for i in range(q))
    lower = unit_lower(draw, m)
    d = congruence(lower, diagonal([-c if i in negative else c for i, c in enumerate(sizes)]))
    columns = transposed(lower)
    w = [columns[i] for i in negative] + free(draw, n - q, m)
    return d, product(unit_lower(draw, n), w)


# -- saddles --------------------------------------------------------------------------------

def saddle_games(*, zero_sum: bool = True, leader: Sizes = SMALL, follower: Sizes = SMALL,
                 completion: str = "polynomial", at: str = "origin"
                 ) -> SearchStrategy[LocalGame]:
    """Games at a strict saddle of the Stackelberg gradient.

    w_S = 0, det D2^2 f2 != 0, and J_S has eigenvalues in both open half-planes and none on
    the imaginary axis.  Shrinks to -x^2/2 - y^2/2, or to the costs -x^2/2, y^2/2.
    """
    shared = setting(leader, follower, completion, at)
    if boolean(zero_sum, "zero_sum"):
        return zero_sum_games_of(shared, _saddle)
    return general_games(shared, _general_saddle)


def _both_signs(draw: Draw, n: int, m: int) -> tuple[Rows, Rows]:
    """S, n x n, and D, m x m, which together have positive and negative eigenvalues only."""
    values = [-c if k else c for size in (n, m)
              for k, c in zip(integers(draw, size, 0, 1), positive(draw, size))]
    pivot = place(draw, n + m)
    if (values[pivot] > 0) == (values[pivot - 1] > 0):
        values[pivot] *= -1
    return sylvester(draw, values[:n]), sylvester(draw, values[n:])


def _saddle(draw: Draw, n: int, m: int) -> tuple[Rows, Rows, Rows]:
    schur, d = _both_signs(draw, n, m)
    return zero_sum_blocks(schur, slope(draw, n, m), d)


def _general_saddle(draw: Draw, n: int, m: int,
                    hessian: Callable[[Sequence[Number]], Rows]) -> General:
    answer = Response.drawn(draw, n, m)
    schur, d = _both_signs(draw, n, m)
    t = answer.p
    while True:
        lower = scaled(product(answer.r, schur), -1)
        corner = difference(d, product(answer.r, t))
        found = spectrum_inertia([[*p, *q] for p, q in zip([*schur, *lower], [*t, *corner])])
        if found is not None and found[0] and found[1] and not found[2]:
            break
        t = scaled(t, Fraction(1, 2))
    # T = P + R^T Q.
    answer.p = difference(t, product(transposed(answer.r), answer.q))
    return responding(answer, schur, d, hessian(answer.v))
