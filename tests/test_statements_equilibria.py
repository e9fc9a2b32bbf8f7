"""Definitions 3 and 4 and Propositions 1 to 3, as claims: they survive, and break when broken."""

from fractions import Fraction

import mpmath
import pytest
import sympy as sp
from hypothesis import given, settings

from gameanalysis import catalog, strategies
from gameanalysis.declaration.game import Game, Player, zero_sum
from gameanalysis.exact.derivatives import stackelberg_jacobian
from gameanalysis.statements.claims import Ruling, judge
from gameanalysis.statements.equilibria import TABLE
from gameanalysis.statements.series import (along_response, costs_at, local_nash,
                                            local_stackelberg, response,
                                            stackelberg_linearisation)
from gameanalysis.statements.vocabulary import strict_follower_games
from gameanalysis.truth import Truth
from gameanalysis.verdicts.forms import Matrices
from gameanalysis.verdicts.local import LocalGame

x, y = sp.symbols("x y", real=True)
few = settings(max_examples=25)


def known(name, at=(0, 0), **values):
    return LocalGame(catalog.game(name), at, values)


def ruling(name, local, without=None):
    claim = TABLE[name] if without is None else TABLE[name].without(without)
    return judge(claim, local).ruling


# -- no counterexample ------------------------------------------------------------------------

WIDE = {
    "definition-3": lambda s: s.players_games(players=4),
    "definition-4": lambda s: s.stackelberg_games(zero_sum=False, leader=3, follower=2,
                                                  completion="any", at="anywhere"),
    "proposition-1": lambda s: s.inertia_games(schur=(2, 1, 0), response=(2, 0, 0),
                                               zero_sum=False, completion="any"),
    "schur-identity": lambda s: s.reaction_curve_games(leader=3, follower=2, completion="any"),
    "proposition-1-zero-sum": lambda s: s.reaction_curve_games(zero_sum=True, leader=2,
                                                               follower=3, completion="any"),
    "schur-difference": lambda s: s.off_curve_games(leader=3, follower=2, completion="any"),
    "proposition-2": lambda s: s.inertia_games(schur=(3, 0, 0), response=(2, 0, 0)),
    "proposition-2-spectrum": lambda s: s.spectrum_games(schur=[-1, 2, 2], response=[1, 1]),
    "statement-2.9": lambda s: s.stable_games(follower_definite=True, leader=3, follower=2)}


@pytest.mark.parametrize("name", WIDE)
def test_nor_a_larger_one(name, hunt):
    hunt.healthy(TABLE[name], WIDE[name](strategies), examples=25)


# -- the oracles -------------------------------------------------------------------------------

@few
@given(strategies.reaction_curve_games(completion="any", at="anywhere"))
def test_the_response_solves_the_followers_equation(local):
    """D2 f2(x1* + u, x2* + s(u)) has no terms of order 1 and 2 in u."""
    n1, game = local.sizes[0], local.game
    s = response(costs_at(local), local.sizes, 2)
    u = sp.symbols(f"u0:{n1}")
    t = sp.Symbol("t")
    moved = [p + t*v for p, v in zip(local.point, u)]
    for part, p in zip(s, local.point[n1:]):
        moved.append(p + sum(sp.Rational(c.numerator, c.denominator) * t**len(word)
                             * sp.Mul(*(u[i] for i in word)) for word, c in part.items()))
    at = dict(zip(game.variables, moved))
    for own in game.players[1].actions:
        slope = sp.diff(game.costs[1], own).subs(at, simultaneous=True)
        for order in (0, 1, 2):
            assert sp.expand(sp.diff(slope, t, order).subs(t, 0)) == 0


def test_a_response_that_is_a_polynomial():
    """f2 = y^2/2 + xy + x^2 y: r = -x - x^2 and f1(x, r(x)) = x^2 - x^2 - x - ... = -x^2 + ..."""
    game = catalog.game("schur_not_total_hessian")
    costs = costs_at(LocalGame(game, (0, 0)))
    assert response(costs, (1, 1), 2) == [{(0,): -1, (0, 0): -1}]
    exact = sp.expand(game.costs[0].subs(game.variables[1], -x - x**2).subs(
        game.variables[0], x))
    assert along_response(costs, (1, 1)) == {(0, 0): exact.coeff(x, 2)} == {(0, 0): -1}


@few
@given(strategies.general_sum_games(completion="any"))
def test_j_s_from_series_is_that_of_sympy(local):
    try:
        field, rows = stackelberg_linearisation(costs_at(local), local.sizes, Fraction(1, 3))
    except ZeroDivisionError:
        return
    symbolic = stackelberg_jacobian(local.game, eta=sp.Rational(1, 3))
    at = dict(zip(local.game.variables, local.point))
    assert sp.Matrix(rows) == symbolic.subs(at)


def radius(finding):
    assert finding.truth is Truth.YES
    return Fraction(finding.note.rpartition(" ")[2]) * Fraction(99, 100)


@few
@given(strategies.nash_games(zero_sum=False, at="anywhere"))
def test_own_deviations_inside_the_radius_cost(local):
    """Exact values of the costs as SymPy has them."""
    game, reach = local.game, radius(local_nash(local))
    at = dict(zip(game.variables, local.point))
    for player in game.players:
        best = player.cost.subs(at)
        for action in player.actions:
            for step in (reach, -reach, reach / 7):
                moved = {**at, action: at[action] + sp.Rational(step.numerator, step.denominator)}
                assert player.cost.subs(moved) > best


@few
@given(strategies.stackelberg_games(zero_sum=False))
def test_leaders_deviations_inside_the_radius_cost_after_the_best_response(local):
    """The follower's best response by Newton's method in 60 digits."""
    game, reach = local.game, radius(local_stackelberg(local))
    (lead, follow), (f1, f2) = (p.actions for p in game.players), game.costs
    start = f1.subs(dict(zip(game.variables, local.point)))
    cost = sp.lambdify([lead, follow], f1, "mpmath")
    slopes = sp.lambdify([lead, follow], [sp.diff(f2, v) for v in follow], "mpmath")
    with mpmath.workdps(60):
        for k in range(len(lead)):
            for step in (reach, -reach):
                at = [0] * len(lead)
                at[k] = mpmath.mpf(step.numerator) / step.denominator
                found = mpmath.findroot(lambda *v: slopes(at, v), [0] * len(follow),
                                        solver="mdnewton")
                assert cost(at, list(found)) > mpmath.mpf(start.p) / start.q


@few
@given(strategies.inertia_games(schur=(1, 1, 0), response=(2, 0, 0), zero_sum=False))
def test_a_descending_leader_is_no_equilibrium(local):
    assert local_stackelberg(local).truth is Truth.NO


@pytest.mark.parametrize("f1, f2, nash, stackelberg", [
    (x**2, y**2, Truth.YES, Truth.YES),
    (x**4, y**2, Truth.UNDECIDED, Truth.UNDECIDED),         # a minimum of higher order
    (-x**2, y**2, Truth.NO, Truth.NO),
    (x + x**2, y**2, Truth.NO, Truth.NO),                   # not critical
    (x**2, -y**2, Truth.NO, Truth.NO),                      # the follower at a maximum
    (x**2, y**4, Truth.UNDECIDED, Truth.UNDECIDED),
    (-x**2 + y**2, y**2/2 - 2*x*y, Truth.NO, Truth.YES),    # f1(x, r(x)) = 3 x^2
    (sp.cosh(x), sp.cosh(y) + x*y**3, Truth.YES, Truth.YES),
    (x**2 + sp.pi*x*y, y**2, Truth.UNDECIDED, Truth.UNDECIDED)])    # no rational jet
def test_local_equilibria_by_hand(f1, f2, nash, stackelberg):
    local = LocalGame(Game(Player(f1, x), Player(f2, y)), (0, 0))
    assert local_nash(local).truth is nash
    assert local_stackelberg(local).truth is stackelberg


# -- games that keep notions apart -------------------------------------------------------------

@pytest.mark.parametrize("name, game, at, expected", [
    ("definition-3", "nash_not_dse_general_sum", (0, 0), Ruling.HOLDS),
    ("definition-3", "dse_not_nash", (0, 0), Ruling.NOT_MET),
    ("definition-3", "tandem", (2, -1), Ruling.HOLDS),
    ("definition-4", "dse_unstable", (0, 0), Ruling.HOLDS),
    ("definition-4", "dse_unstable_general_sum", (0, 0), Ruling.HOLDS),
    ("definition-4", "nash_not_dse_general_sum", (0, 0), Ruling.NOT_MET),
    ("proposition-1", "schur_not_total_hessian", (0, 0), Ruling.HOLDS),
    ("proposition-1", "stable_neither", (0, 0), Ruling.NOT_MET),
    ("schur-identity", "schur_not_total_hessian", (0, 0), Ruling.HOLDS),
    ("schur-identity", "bilinear", (0, 0), Ruling.NOT_MET),
    ("proposition-1-zero-sum", "schur_off_curve", (1, -1), Ruling.HOLDS),
    ("proposition-1-zero-sum", "schur_off_curve", (0, 1), Ruling.NOT_MET),
    ("schur-difference", "schur_off_curve", (0, 1), Ruling.HOLDS),
    ("proposition-2", "dse_unstable", (0, 0), Ruling.HOLDS),
    ("proposition-2", "stable_neither", (0, 0), Ruling.HOLDS),
    ("proposition-2", "bilinear", (0, 0), Ruling.HOLDS),
    ("proposition-2-spectrum", "tau_star_2", (0, 0, 0, 0), Ruling.HOLDS),
    ("critical-points-agree", "jin_cosine", (0, 0), Ruling.HOLDS),
    ("proposition-3", "nash_not_dse_general_sum", (0, 0), Ruling.NOT_MET),
    ("proposition-D.1", "forsaken", (0, 0), Ruling.NOT_MET),
    ("statement-2.9", "dse_not_nash", (0, 0), Ruling.HOLDS),
    ("statement-2.9", "dse_unstable", (0, 0), Ruling.NOT_MET)])
def test_rulings_on_known_games(name, game, at, expected):
    assert ruling(name, known(game, at)) is expected


@pytest.mark.parametrize("name, hypothesis, game, at", [
    ("proposition-1-zero-sum", "D2 f2 = 0", "schur_off_curve", (0, 1)),
    ("proposition-1-zero-sum", "zero-sum", "schur_not_total_hessian", (0, 0)),
    ("proposition-2", "zero-sum", "dse_unstable_general_sum", (0, 0)),
    ("proposition-2", "zero-sum", "stable_not_dse_general_sum", (0, 0)),
    ("critical-points-agree", "zero-sum", "schur_not_total_hessian", (0, 0)),
    ("proposition-3", "zero-sum", "nash_not_dse_general_sum", (0, 0)),
    ("proposition-D.1", "zero-sum", "nash_unstable_general_sum", (0, 0)),
    ("statement-2.9", "D22 f2 > 0", "stable_neither", (0, 0))])
def test_no_hypothesis_is_idle(name, hypothesis, game, at):
    assert ruling(name, known(game, at)) is Ruling.NOT_MET or name.startswith("proposition-2")
    assert ruling(name, known(game, at), without=hypothesis) is Ruling.VIOLATED


def test_the_numbers_of_a_violation_are_shown():
    """S1(J_S) = -3 and S1(J) = 9, off the reaction curve."""
    verdict = judge(TABLE["proposition-1-zero-sum"].without("D2 f2 = 0"),
                    known("schur_off_curve", (0, 1)))
    assert verdict.conclusion.note == "[9] is not [-3]"


def test_the_time_scale_counts_in_general_sum():
    """A DSE that w_S_tau is stable at for tau > 2 only."""
    claim = TABLE["proposition-2"].without("zero-sum")
    for tau, expected in ((2, Ruling.VIOLATED), (Fraction(201, 100), Ruling.HOLDS)):
        assert judge(claim, known("dse_unstable_general_sum", tau=tau)).ruling is expected


def test_the_response_of_two_followers():
    """f1 = y z, F = (y - x, z - y): r = (x, x), so D^2 f1 = 2."""
    z = sp.Symbol("z", real=True)
    game = Game(Player(y*z, x), Player(y**2/2 - x*y, y), Player(z**2/2 - y*z, z))
    local = LocalGame(game, (0, 0, 0))
    assert along_response(costs_at(local), local.sizes) == {(0, 0): 1}
    assert ruling("schur-identity", local) is Ruling.HOLDS


def test_points_that_are_not_rational(figure1):
    """Figure 1: four of the nine critical points are DSE and two of these are DNE."""
    found = {name: [] for name in TABLE}
    for point in figure1:
        local = LocalGame(figure1.game, point)
        for name in found:
            found[name].append(ruling(name, local))
    count = {name: {r: rulings.count(r) for r in set(rulings)} for name, rulings in found.items()}
    assert count["proposition-2"] == {Ruling.HOLDS: 9}
    assert count["critical-points-agree"] == {Ruling.HOLDS: 9}
    assert count["proposition-3"] == {Ruling.HOLDS: 2, Ruling.NOT_MET: 7}
    assert count["proposition-D.1"] == {Ruling.HOLDS: 2, Ruling.NOT_MET: 7}
    assert count["statement-2.9"] == {Ruling.HOLDS: 4, Ruling.NOT_MET: 5}
    # Eight of the points are irrational: series need a rational jet.
    assert count["definition-4"] == {Ruling.UNDECIDED: 4, Ruling.NOT_MET: 5}
    assert Ruling.VIOLATED not in {r for rulings in count.values() for r in rulings}


# -- broken on purpose --------------------------------------------------------------------------

class SimultaneousForStackelberg(Matrices):
    """J in the place of J_S."""

    def stackelberg_jacobian(self):
        return [[self.d * self.d * e for e in row] for row in self.jacobian]


class SchurForHessian(Matrices):
    """S1(J), made symmetric, in the place of S1(J_S)."""

    def total_hessian(self):
        rows, d = self.schur_complement()
        return [[a + b for a, b in zip(*pair)] for pair in zip(rows, zip(*rows))], 2 * d


class NoThirdDerivatives(Matrices):
    """J_S without the follower's third derivatives."""

    def __init__(self, source, sign, response_free):
        super().__init__(source, sign, response_free)
        self.source = _Flat(source)


class _Flat:
    def __init__(self, source):
        self._source = source

    def __getattr__(self, name):
        return getattr(self._source, name)

    def third(self, v):
        return [[0 * e for e in row] for row in self._source.third(v)]


class MinusForPlus(Matrices):
    """A + B D^-1 C in the place of A - B D^-1 C."""

    def schur_complement(self):
        rows, d = super().schur_complement()
        return [[2 * d * a - e for a, e in zip(*pair)]
                for pair in zip(self.jacobian[:self.n1], rows)], d


class OwnHessian(Matrices):
    """D11 f1 in the place of D^2 f1: Nash's condition for Stackelberg's."""

    def total_hessian(self):
        return [row[:self.n1] for row in self.jacobian[:self.n1]], 1


@pytest.mark.parametrize("mutant, names", [
    (SimultaneousForStackelberg, ("schur-identity", "proposition-2", "proposition-2-spectrum",
                                  "schur-difference")),
    (SchurForHessian, ("definition-4", "proposition-1", "schur-identity")),
    (NoThirdDerivatives, ("definition-4", "proposition-1", "schur-identity", "schur-difference")),
    (MinusForPlus, ("proposition-1-zero-sum", "schur-difference")),
    (OwnHessian, ("proposition-1", "proposition-2", "schur-identity"))])
def test_a_wrong_matrix_is_noticed(mutant, names, hunt):
    strict = strict_follower_games(strategies, zero_sum=False) | strategies.stackelberg_games(
        zero_sum=False)
    for name in names:
        # A wrong J_S finds no wrong equilibria among points that are equilibria.
        games = strict if name == "definition-4" else TABLE[name].games()
        broken = games.map(lambda local: local.with_matrices(mutant))
        assert hunt(TABLE[name], broken, examples=300, shrink=False).refuted, name


def test_zero_sum_games_print_their_claims():
    local = LocalGame(zero_sum(x**2/2 - y**2/2, x, y), (0, 0))
    assert repr(judge(TABLE["definition-3"], local)).splitlines()[-1].startswith(
        "  yes       => a strict local Nash equilibrium (for displacements below 1")
