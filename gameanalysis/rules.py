"""Learning rules: all that are known here, by class and by name.

>>> from gameanalysis import catalog, rules
>>> rules.Extragradient().on(catalog.figure1())
extragradient on figure1: update in 2 variables (x1, x2)

A rule is a small frozen object; ``rule.on(game)`` is its update on a game, which `iterate`
follows, and ``rule.field(game)`` the field of its flow, which `flow` follows.

A new rule is one entry, a class in one of the three modules below and in its ``__all__``: its
fields are its parameters, ``next`` is F of z+ = F(z), and with a memory ``remember`` is h of
m+ = h(z, m).  Flow, Jacobians, stability tables, pictures and the command line follow.  A
subclass of `Rule` elsewhere is a rule too, for all but the command line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from difflib import get_close_matches
from typing import Any

from .declaration.game import Game
from .errors import GameError
from .learning import adjustments, gradients, newton
# The star: an entry is listed once, where it is defined.
from .learning.adjustments import *  # noqa: F401, F403
from .learning.gradients import *  # noqa: F401, F403
from .learning.newton import *  # noqa: F401, F403
from .learning.updates import Rule, trial_of

__all__ = ["Rule", "every", "named", "names", *gradients.__all__, *adjustments.__all__,
           *newton.__all__]


def names() -> tuple[str, ...]:
    """The names of all rules, in the order of this module.

    >>> names()[:3]
    ('simultaneous', 'alternating', 'stackelberg')
    """
    return tuple(_table())


def named(name: str, **parameters: Any) -> Rule:
    """The rule of that name, with its parameters.  Raises `GameError` for an unknown one.

    >>> str(named("stackelberg", tau=2))
    'Stackelberg gradient (tau = 2)'
    """
    rule = _table().get(name) if isinstance(name, str) else None
    if rule is None:
        close = get_close_matches(str(name), names(), n=3, cutoff=0.4)
        hint = f"; did you mean {' or '.join(close)}?" if close else ""
        raise GameError(f"there is no learning rule called {name!r}{hint} (rules.names() lists "
                        f"all)")
    known = [field.name for field in fields(rule)]
    unknown = [key for key in parameters if key not in known]
    if unknown:
        raise GameError(f"{name} has no parameter {', '.join(unknown)}: it has "
                        f"{', '.join(known)}")
    return rule(**parameters)


def every(game: Game | None = None) -> Iterator[Rule]:
    """Each rule with its default parameters; those that are defined for ``game``, if given.

    Left out are rules for other numbers of players, for zero-sum games alone, and those that
    invert a matrix that has more than 6 rows or is singular everywhere (in games of many
    variables and long costs, that is seen only when the rule is used).

    >>> len(list(every()))
    20
    """
    trial = None if game is None else trial_of(game)
    for rule in _table().values():
        try:
            if game is not None:
                rule().on(game).require_defined(trial)
        except GameError:
            continue
        yield rule()


def _table() -> dict[str, type[Rule]]:
    return {rule.name: rule for module in (gradients, adjustments, newton)
            for rule in map(vars(module).__getitem__, module.__all__)}
