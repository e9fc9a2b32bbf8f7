"""Exact algebra against systems whose zeros are known by construction.

Zeros are prescribed (products of linear forms; a parametrised set of points
under a unimodular change of variables), counted by Groebner bases, published
(Figure 1), or evaluated by mpmath at 60 digits; none of these shares code with
the resultants, Macaulay matrices and enclosures under test.
"""

import pickle
from fractions import Fraction
from itertools import product

import mpmath
import pytest
import sympy as sp
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gameanalysis.exact import algebra, macaulay, univariate
from gameanalysis.exact.algebra import (NotZeroDimensional, TooLarge, positive_dimensional_part,
                                        real_zeros)
from gameanalysis.exact.exactness import is_exact_zero, nearest_exact
from gameanalysis.exact.reduction import definite_sign, reduce_system

x, y, z, w = V = sp.symbols("x y z w", real=True)
few = settings(max_examples=25, deadline=None)
some = settings(max_examples=12, deadline=None)
small = st.integers(-4, 4)


def same_points(points, expected, digits=40):
    """Whether the points are exactly the expected ones, each once.

    ``expected`` are distinct tuples of SymPy numbers; two points whose
    enclosures hold the same one would be the same point.
    """
    if len(points) != len(expected):
        return False
    values = [tuple(sp.N(c, digits + 30) for c in e) for e in expected]
    boxes = [p.enclosure(4 * digits) for p in points]
    slack = sp.Rational(1, 10**digits)
    return all(sum(all(lo - slack <= c <= hi + slack for c, (lo, hi) in zip(v, box))
                   for box in boxes) == 1 for v in values)


# Known zeros --------------------------------------------------------------------

@few
@given(st.lists(st.tuples(small, small, small), min_size=2, max_size=5), st.integers(1, 3))
def test_products_of_lines_meet_where_linear_algebra_says(lines, split):
    lines = [line for line in lines if line[:2] != (0, 0)]
    first, second = lines[:split], lines[split:]
    assume(first and second)
    f, g = (sp.prod([a*x + b*y + c for a, b, c in part]) for part in (first, second))
    expected, parallel = set(), False
    for (a, b, c), (d, e, k) in product(first, second):
        det = a*e - b*d
        if det:
            expected.add((sp.Rational(-c*e + b*k, det), sp.Rational(-a*k + c*d, det)))
        elif a*k == c*d and b*k == c*e:
            parallel = True
    if parallel:
        with pytest.raises(NotZeroDimensional, match="common factor"):
            real_zeros([sp.expand(f), sp.expand(g)], (x, y))
        return
    points = real_zeros([sp.expand(f), sp.expand(g)], (x, y))
    assert {tuple(map(sp.Rational, map(str, p.rational))) for p in points} == expected
    assert len(points) == len(expected)


@st.composite
def parametrised(draw, n):
    """A system with zeros (t, r_2(t), ..., r_n(t)) = U x at the roots of p."""
    t = sp.Symbol("t")
    rational = draw(st.lists(st.integers(-3, 3), min_size=0, max_size=2, unique=True))
    surds = draw(st.lists(st.sampled_from([2, 3, 5, -1, -2]), max_size=1))
    assume(rational or surds)
    powers = [draw(st.integers(1, 2)) for _ in rational]
    p = sp.prod([(t - a)**k for a, k in zip(rational, powers)]
                + [t**2 - s for s in surds])
    roots = [sp.Integer(a) for a in rational] + [
        e * sp.sqrt(s) for s in surds if s > 0 for e in (1, -1)]
    r = [t] + [sum(draw(small) * t**j for j in range(3)) for _ in range(n - 1)]
    upper = sp.Matrix(n, n, lambda i, j: 1 if i == j else draw(st.integers(-1, 1)) if j > i else 0)
    lower = sp.Matrix(n, n, lambda i, j: 1 if i == j else draw(st.integers(-1, 1)) if j < i else 0)
    u = upper * lower
    image = u * sp.Matrix(V[:n])
    system = [p.subs(t, image[0])] + [image[i] - r[i].subs(t, image[0]) for i in range(1, n)]
    for i in range(1, n):
        # Adding a multiple of an earlier equation changes no zero.
        system[i] += draw(st.integers(-1, 1)) * system[i - 1]
    back = u.inv()
    zeros = [tuple(sp.expand(c) for c in back * sp.Matrix([f.subs(t, a) for f in r]))
             for a in roots]
    return [sp.expand(f) for f in system], zeros


@few
@given(parametrised(2))
def test_parametrised_points_in_the_plane_are_all_found(case):
    system, zeros = case
    points = real_zeros(system, (x, y))
    assert same_points(points, zeros)
    assert all(p.sign(f) == 0 for p in points for f in system)


@some
@given(parametrised(3))
def test_parametrised_points_in_space_are_all_found(case):
    system, zeros = case
    assert same_points(real_zeros(system, (x, y, z)), zeros)


@some
@given(st.lists(st.tuples(*[st.integers(-1, 2)] * 3, st.integers(-2, 2)), min_size=3, max_size=3),
       st.lists(st.sampled_from([0, 1, 2, -1]), min_size=3, max_size=3))
def test_quadrics_in_space_without_explicit_variables(planes, squares):
    """l_i^2 = s_i for three independent linear forms: signs are free."""
    matrix = sp.Matrix([p[:3] for p in planes])
    assume(matrix.det() != 0)
    forms = [a*x + b*y + c*z + d for a, b, c, d in planes]
    system = [sp.expand(f**2 - s) for f, s in zip(forms, squares)]
    system = [system[0] + system[1], system[1] - 2*system[2], system[2] + system[0]*3]
    inverse = matrix.inv()
    choices = [sorted({sp.sqrt(s), -sp.sqrt(s)}, key=str) if s >= 0 else [] for s in squares]
    zeros = [tuple(sp.expand(c) for c in inverse * sp.Matrix(
        [v - p[3] for v, p in zip(values, planes)])) for values in product(*choices)]
    points = real_zeros([sp.expand(f) for f in system], (x, y, z))
    assert same_points(points, zeros)
    expected = 2**sum(1 for s in squares if s == 0)
    assert all(p.multiplicity == expected for p in points)


def test_multiple_zeros_with_tangent_spaces_of_every_dimension():
    """x^2 = xy = y^2 = 0 is a triple point that no parametrisation t -> x gives."""
    system = [x**2, x*y, y**2, (z - 1)**2]
    (point,) = real_zeros(system, (x, y, z))
    assert point.rational == (0, 0, 1)
    (double,) = real_zeros([x**2 + y**2 - 2, x + y - 2], (x, y))
    assert double.rational == (1, 1) and double.multiplicity == 2


def test_zeros_that_share_a_projection_are_told_apart():
    """(0, -1), (0, 0), (0, 1): the mean of three zeros over x = 0 is a zero."""
    system = [x**2 + y**3 - y, x*(x + y - 5) + x**3]
    points = real_zeros(system, (x, y))
    on_axis = [p.rational for p in points if p.sign(x) == 0]
    assert on_axis == [(0, -1), (0, 0), (0, 1)]
    in_space = real_zeros([x**2, y**3 - y + x*z, z**2 - z + x*y], (x, y, z))
    assert {p.rational for p in in_space} == {(0, a, b) for a in (-1, 0, 1) for b in (0, 1)}


def test_a_grid_where_small_slopes_do_not_separate():
    f, g = sp.prod([x - k for k in range(6)]), sp.prod([y - k for k in range(6)])
    points = real_zeros([sp.expand(f + g), sp.expand(f - g)], (x, y))
    assert [p.rational for p in points] == list(product(range(6), repeat=2))


def test_rational_and_irrational_zeros_together():
    points = real_zeros([(x - 1)*(x**2 - 2), y*(y - x)], (x, y))
    root = sp.sqrt(2)
    assert [p.exact() for p in points] == [
        (-root, -root), (-root, 0), (1, 0), (1, 1), (root, 0), (root, root)]
    assert [p.is_rational for p in points] == [False, False, True, True, False, False]


def test_circles():
    assert real_zeros([x**2 + y**2 - 1, (x - 3)**2 + y**2 - 1], (x, y)) == ()
    (touch,) = real_zeros([x**2 + y**2 - 1, (x - 2)**2 + y**2 - 1], (x, y))
    assert touch.rational == (1, 0) and touch.multiplicity == 2
    crossing = real_zeros([x**2 + y**2 - 1, (x - 1)**2 + y**2 - 1], (x, y))
    half = sp.Rational(1, 2)
    assert [p.exact() for p in crossing] == [(half, -sp.sqrt(3)/2), (half, sp.sqrt(3)/2)]


def test_figure_one_has_the_nine_published_points():
    f = -sp.exp(-(x**2 + y**2)/100)*((3*x**2/20 + y)**2 + (y**2/4 + x)**2)
    reduced = reduce_system([f.diff(x), f.diff(y)], (x, y))
    points = real_zeros(reduced.polynomials, (x, y))
    published = [(-13.339180, -9.991698), (-13.184298, 1.799694), (-10.416623, 8.480549),
                 (-5.622884, -4.742524), (-2.501509, -2.339861), (0, 0), (1.660418, -13.669211),
                 (2.311938, 13.509335), (12.188576, -5.423168)]
    assert len(points) == 9
    for point, known in zip(points, published):
        assert all(abs((lo + hi)/2 - Fraction(c)) < Fraction(6, 10**7)
                   for (lo, hi), c in zip(point.enclosure(40), known))
    assert points[3].exact() == (sp.CRootOf(9*x**3 + 1600, 0), sp.CRootOf(3*x**3 + 320, 0))


# Independent counts --------------------------------------------------------------

@some
@given(st.integers(2, 3), st.data())
def test_number_of_zeros_agrees_with_groebner_bases(n, data):
    """In shape position, zeros are the real roots of the eliminant."""
    monomials = [m for m in product(range(3), repeat=n) if sum(m) <= 2]
    system = [sp.Add(*(data.draw(st.integers(-2, 2)) * sp.prod([v**e for v, e in zip(V, m)])
                       for m in monomials)) for _ in range(n)]
    assume(all(f != 0 for f in system))
    basis = sp.groebner(system, *V[:n], order="grevlex")
    if basis.exprs == [1]:
        assert real_zeros(system, V[:n]) == ()
        return
    if not basis.is_zero_dimensional:
        with pytest.raises((NotZeroDimensional, TooLarge)):
            real_zeros(system, V[:n])
        return
    points = real_zeros(system, V[:n])
    for slope in (3, 5, -8, 21):
        shear = {V[n - 1]: V[n - 1] - sum(slope**(i + 1) * V[i] for i in range(n - 1))}
        sheared = sp.groebner([sp.expand(f.subs(shear)) for f in system], *V[:n],
                              order="grevlex").fglm("lex")
        if all(sum(sp.Poly(f, *V[:n]).monoms(order="lex")[0]) == 1 for f in sheared.exprs[:-1]):
            eliminant = sp.Poly(sheared.exprs[-1], V[n - 1])
            assert len(points) == eliminant.count_roots()
            if all(k == 1 for _, k in eliminant.sqf_list()[1]):
                assert all(p.multiplicity == 1 for p in points)
            return


def test_four_unknowns():
    system = [x**2 + y - 2, y**2 + z - 2, z**2 + w - 2, w**2 + x - 2]
    points = real_zeros([sp.expand(f + g) for f, g in zip(system, system[1:] + [system[0] * 2])],
                        (x, y, z, w))
    # x -> 2 - x^2 iterated four times has 2^4 fixed points, all real: 2 cos.
    angles = {sp.Rational(2*k, m) for m in (15, 17) for k in range(0, m//2 + 1)}
    expected = sorted(float(-2*sp.cos(sp.pi*a)) for a in angles)
    found = sorted({float(sum(p.enclosure(60)[0])/2) for p in points})
    assert len(points) == 16
    assert all(min(abs(a - b) for b in expected) < 1e-12 for a in found)


def test_more_equations_than_unknowns_filter_the_zeros():
    lines = [(x - 1)*(y - 2), (x - 1)*(y + x), (x - y)*(x + y)*(y - 2), (x - 1)*(y - 1)]
    points = {p.rational for p in real_zeros(lines, (x, y))}
    brute = {(Fraction(a), Fraction(b)) for a in range(-3, 4) for b in range(-3, 4)
             if all(f.subs({x: a, y: b}) == 0 for f in lines)}
    assert points == brute


@few
@given(st.lists(st.tuples(small, small, small, small, small), min_size=1, max_size=3))
def test_a_finite_set_is_cut_down_by_any_number_of_equations(more):
    """Of the nine points of {-1, 0, 1}^2, those where the others vanish."""
    system = [x**3 - x, y**3 - y] + [a*x**2*y + b*x*y**2 + c*x*y + d*x + e
                                     for a, b, c, d, e in more]
    brute = [p for p in product((-1, 0, 1), repeat=2)
             if all(sp.sympify(f).subs({x: p[0], y: p[1]}) == 0 for f in system)]
    assert [p.rational for p in real_zeros(system, (x, y))] == brute


def test_explicit_variables_of_higher_degree_are_put_back():
    points = real_zeros([x**2 - 2, y - x**3 + sp.Rational(1, 3), z - y**2 - x], (x, y, z))
    root = sp.sqrt(2)
    expected = []
    for s in (-root, root):
        b = sp.expand(s**3 - sp.Rational(1, 3))
        expected.append((s, b, sp.expand(b**2 + s)))
    assert [p.exact() for p in points] == expected


def test_systems_without_complex_zeros():
    assert real_zeros([x*y - 1, x*y - 2], (x, y)) == ()
    assert real_zeros([x*y - 1, y*z - 1, z*x, x + y**2 + z**2*x], (x, y, z)) == ()
    assert real_zeros([x*y - 1, x**2*y], (x, y)) == ()
    assert real_zeros([(1 + x**2)*(1 + y**2), (1 + x**2)*(2 + y**4)], (x, y)) == ()
    assert real_zeros([-y**2 - y*z, y**2 + y*z - y + 2*z, 2*x*z + y**2 + z + 1], (x, y, z)) == ()


def test_zeros_at_infinity_in_space():
    """Leading forms x y, y z, z x have three common lines of zeros."""
    system = [x*y - 6, y*z - 12, z*x - 8]
    assert {p.rational for p in real_zeros(system, (x, y, z))} == {(2, 3, 4), (-2, -3, -4)}
    double = [x*y - 1, y*z - 1, z*x - 2*x + z]
    points = real_zeros(double, (x, y, z))
    # y = 1/x, z = x, and then x^2 - x = 0 with x != 0
    assert [p.rational for p in points] == [(1, 1, 1)]


def test_one_unknown_and_none():
    points = real_zeros([(x - 1)**2*(x + 2)*(x**2 + 1)], (x,))
    assert [(p.rational, p.multiplicity) for p in points] == [((-2,), 1), ((1,), 2)]
    (point,) = real_zeros([2*x + y - 1, x - y - sp.Rational(1, 2)], (x, y))
    assert point.rational == (Fraction(1, 2), 0)
    assert real_zeros([x - 1, x - 2], (x,)) == ()
    assert real_zeros([x*y - 1, x*y - 2], (x, y)) == ()


# Infinitely many zeros and limits ------------------------------------------------

def test_a_line_of_critical_points_is_named():
    tandem = [2*x + 2*y - 2, 2*x + 2*y - 2]
    with pytest.raises(NotZeroDimensional, match=r"x \+ y - 1") as caught:
        real_zeros(tandem, (x, y))
    assert sp.expand(caught.value.factor - (x + y - 1)) == 0
    assert positive_dimensional_part(tandem, (x, y), [(-1, 1), (-1, 1)]) == x + y - 1
    assert positive_dimensional_part(tandem, (x, y), [(-1, 0), (-1, 0)]) is None


@pytest.mark.parametrize("system", [
    [x*(x + z), x*(y - z), x*(y**2 + 1)], [x*y - z], [x**2 + y**2 + z**2 - 1, x - y], []])
def test_infinitely_many_zeros_in_space(system):
    with pytest.raises(NotZeroDimensional):
        real_zeros(system, (x, y, z))


def test_a_common_factor_without_real_zeros_is_divided_out():
    f = 1 + x**2 + y**4
    points = real_zeros([sp.expand(f*(x - y)), sp.expand(f*(x**2 - 2))], (x, y))
    assert [p.exact() for p in points] == [(-sp.sqrt(2),)*2, (sp.sqrt(2),)*2]


def test_positive_dimensional_part_needs_both_signs():
    sphere = x**2 + y**2 - 2
    assert positive_dimensional_part([x*sphere, (y - 3)*sphere], (x, y)) == sphere
    assert positive_dimensional_part([x*sphere, (y - 3)*sphere], (x, y),
                                     [(2, 3), (2, 3)]) is None
    point = x**2 + y**2
    assert positive_dimensional_part([x*point, y*point], (x, y)) is None
    assert positive_dimensional_part([x - 1], (x,)) is None
    assert positive_dimensional_part([x - 1, y], (x, y)) is None
    assert positive_dimensional_part([x - x, y - y], (x, y)) == 0
    five = sp.symbols("a:5", real=True)
    assert positive_dimensional_part([five[0] - five[4]], five) in (
        five[0] - five[4], five[4] - five[0])


def test_limits_are_stated_before_the_work(monkeypatch):
    with pytest.raises(TooLarge, match="bound is 144"):
        real_zeros([x**13 - y**13 - 1 + x*y, x**13 + y**12 + 3 + y**13*2], (x, y))
    with pytest.raises(TooLarge, match="exceeds 400"):
        real_zeros([x**401 - 2], (x,))
    with pytest.raises(TooLarge, match="bound is 40"):
        real_zeros([v**4 + x*y + y*z + z*x - 1 for v in (x, y, z)], (x, y, z))
    cubic = [x**3 + y*z - 1, y**3 + x*z - 2, z**3 - x*y + 1]
    for name, value, message in [("MAX_WORK", 1000, "cells"), ("MAX_COLUMNS", 20, "columns"),
                                 ("MAX_PRIMES", 1, "primes")]:
        with monkeypatch.context() as patch:
            patch.setattr(macaulay, name, value)
            with pytest.raises(TooLarge, match=message):
                real_zeros(cubic, (x, y, z))
    with monkeypatch.context() as patch:
        patch.setattr(macaulay, "MAX_MULTIPLE", 3)
        with pytest.raises(TooLarge, match="multiple"):
            real_zeros([x**2 + y*z, y**2 + 2*x*z, z**2 + 3*x*y], (x, y, z))
    monkeypatch.setattr(algebra, "_SLOPES", (0,))
    with pytest.raises(TooLarge, match="separating"):
        real_zeros([x**2 - 1, y**2 - 1 + x - x**2 - x + 1], (x, y))


@pytest.mark.parametrize("f", [sp.sin(x), sp.sqrt(2)*x, 1/x, x*w, sp.Poly(w*x, x)])
def test_what_is_no_rational_polynomial_is_refused(f):
    with pytest.raises(ValueError, match="not a polynomial with rational coefficients"):
        real_zeros([f], (x,))


# Points -------------------------------------------------------------------------

def quartic_points():
    """Intersections of two ellipses at +-1/2, known in closed form too."""
    return real_zeros([x**2 + y**2 - 3, x*y - 1], (x, y))


@few
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(-5, 5)),
                min_size=1, max_size=4))
def test_signs_agree_with_sixty_digits(terms):
    f = sp.Add(*(c * x**i * y**j for i, j, c in terms))
    for point in quartic_points():
        with mpmath.workdps(60):
            s = mpmath.mpf(5)**0.5
            # x + y = +-sqrt 5, x - y = +-1
            (lo, hi), (lo2, hi2) = point.enclosure(30)
            a = s if lo + lo2 > 0 else -s
            b = 1 if lo > hi2 else -1
            at = {x: (a + b)/2, y: (a - b)/2}
            value = sum((c * at[x]**i * at[y]**j for i, j, c in terms), mpmath.mpf(0))
            expected = 0 if abs(value) < mpmath.mpf(10)**-50 else int(mpmath.sign(value))
        assert point.sign(f) == expected
        assert point.sign_of(point.value(f)) == expected
        lo, hi = point.value(f).enclosure(80)
        assert hi - lo <= Fraction(1, 2**80)
        middle = mpmath.mpf(lo.numerator)/lo.denominator
        assert abs(middle - value) < mpmath.mpf(10)**-12


def test_exact_arithmetic_at_a_point():
    point = real_zeros([x**2 - 2, y**2 - 3], (x, y))[3]
    a, b = point.coordinates
    assert (a*a - 2).sign == 0 and point.sign_of(a*b*a*b - 6) == 0
    assert point.sign_of((a + b)**2 - 5 - 2*a*b) == 0
    assert point.sign_of(1 - a) == -1 and point.sign_of(Fraction(3, 2) - a) == 1
    assert point.sign_of(point.inverse(a - b) + a + b) == 0
    assert point.sign_of(point.value(1/(x - y) + x + y)) == 0
    assert point.sign_of(point.value(sp.Poly(x*y, x, y)) - point.value(a)*b) == 0
    assert point.sign_of(Fraction(-1, 3)) == -1 and point.sign(7) == 1
    assert point.sign_of(a**0 - 1) == 0 and point.sign_of(-a) == -1
    assert point.sign(1/x - y) == -1 and point.sign((x - y)**-2 * x) == 1
    determinant = a*(b*b*b) - b*(a*b*b)
    assert point.sign_of(determinant) == 0
    assert "1.41421356" in repr(a) and "1.73205" in repr(point)
    with pytest.raises(ZeroDivisionError):
        point.value(1/(x*y - y*x + x**2 - 2))
    with pytest.raises(ValueError, match="two different points"):
        a + real_zeros([x**2 - 2, y**2 - 3], (x, y))[0].coordinates[0]
    with pytest.raises(ValueError, match="another point"):
        real_zeros([x - 1], (x,))[0].sign_of(a)
    with pytest.raises(ValueError, match="not a rational function"):
        point.value(sp.sqrt(x))
    with pytest.raises(ValueError, match="exponent"):
        a**-1
    with pytest.raises(TypeError):
        a + 0.5
    with pytest.raises(TypeError):
        a * "1"
    with pytest.raises(TypeError):
        a - 0.5


def test_a_sign_that_needs_thousands_of_bits():
    point = real_zeros([x**2 - 2, y - x], (x, y))[1]
    near = Fraction(1)
    for _ in range(9):
        near = near/2 + 1/near
    difference = point.coordinates[0] - near
    # Newton's iterates from 3/2 on are above the root.
    assert point.sign_of(difference) == -1
    lo, hi = point.enclosure(2000)[0]
    assert lo**2 <= 2 <= hi**2 and hi - lo <= Fraction(1, 2**2000)


def test_a_reducible_modulus_is_split_on_the_way():
    """x^4 - 5 x^2 + 6 = (x^2 - 2)(x^2 - 3): one factor vanishes, one inverts."""
    points = real_zeros([x**4 - 5*x**2 + 6, y - x**2], (x, y))
    assert [p.sign(y - 2) for p in points] == [1, 0, 0, 1]
    for point in points:
        a, b = point.coordinates
        other = b - 2 if point.sign_of(b - 2) else b - 3
        assert point.sign_of(point.inverse(other) * other - 1) == 0
    fresh = real_zeros([x**4 - 5*x**2 + 6, y - x**2], (x, y))[0]
    assert fresh.sign_of(fresh.inverse(fresh.value(y - 2)) - 1) == 0
    assert fresh.degree == 2


def test_points_survive_pickling():
    point = real_zeros([x**3 - 2, y - x**2], (x, y))[0]
    again = pickle.loads(pickle.dumps(point))
    assert again.sign(x**2 - y) == 0 and again.exact() == point.exact()


def test_closed_forms_of_every_kind():
    (point,) = real_zeros([x**3 - 2, y - x**2 - 1], (x, y))
    assert point.exact() == (sp.CRootOf(x**3 - 2, 0), sp.CRootOf((x - 1)**3 - 4, 0))
    half = real_zeros([x**2 - x - 1, y**2 - 2, z - 3], (x, y, z))[3]
    golden = sp.Rational(1, 2) + sp.sqrt(5)/2
    assert half.exact() == (golden, sp.sqrt(2), 3)
    (long,) = real_zeros([x**9 - x - 3, y - x], (x, y))
    assert long.exact() == (None, None) and long.degree == 9


@few
@given(st.lists(st.integers(-30, 30), min_size=2, max_size=7))
def test_isolated_roots_agree_with_a_sturm_count(coefficients):
    assume(coefficients[0])
    poly = sp.Poly(coefficients, x)
    square_free = sp.Poly(sp.quo(poly, sp.gcd(poly, poly.diff(x))), x).primitive()[1]
    roots = univariate.real_roots(tuple(int(c) for c in square_free.all_coeffs()))
    assert len(roots) == poly.count_roots()
    for root in roots:
        lo, hi = (sp.Rational(e, 2**70) for e in root._cell(70))
        assert square_free.count_roots(lo, hi) == 1
        assert (root.rational() is not None) == (root.lo == root.hi)
    rational = {r.rational() for r in roots} - {None}
    assert rational == {Fraction(int(r.p), int(r.q)) for r in sp.roots(poly, filter="Q")}


# Reduction ----------------------------------------------------------------------

def test_exponential_factors_are_divided_out():
    f = sp.exp(-x**2 - y**2/3)*(x**3 - 3*x + y)
    reduced = reduce_system([f.diff(x), f.diff(y)], (x, y))
    for given_, left in zip([f.diff(x), f.diff(y)], reduced.expressions):
        ratio = sp.simplify(given_/left)
        assert ratio.is_positive or (-ratio).is_positive
    assert [p.as_expr() for p in reduced.polynomials] == list(reduced.expressions)
    assert reduced.conditions == () and reduced.dropped


@pytest.mark.parametrize("given_, expected, conditions", [
    (x/(1 + x**2), x, ()),
    ((x - 1)/(x*(2 + y**2)), x - 1, (x,)),
    (y/(1 + sp.exp(x)) - 1/(1 + sp.exp(x)), y - 1, ()),
    (sp.exp(x) - sp.exp(2*x), 1 - sp.exp(x), ()),
    (1/x + 1/y, x + y, (x, y)),
    (1/(1 + 1/x), x, (x, x + 1)),
    (x*sp.cosh(y), x, ()),
    (x/sp.cosh(y) + 1/sp.cosh(y), x + 1, ()),
    (sp.pi*x - sp.pi, x - 1, ()),
    ((x + y)*sp.exp(x)**2/sp.exp(y), x + y, ()),
    (x/(x**2 - x + 1), x, ()),
    (x - x*sp.exp(y)/sp.exp(y), 0, ()),
    (x**2/sp.sqrt(1 + x**2), x**2, ()),
])
def test_what_is_left_has_the_same_zeros(given_, expected, conditions):
    reduced = reduce_system([given_], (x, y))
    assert sp.expand(reduced.expressions[0] - expected) == 0
    assert set(reduced.conditions) == set(conditions)


@pytest.mark.parametrize("kept", [
    x**2 - y, x*sp.sin(y), sp.log(x)*(y - 1), x + sp.sqrt(y), sp.exp(1/x)*y,
    sp.exp(sp.log(x)*y)*y, x*w, 2**y + x, x*sp.tan(y), sp.exp(x) + y, x**sp.Rational(3, 2) - y])
def test_what_may_vanish_or_restricts_the_domain_stays(kept):
    reduced = reduce_system([kept], (x, y))
    assert reduced.expressions == (kept,) and reduced.dropped == ()
    assert (reduced.polynomials is None) == (kept != x**2 - y)


def test_cancelled_logarithms_are_put_back():
    f = (sp.log(x) + 1)**2 - sp.log(x)**2 - 2*sp.log(x) - y
    reduced = reduce_system([f], (x, y))
    assert reduced.expressions == (f,) and reduced.polynomials is None


@pytest.mark.parametrize("large", [
    (x + y + z + w + 1)**100, sp.prod([(v + k + x*y)**9 for v in V for k in range(5)]),
    (1 + x**7 + y**5 + z**3)**12*(1 + x + y + z + w)**12, x**20000 + sp.Float(0.1)])
def test_large_expansions_are_given_up(large):
    reduced = reduce_system([large*sp.exp(-x)], V)
    assert reduced.expressions == (large,) and reduced.polynomials is None
    assert reduced.dropped == ("exp(-x)",)


def test_numbers_are_exact_and_text_is_refused():
    assert reduce_system([0], (x,)).polynomials[0].is_zero
    assert reduce_system([Fraction(1, 2)], (x,)).expressions == (sp.Rational(1, 2),)
    with pytest.raises(ValueError):
        reduce_system(["x"], (x,))


@pytest.mark.parametrize("expression, sign", [
    (1 + x**2, 1), (-1 - x**4*sp.exp(y), -1), (sp.exp(x) + sp.cosh(y), 1), (x**2, 0), (x, 0),
    (x**2 - x + 1, 1), (-x**2 + x - 1, -1), (x**2 - x - 1, 0), (sp.sqrt(1 + x**2), 1),
    (sp.tanh(1 + x**2), 1), (sp.sqrt(x), 0), (1/sp.sqrt(x), 1), (x**-2, 1), (x**-3, 0),
    (sp.pi - 3, 0), (sp.pi*sp.E, 1), (sp.Integer(0), 0), (sp.sin(x), 0), (x**y, 0),
    ((1 + x**2)**y, 1), (-3*sp.erfc(x), -1), (sp.oo, 0), (x**2 + y**2 - x + 5, 0)])
def test_definite_signs(expression, sign):
    assert definite_sign(expression) == sign


# Exact tests at points ----------------------------------------------------------

@pytest.mark.parametrize("expression, point, expected", [
    (sp.sin(x), {x: sp.pi}, True), (sp.cos(x) + y, {x: sp.pi/3, y: -sp.Rational(1, 2)}, True),
    (sp.exp(x) - 1, {x: sp.S.Zero}, True), (x*sp.exp(y) - 1, {x: sp.S.One, y: sp.S.One}, False),
    ((sp.sin(x) + 1)**2 - sp.sin(x)**2 - 2*sp.sin(x) - 1, {x: sp.S.One}, True),
    (sp.sin(x)**2 + sp.cos(x)**2 - 1, {x: sp.S.One}, None),
    (x**2 - 2, {x: sp.sqrt(2)}, True), (x - sp.Rational(7, 5), {x: sp.sqrt(2)}, False),
    (sp.log(x) - 1, {x: sp.S.Zero}, None), (1/x, {x: sp.S.Zero}, None),
    (sp.log(x), {x: sp.Rational(3, 2)}, False), (sp.gamma(x) - 7, {x: sp.Rational(1, 3)}, None),
    (sp.sinh(x) + sp.cosh(x) - sp.tanh(x), {x: sp.S.One}, False),
    (1/(sp.sin(x) + 2) - 1/(2 + sp.sin(x)*1) + x - 1, {x: sp.S.One}, True),
    (sp.sqrt(x - 3), {x: sp.S.One}, None), (x + w, {x: sp.S.One}, None),
    (sp.E**2 - x, {x: sp.Integer(7)}, False), (sp.pi - x, {x: sp.Rational(22, 7)}, False),
    ((sp.sin(x) - sp.sin(1))**-1, {x: sp.S.One}, None), (2**sp.sin(x), {x: sp.S.One}, False),
    (sp.Integer(2), {}, False), (sp.log(sp.sin(x) - 3), {x: sp.S.One}, None),
    ((sp.sin(x) - sp.sin(sp.Rational(1, 2))*0 - sp.Rational(1, 2))**-3, {x: sp.S.One}, False)])
def test_is_exact_zero(expression, point, expected):
    assert is_exact_zero(expression, point) is expected


@few
@given(st.fractions(-3, 3, max_denominator=200), st.integers(3, 60))
def test_the_simplest_rational_is_the_one_that_a_search_finds(low, inverse_width):
    high = low + Fraction(1, inverse_width)
    q = next(q for q in range(1, 1000) if (low*q).__ceil__() <= high*q)
    (found, *rest) = nearest_exact(low, high)
    assert low <= Fraction(int(found.p), int(found.q)) <= high and found.q == q
    assert all(sp.Rational(low.numerator, low.denominator) < r
               < sp.Rational(high.numerator, high.denominator) for r in rest)


def test_multiples_of_pi_are_candidates():
    for turns in (sp.Rational(1, 2), sp.Rational(-3, 7), sp.Integer(2)):
        centre = Fraction(int(sp.floor(turns*sp.pi*10**20)), 10**20)
        width = Fraction(1, 10**15)
        assert nearest_exact(centre - width, centre + width)[-1] == turns*sp.pi
    assert nearest_exact(Fraction(1, 3), Fraction(1, 3)) == (sp.Rational(1, 3),)
    with pytest.raises(ValueError, match="empty"):
        nearest_exact(Fraction(1), Fraction(0))
