"""What theory promises at a critical point: rates, step sizes, iteration bounds, time scales.

    zero_sum_rate, general_sum_rate                Theorems 3 and 5: alpha, beta, gamma_1, the rate
    zero_sum_iterations, general_sum_iterations    Corollaries 2 and 3, with the constant that
                                                   the former drops and a certified ball
    step_limit                                     Proposition 5: up to which learning rate
    tau_star                                       from which time-scale ratio on
    necessary_condition, sufficient_condition      Propositions E.1 and E.2

of T. Fiez, B. Chasnov, L. Ratliff, Implicit learning dynamics in Stackelberg games, ICML 2020,
and, for tau*, of T. Fiez, L. Ratliff, Local convergence analysis of gradient descent ascent
with finite timescale separation, ICLR 2021.  Each returns a record of numbers, rounded so that
what is promised with them is true, and of the hypotheses that were checked, each a `Truth`;
``.require()`` raises where one of them is not proved.

>>> from gameanalysis import catalog, guarantees
>>> guarantees.tau_star(catalog.jin_centre(), (0, 0)).exact
1
"""

from __future__ import annotations

from .theory.conditions import (NecessaryCondition, SufficientCondition, necessary_condition,
                                sufficient_condition)
from .theory.iterations import IterationBound, general_sum_iterations, zero_sum_iterations
from .theory.rates import Guarantee, LocalRate, general_sum_rate, zero_sum_rate
from .theory.step_limits import StepLimit, step_limit
from .theory.time_scales import TimeScale, tau_star

__all__ = ["Guarantee", "IterationBound", "LocalRate", "NecessaryCondition", "StepLimit",
           "SufficientCondition", "TimeScale", "general_sum_iterations", "general_sum_rate",
           "necessary_condition", "step_limit", "sufficient_condition", "tau_star",
           "zero_sum_iterations", "zero_sum_rate"]
