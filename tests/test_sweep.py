"""Sweeps: against closed forms, against `analyze` cell by cell; and their pictures."""

import json
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp

from gameanalysis import analyze, catalog
from gameanalysis.declaration.game import Game, Player, zero_sum
from gameanalysis.errors import BoxError, GameError
from gameanalysis.pictures.class_maps import class_map
from gameanalysis.truth import Truth
from gameanalysis.parameters import cells as module
from gameanalysis.parameters.cells import CLASSES, CellStatus
from gameanalysis.parameters.sweep import sweep

x, y, a, b = sp.symbols("x y a b", real=True)
#: f = x^4/4 - a x^2/2 + x y/2 - b y^2/2: the follower answers y = x/(2 b).
FORK = zero_sum(x**4/4 - a*x**2/2 + x*y/2 - b*y**2/2, x, y, parameters={a: 1, b: 1}, name="fork")
BOX = [(-3, 3), (-3, 3)]


def fork_points(p, q):
    """(x, DNE, DSE) by hand, for q != 0: x^3 = (p - 1/(4q)) x, y = x/(2q)."""
    c = p - Fraction(1, 4) / q
    roots = [(Fraction(0), -p, -c)]
    if c > 0:                               # x^2 = c: D11 f = 3c - p, S1 = 2c
        roots += 2 * [(c, 3 * c - p, 2 * c)]
    return [(square, own > 0 and q > 0, schur > 0 and q > 0) for square, own, schur in roots]


def kind(nash, leader):
    return {(True, True): "DNE and DSE", (False, True): "DSE, not DNE",
            (True, False): "DNE, not DSE"}.get((nash, leader))


def test_a_pitchfork_has_the_points_and_classes_of_its_closed_form():
    values = {a: [Fraction(k, 8) for k in range(-4, 5)], b: [Fraction(-1, 2), Fraction(1, 2), 1]}
    found = sweep(FORK, values, BOX)
    assert found.shape == (9, 3) and len(found) == 27
    for i, p in enumerate(values[a]):
        for j, q in enumerate(values[b]):
            cell = found[i, j]
            assert cell.values == (sp.Rational(p), sp.Rational(q)) and cell is found[3 * i + j]
            expected = fork_points(p, Fraction(q))
            assert cell.complete is Truth.YES and len(cell.points) == len(expected)
            assert found.array("DNE")[i, j] == sum(nash for _, nash, _ in expected)
            assert found.array("DSE")[i, j] == sum(leads for *_, leads in expected)
            for name in CLASSES[:3]:
                assert cell.counts[name] == sum(kind(n, s) == name for _, n, s in expected)
            squares = sorted(float(square) for square, *_ in expected)
            np.testing.assert_allclose(sorted(p.x[0]**2 for p in cell.points), squares,
                                       atol=1e-12)
    # Where the pitchfork is, a = 1/(4 b), three points are one.
    assert len(found[6, 2].points) == 1 and len(found[7, 2].points) == 3


def test_linear_games_by_their_signs_and_a_line_of_zeros_is_open():
    # f = p x^2/2 + q x y - y^2/2: one point, or a line of them where p + q^2 = 0.
    game = zero_sum(a*x**2/2 + b*x*y - y**2/2, x, y, parameters={a: 1, b: 1})
    found = sweep(game, {"a": range(-1, 3), "b": [0, 1]}, BOX, max_boxes=500)
    for cell in found:
        p, q = map(int, cell.values)
        if p + q * q == 0:
            assert cell.status is CellStatus.OPEN and cell.complete is Truth.UNDECIDED
            assert "isolated" in cell.reason and not cell.proved
            assert cell.signature == "no point found"
        else:
            assert [point.kind for point in cell.points] == [
                kind(p > 0, p + q * q > 0) or ("neither, stable" if p > 1 else "neither")]
    assert found.complete is Truth.UNDECIDED
    assert "not proved" in repr(found) and "isolated" in repr(found)


GENERAL = Game(Player(x**2/2 - a*x*y + y**3/3, [x]), Player(y**2/2 + b*x*y - x**2*y/4, [y]),
               parameters={a: 1, b: 1})
WAVES = zero_sum(sp.cos(a*x) + x*y - y**2*sp.sqrt(b), x, y, parameters={a: 1, b: 1})
QUOTIENT = zero_sum(x**2*y/a - y**2/2 + b*x*sp.exp(-x*y), x, y, parameters={a: 1, b: 1})


@pytest.mark.parametrize("game, of, values, box", [
    (catalog.figure1(), "simultaneous", {"a": [0.15, 0.3], "b": [0.3]}, None),
    (GENERAL, "simultaneous", {"b": [1, -2], "a": [0.5, 2]}, BOX),
    (GENERAL, "stackelberg", {"a": [-1, 2], "b": [0, 1.5]}, BOX),
    (WAVES, "simultaneous", {"a": [1, 2], "b": [2]}, BOX),
    (QUOTIENT, "stackelberg", {"a": [-1, 2]}, [(-1, 1), (-1, 1)]),
    (QUOTIENT, "simultaneous", {"a": [sp.sqrt(2)]}, [(-1, 1), (-1, 1)])],
    ids=["figure1", "general", "leader", "waves", "quotient", "irrational"])
def test_each_cell_is_what_analyze_proves(game, of, values, box):
    box = box or [(-30, 30)] * 2
    for cell in sweep(game, values, box, of):
        found = analyze(game.substitute(dict(zip(values, cell.values))), box, of)
        assert cell.complete is found.complete and len(cell.points) == len(found)
        for point, other in zip(cell.points, found):
            np.testing.assert_allclose(point.x, other.x, rtol=1e-12, atol=1e-12)
            assert (point.certified, point.differential_nash, point.differential_stackelberg,
                    point.stable) == (
                other.certified, other.differential_nash, other.differential_stackelberg,
                other.stable[of])


def test_points_of_the_cell_in_the_middle_save_work_only():
    # In the middle cell (a = 1/2) three points, in half of the others one.
    alone = {v: sweep(FORK, {a: [v]}, BOX)[0] for v in (-1, -0.5, -0.25, 0.25, 0.5, 0.75, 1, 2)}
    found = sweep(FORK, {a: list(alone)}, BOX)
    assert {len(cell.points) for cell in found} == {1, 3} and found.complete
    for cell, other in zip(found, alone.values()):
        assert cell.counts == other.counts and cell.status is other.status
        assert np.allclose([p.x for p in cell.points], [p.x for p in other.points],
                           rtol=0, atol=1e-12)


def test_the_polynomials_with_open_parameters_change_nothing(monkeypatch):
    values = {"a": [0.1, -0.2], "b": [0.25]}
    fast = sweep(catalog.figure1(), values, [(-30, 30)] * 2)
    assert module._template(catalog.figure1(), tuple(catalog.figure1().parameters),
                            "simultaneous") is not None
    monkeypatch.setattr(module, "_template", lambda *arguments: None)
    slow = sweep(catalog.figure1(), values, [(-30, 30)] * 2)
    for one, other in zip(fast, slow):
        assert one.signature == other.signature and one.proved and other.proved
        np.testing.assert_allclose([p.x for p in one.points], [p.x for p in other.points],
                                   rtol=1e-14)


@pytest.mark.parametrize("cost, taken", [
    (a*x**2 - x*y/b - y**2, True), (sp.exp(-x**2 - a)*(x*y + b), True),
    (sp.exp(a*x)*x*y - y**2, False), (x**a*y - y**2 + b, False),
    (sp.sqrt(b)*x*y - a*y**2, False),
    (x/(a + y**2) - b*y**2, False), (sp.log(a)*x*y - b*y**2, False),
    (sp.cos(x)*a - b*y**2, False)])
def test_what_is_left_open_is_polynomial_in_variables_and_parameters(cost, taken):
    game = zero_sum(cost, x, y, parameters={a: 2, b: 3})
    found = module._template(game, (a, b), "simultaneous")
    assert (found is not None) == taken
    if taken:
        there = found.at((sp.Rational(1, 3), sp.Integer(2)))
        omega = [sp.diff(cost, x), -sp.diff(cost, y)]
        for mine, own in zip(there.expressions, omega):
            # The quotient has no zeros, being a positive function.
            ratio = sp.simplify(own.subs({a: sp.Rational(1, 3), b: 2}) / mine)
            assert ratio.is_positive
        assert found.at((sp.sqrt(2), sp.Integer(1))) is None


def test_a_parameter_at_which_the_game_is_undefined_fails_alone():
    game = zero_sum(x**2/a - y**2 + x*y, x, y, parameters={a: 1})
    found = sweep(game, {a: [-1, 0, 1]}, BOX)
    assert [c.status.name for c in found] == ["COMPLETE", "FAILED", "COMPLETE"]
    assert found[1].reason.startswith("GameError: ") and found[1].signature == "failed"
    counts = found.array("points")
    assert counts.mask.tolist() == [False, True, False] and counts.compressed().tolist() == [1, 1]
    assert "1 failed" in repr(found) and "1 cell: GameError" in repr(found)


def test_a_bilinear_cell_of_a_stackelberg_sweep_fails_alone():
    game = zero_sum(x*y - a*y**2/2, x, y, parameters={a: 1})
    found = sweep(game, {a: [0, 1]}, BOX, "stackelberg")
    assert "D22 f2 is singular everywhere" in found[0].reason and found[1].proved


def test_three_parameters_and_the_order_of_the_cells():
    c = sp.Symbol("c", real=True)
    game = zero_sum(a*x**2/2 + b*x*y - c*y**2/2, x, y, parameters={c: 1, b: 1, a: 1})
    found = sweep(game, {"a": [1, 2], c: np.array([1.0, 0.1, 3.0]), "b": (Fraction(1, 3),)}, BOX)
    assert list(found.parameters) == ["a", "c", "b"] and found.shape == (2, 3, 1)
    assert found.parameters["c"] == (1, sp.Rational(1, 10), 3)
    assert found[1, 2, 0].values == (2, 3, sp.Rational(1, 3)) and found[-1] is found[1, -1, 0]
    assert [cell.values for cell in found] == [
        (i, j, sp.Rational(1, 3)) for i in (1, 2) for j in (1, sp.Rational(1, 10), 3)]
    assert found.array("DSE").shape == (2, 3, 1) and found.complete is Truth.YES
    assert [len(part) for part in (found[:2], found[1:])] == [2, 5]
    with pytest.raises(IndexError, match="a, c, b"):
        found[0, 0]


def test_workers_and_checkpoints_change_no_bit(tmp_path):
    values = {a: [0.1, 0.7], b: [0.3, -1.1]}
    alone, told = sweep(FORK, values, BOX), []
    kept = sweep(FORK, values, BOX, checkpoint=tmp_path / "kept")
    again = sweep(FORK, values, BOX, checkpoint=tmp_path / "kept", progress=told.append,
                  workers=lambda function, items: iter([function(i) for i in items]))
    pooled = sweep(FORK, values, BOX, workers=2)
    assert alone.to_dict() == kept.to_dict() == again.to_dict() == pooled.to_dict()
    assert alone.cells == again.cells and sum(told) == 4
    with pytest.raises(ValueError, match="another path"):
        sweep(FORK, values, [(-3, 3), (-3, 2)], checkpoint=tmp_path / "kept")


def test_shown_as_a_table_and_as_data():
    found = sweep(FORK, {a: [-1, 0.5, 1], b: [1]}, BOX)
    lines = repr(found).splitlines()
    assert lines[0] == "fork: 3 x 1 cells, a in [-1, 1], b = 1 (simultaneous)"
    assert lines[1] == "3 of 3 cells proved complete"
    assert lines[3].split() == ["cells", "not", "proved", "points", *"DNE and DSE neither".split()]
    assert "<table>" in found._repr_html_()
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert plain["parameters"] == {"a": [-1.0, 0.5, 1.0], "b": [1.0]}
    assert plain["cells"][1]["values"] == ["1/2", "1"] and plain["complete"] == "yes"
    assert sum(found.signatures.values()) == 3
    with pytest.raises(ValueError, match="'points', 'DNE'"):
        found.array("Nash")


def test_a_data_frame_has_a_row_for_each_cell():
    pytest.importorskip("pandas")
    frame = sweep(FORK, {a: [-1, 1]}, BOX).to_dataframe()
    assert frame["a"].tolist() == [-1.0, 1.0] and frame["points"].tolist() == [1, 3]
    assert frame["status"].tolist() == ["complete"] * 2


@pytest.mark.parametrize("change, error, words", [
    ({"game": x}, GameError, "expected a Game"), ({"of": "nash"}, GameError, "of is"),
    ({"parameters": {}}, GameError, "maps each parameter"),
    ({"parameters": {"c": [1]}}, GameError, r"c is not a parameter.*a, b"),
    ({"parameters": {sp.Symbol("a"): [1]}}, GameError, "not a parameter"),
    ({"parameters": {a: 1}}, GameError, "list of values"),
    ({"parameters": {a: "12"}}, GameError, "list of values"),
    ({"parameters": {a: []}}, GameError, "at least one"),
    ({"parameters": {a: [1], "a": [2]}}, GameError, "given twice"),
    ({"parameters": {a: [np.nan]}}, GameError, "a value of a"),
    ({"box": [(0, 1)]}, BoxError, "box"), ({"workers": 0}, ValueError, "workers"),
    ({"rng": None}, TypeError, "seed")])
def test_wrong_input_raises_at_once(change, error, words):
    arguments = {"game": FORK, "parameters": {a: [1]}, "box": BOX, **change}
    with pytest.raises(error, match=words):
        sweep(arguments.pop("game"), arguments.pop("parameters"), arguments.pop("box"),
              **arguments)


# -- pictures ------------------------------------------------------------------------------

def texts(picture):
    return [t.get_text() for legend in (*picture.figure.legends, picture.ax.get_legend())
            if legend is not None for t in legend.get_texts()]


def test_a_map_has_a_colour_for_each_signature_and_hatches_what_is_open():
    game = zero_sum(a*x**2/2 + b*x*y - y**2/2 + 1/a, x, y, parameters={a: 1, b: 1})
    found = sweep(game, {"a": [2, -1, 0, 1], "b": [-1, 0.5, 2]}, BOX, max_boxes=500)
    picture = class_map(found)
    (mesh,) = picture.artists["cells"]
    shown = np.asarray(mesh.get_array()).reshape(3, 4)
    order = np.argsort([2, -1, 0, 1])           # drawn in ascending order
    signature = np.array([c.signature for c in found]).reshape(4, 3)[order].T
    assert len(np.unique(shown)) == len(set(signature.flat)) == len(found.signatures)
    for number in np.unique(shown):
        assert len(set(signature[shown == number])) == 1
    rows = texts(picture)
    for name, count in Counter(c.signature for c in found).items():
        assert any(row.endswith(f"({count})") for row in rows), name
    assert "failed (3)" in rows and len(picture.artists["hatches"]) == 2
    open_cells = sum(c.status is CellStatus.OPEN for c in found)
    assert f"not proved: {open_cells} cell{'s' * (open_cells > 1)}" in rows and open_cells
    # The hatched paths cover just the cells that are not proved.
    path = picture.artists["hatches"][0].get_path()
    grid = [(i, j) for i, p in enumerate((-1, 0, 1, 2)) for j, q in enumerate((-1, 0.5, 2))
            if path.contains_point((p, q))]
    assert grid == [(i, j) for i in range(4) for j in range(3)
                    if found[int(order[i]), j].status is CellStatus.OPEN]


def test_one_parameter_is_drawn_as_counts():
    found = sweep(FORK, {a: [1, -1, 0.3], b: [1]}, BOX)
    picture = class_map(found)
    lines = {line.get_label(): line for line in picture.artists["counts"]}
    np.testing.assert_array_equal(lines["points"].get_xdata(), [-1, 0.3, 1])
    np.testing.assert_array_equal(lines["points"].get_ydata(), [1, 3, 3])
    np.testing.assert_array_equal(lines["DNE and DSE"].get_ydata(),
                                  found.array("DNE and DSE").ravel()[[1, 2, 0]])
    assert "undecided" not in lines and picture.ax.get_xlabel() == "$a$"


def test_more_parameters_are_fixed_by_at_or_refused():
    c = sp.Symbol("c", real=True)
    game = zero_sum(a*x**2/2 + b*x*y - c*y**2/2, x, y, parameters={c: 1, b: 1, a: 1})
    found = sweep(game, {"a": [1, 2], "b": [0, 0.1], "c": [1, -1]}, BOX)
    with pytest.raises(ValueError, match="a, b, c: give at="):
        class_map(found)
    with pytest.raises(ValueError, match="d is none of"):
        class_map(found, at={"d": 1})
    with pytest.raises(ValueError, match="b = 1/2 is none of"):
        class_map(found, at={"b": 0.5})
    assert class_map(found, at={"b": 0.1}).ax.get_ylabel() == "$c$"
    many = class_map(found, at={"b": 0.1, "c": -1}, width=4)
    assert many.artists["counts"][0].get_ydata().tolist() == [1, 1]
