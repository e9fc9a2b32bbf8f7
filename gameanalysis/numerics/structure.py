r"""The block structure of a system: which equations can be solved before the others.

Equation i of g(x) = 0 contains variable j where the program of g_i reads x_j.  If the
pattern has a perfect matching of equations with variables, matching variables to equations
makes it a directed graph on pairs, with an arrow from the pair of x_j to every equation that
contains x_j; its strongly connected components, in topological order, are the diagonal blocks
of a block triangular form (Dulmage and Mendelsohn):

    g_1(x_1) = 0,    g_2(x_1, x_2) = 0,    ...,    g_m(x_1, ..., x_m) = 0.

Every leading system is square.  So the zeros of the first block are found and proved; the
next leading system is searched in (an enclosure of each zero) x (the box of x_2), and so
on: no search ever bisects more variables than one block has.  Parts of the system that share
no variable are solved apart, and their zeros combine freely: the product of regions that
hold exactly one zero each holds exactly one.

References: A. L. Dulmage, N. S. Mendelsohn, Coverings of bipartite graphs, Canad. J. Math. 10
(1958); A. Pothen, C.-J. Fan, Computing the block triangular form of a sparse matrix, ACM
Trans. Math. Software 16 (1990).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import prod

import numpy as np
from numpy.typing import NDArray

from ..dynamics import VectorField
from ..compilation.compiled import CompiledField
from ..programs.graph import Graph, operands
from ..programs.program import Program
from .enclosure import Region, Zero, float_ends

__all__ = ["JoinedZero", "Block", "independent_parts", "join", "leading_field", "pattern",
           "triangular_blocks"]

Mask = NDArray[np.bool_]
#: Equations and the variables they are solved for, as many as there are equations.
Block = tuple[tuple[int, ...], tuple[int, ...]]
Ends = tuple[tuple[Fraction, Fraction], ...]


def pattern(program: Program) -> Mask:
    """Which output reads which input: shape (outputs, inputs).

    >>> g = Graph(2)
    >>> pattern(Program(g, [g.variables[1], g.add(*g.variables)])).tolist()
    [[False, True], [True, True]]
    """
    support: list[frozenset[int]] = []
    for node in program.nodes:
        support.append(frozenset((node[1],)) if node[0] == "var" else
                       frozenset().union(*(support[j] for j in operands(node))))
    out = np.zeros((len(program.outputs), program.n_inputs), dtype=bool)
    for i, k in enumerate(program.outputs):
        out[i, list(support[k])] = True
    return out


def triangular_blocks(reads: Mask) -> list[Block] | None:
    """The diagonal blocks of the block triangular form, in an order to solve them.

    Every equation of a block reads only variables of its own and of earlier blocks.  None
    where equations and variables cannot be matched, so that J is singular everywhere.

    >>> triangular_blocks(np.array([[True, True], [False, True]]))
    [((1,), (1,)), ((0,), (0,))]
    """
    n = len(reads)
    from scipy.sparse import csr_matrix         # slow to import, seldom needed
    from scipy.sparse.csgraph import connected_components, maximum_bipartite_matching
    matched = maximum_bipartite_matching(csr_matrix(reads.astype(np.int8)), perm_type="column")
    if (matched < 0).any():
        return None
    # Pair i is equation i with variable matched[i]; it needs the pairs of its variables.
    needs = reads[:, matched]
    count, label = connected_components(csr_matrix(needs.astype(np.int8)), connection="strong")
    inner = [np.flatnonzero(label == k) for k in range(count)]
    before = [set(label[needs[members].any(axis=0)].tolist()) - {k}
              for k, members in enumerate(inner)]
    order: list[int] = []
    while len(order) < count:
        order.append(next(k for k in range(count)
                          if k not in order and before[k] <= set(order)))
    assert sum(len(members) for members in inner) == n
    return [(tuple(inner[k].tolist()), tuple(sorted(matched[inner[k]].tolist())))
            for k in order]


def independent_parts(blocks: Sequence[Block], reads: Mask) -> list[list[Block]]:
    """The blocks grouped so that no two groups share a variable, order kept."""
    n = len(reads)
    graph = np.zeros((2 * n, 2 * n), dtype=np.int8)
    graph[:n, n:] = reads
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components
    _, label = connected_components(csr_matrix(graph), directed=False)
    groups: dict[int, list[Block]] = {}
    for block in blocks:
        groups.setdefault(int(label[block[0][0]]), []).append(block)
    return list(groups.values())


def leading_field(field: CompiledField, equations: Sequence[int], variables: Sequence[int]
                  ) -> CompiledField:
    """Some equations of a field as a field of their own, in the variables that they read."""
    assert field.value_program is not None
    nodes, outputs = field.value_program.nodes, field.value_program.outputs
    graph = Graph(len(variables))
    place = dict(zip(variables, graph.variables))
    wanted: set[int] = set()
    stack = [outputs[i] for i in equations]
    while stack:
        k = stack.pop()
        if k not in wanted:
            wanted.add(k)
            stack += operands(nodes[k])
    made: dict[int, int] = {}
    for k in sorted(wanted):
        operation, needed = nodes[k][0], operands(nodes[k])
        rest = nodes[k][1 + len(needed):]
        if operation == "var":
            made[k] = place[rest[0]]
        elif operation == "const":
            made[k] = graph.constant(rest[0])
        elif operation == "powr":
            made[k] = graph.power(made[needed[0]], rest[0])
        elif hasattr(graph, operation):
            made[k] = getattr(graph, operation)(*(made[j] for j in needed), *rest)
        else:
            made[k] = graph.apply(operation, made[needed[0]])
    symbols = [field.variables[j] for j in variables]
    # Names and periods; the formulas are the nodes.
    frame = VectorField(symbols, symbols, periods={
        v: period for v, period in field.periods.items() if v in symbols})
    return CompiledField(frame, (graph, [made[outputs[i]] for i in equations]))


class JoinedZero(Zero):
    """A zero whose coordinates are those of zeros of independent parts of the system."""

    def __init__(self, n: int, parts: Sequence[tuple[Sequence[int], Zero]]) -> None:
        self._n, self._parts, self._digits = n, parts, 0
        low, high = np.empty(n), np.empty(n)
        for places, zero in parts:
            low[list(places)], high[list(places)] = zero.region.low, zero.region.high
        self.region = Region(low, high)
        self._enclosure = self.enclosure(0)
        self.low, self.high = float_ends(self._enclosure)
        self.x = np.empty(n)
        for places, zero in parts:
            self.x[list(places)] = zero.x
        self.radius = max(zero.radius for _, zero in parts)
        for array in (self.low, self.high, self.x):
            array.flags.writeable = False

    def enclosure(self, digits: int) -> Ends:
        """Exact ends (low, high) for each coordinate, to about ``digits`` digits."""
        out: list[tuple[Fraction, Fraction]] = [(Fraction(0), Fraction(0))] * self._n
        for places, zero in self._parts:
            for k, ends in zip(places, zero.enclosure(digits)):
                out[k] = ends
        return tuple(out)


def join(n: int, parts: Sequence[tuple[Sequence[int], Sequence[Zero]]], most: int
         ) -> list[Zero] | None:
    """All combinations of the zeros of independent parts; None for more than ``most``.

    ``parts`` holds the variables of each part and its zeros.
    """
    if prod(len(zeros) for _, zeros in parts) > most:
        return None
    chosen: list[list[tuple[Sequence[int], Zero]]] = [[]]
    for places, zeros in parts:
        chosen = [[*before, (places, zero)] for before in chosen for zero in zeros]
    return [JoinedZero(n, each) if len(each) > 1 else each[0][1] for each in chosen]
