r"""Theorems as objects, and the checks of games against them.

Every definition, proposition, corollary, lemma and theorem of T. Fiez, B. Chasnov and
L. Ratliff, Implicit learning dynamics in Stackelberg games, ICML 2020, and of its neighbours
in the literature, is a `Claim`: hypotheses, a conclusion, a LaTeX statement, a source, a
proof in words, and a strategy of games that meet the hypotheses.  Readings that are known to
be false are claims, too, with ``holds=False``.

>>> from gameanalysis import catalog
>>> check("proposition-3", catalog.game("dse_not_nash"), (0, 0)).ruling.value
'hypotheses not met'
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from .declaration.game import Game
from .errors import GameError
from .statements import (avoidance, convergence, equilibria, genericity, neighbours, placement,
                         refuted)
from .statements.claims import (KNOWN, Claim, Condition, Finding, Ruling, Verdict, judge,
                                named)
from .statements.falsification import Falsification, counterexample
from .statements.falsify import falsify
from .verdicts.local import LocalGame

__all__ = ["Claim", "Condition", "Falsification", "Finding", "Ruling", "TABLE", "Verdict",
           "check", "counterexample", "falsify", "named", "names"]

#: All claims by name, in the order of `names`.
TABLE: Mapping[str, Claim] = MappingProxyType({
    name: claim for module in (equilibria, placement, genericity, convergence, avoidance,
                               neighbours, refuted) for name, claim in module.TABLE.items()})
KNOWN.update(TABLE)


def names(*, holds: bool | None = None) -> tuple[str, ...]:
    """The names of all claims, or of those that hold, or of the false readings."""
    return tuple(name for name, claim in TABLE.items() if holds in (None, claim.holds))


def check(claim: Claim | str, game: Game | LocalGame, point: Any = None, *, seed: int = 0,
          **values: Any) -> Verdict:
    """Check one claim at one game and point.

    Guarantee: each Truth in the verdict that is YES or NO is proved, except in conclusions
    of statistical claims, which state their error probability.  At rational points with
    rational derivatives there is no tolerance; elsewhere signs come from intervals and exact
    numbers, and what they do not decide is UNDECIDED.

    Parameters
    ----------
    claim : a `Claim` or the name of one.
    game, point : a game and a row of numbers, taken exactly, or a point of an `Analysis`,
        which stands for the exact critical point; or a `LocalGame` alone.
    values : numbers that the claim speaks of, such as ``tau=2``.
    seed : of a statistical test.

    Raises `GameError` for a name that is no claim, `BoxError` for a point of another length.

    >>> import sympy as sp
    >>> from gameanalysis.declaration.game import zero_sum
    >>> x, y = sp.symbols("x y", real=True)
    >>> check("proposition-3", zero_sum(x**2/2 + x*y - y**2, x, y), (0, 0))
    proposition-3: holds
      yes       zero-sum
      yes       differential Nash
      yes       => differential Stackelberg
    """
    found = named(claim) if isinstance(claim, str) else claim
    if not isinstance(found, Claim):
        raise GameError(f"a claim is a Claim or the name of one, not {found!r}")
    if isinstance(game, LocalGame):
        if point is not None:
            raise GameError("a LocalGame has its point: leave out point")
        local = game.with_values(**values) if values else game
    elif point is None:
        raise GameError("a claim is checked at a point: give a row of numbers, or a point of "
                        "an analysis")
    else:
        local = LocalGame(game, point, values)
    verdict = judge(found, local, seed=seed, every=True)
    unknown = sorted(set(values) - local.asked)
    if unknown and verdict.conclusion is not None:
        known = ", ".join(sorted(local.asked)) or "no values"
        raise GameError(f"{found.name} does not speak of {', '.join(unknown)}; it asks for "
                        f"{known}")
    return verdict
