r"""Products with second derivatives, sparse Jacobians, and how followers' systems are solved.

Oracles: hand-written matrix formulas of the covariance game, exact derivatives by SymPy, and
dense formulas where operators are asked about.
"""

import pickle
import tracemalloc

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import gameanalysis as ga
from gameanalysis import catalog
from gameanalysis.declaration.game import Game, Player, zero_sum
from gameanalysis.dynamics import simultaneous_gradient, stackelberg_gradient
from gameanalysis.errors import GameError, ShapeError
from gameanalysis.programs import numerical, responses
from gameanalysis.compilation.compiled import compile_field, compile_game
from gameanalysis.programs.solves import SolveStatus

x, y = sp.symbols("x y", real=True)

#: Sums of these monomials are the costs of random games.
MONOMIALS = st.tuples(st.integers(-3, 3), st.lists(st.integers(0, 9), min_size=1, max_size=4))


def polynomial(variables, terms):
    return sp.Add(*(sp.Rational(c, 2) * sp.Mul(*(variables[k % len(variables)] for k in which))
                    for c, which in terms))


@st.composite
def games(draw, single=False):
    """Polynomial games, each follower's Hessian definite near the origin."""
    sizes = [draw(st.integers(1, 3))]
    sizes += [draw(st.integers(1, 5)) for _ in range(1 if single else draw(st.integers(1, 3)))]
    names = sp.symbols(f"v0:{sum(sizes)}", real=True)
    players, start = [], 0
    for size in sizes:
        own = names[start:start + size]
        cost = polynomial(names, draw(st.lists(MONOMIALS, max_size=6)))
        players.append(Player(cost + 6*sum(v**2 for v in own) + sp.cos(own[0]), own))
        start += size
    return Game(*players)


def some_points(n, count=3, size=0.4, seed=1):
    return np.random.default_rng(seed).uniform(-size, size, (count, n))


# -- products -------------------------------------------------------------------

@settings(deadline=None, max_examples=20)
@given(games())
def test_products_agree_with_dense_matrices(game):
    compiled, n = compile_game(game), len(game.variables)
    at, p = some_points(n), some_points(n, seed=2)
    m = n - game.sizes[0]
    jacobian = compiled.jacobian(at)

    def times(matrices, vectors):
        return (matrices @ vectors[..., None])[..., 0]
    for found, matrices, vectors in [
            (compiled.jacobian_product(at, p), jacobian, p),
            (compiled.jacobian_transposed_product(at, p), np.swapaxes(jacobian, 1, 2), p),
            (compiled.follower_hessian_product(at, p[:, :m]), jacobian[:, -m:, -m:], p[:, :m]),
            (compiled.stackelberg_jacobian_product(at, p), compiled.stackelberg_jacobian(at), p)]:
        np.testing.assert_allclose(found, times(matrices, vectors), rtol=1e-10, atol=1e-10)
    # One point and many vectors, many points and one vector.
    np.testing.assert_allclose(compiled.stackelberg_jacobian_product(at[0], p),
                               p @ compiled.stackelberg_jacobian(at[0]).T, atol=1e-10)
    np.testing.assert_allclose(compiled.jacobian_product(at, p[0]), jacobian @ p[0], atol=1e-10)
    sparse = compiled.sparse_jacobian(at[0])
    assert sparse.nnz == compiled.jacobian_pattern.nnz
    np.testing.assert_allclose(sparse.toarray(), jacobian[0], rtol=1e-13, atol=1e-13)
    assert not jacobian[:, ~compiled.jacobian_pattern.toarray()].any()


def test_products_are_the_derivatives_that_sympy_takes():
    v = sp.symbols("v0:5", real=True)
    game = Game(Player(sp.exp(v[0]*v[2]) + v[1]**2*v[3] + v[4]*v[0], v[:2]),
                Player(v[2]**2*(2 + v[0]) + sp.sin(v[3]*v[1]) + 3*v[3]**2 + v[2]*v[3]*v[4],
                       v[2:4]),
                Player(v[4]**2 + v[4]*v[2]*v[0], v[4]))
    point, p = some_points(5)[0], some_points(5, seed=2)[0]
    omega = [game.costs[k].diff(t) for k, t in zip((0, 0, 1, 1, 2), v)]
    jacobian = sp.Matrix(omega).jacobian(v)
    total = [sp.Matrix([game.costs[0]]).jacobian(v[:2]).T
             - jacobian[2:, :2].T * jacobian[2:, 2:].T.LUsolve(
                 sp.Matrix([game.costs[0].diff(t) for t in v[2:]])), sp.Matrix(omega[2:])]
    stackelberg = sp.Matrix.vstack(*total).jacobian(v)
    exact = {symbol: sp.Rational(value) for symbol, value in zip(v, point)}

    def at(matrix):
        return np.array(matrix.subs(exact).evalf(30).tolist(), dtype=float)
    compiled = compile_game(game)
    np.testing.assert_allclose(compiled.jacobian_product(point, p), at(jacobian) @ p, rtol=1e-12)
    np.testing.assert_allclose(compiled.jacobian_transposed_product(point, p),
                               at(jacobian).T @ p, rtol=1e-12)
    np.testing.assert_allclose(compiled.follower_hessian_product(point, p[2:]),
                               at(jacobian)[2:, 2:] @ p[2:], rtol=1e-12)
    np.testing.assert_allclose(compiled.stackelberg_jacobian_product(point, p),
                               at(stackelberg) @ p, rtol=1e-11)


def by_hand(m, sigma, eta, point, p):
    """omega_S and J_S p of the covariance game, as matrix formulas."""
    V, W, dV, dW = (part.reshape(m, m) for part in (*np.split(point, 2), *np.split(p, 2)))
    v, dv = (sigma - V @ V.T) / eta, -(dV @ V.T + V @ dV.T) / eta
    S, dS = W + W.T + v + v.T, dW + dW.T + dv + dv.T
    value = np.concatenate([(-S @ V).ravel(), (V @ V.T - sigma + eta * W).ravel()])
    slope = np.concatenate([(-dS @ V - S @ dV).ravel(),
                            (dV @ V.T + V @ dV.T + eta * dW).ravel()])
    return value, slope


@pytest.mark.parametrize("m", [2, 3, 5])
@pytest.mark.parametrize("solver", ["auto", "direct", "cg"])
def test_all_routes_agree_on_the_covariance_game(m, solver):
    half = np.random.default_rng(m).integers(-4, 5, (m, m)) / 4
    sigma = half @ half.T + np.eye(m)
    game = catalog.covariance(m, sigma=sp.Matrix(m, m, [sp.Rational(v) for v in sigma.ravel()]))
    compiled = compile_game(game, solver=solver)
    at, p = some_points(2*m*m, 2, 1.0), some_points(2*m*m, 2, 1.0, seed=2)
    for point, vector in zip(at, p):
        value, slope = by_hand(m, sigma, 0.5, point, vector)
        np.testing.assert_allclose(compiled.stackelberg_gradient(point), value, atol=1e-10)
        np.testing.assert_allclose(compiled.stackelberg_jacobian_product(point, vector), slope,
                                   atol=1e-10)
        if m < 5 or solver != "cg":
            np.testing.assert_allclose(compiled.stackelberg_jacobian(point) @ vector, slope,
                                       atol=1e-10)
    assert compiled.solver.method == ("program" if solver == "auto" else solver)
    if solver == "auto":
        field = compile_field(stackelberg_gradient(game))
        np.testing.assert_allclose(np.array(field.value_program(*at[0])),
                                   by_hand(m, sigma, 0.5, at[0], p[0])[0], atol=1e-10)
        sparse = compiled.sparse_stackelberg_jacobian(at[0])
        np.testing.assert_allclose(sparse @ p[0], by_hand(m, sigma, 0.5, at[0], p[0])[1],
                                   atol=1e-10)
    else:
        # M = I/2, so that every curvature is 1/2.
        assert compiled.solver.curvature == pytest.approx(0.5, rel=1e-12)
        assert compiled.solver.residual <= 1e-10


@settings(deadline=None, max_examples=10)
@given(games(single=True), st.sampled_from(["direct", "sparse", "cg", "minres", "gmres"]))
def test_every_solver_gives_the_same_functions(game, solver):
    one, other = compile_game(game), compile_game(game, solver=solver)
    at = some_points(len(game.variables), 2)
    for name in ("stackelberg_gradient", "stackelberg_jacobian", "schur_complement",
                 "implicit_derivative"):
        np.testing.assert_allclose(getattr(other, name)(at), getattr(one, name)(at),
                                   rtol=1e-8, atol=1e-8)
    assert other.solver.method == solver and other.solver.residual <= 1e-10
    assert other.solver.unsolved == 0


def test_several_followers_whose_matrix_is_not_symmetric():
    v = sp.symbols("v0:5", real=True)
    game = Game(Player(x**2 + x*v[0] + v[1]*v[4]**2, x),
                *(Player(v[k]**2 + (k + 1)*v[k]*v[(k + 1) % 5]/4 + v[k]**3*x, v[k])
                  for k in range(5)))
    point, tau = some_points(6)[0], sp.Rational(3)
    expected = compile_game(game)
    assert expected.solver.method == "direct"
    for solver in ("sparse", "gmres"):
        found = compile_game(game, solver=solver)
        for name in ("stackelberg_gradient", "stackelberg_jacobian", "schur_complement"):
            np.testing.assert_allclose(getattr(found, name)(point),
                                       getattr(expected, name)(point), rtol=1e-9, atol=1e-9)
    for solver in ("cg", "minres"):
        with pytest.raises(ValueError, match="several followers"):
            compile_game(game, solver=solver).stackelberg_gradient(point)
    field = compile_field(stackelberg_gradient(game, tau=tau, eta=2), solver="gmres")
    np.testing.assert_allclose(
        field.jacobian(point),
        compile_field(stackelberg_gradient(game, tau=tau, eta=2)).jacobian(point), atol=1e-9)


# -- the choice -----------------------------------------------------------------

def coupled(m, scale=1):
    """One follower with a chain of m actions: D22 f2 is tridiagonal, scale * (2, 1)."""
    v = sp.symbols(f"v0:{m}", real=True)
    g = scale*sum(w**2 for w in v) + scale*sum(a*b for a, b in zip(v, v[1:])) - x*v[0]
    return Game(Player(x**2 + x*v[-1] + v[0]**2, x), Player(g, v))


def test_the_choice_is_by_pattern_and_stated(monkeypatch):
    # Blocks of at most three: formulas, so that rules and proofs work too.
    v = sp.symbols("v0:6", real=True)
    split = Game(Player(x**2 + x*sum(v), x),
                 Player(sum(w**2 for w in v) + v[0]*v[3] + v[3]*v[5]*x + v[1]*v[2], v))
    assert compile_game(split).solver.method == "program"
    assert "3 diagonal blocks of at most 3" in repr(compile_game(split).solver)
    field = compile_field(stackelberg_gradient(split))
    assert field.value_program is not None and field.jacobian_program is not None
    assert compile_field(simultaneous_gradient(split)).solver is None
    direct = compile_game(split, solver="direct")
    at = some_points(7)
    np.testing.assert_allclose(direct.stackelberg_jacobian(at),
                               compile_game(split).stackelberg_jacobian(at), atol=1e-12)
    assert compile_game(coupled(4)).solver.method == "direct"
    monkeypatch.setattr(numerical, "_LAPACK", 20)
    game = coupled(40)
    compiled = compile_game(game)
    assert compiled.solver.method == "sparse" and "SuperLU" in repr(compiled.solver)
    value = compiled.stackelberg_gradient(np.ones(41))
    assert "last call: 1 system, 0 without a solution" in repr(compiled.solver)
    assert compiled.solver.residual < 1e-14
    monkeypatch.setattr(numerical, "_ENTRIES", 50)
    compiled = compile_game(game)
    assert compiled.solver.method == "cg" and "products" in repr(compiled.solver)
    np.testing.assert_allclose(compiled.stackelberg_gradient(np.ones(41)), value, rtol=1e-9)
    # The least eigenvalue of the chain is 2 - 2 cos(pi / 41).
    assert 2 - 2*np.cos(np.pi/41) <= compiled.solver.curvature * (1 + 1e-12)
    assert compiled.solver.to_dict()["method"] == "cg"


def test_conjugate_gradients_on_an_indefinite_follower_give_no_garbage(monkeypatch):
    # D22 f2 = diag(2, ..., 2, -2) and neighbours: regular, not definite.
    v = sp.symbols("v0:80", real=True)
    g = sum(w**2 for w in v[:-1]) - v[-1]**2 + sum(a*b/4 for a, b in zip(v, v[1:])) - x*v[0]
    game = Game(Player(x**2 + x*sum(v) + v[0]**2, x), Player(g, v))
    point = np.linspace(-1, 1, 81)
    expected = compile_game(game, solver="direct").stackelberg_gradient(point)
    asked = compile_game(game, solver="cg")
    assert np.isnan(asked.stackelberg_gradient(point)[0])
    assert asked.solver.unsolved == 1 and asked.solver.curvature <= 0
    assert SolveStatus.INDEFINITE.value in repr(asked.solver)
    for solver in ("minres", "auto"):
        monkeypatch.setattr(numerical, "_ENTRIES", 0)
        found = compile_game(game, solver=solver)
        np.testing.assert_allclose(found.stackelberg_gradient(point), expected, rtol=1e-8)
        assert found.solver.unsolved == 0 and found.solver.curvature < 0


def test_an_override_is_kept_by_pickles_and_checked():
    game = coupled(4)
    for solver in numerical.SOLVERS:
        for made in (compile_game(game, solver=solver),
                     compile_field(stackelberg_gradient(game), solver=solver)):
            again = pickle.loads(pickle.dumps(made))
            assert again.solver.method == made.solver.method
            assert again.solver.is_chosen == (solver == "auto")
    for make in (lambda: compile_game(game, solver="lu"),
                 lambda: compile_field(simultaneous_gradient(game), solver="lu")):
        with pytest.raises(ValueError, match="solver must be one of auto, direct"):
            make()
    with pytest.raises(ShapeError, match="one point"):
        compile_game(game).sparse_jacobian(np.zeros((2, 5)))
    with pytest.raises(GameError, match="stackelberg_jacobian_product"):
        compile_game(game).sparse_stackelberg_jacobian(np.zeros(5))


# -- singular systems -------------------------------------------------------------

def fragile(m=4):
    """D22 f2 = x (tridiagonal): singular exactly where x = 0."""
    v = sp.symbols(f"v0:{m}", real=True)
    g = x*(sum(w**2 for w in v) + sum(a*b for a, b in zip(v, v[1:]))) + sum(v)
    return Game(Player(x**2 + x*v[0] + sum(w**2 for w in v), x), Player(g, v))


@pytest.mark.parametrize("solver", ["auto", "direct", "sparse", "cg", "minres", "gmres"])
def test_a_singular_member_of_a_batch_is_nan_and_leaves_the_others_alone(solver):
    compiled = compile_game(fragile(), solver=solver)
    at = some_points(5, 4)
    at[:, 0] = 1, 0, -0.5 if solver != "cg" else 0.5, 2
    for name in ("stackelberg_gradient", "stackelberg_jacobian", "schur_complement",
                 "implicit_derivative"):
        function = getattr(compiled, name)
        values = function(at).reshape(4, -1)
        assert np.isnan(values[1]).any() and np.isfinite(values[[0, 2, 3]]).all(), name
        for k in (0, 2, 3):
            np.testing.assert_allclose(values[k], function(at[k]).ravel(), rtol=1e-10, atol=1e-10)
    compiled.stackelberg_gradient(at)
    assert compiled.solver.unsolved == 1 and compiled.solver.residual <= 1e-10
    product = compiled.stackelberg_jacobian_product(at, at)
    assert np.isnan(product[1]).any() and np.isfinite(product[[0, 2, 3]]).all()


@pytest.mark.parametrize("solver", ["direct", "sparse"])
def test_the_guard_changes_sign_with_the_determinant(solver):
    rng = np.random.default_rng(8)
    v = sp.symbols("v0:5", real=True)
    root = rng.integers(-3, 4, (5, 5))
    g = sum(int((root + root.T)[i, j])*v[i]*v[j] for i in range(5) for j in range(5))/2
    game = Game(Player(x**2 + x*v[0], x), Player(g + x*sum(w**2 for w in v)/2, v))
    field = compile_field(stackelberg_gradient(game), solver=solver)
    xs = np.linspace(-15, 15, 31) + 0.01
    at = np.concatenate([xs[:, None], np.ones((31, 5))], axis=1)
    guard = field.columns(at.T)[-1]
    exact = np.array([np.linalg.det(root + root.T + t*np.eye(5)) for t in xs])
    np.testing.assert_allclose(guard, np.sign(exact)*np.abs(exact)**(4/5), rtol=1e-9)
    assert len(set(np.sign(guard))) == 2
    nowhere = compile_field(stackelberg_gradient(fragile()), solver=solver)
    # det tridiag(1, 2, 1) = 5 for four actions.
    at = np.array([[0.0, 1, 1, 1, 1], [2.0, 1, 1, 1, 1]])
    assert nowhere.columns(at.T)[-1] == pytest.approx([0, 2**4 * 5])


def test_without_the_entries_of_the_matrix_there_is_no_guard():
    field = compile_field(stackelberg_gradient(fragile()), solver="cg")
    at = np.array([[1.0, 1, 1, 1, 1]])
    assert not field.is_guarded and field.columns(at.T).shape == (5, 1)
    np.testing.assert_allclose(field.columns(at.T)[:, 0], field.value(at[0]), rtol=1e-12)


def test_the_guard_of_many_blocks_keeps_its_sign_and_does_not_underflow():
    v = sp.symbols("v0:150", real=True)
    game = Game(Player(x**2 + x*v[0], x),
                Player(sum((x + k)*w**2/20000 for k, w in enumerate(v)) + sum(v), v))
    field = compile_field(stackelberg_gradient(game))
    assert field.is_guarded and field.value_program is not None
    at = np.zeros((3, 151))
    at[:, 0] = 0.5, -0.5, -1.5
    guard = field.columns(at.T)[-1]
    # The determinant, prod (x + k) / 10^4, is about 10^-340: out of range.
    assert (np.sign(guard) == [1, -1, 1]).all() and np.isfinite(guard).all()
    at[:, 0] = 1e-3, 0, -1e-3
    near = field.columns(at.T)[-1]
    assert near[0] > 0 > near[2] and near[1] == 0 and abs(near[0]) < guard[0]


# -- large and sparse ---------------------------------------------------------------

def chain(n):
    """Neighbours on a line: the leader at even places, the follower at odd ones."""
    v = sp.symbols(f"v0:{n}", real=True)
    links = sp.Add(*(a*b for a, b in zip(v, v[1:])))
    f = links + sp.Add(*(w**2 + w**4/4 for w in v[::2])) + sp.Add(*(w**2/8 for w in v[1::2]))
    g = -links/2 + sp.Add(*(w**2 + w**4/4 for w in v[1::2]))
    return Game(Player(f, v[::2]), Player(g, v[1::2]))


def chain_by_hand(n, point):
    """omega, omega_S, and M's diagonal, in the order of the chain."""
    left, right = np.r_[0, point[:-1]], np.r_[point[1:], 0]
    even = np.arange(n) % 2 == 0
    omega = np.where(even, left + right + 2*point + point**3,
                     -(left + right)/2 + 2*point + point**3)
    curvature = 2 + 3*point**2
    v = np.where(even, 0, (left + right + point/4) / curvature)
    # C = -1/2 at neighbours, so that omega_{S,1} = D_1 f1 - C^T v.
    total = omega + np.where(even, (np.r_[0, v[:-1]] + np.r_[v[1:], 0])/2, 0)
    return omega, total


def test_a_large_sparse_game_takes_no_dense_matrix():
    n = 1000
    game = chain(n)
    compiled = compile_game(game)
    order = np.r_[0:n:2, 1:n:2]                     # variables: the leader's, then the follower's
    line = some_points(n)[0]
    direction = some_points(n, seed=2)[0]
    point, p = line[order], direction[order]
    omega, total = chain_by_hand(n, line)
    np.testing.assert_allclose(compiled.gradient(point), omega[order], atol=1e-12)
    np.testing.assert_allclose(compiled.stackelberg_gradient(point), total[order], atol=1e-12)
    assert compiled.solver.method == "program"
    sparse = compiled.sparse_jacobian(point)
    assert sparse.nnz == n + 2*(n - 1)              # a tridiagonal matrix, permuted
    slope = compiled.jacobian_product(point, p)
    np.testing.assert_allclose(sparse @ p, slope, atol=1e-12)
    np.testing.assert_allclose(sparse.T @ p, compiled.jacobian_transposed_product(point, p),
                               atol=1e-12)
    step = 1e-5
    ends = [chain_by_hand(n, line + s*step*direction) for s in (1, -1)]
    for found, k in ((slope, 0), (compiled.stackelberg_jacobian_product(point, p), 1)):
        np.testing.assert_allclose(found, ((ends[0][k] - ends[1][k])/(2*step))[order], atol=1e-8)
    full = compiled.sparse_stackelberg_jacobian(point)
    # Each leader's action meets two more of each kind: all within two places of the line.
    assert np.abs(np.subtract(*(order[k] for k in full.nonzero()))).max() == 2
    np.testing.assert_allclose(full @ p, compiled.stackelberg_jacobian_product(point, p),
                               atol=1e-12)
    # No dense list of nodes was made, and no call allocates an eighth of a matrix.
    assert not {"jacobian", "f1_hessian", "h_hessian"} & vars(compiled._blocks).keys()
    tracemalloc.start()
    try:
        compiled.stackelberg_gradient(point)
        compiled.stackelberg_jacobian_product(point, p)
        compiled.jacobian_product(point, p)
        compiled.sparse_jacobian(point)
        assert tracemalloc.get_traced_memory()[1] < n*n
    finally:
        tracemalloc.stop()
    # Updates and flows go through the same programs.
    found = ga.iterate(stackelberg_gradient(game), point, 5, step_size=0.05)
    for _ in range(5):
        line = line - 0.05*chain_by_hand(n, line)[1]
    np.testing.assert_allclose(found.last, line[order], atol=1e-12)


def test_a_flow_with_a_solver_that_was_asked_for():
    game = coupled(6)
    start = np.linspace(-1, 1, 7)
    expected = ga.flow(stackelberg_gradient(game), start, (0, 1), rtol=1e-9).last
    for solver in ("sparse", "cg"):
        field = compile_field(stackelberg_gradient(game), solver=solver)
        np.testing.assert_allclose(ga.flow(field, start, (0, 1), rtol=1e-9).last, expected,
                                   atol=1e-7)
        np.testing.assert_allclose(ga.iterate(field, start, 5, step_size=0.1).last,
                                   ga.iterate(stackelberg_gradient(game), start, 5,
                                              step_size=0.1).last, atol=1e-9)


def test_long_formulas_go_through_arrays_and_agree(monkeypatch):
    game = catalog.covariance(3)
    at = some_points(18, 2, 1.0)
    short = compile_game(game)
    expected = [getattr(short, name)(at) for name in
                ("stackelberg_jacobian", "schur_complement", "implicit_derivative")]
    monkeypatch.setattr(responses, "_PRODUCTS", 0)
    monkeypatch.setattr(responses, "_DERIVATIVES", 0)
    arrays = compile_game(game)
    for name, values in zip(("stackelberg_jacobian", "schur_complement", "implicit_derivative"),
                            expected):
        np.testing.assert_allclose(getattr(arrays, name)(at), values, rtol=1e-12, atol=1e-12)
    assert arrays.solver.method == "program" and arrays.solver.residual is None


def test_a_follower_without_any_second_derivative_is_refused():
    v = sp.symbols("v0:4", real=True)
    bilinear = zero_sum(x*sum(v), x, v)
    for solver in ("auto", "direct", "sparse"):
        with pytest.raises(GameError, match="singular everywhere"):
            compile_game(bilinear, solver=solver).stackelberg_gradient(np.ones(5))
