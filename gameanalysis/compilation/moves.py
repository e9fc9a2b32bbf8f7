r"""Compiled updates: a learning rule on a game as programs.

With z the actions (n), m the memory (n_memory, 0 or n) and gamma the learning rates, one for
each variable,

    (z, m, gamma)  ->  (z+, m+) = (F, h)              ``update_program``,
    (z, gamma)     ->  m before the first update       ``start_program``,
    (z, gamma)     ->  M = D(F, h), m at rest           ``jacobian_program``.

A vector field g is the plain update F = z - gamma g(z).  Where it is only known numerically
(Stackelberg gradients with more than three followers' actions), there are no programs and
the update goes through the field's values.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..dynamics import VectorField
from ..errors import GameError, ShapeError, UnsupportedFunction
from ..learning.gradients import SimultaneousGradient, StackelbergGradient
from ..learning.play import LARGEST
from ..learning.updates import Update
from .cleared import without_quotients
from .compiled import CompiledField, compile_field
from ..programs.graph import Graph
from ..programs.program import Program
from ..programs.scalars import RuleGraph, jacobian_at_rest

__all__ = ["CompiledUpdate", "compile_update", "starts_at_rest"]

Array = NDArray[np.float64]

NUMERICAL = ("{} is known numerically only, because it solves a linear system in many variables: "
             "it has no program")


class _Replay:
    """The operations of a program, done again as nodes of another graph."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.powr = graph.power

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.graph, name, None)
        return method or (lambda node: self.graph.apply(name, node))


class CompiledUpdate:
    """A rule's update on a game, or the plain update of a field; made by `compile_update`.

    ``n``, ``n_memory`` : numbers of variables and of numbers remembered for each start.
    ``sizes`` : the number of actions of each player, or None for a field without players.
    ``field`` : the compiled field of a plain update, else None.
    """

    def __init__(self, source: Update | VectorField | CompiledField) -> None:
        self.source = source
        self.name, self.variables, self.periods = source.name, source.variables, source.periods
        self.n = len(source.variables)
        self.n_memory = 0
        self.field: CompiledField | None = None
        game = getattr(source.field if isinstance(source, CompiledField) else source, "game",
                       None)
        self.sizes: tuple[int, ...] | None = None if game is None else game.sizes
        plain: Any = source
        if isinstance(source, Update):
            self.n_memory = source.n_memory
            plain = source.field if isinstance(
                source.rule, (SimultaneousGradient, StackelbergGradient)) else None
        if plain is not None:
            self.field = plain if isinstance(plain, CompiledField) else compile_field(plain)

    def __reduce__(self) -> tuple:
        return CompiledUpdate, (self.source,)

    def __repr__(self) -> str:
        return f"CompiledUpdate({self.name or 'field'}, {self.n} variables)"

    @property
    def has_program(self) -> bool:
        """Whether the update is known as operations, not only numerically."""
        return self.field is None or self.field.value_program is not None

    @cached_property
    def _nodes(self) -> tuple[Graph, list[int], list[int]]:
        """The graph, nodes of (F, h), and nodes of the memory at the start."""
        if self.field is not None:
            program = self.field.value_program
            if program is None:
                raise GameError(NUMERICAL.format(self.name or "the field"))
            graph = Graph(2 * self.n)
            z, rates = graph.variables[:self.n], graph.variables[self.n:]
            value = program.evaluate(z, _Replay(graph))
            moved = [graph.sub(a, graph.mul(rate, g)) for a, rate, g in zip(z, rates, value)]
            return graph, moved, []
        assert isinstance(self.source, Update)
        built = RuleGraph(self.source.game, self.n_memory)
        after, kept = self.source.entries(built.play, built.rates, built.memory)
        start = self.source.at_start(built.play, built.rates)
        return built.graph, built.nodes(after) + built.nodes(kept), built.nodes(start)

    def _rate_nodes(self) -> list[int]:
        return self._nodes[0].variables[self.n + self.n_memory:]

    @cached_property
    def update_program(self) -> Program:
        """(z, m, gamma) to (z+, m+)."""
        graph, nodes, _ = self._nodes
        return Program(graph, nodes)

    def program_at(self, rates: Sequence[float | Fraction]) -> Program:
        """(z, m) to (z+, m+) for fixed learning rates, one for each variable."""
        graph, nodes, _ = self._nodes
        values = {node: graph.constant(Fraction(rate))
                  for node, rate in zip(self._rate_nodes(), rates)}
        return Program(graph, graph.substitute(nodes, values), self.n + self.n_memory)

    @cached_property
    def start_program(self) -> Program | None:
        """(z, m, gamma) to the memory before the first update; None without a memory.

        It does not depend on m.
        """
        graph, _, start = self._nodes
        return Program(graph, start) if start else None

    @cached_property
    def jacobian_program(self) -> Program:
        """(z, m, gamma) to M = D(F, h) in (z, m), row by row, with m at rest put in.

        It does not depend on m: at a fixed point the memory is at rest.
        """
        graph, nodes, start = self._nodes
        state = graph.variables[:self.n + self.n_memory]
        flat = [node for row in graph.jacobian(nodes, state) for node in row]
        rest = dict(zip(graph.variables[self.n:self.n + self.n_memory], start))
        return Program(graph, graph.substitute(flat, rest) if rest else flat)

    def at_rest(self, vanishing: Sequence[bool]) -> tuple[Program, Program]:
        """(z, gamma) to M at a fixed point, row by row, and to (F - z, h - m) there.

        All learning rates are gamma (times tau), which meets + - * / only.  ``vanishing``
        says which components of omega are zero at the point; the second program is zero as
        an operation where that alone makes the point a fixed one.  Raises `GameError` if the
        rule looks at the game at another point, or is known numerically only.
        """
        graph = Graph(self.n + 1)
        z, step = graph.variables[:self.n], graph.variables[self.n]
        if isinstance(self.source, Update) and (self.field is None or self._is_small):
            built, slopes, moved = jacobian_at_rest(self.source, vanishing)
            inputs = [*z, *[graph.zero] * self.n_memory, *[step] * self.n]
            nodes = Program(built.graph, slopes + moved).evaluate(inputs, _Replay(graph))
            return (Program(graph, nodes[:len(slopes)]), Program(graph, nodes[len(slopes):]))
        assert self.field is not None
        first, second = self.field.value_program, self.field.jacobian_program
        if first is None or second is None:
            raise GameError(NUMERICAL.format(self.name or "the field"))
        moved = [graph.neg(graph.mul(step, v)) for v in first.evaluate(z, _Replay(graph))]
        slopes = second.evaluate(z, _Replay(graph))
        return (Program(graph, [graph.sub(graph.one if k % (self.n + 1) == 0 else graph.zero,
                                          graph.mul(step, slope))
                                for k, slope in enumerate(slopes)]), Program(graph, moved))

    @property
    def _is_small(self) -> bool:
        """Whether the linear systems of a rule are written out."""
        return self.sizes is not None and self.n - self.sizes[0] <= LARGEST

    @cached_property
    def displacement_program(self) -> Program:
        """(z, m, gamma) to (F - z, h - m), with m at rest put in: zero at a fixed point."""
        graph, nodes, start = self._nodes
        state = graph.variables[:self.n + self.n_memory]
        moved = [graph.sub(a, b) for a, b in zip(nodes, state)]
        rest = dict(zip(graph.variables[self.n:self.n + self.n_memory], start))
        return Program(graph, graph.substitute(moved, rest) if rest else moved)

    def standstill(self, rates: Sequence[float | Fraction]) -> tuple[CompiledField, Program]:
        """(z - F, m - h) as a compiled field in (z, m), and what must not vanish at its zeros.

        Its zeros are the fixed points, and it has no quotients: where a denominator vanishes
        there may be a zero that is no fixed point.
        """
        graph, nodes, _ = self._nodes
        state = graph.variables[:self.n + self.n_memory]
        values = {node: graph.constant(Fraction(rate))
                  for node, rate in zip(self._rate_nodes(), rates)}
        moved = graph.substitute([graph.sub(b, a) for a, b in zip(nodes, state)], values)
        cleared, below = without_quotients(graph, moved)
        symbols = [*self.variables, *getattr(self.source, "memory", ())]
        shell = VectorField([0] * len(symbols), symbols, name=f"standstill of {self.name}",
                            periods=dict(self.periods))
        return CompiledField(shell, (graph, cleared)), Program(graph, below, len(state))

    def spread(self, rates: Sequence[Any]) -> list[Any]:
        """One learning rate for each variable, from one for all, each player or each variable.

        Raises `ShapeError` for another number of them.
        """
        given = list(rates)
        if len(given) == 1:
            return given * self.n
        if len(given) == self.n:
            return given
        if self.sizes is not None and len(given) == len(self.sizes):
            return [rate for rate, size in zip(given, self.sizes) for _ in range(size)]
        players = (f", {len(self.sizes)}, one for each player," if self.sizes is not None
                   and len(self.sizes) != self.n else "")
        raise ShapeError(f"step_size is one number{players} or {self.n}, one for each "
                         f"variable, not {len(given)}")


def starts_at_rest(program: Program, n: int) -> bool:
    """Whether the rows for z of M are those of the identity at gamma = 0, as operations.

    ``program`` : (z, gamma) to M, as `CompiledUpdate.at_rest` makes it, z of n variables.
    """
    graph = Graph(n)
    try:
        nodes = program.evaluate([*graph.variables, graph.zero], _Replay(graph))
    except UnsupportedFunction:             # a division by gamma
        return False
    size = round(len(nodes) ** 0.5)
    return all(nodes[i * size + j] == (graph.one if i == j else graph.zero)
               for i in range(n) for j in range(size))


def compile_update(source: Update | VectorField | CompiledField | CompiledUpdate
                   ) -> CompiledUpdate:
    """Compile a rule on a game, or the plain update of a field.

    Raises `TypeError` for anything else.

    >>> import sympy as sp
    >>> from sympy import symbols
    >>> x = symbols("x", real=True)
    >>> compile_update(VectorField(x**2, x)).program_at([0.5])(2.0)
    (0.0,)
    """
    if isinstance(source, CompiledUpdate):
        return source
    if not isinstance(source, (Update, VectorField, CompiledField)):
        raise TypeError(f"expected a rule on a game, such as rules.Extragradient().on(game), or "
                        f"a VectorField, such as simultaneous_gradient(game), not a "
                        f"{type(source).__name__}")
    return CompiledUpdate(source)
