"""Flows of many starts against diffrax, heyoka and SciPy, at equal error.

    python tests/benchmarks/bench_flow.py

The job: Figure 1's game, 10,000 starts, t = 50, last point only; omega from starts in
[-15, 15]^2, omega_S from starts within 1 of the four differential Stackelberg equilibria.
What counts is the 99th percentile of the error against a run at 1e-13: every solver is given
a tolerance at which that is just below `ERROR`, and both are printed.  In steady state peers
get formulas that are as good: SymPy's `cse` for diffrax, the library's own program for
heyoka and SciPy.  For the time to the answer they start, as the library does, from the
game's costs.  A peer that is not installed is left out, and so are the demands on it.
"""

from __future__ import annotations

import functools
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable

from harness import Table, installed, race  # isort: skip  (before NumPy: threads)

import numpy as np
import sympy as sp

import gameanalysis as ga
from gameanalysis.motion.flow import flow
from gameanalysis.compilation import native

ERROR, SPAN, STARTS, LOOP = 2e-6, 50.0, 10_000, 50
Solve = Callable[[np.ndarray], np.ndarray]


def jobs() -> dict[str, tuple[ga.GameField, np.ndarray]]:
    """Fields and starts."""
    game, rng = ga.catalog.figure1(), np.random.default_rng(0)
    wide = rng.uniform(-15, 15, (STARTS, 2))
    stable = np.array([[float(c) for c in point.x] for point in ga.catalog.info("figure1").known
                       if dict(point.claims)["differential_stackelberg"] is ga.Truth.YES])
    radius, angle = np.sqrt(rng.random(STARTS)), rng.uniform(0, 2 * np.pi, STARTS)
    near = (stable[rng.integers(len(stable), size=STARTS)]
            + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1))
    return {"omega": (ga.simultaneous_gradient(game), wide),
            "omega_S": (ga.stackelberg_gradient(game), near)}


def ours(field: ga.VectorField, compiled: bool) -> Callable[[float], Solve]:
    """`flow`, by NumPy or compiled by heyoka."""
    program = ga.compile_field(field)
    return lambda rtol: lambda x: flow(program, x, SPAN, t_eval="last", rtol=rtol,
                                       atol=rtol * 1e-3, native=compiled).last


def by_diffrax(field: ga.VectorField) -> Callable[[float], Solve]:
    """diffrax: Tsit5, a step size for each start, jitted."""
    import diffrax
    import jax
    import jax.numpy as jnp
    jax.config.update("jax_enable_x64", True)
    formulas = sp.lambdify(field.variables, list(field.expressions), modules="jax", cse=True)
    term = diffrax.ODETerm(lambda t, x, _: -jnp.stack(formulas(*x)))

    def solver(rtol: float) -> Solve:
        def one(x: object) -> object:
            control = diffrax.PIDController(rtol=rtol, atol=rtol * 1e-3)
            return diffrax.diffeqsolve(
                term, diffrax.Tsit5(), 0.0, SPAN, None, x, max_steps=100_000, throw=False,
                stepsize_controller=control, saveat=diffrax.SaveAt(t1=True)).ys[0]
        batch = jax.jit(jax.vmap(one))
        return lambda x: np.asarray(batch(x))
    return solver


def by_heyoka(field: ga.VectorField) -> Callable[[float], Solve]:
    """heyoka's Taylor integrator on the library's program."""
    import heyoka
    program = ga.compile_field(field).value_program
    assert program is not None
    variables = list(heyoka.make_vars("x1", "x2"))
    return with_heyoka(variables, native.expressions(program, variables))


def heyoka_alone(field: ga.GameField) -> Callable[[float], Solve]:
    """heyoka from the costs, which it reads and differentiates itself."""
    import heyoka
    # A game is new once: what an earlier process has compiled does not count.
    heyoka.llvm_state.set_diskcache_enabled(False)
    variables = x, y = list(heyoka.make_vars("x1", "x2"))
    f, g = (heyoka.from_sympy(cost.xreplace({q: sp.Float(q) for q in cost.atoms(sp.Rational)
                                             if not q.is_Integer}))
            for cost in field.game.valued_costs)
    first, second = heyoka.diff(f, x), heyoka.diff(g, y)
    if field.kind == "stackelberg":
        first = first - heyoka.diff(second, x) / heyoka.diff(second, y) * heyoka.diff(f, y)
    return with_heyoka(variables, [first, second])


def with_heyoka(variables: list, gradient: list) -> Callable[[float], Solve]:
    """heyoka's Taylor integrator, as many starts at a time as its vectors hold."""
    import heyoka
    slopes = [(v, -g) for v, g in zip(variables, gradient)]

    def solver(rtol: float) -> Solve:
        width = heyoka.recommended_simd_size()
        integrator = heyoka.taylor_adaptive_batch(slopes, np.zeros((2, width)), tol=rtol)

        def solve(x: np.ndarray) -> np.ndarray:
            last = np.empty_like(x)
            for k in range(0, len(x), width):       # STARTS is a multiple of the width
                integrator.set_time(0.0)
                integrator.state[:] = x[k:k + width].T
                integrator.propagate_until(SPAN)
                last[k:k + width] = integrator.state.T
            return last
        return solve
    return solver


def by_scipy(field: ga.VectorField) -> Callable[[float], Solve]:
    """solve_ivp in a loop over the starts, with the library's function of one point."""
    from scipy.integrate import solve_ivp
    program = ga.compile_field(field).value_program
    assert program is not None
    point = program.point
    return lambda rtol: lambda x: np.array([
        solve_ivp(lambda t, u: [-g for g in point(*u.tolist())], (0, SPAN), u, rtol=rtol,
                  atol=rtol * 1e-3).y[:, -1] for u in x])


def tuned(make: Callable[[float], Solve], start: np.ndarray, exact: np.ndarray
          ) -> tuple[Solve, float, float]:
    """A solver whose error is just below `ERROR`, its tolerance and its error."""
    rtol, found = 1e-6, None
    for _ in range(8):
        solve = make(rtol)
        error = float(np.quantile(np.abs(solve(start) - exact).max(axis=1), 0.99))
        if error <= ERROR and (found is None or rtol > found[1]):
            found = solve, rtol, error
        if 0.8 * ERROR <= error <= ERROR:
            break
        rtol *= min(max(0.9 * ERROR / error, 0.05), 4)
    assert found is not None, "a peer does not reach the error"
    return found


def at_equal_error(name: str, table: Table) -> dict[str, float]:
    """Steady state of one job, every solver at its own tolerance, which is returned."""
    field, start = jobs()[name]
    exact = flow(field, start, SPAN, t_eval="last", rtol=1e-13, atol=1e-14).last
    makers = {"NumPy": ours(field, False)}
    if native.available():
        makers |= {"native": ours(field, True), "heyoka": by_heyoka(field)}
    if installed("diffrax"):
        makers["diffrax"] = by_diffrax(field)
    solvers: dict[str, Callable[[], object]] = {}
    tolerances: dict[str, float] = {}
    for label, make in makers.items():
        solve, rtol, error = tuned(make, start, exact)
        table.value(f"{name}: 99th percentile of the error, {label} at rtol = {rtol:.2g}",
                    error, "", at_most=ERROR)
        solvers[label] = functools.partial(solve, start)
        tolerances[label] = rtol
    few = start[:LOOP]
    loop, tolerances["solve_ivp"], error = tuned(by_scipy(field), few, exact[:LOOP])
    table.value(f"{name}: the same, solve_ivp in a loop at rtol = {tolerances['solve_ivp']:.2g}",
                error, "")
    times = race(solvers, repeat=7)
    times["solve_ivp"] = race({"": lambda: loop(few)}, repeat=2)[""] * STARTS / LOOP
    for label, seconds in times.items():
        table.value(f"{name}: 10,000 starts, {label}", seconds, "s")
    for label in ("NumPy", "native"):
        if label not in times:
            continue
        table.ratio(f"{name}, {label}", label, "solve_ivp", times, at_least=100)
        if "diffrax" in times:
            table.ratio(f"{name}, {label}", label, "diffrax", times, at_least=1)
        if "heyoka" in times:
            table.ratio(f"{name}, {label}", label, "heyoka", times,
                        at_most=2 if label == "native" else None)
    return tolerances


PREPARE = """
import sys; sys.path.insert(0, {folder!r})
import bench_flow
field, start = bench_flow.jobs()[{name!r}]
from sympy.core.cache import clear_cache; clear_cache()
import time; begin = time.perf_counter()
{code}
print(time.perf_counter() - begin)
"""
FRESH = {
    "NumPy": "bench_flow.ours(field, False)({rtol})(start)",
    "native": "bench_flow.ours(field, True)({rtol})(start)",
    "diffrax": "bench_flow.by_diffrax(field)({rtol})(start)",
    "heyoka": "bench_flow.heyoka_alone(field)({rtol})(start)",
    "solve_ivp": "bench_flow.by_scipy(field)({rtol})(start[:50])"}


def to_the_answer(name: str, tolerances: dict[str, float], table: Table) -> None:
    """From the game's costs to the answer in a process that has just begun.

    SymPy, NumPy and the library are imported before the clock starts, for everyone; the
    peers are imported, derive and compile while it runs.  solve_ivp gets 50 of the starts.
    """
    times = {label: float("inf") for label in FRESH if label in tolerances}
    for _ in range(3):
        for label in times:
            code = FRESH[label].format(rtol=tolerances[label])
            text = PREPARE.format(folder=sys.path[0], name=name, code=code)
            done = subprocess.run([sys.executable, "-c", text], check=True, text=True,
                                  capture_output=True)
            times[label] = min(times[label], float(done.stdout))
    for label, seconds in times.items():
        table.value(f"{name}: to the answer, {label}", seconds, "s")
        if label not in ("NumPy", "native"):
            table.ratio(f"{name}: to the answer, NumPy", "NumPy", label, times, at_least=1)


def against_batch_size(table: Table) -> None:
    """Cost of a start and memory for 1,000 to 1,000,000 of them, at t = 2."""
    field, rng = ga.compile_field(jobs()["omega"][0]), np.random.default_rng(1)
    for compiled in (False, True) if native.available() else (False,):
        label, costs = ("native" if compiled else "NumPy"), []
        for size in (1000, 10_000, 100_000, 1_000_000):
            start = rng.uniform(-15, 15, (size, 2))
            flow(field, start[:1000], 2, t_eval="last", native=compiled)
            seconds = race({"": lambda: flow(field, start, 2, t_eval="last", native=compiled)},
                           repeat=5 if size < 10**6 else 2)[""]
            costs.append(seconds / size * 1e6)
            table.value(f"{label}, {size} starts, t = 2", costs[-1], "us a start")
        table.value(f"{label}: cost of a start, 1,000,000 over 10,000", costs[-1] / costs[1], "",
                    at_most=1.5)
        table.value(f"{label}: cost of a start, 1,000,000 over 1,000", costs[-1] / costs[0], "",
                    at_most=1.5)
    beyond = []
    for size in (100_000, 1_000_000):
        start = rng.uniform(-15, 15, (size, 2))
        tracemalloc.start()
        found = flow(field, start, 0.2, t_eval="last", native=False)
        beyond.append((tracemalloc.get_traced_memory()[1] - size * 60) / 2**20)
        tracemalloc.stop()
        table.value(f"peak memory, {size} starts, beyond 60 bytes a start", beyond[-1], "MiB")
        assert found.x.shape == (size, 1, 2)
    table.value("memory that 900,000 more starts need beyond that", beyond[1] - beyond[0], "MiB",
                at_most=16)


def main() -> int:
    """Print the table; 1 if a demand was missed."""
    table = Table("Flows", "scipy", "heyoka", "jax", "diffrax")
    begin = time.perf_counter()
    tolerances = {name: at_equal_error(name, table) for name in jobs()}
    for name in jobs():
        to_the_answer(name, tolerances[name], table)
    against_batch_size(table)
    print(f"\nin {time.perf_counter() - begin:.0f} s")
    return table.finish()


if __name__ == "__main__":
    sys.exit(main())
