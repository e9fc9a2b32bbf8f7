"""Schedules of learning rates: their values, and what is known of their sums."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gameanalysis.motion.schedules import (Constant, ExponentialDecay, Polynomial, Rates,
                                           Schedule, schedule, two_timescale)
from gameanalysis.truth import Truth

YES, NO, UNDECIDED = Truth.YES, Truth.NO, Truth.UNDECIDED
powers = st.sampled_from([0, 0.25, 0.5, 0.51, 0.75, 1, 1.01, 2])


def test_values_are_those_of_the_formulas():
    k = np.array([0, 1, 2, 10])
    assert Constant(0.3).at(k).tolist() == [0.3] * 4
    assert ExponentialDecay(2, 0.5).at(k).tolist() == [2, 1, 0.5, 2 / 1024]
    np.testing.assert_allclose(Polynomial(3, 0.5, offset=4).at(k),
                               [3 / math.sqrt(j + 4) for j in k], rtol=1e-15)
    assert schedule(lambda j: 1 / (j + 2)).at(k).tolist() == [1/2, 1/3, 1/4, 1/12]


@pytest.mark.parametrize("steps, diverges, squares", [
    (Constant(0.1), YES, NO),
    (ExponentialDecay(1, 0.999999), NO, YES),
    (ExponentialDecay(1, 1), YES, NO),                  # constant in truth
    (Polynomial(1, 0), YES, NO),
    (Polynomial(1, 0.5), YES, NO),                      # sum 1/k diverges
    (Polynomial(1, math.nextafter(0.5, 1)), YES, YES),
    (Polynomial(1, 0.75), YES, YES),
    (Polynomial(1, 1), YES, YES),
    (Polynomial(1, math.nextafter(1, 2)), NO, YES),
    (schedule(lambda k: 0.1), UNDECIDED, UNDECIDED),
    (Schedule(), UNDECIDED, UNDECIDED),
])
def test_sums_are_known(steps, diverges, squares):
    assert (steps.diverges, steps.square_summable) == (diverges, squares)


@settings(deadline=None, max_examples=40)
@given(powers, powers)
@example(0.5, 0.5)
def test_partial_sums_grow_as_the_integral_test_says(p, offset):
    steps = Polynomial(1, p, offset=offset + 1)
    # The sum over k from N to 4 N against the integral of x^-p, which bounds it both ways.
    n = 4000
    found = steps.at(np.arange(n, 4 * n)).sum()

    def integral(a, b):
        return math.log(b / a) if p == 1 else (b**(1 - p) - a**(1 - p)) / (1 - p)

    shift = steps.offset
    assert integral(n + shift, 4*n + shift) <= found * (1 + 1e-12)
    assert found <= integral(n + shift - 1, 4*n + shift - 1) * (1 + 1e-12)
    # Those of twice the range are as large or larger exactly if the sum diverges.
    assert (integral(4*n, 16*n) >= integral(n, 4*n) * (1 - 1e-12)) == (steps.diverges is YES)


@pytest.mark.parametrize("slow, fast, truth", [
    (Polynomial(9, 1), Polynomial(0.1, 0.6), YES),
    (Polynomial(1, 0.6), Polynomial(1, 0.6, offset=9), NO),
    (Polynomial(1, 0.6), Polynomial(1, 1), NO),
    (Polynomial(1, 0.1), Constant(1), YES),
    (Constant(1e-9), Constant(1), NO),
    (ExponentialDecay(9, 0.9), Polynomial(1, 7), YES),
    (Polynomial(1, 7), ExponentialDecay(9, 0.9), NO),
    (ExponentialDecay(1, 0.8), ExponentialDecay(1, 0.9), YES),
    (ExponentialDecay(1, 0.9), ExponentialDecay(9, 0.9), NO),
    (schedule(lambda k: 1.0), Constant(1), UNDECIDED),
    (Constant(1), schedule(lambda k: 1.0), UNDECIDED),
])
def test_a_schedule_is_negligible_to_another_if_the_ratio_tends_to_zero(slow, fast, truth):
    assert slow.is_negligible_to(fast) is truth


def test_the_ratio_of_two_timescales_tends_to_zero():
    leader, follower = two_timescale(0.5, 1, 0.1, 0.6)
    ratio = leader.at(10 ** np.arange(10)) / follower.at(10 ** np.arange(10))
    assert (np.diff(ratio) < 0).all() and ratio[-1] < 2e-3
    for p1, p2 in [(0.6, 0.6), (0.6, 1)]:
        with pytest.raises(ValueError, match="p1 > p2"):
            two_timescale(1, p1, 1, p2)


@pytest.mark.parametrize("make, words", [
    (lambda: Constant(0), "positive"), (lambda: Constant(-1), "positive"),
    (lambda: Constant(math.nan), "positive"), (lambda: Constant("a"), "number"),
    (lambda: ExponentialDecay(-1, 0.5), "gamma"), (lambda: ExponentialDecay(1, 0), "rate"),
    (lambda: ExponentialDecay(1, 1.5), "at most 1"), (lambda: Polynomial(0, 1), "gamma"),
    (lambda: Polynomial(1, -1), "power"), (lambda: Polynomial(1, 1, offset=0), "offset"),
    (lambda: schedule("fast"), "number"),
    (lambda: schedule(lambda k: 1 - k).at([0, 1]), "the step size of update 1 must be positive"),
    (lambda: schedule(lambda k: None).at([3]), "the step size of update 3 must be a number"),
])
def test_wrong_values_raise(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_a_function_is_called_once_for_each_update_in_order():
    calls = []

    def function(k):
        calls.append(k)
        return 1 / (k + 1)

    given = schedule(function)
    rates = Rates([given, Constant(2), given], 5)
    assert rates.constant is None and calls == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(rates.at(1, 2), [[1/2, 2, 1/2], [1/3, 2, 1/3]])
    np.testing.assert_array_equal(rates.at(4, 3), [[1/5, 2, 1/5]] * 3)      # held at the end
    assert calls == [0, 1, 2, 3, 4]
    assert Rates([Constant(1), Constant(2)], 5).constant.tolist() == [1, 2]


def test_a_schedule_must_say_its_values():
    with pytest.raises(NotImplementedError):
        Schedule().at([0])


def test_decay_may_underflow():
    assert ExponentialDecay(1, 0.5).at([5000]).tolist() == [0.0]
