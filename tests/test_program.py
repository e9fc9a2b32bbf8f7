"""Programs in floats against 40-digit values, with an error bound for each example."""

import math
import pickle
import re
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import sympy as sp
from expressions import coordinates, expressions, points, x, y
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from running_error import DIGITS, OutOfRange, Running, inputs

from gameanalysis.errors import ShapeError
from gameanalysis.programs import printing, program
from gameanalysis.programs.graph import Graph
from gameanalysis.programs.program import Program, Rationals
from gameanalysis.programs.reading import Reader


def compiled(*formulas):
    graph = Graph(2)
    reader = Reader(graph, {x: graph.variables[0], y: graph.variables[1]})
    return Program(graph, [reader.read(sp.sympify(f)) for f in formulas])


def by_levels(p):
    """The same program with every float evaluation run level by level."""
    longer = pickle.loads(pickle.dumps(p))
    longer.is_printed = False
    return longer


def truth(expression, point):
    value = sp.lambdify((x, y), expression, "mpmath")(*map(mpmath.mpf, point))
    assert not mpmath.im(value)
    return mpmath.re(value)


# Random programs

@settings(deadline=None, max_examples=50)
@given(expressions(), st.lists(points, min_size=1, max_size=4))
@example(sp.cosh(x) ** 4 - sp.exp(y * sp.pi), [(1.5, -2.0), (0.0, 0.0)])
@example((sp.erf(x) + sp.erfc(y)) * sp.polygamma(2, 1 + x**2), [(0.25, 1.0)])
def test_floats_agree_with_40_digits(expression, where):
    p = compiled(expression)
    batch, levels = p.batch(where), by_levels(p).batch(where)
    with mpmath.workdps(DIGITS):
        for k, point in enumerate(where):
            try:
                (value, error), = p.evaluate(inputs(point), Running())
            except OutOfRange:
                continue
            expected = truth(expression, point)
            assert abs(value - expected) <= mpmath.mpf(10) ** -25 * (1 + abs(expected))
            for floats in (p(*point), by_levels(p)(*point), batch[k], levels[k]):
                assert abs(float(floats[0]) - expected) <= error + mpmath.mpf(10) ** -300


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(st.integers(-5, 5), min_size=3, max_size=3), min_size=1, max_size=6),
       st.tuples(coordinates, coordinates))
def test_rationals_are_exact(terms, point):
    polynomial = sum(c * x ** (a + 5) * y ** (b + 5) / (1 + x**2) for a, b, c in terms)
    where = [Fraction(t) for t in point]
    value, = compiled(polynomial).evaluate(where, Rationals())
    u, v = where
    assert value == sum(c * u ** (a + 5) * v ** (b + 5) / (1 + u**2) for a, b, c in terms)


@pytest.mark.parametrize("formula", [sp.pi * x, sp.sin(x), sp.sqrt(x), x ** sp.Rational(1, 3),
                                     1 / x, sp.polygamma(1, x)])
def test_rationals_refuse_what_leaves_them(formula):
    with pytest.raises(ArithmeticError):
        compiled(formula).evaluate([Fraction(0), Fraction(0)], Rationals())
    with pytest.raises(AttributeError):
        Rationals()._private


def test_evaluate_drops_values_after_their_last_use():
    class Counting(Rationals):
        alive = most = 0

    class Number:
        def __init__(self):
            Counting.alive += 1
            Counting.most = max(Counting.most, Counting.alive)

        def __del__(self):
            Counting.alive -= 1

    for name in ("add", "mul"):
        setattr(Counting, name, lambda self, a, b: Number())
    g = Graph(1)
    node = g.variables[0]
    for k in range(1, 200):
        node = g.mul(g.add(node, g.variables[0]), g.add(node, g.constant(k)))
    Program(g, [node]).evaluate([Number()], Counting())
    assert Counting.most < 10


# Undefined points

@pytest.mark.parametrize("formula, where", [
    (sp.log(x), -1.0), (sp.sqrt(x), -1.0), (x ** sp.Rational(1, 3), -8.0),
    (sp.asin(x), 2.0), (sp.acosh(x), 0.5), (sp.atanh(x), 1.5), (x ** sp.sqrt(2), -1.0),
    (sp.loggamma(x), -0.5)])
def test_undefined_is_nan_and_leaves_the_others_alone(formula, where):
    p = compiled(formula, 1 + y)
    for q in (p, by_levels(p)):
        values = q.batch([[0.5, 1.0], [where, 2.0], [0.75, 3.0]])
        assert math.isnan(values[1, 0])
        assert values[:, 1].tolist() == [2.0, 3.0, 4.0]
        for k, t in ((0, 0.5), (2, 0.75)):
            alone = q.batch([[t, 0.0]])[0, 0]
            np.testing.assert_array_equal(values[k, 0], alone)
        single = q.at(np.array([where, 2.0]))
        assert math.isnan(single[0]) and single[1] == 3.0


def test_poles_and_overflow():
    p = compiled(1 / x, sp.exp(1000 * y), sp.gamma(x))
    for q in (p, by_levels(p)):
        value = q.at(np.array([0.0, 1.0]))
        assert value[0] == value[1] == math.inf and not math.isfinite(value[2])
        assert q.at(np.array([2.0, -1.0])).tolist() == [0.5, 0.0, 1.0]
    with pytest.raises(ZeroDivisionError):
        p(0.0, 0.0)
    with pytest.raises(OverflowError):
        p(1.0, 1.0)


@settings(deadline=None, max_examples=30)
@given(expressions(6).filter(lambda e: x in e.free_symbols))
def test_nan_stays_in_its_row(expression):
    p = compiled(expression)
    clean = [[0.5, 0.25], [-0.5, 1.0], [1.0, 1.0]]
    dirty = [clean[0], [math.nan, 1.0], clean[2]]
    for q in (p, by_levels(p)):
        np.testing.assert_array_equal(q.batch(clean)[[0, 2]], q.batch(dirty)[[0, 2]])
        if ("var", 0) in p.nodes:
            assert math.isnan(q.batch(dirty)[1, 0]) and math.isnan(q.at(np.array(dirty[1]))[0])


# Constants

def test_constants_out_of_range():
    huge = sp.Integer(10) ** 400
    p = compiled(huge, -huge, x / huge, huge * x, sp.Rational(1, 3), -2 * x)
    for q in (p, by_levels(p)):
        for value in (q(2.0, 0.0), q.batch([[2.0, 0.0]])[0]):
            assert list(value) == [math.inf, -math.inf, 0.0, math.inf, 1 / 3, -4.0]


def test_constant_expressions_are_computed_once():
    p = compiled(sp.exp(sp.sqrt(2)) * sp.sin(sp.pi / 5) * x + sp.gamma(sp.Rational(1, 3)))
    assert "exp" not in p.source() and "special" not in p.source()
    expected = float((sp.exp(sp.sqrt(2)) * sp.sin(sp.pi / 5) * 3
                      + sp.gamma(sp.Rational(1, 3))).evalf(30))
    assert p(3.0, 0.0)[0] == pytest.approx(expected, rel=1e-15)


@settings(deadline=None, max_examples=50)
@given(st.floats(allow_nan=False, allow_infinity=False))
@example(-0.0)
@example(5e-324)
@example(1.7976931348623157e308)
def test_every_float_is_printed_exactly(value):
    p = compiled(x + sp.Rational(Fraction(value)))
    assert p(0.0, 0.0) == (value,)
    assert p.batch([[0.0, 0.0]])[0, 0] == value


def test_powers_are_products_that_share_squares():
    p = compiled(x ** 8, x ** 9, x ** 4)
    assert p.source().count(" * ") == 4
    assert p(1.5, 0.0) == (1.5 ** 8, 1.5 ** 9, 1.5 ** 4)


# Shapes, sizes, inputs

@pytest.mark.parametrize("n", [0, 1, 2, 7, 4095, 4096, 4097, 40001])
def test_every_length_of_batch(n, monkeypatch):
    monkeypatch.setattr(printing, "BLOCK", (64, 4096))
    p = compiled(x * y + 1, x, sp.Integer(3), x * y + 1, sp.sin(x) / (1 + y**2))
    points_ = np.random.default_rng(n).uniform(-2, 2, (n, 2))
    u, v = points_.T
    expected = np.column_stack([u * v + 1, u, np.full(n, 3.0), u * v + 1,
                                np.sin(u) / (1 + v * v)])
    for q in (p, by_levels(p)):
        np.testing.assert_allclose(q.batch(points_), expected, rtol=1e-14)
        assert q.batch(points_).shape == (n, 5)


@settings(deadline=None, max_examples=30)
@given(hnp.arrays(np.float64, st.tuples(st.integers(1, 40), st.just(4)),
                  elements=st.floats(-3, 3)))
def test_memory_layout_is_irrelevant(array):
    p = compiled(sp.sin(x) * y, x - y ** 2)
    expected = p.batch(array[:, ::2].copy())
    for view in (array[:, ::2], np.asfortranarray(array)[:, ::2],
                 array[::-1, ::2][::-1], array.T[::2].T):
        np.testing.assert_array_equal(p.batch(view), expected)
        np.testing.assert_array_equal(p.columns(view.T).T, expected)


def test_other_types_of_numbers():
    p = compiled(x / 3 + y)
    for points_ in ([[1, 2]], np.array([[1, 2]]), np.array([[1, 2]], dtype=np.float32),
                    np.array([[1, 2]], dtype=bool) * 1, [[Fraction(1), 2.0]]):
        second = 1 if getattr(points_, "dtype", None) == bool else np.asarray(points_)[0, 1]
        assert p.batch(points_)[0, 0] == 1 / 3 + float(second)
    assert p.batch(np.array([[1, 2]], dtype=">f8"))[0, 0] == 1 / 3 + 2


def test_wrong_shapes_are_named():
    p = compiled(x + y)
    for wrong in ([1.0, 2.0], [[1.0]], 3.0, [[[1.0, 2.0]]]):
        with pytest.raises(ShapeError, match=r"\(N, 2\)"):
            p.batch(wrong)
    with pytest.raises(ShapeError, match=r"\(2, N\)"):
        p.columns([[1.0, 2.0]])
    for q in (p, by_levels(p)):
        with pytest.raises(TypeError):
            q(1.0)


def test_inputs_are_left_alone_and_results_are_fresh():
    p = compiled(x, x + 0, 2 * x)
    points_ = np.array([[1.0, 2.0], [3.0, 4.0]])
    before = points_.copy()
    result = p.batch(points_)
    result[:] = 0
    np.testing.assert_array_equal(points_, before)
    assert p.batch(points_)[1].tolist() == [3.0, 3.0, 6.0]


def test_only_the_first_variables_are_inputs():
    g = Graph(3)
    a, b, c = g.variables
    p = Program(g, [g.mul(a, b)], 2)
    assert p.n_inputs == 2 and p(3.0, 4.0) == (12.0,)
    with pytest.raises(ValueError, match=r"\[2\]"):
        Program(g, [g.mul(a, c)], 2)
    assert Program(g, [a], 1).batch([[5.0]]).tolist() == [[5.0]]


def test_programs_without_outputs_or_inputs():
    g = Graph(1)
    assert Program(g, [])(1.0) == () and Program(g, []).batch([[1.0]]).shape == (1, 0)
    assert Program(g, []).at(np.ones(1)).shape == (0,)
    h = Graph(0)
    assert Program(h, [h.pi()])() == (math.pi,)
    assert Program(h, [h.pi()]).batch(np.empty((3, 0))).tolist() == [[math.pi]] * 3


def test_pickles_as_its_operations():
    p = compiled(sp.erf(x) * y, x ** sp.Rational(5, 2))
    p(0.5, 0.5), p.batch([[0.5, 0.5]])
    q = pickle.loads(pickle.dumps(p))
    assert q.nodes == p.nodes and q.outputs == p.outputs and q(0.5, 0.25) == p(0.5, 0.25)
    assert len(pickle.dumps(p)) < 1000
    assert repr(q) == "Program(2 inputs, 2 outputs, 3 operations)" and q.n_operations == 3


def test_long_programs_run_by_levels(monkeypatch):
    terms = [sp.sin(k * x + y / k) ** 3 for k in range(1, 300)]
    printed = compiled(*terms)
    assert printed.is_printed
    monkeypatch.setattr(program, "PRINTED", 100)
    monkeypatch.setattr(printing, "LEVEL_VALUES", 10_000)
    longer = compiled(*terms)
    assert not longer.is_printed
    points_ = np.random.default_rng(0).uniform(-1, 1, (50, 2))
    np.testing.assert_allclose(longer.batch(points_), printed.batch(points_), rtol=1e-13)
    np.testing.assert_allclose(longer(*points_[0]), printed(*points_[0]), rtol=1e-12)


def test_printed_text_has_numbered_names_only():
    p = compiled(sp.exp(x / 3) * sp.gamma(2 + y) + x ** sp.Rational(1, 3))
    words = set(re.findall(r"[A-Za-z_]\w*", p.source())) - {"def", "program", "return", "e"}
    assert all(re.fullmatch(r"(x|t|special)\d+|exp|pow", word) for word in words)
