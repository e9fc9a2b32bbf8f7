"""`certify`: every zero is proved once or lies in an undecided box."""

import itertools
from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from gameanalysis.dynamics import VectorField
from gameanalysis.errors import BoxError
from gameanalysis.numerics.certify import Certificate, certify
from gameanalysis.numerics.critical import find_critical_points
from gameanalysis.numerics.enclosure import Region, System, Zero, float_ends
from gameanalysis.numerics.undecided import Reason, Undecided, merge
from gameanalysis.compilation.compiled import compile_field
from gameanalysis.programs.precise import NoEnclosure
from gameanalysis.truth import Truth

x, y, z = sp.symbols("x y z", real=True)


def product_field(*roots):
    """The field prod (v - r), one component a variable; its zeros are the grid of roots."""
    variables = sp.symbols(f"v1:{len(roots) + 1}", real=True)
    return VectorField([sp.Mul(*(v - r for r in line)) for v, line in zip(variables, roots)],
                       variables)


def rotated_field(roots_x, roots_y):
    """The same in the coordinates 2x + y, x - 3y: zeros are known rationals."""
    u, v = 2 * x + y, x - 3 * y
    field = VectorField([sp.Mul(*(u - r for r in roots_x)) + sp.Mul(*(v - r for r in roots_y)),
                         sp.Mul(*(v - r for r in roots_y))], [x, y])
    zeros = [(Fraction(3 * a + b, 7), Fraction(a - 2 * b, 7)) for a, b in
             itertools.product(set(roots_x), set(roots_y))]
    return field, zeros


def holds(low, high, place):
    return all(Fraction(float(a)) <= p <= Fraction(float(b)) for a, b, p in zip(low, high, place))


def assert_all_accounted(certificate, places, domain):
    """Each zero of the domain is in one certified region or in an undecided box."""
    for zero in certificate.zeros:
        inside = [p for p in places if holds(zero.region.low, zero.region.high, p)]
        assert len(inside) == 1
        assert holds(zero.low, zero.high, inside[0])
        assert all(abs(Fraction(v) - p) <= Fraction(zero.radius)
                   for v, p in zip(zero.x.tolist(), inside[0]))
    found = [next(p for p in places if holds(zero.low, zero.high, p))
             for zero in certificate.zeros]
    assert len(set(found)) == len(found)
    for place in places:
        if all(Fraction(a) <= p <= Fraction(b) for p, (a, b) in zip(place, domain)):
            assert place in found or any(holds(u.low, u.high, place)
                                         for u in certificate.undecided), place


roots = st.lists(st.integers(-4, 4), min_size=1, max_size=4)


@given(roots, roots)
@settings(max_examples=40, deadline=None)
def test_grids_of_zeros_in_turned_coordinates(roots_x, roots_y):
    field, places = rotated_field(roots_x, roots_y)
    domain = [(-2, 3), (-3, 2)]
    certificate = certify(field, None, domain)
    assert_all_accounted(certificate, places, domain)
    simple = len(set(roots_x)) == len(roots_x) and len(set(roots_y)) == len(roots_y)
    if simple:
        assert certificate.complete is Truth.YES


@given(roots, roots, st.sampled_from([0, 1, 2, 7, 30, 100]))
@settings(max_examples=40, deadline=None)
def test_nothing_is_lost_when_the_budget_is_spent(roots_x, roots_y, budget):
    field, places = rotated_field(roots_x, roots_y)
    domain = [(-2, 3), (-3, 2)]
    certificate = certify(field, None, domain, max_boxes=budget)
    assert_all_accounted(certificate, places, domain)
    assert certificate.n_boxes <= budget


def test_a_budget_of_no_boxes_examines_the_candidates_only():
    field = product_field([-1, 1], [0, 1])
    certificate = certify(field, np.array([[1.0, 0.0], [0.3, 7.0]]), [(-2, 2)] * 2, max_boxes=0)
    assert [z.x.tolist() for z in certificate.zeros] == [[1, 0]]
    assert [u.reason for u in certificate.undecided] == [Reason.BUDGET]
    assert holds(certificate.undecided[0].low, certificate.undecided[0].high, (-2, 2))
    assert certificate.complete is Truth.UNDECIDED and certificate.n_boxes == 0


def test_candidates_change_nothing_but_the_work():
    field = product_field([-1, 0, 1], [0, 1])
    box = [(-2, 2)] * 2
    alone = certify(field, None, box)
    helped = certify(field, find_critical_points(field, box, n_starts=64), box)
    wrong = certify(field, np.array([[9.0, 9.0], [np.nan, 0], [0.0, 0.0], [0.0, 0.0]]), box)
    for other in (helped, wrong):
        assert other.complete is alone.complete is Truth.YES
        assert [z.x.tolist() for z in other.zeros] == [z.x.tolist() for z in alone.zeros]
    assert certify(field, np.zeros((0, 2)), box).complete is Truth.YES


@pytest.mark.parametrize("cause, expression, expected", [
    ("zeros on both ends", x**2 - 1, [-1, 1]),
    ("one variable, many zeros", sp.expand(sp.Mul(*(x - sp.Rational(k, 7) for k in range(-7, 8)))),
     [k / 7 for k in range(-7, 8)]),
    ("no zero", x**2 + 1, []),
    ("a zero outside by 1e-12", x - 1 - sp.Rational(1, 10**12), []),
    ("steep", 10**9 * x * (x - sp.Rational(1, 2)), [0, 0.5]),
    ("flat", x / 10**9 * (x - sp.Rational(1, 2)), [0, 0.5]),
    ("two zeros 1e-6 apart", (x - sp.Rational(1, 2)) * (x - sp.Rational(500001, 10**6)),
     [0.5, 0.500001]),
    ("near a pole", 1 / (x - 2) + 1, [1]),
])
def test_one_variable(cause, expression, expected):
    certificate = certify(VectorField([expression], [x]), None, [(-1, 1)])
    assert certificate.complete is Truth.YES, cause
    assert np.allclose([z.x[0] for z in certificate.zeros], expected, rtol=0, atol=1e-15), cause


def test_double_zero_is_undecided_and_held():
    certificate = certify(VectorField([(x - sp.Rational(1, 3))**2], [x]), None, [(-1, 1)])
    assert not certificate.zeros
    assert {u.reason for u in certificate.undecided} == {Reason.SINGULAR}
    assert any(holds(u.low, u.high, (Fraction(1, 3),)) for u in certificate.undecided)
    assert all((u.high - u.low).max() < 1e-6 for u in certificate.undecided)
    assert "singular" in repr(certificate.undecided[0])


def test_line_of_zeros_is_a_continuum_and_held():
    certificate = certify(VectorField([x * y, x * (y - 1)], [x, y]), None, [(-1, 1)] * 2)
    for t in np.linspace(-1, 1, 30):
        assert any(holds(u.low, u.high, (Fraction(0), Fraction(t)))
                   for u in certificate.undecided)
    assert Reason.CONTINUUM in {u.reason for u in certificate.undecided}
    assert certificate.n_boxes < 2_000_000


def test_function_undefined_in_part_of_the_box():
    # x >= 0 for the square root; the zero at 1/4, and the zero 0 on the edge of the domain
    certificate = certify(VectorField([sp.sqrt(x) - 2 * x], [x]), None, [(-1, 1)])
    assert np.allclose([z.x[0] for z in certificate.zeros], [0.25])
    assert {u.reason for u in certificate.undecided} == {Reason.UNDEFINED}
    assert any(holds(u.low, u.high, (Fraction(0),)) for u in certificate.undecided)
    empty = certify(VectorField([sp.log(x) + 10], [x]), None, [(-2, -1)])
    assert empty.complete is Truth.YES and not empty.zeros


def test_three_and_four_variables():
    certificate = certify(product_field([-1, 0, 1], [0, 1], [-1, 1]), None, [(-2, 2)] * 3)
    assert certificate.complete is Truth.YES and len(certificate.zeros) == 12
    a, b, c, d = sp.symbols("a b c d", real=True)
    cyclic = [a + b + c + d, a * b + b * c + c * d + d * a + 1, a - c - 1, b * d - a]
    certificate = certify(VectorField(cyclic, [a, b, c, d]), None, [(-4, 4)] * 4)
    expected = {tuple(sp.N(v) for v in s) for s in sp.solve(cyclic, [a, b, c, d])
                if all(v.is_real for v in s)}
    expected = {s for s in expected if max(map(abs, s)) <= 4}
    assert certificate.complete is Truth.YES
    assert np.allclose(sorted(expected), sorted(tuple(z.x.round(9)) for z in certificate.zeros))


# -- circles ----------------------------------------------------------------------

@pytest.mark.parametrize("low", [-3.0, 0, "pi/2", "pi", -20, 1e3])
@pytest.mark.parametrize("periods", [1, 1.5, 3])
def test_a_zero_on_a_circle_is_found_once(low, periods):
    low = sp.sympify(low) if isinstance(low, str) else low
    field = VectorField([sp.sin(2 * x), sp.cos(y)], [x, y], periods={x: 2 * sp.pi, y: 2 * sp.pi})
    side = (low, low + 2 * sp.pi * periods)
    certificate = certify(field, None, [side, side])
    assert certificate.complete is Truth.YES and len(certificate.zeros) == 8
    angles = {(round(2 * z.x[0] / np.pi) % 4, round(z.x[1] / np.pi - 0.5) % 2)
              for z in certificate.zeros}
    assert len(angles) == 8


def test_less_than_a_circle():
    field = VectorField([sp.sin(x)], [x], periods={x: 2 * sp.pi})
    assert [round(z.x[0], 6) for z in certify(field, None, [(1, 6)]).zeros] == [3.141593]


# -- enclosures -------------------------------------------------------------------

def test_a_zero_is_enclosed_to_a_hundred_digits():
    field = VectorField([x**2 - 2, sp.exp(y) - x], [x, y])
    zero, = certify(field, None, [(0, 3), (-3, 3)]).zeros
    with mp.workdps(150):
        exact = mp.sqrt(2), mp.log(2) / 2
        for digits in (10, 40, 100, 60):
            for (low, high), v in zip(zero.enclosure(digits), exact):
                assert mp.mpf(low.numerator) / low.denominator <= v
                assert mp.mpf(high.numerator) / high.denominator >= v
                assert high - low <= Fraction(3, 10**digits)
        assert abs(zero.x[0] - exact[0]) <= zero.radius <= 1e-15
    assert repr(zero).startswith("Zero([1.41421356")
    with pytest.raises(ValueError, match="read-only"):
        zero.x[0] = 0


def test_regions_and_tiny_boxes():
    region = Region(np.array([0.0]), np.array([1.0]))
    assert region.contains(np.array([0.0]), np.array([1.0]))
    assert not region.contains(np.array([-1e-300]), np.array([1.0]))
    low, high = float_ends([(Fraction(1, 3), Fraction(1, 3))])
    assert Fraction(low[0]) < Fraction(1, 3) < Fraction(high[0])
    assert float_ends([(Fraction(1), Fraction(1))]) == (np.array([1.0]), np.array([1.0]))


@given(st.floats(-1e3, 1e3), st.floats(1e-6, 10), st.integers(0, 4))
@settings(max_examples=50, deadline=None)
def test_a_region_is_never_proved_where_there_are_two_zeros(centre, radius, sign):
    # x^2 = c near 0: a region may not hold both roots, nor none.
    c = Fraction(sign) / 100
    system = System(compile_field(VectorField([x**2 - sp.Rational(c.numerator, c.denominator)],
                                              [x])))
    region, = system.prove(np.array([[centre]]), np.array([[radius]]))
    if region is not None:
        low, high = Fraction(region.low[0]), Fraction(region.high[0])
        inside = sum(low <= 0 and low**2 >= c if s < 0 else high >= 0 and high**2 >= c
                     for s in (-1, 1))
        outside = (low >= 0 and low**2 > c) or (high <= 0 and high**2 > c)
        # Both ends lie on different sides of exactly one root.
        assert (low**2 - c) * (high**2 - c) < 0, (inside, outside)


def test_confirm_refuses_a_region_without_a_zero():
    system = System(compile_field(VectorField([x**2 - 2], [x])))

    def box(a, b):
        return Region(np.array([float(a)]), np.array([float(b)]))
    assert system.confirm([box(2, 3)]) == [None]
    assert system.confirm([box(-2, 2)]) == [None]
    assert system.confirm([box(-0.5, 0.5)]) == [None]
    good, = system.confirm([box(2**0.5 - 1e-3, 2**0.5 + 1e-3)])
    assert isinstance(good, Zero) and abs(good.x[0] - 2**0.5) < 1e-15


# -- the certificate, and wrong input ---------------------------------------------

def test_repr_counts():
    done = certify(VectorField([x**2 - 2], [x]), None, [(-2, 2)])
    assert repr(done).startswith("2 certified zeros, proved complete, ")
    left = certify(VectorField([x**2], [x]), None, [(-2, 2)])
    assert "1 boxes undecided" in repr(left)
    assert isinstance(done, Certificate) and done.complete is Truth.YES
    assert left.undecided[0].to_dict()["reason"] == Reason.SINGULAR.value


@pytest.mark.parametrize("box", [[(0, 1)] * 2, [(1, 0)], [(0, 0)], [(0, np.inf)],
                                 [(np.nan, 1)], [("a", 1)], 7, [3], [(0, 1, 2)]])
def test_boxes_that_do_not_fit(box):
    with pytest.raises(BoxError):
        certify(VectorField([x], [x]), None, box)


def test_wrong_input():
    with pytest.raises(BoxError, match="max_boxes"):
        certify(VectorField([x], [x]), None, [(0, 1)], max_boxes=-1)
    with pytest.raises(NoEnclosure, match="gamma"):
        certify(VectorField([sp.gamma(x)], [x]), None, [(1, 2)])


# -- merging ----------------------------------------------------------------------

def test_merged_boxes_cover_all_and_separate_heaps():
    rng = np.random.default_rng(1)
    for count in (1, 40, 3000):
        low = rng.uniform(0, 0.4, (2, count)) + 5 * rng.integers(0, 2, count)
        high = low + rng.uniform(0, 0.01, (2, count))
        heaps = merge(low, high, np.ones(count, dtype=bool), np.array([10.0, 10.0]))
        for k in range(count):
            assert any((u.low <= low[:, k]).all() and (u.high >= high[:, k]).all()
                       for u in heaps)
        # The two clouds are 4 apart: no heap spans both.
        assert all((u.high - u.low).max() < 1 for u in heaps)


def test_reasons_of_merged_boxes():
    ends = np.linspace(0, 1, 101)
    low = np.vstack([ends[:-1], np.zeros(100)])
    high = np.vstack([ends[1:], np.full(100, 0.01)])
    width = np.ones(2)
    line, = merge(low, high, np.ones(100, dtype=bool), width)
    assert line.reason is Reason.CONTINUUM and line.n_boxes == 100
    undefined, = merge(low, high, np.arange(100) != 7, width)
    assert undefined.reason is Reason.UNDEFINED
    point, = merge(low[:, :3], high[:, :3], np.ones(3, dtype=bool), width)
    assert point.reason is Reason.SINGULAR
    assert point.to_dict()["box"] == [[0, 0.03], [0, 0.01]]
    assert isinstance(point, Undecided)
