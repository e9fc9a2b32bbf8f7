r"""Structure in large games: what it costs to find, and what it saves.

    python tests/benchmarks/bench_structure.py

Covariance game, m = 5 and 10: from the costs to callables for omega, J, omega_S, J_S
against CasADi's SX, and one Stackelberg gradient through the program (M = eta I, seen in its
pattern) against LAPACK on the whole M.  Chain of 2,000 variables: time and memory of products
and sparse matrices against the dense matrix that is not formed.
"""

from __future__ import annotations

import gc
import sys
import time
import tracemalloc
from functools import partial

from harness import Table, best, installed, race  # before NumPy: it limits the threads

import numpy as np
import sympy as sp
from bench_programs import agree, cold, ours, valued, with_casadi_two_stage

import gameanalysis as ga
from gameanalysis import catalog
from gameanalysis.declaration.game import Game, Player
from gameanalysis.compilation.compiled import compile_game
from gameanalysis.programs.solves import solve

CHAIN = 2000


def chain(n):
    """Neighbours on a line: the leader at even places, the follower at odd ones."""
    v = sp.symbols(f"v0:{n}", real=True)
    links = sp.Add(*(a*b for a, b in zip(v, v[1:])))
    f = links + sp.Add(*(w**2 + w**4/4 for w in v[::2])) + sp.Add(*(w**2/8 for w in v[1::2]))
    g = -links/2 + sp.Add(*(w**2 + w**4/4 for w in v[1::2]))
    return Game(Player(f, v[::2]), Player(g, v[1::2]))


def coupled_chain(n):
    """The same line, first half against second half: M is tridiagonal."""
    v = sp.symbols(f"v0:{n}", real=True)
    links, m = sp.Add(*(a*b for a, b in zip(v, v[1:]))), n // 2
    across = sp.Add(*(a*b for a, b in zip(v[:m], v[m:])))
    f = links + across/3 + sp.Add(*(w**2 for w in v))
    g = -links/2 + across/5 + sp.Add(*(w**2 + w**4/4 for w in v))
    return Game(Player(f, v[:m]), Player(g, v[m:]))


def compiling(table):
    for m in (5, 10):
        game = valued(catalog.covariance(m))
        point = np.random.default_rng(0).uniform(-1, 1, len(game.variables))
        runs = {"gameanalysis": ours}
        if installed("casadi"):
            runs["casadi"] = with_casadi_two_stage
            agree(ours(game, point), with_casadi_two_stage(game, point))
        times = race({name: cold(run, game, point) for name, run in runs.items()}, repeat=5)
        job = f"covariance m={m}: omega, J, omega_S, J_S from the costs"
        table.value(job, times["gameanalysis"] * 1e3, "ms")
        if "casadi" in times:
            table.ratio(job, "gameanalysis", "casadi", times, at_most=2 if m == 10 else 3)


def one_gradient(table):
    for m in (5, 10):
        game = valued(catalog.covariance(m))
        point = np.random.default_rng(0).uniform(-1, 1, len(game.variables))
        compiled, dense = compile_game(game), compile_game(game, solver="direct")
        assert compiled.solver.method == "program"
        for name in ("stackelberg_gradient", "stackelberg_jacobian"):
            runs = {"structure": partial(getattr(compiled, name), point),
                    "LAPACK on M": partial(getattr(dense, name), point)}
            np.testing.assert_allclose(runs["structure"](), runs["LAPACK on M"](), atol=1e-10)
            times = race(runs, repeat=20, number=20)
            job = f"covariance m={m}, one {name}"
            table.value(job, times["structure"] * 1e6, "us")
            # J_S at m=10 is a product of two dense matrices either way.
            table.ratio(job, "structure", "LAPACK on M", times,
                        at_least=None if name.endswith("jacobian") else 1.5)


def solvers(table):
    """Each solver of the followers' systems where it is chosen, against the others."""
    for n, game in ((60, coupled_chain(60)), (CHAIN, coupled_chain(CHAIN))):
        point = np.random.default_rng(0).uniform(-0.5, 0.5, n)
        runs = {}
        for name in ("auto", "direct", "sparse", "cg"):
            compiled = compile_game(game, solver=name)
            runs[name] = partial(compiled.stackelberg_gradient, point)
            np.testing.assert_allclose(runs[name](), runs["auto"](), rtol=1e-8, atol=1e-8)
        times = race(runs, repeat=5)
        chosen = compile_game(game).solver.method
        job = f"M tridiagonal, {n // 2} actions, omega_S ({chosen})"
        table.value(job, times["auto"] * 1e6, "us")
        for name in ("direct", "sparse", "cg"):
            if name != chosen:
                table.ratio(job, "auto", name, times, at_least=1 if name == "cg" else None)


def large(table):
    tracemalloc.start()
    for name, make in (("blocks of one", chain), ("one tridiagonal block", coupled_chain)):
        game, compiled = make(CHAIN), None
        point = np.random.default_rng(0).uniform(-0.3, 0.3, CHAIN)
        gc.collect()
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        compiled = compile_game(game)
        compiled.sparse_jacobian(point)
        compiled.stackelberg_jacobian_product(point, point)
        compiled.stackelberg_gradient(point)
        table.value(f"chain of {CHAIN}, {name}: memory of the programs",
                    (tracemalloc.get_traced_memory()[1] - before) / 2**20, "MiB", at_most=100)
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        compiled.sparse_jacobian(point)
        compiled.stackelberg_jacobian_product(point, point)
        compiled.stackelberg_gradient(point)
        table.value(f"chain of {CHAIN}, {name}: memory of calls / one dense matrix",
                    (tracemalloc.get_traced_memory()[1] - before) / (8 * CHAIN**2), "",
                    at_most=0.1)
    tracemalloc.stop()
    for name, make in (("blocks of one", chain), ("one tridiagonal block", coupled_chain)):
        game = make(CHAIN)
        start = time.perf_counter()
        compiled = compile_game(game)
        compiled.stackelberg_gradient(point)
        compiled.stackelberg_jacobian_product(point, point)
        compiled.sparse_jacobian(point)
        table.value(f"chain of {CHAIN}, {name}: costs to three callables",
                    time.perf_counter() - start, "s", at_most=20)
        matrix = compiled.sparse_jacobian(point)
        runs = {"J p": partial(compiled.jacobian_product, point, point),
                "dense J p": partial(np.matmul, matrix.toarray(), point)}
        table.ratio(f"chain of {CHAIN}, {name}: J p by the program", "J p", "dense J p",
                    race(runs, repeat=10))
        field = ga.stackelberg_gradient(game)
        table.value(f"chain of {CHAIN}, {name}: 100 updates from the costs",
                    best(lambda: ga.iterate(field, point, 100, step_size=0.01), repeat=1), "s",
                    at_most=30)


def linear_systems(table):
    """What watching the products and recomputing the residual costs, against bare SciPy."""
    from scipy.sparse import diags_array
    from scipy.sparse.linalg import LinearOperator, cg
    n = 5000
    matrix = diags_array([np.full(n - 1, -1.0), np.full(n, 2.1), np.full(n - 1, -1.0)],
                         offsets=[-1, 0, 1], format="csr")
    right = np.random.default_rng(0).normal(size=n)
    operator = LinearOperator((n, n), matvec=lambda p: matrix @ p, dtype=float)
    runs = {"gameanalysis": lambda: solve(lambda p: matrix @ p, right, method="cg").require(),
            "scipy": lambda: cg(operator, right, rtol=1e-10)}
    table.ratio(f"conjugate gradients, {n} unknowns, watched", "gameanalysis", "scipy",
                race(runs, repeat=5), at_most=3)


if __name__ == "__main__":
    table = Table("Structure: large games", "casadi", "scipy")
    compiling(table)
    one_gradient(table)
    solvers(table)
    linear_systems(table)
    large(table)
    sys.exit(table.finish())
