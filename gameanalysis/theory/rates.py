r"""What theory promises of Stackelberg learning at an equilibrium, hypothesis by hypothesis.

The tau-Stackelberg update x <- x - gamma1 omega_S_tau(x) has at a fixed point x* the Jacobian
I - gamma1 J_S_tau.  With S1 = A - B D^-1 C, D = D22 f2, C = D21 f2, and lmin, lmax the extreme
eigenvalues:

Theorem 3, zero-sum, x* a differential Stackelberg equilibrium (DSE).

    J_S_tau = [[S1, 0], [tau C, tau D]],   alpha = min(lmin(S1), tau lmin(D)),
    beta = max(lmax(S1), tau lmax(D)),   gamma1 = 1/(2 beta):
    spectral radius 1 - alpha/(2 beta), local rate O((1 - alpha/(4 beta))^k).

Theorem 5, general sum, x* a DSE and P = (J_S_tau + J_S_tau^T)/2 > 0.

    alpha = lmin(P)^2,   beta = lmax(J_S_tau^T J_S_tau),   gamma1 = sqrt(alpha)/beta:
    |I - gamma1 J_S_tau|_2^2 <= 1 - alpha/beta, local rate O((1 - alpha/(2 beta))^(k/2)).

alpha is rounded down and beta up, from enclosures of the eigenvalues, so whatever is
promised with the numbers given is true of them.

Reference: Fiez, Chasnov and Ratliff, ICML 2020, section 4.1 and appendix F.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from fractions import Fraction
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np
import sympy as sp

from ..declaration.costs import Number
from ..declaration.game import Game
from ..truth import Truth
from .bounds import down, eigenvalue_bounds, gram_bounds, symmetric_part, up
from ..verdicts.classify import CriticalPoint
from .linearisation import Linearisation

__all__ = ["Guarantee", "LocalRate", "extremes", "float_extremes", "general_sum_rate",
           "general_sum_rate_of", "zero_sum_rate", "zero_sum_rate_of"]

Self = TypeVar("Self", bound="Guarantee")


@dataclass(frozen=True, eq=False)
class Guarantee:
    """A statement of theory at one point, with every hypothesis it needs.

    ``theorem`` : its name.  ``point`` : the `CriticalPoint`.
    ``hypotheses`` : a `Truth` for each; YES and NO are proved.
    ``notes`` : what else to know.

    Numbers that a hypothesis which is NO leaves without meaning are None.
    """

    theorem: str
    point: CriticalPoint
    hypotheses: Mapping[str, Truth]
    notes: tuple[str, ...]

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, Mapping):
                object.__setattr__(self, each.name, MappingProxyType(dict(value)))

    def __reduce__(self) -> tuple[Any, ...]:
        # A mapping proxy cannot be pickled.
        values = (getattr(self, each.name) for each in fields(self))
        return type(self), tuple(
            dict(v) if isinstance(v, MappingProxyType) else v for v in values)

    @property
    def holds(self) -> Truth:
        """Whether all the hypotheses hold: what is promised is proved if this is YES."""
        return Truth.all(self.hypotheses.values())

    def require(self: Self) -> Self:
        """Itself if every hypothesis is proved; `ValueError` that names those that are not."""
        if self.holds is not Truth.YES:
            failed = [f"{name} ({truth})" for name, truth in self.hypotheses.items()
                      if truth is not Truth.YES]
            raise ValueError(f"{self.theorem} does not apply: {', '.join(failed)}")
        return self

    def _lines(self) -> list[str]:
        return []

    def __repr__(self) -> str:
        at = ", ".join(f"{v:.6g}" for v in self.point.x[:6]) + ", ..." * (self.point.x.size > 6)
        state = {Truth.YES: "the hypotheses are proved", Truth.NO: "does not apply",
                 Truth.UNDECIDED: "not proved"}[self.holds]
        checked = ", ".join(f"{name}: {truth}" for name, truth in self.hypotheses.items())
        lines = [f"{self.theorem} at ({at}): {state}", f"  {checked}"]
        return "\n".join(lines + [f"  {line}" for line in (*self._lines(), *self.notes)])

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON: Truths as text, no NaN, infinity as "infinity"."""
        return {each.name: _plain(getattr(self, each.name)) for each in fields(self)} | {
            "holds": str(self.holds)}


def _plain(value: Any) -> Any:
    if isinstance(value, CriticalPoint):
        return [float(v) for v in value.x]
    if isinstance(value, Guarantee):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    if isinstance(value, (Truth, sp.Basic)):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "infinity"
    return value


@dataclass(frozen=True, eq=False, repr=False)
class LocalRate(Guarantee):
    """A step size and the rate of convergence from near a point.

    ``tau`` : the ratio of the learning rates.
    ``alpha``, ``beta`` : as in the theorem, alpha rounded down and beta up.
    ``step_size`` : gamma1; the follower's step is tau gamma1.
    ``rate`` : what the theorem promises, a factor per update.
    ``spectral_radius`` : an upper bound of that of I - gamma1 J_S_tau, the sharp local rate
        in zero-sum games.
    ``norm`` : an upper bound of |I - gamma1 J_S_tau|_2; None in zero-sum games, where it
        may exceed 1.
    ``proved`` : whether the numbers are rigorous; if not they are floats, rounded.
    """

    tau: sp.Expr
    alpha: float | None = None
    beta: float | None = None
    step_size: float | None = None
    rate: float | None = None
    spectral_radius: float | None = None
    norm: float | None = None
    proved: bool = False

    def _lines(self) -> list[str]:
        if self.alpha is None:
            return []
        doubt = "" if self.proved else " (floats, not proved)"
        return [f"alpha = {self.alpha:.6g}, beta = {self.beta:.6g}, "
                f"gamma1 = {self.step_size:.6g} (tau = {self.tau}){doubt}",
                f"rate per update {self.rate:.8g}, spectral radius at most "
                f"{self.spectral_radius:.8g}"]


# -- Theorems 3 and 5 -----------------------------------------------------------------

def zero_sum_rate(game: Game, point: Any, *, tau: Number = 1) -> LocalRate:
    """Theorem 3: step size and rate at a zero-sum Stackelberg equilibrium.

    alpha = min(lmin(S1), tau lmin(D)), beta = max(lmax(S1), tau lmax(D)), gamma1 =
    1/(2 beta); rate 1 - alpha/(4 beta), spectral radius at most 1 - alpha/(2 beta).

    Guarantee: where ``.holds`` is YES, alpha and beta are bounds on the side that keeps
    every promise true.  A hypothesis that is NO leaves no numbers.  The rate is local and
    asymptotic: `zero_sum_iterations` says from where, and with which constant.

    Parameters
    ----------
    game : two players.
    point : a `CriticalPoint` of an analysis of it, or a row of numbers for `classify`.
    tau : gamma2/gamma1 > 0.

    Raises `GameError` for another number of players, a tau that is not positive, or a row
    without a critical point near it.

    >>> from gameanalysis.declaration.separating import non_normal
    >>> zero_sum_rate(non_normal(), (0, 0)).require().rate
    0.75

    Reference: Fiez, Chasnov and Ratliff, ICML 2020, Theorem 3.
    """
    return zero_sum_rate_of(Linearisation(game, point, tau))


def zero_sum_rate_of(lin: Linearisation) -> LocalRate:
    """Theorem 3 at a point whose linearisation is known."""
    hypotheses = {"zero-sum": lin.zero_sum(), "omega_S = 0": lin.is_critical("stackelberg"),
                  "D22 f2 > 0": lin.is_definite("D22 f2"),
                  "S1(J) > 0": lin.is_definite("Schur complement")}
    name = "Theorem 3 (zero-sum rate)"
    ends, proved, notes = None, True, []
    if Truth.NO not in hypotheses.values():
        try:
            ends = extremes(lin)
        except ArithmeticError as error:
            notes.append(str(error))
            ends, proved = float_extremes(lin), False
    if ends is None or not 0 < ends[0] <= ends[1] < math.inf:
        if ends is not None:
            hypotheses["alpha bounded away from 0"] = Truth.UNDECIDED
        return LocalRate(name, lin.point, hypotheses, tuple(notes), lin.tau)
    alpha, beta = ends
    gamma = down(1 / (2 * Fraction(beta)))
    shrink = Fraction(gamma) * Fraction(alpha)
    return LocalRate(name, lin.point, hypotheses, tuple(notes), lin.tau, alpha, beta, gamma,
                     up(1 - shrink / 2), up(1 - shrink), None, proved)


def extremes(lin: Linearisation) -> tuple[float, float]:
    """(alpha, beta) of Theorem 3, rounded down and up."""
    spectra = [eigenvalue_bounds(symmetric_part(lin.bounds(rows)))
               for rows in (lin.schur_complement, lin.scaled(lin.response))]
    return (min(float(low[0]) for low, _ in spectra),
            max(float(high[-1]) for _, high in spectra))


def float_extremes(lin: Linearisation) -> tuple[float, float] | None:
    """(alpha, beta) of Theorem 3 in floats, without proof; None where S1 is not defined."""
    spectra = [lin.point.eigenvalues[name] for name in ("Schur complement", "D22 f2")]
    if spectra[0] is None or spectra[1] is None:
        return None
    values = np.concatenate([spectra[0], float(lin.tau) * spectra[1]])
    return float(values.min()), float(values.max())


def general_sum_rate(game: Game, point: Any, *, tau: Number = 1) -> LocalRate:
    """Theorem 5: step size and rate where the symmetric part of J_S_tau is positive.

    alpha = lmin((J_S_tau + J_S_tau^T)/2)^2, beta = lmax(J_S_tau^T J_S_tau), gamma1 =
    sqrt(alpha)/beta; rate sqrt(1 - alpha/(2 beta)) a step, and |I - gamma1 J_S_tau|_2 is at
    most sqrt(1 - alpha/beta).

    Guarantee, parameters and errors are those of `zero_sum_rate`.  The point is a zero of
    omega_S.  Zero-sum games are covered too.

    >>> from gameanalysis.catalog import duopoly
    >>> round(general_sum_rate(duopoly(), (46, 26)).require().rate, 6)
    0.983134

    Reference: Fiez, Chasnov and Ratliff, ICML 2020, Theorem 5.
    """
    return general_sum_rate_of(Linearisation(game, point, tau))


def general_sum_rate_of(lin: Linearisation) -> LocalRate:
    """Theorem 5 at a point whose linearisation is known."""
    hypotheses = {"omega_S = 0": lin.is_critical("stackelberg"),
                  "D22 f2 > 0": lin.is_definite("D22 f2"),
                  "D^2 f1 > 0": lin.is_definite("total Hessian")}
    name, positive = "Theorem 5 (general-sum rate)", "J_S + J_S^T > 0"
    notes, least, beta, proved = [], None, None, True
    truth = Truth.UNDECIDED
    if hypotheses["omega_S = 0"] is not Truth.NO:
        try:
            bounds = lin.bounds(lin.stackelberg_jacobian)
            low, high = eigenvalue_bounds(symmetric_part(bounds))
            least, beta = float(low[0]), float(gram_bounds(bounds)[1][-1])
            truth = Truth.of(True if least > 0 else False if high[0] <= 0 else None)
        except ArithmeticError as error:
            notes.append(str(error))
            proved, matrix = False, lin.stackelberg_floats
            if np.isfinite(matrix).all():
                least = float(np.linalg.eigvalsh(0.5 * (matrix + matrix.T))[0])
                beta = float(np.linalg.norm(matrix, 2) ** 2)
    hypotheses[positive] = truth
    if least is None or beta is None or not (0 < least and beta < math.inf) or \
            Truth.NO in hypotheses.values():
        return LocalRate(name, lin.point, hypotheses, tuple(notes), lin.tau)
    alpha = down(Fraction(least) ** 2)
    gamma = down(Fraction(least) / Fraction(beta))
    step = Fraction(gamma)
    norm = _root_above(1 - 2 * step * Fraction(least) + step ** 2 * Fraction(beta))
    rate = _root_above(1 - Fraction(alpha) / (2 * Fraction(beta)))
    return LocalRate(name, lin.point, hypotheses, tuple(notes), lin.tau, alpha, beta, gamma,
                     rate, norm, norm, proved)


def _root_above(value: Fraction) -> float:
    """A float at or above the square root of a number in [0, 1]."""
    root = math.sqrt(up(max(value, Fraction(0))))
    return math.nextafter(root, math.inf)
