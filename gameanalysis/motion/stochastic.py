r"""The hypotheses of the paper's Theorems 6 and 7, one by one.

For the stochastic updates of leader and follower

    x_i,k+1 = x_i,k - gamma_i,k (omega_S,i(x_k) + w_i,k+1),      i = 1, 2,        (eq. 5)

both theorems ask that D f1 and D2 f2 are Lipschitz and D f1 bounded, that sum gamma_i,k = inf,
sum gamma_i,k^2 < inf and gamma_1,k = o(gamma_2,k), and that w is a zero-mean martingale
difference, independent between the players given the past, with E|w_i| <= c_i (1 + |x_k|).
Theorem 6 (saddles are avoided almost surely) asks in addition for E[(w_i . v)+] >= b_i > 0 for
every unit vector v, and Theorem 7 (convergence almost surely) for a start in a neighbourhood,
not further specified, of a differential Stackelberg equilibrium.

A hypothesis is YES or NO only where that is proved, so the guarantee as a whole is often
UNDECIDED: the field's hypotheses are decided where it is affine, polynomial, or smooth
and periodic in all variables.

Reference: Fiez, Chasnov and Ratliff, ICML 2020, section 4.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from ..dynamics import GameField, VectorField
from ..learning.updates import Update
from ..compilation.compiled import CompiledField
from ..compilation.moves import CompiledUpdate, compile_update
from ..programs.program import Program, Rationals
from ..truth import Truth
from .noise import Noise
from .schedules import Schedule, schedule

__all__ = ["Hypothesis", "StochasticHypotheses", "schedules_of", "stochastic_hypotheses"]

_POLYNOMIAL = frozenset("var const add sub mul neg pow".split())
#: Functions that are smooth on the whole line.
_ENTIRE = _POLYNOMIAL | frozenset("pi exp sin cos sinh cosh tanh atan asinh erf erfc".split())
_PLACES = ((0, 1, 2, 3), (Fraction(1, 2), -1, 5, 7), (-3, 4, Fraction(1, 3), -2))


@dataclass(frozen=True)
class Hypothesis:
    """One hypothesis: ``name``, ``truth``, and a ``sentence`` that says why."""

    name: str
    truth: Truth
    sentence: str

    def __str__(self) -> str:
        return f"{self.name}: {self.truth}, {self.sentence}"


@dataclass(frozen=True, repr=False)
class StochasticHypotheses:
    """The hypotheses of Theorems 6 and 7, made by `stochastic_hypotheses`.

    ``theorem6``, ``theorem7`` : the hypotheses of each, a tuple of `Hypothesis`.
    """

    theorem6: tuple[Hypothesis, ...]
    theorem7: tuple[Hypothesis, ...]

    def of(self, theorem: int) -> tuple[Hypothesis, ...]:
        """The hypotheses of Theorem 6 or 7; raises `ValueError` for another number."""
        if theorem not in (6, 7) or isinstance(theorem, bool):
            raise ValueError(f"the stochastic theorems are 6 and 7, not {theorem!r}")
        return self.theorem6 if theorem == 6 else self.theorem7

    def truth(self, theorem: int) -> Truth:
        """Whether all hypotheses of Theorem 6 or 7 hold."""
        return Truth.all(each.truth for each in self.of(theorem))

    def require(self, theorem: int) -> StochasticHypotheses:
        """Itself unless a hypothesis of that theorem is NO: then `ValueError` names it."""
        for each in self.of(theorem):
            if each.truth is Truth.NO:
                raise ValueError(f"Theorem {theorem} does not apply. {each}")
        return self

    def notes(self) -> tuple[str, ...]:
        """A line for each theorem: what fails, or what is left open."""
        lines = []
        for theorem in (6, 7):
            truth = self.truth(theorem)
            open_ = [each.name for each in self.of(theorem) if each.truth is truth]
            why = "" if truth is Truth.YES else f" ({'; '.join(open_)})"
            lines.append(f"hypotheses of Theorem {theorem}: {truth}{why}")
        return tuple(lines)

    def __repr__(self) -> str:
        return "\n".join(("StochasticHypotheses", *(f"  {line}" for line in self.notes())))

    def __str__(self) -> str:
        every = dict.fromkeys((*self.theorem6, *self.theorem7))
        return "\n".join(map(str, every))


def stochastic_hypotheses(source: Update | VectorField | CompiledField | CompiledUpdate,
                          step_size: Any, noise: Noise) -> StochasticHypotheses:
    """Check the hypotheses of Theorems 6 and 7 on a source, its steps and its noise.

    Guarantee: YES and NO are proved from the formulas.  What has no proof is UNDECIDED, and
    so is always that the start is near enough to an equilibrium.

    ``source``, ``step_size``, ``noise`` : as for `iterate`.  Raises `TypeError` and
    `ValueError` as it does.

    >>> from gameanalysis import catalog, rules
    >>> rule = rules.StackelbergGradient().on(catalog.figure1())
    >>> from gameanalysis.motion.noise import Gaussian
    >>> stochastic_hypotheses(rule, 0.1, Gaussian(1)).truth(6)
    <Truth.NO>

    Reference: Fiez, Chasnov and Ratliff, ICML 2020, section 4.2.
    """
    if not isinstance(noise, Noise):
        raise TypeError(f"noise is one of Gaussian, Rademacher, Uniform, StateDependent and "
                        f"Martingale, not {noise!r}")
    update = compile_update(source)
    common = (_form(update), *_field(update), *_steps(update, schedules_of(update, step_size)),
              *_noise(update, noise))
    b = noise.excitation
    excites = Hypothesis(
        "excitation", Truth.of(True if b else None),
        f"E[(w_i . v)+] >= {b:.4g} for every unit vector v" if b else
        "nothing is known of the given noise")
    near = Hypothesis("start near an equilibrium", Truth.UNDECIDED,
                      "the start must lie in a neighbourhood of a differential Stackelberg "
                      "equilibrium that the theorem does not specify")
    return StochasticHypotheses((*common, excites), (*common, near))


def schedules_of(update: CompiledUpdate, step_size: Any) -> list[Schedule]:
    """One schedule for each variable from the ``step_size`` of `iterate`.

    Raises `ShapeError` for a wrong number of them, `ValueError` for one that has no meaning.
    """
    given = list(step_size) if np.ndim(step_size) else [step_size]
    return [schedule(each) for each in update.spread(given)]


def _form(update: CompiledUpdate) -> Hypothesis:
    field = None if update.field is None else update.field.field
    fits = False
    if not isinstance(field, GameField) or field.kind != "stackelberg":
        why = f"{update.name or 'the field'} is not the Stackelberg gradient"
    elif field.game.n_players != 2 or field.eta != 0:
        why = "it is for two players and eta = 0"
    else:
        fits, why = True, "it is Stackelberg learning of two players"
    return Hypothesis("the update is eq. (5)", Truth.of(fits), why)


def _field(update: CompiledUpdate) -> tuple[Hypothesis, Hypothesis]:
    lipschitz, bounded = "Lipschitz", "D f1 bounded"
    field = update.field
    if field is None or field.value_program is None or field.jacobian_program is None:
        why = "the field has no formula that can be examined"
        return (Hypothesis(lipschitz, Truth.UNDECIDED, why),
                Hypothesis(bounded, Truth.UNDECIDED, why))
    value, jacobian = field.value_program, field.jacobian_program
    used = {node[0] for node in value.nodes}
    no_bound = Hypothesis(bounded, Truth.UNDECIDED,
                          "nothing is proved; the theorems then need iterates that stay bounded")
    if _is_constant(jacobian):
        return Hypothesis(lipschitz, Truth.YES, "the field is affine"), no_bound
    if used <= _ENTIRE and len(field.periods) == field.n:
        why = "the field is smooth and periodic in all variables"
        return Hypothesis(lipschitz, Truth.YES, why), Hypothesis(bounded, Truth.YES, why)
    if used <= _POLYNOMIAL and _varies(jacobian):
        return (Hypothesis(lipschitz, Truth.NO,
                           "the field is a polynomial whose Jacobian is not constant, hence "
                           "unbounded; it is Lipschitz on bounded sets only"), no_bound)
    return Hypothesis(lipschitz, Truth.UNDECIDED, "nothing is proved"), no_bound


def _is_constant(program: Program) -> bool:
    return all(node[0] != "var" for node in program.nodes)


def _varies(program: Program) -> bool:
    """Whether exact values at some rational points differ."""
    values = [program.evaluate([Fraction(place[i % 4] + i // 4) for i in range(program.n_inputs)],
                               Rationals()) for place in _PLACES]
    return any(each != values[0] for each in values)


def _steps(update: CompiledUpdate, schedules: Sequence[Schedule]) -> tuple[Hypothesis, ...]:
    words = {Truth.YES: "for every player", Truth.NO: "not for every player",
             Truth.UNDECIDED: "a step size is a function of which nothing is known"}
    sums = Truth.all(each.diverges for each in schedules)
    squares = Truth.all(each.square_summable for each in schedules)
    leaders = update.sizes[0] if update.sizes is not None else len(schedules)
    slower = Truth.all(a.is_negligible_to(b) for a in schedules[:leaders]
                       for b in schedules[leaders:])
    scales = {Truth.YES: "the leader is slower", Truth.UNDECIDED: words[Truth.UNDECIDED],
              Truth.NO: "the ratio of the steps does not tend to 0: see two_timescale"}
    if update.sizes is None or len(update.sizes) < 2:
        slower, scales = Truth.NO, {Truth.NO: "the field has no leader and follower"}
    return (Hypothesis("sum gamma = inf", sums, words[sums]),
            Hypothesis("sum gamma^2 < inf", squares, words[squares]),
            Hypothesis("gamma1 = o(gamma2)", slower, scales[slower]))


def _noise(update: CompiledUpdate, noise: Noise) -> tuple[Hypothesis, ...]:
    unknown = "nothing is known of the given noise"
    c = noise.moment_bound(max(update.sizes or (update.n,)))
    mean, apart = noise.is_martingale_difference, noise.is_independent
    return (Hypothesis("zero-mean martingale difference", mean,
                       "drawn afresh and symmetric" if mean is Truth.YES else unknown),
            Hypothesis("independent between players", apart,
                       "all entries are independent" if apart is Truth.YES else unknown),
            Hypothesis("E|w_i| <= c (1 + |x|)", Truth.of(None if c is None else True),
                       unknown if c is None else f"with c = {c:.4g}"))
