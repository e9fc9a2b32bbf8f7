"""Discrete updates against their peers: a large batch, and one long run.

    python tests/benchmarks/bench_updates.py

The batch is 10,000 starts of simultaneous gradient play on figure1, 10,000 updates each,
last point only.  JAX is given double precision, its gradients by `jax.grad`, a jitted
`lax.scan` under `vmap`, and a first call that does not count; "plain NumPy" is the loop
that one writes without this library, with the gradients given by hand.  All must agree on
the starts that do not end near a border of basins.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from harness import Table, installed, race  # isort: skip  (before NumPy: threads)

import numpy as np

import gameanalysis as ga
from gameanalysis.compilation import native

Array = np.ndarray
STARTS, UPDATES, STEP = 10_000, 10_000, 0.0025
LONG = 1_000_000


def gradients(x: Array, y: Array) -> tuple[Array, Array]:
    """D1 f and -D2 f of figure1's f, by hand."""
    a, b = 0.15 * x * x + y, 0.25 * y * y + x
    e = np.exp(-0.01 * (x * x + y * y))
    s = 0.02 * (a * a + b * b)
    return (e * (x * s - 0.6 * x * a - 2 * b), -e * (y * s - 2 * a - y * b))


def plain_numpy(starts: Array) -> Array:
    """The loop without a library."""
    x, y = starts.T.copy()
    for _ in range(UPDATES):
        gx, gy = gradients(x, y)
        x, y = x - STEP * gx, y - STEP * gy
    return np.stack([x, y], axis=1)


def with_jax() -> Callable[[Array], Array]:
    """A jitted function of the starts."""
    import jax
    import jax.numpy as jnp
    jax.config.update("jax_enable_x64", True)

    def f(x: Array, y: Array) -> Array:
        return -jnp.exp(-0.01 * (x**2 + y**2)) * (
            (0.15 * x**2 + y)**2 + (0.25 * y**2 + x)**2)

    gradient = jax.grad(f, argnums=(0, 1))

    def step(z: tuple, _: None) -> tuple:
        gx, gy = gradient(*z)
        return (z[0] - STEP * gx, z[1] + STEP * gy), None

    @jax.jit
    def run(starts: Array) -> Array:
        return jax.vmap(lambda z: jnp.stack(
            jax.lax.scan(step, (z[0], z[1]), None, length=UPDATES)[0]))(starts)

    return lambda starts: np.asarray(run(starts))


def main() -> int:
    """Print the table; 1 if a demand was missed."""
    table = Table("Discrete updates", "jax", "heyoka")
    rule = ga.simultaneous_gradient(ga.catalog.figure1())
    starts = np.random.default_rng(0).uniform(-15, 15, (STARTS, 2))

    def ours(compiled: bool) -> Array:
        return ga.iterate(rule, starts, UPDATES, step_size=STEP, keep="last",
                          native=compiled).last

    functions: dict[str, Callable[[], Array]] = {
        "NumPy engine": lambda: ours(False), "plain NumPy": lambda: plain_numpy(starts)}
    if native.available():
        functions["native engine"] = lambda: ours(True)
    if installed("jax"):
        jax = with_jax()
        start = time.perf_counter()
        jax(starts)
        table.value("JAX, first call", time.perf_counter() - start, "s")
        functions["JAX"] = lambda: jax(starts)
    results = {name: function() for name, function in functions.items()}
    times = race(functions, repeat=7)
    job = f"{STARTS} starts x {UPDATES} updates"
    for name in functions:
        table.value(f"{job}: {name}", times[name], "s")
    for engine in ("NumPy engine", "native engine"):
        if engine not in functions:
            continue
        table.ratio(f"{job}, {engine}", engine, "plain NumPy", times, at_least=1)
        if "JAX" in functions:
            table.ratio(f"{job}, {engine}", engine, "JAX", times,
                        at_most=1 if engine == "native engine" else 2.5)
        # Starts on a border of two basins amplify rounding.
        close = np.isclose(results[engine], results["plain NumPy"], rtol=1e-6, atol=1e-6)
        table.value(f"{job}, {engine}: equal to plain NumPy",
                    100 * close.all(axis=1).mean(), "% of starts", at_least=99)

    def one() -> None:
        assert ga.iterate(rule, [3.0, 3.0], LONG, step_size=STEP).x.shape == (LONG + 1, 2)

    long = race({"one": one}, repeat=5)["one"]
    table.value(f"one start, {LONG} updates, all kept", long / LONG * 1e6, "us an update",
                at_most=1)
    return table.finish()


if __name__ == "__main__":
    sys.exit(main())
