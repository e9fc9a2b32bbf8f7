"""Random SymPy expressions of two real variables, defined everywhere."""

import sympy as sp
from hypothesis import strategies as st

x, y = sp.symbols("x y", real=True)

# Arguments are brought into the domain first, so that no example is wasted.
_TOTAL = [sp.exp, sp.sin, sp.cos, sp.sinh, sp.cosh, sp.tanh, sp.atan, sp.asinh, sp.sech,
          sp.erf, sp.erfc]
_INSIDE = [sp.asin, sp.acos, sp.atanh, sp.tan]          # at sin(t)/2
_POSITIVE = [sp.log, sp.sqrt, sp.gamma, sp.loggamma, sp.digamma, sp.csch, sp.coth, sp.acot,
             sp.cot, sp.csc,
             lambda t: sp.acosh(1 + t), lambda t: sp.polygamma(1, t),
             lambda t: sp.polygamma(2, t), lambda t: t ** sp.Rational(2, 3),
             lambda t: t ** sp.Rational(-5, 2), lambda t: t ** sp.sqrt(2)]
_CONSTANTS = [sp.Integer(0), sp.Integer(1), sp.Integer(-2), sp.Rational(1, 3),
              sp.Rational(-7, 5), sp.pi, sp.E, sp.sqrt(2), sp.EulerGamma, sp.Catalan,
              sp.GoldenRatio]


def _inside(t):
    return sp.sin(t) / 2


def _positive(t):
    return 1 + sp.cos(t) / 2


def _compound(inner):
    pairs = st.tuples(inner, inner)
    return st.one_of(
        pairs.map(lambda p: p[0] + p[1]), pairs.map(lambda p: p[0] - p[1]),
        pairs.map(lambda p: p[0] * p[1]), pairs.map(lambda p: p[0] / _positive(p[1])),
        pairs.map(lambda p: _positive(p[0]) ** p[1]),
        st.tuples(inner, st.integers(2, 5)).map(lambda p: p[0] ** p[1]),
        st.tuples(inner, st.integers(-3, -1)).map(lambda p: _positive(p[0]) ** p[1]),
        st.tuples(st.sampled_from(_TOTAL), inner).map(lambda p: p[0](p[1])),
        st.tuples(st.sampled_from(_INSIDE), inner).map(lambda p: p[0](_inside(p[1]))),
        st.tuples(st.sampled_from(_POSITIVE), inner).map(lambda p: p[0](_positive(p[1]))))


def expressions(max_leaves=8):
    """Expressions of x and y in every function that programs know."""
    leaves = st.one_of(st.sampled_from([x, y]), st.sampled_from(_CONSTANTS))
    return st.recursive(leaves, _compound, max_leaves=max_leaves)


coordinates = st.floats(-2, 2, allow_nan=False).map(lambda t: round(t, 6) + 0.0)
points = st.tuples(coordinates, coordinates)
