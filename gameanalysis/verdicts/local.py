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
from functools import cached_property
from itertools import combinations_with_replacement
from types import MappingProxyType
from typing import Any

import numpy as np
import sympy as sp

from ..declaration.costs import exact
from ..declaration.game import Game
from ..errors import BoxError, GameError
from ..exact.definiteness import is_hyperbolic, is_positive_definite, is_stable
from ..exact.jets import Jet, Monomial, Polynomial, game_of_polynomials, taylor
from ..truth import Truth
from .analyze import locations
from .classify import CriticalPoint
from .evidence import Evidence, Order, all_zero, follower_definite, own_definite, total_definite
from .forms import Matrices
from .location import ExactLocation, Location, RationalLocation

__all__ = ["LocalGame", "PolynomialFamily", "jacobian_of"]


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
    _location: Location
    _kind: type[Matrices] = Matrices
    _deferred: tuple[Sequence[Polynomial], Sequence[Any]]

    def __init__(self, game: Game, point: Any, values: Mapping[str, Any] | None = None) -> None:
        if not isinstance(game, Game):
            raise GameError(f"expected a Game, not {game!r}")
        self.game = game
        self._location = _located(game, point)
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
        """
        self = cls.__new__(cls)
        self.sizes, self.values = tuple(sizes), _checked_values(values)
        at = [Fraction(v) for v in (point if point is not None else (0,) * sum(sizes))]
        self._location = RationalLocation(at)
        self._deferred = list(costs), list(more)
        jets = [dict(cost) for cost in costs]
        if any(more):
            e = sp.symbols(f"e0:{sum(sizes)}", real=True)
            for cost, term in zip(jets, more):
                found = taylor([sp.S.Zero if term is None else term(e)], e, [0] * len(e))
                if found is None:
                    raise GameError("a term that is added has no rational jet at the point")
                for word, c in found[0].items():
                    cost[word] = cost.get(word, 0) + c
        if len(costs) == 1:
            jets.append({word: -c for word, c in jets[0].items()})
            self.__dict__["zero_sum"] = Truth.YES
        self.__dict__["jet"] = Jet.of(sizes, jets)
        return self

    def __getattr__(self, name: str) -> Any:
        if name != "game" or "_deferred" not in self.__dict__:
            raise AttributeError(name)
        costs, more = self._deferred
        self.game = game_of_polynomials(costs, self.sizes, self.point, more)
        return self.game

    @property
    def point(self) -> tuple[sp.Expr, ...]:
        """The point as exact numbers; floats where it is not known exactly."""
        found = self._location.exact
        return tuple(map(sp.Float, self._location.x)) if found is None else tuple(found)

    def __iter__(self) -> Iterator[Any]:
        return iter((self.game, self.point))

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (dict(self.__dict__, _cache={}, values=dict(self.values)),)

    @property
    def n(self) -> int:
        """The number of variables."""
        return sum(self.sizes)

    def with_values(self, **values: Any) -> LocalGame:
        """The same game and point with other values."""
        other = LocalGame.__new__(LocalGame)
        other.__dict__.update(self.__dict__)
        other.values = _checked_values({**self.values, **values})
        return other

    def with_matrices(self, kind: type[Matrices]) -> LocalGame:
        """The same game and point, where a subclass of `Matrices` says what S1, J_S, ... are.

        For other definitions of them, and for wrong ones that a test is to notice.
        """
        shared = ("game", "jet", "zero_sum", "_deferred", "_location", "sizes", "values")
        kept: dict[str, Any] = {key: value for key, value in self.__dict__.items()
                                if key in shared}
        other = LocalGame.__new__(LocalGame)
        other.__dict__.update(kept, _kind=kind)
        return other

    def value(self, name: str, default: Any = 1) -> Fraction:
        """One of the values, a rational number."""
        return self.values.get(name, Fraction(default))

    # -- evidence -----------------------------------------------------------------

    @cached_property
    def jet(self) -> Jet | None:
        """The 3-jet of the costs, None where it is not rational."""
        if not isinstance(self._location, RationalLocation):
            return None
        return self._location.jet(self.game)

    @cached_property
    def zero_sum(self) -> Truth:
        """Whether there are two players with costs f and -f.

        Proved NO by derivatives up to the third at the point, YES as `Game.is_zero_sum` is.
        """
        if len(self.sizes) != 2:
            return Truth.NO
        if self.jet is not None:
            f, g = self.jet.costs
            if any(f.get(m, 0) + g.get(m, 0) for m in {*f, *g} if m):
                return Truth.NO
        return Truth.of(True if self.game.is_zero_sum else None)

    @cached_property
    def _evidence(self) -> Evidence:
        order = _JetOrder(self.jet) if self.jet is not None else Order(self.game)
        return Evidence(order, self._location, self._response_free, self._kind)

    @cached_property
    def _response_free(self) -> bool:
        """Whether D_y f1 is known to be zero, because f2 = -f1 and D2 f2 = 0."""
        if self.zero_sum is not Truth.YES or self.jet is None:
            return False
        return not any(self.jet.slope(1, i) for i in range(self.sizes[0], self.n))

    def truth(self, question: Callable[[Matrices], Truth]) -> Truth:
        """Put a question to the matrices in integers or at rising precision.

        Entries may all be multiplied by one positive number: only signs count.
        """
        return self._evidence.truth(question)

    def decide(self, question: Callable[[Matrices], Any]) -> Any:
        """The first answer that is not None or UNDECIDED; None if there is none."""
        return self._evidence.decide(question)

    @cached_property
    def matrices(self) -> Matrices | None:
        """The matrices in integers, ``jet.scale`` times too large; None without a jet."""
        return None if self.jet is None else self._evidence.decide(lambda m: m)

    @cached_property
    def swapped(self) -> LocalGame:
        """The same game at the same point with the second of two players leading."""
        if len(self.sizes) != 2:
            raise GameError(f"two players can be swapped, not {len(self.sizes)}")
        n1 = self.sizes[0]
        order = [*range(n1, self.n), *range(n1)]
        jet = self.jet
        if jet is None:
            raise GameError("players are swapped where the jet is rational")
        costs: list[Polynomial] = [
            {m: Fraction(c, jet.scale) for m, c in cost.items()}
            for cost in jet.reordered(order, self.sizes[::-1], (1, 0)).costs]
        at = [Fraction(int(v.p), int(v.q)) for v in self.point]
        out = LocalGame.of_polynomials(costs, self.sizes[::-1], [at[i] for i in order],
                                       values=self.values)
        out.__dict__["zero_sum"] = self.zero_sum
        return out

    # -- questions --------------------------------------------------------------------

    def is_critical(self, of: str = "simultaneous") -> Truth:
        """Whether w = 0, or w_S = 0 (NO where w_S is not defined)."""
        return self._cached(("critical", of), lambda: self.truth(
            _omega_vanishes if of == "simultaneous" else _stackelberg_vanishes))

    @property
    def on_reaction_curve(self) -> Truth:
        """Whether the followers' own gradients vanish: D2 f2 = 0."""
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
        critical = self.is_critical()
        return critical if critical is Truth.NO else critical & self.truth(own_definite)

    @property
    def stackelberg(self) -> Truth:
        """Whether the point is a differential Stackelberg equilibrium (Definition 4)."""
        critical = self.is_critical("stackelberg")
        if critical is Truth.NO:
            return critical
        return self._cached("stackelberg", lambda: (
            critical & self.truth(follower_definite) & self.truth(total_definite)))

    def is_stable(self, of: str = "simultaneous", tau: Any = 1) -> Truth:
        """Whether the point is critical and x' = -w_tau or x' = -w_S_tau is stable there."""
        critical = self.is_critical(of)
        if critical is Truth.NO:
            return critical
        return critical & self.truth(lambda m: is_stable(jacobian_of(m, of, tau), m.sign))

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


def _again(state: dict[str, Any]) -> LocalGame:
    local = LocalGame.__new__(LocalGame)
    local.__dict__.update(state, values=MappingProxyType(state["values"]))
    return local


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


def _omega_vanishes(m: Matrices) -> Truth:
    return all_zero(m.omega, m.sign)


def _stackelberg_vanishes(m: Matrices) -> Truth:
    curve = all_zero(m.omega[m.n1:], m.sign)
    if curve is Truth.NO:
        return curve
    regular = m.sign(m.d)
    if regular == 0:
        return Truth.NO
    return curve & Truth.of(None if regular is None else True) & all_zero(
        m.total_derivative(), m.sign)


class _JetOrder(Order):
    """The declared order of play of a game of which only the jet is known."""

    def __init__(self, jet: Jet) -> None:
        self._jet = jet

    def jet_at(self, location: Location) -> Jet | None:
        """The jet, wherever that is."""
        return self._jet


def _checked_values(values: Mapping[str, Any] | None) -> Mapping[str, Fraction]:
    out = {}
    for name, value in (values or {}).items():
        number = exact(value, name)
        if not number.is_Rational:
            raise GameError(f"{name} must be a rational number, not {number}")
        out[name] = Fraction(int(number.p), int(number.q))
    return MappingProxyType(out)


def _located(game: Game, point: Any) -> Location:
    if isinstance(point, CriticalPoint):
        if point.exact is not None and all(v.is_Rational for v in point.exact):
            return _located(game, point.exact)
        return locations(game, [point], of=point.of)[0]
    values = [exact(v.item() if isinstance(v, np.generic) else v, "a coordinate") for v in point]
    if len(values) != len(game.variables):
        raise BoxError(f"a point needs {len(game.variables)} coordinates, one for each of "
                       f"{', '.join(map(str, game.variables))}, not {len(values)}")
    if all(v.is_Rational for v in values):
        return RationalLocation([Fraction(int(v.p), int(v.q)) for v in values])
    return ExactLocation(values)


class PolynomialFamily:
    """Games whose costs are polynomials of given degrees, held as coefficients.

    Parameters
    ----------
    sizes : the number of actions of each player.
    degrees : the degrees of the monomials, such as ``(2, 3, 4)``; without 1 the origin is
        a critical point.
    zero_sum : one polynomial f for (f, -f); otherwise one for each player.

    ``monomials`` : the monomials as sorted tuples of variables' indices; a game is a row of
    ``n_coefficients`` numbers, one polynomial after the other.

    >>> family = PolynomialFamily((1, 1), degrees=(2,))
    >>> family.monomials
    ((0, 0), (0, 1), (1, 1))
    >>> family.at([Fraction(-1, 2), 2, -1]).label
    'DSE stable S-stable'
    """

    def __init__(self, sizes: Sequence[int], degrees: Sequence[int] = (2, 3, 4), *,
                 zero_sum: bool = True) -> None:
        self.sizes, self.zero_sum = tuple(int(s) for s in sizes), bool(zero_sum)
        self.degrees = tuple(int(d) for d in degrees)
        if len(self.sizes) < 2 or min(self.sizes) < 1:
            raise GameError(f"sizes are two or more positive numbers, not {tuple(sizes)}")
        if zero_sum and len(self.sizes) != 2:
            raise GameError(f"a zero-sum game has two players, not {len(self.sizes)}")
        if not self.degrees or min(self.degrees) < 0:
            raise GameError(f"degrees are numbers >= 0, not {tuple(degrees)}")
        self.monomials: tuple[Monomial, ...] = tuple(
            word for d in self.degrees
            for word in combinations_with_replacement(range(sum(self.sizes)), d))

    @property
    def n_coefficients(self) -> int:
        """The number of coefficients of one game."""
        return len(self.monomials) * (1 if self.zero_sum else len(self.sizes))

    def at(self, coefficients: Sequence[Any], point: Sequence[int | Fraction] | None = None
           ) -> LocalGame:
        """One game of the family at a point: the monomials are powers of z - point."""
        if len(coefficients) != self.n_coefficients:
            raise GameError(f"a game of this family has {self.n_coefficients} coefficients, "
                            f"not {len(coefficients)}")
        m = len(self.monomials)
        row = [c.item() if isinstance(c, np.generic) else c for c in coefficients]
        costs = [{word: c for word, c in zip(self.monomials, row[k:k + m]) if c}
                 for k in range(0, len(row), m)]
        return LocalGame.of_polynomials(costs, self.sizes, point)
