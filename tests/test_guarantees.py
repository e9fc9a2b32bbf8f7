"""Guarantees: what is promised is true, against exact matrices and simulated learning.

Games are quadratic with prescribed blocks (see `equilibria`), so that J_S is known exactly, or
carry higher terms that leave the blocks as they are.
"""

import json
import math
import pickle
from dataclasses import replace

import mpmath
import numpy as np
import pytest
import sympy as sp
from equilibria import actions, entries, equilibria, matrices, numbers, positive, zero_sum
from hypothesis import given, settings
from hypothesis import strategies as st

import gameanalysis as ga
from gameanalysis import catalog
from gameanalysis.programs.precise import NoEnclosure
from gameanalysis.theory import regions, step_limits
from gameanalysis.theory.bounds import eigenvalue_bounds, gram_bounds, norm_bound
from gameanalysis.theory.conditions import necessary_condition, sufficient_condition
from gameanalysis.theory.rates import Guarantee, general_sum_rate, zero_sum_rate
from gameanalysis.theory.iterations import general_sum_iterations, zero_sum_iterations
from gameanalysis.theory.linearisation import Linearisation
from gameanalysis.theory.regions import lipschitz_radius
from gameanalysis.theory.step_limits import step_limit

x, y, z = sp.symbols("x y z", real=True)
YES, NO, UNDECIDED = ga.Truth.YES, ga.Truth.NO, ga.Truth.UNDECIDED


def stackelberg_jacobian(s, b, d, tau=1):
    """J_S_tau of a zero-sum game at an equilibrium: [[S1, 0], [-tau B', tau D]]."""
    return sp.Matrix(sp.BlockMatrix([[s, sp.zeros(*b.shape)], [-tau * b.T, tau * d]]))


def spectrum(matrix):
    """Ascending eigenvalues of an exact symmetric matrix to 40 digits."""
    with mpmath.workdps(40):
        return sorted(mpmath.eigsy(mpmath.matrix(matrix.tolist()), eigvals_only=True))


def starts(n, distance, count=6, seed=0):
    """Points at a distance from 0: along the axes and in random directions."""
    rng = np.random.default_rng(seed)
    directions = np.vstack([np.eye(n), -np.eye(n), rng.normal(size=(count, n))])
    return distance * directions / np.linalg.norm(directions, axis=1, keepdims=True)


# -- Theorem 3 ------------------------------------------------------------------------

@settings(max_examples=25)
@given(equilibria(), st.sampled_from([1, 3, sp.Rational(1, 5)]))
def test_theorem_3_bounds_the_exact_spectrum_on_the_right_side(equilibrium, tau):
    game, s, b, d = equilibrium
    found = zero_sum_rate(game, (0,) * len(game.variables), tau=tau).require()
    with mpmath.workdps(40):
        values = [*spectrum(s), *(mpmath.mpf(tau.p) / tau.q * v if isinstance(tau, sp.Rational)
                                  else tau * v for v in spectrum(d))]
        assert found.alpha <= min(values) <= found.alpha * (1 + 1e-11)
        assert found.beta >= max(values) >= found.beta * (1 - 1e-12)
    assert found.proved
    assert math.isclose(found.step_size, 1 / (2 * found.beta), rel_tol=1e-15)
    assert math.isclose(found.rate, 1 - found.alpha / (4 * found.beta), rel_tol=1e-15)
    radius = max(1 - found.step_size * v for v in values)
    assert radius <= found.spectral_radius <= radius + 1e-10
    update = np.eye(len(game.variables)) - found.step_size * numbers(
        stackelberg_jacobian(s, b, d, tau))
    # An eigenvalue of a matrix far from normal is known to few digits only.
    assert abs(np.linalg.eigvals(update)).max() <= found.spectral_radius + 1e-4


def test_theorem_3_by_hand():
    # S1 = -1 + 4/2 = 1, D = 2.
    found = zero_sum_rate(catalog.dse_not_nash(), (0, 0))
    assert (found.alpha, found.beta, found.step_size) == (1, 2, 0.25)
    assert (found.rate, found.spectral_radius, found.norm) == (0.875, 0.75, None)
    found = zero_sum_rate(catalog.dse_not_nash(), (0, 0), tau=0.25)
    assert (found.alpha, found.beta) == (0.5, 1)
    assert zero_sum_rate(catalog.dse_not_nash(), (0, 0), tau=sp.sqrt(2)).beta == \
        pytest.approx(2 * math.sqrt(2))


@pytest.mark.parametrize("name, failing", [
    ("stable_neither", "D22 f2 > 0 (no)"), ("jin_cosine", "S1(J) > 0 (no)"),
    ("dse_unstable_general_sum", "zero-sum (no)"), ("bilinear", "omega_S = 0 (no)")])
def test_a_hypothesis_that_fails_is_named_and_leaves_no_numbers(name, failing):
    found = zero_sum_rate(getattr(catalog, name)(), (0, 0))
    if name == "jin_cosine":
        failing = "D22 f2 > 0 (no)"
    assert found.holds is NO
    assert found.alpha is found.beta is found.step_size is found.rate is None
    assert "does not apply" in repr(found)
    with pytest.raises(ValueError, match="Theorem 3.*does not apply") as error:
        found.require()
    assert failing in str(error.value)


def test_a_saddle_has_no_rate_and_a_singular_leader_is_no_equilibrium():
    saddle = zero_sum_rate(catalog.figure1(), (0, 0))
    assert saddle.hypotheses["S1(J) > 0"] is NO and saddle.alpha is None
    # S1 = 0: the leader's Hessian is singular.
    flat = zero_sum_rate(ga.zero_sum(-x**2 + 2*x*y - y**2 + x**4, x, y), (0, 0))
    assert flat.hypotheses["S1(J) > 0"] is NO and flat.alpha is None


def test_where_alpha_cannot_be_told_from_zero_nothing_is_promised():
    # S1 is a rotation of diag(1, 10^-20), positive definite by an exact test.
    tiny = sp.Rational(1, 10**20)
    r = sp.Matrix([[3, -4], [4, 3]]) / 5
    game = zero_sum(r * sp.diag(1, tiny) * r.T, sp.zeros(2, 1), sp.eye(1))
    found = zero_sum_rate(game, (0, 0, 0))
    assert found.hypotheses["S1(J) > 0"] is YES
    assert found.hypotheses["alpha bounded away from 0"] is UNDECIDED
    assert found.alpha is None and found.holds is UNDECIDED
    bound = zero_sum_iterations(game, (0, 0, 0), epsilon=0.1, distance=1)
    assert bound.n_iterations is None and bound.holds is UNDECIDED


def test_without_intervals_numbers_are_floats_that_say_so():
    game = ga.zero_sum(x**2 / 2 + x*y - y**2 / 2 + x**3 * sp.loggamma(x + 3), x, y)
    for found in (zero_sum_rate(game, (0, 0)), general_sum_rate(game, (0, 0))):
        assert not found.point.certified
        assert found.holds is UNDECIDED and not found.proved
        assert found.alpha is not None and "not proved" in repr(found)
    for bound in (zero_sum_iterations, general_sum_iterations):
        found = bound(game, (0, 0), epsilon=0.1, distance=1)
        assert found.n_iterations is None and found.holds is UNDECIDED
        assert "floats, not proved" in repr(found)
    limit = step_limit(game, (0, 0))
    assert not limit.proved and limit.stable is UNDECIDED
    assert limit.stability_limit == pytest.approx(1)


# -- Theorem 5 ------------------------------------------------------------------------

@st.composite
def general_sum_equilibria(draw):
    """(game, J_S): quadratic costs near x^2 + |y|^2, so that J_S + J_S^T > 0."""
    n, m = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    a, d = draw(matrices(n, n)) / 8, draw(matrices(m, m)) / 8
    a, d = 2 * sp.eye(n) + a + a.T, 2 * sp.eye(m) + d + d.T
    b, c, e = draw(matrices(n, m)) / 8, draw(matrices(m, n)) / 8, draw(matrices(m, m)) / 8
    g = draw(matrices(m, 1))
    u, v = actions(n, m)
    one, two = sp.Matrix(u), sp.Matrix(v)
    # D f1 = a' - C' D^-1 g = 0 at the origin, where D2 f1 = g.
    slope = c.T * d.inv() * g
    f1 = (one.T * a * one / 2 + one.T * b * two + two.T * (e + e.T) * two / 4
          + g.T * two + slope.T * one)[0]
    f2 = (two.T * d * two / 2 + two.T * c * one)[0]
    pull = c.T * d.inv()
    jacobian = sp.BlockMatrix([[a - pull * b.T, b - pull * (e + e.T) / 2], [c, d]])
    return ga.Game(ga.Player(f1, u), ga.Player(f2, v)), sp.Matrix(jacobian)


@settings(max_examples=15)
@given(general_sum_equilibria())
def test_theorem_5_and_corollary_3_on_linear_learning(drawn):
    game, exact = drawn
    n = len(game.variables)
    found = general_sum_rate(game, (0,) * n).require()
    with mpmath.workdps(40):
        least = spectrum((exact + exact.T) / 2)[0]
        beta = spectrum(exact.T * exact)[-1]
        assert found.alpha <= least ** 2 <= found.alpha * (1 + 1e-11)
        assert found.beta * (1 - 1e-11) <= beta <= found.beta
    jacobian = numbers(exact)
    update = np.eye(n) - found.step_size * jacobian
    norm = np.linalg.norm(update, 2)
    # The exact norm may be smaller than the theorem's bound of it.
    assert norm <= found.norm + 1e-13
    assert found.norm == pytest.approx(math.sqrt(1 - found.alpha / found.beta), rel=1e-12)
    assert found.rate == pytest.approx(math.sqrt(1 - found.alpha / (2 * found.beta)), rel=1e-14)
    bound = general_sum_iterations(game, (0,) * n, epsilon=1e-3, distance=2.0).require()
    assert bound.radius == math.inf and bound.K == 1
    assert bound.n_iterations == bound.printed_n_iterations
    for start in starts(n, 2.0):
        current = start
        for _ in range(bound.n_iterations):
            new = update @ current
            assert np.linalg.norm(new) <= found.rate * np.linalg.norm(current) * (1 + 1e-12)
            current = new
        assert np.linalg.norm(current) <= 1e-3


def test_theorem_5_needs_a_positive_symmetric_part():
    # J_S = [[1, 0], [-100, 1]].
    found = general_sum_rate(catalog.non_normal(), (0, 0))
    assert found.hypotheses["D^2 f1 > 0"] is YES
    assert found.hypotheses["J_S + J_S^T > 0"] is NO and found.alpha is None
    bound = general_sum_iterations(catalog.non_normal(), (0, 0), epsilon=0.1, distance=1)
    assert bound.n_iterations is None and bound.radius is None and bound.holds is NO


def test_theorem_5_speaks_of_zeros_of_the_stackelberg_gradient():
    duopoly = catalog.duopoly()
    cournot = ga.analyze(duopoly, [(0, 100), (0, 100)])[0]
    found = general_sum_rate(duopoly, cournot)
    assert found.hypotheses["omega_S = 0"] is NO and found.alpha is None
    stackelberg = ga.analyze(duopoly, [(0, 100), (0, 100)], of="stackelberg")[0]
    assert general_sum_rate(duopoly, stackelberg).holds is YES
    # Both gradients vanish here, and D22 f2 = -1 < 0.
    found = general_sum_rate(catalog.stable_not_dse_general_sum(),
                             ga.analyze(catalog.stable_not_dse_general_sum(), [(-2, 2)] * 2)[0])
    assert found.hypotheses["omega_S = 0"] is YES and found.hypotheses["D22 f2 > 0"] is NO


# At the origin D f1 = 1/2 - 1/2 D2 f1 = 0 with D2 f1 = 1.
CURVED = ga.Game(ga.Player(x**2 + x*y/2 + sp.sin(y) + x/2 + y**3/3, x),
                 ga.Player(y**2/2 + x*y/2 + x**2*y + x*y**2/3 + x**3*sp.exp(y)/5, y))


@pytest.mark.parametrize("tau", [1, sp.Rational(5, 2)])
def test_the_enclosed_jacobian_where_the_answer_has_a_slope_and_a_curvature(tau):
    point = ga.classify(CURVED, [(0, 0)], of="stackelberg")[0]
    lin = Linearisation(CURVED, point, tau)
    low, high = lin.bounds(lin.stackelberg_jacobian)
    jacobian = symbolic_stackelberg_jacobian(CURVED, tau)
    exact = np.array(jacobian(*point.x)).reshape(2, 2)
    assert point.certified and (np.abs(low - exact) < 1e-12).all()
    assert (high - low < 1e-12).all()
    rng = np.random.default_rng(4)
    reach = np.array([[0.05], [0.1]])
    boxes = point.x[:, None] - reach, point.x[:, None] + reach
    (low, high), defined = regions._jacobians(lin, *boxes)
    assert defined.all()
    inside = rng.uniform(*boxes, size=(2, 500))
    values = np.array(jacobian(*inside)).T.reshape(-1, 2, 2)
    assert (low <= values + 1e-12).all() and (values <= high + 1e-12).all()
    assert (high - low <= 10 * (values.max(axis=0) - values.min(axis=0)) + 1e-9).all()


# -- Corollary 2 ----------------------------------------------------------------------

def test_the_printed_bound_of_corollary_2_is_false_and_ours_is_true():
    c = 100
    bound = zero_sum_iterations(catalog.non_normal(), (0, 0), epsilon=0.5, distance=1).require()
    update = np.array([[0.5, 0.0], [c / 2, 0.5]])
    assert bound.rate.step_size == 0.5 and bound.radius == math.inf
    assert bound.printed_n_iterations == 3 and bound.delta == math.inf and bound.lipschitz == 0
    assert np.linalg.norm(np.linalg.matrix_power(update, 3) @ [1, 0]) > 37
    worst = [np.linalg.norm(np.linalg.matrix_power(update, k), 2) for k in range(200)]
    assert all(value <= bound.K * bound.rate.rate ** k for k, value in enumerate(worst))
    needed = next(k for k in range(200) if max(worst[k:]) <= 0.5)
    assert needed == 12 and needed <= bound.n_iterations <= 3 * needed


@settings(max_examples=15)
@given(equilibria(), st.sampled_from([1, 4, sp.Rational(1, 3)]))
def test_corollary_2_holds_on_linear_learning(equilibrium, tau):
    game, s, b, d = equilibrium
    n = len(game.variables)
    bound = zero_sum_iterations(game, (0,) * n, epsilon=0.01, distance=1, tau=tau).require()
    assert bound.radius == math.inf
    update = np.eye(n) - bound.rate.step_size * numbers(stackelberg_jacobian(s, b, d, tau))
    power = np.eye(n)
    for k in range(1, min(bound.n_iterations, 3000) + 1):
        power = update @ power
        assert np.linalg.norm(power, 2) <= bound.K * bound.rate.rate ** k * (1 + 1e-9)
    if bound.n_iterations <= 3000:
        assert np.linalg.norm(power, 2) <= 0.01
    coupling = float(tau) * np.linalg.norm(numbers(b), 2)
    assert bound.K == pytest.approx(max(1, 4 * coupling / bound.rate.alpha), rel=1e-10)


NONLINEAR = [
    ("figure1", (-13.339180, -9.991698), 1), ("figure1", (-2.501509, -2.339861), 1),
    ("figure1", (12.188576, -5.423168), sp.Rational(1, 2)), ("figure1", (-10.4166, 8.4806), 3),
    ("torus", (0, 0), 1), ("torus", (sp.pi, sp.pi), 2)]


def zero_sum_dirac():
    """A zero-sum Dirac GAN, regularised so that its equilibrium is a DSE."""
    return ga.zero_sum(sp.log(1 + sp.exp(x * y)) - y**2 / 2, x, y, name="dirac")


@pytest.mark.parametrize("name, row, tau", [*NONLINEAR, (None, (0, 0), 1)])
def test_learning_from_the_certified_ball_keeps_its_promises(name, row, tau):
    game = zero_sum_dirac() if name is None else getattr(catalog, name)()
    point = ga.classify(game, [row])[0]
    radius = zero_sum_iterations(game, point, epsilon=1, distance=1, tau=tau).radius
    epsilon = 1e-5 * radius
    bound = zero_sum_iterations(game, point, epsilon=epsilon, distance=radius, tau=tau).require()
    assert bound.radius == radius > 0
    field = ga.stackelberg_gradient(game, tau=tau)
    steps = min(bound.n_iterations, 30_000)
    run = ga.iterate(field, point.x + starts(2, radius * (1 - 1e-9)), steps,
                     step_size=bound.rate.step_size).require()
    gap = run.x - point.x
    if name == "torus":
        gap = (gap + np.pi) % (2 * np.pi) - np.pi
    distance = np.linalg.norm(gap, axis=-1)
    promised = bound.K * bound.rate.rate ** np.arange(steps + 1) * radius
    assert (distance <= promised * (1 + 1e-9) + 1e-13).all()
    if steps == bound.n_iterations:
        assert (distance[:, -1] <= epsilon + 1e-13).all()
    # Not slower than the promised local rate once near, while rounding is invisible.
    late = distance[:, steps // 2]
    seen = late > 1e-10
    assert (distance[seen, steps // 2 + 20] <= late[seen] * (
        bound.K * bound.rate.rate ** 20) * (1 + 1e-6)).all()


def symbolic_stackelberg_jacobian(game, tau):
    """J_S_tau of a game with two scalar players, by SymPy alone."""
    f1, f2 = game.costs
    f1, f2 = (f.subs(dict(game.parameters)) for f in (f1, f2))
    a, b = game.variables
    lead = f1.diff(a) - f2.diff(a, b) / f2.diff(b, b) * f1.diff(b)
    field = sp.Matrix([lead, tau * f2.diff(b)])
    return sp.lambdify((a, b), list(field.jacobian([a, b])), "numpy")


@pytest.mark.parametrize("name, row, tau", NONLINEAR[:5])
def test_the_certified_ball_is_one_and_not_much_too_small(name, row, tau):
    game = getattr(catalog, name)()
    point = ga.classify(game, [row])[0]
    bound = zero_sum_iterations(game, point, epsilon=1e-9, distance=1e-9, tau=tau).require()
    jacobian = symbolic_stackelberg_jacobian(game, tau)
    s = 1 / bound.K
    weights = np.array([[1, 1 / s], [s, 1]])
    rng = np.random.default_rng(1)
    angle = rng.uniform(0, 2 * np.pi, 3000)
    star = np.array(jacobian(*point.x), dtype=float).reshape(2, 2)

    def worst(radius):
        reach = radius * np.sqrt(rng.uniform(0, 1, angle.size))
        a, b = point.x[0] + reach * np.cos(angle), point.x[1] + reach * np.sin(angle) / s
        entry = np.array([np.broadcast_to(e, a.shape) for e in jacobian(a, b)])
        return np.linalg.norm((entry.T.reshape(-1, 2, 2) - star) * weights, 2,
                              axis=(1, 2)).max()
    slack = bound.rate.alpha / 4
    assert worst(bound.radius) <= slack * (1 + 1e-9)
    assert worst(4 * bound.radius) > slack


@pytest.mark.parametrize("game, row", [
    (catalog.dirac_gan(), (0, 0)), (catalog.wgan_dirac(), (0, 0)), (catalog.duopoly(), (46, 26)),
    (ga.Game(ga.Player(x**2 + x*y + sp.sin(x)**2 * y + y**3/3, x),
             ga.Player(sp.cosh(y) + x*y/2 + x**2*y, y)), (0, 0))])
def test_general_sum_learning_from_the_certified_ball(game, row):
    point = ga.classify(game, [row], of="stackelberg")[0]
    radius = general_sum_iterations(game, point, epsilon=1, distance=0.5).radius
    distance = min(radius, 1.0)
    bound = general_sum_iterations(game, point, epsilon=1e-4 * distance,
                                   distance=distance).require()
    run = ga.iterate(ga.stackelberg_gradient(game), point.x + starts(2, distance * (1 - 1e-9)),
                     bound.n_iterations, step_size=bound.rate.step_size).require()
    far = np.linalg.norm(run.x - point.x, axis=-1)
    assert (far[:, 1:] <= bound.rate.rate * far[:, :-1] * (1 + 1e-9) + 1e-14).all()
    assert (far[:, -1] <= bound.epsilon).all()


def test_a_game_with_four_variables_has_a_ball():
    u, v = actions(2, 2)
    game = zero_sum(sp.Matrix([[1, 0], [0, -1]]), sp.Matrix([[1, 0], [1, 2]]), sp.eye(2),
                    more=u[0]**3 / 3 + sp.exp(v[1]) - 1 - v[1] - v[1]**2 / 2 + u[1]*v[0]**2)
    point = ga.classify(game, [(0, 0, 0, 0)])[0]
    radius = zero_sum_iterations(game, point, epsilon=1, distance=1).radius
    bound = zero_sum_iterations(game, point, epsilon=radius / 100, distance=radius).require()
    run = ga.iterate(ga.stackelberg_gradient(game), starts(4, radius), bound.n_iterations,
                     step_size=bound.rate.step_size).require()
    assert (np.linalg.norm(run.last, axis=-1) <= bound.epsilon).all()


def test_starts_beyond_the_certified_ball_are_promised_nothing():
    bound = zero_sum_iterations(catalog.torus(), (0, 0), epsilon=1e-6, distance=1)
    assert bound.hypotheses["distance <= radius"] is NO
    assert bound.n_iterations is None and bound.radius < 1
    assert "farther than the certified radius" in repr(bound)
    with pytest.raises(ValueError, match="distance <= radius"):
        bound.require()


def test_a_game_that_intervals_do_not_enclose_well_has_no_ball():
    # omega_S is not differentiable at any point near: sqrt(x^2 + tiny) is nearly |x|.
    f = x**2 / 2 + x*y - y**2 / 2 + sp.Rational(1, 10**6) * sp.sqrt(x**2 + sp.Rational(1, 10**60))
    bound = zero_sum_iterations(ga.zero_sum(f, x, y), (0, 0), epsilon=1e-3, distance=1e-2)
    assert bound.holds is not YES and bound.n_iterations is None


def test_no_updates_are_needed_where_the_start_is_near_enough():
    bound = general_sum_iterations(catalog.realizable(), (0, 0), epsilon=1, distance=1)
    assert bound.n_iterations == 0
    assert zero_sum_iterations(catalog.non_normal(0), (0, 0), epsilon=2,
                               distance=1).n_iterations == 0


def test_the_papers_radius_with_its_constant():
    game, tau = catalog.figure1(), 1
    point = ga.classify(game, [(-2.501509, -2.339861)])[0]
    bound = zero_sum_iterations(game, point, epsilon=1e-9, distance=1e-9)
    rate = bound.rate
    assert bound.delta <= rate.alpha / (4 * bound.lipschitz * rate.beta) * (1 + 1e-12)
    jacobian = symbolic_stackelberg_jacobian(game, tau)
    rng = np.random.default_rng(2)
    ends = []
    for _ in range(2):
        angle, reach = rng.uniform(0, 2*np.pi, 2000), bound.delta*np.sqrt(rng.uniform(0, 1, 2000))
        ends.append(point.x[:, None] + reach * np.array([np.cos(angle), np.sin(angle)]))
    change = np.array(jacobian(*ends[0])) - np.array(jacobian(*ends[1]))
    slope = rate.step_size * np.linalg.norm(change.T.reshape(-1, 2, 2), 2, axis=(1, 2)) \
        / np.linalg.norm(ends[0] - ends[1], axis=0)
    assert slope.max() <= bound.lipschitz <= 4 * slope.max()


def test_the_papers_radius_is_for_few_variables():
    game = zero_sum(sp.eye(3), sp.zeros(3, 2), sp.eye(2), more=sp.symbols("x1", real=True)**3)
    assert zero_sum_iterations(game, (0,) * 5, epsilon=1e-3, distance=1e-3).delta is None
    assert lipschitz_radius(Linearisation(catalog.torus(), (0, 0)), 1.0, 1e-300) is None


# -- Proposition 5 --------------------------------------------------------------------

@settings(max_examples=12)
@given(equilibria(), st.sampled_from([1, sp.Rational(2, 3)]))
def test_proposition_5_at_an_equilibrium(equilibrium, tau):
    game, s, b, d = equilibrium
    found = step_limit(game, (0,) * len(game.variables), tau=tau).require()
    assert found.stable is YES and found.proved
    with mpmath.workdps(40):
        values = [*spectrum(s), *(mpmath.mpf(sp.Rational(tau).p) / sp.Rational(tau).q * v
                                  for v in spectrum(d))]
        assert all(0 <= 1 - found.step_size * v < 1 for v in values)
        assert all(abs(1 - found.stability_limit * v) <= 1 for v in values)
        assert max(abs(1 - found.stability_limit * (1 + 1e-9) * v) for v in values) > 1
    assert found.L * found.step_size == pytest.approx(1)


@pytest.mark.parametrize("a, b, d, L", [(-3, 1, 1, 1), (2, 1, -1, 1), (-2, 1, -1, None),
                                        (3, 2, -2, 1)])
def test_proposition_5_at_points_that_are_no_equilibrium(a, b, d, L):
    # S1 = a + b^2/d, J_S = [[S1, 0], [-b, d]].
    game = ga.zero_sum(sp.Rational(a, 2)*x**2 + b*x*y - sp.Rational(d, 2)*y**2, x, y)
    found = step_limit(game, (0, 0)).require()
    s = a + b**2 / d
    assert found.stable is NO and found.stability_limit == 0 and found.proved
    assert "stable for no step" in repr(found)
    assert found.L == L if L is None or max(s, d) > 0 else True
    step = found.step_size or 1.0
    assert max(1 - step * s, 1 - step * d) >= 1
    if found.step_size is not None:
        assert min(1 - step * s, 1 - step * d) >= 0


@pytest.mark.parametrize("game, tau", [
    (catalog.duopoly(), 1), (catalog.duopoly(), 5), (catalog.dirac_gan(), 2),
    (catalog.dse_unstable_general_sum(), 1), (catalog.dse_unstable_general_sum(), 3),
    (catalog.stable_not_dse_general_sum(), 1)])
def test_the_limit_of_stability_in_general_sum(game, tau):
    row = (46, 26) if game.name == "duopoly" else (0, 0)
    found = step_limit(game, row, tau=tau)
    assert found.hypotheses["zero-sum"] is NO and found.step_size is None and found.proved
    jacobian = ga.stackelberg_jacobian(game, tau).subs(dict(zip(game.variables, row)))
    values = np.linalg.eigvals(numbers(jacobian.subs(dict(game.parameters))))
    limit = found.stability_limit
    if min(values.real) <= 0:
        assert found.stable is NO and limit == 0
        return
    assert found.stable is YES
    assert abs(1 - limit * (1 - 1e-9) * values).max() < 1
    assert abs(1 - limit * (1 + 1e-9) * values).max() > 1


def test_a_step_beyond_the_limit_is_not_proved_stable():
    lin = Linearisation(catalog.duopoly(), (46, 26))
    limit = step_limit(catalog.duopoly(), (46, 26)).stability_limit
    rows = lin.stackelberg_jacobian
    assert step_limits.is_stable_at(lin, rows, 0.999 * limit) is YES
    assert step_limits.is_stable_at(lin, rows, 1.001 * limit) is NO


def test_a_step_needs_a_stackelberg_gradient():
    found = step_limit(catalog.bilinear(), (0, 0))
    assert found.stability_limit is None and found.step_size is None
    assert found.hypotheses["det D22 f2 != 0"] is NO and found.stable is UNDECIDED


# -- Propositions E.1 and E.2 ----------------------------------------------------------

@settings(max_examples=20)
@given(st.integers(1, 3), st.integers(1, 2), st.data())
def test_proposition_e1_never_refutes_an_equilibrium(n, m, data):
    a, b = data.draw(matrices(n, n)), data.draw(matrices(n, m))
    a, d = a + a.T, data.draw(positive(m))
    found = necessary_condition(zero_sum(a, b, d), (0,) * (n + m)).require()
    schur = a + b * d.inv() * b.T
    if schur.is_positive_definite:
        assert found.satisfied is YES
    mu = spectrum(a)
    r = sum(v < -mpmath.mpf(10)**-30 for v in mu)
    assert found.n_negative == r and len(found.mu) == r
    kappa, inverse = np.linalg.norm(numbers(b), 2), [1 / v for v in spectrum(d)]
    values = [float(p + kappa**2 * q) for p, q in zip(mu[:r], inverse)]
    assert found.values == pytest.approx(values, abs=1e-9)
    if r > m or min(values, default=1) < -1e-9:
        assert found.satisfied is NO
    elif min(values, default=1) > 1e-9:
        assert found.satisfied is YES


def test_proposition_e1_at_its_edge_and_beyond_its_hypotheses():
    # mu + kappa^2 lambda = -1 + 1 = 0: not positive.
    edge = necessary_condition(ga.zero_sum(-x**2/2 + x*y - y**2/2, x, y), (0, 0))
    assert edge.satisfied is NO and edge.values == (0.0,)
    more = necessary_condition(ga.zero_sum(-x**2 - z**2 + 9*x*y - y**2/2, (x, z), y), (0, 0, 0))
    assert more.satisfied is NO and more.n_negative == 2 and more.n_following == 1
    for check in (necessary_condition, sufficient_condition):
        other = check(catalog.duopoly(), (sp.Rational(92, 3), sp.Rational(101, 3)))
        assert other.hypotheses["zero-sum"] is NO and other.values == ()
        assert check(catalog.stable_neither(), (0, 0)).hypotheses["D22 f2 > 0"] is NO


def test_proposition_e1_at_a_point_known_to_a_radius():
    # Four variables and an irrational point: eigenvalues by intervals.
    game = shifted(sp.diag(-1, 2), sp.diag(2, 1), sp.diag(1, 3))
    found = necessary_condition(game, (1.4142136,) * 4)
    assert found.point.exact is None and found.satisfied is YES
    game = shifted(sp.diag(-5, 2), sp.diag(2, 1), sp.diag(1, 3))
    found = necessary_condition(game, (1.4142136,) * 4)
    assert found.satisfied is NO and found.values == pytest.approx([-1])


def shifted(a, b, d):
    """A quadratic zero-sum game whose critical point has the coordinates sqrt(2)."""
    u, v = actions(*b.shape)
    game = zero_sum(a, b, d)
    move = {q: q - sp.sqrt(2) for q in (*u, *v)}
    return ga.zero_sum(game.costs[0].xreplace(move) + sp.sin(u[0] - sp.sqrt(2))**4, u, v)


@settings(max_examples=12)
@given(st.lists(st.integers(-4, 4), min_size=2, max_size=2), st.lists(entries, min_size=2,
       max_size=2), st.lists(st.integers(1, 3), min_size=2, max_size=2))
def test_proposition_e2_with_blocks_turned_from_diagonal_ones(mu, sigma, delta):
    w1 = sp.Matrix([[3, -4], [4, 3]]) / 5
    w2 = sp.Matrix([[5, 12], [-12, 5]]) / 13
    a, b, d = (w1 * sp.diag(*mu) * w1.T, w1 * sp.diag(*sigma) * w2.T,
               w2 * sp.diag(*delta) * w2.T)
    found = sufficient_condition(zero_sum(a, b, d), (0,) * 4).require()
    nu = sorted(p + sp.Rational(q**2, r) for p, q, r in zip(mu, sigma, delta))
    assert found.positive is (YES if min(nu) > 0 else NO)
    assert sorted(found.values) == pytest.approx([float(v) for v in nu], abs=1e-9)
    assert sorted(p + q**2 * r for p, q, r in zip(found.mu, found.sigma, found.lambda_)) == \
        pytest.approx(sorted(found.values), abs=1e-9)


def test_proposition_e2_needs_blocks_that_commute():
    turned = sp.Matrix([[1, 1], [1, 1]])
    for a, b, d in ((turned, sp.diag(1, 2), sp.eye(2)),
                    (sp.diag(1, 2), sp.eye(2), sp.eye(2) + turned),
                    (sp.eye(2), sp.diag(1, 2), sp.eye(2) + turned)):
        found = sufficient_condition(zero_sum(a, b, d), (0,) * 4)
        assert found.hypotheses["jointly diagonalisable"] is NO and found.values == ()
        assert found.positive is UNDECIDED
    # Where intervals decide: an equality is not proved, an inequality is.
    found = sufficient_condition(shifted(sp.diag(-1, 2), sp.diag(2, 1), sp.diag(1, 3)),
                                 (1.4142136,) * 4)
    assert found.hypotheses["jointly diagonalisable"] is not NO
    assert found.values == pytest.approx([2 + sp.Rational(1, 3), 3])
    found = sufficient_condition(shifted(turned, sp.diag(1, 2), sp.eye(2)), (1.4142136,) * 4)
    assert found.hypotheses["jointly diagonalisable"] is NO


def test_proposition_e2_with_an_exact_point_that_is_not_rational():
    # J has entries in Q(e): exact, and not rational up to a factor.
    u, v = actions(2, 1)
    f = (u[0] - 1)**2 * (sp.E + 1) / 2 + u[1]**2 + (u[0] - 1)*v[0] - v[0]**2 / 2
    found = sufficient_condition(ga.zero_sum(f, u, v), (1, 0, 0))
    assert found.hypotheses["jointly diagonalisable"] is YES and found.positive is YES
    assert found.values == pytest.approx([2, math.e + 2])


# -- bad input, records ----------------------------------------------------------------

CHECKS = [zero_sum_rate, general_sum_rate, step_limit, necessary_condition, sufficient_condition,
          lambda game, point, **more: zero_sum_iterations(game, point, epsilon=1, distance=1,
                                                          **more),
          lambda game, point, **more: general_sum_iterations(game, point, epsilon=1, distance=1,
                                                             **more)]


@pytest.mark.parametrize("check", CHECKS)
def test_statements_about_two_players_refuse_three(check):
    three = ga.Game(ga.Player(x**2, x), ga.Player(y**2, y), ga.Player(z**2, z))
    with pytest.raises(ga.GameError, match="two players, and the game has 3"):
        check(three, (0, 0, 0))
    with pytest.raises(ga.GameError, match="expected a Game"):
        check("game", (0, 0))
    with pytest.raises(ga.GameError, match="no critical point near"):
        check(catalog.realizable(), (1, 1))
    with pytest.raises(ValueError, match="2 coordinates"):
        check(catalog.realizable(), (0, 0, 0))


@pytest.mark.parametrize("tau", [0, -1, math.nan, math.inf])
@pytest.mark.parametrize("check", CHECKS[:3] + CHECKS[5:])
def test_the_ratio_of_the_learning_rates_is_positive(check, tau):
    with pytest.raises(ga.GameError, match="tau"):
        check(catalog.realizable(), (0, 0), tau=tau)


@pytest.mark.parametrize("bound", [zero_sum_iterations, general_sum_iterations])
@pytest.mark.parametrize("epsilon, distance", [(0, 1), (-1, 1), (1, 0), (1, math.inf),
                                               (math.nan, 1), ("a", 1)])
def test_distances_are_positive(bound, epsilon, distance):
    with pytest.raises(ValueError, match="epsilon|distance"):
        bound(catalog.realizable(), (0, 0), epsilon=epsilon, distance=distance)


def test_a_point_of_another_game_is_refused():
    point = ga.classify(catalog.non_normal(2), [(0, 0)])[0]
    with pytest.raises(ga.GameError, match="another game"):
        zero_sum_rate(catalog.non_normal(3), point)
    with pytest.raises(ga.ShapeError, match="2 coordinates"):
        zero_sum_rate(catalog.tau_star_2(), point)


def test_a_zero_sum_game_that_is_not_seen_as_one_is_undecided():
    # 1 - cos^2 and sin^2 are one function and two formulas.
    f = x**2 / 2 + x*y - y**2 / 2
    hidden = ga.Game(ga.Player(f + x**4 * (1 - sp.cos(x)**2), x),
                     ga.Player(-f - x**4 * sp.sin(x)**2, y))
    assert not hidden.is_zero_sum
    found = zero_sum_rate(hidden, (0, 0))
    assert found.hypotheses["zero-sum"] is UNDECIDED and found.holds is UNDECIDED
    assert found.rate is not None and general_sum_rate(hidden, (0, 0)).holds is YES
    gamma = ga.Game(ga.Player(f + x**4 * sp.loggamma(x + 3), x),
                    ga.Player(-f - x**4 * sp.loggamma(3 + x) - x**3, y))
    assert zero_sum_rate(gamma, (0, 0)).hypotheses["zero-sum"] is UNDECIDED


@pytest.mark.parametrize("game, row", [
    (catalog.non_normal(), (0, 0)), (catalog.bilinear(), (0, 0)), (catalog.torus(), (0, 0)),
    (catalog.tau_star_2(), (0,) * 4)])
@pytest.mark.parametrize("check", CHECKS)
def test_records_are_plain_frozen_and_short(check, game, row):
    found = check(game, row)
    assert len(repr(found).splitlines()) <= 6
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert plain["theorem"] == found.theorem and plain["x"] if "x" in plain else True
    assert plain["hypotheses"] == {k: str(t) for k, t in found.hypotheses.items()}
    again = pickle.loads(pickle.dumps(found))
    assert again.to_dict() == found.to_dict() and type(again) is type(found)
    with pytest.raises(TypeError):
        found.hypotheses["zero-sum"] = YES
    with pytest.raises(AttributeError):
        found.theorem = ""


def test_points_of_an_analysis_and_rows_give_the_same():
    game = catalog.figure1()
    point = ga.analyze(game, [(-4, -1), (-4, -1)])[0]
    assert zero_sum_rate(game, point).to_dict() == zero_sum_rate(game, point.x).to_dict()


def irrational(f):
    """A zero-sum game with its critical point moved from 0 to (sqrt 2, sqrt 2)."""
    r = sp.sqrt(2)
    return ga.zero_sum((f + sp.sin(x)**4).subs({x: x - r, y: y - r}, simultaneous=True), x, y)


def test_where_the_enclosure_is_too_wide_nothing_is_claimed():
    game = irrational(x**2/2 + x*y - y**2/2 + x**4/12 - y**4/12)
    point = replace(ga.classify(game, [(1.4142136,) * 2])[0], radius=3.0)
    for check in CHECKS[:2] + CHECKS[5:]:
        found = check(game, point)
        assert found.holds is UNDECIDED
        assert "n_iterations" not in found.to_dict() or found.n_iterations is None
    limit = step_limit(game, point)
    assert limit.holds is YES and limit.stability_limit <= 2
    more = game.costs[1] - x
    general = ga.Game(game.players[0], ga.Player(more, y))
    point = replace(ga.classify(general, [(1.4142136,) * 2])[0], radius=3.0)
    limit = step_limit(general, point)
    assert limit.stable is UNDECIDED and not limit.proved and limit.stability_limit > 0
    four = shifted(sp.diag(-1, 2), sp.diag(2, 1), sp.diag(1, 3))
    for a, joint in ((sp.zeros(2), YES), (sp.Matrix([[0, 1], [1, 0]]), NO)):
        u = sp.Matrix([v - sp.sqrt(2) for v in four.variables[:2]])
        more = (u[0]*u[1])**2 + sum((v - sp.sqrt(2))**4 for v in four.variables)
        moved = ga.zero_sum(four.costs[0] + more + (u.T * a * u)[0],
                            *(p.actions for p in four.players))
        point = ga.classify(moved, [(1.4142136,) * 4])[0]
        wide = replace(point, radius=3.0, differential_stackelberg_by_leader=(UNDECIDED,) * 2)
        assert necessary_condition(moved, wide).satisfied is UNDECIDED
        found = sufficient_condition(moved, wide)
        assert found.hypotheses["jointly diagonalisable"] is UNDECIDED
        assert bool(found.values) is (joint is YES)
        unknown = replace(wide, inertia={**wide.inertia, "D11 f1": None})
        assert necessary_condition(moved, unknown).satisfied is UNDECIDED


def test_where_a_derivative_is_undefined_in_the_enclosure_nothing_is_claimed():
    game = irrational(x**2/2 + x*y - y**2/2 + sp.log(1 + x)*x**3)
    point = ga.classify(game, [(1.4142136,) * 2])[0]
    wide = replace(point, radius=1.5, differential_stackelberg_by_leader=(UNDECIDED,) * 2)
    for check in CHECKS:
        found = check(game, wide)
        assert not getattr(found, "proved", False) or check is step_limit
        assert "not defined" in " ".join(found.notes) or check in CHECKS[2:5]


def test_a_point_where_nothing_is_defined_has_no_floats():
    game = ga.zero_sum(x*y + x**3 * sp.loggamma(x + 3), x, y)
    for check in CHECKS:
        found = check(game, (0, 0))
        assert found.holds is not YES
        assert getattr(found, "alpha", None) is None
    general = ga.Game(ga.Player(x*y + y**2 + x**3 * sp.loggamma(x + 3), x),
                      ga.Player(x*y + x**2, y))
    assert general_sum_rate(general, ga.classify(general, [(0, 0)])[0]).alpha is None


def test_a_leader_whose_cost_intervals_cannot_enclose():
    # omega and J have no gamma function, D2 f1 and J_S have; the twin agrees to 20 digits.
    slope = sp.Rational(str(sp.polygamma(0, 3).n(30)))
    follower = ga.Player(y**2/2 - x**2*y, y)
    point = ga.classify(ga.Game(ga.Player(x**2/2 + slope*y, x), follower), [(0, 0)])[0]
    game = ga.Game(ga.Player(x**2/2 + sp.loggamma(y + 3), x), follower)
    unknown = replace(point, differential_stackelberg_by_leader=(UNDECIDED,) * 2)
    for check in (CHECKS[1], CHECKS[2], CHECKS[6]):
        assert not getattr(check(game, point), "proved", False)
        assert check(game, unknown).hypotheses["omega_S = 0"] is UNDECIDED
        nothing = replace(unknown, inertia={**point.inertia, "D22 f2": None})
        assert check(game, nothing).holds is not YES
    found = general_sum_rate(game, point)
    assert found.alpha == pytest.approx(1) and "polygamma" in found.notes[0]


def test_a_ball_needs_a_bound_and_enclosures(monkeypatch):
    lin = Linearisation(catalog.torus(), (0, 0))
    star = lin.bounds(lin.stackelberg_jacobian)
    assert regions.contraction_radius(lin, star, 1.0, 0.01) > 0.01
    assert regions.contraction_radius(lin, star, 1.0, 0.0) is None

    def refuse(*_):
        raise NoEnclosure("erf")
    for name in ("_jacobians", "_magnitudes"):
        monkeypatch.setattr(regions, name, refuse)
    bound = zero_sum_iterations(catalog.torus(), (0, 0), epsilon=1e-6, distance=1e-5)
    assert bound.rate.holds is YES and bound.radius is bound.delta is None
    assert bound.hypotheses["distance <= radius"] is UNDECIDED and bound.n_iterations is None
    assert "no ball" in repr(bound) and bound.printed_n_iterations > 0


def test_bounds_of_extreme_numbers():
    huge = zero_sum_iterations(catalog.non_normal(), (0, 0), epsilon=1e-300, distance=1e300)
    assert huge.n_iterations == math.ceil(4 * math.log(4) + 4 * math.log(100)
                                          + 4 * 600 * math.log(10))
    assert zero_sum_iterations(ga.zero_sum(x**2 - y**2, x, y), (0, 0), epsilon=1,
                               distance=2).K == 1


def test_general_sum_limits_of_many_variables_are_floats():
    u, v = actions(5, 4)
    f1 = sum(q**2 for q in u) / 2 + u[0]*v[0] / 9 + v[1]**3
    f2 = sum(q**2 for q in v) + u[0]*v[0] / 9
    found = step_limit(ga.Game(ga.Player(f1, u), ga.Player(f2, v)), (0,) * 9)
    assert found.stable is UNDECIDED and not found.proved
    assert found.stability_limit == pytest.approx(1, rel=0.2)


def test_exact_coordinates_that_are_roots():
    game = ga.zero_sum(x**4/4 - x**2 + x*y - y**2, x, y)
    for point in ga.analyze(game, None):
        if point.x[0]:
            assert not all(v.is_Rational for v in point.exact)
            found = zero_sum_rate(game, point)
            # S1 = 3 x^2 - 2 + 1/2, D = 2 at x^2 = 3/2.
            assert found.holds is YES and found.alpha == pytest.approx(2)
            assert found.beta == pytest.approx(3)
            assert necessary_condition(game, point).satisfied is YES


def test_a_statement_prints_without_numbers():
    point = ga.classify(catalog.realizable(), [(0, 0)])[0]
    text = repr(Guarantee("A theorem", point, {"it holds": UNDECIDED}, ("a note",)))
    assert text.splitlines() == ["A theorem at (0, 0): not proved", "  it holds: undecided",
                                 "  a note"]


# -- bounds of eigenvalues --------------------------------------------------------------

@settings(max_examples=40)
@given(st.integers(1, 4).flatmap(lambda n: st.tuples(matrices(n, n), matrices(n, n))))
def test_eigenvalue_bounds_hold_for_every_member(pair):
    symmetric = pair[0] + pair[0].T
    exact = spectrum(symmetric)
    low, high = eigenvalue_bounds((numbers(symmetric), numbers(symmetric)))
    assert all(a <= v <= b for a, v, b in zip(low, exact, high))
    assert (high - low <= 1e-13 * (1 + abs(high).max())).all()
    radius = abs(numbers(pair[1] + pair[1].T)) / 10
    low, high = eigenvalue_bounds((numbers(symmetric) - radius, numbers(symmetric) + radius))
    rng = np.random.default_rng(3)
    for _ in range(5):
        shift = rng.uniform(-1, 1, radius.shape)
        member = numbers(symmetric) + radius * np.triu(shift) + radius * np.triu(shift, 1).T
        values = np.linalg.eigvalsh(member)
        assert (low <= values + 1e-12).all() and (values <= high + 1e-12).all()


@settings(max_examples=20)
@given(matrices(3, 2))
def test_singular_values_and_norms_are_bounded(matrix):
    values = np.linalg.svd(numbers(matrix), compute_uv=False)[::-1]
    low, high = gram_bounds((numbers(matrix), numbers(matrix)))
    assert (low <= values**2 + 1e-12).all() and (values**2 <= high + 1e-12).all()
    square = abs(np.hstack([numbers(matrix), numbers(matrix)[:, :1]]))
    assert np.linalg.norm(square, 2) <= norm_bound(square)


def test_nothing_is_bounded_where_an_entry_is_not():
    low, high = eigenvalue_bounds((np.full((2, 2), -np.inf), np.ones((2, 2))))
    assert np.isneginf(low).all() and np.isposinf(high).all()


def test_a_step_that_is_too_large_is_refused_when_the_guarantee_is_asked_for():
    limit = step_limit(catalog.realizable(), (0, 0))            # spectrum 1, 1: L = 1
    assert limit.at_step(1).require().holds is YES
    with pytest.raises(ValueError, match=r"gamma1 = 1.5 <= 1/L \(undecided\)"):
        limit.at_step(1.5).require()
    with pytest.raises(ValueError, match="positive"):
        limit.at_step(-1)
    general = step_limit(catalog.duopoly(), (46, 26))
    assert "limit of stability" in str(general.at_step(0.1).hypotheses)
