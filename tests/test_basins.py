"""Basins: against separatrices known in closed form, and against single trajectories."""

import concurrent.futures
import json
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from gameanalysis import catalog, rules
from gameanalysis.declaration.game import zero_sum
from gameanalysis.dynamics import VectorField, simultaneous_gradient
from gameanalysis.errors import BoxError, GameError
from gameanalysis.motion.flow import flow
from gameanalysis.motion.simulate import iterate
from gameanalysis.motion.trajectory import Outcome
from gameanalysis.verdicts import basins as module
from gameanalysis.verdicts.analyze import analyze
from gameanalysis.verdicts.basins import basins

x, y = sp.symbols("x y", real=True)
BOX = [(-2, 2), (-2, 2)]
#: Two attractors at x = -1 and x = 1; the line x = 0 parts them, and y only decays.
WELLS = zero_sum(x**4/4 - x**2/2 - y**2/2, x, y)
FIELD = simultaneous_gradient(WELLS)


@pytest.fixture(scope="module")
def wells():
    return analyze(WELLS, BOX)


def reached(found):
    """The x of the point each start reaches, NaN for none."""
    x_of = np.array([*(p.x[0] for p in found.points), np.nan])
    return x_of[found.index]


def test_the_line_between_two_wells_parts_their_basins(wells):
    found = basins(FIELD, wells, grid=(30, 20))
    assert found.grid == (30, 20) and found.starts.shape == (600, 2)
    np.testing.assert_allclose(reached(found), np.sign(found.starts[:, 0]), atol=1e-9)
    counts = {round(p.x[0]): s.count for p, s in zip(wells, found.fractions)}
    assert counts == {-1: 300, 0: 0, 1: 300}
    assert all(s.low is None for s in found.fractions) and found.fractions[-1].count == 0
    # x varies fastest, from the left; y from below; the starts are middles of cells.
    cells = found.starts.reshape(20, 30, 2)
    np.testing.assert_allclose(cells[0, :2], [[-2 + 2/30, -1.9], [-2 + 6/30, -1.9]])


def test_the_time_to_arrive_is_that_of_the_closed_form(wells):
    # u = x^2 follows u' = 2 u - 2 u^2, so that u/(1 - u) grows by exp(2 t).
    starts = np.array([[0.5, 0.0], [0.1, 0.0], [-0.2, 0.0]])
    found = basins(FIELD, wells, starts=starts, settle_atol=1e-4, rtol=1e-9)

    def odds(s):
        return s * s / (1 - s * s)
    expected = [np.log(odds(1 - 2e-4) / odds(abs(s))) / 2 for s in starts[:, 0]]
    # Looked at where a step ends, so up to a step late, and never early.
    assert (found.time >= np.array(expected) - 1e-3).all()
    assert (found.time <= np.array(expected) + 0.5).all()
    assert found.box is None and found.grid is None


def test_updates_and_flow_agree_on_wells_and_times_scale_with_the_step(wells):
    found = basins(rules.SimultaneousGradient().on(WELLS), wells, grid=10, step_size=0.05,
                   steps=2000)
    np.testing.assert_allclose(reached(found), np.sign(found.starts[:, 0]), atol=1e-9)
    half = basins(FIELD, wells, grid=10, step_size=0.025, steps=4000)
    np.testing.assert_array_equal(found.index, half.index)
    assert np.median(half.time / found.time) == pytest.approx(2, rel=0.1)


def test_random_starts_have_wilson_s_interval(wells):
    found = basins(FIELD, wells, samples=400, rng=5)
    again = basins(FIELD, wells, samples=400, rng=5)
    np.testing.assert_array_equal(found.starts, again.starts)
    assert "seed 5" in repr(found) and "95% interval" in repr(found)
    for share in found.fractions:
        p, n, z = share.count / 400, 400, 1.959963984540054
        centre = (p + z*z/(2*n)) / (1 + z*z/n)
        half = z / (1 + z*z/n) * np.sqrt(p*(1 - p)/n + z*z/(4*n*n))
        assert share.low == pytest.approx(max(0, centre - half), abs=1e-12)
        assert share.high == pytest.approx(centre + half, abs=1e-12)
    wide = basins(FIELD, wells, samples=400, rng=5, confidence=0.999)
    assert wide.fractions[0].high > found.fractions[0].high
    left = next(s for p, s in zip(wells, found.fractions) if p.x[0] < -0.5)
    assert left.low < 0.5 < left.high


@pytest.mark.parametrize("dynamics, options", [
    (simultaneous_gradient(catalog.figure1()), {"duration": 60.0}),
    (rules.Extragradient().on(catalog.figure1()), {"steps": 3000, "step_size": 0.02})])
def test_each_start_goes_where_it_goes_alone(dynamics, options):
    game = catalog.figure1()
    found_points = analyze(game, [(-30, 30), (-30, 30)])
    found = basins(dynamics, found_points, [(-15, 15), (-15, 15)], grid=7, **options)
    for start, index, status in list(zip(found.starts, found.index, found.status))[::5]:
        if "duration" in options:
            alone = flow(dynamics, start, 60.0, points=found_points, t_eval="last")
        else:
            alone = iterate(dynamics, start, 3000, step_size=0.02, keep="last",
                            points=found_points)
        assert alone.settled == index and alone.status is status


def _double(function, items):
    return [function(item) for item in items]


def test_pieces_workers_and_progress_change_nothing(wells, monkeypatch):
    whole = basins(FIELD, wells, grid=12)
    monkeypatch.setattr(module, "_PIECE", 50)
    told = []
    pieces = basins(FIELD, wells, grid=12, progress=lambda done, total: told.append((done, total)))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        pooled = basins(FIELD, wells, grid=12, workers=pool.map)
    for other in (pieces, pooled, basins(FIELD, wells, grid=12, workers=_double)):
        np.testing.assert_array_equal(whole.index, other.index)
        np.testing.assert_allclose(whole.time, other.time, rtol=1e-9)
    assert told == [(50, 144), (100, 144), (144, 144)]


def test_processes_give_the_same(wells, monkeypatch):
    whole = basins(FIELD, wells, grid=4)
    monkeypatch.setattr(module, "_PIECE", 8)
    # The pieces decide in how many blocks the starts are followed, the workers nothing.
    alone = basins(FIELD, wells, grid=4).to_dict()
    assert basins(FIELD, wells, grid=4, workers=2).to_dict() == alone

    def backwards(function, items):             # futures, the last finished first
        futures = [concurrent.futures.Future() for _ in items]
        for future, item in reversed(list(zip(futures, items))):
            future.set_result(function(item))
        return futures
    assert basins(FIELD, wells, grid=4, workers=backwards).to_dict() == alone
    np.testing.assert_array_equal(whole.index, basins(FIELD, wells, grid=4).index)


def test_basins_go_on_from_a_checkpoint(wells, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "_PIECE", 30)
    path, calls = tmp_path / "kept", []

    def stop(done, total):
        if done == 60:
            raise KeyboardInterrupt
    half = basins(FIELD, wells, grid=10, checkpoint=path, progress=stop)
    assert (half.status[60:] == Outcome.INTERRUPTED).all() and (half.index[:60] >= 0).all()

    def counted(*arguments, **options):
        calls.append(len(arguments[1]))
        return flow(*arguments, **options)
    monkeypatch.setattr(module, "flow", counted)
    told = []
    rest = basins(FIELD, wells, grid=10, checkpoint=path,
                  progress=lambda done, total: told.append(done))
    assert calls == [30, 10] and told == [30, 60, 90, 100]
    whole = basins(FIELD, wells, grid=10)
    assert rest.to_dict() == whole.to_dict() and rest.method == whole.method
    for change in ({"grid": 11}, {"duration": 50.0}, {"rtol": 1e-7}):
        with pytest.raises(ValueError, match="another path"):
            basins(FIELD, wells, **{"grid": 10, **change}, checkpoint=path)


def test_noise_depends_on_the_start_s_number_and_not_on_the_pieces(wells, monkeypatch):
    from gameanalysis.motion.noise import Gaussian
    options = dict(grid=10, step_size=0.05, steps=300, noise=Gaussian(0.5), rng=3,
                   settle_atol=1e-2)
    whole = basins(FIELD, wells, **options)
    monkeypatch.setattr(module, "_PIECE", 30)
    pieces = basins(FIELD, wells, **options)
    np.testing.assert_array_equal(whole.index, pieces.index)
    np.testing.assert_array_equal(whole.time, pieces.time)


def test_what_is_done_is_kept_when_interrupted(wells, monkeypatch):
    monkeypatch.setattr(module, "_PIECE", 40)

    def stop(done, total):
        raise KeyboardInterrupt
    found = basins(FIELD, wells, grid=10, progress=stop)
    assert (found.status[:40] == Outcome.SETTLED).all()
    assert (found.status[40:] == Outcome.INTERRUPTED).all() and (found.index[40:] == -1).all()
    assert "60 interrupted" in str(found)


def test_a_piece_that_was_interrupted_is_the_last(wells, monkeypatch):
    monkeypatch.setattr(module, "_PIECE", 40)
    calls = []

    def half(field, x0, *args, **options):
        found = flow(field, x0, *args, **options)
        calls.append(len(x0))
        status = found.status.copy()
        status[len(x0) // 2:] = Outcome.INTERRUPTED
        return replace(found, status=status)
    monkeypatch.setattr(module, "flow", half)
    found = basins(FIELD, wells, grid=10)
    assert calls == [40] and (found.status[20:] == Outcome.INTERRUPTED).all()


def test_starts_that_arrive_nowhere_are_told():
    game = zero_sum(x**3/3 - x - y**2/2, x, y)              # left of -1 x escapes
    points = analyze(game, [(-3, 3), (-1, 1)])
    found = basins(simultaneous_gradient(game), points, grid=(12, 3))
    lost = found.starts[:, 0] < -1
    assert (found.index[lost] == -1).all() and (found.index[~lost] >= 0).all()
    assert set(found.status[lost]) <= {Outcome.DIVERGED, Outcome.UNDEFINED}
    assert "of those that reach none" in str(found) and found.fractions[-1].count == lost.sum()
    assert "<table>" in found._repr_html_()
    json.dumps(found.to_dict(), allow_nan=False)


def test_flows_that_leave_a_domain_have_left():
    game = zero_sum(x**3/3 - x - y**2/2, x, y)
    points = analyze(game, [(-3, 3), (-1, 1)])
    found = basins(simultaneous_gradient(game), points, grid=(12, 3),
                   domain=[(-4, 4), (-2, 2)])
    lost = found.starts[:, 0] < -1
    assert (found.status[lost] == Outcome.LEFT).all() and (found.index[~lost] >= 0).all()


def test_a_plane_through_four_variables():
    game = catalog.finite_learning_ratio()
    points = analyze(game, catalog.info("finite_learning_ratio").box)
    at = {"w": 1, "z": 1}
    found = basins(simultaneous_gradient(game), points, [(0.9, 1.1)] * 4, grid=4,
                   plane=["x1", "x2"], at=at)
    assert (found.starts[:, 2:] == 1).all() and found.starts.shape == (16, 4)
    nash = next(k for k, p in enumerate(points) if abs(p.x[0] - 1) < 1e-9)
    assert (found.index == nash).all()


def test_results_cannot_be_changed(wells):
    found = basins(FIELD, wells, grid=3)
    with pytest.raises(ValueError, match="read-only"):
        found.index[0] = 5


@pytest.mark.parametrize("change, error, words", [
    ({"dynamics": WELLS}, TypeError, "field or a rule"),
    ({"dynamics": simultaneous_gradient(catalog.figure1())}, GameError, "another game"),
    ({"dynamics": rules.Extragradient().on(WELLS)}, ValueError, "step_size"),
    ({"points": [(0, 0)]}, TypeError, "classify"),
    ({"points": [], "box": None}, BoxError, "where to start"),
    ({"dynamics": VectorField([x, y], [x, y]), "points": []}, GameError, "Analysis"),
    ({"grid": 5, "samples": 3}, ValueError, "exclude"),
    ({"grid": 1}, ValueError, "grid"),
    ({"samples": 0}, ValueError, "samples"),
    ({"samples": 3, "box": {"x": (0, 1)}}, BoxError, "each of"),
    ({"starts": [[0.0, np.nan]]}, ValueError, "finite"),
    ({"starts": [0.0, 1.0]}, ValueError, "shape"),
    ({"confidence": 1}, ValueError, "confidence"),
    ({"workers": 0}, ValueError, "workers"),
    ({"workers": 1.5}, TypeError, "workers"),
    ({"duration": -1}, ValueError, "length"),
])
def test_wrong_input_raises(wells, change, error, words):
    arguments = {"dynamics": FIELD, "points": wells, **change}
    with pytest.raises(error, match=words):
        basins(arguments.pop("dynamics"), arguments.pop("points"), **arguments)


def test_a_box_may_name_its_sides(wells):
    found = basins(FIELD, wells, {"y": (0, 1), "x": (-1, 0)}, samples=50, rng=1)
    assert (found.starts[:, 0] <= 0).all() and (found.starts[:, 1] >= 0).all()
    assert found.box == ((-1.0, 0.0), (0.0, 1.0))
