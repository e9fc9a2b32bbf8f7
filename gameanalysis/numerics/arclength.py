r"""Curves of zeros: pseudo-arclength continuation, every step proved where it can be.

G : R^(n+1) -> R^n is smooth; where D G has rank n, its zeros z = (x, lambda) are a curve.
With w the unit of each coordinate, all lengths below are of z / w.  From a point z with unit
tangent t, D G(z) t = 0, a step of length h predicts z + h t and corrects by Newton's method on

    G(z) = 0,    t . (z - z - h t) = 0,

a system that is regular at folds, where D_x G is singular.  A step is taken back and halved
if Newton's method does not contract at once, if it corrects by more than a fraction of h, or if
the tangent turns by more than a fixed angle.

Proof.  Let D be the chord from one point to the next, m its middle, B a basis of the
directions orthogonal to it and Y an approximate inverse of D G(m) B.  If, with all zeros of

    z = m + s D + B u,    |s| <= 1/2 + delta,   |u| <= r,

enclosed in a box Z,

    |Y G(m)| + (1/2 + delta) |Y D G(Z) D| + |I - Y D G(Z) B| r < r,

then for each s there is exactly one u with G = 0 (Krawczyk's operator, for all s at once): in
this tube the zeros are one curve, a graph over the chord.  The end of a segment is enclosed
in a box that lies in its tube and in the next one, so that the curve of one is that of the
other: nothing was jumped.  A segment that is not proved is cut in two, some times.

References: H. B. Keller, Numerical solution of bifurcation and nonlinear eigenvalue problems,
1977; B. Martin, A. Goldsztejn, L. Granvilliers and C. Jermann, Certified parallelotope
continuation for one-manifolds, SIAM J. Numer. Anal. 51 (2013).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..programs.intervals import FloatIntervals, NoEnclosure
from ..programs.linear import distance_from_identity, inverses, matmul_point, matvec
from ..programs.program import Program

__all__ = ["CurveSystem", "End", "Path", "Tubes", "corrected", "follow", "prove", "tangent",
           "trace"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: The tangent turns by at most the angle of this cosine in one step (11 degrees).
_COSINE = 0.98
#: The corrector goes at most this far, as a fraction of the step.
_FAR = 0.15
#: Newton's method has converged with a step this short, relative to the units.
_CONVERGED = 1e-12
#: Overlap of tubes beyond the ends of their chords, as a fraction of these.
_OVERLAP = 0.02
#: Half-widths of the tubes that are tried, as fractions of the chord.
_RUNGS = np.array([0.5, 0.25, 0.1, 0.04, 0.01])
#: Half-width of the boxes that enclose the ends of segments, in units.
_JOINT = 1e-9
#: Segments that are not proved are halved so many times.
_HALVINGS = 6
#: Segments as short as this, in units, are not halved: near a singular point none is proved.
_SHORT = 2e-5
#: If more segments than this are not proved, D G is singular all along: nothing would help.
_CROWD = 300
#: A path is taken up again so many times, and not twice as close as this, in units.
_RESTARTS, _GIVEN_UP = 8, 1e-3
_U = 2.0 ** -53


class CurveSystem(Protocol):
    """G and D G, for one point (n + 1,) or many (N, n + 1), and their programs."""

    n: int
    value_program: Program
    jacobian_program: Program

    def value(self, z: Array) -> Array:
        """G: shape (..., n)."""

    def jacobian(self, z: Array) -> Array:
        """D G: shape (..., n, n + 1)."""


class End(Enum):
    """Where a path ends; the value is the sentence shown."""

    RANGE = "the parameter reached an end of its range"
    BOX = "the branch left the box"
    CLOSED = "the branch closed on itself"
    STALLED = ("the step became too small: the branch seems to end here, at a place where "
               "the field is not defined or several branches touch")
    BUDGET = "the budget of points was spent: raise max_points"


@dataclass(frozen=True, eq=False)
class Path:
    """Points z along a curve, shape (k, n + 1), their unit tangents, and why it ended."""

    z: Array
    tangents: Array
    end: End

    def reversed(self) -> Path:
        """The same curve the other way."""
        return Path(self.z[::-1], -self.tangents[::-1], self.end)


def tangent(system: CurveSystem, z: Array, unit: Array, along: Array) -> Array:
    """The unit tangent t of the curve at z / w, with t . ``along`` >= 0."""
    scaled = system.jacobian(z) * unit
    if not np.isfinite(scaled).all():
        return np.full(len(z), np.nan)
    t = np.linalg.svd(scaled)[2][-1]
    return -t if t @ along < 0 else t


def corrected(system: CurveSystem, z: Array, unit: Array, normal: Array, *,
              max_steps: int = 8) -> Array | None:
    """The zero of G in the hyperplane through z orthogonal to ``normal``, near z; or None."""
    z, before = np.array(z, dtype=float), np.inf
    n = system.n
    matrix, right = np.empty((n + 1, n + 1)), np.zeros(n + 1)
    matrix[n] = normal
    with np.errstate(all="ignore"):
        for _ in range(max_steps):
            matrix[:n] = system.jacobian(z) * unit
            right[:n] = system.value(z)
            if not (np.isfinite(matrix).all() and np.isfinite(right).all()):
                return None
            try:
                step = np.linalg.solve(matrix, right)
            except np.linalg.LinAlgError:
                return None
            size = float(np.abs(step).max())
            if not np.isfinite(size) or size > 0.5 * before and size > 1e3 * _CONVERGED:
                return None
            z -= step * unit
            if size <= _CONVERGED * (1 + np.abs(z / unit).max()):
                return z
            before = size
    return None


def trace(system: CurveSystem, start: Array, along: Array, low: Array, high: Array, *,
          unit: Array, max_step: float = 0.02, min_step: float = 1e-8,
          first_step: float | None = None, max_points: int = 5_000,
          periods: Array | None = None) -> Path:
    """Follow the curve through ``start`` until it ends, in floats, without proof.

    Parameters
    ----------
    start : a zero of G, shape (n + 1,).
    along : the way to go: the first tangent t has t . along >= 0.
    low, high : bounds of the coordinates, perhaps infinite; the last is the parameter.
    unit : the unit of each coordinate; steps and tangents are in these.
    max_step, min_step : bounds of the length of a step, in units; ``first_step`` : the first
        one, by default a quarter of ``max_step``.
    max_points : the budget.
    periods : of coordinates on a circle, 0 for others: a curve that goes round is closed.
    """
    z = np.array(start, dtype=float)
    t = tangent(system, z, unit, along)
    points, tangents = [z], [t]
    h, first = first_step or max_step / 4, (z, t)
    while len(points) < max_points:
        new = corrected(system, z + h * t * unit, unit, t)
        ahead = None if new is None else _accepted(system, z, t, new, h, unit)
        if new is None or ahead is None:
            h /= 2
            if h < min_step:
                return Path(np.array(points), np.array(tangents), End.STALLED)
            continue
        goal = first[0] if periods is None else _image(first[0], z, periods)
        if len(points) > 2 and _passes((goal, first[1]), z, new, unit, h):
            back = corrected(system, goal, unit, t)
            if back is not None and (np.abs(back - goal) <= 1e-8 * unit).all():
                points.append(goal)
                tangents.append(first[1])
                return Path(np.array(points), np.array(tangents), End.CLOSED)
        outside = (new < low) | (new > high)
        if outside.any():
            last, bound = _on_bound(system, z, new, low, high, unit)
            if last is None:
                h /= 2
                if h < min_step:
                    return Path(np.array(points), np.array(tangents), End.STALLED)
                continue
            if np.abs((last - z) / unit).max() > 10 * _CONVERGED:
                points.append(last)
                tangents.append(tangent(system, last, unit, t))
            return Path(np.array(points), np.array(tangents),
                        End.RANGE if bound == system.n else End.BOX)
        points.append(new)
        tangents.append(ahead)
        distance = float(np.linalg.norm((new - z) / unit - h * t))
        bend = float(t @ ahead)
        z, t = new, ahead
        if distance < 0.05 * h and bend > 0.995:
            h = min(1.6 * h, max_step)
    return Path(np.array(points), np.array(tangents), End.BUDGET)


def follow(system: CurveSystem, start: Array, along: Array, low: Array, high: Array, *,
           unit: Array, **options: Any) -> tuple[Path, Tubes]:
    """`trace`, then `prove`; from a piece that is not proved on, traced again in small steps.

    A step that jumped to another curve has no proof, however often it is halved: the path is
    taken up again before it.  Where small steps do not help either, at a point where curves
    cross, the piece stays without proof.  Parameters and guarantees are those of the two.
    """
    path, tubes = prove(system, trace(system, start, along, low, high, unit=unit, **options),
                        unit)
    given_up: list[Array] = []
    for _ in range(_RESTARTS):
        if (~tubes.proved).sum() > _CROWD or not tubes.proved.any():
            break
        bad = [k for k in np.flatnonzero(~tubes.proved).tolist() if not any(
            np.linalg.norm((path.z[k] - z) / unit) < _GIVEN_UP for z in given_up)]
        if not bad:
            break
        k = bad[0]
        given_up.append(path.z[k])
        step = float(np.linalg.norm((path.z[k + 1] - path.z[k]) / unit)) / 4
        again = trace(system, path.z[k], path.tangents[k], low, high, unit=unit,
                      **options | {"first_step": max(step, 1e-7)})
        if again.end is End.CLOSED:
            break                       # it began on another curve: the first start is not on it
        path, tubes = prove(system, Path(np.vstack([path.z[:k], again.z]),
                                         np.vstack([path.tangents[:k], again.tangents]),
                                         again.end), unit)
    return path, tubes


def _accepted(system: CurveSystem, z: Array, t: Array, new: Array, h: float, unit: Array
              ) -> Array | None:
    """The tangent at a corrected point, or None if the step was too bold."""
    moved = (new - z) / unit
    if np.linalg.norm(moved - h * t) > _FAR * h:
        return None
    ahead = tangent(system, new, unit, t)
    chord = moved / np.linalg.norm(moved)
    if not np.isfinite(ahead).all() or min(ahead @ t, ahead @ chord) < _COSINE:
        return None
    return ahead


def _image(z: Array, near: Array, periods: Array) -> Array:
    """z moved by whole periods to be nearest to another point."""
    turns = np.zeros(len(z))
    circles = periods > 0
    turns[circles] = np.round((near - z)[circles] / periods[circles])
    return z + turns * periods


def _passes(first: tuple[Array, Array], z: Array, new: Array, unit: Array, h: float) -> bool:
    """Whether the chord from z to new passes close to the first point, in its direction."""
    chord, gap = (new - z) / unit, (first[0] - z) / unit
    length = float(np.linalg.norm(chord))
    s = float(gap @ chord) / length
    away = float(np.linalg.norm(gap - s * chord / length))
    return 0 < s <= length and away <= 0.3 * h and float(chord @ first[1]) > 0.8 * length


def _on_bound(system: CurveSystem, z: Array, new: Array, low: Array, high: Array, unit: Array
              ) -> tuple[Array | None, int]:
    """Where the curve from z to new meets the first bound, and which coordinate that is."""
    moved = new - z
    with np.errstate(all="ignore"):
        bound = np.where(new > high, high, low)
        share = np.where((new < low) | (new > high), (bound - z) / moved, np.inf)
    i = int(np.argmin(share))
    s = float(np.clip(share[i], 0.0, 1.0))
    begin = z + s * moved
    begin[i] = bound[i]
    normal = np.zeros(len(z))
    normal[i] = 1.0
    last = corrected(system, begin, unit, normal)
    if last is None or np.linalg.norm((last - begin) / unit) > \
            0.5 * np.linalg.norm(moved / unit) + 1e-9:
        return None, i
    last[i] = bound[i]
    return last, i


# -- proof ---------------------------------------------------------------------------------

@dataclass(frozen=True, eq=False)
class Tubes:
    """The segments of a path: which are proved, and their tubes.

    ``proved`` : shape (k - 1,), whether the segment's tube holds exactly one curve, joined to
        those of its neighbours that are proved too.
    ``middle``, ``chord``, ``basis``, ``radius`` : the tube m + s D + B u.
    """

    proved: Mask
    middle: Array
    chord: Array
    basis: Array
    radius: Array

    def contains(self, k: int, low: Array, high: Array) -> bool:
        """Whether the box [low, high] lies in the tube of segment k, if that is proved."""
        if not self.proved[k]:
            return False
        frame = np.column_stack([self.chord[k], self.basis[k]])
        inverse = np.linalg.inv(frame)
        center, half = 0.5 * (low + high), 0.5 * (high - low)
        at = inverse @ (center - self.middle[k])
        # The inverse is rounded; 1e-6 of the tube is far more than that.
        reach = np.abs(inverse) @ half + 1e-6 * self.radius[k]
        return bool(abs(at[0]) + reach[0] <= 0.5 + _OVERLAP
                    and (np.abs(at[1:]) + reach[1:] <= self.radius[k]).all())


def prove(system: CurveSystem, path: Path, unit: Array) -> tuple[Path, Tubes]:
    """Prove the segments of a path, with points put in between where that is needed.

    Guarantee: a segment that is ``proved`` lies within a tube in which the zeros of G are one
    smooth curve; for two neighbours that are proved it is one curve.  Of the others nothing
    is proved: near a point where D G loses rank there is no proof.
    """
    z, tangents = path.z, path.tangents
    try:
        proved, radius = _tubes(system, *_frames(z, unit))
        joined = _joints(system, z, unit)
    except NoEnclosure:
        middle, chord, basis = _frames(z, unit)
        nothing = np.zeros(len(chord), dtype=bool)
        return path, Tubes(nothing, middle, chord, basis, np.zeros(len(chord)))
    for _ in range(_HALVINGS):
        bad = np.flatnonzero(~proved)
        if len(bad) > _CROWD:
            break
        inserted = [(k, *mid) for k in bad
                    if (mid := _halfway(system, z[k], z[k + 1], unit, tangents[k])) is not None]
        if not inserted:
            break
        at = np.array([k + 1 for k, _, _ in inserted])
        z = np.insert(z, at, [m for _, m, _ in inserted], axis=0)
        tangents = np.insert(tangents, at, [t for _, _, t in inserted], axis=0)
        kept = np.ones(len(z) - 1, dtype=bool)
        fresh = at + np.arange(len(at))
        kept[fresh - 1] = kept[fresh] = False
        old = np.setdiff1d(np.arange(len(proved)), at - 1)
        new_proved, new_radius = np.zeros(len(kept), dtype=bool), np.zeros(len(kept))
        new_proved[kept], new_radius[kept] = proved[old], radius[old]
        middle, chord, basis = _frames(z, unit)
        part = ~kept
        new_proved[part], new_radius[part] = _tubes(system, middle[part], chord[part],
                                                    basis[part])
        proved, radius = new_proved, new_radius
        joined = _joints(system, z, unit)
    # A segment counts if the curve is known to pass through both its ends.
    proved = proved & joined[:-1] & joined[1:]
    return (replace(path, z=z, tangents=tangents),
            Tubes(proved, *_frames(z, unit), radius))


def _halfway(system: CurveSystem, a: Array, b: Array, unit: Array, along: Array
             ) -> tuple[Array, Array] | None:
    chord = (b - a) / unit
    length = float(np.linalg.norm(chord))
    if length < _SHORT:
        return None
    middle = corrected(system, 0.5 * (a + b), unit, chord / length)
    if middle is None or np.linalg.norm((middle - 0.5 * (a + b)) / unit) > 0.5 * length:
        return None
    return middle, tangent(system, middle, unit, along)


def _frames(z: Array, unit: Array) -> tuple[Array, Array, Array]:
    """Middle, chord and basis of the tube of each segment; the basis is as long as the chord."""
    chord = np.diff(z, axis=0)
    scaled = chord / unit
    length = np.linalg.norm(scaled, axis=1)
    q = np.linalg.qr(scaled[:, :, None], mode="complete")[0][:, :, 1:]
    return z[:-1] + 0.5 * chord, chord, q * (unit[:, None] * length[:, None, None])


def _tubes(system: CurveSystem, middle: Array, chord: Array, basis: Array
           ) -> tuple[Mask, Array]:
    """Whether each segment has a tube, and the half-width of the widest that was proved."""
    count, rungs = len(middle), len(_RUNGS)
    if not count:
        return np.zeros(0, dtype=bool), np.zeros(0)
    good = _single_curve(system, np.repeat(middle, rungs, axis=0),
                         np.repeat(chord, rungs, axis=0), np.repeat(basis, rungs, axis=0),
                         np.full(count * rungs, 0.5 + _OVERLAP), np.tile(_RUNGS, count))
    good = good.reshape(count, rungs)
    return np.asarray(good.any(axis=1)), _RUNGS[np.argmax(good, axis=1)]


def _joints(system: CurveSystem, z: Array, unit: Array) -> Mask:
    """Whether the curve is proved to pass within `_JOINT` of each point."""
    _, chord, basis = _frames(z, unit)
    last = np.arange(len(z)).clip(max=len(chord) - 1)
    length = np.linalg.norm(chord / unit, axis=1)[last]
    # The box has to lie in both tubes, also where these overlap least.
    small = _JOINT / length
    good = _single_curve(system, z, 0 * chord[last], basis[last], np.zeros(len(z)), small)
    shortest = np.minimum(length, np.append(length[0], length[:-1]))
    return good & (4 * _JOINT * np.sqrt(len(unit)) < shortest * min(_OVERLAP, _RUNGS[-1]))


def _single_curve(system: CurveSystem, middle: Array, chord: Array, basis: Array,
                  along: Array, radius: Array) -> Mask:
    """Krawczyk's test on each tube m + s D + B u, |s| <= along, |u| <= radius."""
    count, n = len(middle), system.n
    with np.errstate(all="ignore"):
        half = (along[:, None] * np.abs(chord) + np.abs(basis).sum(axis=2) * radius[:, None])
        half *= 1 + 16 * (n + 2) * _U
        low = np.nextafter(middle - half, -np.inf)
        high = np.nextafter(middle + half, np.inf)
        jacobian, bounded = _enclosed(system.jacobian_program, low, high)
        value, defined = _enclosed(system.value_program, middle, middle)
        shape = (count, n, n + 1)
        a = jacobian[0].reshape(shape), jacobian[1].reshape(shape)
        inverse, invertible = inverses((0.5 * a[0] + 0.5 * a[1]) @ basis)
        scaled = matmul_point(inverse, a)
        spread = distance_from_identity(matvec(scaled, (basis, basis))).sum(axis=2)
        drift = _magnitude(matvec(scaled, (chord, chord)))
        offset = _magnitude(matmul_point(inverse, value))
        image = offset + along[:, None] * drift + spread * radius[:, None]
        image *= 1 + 64 * (n + 2) * _U
        return (image < radius[:, None]).all(axis=1) & bounded & defined & invertible


def _magnitude(pair: tuple[Array, Array]) -> Array:
    return np.maximum(np.abs(pair[0]), np.abs(pair[1]))


def _enclosed(program: Program, low: Array, high: Array
              ) -> tuple[tuple[Array, Array], Mask]:
    """A program over boxes (rows): ends of shape (N, outputs), and where it is bounded."""
    arithmetic: Any = FloatIntervals()
    inputs = [arithmetic.interval(a, b) for a, b in zip(low.T, high.T)]
    values = program.evaluate(inputs, arithmetic)
    ends = np.empty((2, len(values), len(low)))
    for k, value in enumerate(values):
        ends[0, k], ends[1, k] = value.lo, value.hi
    usable = np.isfinite(ends).all(axis=(0, 1)) & np.asarray(arithmetic.defined)
    return (ends[0].T, ends[1].T), usable
