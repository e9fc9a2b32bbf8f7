"""gameanalysis: small differentiable games, from two formulas to proved facts.

A game is declared once, as SymPy costs; its gradients, Jacobians, critical
points, equilibrium classes and pictures are derived from that declaration.

>>> import sympy as sp
>>> import gameanalysis as ga
>>> x, y = sp.symbols("x y", real=True)
>>> ga.schur_complement(ga.zero_sum(x*y - y**2/2, x, y))
Matrix([[1]])
"""

from .derivatives import (follower_jacobian, game_gradient, game_jacobian, hessian_block,
                          implicit_derivative, schur_complement, stackelberg_jacobian,
                          total_derivative, total_hessian)
from .dynamics import GameField, VectorField, simultaneous_gradient, stackelberg_gradient
from .errors import BoxError, GameError, ParseError, ShapeError, UnsupportedFunction
from .game import Game, Player, zero_sum
from .truth import Truth

__version__ = "0.1.0"

__all__ = [
    "BoxError", "Game", "GameError", "GameField", "ParseError", "Player", "ShapeError",
    "Truth", "UnsupportedFunction", "VectorField", "follower_jacobian", "game_gradient",
    "game_jacobian", "hessian_block", "implicit_derivative", "schur_complement",
    "simultaneous_gradient", "stackelberg_gradient", "stackelberg_jacobian",
    "total_derivative", "total_hessian", "zero_sum",
]
