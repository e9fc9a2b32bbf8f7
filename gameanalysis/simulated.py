r"""What ``simulate`` keeps of trajectories and tells of them: a table, rows, plain data."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .commandline import WrongInput
from .declaration.game import Game
from .learning_arguments import Motion
from .motion.trajectory import Outcome, Trajectory, periods_of, wrapped_points
from .output import described, statement
from .rule_commands import rule_dict
from .tables import text_table
from .truth import Truth
from .verdicts.analysis import Analysis

__all__ = ["HINTS", "Kept", "Simulated", "checked_size", "free", "longer"]

DONE, NOT_AS_ASKED, INTERRUPTED = 0, 1, 130

#: More rows of starts than this are counted, not shown.
_SHOWN = 50
#: Points of a start that are kept of a flow, and of updates.
_TIMES, _UPDATES = 201, 1001
#: A picture may keep so many numbers beyond; more than ``_LARGEST`` are refused.
_PICTURE, _LARGEST = 4_000_000, 100_000_000
#: A start that has not settled is called near a point p within so many times 1 + |p|.
_NEAR = 0.01

#: What to do about it.
HINTS = {
    Outcome.DIVERGED: "diverged: try another start or, with --steps, a smaller --step-size",
    Outcome.SINGULAR: "stopped at the singular set: try another start, or --rule "
                      "stackelberg:eta=1/10, which regularises",
    Outcome.UNDEFINED: "undefined: the follower's Hessian is singular there, the point is at the "
                       "edge of a cost's domain or outside, or numbers overflowed",
    Outcome.BUDGET: "out of steps: raise --max-steps, or try --method Radau",
    Outcome.INTERRUPTED: "interrupted: what was done until then is kept",
}


def checked_size(size: int, game: Game) -> int:
    """The number of starts; raises `WrongInput` for more than can be held in memory."""
    if size * len(game.variables) > _LARGEST:
        raise WrongInput(f"{size} starts in {len(game.variables)} variables are too many to be "
                         f"held in memory")
    return size


def free(wanted: Sequence[str], taken: Sequence[str]) -> list[str]:
    """Names of columns, with underscores behind those that are taken.

    >>> free(["start", "t"], ["t", "y"])
    ['start', 't_']
    """
    return [next(name + "_"*k for k in range(len(taken) + 1) if name + "_"*k not in taken)
            for name in wanted]


class Kept:
    """Which points of each start are kept, ``given`` to `flow` or `iterate`, and written."""

    def __init__(self, args: argparse.Namespace, motion: Motion, size: int) -> None:
        self.given: Any = "last"
        self.times: NDArray[Any] = np.array([motion.length])
        if not (args.csv or args.plot or args.keep):
            return
        wanted = args.keep or (_TIMES if motion.is_flow else _UPDATES)
        width = size * len(motion.game.variables)
        if width * (wanted if motion.is_flow else min(wanted, motion.length + 1)) > _LARGEST:
            raise WrongInput("so many points cannot be held in memory: take fewer starts, or a "
                             "smaller --keep")
        room = _PICTURE / width if args.plot else 0
        if motion.is_flow:
            self.times = np.linspace(0, motion.length, wanted)
            # Fast at first, slow near rest: a picture needs most points at the beginning.
            early = motion.length * np.linspace(0, 1, int(min(2001, room)))**3
            self.given = np.unique(np.concatenate([self.times, early]))
        else:
            every = -(-motion.length // max(1, wanted - 1))
            self.times = np.append(np.arange(0, motion.length, every), motion.length)
            # More of them for a picture: every k-th, with k a divisor of ``every``.
            finest = max(1, min(every, int(every * room / motion.length)))
            self.given = every // next(m for m in range(finest, 0, -1) if every % m == 0)

    def rows(self, t: NDArray[Any]) -> NDArray[np.int_]:
        """Where the times to write stand among those kept."""
        return np.searchsorted(t, self.times)


class Simulated:
    """Trajectories as text, as rows and as plain data."""

    def __init__(self, motion: Motion, starts: NDArray[np.float64], paths: Trajectory,
                 found: Analysis, seed: int | None) -> None:
        """``seed`` : of random starts, or None for given ones."""
        self.motion, self.starts, self.paths = motion, starts, paths
        self.found, self.seed = found, seed

    @property
    def status(self) -> int:
        """The exit status."""
        outcomes = set(self.paths.status.tolist())
        if Outcome.INTERRUPTED in outcomes:
            return INTERRUPTED
        failed = any(outcome.is_failure for outcome in outcomes)
        return NOT_AS_ASKED if failed or self.found.complete is not Truth.YES else DONE

    def text(self) -> str:
        """A table with a row for each start, and what it leaves open."""
        game, paths, size = self.motion.game, self.paths, len(self.starts)
        title = f"{game.name}: " if game.name else ""
        seed = "" if self.seed is None else f" drawn with seed {self.seed}"
        lines = [f"{title}{self.motion.words}, {size} start{'s' * (size != 1)}{seed} "
                 f"({paths.method})", statement(self.found), ""]
        header = ["start", "end", "outcome", "critical point",
                  "time" if self.motion.is_flow else "updates"]
        lines.append(text_table(header, [self._row(k) for k in range(min(size, _SHOWN))],
                                [False] * 4 + [True]))
        counts = Counter(paths.status.tolist())
        if size > _SHOWN:
            lines.append(f"... and {size - _SHOWN} more: --csv and --json hold all")
        lines += ["", "; ".join(f"{counts[outcome]} {_sentence(outcome)}"
                                for outcome in Outcome if counts[outcome])]
        lines += [HINTS[outcome] for outcome in Outcome if counts[outcome] and outcome in HINTS]
        if counts[Outcome.COMPLETED]:
            lines.append(f"still on the way: {longer(self.motion)}")
        return "\n".join([*lines, *self.motion.notes, *paths.notes])

    def _row(self, k: int) -> list[str]:
        outcome, index = self.paths.status[k], int(self.paths.settled[k])
        told = _sentence(outcome)
        if np.isfinite(self.paths.period[k]):
            told += f": closed orbit, period {self.paths.period[k]:.6g}"
        where = self._beside(k) if index < 0 else f"[{index}] {self.found[index].label}"
        return [_place(self.starts[k]), _place(self.paths.last[k]), told, where,
                f"{self.paths.stopped[k]:.6g}" if self.motion.is_flow
                else str(self.paths.stopped[k])]

    def _beside(self, k: int) -> str:
        """The nearest critical point, where one is near though the start has not settled."""
        if not len(self.found) or self.paths.status[k].is_failure:
            return ""
        x = np.array([p.x for p in self.found])
        periods = periods_of(self.motion.game.periods, self.motion.game.variables)
        away = np.sqrt((wrapped_points(x - self.paths.last[k], periods)**2).sum(axis=1))
        j = int(np.argmin(away))
        near = away[j] <= _NEAR * (1 + np.sqrt((x[j]**2).sum()))
        return f"near [{j}] {self.found[j].label}, {away[j]:.1g} away" if near else ""

    def rows(self, kept: Kept) -> Iterator[list[Any]]:
        """(start, t, coordinates) up to where each start ended, its last point included."""
        rows, times = kept.rows(self.paths.t), kept.times.tolist()
        for k, x in enumerate(self.paths.x):
            stopped = self.paths.stopped[k].item()
            points = x[rows].tolist()
            written = [(t, point) for t, point in zip(times, points) if t < stopped]
            for t, point in [*written, (stopped, x[-1].tolist())]:
                yield [k, t, *point]

    def data(self, kept: Kept | None) -> dict[str, Any]:
        """Plain data for JSON, with the trajectories if ``kept`` is given."""
        motion, paths = self.motion, self.paths
        data = {
            **described(self.found), "rule": rule_dict(motion.rule), "motion": motion.words,
            "kind": "flow" if motion.is_flow else "updates", "length": motion.length,
            "seed": self.seed, "method": paths.method, "notes": [*motion.notes, *paths.notes],
            "points": [{"x": p.x.tolist(), "label": p.label} for p in self.found],
            "starts": [{
                "start": self.starts[k].tolist(), "end": paths.last[k].tolist(),
                "outcome": outcome.name.lower(), "sentence": _sentence(outcome),
                "point": int(paths.settled[k]) if paths.settled[k] >= 0 else None,
                "time": paths.stopped[k].item(),
                "period": float(paths.period[k]) if np.isfinite(paths.period[k]) else None,
            } for k, outcome in enumerate(paths.status)]}
        if kept is not None:
            data["t"] = kept.times.tolist()
            data["x"] = paths.x[:, kept.rows(paths.t)].tolist()
        return data


def longer(motion: Motion) -> str:
    """What follows starts longer."""
    if not motion.is_flow:
        return "a larger --steps K follows them longer"
    return ("a larger --flow T follows them longer, and `gameanalysis simulate` with "
            "--detect-period looks for closed orbits")


def _place(x: NDArray[np.float64]) -> str:
    some = ", ".join(f"{v + 0.0:.6g}" for v in x[:4])
    return f"({some}{', ...' if len(x) > 4 else ''})"


def _sentence(outcome: Outcome) -> str:
    return outcome.value.partition(":")[0].partition(", where")[0]
