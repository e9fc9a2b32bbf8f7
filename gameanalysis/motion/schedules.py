r"""Learning rates that change from update to update.

A schedule is a sequence gamma_k > 0, k = 0, 1, ...  Stochastic approximation asks of it

    sum_k gamma_k = inf     (the steps can go everywhere),
    sum_k gamma_k^2 < inf   (the noise dies out),

and of two of them gamma_1,k = o(gamma_2,k): the ratio gamma_1,k / gamma_2,k tends to 0, so
that the follower sees a leader that stands still.  All schedules here behave as

    gamma_k  ~  c r^k k^-p,    0 < r <= 1, p >= 0,

and from (r, p) the three are decided, not estimated: for r = 1 the sum is infinite if and
only if p <= 1, that of squares finite if and only if 2 p > 1; for r < 1 both sums are finite;
and a schedule is o of another if and only if its r is smaller, or equal with a larger p.

Reference: V. S. Borkar, Stochastic Approximation: A Dynamical Systems Viewpoint, Cambridge
University Press 2008, chapters 2 and 6.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..truth import Truth
from .trajectory import checked_positive

__all__ = ["Constant", "ExponentialDecay", "Polynomial", "Rates", "Schedule", "schedule",
           "two_timescale"]

Array = NDArray[np.float64]


class Schedule:
    """A sequence gamma_k > 0 of learning rates; see the classes below."""

    def at(self, k: Any) -> Array:
        """gamma_k for an array of integers k >= 0, as floats of its shape."""
        raise NotImplementedError

    @property
    def order(self) -> tuple[float, float] | None:
        """(r, p) of gamma_k ~ c r^k k^-p, or None where it is not known."""
        return None

    @property
    def diverges(self) -> Truth:
        """Whether sum gamma_k = inf."""
        return Truth.of(None if self.order is None else
                        self.order[0] == 1 and self.order[1] <= 1)

    @property
    def square_summable(self) -> Truth:
        """Whether sum gamma_k^2 < inf."""
        return Truth.of(None if self.order is None else
                        self.order[0] < 1 or 2 * self.order[1] > 1)

    def is_negligible_to(self, other: Schedule) -> Truth:
        """Whether gamma_k = o(gamma'_k), gamma' the ``other`` schedule."""
        if self.order is None or other.order is None:
            return Truth.UNDECIDED
        return Truth.of((-self.order[0], self.order[1]) > (-other.order[0], other.order[1]))


@dataclass(frozen=True)
class Constant(Schedule):
    """gamma_k = ``gamma`` > 0.

    >>> Constant(0.1).diverges, Constant(0.1).square_summable
    (<Truth.YES>, <Truth.NO>)
    """

    gamma: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "gamma", checked_positive(self.gamma, "step_size"))

    def at(self, k: Any) -> Array:
        """gamma."""
        return np.full(np.shape(k), self.gamma)

    @property
    def order(self) -> tuple[float, float]:
        """(1, 0)."""
        return 1.0, 0.0


@dataclass(frozen=True)
class ExponentialDecay(Schedule):
    """gamma_k = ``gamma`` ``rate``^k, gamma > 0 and 0 < rate <= 1.

    Its sum is finite for rate < 1: the updates may stop short of where they are going.
    After many updates gamma_k underflows to 0.

    >>> ExponentialDecay(1.0, 0.5).at([0, 1, 2]).tolist()
    [1.0, 0.5, 0.25]
    """

    gamma: float
    rate: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "gamma", checked_positive(self.gamma, "gamma"))
        object.__setattr__(self, "rate", checked_positive(self.rate, "rate"))
        if self.rate > 1:
            raise ValueError(f"rate must be at most 1, or the steps would grow, and it is "
                             f"{self.rate:g}")

    def at(self, k: Any) -> Array:
        """gamma rate^k."""
        with np.errstate(under="ignore"):
            return self.gamma * self.rate ** np.asarray(k, dtype=float)

    @property
    def order(self) -> tuple[float, float]:
        """(rate, 0)."""
        return self.rate, 0.0


@dataclass(frozen=True)
class Polynomial(Schedule):
    """gamma_k = ``gamma`` / (k + ``offset``)^``power``, gamma > 0, power >= 0, offset > 0.

    With 1/2 < power <= 1 it has both properties that stochastic approximation asks for.

    >>> Polynomial(1.0, 1).at([0, 1, 3]).tolist()
    [1.0, 0.5, 0.25]
    >>> Polynomial(1.0, 1).is_negligible_to(Polynomial(5.0, 0.75))
    <Truth.YES>
    """

    gamma: float
    power: float
    offset: float = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "gamma", checked_positive(self.gamma, "gamma"))
        object.__setattr__(self, "offset", checked_positive(self.offset, "offset"))
        power = 0.0 if self.power == 0 else checked_positive(self.power, "power")
        object.__setattr__(self, "power", power)

    def at(self, k: Any) -> Array:
        """gamma / (k + offset)^power."""
        return self.gamma / (np.asarray(k, dtype=float) + self.offset) ** self.power

    @property
    def order(self) -> tuple[float, float]:
        """(1, power)."""
        return 1.0, self.power


@dataclass(frozen=True)
class _Given(Schedule):
    """A function k -> gamma_k of the caller's: nothing is known of its sums."""

    function: Callable[[int], Any]

    def at(self, k: Any) -> Array:
        """The function's values, one call for each k, checked to be positive and finite."""
        values = [checked_positive(self.function(int(i)), f"the step size of update {i}")
                  for i in np.ravel(k)]
        return np.array(values, dtype=float).reshape(np.shape(k))


def schedule(value: Any) -> Schedule:
    """A schedule from a number, a function k -> gamma_k, or a schedule.

    Raises `ValueError` for a number that is not positive and finite, and for anything else.

    >>> schedule(0.5), schedule(lambda k: 1 / (k + 1)).diverges
    (Constant(gamma=0.5), <Truth.UNDECIDED>)
    """
    if isinstance(value, Schedule):
        return value
    return _Given(value) if callable(value) else Constant(value)


def two_timescale(gamma1: float, p1: float, gamma2: float, p2: float
                  ) -> tuple[Polynomial, Polynomial]:
    """Polynomial schedules of leader and follower with gamma_1,k = o(gamma_2,k).

    gamma_i,k = ``gammai`` / (k + 1)^``pi``, and p1 > p2, or `ValueError` is raised.  With
    1/2 < p2 < p1 <= 1 the steps are as Theorems 6 and 7 of the paper ask.

    >>> leader, follower = two_timescale(0.1, 1, 0.5, 0.6)
    >>> leader.is_negligible_to(follower)
    <Truth.YES>

    Reference: Fiez, Chasnov and Ratliff, ICML 2020, section 4.2.
    """
    leader, follower = Polynomial(gamma1, p1), Polynomial(gamma2, p2)
    if leader.is_negligible_to(follower) is not Truth.YES:
        raise ValueError(f"gamma1 = o(gamma2) needs p1 > p2, and p1 = {p1} is not larger than "
                         f"p2 = {p2}")
    return leader, follower


class Rates:
    """The learning rates of n variables in update 0, 1, ..., ``steps`` - 1.

    ``constant`` : those of all updates, shape (n,), or None where they change.
    After the last update its rates are held.

    >>> Rates([Constant(1.0), Polynomial(1.0, 1)], 9).at(0, 2)
    array([[1. , 1. ],
           [1. , 0.5]])
    """

    def __init__(self, schedules: Iterable[Schedule], steps: int) -> None:
        self.schedules, self.last = tuple(schedules), max(0, steps - 1)
        self.constant: Array | None = None
        if all(isinstance(s, Constant) for s in self.schedules):
            self.constant = np.concatenate([s.at([0]) for s in self.schedules])
        # A function of the caller's is called once for each update, in their order.
        tables: dict[int, Array] = {}
        for each in self.schedules:
            if isinstance(each, _Given) and id(each) not in tables:
                tables[id(each)] = each.at(np.arange(self.last + 1))
        self._tables = tables

    def at(self, k: int, count: int) -> Array:
        """The rates of updates k, ..., k + count - 1, shape (count, n); not to be written to."""
        if self.constant is not None:
            return np.broadcast_to(self.constant, (count, len(self.constant)))
        wanted = np.minimum(np.arange(k, k + count), self.last)
        # Many variables share a schedule.
        known: dict[int, Array] = {}
        for each in self.schedules:
            if id(each) not in known:
                known[id(each)] = (self._tables[id(each)][wanted] if id(each) in self._tables
                                   else each.at(wanted))
        return np.stack([known[id(each)] for each in self.schedules], axis=1)
