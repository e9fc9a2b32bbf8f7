r"""Discrete time: a learning rule, or the plain update of a field, from many starts.

A rule takes actions z and a memory m, with learning rates gamma_k, to

    z_{k+1} = F(z_k, m_k; gamma_k),   m_{k+1} = h(z_k, m_k; gamma_k),    k = 0, 1, ...;

a field g, something to descend, is the rule F = z - gamma g(z): gradient descent ascent where
g is the simultaneous gradient, learning in a Stackelberg game where it is omega_S.  A fixed
point at which the matrix D(F, h) has spectral radius below 1 attracts a neighbourhood.

With noise w, a martingale difference, a field's update is that of stochastic approximation,

    z_{k+1} = z_k - gamma_k (g(z_k) + w_{k+1}),

and that of another rule becomes z_{k+1} = F(z_k, m_k; gamma_k) - gamma_k w_{k+1}; a rule's tau
multiplies its gradient and not the noise.

Reference: Fiez, Chasnov and Ratliff, ICML 2020, eq. (2), eq. (5) and Algorithm 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..dynamics import VectorField
from ..learning.updates import Update
from ..compilation.compiled import CompiledField
from ..compilation.moves import CompiledUpdate, compile_update
from .noise import Noise, Streams, seed_of
from .schedules import Rates, Schedule
from .settling import Settling
from .stepping import LOOK, Engine, Together, engine_for, squares, started
from .stochastic import schedules_of, stochastic_hypotheses
from .trajectory import (Outcome, Trajectory, assembled, checked_count, checked_positive,
                         checked_start, periods_of, wrapped_points)

__all__ = ["iterate"]

Array = NDArray[np.float64]
Index = NDArray[np.int_]
Step = float | Schedule | Callable[[int], float]


def iterate(source: Update | VectorField | CompiledField | CompiledUpdate, x0: Any, steps: int,
            *, step_size: Step | Sequence[Step], keep: int | str = "all",
            noise: Noise | None = None, rng: Any = None, first: int = 0, points: Any = None,
            settle_atol: float = 1e-9, bound: float = 1e12, wrap: bool = True,
            native: bool | None = None) -> Trajectory:
    """Take ``steps`` updates of a learning rule from every start.

    Guarantee: every point kept is finite and is, up to rounding, the result of as many
    updates as ``t`` says; what failed says so in ``status``, and leaves the other starts
    alone: within one engine, which ``method`` names, a start's points do not depend on the
    batch around it.  With noise and given ``rng`` the randomness of a start depends on the
    seed and on its number alone.  No guarantee that the last point is near a fixed point.
    Ctrl-C keeps what is done.

    Parameters
    ----------
    source : ``rule.on(game)``, a `VectorField`, or either compiled.
    x0 : one start, shape (n,), or many, shape (..., n).
    steps : how many updates, >= 0.
    step_size : gamma > 0, a number, a schedule (see `schedules`) or a function of k; or a
        sequence of these, one for each player or one for each variable.
    keep : "all" points; "last", only the last; or an int k, every k-th, and always
        the start and the last.
    noise : `Gaussian`, `Rademacher`, `Uniform`, `StateDependent`, `Martingale`, or None.
    rng : the seed of the noise: None, an int, or a Generator; ``notes`` record it.
    first : the number of the first start, for batches that are cut in pieces.
    points : where a start may settle, (k, n) or an iterable of objects with a point ``x``,
        such as an `Analysis`; a start that does ends early (see `settling`).
    settle_atol : it has settled within settle_atol (1 + |p|) of a point p.
    bound : a start whose max|x| exceeds it has diverged.
    wrap : whether coordinates with a period p are brought into [-p/2, p/2).
    native : True demands code compiled by heyoka, False leaves it out, None takes it for
        large batches where it is installed.

    Raises `ShapeError` for starts, points or steps of another shape, `ValueError` for a start
    that is not finite or beyond ``bound``, negative steps, a step size that is not
    positive, and other values that have no meaning, `TypeError` where no rule or field is
    given, ImportError where ``native`` is True and heyoka missing.

    >>> import sympy as sp
    >>> x = sp.symbols("x", real=True)
    >>> iterate(VectorField(x, x), [8.0], 3, step_size=0.5).x
    array([[8.],
           [4.],
           [2.],
           [1.]])

    Reference: Fiez, Chasnov and Ratliff, ICML 2020, eq. (2) and (5).
    """
    if not isinstance(source, (Update, VectorField, CompiledField, CompiledUpdate)):
        raise TypeError(f"iterate needs a rule on a game, such as rules.Extragradient().on(game), "
                        f"or a VectorField, such as simultaneous_gradient(game), not an "
                        f"object of type {type(source).__name__}")
    update = compile_update(source)
    bound = checked_positive(bound, "bound")
    start = checked_start(x0, update.n, bound)
    count = checked_count(steps, "steps", 0)
    kept = _kept(count, keep)
    number = checked_count(first, "first", 0)
    rates = Rates(schedules_of(update, step_size), count)
    streams, notes = None, tuple[str, ...]()
    if noise is not None:
        notes = stochastic_hypotheses(update, step_size, noise).notes()
        seed = seed_of(rng)
        streams = Streams(noise, seed, number, update.n, count)
        notes = (f"{noise}, seed {seed}", *notes)
    flat = start.reshape(-1, update.n)
    settling = (None if points is None else
                Settling(update, rates, points, settle_atol, noise is not None))
    engine = engine_for(update, rates, len(flat), count, streams, native)
    run = _Run(update, engine, started(update, rates, flat), kept, bound, settling)
    run.follow_all()
    x = wrapped_points(run.out, periods_of(update.periods, update.variables)) if wrap else run.out
    return assembled(start.shape[:-1], x, kept, run.taken, run.outcomes, run.settled,
                     method=engine.method, notes=notes)


class _Now(NamedTuple):
    """Where the starts of a block that still move are."""

    starts: Index           # their numbers
    state: Array            # (S, N)
    k: int                  # updates done
    filled: int             # points kept


class _Run:
    """The points kept (N, time, n), and for each start the updates taken and the outcome."""

    def __init__(self, update: CompiledUpdate, engine: Engine, state: Array, kept: Index,
                 bound: float, settling: Settling | None) -> None:
        self.n, self.engine, self.state, self.kept = update.n, engine, state, kept
        self.total, self.bound, self.settling = int(kept[-1]), bound, settling
        size = state.shape[1]
        self.out = np.empty((size, len(kept), self.n))
        self.out[:] = state[:self.n].T[:, None]
        self.taken = np.zeros(size, dtype=int)
        self.outcomes = np.full(size, Outcome.INTERRUPTED, dtype=object)
        self.settled = np.full(size, -1)
        self.buffer = np.empty(0)

    def follow_all(self) -> None:
        """Follow the starts, block by block, until they end or Ctrl-C is pressed."""
        size = self.state.shape[1]
        width = max(1, self.engine.width(size))
        for begin in range(0, size, width):
            starts = np.arange(begin, min(begin + width, size))
            self.now = _Now(starts, self.state[:, starts], 0, int(self.kept[0] == 0))
            try:
                while self.now.k < self.total and self.now.starts.size:
                    self.now = self._advanced()
            except KeyboardInterrupt:
                # Starts of later blocks stay as they are: interrupted before their first update.
                self._end(self.now, Outcome.INTERRUPTED)
                return
            self._end(self.now, Outcome.COMPLETED)

    def _end(self, now: _Now, outcome: Outcome) -> None:
        starts, state, k, filled = now
        self.out[starts, filled:] = state[:self.n].T[:, None]
        self.taken[starts], self.outcomes[starts] = k, outcome

    def _advanced(self) -> _Now:
        """One leap further, or one path where points are kept or something ends."""
        starts, state, k, filled = self.now
        to_go = self.total - k
        if isinstance(self.engine, Together) and self.engine.stride:
            stride = LOOK if self.settling is not None else self.engine.stride
            stride = min(stride, to_go, int(self.kept[filled]) - k)
            if stride >= LOOK:
                return self._leapt(self.engine, stride)
        length = min(self.engine.length(len(starts)), to_go)
        path = self._path(state, length)
        self.engine.fill(path, k, starts)
        last, settled, failed = self._looked_at(path, starts)
        for column in np.flatnonzero(last < length):
            path[last[column] + 1:, :, column] = path[last[column], :, column]
        due = int(np.searchsorted(self.kept, k + length, side="right"))
        if due > filled:
            rows = path[self.kept[filled:due] - k, :self.n]
            self.out[starts, filled:due] = rows.transpose(2, 0, 1)
        return self._sorted_out(path[-1], length, due, failed | (settled >= 0), last, settled)

    def _leapt(self, engine: Together, count: int) -> _Now:
        """One leap further; starts that may end on the way take it again as a path."""
        starts, state, k, filled = self.now
        before, after, square = engine.leap(state, k, count, starts)
        again = ~self._is_bounded(square)
        if self.settling is not None:
            at_end = k + count == self.total
            again[self.settling.candidates(before, after, at_end)] = True
        last, settled = np.full(len(starts), count), np.full(len(starts), -1)
        ended = np.zeros(len(starts), dtype=bool)
        if again.any():
            after = after.copy()                        # the path may use its memory
            path = self._path(state[:, again], count)
            engine.fill(path, k, starts[again])
            last[again], settled[again], failed = self._looked_at(path, starts[again])
            ended[again] = failed | (settled[again] >= 0)
            after[:, again] = path[last[again], :, np.arange(path.shape[2])].T
        due = filled + int(self.kept[filled] == k + count)
        if due > filled:
            self.out[starts, filled] = after[:self.n].T
        return self._sorted_out(after, count, due, ended, last, settled)

    def _looked_at(self, path: Array, starts: Index) -> tuple[Index, Index, NDArray[np.bool_]]:
        """The last good entry of each column of a path, where it settled, and if it failed."""
        length = len(path) - 1
        last = np.full(len(starts), length)
        failed = np.zeros(len(starts), dtype=bool)
        with np.errstate(all="ignore"):
            bounded = self._is_bounded(np.array(squares(path[1:])))
        if not bounded:
            failed = self._examine(path, last, starts)
        settled = np.full(len(starts), -1)
        if self.settling is not None:
            settled = self.settling.look(path, self.now.k, self.total, last, self.engine)
        return last, settled, failed

    def _sorted_out(self, state: Array, count: int, due: int, ended: NDArray[np.bool_],
                    last: Index, settled: Index) -> _Now:
        """Note the starts that ended, after ``last`` updates, and go on with the others."""
        starts, k = self.now.starts, self.now.k
        if not ended.any():
            # A copy: buffers are filled anew, and Ctrl-C must find this state whole.
            return _Now(starts, state.copy(), k + count, due)
        which = starts[ended]
        self.out[which, due:] = state[:self.n][:, ended].T[:, None]
        self.taken[which], self.settled[which] = k + last[ended], settled[ended]
        self.outcomes[starts[settled >= 0]] = Outcome.SETTLED
        return _Now(starts[~ended], state[:, ~ended], k + count, due)

    def _path(self, state: Array, length: int) -> Array:
        size = (length + 1) * state.size
        if self.buffer.size < size:
            self.buffer = np.empty(size)
        path = self.buffer[:size].reshape(length + 1, *state.shape)
        path[0] = state
        return path

    def _is_bounded(self, square: Array) -> NDArray[np.bool_]:
        """Whether numbers whose squares have these sums certainly are."""
        return np.isfinite(square) & (square < 0.999 * self.bound * self.bound)

    def _examine(self, path: Array, last: Index, starts: Index) -> NDArray[np.bool_]:
        """Which columns fail; ``last`` is set to their last good entries."""
        with np.errstate(invalid="ignore"):
            good: NDArray[np.bool_] = np.all(np.abs(path[:, :self.n]) <= self.bound, axis=1)
        failed: NDArray[np.bool_] = ~np.all(good, axis=0)
        for column in np.flatnonzero(failed):
            last[column] = np.argmin(good[:, column]) - 1
            finite = np.isfinite(path[last[column] + 1, :self.n, column]).all()
            self.outcomes[starts[column]] = (
                Outcome.DIVERGED if finite else Outcome.UNDEFINED)
        return failed


def _kept(steps: int, keep: int | str) -> Index:
    """The numbers of updates behind the points to keep, ascending."""
    if keep == "last":
        return np.array([steps])
    if isinstance(keep, str) and keep != "all":
        raise ValueError(f"keep is 'all', 'last' or an int, not {keep!r}")
    every = 1 if isinstance(keep, str) else checked_count(keep, "keep", 1)
    kept = np.arange(0, steps + 1, every)
    return kept if kept[-1] == steps else np.append(kept, steps)
