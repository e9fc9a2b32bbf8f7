"""Known games whose players mix finitely many actions.

A player with k actions plays the first with probability p, or all of them
with pi = softmax(x); its variable x is the policy's real parameter, and the
cost is the expected one, bilinear in the probabilities:

    f_i(x, y) = pi(x)^T A_i pi(y).

In the parameters such a cost is neither convex nor bilinear, pure strategies
lie at infinity, and mixed equilibria are centres more often than not.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from .entries import FIEZ_2020, FOERSTER_2018, Entry, at, entry
from .costs import Number, exact
from .game import Game, Player, zero_sum

TABLE: dict[str, Entry] = {}

_x, _y = sp.symbols("x y", real=True)


def _sigmoid(x: sp.Expr) -> sp.Expr:
    return 1/(1 + sp.exp(-x))


def _mixed(costs: Sequence[Sequence[Number]], p: sp.Expr, q: sp.Expr) -> sp.Expr:
    """The expected cost when the first actions have probabilities p and q."""
    (a, b), (c, d) = ([exact(cost) for cost in row] for row in costs)
    return p*(a*q + b*(1 - q)) + (1 - p)*(c*q + d*(1 - q))


@entry(TABLE, reference=FIEZ_2020 + ", Appendix H.3", box=[(-2, 2)],
       known=lambda: (at((0, 0), nash=True, leads=(True, True), stable=(True, True)),),
       complete="for b = 0, D1 f1 = 0 makes p - 1/2 and q - 1/2 differ in sign and "
                "D2 f2 = 0 makes them agree")
def softmax_bimatrix(T: Number = 2.5, rho: Number = 0.1, b: Number = 0) -> Game:
    """A bimatrix game played through softmax policies.

    f_i = pi(x1)^T A_i pi(x2) + rho x_i^2/2, A1 = I, A2 = [[1/2, 1], [1, 1/2]],
    pi(x) = softmax(T x + b/2, -T x - b/2): the first action has probability
    p = 1/(1 + exp(-2 T x - b)).  The appendix plots b = 0 (shift (0, 0)), the
    default, and b = 2 (shift (1, -1)).

    At b = 0 the origin is the only critical point.  At b = 2 it lies near
    (-0.4247868, -0.3863493): Nash and stable, but not Stackelberg-critical.
    """
    x1, x2 = actions = sp.symbols("x1 x2", real=True)
    symbols = temperature, weight, shift = sp.symbols("T rho b", real=True)
    p, q = (_sigmoid(2*temperature*action + shift) for action in actions)
    f1 = _mixed(((1, 0), (0, 1)), p, q) + weight*x1**2/2
    f2 = _mixed(((0.5, 1), (1, 0.5)), p, q) + weight*x2**2/2
    return Game(Player(f1, x1), Player(f2, x2),
                parameters=dict(zip(symbols, (T, rho, b))), name="softmax_bimatrix")


@entry(TABLE, box=[(-4, 4)],
       reference="folklore; in sigmoid parametrisation as in " + FOERSTER_2018,
       known=lambda: (at((0, 0), nash=False, leads=(False, False), stable=(False, None)),),
       complete="D1 f = 2 p'(x)(2q - 1) and D2 f = 2 q'(y)(2p - 1): p = q = 1/2 only")
def matching_pennies() -> Game:
    """Matching pennies in sigmoid parametrisation: a centre.

    f = (2p - 1)(2q - 1), p = 1/(1 + exp(-x)), q = 1/(1 + exp(-y)), zero-sum.
    At 0, A = D = 0 and J has the spectrum +- i/4: a local Nash equilibrium that
    no second-order test can see.
    """
    return zero_sum((2*_sigmoid(_x) - 1)*(2*_sigmoid(_y) - 1), _x, _y,
                    name="matching_pennies")


@entry(TABLE, reference="A. Tucker, 1950; costs as in " + FOERSTER_2018, box=[(-4, 4)],
       complete="D1 f1 = p'(x) > 0: no critical point at all")
def prisoners_dilemma() -> Game:
    """The prisoners' dilemma in sigmoid parametrisation: no critical point.

    Costs (1, 1), (3, 0), (0, 3), (2, 2) for cooperation or defection, with
    probabilities p = 1/(1 + exp(-x)), q = 1/(1 + exp(-y)) of cooperating:
    f1 = p + 2 - 2q, f2 = q + 2 - 2p.  Defection is reached at infinity only.
    """
    p, q = _sigmoid(_x), _sigmoid(_y)
    costs = ((1, 3), (0, 2))
    return Game(Player(_mixed(costs, p, q), _x), Player(_mixed(costs, q, p), _y),
                name="prisoners_dilemma")


@entry(TABLE, reference="folklore; in softmax parametrisation", box=[(-3, 3)],
       known=lambda: (at((0, 0, 0, 0), nash=False, leads=(False, False),
                         stable=(False, None)),),
       complete="D1 f = 0 makes M q constant, so q is uniform, and D2 f = 0 does so for p")
def rock_paper_scissors() -> Game:
    """Rock, paper, scissors through softmax policies: a centre in 2+2.

    f = p^T M q, M = [[0, 1, -1], [-1, 0, 1], [1, -1, 0]], with
    p = (e^x1, e^x2, 1)/(e^x1 + e^x2 + 1), and q likewise of y; zero-sum.
    At 0 both policies are uniform and both Hessians vanish.
    """
    x1, x2, y1, y2 = sp.symbols("x1 x2 y1 y2", real=True)
    p, q = (tuple(e/sp.Add(*weights) for e in weights) for weights in
            ((sp.exp(x1), sp.exp(x2), sp.S.One), (sp.exp(y1), sp.exp(y2), sp.S.One)))
    f = p[0]*(q[1] - q[2]) + p[1]*(q[2] - q[0]) + p[2]*(q[0] - q[1])
    return zero_sum(f, (x1, x2), (y1, y2), name="rock_paper_scissors")


@entry(TABLE, reference=FOERSTER_2018, box=[(-4, 4)])
def iterated_prisoners_dilemma(gamma: Number = 0.96) -> Game:
    """The iterated prisoners' dilemma of memory-one policies, 5+5 variables.

    A policy cooperates with probability 1/(1 + exp(-t)): t0 at first, then
    t1, ..., t4 after the last round's CC, CD, DC, DD (own choice first).  With
    the first round's distribution p0, the transition matrix P and the costs
    c1 = (1, 3, 0, 2), c2 = (1, 0, 3, 2) of a round,

        f_i = (1 - gamma) p0^T (I - gamma P)^-1 c_i,

    by Cramer's rule.  No finite critical point is recorded.
    """
    x = sp.symbols("x:5", real=True)
    y = sp.symbols("y:5", real=True)
    discount = sp.Symbol("gamma", real=True)
    p = [_sigmoid(t) for t in x]
    q = [_sigmoid(y[k]) for k in (0, 1, 3, 2, 4)]
    outcome = [(a*b, a*(1 - b), (1 - a)*b, (1 - a)*(1 - b)) for a, b in zip(p, q)]
    # Row s of `m` is row s of (I - gamma P), so its columns are the equations
    # (I - gamma P)^T v = p0 of the discounted visits v.
    m = [[sp.Integer(int(s == k)) - discount*outcome[s + 1][k] for k in range(4)]
         for s in range(4)]
    total = _determinant(m)
    visits = [_determinant([list(outcome[0]) if s == k else m[s] for s in range(4)])
              for k in range(4)]
    costs = [(1 - discount)*sp.Add(*(c*v for c, v in zip(cost, visits)))/total
             for cost in ((1, 3, 0, 2), (1, 0, 3, 2))]
    return Game(Player(costs[0], x), Player(costs[1], y), parameters={discount: gamma},
                name="iterated_prisoners_dilemma")


def _determinant(m: Sequence[Sequence[sp.Expr]]) -> sp.Expr:
    """Laplace's expansion of a 4 x 4 determinant along its first two rows.

    It is left unexpanded: SymPy's own determinants multiply out or divide.
    """
    def minor(r: int, i: int, j: int) -> sp.Expr:
        return m[r][i]*m[r + 1][j] - m[r][j]*m[r + 1][i]

    pairs = (((0, 1), (2, 3), 1), ((0, 2), (1, 3), -1), ((0, 3), (1, 2), 1),
             ((1, 2), (0, 3), 1), ((1, 3), (0, 2), -1), ((2, 3), (0, 1), 1))
    return sp.Add(*(sign*minor(0, *top)*minor(2, *bottom) for top, bottom, sign in pairs))
