r"""Systems whose isolated zeros are the events on a branch of critical points.

An event on a curve G(x, lambda) = 0 is refined, and proved, as a zero of a square system with
more unknowns (Seydel; Griewank and Reddien; Moore and Spence); e_k is a unit vector, g the
field, K one of D_ii f_i, M and D (det M D f1, F), and gamma a learning rate:

    fold                D_x G v = 0,  v_k = 1
    border              K v = 0,  v_k = 1
    Hopf                D_x g (a + i b) = i om (a + i b),  (a + i b)_k = 1
    node to focus       D_x g v = kappa v,  D_x g u = kappa u + v,  v_k = 1,  u_k = 0
    period doubling     (gamma D_x g - 2 I) v = 0,  v_k = 1
    Neimark-Sacker      (I - gamma D_x g)(a + i b) = (c + i s)(a + i b),  c^2 + s^2 = 1
    branch point        G + mu e_q = 0,  D G^T psi = 0,  psi_q = 1

each with G = 0.  Where Krawczyk's test succeeds the system is regular, so the event is there,
is simple and is crossed.  A branch point has mu = 0 exactly, which no interval can prove: it
is certified where all its unknowns are rational, or multiples of pi; so is a border of the
Stackelberg class on a branch of omega = 0, where D f1 = 0 must hold exactly.

References: R. Seydel, Numerische Mathematik 33 (1979); A. Griewank and G. Reddien, IMA J.
Numer. Anal. 3 (1983); G. Moore, SIAM J. Numer. Anal. 17 (1980).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from ..errors import UnsupportedFunction
from ..numerics.certify import certify
from ..numerics.critical import newton
from ..compilation.compiled import CompiledField
from ..compilation.parametric import ParametricGame
from ..verdicts.location import CertifiedLocation, numbers_at

__all__ = ["EventKind", "Found", "Unfoldings"]

Array = NDArray[np.float64]
#: A point, how far from the exact one it is at most, that as SymPy numbers, an enclosure.
Proof = tuple[Array, float, "tuple[sp.Expr, ...] | None", tuple[Array, Array]]

#: mu of a branch point, where Newton's method has converged.
_RANK = 1e-9


class EventKind(Enum):
    """What happens at an event; the value is the sentence shown.

    In the order in which an event that is several of these is named.
    """

    BRANCH = "branch point: another branch crosses"
    FOLD = "fold: two points meet and vanish"
    RESPONSE = "the followers' joint Jacobian is singular: their response is not defined"
    FOLLOWER = "a follower's own Hessian is singular: a border of both classes"
    NASH = "the leader's own Hessian is singular: a border of the Nash class"
    LEADER = "the leader's total Hessian is singular: a border of the Stackelberg class"
    HOPF = "Hopf point: a pair of eigenvalues crosses the imaginary axis"
    NEIMARK_SACKER = "Neimark-Sacker point of the update: a pair crosses the unit circle"
    FLIP = "period doubling of the update: an eigenvalue crosses -1"
    NODE = "two eigenvalues meet: a node becomes a focus, or a focus a node"


@dataclass(frozen=True, eq=False)
class Found:
    """An event as it is found on a path: plain data, before it is labelled.

    ``z`` : the point (x, lambda); ``radius`` bounds its distance to the exact one if
    ``certified``.  ``also`` : other kinds at the same point.  ``player`` : whose Hessian is
    singular, from 0.  ``directions`` : at a branch point, the unit tangents of the branches.
    ``ends`` : an enclosure of a proved event.
    """

    kind: EventKind
    z: Array
    certified: bool
    radius: float
    eigenvalues: NDArray[np.complex128]
    also: tuple[EventKind, ...] = ()
    player: int | None = None
    exact: tuple[sp.Expr, ...] | None = None
    directions: tuple[Array, ...] = ()
    ends: tuple[Array, Array] | None = None


class Unfoldings:
    """The systems of a game's events, compiled once each.

    ``unit`` is the unit of each coordinate and of the parameter; ``gamma`` the learning rate
    of the update that is watched, or None.
    """

    def __init__(self, system: ParametricGame, unit: Array, gamma: Fraction | None = None
                 ) -> None:
        self.system, self.unit, self.gamma = system, unit, gamma
        self.n = system.n
        self._fields: dict[Any, CompiledField] = {}

    def eigenvalues(self, z: Array) -> NDArray[np.complex128]:
        """The eigenvalues of D_x g at points (N, n + 1); NaN where it is not defined."""
        matrix = self.system.field_jacobian_program.batch(z).reshape(-1, self.n, self.n)
        usable = np.isfinite(matrix).all(axis=(1, 2))
        out = np.full((len(z), self.n), np.nan + 0j)
        if usable.any():
            out[usable] = np.linalg.eigvals(matrix[usable])
        return out

    def near(self, kind: EventKind, player: int | None, z: Array, reach: float
             ) -> Found | None:
        """The event near z, refined and if possible certified; None where there is none."""
        try:
            event = self._refined(kind, player, z, reach)
            if kind is EventKind.FOLD and (event is None or not event.certified):
                # A branch also turns where another one crosses it.
                event = self._refined(EventKind.BRANCH, None, z, reach) or event
        except UnsupportedFunction:
            return None
        return event

    def _refined(self, kind: EventKind, player: int | None, z: Array, reach: float
                 ) -> Found | None:
        made = self._unfold(kind, player, z)
        if made is None:
            return None
        field, begin = made
        end, converged = newton(field, begin[None], max_steps=30)
        n = self.n + 1
        good = bool(converged[0]) and np.linalg.norm((end[0][:n] - z) / self.unit) <= reach
        if kind is EventKind.BRANCH and not (good and abs(end[0][-1]) < _RANK):
            return None
        refined = end[0] if good else begin
        proof = self._proved(field, refined, kind) if good else None
        point, radius, exact, ends = (
            (refined[:n], float("inf"), None, None) if proof is None else proof)
        return Found(kind, point, proof is not None, radius, self.eigenvalues(point[None])[0],
                     player=player, exact=exact, ends=ends,
                     directions=self._directions(kind, point, refined))

    def _proved(self, field: CompiledField, x: Array, kind: EventKind) -> Proof | None:
        """The point of the one event near x, with its radius; None where that is no proof."""
        n = self.n + 1
        box = [(a - 0.1 * (1 + abs(a)), a + 0.1 * (1 + abs(a))) for a in x.tolist()]
        try:
            zeros = certify(field, x[None], box, max_boxes=0).zeros
        except UnsupportedFunction:
            return None
        if not zeros:
            return None
        zero = zeros[0]
        program = field.value_program
        assert program is not None
        location = CertifiedLocation(zero, program, lambda: ())
        exact = location.exact
        if kind is EventKind.BRANCH and (exact is None or exact[-1] != 0):
            return None
        if kind is EventKind.LEADER and not (exact and self._is_leading(exact[:n])):
            return None
        return (zero.x[:n].copy(), zero.radius, None if exact is None else exact[:n],
                (zero.low[:n], zero.high[:n]))

    def _is_leading(self, z: tuple[sp.Expr, ...]) -> bool:
        """Whether the leader's total derivative is proved to be zero at an exact point."""
        numbers, program = numbers_at(z), self.system.leader_program
        if numbers is None or program is None:
            return False
        try:
            return not any(map(numbers.sign, program.evaluate(numbers.inputs, numbers)))
        except ArithmeticError:
            return False

    def _unfold(self, kind: EventKind, player: int | None, z: Array
                ) -> tuple[CompiledField, Array] | None:
        """The system of an event and where to start; None for a neutral saddle and the like."""
        if kind is EventKind.BRANCH:
            return self._branch_system(z)
        if kind in (EventKind.HOPF, EventKind.NEIMARK_SACKER):
            return self._pair_system(kind, z)
        if kind is EventKind.NODE:
            return self._double_system(z)
        s, graph = self.system, self.system.graph
        if kind is EventKind.FOLD:
            rows = s.system_jacobian
        elif kind is EventKind.RESPONSE:
            rows = s.response
        elif kind is EventKind.LEADER:
            rows = s.leader_jacobian
        elif kind is EventKind.FLIP:
            assert self.gamma is not None
            gamma, two = graph.constant(self.gamma), graph.constant(2)
            rows = [[graph.sub(graph.mul(gamma, e), two) if i == j else graph.mul(gamma, e)
                     for j, e in enumerate(row)] for i, row in enumerate(s.field_jacobian)]
        else:
            assert player is not None
            part = s.own[player]
            rows = [row[part] for row in s.jacobian[part]]
        m = len(rows)
        matrix = np.array(s.program([e for row in rows for e in row]).at(z)).reshape(m, m)
        v = _null(matrix)
        k = int(np.argmax(np.abs(v)))
        unknowns = s.more[:m]
        equations = [graph.dot(row, unknowns) for row in rows]
        field = self._compiled((kind, player, k), lambda: [
            *s.system_nodes, *equations, graph.sub(unknowns[k], graph.one)], self.n + 1 + m)
        return field, np.concatenate([z, v / v[k]])

    def _compiled(self, key: Any, nodes: Callable[[], list[int]], n: int) -> CompiledField:
        if key not in self._fields:
            self._fields[key] = self.system.unfolded(nodes(), n)
        return self._fields[key]

    def _pair_system(self, kind: EventKind, z: Array) -> tuple[CompiledField, Array] | None:
        s, graph, n = self.system, self.system.graph, self.n
        matrix = s.field_jacobian_program.at(z).reshape(n, n)
        if not np.isfinite(matrix).all():
            return None
        hopf = kind is EventKind.HOPF
        gamma = 1.0 if hopf else float(self.gamma or 1)
        values, vectors = np.linalg.eig(matrix)
        away = np.abs(values.real) if hopf else np.abs(np.abs(1 - gamma * values) - 1)
        # A pair: two real eigenvalues that are opposite (or inverse) are a neutral saddle.
        pairs = np.flatnonzero(values.imag > 1e-9 * np.abs(values))
        if not len(pairs):
            return None
        i = pairs[np.argmin(away[pairs])]
        size = abs(values[i]) if hopf else 1.0
        if away[i] > 1e-4 * size:
            return None
        v = vectors[:, i]
        k = int(np.argmax(np.abs(v)))
        v = v / v[k]
        a, b, rest = s.more[:n], s.more[n:2 * n], s.more[2 * n:]

        def nodes() -> list[int]:
            out = list(s.system_nodes)
            norm = [graph.sub(a[k], graph.one), b[k]]
            if hopf:
                for r, row in enumerate(s.field_jacobian):
                    out += [graph.add(graph.dot(row, a), graph.mul(rest[0], b[r])),
                            graph.sub(graph.dot(row, b), graph.mul(rest[0], a[r]))]
                return out + norm
            rate = graph.constant(self.gamma or Fraction(1))
            c, sn = rest[:2]
            for r, row in enumerate(s.field_jacobian):
                real = graph.sub(a[r], graph.mul(rate, graph.dot(row, a)))
                imag = graph.sub(b[r], graph.mul(rate, graph.dot(row, b)))
                out += [graph.sub(real, graph.sub(graph.mul(c, a[r]), graph.mul(sn, b[r]))),
                        graph.sub(imag, graph.add(graph.mul(c, b[r]), graph.mul(sn, a[r])))]
            circle = graph.add(graph.pow(c, 2), graph.pow(sn, 2))
            return out + norm + [graph.sub(circle, graph.one)]
        m = 1 - gamma * values[i]
        last = [values[i].imag] if hopf else [m.real, m.imag]
        field = self._compiled((kind, k), nodes, 3 * n + 1 + len(last))
        return field, np.concatenate([z, v.real, v.imag, last])

    def _double_system(self, z: Array) -> tuple[CompiledField, Array] | None:
        """A double eigenvalue with one eigenvector."""
        s, graph, n = self.system, self.system.graph, self.n
        matrix = s.field_jacobian_program.at(z).reshape(n, n)
        if not np.isfinite(matrix).all():
            return None
        values = np.linalg.eigvals(matrix)
        i, j = np.triu_indices(n, 1)
        gap = np.abs(values[i] - values[j])
        closest = int(np.argmin(gap))
        kappa = 0.5 * (values[i] + values[j])[closest].real
        shifted = matrix - kappa * np.eye(n)
        v = _null(shifted)
        k = int(np.argmax(np.abs(v)))
        v = v / v[k]
        bordered = np.vstack([shifted, np.eye(n)[k]])
        u = np.linalg.lstsq(bordered, np.append(v, 0.0), rcond=None)[0]
        vs, us, value = s.more[:n], s.more[n:2 * n], s.more[2 * n]

        def nodes() -> list[int]:
            out = list(s.system_nodes)
            for r, row in enumerate(s.field_jacobian):
                out += [graph.sub(graph.dot(row, vs), graph.mul(value, vs[r])),
                        graph.sub(graph.sub(graph.dot(row, us), graph.mul(value, us[r])), vs[r])]
            return [*out, graph.sub(vs[k], graph.one), us[k]]
        field = self._compiled((EventKind.NODE, k), nodes, 3 * n + 2)
        return field, np.concatenate([z, v, u, [kappa]])

    def _branch_system(self, z: Array) -> tuple[CompiledField, Array] | None:
        s, graph, n = self.system, self.system.graph, self.n
        jacobian = s.system.jacobian(z)
        psi = np.linalg.svd(jacobian * self.unit)[0][:, -1]
        q = int(np.argmax(np.abs(psi)))
        dual, mu = s.more[:n], s.more[n]

        def nodes() -> list[int]:
            rows = graph.jacobian(s.system_nodes, s.point)
            out = [graph.add(node, mu) if r == q else node
                   for r, node in enumerate(s.system_nodes)]
            return [*out, *(graph.dot(column, dual) for column in zip(*rows)),
                    graph.sub(dual[q], graph.one)]
        return (self._compiled((EventKind.BRANCH, q), nodes, 2 * n + 2),
                np.concatenate([z, psi / psi[q], [0.0]]))

    def _directions(self, kind: EventKind, z: Array, refined: Array
                    ) -> tuple[Array, ...]:
        """The unit tangents of the two branches that cross: zeros of psi . D^2 G [w, w]."""
        if kind is not EventKind.BRANCH:
            return ()
        system, psi = self.system.system, refined[self.n + 1:2 * self.n + 1]
        p, q = np.linalg.svd(system.jacobian(z) * self.unit)[2][-2:]

        def second(v: Array, w: Array) -> float:
            h = 1e-6
            slope = (system.jacobian(z + h * v * self.unit)
                     - system.jacobian(z - h * v * self.unit)) / (2 * h)
            return float(psi @ slope @ (w * self.unit))
        a, b, c = second(p, p), second(p, q), second(q, q)
        root = b * b - a * c
        if root <= 0:
            return ()
        # Both zeros (x, y) of a x^2 + 2 b x y + c y^2, without cancellation.
        top = -(b + np.copysign(np.sqrt(root), b))
        pairs = ((top, a), (c, top))
        return tuple(w / np.linalg.norm(w) for x, y in pairs
                     if np.linalg.norm(w := x * p + y * q) > 0)


def _null(matrix: Array) -> Array:
    """The unit vector that a matrix shrinks most."""
    return np.asarray(np.linalg.svd(matrix)[2][-1], dtype=float)
