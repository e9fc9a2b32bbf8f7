r"""Continuous time: x' = -g(x) from one start or any number of starts.

g is a field to descend; where its Jacobian at a zero has its spectrum in the open right
half-plane, that zero attracts.  Every start has a step size of its own, chosen so that the
error of a step, estimated component by component, is below atol + rtol |x_i| in the mean
square.  What becomes of a start is an `Outcome`; `orbits` says how rest, the edges of a box and
closed orbits are recognised, `runge_kutta` how batches are integrated, `solvers` how SciPy is
used.

Reference: Fiez, Chasnov and Ratliff, ICML 2020, section 2.4; Hairer, Norsett and Wanner,
Solving Ordinary Differential Equations I and II, Springer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..dynamics import VectorField
from ..compilation import native as heyoka
from ..compilation.compiled import CompiledField, compile_field
from .dormand_prince import NumpyStep, native_step
from .orbits import TIGHT, Edges, Rest, Returns
from .runge_kutta import Batch, Job
from .solvers import METHODS, OneByOne
from .trajectory import (Trajectory, Outcome, assembled, checked_count, checked_positive,
                         checked_start, periods_of, wrapped_points)

__all__ = ["flow"]

Array = NDArray[np.float64]

#: From so many starts on, and for programs up to so many operations, the time to import
#: heyoka and to compile a step is won back, as measured on figure1.
_MANY, _SHORT = 10_000, 1000


def flow(field: VectorField | CompiledField, x0: Any, t_span: float | Sequence[float], *,
         t_eval: int | str | Sequence[float] | Array = 201, rtol: float = 1e-6,
         atol: float = 1e-9, method: str = "auto", points: Any = None,
         settle_atol: float | None = None, box: Any = None, bound: float = 1e12,
         detect_period: bool = False, max_steps: int = 100_000, dense: bool = False,
         wrap: bool = True, native: bool | None = None) -> Trajectory:
    """Integrate x' = -g(x) from every start over a span of time.

    Guarantee: the error of each step is kept below the tolerances, not that of the whole
    orbit, which near a repelling point grows with time; compare two values of ``rtol`` if
    in doubt.  Every point kept is finite.  A start gives the same orbit, up to the
    effect of rounding, in every batch that is integrated by the same method, and one that
    fails says so in ``status`` and leaves the others alone.  Outcomes are recognised in
    floating point: a status is no proof.

    Parameters
    ----------
    field : a `VectorField`, such as ``simultaneous_gradient(game)``, or a compiled one.
    x0 : one start, shape (n,), or many, shape (..., n).
    t_span : (t0, t1) with t0 < t1, or t1 alone, from t0 = 0.
    t_eval : how many equally spaced times to keep, both ends among them; or the times
        themselves, increasing; or "last", only the end.
    rtol, atol : tolerances of a step, relative and in units of x.
    method : "auto" takes SciPy's DOP853 for one start and "dormand-prince" for a batch.
        "heyoka" is "dormand-prince" with ``native=True``.  SciPy's "RK23", "RK45",
        "DOP853", "Radau", "BDF" and "LSODA" take the starts one by one; the last three, for
        stiff fields, with the exact Jacobian.  ``.method`` of the result says which was
        used.
    points : critical points, shape (k, n), or objects with a point ``x``, such as an
        `Analysis`.  An orbit within ``settle_atol`` (1 + max|p|), by default 10 rtol and at
        least 1e-6, because steps of that tolerance come no closer, of a point p that
        attracts it ends there, SETTLED; beside a point that does not attract, it goes on,
        and is SETTLED if it is still there at the end.
    box : n pairs (low, high): an orbit ends on the edge where it LEFT, ``stopped`` then. An
        excursion of less than a quarter of a step can be missed.
    bound : an orbit whose max|x| exceeds it has DIVERGED; so has one that blows up in
        finite time before.
    detect_period : look for closed orbits, with tolerances of 1e-10 at most: PERIODIC, with
        their ``period``, and followed to the end.  A spiral that closes in by less than a
        fraction 1e-7 in a turn is called closed.
    max_steps : so many steps of a start, refused ones included (SciPy: accepted ones), and
        its BUDGET is spent.
    dense : make ``.at(t)`` of the result available; keeps all steps in memory.
    wrap : whether coordinates with a period p are returned in [-p/2, p/2).
    native : whether heyoka compiles the steps of a batch; None lets it where it is
        installed and many starts pay for it.  A field that it cannot compile takes NumPy.

    A Stackelberg gradient is not followed over the set where det(D22 f2 + eta I) vanishes:
    SINGULAR, with the last point before it; so is an orbit that creeps along that set, at a
    relative distance below 1e-9.  (Radau and BDF see that by the sign of the
    determinant only; LSODA is refused.)  Ctrl-C ends the work and returns what is done; the
    other starts are INTERRUPTED.

    Raises `ShapeError` for starts or points of another shape, `BoxError` for a box that
    does not fit, ImportError for ``native=True`` without heyoka, `TypeError` where no field
    is given, and `ValueError` for every other value that has no meaning.

    >>> import sympy as sp
    >>> x, y = sp.symbols("x y", real=True)
    >>> turn = flow(VectorField((y, -x), (x, y)), [1, 0], np.pi / 2, t_eval="last")
    >>> bool(np.allclose(turn.last, [0, 1], atol=1e-6))
    True
    """
    if not isinstance(field, (VectorField, CompiledField)):
        raise TypeError(f"flow needs a VectorField, such as simultaneous_gradient(game), not a "
                        f"{type(field).__name__}")
    compiled = field if isinstance(field, CompiledField) else compile_field(field)
    t0, t1 = _checked_span(t_span)
    periods = periods_of(compiled.periods, compiled.variables)
    bound = checked_positive(bound, "bound")
    start = checked_start(x0, compiled.n, bound)
    starts, notes = start.reshape(-1, compiled.n), []
    rtol, atol = checked_positive(rtol, "rtol"), checked_positive(atol, "atol")
    if detect_period:
        rtol, atol = min(rtol, TIGHT[0]), min(atol, TIGHT[1])
        notes.append(f"closed orbits were looked for, at rtol = {rtol:g}, atol = {atol:g}")
    settle = max(1e-6, 10 * rtol) if settle_atol is None else checked_positive(
        settle_atol, "settle_atol")
    job = Job(compiled, t0, t1, _checked_times(t_eval, t0, t1), rtol, atol, bound,
              checked_count(max_steps, "max_steps", 1),
              None if points is None else Rest(compiled, points, settle, periods),
              None if box is None else Edges(box, compiled.n, periods),
              Returns(len(starts), compiled.n, periods) if detect_period else None, dense)
    run, used = _chosen(job, starts, method, native)
    run.run()
    period = np.full(len(starts), np.nan) if job.returns is None else job.returns.period
    closed = np.isfinite(period) & (run.status == Outcome.COMPLETED)
    run.status[closed] = Outcome.PERIODIC
    circles = periods if wrap else np.full(compiled.n, np.inf)
    return assembled(start.shape[:-1], wrapped_points(run.kept, circles), job.times,
                     run.stopped, run.status, run.settled, period, method=used,
                     notes=tuple(notes), interpolant=Interpolant(
                         start.shape[:-1], t0, t1, run.stopped, run.ends, run.orbits(),
                         circles) if dense else None)


def _chosen(job: Job, starts: Array, method: str, native: bool | None
            ) -> tuple[Batch | OneByOne, str]:
    """What integrates, and its name."""
    if method == "heyoka":
        if native is False:
            raise ValueError("method='heyoka' and native=False contradict each other")
        method, native = "dormand-prince", True
    if method == "auto":
        method = "DOP853" if len(starts) == 1 and not native else "dormand-prince"
    if method in METHODS:
        if native:
            raise ValueError(f"native=True compiles batches, and {method} is SciPy's: leave out "
                             f"method, or native")
        if method == "LSODA" and job.field.is_guarded:
            raise ValueError("LSODA cannot stop at the singular set of a Stackelberg gradient: "
                             "use Radau or BDF")
        return OneByOne(job, starts, method), f"SciPy {method}"
    if method != "dormand-prince":
        raise ValueError(f"method is 'auto', 'dormand-prince', 'heyoka' or one of SciPy's "
                         f"{', '.join(METHODS)}, not {method!r}")
    if native and not heyoka.available():
        raise ImportError(heyoka.HINT)
    program, dense = job.field.guarded_program, not job.only_last
    able = program is not None and heyoka.supported(program)
    worth = native is None and len(starts) >= _MANY and heyoka.available()
    if program and able and (native or worth and program.n_operations <= _SHORT):
        step = native_step(job.field, job.rtol, job.atol, dense)
        return Batch(job, starts, step), "Dormand-Prince 5(4), heyoka"
    why = ", since heyoka cannot compile this field" if native else ""
    return (Batch(job, starts, NumpyStep(job.field, job.rtol, job.atol, dense)),
            f"Dormand-Prince 5(4), NumPy{why}")


def _checked_span(t_span: Any) -> tuple[float, float]:
    try:
        t0, t1 = (float(t) for t in (t_span if np.ndim(t_span) else (0, t_span)))
    except (TypeError, ValueError):
        raise ValueError(f"t_span is a pair of times (t0, t1), or t1 alone, not "
                         f"{t_span!r}") from None
    if not (np.isfinite(t0) and np.isfinite(t1)):
        raise ValueError(f"t_span must be finite, not ({t0:g}, {t1:g})")
    if not t1 > t0:
        raise ValueError(f"t_span must have a length: t1 > t0, not ({t0:g}, {t1:g}); to go back "
                         f"in time, take the field -g")
    return t0, t1


def _checked_times(t_eval: Any, t0: float, t1: float) -> Array:
    """The times to keep, increasing."""
    if isinstance(t_eval, str):
        if t_eval != "last":
            raise ValueError(f"t_eval is a number of times, the times, or 'last', not "
                             f"{t_eval!r}")
        return np.array([t1])
    if not np.ndim(t_eval):
        return np.linspace(t0, t1, checked_count(t_eval, "t_eval", 2))
    try:
        times = np.array(t_eval, dtype=float)
    except (TypeError, ValueError):
        raise ValueError("t_eval must be times as numbers") from None
    if times.ndim != 1 or not times.size or not (np.diff(times) > 0).all():
        raise ValueError("t_eval must be a list of increasing times")
    if not t0 <= times[0] <= times[-1] <= t1:
        raise ValueError(f"t_eval must lie in the span from {t0:g} to {t1:g}, not reach from "
                         f"{times[0]:g} to {times[-1]:g}")
    return times


class Interpolant:
    """Points of all starts at any times of the span, by the steps of each."""

    def __init__(self, shape: tuple[int, ...], t0: float, t1: float, stopped: Array, ends: Array,
                 orbits: Sequence[Callable[[Array], Array] | None], periods: Array) -> None:
        """``orbits`` : for each start times (k,) to points (n, k); None if it has no steps."""
        self.shape, self.t0, self.t1 = shape, t0, t1
        self.stopped, self.ends, self.orbits, self.periods = stopped, ends, orbits, periods

    def __call__(self, t: Any) -> Array:
        """Points at times t: (..., len(t), n), or (..., n) for one time."""
        times = np.atleast_1d(np.asarray(t, dtype=float))
        if times.ndim != 1 or not ((self.t0 <= times) & (times <= self.t1)).all():
            raise ValueError(f"times must lie in the span from {self.t0:g} to {self.t1:g}")
        x = np.repeat(self.ends[:, None], len(times), axis=1)
        for k, orbit in enumerate(self.orbits):
            under_way = times < self.stopped[k]
            if orbit is not None and under_way.any():
                x[k, under_way] = orbit(times[under_way]).T
        x = wrapped_points(x, self.periods).reshape(*self.shape, len(times), x.shape[-1])
        return x if np.ndim(t) else x[..., 0, :]
