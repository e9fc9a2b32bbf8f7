r"""Batches in continuous time: x' = -g(x) with a step size for each start.

Starts lie in columns, as many at once as stay in the cache, each with a time and a step size
of its own (see `dormand_prince` for a step).  One that has ended makes room for the next start
that waits; so the cost of a start does not depend on how many there are, and memory beyond
the results is bounded.

An orbit ends at t1, or before: at the edge of a box, at rest, beyond a bound, when its budget
of steps is spent, or where steps underflow, that is, need to be shorter than 16 units in the
last place of the time that remains.  What is the reason then is read off the field.  Where a
field divides by a determinant, orbits may also be drawn to its zeros and creep along them,
as stiff as can be: that is looked for now and then, and is an end too.

Reference: Hairer, Norsett and Wanner, Solving Ordinary Differential Equations I, section II.4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..compilation.compiled import CompiledField
from .dormand_prince import Step
from .orbits import Edges, Orbit, Polynomials, Rest, Returns
from .trajectory import Outcome

__all__ = ["Batch", "CREEPING", "Job", "OUTCOMES", "beside_singular_set", "ended_at_start",
           "why_stuck"]

Array = NDArray[np.float64]
Index = NDArray[np.intp]

#: Starts are integrated together while their columns fill so many bytes, but at least and
#: at most so many: fewer rounds cost more than caches save, measured on figure1.
_CACHE, _WIDTH = 2 ** 23, (2048, 16384)
#: Beside the singular set: so close, relative to 1 + max|x|, where steps underflow; and where
#: they do not, which is looked at every so many steps.
_BESIDE, _TOUCHING, CREEPING = 1e-6, 1e-9, 256
_EPS = float(np.finfo(float).eps)
#: The least step, relative to the time that remains.
_LEAST = 16 * _EPS


class Job(NamedTuple):
    """What a batch is asked for; ``times`` are those of the points to keep, increasing."""

    field: CompiledField
    t0: float
    t1: float
    times: Array
    rtol: float
    atol: float
    bound: float
    max_steps: int
    rest: Rest | None = None
    edges: Edges | None = None
    returns: Returns | None = None
    dense: bool = False

    @property
    def only_last(self) -> bool:
        """Whether no point inside the steps is needed."""
        return (len(self.times) == 1 and self.times[0] == self.t1 and not self.dense
                and self.edges is None and self.returns is None)


class Batch:
    """All starts (N, n) of a job, and how far they have come.

    After `run`: ``kept`` (N, time, n), ``ends`` (N, n), ``stopped``, ``status`` and
    ``settled`` (N,).
    """

    def __init__(self, job: Job, start: Array, step: Step) -> None:
        self.job, self.start, self.step = job, start, step
        size, n = start.shape
        self.kept = np.empty((size, len(job.times), n))
        self.ends = start.copy()
        self.stopped = np.full(size, job.t0)
        self.status = np.full(size, Outcome.INTERRUPTED, dtype=object)
        self.settled = np.full(size, -1)
        self._pieces: list[tuple[Index, Array, Polynomials]] = []
        self._n, self._rows = n, 2 * n + 2 + job.field.is_guarded
        self._width = int(np.clip(_CACHE // (8 * (20 * n + 10)), *_WIDTH))
        self._next, self._round = 0, 0
        # Minus the time that remains at each of the times.
        self._times = job.times - job.t1
        # The columns, and for each: the start it comes from, how many of the times are
        # behind it, the round in which it began, and whether it goes on.
        self._z = self._out = np.empty((self._rows, 0))
        self._who, self._due, self._born = (np.empty(0, int) for _ in range(3))
        self._live = np.empty(0, bool)

    def run(self) -> None:
        """Integrate; an interrupt ends it and leaves what is done."""
        with np.errstate(all="ignore"):
            try:
                while self._fill():
                    self._advance()
            except KeyboardInterrupt:
                self._interrupted()

    def _interrupted(self) -> None:
        z, live = self._z[:, self._live], self._live
        r = z[2 * self._n]
        self._due[live] = np.searchsorted(self._times, -r, side="right")
        self._end(live, z[:self._n], self.job.t1 - r, Outcome.INTERRUPTED)
        self.kept[self._next:] = self.start[self._next:, None]

    def orbits(self) -> list[Callable[[Array], Array] | None]:
        """For each start its dense output, None where it has none."""
        who, t = (np.concatenate([np.empty(0, int), *(p[k] for p in self._pieces)])
                  for k in (0, 1))
        order = np.lexsort((t, who))
        bounds = np.searchsorted(who[order], np.arange(len(self.start) + 1))
        parts = [p[2] for p in self._pieces]
        all_of = Polynomials(*(np.concatenate([getattr(p, name) for p in parts], axis=-1)
                               for name in ("x", "h", "c", "q"))) if parts else None
        found: list[Callable[[Array], Array] | None] = []
        for low, high in zip(bounds, bounds[1:]):
            own = order[low:high]
            found.append(Orbit(t[own], all_of.take(own)) if all_of and low < high else None)
        return found

    # -- which columns --------------------------------------------------

    def _fill(self) -> bool:
        """Put waiting starts where others have ended; whether there is work."""
        live, following = int(np.count_nonzero(self._live)), self._next
        if live and live >= 7 * len(self._live) // 8:
            return True
        columns = np.flatnonzero(self._live)
        arrays = [self._z.take(columns, axis=1), *(a[columns] for a in (
            self._who, self._due, self._born))]
        while live < self._width and following < len(self.start):
            stop = min(following + self._width - live, len(self.start))
            fresh = self._fresh(np.arange(following, stop))
            following, live = stop, live + len(fresh[1])
            arrays = [np.concatenate(pair, axis=-1) for pair in zip(arrays, fresh)]
        below = 1 + 3 * self._n * (not self.job.only_last)
        z, other = (np.empty((self._rows + below, live)) for _ in range(2))
        z[:self._rows], self._who, self._due, self._born = arrays
        self._live, self._next = np.ones(live, bool), following
        self._z, self._out, self._other = z[:self._rows], other, z
        return live > 0

    def _fresh(self, who: Index) -> list[NDArray[Any]]:
        """Columns of new starts, and what belongs to them; some end where they begin."""
        job, n = self.job, self._n
        x = self.start[who].T.copy()
        values = job.field.columns(x)
        g, behind = values[:n], int(np.searchsorted(job.times, job.t0, side="right"))
        self.kept[who, :behind] = self.start[who][:, None]
        code, self.settled[who] = ended_at_start(job, x, values)
        going, over = code == _GOING, who[code != _GOING]
        self.status[over], self.kept[over] = OUTCOMES[code[~going]], self.start[over, None]
        who, x, g = who[going], x[:, going], g[:, going]
        size = len(who)
        if job.returns is not None:
            job.returns.start(who, np.full(size, job.t0), x, g)
        r = np.full(size, job.t1 - job.t0)
        h = np.minimum(_first_step(job, x, g), r)
        z = np.concatenate([x, g, [r], values[n:, going], [h]])
        return [z, who, np.full(size, behind), np.full(size, self._round)]

    def _end(self, columns: NDArray[Any], x: Array, t: Array, status: Any) -> None:
        """Orbits end at x (n, m) and t (m,)."""
        who, due = self._who[columns], self._due[columns]
        self.stopped[who], self.ends[who] = t, x.T
        self.status[who] = status
        if self.job.only_last:
            self.kept[who, 0] = x.T
            return
        runs, index = _runs(due, np.full(len(due), len(self._times)))
        self.kept[who[runs], index] = x.T[runs]

    # -- one step of all ------------------------------------------------

    def _advance(self) -> None:
        job, n, z, out = self.job, self._n, self._z, self._out
        self._round += 1
        self.step(z, out)
        x1, r, h = out[:n], out[2 * n], out[self._rows - 1]
        code = np.zeros(len(r), np.int8)
        good = (out[self._rows] < 1) & self._live
        if job.edges is not None:
            self._leave(good, code)
        if not (x1.max() <= job.bound and x1.min() >= -job.bound):
            far = np.flatnonzero(~(np.abs(x1).max(axis=0) <= job.bound) & self._live)
            out[:self._rows, far], code[far], good[far] = z[:, far], _CODE[Outcome.DIVERGED], False
        final = np.flatnonzero(r == 0)
        code[final[code[final] == _GOING]] = _CODE[Outcome.COMPLETED]
        if job.rest is not None:
            self._settle(good, code)
        if not job.only_last:
            self._keep(good, code)
        # Orbits that are over take no further step: they have h = 0, and r infinite.
        tiny = h < _LEAST * r
        if np.count_nonzero(tiny) > len(tiny) - np.count_nonzero(self._live):
            stuck = np.flatnonzero(tiny & self._live & (code == _GOING))
            code[stuck] = [_CODE[outcome] for outcome in why_stuck(
                job.field, x1[:, stuck], out[n:2 * n, stuck], r[stuck])]
        if job.field.is_guarded and self._round >= CREEPING:
            late = self._live & ((self._round - self._born) % CREEPING == 0) & (code == _GOING)
            columns = np.flatnonzero(late)
            code[columns[beside_singular_set(job.field, x1[:, columns])]] = \
                _CODE[Outcome.SINGULAR]
        if self._round >= job.max_steps:
            spent = self._live & (self._round - self._born >= job.max_steps)
            code[spent & (code == _GOING)] = _CODE[Outcome.BUDGET]
        if code.any():
            over = np.flatnonzero(code)
            self._end(over, x1[:, over], job.t1 - r[over], OUTCOMES[code[over]])
            self._live[over], h[over], r[over] = False, 0, np.inf
        self._z, self._out, self._other = out[:self._rows], self._other, out

    def _leave(self, good: NDArray[np.bool_], code: NDArray[np.int8]) -> None:
        """Cut the steps that leave the box where they do."""
        assert self.job.edges is not None
        n, z, out, columns = self._n, self._z, self._out, np.flatnonzero(good)
        which, theta, at = self.job.edges.crossings(z[:n, columns], self._segments(columns))
        columns = columns[which]
        out[:n, columns] = at
        out[2 * n, columns] = z[2 * n, columns] - theta * z[-1, columns]
        code[columns] = _CODE[Outcome.LEFT]

    def _settle(self, good: NDArray[np.bool_], code: NDArray[np.int8]) -> None:
        """Say which orbits have come to rest, and where."""
        assert self.job.rest is not None
        x, g = self._out[:self._n], self._out[self._n:2 * self._n]
        found = self.job.rest.reached(x, g)
        final = np.flatnonzero((code == _CODE[Outcome.COMPLETED]) & (found < 0))
        if final.size:
            found[final] = self.job.rest.at_end(x[:, final], g[:, final])
        settled = np.flatnonzero((found >= 0) & good & (code != _CODE[Outcome.LEFT]))
        self.settled[self._who[settled]] = found[settled]
        code[settled] = _CODE[Outcome.SETTLED]

    def _segments(self, columns: Index) -> Polynomials:
        n, z = self._n, self._z[:, columns]
        q = self._out[-3 * n:, columns].reshape(3, n, -1)
        return Polynomials(z[:n], z[-1], -z[-1] * z[n:2 * n], q)

    def _keep(self, good: NDArray[np.bool_], code: NDArray[np.int8]) -> None:
        """Keep points inside the steps that were accepted, and take note of the steps."""
        job, n, z, out, columns = self.job, self._n, self._z, self._out, np.flatnonzero(good)
        r, h = z[2 * n], z[-1]
        if job.returns is not None or job.dense:
            segments, t, who = self._segments(columns), job.t1 - r[columns], self._who[columns]
            if job.dense:
                self._pieces.append((who, t, segments))
            if job.returns is not None:
                job.returns.step(who, t, z[:n, columns], out[:n, columns],
                                 out[n:2 * n, columns], segments)
        due = np.searchsorted(self._times, -out[2 * n], side="right")
        # Where an orbit is over, `_end` keeps the very last point.
        due[out[2 * n] == 0] = np.searchsorted(self._times, 0)
        due = np.where(good, due, self._due)
        columns, index = _runs(self._due, due)
        if columns.size:
            theta = (r[columns] + self._times[index]) / h[columns]
            self.kept[self._who[columns], index] = self._segments(columns).at(theta).T
        self._due = due


_GOING = 0
OUTCOMES = np.array([None, *Outcome], dtype=object)
_CODE = {outcome: code for code, outcome in enumerate(OUTCOMES)}


def _runs(start: NDArray[np.int_], stop: NDArray[np.int_]) -> tuple[Index, Index]:
    """All pairs (k, i) with start[k] <= i < stop[k], as two arrays."""
    count = stop - start
    columns = np.repeat(np.arange(len(count)), count)
    before = np.cumsum(count) - count
    return columns, np.arange(len(columns)) + np.repeat(start - before, count)


def ended_at_start(job: Job, x: Array, values: Array
                   ) -> tuple[NDArray[np.int8], NDArray[np.int_]]:
    """The codes of starts x (n, m) that end where they begin, and where they settled.

    ``values`` : the field and its guard at x.  The code of an outcome is its place in
    `Outcome`, from 1 on; 0 goes on.
    """
    code, found = np.zeros(x.shape[1], np.int8), np.full(x.shape[1], -1)
    if job.edges is not None:
        code[job.edges.outside(x)] = _CODE[Outcome.LEFT]
    if job.field.is_guarded:
        code[on_singular_set(job.field, x, values) & (code == _GOING)] = _CODE[Outcome.SINGULAR]
    code[~np.isfinite(values).all(axis=0) & (code == _GOING)] = _CODE[Outcome.UNDEFINED]
    if job.rest is not None:
        found = np.where(code == _GOING, job.rest.reached(x, values[:len(x)]), -1)
        code[found >= 0] = _CODE[Outcome.SETTLED]
    return code, found


def _first_step(job: Job, x: Array, g: Array) -> Array:
    """A first step size for each column (Hairer, Norsett and Wanner, section II.4)."""
    scale = job.atol + job.rtol * np.abs(x)
    least = 1e-6 * (job.t1 - job.t0)
    size, speed = _rms(x / scale), _rms(g / scale)
    h = np.where((size < 1e-5) | (speed < 1e-5), least, 0.01 * size / speed)
    bend = _rms((job.field.columns(x - h * g)[:len(x)] - g) / scale) / h
    largest = np.fmax(speed, bend)
    refined = np.where(largest <= 1e-15, np.maximum(least, 1e-3 * h), (0.01 / largest) ** 0.2)
    return np.fmin(100 * h, refined)


def _rms(x: Array) -> Array:
    return np.sqrt(np.mean(x * x, axis=0))


def on_singular_set(field: CompiledField, x: Array, values: Array) -> NDArray[np.bool_]:
    """Whether the guard d vanishes at columns, up to the rounding of x.

    ``values`` : g and d at x.  Points are looked at where g is as large as it must be there.
    """
    n = len(x)
    on = values[n] == 0
    suspect = np.flatnonzero(~on & ~(np.abs(values[:n]).max(axis=0)
                                     <= 1e8 * (1 + np.abs(x).max(axis=0))))
    if suspect.size:
        on[suspect] = _distance(field, x[:, suspect], values[n, suspect]) <= 4 * _EPS
    return on


def beside_singular_set(field: CompiledField, x: Array) -> NDArray[np.bool_]:
    """Whether columns have come so close to the set d = 0 that orbits creep along it."""
    if not x.size:
        return np.zeros(x.shape[1], bool)
    return np.asarray(_distance(field, x, field.columns(x)[len(x)]) <= _TOUCHING)


def _distance(field: CompiledField, x: Array, d: Array) -> Array:
    """About how far off the set d = 0 is, |d| / |grad d|, relative to 1 + max|x|."""
    slope = np.zeros_like(d)
    change = 1e-7 * (1 + np.abs(x).max(axis=0))
    for i in range(len(x)):
        shifted = x.copy()
        shifted[i] += change
        slope += np.abs(field.columns(shifted)[len(x)] - d) / 1e-7
    return np.abs(d) / slope


def why_stuck(field: CompiledField, x: Array, g: Array, remaining: Array) -> list[Outcome]:
    """Why steps underflow at columns x, where the field is g and so much time remains.

    The first that holds: zeros of the guard are near, the singular set; within 1000 of the
    least steps, straight on, max|x| doubles, a blow-up in finite time, or the guard vanishes
    or halves, the singular set; max|x| doubles within a millionth of the time, a blow-up.
    Else the field ends here.
    """
    n, reach = len(x), 1000 * _LEAST * remaining
    doubling = np.abs(x).max(axis=0) / np.abs(g).max(axis=0)
    doubling[(x * g).sum(axis=0) >= 0] = np.inf
    found = np.full(x.shape[1], Outcome.UNDEFINED, dtype=object)
    found[doubling <= 1e-6 * remaining] = Outcome.DIVERGED
    if field.is_guarded:
        d = field.columns(x)[n]
        for k in range(11):
            ahead = field.columns(x - 2.0 ** -k * reach * g)[n]
            found[~(ahead * np.sign(d) > np.abs(d) / 2)] = Outcome.SINGULAR
    found[doubling <= reach] = Outcome.DIVERGED
    if field.is_guarded:
        found[_distance(field, x, d) <= _BESIDE] = Outcome.SINGULAR
    return found.tolist()
