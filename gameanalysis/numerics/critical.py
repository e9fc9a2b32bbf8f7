"""Candidates: zeros of a field found by Newton's method, without proof.

From many starts x, in one batch, damped Newton steps

    x <- x - t J(x)^-1 g(x),      t in {1, 1/2, ..., 2^-10},

where t is the first that lowers |g|, until the step is below rounding.  What comes
out is heuristic: a zero with a small basin can be missed, and no count of starts
proves otherwise.  `certify` turns candidates into proofs.

Reference: Kelley, Solving Nonlinear Equations with Newton's Method, SIAM 2003.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from ..dynamics import VectorField
from ..errors import BoxError
from ..programs.compiled import CompiledField, compile_field

__all__ = ["Candidates", "find_critical_points", "newton", "float_box"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Candidates:
    """Approximate zeros of a field: heuristic, possibly not all of them.

    ``x`` has shape (k, n), one zero a row, sorted; ``residual`` is |g(x)| at each.
    """

    x: Array
    residual: Array
    n_starts: int
    seed: str

    def __len__(self) -> int:
        return len(self.x)

    def __repr__(self) -> str:
        return (f"{len(self)} candidates (heuristic: some may be missing) from "
                f"{self.n_starts} starts, {self.seed}")


def float_box(box: Sequence[Any], n: int) -> Array:
    """A box as floats rounded outward: shape (n, 2); raises `BoxError`.

    ``box`` is a sequence of n pairs (low, high), numbers or exact SymPy numbers.
    """
    try:
        pairs = [tuple(pair) for pair in box]
    except TypeError:
        raise BoxError(f"a box is {n} pairs (low, high), not {box!r}") from None
    if len(pairs) != n or any(len(pair) != 2 for pair in pairs):
        raise BoxError(f"a box needs {n} pairs (low, high), one for each variable, "
                       f"not {box!r}")
    out = np.empty((n, 2))
    for k, (low, high) in enumerate(pairs):
        try:
            ends = float(low), float(high)
        except (TypeError, ValueError):
            raise BoxError(f"the ends of a box are numbers, not {(low, high)!r}") from None
        if not (np.isfinite(ends[0]) and np.isfinite(ends[1])):
            raise BoxError(f"a box is finite, but side {k + 1} is {(low, high)}; "
                           f"use box=None to analyse the whole space")
        if not ends[0] < ends[1]:
            raise BoxError(f"side {k + 1} of the box has low {low} not below high {high}")
        # float() of an exact number may round inward, by less than one ulp.
        out[k] = (ends[0] if _is_float(low) else np.nextafter(ends[0], -np.inf),
                  ends[1] if _is_float(high) else np.nextafter(ends[1], np.inf))
    return out


def _is_float(end: Any) -> bool:
    """Whether a number is exactly a float."""
    if isinstance(end, sp.Rational):
        end = Fraction(int(end.p), int(end.q))
    return not isinstance(end, sp.Basic) and bool(end == float(end))


def newton(field: CompiledField, x: Array, *, max_steps: int = 50, rtol: float = 1e-12,
           within: tuple[Array, Array] | None = None) -> tuple[Array, NDArray[np.bool_]]:
    """Damped Newton from every row of ``x``: (end points, which converged).

    Converged means a full step shorter than ``rtol`` times 1 + max|x|.  A start whose
    iterates leave the box ``within`` is given up.
    """
    x = np.array(x, dtype=float)
    done = np.zeros(len(x), dtype=bool)
    active = np.arange(len(x))
    with np.errstate(all="ignore"):
        value = field.value(x)
        for _ in range(max_steps):
            if not active.size:
                break
            current, residual = x[active], value[active]
            step = _directions(field.jacobian(current), residual)
            size = np.linalg.norm(residual, axis=-1)
            length = np.abs(step).max(axis=-1)
            scale = 1 + np.abs(current).max(axis=-1)
            short = length <= rtol * scale
            trial, trial_value, accepted = _backtrack(field, current, step, size)
            accepted |= short
            x[active[accepted]] = trial[accepted]
            value[active[accepted]] = trial_value[accepted]
            done[active[short]] = True
            going = accepted & ~short & np.isfinite(length)
            if within is not None:
                going &= ((trial >= within[0]) & (trial <= within[1])).all(axis=-1)
            active = active[going]
    return x, done & np.isfinite(x).all(axis=-1)


def _directions(jacobian: Array, residual: Array) -> Array:
    usable = np.isfinite(jacobian).all(axis=(-1, -2)) & np.isfinite(residual).all(axis=-1)
    step = np.full(residual.shape, np.nan)
    try:
        step[usable] = np.linalg.solve(jacobian[usable], residual[usable][..., None])[..., 0]
    except np.linalg.LinAlgError:
        # A least-squares step counts only if it solves the linear system: elsewhere a
        # zero step would look like convergence.
        matrix, right = jacobian[usable], residual[usable]
        best = (np.linalg.pinv(matrix) @ right[..., None])[..., 0]
        misfit = np.linalg.norm((matrix @ best[..., None])[..., 0] - right, axis=-1)
        solved = misfit <= 1e-6 * np.linalg.norm(right, axis=-1)
        step[usable] = np.where(solved[:, None], best, np.nan)
    return step


def _backtrack(field: CompiledField, x: Array, step: Array, size: Array
               ) -> tuple[Array, Array, NDArray[np.bool_]]:
    trial = x - step
    value = field.value(trial)
    accepted = np.linalg.norm(value, axis=-1) < size
    for k in range(1, 11):
        rest = np.flatnonzero(~accepted)
        if not rest.size:
            break
        shorter = x[rest] - step[rest] * 2.0 ** -k
        shorter_value = field.value(shorter)
        better = np.linalg.norm(shorter_value, axis=-1) < size[rest]
        trial[rest[better]] = shorter[better]
        value[rest[better]] = shorter_value[better]
        accepted[rest[better]] = True
    return trial, value, accepted


def find_critical_points(field: VectorField | CompiledField, box: Sequence[Any], *,
                         n_starts: int = 512, rng: Any = None,
                         rtol: float = 1e-12) -> Candidates:
    """Search a box for zeros of a field by Newton's method from random starts.

    Guarantee: none; the list is heuristic.  Use `certify` for a proof.

    Parameters
    ----------
    field : a `VectorField` or a compiled one.
    box : n pairs (low, high); only zeros inside are returned.
    n_starts : how many starts, spread evenly at random (Latin hypercube).
    rng : None (seed 0), an int or a `numpy.random.Generator`.
    rtol : a step shorter than ``rtol * (1 + max|x|)`` has converged.

    Raises `BoxError` for a box that does not fit.

    >>> import sympy as sp
    >>> x = sp.symbols("x", real=True)
    >>> find_critical_points(VectorField([x**2 - 1], [x]), [(-2, 2)]).x
    array([[-1.],
           [ 1.]])
    """
    compiled = field if isinstance(field, CompiledField) else compile_field(field)
    domain = float_box(box, compiled.n)
    seed = f"seed {0 if rng is None else rng}" if not isinstance(
        rng, np.random.Generator) else "a given generator"
    generator = np.random.default_rng(0 if rng is None else rng)
    low, width = domain[:, 0], domain[:, 1] - domain[:, 0]
    strata = generator.permuted(np.tile(np.arange(n_starts), (compiled.n, 1)), axis=1).T
    starts = low + width * (strata + generator.random(strata.shape)) / n_starts
    x, converged = newton(compiled, starts, rtol=rtol,
                          within=(low - width, domain[:, 1] + width))
    x = x[converged]
    slack = 1e-9 * width
    x = x[((x >= low - slack) & (x <= domain[:, 1] + slack)).all(axis=-1)]
    x = _distinct(np.clip(x, low, domain[:, 1]), 1e-7 * width)
    with np.errstate(all="ignore"):
        residual = np.linalg.norm(compiled.value(x), axis=-1) if len(x) else np.zeros(0)
    return Candidates(x, residual, n_starts, seed)


def _distinct(x: Array, distance: Array) -> Array:
    """Rows of ``x`` without those closer than ``distance`` to an earlier one."""
    kept: list[Array] = []
    for row in x[np.lexsort(x.T[::-1])]:
        if not kept or not (np.abs(np.array(kept) - row) <= distance).all(axis=-1).any():
            kept.append(row)
    return np.array(kept).reshape(-1, x.shape[1])
