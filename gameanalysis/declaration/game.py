"""Declaration: players, costs, order of play.

A game has players i = 1, ..., N with N >= 2.  Player i chooses actions x_i, a
tuple of real scalars, and pays f_i(x_1, ..., x_N), a smooth real cost that it
minimises.  The order of the players is the order of play: the first leads.
In a zero-sum game (f, -f) the leader minimises f and the follower -f.

No number here is a float.  A decimal is read as written, 0.15 as 3/20, so the
declaration is exact, and rounding starts only where programs are evaluated.

Actions and parameters may be whole matrices (see `matrices`); the game's variables are
then their entries, row by row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Union

import sympy as sp

from ..errors import GameError
from ..tables import short
from .costs import Number, checked_cost, checked_periods, exact, names_of, sum_to_zero
from .matrices import (Declared, MatrixDeclaration, checked_matrix_cost, entries, expanded,
                       has_matrices, matrix_action, matrix_entries)

__all__ = ["Player", "Game", "zero_sum"]

#: Games with more variables are not written out only to see whether they are zero-sum.
_COMPARED = 300
#: Matrices with more rows or columns are not printed in LaTeX.
_PRINTED = 6


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


Actions = Union[Declared, Iterable[Declared]]


def _checked_actions(actions: Actions) -> tuple[Declared, ...]:
    """The actions as they are declared."""
    if isinstance(actions, (str, sp.Basic)) or not isinstance(actions, Iterable):
        actions = (actions,)
    out = tuple(matrix_action(a) if isinstance(a, sp.MatrixSymbol)
                else _check_symbol(a, "the action") for a in actions)
    if not out:
        raise GameError("a player needs at least one action")
    if len(set(out)) < len(out):
        raise GameError(f"an action is listed twice: {names_of(out)}")
    return out


def _flat(actions: Iterable[Declared]) -> tuple[sp.Symbol, ...]:
    """The variables of some actions: matrices entry by entry."""
    return tuple(entry for action in actions for entry in (
        entries(action) if isinstance(action, sp.MatrixSymbol) else (action,)))


class Player:
    """A cost to be minimised and the actions that its owner chooses.

    Parameters
    ----------
    cost : a SymPy expression or a number; decimals become exact rationals.
    actions : one symbol or a sequence of symbols, in the order to keep; a `MatrixSymbol`
        stands for its entries, row by row.

    Raises `GameError` (a `ValueError`) that names the offending symbol, and
    `UnsupportedFunction` for a function without derivatives (Abs, Max, ...).

    >>> x, y = sp.symbols("x y", real=True)
    >>> Player(x**2 + x*y, x)
    Player(x**2 + x*y, actions=(x,))
    >>> V = sp.MatrixSymbol("V", 2, 1)
    >>> Player(sp.Trace(V*V.T), V).cost
    V1**2 + V2**2
    """

    __slots__ = ("_declared", "_chosen", "_cost", "_actions", "_symbols", "_opponent")
    _declared: sp.Expr | None
    _cost: sp.Expr | None
    _opponent: Player | None

    def __init__(self, cost: Number, actions: Actions) -> None:
        self._chosen = _checked_actions(actions)
        self._actions = _flat(self._chosen)
        if has_matrices(cost):
            self._declared, self._symbols = checked_matrix_cost(cost)
            self._cost = None
        else:
            self._cost, self._symbols = checked_cost(cost)
            self._declared = self._cost
        self._opponent = None

    @classmethod
    def _against(cls, opponent: Player, actions: Actions) -> Player:
        """The player whose cost is minus the opponent's, written down when first needed."""
        self = cls.__new__(cls)
        self._chosen = _checked_actions(actions)
        self._actions, self._symbols = _flat(self._chosen), opponent._symbols
        self._declared = self._cost = None
        self._opponent = opponent
        return self

    @property
    def cost(self) -> sp.Expr:
        """The cost, exact, in the actions that are single variables."""
        cost = self._cost
        if cost is None:
            cost = self._cost = (expanded(self.declared_cost) if self._opponent is None
                                 else -self._opponent.cost)
        return cost

    @property
    def actions(self) -> tuple[sp.Symbol, ...]:
        """The actions in declared order, matrices entry by entry."""
        return self._actions

    @property
    def declared_cost(self) -> sp.Expr:
        """The cost as it was declared, in matrices if it has any."""
        cost = self._declared
        if cost is None:
            assert self._opponent is not None
            cost = self._declared = -self._opponent.declared_cost
        return cost

    @property
    def declared_actions(self) -> tuple[Declared, ...]:
        """The symbols that were declared: matrices whole."""
        return self._chosen

    @property
    def _in_matrices(self) -> bool:
        return (any(isinstance(a, sp.MatrixSymbol) for a in self._chosen)
                or any(isinstance(s, sp.MatrixSymbol) for s in self._symbols))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Player):
            return NotImplemented
        return (self._chosen, self.declared_cost) == (other._chosen, other.declared_cost)

    def __hash__(self) -> int:
        return hash((Player, self.declared_cost, self._chosen))

    def __reduce__(self) -> tuple:
        return Player, (self.declared_cost, self._chosen)

    def __repr__(self) -> str:
        return f"Player({self.declared_cost}, actions={self._chosen})"


class Game:
    """Players in their order of play; the first leads.  Immutable.

    Parameters
    ----------
    *players : two or more `Player`.
    parameters : values of the symbols in the costs that are not actions; of a
        `MatrixSymbol` a SymPy matrix, an array or nested lists.
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

    __slots__ = ("_players", "_parameters", "_declared", "_periods", "name", "_valued")
    _players: tuple[Player, ...]
    _declared: tuple[Declared, ...]
    _parameters: Mapping[sp.Symbol, sp.Expr]
    _periods: Mapping[sp.Symbol, sp.Expr]
    _valued: tuple[sp.Expr, ...] | None
    name: str

    def __init__(self, *players: Player,
                 parameters: Mapping[Declared, Any] | None = None,
                 name: str = "",
                 periods: Mapping[sp.Symbol, Number] | None = None) -> None:
        if len(players) < 2:
            raise GameError(f"a game needs two or more players, not {len(players)}")
        for player in players:
            if not isinstance(player, Player):
                raise GameError(f"expected a Player(cost, actions), not {player!r}")
        owned: set[Declared] = set()
        for player in players:
            twice = owned.intersection(player._chosen)
            if twice:
                raise GameError(f"two players own the action {names_of(twice)}")
            owned.update(player._chosen)
        values: dict[sp.Symbol, sp.Expr] = {}
        declared = []
        for symbol, value in (parameters or {}).items():
            if not isinstance(symbol, sp.MatrixSymbol):
                symbol = _check_symbol(symbol, "the parameter")
            if symbol in owned:
                raise GameError(f"{symbol} is both an action and a parameter")
            declared.append(symbol)
            values.update(matrix_entries(value, symbol) if isinstance(symbol, sp.MatrixSymbol)
                          else {symbol: exact(value, f"the parameter {symbol}")})
        known = _distinct_names([*owned, *declared])
        for number, player in enumerate(players, 1):
            for symbol in sorted(player._symbols - owned - set(declared), key=str):
                hint = (f" (a symbol of that name is declared, with other "
                        f"assumptions: declare {symbol} once)"
                        if symbol.name in known else
                        f"; give it to a player or pass parameters={{{symbol}: value}}")
                raise GameError(f"the cost of player {number} contains "
                                f"{symbol}, which is undeclared{hint}")
        object.__setattr__(self, "_players", tuple(players))
        object.__setattr__(self, "_parameters", MappingProxyType(
            dict(sorted(values.items(), key=lambda item: str(item[0])))))
        object.__setattr__(self, "_declared", tuple(sorted(declared, key=str)))
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
        """Values of the parameters, exact and read-only; of matrices entry by entry."""
        return self._parameters

    @property
    def is_in_matrices(self) -> bool:
        """Whether some action or cost was declared in matrices."""
        return any(player._in_matrices for player in self._players)

    @property
    def matrices(self) -> MatrixDeclaration | None:
        """The game as it was declared in matrices; None for one declared without."""
        if not self.is_in_matrices:
            return None
        return MatrixDeclaration(
            tuple(player.declared_cost for player in self._players),
            tuple(player.declared_actions for player in self._players),
            MappingProxyType(self._declared_parameters()))

    def _declared_parameters(self) -> dict[Declared, Any]:
        values = self._parameters
        return {symbol: sp.ImmutableMatrix(*symbol.shape, [values[e] for e in entries(symbol)])
                if isinstance(symbol, sp.MatrixSymbol) else values[symbol]
                for symbol in self._declared}

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
        also expanded; costs of matrices as declared and, for a few hundred variables, in
        entries.
        """
        if self.n_players != 2:
            return False
        first, second = self._players
        if first._opponent is second or second._opponent is first:
            return True
        if self.is_in_matrices and sum_to_zero(first.declared_cost, second.declared_cost):
            return True
        return len(self.variables) <= _COMPARED and sum_to_zero(*self.valued_costs)

    @property
    def zero_sum_cost(self) -> sp.Expr | None:
        """f, with the parameters' values, of a game declared by `zero_sum`; else None.

        A game whose costs were written down as f and -f has None here, too.
        """
        first, second, *more = self._players
        if more or second._opponent is not first:
            return None
        return self._with_values(first.cost)

    def substitute(self, parameters: Mapping[Declared | str, Any]) -> Game:
        """A new game with other values for some of its parameters.

        Keys are symbols or their names; every one must be a parameter.
        """
        by_name = {symbol.name: symbol for symbol in (*self._parameters, *self._declared)}
        values = dict(self._parameters)
        for key, value in parameters.items():
            symbol = by_name.get(key if isinstance(key, str) else key.name)
            if symbol is None or (not isinstance(key, str) and key != symbol):
                known = names_of(self._declared) or "none"
                raise GameError(f"{key} is not a parameter of this game "
                                f"(parameters: {known})")
            values.update(matrix_entries(value, symbol) if isinstance(symbol, sp.MatrixSymbol)
                          else {symbol: exact(value, f"the parameter {symbol}")})
        out = object.__new__(Game)
        for slot in self.__slots__:
            object.__setattr__(out, slot, getattr(self, slot))
        object.__setattr__(out, "_parameters", MappingProxyType(values))
        object.__setattr__(out, "_valued", None)
        return out

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
        return Game(*players, parameters=self._declared_parameters(), name=self.name,
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
            return zero_sum, (first.declared_cost, first._chosen, second._chosen,
                              self._declared_parameters(), self.name, dict(self._periods))
        return _rebuild, (self._players, self._declared_parameters(), self.name,
                          dict(self._periods))

    def __repr__(self) -> str:
        title = f"{self.name}: game" if self.name else "Game"
        lines = [f"{title} of {self.n_players} players in "
                 f"{len(self.variables)} variables"]
        for number, player in enumerate(self._players, 1):
            actions = short(sp.Tuple(*player._chosen))[1:-1].rstrip(",")
            lines.append(f"  player {number} ({actions}): minimise "
                         f"{short(player.declared_cost)}")
        if self._declared:
            lines.append("  parameters: " + ", ".join(
                f"{symbol} = {short(value.tolist()) if value.is_Matrix else value}"
                for symbol, value in self._declared_parameters().items()))
        return "\n".join(lines)

    def latex(self) -> str:
        r"""The game as a LaTeX ``aligned`` block, one line a player."""
        lines = []
        for number, player in enumerate(self._players, 1):
            actions = ", ".join(sp.latex(a) for a in player._chosen)
            lines.append(rf"\min_{{{actions}}}\; f_{{{number}}} &= "
                         rf"{sp.latex(player.declared_cost)}")
        if self._declared:
            lines.append(r"&\text{with } " + ", ".join(
                f"{sp.latex(s)} = {_latex_value(v)}"
                for s, v in self._declared_parameters().items()))
        return r"\begin{aligned}" + r" \\ ".join(lines) + r"\end{aligned}"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"


def _distinct_names(symbols: Iterable[Declared]) -> set[str]:
    """The names of some symbols and of their entries; raises `GameError` if two are equal."""
    known: set[str] = set()
    for declared in symbols:
        own = entries(declared) if isinstance(declared, sp.MatrixSymbol) else ()
        for name in {symbol.name for symbol in (declared, *own)}:
            if name in known:
                raise GameError(f"two different symbols are called {name}; declare it once and "
                                f"use it everywhere"
                                + (f" (it is also an entry of the matrix {declared})"
                                   if own else ""))
            known.add(name)
    return known


def _latex_value(value: Any) -> str:
    if value.is_Matrix and max(value.shape) > _PRINTED:
        return rf"\text{{a }} {value.rows} \times {value.cols} \text{{ matrix}}"
    return sp.latex(value)


def _rebuild(players: tuple, parameters: dict, name: str, periods: dict) -> Game:
    return Game(*players, parameters=parameters, name=name, periods=periods)


def zero_sum(f: Number, leader: Actions, follower: Actions,
             parameters: Mapping[Declared, Any] | None = None,
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
