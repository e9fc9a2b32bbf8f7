"""Continuation: branches, events and proofs against closed forms, resultants and algebra."""

import json
import math
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp

import gameanalysis as ga
from gameanalysis.checkpoints import CheckpointError
from gameanalysis.errors import BoxError, GameError, ShapeError
from gameanalysis.numerics.arclength import End, Path, corrected, follow, prove, trace
from gameanalysis.programs.graph import Graph
from gameanalysis.compilation.parametric import ParametricField, ParametricGame
from gameanalysis.truth import Truth
from gameanalysis.parameters.branches import Continuation
from gameanalysis.parameters.continuation import continuation
from gameanalysis.parameters.unfoldings import EventKind as Kind
from strict_json import loads

x, y, lam = sp.symbols("x y lam", real=True)
SQUARE = [(-4, 4), (-4, 4)]


def one_sided(f, value=1, follower=-y**2/2, name=""):
    """The zero-sum game of f(x, lam) with a follower that stays at 0."""
    return ga.zero_sum(f + follower, x, y, parameters={lam: value}, name=name)


CUSP = one_sided(x**4/4 - 3*x**2/2 - lam*x, follower=x*y/3 - y**2/2, name="cusp")


def events(found, kind):
    return [e for e in found.events if kind in (e.kind, *e.also)]


@pytest.fixture(scope="module")
def cusp():
    return continuation(CUSP, lam, (-3, 3), box=SQUARE)


# -- the corrector and the tubes, without a game ---------------------------------------------

def curve(expression):
    """G(x, p) = 0 with one component, from a function of graph, x and p."""
    graph = Graph(2)
    return ParametricField(graph, [expression(graph, *graph.variables)], 1)


def hyperbola(gap):
    """x^2 - p^2 = gap^2: two branches that nearly touch."""
    return curve(lambda g, a, p: g.sub(g.sub(g.pow(a, 2), g.pow(p, 2)), g.constant(gap**2)))


def circle():
    return curve(lambda g, a, p: g.sub(g.add(g.pow(a, 2), g.pow(p, 2)), g.one))


UNIT, FAR = np.ones(2), np.full(2, 5.0)


def test_a_circle_closes_and_every_piece_is_proved():
    path = trace(circle(), np.array([0.0, 1.0]), np.array([1.0, 0.0]), -FAR, FAR, unit=UNIT,
                 max_step=0.3)
    assert path.end is End.CLOSED
    assert np.abs(np.hypot(*path.z.T) - 1).max() < 1e-12
    turned = np.unwrap(np.arctan2(*path.z.T))
    assert abs(abs(turned[-1] - turned[0]) - 2 * math.pi) < 1e-12
    path, tubes = prove(circle(), path, UNIT)
    assert tubes.proved.all()
    for k in range(len(tubes.proved)):          # the arc between two points is in its tube
        angle = np.arctan2(*path.z[k:k + 2].T)
        turn = (angle[1] - angle[0] + math.pi) % (2 * math.pi) - math.pi
        for share in (0.1, 0.5, 0.9):
            at = angle[0] + share * turn
            point = np.array([math.sin(at), math.cos(at)])
            assert tubes.contains(k, point - 1e-12, point + 1e-12)


@pytest.mark.parametrize("max_step", [0.02, 0.5])
def test_no_step_jumps_to_the_branch_beside(max_step):
    system = hyperbola(Fraction(1, 1000))
    start = np.array([math.hypot(1, 1e-3), -1.0])
    ways = dict(along=np.array([0.0, 1.0]), low=-FAR, high=np.array([5.0, 1.0]), unit=UNIT,
                max_step=max_step)
    jumped = trace(system, start, **ways)          # in floats: down the straight line
    assert jumped.z[-1, 0] < 0 and not prove(system, jumped, UNIT)[1].proved.all()
    path, tubes = follow(system, start, **ways)
    assert path.end is End.RANGE
    assert (path.z[:, 0] > 0).all() and tubes.proved.all()


def test_a_jump_is_not_proved():
    system = hyperbola(Fraction(1, 10))
    p = np.linspace(-1, 1, 21)
    z = np.column_stack([np.sign(p + 0.05) * np.hypot(p, 0.1), p])
    moved = np.tile([0.0, 1.0], (21, 1))
    path, tubes = prove(system, Path(z, moved, End.RANGE), UNIT)
    jumps = np.flatnonzero(np.diff(np.sign(path.z[:, 0])))
    assert len(jumps) == 1 and not tubes.proved[jumps[0]]


def test_two_curves_in_a_tube_are_not_one():
    # x (x - p) = 0: both lines lie in any tube round one of them near the origin.
    system = curve(lambda g, a, p: g.mul(a, g.sub(a, p)))
    z = np.column_stack([np.zeros(9), np.linspace(-1, 1, 9)])
    _, tubes = prove(system, Path(z, np.tile([0.0, 1.0], (9, 1)), End.RANGE), UNIT)
    crossing = np.abs(tubes.middle[:, 1]) <= np.abs(tubes.chord[:, 1])
    assert not tubes.proved[crossing & (np.abs(tubes.middle[:, 1])
                                        <= np.abs(tubes.chord[:, 1]) / 2)].any()
    assert tubes.proved[np.abs(tubes.middle[:, 1]) > 0.5].all()


def test_the_corrector_stays_in_its_hyperplane_or_gives_up():
    begin, normal = np.array([0.9, 0.7]), np.array([-0.6, 0.8])
    z = corrected(circle(), begin, UNIT, normal)
    assert abs(normal @ (z - begin)) < 1e-14 and abs(z @ z - 1) < 1e-14
    assert corrected(circle(), np.array([3.0, 0.1]), UNIT, np.array([1.0, 0.0])) is None


# -- folds, borders, branch points -----------------------------------------------------------

def test_folds_are_where_the_discriminant_vanishes(cusp):
    # y = x/3 leaves x^3 - (26/9) x - lam, with the discriminant 4 (26/9)^3 - 27 lam^2.
    exact = sp.solve(sp.discriminant(x**3 - sp.Rational(26, 9)*x - lam, x), lam)
    folds = events(cusp, Kind.FOLD)
    assert len(cusp) == 1 and cusp.certified and len(folds) == 2
    for event, value in zip(folds, sorted(exact)):
        assert event.certified and event.radius < 1e-14
        assert abs(event.value - float(value)) <= 1e-14 + event.radius
        assert {event.before, event.after} == {"saddle", "DSE, not DNE"}


def test_the_border_of_dne_is_where_the_leaders_curvature_vanishes(cusp):
    borders = events(cusp, Kind.NASH)           # 3 x^2 = 3, lam = x^3 - (26/9) x
    assert [e.exact for e in borders] == [
        (1, sp.Rational(1, 3), sp.Rational(-17, 9)), (-1, sp.Rational(-1, 3), sp.Rational(17, 9))]
    assert all({e.before, e.after} == {"DNE and DSE", "DSE, not DNE"} for e in borders)


def test_continuations_from_both_ends_meet(cusp):
    ends = [ga.analyze(CUSP.substitute({lam: v}), SQUARE) for v in (-3, 3)]
    low, high = (continuation(CUSP, lam, (-3, 3), start=found, at=v, box=SQUARE)
                 for found, v in zip(ends, (-3, 3)))
    assert low.meets(high) is Truth.YES and low.meets(cusp) is Truth.YES
    for event, other in zip(low.events, high.events):
        assert event.kind is other.kind
        assert np.abs(event.x - other.x).max() < 1e-13 and abs(event.value - other.value) < 1e-13
    # Pointwise, by another route: the cubic is solved at each value.
    for branch in (*low, *high):
        for x0, value in zip(branch.x[:, 0], branch.values):
            assert abs(x0**3 - 26*x0/9 - value) < 1e-12
    shifted = CUSP.substitute({lam: 1})
    other = continuation(ga.zero_sum(shifted.costs[0] + x, x, y, parameters={lam: 1}), lam,
                         (-3, 3), box=SQUARE)
    assert low.meets(other) is Truth.NO


def test_the_number_of_points_changes_only_at_folds(cusp):
    assert cusp.consistent().truth is Truth.YES
    for value, count in ((-2.5, 1), (-1.8, 3), (0, 3), (1.8, 3), (2.5, 1)):
        roots = sp.Poly(x**3 - sp.Rational(26, 9)*x - sp.Rational(str(value)), x)
        assert cusp.count(value) == roots.count_roots() == count


def test_a_branch_that_was_not_followed_is_missed():
    game = one_sided(x**3/3 - (lam**2 + 1)*x)
    found = continuation(game, lam, (-1, 1), start=[(math.sqrt(2), 0)], box=SQUARE)
    answer = found.consistent()
    assert answer.truth is Truth.NO and "no branch passes" in str(answer)


def test_a_pitchfork_and_its_arms():
    found = continuation(one_sided(x**4/4 - lam*x**2/2), lam, (-1, 1), box=SQUARE)
    assert len(found) == 2
    arms = next(b for b in found if abs(b.x).max() > 0.5)
    assert np.abs(arms.x[:, 0]**2 - arms.values).max() < 1e-12 and arms.x[:, 0].min() < -0.99
    points = events(found, Kind.BRANCH)
    assert [e.exact for e in points] == [(0, 0, 0)] * 2 and all(e.certified for e in points)
    assert not [e for e in found.events if e.kind is Kind.FOLD]
    assert found.consistent().truth is Truth.YES


def test_a_transcritical_point_and_the_branch_that_only_starts_there():
    # x (x - lam) (with a follower): the other line is found from the crossing alone.
    game = one_sided(x**3/3 - lam*x**2/2)
    found = continuation(game, lam, (-1, 1), start=[(0, 0)], box=SQUARE)
    slopes = sorted(float(b.x[-1, 0] / b.values[-1]) for b in found)
    assert np.abs(np.array(slopes) - [0, 1]).max() < 1e-12
    assert all(e.certified and e.kind is Kind.BRANCH for e in found.events)
    alone = continuation(game, lam, (-1, 1), start=[(0, 0)], box=SQUARE, crossings=False)
    assert len(alone) == 1


def test_an_island_is_found_at_an_inner_section():
    game = one_sided(x**3/3 + (lam**2 - 1)*x)
    found = continuation(game, lam, (-2, 2), box=SQUARE)
    assert len(found) == 1 and found[0].closed and found[0].certified
    assert np.abs(found[0].x[:, 0]**2 + found[0].values**2 - 1).max() < 1e-12
    assert [e.exact for e in events(found, Kind.FOLD)] == [(0, 0, -1), (0, 0, 1)]
    assert found.consistent([-1.5, -0.5, 0.5, 1.5]).truth is Truth.YES


def test_folds_of_figure_1_are_where_its_resultant_gains_two_roots():
    found = continuation(ga.catalog.figure1(), "a", (0.19, 0.23), box=[(-30, 30)] * 2)
    (fold,) = events(found, Kind.FOLD)
    assert fold.certified and found.certified
    # The oracle: roots of the resultant of the two polynomial factors, at rational a.
    f = ga.catalog.figure1().costs[0]
    x1, x2 = ga.catalog.figure1().variables
    a, b = ga.catalog.figure1().parameters
    counts = []
    for value in (fold.value - 1e-5, fold.value + 1e-5):
        exact = f.subs({a: sp.Rational(round(value * 10**7), 10**7), b: sp.Rational(1, 4)})
        g = [sp.expand(sp.simplify(sp.diff(exact, v) * sp.exp((x1**2 + x2**2)/100)))
             for v in (x1, x2)]
        counts.append(sp.Poly(sp.resultant(*g, x2), x1).count_roots())
    assert counts[1] - counts[0] == 2 == found.count(fold.value + 1e-5) - found.count(
        fold.value - 1e-5)


def test_a_branch_is_not_counted_where_a_cost_is_not_defined():
    # x - lam/x = 0 has two zeros, but log x is a cost for x > 0 only.
    found = continuation(one_sided(x**2/2 - lam*sp.log(x)), lam, (0.1, 1), start=[(1, 0), (-1, 0)],
                         at=1, box=SQUARE)
    assert sorted(b.segments[0].label for b in found) == ["DNE and DSE", "undefined"]
    assert found.count(0.5) == 1 and found.consistent([0.5]).truth is Truth.YES


def test_points_that_fill_a_line_are_not_followed():
    # D1 f1 = D2 f2 = 2 (x + y - lam): every point of a line is critical, at every lam.
    cost = (x + y - lam)**2
    game = ga.Game(ga.Player(cost, x), ga.Player(cost, y), parameters={lam: 1})
    with pytest.raises(GameError, match="no isolated critical point"):
        continuation(game, lam, (0, 1), start=[(0, 0)], box=SQUARE)


# -- stability -------------------------------------------------------------------------------

def test_tau_star_of_the_torus_is_a_hopf_point():
    found = continuation(ga.catalog.torus(), "tau", (0.1, 3), box=[(-sp.pi, sp.pi)] * 2)
    stars = [e for e in events(found, Kind.HOPF) if e.before == "DSE, not DNE"]
    # A + tau D = 0 with A = a - 1 = -17/20, D = 1 + b = 23/20 at (0, 0); (pi, pi) swaps signs.
    assert [e.stable_after for e in stars] == [Truth.YES] * 2
    for event, exact in zip(stars, (Fraction(17, 23), Fraction(23, 17))):
        assert event.certified
        assert abs(Fraction(event.value) - exact) <= Fraction(event.radius) + Fraction(1, 10**16)
    for event in stars:
        said = ga.guarantees.tau_star(ga.catalog.torus(), event.x).tau_star
        assert abs(event.value - said) < 1e-14


@pytest.mark.parametrize("f, star", [(-x**2 + 5*x*y - y**2, 1), (-x**2 + 2*x*y - y**2/2, 2)])
def test_tau_star_of_quadratic_games(f, star):
    (hopf,) = continuation(ga.zero_sum(f, x, y), "tau", (0.5, 3), box=SQUARE).events
    assert hopf.kind is Kind.HOPF and hopf.certified and abs(hopf.value - star) <= 1e-15
    assert (hopf.stable_before, hopf.stable_after) == (Truth.NO, Truth.YES)


def test_the_dirac_gan_turns_from_focus_to_node_at_mu_one():
    found = continuation(ga.catalog.dirac_gan(), "mu", (0.25, 2), box=[(-1, 1)] * 2)
    (node,) = found.events
    assert node.kind is Kind.NODE and node.exact == (0, 0, 1)
    for segment in found[0].segments:
        values = segment.point.eigenvalues
        assert abs(values["Schur complement"][0] * 4 * segment.value - 1) < 1e-12
        assert (segment.value < 1) == np.iscomplexobj(values["J"])


def test_a_hopf_point_of_a_general_sum_game_and_no_neutral_saddle():
    # trace J = (1 - lam) + 1/4 at 0, det J = 4 + ...: a pair crosses at lam = 5/4 ...
    game = ga.Game(ga.Player(x**2/2*(1 - lam) + 2*x*y + x**3*y, x),
                   ga.Player(y**2/8 - 2*x*y + x*y**2, y), parameters={lam: 0})
    (hopf,) = [e for e in continuation(game, lam, (0, 3), start=[(0, 0)], box=SQUARE,
                                       crossings=False).events if e.kind is Kind.HOPF]
    assert hopf.certified and hopf.value == 1.25
    # ... and with the coupling turned, J = [[1 - lam, 2], [2, 1/4]] has real eigenvalues.
    game = ga.Game(ga.Player(x**2/2*(1 - lam) + 2*x*y, x), ga.Player(y**2/8 + 2*x*y, y),
                   parameters={lam: 0})
    (border,) = continuation(game, lam, (0, 3), start=[(0, 0)], box=SQUARE).events
    assert border.kind is Kind.NASH and border.exact == (0, 0, 1)


def test_crossings_of_the_update():
    # x - g/2 with J = diag(lam, 1): 1 - lam/2 = -1 at lam = 4.
    found = continuation(one_sided(lam*x**2/2), lam, (0.5, 5), box=SQUARE, learning_rate=0.5)
    (flip,) = events(found, Kind.FLIP)
    assert flip.certified and flip.exact == (0, 0, 4)
    # J = [[lam, 3], [-3, lam]]: |1 - gamma (lam + 3i)| = 1 where 2 lam = gamma (lam^2 + 9).
    game = ga.zero_sum(lam*x**2/2 + 3*x*y - lam*y**2/2, x, y, parameters={lam: 1})
    (turn,) = events(continuation(game, lam, (0.1, 2), box=SQUARE, learning_rate=0.1),
                     Kind.NEIMARK_SACKER)
    assert turn.certified and abs(turn.value - (10 - math.sqrt(91))) < 1e-14


# -- Stackelberg fields ----------------------------------------------------------------------

def test_a_fold_of_a_general_sum_leader():
    # The follower plays y = x, so the leader's total derivative is x^2 + 2 x - lam.
    game = ga.Game(ga.Player(x**3/3 - lam*x + x*y, x), ga.Player(y**2/2 - x*y, y),
                   parameters={lam: 1})
    found = continuation(game, lam, (-2, 2), box=SQUARE, of="stackelberg")
    (fold,) = events(found, Kind.FOLD)
    assert fold.exact == (-1, -1, -1) and fold.certified
    assert np.abs(found[0].x[:, 0]**2 + 2*found[0].x[:, 0] - found[0].values).max() < 1e-11
    labels = [s.label for s in found[0].segments]
    assert {labels[0], labels[-1]} == {"DSE, not DNE", "saddle"}
    assert found.consistent().truth is Truth.YES


def test_regularisation_stabilises_beyond_eta_one():
    # Statement 2.13: x^2 + 2xy + y^2/2 is no DSE, yet stable for every eta > 1.
    game = ga.zero_sum(x**2 + 2*x*y + y**2/2, x, y)
    (event,) = continuation(game, "eta", (0, 3), box=SQUARE, of="stackelberg").events
    assert event.kind is Kind.RESPONSE and event.exact == (0, 0, 1)
    assert (event.stable_before, event.stable_after) == (Truth.NO, Truth.YES)


def test_zeros_of_a_regularised_general_sum_field_move():
    # v = 1/(1 + eta): the leader's equation is x + 1 - x/(1 + eta) ... with y = x.
    game = ga.Game(ga.Player(x**2/2 + x + y**2/2, x), ga.Player(y**2/2 - x*y, y))
    found = continuation(game, "eta", (0, 4), box=SQUARE, of="stackelberg")
    (branch,) = found
    assert np.abs(branch.x[:, 0] * (1 + 1/(1 + branch.values)) + 1).max() < 1e-12
    assert found.certified and found.consistent().truth is Truth.YES


def test_three_firms_with_a_leader_follow_their_closed_form():
    # Price A - Q, unit costs c: followers' Cournot response leaves q1 = (A - 3 c1 + c2 + c3)/2.
    q, size = sp.symbols("q1 q2 q3", real=True), sp.Symbol("A", real=True)
    game = ga.Game(*(ga.Player(-(size - sum(q) - c)*v, v) for v, c in zip(q, (1, 2, 3))),
                   parameters={size: 10})
    found = continuation(game, size, (5, 20), box=[(-30, 30)] * 3, of="stackelberg")
    (branch,) = found
    assert np.abs(branch.x[:, 0] - (branch.values + 2) / 2).max() < 1e-11
    assert branch.segments[0].label == "DSE, not DNE" and not branch.events


# -- work, data, errors ----------------------------------------------------------------------

def test_two_processes_find_the_same_to_the_bit():
    game = one_sided(x**3/3 - (lam**2 + 1)*x)
    one, two = (continuation(game, lam, (-1, 1), box=SQUARE, workers=k) for k in (1, 2))
    assert one.to_dict() == two.to_dict() and len(one) == 2


def test_a_restart_after_ctrl_c_goes_on_to_the_same_bits(tmp_path):
    path = tmp_path / "kept"
    pitchfork = one_sided(x**4/4 - lam*x**2/2)

    def run(progress=None, **options):
        return continuation(pitchfork, lam, (-1, 1), box=[(-2, 2)] * 2, progress=progress,
                            **options)

    def stop(count):
        if len(path.read_text().splitlines()) == 3:     # the header, and two branches
            raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt) as stopped:
        run(stop, checkpoint=path)
    assert "are kept in" in stopped.value.__notes__[0]
    before, plain = path.read_bytes(), run()
    for text in (before, before[:-40], path.read_bytes()[:20]):
        path.write_bytes(text)
        again = run(checkpoint=path)
        assert json.dumps(again.to_dict()) == json.dumps(plain.to_dict())
        for one, two in zip(again, plain):
            assert np.array_equal(one.tubes.radius, two.tubes.radius)
            assert [e.exact for e in one.events] == [e.exact for e in two.events]
            assert [s.point.to_dict() for s in one.segments] == [
                s.point.to_dict() for s in two.segments]
    whole = path.read_bytes()
    assert run(checkpoint=path).to_dict() == plain.to_dict() and path.read_bytes() == whole
    path.write_bytes(whole.replace(b'"EventKind"', b'"Popen"', 1))
    with pytest.raises(CheckpointError, match="damaged"):
        run(checkpoint=path)
    path.write_bytes(whole)
    with pytest.raises(CheckpointError, match="other arguments"):
        run(checkpoint=path, max_step=0.05)


def test_two_borders_between_neighbouring_points_are_seen():
    # D11 f = (lam - 1/5)^2 - 1/1000^2, and S1 = D11 f + 1/100 never vanishes.
    curvature = (lam - Fraction(1, 5))**2 - Fraction(1, 1000)**2
    game = one_sided(curvature*x**2/2, follower=x*y/10 - y**2/2)
    found = continuation(game, lam, (-1, 1), box=[(-2, 2)] * 2)
    assert [e.exact[-1] for e in events(found, Kind.NASH)] == [
        sp.Rational(199, 1000), sp.Rational(201, 1000)]
    assert [s.label for s in found[0].segments if s.label != "DNE and DSE"] == ["DSE, not DNE"]


def test_a_border_close_to_a_branch_point_that_is_not_proved_is_another_event():
    # On x = y = 0: D11 f = exp(lam) - 2 and S1 = D11 f + 1/100.
    game = one_sided(x**4/4 + (sp.exp(lam) - 2)*x**2/2, follower=x*y/10 - y**2/2)
    found = continuation(game, lam, (0, 1), box=[(-2, 2)] * 2)
    (border,) = [e for e in events(found, Kind.NASH) if abs(e.x).max() == 0]
    assert border.certified and abs(border.value - math.log(2)) < 1e-12
    (branch, *_) = events(found, Kind.BRANCH)
    assert abs(branch.value - math.log(1.99)) < 1e-9
    axis = next(b for b in found if abs(b.x).max() == 0)
    assert list(dict.fromkeys(s.label for s in axis.segments)) == [
        "saddle", "DSE, not DNE", "DNE and DSE"]


def test_a_saddle_of_the_play_is_dse_until_the_total_hessian_vanishes():
    # At 0, where D2 f1 = 0: J is singular at lam = 1/2, D^2 f1 = 9/8 - lam.
    leader = ga.Player(x**4/4 - lam*x**2/2 + x*y + y**2/4, [x])
    game = ga.Game(leader, ga.Player(y**2 - x*y, [y]), parameters={lam: 1})
    found = continuation(game, lam, (-1, 3), box=[(-3, 3)] * 2)
    axis = next(b for b in found if abs(b.x).max() == 0)
    (border,) = [e for e in axis.events if e.kind is Kind.LEADER]
    assert border.certified and border.exact == (0, 0, sp.Rational(9, 8))
    for s in axis.segments:
        middle = axis.values[[s.first, s.last]].mean()
        assert (s.label in ("DNE and DSE", "DSE, not DNE")) is bool(middle < 9/8)


def test_results_print_and_serialise(cusp):
    text = str(cusp)
    assert "1 branch (every piece proved), " in text and "fold" in text
    data = loads(json.dumps(cusp.to_dict()))
    assert data["events"][0]["kind"] == "fold" and data["sections"][0]["complete"] == "yes"
    assert len(data["branches"][0]["values"]) == len(cusp[0])
    assert isinstance(cusp, Continuation) and "<table>" in cusp._repr_html_()
    frame = pytest.importorskip("pandas") and cusp.to_dataframe()
    assert len(frame) == len(cusp[0]) and set(frame["label"]) == {
        s.label for s in cusp[0].segments}


@pytest.mark.parametrize("change, error, said", [
    (dict(parameter="b"), GameError, "its parameters are lam"),
    (dict(parameter=sp.Symbol("lam")), GameError, "not a parameter of this game"),
    (dict(parameter="eta"), GameError, "of='stackelberg'"),
    (dict(parameter="tau", values=(-1, 1)), ValueError, "tau"),
    (dict(values=(1, 1)), BoxError, "not below"),
    (dict(values=3), BoxError, "a range"),
    (dict(box=None), BoxError, "needs a box"),
    (dict(of="nash"), GameError, "simultaneous"),
    (dict(start=[(1, 2, 3)]), ShapeError, "2 numbers"),
    (dict(start=[(1, 1)], at=0), GameError, "no isolated critical point"),
    (dict(start=[(1, 1)], at=9), BoxError, "not in the range"),
    (dict(sections=1), ValueError, "sections"),
    (dict(max_step=0), ValueError, "max_step"),
    (dict(learning_rate=-1), ValueError, "learning_rate")])
def test_wrong_input_is_named(change, error, said):
    given = dict(parameter=lam, values=(-3, 3), box=SQUARE) | change
    with pytest.raises(error, match=said):
        continuation(CUSP, given.pop("parameter"), given.pop("values"), **given)


def test_the_parametric_system_agrees_with_sympy():
    game = ga.catalog.figure1()
    a, _ = game.parameters
    system = ParametricGame(game, "a")
    g = ga.game_gradient(ga.Game(*game.players, parameters=dict(game.parameters)))
    z = np.array([0.7, -1.1, 0.3])
    values = dict(game.parameters) | dict(zip(game.variables, z[:2])) | {a: sp.Float(0.3)}
    exact = np.array([float(e.subs(values)) for e in g])
    ours = system.system.value(z)              # but for the factor exp, which is dropped
    assert np.abs(ours * exact[0] / ours[0] - exact).max() < 1e-12
    numbers = system.program(system.field_nodes).at(z)
    assert np.abs(numbers - exact).max() < 1e-12
