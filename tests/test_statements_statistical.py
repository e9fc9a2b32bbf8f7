"""Statements that are tested at random, and structural stability: what they can and cannot see."""

from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from scipy import stats

from gameanalysis import catalog, classify, compile_game, strategies, zero_sum
from gameanalysis.declaration.game import Game, Player
from gameanalysis.statements import avoidance, genericity
from gameanalysis.statements.avoidance import (avoids_saddle, avoids_saddle_with_noise,
                                               reaches_equilibrium, tail)
from gameanalysis.statements.claims import Finding, Ruling, judge
from gameanalysis.statements.genericity import (degenerate_set_is_empty, generic_determinant,
                                                persistence)
from gameanalysis.statements.lyapunov import expansion, update_derivative
from gameanalysis.truth import Truth
from gameanalysis.verdicts.local import LocalGame

x, y, t = sp.symbols("x y t", real=True)
GENERIC, AVOIDED = genericity.TABLE, avoidance.TABLE


def known(name, **values):
    game = catalog.game(name)
    return LocalGame(game, [0] * len(game.variables), values)


def family(f):
    """(f, -f) at the origin, with the parameter t = 0."""
    return LocalGame(Game(Player(f, x), Player(-f, y), parameters={t: 0}), (0, 0))


class Zeros:
    """No random perturbation at all."""

    def integers(self, low, high, size, endpoint):
        return np.zeros(size, dtype=int)


# -- the claims -------------------------------------------------------------------------------

def test_equal_seeds_give_equal_verdicts():
    claim, local = AVOIDED["theorem-6"], known("stable_neither")
    assert str(judge(claim, local, seed=4)) == str(judge(claim, local, seed=4))


# -- generic games ------------------------------------------------------------------------------

def test_a_degenerate_follower_is_cured_by_a_form_and_by_nothing_less():
    local = known("bilinear")
    assert generic_determinant(local, np.random.default_rng(0)).truth is Truth.YES
    assert generic_determinant(local, Zeros()).truth is Truth.NO


@pytest.mark.parametrize("f, of", [(x**4 - y**4, "follower"), (x**2 - y**4, "follower"),
                                   (x**4 - y**2, "game"), (x**3 - x*y**2 + y**4, "game")])
def test_degenerate_critical_points_vanish_under_linear_terms(f, of):
    # At 0 the gradient and the determinant vanish.
    local = LocalGame(zero_sum(f, x, y), (0, 0))
    assert degenerate_set_is_empty(local, Zeros(), of=of).truth is Truth.NO
    assert degenerate_set_is_empty(local, np.random.default_rng(1), of=of).truth is Truth.YES


def test_linear_terms_do_not_cure_a_determinant_that_vanishes_everywhere():
    local = known("bilinear")
    assert degenerate_set_is_empty(local, np.random.default_rng(0)).truth is Truth.NO
    assert judge(GENERIC["theorem-1"], local).ruling is Ruling.NOT_MET
    # f = x^3/3 + b x: its degenerate point 0 is critical for b = 0 alone.
    cubic = LocalGame(zero_sum(x**3/3 - y**2/2, x, y), (0, 0))
    assert judge(GENERIC["theorem-1"], cubic).ruling is Ruling.HOLDS


# -- structural stability ----------------------------------------------------------------------

@given(strategies.perturbed_games(strategies.stackelberg_games(completion="any")))
@settings(max_examples=8)
def test_the_equilibrium_is_found_at_both_ends_of_the_interval(local):
    found = persistence(local)
    game, point = local
    (parameter,) = game.parameters
    for value in (found.t0, -found.t0):
        moved = game.substitute({parameter: sp.Rational(value.numerator, value.denominator)})
        compiled, root = compile_game(moved), np.array(point, dtype=float)
        for _ in range(20):
            root -= np.linalg.solve(compiled.jacobian(root), compiled.gradient(root))
        record, = classify(moved, [root])
        assert record.differential_stackelberg is Truth.YES
        assert np.abs(record.x - np.array(point, dtype=float)).max() < found.radius


@pytest.mark.parametrize("f, limit", [
    (x**2/2 - y**2/2 - t*x**2, Fraction(1, 2)),             # S1 = 1 - 2t
    (x**2/2 - y**2/2 + t*y**2, Fraction(1, 2)),             # D = 1 - 2t
    (-x**2/2 + 2*x*y - y**2 + t*x**2/2, 1),                 # S1 = t + 1
    (x**2/2 - y**2/2 + x**3/3 + t*x, Fraction(1, 4))])      # x^2 + x + t = 0
def test_no_more_is_promised_than_is_true(f, limit):
    found = persistence(family(f))
    assert 0 < found.t0 < limit


def test_the_ball_holds_one_critical_point():
    # f = x^2/2 - y^2/2 + x^3/3 has another critical point at x = -1; for t it moves to
    # -(1 + sqrt(1 - 4t))/2, and the equilibrium to -(1 - sqrt(1 - 4t))/2.
    found = persistence(family(x**2/2 - y**2/2 + x**3/3 + t*x))
    for value in (float(found.t0), -float(found.t0)):
        root = (1 - 4*value) ** 0.5
        assert (1 + root) / 2 > found.radius > abs(1 - root) / 2


@pytest.mark.parametrize("f, of, answer", [
    (x**2/2 + y**2/2 + t*x, "stackelberg", Truth.NO),       # the follower's maximum
    (-x**2/2 + 2*x*y - y**2 + t*x, "nash", Truth.NO),       # a DSE that is no DNE
    (x**2/2 + x*y + t*x, "nash", Truth.NO)])
def test_a_point_that_is_no_equilibrium_gets_no_certificate(f, of, answer):
    found = persistence(family(f), of=of)
    assert isinstance(found, Finding) and found.truth is answer


def test_certificates_cover_transcendental_costs():
    found = persistence(family(sp.cosh(x) - 1 - y**2/2 + sp.sin(x*y) + t*sp.exp(x + y)))
    assert found.t0 > 0


# -- avoidance and convergence -------------------------------------------------------------------

@pytest.mark.parametrize("name", ["realizable", "dse_not_nash", "tau_star_2"])
def test_equilibria_are_not_avoided(name):
    for test in (avoids_saddle, avoids_saddle_with_noise):
        assert test(known(name), np.random.default_rng(0)).truth is Truth.NO


def test_saddles_are_not_reached():
    found = reaches_equilibrium(known("stable_neither"), np.random.default_rng(0), distance=1.0)
    assert found.truth is Truth.NO


@pytest.mark.parametrize("name", ["theorem-7", "theorem-G.3"])
def test_an_equilibrium_with_unstable_learning_at_equal_rates_is_reached(name):
    # J_S has the eigenvalues -1/2 +- i sqrt(3)/2; the leader has to be slow.
    assert judge(AVOIDED[name], known("dse_unstable_general_sum")).ruling is Ruling.HOLDS


@pytest.mark.parametrize("name", ["theorem-4", "theorem-6"])
def test_saddles_of_known_games_are_avoided(name):
    # S1 = -2, D = -1: unstable, nothing attracts.  S1 = 2, D = -1 of -x^2 ... : a saddle.
    assert judge(AVOIDED[name], known("stable_neither")).ruling is Ruling.HOLDS
    saddle = LocalGame(zero_sum(3*x**2/2 + x*y + y**2/2, x, y), (0, 0))
    assert judge(AVOIDED[name], saddle).ruling is Ruling.HOLDS


@pytest.mark.parametrize("name", ["theorem-4", "theorem-6", "theorem-7"])
def test_costs_that_are_not_quadratic_are_not_covered(name):
    local = LocalGame(zero_sum(-x**2 + x*y - y**2 + x**4, x, y), (0, 0))
    assert judge(AVOIDED[name], local).ruling is Ruling.NOT_MET


@pytest.mark.parametrize("rows", [[[1.5, 1, 0], [0, .5, 2], [0, 0, .25]],
                                  [[.9, -.8], [.8, .9]], [[1.25, 40], [0, .5]]])
def test_no_more_starts_stay_than_the_slab_allows(rows):
    n = len(rows)
    r = float(expansion([[Fraction(e) for e in row] for row in rows])[0])
    rng = np.random.default_rng(3)
    starts = rng.standard_normal((40000, n))
    starts *= rng.random((40000, 1)) ** (1 / n) / np.linalg.norm(starts, axis=1)[:, None]
    for updates in (5, 10, 15):
        ends = starts @ np.linalg.matrix_power(np.array(rows), updates).T
        share = (np.linalg.norm(ends, axis=1) <= 1).mean()
        bound = 2 * n ** 0.5 * r ** -updates
        assert share <= bound + 4 * (bound / 40000) ** 0.5


@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize("at", [3, 10, 50])
def test_the_tail_of_normal_vectors_is_bounded(n, at):
    # E|x|^2 = n (1 + m^2): centred, and with a mean m in each coordinate.
    assert stats.chi2.sf(at * n, n) <= tail(at)
    for mean in (0.5, 2.0):
        assert stats.ncx2.sf(at * n * (1 + mean**2), n, n * mean**2) <= tail(at)


def test_the_law_of_the_iterates_is_that_of_the_runs():
    # One unstable direction: -x^2/2 and the follower's y^2/2; means 0 from the saddle.
    local = LocalGame(zero_sum(-x**2/2 - y**2/2, x, y), (0, 0))
    rates = avoidance._rates(0.05, 2.0)
    law = avoidance._Law([[-1, 0], [0, 1]], 1, rates)
    for _ in range(40):
        law.step()
    run = avoidance.iterate(avoidance._learning(local), np.ones((4000, 2)), 40, step_size=rates,
                            keep="last", noise=avoidance.Gaussian(1.0), rng=7).x[:, -1]
    assert np.abs(run.mean(axis=0) - law.phi @ [1, 1]).max() < 0.05
    assert np.allclose(np.cov(run.T), law.covariance, rtol=0.1, atol=0.02)
    steps = np.array([[float(r.at(k)) for r in rates] for k in range(40)])
    assert law.phi[0, 0] == pytest.approx(np.prod(1 + steps[:, 0]))
    assert law.phi[1, 1] == pytest.approx(np.prod(1 - steps[:, 1]))


def test_steps_of_the_update_matrix():
    assert update_derivative([[Fraction(2)]], Fraction(1, 4)) == [[Fraction(1, 2)]]
