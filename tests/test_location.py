"""Where a point is: enclosures to any precision, exact numbers where they are proved."""

from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from gameanalysis.dynamics import VectorField
from gameanalysis.exact.algebra import real_zeros
from gameanalysis.numerics.certify import certify
from gameanalysis.compilation.compiled import compile_field
from gameanalysis.verdicts.location import (AlgebraicLocation, CertifiedLocation, FloatLocation,
                                            Location)

x, y = sp.symbols("x y", real=True)


def located(expressions, box, algebraic=None):
    """The certified zeros as locations."""
    field = compile_field(VectorField(expressions, [x, y]))
    found = (lambda: ()) if algebraic is None else (
        lambda: real_zeros([sp.Poly(e, x, y) for e in algebraic], (x, y)))
    return [CertifiedLocation(zero, field.value_program, found)
            for zero in certify(field, None, box).zeros]


def holds(ends, values, digits):
    with mp.workdps(digits + 30):
        for (low, high), v in zip(ends, values):
            assert mp.mpf(low.numerator) / low.denominator <= v <= mp.mpf(
                high.numerator) / high.denominator
            assert high - low <= Fraction(10) * Fraction(1, 10**digits)


def test_algebraic_points_to_a_hundred_digits():
    points = real_zeros([x**5 - x - 1, y - x**2], (x, y))
    location = AlgebraicLocation(points[0])
    with mp.workdps(200):
        root = mp.findroot(lambda t: t**5 - t - 1, 1.17)
        for digits in (5, 30, 100):
            holds(location.enclosure(digits), (root, root**2), digits)
        assert abs(location.x[0] - root) <= location.radius < 1e-15
    assert location.certified and location.exact[0].poly is not None
    numbers = location.exact_numbers()
    a, b = numbers.inputs
    assert numbers.sign(a**5 - a - 1) == 0 and numbers.sign(b - a * a) == 0
    assert location.exact_numbers() is numbers


def test_rational_algebraic_points_are_exact():
    location = AlgebraicLocation(real_zeros([3 * x - 1, y - x + 1], (x, y))[0])
    assert location.exact == (sp.Rational(1, 3), -sp.Rational(2, 3))
    assert Fraction(location.x[0]) != Fraction(1, 3) and 0 < location.radius < 1e-16
    numbers = location.exact_numbers()
    assert numbers.point is None and numbers.sign(numbers.inputs[0] * 3 - 1) == 0
    integer = AlgebraicLocation(real_zeros([x - 2, y], (x, y))[0])
    assert integer.radius == 0 and integer.x.tolist() == [2, 0]


def test_a_point_without_a_short_form_has_no_exact_text():
    location = AlgebraicLocation(real_zeros([x**11 - x - 1, y - x], (x, y))[0])
    assert location.exact is None
    numbers = location.exact_numbers()
    assert numbers.sign(numbers.inputs[0] ** 11 - numbers.inputs[0] - 1) == 0


@given(st.fractions(-2, 2, max_denominator=1000), st.fractions(-2, 2, max_denominator=1000))
@settings(max_examples=20, deadline=None)
def test_a_rational_zero_is_recognised(a, b):
    p, q = (sp.Rational(v.numerator, v.denominator) for v in (a, b))
    expressions = [sp.exp(x - p) + y - q - 1, x - p + (y - q)**3 + 2 * (y - q)]
    locations = located(expressions, [(-3, 3)] * 2)
    here = [v for v in locations if v.exact == (p, q)]
    assert len(here) == 1
    numbers = here[0].exact_numbers()
    assert numbers.sign(numbers.inputs[0] - a) == 0 == numbers.sign(numbers.inputs[1] - b)


def test_an_irrational_zero_is_not_taken_for_a_rational_one():
    # sqrt(2), and a rational that agrees with it to 30 digits is no zero.
    location, = located([x**2 - 2, y - 1], [(0, 2), (0, 2)])
    assert location.exact is None and location.exact_numbers() is None
    # exp(x) = 1 + 1e-6: x is within 1e-12 of the simplest rationals near it, and is none.
    location, = located([sp.exp(x) - 1 - sp.Rational(1, 10**6), y], [(-1, 1)] * 2)
    assert location.exact is None and location.exact_numbers() is None


def test_an_irrational_zero_is_identified_with_its_algebraic_number():
    system = [x**2 - 2, y**2 - x]
    locations = located(system, [(-3, 3)] * 2, system)
    assert len(locations) == 2
    for location, sign in zip(locations, (-1, 1)):
        assert location.exact is None
        numbers = location.exact_numbers()
        a, b = numbers.inputs
        assert numbers.sign(a * a - 2) == 0 and numbers.sign(b**4 - 2) == 0
        assert numbers.sign(b) == sign
        with mp.workdps(60):
            holds(location.enclosure(40), (mp.sqrt(2), sign * mp.root(2, 4)), 40)


def test_functions_that_cannot_be_evaluated_exactly():
    # sin(1/2) is no exponential sum of rationals, so the rational guess stays a guess.
    system = [sp.sin(x) - sp.sin(sp.Rational(1, 2)), y]
    location, = located(system, [(0, 1), (-1, 1)])
    assert abs(location.x[0] - 0.5) < 1e-15 and location.exact_numbers() is None


def test_points_without_proof():
    location = FloatLocation(np.array([1, 2]))
    assert location.certified is False and location.radius == float("inf")
    assert location.exact is None and location.exact_numbers() is None
    with pytest.raises(ArithmeticError, match="without proof"):
        location.enclosure(10)
    assert Location().exact is None
