"""Reading SymPy: an expression tree becomes nodes of a graph.

Every subexpression is read once; equal ones are one node.  The meaning is that of
real analysis: a non-integer power x^q and log x need x >= 0 or x > 0, a power
with a variable exponent is x^y = exp(y log x) with x > 0, and where SymPy would
go on with complex numbers the program is undefined (NaN).

Quotients stay quotients: a product a b^-1 c^-2 becomes (a) / (b c^2), one division.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

import sympy as sp

from ..errors import GameError, UnsupportedFunction
from .graph import UNARY, Graph

__all__ = ["Reader"]

# By class, not by name: a user's own function may be called "sin".
_FUNCTIONS = {getattr(sp, name): name for name in UNARY if name != "sqrt"}
_RECIPROCAL = {sp.sec: "cos", sp.csc: "sin", sp.sech: "cosh", sp.csch: "sinh",
               sp.cot: "tan", sp.coth: "tanh"}


class Reader:
    """Reads expressions into one graph.

    Parameters
    ----------
    graph : the `Graph` that receives the nodes.
    symbols : the node of each symbol that may occur.

    >>> g = Graph(2); x, y = sp.symbols("x y", real=True)
    >>> reader = Reader(g, dict(zip((x, y), g.variables)))
    >>> g.nodes[reader.read(x / y**2)]
    ('div', 0, 4)
    """

    def __init__(self, graph: Graph, symbols: Mapping[sp.Symbol, int]) -> None:
        self.graph, self.symbols = graph, dict(symbols)
        self._known: dict[sp.Basic, int] = {}

    def read(self, expression: sp.Expr) -> int:
        """The node of an expression; no limit to how deep it is nested.

        Raises `GameError` for a symbol that is not in ``symbols`` and
        `UnsupportedFunction` for what no program can evaluate.
        """
        known, stack = self._known, [expression]
        while stack:
            top = stack[-1]
            if top in known:
                stack.pop()
                continue
            missing = [part for part in _parts(top) if part not in known]
            if missing:
                stack += reversed(missing)
            else:
                known[top] = self._convert(top)
        return known[expression]

    def _convert(self, e: sp.Expr) -> int:
        """The node of an expression whose parts are known."""
        graph, known = self.graph, self._known
        if e.is_Symbol:
            if e not in self.symbols:
                raise GameError(f"{e} is not a variable here: only "
                                f"{', '.join(map(str, self.symbols)) or 'numbers'} may occur")
            return self.symbols[e]
        if e.is_Rational:
            return graph.constant(Fraction(int(e.p), int(e.q)))
        if e.is_Add:
            return graph.sum([known[term] for term in e.args])
        if e.is_Mul:
            above = self._multiply(known[f] for f in e.args if not _divides(f))
            below = self._multiply(self._power(f.base, -f.exp) for f in e.args if _divides(f))
            return graph.div(above, below)
        if e.is_Pow:
            return self._power(e.base, e.exp)
        if e.is_NumberSymbol:
            return self._number(e)
        if e.func in _FUNCTIONS:
            return graph.apply(_FUNCTIONS[e.func], known[e.args[0]])
        if e.func in _RECIPROCAL:
            return graph.div(graph.one, graph.apply(_RECIPROCAL[e.func], known[e.args[0]]))
        if e.func is sp.acot:
            return graph.apply("atan", graph.div(graph.one, known[e.args[0]]))
        if e.func is sp.polygamma and e.args[0].is_Integer and e.args[0] >= 0:
            return graph.polygamma(known[e.args[1]], int(e.args[0]))
        raise UnsupportedFunction(f"no program can evaluate {e.func.__name__}: {e}")

    def _multiply(self, factors: Iterable[int]) -> int:
        product = self.graph.one
        for factor in factors:
            product = self.graph.mul(product, factor)
        return product

    def _power(self, base: sp.Expr, exponent: sp.Expr) -> int:
        graph, a = self.graph, self._known[base]
        if exponent.is_Rational:
            return graph.power(a, Fraction(int(exponent.p), int(exponent.q)))
        return graph.apply("exp", graph.mul(self._known[exponent], graph.apply("log", a)))

    def _number(self, e: sp.Expr) -> int:
        graph = self.graph
        if e is sp.pi:
            return graph.pi()
        if e is sp.E:
            return graph.apply("exp", graph.one)
        if e is sp.EulerGamma:
            return graph.neg(graph.polygamma(graph.one, 0))
        if e is sp.Catalan:                     # polygamma(1, 1/4) = pi^2 + 8 Catalan
            quarter = graph.polygamma(graph.constant(Fraction(1, 4)), 1)
            return graph.div(graph.sub(quarter, graph.pow(graph.pi(), 2)), graph.constant(8))
        return self.read(e.expand(func=True))   # algebraic: GoldenRatio, TribonacciConstant


def _divides(factor: sp.Expr) -> bool:
    """Whether a factor of a product belongs below the line."""
    return factor.is_Pow and factor.exp.is_Rational and factor.exp < 0


def _parts(e: sp.Expr) -> Iterable[sp.Expr]:
    """The subexpressions that `Reader` needs before it can convert one."""
    if e.is_Mul:
        return [f.base if _divides(f) else f for f in e.args]
    if e.is_Pow and e.exp.is_Rational:
        return (e.base,)
    return () if e.is_Atom else e.args
