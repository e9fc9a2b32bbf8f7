"""Declaration: players, costs, order of play.

A game has players i = 1, ..., N with N >= 2.  Player i chooses actions x_i, a
tuple of real scalars, and pays f_i(x_1, ..., x_N), a smooth real cost that it
minimises.  The order of the players is the order of play: the first leads.
In a zero-sum game (f, -f) the leader minimises f and the follower -f.

No number here is a float.  A decimal is read as written, 0.15 as 3/20, so the
declaration is exact, and rounding starts only where programs are evaluated.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from numbers import Integral, Rational, Real
from types import MappingProxyType
from typing import Any, Union

import sympy as sp

from ..errors import GameError, UnsupportedFunction
from ..tables import short

__all__ = ["Player", "Game", "zero_sum", "exact"]

Number = Union[int, float, Fraction, Decimal, sp.Expr]

#: Functions with a derivative everywhere they are defined, by SymPy's name.
SMOOTH_FUNCTIONS = frozenset(
    "exp log sin cos tan cot sec csc sinh cosh tanh coth sech csch "
    "asin acos atan acot asinh acosh atanh "
    "erf erfc gamma loggamma digamma polygamma".split())

#: Costs with fewer operations than this are expanded to see whether they sum to zero.
_EXPANDED = 500

_PLAIN = (sp.Add, sp.Mul, sp.Pow, sp.Symbol, sp.Number, sp.NumberSymbol)

_NON_SMOOTH = {
    "Abs": "sqrt(x**2 + eps) with a small rational eps",
    "sign": "tanh(k*x) with a large k",
    "Max": "log(exp(k*a) + exp(k*b))/k with a large k",
    "Min": "-log(exp(-k*a) + exp(-k*b))/k with a large k",
    "Piecewise": "one formula for each region, analysed in its own box",
    "Heaviside": "1/(1 + exp(-k*x)) with a large k",
    "floor": "the real variable itself",
    "ceiling": "the real variable itself",
    "frac": "a periodic function such as sin",
    "Mod": "a periodic function such as sin",
    "DiracDelta": "a narrow Gaussian exp(-k*x**2)",
}


def exact(value: Number, what: str = "a constant") -> sp.Expr:
    """The exact SymPy number that a decimal, fraction or float was written as.

    A float becomes the rational of its shortest decimal form (0.15 -> 3/20);
    SymPy constants such as ``pi`` or ``sqrt(2)`` pass unchanged.

    Raises `GameError` for NaN, infinities and values that are not real numbers.

    >>> exact(0.15)
    3/20
    """
    if isinstance(value, bool) or isinstance(value, str):
        raise GameError(f"{what} must be a real number, not {value!r}")
    if isinstance(value, Integral):
        return sp.Integer(int(value))
    if isinstance(value, Rational):
        return sp.Rational(value.numerator, value.denominator)
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise GameError(f"{what} is {value}, which is not a finite number")
        return sp.Rational(str(value))
    if isinstance(value, Real):
        number = float(value)
        if not math.isfinite(number):
            raise GameError(f"{what} is {number}, which is not a finite number")
        return sp.Rational(repr(number))
    if not isinstance(value, sp.Expr):
        raise GameError(f"{what} must be a real number, not {value!r}")
    value = _rationalise(value, what)
    if value.free_symbols:
        raise GameError(f"{what} must be a number, but {value} contains "
                        f"{_names(value.free_symbols)}")
    if value.has(sp.nan, sp.zoo, sp.oo, -sp.oo):
        raise GameError(f"{what} is {value}, which is not a finite number")
    if value.is_extended_real is not True and value.is_real is not True:
        if sp.im(value.evalf(30)) != 0 or not value.evalf(30).is_number:
            raise GameError(f"{what} must be a real number, not {value}")
    return value


def _rationalise(expression: sp.Expr, what: str) -> sp.Expr:
    """Replace every Float by the rational of its shortest decimal form."""
    floats = expression.atoms(sp.Float)
    if not floats:
        return expression
    return expression.xreplace({
        f: exact(float(f), f"{what}: the constant {f}") if f._prec <= 53
        else sp.Rational(str(f)) for f in floats})


def checked_periods(periods: Mapping[sp.Symbol, Number] | None,
                    variables: Sequence[sp.Symbol], expressions: Sequence[sp.Expr],
                    each: str) -> Mapping[sp.Symbol, sp.Expr]:
    """Periods as exact numbers, read-only; ``each`` names an expression in messages.

    Raises `GameError` for a period of no variable, one that is not positive, or one
    that some expression is not seen to have.
    """
    checked = {}
    for symbol, value in (periods or {}).items():
        if symbol not in variables:
            raise GameError(f"a period is given for {symbol}, which is not one of "
                            f"{_names(variables)}")
        period = exact(value, f"the period of {symbol}")
        if not period > 0:
            raise GameError(f"the period of {symbol} must be positive, not {period}")
        for number, expression in enumerate(expressions, 1):
            if not _has_period(expression, symbol, period):
                raise GameError(f"{each} {number} does not have the period {period} in {symbol}")
        checked[symbol] = period
    return MappingProxyType(checked)


def _has_period(expression: sp.Expr, symbol: sp.Symbol, period: sp.Expr) -> bool:
    """Whether an expression is seen to have a period: by SymPy's own evaluation, or,
    where it is small and a sample does not refute it, after simplification."""
    shifted = expression.xreplace({symbol: symbol + period})
    if shifted == expression:
        return True
    difference = shifted - expression
    sample = {s: sp.Rational(k + 2, 7 * k + 9)
              for k, s in enumerate(sorted(expression.free_symbols, key=str))}
    value = difference.subs(sample).evalf(20)
    if value.is_Float and abs(value) > sp.Float("1e-9") * (1 + abs(
            expression.subs(sample).evalf(20))):
        return False
    return sp.count_ops(difference) < _EXPANDED and sp.simplify(difference) == 0


def _names(symbols: Iterable[sp.Basic]) -> str:
    return ", ".join(sorted(str(s) for s in symbols))


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

    __slots__ = ("_cost", "_actions")

    def __init__(self, cost: Number, actions: sp.Symbol | Iterable[sp.Symbol]) -> None:
        if isinstance(actions, (str, sp.Basic)) or not isinstance(actions, Iterable):
            actions = (actions,)
        self._actions = tuple(_check_symbol(a, "the action") for a in actions)
        if not self._actions:
            raise GameError("a player needs at least one action")
        if len(set(self._actions)) < len(self._actions):
            raise GameError(f"an action is listed twice: {_names(self._actions)}")
        self._cost = _check_cost(cost)

    @property
    def cost(self) -> sp.Expr:
        """The cost, exact."""
        return self._cost

    @property
    def actions(self) -> tuple[sp.Symbol, ...]:
        """The actions in declared order."""
        return self._actions

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Player):
            return NotImplemented
        return (self._cost, self._actions) == (other._cost, other._actions)

    def __hash__(self) -> int:
        return hash((Player, self._cost, self._actions))

    def __reduce__(self) -> tuple:
        return Player, (self._cost, self._actions)

    def __repr__(self) -> str:
        return f"Player({self._cost}, actions={self._actions})"


def _check_cost(cost: Number) -> sp.Expr:
    if isinstance(cost, (sp.MatrixBase, sp.MatrixExpr)) or (
            isinstance(cost, sp.Basic) and getattr(cost, "is_Matrix", False)):
        raise GameError("a cost must be a scalar, not a matrix; "
                        "for a quadratic form use (x.T*A*x)[0, 0]")
    if isinstance(cost, sp.logic.boolalg.Boolean) and not isinstance(cost, sp.Expr):
        raise GameError(f"a cost must be a real scalar, not the condition {cost}")
    if not isinstance(cost, sp.Expr):
        return exact(cost, "a cost")
    cost = _rationalise(cost, "a cost")
    if cost.has(sp.nan, sp.zoo, sp.oo, -sp.oo):
        raise GameError(f"a cost contains NaN or infinity: {short(cost)}")
    if cost.has(sp.I):
        raise GameError(f"a cost must be real, but {short(cost)} is complex")
    for node in sp.preorder_traversal(cost):
        _check_node(node)
    return cost


def _check_node(node: sp.Basic) -> None:
    name = node.func.__name__
    if isinstance(node, _PLAIN) or name in SMOOTH_FUNCTIONS:
        return
    if name in _NON_SMOOTH:
        raise UnsupportedFunction(
            f"{name} has points without a derivative, where neither a Jacobian "
            f"nor an equilibrium class exists; in place of {short(node)} use "
            f"{_NON_SMOOTH[name]}")
    if isinstance(node, (sp.Derivative, sp.Integral, sp.Sum, sp.Product)):
        raise UnsupportedFunction(f"a cost contains an unevaluated {name}: call "
                                  f".doit() on it first")
    if isinstance(node, sp.core.function.AppliedUndef):
        raise UnsupportedFunction(f"{short(node)} is a function without a formula: "
                                  f"put its formula in its place")
    raise UnsupportedFunction(
        f"{name} in {short(node)} is not one of: arithmetic, powers, "
        f"{', '.join(sorted(SMOOTH_FUNCTIONS))}")


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
                raise GameError(f"two players own the action {_names(twice)}")
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
            unknown = player.cost.free_symbols - owned - values.keys()
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
            periods, self.variables, self.costs, "the cost of player"))

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
            valued = tuple(cost.xreplace(dict(self._parameters)) for cost in self.costs)
            object.__setattr__(self, "_valued", valued)
        return valued

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
        f, g = self.valued_costs
        if f == -g:
            return True
        return sp.count_ops(f) + sp.count_ops(g) < _EXPANDED and sp.expand(f + g) == 0

    def substitute(self, parameters: Mapping[sp.Symbol | str, Number]) -> Game:
        """A new game with other values for some of its parameters.

        Keys are symbols or their names; every one must be a parameter.
        """
        by_name = {symbol.name: symbol for symbol in self._parameters}
        values = dict(self._parameters)
        for key, value in parameters.items():
            symbol = by_name.get(key if isinstance(key, str) else key.name)
            if symbol is None or (not isinstance(key, str) and key != symbol):
                known = _names(by_name.values()) or "none"
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
    return Game(player, Player(-player.cost, follower), parameters=parameters,
                name=name, periods=periods)
