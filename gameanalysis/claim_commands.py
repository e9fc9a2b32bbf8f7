r"""The commands of claims: ``check`` and ``falsify``.

``check`` lists and explains the claims of `theorems`, searches for counterexamples to them,
and checks them at points of one game; ``falsify`` searches for a counterexample to a claim of
the user's own, which is a Python file.  That file is executed, as pytest executes a test; all
other text that reaches these commands is read by `parsing` and is not.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

from . import catalog, theorems
from .claim_files import claims_of, executed, games_of
from .claim_points import check_game
from .commandline import WrongInput, add_arguments, count, plain
from .declaration.scanning import shown
from .errors import GameError
from .output import json_text, place_problem, progress_bar, write
from .statements.claims import Claim, Ruling
from .statements.falsification import Falsification, local_dict, saved, shown_lines
from .statements.falsify import falsify, ruling_of
from .tables import text_table

__all__ = ["add_claim_commands"]

AS_EXPECTED, OTHERWISE = 0, 1

_CHECK = """\
Without a game: explain a claim, or draw games that meet its hypotheses (--examples) and look
for one that refutes it, shrunk to the simplest.  With a GAME, declared as for
`gameanalysis analyze`: check claims at a point (--at) or at all critical points (--critical).
Yes and no are proved; a conclusion that is a statistical test says how often it errs.

  gameanalysis check --list
  gameanalysis check proposition-3
  gameanalysis check proposition-3 --examples 1000
  gameanalysis check --all --examples 200 --workers 2
  gameanalysis check statement-2.9 dse_not_nash --at x=0 y=0 --value tau=2
  gameanalysis check proposition-3 figure1 --critical

exit status, one claim: 0 it was not refuted, 1 a counterexample was found, or at a point of
the game it is violated or undecided, or the list of critical points is not proved complete;
several claims: 0 theorems were not refuted and with --examples false readings were, 1
otherwise (a theorem of which no game was decided counts as otherwise); 2 wrong input
"""
_FALSIFY = """\
FILE.py is your own Python file, and it is EXECUTED, as pytest executes a test: run only what
you trust.  It defines

  claim    a function of a game and a point, or a Claim; there may be several, with names that
           start with claim_.  A function says whether the claim holds there: it returns a
           bool, a Truth or a Verdict, or it asserts.  hypothesis.assume skips a game.
  games    a strategy of gameanalysis.strategies, or any Hypothesis strategy of games at
           points; games_NAME, if there is one, is for claim_NAME.  A Claim has its own.

  from gameanalysis import LocalGame, strategies
  games = strategies.stable_games()
  def claim(game, point):
      return LocalGame(game, point).nash

  gameanalysis falsify my_claim.py --examples 2000 --save counterexample.toml
  gameanalysis falsify my_claim.py --replay counterexample.toml

A counterexample is saved as a game file, which `gameanalysis analyze` reads, too.  --replay
checks the claim again at it; claims of `gameanalysis check --list` are known by name, others
need their FILE.py.

exit status: 0 no counterexample was found, 1 one was found, 2 wrong input, or the file or a
claim in it raises an error
"""


def add_claim_commands(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Register the commands: ``command(name, run, about, epilog)`` makes a parser for one."""
    check = command("check", _check, "check theorems: at points of a game, or over many games",
                    _CHECK)
    check.add_argument("names", nargs="*", metavar="NAME", type=plain,
                       help="the names of claims, before the GAME")
    add = check.add_argument_group("which claims, and how").add_argument
    add("--list", action="store_true", help="list all claims")
    add("--all", action="store_true", help="all claims, one after the other")
    add("--at", metavar="X", nargs="+", action="extend", type=plain,
        help="a point of the game: X=VALUE by name, or a number for each variable")
    add("--critical", action="store_true",
        help="at every critical point that analyze finds in the box")
    add("--value", metavar="NAME=VALUE", nargs="+", action="extend", default=[], type=plain,
        help="rational numbers that the claim speaks of, such as tau=2 (each is 1 by default)")
    _add_search(add, None)
    add_arguments(check)
    own = command("falsify", _falsify, "search for a counterexample to a claim of your own",
                  _FALSIFY)
    own.add_argument("file", nargs="?", metavar="FILE.py", type=plain,
                     help="your Python file; it is executed")
    _add_search(own.add_argument, 1000)
    own.add_argument("--replay", metavar="FILE", type=plain,
                     help="check the claim again at a counterexample that --save wrote")


def _add_search(add: Callable[..., Any], examples: int | None) -> None:
    default = f" (default: {examples})" if examples else ""
    add("--examples", metavar="N", type=count, help=f"draw so many games, at most{default}")
    add("--seed", metavar="S", type=_seed,
        help="of the search, a whole number (default: 0); equal seeds give equal results")
    add("--workers", metavar="W", type=count,
        help="processes that share the games, each with a seed of its own (default: 1)")
    add("--save", metavar="FILE", type=plain, help="write the counterexample as a game file")
    add("--json", action="store_true", help="print the results as JSON")


def _seed(text: str) -> int:
    text = plain(text)
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise argparse.ArgumentTypeError(f"{shown(text)} is not a whole number, 0 or above")
    return int(text)


# -- check: what is asked ------------------------------------------------------------------

def _check(args: argparse.Namespace) -> int:
    _sort(args)
    claims = _claims(args)
    at_game = args.game or args.cost
    if args.examples:
        for given, option in ((at_game, "a game"), (args.at, "--at"), (args.value, "--value"),
                              (args.critical, "--critical"), (args.list, "--list"),
                              (args.box, "--box")):
            if given:
                raise WrongInput(f"--examples draws games: it excludes {option}")
        return _search_all(args, claims)
    for option in ("seed", "workers", "save"):
        if getattr(args, option) is not None:
            raise WrongInput(f"--{option} goes with --examples")
    if at_game or args.at or args.critical:
        return check_game(args, claims)
    if args.list or args.all:
        return _list(args, claims)
    described = [_claim_dict(claim) for claim in claims]
    write(json_text(described[0] if len(claims) == 1 else described) if args.json else
          "\n\n".join(map(_claim_text, claims)))
    return AS_EXPECTED


def _sort(args: argparse.Namespace) -> None:
    """Tell names of claims from the game, also behind the values of an option."""
    names, last = args.names, args.game
    args.names, args.game = [], None
    for tokens in (args.at, args.value):
        while tokens and (tokens[-1] in theorems.TABLE or _is_game(tokens[-1])):
            names.append(tokens.pop())
    for name in [*names, *([last] if last else [])]:
        if name in theorems.TABLE:
            args.names.append(name)
        elif _is_game(name) and args.game is None:
            args.game = name
        else:
            near = get_close_matches(name, [*theorems.TABLE, *catalog.names()], n=3)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            raise WrongInput(
                f"{shown(name)} is a second game" if _is_game(name) else
                f"there is no claim or game called {shown(name)}{hint} "
                f"(gameanalysis check --list and gameanalysis catalog list all)")


def _is_game(name: str) -> bool:
    return name in catalog.names() or name.endswith(".toml") or os.path.isfile(name)


def _claims(args: argparse.Namespace) -> list[Claim]:
    if args.names and (args.all or args.list):
        raise WrongInput(f"--{'all' if args.all else 'list'} is for all claims: leave out "
                         f"{', '.join(args.names)}")
    if not (args.names or args.all or args.list):
        raise WrongInput("which claim? give names, or --all (gameanalysis check --list lists "
                         "all)")
    return [theorems.named(name) for name in dict.fromkeys(args.names or theorems.TABLE)]


# -- check: the claims themselves -----------------------------------------------------------

def _kind(claim: Claim) -> str:
    return "statistical" if claim.is_statistical else "exact"


def _list(args: argparse.Namespace, claims: Sequence[Claim]) -> int:
    if args.json:
        write(json_text([_claim_dict(claim) for claim in claims]))
        return AS_EXPECTED
    rows = [[claim.name, _kind(claim), "holds" if claim.holds else "false", claim.title]
            for claim in claims]
    write(text_table(["name", "check", "claim", "title"], rows, [False] * 4))
    return AS_EXPECTED


def _claim_text(claim: Claim) -> str:
    lines = [f"{claim.name}: {claim.title}" + ("" if claim.holds else "  (a FALSE reading)"), ""]
    if claim.about:
        lines += [claim.about, ""]
    lines += [f"if    {hypothesis.text}" for hypothesis in claim.hypotheses]
    lines += [f"then  {claim.conclusion.text}", "", f"LaTeX: {claim.statement}",
              f"source: {claim.source}"]
    if claim.witnesses:
        lines.append(f"refuted by: {', '.join(claim.witnesses)} (gameanalysis catalog)")
    if claim.is_statistical:
        lines.append(f"check: a statistical test, {_error(claim)}")
    return "\n".join(lines)


def _error(claim: Claim) -> str:
    return f"which errs with probability at most {claim.error_probability:g} at each game"


def _claim_dict(claim: Claim) -> dict[str, Any]:
    """Plain data for JSON."""
    return {"name": claim.name, "title": claim.title, "kind": _kind(claim),
            "holds": claim.holds, "statement": claim.statement, "source": claim.source,
            "about": claim.about, "hypotheses": [h.text for h in claim.hypotheses],
            "conclusion": claim.conclusion.text, "witnesses": list(claim.witnesses),
            "error_probability": claim.error_probability}


# -- check: over many games -------------------------------------------------------------

def _search_all(args: argparse.Namespace, claims: Sequence[Claim]) -> int:
    if args.save is not None and len(claims) > 1:
        raise WrongInput("--save is for one claim")
    found = [_searched(args, claim, None) for claim in claims]
    if len(claims) == 1:
        (claim,), (result,) = claims, found
        notes = [] if claim.holds or not result.refuted else [
            "as it should be: this reading is known to be false"]
        if claim.is_statistical:
            notes.append(f"the conclusion is a statistical test, {_error(claim)}")
        write(json_text(_found_dict(claim, result)) if args.json else
              "\n  ".join([str(result), *notes]))
        return OTHERWISE if result.refuted else AS_EXPECTED
    if args.json:
        write(json_text([_found_dict(*pair) for pair in zip(claims, found)]))
    else:
        rows, reports = [], []
        for claim, result in zip(claims, found):
            counts = [str(result.rulings.get(ruling, 0)) for ruling in
                      (Ruling.HOLDS, Ruling.NOT_MET, Ruling.UNDECIDED)]
            rows.append([claim.name, str(result.n_examples), *counts, str(result.n_rejected),
                         _outcome(claim, result)])
            if result.refuted and claim.holds:
                reports.append(f"\n{result}")
        header = ["claim", "games", "hold", "not met", "undecided", "given up", "outcome"]
        write("\n".join([text_table(header, rows, [False] + [True] * 5 + [False]), *reports]))
    fine = all(_as_expected(*pair) for pair in zip(claims, found))
    return AS_EXPECTED if fine else OTHERWISE


def _as_expected(claim: Claim, found: Falsification) -> bool:
    return found.refuted is not claim.holds and (found.refuted or found.n_tested > 0)


def _outcome(claim: Claim, found: Falsification) -> str:
    if found.refuted:
        return "REFUTED" if claim.holds else "refuted, as it should be"
    if not claim.holds:
        return "NOT REFUTED, though it is false"
    return "survived" if found.n_tested else "NOT TESTED: no game was decided"


def _found_dict(claim: Claim, found: Falsification) -> dict[str, Any]:
    return {**found.to_dict(), "holds": claim.holds, "kind": _kind(claim),
            "as_expected": _as_expected(claim, found)}


def _searched(args: argparse.Namespace, claim: Any, games: Any) -> Falsification:
    """One search, with the options of the command line."""
    problem = args.save is not None and place_problem(args.save)
    if problem:
        raise WrongInput(f"cannot write the counterexample {shown(args.save, 80)}: {problem}")
    workers, examples = args.workers or 1, args.examples or 1000
    name = getattr(claim, 'name', '') or getattr(claim, '__name__', 'claim')
    with _hypothesis_needed(), progress_bar(args, desc=name, total=examples,
                                            unit=" games") as bar:
        found = falsify(claim, games, examples=examples, seed=args.seed or 0, workers=workers,
                        progress=None if bar is None else bar.update)
    if args.save is not None and found.refuted:
        try:
            found.save(args.save)
        except OSError as error:
            raise WrongInput(f"cannot write the counterexample {shown(args.save, 80)}: "
                             f"{error.strerror}") from None
    return found


@contextmanager
def _hypothesis_needed() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name == "hypothesis":
            raise WrongInput(str(error)) from None
        raise


# -- falsify -------------------------------------------------------------------------------

def _falsify(args: argparse.Namespace) -> int:
    if args.file is None and args.replay is None:
        raise WrongInput("which claim? give your FILE.py (see gameanalysis falsify --help)")
    if args.replay is not None:
        return _replay(args)
    with executed(args.file, args.json) as module:
        claims = claims_of(args.file, module)
        if args.save is not None and len(claims) > 1:
            raise WrongInput(f"--save is for one claim, and {args.file} defines "
                             f"{', '.join(claims)}")
        games = [games_of(args.file, module, name, claims[name]) for name in claims]
        found = [_searched(args, *pair) for pair in zip(claims.values(), games)]
    dicts = [result.to_dict() for result in found]
    write(json_text(dicts[0] if len(dicts) == 1 else dicts) if args.json else
          "\n\n".join(map(str, found)))
    return OTHERWISE if any(result.refuted for result in found) else AS_EXPECTED


def _replay(args: argparse.Namespace) -> int:
    for option in ("examples", "seed", "workers", "save"):
        if getattr(args, option) is not None:
            raise WrongInput(f"--replay checks one game: it excludes --{option}")
    name, local, seed = saved(args.replay)
    if args.file is None:
        ruling, reason = ruling_of(_named_claim(args, name, {}), local, seed=seed)
    else:
        with executed(args.file, args.json) as module:
            claim = _named_claim(args, name, claims_of(args.file, module))
            ruling, reason = ruling_of(claim, local, seed=seed)
    if args.json:
        write(json_text({
            "claim": name, "ruling": ruling.value, "refuted": ruling is Ruling.VIOLATED,
            "reason": reason or None, "counterexample": local_dict(local)}))
    else:
        told = "still refuted by" if ruling is Ruling.VIOLATED else f"{ruling.value} at"
        write("\n".join([f"{name}: {told}", *shown_lines(local), f"  {reason}"]).rstrip())
    return OTHERWISE if ruling is Ruling.VIOLATED else AS_EXPECTED


def _named_claim(args: argparse.Namespace, name: str, claims: Mapping[str, Any]) -> Any:
    """The claim that a counterexample was saved for: of the file, or of `theorems`."""
    claim = claims.get(name) or _claim_called(name)
    if claim is None and len(claims) == 1:
        (claim,) = claims.values()
    if claim is None:
        where = (f"{args.file} defines {', '.join(claims)}" if claims else
                 f"give the file that defines it: gameanalysis falsify my_claim.py --replay "
                 f"{args.replay}")
        raise WrongInput(f"{args.replay}: there is no claim called {shown(name, 80)}; {where}")
    return claim


def _claim_called(name: str) -> Claim | None:
    """The claim of a name, also of one without some of its hypotheses."""
    name, *dropped = name.split(", without '")
    if name not in theorems.TABLE:
        return None
    claim = theorems.named(name)
    try:
        for text in dropped:
            claim = claim.without(text.removesuffix("'"))
    except GameError:
        return None
    return claim
