r"""Statements on Nash and Stackelberg equilibria of zero-sum and general-sum games.

Section 2.2 and section 3 of Fiez, Chasnov and Ratliff, ICML 2020, and appendices B and D.

Conclusions at points with a rational jet are exact, and come by another way than the facts
they are compared with: D^2 f1 from the power series of f1(x1, r(x1)) (`series`), S1(J) and
spectra from blocks and polynomials over the rationals (`rational_blocks`).
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ..exact.definiteness import n_real_eigenvalues
from ..exact.jets import Polynomial
from ..truth import Truth
from ..verdicts.evidence import total_definite
from ..verdicts.local import LocalGame
from .claims import Claim, Finding, claim
from .rational_blocks import (NO_BLOCKS, blocks_in, blocks_of, charpoly, is_definite, joined,
                              identity, known_schur_complement, known_stackelberg_jacobian,
                              known_total_hessian, matrix, product, rows_of, time_scaled)
from .series import (NO_JET, along_response, costs_at, derivative, local_nash, local_stackelberg,
                     quadratic_part, solved, stackelberg_linearisation)
from .vocabulary import (CRITICAL, FOLLOWER_DEFINITE, NASH, ON_CURVE, REGULAR_FOLLOWER, STABLE,
                         STACKELBERG, TWO_PLAYERS, ZERO_SUM, positive_value,
                         strict_follower_games)

__all__ = ["TABLE", "agree", "stable_at_tau_games"]

TABLE: dict[str, Claim] = {}


def stable_at_tau_games(strategies: Any, **options: Any) -> Any:
    """Zero-sum games with D22 f2 > 0 that are stable under w_tau for the tau they carry.

    From a cost f that is stable for tau = 1, to order 3: f(x, y/q) with tau = q^2, for then
    J_tau is similar to the J of f.  options : of `strategies.stable_games`.
    """
    return strategies.with_values(strategies.stable_games(follower_definite=True, **options),
                                  q=strategies.ratios()).map(_slowed)


def _slowed(local: LocalGame) -> LocalGame:
    q, n1, costs = local.value("q"), local.sizes[0], costs_at(local)
    assert costs is not None            # what the strategies draw has a rational jet
    slowed: Polynomial = {word: c / q**sum(i >= n1 for i in word) for word, c in costs[0].items()}
    return LocalGame.of_polynomials([slowed], local.sizes, values={"tau": q * q})


def agree(*truths: Truth) -> Truth:
    """Whether all are the same; UNDECIDED where one is."""
    if Truth.UNDECIDED in truths:
        return Truth.UNDECIDED
    return Truth.of(len(set(truths)) == 1)


# -- the definitions ----------------------------------------------------------------------

@claim(TABLE, "definition-3", "Definition 3 is sufficient for Definition 1",
       source="section 2.2; L. Ratliff, S. Burden, S. Sastry, IEEE TAC 61 (2016)",
       statement=r"$x \text{ is a DNE} \Rightarrow f_i(x_i, x_{-i}) < f_i(x_i', x_{-i})"
                 r" \text{ for all } x_i' \neq x_i \text{ near } x_i,\ i = 1, \dots, N$",
       hypotheses=(NASH,), then="a strict local Nash equilibrium",
       games=lambda s: (s.nash_games() | s.nash_games(zero_sum=False)
                        | s.players_games(kind="nash")))
def _nash_is_local(local: LocalGame) -> Finding:
    """A differential Nash equilibrium is a strict local Nash equilibrium; any number of players.

    Proof.  f_i(x_i + u, x_-i) - f_i(x) = u^T D_i^2 f_i u/2 + O(|u|^3), which is positive for
    small u != 0.  For polynomials a radius is computed from the coefficients.
    """
    return local_nash(local)


@claim(TABLE, "definition-4", "Definition 4 is sufficient for Definition 2", source="section 2.2",
       statement=r"$x \text{ is a DSE} \Rightarrow f_1(x_1, r(x_1)) < f_1(x_1', r(x_1'))"
                 r" \text{ for all } x_1' \neq x_1 \text{ near } x_1,\ r \text{ the follower's "
                 r"only local best response}$",
       hypotheses=(TWO_PLAYERS, STACKELBERG), then="a strict local Stackelberg equilibrium",
       games=lambda s: s.stackelberg_games(zero_sum=False) | s.stackelberg_games())
def _stackelberg_is_local(local: LocalGame) -> Finding:
    """A differential Stackelberg equilibrium is a strict local Stackelberg equilibrium.

    Proof.  Where D22 f2 > 0 the follower has one best response r(x1) near x2, so the supremum
    over best responses is f1(x1, r(x1)), whose gradient at x1 is D f1 = 0 and whose Hessian
    is D^2 f1 > 0.  For polynomials a radius is computed from function values (`series`).
    """
    return local_stackelberg(local)


# -- Proposition 1 ------------------------------------------------------------------------

@claim(TABLE, "proposition-1", "Proposition 1", source="section 2.2, appendix B",
       statement=r"$D_2f_2(x) = 0,\ D_2^2f_2(x) > 0:\quad Df_1(x) = 0,\ S_1(J_S(x)) > 0"
                 r" \Leftrightarrow x \text{ is a DSE}$",
       hypotheses=(TWO_PLAYERS, ON_CURVE, FOLLOWER_DEFINITE),
       then="D f1 = 0 and S1(J_S) > 0, if and only if differential Stackelberg",
       games=lambda s: (strict_follower_games(s, zero_sum=False)
                        | s.reaction_curve_games(follower_definite=True)))
def _schur_complement_tells(local: LocalGame) -> Truth | Finding:
    """On the reaction curve with a strict follower, Df1 = 0 and S1(J_S) > 0 mean DSE.

    Proof.  S1(J_S) = D^2 f1 there (schur-identity), so this is Definition 4.  The side of
    the definition is decided by the power series of f1(x1, r(x1)).
    """
    costs = costs_at(local)
    if costs is None:
        return NO_JET
    condition = local.is_critical("stackelberg") & local.truth(total_definite)
    phi, n1 = along_response(costs, local.sizes), local.sizes[0]
    is_equilibrium = not any(len(word) == 1 for word in phi) and is_definite(
        matrix(quadratic_part(phi, n1)))
    return agree(condition, Truth.of(is_equilibrium), local.stackelberg)


@claim(TABLE, "schur-identity", "S1(J_S) is the total Hessian", source="section 2.2, appendix B",
       statement=r"$D_2f_2(x) = 0,\ \det D_2^2f_2(x) \neq 0 \Rightarrow"
                 r" S_1(J_S(x)) = D^2\big[f_1(x_1, r(x_1))\big]$",
       hypotheses=(ON_CURVE, REGULAR_FOLLOWER), then="S1(J_S) = D^2 f1",
       games=lambda s: s.reaction_curve_games() | s.reaction_curve_games(zero_sum=True))
def _schur_is_total_hessian(local: LocalGame) -> Finding:
    """On the whole reaction curve, critical or not, S1(J_S) is the Hessian of f1(x1, r(x1)).

    In every game; with more than two players r is the response of all the others, who are at
    a critical point of the game among themselves, and the Schur complement is by their joint
    Jacobian.  Proof.  D f1(x1, r(x1)) = w_S,1(x1, r(x1)), so its derivative is
    D1 w_S,1 + D2 w_S,1 Dr = S1(J_S), for Dr = -(D22 f2)^-1 D21 f2.
    """
    costs = costs_at(local)
    if costs is None:
        return NO_JET
    n1 = local.sizes[0]
    series = matrix(quadratic_part(along_response(costs, local.sizes), n1))
    schur = blocks_in(known_stackelberg_jacobian(local), n1).schur
    return _equal(series, schur, known_total_hessian(local))


@claim(TABLE, "proposition-1-zero-sum", "Proposition 1, zero-sum",
       source="section 2.2, appendix B",
       statement=r"$f_2 = -f_1,\ D_2f_2(x) = 0,\ \det D_2^2f_2(x) \neq 0"
                 r" \Rightarrow S_1(J_S(x)) = S_1(J(x))$",
       hypotheses=(ZERO_SUM, ON_CURVE, REGULAR_FOLLOWER), then="S1(J_S) = S1(J)",
       games=lambda s: s.reaction_curve_games(zero_sum=True))
def _schur_complements_agree(local: LocalGame) -> Finding:
    """In zero-sum games both Schur complements agree on the reaction curve; off it they need not.

    Proof.  schur-difference: they differ by something linear in D2 f.  The paper prints the
    equation for every x; f = xy - y^2/2 + xy^2 at (0, 1), where they are -3 and 9, refutes that.
    """
    costs, blocks = costs_at(local), blocks_of(local)
    if costs is None or blocks is None:
        return NO_BLOCKS
    n1 = local.sizes[0]
    return _equal(blocks.schur, known_schur_complement(local),
                  blocks_in(known_stackelberg_jacobian(local), n1).schur,
                  matrix(quadratic_part(along_response(costs, local.sizes), n1)))


@claim(TABLE, "schur-difference", "S1(J_S) off the reaction curve", source="proved here",
       statement=r"$f_2 = -f_1,\ \det D_2^2f_2(x) \neq 0 \Rightarrow S_1(J_S(x)) - S_1(J(x)) ="
                 r" \sum_k v_k P^\top (D^2 D_{y_k}f) P,\ v = (-D_2^2f)^{-1}D_2f,"
                 r"\ P = (I;\ (-D_2^2f)^{-1}D_{21}f)$",
       hypotheses=(ZERO_SUM, REGULAR_FOLLOWER),
       then="S1(J_S) - S1(J) = sum of v_k P^T D^2(D_yk f) P, v = (-D22 f)^-1 D2 f",
       games=lambda s: s.off_curve_games() | s.reaction_curve_games(zero_sum=True))
def _schur_difference(local: LocalGame) -> Finding:
    """Anywhere in a zero-sum game S1(J_S) - S1(J) is linear in D2 f, through third derivatives.

    Proof.  With D = -D22 f and v = D^-1 D2 f, w_S,1 = D1 f + D12 f v.  Let h = f + v . D2 f
    with v held constant.  Then Dv = D^-1 D(D2 h), so the leader's rows of J_S are P^T D^2 h
    with P = (I; D^-1 D21 f) = (I; Dr), and S1(J_S) = P^T (D^2 h) P, P^T (D^2 f) P = S1(J).
    """
    costs, blocks = costs_at(local), blocks_of(local)
    if costs is None or blocks is None:
        return NO_BLOCKS
    f, (n1, _), n = costs[0], local.sizes, local.n
    v = solved(rows_of(blocks.d), [{(): f.get((k,), 0)} for k in range(n1, n)])
    p = joined([[identity(n1)], [blocks.d.inv() * blocks.b.transpose()]])
    total = identity(n, 0)
    for k, weight in enumerate(v, n1):
        third = matrix(quadratic_part(derivative(f, k), n))
        total += identity(n, weight.get((), Fraction(0))) * third
    field, linear = stackelberg_linearisation(costs, local.sizes)
    known = known_stackelberg_jacobian(local)
    found = _equal(known, matrix(linear))
    if found.truth is not Truth.YES:
        return found
    return _equal(blocks_in(known, n1).schur - known_schur_complement(local),
                  p.transpose() * total * p)


# -- section 3 ----------------------------------------------------------------------------

@claim(TABLE, "proposition-2", "Proposition 2", source="section 3, appendix D",
       statement=r"$f_2 = -f_1,\ \tau > 0:\quad \omega_S(x) = 0,\ \operatorname{spec}J_{S_\tau}(x)"
                 r" \subset \mathbb C_+^\circ \Leftrightarrow x \text{ is a DSE}$",
       hypotheses=(ZERO_SUM, positive_value("tau")),
       then="stable under w_S_tau, if and only if differential Stackelberg",
       games=lambda s: s.with_values(
           strict_follower_games(s) | s.critical_games() | s.saddle_games()
           | s.stackelberg_games(nash=False) | s.reaction_curve_games(zero_sum=True),
           tau=s.ratios()))
def _stable_if_stackelberg(local: LocalGame) -> Truth:
    """In zero-sum games the stable critical points of the Stackelberg gradient are the DSE.

    Proof.  There D2 f = 0, so J_S_tau is block lower triangular with S1(J) and tau D22 f2 on
    its diagonal (proposition-2-spectrum), both symmetric: stable if and only if both are
    positive definite, and S1(J) = D^2 f1.
    """
    truths = [local.is_stable("stackelberg", local.value("tau")), local.stackelberg]
    costs = costs_at(local) if len(local.sizes) == 2 else None
    if costs is not None and local.is_critical("stackelberg") is Truth.YES:
        n1, n = local.sizes[0], local.n
        response_hessian = matrix(quadratic_part(costs[1], n)).extract(range(n1, n), range(n1, n))
        phi = along_response(costs, local.sizes)
        truths.append(Truth.of(is_definite(response_hessian)
                               and is_definite(matrix(quadratic_part(phi, n1)))))
    return agree(*truths)


@claim(TABLE, "proposition-2-spectrum", "The spectrum of J_S", source="section 3, appendix D",
       statement=r"$f_2 = -f_1,\ \omega(x) = 0,\ \det D_2^2f_2(x) \neq 0,\ \tau > 0 \Rightarrow"
                 r" \operatorname{spec}J_{S_\tau} = \operatorname{spec}S_1(J) \cup"
                 r" \tau\operatorname{spec}D_2^2f_2 \subset \mathbb R$",
       hypotheses=(ZERO_SUM, CRITICAL, REGULAR_FOLLOWER),
       then="J_S is block lower triangular, its spectrum is real and that of S1 and of tau D",
       games=lambda s: s.critical_games(of="stackelberg"))
def _spectrum_splits(local: LocalGame) -> Finding:
    """At a critical point of a zero-sum game J_S is triangular, with S1(J) and D22 f2.

    For every tau: both characteristic polynomials are polynomials in tau of degree at most
    m2, and are compared at m2 + 1 values of tau.  Proof.  The upper right block of J_S is
    D2(D f1) = B - C^T D^-1 D22 f1 = B + C^T = 0, for D2 f1 = 0 and D22 f1 = -D, and the
    upper left one is then S1(J_S) = S1(J).
    """
    blocks = blocks_of(local)
    if blocks is None:
        return NO_BLOCKS
    n1, n2 = local.sizes
    known = known_stackelberg_jacobian(local)
    if blocks_in(known, n1).b != identity(n1, 0) * blocks.b:
        return Finding(Truth.NO, "D2(D f1) is not zero")
    for tau in map(Fraction, range(1, n2 + 2)):
        both = product(charpoly(blocks.schur), charpoly(identity(n2, tau) * blocks.d))
        if charpoly(time_scaled(known, n1, tau)) != both:
            return Finding(Truth.NO, f"the spectra differ for tau = {tau}")
    return Finding(Truth.of(n_real_eigenvalues(rows_of(known)) == local.n))


@claim(TABLE, "critical-points-agree", "The critical points of w and w_S", source="section 3",
       statement=r"$f_2 = -f_1,\ \det D_2^2f_2(x) \neq 0:\quad \omega(x) = 0 \Leftrightarrow"
                 r" \omega_S(x) = 0$",
       hypotheses=(ZERO_SUM, REGULAR_FOLLOWER), then="w = 0, if and only if w_S = 0",
       games=lambda s: (s.critical_games(of="stackelberg") | s.off_curve_games()
                        | s.reaction_curve_games(zero_sum=True)))
def _critical_points_agree(local: LocalGame) -> Truth:
    """In zero-sum games with a regular follower w and w_S have the same zeros.

    Proof.  Either has D2 f2 = 0, hence D2 f1 = 0, and then D f1 = D1 f1.
    """
    truths = [local.is_critical(), local.is_critical("stackelberg")]
    costs = costs_at(local)
    if costs is not None:
        field, _ = stackelberg_linearisation(costs, local.sizes)
        truths.append(Truth.of(not any(field)))
    return agree(*truths)


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


@claim(TABLE, "proposition-D.1", "Proposition D.1", source="appendix D",
       statement=r"$f_2 = -f_1,\ \tau > 0:\quad x \text{ is a DNE} \Rightarrow"
                 r" \operatorname{spec}J_\tau(x),\ \operatorname{spec}J_{S_\tau}(x)"
                 r" \subset \mathbb C_+^\circ$",
       hypotheses=(ZERO_SUM, NASH, positive_value("tau")),
       then="stable under w_tau and under w_S_tau",
       games=lambda s: s.with_values(s.nash_games(), tau=s.ratios()))
def _nash_is_stable(local: LocalGame) -> Truth:
    """A differential Nash equilibrium of a zero-sum game is stable under w and w_S, every tau.

    Proof.  With the metric M = diag(I, I/tau), M J_tau = J, whose symmetric part is
    diag(A, D) > 0: |z|_M^2 decreases along z' = -J_tau z.  For w_S: propositions 3 and 2.
    """
    tau = local.value("tau")
    return local.is_stable("simultaneous", tau) & local.is_stable("stackelberg", tau)


@claim(TABLE, "statement-2.9", "Stable points with a strict follower are Stackelberg",
       source="proved here; it contains Proposition 4 and Corollary E.1",
       statement=r"$f_2 = -f_1,\ D_2^2f_2(x) > 0,\ \tau > 0,\ \operatorname{spec}J_\tau(x)"
                 r" \subset \mathbb C_+^\circ \Rightarrow x \text{ is a DSE}$",
       hypotheses=(ZERO_SUM, CRITICAL, FOLLOWER_DEFINITE, positive_value("tau"), STABLE),
       then="differential Stackelberg",
       games=lambda s: s.stable_games(follower_definite=True) | stable_at_tau_games(s))
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


def _equal(*matrices: object) -> Finding:
    """Whether all matrices are the same; the note shows two that are not."""
    first, *others = matrices
    for other in others:
        if other != first:
            return Finding(Truth.NO, f"{_shown(first)} is not {_shown(other)}")
    return Finding(Truth.YES)


def _shown(m: object) -> str:
    return "[" + "; ".join(" ".join(map(str, row)) for row in rows_of(m)) + "]"
