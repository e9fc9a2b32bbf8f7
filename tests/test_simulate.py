"""Discrete trajectories: against matrix powers, plain loops and known points."""

from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gameanalysis import catalog
from gameanalysis.declaration.game import Game, Player, zero_sum
from gameanalysis.dynamics import VectorField, simultaneous_gradient, stackelberg_gradient
from gameanalysis.errors import ShapeError
from gameanalysis.numerics import simulate
from gameanalysis.numerics.simulate import iterate
from gameanalysis.numerics.trajectory import Outcome
from gameanalysis.programs.compiled import compile_field

x, y = sp.symbols("x y", real=True)
STARTS = [(3, 3), (-3, 1), (-10, 10), (10, -10), (-10, -10), (-4, -6), (-8, 12)]
small = st.integers(-3, 3)


def power(matrix, k):
    """The k-th power of a square matrix of Fractions, exact."""
    n = len(matrix)
    out = [[Fraction(i == j) for j in range(n)] for i in range(n)]
    for _ in range(k):
        out = [[sum(a * b for a, b in zip(row, column)) for column in zip(*matrix)]
               for row in out]
    return out


# -- closed forms -------------------------------------------------------------

@settings(deadline=None, max_examples=40)
@given(small, small, small, small, small, small, st.tuples(small, small),
       st.tuples(st.integers(1, 8), st.integers(1, 8)), st.integers(0, 40))
@example(-3, 0, 0, 0, 0, 0, (1, 0), (6, 1), 37)
def test_a_linear_game_follows_the_powers_of_its_matrix(a, b, c, d, p, q, start, sizes, steps):
    game = Game(Player(sp.Rational(a, 2)*x**2 + b*x*y + p*x, x),
                Player(sp.Rational(d, 2)*y**2 + c*x*y + q*y, y))
    gamma = [Fraction(s, 16) for s in sizes]
    # The update as one matrix on (x, y, 1).
    matrix = [[1 - gamma[0]*a, -gamma[0]*b, -gamma[0]*p],
              [-gamma[1]*c, 1 - gamma[1]*d, -gamma[1]*q], [Fraction(0), Fraction(0), Fraction(1)]]
    found = iterate(simultaneous_gradient(game), start, steps, step_size=gamma, keep=7,
                    bound=1e60)
    assert found.status is Outcome.COMPLETED and found.stopped == steps
    assert found.t[0] == 0 and found.t[-1] == steps
    for k, point in zip(found.t, found.x):
        rows = power(matrix, int(k))
        exact = [float(r[0]*start[0] + r[1]*start[1] + r[2]) for r in rows[:2]]
        scale = 1 + max(map(abs, exact))
        np.testing.assert_allclose(point, exact, rtol=1e-10, atol=1e-10 * scale)


def test_four_followers_are_solved_numerically_and_follow_their_matrix_too():
    rng = np.random.default_rng(3)
    v = sp.symbols("v1:5", real=True)
    c, root = rng.integers(-2, 3, 4), rng.integers(-2, 3, (4, 4))
    d = root @ root.T + 4 * np.eye(4, dtype=int)
    f = x**2 - sp.Add(*(int(d[i, j])*v[i]*v[j] for i in range(4) for j in range(4)))/2 + sp.Add(
        *(int(c[i])*x*v[i] for i in range(4)))
    field = stackelberg_gradient(zero_sum(f, x, v))
    assert compile_field(field).value_program is None
    # omega_S = (S1 x, -c x + D v), with S1 = 2 + c D^-1 c.
    jacobian = np.zeros((5, 5))
    jacobian[0, 0] = 2 + c @ np.linalg.solve(d, c)
    jacobian[1:, 0], jacobian[1:, 1:] = -c, d
    start, gamma = rng.normal(size=5), 0.03
    expected = np.linalg.matrix_power(np.eye(5) - gamma * jacobian, 60) @ start
    found = iterate(field, start, 60, step_size=gamma, keep="last")
    np.testing.assert_allclose(found.last, expected, rtol=1e-9, atol=1e-12)


def test_the_trajectories_of_figure_1_end_at_its_known_points():
    game = catalog.figure1()
    known = np.array([[float(v) for v in point.x] for point in catalog.info("figure1").known
                      if point.facts["simultaneous"].value == "yes"])
    found = iterate(simultaneous_gradient(game), STARTS, 10_000, step_size=0.0025).require()
    distance = np.linalg.norm(found.last[:, None] - known, axis=-1)
    assert (distance.min(axis=1) < 1e-5).all()
    assert len(set(distance.argmin(axis=1))) == len(known) == 4
    slow = iterate(stackelberg_gradient(game), STARTS, 100_000, step_size=(2.5e-4, 2.5e-2),
                   keep="last").require()
    distance = np.linalg.norm(slow.last[:, None] - known, axis=-1)
    assert (distance.min(axis=1) < 1e-8).all()


def test_a_larger_tau_is_a_larger_step_of_the_follower():
    game = catalog.figure1()
    scaled = iterate(stackelberg_gradient(game, tau=100), STARTS, 300, step_size=2.5e-4)
    sized = iterate(stackelberg_gradient(game), STARTS, 300, step_size=(2.5e-4, 2.5e-2))
    np.testing.assert_allclose(scaled.x, sized.x, rtol=1e-9)


def test_a_zero_of_the_field_stays_where_it_is():
    found = iterate(VectorField([x*y, x + y], [x, y]), (0, 0), 50, step_size=0.1)
    assert (found.x == 0).all()


# -- batches ------------------------------------------------------------------

@pytest.mark.parametrize("size", [1, 5, 12, 13, 40])
def test_a_batch_is_its_members(size):
    field = compile_field(simultaneous_gradient(catalog.figure1()))
    starts = np.random.default_rng(0).uniform(-12, 12, (size, 2))
    together = iterate(field, starts, 400, step_size=0.0025)
    assert together.x.shape == (size, 401, 2)
    for start, path in zip(starts, together.x):
        alone = iterate(field, start, 400, step_size=0.0025)
        np.testing.assert_allclose(path, alone.x, rtol=1e-9, atol=1e-9)


def test_a_batch_keeps_its_shape():
    starts = np.arange(12.0).reshape(2, 3, 2)
    found = iterate(VectorField([x, 2*y], [x, y]), starts, 4, step_size=0.25)
    assert found.x.shape == (2, 3, 5, 2)
    assert found.status.shape == found.stopped.shape == (2, 3)
    np.testing.assert_array_equal(found.last, starts * [0.75**4, 0.5**4])
    empty = iterate(VectorField([x, 2*y], [x, y]), np.zeros((0, 2)), 4, step_size=0.25)
    assert empty.x.shape == (0, 5, 2) and empty.require() is empty


@pytest.mark.parametrize("steps", [0, 1, 249, 250, 251, 1003])
@pytest.mark.parametrize("keep", ["last", 1, 7, 250, 5000])
def test_what_is_kept_is_part_of_all(keep, steps):
    field = compile_field(simultaneous_gradient(catalog.torus()))
    starts = [(1.0, 2.0), (-2.0, 0.5)]
    everything = iterate(field, starts, steps, step_size=0.05)
    assert everything.t.tolist() == list(range(steps + 1))
    some = iterate(field, starts, steps, step_size=0.05, keep=keep)
    expected = {steps} if keep == "last" else {*range(0, steps + 1, keep), steps}
    assert some.t.tolist() == sorted(expected)
    np.testing.assert_array_equal(some.x, everything.x[:, some.t])


def test_blocks_of_another_length_change_nothing(monkeypatch):
    field, starts = simultaneous_gradient(catalog.figure1()), np.full((20, 2), 3.0)
    first = iterate(field, starts, 100, step_size=0.0025, keep=3)
    monkeypatch.setattr(simulate, "_BLOCK", 7 * 40)
    np.testing.assert_array_equal(
        iterate(field, starts, 100, step_size=0.0025, keep=3).x, first.x)


def test_coordinates_with_a_period_are_not_wrapped():
    found = iterate(VectorField(-1, x, periods={x: 2*sp.pi}), [0.0], 20, step_size=1)
    assert found.last[0] == 20


# -- what can go wrong --------------------------------------------------------

@pytest.mark.parametrize("size", [1, 30])
@pytest.mark.parametrize("keep", ["all", "last", 40])
def test_divergence_is_told_and_spoils_nothing(size, keep):
    starts = np.linspace(-1, 3, size + 2)[1:-1]
    found = iterate(VectorField(-x**2, x), starts[:, None], 600, step_size=0.1, bound=1e4,
                    keep=keep)
    assert np.isfinite(found.x).all() and (np.abs(found.x) <= 1e4).all()
    for row, start in enumerate(starts.tolist()):
        value, taken = start, 0
        while taken < 600 and abs(value + 0.1 * value**2) <= 1e4:
            value, taken = value + 0.1 * value**2, taken + 1
        assert found.stopped[row] == taken
        assert found.status[row] is (Outcome.COMPLETED if taken == 600 else Outcome.DIVERGED)
        assert found.last[row, 0] == pytest.approx(value, rel=1e-9)
    assert set(found.status) >= {Outcome.DIVERGED}


@pytest.mark.parametrize("copies", [1, 20])
def test_a_point_outside_a_domain_is_told(copies):
    # x <- x - 0.6 sqrt(x) leaves the domain of the square root after three steps.
    expected = [1.0]
    for _ in range(3):
        expected.append(expected[-1] - 0.6 * expected[-1]**0.5)
    found = iterate(VectorField(sp.sqrt(x), x), np.ones((copies, 1)), 8, step_size=0.6)
    assert expected[-1] < 0
    for path, taken, status in zip(found.x, found.stopped, found.status):
        assert status is Outcome.UNDEFINED and taken == 3
        np.testing.assert_allclose(path[:, 0], expected + [expected[-1]] * 5, rtol=1e-14)


def test_a_singular_hessian_of_the_follower_is_told():
    # D22 f2 = -2 y vanishes on y = 0, where D21 f2 does not.
    field = stackelberg_gradient(zero_sum(x*y + y**3/3, x, y))
    found = iterate(field, [(1.0, 0.0), (1.0, -1.0)], 10, step_size=0.01)
    assert list(found.status) == [Outcome.UNDEFINED, Outcome.COMPLETED]
    assert found.stopped.tolist() == [0, 10] and (found.x[0] == [1.0, 0.0]).all()


def test_an_overflow_inside_a_formula_is_no_failure():
    # exp(1000) overflows, 1/(1 + exp(1000)) does not; math raises where NumPy goes on.
    field = VectorField(1/(1 + sp.exp(x)), x)
    alone = iterate(field, [1000.0], 5, step_size=1)
    assert alone.status is Outcome.COMPLETED and (alone.x == 1000).all()
    assert iterate(field, np.full((30, 1), 1000.0), 5, step_size=1).require().last[0] == 1000


def test_require_says_which_start_failed_and_why():
    field = VectorField(-x**2, x)
    found = iterate(field, [[-1.0], [5.0]], 100, step_size=0.1)
    words = r"start 1 of 2, after \d+ of 100 updates: left the bound"
    with pytest.raises(ArithmeticError, match=words):
        found.require()
    alone = iterate(field, [5.0], 100, step_size=0.1)
    with pytest.raises(ArithmeticError, match=rf"^after {alone.stopped} of 100 updates: left the bound"):
        alone.require()
    assert repr(found).splitlines()[0].startswith("Trajectory: 2 starts in 1 variable, 100")
    assert f"1: {Outcome.DIVERGED.value}" in repr(found)
    assert f"1: {Outcome.COMPLETED.value}" in repr(found) and "3:" not in repr(found)


def test_results_cannot_be_changed():
    found = iterate(VectorField([x, y], [x, y]), [(1, 2), (3, 4)], 3, step_size=0.1)
    for array in (found.x, found.t, found.stopped, found.status, found.last):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    with pytest.raises(AttributeError):
        found.x = None


def test_the_start_is_not_changed():
    start = np.array([[1.0, 2.0], [3.0, 4.0]])
    iterate(VectorField([x, y], [x, y]), start, 30, step_size=0.1)
    assert start.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("change, error, words", [
    ({"x0": [1.0]}, ShapeError, "shape"),
    ({"x0": 1.0}, ShapeError, "shape"),
    ({"x0": [1.0, np.nan]}, ValueError, "finite"),
    ({"x0": [np.inf, 1.0]}, ValueError, "finite"),
    ({"x0": [1.0, 1e13]}, ValueError, "bound"),
    ({"x0": ["a", "b"]}, ShapeError, "real numbers"),
    ({"steps": -1}, ValueError, "steps"),
    ({"steps": 2.5}, ValueError, "integer"),
    ({"steps": True}, ValueError, "integer"),
    ({"step_size": 0}, ValueError, "positive"),
    ({"step_size": -0.1}, ValueError, "positive"),
    ({"step_size": np.nan}, ValueError, "positive"),
    ({"step_size": np.inf}, ValueError, "finite"),
    ({"step_size": "fast"}, ValueError, "number"),
    ({"step_size": (0.1, 0.1, 0.1)}, ShapeError, "one for each variable"),
    ({"step_size": (0.1, 0.0)}, ValueError, "positive"),
    ({"keep": 0}, ValueError, "keep"),
    ({"keep": "some"}, ValueError, "keep"),
    ({"bound": 0}, ValueError, "bound"),
    ({"field": zero_sum(x*y, x, y)}, TypeError, "simultaneous_gradient"),
])
def test_wrong_input_raises(change, error, words):
    arguments = {"field": VectorField([x, y], [x, y]), "x0": [1.0, 2.0], "steps": 3,
                 "step_size": 0.1, **change}
    with pytest.raises(error, match=words):
        iterate(arguments.pop("field"), arguments.pop("x0"), arguments.pop("steps"), **arguments)
