"""Numbers and costs as they are declared: exact, real, smooth.

A decimal is read as written, 0.15 as 3/20, so that no float gets past the declaration; a
cost is a real scalar of functions that have derivatives wherever they are defined.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from numbers import Integral, Rational, Real
from types import MappingProxyType
from typing import Union

import sympy as sp
from sympy.core.function import AppliedUndef

from ..errors import GameError, UnsupportedFunction
from ..tables import short

__all__ = ["Number", "SMOOTH_FUNCTIONS", "check_node", "checked_cost", "checked_periods",
           "exact", "names_of", "rationalise", "sum_to_zero"]

Number = Union[int, float, Fraction, Decimal, sp.Expr]

#: Functions with a derivative everywhere they are defined, by SymPy's name.
SMOOTH_FUNCTIONS = frozenset(
    "exp log sin cos tan cot sec csc sinh cosh tanh coth sech csch "
    "asin acos atan acot asinh acosh atanh "
    "erf erfc gamma loggamma digamma polygamma".split())

#: Costs with fewer operations than this are expanded to see whether they sum to zero.
_EXPANDED = 500

_NOT_FINITE = (sp.nan, sp.zoo, sp.oo, -sp.oo)
_PLAIN = (sp.Add, sp.Mul, sp.Pow, sp.Symbol, sp.Number, sp.NumberSymbol)

_NON_SMOOTH = {
    "Abs": "sqrt(x**2 + eps) with a small rational eps",
    "sign": "tanh(k*x) with a large k",
    "Max": "log(exp(k*a) + exp(k*b))/k with a large k",
    "Min": "-log(exp(-k*a) + exp(-k*b))/k with a large k",
    "Piecewise": "one formula for each region, analysed in its own box",
    "Heaviside": "1/(1 + exp(-k*x)) with a large k",
    "floor": "the real variable itself",
    "ceiling": "the real variable itself",
    "frac": "a periodic function such as sin",
    "Mod": "a periodic function such as sin",
    "DiracDelta": "a narrow Gaussian exp(-k*x**2)",
}


def exact(value: Number, what: str = "a constant") -> sp.Expr:
    """The exact SymPy number that a decimal, fraction or float was written as.

    A float becomes the rational of its shortest decimal form (0.15 -> 3/20);
    SymPy constants such as ``pi`` or ``sqrt(2)`` pass unchanged.

    Raises `GameError` for NaN, infinities and values that are not real numbers.

    >>> exact(0.15)
    3/20
    """
    if isinstance(value, bool) or isinstance(value, str):
        raise GameError(f"{what} must be a real number, not {value!r}")
    if isinstance(value, Integral):
        return sp.Integer(int(value))
    if isinstance(value, Rational):
        return sp.Rational(value.numerator, value.denominator)
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise GameError(f"{what} is {value}, which is not a finite number")
        return sp.Rational(str(value))
    if isinstance(value, Real):
        number = float(value)
        if not math.isfinite(number):
            raise GameError(f"{what} is {number}, which is not a finite number")
        return sp.Rational(repr(number))
    if not isinstance(value, sp.Expr):
        raise GameError(f"{what} must be a real number, not {value!r}")
    value = rationalise(value, what)
    if value.free_symbols:
        raise GameError(f"{what} must be a number, but {value} contains "
                        f"{names_of(value.free_symbols)}")
    if value.has(sp.nan, sp.zoo, sp.oo, -sp.oo):
        raise GameError(f"{what} is {value}, which is not a finite number")
    if value.is_extended_real is not True and value.is_real is not True:
        if sp.im(value.evalf(30)) != 0 or not value.evalf(30).is_number:
            raise GameError(f"{what} must be a real number, not {value}")
    return value


def rationalise(expression: sp.Expr, what: str) -> sp.Expr:
    """Replace every Float by the rational of its shortest decimal form."""
    floats = expression.atoms(sp.Float)
    if not floats:
        return expression
    return expression.xreplace({
        f: exact(float(f), f"{what}: the constant {f}") if f._prec <= 53
        else sp.Rational(str(f)) for f in floats})


def checked_periods(periods: Mapping[sp.Symbol, Number] | None,
                    variables: Sequence[sp.Symbol], expressions: Sequence[sp.Expr],
                    each: str) -> Mapping[sp.Symbol, sp.Expr]:
    """Periods as exact numbers, read-only; ``each`` names an expression in messages.

    Raises `GameError` for a period of no variable, one that is not positive, or one
    that some expression is not seen to have.
    """
    checked = {}
    for symbol, value in (periods or {}).items():
        if symbol not in variables:
            raise GameError(f"a period is given for {symbol}, which is not one of "
                            f"{names_of(variables)}")
        period = exact(value, f"the period of {symbol}")
        if not period > 0:
            raise GameError(f"the period of {symbol} must be positive, not {period}")
        for number, expression in enumerate(expressions, 1):
            if not _has_period(expression, symbol, period):
                raise GameError(f"{each} {number} does not have the period {period} in {symbol}")
        checked[symbol] = period
    return MappingProxyType(checked)


def _has_period(expression: sp.Expr, symbol: sp.Symbol, period: sp.Expr) -> bool:
    """Whether an expression is seen to have a period: by SymPy's own evaluation, or,
    where it is small and a sample does not refute it, after simplification."""
    shifted = expression.xreplace({symbol: symbol + period})
    if shifted == expression:
        return True
    difference = shifted - expression
    sample = {s: sp.Rational(k + 2, 7 * k + 9)
              for k, s in enumerate(sorted(expression.free_symbols, key=str))}
    value = difference.subs(sample).evalf(20)
    if value.is_Float and abs(value) > sp.Float("1e-9") * (1 + abs(
            expression.subs(sample).evalf(20))):
        return False
    return sp.count_ops(difference) < _EXPANDED and sp.simplify(difference) == 0


def names_of(symbols: Iterable[sp.Basic]) -> str:
    """Names in alphabetical order."""
    return ", ".join(sorted(str(s) for s in symbols))


def checked_cost(cost: Number) -> tuple[sp.Expr, frozenset[sp.Symbol]]:
    """The cost with exact numbers, and its symbols."""
    if isinstance(cost, (sp.MatrixBase, sp.MatrixExpr)) or (
            isinstance(cost, sp.Basic) and getattr(cost, "is_Matrix", False)):
        raise GameError("a cost must be a scalar, not a matrix; "
                        "for a quadratic form use (x.T*A*x)[0, 0]")
    if isinstance(cost, sp.logic.boolalg.Boolean) and not isinstance(cost, sp.Expr):
        raise GameError(f"a cost must be a real scalar, not the condition {cost}")
    if not isinstance(cost, sp.Expr):
        return exact(cost, "a cost"), frozenset()
    nodes = _nodes(cost)
    if any(node.is_Float for node in nodes):
        cost = rationalise(cost, "a cost")
        nodes = _nodes(cost)
    if not nodes.isdisjoint(_NOT_FINITE):
        raise GameError(f"a cost contains NaN or infinity: {short(cost)}")
    if sp.I in nodes:
        raise GameError(f"a cost must be real, but {short(cost)} is complex")
    for node in nodes:
        if not isinstance(node, _PLAIN):
            break
    else:
        return cost, frozenset(node for node in nodes if node.is_Symbol)
    for node in sp.preorder_traversal(cost):        # in order, for the same message each time
        check_node(node)
    return cost, frozenset(cost.free_symbols)


def _nodes(expression: sp.Expr) -> set[sp.Basic]:
    """The distinct parts of an expression."""
    seen: set[sp.Basic] = {expression}
    waiting = [expression]
    while waiting:
        new = {arg for arg in waiting.pop().args if arg not in seen}
        seen |= new
        waiting += new
    return seen


def check_node(node: sp.Basic) -> None:
    """Raise `UnsupportedFunction` if a part of a cost is no smooth function of its parts."""
    name = node.func.__name__
    # A function without a formula may have any name, that of a known one included.
    known = name in SMOOTH_FUNCTIONS and not isinstance(node, AppliedUndef)
    if isinstance(node, _PLAIN) or known:
        return
    if name in _NON_SMOOTH:
        raise UnsupportedFunction(
            f"{name} has points without a derivative, where neither a Jacobian "
            f"nor an equilibrium class exists; in place of {short(node)} use "
            f"{_NON_SMOOTH[name]}")
    if isinstance(node, (sp.Derivative, sp.Integral, sp.Sum, sp.Product)):
        raise UnsupportedFunction(f"a cost contains an unevaluated {name}: call "
                                  f".doit() on it first")
    if isinstance(node, AppliedUndef):
        raise UnsupportedFunction(f"{short(node)} is a function without a formula: "
                                  f"put its formula in its place")
    raise UnsupportedFunction(
        f"{name} in {short(node)} is not one of: arithmetic, powers, "
        f"{', '.join(sorted(SMOOTH_FUNCTIONS))}")


def _coefficients(f: sp.Expr) -> dict[sp.Expr, sp.Expr]:
    """The rational coefficient of each term of a sum."""
    found: dict[sp.Expr, sp.Expr] = {}
    for term in sp.Add.make_args(f):
        c, rest = term.as_coeff_Mul(rational=True)
        found[rest] = found[rest] + c if rest in found else c
    return found


def sum_to_zero(f: sp.Expr, g: sp.Expr) -> bool:
    """Whether f = -g is seen: as written, or after expansion where that is small."""
    above, below = map(_coefficients, (f, g))
    if above.keys() == below.keys() and all(below[t] == -c for t, c in above.items()):
        return True
    return sp.count_ops(f) + sp.count_ops(g) < _EXPANDED and bool(sp.expand(f + g) == 0)
