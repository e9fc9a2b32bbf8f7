"""Newton's method from many starts: what is returned is a zero, in the box, once."""

import math
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp

from gameanalysis.dynamics import VectorField
from gameanalysis.errors import BoxError
from gameanalysis.numerics.critical import Candidates, find_critical_points, float_box, newton
from gameanalysis.compilation.compiled import compile_field

x, y = sp.symbols("x y", real=True)


def test_all_zeros_of_a_cubic_grid():
    field = VectorField([x**3 - x, y * (y - 2)], [x, y])
    found = find_critical_points(field, [(-3, 3), (-1, 3)], n_starts=200, rng=5)
    expected = [(a, b) for a in (-1, 0, 1) for b in (0, 2)]
    assert np.allclose(found.x, expected, atol=1e-12) and len(found) == 6
    assert (found.residual < 1e-10).all() and found.residual.shape == (6,)
    assert repr(found) == "6 candidates (heuristic: some may be missing) from 200 starts, seed 5"


def test_only_zeros_in_the_box_and_on_its_edge():
    field = VectorField([x**2 - 1], [x])
    assert find_critical_points(field, [(0, 3)], n_starts=50).x.tolist() == [[1]]
    assert find_critical_points(field, [(-1, 1)], n_starts=50).x.tolist() == [[-1], [1]]
    assert len(find_critical_points(field, [(2, 3)], n_starts=50)) == 0
    none = find_critical_points(VectorField([x**2 + 1], [x]), [(-3, 3)], n_starts=50)
    assert isinstance(none, Candidates) and none.x.shape == (0, 1) and not none.residual.size


def test_the_same_seed_gives_the_same_starts():
    field = VectorField([sp.sin(5 * x) + y, sp.cos(3 * y) - x], [x, y])
    box = [(-4, 4)] * 2
    one, two = (find_critical_points(field, box, n_starts=30, rng=7) for _ in range(2))
    assert np.array_equal(one.x, two.x)
    given = find_critical_points(compile_field(field), box, n_starts=30,
                                 rng=np.random.default_rng(7))
    assert np.array_equal(one.x, given.x) and given.seed == "a given generator"
    assert find_critical_points(field, box, n_starts=30).seed == "seed 0"


def test_newton_says_which_starts_converged():
    field = compile_field(VectorField([x**2 - 2], [x]))
    ends, converged = newton(field, np.array([[1.0], [-5.0], [0.0], [np.nan]]))
    # From 0 the Jacobian is singular: there is no Newton direction.
    assert converged.tolist() == [True, True, False, False]
    assert np.allclose(ends[:2, 0], [2**0.5, -2**0.5], rtol=1e-15)
    assert newton(compile_field(VectorField([x**2 + 1], [x])), np.array([[3.0]]))[1].tolist() == [
        False]
    assert newton(field, np.array([[1e6]]), max_steps=2)[1].tolist() == [False]


def test_a_domain_edge_does_not_stop_the_others():
    field = VectorField([sp.log(x)], [x])
    assert np.allclose(find_critical_points(field, [(-3, 3)], n_starts=40).x, [[1]])


def test_damping_reaches_a_zero_that_full_steps_miss():
    # Newton's full steps on atan diverge from |x| > 1.39.
    ends, converged = newton(compile_field(VectorField([sp.atan(x)], [x])), np.array([[20.0]]))
    assert converged.all() and abs(ends[0, 0]) < 1e-12


def test_a_stationary_residual_is_no_zero():
    # J is singular everywhere and g = (1, x) never vanishes.
    field = VectorField([sp.S.One, x], [x, y])
    assert len(find_critical_points(field, [(-1, 1)] * 2, n_starts=20)) == 0
    # On a line of zeros J is singular too, and they are zeros.
    found = find_critical_points(VectorField([x + y, x + y], [x, y]), [(-1, 1)] * 2, n_starts=20)
    assert len(found) and (np.abs(found.x.sum(axis=1)) < 1e-12).all()


def test_singular_jacobians_along_the_way():
    # J is singular on the whole line x = y, where starts may fall.
    field = compile_field(VectorField([x**2 - y**2, x - y], [x, y]))
    ends, converged = newton(field, np.array([[1.0, 1.0], [2.0, 1.0]]))
    assert np.isfinite(ends).all()
    assert (np.abs(field.value(ends[converged])) < 1e-9).all()


@pytest.mark.parametrize("box", [
    [(0, 1)], [(0, 1)] * 3, [(1, 0), (0, 1)], [(0, 0), (0, 1)], [(0, np.nan), (0, 1)],
    [(-np.inf, 0), (0, 1)], [(0, "a"), (0, 1)], [(0, 1j), (0, 1)], [1, 2], 5, [(0, 1, 2), (0, 1)],
    [(0, x), (0, 1)]])
def test_boxes_that_do_not_fit(box):
    with pytest.raises(BoxError):
        find_critical_points(VectorField([x, y], [x, y]), box)


def test_float_boxes_contain_the_exact_ones():
    sides = [(sp.Rational(1, 3), sp.pi), (-sp.sqrt(2), sp.Rational(1, 10)), (-1, 0.1), (0, 2**60)]
    for (low, high), (a, b) in zip(sides, float_box(sides, 4).tolist()):
        assert sp.Rational(a) <= low and sp.Rational(b) >= high
        assert abs(a - float(low)) <= 1e-15 and abs(b - float(high)) <= 1e-15 * 2**60
    # Floats are taken as they are.
    assert float_box([(0.1, 0.7)], 1).tolist() == [[0.1, 0.7]]
    with pytest.raises(BoxError, match="box=None"):
        float_box([(0, float("inf"))], 1)


def test_ends_that_are_floats_are_kept_and_others_move_outward():
    third = sp.Rational(1, 3)
    box = float_box([(sp.Integer(0), sp.Integer(1)), (0, third), (-sp.pi, 2**53 + 1)], 3)
    assert box[0].tolist() == [0.0, 1.0] and box[1, 0] == 0.0
    assert Fraction(box[1, 1]) > Fraction(1, 3) and box[2, 0] < -math.pi
    assert Fraction(box[2, 1]) > 2**53 + 1
