"""The operation select(c, a, b), a where c > 0 and else b, in every arithmetic."""

import math
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from hand_formulas import Digits
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gameanalysis.exact.exponentials import ExactNumbers
from gameanalysis.programs.graph import Graph
from gameanalysis.programs.intervals import FloatIntervals, PreciseIntervals
from gameanalysis.programs.printing import LevelBlocks, Levels
from gameanalysis.programs.program import Program, Rationals
from gameanalysis.programs.scalars import Scalar


def switch():
    """x^2 where x - y > 0, else exp(y), and its partial derivatives."""
    g = Graph(2)
    x, y = g.variables
    node = g.select(g.sub(x, y), g.pow(x, 2), g.apply("exp", y))
    return g, node, Program(g, [node, *g.gradient(node, [x, y])])


def by_hand(x, y):
    return (x**2, 2*x, 0.0) if x - y > 0 else (math.exp(y), 0.0, math.exp(y))


def test_constants_and_equal_branches_fold():
    g = Graph(3)
    x, y, z = g.variables
    assert g.select(g.constant(Fraction(1, 9)), x, y) == x
    assert g.select(g.zero, x, y) == y and g.select(g.constant(-1), x, y) == y
    assert g.select(z, x, x) == x
    assert g.select(z, x, y) == g.select(z, x, y) != g.select(z, y, x)
    assert g.nodes[g.select(z, x, y)] == ("select", z, x, y)


def test_support_and_substitution():
    g = Graph(3)
    x, y, z = g.variables
    node = g.select(z, x, g.neg(y))
    assert g.support[node] == 0b111
    assert g.substitute([node], {z: g.one}) == [x]
    assert g.substitute([node], {z: g.zero}) == [g.neg(y)]
    assert g.substitute([node], {x: g.pow(y, 2)}) == [g.select(z, g.pow(y, 2), g.neg(y))]
    assert g.gradient(node, [z]) == [g.zero]            # a step has no slope
    assert g.gradient(g.neg(node), [x]) == [g.neg(g.select(z, g.one, g.zero))]


def test_second_derivatives_are_those_of_the_branch():
    g, node, _ = switch()
    first = g.gradient(node, g.variables)
    second = Program(g, [d for row in g.jacobian(first, g.variables) for d in row])
    assert second(2, 1) == (2, 0, 0, 0)
    assert second(1, 2) == pytest.approx((0, 0, 0, math.exp(2)))


floats = st.floats(-3, 3, width=32)


@given(floats, floats)
@example(1.0, 1.0)
@example(0.0, -0.0)
@settings(max_examples=50)
def test_all_printed_forms_agree(x, y):
    _, _, program = switch()
    expected = by_hand(x, y)
    assert program(x, y) == pytest.approx(expected)
    assert program.at(np.array([x, y])) == pytest.approx(expected)
    assert program.batch([[x, y]] * 3) == pytest.approx(np.array([expected] * 3))
    levels = Levels(program._lowered)
    assert levels(np.array([x, y])) == pytest.approx(expected)
    out = np.empty((3, 5))
    LevelBlocks(levels)(np.array([[x], [y]]) + np.zeros((2, 5)), out)
    assert out[:, 4] == pytest.approx(expected)
    assert [float(v) for v in program.evaluate([x, y], Digits())] == pytest.approx(expected)


def test_blocks_may_reuse_the_buffer_of_any_operand():
    # Each operand in turn is needed no more, so that its buffer may become the target.
    g = Graph(3)
    x, y, z = g.variables
    a, b, c = g.apply("exp", x), g.apply("sin", y), g.apply("tanh", z)
    nested = g.select(c, g.select(b, a, g.neg(c)), g.select(a, g.add(b, c), a))
    program = Program(g, [g.mul(g.select(a, b, c), g.select(b, c, a)), nested])
    points = np.random.default_rng(0).uniform(-2, 2, (10_000, 3))
    A, B, C = np.exp(points[:, 0]), np.sin(points[:, 1]), np.tanh(points[:, 2])
    expected = np.stack([np.where(A > 0, B, C) * np.where(B > 0, C, A),
                         np.where(C > 0, np.where(B > 0, A, -C), np.where(A > 0, B + C, A))])
    assert np.allclose(program.batch(points).T, expected, rtol=1e-14)
    assert np.allclose([program(*p) for p in points[:50].tolist()], expected.T[:50], rtol=1e-14)


def test_a_condition_that_is_not_a_number_selects_the_second():
    g = Graph(1)
    x = g.variables[0]
    program = Program(g, [g.select(g.apply("log", x), g.one, g.constant(2))])
    assert program.batch([[-1.0], [math.nan], [2.0], [0.5]])[:, 0].tolist() == [2, 2, 1, 2]
    assert program.at(np.array([-1.0])).tolist() == [2]


def test_the_branch_not_taken_leaves_values_alone():
    g = Graph(1)
    x = g.variables[0]
    program = Program(g, [g.select(x, g.apply("log", x), g.div(g.one, x))])
    assert program.batch([[-2.0], [math.e]])[:, 0] == pytest.approx([-0.5, 1])
    assert program(-2.0) == (-0.5,) and program(1.0) == (0.0,)


def test_conditions_that_are_constant_only_in_floats():
    g = Graph(1)
    c = g.sub(g.pi(), g.constant(3))
    program = Program(g, [g.select(c, g.variables[0], g.one), g.select(c, g.constant(5), g.one)])
    assert program(7.0) == (7.0, 5.0)
    assert program.batch([[7.0]]).tolist() == [[7.0, 5.0]]


rationals = st.integers(-16, 16).map(lambda k: Fraction(k, 8))      # floats, too


@given(st.tuples(rationals, rationals), st.tuples(rationals, rationals),
       st.tuples(rationals, rationals), st.sampled_from([Fraction(k, 4) for k in range(5)]))
@example((Fraction(0), Fraction(1)), (Fraction(1), Fraction(2)), (Fraction(-1), Fraction(0)),
         Fraction(0))
@settings(max_examples=60)
def test_intervals_include_what_they_select(c, a, b, t):
    sides = [sorted(side) for side in (c, a, b)]
    inside = [low + t * (high - low) for low, high in sides]
    value = inside[1] if inside[0] > 0 else inside[2]
    low, high = sides[0]
    decided = low > 0 or high < 0                       # at 0 a derivative jumps
    batch = FloatIntervals()
    with np.errstate(all="ignore"):
        f = batch.select(*(batch.interval(float(lo), float(hi)) for lo, hi in sides))
    assert f.lo[0] <= value <= f.hi[0]
    assert bool(np.all(batch.defined)) == decided and not np.any(batch.empty)
    precise = PreciseIntervals(30)
    got = precise.select(*(precise.interval(lo, hi) for lo, hi in sides))
    lower, upper = precise.bounds(got)
    assert lower <= value <= upper
    assert precise.defined == decided and not precise.empty
    if decided:                                         # exactly one branch
        lo, hi = sides[1] if low > 0 else sides[2]
        assert lower <= lo <= hi <= upper and upper - lower <= hi - lo + Fraction(1, 10**25)
    else:                                               # both branches
        assert lower <= min(sides[1][0], sides[2][0]) and upper >= max(sides[1][1], sides[2][1])


def test_intervals_decide_box_by_box():
    arithmetic = FloatIntervals()
    c = arithmetic.interval([1.0, -2.0, -1.0, 0.0, -1.0], [2.0, -1.0, 1.0, 0.0, 0.0])
    out = arithmetic.select(c, arithmetic.constant(3), arithmetic.interval([4.0], [5.0]))
    assert out.lo.tolist() == [3, 4, 3, 3, 3] and out.hi.tolist() == [3, 5, 5, 5, 5]
    assert arithmetic.defined.tolist() == [True, True, False, False, False]
    assert np.all(arithmetic.add(out, out).hi >= 6)     # the flags of its operands are gone


def test_intervals_without_bounds_stay_so():
    arithmetic = FloatIntervals()
    with np.errstate(all="ignore"):
        line = arithmetic.interval(-math.inf, math.inf)
        nowhere = arithmetic.sub(arithmetic.interval(1.0, math.inf), line)
        out = arithmetic.select(nowhere, arithmetic.constant(1), line)
    assert out.lo[0] == -math.inf and out.hi[0] == math.inf and not np.all(arithmetic.defined)
    precise = PreciseIntervals(20)
    whole = precise.interval(-math.inf, math.inf)
    assert precise.bounds(precise.select(whole, precise.constant(1), whole)) == (
        -math.inf, math.inf)


def test_exact_arithmetics():
    g = Graph(2)
    x, y = g.variables
    program = Program(g, [g.select(g.sub(x, y), g.div(x, y), g.constant(Fraction(1, 3)))])
    for point, value in (((2, 3), Fraction(1, 3)), ((3, 2), Fraction(3, 2)),
                         ((2, 2), Fraction(1, 3))):
        given_ = [Fraction(c) for c in point]
        assert program.evaluate(given_, Rationals()) == [value]
        numbers = ExactNumbers(given_)
        if point == (2, 2):
            with pytest.raises(ArithmeticError, match="switches"):
                program.evaluate(numbers.inputs, numbers)
            continue
        got, = program.evaluate(numbers.inputs, numbers)
        assert numbers.sign(got - value) == 0
    # e^x - 1 - x > 0 unless x = 0, where no enclosure could tell.
    condition = g.sub(g.apply("exp", x), g.add(x, g.one))
    program = Program(g, [g.select(condition, y, g.constant(7))])
    numbers = ExactNumbers([Fraction(1, 10**6), Fraction(5)])
    got, = program.evaluate(numbers.inputs, numbers)
    assert numbers.sign(got - 5) == 0
    numbers = ExactNumbers([Fraction(0), Fraction(5)])
    with pytest.raises(ArithmeticError, match="switches"):
        program.evaluate(numbers.inputs, numbers)


def test_scalars_are_numbers_of_their_graph():
    g = Graph(2)
    x, y = (Scalar(g, v) for v in g.variables)
    z = sp.Symbol("z")
    expression = (2 - x) / (1 + y) - (-x) ** 3 * Fraction(1, 2) + (x - 1) - (y * 3)
    program = Program(g, [expression.index, (3 * y + x).index])
    assert program(2.0, 4.0) == pytest.approx((4 + 1 - 12, 14))
    assert repr(x) == "Scalar(0)"
    pair = np.array([x, y], dtype=object)
    for left, right in ((x * pair, pair * x), (x + pair, pair + x), (x - pair, [x - x, x - y]),
                        (x / pair, [x / x, x / y])):
        assert [a.index for a in left] == [b.index for b in right]
    with pytest.raises(TypeError, match="do not mix"):
        x + 0.5
    with pytest.raises(TypeError, match="do not mix"):
        x * z


@pytest.mark.parametrize("arithmetic, interval", [
    (FloatIntervals, lambda a, lo, hi: a.interval([lo], [hi])),
    (lambda: PreciseIntervals(20), lambda a, lo, hi: a.interval(lo, hi))])
def test_a_branch_that_is_not_taken_and_nowhere_defined_empties_no_box(arithmetic, interval):
    # x - 2 where x > 0, else log(x), which is defined at none of those.
    graph = Graph(1)
    x = graph.variables[0]
    program = Program(graph, [graph.select(x, graph.sub(x, graph.constant(2)),
                                           graph.apply("log", graph.neg(x)))])
    a = arithmetic()
    with np.errstate(all="ignore"):
        program.evaluate([interval(a, 1.0, 3.0)], a)
    assert not np.any(a.empty)
