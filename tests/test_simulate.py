"""Discrete trajectories: against matrix powers, plain loops and known points."""

import pickle
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
import sympy as sp
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gameanalysis import catalog, rules
from gameanalysis.declaration.game import Game, Player, zero_sum
from gameanalysis.dynamics import VectorField, simultaneous_gradient, stackelberg_gradient
from gameanalysis.errors import ShapeError
from gameanalysis.motion import stepping
from gameanalysis.motion.noise import Gaussian, Martingale
from gameanalysis.motion.schedules import (Constant, ExponentialDecay, Polynomial,
                                           two_timescale)
from gameanalysis.motion.simulate import iterate
from gameanalysis.motion.trajectory import Outcome
from gameanalysis.compilation import native
from gameanalysis.programs import program
from gameanalysis.compilation.compiled import compile_field
from gameanalysis.compilation.moves import compile_update

x, y = sp.symbols("x y", real=True)
STARTS = [(3, 3), (-3, 1), (-10, 10), (10, -10), (-10, -10), (-4, -6), (-8, 12)]
small = st.integers(-3, 3)
needs_heyoka = pytest.mark.skipif(not native.available(), reason="heyoka is not installed")
#: (number of starts, native): one by one, NumPy, heyoka.
ENGINES = [pytest.param(2, False, id="Python"), pytest.param(20, False, id="NumPy"),
           pytest.param(24, True, id="heyoka", marks=needs_heyoka),
           pytest.param(21, True, id="heyoka, odd", marks=needs_heyoka)]
NAMES = {(2, False): "Python", (20, False): "NumPy", (24, True): "heyoka cfunc",
         (21, True): "heyoka cfunc"}


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


# -- every rule ---------------------------------------------------------------

class Quadratic:
    """f1 = a x^2/2 + b x y + e y^2/2, f2 = h x^2/2 + c x y + d y^2/2, and its rules by hand.

    The rates g1, g2 are those of the players.  Each rule is a function (z, m) to (z+, m+);
    where it is linear, ``matrix`` finds its matrix from the unit vectors.
    """

    def __init__(self, a, b, c, d, e, h):
        self.a, self.b, self.c, self.d, self.e, self.h = a, b, c, d, e, h
        self.J = np.array([[a, b], [c, d]], dtype=float)
        self.Ho = np.array([[0, b], [c, 0]], dtype=float)
        self.Hd = np.diag([a, d]).astype(float)

    def game(self):
        a, b, c, d, e, h = map(sp.Integer, (self.a, self.b, self.c, self.d, self.e, self.h))
        return Game(Player(a*x**2/2 + b*x*y + e*y**2/2, x),
                    Player(h*x**2/2 + c*x*y + d*y**2/2, y))

    def simultaneous(self, z, m, g):
        return z - g * (self.J @ z), m

    def alternating(self, z, m, g):
        first = z[0] - g[0] * (self.a*z[0] + self.b*z[1])
        return np.array([first, z[1] - g[1] * (self.c*first + self.d*z[1])]), m

    def stackelberg(self, z, m, g):
        leader = self.a*z[0] + self.b*z[1] - self.c/self.d * (self.b*z[0] + self.e*z[1])
        return z - g * np.array([leader, self.c*z[0] + self.d*z[1]]), m

    def extragradient(self, z, m, g):
        return z - g * (self.J @ (z - g * (self.J @ z))), m

    def optimistic(self, z, m, g):
        return z - 2 * g * (self.J @ z) + g * m, self.J @ z

    def past_extragradient(self, z, m, g):
        half = self.J @ (z - g * m)
        return z - g * half, half

    def lookahead_optimiser(self, z, m, g):
        ahead = np.linalg.matrix_power(np.eye(2) - np.diag(g) @ self.J, 5) @ z
        return z + (ahead - z) / 2, m

    def unrolled(self, z, m, g):
        shrink = (1 - g[1] * self.d) ** 5           # y_5 = shrink y - (1 - shrink) c/d x
        slope = -(1 - shrink) * self.c / self.d
        ahead = shrink * z[1] + slope * z[0]
        leader = self.a*z[0] + self.b*ahead + slope * (self.b*z[0] + self.e*ahead)
        return z - g * np.array([leader, self.c*z[0] + self.d*z[1]]), m

    def consensus(self, z, m, g):
        return z - g * (self.J @ z + 0.1 * self.J.T @ (self.J @ z)), m

    def symplectic_adjustment(self, z, m, g):
        w = self.J @ z
        anti, full = (self.J - self.J.T).T @ w / 2, self.J.T @ w
        sign = 1 if (w @ full) * (anti @ full) / 2 + 0.1 > 0 else -1
        return z - g * (w + sign * anti), m

    def lookahead(self, z, m, g):
        w = self.J @ z
        return z - g * (w - self.Ho @ (g * w)), m

    def shaping(self, z, g):
        return np.array([self.c * g[1] * (self.b*z[0] + self.e*z[1]),
                         self.b * g[0] * (self.h*z[0] + self.c*z[1])])

    def lola(self, z, m, g):
        return self.lookahead(z, m, g)[0] + g * self.shaping(z, g), m

    def sos(self, z, m, g):
        w, chi = self.J @ z, self.shaping(z, g)
        xi = w - self.Ho @ (g * w)
        inner = -chi @ xi
        p1 = 1 if inner >= 0 else min(1, -0.5 * (xi @ xi) / inner)
        p2 = w @ w if np.sqrt(w @ w) < 0.1 else 1
        return z - g * (xi - min(p1, p2) * chi), m

    def competitive(self, z, m, g):
        return z - np.linalg.solve(np.eye(2) + np.diag(g) @ self.Ho, g * (self.J @ z)), m

    def symplectic_surgery(self, z, m, g):
        return z - g * (self.J @ z + self.J.T @ z) / 2, m       # J^T J^-1 w = J^T z

    def follow_the_ridge(self, z, m, g):
        w = self.J @ z
        return z - g * w + np.array([0, g[0] * self.c / self.d * w[0]]), m

    def double_follow_the_ridge(self, z, m, g):
        w = self.J @ z
        return z - g * (w - np.linalg.solve(self.Hd, self.Ho @ w)), m

    def newton_follower(self, z, m, g):
        after = -self.c / self.d * z[0]
        return np.array([z[0] - g[0] * (self.a*z[0] + self.b*after), after]), m

    def complete_newton(self, z, m, g):
        after = -self.c / self.d * z[0]
        schur = self.a - self.b * self.c / self.d
        return np.array([z[0] - (self.a*z[0] + self.b*after) / schur, after]), m

    def newton(self, z, m, g):
        return z - g * z, m

    NONLINEAR = ("symplectic_adjustment", "sos")

    def path(self, name, start, g, steps):
        """The oracle: powers of the matrix on (z, m), a loop where the rule is not linear."""
        rule, start = getattr(self, name), np.array(start, dtype=float)
        if name in self.NONLINEAR:
            out, state = [start], (start, start)
            for _ in range(steps):
                state = rule(*state, g)
                out.append(state[0])
            return np.array(out)
        matrix = np.array([np.concatenate(rule(unit[:2], unit[2:], g)) for unit in np.eye(4)]).T
        whole = np.concatenate([start, self.J @ start])         # m_0 = omega(z_0)
        return np.array([(np.linalg.matrix_power(matrix, k) @ whole)[:2]
                         for k in range(steps + 1)])


ZERO_SUM, GENERAL = Quadratic(1, 2, -2, 3, -3, -1), Quadratic(2, 1, -3, 4, 1, -2)
CASES = [pytest.param(case, rule, id=f"{name}-{rule.name}")
         for name, case in [("zero sum", ZERO_SUM), ("general sum", GENERAL)]
         for rule in rules.every(case.game())]


def test_all_rules_are_met_by_hand():
    assert {rule.name for rule in rules.every(ZERO_SUM.game())} == set(rules.names())
    assert all(hasattr(Quadratic, name) for name in rules.names())


@pytest.mark.parametrize("size, compiled", ENGINES)
@pytest.mark.parametrize("case, rule", CASES)
def test_every_rule_follows_its_formula_on_a_quadratic_game(case, rule, size, compiled):
    gamma = np.array([0.0625, 0.125])
    starts = np.random.default_rng(1).normal(size=(size, 2))
    found = iterate(rule.on(case.game()), starts, 40, step_size=gamma, native=compiled).require()
    assert found.method == NAMES[size, compiled]
    for start, path in zip(starts, found.x):
        expected = case.path(rule.name, start, gamma, 40)
        np.testing.assert_allclose(path, expected, rtol=1e-10,
                                   atol=1e-10 * np.abs(expected).max())


def test_tau_multiplies_the_rates_of_the_follower():
    rule, gamma = rules.Extragradient(tau=3), np.array([0.05, 0.15])
    found = iterate(rule.on(GENERAL.game()), [1.0, -2.0], 20, step_size=0.05)
    np.testing.assert_allclose(found.x, GENERAL.path("extragradient", (1, -2), gamma, 20),
                               rtol=1e-11)


# -- nonlinear games ----------------------------------------------------------

def figure1_gradient(z):
    """omega of figure1 by hand: f = -e (A^2 + B^2), A = .15 x^2 + y, B = .25 y^2 + x."""
    p, q = z[..., 0], z[..., 1]
    a, b = 0.15*p**2 + q, 0.25*q**2 + p
    e, s = np.exp(-0.01*(p**2 + q**2)), a**2 + b**2
    return np.stack([e*(0.02*p*s - 0.6*p*a - 2*b), -e*(0.02*q*s - 2*a - q*b)], axis=-1)


SCHEDULES = [
    (0.0025, lambda k: 0.0025),
    ((0.002, 0.004), lambda k: np.array([0.002, 0.004])),
    (Constant(0.0025), lambda k: 0.0025),
    (ExponentialDecay(0.01, 0.99), lambda k: 0.01 * 0.99**k),
    (Polynomial(0.02, 0.6, offset=3), lambda k: 0.02 / (k + 3)**0.6),
    (two_timescale(0.01, 1, 0.01, 0.6),
     lambda k: 0.01 / np.array([(k + 1)**1.0, (k + 1)**0.6])),
    ((0.004, lambda k: 0.01 / (1 + k)), lambda k: np.array([0.004, 0.01 / (1 + k)])),
]


@pytest.mark.parametrize("size, compiled", ENGINES)
@pytest.mark.parametrize("step_size, rate", SCHEDULES)
def test_figure_1_follows_a_plain_loop_under_every_schedule(step_size, rate, size, compiled):
    starts = np.random.default_rng(2).uniform(-8, 8, (size, 2))
    game = catalog.figure1()
    plain, extra, past = starts, starts, (starts, figure1_gradient(starts))
    expected = []
    for k in range(300):
        g = rate(k)
        plain = plain - g * figure1_gradient(plain)
        extra = extra - g * figure1_gradient(extra - g * figure1_gradient(extra))
        omega = figure1_gradient(past[0])
        past = past[0] - g * (2*omega - past[1]), omega
        expected.append((plain, extra, past[0]))
    for rule, paths in zip((rules.SimultaneousGradient(), rules.Extragradient(),
                            rules.Optimistic()), np.swapaxes(expected, 0, 1)):
        found = iterate(rule.on(game), starts, 300, step_size=step_size, native=compiled)
        np.testing.assert_allclose(found.require().x[:, 1:], np.swapaxes(paths, 0, 1),
                                   rtol=1e-9, atol=1e-9)


def test_a_program_too_long_to_print_is_followed_level_by_level(monkeypatch):
    starts = np.random.default_rng(2).uniform(-8, 8, (3, 2))
    update = rules.Optimistic().on(catalog.figure1())
    expected = [iterate(update, starts, 100, step_size=step) for step in (0.01, Polynomial(1, 2))]
    monkeypatch.setattr(program, "PRINTED", 5)
    for step, before in zip((0.01, Polynomial(1, 2)), expected):
        found = iterate(update, starts, 100, step_size=step, native=False)
        assert found.method == "NumPy" != before.method
        np.testing.assert_allclose(found.x, before.x, rtol=1e-9)
        many = iterate(update, np.tile(starts, (4000, 1)), 100, step_size=step, keep="last")
        assert many.method == "NumPy"               # nor is it compiled unless that is demanded
        np.testing.assert_allclose(many.last[:3], before.last, rtol=1e-9)
        if native.available():
            demanded = iterate(update, starts, 100, step_size=step, keep="last", native=True)
            np.testing.assert_allclose(demanded.last, before.last, rtol=1e-9)


def test_players_may_have_several_actions_each_with_the_players_rate():
    v = sp.symbols("v1:4", real=True)
    game = Game(Player(v[0]**2 + v[1]**2 + v[0]*v[2], v[:2]), Player(v[2]**2, v[2]))
    matrix = np.eye(3) - np.diag([0.1, 0.1, 0.2]) @ [[2, 0, 1], [0, 2, 0], [0, 0, 2]]
    for step in ((0.1, 0.2), (0.1, 0.1, 0.2)):
        found = iterate(rules.SimultaneousGradient().on(game), [1, 2, 3], 9, step_size=step)
        np.testing.assert_allclose(found.last, np.linalg.matrix_power(matrix, 9) @ [1, 2, 3])
    with pytest.raises(ShapeError, match="2, one for each player, or 3, one for each variable"):
        iterate(rules.SimultaneousGradient().on(game), [1, 2, 3], 9, step_size=[0.1] * 4)


def test_compiled_updates_are_sources_too():
    update = rules.PastExtragradient().on(catalog.torus())
    first = iterate(update, [1.0, 2.0], 9, step_size=0.1)
    compiled = pickle.loads(pickle.dumps(compile_update(update)))
    np.testing.assert_array_equal(iterate(compiled, [1.0, 2.0], 9, step_size=0.1).x, first.x)


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


@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=needs_heyoka)])
@pytest.mark.parametrize("game", ["figure1", "torus", "dirac_gan"])
@pytest.mark.parametrize("keep", ["last", 3, 70])
def test_a_start_does_not_feel_its_batch_to_the_last_bit(monkeypatch, game, compiled, keep):
    monkeypatch.setattr(stepping, "_FEW", 0)            # one start takes the way of many, too
    field = rules.Extragradient().on(catalog.game(game))
    starts = np.random.default_rng(4).uniform(-3, 3, (37, 2))
    options = {"step_size": 0.01, "keep": keep, "native": compiled}
    full = iterate(field, starts, 500, **options)
    for part in (slice(0, 1), slice(3, 8), slice(20, 37)):
        found = iterate(field, starts[part], 500, **options)
        np.testing.assert_array_equal(found.x, full.x[part])
    monkeypatch.setattr(stepping, "_CACHE", 17 * 2 * 8 * 5)     # blocks of a few, short paths
    np.testing.assert_array_equal(iterate(field, starts, 500, **options).x, full.x)


@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=needs_heyoka)])
def test_starts_that_fail_or_settle_leave_the_others_alone_to_the_last_bit(compiled):
    # x <- x + x^2/20 - x/50: up from 2/5 on it diverges, below it settles at 0.
    field = VectorField(x/50 - x**2/20, x)
    starts = np.linspace(-1, 3, 41)[:, None]
    options = {"step_size": 1, "keep": "last", "points": [[0]], "native": compiled,
               "bound": 1e4, "settle_atol": 1e-6}
    full = iterate(field, starts, 5000, **options)
    assert full.method == ("heyoka cfunc" if compiled else "NumPy")
    expected = [Outcome.SETTLED if start < 0.4 else Outcome.DIVERGED for start in starts[:, 0]]
    expected[14] = full.status[14]                      # 0.4 itself, to rounding
    assert list(full.status) == expected
    part = iterate(field, starts[10:30], 5000, **options)
    np.testing.assert_array_equal(part.x, full.x[10:30])
    np.testing.assert_array_equal(part.stopped, full.stopped[10:30])
    value, taken = 3.0, 0
    while abs(value + value**2/20 - value/50) <= 1e4:
        value, taken = value + value**2/20 - value/50, taken + 1
    assert full.stopped[-1] == taken and full.last[-1, 0] == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("size, compiled", ENGINES)
def test_leaps_and_paths_agree(size, compiled):
    starts = np.random.default_rng(4).uniform(-3, 3, (size, 2))
    for rule in (rules.Extragradient(), rules.Optimistic()):
        for step in (0.01, Polynomial(0.1, 0.5)):
            field = rule.on(catalog.figure1())
            last = iterate(field, starts, 333, step_size=step, keep="last", native=compiled)
            path = iterate(field, starts, 333, step_size=step, native=compiled)
            np.testing.assert_allclose(last.last, path.last, rtol=1e-11)


def test_a_start_does_not_feel_the_others_when_it_goes_alone_in_python(monkeypatch):
    field = simultaneous_gradient(catalog.figure1())
    starts = np.random.default_rng(4).uniform(-3, 3, (5, 2))
    full = iterate(field, starts, 5000, step_size=0.01)
    for start, path in zip(starts, full.x):
        np.testing.assert_array_equal(iterate(field, start, 5000, step_size=0.01).x, path)


def test_coordinates_with_a_period_are_wrapped_unless_asked_otherwise():
    turning = VectorField([-1, y], [x, y], periods={x: 2*sp.pi})
    lifted = iterate(turning, [0.0, 9.0], 20, step_size=1, wrap=False)
    assert lifted.last[0] == 20
    found = iterate(turning, [0.0, 9.0], 20, step_size=1)
    assert (found.x[:, 0] >= -np.pi).all() and (found.x[:, 0] < np.pi).all()
    turns = (lifted.x - found.x)[:, 0] / (2 * np.pi)
    np.testing.assert_allclose(turns, np.round(turns), atol=1e-12)
    np.testing.assert_array_equal(found.x[:, 1], lifted.x[:, 1])


# -- native -------------------------------------------------------------------

@needs_heyoka
def test_large_batches_are_compiled_and_agree():
    field, starts = simultaneous_gradient(catalog.figure1()), np.full((2000, 2), 3.0)
    starts[:, 0] += np.linspace(0, 1, 2000)
    found = iterate(field, starts, 500, step_size=0.0025, keep="last")
    assert found.method == "heyoka cfunc"
    other = iterate(field, starts, 500, step_size=0.0025, keep="last", native=False)
    assert other.method == "NumPy"
    np.testing.assert_allclose(found.x, other.x, rtol=1e-9)
    assert iterate(field, starts, 499, step_size=0.0025, keep="last").method == "NumPy"


def test_without_heyoka_numpy_does_everything_and_a_demand_is_refused(monkeypatch):
    monkeypatch.setattr(native, "available", lambda: False)
    native._native_function.cache_clear()
    field = VectorField([x, 2*y], [x, y])
    found = iterate(field, np.ones((2000, 2)), 500, step_size=0.01, keep="last")
    assert found.method == "NumPy"
    with pytest.raises(ImportError, match="heyoka"):
        iterate(field, np.ones((2, 2)), 5, step_size=0.01, native=True)


@needs_heyoka
def test_what_heyoka_has_not_is_left_to_numpy():
    field = VectorField([sp.gamma(x)], [x])
    found = iterate(field, np.full((1000, 1), 2.0), 1000, step_size=1e-4, keep="last")
    assert found.method == "NumPy"
    with pytest.raises(ValueError, match="heyoka has no"):
        iterate(field, [2.0], 5, step_size=1e-4, native=True)
    v = sp.symbols("v1:5", real=True)
    coupled = x**2 + x*v[0] - sum(w**2 for w in v) - sum(u*w for u, w in zip(v, v[1:]))
    numerical = stackelberg_gradient(zero_sum(coupled, x, v))
    with pytest.raises(ValueError, match="known numerically only"):
        iterate(numerical, np.ones(5), 5, step_size=0.1, native=True)


# -- settling -----------------------------------------------------------------

def first_inside(contraction, start, radius):
    """The first k with |start| contraction^k <= radius."""
    k = 0
    while abs(start) > radius:
        start, k = start * contraction, k + 1
    return k


@pytest.mark.parametrize("size, compiled", ENGINES)
@pytest.mark.parametrize("step, atol", [(0.5, 1e-9), (0.1, 1e-6), (0.01, 1e-3), (1.0, 1e-9)])
def test_a_start_settles_at_the_first_update_within_the_radius(step, atol, size, compiled):
    field = VectorField([x - 1, y + 2], [x, y])
    starts = np.random.default_rng(0).normal(size=(size, 2)) + [1, -2]
    found = iterate(field, starts, 3000, step_size=step, points=[[7, 7], [1, -2]],
                    settle_atol=atol, native=compiled, keep=5)
    radius = atol * (1 + np.sqrt(5))
    for start, status, taken, which, path in zip(starts, found.status, found.stopped,
                                                 found.settled, found.x):
        distance = np.linalg.norm(start - [1, -2])
        expected = first_inside(1 - step, distance, radius)
        assert status is Outcome.SETTLED and which == 1 and taken == expected
        shown = found.t < taken
        np.testing.assert_allclose(path[shown] - [1, -2],
                                   (start - [1, -2]) * (1 - step) ** found.t[shown, None],
                                   rtol=1e-6, atol=1e-14)
        assert (path[~shown] == path[-1]).all()
        assert np.linalg.norm(path[-1] - [1, -2]) <= radius
    assert found.require() is found


@pytest.mark.parametrize("steps", [3, 15, 16, 17, 40])
def test_short_runs_settle_too(steps):
    found = iterate(VectorField(x, x), [1.0], steps, step_size=1, points=[[0]])
    assert found.status is Outcome.SETTLED and found.stopped == 1 and found.last[0] == 0


def test_how_a_batch_is_cut_does_not_change_when_it_settles(monkeypatch):
    field = simultaneous_gradient(catalog.figure1())
    known = [[float(v) for v in point.x] for point in catalog.info("figure1").known]
    starts = np.random.default_rng(5).uniform(-14, 14, (60, 2))
    options = {"step_size": 0.01, "points": known, "keep": "last", "native": False}
    first = iterate(field, starts, 4000, **options)
    assert np.mean([s is Outcome.SETTLED for s in first.status]) > 0.5
    for status, which, last in zip(first.status, first.settled, first.last):
        near = np.linalg.norm(np.array(known) - last, axis=1) < 1e-6
        assert (which >= 0 and near[which]) == (status is Outcome.SETTLED)
    monkeypatch.setattr(stepping, "_CACHE", 17 * 2 * 8 * 20)
    second = iterate(field, starts, 4000, **options)
    monkeypatch.setattr(stepping, "_FEW", 100)
    third = iterate(field, starts, 4000, **options)
    for other in (second, third):
        np.testing.assert_array_equal(first.settled, other.settled)
        np.testing.assert_allclose(first.last, other.last, rtol=1e-9, atol=1e-9)
        # Rounding may move the moment by an update.
        assert np.abs(first.stopped - other.stopped).max() <= (0 if other is second else 1)


def test_a_saddle_stops_nobody_and_is_named_at_the_end_only():
    field = VectorField([x, -y], [x, y])
    found = iterate(field, [[1.0, 0.0], [1.0, 1e-20], [0.0, 0.0]], 100, step_size=0.5,
                    points=[[0, 0]])
    assert list(found.status) == [Outcome.SETTLED, Outcome.COMPLETED, Outcome.SETTLED]
    assert found.stopped.tolist() == [100] * 3
    assert found.x[1, 50, 0] < 1e-9                       # it passed close by


def test_points_that_are_no_fixed_points_or_singular_stop_nobody():
    plain = iterate(VectorField(x - 1, x), [1.0 + 1e-8], 100, step_size=0.1,
                    points=[[1 + 2e-9], [5]], settle_atol=1e-9)
    assert plain.status is Outcome.COMPLETED and plain.settled == -1
    root = iterate(VectorField(sp.sqrt(x), x), [1.0], 3, step_size=0.1, points=[[-1], [0]])
    assert root.status is Outcome.COMPLETED


def test_where_the_jacobian_is_infinite_a_point_is_named_at_the_end_only():
    field = VectorField(sp.sqrt(x) / 10**12, x)
    for size in (1, 20):
        found = iterate(field, np.full((size, 1), 1e-10), 100, step_size=0.1,
                        points=np.array([[0.0]]))
        assert list(found.status) == [Outcome.SETTLED] * size
        assert found.stopped.tolist() == [100] * size


def test_settling_on_a_circle_counts_distances_the_shorter_way():
    field = VectorField([sp.sin(x)], [x], periods={x: 2*sp.pi})
    found = iterate(field, [[5.0], [1.0]], 500, step_size=0.5, points=[[0.0]])
    assert list(found.status) == [Outcome.SETTLED] * 2 and (np.abs(found.last) < 1e-9).all()
    shifted = iterate(field, [[5.0], [1.0]], 500, step_size=0.5, points=[[4 * np.pi]],
                      wrap=False, settle_atol=1e-8)
    assert shifted.settled.tolist() == [0, 0]
    assert shifted.last[:, 0] == pytest.approx([2 * np.pi, 0], abs=1e-6)


@pytest.mark.parametrize("rule", [rules.Optimistic(), rules.CompleteNewton(),
                                  rules.Extragradient()], ids=lambda rule: rule.name)
def test_rules_settle_at_points_given_as_objects(rule):
    game = zero_sum(x**2/2 + x*y - y**2/2, x, y)
    found = iterate(rule.on(game), np.eye(2), 5000, step_size=0.1,
                    points=[SimpleNamespace(x=(3, 3)), SimpleNamespace(x=(0, 0))])
    assert list(found.status) == [Outcome.SETTLED] * 2 and found.settled.tolist() == [1, 1]
    assert (found.stopped < 1000).all()
    if rule.name == "complete_newton":
        assert found.stopped.tolist() == [1, 1] or (found.stopped <= 2).all()


def test_rates_that_fall_settle_where_the_rates_of_then_attract():
    found = iterate(VectorField(x, x), [1.0], 3000, step_size=Polynomial(3.0, 0.5),
                    points=[[0]], settle_atol=1e-6)
    value, taken = 1.0, 0
    while abs(value) > 1e-6:
        value, taken = value - 3.0 / (taken + 1)**0.5 * value, taken + 1
    assert found.status is Outcome.SETTLED and found.stopped == taken


def test_with_noise_only_the_end_is_looked_at():
    still = Martingale(lambda rng, at, k: 0 * at)
    found = iterate(VectorField(x, x), [[1.0], [1e60]], 200, step_size=0.5, noise=still, rng=0,
                    points=[[0]], bound=1e70, native=False)
    assert list(found.status) == [Outcome.SETTLED, Outcome.COMPLETED]
    assert found.stopped.tolist() == [200, 200]


def test_with_noise_a_start_is_where_it_is_at_the_end():
    found = iterate(VectorField(x, x), np.linspace(-1, 1, 30)[:, None], 100, step_size=0.5,
                    noise=Gaussian(0.1), rng=3, points=[[0.0]], settle_atol=0.05, keep="last")
    inside = np.abs(found.last[:, 0]) <= 0.05
    assert 0 < inside.sum() < 30
    np.testing.assert_array_equal(found.settled >= 0, inside)
    assert (found.stopped == 100).all()


def test_no_points_are_no_points():
    found = iterate(VectorField(x, x), [1.0], 20, step_size=1, points=[])
    assert found.status is Outcome.COMPLETED
    assert iterate(VectorField(x, x), [1.0], 0, step_size=1, points=[[1]]).last[0] == 1


# -- Ctrl-C -------------------------------------------------------------------

def test_an_interrupt_keeps_what_is_done(monkeypatch):
    def noise(rng, at, k):
        if k == 40:
            raise KeyboardInterrupt
        return 0 * at

    # Blocks of three starts: one has diverged, two move, two wait.
    monkeypatch.setattr(stepping, "_CACHE", 17 * 1 * 8 * 3)
    starts = np.array([[0.2], [5.0], [-2.0], [3.0], [4.0]])
    found = iterate(VectorField(-x**2 / 20, x), starts, 100, step_size=1, bound=20,
                    noise=Martingale(noise), rng=0)
    assert found.stopped.tolist()[0] == 40 and found.stopped.tolist()[2:] == [40, 0, 0]
    assert found.status[1] is Outcome.DIVERGED and found.stopped[1] < 20
    assert {found.status[k] for k in (0, 2, 3, 4)} == {Outcome.INTERRUPTED}
    value = 0.2
    for k in range(101):
        assert found.x[0, k, 0] == pytest.approx(value, rel=1e-12)
        value += value**2 / 20 if k < 40 else 0
    assert (found.x[3:] == starts[3:, None]).all()
    with pytest.raises(ArithmeticError, match="interrupted"):
        found.require()


# -- what can go wrong --------------------------------------------------------

@pytest.mark.parametrize("size, compiled", [
    (1, False), (30, False), pytest.param(30, True, marks=needs_heyoka)])
@pytest.mark.parametrize("keep", ["all", "last", 40])
def test_divergence_is_told_and_spoils_nothing(size, keep, compiled):
    starts = np.linspace(-1, 3, size + 2)[1:-1]
    found = iterate(VectorField(-x**2, x), starts[:, None], 600, step_size=0.1, bound=1e4,
                    keep=keep, native=compiled)
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
    with pytest.raises(ArithmeticError, match=rf"^after {alone.stopped} of 100 updates: left"):
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
    ({"step_size": lambda k: 1 - k}, ValueError, "the step size of update 1 must be positive"),
    ({"first": -1}, ValueError, "first"),
    ({"points": [[1, 2, 3]]}, ShapeError, "shape"),
    ({"points": [1.0, 2.0]}, ShapeError, "one row a critical point"),
    ({"points": [[1.0, np.nan]]}, ValueError, "finite"),
    ({"points": [[1, 2]], "settle_atol": 0}, ValueError, "settle_atol"),
    ({"field": rules.Extragradient()}, TypeError, "rule on a game"),
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
