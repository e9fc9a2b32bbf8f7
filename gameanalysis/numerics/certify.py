r"""Proof: every zero of a field in a box, by interval branch and prune.

For a box X with midpoint m, a field g, its Jacobian J over X and any matrix Y,
every zero of g in X lies also in Krawczyk's box

    K(X) = m - Y g(m) + (I - Y J(X)) (X - m),

and if K(X) lies in the interior of X, there is exactly one (Krawczyk 1969; Moore
1977).  The search keeps a stack of boxes.  Each is

- dropped, if g(X) excludes zero, or if it lies in a region already proved to
  hold exactly one zero;
- contracted, by Gauss-Seidel steps on Y J(X) (X - m) = -Y g(m) (Hansen and
  Sengupta 1981), and dropped if nothing remains;
- else split in two, off its centre, so that zeros do not come to lie on faces.

When Newton's method from a box converges to a new point p, a box centred at p is
tried with Krawczyk's operator, whatever the partition, so a zero on a face or on
the edge of the domain is found like any other.  What remains below a smallest
width, or when the budget is spent, is reported as undecided, with a reason.

All arithmetic of the search is outward rounded (`intervals`), and every region that
holds a zero is proved again at high precision before it is believed.

With many variables a system that has blocks is solved block by block (`structure`), boxes
are first cut by propagation (`propagation`), and fields that are no polynomials are enclosed
by affine forms (`relaxation`), polynomials by Taylor expansions (`taylor`).

References: Neumaier, Interval Methods for Systems of Equations, CUP 1990, chapter 5;
Hansen and Walster, Global Optimization Using Interval Analysis, 2004.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..dynamics import VectorField
from ..errors import BoxError
from ..compilation.compiled import CompiledField, compile_field
from ..truth import Truth
from .critical import Candidates, float_box, newton
from .enclosure import Region, System, Zero
from .relaxation import WIDE
from .structure import (Block, independent_parts, join, leading_field, pattern,
                        triangular_blocks)
from .taylor import system_of
from .undecided import Reason, Undecided, merge

__all__ = ["Certificate", "certify"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Boxes that could not be decided are tried once more if they are this few.
_TRIED = 64
#: The budget by default: boxes, and operations of the field over all boxes.
_BOXES, _OPERATIONS = 2_000_000, 3 * 10 ** 9
#: With more variables a budget of work in nanoseconds: two cores are done in a minute ...
_FEW, _WORK = 6, 4.5e10
#: ... of which a region to be confirmed takes about as much as so many boxes.
_CONFIRMATION = 150
#: This many boxes that the budget left over are shown apart, more as their hull.
_SHOWN = 1000
#: Independent parts with more combinations of zeros than this are not combined.
_JOINED = 20_000
#: Candidates proved together: all rungs of all of them are one array of so many entries.
_ENTRIES = 2 ** 22
#: Boxes handled together.
_BATCH = 4096
#: A box is split at this fraction of its width: no zero of a game sits there.
_SPLIT = 0.4871
#: Boxes narrower than this fraction of the domain are not split again ...
_NARROW = 2.0 ** -30
#: ... and once this many are left over, the fraction is raised, to end in time.
_CROWD = 400


@dataclass(frozen=True)
class Certificate:
    """What is proved of the zeros of a field in a box.

    ``zeros``: each with a box that holds exactly one zero, no zero twice;
    ``undecided``: boxes that may hold more, with reasons; ``complete`` is YES
    exactly when there are none, so that ``zeros`` are all zeros.
    """

    zeros: tuple[Zero, ...]
    undecided: tuple[Undecided, ...]
    n_boxes: int

    @property
    def complete(self) -> Truth:
        """YES if ``zeros`` are proved to be all, else UNDECIDED."""
        return Truth.UNDECIDED if self.undecided else Truth.YES

    def __repr__(self) -> str:
        state = ("proved complete" if not self.undecided
                 else f"{len(self.undecided)} boxes undecided")
        return f"{len(self.zeros)} certified zeros, {state}, {self.n_boxes} boxes examined"


def certify(field: VectorField | CompiledField, candidates: Candidates | Array | None,
            box: Sequence[Any], *, max_boxes: int | None = None) -> Certificate:
    """Prove which zeros a field has in a closed box.

    Guarantee: every zero returned exists, is the only one in its ``region``, and is
    returned once; every zero of the box is returned or lies in an undecided box.  A
    zero on the edge of the box is returned if its enclosure touches the box.

    Parameters
    ----------
    field : a `VectorField` or a compiled one; coordinates with a period are searched
        over one period at most, and no zero is returned twice.
    candidates : points to try first, shape (k, n), or None; they save work only.
    box : n pairs (low, high).
    max_boxes : the budget; boxes left when it is spent are undecided.  With 0 only
        the candidates are examined.  None is two million, or fewer where the field
        has so many operations that this would take minutes; with more than 6 variables
        it is a budget of work, zeros to be confirmed included, that two cores spend in
        about a minute.

    Raises `BoxError` for a box that does not fit, `NoEnclosure` for a function that
    intervals cannot enclose.

    >>> import sympy as sp
    >>> x = sp.symbols("x", real=True)
    >>> found = certify(VectorField([x**2 - 2], [x]), None, [(-2, 2)])
    >>> len(found.zeros), found.complete
    (2, <Truth.YES>)
    """
    compiled = field if isinstance(field, CompiledField) else compile_field(field, form="entries")
    domain = float_box(box, compiled.n)
    if max_boxes is not None and max_boxes < 0:
        raise BoxError(f"max_boxes must not be negative: {max_boxes}")
    system = system_of(compiled)
    confirmation = 0
    if max_boxes is None and compiled.n > _FEW:
        max_boxes, confirmation = int(min(_BOXES, _WORK / system.work)), _CONFIRMATION
    elif max_boxes is None:
        max_boxes = min(_BOXES, _OPERATIONS // (1 + system.n_operations))
    if compiled.n >= WIDE and max_boxes:
        solved = _by_blocks(system, domain, max_boxes // 2, confirmation)
        if isinstance(solved, Certificate):
            return solved
        max_boxes -= solved
    work = _Search(system, domain, max_boxes, confirmation)
    x = candidates.x if isinstance(candidates, Candidates) else candidates
    if x is not None and len(x):
        work.try_points(np.asarray(x, dtype=float), None)
    work.run()
    return work.certificate()


class _Search:
    """The state of one branch and prune."""

    def __init__(self, system: System, domain: Array, max_boxes: int,
                 confirmation: int = 0, width: Array | None = None) -> None:
        self.system, self.n = system, system.n
        self.low, self.high = system.fundamental(domain)
        self.width = self.high - self.low if width is None else width
        self.max_boxes, self.confirmation = max_boxes, confirmation
        self.n_boxes, self.spent = 0, 0
        self.narrow = _NARROW
        self.regions = _Regions(self.n)
        self.zeros: list[Zero] = []
        self.own, self.enclosures = _Regions(self.n), _Regions(self.n)
        self.left: list[tuple[Array, Array, Mask]] = []
        self.n_left = 0
        self.rest: list[tuple[Array, Array]] = []

    def run(self) -> None:
        """Examine boxes, newest first, until none is left or the budget is spent."""
        stack = [(self.low[:, None], self.high[:, None])]
        while stack:
            low, high = stack.pop()
            while stack and low.shape[1] < _BATCH and \
                    low.shape[1] + stack[-1][0].shape[1] <= _BATCH:
                more = stack.pop()
                low, high = np.hstack([low, more[0]]), np.hstack([high, more[1]])
            if self.n_boxes + self.spent + low.shape[1] > self.max_boxes:
                self.rest = [(low, high), *stack]
                return
            self.n_boxes += low.shape[1]
            low, high = self._examine(low, high)
            for start in range(0, low.shape[1], _BATCH):
                stop = start + _BATCH
                stack.append((low[:, start:stop], high[:, start:stop]))

    # -- one sweep -------------------------------------------------------

    def _examine(self, low: Array, high: Array) -> tuple[Array, Array]:
        """Prune, contract and split a batch; the boxes still to be examined."""
        keep = self.regions.without(low, high)
        low, high = low[:, keep], high[:, keep]
        if not low.shape[1]:
            return low, high
        size = (high - low) / self.width[:, None]
        low, high, keep = self.system.sift(low, high)
        low, high, size = low[:, keep], high[:, keep], size[:, keep]
        if not low.shape[1]:
            return low, high
        step = self.system.contract(low, high)
        if step.promising.any():
            self._try_boxes(low[:, step.promising], high[:, step.promising])
        keep = ~step.empty
        new_low, new_high, size = step.low[:, keep], step.high[:, keep], size[:, keep]
        weight, defined = step.weight[:, keep], step.defined[keep]
        if not new_low.shape[1]:
            return new_low, new_high
        new_size = (new_high - new_low) / self.width[:, None]
        shrunk = (new_size < 0.6 * size).any(axis=0) & (new_size <= size).all(axis=0)
        narrow = new_size.max(axis=0) <= self.narrow
        again = shrunk & ~narrow
        split = ~shrunk & ~narrow
        if narrow.any():
            self._leave(new_low[:, narrow], new_high[:, narrow], defined[narrow])
        halves = _split(new_low[:, split], new_high[:, split], weight[:, split],
                        new_size[:, split], self.narrow)
        return (np.hstack([new_low[:, again], *halves[0]]),
                np.hstack([new_high[:, again], *halves[1]]))

    def _leave(self, low: Array, high: Array, defined: Mask) -> None:
        """Boxes too narrow to split: try once more, then put them aside."""
        if low.shape[1] <= _TRIED:
            self._try_boxes(low, high)
        self.left.append((low, high, defined))
        self.n_left += low.shape[1]
        if self.n_left > _CROWD:
            # A line of zeros would fill the smallest width with millions of boxes.
            self.narrow = min(self.narrow * 8, 2.0 ** -6)
            self.n_left = 0

    # -- zeros -----------------------------------------------------------

    def _try_boxes(self, low: Array, high: Array) -> None:
        """Newton's method from boxes that seem to hold one zero each."""
        middle = 0.5 * (low + high)
        x, converged = newton(self.system.field, middle.T, max_steps=12)
        # A box contracted to a thread says nothing of how far its zero is isolated.
        size = np.maximum(high - low, 2.0 ** -10 * self.width[:, None])
        good = converged & (np.abs(x.T - middle) <= 3 * size).all(axis=0)
        if good.any():
            self.try_points(x[good], 1.01 * size.T[good])

    def try_points(self, x: Array, radius: Array | None) -> None:
        """Try to prove a region round each approximate zero (rows of ``x``)."""
        if radius is None:
            radius = np.broadcast_to(self.width / 8, x.shape)
        new = [k for k in range(len(x)) if np.isfinite(x[k]).all()
               and not self.regions.holding(x[k], x[k]).any()]
        if not new:
            return
        step = max(1, _ENTRIES // (32 * self.n * self.n))
        regions = [region for start in range(0, len(new), step) for region in self.system.prove(
            x[new[start:start + step]], radius[new[start:start + step]]) if region is not None]
        fresh: list[Region] = []
        for region in regions:
            if self.enclosures.inside(region.low, region.high).any():
                self.regions.append(region.low, region.high)
            elif not any(_close(region, other) for other in fresh):
                fresh.append(region)
        if fresh:
            self.spent += self.confirmation * len(fresh)
            for zero, region in zip(self.system.confirm(fresh), fresh):
                if zero is not None:
                    self._add(zero, region)

    def _add(self, zero: Zero, region: Region) -> None:
        """Store a confirmed zero of a region, unless it is known already."""
        touching = self.enclosures.touching(zero.low, zero.high)
        touching |= self.own.holding(zero.low, zero.high)
        near = [self.zeros[k] for k in np.flatnonzero(touching)]
        if not near:
            self.zeros.append(zero)
            self.own.append(zero.region.low, zero.region.high)
            self.enclosures.append(zero.low, zero.high)
            self.regions.append(region.low, region.high)
        elif all(other.region.contains(zero.low, zero.high) for other in near):
            self.regions.append(region.low, region.high)

    # -- the result ------------------------------------------------------

    def certificate(self) -> Certificate:
        """Everything that came out, zeros outside the box left out."""
        zeros: list[Zero] = []
        own, turns = _Regions(self.n), bool(self.system.field.periods)
        for zero in sorted(self.zeros, key=lambda zero: tuple(zero.x)):
            if (zero.high >= self.low).all() and (zero.low <= self.high).all() \
                    and not own.holding(zero.low, zero.high).any() and not (turns and any(
                        self.system.same_modulo(zero, other) for other in zeros)):
                zeros.append(zero)
                own.append(zero.region.low, zero.region.high)
        undecided: list[Undecided] = []
        if self.left:
            low = np.hstack([part[0] for part in self.left])
            high = np.hstack([part[1] for part in self.left])
            defined = np.concatenate([part[2] for part in self.left])
            keep = self.regions.without(low, high)
            undecided += merge(low[:, keep], high[:, keep], defined[keep], self.width)
        if self.rest:
            low, high = (np.hstack([part[k] for part in self.rest]) for k in (0, 1))
            undecided = [*self._unexamined(low, high), *undecided]
        return Certificate(tuple(zeros), tuple(undecided), self.n_boxes)

    def _unexamined(self, low: Array, high: Array) -> list[Undecided]:
        """What the budget left over: heaps of touching boxes, or the hull of very many."""
        if low.shape[1] > _SHOWN:
            return [Undecided(low.min(axis=1), high.max(axis=1), Reason.BUDGET, low.shape[1])]
        heaps = merge(low, high, np.ones(low.shape[1], dtype=bool), self.width)
        return [replace(heap, reason=Reason.BUDGET) for heap in heaps]


class _Regions:
    """Boxes as two arrays of rows, which can be compared with others all at once."""

    def __init__(self, n: int) -> None:
        self._ends = np.empty((2, 16, n))
        self._count = 0

    def append(self, low: Array, high: Array) -> None:
        """One more box."""
        if self._count == self._ends.shape[1]:
            self._ends = np.concatenate([self._ends, np.empty_like(self._ends)], axis=1)
        self._ends[0, self._count], self._ends[1, self._count] = low, high
        self._count += 1

    @property
    def _lows(self) -> Array:
        return self._ends[0, :self._count]

    @property
    def _highs(self) -> Array:
        return self._ends[1, :self._count]

    def holding(self, low: Array, high: Array) -> Mask:
        """Which of them contain a given box."""
        return np.asarray(((self._lows <= low) & (self._highs >= high)).all(axis=1))

    def inside(self, low: Array, high: Array) -> Mask:
        """Which of them a given box contains."""
        return np.asarray(((self._lows >= low) & (self._highs <= high)).all(axis=1))

    def touching(self, low: Array, high: Array) -> Mask:
        """Which of them have a point in common with a given box."""
        return np.asarray(((self._lows <= high) & (self._highs >= low)).all(axis=1))

    def without(self, low: Array, high: Array) -> Mask:
        """Which of many boxes, given by columns, lie in none of them."""
        keep = np.ones(low.shape[1], dtype=bool)
        for least, most in zip(self._lows, self._highs):
            # Few boxes are left after the first coordinate.
            within = np.flatnonzero((low[0] >= least[0]) & (high[0] <= most[0]))
            if within.size:
                keep[within] &= ~((low[:, within] >= least[:, None])
                                  & (high[:, within] <= most[:, None])).all(axis=0)
        return keep


def _by_blocks(system: System, domain: Array, max_boxes: int, confirmation: int
               ) -> Certificate | int:
    """The zeros by the block structure, if there is one and all is proved.

    Otherwise how many boxes that took.
    """
    reads = pattern(system.value_program)
    blocks = triangular_blocks(reads)
    if blocks is None or len(blocks) == 1:
        return 0
    parts: list[tuple[list[int], list[Zero]]] = []
    spent = 0
    for group in independent_parts(blocks, reads):
        places, zeros, used = _one_part(system.field, group, domain, max_boxes - spent,
                                        confirmation)
        spent += used
        if zeros is None:
            return spent
        if not zeros:
            return Certificate((), (), spent)
        parts.append((places, zeros))
    joined = join(system.n, parts, _JOINED)
    if joined is None:
        return spent
    return Certificate(tuple(sorted(joined, key=lambda zero: tuple(zero.x))), (), spent)


def _one_part(field: CompiledField, group: Sequence[Block], domain: Array, max_boxes: int,
              confirmation: int) -> tuple[list[int], list[Zero] | None, int]:
    """(variables, zeros or None where some are not proved, boxes) of a part, by its blocks."""
    equations: list[int] = []
    places: list[int] = []
    zeros: list[Zero] = []
    spent = 0
    for k, (rows, columns) in enumerate(group):
        before, old = places, zeros
        equations = [*equations, *rows]
        places = sorted([*places, *columns])
        system = system_of(leading_field(field, equations, places))
        inside = [places.index(j) for j in before]
        zeros = []
        for zero in old if k else [None]:
            box = domain[places].copy()
            if zero is not None:
                box[inside, 0], box[inside, 1] = zero.low, zero.high
            # Widths are those of the domain: an enclosure is narrow, not a domain of its own.
            work = _Search(system, box, max_boxes - spent, confirmation,
                           domain[places, 1] - domain[places, 0])
            work.run()
            found = work.certificate()
            spent += work.n_boxes
            if found.undecided:
                return places, None, spent
            zeros += found.zeros
    return places, zeros, spent


def _close(region: Region, other: Region) -> bool:
    """Whether two regions have the same centre, as far as Newton's method can tell."""
    a, b = 0.5 * (region.low + region.high), 0.5 * (other.low + other.high)
    return bool((np.abs(a - b) <= 1e-9 * (1 + np.abs(a))).all())


def _split(low: Array, high: Array, weight: Array, size: Array, narrow: float
           ) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Cut each box across the direction that matters most."""
    score = np.where(size > narrow, weight * size ** 0.5, -1.0)
    direction = np.argmax(score, axis=0)
    columns = np.arange(low.shape[1])
    a, b = low[direction, columns], high[direction, columns]
    cut = a + _SPLIT * (b - a)
    left_high, right_low = high.copy(), low.copy()
    left_high[direction, columns] = cut
    right_low[direction, columns] = cut
    return (low, right_low), (left_high, high)
