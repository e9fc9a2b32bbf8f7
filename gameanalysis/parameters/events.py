r"""Events on a branch of critical points: where its stability or its class can change.

Along a curve z = (x, lambda) of zeros of G with unit tangent t, and with mu_i the eigenvalues
of D_x g, each event is a change of sign of a test function:

    fold                t_lambda                     branch point     det [D G; t]
    border of a class   det D_ii f_i, det M,
                        det D (det M D f1, F)        Hopf             prod_(i<j) (mu_i + mu_j)
    node to focus       prod_(i<j) (mu_i - mu_j)^2

and, of the update x - gamma g(x), with m_i = 1 - gamma mu_i,

    period doubling     prod_i (m_i + 1)             Neimark-Sacker   prod_(i<j) (m_i m_j - 1).

(The product of the sums is the determinant of the bialternate product 2 D_x g (.) I; where it
vanishes because two real eigenvalues are opposite, a neutral saddle, nothing changes.)  A
change of sign between two points of a path is bracketed and then refined (`unfoldings`); two
changes between neighbouring points cancel, and are seen only where a parabola through three
points shows them.

Reference: Y. Kuznetsov, Elements of Applied Bifurcation Theory, chapter 10.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..numerics.arclength import CurveSystem, Path, corrected, tangent
from ..compilation.parametric import ParametricGame
from .unfoldings import EventKind, Found, Unfoldings

__all__ = ["Watch", "inserted"]

Array = NDArray[np.float64]
Key = tuple[EventKind, "int | None"]

#: Slopes of the leader below this, relative to those of its slopes, are zero.
_CRITICAL = 1e-9
#: Normalised test functions below this are rounding noise.
_NOISE = 1e-11
#: A dip is followed by so many parabolas, while they reach below this part of it.
_PARABOLAS, _SHALLOW = 4, 0.5
#: Two events as close as this, in units, are one.
_SAME = 1e-7
#: An event that is not proved belongs to a branch point as close as this, in units.
_ABOUT = 0.02


class Watch:
    """The test functions of a game's branches, with which events are found.

    ``gamma`` is the learning rate of the update that is watched, or None.
    """

    def __init__(self, system: ParametricGame, unit: Array, gamma: Fraction | None = None
                 ) -> None:
        self.system, self.unit, self.gamma = system, unit, gamma
        self.n = system.n
        self.unfoldings = Unfoldings(system, unit, gamma)
        self._sizes: dict[Any, Array] = {}
        self._leads = False

    # -- test functions --------------------------------------------------

    @cached_property
    def _own(self) -> list[tuple[EventKind, int | None, slice]]:
        """Kind, player and rows of each matrix of M and D_ii f_i whose determinant is tested."""
        game, s = self.system.game, self.system
        out: list[tuple[EventKind, int | None, slice]] = [
            (EventKind.FOLLOWER if i else EventKind.NASH, i, part)
            for i, part in enumerate(s.own)]
        regularised = s.eta != 0 or s.parameter == "eta" and s.symbol is None
        if game.n_players > 2 or regularised and s.of == "stackelberg":
            out.append((EventKind.RESPONSE, None, slice(s.n1, s.n)))
        return out

    def matrices(self, z: Array) -> tuple[Array, Array]:
        """J and M + eta I at points (N, n + 1)."""
        n, m = self.n, self.n - self.system.n1
        values = self.system.jacobian_program.batch(z)
        return (values[:, :n * n].reshape(-1, n, n), values[:, n * n:].reshape(-1, m, m))

    def tests(self, z: Array, tangents: Array) -> dict[Key, Array]:
        """Each test function at points (N, n + 1), at most of order 1.

        The rows of determinants are divided by the largest length that they have on the
        path that `events` is asked for.
        """
        out: dict[Key, Array] = {}
        with np.errstate(all="ignore"):
            rows = self.system.system.jacobian(z) * self.unit
            rows = np.concatenate([rows, tangents[:, None, :]], axis=1)
            out[EventKind.BRANCH, None] = self._determinant(EventKind.BRANCH, rows, rows)
            out[EventKind.FOLD, None] = tangents[:, -1].copy()
            jacobian, response = self.matrices(z)
            for kind, player, part in self._own:
                matrix = response if kind is EventKind.RESPONSE else jacobian[:, part, part]
                out[kind, player] = self._determinant((kind, player), matrix, jacobian)
            if self._leads:
                program = self.system.leader_jacobian_program
                whole = program.batch(z).reshape(-1, self.n, self.n)
                out[EventKind.LEADER, None] = self._determinant(EventKind.LEADER, whole, whole)
            mu = self.unfoldings.eigenvalues(z)
            i, j = np.triu_indices(self.n, 1)
            a, b = mu[:, i], mu[:, j]
            size = np.abs(a) + np.abs(b)
            out[EventKind.HOPF, None] = _product((a + b) / size)
            out[EventKind.NODE, None] = _product(((a - b) / size) ** 2)
            if self.gamma is not None:
                m = 1 - float(self.gamma) * mu
                out[EventKind.FLIP, None] = _product((m + 1) / (np.abs(m) + 1))
                pairs = m[:, i] * m[:, j]
                out[EventKind.NEIMARK_SACKER, None] = _product(
                    (pairs - 1) / (np.abs(pairs) + 1))
        return out

    def _determinant(self, key: Any, matrices: Array, whole: Array) -> Array:
        """Determinants, the rows divided by their largest lengths on the path."""
        if key not in self._sizes:
            size = _largest(np.linalg.norm(matrices, axis=2))
            # What is zero all along the path must not be blown up to noise of order 1.
            floor = 1e-3 * _largest(np.linalg.norm(whole, axis=(1, 2)))
            self._sizes[key] = np.maximum(size, floor if floor > 0 else 1.0)
        scaled = matrices / self._sizes[key][:, None]
        usable = np.isfinite(scaled).all(axis=(1, 2))
        out = np.full(len(matrices), np.nan)
        out[usable] = np.linalg.det(scaled[usable])
        return out

    def refined(self, path: Path) -> Path:
        """The path with a point more wherever a test function dips through zero and back."""
        self._prepare(path)
        length = np.append(0, np.cumsum(np.linalg.norm(np.diff(path.z, axis=0) / self.unit,
                                                       axis=1)))
        found: dict[float, tuple[Array, Array]] = {}
        for key, f in self.tests(path.z, path.tangents).items():
            size = np.where(np.isfinite(f), np.abs(f), 0)
            inner = size[1:-1]
            dips = ((f[:-2] * f[1:-1] > 0) & (f[1:-1] * f[2:] > 0) & (inner > _NOISE)
                    & (inner <= size[:-2]) & (inner <= size[2:]))
            for k in (np.flatnonzero(dips) + 1).tolist():
                through = self._through(path, length, key, f, k)
                if through is not None:
                    found[through[0]] = through[1:]
        if not found:
            return path
        at = sorted(found)
        places = np.searchsorted(length, at)
        return Path(np.insert(path.z, places, [found[s][0] for s in at], axis=0),
                    np.insert(path.tangents, places, [found[s][1] for s in at], axis=0), path.end)

    def _through(self, path: Path, length: Array, key: Key, f: Array, k: int
                 ) -> tuple[float, Array, Array] | None:
        """(length, point, tangent) of a point near k where the sign is another, or None."""
        known = {float(length[i]): float(f[i]) for i in (k - 1, k, k + 1)}
        for _ in range(_PARABOLAS):
            least = min(known, key=lambda s: abs(known[s]))
            order = sorted(known)
            i = order.index(least)
            if not 0 < i < len(order) - 1:
                return None
            a, b, c = np.polyfit(np.array(order[i - 1:i + 2]) - least,
                                 [known[s] for s in order[i - 1:i + 2]], 2)
            if a == 0 or (c - b * b / (4 * a)) * c > _SHALLOW * c * c:
                return None
            s = least - b / (2 * a)
            if not order[i - 1] < s < order[i + 1] or s in known:
                return None
            j = int(np.searchsorted(length, s)) - 1
            chord = path.z[j + 1] - path.z[j]
            normal = chord / self.unit / np.linalg.norm(chord / self.unit)
            z = corrected(self.system.system, path.z[j] + chord * (s - length[j]) / (
                length[j + 1] - length[j]), self.unit, normal)
            if z is None:
                return None
            t = tangent(self.system.system, z, self.unit, path.tangents[j])
            known[s] = float(self.tests(z[None], t[None])[key][0])
            if known[s] * f[k] < 0:
                return (s, z, t) if abs(known[s]) > _NOISE else None
        return None

    def _prepare(self, path: Path) -> None:
        self._sizes.clear()
        self._leads = self._is_leading(path.z)

    def events(self, path: Path) -> Iterator[tuple[int, Found]]:
        """(segment, event) for each event on a path, in order."""
        self._prepare(path)
        tests = self.tests(path.z, path.tangents)
        found = []
        for (kind, player), values in tests.items():
            for k, z in self._crossings(path, (kind, player), values):
                reach = float(np.linalg.norm((path.z[k + 1] - path.z[k]) / self.unit))
                event = self.unfoldings.near(kind, player, z, reach)
                if event is not None:
                    found.append((k, event))
        order = list(EventKind)
        found.sort(key=lambda each: order.index(each[1].kind))
        kept: list[tuple[int, Found]] = []
        for k, event in found:
            same = next((i for i, (_, other) in enumerate(kept) if self._same(event, other)), None)
            if same is None:
                kept.append((k, event))
            elif event.kind is not kept[same][1].kind:
                at, other = kept[same]
                kept[same] = at, replace(other, also=(*other.also, event.kind),
                                         player=event.player if other.player is None
                                         else other.player)

        def position(each: tuple[int, Found]) -> tuple[int, float]:
            k, event = each
            chord = path.z[k + 1] - path.z[k]
            return k, float(((event.z - path.z[k]) / self.unit) @ (chord / self.unit))
        yield from sorted(kept, key=position)

    def _is_leading(self, z: Array) -> bool:
        """Whether a branch of omega = 0 seems to be critical for the leader all along.

        By analyticity it is everywhere or at single points, where no class changes.
        """
        program = self.system.leader_program
        if program is None:
            return False
        with np.errstate(all="ignore"):
            slopes = np.abs(program.batch(z)).max(axis=1)
            size = np.abs(self.system.leader_jacobian_program.batch(z)).max(axis=1)
        known = np.isfinite(slopes) & np.isfinite(size)
        return bool(known.any() and (slopes[known] <= _CRITICAL * (
            1 + np.abs(z[known]).max(axis=1)) * size[known]).all())

    def _same(self, event: Found, other: Found) -> bool:
        pair = (event, other)
        near = _SAME if event.certified and other.certified else 1e3 * _SAME
        if any(e.kind is EventKind.BRANCH for e in pair) and any(
                not e.certified for e in pair if e.kind is not EventKind.BRANCH):
            # Where branches cross the systems of other events are singular.
            near = _ABOUT
        return bool((np.abs(event.z - other.z) <= near * self.unit).all())

    # -- where the sign changes ------------------------------------------

    def _crossings(self, path: Path, key: Key, values: Array
                   ) -> Iterator[tuple[int, Array]]:
        """(segment, point) for each change of sign of a test function."""
        sign = np.where(np.abs(values) > _NOISE, np.sign(values), 0)
        known = np.flatnonzero(sign).tolist()
        for a, b in zip(known, known[1:]):
            if sign[a] * sign[b] > 0 or b - a > 2 or not np.isfinite(values[[a, b]]).all():
                continue
            if b - a == 2:
                yield a, path.z[a + 1]              # exactly at a point of the path
                continue
            z = self._bisect(path, a, key, values[a], values[b])
            if z is not None:
                yield a, z

    def _bisect(self, path: Path, k: int, key: Key, first: float,
                last: float) -> Array | None:
        """Illinois's method on the curve over one chord; None at a jump of the function."""
        start, chord = path.z[k], path.z[k + 1] - path.z[k]
        along = path.tangents[k]
        normal = chord / self.unit
        normal = normal / np.linalg.norm(normal)
        low, high, f_low, f_high = 0.0, 1.0, first, last
        best = start
        for step in range(60):
            share = f_low / (f_low - f_high) if step % 3 < 2 else 0.5
            s = low + min(max(share, 0.01), 0.99) * (high - low)
            begin = start + s * chord
            z = corrected(self.system.system, begin, self.unit, normal)
            if z is None or (np.abs(z - begin) > np.abs(chord) + 0.2 * np.linalg.norm(
                    chord / self.unit) * self.unit).any():
                # Close to a branch point, where the corrector's system is singular.
                return begin if high - low < 0.1 else best
            t = tangent(self.system.system, z, self.unit, along)
            value = float(self.tests(z[None], t[None])[key][0])
            best = z
            if not np.isfinite(value):
                return None
            if abs(value) <= 1e-14 or high - low < 1e-13:
                break
            if value * f_low > 0:
                low, f_low, f_high = s, value, 0.5 * f_high
            else:
                high, f_high, f_low = s, value, 0.5 * f_low
        return best if abs(value) < 1e-2 * min(abs(first), abs(last)) else None


def _largest(values: Array) -> Any:
    """The largest finite number along the path."""
    return np.where(np.isfinite(values), values, 0).max(axis=0)


def _product(values: Array) -> Array:
    """Products of the rows, whose factors are real or come in pairs; 1 for none."""
    return np.asarray(np.prod(values, axis=1).real, dtype=float)


def inserted(system: CurveSystem, path: Path, events: Sequence[tuple[int, Found]], unit: Array
             ) -> Path:
    """The path with the points of events among its points."""
    z, tangents = list(path.z), list(path.tangents)
    shift = 1
    for k, event in events:
        at = k + shift
        near = [i for i in (at - 1, at) if 0 < i < len(z) - 1
                and (np.abs(z[i] - event.z) <= 1e-5 * unit).all()]
        if near:
            z[near[0]] = event.z
            continue
        z.insert(at, event.z)
        tangents.insert(at, tangent(system, event.z, unit, tangents[at - 1]))
        shift += 1
    return Path(np.array(z), np.array(tangents), path.end)
