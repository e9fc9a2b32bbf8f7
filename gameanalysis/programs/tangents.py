r"""Derivatives along directions, and sparse Jacobians, on the graph.

For outputs y = F(x) of a graph and a direction p, the forward mode carries

    t_k  =  sum over operands j of  d(node k)/d(node j)  t_j,      t_x = p,

with every node, so that F'(x) p costs a small multiple of F(x), whatever the number of
variables; the reverse mode gives p^T F'(x) for as little.  Taken of a gradient, both are
products with a Hessian, which is never formed (Pearlmutter, Fast exact multiplication by the
Hessian, Neural Computation 6 (1994); Griewank and Walther, chapters 3 and 5).

A Jacobian whose entries are wanted is a list of sparse rows {column: node}: each node
knows the variables that it depends on, and a row is swept for those columns alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from .graph import Graph, operands

__all__ = ["SparseRow", "bits", "components", "new_variables", "pattern", "sparse_rows",
           "tangents", "transposed_product"]

SparseRow = dict[int, int]


def bits(mask: int) -> Iterator[int]:
    """The places of the ones of a nonnegative number, ascending.

    >>> list(bits(0b10110))
    [1, 2, 4]
    """
    # In base 16, the digits come in linear time; shifting out bits is quadratic.
    for place, digit in enumerate(reversed(f"{mask:x}")):
        for k in _ONES[digit]:
            yield 4 * place + k


_ONES = {f"{d:x}": tuple(k for k in range(4) if d >> k & 1) for d in range(16)}


def new_variables(graph: Graph, count: int) -> list[int]:
    """Nodes of so many further variables of a graph.

    >>> graph = Graph(1)
    >>> new_variables(graph, 2) == graph.variables[1:]
    True
    """
    first = graph.n_variables
    added = [graph._node(("var", i), 1 << i) for i in range(first, first + count)]
    graph.variables += added
    graph.n_variables += count
    return added


def tangents(graph: Graph, outputs: Sequence[int], directions: Mapping[int, int]) -> list[int]:
    """Nodes of F'(x) p for the outputs y = F(x), by the forward mode.

    ``directions`` : the node p_i for (the node of) each variable x_i that moves; the others
    are held.  The work is proportional to the part of the graph between those variables and
    the outputs.

    >>> graph = Graph(2); x, p = graph.variables
    >>> graph.nodes[tangents(graph, [graph.apply("exp", x)], {x: p})[0]][0]
    'mul'
    """
    mask = 0
    for variable in directions:
        mask |= graph.support[variable]
    done: dict[int, int] = {}
    for index in graph.reachable([k for k in outputs if graph.support[k] & mask]):
        if not graph.support[index] & mask:
            continue
        node = graph.nodes[index]
        if node[0] == "var":
            done[index] = directions[index]
        else:
            # `_share` multiplies by the derivative with respect to an operand.
            done[index] = graph.sum([graph._share(done[operand], index, node, position)
                                     for position, operand in enumerate(operands(node), 1)
                                     if operand in done])
    return [done.get(k, graph.zero) for k in outputs]


def transposed_product(graph: Graph, outputs: Sequence[int], variables: Sequence[int],
                       weights: Sequence[int]) -> list[int]:
    """Nodes of F'(x)^T p for the outputs y = F(x) and the weights p, by the reverse mode."""
    return graph.gradient(graph.dot(weights, outputs), variables)


def pattern(graph: Graph, outputs: Iterable[int], n: int, first: int = 0) -> list[list[int]]:
    """For each output, which of the variables first, ..., first + n - 1 it depends on.

    Counted from ``first``.  Outside of this pattern the Jacobian is zero everywhere.
    """
    mask = (1 << n) - 1
    return [list(bits(graph.support[k] >> first & mask)) for k in outputs]


def sparse_rows(graph: Graph, outputs: Sequence[int], variables: Sequence[int]
                ) -> list[SparseRow]:
    """The rows {j: node of dy_i/dx_j} of a Jacobian, entries that are zero left out.

    ``variables`` are nodes of variables; column j is the j-th of them.
    """
    column = {graph.nodes[v][1]: j for j, v in enumerate(variables)}
    mask = sum(1 << i for i in column)
    rows = []
    for output in outputs:
        met = list(bits(graph.support[output] & mask))
        slopes = graph.gradient(output, [graph.variables[i] for i in met])
        rows.append({column[i]: d for i, d in zip(met, slopes) if d != graph.zero})
    return rows


def components(rows: Sequence[Iterable[int]]) -> list[list[int]]:
    """The connected components of a square pattern: the blocks of a block diagonal matrix.

    ``rows`` : the columns met in each row.  Each component is ascending; they are ordered by
    their first member.

    >>> components([[0, 2], [1], [2]])
    [[0, 2], [1]]
    """
    root = list(range(len(rows)))
    if any(len(list(row)) == len(rows) for row in rows):
        return [root]

    def find(i: int) -> int:
        while root[i] != i:
            root[i] = i = root[root[i]]
        return i
    for i, row in enumerate(rows):
        for j in row:
            a, b = find(i), find(j)
            root[max(a, b)] = min(a, b)
    found: dict[int, list[int]] = {}
    for i in range(len(rows)):
        found.setdefault(find(i), []).append(i)
    return list(found.values())
