"""Hierarchies: several leaders, several followers, chains.

Oracles: responses of quadratic games solved and substituted with SymPy, so that every player's
cost becomes a function of its own actions; the formulas of today's Stackelberg games for two
levels; nested minimisation with SciPy; eigenvalues in floating point.
"""

import itertools
import json
import pickle
from fractions import Fraction
from functools import lru_cache

import mpmath as mp
import numpy as np
import pytest
import strict_json
import sympy as sp
from scipy.optimize import minimize_scalar

from gameanalysis.declaration.game import Game, Player, zero_sum
from gameanalysis.declaration.hierarchy import Hierarchy
from gameanalysis.dynamics import (HierarchyField, hierarchy_gradient, simultaneous_gradient,
                                   stackelberg_gradient)
from gameanalysis.errors import BoxError, GameError
from gameanalysis.exact.anticipation import (cleared_gradient, hierarchy_gradient_column,
                                             hierarchy_hessians, hierarchy_jacobian,
                                             response_derivatives, responses)
from gameanalysis.exact.derivatives import (implicit_derivative, stackelberg_jacobian,
                                            total_hessian)
from gameanalysis.motion.flow import flow
from gameanalysis.motion.simulate import iterate
from gameanalysis.numerics.certify import certify
from gameanalysis.numerics.critical import find_critical_points
from gameanalysis.compilation.cleared import ClearedHierarchy
from gameanalysis.compilation.compiled import CompiledField, compile_field
from gameanalysis.programs.program import Program, Rationals
from gameanalysis.programs.stacked import StackedBlocks, hierarchy_field_nodes
from gameanalysis.truth import Truth
from gameanalysis.verdicts.analyze import analyze, classify
from gameanalysis.verdicts.hierarchy_search import analyze_hierarchy, classify_hierarchy

x, y, z, w = X = sp.symbols("x y z w", real=True)

#: Numbers of actions and levels.
SHAPES = [((1, 1, 1), [0, 1, 2]), ((1, 1, 1), [2, 0, 1]), ((1, 1, 1), [(0, 1), 2]),
          ((1, 1, 1), [0, (1, 2)]), ((1, 1, 1, 1), [(0, 1), (2, 3)]),
          ((1, 1, 1, 1), [3, (0, 2), 1]), ((1, 1, 1, 1), [0, 1, 2, 3]),
          ((2, 1, 1), [0, 1, 2]), ((1, 2, 1), [0, 1, 2]), ((1, 1, 2), [1, 0, 2]),
          ((2, 2), [0, 1]), ((1, 2, 1), [(0, 1, 2)])]


def random_game(sizes, seed, degree=2):
    """Costs with small integer coefficients, of degree 2 or 3, strictly convex more often
    than not in the own actions."""
    draw = np.random.default_rng(seed)
    n = sum(sizes)
    v = sp.symbols(f"v0:{n}", real=True)
    starts = np.cumsum([0, *sizes])
    players = []
    for a, b in zip(starts, starts[1:]):
        m = draw.integers(-2, 3, (n, n))
        cost = sum(int(m[i, j])*v[i]*v[j] for i in range(n) for j in range(n))
        cost += sum(int(draw.choice([3, 4, 4, -3]))*v[k]**2 for k in range(a, b))
        cost += sum(int(draw.integers(-2, 3))*v[k] for k in range(n))
        if degree == 3:
            for _ in range(4):
                i, j, k = draw.integers(0, n, 3)
                cost += sp.Rational(int(draw.integers(-2, 3)), 4)*v[i]*v[j]*v[k]
        players.append(Player(cost, v[a:b]))
    return Game(*players)


def substituted(game, hierarchy):
    """(equilibrium, total Hessians, responses) by substitution, level by level from below."""
    v = game.variables
    costs = list(game.costs)
    solved, hessians, levels = {}, {}, []
    for players in reversed(hierarchy.levels):
        own = {p: [v[k] for k in hierarchy.actions(p)] for p in players}
        for p in players:
            hessians[p] = sp.hessian(sp.expand(costs[p]), own[p])
        mine = [u for p in players for u in own[p]]
        answer, = sp.linsolve([costs[p].diff(u) for p in players for u in own[p]], mine)
        answer = dict(zip(mine, answer))
        solved = {u: sp.expand(e.subs(answer)) for u, e in solved.items()} | answer
        costs = [sp.expand(f.subs(answer)) for f in costs]
        levels.insert(0, dict(solved))
    return [solved[u] for u in v], [hessians[p] for p in range(game.n_players)], levels


# -- declaration ----------------------------------------------------------------------------

def test_what_is_no_hierarchy_is_refused():
    game = random_game((1, 1, 1), 0)
    for levels, message in (
            ([0, 1], "leave out player 2"), ([0, 1, (1, 2)], "player 1 is named twice"),
            ([0, 1, 3], "no player 3 among 3"), ([0, 1, -1], "no player -1"),
            ([0, (), (1, 2)], "at least one player"), ([0, 1, 2.0], "numbers of players"),
            ([True, 1, 2], "numbers of players"), ("012", "sequence of levels"),
            (3, "sequence of levels"), ([0, "12"], "numbers of players")):
        with pytest.raises(GameError, match=message):
            Hierarchy(game, levels)
    with pytest.raises(GameError, match="expected a Game"):
        Hierarchy(simultaneous_gradient(game), [0])
    for call in (lambda: analyze_hierarchy(game, None), lambda: hierarchy_gradient(game)):
        with pytest.raises(GameError, match="expected a Hierarchy"):
            call()


def test_hierarchies_are_values():
    game = random_game((1, 2, 1), 0)
    one, same = Hierarchy(game, [0, (1, 2)]), Hierarchy(game, [(0,), [1, np.int64(2)]])
    assert one == same and hash(one) == hash(same) and pickle.loads(pickle.dumps(one)) == one
    assert one != Hierarchy(game, [0, (2, 1)]) and one != Hierarchy(game, [0, 1, 2])
    assert one.name == "1 > (2, 3)" and one.levels == ((0,), (1, 2)) and one.n_levels == 2
    assert list(one.actions(1)) == [1, 2] and one.at_or_below(1) == [1, 2, 3]
    assert one.level_of(2) == 1 and one.at_or_below(2) == []
    for call in (one.level_of, one.actions):
        with pytest.raises(GameError, match="no player 3"):
            call(3)
    with pytest.raises(AttributeError, match="immutable"):
        one.levels = ()
    a = sp.Symbol("a", real=True)
    valued = Hierarchy(Game(Player(a*x**2 + y, x), Player(y**2, y), parameters={a: 1}), [0, 1])
    assert valued.substitute({a: 3}).without_parameters().game.costs[0] == 3*x**2 + y


# -- exact forms ----------------------------------------------------------------------------

def same(left, right, variables):
    """Equality of rational functions at rational points, exactly."""
    draw = np.random.default_rng(0)
    for _ in range(3):
        at = {v: sp.Rational(int(draw.integers(-999, 999)), 1000) for v in variables}
        if any(a.subs(at) != b.subs(at) for a, b in zip(left, right, strict=True)):
            return False
    return True


@pytest.mark.parametrize("sizes", [(1, 1), (2, 1), (1, 2), (1, 1, 1)], ids=str)
def test_two_levels_are_today_s_stackelberg_formulas(sizes):
    game = random_game(sizes, 1, degree=3)
    followers = tuple(range(1, len(sizes)))
    hierarchy = Hierarchy(game, [0, followers])
    today = stackelberg_gradient(game)
    v = game.variables
    assert same(hierarchy_gradient_column(hierarchy), today.expressions, v)
    assert same(hierarchy_jacobian(hierarchy), stackelberg_jacobian(game), v)
    assert same(hierarchy_hessians(hierarchy)[0], total_hessian(game), v)
    assert same(response_derivatives(hierarchy)[0], implicit_derivative(game), v)
    points = np.random.default_rng(0).normal(size=(20, sum(sizes)))
    graph, nodes, guard = hierarchy_field_nodes(hierarchy_gradient(hierarchy))
    mine = CompiledField(hierarchy_gradient(hierarchy), (graph, nodes))
    ours = compile_field(today)
    assert np.allclose(mine.value(points), ours.value(points), rtol=1e-9)
    assert np.allclose(mine.jacobian(points), ours.jacobian(points), rtol=1e-7)
    # The guard vanishes where that of today does.
    theirs = ours.columns(points.T)[-1]
    if guard:
        assert np.allclose(Program(graph, guard).columns(points.T)[0], theirs, rtol=1e-12)
    else:
        assert np.ptp(theirs) == 0


def test_the_other_player_leading_is_the_reordered_game():
    game = random_game((1, 1), 2, degree=3)
    u, v = game.variables
    mine = hierarchy_gradient(Hierarchy(game, [1, 0]), tau=3).expressions
    theirs = stackelberg_gradient(game.reordered(1), tau=3)
    assert theirs.variables == (v, u)
    assert sp.simplify(mine[1] - theirs.expressions[0]) == 0
    assert sp.simplify(mine[0] - theirs.expressions[1]) == 0


def test_one_level_is_the_simultaneous_gradient():
    game = random_game((1, 2, 1), 3, degree=3)
    hierarchy = Hierarchy(game, [(2, 0, 1)])
    assert hierarchy_gradient(hierarchy).expressions == simultaneous_gradient(game).expressions
    assert response_derivatives(hierarchy) == ()
    jacobian = simultaneous_gradient(game).jacobian
    assert hierarchy_hessians(hierarchy) == (
        jacobian[:1, :1], jacobian[1:3, 1:3], jacobian[3:, 3:])


@pytest.mark.parametrize("sizes, levels", SHAPES, ids=str)
def test_quadratic_games_by_substitution(sizes, levels):
    for seed in (4, 5):
        game = random_game(sizes, seed)
        hierarchy = Hierarchy(game, levels)
        point, hessians, expected = substituted(game, hierarchy)
        found = responses(hierarchy)
        assert [set(r) for r in found] == [set(r) for r in expected]
        assert all(sp.expand(found[k][u] - e) == 0
                   for k, level in enumerate(expected) for u, e in level.items())
        assert list(hierarchy_hessians(hierarchy)) == [sp.ImmutableMatrix(h) for h in hessians]
        # The verdicts, exactly at the exact point.
        fact, = classify_hierarchy(hierarchy, [point])
        assert list(fact.exact) == point and fact.certified
        definite = [Truth.of(bool(h.is_positive_definite)) for h in hessians]
        assert list(fact.second_order) == definite
        assert fact.equilibrium is Truth.all(definite)
        smallest = [min(np.linalg.eigvalsh(np.array(h, dtype=float))) for h in hessians]
        assert np.allclose(fact.margins, smallest, rtol=1e-9, atol=1e-9)
        spectrum = np.linalg.eigvals(np.array(hierarchy_jacobian(hierarchy), dtype=float))
        right, left = int((spectrum.real > 0).sum()), int((spectrum.real < 0).sum())
        assert fact.inertia == (right, left, 0) and fact.hyperbolic is Truth.YES
        assert fact.stable is Truth.of(not left) and fact.degenerate is Truth.NO
        omega = simultaneous_gradient(game)
        zero = not any(e.subs(dict(zip(game.variables, point))) for e in omega.expressions)
        own = all(omega.jacobian[hierarchy.actions(p).start:hierarchy.actions(p).stop,
                                 hierarchy.actions(p).start:hierarchy.actions(p).stop]
                  .is_positive_definite for p in range(game.n_players))
        assert fact.differential_nash is Truth.of(zero and own)


def test_both_answers_occur_among_the_quadratic_games():
    seen = set()
    for sizes, levels in SHAPES[:6]:
        for seed in (4, 5):
            game = random_game(sizes, seed)
            point, hessians, _ = substituted(game, Hierarchy(game, levels))
            seen |= {(len(levels), bool(h.is_positive_definite)) for h in hessians}
    assert {(3, True), (3, False), (2, True), (2, False)} <= seen


# -- programs -------------------------------------------------------------------------------

CURVED = Game(
    Player(x**2 + x*y*z + sp.sin(w), x), Player(y**2*(1 + x**2) + z*w + y*z**3, y),
    Player(3*z**2 + z*y + z*x**2 + w*sp.exp(z), z), Player(2*w**2 + w*z**2 + w**4 + x*w, w))


@pytest.mark.parametrize("levels", [[0, 1, (2, 3)], [(0, 1), (2, 3)], [3, (0, 2), 1]], ids=str)
def test_the_three_forms_of_nodes_agree_with_sympy(levels):
    hierarchy = Hierarchy(CURVED, levels)
    points = 0.4*np.random.default_rng(1).normal(size=(5, 4))
    graph, nodes, guard = hierarchy_field_nodes(hierarchy_gradient(hierarchy))
    field = CompiledField(hierarchy_gradient(hierarchy), (graph, nodes))
    # The guard is, up to a constant, the product of the determinants divided by.
    products = np.ones(len(points))
    for level in range(1, len(levels)):
        below = hierarchy.at_or_below(level)
        products *= np.linalg.det(field.jacobian(points)[:, below][:, :, below])
    ratio = Program(graph, guard).columns(points.T)[0]/products
    assert np.allclose(ratio, ratio[0], rtol=1e-9)
    symbolic = sp.lambdify(CURVED.variables, list(hierarchy_gradient_column(hierarchy)),
                           cse=True)
    values = np.array([symbolic(*p) for p in points])
    assert np.allclose(field.value(points), values, rtol=1e-10, atol=1e-12)
    step = 1e-5*np.eye(4)
    differences = (field.value(points[:, None] + step) - field.value(points[:, None] - step))/2e-5
    assert np.allclose(np.swapaxes(differences, -1, -2), field.jacobian(points), atol=1e-6)
    blocks = StackedBlocks(hierarchy, "exact")
    program = Program(blocks.graph, blocks.values + blocks.determinants)
    out = program.batch(points)
    level_of = [hierarchy.level_of(k) for k in range(4)]
    assert np.allclose(out[:, :4]/out[:, 4:][:, level_of], values, rtol=1e-10, atol=1e-12)
    # The search system is the SymPy one without denominators.
    system, _ = cleared_gradient(hierarchy)
    cleared = sp.lambdify(CURVED.variables, system, cse=True)
    assert np.allclose(ClearedHierarchy(hierarchy).value(points),
                       np.array([cleared(*p) for p in points]), rtol=1e-9, atol=1e-12)


def test_a_chain_of_four_against_nested_derivatives():
    """phi(x) = f1 along the answers, solved and differentiated with 40 digits."""
    costs = [x**2 + x*y*z/2 + w*x, y**2 + x*y + z*y**2/4 + y*w/3,
             z**2 + y*z/2 + z**3/6 + x*w/4 + z*w, w**2 + w*z/2 + w**3/9 + x*w/5]
    game = Game(*(Player(f, v) for f, v in zip(costs, X)))
    f = [sp.lambdify(X, cost, "mpmath") for cost in costs]

    def zero_of_slope(cost, start):
        return mp.findroot(lambda t: mp.diff(cost, t, h=mp.mpf(10)**-12), start)

    # In closed form the last answer, then one root inside another for the third.
    convex, = (e for e in sp.solve(costs[3].diff(w), w) if e.subs({x: 0, z: 0}) == 0)
    last = sp.lambdify((x, y, z), convex, "mpmath")
    slope = sp.lambdify((x, y, z), sp.diff(costs[2].subs(w, convex), z), "mpmath")

    def third(a, b):
        return mp.findroot(lambda c: slope(a, b, c), 0)

    def second_cost(a, b):
        c = third(a, b)
        return f[1](a, b, c, last(a, b, c))

    def second(a):
        return zero_of_slope(lambda b: second_cost(a, b), 0)

    def first_cost(a):
        b = second(a)
        c = third(a, b)
        return f[0](a, b, c, last(a, b, c))
    with mp.workdps(40):
        a = mp.mpf(1)/5
        b = second(a)
        c = third(a, b)
        at = np.array([a, b, c, last(a, b, c)], dtype=float)
        h = mp.mpf(10)**-5
        before, here, after = (first_cost(a + k*h) for k in (-1, 0, 1))
        gradient, hessian = (after - before)/(2*h), (after - 2*here + before)/h**2
    graph, nodes, _ = hierarchy_field_nodes(hierarchy_gradient(Hierarchy(game, range(4))))
    field = CompiledField(hierarchy_gradient(Hierarchy(game, range(4))), (graph, nodes))
    value, matrix = field.value(at), field.jacobian(at)
    assert abs(value[1:]).max() < 1e-9                      # on the curve
    assert abs(value[0] - float(gradient)) < 1e-8
    total = matrix[0, 0] - matrix[0, 1:] @ np.linalg.solve(matrix[1:, 1:], matrix[1:, 0])
    assert abs(total - float(hessian)) < 1e-6


def test_many_lower_variables_and_singular_levels_are_refused():
    wide = random_game((1,)*10, 6)
    with pytest.raises(GameError, match="at most 8"):
        StackedBlocks(Hierarchy(wide, [0, range(1, 10)]), "field")
    assert StackedBlocks(Hierarchy(wide, [range(10)]), "field").values
    bilinear = zero_sum(x*y, x, y)
    for call in (lambda: StackedBlocks(Hierarchy(bilinear, [0, 1]), "exact"),
                 lambda: hierarchy_gradient(Hierarchy(bilinear, [0, 1])).expressions,
                 lambda: analyze_hierarchy(Hierarchy(bilinear, [0, 1]), [(-1, 1)]*2)):
        with pytest.raises(GameError, match="level 2 is singular everywhere"):
            call()
    with pytest.raises(GameError, match="not affine"):
        responses(Hierarchy(zero_sum(x*y - y**4, x, y), [0, 1]))


# -- verdicts -------------------------------------------------------------------------------

SMOOTH = Game(
    Player(x**2/2 + x**4/4 + x*z/2 - x + y*z/4, x),
    Player(y**2/2 + y**4/4 + x*y/2 + y*z/2 + y/2, y),
    Player(z**2/2 + z**4/4 - x*z/2 + y*z/4 + x*y*z/4, z))


def nested(levels):
    """The outcome of three players who minimise, each within the answers of those below."""
    f = [sp.lambdify((x, y, z), cost) for cost in SMOOTH.costs]
    a, b, c = levels

    def best(cost, places):
        found = minimize_scalar(cost, bounds=(-2, 2), method="bounded",
                                options={"xatol": 1e-10})
        return found.x

    def value(player, known):
        return f[player](*(known[k] for k in range(3)))

    def third(p, q):
        at = {a: p, b: q}
        poly = sp.Poly(SMOOTH.costs[c].diff(X[c]).subs({X[a]: p, X[b]: q}), X[c])
        real = [r.real for r in np.roots([float(k) for k in poly.all_coeffs()])
                if abs(r.imag) < 1e-9]
        return min(real, key=lambda r: value(c, {**at, c: r}))

    third = lru_cache(maxsize=None)(third)

    def second(p):
        return best(lambda q: value(b, {a: p, b: q, c: third(p, q)}), None)

    def cost(p):
        q = second(p)
        return value(a, {a: p, b: q, c: third(p, q)})
    grid = np.linspace(-1.2, 1.2, 25)
    start = grid[np.argmin([cost(p) for p in grid])]
    fit = np.polynomial.Chebyshev.interpolate(np.vectorize(cost), 10,
                                              domain=[start - 0.15, start + 0.15])
    p, = (r.real for r in fit.deriv().roots()
          if abs(r.imag) < 1e-9 and abs(r.real - start) < 0.1)
    q = second(p)
    return np.array([v for _, v in sorted({a: p, b: q, c: third(p, q)}.items())])


@pytest.mark.parametrize("levels", [(0, 1, 2), (2, 1, 0)], ids=str)
def test_chains_end_where_nested_minimisation_does(levels):
    result = analyze_hierarchy(Hierarchy(SMOOTH, levels), [(-1.5, 1.5)]*3)
    assert result.complete is Truth.YES
    equilibria = [p for p in result if p.equilibrium is Truth.YES]
    assert len(equilibria) == 1 and equilibria[0].certified
    assert np.abs(equilibria[0].x - nested(levels)).max() < 1e-5
    orders = {tuple(np.round(equilibria[0].x, 6))}
    together = analyze_hierarchy(Hierarchy(SMOOTH, [(0, 1, 2)]), [(-1.5, 1.5)]*3)
    assert {tuple(np.round(p.x, 6)) for p in together}.isdisjoint(orders)


def chain_at_rest(seed):
    """A cubic chain of three whose gradient vanishes at the origin, where D f1 does not."""
    game = random_game((1, 1, 1), seed, degree=3)
    v = game.variables
    origin = dict.fromkeys(v, 0)
    costs = [f - f.diff(u).subs(origin)*u for f, u in zip(game.costs, v)]
    for k in (1, 0):
        blocks = StackedBlocks(Hierarchy(Game(*map(Player, costs, v)), [0, 1, 2]), "field")
        value, = Program(blocks.graph, [blocks.values[k]], 3).evaluate([Fraction()]*3,
                                                                       Rationals())
        costs[k] -= sp.Rational(value.numerator, value.denominator)*v[k]
    return Hierarchy(Game(*map(Player, costs, v)), [0, 1, 2]), origin


def test_stability_is_that_of_the_gradient_and_not_of_the_system_searched():
    """Three levels: the Jacobians of both differ at zeros by more than factors of rows."""
    tau, wrong, answers = [2, 1, sp.Rational(1, 3)], 0, set()
    for seed in range(6):
        hierarchy, origin = chain_at_rest(seed)
        point, = classify_hierarchy(hierarchy, [(0, 0, 0)], tau=tau)
        assert not any(e.subs(origin) for e in hierarchy_gradient_column(hierarchy))
        slope = (sp.diag(*tau)*hierarchy_jacobian(hierarchy)).subs(origin)
        spectrum = np.sort_complex(np.linalg.eigvals(np.array(slope, dtype=float)))
        counts = int((spectrum.real > 0).sum()), int((spectrum.real < 0).sum()), 0
        assert sum(counts) == 3 and point.inertia == counts
        assert point.stable is Truth.of(counts[1] == 0)
        assert np.allclose(np.sort_complex(point.eigenvalues["gradient"]), spectrum)
        blocks = StackedBlocks(hierarchy, "search")
        factors = Program(blocks.graph, blocks.determinants)(0.0, 0.0, 0.0)
        rows = ClearedHierarchy(hierarchy).jacobian([0, 0, 0])
        rows = rows*np.array(tau, dtype=float)[:, None]/np.array(factors)[:, None]
        wrong += not np.allclose(np.sort_complex(np.linalg.eigvals(rows)), spectrum)
        answers.add(point.stable)
    assert wrong >= 2 and answers == {Truth.YES, Truth.NO}


def test_a_level_that_is_singular_at_a_zero_of_the_cleared_system():
    # D_22 f2 = 3 y^2 vanishes at the origin, where the cleared system has a multiple zero.
    game = Game(Player(x**2/2 + x*y, x), Player(y**4/4 - x**3*y, y))
    hierarchy = Hierarchy(game, [0, 1])
    result = analyze_hierarchy(hierarchy, [(-1, 1.25)]*2)
    assert not any(abs(p.x).max() < 1e-3 and p.certified for p in result)
    # y = x on the curve: phi = 3 x^2/2, whose only zero is the singular point.
    assert not result
    with pytest.raises(GameError, match="no critical point"):
        classify_hierarchy(hierarchy, [(0, 0)])


def test_a_degenerate_point_says_so():
    # Two leaders share x + y = 1, as in the tandem game, and a follower answers z = x.
    game = Game(Player((x + y)**2 - 2*x, x), Player((x + y)**2 - 2*y, y),
                Player((z - x)**2, z))
    hierarchy = Hierarchy(game, [(0, 1), 2])
    point, = classify_hierarchy(hierarchy, [(sp.Rational(1, 4), sp.Rational(3, 4), 0.25)])
    assert point.degenerate is Truth.YES and point.equilibrium is Truth.YES
    assert point.inertia == (2, 0, 1) and point.label == "degenerate, equilibrium and DNE"
    result = analyze_hierarchy(hierarchy, [(-1, 2)]*3, max_boxes=2000)
    assert result.complete is Truth.UNDECIDED


def test_the_time_scales_of_the_levels_decide_stability():
    # f2's own Hessian is 1; stable if and only if tau > 2 (`theory`, section 2).
    game = Game(Player(-x**2 + 3*y**2/2, x), Player(y**2/2 + x*y, y))
    hierarchy = Hierarchy(game, [0, 1])
    for tau, expected in ((1, Truth.NO), (2, Truth.NO), ("2.001", Truth.YES), (3, Truth.YES)):
        tau = sp.Rational(tau)
        point, = classify_hierarchy(hierarchy, [(0, 0)], tau=tau)
        assert point.equilibrium is Truth.YES and point.stable is expected
        spectrum = np.linalg.eigvals(np.array(stackelberg_jacobian(game, tau), dtype=float))
        assert np.allclose(np.sort_complex(point.eigenvalues["gradient"]),
                           np.sort_complex(spectrum), atol=1e-7)
        assert point.margins == pytest.approx((1, 1))
    with pytest.raises(GameError, match="rational factors"):
        classify_hierarchy(hierarchy, [(0, 0)], tau=sp.sqrt(2))


def test_points_are_taken_as_rows_or_as_points_and_refused_elsewhere():
    hierarchy = Hierarchy(SMOOTH, [0, 1, 2])
    result = analyze_hierarchy(hierarchy, [(-1.5, 1.5)]*3)
    again = classify_hierarchy(hierarchy, result)
    near = classify_hierarchy(hierarchy, [p.x + 1e-4 for p in result])
    for p, q, r in zip(result, again, near, strict=True):
        assert np.abs(p.x - q.x).max() <= p.radius + q.radius
        assert np.abs(p.x - r.x).max() <= p.radius + r.radius
        assert p.second_order == q.second_order == r.second_order and p.stable is r.stable
    with pytest.raises(BoxError, match="needs 3 coordinates"):
        classify_hierarchy(hierarchy, [(0, 0)])
    with pytest.raises(GameError, match="no critical point near"):
        classify_hierarchy(hierarchy, [(1, 1, 1)])
    with pytest.raises(BoxError):
        analyze_hierarchy(hierarchy, [(0, 1)]*2)


def test_results_print_and_become_data():
    box = {x: (-1, 1), y: (-1, 1), z: (-1, 1)}
    result = analyze_hierarchy(Hierarchy(SMOOTH, [0, (1, 2)]), box, tau=[1, 2])
    text = str(result)
    assert "critical points of the hierarchy 1 > (2, 3) in [-1, 1]^3, tau = (1, 2)" in text
    assert "equilibrium, not DNE" in text and "proved complete" in text
    data = strict_json.loads(json.dumps(result.to_dict()))
    assert data["levels"] == [[0], [1, 2]] and data["of"] == "hierarchy"
    assert data["points"][0]["equilibrium"] == "yes" and data["complete"] == "yes"
    assert data["points"][0]["margins"] == list(result[0].margins)
    assert "<table>" in result._repr_html_()
    again = pickle.loads(pickle.dumps(result))
    assert again.to_dict() == result.to_dict() and again.hierarchy == result.hierarchy
    frame = result.to_dataframe()
    assert list(frame["second_order_3"]) == ["yes"]*len(result)


def test_a_point_without_proof_has_no_verdicts():
    # erf has no interval enclosure here, so nothing can be proved.
    game = Game(Player(x**2 + sp.erf(x)*y - x, x), Player(y**2 - x*y + y*z, y),
                Player(z**2 - y*z, z))
    result = analyze_hierarchy(Hierarchy(game, [0, 1, 2]), [(-1, 1)]*3, n_starts=20, rng=0)
    assert result.complete is Truth.UNDECIDED and len(result) == 1
    point = result[0]
    assert not point.certified and point.label == "uncertified"
    facts = {point.equilibrium, point.stable, point.differential_nash, point.degenerate,
             *point.second_order}
    assert facts == {Truth.UNDECIDED} and point.inertia is None
    assert classify_hierarchy(Hierarchy(game, [0, 1, 2]), result)[0].label == "uncertified"


# -- dynamics -------------------------------------------------------------------------------

def test_flows_and_updates_end_at_the_equilibrium_of_the_chain():
    hierarchy = Hierarchy(SMOOTH, [0, 1, 2])
    field = hierarchy_gradient(hierarchy, tau=2)
    assert field.tau == (1, 2, 4) and field == pickle.loads(pickle.dumps(field))
    assert isinstance(field, HierarchyField) and "1 > 2 > 3" in repr(field)
    point, = analyze_hierarchy(hierarchy, [(-1.5, 1.5)]*3, tau=2)
    assert point.stable is Truth.YES
    starts = [(0.5, 0.5, 0.5), (-0.5, 0.2, -0.1)]
    path = flow(field, starts, 60)
    assert np.abs(path.x[:, -1] - point.x).max() < 1e-6
    learned = iterate(field, starts, 400, step_size=0.1, keep="last")
    assert np.abs(learned.x[:, -1] - point.x).max() < 1e-9
    found = find_critical_points(field, [(-1.5, 1.5)]*3, n_starts=20, rng=0)
    assert np.abs(found.x - point.x).max() < 1e-9
    certificate = certify(ClearedHierarchy(hierarchy), found, [(-1.5, 1.5)]*3)
    assert certificate.complete is Truth.YES and len(certificate.zeros) == 1


def test_factors_tau_are_checked():
    hierarchy = Hierarchy(SMOOTH, [0, (1, 2)])
    plain = hierarchy_gradient(hierarchy).expressions
    faster = hierarchy_gradient(hierarchy, [2, 0.5])
    assert faster.factors == (2, sp.Rational(1, 2), sp.Rational(1, 2))
    assert faster.expressions == tuple(t*g for t, g in zip(faster.factors, plain))
    with pytest.raises(GameError, match="each of the 2 levels"):
        hierarchy_gradient(hierarchy, [1, 2, 3])
    with pytest.raises(GameError, match="positive"):
        hierarchy_gradient(hierarchy, -1)


# -- Nash among n ---------------------------------------------------------------------------

@pytest.mark.parametrize("sizes", [(1, 1, 1), (1, 2, 1), (1, 1, 1, 1), (1,)*6], ids=str)
def test_nash_among_n_and_every_leader(sizes):
    """`analyze` and `classify` of today against floats, and against hierarchies."""
    for seed in (7,):
        game = random_game(sizes, seed, degree=2 if len(sizes) == 6 else 3)
        n, players = sum(sizes), range(len(sizes))
        box = [(-sp.Rational(3, 2), sp.Rational(8, 5))]*n
        result = analyze(game, box, max_boxes=20_000)
        omega = simultaneous_gradient(game)
        slope = sp.lambdify(game.variables, omega.jacobian)
        value = sp.lambdify(game.variables, list(omega.expressions))
        starts = np.cumsum([0, *sizes])
        for point in result:
            jacobian = np.array(slope(*point.x), dtype=float)
            assert np.abs(value(*point.x)).max() < 1e-9
            own = [np.linalg.eigvalsh(jacobian[a:b, a:b]).min()
                   for a, b in itertools.pairwise(starts)]
            assert point.differential_nash is Truth.of(bool(min(own) > 0))
            spectrum = np.linalg.eigvals(jacobian)
            assert point.stable["simultaneous"] is Truth.of(bool((spectrum.real > 0).all()))
        together = analyze_hierarchy(Hierarchy(game, [players]), box, max_boxes=20_000)
        assert [p.x.tolist() for p in together] == [p.x.tolist() for p in result]
        assert together.complete is result.complete
        for p, q in zip(result, together):
            assert p.differential_nash is q.equilibrium is q.differential_nash
            assert p.stable["simultaneous"] is q.stable and p.inertia["J"] == q.inertia
        led = analyze(game, box, of="stackelberg", max_boxes=20_000)
        found = analyze_hierarchy(Hierarchy(game, [0, players[1:]]), box, max_boxes=20_000)
        assert found.complete is led.complete
        assert np.allclose([p.x for p in found], [p.x for p in led], atol=1e-10)
        for p, q in zip(led, found, strict=True):
            assert p.differential_stackelberg is q.equilibrium
            assert p.stable["stackelberg"] is q.stable
            assert p.differential_nash is q.differential_nash


def test_today_s_verdicts_for_each_of_three_leaders():
    """At the origin omega and every omega_S vanish: each leader's condition at one point."""
    for seed in range(12):
        draw = np.random.default_rng(seed)
        v = sp.symbols("a b c", real=True)
        # No linear terms: the origin is critical for every order of play.
        game = Game(*(Player(sum(int(draw.integers(-3, 4))*s*t for s in v for t in v)
                             + int(draw.choice([3, 3, -2]))*own**2, own) for own in v))
        today, = classify(game, [(0, 0, 0)])
        for leader in range(3):
            others = tuple(p for p in range(3) if p != leader)
            try:
                point, = classify_hierarchy(Hierarchy(game, [leader, others]), [(0, 0, 0)])
            except GameError:
                continue                      # singular followers
            assert today.differential_stackelberg_by_leader[leader] is point.equilibrium
