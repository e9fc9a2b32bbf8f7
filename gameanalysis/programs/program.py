"""Programs: one straight-line list of operations, many arithmetics.

A `Program` is what remains of a `Graph` when only what its outputs need is kept.
It is a list of nodes (see `graph`) and the positions of its outputs, and computes
y = F(x), x in R^n, y in R^m, in whatever arithmetic is asked for:

=====================  =====================================================
``program(*x)``        one point, Python floats
``program.batch(x)``   many points, NumPy, in blocks that stay in the cache
``program.evaluate``   any other numbers: intervals, high precision, rationals
=====================  =====================================================

On floats a short program is printed as Python source and a long one is run level
by level (see `printing`).  `evaluate` hands every constant over as the exact
rational that it is, so proofs do not depend on how floats are rounded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import ShapeError
from .graph import Graph, Node, operands
from .printing import (Blocks, LevelBlocks, Levels, Lowered, loop_function, lower, point_function,
                       point_source, renumbered)

__all__ = ["Program", "Arithmetic", "Rationals"]

Array = NDArray[np.float64]

#: Programs with more operations than this are evaluated level by level.
PRINTED = 3000


class Arithmetic(Protocol):
    """What `Program.evaluate` needs of a kind of numbers.

    Besides the two below, a method for each operation: ``add(a, b)``, ``sub``,
    ``mul``, ``div``, ``neg(a)``, ``pow(a, n)``, ``powr(a, q)``, ``polygamma(a, n)``,
    ``select(c, a, b)`` and one for each unary function that occurs.
    """

    def constant(self, value: Fraction) -> Any:
        """The number of an exact rational."""

    def pi(self) -> Any:
        """The number pi."""


class Rationals:
    """Exact rational arithmetic, for programs without transcendental functions.

    Raises ArithmeticError for an operation that leaves the rationals, division by
    zero among them.

    >>> g = Graph(1); p = Program(g, [g.pow(g.variables[0], 2)])
    >>> p.evaluate([Fraction(1, 3)], Rationals())
    [Fraction(1, 9)]
    """

    def constant(self, value: Fraction) -> Fraction:
        """The rational itself."""
        return value

    def pi(self) -> Fraction:
        """Pi is irrational: raises ArithmeticError."""
        raise ArithmeticError("pi is not rational")

    add = staticmethod(lambda a, b: a + b)
    sub = staticmethod(lambda a, b: a - b)
    mul = staticmethod(lambda a, b: a * b)
    div = staticmethod(lambda a, b: Fraction(a) / b)
    neg = staticmethod(lambda a: -a)
    pow = staticmethod(lambda a, n: a ** n)
    select = staticmethod(lambda c, a, b: a if c > 0 else b)

    def __getattr__(self, name: str) -> Callable[..., Fraction]:
        if name.startswith("_"):
            raise AttributeError(name)

        def irrational(*_: Any) -> Fraction:
            raise ArithmeticError(f"{name} is not a rational operation")
        return irrational


class Program:
    """The straight-line program of some outputs of a graph.

    Parameters
    ----------
    graph : the `Graph` that holds the nodes.
    outputs : node indices; ``program(*x)`` returns their values in this order.
    n_inputs : how many of the graph's variables are inputs, the first ones, or a list of
        those that are, by number and in order; all by default.  Raises ValueError if an output
        depends on another variable.

    Immutable; pickles as its list of nodes and is compiled again on first use.

    >>> g = Graph(2); x, y = g.variables
    >>> p = Program(g, [g.mul(x, g.apply("exp", y))])
    >>> p(2.0, 0.0)
    (2.0,)
    >>> p.batch([[2.0, 0.0], [3.0, 0.0]])
    array([[2.],
           [3.]])
    """

    def __init__(self, graph: Graph, outputs: Sequence[int],
                 n_inputs: int | Sequence[int] | None = None) -> None:
        kept = graph.reachable(outputs)
        place = {index: k for k, index in enumerate(kept)}
        if n_inputs is None:
            n_inputs = graph.n_variables
        listed = None if isinstance(n_inputs, int) else list(n_inputs)
        order = None if listed is None else {i: k for k, i in enumerate(listed)}
        self.n_inputs: int = n_inputs if isinstance(n_inputs, int) else len(n_inputs)
        nodes = [renumbered(graph.nodes[index], place) for index in kept]
        foreign = [node[1] for node in nodes if node[0] == "var"
                   and (node[1] >= self.n_inputs if order is None else node[1] not in order)]
        if foreign:
            which = f"the first {self.n_inputs}" if listed is None else str(listed)
            raise ValueError(f"the outputs depend on the variables {foreign}, but only "
                             f"{which} are inputs: substitute the others")
        if order is not None:
            nodes = [("var", order[node[1]]) if node[0] == "var" else node for node in nodes]
        self.nodes: tuple[Node, ...] = tuple(nodes)
        self.outputs: tuple[int, ...] = tuple([place[index] for index in outputs])

    def __getstate__(self) -> tuple:
        return self.n_inputs, self.nodes, self.outputs

    def __setstate__(self, state: tuple) -> None:
        self.n_inputs, self.nodes, self.outputs = state

    @property
    def n_operations(self) -> int:
        """The number of arithmetic operations, constants and inputs not counted."""
        return sum(node[0] not in ("var", "const", "pi") for node in self.nodes)

    def __repr__(self) -> str:
        return (f"Program({self.n_inputs} inputs, {len(self.outputs)} outputs, "
                f"{self.n_operations} operations)")

    # -- other arithmetics ----------------------------------------------

    @cached_property
    def _selects(self) -> bool:
        return any(node[0] == "select" for node in self.nodes)

    @cached_property
    def _schedule(self) -> list[tuple[str, tuple[int, ...], tuple, tuple[int, ...]]]:
        """(operation, operands, parameters, values not needed afterwards)."""
        last_use = {k: len(self.nodes) for k in self.outputs}
        for k, node in reversed(list(enumerate(self.nodes))):
            for j in operands(node):
                last_use.setdefault(j, k)
        schedule = []
        for k, node in enumerate(self.nodes):
            needed = operands(node)
            done = tuple(j for j in set(needed) if last_use[j] == k)
            parameters = node[1 + len(needed):]
            if node[0] == "const":
                parameters = (Fraction(parameters[0]),)
            schedule.append((node[0], needed, parameters, done))
        return schedule

    def evaluate(self, inputs: Sequence[Any], arithmetic: Any) -> list[Any]:
        """The outputs in the given `Arithmetic`, constants exact.

        Values are dropped after their last use, so memory is that of the largest
        set alive at once.
        """
        values: list[Any] = []
        for operation, needed, parameters, done in self._schedule:
            if operation == "var":
                value = inputs[parameters[0]]
            elif operation == "const":
                value = arithmetic.constant(parameters[0])
            else:
                value = getattr(arithmetic, operation)(*[values[k] for k in needed],
                                                       *parameters)
            for k in done:
                values[k] = None
            values.append(value)
        if self._selects and getattr(arithmetic, "empty", None) is not None:
            # A branch that is not taken may be undefined: that says nothing of the outputs.
            arithmetic.empty = False
        return [values[k] for k in self.outputs]

    # -- floats ----------------------------------------------------------

    @cached_property
    def _lowered(self) -> Lowered:
        return lower(self.n_inputs, self.nodes, self.outputs)

    @cached_property
    def is_printed(self) -> bool:
        """Whether floats go through printed source rather than through levels."""
        return len(self._lowered.nodes) <= PRINTED

    def source(self) -> str:
        """The printed program for one point, as Python source."""
        return point_source(self._lowered)

    @cached_property
    def _levels(self) -> Levels:
        return Levels(self._lowered)

    @cached_property
    def point(self) -> Callable[..., tuple[float, ...]]:
        """The function of n floats behind ``program(*x)``, without its overhead."""
        return point_function(self._lowered) if self.is_printed else self._point_by_levels

    def _point_by_levels(self, *x: float) -> tuple[float, ...]:
        if len(x) != self.n_inputs:
            raise TypeError(f"the program takes {self.n_inputs} numbers, not {len(x)}")
        return tuple(self._levels(np.array(x, dtype=float)).tolist())

    def __call__(self, *x: float) -> tuple[float, ...]:
        """The outputs at one point.

        Where a function is not defined or overflows, a printed program raises
        ArithmeticError or ValueError, as `math` does; a long one gives NaN or an
        infinity, as `batch` always does.
        """
        return self.point(*x)

    def at(self, x: Array) -> Array:
        """The outputs at one point, a float array: shape (n,) to (m,).

        NaN or an infinity where a function is not defined, as in `batch`, with
        which it agrees up to rounding.
        """
        if self.is_printed:
            try:
                return np.array(self.point(*x.tolist()))
            except (ArithmeticError, ValueError):       # math raises there, NumPy does not
                return self.columns(x[:, None])[:, 0]
        return self._levels(x)

    @cached_property
    def _blocked(self) -> Blocks | LevelBlocks:
        return Blocks(self._lowered) if self.is_printed else LevelBlocks(self._levels)

    @property
    def blocks(self) -> Blocks | None:
        """The printed program on blocks of columns; None where it is run level by level."""
        return self._blocked if isinstance(self._blocked, Blocks) else None

    def loop(self) -> Callable[..., None]:
        """The loop x <- F(x, u) over the first inputs, one for each output, as one function.

        Called as ``(steps, *x, *accept)``: ``steps`` holds a tuple u for each step (anything
        where there is no u), and every new x_i is handed to accept_i, so that what has been
        done is known if it raises, as `point` does.  For programs that are printed.

        >>> g = Graph(1); path = []
        >>> Program(g, [g.mul(g.constant(2), g.variables[0])]).loop()(range(3), 1.0, path.append)
        >>> path
        [2.0, 4.0, 8.0]
        """
        return loop_function(self._lowered, len(self.outputs))

    def columns(self, x: Any) -> Array:
        """The outputs at the columns of ``x``: shape (n, N) to (m, N).

        Points where a function is not defined give NaN or an infinity, and leave
        the others alone.  Memory beside the result is bounded for any N.
        Raises `ShapeError` for an array of another shape.
        """
        x = np.asarray(x, dtype=float)
        if x.ndim != 2 or len(x) != self.n_inputs:
            raise ShapeError(f"the columns of an array of shape ({self.n_inputs}, N) are "
                             f"wanted, not of {x.shape}")
        out = np.empty((len(self.outputs), x.shape[1]))
        with np.errstate(all="ignore"):
            self._blocked(x, out)
        return out

    def batch(self, x: Any) -> Array:
        """The outputs at the rows of ``x``: shape (N, n) to (N, m).

        The result is a view of an array of shape (m, N): each output is contiguous.
        """
        x = np.asarray(x, dtype=float)
        if x.ndim != 2 or x.shape[1] != self.n_inputs:
            raise ShapeError(f"points must have shape (N, {self.n_inputs}), not {x.shape}")
        return self.columns(x.T).T
