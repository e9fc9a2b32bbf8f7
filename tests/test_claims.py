"""Claims: Kleene's logic, the four rulings, exactness, and what is refused."""

import itertools
import json
import zlib
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
import sympy as sp

import gameanalysis as ga
from gameanalysis import GameError, LocalGame, PolynomialFamily, Truth, catalog, theorems
from gameanalysis.statements import vocabulary as v
from gameanalysis.statements.claims import (Claim, Condition, Finding, Ruling, claim, judge,
                                            needs_hypothesis)

X, Y, Z = sp.symbols("x y z", real=True)
TRUTHS = (Truth.NO, Truth.UNDECIDED, Truth.YES)
#: f = x^2 + xy - y^2 at its minimax point, a DNE and a DSE.
NASH = PolynomialFamily((1, 1), degrees=(2,)).at([1, 1, -1])


def says(truth, note="", text=None):
    return Condition(text or f"says {truth}", r"\top", lambda local: Finding(truth, note))


def made(hypotheses, conclusion, **options):
    return Claim(name="test-claim", title="A claim", statement="$p$", source="here",
                 hypotheses=tuple(hypotheses), conclusion=conclusion, **options)


# -- conditions ----------------------------------------------------------------------------

def test_connectives_are_minimum_maximum_and_reflection():
    # Kleene: NO = 0, UNDECIDED = 1/2, YES = 1.
    for a, b in itertools.product(range(3), repeat=2):
        one, other = says(TRUTHS[a]), says(TRUTHS[b])
        assert (one & other).find(NASH).truth is TRUTHS[min(a, b)]
        assert (one | other).find(NASH).truth is TRUTHS[max(a, b)]
        assert (~one).find(NASH).truth is TRUTHS[2 - a]


def test_notes_are_those_of_the_parts_that_decide():
    yes, no = says(Truth.YES, "sure"), says(Truth.NO, "never")
    assert (yes & no).find(NASH) == (Truth.NO, "never")
    assert (yes | no).find(NASH) == (Truth.YES, "sure")
    assert (yes & yes).find(NASH).note == "sure; sure"
    assert (~no).find(NASH) == (Truth.YES, "never")


def test_sentences_keep_their_grouping():
    a, b, c = (says(Truth.YES, text=name) for name in "abc")
    assert ((a | b) & c).text == "(a or b) and c"
    assert (a | (b & c)).text == "a or (b and c)"
    assert (~(a & b)).text == "not (a and b)"


def test_python_cannot_drop_a_part_silently():
    a, b = says(Truth.YES), says(Truth.NO)
    for drop in (lambda: a and b, lambda: a or b, lambda: not a):
        with pytest.raises(TypeError, match="join conditions with &, | and ~"):
            drop()
    with pytest.raises(TypeError):
        a & True


@pytest.mark.parametrize("answer", [True, None, 1.0, "yes", np.True_])
def test_a_condition_answers_with_a_truth(answer):
    condition = Condition("odd", "", lambda local: answer)
    with pytest.raises(GameError, match="answers with a Truth or a Finding"):
        condition.find(NASH)


# -- the four rulings -------------------------------------------------------------------

@pytest.mark.parametrize("truths", itertools.product(TRUTHS, repeat=3))
def test_rulings_are_those_of_the_definition(truths):
    *met, end = truths
    if Truth.NO in met:
        expected = Ruling.NOT_MET
    elif set(truths) == {Truth.YES}:
        expected = Ruling.HOLDS
    elif set(met) == {Truth.YES} and end is Truth.NO:
        expected = Ruling.VIOLATED
    else:
        expected = Ruling.UNDECIDED
    hypotheses = [says(t, text=f"H{k}") for k, t in enumerate(met)]
    for every in (False, True):
        verdict = judge(made(hypotheses, says(end)), NASH, every=every)
        assert verdict.ruling is expected
        assert (verdict.conclusion is None) == (Truth.NO in met)


def test_asking_ends_at_the_first_hypothesis_that_fails_unless_all_are_wanted():
    asked = []
    hypotheses = [Condition(name, name, lambda local, n=name: (asked.append(n), Truth.of(
        n != "b"))[1]) for name in "abc"]
    statement = made(hypotheses, Condition("end", "", lambda local: asked.append("end")))
    assert list(judge(statement, NASH).hypotheses) == asked == ["a", "b"]
    asked.clear()
    assert list(judge(statement, NASH, every=True).hypotheses) == asked == ["a", "b", "c"]


def test_a_claim_without_hypotheses_is_its_conclusion():
    assert judge(made([], says(Truth.YES)), NASH).ruling is Ruling.HOLDS
    assert judge(made([], says(Truth.NO)), NASH).ruling is Ruling.VIOLATED


# -- verdicts --------------------------------------------------------------------------

def test_a_verdict_is_true_or_false_only_where_it_was_decided():
    assert judge(made([], says(Truth.YES)), NASH)
    assert not judge(made([], says(Truth.NO)), NASH)
    for hypotheses in ([says(Truth.NO)], [says(Truth.UNDECIDED)]):
        verdict = judge(made(hypotheses, says(Truth.YES)), NASH)
        with pytest.raises(ValueError, match="neither true nor false"):
            bool(verdict)
        with pytest.raises(GameError, match="test-claim"):
            verdict.require()
    verdict = judge(made([], says(Truth.YES)), NASH)
    assert verdict.require() is verdict


def test_a_verdict_as_json():
    local = NASH.with_values(tau=Fraction(1, 3))
    verdict = judge(made([says(Truth.YES, "margin 2", "H")], says(Truth.UNDECIDED, "?", "C")),
                    local)
    data = json.loads(json.dumps(verdict.to_dict(), allow_nan=False))
    assert data == {
        "claim": "test-claim", "ruling": "undecided",
        "costs": ["x**2 + x*y - y**2", "-x**2 - x*y + y**2"], "point": ["0", "0"],
        "values": {"tau": "1/3"}, "hypotheses": {"H": {"truth": "yes", "note": "margin 2"}},
        "conclusion": {"text": "C", "truth": "undecided", "note": "?"}}
    not_met = judge(made([says(Truth.NO)], says(Truth.YES)), NASH).to_dict()
    assert not_met["conclusion"] is None


def test_a_verdict_tells_every_condition_with_its_note():
    verdict = judge(made([says(Truth.YES, "margin 2", "H")], says(Truth.NO, "", "C")), NASH)
    assert repr(verdict).split("\n") == [
        "test-claim: violated", "  yes       H (margin 2)", "  no        => C"]


# -- claims ----------------------------------------------------------------------------

def test_without_drops_one_hypothesis():
    statement = theorems.named("proposition-3")
    for dropped in (v.NASH, "differential Nash"):
        weaker = statement.without(dropped)
        assert [h.text for h in weaker.hypotheses] == ["zero-sum"]
        assert weaker.name == "proposition-3, without 'differential Nash'"
        assert weaker.conclusion is statement.conclusion
    # f = x^2 has D22 f2 = 0: no DSE, and no DNE either.
    assert theorems.check(weaker, ga.zero_sum(X**2, X, Y), (0, 0)).ruling is Ruling.VIOLATED
    with pytest.raises(GameError, match="no hypothesis 'Nash'; it has 'zero-sum'; 'diff"):
        statement.without("Nash")


def test_the_decorator_enters_words_and_refuses_a_second_of_a_name():
    table = {}

    def decide(local):
        """The follower is happy.

        Proof.  By assumption.
        """
        return Truth.YES

    enter = claim(table, "happy", "Happiness", statement="$h$", source="here",
                  hypotheses=[v.ZERO_SUM], then="happy")
    assert enter(decide) is decide
    entry = table["happy"]
    assert entry.about == "The follower is happy.\n\nProof.  By assumption."
    assert entry.conclusion.text == "happy" and entry.hypotheses == (v.ZERO_SUM,)
    assert entry.holds and not entry.is_statistical
    assert str(entry).split("\n") == ["happy: Happiness", "  The follower is happy.",
                                      "  if    zero-sum", "  then  happy", "  source: here"]
    with pytest.raises(GameError, match="two claims called happy"):
        enter(decide)
    with pytest.raises(GameError, match="happy has no strategy of games: pass games="):
        entry.games()


def test_statistical_conclusions_draw_from_the_claim_and_the_seed_alone():
    drawn = []

    def decide(local, rng):
        drawn.append(rng.random())
        return Truth.YES

    def statement(name):
        table = {}
        claim(table, name, "", statement="", source="", hypotheses=(), then="",
              error_probability=1e-9)(decide)
        return table[name]

    other = PolynomialFamily((1, 1), degrees=(2,)).at([3, 1, -1])
    for name, seed, local in [("a", 0, NASH), ("a", 0, other), ("a", 1, NASH), ("b", 0, NASH)]:
        judge(statement(name), local, seed=seed)
    expected = [np.random.default_rng([seed, zlib.crc32(name)]).random()
                for name, seed in [(b"a", 0), (b"a", 0), (b"a", 1), (b"b", 0)]]
    assert drawn == expected and len(set(drawn)) == 3
    assert statement("a").is_statistical


def test_a_missing_hypothesis_says_how_to_install_it(monkeypatch):
    import sys
    monkeypatch.setitem(sys.modules, "gameanalysis.strategies", None)
    with pytest.raises(ModuleNotFoundError):
        theorems.named("proposition-3").games()
    error = needs_hypothesis(ModuleNotFoundError("no", name="hypothesis"))
    assert error.name == "hypothesis" and "pip install 'gameanalysis[falsify]'" in str(error)
    other = ModuleNotFoundError("no", name="numpy")
    assert needs_hypothesis(other) is other


# -- the table -------------------------------------------------------------------------

def test_names_of_claims_can_be_typed_and_are_no_games():
    assert not set(theorems.names()) & set(catalog.names())
    for name in theorems.names():
        assert theorems.named(name).name == name
        assert all(c.isalnum() or c in "-." for c in name), name
    assert set(theorems.names()) == {*theorems.names(holds=True), *theorems.names(holds=False)}


@pytest.mark.parametrize("name", theorems.names())
def test_every_claim_is_documented(name):
    entry = theorems.named(name)
    assert entry.title and entry.source and entry.statement.count("$") % 2 == 0
    assert len(entry.about) > 60 and entry.about.splitlines()[0].endswith(".")
    assert entry._repr_latex_() == entry.latex() == entry.statement
    texts = [h.text for h in entry.hypotheses]
    assert len(set(texts)) == len(texts), "a verdict would lose one of them"
    for game in entry.witnesses:
        assert game in catalog.names()


def test_an_unknown_name_comes_with_the_nearest():
    with pytest.raises(GameError, match="'propositon-3'; did you mean proposition-3"):
        theorems.named("propositon-3")
    with pytest.raises(GameError, match=r"theorems.names\(\) lists all"):
        theorems.named("zzz")


@cache
def _awkward():
    """Games and points at which some hypothesis or some inverse fails."""
    three = ga.Game(ga.Player(X**2 + X*Y, [X]), ga.Player(Y**2 + Y*Z, [Y]),
                    ga.Player(Z**2 - X*Z, [Z]))
    wide = ga.zero_sum(X**2 + X*Y, X, [Y, Z])           # D22 f2 = 0
    bilinear = ga.zero_sum(X*Y, X, Y)
    quartic = ga.zero_sum(X**4/16 - 3*X**2/4 + X*Y - Y**2/2, X, Y)
    waves = ga.zero_sum(sp.exp(X)*sp.cos(Y) + X*Y, X, Y)
    general = ga.Game(ga.Player(X**2 + X*Y + Y, [X]), ga.Player(Y**2/2 + X*Y + X**2*Y, [Y]))
    analysis = ga.analyze(quartic, [(-3, 3), (-3, 3)])
    return [("three players", three, (0, 0, 0)), ("singular follower", wide, (0, 0, 0)),
            ("bilinear", bilinear, (0, 0)), ("not critical", bilinear, (1, 2)),
            ("irrational", quartic, analysis[0]), ("square root", quartic, (sp.sqrt(2),)*2),
            ("not rational derivatives", waves, (1, 1)), ("general sum", general, (0, 0)),
            ("general sum off the curve", general, (0, Fraction(1, 2)))]


@pytest.mark.parametrize("name", theorems.names())
def test_no_claim_raises_anywhere(name):
    for case, game, point in _awkward():
        verdict = theorems.check(name, LocalGame(game, point, {"tau": 2}))
        assert verdict.ruling in Ruling, case
        if theorems.named(name).holds:
            assert verdict.ruling is not Ruling.VIOLATED, (case, verdict)


# -- check -----------------------------------------------------------------------------

GAME = ga.zero_sum(X**2 + X*Y - Y**2, X, Y)


@pytest.mark.parametrize("arguments, values, error, part", [
    (("propsition-3", GAME, (0, 0)), {}, GameError, "did you mean proposition-3"),
    ((3, GAME, (0, 0)), {}, GameError, "a claim is a Claim or the name of one, not 3"),
    (("proposition-3", GAME), {}, GameError, "give a row of numbers"),
    (("proposition-3", GAME, (0,)), {}, ga.BoxError, "a point needs 2 coordinates, one for each "
     "of x, y, not 1"),
    (("proposition-3", GAME, (0, 0, 0)), {}, ga.BoxError, "not 3"),
    (("proposition-3", GAME, (0, X)), {}, ValueError, "coordinate"),
    (("proposition-3", GAME, (0, float("nan"))), {}, ValueError, "coordinate"),
    (("proposition-3", X**2, (0, 0)), {}, GameError, "expected a Game, not x"),
    (("proposition-3", NASH, (0, 0)), {}, GameError, "a LocalGame has its point"),
    (("proposition-3", GAME, (0, 0)), {"tau": sp.pi}, GameError, "tau must be a rational"),
    (("proposition-3", GAME, (0, 0)), {"tau": "two"}, ValueError, "tau"),
])
def test_wrong_arguments_are_named(arguments, values, error, part):
    with pytest.raises(error) as caught:
        theorems.check(*arguments, **values)
    assert part in str(caught.value)


def test_a_local_game_and_a_pair_come_to_the_same():
    pair = theorems.check("statement-2.9", GAME, (0, 0), tau=2)
    alone = theorems.check("statement-2.9", LocalGame(GAME, (0, 0)), tau=2)
    assert pair.to_dict() == alone.to_dict() and pair.local.values == {"tau": 2}
    assert pair.ruling is Ruling.HOLDS


def test_a_claim_is_asked_with_its_values():
    # -x^2 + 2xy - y^2/2: tr J_tau = -2 + tau, det J_tau = tau (-2 + 4), so stable iff tau > 2.
    game = ga.zero_sum(-X**2 + 2*X*Y - Y**2/2, X, Y)
    for tau, met in [(1, False), (2, False), (sp.Rational(2000001, 1000000), True), (3, True)]:
        verdict = theorems.check("statement-2.9", game, (0, 0), tau=tau)
        assert (verdict.ruling is Ruling.HOLDS) == met
        assert verdict.ruling in (Ruling.HOLDS, Ruling.NOT_MET)


def test_exact_at_irrational_critical_points():
    # With y = x on the reaction curve and f = x^4/16 - 3x^2/4 + xy - y^2/2:
    # f' = x (x^2 - 2)/4; at x = +-sqrt(2) is D11 f = 3x^2/4 - 3/2 = 0 and S1 = 0 + 1, at
    # x = 0 they are -3/2 and -1/2.
    game = ga.zero_sum(X**4/16 - 3*X**2/4 + X*Y - Y**2/2, X, Y)
    found = ga.analyze(game, [(-3, 3), (-3, 3)])
    assert [round(p.x[0], 9) for p in found] == [-1.414213562, 0, 1.414213562]
    stackelberg = made([v.ZERO_SUM, v.CRITICAL], v.STACKELBERG)
    leader = made([v.STACKELBERG], v.LEADER_DEFINITE)
    for point in found:
        irrational = point.x[0] != 0
        assert theorems.check("proposition-3", game, point).ruling is Ruling.NOT_MET
        assert bool(theorems.check(stackelberg, game, point)) == irrational
        assert theorems.check(leader, game, point).ruling is (
            Ruling.VIOLATED if irrational else Ruling.NOT_MET)


def test_what_signs_do_not_decide_is_undecided():
    # The same game: at the number sqrt(2), not known to be a zero, intervals contain w = 0.
    game = ga.zero_sum(X**4/16 - 3*X**2/4 + X*Y - Y**2/2, X, Y)
    verdict = theorems.check(made([v.CRITICAL], v.STACKELBERG), game, (sp.sqrt(2), sp.sqrt(2)))
    assert verdict.ruling is Ruling.UNDECIDED
    assert verdict.hypotheses["omega = 0"].truth is Truth.UNDECIDED
    # Where they do, it is decided: at (sqrt(3), sqrt(3)) is w = (sqrt(3)/4, 0).
    verdict = theorems.check(made([v.CRITICAL], v.STACKELBERG), game, (sp.sqrt(3), sp.sqrt(3)))
    assert verdict.ruling is Ruling.NOT_MET


def test_floats_are_the_decimals_that_they_print_as():
    # w = 0 at x = 1/10 and 3/10 exactly; the doubles 0.1 and 0.3 are other numbers.
    game = ga.zero_sum((X - sp.Rational(1, 10))**2 - (Y - sp.Rational(3, 10))**2, X, Y)
    for point in [(0.1, 0.3), np.array([0.1, 0.3]), (Fraction(1, 10), Fraction(3, 10))]:
        assert theorems.check("proposition-3", game, point)
    assert Fraction(0.1) != Fraction(1, 10)
    exactly = (Fraction(0.1), Fraction(0.3))
    assert theorems.check("proposition-3", game, exactly).ruling is Ruling.NOT_MET
    assert theorems.check("proposition-3", game, (0.1 + 0.2, 0.3)).ruling is Ruling.NOT_MET
