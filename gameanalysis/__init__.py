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

from . import catalog, guarantees, parsing, rules, theorems
from .checkpoints import Checkpoint, CheckpointError
from .declaration.game import Game, Player, zero_sum
from .declaration.hierarchy import Hierarchy
from .dynamics import (GameField, HierarchyField, VectorField, hierarchy_gradient,
                       simultaneous_gradient, stackelberg_gradient)
from .errors import BoxError, GameError, ParseError, ShapeError, UnsupportedFunction
from .exact.anticipation import hierarchy_hessians
from .exact.derivatives import (follower_jacobian, game_gradient, game_jacobian, hessian_block,
                                implicit_derivative, schur_complement, stackelberg_jacobian,
                                total_derivative, total_hessian)
from .exact.symmetries import Symmetries, symmetries
from .learning.updates import Rule, RuleField, Update
from .motion import noise, schedules
from .motion.flow import flow
from .motion.simulate import iterate
from .motion.stochastic import stochastic_hypotheses
from .motion.trajectory import Outcome, Trajectory
from .numerics.certify import Certificate, certify
from .numerics.critical import Candidates, find_critical_points
from .numerics.undecided import Reason, Undecided
from .compilation.compiled import CompiledField, CompiledGame, compile_field, compile_game
from .statements.falsify import falsify
from .theorems import check
from .truth import Truth
from .verdicts.analysis import Analysis
from .verdicts.analyze import analyze, classify
from .verdicts.basins import Basins, basins
from .parameters.branches import Branch, Continuation, Event, EventKind
from .verdicts.classify import CriticalPoint
from .parameters.continuation import continuation
from .verdicts.hierarchic import HierarchyPoint
from .verdicts.hierarchy_search import HierarchyAnalysis
from .verdicts.local import LocalGame
from .verdicts.manifolds import ModuloSymmetry
from .verdicts.polynomial_families import PolynomialFamily
from .verdicts.stability import RuleAtPoint, StabilityTable, stability_table
from .verdicts.standstill import FixedPoint, FixedPoints, fixed_points
from .verdicts.steps import StepRange, Steps
from .parameters.sweep import Sweep, sweep

__all__ = [
    "Analysis", "Basins", "BoxError", "Branch", "Candidates", "Certificate", "Checkpoint",
    "CheckpointError", "CompiledField", "CompiledGame", "Continuation", "CriticalPoint",
    "Event", "EventKind", "FixedPoint", "FixedPoints", "Game", "GameError", "GameField",
    "Hierarchy", "HierarchyAnalysis", "HierarchyField", "HierarchyPoint", "LocalGame",
    "ModuloSymmetry", "Outcome", "ParseError", "Player", "PolynomialFamily", "Reason", "Rule",
    "RuleAtPoint", "RuleField", "ShapeError", "StabilityTable", "StepRange", "Steps", "Sweep",
    "Symmetries", "Trajectory", "Truth", "Undecided", "UnsupportedFunction", "Update",
    "VectorField", "analyze", "basins", "catalog", "certify", "check", "classify",
    "compile_field", "compile_game", "continuation", "falsify", "find_critical_points",
    "fixed_points", "flow", "follower_jacobian", "game_gradient", "game_jacobian",
    "guarantees", "hessian_block", "hierarchy_gradient", "hierarchy_hessians",
    "implicit_derivative", "iterate", "noise", "parsing", "rules", "schedules",
    "schur_complement", "simultaneous_gradient", "stability_table", "stackelberg_gradient",
    "stackelberg_jacobian", "stochastic_hypotheses", "strategies", "sweep", "symmetries",
    "theorems", "total_derivative", "total_hessian", "zero_sum",
]


def __getattr__(name: str) -> object:
    # Hypothesis is loaded when its strategies are first asked for.
    if name == "strategies":
        from importlib import import_module

        from .statements.claims import needs_hypothesis
        try:
            return import_module(".strategies", __name__)
        except ModuleNotFoundError as error:
            raise needs_hypothesis(error) from None
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
