r"""Rules that use the gradients alone: in turn, extrapolated, averaged, unrolled.

Notation of `play`: omega the game's gradient, J = H_d + H_o its Jacobian with the blocks
D_ii f_i apart, Gamma = diag(gamma) the learning rates, those of the followers times tau;
A = D_11 f_1, B = D_12 f_1, C = D_21 f_2, D = D_22 f_2 for two players.

The Stackelberg gradient, which needs one linear system, stands with them because it is the
gradient of what the leader pays once the followers have answered.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import sympy as sp

from ..declaration.costs import Number
from ..declaration.game import Game
from ..dynamics import VectorField, simultaneous_gradient, stackelberg_gradient
from ..errors import GameError
from .play import Entries, Play, entries
from .updates import Rule, RuleField

__all__ = ["SimultaneousGradient", "Alternating", "StackelbergGradient", "Extragradient",
           "Optimistic", "PastExtragradient", "LookaheadOptimiser", "Unrolled"]


@dataclass(frozen=True, kw_only=True)
class SimultaneousGradient(Rule):
    r"""Simultaneous gradient play, gradient descent ascent: z+ = z - Gamma omega."""

    name: ClassVar[str] = "simultaneous"
    title: ClassVar[str] = "simultaneous gradient"
    formula: ClassVar[str] = r"z^+ = z - \Gamma\omega(z)"
    source: ClassVar[str] = ("T. Fiez, L. Ratliff, Local convergence analysis of gradient "
                             "descent ascent with finite timescale separation, ICLR 2021")

    def next(self, play: Play, rates: Entries, memory: Entries) -> Entries:
        """z - Gamma omega."""
        return play.z - rates * play.omega

    def field(self, game: Game) -> VectorField | None:
        """omega itself where tau = 1."""
        return simultaneous_gradient(game) if self.tau == 1 else super().field(game)


@dataclass(frozen=True, kw_only=True)
class Alternating(Rule):
    r"""The players move in turn, each seeing the moves before: x_i+ = x_i - gamma_i D_i f_i."""

    name: ClassVar[str] = "alternating"
    title: ClassVar[str] = "alternating gradient"
    formula: ClassVar[str] = (r"x_i^+ = x_i - \gamma_i D_if_i(x_1^+, \dots, x_{i-1}^+, "
                              r"x_i, \dots, x_N)")
    source: ClassVar[str] = ("G. Gidel, R. Askari Hemmat, M. Pezeshki, R. Le Priol, G. Huang, "
                             "S. Lacoste-Julien, I. Mitliagkas, Negative momentum for improved "
                             "game dynamics, AISTATS 2019")

    def next(self, play: Play, rates: Entries, memory: Entries) -> Entries:
        """One player after the other."""
        z = play.z.copy()
        for own in play.players:
            z[own] = z[own] - rates[own] * play.moved(play.omega[own], z)
        return z


@dataclass(frozen=True, kw_only=True)
class StackelbergGradient(Rule):
    r"""The leader descends its total derivative (Algorithm 1): z+ = z - Gamma omega_S.

    omega_S = (D_1 f_1 - C^T (D + eta I)^-T D_2 f_1, D_2 f_2); ``eta`` >= 0 regularises.
    """

    name: ClassVar[str] = "stackelberg"
    title: ClassVar[str] = "Stackelberg gradient"
    formula: ClassVar[str] = r"z^+ = z - \Gamma\omega_{\mathcal S}(z)"
    source: ClassVar[str] = ("T. Fiez, B. Chasnov, L. Ratliff, Implicit learning dynamics in "
                             "Stackelberg games, ICML 2020, Algorithm 1 and appendix H.1")
    rest: ClassVar[str] = "stackelberg"
    any_size: ClassVar[bool] = True

    eta: Number = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.eta != 0:
            # In general sum its zeros are others than those of omega_S.
            object.__setattr__(self, "rest", "zero-sum")

    def next(self, play: Play, rates: Entries, memory: Entries) -> Entries:
        """z - Gamma omega_S."""
        others = play.followers
        hessian = play.jacobian[others, others] + play.identity()[
            others, others] * play.number(self.eta)
        weight = play.solve(hessian.T, play.slope(0)[others], "the followers' Jacobian D")
        direction = play.omega.copy()
        direction[play.leader] = direction[play.leader] - play.jacobian[
            others, play.leader].T @ weight
        return play.z - rates * direction

    def field(self, game: Game) -> VectorField | None:
        """omega_S with its tau and eta."""
        return stackelberg_gradient(game, self.tau, self.eta)


@dataclass(frozen=True, kw_only=True)
class Extragradient(Rule):
    r"""A trial step, whose gradient is used: z+ = z - Gamma omega(z - Gamma omega(z))."""

    name: ClassVar[str] = "extragradient"
    title: ClassVar[str] = "extragradient"
    formula: ClassVar[str] = r"z^+ = z - \Gamma\omega(z - \Gamma\omega(z))"
    source: ClassVar[str] = ("G. M. Korpelevich, The extragradient method for finding saddle "
                             "points and other problems, Matecon 12, 1976")

    def next(self, play: Play, rates: Entries, memory: Entries) -> Entries:
        """z - Gamma omega(z - Gamma omega)."""
        return play.z - rates * play.moved(play.omega, play.z - rates * play.omega)


@dataclass(frozen=True, kw_only=True)
class Optimistic(Rule):
    r"""Optimistic gradient: z+ = z - 2 Gamma omega(z) + Gamma m, m+ = omega(z).

    The memory is the last gradient; at the start that of the start.
    """

    name: ClassVar[str] = "optimistic"
    title: ClassVar[str] = "optimistic gradient"
    formula: ClassVar[str] = r"z_{k+1} = z_k - 2\Gamma\omega(z_k) + \Gamma\omega(z_{k-1})"
    source: ClassVar[str] = ("L. D. Popov, A modification of the Arrow-Hurwicz method for search "
                             "of saddle points, 1980; C. Daskalakis, A. Ilyas, V. Syrgkanis, "
                             "H. Zeng, Training GANs with optimism, ICLR 2018")
    remembers: ClassVar[bool] = True

    def next(self, play: Play, rates: Entries, memory: Entries) -> Entries:
        """z - 2 Gamma omega + Gamma m."""
        return play.z - rates * (play.omega + play.omega - memory)

    def remember(self, play: Play, rates: Entries, memory: Entries) -> Entries:
        """omega(z)."""
        return play.omega


@dataclass(frozen=True, kw_only=True)
class PastExtragradient(Rule):
    r"""Extragradient whose trial step uses the gradient of the last trial point.

    z+ = z - Gamma omega(z - Gamma m), m+ = omega(z - Gamma m); at the start m = omega(z).
    """

    name: ClassVar[str] = "past_extragradient"
    title: ClassVar[str] = "past extragradient"
    formula: ClassVar[str] = (r"z_{k+1} = z_k - \Gamma\omega(z_{k+1/2}),\quad "
                              r"z_{k+1/2} = z_k - \Gamma\omega(z_{k-1/2})")
    source: ClassVar[str] = ("G. Gidel, H. Berard, G. Vignoud, P. Vincent, S. Lacoste-Julien, A "
                             "variational inequality perspective on GANs, ICLR 2019")
    remembers: ClassVar[bool] = True

    def next(self, play: Play, rates: Entries, memory: Entries) -> Entries:
        """z - Gamma omega(z - Gamma m)."""
        return play.z - rates * self.remember(play, rates, memory)

    def remember(self, play: Play, rates: Entries, memory: Entries) -> Entries:
        """omega(z - Gamma m)."""
        return play.moved(play.omega, play.z - rates * memory)


@dataclass(frozen=True, kw_only=True)
class LookaheadOptimiser(Rule):
    r"""After ``steps`` updates of another rule, go back a part of the way.

    z+ = z + alpha (z_k - z), z_k after k = ``steps`` updates of the rule ``inner``, which
    has no memory and whose own tau is 1.  The update counted is the outer one.
    """

    name: ClassVar[str] = "lookahead_optimiser"
    title: ClassVar[str] = "lookahead optimiser"
    formula: ClassVar[str] = r"z^+ = z + \alpha\,(F_{\mathrm{inner}}^{\,k}(z) - z)"
    source: ClassVar[str] = ("T. Chavdarova, M. Pagliardini, S. Stich, F. Fleuret, M. Jaggi, "
                             "Taming GANs with Lookahead-Minmax, ICLR 2021")

    steps: Number = 5
    alpha: Number = sp.Rational(1, 2)
    inner: Rule = SimultaneousGradient()

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_count(self.steps, self)
        if not isinstance(self.inner, Rule) or self.inner.remembers or self.inner.tau != 1:
            raise GameError("inner must be a rule without a memory and with tau = 1; the tau "
                            "of the lookahead optimiser applies to it")
        for name in ("rest", "needs", "has_flow"):      # as fields these would be parameters
            object.__setattr__(self, name, getattr(self.inner, name))

    def tangent(self) -> Rule:
        """That of the inner rule, looked at in the same way."""
        return replace(self, inner=self.inner.tangent())

    def field(self, game: Game) -> VectorField | None:
        """steps alpha g with g the inner rule's field: that of one step as good as all."""
        once = replace(self, steps=1, alpha=sp.Mul(self.steps, self.alpha))
        return RuleField(game, once) if self.has_flow else None

    def next(self, play: Play, rates: Entries, memory: Entries) -> Entries:
        """z + alpha (z_k - z)."""
        once, z = self.inner.next(play, rates, memory), play.z
        for _ in range(int(self.steps)):
            z = play.moved(once, z)
        return play.z + (z - play.z) * play.number(self.alpha)


@dataclass(frozen=True, kw_only=True)
class Unrolled(Rule):
    r"""The leader looks ``steps`` gradient steps of the followers ahead.

    x+ = x - gamma_1 d/dx f_1(x, y_k(x)), y_{i+1} = y_i - beta F(x, y_i), y_0 = y, F the
    followers' own gradients, and y+ = y - gamma_2 F.  ``beta`` is the followers' learning
    rate if None.
    """

    name: ClassVar[str] = "unrolled"
    title: ClassVar[str] = "unrolled gradient"
    formula: ClassVar[str] = (r"x^+ = x - \gamma_1\tfrac{d}{dx}f_1(x, y_k(x)),\ "
                              r"y_{i+1} = y_i - \beta D_2f_2(x, y_i)")
    source: ClassVar[str] = ("L. Metz, B. Poole, D. Pfau, J. Sohl-Dickstein, Unrolled generative "
                             "adversarial networks, ICLR 2017")
    rest: ClassVar[str] = "zero-sum"

    steps: Number = 5
    beta: Number | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_count(self.steps, self)

    def next(self, play: Play, rates: Entries, memory: Entries) -> Entries:
        """The total derivative through the followers' steps, and their gradients."""
        own, others = play.leader, play.followers
        beta = rates[others] if self.beta is None else entries(
            [play.number(self.beta)] * (play.n - len(play.z[own])))
        z, slope = play.z, play.slope(0)
        # dy_i/dx, from dy_0/dx = 0.
        response = play.jacobian[others, own] * 0
        for _ in range(int(self.steps)):
            j = play.moved(play.jacobian[others].ravel(), z).reshape(-1, play.n)
            response = response - beta[:, None] * (j[:, own] + j[:, others] @ response)
            after = z.copy()
            after[others] = z[others] - beta * play.moved(play.omega[others], z)
            z = after
        slope = play.moved(slope, z)
        direction = play.omega.copy()
        direction[own] = slope[own] + response.T @ slope[others]
        return play.z - rates * direction


def _check_count(steps: Any, rule: Rule) -> None:
    if not (steps.is_Integer and 1 <= steps <= 100):
        raise GameError(f"steps of {type(rule).__name__} must be an integer from 1 to 100, "
                        f"not {steps}")
