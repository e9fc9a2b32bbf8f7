r"""Known games of n firms, whose equilibria are known in closed form for every order of moves.

Firm i chooses a quantity q_i, Q is their sum, P(Q) the price and k_i(q_i) the firm's cost; it
minimises minus its profit, f_i = k_i(q_i) - P(Q) q_i.  Cournot's firms move at the same time,
Stackelberg's leader before the others; a `Hierarchy` of the same game is any other order.

For P = A - Q and k_i = c_i q + s q^2/2 every order has a closed form.  Let d_j be the factor by
which the levels below level j damp a change of supply: with D_L = 1, firm i of level j sees
dP/dq_i = -1/D_j and sets price against marginal cost, P - c_i - s q_i - q_i/D_j = 0, so

    q_i = (P - c_i)/(s + 1/D_j),       D_(j-1) = D_j + m_j/(s + 1/D_j),
    P = (A + sum_j C_j/(s + 1/D_j))/D_0,

with m_j the number of firms of level j and C_j the sum of their c_i: solve level j for its own
supply, subtract it from the demand that the levels above meet, and go up.  With s = 0 the
recursion is D_(j-1) = (1 + m_j) D_j; firms of equal cost one after another sell (A - c)/2,
(A - c)/4, (A - c)/8, ...  The total Hessian of such a firm is s + 2/D_j.

Reference: A. Garnaev, A. Galegov, How hierarchical structures impact on competition, AUCO Czech
Economic Review 2 (2008) 227-236; H. D. Sherali, A multiple leader Stackelberg model and
analysis, Operations Research 32 (1984) 390-404.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from ..errors import GameError
from .costs import Number, exact
from .entries import LINEAR, Entry, KnownPoint, at, entry
from .game import Game, Player

__all__ = ["cournot", "isoelastic", "oligopoly", "oligopoly_quantities"]

TABLE: dict[str, Entry] = {}

_COURNOT = ("A. Cournot, Recherches sur les principes mathematiques de la theorie des "
            "richesses, 1838")
_GARNAEV = ("A. Garnaev, A. Galegov, How hierarchical structures impact on competition, AUCO "
            "Czech Economic Review 2 (2008) 227-236")
_NO = (False, False)


def oligopoly_quantities(levels: Sequence[Sequence[int]], A: Number | sp.Expr,
                         costs: Sequence[Number | sp.Expr], s: Number | sp.Expr = 0
                         ) -> tuple[sp.Expr, ...]:
    """The quantities of `oligopoly` in closed form, for any order of moves.

    q_i = (P - c_i)/(s + 1/D_j) for firm i of level j, with the price P and the factors D_j of
    the module's introduction.  They are the only zero of the hierarchy's gradient.

    Parameters
    ----------
    levels : the firms of each level from the top, counted from 0, as in `Hierarchy.levels`.
    A, costs, s : as in `oligopoly`; numbers or symbols.

    >>> A, c = sp.symbols("A c")
    >>> [sp.expand(q) for q in oligopoly_quantities([(0,), (1,), (2,)], A, [c]*3)]
    [A/2 - c/2, A/4 - c/4, A/8 - c/8]
    """
    # Symbols stay; numbers are read as everywhere, and text is refused.
    size, slope, *costs = (v if isinstance(v, sp.Expr) else exact(v) for v in (A, s, *costs))
    damping: sp.Expr = sp.S.One
    supplied: sp.Expr = sp.S.Zero
    weights: dict[int, sp.Expr] = {}
    for firms in reversed(levels):
        weight = sp.cancel(1/(slope + 1/damping))
        weights.update(dict.fromkeys(firms, weight))
        supplied += weight*sp.Add(*(costs[i] for i in firms))
        damping = sp.cancel(damping + len(firms)*weight)
    price = (size + supplied)/damping
    return tuple(sp.cancel(weights[i]*(price - costs[i])) for i in range(len(costs)))


def _firms(n: int) -> tuple[sp.Symbol, ...]:
    return sp.symbols(f"q1:{n + 1}", real=True)


def _count(n: int) -> int:
    if isinstance(n, bool) or not isinstance(n, int) or n < 2:
        raise GameError(f"an oligopoly needs two or more firms, not {n!r}")
    return n


def _known(costs: Sequence[Number], A: Number = 100, s: Number = 0) -> tuple[KnownPoint, ...]:
    """Cournot's point and that of the first firm leading the others."""
    firms = tuple(range(len(costs)))
    return (at(oligopoly_quantities([firms], A, costs, s), nash=True, leads=_NO,
               stable=(True, None)),
            at(oligopoly_quantities([firms[:1], firms[1:]], A, costs, s), nash=False,
               leads=(True, False), stable=(None, True), of="stackelberg"))


@entry(TABLE, reference=_COURNOT, box=[(0, 100)], known=lambda: _known((4, 4, 4)),
       complete=LINEAR)
def cournot(n: int = 3, A: Number = 100, c: Number = 4) -> Game:
    """n firms of equal cost choose quantities; the price falls in the sum.

    f_i = -(A - Q - c) q_i, Q = q_1 + ... + q_n.  J has 2 on its diagonal and 1 elsewhere,
    with the spectrum 1 and n + 1.

    Cournot: each sells (A - c)/(n + 1).  The first leads the others: (A - c)/2 and
    (A - c)/(2n).  One after another: (A - c)/2, (A - c)/4, ..., (A - c)/2^n.

    >>> cournot(2).costs[0]
    q1*(-A + c + q1 + q2)
    """
    q = _firms(_count(n))
    symbols = size, cost = sp.symbols("A c", real=True)
    return Game(*(Player(-(size - cost - sp.Add(*q))*v, v) for v in q),
                parameters=dict(zip(symbols, (A, c))), name="cournot")


@entry(TABLE, reference=_GARNAEV, box=[(0, 100)],
       known=lambda: _known((5, 2, 8), s=sp.Rational(1, 2)), complete=LINEAR)
def oligopoly(costs: Sequence[Number] = (5, 2, 8), A: Number = 100, s: Number = 0.5) -> Game:
    """Firms of different costs, which may rise, in any order of moves.

    f_i = c_i q_i + s q_i^2/2 - (A - Q) q_i: linear demand, marginal costs c_i + s q_i.  One
    declaration for all orders: `Hierarchy(game, [(0, 1, 2)])` is Cournot, [0, (1, 2)] one
    leader, [0, 1, 2] a chain; `oligopoly_quantities` is the closed form of each.

    Parameters
    ----------
    costs : the c_i, one for each firm.
    A : the price at which nothing is sold.
    s : the slope of marginal costs, s > -1.
    """
    values = [exact(c, "a cost") for c in costs]
    q = _firms(_count(len(values)))
    c = sp.symbols(f"c1:{len(q) + 1}", real=True)
    size, slope = sp.symbols("A s", real=True)
    price = size - sp.Add(*q)
    return Game(*(Player(k*v + slope*v**2/2 - price*v, v) for k, v in zip(c, q)),
                parameters={size: A, slope: s, **dict(zip(c, values))}, name="oligopoly")


def _known_isoelastic() -> tuple[KnownPoint, ...]:
    third, leader, follower = (sp.Rational(*v) for v in ((2, 9), (3, 8), (3, 16)))
    return (at((third,)*3, nash=True, leads=_NO, stable=(True, None)),
            at((leader, follower, follower), nash=False, leads=(True, False),
               stable=(None, True), of="stackelberg"))


@entry(TABLE, reference="G. Tullock, Efficient rent seeking, 1980; T. Puu, Chaos in duopoly "
       "pricing, Chaos, Solitons and Fractals 1 (1991) 573-581; A. Glazer, R. Hassin, Sequential "
       "rent seeking, Public Choice 102 (2000) 219-228",
       box=[(0.1, 1)], known=_known_isoelastic,
       complete="omega = 0 is q_i = Q - c_i Q^2, whose sum is Q = n Q - C Q^2 with C the sum of "
                "the costs: Q = (n - 1)/C, the only one with Q > 0")
def isoelastic(costs: Sequence[Number] = (1, 1, 1)) -> Game:
    r"""Demand of elasticity one, P = 1/Q: the contest of Tullock.

    f_i = c_i q_i - q_i/Q: the firms share what is spent on the good, as contestants share a
    prize by their efforts.  Defined for Q > 0.

    Cournot: Q = (n - 1)/C, q_i = Q - c_i Q^2, C the sum of the c_i.  Two firms, the first
    leading: (c_2/(4 c_1^2), (2 c_1 - c_2)/(4 c_1^2)).  Three of cost 1, the first leading:
    (3/8, 3/16, 3/16); one after another, with t = (3 + sqrt 3)/6:

        (2 t^3 - t^2, 2 t^2 - 2 t^3, t - t^2) = ((3 + 2 sqrt 3)/18, (3 + sqrt 3)/18, 1/6).

    Derived from below: the last firm answers Q = sqrt(u/c), u = q_1 + q_2 and t = sqrt u; then
    the second chooses u with (u + q_1) = 2 t^3, and the first t with 6 t^2 - 6 t + 1 = 0.

    Parameters
    ----------
    costs : the c_i, one for each firm, positive.
    """
    values = [exact(c, "a cost") for c in costs]
    if any(v.is_positive is False for v in values):
        raise GameError(f"the costs must be positive, not {', '.join(map(str, values))}")
    q = _firms(_count(len(values)))
    c = sp.symbols(f"c1:{len(q) + 1}", real=True)
    return Game(*(Player(k*v - v/sp.Add(*q), v) for k, v in zip(c, q)),
                parameters=dict(zip(c, values)), name="isoelastic")
