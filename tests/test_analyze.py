"""`analyze` against games whose critical points and classes are known exactly."""

import json
import pickle
import random
import sys
from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
import random_games
import sympy as sp
import thorough_games

from gameanalysis import catalog
from gameanalysis.declaration.game import Game, Player, zero_sum
from gameanalysis.errors import BoxError, GameError
from gameanalysis.numerics.undecided import Reason
from gameanalysis.truth import Truth
from gameanalysis.verdicts.analyze import analyze

YES, NO, UNDECIDED = Truth.YES, Truth.NO, Truth.UNDECIDED
x, y, z = sp.symbols("x y z", real=True)
R = sp.Rational
SQUARE = [(-2, 2), (-2, 2)]


def apart(f, g=y**2 / 2, **options):
    """Two players whose costs have one variable each: the zeros are a grid."""
    return Game(Player(f, x), Player(g, y), **options)


def places(result, digits=9):
    return [tuple(round(float(v), digits) + 0.0 for v in p.x) for p in result]


def reasons(result):
    return {u.reason for u in result.undecided}


def in_undecided(result, point):
    return any((np.asarray(point) >= u.low).all() and (np.asarray(point) <= u.high).all()
               for u in result.undecided)


# -- random games -----------------------------------------------------------------

@pytest.mark.parametrize("family, n_games", [("plane", 30), ("even", 4), ("jet", 8)])
def test_random_games_have_exactly_the_known_points_and_classes(family, n_games):
    outcome = thorough_games.check(family, range(n_games))
    assert outcome["games"] == n_games
    assert outcome["undecided facts"] <= 0.02 * outcome["facts"]
    assert outcome["complete"] >= 0.9 * n_games


@pytest.mark.thorough
@pytest.mark.parametrize("part", range(16))
def test_a_thousand_random_games(part):
    start = 1000 + 100 * part
    families = ("plane",) * 11 + ("jet",) * 3 + ("even",) * 2
    n_games = 70 if families[part] != "even" else 50
    outcome = thorough_games.check(families[part], range(start, start + n_games))
    print(families[part], dict(outcome))
    assert outcome["games"] == n_games
    assert outcome["undecided facts"] <= 0.02 * outcome["facts"]


@pytest.mark.thorough
def test_even_games_in_six_variables():
    rng = random.Random(6)
    for sizes in ((3, 3), (2, 2, 1), (3, 2)):
        known = random_games.even_game(rng, sizes, len(sizes) == 2)
        game, box = known.play()
        random_games.compare(analyze(game, box), known)


WILD_BOX = [(-2, 3), (-3, 2)]


def check_wild_game(seed, max_boxes):
    """How many zeros were found by Newton's method: all listed or left open, once."""
    rng = random.Random(seed)
    f, g = random_games.wild_costs(rng)
    of = rng.choice(("simultaneous", "stackelberg"))
    if sp.expand(g.diff(y, 2)) == 0:
        of = "simultaneous"
    field = [f.diff(x), g.diff(y)] if of == "simultaneous" else random_games.omega_s(f, g)
    result = analyze(Game(Player(f, x), Player(g, y)), WILD_BOX, of, max_boxes=max_boxes)
    defined = random_games.numeric([f, g])
    zeros = [place for place in random_games.newton_zeros(field, WILD_BOX, seed)
             if np.isfinite(defined(place)).all()]
    for place in zeros:
        near = [p for p in result if np.abs(p.x - place).max() < 1e-7]
        opened = any((place >= u.low - 1e-9).all() and (place <= u.high + 1e-9).all()
                     for u in result.undecided)
        assert len(near) == 1 or (opened and not near), (seed, of, f, g, place)
    second = random_games.numeric([f.diff(x, 2), f.diff(x, y), g.diff(x, y), g.diff(y, 2)])
    value, slopes = random_games.numeric(field), random_games.numeric(
        sp.Matrix(field).jacobian((x, y)).tolist())
    for point in result:
        assert np.isfinite(defined(point.x)).all() and np.abs(value(point.x)).max() < 1e-6
        a, b, c, d = second(point.x)
        margin = 1e-5 * (1 + abs(a) + abs(b) + abs(c) + abs(d))**2
        if of == "simultaneous":
            same(point.differential_nash, [a, d], margin)
            same(point.stable["simultaneous"], [a + d, a * d - b * c], margin)
        else:
            (p, q), (r, s) = slopes(point.x)
            same(point.stable["stackelberg"], [p + s, p * s - q * r], margin)
            same(point.differential_stackelberg, [s, (p * s - q * r) * s], margin)
    return len(zeros)


def same(truth, values, margin):
    """Compare "all positive" with a Truth where no value is near zero."""
    if truth is not UNDECIDED and min(map(abs, values)) > margin:
        assert truth is Truth.of(min(values) > 0)


def test_no_zero_of_a_transcendental_game_is_lost():
    assert sum(check_wild_game(seed, 4000) for seed in range(12)) > 10


@pytest.mark.thorough
@pytest.mark.parametrize("start", range(100, 400, 50))
def test_no_zero_of_many_transcendental_games_is_lost(start):
    assert sum(check_wild_game(seed, 40_000) for seed in range(start, start + 50)) > 50


@pytest.mark.thorough
def test_the_oracle_knows_figure_1():
    f = random_games.PLANE.zero
    X, Y = random_games.X, random_games.Y
    q = random_games._qq
    f -= (q(Fraction(3, 20)) * X**2 + Y)**2 + (q(Fraction(1, 4)) * Y**2 + X)**2
    scalar = random_games.ScalarGame(f, -f, -(X**2 + Y**2) / 100)
    known = scalar.known([(Fraction(-30), Fraction(30))] * 2)
    assert len(known.zeros) == 9
    assert sum(zero.facts["leader 1"] for zero in known.zeros) == 4
    assert sum(zero.facts["nash"] for zero in known.zeros) == 2


# -- hard cases, by their cause ---------------------------------------------------

@pytest.mark.parametrize("cause, f, box, expected", [
    ("double zero at 0", x**3 / 3, (-1, 2), [0]),
    ("triple zero", (x - R(1, 3))**4, (-1, 2), [R(1, 3)]),
    ("irrational double zeros", (x**2 - 2)**3, (-3, 2), [-sp.sqrt(2), 0, sp.sqrt(2)]),
    ("zero on the edge", x**2 / 2 - x, (0, 1), [1]),
    ("zero on both edges", x**3 / 3 - x, (-1, 1), [-1, 1]),
    ("zero at the centre", x**2, (-1, 1), [0]),
    ("zero where boxes are split", (x + R(256, 10000))**2, (-1, 1), [-R(256, 10000)]),
    ("zero just outside", x**2, (R(1, 10**9), 1), []),
    ("zero just inside", x**2, (-R(1, 10**9), 1), [0]),
    ("zero outside by 1e-200", x**2, (R(1, 10**200), 1), []),
    # Convergents of sqrt(2), less than an ulp below and above.
    ("zero outside by an ulp", x**3 / 3 - 2 * x, (0, R(54608393, 38613965)), []),
    ("zero inside by an ulp", x**3 / 3 - 2 * x, (0, R(131836323, 93222358)), [sp.sqrt(2)]),
    ("no zero", x**3 / 3 + x, (-1, 2), []),
    ("zeros 1e-6 apart", sp.integrate(sp.expand(
        (x - 1) * (x - 1 - R(1, 10**6)) * (x - 1 - R(2, 10**6))), x), (-1, 2),
     [1, 1 + R(1, 10**6), 1 + R(2, 10**6)]),
    ("zeros 1e-14 apart", sp.integrate(sp.expand((x - 1) * (x - 1 - R(1, 10**14))), x), (-1, 2),
     [1, 1 + R(1, 10**14)]),
    ("tiny costs", R(1, 10**12) * (x**3 / 3 - x), (-3, 3), [-1, 1]),
    ("huge costs", 10**12 * (x**3 / 3 - x), (-3, 3), [-1, 1]),
    ("tiny actions", (10**12 * x)**3 / 3 - 10**12 * x, (-R(3, 10**12), R(3, 10**12)),
     [-R(1, 10**12), R(1, 10**12)]),
    ("huge actions", (x / 10**12)**3 / 3 - x / 10**12, (-3 * 10**12, 3 * 10**12),
     [-10**12, 10**12]),
    ("a pole inside the box", 1 / x + x, (-2, 2), [-1, 1]),
    ("a pole and no zero", 1 / x - x, (-2, 2), []),
    ("an even pole", 1 / x**2 + 2 * x, (-2, 2), [1]),
    ("exponential weight", (x**2 - 3) * sp.exp(-x**2), (-5, 5), [-2, 0, 2]),
    ("square root with its edge inside", sp.sqrt(x) * (x / 3 - 1), (-1, 3), [1]),
    ("a power with its edge inside", R(2, 3) * x**R(3, 2) - x, (-1, 3), [1]),
    ("a logarithm with its edge inside", x * sp.log(x) - x, (-1, 3), [1]),
    ("no derivative tells the domain of log", x**2 / 2 - sp.log(x), (-2, 2), [1]),
    ("no derivative tells the domain of atanh", sp.atanh(x) + x / 3, (-3, 3), []),
    ("a domain with the zero on its edge", x**2 / 2 + sp.log(1 - x) + x, (-2, 2), [0]),
])
def test_hard_cases(cause, f, box, expected):
    result = analyze(apart(f), [box, (-1, 1)])
    assert result.complete is YES, cause
    assert len(result) == len(expected), cause
    for point, place in zip(result, expected):
        assert point.certified
        distance = abs(sp.Rational(point.x[0]) - place)
        assert distance <= sp.Rational(point.radius)
        assert abs(point.x[1]) <= point.radius


def test_the_other_players_cost_has_a_domain_too():
    # omega = (x, y) is zero at 0, where 1/y and log(y) are not defined.
    for f in (x**2 / 2 + 1 / y, x**2 / 2 + sp.log(y)):
        result = analyze(apart(f), [(-1, 1), (-1, 1)])
        assert not len(result) or result[0].differential_nash is not YES
        assert result.complete is not YES or not len(result)
    assert analyze(apart(x**2 / 2 + sp.log(y)), [(-1, 1), (R(1, 2), 1)]).complete is YES


def test_a_zero_of_the_numerator_at_a_pole_is_no_critical_point():
    # D1 f1 = 1 - y/x; without its denominator x - y it vanishes at 0 too.
    result = analyze(apart(x - y * sp.log(x)), [(-1, 1), (-1, 1)])
    assert result.complete is YES and len(result) == 0


def test_a_domain_that_intervals_cannot_tell_stays_open():
    # log(erfc(y)) is no part of omega = (x, y), but f1 must be defined.
    result = analyze(apart(x**2 / 2 + sp.log(sp.erfc(y))), [(-1, 1), (-1, 1)])
    assert result.complete is UNDECIDED and reasons(result) == {Reason.UNDEFINED}
    assert in_undecided(result, (0, 0)) and not len(result)


def test_whole_space_respects_the_domain_of_the_costs():
    result = analyze(apart(x**2 / 2 - sp.log(x)), None)
    assert result.complete is YES and places(result) == [(1, 0)]


@pytest.mark.parametrize("game, box, on_it", [
    (Game(Player((x + y)**2 - 2 * x, x), Player((x + y)**2 - 2 * y, y)), SQUARE,
     [(t, 1 - t) for t in np.linspace(-1, 2, 50)]),
    (zero_sum(x * y**2, x, y), SQUARE, [(t, 0) for t in np.linspace(-2, 2, 50)]),
    (Game(Player(x * (x**2 / 3 + y**2 - 1), x), Player(y * (x**2 + y**2 / 3 - 1), y)), SQUARE,
     [(np.cos(t), np.sin(t)) for t in np.linspace(0, 6, 50)]),
    (Game(Player(sp.exp(x + y) - x, x), Player(sp.exp(x + y) - y, y)), [(-1, 1)] * 2,
     [(t, -t) for t in np.linspace(-1, 1, 50)]),
    (Game(Player(y**2, x), Player(x**2, y)), SQUARE, [(t, t / 2) for t in np.linspace(-2, 2, 20)]),
])
def test_zeros_that_are_not_isolated_end_undecided(game, box, on_it):
    result = analyze(game, box)
    assert result.complete is UNDECIDED
    assert all(in_undecided(result, point) for point in on_it)
    assert Reason.CONTINUUM in reasons(result)


def test_a_surface_of_zeros_in_three_variables():
    game = Game(*(Player((x + y + z)**2, v) for v in (x, y, z)))
    result = analyze(game, [(-1, 1)] * 3, max_boxes=20_000)
    assert result.complete is UNDECIDED
    rng = np.random.default_rng(0)
    for u, v in rng.uniform(-0.5, 0.5, (50, 2)):
        assert in_undecided(result, (u, v, -u - v))


def test_the_domains_edge_with_a_zero_on_it_is_undefined():
    result = analyze(apart(x**R(3, 2)), [(-1, 1), (-1, 1)])
    assert result.complete is UNDECIDED and reasons(result) == {Reason.UNDEFINED}
    assert in_undecided(result, (0, 0))


def test_poles_of_tan_are_open_but_no_zero_is_lost():
    result = analyze(apart(sp.tan(x) - 2 * x), [(-4, 4), (-1, 1)])
    quarter = np.pi / 4
    assert np.allclose([p.x[0] for p in result], [k * quarter for k in (-5, -3, -1, 1, 3, 5)])
    assert all(p.differential_nash is Truth.of(k % 2 == 1) for k, p in enumerate(result))
    # 1/tan would vanish at the poles, so they may stay open, and nothing else may.
    assert all(abs(abs(u.low[0]) - 2 * quarter) < 1e-6 for u in result.undecided)


def test_a_zero_on_an_irrational_edge_is_kept_or_open():
    result = analyze(apart(x**3 / 3 - 2 * x), [(0, sp.sqrt(2)), (-1, 1)])
    assert len(result) or (reasons(result) == {Reason.EDGE}
                           and in_undecided(result, (2**0.5, 0)))


def test_an_edge_box_holds_the_zero_in_exact_arithmetic():
    # The zero at z1 = 0, on the edge, and z2, z3 irrational: the float box must be widened.
    u, v, w = sp.symbols("u v w", real=True)
    f = sp.cos(u) + (v**3 / 3 - 2 * v) + (w**3 / 3 - 3 * w)
    game = Game(Player(f, u), Player(f, v), Player(f, w))
    result = analyze(game, [(0, 1), (0, 2), (0, 2)])
    place = (Fraction(0), *(Fraction(int(sp.integer_nthroot(k * 4**200, 2)[0]), 2**200)
                            for k in (2, 3)))
    held = [u for u in result.undecided
            if all(Fraction(a) <= p <= Fraction(b) for a, b, p in zip(u.low, u.high, place))]
    assert held or len(result) == 1


# -- circles ----------------------------------------------------------------------

A = R(3, 20)
TORUS = -A * sp.cos(x) + sp.cos(x - y) + A * sp.cos(y)


@pytest.mark.parametrize("side", [
    (-sp.pi, sp.pi), (0, 2 * sp.pi), (sp.pi / 3, sp.pi / 3 + 2 * sp.pi), (1, 1 + 2 * sp.pi),
    (-10, 10), (0, 3 * sp.pi), (100, 100 + 2 * sp.pi)])
def test_no_point_of_the_torus_is_lost_or_listed_twice(side):
    game = zero_sum(TORUS, x, y, periods={x: 2 * sp.pi, y: 2 * sp.pi})
    result = analyze(game, [side, side])
    assert result.complete is YES and len(result) == 6
    # Two more zeros at +-(1.645867, 1.495726): sin(x - y) = a sin(x) = a sin(y)... by mpmath.
    angle = mp.findroot(lambda s, t: (A * mp.sin(s) - mp.sin(s - t), mp.sin(s - t)
                                      - A * mp.sin(t)), (1.6, 1.5))
    pi = float(mp.pi)
    expected = [(0, 0), (0, pi), (pi, 0), (pi, pi), tuple(map(float, angle)),
                tuple(float(-v) for v in angle)]
    turn = 2 * pi
    for place in expected:
        near = [p for p in result
                if all(abs((v - e + pi) % turn - pi) < 1e-9 for v, e in zip(p.x, place))]
        assert len(near) == 1, place


def test_one_coordinate_on_a_circle_and_one_on_a_line():
    game = apart(sp.cos(x), sp.cos(y), periods={x: 2 * sp.pi})
    result = analyze(game, [(0, 2 * sp.pi), (-1, 7)])
    assert result.complete is YES and len(result) == 6
    assert sorted({round(p.x[1] / np.pi) for p in result}) == [0, 1, 2]
    assert len({round(p.x[0] / np.pi) % 2 for p in result}) == 2


def test_part_of_a_circle_is_a_box_like_any_other():
    game = apart(sp.cos(x), periods={x: 2 * sp.pi})
    result = analyze(game, [(1, 5), (-1, 1)])
    assert result.complete is YES and np.allclose(result[0].x, (np.pi, 0)) and len(result) == 1


def test_points_without_proof_are_not_listed_twice_on_the_torus():
    f = sp.gamma(2 + sp.cos(x))
    game = apart(f, f.xreplace({x: y}), periods={x: 2 * sp.pi, y: 2 * sp.pi})
    result = analyze(game, [(0, 2 * sp.pi)] * 2, n_starts=256)
    assert result.complete is UNDECIDED and reasons(result) == {Reason.NO_ENCLOSURE}
    turned = {tuple(round(v / 1e-6) % round(2e6 * np.pi) for v in p.x) for p in result}
    folded = {tuple(0 if abs(v - round(2e6 * np.pi)) < 5 else v for v in t) for t in turned}
    assert len(folded) == len(result) > 0


# -- functions without enclosure, many variables ----------------------------------

def test_a_function_without_enclosure_proves_nothing():
    result = analyze(apart(sp.gamma(x)), [(1, 2), (-1, 1)], n_starts=64)
    assert result.complete is UNDECIDED and reasons(result) == {Reason.NO_ENCLOSURE}
    point, = result
    assert point.certified is False and point.label == "uncertified"
    assert abs(point.x[0] - float(mp.findroot(mp.digamma, 1.46))) < 1e-9
    assert {point.differential_nash, *point.differential_stackelberg_by_leader,
            *point.stable.values(), point.hyperbolic, point.degenerate} == {UNDECIDED}
    assert set(point.inertia.values()) == {None} and point.exact is None
    assert "gamma" in result.notes[0]
    assert json.loads(json.dumps(result.to_dict(), allow_nan=False))["points"][0]["radius"] is None
    assert result.to_dataframe()["certified"].tolist() == [False]
    assert "unknown" in str(result)


def test_points_outside_the_domain_are_not_candidates():
    # log(x) is not real at -1, where the derivative x - 1/x of the other terms vanishes.
    f = x**2 / 2 - sp.log(x) + sp.gamma(3) * y + sp.gamma(y + 5) / 10**6
    result = analyze(apart(f, y**2 / 2 + sp.gamma(y + 4) / 10**6), SQUARE, n_starts=64)
    assert all(p.x[0] > 0 for p in result) and len(result) == 1


def test_erf_has_an_elementary_derivative():
    result = analyze(apart(sp.erf(x) - x / 2), [(-4, 4), (-1, 1)])
    root = float(mp.sqrt(mp.log(4 / mp.sqrt(mp.pi))))
    assert result.complete is YES and np.allclose([p.x[0] for p in result], [-root, root])
    assert [p.differential_nash for p in result] == [YES, NO]


def test_many_variables_are_certified_one_by_one():
    result = analyze(catalog.covariance(2), [(-2, 2)] * 8, n_starts=16)
    assert result.complete is UNDECIDED and reasons(result) == {Reason.NOT_SEARCHED}
    # Wells and bowls: b = a/2, and a^3 - a + a/2 = 0 or 5a/2 = 0.
    for half, wells, complete in ((4, 2, YES), (6, 1, UNDECIDED)):
        v = sp.symbols(f"u1:{half + 1} v1:{half + 1}", real=True)
        u, w = v[:half], v[half:]
        f = sum((a**2 - 1)**2 / 4 if k < wells else a**2 for k, a in enumerate(u))
        f += sum(a * b - b**2 for a, b in zip(u, w))
        result = analyze(zero_sum(f, u, w), [(-2, 2)] * 2 * half, n_starts=16)
        assert result.complete is complete and all(p.certified for p in result)
        allowed = [0, 0.5**0.5, -0.5**0.5]
        for point in result:
            assert all(min(abs(a - r) for r in allowed) < 1e-12 for a in point.x[:half])
            # A = 3 a^2 - 1, S1 = A + 1/2 in a well
            expected = all(3 * a**2 - 0.5 > 0 for a in point.x[:wells])
            assert point.differential_stackelberg is Truth.of(expected)
        assert len({tuple(np.round(p.x, 6)) for p in result}) == len(result) == 3**wells


def test_omega_s_is_not_defined_where_the_followers_hessian_is_singular():
    v = sp.symbols("u1:5 v1:5", real=True)
    # D22 f2 = -diag(6 b) vanishes at the critical point 0.
    cubic = zero_sum(sum(a * b + b**3 for a, b in zip(v[:4], v[4:])), v[:4], v[4:])
    assert places(analyze(cubic, [(-1, 1)] * 8, n_starts=16)) == [(0,) * 8]
    assert len(analyze(cubic, [(-1, 1)] * 8, "stackelberg", n_starts=16)) == 0
    with pytest.raises(GameError, match="singular everywhere"):
        analyze(zero_sum(x * y, x, y), SQUARE, "stackelberg")
    # f = x y + y^3: D22 f = 6 y vanishes at the critical point 0.
    result = analyze(zero_sum(x * y + y**3 + x**2, x, y), [(-1, 1)] * 2, "stackelberg")
    assert (0, 0) not in places(result)
    assert (0, 0) in places(analyze(zero_sum(x * y + y**3 + x**2, x, y), [(-1, 1)] * 2))


# -- the Stackelberg field --------------------------------------------------------

def test_duopoly_in_closed_form():
    entry = catalog.info("duopoly")
    game = entry.build()
    a, c1, c2 = (game.parameters[s] for s in sorted(game.parameters, key=str))
    for of, place in (("simultaneous", ((a - 2 * c1 + c2) / 3, (a + c1 - 2 * c2) / 3)),
                      ("stackelberg", (a / 2 - c1 + c2 / 2, a / 4 + c1 / 2 - 3 * c2 / 4))):
        result = analyze(game, entry.box, of)
        assert result.complete is YES
        assert [p.exact for p in result] == [tuple(map(sp.nsimplify, place))]
        point, = result
        assert point.differential_nash is Truth.of(of == "simultaneous")
        assert point.differential_stackelberg is Truth.of(of == "stackelberg")
        assert point.stable["stackelberg"] is Truth.of(of == "stackelberg")


def test_both_fields_of_a_zero_sum_game_have_the_same_zeros():
    for seed in range(6):
        rng = random.Random(seed)
        f = random_games.polynomial(rng, 3)
        f = random_games.ScalarGame.expression(f)
        game = zero_sum(f, x, y)
        one, two = (analyze(game, SQUARE, of) for of in ("simultaneous", "stackelberg"))
        assert one.complete is two.complete is YES
        regular = [p for p in one if p.inertia["D22 f2"] != (0, 0, 1)]
        assert places(two) == places(regular)
        for p, q in zip(regular, two):
            assert p.differential_stackelberg_by_leader == q.differential_stackelberg_by_leader
            assert p.stable == q.stable and p.differential_nash is q.differential_nash


def test_zero_sum_that_is_not_written_so_takes_the_general_path():
    f = x**3 / 3 - x + x * y - y**2 / 2
    plain = analyze(zero_sum(f, x, y), SQUARE, "stackelberg")
    # exp(log(2)) = 2 is not seen by expand, so that costs do not cancel as written.
    disguised = Game(Player(f, x), Player(-f + sp.sin(1)**2 + sp.cos(1)**2, y))
    general = analyze(disguised, SQUARE, "stackelberg")
    assert not disguised.is_zero_sum
    assert places(plain) == places(general) and len(plain) == 2
    for p, q in zip(plain, general):
        assert p.label == q.label and p.stable == q.stable
        assert p.differential_stackelberg_by_leader == q.differential_stackelberg_by_leader


def test_a_label_is_that_of_the_field_that_was_asked_for():
    # J = [[1, 1], [1, 1]] is singular; J_S is not: D^2 f1 = 1 - 2 + 3 = 2.
    f, g = x**2 / 2 + x * y + 3 * y**2 / 2, y**2 / 2 + x * y
    point, = analyze(apart(f, g), SQUARE, "stackelberg")
    assert point.degenerate is NO and point.differential_stackelberg is YES
    assert not any("centre" in note for note in point.notes)
    # A saddle of omega_S: D^2 f1 = -2 + 0, where J has both eigenvalues on the right.
    f, g = x**2 / 2 + 4 * x * y + x, y**2 / 2 + x * y / 2 - y
    result = analyze(apart(f, g), [(-9, 9)] * 2, "stackelberg")
    point, = result
    total = 1 - 4 * 1  # f_xx + 2 f_xy r' with r' = -1/2
    assert total < 0 and point.inertia["total Hessian"] == (0, 1, 0)
    assert point.label == "saddle"


# -- theorems as metamorphic tests ------------------------------------------------

def zero_sum_points():
    for seed in range(300, 310):
        f = random_games.ScalarGame.expression(random_games.polynomial(random.Random(seed), 3))
        yield from analyze(zero_sum(f, x, y), SQUARE)
    for seed in range(3):
        known = random_games.even_game(random.Random(seed), (2, 1), True)
        game, box = known.play()
        yield from analyze(game, box)


def test_propositions_of_zero_sum_games():
    n_points = 0
    for point in zero_sum_points():
        n_points += 1
        nash, leads = point.differential_nash, point.differential_stackelberg
        # Proposition 2, Proposition 3, and D.1
        assert point.stable["stackelberg"] is leads
        assert not (nash is YES and leads is not YES)
        assert not (nash is YES and point.stable["simultaneous"] is not YES)
        # 2.9: stable for w with a definite follower implies DSE
        definite = point.inertia["D22 f2"][0] == sum(point.inertia["D22 f2"])
        if point.stable["simultaneous"] is YES and definite:
            assert leads is YES
    assert n_points > 20


def cubics(seed):
    rng = random.Random(seed)
    return tuple(random_games.ScalarGame.expression(random_games.polynomial(rng, 3))
                 for _ in range(2))


@pytest.mark.parametrize("seed", [3, 5, 8, 21, 34])
def test_players_may_be_swapped(seed):
    f, g = cubics(seed)
    one = analyze(Game(Player(f, x), Player(g, y)), SQUARE)
    two = analyze(Game(Player(g, y), Player(f, x)), SQUARE)
    swapped = sorted(two, key=lambda p: tuple(p.x[::-1]))
    assert one.complete is two.complete is YES and len(one) == len(two)
    for p, q in zip(one, swapped):
        assert np.allclose(p.x, q.x[::-1], rtol=0, atol=1e-12)
        assert p.differential_stackelberg_by_leader == q.differential_stackelberg_by_leader[::-1]
        assert p.differential_nash is q.differential_nash
        assert p.stable["simultaneous"] is q.stable["simultaneous"]
        assert p.hyperbolic is q.hyperbolic


@pytest.mark.parametrize("seed", [3, 5, 8, 21, 34])
@pytest.mark.parametrize("of", ["simultaneous", "stackelberg"])
def test_scaled_costs_and_moved_actions_keep_the_classes(seed, of):
    f, g = cubics(seed)
    one = analyze(Game(Player(f, x), Player(g, y)), SQUARE, of)
    # One scale for both costs and one for both actions: the spectra only scale.
    scale, unit, shift = R(7, 3), R(5, 2), (R(1, 3), -R(4, 7))
    change = {x: (x - shift[0]) / unit, y: (y - shift[1]) / unit}
    moved = Game(*(Player(scale * c.xreplace(change) + 5, v) for c, v in ((f, x), (g, y))))
    box = [(-2 * unit + s, 2 * unit + s) for s in shift]
    two = analyze(moved, box, of)
    assert one.complete is two.complete is YES and len(one) == len(two)
    for p, q in zip(one, two):
        assert np.allclose(q.x, [float(unit * v + s) for v, s in zip(p.x, shift)], atol=1e-11)
        assert p.label == q.label and p.stable == q.stable and p.inertia == q.inertia
        assert p.hyperbolic is q.hyperbolic and p.degenerate is q.degenerate
        assert p.differential_stackelberg_by_leader == q.differential_stackelberg_by_leader


@pytest.mark.parametrize("game, box", [
    (catalog.figure1(), [(-30, 30)] * 2),
    (zero_sum(x**3 / 3 - x + x * y - y**2 / 2, x, y), [(-5, 5)] * 2),
    (apart(x**3 / 3), SQUARE)])
@pytest.mark.parametrize("of", ["simultaneous", "stackelberg"])
def test_the_whole_space_agrees_with_a_large_box(game, box, of):
    one, two = analyze(game, box, of), analyze(game, None, of)
    assert one.complete is two.complete is YES
    assert places(one) == places(two)
    for p, q in zip(one, two):
        assert p.label == q.label and p.stable == q.stable and p.inertia == q.inertia
        assert p.differential_stackelberg_by_leader == q.differential_stackelberg_by_leader
        assert np.abs(p.x - q.x).max() <= p.radius + q.radius
    assert two.box is None and two.where == "the whole space"


# -- the separating games of the literature ---------------------------------------

@pytest.mark.parametrize("f, g, nash, leads, stable", [
    (-x**2 / 2 + 2 * x * y - y**2, None, NO, (YES, NO), (YES, YES)),
    (-x**2 + 2 * x * y - y**2 / 2, None, NO, (YES, NO), (NO, YES)),
    (x**2 + 2 * x * y + y**2 / 2, None, NO, (NO, YES), (YES, NO)),
    (-x**2 + 5 * x * y - y**2, None, NO, (YES, NO), (NO, YES)),
    (x * y, None, NO, (NO, NO), (NO, NO)),
    (x * y - y**2 / 2, None, NO, (YES, NO), (YES, YES)),
    (-x**2 + 3 * y**2 / 2, y**2 / 2 + x * y, NO, (YES, None), (None, NO)),
    (x**2 - 3 * y**2 / 2, -y**2 / 2 + x * y, NO, (NO, None), (None, YES)),
    (x**2 / 2 + 2 * x * y, y**2 / 2 + 2 * x * y, YES, (NO, NO), (NO, NO)),
    (x**2 / 2 + 2 * x * y, y**2 / 2 + x * y, YES, (NO, None), (None, None)),
])
def test_separating_games(f, g, nash, leads, stable):
    result = analyze(apart(f, -f if g is None else g), SQUARE)
    point, = result
    assert result.complete is YES and places(result) == [(0, 0)]
    assert point.differential_nash is nash
    for found, expected in zip((*point.differential_stackelberg_by_leader,
                                point.stable["simultaneous"], point.stable["stackelberg"]),
                               (*leads, *stable)):
        assert expected is None or found is expected


def test_degenerate_games_are_named():
    point, = analyze(zero_sum(x * y, x, y), SQUARE)
    assert point.degenerate is YES and point.hyperbolic is NO
    assert point.label == "degenerate, centre" and point.inertia["J"] == (0, 0, 2)
    assert any("candidate for a local Stackelberg" in note for note in point.notes)
    assert point.eigenvalues["J_S"] is None and point.inertia["J_S"] is None
    point, = analyze(zero_sum(-x**2 + 5 * x * y - y**2, x, y), SQUARE)
    assert point.hyperbolic is NO and point.degenerate is NO
    assert any("centre" in note for note in point.notes)


# Names of the facts in the catalogue's order and where a point has them.
FACTS = {
    "differential_nash": lambda p: p.differential_nash,
    "differential_stackelberg": lambda p: p.differential_stackelberg_by_leader[0],
    "differential_stackelberg_reversed": lambda p: p.differential_stackelberg_by_leader[1],
    "simultaneous": lambda p: p.stable["simultaneous"],
    "stackelberg": lambda p: p.stable["stackelberg"]}


@pytest.mark.parametrize("name", catalog.names())
def test_the_catalogues_points_are_found_with_their_facts(name):
    entry = catalog.info(name)
    game = entry.build()
    small = len(game.variables) <= 6
    for of in dict.fromkeys(["simultaneous", *(p.of for p in entry.known)]):
        result = analyze(game, entry.box, of, n_starts=64, max_boxes=None if small else 500)
        known = [p for p in entry.known if p.of == of]
        json.dumps(result.to_dict(), allow_nan=False)
        if small and entry.complete and all(p.isolated for p in known):
            assert result.complete is YES and len(result) == len(known), result
        for place in known:
            assert_found(game, result, place, small)


def assert_found(game, result, place, small):
    expected = np.array([float(v) for v in place.x])
    slack = float(place.radius) + 1e-9
    turn = np.array([float(game.periods.get(v, 0)) for v in game.variables])

    def distance(point):
        delta = point.x - expected
        return np.abs(delta - np.where(turn > 0, turn * np.round(delta / np.where(
            turn > 0, turn, 1)), 0)).max()
    near = [p for p in result if p.certified and distance(p) <= slack]
    if not near:
        assert not place.isolated or not small
        assert in_undecided(result, expected)
        return
    point, = near
    for name, claim in place.facts.items():
        found = FACTS[name](point)
        assert found is claim or found is UNDECIDED, (name, claim, point)


# -- boxes and other input --------------------------------------------------------

@pytest.mark.parametrize("box", [
    [(-1, 1)], [(-1, 1)] * 3, [(-1, 1), (1, -1)], [(-1, 1), (1, 1)], [(0, sp.nan), (0, 1)],
    [(0, float("nan")), (0, 1)], [(0, float("inf")), (0, 1)], [(-sp.oo, sp.oo), (0, 1)],
    [(0, 1, 2), (0, 1)], [0, 1], 3, "ab", [("a", "b"), (0, 1)], [(0, x), (0, 1)],
    [(0, sp.I), (0, 1)], {x: (0, 1)}, {"x": (0, 1), "y": (0, 1), "z": (0, 1)}, [None, None],
    [(0, None), (0, 1)], {x: 1, y: 2}])
def test_boxes_that_do_not_fit(box):
    with pytest.raises(ValueError):
        analyze(apart(x**2), box)


def test_boxes_that_fit():
    game = apart(x**2)
    for box in ([(-1, 1), (-1, 1)], zip((-1, -1), (1, 1)), np.array([[-1, 1], [-1, 1]]),
                {"y": (-1, 1), x: (-1, 1)}, [[-0.1, sp.Rational(1, 3)], (-sp.pi, sp.sqrt(2))],
                {sp.Symbol("y"): (-1, 1), "x": (-1, 1)}, [iter((-1, 1)), iter((-1, 1))]):
        result = analyze(game, box)
        assert places(result) == [(0, 0)] and result.complete is YES
    assert analyze(game, [(-0.1, 1), (-1, 1)]).box[0] == (sp.Rational(-1, 10), 1)


def test_wrong_input():
    with pytest.raises(GameError, match="of is"):
        analyze(apart(x**2), SQUARE, "nash")
    with pytest.raises(GameError, match="expected a Game"):
        analyze(x**2, SQUARE)
    with pytest.raises(BoxError, match="max_boxes"):
        analyze(apart(x**2), SQUARE, max_boxes=-1)
    with pytest.raises(BoxError, match="missing: y, unknown: z"):
        analyze(apart(x**2), {x: (0, 1), z: (0, 1)})


@pytest.mark.parametrize("game, message", [
    (apart(sp.sin(x)), "polynomial"),
    (apart(sp.cos(x), periods={x: 2 * sp.pi}), "torus"),
    (catalog.tandem(), "give a box"),
    (catalog.covariance(2), "not possible here"),
    (zero_sum(sum(v**4 for v in sp.symbols("v1:12", real=True)), sp.symbols("v1:7", real=True),
              sp.symbols("v7:12", real=True)), "at most 10 variables")])
def test_the_whole_space_is_refused_with_a_reason(game, message):
    with pytest.raises(GameError, match=message):
        analyze(game, None)


def test_a_small_budget_ends_undecided_and_loses_nothing():
    game = zero_sum(TORUS, x, y)
    full = analyze(game, [(-4, 4)] * 2)
    assert full.complete is YES
    for budget in (0, 1, 5, 20, 100):
        result = analyze(game, [(-4, 4)] * 2, max_boxes=budget)
        for point in full:
            assert in_undecided(result, point.x) or any(
                np.allclose(p.x, point.x, atol=1e-9) for p in result)
    assert Reason.BUDGET in reasons(analyze(game, [(-4, 4)] * 2, max_boxes=1))


# -- the result -------------------------------------------------------------------

def test_what_a_result_shows():
    result = analyze(catalog.figure1(), [(-30, 30)] * 2)
    assert len(result) == 9 and [p for p in result] == list(result.points)
    assert result[0] is result.points[0]
    text = str(result)
    assert text == repr(result) and "proved complete" in text and "9 points" in text
    assert "-13.339180" in text and "DSE, not DNE" in text
    html = result._repr_html_()
    assert html.count("<tr>") == 10 and "-13.339180" in html
    plain = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert plain["complete"] == "yes" and len(plain["points"]) == 9
    assert plain["box"] == [[-30, 30], [-30, 30]] and plain["variables"] == ["x1", "x2"]
    frame = result.to_dataframe()
    assert frame.shape[0] == 9 and frame["stable_simultaneous"].tolist().count("yes") == 4
    assert not any(value is np.nan for value in frame.to_numpy().ravel())
    with pytest.raises(Exception, match="read-only"):
        result[0].x[0] = 1


def test_an_open_result_says_where_and_why():
    result = analyze(catalog.tandem(), [(-1, 3)] * 2)
    text, html = str(result), result._repr_html_()
    assert "NOT proved complete: 1 undecided box (" in text and "undecided:" in text
    assert "not isolated" in text and "not isolated" in html
    plain = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert plain["complete"] == "undecided" and plain["undecided"][0]["reason"]
    assert result.to_dataframe().shape[0] == 0
    # The derivative sin(x)^2 has a double zero at every multiple of pi.
    many = analyze(apart(x / 2 - sp.sin(2 * x) / 4), [(-10, 10), (-1, 1)])
    assert "... and " in str(many) and len(many.undecided) > 5
    assert "[-1, 2] x [-1, 1]" in str(analyze(apart(x**2), [(-1, 2), (-1, 1)]))


def test_results_and_games_survive_a_pickle():
    result = analyze(catalog.figure1(), [(-30, 30)] * 2)
    again = pickle.loads(pickle.dumps(result))
    assert again.to_dict() == result.to_dict() and str(again) == str(result)
    assert again.game == result.game and again[0].stable == result[0].stable
    assert not again[0].x.flags.writeable
    open_result = pickle.loads(pickle.dumps(analyze(zero_sum(TORUS, x, y), SQUARE, max_boxes=1)))
    assert open_result.complete is UNDECIDED and reasons(open_result) == {Reason.BUDGET}


def test_to_dataframe_without_pandas(monkeypatch):
    result = analyze(apart(x**2), SQUARE)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="needs pandas"):
        result.to_dataframe()
