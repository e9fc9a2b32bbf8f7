"""Exact forms against series of the response, finite differences and hand work."""

import mpmath
import pytest
import sympy as sp
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gameanalysis.declaration.game import Game, Player, zero_sum
from gameanalysis.errors import GameError, UnsupportedFunction
from gameanalysis.exact.derivatives import (follower_jacobian, game_gradient, game_jacobian,
                                            hessian_block, implicit_derivative, ratio,
                                            regularisation, schur_complement, stackelberg_jacobian,
                                            total_derivative, total_hessian)

x, y, z = sp.symbols("x y z", real=True)
x1, x2, y1, y2 = sp.symbols("x1 x2 y1 y2", real=True)
a, b = sp.symbols("a b", real=True)


def schur(matrix, m):
    """S1 by bordering: each entry is a ratio of determinants (Schur's identity)."""
    rest = list(range(m, matrix.rows))
    det = matrix.extract(rest, rest).det()
    return sp.Matrix(m, m, lambda i, j: matrix.extract([i, *rest], [j, *rest]).det() / det)


def same(left, right):
    return sp.simplify(sp.Matrix(left) - sp.Matrix(right)).is_zero_matrix


# Hand formulas

def test_duopoly_in_closed_form():
    A, c1, c2 = sp.symbols("A c1 c2", real=True)
    game = Game(Player(-(A - x - y - c1)*x, x), Player(-(A - x - y - c2)*y, y),
                parameters={A: 10, c1: 1, c2: 2})
    assert sp.solve(list(game_gradient(game)), [x, y]) == {
        x: (A - 2*c1 + c2)/3, y: (A + c1 - 2*c2)/3}
    stackelberg = sp.solve([total_derivative(game)[0], game_gradient(game)[1]], [x, y])
    assert stackelberg == {x: A/2 - c1 + c2/2, y: A/4 + c1/2 - 3*c2/4}
    profit = sp.factor(-game.costs[0].subs(stackelberg))
    assert sp.expand(profit - (A - 2*c1 + c2)**2/8) == 0
    assert game_jacobian(game) == sp.Matrix([[2, 1], [1, 2]])
    assert stackelberg_jacobian(game) == sp.Matrix([[sp.Rational(3, 2), 1], [1, 2]])
    assert schur_complement(game) == sp.Matrix([[sp.Rational(3, 2)]])
    assert total_hessian(game) == sp.Matrix([[1]])


def test_the_first_trap_schur_complement_is_not_the_total_hessian():
    game = Game(Player(x**2 + x*y + y + x + x*y**2, x),
                Player(y**2/2 + x*y + x**2*y, y))
    at = {x: 0, y: 0}
    assert total_derivative(game).subs(at) == sp.Matrix([0])
    assert schur_complement(game).subs(at) == sp.Matrix([1])
    assert total_hessian(game).subs(at) == sp.Matrix([-2])
    response = -x - x**2                                  # solves D2 f2 = 0 exactly
    assert sp.diff(game.costs[0].subs(y, response), x, 2).subs(x, 0) == -2


def test_off_the_reaction_curve_the_schur_complements_of_a_zero_sum_game_differ():
    game = zero_sum(x*y - y**2/2 + x*y**2, x, y)
    at = {x: 0, y: 1}
    values = {schur_complement(game).subs(at)[0], total_hessian(game).subs(at)[0]}
    assert values == {-3, 9}
    assert schur(stackelberg_jacobian(game), 1).subs(at)[0] == total_hessian(game).subs(at)[0]


def test_parameters_stay_symbols():
    game = zero_sum(a*x*y - b*y**2/2, x, y, parameters={a: 0.15, b: 0.25})
    assert implicit_derivative(game) == sp.Matrix([a/b])
    assert schur_complement(game) == sp.Matrix([a**2/b])


def test_blocks_have_the_rows_and_columns_they_name():
    f1, f2 = x1*y1**2 + x2*y1, y1*x1*x2**3 + y1**2*x2
    game = Game(Player(f1, [x1, x2]), Player(f2, y1))
    assert hessian_block(game, 1, 1, 0) == sp.Matrix([[x2**3, 3*x1*x2**2 + 2*y1]])
    assert hessian_block(game, 0, 0, 1) == sp.Matrix([2*y1, 1])
    assert hessian_block(game, 1, 1, 1) == follower_jacobian(game) == sp.Matrix([2*x2])
    for player in (-1, 2):
        with pytest.raises(GameError, match="counted from 0"):
            hessian_block(game, 0, player, 0)


# Series of the response: the response to order 2, by undetermined coefficients

def series_of_response(game, at):
    """Gradient and Hessian at 0 of t -> f1(at1 + t, r(at1 + t)), from the definition."""
    lead = game.players[0].actions
    rest = game.variables[len(lead):]
    t = sp.symbols(f"t:{len(lead)}")
    s = sp.Symbol("s")
    monomials = [*t, *(t[i]*t[j] for i in range(len(t)) for j in range(i + 1))]
    unknown = [[sp.Symbol(f"c{k}_{m}") for m in range(len(monomials))]
               for k in range(len(rest))]
    put = {v: at[v] + dt for v, dt in zip(lead, t)}
    put |= {v: at[v] + sum(c*m for c, m in zip(row, monomials))
            for v, row in zip(rest, unknown)}

    def jet(f):
        scaled = sp.expand(f.subs(put, simultaneous=True).subs({v: s*v for v in t}))
        return sum(scaled.coeff(s, k) for k in range(3))

    equations = []
    for player in game.players[1:]:
        for action in player.actions:
            equations += sp.Poly(jet(sp.diff(player.cost, action)), *t).coeffs()
    flat = [c for row in unknown for c in row]
    # Solve order 1 first: order 2 is linear once it is known.
    linear = sp.solve([e for e in equations if sp.Poly(e, *flat).total_degree() == 1
                       and not e.free_symbols - {c for r in unknown for c in r[:len(t)]}],
                      [c for r in unknown for c in r[:len(t)]], dict=True)[0]
    quadratic = sp.solve([e.subs(linear) for e in equations],
                         [c for r in unknown for c in r[len(t):]], dict=True)[0]
    f1 = jet(game.costs[0]).subs(linear).subs(quadratic)
    zero = {v: 0 for v in t}
    return (sp.Matrix([sp.diff(f1, v).subs(zero) for v in t]),
            sp.hessian(f1, t).subs(zero))


small = st.integers(-3, 3)


@st.composite
def cubic_games(draw, sizes):
    """Cubic games, and a point on the reaction curve where D22 f2 is regular."""
    lead, follow = [x1, x2][:sizes[0]], [y1, y2][:sizes[1]]
    variables = [*lead, *follow]
    at = {v: draw(st.integers(-1, 1)) for v in variables}
    shifted = [v - at[v] for v in variables]
    f1 = sum(draw(small)*m for m in sorted(sp.itermonomials(shifted, 3), key=str))
    monomials = sorted(sp.itermonomials(shifted, 3, 2), key=str)
    # D2 f2 = 0 at the point, and D22 f2 diagonally dominant there.
    f2 = sum(draw(small)*m for m in monomials)
    for v in follow:
        f2 += draw(st.sampled_from([-13, 13]))*(v - at[v])**2
    return Game(Player(sp.expand(f1), lead), Player(sp.expand(f2), follow)), at


@settings(deadline=None, max_examples=8)
@given(st.sampled_from([(1, 1), (1, 2), (2, 1), (2, 2)]).flatmap(cubic_games))
def test_total_derivatives_are_those_of_the_response(case):
    game, at = case
    gradient, hessian = series_of_response(game, at)
    assert total_derivative(game).subs(at) == gradient
    assert total_hessian(game).subs(at) == hessian
    jacobian = stackelberg_jacobian(game).subs(at)
    assert schur(jacobian, game.sizes[0]) == hessian          # Proposition 1


@settings(deadline=None, max_examples=6)
@given(st.lists(small, min_size=9, max_size=9), st.lists(small, min_size=9, max_size=9))
def test_schur_complement_of_js_is_the_total_hessian_everywhere(c, d):
    """Proposition 1 as an identity in x and y, not only at points."""
    monomials = [x, y, x**2, x*y, x**3, x**2*y, x*y**2, y**3, x**4]
    f1 = sum(k*m for k, m in zip(c, monomials))
    f2 = 7*y**2 + sum(k*m for k, m in zip(d, monomials))
    game = Game(Player(f1, x), Player(f2, y))
    # The definition: apply d/dx + r' d/dy twice to f1.
    slope = -sp.diff(f2, x, y)/sp.diff(f2, y, 2)

    def along(f):
        return sp.diff(f, x) + slope*sp.diff(f, y)

    assert sp.simplify(total_derivative(game)[0] - along(f1)) == 0
    assert sp.simplify(total_hessian(game)[0] - along(along(f1))) == 0
    field = sp.Matrix([along(f1), sp.diff(f2, y)])
    assert same(stackelberg_jacobian(game), field.jacobian([x, y]))


@settings(deadline=None, max_examples=10)
@given(st.lists(small, min_size=10, max_size=10))
@example([0, 0, 0, 1, 0, 0, 0, 0, 0, 0])
def test_in_zero_sum_games_the_schur_complements_agree_where_d2f_vanishes(c):
    """theory: f = p(x) + w^2 q(x, y) with w = y - x - x^2 has D2 f = 0 on w = 0."""
    w = y - x - x**2
    q = -sp.Rational(9, 2) + sum(k*m for k, m in zip(c, [x, y, x*y, y**2, x**2, x**2*y]))
    f = sum(k*m for k, m in zip(c[6:], [x**2, x**3, x**4, x])) + w**2*q
    game = zero_sum(f, x, y)
    assert sp.expand(game_gradient(game)[1].subs(y, x + x**2)) == 0
    gap = schur_complement(game)[0] - total_hessian(game)[0]
    for point in (0, sp.Rational(1, 7), -sp.Rational(3, 11)):
        assert sp.nsimplify(gap.subs(y, x + x**2).subs(x, point)) == 0
    if c[3] == 1 and not any(c[:3]):                     # and nowhere else
        assert gap.subs({x: 1, y: 1}) != 0


# Finite differences of costs that know nothing of SymPy, at 100 digits

def gap_to_finite_differences(tau, eta):
    m = mpmath.mp

    def f1(u):
        return m.exp(u[0]*u[2]) + m.sin(u[1])*u[3] + u[2]**2*u[3] + u[0]*u[1]

    def f2(u):
        return m.cosh(u[2]) + u[3]**2 + m.log(3 + u[0]**2)*u[2]*u[3]/4 + u[1]*u[3]**3

    def d(f, i, h=m.mpf(10)**-20):
        def derivative(u):
            up, down = list(u), list(u)
            up[i] += h
            down[i] -= h
            return (f(up) - f(down))/(2*h)
        return derivative

    def omega_s(u):
        D = m.matrix(2, 2)
        C = m.matrix(2, 2)
        for i in range(2):
            for j in range(2):
                D[i, j] = d(d(f2, 2 + i), 2 + j)(u) + (eta if i == j else 0)
                C[i, j] = d(d(f2, 2 + i), j)(u)
        v = m.lu_solve(D.T, m.matrix([d(f1, 2)(u), d(f1, 3)(u)]))
        lead = m.matrix([d(f1, 0)(u), d(f1, 1)(u)]) - C.T*v
        return [*lead, *(tau*d(f2, i)(u) for i in (2, 3))]

    g1 = sp.exp(x1*y1) + sp.sin(x2)*y2 + y1**2*y2 + x1*x2
    g2 = sp.cosh(y1) + y2**2 + sp.log(3 + x1**2)*y1*y2/4 + x2*y2**3
    game = Game(Player(g1, [x1, x2]), Player(g2, [y1, y2]))
    point = [m.mpf(3)/10, -m.mpf(7)/10, m.mpf(2)/5, m.mpf(9)/10]
    at = dict(zip(game.variables, (sp.Rational(n, 10) for n in (3, -7, 4, 9))))
    gap = m.mpf(0)
    value = omega_s(point)
    for i in range(2):
        exact = total_derivative(game, eta)[i].subs(at).evalf(60)
        gap = max(gap, abs(mpmath.mpmathify(exact) - value[i]))
    jacobian = stackelberg_jacobian(game, tau, eta).subs(at).evalf(60)
    for j in range(4):
        h = m.mpf(10)**-12
        up, down = list(point), list(point)
        up[j] += h
        down[j] -= h
        for i, (p, q) in enumerate(zip(omega_s(up), omega_s(down))):
            gap = max(gap, abs(mpmath.mpmathify(jacobian[i, j]) - (p - q)/(2*h)))
    return gap


@pytest.mark.parametrize("tau, eta", [(1, 0), (3, 2)])
def test_stackelberg_jacobian_against_finite_differences(tau, eta):
    with mpmath.workdps(100):
        assert gap_to_finite_differences(tau, eta) < mpmath.mpf(10)**-18


# More than two players

def test_three_players_answer_with_their_joint_response():
    f1 = x**2 + x*y - 3*x*z + 2*y*z + y**2 + 5*z
    f2 = y**2 + 3*y*z - x*y + 2*y                  # the followers' joint Jacobian
    f3 = 2*z**2 - y*z + 4*x*z                      # [[2, 3], [-1, 4]] is not symmetric
    game = Game(Player(f1, x), Player(f2, y), Player(f3, z))
    response = sp.solve([2*y + 3*z - x + 2, 4*z - y + 4*x], [y, z])
    assert implicit_derivative(game) == sp.Matrix([sp.diff(response[y], x),
                                                   sp.diff(response[z], x)])
    along = f1.subs(response)
    assert sp.expand(total_derivative(game)[0].subs(response) - sp.diff(along, x)) == 0
    assert total_hessian(game) == sp.Matrix([sp.diff(along, x, 2)])
    assert same(schur(stackelberg_jacobian(game), 1), total_hessian(game))
    assert schur_complement(game) == schur(game_jacobian(game), 1)


def test_three_nonlinear_players():
    f1 = x**2*y + z**2 + x*z
    f2 = sp.cosh(y) + x*y*z + y**2
    f3 = 2*z**2 + x**2*z - y*z**2
    game = Game(Player(f1, x), Player(f2, y), Player(f3, z))
    D = sp.Matrix([sp.diff(f2, y), sp.diff(f3, z)]).jacobian([y, z])
    C = sp.Matrix([sp.diff(f2, x, y), sp.diff(f3, x, z)])
    lead = sp.diff(f1, x) - (sp.Matrix([[sp.diff(f1, y), sp.diff(f1, z)]])*D.inv()*C)[0]
    field = sp.Matrix([lead, sp.diff(f2, y), sp.diff(f3, z)])
    at = {x: sp.Rational(2, 3), y: sp.Rational(-1, 2), z: sp.Rational(5, 7)}
    gap = (stackelberg_jacobian(game) - field.jacobian([x, y, z])).subs(at).evalf(40)
    assert max(map(abs, gap)) < sp.Float("1e-30")


# Regularisation

def test_regularised_jacobian_of_a_quadratic_zero_sum_game():
    """theory: det J_S(eta) = det S1 det D, and the blocks in closed form."""
    A, B = sp.Matrix([[1, 2], [2, -3]]), sp.Matrix([[1, -2], [3, 1]])
    D = sp.Matrix([[2, 1], [1, 3]])
    u, w = sp.Matrix([x1, x2]), sp.Matrix([y1, y2])
    game = zero_sum((u.T*A*u/2 + u.T*B*w - w.T*D*w/2)[0], [x1, x2], [y1, y2])
    eta = sp.Symbol("eta", real=True)
    inverse = (D + eta*sp.eye(2)).inv()
    expected = sp.Matrix(sp.BlockMatrix([[A + B*inverse*B.T, eta*B*inverse], [-B.T, D]]))
    jacobian = stackelberg_jacobian(game, eta=eta)
    assert same(jacobian, expected)
    assert sp.simplify(jacobian.det() - (A + B*D.inv()*B.T).det()*D.det()) == 0


def test_bilinear_games_need_regularisation():
    game = zero_sum(x*y, x, y)
    for form in (implicit_derivative, total_derivative, total_hessian, schur_complement,
                 stackelberg_jacobian):
        with pytest.raises(GameError, match="singular everywhere.*eta > 0"):
            form(game)
    assert total_derivative(game, eta=2) == sp.Matrix([y + x/2])
    assert stackelberg_jacobian(game, eta=2) == sp.Matrix([[sp.Rational(1, 2), 1], [-1, 0]])


def test_a_hessian_that_is_zero_in_disguise_is_singular():
    disguised = sp.sin(x)**2 + sp.cos(x)**2 - 1
    game = Game(Player(x*y, x), Player(disguised*y**2 + x*y, y))
    with pytest.raises(GameError, match="singular everywhere"):
        implicit_derivative(game)


def test_a_singular_hessian_of_two_variables_without_zero_entries():
    game = Game(Player(x*y1, x), Player((y1 + y2)**2*sp.exp(x), [y1, y2]))
    with pytest.raises(GameError, match="singular everywhere"):
        total_derivative(game)


def test_a_hessian_that_is_complex_near_zero_is_not_called_singular():
    game = Game(Player(x*y, x), Player(y**2*sp.log(x - 100) + x*y, y))
    slope = -(2*y/(x - 100) + 1)/(2*sp.log(x - 100))
    assert same(implicit_derivative(game), [slope])


def test_pivots_that_are_zero_in_disguise_do_not_divide():
    # D22 f2 = [[0 in disguise, 1], [1, 0]]
    disguised = (sp.sin(x)**2 + sp.cos(x)**2 - 1)*y1**2
    game = Game(Player(y1 + 3*y2, x), Player(disguised + y1*y2 + x*y1 + x**2*y2, [y1, y2]))
    response = implicit_derivative(game).subs({x: 2, y1: 0, y2: 0})
    assert same(response, sp.Matrix([-4, -1]))


def test_followers_that_do_not_meet_are_solved_apart():
    ys = sp.symbols("w0:12", real=True)
    cost = sum(sp.cosh(w)*(1 + k) - x*w for k, w in enumerate(ys))
    game = Game(Player(sum(ys), x), Player(cost, ys))
    assert implicit_derivative(game) == sp.Matrix(
        [1/((1 + k)*sp.cosh(w)) for k, w in enumerate(ys)])


def test_a_derivative_without_a_formula_is_refused_by_name():
    game = Game(Player(sp.polygamma(x, y), x), Player(y**2 + x*y, y))
    with pytest.raises(UnsupportedFunction, match=r"polygamma\(x, y\) by x"):
        game_gradient(game)


def test_rates_are_checked():
    assert ratio(sp.Symbol("tau")) == sp.Symbol("tau")
    assert regularisation(0) == 0
    for tau in (0, -1):
        with pytest.raises(GameError, match="tau.*positive"):
            ratio(tau)
    with pytest.raises(GameError, match="eta.*zero or positive"):
        regularisation(-0.5)
    with pytest.raises(GameError, match="real number"):
        ratio("fast")
