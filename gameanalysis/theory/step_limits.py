r"""For which step sizes the Stackelberg update is stable at a critical point.

An eigenvalue l of J_S_tau gives the update x <- x - gamma1 omega_S_tau(x) the eigenvalue
1 - gamma1 l, and |1 - gamma1 l| < 1 if and only if gamma1 < 2 Re(l)/|l|^2.

Proposition 5, zero-sum, where the l are real, those of S1 and tau D: with gamma1 <= 1/L,
L = max spec(S1) u spec(tau D), the eigenvalues of I - gamma1 J_S_tau lie in [0, 1) if and only
if x* is a differential Stackelberg equilibrium (DSE).  Stable it is up to 2/L.

In general sum a limit is proved by the stability of 2 J^-1 - gamma1 I, whose eigenvalues
2/l - gamma1 have a positive real part exactly where |1 - gamma1 l| < 1.

Reference: Fiez, Chasnov and Ratliff, ICML 2020, Proposition 5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from ..declaration.costs import Number
from ..declaration.game import Game
from ..exact.definiteness import is_stable
from ..exact.minors import interval_sign
from ..motion.trajectory import checked_positive
from ..truth import Truth
from .bounds import down, solve
from .linearisation import Linearisation, magnitude
from .rates import Guarantee, extremes, float_extremes

__all__ = ["StepLimit", "is_stable_at", "step_limit"]

#: Stability of a matrix is proved for at most this many variables.
_PROVED = 8
#: Relative distance of a proved limit of the step size from its float.
_MARGINS = (1e-14, 1e-12, 1e-9, 1e-6)


@dataclass(frozen=True, eq=False, repr=False)
class StepLimit(Guarantee):
    """For which step sizes gamma1 the tau-Stackelberg update is stable at a point.

    ``stable`` : whether it is for small steps: YES exactly if the spectrum of J_S_tau lies
        in the right half-plane, which in zero-sum games means a DSE.
    ``L`` : an upper bound of spec(S1) u spec(tau D), zero-sum only.
    ``step_size`` : 1/L, rounded down: for 0 < gamma1 <= 1/L the eigenvalues of
        I - gamma1 J_S_tau lie in [0, 1) if and only if the point is a DSE.  None where there
        is no such L > 0, and in general sum.
    ``stability_limit`` : stable for 0 < gamma1 < this, min 2 Re(l)/|l|^2 over the eigenvalues
        l of J_S_tau (2/lmax in zero-sum games), rounded down; 0 where no step is.
    ``proved`` : whether ``stability_limit`` is rigorous; if not it is a float, rounded.
    """

    tau: sp.Expr
    stable: Truth
    L: float | None = None
    step_size: float | None = None
    stability_limit: float | None = None
    proved: bool = False

    def at_step(self, step_size: float) -> StepLimit:
        """The same with the hypothesis that ``step_size`` is small enough among the others.

        It is 0 < gamma1 <= 1/L in zero-sum games and gamma1 < ``stability_limit`` in general
        sum: YES where proved, else UNDECIDED, so that ``at_step(gamma).require()`` raises
        `ValueError` for a step that is too large.
        """
        gamma = checked_positive(step_size, "step_size")
        bound = self.stability_limit if self.step_size is None else self.step_size
        text = "the limit of stability" if self.step_size is None else "1/L"
        small = self.proved and bound is not None and gamma <= bound
        return replace(self, hypotheses={**self.hypotheses, f"gamma1 = {gamma:g} <= {text}":
                                         Truth.of(small or None)})

    def _lines(self) -> list[str]:
        lines = [f"stable for small steps: {self.stable} (tau = {self.tau})"]
        if self.step_size is not None:
            lines.append(f"L = {self.L:.6g}: eigenvalues in [0, 1) if and only if a DSE, for "
                         f"gamma1 <= {self.step_size:.6g}")
        if self.stability_limit is not None:
            doubt = "" if self.proved else " (floats, not proved)"
            lines.append(f"stable for 0 < gamma1 < {self.stability_limit:.6g}{doubt}"
                         if self.stability_limit else f"stable for no step{doubt}")
        return lines


def step_limit(game: Game, point: Any, *, tau: Number = 1) -> StepLimit:
    """Proposition 5: the step sizes at which the Stackelberg update is stable.

    Zero-sum: with L = max spec(S1) u spec(tau D) and 0 < gamma1 <= 1/L the eigenvalues of
    I - gamma1 J_S_tau lie in [0, 1) if and only if the point is a DSE; stable up to 2/L.
    General sum: stable for 0 < gamma1 < min 2 Re(l)/|l|^2 over the eigenvalues l of J_S_tau.

    Guarantee: 1/L and, where ``proved``, the limit of stability are rounded down, so that
    every step below is stable; the limit exceeds no stable step by more than rounding.

    Parameters and errors are those of `zero_sum_rate`.

    >>> from gameanalysis.declaration.separating import realizable
    >>> step_limit(realizable(), (0, 0)).stability_limit
    2.0

    Reference: Fiez, Chasnov and Ratliff, ICML 2020, Proposition 5.
    """
    lin = Linearisation(game, point, tau)
    zero_sum = lin.zero_sum()
    counts = lin.follower_counts
    hypotheses = {"zero-sum": zero_sum, "omega_S = 0": lin.is_critical("stackelberg"),
                  "det D22 f2 != 0": Truth.of(None if counts is None else not counts[2])}
    name = "Proposition 5 (step size)"
    applies = hypotheses["omega_S = 0"] & hypotheses["det D22 f2 != 0"]
    if applies is Truth.NO:
        return StepLimit(name, lin.point, hypotheses, (), lin.tau, Truth.UNDECIDED)
    if zero_sum is not Truth.YES:
        return _general_limit(name, lin, hypotheses)
    stable = lin.is_definite("D22 f2") & lin.is_definite("Schur complement")
    proved = True
    try:
        largest: float | None = extremes(lin)[1]
    except ArithmeticError:
        found, proved = float_extremes(lin), False
        largest = None if found is None else found[1]
    if largest is None or not 0 < largest < math.inf:
        limit = 0.0 if stable is Truth.NO else None
        return StepLimit(name, lin.point, hypotheses, (), lin.tau, stable, None, None, limit,
                         limit is not None)
    once, twice = down(1 / Fraction(largest)), down(2 / Fraction(largest))
    if stable is Truth.NO:
        return StepLimit(name, lin.point, hypotheses, (), lin.tau, stable, largest, once, 0.0,
                         True)
    return StepLimit(name, lin.point, hypotheses, (), lin.tau, stable, largest, once, twice,
                     proved and stable is Truth.YES)


def _general_limit(name: str, lin: Linearisation, hypotheses: dict[str, Truth]) -> StepLimit:
    """min 2 Re(l)/|l|^2: |1 - gamma l| < 1 if and only if gamma |l|^2 < 2 Re(l)."""
    notes = ("1/L is a statement about zero-sum games; the limit of stability is not",)
    matrix = lin.stackelberg_floats
    limit = None
    if np.isfinite(matrix).all():
        values = np.linalg.eigvals(matrix)
        with np.errstate(all="ignore"):
            limit = max(0.0, float((2 * values.real / np.abs(values) ** 2).min()))
    stable, proved = Truth.UNDECIDED, False
    try:
        rows = lin.stackelberg_jacobian
    except ArithmeticError:
        rows = None
    if rows is not None and lin.n <= _PROVED:
        stable = is_stable(rows, interval_sign)
        if stable is Truth.NO:
            limit, proved = 0.0, True
        elif limit:
            for margin in _MARGINS:
                trial = limit * (1 - margin)
                if is_stable_at(lin, rows, trial) is Truth.YES:
                    limit, proved, stable = trial, True, Truth.YES
                    break
    return StepLimit(name, lin.point, hypotheses, notes, lin.tau, stable, None, None, limit,
                     proved)


def is_stable_at(lin: Linearisation, rows: Any, gamma: float) -> Truth:
    """Whether the spectral radius of I - gamma' J is below 1 for all 0 < gamma' <= gamma.

    The eigenvalues of 2 J^-1 - gamma' I are 2/l - gamma'.
    """
    a = lin.arithmetic
    unit = [[a.constant(2 * (i == j)) for j in range(lin.n)] for i in range(lin.n)]
    try:
        twice = lin.defined(solve(a, rows, unit, magnitude))
    except ArithmeticError:
        return Truth.UNDECIDED
    step = a.constant(Fraction(gamma))
    return is_stable([[a.sub(e, step) if i == j else e for j, e in enumerate(row)]
                      for i, row in enumerate(twice)], interval_sign)
