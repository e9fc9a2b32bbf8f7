r"""Formulas and game files as text: the way in for everything that is not SymPy.

A formula holds numbers, the declared names, + - * / ** and parentheses, pi
and E, the functions of `costs.SMOOTH_FUNCTIONS`, and sqrt; precedence is
Python's.  It is read by a grammar (`scanning`) and built step by bounded step
(`formulas`); no part of it is ever executed.

A game file is TOML:

    name = "my game"                # may be left out
    [[player]]                      # in order of play: the first leads
    actions = ["x1"]
    cost = "x1**2 + a*x1*x2"
    [[player]]
    actions = ["x2"]
    cost = "x2**2 - x1*x2"
    [parameters]                    # numbers, or text such as "1/3" and "pi/2"
    a = 0.15
    [box]                           # may be left out: where to search
    x1 = [-2, 2]
    x2 = ["-pi", "pi"]
    [periods]                       # may be left out: actions on a circle
    x2 = "2*pi"

A zero-sum game has ``zero_sum = "x*y - y**2/2"``, ``leader = ["x"]`` and
``follower = ["y"]`` in place of the players, above the first table.  Decimals
are exact in formulas and as numbers of TOML: 0.15 is 3/20.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Union

import sympy as sp

from .declaration.formulas import build
from .declaration.game import Game, Player, zero_sum
from .declaration.scanning import Source, check_name, shown
from .errors import GameError, ParseError

__all__ = ["GameFile", "assignment", "expression", "load", "read", "read_text"]

# The limits, and why each has its value.
#: Bytes of a game file: five formulas of full length.
MAX_FILE = 100_000
#: Actions and parameters: more than any game that can be searched.
MAX_NAMES = 500
#: Parts of a dotted key: the format has two, and tomllib takes quadratic time.
MAX_PARTS = 8

Names = Union[Mapping[str, Union[str, sp.Symbol]], Iterable[Union[str, sp.Symbol]]]
Box = tuple[tuple[sp.Expr, sp.Expr], ...]

# A counterexample is saved as a game file; what `falsify` adds is not read here.
_KEYS = ("name", "player", "zero_sum", "leader", "follower", "parameters", "box", "periods",
         "counterexample")
_PLAYER_KEYS = ("actions", "cost")
_PART = r"""(?:[\w-]+|"[^"\n]*"|'[^'\n]*')"""
_LONG_KEY = re.compile(rf"(?<![\w-]){_PART}(?:[ \t]*\.[ \t]*{_PART}){{{MAX_PARTS},}}", re.ASCII)


def expression(text: str, names: Names) -> sp.Expr:
    """The SymPy expression that a formula writes, exactly.

    Guaranteed: no part of the text is executed; the result holds declared
    symbols, the listed functions and finite real constants, and no float;
    hostile text ends as an error within a second and bounded memory.  Not
    guaranteed: that the formula is defined everywhere (log(x) is accepted),
    nor SymPy's form of it (x/x becomes 1).  A constant that cannot be told
    from zero to 77 digits is refused where zero would have no value.

    Parameters
    ----------
    text : the formula; line breaks in it only separate.
    names : symbols and names, or a mapping from names to symbols; a name
        stands for ``sp.Symbol(name, real=True)``.

    Raises `ParseError` (a `ValueError`): its first line gives the column and
    what is wrong, the next two show the place.

    >>> expression("0.1*x**2 - exp(-y)/3", ["x", "y"])
    x**2/10 - exp(-y)/3
    """
    return build(Source(text), _symbols(names))


def assignment(text: str) -> tuple[str, sp.Expr]:
    """The name and the exact number that text such as ``a=0.3`` writes.

    The right side is a formula without names.  Raises `ParseError`.

    >>> assignment("a = pi/4")
    ('a', pi/4)
    """
    name, sign, _ = Source(text).text.partition("=")
    if not sign:
        raise ParseError(f"{shown(text)} has no '=': write name=value, such as a=0.3")
    return check_name(name.strip()), build(Source(text, start=len(name) + 1), {})


@dataclass(frozen=True)
class GameFile:
    """A game, and the box in which its file says to search, or None.

    The box has one exact pair (lower, upper) for each action, in the order of
    ``game.variables``.
    """

    game: Game
    box: Box | None


def load(path: str | os.PathLike[str]) -> Game:
    """The game that a TOML file declares; `read` gives its box too.

    The format is at the head of this module.  Raises `ParseError` with the
    file, the key and the place in a formula.
    """
    return read(path).game


def read(path: str | os.PathLike[str]) -> GameFile:
    """The game and the box that a TOML file declares.

    The format is at the head of this module.  Raises `ParseError` with the
    file, the key and the place in a formula; also where the file is missing,
    is not UTF-8 or has more than `MAX_FILE` bytes.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_FILE + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise ParseError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        if len(data) <= MAX_FILE:
            raise ParseError(f"{path}: this is not UTF-8 text (byte {error.start})") from error
        text = data.decode("latin-1")
    return read_text(text, source=str(path))


def read_text(text: str, *, source: str = "game file") -> GameFile:
    r"""The game and the box that TOML text declares; ``source`` opens messages.

    Raises `ParseError` as `read` does.

    >>> read_text('zero_sum = "x*y"\nleader = ["x"]\nfollower = ["y"]').game
    Game of 2 players in 2 variables
      player 1 (x): minimise x*y
      player 2 (y): minimise -x*y
    """
    if len(text) > MAX_FILE:
        raise ParseError(f"{source}: a game file has at most {MAX_FILE} bytes")
    key = _LONG_KEY.search(text)
    if key is not None:
        raise ParseError(f"{source}: {shown(key.group())} has more than {MAX_PARTS} parts")
    try:
        table = tomllib.loads(text, parse_float=_Decimal)
    except RecursionError:
        raise ParseError(f"{source}: values are nested too deeply") from None
    except tomllib.TOMLDecodeError as error:
        raise ParseError(f"{source}: this is not TOML: {error}") from error
    except ValueError:  # Python's own limit on the digits of an integer
        raise ParseError(f"{source}: an integer has thousands of digits") from None
    try:
        return _game_file(table, source)
    except ParseError:
        raise
    except GameError as error:
        raise ParseError(f"{source}: {error}") from error


class _Decimal(str):
    """The text of a number in TOML, so that no digit of it is lost."""


def _symbols(names: Names) -> dict[str, sp.Symbol]:
    if isinstance(names, (str, sp.Basic)):
        raise ParseError(f"names must be a list or a mapping: write [{names!r}]")
    pairs = names.items() if isinstance(names, Mapping) else (
        (getattr(name, "name", name), name) for name in names)
    symbols: dict[str, sp.Symbol] = {}
    for name, symbol in pairs:
        check_name(name)
        if isinstance(symbol, str):
            symbol = sp.Symbol(check_name(symbol), real=True)
        if not isinstance(symbol, sp.Symbol):
            raise ParseError(f"{name!r} must stand for a SymPy symbol, "
                             f"not a {type(symbol).__name__}")
        if symbols.setdefault(name, symbol) != symbol:
            raise ParseError(f"two different symbols are called {name!r}")
    return symbols


def _game_file(table: dict[str, Any], source: str) -> GameFile:
    _check_keys(table, _KEYS, source)
    name = table.get("name", "")
    if type(name) is not str:
        raise ParseError(f"{source}: name: expected text in quotes")
    owners = _owners(table, source)
    rows = [_actions(owner, key, where) for owner, key, where, _ in owners]
    if sum(map(len, [*rows, _table(table, "parameters", source)])) > MAX_NAMES:
        raise ParseError(f"{source}: a game file has at most {MAX_NAMES} actions and parameters")
    values = _numbers(table, "parameters", source)
    symbols = {n: sp.Symbol(n, real=True) for row in (*rows, values) for n in row}
    actions = [[symbols[n] for n in row] for row in rows]
    variables = [symbol for row in actions for symbol in row]
    common: dict[str, Any] = {
        "name": name,
        "parameters": {symbols[n]: value for n, value in values.items()},
        "periods": {_action(n, variables, f"{source}: periods"): value
                    for n, value in _numbers(table, "periods", source).items()},
    }
    if "zero_sum" in table:
        cost = _formula(table["zero_sum"], symbols, f"{source}: zero_sum")
        game = zero_sum(cost, actions[0], actions[1], **common)
    else:
        game = Game(*(
            Player(_formula(_need(player, "cost", where), symbols, f"{where}: cost"), row)
            for (player, _, _, where), row in zip(owners, actions)), **common)
    return GameFile(game, _box(table, variables, source))


def _owners(table: dict[str, Any], source: str) -> list[tuple[dict[str, Any], str, str, str]]:
    """For each player: the table and the key of its actions, their place, the player's."""
    zero = "zero_sum" in table
    if zero == ("player" in table):
        raise ParseError(f"{source}: a game has either [[player]] tables, or zero_sum with leader "
                         f"and follower; here are {'both' if zero else 'neither'} of them")
    if zero:
        return [(table, key, source, source) for key in ("leader", "follower")]
    for key in ("leader", "follower"):
        if key in table:
            raise ParseError(f"{source}: {key}: stands beside zero_sum only; with [[player]] "
                             f"tables the first one leads")
    players = table["player"]
    if not isinstance(players, list) or not all(isinstance(p, dict) for p in players):
        raise ParseError(f"{source}: player: write one [[player]] table for each player")
    places = [f"{source}: player {number}" for number in range(1, len(players) + 1)]
    for player, where in zip(players, places):
        _check_keys(player, _PLAYER_KEYS, where)
    return [(player, "actions", where, where) for player, where in zip(players, places)]


def _check_keys(table: dict[str, Any], keys: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in keys:
            raise ParseError(f"{where}: unknown key {shown(key)}; the keys are {', '.join(keys)}")


def _need(table: dict[str, Any], key: str, where: str) -> Any:
    if key not in table:
        raise ParseError(f"{where}: {key} is missing")
    return table[key]


def _actions(table: dict[str, Any], key: str, where: str) -> list[str]:
    value = _need(table, key, where)
    if not isinstance(value, list) or not value or any(type(v) is not str for v in value):
        raise ParseError(f'{where}: {key}: expected a list of names in quotes, such as ["x1"]')
    return [_named(name, f"{where}: {key}") for name in value]


def _named(name: str, where: str) -> str:
    try:
        return check_name(name)
    except ParseError as error:
        raise ParseError(f"{where}: {error}") from None


def _action(name: str, variables: list[sp.Symbol], where: str) -> sp.Symbol:
    for variable in variables:
        if variable.name == name:
            return variable
    raise ParseError(f"{where}: {shown(name)} is not an action; the actions are "
                     f"{', '.join(map(str, variables))}")


def _formula(value: Any, symbols: Mapping[str, sp.Symbol], where: str) -> sp.Expr:
    """A formula in quotes, or a plain number."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ParseError(f"{where}: expected a number, or a formula in quotes")
    if type(value) is str:
        return build(Source(value, where=where), symbols)
    if isinstance(value, str) and value.lstrip("+-") in ("inf", "nan"):
        raise ParseError(f"{where}: {value} is not a finite number")
    # TOML allows 1_000, and hexadecimals that are too long to be written out.
    number = value if isinstance(value, str) or abs(value) < 10**600 else "9" * 600
    return build(Source(str(number).replace("_", ""), where=where), {})


def _table(table: dict[str, Any], key: str, source: str) -> dict[str, Any]:
    part = table.get(key, {})
    if not isinstance(part, dict):
        raise ParseError(f"{source}: {key}: write [{key}] and below it one line for each name, "
                         f"such as {'x = [-2, 2]' if key == 'box' else 'x = 1'}")
    return part


def _numbers(table: dict[str, Any], key: str, source: str) -> dict[str, sp.Expr]:
    return {_named(name, f"{source}: {key}"): _formula(value, {}, f"{source}: {key}: {name}")
            for name, value in _table(table, key, source).items()}


def _box(table: dict[str, Any], variables: list[sp.Symbol], source: str) -> Box | None:
    part = _table(table, "box", source)
    if "box" not in table:
        return None
    for name in part:
        _action(name, variables, f"{source}: box")
    sides = []
    for variable in variables:
        ends = _need(part, variable.name, f"{source}: box")
        where = f"{source}: box: {variable}"
        if not isinstance(ends, list) or len(ends) != 2:
            raise ParseError(f"{where}: expected two numbers, such as [-2, 2]")
        lower, upper = (_formula(end, {}, where) for end in ends)
        if not (upper - lower).is_positive:
            raise ParseError(f"{where}: the lower end {lower} does not lie below the upper "
                             f"end {upper}")
        sides.append((lower, upper))
    return tuple(sides)
