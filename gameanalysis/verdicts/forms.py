r"""The matrices that decide an equilibrium, at one point, in exact or interval numbers.

With x1 the leader's actions and y all the others', F the followers' own gradients,
C = D_1 F, M = D_y F (for one follower D22 f2), d = det M, and h = v . F with v held
constant (see `blocks`), everything below is free of division: the matrices are
multiplied by a power of d, whose sign is decided on its own.

    v^  = adj(M)^T D_y f1                                  = d v
    w^  = d D_1 f1 - C^T v^                                = d D f1
    T   = d^2 D D_1 f1 - d D D_1 h(v^) - C^T adj(M)^T (d D D_y f1 - D D_y h(v^))
                                                           = d^2 (leader's rows of J_S)
    H   = d T_x - T_y adj(M) C                             = d^3 S1(J_S) = d^3 D^2 f1

At a critical point of a zero-sum game D_y f1 = -F = 0, so v = 0 and no third
derivative is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from ..declaration.game import Game
from ..exact.minors import adjugate, determinant, dot, scaled_schur_complement
from ..programs.blocks import GameBlocks
from ..programs.program import Program

__all__ = ["Forms", "Matrices"]

Rows = list[list[Any]]


class Forms:
    """Programs of a game's first, second and third derivatives, one order of play."""

    def __init__(self, game: Game) -> None:
        self.game = game
        self.blocks = GameBlocks(game)
        self.n, self.n1 = self.blocks.n, self.blocks.n1
        self.sizes = game.sizes

    @cached_property
    def first(self) -> Program:
        """D f1 in all variables, then F."""
        b = self.blocks
        return Program(b.graph, [*b.f1, *b.followers], self.n)

    @cached_property
    def second(self) -> Program:
        """J, row by row."""
        return Program(self.blocks.graph, _flat(self.blocks.jacobian), self.n)

    @cached_property
    def lower(self) -> Program:
        """The rows D D_y f1 of the Hessian of f1."""
        return Program(self.blocks.graph, _flat(self.blocks.f1_hessian[self.n1:]), self.n)

    @cached_property
    def third(self) -> Program:
        """The Hessian of h in x, a program in (x, v)."""
        return Program(self.blocks.graph, _flat(self.blocks.h_hessian))


class Matrices:
    """The matrices of `Forms` at one point, in one kind of numbers.

    Parameters
    ----------
    forms : the programs.
    inputs : the coordinates, in the order of the game of ``forms``.
    new_arithmetic : makes an arithmetic for `Program.evaluate`.
    sign : the sign of a number, None where unknown.
    response_free : whether D_y f1 is known to be zero at the point.
    """

    def __init__(self, forms: Forms, inputs: Sequence[Any], new_arithmetic: Callable[[], Any],
                 sign: Callable[[Any], int | None], response_free: bool) -> None:
        self.forms, self.inputs, self.sign = forms, list(inputs), sign
        self.new_arithmetic, self.response_free = new_arithmetic, response_free

    def _evaluate(self, program: Program, inputs: Sequence[Any]) -> list[Any]:
        arithmetic = self.new_arithmetic()
        values = program.evaluate(inputs, arithmetic)
        if not getattr(arithmetic, "defined", True):
            raise ArithmeticError("a derivative is not defined in the whole enclosure")
        return values

    @cached_property
    def _first(self) -> list[Any]:
        return self._evaluate(self.forms.first, self.inputs)

    @cached_property
    def jacobian(self) -> Rows:
        """J."""
        return _rows(self._evaluate(self.forms.second, self.inputs), self.forms.n)

    @property
    def omega(self) -> list[Any]:
        """The game's gradient."""
        return self._first[:self.forms.n1] + self._first[self.forms.n:]

    def own_hessians(self) -> list[Rows]:
        """D_ii f_i for each player in order of play."""
        out, start = [], 0
        for size in self.forms.sizes:
            own = range(start, start + size)
            out.append([[self.jacobian[i][j] for j in own] for i in own])
            start += size
        return out

    @cached_property
    def response(self) -> Rows:
        """M, the followers' joint Jacobian."""
        n1 = self.forms.n1
        return [row[n1:] for row in self.jacobian[n1:]]

    @cached_property
    def cross(self) -> Rows:
        """C = D_1 F."""
        return [row[:self.forms.n1] for row in self.jacobian[self.forms.n1:]]

    @cached_property
    def d(self) -> Any:
        """det M."""
        return determinant(self.response)

    @cached_property
    def _adjugate(self) -> Rows:
        return adjugate(self.response)

    @cached_property
    def _v(self) -> list[Any]:
        leader_cost = self._first[self.forms.n1:self.forms.n]
        return [dot(column, leader_cost) for column in zip(*self._adjugate)]

    def pull(self) -> list[Any]:
        """C^T v^ = d (D_1 f1 - D f1): what the others' answer does to the leader's slope."""
        if self.response_free:
            return []
        return [dot(column, self._v) for column in zip(*self.cross)]

    def total_derivative(self) -> list[Any]:
        """d D f1."""
        own = self._first[:self.forms.n1]
        if self.response_free:
            return own
        return [self.d * g - pull for g, pull in zip(own, self.pull())]

    @cached_property
    def _leader_rows(self) -> tuple[Rows, Any]:
        """(power * leader's rows of J_S, power), power = d or d^2."""
        n, n1, d = self.forms.n, self.forms.n1, self.d
        direct = self.jacobian[:n1]
        lower = _rows(self._evaluate(self.forms.lower, self.inputs), n)
        power = d
        if not self.response_free:
            h = _rows(self._evaluate(self.forms.third, self.inputs + self._v), n)
            direct = [[d * f - g for f, g in zip(*pair)] for pair in zip(direct, h[:n1])]
            lower = [[d * f - g for f, g in zip(*pair)] for pair in zip(lower, h[n1:])]
            power = d * d
        columns = list(zip(*self._adjugate))
        slopes = [[dot(column, right) for column in columns] for right in zip(*lower)]
        across = list(zip(*self.cross))
        rows = [[d * direct[k][j] - dot(across[k], slopes[j]) for j in range(n)]
                for k in range(n1)]
        return rows, power

    def stackelberg_jacobian(self) -> Rows:
        """d^2 J_S: a positive multiple, so that it has the signs of J_S."""
        rows, power = self._leader_rows
        if self.response_free:
            rows, power = [[self.d * e for e in row] for row in rows], self.d * power
        return rows + [[power * e for e in row] for row in self.jacobian[self.forms.n1:]]

    def total_hessian(self) -> tuple[Rows, Any]:
        """(p S1(J_S), p) with p a product of powers of d."""
        rows, power = self._leader_rows
        n1 = self.forms.n1
        slopes = [[dot(row, column) for row in self._adjugate] for column in zip(*self.cross)]
        return ([[self.d * row[j] - dot(row[n1:], slopes[j]) for j in range(n1)]
                 for row in rows], self.d * power)

    def schur_complement(self) -> tuple[Rows, Any]:
        """(d S1(J), d)."""
        return scaled_schur_complement(self.jacobian, self.forms.n1)


def _flat(rows: Sequence[Sequence[Any]]) -> list[Any]:
    return [entry for row in rows for entry in row]


def _rows(flat: Sequence[Any], n: int) -> Rows:
    return [list(flat[k:k + n]) for k in range(0, len(flat), n)]
