r"""Derivatives of a hierarchy: stacked gradients, total Hessians and responses, exact.

Let x_j be the actions of level j = 1, ..., L of a `Hierarchy` and y those of all lower levels.
From the bottom up,

    G_L = F_L,  F_{L,i} = D_i f_i,        G_j = (F_j, G_{j+1}),
    F_{j,i} = D_i f_i - (D_i G_{j+1})^T (D_y G_{j+1})^-T D_y f_i

for the players i of level j, and the equilibria of the hierarchy are zeros of G_1.

What F and its derivative mean.  Where G_{j+1}(x_1, ..., x_j, y) = 0 and D_y G_{j+1} is
invertible, y = r(x_1, ..., x_j) solves that system near the point, with
D_i r = -(D_y G_{j+1})^-1 D_i G_{j+1}.  Let player i of level j move alone, everything of its
own level and above held fixed, and phi(x_i) = f_i(.., x_i, r(.., x_i)).  By the chain rule

    D phi = D_i f_i + (D_i r)^T D_y f_i = F_{j,i}(.., x_i, r(.., x_i)),                   (1)

an identity in x_i along the curve c(x_i) = (.., x_i, r(.., x_i)), on which G_{j+1} = 0.  Both
sides of (1) may therefore be differentiated along c, whose velocity is (I, D_i r):

    D^2 phi = D_i F_{j,i} - (D_y F_{j,i}) (D_y G_{j+1})^-1 (D_i G_{j+1}),                 (2)

the total Hessian: symmetric there, as a second derivative is.  If it is positive definite for
every player at a zero of G_1, each player is at a strict local minimum of its cost, given that
those below answer by r.  Off the set G_{j+1} = 0 both formulas are extensions, as omega_S is:
(1) is then no derivative, and (2) need not be symmetric.

For two levels with one leader these are the formulas of `derivatives`; with one level F is
omega.  F_1 of a chain of L levels holds derivatives of order L of the lowest cost.

Parameters stay symbols here; substitute ``game.parameters`` for values.  Reference: T. Basar,
G. J. Olsder, Dynamic noncooperative game theory, 2nd ed., SIAM 1999, section 3.6.
"""

from __future__ import annotations

from functools import lru_cache

import sympy as sp
from sympy import ImmutableMatrix as Matrix

from ..declaration.hierarchy import Hierarchy
from ..errors import GameError
from .derivatives import diff, jacobian, solved_apart

__all__ = ["cleared_gradient", "hierarchy_gradient_column", "hierarchy_hessians",
           "hierarchy_jacobian", "response_derivatives", "responses"]

#: Lower levels' formulas with more operations are left as they are derived.
_SHORT = 400


def hierarchy_gradient_column(hierarchy: Hierarchy) -> Matrix:
    """The stacked gradient G_1 of a hierarchy, an n x 1 column in declared order.

    Its zeros are the critical points of the hierarchy; the rows of player i are its total
    derivative F_{j,i} along the response of all lower levels.

    Raises `GameError` where D_y G of a level is singular everywhere, so that the levels above
    see no response.

    >>> x, y, z = sp.symbols("x y z", real=True)
    >>> from gameanalysis.declaration.game import Game, Player
    >>> game = Game(Player(x**2/2 - z, x), Player(y**2/2 - x*y, y), Player(z**2/2 - y*z, z))
    >>> hierarchy_gradient_column(Hierarchy(game, [0, 1, 2]))
    Matrix([
    [ x - 1],
    [-x + y],
    [-y + z]])
    """
    rows = _stack(hierarchy, 0)
    return Matrix([rows[k] for k in range(len(rows))])


def hierarchy_jacobian(hierarchy: Hierarchy) -> Matrix:
    """The Jacobian D G_1, n x n, of which the spectrum decides stability.

    Rows and columns in declared order; errors are those of `hierarchy_gradient_column`.
    """
    return jacobian(hierarchy_gradient_column(hierarchy), hierarchy.variables)


def hierarchy_hessians(hierarchy: Hierarchy) -> tuple[Matrix, ...]:
    """The total Hessian of each player, in the order of ``game.players``: formula (2).

    The second derivative of the player's cost in its own actions along the lower levels'
    response, where the lower levels' system is zero.  Positive definite for all players at a
    zero of the gradient: an equilibrium of the hierarchy.

    >>> x, y = sp.symbols("x y", real=True)
    >>> from gameanalysis.declaration.game import Game, Player
    >>> game = Game(Player(2*y, x), Player(y**2/2 - x**2*y, y))
    >>> hierarchy_hessians(Hierarchy(game, [0, 1]))
    (Matrix([[4]]), Matrix([[1]]))
    """
    variables = hierarchy.variables
    found = []
    for player in range(hierarchy.game.n_players):
        level = hierarchy.level_of(player)
        own = [variables[k] for k in hierarchy.actions(player)]
        stacked = _stack(hierarchy, level)
        column = Matrix([stacked[k] for k in hierarchy.actions(player)])
        hessian = jacobian(column, own)
        below = hierarchy.at_or_below(level + 1)
        if below:
            lower = Matrix([stacked[k] for k in below])
            y = [variables[k] for k in below]
            slopes = _solved(hierarchy, level, jacobian(lower, y), jacobian(lower, own))
            hessian = Matrix(hessian - jacobian(column, y) * slopes)
        found.append(hessian)
    return tuple(found)


def response_derivatives(hierarchy: Hierarchy) -> tuple[Matrix, ...]:
    """D r_j = -(D_y G_{j+1})^-1 D_{x_j} G_{j+1} for each level j but the lowest.

    Rows are the actions of all lower levels in the order of moves, columns those of level j.
    They are derivatives of the response where the lower levels' system is zero.

    >>> x, y = sp.symbols("x y", real=True)
    >>> from gameanalysis.declaration.game import Game, Player
    >>> response_derivatives(Hierarchy(Game(Player(y, x), Player(y**2/2 - x**2*y, y)), [0, 1]))
    (Matrix([[2*x]]),)
    """
    variables = hierarchy.variables
    found = []
    for level in range(hierarchy.n_levels - 1):
        stacked, below = _stack(hierarchy, level + 1), hierarchy.at_or_below(level + 1)
        own = [variables[k] for player in hierarchy.levels[level]
               for k in hierarchy.actions(player)]
        lower = Matrix([stacked[k] for k in below])
        y = [variables[k] for k in below]
        found.append(Matrix(-_solved(hierarchy, level, jacobian(lower, y),
                                     jacobian(lower, own))))
    return tuple(found)


def responses(hierarchy: Hierarchy) -> tuple[dict[sp.Symbol, sp.Expr], ...]:
    """The responses in closed form, where every level's system is affine.

    Entry j maps the actions of level j and of all lower ones to formulas in the actions of
    the levels above.  Entry 0 is the equilibrium itself, in the parameters alone.  They hold
    for all values of the parameters at which no denominator vanishes.

    Raises `GameError` for a level whose system is not affine in its unknowns, or singular.

    >>> x, y, a = sp.symbols("x y a", real=True)
    >>> from gameanalysis.declaration.game import Game, Player
    >>> game = Game(Player(x**2 - x*(a - y), x), Player(y**2 - y*(a - x), y), parameters={a: 1})
    >>> responses(Hierarchy(game, [0, 1]))
    ({x: a/2, y: a/4}, {y: a/2 - x/2})
    """
    found = []
    for level in range(hierarchy.n_levels):
        unknown = hierarchy.at_or_below(level)
        stacked = _stack(hierarchy, level)
        y = [hierarchy.variables[k] for k in unknown]
        column = Matrix([sp.cancel(sp.together(stacked[k])) for k in unknown])
        matrix = jacobian(column, y)
        if any(entry.simplify().free_symbols.intersection(y) for entry in matrix):
            raise GameError(f"the system of level {level + 1} is not affine in "
                            f"{', '.join(map(str, y))}, so its response has no such closed "
                            f"form: search for points with analyze_hierarchy")
        at_zero = column.subs(dict.fromkeys(y, 0))
        solution = _solved(hierarchy, level - 1, Matrix(matrix.applyfunc(sp.simplify)),
                           Matrix(-at_zero))
        found.append({v: sp.expand(sp.cancel(e)) for v, e in zip(y, solution)})
    return tuple(found)


def cleared_gradient(hierarchy: Hierarchy) -> tuple[list[sp.Expr], list[sp.Expr]]:
    """A system without denominators that has the zeros of G_1, and what must not vanish.

    From the bottom up G~_L = F_L, and with M = D_y G~_{j+1} each player of level j has

        F~_{j,i} = det M D_i f_i - (D_i G~_{j+1})^T adj(M)^T D_y f_i.

    Where G~_{j+1} = 0 and the determinants below are not zero, D G~_{j+1} is D G_{j+1} with
    rows multiplied by numbers that are not zero, so F~_{j,i} = det M F_{j,i} there: by
    induction both systems have the same zeros where all determinants are not zero.

    Returns the system in declared order, parameters as symbols, and one determinant for each
    level but the lowest.
    """
    game, variables = hierarchy.game, hierarchy.variables
    stacked: dict[int, sp.Expr] = {}
    determinants: list[sp.Expr] = []
    for level in reversed(range(hierarchy.n_levels)):
        below = hierarchy.at_or_below(level + 1)
        y = [variables[k] for k in below]
        lower = Matrix([stacked[k] for k in below])
        if below:
            determinant, adjugate = _minors(jacobian(lower, y))
            determinants.insert(0, determinant)
        for player in hierarchy.levels[level]:
            cost = game.costs[player]
            for k in hierarchy.actions(player):
                value = diff(cost, variables[k])
                if below:
                    slope = adjugate.T * Matrix([diff(cost, v) for v in y])
                    cross = jacobian(lower, [variables[k]])
                    value = determinant * value - (cross.T * slope)[0, 0]
                stacked[k] = value
    return [stacked[k] for k in range(len(variables))], determinants


@lru_cache(maxsize=64)
def _stack(hierarchy: Hierarchy, top: int) -> dict[int, sp.Expr]:
    """G of level ``top``: the rows of its players and of all lower ones, by variable."""
    if top == hierarchy.n_levels:
        return {}
    game, variables = hierarchy.game, hierarchy.variables
    # What is differentiated again is kept short; the rows of one level stand as derived.
    below = hierarchy.at_or_below(top + 1)
    stacked = {k: _shortened(e) for k, e in _stack(hierarchy, top + 1).items()}
    y = [variables[k] for k in below]
    lower = Matrix([stacked[k] for k in below])
    for player in hierarchy.levels[top]:
        actions = hierarchy.actions(player)
        own = [variables[k] for k in actions]
        column = Matrix([diff(game.costs[player], v) for v in own])
        if below:
            slope = Matrix([diff(game.costs[player], v) for v in y])
            multiplier = _solved(hierarchy, top, Matrix(jacobian(lower, y).T), slope)
            column = Matrix(column - jacobian(lower, own).T * multiplier)
        stacked.update(zip(actions, column))
    return stacked


def _shortened(expression: sp.Expr) -> sp.Expr:
    """One reduced fraction, where that is cheap."""
    free = sorted(expression.free_symbols, key=str)
    if sp.count_ops(expression) > _SHORT or not expression.is_rational_function(*free):
        return expression
    if expression.is_polynomial(*free):
        return expression
    return sp.cancel(expression)


def _solved(hierarchy: Hierarchy, level: int, matrix: Matrix, right: Matrix) -> Matrix:
    """matrix^-1 right; ``level`` is the one above the system."""
    return solved_apart(
        matrix, right, lambda block: _minors(block.applyfunc(_shortened)),
        f"in the hierarchy {hierarchy.name} the system of level {level + 2} is singular "
        f"everywhere (as in a bilinear game), so it has no response: add a small multiple "
        f"of the square of an action to a cost of that level or below")


def _minors(matrix: Matrix) -> tuple[sp.Expr, Matrix]:
    """det M and adj M by minors, each once; SymPy's own expand or cancel on the way."""
    memo: dict[tuple[tuple[int, ...], tuple[int, ...]], sp.Expr] = {((), ()): sp.S.One}

    def minor(rows: tuple[int, ...], columns: tuple[int, ...]) -> sp.Expr:
        if (rows, columns) not in memo:
            memo[rows, columns] = sp.Add(*(
                (-1)**k * matrix[rows[0], column]
                * minor(rows[1:], columns[:k] + columns[k + 1:])
                for k, column in enumerate(columns) if matrix[rows[0], column] != 0))
        return memo[rows, columns]
    every = tuple(range(matrix.rows))
    without = [every[:k] + every[k + 1:] for k in every]
    return minor(every, every), Matrix(matrix.rows, matrix.rows, lambda i, j: (
        (-1)**(i + j) * minor(without[j], without[i])))
