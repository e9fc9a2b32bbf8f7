"""Matrix declarations against the same games written out entry by entry.

The oracle is the scalar route: matrices of symbols in place of MatrixSymbols, multiplied out by
SymPy, compiled by `compile_game`, which shares neither graph nor derivatives with the matrix
route; and beside it difference quotients, NumPy, and formulas by hand.
"""

import functools
import pickle

import numpy as np
import pytest
import sympy as sp
from sympy import Determinant, HadamardProduct, Identity, MatrixSymbol, Trace
from sympy.matrices.expressions.matexpr import MatrixElement

from gameanalysis.declaration.game import Game, Player
from gameanalysis.errors import GameError, ShapeError, UnsupportedFunction
from gameanalysis.matrix_programs import matrix_compiled
from gameanalysis.compilation.compiled import compile_game
from gameanalysis.matrix_programs.matrix_compiled import CompiledMatrixGame, matrix_field
from gameanalysis.matrix_programs.matrix_derivatives import directional, gradient
from gameanalysis.matrix_programs.matrix_graph import MatrixGraph
from gameanalysis.matrix_programs.matrix_lowering import lower
from gameanalysis.matrix_programs.matrix_nodes import DUMMY
from gameanalysis.matrix_programs.matrix_printing import MatrixProgram
from gameanalysis.matrix_programs.matrix_reading import MatrixReader
from gameanalysis.programs.solves import SolveStatus

METHODS = ("costs", "gradient", "jacobian", "stackelberg_gradient", "stackelberg_jacobian",
           "schur_complement", "implicit_derivative")


# The scalar route

def explicit(e, values):
    """A matrix expression with explicit matrices in the place of its symbols."""
    if e in values:
        return values[e]
    parts = [explicit(a, values) for a in e.args]
    kind = type(e).__name__
    if kind == "Identity":
        return sp.eye(int(e.shape[0]))
    if kind in ("MatAdd", "MatMul"):
        return functools.reduce((lambda a, b: a + b) if kind == "MatAdd" else
                                (lambda a, b: a * b), parts)
    if kind == "Transpose":
        return parts[0].T
    if kind == "Inverse":
        return parts[0].adjugate() / parts[0].det(method="berkowitz")
    if kind == "MatPow":
        return parts[0] ** parts[1]
    if kind == "HadamardProduct":
        return functools.reduce(lambda a, b: a.multiply_elementwise(b), parts)
    if kind == "HadamardPower":
        return parts[0].applyfunc(lambda entry: entry ** parts[1])
    if kind == "Trace":
        return parts[0].trace()
    if kind == "Determinant":
        return parts[0].det(method="berkowitz")
    if kind == "MatrixElement":
        return parts[0][e.i, e.j]
    if kind == "ElementwiseApplyFunction":
        return parts[1].applyfunc(e.function)
    if isinstance(e, sp.MatrixBase):
        return e.applyfunc(lambda entry: explicit(entry, values))
    return e.func(*parts) if parts else e


def written_out(costs, actions, parameters):
    """The game in scalar variables, in the same order."""
    values, players = dict(parameters), []
    for own in actions:
        mine = []
        for a in own:
            if isinstance(a, MatrixSymbol):
                values[a] = sp.Matrix(*a.shape, lambda i, j: sp.Symbol(f"{a}_{i}_{j}", real=True))
                mine += list(values[a])
            else:
                mine.append(a)
        players.append(mine)
    return Game(*(Player(explicit(cost, values), mine) for cost, mine in zip(costs, players)))


# Games

def covariance(m, eta=sp.Rational(1, 2)):
    V, W, S = (MatrixSymbol(name, m, m) for name in "VWS")
    strength = sp.Symbol("eta", real=True)
    U = np.random.default_rng(0).integers(-3, 4, (m, m))
    sigma = sp.ImmutableMatrix((U @ U.T + np.eye(m, dtype=int)).tolist())
    f = Trace(W.T*(S - V*V.T))
    return ((f, -f + strength/2*Trace(W.T*W)), ((V,), (W,)), {S: sigma, strength: eta})


X, Y = MatrixSymbol("X", 2, 3), MatrixSymbol("Y", 3, 2)
P, Q, R, A = (MatrixSymbol(name, 2, 2) for name in "PQRA")
a, b = MatrixSymbol("a", 3, 1), MatrixSymbol("b", 3, 1)
s, t = sp.symbols("s t", real=True)
ARRAY = {A: sp.ImmutableMatrix([[2, 1], [0, 3]])}
I2 = Identity(2)
third = sp.Rational(1, 3)

#: name: (costs, actions, parameters, how "auto" solves)
GAMES = {
    "covariance 2": (*covariance(2), "structure"),
    "covariance 3": (*covariance(3), "structure"),
    "not square, two-sided": (
        (Trace(X*Y) + Trace(X.T*A*X)/2,
         Trace(Y*A*A.T*Y.T)/2 + third*Trace(Y.T*Y) + Trace(X*Y)), ((X,), (Y,)), ARRAY,
        "structure"),
    "two-sided in the leader": (
        (Trace(P*Q) + Trace(P*P.T*Q*Q.T), Trace(Q.T*(P*P.T + I2)*Q*(A*A.T))/2 + Trace(P*A*Q)),
        ((P,), (Q,)), ARRAY, "structure"),
    "not linear in M": (
        (Trace(X*Y) + Trace(X.T*A*X)/2 + sp.exp(Trace(X*Y)/7),
         Trace(Y.T*Y)/2 + Trace(X*Y)**2/5 + Trace(Y*X*X.T*Y.T)), ((X,), (Y,)), ARRAY, "direct"),
    "inverse and log det": (
        (Trace((P*P.T + I2 + A.T*A).inverse()*Q) + sp.log(Determinant(P*P.T + 2*I2)),
         sp.log(Determinant(Q.T*Q + I2)) + Trace(Q.T*Q) + Trace(P*Q)), ((P,), (Q,)), ARRAY,
        "direct"),
    "vectors and scalars": (
        (Trace(a.T*b)*s + sp.sin(s)*t + (a.T*a)[0, 0]**2,
         Trace(b.T*b)/2 + t**2 + Trace(a.T*b)*t + sp.exp(s*t/3) + b[0, 0]*t/4),
        ((a, s), (b, t)), {}, "direct"),
    "entry by entry": (
        (Trace(HadamardProduct(P, Q)*A),
         Trace(HadamardProduct(P, P, Q).T*Q) + Trace(Q.T*Q) + Trace(A*Q)), ((P,), (Q,)), ARRAY,
        "structure"),
    "three players": (
        (Trace(P*Q*R) + Trace(P.T*P), Trace(Q.T*Q)*2 + Trace(Q*R.T)/3 + Trace(P*Q),
         Trace(R.T*R) + Trace(R*Q*P) + Determinant(R)/2 + Trace(P*R)), ((P,), (Q,), (R,)), {},
        "direct"),
    "two independent followers": (
        (Trace(P*Q*R), Trace(Q.T*Q)*2 + Trace(P*Q), Trace(A*R.T*R) + Trace(P*R)),
        ((P,), (Q,), (R,)), ARRAY, "structure"),
    "functions of entries": (
        (Trace(P.applyfunc(sp.sin)*Q.T) + Trace((P - Q).T*(P - Q)),
         Trace(Q.applyfunc(sp.exp)*P.T*P) + Trace(Q.T*Q)), ((P,), (Q,)), {}, "structure"),
    "roots, powers, quotients": (
        (sp.sqrt(1 + Trace(P.T*P)) + Determinant(P)*Trace(Q) + Trace(P**2*Q),
         Trace(Q**3)/9 + Trace(Q.T*Q*Q.T*Q) + Trace(Q.T*Q) + Trace(P*Q)/(1 + Trace(P.T*P))),
        ((P,), (Q,)), {}, "direct"),
    "scalar depending on the leader": (
        (Trace(P*Q) + Trace(P*P.T)/2, Trace(Q.T*Q)*(1 + Trace(P.T*P))/2 - Trace(P*Q)),
        ((P,), (Q,)), {}, "structure"),
    "scalar follower": (
        (Trace(P.T*P)*t, sp.exp(t)*(1 + Trace(P.T*P)) - t*Determinant(P)), ((P,), (t,)), {},
        "structure"),
    "explicit matrices": (
        (Trace(sp.Matrix([[s, 1], [t, 2]])*Q) + s**2,
         Trace(Q.T*Q) - Trace(sp.Matrix([[s, 1], [t, 2]])*Q)*s + t**2 + Q[0, 1]*t),
        ((s,), (t, Q)), {}, "direct"),
}


@functools.cache
def both(name):
    costs, actions, parameters, _ = GAMES[name]
    return compile_game(written_out(costs, actions, parameters))


def draw(n, *batch, rng=1):
    return np.random.default_rng(rng).uniform(-1, 1, (*batch, n))


@pytest.mark.parametrize("solver", ["auto", "direct", "gmres"])
@pytest.mark.parametrize("name", GAMES)
def test_the_matrix_route_is_the_scalar_route(name, solver):
    costs, actions, parameters, method = GAMES[name]
    scalar, game = both(name), CompiledMatrixGame(costs, actions, parameters, solver=solver)
    assert game.n == scalar.n
    points = draw(game.n, 2, 2)
    for x in (points[0, 0], points, points[:1, :1], points[:0]):
        for method_name in METHODS:
            expected, found = getattr(scalar, method_name)(x), getattr(game, method_name)(x)
            assert found.shape == expected.shape
            np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10,
                                       err_msg=method_name)
    assert game.solver.method == (method if solver == "auto" else solver)
    assert np.all(game.response_residual(points) < 1e-9)


def test_covariance_of_dimension_five():
    game, scalar = CompiledMatrixGame(*covariance(5)), compile_game(written_out(*covariance(5)))
    x = draw(50)
    for name in ("costs", "gradient", "jacobian", "stackelberg_gradient", "stackelberg_jacobian"):
        np.testing.assert_allclose(getattr(game, name)(x), getattr(scalar, name)(x),
                                   rtol=1e-10, atol=1e-10, err_msg=name)


@pytest.mark.parametrize("name", GAMES)
def test_products_are_those_of_the_dense_matrices(name):
    game = CompiledMatrixGame(*GAMES[name][:3])
    x, p = draw(game.n, 3), draw(game.n, 3, rng=2)
    n1 = game.n1
    jacobian, total = both(name).jacobian(x), both(name).stackelberg_jacobian(x)
    for found, matrix, q in (
            (game.jacobian_product(x, p), jacobian, p),
            (game.jacobian_transposed_product(x, p), np.swapaxes(jacobian, -1, -2), p),
            (game.stackelberg_jacobian_product(x, p), total, p),
            (game.follower_hessian_product(x, p[:, n1:]), jacobian[:, n1:, n1:], p[:, n1:])):
        np.testing.assert_allclose(found, (matrix @ q[..., None])[..., 0], rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", ["covariance 3", "inverse and log det", "vectors and scalars",
                                  "not square, two-sided", "two-sided in the leader"])
@pytest.mark.parametrize("solver", ["auto", "direct", "cg"])
def test_regularised_fields_are_the_derivatives_of_what_they_say(name, solver):
    # omega_S by hand from the scalar J and gradient of f1 by differences; J_S by differences.
    costs, actions, parameters, _ = GAMES[name]
    tau, eta = 3, 1.25
    field = matrix_field(costs, actions, parameters, tau=tau, eta=eta, solver=solver)
    scalar = both(name)
    x, n1 = draw(field.n), field.n1
    jacobian, omega = scalar.jacobian(x), scalar.gradient(x)
    f1 = differences(lambda z: scalar.costs(z)[..., :1], x)[0]
    matrix = jacobian[n1:, n1:] + eta * np.eye(field.n - n1)
    v = np.linalg.solve(matrix.T, f1[n1:])
    expected = np.concatenate([omega[:n1] - jacobian[n1:, :n1].T @ v, tau * omega[n1:]])
    np.testing.assert_allclose(field.value(x), expected, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(field.jacobian(x), differences(field.value, x), rtol=1e-5,
                               atol=1e-6)
    p = draw(field.n, rng=3)
    np.testing.assert_allclose(field.product(x, p), field.jacobian(x) @ p, rtol=1e-9, atol=1e-9)
    assert field.response_residual(x) < 1e-9


def differences(function, x, h=1e-5):
    return np.stack([(function(x + h*e) - function(x - h*e)) / (2*h) for e in np.eye(len(x))],
                    axis=-1)


def test_the_simultaneous_field_is_omega():
    costs, actions, parameters = covariance(3)
    field = matrix_field(costs, actions, parameters, kind="simultaneous", name="covariance")
    x = draw(18, 4)
    np.testing.assert_allclose(field.value(x), both("covariance 3").gradient(x), atol=1e-12)
    np.testing.assert_allclose(field.jacobian(x), both("covariance 3").jacobian(x), atol=1e-12)
    assert repr(field) == "simultaneous gradient of covariance in 18 variables"


# Derivatives

def test_the_sum_of_traces_that_sympy_gets_wrong():
    # SymPy 1.14: (Trace(X) + Trace(X*X)).diff(X) is 0; by hand it is I + 2 X^T.
    costs = (Trace(P) + Trace(P*P) + Trace(P*Q), Trace(Q) + Trace(Q.T*Q))
    p, q = draw(4).reshape(2, 2), draw(4, rng=5).reshape(2, 2)
    found = CompiledMatrixGame(costs, ((P,), (Q,))).gradient(np.ravel([p, q])).reshape(2, 2, 2)
    np.testing.assert_allclose(found[0], np.eye(2) + 2*p.T + q.T, atol=1e-15)
    np.testing.assert_allclose(found[1], np.eye(2) + 2*q, atol=1e-15)


LARGE = MatrixSymbol("L", 5, 5)


@pytest.mark.parametrize("cost", [
    Trace(LARGE.inverse()*LARGE.T), Determinant(LARGE), sp.log(Determinant(LARGE*LARGE.T + LARGE)),
    Trace(LARGE**-2), Determinant(LARGE)**2/(1 + Trace(LARGE.T*LARGE)),
    Trace(HadamardProduct(LARGE, LARGE.inverse()).T*LARGE), MatrixElement(LARGE.inverse(), 1, 3),
    Trace((LARGE.T*LARGE).inverse()*LARGE), sp.log(3*Determinant(LARGE.T*LARGE)) + LARGE[0, 0],
    Trace(sp.OneMatrix(5, 5)*LARGE)**sp.Rational(5, 3), Trace(LARGE.applyfunc(sp.tanh)),
    Trace(LARGE*sp.ZeroMatrix(5, 5)) + sp.cos(sp.pi*Trace(LARGE)), Trace(LARGE)**sp.pi,
    Trace((2*LARGE).inverse().T) + Determinant(-3*LARGE.inverse()) + Trace(LARGE**3),
], ids=str)
def test_first_and_second_derivatives_against_differences(cost):
    graph = MatrixGraph()
    node, p = graph.variable((5, 5)), graph.variable((5, 5))
    value = MatrixReader(graph, {LARGE: node}).scalar(cost)
    slope = gradient(graph, value, [node])
    curve = directional(graph, slope, {node: p})
    f, g = MatrixProgram(graph, [value], [[node]]), MatrixProgram(graph, slope, [[node]])
    h = MatrixProgram(graph, curve, [[node], [p]])
    x = (3*np.eye(5) + draw(25).reshape(5, 5)).ravel()
    np.testing.assert_allclose(g(x), differences(f, x)[0], rtol=1e-5, atol=1e-6)
    hessian = h(x, np.eye(25))
    np.testing.assert_allclose(hessian, differences(g, x), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(hessian, hessian.T, rtol=1e-9, atol=1e-9)
    batch = np.stack([x, 2*x, x + 1])
    np.testing.assert_allclose(h(batch, batch), [h(z, z) for z in batch], rtol=1e-10, atol=1e-12)


def test_values_against_numpy():
    graph = MatrixGraph()
    node = graph.variable((5, 5))
    reader = MatrixReader(graph, {LARGE: node})
    m = 3*np.eye(5) + draw(25).reshape(5, 5)
    inverse = np.linalg.inv(m)
    for e, expected in ((LARGE.inverse(), inverse), (LARGE.T.inverse()*LARGE, inverse.T @ m),
                        (LARGE*LARGE.T.inverse(), m @ inverse.T), (LARGE**-2, inverse @ inverse),
                        (LARGE*LARGE.inverse(), np.eye(5)), (2*LARGE - LARGE.T, 2*m - m.T)):
        found = MatrixProgram(graph, [reader.matrix(e)], [[node]])(m.ravel())
        np.testing.assert_allclose(found.reshape(5, 5), expected, rtol=1e-12, atol=1e-12)
    for e, expected in ((Determinant(LARGE), np.linalg.det(m)),
                        (sp.log(Determinant(LARGE)), np.linalg.slogdet(m)[1]),
                        (sp.log(Determinant(LARGE.T)), np.linalg.slogdet(m)[1]),
                        (Trace(LARGE*LARGE), np.sum(m*m.T))):
        program = MatrixProgram(graph, [reader.scalar(e)], [[node]])
        np.testing.assert_allclose(program(m.ravel()), [expected], rtol=1e-12)
        np.testing.assert_allclose(program(np.stack([m.ravel()] * 2)), [[expected]] * 2,
                                   rtol=1e-12)


def test_a_negative_determinant_has_no_logarithm_and_a_singular_matrix_no_inverse():
    graph = MatrixGraph()
    node = graph.variable((4, 4))
    reader = MatrixReader(graph, {(z := MatrixSymbol("Z", 4, 4)): node})
    logarithm = MatrixProgram(graph, [reader.scalar(sp.log(Determinant(z)))], [[node]])
    inverse = MatrixProgram(graph, [reader.scalar(Trace(z.inverse()))], [[node]])
    flipped = np.diag([1.0, -1, 1, 1]).ravel()
    assert np.isnan(logarithm(flipped)).all() and np.isnan(logarithm(flipped[None])).all()
    singular = np.diag([1.0, 0, 1, 1]).ravel()
    assert not np.isfinite(inverse(singular)).any()
    two = inverse(np.stack([singular, np.eye(4).ravel()]))
    assert not np.isfinite(two[0, 0]) and two[1, 0] == 4


def test_large_matrices_share_their_factors():
    n = 70
    rng = np.random.default_rng(4)
    c = rng.integers(-3, 4, (n, n)) + 20*np.eye(n, dtype=int)
    z = np.eye(n) + rng.uniform(-1, 1, (n, n))/n
    z[[0, 1]] = z[[1, 0]]                       # an odd permutation: det < 0
    graph = MatrixGraph()
    node, constant = graph.variable((n, n)), graph.array(sp.Matrix(c.tolist()))
    inverse = graph.inverse(node)
    outputs = [graph.product([graph.inverse(constant), node]),
               graph.product([node, inverse, inverse]), graph.transpose(inverse),
               graph.det(node), graph.logdet(node), graph.logdet(graph.product([node, node]))]
    program = MatrixProgram(graph, outputs, [[node]])
    inverted = np.linalg.inv(z)
    expected = np.concatenate([
        np.linalg.solve(c, z).ravel(), inverted.ravel(), inverted.T.ravel(),
        [np.linalg.det(z), np.nan, 2*np.linalg.slogdet(z)[1]]])
    np.testing.assert_allclose(program(z.ravel()), expected, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(program(np.stack([z.ravel()]*2))[1], expected, rtol=1e-9,
                               atol=1e-11)
    assert program.source.count("factors(") == 2    # z, and its square for the logarithm


# The graph

def test_identities_leave_one_node():
    g = MatrixGraph()
    x, y = g.variable((3, 3)), g.variable((3, 3))
    T, inv = g.transpose, g.inverse
    assert T(T(x)) == x and inv(inv(x)) == x and T(inv(x)) == inv(T(x))
    assert g.product([g.eye(3), x, g.eye(3)]) == x
    assert g.product([inv(x), x, y]) == y and g.product([x, inv(x)]) == g.eye(3)
    assert g.is_zero(g.product([g.zero((3, 3)), x])) and g.is_zero(g.sub(x, x))
    assert g.product([g.scaled(2, x), g.scaled(3, y)]) == g.scaled(6, g.product([x, y]))
    assert g.inner(x, y) == g.inner(y, x) == g.trace(g.product([T(x), y]))
    assert g.trace(g.product([x, y])) == g.trace(g.product([y, x])) == g.inner(T(x), y)
    assert g.trace(g.product([x, y, inv(x)])) == g.trace(y)
    assert g.det(inv(x)) == g.power(g.det(x), -1)
    assert g.det(g.scaled(2, x)) == g.scaled(8, g.det(x))


def test_the_root_of_a_square_is_not_the_number():
    g = MatrixGraph()
    u, w = g.variable(()), g.variable(())
    half = sp.Rational(1, 2)
    for inside in (g.times(u, u), g.times(u, w)):
        root = g.power(inside, half)
        program = MatrixProgram(g, [root, g.times(root, w)], [[u, w]])
        np.testing.assert_allclose(program(np.array([-2.0, -2.0])), [2.0, -4.0])


def products(nodes, graph):
    return sum(step.operation == "dot" for step in lower(graph, nodes).steps)


def test_products_are_formed_in_the_cheap_order_and_once():
    g = MatrixGraph()
    m, z = g.variable((30, 30)), g.variable((30, 1))
    steps = lower(g, [g.product([m, m, m, z])]).steps
    assert [step.shape for step in steps if step.operation == "dot"] == [(30, 1)] * 3
    assert products([g.trace(g.product([m, m]))], g) == 0
    n = g.variable((30, 30))
    both_ways = [g.product([m, n]), g.product([g.transpose(n), g.transpose(m)])]
    assert products(both_ways, g) == 1
    common = g.add(g.product([m, n]), g.product([g.transpose(m), n]))
    assert products([common], g) == 1


def test_a_stackelberg_gradient_of_the_covariance_game_takes_two_products():
    game = CompiledMatrixGame(*covariance(6))
    assert game._response.value.source.count(".dot(") == 2


def test_large_dense_results_are_done_in_blocks(monkeypatch):
    game, x = CompiledMatrixGame(*covariance(3)), draw(18, 4)
    whole = [game.jacobian(x), game.stackelberg_jacobian(x[0]), game.schur_complement(x[0])]
    monkeypatch.setattr(matrix_compiled, "_DENSE_BLOCK", 18*7)
    parts = [game.jacobian(x), game.stackelberg_jacobian(x[0]), game.schur_complement(x[0])]
    for part, expected in zip(parts, whole):
        np.testing.assert_allclose(part, expected, rtol=1e-12, atol=1e-12)


def test_large_batches_are_done_in_blocks():
    game = CompiledMatrixGame(*covariance(3))
    x = draw(18, 9000)
    found = game.stackelberg_gradient(x)
    np.testing.assert_allclose(found[[0, 5000, 8999]],
                               [game.stackelberg_gradient(z) for z in x[[0, 5000, 8999]]],
                               atol=1e-12)


# Solvers

def large_follower(sign=1):
    """No structure: M = I + u u^T + (sign) 2 D o (.) in 600 unknowns, D fixed."""
    y, u, d = (MatrixSymbol(name, 20, 30) for name in ("y", "u", "d"))
    values = {d: sp.ImmutableMatrix(20, 30, lambda i, j: sp.Rational(i + j, 49))}
    cost = Trace(y.T*y)/2 + Trace(u.T*y)**2/2 + sign*Trace(HadamardProduct(d, y).T*y)
    return (Trace(u.T*y) + Trace(u.T*u), cost - Trace(u.T*y)), ((u,), (y,)), values


@pytest.mark.parametrize("sign, method", [(1, "cg"), (-1, "minres")])
def test_large_systems_are_iterated_and_say_so(sign, method):
    costs, actions, values = large_follower(sign)
    game = CompiledMatrixGame(costs, actions, values)
    x = draw(1200)
    u = x[:600]
    total = game.stackelberg_gradient(x)
    # By hand: M = diag(1 + 2 sign d) + u u^T, D_y f1 = u, by Sherman and Morrison's formula.
    diagonal = 1 + 2*sign*np.add.outer(np.arange(20), np.arange(30)).ravel()/49
    v = u/diagonal
    v = v/(1 + u @ v)
    y = x[600:]
    expected = y + 2*u - ((v @ u)*y + (u @ y)*v - v)
    np.testing.assert_allclose(total[:600], expected, rtol=1e-8, atol=1e-8)
    assert game.solver.method == method and "600 unknowns" in str(game.solver)
    assert game.solver.residual < 1e-10 and (game.solver.curvature < 0) == (sign < 0)
    assert game.response_residual(x) < 1e-9
    p = draw(1200, rng=7)
    direct = CompiledMatrixGame(costs, actions, values, solver="direct")
    np.testing.assert_allclose(game.stackelberg_jacobian_product(x, p),
                               direct.stackelberg_jacobian_product(x, p), rtol=1e-7, atol=1e-7)


def test_conjugate_gradients_on_an_indefinite_hessian_give_nan_and_the_reason():
    costs, actions, values = large_follower(-1)
    game = CompiledMatrixGame(costs, actions, values, solver="cg")
    assert np.isnan(game.stackelberg_gradient(draw(1200))[:600]).all()
    assert game.solver.status is SolveStatus.INDEFINITE and game.solver.curvature <= 0
    assert "negative curvature" in str(game.solver)


def test_solvers_that_cannot_be_are_refused():
    f = Trace(P*Q)
    with pytest.raises(GameError, match="singular everywhere"):
        CompiledMatrixGame((f, -f), ((P,), (Q,))).stackelberg_gradient(np.ones(8))
    with pytest.raises(GameError, match="no structure"):
        CompiledMatrixGame(*GAMES["not linear in M"][:3], solver="structure").solver
    with pytest.raises(GameError, match="gmres"):
        CompiledMatrixGame(*GAMES["three players"][:3], solver="cg").solver
    with pytest.raises(ValueError, match="solver must be one of"):
        CompiledMatrixGame(*covariance(2), solver="lu")
    with pytest.raises(GameError, match="tau"):
        matrix_field(*covariance(2), tau=-1)


# Input

@pytest.mark.parametrize("cost, error, says", [
    (Trace(sp.kronecker_product(P, Q)), UnsupportedFunction, "KroneckerProduct"),
    (sp.Abs(Trace(P)), UnsupportedFunction, "Abs.*sqrt"),
    (Trace(P**sp.Rational(1, 2)), UnsupportedFunction, "integer powers"),
    (Trace(sp.DiagMatrix(a)*sp.Identity(3)), UnsupportedFunction, "HadamardProduct"),
    (sp.Function("g")(Trace(P)), UnsupportedFunction, "no program can evaluate g"),
    (Trace(P*R), GameError, "R is neither an action nor a parameter"),
    (P*Q, GameError, "is a matrix of shape"),
    (Trace(P) + s, GameError, "s is neither"),
    (1/(Trace(P) - Trace(P)), GameError, "no real number"),
], ids=str)
def test_errors_name_the_culprit_and_the_fix(cost, error, says):
    with pytest.raises(error, match=says):
        CompiledMatrixGame((cost, Trace(Q.T*Q)), ((P, a), (Q,)))


def test_declarations_and_points_that_do_not_fit():
    f = Trace(P*Q)
    with pytest.raises(GameError, match="two or more players"):
        CompiledMatrixGame((f,), ((P,),))
    with pytest.raises(GameError, match="twice"):
        CompiledMatrixGame((f, f), ((P,), (P,)))
    with pytest.raises(GameError, match="shape"):
        CompiledMatrixGame((f + Trace(A), f), ((P,), (Q,)), {A: sp.eye(3)})
    with pytest.raises(GameError, match="two positive numbers"):
        k = sp.Symbol("k", integer=True)
        CompiledMatrixGame((f, f), ((MatrixSymbol("B", k, k), P), (Q,)))
    game = CompiledMatrixGame(*covariance(2))
    with pytest.raises(ShapeError, match="8"):
        game.gradient(np.ones(7))
    with pytest.raises(ShapeError, match="directions"):
        game.jacobian_product(np.ones(8), np.ones(4))


def test_what_is_compiled_pickles_and_prints():
    game = pickle.loads(pickle.dumps(CompiledMatrixGame(*covariance(2), name="covariance")))
    field = pickle.loads(pickle.dumps(matrix_field(*covariance(2), tau=2, name="covariance")))
    x = draw(8)
    np.testing.assert_allclose(field.value(x)[:4], game.stackelberg_gradient(x)[:4])
    np.testing.assert_allclose(field.value(x)[4:], 2*game.stackelberg_gradient(x)[4:])
    assert repr(game) == "CompiledMatrixGame(covariance, 2 players, 8 variables)"
    assert str(game.variables[:2]) == "(V11, V12)"
    assert repr(field) == "stackelberg gradient of covariance in 8 variables, tau = 2, eta = 0"


# Random programs: what is simplified, shared and overwritten, against plain NumPy

UNARY = {"T": lambda g, u: g.transpose(u), "by": lambda g, u: g.scaled(-3, u),
         "shift": lambda g, u: g.add(u, g.eye(g.shapes[u][0])),
         "inv": lambda g, u: g.inverse(g.add(g.scaled(9, g.eye(3)), u)),
         "tanh": lambda g, u: g.map(sp.tanh(DUMMY), u)}
BINARY = {"product": lambda g, u, w: g.product([u, w]), "sum": lambda g, u, w: g.add(u, w),
          "difference": lambda g, u, w: g.sub(u, w), "had": lambda g, u, w: g.hadamard([u, w]),
          "inner": lambda g, u, w: g.times(g.inner(u, w), w),
          "det": lambda g, u, w: g.times(g.det(u), w),
          "entry": lambda g, u, w: g.times(g.entry(u, 0, 2), w)}
NUMPY = {"T": lambda u: np.swapaxes(u, -1, -2), "by": lambda u: -3*u,
         "shift": lambda u: u + np.eye(3), "inv": lambda u: np.linalg.inv(9*np.eye(3) + u),
         "tanh": np.tanh, "product": np.matmul, "sum": np.add, "difference": np.subtract,
         "had": np.multiply, "det": lambda u, w: np.linalg.det(u)[..., None, None]*w,
         "inner": lambda u, w: np.sum(u*w, axis=(-1, -2), keepdims=True)*w,
         "entry": lambda u, w: u[..., :1, 2:3]*w}


@pytest.mark.parametrize("seed", range(60))
def test_random_programs_compute_what_numpy_computes(seed):
    rng = np.random.default_rng(seed)
    graph = MatrixGraph()
    nodes = [graph.variable((3, 3)) for _ in range(3)]
    constant = rng.integers(-2, 3, (3, 3))
    nodes.append(graph.array(sp.Matrix(constant.tolist())))
    x = rng.uniform(-1, 1, (4, 27))
    values = [x[:, 9*k:9*k + 9].reshape(4, 3, 3) for k in range(3)]
    values.append(np.broadcast_to(constant.astype(float), (4, 3, 3)))
    for _ in range(14):
        names = list(UNARY) * 2 + list(BINARY) * 3
        name = names[rng.integers(len(names))]
        picked = rng.integers(max(0, len(nodes) - 7), len(nodes), 1 if name in UNARY else 2)
        with np.errstate(all="ignore"):
            value = NUMPY[name](*(values[k] for k in picked))
        if not np.all(np.abs(value) < 100):
            continue
        nodes.append((UNARY | BINARY)[name](graph, *(nodes[k] for k in picked)))
        values.append(value)
    chosen = rng.choice(len(nodes), 5)
    outputs = [nodes[k] for k in chosen] + [graph.sum([(2, nodes[k]) for k in chosen], (3, 3))]
    expected = [values[k] for k in chosen] + [2*sum(values[k] for k in chosen)]
    program = MatrixProgram(graph, outputs, [nodes[:3]])
    expected = np.concatenate([value.reshape(4, 9) for value in expected], axis=-1)
    np.testing.assert_allclose(program(x), expected, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose([program(z) for z in x], expected, rtol=1e-7, atol=1e-7)
    # Forward and reverse mode are two programs: <D f, p> = D f[p], and H is symmetric.
    f = graph.inner(nodes[-1], nodes[-2])
    p, q = ([graph.variable((3, 3)) for _ in range(3)] for _ in range(2))
    slope = gradient(graph, f, nodes[:3])
    along = directional(graph, [f], dict(zip(nodes[:3], p)))[0]
    paired = graph.sum([(1, graph.inner(u, w)) for u, w in zip(slope, p)], ())
    curve = directional(graph, slope, dict(zip(nodes[:3], p)))
    turned = directional(graph, slope, dict(zip(nodes[:3], q)))
    left = graph.sum([(1, graph.inner(u, w)) for u, w in zip(curve, q)], ())
    right = graph.sum([(1, graph.inner(u, w)) for u, w in zip(turned, p)], ())
    both_modes = MatrixProgram(graph, [along, paired, left, right], [nodes[:3], p, q])
    found = both_modes(x, rng.uniform(-1, 1, (4, 27)), rng.uniform(-1, 1, (4, 27)))
    np.testing.assert_allclose(found[:, 0], found[:, 1], rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(found[:, 2], found[:, 3], rtol=1e-7, atol=1e-7)
