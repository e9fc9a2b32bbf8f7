"""Symmetries of games, classes modulo symmetry, and points on manifolds of critical points."""

import json
import pickle
import random
from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
import scipy.linalg
import sympy as sp
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gameanalysis import catalog
from gameanalysis.declaration.game import Game, Player, zero_sum
from gameanalysis.declaration.hierarchy import Hierarchy
from gameanalysis.errors import GameError
from gameanalysis.exact.sparse_forms import Elimination, SparseForms
from gameanalysis.exact.symmetries import critical_identities, symmetries
from gameanalysis.truth import Truth
from gameanalysis.verdicts.analysis import Analysis
from gameanalysis.verdicts.analyze import classify
from gameanalysis.verdicts.problem import Problem
from gameanalysis.verdicts.slices import _Slices, locate_on_orbit

YES, NO, UNDECIDED = Truth.YES, Truth.NO, Truth.UNDECIDED
a, b, c, d, e = sp.symbols("a b c d e", real=True)
R = sp.Rational


def square(*values):
    return sum(v**2 for v in values)


def two(f, own, g, other):
    return Game(Player(f, own), Player(g, other))


def located(game, row, of="simultaneous"):
    """The point on the orbit near a row, classified; None if there is none."""
    problem = Problem(game, of)
    place = locate_on_orbit(problem, row)
    return None if place is None else problem.classifier.classify(place)


def at_angle(radius, angle):
    return [radius * np.cos(angle), radius * np.sin(angle)]


# -- the Lie algebra -------------------------------------------------------------------

def dense_dimension(costs, blocks):
    """The dimension of {xi : xi . D f_i is a number}, by SymPy with unknowns as symbols."""
    variables = [v for block in blocks for v in block]
    unknowns, field = [], {}
    for block in blocks:
        for v in block:
            row = sp.symbols(f"u{len(unknowns)}:{len(unknowns) + len(block) + 1}")
            unknowns += row
            field[v] = row[0] + sum(u * w for u, w in zip(row[1:], block))
    rows = []
    for f in costs:
        change = sp.Poly(sum(field[v] * f.diff(v) for v in variables), *variables)
        rows += [[sp.diff(value, u) for u in unknowns]
                 for powers, value in change.terms() if any(powers)]
    return len(unknowns) - (sp.Matrix(rows).rank() if rows else 0)


@given(st.integers(0, 10**6))
@settings(max_examples=12, deadline=None)
def test_symmetries_against_dense_linear_algebra(seed):
    rng = random.Random(seed)
    # Invariants of hidden linear maps make symmetries likely, other terms destroy some.
    p, q = rng.randint(1, 2), rng.choice([-2, 0, 1])
    inner = [p * a**2 + q * a * b + b**2, a + rng.randint(0, 2) * b, c - rng.randint(0, 1) * a,
             square(c, d), a * c + b * d, a * d - b * c]
    costs = []
    for _ in range(2):
        u, v = rng.choice(inner), rng.choice(inner)
        costs.append(sp.expand(rng.randint(1, 3) * u**2 + u * v + rng.randint(-1, 1) * c))
    game = two(costs[0], (a, b), costs[1], (c, d))
    found = symmetries(game)
    assert found.dimension == dense_dimension(costs, [(a, b), (c, d)])
    assert found.complete is YES
    for xi in found:
        field = xi.at(game.variables)
        for f, change in zip(costs, xi.changes):
            moved = sum(value * f.diff(v) for value, v in zip(field, game.variables))
            assert sp.expand(moved - change) == 0


@pytest.mark.parametrize("m", [2, 3, 4])
def test_the_covariance_game_has_two_orthogonal_algebras(m):
    # so(m) turns V; f sees the symmetric part of W only, and |W|^2 is kept when its
    # antisymmetric part, a vector of k = m(m - 1)/2 numbers, is turned by so(k).
    k = m * (m - 1) // 2
    found = symmetries(catalog.covariance(m))
    assert found.dimension == k + k * (k - 1) // 2 and found.complete is YES
    on_v = [xi for xi in found if max(xi.moved) < m * m]
    assert len(on_v) == k
    for xi in on_v:
        # V -> V K with K antisymmetric: the matrix on vec(V), row by row, is I (x) K^T.
        block = xi.matrix[:m, :m]
        assert block.T == -block
        assert xi.matrix[:m * m, :m * m] == sp.kronecker_product(sp.eye(m), block)


def test_flows_keep_the_costs():
    rng = np.random.default_rng(5)
    games = [catalog.covariance(2), catalog.tandem(),
             zero_sum(sp.exp(-square(a, b)) * c + sp.sqrt(1 + 2 * square(a, b))
                      - square(c, d) / (1 + square(c, d)), (a, b), (c, d)),
             two(sp.sin(a - c) + 3 * a, a, sp.cos(a - c) + a**2 - 2 * a * c + c**2, c)]
    for game in games:
        found = symmetries(game)
        assert found.dimension
        costs = sp.lambdify(game.variables, game.valued_costs)
        for xi in found:
            n = xi.n
            affine = np.zeros((n + 1, n + 1))
            affine[:n, :n], affine[:n, n] = xi.matrix, np.ravel(xi.vector)
            x, t = rng.normal(size=n), 0.7
            moved = (scipy.linalg.expm(t * affine) @ [*x, 1])[:n]
            rates = [float(rate) for rate in xi.changes]
            assert np.allclose(costs(*moved), np.add(costs(*x), np.multiply(rates, t)))


def test_functions_that_are_no_polynomials_promise_nothing():
    hidden = zero_sum(sp.sin(a)**2 + sp.cos(a)**2 + b**2 - c**2, (a, b), c)
    assert symmetries(hidden).complete is UNDECIDED     # a is free, and not seen to be
    irrational = zero_sum(a**2 + sp.sqrt(2) * b**2 - c**2, (a, b), c)
    found = symmetries(irrational)
    assert found.dimension == 0 and found.complete is UNDECIDED
    assert symmetries(catalog.figure1()).dimension == 0


def test_a_game_that_is_too_large_says_so(monkeypatch):
    monkeypatch.setattr("gameanalysis.exact.symmetries._MAX_TERMS", 10)
    found = symmetries(catalog.covariance(2))
    assert found.dimension == 0 and found.complete is UNDECIDED
    assert "not searched" in found.reason
    assert critical_identities(catalog.covariance(2)) == ()


def test_identities_vanish_identically():
    game = zero_sum((square(a, b) - 1)**2 + a * c + b * d - square(c, d)**2, (a, b), (c, d))
    f = game.costs[0]
    omega = [f.diff(a), f.diff(b), -f.diff(c), -f.diff(d)]
    found = critical_identities(game)
    assert found
    for eta in found:
        assert sp.expand(sum(v * g for v, g in zip(eta.at((a, b, c, d)), omega))) == 0


@given(st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_elimination_is_that_of_sympy(seed):
    rng = random.Random(seed)
    rows = [[rng.choice([0, 0, 1, -1, 2, Fraction(1, 3)]) for _ in range(5)] for _ in range(4)]
    matrix = sp.Matrix([[sp.Rational(str(v)) for v in row] for row in rows])
    found = Elimination({k: v for k, v in enumerate(row) if v} for row in rows)
    basis = found.null_space(range(5))
    assert found.rank == matrix.rank() and len(basis) == 5 - found.rank
    vectors = sp.Matrix([[sp.Rational(str(v.get(k, 0))) for k in range(5)] for v in basis]
                        ).reshape(len(basis), 5)
    assert not any(matrix * vectors.T) and vectors.rank() == len(basis)
    total = [sum(row[k] for row in rows) for k in range(5)]
    assert not found.reduce({k: v for k, v in enumerate(total) if v})


def test_words_are_the_gradient_of_sympy():
    f = (a - 2 * b)**3 * sp.exp(a * b) / (1 + b**2)**2 + sp.sin(a)**2 + sp.pi * b
    forms = SparseForms((a, b))
    for v, words in zip((a, b), forms.gradient(forms.read(f))):
        assert sp.simplify(forms.expression(words) - f.diff(v)) == 0


# -- classes modulo symmetry: games with hidden symmetries ---------------------------------

# A game in z = (z_1, ..., z_n), critical at 0, and z_i = (3x + 4y)/5 or (x^2 + y^2 - 1)/2
# at (x, y) = (3/5, 4/5) or turned: |dz_i| = |(dx, dy)| across the orbit, so that classes and
# spectra across it are those of the game in z.

def hidden(rng, sizes, opposed, lifts):
    """(costs' Hessians in z, the lifted game, the point), D_y f1 = 0 = D_x f2 at 0."""
    n = sum(sizes)
    hessians = []
    for _ in range(2):
        m = [[rng.randint(-2, 2) for _ in range(n)] for _ in range(n)]
        hessians.append(sp.Matrix(n, n, lambda i, j: m[i][j] + m[j][i]))
    if opposed:
        hessians[1] = -hessians[0]
    # Own Hessians are more often positive than not.
    start = 0
    for p, size in enumerate(sizes):
        for i in range(start, start + size):
            for q in (0, 1):
                hessians[q][i, i] += (3 if p == q else -3 if opposed else 0)
        start += size
    actions, values, point, z = [], [], [], []
    for i in range(n):
        x, y = sp.symbols(f"x{i} y{i}", real=True)
        if lifts[i] == "plain":
            actions.append((x,)), point.append([0]), z.append(x)
        elif lifts[i] == "moved":
            actions.append((x, y)), point.append([4, -3]), z.append((3 * x + 4 * y) / 5)
        else:
            actions.append((x, y)), point.append([R(3, 5), R(4, 5)])
            z.append((x**2 + y**2 - 1) / 2)
        values.append(z[-1])
    vector = sp.Matrix(z)
    cubic = z[0]**3 - z[0] * z[-1]**2
    costs = [(vector.T * h * vector)[0] / 2 + s * cubic
             for h, s in zip(hessians, (1, -1 if opposed else 2))]
    split = sizes[0]
    own = [v for pair in actions[:split] for v in pair], [v for pair in actions[split:]
                                                          for v in pair]
    game = (zero_sum(costs[0], *own) if opposed else two(costs[0], own[0], costs[1], own[1]))
    return hessians, game, [v for pair in point for v in pair]


def facts(hessians, n1):
    """What the game in z is at 0, by the definitions; None where it is borderline."""
    f, g = hessians
    n = f.shape[0]
    lead, rest = slice(0, n1), slice(n1, n)

    def leads(f, g, lead, rest):
        m = g[rest, rest]
        if not m.is_positive_definite:
            return False
        slope = -m.inv() * g[rest, lead]
        across = (f[lead, lead] + f[lead, rest] * slope + slope.T * f[rest, lead]
                  + slope.T * f[rest, rest] * slope)
        return bool(across.is_positive_definite)

    def stable(matrix):
        real = np.linalg.eigvals(np.array(matrix, dtype=float)).real.min()
        return None if abs(real) < 1e-6 else bool(real > 0)
    j = f[lead, :].col_join(g[rest, :])
    out = {"nash": bool(f[lead, lead].is_positive_definite and g[rest, rest].is_positive_definite),
           "leads": (leads(f, g, lead, rest), leads(g, f, rest, lead)),
           "simultaneous": stable(j), "regular": j.det() != 0, "stackelberg": None}
    if g[rest, rest].det() != 0:
        total = f[lead, :] - g[rest, lead].T * g[rest, rest].inv() * f[rest, :]
        out["stackelberg"] = stable(total.col_join(g[rest, :]))
    return out


KINDS = ("plain", "moved", "turned")


@given(st.integers(0, 10**6), st.sampled_from([(1, 1), (2, 1), (1, 2)]), st.booleans(),
       st.lists(st.sampled_from(KINDS), min_size=3, max_size=3))
@example(1, (1, 1), False, ["turned", "moved", "plain"])
@example(2, (1, 1), True, ["plain", "turned", "plain"])
@settings(max_examples=20, deadline=None)
def test_classes_across_are_those_of_the_game_without_symmetry(seed, sizes, opposed, lifts):
    hessians, game, point = hidden(random.Random(seed), sizes, opposed, lifts)
    lifts = lifts[:sum(sizes)]
    expected = facts(hessians, sizes[0])
    dimension = sum(kind != "plain" for kind in lifts)
    exact, = classify(game, [point])
    assert exact.manifold == (dimension or (0 if expected["regular"] else None))
    if not dimension:
        assert exact.modulo_symmetry is None
        return
    rows = [exact]
    if "turned" in lifts:
        turned, place = [], 0
        for kind in lifts:
            turned += (at_angle(1, 0.3 + place) if kind == "turned" else
                       [float(v) for v in point[place:place + (2 if kind == "moved" else 1)]])
            place += 1 if kind == "plain" else 2
        near = located(game, turned)
        if expected["regular"]:
            assert near is not None
            rows.append(near)
    follower_moved = any(kind != "plain" for kind in lifts[sizes[0]:])
    for row in rows:
        found = row.modulo_symmetry
        assert row.certified and found.dimension == dimension
        assert found.explained is Truth.of(expected["regular"])
        assert found.differential_nash is Truth.of(expected["nash"])
        leads = tuple(map(Truth.of, expected["leads"]))
        if row is not exact and not opposed:
            # That D_y f1 = 0 at an irrational point may be open, never wrong.
            leads = tuple(UNDECIDED if found_one is UNDECIDED else one for found_one, one
                          in zip(found.differential_stackelberg_by_leader, leads))
        assert found.differential_stackelberg_by_leader == leads
        if expected["simultaneous"] is not None:
            assert found.stable["simultaneous"] is Truth.of(expected["simultaneous"])
        if follower_moved:          # omega_S is not defined there
            assert found.stable["stackelberg"] is NO
        elif expected["stackelberg"] is not None and leads[0] is not UNDECIDED:
            assert found.stable["stackelberg"] is Truth.of(expected["stackelberg"])
        # Strictly, nothing is definite along the orbit.
        assert row.differential_nash is NO
        assert set(row.differential_stackelberg_by_leader) == {NO} == set(row.stable.values())
        assert row.degenerate is YES and row.hyperbolic is NO


# -- the covariance game ---------------------------------------------------------------------

def covariance_point(m, angle=0.4):
    """A game and floats V, 0 with V V^T = Sigma, V the Cholesky factor turned."""
    game = catalog.covariance(m)
    u = np.linalg.cholesky(sigma_of(game, m))
    turn = scipy.linalg.expm(angle * np.triu(np.ones((m, m)), 1)
                             - angle * np.tril(np.ones((m, m)), -1))
    return game, [*(u @ turn).ravel(), *np.zeros(m * m)]


def sigma_of(game, m):
    """Sigma from the critical system: D_W f2 = V V^T - Sigma + eta W at 0."""
    f = game.valued_costs[0]
    w = game.variables[m * m:]
    zero = dict.fromkeys(game.variables, 0)
    sigma = np.array([float(f.diff(v).subs(zero)) for v in w]).reshape(m, m)
    assert np.allclose(sigma, sigma.T)
    return sigma


@pytest.mark.parametrize("m, turn", [(2, 0.4), (2, 0.0), (3, 0.4)])
def test_the_covariance_game_is_solved_modulo_symmetry(m, turn):
    game, row = covariance_point(m, turn)
    k = m * (m - 1) // 2
    point = located(game, row)
    assert point.certified and point.radius < 1e-14 and np.abs(point.x - row).max() < 1e-7
    assert point.label == f"DSE, not DNE, modulo a symmetry of dimension {k}"
    assert point.manifold == k and point.modulo_symmetry.explained is YES
    assert set(point.modulo_symmetry.stable.values()) == {YES}
    values = np.linalg.eigvals(jacobian_by_hand(point.x, m))
    assert (np.abs(values) < 1e-7).sum() == k and (values.real > 1e-3).sum() == 2 * m * m - k
    assert point.inertia["J"] == (2 * m * m - k, 0, k) == point.inertia["J_S"]
    assert point.inertia["total Hessian"] == (m * m - k, 0, k)
    assert point.inertia["D11 f1"] == (0, 0, m * m)     # W = 0 is exact


def jacobian_by_hand(x, m):
    """J of omega = (-(W + W^T) V, V V^T - Sigma + W/2) by differences of exact bilinear maps."""
    v, w = np.reshape(x, (2, m, m))
    columns = []
    for unit in np.eye(2 * m * m):
        dv, dw = unit.reshape(2, m, m)
        columns.append(np.concatenate([
            (-(dw + dw.T) @ v - (w + w.T) @ dv).ravel(),
            (dv @ v.T + v @ dv.T + dw / 2).ravel()]))
    return np.array(columns).T


def test_the_covariance_game_at_a_rational_point_for_both_fields():
    v = sp.Matrix([[2, 1], [R(-1, 2), 3]])
    game = catalog.covariance(2, sigma=v * v.T)
    for of in ("simultaneous", "stackelberg"):
        point, = classify(game, [[*v, 0, 0, 0, 0]], of)
        assert point.exact == (*v, 0, 0, 0, 0)
        assert point.label == "DSE, not DNE, modulo a symmetry of dimension 1"
    near = located(*covariance_point(2), "stackelberg")
    assert near.label == point.label and near.of == "stackelberg"
    assert near.modulo_symmetry.stable == {"simultaneous": YES, "stackelberg": YES}


def test_a_point_on_an_orbit_is_critical_to_many_digits():
    game, row = covariance_point(2)
    problem = Problem(game, "simultaneous")
    place = locate_on_orbit(problem, row)
    omega = sp.Matrix([game.valued_costs[k].diff(v) for k in (0, 1)
                       for v in game.variables[4 * k:4 * k + 4]])
    ends = place.enclosure(60)
    with mp.workdps(80):
        middle = {v: sp.Rational(((low + high) / 2).numerator, ((low + high) / 2).denominator)
                  for v, (low, high) in zip(game.variables, ends)}
        assert max(abs(sp.N(g.subs(middle), 70)) for g in omega) < sp.Float("1e-55")
    assert all(high - low < Fraction(1, 10**58) for low, high in ends)
    assert place.exact is None


# -- single games, each for its cause -----------------------------------------------------------

def test_both_players_turned_at_once():
    f = (square(a, b) - 3)**2 / 4 + (square(c, d) - 1) * (a * c + b * d) - (square(c, d) - 1)**2
    game = zero_sum(f, (a, b), (c, d))
    assert symmetries(game).dimension == 1
    # On the axis b = d = 0 the orbit's point solves the game in (a, c), by Newton in SymPy.
    plane = f.subs({b: 0, d: 0})
    root = sp.nsolve([plane.diff(a), plane.diff(c)], (a, c), (1.8, 0.3), prec=30)
    r, s = map(float, root)
    for turn in (0.0, 0.7):
        point = located(game, [*at_angle(r, turn), *at_angle(s, turn)])
        assert point.certified and point.manifold == 1
        assert point.label == "saddle, modulo a symmetry of dimension 1"
        assert abs(np.hypot(*point.x[:2]) - r) < 1e-14


def test_translation_of_all_players():
    point, = classify(catalog.tandem(), [(R(1, 3), R(2, 3))])
    assert point.label == "DNE, not DSE, modulo a symmetry of dimension 1"
    assert point.differential_nash is YES           # literally, though not isolated
    assert located(catalog.tandem(), [0.1, 0.9]).label == point.label
    pulls = [(a - c)**2 + (a - e)**2, (c - a)**2 + (c - e)**2, (e - a)**2 + (e - c)**2]
    game = Game(*map(Player, pulls, (a, c, e)))
    point, = classify(game, [(1, 1, 1)])
    assert point.label == "DNE and DSE, modulo a symmetry of dimension 1"
    assert point.modulo_symmetry.differential_stackelberg_by_leader == (YES,) * 3
    assert point.inertia["J"] == (2, 0, 1)


def test_general_sum_off_the_axes_needs_an_identity():
    game = two((square(a, b) - 3)**2 / 4 + a * c + b * d, (a, b),
               square(c, d) - 2 * a * c - 2 * b * d, (c, d))
    for turn in (0.0, 0.3):         # y = x and |x|^2 = 2
        row = [*at_angle(2**0.5, turn)] * 2
        point = located(game, row)
        assert point.label == \
            "stable (simultaneous), not DNE, not DSE, modulo a symmetry of dimension 1"
        assert located(game, row, "stackelberg") is None        # D_y f1 = x is not zero
    # F(x) = (|x|^2 - 4)^2/4 + |x|^2 is least on |x|^2 = 2.
    game = two((square(a, b) - 4)**2 / 4 + a * c + b * d, (a, b),
               square(c, d) - 2 * a * c - 2 * b * d, (c, d))
    for turn in (0.0, 0.3):
        point = located(game, [*at_angle(2**0.5, turn)] * 2, "stackelberg")
        assert point.label == "DSE, not DNE, modulo a symmetry of dimension 1"
        assert point.stable["simultaneous"] is NO and point.modulo_symmetry.stable == {
            "simultaneous": NO, "stackelberg": YES}


def test_an_orbit_that_turns_is_not_critical():
    # omega_1 has the tangential part (x_2, -x_1) wherever y = x.
    game = two((square(a, b) - 1)**2 / 4 + a * d - b * c, (a, b),
               square(c, d) / 2 - a * c - b * d, (c, d))
    assert symmetries(game).dimension == 1
    row = [1.0, 0.0, 1.0, 0.0]
    assert located(game, row) is None
    # Three of the four equations hold on the orbit, and no identity gives the fourth.
    slices = _Slices(Problem(game, "simultaneous"), "simultaneous", np.array(row))
    assert slices.search(0.1) is None


def test_orbits_of_lower_dimension_than_the_group():
    game = zero_sum((square(a, b, c) - 3)**2 - d**2, (a, b, c), d)
    assert symmetries(game).dimension == 3
    root = (3 - 1.2**2 - 0.9**2)**0.5
    for point in (classify(game, [(1, 1, 1, 0)])[0], located(game, [1.2, 0.9, root, 0])):
        assert point.label == "DNE and DSE, modulo a symmetry of dimension 2"
        assert point.inertia["D11 f1"] == (1, 0, 2)
    fixed, = classify(game, [(0, 0, 0, 0)])         # a point that the group leaves alone
    assert fixed.manifold == 0 and fixed.modulo_symmetry is None


def test_a_degeneracy_that_is_no_symmetry():
    point, = classify(zero_sum(a**4 - c**2, a, c), [(0, 0)])
    assert point.manifold is None and point.modulo_symmetry is None
    assert point.label == "degenerate, non-hyperbolic"
    # b is free, a is not explained by it.
    point, = classify(zero_sum(a**4 - c**2, (a, b), c), [(0, 1, 0)])
    assert point.manifold == 1 and point.modulo_symmetry.explained is NO
    assert point.label == "degenerate, non-hyperbolic, modulo a symmetry of dimension 1"
    assert "does not explain" in point.notes[-1]


def test_every_point_of_a_game_without_content_is_an_equilibrium():
    point, = classify(two(sp.Integer(0), a, sp.Integer(0), (c, d)), [(0, 1, 2)])
    assert point.manifold == 3 and point.modulo_symmetry.explained is YES
    assert point.label == "DNE and DSE, modulo a symmetry of dimension 3"


def test_translations_on_a_circle():
    # Both sit opposite: a - c = pi, an irrational distance.
    game = two(sp.cos(a - c), a, sp.cos(a - c), c)
    point = located(game, [3.5, 3.5 - np.pi])
    assert point.label == "DNE and DSE, modulo a symmetry of dimension 1"
    assert abs(point.x[0] - point.x[1] - np.pi) < 1e-14 and point.inertia["J"] == (1, 0, 1)


def test_zero_eigenvalues_with_a_jordan_block():
    # f = u sin(u), u = a - c: J = [[2, -2], [2, -2]] is nilpotent, its kernel the orbit.
    point, = classify(zero_sum(sp.sin(a - c) * (a - c), a, c), [(1, 1)])
    assert point.manifold == 1 and point.modulo_symmetry.explained is NO
    assert point.modulo_symmetry.stable["simultaneous"] is NO
    # Led by player 2, the answer of 1 is a = c, and f is 0 along it.
    assert point.modulo_symmetry.differential_stackelberg_by_leader == (NO, YES)


def test_a_free_follower_for_whom_the_leader_cares_is_no_equilibrium_that_is_proved():
    point, = classify(two(a**2 + c, a, a**2, c), [(0, 3)])
    found = point.modulo_symmetry
    assert found.differential_stackelberg is UNDECIDED and found.differential_nash is YES
    assert point.label == "undecided, modulo a symmetry of dimension 1"
    # Without that interest every answer is as good: the leader minimises a^2.
    point, = classify(two(a**2, a, a**2, c), [(0, 3)])
    assert point.label == "DNE and DSE, modulo a symmetry of dimension 1"


def test_a_coordinate_close_to_a_simple_number_is_not_taken_for_it():
    near = R(1, 2) + R(1, 10**12)
    game = zero_sum((square(a, b) - 2)**2 + (c - near)**2 - e**2, (a, b, c), e)
    problem = Problem(game, "simultaneous")
    place = locate_on_orbit(problem, [*at_angle(2**0.5, 1.0), 0.5, 0.0])
    low, high = place.enclosure(30)[2]
    assert low <= Fraction(10**12 + 2, 2 * 10**12) <= high and low > Fraction(1, 2)
    assert problem.classifier.classify(place).label == \
        "DNE and DSE, modulo a symmetry of dimension 1"


def test_rows_without_an_orbit_have_no_location():
    assert located(catalog.figure1(), [0.1, 0.1]) is None
    game, row = covariance_point(2)
    assert located(game, [v + 1 for v in row]) is None          # too far from any
    assert located(game, [float("nan")] * 8) is None
    assert located(game, [0.0] * 8) is None                     # the group leaves it alone


# -- what is shown ------------------------------------------------------------------------------

def test_manifolds_are_shown_and_survive_a_pickle():
    game = catalog.tandem()
    point, = classify(game, [(R(1, 3), R(2, 3))])
    again = pickle.loads(pickle.dumps(point))
    assert again.to_dict() == point.to_dict() and again.label == point.label
    plain = json.loads(json.dumps(point.to_dict(), allow_nan=False))
    assert plain["manifold"] == 1 and plain["modulo_symmetry"]["differential_nash"] == "yes"
    shown = str(Analysis(game, "simultaneous", None, (point,), (), "by hand"))
    assert "DNE, not DSE, modulo a symmetry of dimension 1" in shown
    assert "a manifold of critical points of dimension 1 here" in shown
    with pytest.raises(TypeError):
        point.modulo_symmetry.stable["simultaneous"] = NO


def test_symmetries_are_shown():
    found = symmetries(catalog.covariance(2))
    assert str(found).splitlines()[0] == \
        "covariance: Lie algebra of affine symmetries of dimension 1 (complete)"
    assert [xi.changes for xi in found] == [(0, 0)] and found[0] in list(found)
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    matrix = np.array(plain["generators"][0]["matrix"])
    assert (matrix == -matrix.T).all() and np.abs(matrix).sum() == 4


def test_what_is_no_game_has_no_symmetries():
    x, y = sp.symbols("x y", real=True)
    with pytest.raises(GameError, match="expected a Game"):
        symmetries(Hierarchy(zero_sum(x*y - y**2, x, y), [0, 1]))
