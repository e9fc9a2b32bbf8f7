"""Fields: formulas by hand, values in place of parameters, laziness, identity."""

import pickle

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from gameanalysis.declaration.game import Game, Player, zero_sum
from gameanalysis.dynamics import (GameField, VectorField, simultaneous_gradient,
                                   stackelberg_gradient)
from gameanalysis.errors import GameError, UnsupportedFunction

x, y, z = sp.symbols("x y z", real=True)
a, b = sp.symbols("a b", real=True)


def figure1():
    f = -sp.exp(-(x**2 + y**2)/100)*((a*x**2 + y)**2 + (b*y**2 + x)**2)
    return zero_sum(f, x, y, parameters={a: 0.15, b: 0.25}, name="Figure 1")


# A field of one's own

def test_a_field_needs_no_game():
    field = VectorField(1 - x**2, x)
    assert field.expressions == (1 - x**2,)
    assert field.variables == (x,)
    assert field.jacobian == sp.Matrix([-2*x])
    assert isinstance(field.jacobian, sp.ImmutableMatrix)
    assert field.jacobian is field.jacobian


def test_components_may_come_as_a_matrix_with_decimals_and_plain_symbols():
    field = VectorField(sp.Matrix([y, -x + 0.1*y]), [x, y])
    assert field.expressions == (y, -x + y/10)
    assert field.jacobian == sp.Matrix([[0, 1], [-1, sp.Rational(1, 10)]])


@pytest.mark.parametrize("expressions, variables, message", [
    ([1 - x**2, 2*x], x, "2 components, 1 variables"),
    (2*x, [x, y], "1 components, 2 variables"),
    (2*x*y, x, "component 1 .* contains y"),
    (2*sp.Symbol("x"), x, "component 1 .* contains x.*declare it once"),
    (sp.I*x, x, "component 1.*complex"),
    ([2*x, x*sp.nan], [x, y], "component 2.*NaN"),
    ([2*x, 2*x], [x, x], "listed twice"),
    (2*x, sp.Symbol("k", integer=True), "declared integer"),
    (2*x, [], "at least one"),
])
def test_wrong_fields_are_refused_by_name(expressions, variables, message):
    with pytest.raises(GameError, match=message):
        VectorField(expressions, variables)


def test_components_must_be_smooth():
    with pytest.raises(UnsupportedFunction, match="component 1.*Abs"):
        VectorField(sp.Abs(x), x)


def test_periods_are_checked():
    field = VectorField(sp.sin(x) + sp.cos(2*x), x, periods={x: 2*sp.pi})
    assert dict(field.periods) == {x: 2*sp.pi}
    with pytest.raises(TypeError):
        field.periods[x] = 1
    for period, message in ((sp.pi, "does not have the period pi"), (0, "must be positive")):
        with pytest.raises(GameError, match=message):
            VectorField(sp.sin(x), x, periods={x: period})
    with pytest.raises(GameError, match="y, which is not one of x"):
        VectorField(sp.sin(x), x, periods={y: 1})


def test_fields_are_values():
    field = VectorField([2*y, sp.sin(x)], [x, y], name="swirl", periods={x: 2*sp.pi})
    twin = VectorField([2*y, sp.sin(x)], [x, y], periods={x: 2*sp.pi})
    assert field == twin and hash(field) == hash(twin)
    assert field != VectorField([2*y, sp.sin(x)], [x, y])
    assert field != VectorField([sp.sin(x), 2*y], [x, y], periods={x: 2*sp.pi})
    assert field != 1
    copy = pickle.loads(pickle.dumps(field))
    assert copy == field and copy.name == "swirl"
    with pytest.raises(AttributeError, match="immutable"):
        field.name = "other"


def test_printed_forms():
    field = VectorField([2*y, x**2], [x, y], name="swirl")
    assert repr(field) == ("swirl: vector field in 2 variables (x, y), descended as "
                           "x' = -g(x)\n  g_x = 2*y\n  g_y = x**2")
    assert field.latex() == r"\begin{aligned}g_{x} &= 2 y \\ g_{y} &= x^{2}\end{aligned}"
    assert field._repr_latex_() == f"$\\displaystyle {field.latex()}$"
    many = sp.symbols("v:9", real=True)
    wide = VectorField([sum(v**k for k in range(40)) for v in many], many)
    assert len(repr(wide).splitlines()) <= 6
    assert max(map(len, repr(wide).splitlines())) < 99


# Fields of a game

def test_simultaneous_gradient_of_three_players():
    game = Game(Player(x*y*z + a*x**2, x), Player(y**2*z, y), Player(z**3 - x*z, z),
                parameters={a: 1.5})
    field = simultaneous_gradient(game)
    assert field.expressions == (y*z + 3*x, 2*y*z, 3*z**2 - x)
    assert field.jacobian == sp.Matrix([[3, z, y], [0, 2*z, 2*y], [-1, 0, 6*z]])


def test_values_are_exact_and_in_place():
    for field in (simultaneous_gradient(figure1()), stackelberg_gradient(figure1())):
        assert all(g.free_symbols == {x, y} for g in field.expressions)
        assert all(not g.atoms(sp.Float) for g in field.expressions)
        assert any(g.has(sp.Rational(3, 20)) or g.has(sp.Rational(3, 10))
                   for g in field.expressions)


@settings(deadline=None, max_examples=10)
@given(st.lists(st.integers(-3, 3), min_size=10, max_size=10),
       st.fractions(min_value="1/8", max_value=8, max_denominator=8),
       st.fractions(min_value=0, max_value=4, max_denominator=4))
def test_stackelberg_gradient_is_equation_4(c, tau, eta):
    monomials = [x, y, x**2, x*y, x**3, x**2*y, x*y**2, y**3, y, x*y]
    f1 = sum(k*m for k, m in zip(c, monomials))
    f2 = y**2/2 + sum(k*m for k, m in zip(c[5:], monomials[3:]))
    field = stackelberg_gradient(Game(Player(f1, x), Player(f2, y)), tau, eta)
    tau, eta = sp.Rational(tau), sp.Rational(eta)
    by_hand = sp.Matrix([
        f1.diff(x) - f2.diff(x, y)*f1.diff(y)/(f2.diff(y, 2) + eta), tau*f2.diff(y)
    ]) if f1 != 0 else sp.Matrix([0, tau*f2.diff(y)])
    assert sp.simplify(sp.Matrix(field.expressions) - by_hand).is_zero_matrix
    assert sp.simplify(field.jacobian - by_hand.jacobian([x, y])).is_zero_matrix


def test_a_field_says_where_it_comes_from():
    field = stackelberg_gradient(figure1(), tau=0.5, eta=0.1)
    assert (field.kind, field.tau, field.eta) == (
        "stackelberg", sp.Rational(1, 2), sp.Rational(1, 10))
    assert field.game == figure1()
    assert field.variables == (x, y)
    assert repr(field) == ("stackelberg gradient of Figure 1 in 2 variables (x, y), "
                           "tau = 1/2, eta = 1/10")
    assert repr(simultaneous_gradient(figure1())) == (
        "simultaneous gradient of Figure 1 in 2 variables (x, y)")


def test_fields_of_games_are_values():
    field = stackelberg_gradient(figure1(), tau=2)
    assert field == stackelberg_gradient(figure1(), tau=2)
    assert hash(field) == hash(stackelberg_gradient(figure1(), tau=2))
    assert field != stackelberg_gradient(figure1())
    assert field != simultaneous_gradient(figure1())
    copy = pickle.loads(pickle.dumps(field))
    assert copy == field and copy.name == field.name
    plain = VectorField(field.expressions, field.variables)
    assert plain != field                 # a formula does not know its game
    assert plain.expressions == field.expressions


def test_periods_come_from_the_game():
    game = zero_sum(sp.cos(x - y), x, y, periods={x: 2*sp.pi, y: 2*sp.pi})
    assert dict(stackelberg_gradient(game).periods) == {x: 2*sp.pi, y: 2*sp.pi}


def test_a_large_follower_costs_nothing_until_its_formula_is_asked_for():
    us, ws = sp.symbols("u:15", real=True), sp.symbols("w:15", real=True)
    coupled = sum(sp.cos(p*q) for p in ws for q in ws) + sum(u*w for u, w in zip(us, ws))
    field = stackelberg_gradient(zero_sum(coupled, us, ws))
    # Its symbolic inverse is a 15 x 15 one without zeros: hours, if it were built.
    assert len(field.variables) == 30
    assert len(repr(field)) < 200


def test_a_bilinear_game_raises_only_when_its_formula_is_asked_for():
    field = stackelberg_gradient(zero_sum(x*y, x, y))
    for form in ("expressions", "jacobian", "latex"):
        with pytest.raises(GameError, match="eta > 0"):
            value = getattr(field, form)
            value()
    assert stackelberg_gradient(zero_sum(x*y, x, y), eta=2).expressions == (x/2 + y, -x)


def test_a_parameter_that_makes_the_hessian_singular_is_found():
    game = zero_sum(x*y - a*y**2, x, y, parameters={a: 0})
    with pytest.raises(GameError, match="singular everywhere"):
        stackelberg_gradient(game).expressions
    assert stackelberg_gradient(game.substitute({a: 1})).expressions == (x/2, 2*y - x)


@pytest.mark.parametrize("arguments, message", [
    ((1, "simultaneous"), "expected a Game"),
    ((figure1(), "nash"), "'simultaneous' or 'stackelberg'"),
    ((figure1(), "simultaneous", 2), "neither tau nor eta"),
    ((figure1(), "stackelberg", 0), "tau.*positive"),
    ((figure1(), "stackelberg", 1, -1), "eta.*zero or positive"),
    ((figure1(), "stackelberg", a), "tau must be a number"),
    ((figure1(), "stackelberg", float("nan")), "finite"),
])
def test_wrong_rates_and_kinds_are_refused(arguments, message):
    with pytest.raises(GameError, match=message):
        GameField(*arguments)


def test_a_component_that_lacks_the_period_and_the_variable_s_sample_is_refused():
    # The difference x**2 - y - ... is free of x; the sample must still cover it.
    with pytest.raises(GameError, match="component 1 does not have the period"):
        VectorField([x**2 - y, sp.sin(y)], [x, y], periods={y: 2*sp.pi})
