r"""The followers' linear systems in floats, and bundles of formulas as functions of points.

Every derivative of the followers' response solves systems with one matrix, M + eta I or its
transpose.  How, the pattern of M decides (its entries that are not identically zero):

``program``  M falls into diagonal blocks of at most three actions: their determinants are
             part of the program, so that omega_S and J_S are formulas;
``direct``   LAPACK, on all blocks of a size at once;
``sparse``   SuperLU, where a block is large and few of its entries are not zero;
``cg``       products with M only, where its entries would be too many: conjugate gradients
             that turn to minres on negative curvature (see `solves`); `gmres` with several
             followers, whose M is not symmetric.

The choice and its reason are stated by a `Solver`, with the true residual and the least
curvature of the systems solved last.  Members of a batch whose matrix is singular are
NaN, and leave the others alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import GameError, ShapeError
from ..tables import short
from .blocks import INLINE, SINGULAR, ResponseBlocks
from .graph import Graph
from .printing import nearest
from .program import Program
from .solves import factorised, solve
from .tangents import components, pattern, tangents

__all__ = ["Bundle", "SOLVERS", "Solver", "Systems", "chosen", "points"]

Array = NDArray[np.float64]
Index = NDArray[np.intp]

SOLVERS = ("auto", "direct", "sparse", "cg", "minres", "gmres")
#: LAPACK takes a block of at most this size, and any that is denser than `_FILLED`.
_LAPACK = 150
_FILLED = 0.1
#: More entries of M than this are not computed: products with M are.
_ENTRIES = 200_000

_FLOAT = np.dtype(np.float64)
_array = np.array
#: Constant entries of larger arrays are filled in instead of computed.
_SMALL = 64
#: Bytes of systems that are kept until their residual is asked for.
_KEPT = 2 ** 20


class Bundle:
    """An array of nodes as a function of points: (..., n) to (..., *shape).

    ``inputs`` : n, for the first n variables of the graph, or the numbers of the variables.
    """

    def __init__(self, graph: Graph, entries: Iterable[int], shape: tuple[int, ...],
                 inputs: int | Sequence[int]) -> None:
        nodes = list(entries)
        self.shape, self.size = shape, len(nodes)
        self.n_inputs = inputs if isinstance(inputs, int) else len(inputs)
        self._single, self._flat = (self.n_inputs,), len(shape) == 1
        # A large array is filled from a template of its constant entries and from
        # the values of each other node, computed once; a small one is all computed.
        self._template: Array | None = None
        if self.size > _SMALL:
            self._template = np.zeros(self.size)
            slots: dict[int, int] = {}
            positions, source = [], []
            for k in np.flatnonzero(np.array(nodes) != graph.zero).tolist():
                node = graph.nodes[nodes[k]]
                if node[0] == "const":
                    self._template[k] = nearest(node[1])
                else:
                    positions.append(k)
                    source.append(slots.setdefault(nodes[k], len(slots)))
            self._positions = np.array(positions, dtype=np.intp)
            self._source = np.array(source, dtype=np.intp)
            nodes = list(slots)
            if self.size == len(nodes):         # nothing to fill in, nothing twice
                self._template = None
        self.program = Program(graph, nodes, inputs)
        self._program_at = self.program.at
        self._direct = (self.program.point if self._flat and self._template is None
                        and self.program.is_printed else None)

    def __call__(self, x: Any) -> Array:
        """Values at one point or at any array of points."""
        # Solvers ask for one point a million times: their way through here is short.
        if not (type(x) is np.ndarray and x.dtype is _FLOAT and x.shape == self._single):
            x = points(x, self.n_inputs)
            if x.ndim > 1:
                return self._many(x)
        if self._direct is not None:
            try:
                return _array(self._direct(*x.tolist()))
            except (ArithmeticError, ValueError):
                pass                        # math raises there, NumPy does not
        values = self._program_at(x)
        if self._template is not None:
            out = self._template.copy()
            out[self._positions] = values[self._source]
            values = out
        return values if self._flat else values.reshape(self.shape)

    def _many(self, x: Array) -> Array:
        columns = self.program.columns(x.reshape(-1, self.n_inputs).T)
        if self._template is not None:
            values = columns
            columns = np.empty((self.size, values.shape[1]))
            columns[:] = self._template[:, None]
            columns[self._positions] = values[self._source]
        return columns.T.reshape(x.shape[:-1] + self.shape)


def points(x: Any, n: int) -> Array:
    """``x`` as a float array of points (..., n); raises `ShapeError` otherwise."""
    if type(x) is not np.ndarray or x.dtype != _FLOAT:
        try:
            if np.iscomplexobj(x):          # NumPy would drop the imaginary part
                raise TypeError
            x = np.asarray(x, dtype=float)
        except (TypeError, ValueError):
            raise ShapeError(f"points must be an array of real numbers of shape "
                             f"(..., {n}), not {short(repr(x))}") from None
    if x.ndim == 0 or x.shape[-1] != n:
        raise ShapeError(f"points must have shape (..., {n}), one row a point, "
                         f"not {x.shape}")
    return x


@dataclass(frozen=True)
class _Last:
    """What is known of the systems solved last."""

    count: int
    unsolved: int
    residual: float
    curvature: float | None
    sentence: str = ""


class Solver:
    """How the followers' systems are solved, why so, and how well it went last.

    ``method`` : "program", "direct", "sparse", "cg", "minres" or "gmres".
    ``reason`` : what it was chosen for, in words.
    ``is_chosen`` : whether the library chose, so that "cg" may turn to minres.
    """

    def __init__(self, method: str, reason: str, is_chosen: bool = True) -> None:
        self.method, self.reason, self.is_chosen = method, reason, is_chosen
        self._last: _Last | Callable[[], _Last] | None = None

    def record(self, last: _Last | Callable[[], _Last]) -> None:
        """Keep what is known of the systems just solved, or how to find out."""
        self._last = last

    def _known(self) -> _Last | None:
        if callable(self._last):
            self._last = self._last()
        return self._last

    @property
    def residual(self) -> float | None:
        """The largest true |b - M v| / |b| of the last call; None before, or in a program.

        Of the systems that were solved; those whose matrix is singular are not counted.
        """
        last = self._known()
        return None if last is None else last.residual

    @property
    def curvature(self) -> float | None:
        """The least v^T M v / v^T v met in the last call; None if there was none."""
        last = self._known()
        return None if last is None else last.curvature

    @property
    def unsolved(self) -> int:
        """How many systems of the last call have no solution: their values are NaN."""
        last = self._known()
        return 0 if last is None else last.unsolved

    def __repr__(self) -> str:
        lines = [f"{self.method}: {self.reason}"]
        last = self._known()
        if last is not None:
            curvature = "" if last.curvature is None else (
                f", least curvature {last.curvature:.3g}")
            lines.append(f"last call: {last.count} system{'s' * (last.count != 1)}, "
                         f"{last.unsolved} without a solution, residual at most "
                         f"{last.residual:.1e}{curvature}")
            if last.sentence:
                lines.append(last.sentence)
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {"method": self.method, "reason": self.reason, "residual": self.residual,
                "curvature": self.curvature, "unsolved": self.unsolved}


def chosen(response: ResponseBlocks, wanted: str) -> Solver:
    """The `Solver` for a game: by the pattern of M for "auto", or the one wanted.

    Raises ValueError for an unknown name, and for one that needs M = M^T where there are
    several followers.
    """
    if wanted not in SOLVERS:
        raise ValueError(f"solver must be one of {', '.join(SOLVERS)}, not {wanted!r}")
    blocks = response.blocks
    m, single = blocks.n - blocks.n1, blocks.game.n_players == 2
    if wanted in ("cg", "minres") and not single:
        raise ValueError(f"solver={wanted!r} needs a symmetric matrix, and with several "
                         f"followers D_y F is not: take 'gmres', 'direct' or 'sparse'")
    if wanted != "auto":
        return Solver(wanted, "as asked for", is_chosen=False)
    met = pattern(blocks.graph, blocks.followers, m, blocks.n1)
    entries = sum(map(len, met))
    largest = max(map(len, parts := components(met)))
    size = f"D_y F of the {m} followers' actions"
    count = f"{size} has {len(parts)} diagonal block{'s' * (len(parts) != 1)}"
    if largest <= INLINE:
        return Solver("program", f"{count} of at most {largest}, solved inside of the program")
    if entries > _ENTRIES:
        if single:
            return Solver("cg", f"{size} has up to {entries} entries, so only its products are "
                                f"computed; minres takes over on negative curvature")
        return Solver("gmres", f"{size} has up to {entries} entries and need not be symmetric, "
                               f"so only its products are computed")
    if largest <= _LAPACK or entries > _FILLED * m * m:
        return Solver("direct", f"{count} of at most {largest}, factorised by LAPACK")
    return Solver("sparse", f"{count} of at most {largest}, and {entries} of its {m * m} "
                            f"entries are not zero: factorised by SuperLU")


class Systems:
    """M + eta I at points, for solving: made by `Response`, one for a solver and a game."""

    def __init__(self, response: ResponseBlocks, solver: Solver) -> None:
        self.response, self.solver = response, solver
        self.m = response.blocks.n - response.blocks.n1
        self.is_iterative = solver.method in ("cg", "minres", "gmres")

    def at(self, x: Array) -> Callable[..., Array]:
        """The function (right, transposed) -> solution of the systems at points (..., n).

        ``right`` has shape (..., m, k), and so has the solution.
        """
        if self.is_iterative:
            return lambda right, transposed: self._each(
                x, right, lambda k: self._iterated(x[k], transposed))
        values = self._entries(x)
        if self.solver.method == "sparse":
            kept: dict[tuple[bool, Any], Any] = {}
            return lambda right, transposed: self._each(
                x, right, lambda k: self._factorised(values[k], transposed, kept, k))
        return lambda right, transposed: self._blockwise(values, right, transposed)

    def require_regular(self) -> None:
        """Raise `GameError` if a row or a column of M + eta I is zero everywhere."""
        if not self.is_iterative:
            self._pattern

    def determinant(self, x: Array) -> tuple[Array, Array]:
        """Sign and logarithm of |det(M + eta I)| at points; not for iterative methods."""
        values = self._entries(x)
        if self.solver.method == "sparse":
            found = [self._sparse_determinant(v) for v in values.reshape(-1, values.shape[-1])]
            sign, logarithm = np.array(found).reshape(-1, 2).T
            return sign.reshape(x.shape[:-1]), logarithm.reshape(x.shape[:-1])
        sign, logarithm = np.ones(x.shape[:-1]), np.zeros(x.shape[:-1])
        for matrix in self._matrices(values):
            s, size = np.linalg.slogdet(matrix)
            sign, logarithm = sign * s.prod(axis=-1), logarithm + size.sum(axis=-1)
        return sign, logarithm

    def _sparse_determinant(self, values: Array) -> tuple[float, float]:
        from scipy.sparse import csc_array
        from scipy.sparse.linalg import splu
        matrix = csc_array((values, self._pattern), shape=(self.m, self.m))
        try:
            factors = splu(matrix)
        except RuntimeError:
            return 0.0, -np.inf
        diagonal = factors.U.diagonal()
        turned = _sign_of_permutation(factors.perm_r) * _sign_of_permutation(factors.perm_c)
        return turned * float(np.sign(diagonal).prod()), float(np.log(np.abs(diagonal)).sum())

    # -- the entries of M + eta I ----------------------------------------

    @cached_property
    def _pattern(self) -> tuple[Index, Index]:
        rows = self.response.regularised
        where = [(i, j) for i, row in enumerate(rows) for j in row]
        i, j = np.array(where, dtype=np.intp).reshape(-1, 2).T
        if len(set(i.tolist())) < self.m or len(set(j.tolist())) < self.m:
            raise GameError(SINGULAR)
        return i, j

    @cached_property
    def _entries(self) -> Bundle:
        blocks = self.response.blocks
        nodes = [node for row in self.response.regularised for node in row.values()]
        return Bundle(blocks.graph, nodes, (len(nodes),), blocks.n)

    # -- LAPACK ----------------------------------------------------------

    @cached_property
    def _groups(self) -> list[tuple[Index, Index, Index]]:
        """For each size of block: its actions (k, s), and where in (k, s, s) which entries go."""
        i, j = self._pattern
        block, place = np.empty((2, self.m), dtype=np.intp)
        sizes: dict[int, list[list[int]]] = {}
        for members in self.response.components:
            same = sizes.setdefault(len(members), [])
            block[members], place[members] = len(same), range(len(members))
            same.append(members)
        groups = []
        for size, found in sizes.items():
            gathered: Index = np.array(found, dtype=np.intp)
            belongs = np.zeros(self.m, dtype=bool)
            belongs[gathered.ravel()] = True
            which = np.flatnonzero(belongs[i])
            target = (block[i[which]] * size + place[i[which]]) * size + place[j[which]]
            groups.append((gathered, np.asarray(target, dtype=np.intp), which))
        return groups

    def _matrices(self, values: Array) -> list[Array]:
        """For each size of block, the matrices (..., k, s, s)."""
        found = []
        for members, target, which in self._groups:
            matrix = np.zeros(values.shape[:-1] + (members.size * members.shape[1],))
            matrix[..., target] = values[..., which]
            found.append(matrix.reshape(values.shape[:-1] + members.shape + members.shape[1:]))
        return found

    def _blockwise(self, values: Array, right: Array, transposed: bool) -> Array:
        out, parts = np.empty(right.shape), []
        for (members, _, _), matrix in zip(self._groups, self._matrices(values)):
            if transposed:
                matrix = np.swapaxes(matrix, -1, -2)
            given = right[..., members, :]
            solution = _solve(matrix, given)
            out[..., members, :] = solution
            parts.append((matrix, solution, given))
        self._record(parts, right.size // self.m)
        return out

    def _record(self, parts: list[tuple[Array, Array, Array]], count: int) -> None:
        """The residuals of (matrix, solution, right): now if they are too large to keep."""
        def found() -> _Last:
            gap = size = power = square = np.zeros(())
            with np.errstate(all="ignore"):
                for matrix, v, b in parts:
                    product = matrix @ v
                    over = (-3, -2)                     # all blocks, all actions of a block
                    gap = gap + ((b - product)**2).sum(axis=over)
                    size = size + (b**2).sum(axis=over)
                    power = power + (v * product).sum(axis=over)
                    square = square + (v**2).sum(axis=over)
                relative = np.sqrt(gap / size)[np.isfinite(gap) & (size > 0)]
                quotients = power / square
            quotients = quotients[np.isfinite(quotients)]
            return _Last(count, int((~np.isfinite(gap)).sum()),
                         float(relative.max(initial=0.0)),
                         float(quotients.min()) if quotients.size else None)
        kept = sum(a.nbytes for part in parts for a in part) <= _KEPT
        self.solver.record(found if kept else found())

    # -- one point after the other ---------------------------------------

    def _each(self, x: Array, right: Array, solver_at: Callable[[Any], Callable[[Array], Any]]
              ) -> Array:
        """Solve column by column at each point, and record how it went."""
        out = np.empty(right.shape)
        worst, least, unsolved, sentence = 0.0, np.inf, 0, ""
        for k in np.ndindex(x.shape[:-1]):
            solve_one = solver_at(k)
            for column in range(right.shape[-1]):
                found = solve_one(right[k][:, column])
                out[k][:, column] = found.x if found.is_solved else np.nan
                if found.is_solved:
                    worst = max(worst, found.residual)
                else:
                    unsolved += 1
                    sentence = sentence or found.status.value
                if found.curvature is not None:
                    least = min(least, found.curvature)
        self.solver.record(_Last(right.size // max(1, self.m), unsolved, worst,
                                 float(least) if np.isfinite(least) else None, sentence))
        return out

    def _factorised(self, values: Array, transposed: bool, kept: dict[tuple[bool, Any], Any],
                    key: Any) -> Callable[[Array], Any]:
        from scipy.sparse import csc_array
        if (transposed, key) not in kept:
            i, j = self._pattern[::-1] if transposed else self._pattern
            matrix = csc_array((values, (i, j)), shape=(self.m, self.m))
            kept[transposed, key] = matrix, factorised(matrix)
        matrix, factors = kept[transposed, key]
        return lambda b: solve(matrix, b, method="direct", symmetric=False, factors=factors)

    def _iterated(self, x: Array, transposed: bool) -> Callable[[Array], Any]:
        """By products: M^T p = D_y h(x, p), and M p by the forward mode."""
        product, n = self._transposed if transposed else self._product, x.size
        method = self.solver.method
        at = np.concatenate([x, np.zeros(self.m)])

        def apply(p: Array) -> Array:
            at[n:] = p
            return product(at)
        method = "auto" if self.solver.is_chosen else method
        return lambda b: solve(apply, b, method=method, symmetric=self.solver.method != "gmres")

    @cached_property
    def _transposed(self) -> Bundle:
        blocks = self.response.blocks
        return self._with_eta(blocks.h_gradient[blocks.n1:])

    @cached_property
    def _product(self) -> Bundle:
        blocks = self.response.blocks
        moved = dict(zip(blocks.x[blocks.n1:], blocks.v))
        return self._with_eta(tangents(blocks.graph, blocks.followers, moved))

    def _with_eta(self, nodes: Sequence[int]) -> Bundle:
        blocks, graph = self.response.blocks, self.response.blocks.graph
        eta = self.response.eta_node
        nodes = [graph.add(node, graph.mul(eta, p)) for node, p in zip(nodes, blocks.v)]
        return Bundle(graph, nodes, (self.m,), blocks.n + self.m)


def _sign_of_permutation(order: Index) -> float:
    """+1 or -1, by the number of its cycles."""
    seen, cycles = np.zeros(len(order), dtype=bool), 0
    for k in range(len(order)):
        cycles += not seen[k]
        while not seen[k]:
            seen[k], k = True, int(order[k])
    return -1.0 if (len(order) - cycles) % 2 else 1.0


def _solve(matrix: Array, right: Array) -> Array:
    """Batched solve; NaN for the members whose matrix is singular."""
    if matrix.shape[-1] == 1:
        with np.errstate(all="ignore"):
            return np.where(matrix == 0, np.nan, right / matrix)
    try:
        return np.asarray(np.linalg.solve(matrix, right), dtype=float)
    except np.linalg.LinAlgError:
        # The same factors give the determinant, exactly zero for those that cannot be solved.
        singular = np.linalg.slogdet(matrix)[0] == 0
        regular = np.where(singular[..., None, None], np.eye(matrix.shape[-1]), matrix)
        out = np.asarray(np.linalg.solve(regular, right), dtype=float)
        out[singular] = np.nan
        return out
