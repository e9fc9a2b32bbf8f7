"""gameanalysis: small differentiable games, from two formulas to proved facts.

A game is declared once, as SymPy costs; its gradients, Jacobians, critical
points, equilibrium classes and pictures are derived from that declaration.

>>> import sympy as sp
>>> import gameanalysis as ga
>>> x, y = sp.symbols("x y", real=True)
>>> game = ga.zero_sum(x*y - y**2/2, x, y)
>>> ga.schur_complement(game)
Matrix([[1]])
>>> ga.analyze(game, [(-1, 1), (-1, 1)])[0].label
'DSE, not DNE'
"""

from __future__ import annotations

__version__ = "0.1.0"

from . import catalog, parsing
from .declaration.game import Game, Player, zero_sum
from .dynamics import GameField, VectorField, simultaneous_gradient, stackelberg_gradient
from .errors import BoxError, GameError, ParseError, ShapeError, UnsupportedFunction
from .exact.derivatives import (follower_jacobian, game_gradient, game_jacobian, hessian_block,
                                implicit_derivative, schur_complement, stackelberg_jacobian,
                                total_derivative, total_hessian)
from .numerics.certify import Certificate, certify
from .numerics.critical import Candidates, find_critical_points
from .numerics.simulate import iterate
from .numerics.trajectory import Outcome, Trajectory
from .numerics.undecided import Reason, Undecided
from .programs.compiled import CompiledField, CompiledGame, compile_field, compile_game
from .truth import Truth
from .verdicts.analysis import Analysis
from .verdicts.analyze import analyze, classify
from .verdicts.classify import CriticalPoint

__all__ = [
    "Analysis", "BoxError", "Candidates", "Certificate", "CompiledField", "CompiledGame",
    "CriticalPoint", "Game", "GameError", "GameField", "Outcome", "ParseError", "Player",
    "Reason", "ShapeError", "Trajectory", "Truth", "Undecided", "UnsupportedFunction",
    "VectorField", "analyze", "catalog", "certify", "classify", "compile_field",
    "compile_game", "find_critical_points", "follower_jacobian", "game_gradient",
    "game_jacobian", "hessian_block", "implicit_derivative", "iterate", "parsing",
    "schur_complement", "simultaneous_gradient", "stackelberg_gradient",
    "stackelberg_jacobian", "total_derivative", "total_hessian", "zero_sum",
]
