"""`falsify`: what it finds, what it counts, what it refuses, and what it saves."""

import json
import os
import tomllib
import zlib
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from hypothesis import assume, given
from hypothesis import strategies as st

import gameanalysis as ga
from gameanalysis import GameError, LocalGame, PolynomialFamily, Truth, theorems
from gameanalysis.statements import vocabulary as v
from gameanalysis.statements.claims import Claim, Condition, Ruling, claim
from gameanalysis.statements.falsify import ruling_of
from gameanalysis.theorems import counterexample, falsify

QUADRATIC = PolynomialFamily((1, 1), degrees=(2,))
X, Y = sp.symbols("x y", real=True)


def family(kind, low=-3, high=3):
    """Games of a family with whole coefficients."""
    coefficients = st.tuples(*[st.integers(low, high)] * kind.n_coefficients)
    return coefficients.map(kind.at)


#: f = a x^2 + b xy + c y^2 (+ cubic terms): A = 2a, B = b, D = -2c.
PLANE = family(QUADRATIC)
CUBIC = family(PolynomialFamily((1, 1), degrees=(2, 3)))


def blocks(local):
    """A, B, D of a zero-sum game in two variables, by SymPy's own derivatives at the point."""
    game, point = local
    f, (x, y) = game.players[0].cost, game.variables
    at = dict(zip((x, y), point))
    return [sp.diff(f, *pair).subs(at) * sign
            for pair, sign in (((x, x), 1), ((x, y), 1), ((y, y), -1))]


def stable_is_nash(game, point):
    local = LocalGame(game, point)
    return not local.is_stable() or bool(local.nash)


def always(game, point):
    return True


# -- what is found ----------------------------------------------------------------------

def test_a_counterexample_refutes_by_hand():
    # Zero-sum, D > 0 and stable: A + D > 0 and A D + B^2 > 0, and no DNE: A <= 0.
    a, b, d = blocks(falsify(stable_is_nash, CUBIC, examples=500).counterexample)
    assert a + d > 0 and a*d + b*b > 0 and not (a > 0 and d > 0)


def test_it_is_shrunk_to_a_quadratic_with_small_coefficients():
    found = falsify(stable_is_nash, CUBIC, examples=500)
    game, point = found.counterexample
    polynomial = sp.Poly(game.players[0].cost, *game.variables)
    assert polynomial.total_degree() == 2 and point == (0, 0)
    assert all(abs(c.p) < 100 and c.q < 100 for c in polynomial.coeffs())
    # x y - y^2: two terms, the fewest with which J = [[A, B], [-B, D]] can be stable.
    assert len(polynomial.terms()) == 2


def test_stable_points_of_the_strategies_need_not_be_nash():
    # The claim of the README: any sizes, higher-order terms; the bound is on what is shown.
    found = falsify(stable_is_nash, ga.strategies.stable_games(), examples=500)
    assert found.refuted
    game, point = found.counterexample
    polynomial = sp.Poly(game.players[0].cost, *game.variables)
    assert polynomial.total_degree() == 2 and set(point) == {0}
    assert all(abs(c.p) < 100 and c.q < 100 for c in polynomial.coeffs())
    jacobian = ga.game_jacobian(game).subs(dict(zip(game.variables, point)))
    assert all(sp.re(e) > 0 for e in jacobian.eigenvals())
    n1 = game.sizes[0]
    own = jacobian[:n1, :n1], jacobian[n1:, n1:]
    assert not all(block.is_positive_definite for block in own)


def test_a_claim_that_loses_a_hypothesis_is_refuted():
    weaker = theorems.named("statement-2.9").without(v.FOLLOWER_DEFINITE)
    found = falsify(weaker, PLANE, examples=500)
    assert found.claim == "statement-2.9, without 'D22 f2 > 0'"
    a, b, d = blocks(found.counterexample)
    assert a + d > 0 and a*d + b*b > 0 and not (d > 0 and a + b*b/d > 0)
    assert found.reason == "the hypotheses are met, and this fails: differential Stackelberg"


@given(ga.strategies.nash_games())
def test_strategies_work_in_a_test_of_pytest(local):
    game, point = local
    assert theorems.check("proposition-3", game, point)


# -- what is counted -------------------------------------------------------------------

def test_equal_arguments_give_equal_results():
    for games in (CUBIC, ga.strategies.zero_sum_games()):
        one, two = (falsify(stable_is_nash, games, examples=200, seed=5) for _ in range(2))
        assert repr(one) == repr(two) and one.to_dict() == two.to_dict()
    seeds = [falsify(always, CUBIC, examples=100, seed=seed).spread for seed in (5, 6)]
    assert seeds[0] != seeds[1]


def test_rulings_and_spread_count_every_game():
    seen = []

    def claim_(game, point):
        seen.append(LocalGame(game, point))
        return Truth.UNDECIDED if len(seen) % 3 == 0 else True

    found = falsify(claim_, PLANE, examples=90)
    assert found.rulings == {Ruling.HOLDS: 60, Ruling.UNDECIDED: 30}
    assert found.n_tested == 60 and not found.refuted and found.counterexample is None
    assert sum(found.spread.values()) == len(seen) == 90
    assert found.by_class() == Counter(local.label for local in seen)
    assert found.by_size() == {(1, 1): 90}
    assert found.n_examples == 90 and found.n_rejected == 0


def test_assume_is_counted_as_given_up():
    calls = []

    def claim_(game, point):
        calls.append(len(calls) % 4 != 0)
        assume(calls[-1])
        return True

    # So few that none is sought near the boundary, where other rejections are not counted.
    found = falsify(claim_, PLANE, examples=4)
    assert found.rulings == {Ruling.HOLDS: 4} and found.n_examples == 4
    assert found.n_rejected == calls.count(False) == 2
    assert found.rejected == 1/3


def test_a_small_family_is_exhausted():
    found = falsify(always, st.sampled_from([1, 2, 3]).map(lambda a: QUADRATIC.at([a, 0, -1])),
                    examples=500)
    assert found.n_examples <= 10 and found.rulings[Ruling.HOLDS] >= 3


def test_entries_beyond_floats_are_no_obstacle():
    huge = st.sampled_from([1, -1]).map(lambda a: QUADRATIC.at([a * 10**400, 1, -1]))
    found = falsify(theorems.named("proposition-3"), huge, examples=20)
    assert found.rulings[Ruling.HOLDS] and found.rulings[Ruling.NOT_MET]


def test_a_search_that_tests_nothing_says_so():
    never = Condition("never", "", lambda local: Truth.NO)
    empty = Claim("empty", "", "", "", (never,), v.NASH)
    found = falsify(empty, PLANE, examples=20)
    assert found.n_tested == 0 and "so that nothing was tested" in repr(found)
    assert "nothing was tested" not in repr(falsify(always, PLANE, examples=20))


def test_the_first_counterexample_is_kept_where_nothing_is_to_shrink():
    first = falsify(stable_is_nash, CUBIC, shrink=False)
    assert first.refuted and first.n_examples == falsify(stable_is_nash, CUBIC).n_examples
    assert stable_is_nash(*first.counterexample) is False


def test_a_claim_may_be_given_by_its_name():
    by_name, itself = (falsify(claim, PLANE, examples=30) for claim in (
        "proposition-3", theorems.named("proposition-3")))
    assert by_name.to_dict() == itself.to_dict()


def test_workers_are_runs_with_seeds_of_their_own():
    # Share k of the examples is a run with the seed + 1_000_003 k.
    both = falsify(always, CUBIC, examples=101, seed=3, workers=2)
    first = falsify(always, CUBIC, examples=51, seed=3)
    second = falsify(always, CUBIC, examples=50, seed=3 + 1_000_003)
    assert both.n_examples == first.n_examples + second.n_examples
    assert both.rulings == {Ruling.HOLDS: 101} and both.seed == 3
    assert both.spread == Counter(first.spread) + Counter(second.spread)


def test_workers_find_the_same_again():
    one, two = (falsify(stable_is_nash, CUBIC, examples=200, workers=2) for _ in range(2))
    assert one.refuted and one.to_dict() == two.to_dict()
    each = [falsify(stable_is_nash, CUBIC, examples=100, seed=k * 1_000_003) for k in range(2)]
    assert repr(one.counterexample) in {repr(found.counterexample) for found in each}


def test_shares_and_not_workers_decide_what_is_drawn():
    found = [falsify(stable_is_nash, PLANE, examples=24, shares=3, workers=workers).to_dict()
             for workers in (1, 2, lambda function, items: map(function, items))]
    assert found[0] == found[1] == found[2] and found[0]["refuted"]
    assert falsify(always, PLANE, examples=40, workers=map).to_dict() == falsify(
        always, PLANE, examples=40, shares=8).to_dict()


def test_a_search_goes_on_from_a_checkpoint(tmp_path):
    path, games = tmp_path / "kept", []

    def stop(count):
        games.append(count)
        if len(games) == 2:
            raise KeyboardInterrupt
    options = {"examples": 60, "shares": 4, "workers": map, "checkpoint": path}
    with pytest.raises(KeyboardInterrupt) as caught:
        falsify(always, PLANE, progress=stop, **options)
    assert caught.value.__notes__ == [
        f"2 of 4 results are kept in {path}: the same call goes on from them"]
    kept = path.read_text()
    found = falsify(always, PLANE, progress=games.append, **options)
    assert path.read_text().startswith(kept) and path.read_text().count("\n") == 5
    assert games == [15, 15] + [15] * 4
    options.pop("checkpoint")
    assert found.to_dict() == falsify(always, PLANE, **options).to_dict()
    for change in ({"seed": 1}, {"examples": 61}, {"shrink": False}):
        with pytest.raises(ValueError, match="other arguments"):
            falsify(always, PLANE, **{**options, "checkpoint": path, **change})
    with pytest.raises(ValueError, match="another path"):
        falsify(stable_is_nash, PLANE, **options, checkpoint=path)


def test_a_share_with_a_counterexample_is_searched_again(tmp_path):
    path = tmp_path / "kept"
    one, two = (falsify(stable_is_nash, PLANE, examples=24, shares=3, checkpoint=path).to_dict()
                for _ in range(2))
    assert one == two and one["refuted"] and path.read_text().count("\n") <= 3


def test_what_cannot_be_sent_between_processes_is_found_again():
    class Local(Exception):
        def __init__(self, one, two):
            super().__init__(one)

    def raises(game, point):
        raise Local(1, 2)

    with pytest.raises(Local):
        falsify(raises, PLANE, examples=20, workers=2)
    waves = st.just(0).map(lambda _: LocalGame.of_polynomials(
        [{(0, 0): 1, (1, 1): -1}], (1, 1), more=[lambda e: sp.sin(e[0]) - e[0]]))
    found = falsify(lambda game, point: False, waves, examples=4, workers=2)
    assert found.counterexample.game.players[0].cost.has(sp.sin)


@pytest.mark.parametrize("workers", [1, 2])
def test_progress_adds_up_to_all_games(workers):
    told = []
    falsify(always, PLANE, examples=150, workers=workers, progress=told.append)
    assert sum(told) == 150 and all(k > 0 for k in told)


def test_statistical_claims_have_one_seed_in_all_workers():
    table = {}

    @claim(table, "coin", "", statement="", source="", hypotheses=(), then="heads",
           error_probability=0.5)
    def decide(local, rng):
        return Truth.of(rng.random() < 0.5)

    tails = [np.random.default_rng([seed, zlib.crc32(b"coin")]).random() >= 0.5
             for seed in range(6)]
    assert {*tails} == {True, False}
    for seed, refuted in enumerate(tails):
        for workers in (1, 2):
            assert falsify(table["coin"], PLANE, examples=6, seed=seed,
                           workers=workers).refuted == refuted


# -- predicates --------------------------------------------------------------------------

NASH = QUADRATIC.at([1, 1, -1])


def fails(game, point):
    assert game.sizes == (2, 2), "wrong sizes"


@pytest.mark.parametrize("answer, ruling", [
    (True, Ruling.HOLDS), (False, Ruling.VIOLATED), (None, Ruling.HOLDS),
    (np.True_, Ruling.HOLDS), (np.False_, Ruling.VIOLATED), (sp.true, Ruling.HOLDS),
    (sp.false, Ruling.VIOLATED), (Truth.YES, Ruling.HOLDS), (Truth.NO, Ruling.VIOLATED),
    (Truth.UNDECIDED, Ruling.UNDECIDED),
    (theorems.check("proposition-3", NASH), Ruling.HOLDS),
    (theorems.check("proposition-3", QUADRATIC.at([-1, 2, -1])), Ruling.NOT_MET),
    (theorems.check(theorems.named("proposition-3").without(v.NASH), QUADRATIC.at([0, 0, 0])),
     Ruling.VIOLATED),
], ids=str)
def test_answers_of_a_predicate(answer, ruling):
    assert ruling_of(lambda game, point: answer, NASH)[0] is ruling
    assert falsify(lambda game, point: answer, PLANE, examples=5).refuted == (
        ruling is Ruling.VIOLATED)


@pytest.mark.parametrize("answer", [float("nan"), 1, 0, "yes", X > 0, np.array([True])], ids=str)
def test_other_answers_are_refused(answer):
    with pytest.raises(GameError, match="a claim answers with a bool, a Truth, a Verdict"):
        falsify(lambda game, point: answer, PLANE, examples=5)


def test_assertions_refute_and_tell_why():
    found = falsify(fails, PLANE, examples=5)
    assert found.refuted and "an assertion of the claim fails: wrong sizes" in found.reason


def test_other_exceptions_are_raised_with_the_simplest_game():
    def divides(game, point):
        a, b, d = blocks(LocalGame(game, point))
        return 1 // int(a) >= -1

    for workers in (1, 2):
        with pytest.raises(ZeroDivisionError) as caught:
            falsify(divides, PLANE, examples=100, workers=workers)
        assert caught.value.__notes__ == [
            "raised by the claim divides for LocalGame(f1 = 0, f2 = 0 at (x | y) = (0, 0))"]


def test_a_claim_that_changes_its_mind_is_told():
    calls = []

    def moody(game, point):
        calls.append(0)
        return len(calls) != 30

    with pytest.raises(GameError, match="moody does not always say the same"):
        falsify(moody, CUBIC, examples=100)


def test_a_claim_that_gives_up_every_game_is_told():
    with pytest.raises(GameError, match=r"all \d+ games were given up"):
        falsify(lambda game, point: assume(False), PLANE, examples=20)


def test_pairs_of_a_game_and_a_point_will_do():
    game = ga.zero_sum(X**2 + X*Y - Y**2, X, Y)
    points = st.sampled_from([(0, 0), (1, Fraction(1, 2))]).map(lambda at: (game, at))
    found = falsify(lambda game, at: at[0] == 0, points, examples=20)
    assert found.counterexample.point == (1, sp.Rational(1, 2))
    assert found.counterexample.game == game


@pytest.mark.parametrize("claimed, games, options, part", [
    ("propositon-3", PLANE, {}, "there is no claim called 'propositon-3'; did you mean"),
    (3, PLANE, {}, "a claim is a Claim, the name of one, or a function of a game and a point"),
    (lambda game: True, PLANE, {}, "is called with a game and a point"),
    (lambda game, point, more: True, PLANE, {}, "missing a required argument: 'more'"),
    (always, None, {}, "a function needs games="),
    (always, [NASH], {}, "games is a Hypothesis strategy"),
    (always, ga.strategies.nash_games, {}, "call it"),
    (always, st.integers(), {}, "is to draw a LocalGame or a pair (game, point), not 0"),
    (always, st.just((1, 2)), {}, "expected a Game, not 1"),
    (always, PLANE, {"examples": 0}, "examples is a whole number of at least 1, not 0"),
    (always, PLANE, {"examples": 10.0}, "examples is a whole number"),
    (always, PLANE, {"workers": True}, "workers is a whole number"),
    (always, PLANE, {"shares": 0}, "shares is a whole number"),
    (always, PLANE, {"seed": -1}, "seed is a whole number, 0 or above, not -1"),
    (always, PLANE, {"seed": None}, "seed is a whole number"),
    (always, PLANE, {"save": "no/such/file.toml"}, "there is no such folder"),
])
def test_wrong_arguments_are_named(claimed, games, options, part):
    with pytest.raises(GameError) as caught:
        falsify(claimed, games, **options)
    assert part in str(caught.value)


def test_without_processes_that_fork_it_is_said(monkeypatch):
    monkeypatch.setattr("multiprocessing.get_all_start_methods", lambda: ["spawn"])
    with pytest.raises(GameError, match="leave workers=1"):
        falsify(always, PLANE, workers=2)


# -- shown -----------------------------------------------------------------------------

def test_a_falsification_is_no_truth_value():
    with pytest.raises(ValueError, match="ask for .refuted"):
        bool(falsify(always, PLANE, examples=5))


def test_it_prints_two_formulas_and_the_point():
    local = QUADRATIC.at([1, 1, -1], [Fraction(1, 2), 0]).with_values(tau=Fraction(2, 3))
    found = falsify(lambda game, point: False, st.just(local), examples=5, seed=4)
    game, point = found.counterexample
    lines = repr(found).split("\n")
    assert lines[0] == ("<lambda>: refuted after 1 game (seed 4), by a game shrunk to")
    assert lines[1] == f"  player 1 (x): minimise {game.players[0].cost}"
    assert lines[3] == "  at x = 1/2, y = 0, tau = 2/3" and len(lines) == 5
    assert sp.expand(game.players[0].cost - ((X - sp.Rational(1, 2))**2
                                             + (X - sp.Rational(1, 2))*Y - Y**2)) == 0
    assert found._repr_latex_().startswith(r"$\displaystyle \mathtt{<lambda>}\text{ is refuted")
    assert sp.latex(sp.Rational(1, 2)) in found.latex()


def test_what_survived_is_told_by_its_census():
    found = falsify(always, PLANE, examples=25, seed=4)
    lines = repr(found).split("\n")
    assert lines[0].startswith("always: survived 2") and "(seed 4)" in lines[0]
    assert "25 holds" in lines[1] and "1+1: 25" in lines[2] and len(lines) == 4
    assert found._repr_latex_() is None
    assert found.latex() == rf"\mathtt{{always}}\text{{ survived {found.n_examples} games}}"
    with pytest.raises(GameError, match="always survived: there is no counterexample to save"):
        found.to_toml()


def test_strict_json():
    for found in (falsify(stable_is_nash, CUBIC, examples=200),
                  falsify(always, PLANE, examples=20)):
        data = json.loads(json.dumps(found.to_dict(), allow_nan=False))
        assert data["refuted"] == found.refuted == (data["counterexample"] is not None)
        assert sum(data["rulings"].values()) == sum(s["games"] for s in data["spread"])
        assert data["n_tested"] == found.n_tested


# -- saved and read back -------------------------------------------------------------------

def saved(tmp_path, local, name="kept"):
    def claim_(game, point):
        return False
    claim_.__name__ = name
    path = tmp_path / "found.toml"
    found = falsify(claim_, st.just(local), examples=3, save=path)
    return found, path, counterexample(path)


def test_a_replay_has_the_exact_game_point_and_values(tmp_path):
    local = PolynomialFamily((2, 1), degrees=(1, 2, 3)).at(
        [Fraction(k - 9, 7) for k in range(19)], [Fraction(1, 3), -2, Fraction(22, 7)])
    local = local.with_values(tau=Fraction(1, 3), eta=5)
    found, path, (name, again) = saved(tmp_path, local)
    assert name == found.claim == "kept"
    assert again.point == local.point and again.values == local.values
    assert [p.cost for p in again.game.players] == [p.cost for p in local.game.players]
    assert again.game.variables == local.game.variables
    assert again.facts() == local.facts() and again.jet.costs == local.jet.costs
    # The same file is a game file.
    assert ga.parsing.load(path).variables == local.game.variables


def test_parameters_periods_and_irrational_points_are_kept(tmp_path):
    a = sp.Symbol("a", real=True)
    game = ga.Game(ga.Player(a*Y**3 + sp.cos(X)*Y, [X]),
                   ga.Player(Y**2 - a*sp.exp(-Y*sp.sin(X)), [Y]),
                   parameters={a: sp.Rational(3, 20)}, periods={X: 2*sp.pi})
    local = LocalGame(game, (sp.pi/3, sp.sqrt(2)))
    found, _, (_, again) = saved(tmp_path, local)
    assert again.game.parameters == game.parameters
    assert again.game.periods == game.periods
    assert again.point == (sp.pi/3, sp.sqrt(2))
    assert [p.cost for p in again.game.players] == [p.cost for p in game.players]
    assert "a = 3/20" in repr(found)


def test_names_that_a_file_cannot_hold_are_replaced(tmp_path):
    theta, word, x1 = sp.symbols(r"\theta lambda x1", real=True)
    game = ga.Game(ga.Player(theta**2 + word*x1, [theta, word]), ga.Player(x1**2, [x1]))
    _, path, (_, again) = saved(tmp_path, LocalGame(game, (1, 2, 3)))
    names = [s.name for s in again.game.variables]
    assert names == ["x1_", "x2", "x1"] and again.point == (1, 2, 3)
    swap = dict(zip(game.variables, again.game.variables))
    assert again.game.players[0].cost == game.players[0].cost.xreplace(swap)


def test_symbols_without_assumptions_are_read_as_real_ones(tmp_path):
    x, y = sp.symbols("x y")
    _, _, (_, again) = saved(tmp_path, LocalGame(ga.zero_sum(x**2*y - y**2, x, y), (0, 1)))
    assert [p.cost for p in again.game.players] == [X**2*Y - Y**2, Y**2 - X**2*Y]


def test_what_would_not_be_read_back_is_refused_but_not_lost(tmp_path):
    root = sp.CRootOf(X**3 + X + 1, 0)
    local = LocalGame(ga.zero_sum(X**2 - Y**2, X, Y), (root, 0))
    with pytest.raises(GameError, match="does not fit in a game file") as caught:
        saved(tmp_path, local)
    assert "refuted after" in caught.value.__notes__[0]
    # A certified point that is known in floats only.
    f = sp.exp(X) + X**2 - Y**2 + X*Y
    (point,) = ga.analyze(ga.zero_sum(f, X, Y), [(-2, 2), (-2, 2)])
    with pytest.raises(GameError, match="would not be read back exactly"):
        saved(tmp_path, LocalGame(ga.zero_sum(f, X, Y), point))


def test_claims_with_quotes_make_valid_toml(tmp_path):
    _, path, (name, _) = saved(tmp_path, NASH, name="without 'zero-sum' \"and\" \\ \n more")
    assert name == "without 'zero-sum' ?and? ? ? more"
    assert tomllib.loads(path.read_text(encoding="utf-8"))["counterexample"]["seed"] == 0


def test_a_survivor_saves_nothing(tmp_path):
    falsify(always, PLANE, examples=5, save=tmp_path / "none.toml")
    assert not os.listdir(tmp_path)


GAME = 'zero_sum = "x*y"\nleader = ["x"]\nfollower = ["y"]\n'


@pytest.mark.parametrize("text, part", [
    (GAME, "there is no [counterexample] table"),
    (GAME + '[counterexample]\nclaim = "c"\npoint = ["0", "0"]\n', "with a claim, a point and"),
    (GAME + '[counterexample]\nclaim = "c"\npoint = 3\nvalues = {}\n', "no [counterexample]"),
    (GAME + 'counterexample = 3\n', "counterexample"),
    (GAME + '[counterexample]\nclaim = "c"\npoint = ["0", "exec()"]\nvalues = {}\n',
     "'exec' is not"),
    (GAME + '[counterexample]\nclaim = "c"\npoint = ["0"]\nvalues = {}\n', "2 coordinates"),
    (GAME + '[counterexample]\nclaim = "c"\npoint = ["0", "0"]\nvalues = {tau = "pi"}\n',
     "tau must be a rational"),
])
def test_files_that_are_no_counterexamples(tmp_path, text, part):
    path = tmp_path / "a.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError) as caught:
        counterexample(path)
    assert part in str(caught.value)
