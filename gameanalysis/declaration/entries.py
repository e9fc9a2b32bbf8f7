"""What is recorded about a known game, and the table that holds it.

A game enters the catalogue as one function that builds it.  The decorator
`entry` puts beside it what cannot be read off the formula: where it comes
from, a natural box, and points x* with g(x*) = 0 for g = omega (or omega_S)
together with the facts that hold there.  A fact that is not claimed is
absent; a claimed one is proved, in the reference or in the entry's notes.

Boxes and points are made when they are first asked for, so that importing a
table costs no more than defining its functions.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from ..errors import GameError
from ..truth import Truth
from .costs import Number, exact
from .game import Game

__all__ = ["Entry", "KnownPoint", "at", "entry", "FACTS"]

#: Names of the facts a known point may carry: two definitions of equilibrium
#: (the second for either leader), then stability under the two dynamics.
FACTS = ("differential_nash", "differential_stackelberg",
         "differential_stackelberg_reversed", "simultaneous", "stackelberg")

#: Publications that several games come from.
FIEZ_2020 = ("T. Fiez, B. Chasnov, L. Ratliff, Implicit learning dynamics in Stackelberg games: "
             "equilibria characterization, convergence analysis, and empirical study, ICML 2020")
FIEZ_2019 = ("T. Fiez, B. Chasnov, L. Ratliff, Convergence of learning dynamics in Stackelberg "
             "games, arXiv:1906.01217, 2019")
FIEZ_RATLIFF_2021 = ("T. Fiez, L. Ratliff, Local convergence analysis of gradient descent ascent "
                     "with finite timescale separation, ICLR 2021")
JIN_2020 = ("C. Jin, P. Netrapalli, M. Jordan, What is local optimality in nonconvex-nonconcave "
            "minimax optimization?, ICML 2020")
FOERSTER_2018 = ("J. Foerster, R. Chen, M. Al-Shedivat, S. Whiteson, P. Abbeel, I. Mordatch, "
                 "Learning with opponent-learning awareness, AAMAS 2018")

#: The reason for which a linear game's only critical point is the known one.
LINEAR = "omega is linear with an invertible Jacobian"

Coordinate = Number | str
Interval = tuple[Number, Number]


@dataclass(frozen=True)
class KnownPoint:
    """A point where omega or omega_S vanishes, and facts proved about it.

    Attributes
    ----------
    x : exact coordinates in the order of ``game.variables``.
    radius : 0 where x is exact; for decimals half a unit of the last printed
        digit, and the true zero lies within it, coordinate by coordinate.
    claims : pairs (name, `Truth`); ``facts`` gives them as a mapping.
    of : the field that vanishes: "simultaneous" (omega) or "stackelberg".
    isolated : whether no other zero of that field is near; False on a curve
        of zeros, of which x is then one sample.
    """

    x: tuple[sp.Expr, ...]
    radius: sp.Expr
    claims: tuple[tuple[str, Truth], ...]
    of: str = "simultaneous"
    isolated: bool = True

    @property
    def facts(self) -> dict[str, Truth]:
        """The claimed facts, by the names in `FACTS`."""
        return dict(self.claims)


def at(x: Iterable[Coordinate], *, nash: bool | None,
       leads: tuple[bool | None, bool | None],
       stable: tuple[bool | None, bool | None],
       of: str = "simultaneous", isolated: bool = True) -> KnownPoint:
    """A known point from its coordinates and its claims.

    Parameters
    ----------
    x : exact numbers, or decimals as text, rounded to the digits printed.
    nash : whether it is a differential Nash equilibrium.
    leads : whether it is a differential Stackelberg equilibrium with the
        first and with the second player leading.
    stable : whether the spectra of J and of J_S lie in the open right half
        plane.  None makes no claim, as where omega_S is not defined.

    >>> at(("0.25", 0), nash=True, leads=(True, None), stable=(True, None)).x
    (1/4, 0)
    """
    coordinates = []
    radius: sp.Expr = sp.S.Zero
    for value in x:
        if isinstance(value, str):
            coordinates.append(sp.Rational(value))
            digits = len(value.partition(".")[2])
            radius = max(radius, sp.Rational(1, 2 * 10**digits))
        else:
            coordinates.append(exact(value, "a coordinate"))
    claimed = zip(FACTS, (nash, *leads, *stable))
    return KnownPoint(tuple(coordinates), radius,
                      tuple((name, Truth.of(value)) for name, value in claimed
                            if value is not None), of, isolated)


def _nothing() -> tuple[KnownPoint, ...]:
    return ()


@dataclass(frozen=True, repr=False)
class Entry:
    """A known game: how to build it and what is known of it.

    Attributes
    ----------
    name : the name in the catalogue, that of the function.
    build : the function; its defaults give the game that the rest describes.
    reference : the publication it comes from.
    complete : why ``known`` holds every critical point of omega in ``box``;
        empty where that is not claimed.
    """

    name: str
    build: Callable[..., Game]
    reference: str
    complete: str = ""
    _box: Sequence[Interval] = ((-1, 1),)
    _known: Callable[[], tuple[KnownPoint, ...]] = _nothing

    @cached_property
    def box(self) -> tuple[tuple[sp.Expr, sp.Expr], ...]:
        """A natural box, one exact (low, high) for each variable."""
        box = tuple((exact(low), exact(high)) for low, high in self._box)
        return box if len(box) > 1 else box * len(self.build().variables)

    @cached_property
    def known(self) -> tuple[KnownPoint, ...]:
        """Known points of the game with its default parameters."""
        return self._known()

    @property
    def summary(self) -> str:
        """The first line of the builder's docstring."""
        return inspect.cleandoc(self.build.__doc__ or "").partition("\n")[0]

    @property
    def notes(self) -> str:
        """The rest of the builder's docstring: formula and what is known."""
        return inspect.cleandoc(self.build.__doc__ or "").partition("\n")[2].strip()

    def __repr__(self) -> str:
        count = f"{len(self.known)} known points"
        return "\n".join((f"{self.name}: {self.summary}",
                          f"  reference: {self.reference}",
                          f"  {count}{', complete in the box' if self.complete else ''}"))


def entry(table: dict[str, Entry], *, reference: str,
          box: Sequence[Interval],
          known: Callable[[], tuple[KnownPoint, ...]] = _nothing,
          complete: str = "") -> Callable[[Callable[..., Game]], Callable[..., Game]]:
    """The decorator that puts a builder of a game into a table.

    Parameters
    ----------
    table : where it goes, under the function's name.
    box : a single [(low, high)] for all variables, or one pair for each.
    known : a function without arguments, called when first needed.
    reference, complete : see `Entry`.

    Raises `GameError` for a name already taken or an empty reference.
    """
    def register(build: Callable[..., Game]) -> Callable[..., Game]:
        name = build.__name__
        if name in table:
            raise GameError(f"two games of the catalogue are called {name}")
        if not reference.strip():
            raise GameError(f"the game {name} needs a reference")
        table[name] = Entry(name, build, reference, complete, box, known)
        return build
    return register
