r"""Motion: how far each start is from where it ends, and all of them moving.

Let x(t) be what a flow leaves behind, or x_k after k updates, and x* the critical point
that the start ends at.  On a logarithmic axis the distance

    d(t) = |x(t) - x*|,     differences on circles taken the short way round,

falls along a straight line where it is d exp(-r t), or d rho^k: near a point whose Jacobian
has spectral abscissa r, or whose update has spectral radius rho, up to the turning of
complex eigenvalues.  A predicted r or rho is drawn as that line.

Reference: Fiez, Chasnov and Ratliff, ICML 2020, section 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.animation import FuncAnimation
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from ..declaration.game import Game
from ..dynamics import VectorField
from ..errors import ShapeError
from ..motion.trajectory import Trajectory, periods_of, wrapped_points
from ..verdicts.analysis import Analysis
from ..verdicts.classify import CriticalPoint
from ..verdicts.planes import Plane, field_of, plane_of
from .canvas import (FAMILIES, Artists, Picture, dress, draw_crosses, finish, new_axes,
                     styled)
from .layers import failures, field
from .layers import points as draw_points
from .portrait import portrait_box

__all__ = ["animation", "distance"]

Array = NDArray[np.float64]
Source = Game | VectorField
Batches = Trajectory | Mapping[str, Trajectory]

#: A prediction is a broad pale line behind the measured one, seen where they agree.
_PREDICTED: dict[str, Any] = {"color": "#b5b5b5", "linewidth": 3.4, "solid_capstyle": "butt",
                              "zorder": 2}
#: Dots of families in an animation; opacity along the tail.
_DOTS, _FADING = ("o", "s", "^", "D"), (0.2, 0.4, 0.75)
#: Tails have at least so many samples for each frame, and in the whole animation.
_A_FRAME, _IN_ALL = 4, 400


# -- distance -----------------------------------------------------------------

def distance(trajectories: Batches, points: Analysis | Iterable[CriticalPoint] | Any, *,
             game: Source | None = None, rates: Any = None, anchor: str = "end",
             ax: Axes | None = None, width: float = 4.8,
             with_legend: bool | None = None) -> Picture:
    r"""Draw |x - x*| against time or the number of updates, on a logarithmic axis.

    x* is the point at which the start settled; for a start that did not settle, the one
    nearest to its last point.  A line ends where its start did, with a cross if it failed,
    and leaves out distances that are zero.

    Guarantee: the measured lines are the distances between floats.  Nothing is proved of
    a predicted line: it is as good as the rate that is given.

    Parameters
    ----------
    trajectories : a `Trajectory`, or a mapping from labels to these; all of flows, or all
        of updates.
    points : an `Analysis` or its points, those that the dynamics were given; or positions,
        shape (n,) or (k, n).
    game : names the periods of the variables where ``points`` is no `Analysis`.
    rates : the predicted r of exp(-r t) for flows, the factor rho > 0 of each update for
        updates: a number, or one for each point (None for no prediction), or a mapping
        from the labels of ``trajectories`` to either.
    anchor : "end", where the line goes through the middle, on the logarithmic axis, of what
        was measured; or "start", where it is d_0 rho^k, which a guarantee bounds.
    ax, width, with_legend : as for `phase_portrait`.

    Returns a Picture with the artists "measured", a line for each start; "predicted", a
    line for each label and point with a rate, that of the start which took longest; and
    "failed".  Raises `ShapeError` or `ValueError` for what does not fit.

    >>> import sympy as sp
    >>> import gameanalysis as ga
    >>> x = sp.symbols("x", real=True)
    >>> distance(ga.iterate(ga.VectorField(x, x), [8.0], 9, step_size=0.5), [0], rates=0.5)
    Picture with the artists measured (1), predicted (1)
    """
    batches = _families(trajectories)
    goals, periods = _goals(points, game, next(iter(batches.values())).x.shape[-1])
    discrete = _checked_batches(batches, goals.shape[-1])
    if anchor not in ("start", "end"):
        raise ValueError(f"anchor is 'start' or 'end', not {anchor!r}")
    predictions = _predictions(rates, batches, len(goals), discrete)
    own, named = ax is None, isinstance(trajectories, Mapping) or rates is not None
    with styled(ax, width) as wide:
        ax = ax or new_axes(width, 0.75 * width)
        drawn: dict[str, list[Any]] = {"measured": [], "predicted": [], "failed": []}
        for family, (label, batch) in enumerate(batches.items()):
            which = _arrivals(batch, goals, periods)
            lines = _measured(batch, goals[which], periods)
            color, dashes, weight = FAMILIES[family % len(FAMILIES)]
            drawn["measured"] += [
                ax.plot(*line, label="_" if k or not named else label, color=color,
                        linestyle=dashes, linewidth=weight, zorder=3)[0]
                for k, line in enumerate(lines)]
            for goal, rate in enumerate(predictions[label]):
                if rate is not None and goal in which:
                    slope = np.log(rate) if discrete else -rate
                    slowest = max((lines[k] for k in np.flatnonzero(which == goal)),
                                  key=lambda line: (line[0, -1], np.nanmax(line[1], initial=0)))
                    drawn["predicted"] += _draw_prediction(ax, slowest, slope, anchor)
            ends = np.array([line[:, -1] for line in lines])[failures(batch, len(lines))]
            drawn["failed"] += draw_crosses(ax, ends, color)
        ax.set_yscale("log", nonpositive="mask")
        ax.set(xlabel="number of updates" if discrete else "time",
               ylabel="distance to the critical point")
        ax.margins(x=0.02)
        finish(ax, own, wide, with_legend)
    return Picture((ax,), {name: tuple(artists) for name, artists in drawn.items() if artists})


def _families(given: Any) -> Mapping[str, Trajectory]:
    """Labels to trajectories; raises `TypeError` for anything else."""
    families = given if isinstance(given, Mapping) else {"measured": given}
    for batch in families.values():
        if not isinstance(batch, Trajectory):
            raise TypeError(f"expected a Trajectory of flow or iterate, or a mapping from "
                            f"labels to these, not a {type(batch).__name__}")
    if not families:
        raise ValueError("there is no trajectory to draw")
    return {str(label): batch for label, batch in families.items()}


def _checked_batches(batches: Mapping[str, Trajectory], n: int) -> bool:
    """Whether the trajectories are of updates; raises where they do not go together."""
    for label, batch in batches.items():
        if batch.x.shape[-1] != n or 0 in batch.x.shape:
            raise ShapeError(f"trajectories have shape (..., time, {n}), and {label!r} has "
                             f"{batch.x.shape}")
        if len(batch.t) < 2:
            raise ValueError(f"{label!r} keeps one point of each start: keep more of them")
    kinds = {batch.t.dtype.kind == "i" for batch in batches.values()}
    if len(kinds) > 1:
        raise ValueError("trajectories of flows and of updates share no axis: draw them apart")
    return kinds.pop()


def _goals(points: Any, game: Source | None, n: int) -> tuple[Array, Array]:
    """The points (k, n) to measure from, and the period of each coordinate (n,)."""
    if isinstance(points, Analysis):
        game = points.game
    listed = list(points)
    if any(isinstance(p, CriticalPoint) for p in listed):
        listed = [p.x for p in listed]
    if not listed:
        raise ValueError("there are no points to measure the distance to")
    try:
        goals = np.atleast_2d(np.array(listed, dtype=float))
    except (TypeError, ValueError):
        raise ShapeError("points are an Analysis, CriticalPoints or positions of shape (n,) or "
                         "(k, n)") from None
    if goals.ndim != 2 or goals.shape[1] != n or not np.isfinite(goals).all():
        raise ShapeError(f"points are finite positions of shape ({n},) or (k, {n}), not "
                         f"{np.shape(listed)}")
    if game is None:
        return goals, np.full(n, np.inf)
    if len(game.variables) != n:
        raise ShapeError(f"the game has {len(game.variables)} variables, and the trajectories "
                         f"have {n}")
    return goals, periods_of(game.periods, game.variables)


def _arrivals(batch: Trajectory, goals: Array, periods: Array) -> NDArray[np.int_]:
    """The index of the point that each start ends at, (N,)."""
    settled = np.ravel(batch.settled)
    if len(goals) > 1 and settled.max() >= len(goals):
        raise ValueError(f"a start settled at point {settled.max()}, and there are "
                         f"{len(goals)}: give the points that the dynamics were given")
    last = batch.last.reshape(-1, 1, goals.shape[-1])
    nearest = np.linalg.norm(wrapped_points(last - goals, periods), axis=-1).argmin(axis=1)
    return np.where((settled >= 0) & (len(goals) > 1), settled, nearest)


def _measured(batch: Trajectory, goals: Array, periods: Array) -> list[Array]:
    """For each start the times and the distances, (2, time), up to where it ended."""
    lines = []
    paths = batch.x.reshape(-1, *batch.x.shape[-2:])
    for path, goal, stopped in zip(paths, goals, np.ravel(batch.stopped)):
        last = int(np.searchsorted(batch.t, stopped))
        d = np.linalg.norm(wrapped_points(path[:last + 1] - goal, periods), axis=-1)
        lines.append(np.array([np.minimum(batch.t[:last + 1], stopped),
                               np.where(d > 0, d, np.nan)]))
    return lines


def _predictions(rates: Any, batches: Mapping[str, Trajectory], count: int,
                 discrete: bool) -> Mapping[str, Sequence[float | None]]:
    """A rate or None for each label and point."""
    if isinstance(rates, Mapping) and not set(map(str, rates)) <= set(batches):
        raise ValueError(f"rates has the labels {', '.join(map(str, rates))}, and the "
                         f"trajectories have {', '.join(batches)}")
    given = ({str(label): r for label, r in rates.items()} if isinstance(rates, Mapping)
             else dict.fromkeys(batches, rates))
    checked = {}
    for label in batches:
        rate = given.get(label)
        listed = [rate] * count if rate is None or np.ndim(rate) == 0 else list(rate)
        if len(listed) != count:
            raise ShapeError(f"rates is a number or has one for each of the {count} points, "
                             f"not {len(listed)}")
        checked[label] = [None if r is None else float(r) for r in listed]
        for r in checked[label]:
            if r is not None and not (np.isfinite(r) and (r > 0 or not discrete)):
                raise ValueError(f"a rate is {'a positive' if discrete else 'a'} finite number, "
                                 f"or None for no prediction, not {r}")
    return checked


def _draw_prediction(ax: Axes, line: Array, slope: float, anchor: str) -> Artists:
    """The line of that slope, in log d, through the anchor, within what was measured."""
    t, d = line[:, np.isfinite(line[1])]
    if len(t) < 2:
        return ()
    low, high, first = np.log(d.min()), np.log(d.max()), np.log(d[0])
    k = 0 if anchor == "start" else int(np.argmax(np.log(d) <= (first + low) / 2))
    ends = np.array([t[0], t[-1]], dtype=float)
    if slope:
        cross = t[k] + (np.array([low, high]) - np.log(d[k])) / slope
        ends = ends.clip(cross.min(), cross.max())
    return tuple(ax.plot(ends, d[k] * np.exp(slope * (ends - t[k])), label="predicted",
                         **_PREDICTED))


# -- animation ----------------------------------------------------------------

class _Moving(FuncAnimation):
    """An animation that shows itself in a notebook."""

    def _repr_html_(self) -> str:
        return self.to_jshtml()


def animation(trajectories: Batches, box: Any = None, *, game: Source | None = None,
              analysis: Analysis | None = None, of: str = "simultaneous",
              plane: Sequence[Any] | None = None, at: Mapping[Any, Any] | None = None,
              kind: str = "arrows", seconds: float = 6.0, fps: float = 25.0,
              tail: float = 0.1, width: float = 5.0) -> FuncAnimation:
    """Move a batch of starts along its trajectories, over the field and its points.

    Between the times kept a flow is interpolated by straight lines; updates jump.  A start
    that failed stays as a cross where it ended.  On a circle no line is drawn across.

    Parameters
    ----------
    trajectories : a `Trajectory`, or a mapping from labels to these, with the same times.
    box : as for `analyze`; by default that of the analysis.
    game : whose field ``of`` names is drawn beneath, or a `VectorField`; by default the
        game of the analysis; without either nothing is drawn beneath.
    analysis : its critical points are drawn.
    plane, at, kind : as for `field`; without ``at`` a plane through more than two variables
        has no field.
    seconds, fps : how long it takes, and frames a second.
    tail : the part of the whole time, from 0 to 1, that trails behind each dot.
    width : of the new figure, in inches.

    Returns a FuncAnimation, which shows itself in a notebook; ``.save("moving.gif",
    writer="pillow")`` and ``.to_jshtml()`` write it.

    >>> import sympy as sp
    >>> import gameanalysis as ga
    >>> x, y = sp.symbols("x y", real=True)
    >>> play = ga.iterate(ga.VectorField([y, -x], [x, y]), [1, 0], 9, step_size=0.1)
    >>> animation(play, [(-2, 2)]*2, seconds=1, fps=4).to_jshtml().count("data:image/png")
    4
    """
    batches = _families(trajectories)
    source = analysis.game if game is None and analysis is not None else game
    n = len(source.variables) if source is not None else next(iter(batches.values())).x.shape[-1]
    discrete = _checked_batches(batches, n)
    frames = _checked_frames(seconds, fps, tail)
    box = portrait_box(box, analysis)
    view = plane_of(source, box, plane, at, n=n, held=n == 2 or at is not None)
    first, last = (next(iter(batches.values())).t[k] for k in (0, -1))
    if any((b.t[0], b.t[-1]) != (first, last) for b in batches.values()):
        raise ValueError("the trajectories do not begin and end at the same times")
    each = max(_A_FRAME, -(-_IN_ALL // (frames - 1)))
    times = np.linspace(first, last, (frames - 1) * each + 1)
    with styled(None, width) as wide:
        ax = dress(new_axes(width, (0.78 if wide else 1.3) * width), view)
        if source is not None and (n == 2 or at is not None):
            field(field_of(source, of), box, kind=kind, plane=plane, at=at, ax=ax)
        if analysis is not None and (n == 2 or at is not None):
            draw_points(analysis, box, plane=plane, at=at, ax=ax)
        named = isinstance(trajectories, Mapping)
        moving = [_Family(ax, view, label if named else "_", k, batch, times, tail)
                  for k, (label, batch) in enumerate(batches.items())]
        title = ax.set_title(_clock(times[-1], discrete), loc="left", fontsize=9)
        finish(ax, True, wide, None)
        figure: Any = ax.get_figure()
        figure.draw_without_rendering()
        figure.set_layout_engine("none")            # nothing shifts from frame to frame

    def draw(frame: int) -> list[Any]:
        title.set_text(_clock(times[frame * each], discrete))
        return [artist for family in moving for artist in family.move(frame * each)] + [title]

    return _Moving(figure, draw, frames=frames, interval=1000 / fps, blit=False)


def _checked_frames(seconds: float, fps: float, tail: float) -> int:
    for value, what in ((seconds, "seconds"), (fps, "fps")):
        if not isinstance(value, (int, float)) or not 0 < value < np.inf:
            raise ValueError(f"{what} is a positive number, not {value!r}")
    if not isinstance(tail, (int, float)) or not 0 <= tail <= 1:
        raise ValueError(f"tail is a part of the time, from 0 to 1, not {tail!r}")
    return max(2, round(seconds * fps))


def _clock(time: float, discrete: bool) -> str:
    return f"{int(time + 1e-9)} updates" if discrete else f"t = {time:.2f}"


class _Family:
    """The dots, tails and crosses of one batch, and where they are at each sample."""

    def __init__(self, ax: Axes, view: Plane, label: str, number: int, batch: Trajectory,
                 times: Array, tail: float) -> None:
        color = FAMILIES[number % len(FAMILIES)][0]
        paths = batch.x.reshape(-1, *batch.x.shape[-2:])[..., list(view.axes)]
        self.at, self.cut = _sampled(view, paths, batch.t, times)
        self.ends = np.where(failures(batch, len(paths)), np.ravel(batch.stopped), np.inf)
        self.times, self.length = times, round(tail * (len(times) - 1))
        size = float(np.clip(30 / np.sqrt(len(paths)), 1.5, 5.0))
        self.tails: list[Line2D] = [
            ax.plot([], [], color=color, linewidth=min(1.3, size / 2), alpha=alpha, zorder=3,
                    label="_")[0] for alpha in _FADING]
        self.dots, = ax.plot([], [], _DOTS[number % len(_DOTS)], color=color, markersize=size,
                             markeredgecolor="white", markeredgewidth=0.1 * size, zorder=6,
                             label=label)
        failed = np.isfinite(self.ends)
        self.crosses = draw_crosses(ax, self.at[failed, -1], color)

    def move(self, now: int) -> Artists:
        """Put every artist where it is at this sample."""
        gone = self.times[now] >= self.ends
        self.dots.set_data(*self.at[~gone, now].T)
        for cross in self.crosses:
            cross.set_data(*self.at[gone, now].T)
        edges = np.linspace(now - self.length, now, len(self.tails) + 1).round().astype(int)
        for line, low, high in zip(self.tails, edges.clip(0), edges[1:].clip(0)):
            line.set_data(*_joined(self.at[:, low:high + 1], self.cut[:, low:high]).T)
        return (*self.tails, self.dots, *self.crosses)


def _sampled(view: Plane, paths: Array, t: NDArray[Any],
             times: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Positions (N, samples, 2) and, between each two, whether the line is cut there."""
    k = (np.searchsorted(t, times + 1e-9 * (t.dtype.kind == "i"), side="right") - 1).clip(0)
    paths = paths.copy()
    for axis, side in enumerate(view.sides):
        if side.period is not None:
            paths[..., axis] = np.unwrap(paths[..., axis], period=side.period, axis=1)
    at = paths[:, k]
    if t.dtype.kind != "i":
        after = np.minimum(k + 1, len(t) - 1)
        part = (times - t[k]) / np.where(after > k, t[after] - t[k], 1.0)
        at = at + part[:, None] * (paths[:, after] - at)
    cut = np.zeros((len(at), len(times) - 1), dtype=bool)
    for axis, side in enumerate(view.sides):
        if side.period is not None:
            low = view.box[axis, 0] if view.box is not None else -side.period / 2
            turn = np.floor((at[..., axis] - low) / side.period)
            at[..., axis] -= turn * side.period
            cut |= np.diff(turn, axis=1) != 0
    return at, cut


def _joined(at: Array, cut: NDArray[np.bool_]) -> Array:
    """Polylines (N, samples, 2) as one line, with NaN between them and where it is cut."""
    joined = np.full((len(at), 2 * at.shape[1], 2), np.nan)
    joined[:, ::2] = at
    joined[:, 1:-1:2] = np.where(cut[..., None], np.nan, at[:, 1:])
    return joined.reshape(-1, 2)
