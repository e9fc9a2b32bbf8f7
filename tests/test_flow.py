"""Flows against closed forms, matrix exponentials and SciPy at 1e-12."""

import pickle
from fractions import Fraction as F

import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import gameanalysis as ga
from gameanalysis import Outcome
from gameanalysis.motion import dormand_prince, orbits, runge_kutta
from gameanalysis.motion.flow import flow
from gameanalysis.compilation import native

x, y, z = sp.symbols("x y z", real=True)
ROTATION = ga.VectorField((y, -x), (x, y))
SQUARE = ga.VectorField(-x**2, x)
CUBE = ga.VectorField(x**3, x)
METHODS = ("dormand-prince", "RK23", "RK45", "DOP853", "Radau", "BDF", "LSODA")
FIGURE1 = ga.catalog.figure1()


def turned(t, start=(1, 0)):
    """The rotation x' = -y, y' = x, exactly."""
    c, s = np.cos(t), np.sin(t)
    return np.stack([c * start[0] - s * start[1], s * start[0] + c * start[1]], axis=-1)


def reference(field, start, t1):
    """SciPy's DOP853 at 1e-12, on SymPy's own expressions."""
    g = sp.lambdify(field.variables, list(field.expressions), "numpy")
    return scipy.integrate.solve_ivp(lambda t, u: -np.array(g(*u)), (0, t1), start,
                                     method="DOP853", rtol=1e-12, atol=1e-13).y[:, -1]


# -- the pair -----------------------------------------------------------


def trees(stages):
    """The elementary weights of all trees up to order five, with their densities."""
    rows = [list(row) + [F(0)] * (7 - len(row)) for row in stages]
    one = [F(1)] * 7

    def up(v):
        return [sum(a * w for a, w in zip(row, v)) for row in rows]

    def times(*vs):
        return [np.prod([v[i] for v in vs], initial=F(1)) for i in range(7)]

    c = up(one)
    return [(1, one, 1), (2, c, 2), (3, times(c, c), 3), (3, up(c), 6),
            (4, times(c, c, c), 4), (4, times(c, up(c)), 8), (4, up(times(c, c)), 12),
            (4, up(up(c)), 24), (5, times(c, c, c, c), 5), (5, times(c, c, up(c)), 10),
            (5, times(c, up(times(c, c))), 15), (5, times(c, up(up(c))), 30),
            (5, times(up(c), up(c)), 20), (5, up(times(c, c, c)), 20),
            (5, up(times(c, up(c))), 40), (5, up(up(times(c, c))), 60), (5, up(up(up(c))), 120)]


def test_the_coefficients_satisfy_the_order_conditions_exactly():
    a, e, p = dormand_prince._A, dormand_prince._E, dormand_prince._P
    b = [*a[6], F(0)]
    low = [u - v for u, v in zip(b, e)]
    for order, weight, density in trees(a):
        assert sum(u * w for u, w in zip(b, weight)) == F(1, density)
        if order <= 4:
            assert sum(u * w for u, w in zip(low, weight)) == F(1, density)
            # The interpolant is of order 4 at every theta: theta^order / density.
            for theta in (F(1, 3), F(1, 2), F(1)):
                inside = [theta * ((k == 0) + sum(theta ** (j + 1) * p[j][k] for j in range(3)))
                          for k in range(7)]
                assert sum(u * w for u, w in zip(inside, weight)) == theta ** order / density


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("field", [
    ga.simultaneous_gradient(FIGURE1), ga.stackelberg_gradient(FIGURE1),
    ga.VectorField(((3 + x) ** sp.Rational(4, 3) - y, sp.sin(x * y)), (x, y))])
def test_the_step_as_a_program_is_the_step_of_numpy_calls(field, dense):
    compiled = ga.compile_field(field)
    rng = np.random.default_rng(1)
    u = rng.uniform(-3, 3, (2, 400))
    values = compiled.columns(u)
    parts = [u, values[:2], rng.uniform(0.2, 9, (1, 400)), values[2:],
             10.0 ** rng.uniform(-3, -0.5, (1, 400))]
    columns = np.concatenate(parts)
    program = dormand_prince.step_program(
        compiled.guarded_program, compiled.is_guarded, F(1e-6), F(1e-9), dense)
    by_program = program.columns(columns)
    by_calls = np.empty_like(by_program)
    with np.errstate(all="ignore"):
        dormand_prince.NumpyStep(compiled, 1e-6, 1e-9, dense)(columns, by_calls)
    rows = len(columns)
    assert 0.1 < (by_calls[rows] < 1).mean() < 0.9          # both kinds of steps
    np.testing.assert_allclose(by_program, by_calls, rtol=1e-5, atol=1e-12)
    np.testing.assert_allclose(by_program[:4], by_calls[:4], rtol=1e-11, atol=1e-13)


# -- solutions ----------------------------------------------------------


def linear_games(n1, n2, seed):
    """Quadratic costs with rational coefficients, D22 f2 > 0, and the matrix of omega_S."""
    rng = np.random.default_rng(seed)
    n = n1 + n2
    q1, q2 = (rng.integers(-4, 5, (n, n)) for _ in range(2))
    q1, q2 = q1 + q1.T, q2 + q2.T
    q2[n1:, n1:] = q2[n1:, n1:] @ q2[n1:, n1:] + 2 * np.eye(n2, dtype=int)
    u = sp.symbols(f"u1:{n + 1}", real=True)
    costs = [sum(sp.Rational(int(q[i, j]), 16) * u[i] * u[j] for i in range(n)
                 for j in range(n)) for q in (q1, q2)]
    game = ga.Game(ga.Player(costs[0], u[:n1]), ga.Player(costs[1], u[n1:]))
    q1, q2 = q1 / 8, q2 / 8
    leader = q1[:n1] - q2[n1:, :n1].T @ np.linalg.solve(q2[n1:, n1:].T, q1[n1:])
    return game, {"simultaneous": np.vstack([q1[:n1], q2[n1:]]),
                  "stackelberg": np.vstack([leader, q2[n1:]])}


@pytest.mark.parametrize("sizes, kind", [
    ((1, 1), "simultaneous"), ((2, 3), "simultaneous"), ((1, 2), "stackelberg"),
    ((2, 3), "stackelberg"), ((1, 5), "stackelberg")])       # the last one by LAPACK
def test_linear_games_are_matrix_exponentials(sizes, kind):
    game, matrices = linear_games(*sizes, seed=sum(sizes))
    field = getattr(ga, f"{kind}_gradient")(game)
    start = np.random.default_rng(0).normal(size=(3, 4, sum(sizes)))
    times = [0.1, 0.7, 2]
    found = flow(field, start, 2, t_eval=times, rtol=1e-10, atol=1e-12)
    for k, t in enumerate(times):
        exact = start @ scipy.linalg.expm(-t * matrices[kind]).T
        np.testing.assert_allclose(found.x[..., k, :], exact, rtol=1e-7,
                                   atol=1e-8 * np.abs(exact).max())
    assert found.x.shape == (3, 4, 3, sum(sizes)) and found.status.shape == (3, 4)


@pytest.mark.parametrize("method", METHODS)
def test_a_rotation_by_every_method_for_one_start_and_a_batch(method):
    one = flow(ROTATION, [1, 0], (2, 5), method=method, rtol=1e-8, atol=1e-10, t_eval=31)
    assert one.method.startswith("SciPy" if method != "dormand-prince" else "Dormand")
    assert one.x.shape == (31, 2) and one.status is Outcome.COMPLETED and one.stopped == 5
    np.testing.assert_allclose(one.t, np.linspace(2, 5, 31))
    np.testing.assert_allclose(one.x, turned(one.t - 2), atol=1e-5)
    two = flow(ROTATION, [[1, 0], [0, -2]], (2, 5), method=method, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(two.x[1], turned(two.t - 2, (0, -2)), atol=1e-5)


@pytest.mark.parametrize("rtol", [1e-4, 1e-6, 1e-8, 1e-10])
def test_the_error_follows_the_tolerance(rtol):
    found = flow(ROTATION, [[1, 0]], 20, rtol=rtol, atol=rtol, method="dormand-prince")
    error = np.abs(found.x[0] - turned(found.t)).max()
    assert rtol / 10 < error < 100 * rtol


@pytest.mark.parametrize("field, box", [
    (ga.simultaneous_gradient(FIGURE1), 12), (ga.stackelberg_gradient(FIGURE1, eta=1), 2),
    (ga.simultaneous_gradient(ga.catalog.torus()), 3),
    (ga.simultaneous_gradient(ga.catalog.dirac_gan()), 2)])
def test_games_against_scipy_at_a_tight_tolerance(field, box):
    start = np.random.default_rng(2).uniform(-box, box, (6, 2))
    exact = np.array([reference(field, u, 8) for u in start])
    for method in ("dormand-prince", "DOP853"):
        found = flow(field, start, 8, rtol=1e-9, atol=1e-11, method=method, wrap=False)
        done = found.status == Outcome.COMPLETED
        assert done.sum() >= 3
        np.testing.assert_allclose(found.last[done], exact[done], rtol=1e-6, atol=1e-6)


def test_the_inverse_cube_decays_as_its_closed_form():
    start = np.array([[0.5], [1], [-3]])
    found = flow(CUBE, start, 100, rtol=1e-9)
    exact = start[:, None] / np.sqrt(1 + 2 * start[:, None]**2 * found.t[:, None])
    np.testing.assert_allclose(found.x, exact, rtol=1e-7)


def test_a_start_gives_the_same_orbit_in_every_batch():
    field = ga.simultaneous_gradient(FIGURE1)
    start = np.random.default_rng(3).uniform(-15, 15, (300, 2))
    together = flow(field, start, 20, t_eval=5)
    crowd = np.concatenate([np.full((2500, 2), 40.0), start[::-1]])
    for k in (0, 7, 299):
        alone = flow(field, start[k:k + 1], 20, t_eval=5, method="dormand-prince")
        np.testing.assert_allclose(alone.x[0], together.x[k], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(flow(field, crowd, 20, t_eval=5).x[:2499:-1], together.x,
                               rtol=1e-9, atol=1e-9)


def test_more_starts_than_fit_at_once_take_turns(monkeypatch):
    monkeypatch.setattr(runge_kutta, "_WIDTH", (16, 16))
    widths = []
    step = dormand_prince.NumpyStep.__call__
    monkeypatch.setattr(dormand_prince.NumpyStep, "__call__", lambda self, columns, out: (
        widths.append(columns.shape[1]), step(self, columns, out))[1])
    start = np.random.default_rng(4).normal(size=(100, 2))
    found = flow(ROTATION, start, 3, t_eval=4)
    assert max(widths) == 16
    exact = np.array([turned(found.t, u) for u in start])
    np.testing.assert_allclose(found.x, exact, atol=1e-5)


def test_no_starts_are_no_orbits():
    for method in ("dormand-prince", "RK45"):
        found = flow(ROTATION, np.empty((0, 2)), 1, method=method, dense=True, t_eval=3)
        assert found.x.shape == (0, 3, 2) and found.at(0.5).shape == (0, 2)


# -- what is kept -------------------------------------------------------


def test_times_to_keep():
    for method in ("dormand-prince", "DOP853"):
        last = flow(ROTATION, [1, 0], 2, t_eval="last", method=method)
        assert last.x.shape == (1, 2) and list(last.t) == [2]
        some = flow(ROTATION, [[1, 0]], (0, 2), t_eval=[0, 0.5, 1.75], method=method)
        np.testing.assert_allclose(some.x[0], turned(some.t), atol=1e-5)
        both = flow(ROTATION, [1, 0], 2, t_eval=2, method=method)
        assert (both.x[0] == [1, 0]).all() and (both.last == last.last).all()


@pytest.mark.parametrize("method", ["dormand-prince", "RK45", "DOP853"])
def test_dense_output_between_the_times_kept(method):
    times = np.linspace(1, 6, 101)
    found = flow(ROTATION, [[[1, 0], [0, 2]]], (1, 6), t_eval="last", dense=True,
                 method=method, rtol=1e-8, atol=1e-9)
    exact = np.array([[turned(times - 1), turned(times - 1, (0, 2))]])
    np.testing.assert_allclose(found.at(times), exact, atol=1e-6)
    assert found.at(3.0).shape == (1, 2, 2)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(found)).at(times), found.at(times))
    with pytest.raises(ValueError, match="span from 1 to 6"):
        found.at(7)
    with pytest.raises(ValueError, match="dense=True"):
        flow(ROTATION, [1, 0], 1).at(0.5)


def test_dense_output_stays_where_an_orbit_ended():
    for method in ("dormand-prince", "RK45"):
        found = flow(ROTATION, [[1, 0], [3, 0]], 5, box=[(0, 2), (-9, 9)], dense=True,
                     method=method, rtol=1e-9)
        assert found.stopped[0] == pytest.approx(np.pi / 2) and found.stopped[1] == 0
        np.testing.assert_allclose(found.at([1, 4])[0], [turned(1), [0, 1]], atol=1e-7)
        np.testing.assert_array_equal(found.at([0, 4])[1], [[3, 0], [3, 0]])


def test_coordinates_on_a_circle_are_wrapped():
    circle = ga.VectorField((-1, y), (x, y), periods={x: 2})
    for method in ("dormand-prince", "DOP853"):
        found = flow(circle, [[0.25, 5]], 10, method=method, dense=True)
        free = flow(circle, [[0.25, 5]], 10, method=method, wrap=False)
        np.testing.assert_allclose(free.x[0, :, 0], 0.25 + free.t, rtol=1e-12)
        assert (-1 <= found.x[..., 0]).all() and (found.x[..., 0] < 1).all()
        turns = (free.x - found.x)[0, :, 0] / 2
        np.testing.assert_allclose(turns, np.rint(turns), atol=1e-9)
        assert found.at(1.0)[0, 0] == pytest.approx(-0.75)


# -- how orbits end -----------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_a_blow_up_in_finite_time_has_diverged(method):
    found = flow(SQUARE, [[0.5], [-1], [4]], 1, method=method, rtol=1e-8)
    assert list(found.status) == [Outcome.COMPLETED] * 2 + [Outcome.DIVERGED]
    np.testing.assert_allclose(found.last[:2, 0], [1, -0.5], rtol=1e-5)     # u / (1 - u t)
    assert found.stopped[2] == pytest.approx(0.25, rel=1e-5)
    assert np.isfinite(found.x).all()
    with pytest.raises(ArithmeticError, match="start 2 of 3, at t = 0.25.*blew up"):
        found.require()


@pytest.mark.parametrize("method", ["dormand-prince", "DOP853"])
def test_steps_underflow_before_a_blow_up_reaches_the_bound(method):
    found = flow(ga.VectorField(-sp.exp(x), x), [[0.0]], 2, method=method)
    assert found.status[0] is Outcome.DIVERGED                       # -log(1 - t)
    assert found.stopped[0] == pytest.approx(1, abs=1e-5)
    assert 15 < found.last[0, 0] < 50


def test_growth_beyond_the_bound_has_diverged():
    for method in ("dormand-prince", "RK45"):
        found = flow(ga.VectorField(-x, x), [[1.0], [1e-9]], 20, method=method, bound=1e3)
        assert list(found.status) == [Outcome.DIVERGED, Outcome.COMPLETED]
        assert np.log(1e3) / 2 < found.stopped[0] <= np.log(1e3)
        assert np.abs(found.x).max() <= 1e3


@pytest.mark.parametrize("method", ["dormand-prince", "DOP853", "Radau", "LSODA"])
def test_the_edge_of_a_domain_is_undefined_beyond(method):
    # x' = -(1 + sqrt x) comes to 0 at t = 2 (sqrt x - log(1 + sqrt x)).
    found = flow(ga.VectorField(1 + sp.sqrt(x), x), [[4.0], [400.0]], 2, method=method,
                 rtol=1e-8)
    assert list(found.status) == [Outcome.UNDEFINED, Outcome.COMPLETED]
    assert found.stopped[0] == pytest.approx(2 * (2 - np.log(3)), abs=1e-4)
    assert 0 <= found.last[0, 0] < 1e-3


def test_a_jacobian_that_is_infinite_ends_a_method_that_needs_it():
    away = ga.VectorField(sp.sqrt(x) - 1, x)
    assert flow(away, [0.0], 1, method="Radau").status is Outcome.UNDEFINED
    assert flow(away, [0.0], 1, method="DOP853").status is Outcome.COMPLETED


def test_a_start_outside_the_domain_is_undefined_and_kept():
    for method in ("dormand-prince", "BDF"):
        found = flow(ga.VectorField(sp.log(x), x), [[-1.0], [2.0]], 1, method=method)
        assert list(found.status) == [Outcome.UNDEFINED, Outcome.COMPLETED]
        assert (found.x[0] == -1).all() and found.stopped[0] == 0


def test_the_budget_of_steps():
    for method in ("dormand-prince", "RK45"):
        found = flow(ROTATION, [[1, 0]], 1000, max_steps=20, method=method)
        assert found.status[0] is Outcome.BUDGET and 0 < found.stopped[0] < 100
        np.testing.assert_allclose(found.last[0], turned(found.stopped[0]), atol=1e-4)


def test_a_stiff_field_needs_few_steps_by_radau():
    stiff = ga.VectorField((10**6 * (x - sp.cos(y)), -1), (x, y))
    found = flow(stiff, [0, 0], 2, method="Radau", max_steps=300)
    assert found.status is Outcome.COMPLETED and found.method == "SciPy Radau"
    assert found.last[0] == pytest.approx(np.cos(2), abs=1e-5)
    assert flow(stiff, [0, 0], 2, max_steps=300).status is Outcome.BUDGET


# -- the singular set ---------------------------------------------------

FOLLOWERS = sp.symbols("y1:6", real=True)


def crossing(m):
    """At y = 0 the leader moves as x' = -1 through D22 f2 = x I = 0; m followers' actions."""
    follower = FOLLOWERS[:m]
    return ga.stackelberg_gradient(ga.Game(
        ga.Player(x + sum(follower), x), ga.Player(x * sum(u**2 for u in follower) / 2, follower)))


@pytest.mark.parametrize("m", [1, 2, 3, 5])     # the sign of x^2 does not change; 5 by LAPACK
@pytest.mark.parametrize("method", ["dormand-prince", "RK45", "DOP853"])
def test_orbits_end_at_the_singular_set_and_do_not_jump_over_it(m, method):
    start = np.zeros((3, m + 1))
    start[:, 0] = [1, 5, -1]
    found = flow(crossing(m), start, 3, method=method)
    assert list(found.status) == [Outcome.SINGULAR] + [Outcome.COMPLETED] * 2
    np.testing.assert_allclose(found.stopped, [1, 3, 3], atol=1e-7)
    np.testing.assert_allclose(found.last[:, 0], [0, 2, -4], atol=1e-7)
    assert found.last[0, 0] > 0


@pytest.mark.parametrize("method", ["Radau", "BDF"])
def test_stiff_methods_end_where_the_determinant_changes_its_sign(method):
    found = flow(crossing(1), [1, 0], 3, method=method)
    assert found.status is Outcome.SINGULAR and found.stopped == pytest.approx(1, abs=1e-9)


def test_a_field_that_grows_without_bound_beside_the_singular_set():
    game = ga.Game(ga.Player(2 * y, x), ga.Player(x * y**2 / 2 - y, y))
    field = ga.stackelberg_gradient(game)                   # (-2 y / x, x y - 1)
    assert field.expressions == (-2 * y / x, x * y - 1)
    # x' = 2 y / x, y' = 1 - x y: from y < 0, x comes to 0 as the square root of time left.
    found = {method: flow(field, [[0.5, -3]], 4, method=method, rtol=1e-9)
             for method in ("dormand-prince", "DOP853", "Radau")}
    exact = scipy.integrate.solve_ivp(          # in w = x^2, which is smooth
        lambda t, u: [4 * u[1], 1 - np.sqrt(abs(u[0])) * u[1]], (0, 4), [0.25, -3],
        events=lambda t, u: u[0], rtol=1e-12, atol=1e-13).t_events[0][0]
    for orbit in found.values():
        assert orbit.status[0] is Outcome.SINGULAR
        assert orbit.stopped[0] == pytest.approx(exact, abs=1e-6)
        assert 0 < orbit.last[0, 0] < 1e-3


def test_a_start_on_the_singular_set_is_kept():
    for method in ("dormand-prince", "DOP853"):
        found = flow(crossing(1), [[0, 0], [0, 1], [1e-17, 1], [0.1, 0]], 0.01, method=method)
        assert list(found.status) == [Outcome.SINGULAR] * 3 + [Outcome.COMPLETED]
        assert (found.last[:3] == [[0, 0], [0, 1], [1e-17, 1]]).all()


def test_singular_orbits_of_figure1_end_where_the_follower_is_degenerate():
    field = ga.stackelberg_gradient(FIGURE1)
    found = flow(field, np.random.default_rng(0).uniform(-15, 15, (300, 2)), 50, t_eval="last")
    ended = found.status == Outcome.SINGULAR
    assert 100 < ended.sum() < 200 and set(found.status) == {
        Outcome.SINGULAR, Outcome.COMPLETED}
    d22 = sp.lambdify(FIGURE1.variables, ga.follower_jacobian(
        FIGURE1.without_parameters())[0] * sp.exp(sum(v**2 for v in FIGURE1.variables) / 100))
    points, shifts = found.last[ended], 1e-5 * np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])
    values = np.array([[d22(*(p + s)) for s in shifts] for p in points])
    assert (np.sign(values).max(axis=1) > np.sign(values).min(axis=1)).all()


@pytest.mark.parametrize("method", ["dormand-prince", "DOP853"])
@pytest.mark.parametrize("name", ["matching_pennies", "jin_cosine", "forsaken"])
def test_a_field_that_is_huge_beside_the_singular_set_has_not_blown_up(name, method):
    game = ga.catalog.game(name)
    start = np.random.default_rng(11).uniform(-1, 1, (8, 2))
    found = flow(ga.stackelberg_gradient(game), start, 20, method=method, t_eval=2,
                 max_steps=2000)
    ended = found.status == Outcome.SINGULAR
    assert ended.any() and not (found.status == Outcome.DIVERGED).any()
    d22 = sp.lambdify(game.variables, ga.follower_jacobian(game.without_parameters())[0])
    assert np.abs(d22(*found.last[ended].T)).max() < 1e-6


def test_lsoda_is_refused_for_a_stackelberg_gradient():
    with pytest.raises(ValueError, match="LSODA cannot stop.*Radau"):
        flow(crossing(1), [1, 0], 3, method="LSODA")


# -- boxes --------------------------------------------------------------


@pytest.mark.parametrize("method", ["dormand-prince", "DOP853", "Radau"])
def test_leaving_a_box_is_located_on_its_edge(method):
    start = [[0.5, 0], [0.1, 0.1], [0, 0.5]]
    found = flow(ROTATION, start, 10, box=[(-2, 0.9), (sp.Rational(-1, 4), 0.4)], rtol=1e-9,
                 method=method)
    assert list(found.status) == [Outcome.LEFT, Outcome.COMPLETED, Outcome.LEFT]
    np.testing.assert_allclose(found.stopped, [np.arcsin(0.8), 10, 0], atol=1e-6)
    assert found.last[0, 1] == 0.4 and found.last[0, 0] == pytest.approx(0.3, abs=1e-6)
    before = found.t < found.stopped[0]
    np.testing.assert_allclose(found.x[0, before], turned(found.t[before], start[0]), atol=1e-6)
    assert (found.x[0, ~before] == found.last[0]).all()


def test_a_short_excursion_within_a_step_is_seen():
    # x' = 1 and y = 4 x (1 - x) on the orbit: one step would go over the hill.
    hill = ga.VectorField((-1, -4 + 8 * x), (x, y))
    found = flow(hill, [[0, 0]], 1, box=[(-1, 2), (-1, 0.5)])
    assert found.status[0] is Outcome.LEFT
    assert found.stopped[0] == pytest.approx((1 - np.sqrt(0.5)) / 2, abs=1e-8)


def test_a_box_on_a_circle_is_meant_modulo_the_period():
    circle = ga.VectorField(-1, x, periods={x: 4})
    found = flow(circle, [[0.0], [8.5], [-1.0], [3.5]], 10, box=[(-1.5, 1)])
    assert set(found.status) == {Outcome.LEFT}
    np.testing.assert_allclose(found.stopped, [1, 0.5, 2, 1.5], atol=1e-8)
    np.testing.assert_allclose(found.last[:, 0], 1, atol=1e-12)
    assert flow(circle, [[0.0]], 10, box=[(-2, 2)]).status[0] is Outcome.COMPLETED


# -- rest ---------------------------------------------------------------


def test_orbits_settle_at_the_attracting_points_of_an_analysis():
    field = ga.simultaneous_gradient(FIGURE1)
    analysis = ga.analyze(FIGURE1, [(-30, 30)] * 2)
    start = np.random.default_rng(5).uniform(-14, 14, (40, 2))
    found = flow(field, start, 400, points=analysis)
    assert set(found.status) == {Outcome.SETTLED, Outcome.COMPLETED}
    assert len(set(found.settled)) >= 4
    for u, k, t in list(zip(start, found.settled, found.stopped))[:12]:
        late = reference(field, u, 400)
        one = flow(field, u, 400, points=analysis)
        assert one.settled == k and one.stopped == pytest.approx(t, rel=0.2)
        if k < 0:                               # out where the exponential is flat
            assert t == 400 and min(np.abs(late - p.x).max() for p in analysis) > 1
        else:
            assert t < 400 and analysis[k].stable["simultaneous"] is ga.Truth.YES
            np.testing.assert_allclose(late, analysis[k].x, atol=1e-7)


def test_the_time_of_settling_on_a_linear_field():
    for method in ("dormand-prince", "DOP853"):
        found = flow(ga.VectorField(x, x), [[1.0]], 40, points=[[0.0]], settle_atol=1e-3,
                     method=method, max_steps=10**4)
        assert found.status[0] is Outcome.SETTLED
        assert abs(found.last[0, 0]) <= 1e-3 and found.stopped[0] >= np.log(1e3) - 1e-3


def test_beside_a_saddle_an_orbit_goes_on():
    saddle = ga.VectorField((x, -y), (x, y))
    start = [[0.5, 1e-12], [0, 0], [0, 1e-9]]
    for method in ("dormand-prince", "DOP853"):
        found = flow(saddle, start, 25, points=[[0.0, 0.0]], settle_atol=1e-4, method=method,
                     atol=1e-18)
        # The first passes at 1e-6 and leaves; the second stays for ever; the third leaves.
        assert list(found.status) == [Outcome.COMPLETED, Outcome.SETTLED, Outcome.COMPLETED]
        assert list(found.settled) == [-1, 0, -1] and found.stopped[1] == 25
        np.testing.assert_allclose(found.last[[0, 2], 1],
                                   np.exp(25) * np.array([1e-12, 1e-9]), rtol=1e-3)


def test_a_start_at_an_attracting_point_has_settled():
    for method in ("dormand-prince", "DOP853"):
        found = flow(ga.VectorField((x, y), (x, y)), [[0, 0]], 5, points=[[1, 1], [0, 0]],
                     method=method)
        assert found.status[0] is Outcome.SETTLED and found.settled[0] == 1
        assert found.stopped[0] == 0 and (found.x == 0).all()


def test_points_that_are_no_zeros_or_do_not_attract_stop_nobody():
    node = ga.VectorField(x, x)
    for p in ([[0.5]], [[-0.25], [0.3]], np.empty((0, 1)), []):
        assert flow(node, [[1.0]], 3, points=p).status[0] is Outcome.COMPLETED
    # Attracting to first order, but within 1e-3 the cubic term has won: 1e-4 x - x^3 (1e3)^2.
    weak = ga.VectorField(x / 10**4 - x**3 * 10**6, x)
    assert flow(weak, [[9e-4]], 1, points=[[0.0]], settle_atol=1e-3).status[0] \
        is not Outcome.SETTLED
    undefined = ga.VectorField(sp.log(x), x)
    assert flow(undefined, [[2.0]], 1, points=[[-1.0]]).status[0] is Outcome.COMPLETED


def test_rest_is_meant_modulo_the_periods():
    pendulum = ga.VectorField((-y, sp.sin(x) + y), (x, y), periods={x: 2 * sp.pi})
    for method in ("dormand-prince", "DOP853"):
        found = flow(pendulum, [[0.5, 9.0]], 100, points=[[2 * np.pi, 0]], method=method,
                     settle_atol=1e-6)
        assert found.status[0] is Outcome.SETTLED and found.settled[0] == 0
        assert abs(found.last[0, 0]) < 1e-5


# -- closed orbits ------------------------------------------------------

VAN_DER_POL = ga.VectorField((-y, x - (1 - x**2) * y), (x, y))
TURN = 2 * np.pi


@pytest.mark.parametrize("method", ["dormand-prince", "DOP853"])
@pytest.mark.parametrize("field, start, span, period", [
    (ROTATION, [[1, 0], [0, 0.01]], 22, TURN),
    (ga.simultaneous_gradient(ga.catalog.bilinear()), [[0.3, 0.4]], 22, TURN),
    (ga.simultaneous_gradient(ga.catalog.jin_centre()), [[0.3, 0.1]], 6, None),
    # The period of van der Pol's cycle at mu = 1: D'Acunto, Mech. Res. Commun. 33, 2006.
    (VAN_DER_POL, [[2, 0], [0.1, 0]], 90, 6.6632868593231301896996820305),
    (ga.VectorField(-1 - sp.sin(x) / 2, x, periods={x: 2 * sp.pi}), [[0.0], [1.0]], 30,
     TURN / np.sqrt(0.75)),
    (ga.VectorField(-3, x, periods={x: 2}), [[0.0]], 5, 2 / 3),
    (ga.VectorField((-1, -2), (x, y), periods={x: 1, y: 1}), [[0.3, 0.2]], 9, 1)])
def test_closed_orbits_are_found_with_their_periods(method, field, start, span, period):
    if period is None:
        spectrum = np.linalg.eigvals(ga.compile_field(field).jacobian([0.0, 0.0]))
        assert abs(spectrum.real).max() < 1e-12
        period = TURN / abs(spectrum.imag[0])
    found = flow(field, start, span, detect_period=True, method=method, t_eval=5)
    assert set(found.status) == {Outcome.PERIODIC} and (found.stopped == span).all()
    np.testing.assert_allclose(found.period, period, rtol=3e-7)
    assert "closed orbits were looked for, at rtol = 1e-10" in repr(found)


@pytest.mark.parametrize("method", ["dormand-prince", "DOP853"])
@pytest.mark.parametrize("rate", ["1/10", "1/1000", "1/1000000", "-1/1000000"])
def test_a_slow_spiral_is_no_closed_orbit(method, rate):
    mu = sp.Rational(rate)
    spiral = ga.VectorField((y + mu * x, -x + mu * y), (x, y))
    found = flow(spiral, [[1, 0], [0, 2]], 60, detect_period=True, method=method, t_eval=2)
    assert set(found.status) == {Outcome.COMPLETED} and np.isnan(found.period).all()


def test_what_returns_without_closing_is_no_closed_orbit():
    slope = sp.sqrt(2)
    winding = ga.VectorField((-1, -slope), (x, y), periods={x: 1, y: 1})
    cubic = ga.VectorField((y + x * (x**2 + y**2), -x + y * (x**2 + y**2)), (x, y))
    still = ga.VectorField((x, y), (x, y))
    for field, start in ((winding, [0.1, 0.2]), (cubic, [0.02, 0]), (still, [0, 0]),
                         (ROTATION, [1e-6, 0])):
        found = flow(field, [start], 60, detect_period=True, t_eval=2)
        assert found.status[0] is Outcome.COMPLETED


# -- interrupts ---------------------------------------------------------


class Impatient(ga.CompiledField):
    """A field whose user presses Ctrl-C at the k-th evaluation."""
    blocks = None                           # so that every value goes through `columns`

    patience = 100

    def columns(self, u):
        self.patience -= 1
        if self.patience < 0:
            raise KeyboardInterrupt
        return super().columns(u)


@pytest.mark.parametrize("method", ["dormand-prince", "DOP853"])
@pytest.mark.parametrize("patience", [0, 1, 3, 40, 200])
def test_an_interrupt_keeps_what_is_done(method, patience, monkeypatch):
    monkeypatch.setattr(runge_kutta, "_WIDTH", (4, 4))
    field = Impatient(ROTATION)
    field.patience = patience
    start = np.random.default_rng(6).normal(size=(12, 2))
    found = flow(field, start, 20, method=method, t_eval=41, rtol=1e-8)
    assert Outcome.INTERRUPTED in found.status and np.isfinite(found.x).all()
    for u, path, until, status in zip(start, found.x, found.stopped, found.status):
        if status is Outcome.INTERRUPTED:
            assert until < 20
        done = found.t <= until
        np.testing.assert_allclose(path[done], turned(found.t[done], u), atol=1e-5)
        np.testing.assert_allclose(path[~done], np.broadcast_to(
            turned(until, u), path[~done].shape), atol=1e-5)


# -- bad input ----------------------------------------------------------


@pytest.mark.parametrize("error, words, options", [
    (ValueError, "must have a length", {"t_span": (1, 1)}),
    (ValueError, "take the field -g", {"t_span": (1, 0)}),
    (ValueError, "must be finite", {"t_span": np.inf}),
    (ValueError, "pair of times", {"t_span": (1, 2, 3)}),
    (ValueError, "pair of times", {"t_span": "soon"}),
    (ValueError, "start must consist of finite numbers", {"x0": [np.nan, 0]}),
    (ValueError, "raise bound", {"x0": [1e13, 0]}),
    (ga.ShapeError, r"shape \(\.\.\., 2\)", {"x0": [1, 2, 3]}),
    (ValueError, "rtol must be positive", {"rtol": 0}),
    (ValueError, "atol must be positive", {"atol": -1}),
    (ValueError, "bound must be positive", {"bound": 0}),
    (ValueError, "settle_atol must be positive", {"settle_atol": -1}),
    (ValueError, "max_steps must be an integer >= 1", {"max_steps": 0}),
    (ValueError, "t_eval must be an integer >= 2", {"t_eval": 1}),
    (ValueError, "or 'last', not 'all'", {"t_eval": "all"}),
    (ValueError, "increasing", {"t_eval": [0, 0.5, 0.5]}),
    (ValueError, "increasing", {"t_eval": []}),
    (ValueError, "times as numbers", {"t_eval": ["soon", "later"]}),
    (ValueError, "from 0 to 1, not reach from 0 to 2", {"t_eval": [0, 2]}),
    (ValueError, "method is 'auto'.*not 'euler'", {"method": "euler"}),
    (ValueError, "contradict", {"method": "heyoka", "native": False}),
    (ValueError, "compiles batches, and RK45 is SciPy's", {"method": "RK45", "native": True}),
    (ga.BoxError, "box", {"box": [(0, 1)]}),
    (ga.ShapeError, "points must have shape", {"points": [1.0, 2.0]}),
    (ga.ShapeError, r"\(k, 2\)", {"points": np.zeros((1, 1, 2))}),
    (ValueError, "points must be finite", {"points": [[np.nan, 0]]})])
def test_bad_input_is_named(error, words, options):
    with pytest.raises(error, match=words):
        flow(ROTATION, **{"x0": [1, 0], "t_span": 1, **options})


def test_a_game_is_no_field():
    with pytest.raises(TypeError, match="simultaneous_gradient.*not a Game"):
        flow(FIGURE1, [1, 0], 1)


def test_heyoka_that_is_missing_is_asked_for(monkeypatch):
    monkeypatch.setattr(native, "available", lambda: False)
    for options in ({"native": True}, {"method": "heyoka"}):
        with pytest.raises(ImportError, match=r"pip install 'gameanalysis\[native\]'"):
            flow(ROTATION, [1, 0], 1, **options)


# -- any field ----------------------------------------------------------


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(-4, 4), min_size=6, max_size=6), st.integers(0, 10**6))
def test_random_cubic_fields_against_scipy(coefficients, seed):
    a, b, c, d, e, f = (sp.Rational(k, 4) for k in coefficients)
    field = ga.VectorField((a * x + b * y + c * x * y + x**3, d * y + e * x**2 + f * x + y**3),
                           (x, y))
    start = np.random.default_rng(seed).uniform(-2, 2, (3, 2))
    found = flow(field, start, 3, rtol=1e-9, atol=1e-11)
    assert set(found.status) == {Outcome.COMPLETED}         # the cubes keep orbits in
    for u, last in zip(start, found.last):
        np.testing.assert_allclose(last, reference(field, u, 3), rtol=1e-5, atol=1e-7)


def test_the_closeness_that_the_documentation_states():
    assert orbits.CLOSED == 1e-7 and orbits.TIGHT[0] == 1e-10


def test_an_orbit_that_creeps_along_the_singular_set_has_reached_it():
    # The determinant stays at 5e-11 while the orbit slides along its zeros at 3e5.
    game = ga.catalog.game("softmax_bimatrix")
    field = ga.stackelberg_gradient(game, eta=sp.Rational(1, 2))
    for method in ("dormand-prince", "RK45"):
        found = flow(field, [0.89120829, -0.09619514], 4, rtol=1e-8, atol=1e-10, method=method)
        assert found.status is Outcome.SINGULAR and 0 < found.stopped < 0.1
        d22 = ga.follower_jacobian(game.without_parameters())[0] + sp.Rational(1, 2)
        assert abs(d22.subs(dict(zip(game.variables, found.last))).evalf()) < 1e-7
