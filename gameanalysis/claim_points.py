r"""Claims at points of one game: the part of ``check`` that follows a GAME.

The point is given (``--at``), exactly, or is each of the exact critical points that
``analyze`` finds (``--critical``).
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp

from . import parsing, theorems
from .commandline import WrongInput, analysis_of, at_commas, game_and_box, number
from .declaration.game import Game
from .declaration.scanning import shown
from .errors import ParseError
from .output import described, json_text, statement, write
from .statements.claims import Claim, Ruling, Verdict
from .tables import text_table
from .truth import Truth
from .verdicts.local import LocalGame

__all__ = ["check_game"]

FINE, NOT_FINE = 0, 1


def check_game(args: argparse.Namespace, claims: Sequence[Claim]) -> int:
    """Check claims at --at or --critical, print what they come to, and return the status."""
    if args.list:
        raise WrongInput("--list goes without a game")
    if bool(args.at) is args.critical:
        raise WrongInput("--at and --critical exclude each other" if args.at else
                         "at which point? give --at X=VALUE ..., or --critical for all "
                         "critical points")
    values = _values(args.value)
    if args.critical:
        return _check_critical(args, claims, values)
    if args.box or args.everywhere:
        raise WrongInput("--box and --everywhere go with --critical")
    args.everywhere = True                          # nothing is searched for
    game, _ = game_and_box(args)
    local = LocalGame(game, _point(args.at, game), values)
    verdicts = [theorems.check(claim, local) for claim in claims]
    if args.json:
        found = [_verdict_dict(verdict) for verdict in verdicts]
        write(json_text(found[0] if len(found) == 1 else found))
    else:
        at = ", ".join(f"{v} = {x}" for v, x in zip(game.variables, local.point))
        more = "".join(f", {name} = {value}" for name, value in local.values.items())
        told = _verdict_table(verdicts) if args.all else list(map(str, verdicts))
        write("\n\n".join([f"at {at}{more}: {local.label}", *told]))
    return _point_status(verdicts)


def _check_critical(args: argparse.Namespace, claims: Sequence[Claim],
                    values: Mapping[str, sp.Expr]) -> int:
    game, box = game_and_box(args)
    LocalGame(game, [0] * len(game.variables), values)      # wrong values end before the work
    found = analysis_of(args, game, box)
    locals_ = [LocalGame(game, point, values) for point in found]
    verdicts = [theorems.check(claim, local) for claim in claims for local in locals_]
    if args.json:
        write(json_text({**described(found), "points": [p.x.tolist() for p in found],
                         "verdicts": [{"index": k % len(found), **_verdict_dict(verdict)}
                                      for k, verdict in enumerate(verdicts)]}))
    else:
        told = []
        for claim in claims if not args.all else ():
            rows = [[*(f"{x + 0.0:.6f}" for x in point.x.tolist()), local.label, v.ruling.value]
                    for point, local, v in zip(found, locals_, (
                        v for v in verdicts if v.claim is claim))]
            header = [*map(str, game.variables), "class", claim.name]
            told.append(text_table(header, rows, [True] * len(game.variables) + [False] * 2))
        if args.all:
            told = _verdict_table(verdicts)
        else:
            told += [_named_verdict(verdict) for verdict in verdicts if _is_open(verdict)]
        write("\n\n".join([*told, statement(found)]))
    complete = found.complete is Truth.YES
    return _point_status(verdicts) if complete else NOT_FINE


def _is_open(verdict: Verdict) -> bool:
    return verdict.ruling in (Ruling.VIOLATED, Ruling.UNDECIDED)


def _point_status(verdicts: Sequence[Verdict]) -> int:
    several = len({verdict.claim.name for verdict in verdicts}) > 1
    fine = not any(_is_open(v) and (v.claim.holds or not several) for v in verdicts)
    return FINE if fine else NOT_FINE


def _verdict_table(verdicts: Sequence[Verdict]) -> list[str]:
    """How often each claim ends with each ruling, and theorems that are violated in full."""
    counts: dict[str, Counter[Ruling]] = {}
    notes: dict[str, str] = {}
    for verdict in verdicts:
        name = verdict.claim.name
        counts.setdefault(name, Counter())[verdict.ruling] += 1
        notes.setdefault(name, "" if verdict.claim.holds else "a false reading")
        if verdict.ruling is Ruling.UNDECIDED:
            notes[name] = notes[name] or _why(verdict)
    rows = [[name, *(str(count[ruling] or "-") for ruling in Ruling), notes[name]]
            for name, count in counts.items()]
    table = text_table(["claim", *(ruling.value for ruling in Ruling), ""], rows,
                       [False] + [True] * 4 + [False])
    return [table, *(_named_verdict(v) for v in verdicts
                     if v.claim.holds and v.ruling is Ruling.VIOLATED)]


def _why(verdict: Verdict) -> str:
    """What was not decided first, or why."""
    parts = [*verdict.hypotheses.items()]
    if verdict.conclusion is not None:
        parts.append((verdict.claim.conclusion.text, verdict.conclusion))
    return next(found.note or text for text, found in parts
                if found.truth is Truth.UNDECIDED)


def _named_verdict(verdict: Verdict) -> str:
    game, point = verdict.local
    at = ", ".join(f"{v} = {x}" for v, x in zip(game.variables, point))
    return f"at {at}\n{verdict}"


def _verdict_dict(verdict: Verdict) -> dict[str, Any]:
    return {**verdict.to_dict(), "class": verdict.local.label, "holds": verdict.claim.holds}


def _values(texts: Sequence[str]) -> dict[str, sp.Expr]:
    values: dict[str, sp.Expr] = {}
    for text in texts:
        try:
            name, value = parsing.assignment(text)
        except ParseError as error:
            raise WrongInput(f"--value: {str(error).splitlines()[0]}") from None
        if name in values:
            raise WrongInput(f"--value: {name} is given twice")
        values[name] = value
    return values


def _point(tokens: Sequence[str], game: Game) -> list[sp.Expr]:
    """The coordinates, by name or in order."""
    names = [variable.name for variable in game.variables]
    parts = [part for token in tokens for part in at_commas(token)]
    if not any("=" in part for part in parts):
        if len(parts) != len(names):
            raise WrongInput(f"--at: a point has a number for each of {', '.join(names)}, and "
                             f"not {len(parts)}")
        return [number(part, "--at") for part in parts]
    values: dict[str, sp.Expr] = {}
    for part in parts:
        name, sign, text = part.partition("=")
        if not sign:
            raise WrongInput(f"--at: {shown(part)} is not of the form X=VALUE")
        if name.strip() not in names:
            raise WrongInput(f"--at: {shown(name)} is not a variable of this game; its "
                             f"variables are {', '.join(names)}")
        if name.strip() in values:
            raise WrongInput(f"--at: {name.strip()} is given twice")
        values[name.strip()] = number(text, f"--at: {name.strip()}")
    missing = [name for name in names if name not in values]
    if missing:
        raise WrongInput(f"--at: there is no value for {', '.join(missing)}")
    return [values[name] for name in names]
