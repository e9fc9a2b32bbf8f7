r"""A ball round a critical point in which an update contracts, proved box by box.

Let J* be the Jacobian of omega_S_tau at x*, and |(u, v)|_s = |(u, s v)| for the leader's u
and the follower's v, 0 < s <= 1; as matrix norm |M|_s = |W M W^-1|_2, W = diag(I, s I).  If

    |J_S_tau(x) - J*|_s <= slack      for every x with |x - x*|_s <= rho,

and |I - gamma J*|_s + gamma slack <= q < 1, then by the mean value theorem an update from
such an x gives |x+ - x*|_s <= q |x - x*|_s, stays there, and so on.  The Euclidean ball of
radius rho lies in that set, for s <= 1.

The set is covered by boxes, J_S_tau is evaluated on them in interval arithmetic, and rho is
the largest radius of a ladder for which the bound holds on every box.  Each success is a
proof of its own.  For few variables the derivatives of J_S_tau are enclosed too, and with
G_ijk >= |D_k (J_S_tau)_ij| on all the boxes and reach w_k rho along the axes

    |(J_S_tau(x) - J*)_ij| <= rho (sum_k (G_ijk w_k)^2)^(1/2),

which is sharper where the derivatives are small at x*.  For quadratic costs J_S_tau is constant
and rho infinite.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..programs.blocks import ResponseBlocks
from ..programs.graph import Graph
from ..programs.intervals import FloatIntervals
from ..programs.precise import NoEnclosure
from ..programs.program import Program
from .bounds import norm_bound
from .linearisation import Linearisation, leader_rows, read_number

__all__ = ["is_quadratic", "contraction_radius", "lipschitz_radius"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Pair = tuple[Array, Array]

#: The first ladder has this many radii, each half of the one before.
_RUNGS = 64
#: Boxes that cover a ball in the second ladder, at most, and boxes evaluated at once.
_CELLS, _BATCH = 256, 1 << 14
#: Derivatives of J_S_tau are derived for at most this many variables.
_THIRD = 4


def is_quadratic(lin: Linearisation) -> bool:
    """Whether the second derivatives are constant, so that J_S_tau is."""
    blocks = lin.forms.blocks
    rows = [*blocks.jacobian, *blocks.f1_hessian]
    return not any(blocks.graph.support[node] for row in rows for node in row)


def contraction_radius(lin: Linearisation, star: Pair, s: float, slack: float) -> float | None:
    """The largest rho found with |J_S_tau(x) - J*|_s <= slack where |x - x*|_s <= rho.

    ``star`` encloses J*.  None if there is none, or if intervals cannot enclose the game.
    """
    if is_quadratic(lin):
        return np.inf
    try:
        return _Search(lin, star, s, slack).run()
    except NoEnclosure:
        return None


class _Search:
    """The ladders of radii of one call."""

    def __init__(self, lin: Linearisation, star: Pair, s: float, slack: float) -> None:
        self.lin, self.star, self.slack = lin, star, slack
        self.weight = np.where(np.arange(lin.n) < lin.n1, 1.0, s)
        self.low, self.high = _float_ends(lin)
        self.slopes = _slopes(lin)

    def run(self) -> float | None:
        """One box for each radius first, then many, then a finer ladder."""
        top = 2.0**10 * (1 + np.abs(self.high).max())
        best = self._largest(top * 2.0 ** -np.arange(_RUNGS), 1)
        if best is None:
            return None
        cells = max(1, int(_CELLS ** (1 / self.lin.n)))
        for ladder in (2.0 ** (np.arange(1, 25) / 4), 2.0 ** (np.arange(1, 8) / 32)):
            best = self._largest(best * ladder, cells) or best
        return best

    def _largest(self, radii: Array, cells: int) -> float | None:
        good = self._hold(radii, cells)
        return float(radii[good].max()) if good.any() else None

    def _hold(self, radii: Array, cells: int) -> Mask:
        """For which radii the bound is proved on all the boxes of a cover."""
        low, high = _cover(self.lin.n, cells)
        share = max(1, _BATCH // len(low))
        return np.concatenate([self._batch(radii[k:k + share], low, high)
                               for k in range(0, len(radii), share)])

    def _batch(self, radii: Array, low: Array, high: Array) -> Mask:
        n = self.lin.n
        reach = radii[:, None, None] / self.weight
        a = (self.low + low * reach).reshape(-1, n)
        b = (self.high + high * reach).reshape(-1, n)
        size = 4e-16 * (np.abs(a) + np.abs(b) + np.abs(self.low)) + 1e-300
        a, b = (a - size).T, (b + size).T
        shape = (len(radii), len(low), n, n)
        found, defined = _jacobians(self.lin, a, b)
        with np.errstate(all="ignore"):
            error = np.maximum(np.abs(found[1] - self.star[0]), np.abs(self.star[1] - found[0]))
            error = (error * (1 + 1e-15)).reshape(shape)
            if self.slopes is not None:
                slope, smooth = _magnitudes(self.slopes, a, b)
                slope = np.where(smooth[:, None], slope, np.inf)
                slope = slope.reshape(*shape, n).max(axis=1)
                along = np.sqrt(((slope * (reach[:, :, None] * (1 + 1e-14))) ** 2).sum(axis=-1))
                # A NaN, no bound, loses against a number.
                error = np.fmin(error, along[:, None] * (1 + 1e-13))
            error *= (self.weight[:, None] / self.weight) * (1 + 1e-15)
            held = (norm_bound(error) <= self.slack) & defined.reshape(shape[:2])
        return np.asarray(held.all(axis=1))


def _float_ends(lin: Linearisation) -> Pair:
    ends = [lin.arithmetic.bounds(v) for v in lin.inputs]
    low = np.array([np.nextafter(float(a), -np.inf) for a, _ in ends])
    return low, np.array([np.nextafter(float(b), np.inf) for _, b in ends])


def _cover(n: int, cells: int) -> Pair:
    """Boxes (rows) that cover the unit ball: those of a grid on [-1, 1]^n that meet it."""
    if cells == 1:
        return np.full((1, n), -1.0), np.ones((1, n))
    edges = np.linspace(-1.0, 1.0, cells + 1)
    index = np.stack(np.meshgrid(*[np.arange(cells)] * n, indexing="ij"), axis=-1).reshape(-1, n)
    low, high = edges[index], edges[index + 1]
    nearest = np.maximum(np.maximum(low, -high), 0.0)
    meets = (nearest ** 2).sum(axis=1) <= 1 + 1e-9
    return low[meets], high[meets]


def _jacobians(lin: Linearisation, low: Array, high: Array) -> tuple[Pair, Mask]:
    """J_S_tau over boxes (columns): ends (N, n, n), and where it is defined."""
    arithmetic = FloatIntervals()
    with np.errstate(all="ignore"):
        inputs = [arithmetic.interval(a, b) for a, b in zip(low, high)]
        tau = read_number(lin.tau, arithmetic)
        rows = leader_rows(lin.forms, inputs, arithmetic)
        flat = lin.forms.second.evaluate(inputs, arithmetic)[lin.n1 * lin.n:]
        entries = [e for row in rows for e in row] + [arithmetic.mul(tau, e) for e in flat]
    ends = _ends(entries, low.shape[1])
    defined = np.broadcast_to(np.asarray(arithmetic.defined), low.shape[1:])
    shape = (low.shape[1], lin.n, lin.n)
    return (ends[0].reshape(shape), ends[1].reshape(shape)), defined


def _ends(entries: Sequence[Any], count: int) -> Pair:
    """Intervals as two arrays (N, entries)."""
    low, high = np.empty((2, len(entries), count))
    for k, entry in enumerate(entries):
        low[k], high[k] = entry.lo, entry.hi
    return low.T, high.T


def lipschitz_radius(lin: Linearisation, gamma: float, ratio: float
                     ) -> tuple[float, float] | None:
    """(delta, L): L bounds a Lipschitz constant of I - gamma J_S_tau in the ball of radius delta.

    delta is the largest radius found with delta <= ratio / L, by interval enclosures of
    the third derivatives of the costs; the paper's radius with ratio = alpha/(4 beta).
    None for more than four variables, and where no radius was found.
    """
    if is_quadratic(lin):
        return np.inf, 0.0
    try:
        program = _slopes(lin)
        if program is None:
            return None
        low, high = _float_ends(lin)
        radii = 2.0**10 * (1 + np.abs(high).max()) * 2.0 ** (-np.arange(8 * _RUNGS) / 8)
        a, b = low[:, None] - radii, high[:, None] + radii
        spread = 4e-16 * (np.abs(a) + np.abs(b))
        size, defined = _magnitudes(program, a - spread, b + spread)
    except NoEnclosure:
        return None
    with np.errstate(all="ignore"):
        # |DJ(x)[h]|_2 <= |DJ(x)|_F |h|.
        constant = gamma * np.sqrt((size ** 2).sum(axis=1)) * (1 + 1e-12)
        good = (radii * constant <= ratio) & defined
    if not good.any():
        return None
    k = int(np.argmax(good))
    return float(radii[k]), float(constant[k])


def _magnitudes(program: Program, low: Array, high: Array) -> tuple[Array, Mask]:
    """Bounds of |outputs| over boxes (columns), (N, outputs), and where they are defined."""
    arithmetic = FloatIntervals()
    with np.errstate(all="ignore"):
        inputs = [arithmetic.interval(*ends) for ends in zip(low, high)]
        least, most = _ends(program.evaluate(inputs, arithmetic), low.shape[1])
    return (np.maximum(np.abs(least), np.abs(most)),
            np.broadcast_to(np.asarray(arithmetic.defined), low.shape[1:]))


def _slopes(lin: Linearisation) -> Program | None:
    """The derivatives of the entries of J_S_tau; None for too many variables."""
    if lin.n > _THIRD:
        return None
    blocks = lin.forms.blocks
    graph: Graph = blocks.graph
    nodes = ResponseBlocks(blocks, lin.tau).jacobian()
    rows = graph.jacobian(nodes, blocks.x)
    return Program(graph, [node for row in rows for node in row], lin.n)
