"""Classes of single points against exact formulas, and what a point shows."""

import itertools
import json
import pickle
import random
from fractions import Fraction

import numpy as np
import pytest
import random_games
import sympy as sp
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gameanalysis import catalog
from gameanalysis.compilation.compiled import compile_game
from gameanalysis.declaration.game import Game, Player, zero_sum
from gameanalysis.errors import BoxError, GameError
from gameanalysis.exact.minors import exact_sign
from gameanalysis.truth import Truth
from gameanalysis.verdicts.analyze import analyze, classify
from gameanalysis.verdicts.classify import Classifier, CriticalPoint
from gameanalysis.verdicts.forms import Forms, FormsAt, Matrices
from gameanalysis.verdicts.location import FloatLocation, RationalLocation

YES, NO, UNDECIDED = Truth.YES, Truth.NO, Truth.UNDECIDED
x, y, z = sp.symbols("x y z", real=True)
small = st.integers(-3, 3)


def game_of(f, g):
    return Game(Player(f, x), Player(g, y))


def origin(n):
    return RationalLocation([Fraction(0)] * n)


# -- every class of two scalar players by hand ------------------------------------

@given(st.tuples(*[small] * 6), st.tuples(*[small] * 3))
@example((1, 1, 1, 1, 0, 0), (0, 0, 0))
@example((0, 1, -1, 0, 0, 0), (0, 0, 0))
@example((1, 2, -2, -1, 0, 0), (0, 0, 0))
@settings(max_examples=50, deadline=None)
def test_two_scalar_players(second, slopes):
    a, b, c, d, e, h = second
    p, q, r = slopes
    # f1y = p, f2x = q at 0; r bends the follower's gradient, which matters where p does.
    f = sp.Rational(1, 2) * (a * x**2 + e * y**2) + b * x * y + p * y
    g = sp.Rational(1, 2) * (d * y**2 + h * x**2) + c * x * y + q * x + r * x**2 * y
    point = Classifier(game_of(f, g)).classify(origin(2))
    plane_f, plane_g = (random_games.PLANE.from_expr(sp.expand(v).subs(
        {x: sp.Symbol("x"), y: sp.Symbol("y")})) for v in (f, g))

    def sign(h):
        value = h.coeff(1)
        return (value > 0) - (value < 0)
    expected = random_games.ScalarGame(plane_f, plane_g).facts(sign, "simultaneous")
    found = random_games.truths(point)
    for name, fact in expected.items():
        assert found[name] == fact, name


@given(st.integers(0, 10**6), st.sampled_from([(1, 1), (2, 1), (1, 2), (1, 1, 1), (2, 2)]),
       st.sampled_from(["simultaneous", "stackelberg"]))
@settings(max_examples=8, deadline=None)
def test_jets_at_rational_points(seed, sizes, of):
    known = random_games.jet_game(random.Random(seed), sizes, of=of)
    game, _ = known.play()
    place = [ends[0] for ends in known.zeros[0].ends]
    point, = classify(game, [place], of)
    assert point.certified and all(
        abs(Fraction(v) - p) <= Fraction(point.radius) for v, p in zip(point.x.tolist(), place))
    found = random_games.truths(point)
    for name, fact in known.zeros[0].facts.items():
        assert found[name] == fact, name
    # In intervals about the same point nothing may contradict the exact answer.
    near, = classify(game, [[float(p) * (1 + 1e-9) + 1e-9 for p in place]], of)
    for name, fact in known.zeros[0].facts.items():
        assert random_games.truths(near)[name] in (fact, None), name


def test_forms_are_multiples_of_the_stackelberg_jacobian():
    rng = random.Random(4)
    for sizes in ((1, 1), (2, 1), (1, 2), (2, 2)):
        known = random_games.jet_game(rng, sizes)
        game, _ = known.play()
        place = [Fraction(rng.randint(-3, 3), 2) for _ in game.variables]
        at = {v: sp.Rational(p.numerator, p.denominator) for v, p in zip(game.variables, place)}
        n1 = sizes[0]
        lead, others = game.variables[:n1], game.variables[n1:]
        f, g = game.costs
        slope = sp.Matrix([g]).jacobian(others).T
        m, c = slope.jacobian(others), slope.jacobian(lead)
        if m.subs(at).det() == 0:
            continue
        total = (sp.Matrix([f]).jacobian(lead).T
                 - c.T * m.T.inv() * sp.Matrix([f]).jacobian(others).T)
        expected = total.col_join(slope).jacobian(game.variables).subs(at)
        matrices = Matrices(FormsAt(Forms(game), place, _Fractions), exact_sign, False)
        d = m.subs(at).det()
        assert sp.Matrix(matrices.stackelberg_jacobian()) == d**2 * expected
        assert sp.Matrix(matrices.total_derivative()) == d * total.subs(at)
        hessian, power = matrices.total_hessian()
        schur = (expected[:n1, :n1] - expected[:n1, n1:] * m.subs(at).inv()
                 * c.subs(at))
        assert sp.Matrix(hessian) == sp.Rational(str(power)) * schur


class _Fractions:
    """Exact rational arithmetic for polynomials."""

    defined = True

    def constant(self, value):
        return value

    def __getattr__(self, name):
        return {"add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b,
                "neg": lambda a: -a, "pow": lambda a, n: a**n}[name]


# -- given points -----------------------------------------------------------------

def test_given_points_in_several_forms():
    game = zero_sum(x**3 / 3 - x + x * y - y**2 / 2, x, y)
    golden = (5**0.5 - 1) / 2
    near, = classify(game, [(golden + 1e-4, golden)])
    again, = classify(game, (golden, golden))
    assert np.abs(near.x - again.x).max() < 1e-15 and near.label == again.label == "DNE and DSE"
    result = analyze(game, [(-3, 3)] * 2)
    assert [p.label for p in classify(game, result)] == [p.label for p in result]
    point, = classify(catalog.duopoly(), [(sp.Rational(92, 3), sp.Rational(101, 3))])
    assert point.exact == (sp.Rational(92, 3), sp.Rational(101, 3))
    assert classify(game, []) == ()


def test_given_points_that_are_not_critical():
    game = zero_sum(x**2 - y**2 + x * y, x, y)
    with pytest.raises(GameError, match="no critical point near"):
        classify(game, [(1.0, 1.0)])
    with pytest.raises(BoxError, match="2 coordinates"):
        classify(game, [(0, 0, 0)])
    with pytest.raises(GameError, match="no critical point near"):
        classify(game_of(sp.exp(x), y**2), [(0, 0)])


def test_a_given_point_outside_the_domain_is_refused():
    # omega = (x - 1/x, y) vanishes at (-1, 0), where log(x) is not real.
    game = game_of(x**2 / 2 - sp.log(x), y**2 / 2)
    assert classify(game, [(1, 0)])[0].differential_nash is YES
    for place in ((-1, 0), (-1.0, 1e-3)):
        with pytest.raises(GameError, match="not defined there"):
            classify(game, [place])


def test_a_given_point_with_a_singular_follower_is_no_zero_of_omega_s():
    game = zero_sum(x * y + y**3 + x**2, x, y)
    assert classify(game, [(0, 0)])[0].differential_stackelberg is NO
    with pytest.raises(GameError, match="not defined there"):
        classify(game, [(0, 0)], "stackelberg")


def test_a_given_point_without_enclosures_is_not_certified():
    game = game_of(sp.gamma(x), y**2)
    point, = classify(game, [(1.4616, 0)])
    assert point.certified is False and point.differential_nash is UNDECIDED
    assert abs(point.x[0] - 1.4616321449683622) < 1e-12


# -- what a point shows -----------------------------------------------------------

def test_an_uncertified_point_claims_nothing():
    point = Classifier(zero_sum(x * y - y**2, x, y)).classify(FloatLocation(np.zeros(2)))
    assert {*point.differential_stackelberg_by_leader, *point.stable.values(),
            point.differential_nash, point.hyperbolic, point.degenerate} == {UNDECIDED}
    assert point.label == "uncertified" and set(point.inertia.values()) == {None}
    plain = json.loads(json.dumps(point.to_dict(), allow_nan=False))
    assert plain["radius"] is None and plain["inertia"]["J"] is None
    # Eigenvalues are shown, rounded: they are no proof.
    assert np.allclose(point.eigenvalues["D22 f2"], [2])


@pytest.mark.parametrize("f, g, label", [
    (x**2 + y**2, None, "saddle"), (x**2 - y**2, None, "DNE and DSE"),
    (-x**2 / 2 + 2 * x * y - y**2, None, "DSE, not DNE"),
    (x**2 / 2 + 2 * x * y, y**2 / 2 + 2 * x * y, "DNE, not DSE"),
    (x**2 + 2 * x * y + y**2 / 2, None, "stable (simultaneous), not DNE, not DSE"),
    (-x**2 + y**2, None, "unstable"), (x * y, None, "degenerate, centre"),
    (x**2, y**3, "degenerate, non-hyperbolic"),
    ((x + y)**2, (x + y)**2 + 0, "DNE and DSE, modulo a symmetry of dimension 1"),
    (x**2 - y**2 + 2 * x * y, x**2 - y**2 - 2 * x * y, "degenerate, non-hyperbolic"),
    (x**2 + 3 * x * y, -y**2 - 3 * x * y, "centre"),
])
def test_labels(f, g, label):
    point = Classifier(game_of(f, -f if g is None else g)).classify(origin(2))
    assert point.label == label
    assert repr(point) == f"CriticalPoint((0, 0), {label})"


def test_an_undecided_class_is_labelled_so():
    point = Classifier(zero_sum(x**2 - y**2, x, y)).classify(origin(2))
    other = CriticalPoint(point.x, 0.0, True, UNDECIDED,
                          point.differential_stackelberg_by_leader, point.stable,
                          point.hyperbolic, point.degenerate, point.inertia, point.eigenvalues)
    assert other.label == "undecided"
    unknown = dict(point.inertia, J=None)
    other = CriticalPoint(point.x, 0.0, True, NO, (NO, NO), {"simultaneous": NO,
                                                             "stackelberg": NO},
                          UNDECIDED, NO, unknown, point.eigenvalues)
    assert other.label == "not DNE, not DSE"


def test_a_zero_that_no_arithmetic_can_see_stays_undecided():
    # D^2 f1 = 1 - (sin(1)^2 + cos(1)^2) = 0: intervals hold 0, exact numbers have no sin(1).
    one = sp.sin(1)**2 + sp.cos(1)**2
    point, = classify(game_of(x**2 / 2 - one * y**2 / 2, y**2 / 2 + x * y), [(0, 0)])
    assert point.certified and point.differential_nash is YES
    assert point.differential_stackelberg is UNDECIDED and point.label == "undecided"
    assert point.inertia["total Hessian"] is None


def test_three_players_are_classified_for_each_leader():
    # D^2 of leader 1 along the joint reaction of the others, by hand: all costs are
    # squares plus x y, so leading with x gives r' = -1/2 for y and 0 for z.
    game = Game(Player(x**2 + x * y, x), Player(y**2 + x * y, y), Player(z**2, z))
    point = Classifier(game).classify(origin(3))
    assert point.differential_stackelberg_by_leader == (YES, YES, YES)
    assert point.differential_nash is YES and len(point.eigenvalues) == 7
    assert point.inertia["total Hessian"] == (1, 0, 0) and point.inertia["J"] == (3, 0, 0)
    # D^2 f = 2 + 2 c r' with r' = -c/2 is negative for c = 3/2; x and y have det M = 7/4.
    c = sp.Rational(3, 2)
    steep = Game(Player(x**2 + c * x * y, x), Player(y**2 + c * x * y, y), Player(z**2, z))
    point = Classifier(steep).classify(origin(3))
    assert point.differential_stackelberg_by_leader == (NO, NO, YES)
    # For c = 2 the joint Jacobian of x and y, led by z, is singular: no response.
    c = 2
    steep = Game(Player(x**2 + c * x * y, x), Player(y**2 + c * x * y, y), Player(z**2, z))
    point = Classifier(steep).classify(origin(3))
    assert point.differential_stackelberg_by_leader == (NO, NO, NO)


def test_eigenvalues_are_those_of_numpy_and_read_only():
    game = zero_sum(-x**2 / 2 + 2 * x * y - y**2, x, y)
    point = Classifier(game).classify(origin(2))
    jacobian = np.array([[-1, 2], [-2, 2]])
    assert np.allclose(point.eigenvalues["J"], np.sort_complex(np.linalg.eigvals(jacobian)))
    assert np.allclose(point.eigenvalues["Schur complement"], [1])
    assert np.allclose(point.eigenvalues["total Hessian"], [1])
    for array in (point.x, *point.eigenvalues.values()):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    with pytest.raises(TypeError):
        point.stable["simultaneous"] = NO
    assert json.dumps(point.to_dict(), allow_nan=False)


def test_points_survive_a_pickle():
    for of, game in itertools.product(("simultaneous", "stackelberg"),
                                      (catalog.duopoly(), catalog.dse_not_nash())):
        point = analyze(game, catalog.info(game.name).box, of)[0]
        again = pickle.loads(pickle.dumps(point))
        assert again.to_dict() == point.to_dict() and again.of == of
        assert again.label == point.label and not again.x.flags.writeable


def test_a_function_without_enclosure_in_another_player_s_cost_leaves_its_facts_open():
    # omega has no loggamma; the leader's total derivative does.
    game = Game(Player(x**2/2 + sp.loggamma(y + 3), x), Player(y**2/2 + x**2*y, y))
    point, = analyze(game, [(-1, 1), (-1, 1)])
    assert point.differential_nash is Truth.YES
    assert point.stable["stackelberg"] is Truth.UNDECIDED


def test_many_followers_with_an_irrational_point_agree_with_floats():
    # At q = sqrt 2 all squares in f_i vanish; slopes a q_j in f_i do not enter omega.
    n = 9
    q = sp.symbols(f"q1:{n + 1}", real=True)
    generator, squares = random.Random(2), [v**2 - 2 for v in q]
    costs = [generator.choice([-3, 4])*squares[i]**2 + sum(
        generator.randint(-2, 2)*squares[i]*squares[j] + generator.randint(1, 3)*q[j]
        for j in range(n) if j != i) for i in range(n)]
    game = Game(*map(Player, costs, q))
    point, = classify(game, [[2**0.5]*n])
    assert point.certified and point.exact is None
    compiled, x = compile_game(game), np.full(n, 2**0.5)
    found = {"J": compiled.jacobian(x), "J_S": compiled.stackelberg_jacobian(x),
             "Schur complement": compiled.schur_complement(x)}
    stackelberg = found["J_S"]
    found["total Hessian"] = stackelberg[:1, :1] - stackelberg[:1, 1:] @ np.linalg.solve(
        stackelberg[1:, 1:], stackelberg[1:, :1])
    for name, matrix in found.items():
        real = np.linalg.eigvals(matrix).real
        assert abs(real).min() > 1e-3
        assert point.inertia[name] == (int((real > 0).sum()), int((real < 0).sum()), 0), name
    assert point.stable["simultaneous"] is Truth.of(point.inertia["J"][1] == 0)
    assert point.hyperbolic is Truth.YES
    assert set(point.differential_stackelberg_by_leader) == {Truth.NO}
