r"""How many updates bring Stackelberg learning near an equilibrium, and from where.

Corollaries 2 and 3 bound the updates k after which |x_k - x*| <= epsilon by
ceil((4 beta/alpha) log(|x_0 - x*|/epsilon)), as printed, with alpha, beta and gamma1 of
`rates`.  Corollary 3 holds so.  Corollary 2 drops a constant K, and is false: for
f = (1 - c^2) x^2/2 + c x y - y^2/2, c = 100, it promises 3 updates that halve the distance,
and after 3 the distance has grown 37-fold.  What is true: in the norm
|(u, v)|_s = |(u, s v)|, s = min(1, alpha/(4 tau |C|_2)),

    |I - gamma1 J_S_tau|_s <= 1 - alpha/(2 beta) + s tau |C|_2/(2 beta) <= 1 - 3 alpha/(8 beta),

so where |J_S_tau(x) - J_S_tau(x*)|_s <= alpha/4 an update contracts that norm by
1 - alpha/(4 beta), and since s |x| <= |x|_s <= |x|,

    |x_k - x*| <= K (1 - alpha/(4 beta))^k |x_0 - x*|,     K = 1/s,

and ceil((4 beta/alpha) log(K |x_0 - x*|/epsilon)) updates suffice.  For Corollary 3 the norm
is the Euclidean one, K = 1, and |J_S_tau(x) - J_S_tau(x*)|_2 may be what lies between
sqrt(1 - alpha/beta) and sqrt(1 - alpha/(2 beta)), divided by gamma1.

The ball of starts for which that is so is certified by `regions`; it takes the place of the
paper's delta = alpha/(4 L beta), which asks for no such norm.

Reference: Fiez, Chasnov and Ratliff, ICML 2020, section 4.1 and appendix F.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ..declaration.costs import Number
from ..declaration.game import Game
from ..motion.trajectory import checked_positive
from ..truth import Truth
from .bounds import down, gram_bounds, up
from .rates import Guarantee, LocalRate, general_sum_rate_of, zero_sum_rate_of
from .linearisation import Linearisation
from .regions import contraction_radius, lipschitz_radius

__all__ = ["IterationBound", "zero_sum_iterations", "general_sum_iterations"]


@dataclass(frozen=True, eq=False, repr=False)
class IterationBound(Guarantee):
    """How many updates bring every start within a distance to within epsilon.

    ``rate`` : the `LocalRate` it rests on.  ``epsilon``, ``distance`` : as given.
    ``radius`` : a start within this Euclidean distance stays and converges, certified; None
        where no ball was found, infinite where the costs are quadratic.
    ``K`` : the constant in |x_k - x*| <= K rate^k |x_0 - x*|.
    ``n_iterations`` : after so many updates, and ever after, |x_k - x*| <= epsilon.
    ``printed_n_iterations`` : the paper's bound.  For Corollary 2 it is false in general:
        it leaves K out.
    ``delta``, ``lipschitz`` : the paper's radius and a bound of the constant L it is made
        with, for up to four variables, else None; ``radius`` is what the bound rests on.
    """

    rate: LocalRate
    epsilon: float
    distance: float
    radius: float | None = None
    K: float | None = None
    n_iterations: int | None = None
    printed_n_iterations: int | None = None
    delta: float | None = None
    lipschitz: float | None = None

    def _lines(self) -> list[str]:
        if self.K is None:
            return self.rate._lines()
        found = "none found" if self.radius is None else f"{self.radius:.6g}"
        lines = [f"gamma1 = {self.rate.step_size:.6g}, K = {self.K:.6g}, rate "
                 f"{self.rate.rate:.8g}, certified radius {found}"]
        if self.n_iterations is not None:
            lines.append(f"{self.n_iterations} updates from distance {self.distance:g} to "
                         f"{self.epsilon:g} (as printed: {self.printed_n_iterations})")
        return lines


def zero_sum_iterations(game: Game, point: Any, *, epsilon: float, distance: float,
                        tau: Number = 1) -> IterationBound:
    """Corollary 2 put right: updates until a zero-sum equilibrium is within epsilon.

    With gamma1 = 1/(2 beta), s = min(1, alpha/(4 tau |C|_2)) and K = 1/s, every start with
    |x_0 - x*| <= ``radius`` has |x_k - x*| <= K (1 - alpha/(4 beta))^k |x_0 - x*|, so that
    ceil((4 beta/alpha) log(K distance/epsilon)) updates suffice.

    Guarantee: where ``.holds`` is YES that is proved, of exact updates; the radius is
    certified by interval evaluation of J_S_tau, and is not the largest one.  A ``distance``
    beyond it is a hypothesis that is NO, and leaves ``n_iterations`` None.

    Parameters
    ----------
    game, point, tau : as in `zero_sum_rate`.
    epsilon : the distance to reach, > 0.  distance : a bound of |x_0 - x*|, > 0.

    Raises `ValueError` for an epsilon or distance that is not positive and finite, and the
    errors of `zero_sum_rate`.

    >>> from gameanalysis.declaration.separating import non_normal
    >>> found = zero_sum_iterations(non_normal(), (0, 0), epsilon=0.5, distance=1)
    >>> found.printed_n_iterations, found.n_iterations, found.radius
    (3, 27, inf)

    Reference: Fiez, Chasnov and Ratliff, ICML 2020, Corollary 2.
    """
    epsilon, distance = _checked(epsilon, distance)
    lin = Linearisation(game, point, tau)
    rate, name = zero_sum_rate_of(lin), "Corollary 2 with its constant (zero-sum iterations)"
    if rate.alpha is None or rate.beta is None or not rate.proved:
        return IterationBound(name, lin.point, rate.hypotheses, rate.notes, rate, epsilon,
                              distance)
    coupling = math.nextafter(math.sqrt(float(gram_bounds(
        lin.bounds(lin.scaled(lin.cross)))[1][-1])), math.inf)
    s = 1.0
    if rate.alpha < 4 * coupling:
        s = down(Fraction(rate.alpha) / (4 * Fraction(coupling)))
    star = lin.bounds(lin.stackelberg_jacobian)
    radius = contraction_radius(lin, star, s, rate.alpha / 4)
    return _iterations(name, lin, rate, epsilon, distance, radius, up(1 / Fraction(s)), 4)


def general_sum_iterations(game: Game, point: Any, *, epsilon: float, distance: float,
                           tau: Number = 1) -> IterationBound:
    """Corollary 3: updates until a general-sum equilibrium is within epsilon.

    With gamma1 = sqrt(alpha)/beta every start with |x_0 - x*| <= ``radius`` has
    |x_k - x*| <= (1 - alpha/(2 beta))^(k/2) |x_0 - x*|, so that the printed bound
    ceil((4 beta/alpha) log(distance/epsilon)) suffices; K = 1.

    Guarantee, parameters and errors are those of `zero_sum_iterations`, under the
    hypotheses of `general_sum_rate`.

    >>> from gameanalysis.declaration.separating import realizable
    >>> general_sum_iterations(realizable(), (0, 0), epsilon=.1, distance=1).n_iterations
    97

    Reference: Fiez, Chasnov and Ratliff, ICML 2020, Corollary 3.
    """
    epsilon, distance = _checked(epsilon, distance)
    lin = Linearisation(game, point, tau)
    rate, name = general_sum_rate_of(lin), "Corollary 3 (general-sum iterations)"
    if rate.step_size is None or rate.rate is None or rate.norm is None or not rate.proved:
        return IterationBound(name, lin.point, rate.hypotheses, rate.notes, rate, epsilon,
                              distance)
    slack = down((Fraction(rate.rate) - Fraction(rate.norm)) / Fraction(rate.step_size))
    star = lin.bounds(lin.stackelberg_jacobian)
    radius = contraction_radius(lin, star, 1.0, slack) if slack > 0 else None
    return _iterations(name, lin, rate, epsilon, distance, radius, 1.0, 2)


def _checked(epsilon: float, distance: float) -> tuple[float, float]:
    return checked_positive(epsilon, "epsilon"), checked_positive(distance, "distance")


def _iterations(name: str, lin: Linearisation, rate: LocalRate, epsilon: float,
                distance: float, radius: float | None, K: float, divisor: int
                ) -> IterationBound:
    """The record, for the paper's delta = alpha/(divisor L beta)."""
    assert rate.alpha is not None and rate.beta is not None and rate.step_size is not None
    within = Truth.of(None if radius is None else distance <= radius)
    hypotheses = {**rate.hypotheses, "distance <= radius": within}
    notes = list(rate.notes)
    if radius is None:
        notes.append("no ball round the point was found in which intervals prove contraction")
    elif within is Truth.NO:
        notes.append(f"nothing is promised of starts farther than the certified radius "
                     f"{radius:.6g}")
    condition = 4 * Fraction(rate.beta) / Fraction(rate.alpha)
    delta = lipschitz_radius(lin, rate.step_size, down(rate.alpha / (divisor * rate.beta)))
    count = _count(condition, K, distance, epsilon) if within is Truth.YES else None
    return IterationBound(name, lin.point, hypotheses, tuple(notes), rate, epsilon, distance,
                          radius, K, count, _count(condition, 1.0, distance, epsilon),
                          *(delta or (None, None)))


def _count(condition: Fraction, K: float, distance: float, epsilon: float) -> int:
    """ceil(condition log(K distance/epsilon)), at least 0, with a bound of the log's error."""
    quotient = Fraction(K) * Fraction(distance) / Fraction(epsilon)
    if quotient <= 1:
        return 0
    above, below = math.log(quotient.numerator), math.log(quotient.denominator)
    slack = Fraction(2.0 ** -51) * Fraction(above + below + 1)
    return math.ceil(condition * (Fraction(above) - Fraction(below) + slack))
