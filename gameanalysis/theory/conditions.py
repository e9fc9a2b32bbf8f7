r"""Conditions on the blocks of a zero-sum game for a critical point to be Stackelberg.

At a critical point with D = D22 f2 > 0, A = D11 f1 and B = D12 f1, the leader's Schur
complement is S1 = A + B D^-1 B^T, and the point is a differential Stackelberg equilibrium
(DSE) if and only if S1 > 0.

Proposition E.1, necessary.  Let mu_1 <= mu_2 <= ... be the eigenvalues of A, r of them
negative, lambda_1 >= lambda_2 >= ... those of D^-1, n2 of them, and kappa = |B|_2.  A DSE has

    r <= n2      and      mu_i + kappa^2 lambda_i > 0,   i = 1, ..., r,

for by Weyl lmin(S1) <= mu_i + (i-th largest eigenvalue of B D^-1 B^T), which is at most
kappa^2 lambda_i, and zero for i > n2.

Proposition E.2, equivalent.  If A = W1 M W1^T, D^-1 = W2 Lambda W2^T and B = W1 Sigma W2^T with
orthogonal W1, W2 and diagonal M, Lambda, Sigma, then S1 = W1 (M + Sigma Lambda Sigma^T) W1^T, so

    DSE      if and only if      nu_i = mu_i + sigma_i^2 lambda_i > 0 for every i.

Such W1, W2 exist if and only if A commutes with B B^T and with B D B^T, and D commutes with
B^T B: then A and D split along the singular subspaces of B, where B identifies the two.

Reference: Fiez, Chasnov and Ratliff, ICML 2020, appendix E.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..declaration.game import Game
from ..exact.minors import dot, exact_sign, interval_sign
from ..truth import Truth
from .bounds import eigenvalue_bounds, gram_bounds, symmetric_part, transposed
from .rates import Guarantee
from .linearisation import Linearisation

__all__ = ["NecessaryCondition", "SufficientCondition", "necessary_condition",
           "sufficient_condition"]

Array = NDArray[np.float64]
Rows = list[list[Any]]
Numbers = tuple[float, ...]


@dataclass(frozen=True, eq=False, repr=False)
class NecessaryCondition(Guarantee):
    """Proposition E.1 at a point: what every DSE satisfies.

    ``satisfied`` : whether r <= n2 and every value is positive, proved; NO proves that the
        point is no DSE, YES does not prove that it is one.
    ``n_negative``, ``n_following`` : r, the negative eigenvalues of D11 f1 (None where not
        proved), and n2.  ``kappa`` : |D12 f1|_2.
    ``mu``, ``lambda_`` : the r least eigenvalues of D11 f1, ascending, and as many of
        (D22 f2)^-1 as there are, descending; ``values`` : mu_i + kappa^2 lambda_i.  Floats,
        rounded, without proof.
    """

    satisfied: Truth
    n_negative: int | None = None
    n_following: int = 0
    kappa: float | None = None
    mu: Numbers = ()
    lambda_: Numbers = ()
    values: Numbers = ()

    def _lines(self) -> list[str]:
        if self.kappa is None:
            return [f"satisfied: {self.satisfied}"]
        return [f"satisfied: {self.satisfied}; {self.n_negative} negative eigenvalues of D11 f1 "
                f"for {self.n_following} following actions, kappa = {self.kappa:.6g}",
                "mu_i + kappa^2 lambda_i: " + (_shown(self.values) or "none to check")]


@dataclass(frozen=True, eq=False, repr=False)
class SufficientCondition(Guarantee):
    """Proposition E.2 at a point: equivalent to a DSE where the blocks are jointly diagonal.

    ``positive`` : whether every nu_i = mu_i + sigma_i^2 lambda_i is positive, proved; under
        the hypotheses YES proves a DSE and NO refutes it.
    ``mu``, ``sigma``, ``lambda_`` : the diagonal entries, in one order, sigma and lambda zero
        beyond n2; ``values`` : the nu_i.  Floats, rounded, without proof.
    """

    positive: Truth
    mu: Numbers = ()
    sigma: Numbers = ()
    lambda_: Numbers = ()
    values: Numbers = ()

    def _lines(self) -> list[str]:
        return [f"positive: {self.positive}"] + (
            ["mu_i + sigma_i^2 lambda_i: " + _shown(self.values)] if self.values else [])


def _shown(values: Numbers) -> str:
    return ", ".join(f"{v:.6g}" for v in values[:8]) + ", ..." * (len(values) > 8)


def _hypotheses(lin: Linearisation) -> dict[str, Truth]:
    return {"zero-sum": lin.zero_sum(), "omega = 0": lin.is_critical("simultaneous"),
            "D22 f2 > 0": lin.is_definite("D22 f2")}


def _is_usable(jacobian: Array, n1: int) -> bool:
    """Whether D22 f2 > 0 in floats, so that its inverse has eigenvalues to show."""
    return bool(np.isfinite(jacobian).all()
                and np.linalg.eigvalsh(jacobian[n1:, n1:])[0] > 0)


def _blocks(rows: Rows, n1: int) -> tuple[Rows, Rows, Rows]:
    """A, B and D."""
    return ([row[:n1] for row in rows[:n1]], [row[n1:] for row in rows[:n1]],
            [row[n1:] for row in rows[n1:]])


def necessary_condition(game: Game, point: Any) -> NecessaryCondition:
    """Proposition E.1: what every zero-sum Stackelberg equilibrium satisfies.

    r <= n2 and mu_i + kappa^2 lambda_i > 0 for i = 1, ..., r, with mu_i the r negative
    eigenvalues of D11 f1, ascending, lambda_i the eigenvalues of (D22 f2)^-1, descending, and
    kappa = |D12 f1|_2.

    Guarantee: ``satisfied`` is proved where it is YES or NO.  Without D22 f2 > 0, at points
    that are not critical and in general sum nothing is said: UNDECIDED, no numbers.

    Parameters and errors are those of `tau_star`.

    >>> from gameanalysis.declaration.separating import dse_unstable
    >>> necessary_condition(dse_unstable(), (0, 0)).values
    (2.0,)

    Reference: Fiez, Chasnov and Ratliff, ICML 2020, Proposition E.1.
    """
    lin = Linearisation(game, point, of="simultaneous")
    hypotheses, name = _hypotheses(lin), "Proposition E.1 (necessary for a DSE)"
    jacobian, n1, n2 = lin.floats[0], lin.n1, lin.n - lin.n1
    if Truth.NO in hypotheses.values() or not _is_usable(jacobian, n1):
        return NecessaryCondition(name, lin.point, hypotheses, (), Truth.UNDECIDED)
    counts = lin.point.inertia["D11 f1"]
    r = None if counts is None else counts[1]
    mu = np.linalg.eigvalsh(jacobian[:n1, :n1])
    shown = int((mu < 0).sum()) if r is None else r
    inverse = 1 / np.linalg.eigvalsh(jacobian[n1:, n1:])
    kappa = float(np.linalg.norm(jacobian[:n1, n1:], 2))
    both = min(shown, n2)
    values = mu[:both] + kappa ** 2 * inverse[:both]
    return NecessaryCondition(name, lin.point, hypotheses, (), _satisfied(lin, r), r, n2, kappa,
                              tuple(mu[:shown].tolist()), tuple(inverse[:both].tolist()),
                              tuple(values.tolist()))


def _satisfied(lin: Linearisation, r: int | None) -> Truth:
    """Whether the condition holds, by enclosures of the eigenvalues."""
    if r == 0 or lin.point.differential_stackelberg is Truth.YES:
        return Truth.YES                    # nothing to check, or by the proposition itself
    if r is None:
        return Truth.UNDECIDED
    if r > lin.n - lin.n1:
        return Truth.NO
    if lin.n == 2 and lin.rational_jacobian is not None:
        (first, across), (_, follow) = lin.rational_jacobian
        return Truth.of(first + across ** 2 / follow > 0)
    try:
        a, b, d = (lin.bounds(rows) for rows in _blocks(lin.jacobian, lin.n1))
    except ArithmeticError:
        return Truth.UNDECIDED
    mu, below = eigenvalue_bounds(symmetric_part(a)), eigenvalue_bounds(symmetric_part(d))
    kappa = gram_bounds(b)
    if not (below[0] > 0).all():
        return Truth.UNDECIDED
    slack = 2.0 ** -48
    low = mu[0][:r] + kappa[0][-1] / below[1][:r]
    high = mu[1][:r] + kappa[1][-1] / below[0][:r]
    size = slack * (np.abs(mu[0][:r]) + kappa[1][-1] / below[0][:r])
    return Truth.all(Truth.of(True if p > 0 else False if q <= 0 else None)
                     for p, q in zip(low - size, high + size))


def sufficient_condition(game: Game, point: Any) -> SufficientCondition:
    """Proposition E.2: equivalent to a DSE where the blocks are jointly diagonalisable.

    With D11 f1 = W1 M W1^T, (D22 f2)^-1 = W2 Lambda W2^T, D12 f1 = W1 Sigma W2^T the point is a
    DSE if and only if mu_i + sigma_i^2 lambda_i > 0 for every i.

    Guarantee: each `Truth` that is YES or NO is proved.  The joint diagonalisation is
    decided exactly at rational points; elsewhere it can be refuted, but, being an equality,
    not proved unless one matrix has size 1.  Where it is refuted there are no numbers.

    Parameters and errors are those of `tau_star`.

    >>> from gameanalysis.declaration.separating import tau_star_2
    >>> sufficient_condition(tau_star_2(), (0, 0, 0, 0)).require().positive
    <Truth.YES>

    Reference: Fiez, Chasnov and Ratliff, ICML 2020, Proposition E.2.
    """
    lin = Linearisation(game, point, of="simultaneous")
    name, joint = "Proposition E.2 (equivalent to a DSE)", "jointly diagonalisable"
    hypotheses = _hypotheses(lin)
    hypotheses[joint] = Truth.UNDECIDED
    if Truth.NO in hypotheses.values():
        return SufficientCondition(name, lin.point, hypotheses, (), Truth.UNDECIDED)
    hypotheses[joint] = _jointly_diagonal(lin)
    if hypotheses[joint] is Truth.NO or not _is_usable(lin.floats[0], lin.n1):
        return SufficientCondition(name, lin.point, hypotheses, (), Truth.UNDECIDED)
    # Under the hypotheses the nu_i are the eigenvalues of S1(J).
    positive = lin.is_definite("Schur complement")
    found = _joint_spectra(lin.floats[0], lin.n1)
    notes = () if found else ("floats show no joint diagonalisation",)
    return SufficientCondition(name, lin.point, hypotheses, notes, positive, *(found or ()))


def _jointly_diagonal(lin: Linearisation) -> Truth:
    """Whether [A, B B^T] = [A, B D B^T] = 0 and [D, B^T B] = 0."""
    if lin.n == 2:
        return Truth.YES
    sign: Callable[[Any], int | None] = exact_sign
    rows: Rows
    if lin.rational_jacobian is not None:
        rows = [list(row) for row in lin.rational_jacobian]
    elif lin.exact_jacobian is not None:
        numbers, rows = lin.exact_jacobian
        sign = numbers.sign
    else:
        try:
            rows, sign = lin.jacobian, interval_sign
        except ArithmeticError:
            return Truth.UNDECIDED
    a, b, d = _blocks(rows, lin.n1)
    bt = transposed(b)
    return Truth.all(_commute(x, y, sign) for x, y in (
        (a, _times(b, bt)), (d, _times(bt, b)), (a, _times(_times(b, d), bt))))


def _times(left: Rows, right: Rows) -> Rows:
    return [[dot(row, column) for column in zip(*right)] for row in left]


def _commute(x: Rows, y: Rows, sign: Callable[[Any], int | None]) -> Truth:
    """Whether x y = y x, for symmetric matrices: whether x y is symmetric."""
    xy = _times(x, y)
    signs = [sign(xy[i][j] - xy[j][i]) for i in range(len(xy)) for j in range(i)]
    if any(signs):
        return Truth.NO
    return Truth.UNDECIDED if None in signs else Truth.YES


def _joint_spectra(jacobian: Array, n1: int) -> tuple[Numbers, Numbers, Numbers, Numbers] | None:
    """mu, sigma, lambda and nu in floats; None where the blocks are not jointly diagonal.

    A generic combination of the commuting A, B B^T and B D B^T has the columns of W1 as
    eigenvectors, and B^T W1 gives those of W2 whose sigma is not zero.
    """
    a, b, d = jacobian[:n1, :n1], jacobian[:n1, n1:], jacobian[n1:, n1:]
    family = [a, b @ b.T, b @ d @ b.T]
    mix = sum(c * m / max(1e-300, float(np.linalg.norm(m)))
              for c, m in zip((1.0, 0.6180339887, 0.3819660113), family))
    w = np.linalg.eigh(np.asarray(mix))[1]
    diagonal = w.T @ a @ w
    pulled = b.T @ w
    sigma = np.linalg.norm(pulled, axis=0)
    scale = max(1e-300, float(np.linalg.norm(jacobian)))
    some = sigma > 1e-12 * scale
    v = pulled[:, some] / sigma[some]
    below = v.T @ d @ v
    small = 1e-8 * scale
    if any(np.abs(m - np.diag(np.diag(m))).max(initial=0.0) > small for m in (diagonal, below)) \
            or np.abs(v.T @ v - np.eye(v.shape[1])).max(initial=0.0) > 1e-8:
        return None
    mu, sigma = np.diag(diagonal), np.where(some, sigma, 0.0)
    inverse = np.zeros(n1)
    inverse[some] = 1 / np.diag(below)
    values = mu + sigma ** 2 * inverse
    order = np.argsort(values)
    first, second, third, last = (
        tuple(x[order].tolist()) for x in (mu, sigma, inverse, values))
    return first, second, third, last
