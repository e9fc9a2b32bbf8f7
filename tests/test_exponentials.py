"""Exponential sums at exact points, against mpmath at a hundred digits."""

from fractions import Fraction

import mpmath as mp
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from gameanalysis.exact.algebra import real_zeros
from gameanalysis.exact.exponentials import ExactNumbers, ExpSum, PiMultiple
from gameanalysis.programs.graph import Graph
from gameanalysis.programs.program import Program
from gameanalysis.programs.reading import Reader

x, y = sp.symbols("x y", real=True)
fractions = st.fractions(min_value=-3, max_value=3, max_denominator=6)
terms = st.lists(st.tuples(fractions, fractions), min_size=0, max_size=4)


def make(numbers, pairs):
    """sum c exp(u), built by the arithmetic."""
    total = numbers.constant(Fraction(0))
    for u, c in pairs:
        total = numbers.add(total, numbers.mul(numbers.constant(c),
                                               numbers.exp(numbers.constant(u))))
    return total


def value(pairs):
    return mp.fsum(mp.mpf(c.numerator) / c.denominator
                   * mp.exp(mp.mpf(u.numerator) / u.denominator) for u, c in pairs)


def collected(pairs):
    """Coefficients by exponent, without zeros."""
    out: dict = {}
    for u, c in pairs:
        out[u] = out.get(u, 0) + c
    return {u: c for u, c in out.items() if c}


@given(terms, terms)
@settings(max_examples=50, deadline=None)
def test_signs_and_sums_and_products(one, two):
    numbers = ExactNumbers([Fraction(0)])
    a, b = make(numbers, one), make(numbers, two)
    product = [(u + v, c * d) for u, c in one for v, d in two]
    minus = [(u, -c) for u, c in two]
    with mp.workdps(100):
        for number, pairs in ((a, one), (a + b, one + two), (a - b, one + minus),
                              (a * b, product), (-b, minus), (numbers.neg(b), minus),
                              (numbers.sub(a, b), one + minus), (1 - b, [(0, 1)] + minus),
                              (2 * a + 1, [(0, 1)] + one + one)):
            pairs = [(Fraction(u), Fraction(c)) for u, c in pairs]
            assert {Fraction(u): Fraction(c) for u, c in number.terms} == collected(pairs)
            # Lindemann and Weierstrass: zero only if all terms cancel.
            expected = mp.sign(value(pairs)) if collected(pairs) else 0
            assert numbers.sign(number) == expected


@given(terms, st.integers(0, 4))
@settings(max_examples=25, deadline=None)
def test_powers(pairs, n):
    numbers = ExactNumbers([Fraction(0)])
    number = make(numbers, pairs) ** n
    with mp.workdps(100):
        expected = value(pairs) ** n
        exact = [(Fraction(u), Fraction(c)) for u, c in number.terms]
        assert abs(value(exact) - expected) <= mp.mpf(10)**-80 * (1 + abs(expected))
    assert numbers.pow(make(numbers, pairs), 3).terms == (make(numbers, pairs) ** 3).terms


def test_signs_that_need_many_digits():
    numbers = ExactNumbers([Fraction(0)])
    tiny = Fraction(1, 10**60)
    almost_one = numbers.exp(numbers.constant(tiny))
    assert numbers.sign(almost_one - 1) == 1
    # exp(t) - 1 - t is t^2/2, near 1e-120.
    assert numbers.sign(almost_one - numbers.constant(1 + tiny)) == 1
    assert numbers.sign(almost_one - numbers.constant(1 + 2 * tiny)) == -1
    assert numbers.sign(numbers.exp(numbers.constant(Fraction(5000)))
                        - numbers.exp(numbers.constant(Fraction(4999))) * 3) == -1
    assert numbers.sign(0) == 0 and numbers.sign(Fraction(-1, 3)) == -1


def test_identities_of_exponentials_are_zero():
    numbers = ExactNumbers([Fraction(1, 3), Fraction(-2)])
    a, b = (numbers.exp(v) for v in numbers.inputs)
    both = numbers.exp(numbers.inputs[0] + numbers.inputs[1])
    assert numbers.sign(a * b - both) == 0
    assert (a * a * a - numbers.exp(numbers.constant(Fraction(1)))).terms == ()
    assert repr(a * b - both) == "0" and "exp(1/3)" in repr(a)


def algebraic_numbers():
    point = real_zeros([x**2 - 2, y - x**3], (x, y))[1]
    return ExactNumbers(point)


def test_at_an_algebraic_point():
    numbers = algebraic_numbers()
    root, cube = numbers.inputs                       # sqrt(2) and 2 sqrt(2)
    assert numbers.sign(root * root - 2) == 0 and numbers.sign(cube - root - root) == 0
    e = numbers.exp(root)
    assert numbers.sign(e * e - numbers.exp(cube)) == 0
    with mp.workdps(60):
        difference = mp.exp(mp.sqrt(2)) - 4 - mp.mpf(1) / 9
        assert numbers.sign(e - 4 - Fraction(1, 9)) == mp.sign(difference)
    quotient = numbers.div(numbers.constant(Fraction(2)), root)
    assert numbers.sign(quotient - root) == 0
    assert numbers.sign(numbers.div(e, e * root) * 2 - root) == 0


def test_operations_that_leave_the_field_say_so():
    for numbers in (ExactNumbers([Fraction(1, 2)]), algebraic_numbers()):
        v = numbers.inputs[0]
        zero, one = numbers.constant(Fraction(0)), numbers.constant(Fraction(1))
        with pytest.raises(ZeroDivisionError):
            numbers.div(v, zero)
        for call in (lambda: numbers.pow(numbers.pi(), 2), lambda: numbers.exp(numbers.exp(v)),
                     lambda: numbers.exp(numbers.exp(v) + 1), lambda: numbers.sin(v),
                     lambda: numbers.sqrt(v), lambda: numbers.powr(v, Fraction(1, 3)),
                     lambda: numbers.log(v), lambda: numbers.erf(v),
                     lambda: numbers.div(one, one + numbers.exp(v))):
            with pytest.raises(ArithmeticError):
                call()
        with pytest.raises(AttributeError):
            numbers._hidden
        assert isinstance(numbers.cos(zero), ExpSum)


def test_functions_at_zero_and_one():
    numbers = ExactNumbers([Fraction(0), Fraction(1)])
    zero, one = numbers.inputs
    for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "asin", "atan", "asinh", "atanh",
                 "sqrt"):
        assert numbers.sign(getattr(numbers, name)(zero)) == int(getattr(mp, name)(0))
    for name in ("log", "acos", "acosh", "sqrt"):
        assert numbers.sign(getattr(numbers, name)(one)) == int(getattr(mp, name)(1))
    assert numbers.sign(numbers.exp(zero) - one) == 0
    with pytest.raises(ArithmeticError):
        numbers.acos(zero)                            # pi/2


@given(fractions, fractions)
@settings(max_examples=30, deadline=None)
def test_programs_evaluate_exactly(a, b):
    expression = (x**2 * sp.exp(x - y) - y) * sp.exp(2 * y) / (3 + sp.Rational(1, 2)) - (x + y)**3
    graph = Graph(2)
    reader = Reader(graph, dict(zip((x, y), graph.variables)))
    program = Program(graph, [reader.read(expression)])
    numbers = ExactNumbers([a, b])
    found, = program.evaluate(numbers.inputs, numbers)
    exact = expression.subs({x: sp.Rational(a.numerator, a.denominator),
                             y: sp.Rational(b.numerator, b.denominator)})
    expected = 0 if sp.expand(exact) == 0 else int(mp.sign(sp.N(exact, 60)))
    assert numbers.sign(found) == expected


def test_multiples_of_pi():
    numbers = ExactNumbers([PiMultiple(Fraction(-1)), Fraction(0), PiMultiple(Fraction(3, 2))])
    x, y, z = numbers.inputs
    difference = numbers.sub(x, y)
    assert numbers.sign(numbers.cos(difference) + 1) == 0 and not numbers.sin(difference).terms
    assert numbers.sign(x) == -1 and numbers.sign(numbers.neg(x)) == 1
    # cos(3 pi/2 - pi) = 0, sin(3 pi/2) = -1, tan(3 pi/4) = -1, 3/2 pi / -pi = -3/2
    assert not numbers.cos(numbers.add(x, z)).terms
    assert numbers.sign(numbers.sin(z) + 1) == 0
    half = numbers.mul(numbers.constant(Fraction(1, 2)), z)
    assert numbers.sign(numbers.tan(half) + 1) == 0
    assert numbers.sign(numbers.div(z, x) * 2 + 3) == 0
    assert numbers.sign(numbers.sin(numbers.div(numbers.pi(), numbers.constant(Fraction(6)))) * 2
                        - 1) == 0
    assert not numbers.add(x, numbers.pi()).terms
    one = numbers.constant(Fraction(1))
    for call in (lambda: numbers.add(x, one), lambda: numbers.mul(x, x),
                 lambda: numbers.mul(x, numbers.exp(one)), lambda: numbers.exp(x),
                 lambda: numbers.log(x), lambda: numbers.sin(one), lambda: numbers.tan(z),
                 lambda: numbers.div(one, x), lambda: numbers.cos(numbers.mul(
                     numbers.constant(Fraction(1, 3)), numbers.div(x, numbers.constant(
                         Fraction(2)))))):
        with pytest.raises(ArithmeticError):
            call()
