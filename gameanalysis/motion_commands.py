r"""The commands of what moves: ``simulate`` and ``basins``.

Each takes the game as ``analyze`` does, finds its critical points, and tells which of them a
learning rule reaches.  Ctrl-C during the work keeps what is done: it is printed and written,
and the exit status is 130.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .commandline import (WrongInput, add_arguments, at_commas, count, game_and_box, plain,
                          take_game)
from .declaration.scanning import shown
from .learning_arguments import (DYNAMICS, OF, Motion, add_dynamics, as_wrong_input, drawn,
                                 motion_of, points_of, starts_of)
from .motion.flow import flow
from .motion.simulate import iterate
from .motion.trajectory import Outcome, Trajectory
from .output import (add_outputs, check_outputs, described, print_result, progress_bar,
                     save_picture, statement, write_csv)
from .rule_commands import rule_dict
from .simulated import HINTS, Kept, Simulated, checked_size, free, longer
from .truth import Truth
from .verdicts.analysis import Analysis
from .verdicts.basins import Basins
from .verdicts.basins import basins as find_basins

__all__ = ["add_motion_commands"]

DONE, NOT_AS_ASKED, INTERRUPTED = 0, 1, 130

_SIMULATE = DYNAMICS + """\

  gameanalysis simulate figure1 --rule stackelberg --start 3 3 --start -4 -6 --plot paths.png
  gameanalysis simulate dirac_gan --rule extragradient --start 1 1 --start -1/2 pi/4 \\
      --steps 2000 --step-size 0.1 --csv paths.csv

exit status: 0 every start was followed as asked and the list of critical points is
proved complete, 1 a start failed or the list is not proved complete, 2 wrong input,
130 interrupted: what was done is printed and written
"""
_BASINS = DYNAMICS + """\

  gameanalysis basins torus --grid 50 --flow 500 --plot basins.png
  gameanalysis basins figure1 --rule consensus:lam=1/2 --samples 1000 --seed 7 \\
      --steps 2000 --step-size 0.02 --csv starts.csv

exit status: 0 done and the list of critical points is proved complete, 1 it is not, or a
start ran out of steps, 2 wrong input, 130 interrupted: what was done is printed and written
"""


def add_motion_commands(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Register the commands: ``command(name, run, about, epilog)`` makes a parser for one."""
    move = command("simulate", _simulate, "follow a learning rule from some starts", _SIMULATE)
    add_arguments(move, OF)
    add_dynamics(move)
    add = move.add_argument_group("where it starts").add_argument
    add("--start", metavar="X", nargs="+", action="append", type=plain,
        help="one start, a number for each variable; may be repeated")
    add("--random", metavar="N", type=count,
        help="so many random starts from the box (default without --start: 10)")
    add("--detect-period", action="store_true",
        help="look for closed orbits of the flow, at tolerances of 1e-10")
    add("--keep", metavar="N", type=count,
        help="points of each start in --csv, and in --json if given (default: 201 of a "
             "flow, at most 1001 of updates)")
    add_outputs(move, "the trajectories as start, t, coordinates",
                "draw them over the phase portrait (two variables)")
    fill = command("basins", _basins, "tell which critical point each start reaches", _BASINS)
    add_arguments(fill, OF)
    add_dynamics(fill)
    add = fill.add_argument_group("where it starts").add_argument
    add("--grid", metavar="N", type=plain,
        help="start at the middles of N x N cells of the box, or NX,NY (two variables; "
             "default: 100)")
    add("--samples", metavar="N", type=count,
        help="start at N random points of the box (default with more variables: 1000)")
    add("--workers", metavar="W", type=count, default=1,
        help="processes, which take 10000 starts at a time (default: 1)")
    add_outputs(fill, "each start, the number of the point it reaches (-1: none), how it ended "
                "and when", "draw the basins (two variables)")


# -- simulate ------------------------------------------------------------------

def _simulate(args: argparse.Namespace) -> int:
    take_game(args, args.start[-1] if args.start else None, args.step_size)
    game, box = game_and_box(args)
    motion = motion_of(args, game)
    if args.start and args.random:
        raise WrongInput("--start and --random exclude each other")
    if args.seed is not None and (args.start and not args.noise):
        raise WrongInput("--seed goes with --random or --noise")
    if args.detect_period and not motion.is_flow:
        raise WrongInput("--detect-period is for continuous time: it goes with --flow")
    if args.keep == 1 or (args.keep and not (args.csv or args.json)):
        raise WrongInput("--keep goes with --csv or --json, and is 2 or more")
    check_outputs(args, game)
    seed = args.seed or 0
    starts = (starts_of(args.start, game) if args.start
              else drawn(checked_size(args.random or 10, game), box, seed))
    kept = Kept(args, motion, len(starts))
    found = points_of(args, game, box, [motion.rule])
    paths = _followed(motion, starts, kept.given, found, seed, args.detect_period)
    simulated = Simulated(motion, starts, paths, found, None if args.start else seed)
    print_result(args, simulated.text, lambda: simulated.data(kept if args.keep else None))
    if args.csv:
        names = [v.name for v in game.variables]
        write_csv(args.csv, free(["start", "t"], names) + names, simulated.rows(kept))
    if args.plot:
        _draw_paths(args.plot, motion, paths, found)
    return simulated.status


def _followed(motion: Motion, starts: NDArray[np.float64], kept: Any, found: Analysis, seed: int,
              detect_period: bool) -> Trajectory:
    with as_wrong_input():
        if motion.is_flow:
            return flow(motion.source, starts, motion.length, t_eval=kept, points=found,
                        detect_period=detect_period, **motion.options)
        return iterate(motion.source, starts, motion.length, step_size=motion.step_size,
                       keep=kept, points=found, rng=seed, **motion.options)


def _draw_paths(path: str, motion: Motion, paths: Trajectory, found: Analysis) -> None:
    from .plots import LAYERS, phase_portrait
    layers = [name for name in LAYERS if motion.field is not None
              or name in ("singular_set", "trajectories", "points")]
    source = motion.game if motion.field is None else motion.field
    picture = phase_portrait(source, found.box, analysis=found, of=found.of, layers=layers,
                             trajectories={str(motion.rule): paths})
    save_picture(path, picture.figure)


# -- basins --------------------------------------------------------------------

def _basins(args: argparse.Namespace) -> int:
    take_game(args, args.step_size)
    game, box = game_and_box(args)
    motion = motion_of(args, game)
    many = len(game.variables) != 2
    if args.grid is not None and args.samples is not None:
        raise WrongInput("--grid and --samples exclude each other")
    if args.grid is not None and many:
        raise WrongInput(f"--grid is for a game in two variables, and this one has "
                         f"{len(game.variables)}: give --samples N")
    if args.seed is not None and not (args.samples or many or args.noise):
        raise WrongInput("--seed goes with --samples or --noise")
    if box is None:
        raise WrongInput("the starts fill a box: give --box in place of --everywhere")
    check_outputs(args, game)
    samples = args.samples or (1000 if many else None)
    grid = None if samples else _grid(args.grid or "100")
    checked_size(samples or (grid[0] * grid[1] if grid else 0), game)
    found = points_of(args, game, box, [motion.rule])
    length = {"duration": motion.length} if motion.is_flow else {
        "steps": motion.length, "step_size": motion.step_size}
    seed = args.seed or 0
    with as_wrong_input(), progress_bar(args, unit=" starts", mininterval=0) as bar:
        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)
        result = find_basins(motion.source, found, box, grid=grid, samples=samples, rng=seed,
                             workers=args.workers, progress=None if bar is None else progress,
                             **length, **motion.options)
    print_result(args, lambda: _basins_text(result, motion, found), lambda: {
        **described(found), "rule": rule_dict(motion.rule), "motion": motion.words,
        "seed": seed if samples else None, "notes": list(motion.notes), **result.to_dict()})
    if args.csv:
        names = [v.name for v in game.variables]
        rows = zip(result.starts.tolist(), result.index.tolist(), result.status.tolist(),
                   result.time.tolist())
        write_csv(args.csv, names + free(["point", "outcome", "time"], names),
                  ([*x, k, outcome.name.lower(), t] for x, k, outcome, t in rows))
    if args.plot:
        from . import plots
        save_picture(args.plot, plots.basins(result).figure)
    outcomes = set(result.status.tolist())
    if Outcome.INTERRUPTED in outcomes:
        return INTERRUPTED
    undone = Outcome.BUDGET in outcomes or found.complete is not Truth.YES
    return NOT_AS_ASKED if undone else DONE


def _grid(text: str) -> tuple[int, int]:
    """Cells along both sides."""
    parts = at_commas(text)
    if len(parts) > 2 or not all(p.isascii() and p.isdigit() and len(p) < 10 and int(p) > 1
                                 for p in parts):
        raise WrongInput(f"--grid is a whole number of cells, 2 or more, or NX,NY, and not "
                         f"{shown(text)}")
    return int(parts[0]), int(parts[-1])


def _basins_text(result: Basins, motion: Motion, found: Analysis) -> str:
    title, *table = str(result).splitlines()
    hints = [HINTS[outcome] for outcome in Outcome
             if outcome in HINTS and (result.status == outcome).any()]
    if ((result.status == Outcome.COMPLETED) & (result.index < 0)).any():
        hints.append(f"still on the way: {longer(motion)}")
    return "\n".join([title.removesuffix(" ()"), motion.words, statement(found), "", *table,
                      *hints, *motion.notes])
