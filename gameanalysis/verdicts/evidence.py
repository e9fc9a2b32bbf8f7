r"""Evidence: a question about a game's derivatives at a point, asked at rising precision.

The same question, such as "is D22 f2 positive definite?", is put to the `Matrices` of the
point in one kind of numbers after another until one of them decides:

1. integers, where the point is rational and the costs have a rational 3-jet there;
2. otherwise intervals of 20 and 50 digits over the enclosure of the point, then exact
   numbers at the rational, algebraic or pi-rational number that the point is proved to be,
   then intervals of 120 digits.

The first kind always decides.  What none decides is UNDECIDED.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..declaration.game import Game
from ..exact.definiteness import is_positive_definite
from ..exact.jets import Jet
from ..exact.minors import exact_sign, integral, interval_sign
from ..programs.precise import NoEnclosure, PreciseIntervals
from ..truth import Truth
from .forms import Forms, FormsAt, JetAt, Matrices
from .location import Location, RationalLocation

__all__ = ["Evidence", "Order", "all_zero", "follower_definite", "of_scaled", "own_definite",
           "total_definite"]

Array = NDArray[np.float64]
Sign = Callable[[Any], "int | None"]

#: Digits of the interval arithmetic tried in turn, before and after exact numbers.
_DIGITS, _MORE_DIGITS = (20, 50), (120,)


class Order:
    """A game with one of its players leading; its programs are built when first needed."""

    def __init__(self, game: Game, leader: int = 0) -> None:
        self.declared, sizes = game, game.sizes
        self.players = [leader, *(p for p in range(len(sizes)) if p != leader)]
        starts = [0, *accumulate(sizes)]
        #: where each variable of this order stands in the declared one
        self.variables = [i for p in self.players for i in range(starts[p], starts[p + 1])]
        self.sizes = tuple(sizes[p] for p in self.players)

    @cached_property
    def forms(self) -> Forms:
        """The programs of the derivatives."""
        leader = self.players[0]
        return Forms(self.declared.reordered(leader) if leader else self.declared)

    def jet_at(self, location: Location) -> Jet | None:
        """The 3-jet of the costs in this order, None where it is not rational."""
        if not isinstance(location, RationalLocation):
            return None
        jet = location.jet(self.declared)
        if jet is None or not self.players[0]:
            return jet
        return jet.reordered(self.variables, self.sizes, self.players)


class Evidence:
    """One order of play at one point: the matrices at rising precision."""

    def __init__(self, order: Order, location: Location, response_free: bool,
                 kind: type[Matrices] = Matrices) -> None:
        self.kind = kind
        self.order, self.location, self.response_free = order, location, response_free
        self._levels: list[Matrices] = []
        self._source = self._make()

    @cached_property
    def jet(self) -> Jet | None:
        """The 3-jet where the point and the jet are rational, else None."""
        return self.order.jet_at(self.location)

    def _make(self) -> Iterator[Matrices]:
        if self.jet is not None:
            yield self.kind(JetAt(self.jet), exact_sign, self.response_free)
            return
        yield from self._over_intervals(_DIGITS)
        exact = self.location.exact_numbers()
        if exact is not None:
            inputs = [exact.inputs[k] for k in self.order.variables]
            yield self._matrices(inputs, lambda: exact, exact.sign)
        yield from self._over_intervals(_MORE_DIGITS)

    def _over_intervals(self, digits: Sequence[int]) -> Iterator[Matrices]:
        for count in digits:
            ends = self.location.enclosure(count)
            arithmetic = PreciseIntervals(count + 10)
            inputs = [arithmetic.interval(*ends[k]) for k in self.order.variables]
            yield self._matrices(inputs, partial(PreciseIntervals, count + 10), interval_sign)

    def _matrices(self, inputs: Sequence[Any], new_arithmetic: Callable[[], Any],
                  sign: Sign) -> Matrices:
        return self.kind(FormsAt(self.order.forms, inputs, new_arithmetic), sign,
                         self.response_free)

    def decide(self, question: Callable[[Matrices], Any]) -> Any:
        """The first answer that is neither None nor UNDECIDED; None if there is none."""
        if not self.location.certified:
            return None
        k = 0
        while True:
            if k == len(self._levels):
                matrices = next(self._source, None)
                if matrices is None:
                    return None
                self._levels.append(matrices)
            try:
                answer = question(self._levels[k])
            except (ArithmeticError, NoEnclosure):
                answer = None
            if answer is not None and answer is not Truth.UNDECIDED:
                return answer
            k += 1

    def truth(self, question: Callable[[Matrices], Truth]) -> Truth:
        """`decide` for a question whose answer is a Truth."""
        answer = self.decide(question)
        return Truth.UNDECIDED if answer is None else answer

    def floats(self) -> tuple[Array, Array, Array] | None:
        """J, J_S and S1(J) rounded from exact numbers; None where there is no jet.

        NaN where D22 f2 is singular.
        """
        if self.jet is None:
            return None
        if not self._levels:
            self._levels.append(next(self._source))
        return self._levels[0].floats(self.jet.scale)


# -- questions ------------------------------------------------------------------------------

def all_zero(values: Sequence[Any], sign: Sign) -> Truth:
    """Whether all numbers are zero."""
    if integral([values]):
        return Truth.of(not any(values))
    return Truth.all(Truth.of(None if s is None else s == 0) for s in map(sign, values))


def own_definite(m: Matrices) -> Truth:
    """Whether D_ii f_i > 0 for every player."""
    return Truth.all(is_positive_definite(h, m.sign) for h in m.own_hessians())


def follower_definite(m: Matrices) -> Truth:
    """Whether D_ii f_i > 0 for every follower."""
    return Truth.all(is_positive_definite(h, m.sign) for h in m.own_hessians()[1:])


def total_definite(m: Matrices) -> Truth:
    """Whether D^2 f1 = S1(J_S) > 0; NO where the followers' joint Hessian is singular."""
    if m.sign(m.d) == 0:
        return Truth.NO
    answer = of_scaled(m.total_hessian(), m.sign, is_positive_definite)
    return Truth.UNDECIDED if answer is None else answer


def of_scaled(scaled: tuple[Any, Any], sign: Sign, question: Callable[..., Any]) -> Any:
    """A question about S, given (p S, p); None where p is or may be zero."""
    rows, power = scaled
    direction = sign(power)
    if not direction:
        return None
    return question(rows if direction > 0 else [[-e for e in row] for row in rows], sign)
