"""Rational functions of one variable: values, and signs on ranges against known roots."""

from fractions import Fraction as F
from functools import reduce

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from gameanalysis.exact.minors import exact_sign, interval_sign
from gameanalysis.programs.graph import Graph
from gameanalysis.programs.precise import PreciseIntervals
from gameanalysis.programs.program import Program, Rationals
from gameanalysis.programs.ratios import Ratio, Ratios, WholeNumbers

numbers = st.fractions(min_value=-3, max_value=3, max_denominator=8)
positive = st.fractions(min_value=F(1, 8), max_value=5, max_denominator=8)


def exact():
    return Ratios(Rationals(), exact_sign)


def at(ratio, s):
    def value(p):
        return reduce(lambda total, c: total * s + c, reversed(p), F(0))
    return F(value(ratio.p)) / (1 if ratio.q is None else value(ratio.q))


def from_roots(over, leading, roots):
    """leading times the product of the (s - root)."""
    s, out = over.variable(), over.constant(leading)
    for root in roots:
        out = out * (s - over.constant(root))
    return out


def between(low, high, k, count=24):
    """The k-th of rational numbers spread over a range, its ends among them but 0."""
    if high is None:
        return (low or F(1, 2**12)) * F(2)**k
    if not low:
        return high * F(k + 1, count)
    return low + (high - low) * F(k, count - 1)


@given(numbers, st.lists(numbers, max_size=6), st.lists(numbers, max_size=3),
       st.one_of(st.just(F(0)), positive), st.one_of(st.none(), positive))
@example(F(1), [F(1), F(1)], [], F(0), F(2))                # a double root inside
@example(F(1), [F(1), F(1)], [], F(1), F(2))                # and on the edge
@example(F(1), [F(0), F(0), F(1)], [], F(0), F(1, 2))       # zeros at 0 are divided out
@example(F(-1), [F(2)], [F(2)], F(0), F(1))                 # the pole where the zero is
@settings(deadline=None, max_examples=200)
def test_a_sign_is_that_of_every_number_in_the_range(leading, roots, poles, low, width):
    over = exact()
    value = from_roots(over, leading, roots)
    if poles:
        value = over.div(value, from_roots(over, F(1), poles))
    high = None if width is None else low + width
    sign = over.sign_on(low, high)(value)

    def inside(root):
        return low <= root and root > 0 and (high is None or root <= high)
    if leading == 0:
        assert sign == 0
        return
    if sign is None:
        return                              # bisection decides, see below
    assert not any(map(inside, [*roots, *poles]))
    for k in range(24):
        s = between(low, high, k)
        assert exact_sign(at(value, s)) == sign


@given(numbers, st.lists(numbers, max_size=5), positive, positive)
@settings(deadline=None, max_examples=80)
def test_bisection_decides_where_no_root_is(leading, roots, low, width):
    assume(leading != 0)
    roots = [r for r in roots if not low - F(1, 50) < r < low + width + F(1, 50)]
    over, pieces = exact(), [(low, low + width)]
    value = from_roots(over, leading, roots)
    for _ in range(500):
        if not pieces:
            break
        a, b = pieces.pop()
        if over.sign_on(a, b)(value) is None:
            pieces += [(a, (a + b) / 2), ((a + b) / 2, b)]
    assert not pieces


@given(st.lists(numbers, min_size=1, max_size=4), st.lists(numbers, min_size=1, max_size=4),
       st.lists(numbers, min_size=2, max_size=3), positive)
@settings(deadline=None, max_examples=80)
def test_operations_are_those_of_the_functions(first, second, below, s):
    over = exact()
    a, b = Ratio(over, first), Ratio(over, second)
    q = Ratio(over, below)
    assume(at(q, s) != 0 and below[-1] != 0)
    c, d = over.div(a, q), over.div(b, q)
    x, y = at(c, s), at(d, s)
    for got, expected in (
            (c + d, x + y), (c - d, x - y), (c * d, x * y), (c + a, x + at(a, s)),
            (a - c, at(a, s) - x), (c * 3, 3 * x), (2 - c, 2 - x), (1 + c, 1 + x), (-c, -x),
            (over.pow(c, 3), x**3), (over.add(c, d), x + y), (over.sub(c, b), x - at(b, s)),
            (over.mul(c, d), x * y), (over.neg(c), -x),
            (over.div(c, over.constant(F(2, 3))), x * F(3, 2))):
        assert at(got, s) == expected
    # Equal denominators stay one, also after products.
    assert c.q is d.q and (c + d).q is c.q and (c * d).q is (d * c).q
    if at(b, s):
        assert at(over.div(c, d), s) == x / y


def test_a_program_becomes_its_function():
    graph = Graph(2)
    x, s = graph.variables
    outputs = [graph.div(graph.add(x, graph.pow(s, 3)), graph.add(graph.one, s)),
               graph.mul(graph.apply("exp", graph.zero), s), graph.mul(x, x)]
    over = exact()
    got = Program(graph, outputs).evaluate([over.number(F(2)), over.variable()], over)
    assert at(got[0], F(1, 2)) == F(17, 12) and at(got[2], F(5)) == 4
    assert "degrees 3, 1" in repr(got[0]) and "degrees 0, 0" in repr(got[2])


def test_functions_of_the_variable_are_refused_and_those_of_numbers_are_not():
    over = Ratios(PreciseIntervals(30), interval_sign)
    one, s = over.constant(F(1)), over.variable()
    assert over.sign_on(F(0), None)(over.sin(one)) == 1
    assert over.sign_on(F(0), None)(over.cos(over.pi())) == -1
    for value in (s, over.div(one, one + s)):
        with pytest.raises(ArithmeticError, match="sin of the variable"):
            over.sin(value)
    with pytest.raises(AttributeError):
        over._missing
    assert over.pow(over.constant(F(3)), 2).p[0].a == 9


@given(st.lists(numbers, min_size=1, max_size=5), st.sampled_from([1e-20, 1e-3, 0.3]),
       st.one_of(st.just(F(0)), positive), st.one_of(st.none(), positive),
       st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=100)
def test_intervals_never_contradict_their_members(coefficients, width, low, more, random):
    arithmetic = PreciseIntervals(20)
    over = Ratios(arithmetic, interval_sign)
    half = F(width)
    wide = Ratio(over, [arithmetic.interval(c - half, c + half) for c in coefficients])
    high = None if more is None else low + more
    sign = over.sign_on(low, high)(wide)
    if sign is None:
        return
    for _ in range(4):
        member = Ratio(exact(), [c + half * F(random.randint(-99, 99), 99) for c in coefficients])
        for k in range(24):
            assert exact_sign(at(member, between(low, high, k))) == sign


def test_zero_is_zero_and_a_known_zero_at_0_is_put_in():
    over = Ratios(PreciseIntervals(20), interval_sign)
    assert over.sign_on(F(0), F(1))(over.constant(F(0))) == 0
    noisy = Ratio(over, [over.base.interval(F(-1, 10**9), F(1, 10**9)), over.base.constant(2)])
    assert over.sign_on(F(0), F(1))(noisy) is None
    assert over.sign_on(F(0), F(1))(noisy.without_constant()) == 1
    assert over.sign_on(F(0), None)(noisy.without_constant()) == 1


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=7),
       st.one_of(st.just(F(0)), positive), st.one_of(st.none(), positive))
@settings(deadline=None, max_examples=150)
def test_whole_numbers_have_the_signs_of_rationals(coefficients, low, width):
    high = None if width is None else low + width
    whole = Ratios(WholeNumbers(), exact_sign)
    rational = Ratio(exact(), [F(c, 3) for c in coefficients])
    sign = whole.sign_on(low, high)(Ratio(whole, coefficients))
    assert sign == exact().sign_on(low, high)(rational)
    product = Ratio(whole, coefficients) * whole.variable() - whole.constant(F(1))
    assert all(type(c) is int for c in product.p)
