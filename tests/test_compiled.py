"""Compiled games and fields against SymPy's own derivatives at 30 digits."""

import functools
import math
import pickle

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from gameanalysis import catalog
from gameanalysis.declaration.game import Game, Player, zero_sum
from gameanalysis.dynamics import VectorField, simultaneous_gradient, stackelberg_gradient
from gameanalysis.errors import GameError, ShapeError
from gameanalysis.exact.derivatives import (game_gradient, game_jacobian, implicit_derivative,
                                            schur_complement, stackelberg_jacobian,
                                            total_derivative)
from gameanalysis.programs import blocks, program
from gameanalysis.compilation.compiled import compile_field, compile_game

x, y, z = sp.symbols("x y z", real=True)
x1, x2, y1, y2, y3, z1, z2 = sp.symbols("x1 x2 y1 y2 y3 z1 z2", real=True)
DIGITS = 30

# Games beyond the catalogue: three players, many followers' actions, every function.
EXTRA = {
    "three players": Game(
        Player(x1**2*y1 + sp.sin(y2*z1)*x2 + x1*z1, (x1, x2)),
        Player(y1**2 + y1*y2*x1 + z1*y2 + sp.exp(y2), (y1, y2)),
        Player(z1**2*(1 + x1**2) + y1*z1 + x2*z1*y1, z1)),
    "three players, five followers' actions": Game(
        Player(x1**2*y1 + sp.sin(y2*z1)*x2 + x1*z2*y3, (x1, x2)),
        Player(y1**2 + y1*y2*x1 + z1*y2 + sp.exp(y2) + y3**2*(2 + y1) + y3*z2,
               (y1, y2, y3)),
        Player(z1**2*(1 + x1**2) + y1*z1 + x2*z1*y1 + z2**2 + z1*z2/3 + y3*z2*x1,
               (z1, z2))),
    "transcendental": Game(
        Player(sp.erf(x*y) + sp.atan(x + y**2)*sp.sqrt(1 + x**2), x),
        Player(sp.loggamma(3 + y + x/4) + sp.tanh(x - y)**2 + y**2*sp.cosh(x), y)),
    "quotients": Game(
        Player(x/(1 + y**2) + sp.log(2 + x**2 + y**2), x),
        Player((y - x)**2/(3 + sp.sin(x*y)) + (4 + y)**sp.Rational(5, 3), y)),
}
GAMES = {**{name: catalog.game(name) for name in catalog.names()}, **EXTRA}


def valued(game):
    return Game(*(Player(cost, player.actions)
                  for cost, player in zip(game.valued_costs, game.players)))


def evaluator(variables, *groups):
    """Lists of expressions as one mpmath function; cse sees flat lists only."""
    flat = sp.lambdify(variables, [e for group in groups for e in group], "mpmath", cse=True)
    ends = np.cumsum([len(group) for group in groups]).tolist()

    def function(*point):
        values = flat(*point)
        return [values[a:b] for a, b in zip([0, *ends], ends)]
    return function


@functools.cache
def sympy_blocks(name):
    """f, omega, D2 f1, J and the Hessians of f1 and of each follower's gradient."""
    game = valued(GAMES[name])
    n, n1 = len(game.variables), game.sizes[0]
    omega = list(game_gradient(game))
    slopes = [game.costs[0].diff(t) for t in game.variables]
    if n > 8:
        # SymPy takes minutes for the third derivatives of the iterated game.
        return by_differences(evaluator(game.variables, game.costs, omega, slopes), n1)
    hessians = [sp.hessian(f, game.variables) for f in (game.costs[0], *omega[n1:])]
    function = evaluator(game.variables, game.costs, omega, slopes, game_jacobian(game),
                         *hessians)

    def everything(*point):
        costs, omega, slopes, *squares = function(*point)
        jacobian, *hessians = [[square[k:k + n] for k in range(0, n*n, n)]
                               for square in squares]
        return costs, omega, slopes[n1:], jacobian, hessians
    return everything


def by_differences(first, n1):
    """The same from first derivatives: central differences with steps 1e-20 at 80 digits."""
    def everything(*point):
        with mpmath.workdps(80):
            step, n = mpmath.mpf(10)**-20, len(point)
            costs, omega, slopes = first(*point)

            @functools.cache
            def shifted(*moves):
                return first(*(t + step*m for t, m in zip(point, moves)))[1:]

            def by(*signed):
                moves = [0]*n
                for j, sign in signed:
                    moves[j] += sign
                return shifted(*moves)

            up, down = ([by((j, sign)) for j in range(n)] for sign in (1, -1))
            jacobian, hessian = ([[(up[j][part][i] - down[j][part][i])/(2*step)
                                   for j in range(n)] for i in range(n)] for part in (0, 1))
            thirds = [[[sum(s*t*by((i, s), (j, t))[0][k] for s in (1, -1) for t in (1, -1))
                        / (4*step**2) for j in range(n)] for i in range(n)]
                      for k in range(n1, n)]
        return costs, omega, slopes[n1:], jacobian, [hessian, *thirds]
    return everything


def by_linear_algebra(name, point, tau=1, eta=0):
    """All quantities at a point from SymPy's derivatives and mpmath's LU at 30 digits.

    omega_S and J_S as in Fiez et al., with v = (D + eta I)^-T D2 f1 constant in
    H = D^2 f1 - sum_k v_k D^2 (g_k), g the followers' gradient: J_S = [P^T H; tau (C, D)].
    """
    n1 = GAMES[name].sizes[0]
    with mpmath.workdps(DIGITS):
        costs, omega, d2f1, rows, hessians = sympy_blocks(name)(*map(mpmath.mpf, point))
        n, jacobian = len(point), mpmath.matrix(rows)
        result = {"costs": mpmath.matrix(costs), "gradient": mpmath.matrix(omega),
                  "jacobian": jacobian}
        matrix = jacobian[n1:, n1:] + eta*mpmath.eye(n - n1)
        if abs(mpmath.det(matrix)) < mpmath.mpf(10)**-20:
            return result, None
        cross = jacobian[n1:, :n1]
        v = mpmath.lu_solve(matrix.T, mpmath.matrix(d2f1))
        response = -mpmath.inverse(matrix)*cross
        hessian = mpmath.matrix(hessians[0])
        for weight, h in zip(v, hessians[1:]):
            hessian -= weight*mpmath.matrix(h)
        reduction = mpmath.zeros(n, n1)
        reduction[:n1, :], reduction[n1:, :] = mpmath.eye(n1), response
        total = mpmath.zeros(n, n)
        total[:n1, :], total[n1:, :] = reduction.T*hessian, tau*jacobian[n1:, :]
        leader = mpmath.matrix(omega[:n1]) - cross.T*v
        result["stackelberg_gradient"] = mpmath.matrix(
            [*leader, *(tau*w for w in omega[n1:])])
        result["stackelberg_jacobian"] = total
        result["implicit_derivative"] = response
        result["schur_complement"] = jacobian[:n1, :n1] + jacobian[:n1, n1:]*response
        return result, mpmath.cond(matrix)


def close(values, truth, condition=1):
    """Agreement to 1e-12 of the largest entry, times the condition of the systems."""
    truth = np.array(truth.tolist(), dtype=object).reshape(values.shape).astype(float)
    scale = np.abs(truth).max(initial=0) * max(1.0, float(condition)) + 1e-290
    np.testing.assert_allclose(values, truth, rtol=1e-12, atol=1e-12*scale*1e-2)


def sample(name, count=3):
    """Points of the game's natural box, or of [-1, 1]^n."""
    n = len(GAMES[name].variables)
    box = np.array([[-1.0, 1.0]]*n)
    if name in catalog.names():
        box = np.array([[float(t) for t in side] for side in catalog.info(name).box])
        box = np.broadcast_to(box, (n, 2))
    draw = np.random.default_rng(len(name))
    return draw.uniform(box[:, 0], box[:, 1], (count, n))


METHODS = ["costs", "gradient", "jacobian", "stackelberg_gradient", "stackelberg_jacobian",
           "schur_complement", "implicit_derivative"]


@pytest.mark.parametrize("name", GAMES)
def test_every_game_agrees_with_sympy(name):
    compiled, points = compile_game(GAMES[name]), sample(name)
    truths = [by_linear_algebra(name, point) for point in points]
    for method in METHODS:
        if method not in truths[0][0]:
            with pytest.raises(GameError, match="singular everywhere"):
                getattr(compiled, method)(points)
            continue
        batch = getattr(compiled, method)(points)
        for k, (truth, condition) in enumerate(truths):
            close(batch[k], truth[method], condition or 1)
            close(getattr(compiled, method)(points[k]), truth[method], condition or 1)


SMALL = [name for name, game in GAMES.items()
         if sum(game.sizes[1:]) == 1 or all(f.is_polynomial(*game.variables)
                                            for f in game.costs) and len(game.variables) <= 4]


@pytest.mark.parametrize("name", SMALL)
def test_small_games_agree_with_the_symbolic_formulas(name):
    game = valued(GAMES[name])
    try:
        formulas = {"gradient": game_gradient(game), "jacobian": game_jacobian(game),
                    "stackelberg_gradient": sp.Matrix([*total_derivative(game),
                                                       *game_gradient(game)[game.sizes[0]:]]),
                    "stackelberg_jacobian": stackelberg_jacobian(game),
                    "schur_complement": schur_complement(game),
                    "implicit_derivative": implicit_derivative(game)}
    except GameError:
        formulas = {"gradient": game_gradient(game), "jacobian": game_jacobian(game)}
    compiled, (point, *_) = compile_game(game), sample(name)
    exact = {s: sp.Rational(float(t)) for s, t in zip(game.variables, point)}
    _, condition = by_linear_algebra(name, point)
    for method, formula in formulas.items():
        truth = formula.xreplace(exact).evalf(DIGITS)
        close(getattr(compiled, method)(point), mpmath.matrix(truth.tolist()), condition or 1)


@pytest.mark.parametrize("name", ["figure1", "finite_learning_ratio", "three players",
                                  "three players, five followers' actions", "covariance",
                                  "transcendental"])
@pytest.mark.parametrize("tau, eta", [(1, 0), (2, 0), (sp.Rational(1, 3), sp.Rational(5, 4)),
                                      (sp.sqrt(2), 1)])
def test_fields_with_tau_and_eta(name, tau, eta):
    field = compile_field(stackelberg_gradient(GAMES[name], tau=tau, eta=eta))
    with mpmath.workdps(DIGITS):
        numbers = mpmath.mpmathify(sp.N(tau, DIGITS)), mpmath.mpmathify(sp.N(eta, DIGITS))
    for point in sample(name):
        truth, condition = by_linear_algebra(name, point, *numbers)
        close(field.value(point), truth["stackelberg_gradient"], condition)
        close(field.jacobian(point), truth["stackelberg_jacobian"], condition)
        close(field.jacobian(point[None])[0], truth["stackelberg_jacobian"], condition)
        if field.value_program is None:
            assert field.jacobian_program is None and field.n - GAMES[name].sizes[0] > 3
            assert field.solver.method == "direct" and field.solver.residual < 1e-12
            continue
        close(np.array(field.value_program(*point)), truth["stackelberg_gradient"], condition)
        close(np.array(field.jacobian_program(*point)), truth["stackelberg_jacobian"], condition)


@pytest.mark.parametrize("name", ["figure1", "finite_learning_ratio", "three players",
                                  "covariance", "rock_paper_scissors"])
def test_both_ways_to_solve_for_the_response_agree(name, monkeypatch):
    points = sample(name, 5)
    results = []
    for inline in (0, 6):
        # numerical has its own name for the limit
        monkeypatch.setattr("gameanalysis.programs.numerical.INLINE", inline)
        assert blocks.INLINE == 3
        game, field = compile_game(GAMES[name]), compile_field(
            stackelberg_gradient(GAMES[name], tau=3, eta=sp.Rational(1, 2)))
        assert (field.value_program is None) == (inline == 0)
        results.append([getattr(game, method)(points) for method in METHODS]
                       + [field.value(points), field.jacobian(points)])
    for one, other in zip(*results):
        scale = np.abs(other).reshape(len(points), -1).max(axis=1)
        scale = scale.reshape((-1,) + (1,)*(other.ndim - 1))
        np.testing.assert_allclose(one/scale, other/scale, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["figure1", "covariance", "iterated_prisoners_dilemma"])
def test_levels_and_templates_agree_with_printed_programs(name, monkeypatch):
    points = sample(name, 7)
    printed = [getattr(compile_game(GAMES[name]), method)(points) for method in METHODS]
    monkeypatch.setattr(program, "PRINTED", 0)
    monkeypatch.setattr("gameanalysis.programs.numerical._SMALL", 0)
    compiled = compile_game(GAMES[name])
    for method, expected in zip(METHODS, printed):
        values = getattr(compiled, method)(points)
        np.testing.assert_allclose(values, expected, rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(getattr(compiled, method)(points[3]), expected[3],
                                   rtol=1e-11, atol=1e-13)


# Where the followers' Hessian is singular

@pytest.mark.parametrize("inline", [3, 0])
def test_a_singular_response_is_not_finite_and_harms_nobody(inline, monkeypatch):
    monkeypatch.setattr("gameanalysis.programs.numerical.INLINE", inline)
    game = zero_sum(x**2 + x*y - y**3/3, x, y)            # D22 f2 = 2 y
    compiled = compile_game(game)
    points = np.array([[0.5, 1.0], [0.5, 0.0], [0.25, -2.0]])
    for method in METHODS[3:]:
        function = getattr(compiled, method)
        batch, single = function(points), function(points[1])
        assert not np.isfinite(batch[1]).all() and not np.isfinite(single).all()
        for k in (0, 2):
            assert np.isfinite(batch[k]).all()
            np.testing.assert_allclose(batch[k], function(points[k]), rtol=1e-14)
    # D f1 = 2x + y - (-1/(2y)) (x - y^2) by hand
    u, v = points[0]
    assert compiled.stackelberg_gradient(points[0])[0] == pytest.approx(
        2*u + v + (u - v*v)/(2*v))


def test_a_hessian_that_is_singular_everywhere_is_an_error():
    bilinear = zero_sum(x*y, x, y)
    compiled = compile_game(bilinear)
    assert compiled.jacobian([1.0, 2.0]).tolist() == [[0, 1], [-1, 0]]
    for method in METHODS[3:]:
        with pytest.raises(GameError, match="singular everywhere"):
            getattr(compiled, method)([1.0, 2.0])
    large = zero_sum(x*y + x*y1 + x*y2 + x*y3, x, (y, y1, y2, y3))
    with pytest.raises(GameError, match="singular everywhere"):
        compile_field(stackelberg_gradient(large))
    # D f1 = y - (-1) (1/eta) x, by hand
    assert compile_field(stackelberg_gradient(bilinear, eta=2)).value([3.0, 1.0]).tolist() \
        == [1 + 1.5, -3.0]


def test_undefined_costs_are_nan_at_their_points_only():
    compiled = compile_game(Game(Player(sp.log(x)*y, x), Player(y**2 + x*y, y)))
    points = np.array([[1.0, 2.0], [-1.0, 2.0], [math.nan, 1.0], [2.0, 2.0]])
    costs = compiled.costs(points)
    assert np.isnan(costs[:, 0]).tolist() == [False, True, True, False]
    assert np.isnan(costs[:, 1]).tolist() == [False, False, True, False]
    assert math.isnan(compiled.costs(points[1])[0]) and compiled.costs(points[1])[1] == 2.0
    values = compiled.stackelberg_jacobian(points)
    np.testing.assert_array_equal(values[[0, 3]], compiled.stackelberg_jacobian(points[[0, 3]]))


# Shapes

@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(0, 4), max_size=3))
def test_shapes_of_points_are_kept(shape):
    for name in ("figure1", "three players, five followers' actions"):
        game = GAMES[name]
        compiled, n, n1 = COMPILED[name], len(game.variables), game.sizes[0]
        points = np.random.default_rng(0).uniform(0.2, 1, (*shape, n))
        own = {"costs": (game.n_players,), "gradient": (n,), "jacobian": (n, n),
               "stackelberg_gradient": (n,), "stackelberg_jacobian": (n, n),
               "schur_complement": (n1, n1), "implicit_derivative": (n - n1, n1)}
        for method, tail in own.items():
            values = getattr(compiled, method)(points)
            assert values.shape == (*shape, *tail) and values.dtype == np.float64
            for index in np.ndindex(*shape):
                np.testing.assert_allclose(values[index], getattr(compiled, method)(
                    points[index]), rtol=1e-10, atol=1e-12)
                break


COMPILED = {name: compile_game(GAMES[name])
            for name in ("figure1", "three players, five followers' actions")}


def test_points_may_be_lists_integers_and_single_precision():
    compiled = COMPILED["figure1"]
    expected = compiled.jacobian(np.array([3.0, -1.0]))
    for point in ([3, -1], (3, -1), np.array([3, -1]), np.array([3, -1], dtype=np.float32),
                  np.array([3, -1], dtype=">f8"), np.array([3, 7, -1, 7.0])[::2]):
        np.testing.assert_allclose(compiled.jacobian(point), expected, rtol=1e-14)
    # a quarter is not an integer: integers must not be computed with as integers
    assert compiled.gradient([1, 1]).tolist() == compiled.gradient([1.0, 1.0]).tolist()


@pytest.mark.parametrize("wrong", [3.0, [1.0], [[1.0, 2.0, 3.0]], np.zeros((2, 0)), "ab",
                                   [[1.0, 2.0], [3.0]], None, {"x": 1}])
def test_wrong_shapes_are_named(wrong):
    for function in (COMPILED["figure1"].gradient, COMPILED["figure1"].stackelberg_jacobian,
                     compile_field(VectorField([x*y, y], [x, y])).value):
        with pytest.raises(ShapeError, match=r"\(\.\.\., 2\)"):
            function(wrong)
    with pytest.raises(ShapeError, match=r"\(\.\.\., 7\)"):
        COMPILED["three players, five followers' actions"].stackelberg_gradient([1.0, 2.0])


def test_results_are_fresh_arrays():
    compiled = COMPILED["figure1"]
    point = np.array([0.5, 0.25])
    first = compiled.jacobian(point)
    first[:] = 0
    assert compiled.jacobian(point).any() and point.tolist() == [0.5, 0.25]


def test_a_million_points_take_bounded_memory():
    import tracemalloc
    compiled = COMPILED["figure1"]
    points = np.random.default_rng(0).uniform(-10, 10, (1_000_000, 2))
    compiled.stackelberg_jacobian(points[:10])
    tracemalloc.start()
    compiled.stackelberg_jacobian(points)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 32e6 + 8e6                               # the result and 8 MB


# Fields

def test_fields_without_a_game():
    field = compile_field(VectorField([x**2 - y, sp.exp(x)*y], [x, y]))
    u, v = 0.5, -2.0
    np.testing.assert_allclose(field.value([u, v]), [u*u - v, math.exp(u)*v], rtol=1e-15)
    np.testing.assert_allclose(field.jacobian([u, v]), [[2*u, -1], [math.exp(u)*v,
                                                                    math.exp(u)]], rtol=1e-15)
    assert field.n == 2 and field.variables == (x, y) and not field.periods
    assert repr(field) == "CompiledField(field, 2 variables)"


@pytest.mark.parametrize("name", ["figure1", "torus", "three players"])
def test_a_game_field_and_its_formulas_compile_to_the_same(name):
    derived = simultaneous_gradient(GAMES[name])
    one = compile_field(derived)
    two = compile_field(VectorField(derived.expressions, derived.variables))
    assert one.periods == GAMES[name].periods
    points = sample(name, 5)
    np.testing.assert_allclose(one.value(points), two.value(points), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(one.jacobian(points), two.jacobian(points), rtol=1e-11,
                               atol=1e-13)
    np.testing.assert_allclose(one.jacobian(points), compile_game(GAMES[name]).jacobian(points),
                               rtol=1e-14)


def test_compiled_objects_pickle_by_rebuilding():
    compiled = COMPILED["figure1"]
    point = np.array([0.3, 0.7])
    copy = pickle.loads(pickle.dumps(compiled))
    assert copy.game == compiled.game
    assert copy.stackelberg_jacobian(point).tolist() == compiled.stackelberg_jacobian(
        point).tolist()
    field = compile_field(stackelberg_gradient(GAMES["figure1"], tau=2))
    copied = pickle.loads(pickle.dumps(field))
    assert copied.field == field.field
    assert copied.jacobian(point).tolist() == field.jacobian(point).tolist()
    assert repr(compiled) == "CompiledGame(figure1, 2 players, 2 variables)"


def test_symbols_with_hostile_names():
    a, b = sp.Symbol("lambda", real=True), sp.Symbol("__import__('os')", real=True)
    compiled = compile_game(zero_sum(a*b - b**2/2, a, b))
    assert compiled.gradient([2.0, 3.0]).tolist() == [3.0, -2.0 + 3.0]
    assert compiled.stackelberg_jacobian([[2.0, 3.0]]).tolist() == [[[1, 0], [-1, 1]]]


def test_constant_entries_broadcast():
    compiled = compile_game(zero_sum(x**2/3 + x*y - y**2/2, x, y))
    points = np.zeros((4, 3, 2))
    expected = np.broadcast_to([[2/3, 1], [-1, 1]], (4, 3, 2, 2))
    np.testing.assert_allclose(compiled.jacobian(points), expected, rtol=1e-15)


def test_constants_out_of_range_are_infinite():
    huge = sp.Integer(10)**400
    names = sp.symbols("u0:9", real=True)
    game = zero_sum(huge*names[0]**2/2 - sum(t**2 for t in names[1:]), names[0], names[1:])
    jacobian = compile_game(game).jacobian(np.zeros(9))
    assert jacobian[0, 0] == math.inf and np.diag(jacobian)[1:].tolist() == [2.0]*8
