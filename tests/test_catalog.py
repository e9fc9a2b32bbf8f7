"""The catalogue against SymPy derivatives, mpmath spectra and algebra.

Nothing here uses the library's own derivatives: a claimed fact is recomputed
at 40 digits from the costs alone, with the total Hessian taken from the
Lagrangian f1 - v . D2 f2 on the tangent of the reaction curve.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from functools import lru_cache

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares, root

from gameanalysis import catalog
from gameanalysis.declaration.entries import FACTS, LINEAR, at, entry
from gameanalysis.declaration.game import Game
from gameanalysis.errors import GameError
from gameanalysis.truth import Truth

DIGITS = 40
ZERO = mp.mpf(10)**-25
# The oligopolies of three firms have a file of their own, test_oligopolies.
NAMES = [name for name in catalog.names() if catalog.game(name).n_players == 2]
WITH_POINTS = [name for name in NAMES if catalog.info(name).known]
COMPLETE = [name for name in NAMES if catalog.info(name).complete]


def _costs(game):
    (f, g), (u, v) = game.valued_costs, (player.actions for player in game.players)
    return f, g, u, v


def _omega(game):
    f, g, u, v = _costs(game)
    return sp.Matrix([sp.diff(f, s) for s in u] + [sp.diff(g, s) for s in v])


def _values(game, x):
    """The costs at a point, by lambdify: subs is slow on the iterated dilemma."""
    arguments = (*game.variables, *game.parameters)
    return np.array(_compiled(game.costs, arguments)(
        *map(float, (*x, *game.parameters.values()))), dtype=float)


@lru_cache(maxsize=8)
def _compiled(costs, arguments):
    return sp.lambdify(arguments, costs, "math", cse=True)


def _function(expressions, variables):
    return sp.lambdify(variables, expressions, "mpmath")


def _positive(matrix):
    """Whether a symmetric matrix is positive definite, by its spectrum."""
    lowest = min(mp.eigsy((matrix + matrix.T)/2, eigvals_only=True))
    assert abs(lowest) < ZERO or abs(lowest) > mp.mpf(10)**-8
    return lowest > ZERO


def _stable(matrix):
    lowest = min(mp.re(value) for value in mp.eig(matrix, left=False, right=False))
    assert abs(lowest) < ZERO or abs(lowest) > mp.mpf(10)**-8
    return lowest > ZERO


def _singular(matrix):
    return min(mp.svd_r(matrix, compute_uv=False)) < ZERO


def _gradient(expression, symbols):
    return [sp.diff(expression, s) for s in symbols]


def _hessian(expression, rows, columns):
    return [_gradient(slope, columns) for slope in _gradient(expression, rows)]


@lru_cache(maxsize=8)
def _derivatives(f, g, u, v):
    """omega, D2 f and the blocks of J as an mpmath function."""
    return sp.lambdify((*u, *v), [
        _gradient(f, u), _gradient(g, v), _gradient(f, v), _hessian(f, u, u),
        _hessian(f, u, v), _hessian(g, v, u), _hessian(g, v, v)], "mpmath", cse=True)


@lru_cache(maxsize=8)
def _constrained(f, g, u, v):
    """D1 and the Hessian of f - mu . D2 g as an mpmath function of x and mu."""
    multipliers = sp.symbols(f"mu:{len(v)}")
    lagrangian = f - sp.Add(*(c*slope for c, slope in zip(multipliers, _gradient(g, v))))
    return sp.lambdify((*u, *v, *multipliers), [
        _gradient(lagrangian, u), _hessian(lagrangian, (*u, *v), (*u, *v))], "mpmath", cse=True)


def _one_order(f, g, u, v, point):
    """Facts with u leading: f, g are the costs of u, v; point maps symbols."""
    z = [point[s] for s in (*u, *v)]
    n, k = len(u), len(v)
    omega1, omega2, cross, a, b, c, d = map(mp.matrix, _derivatives(f, g, u, v)(*z))
    jacobian = mp.matrix(n + k, n + k)
    jacobian[:n, :n], jacobian[:n, n:] = a, b
    jacobian[n:, :n], jacobian[n:, n:] = c, d
    critical = mp.norm(omega1) < ZERO and mp.norm(omega2) < ZERO
    facts = {"critical": critical, "regular": not _singular(jacobian),
             "differential_nash": critical and _positive(a) and _positive(d),
             "simultaneous": _stable(jacobian) if critical else None,
             "differential_stackelberg": False, "stackelberg": None, "total": None}
    if _singular(d):
        facts["stackelberg_critical"] = False
        return facts
    leader, hessian = map(mp.matrix, _constrained(f, g, u, v)(*z, *(d**-1*cross)))
    facts["stackelberg_critical"] = mp.norm(leader) < ZERO and mp.norm(omega2) < ZERO
    tangent = mp.matrix(n + k, n)
    tangent[:n, :], tangent[n:, :] = mp.eye(n), -(d**-1)*c
    facts["total"] = tangent.T*hessian*tangent
    if facts["stackelberg_critical"]:
        facts["differential_stackelberg"] = _positive(d) and _positive(facts["total"])
        # omega_S,1 is D1 of the Lagrangian with v solved along: chain rule.
        stackelberg = mp.matrix(n + k, n + k)
        stackelberg[:n, :] = hessian[:n, :] - c.T*(d**-1)*hessian[n:, :]
        stackelberg[n:, :n], stackelberg[n:, n:] = c, d
        facts["stackelberg"] = _stable(stackelberg)
    return facts


def _oracle(game, x):
    f, g, u, v = _costs(game)
    point = dict(zip((*u, *v), x))
    facts = _one_order(f, g, u, v, point)
    facts["differential_stackelberg_reversed"] = _one_order(
        g, f, v, u, point)["differential_stackelberg"]
    return facts


def _digits(x):
    return [mp.mpf(str(sp.N(value, DIGITS + 10))) for value in x]


@pytest.mark.parametrize("name", WITH_POINTS)
def test_every_claim_holds_and_none_is_missing(name):
    found = catalog.info(name)
    game = found.build()
    with mp.workdps(DIGITS):
        for known in found.known:
            x = _digits(known.x)
            if known.radius:
                assert known.of == "simultaneous"
                omega = _function(list(_omega(game)), game.variables)
                zero = list(mp.findroot(lambda *z: omega(*z), x))
                radius = mp.mpf(str(sp.N(known.radius, DIGITS)))
                assert all(abs(p - q) <= radius for p, q in zip(x, zero))
                x = zero
            facts = _oracle(game, x)
            assert facts["critical" if known.of == "simultaneous" else "stackelberg_critical"]
            assert known.isolated == facts["regular"], "isolated here means det J != 0"
            for fact in FACTS:
                expected = None if facts[fact] is None else Truth.of(facts[fact])
                assert known.facts.get(fact) is expected, (name, known.x, fact)


@pytest.mark.parametrize("name", [n for n in COMPLETE if LINEAR in catalog.info(n).complete])
def test_a_linear_game_has_one_critical_point(name):
    game = catalog.game(name)
    omega = _omega(game)
    jacobian = omega.jacobian(game.variables)
    assert not jacobian.free_symbols and jacobian.det() != 0
    zero = jacobian.LUsolve(-omega.subs(dict.fromkeys(game.variables, 0)))
    assert [tuple(zero)] == [p.x for p in catalog.info(name).known if p.of == "simultaneous"]


@pytest.mark.parametrize("name", [
    "dirac_gan", "torus", "torus_location", "matching_pennies", "prisoners_dilemma",
    "rock_paper_scissors", "jin_cosine", "schur_off_curve"])
def test_a_search_finds_nothing_beyond_a_complete_list(name):
    found = catalog.info(name)
    game = found.build()
    omega = _omega(game)
    fast = sp.lambdify(game.variables, list(omega), "numpy", cse=True)
    jacobian = sp.lambdify(game.variables, omega.jacobian(game.variables), "numpy", cse=True)
    low, high = np.array(found.box, dtype=float).T
    known = [np.array(p.x, dtype=float) for p in found.known]
    period = np.array([float(game.periods.get(s, 0)) for s in game.variables])
    hits = 0
    for start in np.random.default_rng(1).uniform(low, high, (60, len(low))):
        answer = least_squares(lambda z: fast(*z), start, jac=lambda z: jacobian(*z),
                               bounds=(low - 1e-6, high + 1e-6), xtol=1e-14, ftol=1e-14,
                               gtol=1e-14, max_nfev=60)
        if np.abs(answer.fun).max() > 1e-10:
            continue
        hits += 1
        gaps = [x - period*np.round(x/np.where(period, period, 1))
                for x in (answer.x - p for p in known)]
        assert min((np.abs(gap).max() for gap in gaps), default=np.inf) < 1e-6, answer.x
    assert hits >= 3*len(known)


def test_softmax_bimatrix_has_one_critical_point():
    game = catalog.softmax_bimatrix()
    d1, d2 = sp.lambdify(game.variables, list(_omega(game)))(
        *(grid := np.meshgrid(*[np.linspace(-2, 2, 401)]*2)))
    x, y = grid
    # One component of omega points away from 0 in each of the four quadrants.
    assert np.all((x*d1 > 0)[(x*y >= 0) & (x != 0)])
    assert np.all((y*d2 > 0)[(x*y <= 0) & (y != 0)])


def _real_roots(polynomial):
    return [sp.N(r, 20) for r in sp.real_roots(polynomial)]


def test_figure1_has_exactly_nine_points_in_the_whole_plane():
    game = catalog.figure1()
    x, y = game.variables
    f = game.valued_costs[0]
    weight = sp.exp(-(x**2 + y**2)/100)
    p, q = (sp.expand(sp.expand(sp.diff(f, s))/weight) for s in (x, y))
    p, q = sp.simplify(p), sp.simplify(q)
    assert p.is_polynomial(x, y) and q.is_polynomial(x, y)
    for s, t, k in ((x, y, 0), (y, x, 1)):
        resultant = sp.Poly(sp.resultant(p, q, t), s)
        assert resultant.degree() == 17 and resultant.is_sqf
        roots = _real_roots(resultant)
        # Square-free and nine: no two critical points share a coordinate.
        known = sorted(float(point.x[k]) for point in catalog.info("figure1").known)
        assert np.allclose(known, [float(r) for r in roots], atol=1e-11) and len(roots) == 9


def test_forsaken_has_exactly_one_point_in_the_whole_plane():
    game = catalog.forsaken()
    x, y = game.variables
    f = game.valued_costs[0]
    solved = sp.solve(sp.diff(f, y), x)
    polynomial = sp.Poly(sp.diff(f, x).subs(x, solved[0]), y)
    assert len(solved) == 1 and polynomial.degree() == 25
    roots = _real_roots(polynomial)
    assert len(roots) == 1
    assert abs(roots[0] - catalog.info("forsaken").known[0].x[1]) < 1e-12


def test_finite_learning_ratio_has_two_points_in_its_box():
    game = catalog.finite_learning_ratio()
    f = game.valued_costs[0]
    x1, *rest = game.variables
    equations = [sp.diff(f, s) for s in rest]
    matrix = sp.Matrix(equations).jacobian(rest)
    constant = sp.Matrix(equations).subs(dict.fromkeys(rest, 0))
    assert not matrix.free_symbols & set(rest)
    solution = matrix.LUsolve(-constant).applyfunc(sp.cancel)
    numerator = sp.numer(sp.cancel(sp.diff(f, x1).subs(dict(zip(rest, solution)))))
    zeros = [[r, *(sp.N(e.subs(x1, r), 15) for e in solution)]
             for r in _real_roots(sp.Poly(numerator, x1))]
    inside = [z for z in zeros if all(abs(c) <= 10 for c in z)]
    known = [[float(c) for c in point.x] for point in
             catalog.info("finite_learning_ratio").known]
    assert len(zeros) == 3 and np.allclose(sorted(known),
                                           sorted([float(c) for c in z] for z in inside))
    for r, _ in sp.Poly(matrix.det(), x1).real_roots(multiple=False):
        both = matrix.row_join(-constant).subs(x1, r)
        minors = [both.extract([0, 1, 2], columns).det() for columns in
                  ([0, 1, 3], [0, 2, 3], [1, 2, 3])]
        assert any(abs(sp.N(minor)) > 1e-6 for minor in minors), "no solution there"


@pytest.mark.parametrize("name", catalog.names())
def test_entries_are_filled_in(name):
    found = catalog.info(name)
    game = catalog.game(name)
    assert isinstance(game, Game) and game == found.build() and game.name == name
    assert getattr(catalog, name) is found.build and name in catalog.__all__
    assert len(found.reference) > 15 and found.summary.endswith(".")
    assert len(found.summary) < 72 and len(found.notes) > 40
    assert len(repr(found).splitlines()) <= 6 and name in repr(found)
    assert len(found.box) == len(game.variables)
    for known in found.known:
        assert len(known.x) == len(game.variables)
        assert all(low <= c <= high for c, (low, high) in zip(known.x, found.box))
        assert pickle.loads(pickle.dumps(known)) == known
    assert not any(cost.atoms(sp.Float) for cost in game.valued_costs)


def _is_zero_sum(game):
    """By values at a point: expanding the iterated dilemma takes for ever."""
    f, g = _values(game, [(2*k + 1)/9 for k in range(len(game.variables))])
    return abs(f + g) < 1e-12


def test_the_zero_sum_games_are_the_declared_ones():
    general = {name for name in NAMES if not _is_zero_sum(catalog.game(name))}
    assert general == {
        "covariance", "dirac_gan", "wgan_dirac", "torus_location", "duopoly",
        "softmax_bimatrix", "prisoners_dilemma", "iterated_prisoners_dilemma",
        "dse_unstable_general_sum", "stable_not_dse_general_sum",
        "nash_unstable_general_sum", "nash_not_dse_general_sum", "tandem",
        "schur_not_total_hessian"}


def test_names_and_errors():
    assert NAMES[0] == "figure1" and len(set(NAMES)) == len(NAMES) >= 30
    assert set(NAMES) < set(catalog.names())
    with pytest.raises(GameError, match="figure1"):
        catalog.info("figure_1")
    with pytest.raises(GameError, match="names()"):
        catalog.game("\N{SNOWMAN}")


def test_a_table_refuses_a_second_game_of_a_name_and_an_empty_reference():
    table = {}

    def bilinear():
        """Nothing here."""
        return catalog.bilinear()

    entry(table, reference="folklore", box=[(-1, 1)])(bilinear)
    assert table["bilinear"].known == () and "complete" not in repr(table["bilinear"])
    with pytest.raises(GameError, match="two games"):
        entry(table, reference="folklore", box=[(-1, 1)])(bilinear)
    with pytest.raises(GameError, match="reference"):
        entry({}, reference=" ", box=[(-1, 1)])(bilinear)


def test_a_decimal_coordinate_carries_half_a_unit_of_its_last_digit():
    point = at(("-0.125", "3.5", 2), nash=None, leads=(None, True), stable=(False, None))
    assert point.x == (-sp.Rational(1, 8), sp.Rational(7, 2), 2)
    assert point.radius == sp.Rational(1, 20)
    assert point.facts == {"differential_stackelberg_reversed": Truth.YES,
                           "simultaneous": Truth.NO}


def test_importing_the_catalogue_makes_no_box_and_no_point():
    code = ("from gameanalysis import catalog\n"
            "from gameanalysis.declaration import matrix_games, separating\n"
            "import sys\n"
            "made = [n for t in (catalog._TABLE, matrix_games.TABLE, separating.TABLE)\n"
            "        for n, e in t.items() if {'box', 'known'} & set(vars(e))]\n"
            "sys.exit(str(made) if made else 0)\n")
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", [n for n in NAMES if catalog.game(n).parameters])
def test_every_parameter_matters_and_can_be_replaced(name):
    game = catalog.game(name)
    point = [(k + 1)/7 for k in range(len(game.variables))]
    for symbol, value in game.parameters.items():
        changed = game.substitute({symbol.name: value + sp.Rational(1, 99)})
        assert changed.parameters[symbol] == value + sp.Rational(1, 99)
        assert np.abs(_values(changed, point) - _values(game, point)).max() > 1e-6, symbol
        assert changed.substitute({symbol: value}) == game


@pytest.mark.parametrize("name, period", [("torus", 2*sp.pi), ("torus_location", 2*sp.pi)])
def test_the_torus_games_are_periodic(name, period):
    game = catalog.game(name)
    assert set(game.periods) == set(game.variables)
    point = {s: sp.Rational(3*k + 1, 5) for k, s in enumerate(game.variables)}
    for s in game.variables:
        assert game.periods[s] == period
        moved = {**point, s: point[s] + period}
        shorter = {**point, s: point[s] + period/2}
        for cost in game.valued_costs:
            assert abs(sp.N((cost.subs(moved) - cost.subs(point)))) < 1e-12
        assert any(abs(sp.N(cost.subs(shorter) - cost.subs(point))) > 1e-3
                   for cost in game.valued_costs)


@pytest.mark.parametrize("name, index, schur, critical_tau", [
    ("torus", 0, "0.01957", "0.7391"), ("torus", 1, "0.02647", "1.3529"),
    ("dse_unstable", 0, "2", "2"), ("jin_centre", 0, "10.5", "1"),
    ("dse_not_nash", 0, "1", "0.5"), ("realizable", 0, "1", "0"),
    ("tau_star_2", 0, "3", "2")])
def test_schur_complements_and_critical_time_scales(name, index, schur, critical_tau):
    game = catalog.game(name)
    f, g, u, v = _costs(game)
    x = dict(zip(game.variables, catalog.info(name).known[index].x))
    omega = sp.Matrix([sp.diff(f, s) for s in u] + [sp.diff(g, s) for s in v])
    jacobian = np.array(omega.jacobian(game.variables).subs(x), dtype=float)
    n = len(u)
    a, b, c, d = jacobian[:n, :n], jacobian[:n, n:], jacobian[n:, :n], jacobian[n:, n:]
    lowest = np.linalg.eigvalsh(a - b @ np.linalg.solve(d, c)).min()
    assert lowest == pytest.approx(float(schur), abs=6e-6)
    for tau, stable in ((float(critical_tau) + 1e-3, True), (float(critical_tau) - 1e-3, False)):
        if tau > 0:
            scaled = np.vstack([jacobian[:n], tau*jacobian[n:]])
            assert (np.linalg.eigvals(scaled).real.min() > 0) == stable


def test_the_two_traps_about_schur_complements():
    game = catalog.schur_not_total_hessian()
    f, g, u, v = _costs(game)
    with mp.workdps(DIGITS):
        facts = _oracle(game, (mp.mpf(0), mp.mpf(0)))
    origin = {u[0]: 0, v[0]: 0}
    a, b, c, d = (sp.diff(f, u[0], 2), sp.diff(f, u[0], v[0]), sp.diff(g, u[0], v[0]),
                  sp.diff(g, v[0], 2))
    assert (a - b*c/d).subs(origin) == 1
    assert facts["stackelberg_critical"] and facts["total"][0] == -2

    f, g, (x,), (y,) = _costs(catalog.schur_off_curve())
    leader = sp.diff(f, x) - sp.diff(g, x, y)/sp.diff(g, y, 2)*sp.diff(f, y)
    j = sp.Matrix([sp.diff(f, x), sp.diff(g, y)]).jacobian([x, y]).subs({x: 0, y: 1})
    js = sp.Matrix([leader, sp.diff(g, y)]).jacobian([x, y]).subs({x: 0, y: 1})
    assert [m[0, 0] - m[0, 1]*m[1, 0]/m[1, 1] for m in (js, j)] == [-3, 9]


@given(st.integers(1, 3), st.integers(0, 10**6))
@settings(deadline=None, max_examples=10)
def test_covariance_is_the_paper_s_game(m, seed):
    game = catalog.covariance(m, rng=seed)
    assert game == catalog.covariance(m, rng=np.random.default_rng(seed))
    values = {s.name: float(x) for s, x in game.parameters.items()}
    sigma = np.array([[values[f"Sigma{i}{j}"] for j in range(1, m + 1)]
                      for i in range(1, m + 1)])
    u = np.random.default_rng(seed).standard_normal((m, m))
    assert np.allclose(sigma, u @ u.T + np.eye(m), atol=1e-4)
    v, w = np.random.default_rng(seed + 1).standard_normal((2, m, m))
    point = (*v.flat, *w.flat)
    cost = np.sum(w*(sigma - v @ v.T))
    assert _values(game, point) == pytest.approx([cost, -cost + np.sum(w**2)/4])
    omega = sp.lambdify(game.variables, list(_omega(game)), "math")(*point)
    expected = np.concatenate([(-(w + w.T) @ v).ravel(), (v @ v.T - sigma + w/2).ravel()])
    assert np.allclose(omega, expected)


def test_covariance_arguments():
    game = catalog.covariance(2, eta=0.1, sigma=[[2, 0.5], [0.5, 1]])
    assert {s.name: value for s, value in game.parameters.items()} == {
        "eta": sp.Rational(1, 10), "Sigma11": 2, "Sigma12": sp.Rational(1, 2),
        "Sigma21": sp.Rational(1, 2), "Sigma22": 1}
    assert [s.name for s in game.variables] == "V11 V12 V21 V22 W11 W12 W21 W22".split()
    large = catalog.covariance(11, sigma=sp.eye(11))
    assert len(set(large.variables)) == 242, "V1_11 and V11_1 are two symbols"
    for wrong in ({"m": 0}, {"m": True}, {"m": 2.0}):
        with pytest.raises(GameError, match="positive integer"):
            catalog.covariance(**wrong)
    for sigma in ([[1, 2], [3, 4]], [[1]], [[1, 0]]):
        with pytest.raises(GameError, match="symmetric"):
            catalog.covariance(2, sigma=sigma)


def _sigmoid(t):
    return 1/(1 + np.exp(-np.asarray(t, dtype=float)))


@given(st.lists(st.floats(-3, 3), min_size=10, max_size=10), st.floats(0, 0.96))
@settings(deadline=None, max_examples=15)
def test_iterated_prisoners_dilemma_is_the_markov_chain_s_discounted_cost(x, gamma):
    game = catalog.iterated_prisoners_dilemma(gamma)
    p, q = _sigmoid(x[:5]), _sigmoid(x[5:])
    # Player 2 sees CD where player 1 sees DC.
    q = q[[0, 1, 3, 2, 4]]
    rows = np.stack([p*q, p*(1 - q), (1 - p)*q, (1 - p)*(1 - q)], axis=1)
    distribution, totals = rows[0], np.zeros(2)
    for k in range(900):
        totals += (1 - gamma)*gamma**k*np.array([distribution @ c for c in
                                                 ((1, 3, 0, 2), (1, 0, 3, 2))])
        distribution = distribution @ rows[1:]
    assert np.allclose(_values(game, x), totals, atol=1e-9)


def test_iterated_prisoners_dilemma_stays_a_small_expression():
    assert sum(cost.count_ops() for cost in catalog.iterated_prisoners_dilemma().costs) < 20000


@given(st.floats(-2, 2), st.floats(-2, 2), st.sampled_from([0, 2]))
@settings(deadline=None, max_examples=25)
def test_softmax_bimatrix_is_the_appendix_s_game(x1, x2, b):
    game = catalog.softmax_bimatrix(b=b)

    def policy(x):
        weights = np.exp(np.array([2.5*x + b/2, -2.5*x - b/2]))
        return weights/weights.sum()

    point = dict(zip(game.variables, (x1, x2)))
    for f, a, x in zip(game.valued_costs, (np.eye(2), np.array([[0.5, 1], [1, 0.5]])), (x1, x2)):
        assert float(f.subs(point)) == pytest.approx(
            policy(x1) @ a @ policy(x2) + 0.1*x**2/2)


def test_softmax_bimatrix_shifted_has_a_nash_point_that_is_not_stackelberg():
    game = catalog.softmax_bimatrix(b=2)
    f, g, (x,), (y,) = _costs(game)
    with mp.workdps(DIGITS):
        omega = _function([sp.diff(f, x), sp.diff(g, y)], (x, y))
        zero = mp.findroot(lambda *z: omega(*z), (-0.4247868, -0.3863493))
        facts = _oracle(game, list(zero))
        assert mp.norm(zero - mp.matrix([-0.4247868, -0.3863493])) < 1e-7
    assert facts["differential_nash"] and facts["simultaneous"]
    assert not facts["stackelberg_critical"]


@given(st.lists(st.floats(-3, 3), min_size=4, max_size=4))
@settings(deadline=None, max_examples=15)
def test_the_finite_zero_sum_and_dilemma_games(z):
    def softmax(pair):
        weights = np.exp([*pair, 0])
        return weights/weights.sum()

    game = catalog.rock_paper_scissors()
    matrix = np.array([[0, 1, -1], [-1, 0, 1], [1, -1, 0]])
    assert float(game.costs[0].subs(dict(zip(game.variables, z)))) == pytest.approx(
        softmax(z[:2]) @ matrix @ softmax(z[2:]))
    p, q = _sigmoid(z[:2])
    for name, costs in (("matching_pennies", [(2*p - 1)*(2*q - 1)]),
                        ("prisoners_dilemma", [p + 2 - 2*q, q + 2 - 2*p])):
        game = catalog.game(name)
        values = [float(f.subs(dict(zip(game.variables, z)))) for f in game.costs]
        assert np.allclose(values[:len(costs)], costs)


@given(st.fractions(-50, 50, max_denominator=20), st.fractions(-9, 9, max_denominator=9),
       st.fractions(-9, 9, max_denominator=9))
@settings(deadline=None, max_examples=20)
def test_duopoly_formulas_hold_for_all_parameters(size, c1, c2):
    f, g, (x,), (y,) = _costs(catalog.duopoly(size, c1, c2))
    size, c1, c2 = map(sp.Rational, (size, c1, c2))
    cournot = {x: (size - 2*c1 + c2)/3, y: (size + c1 - 2*c2)/3}
    assert sp.diff(f, x).subs(cournot) == 0 == sp.diff(g, y).subs(cournot)
    answer = sp.solve(sp.diff(g, y), y)[0]
    best = sp.solve(sp.diff(f.subs(y, answer), x), x)[0]
    assert (best, answer.subs(x, best)) == (size/2 - c1 + c2/2, size/4 + c1/2 - 3*c2/4)
    assert -f.subs({x: best, y: answer.subs(x, best)}) == (size - 2*c1 + c2)**2/8
    assert -f.subs(cournot) == (size - 2*c1 + c2)**2/9


@given(st.fractions("1/10", 3, max_denominator=20))
@settings(deadline=None, max_examples=5)
def test_dirac_gan_formulas_hold_for_all_mu(mu):
    for build, scale in ((catalog.dirac_gan, sp.Rational(1, 2)), (catalog.wgan_dirac, 1)):
        f, g, (t,), (p,) = _costs(build(mu))
        origin = {t: 0, p: 0}
        strength = sp.Rational(mu)
        jacobian = sp.Matrix([sp.diff(f, t), sp.diff(g, p)]).jacobian([t, p]).subs(origin)
        assert jacobian == sp.Matrix([[0, scale], [-scale, strength]])
        with mp.workdps(DIGITS):
            total = _oracle(build(mu), (mp.mpf(0), mp.mpf(0)))["total"][0]
        assert float(total) == pytest.approx(float(2*scale**2/strength), rel=1e-14)
    gradient = sp.diff(_costs(catalog.dirac_gan(mu))[0], t)
    point = {t: sp.Rational(2, 3), p: -sp.Rational(7, 5)}
    assert sp.N((gradient - p/(1 + sp.exp(t*p))).subs(point)) == pytest.approx(0, abs=1e-12)


def test_hamiltonian_takes_any_matrix_and_non_normal_any_factor():
    game = catalog.hamiltonian([[1, 0, 2], [0.5, 1, 1]])
    assert game.sizes == (2, 3)
    matrix = sp.Matrix([[sp.diff(game.costs[0], x, y) for y in game.players[1].actions]
                        for x in game.players[0].actions])
    assert matrix == sp.Matrix([[1, 0, 2], [sp.Rational(1, 2), 1, 1]])
    with mp.workdps(DIGITS):
        small = _oracle(catalog.non_normal(0.5), (mp.mpf(0), mp.mpf(0)))
    assert small["differential_nash"] and small["total"][0] == 1


def test_hamiltonian_play_conserves_two_norms():
    game = catalog.hamiltonian([[1, 0, 2], [0.5, 1, 1]])
    omega, z = _omega(game), sp.Matrix(game.variables)
    for quantity in (z.dot(z), omega.dot(omega)):
        rate = sum(-w*sp.diff(quantity, s) for w, s in zip(omega, game.variables))
        assert sp.expand(rate) == 0


def test_general_sum_time_scale_and_regularisation_claims():
    f, g, (x,), (y,) = _costs(catalog.dse_unstable_general_sum())
    tau, eta = sp.symbols("tau eta", positive=True)

    def field(f, g, eta):
        implicit = sp.diff(g, x, y)/(sp.diff(g, y, 2) + eta)
        return sp.Matrix([sp.diff(f, x) - implicit*sp.diff(f, y), sp.diff(g, y)])

    scaled = sp.diag(1, tau)*field(f, g, 0).jacobian([x, y])
    assert sp.simplify(scaled.trace() - (tau - 2)) == 0 == sp.simplify(scaled.det() - tau)
    f, g, (x,), (y,) = _costs(catalog.stable_neither())
    regular = field(f, g, 1 + eta).jacobian([x, y])
    assert sp.simplify(regular.det()) == 2 and sp.simplify(regular.trace()).is_positive


def test_figure1_at_equal_parameters_has_a_centre():
    f, g, (x,), (y,) = _costs(catalog.figure1(0.3, 0.3))
    omega = sp.lambdify((x, y), [sp.diff(f, x), sp.diff(g, y)])
    jacobian = sp.lambdify((x, y), sp.Matrix([sp.diff(f, x), sp.diff(g, y)]).jacobian([x, y]))
    spectra = []
    for start in np.random.default_rng(0).uniform(-15, 15, (60, 2)):
        answer = root(lambda z: omega(*z), start)
        if answer.success and np.abs(answer.x).max() < 20:
            spectra.append(np.linalg.eigvals(jacobian(*answer.x)))
    assert any(np.abs(s.real).max() < 1e-6 and np.abs(s.imag).min() > 1e-2 for s in spectra)
