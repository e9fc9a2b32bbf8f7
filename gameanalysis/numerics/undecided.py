"""Undecided boxes: what a search could not settle, where and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

__all__ = ["Reason", "Undecided", "merge"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


#: A heap shorter than this fraction of the domain may be one multiple zero.
_LONG = 1e-5
#: More boxes than this are gathered on a grid before they are merged.
_MANY = 1000


class Reason(Enum):
    """Why a box is undecided; the value is the sentence shown."""

    SINGULAR = ("the Jacobian is singular here, or nearly so: a multiple zero, or "
                "several zeros too close to tell apart")
    CONTINUUM = ("zeros that are not isolated: they seem to fill a curve or a surface, "
                 "along which the Jacobian is singular")
    UNDEFINED = ("the field is not defined, or not differentiable, in the whole box: "
                 "leave that place out of the box, or accept that it stays open")
    BUDGET = "the budget was spent: raise max_boxes, or take a smaller box"
    EDGE = ("a zero too close to the edge of the box to tell on which side it lies: "
            "move the edge")
    SINGULAR_FOLLOWER = ("the follower's Hessian is singular here, or nearly so, where "
                         "the Stackelberg gradient is not defined")
    NO_ENCLOSURE = ("the costs contain a function that intervals cannot enclose, so nothing "
                    "can be proved of the points found")
    NOT_SEARCHED = ("only the points found without proof were examined, because the box "
                    "was not searched")


@dataclass(frozen=True, eq=False)
class Undecided:
    """A box that may hold zeros which are not in the list.

    ``low`` and ``high`` have shape (n,); ``n_boxes`` tells how many boxes of the
    search it stands for.
    """

    low: Array
    high: Array
    reason: Reason
    n_boxes: int = 1

    def __repr__(self) -> str:
        sides = [f"[{_short(a)}, {_short(b)}]" for a, b in zip(self.low, self.high)]
        same = len(sides) > 2 and len(set(sides)) == 1
        text = f"{sides[0]}^{len(sides)}" if same else " x ".join(sides)
        return f"{text}: {self.reason.value}"

    def to_dict(self) -> dict:
        """Plain data: ``box`` as pairs, ``reason`` as its sentence."""
        return {"box": [[float(a), float(b)] for a, b in zip(self.low, self.high)],
                "reason": self.reason.value}


def _short(value: float) -> str:
    """Six digits, and plain 0 for what outward rounding made of it."""
    return "0" if abs(value) < 1e-30 else f"{value:.6g}"


def merge(low: Array, high: Array, defined: Mask, width: Array) -> list[Undecided]:
    """Touching boxes as one: each connected heap becomes its hull.

    ``low`` and ``high`` are columns (n, N); ``defined`` tells where the field is
    known to be smooth; ``width`` is that of the domain.
    """
    out = []
    if low.shape[1] > _MANY:
        low, high, defined = _cells(low, high, defined, width)
    for members in _components(low, high, 1e-9 * width):
        a, b = low[:, members].min(axis=1), high[:, members].max(axis=1)
        size = ((high - low)[:, members] / width[:, None]).max()
        extent = ((b - a) / width).max()
        if not defined[members].all():
            reason = Reason.UNDEFINED
        elif len(members) > 50 and extent > max(30 * size, _LONG):
            reason = Reason.CONTINUUM
        else:
            reason = Reason.SINGULAR
        out.append(Undecided(a, b, reason, len(members)))
    return sorted(out, key=lambda u: tuple(u.low))


def _cells(low: Array, high: Array, defined: Mask, width: Array) -> tuple[Array, Array, Mask]:
    """The hulls of the boxes whose centres share a cell of a coarse grid."""
    cell = np.floor(128 * (0.5 * (low + high) - low.min(axis=1, keepdims=True))
                    / width[:, None]).astype(int)
    _, which = np.unique(cell, axis=1, return_inverse=True)
    which = which.ravel()
    order = np.argsort(which, kind="stable")
    starts = np.flatnonzero(np.diff(which[order], prepend=-1))
    return (np.minimum.reduceat(low[:, order], starts, axis=1),
            np.maximum.reduceat(high[:, order], starts, axis=1),
            np.logical_and.reduceat(defined[order], starts))


def _components(low: Array, high: Array, slack: Array) -> Sequence[NDArray[np.intp]]:
    """Connected components of the graph of touching boxes."""
    unseen = np.ones(low.shape[1], dtype=bool)
    components = []
    while unseen.any():
        front = [int(np.argmax(unseen))]
        unseen[front[0]] = False
        members = list(front)
        while front:
            k = front.pop()
            touching = unseen & (
                (low <= high[:, k, None] + slack[:, None])
                & (high >= low[:, k, None] - slack[:, None])).all(axis=0)
            found = np.flatnonzero(touching).tolist()
            unseen[found] = False
            front += found
            members += found
        components.append(np.array(members))
    return components
