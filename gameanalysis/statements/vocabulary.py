r"""The conditions that statements are made of, each decided exactly where the jet is rational.

x1 leads, x2 follows; J = [[A, B], [C, D]] is the Jacobian of w = (D1 f1, D2 f2), J_S that of
w_S = (D f1, D2 f2), with tau the followers' rows are multiplied by tau, a value that the
`LocalGame` carries (1 by default), and S1(M) is the Schur complement with respect to the
followers' block.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any

from ..exact.definiteness import is_singular
from ..truth import Truth
from ..verdicts.evidence import all_zero, total_definite
from ..verdicts.local import LocalGame
from .claims import Condition, Finding
from .rational_blocks import NO_BLOCKS, blocks_of

__all__ = [
    "CRITICAL", "FOLLOWER_DEFINITE", "JOINTLY_DIAGONAL", "LEADER_DEFINITE", "NASH", "ON_CURVE",
    "REALIZABLE", "REGULAR", "REGULAR_FOLLOWER", "SCALAR_PLAYERS", "STABLE",
    "STACKELBERG", "STACKELBERG_CRITICAL", "STACKELBERG_HYPERBOLIC", "STACKELBERG_STABLE",
    "TOTAL_HESSIAN_POSITIVE", "TWO_PLAYERS", "ZERO_SUM", "positive_value",
    "strict_follower_games"]


def positive_value(name: str) -> Condition:
    """The condition that a value is positive; it is 1 where the game carries none."""
    return Condition(f"{name} > 0", rf"\{name} > 0",
                     lambda local: Truth.of(local.value(name) > 0))


def _at_rest(local: LocalGame, found: Truth, of: str) -> Finding:
    """The answer, and where it is no, whether that is because the point is not critical."""
    if found is Truth.NO and local.is_critical(of) is Truth.NO:
        field = "omega" if of == "simultaneous" else "omega_S"
        return Finding(found, f"{field} is not zero, or not defined, exactly at this point")
    return Finding(found)


def _tau(local: LocalGame) -> object:
    return local.value("tau")


TWO_PLAYERS = Condition("two players", r"N = 2", lambda local: Truth.of(len(local.sizes) == 2))
ZERO_SUM = Condition("zero-sum", r"f_2 = -f_1", lambda local: local.zero_sum)
CRITICAL = Condition("omega = 0", r"\omega(x) = 0", lambda local: local.is_critical())
STACKELBERG_CRITICAL = Condition("omega_S = 0", r"\omega_S(x) = 0",
                                 lambda local: local.is_critical("stackelberg"))
ON_CURVE = Condition("D2 f2 = 0", r"D_2f_2(x) = 0", lambda local: local.on_reaction_curve)
REGULAR_FOLLOWER = Condition("det D22 f2 != 0", r"\det D_2^2f_2(x) \neq 0",
                             lambda local: local.regular_follower)
LEADER_DEFINITE = Condition("D11 f1 > 0", r"D_1^2f_1(x) > 0", lambda local: local.is_positive(0))
FOLLOWER_DEFINITE = Condition("D22 f2 > 0", r"D_2^2f_2(x) > 0",
                              lambda local: local.is_positive(1))
NASH = Condition("differential Nash", r"x \text{ is a DNE}",
                 lambda local: _at_rest(local, local.nash, "simultaneous"))
STACKELBERG = Condition("differential Stackelberg", r"x \text{ is a DSE}",
                        lambda local: _at_rest(local, local.stackelberg, "stackelberg"))
STABLE = Condition(
    "spec J_tau in the right half-plane, omega = 0",
    r"\operatorname{spec}J_\tau(x) \subset \mathbb C_+^\circ,\ \omega(x) = 0",
    lambda local: _at_rest(local, local.is_stable("simultaneous", _tau(local)), "simultaneous"))
STACKELBERG_STABLE = Condition(
    "spec J_S_tau in the right half-plane, omega_S = 0",
    r"\operatorname{spec}J_{S_\tau}(x) \subset \mathbb C_+^\circ,\ \omega_S(x) = 0",
    lambda local: _at_rest(local, local.is_stable("stackelberg", _tau(local)), "stackelberg"))
STACKELBERG_HYPERBOLIC = Condition(
    "no eigenvalue of J_S_tau on the imaginary axis",
    r"\operatorname{spec}J_{S_\tau}(x) \cap i\mathbb R = \emptyset",
    lambda local: local.is_hyperbolic("stackelberg", _tau(local)))
TOTAL_HESSIAN_POSITIVE = Condition("S1(J_S) > 0", r"S_1(J_S(x)) > 0",
                                   lambda local: local.truth(total_definite))
REGULAR = Condition("det J != 0", r"\det J(x) \neq 0", lambda local: ~local.truth(
    lambda m: is_singular(m.jacobian, m.sign)))
SCALAR_PLAYERS = Condition("one action for each of two players", r"m_1 = m_2 = 1",
                           lambda local: Truth.of(local.sizes == (1, 1)))
REALIZABLE = Condition("D11 f1 = 0", r"D_1^2f_1(x) = 0", lambda local: local.truth(
    lambda m: all_zero([e for row in m.own_hessians()[0] for e in row], m.sign)))


def _jointly_diagonal(local: LocalGame) -> Truth | Finding:
    blocks = blocks_of(local)
    if blocks is None:
        return NO_BLOCKS
    a, b, d = blocks.a, blocks.b, blocks.d
    left, right = b * b.transpose(), b.transpose() * b
    through = b * d * b.transpose()
    return Truth.of(a * left == left * a and d * right == right * d
                    and a * through == through * a)


#: The commutators say that orthogonal W1, W2 exist with A = W1 M W1^T, B = W1 Sigma W2^T and
#: D = W2 Delta W2^T, all of M, Sigma, Delta diagonal.  They vanish then.  Conversely B is
#: s times an isometry of an eigenspace of B^T B with the eigenvalue s^2 > 0 onto one of
#: B B^T; D maps the former and A the latter to itself; B D B^T and A commute there, so D and
#: A carried over by B do, and they have a common basis.  On the kernels A and D are free.
JOINTLY_DIAGONAL = Condition(
    "A, B B^T, B D B^T commute, and D, B^T B", r"A,\ BB^\top,\ BDB^\top \text{ commute, and "
    r"} D,\ B^\top B", _jointly_diagonal)


def strict_follower_games(strategies: Any, *, zero_sum: bool = True,
                          sizes: tuple[int, ...] = (1, 2), **options: Any) -> Any:
    """Games with w_S = 0 and D22 f2 > 0, and S1(J_S) of each inertia in turn.

    strategies : the module.  sizes : the numbers of actions that each player may have.
    options : of `strategies.inertia_games`.
    """
    return reduce(or_, (
        strategies.inertia_games(schur=(p, n1 - p - z, z), response=(n2, 0, 0),
                                 zero_sum=zero_sum, **options)
        for n1 in sizes for n2 in sizes for p in range(n1, -1, -1) for z in range(n1 - p + 1)))
