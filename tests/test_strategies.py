"""The strategies: the property holds on every draw, judged by SymPy; what games shrink to."""

import pickle
from functools import partial

import mpmath
import pytest
import sympy as sp
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from gameanalysis import GameError, strategies
from gameanalysis.families import completions
from gameanalysis.families.sampling import Draw
from gameanalysis.strategies import (
    critical_games, critical_line_games, degenerate_follower_games, general_sum_games,
    inertia_games, jointly_diagonal_games, nash_games, off_curve_games, perturbed_games,
    players_games, rationals, ratios, reaction_curve_games, realizable_games, saddle_games,
    spectrum_games, stable_games, stable_neither_games, stackelberg_games, with_values,
    zero_sum_games)
from gameanalysis.truth import Truth

BOTH = (True, False)


class Judge:
    """Derivatives of a drawn game's costs at its point, by SymPy alone."""

    def __init__(self, local):
        game, point = local
        self.players = [list(player.actions) for player in game.players]
        self.costs = [cost.subs(dict(game.parameters)) for cost in game.costs]
        self.z = [a for actions in self.players for a in actions]
        self.at = dict(zip(self.z, point))
        self.x, self.y = self.players[0], [a for own in self.players[1:] for a in own]
        self.own = [sp.Matrix([sp.diff(f, a) for a in actions])
                    for f, actions in zip(self.costs, self.players)]

    def __call__(self, expressions):
        return sp.Matrix(expressions).subs(self.at)

    def block(self, player, rows, columns):
        """D_rows D_columns of a player's cost."""
        return self(sp.Matrix(len(rows), len(columns), lambda i, j: sp.diff(
            self.costs[player], rows[i], columns[j])))

    @property
    def gradients(self):
        return [self(own) for own in self.own]

    @property
    def critical(self):
        return all(own.is_zero_matrix for own in self.gradients)

    @property
    def jacobian(self):
        return self(sp.Matrix(sp.Matrix.vstack(*self.own)).jacobian(self.z))

    @property
    def response(self):
        return self.block(1, self.y, self.y)

    @property
    def definite(self):
        return [self.block(i, own, own).is_positive_definite
                for i, own in enumerate(self.players)]

    @property
    def total(self):
        """D f1 and D^2 f1: r to second order from F(x, r(x)) = 0, then the chain rule."""
        assert self.gradients[1].is_zero_matrix
        n, inverse = len(self.x), self.response.inv()
        first = -inverse * self.block(1, self.y, self.x)
        turn = sp.Matrix.vstack(sp.eye(n), first)
        gradient = self([sp.diff(self.costs[0], a) for a in self.z])
        hessian = turn.T * self.block(0, self.z, self.z) * turn
        bent = [turn.T * self(sp.hessian(f, self.z)) * turn for f in self.own[1]]
        for i in range(n):
            for j in range(n):
                second = -inverse * sp.Matrix([b[i, j] for b in bent])
                hessian[i, j] += (gradient[n:, :].T * second)[0]
        return turn.T * gradient, hessian

    @property
    def stackelberg_jacobian(self):
        """J_S by differentiating w_S as a formula."""
        f1, f2 = self.costs
        own = self.own[1].jacobian(self.y)
        cross = self.own[1].jacobian(self.x)
        v = own.adjugate().T * sp.Matrix([sp.diff(f1, a) for a in self.y]) / own.det()
        return self(sp.Matrix.vstack(self.own[0] - cross.T * v, self.own[1]).jacobian(self.z))

    @property
    def is_dse(self):
        slope, hessian = self.total
        return (slope.is_zero_matrix and hessian.is_positive_definite
                and self.definite[1])


def reals(matrix):
    """The eigenvalues' real parts, in 40 digits, none too close to zero to be told."""
    with mpmath.workdps(40):
        entries = [[mpmath.mpf(c.p) / c.q for c in row] for row in matrix.tolist()]
        found = mpmath.eig(mpmath.matrix(entries), left=False, right=False)
        assert all(abs(e.real) > 1e-9 for e in found)
        return [e.real for e in found]


def counts(matrix):
    """(n_positive, n_negative, n_zero) of a symmetric matrix: Descartes on its polynomial."""
    signs = [sp.sign(c) for c in matrix.charpoly().all_coeffs()]
    n_zero = next(k for k, s in enumerate(reversed(signs)) if s)
    kept = [s for s in signs if s]
    n_positive = sum(s != t for s, t in zip(kept, kept[1:]))
    return n_positive, matrix.rows - n_positive - n_zero, n_zero


def of_every_kind(strategy, **arguments):
    """A strategy at all completions and both places."""
    return st.one_of([strategy(completion=kind, at=at, **arguments)
                      for kind in completions.KINDS for at in ("origin", "anywhere")])


def drawn(strategy, n=5, **arguments):
    """A decorator: the test sees games of every kind."""
    def decorated(test):
        return settings(max_examples=n, suppress_health_check=[HealthCheck.too_slow])(
            given(of_every_kind(strategy, **arguments))(test))
    return decorated


def for_all(strategy, judged, n=5, **arguments):
    """The judge says yes to every drawn game."""
    @drawn(strategy, n, **arguments)
    def test(local):
        assert judged(Judge(local)), local
    test()


# -- the property, judged by SymPy ------------------------------------------------------------

@pytest.mark.parametrize("zero_sum", BOTH)
def test_critical_points(zero_sum):
    for_all(critical_games, lambda judge: judge.critical, zero_sum=zero_sum)


@pytest.mark.parametrize("zero_sum", BOTH)
def test_critical_points_of_the_stackelberg_gradient(zero_sum):
    for_all(critical_games, lambda judge: (
        judge.response.det() != 0 and judge.total[0].is_zero_matrix),
        zero_sum=zero_sum, of="stackelberg")


@pytest.mark.parametrize("zero_sum", BOTH)
def test_nash_points(zero_sum):
    for_all(nash_games, lambda judge: judge.critical and all(judge.definite), zero_sum=zero_sum)


@pytest.mark.parametrize("nash", [None, True, False])
@pytest.mark.parametrize("zero_sum", BOTH)
def test_stackelberg_points(zero_sum, nash):
    def judged(judge):
        is_nash = judge.critical and all(judge.definite)
        return judge.is_dse and nash in (None, is_nash)
    for_all(stackelberg_games, judged, zero_sum=zero_sum, nash=nash)


@pytest.mark.parametrize("definite", [None, True, False])
@pytest.mark.parametrize("zero_sum", BOTH)
def test_stable_points(zero_sum, definite):
    def judged(judge):
        return (judge.critical and min(reals(judge.jacobian)) > 0
                and definite in (None, judge.definite[1]))
    for_all(stable_games, judged, zero_sum=zero_sum, follower_definite=definite)


@settings(max_examples=30)
@given(stable_games(completion="none"))
def test_stable_points_lie_next_to_the_boundary(local):
    j = Judge(local).jacobian
    n = local.sizes[0]
    leader = sp.diag(*[1] * n, *[0] * (j.rows - n))
    # A step of the grid, 1 or less, leads out.
    assert any(_not_stable(j - leader / 2**k) for k in range(4))


def _not_stable(matrix):
    with mpmath.workdps(40):
        entries = [[mpmath.mpf(c.p) / c.q for c in row] for row in matrix.tolist()]
        found = mpmath.eig(mpmath.matrix(entries), left=False, right=False)
        return min(e.real for e in found) < 1e-15


@pytest.mark.parametrize("zero_sum", BOTH)
def test_stable_points_that_are_neither(zero_sum):
    def judged(judge):
        assert judge.critical and min(reals(judge.jacobian)) > 0
        return not all(judge.definite) and not judge.is_dse
    for_all(stable_neither_games, judged, zero_sum=zero_sum)


@pytest.mark.parametrize("zero_sum", BOTH)
def test_saddles(zero_sum):
    def judged(judge):
        found = reals(judge.stackelberg_jacobian)
        return judge.total[0].is_zero_matrix and min(found) < 0 < max(found)
    for_all(saddle_games, judged, 10, zero_sum=zero_sum)


@pytest.mark.parametrize("schur, response", [
    ((1, 0, 0), (0, 1, 0)), ((0, 0, 1), (1, 0, 0)), ((1, 1, 0), (2, 0, 0)),
    ((0, 1, 1), (1, 1, 0))])
@pytest.mark.parametrize("zero_sum", BOTH)
def test_prescribed_inertia(zero_sum, schur, response):
    def judged(judge):
        slope, hessian = judge.total
        return (slope.is_zero_matrix and counts(hessian) == schur
                and counts(judge.response) == response)
    for_all(inertia_games, judged, 8, zero_sum=zero_sum, schur=schur, response=response)


@pytest.mark.parametrize("schur, response", [
    ([1], [-2]), ([1, 2], ["1/2", -1]), ([0, 0, 3], [1, 1])])
def test_prescribed_spectra(schur, response):
    t = sp.Symbol("t")

    def poly(values):
        return sp.Poly(sp.Mul(*(t - sp.Rational(v) for v in values)), t)

    def judged(judge):
        return (judge.critical and judge.total[1].charpoly(t) == poly(schur)
                and judge.response.charpoly(t) == poly(response))
    for_all(spectrum_games, judged, 8, schur=schur, response=response)


@pytest.mark.parametrize("zero_sum", BOTH)
def test_degenerate_followers(zero_sum):
    for_all(degenerate_follower_games, lambda judge: (
        judge.critical and judge.response.det() == 0), zero_sum=zero_sum)


@pytest.mark.parametrize("full_rank", BOTH)
def test_realizable_games(full_rank):
    def judged(judge):
        b = judge.block(0, judge.x, judge.y)
        return (judge.critical and judge.block(0, judge.x, judge.x).is_zero_matrix
                and judge.definite[1] and (not full_rank or b.rank() == len(judge.x)))
    for_all(realizable_games, judged, full_rank=full_rank)


@drawn(jointly_diagonal_games, 25)
def test_proposition_e2_is_met(local):
    judge = Judge(local)
    n, m = local.sizes
    a, b, d = (judge.block(0, judge.x, judge.x), judge.block(0, judge.x, judge.y),
               judge.response)
    mu = [local.value(f"mu{i}") for i in range(1, n + 1)]
    sigma = [local.value(f"sigma{i}") for i in range(1, min(n, m) + 1)]
    inverse = [local.value(f"lambda{i}") for i in range(1, m + 1)]

    def spectrum(matrix, values):
        t = sp.Symbol("t")
        found = sp.Mul(*(t - sp.Rational(v.numerator, v.denominator) for v in values))
        return matrix.charpoly(t) == sp.Poly(found, t)
    gain = b * d.inv() * b.T
    padded = [*sigma, *[0] * (n - m)]
    assert judge.critical
    assert spectrum(a, mu) and spectrum(d.inv(), inverse)
    assert spectrum(b * b.T, [s**2 for s in padded])
    assert a * b * b.T == b * b.T * a and a * gain == gain * a
    assert spectrum(a + gain, [p + s**2 * q
                               for p, s, q in zip(mu, padded, [*inverse, *[0] * n])])


@pytest.mark.parametrize("zero_sum", BOTH)
def test_a_line_of_critical_points(zero_sum):
    @drawn(critical_line_games, 12, zero_sum=zero_sum)
    def test(local):
        judge = Judge(local)
        assert judge.critical
        # The gradient is zero as a formula along some direction of the kernel of J.
        t = sp.Symbol("t", real=True)
        kernel = judge.jacobian.nullspace()
        grid = [sum((c * v for c, v in zip(row, kernel)), sp.zeros(local.n, 1))
                for row in _directions(len(kernel))]
        assert any(all(sp.expand(g.subs({a: p + t * v for (a, p), v in
                                         zip(judge.at.items(), along)})) == 0
                       for own in judge.own for g in own) for along in grid)
    test()


def _directions(k):
    """Every direction with entries 0, 1, -1, up to sign: the strategy's are among them."""
    rows = [[]]
    for _ in range(k):
        rows = [[*row, c] for row in rows for c in (0, 1, -1)]
    return rows[1:]


@pytest.mark.parametrize("zero_sum", BOTH)
def test_on_the_reaction_curve(zero_sum):
    for_all(reaction_curve_games, lambda judge: (
        judge.gradients[1].is_zero_matrix and judge.response.det() != 0), zero_sum=zero_sum)


@pytest.mark.parametrize("zero_sum", BOTH)
def test_on_the_reaction_curve_with_a_strict_follower(zero_sum):
    for_all(partial(reaction_curve_games, follower_definite=True), lambda judge: (
        judge.gradients[1].is_zero_matrix and judge.response.is_positive_definite),
        zero_sum=zero_sum)


@pytest.mark.parametrize("zero_sum", BOTH)
def test_off_the_reaction_curve(zero_sum):
    for_all(off_curve_games, lambda judge: (
        not judge.gradients[1].is_zero_matrix and judge.response.det() != 0), zero_sum=zero_sum)


@pytest.mark.parametrize("strategy", [
    zero_sum_games, nash_games, critical_games, stackelberg_games, stable_games, saddle_games,
    degenerate_follower_games, realizable_games, off_curve_games, critical_line_games])
def test_zero_sum_games_are(strategy):
    @drawn(strategy, 10)
    def test(local):
        assert sp.expand(sum(local.game.costs)) == 0
        assert local.zero_sum is Truth.YES
    test()


@pytest.mark.parametrize("players", [2, 3, 4])
@pytest.mark.parametrize("kind", ["nash", "critical"])
def test_games_of_several_players(players, kind):
    def judged(judge):
        return (len(judge.players) == players and judge.critical
                and (kind == "critical" or all(judge.definite)))
    for_all(players_games, judged, 8, players=players, kind=kind)


@settings(max_examples=15)
@given(perturbed_games(of_every_kind(stackelberg_games)))
def test_perturbed_games(local):
    (t,) = local.game.parameters
    f, g = local.game.costs
    zeta = sp.expand(sp.diff(f, t))
    assert local.game.parameters[t] == 0
    assert sp.expand(f + g) == 0 and not zeta.has(t)
    assert zeta == 0 or sp.Poly(zeta, *local.game.variables).total_degree() <= 3
    assert Judge(local).is_dse


@settings(max_examples=50)
@given(with_values(nash_games(), tau=ratios(), eta=rationals()))
def test_values_are_carried(local):
    tau, eta = local.values["tau"], local.values["eta"]
    assert sp.Rational(1, 4) <= tau <= 8 and abs(eta) <= 8
    assert max(tau.denominator, eta.denominator) <= 4
    assert local.nash is Truth.YES


# -- what lies beyond the 2-jet -----------------------------------------------------------------

@st.composite
def _completions(draw):
    kind = draw(st.sampled_from(completions.KINDS))
    return completions.completion(Draw(draw), kind, (0, 1, 2), 3)


@settings(max_examples=40)
@given(_completions(), st.tuples(*[st.integers(-2, 2)] * 3))
def test_completions_keep_the_2_jet_and_know_their_third_derivatives(added, v):
    e = sp.symbols("e1:4", real=True)
    f = sp.S(added(e)) + sum(c * sp.Mul(*(e[i] for i in word))
                             for word, c in added.terms.items())
    at = dict.fromkeys(e, 0)
    assert sp.S(f).subs(at) == 0
    assert all(sp.diff(f, a).subs(at) == 0 for a in e)
    assert sp.hessian(f, e).subs(at).is_zero_matrix
    along = sum(w * sp.diff(f, a) for w, a in zip(v, e))
    assert sp.hessian(along, e).subs(at) == sp.Matrix(added.hessian(v))


@settings(max_examples=20)
@given(of_every_kind(general_sum_games, leader=1, follower=2))
def test_jets_of_drawn_games_are_those_of_their_formulas(local):
    judge = Judge(local)
    for k, f in enumerate(judge.costs):
        jet = local.jet
        for i, a in enumerate(judge.z):
            assert sp.Rational(jet.slope(k, i), jet.scale) == judge([sp.diff(f, a)])[0]
            for j, b in enumerate(judge.z[:i + 1]):
                assert (sp.Rational(jet.hessian(k, i, j), jet.scale)
                        == judge([sp.diff(f, a, b)])[0])
                for m, c in enumerate(judge.z[:j + 1]):
                    assert (sp.Rational(jet.third(k, i, j, m), jet.scale)
                            == judge([sp.diff(f, a, b, c)])[0])


@pytest.mark.parametrize("kind, function", [
    ("trigonometric", (sp.sin, sp.cos)), ("exponential", (sp.exp,)),
    ("any", (sp.sin, sp.cos, sp.exp))])
def test_each_kind_of_completion_occurs(kind, function):
    local = _minimal(nash_games(completion=kind), lambda local: local.game.costs[0].has(*function))
    assert local.nash is Truth.YES
    assert pickle.loads(pickle.dumps(local)).game == local.game


def test_polynomial_completions_reach_degree_four_or_the_one_asked_for():
    def degree(local):
        return sp.Poly(local.game.costs[0], *local.game.variables).total_degree()
    for strategy, highest in [(nash_games(), 4), (zero_sum_games(degree=6), 6),
                              (zero_sum_games(degree=3), 3), (zero_sum_games(degree=1), 1),
                              (zero_sum_games(completion="none"), 2)]:
        seen = {degree(local) for local in _examples(strategy, 60)}
        assert max(seen) == highest


# -- what they shrink to --------------------------------------------------------------------------

def _minimal(strategy, condition=lambda local: True):
    # Without Phase.explain: it draws other examples last, which `find` would return.
    return find(strategy, condition, settings=settings(
        database=None, derandomize=True, max_examples=1000, phases=[Phase.generate, Phase.shrink]))


x, y = sp.symbols("x y", real=True)
NEITHER = x**2 + 2*x*y + y**2/2


@pytest.mark.parametrize("strategy, costs", [
    (zero_sum_games(), (0, 0)), (general_sum_games(), (0, 0)),
    (critical_games(), (0, 0)), (critical_games(zero_sum=False), (0, 0)),
    (critical_games(of="stackelberg"), (-y**2/2, y**2/2)),
    (nash_games(), (x**2/2 - y**2/2, y**2/2 - x**2/2)),
    (nash_games(zero_sum=False), (x**2/2, y**2/2)),
    (stackelberg_games(), (x**2/2 - y**2/2, y**2/2 - x**2/2)),
    (stackelberg_games(zero_sum=False), (x**2/2, y**2/2)),
    (stackelberg_games(nash=False), (x*y - y**2/2, y**2/2 - x*y)),
    (stackelberg_games(zero_sum=False, nash=False), (x*y - x**2/2, y**2/2 - x*y)),
    (stackelberg_games(zero_sum=False, nash=True), (x**2/2, y**2/2)),
    (stable_games(), (x**2/2 - y**2/2, y**2/2 - x**2/2)),
    (stable_games(zero_sum=False), (x**2/2, y**2/2)),
    (stable_neither_games(), (NEITHER, -NEITHER)),
    (stable_neither_games(zero_sum=False), (x**2 + 2*x*y, -2*x*y - y**2/2)),
    (saddle_games(), (-x**2/2 - y**2/2, x**2/2 + y**2/2)),
    (saddle_games(zero_sum=False), (-x**2/2, y**2/2)),
    (spectrum_games(schur=[3], response=[-1]), (3*x**2/2 + y**2/2, -3*x**2/2 - y**2/2)),
    (degenerate_follower_games(), (0, 0)),
    (realizable_games(), (x*y - y**2/2, y**2/2 - x*y)),
    (realizable_games(full_rank=False), (-y**2/2, y**2/2)),
    (jointly_diagonal_games(), (-y**2/2, y**2/2)),
    (critical_line_games(), (0, 0)),
    (reaction_curve_games(), (0, y**2/2)), (reaction_curve_games(zero_sum=True),
                                            (-y**2/2, y**2/2)),
    (off_curve_games(), (y - y**2/2, y**2/2 - y)),
    (off_curve_games(zero_sum=False), (0, y + y**2/2)),
    (players_games(players=2), (x**2/2, y**2/2)),
    (perturbed_games(nash_games()), (x**2/2 - y**2/2, y**2/2 - x**2/2)),
    (with_values(nash_games(), tau=ratios()), (x**2/2 - y**2/2, y**2/2 - x**2/2))])
def test_the_simplest_game(strategy, costs):
    local = _minimal(strategy)
    assert all(sp.expand(f - g) == 0 for f, g in zip(local.game.costs, costs))
    assert local.point == (0, 0)


@pytest.mark.parametrize("zero_sum", BOTH)
def test_counterexamples_are_quadratic_with_coefficients_of_two_digits(zero_sum):
    games = of_every_kind(stackelberg_games, nash=False, zero_sum=zero_sum)
    # Not so: that the leader's own Hessian has no negative entry on its diagonal.
    local = _minimal(games, lambda local: min(
        local.jet.hessian(0, i, i) for i in range(local.sizes[0])) < 0)
    assert local.sizes == (1, 1) and local.point == (0, 0)
    for f in local.game.costs:
        poly = sp.Poly(f, *local.game.variables)
        assert poly.total_degree() == 2
        assert all(abs(c.p) < 100 and c.q < 100 for c in poly.coeffs())


def test_values_shrink_to_one_and_to_zero():
    assert _minimal(ratios()) == 1
    assert _minimal(rationals()) == 0
    assert _minimal(ratios(), lambda r: r > 3) == 4
    assert _minimal(rationals(), lambda r: r < 0) == -1


# -- sizes ------------------------------------------------------------------------------------

@pytest.mark.parametrize("zero_sum", BOTH)
@pytest.mark.parametrize("strategy", [
    critical_games, nash_games, stackelberg_games, stable_games, stable_neither_games,
    saddle_games, degenerate_follower_games, critical_line_games, reaction_curve_games,
    off_curve_games])
def test_sizes_are_numbers_or_strategies(strategy, zero_sum):
    sizes = {local.sizes for local in _examples(strategy(zero_sum=zero_sum), 60)}
    assert sizes == {(1, 1), (1, 2), (2, 1), (2, 2)}
    sizes = {local.sizes for local in _examples(
        strategy(zero_sum=zero_sum, leader=3, follower=st.sampled_from([1, 4])), 20)}
    assert sizes == {(3, 1), (3, 4)}


def test_a_larger_leader_is_cut_down_where_the_rank_needs_it():
    sizes = {local.sizes for local in _examples(realizable_games(leader=3), 20)}
    assert sizes == {(1, 1), (2, 2)}


# -- arguments ----------------------------------------------------------------------------------

@pytest.mark.parametrize("strategy", [
    zero_sum_games, general_sum_games, critical_games, nash_games, stackelberg_games,
    stable_games, stable_neither_games, saddle_games, degenerate_follower_games,
    realizable_games, jointly_diagonal_games, critical_line_games, reaction_curve_games,
    off_curve_games])
@pytest.mark.parametrize("argument, value", [
    ("leader", 0), ("leader", True), ("follower", 1.0), ("follower", "2"),
    ("completion", "cubic"), ("completion", None), ("at", "everywhere"), ("at", (0, 0))])
def test_common_arguments_are_checked_at_once(strategy, argument, value):
    with pytest.raises(GameError, match=argument):
        strategy(**{argument: value})


@pytest.mark.parametrize("call, word", [
    (lambda: nash_games(zero_sum=1), "zero_sum"),
    (lambda: saddle_games(zero_sum=None), "zero_sum"),
    (lambda: critical_games(of="nash"), "of must"), (lambda: stackelberg_games(nash=0), "nash"),
    (lambda: stable_games(follower_definite="yes"), "follower_definite"),
    (lambda: inertia_games(schur=(1, 0), response=(1, 0, 0)), "schur"),
    (lambda: inertia_games(schur=2, response=(1, 0, 0)), "schur"),
    (lambda: inertia_games(schur=(0, 0, 0), response=(1, 0, 0)), "schur"),
    (lambda: inertia_games(schur=(1, 0, 0), response=(-1, 1, 0)), "response"),
    (lambda: inertia_games(schur=(1, 0, 0), response=(1, 0, 1)), "degenerate_follower_games"),
    (lambda: spectrum_games(schur=[], response=[1]), "schur"),
    (lambda: spectrum_games(schur="12", response=[1]), "schur"),
    (lambda: spectrum_games(schur=[1], response=["one"]), "response"),
    (lambda: spectrum_games(schur=[float("nan")], response=[1]), "schur"),
    (lambda: spectrum_games(schur=[1], response=[1, 0]), "degenerate_follower_games"),
    (lambda: realizable_games(full_rank=None), "full_rank"),
    (lambda: realizable_games(leader=2, follower=1), "full_rank=False"),
    (lambda: zero_sum_games(degree=0), "degree"),
    (lambda: general_sum_games(degree=2.0), "degree"),
    (lambda: players_games(players=1), "players"), (lambda: players_games(kind="dse"), "kind"),
    (lambda: players_games(actions=0), "actions"),
    (lambda: perturbed_games(nash_games), "games"), (lambda: with_values(None), "games"),
    (lambda: with_values(nash_games(), tau=2), "tau")])
def test_other_arguments_are_checked_at_once(call, word):
    with pytest.raises(GameError, match=word):
        call()


def test_what_only_a_draw_can_tell_is_told_then():
    with pytest.raises(GameError, match="leader"):
        _examples(nash_games(leader=st.integers(0, 0)), 1)
    with pytest.raises(GameError, match="zero-sum"):
        _examples(perturbed_games(nash_games(zero_sum=False)), 1)


# -- health --------------------------------------------------------------------------------------

def _examples(strategy, n):
    """About n drawn examples."""
    out = []

    @settings(max_examples=n, database=None, derandomize=True, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))
    @given(strategy)
    def collect(local):
        out.append(local)
    collect()
    return out


ALL = {name: make for name, make in {
    **{f"{f.__name__} {'zero' if zero_sum else 'general'}-sum": (
        lambda f=f, zero_sum=zero_sum, **more: f(zero_sum=zero_sum, **more))
       for f in (critical_games, nash_games, stackelberg_games, stable_games,
                 stable_neither_games, saddle_games, degenerate_follower_games,
                 critical_line_games, reaction_curve_games, off_curve_games)
       for zero_sum in BOTH},
    **{f.__name__: f for f in (zero_sum_games, general_sum_games, realizable_games,
                               jointly_diagonal_games, players_games)},
    "inertia": lambda **more: inertia_games(schur=(1, 1, 1), response=(2, 1, 0), **more),
    "spectrum": lambda **more: spectrum_games(schur=[1, 0, 2], response=[1, -1, 1], **more),
    "perturbed": lambda **more: perturbed_games(nash_games(**more)),
    "values": lambda **more: with_values(nash_games(**more), tau=ratios())}.items()}


@pytest.mark.parametrize("name", ALL)
def test_fewer_than_one_example_in_twenty_is_rejected(name):
    started, completed = [], []

    @st.composite
    def counted(draw):
        started.append(1)
        local = draw(ALL[name](at="anywhere"))
        completed.append(1)
        return local
    n = len(_examples(counted(), 60))
    # What Hypothesis gives up, by overrun or because it has drawn it before, counts as lost.
    assert n == len(completed)
    assert len(started) - n < len(started) / 20


def test_the_list_of_strategies_is_the_guide():
    for name in strategies.__all__:
        assert name in strategies.__doc__
        assert getattr(strategies, name).__doc__
