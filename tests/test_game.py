"""Declaration: what a game is, and what is refused with which words."""

import math
import pickle
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp

from gameanalysis import Game, GameError, Player, UnsupportedFunction, zero_sum
from gameanalysis.declaration.costs import exact

x, y, z = sp.symbols("x y z", real=True)
a, b = sp.symbols("a b", real=True)


@pytest.mark.parametrize("value, expected", [
    (0.15, sp.Rational(3, 20)), (1e-3, sp.Rational(1, 1000)), (Decimal("0.1"), sp.Rational(1, 10)),
    (Fraction(2, 7), sp.Rational(2, 7)), (np.float64(0.25), sp.Rational(1, 4)), (3, sp.Integer(3)),
    (np.int64(-2), sp.Integer(-2)), (sp.Float("0.3"), sp.Rational(3, 10)), (sp.pi / 4, sp.pi / 4),
    (sp.sqrt(2), sp.sqrt(2))])
def test_a_number_is_read_as_it_was_written(value, expected):
    assert exact(value) == expected and exact(value).is_real


@pytest.mark.parametrize("value, message", [
    (math.nan, "not a finite"), (-math.inf, "not a finite"), (sp.oo, "not a finite"),
    (sp.nan, "not a finite"), (Decimal("NaN"), "not a finite"), (True, "must be a real number"),
    ("1", "must be a real number"), (1j, "must be a real number"), (sp.I, "must be a real number"),
    (a + 1, "contains a"), (None, "must be a real number")])
def test_what_is_no_finite_real_number_is_refused(value, message):
    with pytest.raises(GameError, match=message):
        exact(value)


def test_decimals_in_costs_are_exact():
    game = zero_sum(0.1*x*y + 0.2*y**2, x, y)
    assert game.costs[0] == x*y/10 + y**2/5
    assert zero_sum(sp.Float("0.05", 40)*x, x, y).costs[0] == x/20
    assert zero_sum(2, x, y).costs == (2, -2) and zero_sum(x, x, y).costs == (x, -x)


@pytest.mark.parametrize("cost, error, message", [
    (sp.Abs(x), UnsupportedFunction, r"sqrt\(x\*\*2 \+ eps\)"),
    (sp.Max(x, y), UnsupportedFunction, "log"), (sp.Min(x, y), UnsupportedFunction, "log"),
    (sp.Piecewise((x, y > 0), (0, True)), UnsupportedFunction, "region"),
    (sp.sign(x), UnsupportedFunction, "tanh"), (sp.Heaviside(x), UnsupportedFunction, "exp"),
    (sp.floor(x), UnsupportedFunction, "derivative"),
    (sp.Function("g")(x), UnsupportedFunction, "without a formula"),
    (sp.Integral(x, (x, 0, y)), UnsupportedFunction, "doit"),
    (sp.besselj(0, x), UnsupportedFunction, "besselj"),
    (sp.I*x, GameError, "must be real"), (sp.nan*x, GameError, "NaN"), (sp.oo, GameError, "NaN"),
    (sp.Matrix([x]), GameError, "scalar"), (sp.MatrixSymbol("M", 2, 2), GameError, "scalar"),
    (x < y, GameError, "condition"), (sp.true, GameError, "condition"),
    (x + z, GameError, "contains z, which is undeclared"), ("x*y", GameError, "real number"),
    (math.nan, GameError, "not a finite")])
def test_a_cost_that_is_none_is_refused(cost, error, message):
    with pytest.raises(error, match=message):
        zero_sum(cost, x, y)
    assert issubclass(error, ValueError)


@pytest.mark.parametrize("build, message", [
    (lambda: Game(Player(x, x)), "two or more"),
    (lambda: Game(Player(x, x), x), "expected a Player"),
    (lambda: Game(Player(x, x), Player(x*y, (y, x))), "two players own the action x"),
    (lambda: Player(x, ()), "at least one action"),
    (lambda: Player(x, (x, x)), "listed twice"),
    (lambda: Player(x, "x"), "is text"), (lambda: Player(x, 3), "not a SymPy symbol"),
    (lambda: zero_sum(x*y, x, y, parameters={x: 1}), "both an action and a parameter"),
    (lambda: zero_sum(a*x*y, x, y, parameters={a: math.nan}), "parameter a is nan"),
    (lambda: zero_sum(a*x*y, x, y, parameters={a: b}), "contains b"),
    (lambda: zero_sum(a*x*y, x, y, parameters={"a": 1}), "is text"),
    (lambda: Player(x, sp.Symbol("x", positive=True)), "give its range in the box"),
    (lambda: Player(x, sp.Symbol("n", integer=True)), "declared integer"),
    (lambda: Player(x, sp.Symbol("i", imaginary=True)), "not real"),
    (lambda: zero_sum(sp.Symbol("x")*y, x, y), "declare x once"),
    (lambda: zero_sum(x*y, x, y, parameters={sp.Symbol("x"): 1}), "two different symbols"),
    (lambda: zero_sum(sp.sin(x)*y, x, y, periods={x: sp.pi}), "does not have the period"),
    (lambda: zero_sum(x*y, x, y, periods={x: 1}), "does not have the period"),
    (lambda: zero_sum(sp.sin(x)*y, x, y, periods={z: 1}), "z, which is not one of x, y"),
    (lambda: zero_sum(sp.sin(x)*y, x, y, periods={x: -2*sp.pi}), "must be positive")])
def test_a_declaration_without_meaning_is_refused(build, message):
    with pytest.raises(GameError, match=message):
        build()


def test_a_large_cost_without_the_period_is_refused_at_once():
    with pytest.raises(GameError, match="does not have the period"):
        zero_sum((x + 1)**900 * sp.sin(y), x, y, periods={x: 2*sp.pi})


def test_a_period_that_needs_a_simplification_is_seen():
    f = sp.sin(2*x)*y + sp.cos(x)**2
    assert zero_sum(f, x, y, periods={x: sp.pi}).periods == {x: sp.pi}


def test_games_are_values():
    game = zero_sum(a*x*y - y**2, x, y, parameters={a: 0.5}, name="one")
    twin = zero_sum(a*x*y - y**2, x, y, parameters={a: Fraction(1, 2)}, name="another")
    assert game == twin and hash(game) == hash(twin) and len({game, twin}) == 1
    assert game != zero_sum(a*x*y - y**2, y, x, parameters={a: 0.5}) and game != 1
    assert game != game.substitute({a: 1})
    copy = pickle.loads(pickle.dumps(game))
    assert copy == game and copy.name == "one" and hash(copy) == hash(game)
    assert pickle.loads(pickle.dumps(game.players[0])) == game.players[0]
    assert game.players[0] != game.players[1] and game.players[0] != 0
    for change in (lambda: setattr(game, "name", "x"), lambda: game.parameters.update({a: 1})):
        with pytest.raises(AttributeError):
            change()
    with pytest.raises(TypeError):
        game.parameters[a] = 1


def test_parameters_are_replaced_by_symbol_or_name():
    game = zero_sum(a*x*y - b*y**2, x, y, parameters={a: 1, b: 2})
    assert game.valued_costs[0] == x*y - 2*y**2
    assert game.substitute({a: 3}).substitute({"b": 0.5}).valued_costs[0] == 3*x*y - y**2/2
    assert game.without_parameters().costs == game.valued_costs
    for key in (z, "c", x, sp.Symbol("a")):
        with pytest.raises(GameError, match="is not a parameter"):
            game.substitute({key: 1})


def test_the_order_of_play_and_of_the_actions_is_kept():
    game = Game(Player(x*y, (y, x)), Player(z**2 - x, z), Player(a**2, a))
    assert game.variables == (y, x, z, a) and game.sizes == (2, 1, 1) and game.n_players == 3
    assert game.reordered(2).variables == (a, y, x, z)
    assert game.reordered(1).players[1:] == (game.players[0], game.players[2])
    with pytest.raises(GameError):
        game.reordered(3)


def test_zero_sum_is_seen_however_the_costs_are_written():
    assert Game(Player((x + y)**2, x), Player(-x**2 - 2*x*y - y**2, y)).is_zero_sum
    assert not Game(Player(x*y, x), Player(x*y, y)).is_zero_sum
    assert not Game(Player(x, x), Player(-x, y), Player(0, z)).is_zero_sum


def test_text_and_latex():
    game = zero_sum(a*x*y, x, y, parameters={a: 0.5}, name="half")
    assert "half" in repr(game) and "a = 1/2" in repr(game) and len(repr(game).splitlines()) <= 6
    assert game.latex().count(r"\min") == 2 and r"a = \frac{1}{2}" in game.latex()
    assert game._repr_latex_().startswith("$")
    assert "..." in repr(zero_sum(sum(x**k for k in range(60)), x, y))


def test_a_game_is_zero_sum_at_the_values_of_its_parameters():
    x, y, mu = sp.symbols("x y mu", real=True)
    players = Player(x*y, x), Player(mu*y**2 - x*y, y)
    assert Game(*players, parameters={mu: 0}).is_zero_sum
    assert not Game(*players, parameters={mu: 1}).is_zero_sum
