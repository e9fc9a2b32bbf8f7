r"""2-jets of two-player games, and the strategies made from them.

At the point, in e = (x, y), a zero-sum game (f, -f) has

    f = l . e + 1/2 e^T [[A, B], [B^T, -D]] e,    S1 = A + B D^-1 B^T

and with the follower's response drawn first, x -> W^T x, B = W D and S1 = A + W D W^T: a
prescribed S1 costs no inverse, and integers stay integers.  A general-sum game has

    f1 = l . x + g . y + 1/2 x^T A x + x^T B y + 1/2 y^T E y
    f2 = k . x + j . y + 1/2 y^T D y + y^T C x + 1/2 x^T K x.

On the reaction curve, j = 0 and det D != 0, draw R = Dr and v, let C = -D R and g = D v.
With h = v . D2 f2 (v constant), which only the cubic part of f2 enters, and the blocks
P = B - h_xy, Q = E - h_yy,

    D f1   = l + R^T g
    D^2 f1 = A - h_xx + P R + R^T P^T + R^T Q R.

Both are linear in l and A: they are prescribed and solved for, with no division.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Union

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ..errors import GameError
from ..exact.jets import Polynomial
from ..verdicts.local import LocalGame
from .completions import KINDS, Completion, completion
from .sampling import (Draw, Number, Rows, congruence, difference, free, half, integers, product,
                       scaled, slope, strategy_of_sizes, symmetric, total, transposed)

__all__ = ["General", "Setting", "Sizes", "SMALL", "boolean", "general_games", "local_game",
           "quadratic", "responding", "setting", "zero_sum_blocks", "zero_sum_games_of"]

#: A number of actions, or a strategy of such numbers.
Sizes = Union[int, SearchStrategy[int]]
SMALL: SearchStrategy[int] = st.integers(1, 2)
PLACES = ("origin", "anywhere")


@dataclass(frozen=True)
class Setting:
    """What all strategies share: sizes, the kind of completion, where the point lies."""

    leader: SearchStrategy[int]
    follower: SearchStrategy[int]
    completion: str
    at: str
    varies: bool

    def draw(self, draw: st.DrawFn) -> Draw:
        """A composite's draw, with room for sizes that shrink."""
        return Draw(draw, self.varies)

    def sizes(self, draw: Draw) -> tuple[int, int]:
        """The numbers of actions of both players."""
        return size(draw, self.leader, "leader"), size(draw, self.follower, "follower")

    def completions(self, draw: Draw, sizes: Sequence[int], costs: int, degree: int = 4
                    ) -> list[Completion]:
        """A completion for each cost, in the variables of players of these sizes."""
        places: list[int] = []
        start = 0
        for n in sizes:
            places += range(start, start + n)
            start += draw.room(n)
        return [completion(draw, self.completion, places, start, degree) for _ in range(costs)]

    def point(self, draw: Draw, sizes: Sequence[int]) -> list[Number] | None:
        """The coordinates of the point; None for the origin."""
        if self.at == "origin":
            return None
        return [half(c) for n in sizes for c in integers(draw, n, -6, 6)]


def size(draw: Draw, sizes: SearchStrategy[int], name: str) -> int:
    """A drawn number of actions, checked."""
    drawn = draw(sizes)
    if isinstance(drawn, bool) or not isinstance(drawn, int) or drawn < 1:
        raise GameError(f"{name} draws the number of that player's actions: its strategy must "
                        f"give ints >= 1, not {drawn!r}")
    return drawn


def setting(leader: Sizes, follower: Sizes, kind: str, at: str) -> Setting:
    """The shared arguments, checked; `GameError` names the one that is wrong."""
    return Setting(strategy_of_sizes(leader, "leader"), strategy_of_sizes(follower, "follower"),
                   one_of(kind, "completion", KINDS), one_of(at, "at", PLACES),
                   isinstance(leader, SearchStrategy) or isinstance(follower, SearchStrategy))


def one_of(value: Any, name: str, known: Sequence[str]) -> str:
    """One of some words, checked."""
    if not isinstance(value, str) or value not in known:
        raise GameError(f"{name} must be one of {', '.join(map(repr, known))}, not {value!r}")
    return value


def boolean(value: Any, name: str, or_none: bool = False) -> bool | None:
    """True or False, or None where that is a choice, checked."""
    if isinstance(value, bool) or or_none and value is None:
        return value
    choices = "True, False or None" if or_none else "True or False"
    raise GameError(f"{name} must be {choices}, not {value!r}")


# -- polynomials ------------------------------------------------------------------------

def quadratic(linear: Sequence[Number], hessian: Rows) -> Polynomial:
    """l . e + 1/2 e^T H e with H symmetric.

    >>> quadratic([1, 0], [[2, 3], [3, 0]])
    {(0,): 1, (0, 0): 1, (0, 1): 3}
    """
    out: Polynomial = {(i,): c for i, c in enumerate(linear) if c}
    for i, row in enumerate(hessian):
        if row[i]:
            out[i, i] = half(row[i])
        for j in range(i + 1, len(row)):
            if row[j]:
                out[i, j] = row[j]
    return out


def _joined(aa: Rows, ab: Rows, bb: Rows) -> Rows:
    """[[AA, AB], [AB^T, BB]]."""
    return [[*p, *q] for p, q in zip([*aa, *transposed(ab)], [*ab, *bb])]


def local_game(polynomials: Sequence[Polynomial], added: Sequence[Completion],
               sizes: Sequence[int], point: Sequence[Number] | None) -> LocalGame:
    """The game of costs' 2-jets and completions at a point."""
    costs = [{**cost, **more.terms} for cost, more in zip(polynomials, added)]
    return LocalGame.of_polynomials(costs, sizes, point, more=[more.more for more in added])


# -- zero-sum games -------------------------------------------------------------------------

#: (draw, n, m) -> A, B, D
Blocks = Callable[[Draw, int, int], tuple[Rows, Rows, Rows]]


def zero_sum_blocks(schur: Rows, w: Rows, d: Rows) -> tuple[Rows, Rows, Rows]:
    """A, B, D with S1 = ``schur``, B = W D: A = S1 - W D W^T.

    >>> zero_sum_blocks([[1]], [[2]], [[1]])
    ([[-3]], [[2]], [[1]])
    """
    return difference(schur, congruence(w, d)), product(w, d), d


@st.composite
def zero_sum_games_of(drawn: st.DrawFn, shared: Setting, blocks: Blocks,
                      linear: Callable[[Draw, int, int], list[Number]] | None = None,
                      fitted: bool = False) -> LocalGame:
    """Zero-sum games with drawn blocks A, B, D and, unless at a critical point, l.

    fitted : whether the leader's size is cut down to the follower's.
    """
    draw = shared.draw(drawn)
    n, m = shared.sizes(draw)
    n = min(n, m) if fitted else n
    added = shared.completions(draw, (n, m), 1)
    abd = blocks(draw, n, m)
    slopes = [] if linear is None else linear(draw, n, m)
    return quadratic_game(abd, added, shared.point(draw, (n, m)), slopes)


def quadratic_game(blocks: tuple[Rows, Rows, Rows], added: Sequence[Completion],
                   point: Sequence[Number] | None, linear: Sequence[Number] = ()) -> LocalGame:
    """The zero-sum game of A, B, D, l and a completion at a point."""
    a, b, d = blocks
    f = quadratic(linear, _joined(a, b, scaled(d, -1)))
    return local_game([f], added, (len(a), len(d)), point)


# -- general-sum games ------------------------------------------------------------------------

@dataclass
class General:
    """The 2-jets of a general-sum game, in the letters of the head of this module."""

    a: Rows
    b: Rows
    c: Rows
    d: Rows
    e: Rows
    k: Rows
    leader_own: Sequence[Number] = field(default_factory=list)
    leader_other: Sequence[Number] = field(default_factory=list)
    follower_other: Sequence[Number] = field(default_factory=list)
    follower_own: Sequence[Number] = field(default_factory=list)

    def costs(self, n: int, m: int) -> list[Polynomial]:
        """f1 and f2."""
        f1 = quadratic([*(self.leader_own or [0] * n), *(self.leader_other or [0] * m)],
                       _joined(self.a, self.b, self.e))
        f2 = quadratic([*(self.follower_other or [0] * n), *(self.follower_own or [0] * m)],
                       _joined(self.k, transposed(self.c), self.d))
        return [f1, f2]


#: (draw, n, m, Hessian of h as a function of v) -> the 2-jets
Parts = Callable[[Draw, int, int, Callable[[Sequence[Number]], Rows]], General]


@st.composite
def general_games(drawn: st.DrawFn, shared: Setting, parts: Parts) -> LocalGame:
    """General-sum games with drawn 2-jets."""
    draw = shared.draw(drawn)
    n, m = shared.sizes(draw)
    added = shared.completions(draw, (n, m), 2)
    jets = parts(draw, n, m, lambda v: added[1].hessian([*[0] * n, *v]))
    return local_game(jets.costs(n, m), added, (n, m), shared.point(draw, (n, m)))


def others(draw: Draw, n: int, m: int) -> dict[str, Any]:
    """What w and J do not contain: E, K and the slopes in the other player's actions."""
    return {"e": symmetric(draw, m, 2), "k": symmetric(draw, n, 2),
            "leader_other": integers(draw, m, -2, 2), "follower_other": integers(draw, n, -2, 2)}


@dataclass
class Response:
    """What is drawn at a point of the reaction curve: R = Dr, v, P, Q, K, k."""

    r: Rows
    v: list[Number]
    p: Rows
    q: Rows
    k: Rows
    slopes: list[Number]

    @classmethod
    def drawn(cls, draw: Draw, n: int, m: int) -> Response:
        """Free ones, which shrink to zero."""
        return cls(slope(draw, m, n), integers(draw, m, -2, 2), free(draw, n, m, 2),
                   symmetric(draw, m, 2), symmetric(draw, n, 2),
                   integers(draw, n, -2, 2))

    def coupling(self) -> Rows:
        """D^2 f1 - A + h_xx = P R + R^T P^T + R^T Q R."""
        pr = product(self.p, self.r)
        return total(pr, transposed(pr), congruence(transposed(self.r), self.q))

    def pull(self, d: Rows) -> list[Number]:
        """C^T v = -R^T D v, which is D1 f1 where D f1 = 0."""
        g = product(d, [[c] for c in self.v])
        return [-row[0] for row in product(transposed(self.r), g)]


def responding(answer: Response, schur: Rows, d: Rows, hessian: Rows,
               leader_own: Sequence[Number] | None = None) -> General:
    """The 2-jets with D2 f2 = 0 and D^2 f1 = ``schur``.

    hessian : that of h.  leader_own : D1 f1; by default such that D f1 = 0.
    """
    n, m = len(schur), len(d)
    xx, xy = [row[:n] for row in hessian[:n]], [row[n:] for row in hessian[:n]]
    yy = [row[n:] for row in hessian[n:]]
    return General(
        a=difference(total(schur, xx), answer.coupling()), b=total(answer.p, xy),
        c=scaled(product(d, answer.r), -1), d=d, e=total(answer.q, yy),
        k=answer.k,
        leader_own=answer.pull(d) if leader_own is None else leader_own,
        leader_other=[row[0] for row in product(d, [[c] for c in answer.v])] if m else [],
        follower_other=answer.slopes)


def as_fraction(value: Any, name: str) -> Number:
    """A rational number, an int where it is one; `GameError` names what is not."""
    if isinstance(value, bool) or not isinstance(value, (int, Fraction)):
        try:
            value = Fraction(str(value))
        except (ValueError, ZeroDivisionError):
            raise GameError(f"{name} must be rational numbers such as 1, Fraction(1, 2) or "
                            f"'1/2', not {value!r}") from None
    return value.numerator if value.denominator == 1 else value
