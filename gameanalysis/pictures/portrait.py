r"""Phase portraits of games with two variables, or of a plane through one with more.

A portrait is made of the layers of `layers`, from the bottom to the top.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ..declaration.game import Game
from ..dynamics import GameField, VectorField
from ..errors import BoxError, GameError
from ..verdicts.analysis import Analysis
from ..verdicts.analyze import analyze
from ..verdicts.planes import field_of, plane_of
from .canvas import Artists, Picture, dress, finish, new_axes, styled
from .layers import field, nullclines, points, singular_set
from .layers import trajectories as draw_trajectories

__all__ = ["LAYERS", "Portrait", "phase_portrait", "portrait_box"]

Source = Game | VectorField

#: The layers of a portrait, from the bottom to the top.
LAYERS = ("field", "singular_set", "nullclines", "trajectories", "points")


class Portrait(Picture):
    """A phase portrait: ``.ax``, ``.figure`` and ``.artists``, a tuple for each layer.

    Shows itself in a notebook; ``save`` writes it to a file.
    """


def phase_portrait(game: Source, box: Any = None, *, analysis: Analysis | None = None,
                   of: str = "simultaneous", trajectories: Any = None,
                   layers: Sequence[str] = LAYERS, kind: str = "streamlines",
                   plane: Sequence[Any] | None = None, at: Mapping[Any, Any] | None = None,
                   ax: Axes | None = None, width: float = 6.0,
                   with_legend: bool | None = None) -> Portrait:
    """The phase portrait of x' = -g(x) for a game with two variables, or for a plane.

    Guarantee: the classes of the points are as proved as the analysis says; curves and
    arrows are floats on a grid.

    Parameters
    ----------
    game : a `Game`, whose field ``of`` names, or a `VectorField`.
    box : as for `analyze`; by default the analysis's own, or one round its points.
    analysis : the result of `analyze`; without it a game of two variables is analysed.
        The critical points of a plane or of a field are drawn only if it is given.
    trajectories : a `Trajectory` or array, or a mapping from labels to these.
    layers : which of `LAYERS`.
    kind : "arrows" or "streamlines".
    plane, at : as for `field`.
    ax : where to draw; by default a new figure, ``width`` inches wide, with a legend
        beside it, or below it if it is narrow.
    with_legend : whether to draw a legend; by default only on a new figure.

    Raises `GameError`, `BoxError` or `ShapeError` for what does not fit.

    >>> import sympy as sp
    >>> from gameanalysis.declaration.game import zero_sum
    >>> x, y = sp.symbols("x y", real=True)
    >>> phase_portrait(zero_sum(x*y - y**2/2, x, y), [(-1, 1), (-1, 1)], layers=["points"])
    Portrait with the artists points (1)
    """
    if isinstance(layers, str) or not set(layers) <= set(LAYERS):
        raise ValueError(f"layers is some of {', '.join(LAYERS)}, not {layers!r}")
    g = field_of(game, of) if isinstance(game, Game) else game
    owner = game if isinstance(game, Game) else getattr(game, "game", None)
    if analysis is not None and owner is not None and analysis.game != owner:
        raise GameError("the analysis is that of another game")
    box = portrait_box(box, analysis)
    view = plane_of(game, box, plane, at)
    own = ax is None
    with styled(ax, width) as wide:
        if "points" in layers and analysis is None and isinstance(game, Game) and plane is None:
            analysis = analyze(game, box, of)
        ax = dress(ax or new_axes(width, (0.72 if wide else 1.35) * width), view)
        artists: dict[str, Artists] = {}
        where: dict[str, Any] = {"plane": plane, "at": at, "ax": ax}
        draw = {
            "field": lambda: field(g, box, kind=kind, **where),
            "singular_set": lambda: () if owner is None else singular_set(
                g if isinstance(g, GameField) else owner, box, **where),
            "nullclines": lambda: nullclines(g, box, **where),
            "trajectories": lambda: _draw_families(trajectories, box, game, plane, ax),
            "points": lambda: () if analysis is None else points(analysis, box, **where),
        }
        for name in LAYERS:
            if name in layers and (drawn := draw[name]()):
                artists[name] = drawn
        finish(ax, own, wide, with_legend)
    return Portrait((ax,), artists)


def portrait_box(box: Any, analysis: Analysis | None) -> Any:
    """The box to draw: given, the analysis's own, or one round its points."""
    if box is not None:
        return box
    if analysis is None:
        raise BoxError("give a box, a pair (low, high) for each variable, or an analysis")
    if analysis.box is not None:
        return analysis.box
    if not len(analysis):
        raise BoxError("there are no critical points to draw a box round: give a box")
    x = np.array([p.x for p in analysis])
    middle = (x.min(axis=0) + x.max(axis=0)) / 2
    half = 0.65 * max(1.0, float(np.ptp(x, axis=0).max()))
    return [(m - half, m + half) for m in middle.tolist()]


def _draw_families(given: Any, box: Any, game: Source, plane: Sequence[Any] | None,
                   ax: Axes) -> Artists:
    if given is None:
        return ()
    families = given if isinstance(given, Mapping) else {"trajectory": given}
    return tuple(artist for k, (label, paths) in enumerate(families.items())
                 for artist in draw_trajectories(paths, box, game=game, plane=plane,
                                                 label=label, family=k, ax=ax))
