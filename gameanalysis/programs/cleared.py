r"""The Stackelberg gradient without its denominators.

With F the followers' own gradients, M = D_y F their joint Jacobian, C = D_1 F,

    det M  D_1 f1 - C^T adj(M)^T D_y f1 = 0,     F = 0                    (cleared)

has, where det M != 0, exactly the zeros of omega_S.  It is smooth wherever the costs
are, so it can be searched across the singular set of M, and no zero near that set is lost.
"""

from __future__ import annotations

from ..declaration.game import Game
from ..dynamics import stackelberg_gradient
from ..errors import GameError
from .blocks import SINGULAR, GameBlocks, determinant_and_adjugate
from .compiled import CompiledField

__all__ = ["ClearedField"]


class ClearedField(CompiledField):
    """The cleared system of a game's Stackelberg gradient, as a compiled field.

    Raises `GameError` if det M is zero identically, as in a bilinear game.
    """

    def __init__(self, game: Game) -> None:
        blocks = GameBlocks(game)
        graph, n1 = blocks.graph, blocks.n1
        determinant, adjugate = determinant_and_adjugate(
            graph, [row[n1:] for row in blocks.jacobian[n1:]])
        if determinant == graph.zero:
            raise GameError(SINGULAR)
        others = blocks.f1[n1:]
        # adj(M)^T D_y f1 = det M v
        scaled = [graph.dot(column, others) for column in zip(*adjugate)]
        nodes = []
        for k in range(n1):
            cross = [row[k] for row in blocks.jacobian[n1:]]
            nodes.append(graph.sub(graph.mul(determinant, blocks.f1[k]),
                                   graph.dot(cross, scaled)))
        self.game = game
        super().__init__(stackelberg_gradient(game), (graph, [*nodes, *blocks.followers]))

    def __reduce__(self) -> tuple:
        return ClearedField, (self.game,)
