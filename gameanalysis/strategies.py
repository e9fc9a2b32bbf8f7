r"""Hypothesis strategies for games, with the property built in.

    from hypothesis import given
    from gameanalysis.strategies import stackelberg_games

    @given(stackelberg_games(nash=False))
    def test_a_claim(local):
        game, point = local
        ...

Every strategy draws a `LocalGame`, a game at a point with exact answers; nothing is
rejected on the way.  The games shrink to the simplest quadratic that still fails, with
coefficients that are small integers; each docstring says towards what.

Common keyword-only arguments, checked at once:

    leader, follower    numbers of actions: ints >= 1, or strategies of ints; 1 or 2
    completion          terms of order three and higher, which keep the 2-jet: "none",
                        "polynomial" (the default), "trigonometric", "exponential", "any"
    at                  "origin", or "anywhere" for a small rational point

What is drawn, `zs` for zero-sum with ``zero_sum=True`` and `gs` for ``zero_sum=False``:

    zero_sum_games, general_sum_games    any polynomials, any point
    critical_games             w = 0, or w_S = 0                             zs gs
    nash_games                 a differential Nash equilibrium, DNE          zs gs
    stackelberg_games          a differential Stackelberg equilibrium, DSE   zs gs
    stable_games               stable under x' = -w, near the boundary       zs gs
    stable_neither_games       stable, neither DNE nor DSE                   zs gs
    saddle_games               a strict saddle of the Stackelberg gradient   zs gs
    inertia_games              prescribed inertia of D^2 f1 and D2^2 f2      zs gs
    spectrum_games             prescribed spectra of S1(J) and -D2^2 f       zs
    degenerate_follower_games  det D2^2 f2 = 0                               zs gs
    realizable_games           D1^2 f = 0 > D2^2 f (Proposition 4)           zs
    jointly_diagonal_games     the hypothesis of Proposition E.2             zs
    critical_line_games        a whole line of critical points               zs gs
    reaction_curve_games       D2 f2 = 0, not critical in general            zs gs
    off_curve_games            D2 f2 != 0                                    zs gs
    players_games              n players at a critical point or a DNE
    perturbed_games            (f + t zeta, -f - t zeta) with t = 0          zs
    with_values                any of these carrying numbers such as tau
    ratios, rationals          such numbers

A test that draws games from ``stackelberg_games()`` may ask ``local.stackelberg`` and gets
`Truth.YES` on every draw, proved.
"""

from __future__ import annotations

from .families.anywhere import (critical_line_games, general_sum_games, off_curve_games,
                                players_games, reaction_curve_games, zero_sum_games)
from .families.derived import perturbed_games, with_values
from .families.critical_points import critical_games, nash_games, stackelberg_games
from .families.prescribed import (degenerate_follower_games, inertia_games,
                                  jointly_diagonal_games, realizable_games, spectrum_games)
from .families.sampling import rationals, ratios
from .families.stable_points import saddle_games, stable_games, stable_neither_games

__all__ = [
    "zero_sum_games", "general_sum_games", "critical_games", "nash_games", "stackelberg_games",
    "stable_games", "stable_neither_games", "saddle_games", "inertia_games", "spectrum_games",
    "degenerate_follower_games", "realizable_games", "jointly_diagonal_games",
    "critical_line_games", "reaction_curve_games", "off_curve_games", "players_games",
    "perturbed_games", "with_values", "ratios", "rationals"]
