r"""What is watched along an orbit of x' = -g(x): rest, edges of a box, returns.

Rest.  Let p be a zero of g whose Jacobian J = Dg(p) has its spectrum in the open right
half-plane, and P > 0 the solution of Lyapunov's equation J^T P + P J = I.  Along the flow
V = (x - p)^T P (x - p) has V' = -2 (x - p)^T P g(x), which is -|x - p|^2 to leading order.
A start has settled at p once |x - p| <= delta = settle_atol (1 + max|p|) and
(x - p)^T P g(x) >= |x - p|^2 / 4, provided that V was found to decrease at that rate at 200
points and more of the ellipsoid V <= max spec(P) delta^2, which the orbit then cannot leave.
The points are a sample and the numbers floats: no proof.

Edges.  An orbit leaves a box at the first theta in [0, 1] of a step at which its interpolant
x(theta) does, among excursions that are seen at one of the quarters of the step.

Returns.  Let a be a point of the orbit, the anchor, and v = -g(a).  The orbit returns when it
crosses the section v . (x - a) = 0 upwards at a distance from a of at most `CLOSED` times
the largest distance from a since it left; the crossing is a zero of the interpolant.  Two
returns in a row, of durations equal up to `EQUAL`, make a closed orbit, and their mean is its
period.  Anchors are moved to the present after 64, 128, 256, ... steps (Brent), so that one
lies on a limit cycle in the end, and its window is long enough; about three turns are needed.
So that the error of a turn is smaller than `CLOSED`, the orbit is computed at tolerances of
`TIGHT` or below.  A spiral that closes in by less than the fraction `CLOSED` in one turn
passes for a closed orbit, and so does an irregular orbit that comes that close twice; one
smaller than `SMALLEST` (1 + max|a|) is never called closed, because rounding could close it.

Reference: Hairer, Norsett and Wanner, Solving Ordinary Differential Equations I, 2nd ed.,
Springer 1993, section II.6; R. P. Brent, BIT 20, 1980, for the anchors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..compilation.compiled import CompiledField
from ..numerics.critical import float_box
from .trajectory import checked_points

__all__ = ["CLOSED", "Edges", "Orbit", "Polynomials", "Rest", "Returns", "Segments", "TIGHT"]

Array = NDArray[np.float64]
Index = NDArray[np.intp]

#: An orbit has closed at so small a fraction of its size; see above.
CLOSED, EQUAL, SMALLEST = 1e-7, 1e-6, 1e-4
#: The largest (rtol, atol) with which returns are looked for.
TIGHT = 1e-10, 1e-13
#: Steps after which the first anchor is moved.
_WINDOW = 64
#: A step is looked at in so many pieces at most.
_PIECES = 4096
_QUARTERS = (0.25, 0.5, 0.75, 1.0)
#: Steps of bisection: to the last bit of theta.
_BISECTIONS = 53


class Segments(Protocol):
    """One step of size h of each of m orbits, as functions of theta in [0, 1]."""

    h: Array

    def at(self, theta: Array) -> Array:
        """The points x(theta): shape (m,) to (n, m)."""

    def take(self, columns: Index) -> Segments:
        """Those of some of the orbits."""


class Polynomials:
    """x(theta) = x + theta (c + theta (q1 + theta (q2 + theta q3))), `Segments`."""

    def __init__(self, x: Array, h: Array, c: Array, q: Array) -> None:
        """``x`` and ``c`` have shape (n, m), ``h`` (m,) and ``q`` (3, n, m)."""
        self.x, self.h, self.c, self.q = x, h, c, q

    def at(self, theta: Array) -> Array:
        """The points at theta (m,), shape (n, m)."""
        q1, q2, q3 = self.q
        x = q3 * theta
        for q in (q2, q1, self.c):
            x += q
            x *= theta
        x += self.x
        return x

    def take(self, columns: Index) -> Polynomials:
        """Those of some columns."""
        return Polynomials(self.x[:, columns], self.h[columns], self.c[:, columns],
                           self.q[:, :, columns])


class Orbit:
    """The steps of one orbit, which begin at times t (k,): its dense output."""

    def __init__(self, t: Array, steps: Polynomials) -> None:
        self.t, self.steps = t, steps

    def __call__(self, t: Array) -> Array:
        """The points at times (m,), shape (n, m)."""
        which = np.maximum(np.searchsorted(self.t, t, side="right") - 1, 0)
        own = self.steps.take(which)
        return own.at((t - self.t[which]) / own.h)


def nearest_images(z: Array, periods: Array) -> Array:
    """Differences (n, m), those of coordinates on a circle as short as they can be."""
    for i in np.flatnonzero(np.isfinite(periods)):
        z[i] -= periods[i] * np.rint(z[i] / periods[i])
    return z


def _bisected(inside: Callable[[Array], Any], low: Array, high: Array) -> Array:
    """The last theta in [low, high] known to be inside, where high is not."""
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        good = inside(middle)
        low, high = np.where(good, middle, low), np.where(good, high, middle)
    return low


class Rest:
    """The critical points at which orbits may come to rest."""

    def __init__(self, field: CompiledField, given: Any, settle_atol: float,
                 periods: Array) -> None:
        """``given`` : points (k, n), or an iterable of objects with a point ``x``."""
        self.p = checked_points(given, field.n)
        self.periods = periods
        self.delta = settle_atol * (1 + np.abs(self.p).max(axis=1, initial=0))
        #: Above this max|g|, a point is not within delta of a critical point: |g| is at
        #: most |J| delta there, to leading order.
        self.speed = np.zeros(len(self.p))
        #: P for the points that attract, found above, None for the others.
        self.forms: list[Array | None] = []
        for k, p in enumerate(self.p):
            with np.errstate(all="ignore"):
                jacobian = field.jacobian(p)
                form = None
                if np.isfinite(jacobian).all():
                    norm = float(np.linalg.norm(jacobian, 2))
                    self.speed[k] = 2 * norm * self.delta[k]
                    form = _form(field, p, jacobian, norm, self.delta[k])
            self.forms.append(form)
        self._early = max((s for s, form in zip(self.speed, self.forms) if form is not None),
                          default=-1.0)

    def reached(self, x: Array, g: Array) -> NDArray[np.int_]:
        """Which attracting point each column has settled at, else -1: (n, m) to (m,)."""
        found = np.full(x.shape[1], -1)
        if self._early < 0:
            return found
        slow = np.flatnonzero((np.abs(g) <= self._early).all(axis=0))
        if not slow.size:
            return found
        for k, form in enumerate(self.forms):
            if form is not None:
                z = nearest_images(x[:, slow] - self.p[k][:, None], self.periods)
                square = (z * z).sum(axis=0)
                falls = (z * (form @ g[:, slow])).sum(axis=0) >= square / 4
                found[slow[falls & (square <= self.delta[k] ** 2)]] = k
        return found

    def at_end(self, x: Array, g: Array) -> NDArray[np.int_]:
        """The point within delta where g is small, attracting or not, else -1."""
        found, best = np.full(x.shape[1], -1), np.full(x.shape[1], np.inf)
        for k, p in enumerate(self.p):
            z = nearest_images(x - p[:, None], self.periods)
            distance = np.sqrt((z * z).sum(axis=0))
            near = ((distance <= self.delta[k]) & (distance < best)
                    & (np.abs(g) <= self.speed[k]).all(axis=0))
            found[near], best[near] = k, distance[near]
        return found


def _form(field: CompiledField, p: Array, jacobian: Array, norm: float, delta: float
          ) -> Array | None:
    """P of Lyapunov's equation if p attracts what comes within delta, else None."""
    from scipy.linalg import solve_continuous_lyapunov  # slow to import, seldom needed
    n = len(p)
    if not np.linalg.eigvals(jacobian).real.min() > 1e-9 * norm:
        return None
    form = solve_continuous_lyapunov(jacobian.T, np.eye(n))
    form = (form + form.T) / 2
    values, vectors = np.linalg.eigh(form)
    if not values[0] > 0:
        return None
    rng = np.random.default_rng(0)
    directions = np.concatenate([rng.normal(size=(200, n)), vectors.T, -vectors.T])
    directions /= np.linalg.norm(directions @ vectors * np.sqrt(values), axis=1)[:, None]
    radius = np.sqrt(values[-1]) * delta
    z = (radius * np.array([1.0, 0.5, 0.25])[:, None, None] * directions).reshape(-1, n)
    falls = (z * (field.value(p + z) @ form)).sum(axis=1) >= (z * z).sum(axis=1) / 4
    return form if falls.all() else None


class Edges:
    """The edges of a box, pairs (low, high); modulo the period on a circle."""

    def __init__(self, box: Any, n: int, periods: Array) -> None:
        self.low, self.high = float_box(box, n).T
        self.periods = periods
        # A side as long as the circle has no edges.
        whole = self.high - self.low >= periods
        self.low = np.where(whole, -np.inf, self.low)
        self.high = np.where(whole, np.inf, self.high)
        self._circles = np.flatnonzero(np.isfinite(periods) & ~whole)

    def _shift(self, x: Array) -> Array:
        """The multiples of the periods that bring columns into [low, low + period)."""
        shift = np.zeros_like(x)
        for i in self._circles:
            shift[i] = self.periods[i] * np.floor((x[i] - self.low[i]) / self.periods[i])
        return shift

    def outside(self, x: Array) -> NDArray[np.bool_]:
        """Whether columns lie outside: (n, m) to (m,)."""
        return np.any(self._beyond(x - self._shift(x)), axis=0)

    def _beyond(self, y: Array) -> NDArray[np.bool_]:
        return np.asarray((y < self.low[:, None]) | (y > self.high[:, None]))

    def crossings(self, x: Array, segments: Segments) -> tuple[Index, Array, Array]:
        """Which of the orbits leave in this step, at which theta, and where.

        ``x`` : where the steps begin, inside.  A point of exit is on the edge.
        """
        shift = self._shift(x)
        first = np.full(x.shape[1], np.inf)
        for quarter in reversed(_QUARTERS):
            at = segments.at(np.full(x.shape[1], quarter))
            first[np.any(self._beyond(at - shift), axis=0)] = quarter
        which = np.flatnonzero(first < np.inf)
        if not which.size:
            return which, np.empty(0), np.empty((len(x), 0))
        own, shift, ends = segments.take(which), shift[:, which], first[which]

        def inside(theta: Array) -> Any:
            return ~np.any(self._beyond(own.at(theta) - shift), axis=0)

        theta = _bisected(inside, ends - 0.25, ends)
        at, after = (own.at(s) - shift for s in (theta, np.minimum(theta + 2.0 ** -52, 1.0)))
        low, high = self.low[:, None], self.high[:, None]
        at = np.where(after < low, low, np.where(after > high, high, np.clip(at, low, high)))
        return which, theta, at + shift


class Returns:
    """Returns of N orbits to earlier points of theirs; see above."""

    def __init__(self, size: int, n: int, periods: Array) -> None:
        self.periods = periods
        self.period = np.full(size, np.nan)
        self._anchor, self._velocity = np.empty((n, size)), np.empty((n, size))
        self._since, self._first = np.zeros(size), np.zeros(size)
        self._steps, self._window = np.zeros(size, int), np.zeros(size, int)
        self._furthest = np.zeros(size)

    def start(self, who: Index, t: Array, x: Array, g: Array) -> None:
        """Anchor orbits ``who`` at x (n, m)."""
        self._anchor[:, who], self._velocity[:, who], self._since[who] = x, -g, t
        self._first[who], self._furthest[who], self._steps[who] = 0, 0, 0
        self._window[who] = np.maximum(_WINDOW, 2 * self._window[who])

    def step(self, who: Index, t: Array, x: Array, x1: Array, g1: Array,
             segments: Segments) -> None:
        """Take note of a step of the orbits ``who`` from x at t to x1, with g1 = g(x1)."""
        # A step may go round a circle: it is looked at in pieces of a quarter at most.
        quarters = 4 * np.abs(x1 - x).max(axis=0, initial=0) / self.periods.min()
        pieces = np.clip(np.ceil(quarters), 1, _PIECES).astype(int)
        before, low = x, np.zeros(len(who))
        open_ = np.arange(len(who))
        for k in range(1, int(pieces.max(initial=0)) + 1):
            going = pieces[open_] >= k
            open_, before, low = open_[going], before[:, going], low[going]
            last = pieces[open_] == k
            high = np.where(last, 1.0, k / pieces[open_])
            own = segments.take(open_)
            after = np.where(last, x1[:, open_], own.at(high))
            self._piece(who[open_], t[open_], before, after, low, high, own)
            before, low = after, high
        self._steps[who] += 1
        # Who has returned once gets as long again for the second time.
        due = self._steps[who] >= self._window[who] * (1 + (self._first[who] > 0))
        moved = np.flatnonzero(due & np.isnan(self.period[who]))
        if moved.size:
            self.start(who[moved], t[moved] + segments.take(moved).h, x1[:, moved], g1[:, moved])

    def _piece(self, who: Index, t: Array, x: Array, x1: Array, low: Array, high: Array,
               segments: Segments) -> None:
        """Look for returns between x = x(low) and x1 = x(high)."""
        anchor, velocity = self._anchor[:, who], self._velocity[:, who]
        after = nearest_images(x1 - anchor, self.periods)
        before = nearest_images(x - anchor, self.periods)
        self._furthest[who] = np.maximum(self._furthest[who], np.sqrt((after**2).sum(axis=0)))
        crosses = ((velocity * before).sum(axis=0) < 0) & ((velocity * after).sum(axis=0) >= 0)
        columns = np.flatnonzero(crosses & np.isnan(self.period[who]))
        if not columns.size:
            return
        who, t, own = who[columns], t[columns], segments.take(columns)
        anchor, velocity = anchor[:, columns], velocity[:, columns]

        def offset(theta: Array) -> Array:
            return nearest_images(own.at(theta) - anchor, self.periods)

        theta = _bisected(lambda s: (velocity * offset(s)).sum(axis=0) < 0,
                          low[columns], high[columns])
        distance = np.sqrt((offset(theta) ** 2).sum(axis=0))
        size = self._furthest[who]
        closed = ((distance <= CLOSED * size)
                  & (size >= SMALLEST * (1 + np.abs(anchor).max(axis=0))))
        duration = t + theta * own.h - self._since[who]
        again = closed & (self._first[who] > 0)
        equal = again & (np.abs(duration - 2 * self._first[who]) <= EQUAL * duration)
        self.period[who[equal]] = duration[equal] / 2
        once = closed & ~again
        self._first[who[once]] = duration[once]
