r"""Discrete time: the plain update of a vector field, from one start or many.

For a field g, something to descend, and step sizes gamma, one for all variables or
one for each,

    x_{k+1} = x_k - gamma g(x_k),      k = 0, 1, ..., steps - 1,

is gradient descent ascent where g is the simultaneous gradient omega, and learning in a
Stackelberg game where g is omega_S.  Its fixed points are the zeros of g; one at which
the matrix I - diag(gamma) Dg has spectral radius below 1 attracts a neighbourhood.

Reference: Fiez, Chasnov and Ratliff, ICML 2020, eq. (2) and Algorithm 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..dynamics import VectorField
from ..errors import ShapeError
from ..programs.compiled import CompiledField, compile_field
from .trajectory import (Outcome, Trajectory, assembled, checked_count, checked_positive,
                         checked_start)

__all__ = ["iterate"]

Array = NDArray[np.float64]
Advance = Callable[[Array, int], Array]

#: Up to this many starts are faster one by one than as a batch, measured on figure1.
_FEW = 12
#: So many steps are taken between two looks at whether the iterates are still finite,
#: fewer where a block would hold more than _BLOCK numbers.
_STEPS, _BLOCK = 250, 1 << 20


def iterate(field: VectorField | CompiledField, x0: Any, steps: int, *,
            step_size: float | Sequence[float], keep: int | str = "all",
            bound: float = 1e12) -> Trajectory:
    """Take ``steps`` updates x <- x - step_size g(x) from every start.

    Guarantee: every point kept is finite and is, up to rounding, the result of as many
    updates as ``t`` says; what failed says so in ``status``, and leaves the other
    starts alone.  No guarantee that the last point is near a zero of g.  Coordinates
    with a period are not wrapped.

    Parameters
    ----------
    field : a `VectorField` or a compiled one.
    x0 : one start, shape (n,), or many, shape (..., n).
    steps : how many updates, >= 0.
    step_size : gamma > 0, a number or one for each variable.
    keep : "all" points; "last", only the last; or an int k, every k-th, and always
        the start and the last.
    bound : a start whose max|x| exceeds it has diverged.

    Raises `ShapeError` for starts of another shape, `ValueError` for a start that is not
    finite or beyond ``bound``, negative steps, a step size that is not positive, and
    other values that have no meaning; `TypeError` where no field is given.

    >>> import sympy as sp
    >>> x = sp.symbols("x", real=True)
    >>> iterate(VectorField(x, x), [8.0], 3, step_size=0.5).x
    array([[8.],
           [4.],
           [2.],
           [1.]])

    Reference: Fiez, Chasnov and Ratliff, ICML 2020, eq. (2).
    """
    if not isinstance(field, (VectorField, CompiledField)):
        raise TypeError(f"iterate needs a VectorField, such as simultaneous_gradient(game), "
                        f"not a {type(field).__name__}")
    compiled = field if isinstance(field, CompiledField) else compile_field(field)
    n = compiled.n
    bound = checked_positive(bound, "bound")
    start = checked_start(x0, n, bound)
    gamma = _checked_sizes(step_size, n)
    count = checked_count(steps, "steps", 0)
    kept = _kept(count, keep)
    flat = start.reshape(-1, n)
    x, taken, codes = _run(compiled, flat, gamma, kept, bound)
    return assembled(start.shape[:-1], x, kept, taken, codes, method="NumPy")


def _run(field: CompiledField, start: Array, gamma: Array, kept: NDArray[np.int_],
         bound: float) -> tuple[Array, NDArray[np.int_], NDArray[Any]]:
    """The points kept (N, time, n), the steps taken and the outcomes (N,)."""
    size, n = start.shape
    out = np.empty((size, len(kept), n))
    taken = np.full(size, kept[-1])
    outcomes = np.full(size, Outcome.COMPLETED, dtype=object)
    advance = _advance(field, gamma, size)
    x, active, done, filled = start, np.arange(size), 0, 0
    if kept[0] == 0:
        out[:, 0], filled = start, 1
    length = max(1, min(_STEPS, _BLOCK // max(1, size * n)))
    while done < kept[-1] and active.size:
        steps = int(min(length, kept[-1] - done))
        block = np.concatenate([x[:, None], advance(x, steps)], axis=1)
        with np.errstate(invalid="ignore"):
            good = (np.abs(block) <= bound).all(axis=-1)
        failed = ~good.all(axis=1)
        for row in np.flatnonzero(failed):
            last = int(np.argmin(good[row])) - 1
            block[row, last + 1:] = block[row, last]
            taken[active[row]] = done + last
            outcomes[active[row]] = _why(field, block[row, last])
        due = np.searchsorted(kept, done + steps, side="right")
        out[active, filled:due] = block[:, kept[filled:due] - done]
        for row in np.flatnonzero(failed):
            out[active[row], due:] = block[row, -1]
        x, active = block[~failed, -1], active[~failed]
        done, filled = done + steps, int(due)
    return out, taken, outcomes


def _advance(field: CompiledField, gamma: Array, size: int) -> Advance:
    """The function (x, steps) -> the next points (N, steps, n), not yet looked at."""
    program = field.value_program if size <= _FEW else None
    if program is None or not program.is_printed:
        return lambda x, steps: _together(field, gamma, x, steps)
    point, sizes = program.point, gamma.tolist()

    def one_by_one(x: Array, steps: int) -> Array:
        rows = []
        for current in x.tolist():
            for _ in range(steps):
                try:
                    slope: Any = point(*current)
                except (ArithmeticError, ValueError):   # math raises, NumPy goes on
                    slope = field.value(np.array(current)).tolist()
                current = [a - s * g for a, s, g in zip(current, sizes, slope)]
                rows.append(current)
        return np.array(rows).reshape(len(x), steps, -1)

    return one_by_one


def _together(field: CompiledField, gamma: Array, x: Array, steps: int) -> Array:
    block = np.empty((len(x), steps, field.n))
    with np.errstate(all="ignore"):
        for k in range(steps):
            x = x - gamma * field.value(x)
            block[:, k] = x
    return block


def _why(field: CompiledField, x: Array) -> Outcome:
    """Why the update of the finite point ``x`` failed."""
    with np.errstate(all="ignore"):
        finite = np.isfinite(field.value(x)).all()
    return Outcome.DIVERGED if finite else Outcome.UNDEFINED


def _checked_sizes(step_size: Any, n: int) -> Array:
    values = list(step_size) if np.ndim(step_size) else [step_size] * n
    if len(values) != n:
        raise ShapeError(f"step_size is one number, or {n}, one for each variable, not "
                         f"{len(values)}")
    return np.array([checked_positive(value, "step_size") for value in values])


def _kept(steps: int, keep: int | str) -> NDArray[np.int_]:
    """The numbers of updates behind the points to keep, ascending."""
    if keep == "last":
        return np.array([steps])
    if isinstance(keep, str) and keep != "all":
        raise ValueError(f"keep is 'all', 'last' or an int, not {keep!r}")
    every = 1 if isinstance(keep, str) else checked_count(keep, "keep", 1)
    kept = np.arange(0, steps + 1, every)
    return kept if kept[-1] == steps else np.append(kept, steps)
