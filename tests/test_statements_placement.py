"""Where stable points lie, and what the neighbouring papers say of them, as claims."""

from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings

from gameanalysis import catalog, strategies
from gameanalysis.declaration import separating
from gameanalysis.declaration.game import Game, Player, zero_sum
from gameanalysis.exact.derivatives import stackelberg_jacobian
from gameanalysis.statements import equilibria, neighbours, placement
from gameanalysis.statements.claims import Ruling, judge
from gameanalysis.statements.placement import stable_between
from gameanalysis.statements.rational_blocks import (blocks_of, compare, eigenvalues, ends,
                                                     matrix, ratio_sign)
from gameanalysis.statements.series import (costs_at, ridge_linearisation,
                                            stackelberg_linearisation)
from gameanalysis.truth import Truth
from gameanalysis.verdicts.forms import Matrices
from gameanalysis.verdicts.local import LocalGame

TABLE = {**placement.TABLE, **neighbours.TABLE}
x, y = sp.symbols("x y", real=True)
few = settings(max_examples=25)


def known(name, at=None, **values):
    game = catalog.game(name)
    return LocalGame(game, (0,) * len(game.variables) if at is None else at, values)


# -- no counterexample ------------------------------------------------------------------------

WIDE = {
    "proposition-E.1": lambda s: s.stackelberg_games(nash=False, leader=3, follower=2),
    "proposition-E.2": lambda s: s.jointly_diagonal_games(leader=3, follower=2),
    "proposition-4": lambda s: s.realizable_games(leader=2, follower=3),
    "realizable-rank": lambda s: s.realizable_games(full_rank=False, leader=3, follower=2),
    "statement-2.9-time-scales": lambda s: s.inertia_games(schur=(2, 1, 0), response=(2, 0, 0)),
    "statement-2.9-real-eigenvalues": lambda s: s.inertia_games(schur=(0, 3, 0),
                                                                response=(2, 0, 0)),
    "regularised-condition": lambda s: s.inertia_games(schur=(1, 1, 1), response=(2, 0, 0)),
    "jin-minimax": lambda s: s.stackelberg_games(leader=3, follower=2),
    "fiez-ratliff": lambda s: s.stackelberg_games(nash=False, leader=3, follower=2),
    "follow-the-ridge": lambda s: s.critical_games(of="stackelberg", leader=3, follower=2,
                                                   at="anywhere", completion="any"),
    "chasnov": lambda s: s.critical_games(zero_sum=False, leader=3, follower=2)}


@pytest.mark.parametrize("name", WIDE)
def test_nor_a_larger_one(name, hunt):
    hunt.healthy(TABLE[name], WIDE[name](strategies), examples=20)


# -- the oracles -------------------------------------------------------------------------------

@settings(max_examples=10)
@given(strategies.critical_games(of="stackelberg", at="anywhere"))
def test_follow_the_ridge_is_the_rule(local):
    """The Jacobian of (z - z+)/gamma_1 for the rule of the library, by SymPy."""
    gamma, c = sp.Symbol("gamma", positive=True), sp.Rational(3, 2)
    game, at = local.game, dict(zip(local.game.variables, local.point))
    z = sp.Matrix(game.variables)
    after = _symbolic_map(game, gamma, c * gamma)
    jacobian = ((z - after) / gamma).jacobian(z).subs(at)
    expected = sp.Matrix(ridge_linearisation(costs_at(local), local.sizes, Fraction(3, 2)))
    assert sp.simplify(jacobian - expected) == sp.zeros(*expected.shape)


def _symbolic_map(game, gamma1, gamma2):
    """z+ from the published formula, in the zero-sum cost f: with y maximising f,

    x+ = x - gamma1 D_x f,  y+ = y + gamma2 D_y f + gamma1 H_yy^-1 H_yx D_x f.
    """
    f, (lead, follow) = game.costs[0], (p.actions for p in game.players)
    fx, fy = (sp.Matrix([sp.diff(f, v) for v in own]) for own in (lead, follow))
    ridge = fy.jacobian(list(follow)).LUsolve(fy.jacobian(list(lead)) * fx)
    return sp.Matrix(game.variables) + sp.Matrix.vstack(-gamma1 * fx, gamma2 * fy + gamma1 * ridge)


@few
@given(strategies.inertia_games(schur=(1, 1, 0), response=(2, 0, 0)))
def test_the_regularised_jacobian_is_that_of_sympy(local):
    at = dict(zip(local.game.variables, local.point))
    expected = stackelberg_jacobian(local.game, eta=sp.Rational(2, 3)).subs(at)
    _, rows = stackelberg_linearisation(costs_at(local), local.sizes, Fraction(2, 3))
    assert sp.Matrix(rows) == expected


@few
@given(strategies.critical_games(leader=2, follower=2))
def test_eigenvalues_are_those_of_numpy(local):
    a = blocks_of(local).a
    found = [float(ends(root, 60)[0]) for root in eigenvalues(a)]
    expected = np.linalg.eigvalsh(np.array(a.to_list(), dtype=float))
    assert found == pytest.approx(expected, abs=1e-9)


def test_algebraic_numbers_are_compared_exactly():
    """sqrt 2 from two matrices, and 2/sqrt 2 - sqrt 2, which no refinement decides."""
    root2 = eigenvalues(matrix([[0, 2], [1, 0]]))[-1]
    again = eigenvalues(matrix([[0, 8, 0], [Fraction(1, 4), 0, 0], [0, 0, 1]]))
    assert [compare(root2, root) for root in again] == [1, 1, 0]
    two = eigenvalues(matrix([[2]]))[0]
    least = eigenvalues(matrix([[0, 2], [1, 0]]))[0]
    assert ratio_sign(two, root2, least) is None
    assert ratio_sign(two, two, eigenvalues(matrix([[-1]]))[0]) == 0


# -- published numbers -------------------------------------------------------------------------

@pytest.mark.parametrize("game, at, expected", [
    ("dse_unstable", (0, 0), "2"), ("jin_centre", (0, 0), "1"), ("realizable", (0, 0), "0"),
    ("dse_not_nash", (0, 0), "0.5"),                                 # max(0, -A/D)
    ("tau_star_2", (0, 0, 0, 0), "2"), ("torus", (0, 0), "0.739")])
def test_critical_time_scales(game, at, expected):
    """Of Fiez and Ratliff; for two scalars max(0, -A/D); the torus game's is 0.7391..."""
    verdict = judge(TABLE["fiez-ratliff"], known(game, at))
    assert verdict.ruling is Ruling.HOLDS
    assert verdict.conclusion.note.removeprefix("tau* = ").startswith(expected)


def test_stability_between_time_scales():
    """The 2+2 game of Fiez and Ratliff: unstable below 2, stable above."""
    roots, stable = stable_between(blocks_of(known("tau_star_2")))
    assert roots[-1].rational() == 2 and stable[-1] and not stable[-2]
    # A point that is stable for small tau only: the follower at a maximum.
    roots, stable = stable_between(blocks_of(known("stable_neither")))
    assert [root.rational() for root in roots] == [2] and stable == [True, False]
    assert stable_between(blocks_of(known("tandem", (0, 1)))) == ([], [False])


@pytest.mark.parametrize("name, game, expected", [
    ("proposition-E.1", "dse_not_nash", Ruling.HOLDS),
    ("proposition-E.1", "stable_neither", Ruling.NOT_MET),
    ("proposition-E.2", "tau_star_2", Ruling.HOLDS),
    ("proposition-E.2", "stable_neither", Ruling.NOT_MET),
    ("corollary-E.1", "dse_not_nash", Ruling.HOLDS),
    ("corollary-E.1", "dse_unstable", Ruling.NOT_MET),
    ("corollary-E.1", "stable_neither", Ruling.NOT_MET),
    ("proposition-4", "realizable", Ruling.HOLDS),
    ("proposition-4", "dse_not_nash", Ruling.NOT_MET),
    ("realizable-rank", "bilinear", Ruling.NOT_MET),
    ("statement-2.9-time-scales", "dse_unstable", Ruling.HOLDS),
    ("statement-2.9-time-scales", "jin_centre", Ruling.HOLDS),
    ("statement-2.9-real-eigenvalues", "jin_centre", Ruling.HOLDS),
    ("regularised-condition", "dse_not_nash", Ruling.HOLDS),
    ("regularised-condition", "stable_neither", Ruling.NOT_MET),
    ("jin-minimax", "jin_centre", Ruling.HOLDS),
    ("jin-minimax", "stable_neither", Ruling.HOLDS),
    ("jin-minimax", "jin_cosine", Ruling.HOLDS),
    ("jin-minimax", "bilinear", Ruling.NOT_MET),
    ("follow-the-ridge", "jin_centre", Ruling.HOLDS),
    ("follow-the-ridge", "stable_neither", Ruling.HOLDS),
    ("local-symplectic-surgery", "stable_neither", Ruling.HOLDS),
    ("local-symplectic-surgery", "dse_not_nash", Ruling.HOLDS),
    ("chasnov", "jin_centre", Ruling.HOLDS),
    ("chasnov", "tandem", Ruling.HOLDS),
    ("chasnov", "nash_unstable_general_sum", Ruling.HOLDS)])
def test_rulings_on_known_games(name, game, expected):
    assert judge(TABLE[name], known(game)).ruling is expected


@pytest.mark.parametrize("name, hypothesis, game", [
    ("corollary-E.1", "D22 f2 > 0", "stable_neither"),
    ("statement-2.9-time-scales", "D22 f2 > 0", "stable_neither")])
def test_no_hypothesis_is_idle(name, hypothesis, game):
    assert judge(TABLE[name], known(game)).ruling is Ruling.NOT_MET
    assert judge(TABLE[name].without(hypothesis), known(game)).ruling is Ruling.VIOLATED


def test_hypotheses_that_only_other_games_need():
    """Strict followers, commuting blocks and zero sums: each dropped, a game refutes the rest."""
    saddle = LocalGame(zero_sum(x*y + y**2/2, x, y), (0, 0))            # S1 = -1, D = -1
    assert judge(TABLE["statement-2.9-real-eigenvalues"].without("D22 f2 > 0"),
                 saddle).ruling is Ruling.VIOLATED
    unstable = LocalGame(Game(Player(x**2/2 + 2*x*y, x), Player(y**2/2 + 2*x*y, y)), (0, 0))
    assert judge(TABLE["local-symplectic-surgery"].without("zero-sum"),
                 unstable).ruling is Ruling.VIOLATED
    # The third of three modes lacks what the first two have: E.1 is necessary only.
    z = sp.Symbol("z", real=True)
    f = -x**2/2 - z**2/2 + 3*x*y - y**2/2
    lacking = LocalGame(zero_sum(f, (x, z), y), (0, 0, 0))
    assert judge(TABLE["proposition-E.1"].without("differential Stackelberg"),
                 lacking).conclusion.note == "A has 2 negative eigenvalues, the follower 1 actions"


def test_irrational_modes_are_not_decided():
    """A = [[0, 1], [1, 1]] has the eigenvalues (1 +- sqrt 5)/2."""
    z, v = sp.symbols("z v", real=True)
    local = LocalGame(zero_sum(x*z + z**2/2 + x*y + z*v - y**2/2 - v**2/2, (x, z), (y, v)),
                      (0, 0, 0, 0))
    verdict = judge(TABLE["proposition-E.2"], local)
    assert verdict.ruling is Ruling.UNDECIDED
    assert verdict.conclusion.note == "an eigenvalue is not rational"


def test_points_that_are_not_rational(figure1):
    """Figure 1: signs decide what only needs signs, the rest is not decided and says why."""
    rulings = {name: [] for name in TABLE}
    for point in figure1:
        local = LocalGame(figure1.game, point)
        for name in rulings:
            rulings[name].append(judge(TABLE[name], local).ruling)
    assert rulings["corollary-E.1"].count(Ruling.HOLDS) == 4
    assert rulings["fiez-ratliff"].count(Ruling.UNDECIDED) == 4
    assert not any(Ruling.VIOLATED in found for found in rulings.values())
    verdict = judge(TABLE["fiez-ratliff"], LocalGame(figure1.game, next(
        p for p in figure1 if p.differential_stackelberg is Truth.YES)))
    assert verdict.conclusion.note == "needs two players and rational derivatives at the point"


def test_every_claim_answers_about_every_separating_game():
    """All hypotheses asked for, met or not; of three players, too."""
    z = sp.Symbol("z", real=True)
    three = Game(Player(x**2 + x*z, x), Player(y**2 - x*y, y), Player(z**2 + y*z, z))
    games = [(LocalGame(three, (0, 0, 0), {"tau": 2, "eta": 1, "c": 3}))]
    for name, info in separating.TABLE.items():
        games += [LocalGame(catalog.game(name), point.x, {"tau": 2}) for point in info.known]
    for claim in (*equilibria.TABLE.values(), *TABLE.values()):
        for local in games:
            assert judge(claim, local, every=True).ruling is not Ruling.VIOLATED
            for hypothesis in claim.hypotheses[:1]:
                judge(claim.without(hypothesis), local, every=True)


# -- broken on purpose --------------------------------------------------------------------------

class MinusForPlus(Matrices):
    """A - B D^-1 B^T in the place of S1 = A + B D^-1 B^T, also in J_S and in D^2 f1."""

    def schur_complement(self):
        rows, d = super().schur_complement()
        return [[2 * d * a - e for a, e in zip(*pair)]
                for pair in zip(self.jacobian[:self.n1], rows)], d

    total_hessian = schur_complement


class LeaderOnly(Matrices):
    """D11 f1 in the place of D^2 f1."""

    def total_hessian(self):
        return [row[:self.n1] for row in self.jacobian[:self.n1]], 1


class FollowerAtMaximum(Matrices):
    """The follower's Hessian with the wrong sign."""

    def own_hessians(self):
        first, *others = super().own_hessians()
        return [first, *([[-e for e in row] for row in h] for h in others)]


NOTICED = {
    MinusForPlus: ("proposition-E.2", "statement-2.9-time-scales", "jin-minimax", "proposition-4",
                   "statement-2.9-real-eigenvalues", "regularised-condition",
                   "follow-the-ridge", "realizable-rank", "corollary-E.1"),
    LeaderOnly: ("proposition-E.2", "jin-minimax", "follow-the-ridge",
                 "statement-2.9-time-scales", "realizable-rank", "corollary-E.1"),
    FollowerAtMaximum: ("jin-minimax", "local-symplectic-surgery", "follow-the-ridge")}


@pytest.mark.parametrize("mutant, name",
                         [(mutant, name) for mutant, names in NOTICED.items() for name in names])
def test_a_wrong_matrix_is_noticed(mutant, name, hunt):
    broken = TABLE[name].games().map(lambda local: local.with_matrices(mutant))
    assert hunt(TABLE[name], broken, examples=200, shrink=False).refuted
