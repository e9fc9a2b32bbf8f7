r"""From the arguments of a command line to a game, a box and its critical points.

A game is the name of a known one, a TOML file, or formulas; a box is one pair
of ends for all variables, one for each, or single ones by name.  Every number
is read as a formula, so that ``--box -pi pi/2`` and ``--param a=1/3`` are
exact; all text goes through `parsing`, and none of it is executed.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import NoReturn

import sympy as sp

from . import catalog, parsing
from .declaration.game import Game, Player, zero_sum
from .declaration.scanning import check_name, shown
from .errors import GameError, ParseError
from .verdicts.analysis import Analysis
from .verdicts.analyze import analyze

__all__ = ["EPILOG", "Box", "Parser", "WrongInput", "add_arguments", "analysis_of", "at_commas",
           "count", "game_and_box", "marked", "no_game", "number", "plain", "take_game"]

Box = Sequence[tuple[sp.Expr, sp.Expr]]

#: Put before an argument such as -pi or -x**2, which argparse would take for an
#: option; an argument of a process cannot hold this character itself.
_MARK = "\0"
_SHORT_OPTIONS = ("-h", "-o")
#: Beyond this a box is no box of floats.
_LARGEST = sp.Integer(10)**300
#: What the library's messages call by a Python name, and its option.
_OPTIONS = {"box=None": "--everywhere", "of='simultaneous'": "--of simultaneous"}

EPILOG = """\
GAME is a name from `gameanalysis catalog`, or a TOML file, whose format
`python -m pydoc gameanalysis.parsing` shows.  In place of it, formulas:

  gameanalysis analyze --cost 'x1**2 + x1*x2 - x2**2' --leader x1 --follower x2 --box -2 2

One --cost is a zero-sum game: the leader minimises it, the follower its negative.
Otherwise each player has a --cost, the leader first; with three players or more,
each follower has a --follower:

  gameanalysis analyze --cost 'x**2 - a*x*y' --cost '(y - sin(x))**2' --leader x \\
      --follower y --param a=1/3 --box x=-1,1 y=-pi,pi

exit status: 0 proved complete, 1 not proved complete, 2 wrong input
"""


class WrongInput(ValueError):
    """A command line that cannot be carried out."""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are raised, to be shown as one line."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print below its usage."""
        raise WrongInput(f"{plain(message)} (see {self.prog} --help)")


def add_arguments(parser: argparse.ArgumentParser, default: str | None = "") -> None:
    """The arguments that declare a game and where to search.

    ``default`` : what --help says of ``--of`` where its default, None, depends on the rules;
        None for a command without ``--of``.
    """
    parser.set_defaults(prog=parser.prog)
    add = parser.add_argument
    add("game", nargs="?", metavar="GAME", type=plain, help="a known game or a TOML file")
    add("--cost", action="append", metavar="F", type=plain,
        help="a cost to minimise, as a formula: x1**2 + 0.15*exp(-x1*x2)")
    add("--leader", nargs="+", metavar="X", type=plain, help="the actions of the leader")
    add("--follower", nargs="+", action="append", metavar="X", type=plain,
        help="the actions of a follower; may be repeated")
    add("--param", nargs="+", action="extend", default=[], metavar="NAME=VALUE", type=plain,
        help="values of parameters")
    add("--box", nargs="+", action="extend", default=[], metavar="END", type=plain,
        help="where to search: LOW HIGH for all variables, or for each in order, or "
             "X=LOW,HIGH by name; by default the box that comes with the game")
    add("--everywhere", action="store_true",
        help="search the whole space, by exact algebra: for costs that are polynomial up "
             "to factors that never vanish")
    if default is not None:
        add("--of", choices=("simultaneous", "stackelberg"),
            default=None if default else "simultaneous",
            help="the gradient play whose rest points are wanted (default: "
                 f"{default or 'simultaneous'})")
    add("--max-boxes", type=count, metavar="N", help="the budget of the search")


def marked(text: str) -> str:
    """The argument, marked where it starts with a sign but is no option."""
    text = plain(text)
    value = len(text) > 1 and text[0] == "-" != text[1] and text not in _SHORT_OPTIONS
    return _MARK + text if value else text


def plain(text: str) -> str:
    """The argument without its mark."""
    return text.replace(_MARK, "")


def count(text: str) -> int:
    """A whole number above 0, for argparse."""
    text = plain(text)
    if not (text.isascii() and text.isdigit() and len(text) <= 18 and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{shown(text)} is not a whole number above 0")
    return int(text)


def game_and_box(args: argparse.Namespace) -> tuple[Game, Box | None]:
    """The game that parsed arguments declare, and the box or None for everywhere.

    Raises `WrongInput`, `ParseError` or another `GameError`; the message names
    the option.
    """
    tokens: list[str] = args.box
    if args.game is None and args.cost is None:     # written last, it went to the option before
        if len(_unnamed(tokens)) % 2:
            args.game = tokens.pop()
        elif args.param and "=" not in args.param[-1]:
            args.game = args.param.pop()
    if args.everywhere and tokens:
        raise WrongInput("--box and --everywhere exclude each other")
    game, box = _known_game(args) if args.cost is None else (_declared_game(args), None)
    if args.everywhere:
        return game, None
    if tokens:
        box = _box(tokens, game, box)
    if box is None:
        raise WrongInput("where to search? give --box LOW HIGH, or --everywhere for costs that "
                         "are polynomial up to factors that never vanish")
    return game, box


def take_game(args: argparse.Namespace, *options: list[str] | None) -> None:
    """Give a GAME that was written behind the values of an option its place.

    argparse takes it for one more value: it is taken back if it names a game.
    """
    for tokens in options:
        if args.game is None and args.cost is None and tokens and (
                tokens[-1] in catalog.names() or tokens[-1].endswith(".toml")):
            args.game = tokens.pop()


def analysis_of(args: argparse.Namespace, game: Game, box: Box | None,
                of: str | None = None) -> Analysis:
    """The critical points; messages name the options.  ``of`` in place of ``--of``."""
    budget = {} if args.max_boxes is None else {"max_boxes": args.max_boxes}
    try:
        return analyze(game, box, of or args.of, **budget)
    except GameError as error:
        message = str(error)
        for name, option in _OPTIONS.items():
            message = message.replace(name, option)
        raise WrongInput(message) from None


def _known_game(args: argparse.Namespace) -> tuple[Game, Box | None]:
    name: str | None = args.game
    if args.leader or args.follower:
        raise WrongInput("--leader and --follower go with --cost")
    if name is None:
        raise WrongInput("which game? give a name, a TOML file, or --cost with --leader and "
                         f"--follower (see {args.prog} --help)")
    box: Box | None
    if name in catalog.names():
        game, box = catalog.game(name), catalog.info(name).box
    elif name.endswith(".toml") or os.sep in name or os.path.exists(name):
        file = parsing.read(name)
        game, box = file.game, file.box
    else:
        raise WrongInput(no_game(name, "game or file"))
    values = _parameters(args.param)
    return (game.substitute(values) if values else game), box


def no_game(name: str, what: str) -> str:
    """The message for an unknown name, with those that are close to it."""
    close = get_close_matches(name, catalog.names(), n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(close)}?" if close else ""
    return f"there is no {what} called {shown(name)}{hint} (gameanalysis catalog lists all games)"


def _declared_game(args: argparse.Namespace) -> Game:
    if args.game is not None:
        raise WrongInput(f"give either the game {shown(args.game)} or --cost, not both")
    if not args.leader or not args.follower:
        raise WrongInput("--cost needs the actions of its players: --leader x --follower y")
    owned = [_actions("--leader", args.leader),
             *(_actions("--follower", names) for names in args.follower)]
    values = _parameters(args.param)
    symbols = {name: sp.Symbol(name, real=True)
               for name in (*(name for names in owned for name in names), *values)}
    actions = [[symbols[name] for name in names] for names in owned]
    parameters = {symbols[name]: value for name, value in values.items()}
    costs = []
    for number, text in enumerate(args.cost, 1):
        where = "--cost" if len(args.cost) == 1 else f"--cost of player {number}"
        try:
            costs.append(parsing.expression(text, symbols))
        except ParseError as error:
            hint = "; a parameter is declared with --param NAME=VALUE"
            raise ParseError(f"{where}: " + re.sub("; allowed are .*", hint, str(error))) from None
    if len(costs) == 1 and len(actions) == 2:
        return zero_sum(costs[0], actions[0], actions[1], parameters=parameters)
    if len(costs) != len(actions):
        raise WrongInput(f"{len(actions)} players need {len(actions)} costs"
                         + (", or one if the game is zero-sum" if len(actions) == 2 else "")
                         + f", but --cost is given {len(costs)} "
                           f"time{'s' * (len(costs) != 1)}")
    return Game(*map(Player, costs, actions), parameters=parameters)


def _actions(option: str, texts: Sequence[str]) -> list[str]:
    """Names, separated by spaces or commas."""
    try:
        return [check_name(name) for text in texts for name in text.split(",")]
    except ParseError as error:
        raise WrongInput(f"{option}: {error}") from None


def _parameters(texts: Sequence[str]) -> dict[str, sp.Expr]:
    values: dict[str, sp.Expr] = {}
    for text in texts:
        try:
            name, value = parsing.assignment(text)
        except ParseError as error:
            raise _not_a_number("--param", error) from None
        if name in values:
            raise WrongInput(f"--param: {name} is given twice")
        values[name] = value
    return values


def _box(tokens: Sequence[str], game: Game, natural: Box | None) -> Box:
    """The sides by name override those by position, and these the natural ones."""
    names = [variable.name for variable in game.variables]
    sides = dict(zip(names, natural or ()))
    ends = [number(text, "--box") for text in _unnamed(tokens)]
    if len(ends) not in (0, 2, 2*len(names)):
        raise WrongInput(f"--box: give LOW HIGH once for all variables, or once for each of "
                         f"{', '.join(names)} in this order, and not {len(ends)} numbers")
    if ends:
        pairs = list(zip(ends[::2], ends[1::2]))
        sides = dict(zip(names, pairs if len(pairs) > 1 else pairs*len(names)))
    for name, pair in _named_sides(tokens):
        if name not in names:
            raise WrongInput(f"--box: {shown(name)} is not a variable of this game; its "
                             f"variables are {', '.join(names)}")
        sides[name] = pair
    missing = [name for name in names if name not in sides]
    if missing:
        raise WrongInput(f"--box: there is no side for {', '.join(missing)}")
    for name, (low, high) in sides.items():
        if not (high - low).is_positive:
            raise WrongInput(f"--box: for {name} the lower end {low} does not lie below the "
                             f"upper end {high}")
        if max(abs(low), abs(high)) > _LARGEST:
            raise WrongInput(f"--box: the side of {name} is too long for floating-point "
                             f"numbers; --everywhere searches the whole space")
    return [sides[name] for name in names]


def _unnamed(tokens: Sequence[str]) -> list[str]:
    """The ends without a name; LOW,HIGH in one token are two."""
    return [end for token in tokens if "=" not in token for end in at_commas(token)]


def _named_sides(tokens: Sequence[str]) -> list[tuple[str, tuple[sp.Expr, sp.Expr]]]:
    """Name and ends of each X=LOW,HIGH."""
    found: dict[str, tuple[sp.Expr, sp.Expr]] = {}
    for token in tokens:
        name, sign, text = token.partition("=")
        if not sign:
            continue
        if name in found:
            raise WrongInput(f"--box: {shown(name)} is given twice")
        parts = at_commas(text)
        if len(parts) != 2:
            raise WrongInput(f"--box: {shown(token)} is not of the form X=LOW,HIGH")
        found[name] = (number(parts[0], f"--box: {name}"), number(parts[1], f"--box: {name}"))
    return list(found.items())


def at_commas(text: str) -> list[str]:
    """The parts between commas that stand outside parentheses.

    >>> at_commas("1,polygamma(1,2)")
    ['1', 'polygamma(1,2)']
    """
    parts, depth = [""], 0
    for char in text:
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return parts


def number(text: str, where: str) -> sp.Expr:
    """The exact number that a formula without names writes; raises `ParseError`.

    >>> number("-1/3", "--start")
    -1/3
    """
    try:
        return parsing.expression(text, ())
    except ParseError as error:
        raise _not_a_number(where, error) from None


def _not_a_number(where: str, error: ParseError) -> ParseError:
    hint = "; a number is written like -1.5, 1/3 or pi/2"
    return ParseError(f"{where}: " + re.sub(r" \(declared names: none\); allowed are .*", hint,
                                            str(error)))
