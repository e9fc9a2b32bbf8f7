r"""Readings of the theory that are false, as claims that must be refuted.

Each is an implication that looks like a theorem and has a small counterexample.  The letters
are those of `vocabulary`: x1 leads, J = [[A, B], [C, D]], S1(M) = M11 - M12 M22^-1 M21, and
D^2 f1 = S1(J_S) on the reaction curve D2 f2 = 0.  In zero-sum games C = -B^T, D = -D2^2 f and,
at a critical point, D^2 f1 = S1(J) = A + B D^-1 B^T and

    J_S_tau = [[S1, 0], [tau C, tau D]].

Most readings fail because three properties of a critical point are confused that all rest on
D > 0 and A > 0, but in different ways: Nash (A > 0, D > 0), Stackelberg (S1 > 0, D > 0) and
stable (spec J in the right half-plane).  The rest carry a zero-sum identity over to general
sum, or an identity at a critical point to other points.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from ..exact.definiteness import inertia, is_positive_definite, is_stable
from ..exact.minors import dot
from ..truth import Truth
from ..verdicts.evidence import all_zero
from ..verdicts.forms import Matrices
from ..verdicts.local import LocalGame
from .claims import Claim, Condition, Finding, claim
from .series import NO_JET, costs_at, stackelberg_linearisation
from .vocabulary import (CRITICAL, NASH, REGULAR, REGULAR_FOLLOWER, STABLE, STACKELBERG,
                         STACKELBERG_CRITICAL, STACKELBERG_STABLE, TOTAL_HESSIAN_POSITIVE,
                         ZERO_SUM, positive_value)

__all__ = ["TABLE"]

TABLE: dict[str, Claim] = {}

Rows = list[list[Any]]


# -- Nash and Stackelberg ---------------------------------------------------------------------

@claim(TABLE, "false-nash-is-stackelberg", "Nash implies Stackelberg in general sum",
       source="false: Proposition 3 without its hypothesis",
       statement=r"$x \text{ is a DNE} \Rightarrow x \text{ is a DSE}$",
       hypotheses=(NASH,), then="differential Stackelberg", holds=False,
       games=lambda s: s.nash_games(zero_sum=False),
       witnesses=("nash_not_dse_general_sum", "nash_unstable_general_sum", "tandem"))
def _nash_is_stackelberg(local: LocalGame) -> Truth:
    """In general-sum games, too, a differential Nash equilibrium is Stackelberg.  False.

    True in zero-sum games (Proposition 3), where S1 = A + B D^-1 B^T >= A.  In general sum the
    follower's response may carry the leader downhill: f1 = x^2/2 + 2xy, f2 = y^2/2 + xy has
    A = D = 1, y = -x and f1(x, -x) = -3x^2/2.  The leader may also want to leave the point
    at first order: D f1 = D1 f1 - C^T D^-1 D2 f1 is not zero where D2 f1 is not.
    """
    return local.stackelberg


@claim(TABLE, "false-stackelberg-is-nash", "Stackelberg implies Nash in zero-sum games",
       source="false: the converse of Proposition 3",
       statement=r"$f_2 = -f_1:\quad x \text{ is a DSE} \Rightarrow x \text{ is a DNE}$",
       hypotheses=(ZERO_SUM, STACKELBERG), then="differential Nash", holds=False,
       games=lambda s: s.stackelberg_games(),
       witnesses=("dse_not_nash", "dse_unstable", "jin_centre", "realizable", "tau_star_2",
                  "non_normal"))
def _stackelberg_is_nash(local: LocalGame) -> Truth:
    """In zero-sum games a differential Stackelberg equilibrium is Nash.  False.

    Only the converse is true.  The leader need not be at a minimum of f(., y): that the
    follower answers is enough.  f = xy - y^2/2 has A = 0, and S1 = 1.
    """
    return local.nash


@claim(TABLE, "false-order-of-play", "Stackelberg in one order of play is so in the other",
       source="false: separating games of Definition 4",
       statement=r"$f_2 = -f_1,\ \omega(x) = 0:\quad x \text{ is a DSE with player 1 leading}"
                 r" \Leftrightarrow x \text{ is a DSE with player 2 leading}$",
       hypotheses=(ZERO_SUM, CRITICAL), then="a DSE in both orders of play or in neither",
       holds=False, games=lambda s: s.critical_games(),
       witnesses=("stable_neither", "dse_not_nash", "dse_unstable", "realizable"))
def _order_of_play(local: LocalGame) -> Truth | Finding:
    """In zero-sum games it does not matter who leads.  False.

    With player 1 leading a DSE has D > 0 and A + B D^-1 B^T > 0, with player 2 leading A > 0
    and D + B^T A^-1 B > 0.  f = xy - y^2/2 is the first, and A = 0.  What is true: a point
    that is a DSE in both orders has A > 0 and D > 0, so it is Nash, and every Nash point is.
    """
    if local.jet is None:
        return Finding(Truth.UNDECIDED, "players are swapped where the jet is rational")
    return _same(local.stackelberg, local.swapped.stackelberg)


def _local_stackelberg(local: LocalGame) -> Truth:
    """Definition 2 at a critical point of quadratic costs (f, -f); UNDECIDED for others.

    In a basis of the follower's range and kernel D = diag(D+, 0), D+ invertible, and
    B = [B+, B0].  The origin is a best response to itself only if D >= 0.  Near 0 the
    follower then gains x^T B+ D+^-1 B+^T x / 2 + r |B0^T x|, with r > 0 the radius of its
    neighbourhood, so that the point is local Stackelberg if and only if D >= 0 and
    x^T (A + B+ D+^-1 B+^T) x >= 0 wherever B0^T x = 0.
    """
    m = local.matrices
    if m is None or (local.zero_sum & local.is_critical()) is not Truth.YES:
        return Truth.UNDECIDED
    f, variables = local.game.players[0].cost, local.game.variables
    if not f.is_polynomial(*variables) or sp.Poly(f, *variables).total_degree() > 2:
        return Truth.UNDECIDED
    if _n_negative(m.response):
        return Truth.NO
    jacobian, n1 = sp.Matrix(m.jacobian), m.n1
    a, b, d = jacobian[:n1, :n1], jacobian[:n1, n1:], jacobian[n1:, n1:]
    kernel, free = d.nullspace(), sp.eye(n1).columnspace()
    if kernel:
        free = (b * sp.Matrix.hstack(*kernel)).T.nullspace()
    if not free:
        return Truth.YES
    x, image = sp.Matrix.hstack(*free), d.columnspace()
    form = x.T * a * x
    if image:
        # Where B0^T x = 0, B^T x lies in the range of D.
        y = sp.Matrix.hstack(*image)
        form += x.T * b * y * (y.T * d * y).inv() * y.T * b.T * x
    return Truth.of(not _n_negative([[Fraction(int(v.p), int(v.q)) for v in row]
                                     for row in form.tolist()]))


_LOCAL_STACKELBERG = Condition("quadratic, local Stackelberg",
                               r"f \text{ quadratic},\ x \text{ is an LSE}", _local_stackelberg)


@claim(TABLE, "false-local-is-differential", "Local Stackelberg implies differential",
       source="false: Corollary 1 read for every game instead of a generic one",
       statement=r"$f_2 = -f_1,\ \omega(x) = 0,\ \det J(x) \neq 0,\ x \text{ is an LSE}"
                 r" \Rightarrow x \text{ is a DSE}$",
       hypotheses=(ZERO_SUM, CRITICAL, REGULAR, _LOCAL_STACKELBERG),
       then="differential Stackelberg", holds=False,
       games=lambda s: s.degenerate_follower_games(completion="none"),
       witnesses=("bilinear",))
def _local_is_differential(local: LocalGame) -> Truth:
    """A non-degenerate local Stackelberg equilibrium of a zero-sum game is a DSE.  False.

    True for almost every game (Theorem 1), but not without the curvature of the follower:
    the origin of f = xy is local Stackelberg, for the follower answers x != 0 with a
    y of the sign of x, and D22 f2 = 0.
    """
    return local.stackelberg


# -- the Schur complement and the total Hessian ---------------------------------------------

def _form_positive(m: Matrices) -> Truth:
    """Whether v^T S1(J) v > 0 for v != 0; S1(J) need not be symmetric in general sum."""
    rows, d = m.schur_complement()
    sign = m.sign(d)
    if not sign:
        return Truth.of(None if sign is None else False)
    return is_positive_definite([[sign * (e + f) for e, f in zip(row, column)]
                                 for row, column in zip(rows, zip(*rows))], m.sign)


@claim(TABLE, "false-schur-is-total-hessian", "S1(J) > 0 for S1(J_S) > 0 in general sum",
       source="false: the zero-sum second-order test, used in general sum",
       statement=r"$\omega_S(x) = 0:\quad S_1(J(x)) > 0 \Leftrightarrow S_1(J_S(x)) > 0$",
       hypotheses=(STACKELBERG_CRITICAL,), then="S1(J) > 0 if and only if S1(J_S) > 0",
       holds=False,
       games=lambda s: s.critical_games(zero_sum=False, of="stackelberg"),
       witnesses=("schur_not_total_hessian",))
def _schur_is_total_hessian(local: LocalGame) -> Truth:
    """Where w_S = 0 the sign of S1(J) decides the leader's second-order condition.  False.

    D^2 f1 = S1(J_S) in every game.  S1(J) is the same only where D2 f1 = -D2 f2 = 0, as in
    zero-sum games; otherwise J lacks D21 f1, D22 f1 and the curvature of the response.
    f1 = x^2 + xy + y + x + xy^2, f2 = y^2/2 + xy + x^2 y has S1(J) = 1 and D^2 f1 = -2 at 0.
    """
    return _same(local.truth(_form_positive), TOTAL_HESSIAN_POSITIVE.find(local).truth)


@claim(TABLE, "false-schur-identity-off-curve", "S1(J_S) = S1(J) off the reaction curve",
       source="false: Proposition 1 as printed, S1(J_S(x)) = S1(J(x)) without D2 f2(x) = 0",
       statement=r"$f_2 = -f_1,\ \det D_2^2f_2(x) \neq 0 \Rightarrow S_1(J_S(x)) = S_1(J(x))$",
       hypotheses=(ZERO_SUM, REGULAR_FOLLOWER), then="S1(J_S) = S1(J)", holds=False,
       games=lambda s: s.off_curve_games(), witnesses=("schur_off_curve",))
def _schur_identity(local: LocalGame) -> Truth:
    """In zero-sum games S1(J_S) = S1(J) at every point.  False.

    True where D2 f = 0; elsewhere the difference is linear in D2 f, with the third
    derivatives of f as coefficients.  f = xy - y^2/2 + xy^2 has S1(J_S) = -3, S1(J) = 9 at
    (0, 1).  The games need a cubic term: S1(J_S) = S1(J) wherever f is quadratic.
    """
    return local.truth(_schur_complements_agree)


def _schur_complements_agree(m: Matrices) -> Truth:
    total, p = m.total_hessian()
    schur, d = m.schur_complement()
    return all_zero([d * e - p * f for pair in zip(total, schur) for e, f in zip(*pair)], m.sign)


# -- stable and equilibrium ---------------------------------------------------------------------

@claim(TABLE, "false-stable-is-stackelberg", "Stable implies Stackelberg in zero-sum games",
       source="false: Corollary E.1 without D22 f2 > 0",
       statement=r"$f_2 = -f_1,\ \omega(x) = 0,\ \operatorname{spec}J(x) \subset"
                 r" \mathbb C_+^\circ \Rightarrow x \text{ is a DSE}$",
       hypotheses=(ZERO_SUM, STABLE), then="differential Stackelberg", holds=False,
       games=lambda s: s.stable_games(), witnesses=("stable_neither",))
def _stable_is_stackelberg(local: LocalGame) -> Truth:
    """A stable point of zero-sum simultaneous gradient play is a DSE.  False.

    True with D22 f2 > 0, in any dimension.  Without it the leader's curvature can stabilise
    a follower that sits at the wrong extremum: f = x^2 + 2xy + y^2/2 has the spectrum
    1/2 +- i sqrt(7)/2 and D22 f2 = -1.
    """
    return local.stackelberg


@claim(TABLE, "false-stable-is-nash", "Stable implies Nash in zero-sum games",
       source="false: the converse of 'a differential Nash equilibrium is stable'",
       statement=r"$f_2 = -f_1,\ \omega(x) = 0,\ \operatorname{spec}J(x) \subset"
                 r" \mathbb C_+^\circ \Rightarrow x \text{ is a DNE}$",
       hypotheses=(ZERO_SUM, STABLE), then="differential Nash", holds=False,
       games=lambda s: s.stable_games(),
       witnesses=("stable_neither", "dse_not_nash", "realizable"))
def _stable_is_nash(local: LocalGame) -> Truth:
    """A stable point of zero-sum simultaneous gradient play is a differential Nash one.  False.

    A DNE is stable, for J + J^T = 2 diag(A, D) > 0, but stability needs a sum only: in two
    variables A + D > 0 and A D + B^2 > 0.  f = xy - y^2/2 has A = 0.
    """
    return local.nash


@claim(TABLE, "false-stackelberg-is-stable", "Stackelberg implies stable in zero-sum games",
       source="false: Proposition 2 with J for J_S",
       statement=r"$f_2 = -f_1,\ x \text{ is a DSE} \Rightarrow \operatorname{spec}J(x) \subset"
                 r" \mathbb C_+^\circ$",
       hypotheses=(ZERO_SUM, STACKELBERG), then="spec J in the right half-plane", holds=False,
       games=lambda s: s.stackelberg_games(),
       witnesses=("dse_unstable", "jin_centre", "tau_star_2", "non_normal"))
def _stackelberg_is_stable(local: LocalGame) -> Truth:
    """A zero-sum DSE is stable under simultaneous gradient play.  False.

    It is stable under x' = -w_S (Proposition 2), and under x' = -w_tau for all tau > tau*, a
    number that can exceed 1: the trace of J is tr A + tr D, and A may be as negative as
    S1 - B D^-1 B^T.  f = -x^2 + 2xy - y^2/2 has A = -2, D = 1 and tau* = 2.
    """
    return local.is_stable("simultaneous")


@claim(TABLE, "false-nash-is-stable", "Nash implies stable in general sum",
       source="false: Proposition D.1 without its hypothesis",
       statement=r"$x \text{ is a DNE} \Rightarrow \operatorname{spec}J(x) \subset"
                 r" \mathbb C_+^\circ$",
       hypotheses=(NASH,), then="spec J in the right half-plane", holds=False,
       games=lambda s: s.nash_games(zero_sum=False),
       witnesses=("nash_unstable_general_sum", "tandem"))
def _nash_is_stable(local: LocalGame) -> Truth:
    """A differential Nash equilibrium is stable under simultaneous gradient play.  False.

    True in zero-sum games, where B and C cancel in J + J^T.  In general sum
    f1 = x^2/2 + 2xy, f2 = y^2/2 + 2xy has A = D = 1 and det J = -3.
    """
    return local.is_stable("simultaneous")


@claim(TABLE, "false-nash-is-isolated", "Differential Nash equilibria are isolated",
       source="false: a consequence of det J != 0, taken for one of Definition 3",
       statement=r"$x \text{ is a DNE} \Rightarrow \det J(x) \neq 0$",
       hypotheses=(NASH,), then="det J != 0", holds=False,
       games=lambda s: s.nash_games(zero_sum=False), witnesses=("tandem",))
def _nash_is_isolated(local: LocalGame) -> Truth:
    """At a differential Nash equilibrium the game Jacobian is invertible.  False.

    True in zero-sum games, where J + J^T > 0.  The tandem game f1 = (x + y)^2 - 2x,
    f2 = (x + y)^2 - 2y meets Definition 3 on the whole line x + y = 1.
    """
    return REGULAR.find(local).truth


@claim(TABLE, "false-stackelberg-stable-is-stackelberg",
       "Stable Stackelberg play ends at a DSE in general sum",
       source="false: Proposition 2 in general sum",
       statement=r"$\omega_S(x) = 0,\ \operatorname{spec}J_S(x) \subset \mathbb C_+^\circ"
                 r" \Rightarrow x \text{ is a DSE}$",
       hypotheses=(STACKELBERG_STABLE,), then="differential Stackelberg", holds=False,
       games=lambda s: s.critical_games(zero_sum=False, of="stackelberg"),
       witnesses=("stable_not_dse_general_sum",))
def _stackelberg_stable_is_stackelberg(local: LocalGame) -> Truth:
    """A stable point of Stackelberg gradient play is a DSE in general sum, too.  False.

    In zero-sum games J_S is block triangular and its spectrum is that of S1 and of D.  In
    general sum only the Schur complement of J_S is D^2 f1, so that det J_S = det D^2 f1 det D,
    and both factors may be negative: f1 = x^2 - 3y^2/2, f2 = -y^2/2 + xy has D = D^2 f1 = -1
    and the spectrum 1/2 +- i sqrt(3)/2.
    """
    return local.stackelberg


@claim(TABLE, "false-stackelberg-is-stackelberg-stable",
       "A DSE is stable under Stackelberg play in general sum",
       source="false: Proposition 2 in general sum",
       statement=r"$x \text{ is a DSE} \Rightarrow \operatorname{spec}J_S(x) \subset"
                 r" \mathbb C_+^\circ$",
       hypotheses=(STACKELBERG,), then="spec J_S in the right half-plane", holds=False,
       games=lambda s: s.stackelberg_games(zero_sum=False),
       witnesses=("dse_unstable_general_sum",))
def _stackelberg_is_stackelberg_stable(local: LocalGame) -> Truth:
    """A DSE is stable under Stackelberg gradient play in general sum, too.  False.

    The eigenvalues of J_S are not those of D^2 f1 and D: f1 = -x^2 + 3y^2/2,
    f2 = y^2/2 + xy has D = D^2 f1 = 1, but the trace of J_S is -1.  What is true: it is stable
    under x' = -w_S_tau for all tau that are large enough, here for tau > 2.
    """
    return local.is_stable("stackelberg")


# -- regularisation -----------------------------------------------------------------------------

def _regularised_stable(local: LocalGame) -> Truth | Finding:
    """Whether the regularised w_S vanishes and spec J_S^eta is in the open right half-plane."""
    costs = costs_at(local)
    if costs is None:
        return NO_JET
    try:
        field, rows = stackelberg_linearisation(costs, local.sizes, local.value("eta"))
    except ZeroDivisionError:
        return Finding(Truth.NO, "D22 f2 + eta I is singular")
    return Finding(Truth.NO) if any(field) else Finding(is_stable(rows))


@claim(TABLE, "false-regularised-is-stackelberg", "Stable regularised play ends at a DSE",
       source="false: section H.1 with eta > 0 read as eta = 0",
       statement=r"$f_2 = -f_1,\ \omega(x) = 0,\ \eta > 0,\ \operatorname{spec}J_{S^\eta}(x)"
                 r" \subset \mathbb C_+^\circ \Rightarrow x \text{ is a DSE}$",
       hypotheses=(ZERO_SUM, CRITICAL, positive_value("eta"), Condition(
           "spec J_S^eta in the right half-plane",
           r"\operatorname{spec}J_{S^\eta}(x) \subset \mathbb C_+^\circ", _regularised_stable)),
       then="differential Stackelberg", holds=False,
       games=lambda s: s.with_values(s.stable_games(), eta=s.ratios()),
       witnesses=("stable_neither",))
def _regularised_is_stackelberg(local: LocalGame) -> Truth:
    """A stable point of the regularised Stackelberg gradient play is a DSE.  False.

    With (D22 f2 + eta I)^-1 for the inverse, J_S^eta = [[R1, eta B (D + eta)^-1], [-B^T, D]],
    R1 = A + B (D + eta)^-1 B^T.  It tends to J for eta -> infinity, so it can be stable
    where D is not positive: f = x^2 + 2xy + y^2/2 for every eta > 1.  With D22 f2 > 0 the
    regularised second-order test is conservative: R1 > 0 implies S1 > 0.
    """
    return local.stackelberg


# -- Corollary 2 --------------------------------------------------------------------------------

#: log 2 lies between them.
_LOG2 = (Fraction(693147180559945309417232121458, 10**30),
         Fraction(693147180559945309417232121459, 10**30))
#: Powers are not taken beyond this one.
_MOST_UPDATES = 400


@claim(TABLE, "false-corollary-2", "Corollary 2 as printed",
       source="false: Corollary 2 of section 4.1 without a constant K",
       statement=r"$f_2 = -f_1,\ x^* \text{ is a DSE},\ \gamma_1 = 1/(2\beta):\quad"
                 r" k \geq \tfrac{4\beta}{\alpha}\log\tfrac{\|x_0 - x^*\|}{\epsilon}"
                 r" \Rightarrow \|x_k - x^*\| \leq \epsilon$",
       hypotheses=(ZERO_SUM, STACKELBERG, positive_value("tau")),
       then="ceil((4 beta/alpha) log 2) linearised updates halve the distance", holds=False,
       games=lambda s: s.stackelberg_games(), witnesses=("non_normal",))
def _corollary_2(local: LocalGame) -> Finding:
    """Near a zero-sum DSE, ceil((4 beta/alpha) log(|x0 - x*|/epsilon)) updates suffice.  False.

    Here epsilon = |x0 - x*|/2 and N = ceil((4 beta/alpha) log 2).  The update's derivative is
    M = I - J_S_tau/(2 beta), so if |M^N|_2 > 1/2, then for a unit vector u with
    |M^N u| > 1/2 and all small t > 0 the start x* + t u is further than t/2 after N updates,
    whatever the radius delta is.  For quadratic costs, L = 0, the same holds for all t.

    M is block triangular with the spectral radius 1 - alpha/(2 beta), but B makes it far from
    normal: f = -3x^2/2 + 2xy - y^2/2 has alpha = beta = 1, N = 3 and |M^3|_2 > 3/4.  What is
    true: with a constant K, ceil((4 beta/alpha) log(K |x0 - x*|/epsilon)) updates suffice,
    K = max(1, 4 tau |C|_2/alpha).
    """
    m = local.matrices
    if m is None or local.jet is None or local.zero_sum is not Truth.YES:
        return Finding(Truth.UNDECIDED, "the jet is not rational, or f2 = -f1 not proved")
    tau, size = local.value("tau"), m.d * m.d * local.jet.scale
    js = [[Fraction(e, size) * (1 if i < m.n1 else tau) for e in row]
          for i, row in enumerate(m.stackelberg_jacobian())]
    ends = [_extremes([row[:m.n1] for row in js[:m.n1]]),
            _extremes([row[m.n1:] for row in js[m.n1:]])]
    if ends[0] is None or ends[1] is None:
        return Finding(Truth.UNDECIDED, "alpha or beta is not rational")
    alpha, beta = min(e[0] for e in ends if e), max(e[1] for e in ends if e)
    updates = -(-4*beta*_LOG2[0] // alpha)
    if updates != -(-4*beta*_LOG2[1] // alpha) or updates > _MOST_UPDATES:
        return Finding(Truth.UNDECIDED, f"{updates} updates are too many to follow exactly")
    step = [[int(i == j) - e/(2*beta) for j, e in enumerate(row)] for i, row in enumerate(js)]
    power = step
    for _ in range(updates - 1):
        power = [[dot(row, column) for column in zip(*step)] for row in power]
    columns = list(zip(*power))
    # |M^N| <= 1/2 if and only if 1/4 - (M^N)^T M^N >= 0.
    slack = [[Fraction(int(i == j), 4) - dot(u, v) for j, v in enumerate(columns)]
             for i, u in enumerate(columns)]
    worst = max(float(dot(u, u))**.5 for u in columns)
    note = (f"alpha = {alpha}, beta = {beta}, {updates} updates; from a unit vector to "
            f"{worst:.4g} times its length")
    return Finding(Truth.of(_n_negative(slack) == 0), note)


def _extremes(matrix: Sequence[Sequence[Fraction]]) -> tuple[Fraction, Fraction] | None:
    """The extreme eigenvalues of a symmetric matrix where both are found to be rational.

    Floats propose them; that they are eigenvalues, and extreme, is decided exactly.
    """
    if len(matrix) == 1:
        return matrix[0][0], matrix[0][0]
    values = np.linalg.eigvalsh(np.array(matrix, dtype=float))
    found = []
    for value, sign in ((values[0], 1), (values[-1], -1)):
        proposed = Fraction(float(value)).limit_denominator(1000)
        shifted = [[sign * (e - proposed * (i == j)) for j, e in enumerate(row)]
                   for i, row in enumerate(matrix)]
        counts = inertia(shifted)
        if counts is None or counts[1] or not counts[2]:
            return None
        found.append(proposed)
    return found[0], found[1]


def _n_negative(matrix: Rows) -> int:
    counts = inertia(matrix)
    assert counts is not None                   # exact entries always decide
    return counts[1]


def _same(p: Truth, q: Truth) -> Truth:
    """Whether two truths are equal: Kleene's equivalence."""
    return (p & q) | (~p & ~q)
