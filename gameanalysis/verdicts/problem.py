r"""The system whose zeros are the critical points, in the form that is easiest to search.

It has the same zeros as the field and is easier to enclose:

- factors that never vanish are dropped (`reduction`);
- omega_S of a general-sum game is multiplied by det M, M the followers' joint Jacobian:

      det M  D_1 f1 - C^T adj(M)^T D_y f1 = 0,     F = 0,     det M != 0;

- omega_S of a zero-sum game has the zeros of omega at which det M != 0.

The conditions that such a rewriting adds, det M != 0 among them, are proved at each zero.
"""

from __future__ import annotations

from functools import cached_property

import sympy as sp

from ..declaration.game import Game
from ..dynamics import VectorField, simultaneous_gradient, stackelberg_gradient
from ..exact.algebra import real_zeros
from ..exact.derivatives import follower_jacobian, game_gradient
from ..exact.macaulay import NotZeroDimensional, TooLarge
from ..exact.minors import interval_sign
from ..exact.numberfield import AlgebraicPoint
from ..exact.reduction import ReducedSystem, reduce_system
from ..numerics.relaxation import WIDE
from ..numerics.undecided import Reason
from ..compilation.cleared import ClearedField
from ..compilation.compiled import CompiledField, compile_field
from ..programs.graph import Graph
from ..programs.intervals import NoEnclosure
from ..programs.precise import PreciseIntervals
from ..programs.program import Program
from ..programs.reading import Reader
from ..truth import Truth
from .classify import Classifier
from .location import Location

__all__ = ["MAX_VARIABLES", "Problem", "is_defined"]

#: The complete search is for up to this many variables.
MAX_VARIABLES = 10

#: Up to so many followers' actions, or variables in all, det M is written out as a formula.
_RESPONSES, _FEW = 3, 6

#: Functions that are not defined everywhere.
_PARTIAL = (sp.Pow, sp.log, sp.tan, sp.asin, sp.acos, sp.acosh, sp.atanh)

#: Costs with more operations than this are cleared of denominators as programs only.
_WRITTEN = 120


class Problem:
    """The zeros of omega or omega_S of a game, as a field to search and conditions."""

    def __init__(self, game: Game, of: str) -> None:
        self.game, self.of = game, of
        self.n = len(game.variables)
        self.classifier = Classifier(game, of)
        # In a zero-sum game omega_S has the zeros of omega, where it is defined.
        self._clears = of == "stackelberg" and not self.classifier.zero_sum

    @cached_property
    def reduced(self) -> ReducedSystem | None:
        """A simpler system with the same zeros; None where that would be too large."""
        if self.n > MAX_VARIABLES:
            return None
        if self._clears:
            small = self.n <= _FEW or self.n - self.game.sizes[0] <= _RESPONSES
            if not small or sum(map(sp.count_ops, self.game.costs)) > _WRITTEN:
                return None
            return reduce_system(_cleared(self.game), self.game.variables)
        return reduce_system(simultaneous_gradient(self.game).expressions, self.game.variables)

    @cached_property
    def conditions(self) -> list[Program]:
        """Programs of the expressions that must not vanish at a zero."""
        return [] if self.reduced is None else [
            self._program(c) for c in self.reduced.conditions]

    @cached_property
    def partial(self) -> Program | None:
        """The parts of the costs with a domain of their own, which derivatives may lose."""
        nodes = set().union(*(cost.atoms(*_PARTIAL) for cost in self.game.valued_costs))
        nodes = {node for node in nodes if node.free_symbols and not (
            node.is_Pow and node.exp.is_Integer and node.exp > 0)}
        return self._program(*sorted(nodes, key=str)) if nodes else None

    def _program(self, *expressions: sp.Expr) -> Program:
        graph = Graph(self.n)
        reader = Reader(graph, dict(zip(self.game.variables, graph.variables)))
        return Program(graph, [reader.read(e) for e in expressions])

    @cached_property
    def field(self) -> CompiledField:
        """The field to search, compiled."""
        if self.reduced is not None:
            reduced = compile_field(VectorField(self.reduced.expressions, self.game.variables,
                                                periods=self.game.periods))
            if self.reduced.polynomials is not None or self.n < WIDE or self._clears:
                return reduced
            # What was multiplied out may be longer than it was, and is then harder to enclose.
            given = compile_field(simultaneous_gradient(self.game), form="entries")
            return min(given, reduced, key=_length)
        if self._clears:
            return (ClearedField(self.game) if self.n <= MAX_VARIABLES
                    else compile_field(stackelberg_gradient(self.game), form="entries"))
        return compile_field(simultaneous_gradient(self.game), form="entries")

    @cached_property
    def algebraic_zeros(self) -> tuple[AlgebraicPoint, ...] | None:
        """All zeros in the whole space by exact algebra; None where it does not apply."""
        if self.reduced is None or self.reduced.polynomials is None:
            return None
        try:
            return real_zeros(self.reduced.polynomials, self.game.variables)
        except (NotZeroDimensional, TooLarge):
            return None

    def obstacle(self, location: Location) -> Reason | bool | None:
        """None if a zero of the field counts, False if it is proved not to, else why not."""
        for program in self.conditions:
            sign = _sign_at(program, location)
            if not sign:
                return False if sign == 0 else Reason.UNDEFINED
        if self.partial is not None:
            defined = is_defined(self.partial, location)
            if defined is not Truth.YES:
                return False if defined is Truth.NO else Reason.UNDEFINED
        if self.of == "stackelberg":
            singular = self.classifier.is_response_singular(location)
            if singular is not Truth.NO:
                return False if singular is Truth.YES else Reason.SINGULAR_FOLLOWER
        return None


def _length(field: CompiledField) -> int:
    """The number of operations of a field that has a program."""
    assert field.value_program is not None
    return field.value_program.n_operations


def _cleared(game: Game) -> list[sp.Expr]:
    """det M D_1 f1 - C^T adj(M)^T D_y f1, then F: omega_S without its denominators."""
    game = game.without_parameters()
    n1 = game.sizes[0]
    omega = sp.Matrix(game_gradient(game))
    response = sp.Matrix(follower_jacobian(game))
    leader, others = game.variables[:n1], game.variables[n1:]
    followers = omega[n1:, :]
    cross = followers.jacobian(leader)
    gradient = sp.Matrix([game.costs[0].diff(v) for v in others])
    total = (response.det(method="berkowitz") * omega[:n1, :]
             - cross.T * response.adjugate(method="berkowitz").T * gradient)
    return [*total, *followers]


def _sign_at(program: Program, location: Location) -> int | None:
    """The proved sign of a function at a point, or None."""
    for digits in (20, 50):
        arithmetic = PreciseIntervals(digits + 10)
        inputs = [arithmetic.interval(*ends) for ends in location.enclosure(digits)]
        sign = interval_sign(program.evaluate(inputs, arithmetic)[0])
        if sign is not None and arithmetic.defined:
            return sign
    numbers = location.exact_numbers()
    if numbers is None:
        return None
    try:
        return numbers.sign(program.evaluate(numbers.inputs, numbers)[0])
    except ArithmeticError:
        return None


def is_defined(program: Program, location: Location) -> Truth:
    """Whether every function of a program is defined at a point."""
    for digits in (20, 50):
        arithmetic = PreciseIntervals(digits + 10)
        try:
            program.evaluate([arithmetic.interval(*ends) for ends in location.enclosure(digits)],
                             arithmetic)
        except NoEnclosure:
            break
        if arithmetic.defined or arithmetic.empty:
            return Truth.of(arithmetic.defined)
    return Truth.UNDECIDED
