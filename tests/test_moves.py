"""Compiled updates: programs of rules and of plain fields, rates, starts, standstills."""

import pickle
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from hand_formulas import COSTS, HANDS

from gameanalysis import catalog, rules
from gameanalysis.declaration.game import Game, Player, zero_sum
from gameanalysis.dynamics import VectorField, simultaneous_gradient, stackelberg_gradient
from gameanalysis.errors import GameError, ShapeError
from gameanalysis.compilation.compiled import compile_field
from gameanalysis.compilation.moves import CompiledUpdate, compile_update, starts_at_rest

x, y = sp.symbols("x y", real=True)


def game_of(name):
    costs, groups = COSTS[name]
    return Game(*(Player(c, g) for c, g in zip(costs, groups)), name=name)


def values_of(program, *parts):
    return program.columns(np.concatenate([np.atleast_1d(p) for p in parts])[:, None])[:, 0]


def test_the_plain_update_of_a_field():
    field = VectorField([x**2 - sp.cos(y), sp.sin(y)], [x, y], name="f", periods={y: 2*sp.pi})
    for source in (field, compile_field(field)):
        update = compile_update(source)
        assert update.update_program(2, 1, 0.5, 0.25) == pytest.approx(
            (2 - 0.5*(4 - np.cos(1)), 1 - 0.25*np.sin(1)))
        assert update.jacobian_program(2, 1, 0.5, 0.25) == pytest.approx(
            (1 - 0.5*4, -0.5*np.sin(1), 0, 1 - 0.25*np.cos(1)))
        assert update.sizes is None and update.n_memory == 0 and update.start_program is None
        assert update.has_program and update.periods == field.periods
        assert compile_update(update) is update
        assert repr(update) == "CompiledUpdate(f, 2 variables)"
    assert repr(compile_update(VectorField(x, x))) == "CompiledUpdate(field, 1 variables)"


@pytest.mark.parametrize("rule", [
    rules.SimultaneousGradient(tau=2), rules.StackelbergGradient(tau=2, eta=1)], ids=str)
def test_rules_that_are_fields_and_their_fields_move_alike(rule):
    game = game_of("gs212")
    update, plain = compile_update(rule.on(game)), compile_update(rule.field(game))
    assert update.sizes == plain.sizes == (2, 1, 2) and update.field is not None
    z, rates = np.linspace(-0.5, 0.6, 5), np.linspace(0.1, 0.3, 5)
    assert np.allclose(values_of(update.update_program, z, rates),
                       values_of(plain.update_program, z, rates), rtol=1e-14)
    # The same by the formula of the rule.
    looked = rules.LookaheadOptimiser(steps=1, alpha=1, inner=type(rule)(
        **({"eta": rule.eta} if hasattr(rule, "eta") else {})), tau=2)
    assert np.allclose(values_of(compile_update(looked.on(game)).update_program, z, rates),
                       values_of(update.update_program, z, rates), rtol=1e-12)


def test_fixed_rates_are_exact():
    update = compile_update(rules.Extragradient(tau=3).on(catalog.bilinear()))
    program = update.program_at([Fraction(1, 10), Fraction(1, 10)])
    assert program.n_inputs == 2
    # z - G w(z - G w), w = (y, -x), G = diag(1/10, 3/10).
    assert program(1, 2) == pytest.approx((1 - 0.1*(2 + 0.3), 2 + 0.3*(1 - 0.2)))
    state = compile_update(rules.Optimistic().on(catalog.bilinear())).program_at([0.5, 0.25])
    assert state.n_inputs == 4
    assert state(1, 2, 3, 4) == (1 - 0.5*(4 - 3), 2 + 0.25*(2 + 4), 2, -1)


def test_memory_at_the_start_and_at_rest():
    game = game_of("gs22")
    z, rates = np.array([0.1, -0.2, 0.3, 0.4]), np.full(4, 0.1)
    for rule in (rules.Optimistic(tau=2), rules.PastExtragradient()):
        update = compile_update(rule.on(game))
        garbage = np.full(4, 9.0)
        start = values_of(update.start_program, z, garbage, rates)
        assert np.allclose(start, HANDS["gs22"].omega(z), rtol=1e-13)
        moved = values_of(update.displacement_program, z, garbage, rates)
        after = values_of(update.update_program, z, start, rates)
        assert np.allclose(moved, after - np.concatenate([z, start]), atol=1e-14)


@pytest.mark.parametrize("rule", [rules.LOLA(), rules.PastExtragradient()], ids=str)
def test_standstills_vanish_where_the_update_stays(rule):
    game = catalog.game("tandem")
    update = compile_update(rule.on(game))
    field, _ = update.standstill([0.1, 0.1])
    assert field.n == 2 + update.n_memory
    # LOLA rests at x + y = 4/3 (see the rules); others where omega = 0.
    total = 4/3 if rule.name == "lola" else 1.0
    still = np.array([total/2, total/2, *[0.0] * update.n_memory])
    assert np.allclose(field.value(still), 0, atol=1e-14)
    off = still + 0.1
    after = values_of(update.program_at([0.1, 0.1]), off)
    assert np.allclose(field.value(off), off - after, atol=1e-14)
    assert field.jacobian(off).shape == (field.n, field.n)


def test_an_update_known_numerically_only_says_so():
    v = sp.symbols("v1:5", real=True)                   # four followers' actions, coupled
    coupled = zero_sum(v[0]*x - sum(w**2 for w in v) - sum(u*w for u, w in zip(v, v[1:])), x, v)
    for source in (stackelberg_gradient(coupled), rules.StackelbergGradient().on(coupled)):
        update = compile_update(source)
        assert not update.has_program and update.field.value(np.full(5, 0.3)).shape == (5,)
        with pytest.raises(GameError, match="known numerically only"):
            update.update_program
    # Those of the covariance game are not: their systems are solved inside of the program.
    game = catalog.game("covariance")
    assert compile_update(stackelberg_gradient(game)).has_program
    with pytest.raises(GameError, match="at most 6|numerically"):
        compile_update(rules.LookaheadOptimiser(inner=rules.DampedNewton()).on(game)
                       ).update_program
    assert compile_update(rules.LOLA().on(game)).has_program


def test_rates_are_spread_over_variables():
    update = compile_update(rules.LOLA().on(game_of("gs212")))
    assert update.spread([1]) == [1] * 5
    assert update.spread((1, 2, 3)) == [1, 1, 2, 3, 3]
    assert update.spread([1, 2, 3, 4, 5]) == [1, 2, 3, 4, 5]
    with pytest.raises(ShapeError, match="3, one for each player, or 5.*not 2"):
        update.spread([1, 2])
    with pytest.raises(ShapeError, match="one number or 2, one for each variable, not 3"):
        compile_update(rules.LOLA().on(catalog.bilinear())).spread([1, 2, 3])
    with pytest.raises(ShapeError, match="one number or 1"):
        compile_update(VectorField(x, x)).spread([])


@pytest.mark.parametrize("source", [x, catalog.bilinear(), rules.LOLA(), None])
def test_other_things_are_refused(source):
    with pytest.raises(TypeError, match="expected a rule on a game"):
        compile_update(source)


def test_compiled_updates_pickle():
    game = catalog.figure1()
    for source in (rules.StableOpponentShaping(alpha=0.1).on(game), simultaneous_gradient(game),
                   rules.Consensus().field(game)):
        update = compile_update(source)
        again = pickle.loads(pickle.dumps(update))
        assert isinstance(again, CompiledUpdate) and again.name == update.name
        assert again.update_program(1, 2, 0.1, 0.1) == update.update_program(1, 2, 0.1, 0.1)


@pytest.mark.parametrize("name", ["figure1", "torus", "duopoly"])
def test_a_rule_starts_at_rest_exactly_if_it_has_a_flow(name):
    game = catalog.game(name)
    for rule in rules.every(game):
        update = compile_update(rule.tangent().on(game))
        program, _ = update.at_rest([True] * update.n)
        assert starts_at_rest(program, update.n) == rule.has_flow, rule.name
