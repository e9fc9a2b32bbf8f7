"""Stability tables: matrices by hand at critical points, closed-form step ranges, orbits."""

import json
import pickle
from fractions import Fraction as F

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gameanalysis import catalog, plots, rules
from gameanalysis.declaration.game import Game, Player, zero_sum
from gameanalysis.errors import BoxError, GameError
from gameanalysis.motion.simulate import iterate
from gameanalysis.compilation.moves import compile_update
from gameanalysis.truth import Truth
from gameanalysis.verdicts.analyze import analyze, classify
from gameanalysis.verdicts.stability import stability_table
from gameanalysis.verdicts.steps import StepRange, Steps

YES, NO, UNDECIDED = Truth.YES, Truth.NO, Truth.UNDECIDED
x, y, z, x1, x2, y1, y2 = sp.symbols("x y z x1 x2 y1 y2", real=True)
R = sp.Rational


# -- M by hand at a critical point of a zero-sum game ---------------------------------
#
# There omega(z) = J (z - z*) to first order, and every rule is linear algebra of J.

def _parts(j, n1):
    own = sp.Matrix(j.shape[0], j.shape[0], lambda a, b: j[a, b] if (a < n1) == (b < n1) else 0)
    return j[:n1, :n1], j[:n1, n1:], j[n1:, :n1], j[n1:, n1:], own, j - own


def _blocks(a, b, c, d):
    return sp.Matrix(sp.BlockMatrix([[a, b], [c, d]]).as_explicit())


def _unrolled(j, n1, g, steps):
    a, b, c, d, _, _ = _parts(j, n1)
    keep = sp.eye(d.shape[0]) - g * d
    r = sp.zeros(*c.shape)
    for _ in range(steps):
        r = keep * r - g * c
    t = keep**steps
    # D_1 f_1 = a x + b y_k, D_2 f_1 = -(c x + d y_k), y_k = r x + t y.
    return _blocks(a + b * r - r.T * (c + d * r), b * t - r.T * d * t, c, d)


def directions(j, n1, g):
    """Names of rules whose update is z - g (G z), with G."""
    eye = sp.eye(j.shape[0])
    a, b, c, d, own, others = _parts(j, n1)
    inverse = d.inv()
    s1 = a - b * inverse * c
    down = _blocks(sp.eye(n1), sp.zeros(*b.shape), -inverse * c, sp.eye(d.shape[0]))
    ahead = (eye - g * others) * j
    return {
        "simultaneous": j, "stackelberg": _blocks(s1, sp.zeros(*b.shape), c, d),
        "extragradient": j - g * j * j, "unrolled": _unrolled(j, n1, g, 5),
        "consensus": j + j.T * j / 10, "symplectic_adjustment": j + (j.T - j) / 2 * j,
        "lookahead": ahead, "sos": ahead, "lola": (eye - g * others + g * others.T) * j,
        "competitive": (eye + g * others).inv() * j,
        "symplectic_surgery": (j + j.T) / 2, "follow_the_ridge": down * j,
        "double_follow_the_ridge": (eye - own.inv() * others) * j, "newton": eye}


def update_matrix(name, j, n1, g):
    """M of a rule with its default parameters at learning rate g."""
    n = j.shape[0]
    eye, zero = sp.eye(n), sp.zeros(n, n)
    a, b, c, d, _, _ = _parts(j, n1)
    response = -d.inv() * c if name in ("newton_follower", "complete_newton") else None
    if name == "alternating":
        first = eye - g * sp.Matrix([*j[:n1, :].tolist(), *sp.zeros(n - n1, n).tolist()])
        second = eye - g * sp.Matrix([*sp.zeros(n1, n).tolist(), *j[n1:, :].tolist()])
        return second * first
    if name == "optimistic":
        return _blocks(eye - 2*g*j, g*eye, j, zero)
    if name == "past_extragradient":
        return _blocks(eye - g*j, g**2 * j, j, -g*j)
    if name == "lookahead_optimiser":
        return (eye + (eye - g*j)**5) / 2
    if name == "newton_follower":
        return _blocks(sp.eye(n1) - g * (a + b * response), sp.zeros(n1, n - n1),
                       response, sp.zeros(n - n1, n - n1))
    if name == "complete_newton":
        return _blocks(sp.zeros(n1, n1), sp.zeros(n1, n - n1),
                       response, sp.zeros(n - n1, n - n1))
    return eye - g * directions(j, n1, g)[name]


#: The field of the flow where it is not the direction itself at g = 0.
def flow_matrix(name, j, n1):
    if name in ("newton_follower", "complete_newton"):
        return None
    if name == "lookahead_optimiser":
        return sp.Rational(5, 2) * j
    return directions(j, n1, 0).get(name, j)


def spectrum(matrix):
    """Eigenvalues to 50 digits."""
    with mpmath.workdps(60):
        return list(mpmath.eig(mpmath.matrix(matrix.evalf(60).tolist()),
                               left=False, right=False))


def jacobian_by_hand(f, variables, n1, point):
    omega = [sp.diff(f if k < n1 else -f, v) for k, v in enumerate(variables)]
    return sp.Matrix(omega).jacobian(variables).subs(
        dict(zip(variables, point))).evalf(60, maxn=200)


def refined(f, variables, n1, start):
    """A critical point to 60 digits, by Newton's method."""
    omega = sp.Matrix([sp.diff(f if k < n1 else -f, v) for k, v in enumerate(variables)])
    value, slope = (sp.lambdify(variables, matrix, "mpmath")
                    for matrix in (omega, omega.jacobian(variables)))
    with mpmath.workdps(70):
        found = mpmath.matrix([mpmath.mpf(v) for v in start])
        for _ in range(8):
            found -= mpmath.lu_solve(slope(*found), value(*found))
        return [sp.Float(v, 65) for v in found]


GAMES = {name: catalog.game(name) for name in ("figure1", "torus", "finite_learning_ratio")}
TABLES = {}


def table_of(name, step="0.05"):
    if (name, step) not in TABLES:
        game = GAMES[name]
        TABLES[name, step] = stability_table(game, analyze(game, catalog.info(name).box),
                                             step_size=R(step), ranges=len(game.variables) < 4)
    return TABLES[name, step]


@pytest.mark.parametrize("name", GAMES)
def test_enclosures_hold_the_spectra_of_matrices_by_hand(name):
    game, table, g = GAMES[name], table_of(name), R(1, 20)
    f, n1, variables = game.valued_costs[0], game.sizes[0], list(game.variables)
    assert len(table.rules) == 20
    for k, point in enumerate(table.points):
        where = refined(f, variables, n1, point.x)
        j = jacobian_by_hand(f, variables, n1, where)
        for rule in table.rules[k % 2::2] if len(table.points) > 6 else table.rules:
            cell = table.cell(rule.name, k)
            rho = max(map(abs, spectrum(update_matrix(rule.name, j, n1, g))))
            slack = mpmath.mpf(10)**-25
            assert cell.fixed is YES
            assert cell.radius.low - slack <= rho <= cell.radius.high + slack, (rule, k)
            assert cell.radius.high - cell.radius.low < 2e-4 * max(1, rho)
            assert cell.attracting is (YES if rho < 1 - slack else NO), (rule, k)
            flow = flow_matrix(rule.name, j, n1)
            if flow is None:
                assert cell.stable is None and cell.abscissa is None
                continue
            least = min(mpmath.re(v) for v in spectrum(flow))
            assert cell.abscissa.low - slack <= least <= cell.abscissa.high + slack, (rule, k)
            assert cell.stable is (YES if least > slack else NO), (rule, k)


def radii_by_hand(name, j, n1, gammas):
    """rho(M) in floats at many learning rates."""
    g = sp.Symbol("g")
    entries = update_matrix(name, j, n1, g)
    function = sp.lambdify(g, entries.tolist(), "numpy")
    return np.array([np.abs(np.linalg.eigvals(np.array(function(v), dtype=float))).max()
                     for v in gammas])


def agrees(steps, gammas, radii, margin=1e-6):
    """Whether rho < 1 exactly on the ranges, where floats can tell."""
    for gamma, rho in zip(gammas, radii):
        near = any(abs(gamma - end) < 1e-5 * end for r in steps for end in (r.low, r.high)
                   if np.isfinite(end))
        if abs(rho - 1) > margin and not near and gamma < steps.decided_to:
            assert (gamma in steps) == (rho < 1), (gamma, rho, steps)


@pytest.mark.parametrize("name", ["figure1", "torus"])
def test_ranges_hold_what_a_scan_of_learning_rates_finds(name):
    game, table = GAMES[name], table_of(name)
    f, variables = game.valued_costs[0], list(game.variables)
    gammas = np.geomspace(1e-3, 300, 41)
    for k, point in enumerate(table.points):
        j = sp.Matrix(2, 2, [R(float(v)) for v in jacobian_by_hand(
            f, variables, 1, refined(f, variables, 1, point.x))])
        for rule in table.rules[k % 2::2] if len(table.points) > 6 else table.rules:
            steps = table.cell(rule.name, k).steps
            assert steps.proved is YES, (rule, k)
            with np.errstate(over="ignore"):
                agrees(steps, gammas, radii_by_hand(rule.name, j, 1, gammas))


small = st.fractions(min_value=-3, max_value=3, max_denominator=3)
SCANNED = ("simultaneous", "alternating", "stackelberg", "extragradient", "optimistic",
           "past_extragradient", "consensus", "symplectic_adjustment", "lookahead", "lola",
           "competitive", "symplectic_surgery", "follow_the_ridge", "newton_follower", "newton",
           "unrolled", "lookahead_optimiser")


def quadratic(entries, n1, n2):
    """f = z^T H z / 2 with H symmetric and D_22 f_2 regular, and J by hand."""
    variables = (x1, x2)[:n1] + (y1, y2)[:n2]
    n, numbers = n1 + n2, iter(entries)
    h = sp.zeros(n, n)
    for a in range(n):
        for b in range(a, n):
            value = next(numbers)
            h[a, b] = h[b, a] = R(value.numerator, value.denominator)
    f = (sp.Matrix([variables]) * h * sp.Matrix(variables))[0] / 2
    j = sp.Matrix(n, n, lambda a, b: h[a, b] if a < n1 else -h[a, b])
    return zero_sum(f, variables[:n1], variables[n1:]), j


@given(st.lists(small, min_size=3, max_size=3), st.sampled_from(SCANNED))
@example([F(1), F(1), F(-1)], "alternating")
@settings(deadline=None, max_examples=60)
def test_proved_ranges_of_random_games_are_those_of_a_scan(entries, name):
    _scan(entries, 1, 1, name)


@given(st.lists(small, min_size=10, max_size=10), st.sampled_from(SCANNED))
@settings(deadline=None, max_examples=10)
def test_proved_ranges_of_random_games_of_four_variables(entries, name):
    _scan(entries, 2, 2, name)


def _scan(entries, n1, n2, name):
    game, j = quadratic(entries, n1, n2)
    _, _, _, d, own, _ = _parts(j, n1)
    if not d.det() or not j.det() or not own.det():
        return
    cell = stability_table(game, [(0,) * (n1 + n2)], name).cell(0, 0)
    top = max(float(abs(v)) for v in j)
    gammas = np.geomspace(1e-3 / top, 1e3 / top, 41)
    radii = radii_by_hand(name, j, n1, gammas)
    if cell.steps.proved is YES:
        agrees(cell.steps, gammas, radii, 1e-5)
    else:
        assert n1 + n2 > 2, (entries, name)         # in two variables all are proved
    rho = radii_by_hand(name, j, n1, [0.01])[0]
    if abs(rho - 1) > 1e-5:
        assert cell.attracting is Truth.of(bool(rho < 1))
        assert (0.01 in cell.steps) == (rho < 1)


# -- closed forms -----------------------------------------------------------------------

BILINEAR = zero_sum(x*y, x, y)


def steps_of(game, rule, point=None):
    where = point or (0,) * len(game.variables)
    steps = stability_table(game, [where], [rule]).cell(0, 0).steps
    assert steps.proved is YES and steps.decided_to == np.inf
    return [(r.low, r.high) for r in steps]


@pytest.mark.parametrize("rule, expected", [
    ("simultaneous", []), ("alternating", []), ("symplectic_surgery", []),
    ("extragradient", [(0, 1)]), ("optimistic", [(0, 3**-0.5)]),
    ("past_extragradient", [(0, 3**-0.5)]), ("lookahead", [(0, 1)]), ("sos", [(0, 1)]),
    ("competitive", [(0, np.inf)]), ("newton", [(0, 2)]),
    # |1 - g (i + lam)|^2 < 1 for J^T J = I:
    (rules.Consensus(lam=R(1, 2)), [(0, 0.8)]), (rules.Consensus(lam=0), []),
    # z+ = z - g (omega + lam S^T omega), S = J:
    (rules.SymplecticGradientAdjustment(lam=2), [(0, 0.8)]),
    # |1 - a + a (1 - i g)^2|^2 = 1 - 2a (1 - 2a) g^2 + a^2 g^4 < 1:
    (rules.LookaheadOptimiser(steps=2, alpha=R(1, 4)), [(0, 2)]),
    (rules.LookaheadOptimiser(steps=2, alpha=R(1, 2)), []),
    (rules.LookaheadOptimiser(steps=2, alpha=R(49999, 100000)), [(0, (4e-5/0.49999)**0.5)]),
    # two learning rates g and 4g are g' = 2g:
    (rules.Extragradient(tau=4), [(0, 0.5)]), (rules.Optimistic(tau=4), [(0, 3**-0.5 / 2)]),
    # eigenvalues of I - g (J - alpha H_o J), H_o = J, are 1 - g (alpha +- i):
    (rules.LookAhead(alpha=R(1, 2)), [(0, 0.8)]),
], ids=str)
def test_ranges_of_the_bilinear_game(rule, expected):
    got = steps_of(BILINEAR, rule)
    assert len(got) == len(expected)
    assert np.allclose(got, expected, rtol=1e-7) or not expected


@pytest.mark.parametrize("a, b, d", [(1, 2, 3), (-1, 3, 4), (2, -1, 1), (-1, 2, 2)])
def test_ranges_of_gradient_rules_in_closed_form(a, b, d):
    # J = [[a, b], [-b, d]].
    game = zero_sum(a*x**2/2 + b*x*y - d*y**2/2, x, y)
    j = np.array([[a, b], [-b, d]], dtype=float)
    values = np.linalg.eigvals(j)
    limit = float((2 * values.real / np.abs(values)**2).min())
    assert steps_of(game, "simultaneous") == (
        [(0, pytest.approx(limit))] if values.real.min() > 0 else [])
    s1 = a + b*b/d
    assert steps_of(game, "stackelberg") == [(0, pytest.approx(2 / max(s1, d)))]
    assert steps_of(game, "newton_follower") == [(0, pytest.approx(2 / s1))]
    assert steps_of(game, "newton") == [(0, pytest.approx(2))]
    assert steps_of(game, "complete_newton") == [(0, np.inf)]
    # Competitive play needs no limit where a = d = 0.
    assert steps_of(zero_sum(b*x*y, x, y), "competitive") == [(0, np.inf)]


def test_a_foreseen_step_keeps_what_small_steps_of_the_gradient_leave():
    # trace J < 0, so simultaneous play leaves this DSE; LookAhead with alpha has the Jacobian
    # J - alpha H_o J, trace a + d + 2 alpha b^2.
    a, b, d, alpha = -1, 2, R(1, 2), R(1, 2)
    game = zero_sum(a*x**2/2 + b*x*y - d*y**2/2, x, y)
    table = stability_table(game, [(0, 0)], ["simultaneous", rules.LookAhead(alpha=alpha)])
    assert table.points[0].differential_stackelberg
    assert table.cell(0, 0).stable is NO and not table.cell(0, 0).steps
    assert table.cell(1, 0).stable is YES
    g = sp.Matrix([[a, b], [-b, d]])
    g = g - alpha * sp.Matrix([[0, b], [-b, 0]]) * g
    values = [complex(v) for v in g.eigenvals()]
    limit = min(2 * v.real / abs(v)**2 for v in values)
    assert table.cell(1, 0).steps[0].high == pytest.approx(limit)


def test_ranges_may_begin_late_and_come_in_pieces():
    table = table_of("torus")
    late, = table.cell("competitive", 0).steps
    assert late.low == pytest.approx(0.1515, rel=1e-2) and late.high == np.inf
    assert 0.1 not in late and 5.0 in late
    # det(I + M) of competitive play has a double root: rho touches 1 at g = 40/3.
    first, second = table.cell("competitive", 4).steps
    assert first.high == second.low == pytest.approx(40/3) and second.high == np.inf
    three = Game(Player(x**2/2 + x*y - x*z, x), Player(y**2/2 - x*y + y*z, y),
                 Player(z**2/2 - y*z, z))
    steps = stability_table(three, [(0, 0, 0)], "alternating").cell(0, 0).steps
    assert len(steps) == 2 and steps.proved is YES
    j = sp.Matrix([[1, 1, -1], [-1, 1, 1], [0, -1, 1]])
    gammas = np.linspace(0.9, 1.4, 101)
    radii = []
    for g in gammas:
        m = np.eye(3)
        for k in range(3):
            step = np.eye(3)
            step[k] -= g * np.array(j, dtype=float)[k]
            m = step @ m
        radii.append(np.abs(np.linalg.eigvals(m)).max())
    agrees(steps, gammas, radii)
    assert str(steps) == "< 1, 1.24..1.26"


def test_eigenvalues_may_cross_the_circle_behind_one_that_is_outside():
    # J = diag(12, 2, 2, 2): at g = 1/2 three eigenvalues 1 - 2g + 4g^2 of extragradient play are
    # 1 at once, and every determinant of the criterion vanishes; 12 is outside from 1/12 on.
    game = zero_sum(6*x1**2 + x2**2 - y1**2 - y2**2, (x1, x2), (y1, y2))
    assert steps_of(game, "extragradient") == [(0, pytest.approx(1/12))]


def test_a_radius_may_touch_one_from_above():
    # LOLA with J and chi such that det(I + M), det(I - M) > 0 and 1 - det M = -g (g+1) (2g-1)^2.
    game = catalog.schur_off_curve()
    analysis = analyze(game, catalog.info("schur_off_curve").box)
    table = stability_table(game, analysis, "lola")
    assert all(cell.steps.proved is YES for cell in table.cells[0])
    assert len(table.cell(0, 1).steps) == 0


def test_narrow_ranges_far_from_the_natural_scale_are_found():
    # J = [[-9999, 100], [-100, 1]]: alternating play attracts where 19998 g > 19996 and
    # 4 + 19996 g > 19999 g^2.
    game = catalog.non_normal()
    high = (19996 + (19996**2 + 16*19999)**0.5) / (2*19999)
    (low, top), = steps_of(game, "alternating")
    assert low == pytest.approx(19996/19998, rel=1e-9) and top == pytest.approx(high, rel=1e-9)
    # G of follow-the-ridge has the defective eigenvalue 1, and entries of 10^6.
    assert steps_of(game, "follow_the_ridge") == [(0, pytest.approx(2, rel=2e-6))]


def test_where_the_update_has_a_pole():
    # J = [[1, b], [b, 1]]: I + g H_o is singular at g = 1/b, and M has the eigenvalues
    # 1 - g (1 + b)/(1 + g b) and 1 - g (1 - b)/(1 - g b), here b = 1/2.
    game = Game(Player(x**2/2 + x*y/2, x), Player(y**2/2 + x*y/2, y))
    got = steps_of(game, "competitive")
    assert got == [(0, pytest.approx(4/3))]


# -- fixed points that are none ---------------------------------------------------------------

def test_what_is_no_fixed_point_moves_and_is_said_to():
    game = Game(Player(x**2/2 + y, x), Player(y**2/2 - x*y, y))
    names = ["simultaneous", "lola", "unrolled", "stackelberg", "optimistic",
             rules.LOLA(alpha=R(1, 10)), rules.Unrolled(beta=R(1, 10))]
    table = stability_table(game, [(0, 0)], names)
    for rule, row in zip(table.rules, table.cells):
        orbit = iterate(rule.on(game), [0.0, 0.0], 3, step_size=0.01).x
        still = bool((orbit == 0).all())
        assert row[0].fixed is Truth.of(still), rule
        assert still or (row[0].attracting is NO and row[0].radius is None
                         and row[0].steps is None and "fixed" in row[0].note)
    # The flows of LOLA and of unrolled gradients, if what they foresee is a learning rate, are
    # simultaneous play: they attract, where the updates do not even stay.
    for name in ("simultaneous", "lola", "unrolled", "optimistic"):
        cell = table.cell(name, 0)
        assert cell.stable is YES and cell.abscissa.value == pytest.approx(1.0), name
    assert [row[0].stable for row in table.cells[3:4] + table.cells[5:]] == [NO] * 3
    assert "not at rest" in str(table) and "not fixed" in str(table)


def test_fixed_at_one_learning_rate_only():
    # The response foreseen in two steps, -g C (1 + (1 - g D)), vanishes at g = 2/D.
    game = Game(Player(x**2/2 + y, x), Player(y**2/2 - x*y, y))
    cell = stability_table(game, [(0, 0)], [rules.Unrolled(steps=2)], step_size=2).cell(0, 0)
    assert cell.fixed is YES and cell.steps is None and "at this learning rate" in cell.note
    assert cell.radius.value == pytest.approx(float(np.abs(np.linalg.eigvals(
        compile_update(rules.Unrolled(steps=2).on(game)).jacobian_program.batch(
            np.array([[0.0, 0.0, 2.0, 2.0]])).reshape(2, 2))).max()))


def test_zeros_of_the_stackelberg_gradient_in_general_sum():
    game = Game(Player(x**2/2 + y + x*y/3, x), Player(y**2/2 - x*y + y**3/30, y))
    analysis = analyze(game, [(-2, 2)] * 2, of="stackelberg")
    point, = analysis
    regular, inner = rules.StackelbergGradient(), rules.StackelbergGradient(eta=1)
    names = ["simultaneous", "extragradient", "optimistic", "lola", "consensus", "sos", regular,
             inner, rules.LookaheadOptimiser(inner=inner), rules.LookAhead(alpha=R(1, 5))]
    table = stability_table(game, analysis, names)
    for rule, row in zip(table.rules, table.cells):
        if rule == regular:
            continue
        orbit = iterate(rule.on(game), point.x, 3, step_size=0.01).x
        assert np.abs(orbit[-1] - point.x).max() > 1e-4
        assert row[0].fixed is NO and row[0].attracting is NO and row[0].stable is NO, rule
    cell = table.cell("stackelberg", 0)
    jacobian = sp.Matrix(rules.StackelbergGradient().field(game).expressions).jacobian([x, y])
    values = np.linalg.eigvals(np.array(jacobian.subs(dict(zip(
        (x, y), map(R, map(float, point.x))))), dtype=float))
    assert cell.stable is YES and cell.abscissa.value == pytest.approx(values.real.min())
    assert cell.steps[0].high == pytest.approx((2 * values.real / np.abs(values)**2).min())
    update = compile_update(regular.on(game))
    gamma = 0.3
    rest = update.at_rest([False, True])[0].batch(np.array([[*point.x, gamma]]))
    assert np.allclose(rest.reshape(2, 2), np.eye(2) - gamma * update.field.jacobian(point.x))


def test_rules_without_a_proof_say_why():
    singular = zero_sum(x**2/2 - y**4/4 + x*y**2, x, y)     # D = 3y^2 - 2x = 0 at the origin
    table = stability_table(singular, [(0, 0)])
    for name in ("stackelberg", "follow_the_ridge", "newton_follower", "newton"):
        cell = table.cell(name, 0)
        assert (cell.fixed, cell.attracting, cell.steps) == (UNDECIDED, UNDECIDED, None)
        assert cell.stable in (UNDECIDED, None) and "singular" in cell.note
        assert not np.isnan(cell.radius.value if cell.radius else 0.0)
    for name in ("simultaneous", "extragradient", "consensus", "optimistic"):
        cell = table.cell(name, 0)
        assert cell.attracting is NO and cell.stable is NO and cell.steps.proved is YES
        assert cell.abscissa.low <= 0 <= cell.abscissa.high and not cell.steps
    # With epsilon = 0 the sign of the adjustment is undefined where omega = 0.
    cell = stability_table(BILINEAR, [(0, 0)], [
        rules.SymplecticGradientAdjustment(epsilon=0)]).cell(0, 0)
    assert cell.attracting is UNDECIDED and cell.stable is UNDECIDED and "chooses" in cell.note
    double = zero_sum(x**3/3 - x**5/10 - y**2/2, x, y)
    table = stability_table(double, [(1e-9, 0)])            # a double zero, found without proof
    assert not table.points[0].certified
    for row in table.cells:
        assert row[0].attracting is UNDECIDED and row[0].fixed is UNDECIDED
        assert row[0].stable in (UNDECIDED, None) and "without proof" in row[0].note
        assert row[0].steps is None and row[0].radius is None


def test_centres_at_irrational_points_and_at_multiples_of_pi():
    game = catalog.figure1(a=0.3, b=0.3)
    analysis = analyze(game, catalog.info("figure1").box)
    centres = [k for k, p in enumerate(analysis) if "centre" in p.label]
    assert centres
    table = stability_table(game, [analysis[k] for k in centres],
                            ["simultaneous", "extragradient", "alternating"])
    for k in range(len(centres)):
        cell = table.cell("simultaneous", k)
        assert cell.stable is NO and cell.abscissa.low <= 0 <= cell.abscissa.high
        assert cell.attracting is NO and cell.radius.low > 1
        assert table.cell("extragradient", k).attracting is YES
    torus = table_of("torus")
    centre = next(k for k, p in enumerate(torus.points) if "centre" in p.label)
    assert torus.cell("simultaneous", centre).stable is NO
    for row in torus.cells:
        for cell in row:
            assert cell.fixed is YES and cell.attracting is not UNDECIDED
            assert cell.stable is not UNDECIDED and cell.steps.proved is YES


def test_points_where_entries_are_exponentials():
    # J = e [[0, 1], [-1, 0]] at (1, 1): a centre, and radii known through e.
    game = zero_sum(sp.exp(x) * (x - 1) * (y - 1), x, y)
    table = stability_table(game, [(1, 1)], ["simultaneous", "extragradient", "alternating"])
    assert table.cell(0, 0).stable is NO and table.cell(0, 0).attracting is NO
    assert [r.high for r in table.cell(1, 0).steps] == [pytest.approx(np.exp(-1))]
    assert table.cell(1, 0).radius.value == pytest.approx(
        abs(1 - 0.01j * np.e - (0.01 * np.e)**2))
    assert all(row[0].steps.proved is YES for row in table.cells)
    assert table.cell(2, 0).attracting is NO            # det M = 1, exactly


def test_systems_too_large_to_be_written_out():
    names = sp.symbols("b:7", real=True)
    apart = x**2 + sum(x*v - (k + 1) * v**2 / 2 for k, v in enumerate(names))
    f = apart - sum(u*v for u, v in zip(names, names[1:])) / 4
    table = stability_table(zero_sum(f, x, names), [(0,) * 8], ["stackelberg", "simultaneous"],
                            ranges=False)
    assert table.cell(0, 0).attracting is UNDECIDED and "numerically" in table.cell(0, 0).note
    assert table.cell(1, 0).attracting is YES
    # Followers' actions that do not meet make seven systems of one, which are written out.
    table = stability_table(zero_sum(apart, x, names), [(0,) * 8], ["stackelberg"], ranges=False)
    assert table.cell(0, 0).attracting is YES


# -- the Jacobian at rest, against the derivative of the update --------------------------------

SUM = x1**2/2 + x1*y1 - y1**2 + sp.sin(x2)*y2 + x2**2 - y2**2/3 + x1*x2*y1 + y1*y2**2
REST = {
    "2+2": (zero_sum(SUM, (x1, x2), (y1, y2)), (0, 0, 0, 0)),
    "2+1+2": (Game(Player(x1**2 + x2**2/2 + x1*x2/3 + x1*y + x2*y1**2, (x1, x2)),
                   Player(y**2/2 - y*x1 + y*y1/2, y),
                   Player(y1**2 + y2**2 + y1*y2/2 - y1*x2 + y2*y/3, (y1, y2))), (0,) * 5),
    "general": (Game(Player(x**2/2 + x*y + x**3, x), Player(y**2 - x*y/2 + y**3/7, y)), (0, 0)),
}
VARIANTS = [*rules.every(), rules.Extragradient(tau=2), rules.Alternating(tau=R(3, 2)),
            rules.Optimistic(tau=3), rules.StackelbergGradient(tau=2, eta=R(1, 2)),
            rules.LookaheadOptimiser(steps=3, alpha=R(1, 3), inner=rules.Extragradient(), tau=2),
            rules.Unrolled(steps=2, beta=R(1, 7), tau=2), rules.Consensus(lam=2, tau=R(1, 2)),
            rules.LookAhead(alpha=R(1, 5), tau=2), rules.LOLA(alpha=R(1, 5)),
            rules.StableOpponentShaping(a=R(1, 3), b=R(1, 2)), rules.CompetitiveGradient(tau=3),
            rules.LocalSymplecticSurgery(lam=R(1, 3), tau=2),
            rules.DoubleFollowTheRidge(exact=True),
            rules.DoubleFollowTheRidge(lam=R(1, 4), epsilon=1, tau=2),
            rules.SymplecticGradientAdjustment(align=False, lam=R(1, 3), tau=2)]


@pytest.mark.parametrize("name", ["figure1", "torus", "duopoly", *REST])
def test_the_jacobian_at_rest_is_the_derivative_of_the_update(name):
    if name in REST:
        game, start = REST[name]
        points = [np.array(start, dtype=float)]
    else:
        game = catalog.game(name)
        points = [p.x for p in analyze(game, catalog.info(name).box)][:4]
    n, rng, seen = len(game.variables), np.random.default_rng(1), 0
    for rule in VARIANTS:
        try:
            rule.on(game).require_defined()
        except GameError:
            continue
        update = compile_update(rule.on(game))
        rest, moved = compile_update(rule.tangent().on(game)).at_rest([True] * n)
        width = n + update.n_memory
        for point in points:
            gamma = float(rng.uniform(0.01, 0.4))
            inputs = np.array([[*point, *[0.0] * update.n_memory, *[gamma] * n]])
            if np.abs(update.displacement_program.batch(inputs)).max() > 1e-9:
                continue                                    # no fixed point of LOLA and others
            expected = (np.eye(n) - gamma * update.field.jacobian(point) if update.field
                        else update.jacobian_program.batch(inputs).reshape(width, width))
            with np.errstate(all="ignore"):
                got = rest.batch(np.array([[*point, gamma]])).reshape(width, width)
            assert np.allclose(got, expected, rtol=1e-8, atol=1e-8), (rule, point)
            assert np.abs(moved.batch(np.array([[*point, gamma]]))).max() < 1e-9
            seen += 1
        if rule.rest == "simultaneous":
            # Seen from the operations alone, whatever the rule promises.
            assert all(moved.nodes[k] == ("const", 0) for k in moved.outputs), rule
    assert seen >= 25


# -- orbits -----------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["figure1", "torus"])
def test_orbits_do_what_the_table_says(name):
    table = table_of(name)
    rng, seen = np.random.default_rng(2), set()
    for rule in table.rules:
        for k, point in enumerate(table.points):
            cell = table.cell(rule.name, k)
            away = rng.normal(size=(4, 2))
            start = point.x + 1e-6 * away / np.linalg.norm(away, axis=1)[:, None]
            steps = 400
            path = iterate(rule.on(table.game), start, steps, step_size=0.05).x
            apart = path - point.x
            if name == "torus":
                apart -= 2 * np.pi * np.round(apart / (2 * np.pi))
            distance = np.linalg.norm(apart, axis=-1)
            rho = cell.radius.value
            if cell.attracting is YES and rho < 0.99:
                seen.add("attracted")
                assert (distance[:, -1] < 1e-7).all(), (rule, k)
                end = int(min(steps, np.log(1e-5) / np.log(max(rho, 1e-3))))
                if end > 60:
                    rate = (distance[:, end] / distance[:, end // 2]) ** (1 / (end - end // 2))
                    assert np.abs(rate - rho).max() < 0.02 + 0.1 * (1 - rho), (rule, k)
            elif cell.attracting is NO and rho > 1.05:
                seen.add("left")
                reached = np.nan_to_num(distance, nan=np.inf).max(axis=1)
                assert (reached > 1e-4).all(), (rule, k)
    assert seen == {"attracted", "left"}


# -- the interface ----------------------------------------------------------------------------

def test_rules_are_names_objects_or_one_of_them():
    one = stability_table(BILINEAR, (0, 0), "optimistic")
    assert len(one.rules) == 1 and one.cell("optimistic", 0) == one.cell(0, 0)
    mixed = stability_table(BILINEAR, [(0, 0)], iter(["optimistic", rules.Extragradient(tau=2)]))
    assert list(map(str, mixed.rules)) == ["optimistic gradient", "extragradient (tau = 2)"]
    assert stability_table(BILINEAR, [(0, 0)], rules.Optimistic()).cells == one.cells
    point, = classify(BILINEAR, [(0, 0)])
    assert stability_table(BILINEAR, point, "optimistic").cells == one.cells
    assert stability_table(BILINEAR, [(0, 0)], "optimistic", ranges=False).cell(0, 0).steps is None
    whole = stability_table(BILINEAR, [(0, 0)])
    assert len(whole.rules) + len(whole.skipped) == 20
    assert all("singular everywhere" in text for text in whole.skipped)
    assert "is left out" in " ".join(str(whole).split()) and "is left out" in whole._repr_html_()


@pytest.mark.parametrize("arguments, error, text", [
    ((BILINEAR, [(0, 0)], [3]), GameError, "expected a rule such as"),
    ((BILINEAR, [(0, 0)], ["extra"]), GameError, "no learning rule called 'extra'"),
    ((BILINEAR, [(0, 0)], "newton_follower"), GameError, "singular everywhere"),
    ((BILINEAR, None), GameError, "points are an Analysis"),
    ((BILINEAR, [(0, 1)]), GameError, "no critical point near"),
    ((BILINEAR, [(0, 0, 0)]), BoxError, "needs 2 coordinates"),
    (("game", []), GameError, "expected a Game"),
    ((REST["2+1+2"][0], [(0,) * 5], "follow_the_ridge"), GameError, "for two players"),
])
def test_wrong_input_is_named(arguments, error, text):
    with pytest.raises(error, match=text):
        stability_table(*arguments)


@pytest.mark.parametrize("step", [0, -1, sp.sqrt(2), float("nan"), "0.1", None])
def test_a_learning_rate_is_a_positive_rational(step):
    with pytest.raises((GameError, TypeError), match="step_size"):
        stability_table(BILINEAR, [(0, 0)], "optimistic", step_size=step)


def test_points_of_other_fields_and_games_do_not_mix():
    game = zero_sum(x*y - y**2/2, x, y)
    analysis = analyze(game, [(-1, 1)] * 2)
    leader = analyze(game, [(-1, 1)] * 2, of="stackelberg")
    with pytest.raises(GameError, match="that of another game"):
        stability_table(BILINEAR, analysis)
    with pytest.raises(GameError, match="zeros of different fields"):
        stability_table(game, [*analysis, *leader])
    with pytest.raises(GameError, match="not of 'simultaneous'"):
        stability_table(game, leader, of="simultaneous")
    with pytest.raises(GameError, match="of is 'simultaneous' or 'stackelberg'"):
        stability_table(game, [(0, 0)], of="omega")
    with pytest.raises(GameError, match="not in this table"):
        stability_table(game, analysis, "newton").cell("lola", 0)


def test_tables_print_within_the_page():
    table = table_of("figure1")
    text = str(table)
    assert max(map(len, text.splitlines())) <= 110
    assert text.count("damped Newton") > 2                          # blocks of points
    assert "figure1: 20 rules at 9 critical points" in text.splitlines()[0]
    for k in range(9):
        assert text.count(f"\n[{k}] (") == 1                         # in the legend
        assert sum(line.startswith("rule") and f"[{k}]" in line     # and in two tables
                   for line in text.splitlines()) == 2
    assert repr(table) == text
    html = table._repr_html_()
    assert html.count("<table>") == 3 and "never" in html and "<p>" in html
    torus = str(table_of("torus"))
    assert "0.307..1.58" in torus and "> 0.152" in torus and "always" in torus
    assert "no 0 " in torus                                         # a centre, proved
    escaped = stability_table(zero_sum(x*y, x, y, name="<b>"), [(0, 0)], "optimistic")
    assert "&lt;b&gt;" in escaped._repr_html_()


def test_tables_without_points_or_rules():
    for table in (stability_table(BILINEAR, []), stability_table(BILINEAR, [(0, 0)], [])):
        assert not table.cells or not table.cells[0]
        assert "critical point" in str(table) and "critical point" in table._repr_html_()
        json.dumps(table.to_dict(), allow_nan=False)


def test_plain_data_is_strict_json():
    for table in (table_of("torus"), stability_table(
            zero_sum(x**3/3 - x**5/10 - y**2/2, x, y), [(1e-9, 0)])):
        found = json.loads(json.dumps(table.to_dict(), allow_nan=False))
        assert len(found["rules"]) == len(table.rules)
        assert len(found["points"]) == len(table.points)
    cell = found["rules"][0]["cells"][0]
    assert cell["fixed"] == "undecided" and cell["steps"] is None and cell["note"]
    steps = table_of("torus").to_dict()["rules"][13]["cells"][0]["steps"]
    assert steps["ranges"][0]["high"] is None and steps["proved"] == "yes"
    assert steps["decided_to"] is None


def test_large_and_many_player_games():
    three, start = REST["2+1+2"]
    table = stability_table(three, [start], ["simultaneous", "alternating", "optimistic"])
    assert all(row[0].attracting is YES and row[0].steps for row in table.cells)
    names = sp.symbols("a:6", real=True)
    f = sum((k + 1) * v**2 / 4 for k, v in enumerate(names[:3])) + names[0]*names[3]
    f -= sum((k + 2) * v**2 / 6 for k, v in enumerate(names[3:])) + names[1]*names[5]
    game = zero_sum(f, names[:3], names[3:])
    table = stability_table(game, [(0,) * 6], ["simultaneous", "stackelberg"])
    omega = sp.Matrix([sp.diff(f if k < 3 else -f, v) for k, v in enumerate(names)])
    values = np.linalg.eigvals(np.array(omega.jacobian(names), dtype=float))
    limit = float((2 * values.real / np.abs(values)**2).min())
    assert table.cell(0, 0).steps[0].high == pytest.approx(limit)
    assert all(row[0].steps.proved is YES for row in table.cells)


def test_pictures_take_tables():
    for kind in ("flow", "update"):
        picture = plots.stability(table_of("torus"), kind=kind)
        image, = picture.artists["cells"]
        assert image.get_array().shape == (20, 6)


def test_steps_and_ranges():
    steps = Steps((StepRange(0.0, 1.0), StepRange(2.0, np.inf)), UNDECIDED)
    assert len(steps) == 2 and steps[1].low == 2 and 3.0 in steps and 1.5 not in steps
    assert str(steps) == "< 1, > 2?" and [r.high for r in steps] == [1, np.inf]
    assert str(Steps((), YES)) == "never" and str(Steps((), UNDECIDED)) == "never?"
    assert str(Steps((StepRange(0.0, np.inf),), YES)) == "always"
    assert str(StepRange(0.5, 1.5)) == "0.5..1.5"
    assert str(StepRange(0.9999, 1.00005)) == "0.9999..1.00005"
    assert pickle.loads(pickle.dumps(steps)) == steps
