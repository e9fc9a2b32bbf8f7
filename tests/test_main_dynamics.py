"""The command line of what moves: figures against closed forms, statuses, files, Ctrl-C."""

import csv
import io
import json
import math
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gameanalysis import rules
from gameanalysis.__main__ import _parser, main

ROOT = Path(__file__).resolve().parent.parent
XY = ["--leader", "x", "--follower", "y"]
#: x' = -y, y' = x: it turns; J = [[0, 1], [-1, 0]].
TURN = ["--cost", "x*y", *XY, "--box", "-2", "2"]
#: Two wells in x, at -1 and 1, and y falls to 0 on its own.
WELLS = ["--cost", "x**4/4 - x**2/2", "--cost", "y**2/2", *XY, "--box", "-2", "2"]
#: x' = -2x, y' = -4y.
FALL = ["--cost", "x**2", "--cost", "2*y**2", *XY, "--box", "-2", "2"]


@pytest.fixture
def table(run):
    """The header and the rows of a command's CSV."""
    def table(*arguments):
        _, out, err = run(*arguments, "--csv", "-")
        assert err == ""
        header, *rows = csv.reader(io.StringIO(out))
        return header, rows
    return table


def ends(found):
    return np.array([start["end"] for start in found["starts"]])


# -- simulate: the figures are right -------------------------------------------

def test_a_flow_against_its_closed_form(data):
    # A quarter of a turn, with starts and time as formulas.
    status, found = data("simulate", *TURN, "--start", "1", "0", "--start", "-1/2", "sqrt(2)",
                         "--flow", "pi/2", "--rtol", "1e-10")
    assert status == 0 and found["kind"] == "flow" and found["length"] == pytest.approx(np.pi/2)
    assert ends(found) == pytest.approx(np.array([[0, 1], [-math.sqrt(2), -0.5]]), abs=1e-7)
    assert [s["outcome"] for s in found["starts"]] == ["completed"] * 2
    assert [s["point"] for s in found["starts"]] == [None] * 2
    assert found["seed"] is None


@pytest.mark.parametrize("rule, matrix", [
    ("simultaneous", lambda g, j: np.eye(2) - g*j),
    ("extragradient", lambda g, j: np.eye(2) - g*j + g*g*j@j),
    ("simultaneous:tau=2", lambda g, j: np.eye(2) - np.diag([g, 2*g])@j),
    ("consensus:lam=1/2", lambda g, j: np.eye(2) - g*(j + j.T@j/2)),
])
def test_updates_against_powers_of_their_matrix(data, rule, matrix):
    m = matrix(0.1, np.array([[0, 1], [-1, 0]]))
    _, found = data("simulate", *TURN, "--rule", rule, "--start", "1,-1", "--steps", "30",
                    "--step-size", "0.1")
    assert ends(found)[0] == pytest.approx(np.linalg.matrix_power(m, 30) @ [1, -1], rel=1e-12)
    assert found["starts"][0]["time"] == 30 and found["kind"] == "updates"


def test_schedules_and_a_rate_for_each_player(data):
    k = np.arange(50)
    _, found = data("simulate", *FALL, "--start", "1", "1", "--steps", "50", "--step-size",
                    "polynomial:1/10:3/5", "exponential:1/10:0.9")
    expected = [np.prod(1 - 2*0.1/(k + 1)**0.6), np.prod(1 - 4*0.1*0.9**k)]
    assert ends(found)[0] == pytest.approx(expected, rel=1e-12)
    _, found = data("simulate", *FALL, "--start", "1", "1", "--steps", "50", "--step-size",
                    "polynomial:1/10:1:2,constant:0.05")
    assert ends(found)[0] == pytest.approx([np.prod(1 - 0.2/(k + 2)), 0.8**50], rel=1e-12)


def test_where_starts_settle_and_of_which_field(data):
    # Cournot: 2x + y = 95, x + 2y = 98; Stackelberg: (46, 26).
    _, found = data("simulate", "duopoly", "--random", "3")
    assert found["of"] == "simultaneous" and found["points"][0]["x"] == [92/3, 101/3]
    assert [(s["outcome"], s["point"]) for s in found["starts"]] == [("settled", 0)] * 3
    _, found = data("simulate", "duopoly", "--rule", "stackelberg", "--start", "1", "2")
    assert found["of"] == "stackelberg" and found["points"][0]["x"] == [46, 26]
    assert found["starts"][0]["end"] == pytest.approx([46, 26], abs=1e-3)
    assert found["starts"][0]["time"] < 100 and found["rule"]["name"] == "stackelberg"
    # By hand the other field, at whose zeros this rule is not at rest.
    _, found = data("simulate", "duopoly", "--rule", "stackelberg", "--start", "1", "2",
                    "--of", "simultaneous")
    assert found["starts"][0]["outcome"] == "completed"


def test_closed_orbits_have_their_period(data, run):
    arguments = ["simulate", *TURN, "--start", "1", "1", "--flow", "20", "--detect-period"]
    _, found = data(*arguments)
    assert found["starts"][0]["period"] == pytest.approx(2*np.pi, abs=1e-6)
    assert "closed orbit, period 6.28319" in run(*arguments)[1]


def test_random_starts_lie_in_the_box_and_follow_the_seed(data):
    arguments = ["simulate", *FALL, "--box", "x=-pi,0", "y=5,6", "--random", "20", "--flow", "1"]
    first, again, other = (np.array([s["start"] for s in data(*arguments, "--seed", k)[1][
        "starts"]]) for k in ("3", "3", "4"))
    assert (first == again).all() and not (first == other).any()
    u = np.random.default_rng(3).random((20, 2))
    assert first == pytest.approx(u * [np.pi, 1] + [-np.pi, 5])
    assert data(*arguments)[1]["seed"] == 0


def test_noise_follows_the_seed_and_is_noted(data, run):
    arguments = ["simulate", *FALL, "--start", "1", "1", "--steps", "40", "--noise",
                 "rademacher:0.1:2"]
    first, again, other = (ends(data(*arguments, "--seed", k)[1]) for k in ("3", "3", "4"))
    assert (first == again).all() and (first != other).all()
    out = run(*arguments)[1]
    assert "seed 0" in out and "hypotheses of Theorem 6: no" in out
    # Gaussian noise of deviation s in x+ = x - g (2x + w) has variance g s^2/(4 (1 - g)).
    _, found = data("simulate", *FALL, "--random", "2000", "--steps", "300", "--step-size",
                    "0.1", "--noise", "gaussian:1")
    assert ends(found)[:, 0].var() == pytest.approx(0.1/3.6, rel=0.1)


def test_the_path_in_csv(table):
    header, rows = table("simulate", *FALL, "--start", "1", "2", "--start", "-1", "0",
                         "--flow", "2", "--keep", "5", "--rtol", "1e-9")
    assert header == ["start", "t", "x", "y"]
    assert [row[0] for row in rows] == ["0"]*5 + ["1"]*5
    for row in rows:
        start, t = ([1, 2], [-1, 0])[int(row[0])], float(row[1])
        assert [float(v) for v in row[2:]] == pytest.approx(
            [start[0]*np.exp(-2*t), start[1]*np.exp(-4*t)], abs=1e-7)
    assert [float(row[1]) for row in rows[:5]] == [0, 0.5, 1, 1.5, 2]


def test_csv_of_updates_ends_where_the_start_does(table):
    arguments = ["simulate", *FALL, "--start", "1", "1", "--step-size", "0.1", "--steps"]
    _, rows = table(*arguments, "10")
    assert [row[1] for row in rows] == [str(k) for k in range(11)]
    _, rows = table(*arguments, "10", "--keep", "4")
    assert [row[1] for row in rows] == ["0", "4", "8", "10"]
    # It settles at 0, within 1e-9 (1 + 0), where max(0.8^k, 0.6^k) sqrt(2) does.
    _, rows = table(*arguments, "10000", "--keep", "101")
    assert rows[0] == ["0", "0", "1.0", "1.0"] and len(rows) == 2
    k = int(rows[1][1])
    assert 0.8**k < 1e-9 <= 0.8**(k - 1) and float(rows[1][2]) == pytest.approx(0.8**k)


def test_names_of_columns_give_way_to_variables(table):
    assert table("simulate", "--cost", "t**2 - start**2 + t_", "--leader", "t", "--follower",
                 "start", "t_", "--box", "-1", "1", "--flow", "0.1", "--random", "1")[0] == [
                     "start_", "t__", "t", "start", "t_"]


def test_trajectories_in_json_where_they_are_asked_for(data):
    arguments = ["simulate", *FALL, "--start", "1", "2", "--flow", "1"]
    assert "x" not in data(*arguments)[1]
    _, found = data(*arguments, "--keep", "3")
    assert found["t"] == [0, 0.5, 1] and np.shape(found["x"]) == (1, 3, 2)
    assert found["x"][0][1] == pytest.approx([np.exp(-1), 2*np.exp(-2)], abs=1e-5)


def test_the_table_names_points_outcomes_and_near_misses(run):
    status, out, err = run("simulate", *WELLS, "--start", "1/2", "1", "--start", "0.999", "0",
                           "--start", "-1", "0", "--flow", "1")
    assert (status, err) == (0, "")
    assert "3 critical points (omega = 0) in [-2, 2]^2, proved complete" in out
    assert "near [2] DNE and DSE, 0.0001 away" in out and "(0.5, 1)" in out
    assert "still on the way: a larger --flow T" in out
    out = run("simulate", *WELLS, "--random", "60")[1]
    assert "... and 10 more" in out and "60 settled at a critical point" in out
    assert "(0.5, 0, 0, 0, ...)" in run(
        "simulate", "covariance", "--start", "0.5", *["0"]*7, "--flow", "0.1", "--max-boxes",
        "9")[1]


def test_rules_that_differ_only_as_updates_say_so(run):
    shared = "is simultaneous gradient play: --steps"
    assert shared in run("simulate", *TURN, "--rule", "extragradient", "--flow", "1")[1]
    assert shared not in run("simulate", *TURN, "--rule", "consensus", "--flow", "1")[1]
    assert shared not in run("simulate", *TURN, "--flow", "1")[1]
    assert "LOLA need not be at rest" in run("simulate", "duopoly", "--rule", "lola", "--steps",
                                             "9")[1]
    assert "since it is regularised" in run("simulate", "duopoly", "--rule", "stackelberg:eta=1",
                                            "--flow", "1")[1]


def test_integrators_and_tolerances(data):
    arguments = ["simulate", *FALL, "--start", "1", "1", "--flow", "1"]
    for method in ("Radau", "RK45"):
        found = data(*arguments, "--method", method, "--rtol", "1e-8")[1]
        assert found["method"] == f"SciPy {method}"
        assert ends(found)[0] == pytest.approx([np.exp(-2), np.exp(-4)], abs=1e-6)
    found = data(*arguments, "--settle-atol", "0.5")[1]["starts"][0]
    # |(exp(-2t), exp(-4t))| = 1/2 at u = exp(-4t) with u + u^2 = 1/4.
    assert found["outcome"] == "settled" and found["time"] >= -np.log(np.sqrt(0.5) - 0.5)/4 - 1e-3


def test_rules_with_parameters_of_other_kinds(data):
    found = data("simulate", *TURN, "--steps", "3", "--rule",
                 "lookahead_optimiser:inner=extragradient,steps=2,alpha=1")[1]
    assert found["rule"]["parameters"]["inner"] == "extragradient"
    found = data("simulate", *TURN, "--steps", "3", "--rule", "symplectic_adjustment:align=no")[1]
    assert found["rule"]["parameters"]["align"] == "no"


# -- simulate: statuses --------------------------------------------------------

def test_a_start_that_fails_gives_status_1(run):
    status, out, _ = run("simulate", *FALL, "--start", "1", "1", "--step-size", "10")
    assert status == 1 and "diverged: try another start or, with --steps, a smaller" in out
    status, out, _ = run("simulate", "figure1", "--rule", "stackelberg", "--start", "10", "9")
    assert status == 1 and "singular set" in out and "stackelberg:eta=1/10" in out
    status, out, _ = run("simulate", *TURN, "--start", "1", "1", "--max-steps", "2")
    assert status == 1 and "raise --max-steps" in out
    status, out, _ = run("simulate", "--cost", "x**2 - 2*x*y", "--cost", "log(y) + (y - x)**2",
                         *XY, "--box", "x=-1,1", "y=1/10,3", "--start", "0", "1")
    assert status == 1 and "edge of a cost's domain" in out


def test_an_incomplete_list_gives_status_1(run):
    for command in (["simulate", "--flow", "1"], ["basins", "--grid", "3"],
                    ["stability", "--rules", "newton"]):
        status, out, _ = run(*command, "torus", "--max-boxes", "3")
        assert status == 1 and "NOT proved complete (gameanalysis analyze tells why)" in out


def test_a_game_may_stand_behind_the_values_of_an_option(run, tmp_path):
    flow = ["--flow", "1"]
    assert run("simulate", *flow, "--start", "1", "1", "bilinear") == run(
        "simulate", "bilinear", *flow, "--start", "1", "1")
    assert run("stability", "--rules", "newton", "bilinear") == run(
        "stability", "bilinear", "--rules", "newton")
    path = tmp_path / "a.toml"
    path.write_text('zero_sum = "x*y"\nleader = ["x"]\nfollower = ["y"]\n[box]\nx = [-1, 1]\n'
                    'y = [-1, 1]\n')
    assert run("basins", "--grid", "4", "--step-size", "0.1", str(path))[0] == 0


# -- basins --------------------------------------------------------------------

def test_basins_of_two_wells(data, table):
    # x falls to the sign of where it starts, whatever y does.
    status, found = data("basins", *WELLS, "--grid", "10,6")
    assert status == 0 and found["grid"] == [10, 6]
    starts = np.array(found["starts"])
    assert [found["points"][k]["x"][0] for k in found["index"]] == pytest.approx(
        np.sign(starts[:, 0]))
    assert [part["fraction"] for part in found["fractions"]] == [0.5, 0, 0.5, 0]
    header, rows = table("basins", *WELLS, "--samples", "50", "--seed", "2", "--steps", "500",
                         "--step-size", "0.1")
    assert header == ["x", "y", "point", "outcome", "time"] and len(rows) == 50
    assert all((float(x) > 0) == (point == "2") and outcome == "settled"
               for x, _, point, outcome, _ in rows)


def test_basins_of_a_sample_have_intervals(run, data):
    # One seed in twenty gives an interval without 1/2; 1 is not among them.
    _, found = data("basins", *WELLS, "--samples", "400", "--seed", "1")
    assert found["seed"] == 1 and found["confidence"] == 0.95
    left, saddle, right, none = found["fractions"]
    assert left["count"] + right["count"] == 400
    assert left["low"] < 0.5 < left["high"] and saddle["count"] == none["count"] == 0
    # Three variables: a sample without being asked.
    status, out, _ = run("basins", "--cost", "x**2 + z**2 - y**2", "--leader", "x", "z",
                         "--follower", "y", "--box", "-1", "1")
    assert status == 0 and "1000 starts, seed 0" in out and "95% interval" in out


def test_basins_tell_who_does_not_arrive(run):
    status, out, _ = run("basins", *TURN, "--grid", "4", "--flow", "1")
    assert status == 0 and "16 went on to the end" in out and "--detect-period" in out
    status, out, _ = run("basins", *TURN, "--grid", "4", "--steps", "9")
    assert status == 0 and "a larger --steps K" in out
    status, out, _ = run("basins", *TURN, "--grid", "4", "--flow", "50", "--max-steps", "3")
    assert status == 1 and "out of steps: raise --max-steps" in out


def test_workers_make_no_difference(data):
    arguments = ["basins", *WELLS, "--samples", "10500", "--flow", "0.5", "--settle-atol", "0.4"]
    one, two = (data(*arguments, "--workers", k)[1] for k in "12")
    assert one == two and len(set(one["index"])) > 2


# -- stability and fixed points ------------------------------------------------

def test_stability_of_a_turn(data, run):
    # Simultaneous play is repelled: rho^2 = 1 + g^2.  Extragradient: |1 - ig - g^2|^2 =
    # 1 - g^2 + g^4 < 1 for g < 1.
    status, found = data("stability", *TURN, "--rules", "simultaneous,extragradient",
                         "--step-size", "1/2")
    cells = [row["cells"][0] for row in found["rules"]]
    assert status == 0 and found["step_size"] == "1/2"
    assert [cell["attracting"] for cell in cells] == ["no", "yes"]
    assert [cell["radius"]["value"] for cell in cells] == pytest.approx(
        [math.sqrt(1.25), math.sqrt(1 - 1/4 + 1/16)])
    out = run("stability", *TURN, "--rules", "simultaneous", "extragradient")[1]
    assert "learning rate 0.01" in out and "< 1" in out and "proved complete" in out


def test_stability_of_rules_with_parameters(table):
    # Of x^2/2, y^2/2 with the follower tau times as fast: stable for gamma max(1, tau) < 2.
    header, rows = table("stability", "--cost", "x**2/2", "--cost", "y**2/2", *XY, "--box", "-1",
                         "1", "--rules", "simultaneous:tau=4", "--step-size", "0.6")
    (row,) = (dict(zip(header, row)) for row in rows)
    assert row["rule"] == "simultaneous gradient (tau = 4)" and row["class"] == "DNE and DSE"
    assert (row["fixed"], row["stable"], row["attracting"]) == ("yes", "yes", "no")
    assert float(row["radius"]) == pytest.approx(1.4) and float(row["abscissa"]) == 1
    assert row["steps"] == "< 0.5" and (row["x"], row["y"]) == ("0.0", "0.0")
    # A rule without a flow has none to tell of.
    header, rows = table("stability", "jin_centre", "--rules", "complete_newton")
    assert dict(zip(header, rows[0]))["stable"] == ""


def test_stability_is_told_of_all_rules_by_default(run):
    out = run("stability", "bilinear")[1]
    assert "Stackelberg gradient is left out" in out and "LOLA" in out
    assert run("stability", "bilinear", "--rules", "all")[1] == out


def test_stability_where_there_is_nothing(run):
    status, out, _ = run("stability", *FALL[:-2], "1", "2", "--rules", "newton")
    assert status == 0 and "at 0 critical points" in out


def test_fixed_points_that_are_no_critical_points(data, run):
    # Consensus with lam = 1 on x^2/2 - x^4/4: omega (1 + omega') = 0 also where 3x^2 = 2.
    arguments = ["fixed-points", "--cost", "x**2/2 - x**4/4 - y**2/2", *XY, "--box", "-2", "2",
                 "--rule", "consensus:lam=1"]
    status, found = data(*arguments)
    spurious = [p["x"] for p in found["points"] if p["label"] == "spurious"]
    assert status == 0 and found["complete"] == "yes" and found["undecided"] == []
    assert np.array(spurious) == pytest.approx(np.array([[-1, 0], [1, 0]])*math.sqrt(2/3))
    assert [p["critical"] for p in found["points"]] == ["yes", "no", "yes", "no", "yes"]
    assert "2 spurious" in run(*arguments)[1]
    assert run("fixed-points", "torus", "--max-boxes", "3")[0] == 1


# -- rules ---------------------------------------------------------------------

def test_all_rules_are_listed(run, data):
    status, out, err = run("rules")
    assert (status, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()[1:]] == list(rules.names())
    status, found = data("rules")
    assert status == 0 and [rule["name"] for rule in found] == list(rules.names())


@pytest.mark.parametrize("name", rules.names())
def test_each_rule_is_explained(run, data, name):
    out = run("rules", name)[1]
    rule = rules.named(name)
    assert rule.formula in out and rule.source in out and "tau = 1" in out
    assert data("rules", name)[1]["formula"] == rule.formula


# -- wrong input ---------------------------------------------------------------

SIM, BAS, STA = ["simulate", *TURN], ["basins", *TURN], ["stability", *TURN]
WRONG = [
    (["simulate"], "which game?"),
    (["simulate", "figre1"], "did you mean figure1?"),
    # rules
    ([*SIM, "--rule", "extragradent"], "--rule: there is no learning rule called"),
    ([*SIM, "--rule", "extragradent"], "gameanalysis rules lists all"),
    ([*SIM, "--rule", "stackelberg:tau"], "parameters of stackelberg: tau, eta"),
    ([*SIM, "--rule", "stackelberg:tau="], "PARAM=VALUE"),
    ([*SIM, "--rule", "simultaneous:tau=1,tau=2"], "'tau' is given twice"),
    ([*SIM, "--rule", "simultaneous:tua=2"], "has no parameter tua: it has tau"),
    ([*SIM, "--rule", "simultaneous:tau=0"], "must be positive, not 0"),
    ([*SIM, "--rule", "simultaneous:tau=x"], "tau of simultaneous: column 1"),
    ([*SIM, "--rule", "symplectic_adjustment:align=2"], "is yes or no, not '2'"),
    ([*SIM, "--rule", "lookahead_optimiser:inner=foo"], "inner of lookahead_optimiser"),
    ([*SIM, "--rule", "lookahead_optimiser:steps=1/2"], "an integer from 1 to 100"),
    ([*SIM, "--rule", "stackelberg"], "singular everywhere in this game"),
    (["simulate", "duopoly", "--rule", "follow_the_ridge"], "--rule: follow-the-ridge is defined"),
    (["simulate", "jin_centre", "--rule", "complete_newton"], "give --steps K"),
    # time and learning rates
    ([*SIM, "--flow", "0"], "--flow: '0' is not a positive number"),
    ([*SIM, "--flow", "-pi"], "--flow: '-pi' is not a positive number"),
    ([*SIM, "--flow", "inf"], "--flow: column 1: 'inf' is not declared"),
    ([*SIM, "--flow", "10**200*10**200"], "too large for floating-point"),
    ([*SIM, "--flow", "1", "--steps", "5"], "--flow is for continuous time and --steps"),
    ([*SIM, "--rtol", "1", "--noise", "gaussian:1"], "--rtol is for continuous time and --noise"),
    ([*SIM, "--steps", "1e3"], "--steps: '1e3' is not a whole number"),
    ([*SIM, "--step-size", "-1"], "--step-size: '-1' is not a positive number"),
    ([*SIM, "--step-size", "1", "2", "3"], "each of the 2 players, and not 3"),
    ([*SIM, "--step-size", "polynom:1:2"], "'polynom' is not a schedule"),
    ([*SIM, "--step-size", "polynomial:1"], "polynomial:GAMMA:POWER"),
    ([*SIM, "--step-size", "exponential:1:2"], "rate must be at most 1"),
    ([*SIM, "--noise", "gauss:1"], "KIND one of gaussian, rademacher, uniform"),
    ([*SIM, "--noise", "gaussian"], "--noise: 'gaussian' is not of the form"),
    ([*SIM, "--noise", "gaussian:0"], "--noise: gaussian: sigma must be positive"),
    ([*SIM, "--noise", "gaussian:1:-1"], "scale must be positive"),
    ([*SIM, "--rtol", "0"], "--rtol"),
    ([*SIM, "--settle-atol", "0"], "--settle-atol"),
    (["simulate", "jin_centre", "--rule", "stackelberg", "--method", "LSODA"], "use Radau or BDF"),
    ([*SIM, "--method", "foo"], "--method"),
    ([*SIM, "--steps", "9", "--detect-period"], "it goes with --flow"),
    # starts
    ([*SIM, "--start", "1"], "one number for each of x, y in this order, and not 1"),
    ([*SIM, "--start", "1", "a"], "--start: column 1: 'a' is not declared"),
    ([*SIM, "--start", "10**13", "1"], "beyond the bound 1e+12"),
    ([*SIM, "--start", "1", "2", "--random", "3"], "exclude each other"),
    ([*SIM, "--start", "1", "2", "--seed", "3"], "--seed goes with --random or --noise"),
    ([*SIM, "--seed", "-3"], "'-3' is not a whole number, 0 or above"),
    ([*SIM, "--random", "10000000000"], "too many to be held in memory"),
    (["simulate", "figure1", "--everywhere"], "--box in place of --everywhere"),
    # files
    ([*SIM, "--keep", "5"], "--keep goes with --csv or --json"),
    ([*SIM, "--keep", "1", "--json"], "is 2 or more"),
    ([*SIM, "--csv", "-", "--json"], "exclude each other"),
    ([*SIM, "--csv", ""], "cannot write the CSV file '': the name is empty"),
    ([*SIM, "--csv", "no/such/file.csv"], "there is no folder 'no/such'"),
    ([*SIM, "--csv", "/"], "this is a folder"),
    ([*SIM, "--plot", "a.xyz"], "ends in one of"),
    ([*SIM, "--csv", "-", "--keep", "1000000000"], "cannot be held in memory"),
    (["simulate", "finite_learning_ratio", "--plot", "a.png"], "two variables"),
    # basins
    ([*BAS, "--grid", "1"], "2 or more, or NX,NY"),
    ([*BAS, "--grid", "1,2,3"], "2 or more, or NX,NY"),
    ([*BAS, "--grid", "9", "--samples", "4"], "exclude each other"),
    ([*BAS, "--grid", "9", "--seed", "4"], "--seed goes with --samples"),
    ([*BAS, "--grid", "99999999"], "too many to be held in memory"),
    ([*BAS, "--workers", "0"], "--workers"),
    (["basins", "finite_learning_ratio", "--grid", "9"], "give --samples N"),
    (["basins", "finite_learning_ratio", "--plot", "a.png"], "two variables"),
    (["basins", "figure1", "--everywhere"], "--box in place of --everywhere"),
    # stability and fixed points
    ([*STA, "--rules", "foo"], "--rules: there is no learning rule called 'foo'"),
    ([*STA, "--rules", "lola,lola"], "LOLA is given twice"),
    ([*STA, "--rules", "all,lola"], "all stands alone"),
    ([*STA, "--rules", "stackelberg"], "--rules: the rule inverts"),
    ([*STA, "--step-size", "0"], "--step-size must be a positive rational number, not 0"),
    ([*STA, "--step-size", "pi"], "--step-size must be a positive rational number, not pi"),
    ([*STA, "--kind", "flow"], "--kind goes with --plot"),
    (["stability", *FALL[:-2], "1", "2", "--plot", "a.png"], "there is no critical point in"),
    (["fixed-points", "figure1", "--everywhere"], "--box in place of --everywhere"),
    (["fixed-points", *TURN, "--rule", "stackelberg"], "--rule: the rule inverts"),
    (["fixed-points", *TURN, "--step-size", "0"], "--step-size must be a positive"),
    (["fixed-points", "finite_learning_ratio", "--rule", "optimistic"], "at most 6 numbers"),
    (["rules", "foo"], "there is no learning rule called 'foo'"),
]


@pytest.mark.parametrize("arguments, part", WRONG, ids=[str(i) for i in range(len(WRONG))])
def test_wrong_input_is_one_line(run, arguments, part):
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith("gameanalysis: error: ") and err.endswith("\n")
    assert err.count("\n") == 1 and err[:-1].isprintable()
    assert part in err and len(err) < 500


def test_a_file_that_cannot_be_written(run, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)     # root may write anywhere
    status, out, err = run(*SIM, "--csv", str(tmp_path / "a.csv"))
    assert (status, out) == (2, "") and "no permission to write there" in err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is full")
def test_a_disk_that_fills_with_csv(run):
    status, _, err = run(*SIM, "--flow", "1", "--csv", "/dev/full")
    assert status == 2 and err == ("gameanalysis: error: cannot write the CSV file '/dev/full': "
                                   "No space left on device\n")


TOKENS = ["simulate", "basins", "stability", "fixed-points", "rules", "bilinear", "jin_centre",
          "--rule", "--rules", "--flow", "--steps", "--step-size", "--start", "--random",
          "--noise", "--seed", "--grid", "--samples", "--keep", "--json", "--csv", "-", "--of",
          "stackelberg", "lola", "newton:tau=2", "all", "a:b=c", ":", "=", ",", "1", "-2", "3,4",
          "1/0", "gaussian:1", "polynomial:1:1", "x1=1", "--everywhere", "--", "-x", "\0"]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(TOKENS[:5]), st.sampled_from([[], ["bilinear"], TURN]),
       st.lists(st.sampled_from(TOKENS) | st.text(max_size=6), max_size=6))
def test_no_arguments_give_a_traceback(command, game, arguments):
    import contextlib
    out, err = io.StringIO(), io.StringIO()
    small = {"simulate": ["--random", "2"], "basins": ["--grid", "3"],
             "stability": ["--rules", "newton"]}.get(command, [])
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main([command, *game, *small, *arguments])
    assert status in (0, 1, 2)
    if status == 2:
        assert re.fullmatch(r"gameanalysis: error: [^\n]+\n", err.getvalue())
    else:
        assert err.getvalue() == "" and out.getvalue()


# -- help ----------------------------------------------------------------------

COMMANDS = ("simulate", "basins", "stability", "fixed-points", "rules")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_examples_of_help_run(run, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    status, out, _ = run(command, "--help")
    assert status == 0
    examples = re.findall(r"^  (gameanalysis .*)$", re.sub(r" \\\n +", " ", out), re.M)
    assert len(examples) == 2
    for example in examples:
        status, out, err = run(*shlex.split(example)[1:])
        assert (status, err) == (0, "") and out, example
    assert command in _parser().format_help()


# -- pictures ------------------------------------------------------------------

@pytest.mark.parametrize("arguments", [
    ["simulate", *WELLS, "--random", "3"],
    ["simulate", *WELLS, "--random", "3", "--steps", "5000", "--step-size", "0.001"],
    ["simulate", "jin_centre", "--rule", "complete_newton", "--steps", "3"],
    ["simulate", "jin_centre", "--everywhere", "--start", "1", "1", "--flow", "1"],
    ["basins", *WELLS, "--grid", "5"],
    ["basins", *WELLS, "--samples", "50"],
    ["stability", *WELLS, "--rules", "simultaneous,newton"],
    ["stability", *WELLS, "--rules", "simultaneous,newton", "--step-size", "0.1"],
    ["stability", *WELLS, "--rules", "simultaneous", "--kind", "update"],
])
def test_pictures_are_drawn(run, tmp_path, arguments):
    path = tmp_path / "a.png"
    status, out, err = run(*arguments, "--plot", str(path))
    assert (status, err) == (0, "") and path.read_bytes().startswith(b"\x89PNG")
    if "--kind" not in arguments:
        assert out == run(*arguments)[1]


# -- long work -----------------------------------------------------------------

class Terminal(io.StringIO):
    """A standard error that says it is a terminal."""

    def isatty(self):
        return True


MANY = ["basins", *WELLS, "--samples", "20500", "--flow", "0.01"]


def test_progress_is_shown_on_a_terminal(monkeypatch, capsys):
    pytest.importorskip("tqdm")
    monkeypatch.setattr("gameanalysis.output._DELAY", 0)
    seen = Terminal()
    monkeypatch.setattr(sys, "stderr", seen)
    assert main(MANY) == 0
    assert "20500" in seen.getvalue() and "starts" in seen.getvalue()
    assert "20500 starts" in capsys.readouterr().out
    silent = Terminal()
    monkeypatch.setattr(sys, "stderr", silent)
    assert main([*MANY, "--json"]) == 0 and silent.getvalue() == ""
    monkeypatch.setitem(sys.modules, "tqdm", None)          # not installed
    assert main(MANY) == 0 and silent.getvalue() == ""


def test_no_progress_elsewhere(run, monkeypatch):
    monkeypatch.setattr("gameanalysis.output._DELAY", 0)
    assert run(*MANY)[2] == ""


INTERRUPTED = """
import importlib, os, signal, sys, threading
from gameanalysis.__main__ import main
owner = importlib.import_module({module!r})
*path, name = {function!r}.split(".")
for part in path:
    owner = getattr(owner, part)
original, calls = getattr(owner, name), []
def called(*args, **kwargs):
    calls.append(name)
    if len(calls) == {call}:
        threading.Timer({delay}, os.killpg, (0, signal.SIGINT)).start()
    return original(*args, **kwargs)
setattr(owner, name, called)
if __name__ == "__main__":
    sys.exit(main({arguments!r}))
"""


def interrupted(tmp_path, module, function, arguments, call=1, delay=0.3):
    """A process whose group gets SIGINT, as from a terminal, soon after a function's call."""
    path = tmp_path / "interrupted.py"
    path.write_text(INTERRUPTED.format(module=module, function=function, arguments=arguments,
                                       call=call, delay=delay))
    done = subprocess.run([sys.executable, str(path)], cwd=ROOT, text=True, capture_output=True,
                          timeout=100, env={**os.environ, "PYTHONPATH": str(ROOT)},
                          start_new_session=True)
    assert (done.returncode, done.stderr) == (130, "")
    return done.stdout


def test_ctrl_c_keeps_the_updates_that_are_done(tmp_path):
    path = tmp_path / "a.csv"
    out = interrupted(tmp_path, "gameanalysis.motion.simulate", "_Run.follow_all", [
        "simulate", *TURN, "--start", "1", "1", "--steps", "1000000000", "--step-size",
        "0.000001", "--csv", str(path)])
    assert "1 interrupted" in out and "what was done until then is kept" in out
    *_, k, x, y = path.read_text().splitlines()[-1].split(",")
    # x+ = x - g y, y+ = y + g x: multiplication of x + iy by 1 + ig.
    z = (1 + 1e-6j)**int(k) * (1 + 1j)
    assert 0 < int(k) < 10**9 and [float(x), float(y)] == pytest.approx([z.real, z.imag],
                                                                        abs=1e-6)


def test_an_interruption_has_a_status_of_its_own(run, monkeypatch):
    def interrupt(*args, **options):
        raise KeyboardInterrupt

    def interrupted(*args, **options):
        yield interrupt()
    monkeypatch.setattr("gameanalysis.motion.simulate._Run._advanced", interrupt)
    for command in (["simulate", "--random", "2"], ["basins", "--samples", "20500"]):
        status, out, err = run(*command, *TURN, "--steps", "9")
        assert (status, err) == (130, "") and f"{command[2]} interrupted" in out
    monkeypatch.setattr("gameanalysis.verdicts.basins.finished", interrupted)
    out = run("basins", *TURN, "--samples", "7")[1]
    assert "basins of simultaneous gradient, 7 starts, seed 0\n" in out and "7 interrupted" in out


def test_ctrl_c_keeps_the_flow_that_is_done(tmp_path):
    out = interrupted(tmp_path, "gameanalysis.motion.runge_kutta", "Batch.run", [
        "simulate", *TURN, "--random", "3", "--flow", "10**9", "--max-steps", "1000000000",
        "--json"])
    starts = json.loads(out)["starts"]
    assert [s["outcome"] for s in starts] == ["interrupted"] * 3
    assert all(0 < s["time"] < 1e9 for s in starts)


def test_ctrl_c_keeps_the_basins_that_are_done(tmp_path):
    # It comes while the second of three pieces is followed; the third is left out.
    out = interrupted(tmp_path, "gameanalysis.motion.simulate", "_Run.follow_all", [
        "basins", *TURN, "--samples", "30000", "--steps", "40000", "--step-size", "0.00001",
        "--json"], call=2, delay=0.1)
    status = json.loads(out)["status"]
    assert set(status[:10000]) == {"completed"} and set(status[20000:]) == {"interrupted"}
    assert "interrupted" in status[10000:20000]


def test_ctrl_c_ends_the_workers_too(tmp_path):
    out = interrupted(tmp_path, "gameanalysis.workers", "ProcessPoolExecutor.submit", [
        "basins", *TURN, "--samples", "20500", "--steps", "1000000000", "--workers", "2"])
    assert "20500 interrupted" in out


def test_ctrl_c_before_there_is_anything_is_quiet(tmp_path):
    assert interrupted(tmp_path, "gameanalysis.commandline", "analyze", ["simulate", "torus"],
                       delay=0.01) == ""
