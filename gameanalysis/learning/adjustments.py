r"""Rules that adjust the gradients by second derivatives.

Notation of `play`: omega the game's gradient, J = H_d + H_o its Jacobian with the blocks
D_ii f_i apart, Gamma = diag(gamma) the learning rates, those of the followers times tau;
A = D_11 f_1, B = D_12 f_1, C = D_21 f_2, D = D_22 f_2 for two players.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import sympy as sp

from ..declaration.costs import Number
from ..declaration.game import Game
from ..dynamics import VectorField
from ..errors import GameError
from .gradients import SimultaneousGradient
from .play import Entries, Play, entries
from .updates import Rule

__all__ = ["Consensus", "SymplecticGradientAdjustment", "LookAhead", "LOLA",
           "StableOpponentShaping", "CompetitiveGradient", "LocalSymplecticSurgery",
           "FollowTheRidge", "DoubleFollowTheRidge"]


@dataclass(frozen=True, kw_only=True)
class Consensus(Rule):
    r"""Consensus optimisation: z+ = z - Gamma (omega + lam J^T omega).

    J^T omega is the gradient of |omega|^2 / 2, so that every zero of omega attracts, saddles
    too, once ``lam`` is large; where I + lam J^T is singular there may be others beside.
    """

    name: ClassVar[str] = "consensus"
    title: ClassVar[str] = "consensus optimisation"
    formula: ClassVar[str] = r"z^+ = z - \Gamma(\omega + \lambda J^\top\omega)"
    source: ClassVar[str] = ("L. Mescheder, S. Nowozin, A. Geiger, The numerics of GANs, "
                             "NeurIPS 2017")

    lam: Number = sp.Rational(1, 10)

    def next(self, play: Play, rates: Entries, memory: Entries) -> Entries:
        """z - Gamma (omega + lam J^T omega)."""
        adjustment = play.jacobian.T @ play.omega
        return play.z - rates * (play.omega + adjustment * play.number(self.lam))


@dataclass(frozen=True, kw_only=True)
class SymplecticGradientAdjustment(Rule):
    r"""z+ = z - Gamma (omega + lam S^T omega), S = (J - J^T)/2 the antisymmetric part of J.

    With ``align`` the sign of lam is that of <omega, J^T omega> <S^T omega, J^T omega>/n +
    ``epsilon``, as in the source, so that the adjustment attracts to stable points and repels
    from unstable ones; near a zero of omega the sign is +.
    """

    name: ClassVar[str] = "symplectic_adjustment"
    title: ClassVar[str] = "symplectic gradient adjustment"
    formula: ClassVar[str] = (r"z^+ = z - \Gamma(\omega + \lambda S^\top\omega),\ "
                              r"S = \tfrac12(J - J^\top)")
    source: ClassVar[str] = ("D. Balduzzi, S. Racaniere, J. Martens, J. Foerster, K. Tuyls, "
                             "T. Graepel, The mechanics of n-player differentiable games, "
                             "ICML 2018")

    lam: Number = 1
    align: bool = True
    epsilon: Number = sp.Rational(1, 10)

    def next(self, play: Play, rates: Entries, memory: Entries) -> Entries:
        """z - Gamma (omega +- lam S^T omega)."""
        omega, jacobian = play.omega, play.jacobian
        hamiltonian = jacobian.T @ omega
        turned = (hamiltonian - jacobian @ omega) * play.number(sp.S.Half)
        adjustment = turned * play.number(self.lam)
        if self.align:
            aligned = ((omega @ hamiltonian) * (turned @ hamiltonian)
                       * play.number(sp.Rational(1, play.n)) + play.number(self.epsilon))
            adjustment = entries(play.select(aligned, a, -a) for a in adjustment)
        return play.z - rates * (omega + adjustment)

    def tangent(self) -> Rule:
        """Without the sign: it is + where omega = 0, because epsilon > 0."""
        return replace(self, align=False) if self.align and self.epsilon > 0 else self


@dataclass(frozen=True, kw_only=True)
class LookAhead(Rule):
    r"""Each player foresees one step of the others: z+ = z - Gamma (I - H_o diag(alpha)) omega.

    ``alpha`` is the step foreseen; the learning rates themselves if None.
    """

    name: ClassVar[str] = "lookahead"
    title: ClassVar[str] = "LookAhead"
    formula: ClassVar[str] = r"z^+ = z - \Gamma(I - \alpha H_o)\omega"
    source: ClassVar[str] = ("C. Zhang, V. Lesser, Multi-agent learning with policy prediction, "
                             "AAAI 2010; A. Letcher, J. Foerster, D. Balduzzi, T. Rocktaeschel, "
                             "S. Whiteson, Stable opponent shaping in differentiable games, "
                             "ICLR 2019")

    alpha: Number | None = None

    def next(self, play: Play, rates: Entries, memory: Entries) -> Entries:
        """z - Gamma (I - H_o diag(alpha)) omega."""
        return play.z - rates * _foreseen(play, _steps(self.alpha, play, rates))


@dataclass(frozen=True, kw_only=True)
class LOLA(Rule):
    r"""Learning with opponent-learning awareness: LookAhead, and each player shapes the others.

    z+ = z - Gamma ((I - H_o diag(alpha)) omega - chi), chi_i = sum over j != i of
    (D_ji f_j)^T alpha_j D_j f_i.  Its fixed points are in general not the zeros of omega.
    """

    name: ClassVar[str] = "lola"
    title: ClassVar[str] = "LOLA"
    formula: ClassVar[str] = r"z^+ = z - \Gamma((I - \alpha H_o)\omega - \alpha\chi)"
    source: ClassVar[str] = ("J. Foerster, R. Chen, M. Al-Shedivat, S. Whiteson, P. Abbeel, "
                             "I. Mordatch, Learning with opponent-learning awareness, "
                             "AAMAS 2018; as in Letcher et al., ICLR 2019")
    rest: ClassVar[str] = "zero-sum"

    alpha: Number | None = None

    def next(self, play: Play, rates: Entries, memory: Entries) -> Entries:
        """z - Gamma ((I - H_o diag(alpha)) omega - chi)."""
        alpha = _steps(self.alpha, play, rates)
        return play.z - rates * (_foreseen(play, alpha) - _shaping(play, alpha))


@dataclass(frozen=True, kw_only=True)
class StableOpponentShaping(Rule):
    r"""SOS: LookAhead with as much of LOLA's shaping as keeps fixed points and descent.

    With xi_0 = (I - H_o diag(alpha)) omega and c = -<chi, xi_0>,

        z+ = z - Gamma (xi_0 - p chi),    p = min(p_1, p_2),
        p_1 = 1 if c >= 0 else min(1, -a |xi_0|^2 / c),
        p_2 = |omega|^2 if |omega| < b else 1.

    Where omega = 0, p vanishes to second order: its Jacobian there is LookAhead's.
    """

    name: ClassVar[str] = "sos"
    title: ClassVar[str] = "stable opponent shaping"
    formula: ClassVar[str] = r"z^+ = z - \Gamma(\xi_0 - p\,\alpha\chi)"
    source: ClassVar[str] = ("A. Letcher, J. Foerster, D. Balduzzi, T. Rocktaeschel, "
                             "S. Whiteson, Stable opponent shaping in differentiable games, "
                             "ICLR 2019")

    alpha: Number | None = None
    a: Number = sp.S.Half
    b: Number = sp.Rational(1, 10)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.b == 0:
            raise GameError("b of StableOpponentShaping must be positive: with b = 0 it leaves "
                            "zeros of omega, as LOLA does")

    def next(self, play: Play, rates: Entries, memory: Entries) -> Entries:
        """z - Gamma (xi_0 - p chi)."""
        alpha = _steps(self.alpha, play, rates)
        ahead, shaping = _foreseen(play, alpha), _shaping(play, alpha)
        against = shaping @ ahead                       # -c
        allowed = (ahead @ ahead) * play.number(self.a)
        size = play.omega @ play.omega
        one = play.number(sp.S.One)
        # Where p_1 = 1 is taken, against may be 0: nothing divides by it there.
        slow = against - allowed
        p1 = play.select(slow, allowed / play.select(slow, against, one), one)
        p2 = play.select(play.number(self.b)**2 - size, size, one)
        return play.z - rates * (ahead - shaping * play.select(p1 - p2, p2, p1))

    def tangent(self) -> Rule:
        """LookAhead: p <= |omega|^2 where omega is small, because b > 0."""
        return LookAhead(tau=self.tau, alpha=self.alpha)

    def field(self, game: Game) -> VectorField | None:
        """Simultaneous gradient play where alpha is the learning rate, which goes to 0."""
        if self.alpha is None:
            return SimultaneousGradient(tau=self.tau).field(game)
        return super().field(game)


@dataclass(frozen=True, kw_only=True)
class CompetitiveGradient(Rule):
    r"""The Nash point of a local bilinear game: z+ = z - (I + Gamma H_o)^-1 Gamma omega."""

    name: ClassVar[str] = "competitive"
    title: ClassVar[str] = "competitive gradient"
    formula: ClassVar[str] = r"z^+ = z - (I + \Gamma H_o)^{-1}\Gamma\omega"
    source: ClassVar[str] = ("F. Schaefer, A. Anandkumar, Competitive gradient descent, "
                             "NeurIPS 2019")

    def next(self, play: Play, rates: Entries, memory: Entries) -> Entries:
        """z - (I + Gamma H_o)^-1 Gamma omega."""
        matrix = play.identity() + rates[:, None] * play.others
        return play.z - play.solve(matrix, rates * play.omega, "I + Gamma H_o")


@dataclass(frozen=True, kw_only=True)
class LocalSymplecticSurgery(Rule):
    r"""z+ = z - Gamma (omega + J^T J^-1 omega)/2.

    The Jacobian of the direction at a zero of omega is (J + J^T)/2: with tau = 1 the zero
    attracts the flow only if J + J^T > 0 (unless it is only semidefinite), in zero-sum games
    only a differential Nash equilibrium.  With ``lam`` > 0, J^T (J^T J + lam I)^-1 J^T in the
    place of J^T J^-1, for Jacobians that may be singular.
    """

    name: ClassVar[str] = "symplectic_surgery"
    title: ClassVar[str] = "local symplectic surgery"
    formula: ClassVar[str] = r"z^+ = z - \tfrac12\Gamma(I + J^\top J^{-1})\omega"
    source: ClassVar[str] = ("E. Mazumdar, M. Jordan, S. Sastry, On finding local Nash equilibria "
                             "(and only local Nash equilibria) in zero-sum games, 2019")

    lam: Number = 0

    def next(self, play: Play, rates: Entries, memory: Entries) -> Entries:
        """z - Gamma (omega + J^T J^-1 omega)/2."""
        jacobian, right = play.jacobian, play.omega
        matrix = jacobian
        if self.lam != 0:
            matrix = jacobian.T @ jacobian + play.identity() * play.number(self.lam)
            right = jacobian.T @ play.omega
        turned = jacobian.T @ play.solve(matrix, right, "the game's Jacobian J")
        return play.z - rates * (play.omega + turned) * play.number(sp.S.Half)


@dataclass(frozen=True, kw_only=True)
class FollowTheRidge(Rule):
    r"""Gradient descent ascent whose follower also moves along the ridge D_2 f_2 = 0.

    x+ = x - gamma_1 D_1 f_1, y+ = y - gamma_2 D_2 f_2 + gamma_1 D^-1 C D_1 f_1.
    """

    name: ClassVar[str] = "follow_the_ridge"
    title: ClassVar[str] = "follow-the-ridge"
    formula: ClassVar[str] = (r"x^+ = x - \gamma_1D_1f_1,\ y^+ = y - \gamma_2D_2f_2 "
                              r"+ \gamma_1D^{-1}C\,D_1f_1")
    source: ClassVar[str] = ("Y. Wang, G. Zhang, J. Ba, On solving minimax optimization locally: "
                             "a follow-the-ridge approach, ICLR 2020")
    needs: ClassVar[str] = "zero-sum"

    def next(self, play: Play, rates: Entries, memory: Entries) -> Entries:
        """Both gradients, and the follower's answer to the leader's move."""
        own, others = play.leader, play.followers
        after = play.z - rates * play.omega
        pull = play.jacobian[others, own] @ (rates[own] * play.omega[own])
        after[others] = after[others] + play.solve(
            play.jacobian[others, others], pull, "the follower's Hessian D")
        return after


@dataclass(frozen=True, kw_only=True)
class DoubleFollowTheRidge(Rule):
    r"""Both players follow their ridges: z+ = z - Gamma (omega - exp(-epsilon |c|^2) c).

    c = H_d^-1 H_o omega, with ``lam`` > 0 (H_d^2 + lam I)^-1 H_d in the place of H_d^-1.  With
    ``exact`` the preconditioner is (I + H_d^-1 H_o)^-1 = J^-1 H_d, with which, for tau = 1, a
    zero of omega with J and H_d regular attracts the flow if and only if it is a differential
    Nash equilibrium, in every game: the Jacobian J^-1 H_d J there is similar to H_d.
    """

    name: ClassVar[str] = "double_follow_the_ridge"
    title: ClassVar[str] = "double follow-the-ridge"
    formula: ClassVar[str] = r"z^+ = z - \Gamma(I - H_d^{-1}H_o)\omega"
    source: ClassVar[str] = ("X. Bao, G. Zhang, Finding and only finding local Nash equilibria by "
                             "both pretending to be a follower, OpenReview igdWKxK5RZ")

    lam: Number = 0
    epsilon: Number = 0
    exact: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.exact and (self.lam != 0 or self.epsilon != 0):
            raise GameError("the exact preconditioner takes neither lam nor epsilon")

    def next(self, play: Play, rates: Entries, memory: Entries) -> Entries:
        """z - Gamma (omega - c), or z - Gamma J^-1 H_d omega."""
        if self.exact:
            return play.z - rates * play.solve(
                play.jacobian, play.own @ play.omega, "the game's Jacobian J")
        across = play.others @ play.omega
        if self.lam == 0:
            correction = play.solve_own(across)
        else:
            correction = across.copy()
            for k, own in enumerate(play.players, 1):
                hessian = play.jacobian[own, own]
                matrix = hessian @ hessian + play.identity()[own, own] * play.number(self.lam)
                correction[own] = play.solve(matrix, hessian @ across[own],
                                             f"D{k}{k} f{k}^2 + lam I")
        if self.epsilon != 0:
            size = correction @ correction
            correction = correction * play.algebra.exp(-(size * play.number(self.epsilon)))
        return play.z - rates * (play.omega - correction)


def _steps(alpha: Number | None, play: Play, rates: Entries) -> Entries:
    """The steps that players foresee of the others."""
    return rates if alpha is None else entries([play.number(alpha)] * play.n)


def _foreseen(play: Play, alpha: Entries) -> Entries:
    """xi_0 = (I - H_o diag(alpha)) omega."""
    return play.omega - play.others @ (alpha * play.omega)


def _shaping(play: Play, alpha: Entries) -> Entries:
    """chi_i = sum over j != i of (D_ji f_j)^T alpha_j D_j f_i."""
    out = play.omega.copy()
    for i, own in enumerate(play.players):
        # H_o is zero in the player's own block.
        out[own] = play.others[:, own].T @ (alpha * play.slope(i))
    return out
