r"""Newton's method, of one player, of both, and on the game's gradient.

Notation of `play`: omega the game's gradient, J = H_d + H_o its Jacobian with the blocks
D_ii f_i apart, Gamma = diag(gamma) the learning rates, those of the followers times tau;
A = D_11 f_1, B = D_12 f_1, C = D_21 f_2, D = D_22 f_2 for two players.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .play import Entries, Play
from .updates import Rule

__all__ = ["NewtonFollower", "CompleteNewton", "DampedNewton"]

_HESSIAN = "the follower's Hessian D"


@dataclass(frozen=True, kw_only=True)
class NewtonFollower(Rule):
    r"""The follower takes a Newton step, the leader a gradient step from there.

    y+ = y - D^-1 D_2 f_2(x, y), x+ = x - gamma_1 D_1 f_1(x, y+).  There is no flow: the
    follower's step is not small.
    """

    name: ClassVar[str] = "newton_follower"
    title: ClassVar[str] = "gradient, Newton follower"
    formula: ClassVar[str] = r"y^+ = y - D^{-1}D_2f_2,\ x^+ = x - \gamma_1D_1f_1(x, y^+)"
    source: ClassVar[str] = ("G. Zhang, K. Wu, P. Poupart, Y. Yu, Newton-type methods for minimax "
                             "optimization, arXiv 2006.14592, GDN (the same sequence of moves)")
    has_flow: ClassVar[bool] = False
    needs: ClassVar[str] = "two players"

    def next(self, play: Play, rates: Entries, memory: Entries) -> Entries:
        """The follower's Newton step, then the leader's gradient step."""
        z, own = _answered(play), play.leader
        z[own] = z[own] - rates[own] * play.moved(play.omega[own], z)
        return z


@dataclass(frozen=True, kw_only=True)
class CompleteNewton(Rule):
    r"""Newton steps of both: the follower's, then the leader's along the follower's answers.

    y+ = y - D^-1 D_2 f_2(x, y), x+ = x - S_1^-1 D_1 f_1 at (x, y+), S_1 = A - B D^-1 C.
    It has no learning rate and, for the leader's step is not small either, no flow.
    """

    name: ClassVar[str] = "complete_newton"
    title: ClassVar[str] = "complete Newton"
    formula: ClassVar[str] = r"y^+ = y - D^{-1}D_2f_2,\ x^+ = x - S_1^{-1}D_1f_1\,(x, y^+)"
    source: ClassVar[str] = ("G. Zhang, K. Wu, P. Poupart, Y. Yu, Newton-type methods for minimax "
                             "optimization, arXiv 2006.14592, CN (the same sequence of moves)")
    has_flow: ClassVar[bool] = False
    needs: ClassVar[str] = "zero-sum"

    def next(self, play: Play, rates: Entries, memory: Entries) -> Entries:
        """Both Newton steps."""
        z, own, others = _answered(play), play.leader, play.followers
        j = play.jacobian
        response = np.stack([play.solve(j[others, others], c, _HESSIAN)
                             for c in j[others, own].T], axis=1)
        schur = j[own, own] - j[own, others] @ response
        step = play.solve(schur, play.omega[own], "the Schur complement A - B D^-1 C")
        z[own] = z[own] - play.moved(step, z)
        return z


@dataclass(frozen=True, kw_only=True)
class DampedNewton(Rule):
    r"""Newton's method on omega, damped: z+ = z - Gamma J^-1 omega.

    It attracts to every zero of omega with an invertible Jacobian, whatever its class.
    """

    name: ClassVar[str] = "newton"
    title: ClassVar[str] = "damped Newton"
    formula: ClassVar[str] = r"z^+ = z - \Gamma J^{-1}\omega"
    source: ClassVar[str] = "I. Newton, J. Raphson; as a flow S. Smale, J. Math. Econ. 3, 1976"

    def next(self, play: Play, rates: Entries, memory: Entries) -> Entries:
        """z - Gamma J^-1 omega."""
        return play.z - rates * play.solve(play.jacobian, play.omega, "the game's Jacobian J")


def _answered(play: Play) -> Entries:
    """z with the follower's Newton step taken."""
    z, others = play.z.copy(), play.followers
    z[others] = z[others] - play.solve(play.jacobian[others, others], play.omega[others], _HESSIAN)
    return z
