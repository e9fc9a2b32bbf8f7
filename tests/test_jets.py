"""Taylor polynomials against SymPy's derivatives, and polynomials against ring elements."""

import itertools
import math
from fractions import Fraction

import pytest
import sympy as sp
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sympy.polys.domains import QQ
from sympy.polys.rings import ring

from gameanalysis.declaration.game import Game, Player, zero_sum
from gameanalysis.exact.jets import (Jet, action_names, game_of_polynomials, multiplied, shifted,
                                     taylor)

x, y, z = xyz = sp.symbols("x y z", real=True)
small = st.integers(-3, 3)
ratios = st.builds(Fraction, st.integers(-6, 6), st.sampled_from([1, 2, 3]))


def rational(c):
    return sp.Rational(c.numerator, c.denominator)


def by_derivatives(f, variables, point, order):
    """Taylor's formula with SymPy's partial derivatives at the point."""
    at = {v: rational(p) for v, p in zip(variables, point)}
    out = {}
    for degree in range(order + 1):
        for word in itertools.combinations_with_replacement(range(len(variables)), degree):
            value = (sp.diff(f, *(variables[i] for i in word)) if word else f).subs(at)
            times = math.prod(math.factorial(word.count(i)) for i in set(word))
            if value != 0:
                out[word] = value / times
    return out


def agrees(f, point, order=3, variables=xyz):
    found = taylor([f], variables, point, order)
    assert found is not None, f
    assert {w: rational(c) for w, c in found[0].items()} == by_derivatives(
        f, variables, point, order), f


# -- polynomials ------------------------------------------------------------------------

words = st.lists(st.integers(0, 2), max_size=5).map(lambda w: tuple(sorted(w)))
polynomials = st.dictionaries(words, ratios.filter(bool), max_size=5)
R, *GENS = ring("e0:3", QQ)


def element(f):
    """A polynomial as a ring element."""
    return sum((R(QQ(c.numerator, c.denominator)) * math.prod((GENS[i] for i in w), start=R.one)
                for w, c in f.items()), R.zero)


def cut(e, order):
    return sum((R({w: c}) for w, c in e.items() if sum(w) <= order), R.zero)


def expression(f, shift=(0, 0, 0)):
    return sp.Add(*(rational(c) * sp.prod([xyz[i] - rational(shift[i]) for i in w])
                    for w, c in f.items()))


@given(polynomials, polynomials, st.integers(0, 6))
def test_products_without_the_higher_terms(f, g, order):
    assert element(multiplied(f, g, order)) == cut(element(f) * element(g), order)


@given(polynomials, st.tuples(ratios, ratios, ratios), st.integers(0, 5))
@example({(0, 0, 0, 1, 2): 1}, (2, 0, 3), 3)
@example({(0, 0): 1, (0,): -2, (): 1}, (1, 0, 0), 2)
def test_shifts(f, point, order):
    moved = element(f).compose([(g, g + QQ(p.numerator, p.denominator))
                                for g, p in zip(GENS, point)])
    result = shifted(f, point, order)
    assert element(result) == cut(moved, order)
    assert all(result.values()) and all(tuple(sorted(w)) == w for w in result)


@given(polynomials, st.tuples(ratios, ratios, ratios), st.integers(0, 4))
@settings(max_examples=30)
def test_taylor_polynomials_of_polynomials(f, point, order):
    moved = element(f).compose([(g, g + QQ(p.numerator, p.denominator))
                                for g, p in zip(GENS, point)])
    for form in (expression(f), sp.factor(expression(f)), sp.expand(expression(f) * (x - 1))):
        expected = moved * (R.one if form.equals(expression(f)) else
                            GENS[0] + QQ(point[0].numerator, point[0].denominator) - 1)
        found, = taylor([form], xyz, point, order)
        assert element(found) == cut(expected, order)
        assert all(found.values())


def test_numbers_that_sympy_has_not_gathered():
    f = sp.Mul(2, 3, x, sp.Rational(1, 2), y, evaluate=False)
    assert taylor([f], (x, y), (0, 0)) == [{(0, 1): 3}]
    f = sp.Add(x, x, sp.Mul(-1, sp.Mul(2, x, evaluate=False), evaluate=False), evaluate=False)
    assert taylor([f], (x,), (5,)) == [{}]
    power = sp.Pow(sp.Pow(x, 2, evaluate=False), 2, evaluate=False)
    assert taylor([power, sp.Pow(x, 0, evaluate=False)], (x,), (1,)) == [
        {(): 1, (0,): 4, (0, 0): 6, (0, 0, 0): 4}, {(): 1}]


def test_variables_in_the_order_that_is_given():
    v = sp.symbols("x1:12", real=True)
    f = v[1] * v[9] * v[10] + 2 * v[9]**2 * v[1]
    assert taylor([f], v, [0] * 11) == [{(1, 9, 10): 1, (1, 9, 9): 2}]
    assert taylor([f], v[::-1], [0] * 11) == [{(0, 1, 9): 1, (1, 1, 9): 2}]


def test_powers_too_large_to_write_out():
    huge = 10**9
    found = taylor([x**huge * y, (1 + x)**huge, (1 - x)**-huge, x**1000], (x, y), (0, 0), 2)
    binomial = huge * (huge - 1) // 2
    assert found == [{}, {(): 1, (0,): huge, (0, 0): binomial},
                     {(): 1, (0,): huge, (0, 0): huge * (huge + 1) // 2}, {}]
    assert taylor([x**200], (x,), (-1,), 2) == [{(): 1, (0,): -200, (0, 0): 19900}]
    # A number of 10^9 digits is not computed.
    assert taylor([(2 + x)**huge], (x,), (0,)) is None


# -- other functions, where their values are rational -------------------------------------

AT = {0: [sp.exp, sp.sin, sp.cos, sp.tan, sp.sec, sp.sinh, sp.cosh, sp.tanh, sp.sech, sp.asin,
          sp.atan, sp.asinh, sp.atanh],
      1: [sp.log]}


@pytest.mark.parametrize("value, function", [(v, f) for v, fs in AT.items() for f in fs])
def test_elementary_functions(value, function):
    agrees(function(value + 2 * x - y + x * y), (0, 0, 0))
    # The argument has that value at another point, too.
    agrees(function(value + (x - 1)**2 * y - z / 3 + 1), (2, Fraction(1, 2), Fraction(9, 2)))
    agrees(x * function(value + x)**2 / (1 + y + function(value + y)), (0, 0, 0), 2)
    # Elsewhere it has not.
    assert taylor([function(value + x)], (x,), (Fraction(1, 2),)) is None
    # Its series is known to the third order.
    assert taylor([function(value + x)], (x,), (0,), 4) is None


inner = st.tuples(small, small, small, small, small).map(
    lambda c: c[0] * x + c[1] * y + c[2] * x * y + c[3] * z**2 + c[4] * x**2 * z)
functions = st.sampled_from([f for fs in AT.values() for f in fs])


@given(inner, inner, functions, functions, st.integers(-2, 2), small, small)
@settings(max_examples=15)
def test_sums_products_and_quotients_of_functions(u, v, first, second, k, a, b):
    """Along a line, where SymPy's derivatives are short."""
    one, two = (f(w + int(f is sp.log)) for f, w in ((first, u), (second, v)))
    f = one * two + y * one**2 + k * x / (3 + two)
    found = taylor([f], xyz, (0, 0, 0))
    t = sp.Symbol("t", real=True)
    line = {x: t, y: a * t, z: b * t}
    on_it = f.xreplace(line)
    for degree in range(4):
        value = sum(rational(c) * sp.prod([1, *((1, a, b)[i] for i in w)])
                    for w, c in found[0].items() if len(w) == degree)
        assert value == sp.diff(on_it, t, degree).subs(t, 0) / math.factorial(degree)


@pytest.mark.parametrize("q", [-3, -1, 2, 3, 5, sp.Rational(1, 2), sp.Rational(-1, 2),
                               sp.Rational(3, 2), sp.Rational(-5, 2)])
def test_powers(q):
    agrees((4 + x - y + x * z)**q, (0, 0, 0))
    agrees((sp.Rational(9, 4) + x**2 - y)**q, (1, 1, 0))


def test_cube_roots():
    agrees((8 + x)**sp.Rational(-1, 3) * y, (0, 1, 0))
    agrees((sp.Rational(1, 27) - x + y**2)**sp.Rational(2, 3), (0, 0, 0))


@pytest.mark.parametrize("f, point", [
    (1 / x, (0,)), (x / x**2, (0,)), (sp.sin(x) / x, (0,)), ((x**2 - x) / x, (0,)),
    (sp.log(x), (0,)), (sp.log(x), (-1,)), (sp.log(x**2), (0,)), (x * sp.log(x), (0,)),
    (sp.sqrt(x), (0,)), (x**sp.Rational(7, 2), (0,)), (sp.sqrt(x), (2,)), (sp.sqrt(x), (-4,)),
    (sp.cbrt(x), (-8,)), (sp.sqrt(x**2 + 1), (1,)), (x**x, (0,)), (x**x, (1,)), (2**x, (0,)),
    (sp.exp(x), (1,)), (sp.sin(x), (1,)), (sp.acos(x), (0,)), (sp.cot(x), (0,)),
    (sp.gamma(x), (1,)), (sp.erf(x), (0,)), (x * sp.pi, (0,)), (x + sp.sqrt(2), (0,)),
    (x * y, (0,)), (sp.exp(x) * y, (0,)), (sp.Function("sin")(x), (0,)),
    (sp.Function("g")(x), (0,)), (sp.exp(1) * x, (0,)),
    (sp.Abs(x), (1,)), (sp.atanh(x), (1,)), (sp.asin(x), (1,))])
def test_no_taylor_polynomial(f, point):
    """Not defined, not smooth, not rational, or not known."""
    assert taylor([x**2, f], (x,), point) is None


# -- jets of games ---------------------------------------------------------------------

def test_the_derivatives_of_a_jet():
    v = sp.symbols("u1 u2 v w", real=True)
    f = (v[0] * v[1] * v[2] + v[0]**3 / 3 + v[1]**2 * v[3] / 2 - sp.Rational(5, 7) * v[2]**2
         + v[0] * v[1] - 3 * v[3] + 2)
    g = sp.exp(v[3]) * v[2] + v[0]**2 * v[1]
    h = v[3] / (1 + v[0])
    game = Game(Player(f, v[:2]), Player(g, v[2]), Player(h, v[3]))
    point = (Fraction(1, 2), 2, -1, 0)
    jet = Jet.at(game, point)
    assert jet.sizes == (2, 1, 1) and jet.n == 4 and jet.owners == [0, 0, 1, 2]
    at = dict(zip(v, map(sp.sympify, point)))
    for p, cost in enumerate((f, g, h)):
        for i, j, k in itertools.product(range(4), repeat=3):
            third = sp.diff(cost, v[i], v[j], v[k]).subs(at)
            assert jet.third(p, i, j, k) == jet.scale * third
        for i in range(4):
            assert jet.slope(p, i) == jet.scale * sp.diff(cost, v[i]).subs(at)
            row = [jet.scale * sp.diff(cost, v[i], v[j]).subs(at) for j in range(4)]
            assert jet.hessian_row(p, i) == row == [jet.hessian(p, i, j) for j in range(4)]
    assert all(type(c) is int for cost in jet.costs for c in cost.values())
    # The last player leads.
    order, players = [3, 0, 1, 2], [2, 0, 1]
    other = jet.reordered(order, (1, 2, 1), players)
    direct = Jet.at(game.reordered(2), [point[i] for i in order])
    assert (other.sizes, other.costs, other.scale) == (direct.sizes, direct.costs, direct.scale)


@given(polynomials, polynomials, st.tuples(ratios, ratios, ratios))
@settings(max_examples=40)
def test_games_of_polynomials_and_back(f, g, point):
    sizes = (1, 2)
    game = game_of_polynomials([f, g], sizes, [rational(p) for p in point])
    names = [v for own in action_names(sizes) for v in own]
    assert list(game.variables) == names and game.sizes == sizes
    for cost, poly in zip(game.costs, (f, g)):
        by_hand = expression(poly, point).xreplace(dict(zip(xyz, names)))
        assert sp.expand(cost - by_hand) == 0
    jet, known = Jet.at(game, point), Jet.of(sizes, [f, g])
    for found, expected, poly in zip(jet.costs, known.costs, (f, g)):
        words = {w for w in poly if len(w) <= 3}
        assert {w: Fraction(c, jet.scale) for w, c in found.items()} == {
            w: Fraction(c, known.scale) for w, c in expected.items()} == {
                w: Fraction(poly[w]) for w in words}


def test_one_polynomial_is_a_zero_sum_game():
    f = {(0, 1): Fraction(1, 2), (1, 1): -1, (0, 0, 0, 0): 7}
    game = game_of_polynomials([f], (1, 1), (0, 0))
    assert game.costs[0] == -game.costs[1] and game.is_zero_sum
    jet, again = Jet.of((1, 1), [f]), Jet.at(game, (0, 0))
    assert jet.costs == again.costs == ({(0, 1): 1, (1, 1): -2}, {(0, 1): -1, (1, 1): 2})
    declared = Jet.at(zero_sum(game.costs[0], *game.variables), (0, 0))
    assert declared.costs == jet.costs and declared.scale == jet.scale == 2
    assert Jet.at(zero_sum(sp.exp(x) * y, x, y), (1, 0)) is None


def test_names_of_actions():
    assert [[v.name for v in own] for own in action_names((1, 3))] == [["x"], ["y1", "y2", "y3"]]
    seven = action_names((1,) * 7)
    assert len({v for own in seven for v in own}) == 7
