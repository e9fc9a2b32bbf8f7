r"""The followers' linear system, solved by its structure where it has one.

With F the followers' gradients and M = D_y F, the Stackelberg gradient needs v with
M^T v = D_y f1.  M is known by what it does to directions, as a graph: block by block, P -> M P.
Where each follower's image depends on its own direction only, and is of one of the forms

    s P           v = s^-1 B               a division, s a scalar,
    H o P         v = B / H                a division entry by entry,
    L P R         v = L^-1 B R^-1          two small systems in place of a large one: M is
                                           R^T (x) L, a Kronecker product,

M is symmetric, the solution is again a node of the graph, and no system in all unknowns is
ever written down.  Sums are included where they are of one form: A P + eta P is (A + eta I) P.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..errors import GameError
from ..programs.blocks import SINGULAR
from .matrix_derivatives import directional
from .matrix_graph import MatrixGraph
from .matrix_nodes import DUMMY

__all__ = ["Structure", "find_structure", "substitute"]


class _Block(NamedTuple):
    """One follower's M: "scalar" (s,), "entries" (H,) or "sides" (L, R)."""

    kind: str
    nodes: tuple[int, ...]


class Structure:
    """M as blocks that are inverted one by one.

    Each is a follower's own Hessian, and no block stands off the diagonal: M = M^T.
    """

    def __init__(self, graph: MatrixGraph, blocks: Sequence[_Block]) -> None:
        self.graph, self.blocks = graph, tuple(blocks)

    def solve(self, right: Sequence[int]) -> list[int]:
        """Nodes of the solution of M v = right."""
        return [self._solve(block, b) for block, b in zip(self.blocks, right)]

    def _solve(self, block: _Block, right: int) -> int:
        g, nodes = self.graph, block.nodes
        if block.kind == "scalar":
            return g.times(g.power(nodes[0], -1), right)
        if block.kind == "entries":
            return g.hadamard([right, g.map(1 / DUMMY, nodes[0])])
        return g.product([g.inverse(nodes[0]), right, g.inverse(nodes[1])])

    def __str__(self) -> str:
        says = {"scalar": "a scalar times the unknowns: divided by it",
                "entries": "a product entry by entry: divided by it",
                "sides": "a product L P R: two small systems, one with L and one with R"}
        return "; ".join(dict.fromkeys(says[block.kind] for block in self.blocks))


def find_structure(graph: MatrixGraph, images: Sequence[int], directions: Sequence[int],
                   eta: int) -> Structure | None:
    """The structure of M + eta I; None where it is none of the forms above.

    ``images`` are the nodes of M P for the variables P in ``directions``, ``eta`` a scalar
    node.  Raises `GameError` if a follower's block is identically zero.
    """
    blocks = []
    for image, p in zip(images, directions):
        image = graph.add(image, graph.times(eta, p))
        if graph.is_zero(image):
            raise GameError(SINGULAR)
        if graph.support[image] & graph.mask(directions) != graph.support[p]:
            return None
        block = _block(graph, image, p)
        if block is None:
            return None
        blocks.append(block)
    return Structure(graph, blocks)


def _block(graph: MatrixGraph, image: int, p: int) -> _Block | None:
    """The form of one image, which is linear in p."""
    shape = graph.shapes[p]
    if not shape:
        return _Block("scalar", tuple(directional(graph, [image], {p: graph.one})))
    parsed = []
    for c, a in graph.terms(image):
        part = _part(graph, graph.scaled(c, graph.one), a, p)
        if part is None:
            return None
        parsed.append(part)
    scalars = [s for s, kind, _, _ in parsed if kind == "scalar"]
    if len(scalars) == len(parsed):
        return _Block("scalar", (graph.add(*scalars),))
    if all(kind != "sides" for _, kind, _, _ in parsed):
        return _Block("entries", (graph.add(*(graph.times(s, a) for s, _, a, _ in parsed)),))
    if any(kind == "entries" for _, kind, _, _ in parsed):
        return None
    eyes = graph.eye(shape[0]), graph.eye(shape[1])
    lefts = [eyes[0] if kind == "scalar" else a for _, kind, a, _ in parsed]
    rights = [eyes[1] if kind == "scalar" else b for _, kind, _, b in parsed]
    scaled = [s for s, _, _, _ in parsed]
    if len(set(rights)) == 1:
        return _Block("sides", (graph.add(*map(graph.times, scaled, lefts)), rights[0]))
    if len(set(lefts)) == 1:
        return _Block("sides", (lefts[0], graph.add(*map(graph.times, scaled, rights))))
    return None


def _part(graph: MatrixGraph, s: int, a: int, p: int) -> tuple[int, str, int, int] | None:
    """A term as (scalar, kind, L or H, R), None where it is of no known form."""
    node, own = graph.nodes[a], graph.support[p]
    if node[0] == "scale":
        if graph.support[node[1]] & own:
            return None
        return _part(graph, graph.times(s, node[1]), node[2], p)
    (r, c), ones = graph.shapes[p], graph.ones(graph.shapes[p])
    if a == p:
        return s, "scalar", ones, ones
    if node[0] not in ("had", "chain") or node[1:].count(p) != 1 or any(
            graph.support[k] & own for k in node[1:] if k != p):
        return None
    place = node.index(p, 1)
    before, behind = node[1:place], node[place + 1:]
    if node[0] == "had":
        return s, "entries", graph.hadamard([*before, *behind]), ones
    if graph.shapes[a] != (r, c):                           # as in a row times p
        return None
    left = graph.product(before) if before else graph.eye(r)
    right = graph.product(behind) if behind else graph.eye(c)
    return s, "sides", left, right


def substitute(graph: MatrixGraph, outputs: Sequence[int], values: dict[int, int]) -> list[int]:
    """Nodes with variables replaced by other nodes."""
    mask, new = graph.mask(values), dict(values)
    for index in graph.reachable(outputs):
        if index not in new:
            new[index] = (graph.rebuilt(index, new) if graph.support[index] & mask else index)
    return [new[a] for a in outputs]
