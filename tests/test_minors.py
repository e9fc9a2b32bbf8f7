"""Determinants and their kin against SymPy and against interval members."""

from __future__ import annotations

import random
from fractions import Fraction

import mpmath
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from gameanalysis.errors import ShapeError
from gameanalysis.exact.minors import (adjugate, characteristic_polynomial, determinant,
                                       determinant_sign, exact_sign, interval_inverse,
                                       interval_sign, scaled_schur_complement)

iv = mpmath.iv
quick = settings(deadline=None, max_examples=30)
entries = st.builds(Fraction, st.integers(-9, 9), st.sampled_from([1, 2, 3, 7]))


def squares(low, high):
    """Square matrices of rationals."""
    return st.integers(low, high).flatmap(lambda n: st.lists(
        st.lists(entries, min_size=n, max_size=n), min_size=n, max_size=n))


def as_sympy(rows):
    return sp.Matrix(len(rows), len(rows), [
        sp.Rational(x.numerator, x.denominator) for row in rows for x in row])


@quick
@given(squares(0, 6))
def test_determinant_and_characteristic_polynomial_as_in_sympy(rows):
    matrix = as_sympy(rows)
    assert determinant(rows) == matrix.det()
    assert determinant_sign(rows) == sp.sign(matrix.det())
    expected = matrix.charpoly().all_coeffs()[::-1] if rows else [1]
    assert characteristic_polynomial(rows) == expected


@settings(deadline=None, max_examples=6)
@given(squares(7, 9))
def test_berkowitz_as_in_sympy(rows):
    matrix = as_sympy(rows)
    assert determinant(rows) == matrix.det(method="bareiss")
    assert characteristic_polynomial(rows) == matrix.charpoly().all_coeffs()[::-1]


@quick
@given(squares(0, 5))
def test_adjugate_solves_its_defining_equation(rows):
    product = as_sympy(rows) * as_sympy(adjugate(rows))
    assert product == as_sympy(rows).det() * sp.eye(len(rows))


def test_adjugate_of_a_matrix_of_rank_n_minus_one():
    assert adjugate([[1, 2], [2, 4]]) == [[4, -2], [-2, 1]]
    assert adjugate([[5]]) == [[1]]


@quick
@given(squares(1, 5), st.integers(0, 5))
def test_scaled_schur_complement_is_d_times_a_minus_b_adj_c(rows, n1):
    n1 = min(n1, len(rows))
    matrix = as_sympy(rows)
    a, b, c, d = matrix[:n1, :n1], matrix[:n1, n1:], matrix[n1:, :n1], matrix[n1:, n1:]
    scaled, det = scaled_schur_complement(rows, n1)
    assert det == d.det()
    assert sp.Matrix(n1, n1, [x for row in scaled for x in row]) == (
        d.det() * a - b * d.adjugate() * c)


@pytest.mark.parametrize("n1", [-1, 3])
def test_a_block_must_fit(n1):
    with pytest.raises(ValueError, match="2 x 2"):
        scaled_schur_complement([[1, 2], [3, 4]], n1)


@quick
@given(st.lists(st.lists(st.tuples(st.integers(-5, 5), st.integers(0, 3)),
                         min_size=4, max_size=4), min_size=4, max_size=4),
       st.lists(st.integers(0, 4), min_size=16, max_size=16), st.integers(0, 3))
def test_enclosures_hold_every_member(box, quarters, n1):
    where = iter(quarters)
    member = sp.Matrix([[a + sp.Rational(w * next(where), 4) for a, w in row] for row in box])
    rows = [[iv.mpf([a, a + w]) for a, w in row] for row in box]

    def inside(value, enclosure):
        return float(iv.mpf(enclosure).a) <= float(value) <= float(iv.mpf(enclosure).b)
    assert inside(member.det(), determinant(rows))
    assert all(map(inside, member.charpoly().all_coeffs()[::-1],
                   characteristic_polynomial(rows)))
    assert all(map(inside, member.adjugate(), sum(adjugate(rows), [])))
    schur, det = scaled_schur_complement(rows, n1)
    assert inside(member[n1:, n1:].det(), det)
    d = member[n1:, n1:]
    expected = d.det() * member[:n1, :n1] - member[:n1, n1:] * d.adjugate() * member[n1:, :n1]
    assert all(map(inside, expected, sum(schur, [])))


def test_two_by_two_enclosures_are_the_exact_ranges():
    a, b = iv.mpf([1, 2]), iv.mpf([-1, 3])
    assert determinant([[a, b], [1, a]]) == iv.mpf([-2, 5])
    assert characteristic_polynomial([[a, b], [1, a]])[1] == iv.mpf([-4, -2])


def test_fraction_beside_an_interval_becomes_one_that_holds_it():
    value = determinant([[Fraction(1, 3), iv.mpf(0)], [5, 3]])
    assert value.a < 1 < value.b or value == 1


@pytest.mark.parametrize("value, sign", [
    (3, 1), (0, 0), (Fraction(-1, 7), -1), (sp.Rational(-2, 3), -1), (sp.Integer(0), 0)])
def test_signs_of_rationals(value, sign):
    assert exact_sign(value) == interval_sign(value) == sign


@pytest.mark.parametrize("ends, sign", [
    ([1, 2], 1), ([-2, -1], -1), ([0, 0], 0), ([0, 1], None), ([-1, 0], None),
    ([-1, 1], None), ([1, "inf"], 1), (["-inf", -1], -1), (["-inf", "inf"], None)])
def test_signs_of_intervals(ends, sign):
    assert interval_sign(iv.mpf(ends)) == sign


def test_not_a_number_has_no_sign_even_times_zero():
    assert interval_sign(iv.mpf("nan")) is None
    # mpmath itself multiplies NaN by zero to zero.
    assert determinant_sign([[iv.mpf("nan"), 1], [1, iv.mpf(0)]], interval_sign) in (None, -1)
    assert determinant_sign([[iv.mpf("nan"), 0], [0, iv.mpf(0)]], interval_sign) is None


@pytest.mark.parametrize("value", [0.5, mpmath.mpf(1), sp.sqrt(2), sp.Float(1), "1"])
def test_inexact_numbers_have_no_exact_sign(value):
    with pytest.raises(TypeError, match="not an exact rational"):
        exact_sign(value)
    with pytest.raises(TypeError):
        interval_sign(value)


def test_shapes_and_floats_are_refused():
    with pytest.raises(ShapeError, match="2 rows has 3"):
        determinant([[1, 2], [1, 2, 3]])
    with pytest.raises(TypeError, match="rounded"):
        determinant([[0.5]])
    assert determinant(sp.Matrix([[sp.Rational(1, 2)]])) == Fraction(1, 2)


def test_large_interval_matrices_are_inverted():
    generator = random.Random(5)
    for n in (7, 9):
        exact = sp.Matrix(n, n, lambda i, j: generator.choice([0, 0, 1, -2, 3]) + 4*(i == j))
        rows = [[int(e) if e in (0, 1) else int(e) + iv.mpf(["-1e-12", "1e-12"])
                 for e in exact.row(i)] for i in range(n)]
        det, inverse = determinant(rows), interval_inverse(rows)
        assert int(exact.det()) in det and det.delta < 1e-3
        for found, wanted in zip(sum(inverse, []), exact.inv()):
            assert iv.mpf(int(wanted.p))/int(wanted.q) in iv.mpf(found)
    rows[3] = [x - x for x in rows[3]]          # a row that may be zero
    assert interval_inverse(rows) is None and 0 in determinant(rows)
