"""Schur stability: against spectra in floats, on the circle exactly, and on boxes."""

from fractions import Fraction as F

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import iv

from gameanalysis.errors import ShapeError
from gameanalysis.exact.discs import is_schur_stable, schur_conditions, schur_verdict
from gameanalysis.exact.minors import exact_sign, interval_sign
from gameanalysis.truth import Truth

YES, NO, UNDECIDED = Truth.YES, Truth.NO, Truth.UNDECIDED

rationals = st.fractions(min_value=-2, max_value=2, max_denominator=6)


def matrices(largest):
    return st.integers(1, largest).flatmap(lambda n: st.lists(
        st.lists(rationals, min_size=n, max_size=n), min_size=n, max_size=n))


def modulus(rows):
    return float(np.abs(np.linalg.eigvals(np.array(rows, dtype=float))).max())


def by_conditions(rows):
    n = len(rows)
    a, b = ([[(F(i == j) + sign * x) for j, x in enumerate(row)] for i, row in enumerate(rows)]
            for sign in (-1, 1))
    return schur_verdict(schur_conditions(a, b), exact_sign) if n else YES


@given(matrices(9), st.fractions(min_value=F(1, 5), max_value=4, max_denominator=20))
@settings(deadline=None, max_examples=120)
def test_away_from_the_circle_the_spectrum_decides(rows, radius):
    rho = modulus(rows)
    answer = is_schur_stable(rows, radius)
    assert answer in (YES, NO)
    if abs(rho - radius) > 1e-3:            # floats of defective matrices are that far off
        assert (answer is YES) == (rho < radius), (rho, radius)


@given(matrices(6))
@settings(deadline=None, max_examples=60)
def test_the_conditions_say_the_same_as_the_matrix(rows):
    assert by_conditions(rows) is is_schur_stable(rows)


@given(matrices(5), st.fractions(min_value=F(1, 5), max_value=3, max_denominator=9),
       st.fractions(min_value=F(1, 9), max_value=9, max_denominator=9))
@settings(deadline=None, max_examples=60)
def test_scaling_the_matrix_scales_the_radius(rows, radius, factor):
    scaled = [[factor * x for x in row] for row in rows]
    assert is_schur_stable(scaled, factor * radius) is is_schur_stable(rows, radius)


def companion(*coefficients):
    """The companion matrix of s^n + c_(n-1) s^(n-1) + ... + c_0, given from c_0 on."""
    n = len(coefficients)
    return [[F(j == i + 1) if i < n - 1 else F(-coefficients[j]) for j in range(n)]
            for i in range(n)]


def conjugated(rows, seed=0):
    """Similar to ``rows``: P M P^-1 with P integral of determinant 1."""
    rng, n = np.random.default_rng(seed), len(rows)
    lower, upper = (sp.Matrix(n, n, lambda i, j: 1 if i == j else (
        int(rng.integers(-2, 3)) if (i > j) == down else 0)) for down in (True, False))
    p = lower * upper
    out = p * sp.Matrix(n, n, lambda i, j: sp.Rational(rows[i][j].numerator,
                                                       rows[i][j].denominator)) * p.inv()
    return [[F(int(x.p), int(x.q)) for x in out.row(i)] for i in range(n)]


ON_THE_CIRCLE = {
    "one": companion(-1), "minus one": companion(1), "rotation by a quarter": companion(1, 0),
    "rotation by 3/5, 4/5": [[F(3, 5), F(-4, 5)], [F(4, 5), F(3, 5)]],
    "sixth roots of unity": companion(-1, 0, 0, 0, 0, 0),
    "fifth roots of unity but 1": companion(1, 1, 1, 1),
    "irrational angle": companion(1, F(-1, 3)), "both 1 and -1": companion(-1, 0),
    "defective at 1": [[F(1), F(1)], [F(0), F(1)]],
    "defective at -1, size 3": [[F(-1), F(1), F(0)], [F(0), F(-1), F(1)], [F(0), F(0), F(-1)]],
    "defective on the circle": companion(1, 0, 2, 0),
    "reciprocal pair 2, 1/2": companion(1, F(-5, 2)),
    "reciprocal pair -3, -1/3": companion(1, F(10, 3)),
}


@pytest.mark.parametrize("name", ON_THE_CIRCLE)
def test_an_eigenvalue_on_the_circle_is_not_inside(name):
    for rows in (ON_THE_CIRCLE[name], conjugated(ON_THE_CIRCLE[name])):
        reaches = modulus(rows) > 1.5
        assert is_schur_stable(rows) is NO and by_conditions(rows) is NO
        assert is_schur_stable(rows, F(10**12 - 1, 10**12)) is NO
        if not reaches:
            assert is_schur_stable(rows, F(10**12 + 1, 10**12)) is YES
        shrunk = [[x * F(10**9 - 1, 10**9) for x in row] for row in rows]
        assert is_schur_stable(shrunk) is (NO if reaches else YES)


@pytest.mark.parametrize("n", [2, 5, 8, 9, 11])
def test_beside_the_circle_in_every_size(n):
    # s^n = c has all its roots at modulus c^(1/n).
    for c, expected in ((F(999, 1000), YES), (F(1), NO), (F(1001, 1000), NO)):
        for sign in (-1, 1):
            assert is_schur_stable(companion(sign * c, *[0] * (n - 1))) is expected
    assert is_schur_stable(companion(*[0] * n)) is YES          # nilpotent
    assert is_schur_stable(companion(*[0] * n), F(1, 10**9)) is YES


def box(rows, width):
    return [[iv.mpf([mpmath.mpf(x.numerator) / x.denominator - width,
                     mpmath.mpf(x.numerator) / x.denominator + width]) for x in row]
            for row in rows]


@given(matrices(4), st.sampled_from([1e-12, 1e-4, 1e-2, 0.2]), st.randoms(use_true_random=False),
       st.sampled_from([F(1), F(1, 2), F(3)]))
@settings(deadline=None, max_examples=80)
def test_a_box_never_contradicts_its_members(rows, width, random, radius):
    answer = is_schur_stable(box(rows, width), radius, interval_sign)
    rho = modulus(rows)
    if width == 1e-12 and abs(rho - radius) > 1e-2:
        assert answer is not UNDECIDED          # thin boxes away from the circle are decided
    if answer is UNDECIDED:
        return
    for _ in range(5):
        member = [[x + F(random.randint(-1000, 1000), 1000) * F(width) for x in row]
                  for row in rows]
        assert is_schur_stable(member, radius) is answer


def test_boxes_round_the_circle_stay_open():
    for rows in ON_THE_CIRCLE.values():
        if modulus(rows) < 1.5:
            assert is_schur_stable(box(rows, 1e-9), 1, interval_sign) is UNDECIDED


def test_a_box_with_unknown_determinant_may_still_be_refuted():
    # Eigenvalues 3 and 1 +- 1e-6: det(I - M) has no known sign, the trace refutes.
    wide = [[iv.mpf(3), iv.mpf(0)], [iv.mpf(0), iv.mpf([1 - 1e-6, 1 + 1e-6])]]
    assert is_schur_stable(wide, 1, interval_sign) is NO


def test_a_box_whose_signs_are_all_open_is_decided_by_a_member():
    # Eigenvalues l = (w + 1)/(w - 1) for w^4 = -1: two inside, two outside; p(w) is w^4 + 1.
    w = sp.Matrix(4, 4, lambda i, j: int(j == i + 1) - int((i, j) == (3, 0)))
    m = (w + sp.eye(4)) * (w - sp.eye(4)).inv()
    rows = [[F(int(v.p), int(v.q)) for v in m.row(i)] for i in range(4)]
    assert is_schur_stable(rows) is NO
    assert is_schur_stable(box(rows, 1e-9), 1, interval_sign) is NO


def test_small_and_wrong_matrices():
    assert is_schur_stable([]) is YES
    assert is_schur_stable([[F(1, 2)]]) is YES and is_schur_stable([[F(-3, 2)]]) is NO
    assert is_schur_stable(sp.Matrix([[sp.Rational(1, 2), 5], [0, 0]])) is YES
    for radius in (0, -1, F(-1, 3)):
        with pytest.raises(ValueError, match="radius of a disc must be positive"):
            is_schur_stable([[0]], radius)
    with pytest.raises(ShapeError):
        is_schur_stable([[0, 1]])
    with pytest.raises(TypeError, match="rounded"):
        is_schur_stable([[0.5]])
