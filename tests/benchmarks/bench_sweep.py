"""Sweeps: a map of Figure 1's game, and what the workers cost.

    python tests/benchmarks/bench_sweep.py

The map is over 40 x 40 values of (a, b) round (0.15, 0.25), every cell proved complete, with
two processes.  The peer of a cell is `analyze` of the same games, one by one, which people
would call in a loop.  Work that does nothing measures what workers and checkpoints add.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from harness import Table, race

import gameanalysis as ga
from gameanalysis.parameters.sweep import sweep
from gameanalysis.workers import map_ordered

GAME, BOX = ga.catalog.figure1(), [(-30, 30), (-30, 30)]


def around(count: int) -> dict[str, np.ndarray]:
    """So many values of a and b round those of Figure 1."""
    return {"a": np.linspace(0.1, 0.2, count), "b": np.linspace(0.2, 0.3, count)}


def one_by_one(values: dict[str, np.ndarray]) -> list[ga.Analysis]:
    """`analyze` in a loop."""
    return [ga.analyze(GAME.substitute({"a": float(a), "b": float(b)}), BOX)
            for a in values["a"] for b in values["b"]]


def nothing(k: int) -> int:
    """An item that costs nothing."""
    return k


def main() -> int:
    """Print the table; 1 if a demand was missed."""
    table = Table("Sweeps", "gameanalysis")
    small = around(3)
    times = race({"sweep": lambda: sweep(GAME, small, BOX), "analyze": lambda: one_by_one(small)},
                 repeat=7)
    table.value("a cell of Figure 1's game", times["sweep"] / 9 * 1e3, "ms")
    table.ratio("9 cells in one process", "sweep", "analyze", times, at_least=1.3)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        found = sweep(GAME, around(40), BOX, workers=2, checkpoint=Path(folder) / "kept")
        table.value("40 x 40 map with 2 processes and a checkpoint",
                    time.perf_counter() - start, "s", at_most=60)
        table.value("cells proved complete", sum(c.complete is ga.Truth.YES for c in found),
                    "of 1600", at_least=1600)
        table.value("cells with every class proved", sum(c.proved for c in found), "of 1600",
                    at_least=1600)
        table.value("signatures", len(found.signatures), "")
        start = time.perf_counter()
        sweep(GAME, around(40), BOX, checkpoint=Path(folder) / "kept")
        table.value("the same, read from the checkpoint", time.perf_counter() - start, "s",
                    at_most=2)
        items = range(5000)
        start = time.perf_counter()
        map_ordered(nothing, items, checkpoint=Path(folder) / "nothing")
        table.value("5000 results kept", (time.perf_counter() - start) / 5000 * 1e6,
                    "us each", at_most=500)
    start = time.perf_counter()
    map_ordered(nothing, items, 2)
    pooled = time.perf_counter() - start
    table.value("5000 items by 2 fresh processes, start included", pooled, "s", at_most=15)
    return table.finish()


if __name__ == "__main__":
    sys.exit(main())
