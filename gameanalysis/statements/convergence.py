r"""Statements on the deterministic tau-Stackelberg update: attraction, rates, step sizes.

The update x <- x - gamma w_S_tau(x) has at a zero of w_S the derivative I - gamma J_S_tau.
S1 = A - B D^-1 C is the Schur complement of J = [[A, B], [C, D]], and in zero-sum games, at
critical points,

    J_S_tau = [[S1, 0], [tau C, tau D]].

alpha and beta are eigenvalues, mostly irrational.  They are bracketed in rationals, a < alpha
and b >= beta within a relative 2^-39 of it, from isolating intervals of the roots of the
characteristic polynomials, and what is decided is decided exactly for a and b.  Each theorem
is true for all a <= alpha and b >= beta in the places of alpha and beta, by the same proof.

Reference: Fiez, Chasnov and Ratliff, ICML 2020, section 4.1 and appendix F.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from ..exact.definiteness import inertia
from ..exact.discs import is_schur_stable
from ..truth import Truth
from ..verdicts.local import LocalGame
from .claims import Claim, Finding, claim
from .lyapunov import (Ball, Rows, brief, decrease, eigenvalue_ends, expansion, gram,
                       is_norm_at_most, n_outside, power, root_above, symmetric_part,
                       update_derivative)
from .update_conditions import (CONTRACTS, EXPANDS, MONOTONE, QUADRATIC, Blocks, blocks_of,
                                derivative_of, with_contracting_step, with_expanding_step,
                                with_monotone_update)
from .vocabulary import (REGULAR_FOLLOWER, STACKELBERG, STACKELBERG_CRITICAL,
                         STACKELBERG_HYPERBOLIC, TWO_PLAYERS, ZERO_SUM, positive_value)

__all__ = [
    "TABLE", "general_sum_ends", "general_sum_iterations", "general_sum_rate", "is_attracted",
    "is_repelled", "updates_needed", "zero_sum_ends", "zero_sum_iterations", "zero_sum_rate",
    "zero_sum_step_limit"]

TABLE: dict[str, Claim] = {}

#: How much nearer, |x_n - x*|/|x_0 - x*| = 1/q, the bounds of the number of updates are tried.
_QUOTIENTS = (2, 100)
#: Updates after which the bound K rate^k is tried.
_UPDATES = (1, 4, 16)


_STEPS = (TWO_PLAYERS, STACKELBERG_CRITICAL, positive_value("tau"), positive_value("gamma"))
_ZERO_SUM_DSE = (ZERO_SUM, STACKELBERG, positive_value("tau"))
_GENERAL_DSE = (TWO_PLAYERS, STACKELBERG, positive_value("tau"), MONOTONE)


def _monotone_games(s: Any, completion: str) -> Any:
    zero_sum, general_sum = (s.stackelberg_games(zero_sum=kind, completion=completion)
                             for kind in (True, False))
    return s.with_values(zero_sum | general_sum, tau=s.ratios()).map(with_monotone_update)


# -- Proposition F.1 -------------------------------------------------------------------------

def is_attracted(rows: Rows) -> Finding:
    """Whether P > 0 with P - M^T P M = I exists for M = ``rows``, that is rho(M) < 1."""
    p = decrease(rows)
    if p is None:
        return Finding(Truth.NO, "P - M^T P M = I has no solution P > 0")
    trace = sum((p[i][i] for i in range(len(p))), Fraction(0))
    return Finding(Truth.YES, f"trace P = {brief(trace)}")


def is_repelled(rows: Rows) -> Finding:
    """Whether the fixed point of a map with derivative ``rows`` is proved unstable."""
    if decrease(rows) is not None:
        return Finding(Truth.NO, "P - M^T P M = I has a solution P > 0: the point attracts")
    found = expansion(rows)
    if found is None:
        return Finding(Truth.UNDECIDED, "no cone of expansion was found")
    return Finding(Truth.YES, f"expands by r = {brief(found[0])} on a cone")


@claim(TABLE, "proposition-F.1", "Proposition F.1", source="appendix F; Ostrowski",
       statement=r"$\omega_S(x^*) = 0,\ \rho(I - \gamma J_{S_\tau}(x^*)) < 1 \Rightarrow x^* "
                 r"\text{ attracts a neighbourhood under } x^+ = x - \gamma\omega_{S_\tau}(x)$",
       hypotheses=(*_STEPS, CONTRACTS), then="a quadratic form falls along the update near x",
       games=lambda s: (s.stackelberg_games(zero_sum=True) | s.stackelberg_games(zero_sum=False)
                        ).map(with_contracting_step))
def _attraction(local: LocalGame) -> Finding:
    """A fixed point at which the update's derivative has spectral radius below 1 attracts.

    Decided exactly: the equation P - M^T P M = I is solved over QQ, M = I - gamma J_S_tau with
    J_S_tau derived from w_S along the coordinates, and P is positive definite by Sylvester's
    criterion.  The hypothesis is decided by Jury's criterion from another formula of J_S.

    Proof that this says attraction.  With e = x - x*, the update takes e to M e + o(|e|), so
    V(e) = e^T P e changes by -|e|^2 + o(|e|^2) < 0 in a punctured neighbourhood, and by
    V > 0 a level set of V is mapped into itself and to x* in the limit.
    """
    rows = derivative_of(local)
    if isinstance(rows, Finding):
        return rows
    return is_attracted(update_derivative(rows, local.value("gamma")))


@claim(TABLE, "proposition-F.1-converse", "Proposition F.1, the other way",
       source="known; Chetaev's argument in discrete time",
       statement=r"$\omega_S(x^*) = 0,\ \rho(I - \gamma J_{S_\tau}(x^*)) > 1 \Rightarrow x^* "
                 r"\text{ is not stable under } x^+ = x - \gamma\omega_{S_\tau}(x)$",
       hypotheses=(*_STEPS, EXPANDS), then="starts arbitrarily near x leave a fixed ball",
       games=lambda s: (s.with_values(s.saddle_games(zero_sum=True), gamma=s.ratios())
                        | s.with_values(s.saddle_games(zero_sum=False), gamma=s.ratios())
                        | s.stackelberg_games(zero_sum=False).map(with_expanding_step)))
def _repulsion(local: LocalGame) -> Finding:
    """A fixed point with an eigenvalue of the update's derivative outside the disc is unstable.

    Decided exactly: some r > 1 and Q with M^T Q M - r^2 Q = r^2 I over QQ and e^T Q e > 0 for
    some e.  The hypothesis is decided by Routh's scheme from another formula of J_S.

    Proof that this says instability.  V(e) = e^T Q e has V(e+) = r^2 (V(e) + |e|^2) + o(|e|^2)
    > r^2 V(e) in a ball, so a start with V > 0, and there are some in each neighbourhood,
    has V(e_k) >= r^(2k) V(e_0) as long as it stays in the ball, in which V is bounded.
    """
    rows = derivative_of(local)
    if isinstance(rows, Finding):
        return rows
    return is_repelled(update_derivative(rows, local.value("gamma")))


# -- Theorem 3 and Corollary 2 ------------------------------------------------------------------

def zero_sum_ends(local: LocalGame) -> tuple[Blocks, Fraction, Fraction] | Finding:
    """The blocks and rational a < alpha, b >= beta of Theorem 3."""
    found = blocks_of(local)
    if isinstance(found, Finding):
        return found
    ends = eigenvalue_ends([found.schur, found.response])
    if ends is None or ends[0] <= 0:
        return Finding(Truth.NO, "S1 or D has an eigenvalue that is not positive")
    return found, *ends


def zero_sum_rate(local: LocalGame, *, step: Fraction = Fraction(1, 2),
                  share: Fraction = Fraction(1, 2)) -> Finding:
    """Whether rho(I - gamma J_S_tau) < 1 - share a/b for gamma = step/b, a < alpha, b >= beta.

    Theorem 3 has ``step`` = ``share`` = 1/2.
    """
    found = zero_sum_ends(local)
    if isinstance(found, Finding):
        return found
    blocks, a, b = found
    radius = 1 - share * a / b
    note = f"a = {brief(a)}, b = {brief(b)}, radius {brief(radius)}"
    if radius <= 0:
        return Finding(Truth.NO, note)
    return Finding(is_schur_stable(update_derivative(blocks.stackelberg, step / b), radius), note)


@claim(TABLE, "theorem-3", "Theorem 3 (zero-sum rate)", source="section 4.1",
       statement=r"$f_2 = -f_1,\ x^* \text{ a DSE},\ \alpha = \min\operatorname{spec}S_1 \cup "
                 r"\operatorname{spec}\tau D,\ \beta = \max,\ \gamma = \tfrac{1}{2\beta} "
                 r"\Rightarrow \rho(I - \gamma J_{S_\tau}(x^*)) \leq 1 - \tfrac{\alpha}{2\beta}$",
       hypotheses=_ZERO_SUM_DSE, then="rho(I - J_S_tau/(2 beta)) <= 1 - alpha/(2 beta)",
       games=lambda s: s.with_values(s.stackelberg_games(completion="any"), tau=s.ratios()))
def _zero_sum_rate(local: LocalGame) -> Finding:
    """At a zero-sum DSE gamma = 1/(2 beta) gives a spectral radius <= 1 - alpha/(2 beta).

    The local rate O((1 - alpha/(4 beta))^k) follows, as any number above the spectral radius
    is one.  Decided exactly, by Jury's criterion: rho(I - J_S_tau/(2b)) < 1 - a/(2b) for
    rational a < alpha and b >= beta within a relative 2^-39 of alpha and beta.  J_S_tau comes
    from its general formula, alpha and beta from S1(J) and D.

    Proof.  J_S_tau is block triangular, so its eigenvalues l are those of S1 and tau D, real and
    in [alpha, beta]; and 1 - l/(2b) lies in [1/2, 1 - alpha/(2b)].
    """
    return zero_sum_rate(local)


def updates_needed(condition: Fraction, quotient: Fraction) -> int:
    """ceil(condition log(quotient)), at least 0 and never too small.

    With condition = 4 beta/alpha and quotient = |x_0 - x*|/epsilon these are the printed bounds
    of Corollaries 2 and 3; with K times the quotient that of Corollary 2 put right.

    >>> updates_needed(Fraction(4), Fraction(2)), updates_needed(Fraction(4), Fraction(1, 2))
    (3, 0)
    """
    if quotient <= 1:
        return 0
    above, below = math.log(quotient.numerator), math.log(quotient.denominator)
    slack = Fraction(2.0 ** -50) * Fraction(above + below + 1)
    return math.ceil(condition * (Fraction(above) - Fraction(below) + slack))


def zero_sum_iterations(local: LocalGame, *, K: Fraction | None = None) -> Finding:
    """Whether the updates of Corollary 2 with a constant K suffice, for every start at once.

    K : by default 1/s, s = min(1, a/(4 tau |C|)), |C| Frobenius' norm; 1 is the printed bound.
    See ``corollary-2`` for what is decided.
    """
    found = zero_sum_ends(local)
    if isinstance(found, Finding):
        return found
    blocks, a, b = found
    rows = derivative_of(local)
    if isinstance(rows, Finding):
        return rows
    # Fewer digits, on the safe side, for shorter numbers in the powers of M.
    a, b = _shorter(a, math.floor), _shorter(b, math.ceil)
    if K is None:
        coupling = root_above(sum((e * e for row in blocks.cross for e in row), Fraction(0)))
        K = max(Fraction(1), 4 * coupling / a)
    m = update_derivative(rows, 1 / (2 * b))
    note = f"a = {brief(a)}, b = {brief(b)}, K = {brief(K)}"
    answer = Truth.all(
        is_norm_at_most(power(m, k), K * (1 - a / (4 * b)) ** k) for k in _UPDATES)
    return Finding(answer & _arrives(m, 4 * b / a, K), note)


def _shorter(value: Fraction, rounded: Callable[[Fraction], int]) -> Fraction:
    """A number near a positive one, on the side that ``rounded`` gives, with 20 bits."""
    shift = 20 - (value.numerator.bit_length() - value.denominator.bit_length())
    return Fraction(rounded(value * Fraction(2) ** shift)) / Fraction(2) ** shift


def _arrives(m: Rows, condition: Fraction, K: Fraction) -> Truth:
    """Whether |M^n| <= 1/q for n = ceil(condition log(K q)), for some q."""
    return Truth.all(is_norm_at_most(_power(m, updates_needed(condition, K * q)), Fraction(1, q))
                     for q in _QUOTIENTS)


def _power(m: Rows, n: int) -> Ball | None:
    return power(m, n) if n else power([[Fraction(i == j) for j in range(len(m))]
                                        for i in range(len(m))], 1)


@claim(TABLE, "corollary-2", "Corollary 2 with its constant K", source="section 4.1, corrected",
       statement=r"$f_2 = -f_1 \text{ quadratic},\ \gamma = \tfrac{1}{2\beta} \Rightarrow "
                 r"|x_k - x^*| \leq K (1 - \tfrac{\alpha}{4\beta})^k |x_0 - x^*|,\ "
                 r"K = \max(1, 4\tau\|C\|/\alpha)$",
       hypotheses=(*_ZERO_SUM_DSE, QUADRATIC),
       then="ceil((4 beta/alpha) log(K |x0 - x*|/eps)) updates suffice, from every start",
       games=lambda s: s.with_values(s.stackelberg_games(completion="none"), tau=s.ratios()))
def _zero_sum_iterations(local: LocalGame) -> Finding:
    """With K, the iteration bound of Corollary 2 is true; as printed, without K, it is not.

    Quadratic costs have L = 0, so nothing is asked of the start.  Decided, for rational
    a < alpha and b >= beta within 2^-19, gamma = 1/(2b) and the exact update with matrix
    M = I - gamma J_S_tau: |M^k|_2 <= K (1 - a/(4b))^k for k = 1, 4, 16, and |M^n|_2 <= 1/q for
    q = 2, 100 and n = ceil((4b/a) log(K q)): from every start the distance is 1/q of what it
    was.  Powers are enclosed in fixed point with 320 bits, norms are decided exactly.

    Proof.  In the norm |(u, v)|_s = |(u, s v)|, s = 1/K <= a/(4 tau |C|), the diagonal blocks of
    M have norm at most 1 - a/(2b) and the lower one s tau |C|/(2b) <= a/(8b), so
    |M|_s <= 1 - 3a/(8b); and s |x| <= |x|_s <= |x|.  The bound of n is -log(1 - t) >= t.
    """
    return zero_sum_iterations(local)


# -- Theorem 5 and Corollary 3 --------------------------------------------------------------------

def general_sum_ends(local: LocalGame) -> tuple[Rows, Fraction, Fraction] | Finding:
    """J_S_tau from w_S, and rational c < sqrt(alpha), b >= beta of Theorem 5."""
    found, rows = blocks_of(local), derivative_of(local)
    if isinstance(found, Finding):
        return found
    if isinstance(rows, Finding):
        return rows
    least = eigenvalue_ends([symmetric_part(found.stackelberg)])
    most = eigenvalue_ends([gram(found.stackelberg)])
    if least is None or most is None or least[0] <= 0:
        return Finding(Truth.NO, "J_S_tau + J_S_tau^T is not positive definite")
    return rows, least[0], most[1]


def general_sum_rate(local: LocalGame, *, share: Fraction = Fraction(1)) -> Finding:
    """Whether |I - gamma J_S_tau|^2 <= 1 - share a/b, gamma = sqrt(a)/b, a < alpha, b >= beta.

    Theorem 5 has ``share`` = 1.
    """
    found = general_sum_ends(local)
    if isinstance(found, Finding):
        return found
    rows, c, b = found
    bound = 1 - share * c * c / b
    square = gram(update_derivative(rows, c / b))
    counts = inertia([[(bound if i == j else 0) - e for j, e in enumerate(row)]
                      for i, row in enumerate(square)])
    assert counts is not None                               # the entries are exact
    return Finding(Truth.of(not counts[1]),
                   f"a = {brief(c * c)}, b = {brief(b)}, bound {brief(bound)}")


@claim(TABLE, "theorem-5", "Theorem 5 (general-sum rate)", source="section 4.1",
       statement=r"$x^* \text{ a DSE},\ J_{S_\tau} + J_{S_\tau}^\top > 0,\ \alpha = "
                 r"\lambda_{\min}^2(\tfrac12(J_{S_\tau} + J_{S_\tau}^\top)),\ \beta = "
                 r"\lambda_{\max}(J_{S_\tau}^\top J_{S_\tau}),\ \gamma = \sqrt\alpha/\beta "
                 r"\Rightarrow \|I - \gamma J_{S_\tau}\|_2^2 \leq 1 - \alpha/\beta$",
       hypotheses=_GENERAL_DSE, then="|I - gamma J_S_tau|_2^2 <= 1 - alpha/beta",
       games=lambda s: _monotone_games(s, "any"))
def _general_sum_rate(local: LocalGame) -> Finding:
    """Where J_S_tau has positive symmetric part, gamma = sqrt(alpha)/beta contracts every start.

    The local rate O((1 - alpha/(2 beta))^(k/2)) follows.  Decided exactly: (1 - c^2/b) I - M^T M
    has no negative eigenvalue, for rational c < sqrt(alpha) and b >= beta within a relative
    2^-39 and M = I - (c/b) J_S_tau.  alpha and beta come from the formula of J_S by minors, M
    from deriving w_S along the coordinates.

    Proof.  |M v|^2 = |v|^2 - 2 gamma v^T J v + gamma^2 |J v|^2 <= (1 - 2 gamma c + gamma^2 b)
    |v|^2, which is 1 - c^2/b for gamma = c/b.
    """
    return general_sum_rate(local)


def general_sum_iterations(local: LocalGame, *, factor: Fraction = Fraction(1)) -> Finding:
    """Whether ``factor`` times the updates of Corollary 3 suffice, for every start at once."""
    found = general_sum_ends(local)
    if isinstance(found, Finding):
        return found
    rows, c, b = found
    c, b = _shorter(c, math.floor), _shorter(b, math.ceil)
    m = update_derivative(rows, c / b)
    return Finding(_arrives(m, factor * 4 * b / (c * c), Fraction(1)),
                   f"a = {brief(c * c)}, b = {brief(b)}")


@claim(TABLE, "corollary-3", "Corollary 3 (general-sum iterations)", source="section 4.1",
       statement=r"$\text{quadratic costs},\ J_{S_\tau} + J_{S_\tau}^\top > 0,\ \gamma = "
                 r"\sqrt\alpha/\beta \Rightarrow |x_k - x^*| \leq \varepsilon \text{ for } k = "
                 r"\lceil \tfrac{4\beta}{\alpha}\log(|x_0 - x^*|/\varepsilon) \rceil$",
       hypotheses=(*_GENERAL_DSE, QUADRATIC),
       then="ceil((4 beta/alpha) log(|x0 - x*|/eps)) updates suffice, from every start",
       games=lambda s: _monotone_games(s, "none"))
def _general_sum_iterations(local: LocalGame) -> Finding:
    """The iteration bound of Corollary 3, where the costs are quadratic and so L = 0.

    Decided, for rational c < sqrt(alpha) and b >= beta within 2^-19 and the exact update with
    matrix M = I - (c/b) J_S_tau: |M^n|_2 <= 1/q for q = 2, 100, n = ceil((4b/c^2) log q).

    Proof.  By Theorem 5 |M|_2 <= (1 - c^2/b)^(1/2), and -log(1 - t)/2 >= t/2 >= t/4.
    """
    return general_sum_iterations(local)


# -- Proposition 5 ----------------------------------------------------------------------------

def zero_sum_step_limit(local: LocalGame, *, factor: Fraction = Fraction(1)) -> Finding:
    """Whether for gamma = factor/L and half of it x attracts if and only if it is a DSE.

    L > 0 is rational and at or above max(spec S1, spec tau D), within 2^-39 of it where that is
    positive, and 1 where it is not.  Proposition 5 has ``factor`` = 1.
    """
    found, rows = blocks_of(local), derivative_of(local)
    if isinstance(found, Finding):
        return found
    if isinstance(rows, Finding):
        return rows
    ends = eigenvalue_ends([found.schur, found.response])
    if ends is None:
        return Finding(Truth.UNDECIDED, "an eigenvalue is zero")
    limit = ends[1] if ends[1] > 0 else Fraction(1)
    stackelberg = local.stackelberg
    for gamma in (factor / limit, factor / (2 * limit)):
        m = update_derivative(rows, gamma)
        if decrease(m) is not None:
            answer = stackelberg
        elif n_outside(rows, gamma):
            answer = ~stackelberg
        else:
            answer = Truth.NO
        if answer is not Truth.YES:
            return Finding(answer, f"gamma = {brief(gamma)}, L = {brief(limit)}, "
                                   f"DSE: {stackelberg.value}")
    return Finding(Truth.YES, f"L = {brief(limit)}, DSE: {stackelberg.value}")


@claim(TABLE, "proposition-5", "Proposition 5 (step size)", source="section 4.1",
       statement=r"$f_2 = -f_1,\ \max \operatorname{spec}S_1 \cup \operatorname{spec}\tau D \leq"
                 r" L,\ 0 < \gamma \leq 1/L \Rightarrow (x \text{ attracts under } x^+ = x - "
                 r"\gamma\omega_{S_\tau}(x) \iff x \text{ is a DSE})$",
       hypotheses=(ZERO_SUM, STACKELBERG_CRITICAL, REGULAR_FOLLOWER, positive_value("tau"),
                   STACKELBERG_HYPERBOLIC),
       then="attracted by the update, gamma <= 1/L, if and only if a DSE",
       games=lambda s: s.with_values(
           s.stackelberg_games() | s.saddle_games() | s.inertia_games(
               schur=(0, 1, 0), response=(0, 2, 0)) | s.inertia_games(
               schur=(1, 1, 0), response=(1, 1, 0)), tau=s.ratios()))
def _step_limit(local: LocalGame) -> Finding:
    """With gamma <= 1/L the zero-sum update is attracted by the DSE and by nothing else.

    Decided exactly for gamma = 1/L and 1/(2L), L a rational bound of the spectra: either
    P - M^T P M = I has a solution P > 0 and x is a DSE, or I - gamma J_S_tau has an eigenvalue
    outside the disc and x is none.  At points with an eigenvalue 0, which the hypotheses
    leave out, higher derivatives decide.

    Proof.  J_S_tau has the real eigenvalues l of S1 and tau D, none is 0, and l <= L, so
    1 - gamma l lies in [0, 1) for l > 0 and beyond 1 for l < 0; x is a DSE if and only if
    there is no l < 0.
    """
    return zero_sum_step_limit(local)
