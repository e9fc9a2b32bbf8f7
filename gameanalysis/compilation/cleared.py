r"""Systems without their denominators; the gradients of leaders in the first place.

With F the followers' own gradients, M = D_y F their joint Jacobian, C = D_1 F,

    det M  D_1 f1 - C^T adj(M)^T D_y f1 = 0,     F = 0                    (cleared)

has, where det M != 0, exactly the zeros of omega_S.  It is smooth wherever the costs
are, so it can be searched across the singular set of M, and no zero near that set is lost.
For the same reasons the gradient of a hierarchy is searched in the form that `stacked` calls
"search".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..declaration.game import Game
from ..declaration.hierarchy import Hierarchy
from ..dynamics import hierarchy_gradient, stackelberg_gradient
from ..errors import GameError
from ..programs.blocks import SINGULAR, GameBlocks, determinant_and_adjugate
from .compiled import CompiledField
from ..programs.graph import Graph, operands
from ..programs.stacked import StackedBlocks

__all__ = ["ClearedField", "ClearedHierarchy", "without_quotients"]


def without_quotients(graph: Graph, nodes: Sequence[int]) -> tuple[list[int], list[int]]:
    """Numerators that vanish where the nodes do, and the denominators that must not.

    Where no denominator is zero, a node is zero if and only if its numerator is.  Quotients
    inside of other functions stay where they are.

    >>> graph = Graph(2)
    >>> x, y = graph.variables
    >>> without_quotients(graph, [graph.add(x, graph.div(graph.one, y))])
    ([7], [1])
    """
    one, below = graph.one, dict[int, None]()
    parts: dict[int, tuple[int, int]] = {}          # node -> numerator, denominator

    def joined(a: int, b: int, combine: Callable[[int, int], int]) -> tuple[int, int]:
        (p, q), (r, s) = parts[a], parts[b]
        if q == s:
            return combine(p, r), q
        return combine(graph.mul(p, s), graph.mul(r, q)), graph.mul(q, s)
    for k in graph.reachable(nodes):
        operation, *rest = graph.nodes[k]
        needed = operands(graph.nodes[k])
        if operation in ("add", "sub"):
            parts[k] = joined(rest[0], rest[1], getattr(graph, operation))
        elif operation == "mul":
            (p, q), (r, s) = parts[rest[0]], parts[rest[1]]
            parts[k] = graph.mul(p, r), graph.mul(q, s)
        elif operation == "div":
            (p, q), (r, s) = parts[rest[0]], parts[rest[1]]
            parts[k] = graph.mul(p, s), graph.mul(q, r)
            below[r] = None
        elif operation == "neg":
            parts[k] = graph.neg(parts[rest[0]][0]), parts[rest[0]][1]
        elif operation == "pow":
            p, q = parts[rest[0]]
            parts[k] = graph.pow(p, rest[1]), graph.pow(q, rest[1])
        else:
            # Of what stays a quotient inside, its own denominators are a condition still.
            parts[k] = k, one
            below.update(dict.fromkeys(q for j in needed if (q := parts[j][1]) != one))
    return [parts[k][0] for k in nodes], list(below)


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


class ClearedHierarchy(CompiledField):
    """The cleared system of a hierarchy's gradient, as a compiled field.

    It has the zeros of `hierarchy_gradient` where no level is singular; errors are those of
    `StackedBlocks`.
    """

    def __init__(self, hierarchy: Hierarchy) -> None:
        blocks = StackedBlocks(hierarchy, "search")
        self.hierarchy = hierarchy
        super().__init__(hierarchy_gradient(hierarchy), (blocks.graph, blocks.values))

    def __reduce__(self) -> tuple:
        return ClearedHierarchy, (self.hierarchy,)
