"""Complete search against dimension: boxes and seconds, before and after.

    python tests/benchmarks/bench_search.py [--up-to N] [--budget BOXES] [--csv FILE] [--plot FILE]

Three families of zero-sum games in n = 2, ..., 10 variables (n / 2 for each player; one more
for the follower where n is odd): a fully coupled cubic polynomial, a sparse chain of quartic
wells, and a fully coupled sum of exponentials and sines.  "Before" is the search without
propagation on the program, without rows, blocks and affine forms: interval enclosures, Taylor
expansions of polynomials, Gauss-Seidel steps with the inverse midpoint Jacobian.  Both are run
with the same budget; a search that spends it is shown as open.  Then, for candidates in 10, 20
and 50 variables: the seconds that one takes to be certified.

``--csv`` writes the figures, ``--plot`` draws them; ``search_cost.csv`` and ``.png`` beside this
file are those of ``--budget 60000`` (Python 3.11, NumPy 2.4, SymPy 1.14; the seeds are below).
"""

from __future__ import annotations

import argparse
import csv
import itertools
import sys
import time
from collections.abc import Callable
from unittest import mock

import numpy as np
import sympy as sp
from harness import Table

import gameanalysis as ga
from gameanalysis.numerics import certify as search
from gameanalysis.numerics import taylor
from gameanalysis.compilation.compiled import CompiledField


def coefficient(rng: np.random.Generator) -> sp.Expr:
    """A random number k/8, |k| <= 8."""
    return sp.Rational(int(rng.integers(-8, 9)), 8)


def polynomial(n: int) -> ga.Game:
    """A dense cubic with random coefficients."""
    rng = np.random.default_rng(n)
    x = sp.symbols(f"x1:{n + 1}", real=True)
    f = sp.Add(*[2 * coefficient(rng) * sp.Mul(*[x[i] for i in chosen]) for degree in (1, 2, 3)
                 for chosen in itertools.combinations_with_replacement(range(n), degree)])
    return ga.zero_sum(f, x[:n // 2], x[n // 2:])


def chain(n: int) -> ga.Game:
    """Double wells, each coupled with its neighbours."""
    x = sp.symbols(f"x1:{n + 1}", real=True)
    half = n // 2
    wells = [v**4 / 4 - v**2 / 4 + v / (k + 9) for k, v in enumerate(x)]
    f = sum(wells[:half]) - sum(wells[half:]) + sum(u * w for u, w in zip(x, x[half:])) / 2
    f += sum(u * w for u, w in zip(x[:half], x[1:half])) / 4
    f -= sum(u * w for u, w in zip(x[half:], x[half + 1:])) / 4
    return ga.zero_sum(f, x[:half], x[half:])


def waves(n: int) -> ga.Game:
    """Exponentials and sines of random linear forms, on a saddle."""
    rng = np.random.default_rng(n)
    x = sp.symbols(f"x1:{n + 1}", real=True)
    half = n // 2
    f = sum(v**2 for v in x[:half]) - sum(v**2 for v in x[half:])
    for k in range(n):
        form = sum(coefficient(rng) * v for v in x) / max(1, int(n**0.5))
        f += sp.sin(2 * form) if k % 2 else sp.exp(-form**2 / 4)
    return ga.zero_sum(f, x[:half], x[half:])


FAMILIES: dict[str, tuple[Callable[[int], ga.Game], float]] = {
    "polynomial": (polynomial, 1.0), "chain": (chain, 2.0), "exp and sin": (waves, 2.0)}


def searched(field: CompiledField, reach: float, budget: int, before: bool
             ) -> tuple[int, float, bool, int]:
    """(boxes, seconds, whether it is complete, zeros) of one search."""
    domain = [(-reach, reach)] * field.n
    wide = 99 if before else search.WIDE
    with mock.patch.object(search, "WIDE", wide), mock.patch.object(taylor, "WIDE", wide):
        start = time.perf_counter()
        found = search.certify(field, None, domain, max_boxes=budget)
        seconds = time.perf_counter() - start
    return found.n_boxes, seconds, found.complete is ga.Truth.YES, len(found.zeros)


def certified(table: Table) -> None:
    """Seconds for one candidate in many variables."""
    for n, at_most in ((10, 1), (20, 2), (50, 10)):
        field = ga.compile_field(ga.simultaneous_gradient(waves(n)))
        candidates = ga.find_critical_points(field, [(-3, 3)] * n, n_starts=4)
        start = time.perf_counter()
        found = search.certify(field, candidates.x[:1], [(-3, 3)] * n, max_boxes=0)
        seconds = time.perf_counter() - start
        table.value(f"one candidate of exp and sin, fully coupled, n = {n}", seconds, "s",
                    at_most=at_most)
        table.value(f"exp and sin, n = {n}: certified", len(found.zeros), "of 1", at_least=1)


def draw(rows: list[dict], path: str) -> None:
    """Boxes against dimension on a logarithmic scale, complete searches filled."""
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for k, family in enumerate(FAMILIES):
        for when, style in (("before", "--"), ("after", "-")):
            mine = [row for row in rows if row["family"] == family and row["search"] == when]
            n, boxes = [row["n"] for row in mine], [row["boxes"] for row in mine]
            axes.semilogy(n, boxes, style, color=f"C{k}", label=f"{family}, {when}")
            done = [row["complete"] for row in mine]
            axes.scatter(n, boxes, color=[f"C{k}" if d else "white" for d in done],
                         edgecolors=f"C{k}", zorder=3)
    axes.set(xlabel="variables", ylabel="boxes examined (open: budget spent)")
    axes.legend()
    figure.savefig(path)


def main() -> int:
    """Print the table; 1 if a demand was missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--up-to", type=int, default=10)
    parser.add_argument("--budget", type=int, default=400_000)
    parser.add_argument("--csv")
    parser.add_argument("--plot")
    options = parser.parse_args()
    table = Table("Complete search against dimension", "scipy", "gameanalysis")
    rows: list[dict] = []
    for family, (make, reach) in FAMILIES.items():
        for n in range(2, options.up_to + 1):
            field = ga.compile_field(ga.simultaneous_gradient(make(n)))
            results = {}
            for when in ("before", "after"):
                boxes, seconds, complete, zeros = results[when] = searched(
                    field, reach, options.budget, when == "before")
                rows.append({"family": family, "n": n, "search": when, "boxes": boxes,
                             "seconds": round(seconds, 4), "complete": complete,
                             "zeros": zeros})
                state = f"{zeros} zeros" if complete else "open"
                table.value(f"{family}, n = {n}, {when}: {boxes} boxes, {state}", seconds, "s")
            before, after = results["before"], results["after"]
            assert not (before[2] and after[2]) or before[3] == after[3]
            table.value(f"{family}, n = {n}: boxes before / after", before[0] / after[0], "",
                        at_least=0.9 if n >= search.WIDE and after[2] else None)
    certified(table)
    if options.csv:
        with open(options.csv, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    if options.plot:
        draw(rows, options.plot)
    return table.finish()


if __name__ == "__main__":
    sys.exit(main())
