"""Graphs: folding against exact trees, derivatives against SymPy at 30 digits."""

import itertools
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import sympy as sp
from expressions import expressions, points, x, y
from hypothesis import example, given, settings
from hypothesis import strategies as st
from running_error import DIGITS, OutOfRange, Running, inputs

from gameanalysis.errors import GameError, UnsupportedFunction
from gameanalysis.programs.blocks import determinant_and_adjugate
from gameanalysis.programs.graph import UNARY, Graph
from gameanalysis.programs.program import Program, Rationals
from gameanalysis.programs.reading import Reader
from gameanalysis.programs.tangents import (bits, components, new_variables, pattern, sparse_rows,
                                            tangents)


def reader(*symbols):
    graph = Graph(len(symbols))
    return graph, Reader(graph, dict(zip(symbols, graph.variables)))


def at_30_digits(expression, point):
    """The value of a SymPy expression at floats, by SymPy's own evaluation."""
    with mpmath.workdps(DIGITS):
        value = sp.lambdify((x, y), expression, "mpmath")(*map(mpmath.mpf, point))
        assert not mpmath.im(value)
        return mpmath.re(value)


# Folding: exact trees

NUMBERS = st.sampled_from([Fraction(-2), Fraction(-1), Fraction(0), Fraction(1, 2),
                           Fraction(1), Fraction(3)])
TREES = st.recursive(
    st.one_of(st.tuples(st.just("const"), NUMBERS), st.tuples(st.just("var"),
                                                              st.integers(0, 2))),
    lambda t: st.one_of(
        st.tuples(st.sampled_from(["add", "sub", "mul", "div"]), t, t),
        st.tuples(st.just("neg"), t), st.tuples(st.just("pow"), t, st.integers(-3, 4)),
        st.tuples(st.just("sum"), t, t, t)), max_leaves=12)


def exactly(tree, point):
    """The tree's value by rational arithmetic alone; ZeroDivisionError if undefined."""
    head, *rest = tree
    if head == "const":
        return rest[0]
    if head == "var":
        return point[rest[0]]
    if head == "pow":
        return exactly(rest[0], point) ** rest[1]
    a, *others = [exactly(t, point) for t in rest]
    return {"add": lambda b: a + b, "sub": lambda b: a - b, "mul": lambda b: a * b,
            "div": lambda b: a / b, "neg": lambda: -a,
            "sum": lambda b, c: a + b + c}[head](*others)


def build(graph, tree):
    head, *rest = tree
    if head == "const":
        return graph.constant(rest[0])
    if head == "var":
        return graph.variables[rest[0]]
    if head == "pow":
        return graph.pow(build(graph, rest[0]), rest[1])
    nodes = [build(graph, t) for t in rest]
    return graph.sum(nodes) if head == "sum" else getattr(graph, head)(*nodes)


@settings(deadline=None, max_examples=300)
@given(TREES, st.lists(NUMBERS, min_size=3, max_size=3))
@example(("div", ("neg", ("var", 0)), ("mul", ("const", Fraction(-2)), ("var", 1))),
         [Fraction(1)] * 3)
@example(("pow", ("mul", ("const", Fraction(-2)), ("pow", ("var", 0), 2)), 3),
         [Fraction(0)] * 3)
@example(("pow", ("neg", ("var", 0)), 3), [Fraction(3)] * 3)
@example(("pow", ("neg", ("pow", ("var", 0), 2)), 4), [Fraction(3)] * 3)
def test_folding_keeps_every_value_that_exists(tree, point):
    try:
        expected = exactly(tree, point)
    except ZeroDivisionError:
        return
    graph = Graph(3)
    program = Program(graph, [build(graph, tree)])
    assert program.evaluate(point, Rationals()) == [expected]


@settings(deadline=None, max_examples=100)
@given(TREES, st.lists(NUMBERS, min_size=3, max_size=3), st.integers(0, 2))
def test_derivatives_of_rational_functions_are_exact(tree, point, variable):
    # f(a + h) - f(a) = h f'(a) + O(h^2): the linear coefficient in exact dual numbers.
    try:
        expected = _dual(tree, [(t, Fraction(k == variable)) for k, t in enumerate(point)])[1]
    except ZeroDivisionError:
        return
    graph = Graph(3)
    slope, = graph.gradient(build(graph, tree), [graph.variables[variable]])
    assert Program(graph, [slope]).evaluate(point, Rationals()) == [expected]


@settings(deadline=None, max_examples=100)
@given(TREES, st.lists(NUMBERS, min_size=3, max_size=3), st.lists(NUMBERS, min_size=3, max_size=3))
def test_tangents_of_rational_functions_are_exact(tree, point, direction):
    try:
        expected = _dual(tree, list(zip(point, direction)))[1]
    except ZeroDivisionError:
        return
    graph = Graph(3)
    output, moved = build(graph, tree), new_variables(graph, 3)
    slope, = tangents(graph, [output], dict(zip(graph.variables, moved)))
    assert Program(graph, [slope]).evaluate([*point, *direction], Rationals()) == [expected]
    # p^T F' is the other half of the same matrix, here one row; p can be an input of its own.
    row = sparse_rows(graph, [output], graph.variables[:3])[0]
    entries = Program(graph, list(row.values()), 3).evaluate(point, Rationals())
    assert sum(direction[j] * value for j, value in zip(row, entries)) == expected
    assert set(row) <= set(pattern(graph, [output], 3)[0])
    alone = Program(graph, [slope], [3, 4, 5, 0, 1, 2])
    assert alone.evaluate([*direction, *point], Rationals()) == [expected]


def test_tangents_of_a_choice_follow_the_branch_that_is_taken():
    graph = Graph(3)
    a, b, p = graph.variables
    chosen = graph.select(b, graph.pow(a, 3), graph.mul(a, b))
    slope, = tangents(graph, [chosen], {a: p})
    program = Program(graph, [slope])
    assert program(2.0, 1.0, 5.0) == (60.0,) and program(2.0, -1.0, 5.0) == (-5.0,)


def test_programs_say_which_variables_are_inputs():
    graph = Graph(3)
    x, y, z = graph.variables
    with pytest.raises(ValueError, match=r"depend on the variables \[1\].*\[2, 0\] are inputs"):
        Program(graph, [graph.mul(x, y)], [2, 0])
    assert Program(graph, [graph.sub(z, x)], [2, 0])(5.0, 2.0) == (3.0,)


@given(st.integers(0, 2**200))
def test_the_bits_of_a_mask(mask):
    assert list(bits(mask)) == [k for k in range(201) if mask >> k & 1]


@given(st.lists(st.sets(st.integers(0, 7)), min_size=8, max_size=8))
def test_components_are_those_of_the_symmetric_closure(rows):
    reach = np.eye(8, dtype=int)
    for i, row in enumerate(rows):
        for j in row:
            reach[i, j] = reach[j, i] = 1
    reach = np.linalg.matrix_power(reach, 8) > 0
    expected = sorted({tuple(np.flatnonzero(row).tolist()) for row in reach})
    assert [tuple(members) for members in components(rows)] == expected


def _dual(tree, point):
    """Forward mode on (value, slope): another method than the graph's."""
    head, *rest = tree
    if head == "const":
        return rest[0], Fraction(0)
    if head == "var":
        return point[rest[0]]
    if head == "pow":
        (a, da), n = _dual(rest[0], point), rest[1]
        return a ** n, (n * a ** (n - 1) * da if n else Fraction(0))
    (a, da), *others = [_dual(t, point) for t in rest]
    if head == "neg":
        return -a, -da
    for b, db in others:
        if head == "mul":
            a, da = a * b, da * b + a * db
        elif head == "div":
            a, da = a / b, (da * b - a * db) / b ** 2
        else:
            sign = -1 if head == "sub" else 1
            a, da = a + sign * b, da + sign * db
    return a, da


def test_equal_formulas_are_one_node():
    g = Graph(2)
    a, b = g.variables
    assert g.mul(a, b) == g.mul(b, a) and g.add(a, b) == g.add(b, a)
    assert g.sub(g.add(a, b), g.add(b, a)) == g.zero
    assert g.mul(g.mul(a, a), a) == g.pow(a, 3)
    assert g.add(a, a) == g.mul(g.constant(2), a)
    assert g.neg(g.sub(g.neg(a), b)) == g.add(a, b)
    assert g.apply("cos", g.neg(a)) == g.apply("cos", a)
    assert g.apply("sin", g.neg(a)) == g.neg(g.apply("sin", a))
    assert g.power(a, Fraction(1, 2)) == g.apply("sqrt", a)
    assert g.power(a, Fraction(4, 2)) == g.pow(a, 2)
    assert g.power(g.one, Fraction(1, 3)) == g.one
    assert g.sum([]) == g.zero


def test_negative_games_share_their_derivatives():
    g, r = reader(x, y)
    f = r.read(sp.exp(x * y) * sp.sin(x))
    before = g.gradient(f, g.variables)
    count = len(g.nodes)
    assert g.gradient(g.neg(f), g.variables) == [g.neg(d) for d in before]
    assert len(g.nodes) <= count + 3


@pytest.mark.parametrize("name", sorted(UNARY))
@pytest.mark.parametrize("value", [0, 1])
def test_special_values_are_folded_right(name, value):
    g = Graph(1)
    node = g.apply(name, g.constant(value))
    with mpmath.workdps(DIGITS):
        try:
            expected = getattr(mpmath, name)(mpmath.mpf(value))
        except ValueError:
            expected = mpmath.inf
        if mpmath.im(expected) or not mpmath.isfinite(expected):
            assert g.nodes[node][0] == name              # undefined: nothing to fold
            return
        (result, _), = Program(g, [node]).evaluate([], Running())
        assert abs(result - expected) < mpmath.mpf(10) ** -35


def test_division_by_a_constant_zero_is_refused():
    g = Graph(1)
    with pytest.raises(UnsupportedFunction, match="divides by zero"):
        g.div(g.variables[0], g.sub(g.one, g.one))


def test_huge_constant_powers_stay_powers():
    g = Graph(0)
    big = g.pow(g.constant(3), 10**6)
    assert g.nodes[big] == ("pow", g.constant(3), 10**6)
    assert Program(g, [big]).batch([[]])[0, 0] == float("inf")
    assert g.nodes[g.pow(g.constant(Fraction(2, 3)), 5)] == ("const", Fraction(32, 243))


# Derivatives: SymPy is the oracle

@settings(deadline=None, max_examples=40)
@given(expressions(5), points)
@example(x ** 3 * sp.tanh(y), (0.0, 1.5))
@example(sp.sqrt(1 + x**2) / y + sp.loggamma(3 + x * y), (0.5, 0.25))
def test_derivatives_agree_with_sympy_at_30_digits(expression, point):
    g, r = reader(x, y)
    root = r.read(expression)
    first = g.gradient(root, g.variables)
    second = [e for row in g.jacobian(first, g.variables) for e in row]
    derivatives = [expression.diff(s) for s in (x, y)]
    expected = derivatives + [d.diff(s) for d in derivatives for s in (x, y)]
    with mpmath.workdps(DIGITS):
        for node, formula in zip(first + second, expected):
            program = Program(g, [node])
            try:
                (value, error), = program.evaluate(inputs(point), Running())
            except OutOfRange:
                continue
            truth = at_30_digits(formula, point)
            assert abs(value - truth) <= mpmath.mpf(10) ** -25 * (1 + abs(truth))
            assert abs(program.batch([point])[0, 0] - truth) <= error + 1e-300


@pytest.mark.parametrize("name", sorted(UNARY))
def test_each_derivative_rule(name):
    g = Graph(1)
    t = g.variables[0]
    slope, = g.gradient(g.apply(name, t), [t])
    for point in (Fraction(3, 10), Fraction(7, 10)):
        point += name == "acosh"
        with mpmath.workdps(DIGITS):
            (value, _), = Program(g, [slope]).evaluate([(mpmath.mpf(point.numerator)
                                                         / point.denominator, 0)], Running())
            truth = mpmath.diff(getattr(mpmath, name),
                                mpmath.mpf(point.numerator) / point.denominator)
            assert abs(value - truth) < mpmath.mpf(10) ** -15 * (1 + abs(truth))


@pytest.mark.parametrize("formula", [
    x ** sp.Rational(1, 3), x ** sp.Rational(-5, 2), x ** sp.Rational(7, 2), x ** -3,
    sp.polygamma(1, x), sp.digamma(x), sp.acot(x), sp.cot(x), x ** x, 3 ** x])
def test_derivatives_of_powers_and_polygammas(formula):
    g, r = reader(x, y)
    slope, = g.gradient(r.read(formula), g.variables[:1])
    with mpmath.workdps(DIGITS):
        (value, _), = Program(g, [slope]).evaluate(inputs((0.625, 0)), Running())
        truth = sp.diff(formula, x).xreplace({x: sp.Rational(5, 8)}).evalf(DIGITS)
        assert abs(value / mpmath.mpmathify(truth) - 1) < mpmath.mpf(10) ** -30


def test_a_zero_derivative_costs_nothing():
    g, r = reader(x, y)
    f = r.read(sp.sin(x) ** 2)
    count = len(g.nodes)
    assert g.gradient(f, [g.variables[1]]) == [g.zero]
    assert len(g.nodes) == count


def test_an_operation_without_a_rule_is_named():
    g = Graph(1)
    odd = g._node(("airy", g.variables[0]), 1)
    with pytest.raises(UnsupportedFunction, match="airy"):
        g.gradient(odd, g.variables)


# Rewriting

@settings(deadline=None, max_examples=40)
@given(expressions(6), expressions(3), points)
@example((2 + x) ** sp.Rational(2, 3) / sp.polygamma(1, 3 + x) - (x - y) ** 3, y ** 2, (1.0, -0.5))
def test_substitution_is_composition(outer, inner, point):
    g, r = reader(x, y)
    try:
        composed, = g.substitute([r.read(outer)], {g.variables[0]: r.read(inner)})
    except UnsupportedFunction:
        return
    with mpmath.workdps(DIGITS):
        try:
            (value, _), = Program(g, [composed]).evaluate(inputs(point), Running())
        except OutOfRange:
            return
        truth = at_30_digits(outer, (at_30_digits(inner, point), point[1]))
        assert abs(value - truth) <= mpmath.mpf(10) ** -25 * (1 + abs(truth))


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 5).flatmap(lambda n: st.lists(
    st.integers(-3, 3), min_size=n * n, max_size=n * n)))
def test_determinant_and_adjugate(entries):
    n = round(len(entries) ** 0.5)
    matrix = sp.Matrix(n, n, entries)
    g = Graph(n * n)
    rows = [g.variables[i * n:(i + 1) * n] for i in range(n)]
    determinant, adjugate = determinant_and_adjugate(g, rows)
    program = Program(g, [determinant, *itertools.chain(*adjugate)])
    values = program.evaluate([Fraction(e) for e in entries], Rationals())
    assert values[0] == matrix.det()
    assert sp.Matrix(n, n, values[1:]) == matrix.adjugate()


def test_determinants_see_zeros():
    g = Graph(1)
    t = g.variables[0]
    determinant, adjugate = determinant_and_adjugate(g, [[t, g.zero], [t, g.zero]])
    assert determinant == g.zero
    assert adjugate == [[g.zero, g.zero], [g.neg(t), t]]


# Reading

def test_quotients_stay_one_division():
    g, r = reader(x, y)
    Program(g, [r.read(x / (y * (1 + x) ** 2))])
    assert sum(node[0] == "div" for node in g.nodes) == 1


def test_what_cannot_be_read_is_named():
    _, r = reader(x)
    with pytest.raises(UnsupportedFunction, match="besselj"):
        r.read(sp.besselj(0, x))
    with pytest.raises(UnsupportedFunction, match="polygamma"):
        r.read(sp.polygamma(x, 2))
    with pytest.raises(GameError, match="y is not a variable"):
        r.read(x + y)
    with pytest.raises(UnsupportedFunction, match="sin"):
        r.read(sp.Function("sin")(x))             # a user's own, not the sine
    with pytest.raises(UnsupportedFunction):
        r.read(x + sp.I)
    with pytest.raises(UnsupportedFunction):
        r.read(sp.Float("0.1") * x)               # decimals are exact by now


def test_symbols_may_be_called_anything():
    names = ["lambda", "exec", "x0", "t1", "x1", "__import__('os')", "pi", "def"]
    symbols = [sp.Symbol(name, real=True) for name in names]
    g, r = reader(*symbols)
    total = r.read(sp.Add(*[k * s ** 2 for k, s in enumerate(symbols, 1)]))
    point = [1.0, -2.0, 3.0, 0.5, -0.25, 4.0, 2.0, -1.0]
    expected = sum(k * t * t for k, t in enumerate(point, 1))
    assert Program(g, [total])(*point) == (expected,)
    assert Program(g, [total]).batch([point]) == [[expected]]


def test_deep_expressions_are_read_and_run():
    expression = x
    for _ in range(1500):
        expression = sp.Mul(y, sp.Add(expression, 1, evaluate=False), evaluate=False)
    g, r = reader(x, y)
    root = r.read(expression)
    slope, = g.gradient(root, g.variables[:1])
    program = Program(g, [root, slope])
    exact = program.evaluate([Fraction(3), Fraction(1, 2)], Rationals())
    half = Fraction(1, 2)
    assert exact == [3 * half ** 1500 + 1 - half ** 1500, half ** 1500]
    floats = [float(value) for value in exact]
    assert program(3.0, 0.5) == pytest.approx(floats, rel=1e-12)
    assert program.batch([[3.0, 0.5]])[0] == pytest.approx(floats, rel=1e-12)
