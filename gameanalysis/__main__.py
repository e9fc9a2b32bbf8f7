r"""The command line: ``gameanalysis analyze``, ``plot``, ``catalog``, and what moves.

`motion_commands` has ``simulate`` and ``basins``, `rule_commands` ``stability``,
``fixed-points`` and ``rules``, `claim_commands` ``check`` and ``falsify``.  The exit status
answers the question that was asked:

    0    the list of critical points is proved complete, and all was done as asked
    1    it is not, and the output tells why; or some start was not followed to its end; or a
         claim was refuted
    2    wrong input: one line on the standard error tells what and where
    130  interrupted (128 + SIGINT);  141 nobody reads the output (128 + SIGPIPE)

``gameanalysis analyze --help`` shows how a game is declared.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

import sympy as sp

from . import catalog
from .claim_commands import add_claim_commands
from .commandline import (EPILOG, Box, Parser, WrongInput, add_arguments, analysis_of,
                          game_and_box, marked, no_game, plain)
from .declaration.entries import FACTS, Entry
from .declaration.scanning import shown
from .errors import BoxError, GameError, ShapeError
from .motion_commands import add_motion_commands
from .output import check_picture, json_text, save_picture, write
from .rule_commands import add_rule_commands
from .tables import text_table
from .truth import Truth
from .verdicts.analysis import Analysis

__all__ = ["main"]

COMPLETE, INCOMPLETE, WRONG_INPUT, INTERRUPTED, NOT_READ = 0, 1, 2, 130, 141
_COMMANDS = ("analyze", "plot", "simulate", "basins", "stability", "fixed-points", "check",
             "falsify", "catalog", "rules")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit status.

    Guarantee: wrong input ends as one line on the standard error and status 2.

    Parameters
    ----------
    argv : the arguments after the program's name; those of the process if None.

    >>> main(["analyze", "no_such_game"])
    2
    """
    try:
        try:
            arguments = sys.argv[1:] if argv is None else argv
            _check_command(arguments)
            args = _parser().parse_args([marked(text) for text in arguments])
            status: int = args.run(args)
            print(end="", flush=True)
            return status
        except BrokenPipeError:
            raise
        except OSError as error:
            _discard_output()
            return _complain(f"cannot write the output: {error.strerror}")
        except (WrongInput, GameError, BoxError, ShapeError) as error:
            return _complain(str(error))
        except MemoryError:
            return _complain("this takes more memory than there is: ask for fewer starts or "
                             "points, or a smaller box")
    except SystemExit as stop:                  # argparse, after --help or --version
        return int(stop.code or 0)
    except BrokenPipeError:
        _discard_output()
        return NOT_READ
    except KeyboardInterrupt:
        return INTERRUPTED


def _check_command(arguments: Sequence[str]) -> None:
    """Say more than argparse would to who forgets the command."""
    name = arguments[0] if arguments else ""
    if name[:1] == "-" or name in _COMMANDS:
        return
    problem = f"{shown(name)} is not a command" if arguments else "a command is missing"
    way_out = (f"write gameanalysis analyze {name}" if name in catalog.names() else
               f"the commands are {', '.join(_COMMANDS)} (see gameanalysis --help)")
    raise WrongInput(f"{problem}; {way_out}")


def _parser() -> Parser:
    parser = Parser(
        prog="gameanalysis", allow_abbrev=False,
        description="Small differentiable games: critical points proved complete, classified "
                    "and drawn, and what learning rules make of them.",
        epilog="gameanalysis analyze --help shows how a game is declared.")
    # The package is loaded already; no module imports names from it.
    version = sys.modules["gameanalysis"].__version__
    parser.add_argument("--version", action="version", version=f"gameanalysis {version}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: Any, about: str, epilog: str = "") -> argparse.ArgumentParser:
        added: argparse.ArgumentParser = commands.add_parser(
            name, help=about, description=about, epilog=epilog, allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter)
        added.set_defaults(run=run)
        return added

    find = command("analyze", _analyze, "find, prove and classify critical points", EPILOG)
    add_arguments(find)
    find.add_argument("--json", action="store_true",
                      help="print all facts as JSON; Truths are yes, no or undecided")
    find.add_argument("--plot", metavar="FILE", type=plain, help="draw the phase portrait, too")
    draw = command("plot", _plot, "draw the phase portrait of a game", EPILOG)
    add_arguments(draw)
    draw.add_argument("-o", "--output", metavar="FILE", type=plain, required=True,
                      help="the picture; its ending chooses the format, such as .png or .pdf")
    add_motion_commands(command)
    add_rule_commands(command)
    add_claim_commands(command)
    known = command("catalog", _catalog, "list the known games, or show one of them")
    known.add_argument("name", nargs="?", metavar="NAME", type=plain)
    known.add_argument("--json", action="store_true", help="print as JSON")
    return parser


# -- the commands ------------------------------------------------------------

def _analyze(args: argparse.Namespace) -> int:
    game, box = game_and_box(args)
    if args.plot is not None:
        check_picture(args.plot, game)
    result = analysis_of(args, game, box)
    write(json_text(result.to_dict()) if args.json else str(result))
    if args.plot is not None:
        _draw(args.plot, result)
    return _status(result)


def _plot(args: argparse.Namespace) -> int:
    game, box = game_and_box(args)
    check_picture(args.output, game)
    result = analysis_of(args, game, box)
    _draw(args.output, result)
    proved = "proved complete" if result.complete is Truth.YES else "NOT proved complete"
    write(f"{args.output}: {len(result)} critical point{'s' * (len(result) != 1)}, {proved}")
    return _status(result)


def _catalog(args: argparse.Namespace) -> int:
    if args.name is not None:
        if args.name not in catalog.names():
            raise WrongInput(no_game(args.name, "game"))
        entry = catalog.info(args.name)
        write(json_text(_entry_dict(entry)) if args.json else _entry_text(entry))
    elif args.json:
        write(json_text([_entry_dict(catalog.info(name)) for name in catalog.names()]))
    else:
        rows = []
        for entry in map(catalog.info, catalog.names()):
            owned = " | ".join(_few(player.actions) for player in entry.build().players)
            rows.append([entry.name, owned, _where(entry.box), entry.summary])
        write(text_table(["name", "actions", "box", "summary"], rows, [False] * 4))
    return COMPLETE


def _status(result: Analysis) -> int:
    return COMPLETE if result.complete is Truth.YES else INCOMPLETE


def _draw(path: str, result: Analysis) -> None:
    from .plots import phase_portrait
    picture = phase_portrait(result.game, result.box, analysis=result, of=result.of)
    save_picture(path, picture.figure)


# -- what is printed ---------------------------------------------------------

def _complain(message: str) -> int:
    """One printable line on the standard error."""
    line, _, place = message.partition("\n")
    excerpt, _, caret = place.partition("\n")
    if caret.strip() == "^":                    # a ParseError: what stands at its caret
        rest = excerpt[caret.index("^"):][:20]
        line += f" (at '{rest}')" if rest.strip() else " (at its end)"
    elif place:
        line += " " + place
    text = "".join(c if c.isprintable() else "?" for c in " ".join(line.split()))
    print(f"gameanalysis: error: {text}", file=sys.stderr)
    return WRONG_INPUT


def _discard_output() -> None:
    """Nobody reads: keep Python from complaining when it flushes at its end."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, AttributeError):           # no file behind it, or no stream at all
        pass


def _where(box: Box) -> str:
    if len(set(box)) == 1 and len(box) > 1:
        return f"[{box[0][0]}, {box[0][1]}]^{len(box)}"
    return " x ".join(f"[{low}, {high}]" for low, high in box)


def _few(actions: Sequence[sp.Symbol]) -> str:
    names = [action.name for action in actions]
    return " ".join(names if len(names) <= 3 else [names[0], "...", names[-1]])


def _entry_text(entry: Entry) -> str:
    game = entry.build()
    lines = [f"{entry.name}: {entry.summary}", ""]
    if entry.notes:
        lines += [entry.notes, ""]
    for number, player in enumerate(game.players, 1):
        actions = ", ".join(map(str, player.actions))
        lines.append(f"player {number} chooses {actions} and minimises {player.cost}")
    for title, values in (("parameters", game.parameters), ("periods", game.periods)):
        if values:
            lines.append(f"{title}: " + ", ".join(f"{s} = {v}" for s, v in values.items()))
    lines += [f"box: {_where(entry.box)}", f"reference: {entry.reference}"]
    if entry.known:
        n = len(game.variables)
        header = [*map(str, game.variables), "zero of", "DNE", "DSE 1 leads", "DSE 2 leads",
                  "stable w", "stable w_S"]
        field = {"simultaneous": "omega", "stackelberg": "omega_S"}
        rows = [[*(f"{float(v) + 0.0:.6f}" for v in point.x), field[point.of],
                 *(str(point.facts.get(fact, "-")) for fact in FACTS)] for point in entry.known]
        lines += ["", "known points:", text_table(header, rows, [True]*n + [False]*6)]
        if entry.complete:
            lines.append(f"complete: {entry.complete}")
    return "\n".join(lines)


def _entry_dict(entry: Entry) -> dict[str, Any]:
    game = entry.build()
    return {
        "name": entry.name, "summary": entry.summary, "reference": entry.reference,
        "players": [{"actions": [str(a) for a in player.actions], "cost": str(player.cost)}
                    for player in game.players],
        "parameters": {str(s): str(v) for s, v in game.parameters.items()},
        "periods": {str(s): str(v) for s, v in game.periods.items()},
        "box": [[float(low), float(high)] for low, high in entry.box],
        "known": [{"x": [float(v) for v in point.x], "radius": float(point.radius),
                   "of": point.of, "isolated": point.isolated,
                   "facts": {name: str(truth) for name, truth in point.facts.items()}}
                  for point in entry.known],
        "complete": entry.complete, "notes": entry.notes,
    }


if __name__ == "__main__":
    sys.exit(main())
