"""Games at points against exact formulas that share no code with them, and hard points."""

import itertools
import pickle
import random
from fractions import Fraction

import numpy as np
import pytest
import random_games
import sympy as sp
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sympy.polys.domains import QQ
from sympy.polys.matrices import DomainMatrix
from sympy.polys.rings import ring

from gameanalysis.declaration.game import Game, Player, zero_sum
from gameanalysis.errors import BoxError, GameError
from gameanalysis.exact import jets
from gameanalysis.exact.derivatives import (game_jacobian, schur_complement, total_derivative,
                                            total_hessian)
from gameanalysis.truth import Truth
from gameanalysis.verdicts.analyze import analyze, classify
from gameanalysis.verdicts.evidence import Order
from gameanalysis.verdicts.forms import Matrices
from gameanalysis.verdicts.local import LocalGame
from gameanalysis.verdicts.polynomial_families import PolynomialFamily

YES, NO, UNDECIDED = Truth.YES, Truth.NO, Truth.UNDECIDED
x, y, a = sp.symbols("x y a", real=True)
TAUS = (1, Fraction(1, 3), Fraction(5, 2))
SIZES = [(1, 1), (2, 1), (1, 2), (2, 2), (3, 1), (3, 2), (1, 3), (1, 1, 1), (2, 1, 1)]


def game_of(f, g):
    return Game(Player(f, x), Player(g, y))


def truths(facts):
    return {name: Truth.of(fact) for name, fact in facts.items()}


# -- an oracle: polynomials and matrices over the rationals -----------------------------

def definite(matrix):
    """Sylvester's criterion, determinants over a field."""
    n = matrix.shape[0]
    return all(matrix.extract(range(k), range(k)).det() > 0 for k in range(1, n + 1))


def lyapunov_stable(matrix):
    """Whether M' P + P M = I has a positive definite solution P (Lyapunov)."""
    n = matrix.shape[0]
    one = DomainMatrix.eye(n, QQ)
    system = (_kronecker(one, matrix.transpose()) + _kronecker(matrix.transpose(), one))
    if system.det() == 0:                   # two eigenvalues sum to zero
        return False
    solution = system.lu_solve(DomainMatrix(
        [[QQ(int(i == j))] for i in range(n) for j in range(n)], (n * n, 1), QQ))
    flat = [row[0] for row in solution.to_list()]
    return definite(DomainMatrix([flat[k:k + n] for k in range(0, n * n, n)], (n, n), QQ))


def _kronecker(left, right):
    left, right = left.to_list(), right.to_list()
    rows = [[c * d for c in first for d in second] for first in left for second in right]
    return DomainMatrix(rows, (len(rows), len(rows)), QQ)


def oracle(costs, sizes, at):
    """All facts of polynomial costs at a rational point, by elementary formulas.

    The derivatives are those of ring elements; omega_S is N / det M with polynomials N,
    by Cramer's rule, and its derivative by the rule for quotients.
    """
    n, n1, gens = sum(sizes), sizes[0], costs[0].ring.gens
    at = [QQ(v.numerator, v.denominator) for v in at]
    owner = [p for p, size in enumerate(sizes) for _ in range(size)]

    def there(poly):
        return poly(*at)

    def matrix(rows):
        return DomainMatrix([list(row) for row in rows], (len(rows), len(rows[0])), QQ)
    omega = [costs[owner[i]].diff(gens[i]) for i in range(n)]
    symbolic = [[w.diff(g) for g in gens] for w in omega]
    jacobian = matrix([[there(e) for e in row] for row in symbolic])
    starts = [0, *itertools.accumulate(sizes)]
    positive = [definite(jacobian.extract(range(s, t), range(s, t)))
                for s, t in zip(starts, starts[1:])]
    zeros = [there(w) == 0 for w in omega]
    critical, curve = all(zeros), all(zeros[n1:])
    facts = {"critical": critical, "curve": curve, "nash": critical and all(positive),
             "zero sum": len(sizes) == 2 and costs[0] == -costs[1]}
    facts |= {f"positive {p}": fact for p, fact in enumerate(positive)}

    def dynamics(name, holds, rows):
        for tau in TAUS:
            scaled = [[e * (1 if i < n1 else QQ(tau.numerator, tau.denominator)) for e in row]
                      for i, row in enumerate(rows.to_list())]
            facts[f"{name} {tau}"] = holds and lyapunov_stable(matrix(scaled))
        facts[f"{name} hyperbolic"] = random_games.hyperbolic(rows.to_Matrix())
    dynamics("simultaneous", critical, jacobian)
    follower = [row[n1:] for row in symbolic[n1:]]
    det, adjugate = _cramer(follower, costs[0].ring)
    facts["regular"] = there(det) != 0
    if not facts["regular"]:
        facts |= {"w_S": False, "stackelberg": False}
        return facts, None
    gradient = [costs[0].diff(g) for g in gens[n1:]]
    m = n - n1
    v = [sum(adjugate[j][i] * gradient[j] for j in range(m)) for i in range(m)]
    lead = [det * omega[k] - sum(symbolic[n1 + i][k] * v[i] for i in range(m))
            for k in range(n1)]
    top, d = [there(w) for w in lead], there(det)
    rows = [[(there(w.diff(g)) * d - top[k] * there(det.diff(g))) / d**2 for g in gens]
            for k, w in enumerate(lead)]
    j_s = matrix(rows + jacobian.to_list()[n1:])
    down = j_s.extract(range(n1, n), range(n1, n))
    hessian = j_s.extract(range(n1), range(n1)) - j_s.extract(range(n1), range(n1, n)) * (
        down.inv() * j_s.extract(range(n1, n), range(n1)))
    facts["w_S"] = curve and not any(top)
    facts["stackelberg"] = facts["w_S"] and all(positive[1:]) and definite(hessian)
    dynamics("stackelberg", facts["w_S"], j_s)
    schur = jacobian.extract(range(n1), range(n1)) - jacobian.extract(
        range(n1), range(n1, n)) * (down.inv() * jacobian.extract(range(n1, n), range(n1)))
    return facts, {"J": jacobian, "J_S": j_s, "S1": schur, "total": hessian, "d": d,
                   "slope": [w / d for w in top]}


def _cramer(rows, ring_):
    """det and adjugate of at most 3 x 3 ring elements by permutations."""
    def det(rows):
        total = ring_.zero
        for order in itertools.permutations(range(len(rows))):
            flips = sum(i > j for i, j in itertools.combinations(order, 2))
            term = ring_.one
            for row, j in zip(rows, order):
                term *= row[j]
            total += -term if flips % 2 else term
        return total
    n = len(rows)
    return det(rows), [[(-1)**(i + j) * det([row[:i] + row[i + 1:] for k, row in enumerate(rows)
                                             if k != j]) for j in range(n)] for i in range(n)]


def found(local):
    facts = {"critical": local.is_critical(), "curve": local.on_reaction_curve,
             "nash": local.nash, "regular": local.regular_follower,
             "w_S": local.is_critical("stackelberg"), "stackelberg": local.stackelberg}
    if local.zero_sum is not UNDECIDED:     # f and -f + c, which is not the same thing
        facts["zero sum"] = local.zero_sum
    facts |= {f"positive {p}": local.is_positive(p) for p in range(len(local.sizes))}
    fields = ["simultaneous"] + ["stackelberg"] * (local.regular_follower is YES)
    for of in fields:
        facts |= {f"{of} {tau}": local.is_stable(of, tau) for tau in TAUS}
        facts[f"{of} hyperbolic"] = local.is_hyperbolic(of)
    return facts


def random_costs(rng, sizes, kind, zero):
    """Coefficients in e of a random game: critical, w_S = 0, on the curve, or anything."""
    n, n1 = sum(sizes), sizes[0]
    owner = [p for p, size in enumerate(sizes) for _ in range(size)]
    words = [w for d in (1, 2, 3, 4) for w in itertools.combinations_with_replacement(range(n), d)]
    costs = []
    for _ in range(1 if zero else len(sizes)):
        costs.append({w: rng.choice([rng.randint(-3, 3), Fraction(rng.randint(-3, 3), 2)])
                      for w in words if rng.random() < (0.9 if len(w) < 3 else 3 / n**2)})
    if rng.random() < 0.2:                  # a degenerate follower
        for cost in costs:
            cost[n - 1, n - 1] = 0
    for i, p in enumerate(owner):
        if kind == "critical" or kind in ("curve", "w_S") and p:
            costs[0 if zero else p].pop((i,), None)
    if kind == "w_S" and not zero:
        leading_slopes(costs, sizes, n1, owner)
    return costs


def leading_slopes(costs, sizes, n1, owner):
    """D_1 f1 = C' M^-T D_y f1, so that w_S = 0 where M is regular."""
    n = sum(sizes)

    def hessian(p, i, j):
        c = costs[p].get((min(i, j), max(i, j)), 0)
        return sp.Rational(str(2 * c if i == j else c))
    m = sp.Matrix(n - n1, n - n1, lambda i, j: hessian(owner[n1 + i], n1 + i, n1 + j))
    c = sp.Matrix(n - n1, n1, lambda i, j: hessian(owner[n1 + i], n1 + i, j))
    if m.det() == 0:
        return
    gradient = sp.Matrix([sp.Rational(str(costs[0].get((n1 + i,), 0))) for i in range(n - n1)])
    for k, slope in enumerate(c.T * m.inv().T * gradient):
        costs[0][k,] = Fraction(int(slope.p), int(slope.q))


cases = st.tuples(st.integers(0, 10**6), st.sampled_from(SIZES),
                  st.sampled_from(["critical", "w_S", "curve", "any"]), st.booleans(),
                  st.booleans())


def declared(rng, costs, sizes, at):
    """The game in z, expanded, with ring elements of its costs; one number is a parameter."""
    n = sum(sizes)
    # ring elements know nothing of the shifts, expansions and jets of the library
    r, *g = ring([f"z{i}" for i in range(n)], QQ)
    polys = []
    for cost in costs:
        total = r.zero
        for word, c in cost.items():
            c = Fraction(c)
            term = r(QQ(c.numerator, c.denominator))
            for i in word:
                term *= g[i] - QQ(at[i].numerator, at[i].denominator)
            total += term
        polys.append(total)
    names = list(sp.symbols(f"z0:{n}", real=True))
    formulas = [poly.as_expr(*names) for poly in polys]
    starts = [0, *itertools.accumulate(sizes)]
    actions = [names[s:t] for s, t in zip(starts, starts[1:])]
    parameters = {}
    if rng.random() < 0.5:
        k = rng.randint(-3, 3)
        formulas[0] += (a - k) * names[0]**2 * names[-1]
        parameters[a] = k
    if len(costs) == 1:
        return zero_sum(formulas[0], *actions, parameters=parameters), [polys[0], -polys[0]]
    return Game(*map(Player, formulas, actions), parameters=parameters), polys


@given(cases)
@settings(max_examples=80, deadline=None)
def test_every_answer_as_by_polynomial_algebra(case):
    seed, sizes, kind, zero, away = case
    rng, zero = random.Random(seed), zero and len(sizes) == 2
    at = [Fraction(rng.randint(-4, 4), rng.choice([1, 1, 2])) if away else Fraction(0)
          for _ in range(sum(sizes))]
    costs = random_costs(rng, sizes, kind, zero)
    game, polys = declared(rng, costs, sizes, at)
    expected, matrices = oracle(polys, sizes, at)
    for local in (LocalGame(game, at), LocalGame.of_polynomials(costs, sizes, at)):
        facts = found(local)
        assert facts == {name: Truth.of(expected[name]) for name in facts}, local
        for name in set(expected) - set(facts):
            assert name == "zero sum" and not expected[name]
        if matrices is not None:
            compare_matrices(local, matrices)
    if len(sizes) == 2:
        turned, _ = oracle(*reversed_game(polys, sizes, at))
        facts = found(LocalGame(game, at).swapped)
        assert facts == {name: Truth.of(turned[name]) for name in facts}


def compare_matrices(local, expected):
    """Every matrix, each multiplied by what its docstring says."""
    m, scale = local.matrices, local.jet.scale
    d = m.d
    assert d == scale**(local.n - m.n1) * expected["d"]
    assert as_domain(m.jacobian) == scale * expected["J"]
    # d^2 J_S: the powers of d carry their own scales.
    assert as_domain(m.stackelberg_jacobian()) == scale * d**2 * expected["J_S"]
    rows, power = m.total_hessian()
    assert as_domain(rows) == scale * power * expected["total"]
    rows, power = m.schur_complement()
    assert as_domain(rows) == scale * power * expected["S1"]
    if not m.response_free:
        assert m.total_derivative() == [scale * d * w for w in expected["slope"]]


def as_domain(rows):
    return DomainMatrix([[QQ(e) for e in row] for row in rows], (len(rows), len(rows[0])), QQ)


def reversed_game(polys, sizes, at):
    """The second player leading: players, variables and the point in the other order."""
    n1, n = sizes[0], sum(sizes)
    order = [*range(n1, n), *range(n1)]
    r = polys[0].ring
    moved = [sum((r({tuple(word[i] for i in order): c}) for word, c in poly.items()), r.zero)
             for poly in polys]
    return moved[::-1], sizes[::-1], [at[i] for i in order]


@given(cases.filter(lambda case: sum(case[1]) < 5))
@settings(max_examples=25, deadline=None)
def test_without_jets_the_same_answers(case):
    seed, sizes, kind, zero, away = case
    rng, zero = random.Random(seed), zero and len(sizes) == 2
    at = [Fraction(rng.randint(-2, 2)) if away else Fraction(0) for _ in range(sum(sizes))]
    costs = random_costs(rng, sizes, kind, zero)
    game, _ = declared(rng, costs, sizes, at)
    local, slow = LocalGame(game, at), LocalGame(game, at)
    slow.__dict__["jet"] = None             # what it is for a point without a rational jet
    assert slow.matrices is None
    facts, expected = found(slow), found(local)
    assert facts == {name: expected[name] for name in facts} and UNDECIDED not in facts.values()


@given(st.integers(0, 10**6), st.sampled_from([(1, 1), (2, 1), (1, 2), (1, 1, 1), (2, 2)]),
       st.sampled_from(["simultaneous", "stackelberg"]))
@settings(max_examples=10, deadline=None)
def test_classification_without_jets_is_the_same_in_every_field(seed, sizes, of):
    known = random_games.jet_game(random.Random(seed), sizes, of=of)
    game, _ = known.play()
    place = [ends[0] for ends in known.zeros[0].ends]
    point, = classify(game, [place], of)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Order, "jet_at", lambda self, location: None)
        other, = classify(game, [place], of)
    record, again = point.to_dict(), other.to_dict()
    spectra, others = record.pop("eigenvalues"), again.pop("eigenvalues")
    assert record == again
    for name, values in spectra.items():
        assert (values is None) == (others[name] is None)
        if values is not None:
            size = 1 + np.abs(np.array(values)).max()
            assert np.abs(np.array(values) - np.array(others[name])).max() < 1e-6 * size, name


def test_matrices_as_the_symbolic_formulas():
    """Transcendental costs with a rational jet at the origin, against SymPy's derivatives."""
    x1, x2, y1, y2 = z = sp.symbols("x1 x2 y1 y2", real=True)
    f = sp.exp(x1 - y1) * sp.cos(x2) + x1 * y1 * y2 + sp.log(1 + x2 * y1) - y2**2 + 3 * x2 * y2
    g = sp.sinh(y1) * y2 + y1**2 - sp.sqrt(1 + y2) + y2**2 + sp.tan(x1 * y1) + x2 * y2 / (1 - x1)
    game = Game(Player(f, (x1, x2)), Player(g, (y1, y2)))
    at = dict.fromkeys(z, 0)
    local = LocalGame(game, (0, 0, 0, 0))
    m, scale = local.matrices, local.jet.scale
    assert sp.Matrix(m.jacobian) == scale * game_jacobian(game).subs(at)
    rows, power = m.schur_complement()
    assert sp.Matrix(rows) == scale * power * schur_complement(game).subs(at)
    rows, power = m.total_hessian()
    assert sp.Matrix(rows) == scale * power * sp.Matrix(total_hessian(game)).subs(at)
    assert sp.Matrix(m.total_derivative()) == (
        scale * m.d * sp.Matrix(total_derivative(game)).subs(at))


# -- zero-sum or not -------------------------------------------------------------------

def test_zero_sum_is_proved_or_open():
    f = x**2 + x * y - y**2
    assert LocalGame(zero_sum(f, x, y), (0, 0)).zero_sum is YES
    assert LocalGame(game_of(f, y**2 - x * y - x**2), (0, 0)).zero_sum is YES
    assert LocalGame(game_of(f, y**2 - x * y), (0, 0)).zero_sum is NO
    # They differ by a constant, and by a term that no derivative up to the third shows.
    assert LocalGame(game_of(f, 1 - f), (0, 0)).zero_sum is UNDECIDED
    assert LocalGame(game_of(f, x**4 - f), (0, 0)).zero_sum is UNDECIDED
    assert LocalGame(game_of(f, x**4 - f), (1, 0)).zero_sum is NO
    # Opposite in some terms only; the same; opposite once expanded.
    assert not game_of(x**4 - y**5, -x**4 - y**5).is_zero_sum
    assert not game_of(f, f).is_zero_sum and not game_of(x**4, 2 * x**4).is_zero_sum
    assert LocalGame(game_of(x**4 - y**5, -x**4 - y**5), (0, 0)).zero_sum is UNDECIDED
    assert game_of((x - y)**2, -x * (x - 2 * y) - y**2).is_zero_sum
    assert pickle.loads(pickle.dumps(zero_sum(f, x, y))) == game_of(f, -f)
    known = Game(Player(a * f, x), Player(-f, y), parameters={a: 1})
    assert LocalGame(known, (0, 0)).zero_sum is YES
    assert LocalGame(known.substitute({a: 2}), (0, 0)).zero_sum is NO
    three = Game(*(Player(v**2, v) for v in (x, y, a)))
    assert LocalGame(three, (0, 0, 0)).zero_sum is NO


def test_the_short_cut_for_zero_sum_games_is_for_critical_followers_only():
    """f2 = -f1 up to the third order, or off the reaction curve: D_y f1 counts."""
    f = x * y + y - y**2 / 2 + x * y**2
    assert LocalGame(zero_sum(f, x, y), (0, 1)).matrices.response_free
    assert not LocalGame(zero_sum(f, x, y), (0, 0)).matrices.response_free
    # D2 f2 = 0 and the jets are opposite, but not known to stay so: nothing is skipped.
    almost = LocalGame(game_of(f, x**9 - f), (0, 1))
    assert almost.zero_sum is UNDECIDED and not almost.matrices.response_free
    # D2 f2 = 0 in general sum, D_y f1 = 5.
    general = LocalGame(game_of(x**2 + 5 * y + x * y, y**2 / 2 - x * y + x**2 * y), (0, 0))
    assert general.on_reaction_curve is YES and not general.matrices.response_free


# -- points that are not rational --------------------------------------------------------

def assert_agrees(local, point, n_players=2):
    """A LocalGame of a critical point says what its classification says."""
    assert local.is_critical(point.of) is YES
    assert local.on_reaction_curve is YES
    assert local.nash is point.differential_nash
    assert local.stackelberg is point.differential_stackelberg
    assert local.is_stable() is point.stable["simultaneous"]
    assert local.is_stable("stackelberg") is point.stable["stackelberg"]
    assert UNDECIDED not in local.facts().values()


@pytest.mark.parametrize("game, of", [
    # algebraic: x^2 + x = 1
    (zero_sum(x**3 / 3 - x + x * y - y**2 / 2, x, y), "simultaneous"),
    # transcendental: exp(x) + x/2 = 2
    (zero_sum(sp.exp(x) - 2 * x + x * y - y**2, x, y), "simultaneous"),
    (game_of(sp.exp(x) - 2 * x + x * y, y**2 - x * y / 2), "simultaneous"),
    (game_of(sp.exp(x) - 2 * x + x * y, y**2 - x * y / 2), "stackelberg"),
    # multiples of pi
    (zero_sum(sp.cos(x) + x * sp.sin(y) / 5 + 2 * sp.cos(y), x, y), "simultaneous")])
def test_critical_points_stand_for_the_exact_zero(game, of):
    result = analyze(game, [(-2, 4)] * 2, of=of)
    assert len(result)
    for point in result:
        local = LocalGame(game, point)
        assert_agrees(local, point)
        again = pickle.loads(pickle.dumps(local))
        assert again.facts() == local.facts() and again.game == game
        other = "stackelberg" if of == "simultaneous" else "simultaneous"
        if local.zero_sum is YES:
            assert local.is_critical(other) is YES


def test_a_zero_of_one_field_need_not_be_one_of_the_other():
    game = game_of(sp.exp(x) - 2 * x + x * y, y**2 - x * y / 2)
    for of, other in (("simultaneous", "stackelberg"), ("stackelberg", "simultaneous")):
        point, = analyze(game, [(-2, 4)] * 2, of=of)
        local = LocalGame(game, point)
        assert local.is_critical(of) is YES and local.is_critical(other) is NO


def test_points_given_by_irrational_numbers():
    game = zero_sum(-sp.cos(x) + x * y - 2 * y * sp.pi - y**2, x, y)
    local = LocalGame(game, (2 * sp.pi, 0))
    assert local.is_critical() is YES and local.nash is YES
    # Nearby it is not, and a square root is never proved to be a zero, only not to be one.
    assert LocalGame(game, (2 * sp.pi + sp.Rational(1, 10**9), 0)).is_critical() is NO
    root = zero_sum(x**4 - 4 * x**2 + x * y - y**2 - sp.sqrt(2) * y, x, y)
    assert LocalGame(root, (sp.sqrt(2), 0)).nash is UNDECIDED
    assert LocalGame(root, (sp.sqrt(3), 0)).nash is NO


def test_parameters_that_are_irrational():
    game = Game(Player(a * x**2 + x * y, x), Player(y**2 - x * y, y), parameters={a: sp.sqrt(2)})
    local = LocalGame(game, (0, 0))
    assert local.jet is None
    assert local.nash is YES and local.stackelberg is YES and local.is_stable(tau=7) is YES


# -- points where a cost is not defined, or not smooth ------------------------------------

@pytest.mark.parametrize("f, g, at", [
    # D(y^2/2 - log y) = y - 1/y is 0 and increasing at y = -1, where log y is not real
    (x**2, y**2 / 2 - sp.log(y), (0, -1)),
    (x**2, sp.log(y**2), (0, 0)),
    # x >= 0: at the edge there is no derivative, whatever the formula of it says
    (x**2 + x**sp.Rational(5, 2), y**2, (0, 0)),
    (x**2 + sp.sqrt(x) * x**3, y**2, (0, 0)),
    (x**2 + x**sp.Rational(7, 3), y**2, (-1, 0)),
    # 0**0 and (-1)**y
    (x**2 + (x + 1) * y**2, y**2 + y**(x + 2), (0, 0)),
    (x**2, (y**2 + (x - 1)**y), (0, 0)),
    # removable in the limit only
    (x**2 + sp.sin(x) / x, y**2, (0, 0)),
    (x**2 + (x**3 - x) / x, y**2, (0, 0)),
    (sp.asin(x) - x, y**2, (1, 0)),
    (x**2 + sp.atanh(x)**3 * 0 + sp.acosh(x), y**2, (0, 0))])
def test_nothing_is_claimed_where_a_cost_is_not_defined(f, g, at):
    local = LocalGame(game_of(f, g), at)
    assert local.jet is None
    facts = local.facts()
    assert set(facts.values()) == {UNDECIDED}
    assert local.on_reaction_curve is local.is_positive(0) is local.is_hyperbolic() is UNDECIDED


def test_log_of_a_square_is_smooth_away_from_zero():
    local = LocalGame(game_of(x**2, y**2 - sp.log(y**2)), (0, -1))
    assert local.is_critical() is YES and local.nash is YES
    # At 2 the jet is not rational, but everything is decided.
    game = game_of(x**2 - 4 * x, (y - 3)**2 + 0 * sp.log(y) + sp.log(y) / 10**6)
    assert LocalGame(game, (2, 3)).is_critical() is NO


def test_a_function_without_a_formula_is_not_the_one_of_that_name():
    sine = sp.Function("sin")
    assert jets.taylor([sine(x)], [x], [0]) is None
    with pytest.raises(GameError, match="without a formula"):
        Player(sine(x)**2, x)


def test_numbers_left_unmultiplied_count():
    f = sp.Mul(2, 3, x, y, evaluate=False) - y**2
    assert LocalGame(zero_sum(f, x, y), (0, 0)).matrices.jacobian == [[0, 6], [-6, 2]]


# -- what a LocalGame is -------------------------------------------------------------------

def test_it_is_a_pair():
    game = zero_sum(x * y - y**2, x, y)
    declared_game, point = LocalGame(game, (0, Fraction(1, 2)))
    assert declared_game is game and point == (0, sp.Rational(1, 2))
    assert LocalGame(game, (0.1, 0)).point == (sp.Rational(1, 10), 0)
    assert LocalGame(game, np.array([1, 2])).point == (1, 2)


@given(cases)
@settings(max_examples=20, deadline=None)
def test_swapped_twice_is_the_same(case):
    seed, sizes, kind, zero, away = case
    if len(sizes) != 2:
        return
    rng = random.Random(seed)
    at = [Fraction(rng.randint(-4, 4)) if away else Fraction(0) for _ in range(sum(sizes))]
    costs = random_costs(rng, sizes, kind, zero)
    game, _ = declared(rng, costs, sizes, at)
    for local in (LocalGame(game, at, {"tau": 2}), LocalGame.of_polynomials(costs, sizes, at)):
        twice = local.swapped.swapped
        assert twice.game == local.game and twice.point == local.point
        copied = pickle.loads(pickle.dumps(local.swapped))
        assert found(copied) == found(local.swapped) and copied.game == local.swapped.game
        back = copied.swapped
        assert found(back) == found(local)
        assert back.game == local.game and back.point == local.point
        assert back.values == local.values


def test_swapped_keeps_terms_of_every_order():
    local = LocalGame(zero_sum(x**5 + x * y - y**4 - y**2, x, y), (0, 0))
    other = local.swapped
    assert other.game == local.game.reordered(1) and other.game.costs[1] == local.game.costs[0]
    turned = LocalGame(game_of(sp.cos(x) + y, y**2 + sp.pi * x * y), (sp.pi, 1)).swapped
    assert turned.point == (1, sp.pi) and turned.is_critical() is NO
    with pytest.raises(GameError, match="two players"):
        LocalGame.of_polynomials([{}, {}, {}], (1, 1, 1)).swapped
    point, = analyze(zero_sum(sp.exp(x) - 2 * x + x * y - y**2, x, y), [(-2, 4)] * 2)
    with pytest.raises(GameError, match="exact numbers"):
        LocalGame(zero_sum(sp.exp(x) - 2 * x + x * y - y**2, x, y), point).swapped


def test_values_are_exact_and_those_of_the_swapped_game_follow():
    local = LocalGame(zero_sum(x * y - y**2, x, y), (0, 0), {"tau": 2, "eta": 0.1})
    assert local.values == {"tau": 2, "eta": Fraction(1, 10)} and local.value("gamma", 5) == 5
    assert local.swapped.values == local.values
    other = local.with_values(tau=Fraction(1, 2))
    assert other.values == {"tau": Fraction(1, 2), "eta": Fraction(1, 10)}
    assert other.swapped.values == other.values and local.value("tau") == 2
    assert other.game is local.game and other.facts() == local.facts()
    with pytest.raises(TypeError):
        local.values["tau"] = 3
    with pytest.raises(GameError, match="tau must be a rational number"):
        local.with_values(tau=sp.sqrt(2))
    with pytest.raises(GameError, match="tau"):
        local.with_values(tau=float("nan"))


@pytest.mark.parametrize("asked", [False, True])
def test_pickles_before_and_after_it_was_asked(asked):
    for local in (LocalGame(zero_sum(x * y - y**2, x, y), (0, 0), {"tau": 3}),
                  LocalGame(game_of(sp.exp(x) * x, y**2), (1, 0)),
                  LocalGame(game_of(sp.cos(x), y**2), (sp.pi, 0)),
                  LocalGame.of_polynomials([{(0, 1): Fraction(1, 2)}], (1, 1), [1, 2]),
                  LocalGame.of_polynomials([{(0, 1): 1}, {(1, 1): 1}], (1, 1),
                                           more=[None, wave])):
        if asked:
            local.facts(), local.is_hyperbolic(), local.label, local.matrices
        again = pickle.loads(pickle.dumps(local))
        assert again.facts() == local.facts() and again.values == local.values
        assert again.game == local.game and again.point == local.point
        assert again.zero_sum is local.zero_sum


def wave(e):
    return sp.sin(e[0]) * e[1]


def test_other_matrices_are_asked_instead():
    class Wrong(Matrices):
        def total_hessian(self):
            return [[1]], 1
    local = LocalGame(zero_sum(-x**2 + y * x / 2 - y**2, x, y), (0, 0), {"tau": 3})
    assert local.stackelberg is NO
    mutant = local.with_matrices(Wrong)
    assert mutant.stackelberg is YES and local.stackelberg is NO
    assert mutant.values == local.values and mutant.game is local.game
    assert pickle.loads(pickle.dumps(mutant.with_matrices(Matrices))).stackelberg is NO


def test_no_formula_is_written_before_it_is_shown():
    for costs in ([{(0, 0): 1, (0, 1): 2, (1, 1): -1}], [{(0, 0): 1}, {(1, 1): 1, (0, 1): 1}]):
        local = LocalGame.of_polynomials(costs, (1, 1))
        found(local), found(local.swapped), local.label
        assert "game" not in local.__dict__ and "game" not in local.swapped.__dict__
        assert local.game.sizes == (1, 1) and "game" in local.__dict__


def test_terms_that_are_added_are_derived_too():
    local = LocalGame.of_polynomials(
        [{(0, 0): 1}, {(1, 1): 1}], (1, 1), [1, 2],
        more=[lambda e: sp.exp(e[0]) * e[1], None])
    f, g = local.game.costs
    scale = local.jet.scale
    assert local.matrices.jacobian == [[2 * scale, scale], [0, 2 * scale]]
    assert sp.simplify(f - ((x - 1)**2 + sp.exp(x - 1) * (y - 2))) == 0 and g == (y - 2)**2
    again = LocalGame(local.game, (1, 2))
    assert found(again) == found(local)
    with pytest.raises(GameError, match="no rational jet"):
        LocalGame.of_polynomials([{}, {}], (1, 1), more=[lambda e: sp.exp(e[0] + 1), None])


def test_what_does_not_fit_is_refused():
    game = zero_sum(x * y, x, y)
    with pytest.raises(BoxError, match="2 coordinates"):
        LocalGame(game, (0, 0, 0))
    with pytest.raises(GameError, match="expected a Game"):
        LocalGame("x*y", (0, 0))
    for wrong in (float("inf"), float("nan"), "1", None, sp.I, x):
        with pytest.raises(GameError):
            LocalGame(game, (wrong, 0))
    with pytest.raises(GameError, match="3 players have 3 costs"):
        LocalGame.of_polynomials([{}], (1, 1, 1))
    with pytest.raises(BoxError, match="2 coordinates"):
        LocalGame.of_polynomials([{}], (1, 1), [0])
    with pytest.raises(AttributeError, match="no attribute 'nah'"):
        LocalGame(game, (0, 0)).nah


def test_shown():
    local = LocalGame(zero_sum(x * y - y**2, x, y), (0, Fraction(1, 2)), {"tau": 2})
    assert repr(local) == ("LocalGame(f1 = x*y - y**2, f2 = -x*y + y**2 at (x | y) = (0, 1/2), "
                           "tau = 2)")
    assert r"\tau = 2" in local.latex() and local._repr_latex_().startswith("$")


# -- families held as coefficients -----------------------------------------------------------

@given(st.integers(0, 10**6), st.sampled_from([(1, 1), (2, 1), (2, 2), (1, 1, 1)]),
       st.sampled_from([(2,), (2, 3, 4), (0, 1, 2, 3)]), st.booleans())
@example(0, (2, 2), (2, 3, 4), True)
@settings(max_examples=25, deadline=None)
def test_a_family_is_its_games(seed, sizes, degrees, zero):
    rng, zero = random.Random(seed), zero and len(sizes) == 2
    family = PolynomialFamily(sizes, degrees, zero_sum=zero)
    row = [rng.choice([rng.randint(-3, 3), Fraction(rng.randint(-5, 5), 3)])
           for _ in range(family.n_coefficients)]
    at = [Fraction(rng.randint(-2, 2), rng.choice([1, 2])) for _ in range(sum(sizes))]
    local = family.at(row, at)
    # The costs by hand, from the monomials that the family lists.
    symbols = [v for own in jets.action_names(sizes) for v in own]
    m = len(family.monomials)
    costs = [sp.expand(sum(
        sp.Rational(str(c)) * sp.prod([symbols[i] - sp.Rational(str(at[i])) for i in word])
        for word, c in zip(family.monomials, row[k:k + m]))) for k in range(0, len(row), m)]
    if zero:
        costs.append(-costs[0])
    assert [sp.expand(f) for f in local.game.costs] == [sp.expand(f) for f in costs]
    game = Game(*map(Player, costs, jets.action_names(sizes)))
    assert found(local) == found(LocalGame(game, at))


def test_rows_of_any_numbers():
    family = PolynomialFamily((1, 1), (2,))
    facts = family.at([Fraction(-1, 2), 2, -1]).facts()
    for row in ([-0.5, 2, -1], np.array([-0.5, 2, -1]), [sp.Rational(-1, 2), sp.Integer(2), -1],
                (np.float64(-0.5), np.int64(2), -1)):
        assert family.at(row).facts() == facts
    assert family.at(np.array([1, 2, -1])).facts() == family.at([1, 2, -1]).facts()
    with pytest.raises(GameError, match="a coefficient"):
        family.at([sp.sqrt(2), 0, 0])
    with pytest.raises(GameError, match="3 coefficients, not 2"):
        family.at([1, 2])
    for wrong in (dict(sizes=(1,)), dict(sizes=(1, 0)), dict(sizes=(1, 1, 1)),
                  dict(sizes=(1, 1), degrees=()), dict(sizes=(1, 1), degrees=(-1,))):
        with pytest.raises(GameError):
            PolynomialFamily(**wrong)


def test_more_than_six_variables():
    """Minors beyond the size that is expanded, against floats with a clear margin."""
    rng = random.Random(5)
    family = PolynomialFamily((4, 4), (2,))
    kinds = set()
    for _ in range(15):
        row = [rng.randint(-2, 2) + (i == j) * (2 if i < 4 else -4) for i, j in family.monomials]
        local = family.at(row)
        j = np.array(local.matrices.jacobian, dtype=float)
        schur = j[:4, :4] - j[:4, 4:] @ np.linalg.solve(j[4:, 4:], j[4:, :4])
        spectra = [np.linalg.eigvals(j).real, np.linalg.eigvalsh(schur)]
        assert min(map(np.min, map(np.abs, spectra))) > 1e-3
        assert local.is_stable() is Truth.of(bool(spectra[0].min() > 0))
        follower = np.linalg.eigvalsh(j[4:, 4:]).min() > 0
        assert local.stackelberg is Truth.of(bool(spectra[1].min() > 0 and follower))
        kinds.add(local.label)
    assert len(kinds) > 1
