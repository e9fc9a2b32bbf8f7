"""The commands `check` and `falsify`: what they say, their statuses, one line for each error."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from gameanalysis import catalog, claim_commands, parsing, theorems
from gameanalysis.__main__ import main
from gameanalysis.statements.claims import Claim, Condition, Finding
from gameanalysis.truth import Truth

ROOT = Path(__file__).resolve().parent.parent
XY = ["--leader", "x", "--follower", "y"]
#: A = 2, B = 1, D = 2: a DNE at the origin.
SADDLE = ["--cost", "x**2 + x*y - y**2", *XY]
#: f' = x (x^2 - 2)/4 with y = x; at x = +-sqrt(2) is A = 0, S1 = 1: DSE and no DNE.
QUARTIC = ["--cost", "x**4/16 - 3*x**2/4 + x*y - y**2/2", *XY, "--box", "-3", "3"]

HEADER = "from gameanalysis import LocalGame, Truth, strategies, theorems\n"
OWN = HEADER + """
games = strategies.stable_games()

def claim(game, point):
    local = LocalGame(game, point)
    return local.nash
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Write a file of claims into an empty folder, which is the working one."""
    monkeypatch.chdir(tmp_path)

    def own(text=OWN, name="my_claim.py"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return name
    return own


@pytest.fixture
def table(monkeypatch):
    """Three claims in place of all: a theorem, a false reading, and one that asks for nothing."""
    def claim(name, hypotheses, conclusion, **options):
        return Claim(name=name, title=name.title(), statement="$p$", source="here", about="Words.",
                     hypotheses=hypotheses, conclusion=conclusion,
                     make_games=lambda s: s.general_sum_games(leader=1, follower=1), **options)
    never = Condition("never", "", lambda local: Truth.NO)
    always = Condition("always", "", lambda local: Truth.YES)
    entries = [claim("right", (), always),
               claim("wrong-theorem", (), never), claim("empty", (never,), always),
               claim("false-reading", (), never, holds=False, witnesses=("figure1",)),
               claim("not-false", (), always, holds=False),
               claim("undecided", (), Condition("open", "", lambda local: Finding(
                   Truth.UNDECIDED, "who knows"))),
               claim("chance", (), Condition("luck", "", lambda local, rng: Truth.YES),
                     error_probability=1e-9)]
    known = {entry.name: entry for entry in entries}
    monkeypatch.setattr(theorems, "TABLE", known)
    monkeypatch.setattr("gameanalysis.statements.claims.KNOWN", known)


# -- check: lists and explanations -------------------------------------------------------

def test_the_list_has_every_claim(run, data):
    status, out, err = run("check", "--list")
    lines = out.splitlines()
    assert (status, err) == (0, "") and lines[0].split() == ["name", "check", "claim", "title"]
    assert [line.split()[0] for line in lines[1:]] == list(theorems.names())
    for line in lines[1:]:
        entry = theorems.named(line.split()[0])
        assert line.split()[1:3] == ["statistical" if entry.is_statistical else "exact",
                                     "holds" if entry.holds else "false"]
        assert line.endswith(entry.title)
    status, found = data("check", "--list")
    assert status == 0 and [entry["name"] for entry in found] == list(theorems.names())
    assert {frozenset(entry) for entry in found} == {frozenset([
        "name", "title", "kind", "holds", "statement", "source", "about", "hypotheses",
        "conclusion", "witnesses", "error_probability"])}


def test_one_claim_with_its_proof(run, data):
    status, out, _ = run("check", "proposition-3")
    assert status == 0 and out.startswith("proposition-3: Proposition 3\n")
    for part in ("Proof.  S1(J) = A + B D^-1 B^T", "if    zero-sum\nif    differential Nash\n"
                 "then  differential Stackelberg", r"\Rightarrow x \text{ is a DSE}", "section 3"):
        assert part in out
    _, found = data("check", "proposition-3")
    assert found["hypotheses"] == ["zero-sum", "differential Nash"] and found["holds"] is True
    _, both = data("check", "proposition-3", "statement-2.9", "proposition-3")
    assert both[0] == found and [entry["name"] for entry in both[1:]] == ["statement-2.9"]


def test_false_and_statistical_claims_are_marked(run, table):
    out = run("check", "false-reading")[1]
    assert "(a FALSE reading)" in out and "refuted by: figure1 (gameanalysis catalog)" in out
    out = run("check", "chance")[1]
    assert "errs with probability at most 1e-09" in out


# -- check: over many games -----------------------------------------------------------------

def test_a_theorem_survives(run, data):
    status, out, err = run("check", "proposition-3", "--examples", "60")
    assert (status, err) == (0, "")
    assert out.startswith("proposition-3: survived 60 games (seed 0)\n  60 holds; 0 given up\n")
    status, found = data("check", "proposition-3", "--examples", "60", "--seed", "7")
    assert status == 0 and found["seed"] == 7 and found["rulings"] == {"holds": 60}
    assert set(found) == {"claim", "refuted", "reason", "counterexample", "n_examples",
                          "n_rejected", "n_tested", "seed", "rulings", "spread", "holds", "kind",
                          "as_expected"}
    assert found["as_expected"] is True and found["counterexample"] is None
    one, two = (data("check", "proposition-3", "--examples", "60", "--workers", "2")[1]
                for _ in range(2))
    assert one == two and one["rulings"] == {"holds": 60}


def test_one_claim_that_is_refuted_ends_with_1(run, data, table):
    status, out, err = run("check", "wrong-theorem", "--examples", "20")
    assert (status, err) == (1, "")
    assert out.splitlines()[0] == ("wrong-theorem: refuted after 1 game (seed 0), by a game "
                                   "shrunk to")
    assert "as it should be" not in out
    status, out, _ = run("check", "false-reading", "--examples", "20")
    assert status == 1 and "as it should be: this reading is known to be false" in out
    status, found = data("check", "false-reading", "--examples", "20")
    assert status == 1 and found["as_expected"] is True and found["refuted"] is True
    assert "errs with probability at most 1e-09" in run("check", "chance", "--examples", "9")[1]


@pytest.mark.parametrize("names, status", [
    (["right", "false-reading"], 0), (["right", "chance"], 0), (["right", "wrong-theorem"], 1),
    (["right", "empty"], 1), (["right", "not-false"], 1), (["right", "undecided"], 1),
])
def test_several_claims_end_with_0_if_each_is_as_listed(run, data, table, names, status):
    got, out, err = run("check", *names, "--examples", "20")
    assert (got, err) == (status, "")
    got, found = data("check", *names, "--examples", "20")
    assert got == status and [entry["claim"] for entry in found] == names
    assert all(entry["as_expected"] for entry in found) == (status == 0)


def test_the_summary_of_all(run, table):
    status, out, _ = run("check", "--all", "--examples", "20")
    rows = {line.split()[0]: line for line in out.splitlines()[1:8]}
    assert status == 1 and list(rows) == list(theorems.TABLE)
    assert re.fullmatch(r"right +20 +20 +0 +0 +0  survived", rows["right"])
    assert re.fullmatch(r"wrong-theorem +1 +0 +0 +0 +0  REFUTED", rows["wrong-theorem"])
    assert rows["empty"].endswith("NOT TESTED: no game was decided")
    assert re.fullmatch(r"undecided +20 +0 +0 +20 +0  NOT TESTED: .*", rows["undecided"])
    assert rows["false-reading"].endswith("  refuted, as it should be")
    assert rows["not-false"].endswith("NOT REFUTED, though it is false")
    # Only the theorem's counterexample is told in full.
    assert out.count("shrunk to") == 1 and "wrong-theorem: refuted after 1 game" in out


def test_a_counterexample_is_saved_and_replayed(run, data, own, table):
    own()
    status, _, _ = run("check", "wrong-theorem", "--examples", "9", "--save", "kept.toml")
    assert status == 1
    status, found = data("falsify", "--replay", "kept.toml")
    assert status == 1 and found["refuted"] is True and found["claim"] == "wrong-theorem"
    assert found["ruling"] == "violated" and len(found["counterexample"]["costs"]) == 2
    status, out, _ = run("falsify", "--replay", "kept.toml")
    assert status == 1 and out.startswith("wrong-theorem: still refuted by\n  player 1 (x): ")
    # The file is a game file.
    assert run("analyze", "kept.toml", "--box", "-1", "1")[0] in (0, 1)
    # A survivor writes nothing.
    assert run("check", "right", "--examples", "9", "--save", "none.toml")[0] == 0
    assert not os.path.exists("none.toml")


# -- check: at points of a game -----------------------------------------------------------

def test_a_point_by_name_or_in_order(run, data):
    for at in (["x=0", "y=0"], ["y=0,x=0"], ["0", "0"], ["0,0"]):
        status, found = data("check", "proposition-3", *SADDLE, "--at", *at)
        assert status == 0 and found["ruling"] == "holds" and found["point"] == ["0", "0"]
        assert found["class"] == "DNE DSE stable S-stable" and found["holds"] is True
    status, out, _ = run("check", "proposition-3", *SADDLE, "--at", "x=-1/2", "y=pi")
    assert status == 0
    assert out == ("at x = -1/2, y = pi: not critical\n\nproposition-3: hypotheses not met\n"
                   "  yes       zero-sum\n  no        differential Nash (omega is not zero, or "
                   "not defined, exactly at this point)\n")


def test_a_game_may_stand_anywhere_behind_the_names(data):
    # A = -1, B = 2, D = 2: DSE, no DNE.
    for arguments in (["dse_not_nash", "--at", "0", "0"], ["--at", "0", "0", "dse_not_nash"],
                      ["--value", "tau=2", "dse_not_nash", "--at", "x=0", "y=0"]):
        status, found = data("check", "proposition-3", *arguments)
        assert (status, found["ruling"]) == (0, "hypotheses not met")
    status, found = data("check", "--at", "0", "0", "proposition-3", "dse_not_nash")
    assert (status, found["claim"]) == (0, "proposition-3")


def test_values_of_a_claim(data):
    # -x^2 + 2xy - y^2/2: stable if and only if tau > 2.
    game = ["--cost", "-x**2 + 2*x*y - y**2/2", *XY, "--at", "0", "0"]
    for tau, ruling in [("2", "hypotheses not met"), ("2000001/1000000", "holds")]:
        status, found = data("check", "statement-2.9", *game, "--value", f"tau={tau}")
        assert (status, found["ruling"], found["values"]) == (0, ruling, {"tau": tau})


def test_statuses_at_a_point(run, table):
    at = [*SADDLE, "--at", "0", "0"]
    for names, status in [(["right"], 0), (["empty"], 0), (["wrong-theorem"], 1),
                          (["undecided"], 1), (["false-reading"], 1),
                          (["right", "false-reading"], 0), (["right", "undecided"], 1),
                          (["--all"], 1)]:
        assert run("check", *names, *at)[0] == status
    out = run("check", "--all", *at)[1]
    rows = {line.split()[0]: line.split()[1:5] for line in out.splitlines()[3:10]}
    assert rows["right"] == ["1", "-", "-", "-"] and rows["empty"] == ["-", "1", "-", "-"]
    assert rows["wrong-theorem"] == rows["false-reading"] == ["-", "-", "1", "-"]
    assert "-          1  who knows" in out and "a false reading" in out
    assert out.count("at x = 0, y = 0\n") == 1                # the theorem, in full


def test_critical_points_are_exact(run, data):
    status, found = data("check", "proposition-3", *QUARTIC, "--critical")
    assert status == 0 and found["complete"] == "yes" and found["of"] == "simultaneous"
    assert [p[0] for p in found["points"]] == pytest.approx([-2**0.5, 0, 2**0.5])
    # A = 0 exactly at the outer two, which floats cannot tell.
    for verdict, point in zip(found["verdicts"], found["points"]):
        assert verdict["hypotheses"]["differential Nash"]["truth"] == "no"
        assert verdict["class"].startswith("DSE") == (point[0] != 0)
    assert [v["index"] for v in found["verdicts"]] == [0, 1, 2]
    status, out, _ = run("check", "proposition-3", *QUARTIC, "--critical")
    lines = out.splitlines()
    assert lines[0].split() == ["x", "y", "class", "proposition-3"]
    assert lines[1].split()[:3] == ["-1.414214", "-1.414214", "DSE"]
    assert lines[-1].startswith("3 critical points (omega = 0)") and "proved complete" in out


def test_critical_points_of_the_other_field_and_of_all_claims(data, run):
    status, found = data("check", "proposition-3", "duopoly", "--critical", "--of", "stackelberg")
    assert status == 0 and found["of"] == "stackelberg" and found["points"] == [[46, 26]]
    status, found = data("check", "proposition-3", "statement-2.9", *QUARTIC, "--critical")
    assert [(v["claim"], v["index"]) for v in found["verdicts"]] == [
        (name, k) for name in ("proposition-3", "statement-2.9") for k in range(3)]
    out = run("check", "--all", *SADDLE, "--critical", "--box", "-1", "1")[1]
    assert all(name in out for name in theorems.names())


def test_statuses_at_critical_points(run, table):
    assert run("check", "right", *QUARTIC, "--critical")[0] == 0
    status, out, _ = run("check", "wrong-theorem", *QUARTIC, "--critical")
    assert status == 1 and out.count("wrong-theorem: violated") == 3
    # A whole line of critical points: the list cannot be proved complete.
    status, out, _ = run("check", "right", "tandem", "--critical")
    assert status == 1 and "NOT proved complete" in out


# -- falsify ------------------------------------------------------------------------------

def test_a_claim_of_ones_own_is_refuted(run, data, own):
    status, out, err = run("falsify", own())
    assert (status, err) == (1, "") and out.startswith("claim: refuted after ")
    status, found = data("falsify", "my_claim.py", "--examples", "300", "--save", "found.toml")
    assert status == 1 and found["refuted"] is True and found["seed"] == 0
    # By hand: the spectrum of J lies to the right, an own Hessian is not positive.
    game = parsing.load("found.toml")
    variables, n1 = game.variables, game.sizes[0]
    f = game.players[0].cost
    jacobian = sp.Matrix([[sp.diff(f, a, b) * (1 if i < n1 else -1) for b in variables]
                          for i, a in enumerate(variables)]).subs(dict.fromkeys(variables, 0))
    assert all(sp.re(value) > 0 for value in jacobian.eigenvals())
    assert not (jacobian[:n1, :n1].is_positive_definite
                and jacobian[n1:, n1:].is_positive_definite)
    assert found["counterexample"]["costs"] == [str(player.cost) for player in game.players]


def test_replay_with_the_file(run, data, own):
    assert run("falsify", own(), "--save", "found.toml")[0] == 1
    status, found = data("falsify", "my_claim.py", "--replay", "found.toml")
    assert status == 1 and found["ruling"] == "violated" and found["claim"] == "claim"
    # The claim was mended: it holds now.
    own(OWN.replace("local.nash", "local.is_stable()"))
    status, out, _ = run("falsify", "my_claim.py", "--replay", "found.toml")
    assert status == 0 and out.startswith("claim: holds at\n")
    status, _, err = run("falsify", "--replay", "found.toml")
    assert status == 2 and "give the file that defines it: gameanalysis falsify my_claim.py" in err
    # Renamed, but the only one; then one of two.
    own(OWN.replace("claim", "claim_a"))
    assert run("falsify", "my_claim.py", "--replay", "found.toml")[0] == 1
    own(OWN + "claim_b = claim_c = lambda game, point: True\ndel claim\n")
    status, _, err = run("falsify", "my_claim.py", "--replay", "found.toml")
    assert status == 2 and "there is no claim called 'claim'; my_claim.py defines claim_b" in err


def test_a_theorem_without_a_hypothesis_is_replayed_by_name(run, data, own):
    own(HEADER + "games = strategies.stable_games()\n"
        "claim = theorems.named('statement-2.9').without('D22 f2 > 0')\n")
    status, found = data("falsify", "my_claim.py", "--save", "found.toml")
    assert status == 1 and found["claim"] == "statement-2.9, without 'D22 f2 > 0'"
    assert data("falsify", "--replay", "found.toml")[0] == 1
    text = Path("found.toml").read_text(encoding="utf-8").replace("D22 f2 > 0", "nothing")
    Path("found.toml").write_text(text, encoding="utf-8")
    status, _, err = run("falsify", "--replay", "found.toml")
    assert status == 2 and "no claim called" in err


def test_several_claims_with_games_of_their_own(data, own):
    own(HEADER + """
games = strategies.nash_games()
games_b = strategies.saddle_games()

def claim_a(game, point):
    assert LocalGame(game, point).stackelberg

def claim_b(game, point):
    return LocalGame(game, point).stackelberg

def helper(game, point):
    return False

claim_c = lambda game, point: True
claim_d = theorems.named("proposition-3")
""")
    status, found = data("falsify", "my_claim.py", "--examples", "40")
    assert status == 1
    assert [(f["claim"], f["refuted"]) for f in found] == [
        ("claim_a", False), ("claim_b", True), ("claim_c", False), ("proposition-3", False)]


def test_a_claim_may_bring_its_own_games_and_import_its_neighbours(data, own):
    own("value = True\n", "neighbour_of_my_claim.py")
    own("from __future__ import annotations\nfrom dataclasses import dataclass\n" + HEADER + """
from gameanalysis.statements.claims import claim as decorator
from neighbour_of_my_claim import value

@dataclass
class Kept:
    value: bool

claim = theorems.named("proposition-3")
assert Kept(value).value and __file__.endswith("my_claim.py") and __name__ != "__main__"
""")
    before = list(sys.path)
    status, found = data("falsify", "my_claim.py", "--examples", "20")
    assert status == 0 and found["claim"] == "proposition-3" and sys.path == before


def test_what_a_file_prints_is_no_result(run, own):
    own(OWN.replace("    local", "    print('hello')\n    local"))
    status, out, err = run("falsify", "my_claim.py", "--json", "--examples", "20")
    assert json.loads(out)["claim"] == "claim" and "hello" in err
    assert "hello" in run("falsify", "my_claim.py", "--examples", "20")[1]


# -- wrong input ---------------------------------------------------------------------------

AT = ["--at", "0", "0"]
CHECK = ["check", "proposition-3"]
WRONG = [
    (["check"], "which claim? give names, or --all"),
    (["check", "propsition-3"], "'propsition-3'; did you mean proposition-3"),
    (["check", "proposition-3", "figre1"], "did you mean figure1?"),
    (["check", "zzz"], "gameanalysis check --list and gameanalysis catalog list all"),
    (["check", "figure1", *AT], "which claim? give names, or --all"),
    ([*CHECK, "--all"], "--all is for all claims: leave out proposition-3"),
    ([*CHECK, "--list"], "--list is for all claims"),
    ([*CHECK, "figure1", "torus", *AT], "'torus' is a second game"),
    ([*CHECK, "--json", "figure1"], "figure1"),
    # over many games
    ([*CHECK, "--examples", "0"], "'0' is not a whole number above 0"),
    ([*CHECK, "--examples", "many"], "'many' is not a whole number"),
    ([*CHECK, "--examples", "9", "--seed", "-1"], "'-1' is not a whole number, 0 or above"),
    ([*CHECK, "--examples", "9", "--workers", "0"], "--workers"),
    ([*CHECK, "--seed", "3"], "--seed goes with --examples"),
    ([*CHECK, "--workers", "3"], "--workers goes with --examples"),
    ([*CHECK, "--save", "a.toml"], "--save goes with --examples"),
    ([*CHECK, "figure1", "--examples", "9"], "--examples draws games: it excludes a game"),
    ([*CHECK, "--examples", "9", *AT], "excludes --at"),
    ([*CHECK, "--examples", "9", "--critical"], "excludes --critical"),
    ([*CHECK, "--examples", "9", "--value", "tau=2"], "excludes --value"),
    ([*CHECK, "--examples", "9", "--box", "0", "1"], "excludes --box"),
    (["check", "--list", "--examples", "9"], "excludes --list"),
    (["check", "--all", "--examples", "9", "--save", "a.toml"], "--save is for one claim"),
    ([*CHECK, "--examples", "9", "--save", "no/a.toml"], "there is no folder 'no'"),
    ([*CHECK, "--examples", "9", "--save", "/"], "this is a folder"),
    # at points of a game
    ([*CHECK, "figure1"], "at which point? give --at X=VALUE ..., or --critical"),
    ([*CHECK, *AT], "which game?"),
    ([*CHECK, "--critical"], "which game?"),
    ([*CHECK, "figure1", *AT, "--critical"], "--at and --critical exclude each other"),
    ([*CHECK, "figure1", *AT, "--box", "0", "1"], "--box and --everywhere go with --critical"),
    ([*CHECK, "figure1", *AT, "--everywhere"], "go with --critical"),
    (["check", "--list", "figure1", *AT], "--list goes without a game"),
    ([*CHECK, "figure1", "--at", "0"], "a number for each of x1, x2, and not 1"),
    ([*CHECK, "figure1", "--at", "0", "0", "0"], "and not 3"),
    ([*CHECK, "figure1", "--at", "x1=0"], "there is no value for x2"),
    ([*CHECK, "figure1", "--at", "x1=0", "x2=0", "x3=0"], "'x3' is not a variable of this game"),
    ([*CHECK, "figure1", "--at", "x1=0", "x1=0"], "x1 is given twice"),
    ([*CHECK, "figure1", "--at", "x1=0", "0"], "'0' is not of the form X=VALUE"),
    ([*CHECK, "figure1", "--at", "x1=0", "x2=y"], "--at: x2: column 1: 'y' is not declared"),
    ([*CHECK, "figure1", "--at", "0", "1/0"], "--at: column 3: division by zero"),
    ([*CHECK, "figure1", *AT, "--value", "tau"], "--value: 'tau' has no '='"),
    ([*CHECK, "figure1", *AT, "--value", "tau=x"], "--value: column 5"),
    ([*CHECK, "figure1", *AT, "--value", "tau=pi"], "tau must be a rational number, not pi"),
    ([*CHECK, "figure1", *AT, "--value", "tau=1", "tau=2"], "--value: tau is given twice"),
    ([*CHECK, "figure1", "--critical", "--value", "tau=pi"], "tau must be a rational number"),
    ([*CHECK, "none.toml", *AT], "cannot read none.toml"),
    ([*CHECK, "--cost", "x*y", "--leader", "x", *AT], "--leader x --follower y"),
    ([*CHECK, *SADDLE, "--critical"], "--box LOW HIGH, or --everywhere"),
    ([*CHECK, "bilinear", "--critical", "--of", "stackelberg"], "--of simultaneous"),
    # falsify
    (["falsify"], "which claim? give your FILE.py"),
    (["falsify", "none.py"], "cannot read 'none.py': No such file"),
    (["falsify", "."], "cannot read '.': Is a directory"),
    (["falsify", "two\nlines.py"], r"'two\nlines.py'"),
    (["falsify", "a.py", "b.py"], "b.py"),
    (["falsify", "--examples", "9"], "which claim?"),
    (["falsify", "--replay", "none.toml"], "cannot read none.toml"),
    (["falsify", "a.py", "--replay", "a.toml", "--seed", "3"], "it excludes --seed"),
    (["falsify", "a.py", "--replay", "a.toml", "--save", "b"], "it excludes --save"),
]


@pytest.mark.parametrize("arguments, part", WRONG, ids=[str(i) for i in range(len(WRONG))])
def test_wrong_input_is_one_line(run, tmp_path, monkeypatch, arguments, part):
    monkeypatch.chdir(tmp_path)
    _is_one_line(run(*arguments), part)


def _is_one_line(result, part):
    status, out, err = result
    assert (status, out) == (2, "")
    assert err.startswith("gameanalysis: error: ") and err.count("\n") == 1
    assert err[:-1].isprintable() and len(err) < 700
    assert part in err


BROKEN = [
    ("", "my_claim.py defines no claim: write def claim(game, point)"),
    ("def test(game, point): return True", "defines no claim"),
    ("from gameanalysis.statements.claims import claim", "defines no claim"),
    ("claim = 3", "defines no claim"),
    ("def claim(game, point): return True", "defines no games for claim: write games = "),
    ("def claim_b(game, point): return True", "defines no games or games_b for claim_b"),
    (HEADER + "games = 3\ndef claim(game, point): return True",
     "my_claim.py: games is a Hypothesis strategy, not 3"),
    (HEADER + "games = strategies.nash_games\ndef claim(game, point): return True", "call it"),
    (OWN.replace("game, point):", "game):"), "is called with a game and a point, and claim "),
    (OWN.replace("local.nash", "local.nahs"), "my_claim.py, line 7: AttributeError: "),
    (OWN.replace("local.nash", "1/0"), "my_claim.py, line 7: ZeroDivisionError: division by zero; "
     "raised by the claim claim for LocalGame(f1 = "),
    (OWN.replace("local.nash", "3"), "answers with a bool, a Truth, a Verdict or None, not 3"),
    (OWN.replace("return local.nash", "raise SystemExit(0)"), "line 7: it calls sys.exit"),
    (OWN + "x = 1/0\n", "my_claim.py, line 8: ZeroDivisionError: division by zero"),
    (OWN + "if:\n", "my_claim.py, line 8: invalid syntax"),
    (OWN + "raise SystemExit\n", "my_claim.py, line 8: it calls sys.exit"),
    ("import not_a_module_at_all\n", "line 1: ModuleNotFoundError: No module named"),
    ("raise ModuleNotFoundError('x', name='hypothesis')\n",
     "pip install 'gameanalysis[falsify]'"),
    (OWN.replace("stable_games()", "stable_games(leader=0)"), "my_claim.py, line 3: "),
    ("claim = '\0'", "my_claim.py"),
    ("# \udcff", "my_claim.py"),
]


@pytest.mark.parametrize("text, part", BROKEN, ids=[str(i) for i in range(len(BROKEN))])
def test_what_is_wrong_with_a_file_is_one_line(run, tmp_path, monkeypatch, text, part):
    monkeypatch.chdir(tmp_path)
    Path("my_claim.py").write_bytes(text.encode("utf-8", "surrogateescape"))
    _is_one_line(run("falsify", "my_claim.py", "--examples", "40"), part)


def test_an_error_in_a_worker_has_its_line(run, own):
    own(OWN.replace("local.nash", "1/0"))
    _is_one_line(run("falsify", "my_claim.py", "--examples", "20", "--workers", "2"),
                 "my_claim.py, line 7: ZeroDivisionError")


def test_saving_the_counterexamples_of_several_claims(run, own):
    own(OWN + "claim_b = claim\n")
    _is_one_line(run("falsify", "my_claim.py", "--save", "a.toml"),
                 "--save is for one claim, and my_claim.py defines claim, claim_b")


def test_a_game_file_is_no_python_file(run, own):
    own('zero_sum = "x*y"\nleader = ["x"]\nfollower = ["y"]\n', "game.toml")
    _is_one_line(run("falsify", "game.toml"), "is read with --replay")
    _is_one_line(run("falsify", "--replay", "game.toml"), "there is no [counterexample] table")
    own()
    _is_one_line(run("falsify", "my_claim.py", "--replay", "game.toml"),
                 "error: game.toml: there is no [counterexample] table")


def test_without_hypothesis_it_says_how_to_install_it(own):
    own()
    code = ("import sys; sys.modules['hypothesis'] = None\n"
            "from gameanalysis.__main__ import main\n"
            "print(main(['check', 'proposition-3']), main(['check', 'proposition-3', "
            "'--examples', '9']), main(['falsify', 'my_claim.py']))")
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True,
                          timeout=120, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.stdout.splitlines()[-1] == "0 2 2"
    lines = done.stderr.splitlines()
    assert len(lines) == 2 and all("pip install 'gameanalysis[falsify]'" in e for e in lines)


def test_a_full_disk_is_one_line(run, own, table, monkeypatch):
    def fails(self, path):
        raise OSError(28, "No space left on device")
    monkeypatch.setattr(claim_commands.Falsification, "save", fails)
    own()
    _is_one_line(run("check", "wrong-theorem", "--examples", "9", "--save", "a.toml"),
                 "cannot write the counterexample 'a.toml': No space left on device")


def test_interruption_is_quiet(run, own, monkeypatch):
    def stopped(*arguments, **options):
        raise KeyboardInterrupt
    monkeypatch.setattr(claim_commands, "falsify", stopped)
    assert run("check", "proposition-3", "--examples", "9") == (130, "", "")
    assert run("falsify", own()) == (130, "", "")


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_ctrl_c_ends_the_workers_too(own):
    slow = OWN.replace("    local = ", "    open('up', 'w').close(); sleep(0.2)\n    local = ")
    own("from time import sleep\n" + slow.replace("local.nash", "True"))
    process = subprocess.Popen(
        [sys.executable, "-m", "gameanalysis", "falsify", "my_claim.py", "--workers", "2"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)})
    for _ in range(600):
        if os.path.exists("up"):
            break
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)           # as a terminal does: to all of them
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "", "")


def test_help_says_that_the_file_is_executed(run):
    out = run("falsify", "--help")[1]
    assert "it is EXECUTED" in out and "exit status" in out
    assert "exit status" in run("check", "--help")[1]
    # The examples of both texts are command lines that parse.
    listed = set(theorems.names()) | set(catalog.names())
    for line in re.findall(r"^  gameanalysis check (.*)$", run("check", "--help")[1], re.M):
        for word in line.split():
            assert word[0] == "-" or "=" in word or word.isdigit() or word in listed


def test_the_example_of_the_help_runs(run, own):
    text = run("falsify", "--help")[1]
    example = "\n".join(line[2:] for line in re.search(
        r"(  from gameanalysis import .*?)\n\n", text, re.S).group(1).split("\n"))
    status, out, _ = run("falsify", own(example), "--examples", "200")
    assert status == 1 and out.startswith("claim: refuted after")


TOKENS = ["check", "falsify", "proposition-3", "statement-2.9", "zz", "dse_not_nash", "duopoly",
          "--at", "0", "1/2", "x=0", "y=1", "--value", "tau=2", "--critical", "--list", "--all",
          "--json", "--seed", "--save", "--cost", "x*y", "--leader", "x", "--follower", "y",
          "--box", "-1", "1", "--replay", "a.toml", "-h", "--", "="]


@settings(max_examples=60)
@given(st.sampled_from(["check", "falsify"]), st.lists(st.sampled_from(TOKENS), max_size=7))
def test_no_arguments_give_a_traceback(command, arguments):
    import contextlib
    import io
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main([command, *arguments])
    assert status in (0, 1, 2)
    if status == 2:
        assert re.fullmatch(r"gameanalysis: error: [^\n]+\n", err.getvalue())
        assert out.getvalue() == ""
    else:
        assert err.getvalue() == "" and out.getvalue()


# -- progress ----------------------------------------------------------------------------

class Terminal:
    """A standard error that claims to be a terminal, and keeps what is written."""

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text

    def flush(self):
        pass

    def isatty(self):
        return True


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_bar_on_a_terminal(monkeypatch, capsys, workers):
    pytest.importorskip("tqdm")
    monkeypatch.setattr("gameanalysis.output._DELAY", 0)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    arguments = ["check", "proposition-3", "--examples", "120", "--workers", workers]
    assert main(arguments) == 0
    assert "proposition-3" in terminal.text and "/120" in terminal.text
    assert capsys.readouterr().out.startswith("proposition-3: survived 120 games")
    terminal.text = ""
    assert main([*arguments, "--json"]) == 0 and terminal.text == ""


def test_no_bar_without_tqdm_or_a_terminal(monkeypatch, run):
    monkeypatch.setattr("gameanalysis.output._DELAY", 0)
    assert run("check", "proposition-3", "--examples", "30")[2] == ""
    monkeypatch.setitem(sys.modules, "tqdm", None)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert main(["check", "proposition-3", "--examples", "30"]) == 0 and terminal.text == ""
