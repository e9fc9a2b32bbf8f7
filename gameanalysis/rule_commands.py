r"""The commands of rules: ``stability``, ``fixed-points`` and ``rules``.

``stability`` tells which rules are attracted to which critical points of a game,
``fixed-points`` where a rule stands still, at critical points or elsewhere, and ``rules``
what the rules are.
"""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

from . import rules as rules_module
from .commandline import WrongInput, add_arguments, game_and_box, number, plain, take_game
from .learning_arguments import OF, RATE, as_wrong_input, points_of, rule_of, rules_of
from .output import (add_outputs, check_outputs, described, json_text, print_result,
                     save_picture, statement, write, write_csv)
from .rules import Rule
from .tables import text_table
from .truth import Truth
from .verdicts.stability import StabilityTable, stability_table
from .verdicts.standstill import fixed_points

__all__ = ["add_rule_commands", "rule_dict"]

DONE, NOT_AS_ASKED = 0, 1

_STABILITY = """\
The flow of a rule attracts to a point where the spectrum of its Jacobian has positive real
parts; its update, at a learning rate, where the spectral radius is below 1.  yes and no are
proved, ? is undecided.  `gameanalysis rules` lists the rules and their parameters.

  gameanalysis stability figure1 --rules simultaneous,stackelberg:tau=2,consensus
  gameanalysis stability duopoly --of stackelberg --step-size 1/10 --plot table.png

exit status: 0 the list of critical points is proved complete, 1 it is not, 2 wrong input
"""
_FIXED = """\
A rule may stand still where no player's gradient is zero: such fixed points of its update are
spurious.  Every point listed is proved to be one.

  gameanalysis fixed-points forsaken --rule extragradient --step-size 1/10
  gameanalysis fixed-points --cost 'x**2/2 - x**4/4 - y**2/2' --leader x --follower y \\
      --box -2 2 --rule consensus:lam=1

exit status: 0 the list of fixed points is proved complete, 1 it is not, 2 wrong input
"""
_RULES = """\
  gameanalysis rules
  gameanalysis rules stackelberg
"""


def add_rule_commands(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Register the commands: ``command(name, run, about, epilog)`` makes a parser for one."""
    table = command("stability", _stability, "tell which rules are attracted to which critical "
                                             "points", _STABILITY)
    add_arguments(table, OF)
    add = table.add_argument_group("the table").add_argument
    add("--rules", metavar="RULE", nargs="+", action="extend", type=plain,
        help="NAME or NAME:PARAM=VALUE,..., separated by commas or spaces (default: all that "
             "are defined for the game)")
    add("--step-size", metavar="G", type=plain,
        help=f"the learning rate of the updates, a rational number (default: {float(RATE):g})")
    add("--kind", choices=("flow", "update"), default=None,
        help="what --plot shows (default: flow, or update if --step-size is given)")
    add_outputs(table, "a row for each rule and point", "draw the table as a heat map")
    fixed = command("fixed-points", _fixed, "find all places where a rule stands still", _FIXED)
    add_arguments(fixed, None)
    add = fixed.add_argument_group("the update").add_argument
    add("--rule", metavar="RULE", type=plain, default="simultaneous",
        help="NAME, or NAME:PARAM=VALUE,... such as consensus:lam=1 (default: simultaneous)")
    add("--step-size", metavar="G", type=plain,
        help=f"the learning rate, a rational number (default: {float(RATE):g})")
    add("--json", action="store_true", help="print all results as JSON")
    known = command("rules", _rules, "list the learning rules, or explain one of them", _RULES)
    known.add_argument("name", nargs="?", metavar="NAME", type=plain)
    known.add_argument("--json", action="store_true", help="print as JSON")


# -- stability -----------------------------------------------------------------

def _stability(args: argparse.Namespace) -> int:
    take_game(args, args.rules)
    game, box = game_and_box(args)
    listed = rules_of(args.rules)
    step_size = RATE if args.step_size is None else number(args.step_size, "--step-size")
    for rule in listed or ():
        with as_wrong_input("--rules"):
            rule.on(game).require_defined()
    if args.kind and not args.plot:
        raise WrongInput("--kind goes with --plot")
    with as_wrong_input():
        stability_table(game, [], [], step_size=step_size)
    check_outputs(args)
    found = points_of(args, game, box, listed)
    if args.plot and not len(found):
        raise WrongInput(f"--plot: there is no critical point in {found.where} to draw a table of")
    with as_wrong_input("--rules" if listed else ""):
        table = stability_table(game, found, listed, step_size=step_size)
    print_result(args, lambda: "\n".join([str(table), "", statement(found)]),
                 lambda: {**described(found), **table.to_dict()})
    if args.csv:
        names = [v.name for v in game.variables]
        write_csv(args.csv, ["rule", "index", *names, "class", *_CELL], _table_rows(table))
    if args.plot:
        from . import plots
        kind = args.kind or ("flow" if args.step_size is None else "update")
        save_picture(args.plot, plots.stability(table, kind=kind).figure)
    return DONE if found.complete is Truth.YES else NOT_AS_ASKED


_CELL = ("fixed", "stable", "abscissa", "attracting", "radius", "steps", "note")


def _table_rows(table: StabilityTable) -> Iterator[list[Any]]:
    for i, rule in enumerate(table.rules):
        for j, point in enumerate(table.points):
            cell = table.cell(i, j)
            abscissa, radius = (None if found is None else found.value
                                for found in (cell.abscissa, cell.radius))
            # csv writes None as nothing and everything else as its text.
            yield [str(rule), j, *point.x.tolist(), point.label, cell.fixed, cell.stable,
                   abscissa, cell.attracting, radius, cell.steps, cell.note]


# -- fixed points --------------------------------------------------------------

def _fixed(args: argparse.Namespace) -> int:
    game, box = game_and_box(args)
    rule = rule_of(args.rule)
    if box is None:
        raise WrongInput("fixed points are searched for in a box: give --box in place of "
                         "--everywhere")
    with as_wrong_input("--rule"):
        update = rule.on(game)
        update.require_defined()
    step_size = RATE if args.step_size is None else number(args.step_size, "--step-size")
    with as_wrong_input():
        found = fixed_points(update, box, step_size=step_size, max_boxes=args.max_boxes)
    if args.json:
        write(json_text({
            "game": game.name, "variables": [str(v) for v in game.variables],
            "box": [[float(low), float(high)] for low, high in box], "rule": rule_dict(rule),
            "step_size": str(found.step_size), "complete": str(found.complete),
            "points": [{
                "x": p.x.tolist(), "radius": p.radius, "critical": str(p.critical),
                "label": p.label, "attracting": str(p.attracting),
                "spectral_radius": p.spectral_radius and p.spectral_radius.value}
                for p in found],
            "undecided": [each.to_dict() for each in found.undecided]}))
    else:
        write(str(found))
    return DONE if found.complete is Truth.YES else NOT_AS_ASKED


# -- rules ---------------------------------------------------------------------

def _rules(args: argparse.Namespace) -> int:
    if args.name is not None:
        with as_wrong_input():
            rule = rules_module.named(args.name)
        write(json_text(rule_dict(rule)) if args.json else _rule_text(rule))
    elif args.json:
        write(json_text([rule_dict(rule) for rule in rules_module.every()]))
    else:
        rows = [[rule.name, ", ".join(f"{name}={value}" for name, value in _parameters(rule)),
                 rule.needs or "any", "yes" if rule.has_flow else "no", _summary(rule)]
                for rule in rules_module.every()]
        write(text_table(["name", "parameters", "games", "flow", "update"], rows, [False] * 5))
    return DONE


def _parameters(rule: Rule) -> list[tuple[str, str]]:
    """Names and values."""
    def told(value: Any) -> str:
        if isinstance(value, bool):
            return "yes" if value else "no"
        return value.name if isinstance(value, Rule) else "gamma" if value is None else str(value)
    return [(each.name, told(getattr(rule, each.name))) for each in fields(rule)]


def _about(rule: Rule) -> str:
    return inspect.cleandoc(type(rule).__doc__ or "").replace("``", "")


def _summary(rule: Rule) -> str:
    return _about(rule).splitlines()[0]


def _rule_text(rule: Rule) -> str:
    parameters = ", ".join(f"{name} = {value}" for name, value in _parameters(rule))
    flow_of = "yes, the limit of small steps" if rule.has_flow else "none"
    return "\n".join([
        f"{rule.name}: {rule.title}", "", _about(rule), "",
        f"parameters: {parameters} (tau multiplies the followers' learning rates)",
        f"games: {rule.needs or 'any'}", f"flow: {flow_of}",
        f"at rest: {_REST[rule.rest]}", f"LaTeX: {rule.formula}", f"source: {rule.source}"])


_REST = {"simultaneous": "wherever omega = 0", "stackelberg": "wherever omega_S = 0",
         "zero-sum": "wherever omega = 0, in zero-sum games"}


def rule_dict(rule: Rule) -> dict[str, Any]:
    """Plain data for JSON."""
    return {"name": rule.name, "title": str(rule), "about": _about(rule),
            "parameters": dict(_parameters(rule)), "games": rule.needs or "any",
            "has_flow": rule.has_flow, "rest": rule.rest, "formula": rule.formula,
            "source": rule.source}
