"""Costs declared with matrices against CasADi and JAX, on the covariance game.

    python tests/benchmarks/bench_matrix.py

f1 = tr(W^T (Sigma - V V^T)), f2 = -f1 + (eta/2) |W|^2, leader V, follower W, m x m each.  The
peers start from their own matrix code, which spares them the reading of SymPy: CasADi from SX
matrices, JAX from jnp functions, once with the Stackelberg gradient written by hand and once as
the authors' code has it, conjugate gradients with a jitted Hessian-vector product.  Peers that
are not installed are left out, and so are the demands on them.
"""

from __future__ import annotations

import functools
import resource
import subprocess
import sys

from harness import Table, installed, race  # isort: skip  (before NumPy: threads)

import numpy as np
import sympy as sp
from sympy.core.cache import clear_cache

import gameanalysis as ga

ETA, TAU, STEPS = 0.5, 4, 10_000
FOUR = ("gradient", "jacobian", "stackelberg_gradient", "stackelberg_jacobian")


def sigma(m):
    """U U^T / m + I, the entries multiples of 2^-20."""
    u = np.random.default_rng(0).standard_normal((m, m))
    return np.round((u @ u.T / m + np.eye(m)) * 2**20) / 2**20


def game_of(m):
    V, W, S = (sp.MatrixSymbol(name, m, m) for name in "VWS")
    f = sp.Trace(W.T*(S - V*V.T))
    exact = [[sp.Rational(int(entry * 2**20), 2**20) for entry in row] for row in sigma(m)]
    return ga.Game(ga.Player(f, V), ga.Player(sp.Trace(W.T*W)/4 - f, W), parameters={S: exact})


def point(m):
    return np.random.default_rng(1).uniform(-0.5, 0.5, 2*m*m)


def step_of(m):
    return 0.1 / m


# CasADi

def casadi_costs(m):
    import casadi
    V, W = casadi.SX.sym("V", m, m), casadi.SX.sym("W", m, m)
    f = casadi.trace(W.T @ (casadi.DM(sigma(m)) - V @ V.T))
    return V, W, f, -f + ETA/2*casadi.sumsqr(W)


def flat(matrix):
    """Row by row: CasADi's own order is by columns."""
    import casadi
    return casadi.vec(matrix.T)


def casadi_four(m, x):
    """omega, J, omega_S, J_S with v an input, and the systems solved by NumPy."""
    import casadi
    V, W, f, g = casadi_costs(m)
    x1, x2 = flat(V), flat(W)
    z, v = casadi.vertcat(x1, x2), casadi.SX.sym("v", m*m)
    slope = flat(casadi.gradient(g, W))
    omega = casadi.vertcat(flat(casadi.gradient(f, V)), slope)
    h = casadi.dot(v, slope)
    lagrangian = casadi.jacobian(casadi.vertcat(flat(casadi.gradient(f - h, V)),
                                                flat(casadi.gradient(f - h, W))), z)
    first = casadi.Function("first", [z], [omega])
    second = casadi.Function("second", [z], [casadi.jacobian(omega, z)])
    parts = casadi.Function("parts", [z], [omega, flat(casadi.gradient(f, W)),
                                           casadi.jacobian(slope, z)])
    third = casadi.Function("third", [z, v], [lagrangian])
    w, d2f1, rows = (part.full() for part in parts(x))
    n1 = m*m
    cross, matrix = rows[:, :n1], rows[:, n1:]
    response = np.linalg.solve(matrix.T, d2f1)
    total = w.copy()
    total[:n1] -= cross.T @ response
    hessian = third(x, response).full()
    upper = hessian[:n1] - cross.T @ np.linalg.solve(matrix.T, hessian[n1:])
    return [first(x).full(), second(x).full(), total, np.vstack([upper, rows])]


def casadi_update(m, step):
    """x - step omega_S as one CasADi function, v written as a division by eta."""
    import casadi
    V, W, f, g = casadi_costs(m)
    v = casadi.SX.sym("v", m, m)
    h = casadi.dot(v, casadi.gradient(g, W))
    leader = casadi.substitute(casadi.gradient(f - h, V), v, casadi.gradient(f, W)/ETA)
    x = casadi.SX.sym("x", 2*m*m)
    field = casadi.vertcat(flat(leader), TAU*flat(casadi.gradient(g, W)))
    out = casadi.substitute(casadi.vertcat(flat(V), flat(W)) - step*field,
                            casadi.vertcat(flat(V), flat(W)), x)
    return casadi.Function("update", [x], [out])


def casadi_buffered(function, m):
    """The same without conversions: memory in, memory out."""
    buffer, run = function.buffer()
    x, out = np.empty(2*m*m), np.empty(2*m*m)
    buffer.set_arg(0, memoryview(x))
    buffer.set_res(0, memoryview(out))

    def update(z):
        x[:] = z
        run()
        return out
    update.buffer = buffer                  # or it is freed, and run() writes nowhere
    return update


# JAX

def jax_functions(m):
    import jax
    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp
    S = jnp.asarray(sigma(m))

    def f1(V, W):
        return jnp.sum(W*(S - V @ V.T))

    def f2(V, W):
        return -f1(V, W) + ETA/2*jnp.sum(W*W)
    return jax, jnp, S, f1, f2


def jax_update(m, step):
    """x - step omega_S, the matrices written by hand."""
    jax, jnp, S, _, _ = jax_functions(m)

    @jax.jit
    def update(x):
        V, W = x.reshape(2, m, m)
        D = S - V @ V.T
        leader = -(W + W.T + 2/ETA*D) @ V
        return x - step*jnp.concatenate([leader.ravel(), TAU*(ETA*W - D).ravel()])
    return update


def authors_update(m, step):
    """Their way: (D22 f2)^-1 D2 f1 by jitted Hessian-vector products in CG, then NumPy."""
    jax, jnp, _, f1, f2 = jax_functions(m)

    @jax.jit
    def direction(V, W):
        def product(p):
            return jax.jvp(lambda w: jax.grad(f2, 1)(V, w), (W,), (p,))[1]
        g1, g2 = jax.grad(f1, (0, 1))(V, W)
        v, _ = jax.scipy.sparse.linalg.cg(product, g2)
        _, back = jax.vjp(lambda u: jax.grad(f2, 1)(u, W), V)
        return g1 - back(v)[0], jax.grad(f2, 1)(V, W)

    def update(x):
        V, W = x.reshape(2, m, m)
        leader, follower = direction(V, W)
        return np.stack([V - step*np.asarray(leader), W - step*TAU*np.asarray(follower)]).ravel()
    return update


# Ours

def ours_four(m, x):
    game = ga.compile_game(game_of(m))
    return [getattr(game, name)(x) for name in FOUR]


def ours_update(m, step):
    value = ga.compile_field(ga.stackelberg_gradient(game_of(m), tau=TAU)).value
    return lambda x: x - step*value(x)


def ours_iterated(m, step, x0):
    path = ga.iterate(ga.stackelberg_gradient(game_of(m), tau=TAU), x0, STEPS, step_size=step,
                      keep="last")
    assert path.status is ga.Outcome.COMPLETED
    return path.x[-1]


def cold(function, *arguments):
    def run():
        clear_cache()
        return function(*arguments)
    return run


def from_expression_to_callables(table):
    job, m = "covariance m=10, expression to omega, J, omega_S, J_S", 10
    x = point(m)
    runs = {"gameanalysis": ours_four}
    if installed("casadi"):
        runs["casadi"] = casadi_four
        for ours, theirs in zip(ours_four(m, x), casadi_four(m, x)):
            np.testing.assert_allclose(np.ravel(ours), np.ravel(theirs), rtol=1e-9, atol=1e-9)
    times = race({name: cold(run, m, x) for name, run in runs.items()}, repeat=3)
    table.value(job, times["gameanalysis"] * 1e3, "ms")
    if "casadi" in times:
        table.ratio(job, "gameanalysis", "casadi", times, at_most=2)


def one_update(table, m, number, **demand):
    x, step = point(m), step_of(m)
    runs = {"gameanalysis": ours_update(m, step)}
    if installed("casadi"):
        function = casadi_update(m, step)
        runs["casadi"] = lambda z: function(z).full().ravel()
        runs["casadi, buffered"] = casadi_buffered(function, m)
    if installed("jax"):
        import jax
        update = jax_update(m, step)
        device = jax.device_put(x)
        runs["jax, by hand"] = lambda z: jax.block_until_ready(update(device))
        runs["jax, by hand, numpy in and out"] = lambda z: np.asarray(update(z))
    for name, run in runs.items():
        np.testing.assert_allclose(run(x), runs["gameanalysis"](x), rtol=1e-9,
                                   atol=1e-11, err_msg=name)
    times = race({name: functools.partial(run, x) for name, run in runs.items()}, repeat=15,
                 number=number)
    job = f"covariance m={m}, one Stackelberg update"
    table.value(job, times["gameanalysis"] * 1e6, "us")
    peers = [name for name in times if name != "gameanalysis"]
    for peer in sorted(peers, key=times.get):
        table.ratio(job, "gameanalysis", peer, times)
    if peers:
        times["the best of them"] = min(times[peer] for peer in peers)
        table.ratio(job, "gameanalysis", "the best of them", times, **demand)


def ten_thousand_updates(table):
    m = 25
    x0, step = point(m), step_of(m)

    def run(update):
        x = x0
        for _ in range(STEPS):
            x = update(x)
        return x
    runs = {"gameanalysis": functools.partial(ours_iterated, m, step, x0)}
    if installed("jax"):
        runs["jax, as the authors"] = functools.partial(run, authors_update(m, step))
        found, expected = (job() for job in runs.values())
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    times = race(runs, repeat=2)
    job = f"covariance m={m}, {STEPS} Stackelberg updates, declaration included"
    table.value(job, times["gameanalysis"], "s")
    if len(times) > 1:
        table.ratio(job, "gameanalysis", "jax, as the authors", times, at_least=1)


def memory(m):
    """Peak memory in MiB of a process that compiles and evaluates, without dense objects."""
    game = ga.compile_game(game_of(m))
    x = point(m)
    game.stackelberg_gradient(x), game.gradient(x), game.costs(x)
    game.jacobian_product(x, x), game.stackelberg_jacobian_product(x, x)
    ga.iterate(ga.stackelberg_gradient(game_of(m), tau=TAU), x, 100, step_size=step_of(m))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    if sys.argv[1:2] == ["--memory"]:
        print(memory(int(sys.argv[2])))
        sys.exit()
    table = Table("Matrix declarations", "casadi", "jax")
    from_expression_to_callables(table)
    one_update(table, 10, 2000, at_most=2)
    one_update(table, 25, 500)
    ten_thousand_updates(table)
    done = subprocess.run([sys.executable, __file__, "--memory", "50"], capture_output=True,
                          text=True, check=True)
    table.value("covariance m=50 (n = 5000), peak memory of everything but dense results",
                float(done.stdout), "MiB", at_most=1024)
    sys.exit(table.finish())
