r"""Statements on where stable points of gradient play lie between Nash and Stackelberg.

Section 3 of Fiez, Chasnov and Ratliff, ICML 2020, with its appendices E and H.1, for zero-sum
games (f, -f) at a critical point.  With A = D11 f, B = D12 f and D = -D22 f > 0

    J_tau = [[A, B], [-tau B^T, tau D]],    S1 = A + B D^-1 B^T,

the point is a DNE for A > 0 and a DSE for S1 > 0.  Eigenvalues are real algebraic numbers
here, each a root of a characteristic polynomial over the rationals, and inequalities between
them are decided by refinement (`rational_blocks`).

Conclusions at points without a rational jet are UNDECIDED where they need more than signs.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cmp_to_key

from sympy import QQ, Symbol
from sympy.polys.matrices import DomainMatrix

from ..exact.definiteness import is_stable
from ..exact.univariate import RealRoot, dense, real_roots, squarefree_factors
from ..theory.pencils import largest_root
from ..truth import Truth
from ..verdicts.local import LocalGame
from .claims import Claim, Finding, claim
from .equilibria import agree, stable_at_tau_games
from .rational_blocks import (NO_BLOCKS, Blocks, blocks_of, compare, eigenvalues, ends, identity,
                              is_definite, joined, known_schur_complement, negatives, ratio_sign,
                              rows_of, time_scaled)
from .series import costs_at, stackelberg_linearisation
from .vocabulary import (CRITICAL, FOLLOWER_DEFINITE, JOINTLY_DIAGONAL, REALIZABLE,
                         SCALAR_PLAYERS, STABLE, STACKELBERG, ZERO_SUM, positive_value,
                         strict_follower_games)

__all__ = ["TABLE", "stable_between"]

TABLE: dict[str, Claim] = {}


# -- appendix E ---------------------------------------------------------------------------

@claim(TABLE, "proposition-E.1", "Proposition E.1", source="appendix E",
       statement=r"$f_2 = -f_1,\ x \text{ is a DSE},\ \mu_1 \leq \dots \leq \mu_r < 0 \text{ the "
                 r"negative eigenvalues of } D_1^2f,\ \lambda_1 \geq \dots \text{ those of }"
                 r" (-D_2^2f)^{-1},\ \kappa = \lVert D_{12}f\rVert \Rightarrow r \leq m_2,\ "
                 r"\kappa^2\lambda_i + \mu_i > 0,\ i \leq r$",
       hypotheses=(ZERO_SUM, STACKELBERG),
       then="A has r <= m2 negative eigenvalues, and kappa^2 lambda_i + mu_i > 0 for i <= r",
       games=lambda s: s.stackelberg_games(nash=False) | s.stackelberg_games())
def _follower_makes_up(local: LocalGame) -> Finding:
    """At a DSE the follower's curvature makes up for what the leader's lacks, value by value.

    Proof.  S1 = A + B D^-1 B^T > 0.  On the r-dimensional negative space of A it would not
    be positive if B^T had a kernel there, and it has one for r > m2.  By Weyl's inequality
    0 < mu_i + nu_i for the i-th largest eigenvalue nu_i of B D^-1 B^T, which is at most
    kappa^2 lambda_i (Ostrowski).
    """
    blocks = blocks_of(local)
    if blocks is None:
        return NO_BLOCKS
    r, n2 = negatives(blocks.a), local.sizes[1]
    if not is_definite(blocks.d):
        return Finding(Truth.NO, "D is not positive definite")
    if r > n2:
        return Finding(Truth.NO, f"A has {r} negative eigenvalues, the follower {n2} actions")
    largest = eigenvalues(blocks.b * blocks.b.transpose())[-1]
    for i, (mu, delta) in enumerate(zip(eigenvalues(blocks.a)[:r], eigenvalues(blocks.d)), 1):
        found = ratio_sign(largest, delta, mu)
        if found is None:
            return Finding(Truth.UNDECIDED, f"kappa^2 lambda_{i} + mu_{i} is nearly zero")
        if found <= 0:
            return Finding(Truth.NO, f"kappa^2 lambda_{i} + mu_{i} <= 0")
    return Finding(Truth.YES, f"r = {r}")


@claim(TABLE, "proposition-E.2", "Proposition E.2", source="appendix E",
       statement=r"$f_2 = -f_1,\ \omega(x) = 0,\ D_1^2f = W_1MW_1^\top,\ (-D_2^2f)^{-1} ="
                 r" W_2\Lambda W_2^\top > 0,\ D_{12}f = W_1\Sigma W_2^\top:\quad x \text{ is a DSE"
                 r"} \Leftrightarrow \mu_i + \sigma_i^2\lambda_i > 0 \text{ for all } i$",
       hypotheses=(ZERO_SUM, CRITICAL, FOLLOWER_DEFINITE, JOINTLY_DIAGONAL),
       then="differential Stackelberg, if and only if mu_i + sigma_i^2 lambda_i > 0 for all i",
       games=lambda s: s.jointly_diagonal_games())
def _decouples(local: LocalGame) -> Finding:
    """Where A, B and D are diagonal in common bases, a DSE is one for each pair of modes.

    Proof.  S1 = W1 (M + Sigma Lambda Sigma^T) W1^T.  The triples (mu, sigma^2, lambda) are
    found as the common eigenvectors of A, B B^T and B D B^T, whose eigenvalues are mu,
    sigma^2 and sigma^2/lambda; UNDECIDED where one of these is irrational.
    """
    blocks = blocks_of(local)
    if blocks is None:
        return NO_BLOCKS
    modes = _modes(blocks)
    if modes is None:
        return Finding(Truth.UNDECIDED, "an eigenvalue is not rational")
    positive = all(mu + (k * k / theta if k else 0) > 0 for mu, k, theta in modes)
    return Finding(agree(local.stackelberg, Truth.of(positive)))


def _modes(blocks: Blocks) -> list[tuple[Fraction, Fraction, Fraction]] | None:
    """The common eigenvalues of A, B B^T and B D B^T; None if one is irrational."""
    n1 = len(blocks.a.to_list())
    left = blocks.b * blocks.b.transpose()
    matrices = [blocks.a, left, blocks.b * blocks.d * blocks.b.transpose()]
    spectra = []
    for m in matrices:
        values = {root.rational() for root in eigenvalues(m)}
        if None in values:
            return None
        spectra.append(sorted(v for v in values if v is not None))
    found = []
    for mu in spectra[0]:
        for k in spectra[1]:
            for theta in spectra[2]:
                together = joined([[m - identity(n1, value)]
                                   for m, value in zip(matrices, (mu, k, theta))])
                if together.rank() < n1:
                    found.append((mu, k, theta))
    return found


@claim(TABLE, "corollary-E.1", "Corollary E.1", source="appendix E",
       statement=r"$f_2 = -f_1,\ m_1 = m_2 = 1,\ \tau > 0,\ D_2^2f_2(x) > 0,\ "
                 r"\operatorname{spec}J_\tau(x) \subset \mathbb C_+^\circ"
                 r" \Rightarrow x \text{ is a DSE}$",
       hypotheses=(ZERO_SUM, SCALAR_PLAYERS, FOLLOWER_DEFINITE, positive_value("tau"), STABLE),
       then="differential Stackelberg",
       games=lambda s: (s.stable_games(follower_definite=True, leader=1, follower=1)
                        | stable_at_tau_games(s, leader=1, follower=1)))
def _scalar_stable_is_stackelberg(local: LocalGame) -> Truth:
    """In zero-sum games of two scalars a stable point with a strict follower is a DSE.

    Proof.  det J_tau = tau (A D + B^2) > 0, hence S1 = A + B^2/D > 0.  Any dimension: 2.9.
    """
    blocks = blocks_of(local)
    if blocks is None:
        return local.stackelberg
    (a,), (b,), (d,) = (rows_of(m)[0] for m in (blocks.a, blocks.b, blocks.d))
    return local.stackelberg & Truth.of(a * d + b * b > 0 and d > 0)


# -- the realizable assumption --------------------------------------------------------------

@claim(TABLE, "proposition-4", "Proposition 4", source="section 3, appendix E",
       statement=r"$f_2 = -f_1,\ D_1^2f(x) = 0,\ D_2^2f_2(x) > 0,\ \tau > 0,\ "
                 r"\operatorname{spec}J_\tau(x) \subset \mathbb C_+^\circ \Rightarrow x \text{ is"
                 r" a DSE and } \operatorname{spec}J_{S_\tau}(x) \subset \mathbb C_+^\circ$",
       hypotheses=(ZERO_SUM, REALIZABLE, FOLLOWER_DEFINITE, positive_value("tau"), STABLE),
       then="differential Stackelberg, and stable under w_S_tau",
       games=lambda s: s.with_values(s.realizable_games(), tau=s.ratios()))
def _realizable_is_stackelberg(local: LocalGame) -> Truth:
    """Where the leader's own Hessian vanishes, a stable point with a strict follower is a DSE.

    Proof.  S1 = B D^-1 B^T >= 0, and S1 x = 0 means B^T x = 0, so that J (x, 0) = 0: for a
    stable J there is no such x != 0.  Stability under w_S: proposition-2.
    """
    return local.stackelberg & local.is_stable("stackelberg", local.value("tau"))


@claim(TABLE, "realizable-rank", "The realizable assumption, both ways", source="proved here",
       statement=r"$f_2 = -f_1,\ \omega(x) = 0,\ D_1^2f(x) = 0,\ D_2^2f_2(x) > 0,\ \tau > 0:\quad"
                 r" \operatorname{spec}J_\tau(x) \subset \mathbb C_+^\circ \Leftrightarrow x"
                 r" \text{ is a DSE} \Leftrightarrow \operatorname{rank}D_{12}f(x) = m_1$",
       hypotheses=(ZERO_SUM, CRITICAL, REALIZABLE, FOLLOWER_DEFINITE, positive_value("tau")),
       then="stable under w_tau, if and only if a DSE, if and only if D12 f has full row rank",
       games=lambda s: s.with_values(
           s.realizable_games() | s.realizable_games(full_rank=False), tau=s.ratios()))
def _realizable_rank(local: LocalGame) -> Truth | Finding:
    """Where A = 0 and D > 0, the rank of B decides everything, for every time scale.

    Proof.  S1 = B D^-1 B^T > 0 if and only if B^T x = 0 for x = 0 only; otherwise
    J_tau (x, 0) = 0.  With full rank the energy |x|^2 + |y|^2/tau falls along z' = -J_tau z
    at the rate 2 y^T D y, and y = 0 does not last, for there y' = tau B^T x != 0 (LaSalle).
    """
    blocks = blocks_of(local)
    if blocks is None:
        return NO_BLOCKS
    return agree(local.is_stable("simultaneous", local.value("tau")), local.stackelberg,
                 Truth.of(blocks.b.rank() == local.sizes[0]))


# -- around statement 2.9 ---------------------------------------------------------------------

def stable_between(blocks: Blocks) -> tuple[list[RealRoot], list[bool]]:
    """Where J_tau, tau > 0, can change its stability, and whether it is stable in between.

    The positive roots of H(tau), the product of all l_i + l_j, i < j, of the eigenvalues of
    J_tau, ascending, which by Orlando's formula is the last but one Hurwitz determinant of
    the characteristic polynomial.  Between two roots no eigenvalue meets the imaginary axis
    (det J_tau = tau^m2 det J), so one tau in each gap decides it; at a root J_tau is not
    stable.  No roots and [False] where det J = 0 or H is zero for all tau.
    """
    n1, n2 = len(blocks.a.to_list()), len(blocks.d.to_list())
    full = blocks.jacobian
    if full.rank() < n1 + n2:
        return [], [False]
    ring = QQ[Symbol("t")]
    t = ring.gens[0]
    scaled = full.convert_to(ring)
    rows = [[t * c for c in row] if i >= n1 else list(row)
            for i, row in enumerate(scaled.to_list())]
    coefficients = DomainMatrix(rows, scaled.shape, ring).charpoly()
    sums = [-c if k % 2 else c for k, c in enumerate(coefficients)]
    size = n1 + n2 - 1
    hurwitz = [[sums[k] if 0 <= (k := 2 * j - i + 1) <= size + 1 else ring.zero
                for j in range(size)] for i in range(size)]
    h = ring.to_sympy(DomainMatrix(hurwitz, (size, size), ring).det()).as_poly(Symbol("t"))
    if h.is_zero:
        return [], [False]
    terms = [Fraction(int(c.p), int(c.q)) for c in h.all_coeffs()]
    scale = math.lcm(*(c.denominator for c in terms))
    roots = [root for factor, _ in squarefree_factors(dense([c * scale for c in terms]))
             for root in real_roots(factor) if root.sign_of((1, 0)) > 0]
    roots.sort(key=cmp_to_key(compare))
    return roots, [is_stable(rows_of(time_scaled(full, n1, tau))) is Truth.YES
                   for tau in _samples(roots)]


def _samples(roots: list[RealRoot]) -> list[Fraction]:
    """A positive number below the first of ascending positive roots, ..., above the last."""
    out = []
    for k, root in enumerate(roots):
        bits = 16
        while (low := ends(root, bits)[0]) <= (above := ends(roots[k - 1], bits)[1] if k else 0):
            bits *= 2
        out.append((above + low) / 2)
    return [*out, ends(roots[-1], 16)[1] + 1 if roots else Fraction(1)]


@claim(TABLE, "statement-2.9-time-scales", "Stackelberg means stable for large time scales",
       source="proved here; with T. Fiez, L. Ratliff, ICLR 2021, Theorem 1",
       statement=r"$f_2 = -f_1,\ \omega(x) = 0,\ D_2^2f_2(x) > 0:\quad x \text{ is a DSE}"
                 r" \Leftrightarrow J_\tau \text{ is stable for some } \tau > 0 \Leftrightarrow"
                 r" J_\tau \text{ is stable for all } \tau > \tau^*$",
       hypotheses=(ZERO_SUM, CRITICAL, FOLLOWER_DEFINITE),
       then="a DSE, if and only if stable for some tau > 0, if and only if for all large tau",
       games=lambda s: strict_follower_games(s) | s.stable_games(follower_definite=True))
def _stable_for_some_tau(local: LocalGame) -> Finding:
    """With a strict follower, a point that is stable for one time scale is so for all large ones.

    Every tau > 0 is looked at: stability can change only at the positive roots of a
    polynomial, and is decided in each gap between them.  Proof.  A stable J_tau makes the
    point a DSE (statement-2.9).  At a DSE J_tau has for tau -> infinity m2 eigenvalues near
    tau spec D and m1 near spec S1, all with positive real part.
    """
    blocks = blocks_of(local)
    if blocks is None:
        return NO_BLOCKS
    roots, stable = stable_between(blocks)
    found = agree(local.stackelberg, Truth.of(any(stable)), Truth.of(stable[-1]))
    large, last = largest_root(rows_of(blocks.jacobian), local.sizes[0])
    same = last is None if not roots else last is not None and compare(last, roots[-1]) == 0
    return Finding(found & agree(large, Truth.of(stable[-1])) & Truth.of(same),
                   f"stable in {sum(stable)} of {len(stable)} gaps of tau")


@claim(TABLE, "statement-2.9-real-eigenvalues", "Negative directions of S1 are seen by J",
       source="proved here",
       statement=r"$f_2 = -f_1,\ D_2^2f_2(x) > 0,\ \tau > 0 \Rightarrow \#\{\lambda < 0 \text{ an "
                 r"eigenvalue of } S_1(J)\} \leq \#\{\lambda < 0 \text{ a real eigenvalue of } "
                 r"J_\tau\}, \text{ with the same parity if } \det J \neq 0$",
       hypotheses=(ZERO_SUM, FOLLOWER_DEFINITE, positive_value("tau")),
       then="J_tau has at least as many negative real eigenvalues as S1, and as many modulo 2 "
            "if det J != 0",
       games=lambda s: s.with_values(strict_follower_games(s), tau=s.ratios()))
def _negative_directions(local: LocalGame) -> Finding:
    """J_tau has at least as many negative real eigenvalues as S1(J); counted with multiplicity.

    Proof.  Let tau = 1 (statement-2.9).  For l <= 0 let S(l) = A - l + B (D - l)^-1 B^T,
    symmetric and analytic in l, with analytic eigenvalues s_k(l) (Rellich), all positive
    near l = -infinity; det(J - l) = det(D - l) s_1(l) ... s_m1(l).  Each s_k with
    s_k(0) < 0 vanishes somewhere in (-infinity, 0), and a zero of the product there is an
    eigenvalue of J, at least as often as factors vanish.  Parity: det J = det D det S1, and
    eigenvalues that are not real come in pairs with a positive product.
    """
    blocks = blocks_of(local)
    if blocks is None:
        return NO_BLOCKS
    scaled = time_scaled(blocks.jacobian, local.sizes[0], local.value("tau"))
    signs = [root.sign_of((1, 0)) for root in eigenvalues(scaled)]
    few, many = negatives(known_schur_complement(local)), signs.count(-1)
    same = 0 in signs or (many - few) % 2 == 0
    return Finding(Truth.of(few <= many and same), f"{few} of S1, {many} of J_tau")


# -- regularisation -----------------------------------------------------------------------------

@claim(TABLE, "regularised-condition", "The regularised conditions are conservative",
       source="for appendix H.1; proved here",
       statement=r"$f_2 = -f_1,\ \omega(x) = 0,\ D = -D_2^2f > 0,\ \eta > 0,\ E = (D + \eta I)^"
                 r"{-1} \Rightarrow R_1 = A + BEB^\top \preceq R_2 = A + 2BEB^\top - BEDEB^\top"
                 r" \preceq S_1,\ S_1 - R_2 = \eta^2BED^{-1}EB^\top,\ J_S^\eta = \begin{pmatrix}"
                 r" R_1 & \eta BE \\ -B^\top & D\end{pmatrix},\ \det J_S^\eta = \det S_1\det D$",
       hypotheses=(ZERO_SUM, CRITICAL, FOLLOWER_DEFINITE, positive_value("eta")),
       then="R1 <= R2 <= S1 with the gap eta^2 B E D^-1 E B^T, and J_S^eta is as stated",
       games=lambda s: s.with_values(strict_follower_games(s), eta=s.ratios()))
def _regularised(local: LocalGame) -> Finding:
    """Regularised second-order tests, at a critical point with a strict follower, err one way.

    R1 is the upper left block of J_S^eta and R2 the Hessian of f along the regularised
    response, whose derivative is E B^T.  So R1 > 0 or R2 > 0 implies S1 > 0.  J_S^eta comes
    from the series of the regularised gradient.  Proof.  With E = (D + eta)^-1, which commutes
    with D: D^-1 - E = eta E D^-1, R2 - R1 = B (E - E D E) B^T = eta B E E B^T, S1 - R2 =
    B (D^-1 - 2E + E D E) B^T = eta^2 B E D^-1 E B^T, and adding -eta B E D^-1 times the
    lower rows of J_S^eta to the upper ones gives [[S1, 0], [-B^T, D]].
    """
    costs, blocks = costs_at(local), blocks_of(local)
    if costs is None or blocks is None:
        return NO_BLOCKS
    a, b, c, d = blocks
    eta, n2 = local.value("eta"), local.sizes[1]
    e = (d + identity(n2, eta)).inv()
    bt, eb = b.transpose(), b * e
    r1, r2 = a + eb * bt, a + identity(len(a.to_list()), 2) * eb * bt - eb * d * e * bt
    s1 = known_schur_complement(local)
    if s1 - r2 != eb * identity(n2, eta**2) * d.inv() * e * bt:
        return Finding(Truth.NO, "the gap S1 - R2 is another one")
    if negatives(r2 - r1) or negatives(s1 - r2):
        return Finding(Truth.NO, "R1 <= R2 <= S1 fails")
    _, rows = stackelberg_linearisation(costs, local.sizes, eta)
    stated = joined([[r1, eb * identity(n2, eta)], [c, d]])
    if rows_of(stated) != rows:
        return Finding(Truth.NO, "J_S^eta is another matrix")
    return Finding(Truth.of(stated.det() == s1.det() * d.det() and c == -bt))
