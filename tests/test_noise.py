"""Noise: moments against exact values, reproducible start by start, hypotheses of theorems."""

import itertools
import math

import numpy as np
import pytest
import sympy as sp

from gameanalysis import catalog, rules
from gameanalysis.declaration.game import Game, Player, zero_sum
from gameanalysis.dynamics import VectorField, simultaneous_gradient, stackelberg_gradient
from gameanalysis.errors import ShapeError
from gameanalysis.motion import noise as module
from gameanalysis.motion.noise import (Gaussian, Martingale, Noise, Rademacher, StateDependent,
                                       Streams, Uniform, seed_of)
from gameanalysis.motion.schedules import Polynomial, two_timescale
from gameanalysis.motion.simulate import iterate
from gameanalysis.motion.stochastic import stochastic_hypotheses
from gameanalysis.truth import Truth

x, y, z = sp.symbols("x y z", real=True)
YES, NO, UNDECIDED = Truth.YES, Truth.NO, Truth.UNDECIDED
STILL = VectorField([0, 0, 0], [x, y, z])
N = 20_000


def drawn(noise, at=(0.0, 0.0, 0.0), k=0, seed=7):
    """w of one update at one point, from many starts, (., 3)."""
    starts = np.tile(at, (2000 if k else N, 1))
    found = iterate(STILL, starts, k + 1, step_size=1, noise=noise, rng=seed, keep=1)
    return -(found.x[:, k + 1] - found.x[:, k])


def half_mean(values, v):
    """E(w . v)+ for independent entries that take ``values`` with equal probability."""
    return np.mean([max(0.0, float(np.dot(w, v)))
                    for w in itertools.product(values, repeat=len(v))])


@pytest.mark.parametrize("noise, variance, fourth", [
    (Gaussian(0.5), 0.25, 3 * 0.0625), (Rademacher(2), 4, 16), (Uniform(3), 3, 81 / 5)])
def test_moments_are_exact_and_entries_independent(noise, variance, fourth):
    w = drawn(noise)
    error = 5 * math.sqrt(variance / N)                     # five standard errors
    assert (np.abs(w.mean(axis=0)) < error).all()
    deviation = 5 * math.sqrt(max(fourth - variance**2, 1e-30) / N)
    assert (np.abs((w**2).mean(axis=0) - variance) <= deviation + 1e-12).all()
    products = np.stack([w[:, i] * w[:, j] for i, j in [(0, 1), (0, 2), (1, 2)]])
    assert (np.abs(products.mean(axis=1)) < 5 * variance / math.sqrt(N)).all()
    later = drawn(noise, k=260)                             # another block of draws
    assert abs((w[:2000] * later).mean()) < 5 * variance / math.sqrt(3 * 2000)
    assert np.linalg.norm(w, axis=1).mean() <= noise.moment_bound(3) * 1.01
    direction = np.array([0.6, 0.0, -0.8])
    assert np.maximum(w @ direction, 0).mean() > noise.excitation


@pytest.mark.parametrize("noise, values", [
    (Rademacher(1), [-1, 1]), (Uniform(1), np.linspace(-1, 1, 21))])
def test_the_excitation_is_a_bound_for_every_direction(noise, values):
    for v in [(1, 0), (1, 1), (3, 1), (1, 1, 1), (1, 2, 0)]:
        unit = np.array(v) / np.linalg.norm(v)
        assert half_mean(values, unit) >= noise.excitation - 1e-12
    # Szarek's constant is attained by signs at (1, 1)/sqrt(2).
    assert half_mean([-1, 1], np.array([1, 1]) / math.sqrt(2)) == pytest.approx(1 / math.sqrt(8))
    t = np.linspace(0, 30, 30_001)                          # w . v is normal, sigma = 2
    density = np.exp(-t**2 / 8) / math.sqrt(8 * math.pi)
    assert Gaussian(2).excitation == pytest.approx(np.trapezoid(t * density, t), rel=1e-6)


def test_state_dependent_noise_grows_with_the_state_and_stays_bounded_by_it():
    noise = StateDependent(Rademacher(0.5), scale=2)
    for at in [(0.0, 0.0, 0.0), (3.0, 0.0, 4.0)]:
        w = drawn(noise, at)
        size = np.linalg.norm(w, axis=1)
        np.testing.assert_allclose(size, 0.5 * math.sqrt(3) * (1 + 2 * np.linalg.norm(at)),
                                   rtol=1e-12)
        assert (size <= noise.moment_bound(3) * (1 + np.linalg.norm(at)) * (1 + 1e-12)).all()
    assert noise.excitation == Rademacher(0.5).excitation
    assert StateDependent(Gaussian(1), 0).moment_bound(1) == 1
    with pytest.raises(TypeError, match="base"):
        StateDependent(noise, 1)
    with pytest.raises(ValueError, match="scale"):
        StateDependent(Gaussian(1), -1)


@pytest.mark.parametrize("make", [lambda: Gaussian(0), lambda: Rademacher(-1),
                                  lambda: Uniform(math.inf), lambda: Gaussian("a")])
def test_a_size_that_is_not_positive_is_refused(make):
    with pytest.raises(ValueError, match="sigma|bound"):
        make()


# -- reproducible -------------------------------------------------------------

PLAY = simultaneous_gradient(catalog.figure1())
STARTS = np.random.default_rng(0).uniform(-9, 9, (50, 2))


def martingale(rng, at, k):
    return rng.standard_normal(at.shape) * (1 + k % 2) + rng.random() - 0.5


@pytest.mark.parametrize("noise", [Gaussian(0.3), StateDependent(Uniform(0.2), 0.1),
                                   Martingale(martingale)], ids=lambda noise: type(noise).__name__)
def test_what_a_start_meets_depends_on_the_seed_and_its_number_only(noise, monkeypatch):
    steps = 40 if isinstance(noise, Martingale) else 300     # more than a block of draws
    options = {"step_size": 0.01, "noise": noise, "rng": 5, "keep": 10, "native": False}
    full = iterate(PLAY, STARTS, steps, **options).x
    np.testing.assert_array_equal(iterate(PLAY, STARTS[:5], steps, **options).x, full[:5])
    np.testing.assert_array_equal(
        iterate(PLAY, STARTS[20:29], steps, first=20, **options).x, full[20:29])
    np.testing.assert_array_equal(iterate(PLAY, STARTS[7], steps, first=7, **options).x, full[7])
    np.testing.assert_array_equal(iterate(PLAY, STARTS, 30, **options).x, full[:, :4])
    assert not np.array_equal(iterate(PLAY, STARTS[7], steps, **options).x, full[7])
    assert not np.array_equal(iterate(PLAY, STARTS, steps, **{**options, "rng": 6}).x, full)
    # Cut into other blocks inside.
    monkeypatch.setattr("gameanalysis.motion.stepping._CACHE", 17 * 2 * 8 * 9)
    np.testing.assert_array_equal(iterate(PLAY, STARTS, steps, **options).x, full)


@pytest.mark.parametrize("keep", ["all", "last"])
@pytest.mark.parametrize("cache", [2**22, 17 * 8 * 40])         # long and short paths
def test_starts_that_end_leave_the_noise_of_the_others_alone(monkeypatch, cache, keep):
    monkeypatch.setattr("gameanalysis.motion.stepping._CACHE", cache)
    # x <- x + 0.1 x^2 - 0.1 w: half of the starts leave the bound, at different times.
    starts = np.linspace(-2, 4, 40)[:, None]
    options = {"step_size": 0.1, "noise": Gaussian(0.01), "rng": 1, "bound": 50,
               "keep": keep}
    found = iterate(VectorField(-x**2, x), starts, 100, **options)
    assert 5 < sum(status.is_failure for status in found.status) < 35
    for number in (0, 10, 25, 39):
        alone = iterate(VectorField(-x**2, x), starts[number], 100, first=number, **options)
        np.testing.assert_array_equal(alone.x, found.x[number])
        assert alone.stopped == found.stopped[number]


def test_seeds_are_recorded_and_give_the_same_again():
    assert seed_of(np.int64(3)) == 3
    rng = np.random.default_rng(0)
    assert seed_of(rng) == int(np.random.default_rng(0).integers(0, 2**63)) != seed_of(rng)
    found = iterate(STILL, [0, 0, 0], 5, step_size=1, noise=Gaussian(1))
    seed = int(found.notes[0].split("seed ")[1])
    again = iterate(STILL, [0, 0, 0], 5, step_size=1, noise=Gaussian(1), rng=seed)
    np.testing.assert_array_equal(again.x, found.x)
    other = iterate(STILL, [0, 0, 0], 5, step_size=1, noise=Gaussian(1))
    assert not np.array_equal(other.x, found.x)
    for wrong, error in [(-1, ValueError), (True, TypeError), (0.5, TypeError), ("a", TypeError)]:
        with pytest.raises(error, match="rng"):
            seed_of(wrong)


def test_draws_come_from_the_stated_counters():
    noise, starts = Uniform(1), np.array([0, 1, 2])
    streams = Streams(noise, 11, 4, 2, 300)
    moved = np.zeros((2, 3))
    streams.add(moved, np.zeros((2, 3)), np.ones(2), 257, starts)
    key = np.random.SeedSequence(11).generate_state(2, np.uint64)
    for column in range(3):
        rng = np.random.Generator(np.random.Philox(counter=[0, 1, 4 + column, 0], key=key))
        expected = 2 * rng.random((module._BLOCK, 2))[1] - 1
        np.testing.assert_array_equal(-moved[:, column], expected)


# -- the update ---------------------------------------------------------------

def test_a_field_moves_by_gamma_times_direction_plus_noise():
    unit = Martingale(lambda rng, at, k: [[k + 1.0, -at[0, 0]]])
    found = iterate(VectorField([2*x, y], [x, y]), [1.0, 1.0], 4, step_size=(0.1, 0.2),
                    noise=unit, rng=0)
    a, b = 1.0, 1.0
    for k, point in enumerate(found.x[1:]):
        a, b = a - 0.1 * (2*a + k + 1), b - 0.2 * (b - a)
        np.testing.assert_allclose(point, [a, b], rtol=1e-14)


def test_other_rules_have_the_noise_added_to_their_step():
    game = zero_sum(x**2/2 + x*y - y**2/2, x, y)
    found = iterate(rules.Optimistic(tau=2).on(game), [1.0, 2.0], 5, step_size=(0.1, 0.2),
                    noise=Martingale(lambda rng, at, k: (1.0, k)), rng=0)
    jacobian, gamma = np.array([[1, 1], [-1, 1]]), np.array([0.1, 0.4])
    point = np.array([1.0, 2.0])
    memory = jacobian @ point
    for k in range(5):
        omega = jacobian @ point
        point = point - gamma * (2*omega - memory) - np.array([0.1, 0.2]) * (1, k)
        memory = omega
        np.testing.assert_allclose(found.x[k + 1], point, rtol=1e-13)


@pytest.mark.parametrize("given, error, words", [
    (lambda rng, at, k: np.zeros((2, 3)), ShapeError, r"update 0 has shape \(2, 3\)"),
    (lambda rng, at, k: "a", ShapeError, "real numbers"),
    (lambda rng, at, k: np.zeros(3) if k < 2 else [0, np.nan, 0], ValueError,
     "update 2 is not finite"),
])
def test_a_wrong_noise_of_the_callers_is_told_at_once(given, error, words):
    with pytest.raises(error, match=words):
        iterate(STILL, [[1, 2, 3]] * 20, 5, step_size=0.1, noise=Martingale(given))


def test_what_is_no_noise_is_refused():
    with pytest.raises(TypeError, match="function"):
        Martingale(3)
    with pytest.raises(TypeError, match="noise is one of Gaussian"):
        iterate(STILL, [1, 2, 3], 5, step_size=0.1, noise=0.3)
    with pytest.raises(NotImplementedError):
        Noise().draw(np.random.default_rng(0), (1,))
    assert Noise().moment_bound(2) is None and Noise().excitation is None


# -- the theorems -------------------------------------------------------------

SADDLE = zero_sum(-x**2/2 + 2*x*y - y**2, x, y)             # a DSE at 0, not a Nash point
STEPS = two_timescale(0.5, 1, 0.5, 0.6)


def test_near_an_equilibrium_the_stochastic_updates_come_closer_on_average():
    # Theorem 7; omega_S = (x, -2 x + 2 y), whose follower is fast.
    found = iterate(stackelberg_gradient(SADDLE), np.tile([0.5, -0.5], (400, 1)), 20_000,
                    step_size=STEPS, noise=Gaussian(0.5), rng=2, keep=2000).require()
    distance = np.linalg.norm(found.x, axis=-1).mean(axis=0)
    assert (np.diff(distance[[0, 1, 3, 10]]) < 0).all() and distance[-1] < 0.1
    # With constant steps the noise does not die out: variance gamma sigma^2/(2 - gamma).
    field = VectorField(x, x)
    still = iterate(field, np.zeros((4000, 1)), 400, step_size=0.5, noise=Gaussian(0.5), rng=2,
                    keep="last")
    assert still.last.var() == pytest.approx(0.5 * 0.25 / 1.5, rel=0.1)


def truths(source, step_size, noise, theorem=6):
    found = stochastic_hypotheses(source, step_size, noise)
    return {each.name: each.truth for each in found.of(theorem)}


def test_a_linear_game_with_two_timescales_satisfies_all_but_a_bounded_field():
    field = stackelberg_gradient(SADDLE)
    found = truths(field, STEPS, Gaussian(1))
    assert found.pop("D f1 bounded") is UNDECIDED            # it is linear
    assert set(found.values()) == {YES} and len(found) == 9
    report = stochastic_hypotheses(field, STEPS, Gaussian(1))
    assert report.truth(6) is UNDECIDED and report.require(6) is report.require(7)
    assert report.of(7)[-1].truth is UNDECIDED
    assert "Theorem 6: undecided (D f1 bounded)" in repr(report)
    assert "sum gamma = inf: yes" in str(report)
    with pytest.raises(ValueError, match="6 and 7"):
        report.of(8)


def test_each_hypothesis_is_decided_where_it_can_be():
    field = stackelberg_gradient(SADDLE)
    slow = Polynomial(0.1, 1)
    assert truths(field, 0.1, Gaussian(1))["sum gamma^2 < inf"] is NO
    assert truths(field, 0.1, Gaussian(1))["gamma1 = o(gamma2)"] is NO
    assert truths(field, Polynomial(1, 1.5), Gaussian(1))["sum gamma = inf"] is NO
    assert truths(field, (slow, lambda k: 0.1), Gaussian(1))["gamma1 = o(gamma2)"] is UNDECIDED
    unknown = truths(field, STEPS, Martingale(martingale))
    assert [unknown[name] for name in (
        "zero-mean martingale difference", "independent between players",
        "E|w_i| <= c (1 + |x|)", "excitation")] == [UNDECIDED] * 4
    assert truths(field, STEPS, Uniform(1))["excitation"] is YES
    for other in (simultaneous_gradient(SADDLE), stackelberg_gradient(SADDLE, eta=1),
                  rules.Extragradient().on(SADDLE)):
        assert truths(other, STEPS, Gaussian(1))["the update is eq. (5)"] is NO
    three = Game(Player(x**2 + x*y, x), Player(y**2 + x*y, y), Player(z**2 + x*z, z))
    assert truths(stackelberg_gradient(three), 0.1, Gaussian(1))["the update is eq. (5)"] is NO
    plain = VectorField([x], [x])
    assert truths(plain, slow, Gaussian(1))["gamma1 = o(gamma2)"] is NO


@pytest.mark.parametrize("source, lipschitz, bounded", [
    (VectorField([x**3, y], [x, y]), NO, UNDECIDED),
    (VectorField([x**2 - 1], [x]), NO, UNDECIDED),
    # Affine, although written otherwise; and with a coefficient that is no rational.
    (VectorField([(x + 1)**2 - x**2], [x]), UNDECIDED, UNDECIDED),
    (VectorField([sp.pi*x**2], [x]), UNDECIDED, UNDECIDED),
    (VectorField([sp.sin(x)], [x], periods={x: 2*sp.pi}), YES, YES),
    (VectorField([sp.sin(x)], [x]), UNDECIDED, UNDECIDED),
    (VectorField([1/(2 + sp.sin(x))], [x], periods={x: 2*sp.pi}), UNDECIDED, UNDECIDED),
    (VectorField([sp.exp(x)], [x]), UNDECIDED, UNDECIDED),
    (rules.Extragradient().on(SADDLE), UNDECIDED, UNDECIDED),
])
def test_lipschitz_fields_are_those_that_are_affine_or_smooth_on_a_torus(source, lipschitz,
                                                                         bounded):
    found = truths(source, 0.1, Gaussian(1))
    assert found["Lipschitz"] is lipschitz
    assert found["D f1 bounded"] is bounded


def test_a_guarantee_that_does_not_hold_is_refused_when_asked_for():
    report = stochastic_hypotheses(stackelberg_gradient(SADDLE), 0.1, Gaussian(1))
    for theorem in (6, 7):
        assert report.truth(theorem) is NO
        with pytest.raises(ValueError, match=rf"Theorem {theorem} does not apply. sum gamma\^2"):
            report.require(theorem)
    with pytest.raises(TypeError, match="noise is one of"):
        stochastic_hypotheses(stackelberg_gradient(SADDLE), 0.1, 3)


def test_a_run_with_noise_reports_its_hypotheses():
    found = iterate(rules.StackelbergGradient().on(SADDLE), [1, 1], 3, step_size=0.1,
                    noise=Gaussian(1), rng=4)
    assert found.notes[0] == "Gaussian(sigma=1.0), seed 4"
    assert found.notes[1] == ("hypotheses of Theorem 6: no (sum gamma^2 < inf; gamma1 = "
                              "o(gamma2))")
    assert len(repr(found).splitlines()) <= 6
