r"""What learning dynamics leave behind: the points kept, and how each start ended.

Continuous time (`flow`) and discrete time (`iterate`) return the same record.  Its axis
``t`` holds times, or numbers of updates.  Every start has an `Outcome` of its own, and one
that ends early repeats its last point to the end of the axis, so that a batch stays one array.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from ..errors import ShapeError
from ..compilation.compiled import points

__all__ = ["Outcome", "Trajectory", "assembled", "checked_count", "checked_points",
           "checked_positive", "checked_start", "periods_of", "wrapped_points"]

Array = NDArray[np.float64]


class Outcome(Enum):
    """How a trajectory ended; the value is the sentence shown."""

    COMPLETED = "went on to the end"
    SETTLED = "settled at a critical point"
    PERIODIC = "came back to where it had been: a closed orbit"
    LEFT = "left the box"
    DIVERGED = ("left the bound on max|x|, or blew up in finite time: try a smaller step_size or "
                "another start, or raise bound")
    SINGULAR = ("reached the singular set of the follower's Hessian, where the Stackelberg "
                "gradient is not defined: try another start, or regularise with eta > 0")
    UNDEFINED = ("the field has no finite value at the last point kept, or right beside it: the "
                 "follower's Hessian is singular there, the point is at the edge of a cost's "
                 "domain or outside, or numbers overflowed")
    BUDGET = "the budget of steps was spent: raise max_steps, or use a method for stiff problems"
    INTERRUPTED = "interrupted: what was done until then is kept"

    @property
    def is_failure(self) -> bool:
        """Whether the dynamics could not be followed as far as was asked."""
        return self in _FAILURES


_FAILURES = frozenset((Outcome.DIVERGED, Outcome.SINGULAR, Outcome.UNDEFINED, Outcome.BUDGET,
                       Outcome.INTERRUPTED))


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Points from one start or a batch of starts; made by `flow` and `iterate`.

    ``x`` : the points kept, shape (..., time, n), read-only and finite.  A start that
        ended early repeats its last point to the end of the axis.
    ``t`` : the times of the points kept, or the numbers of updates behind them, (time,).
    ``stopped`` : the time, or the number of updates, at which each start ended, shape (...).
    ``status`` : an `Outcome` for each start, an array of shape (...).
    ``settled`` : where a start settled, the index of the critical point among those that
        were given, else -1; shape (...).
    ``period`` : the period of a closed orbit, else NaN; shape (...).
    ``method`` : what computed it.
    ``notes`` : what else is worth knowing, such as hypotheses on steps and noise.

    For one start, ``stopped``, ``status``, ``settled`` and ``period`` are scalars.
    """

    x: Array
    t: NDArray[Any]
    stopped: Any
    status: Any
    settled: Any
    period: Any
    method: str
    notes: tuple[str, ...] = ()
    interpolant: Callable[[Any], Array] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name in ("x", "t", "stopped", "status", "settled", "period"):
            value = getattr(self, name)
            if isinstance(value, np.ndarray):
                value.flags.writeable = False

    @property
    def last(self) -> Array:
        """The last point of each start, shape (..., n)."""
        return self.x[..., -1, :]

    def at(self, t: Any) -> Array:
        """Points at any times within the span: shape (..., len(t), n), or (..., n) for one time.

        Only where the dynamics were asked for dense output; raises `ValueError` otherwise.
        """
        if self.interpolant is None:
            raise ValueError("points between the times kept need dense output: "
                             "flow(..., dense=True)")
        return self.interpolant(t)

    def require(self) -> Trajectory:
        """Itself if no start failed; raises `ArithmeticError` that names the first one."""
        statuses, stopped = np.ravel(np.array(self.status, dtype=object)), np.ravel(self.stopped)
        for k, status in enumerate(statuses):
            if status.is_failure:
                which = f"start {k} of {len(statuses)}, " if len(statuses) > 1 else ""
                raise ArithmeticError(f"{which}{self._when(stopped[k])}: {status.value}")
        return self

    def _when(self, stopped: Any) -> str:
        if self.t.dtype.kind == "i":
            return f"after {stopped} of {self.t[-1]} updates"
        return f"at t = {stopped:.6g} of {self.t[-1]:.6g}"

    def __repr__(self) -> str:
        counts = Counter(np.ravel(np.array(self.status, dtype=object)).tolist())
        n, size = sum(counts.values()), self.x.shape[-1]
        span = (f"{self.t[-1]} updates" if self.t.dtype.kind == "i"
                else f"t up to {self.t[-1]:.6g}")
        lines = [f"Trajectory: {n} start{'s' * (n != 1)} in {size} variable{'s' * (size != 1)}, "
                 f"{span}, {len(self.t)} point{'s' * (len(self.t) != 1)} kept of each "
                 f"({self.method})"]
        lines += [f"  {counts[outcome]}: {outcome.value}"
                  for outcome in Outcome if counts[outcome]]
        return "\n".join(lines + [f"  {note}" for note in self.notes])


def assembled(shape: tuple[int, ...], x: Array, t: NDArray[Any], stopped: NDArray[Any],
              status: NDArray[Any], settled: NDArray[np.int_] | None = None,
              period: Array | None = None, *, method: str, notes: tuple[str, ...] = (),
              interpolant: Callable[[Any], Array] | None = None) -> Trajectory:
    """The `Trajectory` of N starts, given flat, in the batch shape of the starts.

    ``x`` has shape (N, time, n), the arrays for each start (N,).
    """
    size = len(stopped)

    def each(values: NDArray[Any]) -> Any:
        return values.reshape(shape) if shape else values[0]
    return Trajectory(x.reshape(*shape, *x.shape[1:]), t, each(stopped), each(status),
                      each(np.full(size, -1) if settled is None else settled),
                      each(np.full(size, np.nan) if period is None else period),
                      method, notes, interpolant)


def periods_of(periods: Mapping[sp.Symbol, sp.Expr], variables: Sequence[sp.Symbol]) -> Array:
    """The period of each coordinate as a float, infinite where it has none."""
    return np.array([float(periods[v]) if v in periods else np.inf for v in variables])


def wrapped_points(x: Array, periods: Array) -> Array:
    """Points with the coordinates that have a period p in [-p/2, p/2); (..., n) to (..., n).

    >>> wrapped_points(np.array([[7.0, 7.0]]), np.array([np.inf, 4.0]))
    array([[ 7., -1.]])
    """
    finite = np.isfinite(periods)
    if finite.any():
        x = x.copy()
        p = periods[finite]
        x[..., finite] = np.mod(x[..., finite] + p / 2, p) - p / 2
    return x


def checked_start(x0: Any, n: int, bound: float) -> Array:
    """Starts as finite floats of shape (..., n); raises `ShapeError` or `ValueError`."""
    start = points(x0, n)
    if not np.isfinite(start).all():
        raise ValueError("a start must consist of finite numbers, and this one holds NaN or "
                         "an infinity")
    if (np.abs(start) > bound).any():
        raise ValueError(f"a start lies beyond the bound {bound:g} on max|x|: raise bound")
    return start


def checked_points(given: Any, n: int) -> Array:
    """Points where a start may settle, (k, n): an array, or objects with a point ``x``.

    Raises `ShapeError` for another shape, `ValueError` for points that are not finite.
    """
    if isinstance(given, Iterable) and not isinstance(given, np.ndarray):
        given = [getattr(p, "x", p) for p in given]
        if not given:
            return np.empty((0, n))
    found = points(given, n)
    if found.ndim != 2:
        raise ShapeError(f"points must have shape (k, {n}), one row a critical point, not "
                         f"{found.shape}")
    if not np.isfinite(found).all():
        raise ValueError("points must be finite, and one holds NaN or an infinity")
    return found


def checked_positive(value: Any, what: str) -> float:
    """A positive finite float; raises `ValueError` that names what it is."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{what} must be a number, not {value!r}") from None
    if not 0 < number < np.inf:
        raise ValueError(f"{what} must be positive and finite, not {value}")
    return number


def checked_count(value: Any, what: str, least: int) -> int:
    """An integer of at least ``least``; raises `ValueError` that names what it is."""
    try:
        count = operator.index(value)
    except TypeError:
        raise ValueError(f"{what} must be an integer, not {value!r}") from None
    if isinstance(value, bool) or count < least:
        raise ValueError(f"{what} must be an integer >= {least}, not {value}")
    return count
