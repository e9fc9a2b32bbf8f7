"""Candidates: zeros of a field found by Newton's method, without proof.

From many starts x, in one batch, damped Newton steps

    x <- x - t J(x)^-1 g(x),      t in {1, 1/2, ..., 2^-10},

where t is the first that lowers |g|, until the step is below rounding.  Then come waves
in which the zeros found so far are deflated (`deflation`), so that starts from which
Newton's method would return to them end elsewhere, until some waves in a row find nothing
new.  What comes out is heuristic: a zero with a small basin can be missed, and no count
of starts proves otherwise.  `certify` turns candidates into proofs.

Reference: Kelley, Solving Nonlinear Equations with Newton's Method, SIAM 2003.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from ..dynamics import VectorField
from ..errors import BoxError
from ..compilation.compiled import CompiledField, compile_field
from .deflation import Deflation, unseen

__all__ = ["Candidates", "find_critical_points", "newton", "float_box"]

Array = NDArray[np.float64]

#: By default deflated waves follow where so many variables rule out a complete search ...
_FEW = 6
#: ... at most so many, of so many starts, until so many in a row find nothing new.
_WAVES, _WAVE, _PATIENCE = 12, 192, 2
#: ... and not after so many zeros are known.
_ENOUGH = 256
#: Deflation reaches this fraction of the box: with many zeros known, wider factors would
#: push Newton's method out of the box.
_REACH = 0.03
#: A Jacobian with a larger condition number is taken for singular.
_SINGULAR = 1e10
#: Of fewer zeros nothing is said.
_SEVERAL = 8


@dataclass(frozen=True)
class Candidates:
    """Approximate zeros of a field: heuristic, possibly not all of them.

    ``x`` has shape (k, n), one zero a row, sorted; ``residual`` is |g(x)| at each.
    ``hits`` says how many of the ``n_starts`` plain starts ended at each, and 0 for those that
    only a deflated wave found; ``n_new`` how many zeros each of these waves added.
    ``isolated`` is False where the Jacobian is singular at most of several zeros, as on a
    curve or surface of them.
    """

    x: Array
    residual: Array
    n_starts: int
    seed: str
    hits: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    n_new: tuple[int, ...] = ()
    isolated: bool = True

    def __len__(self) -> int:
        return len(self.x)

    def __repr__(self) -> str:
        waves = f" and {len(self.n_new)} deflated waves" if self.n_new else ""
        return (f"{len(self)} candidates (heuristic: some may be missing) from "
                f"{self.n_starts} starts{waves}, {self.seed}")

    @property
    def missing(self) -> str:
        """What may be missing, as a sentence: an estimate, no proof."""
        total, once = int(self.hits.sum()), int((self.hits == 1).sum())
        if not total:
            return "no start converged in the box, so nothing can be said of what is missing"
        share, more = unseen(self.hits)
        text = (f"{total} of {self.n_starts} starts converged in the box, to "
                f"{int((self.hits > 0).sum())} points, {once} of them hit once only: about "
                f"{share:.1%} of such starts would end at a point not among these")
        if more:
            text += f", of which there are some {more:.0f} or more"
        if self.n_new:
            text += (f"; {len(self.n_new)} deflated waves then found {sum(self.n_new)} more, "
                     f"the last {self.n_new[-1] or 'none'}")
        return text + ". This is an estimate, not a proof"


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
           within: tuple[Array, Array] | None = None, known: Deflation | None = None
           ) -> tuple[Array, NDArray[np.bool_]]:
    """Damped Newton from every row of ``x``: (end points, which converged).

    Converged means a full step shorter than ``rtol`` times 1 + max|x|.  A start whose
    iterates leave the box ``within`` is given up.

    The zeros in ``known`` are deflated, and then a start at which no step lowers the
    residual is not given up: it takes the full step, cut to ``within``.  Newton's method
    without damping wanders, and most often ends at some zero.
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
            if known is not None:
                step = step * known.length(current, step)[:, None]
            trial, trial_value, accepted = _backtrack(field, current, step, size, known)
            if known is not None:
                stuck = ~accepted & ~short & np.isfinite(step).all(axis=-1)
                trial[stuck] = current[stuck] - step[stuck]
                if within is not None:
                    trial = np.clip(trial, *within)
                trial_value[stuck] = field.value(trial[stuck])
                accepted |= stuck
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


def _backtrack(field: CompiledField, x: Array, step: Array, size: Array,
               known: Deflation | None) -> tuple[Array, Array, NDArray[np.bool_]]:
    before = None if known is None else known.logarithm(x)

    def lower(rows: Any, trial: Array, value: Array) -> NDArray[np.bool_]:
        norm = np.linalg.norm(value, axis=-1)
        if known is not None and before is not None:
            norm = norm * np.exp(known.logarithm(trial) - before[rows])
        return np.asarray(norm < size[rows])
    trial = x - step
    value = field.value(trial)
    accepted = lower(slice(None), trial, value)
    # With deflation those that are stuck take the full step: fewer trials will do.
    for k in range(1, 11 if known is None else 4):
        rest = np.flatnonzero(~accepted)
        if not rest.size:
            break
        shorter = x[rest] - step[rest] * 2.0 ** -k
        shorter_value = field.value(shorter)
        better = lower(rest, shorter, shorter_value)
        trial[rest[better]] = shorter[better]
        value[rest[better]] = shorter_value[better]
        accepted[rest[better]] = True
    return trial, value, accepted


def find_critical_points(field: VectorField | CompiledField, box: Sequence[Any], *,
                         n_starts: int = 512, rng: Any = None, rtol: float = 1e-12,
                         waves: int | None = None, patience: int = _PATIENCE) -> Candidates:
    """Search a box for zeros of a field by Newton's method from random starts.

    Guarantee: none; the list is heuristic.  Use `certify` for a proof.  It is the same
    for the same ``rng``.

    Parameters
    ----------
    field : a `VectorField` or a compiled one.
    box : n pairs (low, high); only zeros inside are returned.
    n_starts : how many plain starts, spread evenly at random (Latin hypercube).
    rng : None (seed 0), an int or a `numpy.random.Generator`.
    rtol : a step shorter than ``rtol * (1 + max|x|)`` has converged.
    waves : at most so many deflated waves follow, of min(n_starts, 192) starts each: half
        of them old ones, half new.  None is 12 with more than 6 variables, and 0 else.
    patience : the waves end when so many in a row have found nothing new; also when more
        than 256 zeros are known, and where zeros are not isolated, so that there is no end
        of them.

    Raises `BoxError` for a box that does not fit.

    >>> import sympy as sp
    >>> x = sp.symbols("x", real=True)
    >>> find_critical_points(VectorField([x**2 - 1], [x]), [(-2, 2)]).x
    array([[-1.],
           [ 1.]])
    """
    compiled = field if isinstance(field, CompiledField) else compile_field(field)
    search = _Waves(compiled, float_box(box, compiled.n), rtol)
    seed = f"seed {0 if rng is None else rng}" if not isinstance(
        rng, np.random.Generator) else "a given generator"
    generator = np.random.default_rng(0 if rng is None else rng)
    starts = search.starts(n_starts, generator)
    ends = search.ends(starts, None)
    search.add(ends)
    n_new: list[int] = []
    if waves is None:
        waves = _WAVES if compiled.n > _FEW else 0
    size = min(n_starts, _WAVE)
    while len(n_new) < waves and 0 < len(search.found) <= _ENOUGH and (
            len(n_new) < patience or any(n_new[-patience:])):
        if search.is_endless(search.last):
            break
        old = starts[(np.arange(size // 2) + len(n_new) * (size // 2)) % n_starts]
        wave = np.concatenate([old, search.starts(size - size // 2, generator)])
        n_new.append(search.add(search.ends(wave, Deflation(
            search.found, _REACH * search.width))))
    x = search.found[np.lexsort(search.found.T[::-1])]
    with np.errstate(all="ignore"):
        residual = np.linalg.norm(compiled.value(x), axis=-1) if len(x) else np.zeros(0)
    return Candidates(x, residual, n_starts, seed, search.hits(ends, x), tuple(n_new),
                      not search.is_endless(x))


class _Waves:
    """The zeros found so far in a box, and how more are looked for."""

    def __init__(self, field: CompiledField, domain: Array, rtol: float) -> None:
        self.field, self.rtol = field, rtol
        self.low, self.high = domain[:, 0], domain[:, 1]
        self.width = self.high - self.low
        self.found: Array = np.zeros((0, field.n))
        self.last: Array = self.found

    def starts(self, count: int, generator: np.random.Generator) -> Array:
        """A Latin hypercube of starts."""
        strata = generator.permuted(np.tile(np.arange(count), (len(self.low), 1)), axis=1).T
        return self.low + self.width * (strata + generator.random(strata.shape)) / max(count, 1)

    def ends(self, starts: Array, known: Deflation | None) -> Array:
        """Where Newton's method converges in the box, known zeros deflated."""
        within = (self.low - self.width, self.high + self.width)
        x, converged = newton(self.field, starts, rtol=self.rtol, within=within, known=known)
        x = x[converged]
        slack = 1e-9 * self.width
        inside = ((x >= self.low - slack) & (x <= self.high + slack)).all(axis=-1)
        return np.clip(x[inside], self.low, self.high)

    def add(self, ends: Array) -> int:
        """Join new zeros to those found: how many they are."""
        distance = 1e-7 * self.width
        fresh = _distinct(ends, distance)
        if len(self.found) and len(fresh):
            near = np.array([(np.abs(self.found - row) <= distance).all(axis=-1).any()
                             for row in fresh])
            fresh = fresh[~near]
        self.found, self.last = np.concatenate([self.found, fresh]), fresh
        return len(fresh)

    def is_endless(self, x: Array) -> bool:
        """Whether the Jacobian is singular at most of several zeros."""
        if len(x) < _SEVERAL:
            return False
        with np.errstate(all="ignore"):
            jacobian = self.field.jacobian(x)
            usable = jacobian[np.isfinite(jacobian).all(axis=(1, 2))]
            n_regular = int((np.linalg.cond(usable) <= _SINGULAR).sum()) if len(usable) else 0
        return n_regular < 0.5 * len(x)

    def hits(self, ends: Array, x: Array) -> NDArray[np.int64]:
        """How many of some end points lie at each zero."""
        out = np.zeros(len(x), dtype=np.int64)
        for k, row in enumerate(x):
            out[k] = (np.abs(ends - row) <= 2e-7 * self.width).all(axis=-1).sum()
        return out


def _distinct(x: Array, distance: Array) -> Array:
    """Rows of ``x`` without those closer than ``distance`` to an earlier one."""
    kept: list[Array] = []
    for row in x[np.lexsort(x.T[::-1])]:
        if not kept or not (np.abs(np.array(kept) - row) <= distance).all(axis=-1).any():
            kept.append(row)
    return np.array(kept).reshape(-1, x.shape[1])
