"""Reading SymPy's matrix expressions: a tree becomes nodes of a matrix graph.

Understood are MatrixSymbol, Symbol, numbers, explicit matrices, MatAdd, MatMul, MatPow (integer
exponents), Transpose, Inverse, Determinant, Trace, Identity, ZeroMatrix, OneMatrix,
HadamardProduct, HadamardPower, MatrixElement, functions of scalars, and the same functions
entry by entry (``A.applyfunc(sp.exp)``).  A 1 x 1 matrix may stand for a scalar.

The meaning is that of real analysis, as for scalar costs: log x needs x > 0, a power that is
no integer x >= 0, and x^y = exp(y log x).
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import sympy as sp
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction
from sympy.matrices.expressions.hadamard import HadamardPower
from sympy.matrices.expressions.matexpr import MatrixElement

from ..errors import GameError, UnsupportedFunction
from ..tables import short
from ..programs.graph import UNARY
from .matrix_graph import MatrixGraph
from .matrix_nodes import DUMMY, Shape

__all__ = ["MatrixReader", "shape_of"]

# By class, not by name: a user's own function may be called "sin".
_FUNCTIONS = {getattr(sp, name): getattr(sp, name)(DUMMY) for name in UNARY if name != "sqrt"}
_FUNCTIONS |= {sp.sec: 1 / sp.cos(DUMMY), sp.csc: 1 / sp.sin(DUMMY), sp.sech: 1 / sp.cosh(DUMMY),
               sp.csch: 1 / sp.sinh(DUMMY), sp.cot: 1 / sp.tan(DUMMY),
               sp.coth: 1 / sp.tanh(DUMMY), sp.acot: sp.atan(1 / DUMMY)}

_INSTEAD = {
    "Abs": "sqrt(x**2 + eps) with a small rational eps",
    "BlockMatrix": "one MatrixSymbol for each block, and the sum of the blocks' terms",
    "DiagMatrix": "HadamardProduct(A, Identity(n))",
    "DiagonalMatrix": "HadamardProduct(A, Identity(n))",
    "DiagonalOf": "the entries A[i, i]",
    "KroneckerProduct": "tr(A X B X.T) and the like, which need no Kronecker product",
    "MatrixSlice": "the product with constant matrices that select rows and columns",
    "Max": "log(exp(k*a) + exp(k*b))/k with a large k",
    "Min": "-log(exp(-k*a) + exp(-k*b))/k with a large k",
    "Norm": "sqrt(Trace(A.T*A))",
    "Permanent": "the sum over its entries",
    "Piecewise": "one formula for each region, analysed in its own box",
    "Sum": "Trace, or .doit() to write the sum out",
}


def shape_of(symbol: sp.Basic) -> Shape:
    """The shape of an action or parameter: () of a Symbol, (r, c) of a MatrixSymbol.

    Raises `GameError` for a shape that is not made of numbers, and for anything else.
    """
    if isinstance(symbol, sp.MatrixSymbol):
        if not all(size.is_Integer and size > 0 for size in symbol.shape):
            raise GameError(f"the shape of {symbol} is {symbol.shape}: it must be two positive "
                            f"numbers, as in sp.MatrixSymbol('{symbol.name}', 3, 3)")
        return int(symbol.shape[0]), int(symbol.shape[1])
    if isinstance(symbol, sp.Symbol):
        return ()
    raise GameError(f"{symbol!r} is neither a MatrixSymbol nor a Symbol")


class MatrixReader:
    """Reads expressions into one graph.

    Parameters: ``graph``, and the node of each Symbol and MatrixSymbol that may occur.

    >>> g = MatrixGraph(); X = sp.MatrixSymbol("X", 2, 3); x = g.variable((2, 3))
    >>> MatrixReader(g, {X: x}).scalar(sp.Trace(X.T*X)) == g.inner(x, x)
    True
    """

    def __init__(self, graph: MatrixGraph, symbols: Mapping[sp.Basic, int]) -> None:
        self.graph = graph
        self._known: dict[sp.Basic, int] = dict(symbols)
        self._names = ", ".join(map(str, symbols)) or "numbers"

    def scalar(self, expression: sp.Basic) -> int:
        """The node of a scalar; of a 1 x 1 matrix, that of its entry.

        Raises `GameError` for an unknown symbol or a matrix that is no scalar, and
        `UnsupportedFunction` for what no program can evaluate.
        """
        node = self._read(expression)
        shape = self.graph.shapes[node]
        if shape == (1, 1):
            return self.graph.trace(node)
        if shape:
            raise GameError(f"{short(expression)} is a matrix of shape {shape} where a scalar is "
                            f"needed: take its Trace or Determinant, or an entry")
        return node

    def matrix(self, expression: sp.Basic) -> int:
        """The node of a matrix; raises as `scalar` does."""
        node = self._read(expression)
        if not self.graph.shapes[node]:
            raise GameError(f"{short(expression)} is a scalar where a matrix is needed")
        return node

    def _read(self, e: sp.Basic) -> int:
        known = self._known.get(e)
        if known is None:
            known = self._known[e] = self._convert(e)
        return known

    def _convert(self, e: sp.Basic) -> int:
        if isinstance(e, (sp.MatrixSymbol, sp.Symbol)):
            raise GameError(f"{e} is neither an action nor a parameter here: only {self._names} "
                            f"may occur")
        if isinstance(e, (sp.MatrixExpr, sp.MatrixBase)):
            return self._convert_matrix(e)
        return self._convert_scalar(e)

    def _convert_scalar(self, e: sp.Expr) -> int:
        graph = self.graph
        if e.is_number and not e.has(sp.MatrixExpr, sp.MatrixBase):
            return graph.number(e)
        if e.is_Add:
            return graph.sum([(1, self.scalar(term)) for term in e.args], ())
        if e.is_Mul:
            node = graph.one
            for factor in e.args:
                node = graph.times(node, self.scalar(factor))
            return node
        if e.is_Pow:
            base = self.scalar(e.base)
            if e.exp.is_Rational:
                return graph.power(base, Fraction(int(e.exp.p), int(e.exp.q)))
            exponent = graph.times(self.scalar(e.exp), self._apply(sp.log(DUMMY), base))
            return graph.map(sp.exp(DUMMY), exponent)
        if isinstance(e, sp.Trace):
            return graph.trace(self.matrix(e.arg))
        if isinstance(e, sp.Determinant):
            return graph.det(self.matrix(e.arg))
        if isinstance(e, MatrixElement):
            return self._element(e)
        if e.func is sp.log and isinstance(e.args[0], sp.Determinant):
            return graph.logdet(self.matrix(e.args[0].arg))
        if e.func in _FUNCTIONS:
            return self._apply(_FUNCTIONS[e.func], self.scalar(e.args[0]))
        if e.func is sp.polygamma and e.args[0].is_Integer and e.args[0] >= 0:
            return self._apply(sp.polygamma(e.args[0], DUMMY), self.scalar(e.args[1]))
        raise self._unsupported(e)

    def _apply(self, function: sp.Expr, a: int) -> int:
        node = self.graph.nodes[a]
        if function == sp.log(DUMMY) and node[0] == "det":
            return self.graph.logdet(node[1])
        return self.graph.map(function, a)

    def _element(self, e: MatrixElement) -> int:
        if not (e.i.is_Integer and e.j.is_Integer):
            raise GameError(f"{short(e)}: the indices of an entry must be numbers")
        parent = self.matrix(e.parent)
        (r, c), i, j = self.graph.shapes[parent], int(e.i), int(e.j)
        return self.graph.entry(parent, i + r * (i < 0), j + c * (j < 0))

    def _convert_matrix(self, e: sp.Basic) -> int:
        graph = self.graph
        if isinstance(e, sp.MatrixBase):
            return self._explicit(e)
        if not all(isinstance(size, (int, sp.Integer)) for size in e.shape):
            raise GameError(f"the shape of {short(e)} is {e.shape}: it must be numbers")
        shape = int(e.shape[0]), int(e.shape[1])
        if isinstance(e, sp.MatAdd):
            return graph.sum([(1, self.matrix(term)) for term in e.args], shape)
        if isinstance(e, sp.MatMul):
            scalars: list[int] = []
            matrices: list[int] = []
            for factor in e.args:
                node = self._read(factor)
                (matrices if graph.shapes[node] else scalars).append(node)
            node = graph.product(matrices)
            for s in scalars:
                node = graph.times(s, node)
            return node
        if isinstance(e, (sp.Transpose, sp.Adjoint)):       # all matrices are real
            return graph.transpose(self.matrix(e.arg))
        if isinstance(e, sp.Inverse):
            return graph.inverse(self.matrix(e.arg))
        if isinstance(e, sp.MatPow):
            return self._matrix_power(e)
        if isinstance(e, sp.Identity):
            return graph.eye(shape[0])
        if isinstance(e, sp.ZeroMatrix):
            return graph.zero(shape)
        if isinstance(e, sp.OneMatrix):
            return graph.ones(shape)
        if isinstance(e, sp.HadamardProduct):
            return graph.hadamard([self.matrix(factor) for factor in e.args])
        if isinstance(e, HadamardPower) and e.exp.is_number:
            return graph.map(DUMMY ** e.exp, self.matrix(e.base))
        if isinstance(e, ElementwiseApplyFunction):
            return self._elementwise(e)
        raise self._unsupported(e)

    def _matrix_power(self, e: sp.MatPow) -> int:
        if not e.exp.is_Integer:
            raise UnsupportedFunction(f"{short(e)}: matrices have integer powers only; declare "
                                      f"the root as an action or a parameter of its own")
        base, graph = self.matrix(e.base), self.graph
        if e.exp < 0:
            base = graph.inverse(base)
        factors = [base] * abs(int(e.exp))
        return graph.product(factors) if factors else graph.eye(graph.shapes[base][0])

    def _elementwise(self, e: ElementwiseApplyFunction) -> int:
        function = e.function(DUMMY)
        odd = [part for part in sp.preorder_traversal(function)
               if isinstance(part, sp.Function) and part.func not in _FUNCTIONS]
        if odd or function.free_symbols - {DUMMY}:
            raise self._unsupported(odd[0] if odd else e)
        return self.graph.map(function, self.matrix(e.expr))

    def _explicit(self, e: sp.MatrixBase) -> int:
        """A matrix of exact numbers, or of scalars entry by entry."""
        graph, shape = self.graph, e.shape
        if not any(entry.free_symbols or entry.has(sp.MatrixExpr) for entry in e):
            return graph.array(e)
        return graph.sum([(1, graph.times(self.scalar(e[i, j]), graph.unit(shape, i, j)))
                          for i in range(shape[0]) for j in range(shape[1])], shape)

    @staticmethod
    def _unsupported(e: sp.Basic) -> UnsupportedFunction:
        name = e.func.__name__
        fix = _INSTEAD.get(name)
        return UnsupportedFunction(
            f"no program can evaluate {name}: {short(e)}"
            + (f"; write {fix}" if fix else
               "; write it with products, Trace, Inverse, Determinant and the elementary "
               "functions"))
