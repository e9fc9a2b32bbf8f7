"""The command line: games from arguments, statuses, JSON, one line for each error."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import mpmath
import pytest
import strict_json
from hypothesis import given, settings
from hypothesis import strategies as st
from test_architecture import ROW

from gameanalysis import __version__, catalog
from gameanalysis.__main__ import main
from gameanalysis.errors import GameError

ROOT = Path(__file__).resolve().parent.parent
ISSUE = ["--cost", "x1**2 + x1*x2 - x2**2", "--leader", "x1", "--follower", "x2"]
XY = ["--leader", "x", "--follower", "y"]


@pytest.fixture
def analysed(run):
    """The status and the JSON of an analysis, which must be strict JSON."""
    def analysed(*arguments):
        status, out, err = run("analyze", *arguments, "--json")
        assert err == ""
        return status, strict_json.loads(out)
    return analysed


def process(*arguments, **options):
    return subprocess.run([sys.executable, "-m", "gameanalysis", *arguments], cwd=ROOT,
                          text=True, capture_output=True, timeout=120, **options)


# -- the figures are right ---------------------------------------------------

def figure1_cost(x1, x2):
    a, b = mpmath.mpf(3)/20, mpmath.mpf(1)/4
    return -mpmath.exp(-(x1**2 + x2**2)/100)*((a*x1**2 + x2)**2 + (b*x2**2 + x1)**2)


def test_json_of_figure1_against_high_precision(analysed):
    # Oracle: mpmath's Newton and numerical derivatives of the cost as the paper prints it.
    status, data = analysed("figure1")
    assert status == 0 and data["complete"] == "yes" and data["undecided"] == []
    assert data["variables"] == ["x1", "x2"] and data["box"] == [[-30, 30], [-30, 30]]
    published = [(-2.50151, -2.33986), (-13.33918, -9.99170), (12.18858, -5.42317),
                 (-10.41662, 8.48055)]
    with mpmath.workdps(60):
        omega = [lambda *x, k=k: mpmath.diff(figure1_cost, x, k) for k in ((1, 0), (0, 1))]
        for point in data["points"]:
            x = mpmath.findroot(omega, point["x"], tol=1e-45)
            assert max(abs(x[k] - point["x"][k]) for k in (0, 1)) <= point["radius"] < 1e-12
            a, b, d = (mpmath.diff(figure1_cost, tuple(x), k)
                       for k in ((2, 0), (1, 1), (0, 2)))
            spectrum, _ = mpmath.eig(mpmath.matrix([[a, b], [-b, -d]]))
            follower, schur = -d, a - b*b/d
            expected = {"J": spectrum, "D11 f1": [a], "D22 f2": [follower],
                        "Schur complement": [schur], "total Hessian": [schur]}
            for name, values in expected.items():
                got = [complex(*v) if isinstance(v, list) else v
                       for v in point["eigenvalues"][name]]
                for value in values:
                    assert min(abs(value - g) for g in got) < 1e-9*(1 + abs(value))
            yes = {True: "yes", False: "no"}
            assert point["differential_nash"] == yes[a > 0 and follower > 0]
            assert point["differential_stackelberg"] == yes[schur > 0 and follower > 0]
            assert point["differential_stackelberg_by_leader"] == [
                yes[schur > 0 and follower > 0], yes[b*b/a - d > 0 and a > 0]]
            assert point["stable"] == {"simultaneous": yes[all(v.real > 0 for v in spectrum)],
                                       "stackelberg": yes[min(schur, follower) > 0]}
    stable = [p for p in data["points"] if p["differential_stackelberg"] == "yes"]
    assert len(data["points"]) == 9 and len(stable) == 4
    for at in published:
        assert sum(max(abs(p["x"][0] - at[0]), abs(p["x"][1] - at[1])) < 6e-6
                   for p in stable) == 1


def test_every_truth_is_yes_no_or_undecided(analysed):
    status, data = analysed("tandem")
    assert status == 1 and data["complete"] == "undecided"
    assert all(set(u) == {"box", "reason"} and u["reason"] for u in data["undecided"])
    _, more = analysed("figure1")
    for point in data["points"] + more["points"]:
        facts = [point[k] for k in ("differential_nash", "differential_stackelberg",
                                    "hyperbolic", "degenerate")]
        facts += [*point["differential_stackelberg_by_leader"], *point["stable"].values()]
        assert set(facts) <= {"yes", "no", "undecided"}
        assert point["certified"] in (True, False)
        assert set(point["stable"]) == {"simultaneous", "stackelberg"}


def test_the_example_of_the_help(analysed):
    # f = x1^2 + x1 x2 - x2^2: J = [[2, 1], [-1, 2]], S1 = 2 + 1/2.
    status, data = analysed(*ISSUE, "--box", "-2", "2")
    (point,) = data["points"]
    assert status == 0 and point["exact"] == ["0", "0"] and point["x"] == [0, 0]
    assert sorted(point["eigenvalues"]["J"]) == [[2, -1], [2, 1]]
    assert point["eigenvalues"]["Schur complement"] == [2.5]
    assert point["label"] == "DNE and DSE"


@pytest.mark.parametrize("of, at", [("simultaneous", [92/3, 101/3]), ("stackelberg", [46, 26])])
def test_general_sum_with_parameters_and_both_plays(analysed, of, at):
    # Cournot's ((A - 2 c1 + c2)/3, (A + c1 - 2 c2)/3), Stackelberg's
    # (A/2 - c1 + c2/2, A/4 + c1/2 - 3 c2/4), at A = 100, c1 = 5, c2 = 2.
    status, data = analysed("--cost", "-(A-x-y-c1)*x", "--cost", "-(A-x-y-c2)*y", *XY,
                            "--param", "A=100", "--param", "c1=5", "--param", "c2 = 4/2",
                            "--box", "0", "100", "--of", of)
    (point,) = data["points"]
    assert status == 0 and data["of"] == of
    assert point["x"] == pytest.approx(at, rel=1e-14)


def test_three_players_each_with_a_cost(analysed):
    # Linear: 2x + y = 1, x + 2y + z = 0, 2z - y = 0 gives y = -1/4, x = 5/8, z = -1/8.
    status, data = analysed("--cost", "x**2 + x*y - x", "--cost", "y**2 + x*y + y*z",
                            "--cost", "z**2 - y*z", *XY, "--follower", "z", "--box", "-2", "2")
    assert status == 0 and data["variables"] == ["x", "y", "z"]
    assert data["points"][0]["x"] == pytest.approx([5/8, -1/4, -1/8])
    assert len(data["points"][0]["differential_stackelberg_by_leader"]) == 3


def test_several_actions_by_space_or_comma(analysed):
    cost = ["--cost", "-x1**2 + (x2 - 1)**2 - (y - x1)**2"]     # a cost may start with a sign
    answers = [analysed(*cost, "--leader", *names, "--follower", "y", "--box", "-2", "2")
               for names in (["x1", "x2"], ["x1,x2"])]
    assert answers[0] == answers[1]
    assert answers[0][1]["points"][0]["x"] == pytest.approx([0, 1, 0])
    assert answers[0][1]["points"][0]["inertia"]["D11 f1"] == [1, 1, 0]


PI = float(mpmath.pi)


@pytest.mark.parametrize("tokens, box", [
    (["--box", "-2", "2"], [[-2, 2], [-2, 2]]),
    (["--box", "-pi", "pi"], [[-PI, PI], [-PI, PI]]),
    (["--box", "-1/2", "1/2"], [[-.5, .5], [-.5, .5]]),
    (["--box", "-1/2", ".25", "-3e-1", "3"], [[-.5, .25], [-.3, 3]]),
    (["--box", "-1", "1", "--box", "-2", "2"], [[-1, 1], [-2, 2]]),
    (["--box", "x2=-2,-(-2)", "x1=-pi/2,4"], [[-PI/2, 4], [-2, 2]]),
    (["--box", "-2", "2", "x2=-1,sqrt(4)"], [[-2, 2], [-1, 2]]),
    (["--box=-1", "--box=1"], [[-1, 1], [-1, 1]]),
    (["--box", "-2,2"], [[-2, 2], [-2, 2]]),
    (["--box", "-1,1", "-2,1"], [[-1, 1], [-2, 1]]),
])
def test_forms_of_a_box(analysed, tokens, box):
    assert analysed(*ISSUE, *tokens)[1]["box"] == box


def test_sides_by_name_override_the_natural_box(analysed):
    assert analysed("figure1", "--box", "x2=0,20")[1]["box"] == [[-30, 30], [0, 20]]


def test_a_game_may_stand_after_its_box(analysed):
    assert analysed("--box", "-2", "2", "figure1") == analysed("figure1", "--box", "-2", "2")
    assert analysed("--box", "x1=-2,2", "figure1") == analysed("figure1", "--box", "x1=-2,2")
    both = ["--param", "a=1/5", "b=1/5"]
    assert analysed(*both, "figure1") == analysed("figure1", *both)


def test_everywhere(analysed):
    status, data = analysed("figure1", "--everywhere")
    assert status == 0 and data["box"] is None and len(data["points"]) == 9


def test_parameters_of_a_known_game(analysed):
    # omega = (-(A - 2x - y - c1), -(A - x - 2y - c2)): Cournot's point at A = 10, c1 = c2 = 1.
    assert analysed("duopoly", "--param", "A=10", "--param", "c1=1", "--param", "c2=1")[1][
        "points"][0]["x"] == pytest.approx([3, 3])


def test_a_game_file(analysed, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\nzero_sum = "a*(x - 1)**2 - (y - x)**2"\nleader = ["x"]\n'
                    'follower = ["y"]\n[parameters]\na = 2\n[box]\nx = [0, 4]\ny = [-1, "pi"]\n')
    status, data = analysed(str(path))
    assert (status, data["game"], data["box"]) == (0, "mine", [[0, 4], [-1, PI]])
    assert data["points"][0]["x"] == pytest.approx([1, 1])
    assert data["points"][0]["eigenvalues"]["Schur complement"] == [4]
    _, other = analysed(str(path), "--param", "a=1/2", "--box", "0", "3")
    assert other["points"][0]["eigenvalues"]["Schur complement"] == [1]
    assert other["box"] == [[0, 3], [0, 3]]


# -- text and status ---------------------------------------------------------

def test_text_is_the_printed_result(run):
    from gameanalysis.verdicts.analyze import analyze
    entry = catalog.info("jin_centre")
    status, out, err = run("analyze", "jin_centre")
    assert (status, out, err) == (0, f"{analyze(entry.build(), entry.box)}\n", "")


def test_status_1_where_the_budget_is_spent(run):
    status, out, err = run("analyze", "torus", "--max-boxes", "3")
    assert status == 1 and err == ""
    assert "NOT proved complete" in out and "undecided:" in out


def test_the_readme_shows_what_is_printed(run):
    # The number of boxes and the radii may differ in the last bit between machines.
    shown, _ = readme_blocks("text")        # the other is printed by its Python: test_readme
    _, out, _ = run("analyze", "figure1")

    def settled(text):
        return re.sub(r"\d+ boxes|\de-\d+|\de\+00", "N", text)
    assert settled(out) == settled(shown)


def readme_blocks(language):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", readme, re.M | re.S)


def test_the_commands_of_the_readme_run(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, *blocks = readme_blocks("sh")        # the first installs
    commands = [shlex.split(line, comments=True) for block in blocks
                for line in block.splitlines()]
    assert len(commands) >= 4
    for program, *arguments in commands:
        status, out, err = run(*arguments)
        assert (program, status, err) == ("gameanalysis", 0, "") and out, arguments


def test_the_game_file_of_the_readme_is_one(run, tmp_path):
    (content,) = readme_blocks("toml")
    path = tmp_path / "mine.toml"
    path.write_text(content)
    # J = [[2a, 1], [-1, 2]] at the only critical point 0.
    status, out, _ = run("analyze", str(path))
    assert status == 0 and "mine: critical points" in out and "1 point;" in out


def test_the_readme_maps_every_module_in_its_row():
    readme = (ROOT / "README.md").read_text(encoding="utf-8").replace("\\", "")
    rows = re.findall(r"^\| (\w+) \| (\*\*.*) \|$", readme.partition("## Map")[2], re.M)
    assert {name: tuple(re.findall(r"\*\*(\w+)\*\* ", row)) for name, row in rows} == ROW


def test_version_and_help(run):
    assert run("--version") == (0, f"gameanalysis {__version__}\n", "")
    for command in ([], ["analyze"], ["plot"], ["catalog"]):
        status, out, err = run(*command, "--help")
        assert status == 0 and out.startswith("usage: gameanalysis") and err == ""
    help_text = run("analyze", "--help")[1]
    for option in ("--cost", "--leader", "--follower", "--param", "--box", "--everywhere",
                   "--of", "--max-boxes", "--json", "--plot", "LOW HIGH", "exit status"):
        assert option in help_text


# -- the catalogue -----------------------------------------------------------

def test_the_catalogue_lists_every_game(run):
    status, out, err = run("catalog")
    assert status == 0 and err == ""
    rows = out.splitlines()[1:]
    assert [row.split()[0] for row in rows] == list(catalog.names())
    assert rows[0].split("  ")[-1] == catalog.info("figure1").summary
    assert "x1 | x2" in rows[0] and "[-30, 30]^2" in rows[0]


def test_one_game_of_the_catalogue(run):
    status, out, _ = run("catalog", "figure1")
    assert status == 0
    for part in ("ICML 2020", "a = 3/20, b = 1/4", "exp(-x1**2/100 - x2**2/100)",
                 "12.188576", "-5.423168", "complete: "):
        assert part in out
    # omega_S vanishes where omega does not, and nothing is claimed of simultaneous play there.
    row = next(line for line in run("catalog", "duopoly")[1].splitlines() if "46.0" in line)
    assert row.split() == ["46.000000", "26.000000", "omega_S", "no", "yes", "no", "-", "yes"]


def test_the_catalogue_as_json(run):
    data = strict_json.loads(run("catalog", "--json")[1])
    assert [entry["name"] for entry in data] == list(catalog.names())
    assert json.loads(run("catalog", "duopoly", "--json")[1]) == next(
        entry for entry in data if entry["name"] == "duopoly")
    duopoly = next(entry for entry in data if entry["name"] == "duopoly")
    assert duopoly["known"][0]["x"] == pytest.approx([92/3, 101/3])
    assert duopoly["known"][0]["facts"]["differential_nash"] == "yes"
    assert duopoly["parameters"] == {"A": "100", "c1": "5", "c2": "2"}


# -- wrong input -------------------------------------------------------------

BOX = ["--box", "-1", "1"]
WRONG = [
    ([], "a command is missing"),
    (["solve"], "'solve' is not a command"),
    (["figure1"], "write gameanalysis analyze figure1"),
    (["--json"], "COMMAND"),
    ([""], "'' is not a command"),
    (["analyze"], "which game?"),
    (["analyze", "figre1"], "did you mean figure1?"),
    (["analyze", "nothing_like_it_at_all"], "'nothing_like_it_at_all'"),
    (["analyze", ""], "called ''"),
    (["analyze", "two\nlines"], r"'two\nlines'"),
    (["analyze", "figure1", "more"], "more"),
    (["analyze", "figure1", "--bxo", "-2", "2"], "--bxo -2 2"),
    (["analyze", "figure1", "-j"], "-j"),
    (["analyze", "figure1", "--of", "nash"], "--of"),
    (["analyze", "figure1", "--max-boxes", "0"], "--max-boxes"),
    (["analyze", "figure1", "--max-boxes", "-5"], "'-5' is not a whole number"),
    (["analyze", "figure1", "--max-boxes", "\u0665"], "is not a whole number"),
    (["analyze", "figure1", "--cost", "x"], "not both"),
    (["analyze", "figure1", "--leader", "x1"], "--cost"),
    (["analyze", "none.toml"], "cannot read none.toml"),
    (["analyze", os.path.dirname(__file__)], "cannot read"),
    (["analyze", "bilinear", "--of", "stackelberg"], "--of simultaneous"),
    # boxes
    (["analyze", *ISSUE], "--box LOW HIGH, or --everywhere"),
    (["analyze", "figure1", "--box", "1", "2", "3", "x2=1,2"], "and not 3 numbers"),
    (["analyze", "figure1", "--box", "2", "-2"], "x1 the lower end 2 does not lie below"),
    (["analyze", "figure1", "--box", "x2=pi,3"], "x2 the lower end pi does not lie below"),
    (["analyze", "figure1", "--box", "0", "x1"], "'x1' is not declared"),
    (["analyze", "figure1", "--box", "0,polygamma(1,x)"], "column 13: 'x' is not declared"),
    (["analyze", "figure1", "--box", "0", "inf"], "'inf' is not declared"),
    (["analyze", "figure1", "--box", "0", "nan"], "'nan' is not declared"),
    (["analyze", "figure1", "--box", "0", "10**308*10"], "too long"),
    (["analyze", "figure1", "--box", "x3=0,1"], "'x3' is not a variable"),
    (["analyze", "figure1", "--box", "x1=0"], "X=LOW,HIGH"),
    (["analyze", "figure1", "--box", "x1=0,1,2"], "X=LOW,HIGH"),
    (["analyze", "figure1", "--box", "x1=0,1", "x1=0,2"], "given twice"),
    (["analyze", *ISSUE, "--box", "x1=0,1"], "no side for x2"),
    (["analyze", "figure1", "--box"], "--box"),
    (["analyze", "figure1", "--everywhere", *BOX], "exclude each other"),
    (["analyze", "torus", "--everywhere"], "torus"),
    (["analyze", "prisoners_dilemma", "--everywhere"], "--everywhere needs"),
    # formulas
    (["analyze", "--cost", "x^2", *XY, *BOX], "column 2: '^' is not used here"),
    (["analyze", "--cost", "x +", *XY, *BOX], "(at its end)"),
    (["analyze", "--cost", "x\n+ y/", *XY, *BOX], "line 2, column 5"),
    (["analyze", "--cost", "a*x*y", *XY, *BOX], "--param NAME=VALUE"),
    (["analyze", "--cost", "x", "--cost", "y)", *XY, *BOX], "--cost of player 2: column 2"),
    (["analyze", "--cost", "__import__('os').system('id')", *XY, *BOX], "--cost: column 1"),
    (["analyze", "--cost", "9**9**9**9", *XY, *BOX], "--cost: column"),
    (["analyze", "--cost", "("*10000 + ")"*10000, *XY, *BOX], "nested"),
    (["analyze", "--cost", "\u0445*y", *XY, *BOX], "'\u0445' (U+0445, CYRILLIC"),
    (["analyze", "--cost", "x*y", *BOX], "--leader x --follower y"),
    (["analyze", "--cost", "x*y", "--leader", "x", *BOX], "--leader x --follower y"),
    (["analyze", "--cost", "x*y", "--cost", "x", "--cost", "y", *XY, *BOX], "need 2 costs"),
    (["analyze", "--cost", "x*y", *XY, "--follower", "z", *BOX], "need 3 costs"),
    (["analyze", "--cost", "x", "--leader", "exec(", "--follower", "y", *BOX], "--leader"),
    (["analyze", "--cost", "x", "--leader", "x", "--follower", "lambda", *BOX], "--follower"),
    (["analyze", "--cost", "x", "--leader", "x", "--follower", "x", *BOX], "own the action x"),
    (["analyze", "--cost", "x", "--leader", "x,x", "--follower", "y", *BOX], "listed twice"),
    # parameters
    (["analyze", "figure1", "--param", "q=1"], "q is not a parameter"),
    (["analyze", "figure1", "--param", "a"], "a=0.3"),
    (["analyze", "figure1", "--param", "a", "0.3"], "a=0.3"),
    (["analyze", "figure1", "--param", "a=1/0"], "--param: column 5: division by zero"),
    (["analyze", "figure1", "--param", "a=b"], "a number is written like"),
    (["analyze", "figure1", "--param", "a=1", "--param", "a=1"], "given twice"),
    (["analyze", "--cost", "x*y", *XY, *BOX, "--param", "x=1"], "both an action and a param"),
    # pictures
    (["plot", "figure1"], "--output"),
    (["plot", "figure1", "-o", "picture.xyz"], "ends in one of"),
    (["plot", "figure1", "-o", "no/such/folder.png"], "no folder 'no/such'"),
    (["plot", "finite_learning_ratio", "-o", "picture.png"], "two variables"),
    (["analyze", "figure1", "--plot", ""], "ends in one of"),
    (["analyze", "figure1", "--plot", "png"], "ends in one of"),
    (["analyze", "figure1", "--plot", "x"*300 + ".png"], "cannot write the picture"),
    # the catalogue
    (["catalog", "figure2"], "did you mean figure1?"),
    (["catalog", "figure1", "figure1"], "figure1"),
]


@pytest.mark.parametrize("arguments, part", WRONG, ids=[str(i) for i in range(len(WRONG))])
def test_wrong_input_is_one_line(run, arguments, part):
    status, out, err = run(*arguments)
    assert status == 2
    assert err.startswith("gameanalysis: error: ") and err.endswith("\n")
    assert err.count("\n") == 1 and err[:-1].isprintable()
    assert part in err
    assert len(err) < 700


@pytest.mark.parametrize("content, part", [
    (b"a = [", "this is not TOML"),
    (b"\xff\xfe", "not UTF-8"),
    (b'zero_sum = "x*y"\nleader = ["x"]\n', "follower is missing"),
    (b'zero_sum = "x*a"\nleader = ["x"]\nfollower = ["y"]\n', "'a' is not declared"),
    (b'zero_sum = "x*"\nleader = ["x"]\nfollower = ["y"]\n', "zero_sum: column 3"),
    (b'zero_sum = "x*y"\nleader = ["x"]\nfollower = ["y"]\n[box]\nx = [1, 0]\ny = [0, 1]\n',
     "does not lie below"),
    (b'zero_sum = "x*y"\nleader = ["x"]\nfollower = ["y"]\n', "--box LOW HIGH"),
])
def test_wrong_game_files(run, tmp_path, content, part):
    path = tmp_path / "game.toml"
    path.write_bytes(content)
    status, out, err = run("analyze", str(path))
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("gameanalysis: error: ") and part in err


def test_pictures_that_cannot_be_written(run, tmp_path):
    (tmp_path / "folder.png").mkdir()
    status, out, err = run("analyze", "figure1", "--plot", str(tmp_path / "folder.png"))
    assert (status, out) == (2, "") and "this is a folder" in err


def test_no_permission(run, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)     # root may write anywhere
    status, out, err = run("plot", "figure1", "-o", str(tmp_path / "a.png"))
    assert (status, out) == (2, "") and "no permission" in err


TOKENS = ["analyze", "plot", "catalog", "figure1", "duopoly", "jin_centre", "--cost", "--leader",
          "--follower", "--box", "--param", "--of", "--json", "--everywhere", "--max-boxes",
          "--plot", "-o", "--output", "-h", "--", "-", "-x", "x", "y", "x*y", "x**2-y**2", "a=1",
          "a*x", "-2", "2", "-pi", "1/2", "x=-1,1", "y=0,2", "stackelberg", "7", "/", "."]


@settings(max_examples=100, deadline=None)
@given(st.one_of(
    st.lists(st.sampled_from(TOKENS) | st.text(max_size=8), max_size=8),
    st.tuples(st.text(max_size=30), st.text(max_size=3), st.text(max_size=8)).map(
        lambda t: ["analyze", "--cost", t[0], "--leader", "x", t[1], "--follower", "y",
                   "--box", "-1", "1", "--param", t[2]]),
    st.lists(st.text("-+*/()xyzpi=,0123456789.e ", max_size=10), min_size=1, max_size=4).map(
        lambda ends: ["analyze", "duopoly", "--max-boxes", "100", "--box", *ends])))
def test_no_arguments_give_a_traceback(arguments):
    import contextlib
    import io
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(arguments)
    assert status in (0, 1, 2)
    if status == 2:
        assert re.fullmatch(r"gameanalysis: error: [^\n]+\n", err.getvalue())
        assert out.getvalue() == ""
    else:
        assert err.getvalue() == "" and out.getvalue()


# -- as a process ------------------------------------------------------------

def test_as_a_process_it_loads_nothing_heavy():
    code = ("import sys; from gameanalysis.__main__ import main; main(['analyze', 'figure1']); "
            "print([m for m in ('matplotlib', 'pandas', 'hypothesis', 'scipy.optimize') "
            "if m in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True,
                          timeout=120, check=True)
    assert "proved complete" in done.stdout and done.stdout.endswith("\n[]\n")


def test_python_m_gives_the_status():
    done = process("analyze", "no_such_game")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("gameanalysis: error: there is no game or file called")
    done = process("analyze", "tandem", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (1, "")


def test_a_reader_that_leaves_ends_it_quietly():
    running = subprocess.Popen([sys.executable, "-m", "gameanalysis", "catalog", "--json"],
                               cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    running.stdout.close()
    with running.stderr as stream:
        assert stream.read() == b""
    assert running.wait(120) == 141


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is full")
def test_a_full_disk_is_one_line():
    with open("/dev/full", "wb") as full:
        done = subprocess.run([sys.executable, "-m", "gameanalysis", "catalog"], cwd=ROOT,
                              stdout=full, stderr=subprocess.PIPE, text=True, timeout=120)
    assert done.returncode == 2
    assert done.stderr == ("gameanalysis: error: cannot write the output: "
                           "No space left on device\n")


class Broken:
    """A standard output that fails."""

    encoding = None

    def __init__(self, error):
        self.error = error

    def write(self, text):
        raise self.error

    def flush(self):
        raise self.error

    def fileno(self):
        raise OSError("no file behind it")


@pytest.mark.parametrize("error, status, message", [
    (BrokenPipeError(32, "Broken pipe"), 141, ""),
    (OSError(28, "No space left on device"), 2,
     "gameanalysis: error: cannot write the output: No space left on device\n")])
def test_output_that_fails(capsys, monkeypatch, error, status, message):
    monkeypatch.setattr(sys, "stdout", Broken(error))
    assert main(["catalog"]) == status
    assert capsys.readouterr().err == message


def test_a_closed_output_is_no_error(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["catalog"]) == 0


def test_a_disk_that_fills_while_drawing(run, tmp_path, monkeypatch):
    def full(*args, **options):
        raise OSError(28, "No space left on device")
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", full)
    status, out, err = run("plot", "jin_centre", "-o", str(tmp_path / "a.png"))
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "cannot write the picture" in err and "No space left" in err


def test_a_message_of_several_lines_becomes_one(run, monkeypatch):
    def wrong(*args, **options):
        raise GameError("one\n  two\x1b[2J\nthree")
    monkeypatch.setattr("gameanalysis.commandline.analyze", wrong)
    assert run("analyze", "figure1") == (2, "", "gameanalysis: error: one two?[2J three\n")


def test_interruption_is_quiet(run, monkeypatch):
    def interrupted(*args, **options):
        raise KeyboardInterrupt
    monkeypatch.setattr("gameanalysis.commandline.analyze", interrupted)
    assert run("analyze", "figure1") == (130, "", "")


def test_too_little_memory_is_one_line(run, monkeypatch):
    def too_much(*args, **options):
        raise MemoryError
    monkeypatch.setattr("gameanalysis.commandline.analyze", too_much)
    status, out, err = run("analyze", "figure1")
    assert (status, out, err.count("\n")) == (2, "", 1) and "more memory than there is" in err


def test_text_that_the_terminal_cannot_show_is_escaped(tmp_path, monkeypatch):
    import io
    path = tmp_path / "game.toml"
    path.write_text('name = "J\u00e9r\u00f4me"\nzero_sum = "x*y - y**2"\nleader = ["x"]\n'
                    'follower = ["y"]\n[box]\nx = [-1, 1]\ny = [-1, 1]\n', encoding="utf-8")
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    assert main(["analyze", str(path)]) == 0
    assert raw.getvalue().startswith(b"J\\xe9r\\xf4me: critical points")


# -- pictures ----------------------------------------------------------------

@pytest.mark.parametrize("name, start", [("a.png", b"\x89PNG"), ("b.SVG", b"<?xml"),
                                         ("-c.pdf", b"%PDF")])
def test_plot_writes_a_picture(run, tmp_path, monkeypatch, name, start):
    monkeypatch.chdir(tmp_path)
    status, out, err = run("plot", "jin_centre", "-o", name)
    assert (status, err) == (0, "")
    assert out == f"{name}: 1 critical point, proved complete\n"
    assert (tmp_path / name).read_bytes().startswith(start)


def test_analyze_draws_too(run, tmp_path):
    path = tmp_path / "figure.png"
    status, out, err = run("analyze", "torus", "--max-boxes", "3", "--plot", str(path))
    assert status == 1 and err == "" and path.read_bytes().startswith(b"\x89PNG")
    assert out == run("analyze", "torus", "--max-boxes", "3")[1]
    status, out, _ = run("plot", "torus", "--max-boxes", "3", "-o", str(path))
    assert status == 1 and "NOT proved complete" in out


def test_a_picture_of_the_whole_plane(run, tmp_path):
    path = tmp_path / "figure.png"
    assert run("plot", "jin_centre", "--everywhere", "-o", str(path))[0] == 0
    assert path.read_bytes().startswith(b"\x89PNG")
