"""False readings are refuted, by small games and by the games of the catalogue.

What refutes a reading is checked again here by SymPy, with none of the library's verdicts: each
entry of `SHOWN` computes, from two formulas, that the hypotheses hold and the conclusion fails.
"""

import re
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp

from gameanalysis import catalog
from gameanalysis.declaration import separating
from gameanalysis.declaration.game import Game, Player, zero_sum
from gameanalysis.statements.claims import Ruling, judge
from gameanalysis.statements.falsify import falsify
from gameanalysis.statements.refuted import TABLE
from gameanalysis.truth import Truth
from gameanalysis.verdicts.local import LocalGame

x, y = sp.symbols("x y", real=True)

#: Where a game of the catalogue refutes a reading, if not at the origin.
POINTS = {"schur_off_curve": (0, 1), "tandem": (1, 0)}
VALUES = {"eta": 2}


def witness(name):
    game = catalog.game(name)
    return LocalGame(game, POINTS.get(name, (0,) * len(game.variables)), VALUES)


# -- SymPy's own account of a game with one action each ------------------------------------------

class Account:
    """Derivatives of two costs in x and y at a point, by SymPy."""

    def __init__(self, local):
        game, point = local
        self.f1, self.f2 = game.valued_costs
        self.u, self.v = game.variables
        self.at = dict(zip(game.variables, point))
        self.values = local.values

    def __call__(self, expression):
        return sp.sympify(expression).subs(self.at)

    def d(self, f, *by):
        return self(sp.diff(f, *by))

    def jacobian(self, field):
        return sp.Matrix(field).jacobian([self.u, self.v]).subs(self.at)

    @property
    def omega(self):
        return [sp.diff(self.f1, self.u), sp.diff(self.f2, self.v)]

    def stackelberg_field(self, eta=0):
        f1, f2, u, v = self.f1, self.f2, self.u, self.v
        slope = sp.diff(f2, u, v) / (sp.diff(f2, v, v) + eta)
        return [sp.diff(f1, u) - slope * sp.diff(f1, v), sp.diff(f2, v)]

    def critical(self):
        return not any(map(self, self.omega))

    def nash(self):
        return (self.critical() and self.d(self.f1, self.u, self.u) > 0
                and self.d(self.f2, self.v, self.v) > 0)

    def total_hessian(self):
        return self.schur(self.jacobian(self.stackelberg_field()))

    def stackelberg(self):
        return (self.d(self.f2, self.v, self.v) > 0
                and not any(map(self, self.stackelberg_field())) and self.total_hessian() > 0)

    def schur(self, m=None):
        m = self.jacobian(self.omega) if m is None else m
        return m[0, 0] - m[0, 1] * m[1, 0] / m[1, 1]

    def stable(self, field=None):
        field = self.omega if field is None else field
        return not any(map(self, field)) and all(
            sp.re(root) > 0 for root in self.jacobian(field).eigenvals())

    def zero_sum(self):
        return sp.expand(self.f1 + self.f2) == 0

    def led_by_the_other(self):
        other = Account.__new__(Account)
        other.__dict__.update(self.__dict__, f1=self.f2, f2=self.f1, u=self.v, v=self.u)
        return other.stackelberg()


def _grows(a):
    """Whether as many updates as the printed bound says leave a start beyond half its distance."""
    schur, d = a.schur(), a.d(a.f2, a.v, a.v)
    alpha, beta = min(schur, d), max(schur, d)
    updates = sp.ceiling(4*beta/alpha*sp.log(2))
    power = (sp.eye(2) - a.jacobian(a.stackelberg_field())/(2*beta))**updates
    return max((power.T * power).eigenvals()) > sp.Rational(1, 4)


#: For each reading, that its hypotheses hold and its conclusion fails.
SHOWN = {
    "false-nash-is-stackelberg": lambda a: a.nash() and not a.stackelberg(),
    "false-stackelberg-is-nash": lambda a: a.zero_sum() and a.stackelberg() and not a.nash(),
    "false-order-of-play": lambda a: a.zero_sum() and a.critical() and (
        (a.d(a.f2, a.v, a.v) != 0 and a.stackelberg())
        != (a.d(a.f1, a.u, a.u) != 0 and a.led_by_the_other())),
    # f2 = -c x y: every y is a best response to x = 0, and f1 = c |x y| for the others.
    "false-local-is-differential": lambda a: a.zero_sum() and a.critical() and (
        sp.expand(a.f1 / (a.u * a.v)).is_number and a.d(a.f2, a.v, a.v) == 0),
    "false-schur-is-total-hessian": lambda a: (
        not any(map(a, a.stackelberg_field())) and (a.schur() > 0) != (a.total_hessian() > 0)),
    "false-schur-identity-off-curve": lambda a: (
        a.zero_sum() and a.d(a.f2, a.v, a.v) != 0 and a.schur() != a.total_hessian()),
    "false-stable-is-stackelberg": lambda a: a.zero_sum() and a.stable() and not a.stackelberg(),
    "false-stable-is-nash": lambda a: a.zero_sum() and a.stable() and not a.nash(),
    "false-stackelberg-is-stable": lambda a: (
        a.zero_sum() and a.stackelberg() and not a.stable()),
    "false-nash-is-stable": lambda a: a.nash() and not a.stable(),
    "false-nash-is-isolated": lambda a: a.nash() and a.jacobian(a.omega).det() == 0,
    "false-stackelberg-stable-is-stackelberg": lambda a: (
        a.stable(a.stackelberg_field()) and not a.stackelberg()),
    "false-stackelberg-is-stackelberg-stable": lambda a: (
        a.stackelberg() and not a.stable(a.stackelberg_field())),
    "false-regularised-is-stackelberg": lambda a: a.zero_sum() and not a.stackelberg() and (
        a.stable(a.stackelberg_field(sp.Rational(a.values["eta"])))),
    "false-corollary-2": lambda a: a.zero_sum() and a.stackelberg() and _grows(a),
}


def test_every_false_reading_is_shown_to_be_false():
    assert set(SHOWN) == set(TABLE)
    assert not any(claim.holds for claim in TABLE.values())


@pytest.mark.parametrize("claim", TABLE.values(), ids=TABLE)
def test_a_search_refutes_it_with_a_small_game(claim):
    found = falsify(claim, seed=0)
    assert found.refuted and found.n_rejected <= found.n_examples/20
    local = found.counterexample
    assert local.sizes == (1, 1)
    degree = 3 if claim.name == "false-schur-identity-off-curve" else 2
    for player in local.game.players:
        assert sp.Poly(player.cost, *local.game.variables).total_degree() <= degree
        assert all(int(digits) < 100 for digits in re.findall(r"\d+", str(player.cost)))
    assert SHOWN[claim.name](Account(local))


@pytest.mark.parametrize("name, claim", [(w, c) for c in TABLE.values() for w in c.witnesses],
                         ids=lambda value: getattr(value, "name", value))
def test_games_of_the_catalogue_refute_it(name, claim):
    local = witness(name)
    assert judge(claim, local).ruling is Ruling.VIOLATED
    if local.n == 2:
        assert SHOWN[claim.name](Account(local))


def test_each_separating_game_refutes_a_reading():
    """All but one: that a global minimax point is critical is no statement about a point."""
    used = {name for claim in TABLE.values() for name in claim.witnesses}
    assert used == set(separating.TABLE) - {"jin_cosine"}


@pytest.mark.parametrize("claim", TABLE.values(), ids=TABLE)
def test_the_text_says_that_it_is_false(claim):
    first = claim.about.splitlines()[0]
    assert first.endswith("False.") and claim.source.startswith("false: ")
    assert len(claim.about.splitlines()) > 2 and claim.witnesses


# -- the numbers of the docstrings ------------------------------------------------------------

def test_corollary_2_promises_three_updates_in_which_the_distance_grows():
    local = witness("non_normal")
    found = judge(TABLE["false-corollary-2"], local).conclusion
    assert found.note == ("alpha = 1, beta = 1, 3 updates; from a unit vector to 37.5 times its "
                          "length")
    # The update itself, from (1, 0), in floats: f = (1 - c^2) x^2/2 + c x y - y^2/2.
    c, z = 100, np.array([1.0, 0.0])
    for _ in range(3):
        own = np.array([(1 - c*c)*z[0] + c*z[1], z[1] - c*z[0]])        # D1 f1, D2 f2 = -D2 f1
        z = z - np.array([own[0] - c*own[1], own[1]])/2                 # Dr = c
    assert np.linalg.norm(z) == pytest.approx(37.5, abs=0.01)


@pytest.mark.parametrize("coupling, expected", [(0, Ruling.HOLDS), (1, Ruling.HOLDS),
                                                (2, Ruling.VIOLATED), (100, Ruling.VIOLATED)])
def test_corollary_2_fails_where_the_coupling_is_large(coupling, expected):
    f = (1 - coupling**2)*x**2/2 + coupling*x*y - y**2/2
    m = np.array([[1, 0], [coupling, 1]]) / 2
    assert (np.linalg.norm(np.linalg.matrix_power(m, 3), 2) > .5) == (
        expected is Ruling.VIOLATED)
    assert judge(TABLE["false-corollary-2"],
                 LocalGame(zero_sum(f, x, y), (0, 0))).ruling is expected


def test_corollary_2_follows_rational_spectra_in_higher_dimensions():
    """S1 with the spectrum 1, 3 and D = 2: alpha = 1, beta = 3, gamma1 = 1/6, nine updates."""
    u = sp.Symbol("u", real=True)
    for c, expected in ((0, Ruling.HOLDS), (40, Ruling.VIOLATED)):
        f = ((x**2 + u**2) + x*u) - c**2*x**2/4 + c*x*y - y**2
        game = zero_sum(f, (x, u), y)
        js = np.array([[2, 1, 0], [1, 2, 0], [-c, 0, 2.0]])
        power = np.linalg.matrix_power(np.eye(3) - js/6, 9)
        assert (np.linalg.norm(power, 2) > .5) == (expected is Ruling.VIOLATED)
        verdict = judge(TABLE["false-corollary-2"], LocalGame(game, (0, 0, 0)))
        assert verdict.ruling is expected
        assert verdict.conclusion.note.startswith("alpha = 1, beta = 3, 9 updates")


def test_corollary_2_is_undecided_where_alpha_is_irrational_or_the_bound_is_huge():
    u = sp.Symbol("u", real=True)
    claim = TABLE["false-corollary-2"]
    irrational = zero_sum((x**2 + 2*u**2 + x*u)/2 - y**2, (x, u), y)
    assert judge(claim, LocalGame(irrational, (0, 0, 0))).ruling is Ruling.UNDECIDED
    slow = zero_sum(x**2/2 - 1000*y**2, x, y)
    assert judge(claim, LocalGame(slow, (0, 0))).ruling is Ruling.UNDECIDED


@pytest.mark.parametrize("eta, stable", [(Fraction(1, 2), False), (1, False),
                                         (Fraction(11, 10), True), (50, True)])
def test_the_regularised_field_of_stable_neither_is_stable_beyond_one(eta, stable):
    local = LocalGame(separating.stable_neither(), (0, 0), {"eta": eta})
    verdict = judge(TABLE["false-regularised-is-stackelberg"], local)
    assert (verdict.ruling is Ruling.VIOLATED) == stable
    if eta != 1:                                # D22 f2 + eta is singular there
        a = Account(local)
        assert a.stable(a.stackelberg_field(sp.Rational(eta))) == stable


def test_the_regularised_field_with_two_actions_each():
    """Against eigenvalues of the Jacobian in floats, from SymPy's field."""
    rng = np.random.default_rng(5)
    x1, x2, y1, y2 = z = sp.symbols("x1 x2 y1 y2", real=True)
    condition = TABLE["false-regularised-is-stackelberg"].hypotheses[-1]
    answers = []
    for _ in range(20):
        half = sp.Matrix(4, 4, [int(e) for e in rng.integers(-3, 4, 16)])
        f = (sp.Matrix(z).T * half * sp.Matrix(z))[0]/2
        gap = sp.hessian(-f, (y1, y2)) + 3*sp.eye(2)
        if gap.det() == 0:
            continue
        slope = sp.Matrix([f]).jacobian([y1, y2]).T
        cross = sp.Matrix([f]).jacobian([x1, x2]).jacobian([y1, y2])
        lead = sp.Matrix([f]).jacobian([x1, x2]).T + cross * gap.inv() * slope
        js = np.array(sp.Matrix([*lead, *-slope]).jacobian(z), dtype=float)
        stable = np.linalg.eigvals(js).real.min()
        local = LocalGame(zero_sum(f, (x1, x2), (y1, y2)), (0,) * 4, {"eta": 3})
        if abs(stable) > 1e-6:
            assert condition.find(local).truth is Truth.of(bool(stable > 0))
            answers.append(stable > 0)
    assert {True, False} <= set(answers)


# -- what the conditions of their own do not say --------------------------------------------------

@pytest.mark.parametrize("f, expected", [
    (x*y, Truth.YES), (x**2 - y**2, Truth.YES), (-x**2 - y**2, Truth.NO), (x*y + y**2, Truth.NO),
    (x**2 + 0*y, Truth.YES), (-x**2 + 0*y, Truth.NO), (-5*x**2 + x*y, Truth.YES),
    (-x**2 + 2*x*y - y**2/2, Truth.YES), (-x**2/2 + x*y - y**2/2, Truth.YES),
    (x*y - y**4, Truth.UNDECIDED), (x + x*y, Truth.UNDECIDED)])
def test_local_stackelberg_of_quadratic_costs(f, expected):
    """By hand: max of f over |y| <= r against f(0) = 0, for x near 0."""
    condition = TABLE["false-local-is-differential"].hypotheses[-1]
    assert condition.find(LocalGame(zero_sum(f, x, y), (0, 0))).truth is expected


def test_local_stackelberg_with_a_kernel_and_a_range():
    """f = -x^2 + 2 x y1 - y1^2 + u y2: the kernel of D meets u, and x gains 2 x y1 - y1^2."""
    u, y1, y2 = sp.symbols("u y1 y2", real=True)
    condition = TABLE["false-local-is-differential"].hypotheses[-1]
    for a, expected in ((-1, Truth.YES), (-2, Truth.NO)):
        f = a*x**2 - 7*u**2 + 2*x*y1 - y1**2 + u*y2
        local = LocalGame(zero_sum(f, (x, u), (y1, y2)), (0,) * 4)
        assert condition.find(local).truth is expected


def test_local_stackelberg_says_nothing_about_games_that_are_not_zero_sum():
    local = LocalGame(Game(Player(x*y, x), Player(x*y, y)), (0, 0))
    verdict = judge(TABLE["false-local-is-differential"], local, every=True)
    assert verdict.ruling is Ruling.NOT_MET
    assert list(verdict.hypotheses.values())[-1].truth is Truth.UNDECIDED


def test_points_without_a_rational_jet_are_undecided_not_wrong():
    f = -x**2/2 + 2*x*y - y**2 + sp.sqrt(2)*x**2*y
    local = LocalGame(zero_sum(f, x, y), (0, 0))
    assert local.jet is None
    for name in ("false-order-of-play", "false-corollary-2", "false-regularised-is-stackelberg"):
        verdict = judge(TABLE[name], local)
        assert verdict.ruling is Ruling.UNDECIDED
        assert any(found.note for found in [verdict.conclusion, *verdict.hypotheses.values()])
    assert judge(TABLE["false-stable-is-nash"], local).ruling is Ruling.VIOLATED
