"""Interval arithmetic against exact rationals and mpmath's points at 120 digits."""

import math
import operator
import pickle
import random
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mpmath.ctx_mp import MPContext

from gameanalysis.errors import UnsupportedFunction
from gameanalysis.programs.intervals import (ULPS, FloatIntervals, Interval, NoEnclosure,
                                             PreciseIntervals)
from gameanalysis.programs.linear import matmul_point, matvec, midpoint_radius

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

MP = MPContext()
MP.dps = 120
INF = math.inf
MAX = float(np.finfo(float).max)
TINY = 2.0**-1022

# Where each function of points is defined and differentiable; None: everywhere.
FUNCTIONS = {
    "exp": (MP.exp, None),
    "log": (MP.ln, lambda x: x > 0),
    "sqrt": (MP.sqrt, lambda x: x > 0),
    "sin": (MP.sin, None),
    "cos": (MP.cos, None),
    "tan": (MP.tan, None),              # no float is a pole
    "sinh": (MP.sinh, None),
    "cosh": (MP.cosh, None),
    "tanh": (MP.tanh, None),
    "asin": (MP.asin, lambda x: -1 < x < 1),
    "acos": (MP.acos, lambda x: -1 < x < 1),
    "atan": (MP.atan, None),
    "asinh": (MP.asinh, None),
    "acosh": (MP.acosh, lambda x: x > 1),
    "atanh": (MP.atanh, lambda x: -1 < x < 1),
}
MONOTONE = sorted(set(FUNCTIONS) - {"sin", "cos", "tan", "cosh"})
EXPONENTS = [Fraction(1, 2), Fraction(3, 2), Fraction(-1, 2), Fraction(1, 3), Fraction(-7, 3),
             Fraction(22, 7), Fraction(1, 1000)]
NUMPY = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "asinh": "arcsinh",
         "acosh": "arccosh", "atanh": "arctanh"}


def hard_points():
    """Zero, subnormals, powers of two, ends of domains, overflow, multiples of pi/2."""
    points = {0.0, 5e-324, 1e-310, TINY, 1e-300, 1e-155, 2.0**-30, 0.1, 0.5, 1.0, 1.5, 2.0, 3.0,
              10.0, 709.5, 709.9, 745.0, 746.0, 2.0**20, 2.0**20 + 0.5, 1e15, 1e155, 1e300, MAX}
    points |= {math.nextafter(1.0, side) for side in (0, 2)}
    for k in (1, 2, 3, 4, 7, 100, 333335, 6381956970095103):
        nearest = float(k * MP.pi / 2)
        points |= {nearest, math.nextafter(nearest, 0), math.nextafter(nearest, INF)}
    return sorted(points | {-x for x in points})


HARD = hard_points()


def exact(x):
    """A rational as a number of mpmath; floats and their sums are exact."""
    x = Fraction(x)
    return MP.mpf(x.numerator) / x.denominator


def ulp(x):
    return Fraction(math.ulp(float(x)))


def assert_encloses(lo, hi, values, what):
    for value in values:
        assert MP.mpf(lo) <= value <= MP.mpf(hi), (what, lo, hi, value)


def ends(value):
    """The ends of a float interval as Python floats, for one box or many."""
    assert not np.isnan(value.lo).any() and not np.isnan(value.hi).any()
    assert (value.lo < INF).all() and (value.hi > -INF).all()
    return list(zip(value.lo.tolist(), value.hi.tolist()))


def many_pairs(points):
    pairs = [(a, b) for gap in (0, 1, 2, 3, 7, 20, 40, 60)
             for a, b in zip(points, points[gap:])]
    return FloatIntervals().interval(*np.array(pairs).T), pairs


# Elementary functions on floats ------------------------------------------------------

def check_function(apply, function, defined, points=HARD):
    """Intervals of hard ends, thin to wide: images of the hard points inside, and flags."""
    x, pairs = many_pairs(points)
    arithmetic = FloatIntervals()
    result = ends(apply(arithmetic, x))
    image = [function(exact(p)) if defined is None or defined(p) else None for p in points]
    flags = np.broadcast_to(arithmetic.defined, len(pairs)).tolist()
    empty = np.broadcast_to(arithmetic.empty, len(pairs)).tolist()
    index = {p: k for k, p in enumerate(points)}
    for (a, b), (lo, hi), ok, none in zip(pairs, result, flags, empty):
        values = image[index[a]:index[b] + 1]
        inside = [y for y in values if y is not None]
        if inside:
            assert_encloses(lo, hi, (min(inside), max(inside)), (a, b))
        assert not (ok and None in values), (a, b)
        assert not (none and inside), (a, b)
    return pairs, flags, empty


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_float_function_encloses_image_of_hard_intervals(name):
    function, defined = FUNCTIONS[name]
    pairs, flags, empty = check_function(
        lambda arithmetic, x: getattr(arithmetic, name)(x), function, defined)
    for (a, b), ok, none in zip(pairs, flags, empty):
        if name == "tan":
            # Two points on either side of a pole, or with one a whole period apart.
            crossed = b - a >= 3.2 or any(a < p < b for p in (float(MP.pi / 2), -math.pi / 2))
            assert not (ok and crossed)
            assert ok or crossed or max(abs(a), abs(b)) > 1
        elif defined is None:
            assert ok and not none
        else:
            assert ok == (defined(a) and defined(b)), (a, b)


@pytest.mark.parametrize("q", EXPONENTS)
def test_float_real_power_encloses_image_of_hard_intervals(q):
    pairs, flags, _ = check_function(lambda arithmetic, x: arithmetic.powr(x, q),
                                     lambda x: MP.power(x, exact(q)), lambda x: x > 0)
    assert flags == [a > 0 for a, _ in pairs]


@pytest.mark.parametrize("name", ["log", "sqrt", "asin", "acos", "acosh", "atanh"])
def test_operand_outside_domain_is_marked_empty(name):
    outside, partly = (-3.0, -2.0), (-3.0, 0.5 if name != "acosh" else 2.0)
    if name in ("asin", "acos", "atanh"):
        outside = (1.5, 2.0)
    for arithmetic, box in ((FloatIntervals(), outside), (PreciseIntervals(20), outside)):
        getattr(arithmetic, name)(arithmetic.interval(*box))
        assert np.all(arithmetic.empty) and not np.any(arithmetic.defined)
    for arithmetic, box in ((FloatIntervals(), partly), (PreciseIntervals(20), partly)):
        getattr(arithmetic, name)(arithmetic.interval(*box))
        assert not np.any(arithmetic.empty) and not np.any(arithmetic.defined)


@pytest.mark.parametrize("make", [FloatIntervals, lambda: PreciseIntervals(20)])
def test_edge_of_an_open_domain_is_empty_and_of_a_closed_one_is_not(make):
    for name, edge, expected in (("log", 0.0, True), ("sqrt", 0.0, False), ("atanh", 1.0, True),
                                 ("atanh", -1.0, True), ("asin", 1.0, False),
                                 ("acosh", 1.0, False)):
        arithmetic = make()
        getattr(arithmetic, name)(arithmetic.interval(edge, edge))
        assert not np.any(arithmetic.defined) and bool(np.all(arithmetic.empty)) is expected
    for q, expected in ((Fraction(1, 3), False), (Fraction(-1, 3), True)):
        arithmetic = make()
        arithmetic.powr(arithmetic.interval(0.0, 0.0), q)
        assert not np.any(arithmetic.defined) and bool(np.all(arithmetic.empty)) is expected


def ulps(exact_value, computed):
    return abs(exact_value - MP.mpf(computed)) / math.ulp(float(exact_value))


def test_numpy_errs_less_than_half_the_assumed_bound():
    rng = np.random.default_rng(1)
    near = np.round(rng.uniform(-6e5, 6e5, 150)) * (np.pi / 2)
    wide = np.concatenate((rng.uniform(-10, 10, 150), near, rng.choice([-1, 1], 150)
                           * 2.0**rng.uniform(-1000, 9, 150)))
    wide = wide[np.abs(wide) < 700]
    unit = np.concatenate((rng.uniform(-1, 1, 200), 1 - 2.0**rng.uniform(-53, -1, 200)))
    positive = np.concatenate((1 + 2.0**rng.uniform(-52, 1000, 400), np.abs(wide)))
    sample = {"log": positive, "sqrt": positive, "acosh": positive[positive > 1],
              "asin": unit, "acos": unit, "atanh": unit}
    for name, (function, _) in FUNCTIONS.items():
        x = sample.get(name, near if name in ("sin", "cos", "tan") else wide)
        y = getattr(np, NUMPY.get(name, name))(x)
        worst = max(ulps(function(exact(a)), b) for a, b in zip(x.tolist(), y.tolist())
                    if abs(b) >= TINY)
        assert worst < ULPS / 2, (name, worst)
    for q in (1.5, -0.5, 0.3):
        y = np.power(positive, q)
        worst = max(ulps(MP.power(exact(a), exact(q)), b)
                    for a, b in zip(positive.tolist(), y.tolist()) if b >= TINY)
        assert worst < ULPS / 2, (q, worst)


@pytest.mark.parametrize("name", MONOTONE)
def test_float_monotone_function_is_tight(name):
    rng = np.random.default_rng(2)
    lo, hi = np.sort({"asin": rng.uniform(-1, 1, (2, 100)), "acos": rng.uniform(-1, 1, (2, 100)),
                      "atanh": rng.uniform(-1, 1, (2, 100)),
                      "acosh": rng.uniform(1, 20, (2, 100)), "log": rng.uniform(0, 9, (2, 100)),
                      "sqrt": rng.uniform(0, 9, (2, 100))}.get(name, rng.uniform(-9, 9, (2, 100))),
                     axis=0)
    arithmetic = FloatIntervals()
    value = ends(getattr(arithmetic, name)(arithmetic.interval(lo, hi)))
    function = FUNCTIONS[name][0]
    allowed = 3 if name == "sqrt" else 2 * ULPS + 6
    for a, b, (c, d) in zip(lo, hi, value):
        least, most = sorted((function(exact(a)), function(exact(b))))
        assert ulps(least, c) <= allowed and ulps(most, d) <= allowed


def test_wave_is_tight_and_finds_its_extrema():
    arithmetic = FloatIntervals()
    lo = np.array([0.1, 1.0, 4.0, -0.5, 3.0, 0.0, 100.0, 2.0])
    hi = np.array([0.2, 2.0, 5.0, 0.5, 3.5, 6.5, 100.5, 3.0])
    x = arithmetic.interval(lo, hi)
    for name in ("sin", "cos"):
        function = FUNCTIONS[name][0]
        for a, b, (c, d) in zip(lo, hi, ends(getattr(arithmetic, name)(x))):
            # Points on a grid of step h miss an extremum by less than h^2 / 2.
            grid = [function(MP.mpf(a) + (MP.mpf(b) - a) * k / 200) for k in range(201)]
            missed = MP.mpf(b - a)**2 / 200**2 / 2 + 4e-15
            assert min(grid) - missed <= c <= min(grid)
            assert max(grid) <= d <= max(grid) + missed
    assert ends(arithmetic.sin(arithmetic.interval(1.0, 2.0)))[0][1] == 1.0
    assert ends(arithmetic.cos(arithmetic.interval(2**21, 2**21)))[0] == (-1.0, 1.0)
    # Near a zero the error allowed is that of reducing the argument.
    zero = float(1000 * MP.pi)
    for name in ("sin", "tan"):
        low, high = ends(getattr(arithmetic, name)(arithmetic.interval(zero, zero)))[0]
        assert high - low >= 2 * 2.0**-60 * zero
    assert ends(arithmetic.sin(arithmetic.interval(1e-200, 2e-200)))[0][1] < 2.1e-200
    assert ends(arithmetic.tanh(arithmetic.interval(30.0, 40.0)))[0][1] == 1.0
    assert ends(arithmetic.cosh(arithmetic.interval(-1.0, 1.0)))[0][0] == 1.0


# Arithmetic on floats ----------------------------------------------------------------

finite = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(HARD)
moderate = st.floats(-100, 100)
weight = st.fractions(0, 1, max_denominator=97)


@st.composite
def boxes(draw, number=finite):
    return tuple(sorted((draw(number), draw(number))))


def point(box, t):
    a, b = map(Fraction, box)
    return a + t * (b - a)


def fits(value, x, what=None):
    (lo, hi), = ends(value)
    assert lo == -INF or Fraction(lo) <= x, (what, lo, x)
    assert hi == INF or x <= Fraction(hi), (what, x, hi)


def signed_forms(arithmetic, box):
    """A box as the program may hold it: input, product of unknown sign, constant."""
    x = arithmetic.interval(*box)
    yield x
    yield Interval(x.ends)
    if box[0] == box[1]:
        yield arithmetic.constant(Fraction(box[0]))


@settings(deadline=None, max_examples=50)
@given(boxes() | boxes(moderate), boxes() | boxes(moderate), weight, weight, st.integers(2, 9))
@example((0.0, 0.0), (MAX, MAX), Fraction(0), Fraction(0), 2)
@example((-5e-324, 5e-324), (0.5, 0.5), Fraction(1), Fraction(1), 3)
@example((MAX, MAX), (2.0, 2.0), Fraction(0), Fraction(0), 4)
@example((5e-324, 5e-324), (-0.5, -0.5), Fraction(0), Fraction(0), 2)
@example((-MAX, -MAX), (-MAX, MAX), Fraction(0), Fraction(1), 9)
@example((2.0**-1021, 2.0**-1021), (5e-324, 5e-324), Fraction(0), Fraction(0), 5)
def test_float_arithmetic_encloses_exact_results(a, b, s, t, n):
    arithmetic = FloatIntervals()
    x, y = point(a, s), point(b, t)
    for A in signed_forms(arithmetic, a):
        fits(arithmetic.neg(A), -x)
        fits(arithmetic.pow(A, n), x**n, "pow")
        fits(arithmetic.mul(A, A), x * x, "square")
        for B in signed_forms(arithmetic, b):
            for name, operation in (("add", operator.add), ("sub", operator.sub),
                                    ("mul", operator.mul)):
                fits(getattr(arithmetic, name)(A, B), operation(x, y), name)
            local = FloatIntervals()
            quotient = local.div(A, B)
            if y:
                fits(quotient, x / y, "div")
            assert bool(np.all(local.defined)) == (b[0] > 0 or b[1] < 0)
            assert bool(np.all(local.empty)) == (b == (0.0, 0.0))


@settings(deadline=None, max_examples=50)
@given(st.fractions() | st.fractions(-1, 1, max_denominator=10**400), boxes(), weight)
@example(Fraction(10)**400, (1.0, 2.0), Fraction(0))
@example(-Fraction(10)**400, (1.0, 2.0), Fraction(0))
@example(Fraction(1, 10**400), (1.0, 2.0), Fraction(0))
@example(Fraction(-1, 10**305), (1.0, 1.0), Fraction(0))
@example(Fraction(-1, 50), (-3.0, 2.0), Fraction(1))
@example(Fraction(-4), (-3.0, MAX), Fraction(1))
@example(Fraction(1, 4), (5e-324, 1.0), Fraction(0))
def test_constants_are_enclosed_and_so_are_their_products(c, box, t):
    arithmetic = FloatIntervals()
    C = arithmetic.constant(c)
    fits(C, c)
    (lo, hi), = ends(C)
    assert hi <= math.nextafter(lo, INF)
    x = point(box, t)
    for X in signed_forms(arithmetic, box):
        fits(arithmetic.mul(C, X), c * x)
        fits(arithmetic.mul(X, C), c * x)
        fits(arithmetic.add(C, X), c + x)
        fits(arithmetic.sub(X, C), x - c)
        if x:
            fits(arithmetic.div(C, X), c / x)
        if c:
            fits(arithmetic.div(X, C), x / c)


def test_thousands_of_points_leave_no_gap_in_the_rounding():
    rng = np.random.default_rng(4)
    x, y = rng.uniform(-2, 2, (2, 1500))
    arithmetic = FloatIntervals()
    X, Y = arithmetic.interval(x, x), arithmetic.interval(y, y)
    X_, Y_ = list(map(Fraction, x)), list(map(Fraction, y))
    # The first is nearly half an ulp from the nearest float, and that near a power of two.
    for c in (1 + Fraction(3499, 1000) / 2**52, Fraction(1, 50), Fraction(10**30 + 1, 7),
              Fraction(-5, 9)):
        C = arithmetic.constant(c)
        for value, points in ((arithmetic.mul(C, X), [c * p for p in X_]),
                              (arithmetic.div(C, X), [c / p for p in X_])):
            assert all(lo <= p <= hi for (lo, hi), p in zip(ends(value), points))
    for value, points in ((arithmetic.add(X, Y), map(operator.add, X_, Y_)),
                          (arithmetic.mul(X, Y), map(operator.mul, X_, Y_)),
                          (arithmetic.div(X, Y), map(operator.truediv, X_, Y_)),
                          *((arithmetic.pow(X, n), [p**n for p in X_]) for n in (2, 3, 4, 9))):
        assert all(lo <= p <= hi for (lo, hi), p in zip(ends(value), points))


def test_pi_is_enclosed_in_one_ulp():
    value = FloatIntervals().pi()
    assert_encloses(*ends(value)[0], [MP.pi], "pi")
    arithmetic = FloatIntervals()
    tripled = arithmetic.mul(value, arithmetic.interval(3.0, 3.0))
    assert_encloses(*ends(tripled)[0], [3 * MP.pi], "3 pi")
    assert ends(tripled)[0][1] - ends(tripled)[0][0] < 1e-14


def test_exact_constants_cost_no_width():
    arithmetic = FloatIntervals()
    x = arithmetic.interval([-3.0, 1.0], [0.3, 2.0])
    for c, expected in ((4, [(-12.0, 1.2), (4.0, 8.0)]), (-1, [(-0.3, 3.0), (-2.0, -1.0)]),
                        (1, [(-3.0, 0.3), (1.0, 2.0)]), (0, [(0.0, 0.0)])):
        assert ends(arithmetic.mul(arithmetic.constant(c), x)) == expected
    zero, unit = arithmetic.constant(0), arithmetic.interval(0.0, 1.0)
    for c in (Fraction(1, 50), Fraction(1, 2), Fraction(3)):
        assert ends(arithmetic.mul(arithmetic.constant(c), unit))[0][0] == 0.0
        assert ends(arithmetic.div(unit, arithmetic.constant(c)))[0][0] == 0.0
    assert arithmetic.add(x, zero) is x and arithmetic.add(zero, x) is x
    assert arithmetic.sub(x, zero) is x


def test_float_arithmetic_is_tight():
    rng = np.random.default_rng(3)
    # Every combination of signs; the second operand keeps away from zero.
    a = np.sort(rng.normal(size=(2, 400)), axis=0)
    b = np.sort(rng.uniform(0.1, 3, (2, 400)), axis=0)
    b[:, ::2] = -b[::-1, ::2]
    for first, second in ((a, b), np.sort(np.abs((a, b)), axis=1)):
        arithmetic = FloatIntervals()
        x, y = arithmetic.interval(*first), arithmetic.interval(*second)
        for name in ("add", "sub", "mul", "truediv"):
            operation = getattr(operator, name)
            value = getattr(arithmetic, name.replace("true", ""))(x, y)
            for i, (lo, hi) in enumerate(ends(value)):
                corners = [operation(Fraction(p), Fraction(q))
                           for p in first[:, i] for q in second[:, i]]
                for bound, end in ((min(corners), lo), (max(corners), hi)):
                    assert abs(bound - Fraction(end)) <= 3 * ulp(bound), name
        for n in (2, 3, 4, 7):
            for i, (lo, hi) in enumerate(ends(arithmetic.pow(x, n))):
                p, q = Fraction(first[0, i])**n, Fraction(first[1, i])**n
                least = Fraction(0) if n % 2 == 0 and first[0, i] < 0 < first[1, i] else min(p, q)
                for bound, end in ((least, lo), (max(p, q), hi)):
                    allowed = (2 * n + 2) * ulp(bound) + Fraction(TINY)
                    assert abs(bound - Fraction(end)) <= allowed


def test_even_power_of_an_interval_across_zero_starts_at_zero():
    arithmetic = FloatIntervals()
    x = arithmetic.interval(-2.0, 1.0)
    assert ends(arithmetic.pow(x, 2))[0][0] == 0.0
    assert ends(arithmetic.mul(x, x))[0][0] == 0.0
    precise = PreciseIntervals(20)
    assert precise.bounds(precise.pow(precise.interval(-2, 1), 4)) == (0, 16)


# Infinite ends, bad input, refusals --------------------------------------------------

UNBOUNDED = [(-INF, INF), (-INF, -1.0), (-INF, 0.0), (-INF, 1.0), (-1.0, INF), (0.0, INF),
             (2.0, INF), (0.0, 0.0), (-1.0, 0.0), (0.0, 3.0), (1e308, INF), (MAX, MAX)]


@pytest.mark.parametrize("first", UNBOUNDED)
@pytest.mark.parametrize("second", UNBOUNDED)
def test_no_nan_comes_out_and_unbounded_operands_are_enclosed(first, second):
    def members(box):
        return [v for v in (Fraction(box[0]) if box[0] > -INF else None,
                            Fraction(box[1]) if box[1] < INF else None,
                            *map(Fraction, (-10**310, -3, -1, 0, 1, 5, 10**310)))
                if v is not None and box[0] <= v <= box[1]]

    exact_operations = {"add": operator.add, "sub": operator.sub, "mul": operator.mul,
                        "div": lambda x, y: x / y if y else None}
    floats, precise = FloatIntervals(), PreciseIntervals(20)
    for arithmetic, read in ((floats, lambda v: ends(v)[0]), (precise, precise.bounds)):
        for A in ([floats.interval(*first), Interval(floats.interval(*first).ends)]
                  if arithmetic is floats else [precise.interval(*first)]):
            B = arithmetic.interval(*second)
            for name, operation in exact_operations.items():
                lo, hi = read(getattr(arithmetic, name)(A, B))
                for x in members(first):
                    for y in members(second):
                        value = operation(x, y)
                        assert value is None or lo <= value <= hi, name
            # A value that holds "no bound known" goes on through everything.
            unknown = arithmetic.mul(A, B)
            for name in FUNCTIONS:
                lo, hi = read(getattr(arithmetic, name)(unknown))
                assert lo <= hi or np.all(arithmetic.empty)
            for n in (2, 3):
                lo, hi = read(arithmetic.pow(unknown, n))
                assert lo <= hi
                assert all(lo <= (x * y)**n <= hi for x in members(first) for y in members(second))
            for q in (Fraction(1, 2), Fraction(-5, 3)):
                lo, hi = read(arithmetic.powr(unknown, q))
                assert lo <= hi or np.all(arithmetic.empty)


def test_functions_of_the_whole_line_keep_to_their_range():
    for arithmetic in (FloatIntervals(), PreciseIntervals(20)):
        def read(value):
            return arithmetic.bounds(value) if isinstance(arithmetic, PreciseIntervals) \
                else ends(value)[0]
        line = arithmetic.interval(-INF, INF)
        assert read(arithmetic.sin(line)) == read(arithmetic.cos(line)) == (-1, 1)
        assert read(arithmetic.tanh(line)) == (-1, 1)
        assert read(arithmetic.exp(line)) == (0, INF)
        assert read(arithmetic.cosh(line)) == (1, INF)
        lo, hi = read(arithmetic.atan(line))
        assert -1.5708 < lo < -1.5707 and 1.5707 < hi < 1.5708
        assert arithmetic.defined is True or np.all(arithmetic.defined)
        assert read(arithmetic.log(line)) == (-INF, INF)
        assert not np.any(arithmetic.defined)


@pytest.mark.parametrize("box", [(2.0, 1.0), (math.nan, 1.0), (INF, INF), (-INF, -INF)])
def test_bad_boxes_are_refused(box):
    for arithmetic in (FloatIntervals(), PreciseIntervals(20)):
        with pytest.raises(ValueError):
            arithmetic.interval(*box)
    with pytest.raises(ValueError):
        FloatIntervals().interval(np.zeros((2, 2)), 1.0)


def test_functions_without_enclosure_are_refused_by_name():
    for arithmetic in (FloatIntervals(), PreciseIntervals(20)):
        x = arithmetic.interval(1.0, 2.0)
        for name in ("erf", "erfc", "gamma", "loggamma"):
            with pytest.raises(NoEnclosure, match=name) as caught:
                getattr(arithmetic, name)(x)
            assert caught.value.name == name and isinstance(caught.value, UnsupportedFunction)
        with pytest.raises(NoEnclosure, match="polygamma"):
            arithmetic.polygamma(x, 1)
        with pytest.raises(NoEnclosure):
            arithmetic.pow(x, 10**12)
        for n in (-1, 0, 1):
            with pytest.raises(ValueError, match="exponent"):
                arithmetic.pow(x, n)
    again = pickle.loads(pickle.dumps(NoEnclosure("gamma")))
    assert again.name == "gamma" and "gamma" in str(again)


def test_representation_shows_the_ends():
    assert "1.5" in repr(FloatIntervals().interval(1.5, 2.0))


# High precision ----------------------------------------------------------------------

def close_points():
    """Rationals very near the ends of domains, zeros and extrema."""
    points = [Fraction(x) for x in HARD if abs(x) < 1e16]
    for k in (10, 40, 100, 200):
        points += [sign * (1 + side * Fraction(1, 2**k)) for sign in (-1, 1) for side in (-1, 1)]
        points += [Fraction(1, 2**k), Fraction(-1, 2**k)]
        with MP.workdps(90):
            points += [Fraction(int(m * MP.pi / 2 * 2**k), 2**k) for m in (1, 2, 3, 50, -7)]
    return sorted(set(points))


CLOSE = close_points()


@pytest.mark.parametrize("dps", [16, 40])
@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_precise_function_encloses_and_is_narrow_at_points(name, dps):
    function, defined = FUNCTIONS[name]
    for x in CLOSE:
        arithmetic = PreciseIntervals(dps)
        X = arithmetic.constant(x)
        lo, hi = arithmetic.bounds(getattr(arithmetic, name)(X))
        inside = defined is None or defined(x)
        if arithmetic.bounds(X) == (x, x) and name != "tan":
            assert arithmetic.defined == inside, x
        if not inside:
            continue
        value = function(exact(x))
        assert lo == -INF or exact(lo) <= value, x
        assert hi == INF or value <= exact(hi), x
        if arithmetic.bounds(X) == (x, x) and value and abs(MP.log(abs(value), 2)) < 2**16:
            assert exact(hi) - exact(lo) <= abs(value) * MP.mpf(10)**(1 - dps), x


@settings(deadline=None, max_examples=50)
@given(boxes(moderate), weight, st.sampled_from(EXPONENTS))
def test_precise_and_float_functions_enclose_inner_points(box, t, q):
    x = point(box, t)
    for arithmetic in (FloatIntervals(), PreciseIntervals(25)):
        X = arithmetic.interval(*box)
        for name, (function, defined) in FUNCTIONS.items():
            if defined is None or defined(x):
                value = getattr(arithmetic, name)(X)
                lo, hi = (arithmetic.bounds(value) if isinstance(arithmetic, PreciseIntervals)
                          else ends(value)[0])
                image = function(exact(x))
                assert lo == -INF or exact(lo) <= image, (name, x)
                assert hi == INF or image <= exact(hi), (name, x)
        if x > 0:
            value = arithmetic.powr(X, q)
            lo, hi = (arithmetic.bounds(value) if isinstance(arithmetic, PreciseIntervals)
                      else ends(value)[0])
            image = MP.power(exact(x), exact(q))
            assert exact(lo) <= image and (hi == INF or image <= exact(hi))


@settings(deadline=None, max_examples=50)
@given(boxes(), boxes(), weight, weight, st.integers(2, 9), st.fractions())
def test_precise_arithmetic_encloses_exact_results(a, b, s, t, n, c):
    arithmetic = PreciseIntervals(20)
    A, B, x, y = arithmetic.interval(*a), arithmetic.interval(*b), point(a, s), point(b, t)

    def holds(value, x):
        lo, hi = arithmetic.bounds(value)
        return lo <= x <= hi

    assert holds(A, x) and holds(arithmetic.constant(c), c)
    assert holds(arithmetic.add(A, B), x + y) and holds(arithmetic.sub(A, B), x - y)
    assert holds(arithmetic.mul(A, B), x * y) and holds(arithmetic.mul(A, A), x * x)
    assert holds(arithmetic.neg(A), -x) and holds(arithmetic.pow(A, n), x**n)
    assert arithmetic.defined
    quotient = arithmetic.div(A, B)
    assert not y or holds(quotient, x / y)
    assert arithmetic.defined == (b[0] > 0 or b[1] < 0)
    assert arithmetic.empty == (b == (0.0, 0.0))


def test_precise_interval_keeps_rationals_and_is_private():
    first, second = PreciseIntervals(20), PreciseIntervals(60)
    third = Fraction(1, 3)
    for arithmetic, digits in ((first, 20), (second, 60)):
        lo, hi = arithmetic.bounds(arithmetic.constant(third))
        assert lo < third < hi and hi - lo < Fraction(1, 10**digits)
        lo, hi = arithmetic.bounds(arithmetic.pi())
        assert exact(lo) < MP.pi < exact(hi) and hi - lo < Fraction(10, 10**digits)
    fine = second.constant(third)
    lo, hi = first.bounds(first.interval_of(fine))
    assert lo < second.bounds(fine)[0] < second.bounds(fine)[1] < hi
    box = first.interval(Fraction(-1), Fraction(5, 2))
    lo, hi = first.bounds(first.middle(box))
    assert lo == hi == Fraction(3, 4)
    common = first.intersection(box, first.interval(0, 7))
    assert first.bounds(common) == (0, Fraction(5, 2))
    with pytest.raises(ValueError, match="no point in common"):
        first.intersection(box, first.interval(3, 4))


def test_precise_bounds_of_huge_and_tiny_ends_are_short():
    arithmetic = PreciseIntervals(20)
    huge = arithmetic.exp(arithmetic.interval(10**9, 10**10))
    big, small = 2**(2**16), Fraction(1, 2**(2**16))
    assert arithmetic.bounds(huge) == (big, INF)
    assert arithmetic.bounds(arithmetic.neg(huge)) == (-INF, -big)
    tiny = arithmetic.div(arithmetic.constant(1), huge)
    assert arithmetic.bounds(tiny) == (0, small)
    assert arithmetic.bounds(arithmetic.neg(tiny)) == (-small, 0)


def test_precise_exponents_beyond_reason_stay_sound():
    arithmetic = PreciseIntervals(20)
    huge = arithmetic.interval(Fraction(2)**41, Fraction(2)**41)
    for name, low in (("exp", 1), ("sinh", 1), ("cosh", 1)):
        lo, hi = (getattr(arithmetic, name)(huge)._mpi_)
        assert hi == arithmetic.interval(0.0, INF)._mpi_[1] and lo[2] > 2**39 > low
    lo, hi = arithmetic.bounds(arithmetic.tanh(huge))
    assert 0.99 < lo <= hi == 1
    lo, hi = arithmetic.exp(arithmetic.neg(huge))._mpi_
    assert lo[1] == 0 and 0 < hi[1] and hi[2] < -2**39
    far = arithmetic.context.make_mpf(((0, 1, 2**51, 1), (0, 1, 2**51, 1)))
    assert arithmetic.bounds(arithmetic.powr(far, Fraction(1, 2))) == (0, INF)
    assert arithmetic.bounds(arithmetic.sin(far)) == (-1, 1) and arithmetic.defined
    assert arithmetic.bounds(arithmetic.tan(far)) == (-INF, INF) and not arithmetic.defined


# Programs of composed operations -----------------------------------------------------

UNARY = sorted(FUNCTIONS) + ["neg", "pow", "powr"]
BINARY = ["add", "sub", "mul", "div"]


def random_program(rng, n_inputs, length):
    """Nodes (operation, operands...) over inputs, constants and earlier nodes."""
    nodes = [("constant", Fraction(rng.randint(-30, 30), rng.randint(1, 9))), ("pi",)]
    for k in range(length):
        def operand():
            return rng.randrange(n_inputs + len(nodes))
        if rng.random() < 0.6:
            nodes.append((rng.choice(BINARY), operand(), operand()))
        else:
            name = rng.choice(UNARY)
            extra = {"pow": (rng.randint(2, 5),), "powr": (rng.choice(EXPONENTS),)}
            nodes.append((name, operand(), *extra.get(name, ())))
    return nodes


def evaluate(nodes, inputs, arithmetic):
    values = list(inputs)
    for name, *arguments in nodes:
        if name in BINARY:
            arguments = [values[k] for k in arguments]
        elif name not in ("constant", "pi"):
            arguments[0] = values[arguments[0]]
        values.append(getattr(arithmetic, name)(*arguments))
    return values


class OutsideDomain(Exception):
    pass


class Points:
    """mpmath's points as an arithmetic that stops where an operation is undefined."""

    def __getattr__(self, name):
        function, defined = FUNCTIONS[name]

        def apply(x):
            if defined is not None and not defined(x):
                raise OutsideDomain
            if abs(x) > 1e9:
                raise OverflowError
            return function(x)
        return apply

    constant = staticmethod(exact)
    pi = staticmethod(lambda: +MP.pi)
    add, sub, mul = map(staticmethod, (operator.add, operator.sub, operator.mul))
    neg, pow = map(staticmethod, (operator.neg, operator.pow))

    def div(self, x, y):
        if y == 0:
            raise OutsideDomain
        return x / y

    def powr(self, x, q):
        if x <= 0:
            raise OutsideDomain
        return MP.power(x, exact(q))


def test_random_programs_enclose_their_points():
    rng = random.Random(5)
    checked = proved = 0
    for _ in range(80):
        nodes = random_program(rng, 2, 10)
        size = 10.0 ** rng.choice([-12, -3, -1, 0])
        lo = np.array([[rng.uniform(-3, 3) for _ in range(6)] for _ in range(2)])
        hi = lo + size * np.array([[rng.random() for _ in range(6)] for _ in range(2)])
        arithmetic = FloatIntervals()
        values = evaluate(nodes, [arithmetic.interval(a, b) for a, b in zip(lo, hi)], arithmetic)
        rows = [np.broadcast_to(value.lo, 6) for value in values], \
            [np.broadcast_to(value.hi, 6) for value in values]
        assert not np.isnan(rows).any()
        defined = np.broadcast_to(arithmetic.defined, 6)
        empty = np.broadcast_to(arithmetic.empty, 6)
        for k in range(6):
            precise = PreciseIntervals(30)
            narrow = evaluate(nodes, [precise.interval(a, b) for a, b in
                                      zip(lo[:, k], hi[:, k])], precise)
            bounds = [precise.bounds(value) for value in narrow]
            for _ in range(3):
                x = [exact(point((a, b), Fraction(rng.randrange(11), 10)))
                     for a, b in zip(lo[:, k], hi[:, k])]
                try:
                    exact_values = evaluate(nodes, x, Points())
                except OverflowError:
                    continue
                except OutsideDomain:
                    assert not defined[k] and not precise.defined
                    continue
                assert not empty[k] and not precise.empty
                for i, value in enumerate(exact_values):
                    assert_encloses(rows[0][i][k], rows[1][i][k], [value], nodes)
                    least, most = bounds[i]
                    assert least == -INF or exact(least) <= value, nodes
                    assert most == INF or value <= exact(most), nodes
                checked, proved = checked + 1, proved + defined[k]
    assert checked > 300 and proved > 150


# Linear algebra ----------------------------------------------------------------------

def rational_product(A, B):
    return [[sum((a * b for a, b in zip(row, column)), Fraction(0)) for column in zip(*B)]
            for row in A]


def fractions_of(matrix):
    return [[Fraction(float(x)) for x in row] for row in matrix]


def exact_image(Alo, Ahi, Blo, Bhi):
    """The narrowest enclosure of A @ B, entry by entry, in rationals."""
    n, inner, k = len(Alo), len(Blo), len(Blo[0])

    def corners(i, m, j):
        return [Fraction(float(a)) * Fraction(float(b)) for a in (Alo[i][m], Ahi[i][m])
                for b in (Blo[m][j], Bhi[m][j])]

    return [[(sum(min(corners(i, m, j)) for m in range(inner)),
              sum(max(corners(i, m, j)) for m in range(inner))) for j in range(k)]
            for i in range(n)]


def random_stack(rng, shape, scale):
    return rng.normal(size=shape) * 10.0 ** rng.uniform(-scale, scale, shape)


@pytest.mark.parametrize("n", [1, 2, 5, 7])
@pytest.mark.parametrize("scale", [0, 8, 150])
def test_products_of_interval_matrices_enclose_exact_images(n, scale):
    rng = np.random.default_rng(n)
    count = 6
    C = random_stack(rng, (count, n, n), scale)
    m = random_stack(rng, (count, n, n), scale)
    r = np.abs(random_stack(rng, (count, n, n), scale))
    r *= rng.choice([0, 1e-14, 1.0], (count, n, n))
    M = (m - r, m + r)
    v = random_stack(rng, (count, n), scale)
    s = np.abs(random_stack(rng, (count, n), scale))
    vector = (v - s, v + s)
    for lo, hi, first, second in (
            (*matmul_point(C, M), (C, C), M),
            (*(end[..., None] for end in matmul_point(C, vector)), (C, C),
             tuple(end[..., None] for end in vector)),
            (*(end[..., None] for end in matvec(M, vector)), M,
             tuple(end[..., None] for end in vector)),
            (*matvec(M, M), M, M)):
        for k in range(count):
            image = exact_image(first[0][k], first[1][k], second[0][k], second[1][k])
            size = rational_product(*(fractions_of(np.maximum(abs(low[k]), abs(high[k])))
                                      for low, high in (first, second)))
            for i, row in enumerate(image):
                for j, (least, most) in enumerate(row):
                    low, high = lo[k, i, j], hi[k, i, j]
                    assert low == -INF or Fraction(float(low)) <= least
                    assert high == INF or most <= Fraction(float(high))
                    if scale < 100:
                        slack = Fraction(size[i][j]) * 12 * (n + 4) / 2**53
                        width = Fraction(float(high)) - Fraction(float(low))
                        factor = 1 if first[0] is first[1] else Fraction(3, 2)
                        assert width <= factor * (most - least) + slack


def test_matvec_with_a_symmetric_vector_is_the_narrowest():
    M = (np.array([[[1.0, -2.0], [0.5, 0.0]]]), np.array([[[2.0, 1.0], [0.5, 4.0]]]))
    half = np.array([[1.0, 0.5]])
    lo, hi = matvec(M, (-half, half))
    assert np.allclose(hi, [[3.0, 2.5]], rtol=1e-14, atol=0) and np.array_equal(lo, -hi)


def test_products_with_unbounded_or_overflowing_entries_have_no_false_bounds():
    C = np.array([[[1.0, 2.0], [0.0, 3.0]]])
    lo, hi = matmul_point(C, (np.array([[-INF, 1.0]]), np.array([[5.0, 2.0]])))
    assert (lo[0, 0], hi[0, 0]) == (-INF, INF)
    assert lo[0, 1] <= 3.0 and hi[0, 1] >= 6.0
    lo, hi = matmul_point(C * 1e308, (np.array([[1.0, 1.0]]), np.array([[5.0, 2.0]])))
    assert (lo[0, 0], hi[0, 0]) == (-INF, INF)
    # The products overflow, their error bounds do not.
    point = np.array([[1.5, 1.0]])
    lo, hi = matmul_point(np.full((1, 2, 2), 1e308), (point, point))
    assert np.all(lo == -INF) and np.all(hi == INF)
    # Rounding errors of a sum that cancels, where a bound of the small entries underflows.
    rng = np.random.default_rng(6)
    C = rng.uniform(0.9, 1, (200, 2, 2)) * MAX
    small = np.array([[20, -20]]) * np.full((200, 1), 5e-324)
    lo, hi = matmul_point(C, (small, small))
    for k in range(200):
        for i in range(2):
            value = sum(Fraction(a) * Fraction(b) for a, b in zip(C[k, i], small[k]))
            assert Fraction(lo[k, i]) <= value <= Fraction(hi[k, i])
    # Underflow of a small entry meets a large factor.
    lo, hi = matvec((np.full((1, 1, 1), 1e308), np.full((1, 1, 1), 1e308)),
                    (np.full((1, 1), 5e-324), np.full((1, 1), 1e-323)))
    assert Fraction(lo[0, 0]) <= Fraction(5e-324) * Fraction(1e308)
    assert Fraction(hi[0, 0]) >= Fraction(1e-323) * Fraction(1e308)
    m, r = midpoint_radius(np.array([-INF, -INF, -MAX]), np.array([INF, 1.0, MAX]))
    assert np.isnan(r[:2]).all() and m[2] - r[2] <= -MAX


def test_inside_is_strict_and_exact():
    precise = PreciseIntervals(30)
    third = precise.constant(Fraction(1, 3))        # between two neighbouring floats
    assert precise.is_inside(third, math.nextafter(1/3, 0), math.nextafter(1/3, 1))
    assert not precise.is_inside(third, math.nextafter(1/3, 1), 1.0)
    half = precise.interval(0.25, 0.5)
    assert precise.is_inside(half, math.nextafter(0.25, 0), math.nextafter(0.5, 1))
    assert not precise.is_inside(half, 0.25, 1.0) and not precise.is_inside(half, 0.0, 0.5)


def test_constants_are_those_of_their_precision():
    few, many = PreciseIntervals(20), PreciseIntervals(60)
    for arithmetic, digits in ((few, 19), (many, 59), (few, 19)):
        low, high = arithmetic.bounds(arithmetic.constant(Fraction(1, 3)))
        assert low < Fraction(1, 3) < high and high - low < Fraction(1, 10**digits)
        assert (high - low > Fraction(1, 10**40)) is (arithmetic is few)
