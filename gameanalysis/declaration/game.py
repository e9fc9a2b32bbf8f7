"""Declaration: players, costs, order of play.

A game has players i = 1, ..., N with N >= 2.  Player i chooses actions x_i, a
tuple of real scalars, and pays f_i(x_1, ..., x_N), a smooth real cost that it
minimises.  The order of the players is the order of play: the first leads.
In a zero-sum game (f, -f) the leader minimises f and the follower -f.

No number here is a float.  A decimal is read as written, 0.15 as 3/20, so the
declaration is exact, and rounding starts only where programs are evaluated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import sympy as sp

from ..errors import GameError
from ..tables import short
from .costs import Number, checked_cost, checked_periods, exact, names_of, sum_to_zero

__all__ = ["Player", "Game", "zero_sum"]


def _check_symbol(symbol: Any, role: str) -> sp.Symbol:
    if isinstance(symbol, str):
        raise GameError(
            f"{role} {symbol!r} is text; declare it with "
            f"sp.symbols({symbol!r}, real=True) and pass the symbol")
    if not isinstance(symbol, sp.Symbol):
        raise GameError(f"{role} {symbol!r} is not a SymPy symbol")
    if symbol.is_real is False or symbol.is_commutative is False:
        raise GameError(f"{role} {symbol} is declared as not real; use "
                        f"sp.symbols('{symbol}', real=True)")
    if symbol.is_integer:
        raise GameError(f"{role} {symbol} is declared integer, but actions "
                        f"and parameters are real numbers")
    signed = [name for name in ("positive", "negative", "nonnegative",
                                "nonpositive", "nonzero", "zero")
              if symbol.assumptions0.get(name) is True]
    if signed:
        # SymPy would simplify sqrt(x**2) to x: true there, false in the box.
        raise GameError(
            f"{role} {symbol} is declared {signed[0]}; declare it with "
            f"sp.symbols('{symbol}', real=True) and give its range in the box")
    return symbol


def _checked_actions(actions: sp.Symbol | Iterable[sp.Symbol]) -> tuple[sp.Symbol, ...]:
    if isinstance(actions, (str, sp.Basic)) or not isinstance(actions, Iterable):
        actions = (actions,)
    out = tuple(_check_symbol(a, "the action") for a in actions)
    if not out:
        raise GameError("a player needs at least one action")
    if len(set(out)) < len(out):
        raise GameError(f"an action is listed twice: {names_of(out)}")
    return out


class Player:
    """A cost to be minimised and the actions that its owner chooses.

    Parameters
    ----------
    cost : a SymPy expression or a number; decimals become exact rationals.
    actions : one symbol or a sequence of symbols, in the order to keep.

    Raises `GameError` (a `ValueError`) that names the offending symbol, and
    `UnsupportedFunction` for a function without derivatives (Abs, Max, ...).

    >>> x, y = sp.symbols("x y", real=True)
    >>> Player(x**2 + x*y, x)
    Player(x**2 + x*y, actions=(x,))
    """

    __slots__ = ("_cost", "_actions", "_symbols", "_opponent")
    _cost: sp.Expr | None
    _opponent: Player | None

    def __init__(self, cost: Number, actions: sp.Symbol | Iterable[sp.Symbol]) -> None:
        self._actions = _checked_actions(actions)
        self._cost, self._symbols = checked_cost(cost)
        self._opponent = None

    @classmethod
    def _against(cls, opponent: Player, actions: sp.Symbol | Iterable[sp.Symbol]) -> Player:
        """The player whose cost is minus the opponent's, written down when first needed."""
        self = cls.__new__(cls)
        self._actions, self._symbols = _checked_actions(actions), opponent._symbols
        self._cost, self._opponent = None, opponent
        return self

    @property
    def cost(self) -> sp.Expr:
        """The cost, exact."""
        cost = self._cost
        if cost is None:
            assert self._opponent is not None
            cost = self._cost = -self._opponent.cost
        return cost

    @property
    def actions(self) -> tuple[sp.Symbol, ...]:
        """The actions in declared order."""
        return self._actions

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Player):
            return NotImplemented
        return (self.cost, self._actions) == (other.cost, other._actions)

    def __hash__(self) -> int:
        return hash((Player, self.cost, self._actions))

    def __reduce__(self) -> tuple:
        return Player, (self.cost, self._actions)

    def __repr__(self) -> str:
        return f"Player({self.cost}, actions={self._actions})"


class Game:
    """Players in their order of play; the first leads.  Immutable.

    Parameters
    ----------
    *players : two or more `Player`.
    parameters : values of the symbols in the costs that are not actions.
    name : shown in tables and titles; no part of equality.
    periods : for coordinates on a circle, their period, e.g. ``{x: 2*pi}``;
        every cost must have that period.

    Raises `GameError` for a cost with an undeclared symbol, an action owned
    twice, a parameter that is also an action, or a value that is not finite.

    >>> x, y, a = sp.symbols("x y a", real=True)
    >>> Game(Player(a*x**2 + x*y, x), Player(y**2 - x*y, y), parameters={a: 0.5})
    Game of 2 players in 2 variables
      player 1 (x): minimise a*x**2 + x*y
      player 2 (y): minimise -x*y + y**2
      parameters: a = 1/2
    """

    __slots__ = ("_players", "_parameters", "_periods", "name", "_valued")
    _players: tuple[Player, ...]
    _parameters: Mapping[sp.Symbol, sp.Expr]
    _periods: Mapping[sp.Symbol, sp.Expr]
    _valued: tuple[sp.Expr, ...] | None
    name: str

    def __init__(self, *players: Player,
                 parameters: Mapping[sp.Symbol, Number] | None = None,
                 name: str = "",
                 periods: Mapping[sp.Symbol, Number] | None = None) -> None:
        if len(players) < 2:
            raise GameError(f"a game needs two or more players, not {len(players)}")
        for player in players:
            if not isinstance(player, Player):
                raise GameError(f"expected a Player(cost, actions), not {player!r}")
        owned: set[sp.Symbol] = set()
        for player in players:
            twice = owned.intersection(player.actions)
            if twice:
                raise GameError(f"two players own the action {names_of(twice)}")
            owned.update(player.actions)
        values = {}
        for symbol, value in (parameters or {}).items():
            symbol = _check_symbol(symbol, "the parameter")
            if symbol in owned:
                raise GameError(f"{symbol} is both an action and a parameter")
            values[symbol] = exact(value, f"the parameter {symbol}")
        known: dict[str, sp.Symbol] = {}
        for symbol in (*owned, *values):
            if known.setdefault(symbol.name, symbol) != symbol:
                raise GameError(f"two different symbols are called {symbol.name}; "
                                f"declare it once and use it everywhere")
        for number, player in enumerate(players, 1):
            unknown = player._symbols - owned - values.keys()
            for symbol in sorted(unknown, key=str):
                hint = (f" (a symbol of that name is declared, with other "
                        f"assumptions: declare {symbol} once)"
                        if symbol.name in known else
                        f"; give it to a player or pass parameters={{{symbol}: value}}")
                raise GameError(f"the cost of player {number} contains "
                                f"{symbol}, which is undeclared{hint}")
        object.__setattr__(self, "_players", tuple(players))
        object.__setattr__(self, "_parameters", MappingProxyType(
            dict(sorted(values.items(), key=lambda item: str(item[0])))))
        object.__setattr__(self, "_valued", None)
        object.__setattr__(self, "name", str(name))
        object.__setattr__(self, "_periods", checked_periods(
            periods, self.variables, self.costs if periods else (), "the cost of player"))

    def __setattr__(self, key: str, value: object) -> None:
        raise AttributeError(f"a Game is immutable: cannot set {key}; "
                             f"build a new one or use .substitute()")

    @property
    def players(self) -> tuple[Player, ...]:
        """The players in their order of play."""
        return self._players

    @property
    def n_players(self) -> int:
        """The number of players."""
        return len(self._players)

    @property
    def parameters(self) -> Mapping[sp.Symbol, sp.Expr]:
        """Values of the parameters, exact and read-only."""
        return self._parameters

    @property
    def periods(self) -> Mapping[sp.Symbol, sp.Expr]:
        """Periods of the coordinates that live on a circle, read-only."""
        return self._periods

    @property
    def costs(self) -> tuple[sp.Expr, ...]:
        """The costs in order of play, parameters as symbols."""
        return tuple(player.cost for player in self._players)

    @property
    def valued_costs(self) -> tuple[sp.Expr, ...]:
        """The costs with the parameters' values in place."""
        valued = self._valued
        if valued is None:
            valued = tuple(map(self._with_values, self.costs))
            object.__setattr__(self, "_valued", valued)
        return valued

    def _with_values(self, cost: sp.Expr) -> sp.Expr:
        return cost.xreplace(dict(self._parameters)) if self._parameters else cost

    @property
    def variables(self) -> tuple[sp.Symbol, ...]:
        """All actions, player by player, in declared order."""
        return tuple(a for player in self._players for a in player.actions)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of actions of each player."""
        return tuple(len(player.actions) for player in self._players)

    @property
    def is_zero_sum(self) -> bool:
        """Whether there are two players whose costs are proved to be f and -f.

        With the values of the parameters.  Large costs are compared as written, small ones
        also expanded.
        """
        if self.n_players != 2:
            return False
        first, second = self._players
        return (first._opponent is second or second._opponent is first
                or sum_to_zero(*self.valued_costs))

    @property
    def zero_sum_cost(self) -> sp.Expr | None:
        """f, with the parameters' values, of a game declared by `zero_sum`; else None.

        A game whose costs were written down as f and -f has None here, too.
        """
        first, second, *more = self._players
        if more or second._opponent is not first:
            return None
        return self._with_values(first.cost)

    def substitute(self, parameters: Mapping[sp.Symbol | str, Number]) -> Game:
        """A new game with other values for some of its parameters.

        Keys are symbols or their names; every one must be a parameter.
        """
        by_name = {symbol.name: symbol for symbol in self._parameters}
        values = dict(self._parameters)
        for key, value in parameters.items():
            symbol = by_name.get(key if isinstance(key, str) else key.name)
            if symbol is None or (not isinstance(key, str) and key != symbol):
                known = names_of(by_name.values()) or "none"
                raise GameError(f"{key} is not a parameter of this game "
                                f"(parameters: {known})")
            values[symbol] = exact(value, f"the parameter {symbol}")
        return Game(*self._players, parameters=values, name=self.name,
                    periods=self._periods)

    def without_parameters(self) -> Game:
        """The same game with the values of the parameters in the costs."""
        if not self._parameters:
            return self
        return Game(*(Player(cost, player.actions)
                      for cost, player in zip(self.valued_costs, self._players)),
                    name=self.name, periods=self._periods)

    def reordered(self, leader: int) -> Game:
        """The same game with player ``leader`` (from 0) playing first.

        The other players keep their order; variables are reordered with them.
        """
        if not 0 <= leader < self.n_players:
            raise GameError(f"there is no player {leader} among {self.n_players}")
        players = list(self._players)
        players.insert(0, players.pop(leader))
        return Game(*players, parameters=self._parameters, name=self.name,
                    periods=self._periods)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Game):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple:
        return (self._players, tuple(self._parameters.items()),
                frozenset(self._periods.items()))

    def __reduce__(self) -> tuple:
        first, second, *more = self._players
        if not more and second._opponent is first:
            return zero_sum, (first.cost, first.actions, second.actions, dict(self._parameters),
                              self.name, dict(self._periods))
        return _rebuild, (self._players, dict(self._parameters), self.name,
                          dict(self._periods))

    def __repr__(self) -> str:
        title = f"{self.name}: game" if self.name else "Game"
        lines = [f"{title} of {self.n_players} players in "
                 f"{len(self.variables)} variables"]
        for number, player in enumerate(self._players, 1):
            actions = short(sp.Tuple(*player.actions))[1:-1].rstrip(",")
            lines.append(f"  player {number} ({actions}): minimise {short(player.cost)}")
        if self._parameters:
            lines.append("  parameters: " + ", ".join(
                f"{symbol} = {value}" for symbol, value in self._parameters.items()))
        return "\n".join(lines)

    def latex(self) -> str:
        r"""The game as a LaTeX ``aligned`` block, one line a player."""
        lines = []
        for number, player in enumerate(self._players, 1):
            actions = ", ".join(sp.latex(a) for a in player.actions)
            lines.append(rf"\min_{{{actions}}}\; f_{{{number}}} &= {sp.latex(player.cost)}")
        if self._parameters:
            lines.append(r"&\text{with } " + ", ".join(
                f"{sp.latex(s)} = {sp.latex(v)}" for s, v in self._parameters.items()))
        return r"\begin{aligned}" + r" \\ ".join(lines) + r"\end{aligned}"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"


def _rebuild(players: tuple, parameters: dict, name: str, periods: dict) -> Game:
    return Game(*players, parameters=parameters, name=name, periods=periods)


def zero_sum(f: Number, leader: sp.Symbol | Iterable[sp.Symbol],
             follower: sp.Symbol | Iterable[sp.Symbol],
             parameters: Mapping[sp.Symbol, Number] | None = None,
             name: str = "",
             periods: Mapping[sp.Symbol, Number] | None = None) -> Game:
    """The zero-sum game (f, -f): the leader minimises f, the follower -f.

    Parameters are those of `Game`; ``leader`` and ``follower`` are one action
    or a sequence of them.

    >>> x, y = sp.symbols("x y", real=True)
    >>> zero_sum(x*y - y**2/2, x, y).is_zero_sum
    True
    """
    player = Player(f, leader)
    return Game(player, Player._against(player, follower), parameters=parameters,
                name=name, periods=periods)
