r"""The stacked systems of a hierarchy as nodes of one graph.

With f_i the costs, y the actions of all levels below level j and G_{j+1} their stacked system
(see `anticipation`), the rows of player i of level j come in three forms, built from the bottom up
with M = D_y G_{j+1}, d = det M and C = D_i G_{j+1}:

    field       F = D_i f_i - C^T adj(M)^T D_y f_i / d
    exact       N = d^ D_i f_i - C^^T adj(M^)^T D_y f_i,        F = N / d^ everywhere
    search      the same formula as N from simpler rows,        zero where F is

and differ in what they hand up as the rows of M and C.  ``field`` hands up DF.  ``exact``
hands up p DN - N Dp = p^2 DF, p = d^ of its own level: multiplying rows of (M, C) by numbers
changes neither C^T M^-T nor the set where det M = 0, so N and d^ are free of division, and F =
N / d^ holds everywhere, not only at zeros.  Hence at a zero DF = DN / d^, which decides
stability.  ``search`` hands up DN alone, which is p DF where N = 0: fewer operations, the same
zeros and the same total Hessians at zeros, but another Jacobian if there are three levels.

Determinants take about n 2^n products and derivatives of order L are needed for L levels: the
levels below the first may have up to 8 variables in all.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..declaration.hierarchy import Hierarchy
from ..dynamics import HierarchyField
from ..errors import GameError
from .blocks import determinant_and_adjugate
from .graph import Graph
from .reading import Reader

__all__ = ["LARGEST", "StackedBlocks", "hierarchy_field_nodes"]

#: The levels below the first may have this many variables.
LARGEST = 8

Rows = list[list[int]]


class StackedBlocks:
    """Nodes of a hierarchy's gradients in one of the three forms.

    Parameters
    ----------
    hierarchy : a `Hierarchy`.
    form : "field", "exact" or "search", see the module's introduction.

    ``graph`` : the `Graph`, with a variable for each action in declared order.
    ``omega`` : the nodes of the game's own gradient, in declared order.
    ``values`` : the nodes of F or N, in declared order.
    ``determinants`` : the node of d or d^ for each level; 1 for the lowest.

    Raises `GameError` if there are too many lower variables, or if the determinant of a level
    is zero identically.

    >>> import sympy as sp
    >>> from gameanalysis.declaration.game import zero_sum
    >>> x, y = sp.symbols("x y", real=True)
    >>> blocks = StackedBlocks(Hierarchy(zero_sum(x*y - 2*y**2, x, y), [0, 1]), "exact")
    >>> [blocks.graph.nodes[d] for d in blocks.determinants]
    [('const', 4), ('const', 1)]
    """

    def __init__(self, hierarchy: Hierarchy, form: str) -> None:
        game = hierarchy.game
        below = len(hierarchy.at_or_below(1))
        if below > LARGEST:
            raise GameError(f"the levels below the first have {below} variables; responses are "
                            f"derived for at most {LARGEST} (with one leader above one level "
                            f"of followers, stackelberg_gradient takes more)")
        self.hierarchy, self.form, self.n = hierarchy, form, len(game.variables)
        self.graph = graph = Graph(self.n)
        reader = Reader(graph, dict(zip(game.variables, graph.variables)))
        self.costs = [reader.read(cost) for cost in game.valued_costs]
        self.omega = [node for player, cost in enumerate(self.costs)
                      for node in graph.gradient(cost, self._at(hierarchy.actions(player)))]
        self._values: dict[int, int] = {}
        self.determinants = [graph.one] * hierarchy.n_levels
        rows: Rows = []                         # of the lower levels, in the order of moves
        for level in reversed(range(hierarchy.n_levels)):
            self._add(level, rows)
            if level:
                rows = self._rows(level) + rows
        self.values = [self._values[k] for k in range(self.n)]

    def _at(self, places: Sequence[int]) -> list[int]:
        return [self.graph.variables[k] for k in places]

    def _add(self, level: int, rows: Rows) -> None:
        """The values of a level from the rows of the levels below it."""
        graph, hierarchy = self.graph, self.hierarchy
        below = hierarchy.at_or_below(level + 1)
        if not below:
            for player in hierarchy.levels[level]:
                self._values.update((k, self.omega[k]) for k in hierarchy.actions(player))
            return
        determinant, adjugate = determinant_and_adjugate(
            graph, [[row[k] for k in below] for row in rows])
        if determinant == graph.zero:
            raise GameError(
                f"in the hierarchy {hierarchy.name} the system of level {level + 2} is "
                f"singular everywhere (as in a bilinear game), so it has no response: add a "
                f"small multiple of the square of an action to a cost of that level or below")
        self.determinants[level] = determinant
        for player in hierarchy.levels[level]:
            slope = graph.gradient(self.costs[player], self._at(below))
            scaled = [graph.dot(column, slope) for column in zip(*adjugate)]   # adj(M)^T D_y f
            for k in hierarchy.actions(player):
                pull = graph.dot([row[k] for row in rows], scaled)
                own = self.omega[k]
                self._values[k] = (
                    graph.sub(own, graph.div(pull, determinant)) if self.form == "field"
                    else graph.sub(graph.mul(determinant, own), pull))

    def _rows(self, level: int) -> Rows:
        """What a level hands up as its rows of the Jacobian, in all variables."""
        graph, p = self.graph, self.determinants[level]
        places = [k for player in self.hierarchy.levels[level]
                  for k in self.hierarchy.actions(player)]
        rows = graph.jacobian([self._values[k] for k in places], graph.variables)
        if self.form != "exact" or graph.nodes[p][0] == "const":
            return rows                         # a constant p divides the whole row
        slope = graph.gradient(p, graph.variables)
        return [[graph.sub(graph.mul(p, d), graph.mul(self._values[k], s))
                 for d, s in zip(row, slope)] for k, row in zip(places, rows)]

    def jacobian(self) -> Rows:
        """The rows of the Jacobian of ``values``, in declared order."""
        return self.graph.jacobian(self.values, self.graph.variables)

    def own_hessians(self) -> list[Rows]:
        """D_ii f_i for each player, in the order of the game."""
        found = []
        for player in range(self.hierarchy.game.n_players):
            places = self.hierarchy.actions(player)
            found.append(self.graph.jacobian([self.omega[k] for k in places],
                                             self._at(places)))
        return found


def hierarchy_field_nodes(field: HierarchyField) -> tuple[Graph, list[int], list[int]]:
    """The graph, the nodes of the components and the guard of a hierarchy's gradient.

    The guard is the product of the determinants that the field divides by, without factors
    that are exponentials; there is none where they are all constant.
    """
    blocks = StackedBlocks(field.hierarchy, "field")
    graph = blocks.graph
    reader = Reader(graph, {})
    values = [graph.mul(reader.read(t), value)
              for t, value in zip(field.factors, blocks.values)]
    guard = graph.one
    for determinant in blocks.determinants:
        if graph.nodes[determinant][0] != "const":
            guard = graph.mul(guard, determinant)
    if guard == graph.one:
        return graph, values, []
    coefficient, rest = graph._split(guard)
    return graph, values, [graph._scaled(coefficient, graph._unit(rest)[0])]
