r"""From the arguments of a command line to learning rules, learning rates, noise and starts.

    NAME:PARAM=VALUE,...            a rule, such as stackelberg:tau=2
    0.1 | polynomial:0.1:0.6 | exponential:0.1:0.99      a learning rate, or a schedule
    gaussian:0.1 | rademacher:0.1 | uniform:0.1          noise; a third part is its scale

Every number is read as a formula, exactly; none of the text is executed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from . import rules
from .commandline import Box, WrongInput, analysis_of, at_commas, count, number, plain
from .declaration.game import Game
from .declaration.scanning import shown
from .dynamics import VectorField, simultaneous_gradient
from .motion import noise as noises
from .motion import schedules
from .motion.solvers import METHODS
from .compilation.compiled import compile_field
from .rules import Rule
from .verdicts.analysis import Analysis

__all__ = ["DYNAMICS", "Motion", "OF", "RATE", "add_dynamics", "as_wrong_input", "drawn",
           "motion_of", "points_of", "rule_of", "rules_of", "starts_of"]

Array = NDArray[np.float64]

#: What --help says of rules and of time.
DYNAMICS = """\
A rule moves in continuous time (--flow T, the limit of small steps, integrated with error
control) or update by update (--steps K with the learning rate --step-size G).
`gameanalysis rules` lists the rules and their parameters.
"""
#: What --help says of --of.
OF = "simultaneous; stackelberg in general sum if that is where the rules are at rest"
DURATION, UPDATES, RATE = 100, 10_000, sp.Rational(1, 100)

#: What the library's messages call by a Python name, and its option.
_OPTIONS = {"rules.names() lists all": "gameanalysis rules lists all",
            "step_size": "--step-size", "t_span": "--flow", "max_steps": "--max-steps",
            "rng as a seed": "--seed", ": raise bound": ""}
_SCHEDULES: dict[str, tuple[Callable[..., schedules.Schedule], str]] = {
    "constant": (schedules.Constant, "constant:GAMMA"),
    "polynomial": (schedules.Polynomial,
                   "polynomial:GAMMA:POWER or polynomial:GAMMA:POWER:OFFSET"),
    "exponential": (schedules.ExponentialDecay, "exponential:GAMMA:RATE")}
_NOISES: dict[str, Callable[[float], noises.Noise]] = {
    "gaussian": noises.Gaussian, "rademacher": noises.Rademacher, "uniform": noises.Uniform}


def add_dynamics(parser: argparse.ArgumentParser) -> None:
    """The arguments that say which rule moves, and how long."""
    add = parser.add_argument_group("what moves, and how long").add_argument
    add("--rule", metavar="RULE", type=plain, default="simultaneous",
        help="NAME, or NAME:PARAM=VALUE,... such as stackelberg:tau=2 (default: simultaneous)")
    add("--flow", metavar="T", type=plain,
        help=f"follow the rule's flow up to time T (default: {DURATION})")
    add("--steps", metavar="K", type=count,
        help=f"follow K updates instead (default with --step-size: {UPDATES})")
    add("--step-size", metavar="G", nargs="+", type=plain,
        help="the learning rate of the updates, or one for each player: a number, or a schedule, "
             "polynomial:GAMMA:POWER for GAMMA/(k+1)^POWER or exponential:GAMMA:RATE for "
             f"GAMMA RATE^k (default: {float(RATE):g})")
    add("--noise", metavar="KIND:SIZE", type=plain,
        help="noise in every update: gaussian:SIGMA, rademacher:SIGMA or uniform:BOUND; "
             "KIND:SIZE:SCALE multiplies it by 1 + SCALE |x|")
    add("--seed", metavar="S", type=_seed,
        help="of random starts and of noise, a whole number (default: 0)")
    add("--settle-atol", metavar="R", type=plain,
        help="a start settles within R (1 + |p|) of a critical point p (default: 1e-6 in "
             "continuous time, 1e-9 for updates)")
    add("--rtol", metavar="R", type=plain,
        help="relative tolerance of the flow; the absolute one is a thousandth of it "
             "(default: 1e-6)")
    add("--method", choices=("auto", "dormand-prince", *METHODS), default=None,
        help="the integrator of the flow; Radau or BDF for stiff rules (default: auto)")
    add("--max-steps", metavar="N", type=count,
        help="integration steps that each start of a flow may take (default: 100000)")


def _seed(text: str) -> int:
    text = plain(text)
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise argparse.ArgumentTypeError(f"{shown(text)} is not a whole number, 0 or above")
    return int(text)


@contextmanager
def as_wrong_input(where: str = "") -> Iterator[None]:
    """Turn what the library raises for wrong input into a line that names the options."""
    try:
        yield
    except ValueError as error:
        message = str(error)
        for name, option in _OPTIONS.items():
            message = message.replace(name, option)
        raise WrongInput(f"{where}: {message}" if where else message) from None


# -- rules ---------------------------------------------------------------------

def rule_of(text: str, option: str = "--rule") -> Rule:
    """The rule that a text such as ``stackelberg:tau=2,eta=1/10`` names.

    >>> str(rule_of("stackelberg:tau=2,eta=1/10"))
    'Stackelberg gradient (tau = 2, eta = 1/10)'
    """
    name, sign, rest = text.partition(":")
    with as_wrong_input(option):
        kinds = {each.name: each.default for each in fields(rules.named(name))}
    values: dict[str, Any] = {}
    for part in at_commas(rest) if sign else []:
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not value:
            raise WrongInput(f"{option}: {shown(part)} is not of the form PARAM=VALUE, as in "
                             f"stackelberg:tau=2; parameters of {name}: {', '.join(kinds)}")
        if key in values:
            raise WrongInput(f"{option}: {shown(key)} is given twice")
        values[key] = _parameter(value, kinds.get(key), f"{option}: {key} of {name}")
    with as_wrong_input(option):
        return rules.named(name, **values)


def _parameter(text: str, default: Any, where: str) -> Any:
    if isinstance(default, bool):
        if text.lower() not in ("yes", "true", "no", "false"):
            raise WrongInput(f"{where} is yes or no, not {shown(text)}")
        return text.lower() in ("yes", "true")
    if isinstance(default, Rule):
        with as_wrong_input(where):
            return rules.named(text)
    return number(text, where)


def rules_of(tokens: Sequence[str] | None) -> list[Rule] | None:
    """The rules of ``--rules``: names with or without parameters, or None for all.

    >>> [str(rule) for rule in rules_of(["lola,stackelberg:tau=2,eta=1", "newton"])]
    ['LOLA', 'Stackelberg gradient (tau = 2, eta = 1)', 'damped Newton']
    """
    listed: list[str] = []
    for token in tokens or ():
        for part in at_commas(token):
            # stackelberg:tau=2,eta=1 goes on where a part has '=' and no ':'.
            if "=" in part and ":" not in part and listed and ":" in listed[-1]:
                listed[-1] += f",{part}"
            else:
                listed.append(part.strip())
    if not listed or listed == ["all"]:
        return None
    if "all" in listed:
        raise WrongInput("--rules: all stands alone, without other rules")
    found = [rule_of(text, "--rules") for text in listed]
    if len(set(found)) < len(found):
        twice = next(rule for k, rule in enumerate(found) if rule in found[:k])
        raise WrongInput(f"--rules: {twice} is given twice")
    return found


def points_of(args: argparse.Namespace, game: Game, box: Box | None,
              listed: Sequence[Rule] | None) -> Analysis:
    """The critical points of ``--of``, or else those where all of the rules are at rest.

    In zero-sum games omega_S = 0 where omega = 0, which needs no division.
    """
    alike = bool(listed) and all(rule.rest == "stackelberg" for rule in listed or ())
    own = "stackelberg" if alike and not game.is_zero_sum else "simultaneous"
    return analysis_of(args, game, box, args.of or own)


# -- what moves ----------------------------------------------------------------

@dataclass(frozen=True)
class Motion:
    """A rule on a game, in continuous time (``step_size`` is None) or update by update.

    ``length`` : how long, a time or a number of updates.  ``source`` : what `flow`,
    `iterate` and `basins` follow; ``field`` : the field of the flow, or None.  ``options`` :
    for `flow` or `iterate`.  ``words`` : of the titles; ``notes`` : what is worth knowing.
    """

    game: Game
    rule: Rule
    source: Any
    field: VectorField | None
    length: Any
    step_size: Any
    options: dict[str, Any]
    words: str
    notes: tuple[str, ...]

    @property
    def is_flow(self) -> bool:
        """Whether it is in continuous time."""
        return self.step_size is None


def motion_of(args: argparse.Namespace, game: Game) -> Motion:
    """What the arguments of `add_dynamics` say, for a game.  Raises `WrongInput`."""
    rule = rule_of(args.rule)
    with as_wrong_input("--rule"):
        update = rule.on(game)
        update.require_defined()
        field = rule.field(game)
    by_updates = [name for name, given in (("--steps", args.steps), ("--noise", args.noise),
                                           ("--step-size", args.step_size)) if given is not None]
    by_flow = [name for name, given in (("--flow", args.flow), ("--rtol", args.rtol),
                                        ("--method", args.method),
                                        ("--max-steps", args.max_steps)) if given is not None]
    if by_updates and by_flow:
        raise WrongInput(f"{by_flow[0]} is for continuous time and {by_updates[0]} for updates: "
                         f"they exclude each other")
    if not by_updates and field is None:
        raise WrongInput(f"--rule: {rule.name} has no flow, since its update is no small step: "
                         f"give --steps K, and --step-size G")
    notes = _rest_notes(rule, game)
    settle = {} if args.settle_atol is None else {
        "settle_atol": _positive(args.settle_atol, "--settle-atol")}
    if not by_updates:
        notes += _same_flow(rule, field, game)
        length = _positive(args.flow, "--flow") if args.flow is not None else float(DURATION)
        rtol = 1e-6 if args.rtol is None else _positive(args.rtol, "--rtol")
        options: dict[str, Any] = {"rtol": rtol, "atol": rtol / 1000,
                                   "method": args.method or "auto",
                                   "max_steps": args.max_steps or 100_000, **settle}
        return Motion(game, rule, field, field, length, None, options,
                      f"{rule}, flow up to t = {length:g}", notes)
    rates = _rates(args.step_size, game)
    steps = args.steps or UPDATES
    noise = {} if args.noise is None else {"noise": _noise(args.noise)}
    told = " ".join(args.step_size or [str(float(RATE))])
    words = f"{rule}, {steps} update{'s' * (steps != 1)} at learning rate {told}"
    return Motion(game, rule, update, field, steps, rates, noise | settle, words, notes)


def _rest_notes(rule: Rule, game: Game) -> tuple[str, ...]:
    if rule.rest != "zero-sum" or game.is_zero_sum:
        return ()
    if getattr(rule, "eta", 0) != 0:
        return (f"{rule} need not be at rest where omega_S is zero, since it is regularised",)
    return (f"{rule.title} need not be at rest at the critical points of a game in general sum",)


def _same_flow(rule: Rule, field: VectorField | None, game: Game) -> tuple[str, ...]:
    """A note where small steps of a rule are those of simultaneous gradient play."""
    if field is None or rule.name == "simultaneous":
        return ()
    x = np.random.default_rng(0).uniform(0.2, 0.9, (3, len(field.variables)))
    with np.errstate(all="ignore"):
        a, b = (compile_field(g).value(x) for g in (field, simultaneous_gradient(game)))
    if not np.allclose(a, b, rtol=1e-9, atol=0, equal_nan=True):
        return ()
    return (f"in continuous time {rule.title} is simultaneous gradient play: --steps and "
            f"--step-size show how they differ",)


def _rates(tokens: Sequence[str] | None, game: Game) -> Any:
    """A schedule, or one for each player."""
    texts = [part for token in tokens or [str(float(RATE))] for part in at_commas(token)]
    sizes = (1, game.n_players, len(game.variables))
    if len(texts) not in sizes:
        raise WrongInput(f"--step-size: give one learning rate, or one for each of the "
                         f"{game.n_players} players, and not {len(texts)}")
    found = [_schedule(text) for text in texts]
    return found if len(found) > 1 else found[0]


def _schedule(text: str) -> schedules.Schedule:
    name, *parts = text.split(":")
    if not parts:
        return schedules.Constant(_positive(text, "--step-size"))
    if name not in _SCHEDULES:
        raise WrongInput(f"--step-size: {shown(name)} is not a schedule; they are "
                         f"{', '.join(_SCHEDULES)}")
    make, form = _SCHEDULES[name]
    given = form.split(" or ")
    if len(parts) not in [each.count(":") for each in given]:
        raise WrongInput(f"--step-size: {shown(text)} is not of the form {form}")
    where = f"--step-size: {name}"
    values = [_float(part, where) for part in parts]
    with as_wrong_input(where):
        return make(*values)


def _noise(text: str) -> noises.Noise:
    name, *parts = text.split(":")
    if name not in _NOISES or len(parts) not in (1, 2):
        raise WrongInput(f"--noise: {shown(text)} is not of the form KIND:SIZE or "
                         f"KIND:SIZE:SCALE, with KIND one of {', '.join(_NOISES)}")
    where = f"--noise: {name}"
    sizes = [_float(part, where) for part in parts]
    with as_wrong_input(where):
        made = _NOISES[name](sizes[0])
        return made if len(sizes) == 1 else noises.StateDependent(made, sizes[1])


def _float(text: str, where: str) -> float:
    value = float(number(text, where))
    if not np.isfinite(value):
        raise WrongInput(f"{where}: {shown(text)} is too large for floating-point numbers")
    return value


def _positive(text: str, where: str) -> float:
    value = _float(text, where)
    if not value > 0:
        raise WrongInput(f"{where}: {shown(text)} is not a positive number")
    return value


# -- where it starts -------------------------------------------------------------

def starts_of(groups: Sequence[Sequence[str]], game: Game) -> Array:
    """The starts of ``--start``, one row each, (N, n)."""
    names = [variable.name for variable in game.variables]
    rows = []
    for group in groups:
        texts = [part for token in group for part in at_commas(token)]
        if len(texts) != len(names):
            raise WrongInput(f"--start: give one number for each of {', '.join(names)} in this "
                             f"order, and not {len(texts)}")
        rows.append([_float(text, "--start") for text in texts])
    return np.array(rows)


def drawn(size: int, box: Box | None, seed: int) -> Array:
    """So many starts, uniform in the box, (N, n)."""
    if box is None:
        raise WrongInput("random starts are drawn from a box: give --start, or --box in place of "
                         "--everywhere")
    low, high = np.array([[float(end) for end in side] for side in box]).T
    return low + (high - low) * np.random.default_rng(seed).random((size, len(box)))
