"""tau*: exact roots, enclosures and two float routes against bisection on the spectrum."""

import json
import math
import pickle
from dataclasses import replace
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import sympy as sp
from equilibria import actions, entries, equilibria, matrices, numbers, zero_sum
from hypothesis import given, settings
from hypothesis import strategies as st

import gameanalysis as ga
from gameanalysis import catalog
from gameanalysis.theory import pencils, time_scales
from gameanalysis.theory.pencils import is_regular_above, largest_root, schlaeflian
from gameanalysis.theory.time_scales import tau_star

x, y, z = sp.symbols("x y z", real=True)
YES, NO, UNDECIDED = ga.Truth.YES, ga.Truth.NO, ga.Truth.UNDECIDED


def scaled(jacobian, n1, tau):
    out = np.array(jacobian, dtype=float)
    out[n1:] *= tau
    return out


def abscissa(jacobian, n1, tau):
    """The least real part of the spectrum of J_tau."""
    return np.linalg.eigvals(scaled(jacobian, n1, tau)).real.min()


def brute_force(jacobian, n1):
    """The largest tau at which J_tau loses its stability: a scan, then bisection."""
    grid = np.geomspace(1e-6, 1e6, 6_001)
    stack = np.broadcast_to(jacobian, (len(grid), *jacobian.shape)).copy()
    stack[:, n1:] *= grid[:, None, None]
    unstable = np.flatnonzero(np.linalg.eigvals(stack).real.min(axis=1) <= 0)
    if not unstable.size:
        return 0.0
    if unstable[-1] == len(grid) - 1:
        return math.inf
    low, high = grid[unstable[-1]], grid[unstable[-1] + 1]
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if abscissa(jacobian, n1, middle) <= 0 else (low, middle)
    return high


def check_against(found, jacobian, n1, rtol=1e-10):
    """All routes of a record agree with bisection."""
    expected = brute_force(jacobian, n1)
    assert found.stable_for_large_tau is (NO if math.isinf(expected) else YES)
    for name, value in found.routes:
        assert value == pytest.approx(expected, rel=rtol, abs=1e-12), name
    assert found.tau_star == pytest.approx(expected, rel=rtol, abs=1e-12)
    return expected


@settings(max_examples=25)
@given(equilibria(3))
def test_every_route_agrees_with_bisection_on_the_spectrum(equilibrium):
    game, s, b, d = equilibrium
    n1, n2 = b.shape
    found = tau_star(game, (0,) * (n1 + n2)).require()
    a = s - b * d.inv() * b.T
    jacobian = numbers(sp.Matrix(sp.BlockMatrix([[a, b], [-b.T, d]])))
    expected = check_against(found, jacobian, n1, 1e-9)
    assert [name for name, _ in found.routes] == ["exact", "pencil", "formula"]
    low, high = found.enclosure
    assert low <= high and high - low <= Fraction(1, 2**70)
    if found.exact is not None:
        assert abs(sp.N(found.exact - sp.Rational(low.numerator, low.denominator), 30)) < 1e-20
    if expected:
        # Exactly at the root the spectrum touches the axis, and beside it crosses it.
        assert abs(abscissa(jacobian, n1, expected)) < 1e-6 * np.abs(jacobian).max()
        assert abscissa(jacobian, n1, 1.001 * expected) > 0


@settings(max_examples=30)
@given(st.integers(1, 2), st.integers(1, 2), st.data())
def test_general_sum_games_with_any_jacobian(n, m, data):
    jacobian = data.draw(matrices(n + m, n + m))
    for lead, follow in ((0, n), (n, n + m)):
        for i in range(lead, follow):
            for j in range(lead, i):
                jacobian[i, j] = jacobian[j, i]
    u, v = actions(n, m)
    both = sp.Matrix([*u, *v])
    slope = jacobian * both
    f1 = sum(p*q for p, q in zip(u, jacobian[:n, n:] * sp.Matrix(v))) + (
        sp.Matrix(u).T * jacobian[:n, :n] * sp.Matrix(u))[0] / 2
    f2 = sum(p*q for p, q in zip(v, jacobian[n:, :n] * sp.Matrix(u))) + (
        sp.Matrix(v).T * jacobian[n:, n:] * sp.Matrix(v))[0] / 2
    game = ga.Game(ga.Player(f1, u), ga.Player(f2, v))
    assert [sp.expand(p - q) for p, q in zip(ga.game_gradient(game), slope)] == [0] * (n + m)
    found = tau_star(game, (0,) * (n + m))
    values = numbers(jacobian)
    if abs(np.linalg.det(values)) < 1e-9:
        assert found.stable_for_large_tau is NO     # an eigenvalue is zero for every tau
        return
    if found.stable_for_large_tau is YES:
        above = 2 * found.tau_star + 1
        assert abscissa(values, n, above) > 0
        assert abscissa(values, n, 1e3 * above) > 0
        if found.tau_star > 0:
            assert abscissa(values, n, found.tau_star * (1 - 1e-9)) < 1e-7
            assert abs(abscissa(values, n, found.tau_star)) < 1e-6
    else:
        assert found.stable_for_large_tau is NO and found.tau_star == math.inf
        assert abscissa(values, n, 1e7) < 1e-6 * 1e7


def test_known_values():
    expected = {"dse_unstable": 2, "jin_centre": 1, "realizable": 0, "dse_not_nash":
                sp.Rational(1, 2), "tau_star_2": 2}
    for name, value in expected.items():
        game = getattr(catalog, name)()
        found = tau_star(game, (0,) * len(game.variables)).require()
        assert found.exact == value and found.enclosure == (Fraction(str(value)),) * 2
        assert found.proved and found.tau_star == float(value)
        assert all(v == pytest.approx(float(value)) for _, v in found.routes)
    torus = catalog.torus()
    assert tau_star(torus, (0, 0)).exact == sp.Rational(17, 23)
    assert tau_star(torus, (sp.pi, sp.pi)).exact == sp.Rational(23, 17)
    assert tau_star(torus, (0, 0)).tau_star == pytest.approx(0.7391, abs=1e-4)
    assert tau_star(torus, (sp.pi, sp.pi)).tau_star == pytest.approx(1.3529, abs=1e-4)
    for gan in (catalog.dirac_gan(), catalog.wgan_dirac()):
        assert tau_star(gan, (0, 0)).exact == 0


@given(st.integers(-9, 9), entries, st.integers(1, 5))
@settings(max_examples=30)
def test_two_scalar_players(a, b, d):
    # S1 = a + b^2/d > 0: tau* = max(0, -a/d).
    found = tau_star(ga.zero_sum(sp.Rational(a, 2)*x**2 + b*x*y - sp.Rational(d, 2)*y**2, x, y),
                     (0, 0))
    if a * d + b * b > 0:
        assert found.exact == max(0, sp.Rational(-a, d))
    else:
        assert found.tau_star == math.inf and found.holds is NO
        assert found.conditions["spec S1(J) > 0"] is NO


def test_at_the_critical_time_scale_itself_the_point_is_a_centre():
    found = tau_star(catalog.jin_centre(), (0, 0))
    assert found.is_stable_at(1) is NO
    assert found.is_stable_at(sp.Rational(10**9 + 1, 10**9)) is YES
    assert found.is_stable_at(0.5) is UNDECIDED
    assert tau_star(catalog.realizable(), (0, 0)).is_stable_at(1e-9) is YES
    assert tau_star(catalog.stable_neither(), (0, 0)).is_stable_at(1) is UNDECIDED
    for bad in (0, -1, math.nan):
        with pytest.raises(ga.GameError, match="tau"):
            found.is_stable_at(bad)
    with pytest.raises(ValueError, match="rational"):
        found.is_stable_at(sp.sqrt(2))


@pytest.mark.parametrize("name, row, follower, slow", [
    ("stable_neither", (0, 0), NO, NO), ("dse_unstable_general_sum", (0, 0), YES, NO),
    ("nash_unstable_general_sum", (0, 0), YES, NO), ("tandem", (0, 1), YES, NO),
    ("bilinear", (0, 0), NO, UNDECIDED)])
def test_where_no_time_scale_helps_the_record_says_why(name, row, follower, slow):
    found = tau_star(getattr(catalog, name)(), row)
    assert found.stable_for_large_tau is NO and found.proved
    assert found.tau_star == math.inf and found.enclosure is None and found.exact is None
    assert list(found.conditions.values()) == [follower, slow]
    with pytest.raises(ValueError, match="stable for all large tau"):
        found.require()
    assert all(math.isinf(value) for _, value in found.routes)


def test_an_irrational_saddle_is_refused_by_the_signs_of_its_blocks():
    game = catalog.figure1()
    point = ga.classify(game, [(-5.622884, -4.742524)])[0]
    found = tau_star(game, point)
    assert found.point.exact is None
    assert found.stable_for_large_tau is NO and found.tau_star == math.inf
    assert found.conditions["spec S1(J) > 0"] is NO


def test_a_follower_without_curvature_may_be_stable_at_every_time_scale():
    # J_tau = [[1, 1], [-tau, 0]]: trace 1, determinant tau.
    found = tau_star(ga.zero_sum(x**2/2 + x*y, x, y), (0, 0)).require()
    assert found.conditions["spec D22 f2 > 0"] is NO
    assert found.exact == 0 and found.is_stable_at(1) is YES
    # With an irrational point nothing exact is left, and nothing is claimed.
    r = sp.sqrt(2)
    found = tau_star(ga.zero_sum((x - r)**2/2 + (x - r)*(y - r) + sp.sin(x - r)**4, x, y),
                     (1.4142136, 1.4142136))
    assert found.point.exact is None and found.stable_for_large_tau is UNDECIDED
    assert not found.proved and "not proved" in repr(found)


def figure_1_values(row):
    """(A, D) of Figure 1's game at the critical point near ``row``, to 30 digits."""
    f = catalog.figure1().costs[0].subs(dict(catalog.figure1().parameters))
    a, b = catalog.figure1().variables
    with mpmath.workdps(40):
        gradient = [sp.lambdify((a, b), f.diff(v), "mpmath") for v in (a, b)]
        root = mpmath.findroot(lambda p, q: [g(p, q) for g in gradient], row)
        return tuple(sp.lambdify((a, b), sign * f.diff(v, v), "mpmath")(*root)
                     for sign, v in ((1, a), (-1, b)))


@pytest.mark.parametrize("row", [(-13.339180, -9.991698), (-2.501509, -2.339861),
                                 (-10.416623, 8.480549), (12.188576, -5.423168)])
def test_irrational_points_are_enclosed(row):
    found = tau_star(catalog.figure1(), ga.classify(catalog.figure1(), [row])[0]).require()
    a, d = figure_1_values(row)
    exact = max(mpmath.mpf(0), -a / d)
    low, high = (mpmath.mpf(e.numerator) / e.denominator for e in found.enclosure)
    assert low <= exact <= high and high - low <= 1e-12 * (1 + exact)
    assert found.routes[0][0] == "intervals" and found.exact is None
    assert found.is_stable_at(2 * found.tau_star + 1) is YES
    if exact:
        assert found.is_stable_at(found.enclosure[0]) is UNDECIDED


@settings(max_examples=12)
@given(equilibria(2))
def test_intervals_enclose_the_exact_root_of_the_same_game_moved_to_an_irrational_point(drawn):
    game, _, b, _ = drawn
    exact = tau_star(game, (0,) * len(game.variables))
    r = sp.sqrt(2)
    move = {v: v - r for v in game.variables}
    moved = ga.zero_sum(game.costs[0].xreplace(move) + sp.sin(game.variables[0] - r)**4,
                        *(p.actions for p in game.players))
    found = tau_star(moved, (1.41421356,) * len(game.variables))
    assert found.point.exact is None and found.stable_for_large_tau is YES
    if found.enclosure is not None:
        low, high = found.enclosure
        assert low <= exact.enclosure[1] and exact.enclosure[0] <= high
        assert high - low <= Fraction(1, 10**3) * (1 + high)
    assert found.tau_star == pytest.approx(exact.tau_star, rel=1e-6, abs=1e-6)


def test_intervals_enclose_a_game_of_four_variables():
    r = sp.sqrt(2)
    u, v = actions(2, 2)
    f = catalog.tau_star_2().costs[0].xreplace(dict(zip(catalog.tau_star_2().variables,
                                                        [q - r for q in (*u, *v)])))
    found = tau_star(ga.zero_sum(f + sp.sin(u[0] - r)**4, u, v), (1.41421356,) * 4)
    low, high = found.enclosure
    assert found.point.exact is None and low <= 2 <= high and high - low < 1e-11


def test_a_common_factor_that_is_not_rational_does_not_matter():
    # e (-x^2 + 2xy - y^2/2) at the rational point 0.
    found = tau_star(ga.zero_sum(sp.E * (-x**2 + 2*x*y - y**2/2), x, y), (0, 0))
    assert found.exact == 2


def test_a_jacobian_in_a_field_of_exponentials_is_enclosed():
    # A = -e, D = 1: tau* = e, which is no rational number.
    found = tau_star(ga.zero_sum(-sp.E*x**2/2 + 3*x*y - y**2/2, x, y), (0, 0))
    low, high = found.enclosure
    assert low < Fraction(math.e) < high and found.exact is None
    # Two exponentials in one entry: A = -e - 1.
    found = tau_star(ga.zero_sum(-(sp.E + 1)*x**2/2 + 3*x*y - y**2/2, x, y), (0, 0))
    assert found.tau_star == pytest.approx(math.e + 1, rel=1e-13)


def test_an_irrational_root_has_its_short_form():
    # S1 = [[3, 2], [2, 4]].
    game = zero_sum(sp.diag(-1, -3), sp.Matrix([[2, 0], [1, sp.sqrt(6)]]).applyfunc(
        lambda e: sp.Rational(5, 2) if e == sp.sqrt(6) else e), sp.eye(2))
    found = tau_star(game, (0,) * 4).require()
    assert found.exact is not None and not found.exact.is_Rational
    assert float(found.exact) == pytest.approx(found.tau_star, rel=1e-14)
    low, high = found.enclosure
    assert low < high and (found.exact - low).n(40) >= 0 and (high - found.exact).n(40) >= 0


def test_a_point_that_is_critical_for_stackelberg_play_only():
    duopoly = catalog.duopoly()
    point = ga.analyze(duopoly, [(0, 100)] * 2, of="stackelberg")[0]
    found = tau_star(duopoly, point)
    assert found.hypotheses["omega = 0"] is NO and found.tau_star is None
    assert found.holds is NO and not found.proved and found.is_stable_at(1) is UNDECIDED


def test_without_a_proof_the_floats_say_so():
    game = ga.zero_sum(-x**2 + 2*x*y - y**2 / 2 + x**3 * sp.loggamma(x + 3), x, y)
    found = tau_star(game, (0, 0))
    assert not found.point.certified and found.stable_for_large_tau is UNDECIDED
    assert found.tau_star == pytest.approx(2) and not found.proved
    assert "floats, not proved" in repr(found)


def test_pi_in_the_jacobian():
    # A = -pi, D = 1: tau* = pi, enclosed.
    found = tau_star(ga.zero_sum(-sp.pi*x**2/2 + 3*x*y - y**2/2, x, y), (0, 0))
    assert found.exact is None and found.enclosure[0] < sp.pi < found.enclosure[1]
    # sin(1) at a rational point is no exact number here.
    found = tau_star(ga.zero_sum(-sp.sin(1)*x**2/2 + 3*x*y - y**2/2, x, y), (0, 0))
    assert found.tau_star == pytest.approx(math.sin(1)) and found.exact is None


def test_a_wide_enclosure_leaves_floats():
    game = catalog.figure1()
    for row in ((-2.501509, -2.339861), (12.188576, -5.423168)):
        point = replace(ga.classify(game, [row])[0], radius=1.0)
        found = tau_star(game, point)
        assert found.stable_for_large_tau is YES and found.enclosure is None
        assert not found.proved and found.is_stable_at(10) is UNDECIDED
    r = sp.sqrt(2)
    moved = (x - r)**2/2 + (x - r)*(y - r) - (y - r)**2/2 + sp.log(1 + x - r)*(x - r)**3
    game = ga.zero_sum(moved, x, y)
    point = replace(ga.classify(game, [(1.4142136,) * 2])[0], radius=1.5)
    assert tau_star(game, point).enclosure is None


@pytest.mark.parametrize("guess", [0.0, 0.6, 0.62631, 0.62632, 0.7])
def test_a_wrong_float_is_not_enclosed(guess, monkeypatch):
    # tau* = 0.6263156...
    monkeypatch.setattr(time_scales, "_pencil_route", lambda *_: guess)
    found = tau_star(catalog.figure1(), (-2.501509, -2.339861))
    assert found.enclosure is None or found.enclosure[0] <= 0.626315606191 <= found.enclosure[1]
    assert not found.proved or abs(guess - 0.6263156) < 1e-4


def test_many_variables():
    # Independent pairs: tau* is the largest of those of the pairs, here 3.
    n = 6
    a, b, d = sp.diag(*[-k for k in range(1, n + 1)]), sp.eye(n) * 4, sp.eye(n) * 2
    found = tau_star(zero_sum(a, b, d), (0,) * (2 * n))
    assert found.stable_for_large_tau is YES
    assert found.tau_star == pytest.approx(3, rel=1e-8)
    large = tau_star(zero_sum(-2 * sp.eye(7), 4 * sp.eye(7), 2 * sp.eye(7)), (0,) * 14)
    assert large.enclosure is None and large.tau_star == pytest.approx(1, rel=1e-6)
    stable = tau_star(zero_sum(sp.eye(7), sp.eye(7), 2 * sp.eye(7)), (0,) * 14)
    assert stable.proved and stable.enclosure == (0, 0)
    small = tau_star(zero_sum(a[:3, :3], b[:3, :3], d[:3, :3]), (0,) * 6)
    assert small.exact == sp.Rational(3, 2)


def test_three_players_and_bad_points_are_refused():
    three = ga.Game(ga.Player(x**2, x), ga.Player(y**2, y), ga.Player(z**2, z))
    with pytest.raises(ga.GameError, match="two players"):
        tau_star(three, (0, 0, 0))
    with pytest.raises(ga.GameError, match="no critical point near"):
        tau_star(catalog.jin_centre(), (1, 1))


@pytest.mark.parametrize("name, row", [("tau_star_2", (0,) * 4), ("stable_neither", (0, 0)),
                                       ("figure1", (-2.501509, -2.339861))])
def test_records_are_plain_and_short(name, row):
    found = tau_star(getattr(catalog, name)(), row)
    assert len(repr(found).splitlines()) <= 6
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert plain["stable_for_large_tau"] == str(found.stable_for_large_tau)
    if found.enclosure is not None:
        assert plain["enclosure"][0] <= found.tau_star <= plain["enclosure"][1]
    again = pickle.loads(pickle.dumps(found))
    assert again.to_dict() == found.to_dict()
    with pytest.raises(TypeError):
        found.conditions["spec D22 f2 > 0"] = YES


# -- the pencil -------------------------------------------------------------------------

@settings(max_examples=15)
@given(st.integers(2, 4).flatmap(lambda n: matrices(n, n)))
def test_the_schlaeflian_has_the_sums_of_pairs_of_eigenvalues(matrix):
    n = len(matrix.tolist())
    values = np.linalg.eigvals(numbers(matrix))
    sums = np.poly([values[i] + values[j] for i in range(n) for j in range(i + 1, n)])
    found = np.poly(np.array(schlaeflian(numbers(matrix).tolist())))
    assert found == pytest.approx(sums.real, rel=1e-6, abs=1e-6)


def test_a_sum_of_eigenvalues_that_vanishes_for_every_tau():
    # The first leading pair of eigenvalues is +-i whatever tau is.
    jacobian = [[Fraction(v) for v in row] for row in ([0, 1, 0], [-1, 0, 0], [0, 0, 1])]
    assert largest_root(jacobian, 2) == (NO, None)


def test_regularity_on_a_ray_is_not_claimed_across_a_root(monkeypatch):
    # tau* = 2.
    jacobian = np.array([[-2.0, 2.0], [-2.0, 1.0]])
    assert is_regular_above(jacobian, jacobian, 1, 2.0001)
    assert not is_regular_above(jacobian, jacobian, 1, 1.9999)
    assert not is_regular_above(jacobian, jacobian, 1, 0.0)
    assert not is_regular_above(jacobian - 0.1, jacobian + 0.1, 1, 2.0001)
    assert is_regular_above(jacobian - 0.01, jacobian + 0.01, 1, 3.0)
    monkeypatch.setattr(pencils, "_STEPS", 2)
    assert not is_regular_above(jacobian, jacobian, 1, 2.0001)
    # Regular in floats at no tau: A = 0 and D = 0.
    none = np.array([[0.0, 1.0], [-1.0, 0.0]])
    assert not is_regular_above(none, none, 1, 0.0)
