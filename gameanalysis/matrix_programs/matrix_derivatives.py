r"""Derivatives on graphs of matrices: reverse mode, forward mode, both together.

The gradient D_X f of a scalar f is the matrix with df = <D_X f, dX>.  In reverse mode the
adjoints, G for a node Y, pass to its operands by the transposed differentials:

    Y = A B        A: G B^T, B: A^T G          y = <A, B>     A: g B, B: g A
    Y = A^-1       A: -Y^T G Y^T               y = tr A       A: g I
    Y = A^T        A: G^T                      y = det A      A: g det(A) A^-T
    Y = s A        s: <G, A>, A: s G           y = log det A  A: g A^-T
    Y = A o B      A: G o B, B: G o A          Y = f(A)       A: G o f'(A)

In forward mode the differentials themselves run along.  A product of a Hessian with a
direction is the forward mode over the reverse mode, and costs a small multiple of f.  SymPy's
own matrix calculus is not used: version 1.14 returns 0 for the derivative of a sum of traces.

Reference: M. Giles, "Collected matrix derivative results for forward and reverse mode
algorithmic differentiation", in Advances in Automatic Differentiation, Springer 2008.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence

from .matrix_graph import MatrixGraph
from .matrix_nodes import DUMMY

__all__ = ["directional", "gradient"]


def gradient(graph: MatrixGraph, output: int, variables: Sequence[int]) -> list[int]:
    """The gradients of a scalar node, one of the shape of each variable.

    >>> g = MatrixGraph(); X = g.variable((2, 3))
    >>> gradient(g, g.inner(X, X), [X]) == [g.scaled(2, X)]
    True
    """
    mask = graph.mask(variables)
    shares: dict[int, list[int]] = {output: [graph.one]}
    found: dict[int, int] = {}
    queue = [-output] if graph.support[output] & mask else []
    while queue:
        index = -heapq.heappop(queue)
        adjoint = graph.sum([(1, s) for s in shares.pop(index)], graph.shapes[index])
        if graph.nodes[index][0] == "var":
            found[index] = adjoint
            continue
        for operand, share in _shares(graph, index, adjoint, mask):
            if operand not in shares:
                shares[operand] = []
                heapq.heappush(queue, -operand)
            shares[operand].append(share)
    return [found[v] if v in found else graph.zero(graph.shapes[v]) for v in variables]


def _shares(graph: MatrixGraph, index: int, adjoint: int, mask: int) -> list[tuple[int, int]]:
    """(operand, what the node adds to its adjoint) for operands that depend on the mask."""
    g, node, support = graph, graph.nodes[index], graph.support
    kind = node[0]
    if kind == "lin":
        return [(k, g.scaled(c, adjoint)) for c, k in node[2:] if support[k] & mask]
    if kind == "mono":
        return [(a, g.times(adjoint, g.times(g.constant(e), _lowered(g, node, position))))
                for position, (a, e) in enumerate(node[1:], 1) if support[a] & mask]
    if kind == "chain":
        return [(a, _between(g, node[1:], position, adjoint))
                for position, a in enumerate(node[1:]) if support[a] & mask]
    if kind == "had":
        return [(a, g.hadamard([adjoint, *node[1:position], *node[position + 1:]]))
                for position, a in enumerate(node[1:], 1) if support[a] & mask]
    if kind in ("scale", "inner"):
        pairs = ([(node[1], g.inner(adjoint, node[2])), (node[2], g.times(node[1], adjoint))]
                 if kind == "scale" else
                 [(node[1], g.times(adjoint, node[2])), (node[2], g.times(adjoint, node[1]))])
        return [(a, share) for a, share in pairs if support[a] & mask]
    a = node[2] if kind == "map" else node[1]
    if kind == "T":
        return [(a, g.transpose(adjoint))]
    if kind == "trace":
        return [(a, g.times(adjoint, g.eye(g.shapes[a][0])))]
    if kind == "entry":
        return [(a, g.times(adjoint, g.unit(g.shapes[a], *node[2:])))]
    if kind == "map":
        return [(a, g.hadamard([adjoint, g.map(node[1].diff(DUMMY), a)]))]
    inverse = g.transpose(g.inverse(a))
    if kind == "inv":
        return [(a, g.scaled(-1, g.product([inverse, adjoint, inverse])))]
    return [(a, g.times(g.times(adjoint, index) if kind == "det" else adjoint, inverse))]


def _lowered(graph: MatrixGraph, node: tuple, position: int) -> int:
    """A monomial with one exponent less by one."""
    result = graph.one
    for k, (a, e) in enumerate(node[1:], 1):
        result = graph.times(result, graph.power(a, e - 1 if k == position else e))
    return result


def _between(graph: MatrixGraph, factors: Sequence[int], position: int, middle: int) -> int:
    """(what stands before)^T middle (what stands behind)^T."""
    before = [graph.transpose(a) for a in reversed(factors[:position])]
    behind = [graph.transpose(a) for a in reversed(factors[position + 1:])]
    return graph.product([*before, middle, *behind])


def directional(graph: MatrixGraph, outputs: Sequence[int],
                directions: Mapping[int, int]) -> list[int]:
    """The derivatives of nodes along directions, given for each variable that moves.

    >>> g = MatrixGraph(); X, P = g.variable((2, 2)), g.variable((2, 2))
    >>> directional(g, [g.inner(X, X)], {X: P}) == [g.scaled(2, g.inner(X, P))]
    True
    """
    mask = graph.mask(directions)
    known = dict(directions)
    for index in graph.reachable(outputs):
        if graph.support[index] & mask and index not in known:
            known[index] = _tangent(graph, index, known)
    return [known[a] if graph.support[a] & mask else graph.zero(graph.shapes[a])
            for a in outputs]


def _tangent(graph: MatrixGraph, index: int, known: Mapping[int, int]) -> int:
    """The differential of a node, given those of the operands that move."""
    g, node, shape = graph, graph.nodes[index], graph.shapes[index]
    kind = node[0]
    if kind == "lin":
        return g.sum([(c, known[k]) for c, k in node[2:] if k in known], shape)
    if kind == "mono":
        return g.sum([(e, g.times(known[a], _lowered(g, node, position)))
                      for position, (a, e) in enumerate(node[1:], 1) if a in known], ())
    if kind in ("chain", "had", "scale", "inner"):
        build = {"chain": g.product, "had": g.hadamard, "scale": lambda two: g.times(*two),
                 "inner": lambda two: g.inner(*two)}[kind]
        return g.sum([(1, build([*node[1:position], known[a], *node[position + 1:]]))
                      for position, a in enumerate(node[1:], 1) if a in known], shape)
    a = node[2] if kind == "map" else node[1]
    moved = known[a]
    if kind == "T":
        return g.transpose(moved)
    if kind == "trace":
        return g.trace(moved)
    if kind == "entry":
        return g.entry(moved, *node[2:])
    if kind == "map":
        return g.hadamard([moved, g.map(node[1].diff(DUMMY), a)])
    if kind == "inv":
        return g.scaled(-1, g.product([index, moved, index]))
    slope = g.trace(g.product([g.inverse(a), moved]))
    return g.times(index, slope) if kind == "det" else slope
