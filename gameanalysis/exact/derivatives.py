r"""Derivatives of a game: every block, complement and total derivative, exact.

Player 1 leads with x1, all the others follow with x2, their joint action.
With the followers' own gradients stacked as g2 (two players: g2 = D2 f2),

    omega = (D1 f1, g2),       J = D omega = [[A, B], [C, D]],
    A = D11 f1,  B = D12 f1,   C = D1 g2,  D = D2 g2   (C = D21 f2, D = D22 f2).

Where D is invertible, g2(x1, r(x1)) = 0 defines the response r, with
Dr = -D^-1 C.  Write P = [[I], [Dr]] and v = D^-T D2 f1, and let
H = Hessian of (f1 - v . g2) with v held constant.  Then

    D f1   = D1 f1 - C^T v                total derivative of f1(x1, r(x1)),
    omega_S = (D f1, g2),                 J_S = D omega_S = [[P^T H], [C, D]],
    D^2 f1 = P^T H P                      total Hessian,
    S1(J)  = A - B D^-1 C                 Schur complement.

D^2 f1 = S1(J_S) in every game; S1(J) is neither, except in a zero-sum game
where g2 = 0.  For two players D is symmetric; for more it need not be, hence
the transpose in v.  Reference: Fiez, Chasnov and Ratliff, Implicit learning
dynamics in Stackelberg games, ICML 2020, sections 2 and 3 (Proposition 1).

Parameters stay symbols here; substitute ``game.parameters`` for values.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import mpmath
import sympy as sp
from sympy import ImmutableMatrix as Matrix

from ..declaration.costs import Number, exact
from ..declaration.game import Game
from ..errors import GameError, UnsupportedFunction

__all__ = ["game_gradient", "game_jacobian", "hessian_block", "follower_jacobian",
           "implicit_derivative", "total_derivative", "total_hessian",
           "schur_complement", "stackelberg_jacobian", "jacobian", "ratio",
           "regularisation"]


def game_gradient(game: Game) -> Matrix:
    """The game's gradient omega = (D1 f1, ..., Dn fn), an n x 1 column.

    Each player's cost is differentiated by its own actions only, in declared
    order.  Exact, parameters as symbols.

    >>> x, y = sp.symbols("x y", real=True)
    >>> from gameanalysis.declaration.game import zero_sum
    >>> game_gradient(zero_sum(x*y - y**2/2, x, y))
    Matrix([
    [     y],
    [-x + y]])
    """
    return Matrix([diff(player.cost, action)
                   for player in game.players for action in player.actions])


def game_jacobian(game: Game) -> Matrix:
    """The game's Jacobian J = D omega, n x n, with blocks D_ij f_i.

    >>> x, y = sp.symbols("x y", real=True)
    >>> from gameanalysis.declaration.game import zero_sum
    >>> game_jacobian(zero_sum(x*y - y**2/2, x, y))
    Matrix([
    [ 0, 1],
    [-1, 1]])
    """
    return jacobian(game_gradient(game), game.variables)


def hessian_block(game: Game, player: int, row: int, column: int) -> Matrix:
    """The block of second derivatives D_(row, column) f_player.

    Players are counted from 0, as in `Game.reordered`: the follower's Hessian
    D22 f2 is ``hessian_block(game, 1, 1, 1)`` and D21 f2 is
    ``hessian_block(game, 1, 1, 0)``.  The shape is (actions of ``row``,
    actions of ``column``).  Raises `GameError` for a player that is not there.

    >>> x, y = sp.symbols("x y", real=True)
    >>> from gameanalysis.declaration.game import zero_sum
    >>> hessian_block(zero_sum(x*y - y**2/2, x, y), 1, 1, 1)
    Matrix([[1]])
    """
    for index in (player, row, column):
        if not 0 <= index < game.n_players:
            raise GameError(f"there is no player {index} among {game.n_players} "
                            f"(they are counted from 0)")
    rows, columns = game.players[row].actions, game.players[column].actions
    return jacobian(Matrix([diff(game.costs[player], a) for a in rows]), columns)


def follower_jacobian(game: Game) -> Matrix:
    """The Jacobian D of the followers' own gradients by their own actions.

    With two players this is the follower's Hessian D22 f2, symmetric; with
    more it is the Jacobian of the game that the followers play among
    themselves, which takes the place of that Hessian.

    >>> x, y = sp.symbols("x y", real=True)
    >>> from gameanalysis.declaration.game import zero_sum
    >>> follower_jacobian(zero_sum(x*y - x*y**2, x, y))
    Matrix([[2*x]])
    """
    return jacobian(_split(game)[1], _followers(game))


def implicit_derivative(game: Game) -> Matrix:
    """The response's derivative Dr = -D^-1 C; two players: -(D22 f2)^-1 D21 f2.

    It is the derivative of the response r where D2 f2 = 0 holds; elsewhere it
    is the same formula, the derivative along the level set of D2 f2 through
    the point.  Shape (followers' actions, leader's actions).

    Raises `GameError` where D is singular everywhere, as in a bilinear game.

    >>> x, y = sp.symbols("x y", real=True)
    >>> from gameanalysis.declaration.game import zero_sum
    >>> implicit_derivative(zero_sum(x**2*y - y**2/2, x, y))
    Matrix([[2*x]])
    """
    return Matrix(_solve(follower_jacobian(game), -_cross(game)))


def total_derivative(game: Game, eta: Number = 0) -> Matrix:
    """The leader's total derivative D f1 = D1 f1 - D21 f2^T (D22 f2)^-1 D2 f1.

    The gradient of x1 -> f1(x1, r(x1)) where D2 f2 = 0 holds.  Elsewhere it is
    the direction in which the leader moves in the Stackelberg gradient, not
    the gradient of anything.  With ``eta`` > 0 the regularised inverse
    (D22 f2 + eta I)^-1 takes its place, and the claim no longer holds.
    With more players the inverse is that of the transposed joint Jacobian.

    Parameters: ``eta``, a number >= 0 or a symbol, in units of D22 f2.
    Returns a column, one row for each action of the leader.
    Raises `GameError` where the matrix to invert is singular everywhere.

    >>> x, y = sp.symbols("x y", real=True)
    >>> from gameanalysis.declaration.game import zero_sum
    >>> total_derivative(zero_sum(x*y - y**2/2, x, y))
    Matrix([[x]])
    """
    return Matrix(_split(game)[0] - _cross(game).T * _multiplier(game, eta))


def total_hessian(game: Game) -> Matrix:
    """The leader's total Hessian D^2 f1, along the followers' response.

    The second derivative of x1 -> f1(x1, r(x1)) where D2 f2 = 0 holds, as the
    reduced Hessian P^T H P of the module's introduction; it equals S1(J_S)
    everywhere.  In general it is not the Schur complement S1(J).

    Raises `GameError` where the followers' Jacobian is singular everywhere.

    >>> x, y = sp.symbols("x y", real=True)
    >>> from gameanalysis.declaration.game import Game, Player
    >>> total_hessian(Game(Player(2*y, x), Player(y**2/2 - x**2*y, y)))
    Matrix([[4]])
    """
    reduction = Matrix.vstack(sp.eye(game.sizes[0]), implicit_derivative(game))
    return Matrix(reduction.T * _lagrangian_hessian(game, 0) * reduction)


def schur_complement(game: Game) -> Matrix:
    """The Schur complement S1(J) = A - B D^-1 C of the game's Jacobian.

    In a zero-sum game it equals the leader's total Hessian where D2 f2 = 0.
    In a general-sum game it does not: use `total_hessian` to judge a
    Stackelberg equilibrium.

    Raises `GameError` where D is singular everywhere.

    >>> x, y = sp.symbols("x y", real=True)
    >>> from gameanalysis.declaration.game import zero_sum
    >>> schur_complement(zero_sum(x*y - y**2/2, x, y))
    Matrix([[1]])
    """
    own = _split(game)[0]
    return Matrix(jacobian(own, game.players[0].actions)
                  + jacobian(own, _followers(game)) * implicit_derivative(game))


def stackelberg_jacobian(game: Game, tau: Number = 1, eta: Number = 0) -> Matrix:
    """The Jacobian J_S of the Stackelberg gradient omega_S, n x n.

    The followers' rows are multiplied by ``tau``, and the inverse in the
    leader's rows is that of D22 f2 + ``eta`` I (eq. 4 of the paper).

    Parameters: ``tau`` > 0, the ratio of the learning rates, and ``eta`` >= 0,
    in units of D22 f2; numbers or symbols.
    Raises `GameError` where the matrix to invert is singular everywhere.

    >>> x, y = sp.symbols("x y", real=True)
    >>> from gameanalysis.declaration.game import zero_sum
    >>> stackelberg_jacobian(zero_sum(x*y - y**2/2, x, y), tau=3)
    Matrix([
    [ 1, 0],
    [-3, 3]])
    """
    tau, eta = ratio(tau), regularisation(eta)
    response = -_solve(_regularised(game, eta), _cross(game))
    reduction = Matrix.vstack(sp.eye(game.sizes[0]), response)
    leader = reduction.T * _lagrangian_hessian(game, eta)
    return Matrix.vstack(Matrix(leader),
                         tau * jacobian(_split(game)[1], game.variables))


def jacobian(column: Matrix, variables: Sequence[sp.Symbol]) -> Matrix:
    """The Jacobian of a column of expressions, one column for each variable.

    Raises `UnsupportedFunction` where SymPy knows no formula for a derivative.

    >>> x, y = sp.symbols("x y", real=True)
    >>> jacobian(Matrix([x*y]), [x, y])
    Matrix([[y, x]])
    """
    return Matrix(len(column), len(variables),
                  [diff(entry, z) for entry in column for z in variables])


def ratio(tau: Number) -> sp.Expr:
    """The ratio tau of the learning rates, exact: a positive number or a symbol.

    >>> ratio(0.5)
    1/2
    """
    return _checked(tau, "tau, the ratio of the learning rates,", lambda t: t > 0, "positive")


def regularisation(eta: Number) -> sp.Expr:
    """The regularisation eta, exact: a number that is not negative or a symbol.

    >>> regularisation(0.02)
    1/50
    """
    return _checked(eta, "eta, the regularisation,", lambda e: e >= 0, "zero or positive")


def _checked(value: Number, what: str, holds: Callable[[sp.Expr], bool],
             need: str) -> sp.Expr:
    if isinstance(value, sp.Symbol):
        return value
    value = exact(value, what)
    if not holds(value):
        raise GameError(f"{what} must be {need}, not {value}")
    return value


def _followers(game: Game) -> tuple[sp.Symbol, ...]:
    return game.variables[game.sizes[0]:]


def _split(game: Game) -> tuple[Matrix, Matrix]:
    """D1 f1 and g2: omega cut behind the leader's rows."""
    omega, first = game_gradient(game), game.sizes[0]
    return omega[:first, :], omega[first:, :]


def _cross(game: Game) -> Matrix:
    """C = D1 g2; two players: D21 f2."""
    return jacobian(_split(game)[1], game.players[0].actions)


def _regularised(game: Game, eta: sp.Expr) -> Matrix:
    matrix = follower_jacobian(game)
    return matrix + eta * sp.eye(matrix.rows)


def _multiplier(game: Game, eta: Number) -> Matrix:
    """v = (D + eta I)^-T D2 f1."""
    cross_gradient = Matrix([diff(game.costs[0], y) for y in _followers(game)])
    return _solve(_regularised(game, regularisation(eta)).T, cross_gradient)


def _lagrangian_hessian(game: Game, eta: Number) -> Matrix:
    """H: the Hessian of f1 - v . g2 in all variables, v held constant."""
    variables = game.variables

    def hessian(f: sp.Expr) -> Matrix:
        return jacobian(Matrix([diff(f, z) for z in variables]), variables)

    result = hessian(game.costs[0])
    for weight, own in zip(_multiplier(game, eta), _split(game)[1]):
        if weight != 0:
            result -= weight * hessian(own)
    return result


def diff(expression: sp.Expr, variable: sp.Symbol) -> sp.Expr:
    """The derivative; raises `UnsupportedFunction` if SymPy leaves one unevaluated."""
    if variable not in expression.free_symbols:
        return sp.S.Zero
    derivative = expression.diff(variable)
    if derivative.has(sp.Derivative, sp.Subs):
        raise UnsupportedFunction(f"the derivative of {expression} by {variable} "
                                  f"has no formula")
    return derivative


def _solve(matrix: Matrix, right: Matrix) -> Matrix:
    """matrix^-1 right.  Exact, for display: cost grows as for an adjugate."""
    return solved_apart(
        matrix, right, lambda block: (block.det(method="berkowitz"),
                                      block.adjugate(method="berkowitz")),
        "the follower's Hessian D22 f2 is singular everywhere (as in a bilinear "
        "game): regularise with eta > 0, e.g. stackelberg_gradient(game, eta=1)")


def solved_apart(matrix: Matrix, right: Matrix,
                 minors: Callable[[Matrix], tuple[sp.Expr, Matrix]], singular: str) -> Matrix:
    """matrix^-1 right; unknowns that do not meet are solved apart: short formulas.

    ``minors`` gives det B and adj B of a block B that is not made of rationals: no pivots, as
    an entry that is zero in disguise cannot divide.  Raises `GameError` with the message
    ``singular`` for a matrix that is singular everywhere.
    """
    if not is_invertible_somewhere(matrix):
        raise GameError(singular)
    result = sp.zeros(*right.shape)
    for indices in matrix.connected_components():
        block, part = matrix.extract(indices, indices), right.extract(indices, range(right.cols))
        if all(entry.is_Rational for entry in block):
            solution = block.LUsolve(part)
        else:
            determinant, adjugate = minors(block)
            solution = adjugate * part / determinant
        for k, index in enumerate(indices):
            result[index, :] = solution[k, :]
    return Matrix(result)


def is_invertible_somewhere(matrix: Matrix) -> bool:
    """Whether a random point shows a determinant that is not zero.

    A determinant of analytic entries that is not zero everywhere vanishes on a
    null set only, so points with 9-digit coordinates meet it by no accident.
    """
    draw = random.Random(20)
    symbols = sorted(matrix.free_symbols, key=str)
    for _ in range(3):
        point = {s: sp.Rational(draw.randint(-10**9, 10**9), 10**9) for s in symbols}
        with mpmath.workdps(60):
            rows = [[_number(entry) for entry in matrix.row(i).subs(point).evalf(60)]
                    for i in range(matrix.rows)]
            scales = [max(map(abs, row)) for row in rows]
            if not all(scales):
                continue
            scaled = mpmath.matrix([[e / s for e in row] for row, s in zip(rows, scales)])
            if abs(mpmath.det(scaled)) > mpmath.mpf(10)**-45:
                return True
    return False


def _number(value: sp.Expr) -> mpmath.mpc:
    """A value of evalf; zero where it found no digit: a zero in disguise, or a pole."""
    parts = (part if isinstance(part, sp.Float) and part._prec > 1 else 0
             for part in value.as_real_imag())
    return mpmath.mpc(*(mpmath.mpmathify(part) for part in parts))
