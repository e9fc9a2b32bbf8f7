"""Fixed points of updates: against exact roots, and against the rule's own formula."""

from fractions import Fraction

import numpy as np
import pytest
import sympy as sp

from gameanalysis import catalog, rules
from gameanalysis.declaration.game import Game, Player, zero_sum
from gameanalysis.errors import BoxError, GameError
from gameanalysis.compilation.moves import compile_update
from gameanalysis.truth import Truth
from gameanalysis.verdicts.analyze import analyze
from gameanalysis.verdicts.standstill import fixed_points

x, y, z = sp.symbols("x y z", real=True)
DOUBLE_WELL = zero_sum(x**2/2 - x**4/4 - y**2/2, x, y)


def moved(update, point, gamma):
    """Where the update takes a point, by its SymPy formula at 40 digits; memory at rest."""
    at = dict(zip(update.variables, map(sp.Float, point))) | {update.gamma: gamma}
    at |= dict.fromkeys(update.memory, sp.Integer(0))
    return np.array([float(e.xreplace(at).evalf(40)) for e in update.expressions])


def test_the_extra_zeros_of_consensus_optimisation_are_those_of_its_factor():
    # x - x^3 is multiplied by 1 + lam (1 - 3 x^2), which vanishes at x^2 = (1 + lam)/(3 lam).
    for lam in (Fraction(1), Fraction(1, 2), Fraction(3, 4)):
        found = fixed_points(rules.Consensus(lam=lam).on(DOUBLE_WELL), [(-2, 2), (-1, 1)])
        expected = [0, -1, 1]
        extra = float((1 + lam) / (3 * lam)) ** 0.5
        # lam = 1/2 makes the factor vanish at x = +-1 too: a double zero, which stays open.
        if lam != Fraction(1, 2):
            assert found.complete is Truth.YES
            np.testing.assert_allclose(sorted(p.x[0] for p in found),
                                       sorted([*expected, -extra, extra]), atol=1e-12)
            assert [p.x[0] for p in found.spurious] == pytest.approx([-extra, extra])
        else:
            assert found.complete is Truth.UNDECIDED
        assert all(p.critical is not Truth.UNDECIDED for p in found)


def test_extragradient_stands_still_where_its_trial_point_is_critical():
    # f = x^3/3 - x^2/2 (the leader alone moves): trial t = x - g (x^2 - x); t in {0, 1} or
    # x^2 - x = 0 itself, so g x^2 - (1 + g) x + t = 0 for t = 0, 1.
    gamma = Fraction(1, 2)
    game = zero_sum(x**3/3 - x**2/2 - y**2/2, x, y)
    found = fixed_points(rules.Extragradient().on(game), [(-1, 4), (-1, 1)], step_size=gamma)
    roots = sorted({float(r) for t in (0, 1) for r in sp.roots(
        sp.Rational(1, 2)*x**2 - sp.Rational(3, 2)*x + t, x)})
    assert found.complete is Truth.YES
    np.testing.assert_allclose([p.x[0] for p in found], roots, atol=1e-12)
    assert {round(p.x[0], 9): p.critical for p in found} == {
        0: Truth.YES, 1: Truth.YES, 2: Truth.NO, 3: Truth.NO}


@pytest.mark.parametrize("rule", [
    rules.Consensus(lam=1), rules.Extragradient(), rules.LookAhead(), rules.LOLA(),
    rules.CompetitiveGradient(), rules.Optimistic(), rules.PastExtragradient(),
    rules.Alternating(), rules.Unrolled(steps=2)], ids=lambda rule: rule.name)
def test_every_fixed_point_of_forsaken_stands_still_and_no_critical_point_is_missed(rule):
    game, gamma = catalog.forsaken(), sp.Rational(1, 2)
    box = [(-2, 2), (-2, 2)]
    update = rule.on(game)
    found = fixed_points(update, box, step_size=gamma)
    assert found.complete is Truth.YES
    for point in found:
        np.testing.assert_allclose(moved(update, point.x, gamma), point.x, atol=1e-11)
    critical = [p.x for p in found if p.critical is Truth.YES]
    np.testing.assert_allclose(critical, [p.x for p in analyze(game, box)], atol=1e-12)
    omega = sp.lambdify(game.variables, [game.costs[0].diff(game.variables[0]),
                                         game.costs[1].diff(game.variables[1])])
    for point in found.spurious:
        assert max(map(abs, omega(*point.x))) > 1e-3


def test_a_spurious_point_can_attract():
    # Local symplectic surgery on Hsieh's game: a point that is no equilibrium of any kind.
    update = rules.LocalSymplecticSurgery().on(catalog.forsaken())
    found = fixed_points(update, [(0, sp.Rational(1, 5)), (sp.Rational(1, 5), sp.Rational(2, 5))],
                         step_size=sp.Rational(1, 2))
    point, = found.spurious
    assert point.attracting is Truth.YES and point.spectral_radius.high < 0.85
    program = compile_update(update).program_at([0.5, 0.5])
    position = point.x + [1e-3, -1e-3]
    for _ in range(200):
        position = program.at(position)
    np.testing.assert_allclose(position, point.x, atol=1e-9)


def test_rules_that_invert_a_matrix_are_searched_across_its_singular_set():
    # Surgery stands still where J + J^T maps J^-1 omega to 0: for a zero-sum game with B
    # constant, where D11 f1 D22 f2 = 0 in a coordinate whose own gradient balances.
    game = catalog.forsaken()
    found = fixed_points(rules.LocalSymplecticSurgery().on(game), [(-2, 2), (-2, 2)])
    assert found.complete is Truth.YES and len(found.spurious) == 24
    update = rules.LocalSymplecticSurgery().on(game)
    for point in found:
        np.testing.assert_allclose(moved(update, point.x, sp.Rational(1, 100)), point.x,
                                   atol=1e-9)
    # Independent: a Newton search on the formula finds no other zero.
    direction = sp.lambdify(game.variables, [
        (z - e).subs(update.gamma, 1) for z, e in zip(game.variables, update.expressions)])
    from scipy.optimize import root
    known = np.array([p.x for p in found])
    for start in np.random.default_rng(0).uniform(-2, 2, (150, 2)):
        answer = root(lambda v: direction(*v), start)
        if answer.success and np.abs(answer.x).max() <= 2 and np.abs(
                direction(*answer.x)).max() < 1e-10:
            assert np.abs(known - answer.x).max(axis=1).min() < 1e-5, answer.x


def test_a_zero_of_the_numerators_where_a_denominator_vanishes_stays_open():
    # Damped Newton on x^3: J^-1 omega = x/3 off 0, but J = 0 at 0 itself.
    game = zero_sum(x**4/4 - y**2/2, x, y)
    found = fixed_points(rules.DampedNewton().on(game), [(-1, 1), (-1, 1)])
    assert not len(found) and found.complete is Truth.UNDECIDED


def test_the_spectral_radius_is_that_of_the_update_s_own_jacobian():
    game, gamma = catalog.forsaken(), sp.Rational(1, 2)
    update = rules.Extragradient().on(game)
    for point in fixed_points(update, [(-2, 2), (-2, 2)], step_size=gamma):
        at = dict(zip(update.variables, map(sp.Float, point.x))) | {update.gamma: gamma}
        matrix = np.array(update.jacobian.xreplace(at).evalf(30), dtype=float)
        expected = np.abs(np.linalg.eigvals(matrix)).max()
        assert point.spectral_radius.value == pytest.approx(expected, rel=1e-9)
        assert (expected < 1) == (point.attracting is Truth.YES)


def test_three_players_and_two_actions():
    game = Game(Player(x**2 + x*y, x), Player(y**2 - x*y + y*z, y), Player(z**2/2 + z*x, z))
    found = fixed_points(rules.LOLA().on(game), [(-1, 1)] * 3)
    assert [p.x.tolist() for p in found] == [[0, 0, 0]] and found[0].critical is Truth.YES
    assert "1 fixed point at" in repr(found) and "proved complete" in repr(found)
    assert found[0].label == analyze(game, [(-1, 1)] * 3)[0].label


def test_a_rule_that_moves_critical_points_has_others():
    # In general sum LOLA leaves no zero of omega where it is, if the others' costs pull.
    game = Game(Player(x**2/2 + 2*x*y + y, x), Player(y**2/2 + x*y - x, y))
    found = fixed_points(rules.LOLA().on(game), [(-3, 3)] * 2, step_size=sp.Rational(1, 10))
    assert len(found) == 1 and found[0].critical is Truth.NO and found[0].label == "spurious"
    assert "spurious" in str(found[0])


def test_what_cannot_be_enclosed_is_said():
    game = zero_sum(sp.erf(x) + x**2 - y**2, x, y)
    found = fixed_points(rules.SimultaneousGradient().on(game), [(-1, 1)] * 2)
    # The gradients of erf are exponentials: this one can be searched.
    assert found.complete is Truth.YES and len(found) == 1
    game = zero_sum(sp.gamma(x + 3) + x**2 - y**2, x, y)
    found = fixed_points(rules.SimultaneousGradient().on(game), [(-1, 1)] * 2)
    assert found.complete is Truth.UNDECIDED and not len(found)


def test_wrong_input_raises():
    update = rules.Optimistic().on(DOUBLE_WELL)
    with pytest.raises(TypeError, match="rules.Extragradient"):
        fixed_points(DOUBLE_WELL, [(-1, 1)] * 2)
    with pytest.raises(GameError, match="positive"):
        fixed_points(update, [(-1, 1)] * 2, step_size=0)
    with pytest.raises(BoxError):
        fixed_points(update, [(-1, 1)])
    with pytest.raises(GameError, match="at most 6"):
        fixed_points(rules.Optimistic().on(catalog.finite_learning_ratio()), [(-1, 1)] * 4)


def test_no_verdict_where_a_rule_switches():
    # With epsilon = 0 the sign of the adjustment changes at every zero of omega.
    game = zero_sum(x**2/2 + x*y - y**2/2, x, y)
    found = fixed_points(rules.SymplecticGradientAdjustment(epsilon=0).on(game), [(-1, 1)] * 2)
    assert all(p.attracting is Truth.UNDECIDED for p in found)
    assert found.complete is Truth.UNDECIDED or len(found)


def test_where_a_denominator_vanishes_with_the_rest_nothing_is_claimed():
    # Follow-the-ridge divides by D22 f2 = 2 y.  Where that and D1 f1 = x + y vanish, the
    # numerators do too, but the rule is not defined there: (0, 0) is no fixed point.
    game = zero_sum(x**2/2 + x*y - y**3/3 + y, x, y)
    found = fixed_points(rules.FollowTheRidge().on(game), [(-2, 2), (-2, 2)])
    roots = sorted(float(r) for r in sp.roots(y**2 + y - 1, y))         # x = -y, y^2 = x + 1
    np.testing.assert_allclose(sorted(p.x[1] for p in found), roots, atol=1e-12)
    assert found.complete is Truth.UNDECIDED and len(found.undecided) == 1
    assert all(low <= 0 <= high for low, high in zip(found.undecided[0].low,
                                                     found.undecided[0].high))
    assert "1 undecided box" in str(found)


def test_a_critical_point_that_cannot_be_told_is_undecided_or_critical():
    # General sum: LOLA is at rest at 0, and nothing it promises says so.
    game = Game(Player(x**2/2 + x**2*y, x), Player(y**2/2 + y**2*x, y))
    found = fixed_points(rules.LOLA().on(game), [(-0.25, 0.25)] * 2)
    assert [p.critical for p in found] == [Truth.YES]
