r"""Conditions on one tau-Stackelberg update at a point, and games that meet them.

The update x <- x - gamma w_S_tau(x), for the ``tau`` and ``gamma`` that a `LocalGame` carries,
has at a zero of w_S the derivative I - gamma J_S_tau; rho is its spectral radius.

    contracts    rho < 1                    expands    rho > 1
    monotone     J_S_tau + J_S_tau^T > 0    quadratic  w_S_tau is affine

All are decided exactly where the point has a rational jet.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import sympy as sp

from ..declaration.game import Game, Player
from ..exact.definiteness import is_positive_definite
from ..exact.discs import is_schur_stable
from ..truth import Truth
from ..verdicts.local import LocalGame
from .claims import Condition, Finding
from .lyapunov import (Rows, n_outside, plain, scaled_rows, stackelberg_derivative,
                       symmetric_part, update_derivative)

__all__ = [
    "Blocks", "CONTRACTS", "EXPANDS", "MONOTONE", "QUADRATIC", "blocks_of", "derivative_of",
    "with_contracting_step", "with_expanding_step", "with_monotone_update"]

_NO_JET = Finding(Truth.UNDECIDED, "the derivatives are not known as rational numbers")
_SINGULAR = Finding(Truth.UNDECIDED, "det D22 f2 = 0, so J_S is not defined")


class Blocks(NamedTuple):
    """J_S_tau, S1(J), tau D and tau C at a point, from the game's `Matrices`, over QQ."""

    stackelberg: Rows
    schur: Rows
    response: Rows
    cross: Rows


def blocks_of(local: LocalGame) -> Blocks | Finding:
    """The `Blocks` of a point with a rational jet, for the ``tau`` that the game carries.

    A `Finding`, UNDECIDED with the reason, where they are not defined or not rational.
    """
    m, tau = local.matrices, local.value("tau")
    if m is None or local.jet is None:
        return _NO_JET
    if not m.d:
        return _SINGULAR
    scale, n1 = local.jet.scale, m.n1
    rows = plain(m.stackelberg_jacobian(), m.d * m.d * scale)
    schur, d = m.schur_complement()
    follower = [tau] * (m.n - n1)
    return Blocks(scaled_rows(rows, [Fraction(1)] * n1 + follower), plain(schur, d * scale),
                  scaled_rows(plain(m.response, scale), follower),
                  scaled_rows(plain(m.cross, scale), follower))


def derivative_of(local: LocalGame) -> Rows | Finding:
    """J_S_tau by deriving w_S along the coordinates; a `Finding` as for `blocks_of`."""
    rows = stackelberg_derivative(local, local.value("tau"))
    if rows is not None:
        return rows
    return _NO_JET if local.jet is None else _SINGULAR


# -- conditions ---------------------------------------------------------------------------

def _contracts(local: LocalGame) -> Truth | Finding:
    found, gamma = blocks_of(local), local.value("gamma")
    if isinstance(found, Finding):
        return found
    return is_schur_stable(update_derivative(found.stackelberg, gamma))


def _expands(local: LocalGame) -> Truth | Finding:
    found, gamma = blocks_of(local), local.value("gamma")
    if isinstance(found, Finding):
        return found
    return Truth.of(n_outside(found.stackelberg, gamma) > 0)


def _monotone(local: LocalGame) -> Truth | Finding:
    found = blocks_of(local)
    if isinstance(found, Finding):
        return found
    return is_positive_definite(symmetric_part(found.stackelberg))


def _is_quadratic(local: LocalGame) -> Truth:
    """Whether each cost is a polynomial of degree at most 2 in the actions."""
    try:
        return Truth.of(all(sp.Poly(player.cost.subs(local.game.parameters),
                                    *local.game.variables).total_degree() <= 2
                            for player in local.game.players))
    except sp.PolynomialError:
        return Truth.NO


CONTRACTS = Condition(
    "rho(I - gamma J_S_tau) < 1", r"\rho(I - \gamma J_{S_\tau}(x)) < 1", _contracts)
EXPANDS = Condition(
    "rho(I - gamma J_S_tau) > 1", r"\rho(I - \gamma J_{S_\tau}(x)) > 1", _expands)
MONOTONE = Condition(
    "J_S_tau + J_S_tau^T > 0", r"J_{S_\tau}(x) + J_{S_\tau}(x)^\top > 0", _monotone)
QUADRATIC = Condition("quadratic costs", r"\deg f_i \leq 2", _is_quadratic)


# -- games whose values meet them -------------------------------------------------------------

def with_contracting_step(local: LocalGame) -> LocalGame:
    """The game with the first tau = 1, 2, 4, ... and gamma = 1, 1/2, ... for which rho < 1.

    At a differential Stackelberg equilibrium there are such numbers: for large tau the
    spectrum of J_S_tau is near spec(D^2 f1) and tau spec(D22 f2).
    """
    for j in range(40):
        trial = local.with_values(tau=local.value("tau") * 2 ** j)
        rows = derivative_of(trial)
        if isinstance(rows, Finding):
            return local
        if not n_outside(rows, Fraction(1, 1 << 40)):
            for k in range(40):
                if is_schur_stable(update_derivative(rows, Fraction(1, 1 << k))) is Truth.YES:
                    return trial.with_values(gamma=Fraction(1, 1 << k))
    return local


def with_expanding_step(local: LocalGame) -> LocalGame:
    """The game with gamma = 3/(tau max_i |D_ii|), D = D22 f2: with D > 0, rho exceeds 1."""
    rows = derivative_of(local)
    if isinstance(rows, Finding):
        return local
    largest = max(abs(rows[i][i]) for i in range(local.sizes[0], local.n))
    return local.with_values(gamma=3 / largest) if largest else local


def with_monotone_update(local: LocalGame) -> LocalGame:
    """The game with the first tau, tau/2, tau/4, ... for which J_S_tau is monotone.

    In general sum, where there need be none, tau stays and f1 gains the first of |e|^2/2,
    |e|^2, 2|e|^2, ..., e = x1 - x1*, that makes it so: that adds a multiple of I to the
    leader's block, and a DSE remains one.
    """
    trial, weight = local, Fraction(0)
    for _ in range(60):
        if MONOTONE.find(trial).truth is Truth.YES:
            break
        if local.zero_sum is Truth.YES:
            trial = trial.with_values(tau=trial.value("tau") / 2)
        else:
            weight = 2 * weight or Fraction(1, 2)
            trial = _steeper(local, weight)
    return trial


def _steeper(local: LocalGame, weight: Fraction) -> LocalGame:
    leader, *others = local.game.players
    near: Sequence[sp.Expr] = local.point
    bowl = sp.Add(*((z - p)**2 for z, p in zip(leader.actions, near)))
    cost = leader.cost + sp.Rational(weight.numerator, weight.denominator) * bowl
    game = Game(Player(cost, leader.actions), *others)
    return LocalGame(game, near, local.values)
