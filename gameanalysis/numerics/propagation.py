r"""Constraint propagation on a program: which part of a box its zeros leave over.

A program is a list of equations z = f(a, b), one for each operation.  Over a box X, every
quantity has an interval.  Forward, z is enclosed by f(a, b); the outputs are set to 0; then,
from the last operation to the first, each equation is solved for its operands,

    z = a + b:      a in z - b,         b in z - a
    z = a b:        a in z / b,         b in z / a
    z = a^n:        |a| in z^(1/n)      z = exp(a):  a in log(z)      and so on,

and every interval is intersected with what comes out.  What is left of the inputs contains
every zero in X.  This is HC4-revise (Benhamou, Goualard, Granvilliers, Puget 1999), here on
a graph with shared nodes and on thousands of boxes at once.  It uses no derivative, so it
works on wide boxes, and its work is that of the operations, however many variables there
are.

All operations are those of `FloatIntervals`, rounded outward.  Ends are stored as (-lo, hi):
an intersection is the smaller of both ends, and `fmin` ignores a NaN, which is no bound.
A program with `select` is not propagated: a branch that is not taken need not be defined.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ..programs.graph import operands
from ..programs.intervals import FloatIntervals, Interval
from ..programs.program import Program

__all__ = ["Propagation"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: The inverse of an increasing function.
_INVERSE = {"exp": "log", "log": "exp", "sinh": "asinh", "asinh": "sinh", "tanh": "atanh",
            "atanh": "tanh", "asin": "sin", "acos": "cos"}
#: It is left out of this many sweeps where it helps fewer than this share of the boxes.
_PAUSE, _SHARE = 12, 0.15
#: A box is helped if it is emptied, or a side of it is shortened to this fraction.
_SHORTER = 0.9
#: A branch of a wave is used only if the argument is this far inside of it.
_INSIDE = 1e-9


class Propagation:
    """One pass of HC4-revise for the zeros of a program's outputs.

    >>> from ..programs.graph import Graph
    >>> g = Graph(2); x, y = g.variables
    >>> p = Propagation(Program(g, [g.sub(g.pow(x, 2), y)]))      # x^2 = y
    >>> low, high, empty = p.contract(np.array([[0.0], [4.0]]), np.array([[9.0], [5.0]]))
    >>> low[0].round(6), high[0].round(6)
    (array([2.]), array([2.236068]))
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.applies = not any(node[0] == "select" for node in program.nodes)
        # Operations on constants alone have nothing to pass down.
        self._pause = 0
        self._live = [False] * len(program.nodes)
        for k, node in enumerate(program.nodes):
            self._live[k] = node[0] == "var" or any(self._live[j] for j in operands(node))

    def contract(self, low: Array, high: Array) -> tuple[Array, Array, Mask]:
        """The hull of what is left of each box, a column (n, N), and which are empty.

        Guarantee: no zero of a box is outside of its result, or in one said to be empty.
        The ends of an empty box mean nothing.
        """
        with np.errstate(all="ignore"):
            return self._contract(low, high)

    def sift(self, low: Array, high: Array) -> tuple[Array, Array, Mask]:
        """`contract`, or a pause from it while it does not help: low, high, what is left.

        Dense systems gain nothing from it, sparse ones a lot; so it is tried now and then.
        """
        if self._pause:
            self._pause -= 1
            return low, high, np.ones(low.shape[1], dtype=bool)
        new_low, new_high, empty = self.contract(low, high)
        shorter = (new_high - new_low < _SHORTER * (high - low)).any(axis=0)
        if low.shape[1] >= 256 and np.mean(shorter | empty) < _SHARE:
            self._pause = _PAUSE
        return new_low, new_high, ~empty

    def _contract(self, low: Array, high: Array) -> tuple[Array, Array, Mask]:
        nodes, count = self.program.nodes, low.shape[1]
        forward, backward = FloatIntervals(), FloatIntervals()
        values: list[Interval] = []
        for node in nodes:
            operation, needed = node[0], operands(node)
            if operation == "var":
                value = forward.interval(low[node[1]], high[node[1]])
            elif operation == "const":
                value = forward.constant(Fraction(node[1]))
            else:
                value = getattr(forward, operation)(*[values[j] for j in needed],
                                                    *node[1 + len(needed):])
            values.append(value)
        empty = np.zeros(count, dtype=bool) | forward.empty
        for k in self.program.outputs:
            empty |= (values[k].ends[0] < 0) | (values[k].ends[1] < 0)
            values[k] = _cut(values[k], np.zeros((2, 1)))
        if empty.all():
            return low, high, empty
        for k in range(len(nodes) - 1, -1, -1):
            if self._live[k] and nodes[k][0] != "var":
                for j, found in self._projections(backward, k, values):
                    if self._live[j]:
                        values[j] = _cut(values[j], found.ends)
        low, high = low.copy(), high.copy()
        for node, value in zip(nodes, values):
            if node[0] == "var":
                low[node[1]] = np.fmax(low[node[1]], -value.ends[0])
                high[node[1]] = np.fmin(high[node[1]], value.ends[1])
        empty |= (low > high).any(axis=0)
        return low, np.maximum(low, high), empty

    def _projections(self, i: FloatIntervals, k: int, values: list[Interval]
                     ) -> list[tuple[int, Interval]]:
        """What the equation of a node says of each of its operands."""
        node, z = self.program.nodes[k], values[k]
        operation, a = node[0], node[1]
        x = values[a]
        if operation in ("add", "sub", "mul", "div"):
            b = node[2]
            y = values[b]
            if operation == "add":
                return [(a, i.sub(z, y)), (b, i.sub(z, x))]
            if operation == "sub":
                return [(a, i.add(z, y)), (b, i.sub(x, z))]
            if operation == "mul":
                return [(a, i.div(z, y)), (b, i.div(z, x))]
            return [(a, i.mul(z, y)), (b, i.div(x, z))]
        if operation == "neg":
            return [(a, i.neg(z))]
        if operation in _INVERSE:
            return [(a, getattr(i, _INVERSE[operation])(z))]
        if operation == "sqrt":
            return [(a, i.pow(_cut(z, _POSITIVE), 2))]
        if operation == "powr":
            return [(a, i.powr(z, 1 / Fraction(node[2])))]
        if operation == "pow":
            return [(a, _root(i, z, x, node[2]))]
        if operation == "cosh":
            return [(a, _both_signs(i.acosh(z), x))]
        if operation in ("sin", "cos"):
            return [(a, _branch(i, z, x, 0.0 if operation == "sin" else 0.5))]
        return []


#: The interval [0, inf] as ends.
_POSITIVE = np.array([[0.0], [math.inf]])


def _cut(value: Interval, ends: Array) -> Interval:
    """The intersection with an interval given by its ends."""
    return Interval(np.fmin(value.ends, ends), value.positive)


def _both_signs(size: Interval, x: Interval) -> Interval:
    """The x with |x| in an interval, given that x lies in another."""
    least, most = -size.ends[0], size.ends[1]
    # x > -least leaves x >= least only, and the other way round.
    return Interval(np.where((x.ends < least) & (least > 0), -least, most))


def _root(i: FloatIntervals, z: Interval, x: Interval, n: int) -> Interval:
    """The x with x^n in an interval."""
    q = Fraction(1, n)
    if n % 2 == 0:
        return _both_signs(i.powr(_cut(z, _POSITIVE), q), x)
    # x -> x^(1/n) is odd: its upper end is that of the positive part, or minus the lower
    # end of the root of the negative part.
    flipped = Interval(z.ends[::-1])
    up, down = i.powr(_sided(z), q), i.powr(_sided(flipped), q)
    high = np.where(z.ends[1] >= 0, up.ends[1], down.ends[0])
    low = np.where(z.ends[0] >= 0, down.ends[1], up.ends[0])
    return Interval(np.stack((low, high)))


def _sided(z: Interval) -> Interval:
    """The positive part of an interval, [0, 0] if there is none."""
    return Interval(np.stack((np.minimum(z.ends[0], 0.0), np.maximum(z.ends[1], 0.0))), True)


def _branch(i: FloatIntervals, z: Interval, x: Interval, shift: float) -> Interval:
    """The x with sin(x + shift pi) in z, where x lies in one monotone branch."""
    low, high = -x.ends[0], x.ends[1]
    k = np.rint((0.5 * low + 0.5 * high) / math.pi + shift)
    middle = (k - shift) * math.pi
    inside = ((low >= middle - math.pi / 2 + _INSIDE) & (high <= middle + math.pi / 2 - _INSIDE)
              & (np.abs(k) < 2.0 ** 20))
    arc = i.asin(z).ends
    arc = np.where(np.fmod(k, 2) == 0, arc, arc[::-1])
    turn = np.where(inside, k - shift, 0.0)
    offset = i.mul(i.pi(), i.interval(turn, turn))
    ends = i.add(offset, Interval(arc)).ends
    return Interval(np.where(inside, ends, math.inf))
