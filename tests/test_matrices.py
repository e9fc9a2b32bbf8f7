"""Games declared in matrices are the games in their entries."""

import pickle

import numpy as np
import pytest
import sympy as sp
from sympy.matrices.expressions.special import OneMatrix

import gameanalysis as ga
from gameanalysis import catalog
from gameanalysis.declaration.matrices import entries, expanded
from gameanalysis.errors import GameError, UnsupportedFunction
from gameanalysis.matrix_programs.matrix_compiled import CompiledMatrixGame

V, W = (sp.MatrixSymbol(name, 2, 3) for name in "VW")
A, S = (sp.MatrixSymbol(name, 2, 2) for name in "AS")
x = sp.MatrixSymbol("x", 3, 1)
t = sp.Symbol("t", real=True)


tr, det, inv = np.trace, np.linalg.det, np.linalg.inv
COSTS = [
    (sp.Trace(V*W.T), lambda v, w, a, s, x, t: tr(v @ w.T)),
    (sp.Trace(A*V*W.T*S/3), lambda v, w, a, s, x, t: tr(a @ v @ w.T @ s)/3),
    (sp.Trace(A + 2*S), lambda v, w, a, s, x, t: tr(a + 2*s)),
    (sp.Trace(A**2) - sp.Trace(A**3), lambda v, w, a, s, x, t: tr(a @ a) - tr(a @ a @ a)),
    (sp.Determinant(A)**2 + t*sp.Trace(A), lambda v, w, a, s, x, t: det(a)**2 + t*tr(a)),
    (sp.log(sp.Determinant(A)), lambda v, w, a, s, x, t: np.log(det(a))),
    (sp.Trace(A.I*S*A.T), lambda v, w, a, s, x, t: tr(inv(a) @ s @ a.T)),
    (sp.exp(-sp.Trace(V.T*V)), lambda v, w, a, s, x, t: np.exp(-(v*v).sum())),
    (V[1, 2]*W[0, 0] + t**2, lambda v, w, a, s, x, t: v[1, 2]*w[0, 0] + t*t),
    (sp.Trace(sp.Identity(2) + A*sp.eye(2)), lambda v, w, a, s, x, t: 2 + tr(a)),
    (sp.Trace(sp.hadamard_product(V, W)*V.T), lambda v, w, a, s, x, t: tr((v*w) @ v.T)),
    (sp.Trace(OneMatrix(3, 2)*sp.HadamardPower(V, 3)), lambda v, w, a, s, x, t: (v**3).sum()),
    ((x.T*V.T*V*x)[0, 0], lambda v, w, a, s, x, t: ((v @ x)**2).sum()),
    (sp.Trace(A**-2), lambda v, w, a, s, x, t: tr(inv(a @ a))),
    (sp.Trace(t*A*A.T*S)*sp.Trace(x*x.T),
     lambda v, w, a, s, x, t: t*tr(a @ a.T @ s)*(x*x).sum()),
]


@pytest.mark.parametrize("cost, oracle", COSTS, ids=[str(cost) for cost, _ in COSTS])
def test_expanded_agrees_with_numpy(cost, oracle):
    rng = np.random.default_rng(5)
    symbols = (V, W, A, S, x)
    values = [rng.uniform(0.5, 1.5, m.shape) + 2*np.eye(*map(int, m.shape)) for m in symbols]
    flat = {s: v for m, value in zip(symbols, values) for s, v in zip(entries(m), value.flat)}
    assert float(expanded(cost).subs({**flat, t: 0.7})) == pytest.approx(
        oracle(*values, 0.7), rel=1e-12)


def test_the_two_declarations_are_one_game():
    P, Q = sp.MatrixSymbol("P", 2, 2), sp.MatrixSymbol("q", 2, 1)
    game = ga.Game(ga.Player(sp.Trace(P*S*P.T) + (Q.T*P*Q)[0, 0], P),
                   ga.Player((Q.T*S*Q)*t - sp.Matrix([[1, 0.5]])*Q, (Q, t)),
                   parameters={S: [[2, 0.25], [0.25, 1]]}, name="mixed")
    p, q = sp.symbols("P11 P12 P21 P22", real=True), sp.symbols("q1 q2", real=True)
    assert game.variables == (*p, *q, t)
    assert game.sizes == (4, 3)
    assert {s.name: v for s, v in game.parameters.items()} == {
        "S11": 2, "S12": sp.Rational(1, 4), "S21": sp.Rational(1, 4), "S22": 1}
    m, s, v = sp.Matrix(2, 2, p), sp.Matrix([[2, sp.Rational(1, 4)], [sp.Rational(1, 4), 1]]), \
        sp.Matrix(q)
    first = (m*s*m.T).trace() + (v.T*m*v)[0, 0]
    second = t*(v.T*s*v)[0, 0] - q[0] - q[1]/2
    for cost, expected in zip(game.valued_costs, (first, second)):
        assert sp.expand(cost - expected) == 0
    assert game.matrices.actions == ((P,), (Q, t))
    assert game.matrices.parameters == {S: sp.ImmutableMatrix(s)}
    assert pickle.loads(pickle.dumps(game)) == game
    assert hash(pickle.loads(pickle.dumps(game))) == hash(game)
    assert game.reordered(1).matrices.actions == ((Q, t), (P,))
    assert "player 1 (P): minimise" in repr(game) and r"\min_{P}" in game.latex()
    scalar = ga.Game(ga.Player(first, p), ga.Player(second, (*q, t)))
    assert scalar.matrices is None
    point = np.linspace(-1, 1, 7)
    for quantity in ("costs", "gradient", "jacobian"):
        assert np.allclose(getattr(ga.compile_game(game), quantity)(point),
                           getattr(ga.compile_game(scalar), quantity)(point), atol=1e-12)


def test_zero_sum_in_matrices():
    f = sp.Trace(V*W.T)
    game = ga.zero_sum(f, V, W)
    assert game.is_zero_sum and game.matrices.costs == (f, -f)
    assert pickle.loads(pickle.dumps(game)) == game
    assert ga.Game(ga.Player(f, V), ga.Player(-f, W)).is_zero_sum
    assert not ga.Game(ga.Player(f, V), ga.Player(f, W)).is_zero_sum
    large = sp.MatrixSymbol("X", 40, 40), sp.MatrixSymbol("Y", 40, 40)
    huge = ga.zero_sum(sp.Trace(large[0]*large[1]), *large)
    assert huge.is_zero_sum and len(huge.variables) == 3200


def test_matrix_parameters_are_substituted_whole_or_by_entry():
    b = sp.MatrixSymbol("b", 1, 3)
    game = ga.Game(ga.Player((b*x)[0, 0]*t, x), ga.Player(t**2, t), parameters={b: [[1, 2, 3]]})
    assert ga.Game(*game.players, parameters={b: np.array([1.0, 2.0, 3.0])}) == game
    assert list(game.substitute({"b": [4, 5, 6]}).parameters.values()) == [4, 5, 6]
    assert list(game.substitute({"b2": 0.5}).parameters.values()) == [1, sp.Rational(1, 2), 3]
    assert game.substitute({b: [[1, 0.5, 3]]}) == game.substitute({"b2": 0.5})
    with pytest.raises(GameError, match="1 x 3 matrix"):
        game.substitute({b: [[1, 2]]})
    with pytest.raises(GameError, match="entry b1 of the parameter b"):
        game.substitute({b: [float("nan"), 0, 0]})


@pytest.mark.parametrize("wrong, says", [
    (lambda: ga.Player(V*W.T, V), "scalar, not a matrix of shape"),
    (lambda: ga.Player(sp.Trace(sp.MatrixSymbol("Z", sp.Symbol("n"), 2)*V*W.T), V),
     "give whole numbers"),
    (lambda: ga.Player(t, sp.MatrixSymbol("Z", sp.Symbol("n"), 2)), "give whole numbers"),
    (lambda: ga.Player(sp.Trace(sp.Adjoint(A)*A), A), r"write X\.T"),
    (lambda: ga.Player(sp.Abs(sp.Trace(A)), A), "without a derivative"),
    (lambda: ga.Player(sp.Trace(A**t), A), "no whole number"),
    (lambda: ga.Game(ga.Player(sp.Trace(A*S), A), ga.Player(t, t)), "contains S, which is und"),
    (lambda: ga.Game(ga.Player(sp.Trace(A), A), ga.Player(sp.Symbol("A11", real=True)**2,
                                                          sp.Symbol("A11", real=True))),
     "two different symbols are called A11"),
    (lambda: ga.Game(ga.Player(sp.Trace(A), A), ga.Player(sp.Trace(A), A)), "own the action A"),
])
def test_what_is_no_game_is_refused(wrong, says):
    with pytest.raises((GameError, UnsupportedFunction), match=says):
        wrong()


def test_a_large_inverse_is_not_written_out():
    Z = sp.MatrixSymbol("Z", 7, 7)
    game = ga.zero_sum(sp.Trace(Z.I)*t, Z, t)
    with pytest.raises(UnsupportedFunction, match="need no formulas of single entries"):
        game.costs


def test_determinants_are_written_out_without_expanding():
    V, W = sp.MatrixSymbol("V", 3, 3), sp.MatrixSymbol("W", 3, 3)
    found = expanded(sp.Determinant((sp.Identity(3) + V*V.T)*W*V))
    assert sp.count_ops(found) < 2000           # SymPy's has 15,000, after 20 seconds
    v, w = np.random.default_rng(3).integers(-4, 5, (2, 3, 3)).tolist()
    values = dict(zip(entries(V) + entries(W), sum(v, []) + sum(w, [])))
    v, w = sp.Matrix(v), sp.Matrix(w)
    assert found.xreplace(values) == (sp.eye(3) + v*v.T).det() * w.det() * v.det()
    inverse = expanded((V.I*W)[0, 2]).xreplace(values)
    assert inverse == (v.inv()*w)[0, 2]
    with pytest.raises(UnsupportedFunction, match="determinant of a 9 x 9"):
        expanded(sp.Determinant(sp.MatrixSymbol("Z", 9, 9)))


def test_traces_of_numbers_are_numbers_wherever_they_stand():
    X = sp.MatrixSymbol("X", 2, 1)
    cost = sp.sin(sp.Trace(sp.Identity(2))) * X[0, 0]**2 + sp.exp(sp.Determinant(sp.Identity(3)))
    game = ga.Game(ga.Player(cost, X), ga.Player(t**2, t))
    assert ga.compile_game(game).gradient([0.5, 1, 1]) == pytest.approx([np.sin(2), 0, 2])


def test_what_cannot_be_written_out_is_compiled_in_matrices():
    Z = sp.MatrixSymbol("Z", 6, 6)
    game = ga.Game(ga.Player(sp.Trace((sp.Identity(6) + Z).I) + sp.Trace(Z.T*Z), Z),
                   ga.Player(t**2, t))
    x = np.append(0.1*np.eye(6).ravel(), 1.0)
    path = ga.iterate(ga.simultaneous_gradient(game), x, 1, step_size=1)
    wanted = np.append((0.1 - 0.2 + 1.1**-2)*np.eye(6).ravel(), -1.0)
    assert path.x[-1] == pytest.approx(wanted, abs=1e-14)
    with pytest.raises(GameError, match="expected a Game, not t"):
        ga.compile_game(t)
    with pytest.raises(ga.ShapeError, match="array of real numbers"):
        ga.compile_game(game).gradient(x + 1j)


@pytest.mark.parametrize("use", [
    lambda text: catalog.covariance(1, sigma=[[text]]),
    lambda text: catalog.hamiltonian([[1, text]]),
    lambda text: catalog.hamiltonian([text]),
    lambda text: catalog.oligopoly_quantities([(0, 1)], text, [1, 2]),
    lambda text: catalog.oligopoly_quantities([(0, 1)], 9, [1, text]),
    lambda text: ga.Game(ga.Player(sp.Trace(A*S), A), ga.Player(t, t),
                         parameters={S: [[text, 0], [0, 1]]}),
    lambda text: CompiledMatrixGame((sp.Trace(A*S), t), ((A,), (t,)), {S: [[text, 0], [0, 1]]}),
    lambda text: CompiledMatrixGame((sp.Trace(A)*sp.Symbol("c", real=True), t), ((A,), (t,)),
                                    {sp.Symbol("c", real=True): text}),
])
def test_text_for_a_number_is_refused_and_never_read(use, tmp_path):
    path = tmp_path / "ran"
    with pytest.raises(GameError):
        use(f"open({str(path)!r}, 'w')")
    assert not path.exists()
