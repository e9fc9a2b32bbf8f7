"""Games that keep two notions of equilibrium or stability apart.

With blocks A = D11 f1, B = D12 f1, C = D21 f2, D = D22 f2 at a critical point

    J = [[A, B], [C, D]],    S1 = A - B D^-1 C,

a differential Nash equilibrium (DNE) has A > 0 and D > 0, a differential
Stackelberg equilibrium (DSE) with player 1 leading has D > 0 and a positive
total Hessian D^2 f1, which is S1 in zero-sum games only, and simultaneous
gradient play is stable where the spectrum of J is in the open right half
plane.  No two of the three agree: each game here is the smallest known
witness of one difference.  x leads and y follows; tau* is the time-scale
ratio above which x' = -(D1 f1, tau D2 f2) is stable.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp

from .entries import FIEZ_2020, FIEZ_RATLIFF_2021, JIN_2020, LINEAR, Entry, KnownPoint, at, entry
from .costs import Number
from .game import Game, Player, zero_sum

TABLE: dict[str, Entry] = {}

_x, _y = sp.symbols("x y", real=True)
_half = sp.S.Half

_WITNESS = "a witness for Definitions 3 and 4 of " + FIEZ_2020

Build = Callable[..., Game]


def _origin(nash: bool, leads: tuple[bool, bool], stable: tuple[bool, bool | None],
            n: int = 2) -> Callable[[], tuple[KnownPoint, ...]]:
    return lambda: (at((0,) * n, nash=nash, leads=leads, stable=stable),)


def _quadratic(reference: str, nash: bool, leads: tuple[bool, bool],
               stable: tuple[bool, bool | None]) -> Callable[[Build], Build]:
    """The decorator for a quadratic game whose only critical point is 0."""
    return entry(TABLE, reference=reference, box=[(-2, 2)], complete=LINEAR,
                 known=_origin(nash, leads, stable))


@_quadratic(_WITNESS, False, (True, False), (True, True))
def dse_not_nash() -> Game:
    """A stable Stackelberg equilibrium that is not Nash.

    f = -x^2/2 + 2xy - y^2: A = -1, B = 2, D = 2, spectrum of J
    1/2 +- i sqrt(7)/2, S1 = 1.
    """
    x, y = _x, _y
    return zero_sum(-x**2/2 + 2*x*y - y**2, x, y, name="dse_not_nash")


@_quadratic("a witness for the time scales of " + FIEZ_RATLIFF_2021,
            False, (True, False), (False, True))
def dse_unstable() -> Game:
    """A Stackelberg equilibrium unstable for simultaneous gradient play.

    f = -x^2 + 2xy - y^2/2: A = -2, B = 2, D = 1, spectrum of J
    -1/2 +- i sqrt(7)/2, S1 = 2, tau* = 2.
    """
    x, y = _x, _y
    return zero_sum(-x**2 + 2*x*y - y**2/2, x, y, name="dse_unstable")


@_quadratic(_WITNESS, False, (False, True), (True, False))
def stable_neither() -> Game:
    """Stable, yet neither Nash nor Stackelberg in the declared order.

    f = x^2 + 2xy + y^2/2: A = 2, B = 2, D = -1, spectrum of J
    1/2 +- i sqrt(7)/2, S1 = -2.  With player 2 leading it is a DSE: A > 0 and
    the reversed Schur complement is 1.  Regularising the follower by
    eta > 1 makes it look stable for the Stackelberg dynamics as well.
    """
    x, y = _x, _y
    return zero_sum(x**2 + 2*x*y + y**2/2, x, y, name="stable_neither")


@_quadratic(JIN_2020, False, (True, False), (False, True))
def jin_centre() -> Game:
    """A local minimax point that is a centre of gradient play.

    f = -x^2 + 5xy - y^2: A = -2, B = 5, D = 2, spectrum of J +- i sqrt(21),
    S1 = 21/2, tau* = 1.
    """
    x, y = _x, _y
    return zero_sum(-x**2 + 5*x*y - y**2, x, y, name="jin_centre")


@_quadratic("folklore; a case without a second-order test in " + FIEZ_2020,
            False, (False, False), (False, None))
def bilinear() -> Game:
    """The bilinear game: a centre that no second-order test can see.

    f = xy: A = D = 0, spectrum of J +- i.  The origin is a local Nash and a
    local Stackelberg equilibrium, but not a differential one: the follower's
    Hessian is zero and omega_S is not defined.
    """
    return zero_sum(_x*_y, _x, _y, name="bilinear")


@_quadratic(_WITNESS, False, (True, False), (True, True))
def realizable() -> Game:
    """The realizable shape A = 0: Stackelberg, stable, never Nash.

    f = xy - y^2/2: A = 0, B = 1, D = 1, spectrum of J 1/2 +- i sqrt(3)/2,
    S1 = B D^-1 B = 1, tau* = 0.
    """
    return zero_sum(_x*_y - _y**2/2, _x, _y, name="realizable")


@entry(TABLE, reference=JIN_2020, box=[(-1, 1), (-2*sp.pi, 2*sp.pi)],
       known=_origin(False, (False, False), (False, False)),
       complete="D1 f = y/5 vanishes for y = 0 only, and then D2 f = x/5")
def jin_cosine() -> Game:
    """A global minimax point that is not stationary.

    f = xy/5 - cos y: the global minimax points are (0, +-pi), where
    D1 f = +-pi/5; the only critical point, 0, is no equilibrium of any kind.
    """
    return zero_sum(_x*_y/5 - sp.cos(_y), _x, _y, name="jin_cosine")


@_quadratic(_WITNESS, False, (True, False), (False, False))
def dse_unstable_general_sum() -> Game:
    """General sum: Stackelberg, yet unstable for Stackelberg dynamics.

    f1 = -x^2 + 3y^2/2, f2 = y^2/2 + xy: D^2 f1 = 1, spectrum of J_S
    -1/2 +- i sqrt(3)/2; stable exactly when tau > 2.
    """
    x, y = _x, _y
    return Game(Player(-x**2 + 3*y**2/2, x), Player(y**2/2 + x*y, y),
                name="dse_unstable_general_sum")


@_quadratic(_WITNESS, False, (False, False), (False, True))
def stable_not_dse_general_sum() -> Game:
    """General sum: stable for Stackelberg dynamics, yet not Stackelberg.

    f1 = x^2 - 3y^2/2, f2 = -y^2/2 + xy: spectrum of J_S 1/2 +- i sqrt(3)/2,
    but D22 f2 = -1: the follower sits at a maximum of its cost.
    """
    x, y = _x, _y
    return Game(Player(x**2 - 3*y**2/2, x), Player(-y**2/2 + x*y, y),
                name="stable_not_dse_general_sum")


@_quadratic(_WITNESS, True, (False, False), (False, False))
def nash_unstable_general_sum() -> Game:
    """General sum: Nash, yet unstable and not Stackelberg.

    f1 = x^2/2 + 2xy, f2 = y^2/2 + 2xy: A = D = 1, B = C = 2, spectrum of J
    3 and -1, D^2 f1 = -7.
    """
    x, y = _x, _y
    return Game(Player(x**2/2 + 2*x*y, x), Player(y**2/2 + 2*x*y, y),
                name="nash_unstable_general_sum")


@_quadratic(_WITNESS, True, (False, False), (False, False))
def nash_not_dse_general_sum() -> Game:
    """Proposition 3 (Nash implies Stackelberg) fails in general sum.

    f1 = x^2/2 + 2xy, f2 = y^2/2 + xy: A = D = 1 but D^2 f1 = -3, while
    S1(J) = -1: the two differ by more than a sign test would show.
    """
    x, y = _x, _y
    return Game(Player(x**2/2 + 2*x*y, x), Player(y**2/2 + x*y, y),
                name="nash_not_dse_general_sum")


@entry(TABLE, reference=FIEZ_RATLIFF_2021, box=[(-2, 2)], complete=LINEAR,
       known=_origin(False, (True, False), (False, True), 4))
def tau_star_2() -> Game:
    """A 2+2 Stackelberg equilibrium whose critical time scale is exactly 2.

    f = x^T A x/2 + x^T B y - y^T D y/2 with A = B = diag(-4, 2) and
    D = diag(2, 4): S1 = diag(4, 3), tau* = 2.
    """
    x1, x2, y1, y2 = sp.symbols("x1 x2 y1 y2", real=True)
    f = -2*x1**2 + x2**2 - 4*x1*y1 + 2*x2*y2 - y1**2 - 2*y2**2
    return zero_sum(f, (x1, x2), (y1, y2), name="tau_star_2")


@entry(TABLE, reference="A. Letcher, J. Foerster, D. Balduzzi, T. Rocktaeschel, S. Whiteson, "
       "Stable opponent shaping in differentiable games, ICLR 2019", box=[(-2, 2)],
       known=lambda: tuple(
           at(x, nash=True, leads=(False, False), stable=(False, None), isolated=False)
           for x in ((0, 1), (_half, _half), (1, 0), (-1, 2), (2, -1))))
def tandem() -> Game:
    """The tandem game: a whole line of degenerate critical points.

    f1 = (x + y)^2 - 2x, f2 = (x + y)^2 - 2y: omega vanishes on x + y = 1 and
    nowhere else; A = D = 2 > 0, so each point meets the definition of a DNE,
    but J is singular (spectrum 4 and 0), S1 = 0, and Df1 = -2 everywhere on
    the follower's reaction curve: no point is Stackelberg-critical.
    """
    x, y = _x, _y
    return Game(Player((x + y)**2 - 2*x, x), Player((x + y)**2 - 2*y, y), name="tandem")


@entry(TABLE, reference="constructed against reading Proposition 1 of " + FIEZ_2020
       + " with S1(J) in general sum", box=[(-1, 1)],
       known=lambda: (at((0, 0), nash=False, leads=(False, False), stable=(None, False),
                         of="stackelberg"),))
def schur_not_total_hessian() -> Game:
    """General sum: S1(J) is not the leader's total Hessian.

    f1 = x^2 + xy + y + x + xy^2, f2 = y^2/2 + xy + x^2 y: the origin is
    critical for omega_S (not for omega), S1(J) = +1 and D^2 f1 = -2.
    """
    x, y = _x, _y
    return Game(Player(x**2 + x*y + y + x + x*y**2, x),
                Player(y**2/2 + x*y + x**2*y, y), name="schur_not_total_hessian")


@entry(TABLE, reference="constructed against Proposition 1 of " + FIEZ_2020
       + " read off the reaction curve", box=[(-3, 3)],
       known=lambda: (at((0, 0), nash=False, leads=(True, False), stable=(True, True)),
                      at((1, -1), nash=False, leads=(False, False), stable=(False, False))),
       complete="D1 f = y(1 + y), and D2 f = x(1 + 2y) - y")
def schur_off_curve() -> Game:
    """Zero sum: S1(J_S) = S1(J) fails where D2 f is not zero.

    f = xy - y^2/2 + xy^2: at (0, 1), off the reaction curve, the two Schur
    complements are -3 and 9 (J_S first).
    """
    x, y = _x, _y
    return zero_sum(x*y - y**2/2 + x*y**2, x, y, name="schur_off_curve")


@_quadratic("constructed against the printed bound of Corollary 2 of " + FIEZ_2020,
            False, (True, False), (False, True))
def non_normal(c: Number = 100) -> Game:
    """Stackelberg dynamics converge, after growing first by a factor c.

    f = (1 - c^2) x^2/2 + cxy - y^2/2: J_S = [[1, 0], [-c, 1]] has the single
    eigenvalue 1 and is far from normal, so a bound in terms of eigenvalues
    needs the condition number of the eigenbasis as a factor.  DSE for every
    c; Nash for |c| < 1 only.
    """
    symbol = sp.Symbol("c", real=True)
    f = (1 - symbol**2)*_x**2/2 + symbol*_x*_y - _y**2/2
    return zero_sum(f, _x, _y, parameters={symbol: c}, name="non_normal")
