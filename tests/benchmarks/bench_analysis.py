"""Search, proof and classification against their peers, and whole processes.

    python tests/benchmarks/bench_analysis.py

`scipy.optimize.root` from a 60 x 60 grid of starts is what people do without this
library: it proves nothing and is given the compiled gradient and Jacobian for free.  The
random games are the dense polynomials with coefficients k/4, |k| <= 9, of `random_game`;
the seeds are fixed.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import time

import numpy as np
import sympy as sp
from harness import Table, best, race

import gameanalysis as ga

BASE = "import sympy, numpy, scipy.linalg"
COMMAND = "from gameanalysis.__main__ import main; main(['analyze', 'figure1'])"


def random_game(n1: int, n2: int, degree: int, seed: int) -> ga.Game:
    """A dense random polynomial zero-sum game in n1 + n2 variables."""
    rng = np.random.default_rng(seed)
    x = sp.symbols(f"x1:{n1 + n2 + 1}", real=True)
    f = sp.Add(*[sp.Rational(int(rng.integers(-9, 10)), 4) * sp.Mul(*map(sp.Pow, x, powers))
                 for powers in itertools.product(range(degree + 1), repeat=n1 + n2)
                 if 1 <= sum(powers) <= degree])
    return ga.zero_sum(f, x[:n1], x[n1:])


def roots_from_a_grid(game: ga.Game) -> np.ndarray:
    """Distinct zeros that scipy.optimize.root finds from 60 x 60 starts."""
    from scipy.optimize import root
    compiled = ga.compile_game(game)
    found: list[np.ndarray] = []
    for start in itertools.product(np.linspace(-30, 30, 60), repeat=2):
        answer = root(compiled.gradient, start, jac=compiled.jacobian)
        if answer.success and np.abs(answer.x).max() <= 30 and not any(
                np.abs(answer.x - x).max() < 1e-5 for x in found):
            found.append(answer.x)
    return np.array(found)


def process(code: str) -> float:
    """Seconds of a fresh Python process."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def slowest(games: list[ga.Game], box: list, table: Table, job: str, at_most: float) -> None:
    """The longest of several analyses; each must be proved complete."""
    times, complete = [], 0
    for game in games:
        start = time.perf_counter()
        complete += ga.analyze(game, box).complete is ga.Truth.YES
        times.append(time.perf_counter() - start)
    table.value(f"{job}: slowest of {len(games)}", max(times), "s", at_most=at_most)
    table.value(f"{job}: proved complete", complete, f"of {len(games)}", at_least=len(games))


def main() -> int:
    """Print the table; 1 if a demand was missed."""
    table = Table("Search, proof and classification", "scipy", "gameanalysis")
    figure1 = ga.catalog.figure1()
    box = [(-30, 30), (-30, 30)]
    ours = best(lambda: ga.analyze(figure1, box), repeat=7)
    table.value("analyze(figure1), warm process", ours, "s", at_most=0.2)
    start = time.perf_counter()
    peer = roots_from_a_grid(figure1)
    times = {"ours": ours, "root": time.perf_counter() - start}
    table.ratio("analyze(figure1)", "ours", "root", times, at_least=10)
    table.value("zeros that root finds, with no proof", len(peer), "of 9")
    runs = race({"base": lambda: process(BASE), "ours": lambda: process(COMMAND)}, repeat=5)
    table.value("gameanalysis analyze figure1, process over its imports",
                runs["ours"] - runs["base"], "s", at_most=0.7)
    flr = ga.catalog.game("finite_learning_ratio")
    slowest([flr], [(-10, 10)] * 4, table, "finite learning ratio, 4 variables", 3)
    slowest([random_game(2, 2, 4, seed) for seed in range(10)], [(-3, 3)] * 4, table,
            "random quartics in 2+2 variables", 3)
    slowest([random_game(3, 3, 3, seed) for seed in range(5)], [(-1.5, 1.5)] * 6, table,
            "random cubics in 3+3 variables", 40)
    return table.finish()


if __name__ == "__main__":
    sys.exit(main())
