r"""SciPy's integrators on x' = -g(x), one start after another.

They serve single starts and stiff fields (Radau, BDF, LSODA, with the exact Jacobian -Dg);
what is watched along the orbit is the same as in a batch.  Where a field divides by a
determinant, points at which that is far from its value where the step begins count as
undefined, so that no step jumps over its zeros; LSODA cannot make do with that.

Reference: Hairer, Norsett and Wanner, Solving Ordinary Differential Equations I and II,
Springer; Virtanen et al., SciPy 1.0, Nature Methods 17, 2020.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .dormand_prince import FALL, RISE
from .orbits import Segments
from .runge_kutta import (CREEPING, OUTCOMES, Job, beside_singular_set, ended_at_start,
                          why_stuck)
from .trajectory import Outcome

__all__ = ["METHODS", "OneByOne"]

Array = NDArray[np.float64]

_STIFF = ("Radau", "BDF", "LSODA")
METHODS = ("RK23", "RK45", "DOP853", *_STIFF)
_EPS = float(np.finfo(float).eps)


class _Step:
    """One step of a SciPy solver, as `Segments` of a single orbit."""

    def __init__(self, inside: Callable[[Any], Array], t: float, t1: float) -> None:
        self.inside, self.t, self.h = inside, t, np.array([t1 - t])

    def at(self, theta: Array) -> Array:
        """The point at theta (1,), shape (n, 1)."""
        return self.inside(self.t + theta * self.h)

    def take(self, columns: Any) -> Segments:
        """Itself: there is only one orbit."""
        return self


class OneByOne:
    """All starts (N, n) of a job, integrated in turn; after `run` as a `Batch`."""

    def __init__(self, job: Job, start: Array, method: str) -> None:
        self.job, self.start, self.method = job, start, method
        size, n = start.shape
        self.kept = np.repeat(start[:, None], len(job.times), axis=1)
        self.ends = start.copy()
        self.stopped = np.full(size, job.t0)
        self.status = np.full(size, Outcome.INTERRUPTED, dtype=object)
        self.settled = np.full(size, -1)
        self._pieces: list[tuple[list[float], list[Any]]] = [([job.t0], []) for _ in start]

    def run(self) -> None:
        """Integrate; an interrupt ends it and leaves what is done."""
        with np.errstate(all="ignore"), warnings.catch_warnings():
            # What SciPy warns of is a status here.
            warnings.simplefilter("ignore")
            try:
                for k in range(len(self.start)):
                    self.status[k] = self._one(k)
            except KeyboardInterrupt:
                return

    def orbits(self) -> list[Callable[[Array], Array] | None]:
        """For each start its dense output, None where it has none."""
        from scipy.integrate import OdeSolution
        return [OdeSolution(times, pieces) if pieces else None for times, pieces in self._pieces]

    def _solver(self, k: int, guard: list[float]) -> Any:
        """SciPy's solver; ``guard`` holds the guard's value where the step begins."""
        from scipy import integrate  # slow to import, not needed for batches
        job, field = self.job, self.job.field
        program = field.guarded_program
        at = (lambda x: field.columns(x[:, None])[:, 0]) if program is None else program.at

        def slope(t: float, x: Array) -> Array:
            values = at(x)
            if field.is_guarded and not FALL < values[-1] / guard[0] < RISE:
                return np.full(field.n, np.nan)
            return -values[:field.n]

        options: dict[str, Any] = {"rtol": max(job.rtol, 100 * _EPS), "atol": job.atol}
        if self.method in _STIFF:
            options["jac"] = lambda t, x: -field.jacobian(x)
        return getattr(integrate, self.method)(slope, job.t0, self.start[k], job.t1, **options)

    def _one(self, k: int) -> Outcome:
        """Integrate start k and say how it ended."""
        job, x = self.job, self.start[k]
        n, who = len(x), np.array([k])
        values = job.field.columns(x[:, None])
        code, self.settled[who] = ended_at_start(job, x[:, None], values)
        if code[0]:
            return OUTCOMES[code[0]]
        if job.returns is not None:
            job.returns.start(who, self.stopped[who], x[:, None], values[:n])
        guard = [float(values[-1, 0])]
        solver = self._solver(k, guard)
        for count in range(1, job.max_steps + 1):
            t, x = solver.t, solver.y.copy()
            try:
                solver.step()
                failed = (solver.status == "failed" or solver.t == t
                          or not np.isfinite(solver.y).all())
            except (ArithmeticError, ValueError, np.linalg.LinAlgError):
                failed = True
            if failed:
                g = job.field.columns(x[:, None])[:n]
                return why_stuck(job.field, x[:, None], g, np.array([job.t1 - t]))[0]
            step = _Step(solver.dense_output(), t, solver.t)
            outcome = self._after(k, x, step, solver, guard)
            if outcome is not None:
                return outcome
            if (job.field.is_guarded and count % CREEPING == 0
                    and beside_singular_set(job.field, self.ends[who].T)[0]):
                return Outcome.SINGULAR
        return Outcome.BUDGET

    def _after(self, k: int, x: Array, step: _Step, solver: Any, guard: list[float]
               ) -> Outcome | None:
        """Keep the points of a step from x; how the orbit ends in it, if it does."""
        job, who, t1, x1 = self.job, np.array([k]), solver.t, solver.y.copy()
        outcome = Outcome.COMPLETED if t1 == job.t1 else None
        values = job.field.columns(x1[:, None])
        g, guard[0] = values[:len(x)], float(values[-1, 0])
        if job.edges is not None:
            which, theta, at = job.edges.crossings(x[:, None], step)
            if which.size:
                outcome, x1, t1 = Outcome.LEFT, at[:, 0], step.t + float(theta[0] * step.h[0])
        if outcome is not Outcome.LEFT:
            if np.abs(x1).max() > job.bound:
                return Outcome.DIVERGED
            if not np.isfinite(values).all():
                return Outcome.UNDEFINED
            if job.rest is not None:
                found = job.rest.reached(x1[:, None], g)
                if outcome and found[0] < 0:
                    found = job.rest.at_end(x1[:, None], g)
                self.settled[k] = found[0]
                outcome = Outcome.SETTLED if found[0] >= 0 else outcome
        if job.returns is not None:
            job.returns.step(who, np.array([step.t]), x[:, None], x1[:, None], g, step)
        first, last = np.searchsorted(job.times, [step.t, t1], side="right")
        if last > first:
            self.kept[k, first:last] = step.inside(job.times[first:last]).T
        if t1 == job.t1:
            last = np.searchsorted(job.times, t1)
        self.kept[k, last:] = x1
        self.stopped[k], self.ends[k] = t1, x1
        if job.dense:
            self._pieces[k][0].append(t1)
            self._pieces[k][1].append(step.inside)
        return outcome
