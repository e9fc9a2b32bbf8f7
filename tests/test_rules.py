"""Learning rules: each against its formula by hand, its flow, spectra, rest points, errors."""

import pickle
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar

import hand_formulas as hand
import mpmath
import numpy as np
import pytest
import sympy as sp
from hand_formulas import COSTS, HANDS, R, Hand, in_digits, slopes_in_digits
from hypothesis import given, settings
from hypothesis import strategies as st

from gameanalysis import catalog, rules
from gameanalysis.declaration.game import Game, Player, zero_sum
from gameanalysis.dynamics import simultaneous_gradient, stackelberg_gradient
from gameanalysis.errors import GameError
from gameanalysis.learning.play import Formulas, Play
from gameanalysis.learning.updates import RuleField, Update
from gameanalysis.motion.simulate import iterate
from gameanalysis.compilation.compiled import compile_field
from gameanalysis.compilation.moves import compile_update
from gameanalysis.truth import Truth
from gameanalysis.verdicts.stability import stability_table
from gameanalysis.verdicts.standstill import fixed_points

x, y, x1, x2, y1, y2 = hand.x, hand.y, hand.x1, hand.x2, hand.y1, hand.y2


def game_of(name):
    costs, groups = COSTS[name]
    return Game(*(Player(c, g) for c, g in zip(costs, groups)), name=name)


def draws(n, count=3, seed=0):
    """Points, and learning rates one for each variable."""
    rng = np.random.default_rng(seed)
    return rng.uniform(-0.9, 0.9, (count, n)), rng.uniform(0.02, 0.3, (count, n))


ANY = tuple(COSTS)
TWO = ("zs11", "gs11", "zs22", "gs22")
ZERO_SUM = ("zs11", "zs22")

# (rule, the update by hand with rates that hold tau, games where it is defined)
MEMORYLESS = [
    (rules.SimultaneousGradient(tau=1.5), hand.simultaneous, ANY),
    (rules.Alternating(tau=1.5), hand.alternating, ANY),
    (rules.StackelbergGradient(tau=3), hand.stackelberg, ANY),
    (rules.StackelbergGradient(tau=0.5, eta=0.7),
     lambda h, z, r: hand.stackelberg(h, z, r, 0.7), ANY),
    (rules.Extragradient(tau=2), hand.extragradient, ANY),
    (rules.LookaheadOptimiser(steps=3, alpha=0.3, tau=2),
     lambda h, z, r: hand.lookahead_optimiser(h, z, r, hand.simultaneous, 3, 0.3), ANY),
    (rules.LookaheadOptimiser(steps=2, alpha=0.75, inner=rules.StackelbergGradient(eta=0.7)),
     lambda h, z, r: hand.lookahead_optimiser(
         h, z, r, lambda *a: hand.stackelberg(*a, 0.7), 2, 0.75), ANY),
    (rules.LookaheadOptimiser(steps=2, alpha=1.25, inner=rules.Alternating()),
     lambda h, z, r: hand.lookahead_optimiser(h, z, r, hand.alternating, 2, 1.25), ANY),
    (rules.LookaheadOptimiser(steps=2, inner=rules.NewtonFollower()),
     lambda h, z, r: hand.lookahead_optimiser(h, z, r, hand.newton_follower, 2, 0.5), TWO),
    (rules.Consensus(lam=0.4, tau=2), lambda h, z, r: hand.consensus(h, z, r, 0.4), ANY),
    (rules.SymplecticGradientAdjustment(lam=0.6, align=False, tau=0.5),
     lambda h, z, r: hand.symplectic(h, z, r, 0.6), ANY),
    (rules.SymplecticGradientAdjustment(tau=2),
     lambda h, z, r: hand.symplectic(h, z, r, 1, 0.1), ANY),
    (rules.LookAhead(tau=2), lambda h, z, r: z - r * hand.ahead(h, z, r), ANY),
    (rules.LookAhead(alpha=0.3), lambda h, z, r: z - r * hand.ahead(h, z, 0.3 + 0*z), ANY),
    (rules.LOLA(tau=2),
     lambda h, z, r: z - r * (hand.ahead(h, z, r) - hand.chi(h, z, r)), ANY),
    (rules.LOLA(alpha=0.3),
     lambda h, z, r: z - r * (hand.ahead(h, z, 0.3 + 0*z) - hand.chi(h, z, 0.3 + 0*z)), ANY),
    (rules.StableOpponentShaping(alpha=0.3, tau=2),
     lambda h, z, r: hand.shaped(h, z, r, 0.3 + 0*z, 0.5, 0.1), ANY),
    (rules.StableOpponentShaping(a=0.1, b=3),
     lambda h, z, r: hand.shaped(h, z, r, r, 0.1, 3), ANY),
    (rules.LocalSymplecticSurgery(tau=2), hand.surgery, ANY),
    (rules.LocalSymplecticSurgery(lam=0.2), lambda h, z, r: hand.surgery(h, z, r, 0.2), ANY),
    (rules.FollowTheRidge(tau=2), hand.ridge, ZERO_SUM),
    (rules.DoubleFollowTheRidge(tau=2), hand.double_ridge, ANY),
    (rules.DoubleFollowTheRidge(lam=0.3, epsilon=0.2),
     lambda h, z, r: hand.double_ridge(h, z, r, 0.3, 0.2), ANY),
    (rules.DoubleFollowTheRidge(exact=True, tau=2),
     lambda h, z, r: hand.double_ridge(h, z, r, exact=True), ANY),
    (rules.NewtonFollower(tau=2), hand.newton_follower, TWO),
    (rules.CompleteNewton(), hand.complete_newton, ZERO_SUM),
    (rules.DampedNewton(tau=2), hand.newton, ANY),
]


@pytest.mark.parametrize("rule, by_hand, names", MEMORYLESS, ids=[str(m[0]) for m in MEMORYLESS])
def test_updates_are_their_formulas(rule, by_hand, names):
    for name in names:
        h, program = HANDS[name], compile_update(rule.on(game_of(name))).update_program
        for z, rates in zip(*draws(h.n)):
            rates = np.repeat(rates[:len(h.players)], [len(g) for g in h.groups])
            scaled = np.where(np.arange(h.n) < h.lead.stop, rates, rates * float(rule.tau))
            got = program.columns(np.concatenate([z, rates])[:, None])[:, 0]
            expected = by_hand(h, z, scaled)
            assert np.allclose(got, expected, rtol=1e-10, atol=1e-12), (name, got - expected)


@pytest.mark.parametrize("name", ANY)
def test_rules_with_a_memory_follow_their_recursion(name):
    h, (starts, rates) = HANDS[name], draws(HANDS[name].n, 2, 5)
    for z, gamma in zip(starts, rates):
        scaled = np.where(np.arange(h.n) < h.lead.stop, gamma, 2 * gamma)
        for rule in (rules.Optimistic(tau=2), rules.PastExtragradient(tau=2)):
            update = compile_update(rule.on(game_of(name)))
            m = update.start_program.columns(
                np.concatenate([z, 0*z, gamma])[:, None])[:, 0]
            state, path = np.concatenate([z, m]), [z]
            for _ in range(4):
                state = update.update_program.columns(
                    np.concatenate([state, gamma])[:, None])[:, 0]
                path.append(state[:h.n])
            # z_{k+1} = z_k - 2 gamma w_k + gamma w_{k-1}, with z_{-1} = z_0;
            # half points z_k - gamma w(last half point), the first w being that of the start.
            if isinstance(rule, rules.Optimistic):
                old, now = z, z
                for k in range(4):
                    old, now = now, now - 2*scaled*h.omega(now) + scaled*h.omega(old)
                    assert np.allclose(path[k + 1], now, rtol=1e-10)
            else:
                half, now = z, z
                for k in range(4):
                    half = now - scaled * h.omega(half)
                    now = now - scaled * h.omega(half)
                    assert np.allclose(path[k + 1], now, rtol=1e-10)


@pytest.mark.parametrize("name", ANY)
def test_shaping_is_the_gradient_of_what_is_foreseen(name):
    # LOLA descends f_i - alpha sum_j <D_j f_i, D_j f_j>, the cost after one foreseen step to
    # first order; LookAhead the same with D_j f_j held constant.
    costs, groups = COSTS[name]
    h, alpha = HANDS[name], R(3, 10)
    values = dict(zip(h.variables, (R(3, 10), R(-1, 5), R(2, 5), R(1, 7), R(-3, 8))))
    lola, ahead = [], []
    for i, own in enumerate(groups):
        total = costs[i] - alpha * sum(sp.diff(costs[i], v) * sp.diff(costs[k], v)
                                       for k, g in enumerate(groups) if k != i for v in g)
        held = costs[i] - alpha * sum(
            sp.diff(costs[i], v) * sp.diff(costs[k], v).subs(values)
            for k, g in enumerate(groups) if k != i for v in g)
        lola += [float(sp.diff(total, v).subs(values)) for v in own]
        ahead += [float(sp.diff(held, v).subs(values)) for v in own]
    z = np.array([float(values[v]) for v in h.variables])
    for rule, expected in ((rules.LOLA(alpha=alpha), lola), (rules.LookAhead(alpha=alpha), ahead)):
        got = compile_update(rule.on(game_of(name))).update_program(*z, *np.ones(h.n))
        assert np.allclose(z - got, expected, rtol=1e-11)


def test_stable_opponent_shaping_in_all_its_branches():
    seen = set()
    h, zero = HANDS["gs22"], np.zeros(4)
    for _ in range(20):
        zero = hand.newton(h, zero, 1.0)
    near = zero + np.random.default_rng(4).uniform(-0.02, 0.02, (40, 4))
    for alpha, a, b in ((2.0, 0.5, 0.1), (2.0, 0.02, 1.5), (0.5, 0.5, 1.5)):
        rule = rules.StableOpponentShaping(alpha=alpha, a=a, b=b)
        program = compile_update(rule.on(game_of("gs22"))).update_program
        for z in [*np.random.default_rng(3).uniform(-0.7, 0.7, (60, 4)), *near]:
            each = alpha + 0*z
            case, p1, p2 = hand.shaping_weights(h, z, each, a, b)
            seen.add((case, "near" if p2 < 1 or h.omega(z) @ h.omega(z) < b*b else "far",
                      "p1" if p1 < p2 else "p2" if p2 < p1 else "same"))
            got = program.columns(np.concatenate([z, 0.1 + 0*z])[:, None])[:, 0]
            assert np.allclose(got, hand.shaped(h, z, 0.1, each, a, b), rtol=1e-9)
    assert abs(h.omega(zero)).max() < 1e-12
    assert seen >= {("descent", "far", "same"), ("mild", "far", "same"),
                    ("against", "far", "p1"), ("descent", "near", "p2"),
                    ("against", "near", "p1"), ("against", "near", "p2")}


def test_the_symplectic_adjustment_takes_both_signs():
    h = HANDS["gs11"]
    rule = rules.SymplecticGradientAdjustment(epsilon=0)
    program = compile_update(rule.on(game_of("gs11"))).update_program
    signs = set()
    for z in np.random.default_rng(1).uniform(-1, 1, (40, 2)):
        signs.add(hand.symplectic_sign(h, z, 0))
        assert np.allclose(program(*z, 0.1, 0.1), hand.symplectic(h, z, 0.1, 1, 0), rtol=1e-10)
    assert signs == {-1.0, 1.0}


@pytest.mark.parametrize("name", ANY)
def test_competitive_gradient_is_the_nash_point_of_the_local_bilinear_game(name):
    # d_i minimises <D_i f_i, d_i> + sum_j <d_i, D_ij f_i d_j> + |d_i|^2/(2 gamma_i).
    h, (points, rates) = HANDS[name], draws(HANDS[name].n)
    program = compile_update(rules.CompetitiveGradient().on(game_of(name))).update_program
    for z, gamma in zip(points, rates):
        d = program.columns(np.concatenate([z, gamma])[:, None])[:, 0] - z
        assert np.allclose(h.omega(z) + h.others(z) @ d + d / gamma, 0, atol=1e-10)


@pytest.mark.parametrize("name", ANY)
@pytest.mark.parametrize("beta", [None, R(1, 5)])
def test_unrolled_is_the_slope_of_the_cost_after_the_followers_steps(name, beta):
    h = Hand(*COSTS[name], lib="mpmath")
    z = draws(h.n)[0][0]
    rates = np.where(np.arange(h.n) < h.lead.stop, 0.1, 0.15)
    program = compile_update(rules.Unrolled(steps=3, beta=beta, tau=1.5)
                             .on(game_of(name))).update_program
    got = program(*z, *[0.1] * h.n)

    def cost(k, value):
        point = [mpmath.mpf(float(c)) for c in z]
        point[k] = value
        for _ in range(3):
            slopes = [h._slopes[i][j](*point) for i, own in enumerate(h.players)
                      for j in range(own.start, own.stop)]
            point = [c if j < h.lead.stop else
                     c - mpmath.mpf(float(rates[j] if beta is None else beta)) * s
                     for j, (c, s) in enumerate(zip(point, slopes))]
        return h.cost(0, point)

    with mpmath.workdps(30):
        for k in range(h.lead.stop):
            slope = mpmath.diff(lambda v: cost(k, v), mpmath.mpf(float(z[k])))
            assert abs(got[k] - (z[k] - 0.1 * float(slope))) < 1e-12
    followers = simultaneous = HANDS[name].omega(z)
    assert np.allclose(got[h.lead.stop:], (z - rates * followers)[h.lead.stop:], rtol=1e-12)
    assert simultaneous.shape == z.shape


def test_follow_the_ridge_stays_on_the_ridge_to_second_order():
    # On D_2 f_2 = 0 the follower's answer keeps D_2 f_2 = O(gamma^2); the gradient alone does not.
    h, program = HANDS["zs11"], compile_update(
        rules.FollowTheRidge().on(game_of("zs11"))).update_program
    z = np.array([0.4, 0.0])
    for _ in range(40):
        z[1] -= h.omega(z)[1] / h.jacobian(z)[1, 1]
    off = [abs(h.omega(np.array(program(*z, g, g)))[1]) for g in (1e-2, 1e-3)]
    assert off[0] / off[1] == pytest.approx(100, rel=0.2)


def test_published_behaviour_on_the_tandem_game():
    # Letcher et al., ICLR 2019: LOLA's fixed points in the tandem game are not those of the
    # game (x + y = 1), with costs that are worse for both; SOS and LookAhead keep x + y = 1.
    game = catalog.game("tandem")
    ends = {}
    for rule in (rules.LookAhead(), rules.LOLA(), rules.StableOpponentShaping()):
        point = compile_update(rule.on(game)).update_program.point
        z = (0.3, -0.2)
        for _ in range(3000):
            z = point(*z, 0.1, 0.1)
        ends[rule.name] = sum(z)
        assert point(*z, 0.1, 0.1) == pytest.approx(z, abs=1e-9)
    assert ends["lookahead"] == pytest.approx(1, abs=1e-6)
    assert ends["sos"] == pytest.approx(1, abs=1e-4)
    # (I - alpha H_o) omega = chi on x = y: s = x + y solves (1 - 2a)(2s - 2) = 2a (2s).
    assert ends["lola"] == pytest.approx((1 - 0.2) / (1 - 0.4), abs=1e-9)
    assert ends["lola"] > 1


# -- SymPy against programs -----------------------------------------------------

def poly22():
    return Game(Player(x1**2*y1 + x2*y2 + x1**2 + x2**4/3 - y1*x2 + x1**3, (x1, x2)),
                Player(y1**2*x1/3 + y2**2 + y1**2 - y1*x2 + x1*y2**3 + y1*y2/2, (y1, y2)))


AGREE = {"figure1": catalog.figure1(), "torus": catalog.torus(), "poly22": poly22(),
         "dirac_gan": catalog.dirac_gan(), "duopoly": catalog.duopoly()}
SHORT = {"lookahead_optimiser": {"steps": 2}, "unrolled": {"steps": 2}}


@pytest.mark.parametrize("name", AGREE)
def test_formulas_and_programs_agree(name):
    game = AGREE[name]
    n = len(game.variables)
    values = [R(k + 2, 7 * k + 5) for k in range(n)]
    for rule in rules.every(game):
        rule = replace(rule, tau=R(3, 2), **SHORT.get(rule.name, {}))
        update = rule.on(game)
        compiled = compile_update(update)
        memory = [R(k - 2, 3) for k in range(update.n_memory)]
        inputs = [*values, *memory, *[R(1, 20)] * n]
        put = dict(zip([*game.variables, *update.memory, update.gamma], [*inputs[:-n], R(1, 20)]))
        with mpmath.workdps(30):
            after = in_digits(compiled.update_program, inputs)
            formulas = [e.xreplace(put).evalf(25) for e in
                        (*update.expressions, *update.memory_expressions)]
            assert all(abs(mpmath.mpmathify(a) - b) <= 1e-20 * (1 + abs(b))
                       for a, b in zip(formulas, after)), rule
            field = rule.field(game)
            if field is not None:
                got = in_digits(compile_field(field).value_program, values)
                assert all(abs(mpmath.mpmathify(e.xreplace(put).evalf(25)) - b)
                           <= 1e-20 * (1 + abs(b)) for e, b in zip(field.expressions, got)), rule


@pytest.mark.parametrize("rule", [
    rules.DoubleFollowTheRidge(lam=0.3, epsilon=0.2), rules.DoubleFollowTheRidge(exact=True),
    rules.StackelbergGradient(eta=0.5), rules.LocalSymplecticSurgery(lam=0.5),
    rules.StableOpponentShaping(alpha=sp.sqrt(2)), rules.LOLA(alpha=sp.pi/4),
    rules.LookaheadOptimiser(steps=2, inner=rules.StackelbergGradient(eta=0.5))], ids=str)
def test_formulas_and_programs_agree_on_other_parameters(rule):
    update = rule.on(AGREE["poly22"])
    values = [R(1, 3), R(-2, 5), R(3, 7), R(1, 9)]
    put = dict(zip([*update.variables, update.gamma], [*values, R(1, 20)]))
    with mpmath.workdps(30):
        got = in_digits(compile_update(update).update_program, [*values, *[R(1, 20)] * 4])
        assert all(abs(mpmath.mpmathify(e.xreplace(put).evalf(25)) - b) < 1e-20
                   for e, b in zip(update.expressions, got))


@pytest.mark.parametrize("name", ["dirac_gan", "poly22"])
def test_jacobians_are_slopes(name):
    game = AGREE[name]
    n = len(game.variables)
    values = [R(k + 2, 7 * k + 5) for k in range(n)]
    for rule in rules.every(game):
        rule = replace(rule, tau=R(3, 2), **SHORT.get(rule.name, {}))
        compiled = compile_update(rule.on(game))
        state = n + compiled.n_memory
        with mpmath.workdps(40):
            rest = [] if not compiled.n_memory else in_digits(
                compiled.start_program, [*values, *[0] * n, *[0.05] * n])
            inputs = [*values, *rest, *[0.05] * n]
            expected = slopes_in_digits(compiled.update_program, inputs, range(state))
            got = [float(v) for v in in_digits(compiled.jacobian_program, inputs)]
        assert np.allclose(np.reshape(got, (state, state)), expected, rtol=1e-13, atol=1e-14)
        field = rule.field(game)
        if field is not None:
            with mpmath.workdps(40):
                programs = compile_field(field)
                slopes = slopes_in_digits(programs.value_program, values, range(n))
            assert np.allclose(programs.jacobian([float(v) for v in values]), slopes,
                               rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ["torus", "duopoly"])
def test_exact_jacobians_are_those_of_the_programs(name):
    game = AGREE[name]
    values = (0.3, 0.5)
    for rule in rules.every(game):
        rule = replace(rule, **SHORT.get(rule.name, {}))
        update = rule.on(game)
        compiled = compile_update(update)
        rest = compiled.start_program(*values, 0, 0, 0.1, 0.1) if update.n_memory else ()
        got = compiled.jacobian_program(*values, *rest, 0.1, 0.1)
        put = dict(zip([*game.variables, *update.memory, update.gamma], [*values, *rest, 0.1]))
        assert np.allclose([float(e) for e in update.jacobian.subs(put).evalf()], got,
                           rtol=1e-9, atol=1e-12), rule


# -- flows ----------------------------------------------------------------------

FLOWS = [*rules.every(), rules.SimultaneousGradient(tau=2), rules.LOLA(alpha=R(1, 4), tau=2),
         rules.StableOpponentShaping(alpha=R(1, 4)), rules.StableOpponentShaping(tau=2),
         rules.Unrolled(steps=2, beta=R(1, 4)), rules.Unrolled(tau=2),
         rules.LookaheadOptimiser(inner=rules.StableOpponentShaping(), steps=2),
         rules.LookaheadOptimiser(inner=rules.NewtonFollower(), steps=2),
         rules.LookaheadOptimiser(inner=rules.Consensus(), steps=3, alpha=R(1, 3), tau=2),
         rules.Optimistic(tau=2), rules.CompetitiveGradient(tau=2),
         rules.LocalSymplecticSurgery(lam=R(1, 5)), rules.DoubleFollowTheRidge(exact=True)]


@pytest.mark.parametrize("rule", FLOWS, ids=str)
def test_flows_are_limits_of_small_steps(rule):
    name = "zs22" if rule.needs == "zero-sum" else "gs22"
    game, values = game_of(name), [R(3, 10), R(-1, 5), R(2, 5), R(1, 7)]
    compiled = compile_update(rule.on(game))

    def after(step):
        rates = [step] * 4
        memory = in_digits(compiled.start_program, [*values, *[0] * 4, *[0] * 4]) \
            if compiled.n_memory else []
        return in_digits(compiled.update_program, [*values, *memory, *rates])[:4]

    with mpmath.workdps(50):
        still = max(abs(a - mpmath.mpf(v.p) / v.q) for a, v in zip(after(0), values))
        assert (still < 1e-45) == rule.has_flow
        if not rule.has_flow:
            assert rule.field(game) is None and still > 1e-3
            return
        step = mpmath.mpf(10)**-10
        slopes = [float((b - a) / (2 * step)) for a, b in zip(after(step), after(-step))]
    field = compile_field(rule.field(game))
    assert np.allclose(field.value([float(v) for v in values]), slopes, rtol=1e-12, atol=1e-13)


def test_fields_of_gradient_play_are_the_fields_of_the_game():
    game = game_of("gs22")
    assert rules.SimultaneousGradient().field(game) == simultaneous_gradient(game)
    assert rules.StackelbergGradient(tau=2, eta=1).field(game) == stackelberg_gradient(game, 2, 1)
    for rule in (rules.Extragradient(), rules.Optimistic(), rules.LookAhead(), rules.LOLA(),
                 rules.CompetitiveGradient(), rules.Alternating(), rules.PastExtragradient()):
        difference = sp.Matrix(rule.field(game).expressions) - sp.Matrix(
            simultaneous_gradient(game).expressions)
        assert sp.simplify(difference).is_zero_matrix, rule
    assert rules.LookaheadOptimiser(steps=4).field(catalog.bilinear()).expressions == (2*y, -2*x)


def test_a_field_where_the_rule_has_none():
    with pytest.raises(GameError, match="no flow"):
        RuleField(game_of("gs11"), rules.NewtonFollower())


# -- spectra at critical points -------------------------------------------------

s = sp.Symbol("s")


@st.composite
def jets(draw):
    """Rational 2-jets of a zero-sum game, 2 + 1 or 1 + 1 actions: A, B, D and its game.

    D and the Schur complement S are regular; cubic terms change nothing at 0.
    """
    n = draw(st.sampled_from((1, 2)))
    number = st.integers(-3, 3)
    b = sp.Matrix(n, 1, draw(st.lists(number, min_size=n, max_size=n)))
    d = sp.Matrix([[draw(st.sampled_from((-2, -1, R(1, 2), 1, 3)))]])
    low = sp.Matrix(n, n, lambda i, k: draw(number) if i > k else int(i == k))
    signs = sp.diag(*draw(st.lists(st.sampled_from((-1, 1, 2)), min_size=n, max_size=n)))
    a = low * signs * low.T - b * d.inv() * b.T
    xs = sp.Matrix([x1, x2][:n])
    f = (xs.T * a * xs / 2 + xs.T * b * y1 - y1 * d * y1 / 2)[0]
    f += x1**2 * y1
    return a, b, d, zero_sum(sp.expand(f), list(xs), y1)


def at_zero(rule, game, step):
    """M at 0, memory included, exact."""
    update = rule.on(game)
    zero = dict.fromkeys([*game.variables, *update.memory], 0)
    return update.jacobian.xreplace({**zero, update.gamma: step})


def roots_of(matrix):
    return sp.expand(matrix.charpoly(s).as_expr())


@given(jets())
@settings(max_examples=6)
def test_spectra_at_critical_points_of_zero_sum_games(jet):
    a, b, d, game = jet
    n, step, c = a.rows, R(1, 7), R(3, 2)
    size = n + 1
    j = sp.Matrix(sp.BlockMatrix([[a, b], [-b.T, d]]))
    schur = a + b * d.inv() * b.T

    def continuous(rule):
        return (sp.eye(size) - at_zero(rule, game, step)) / step

    blocks = roots_of(schur) * roots_of(c * d)
    assert sp.expand(roots_of(continuous(rules.FollowTheRidge(tau=c))) - blocks) == 0
    assert sp.expand(roots_of(continuous(rules.StackelbergGradient(tau=c))) - blocks) == 0
    newton = at_zero(rules.NewtonFollower(), game, step)
    assert sp.expand(roots_of(newton) - s * roots_of(sp.eye(n) - step * schur)) == 0
    complete = at_zero(rules.CompleteNewton(), game, step)
    assert roots_of(complete) == s**size and (complete * complete).is_zero_matrix
    assert at_zero(rules.DampedNewton(), game, step) == (1 - step) * sp.eye(size)
    assert at_zero(rules.Extragradient(), game, step) == sp.eye(size) - step*j + step**2 * j*j
    optimistic = at_zero(rules.Optimistic(), game, step)
    assert sp.expand(roots_of(optimistic) - ((s**2 - s) * sp.eye(size) + (
        2*s - 1) * step * j).det()) == 0
    past = at_zero(rules.PastExtragradient(), game, step)
    assert sp.expand(roots_of(past) - roots_of(optimistic)) == 0    # the same spectrum
    if j.det() != 0:
        assert continuous(rules.LocalSymplecticSurgery()) == (j + j.T) / 2
        if a.det() != 0:
            exact = continuous(rules.DoubleFollowTheRidge(exact=True))
            assert sp.expand(roots_of(exact) - roots_of(a) * roots_of(d)) == 0
    if n == 1 and a[0] != 0:
        k = 1 + b[0]**2 / (a[0] * d[0])
        code = continuous(rules.DoubleFollowTheRidge())
        assert sp.expand(roots_of(code) - (s - k*a[0]) * (s - k*d[0])) == 0
    alternating = at_zero(rules.Alternating(), game, step)
    lead, follow = sp.eye(size), sp.eye(size)
    lead[:n, :] -= step * j[:n, :]
    follow[n:, :] -= step * j[n:, :]
    assert alternating == follow * lead
    lam = R(1, 3)
    assert continuous(rules.Consensus(lam=lam)) == j + lam * j.T * j
    others = j - sp.diag(a, d)
    assert continuous(rules.LookAhead()) == (sp.eye(size) - step * others) * j
    assert continuous(rules.CompetitiveGradient()) == (sp.eye(size) + step * others).inv() * j


@given(st.lists(st.integers(-3, 3), min_size=7, max_size=7), st.sampled_from((R(1, 5), R(2, 3))))
@settings(max_examples=6)
def test_spectra_in_general_sum(values, step):
    # (A, B; C, D) 2 + 1, and A regular by construction.
    a = sp.Matrix([[1, values[0]], [0, 1]])
    a = a * sp.diag(2, -1) * a.T
    b, c = sp.Matrix(values[1:3]), sp.Matrix([values[3:5]])
    d = sp.Matrix([[values[5] or 4]])
    xs = sp.Matrix([x1, x2])
    f1 = (xs.T * a * xs / 2 + xs.T * b * y1)[0] + values[6] * y1**2
    f2 = (d[0] * y1**2 / 2 + (c * xs)[0] * y1) + x1 * y1**2
    game = Game(Player(sp.expand(f1), (x1, x2)), Player(f2, y1))
    j = sp.Matrix(sp.BlockMatrix([[a, b], [c, d]]))
    schur = a - b * d.inv() * c
    newton = at_zero(rules.NewtonFollower(), game, step)
    assert sp.expand(roots_of(newton) - s * roots_of(sp.eye(2) - step * schur)) == 0
    if j.det() != 0:
        exact = (sp.eye(3) - at_zero(rules.DoubleFollowTheRidge(exact=True), game, step)) / step
        assert sp.expand(roots_of(exact) - roots_of(a) * roots_of(d)) == 0
        surgery = (sp.eye(3) - at_zero(rules.LocalSymplecticSurgery(), game, step)) / step
        assert surgery == (j + j.T) / 2


# -- rest points and tangents ---------------------------------------------------

def promises(rule):
    return {"simultaneous": ("zs", "gs", "many"), "zero-sum": ("zs",),
            "stackelberg": ("zs",)}[rule.rest]


def flat_game(name):
    """Games with a zero of omega at (1, -2, ...), D_2 f_1 not zero there in the last two."""
    u, v, t = x - 1, y + 2, hand.w - 3
    if name == "zs":
        return zero_sum(u**2/2 + 2*u*v - v**2 + sp.sin(u)*v**2, x, y), (1, -2)
    if name == "gs":
        return Game(Player(u**2 + u*v + 3*v + u*v**2, x),
                    Player(v**2 - u*v - 2*u + u**2*v, y)), (1, -2)
    return Game(Player(u**2 + u*v - u*t + 3*v + t, x), Player(v**2 - u*v + t*v - 2*u, y),
                Player(t**2 + u*t*v + u*t - v, hand.w)), (1, -2, 3)


WITH_OPTIONS = [*rules.every(), rules.StableOpponentShaping(alpha=R(1, 3)),
                rules.DoubleFollowTheRidge(exact=True), rules.Unrolled(beta=R(1, 4)),
                rules.LookaheadOptimiser(inner=rules.StableOpponentShaping(), steps=2),
                rules.LookaheadOptimiser(inner=rules.LOLA(), steps=2),
                rules.LookaheadOptimiser(inner=rules.StackelbergGradient(), steps=2)]


@pytest.mark.parametrize("rule", WITH_OPTIONS, ids=str)
def test_rest_is_what_is_promised_and_no_more(rule):
    for name in ("zs", "gs", "many"):
        game, point = flat_game(name)
        if rule.needs and name != "zs" and not (rule.needs == "two players" and name == "gs"):
            with pytest.raises(GameError, match="defined for"):
                rule.on(game)
            continue
        compiled = compile_update(rule.on(game))
        n = len(point)
        rest = [0] * compiled.n_memory
        moved = compiled.displacement_program.columns(
            np.array([*point, *rest, *[0.1] * n], float)[:, None])[:, 0]
        assert (abs(moved).max() < 1e-13) == (name in promises(rule)), (name, moved)


def test_stackelberg_rests_at_its_own_zeros():
    # The duopoly's Stackelberg point, x = A/2 - c1 + c2/2, y = A/4 + c1/2 - 3 c2/4.
    program = compile_update(rules.StackelbergGradient().on(catalog.duopoly())).update_program
    point = (100/2 - 5 + 1, 100/4 + 5/2 - 3*2/4)
    assert program(*point, 0.1, 0.2) == pytest.approx(point, abs=1e-12)


@pytest.mark.parametrize("rule", WITH_OPTIONS, ids=str)
def test_tangents_have_the_same_jacobian_at_critical_points(rule):
    tangent = rule.tangent()
    assert tangent.tangent() == tangent
    for name in promises(rule):
        game, point = flat_game(name)
        if tangent == rule or rule.needs and name != "zs":
            continue
        n = len(point)
        inputs = [*point, *[R(1, 10)] * n]
        with mpmath.workdps(40):
            slopes = slopes_in_digits(compile_update(rule.on(game)).update_program,
                                      [float(v) for v in inputs], range(n))
            got = in_digits(compile_update(tangent.on(game)).jacobian_program,
                            [float(v) for v in inputs])
        assert np.allclose(np.array(got, float).reshape(n, n), slopes, atol=1e-11)


def test_which_rules_have_another_tangent():
    assert rules.StableOpponentShaping(tau=2, alpha=3).tangent() == rules.LookAhead(tau=2, alpha=3)
    adjusted = rules.SymplecticGradientAdjustment(epsilon=0)
    assert adjusted.tangent() == adjusted
    assert rules.SymplecticGradientAdjustment().tangent().align is False
    deep = rules.LookaheadOptimiser(inner=rules.StableOpponentShaping())
    assert deep.tangent() == rules.LookaheadOptimiser(inner=rules.LookAhead())


@pytest.mark.parametrize("rule", WITH_OPTIONS, ids=str)
def test_jacobians_at_rest_are_those_of_the_update(rule):
    # By the chain rule at the fixed point, where the looked-ahead point is the point itself.
    rule = replace(rule.tangent(), tau=R(3, 2))
    for name in promises(rule):
        game, point = flat_game(name)
        if rule.needs and name != "zs":
            continue
        compiled = compile_update(rule.on(game))
        n, memory = len(point), [0] * compiled.n_memory
        try:
            got = compiled.at_rest([True] * n)[0](*point, 0.1)
        except GameError as error:
            # Cancellation that is seen in values only.
            assert "looks at the game at another point" in str(error)
            assert rule.name == "lookahead_optimiser" and rule.rest != "simultaneous"
            continue
        expected = compiled.jacobian_program(*point, *memory, *[0.1] * n)
        assert got == pytest.approx(expected, rel=1e-10, abs=1e-12), name


def test_shaping_has_a_jacobian_where_omega_is_zero():
    # p_1 is 0/0 there if it is written as it is printed.
    game, point = flat_game("gs")
    compiled = compile_update(rules.StableOpponentShaping(alpha=R(1, 4)).on(game))
    ahead = compile_update(rules.LookAhead(alpha=R(1, 4)).on(game))
    inputs = (*point, 0.1, 0.1)
    assert compiled.update_program(*inputs) == pytest.approx(point)
    assert compiled.jacobian_program(*inputs) == pytest.approx(ahead.jacobian_program(*inputs))


def test_shaping_where_nobody_can_shape():
    game = Game(Player(x**2, x), Player(y**2, y))       # chi = 0 everywhere
    rule = rules.StableOpponentShaping()
    assert compile_update(rule.on(game)).update_program(1, 1, 0.25, 0.25) == (0.5, 0.5)
    assert [sp.simplify(e - v*(1 - 2*rule.on(game).gamma)) for e, v in
            zip(rule.on(game).expressions, (x, y))] == [0, 0]


# -- names, parameters, errors --------------------------------------------------

def test_names_are_unique_and_give_the_rules_back():
    assert len(set(rules.names())) == len(rules.names()) == 20
    for rule in rules.every():
        assert rules.named(rule.name) == rule
        assert rule.title and rule.formula and rule.source and rule.rest in (
            "simultaneous", "stackelberg", "zero-sum")


@pytest.mark.parametrize("name", ["extragradients", "Stackelberg", 5, ["sos"], None])
def test_unknown_names_are_answered_with_a_hint(name):
    with pytest.raises(GameError, match="no learning rule called") as error:
        rules.named(name)
    assert name != "extragradients" or "did you mean extragradient" in str(error.value)


def test_unknown_parameters_are_named():
    with pytest.raises(GameError, match="consensus has no parameter lambda: it has tau, lam"):
        rules.named("consensus", tau=1, **{"lambda": 2})
    assert rules.named("consensus", lam=0.25) == rules.Consensus(lam=R(1, 4))


@pytest.mark.parametrize("make, match", [
    (lambda: rules.SimultaneousGradient(tau=0), "tau.*positive"),
    (lambda: rules.Consensus(tau=-1), "tau.*positive"),
    (lambda: rules.Consensus(lam=-1), "lam of Consensus must not be negative, and is -1"),
    (lambda: rules.Consensus(lam=float("nan")), "lam of Consensus is nan"),
    (lambda: rules.Consensus(lam="1"), "lam of Consensus must be a real number"),
    (lambda: rules.Consensus(lam=None), "lam of Consensus must be a real number, not None"),
    (lambda: rules.Consensus(lam=True), "lam of Consensus must be a real number, not True"),
    (lambda: rules.Consensus(tau=None), "tau of Consensus must be a real number, not None"),
    (lambda: rules.StackelbergGradient(eta=-1), "eta"),
    (lambda: rules.StackelbergGradient(eta=sp.Symbol("e")), "contains e"),
    (lambda: rules.SymplecticGradientAdjustment(align=1), "align.*True or False, not 1"),
    (lambda: rules.StableOpponentShaping(b=0), "b of StableOpponentShaping must be positive"),
    (lambda: rules.DoubleFollowTheRidge(exact=True, lam=1), "neither lam nor epsilon"),
    (lambda: rules.Unrolled(steps=0), "integer from 1 to 100, not 0"),
    (lambda: rules.Unrolled(steps=1.5), "integer from 1 to 100, not 3/2"),
    (lambda: rules.Unrolled(steps=101), "not 101"),
    (lambda: rules.Unrolled(steps=None), "steps of Unrolled must be a real number"),
    (lambda: rules.LookaheadOptimiser(steps=True), "steps of LookaheadOptimiser"),
    (lambda: rules.LookaheadOptimiser(inner=rules.Optimistic()), "without a memory"),
    (lambda: rules.LookaheadOptimiser(inner=rules.LOLA(tau=2)), "tau = 1"),
    (lambda: rules.LookaheadOptimiser(inner="lola"), "inner must be a rule"),
    (lambda: Update("game", rules.LOLA()), "a rule learns a Game"),
    (lambda: rules.LOLA().on(simultaneous_gradient(game_of("gs11"))), "a rule learns a Game"),
    (lambda: Update(game_of("gs11"), "lola"), "expected a rule such as"),
    (lambda: Update(game_of("gs11"), rules.LOLA), "expected a rule such as"),
    (lambda: rules.FollowTheRidge().on(game_of("gs11")), "follow-the-ridge.*zero-sum"),
    (lambda: rules.CompleteNewton().on(game_of("gs22")), "complete Newton.*zero-sum"),
    (lambda: rules.NewtonFollower().on(game_of("gs212")), "two players, not 3"),
    (lambda: rules.LookaheadOptimiser(inner=rules.FollowTheRidge()).on(game_of("gs11")),
     "zero-sum"),
])
def test_bad_input_is_named(make, match):
    with pytest.raises(GameError, match=match):
        make()


@pytest.mark.parametrize("rule, what", [
    (rules.StackelbergGradient(), "D22 f2|Jacobian D"),
    (rules.FollowTheRidge(), "Hessian D"),
    (rules.NewtonFollower(), "Hessian D"), (rules.CompleteNewton(), "Hessian D"),
    (rules.DoubleFollowTheRidge(), "Hessian D11 f1"),
    (rules.LookaheadOptimiser(inner=rules.StackelbergGradient()), "Jacobian D"),
], ids=str)
def test_singular_followers_are_named(rule, what):
    update = rule.on(catalog.bilinear())
    for ask in (lambda: update.expressions, lambda: compile_update(update).update_program):
        with pytest.raises(GameError, match=f"({what}).*singular everywhere"):
            ask()
    assert rule not in set(rules.every(catalog.bilinear()))


@pytest.mark.parametrize("rule", [
    rules.DampedNewton(), rules.LocalSymplecticSurgery(), rules.DoubleFollowTheRidge(exact=True)])
def test_singular_jacobians_are_named(rule):
    game = catalog.game("tandem")
    for ask in (lambda: rule.on(game).expressions,
                lambda: compile_update(rule.on(game)).update_program,
                lambda: rule.on(game).require_defined()):
        with pytest.raises(GameError, match="Jacobian J, which is singular everywhere"):
            ask()
    assert rules.LocalSymplecticSurgery(lam=1).on(game).expressions


def test_a_determinant_that_is_zero_in_disguise():
    # D22 f2 = 2 [[a, b], [b, c]] with a c - b^2 = 0 only after expansion.
    f = (y1*(1 + x1) + y2*(1 + x1)**2)**2 + x1**2
    game = Game(Player(x1**2 + x1*y1, x1), Player(sp.expand(f), (y1, y2)))
    for rule in (rules.StackelbergGradient(), rules.NewtonFollower(),
                 rules.DoubleFollowTheRidge()):
        with pytest.raises(GameError, match="singular everywhere"):
            rule.on(game).expressions
        assert rule not in set(rules.every(game))
    assert rules.LOLA() in set(rules.every(game))


def test_systems_of_more_than_six_unknowns():
    game = catalog.game("covariance")                   # 4 + 4 actions
    for rule in (rules.CompetitiveGradient(), rules.DampedNewton(),
                 rules.LocalSymplecticSurgery(lam=1)):
        with pytest.raises(GameError, match="which has 8 rows here.* at most 6"):
            compile_update(rule.on(game)).update_program
        assert rule not in set(rules.every(game))
    known = set(rules.every(game))
    assert {rules.NewtonFollower(), rules.DoubleFollowTheRidge(),
            rules.StackelbergGradient()} <= known
    large = catalog.covariance(3)                       # 9 + 9 actions, solved by LAPACK
    assert rules.StackelbergGradient() in set(rules.every(large))
    assert rules.NewtonFollower() not in set(rules.every(large))
    compiled = compile_update(rules.StackelbergGradient().on(large))
    assert np.isfinite(compiled.field.value(np.linspace(0.1, 0.9, 18))).all()
    with pytest.raises(GameError, match="the followers' Jacobian D, which has 9 rows"):
        rules.StackelbergGradient().on(large).expressions


def test_every_rule_that_is_listed_for_a_game_can_be_compiled():
    ipd = catalog.game("iterated_prisoners_dilemma")    # 5 + 5 actions, long costs
    assert len(list(rules.every(ipd))) == 15
    for name in ("bilinear", "tandem", "hamiltonian", "duopoly", "jin_cosine", "realizable"):
        game = catalog.game(name)
        listed = list(rules.every(game))
        assert rules.SimultaneousGradient() in listed
        for rule in listed:
            program = compile_update(rule.on(game)).update_program
            n = len(game.variables)
            assert len(program.outputs) == n * (2 if rule.remembers else 1)


def test_formulas_too_long_to_write_down_say_so():
    update = rules.LookaheadOptimiser(steps=20).on(catalog.figure1())
    with pytest.raises(GameError, match="too many to be written down"):
        update.expressions
    values = compile_update(update).update_program(1, 1, 0.1, 0.1)
    assert np.isfinite(values).all()
    assert rules.LookaheadOptimiser(steps=20).field(catalog.figure1()).expressions


def test_symbols_of_the_game_are_not_mistaken_for_rates_or_memory():
    gamma, m_gamma = sp.symbols("gamma m_gamma", real=True)
    game = zero_sum(gamma*m_gamma - m_gamma**2/2, gamma, m_gamma)
    update = rules.PastExtragradient().on(game)
    assert len({*update.variables, *update.memory, update.gamma}) == 5
    put = dict(zip([*update.variables, *update.memory, update.gamma],
                   map(sp.Rational, (1, 2, 3, 4, "1/2"))))
    # omega = (v, v - u) at (u, v) = (1 - 3/2, 2 - 4/2) is (0, 1/2).
    assert [e.xreplace(put) for e in update.expressions] == [1, R(7, 4)]
    assert compile_update(update).update_program(1, 2, 3, 4, .5, .5)[:2] == (1, 1.75)
    assert compile_update(update).standstill([0.1, 0.1])[0].n == 4


def test_parameters_and_periods_reach_updates_and_fields():
    a = sp.Symbol("a", real=True)
    game = Game(Player(a*sp.cos(x) + sp.sin(x - y), x), Player(sp.cos(y - x)*a, y),
                parameters={a: 0.5}, periods={x: 2*sp.pi, y: 2*sp.pi})
    for rule in (rules.Consensus(), rules.Optimistic(), rules.StableOpponentShaping(alpha=1)):
        update = rule.on(game)
        assert a not in sp.Matrix(update.expressions).free_symbols
        assert update.periods == rule.field(game).periods == game.periods
        assert compile_update(update).periods == game.periods
    consensus = rules.Consensus(lam=0).on(game.substitute({"a": 2})).expressions
    assert consensus[1] == y - rules.Consensus().on(game).gamma * 2 * sp.sin(x - y)


def test_rules_are_values():
    for rule in (*WITH_OPTIONS, rules.Consensus(tau=0.3, lam=0.5)):
        again = pickle.loads(pickle.dumps(rule))
        assert again == rule and hash(again) == hash(rule) and str(again) == str(rule)
        assert (again.rest, again.needs, again.has_flow) == (rule.rest, rule.needs, rule.has_flow)
        assert rule.formula in rule._repr_latex_()
        game, _ = flat_game("zs")
        update = rule.on(game)
        copy = pickle.loads(pickle.dumps(update))
        assert copy == update and hash(copy) == hash(update) and repr(copy) == repr(update)
        assert update != rule and len({update, copy}) == 1
        if rule.has_flow:
            field = rule.field(game)
            assert pickle.loads(pickle.dumps(field)) == field
    assert rules.Consensus(lam=0.5) == rules.Consensus(lam=R(1, 2)) != rules.Consensus()
    assert rules.Consensus() != rules.LookAhead()
    with pytest.raises(AttributeError):
        rules.Consensus().lam = 3
    assert rules.Consensus(lam=0.5).on(game) != rules.Consensus().on(game)


def test_a_rule_is_its_next():
    with pytest.raises(TypeError, match="abstract"):
        rules.Rule()
    # A rule that remembers, and does not say what, keeps what it had.
    assert rules.Consensus().remember(None, None, "kept") == "kept"


def test_words():
    assert str(rules.Consensus()) == "consensus optimisation"
    assert str(rules.Consensus(tau=2, lam=1)) == "consensus optimisation (tau = 2, lam = 1)"
    update = rules.Consensus().on(catalog.bilinear())
    assert repr(update) == ("consensus optimisation on bilinear: update in 2 variables (x, y)")
    assert "..." in repr(rules.LOLA().on(catalog.game("covariance")))
    assert update.latex().count("^+") == 2 and update.latex() in update._repr_latex_()
    field = rules.Consensus().field(catalog.bilinear())
    assert repr(field) == "flow of consensus optimisation on bilinear in 2 variables"
    assert field.game == catalog.bilinear() and field.rule == rules.Consensus()
    assert field.latex().count("g_{") == 2
    assert field.jacobian == sp.ImmutableMatrix([[R(1, 10), 1], [-1, R(1, 10)]])
    assert rules.Optimistic().on(game_of("gs11")).name == "optimistic gradient on gs11"


def test_play_as_formulas():
    play = Play(Formulas(), [x**2*y, y**2 - x*y], [x, y], [1, 1])
    assert play.own.tolist() == [[2*y, 0], [0, 2]] and play.others.tolist() == [[0, 2*x], [-1, 0]]
    assert play.slope(0).tolist() == [2*x*y, x**2]
    assert play.algebra.select(sp.Integer(1), x, y) == x == play.algebra.select(1, x, y)
    assert play.algebra.select(sp.Integer(0), x, y) == y
    assert play.algebra.select(x, x, y).subs({x: -1}) == y
    assert play.solve_own(play.omega).tolist() == [x, (2*y - x)/2]


@dataclass(frozen=True, kw_only=True)
class HeavyBall(rules.Rule):
    """Polyak's momentum, a rule of a user: z+ = z - Gamma omega + beta (z - m), m+ = z."""

    name: ClassVar[str] = "heavy_ball"
    title: ClassVar[str] = "heavy ball"
    remembers: ClassVar[bool] = True
    has_flow: ClassVar[bool] = False
    beta: sp.Rational = sp.Rational(1, 2)

    def next(self, play, rates, memory):
        return play.z - rates * play.omega + (play.z - memory) * play.number(self.beta)

    def remember(self, play, rates, memory):
        return play.z

    def memory_at_start(self, play, rates):
        return play.z


@dataclass(frozen=True, kw_only=True)
class Boastful(HeavyBall):
    """The same, which says that it has a flow."""

    has_flow: ClassVar[bool] = True


def test_a_rule_of_a_user_is_a_rule_everywhere():
    game = catalog.jin_centre()                     # J = [[-2, 5], [-5, 2]]
    table = stability_table(game, [(0, 0)], [HeavyBall()], step_size=Fraction(1, 100))
    j = np.array([[-2.0, 5.0], [-5.0, 2.0]])
    by_hand = np.block([[1.5 * np.eye(2) - 0.01 * j, -0.5 * np.eye(2)],
                        [np.eye(2), np.zeros((2, 2))]])
    radius = np.abs(np.linalg.eigvals(by_hand)).max()
    assert table.cell(0, 0).radius.value == pytest.approx(radius, abs=1e-12)
    assert table.cell(0, 0).attracting is Truth.NO and table.cell(0, 0).stable is None
    start = np.array([0.3, -0.2])
    expected = (np.linalg.matrix_power(by_hand, 50) @ [*start, *start])[:2]
    found = iterate(HeavyBall().on(game), start, 50, step_size=0.01, keep="last")
    np.testing.assert_allclose(found.last, expected, rtol=1e-12)
    standing = fixed_points(HeavyBall().on(game), [(-1, 1)] * 2)
    assert standing.complete is Truth.YES and standing[0].critical is Truth.YES
    with pytest.raises(GameError, match="has_flow = False"):
        compile_field(Boastful().field(game))
