"""Search in higher dimension: deflation, propagation, affine forms, blocks, budgets.

Oracles: zeros that are planted, products and linear changes of known systems, closed forms,
`scipy.optimize.root`, and plain floating-point values of random formulas at random points.
"""

import itertools
from fractions import Fraction

import numpy as np
import pytest
import scipy.optimize
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from gameanalysis.declaration.game import Game, Player, zero_sum
from gameanalysis.dynamics import VectorField, simultaneous_gradient
from gameanalysis.numerics import certify as certify_module
from gameanalysis.numerics.affine import AffineForms
from gameanalysis.numerics.certify import certify
from gameanalysis.numerics.critical import find_critical_points, newton
from gameanalysis.numerics.deflation import Deflation, unseen
from gameanalysis.numerics.enclosure import System
from gameanalysis.numerics.propagation import Propagation
from gameanalysis.numerics.relaxation import RelaxedSystem, by_rows
from gameanalysis.numerics.structure import pattern, triangular_blocks
from gameanalysis.numerics.taylor import TaylorSystem, system_of
from gameanalysis.numerics.undecided import Reason
from gameanalysis.compilation.compiled import compile_field
from gameanalysis.programs.graph import Graph
from gameanalysis.programs.program import Program
from gameanalysis.programs.reading import Reader
from gameanalysis.truth import Truth
from gameanalysis.verdicts.analyze import analyze
from gameanalysis.verdicts.problem import MAX_VARIABLES

x, y = sp.symbols("x y", real=True)
V = sp.symbols("v1:51", real=True)

FORMULAS = [
    x**2 - y, x**3 - y, x**3 + y**3 - x*y, (x - y)**5 - x, x*y - 1, x/y - 1, x**4 - y,
    sp.exp(x) - y - 2, sp.log(x) - y, sp.sqrt(x) - y, x**sp.Rational(3, 2) - y,
    x**sp.Rational(-1, 2) - y, sp.sin(3*x) - y, sp.cos(2*x) - y/2, -sp.sin(x) - sp.cos(y),
    sp.tan(x/4) - y, sp.tanh(x) - y, sp.sinh(x) - y, sp.cosh(x) - y - 1, sp.atan(x) - y,
    sp.asin(x/6) - y, sp.acos(x/6) - y, sp.asinh(x) - y, sp.acosh(x) - y, sp.atanh(x/6) - y,
    1/(1 + x**2) - y, sp.exp(-x**2/2)*sp.cos(y) - x/3, x/(1 + sp.exp(y)) - y,
    (x - y)*(x + y) - 1, x**2*sp.exp(-x*y) - 1, sp.pi*x - y**2]


def program_of(expressions, variables):
    graph = Graph(len(variables))
    reader = Reader(graph, dict(zip(variables, graph.variables)))
    return Program(graph, [reader.read(e) for e in expressions])


def boxes(seed, count, n=2):
    rng = np.random.default_rng(seed)
    low = rng.uniform(-5, 5, (n, count))
    return low, low + rng.uniform(0, 3, (n, count)) * 10.0 ** rng.uniform(-4, 0, count), rng


# -- enclosures -------------------------------------------------------------------

@pytest.mark.parametrize("formula", FORMULAS, ids=str)
def test_affine_forms_hold_every_value(formula):
    low, high, rng = boxes(1, 300)
    forms = AffineForms(low, high)
    with np.errstate(all="ignore"):
        value, = program_of([formula], (x, y)).evaluate(forms.inputs, forms)
        slopes = np.zeros((2, 300)) if value.slopes is None else value.slopes
        function = sp.lambdify((x, y), formula, "numpy")
        for _ in range(30):
            point = low + rng.choice([0, 1, rng.random()], (2, 300)) * (high - low)
            exact = function(*point) + 0 * point[0]
            linear = value.p + (slopes * (point - forms.center)).sum(axis=0)
            # NaN is no bound, and no value; the rest is never exceeded but by rounding here.
            assert not (np.abs(exact - linear) > value.e * (1 + 1e-12) + 1e-13 * (
                1 + np.abs(linear))).any()


def test_affine_forms_err_by_the_square_of_the_width():
    for formula in (x*y, sp.exp(x)*y, sp.sin(x + y**2), 1/(x + 3), sp.sqrt(x + 4)*y**3):
        rests = []
        for width in (1e-2, 1e-3):
            forms = AffineForms(np.full((2, 1), 0.5 - width), np.full((2, 1), 0.5 + width))
            with np.errstate(all="ignore"):
                rests.append(program_of([formula], (x, y)).evaluate(forms.inputs, forms)[0].e[0])
        assert 50 < rests[0] / rests[1] < 200, formula


@pytest.mark.parametrize("formula", FORMULAS, ids=str)
def test_propagation_keeps_every_zero(formula):
    low, high, rng = boxes(2, 400)
    function = sp.lambdify((x, y), formula, "numpy")
    propagation = Propagation(program_of([formula], (x, y)))
    least, most, empty = propagation.contract(low, high)
    assert (empty | ((least >= low) & (most <= high)).all(axis=0)).all()
    n_zeros = 0
    with np.errstate(all="ignore"):
        for _ in range(20):
            # Bisection in y on a line through each box.
            first = low[0] + rng.random(400) * (high - low)[0]
            a, b = low[1].copy(), high[1].copy()
            start = function(first, a)
            change = start * function(first, b) < 0
            for _ in range(60):
                middle = 0.5 * (a + b)
                left = start * function(first, middle) > 0
                a, b = np.where(left, middle, a), np.where(left, b, middle)
            zero = change & (np.abs(function(first, b)) < 1e-9)
            n_zeros += zero.sum()
            assert not (zero & empty).any()
            inside = ((first >= least[0]) & (first <= most[0]) & (b >= least[1] - 1e-12)
                      & (a <= most[1] + 1e-12))
            assert inside[zero].all()
    assert n_zeros > 0 or formula.has(sp.tan, sp.acosh)


def test_propagation_narrows_wide_boxes():
    # x^2 + y^2 = 1 and x y = 0.4 in [0, 100]^2.
    program = program_of([x**2 + y**2 - 1], (x, y))
    low, high, empty = Propagation(program).contract(np.zeros((2, 1)), np.full((2, 1), 100.0))
    assert not empty[0] and (low <= 0).all() and (high >= 1).all() and (high < 1 + 1e-12).all()
    outside = Propagation(program).contract(np.ones((2, 1)), np.full((2, 1), 9.0))
    assert outside[2].tolist() == [True]


def test_a_branch_that_is_not_taken_is_not_propagated():
    graph = Graph(1)
    a, = graph.variables
    program = Program(graph, [graph.select(a, graph.sub(a, graph.one), graph.apply("log", a))])
    assert not Propagation(program).applies
    field = compile_field(VectorField([V[0]] * 5, V[:5]))
    low, high, keep = RelaxedSystem(field).sift(-np.ones((5, 1)), np.ones((5, 1)))
    assert keep.all() and (low <= 0).all() and (high >= 0).all()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_rows_keep_every_solution_of_the_relaxation(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 6))
    slopes = rng.normal(size=(20, n, n)) * (rng.random((20, n, n)) < 0.7)
    reach = rng.random((20, n)) * 2
    d = reach * rng.uniform(-1, 1, (20, n))
    rest = rng.uniform(-1, 1, (20, n)) * (e := rng.random((20, n)))
    # p is chosen so that d solves p + L d + rest = 0.
    p = -(slopes @ d[:, :, None])[:, :, 0] - rest
    with np.errstate(all="ignore"):
        least, most, empty = by_rows(p, slopes, e * (1 + 1e-12) + 1e-12, reach)
    assert not empty.any() and (least <= d).all() and (d <= most).all()


def planted(rng, n, kind):
    """A system in n variables with a known rational zero, and the zero."""
    variables = V[:n]
    zero = [sp.Rational(int(rng.integers(-8, 9)), 8) for _ in variables]
    components = []
    for k in range(n):
        chosen = rng.choice(n, 3)
        i, j, m = (variables[int(c)] for c in chosen)
        e = (int(rng.integers(1, 5)) * variables[k] + i * j + int(rng.integers(-3, 4)) * m**3)
        if kind == "smooth":
            e += sp.sin(i - zero[chosen[0]]) * sp.exp(j - zero[chosen[1]])
        components.append(sp.expand(e) - e.subs(dict(zip(variables, zero)))
                          if kind == "polynomial" else
                          e - sp.nsimplify(e.subs(dict(zip(variables, zero)))))
    return VectorField(components, variables), zero


@pytest.mark.parametrize("kind", ["polynomial", "smooth"])
@pytest.mark.parametrize("seed", range(8))
def test_no_box_that_holds_a_planted_zero_is_dropped(kind, seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(5, 8))
    field, zero = planted(rng, n, kind)
    place = np.array([float(v) for v in zero])            # eighths are floats
    system = system_of(compile_field(field))
    assert isinstance(system, TaylorSystem if kind == "polynomial" else RelaxedSystem)
    width = 10.0 ** rng.uniform(-6, 0.5, 200)
    share = rng.choice([0.0, 0.3, 0.5, 1.0], (n, 200))
    low, high = place[:, None] - share * width, place[:, None] + (1 - share) * width
    low, high, keep = system.sift(low, high)
    assert keep.all()
    step = system.contract(low, high)
    assert not step.empty.any()
    assert (step.low <= place[:, None]).all() and (step.high >= place[:, None]).all()
    # And the search finds it or leaves it open, with any budget.
    for budget in (0, 40, 400):
        found = certify(field, None, [(-1, 1)] * n, max_boxes=budget)
        assert any(all(Fraction(a) <= Fraction(int(v.p), int(v.q)) <= Fraction(b)
                       for a, b, v in zip(each.low.tolist(), each.high.tolist(), zero))
                   for each in (*found.zeros, *found.undecided))


# -- blocks -----------------------------------------------------------------------

def turned_squares(n, seed):
    """n decoupled equations u_k^2 = 1 + k/8 in random unimodular coordinates u = A v."""
    rng = np.random.default_rng(seed)
    lower = np.tril(rng.integers(-1, 2, (n, n)), -1) + np.eye(n, dtype=int)
    u = [sum(int(c) * v for c, v in zip(row, V)) for row in lower]
    field = VectorField([e**2 - 1 - sp.Rational(k, 8) for k, e in enumerate(u)], V[:n])
    signs = np.array(list(itertools.product((-1, 1), repeat=n)))
    zeros = np.linalg.solve(lower, (signs * np.sqrt(1 + np.arange(n) / 8)).T).T
    return field, zeros


def test_triangular_systems_are_solved_block_by_block():
    field, zeros = turned_squares(6, 3)
    order = np.random.default_rng(4).permutation(6)
    field = VectorField([field.expressions[k] for k in order], V[:6])
    blocks = triangular_blocks(pattern(compile_field(field).value_program))
    assert len(blocks) > 1
    reach = float(np.abs(zeros).max()) + 1
    found = certify(field, None, [(-reach, reach)] * 6)
    assert found.complete is Truth.YES and len(found.zeros) == 64
    expected = zeros[np.lexsort(zeros.T[::-1])]
    assert np.allclose([z.x for z in found.zeros], expected, atol=1e-12)
    # In a smaller box those outside of it are left out.
    few = certify(field, None, [(-1.2, 1.2)] * 6)
    inside = (np.abs(zeros) <= 1.2).all(axis=1).sum()
    assert few.complete is Truth.YES and len(few.zeros) == inside < 64


def test_independent_parts_combine_and_an_empty_one_empties_all():
    circle = [[V[k]**2 + V[k + 1]**2 - 4, V[k] * V[k + 1] - 1] for k in (0, 2, 4)]
    field = VectorField(sum(circle, []), V[:6])
    found = certify(field, None, [(-3, 3)] * 6)
    # x y = 1 and x + y = +-sqrt 6
    roots = [(s * np.sqrt(6) + t * np.sqrt(2)) / 2 for s in (1, -1) for t in (1, -1)]
    expected = sorted(sum(((a, 1 / a) for a in each), ())
                      for each in itertools.product(roots, repeat=3))
    assert found.complete is Truth.YES and np.allclose([z.x for z in found.zeros], expected)
    zero = found.zeros[5]
    assert zero.region.contains(zero.low, zero.high) and zero.radius < 1e-15
    assert all(b - a < Fraction(1, 10**50) for a, b in zero.enclosure(55))
    nowhere = VectorField([*field.expressions[:5], V[5]**2 + 1 + V[4]**2], V[:6])
    assert certify(nowhere, None, [(-3, 3)] * 6).complete is Truth.YES
    assert not certify(nowhere, None, [(-3, 3)] * 6).zeros


def test_a_double_zero_in_a_block_stays_open():
    field = VectorField([(V[0] - 1)**2, *(V[k]**2 - V[k - 1] for k in range(1, 5))], V[:5])
    found = certify(field, None, [(0.1, 2)] * 5, max_boxes=20_000)
    assert found.complete is Truth.UNDECIDED
    assert any((u.low <= 1).all() and (u.high >= 1).all() for u in found.undecided)


def test_patterns_without_a_matching_have_no_blocks():
    assert triangular_blocks(np.array([[True, False], [True, False]])) is None
    full = np.ones((3, 3), dtype=bool)
    assert triangular_blocks(full) == [((0, 1, 2), (0, 1, 2))]


# -- the complete search ----------------------------------------------------------

def coupled(n, many=None):
    """Pairs of zero-sum blocks, mixed by a linear change: 9 points each in ``many`` of them."""
    half = n // 2
    a = [V[k] + V[(k + 1) % half] / 4 for k in range(half)]
    b = [V[half + k] - V[half + (k + 1) % half] / 4 for k in range(half)]
    many = half if many is None else many
    wells = [e**4 / 4 - e**2 / 2 for e in a[:many] + b[:many]]
    bowls = [e**2 + e for e in a[many:] + b[many:]]
    return zero_sum(sum(wells[:many]) - sum(wells[many:]) + sum(bowls[:half - many])
                    - sum(bowls[half - many:]), V[:half], V[half:n])


def test_a_linear_change_of_a_product_has_all_its_points():
    # In u and w each coordinate is one of -1, 0, 1; the changes are invertible.
    result = certify(simultaneous_gradient(coupled(6)), None, [(-3, 3)] * 6)
    assert result.complete is Truth.YES and len(result.zeros) == 3**6


def test_an_oligopoly_of_eight_firms_has_cournots_point():
    q = V[:8]
    costs = [sp.Rational(k, 2) for k in range(8)]
    game = Game(*[Player(-(20 - sum(q) - c) * v, v) for c, v in zip(costs, q)])
    result = analyze(game, [(0, 20)] * 8, n_starts=16)
    # q_k = (a + sum c - (n + 1) c_k) / (n + 1)
    expected = [(20 + sum(costs) - 9 * c) / 9 for c in costs]
    assert result.complete is Truth.YES
    assert [list(p.exact) for p in result] == [expected]


def wave_game(n, seed=0):
    """A fully coupled game with exp and sin."""
    rng = np.random.default_rng(seed)
    half, v = n // 2, V[:n]
    f = sum(u**2 for u in v[:half]) - sum(u**2 for u in v[half:])
    for k in range(n):
        form = sum(sp.Rational(int(c), 8) * u for c, u in zip(rng.integers(-8, 9, n), v)) / 2
        f += sp.sin(2 * form) if k % 2 else sp.exp(-form**2 / 4)
    return zero_sum(f, v[:half], v[half:])


def test_affine_forms_and_intervals_agree_on_the_list():
    compiled = compile_field(simultaneous_gradient(wave_game(5)))
    domain = np.array([(-2.0, 2.0)] * 5)
    results = []
    for kind in (System, RelaxedSystem):
        work = certify_module._Search(kind(compiled), domain, 200_000)
        work.run()
        results.append(work.certificate())
    plain, relaxed = results
    assert plain.complete is relaxed.complete is Truth.YES
    assert np.allclose([z.x for z in plain.zeros], [z.x for z in relaxed.zeros], atol=1e-14)
    assert relaxed.n_boxes < plain.n_boxes


def test_a_search_that_does_not_finish_still_lists_what_newton_found():
    game = coupled(8, 1)
    result = analyze(game, [(-3, 3)] * 8, max_boxes=2, n_starts=64)
    assert MAX_VARIABLES == 10 and result.complete is Truth.UNDECIDED
    assert {u.reason for u in result.undecided} == {Reason.BUDGET}
    found = find_critical_points(simultaneous_gradient(game), [(-3, 3)] * 8, n_starts=64)
    assert len(found) > 3
    for place in found.x:
        assert any(np.abs(p.x - place).max() < 1e-6 for p in result)
    assert 3 < sum(p.certified for p in result) <= 9
    assert any("estimate" in note for note in result.notes)


def test_the_default_budget_counts_confirmations():
    # With more than six variables zeros that are confirmed are paid for like boxes.
    field = compile_field(VectorField([v**2 - 1 + sum(V[:7]) / 100 for v in V[:7]], V[:7]))
    results = []
    for confirmation in (0, 100):
        work = certify_module._Search(system_of(field), np.array([(-2.0, 2.0)] * 7), 2000,
                                      confirmation)
        work.run()
        results.append(work.certificate())
    free, paid = results
    assert free.complete is Truth.YES and len(free.zeros) == 2**7
    assert paid.complete is Truth.UNDECIDED and paid.n_boxes < free.n_boxes < 2000
    assert {u.reason for u in paid.undecided} == {Reason.BUDGET}


# -- candidates -------------------------------------------------------------------

def test_a_deflated_step_is_the_newton_step_of_the_deflated_field():
    rng = np.random.default_rng(0)
    zeros, width = rng.normal(size=(3, 2)), np.array([1.0, 2.0])
    for power in (1, 2, 3):
        known = Deflation(zeros, width, power)
        factor = sp.Mul(*(1 + sp.sqrt(((x - sp.Float(a, 30)) / 1)**2
                                      + ((y - sp.Float(b, 30)) / 2)**2)**-power
                          for a, b in zeros.tolist()))
        g = sp.Matrix([x**3 - y, sp.sin(x) + y**2])
        for point in rng.normal(size=(3, 2)):
            at = dict(zip((x, y), point.tolist()))
            deflated = (factor * g).jacobian((x, y)).subs(at).evalf(25).solve(
                (factor * g).subs(at).evalf(25))
            plain = g.jacobian((x, y)).subs(at).evalf(25).solve(g.subs(at).evalf(25))
            step = np.array([plain], dtype=float).reshape(1, 2)
            length = known.length(point[None], step)
            assert np.allclose(step[0] * length, np.array(deflated, dtype=float).ravel())
            assert np.isclose(known.logarithm(point[None])[0], float(sp.log(factor.subs(at))))


def test_deflation_goes_elsewhere():
    field = compile_field(VectorField([x**2 - 1], [x]))
    starts = np.linspace(0.2, 2.0, 20)[:, None]
    assert np.allclose(newton(field, starts)[0], 1)
    known = Deflation(np.array([[1.0]]), np.ones(1))
    ends, converged = newton(field, starts, known=known)
    assert converged.sum() > 10 and np.allclose(ends[converged], -1)


def test_waves_find_what_starts_miss():
    # 3^8 zeros in 8 coordinates; few plain starts see few of them.
    field = simultaneous_gradient(coupled(8))
    box = [(-3, 3)] * 8
    plain = find_critical_points(field, box, n_starts=64, waves=0)
    more = find_critical_points(field, box, n_starts=64, waves=6)
    again = find_critical_points(field, box, n_starts=64, waves=6)
    assert np.array_equal(more.x, again.x) and more.n_new == again.n_new
    assert len(more) > 1.5 * len(plain) and sum(more.n_new) == len(more) - len(plain)
    assert all(np.abs(more.x - row).max(axis=1).min() < 1e-6 for row in plain.x)
    assert (more.residual < 1e-9).all() and more.hits.sum() == plain.hits.sum()
    assert "estimate" in more.missing and "deflated waves" in repr(more)


def test_waves_end():
    single = VectorField([v + sum(V[:8])**3 / 9 - 1 for v in V[:8]], V[:8])
    found = find_critical_points(single, [(-3, 3)] * 8, n_starts=40)
    assert len(found) == 1 and found.n_new == (0, 0) and found.hits[0] > 1
    assert "0 of them hit once only: about 0.0%" in found.missing
    none = find_critical_points(VectorField([v**2 + 1 for v in V[:8]], V[:8]), [(-1, 1)] * 8,
                                n_starts=10)
    assert not len(none) and none.n_new == () and "no start converged" in none.missing
    # A sphere of zeros: there is no end of them, and no wave is tried.
    sphere = VectorField([v * (sum(u**2 for u in V[:8]) - 1) for v in V[:8]], V[:8])
    assert find_critical_points(sphere, [(-2, 2)] * 8, n_starts=30).n_new == ()


def test_unseen_shares():
    assert unseen([1, 1, 1]) == (1.0, 3.0)
    assert unseen([2, 2, 1]) == (0.2, 0.0)
    assert unseen([]) == (1.0, 0.0)


# -- certification in fifty variables ---------------------------------------------

def test_a_candidate_in_fifty_variables_is_certified():
    # A ring of firms, each with its neighbours' actions in an exponential and a sine.
    field = simultaneous_gradient(zero_sum(
        sum(u**2 / 2 - w**2 / 2 + sp.exp(-u * w / 4) + sp.sin(u + w2) / 2
            for u, w, w2 in zip(V[:25], V[25:50], (*V[26:50], V[25]))), V[:25], V[25:50]))
    compiled = compile_field(field)
    peer = scipy.optimize.root(compiled.value, np.zeros(50), jac=compiled.jacobian, tol=1e-13)
    zero, = certify(compiled, peer.x[None], [(-3, 3)] * 50, max_boxes=0).zeros
    assert peer.success and np.abs(zero.x - peer.x).max() < 1e-9
    assert zero.radius < 1e-14 and zero.region.contains(zero.low, zero.high)
    narrow = zero.enclosure(40)
    assert all(b - a < Fraction(1, 10**38) for a, b in narrow)


def test_twenty_firms_are_certified_at_their_closed_form():
    q = V[:20]
    field = simultaneous_gradient(Game(*[
        Player(-(100 - sum(q) - k) * v, v) for k, v in enumerate(q)]))
    expected = [(100 + 190 - 21 * k) / 21 for k in range(20)]
    near = np.array([expected], dtype=float) + 1e-14
    zero, = certify(field, near, [(-20, 20)] * 20, max_boxes=0).zeros
    assert np.allclose(zero.x, expected, rtol=1e-14)
    for (low, high), k in zip(zero.enclosure(30), range(20)):
        assert low <= Fraction(290 - 21 * k, 21) <= high
