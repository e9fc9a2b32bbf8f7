r"""When a start of discrete dynamics has settled at a critical point.

Let p be a point and r = settle_atol (1 + |p|).  A start has settled at p at its update k if

1. p attracts: the spectral radius of M = D(F, h) at p, with the rates of then, is below 1;
2. x_k, and all iterates after it up to the moment of looking, are within r of p;
3. eight more updates stay within r, and end no further from p than they began, or within r/2.

By 1 the linear part of the update draws near p whatever is near it, and over r the rest is
of second order; 3 excludes points that are no fixed points of the rule at hand and
iterates that pass by, and is not a proof.  Saddles never stop a start, however long it stays.

Looks are taken after every 16th update and after the last, and the first update of 2 is
reported, so that nothing depends on how a batch is cut.  After the last update a point need
not attract: there a start that is within r and fulfils 3 is at p, and k is that update.  With
noise, which never rests, only the last point is looked at, and 3 is not asked.  Distances
are Euclidean, coordinates on a circle taken by the shorter way.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..compilation.moves import CompiledUpdate
from .schedules import Rates
from .stepping import LOOK, Engine
from .trajectory import checked_points, checked_positive, periods_of

__all__ = ["Settling"]

Array = NDArray[np.float64]
Index = NDArray[np.int_]

_STAY = 8


class Settling:
    """Looks for starts that have settled at one of the points ``given``."""

    def __init__(self, update: CompiledUpdate, rates: Rates, given: Any, atol: float,
                 noisy: bool = False) -> None:
        """``given`` : points (k, n), or an iterable of objects with a point ``x``."""
        self.update, self.rates, self.noisy = update, rates, noisy
        self.periods = periods_of(update.periods, update.variables)
        self.p = checked_points(given, update.n)
        size = np.sqrt((self.p ** 2).sum(axis=1))
        self.radius = checked_positive(atol, "settle_atol") * (1 + size)
        self._attracts: dict[tuple[int, int], bool] = {}

    def attracts(self, which: int, k: int) -> bool:
        """Whether the spectral radius of the update's Jacobian at p is below 1."""
        key = which, 0 if self.rates.constant is not None else k
        if key not in self._attracts:
            self._attracts[key] = self._radius(self.p[which], self.rates.at(k, 1)[0]) < 1
        return self._attracts[key]

    def _radius(self, p: Array, rates: Array) -> float:
        update = self.update
        with np.errstate(all="ignore"):
            if update.field is not None:
                matrix = np.eye(update.n) - rates[:, None] * update.field.jacobian(p)
            else:
                rows = update.n + update.n_memory
                inputs = np.concatenate([p, np.zeros(update.n_memory), rates])
                matrix = update.jacobian_program.at(inputs).reshape(rows, rows)
        if not np.isfinite(matrix).all():
            return np.inf
        return float(np.abs(np.linalg.eigvals(matrix)).max())

    def distance(self, x: Array, which: Any) -> Array:
        """Distances of points (..., n, N) to p: one of them, or one for each column."""
        square: Any = 0.0
        for i, period in enumerate(self.periods):
            z = x[..., i, :] - self.p[which, i]
            if np.isfinite(period):
                z = z - period * np.rint(z / period)
            square = square + z * z
        return np.sqrt(square)

    def near(self, x: Array) -> Index:
        """The nearest point within its radius, or -1: (..., n, N) to (..., N)."""
        best = np.full((*x.shape[:-2], x.shape[-1]), np.inf)
        found = np.full(best.shape, -1)
        with np.errstate(all="ignore"):
            for which in range(len(self.p)):
                distance = self.distance(x, which)
                nearer = (distance <= self.radius[which]) & (distance < best)
                found[nearer], best[nearer] = which, distance[nearer]
        return found

    def look(self, path: Array, k: int, total: int, last: Index, engine: Engine) -> Index:
        """Which columns of a path that begins at update k settle, and at which point, else -1.

        ``path`` has shape (L + 1, S, N).  ``last`` (N,) holds the last entry of each column
        that is good; those of columns that settle are set to the entry where they do.
        """
        n, length = self.update.n, len(path) - 1
        settled = np.full(path.shape[2], -1)
        looks = list(range(LOOK, length + 1, LOOK))
        at_end = k + length == total
        if at_end and length % LOOK:
            looks.append(length)
        if looks and not self.noisy:
            slow = self._is_slow(path[np.array(looks) - 1], path[looks])
            for j, row in zip(looks, slow):
                columns = np.flatnonzero(row & (settled < 0) & (last >= j))
                self._settle(path, j, k, columns, settled, last, engine)
        if at_end:
            found = self.near(path[length, :n])
            for which in set(found[found >= 0].tolist()):
                columns = np.flatnonzero((found == which) & (settled < 0) & (last == length))
                if not self.noisy:
                    columns = columns[self._stays(path[length][:, columns], total, which, engine)]
                settled[columns] = which
        return settled

    def candidates(self, before: Array, after: Array, at_end: bool) -> Index:
        """The columns that `look` may find to have settled, from the last two states."""
        n = self.update.n
        columns = np.arange(after.shape[1])
        if not at_end:
            if self.noisy:
                return columns[:0]
            columns = np.flatnonzero(self._is_slow(before, after))
        return columns[self.near(after[:n][:, columns]) >= 0]

    def _is_slow(self, before: Array, after: Array) -> NDArray[np.bool_]:
        """Where two iterates may be near one point: they are within 2 r of each other."""
        square: Any = 0.0
        with np.errstate(all="ignore"):
            for i, period in enumerate(self.periods):
                z = after[..., i, :] - before[..., i, :]
                if np.isfinite(period):
                    z = z - period * np.rint(z / period)
                square = square + z * z
            return np.asarray(square <= (2.001 * self.radius.max(initial=0)) ** 2)

    def _settle(self, path: Array, j: int, k: int, columns: Index, settled: Index, last: Index,
                engine: Engine) -> None:
        """Mark those of some columns that have settled by entry j of the path."""
        n, begin = self.update.n, (j - 1) // LOOK * LOOK
        near = self.near(path[j, :n][:, columns])
        for which in set(near[near >= 0].tolist()):
            if not self.attracts(which, k + j - 1):
                continue
            mine = columns[near == which]
            mine = mine[self._stays(path[j][:, mine], k + j, which, engine)]
            inside = self.distance(path[begin:j + 1, :n][:, :, mine], which) <= self.radius[which]
            # The first entry from which on all are inside.
            first = j - begin - np.argmin(inside[::-1], axis=0) + 1
            last[mine] = begin + np.where(inside.all(axis=0), 0, first)
            settled[mine] = which

    def _stays(self, state: Array, k: int, which: int, engine: Engine) -> NDArray[np.bool_]:
        path = np.empty((_STAY + 1, *state.shape))
        path[0] = state
        engine.fill(path, k, np.arange(state.shape[1]))
        with np.errstate(all="ignore"):
            distance = self.distance(path[:, :self.update.n], which)
        radius = self.radius[which]
        return ((distance <= radius).all(axis=0)
                & (distance[-1] <= np.maximum(distance[0], radius / 2)))
