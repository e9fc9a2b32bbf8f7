r"""Statements on Nash and Stackelberg equilibria of zero-sum and general-sum games.

Section 2.2 and section 3 of Fiez, Chasnov and Ratliff, ICML 2020, and appendices B and D.
"""

from __future__ import annotations

from ..truth import Truth
from ..verdicts.local import LocalGame
from .claims import Claim, claim
from .vocabulary import CRITICAL, FOLLOWER_DEFINITE, NASH, STABLE, ZERO_SUM, positive_value

__all__ = ["TABLE"]

TABLE: dict[str, Claim] = {}


@claim(TABLE, "proposition-3", "Proposition 3", source="section 3",
       statement=r"$f_2 = -f_1:\quad x \text{ is a DNE} \Rightarrow x \text{ is a DSE}$",
       hypotheses=(ZERO_SUM, NASH), then="differential Stackelberg",
       games=lambda s: s.nash_games())
def _nash_is_stackelberg(local: LocalGame) -> Truth:
    """In zero-sum games every differential Nash equilibrium is differential Stackelberg.

    Proof.  S1(J) = A + B D^-1 B^T >= A > 0, and at a critical point of a zero-sum game
    D^2 f1 = S1(J).
    """
    return local.stackelberg


@claim(TABLE, "statement-2.9", "Stable points with a strict follower are Stackelberg",
       source="proved here; it contains Proposition 4 and Corollary E.1",
       statement=r"$f_2 = -f_1,\ D_2^2f_2(x) > 0,\ \tau > 0,\ \operatorname{spec}J_\tau(x)"
                 r" \subset \mathbb C_+^\circ \Rightarrow x \text{ is a DSE}$",
       hypotheses=(ZERO_SUM, CRITICAL, FOLLOWER_DEFINITE, positive_value("tau"), STABLE),
       then="differential Stackelberg",
       games=lambda s: s.with_values(s.stable_games(follower_definite=True), tau=s.ratios()))
def _stable_is_stackelberg(local: LocalGame) -> Truth:
    """A stable point of zero-sum gradient play, the follower at a strict optimum, is a DSE.

    Proof.  Multiplying the follower's rows by tau > 0 amounts to other B and D with the same
    S1, so let tau = 1.  For real l <= 0 the matrix D - l is positive definite, hence

        det(J - l) = det(D - l) det S(l),    S(l) = A - l + B (D - l)^-1 B^T,

    and S(l) is symmetric, continuous in l, and positive definite for l near -infinity.  If
    S(0) = S1 were not positive definite, some l0 <= 0 would make S(l0) singular, and J would
    have the real eigenvalue l0 <= 0: it would not be stable.  So S1 > 0, and with D > 0 the
    critical point is a differential Stackelberg equilibrium.
    """
    return local.stackelberg
