"""Testing propositions against its peers: games derived and classified at a point a second.

    python tests/benchmarks/bench_propositions.py

A game is a random zero-sum quartic f in 2+2 variables with coefficients |c| <= 5, given as a
SymPy expression: the 65 monomials of degree 2 to 4, critical at the origin, or the 70 of
f(z - z*), critical at a random integer point z*.  Everyone answers the same five questions
(critical, differential Nash, differential Stackelberg, stable under -omega and -omega_S):
the library exactly, by `LocalGame.facts`, its peers in floats, from omega, J, omega_S and
J_S at the point with NumPy's eigenvalues and a tolerance.  All are told the same mathematics:
v = (D22 f2)^-T D2 f1 instead of an inverse.

Every game is new to whoever gets it, so that nothing is found in SymPy's cache.  Games
whose answers differ are those with an eigenvalue next to zero.
"""

from __future__ import annotations

import functools
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

from harness import Table, installed, race  # isort: skip  (before NumPy: threads)

import numpy as np
import sympy as sp
from hypothesis import HealthCheck, Phase, given, settings

import gameanalysis as ga
from gameanalysis import strategies

SIZES, LEADER = (2, 2), 2
VARIABLES = sp.symbols("x1 x2 y1 y2", real=True)
FAMILY = ga.PolynomialFamily(SIZES)
#: Below this, relative to the largest entry, a float counts as zero.
RTOL = 1e-9
REPEAT = 5

STABLE_IS_NASH = """
import time
start = time.perf_counter()
import gameanalysis as ga
from gameanalysis.strategies import stable_games
loaded = time.perf_counter()
nash = lambda game, point: ga.LocalGame(game, point).nash
assert ga.falsify(nash, stable_games(), examples=500).refuted
print(time.perf_counter() - loaded, time.perf_counter() - start)
"""


# -- games ------------------------------------------------------------------------------

def random_row(rng: random.Random) -> list[int]:
    """Coefficients; those of squares lean to a definite Hessian, so that answers vary."""
    row = [rng.randint(-5, 5) for _ in FAMILY.monomials]
    for k, word in enumerate(FAMILY.monomials):
        if len(word) == 2 and word[0] == word[1]:
            row[k] = rng.randint(-1, 5) if word[0] < LEADER else rng.randint(-5, 1)
    return row


def random_game(rng: random.Random, away: bool) -> tuple[sp.Expr, tuple[int, ...]]:
    """f, expanded, and its critical point."""
    at = tuple(rng.randint(-2, 2) if away else 0 for _ in VARIABLES)
    e = [v - p for v, p in zip(VARIABLES, at)]
    f = sp.Add(*(c * sp.prod([e[i] for i in word])
                 for word, c in zip(FAMILY.monomials, random_row(rng))))
    return sp.expand(f) if away else f, at


def in_turn(classify: Callable[..., list[bool]], count: int, away: bool, seed: int
            ) -> Callable[[], None]:
    """A function that classifies ``count`` new games with each call."""
    rng = random.Random(seed)
    waiting: Iterator = iter([[random_game(rng, away) for _ in range(count)]
                              for _ in range(REPEAT)])

    def run() -> None:
        for f, at in next(waiting):
            classify(f, at)
    return run


# -- competitors --------------------------------------------------------------------------

def ours(f: sp.Expr, at: tuple[int, ...]) -> list[bool]:
    """The five answers, exact."""
    local = ga.LocalGame(ga.zero_sum(f, VARIABLES[:2], VARIABLES[2:]), at)
    return [fact is ga.Truth.YES for fact in local.facts().values()]


def from_matrices(omega, jacobian, omega_s, jacobian_s) -> list[bool]:
    """The five answers from floats."""
    small = RTOL * max(1.0, np.abs(jacobian).max())
    own, follower = jacobian[:LEADER, :LEADER], jacobian[LEADER:, LEADER:]
    upper, cross = jacobian_s[:LEADER], jacobian_s[LEADER:, :LEADER]
    critical = bool(np.abs(omega).max() <= small)
    regular = np.isfinite(jacobian_s).all()
    critical_s = bool(regular and np.abs(omega_s).max() <= small)
    definite = bool(np.linalg.eigvalsh(follower).min() > small)
    if regular:
        total = upper[:, :LEADER] - upper[:, LEADER:] @ np.linalg.solve(follower, cross)
    return [critical, critical and definite and bool(np.linalg.eigvalsh(own).min() > small),
            critical_s and definite and bool(np.linalg.eigvalsh(total).min() > small),
            critical and bool(np.linalg.eigvals(jacobian).real.min() > small),
            critical_s and bool(np.linalg.eigvals(jacobian_s).real.min() > small)]


def to_casadi(expression, known):
    """A SymPy polynomial as CasADi's SX."""
    found = known.get(expression)
    if found is not None:
        return found
    if expression.is_Number:
        return float(expression)
    args = [to_casadi(a, known) for a in expression.args]
    if expression.is_Pow:
        result = args[0] ** args[1]
    else:
        result = functools.reduce((lambda a, b: a + b) if expression.is_Add
                                  else (lambda a, b: a * b), args)
    known[expression] = result
    return result


def with_casadi(f: sp.Expr, at: tuple[int, ...]) -> list[bool]:
    """CasADi's SX; one function of all four, called once."""
    import casadi as ca
    z = ca.SX.sym("z", 4)
    cost = to_casadi(f, {v: z[i] for i, v in enumerate(VARIABLES)})
    slope = ca.gradient(cost, z)
    omega = ca.vertcat(slope[:LEADER], -slope[LEADER:])
    jacobian = ca.jacobian(omega, z)
    v = ca.solve(jacobian[LEADER:, LEADER:].T, slope[LEADER:])
    omega_s = ca.vertcat(slope[:LEADER] - jacobian[LEADER:, :LEADER].T @ v, omega[LEADER:])
    function = ca.Function("all", [z], [omega, jacobian, omega_s, ca.jacobian(omega_s, z)])
    return from_matrices(*(np.array(m) for m in function(list(at))))


def formulas(f, z):
    """omega, J, omega_S, J_S as formulas of SymPy or symengine, by Cramer's rule."""
    slope = [f.diff(v) for v in z]
    omega = slope[:2] + [-w for w in slope[2:]]
    jacobian = [[w.diff(v) for v in z] for w in omega]
    (a, b), (_, d) = jacobian[2][2:], jacobian[3][2:]
    det = a * d - b * b
    v1, v2 = (d * slope[2] - b * slope[3]) / det, (a * slope[3] - b * slope[2]) / det
    total = [slope[k] - jacobian[2][k] * v1 - jacobian[3][k] * v2 for k in range(2)]
    upper = [[w.diff(v) for v in z] for w in total]
    return (omega, [e for row in jacobian for e in row], total + omega[2:],
            [e for row in upper + jacobian[2:] for e in row])


def with_symengine(f: sp.Expr, at: tuple[int, ...]) -> list[bool]:
    """symengine's derivatives, evaluated with its own functions of floats."""
    import symengine as se
    z = [se.sympify(v) for v in VARIABLES]
    parts = formulas(se.sympify(f), z)
    with np.errstate(all="ignore"):
        values = se.Lambdify(z, [e for part in parts for e in part])(list(map(float, at)))
    values = np.asarray(values, dtype=float)
    return from_matrices(values[:4], values[4:20].reshape(4, 4), values[20:24],
                         values[24:].reshape(4, 4))


def with_sympy(f: sp.Expr, at: tuple[int, ...]) -> list[bool]:
    """SymPy's derivatives and lambdify."""
    parts = formulas(f, VARIABLES)
    with np.errstate(all="ignore"):
        values = sp.lambdify(VARIABLES, parts, cse=True)(*map(np.float64, at))
    omega, jacobian, omega_s, jacobian_s = (np.array(part, dtype=float) for part in values)
    return from_matrices(omega, jacobian.reshape(4, 4), omega_s, jacobian_s.reshape(4, 4))


def with_jax(f: sp.Expr, at: tuple[int, ...]) -> list[bool]:
    """JAX, one function of all four, compiled."""
    import jax
    import jax.numpy as jnp
    jax.config.update("jax_enable_x64", True)
    written = sp.lambdify(VARIABLES, f, modules="math")

    def cost(z):
        return written(*z)

    def omega(z):
        slope = jax.grad(cost)(z)
        return jnp.concatenate([slope[:LEADER], -slope[LEADER:]])

    def omega_s(z):
        slope, j = jax.grad(cost)(z), jax.jacfwd(omega)(z)
        v = jnp.linalg.solve(j[LEADER:, LEADER:].T, slope[LEADER:])
        return jnp.concatenate([slope[:LEADER] - j[LEADER:, :LEADER].T @ v, -slope[LEADER:]])

    @jax.jit
    def everything(z):
        return omega(z), jax.jacfwd(omega)(z), omega_s(z), jax.jacfwd(omega_s)(z)
    return from_matrices(*map(np.asarray, everything(jnp.array(at, dtype=float))))


#: Competitor and how many games it is given at a time; where it is one, it takes seconds.
PEERS = {"casadi": (with_casadi, 40), "symengine": (with_symengine, 10),
         "sympy": (with_sympy, 1), "jax": (with_jax, 1)}
OURS = 200


# -- the table ----------------------------------------------------------------------------

def from_expressions(table: Table, away: bool) -> None:
    """Games a second from a SymPy expression, and the ratio to each peer."""
    job = f"SymPy quartics, critical at {'an integer point' if away else 'the origin'}"
    present = {name: peer for name, peer in PEERS.items()
               if installed(name) and not (away and peer[1] == 1)}
    runs = {"ours": in_turn(ours, OURS, away, 1)}
    for seed, (name, (classify, count)) in enumerate(present.items(), 2):
        runs[name] = in_turn(classify, count, away, seed)
    total = race(runs, repeat=REPEAT)
    times = {name: t / (OURS if name == "ours" else PEERS[name][1])
             for name, t in total.items()}
    table.value(job, 1 / times["ours"], "games/s", at_least=300)
    for name in present:
        table.ratio(job, "ours", name, times, at_least=1)
    rng = random.Random(9)
    for name, (classify, count) in present.items():
        games = [random_game(rng, away) for _ in range(2 * count)]
        same = sum(classify(*game) == ours(*game) for game in games)
        table.value(f"{job}: answers as {name}'s", same, f"of {len(games)}",
                    at_least=0.9 * len(games))


def from_coefficients(table: Table) -> None:
    """Games a second from a family held as coefficients."""
    rng = random.Random(5)
    rows = [random_row(rng) for _ in range(1000)]
    at = [tuple(rng.randint(-2, 2) for _ in VARIABLES) for _ in rows]
    arrays = np.array(rows)
    times = race({
        "origin": lambda: [FAMILY.at(row).facts() for row in rows],
        "point": lambda: [FAMILY.at(row, p).facts() for row, p in zip(rows, at)],
        "array": lambda: [FAMILY.at(row).facts() for row in arrays]}, repeat=REPEAT)
    for name, job in (("origin", "rows of ints"), ("point", "rows of ints at a point"),
                      ("array", "rows of a NumPy array")):
        table.value(f"quartics held as coefficients, {job}", len(rows) / times[name],
                    "games/s", at_least=2000)
    labels = [FAMILY.at(row).label for row in rows]
    table.value("their labels", len(set(labels)), "kinds")


def falsification(table: Table) -> None:
    """"Every stable point is a DNE" in zero-sum games: false, and how simple the proof is."""
    claim = "stable is DNE, refuted"

    def nash(game: ga.Game, point: tuple) -> ga.Truth:
        return ga.LocalGame(game, point).nash
    slowest, largest, degree = 0.0, 0, 0
    for seed in range(5):
        start = time.perf_counter()
        found = ga.falsify(nash, strategies.stable_games(), examples=500, seed=seed)
        slowest = max(slowest, time.perf_counter() - start)
        game, point = found.counterexample
        assert ga.LocalGame(game, point).is_stable() is ga.Truth.YES
        assert ga.LocalGame(game, point).nash is ga.Truth.NO
        poly = sp.Poly(game.costs[0], *game.variables)
        degree = max(degree, poly.total_degree())
        largest = max(largest, *(len(str(part)) for c in poly.coeffs()
                                 for part in (abs(c.p), c.q)))
    table.value(f"{claim} and shrunk: slowest of 5 seeds", slowest, "s", at_most=5)
    table.value(f"{claim}: digits of the largest coefficient", largest, "", at_most=2)
    table.value(f"{claim}: degree", degree, "", at_most=2)
    printed = subprocess.run([sys.executable, "-c", STABLE_IS_NASH], check=True,
                             capture_output=True, text=True).stdout.split()
    table.value(f"{claim}: a fresh process, imports apart", float(printed[0]), "s", at_most=5)
    table.value(f"{claim}: a fresh process", float(printed[1]), "s", at_most=10)


def draws(table: Table) -> None:
    """Games that a strategy draws a second."""
    for name in ("zero_sum_games", "nash_games", "stackelberg_games", "stable_games",
                 "stable_neither_games", "critical_games", "general_sum_games"):
        games: list[ga.LocalGame] = []

        @settings(max_examples=200, database=None, derandomize=True, deadline=None,
                  phases=[Phase.generate], suppress_health_check=list(HealthCheck))
        @given(getattr(strategies, name)())
        def keep(local: ga.LocalGame) -> None:
            games.append(local)
        start = time.perf_counter()
        keep()
        table.value(f"draws of {name}", len(games) / (time.perf_counter() - start), "games/s")


def main() -> int:
    """Print the table; 1 if a demand was missed."""
    table = Table("Games tested against propositions", "gameanalysis", "hypothesis", *PEERS)
    for away in (False, True):
        from_expressions(table, away)
    from_coefficients(table)
    falsification(table)
    draws(table)
    return table.finish()


if __name__ == "__main__":
    sys.exit(main())
