r"""Sweeps: which classes of critical points a game has, over a grid of parameter values.

Parameters p_1, ..., p_k run through values of their own; for each combination, a cell
(`cells`), the critical points in the box are found, proved and counted by class, as
`analyze` does.  Where the signature, the number of points of each class, changes between two
proved cells, the parameters cross a bifurcation or the border of a class.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import product
from types import MappingProxyType
from typing import Any

import numpy as np
import sympy as sp

from ..checkpoints import Checkpoint
from ..declaration.costs import exact
from ..declaration.game import Game
from ..errors import GameError
from ..tables import data_frame, html_table, text_table
from ..truth import Truth
from ..workers import Path, Workers, checked_workers, map_ordered
from ..verdicts.analyze import exact_box
from .cells import CLASSES, Cell, Cells, CellStatus, decoded, encoded

__all__ = ["Sweep", "sweep"]

#: Facts that `Sweep.array` counts, beside the classes.
_FACTS = {"points": lambda p: True,
          "DNE": lambda p: p.differential_nash is Truth.YES,
          "DSE": lambda p: p.differential_stackelberg is Truth.YES,
          "stable": lambda p: p.stable is Truth.YES}

#: With so many cells the points of the one in the middle are tried first in the others.
_MANY = 8

#: At most this many reasons of cells that are not proved are printed.
_SHOWN = 5


@dataclass(frozen=True, eq=False, repr=False)
class Sweep(Sequence[Cell]):
    """The cells of a sweep, made by `sweep`; prints as a table of signatures.

    A sequence of `Cell`, the last parameter's values varying fastest; ``found[i, j]`` is the
    cell of value i of the first parameter and j of the second, ``shape`` the numbers of
    values, and ``parameters`` maps names to exact values.
    """

    game: Game
    of: str
    box: tuple[tuple[Any, Any], ...] | None
    parameters: Mapping[str, tuple[sp.Expr, ...]]
    cells: tuple[Cell, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of values of each parameter."""
        return tuple(map(len, self.parameters.values()))

    def __len__(self) -> int:
        return len(self.cells)

    def __iter__(self) -> Iterator[Cell]:
        return iter(self.cells)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, tuple):
            if len(index) != len(self.shape):
                raise IndexError(f"an index for each of the parameters "
                                 f"{', '.join(self.parameters)} is wanted, not {index}")
            places = np.arange(len(self.cells)).reshape(self.shape)
            return self.cells[int(places[index])]
        return self.cells[index]

    @property
    def complete(self) -> Truth:
        """YES if every cell is proved complete."""
        return Truth.all(cell.complete for cell in self.cells)

    @property
    def signatures(self) -> dict[str, int]:
        """The number of cells of each signature, the most frequent first."""
        return dict(Counter(cell.signature for cell in self.cells).most_common())

    def array(self, name: str) -> np.ma.MaskedArray:
        """How many points of a kind each cell has: integers of the sweep's shape.

        ``name`` : one of `CLASSES`, or "points", "DNE", "DSE" or "stable" for all points of
        which that is proved, whatever else they are.  Cells that failed are masked; in cells
        that are not proved there may be more.
        """
        if name not in (*CLASSES, *_FACTS):
            raise ValueError(f"there is no {name!r} to count: choose from "
                             f"{', '.join(map(repr, (*_FACTS, *CLASSES)))}")
        fact = _FACTS.get(name, lambda p: p.kind == name)
        counts = [sum(map(fact, cell.points)) for cell in self.cells]
        failed = [cell.status is CellStatus.FAILED for cell in self.cells]
        return np.ma.MaskedArray(np.reshape(counts, self.shape), np.reshape(failed, self.shape),
                                 dtype=int)

    def _title(self) -> str:
        title = f"{self.game.name}: " if self.game.name else ""
        ranges = ", ".join(f"{name} in [{float(min(v)):.6g}, {float(max(v)):.6g}]" if len(v) > 1
                           else f"{name} = {v[0]}" for name, v in self.parameters.items())
        size = " x ".join(map(str, self.shape))
        return f"{title}{size} cell{'s' * (len(self) > 1)}, {ranges} ({self.of})"

    def _statement(self) -> str:
        done = Counter(cell.status for cell in self.cells)
        parts = [f"{done[CellStatus.COMPLETE]} of {len(self)} cells proved complete"]
        if done[CellStatus.OPEN]:
            parts.append(f"{done[CellStatus.OPEN]} not proved")
        if done[CellStatus.FAILED]:
            parts.append(f"{done[CellStatus.FAILED]} failed")
        return "; ".join(parts)

    def _table(self) -> tuple[list[str], list[list[str]], list[bool]]:
        groups: dict[str, list[Cell]] = {}
        for cell in self.cells:
            groups.setdefault(cell.signature, []).append(cell)
        ordered = sorted(groups.values(), key=lambda group: -len(group))
        kinds = [k for k in CLASSES if any(group[0].counts[k] for group in ordered)]
        rows = []
        for group in ordered:
            counts = group[0].counts
            failed = group[0].status is CellStatus.FAILED
            rows.append([str(len(group)), str(sum(not cell.proved for cell in group)),
                         "failed" if failed else str(sum(counts.values())),
                         *("" if failed else str(counts[k]) for k in kinds)])
        header = ["cells", "not proved", "points", *kinds]
        return header, rows, [True] * len(header)

    def _reasons(self) -> list[str]:
        reasons = Counter(cell.reason for cell in self.cells if cell.reason)
        return [f"{k} cell{'s' * (k > 1)}: {reason}"
                for reason, k in reasons.most_common(_SHOWN)]

    def __repr__(self) -> str:
        lines = [self._title(), self._statement(), "", text_table(*self._table())]
        reasons = self._reasons()
        return "\n".join(lines + ([""] + reasons if reasons else []))

    def _repr_html_(self) -> str:
        return (f"<p>{self._title()}<br>{self._statement()}</p>" + html_table(*self._table())
                + "".join(f"<p>{escape(reason)}</p>" for reason in self._reasons()))

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON: cells in order, the last parameter varying fastest."""
        return {"game": self.game.name, "of": self.of,
                "variables": [str(v) for v in self.game.variables],
                "box": None if self.box is None else [[float(a), float(b)] for a, b in self.box],
                "parameters": {name: [float(v) for v in values]
                               for name, values in self.parameters.items()},
                "complete": str(self.complete), "signatures": self.signatures,
                "cells": [cell.to_dict() for cell in self.cells]}

    def to_dataframe(self) -> Any:
        """A pandas DataFrame with a row for each cell; needs pandas installed."""
        rows = [{**dict(zip(self.parameters, map(float, cell.values))),
                 "status": cell.status.name.lower(), "complete": str(cell.complete),
                 "points": len(cell.points), **cell.counts, "signature": cell.signature,
                 "reason": cell.reason} for cell in self.cells]
        return data_frame(rows)


def sweep(game: Game, parameters: Mapping[Any, Any], box: Any, of: str = "simultaneous", *,
          workers: Workers = 1, checkpoint: Path | None = None, max_boxes: int | None = None,
          n_starts: int = 512, rng: int = 0,
          progress: Callable[[int], object] | None = None) -> Sweep:
    """The critical points of a game and their classes, for a grid of parameter values.

    Guarantee: each cell is what `analyze` proves for ``game.substitute(values)``: facts that
    are YES or NO are proved, and a complete cell holds all critical points in the box.
    An error in one cell is told in its status and ends nothing.  The result is the same for
    all ``workers``.  The points of the cell in the middle of the grid are tried first in the
    others, which saves work and proves nothing.

    Parameters
    ----------
    parameters : values for one or more parameters of the game, by symbol or name: numbers in
        a list or a one-dimensional array, read exactly (0.15 is 3/20), or exact numbers.
    box, of, max_boxes, n_starts : as for `analyze`; ``rng`` is a seed, the same in all cells.
    workers : processes to use, or a map such as ``executor.map`` or a cluster client's.
    checkpoint : a path: cells are kept there as they are finished, and the same call goes on
        from them after an interrupt or a crash.
    progress : called with the number of newly finished cells.

    Raises `GameError` for parameters that the game has not, `BoxError` for a box that does
    not fit, and the errors of `map_ordered`.  Ctrl-C ends the work; with a checkpoint what
    is finished is kept.

    >>> from gameanalysis.declaration.game import zero_sum
    >>> x, y, a = sp.symbols("x y a", real=True)
    >>> pitchfork = zero_sum(x**4/4 - a*x**2/2 - y**2, x, y, parameters={a: 1})
    >>> found = sweep(pitchfork, {a: [-1, 0.5, 1]}, [(-2, 2), (-2, 2)])
    >>> found.array("DSE").tolist(), found.complete
    ([1, 2, 2], <Truth.YES>)
    """
    if not isinstance(game, Game):
        raise GameError(f"expected a Game, not {game!r}")
    if of not in ("simultaneous", "stackelberg"):
        raise GameError(f"of is 'simultaneous' or 'stackelberg', not {of!r}")
    checked_workers(workers)
    if isinstance(rng, bool) or not isinstance(rng, (int, np.integer)):
        raise TypeError(f"rng is a seed, a whole number, not {rng!r}")
    symbols, values = _values(game, parameters)
    ends = None if box is None else tuple(exact_box(game, box))
    grid = list(product(*values))
    middle = tuple(each[len(each) // 2] for each in values) if len(grid) >= _MANY else None
    work = Cells(game, symbols, ends, of, max_boxes, n_starts, int(rng), middle)
    kept = None if checkpoint is None else Checkpoint(checkpoint, encoded, decoded)
    found = map_ordered(work, grid, workers, checkpoint=kept, progress=progress)
    cells = tuple(Cell(each, *facts) for each, facts in zip(grid, found))
    return Sweep(game, of, None if ends is None else tuple(ends),
                 MappingProxyType(dict(zip(map(str, symbols), values))), cells)


def _values(game: Game, parameters: Mapping[Any, Any]
            ) -> tuple[tuple[sp.Symbol, ...], list[tuple[sp.Expr, ...]]]:
    """The parameters that vary, and the exact values of each."""
    if not isinstance(parameters, Mapping) or not parameters:
        raise GameError(f"parameters maps each parameter that varies to its values, such as "
                        f"{{'a': [0.1, 0.2]}}, and is not {parameters!r}")
    by_name = {symbol.name: symbol for symbol in game.parameters}
    symbols, values = [], []
    for key, given in parameters.items():
        symbol = by_name.get(key if isinstance(key, str) else getattr(key, "name", ""))
        if symbol is None or (not isinstance(key, str) and key != symbol):
            raise GameError(f"{key} is not a parameter of this game (parameters: "
                            f"{', '.join(by_name) or 'none'})")
        if symbol in symbols:
            raise GameError(f"{symbol} is given twice")
        if isinstance(given, str) or not np.iterable(given):
            raise GameError(f"{symbol} needs a list of values, not {given!r}")
        read = tuple(exact(v.item() if isinstance(v, np.generic) else v, f"a value of {symbol}")
                     for v in given)
        if not read:
            raise GameError(f"{symbol} needs at least one value")
        symbols.append(symbol)
        values.append(read)
    return tuple(symbols), values
