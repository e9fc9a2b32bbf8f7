"""Oligopolies: closed forms, backward substitution and brute force against the library.

The oracles are the textbook formulas, firms that substitute the answers of those below them
into their own profits with SymPy (backward induction), and nested one-dimensional minimisation.
"""

from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from numpy.polynomial import Chebyshev
from scipy.optimize import brentq, minimize_scalar

from gameanalysis.declaration import oligopolies
from gameanalysis.declaration.hierarchy import Hierarchy
from gameanalysis.declaration.oligopolies import (cournot, isoelastic, oligopoly,
                                                  oligopoly_quantities)
from gameanalysis.errors import GameError
from gameanalysis.exact.anticipation import (hierarchy_gradient_column, hierarchy_hessians,
                                             responses)
from gameanalysis.truth import Truth
from gameanalysis.verdicts.analyze import analyze, classify
from gameanalysis.verdicts.hierarchy_search import analyze_hierarchy, classify_hierarchy

A, c = sp.symbols("A c", real=True)
ORDERS = [[(0, 1, 2)], [0, (1, 2)], [(0, 1), 2], [0, 1, 2], [2, 0, 1], [1, (0, 2)]]


def backward_induction(game, levels):
    """The equilibrium: from the lowest level up, solve and substitute into all costs."""
    costs = {k: cost for k, cost in enumerate(game.costs)}
    q, solved = game.variables, {}
    for firms in reversed(levels):
        own = [q[k] for k in firms]
        answer = sp.solve([costs[k].diff(q[k]) for k in firms], own, dict=True)[0]
        solved = {v: e.subs(answer) for v, e in solved.items()} | answer
        costs = {k: cost.subs(answer) for k, cost in costs.items()}
    return [sp.cancel(solved[v]) for v in q]


def the_same(left, right):
    return all(sp.cancel(sp.together(a - b)) == 0 for a, b in zip(left, right, strict=True))


# -- linear demand --------------------------------------------------------------------------

def test_three_firm_stackelberg_equals_its_closed_form_exactly():
    game = cournot(3)
    found = responses(Hierarchy(game, [0, 1, 2]))[0]
    assert [sp.expand(found[v]) for v in game.variables] == [
        A/2 - c/2, A/4 - c/4, A/8 - c/8]
    result = analyze_hierarchy(Hierarchy(game, [0, 1, 2]), [(0, 100)]*3)
    assert result.complete is Truth.YES
    assert [p.exact for p in result] == [(48, 24, 12)]
    assert result[0].equilibrium is Truth.YES and result[0].differential_nash is Truth.NO
    thirds = analyze_hierarchy(Hierarchy(cournot(3, A=1, c=0.3), [0, 1, 2]), [(0, 1)]*3)
    assert thirds[0].exact == tuple(sp.Rational(7, 10)/2**k for k in (1, 2, 3))


@pytest.mark.parametrize("n", [2, 4, 5])
def test_firms_one_after_another_halve_what_is_left(n):
    game = cournot(n)
    found = responses(Hierarchy(game, range(n)))[0]
    assert the_same([found[v] for v in game.variables],
                    [(A - c)/2**k for k in range(1, n + 1)])


def test_the_leader_of_n_firms_and_cournot_have_the_textbook_quantities():
    for n in (2, 3, 4):
        game = cournot(n)
        together = responses(Hierarchy(game, [range(n)]))[0]
        led = responses(Hierarchy(game, [0, range(1, n)]))[0]
        assert the_same([together[v] for v in game.variables], [(A - c)/(n + 1)]*n)
        assert the_same([led[v] for v in game.variables],
                        [(A - c)/2] + [(A - c)/(2*n)]*(n - 1))


@pytest.mark.parametrize("levels", ORDERS, ids=str)
def test_unequal_rising_costs_in_every_order(levels):
    game = oligopoly()
    if levels != [0, 1, 2]:         # one order with symbols, the others with other numbers
        game = oligopoly((3, 1, 2.5), A=60, s=2)
    hierarchy = Hierarchy(game, levels)
    symbols = {s.name: s for s in game.parameters}
    costs = [symbols[f"c{k}"] for k in (1, 2, 3)]
    closed = oligopoly_quantities(hierarchy.levels, symbols["A"], costs, symbols["s"])
    values = tuple(e.subs(game.parameters) for e in closed)
    if levels == [0, 1, 2]:
        assert the_same(closed, backward_induction(game, hierarchy.levels))
        derived = responses(hierarchy)[0]
        assert the_same([derived[v] for v in game.variables], closed)
    else:
        valued = game.without_parameters()
        assert tuple(backward_induction(valued, hierarchy.levels)) == values
        derived = responses(hierarchy.without_parameters())[0]
        assert tuple(derived[v] for v in game.variables) == values
    assert all(0 < v < 60 for v in values)
    result = analyze_hierarchy(hierarchy, [(0, 60)]*3)
    assert result.complete is Truth.YES and [p.exact for p in result] == [values]
    point, = classify_hierarchy(hierarchy, [values])
    assert point.exact == values and point.radius < 1e-14
    assert point.equilibrium is Truth.YES
    assert (point.differential_nash is Truth.YES) == (len(levels) == 1)


def test_total_hessians_of_a_chain_are_s_plus_two_over_the_damping():
    game = oligopoly()
    s = next(symbol for symbol in game.parameters if symbol.name == "s")
    damping = [sp.S.One]
    for _ in range(2):
        damping.insert(0, damping[0] + 1/(s + 1/damping[0]))
    found = hierarchy_hessians(Hierarchy(game, [0, 1, 2]))
    assert the_same([h[0, 0] for h in found], [s + 2/d for d in damping])


def test_the_chain_favours_the_first_and_the_price_falls_with_each_level():
    prices = []
    for levels in (ORDERS[0], ORDERS[1], ORDERS[3]):
        quantities = oligopoly_quantities(Hierarchy(cournot(), levels).levels, 100, (4, 4, 4))
        prices.append(100 - sum(quantities))
    assert prices == [28, 20, 16]


# -- demand of elasticity one ---------------------------------------------------------------

def contest(i, q):
    return q[i] - q[i]/sum(q)


def brute_force_chain():
    """Nested minimisation: the third answers the second, who answers the first."""
    def third(u):
        # d/dq (q - q/(u + q)) = 0: a root is found to more digits than a minimum.
        return brentq(lambda q: 1 - u/(u + q)**2, 1e-3, 1, xtol=1e-15)

    def second(q1):
        return minimize_scalar(lambda q: contest(1, (q1, q, third(q1 + q))), bounds=(0.1, 0.5),
                               method="bounded", options={"xatol": 1e-9}).x

    def cost(q1):
        q2 = second(q1)
        return contest(0, (q1, q2, third(q1 + q2)))
    # The leader's cost has the rounding of q2 in it: the minimum of a smooth fit.
    fit = Chebyshev.interpolate(np.vectorize(cost), 12, domain=[0.3, 0.42])
    inside = [r.real for r in fit.deriv().roots() if abs(r.imag) < 1e-9 and 0.3 < r.real < 0.42]
    first, = inside
    assert fit.deriv(2)(first) > 0
    return first, second(first), third(first + second(first))


CHAIN = tuple(sp.sympify(e) for e in ("(3 + 2*sqrt(3))/18", "(3 + sqrt(3))/18", "1/6"))


def test_the_sequential_contest_of_three_is_its_closed_form():
    result = analyze_hierarchy(Hierarchy(isoelastic(), [0, 1, 2]),
                               [(0.3, 0.4), (0.2, 0.3), (0.1, 0.2)])
    point, = result
    assert result.complete is Truth.YES and point.equilibrium is Truth.YES
    assert point.differential_nash is Truth.NO and point.stable is Truth.YES
    gaps = [abs(sp.N(exact - sp.Float(x, 30), 30)) for exact, x in zip(CHAIN, point.x.tolist())]
    assert max(gaps) <= point.radius + 1e-29
    assert np.abs(np.array(brute_force_chain()) - point.x).max() < 1e-4


def test_the_sequential_contest_satisfies_the_symbolic_conditions():
    game = isoelastic().without_parameters()
    hierarchy = Hierarchy(game, [0, 1, 2])
    # From the closed form of the answers: with t = sqrt(q1 + q2) the leader pays phi(t), and
    # where phi' = 0 its cost has the second derivative phi''/(dq1/dt)^2 in q1.
    t = sp.Symbol("t")
    q1 = 2*t**3 - t**2
    phi = q1 - q1/t
    best = (3 + sp.sqrt(3))/6
    assert sp.simplify(phi.diff(t).subs(t, best)) == 0
    expected = (phi.diff(t, 2)/q1.diff(t)**2).subs(t, best)
    formulas = [*hierarchy_gradient_column(hierarchy), hierarchy_hessians(hierarchy)[0][0, 0]]
    with mp.workdps(60):
        point = [mp.mpmathify(v.evalf(70)) for v in CHAIN]
        *column, total = sp.lambdify(game.variables, formulas, "mpmath", cse=True)(*point)
        assert max(map(abs, column)) < mp.mpf(10)**-50
        assert abs(total - mp.mpmathify(expected.evalf(70))) < mp.mpf(10)**-45


def test_the_contest_of_two_led_by_the_first_for_all_costs():
    k1, k2 = sp.symbols("k1 k2", positive=True)
    game = isoelastic((1, 2))
    column = hierarchy_gradient_column(Hierarchy(game, [0, 1]))
    symbols = {s.name: s for s in game.parameters}
    at = {game.variables[0]: k2/(4*k1**2), game.variables[1]: (2*k1 - k2)/(4*k1**2),
          symbols["c1"]: k1, symbols["c2"]: k2}
    assert [sp.simplify(e.subs(at)) for e in column] == [0, 0]


def test_cournot_in_the_contest_with_unequal_costs():
    costs = (Fraction(1), Fraction(3, 2), Fraction(2))
    total = 2/sum(costs)
    expected = [total - k*total**2 for k in costs]
    box = [(0.02, 1)]*3
    result = analyze_hierarchy(Hierarchy(isoelastic(costs), [(0, 1, 2)]), box)
    assert result.complete is Truth.YES
    assert [Fraction(int(v.p), int(v.q)) for v in result[0].exact] == expected


# -- the entries ----------------------------------------------------------------------------

def numbers(game, known):
    """omega, J, omega_S and J_S of three scalar players, from SymPy alone."""
    q, f = game.variables, game.without_parameters().costs
    omega = sp.Matrix([e.diff(v) for e, v in zip(f, q)])
    lower, y = omega[1:, :], q[1:]
    slope = sp.Matrix([f[0].diff(v) for v in y])
    v = lower.jacobian(y).T.LUsolve(slope)
    stacked = sp.Matrix([omega[0] - (lower.diff(q[0]).T*v)[0, 0], *lower])
    at = dict(zip(q, known.x))
    return [m.subs(at) for m in (omega, omega.jacobian(q), stacked, stacked.jacobian(q))]


@pytest.mark.parametrize("name", sorted(oligopolies.TABLE))
def test_every_claim_of_an_entry_holds(name):
    entry = oligopolies.TABLE[name]
    game = entry.build()
    assert entry.reference and entry.complete and len(entry.box) == game.n_players == 3
    nash_point, led = entry.known
    omega, jacobian, *_ = numbers(game, nash_point)
    assert not any(omega)
    spectrum = np.linalg.eigvals(np.array(jacobian, dtype=float))
    assert nash_point.facts["differential_nash"] is Truth.YES
    assert all(jacobian[k, k] > 0 for k in range(3))
    assert nash_point.facts["simultaneous"] is Truth.of(bool((spectrum.real > 0).all()))
    omega, jacobian, stacked, slope = numbers(game, led)
    assert any(omega) and not any(stacked) and led.facts["differential_nash"] is Truth.NO
    total = slope[:1, :1] - slope[:1, 1:]*slope[1:, 1:].LUsolve(slope[1:, :1])
    assert total[0, 0] > 0 and all(jacobian[k, k] > 0 for k in (1, 2))
    assert led.facts["differential_stackelberg"] is Truth.YES
    spectrum = np.linalg.eigvals(np.array(slope, dtype=float))
    assert led.facts["stackelberg"] is Truth.of(bool((spectrum.real > 0).all()))
    # The same from the library's verdicts, and the other leaders.
    first, = classify(game, [nash_point.x])
    second, = classify(game, [led.x], of="stackelberg")
    for point, known in ((first, nash_point), (second, led)):
        facts = known.facts
        assert point.differential_nash is facts["differential_nash"]
        assert point.differential_stackelberg_by_leader[:2] == (
            facts["differential_stackelberg"], facts["differential_stackelberg_reversed"])
        for kind in ("simultaneous", "stackelberg"):
            assert kind not in facts or point.stable[kind] is facts[kind]


@pytest.mark.parametrize("name", ["cournot", "oligopoly"])
def test_a_linear_oligopoly_has_one_critical_point_in_the_whole_space(name):
    entry = oligopolies.TABLE[name]
    result = analyze(entry.build(), None)
    assert result.complete is Truth.YES and [p.exact for p in result] == [entry.known[0].x]


def test_wrong_firms_are_refused():
    for build in (lambda: cournot(1), lambda: cournot(2.0), lambda: oligopoly((3,)),
                  lambda: isoelastic((1,))):
        with pytest.raises(GameError, match="two or more firms"):
            build()
    with pytest.raises(GameError, match="must be positive"):
        isoelastic((1, -1))
