"""Compiled games and fields: the formulas of the paper as fast NumPy functions.

Every function takes points x of shape (..., n), the variables in declared order:

    omega(x), omega_S(x)  (..., n)           J(x), J_S(x)  (..., n, n)
    S1(J)(x)              (..., n1, n1)      Dr(x)         (..., n2, n1)
    J p, J^T p, J_S p     (..., n)           M p           (..., n2)

in double precision, from the exact formulas of `blocks`.  How the systems with the
followers' Jacobian M are solved is chosen by its pattern and stated (see `numerical`).

A game that was declared in matrices is compiled from its entries like any other up to
`ENTRIES` variables, and above that, or where they cannot be written out, to a program that
multiplies matrices (`matrix_compiled`), which is numerical: no formula of single entries.

Arrays of many values are structures of arrays: the result for a batch is a view
in which each entry, as a function of the point, is contiguous.  Whoever needs
points in contiguous rows calls `numpy.ascontiguousarray`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property, reduce
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from ..declaration.game import Game
from ..dynamics import GameField, HierarchyField, VectorField
from ..errors import GameError, ShapeError, UnsupportedFunction
from ..learning.updates import RuleField
from ..matrix_programs.matrix_compiled import CompiledMatrixGame, MatrixField, matrix_field
from ..matrix_programs.matrix_solving import SOLVERS as MATRIX_SOLVERS, MatrixSolver
from ..programs.blocks import GameBlocks
from ..programs.graph import Graph
from ..programs.numerical import SOLVERS, Bundle, Solver, points
from ..programs.printing import Blocks
from ..programs.program import Program
from ..programs.reading import Reader
from ..programs.responses import Products, Response
from ..programs.scalars import rule_field_nodes
from ..programs.stacked import hierarchy_field_nodes
from ..programs.tangents import SparseRow

__all__ = ["CompiledGame", "CompiledField", "compile_game", "compile_field", "points"]

Array = NDArray[np.float64]

#: Games declared in matrices are written out in entries up to this many variables: there
#: programs of entries are as fast, and proofs and all learning rules have them.
ENTRIES = 64


class _SparseMatrix:
    """Sparse rows of nodes as a function of one point, to a scipy.sparse array."""

    def __init__(self, graph: Graph, rows: list[SparseRow], n: int) -> None:
        self.n, self.shape = n, (len(rows), n)
        self.starts = np.cumsum([0, *map(len, rows)])
        self.columns = np.array([j for row in rows for j in row], dtype=np.intp)
        nodes = [node for row in rows for node in row.values()]
        self.values = Bundle(graph, nodes, (len(nodes),), n)

    def __call__(self, x: Any) -> Any:
        x = points(x, self.n)
        if x.ndim != 1:
            raise ShapeError(f"a sparse matrix is of one point ({self.n},), not of {x.shape}: "
                             f"take the points one by one")
        return self._with(self.values(x))

    def pattern(self) -> Any:
        """Where entries are not identically zero, as a boolean array."""
        return self._with(np.ones(len(self.columns), dtype=bool))

    def _with(self, data: Array | NDArray[np.bool_]) -> Any:
        from scipy.sparse import csr_array      # slow to import, seldom needed
        return csr_array((data, self.columns.copy(), self.starts.copy()), shape=self.shape)


class CompiledGame:
    """A game as NumPy functions; made by `compile_game`.

    Every method takes points ``x`` of shape (..., n), the variables in declared
    order, and works on one point as on a million.  Where a cost is not defined, or
    the followers' Hessian is singular, the values are NaN or infinite, as in NumPy.

    Beside dense arrays there are products with vectors p, broadcast against the points, which
    form nothing of size n x n, and sparse matrices of one point, which need SciPy.
    """

    def __init__(self, game: Game, solver: str = "auto") -> None:
        _require_solver(solver)
        self.game = game
        self.variables = game.variables
        self.n = len(game.variables)
        self._wanted = solver
        self._blocks = GameBlocks(game)

    def __reduce__(self) -> tuple:
        return CompiledGame, (self.game, self._wanted)

    def __repr__(self) -> str:
        return (f"CompiledGame({self.game.name or 'game'}, {self.game.n_players} players, "
                f"{self.n} variables)")

    def _bundle(self, nodes: Iterable[int], *shape: int) -> Bundle:
        return Bundle(self._blocks.graph, nodes, shape, self.n)

    @cached_property
    def _costs(self) -> Bundle:
        return self._bundle(self._blocks.costs, self.game.n_players)

    @cached_property
    def _gradient(self) -> Bundle:
        return self._bundle(self._blocks.omega, self.n)

    @cached_property
    def _jacobian(self) -> Bundle:
        return self._bundle([e for row in self._blocks.jacobian for e in row], self.n, self.n)

    @cached_property
    def _response(self) -> Response:
        return Response(self._blocks, sp.S.One, sp.S.Zero, self._wanted)

    @cached_property
    def _products(self) -> Products:
        return Products(self._blocks)

    @cached_property
    def _sparse(self) -> _SparseMatrix:
        return _SparseMatrix(self._blocks.graph, self._blocks.jacobian_rows, self.n)

    @cached_property
    def _sparse_stackelberg(self) -> _SparseMatrix:
        if not self._response.is_formula:
            raise GameError("J_S is sparse only where D_y F falls into diagonal blocks of at "
                            "most three followers' actions: take stackelberg_jacobian_product")
        return _SparseMatrix(self._blocks.graph, self._response.inner.jacobian_rows(), self.n)

    @property
    def solver(self) -> Solver:
        """How the followers' systems are solved, why, and how well it went last.

        >>> from gameanalysis import catalog
        >>> compile_game(catalog.covariance(3)).solver.method
        'program'
        """
        return self._response.solver

    def costs(self, x: Any) -> Array:
        """The costs f_i(x): (..., n) to (..., number of players)."""
        return self._costs(x)

    def gradient(self, x: Any) -> Array:
        """omega(x) = (D_i f_i(x))_i: (..., n) to (..., n)."""
        return self._gradient(x)

    def jacobian(self, x: Any) -> Array:
        """J(x) = D omega(x): (..., n) to (..., n, n)."""
        return self._jacobian(x)

    def stackelberg_gradient(self, x: Any) -> Array:
        """omega_S(x) = (D f1, D_2 f2): (..., n) to (..., n)."""
        return self._response.value(x)

    def stackelberg_jacobian(self, x: Any) -> Array:
        """J_S(x) = D omega_S(x): (..., n) to (..., n, n)."""
        return self._response.jacobian(x)

    def schur_complement(self, x: Any) -> Array:
        """S1(J) = A - B D^-1 C at x: (..., n) to (..., n1, n1)."""
        return self._response.schur(x)

    def implicit_derivative(self, x: Any) -> Array:
        """Dr(x) = -(D22 f2)^-1 D21 f2: (..., n) to (..., n2, n1)."""
        return self._response.implicit(x)

    # -- products with vectors ------------------------------------------

    def jacobian_product(self, x: Any, p: Any) -> Array:
        """J(x) p: (..., n) and (..., n) to (..., n), by the forward mode.

        >>> from gameanalysis import catalog
        >>> compile_game(catalog.game("bilinear")).jacobian_product([3, 4], [1, 2])
        array([ 2., -1.])
        """
        return self._products.jacobian(x, p)

    def jacobian_transposed_product(self, x: Any, p: Any) -> Array:
        """J(x)^T p: (..., n) and (..., n) to (..., n), by the reverse mode."""
        return self._products.transposed(x, p)

    def follower_hessian_product(self, x: Any, p: Any) -> Array:
        """M(x) p, M = D_y F of all followers (D22 f2): (..., n) and (..., n2) to (..., n2)."""
        return self._products.matrix(x, p)

    def stackelberg_jacobian_product(self, x: Any, p: Any) -> Array:
        """J_S(x) p: (..., n) and (..., n) to (..., n); two systems with M^T are solved."""
        return self._response.product(x, p)

    # -- sparse matrices -------------------------------------------------

    @property
    def jacobian_pattern(self) -> Any:
        """Where J is not identically zero: a boolean scipy.sparse.csr_array (n, n).

        Read from the program.  An entry that vanishes for a reason that the program does not
        show counts as one that does not.
        """
        return self._sparse.pattern()

    def sparse_jacobian(self, x: Any) -> Any:
        """J at one point (n,) as a scipy.sparse.csr_array with the entries of the pattern."""
        return self._sparse(x)

    def sparse_stackelberg_jacobian(self, x: Any) -> Any:
        """J_S at one point (n,) as a scipy.sparse.csr_array.

        Raises `GameError` where its pattern is dense because D_y F has large blocks.
        """
        return self._sparse_stackelberg(x)


def _require_solver(solver: str) -> None:
    if solver not in SOLVERS:
        raise ValueError(f"solver must be one of {', '.join(SOLVERS)}, not {solver!r}")


class CompiledField:
    """A vector field as NumPy functions: value and Jacobian, nothing else.

    Made by `compile_field`.  ``value`` maps points (..., n) to (..., n) and
    ``jacobian`` to (..., n, n).  ``value_program`` and ``jacobian_program`` (row by row)
    compute them in any arithmetic; they are None where the field is only known
    numerically: Stackelberg gradients with followers' systems of more than three
    actions, or with a ``solver`` asked for.
    """

    def __init__(self, field: VectorField, nodes: tuple[Graph, list[int]] | None = None,
                 solver: str = "auto", form: str = "entries") -> None:
        """Compile ``field``, or in its place the given nodes of a graph."""
        self.field = field
        self.name = field.name
        self.variables = field.variables
        self.n = len(field.variables)
        self.periods: Mapping[sp.Symbol, sp.Expr] = field.periods
        self._wanted = solver, form
        self._matrix: MatrixField | None = None
        self._response: Response | None = None
        self._game_blocks: GameBlocks | None = None
        self._guards: list[int] = []
        if form == "matrices":
            assert isinstance(field, GameField)
            declared = field.game.matrices
            assert declared is not None
            self._matrix = matrix_field(
                declared.costs, declared.actions, declared.parameters, kind=field.kind,
                tau=field.tau, eta=field.eta, solver=solver, name=field.game.name)
            return
        _require_solver(solver)
        if nodes is None and isinstance(field, RuleField):
            nodes = rule_field_nodes(field)
        if nodes is None and isinstance(field, HierarchyField):
            graph, values, guards = hierarchy_field_nodes(field)
            nodes = graph, values
            if guards:
                self._guards = [reduce(graph.mul, guards)]    # zero where one of them is
        if nodes is None and not isinstance(field, GameField):
            graph = Graph(self.n)
            reader = Reader(graph, dict(zip(field.variables, graph.variables)))
            nodes = graph, [reader.read(e) for e in field.expressions]
        if nodes is not None:
            self._graph, self._value_nodes = nodes
            return
        assert isinstance(field, GameField)
        self._game_blocks = blocks = GameBlocks(field.game)
        self._graph = blocks.graph
        if field.kind == "simultaneous":
            self._value_nodes = blocks.omega
            return
        self._response = Response(blocks, field.tau, field.eta, solver)
        if self._response.is_formula:
            self._value_nodes = self._response.value_nodes

    @cached_property
    def _jacobian_nodes(self) -> list[int]:
        if self._response is not None:
            return self._response.inner.jacobian()
        rows = (self._game_blocks.jacobian if self._game_blocks is not None else
                self._graph.jacobian(self._value_nodes, self._graph.variables[:self.n]))
        return [e for row in rows for e in row]

    @cached_property
    def _guard_nodes(self) -> list[int]:
        return self._guards if self._response is None else [self._response.inner.guard()]

    @property
    def _numerical(self) -> Response | MatrixField | None:
        """The response, where it is not solved inside of the program, or code in matrices."""
        if self._matrix is not None:
            return self._matrix
        return None if self._response is None or self._response.is_formula else self._response

    @property
    def solver(self) -> Solver | MatrixSolver | None:
        """How the followers' systems are solved, why, and how well; None without systems."""
        if self._matrix is not None:
            return self._matrix.solver if self._matrix.kind == "stackelberg" else None
        return None if self._response is None else self._response.solver

    def __reduce__(self) -> tuple:
        return CompiledField, (self.field, None, *self._wanted)

    def __repr__(self) -> str:
        return f"CompiledField({self.name or 'field'}, {self.n} variables)"

    @cached_property
    def value_program(self) -> Program | None:
        """The value as a `Program`; None if the field is only known numerically."""
        if self._numerical is not None:
            return None
        return Program(self._graph, self._value_nodes, self.n)

    @property
    def is_guarded(self) -> bool:
        """Whether `columns` gives det(M + eta I) too, by which Stackelberg gradients divide.

        In a hierarchy it is the product of one determinant for each level.  Not where only
        products with M are computed.
        """
        if self._numerical is not None:
            return isinstance(self._numerical, Response) and self._numerical.is_guarded
        return self._response is not None or bool(self._guards)

    @cached_property
    def guarded_program(self) -> Program | None:
        """The value, and after it the guard if there is one; None as for the value.

        The guard is that determinant without factors that are exponentials: a number with
        its sign that vanishes where it does.
        """
        if self._numerical is not None:
            return None
        return Program(self._graph, self._value_nodes + self._guard_nodes, self.n)

    def columns(self, x: Array) -> Array:
        """The value, and the guard if there is one, at columns: (n, N) to (n or n + 1, N)."""
        if self._numerical is not None:
            numerical = self._numerical
            if isinstance(numerical, Response) and numerical.is_guarded:
                return numerical.guarded(x.T).T
            return numerical.value(x.T).T
        assert self.guarded_program is not None
        return self.guarded_program.columns(x)

    @property
    def blocks(self) -> Blocks | None:
        """What computes `columns` into given arrays; None where it is not printed."""
        return None if self.guarded_program is None else self.guarded_program.blocks

    @cached_property
    def jacobian_program(self) -> Program | None:
        """The Jacobian, row by row, as a `Program`; None as for the value."""
        if self._numerical is not None:
            return None
        return Program(self._graph, self._jacobian_nodes, self.n)

    @cached_property
    def _value(self) -> Bundle:
        return Bundle(self._graph, self._value_nodes, (self.n,), self.n)

    @cached_property
    def _jacobian(self) -> Bundle:
        return Bundle(self._graph, self._jacobian_nodes, (self.n, self.n), self.n)

    def value(self, x: Any) -> Array:
        """The field at points: (..., n) to (..., n)."""
        return self._value(x) if self._numerical is None else self._numerical.value(x)

    def jacobian(self, x: Any) -> Array:
        """Its Jacobian at points: (..., n) to (..., n, n)."""
        if self._matrix is not None:
            return self._matrix.jacobian(x)
        return self._jacobian(x) if self._response is None else self._response.jacobian(x)


def _form(game: Game, form: str, solver: str) -> str:
    """ "entries" or "matrices", as asked for or as fits the game."""
    if form not in ("auto", "entries", "matrices"):
        raise ValueError(f"form must be auto, entries or matrices, not {form!r}")
    if form == "matrices" and not game.is_in_matrices:
        raise GameError("form='matrices' needs a game that is declared in matrices "
                        "(sp.MatrixSymbol)")
    if form != "auto":
        return form
    fits = game.is_in_matrices and solver in MATRIX_SOLVERS and (
        len(game.variables) > ENTRIES or solver not in SOLVERS or not _is_written(game))
    return "matrices" if fits else "entries"


def _is_written(game: Game) -> bool:
    """Whether the costs are written out in entries: not where a large matrix is inverted."""
    try:
        return len(game.costs) > 0
    except UnsupportedFunction:
        return False


def compile_game(game: Game, *, solver: str = "auto", form: str = "auto"
                 ) -> CompiledGame | CompiledMatrixGame:
    """Compile a game to NumPy functions of points of shape (..., n).

    Guarantee: each function is the exact formula evaluated in double precision;
    derivatives are derived, never differenced.  Compilation happens on first use
    of each method.

    Parameters
    ----------
    solver : how the followers' systems are solved: "auto" (by their pattern, stated as
        ``.solver``), "direct" (LAPACK), "sparse" (SuperLU), or by products with M only "cg"
        and "minres" (one follower) or "gmres"; in matrices also "structure".
    form : for a game declared in matrices, "entries" for formulas of its entries, "matrices"
        for products of matrices, "auto" for the latter with more than 64 variables, and where
        an inverse or a determinant is too large to be written out in entries.

    Raises ValueError for another one, `GameError` for what is no game.

    >>> x, y = sp.symbols("x y", real=True)
    >>> from gameanalysis.declaration.game import zero_sum
    >>> compile_game(zero_sum(x*y - y**2/2, x, y)).jacobian([0, 0])
    array([[ 0.,  1.],
           [-1.,  1.]])
    """
    if not isinstance(game, Game):
        raise GameError(f"expected a Game, not {game!r}")
    if _form(game, form, solver) == "entries":
        return CompiledGame(game, solver)
    declared = game.matrices
    assert declared is not None
    return CompiledMatrixGame(declared.costs, declared.actions, declared.parameters,
                              solver=solver, name=game.name)


def compile_field(field: VectorField, *, solver: str = "auto", form: str = "auto"
                  ) -> CompiledField:
    """Compile a vector field: the narrow contract that all numerics use.

    ``solver`` : for Stackelberg gradients, as for `compile_game`; ``form`` : for gradients
    of a game declared in matrices, as there.

    >>> x = sp.symbols("x", real=True)
    >>> compile_field(VectorField([x**2 - 1], [x])).value([[1.0], [2.0]])
    array([[0.],
           [3.]])
    """
    if isinstance(field, GameField):
        return CompiledField(field, None, solver, _form(field.game, form, solver))
    return CompiledField(field, solver=solver)
