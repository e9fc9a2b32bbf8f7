r"""tau*: how much faster the follower must learn for gradient play to be stable.

At a critical point of two players x' = -(D1 f1, tau D2 f2) has the Jacobian

    J_tau = J0 + tau J1,    J0 = [[A, B], [0, 0]],    J1 = [[0, 0], [C, D]],

and tau* is the least number such that J_tau is stable, spectrum in the open right half-plane,
for every tau > tau*; infinite where there is none.  At tau* > 0 itself a pair of eigenvalues
is on the imaginary axis, so the point is not stable.

Pencil.  L(X), the lower Schlaeflian, acts on antisymmetric matrices as Z -> X Z + Z X^T; it
has dimension N = n(n-1)/2, is linear in X, and its eigenvalues are the sums l_i + l_j, i < j,
of those of X.  An eigenvalue of J_tau on the axis makes det(L(J0) + tau L(J1)) or
det J_tau = tau^n2 det J vanish, hence: if det J != 0 and J_tau is stable for one tau above
the largest positive root of det(L(J0) + tau L(J1)), tau* is that root, or 0 without one;
and if it is not, or the determinant is zero for all tau, tau* is infinite.  Rows of two
leading indices do not contain tau and those of two following ones are multiples of it; with
that factor left out the determinant has degree at most n1 n2.

Formula, zero-sum (Fiez and Ratliff).  With S = S1 = A - B D^-1 C, duplication matrices H_k,
H_k^+ their pseudo-inverses and X [+] X = H^+ (X (x) I + I (x) X) H,

    Q = -(A (x) D^-1) + 2 [(B (x) D^-1) H_n2, (I (x) D^-1 C) H_n1]
        diag((D [+] D)^-1, -(S [+] S)^-1) [H_n2^+ (C (x) I); H_n1^+ (S (x) B D^-1)],

tau* = max(0, the largest real eigenvalue of Q); for n1 = n2 = 1 it is max(0, -A/D).

Proof.  Where J is rational (up to a positive factor) the root is isolated exactly and
stability decided exactly.  Elsewhere intervals over the enclosure of the point prove that
J_tau is not stable at the lower end of a small interval, is stable at its upper end, and
that the pencil is regular from there to infinity: it is where |I - Y L(tau)| < 1 for an
approximate inverse Y, and that is a proof for a whole neighbourhood of each tau.

References: T. Fiez, L. Ratliff, Local convergence analysis of gradient descent ascent with
finite timescale separation, ICLR 2021, Theorem 1; A. T. Fuller, Conditions for a matrix to
have only characteristic roots with negative real parts, J. Math. Anal. Appl. 23 (1968).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from ..declaration.costs import exact
from ..declaration.game import Game
from ..exact.definiteness import is_stable
from ..exact.derivatives import ratio
from ..exact.minors import interval_sign
from ..exact.numberfield import AlgebraicPoint
from ..exact.univariate import RealRoot
from ..truth import Truth
from .bounds import down, up
from .rates import Guarantee
from .linearisation import Linearisation
from .pencils import is_regular_above, largest_root, time_scale_pencil

__all__ = ["TimeScale", "tau_star"]

Array = NDArray[np.float64]

#: The exact determinant, and the proof of a positive tau* with intervals, are for at most so
#: many variables.
_EXACT, _PROVED = 10, 12
#: Relative half-widths of the interval round a float tau* that are tried.
_WIDTHS = (1e-14, 1e-13, 1e-12, 1e-11, 1e-10, 1e-8, 1e-6, 1e-4)
#: Eigenvalues with |imaginary part| below this times their size count as real.
_REAL = 1e-7

#: Longer forms of an exact tau* are not printed.
_LONGEST = 30
_NAME = "Stability of gradient play by time scale"


@dataclass(frozen=True, eq=False, repr=False)
class TimeScale(Guarantee):
    """tau* of a critical point: J_tau is stable for every tau > tau*, and tau* is least.

    ``conditions`` : "spec D22 f2 > 0" and "spec S1(J) > 0" (real parts).  Together they are
        sufficient for a finite tau*, and where neither has a zero real part, necessary; in
        zero-sum games they say that the point is a DSE.
    ``stable_for_large_tau`` : whether there is such a number.
    ``tau_star`` : its nearest float; ``inf`` where there is none; None where nothing is known.
    ``enclosure`` : fractions (low, high) proved to hold tau*, or None.
    ``exact`` : tau* as a SymPy number, where it is rational or has a short form.
    ``routes`` : what each route found: "exact", "intervals", and in floats, without proof,
        "pencil" and, for zero-sum games, "formula".
    """

    conditions: Mapping[str, Truth]
    stable_for_large_tau: Truth
    tau_star: float | None = None
    enclosure: tuple[Fraction, Fraction] | None = None
    exact: sp.Expr | None = None
    routes: tuple[tuple[str, float], ...] = ()

    @property
    def proved(self) -> bool:
        """Whether ``tau_star`` is proved: enclosed, or proved to be infinite."""
        return self.enclosure is not None or self.stable_for_large_tau is Truth.NO

    def is_stable_at(self, tau: Any) -> Truth:
        """YES for a tau proved to be above tau*, NO at tau* > 0 itself, else UNDECIDED.

        Below tau* a point may be stable or not.
        """
        if self.enclosure is None:
            return Truth.UNDECIDED
        ratio_given = ratio(exact(tau, "tau"))
        if not ratio_given.is_Rational:
            raise ValueError(f"tau must be rational here, not {tau}")
        value = Fraction(int(ratio_given.p), int(ratio_given.q))
        low, high = self.enclosure
        if value > high or value > 0 == high:
            return Truth.YES
        return Truth.NO if value == low == high > 0 else Truth.UNDECIDED

    def _lines(self) -> list[str]:
        lines = [", ".join(f"{name}: {truth}" for name, truth in self.conditions.items())]
        if self.tau_star is not None:
            value = str(self.exact)
            if self.exact is None or len(value) > _LONGEST:
                value = f"{self.tau_star:.12g}"
            how = "proved" if self.proved else "floats, not proved"
            lines.append(f"tau* = {'infinity' if math.isinf(self.tau_star) else value} ({how})")
        if self.routes:
            lines.append("routes: " + ", ".join(f"{name} {found:.12g}"
                                                for name, found in self.routes))
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; the enclosure as two floats, rounded outward."""
        out = super().to_dict()
        if self.enclosure is not None:
            out["enclosure"] = [down(self.enclosure[0]), up(self.enclosure[1])]
        return out


def tau_star(game: Game, point: Any) -> TimeScale:
    """The time-scale ratio above which simultaneous gradient play is stable.

    tau* = inf{t : x' = -(D1 f1, tau D2 f2) is stable at the point for every tau > t}.

    Guarantee: ``stable_for_large_tau`` is proved where it is YES or NO; ``enclosure`` and
    ``exact`` are proved; the float routes are not.  Without proof ``tau_star`` is a float
    that says so.  Exact for rational Jacobians of up to 10 variables; the interval proof
    is for up to 12, the floats for any number (dimension n(n-1)/2).

    Parameters
    ----------
    game : two players, zero-sum or not.
    point : a `CriticalPoint` of an analysis, or a row of numbers as `classify` takes it.

    Raises `GameError` for another number of players, or a row without a critical point.

    >>> from gameanalysis.declaration.separating import dse_unstable
    >>> tau_star(dse_unstable(), (0, 0)).exact
    2
    """
    lin = Linearisation(game, point, of="simultaneous")
    counts, schur = lin.follower_counts, lin.point.inertia["Schur complement"]
    conditions = {"spec D22 f2 > 0": _on_the_right(counts), "spec S1(J) > 0": _on_the_right(schur)}
    hypotheses = {"omega = 0": lin.is_critical("simultaneous")}
    if hypotheses["omega = 0"] is Truth.NO:
        return TimeScale(_NAME, lin.point, hypotheses, (), conditions, Truth.UNDECIDED)
    large = Truth.all(conditions.values())
    if large is Truth.NO and (counts is None or counts[2] or schur is None or schur[2]):
        large = Truth.UNDECIDED         # an eigenvalue on the axis decides nothing
    found: list[tuple[str, float]] = []
    enclosure, value = None, None
    rational = lin.rational_jacobian
    if rational is not None and lin.n <= _EXACT:
        large, root = largest_root(rational, lin.n1)
        if large is Truth.YES:
            *ends, value = _known(root)
            enclosure = ends[0], ends[1]
            found.append(("exact", float(sum(ends) / 2)))
    found += _float_routes(lin)
    if enclosure is None and large is Truth.YES and found:
        enclosure = _enclosed(lin, found[0][1])
        if enclosure is not None:
            found.insert(0, ("intervals", float(sum(enclosure) / 2)))
    best = math.inf if large is Truth.NO else found[0][1] if found else None
    return TimeScale(_NAME, lin.point, {**hypotheses, "stable for all large tau": large}, (),
                     conditions, large, best, enclosure, value, tuple(found))


def _on_the_right(counts: tuple[int, int, int] | None) -> Truth:
    """Whether a spectrum with these counts (right, left, axis) is in the right half-plane."""
    return Truth.of(None if counts is None else not counts[1] and not counts[2])


def _known(root: RealRoot | None) -> tuple[Fraction, Fraction, sp.Expr | None]:
    """An enclosure of the root to 2^-80 (0 for None) and, if short, the root itself."""
    if root is None:
        return Fraction(0), Fraction(0), sp.S.Zero
    rational = root.rational()
    if rational is not None:
        return rational, rational, sp.Rational(rational.numerator, rational.denominator)
    (ends,) = (point := AlgebraicPoint((sp.Dummy("t"),), root, [(1, 0)], (1,))).enclosure(80)
    return *ends, point.exact()[0]


# -- floats -----------------------------------------------------------------------------

def _float_routes(lin: Linearisation) -> list[tuple[str, float]]:
    """tau* by each route in floats; empty where the Jacobian is not finite."""
    jacobian = lin.floats[0]
    if not np.isfinite(jacobian).all():
        return []
    found = [("pencil", _pencil_route(jacobian, lin.n1))]
    if lin.is_zero_sum:
        found.append(("formula", _formula_route(jacobian, lin.n1)))
    return [(name, value) for name, value in found if value is not None]


def _largest_real(values: NDArray[Any]) -> float:
    with np.errstate(all="ignore"):
        real = values[np.isfinite(values) & (
            np.abs(values.imag) <= _REAL * np.abs(values))].real
    return float(max(0.0, real.max(initial=0.0)))


def _pencil_route(jacobian: Array, n1: int) -> float | None:
    """The largest positive real eigenvalue of the pencil; inf if J_tau is then unstable."""
    from scipy.linalg import eigvals
    constant, slope = (np.array(rows, dtype=float)
                       for rows in time_scale_pencil(jacobian.tolist(), n1))
    with np.errstate(all="ignore"):
        largest = _largest_real(np.asarray(eigvals(-constant, slope)))
    above = jacobian.copy()
    above[n1:] *= 2 * largest + 1
    clear = 1e-13 * np.linalg.norm(above)
    return largest if (np.linalg.eigvals(above).real > clear).all() else math.inf


def _formula_route(jacobian: Array, n1: int) -> float | None:
    """Fiez and Ratliff's formula; inf where the point is no DSE, None where D is singular."""
    a, b, c, d = jacobian[:n1, :n1], jacobian[:n1, n1:], jacobian[n1:, :n1], jacobian[n1:, n1:]
    n2 = len(d)
    try:
        inverse = _inverse(d)
        s = a - b @ inverse @ c
        if min(np.linalg.eigvalsh(d).min(), np.linalg.eigvalsh(0.5 * (s + s.T)).min()) <= 0:
            return math.inf
        h1, h2 = _duplication(n1), _duplication(n2)
        p1, p2 = (h.T / h.sum(axis=0)[:, None] for h in (h1, h2))
        left = 2 * np.hstack([np.kron(b, inverse) @ h2, np.kron(np.eye(n1), inverse @ c) @ h1])
        upper = _inverse(_kronecker_sum(d, h2, p2)) @ p2 @ np.kron(c, np.eye(n2))
        lower = -_inverse(_kronecker_sum(s, h1, p1)) @ p1 @ np.kron(s, b @ inverse)
    except np.linalg.LinAlgError:
        return None
    return _largest_real(np.linalg.eigvals(
        left @ np.vstack([upper, lower]) - np.kron(a, inverse)))


def _inverse(matrix: Array) -> Array:
    return np.asarray(np.linalg.inv(matrix), dtype=float)


def _duplication(k: int) -> Array:
    """H with vec(Z) = H vech(Z) for symmetric Z, vec by rows."""
    pairs = [(i, j) for i in range(k) for j in range(i + 1)]
    out = np.zeros((k * k, len(pairs)))
    for column, (i, j) in enumerate(pairs):
        out[i * k + j, column] = out[j * k + i, column] = 1.0
    return out


def _kronecker_sum(x: Array, h: Array, pseudo: Array) -> Array:
    """X [+] X = H^+ (X (x) I + I (x) X) H."""
    one = np.eye(len(x))
    return np.asarray(pseudo @ (np.kron(x, one) + np.kron(one, x)) @ h)


# -- intervals ----------------------------------------------------------------------------

def _enclosed(lin: Linearisation, guess: float) -> tuple[Fraction, Fraction] | None:
    """Proved ends of tau* near a float, for a J_tau proved to be stable for large tau."""
    try:
        low, high = lin.bounds(lin.jacobian)
    except ArithmeticError:
        return None
    if not guess:
        if is_regular_above(low, high, lin.n1, 0.0):
            return Fraction(0), Fraction(0)
        return None
    for width in _WIDTHS if lin.n <= _PROVED else ():
        below, above = Fraction(guess * (1 - width)), Fraction(guess * (1 + width))
        if _stable_at(lin, below) is not Truth.NO or _stable_at(lin, above) is not Truth.YES:
            continue
        if is_regular_above(low, high, lin.n1, float(above)):
            return below, above
    return None


def _stable_at(lin: Linearisation, tau: Fraction) -> Truth:
    a = lin.arithmetic
    factor = a.constant(tau)
    return is_stable([row if k < lin.n1 else [a.mul(factor, e) for e in row]
                      for k, row in enumerate(lin.jacobian)], interval_sign)
