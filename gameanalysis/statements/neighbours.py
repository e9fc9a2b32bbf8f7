r"""Statements of the papers around Stackelberg learning, for zero-sum games at critical points.

With A = D11 f, B = D12 f, D = -D22 f, J_tau = [[A, B], [-tau B^T, tau D]], S1 = A + B D^-1 B^T.
Minimax points, time scales, follow-the-ridge, local symplectic surgery, and the quadratic
numerical range: of J, the eigenvalues of all 2 x 2 matrices

    [[u* A u, u* B v], [v* C u, v* D v]],    |u| = |v| = 1,    C = -B^T in zero-sum games.

References: C. Jin, P. Netrapalli, M. Jordan, ICML 2020; T. Fiez, L. Ratliff, ICLR 2021;
Y. Wang, G. Zhang, J. Ba, ICLR 2020; E. Mazumdar, M. Jordan, S. Sastry, arXiv:1901.00838;
B. Chasnov, D. Calderone, B. Acikmese, S. Burden, L. Ratliff, Stability of gradient learning
dynamics in continuous games: vector action spaces, arXiv:2011.05562;
C. Tretter, Spectral Theory of Block Operator Matrices, 2008.
"""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import Any

from sympy import QQ, Poly, Symbol
from sympy.polys.matrices import DomainMatrix
from sympy.polys.rings import ring

from ..exact.definiteness import is_stable
from ..truth import Truth
from ..verdicts.local import LocalGame
from .claims import Claim, Finding, claim
from .equilibria import agree
from .placement import stable_between
from .rational_blocks import (NO_BLOCKS, Blocks, blocks_of, charpoly, compare, eigenvalues,
                              ends, identity, is_definite, joined, known_schur_complement,
                              matrix, product, rows_of)
from .series import costs_at, ridge_linearisation
from .vocabulary import (CRITICAL, REGULAR, REGULAR_FOLLOWER, STACKELBERG, TWO_PLAYERS, ZERO_SUM,
                         positive_value)

__all__ = ["TABLE"]

TABLE: dict[str, Claim] = {}


@claim(TABLE, "jin-minimax", "Strict local minimax points",
       source="C. Jin, P. Netrapalli, M. Jordan, ICML 2020",
       statement=r"$f_2 = -f_1,\ \omega(x) = 0,\ \det D_2^2f,\ \det S_1 \neq 0:\quad -D_2^2f > 0,"
                 r"\ S_1 > 0 \Leftrightarrow x \text{ is a DSE} \Leftrightarrow J_\tau \text{ is "
                 r"stable for all large } \tau$",
       hypotheses=(ZERO_SUM, CRITICAL, REGULAR_FOLLOWER, REGULAR),
       then="a strict local minimax point, if and only if a DSE, if and only if stable under "
            "w_tau for all large tau",
       games=lambda s: (s.saddle_games() | s.stackelberg_games() | s.stackelberg_games(nash=False)
                        | s.stable_games(follower_definite=False)))
def _minimax(local: LocalGame) -> Finding:
    """Strict local minimax points are the zero-sum DSE, and what gradient play finds in the limit.

    Proof.  For tau -> infinity m2 eigenvalues of J_tau behave as tau spec D and m1 tend to
    spec S1; both are real and not zero.  UNDECIDED never where the jet is rational: the last
    gap between the tau at which stability can change is decided.
    """
    blocks = blocks_of(local)
    if blocks is None:
        return NO_BLOCKS
    _, stable = stable_between(blocks)
    minimax = is_definite(blocks.d) and is_definite(blocks.schur)
    return Finding(agree(local.stackelberg, Truth.of(minimax), Truth.of(stable[-1])))


@claim(TABLE, "fiez-ratliff", "The critical time scale",
       source="T. Fiez, L. Ratliff, ICLR 2021, Theorem 1",
       statement=r"$f_2 = -f_1,\ x \text{ is a DSE},\ \tau^* = \max(0,"
                 r" \lambda_{\max}^{\mathbb R}(Q)) \Rightarrow J_\tau \text{ is stable for all "
                 r"} \tau > \tau^*, \text{ and not "
                 r"for } \tau = \tau^* > 0$",
       hypotheses=(ZERO_SUM, STACKELBERG),
       then="J_tau is stable for all tau > tau*, and not at tau* > 0, for tau* of the formula Q",
       games=lambda s: s.stackelberg_games(nash=False) | s.stackelberg_games())
def _critical_time_scale(local: LocalGame) -> Finding:
    """A formula with Kronecker products gives the time scale from which on a DSE is stable.

    Q = -(A (x) D^-1) + 2 [(B (x) D^-1) H_m2, (I (x) D^-1 C) H_m1] diag((D [+] D)^-1,
    -(S1 [+] S1)^-1) [H_m2^+ (C (x) I); H_m1^+ (S1 (x) B D^-1)], with H_k the duplication
    matrix and X [+] X = H^+ (X (x) I + I (x) X) H.  Its largest real
    eigenvalue, a real algebraic number, is compared with the largest root of Orlando's
    determinant (`stable_between`).  Proof: theirs;
    a guard map of J_tau on symmetric matrices is det(J_tau [+] J_tau), and a Schur complement.
    """
    blocks = blocks_of(local)
    if blocks is None:
        return NO_BLOCKS
    if not (is_definite(blocks.d) and is_definite(blocks.schur)):
        return Finding(Truth.NO, "D or S1 is not positive definite")
    roots, stable = stable_between(blocks)
    positive = [root for root in eigenvalues(_fiez_ratliff_matrix(blocks))
                if root.sign_of((1, 0)) > 0]
    same = not positive if not roots else bool(positive) and compare(positive[-1], roots[-1]) == 0
    note = f"tau* = {float(ends(roots[-1], 60)[0]):.6g}" if roots else "tau* = 0"
    return Finding(Truth.of(stable[-1] and same), note)


def _fiez_ratliff_matrix(blocks: Blocks) -> DomainMatrix:
    a, b, c, d = blocks
    s, inverse = blocks.schur, d.inv()
    n1, n2 = len(a.to_list()), len(d.to_list())
    double1, double2 = _duplication(n1), _duplication(n2)
    left = (_kron(b, inverse) * double2).hstack(_kron(identity(n1), inverse * c) * double1)
    zero = _zeros(n2 * (n2 + 1) // 2, n1 * (n1 + 1) // 2)
    middle = joined([[_sum(d).inv(), zero], [zero.transpose(), -_sum(s).inv()]])
    right = (_halving(n2) * _kron(c, identity(n2))).vstack(_halving(n1) * _kron(s, b * inverse))
    return identity(n1 * n2, 2) * left * middle * right - _kron(a, inverse)


def _zeros(rows: int, columns: int) -> DomainMatrix:
    return matrix([[0] * columns for _ in range(rows)])


def _kron(x: DomainMatrix, y: DomainMatrix) -> DomainMatrix:
    return matrix([[p * q for p in row for q in other]
                   for row in rows_of(x) for other in rows_of(y)])


def _duplication(n: int) -> DomainMatrix:
    """H with H vech(X) = vec(X) for symmetric X."""
    pairs = list(combinations_with_replacement(range(n), 2))
    return matrix([[int(pair == (min(i, j), max(i, j))) for pair in pairs]
                   for i in range(n) for j in range(n)])


def _halving(n: int) -> DomainMatrix:
    """H^+, the pseudo-inverse of H."""
    h = _duplication(n)
    return (h.transpose() * h).inv() * h.transpose()


def _sum(x: DomainMatrix) -> DomainMatrix:
    """X [+] X."""
    n = len(x.to_list())
    both = _kron(x, identity(n)) + _kron(identity(n), x)
    return _halving(n) * both * _duplication(n)


@claim(TABLE, "follow-the-ridge", "The spectrum of follow-the-ridge",
       source="Y. Wang, G. Zhang, J. Ba, ICLR 2020",
       statement=r"$f_2 = -f_1,\ \omega(x) = 0,\ \det D_2^2f \neq 0,\ c > 0,\ g = (D_1f,\ cD_2f_2"
                 r" - (D_2^2f_2)^{-1}D_{21}f_2D_1f) \Rightarrow \operatorname{spec}Dg(x) ="
                 r" \operatorname{spec}S_1 \cup c\operatorname{spec}D_2^2f_2$",
       hypotheses=(ZERO_SUM, CRITICAL, REGULAR_FOLLOWER, positive_value("c")),
       then="the spectrum of follow-the-ridge is that of S1 and of c D22 f2; stable iff a DSE",
       games=lambda s: s.with_values(s.critical_games(of="stackelberg") | s.stackelberg_games(),
                                     c=s.ratios()))
def _follows_the_ridge(local: LocalGame) -> Finding:
    """The stable points of follow-the-ridge are the DSE, for every ratio c of its two rates.

    Its Jacobian comes from the series of g.  Proof.  In the coordinates (x, w), w = y -
    D^-1 B^T x, the Jacobian [[A, B], [-c B^T + D^-1 B^T A, c D + D^-1 B^T B]] turns into
    [[S1, B], [0, c D]].
    """
    costs, blocks = costs_at(local), blocks_of(local)
    if costs is None or blocks is None:
        return NO_BLOCKS
    c = local.value("c")
    rows = ridge_linearisation(costs, local.sizes, c)
    both = product(charpoly(known_schur_complement(local)),
                   charpoly(identity(local.sizes[1], c) * blocks.d))
    return Finding(Truth.of(charpoly(matrix(rows)) == both)
                   & agree(is_stable(rows), local.stackelberg))


@claim(TABLE, "local-symplectic-surgery", "Local symplectic surgery finds Nash equilibria only",
       source="E. Mazumdar, M. Jordan, S. Sastry, arXiv:1901.00838",
       statement=r"$f_2 = -f_1,\ \omega(x) = 0,\ \det J \neq 0,\ g = \tfrac12(I + J^\top J^{-1})"
                 r"\omega:\quad \operatorname{spec}Dg(x) \subset \mathbb C_+^\circ"
                 r" \Leftrightarrow x \text{ is a DNE}$",
       hypotheses=(ZERO_SUM, CRITICAL, REGULAR),
       then="stable under local symplectic surgery, if and only if differential Nash",
       games=lambda s: s.nash_games() | s.saddle_games() | s.stackelberg_games(nash=False))
def _surgery(local: LocalGame) -> Truth | Finding:
    """Without regularisation local symplectic surgery is stable at Nash equilibria only.

    Proof.  w = J e + O(|e|^2), so Dg = (I + J^T J^-1) J/2 = (J + J^T)/2, which is
    diag(A, D): symmetric, and its stability is A > 0, D > 0.
    """
    blocks = blocks_of(local)
    if blocks is None:
        return NO_BLOCKS
    j, n = blocks.jacobian, local.n
    turned = (identity(n) + j.transpose() * j.inv()) * j
    return agree(is_stable(rows_of(turned)), local.nash)


@claim(TABLE, "chasnov", "The quadratic numerical range contains the spectrum",
       source="B. Chasnov and others, arXiv:2011.05562; C. Tretter, 2008",
       statement=r"$\lambda \in \operatorname{spec}J(x) \Rightarrow \lambda \in"
                 r" \operatorname{spec}\begin{pmatrix} u^*Au & u^*Bv \\ v^*Cu & v^*Dv\end{pmatrix}"
                 r" \text{ for some } |u| = |v| = 1$",
       hypotheses=(TWO_PLAYERS,), then="each eigenvalue of J is one of a 2 x 2 compression of J",
       games=lambda s: (s.critical_games(zero_sum=False) | s.zero_sum_games()
                        | s.general_sum_games()))
def _range_contains_spectrum(local: LocalGame) -> Finding:
    """Every eigenvalue of J is an eigenvalue of a 2 x 2 matrix that the players' blocks give.

    Witnesses are the parts u, v of an eigenvector (u, v): u* A u + u* B v = l |u|^2 and
    v* C u + v* D v = l |v|^2, hence (u* A u - l |u|^2)(v* D v - l |v|^2) = u* B v v* C u,
    which is the characteristic equation for u/|u| and v/|v|.  Where u = 0 any u will do, for
    then B v = 0 and D v = l v; likewise v.

    Decided for all eigenvalues, complex ones too: with p an irreducible factor of the
    characteristic polynomial, (u, v) is a null vector of J - s over Q[s]/(p), and as u*, v* are
    (u, v) at the conjugate t of s, the equation is checked as one in Q[t][s]/(p(s)).
    """
    blocks = blocks_of(local)
    if blocks is None:
        return NO_BLOCKS
    s = Symbol("s")
    polynomial = Poly.from_list([QQ(c.numerator, c.denominator)
                                 for c in charpoly(blocks.jacobian)], s, domain=QQ)
    for factor, _ in polynomial.factor_list()[1]:
        if not _is_witness(blocks, factor):
            return Finding(Truth.NO, f"at the roots of {factor.as_expr()}")
    return Finding(Truth.YES)


def _is_witness(blocks: Blocks, factor: Poly) -> bool:
    """Whether an eigenvector to the roots of an irreducible factor satisfies the equation."""
    j, n1 = blocks.jacobian, len(blocks.a.to_list())
    _, s, t = ring("s,t", QQ)
    p = sum((QQ.convert(c) * s**k for (k,), c in factor.rep.terms()), 0 * s)
    vector = _null_vector(j, factor)
    if not any(vector):
        return False
    z, conjugate = ([sum((c * at**k for k, c in enumerate(reversed(entry))), 0 * s)
                     for entry in vector] for at in (s, t))

    def form(rows: range, columns: range) -> Any:
        return sum((conjugate[i] * j.to_list()[i][k] * z[k] for i in rows for k in columns),
                   0 * s)

    lead, follow = range(n1), range(n1, len(vector))
    u, v = (s * sum((conjugate[i] * z[i] for i in part), 0 * s) for part in (lead, follow))
    equation = ((form(lead, lead) - u) * (form(follow, follow) - v)
                - form(lead, follow) * form(follow, lead))
    return not equation.rem([p])


def _null_vector(j: DomainMatrix, factor: Poly) -> list[list[Any]]:
    """A null vector of J - s over Q[s]/(p): polynomials in s, highest power first."""
    n = len(j.to_list())
    if factor.degree() == 1:
        slope, constant = factor.all_coeffs()
        root = QQ.convert(-constant / slope)
        null = (j - DomainMatrix.eye(n, QQ) * root).nullspace().to_list()
        return [[c] for c in null[0]] if null else []
    field = QQ.alg_field_from_poly(factor)
    shift = DomainMatrix.eye(n, field) * field.unit
    null = (j.convert_to(field) - shift).nullspace().to_list()
    return [c.to_list() for c in null[0]] if null else []
