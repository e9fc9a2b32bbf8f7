r"""A game at a point: what theorems talk about, decided without tolerance.

With w = (D1 f1, D2 f2), J = Dw = [[A, B], [C, D]], S1(J) = A - B D^-1 C, the Stackelberg
gradient w_S, its Jacobian J_S and D^2 f1 = S1(J_S), all at one point, a `LocalGame` answers

    critical       w = 0  or  w_S = 0
    nash           w = 0,     A > 0,  D > 0                       (Definition 3)
    stackelberg    w_S = 0,   D^2 f1 > 0,  D > 0                  (Definition 4)
    stable         w = 0 and spec J_tau in the open right half-plane, or the same with w_S,
                   J_S; the followers' rows are multiplied by tau

in integers where the point and the derivatives are rational, else in intervals and exact
algebraic numbers (`evidence`).  A `PolynomialFamily` holds games as coefficients: what is
asked of them needs no SymPy expression, which is built only when it is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any

import sympy as sp

from ..declaration.game import Game
from ..errors import BoxError, GameError
from ..exact.definiteness import is_hyperbolic, is_positive_definite, is_stable
from ..exact.jets import Jet, Polynomial, game_of_polynomials, taylor
from ..exact.minors import exact_sign
from ..truth import Truth, both
from .evidence import Evidence, Order, all_zero, total_definite
from .forms import JetAt, Matrices
from .location import (CertifiedLocation, ExactLocation, FloatLocation, Location,
                       RationalLocation)
from .placing import costs_are_defined, located, rational

__all__ = ["LocalGame", "jacobian_of"]


class LocalGame:
    """A game and a point of it, with exact answers.

    Parameters
    ----------
    game : a `Game`.
    point : a row of numbers, one for each variable, taken exactly as given (a float as the
        decimal that it prints as); or a `CriticalPoint` of an analysis of this game, which
        stands for the exact critical point.
    values : numbers that a theorem speaks of besides, such as ``{"tau": 2}``.

    A pair: ``game, point = local``.  Every Truth that is YES or NO is proved; it is
    UNDECIDED where a sign in intervals was not, which does not happen where ``jet`` is not
    None.

    Raises `BoxError` for a row of another length, `GameError` for what is no number.

    >>> x, y = sp.symbols("x y", real=True)
    >>> from gameanalysis.declaration.game import zero_sum
    >>> local = LocalGame(zero_sum(-x**2/2 + 2*x*y - y**2, x, y), (0, 0))
    >>> local.nash, local.stackelberg, local.is_stable()
    (<Truth.NO>, <Truth.YES>, <Truth.YES>)
    """

    game: Game
    _kind: type[Matrices] = Matrices
    #: What was passed as the point, where that cannot be told from the location.
    _given: Any = None
    #: The field of which the location is proved to be a zero, "simultaneous" or "stackelberg".
    _zero_of: str | None = None
    _at: Sequence[int | Fraction]
    _deferred: tuple[Sequence[Polynomial], Sequence[Any]]
    _mirror: LocalGame

    def __init__(self, game: Game, point: Any, values: Mapping[str, Any] | None = None) -> None:
        if not isinstance(game, Game):
            raise GameError(f"expected a Game, not {game!r}")
        self.game, self._given = game, point
        self.__dict__["_location"], self._zero_of = located(game, point)
        self.sizes = game.sizes
        self.values = _checked_values(values)

    @classmethod
    def of_polynomials(cls, costs: Sequence[Polynomial], sizes: Sequence[int],
                       point: Sequence[int | Fraction] | None = None, *,
                       more: Sequence[Callable[[Sequence[sp.Expr]], sp.Expr] | None] = (),
                       values: Mapping[str, Any] | None = None) -> LocalGame:
        """A game given as polynomials in e = z - point, with nothing to expand or derive.

        costs : for each player a dict from sorted tuples of variables' indices to rational
            coefficients; or one cost f for the zero-sum game (f, -f).
        sizes : the number of actions of each player.
        point : rational; the origin by default.
        more : for each cost None or a function of the list of expressions e_i, which gives
            a term to add that is not a polynomial; its jet must be rational.

        Raises `GameError` for another number of costs, `BoxError` for a point of another
        length.
        """
        if len(costs) != len(sizes) and (len(costs), len(sizes)) != (1, 2):
            raise GameError(f"{len(sizes)} players have {len(sizes)} costs (or two players one, "
                            f"of f and -f), not {len(costs)}")
        n = sum(sizes)
        if point is not None and len(point) != n:
            raise BoxError(f"a point needs {n} coordinates, not {len(point)}")
        self = cls.__new__(cls)
        self.sizes, self.values = tuple(sizes), _checked_values(values)
        self._at = (0,) * n if point is None else point
        self._deferred = list(costs), list(more)
        jets: Sequence[Polynomial] = costs
        if any(more):
            jets = [dict(cost) for cost in costs]
            e = sp.symbols(f"e0:{n}", real=True)
            for cost, term in zip(jets, more):
                found = taylor([sp.S.Zero if term is None else term(e)], e, [0] * n)
                if found is None:
                    raise GameError("a term that is added has no rational jet at the point")
                for word, c in found[0].items():
                    cost[word] = cost.get(word, 0) + c
        if len(costs) == 1:
            self.__dict__["zero_sum"] = Truth.YES
        self.__dict__["jet"] = Jet.of(sizes, jets)
        return self

    def __getattr__(self, name: str) -> Any:
        if name == "game" and "_deferred" in self.__dict__:
            costs, more = self._deferred
            self.game = game_of_polynomials(costs, self.sizes, self.point, more)
        elif name == "game" and "_mirror" in self.__dict__:
            self.game = self._mirror.game.reordered(1)
        else:
            raise AttributeError(f"a LocalGame has no attribute {name!r}")
        return self.game

    @cached_property
    def _location(self) -> Location:
        return RationalLocation([Fraction(v) for v in self._at])

    @property
    def point(self) -> tuple[sp.Expr, ...]:
        """The point as exact numbers; floats where it is not known exactly."""
        found = self._location.exact
        return tuple(map(sp.Float, self._location.x)) if found is None else tuple(found)

    def __iter__(self) -> Iterator[Any]:
        return iter((self.game, self.point))

    def __reduce__(self) -> tuple[Any, ...]:
        if isinstance(self.__dict__.get("_location"), CertifiedLocation):
            # It holds programs; the point is certified again.
            return _certified_again, (self.game, self._given, dict(self.values), self._kind)
        state = {key: self.__dict__[key] for key in _STATE if key in self.__dict__}
        return _again, (dict(state, values=dict(self.values)),)

    @property
    def n(self) -> int:
        """The number of variables."""
        return sum(self.sizes)

    def with_values(self, **values: Any) -> LocalGame:
        """The same game and point with other values."""
        other = LocalGame.__new__(LocalGame)
        other.__dict__.update(self.__dict__)
        for name in ("swapped", "asked"):           # they belong to the former values
            other.__dict__.pop(name, None)
        other.values = _checked_values({**self.values, **values})
        return other

    def with_matrices(self, kind: type[Matrices]) -> LocalGame:
        """The same game and point, where a subclass of `Matrices` says what S1, J_S, ... are.

        For other definitions of them, and for wrong ones that a test is to notice.
        """
        other = LocalGame.__new__(LocalGame)
        other.__dict__.update({key: self.__dict__[key] for key in _STATE if key in self.__dict__},
                              _kind=kind)
        return other

    def value(self, name: str, default: Any = 1) -> Fraction:
        """One of the values, a rational number."""
        self.asked.add(name)
        return self.values.get(name, Fraction(default))

    @cached_property
    def asked(self) -> set[str]:
        """The names of the values that have been asked for."""
        return set()

    # -- evidence -----------------------------------------------------------------

    @cached_property
    def jet(self) -> Jet | None:
        """The 3-jet of the costs, None where it is not rational."""
        location = self._location
        if not isinstance(location, RationalLocation):
            return None
        return Jet.at(self.game, location.values)

    @cached_property
    def zero_sum(self) -> Truth:
        """Whether there are two players with costs f and -f.

        Proved NO by derivatives up to the third at the point, YES as `Game.is_zero_sum` is.
        """
        if len(self.sizes) != 2:
            return Truth.NO
        # Not every game has been written down, see `of_polynomials`.
        if "game" in self.__dict__ and self.game.zero_sum_cost is not None:
            return Truth.YES
        if self.jet is not None:
            f, g = self.jet.costs
            if any(f.get(m, 0) + g.get(m, 0) for m in {*f, *g} if m):
                return Truth.NO
        return Truth.of(True if self.game.is_zero_sum else None)

    @cached_property
    def _evidence(self) -> Evidence:
        """For points without a rational jet."""
        location = self._location
        if self._zero_of is None and not costs_are_defined(self.game, location):
            location = FloatLocation(location.x)            # of which nothing is proved
        return Evidence(Order(self.game), location, self._response_free, self._kind)

    @cached_property
    def _response_free(self) -> bool:
        """Whether D_y f1 is known to be zero, because f2 = -f1 and D2 f2 = 0."""
        if self.zero_sum is not Truth.YES:
            return False
        jet = self.jet
        if jet is None:
            return self._zero_of is not None
        return not any(jet.slope(1, i) for i in range(self.sizes[0], self.n))

    @cached_property
    def matrices(self) -> Matrices | None:
        """The matrices in integers, ``jet.scale`` times too large; None without a jet."""
        if self.jet is None:
            return None
        return self._kind(JetAt(self.jet), exact_sign, self._response_free)

    def decide(self, question: Callable[[Matrices], Any]) -> Any:
        """The first answer that is not None or UNDECIDED; None if there is none."""
        if self.matrices is None:
            return self._evidence.decide(question)
        try:
            answer = question(self.matrices)
        except ArithmeticError:
            return None
        return None if answer is Truth.UNDECIDED else answer

    def truth(self, question: Callable[[Matrices], Truth]) -> Truth:
        """Put a question to the matrices in integers or at rising precision.

        Entries may all be multiplied by one positive number: only signs count.
        """
        answer = self.decide(question)
        return Truth.UNDECIDED if answer is None else answer

    @cached_property
    def swapped(self) -> LocalGame:
        """The same game at the same point with the second of two players leading.

        Raises `GameError` for more players, or at a point that is not given by its numbers.
        """
        if len(self.sizes) != 2:
            raise GameError(f"two players can be swapped, not {len(self.sizes)}")
        n1, location = self.sizes[0], self._location
        order = [*range(n1, self.n), *range(n1)]
        other = LocalGame.__new__(LocalGame)
        other.sizes, other.values, other._kind = self.sizes[::-1], self.values, self._kind
        if isinstance(location, RationalLocation):
            other._at = [location.values[i] for i in order]
        elif isinstance(location, ExactLocation):
            values = self.point
            other.__dict__["_location"] = ExactLocation([values[i] for i in order])
        else:
            raise GameError("players are swapped where the point is given by exact numbers")
        jet = self.jet
        other.__dict__["jet"] = jet and jet.reordered(order, other.sizes, (1, 0))
        other.__dict__["zero_sum"] = self.zero_sum
        other._mirror, other.__dict__["swapped"] = self, self
        return other

    # -- questions --------------------------------------------------------------------

    def is_critical(self, of: str = "simultaneous") -> Truth:
        """Whether w = 0, or w_S = 0 (NO where w_S is not defined)."""
        if of == self._zero_of:
            return Truth.YES
        return self._cached(("critical", of), lambda: self.truth(
            self._omega_vanishes if of == "simultaneous" else self._stackelberg_vanishes))

    def _omega_vanishes(self, m: Matrices) -> Truth:
        if self._zero_of is None:
            return all_zero(m.omega, m.sign)
        # D2 f2 = 0, and in a zero-sum game D f1 = D1 f1.
        return Truth.YES if self._response_free else all_zero(m.omega[:m.n1], m.sign)

    def _stackelberg_vanishes(self, m: Matrices) -> Truth:
        curve = Truth.YES if self._zero_of else all_zero(m.omega[m.n1:], m.sign)
        if curve is Truth.NO:
            return curve
        regular = m.sign(m.d)
        if regular == 0:
            return Truth.NO
        slope = m.pull() if self._zero_of else m.total_derivative()
        return curve & Truth.of(None if regular is None else True) & all_zero(slope, m.sign)

    @property
    def on_reaction_curve(self) -> Truth:
        """Whether the followers' own gradients vanish: D2 f2 = 0."""
        if self._zero_of is not None:
            return Truth.YES
        return self._cached("curve", lambda: self.truth(
            lambda m: all_zero(m.omega[m.n1:], m.sign)))

    @property
    def regular_follower(self) -> Truth:
        """Whether det D22 f2 != 0."""
        return self.truth(lambda m: Truth.of(None if (s := m.sign(m.d)) is None else s != 0))

    def is_positive(self, player: int) -> Truth:
        """Whether D_ii f_i > 0 for a player, counted from 0."""
        return self._cached(("positive", player), lambda: self.truth(
            lambda m: is_positive_definite(m.own_hessians()[player], m.sign)))

    @property
    def nash(self) -> Truth:
        """Whether the point is a differential Nash equilibrium (Definition 3)."""
        return self._with_definite(self.is_critical(), range(len(self.sizes)))

    @property
    def stackelberg(self) -> Truth:
        """Whether the point is a differential Stackelberg equilibrium (Definition 4)."""
        return self._cached("stackelberg", lambda: both(
            self._with_definite(self.is_critical("stackelberg"), range(1, len(self.sizes))),
            lambda: self.truth(total_definite)))

    def _with_definite(self, first: Truth, players: range) -> Truth:
        """The first Truth and D_ii f_i > 0 of some players."""
        for player in players:
            first = both(first, partial(self.is_positive, player))
        return first

    def is_stable(self, of: str = "simultaneous", tau: Any = 1) -> Truth:
        """Whether the point is critical and x' = -w_tau or x' = -w_S_tau is stable there."""
        return both(self.is_critical(of), lambda: self.truth(
            lambda m: is_stable(jacobian_of(m, of, tau), m.sign)))

    def is_hyperbolic(self, of: str = "simultaneous", tau: Any = 1) -> Truth:
        """Whether no eigenvalue of J_tau, or of J_S_tau, has real part zero."""
        return self.truth(lambda m: is_hyperbolic(jacobian_of(m, of, tau), m.sign))

    def facts(self) -> dict[str, Truth]:
        """What the point is: critical, Nash, Stackelberg, stable under both gradient plays."""
        return {"critical": self.is_critical(), "nash": self.nash,
                "stackelberg": self.stackelberg, "stable": self.is_stable(),
                "stackelberg stable": self.is_stable("stackelberg")}

    @property
    def label(self) -> str:
        """The facts that hold, as one phrase."""
        names = {"nash": "DNE", "stackelberg": "DSE", "stable": "stable",
                 "stackelberg stable": "S-stable"}
        facts = self.facts()
        held = [name for key, name in names.items() if facts[key] is Truth.YES]
        if held:
            return " ".join(held)
        return "none" if facts["critical"] is Truth.YES else "not critical"

    def _cached(self, key: Any, found: Callable[[], Truth]) -> Truth:
        cache = self.__dict__.setdefault("_cache", {})
        if key not in cache:
            cache[key] = found()
        answer: Truth = cache[key]
        return answer

    @cached_property
    def written_size(self) -> tuple[int, int]:
        """The number of terms of all costs, and of the digits of all their numbers.

        Of a zero-sum game given as one polynomial, of that one.
        """
        if "_deferred" in self.__dict__:
            costs, more = self._deferred
            return (sum(map(len, costs)) + sum(term is not None for term in more),
                    sum(len(str(c)) for cost in costs for c in cost.values())
                    + sum(len(str(v)) for v in self.point))
        terms = [term for cost in self.game.costs for term in sp.Add.make_args(cost)]
        numbers = [n for cost in self.game.costs for n in cost.atoms(sp.Number)]
        return len(terms), sum(len(str(n)) for n in numbers) + sum(len(str(v)) for v in self.point)

    # -- shown ------------------------------------------------------------------------------

    def __repr__(self) -> str:
        costs = ", ".join(f"f{i} = {player.cost}"
                          for i, player in enumerate(self.game.players, 1))
        more = "".join(f", {name} = {value}" for name, value in self.values.items())
        actions = " | ".join(" ".join(map(str, player.actions)) for player in self.game.players)
        return f"LocalGame({costs} at ({actions}) = ({', '.join(map(str, self.point))}){more})"

    def latex(self) -> str:
        """The game and the point in LaTeX."""
        at = ", ".join(map(sp.latex, self.point))
        names = ", ".join(map(sp.latex, self.game.variables))
        more = "".join(rf",\quad {sp.latex(sp.Symbol(name))} = {value}"
                       for name, value in self.values.items())
        return self.game.latex() + rf"\quad\text{{at }} ({names}) = ({at}){more}"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"


#: What a copy of a local game starts from; the rest is found again.
_STATE = ("game", "jet", "zero_sum", "_deferred", "_mirror", "_at", "_location", "_given",
          "_zero_of", "_kind", "sizes", "values")


def _again(state: dict[str, Any]) -> LocalGame:
    local = LocalGame.__new__(LocalGame)
    local.__dict__.update(state, values=MappingProxyType(state["values"]))
    return local


def _certified_again(game: Game, point: Any, values: dict[str, Any],
                     kind: type[Matrices]) -> LocalGame:
    return LocalGame(game, point, values).with_matrices(kind)


def jacobian_of(m: Matrices, of: str, tau: Any = 1) -> list[list[Any]]:
    """A positive multiple of J_tau or J_S_tau; ArithmeticError where J_S is not defined."""
    if of == "simultaneous":
        rows = m.jacobian
    elif m.sign(m.d):
        rows = m.stackelberg_jacobian()
    else:
        raise ArithmeticError("the Stackelberg gradient is not defined here")
    if tau == 1:
        return rows
    tau = Fraction(tau)
    top, bottom = tau.denominator, tau.numerator
    return [[e * (top if i < m.n1 else bottom) for e in row] for i, row in enumerate(rows)]


_NO_VALUES: Mapping[str, Fraction] = MappingProxyType({})


def _checked_values(values: Mapping[str, Any] | None) -> Mapping[str, Fraction]:
    if not values:
        return _NO_VALUES
    return MappingProxyType({name: rational(value, name) for name, value in values.items()})
