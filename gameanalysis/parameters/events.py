r"""Events on a branch of critical points: where its stability or its class can change.

Along a curve z = (x, lambda) of zeros of G with unit tangent t, and with mu_i the eigenvalues
of D_x g, each event is a change of sign of a test function:

    fold                t_lambda                     branch point     det [D G; t]
    border of a class   det D_ii f_i, det M          Hopf             prod_(i<j) (mu_i + mu_j)
    node to focus       prod_(i<j) (mu_i - mu_j)^2

and, of the update x - gamma g(x), with m_i = 1 - gamma mu_i,

    period doubling     prod_i (m_i + 1)             Neimark-Sacker   prod_(i<j) (m_i m_j - 1).

(The product of the sums is the determinant of the bialternate product 2 D_x g (.) I; where it
vanishes because two real eigenvalues are opposite, a neutral saddle, nothing changes.)  A
change of sign between two points of a path is bracketed and then refined (`unfoldings`); two
changes between neighbouring points cancel and are not seen.

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

#: Normalised test functions below this are rounding noise.
_NOISE = 1e-11
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

    def events(self, path: Path) -> Iterator[tuple[int, Found]]:
        """(segment, event) for each event on a path, in order."""
        self._sizes.clear()
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

    def _same(self, event: Found, other: Found) -> bool:
        if event.certified and other.certified:
            near = _SAME
        else:
            # Where branches cross the systems of other events are singular.
            near = _ABOUT if EventKind.BRANCH in (event.kind, other.kind) else 1e3 * _SAME
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
