r"""Basins of attraction: which critical point each start reaches, and how long it takes.

The starts are the middles of a grid's cells, a random sample of a box, or given.  Each is
followed by the flow of a field or by a rule's updates until it settles at one of the points,
leaves, fails, or the time is up.

Of N random starts k reach a point: the share p of the box that does lies, at confidence
1 - alpha and with z the (1 - alpha/2)-quantile of the normal distribution, in Wilson's interval

    (k + z^2/2 -+ z sqrt(k (N - k)/N + z^2/4)) / (N + z^2).

Reference: E. B. Wilson, Probable inference, the law of succession, and statistical
inference, J. Am. Stat. Assoc. 22 (1927).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checkpoints import Checkpoint
from ..declaration.game import Game
from ..dynamics import VectorField
from ..errors import BoxError, GameError
from ..learning.updates import Update
from ..numerics.critical import float_box
from ..motion.flow import flow
from ..motion.noise import seed_of
from ..motion.simulate import iterate
from ..motion.trajectory import Outcome, Trajectory, checked_count
from ..tables import html_table, text_table
from ..workers import Path, Workers, checked_workers, finished
from .analysis import Analysis
from .classify import CriticalPoint
from .planes import plane_of

__all__ = ["Basins", "Share", "basins"]

Array = NDArray[np.float64]

#: So many starts are followed at once: between two pieces progress is told.
_PIECE = 10_000


@dataclass(frozen=True)
class Share:
    """How many starts reach a point: ``index`` among the points, -1 for none of them.

    ``low``, ``high`` : the confidence interval of the share of the box, for random starts;
        None for a grid, whose cells are no sample.
    ``time`` : the median time, or number of updates, to get there; None where nobody does.
    """

    index: int
    count: int
    fraction: float
    low: float | None
    high: float | None
    time: float | None


@dataclass(frozen=True, eq=False, repr=False)
class Basins:
    """Which point each start reaches, made by `basins`; prints as a table.

    ``points`` : the critical points; ``index`` : for each start the one it reaches, -1 if it
        reaches none; ``status`` : its `Outcome`; ``time`` : when it ended.
    ``starts`` : (N, n), for a grid (nx, ny) row by row from below, x varying fastest.
    ``grid`` : (nx, ny), or None; ``box`` : pairs of floats; ``fractions`` : a `Share` for each
        point, and for no point.
    """

    game: Game
    points: tuple[CriticalPoint, ...]
    name: str
    box: tuple[tuple[float, float], ...] | None
    grid: tuple[int, int] | None
    starts: Array
    index: NDArray[np.int_]
    status: NDArray[Any]
    time: Array
    fractions: tuple[Share, ...]
    confidence: float | None
    method: str
    seed: str

    def __post_init__(self) -> None:
        for array in (self.starts, self.index, self.status, self.time):
            array.flags.writeable = False

    def _rows(self) -> list[list[str]]:
        rows = []
        for share in self.fractions:
            if share.index < 0:
                what, where = "none of them", ""
            else:
                point = self.points[share.index]
                what, where = point.label, ", ".join(f"{v:.6g}" for v in point.x)
            between = "" if share.low is None else f"{share.low:.4f} .. {share.high:.4f}"
            rows.append([where, what, str(share.count), f"{share.fraction:.4f}", between,
                         "" if share.time is None else f"{share.time:.4g}"])
        return rows

    def _header(self) -> list[str]:
        between = "" if self.confidence is None else f"{self.confidence:.0%} interval"
        return ["reaches", "class", "starts", "share", between, "median time"]

    def _title(self) -> str:
        title = f"{self.game.name}: " if self.game.name else ""
        how = (f"a {self.grid[0]} x {self.grid[1]} grid" if self.grid is not None
               else f"{len(self.starts)} starts")
        return f"{title}basins of {self.name}, {how}{self.seed} ({self.method})"

    def _others(self) -> str:
        counts = Counter(self.status[self.index < 0].tolist())
        return "; ".join(f"{counts[outcome]} {outcome.value.split(':')[0]}"
                         for outcome in Outcome if counts[outcome])

    def __str__(self) -> str:
        flush = [False, False, True, True, False, True]
        lines = [self._title(), text_table(self._header(), self._rows(), flush)]
        return "\n".join(lines + ([f"of those that reach none: {self._others()}"]
                                  if (self.index < 0).any() else []))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        flush = [False, False, True, True, False, True]
        return f"<p>{self._title()}</p>" + html_table(self._header(), self._rows(), flush)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, the starts one by one included."""
        return {
            "game": self.game.name, "name": self.name, "method": self.method,
            "box": None if self.box is None else [list(side) for side in self.box],
            "grid": None if self.grid is None else list(self.grid),
            "points": [{"x": [float(v) for v in p.x], "label": p.label} for p in self.points],
            "fractions": [{"index": s.index, "count": s.count, "fraction": s.fraction,
                           "low": s.low, "high": s.high, "time": s.time}
                          for s in self.fractions],
            "confidence": self.confidence,
            "starts": self.starts.tolist(), "index": self.index.tolist(),
            "status": [outcome.name.lower() for outcome in self.status],
            "time": self.time.tolist(),
        }


def basins(dynamics: Update | VectorField, points: Any, box: Any = None, *,
           grid: int | tuple[int, int] | None = None, samples: int | None = None,
           starts: Any = None, plane: Sequence[Any] | None = None,
           at: Mapping[Any, Any] | None = None, duration: float = 100.0, steps: int = 10_000,
           step_size: Any = None, domain: Any = None, rng: Any = None,
           confidence: float = 0.95, workers: Workers = 1, checkpoint: Path | None = None,
           progress: Callable[[int, int], object] | None = None, **options: Any) -> Basins:
    """Follow many starts and tell which critical point each of them reaches.

    Guarantee: a start is counted for a point only if the dynamics settle there, as `flow`
    and `iterate` define it, in floating point.  The result does not depend on ``workers``.
    Shares of a grid are areas up to its fineness; intervals are given for random starts.

    Parameters
    ----------
    dynamics : a field, such as ``rule.field(game)``, followed in continuous time; or a rule on
        a game, ``rule.on(game)``, or a field with ``step_size``, followed update by update.
    points : an `Analysis`, or critical points.
    box : where to start, as for `analyze`; by default the analysis's own.
    grid : cells a side, a number or (nx, ny); 100 if neither samples nor starts are given.
        For more than two variables ``plane`` names the two that vary and ``at`` the values of
        the others.
    samples : instead, so many starts drawn uniformly from the box, with ``rng``.
    starts : instead, given starts, (N, n).
    duration : how long a flow is followed.
    steps, step_size : how many updates, and the learning rates, as for `iterate`.
    domain : a box that flows end at the edge of, as `flow` takes it; by default there is none.
    rng : None, an int or a Generator, for random starts and for noise.
    confidence : of the intervals of random starts, between 0 and 1.
    workers : processes to use, or a map such as ``executor.map`` or a cluster client's ``map``;
        each takes 10,000 starts at a time.
    checkpoint : a path: what is finished is kept there, 10,000 starts at a time, and the same
        call goes on from it after an interrupt or a crash.
    progress : called with (starts done, starts in all) after each piece.
    options : for `flow` or `iterate`: rtol, settle_atol, native, noise, ...

    Ctrl-C keeps what is done; the other starts are "interrupted".  Raises `TypeError`,
    `GameError`, `BoxError` or `ValueError` for what does not fit, and the errors of
    `map_ordered`.

    >>> import sympy as sp
    >>> from gameanalysis.declaration.game import zero_sum
    >>> from gameanalysis.dynamics import simultaneous_gradient
    >>> from gameanalysis.verdicts.analyze import analyze
    >>> x, y = sp.symbols("x y", real=True)
    >>> game = zero_sum(x**4/4 - x**2/2 + x*y - y**2, x, y)
    >>> found = basins(simultaneous_gradient(game), analyze(game, [(-2, 2), (-2, 2)]), grid=10)
    >>> [share.count for share in found.fractions]
    [50, 0, 50, 0]
    """
    if not isinstance(dynamics, (Update, VectorField)):
        raise TypeError(f"basins needs a field or a rule on a game, such as "
                        f"rules.Extragradient().on(game), not a {type(dynamics).__name__}")
    checked_workers(workers)
    listed, game, box = _points_of(dynamics, points, box)
    if not 0 < confidence < 1:
        raise ValueError(f"confidence lies between 0 and 1, and is not {confidence!r}")
    where, shape, ends, seed = _starts(dynamics, game, box, grid, samples, starts, plane, at, rng)
    targets = np.array([p.x for p in listed]).reshape(len(listed), where.shape[1])
    if isinstance(dynamics, Update) and step_size is None:
        raise ValueError("updates need a step_size, the learning rate")
    if options.get("noise") is not None:
        options["rng"] = seed_of(rng)           # one seed for all pieces
    if domain is not None:
        options["box"] = domain
    follow: Callable[[Any], Any]
    if isinstance(dynamics, VectorField) and step_size is None:
        follow = partial(_flowed, dynamics, targets, duration, options)
    else:
        follow = partial(_updated, dynamics, targets, steps, step_size, options)
    index = np.full(len(where), -1)
    status = np.full(len(where), Outcome.INTERRUPTED, dtype=object)
    time, methods, done = np.zeros(len(where)), {-1: ""}, 0
    pieces = [(k, where[k:k + _PIECE]) for k in range(0, len(where), _PIECE)]
    kept = None if checkpoint is None else Checkpoint(checkpoint, _encoded, _decoded)

    def fill(k: int, piece: _Piece) -> None:
        nonlocal done
        rows = slice(k * _PIECE, k * _PIECE + len(piece[0]))
        index[rows], status[rows], time[rows], methods[k] = piece
        done += len(piece[0])

    with closing(finished(follow, pieces, workers, checkpoint=kept)) as found:
        try:
            for k, piece in found:
                fill(k, piece)
                if progress is not None:
                    progress(done, len(where))
        except _Interrupted as stop:
            fill(stop.number, stop.piece)
        except KeyboardInterrupt:
            pass
    drawn = samples is not None
    shares = tuple(_share(k, index, time, confidence if drawn else None)
                   for k in (*range(len(listed)), -1))
    return Basins(game, listed, dynamics.name or "the field", ends, shape, where, index, status,
                  time, shares, confidence if drawn else None, methods[max(methods)], seed)


def _points_of(dynamics: Update | VectorField, points: Any, box: Any
               ) -> tuple[tuple[CriticalPoint, ...], Game, Any]:
    game = getattr(dynamics, "game", None)
    if isinstance(points, Analysis):
        if game is not None and points.game != game:
            raise GameError("the analysis is that of another game")
        game = points.game
        box = points.box if box is None else box
    listed = tuple(points)
    if game is None:
        raise GameError("basins of a field without a game need an Analysis for points")
    if not all(isinstance(p, CriticalPoint) for p in listed):
        raise TypeError("points must be an Analysis or CriticalPoints: classify(game, rows) "
                        "makes them from numbers")
    return listed, game, box


def _starts(dynamics: Any, game: Game, box: Any, grid: Any, samples: int | None, starts: Any,
            plane: Any, at: Any, rng: Any
            ) -> tuple[Array, tuple[int, int] | None, Any, str]:
    """The starts, the shape of a grid, the box as floats, and a note on the seed."""
    n = len(game.variables)
    if (grid is not None) + (samples is not None) + (starts is not None) > 1:
        raise ValueError("grid, samples and starts exclude each other")
    if starts is not None:
        given = np.array(starts, dtype=float)
        if given.ndim != 2 or given.shape[1] != n or not np.isfinite(given).all():
            raise ValueError(f"starts must be finite numbers of shape (N, {n}), not of shape "
                             f"{given.shape}")
        return given, None, None, ""
    if box is None:
        raise BoxError("where to start? give a box, a pair (low, high) for each variable")
    if samples is None:
        nx, ny = (grid, grid) if not isinstance(grid, tuple) else grid
        nx, ny = (checked_count(100 if k is None else k, "grid", 2) for k in (nx, ny))
        view = plane_of(game, box, plane, at)
        assert view.box is not None
        cells = np.empty((ny, nx, n))
        cells[:] = view.base
        for axis, (low, high), count, turned in zip(view.axes, view.box, (nx, ny), (False, True)):
            middles = low + (high - low) * (np.arange(count) + 0.5) / count
            cells[..., axis] = middles[:, None] if turned else middles
        ends = tuple(tuple(map(float, side)) for side in view.box)
        return cells.reshape(-1, n), (nx, ny), ends, ""
    count = checked_count(samples, "samples", 1)
    sides = box
    if isinstance(box, Mapping):
        by_name = {str(v): side for v, side in box.items()}
        if set(by_name) != {v.name for v in game.variables}:
            raise BoxError(f"the box must name each of "
                           f"{', '.join(map(str, game.variables))} once")
        sides = [by_name[v.name] for v in game.variables]
    domain = float_box(sides, n)
    generator = np.random.default_rng(rng)
    note = f", seed {rng}" if isinstance(rng, (int, np.integer)) else ""
    drawn = domain[:, 0] + (domain[:, 1] - domain[:, 0]) * generator.random((count, n))
    return drawn, None, tuple(tuple(map(float, side)) for side in domain), note


#: Of each start in a piece: the point it reaches, its outcome, its time; and the method.
_Piece = tuple[NDArray[np.int_], NDArray[Any], Array, str]


class _Interrupted(KeyboardInterrupt):
    """Ctrl-C in the middle of a piece, which is then not a result but has some."""

    def __init__(self, number: int, piece: _Piece) -> None:
        super().__init__()
        self.number, self.piece = number, piece


def _flowed(field: VectorField, targets: Array, duration: float, options: Mapping[str, Any],
            piece: tuple[int, Array]) -> _Piece:
    return _ended(piece[0], flow(field, piece[1], duration, t_eval="last", points=targets,
                                 **options))


def _updated(source: Update | VectorField, targets: Array, steps: int, step_size: Any,
             options: Mapping[str, Any], piece: tuple[int, Array]) -> _Piece:
    return _ended(piece[0], iterate(source, piece[1], steps, step_size=step_size, keep="last",
                                    points=targets, first=piece[0], **options))


def _ended(first: int, found: Trajectory) -> _Piece:
    piece = found.settled, found.status, np.asarray(found.stopped, dtype=float), found.method
    if Outcome.INTERRUPTED in found.status.tolist():
        raise _Interrupted(first // _PIECE, piece)
    return piece


def _encoded(piece: _Piece) -> list[Any]:
    index, status, time, method = piece
    return [index.tolist(), [outcome.name for outcome in status], time.tolist(), method]


def _decoded(data: Any) -> _Piece:
    index, status, time, method = data
    return (np.array(index, dtype=int), np.array([Outcome[name] for name in status], dtype=object),
            np.array(time, dtype=float), method)


def _share(index: int, reached: NDArray[np.int_], time: Array, confidence: float | None) -> Share:
    there = reached == index
    count, total = int(there.sum()), len(reached)
    fraction = count / total if total else 0.0
    low: float | None = None
    high: float | None = None
    if confidence is not None:
        z = NormalDist().inv_cdf((1 + confidence) / 2)
        middle = count + z * z / 2
        half = z * (count * (total - count) / total + z * z / 4) ** 0.5
        low, high = (max(0.0, (middle - half) / (total + z * z)),
                     min(1.0, (middle + half) / (total + z * z)))
    median = float(np.median(time[there])) if count and index >= 0 else None
    return Share(index, count, fraction, low, high, median)
