"""Verdicts about spectra against matrices whose spectrum is known by construction.

The oracles: similarity P B P^-1 and congruence P D P^T with P a product of
integer shears (so both stay exact and spectrum or inertia is that of the
blocks), SymPy's root counting, and NumPy's eigenvalues of sampled members.
"""

from __future__ import annotations

import random
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from gameanalysis.errors import ShapeError
from gameanalysis.exact import definiteness
from gameanalysis.exact.definiteness import (inertia, is_hyperbolic, is_positive_definite,
                                             is_singular, is_stable, n_real_eigenvalues,
                                             spectrum_inertia)
from gameanalysis.exact.minors import characteristic_polynomial, determinant_sign, interval_sign
from gameanalysis.truth import Truth

iv = mpmath.iv
YES, NO, UNDECIDED = Truth.YES, Truth.NO, Truth.UNDECIDED
quick = settings(deadline=None, max_examples=40)


class Root2:
    """a + b sqrt(2) with rational a, b: +, -, * and int, and nothing else."""

    def __init__(self, a, b=0):
        self.a, self.b = Fraction(a), Fraction(b)

    def __add__(self, other):
        other = other if isinstance(other, Root2) else Root2(other)
        return Root2(self.a + other.a, self.b + other.b)

    def __mul__(self, other):
        other = other if isinstance(other, Root2) else Root2(other)
        return Root2(self.a * other.a + 2 * self.b * other.b,
                     self.a * other.b + self.b * other.a)

    def __neg__(self):
        return Root2(-self.a, -self.b)

    def __sub__(self, other):
        return self + -(other if isinstance(other, Root2) else Root2(other))

    __radd__, __rmul__ = __add__, __mul__

    def __rsub__(self, other):
        return -self + other

    @staticmethod
    def sign(x):
        """The sign by comparing squares."""
        sa, sb = ((y > 0) - (y < 0) for y in (x.a, x.b))
        if sa * sb >= 0:
            return sa or sb
        return sa if x.a**2 > 2 * x.b**2 else sb


def block_sum(blocks):
    """The block diagonal matrix of square blocks."""
    n = sum(map(len, blocks))
    rows = [[0] * n for _ in range(n)]
    at = 0
    for block in blocks:
        for i, row in enumerate(block):
            rows[at + i][at:at + len(row)] = row
        at += len(block)
    return rows


def similar(rows, shears):
    """P M P^-1 for P a product of shears row_i += c row_j (i != j)."""
    rows = [list(row) for row in rows]
    n = len(rows)
    for i, j, c in shears if n > 1 else ():
        i, j = i % n, j % n
        if i != j:
            rows[i] = [x + y * c for x, y in zip(rows[i], rows[j])]
            for row in rows:
                row[j] = row[j] - row[i] * c
    return rows


def congruent(rows, shears):
    """P M P^T for the same P."""
    rows = [list(row) for row in rows]
    n = len(rows)
    for i, j, c in shears if n > 1 else ():
        i, j = i % n, j % n
        if i != j:
            rows[i] = [x + y * c for x, y in zip(rows[i], rows[j])]
            for row in rows:
                row[i] = row[i] + row[j] * c
    return rows


def pair(a, b, chained=False):
    """A block with eigenvalues a +- bi, or a Jordan chain of length two of them."""
    block = [[a, b], [-b, a]]
    if not chained:
        return block
    rows = block_sum([block, block])
    rows[0][2] = rows[1][3] = 1
    return rows


def jordan(a, size):
    """A Jordan block."""
    return [[a if i == j else int(j == i + 1) for j in range(size)] for i in range(size)]


def counts(blocks):
    """(n_right, n_left, n_axis) of the blocks, whose (0, 0) entry is the real part."""
    reals = [float(block[0][0]) for block in blocks for _ in block]
    return (sum(x > 0 for x in reals), sum(x < 0 for x in reals), sum(x == 0 for x in reals))


def thin(rows, radius=Fraction(1, 10**9)):
    """A box of that radius about the matrix."""
    def interval(x):
        ends = [x - radius, x + radius]
        return iv.mpf([(iv.mpf(e.numerator) / e.denominator).a if k == 0 else
                       (iv.mpf(e.numerator) / e.denominator).b for k, e in enumerate(ends)])
    return [[interval(Fraction(x)) for x in row] for row in rows]


def check(rows, blocks, **options):
    """All verdicts on a matrix of that spectrum."""
    expected = counts(blocks)
    assert spectrum_inertia(rows, **options) == expected
    assert is_stable(rows, **options) is Truth.of(expected[1:] == (0, 0))
    assert is_hyperbolic(rows, **options) is Truth.of(expected[2] == 0)
    zeros = sum(len(b) for b in blocks if float(b[0][0]) == 0 and (
        len(b) == 1 or float(b[1][0]) == 0))
    assert is_singular(rows, **options) is Truth.of(zeros > 0)


small = st.integers(-2, 2)
shears = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.sampled_from([-1, 1, 2])),
                  max_size=8)
rationals = st.sampled_from([Fraction(k, d) for k in range(-3, 4) for d in (1, 2, 5)])
block = st.one_of(
    st.builds(jordan, rationals, st.integers(1, 2)),
    st.builds(pair, rationals, st.integers(1, 3)),
    st.builds(pair, rationals, st.integers(1, 2), st.booleans()))


@st.composite
def spectra(draw):
    """Blocks of at most six rows, pairs (s, -s) and zeros among them."""
    blocks = draw(st.lists(block, min_size=1, max_size=3))
    if draw(st.booleans()):
        blocks.append([[-x for x in row] for row in blocks[0]])
    while sum(map(len, blocks)) > 6:
        blocks.pop()
    return blocks


#: Spectra that break a textbook criterion, by the cause.
HARD = {
    "1 x 1 positive": [[[3]]],
    "1 x 1 zero": [[[0]]],
    "1 x 1 negative": [[[-3]]],
    "double zero, two eigenvectors": [[[0]], [[0]], [[1]]],
    "Jordan block at zero": [jordan(0, 2), [[1]]],
    "long Jordan block at zero": [jordan(0, 4)],
    "centre": [pair(0, 2)],
    "centre beside a stable part": [pair(0, 2), [[1]], pair(1, 1)],
    "centre beside a saddle": [pair(0, 1), [[1]], [[-1]]],
    "double centre": [pair(0, 1), pair(0, 1)],
    "chained double centre": [pair(0, 1, True), [[2]]],
    "two centres": [pair(0, 1), pair(0, 2)],
    "pair (s, -s)": [[[2]], [[-2]]],
    "pair (s, -s) beside a stable part": [[[2]], [[-2]], [[1]]],
    "complex quadruple (s, -s)": [pair(1, 2), pair(-1, 2)],
    "double pairs (s, -s)": [[[1]], [[1]], [[-1]], [[-1]]],
    "pair (s, -s), centre and zero": [[[1]], [[-1]], pair(0, 3), [[0]]],
    "singular Routh array: a zero leads a row": [pair(-1, 3), [[1]], [[1]], [[2]]],
    "trace zero": [[[2]], [[-1]], [[-1]]],
    "stable, far from normal": [jordan(1, 5)],
    "slow and fast": [[[Fraction(1, 1000)]], [[1000]], pair(Fraction(1, 100), 50)],
    "just unstable": [pair(Fraction(-1, 10**6), 1), [[1]], [[2]]],
}
MIXING = [(0, 1, 1), (2, 0, -1), (1, 3, 2), (4, 2, 1), (3, 0, 1), (1, 2, 1), (5, 4, -1)]


@pytest.mark.parametrize("cause", HARD)
def test_hard_spectra_are_decided_exactly(cause):
    blocks = HARD[cause]
    check(similar(block_sum(blocks), MIXING), blocks)
    check(sp.Matrix(similar(block_sum(blocks), MIXING[::-1])), blocks)


@pytest.mark.parametrize("cause", HARD)
def test_hard_spectra_in_thin_boxes_are_decided_where_they_are_robust(cause):
    blocks = HARD[cause]
    rows = thin(similar(block_sum(blocks), MIXING))
    expected = counts(blocks)
    if expected[2]:
        assert spectrum_inertia(rows, interval_sign) is None
        assert is_hyperbolic(rows, interval_sign) is UNDECIDED
        verdict = is_stable(rows, interval_sign)
        assert verdict in (NO, UNDECIDED) if expected[1] else verdict is UNDECIDED
    else:
        check(rows, blocks, sign=interval_sign)


@quick
@given(spectra(), shears)
def test_every_prescribed_spectrum_is_counted_exactly(blocks, moves):
    rows = similar(block_sum(blocks), moves)
    check(rows, blocks)
    n_real = sum(len(b) for b in blocks if len(b) == 1 or b[1][0] == 0)
    assert n_real_eigenvalues(rows) == n_real


@quick
@given(st.lists(st.one_of(
    st.builds(lambda a, b: [[Root2(a, b)]], small, small),
    st.builds(lambda a, b, c: pair(Root2(a, b), Root2(c, 1)), small, small, small)),
    min_size=1, max_size=3), shears)
def test_entries_with_roots_are_decided_exactly(blocks, moves):
    zero = Root2(0)
    rows = [[x + zero for x in row] for row in block_sum(blocks)]
    approximate = [[[float(x.a) + float(x.b) * 2**.5 for x in row] for row in b] for b in blocks]
    check(similar(rows, moves), approximate, sign=Root2.sign)


@quick
@given(st.lists(st.integers(-9, 9), min_size=16, max_size=16), st.integers(1, 4))
def test_real_eigenvalues_as_sympy_isolates_them(entries, n):
    matrix = sp.Matrix(4, 4, entries)[:n, :n]
    _, factors = matrix.charpoly().as_expr().as_poly().sqf_list()
    assert n_real_eigenvalues(matrix) == sum(k * f.count_roots() for f, k in factors)


@pytest.mark.parametrize("n", [7, 12])
def test_large_matrices_take_the_other_road_to_the_same_answer(n):
    blocks = [jordan(Fraction(1, 2), n - 6), pair(1, 3), pair(0, 1), pair(-1, 1)]
    check(similar(block_sum(blocks), MIXING + [(n - 1, 0, 1), (3, n - 2, 1)]), blocks)
    check(similar(block_sum(blocks[:2]), MIXING), blocks[:2])
    diagonal = block_sum([[[k + 1]] for k in range(n)])
    assert is_positive_definite(congruent(diagonal, MIXING)) is YES
    diagonal[n - 2][n - 2] = -1
    assert inertia(congruent(diagonal, MIXING)) == (n - 1, 1, 0)


def test_empty_matrix_is_definite_stable_and_hyperbolic():
    assert is_positive_definite([]) is is_stable([]) is is_hyperbolic([]) is YES
    assert is_singular(sp.zeros(0, 0)) is NO
    assert inertia([]) == spectrum_inertia([]) == (0, 0, 0)
    assert n_real_eigenvalues([]) == 0


# Symmetric matrices

def expected_definite(diagonal):
    return (sum(x > 0 for x in diagonal), sum(x < 0 for x in diagonal),
            sum(x == 0 for x in diagonal))


@quick
@given(st.lists(rationals, min_size=1, max_size=6), shears)
def test_inertia_is_that_of_a_congruent_diagonal(diagonal, moves):
    rows = congruent(block_sum([[[x]] for x in diagonal]), moves)
    expected = expected_definite(diagonal)
    assert inertia(rows) == spectrum_inertia(rows) == expected
    assert is_positive_definite(rows) is Truth.of(expected[0] == len(diagonal))
    assert n_real_eigenvalues(rows) == len(diagonal)
    box = thin(rows)
    if 0 in diagonal:
        assert inertia(box, interval_sign) is None
        verdict = is_positive_definite(box, interval_sign)
        assert verdict in (NO, UNDECIDED) if expected[1] else verdict is UNDECIDED
    else:
        assert inertia(box, interval_sign) == expected
        assert is_positive_definite(box, interval_sign) is Truth.of(
            expected[0] == len(diagonal))


@quick
@given(st.lists(small, min_size=10, max_size=10), st.integers(1, 4))
def test_definiteness_as_sympy_has_it(entries, n):
    numbers = iter(entries)
    matrix = sp.zeros(4, 4)
    for i in range(4):
        for j in range(i, 4):
            matrix[i, j] = matrix[j, i] = next(numbers)
    matrix = matrix[:n, :n] + sp.eye(n)
    assert is_positive_definite(matrix) is Truth.of(bool(matrix.is_positive_definite))


@pytest.mark.parametrize("diagonal, answer", [
    ([0], NO), ([1, 0], NO), ([1, 1, 0], NO), ([0, 0], NO), ([1, 2, 3], YES), ([-1, -1], NO)])
def test_semidefinite_is_not_definite(diagonal, answer):
    rows = congruent(block_sum([[[x]] for x in diagonal]), MIXING)
    assert is_positive_definite(rows) is answer


def test_zero_leading_minors_do_not_hide_a_negative_eigenvalue():
    # Leading minors 1, 0, -4; and 1, 0, 0, 1 with two negative eigenvalues.
    first = [[1, 1, 0], [1, 1, 2], [0, 2, 5]]
    second = [[1, 1, 0, 0], [1, 1, 0, 1], [0, 0, 1, 1], [0, 1, 1, 0]]
    for rows in (first, second):
        eigenvalues = np.linalg.eigvalsh(np.array(rows, float))
        expected = (int((eigenvalues > 0).sum()), int((eigenvalues < 0).sum()), 0)
        for answer in (inertia(rows), inertia(thin(rows), interval_sign)):
            assert answer == expected
        assert is_positive_definite(rows) is NO
        assert is_positive_definite(thin(rows), interval_sign) is NO


def test_a_member_speaks_for_a_box_without_singular_matrices():
    # Two copies of [[x, 9], [9, y]] with x y < 81, interleaved: the determinant
    # is positive, and no other minor sum or leading minor has a known sign.
    x, y = iv.mpf([-10, 40]), iv.mpf([-1, 1]) / 10
    rows = [[x, 0, 9, 0], [0, x, 0, 9], [9, 0, y, 0], [0, 9, 0, y]]
    minors = [determinant_sign([row[:k] for row in rows[:k]], interval_sign)
              for k in range(1, 5)]
    assert minors == [None, None, None, 1]
    sums = characteristic_polynomial(rows)
    assert [interval_sign(c) for c in sums] == [1, None, None, None, 1]
    assert is_positive_definite(rows, interval_sign) is NO
    assert inertia(rows, interval_sign) == (2, 2, 0)


def test_a_definite_corner_does_not_speak_for_a_box_with_singular_matrices():
    wide = iv.mpf([1, 3])
    for corner in ([[2, wide], [wide, 2]], [[2, -wide], [-wide, 2]]):
        assert is_positive_definite(corner, interval_sign) is UNDECIDED
        assert inertia(corner, interval_sign) is None
        assert is_stable(corner, interval_sign) is UNDECIDED


def test_a_matrix_that_is_not_symmetric_is_refused():
    with pytest.raises(ValueError, match=r"not symmetric: its entries \(1, 0\)"):
        is_positive_definite([[1, 0], [5, 1]])
    with pytest.raises(ValueError, match="not symmetric"):
        inertia([[iv.mpf([1, 2]), iv.mpf([1, 2])], [iv.mpf([3, 4]), 9]], interval_sign)
    overlapping = [[iv.mpf(4), iv.mpf([1, 2])], [iv.mpf([1, 3]), iv.mpf(4)]]
    assert is_positive_definite(overlapping, interval_sign) is YES


# Boxes

interval = st.tuples(st.integers(-8, 8), st.sampled_from([0, 0, 1, 2, 4]))


def members(box, seed, count=12):
    """Corners and inner points of a box of (start, width) pairs."""
    source = random.Random(seed)
    for k in range(count):
        choose = (lambda: source.choice((0., 1.))) if k % 2 else source.random
        yield np.array([[a + w * choose() for a, w in row] for row in box])


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 4).flatmap(lambda n: st.lists(
    st.lists(interval, min_size=n, max_size=n), min_size=n, max_size=n)), st.integers(0, 99))
def test_no_verdict_on_a_box_is_contradicted_by_a_member(box, seed):
    rows = [[iv.mpf([a, a + w]) for a, w in row] for row in box]
    stable, hyperbolic = (f(rows, interval_sign) for f in (is_stable, is_hyperbolic))
    split, singular = spectrum_inertia(rows, interval_sign), is_singular(rows, interval_sign)
    n_real = n_real_eigenvalues(rows, interval_sign)
    eps = 1e-3  # an eigenvalue of multiplicity four is computed to 1e-16^(1/4)
    for member in members(box, seed):
        values = np.linalg.eigvals(member)
        if stable is not UNDECIDED:
            assert (values.real > -eps).all() if stable else (values.real < eps).any()
        if hyperbolic is NO:
            assert (abs(values.real) < eps).any()
        if split is not None:
            assert (values.real > -eps).sum() >= split[0] >= (values.real > eps).sum()
            assert (values.real < eps).sum() >= split[1] >= (values.real < -eps).sum()
            assert (split[2] == 0) is (hyperbolic is YES)
        if singular is not UNDECIDED:
            determinant = np.linalg.det(member)
            assert (abs(determinant) < eps) if singular else (determinant != 0)
        if n_real is not None:
            apart = abs(values[:, None] - values) + np.eye(len(values))
            alone = (abs(values.imag) < eps) & (apart.min(axis=1) > 2 * eps)
            assert alone.sum() <= n_real <= (abs(values.imag) < eps).sum()


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 4).flatmap(lambda n: st.lists(
    st.lists(interval, min_size=n, max_size=n), min_size=n, max_size=n)), st.integers(0, 99))
def test_no_symmetric_verdict_on_a_box_is_contradicted_by_a_member(box, seed):
    box = [[box[min(i, j)][max(i, j)] for j in range(len(box))] for i in range(len(box))]
    box = [[(a + 6, w) if i == j else (a, w) for j, (a, w) in enumerate(row)]
           for i, row in enumerate(box)]
    rows = [[iv.mpf([a, a + w]) for a, w in row] for row in box]
    definite, split = is_positive_definite(rows, interval_sign), inertia(rows, interval_sign)
    for member in members(box, seed):
        values = np.linalg.eigvalsh(np.triu(member) + np.triu(member, 1).T)
        if definite is not UNDECIDED:
            assert (values > -1e-9).all() if definite else (values < 1e-9).any()
        if split is not None:
            assert (values > -1e-9).sum() >= split[0] >= (values > 1e-9).sum()
            assert (values < 1e-9).sum() >= split[1] >= (values < -1e-9).sum()


@quick
@given(spectra(), shears)
def test_thin_boxes_agree_with_their_centre(blocks, moves):
    expected = counts(blocks)
    box = thin(similar(block_sum(blocks), moves), Fraction(1, 10**12))
    with_box = spectrum_inertia(box, interval_sign)
    if expected[2]:
        assert with_box is None and is_hyperbolic(box, interval_sign) is UNDECIDED
        assert is_stable(box, interval_sign) is not YES
    else:
        assert with_box == expected
        assert is_stable(box, interval_sign) is Truth.of(expected[1] == 0)


def test_structure_alone_proves_a_centre_in_a_wide_box():
    # x y with any positive coupling: trace zero and determinant positive.
    coupling = iv.mpf([1, 7])
    rows = [[iv.mpf(0), coupling], [-coupling, iv.mpf(0)]]
    assert is_hyperbolic(rows, interval_sign) is NO
    assert spectrum_inertia(rows, interval_sign) == (0, 0, 2)
    assert is_stable(rows, interval_sign) is NO
    assert is_singular(rows, interval_sign) is NO
    rows[0][1] = -coupling
    assert is_hyperbolic(rows, interval_sign) is YES
    assert spectrum_inertia(rows, interval_sign) == (1, 1, 0)


def test_a_saddle_is_hyperbolic_whatever_the_sign_of_its_trace():
    rows = [[iv.mpf([1, 2]), iv.mpf([0, 1])], [iv.mpf([0, 1]), iv.mpf([-2, -1])]]
    assert is_hyperbolic(rows, interval_sign) is YES
    assert spectrum_inertia(rows, interval_sign) == (1, 1, 0)
    assert is_stable(rows, interval_sign) is NO


def test_an_exhausted_budget_leaves_the_question_open(monkeypatch):
    rows = thin([[1, 2], [2, -1]])
    assert is_hyperbolic(rows, interval_sign) is YES
    monkeypatch.setattr(definiteness, "_CELLS", 1)
    assert is_hyperbolic(rows, interval_sign) is UNDECIDED
    assert spectrum_inertia(rows, interval_sign) is None


def test_zero_eigenvalue_by_structure_is_never_hyperbolic():
    x = iv.mpf([1, 2])
    rows = [[x, x], [iv.mpf(0), iv.mpf(0)]]
    assert is_singular(rows, interval_sign) is YES
    assert is_hyperbolic(rows, interval_sign) is NO
    assert is_stable(rows, interval_sign) is NO
    assert spectrum_inertia(rows, interval_sign) == (1, 0, 1)


@pytest.mark.parametrize("entry", [iv.mpf("nan"), iv.mpf(["-inf", "inf"])])
def test_an_entry_of_which_nothing_is_known_leaves_all_open(entry):
    for rows in ([[entry]], [[entry, 0], [0, 1]], [[1, entry], [entry, 1]]):
        assert is_stable(rows, interval_sign) is UNDECIDED
        assert is_hyperbolic(rows, interval_sign) is UNDECIDED
        assert is_singular(rows, interval_sign) is UNDECIDED
        assert is_positive_definite(rows, interval_sign) is UNDECIDED
        assert spectrum_inertia(rows, interval_sign) is None
        assert inertia(rows, interval_sign) is None


def test_half_infinite_and_tiny_entries():
    assert is_positive_definite([[iv.mpf([1, "inf"])]], interval_sign) is YES
    assert is_stable([[iv.mpf(["-inf", -1]), 1], [0, 1]], interval_sign) is NO
    # The rational member of such a box would have 10^6 digits: it is not built.
    tiny = iv.mpf([mpmath.ldexp(1, -10**7), mpmath.ldexp(1, -10**6)])
    assert is_positive_definite([[tiny]], interval_sign) is YES
    assert spectrum_inertia([[tiny, 0], [0, iv.mpf([-2, -1])]], interval_sign) in (
        None, (1, 1, 0))


def test_signs_unknown_without_intervals_stay_undecided():
    def unknown(x):
        return None
    matrix = [[Root2(2), Root2(1)], [Root2(1), Root2(2)]]
    assert is_positive_definite(matrix, unknown) is UNDECIDED
    assert is_stable(matrix, unknown) is is_hyperbolic(matrix, unknown) is UNDECIDED
    assert inertia(matrix, unknown) is spectrum_inertia(matrix, unknown) is None
    assert n_real_eigenvalues(matrix, unknown) is None


def test_fractions_beside_other_numbers():
    half = Fraction(1, 2)
    assert is_stable([[half, iv.mpf([2, 3])], [-1, Fraction(1, 3)]], interval_sign) is YES
    assert is_positive_definite([[half, Root2(0, 1)], [Root2(0, 1), 4]], Root2.sign) is NO
    assert is_positive_definite([[half, Root2(0, 1)], [Root2(0, 1), 5]], Root2.sign) is YES


@pytest.mark.parametrize("function", [
    is_positive_definite, inertia, is_stable, is_hyperbolic, spectrum_inertia, is_singular,
    n_real_eigenvalues])
def test_rounded_numbers_and_other_shapes_are_refused(function):
    with pytest.raises(TypeError, match="rounded"):
        function(np.eye(2))
    with pytest.raises(TypeError, match="interval_sign"):
        function([[iv.mpf(1)]])
    with pytest.raises(ShapeError, match="square"):
        function([[1, 2], [3]])
