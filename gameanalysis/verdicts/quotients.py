r"""Quotients by the directions of symmetries, without division, in any kind of numbers.

Symmetries xi_1, ..., xi_r whose values at a point are independent span a subspace T; seen
in r of the coordinates, the *dropped* ones, they are still independent, so the other, *kept*
coordinates are a basis of R^n / T.  With U_d and U_k the dropped and kept coordinates of
xi_1(x), ..., xi_r(x), a matrix J with J T = 0 acts on the quotient by Q,

    det(U_d) Q = det(U_d) J_kk - U_k adj(U_d) J_dk,

and a symmetric form whose kernel contains T is carried there by its principal submatrix of the
kept coordinates.  Which coordinates to drop is guessed in floats, and then proved.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..exact.definiteness import is_singular
from ..exact.exponentials import PiMultiple
from ..exact.minors import adjugate, determinant, dot, integers, minus, times
from ..exact.sparse_forms import Elimination
from ..exact.symmetries import Generator, Symmetries, combination
from ..truth import Truth
from .evidence import Evidence
from .forms import Matrices, Source
from .location import Location, RationalLocation

__all__ = ["Frame", "Tangents", "principal", "quotient", "sliced"]

Rows = list[list[Any]]

#: A pivot below this, relative to the largest entry, is taken for zero: a guess, proved later.
_RTOL = 1e-8


@dataclass(frozen=True, eq=False)
class Frame:
    """Generators that are independent at a point, seen in as many coordinates.

    ``dropped`` : those coordinates (declared order); the others complement the span.
    """

    generators: tuple[Generator, ...]
    dropped: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.dropped)


class Tangents:
    """The values of a game's symmetries at a certified point.

    found : the symmetries.  location : the point.
    """

    def __init__(self, found: Symmetries, location: Location) -> None:
        self.found, self.location = found, location
        self.n = len(found.game.variables)

    def framed(self, generators: Sequence[Generator], among: Sequence[int]) -> Frame:
        """As many generators and coordinates as seem independent: Gauss, on floats."""
        columns = list(among)
        x = self.location.x.tolist()
        full: NDArray[np.float64] = np.array([g.at(x) for g in generators],
                                             dtype=float).reshape(-1, self.n)
        work = full[:, columns]
        scale = float(np.abs(full).max(initial=0.0))
        rows, dropped = [], []
        while work.size:
            i, j = np.unravel_index(int(np.argmax(np.abs(work))), work.shape)
            if not abs(work[i, j]) > _RTOL * scale:
                break
            rows.append(generators[int(i)])
            dropped.append(columns[int(j)])
            work = work - np.outer(work[:, j], work[i] / work[i, j])
            work[i] = 0.0
        return Frame(tuple(rows), tuple(dropped))

    def vectors(self, m: Matrices, evidence: Evidence,
                generators: Sequence[Generator]) -> Rows:
        """xi(x) for each generator, in the numbers of ``m``, variables in declared order."""
        if evidence.jet is not None:
            assert isinstance(self.location, RationalLocation)
            rows = [g.at(self.location.values) for g in generators]
            return [integers([row])[0][0] for row in rows]
        inputs: Sequence[Any] = getattr(m.source, "inputs")
        x: list[Any] = [None] * self.n
        for k, value in zip(evidence.order.variables, inputs):
            x[k] = value
        if any(isinstance(value, PiMultiple) for value in x):
            raise ArithmeticError("multiples of pi are not added")
        return [g.at(x) for g in generators]

    def _dropped(self, m: Matrices, evidence: Evidence, frame: Frame) -> Rows:
        return [[v[j] for j in frame.dropped]
                for v in self.vectors(m, evidence, frame.generators)]

    def is_frame(self, evidence: Evidence, frame: Frame) -> bool:
        """Whether the vectors of a frame are proved to be independent in its coordinates."""
        return not len(frame) or evidence.truth(
            lambda m: is_singular(self._dropped(m, evidence, frame), m.sign)) is Truth.NO

    def acting_on(self, kept: Sequence[int], everywhere: bool) -> list[Generator]:
        """The symmetries that move only the variables ``kept``: identically, or at the point."""
        others = [j for j in range(self.n) if j not in kept]
        generators = self.found.generators
        rows: dict[Any, dict[int, Any]] = {}
        for k, g in enumerate(generators):
            if everywhere:
                for place, c in g.entries.items():
                    if place[0] not in kept:
                        rows.setdefault(place, {})[k] = c
            else:
                assert isinstance(self.location, RationalLocation)
                value = g.at(self.location.values)
                for j in others:
                    if value[j]:
                        rows.setdefault(j, {})[k] = Fraction(value[j])
        weights = Elimination(rows.values()).null_space(range(len(generators)))
        return [combination([generators[k] for k in w], list(w.values())) for w in weights]


class _SlicedSource:
    """The derivatives of a two-player game with some of the follower's actions held still.

    kept : the follower's actions that remain, counted from its first.
    """

    def __init__(self, source: Source, kept: Sequence[int]) -> None:
        self.source, self.kept = source, list(kept)
        n1, self.size = source.sizes
        self.sizes: tuple[int, ...] = (n1, len(self.kept))
        self.places = [*range(n1), *(n1 + k for k in self.kept)]

    def first(self) -> list[Any]:
        """D f1 in all variables, then F."""
        values = self.source.first()
        n = self.sizes[0] + self.size
        return [values[k] for k in self.places] + [values[n + k] for k in self.kept]

    def second(self) -> Rows:
        """J."""
        return principal(self.source.second(), self.places)

    def lower(self) -> Rows:
        """The rows D D_y f1 of the Hessian of f1."""
        rows = self.source.lower()
        return [[rows[k][j] for j in self.places] for k in self.kept]

    def third(self, v: Sequence[Any]) -> Rows:
        """The Hessian of h = v . F, v held constant."""
        whole: list[Any] = [v[0] * 0] * self.size       # zero, in the same kind of numbers
        for k, value in zip(self.kept, v):
            whole[k] = value
        return principal(self.source.third(whole), self.places)


def sliced(m: Matrices, kept: Sequence[int]) -> Matrices:
    """The matrices of a two-player game with only some of the follower's actions free."""
    return Matrices(_SlicedSource(m.source, kept), m.sign, m.response_free)


def principal(rows: Sequence[Sequence[Any]], kept: Sequence[int]) -> Rows:
    """The principal submatrix of the kept rows and columns."""
    return [[rows[i][j] for j in kept] for i in kept]


def quotient(matrix: Sequence[Sequence[Any]], vectors: Sequence[Sequence[Any]],
             dropped: Sequence[int], sign: Callable[[Any], int | None]) -> Rows | None:
    """A positive multiple of Q, None where that is not proved; see the head of the module.

    matrix : J, n x n.  vectors : xi_1(x), ..., xi_r(x), which J maps to zero.
    dropped : r coordinates.  sign : of a number, None where unknown.

    >>> from gameanalysis.exact.minors import exact_sign
    >>> quotient([[1, 1, 0], [1, 1, 0], [0, 0, 3]], [[1, -1, 0]], [0], exact_sign)
    [[2, 0], [0, 3]]
    """
    kept = [k for k in range(len(matrix)) if k not in dropped]
    inner = [[v[j] for v in vectors] for j in dropped]
    det = determinant(inner)
    direction = sign(det)
    if not direction:
        return None
    adjoint = adjugate(inner)
    out = []
    for k in kept:
        weights = [dot([v[k] for v in vectors], column) for column in zip(*adjoint)]
        row = [minus(times(det, matrix[k][j]), dot(weights, [matrix[a][j] for a in dropped]))
               for j in kept]
        # An exact zero is structure that later products need not carry.
        out.append([0 if sign(e) == 0 else e if direction > 0 else minus(0, e) for e in row])
    return out
