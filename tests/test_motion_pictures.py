"""Pictures of motion, basins and spectra: the artists hold what the dynamics did."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import sympy as sp
from matplotlib import pyplot
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image
from scipy.integrate import solve_ivp

from gameanalysis import catalog, plots
from gameanalysis.declaration.game import zero_sum
from gameanalysis.dynamics import VectorField, simultaneous_gradient, stackelberg_gradient
from gameanalysis.errors import BoxError, GameError, ShapeError
from gameanalysis.motion.simulate import iterate
from gameanalysis.motion.trajectory import Outcome, assembled
from gameanalysis.pictures import maps
from gameanalysis.compilation.compiled import compile_field
from gameanalysis.truth import Truth
from gameanalysis.verdicts.analyze import analyze

x, y = sp.symbols("x y", real=True)
BOX = ((-16, 16), (-16, 16))
PI_BOX = ((-sp.pi, sp.pi), (-sp.pi, sp.pi))
LINEAR = VectorField([x/4, y/2], [x, y])


# -- what the pictures read, from real data -----------------------------------

@dataclass(frozen=True)
class Basins:
    """What the pictures read of basins of attraction."""

    game: Any
    points: tuple
    box: tuple
    grid: Any
    starts: Any
    index: Any
    status: Any
    time: Any
    name: str
    method: str = "NumPy"


def basins_of(field, analysis, box, grid, *, steps, step_size, name="", atol=1e-3, sample=None):
    """Basins by brute force: every start iterated, the point within ``atol`` looked up."""
    if sample is None:
        nx, ny = grid
        x, y = (low + (high - low) * (np.arange(k) + 0.5) / k for (low, high), k in zip(box, grid))
        starts = np.stack(np.meshgrid(x, y), axis=-1).reshape(nx * ny, 2)
    else:
        starts = sample
    paths = iterate(field, starts, steps, step_size=step_size, keep=max(1, steps // 50))
    at = np.array([p.x for p in analysis])
    away = np.linalg.norm(paths.x[:, :, None] - at, axis=-1)            # (N, time, points)
    index = np.where(away[:, -1].min(axis=1) < atol, away[:, -1].argmin(axis=1), -1)
    near = away[np.arange(len(starts)), :, index] < atol
    time = np.where(index >= 0, paths.t[near.argmax(axis=1)], paths.stopped)
    status = np.where(index >= 0, Outcome.SETTLED, paths.status)
    return Basins(analysis.game, tuple(analysis), box, grid if sample is None else None, starts,
                  index, status, time, name)


@dataclass(frozen=True)
class Rule:
    """What the pictures read of a learning rule."""

    title: str

    def __str__(self):
        return self.title


@dataclass(frozen=True)
class Value:
    """What the pictures read of an enclosed number."""

    value: float


@dataclass(frozen=True)
class Cell:
    """What the pictures read of one cell of a stability table."""

    stable: Any
    abscissa: Any
    attracting: Any
    radius: Any
    step_interval: Any = None


@dataclass(frozen=True)
class Table:
    """What the pictures read of a stability table."""

    game: Any
    points: tuple
    rules: tuple
    cells: tuple

    def cell(self, i, j):
        return self.cells[i][j]


def table_of(analysis, fields, *, step=0.1):
    """A table of spectra by NumPy, of the fields' own Jacobians; None for no flow."""
    rows = []
    for field in fields.values():
        row = []
        for point in analysis:
            if field is None:
                row.append(Cell(None, None, Truth.UNDECIDED, None))
                continue
            z = np.linalg.eigvals(compile_field(field).jacobian(point.x))
            low, radius = z.real.min(), np.abs(1 - step * z).max()
            row.append(Cell(Truth.of(bool(low > 0)), Value(low), Truth.of(bool(radius < 1)),
                            Value(radius)))
        rows.append(tuple(row))
    return Table(analysis.game, tuple(analysis), tuple(map(Rule, fields)), tuple(rows))


def flow_of(field, starts, times):
    """A flow by SciPy, as the record that the pictures read."""
    value, starts = compile_field(field).value, np.atleast_2d(starts)
    paths = np.array([solve_ivp(lambda _, z: -value(z), (times[0], times[-1]), start,
                                t_eval=times, rtol=1e-10, atol=1e-12).y.T for start in starts])
    return assembled((len(starts),), paths, np.asarray(times, dtype=float),
                     np.full(len(starts), float(times[-1])),
                     np.full(len(starts), Outcome.COMPLETED, dtype=object), method="SciPy")


@pytest.fixture(autouse=True)
def nothing_left_open():
    before = dict(pyplot.rcParams)
    yield
    assert not pyplot.get_fignums()
    assert dict(pyplot.rcParams) == before


@pytest.fixture(scope="module")
def torus():
    return analyze(catalog.torus(), PI_BOX)


@pytest.fixture(scope="module")
def play(figure1):
    return iterate(simultaneous_gradient(figure1.game), [(3, 3), (-10, 5), (-4, -6)], 6000,
                   step_size=0.004, keep=7)


@pytest.fixture(scope="module")
def maps_of_figure1(figure1):
    fields = simultaneous_gradient(figure1.game), stackelberg_gradient(figure1.game)
    return [basins_of(field, figure1, BOX, (20, 24), steps=2500, step_size=0.004, name=field.kind)
            for field in fields]


@pytest.fixture(scope="module")
def table(figure1):
    game = figure1.game
    fields = {"simultaneous": simultaneous_gradient(game), "no flow": None,
              "leader": stackelberg_gradient(game), "fast follower": stackelberg_gradient(game, 9)}
    return table_of(figure1, fields)


def rendered(figure):
    """The figure as it is seen: colours between 0 and 1, the first row at the top."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3] / 255


def pixel(picture, ax, at):
    """The colour that is seen at a place of the data."""
    image = rendered(picture.figure)
    column, row = ax.transData.transform(at)
    return image[int(image.shape[0] - row), int(column)]


def texts(legend):
    return [text.get_text() for text in legend.get_texts()]


# -- distance -----------------------------------------------------------------

def test_the_distance_is_the_norm_to_the_point_nearest_the_end(figure1, play):
    picture = plots.distance(play, figure1)
    at = np.array([p.x for p in figure1])
    for line, path in zip(picture.artists["measured"], play.x, strict=True):
        end = min(at, key=lambda p: sum((path[-1] - p)**2))
        expected = [sum((z - end)**2)**0.5 for z in path]
        np.testing.assert_array_equal(line.get_xdata(), play.t)
        np.testing.assert_allclose(line.get_ydata(), expected, rtol=1e-12)
        assert expected[-1] < 1e-4
    assert picture.ax.get_yscale() == "log"
    assert picture.ax.get_xlabel() == "number of updates"


def test_a_settled_start_is_measured_to_the_point_it_settled_at(figure1, play):
    other = replace(play, settled=np.array([0, 2, 0]))
    picture = plots.distance(other, figure1)
    line = picture.artists["measured"][2]
    expected = np.linalg.norm(play.x[2] - figure1[0].x, axis=-1)
    np.testing.assert_allclose(line.get_ydata(), expected)
    # To one place that is given, wherever the dynamics settled.
    line = plots.distance(other, (1, 2)).artists["measured"][1]
    np.testing.assert_allclose(line.get_ydata(), np.linalg.norm(play.x[1] - (1, 2), axis=-1))
    with pytest.raises(ValueError, match="settled at point 2, and there are 2"):
        plots.distance(other, list(figure1)[:2])


def test_the_distance_on_a_circle_goes_the_short_way_round(torus):
    # 2 pi - 0.1 in both coordinates lies close to the point (0, 0).
    start = np.full((1, 2), 2*np.pi - 0.1)
    flow = flow_of(VectorField([1, 0], [x, y]), start, [0, 0.1])
    line, = plots.distance(flow, [0, 0], game=torus.game).artists["measured"]
    np.testing.assert_allclose(line.get_ydata(), [0.1*2**0.5, (0.2**2 + 0.1**2)**0.5])
    near, = plots.distance(flow, torus).artists["measured"]
    np.testing.assert_allclose(near.get_ydata(), line.get_ydata(), atol=1e-9)


@pytest.mark.parametrize("anchor", ["start", "end"])
def test_a_predicted_line_has_the_slope_of_its_rate(anchor):
    updates = iterate(VectorField([x/4, x + y/4], [x, y]), [1, 0], 300, step_size=0.4)
    flow = flow_of(LINEAR, [(1, 1)], np.linspace(0, 30, 200))
    for play, rate, slope in ((updates, 0.9, np.log(0.9)), (flow, 0.25, -0.25)):
        picture = plots.distance(play, (0, 0), rates=rate, anchor=anchor)
        predicted, = picture.artists["predicted"]
        t, d = predicted.get_data()
        assert np.diff(np.log(d)) / np.diff(t) == pytest.approx(slope, rel=1e-9)
        measured = picture.artists["measured"][0].get_ydata()
        top, bottom = measured[0], measured.min()
        if anchor == "start":
            assert (t[0], d[0]) == pytest.approx((play.t[0], top))
        else:
            middle = (top * bottom)**0.5
            k = int(np.argmax(measured <= middle))
            assert np.interp(play.t[k], t, np.log(d)) == pytest.approx(np.log(measured[k]))
        assert d.min() > 0.99 * bottom
        assert predicted.get_label() == "predicted"


def test_the_measured_decay_is_parallel_to_the_right_prediction(figure1, play):
    rates = [max(abs(1 - 0.004*p.eigenvalues["J"])) for p in figure1]
    picture = plots.distance(play, figure1, rates=[r if r < 1 else None for r in rates])
    ends = {int(np.linalg.norm([p.x - z for p in figure1], axis=-1).argmin()) for z in play.last}
    assert len(picture.artists["predicted"]) == len(ends)
    t, d = picture.artists["measured"][1].get_data()
    k = np.flatnonzero((d < 1e-2) & (d > 1e-9))
    slope = np.polyfit(t[k], np.log(d[k]), 1)[0]
    assert slope == pytest.approx(np.log(rates[2]), rel=0.02)


def test_a_rate_that_stays_is_level_and_one_start_alone_needs_no_legend():
    turning = iterate(VectorField([y, -x], [x, y]), [1, 0], 50, step_size=0.01)
    picture = plots.distance(turning, (0, 0), rates=1.0)
    predicted, = picture.artists["predicted"]
    assert list(predicted.get_xdata()) == [0, 50] and np.ptp(predicted.get_ydata()) == 0
    assert texts(picture.figure.legends[0]) == ["measured", "predicted"]
    assert not plots.distance(turning, (0, 0)).figure.legends


def test_labels_have_rates_of_their_own_and_a_legend():
    one = iterate(LINEAR, [(8, 8), (4, 4)], 50, step_size=0.4)
    two = iterate(LINEAR, [(8, 8)], 50, step_size=0.8)
    picture = plots.distance({"slow": one, "fast": two}, (0, 0), rates={"slow": 0.9})
    assert len(picture.artists["measured"]) == 3 and len(picture.artists["predicted"]) == 1
    assert texts(picture.figure.legends[0]) == ["slow", "predicted", "fast"]
    slow, _, fast = picture.artists["measured"]
    assert slow.get_color() != fast.get_color() and slow._dash_pattern != fast._dash_pattern


def test_a_line_ends_where_its_start_did_and_a_failure_has_a_cross():
    field = VectorField([-x**3, y], [x, y])                      # x grows without bound
    play = iterate(field, [(2, 1), (0.1, 1)], 30, step_size=0.5, keep=4, bound=1e6)
    assert [s.is_failure for s in play.status] == [True, False]
    picture = plots.distance(play, (0, 0))
    failed, whole = picture.artists["measured"]
    assert failed.get_xdata()[-1] == play.stopped[0] < 30
    assert failed.get_ydata()[-1] == np.linalg.norm(play.last[0])
    assert whole.get_xdata()[-1] == 30
    cross, = picture.artists["failed"]
    np.testing.assert_allclose(cross.get_data(), [[play.stopped[0]], [failed.get_ydata()[-1]]])
    path, *_, crosses, starts, _ = plots.trajectories(play, [(-1e6, 1e6), (-2, 2)])
    np.testing.assert_allclose(np.ravel(crosses.get_data()), play.last[0])
    assert crosses.get_marker() == "X" and starts.get_marker() == "o"
    assert len(plots.trajectories(play, [(-4, 4), (-4, 4)])) == 4        # it ended elsewhere


def test_a_distance_of_zero_is_left_out():
    play = iterate(VectorField([x, y], [x, y]), [2, 0], 3, step_size=1)
    picture = plots.distance(play, (0, 0), rates=0.5)
    d = picture.artists["measured"][0].get_ydata()
    assert d[0] == 2 and np.isnan(d[1:]).all()
    assert list(picture.artists) == ["measured"]                # no line through one point


@pytest.mark.parametrize("call, error, words", [
    (lambda p: plots.distance(p.x, (0, 0)), TypeError, "Trajectory"),
    (lambda p: plots.distance({}, (0, 0)), ValueError, "no trajectory"),
    (lambda p: plots.distance(p, []), ValueError, "no points"),
    (lambda p: plots.distance(p, "ab"), ShapeError, "positions"),
    (lambda p: plots.distance(p, (0, 0, 0)), ShapeError, "shape"),
    (lambda p: plots.distance(p, (0, np.nan)), ShapeError, "finite"),
    (lambda p: plots.distance(p, (0, 0), game=catalog.finite_learning_ratio()), ShapeError, "4"),
    (lambda p: plots.distance(p, (0, 0), anchor="top"), ValueError, "anchor"),
    (lambda p: plots.distance(p, (0, 0), rates=-0.5), ValueError, "positive"),
    (lambda p: plots.distance(p, (0, 0), rates=np.nan), ValueError, "positive"),
    (lambda p: plots.distance(p, (0, 0), rates=[0.5, 0.6]), ShapeError, "1 points"),
    (lambda p: plots.distance(p, (0, 0), rates={"x": 0.5}), ValueError, "labels"),
    (lambda p: plots.distance(p, (0, 0), width=0), ValueError, "inches"),
    (lambda p: plots.distance({"a": p, "b": flow_of(LINEAR, [(1, 1)], [0, 1])}, (0, 0)),
     ValueError, "share no axis"),
    (lambda p: plots.distance({"a": p, "b": iterate(VectorField(x, x), [1], 2, step_size=1)},
                              (0, 0)), ShapeError, "'b'"),
    (lambda p: plots.distance(iterate(LINEAR, [1, 1], 9, step_size=1, keep="last"), (0, 0)),
     ValueError, "keep more"),
    (lambda p: plots.animation(p, BOX, tail=2), ValueError, "tail"),
    (lambda p: plots.animation(p, BOX, seconds=0), ValueError, "seconds"),
    (lambda p: plots.animation(p, BOX, fps="fast"), ValueError, "fps"),
    (lambda p: plots.animation(p), BoxError, "give a box"),
    (lambda p: plots.animation(p, BOX, game=catalog.finite_learning_ratio()), ShapeError, "4"),
    (lambda p: plots.animation({"a": p, "b": iterate(LINEAR, [1, 1], 9, step_size=1)}, BOX),
     ValueError, "same times"),
])
def test_motion_that_does_not_fit_raises(call, error, words, play):
    with pytest.raises(error, match=words):
        call(play)


# -- animation ----------------------------------------------------------------

def artists_of(moving, frame):
    """The artists of all families as they are in a frame, and the title."""
    if not moving._draw_was_started:
        moving._init_draw()                          # else Matplotlib warns: never drawn
    *drawn, title = moving._func(frame)
    return drawn, title.get_text()


def test_dots_are_where_the_flow_is_at_that_time(tmp_path):
    starts = [(1, 1), (-1, 0.5)]
    flow = flow_of(LINEAR, starts, np.linspace(0, 8, 801))
    moving = plots.animation(flow, [(-2, 2), (-2, 2)], seconds=1, fps=9, tail=0.5)
    moving.save(tmp_path / "moving.gif", writer="pillow")
    with Image.open(tmp_path / "moving.gif") as gif:
        assert gif.n_frames == 9 and gif.info["duration"] == pytest.approx(111, abs=10)
    for frame in range(9):
        (*tails, dots), title = artists_of(moving, frame)
        t = 8 * frame / 8
        expected = [(u * np.exp(-t/4), v * np.exp(-t/2)) for u, v in starts]
        np.testing.assert_allclose(np.transpose(dots.get_data()), expected, atol=1e-4)
        assert title == f"t = {t:.2f}"
        if frame:
            tail = np.concatenate([np.transpose(line.get_data()) for line in tails])
            tail = tail[np.isfinite(tail[:, 0])]
            assert tail[:, 1].max() == pytest.approx(np.exp(-max(t - 4, 0)/2), rel=0.01)
    assert "<img" in moving._repr_html_()


def test_updates_jump_from_point_to_point():
    play = iterate(LINEAR, [8, 8], 3, step_size=1)
    moving = plots.animation({"jumps": play}, [(-9, 9), (-9, 9)], seconds=7, fps=1, tail=0)
    seen = []
    for frame in range(7):                                     # two frames for each update
        (*_, dots), title = artists_of(moving, frame)
        seen.append(dots.get_xdata()[0])
        assert title == f"{frame // 2} updates"
    np.testing.assert_allclose(seen, np.repeat(play.x[:, 0], 2)[:7])
    assert texts(moving._fig.legends[0]) == ["jumps"]


def test_a_dot_that_wraps_leaves_no_line_across(torus):
    around = flow_of(VectorField([-1, 0], [x, y]), [(0, 1), (3, -1)], np.linspace(0, 6, 61))
    wrapped = replace(around, x=np.mod(around.x + np.pi, 2*np.pi) - np.pi)
    for flow in (around, wrapped):
        moving = plots.animation(flow, analysis=torus, seconds=1, fps=7, tail=1)
        (*tails, dots), _ = artists_of(moving, 6)
        np.testing.assert_allclose(np.exp(1j*dots.get_xdata()), np.exp(1j*np.array([6, 9])))
        for line in tails:
            u = line.get_xdata()
            assert np.nanmax(np.abs(np.diff(u))) < 1 and np.nanmax(np.abs(u)) <= np.pi
        assert {line.get_label() for line in moving._fig.axes[0].lines} >= {"saddle", "centre"}
        assert moving._fig.axes[0].collections                 # and the field beneath


def test_a_start_that_failed_stays_as_a_cross():
    play = iterate(VectorField([-x**3, y], [x, y]), [(2, 1), (0.1, 1)], 20, step_size=0.5,
                   bound=1e6)
    moving = plots.animation(play, [(-9, 9), (-2, 2)], seconds=21, fps=1, tail=0.2)
    stopped = int(play.stopped[0])
    (*_, dots, crosses), _ = artists_of(moving, stopped - 1)
    assert len(dots.get_xdata()) == 2 and len(crosses.get_xdata()) == 0
    (*_, dots, crosses), _ = artists_of(moving, 20)
    np.testing.assert_allclose(np.ravel(crosses.get_data()), play.last[0])
    assert len(dots.get_xdata()) == 1


def test_families_move_together_over_a_plane_of_four_variables():
    game = catalog.finite_learning_ratio()
    plays = {name: iterate(simultaneous_gradient(game), np.full(4, 1.5), 40, step_size=step)
             for name, step in (("a", 0.01), ("b", 0.02))}
    for at in (None, {"x2": 1, "z": 1}):
        moving = plots.animation(plays, [(-3, 3)] * 2, game=game, plane=("x1", "w"), at=at,
                                 seconds=1, fps=3)
        drawn, _ = artists_of(moving, 2)
        dots = [line for line in drawn if line.get_label() in plays]
        for line, play in zip(dots, plays.values(), strict=True):
            np.testing.assert_allclose(np.ravel(line.get_data()), play.last[[0, 2]])
        assert dots[0].get_marker() != dots[1].get_marker()
        assert bool(moving._fig.axes[0].collections) == (at is not None)


# -- basins -------------------------------------------------------------------

def test_every_cell_has_the_colour_of_the_point_it_reaches(maps_of_figure1):
    for found in maps_of_figure1:
        picture = plots.basins(found, points=False)
        image, = picture.artists["basins"]
        colors = np.asarray(image.get_array()).reshape(-1, 3)
        groups = {k: np.unique(colors[found.index == k], axis=0) for k in set(found.index)}
        assert all(len(shades) == 1 for shades in groups.values())
        assert len({tuple(shades[0]) for shades in groups.values()}) == len(groups) >= 4
        # And it is seen there: a start that moves lies in the cell that is drawn for it.
        for k in (0, 99, 250, 479):
            seen = pixel(picture, picture.ax, found.starts[k])
            np.testing.assert_allclose(seen, colors[k], atol=0.01)
        handles = {text: patch.get_facecolor()[:3] for text, patch in zip(
            texts(picture.figure.legends[0]), picture.figure.legends[0].get_patches())}
        for k, shades in groups.items():
            if k >= 0:
                part = 100 * np.mean(found.index == k)
                part = f"{part:.0f} %" if part >= 1 else "<1 %"
                where = ", ".join(f"{v:.3g}" for v in found.points[k].x)
                np.testing.assert_allclose(handles[f"to ({where}): {part}"], shades[0])


def test_the_critical_points_lie_on_top_with_their_markers(figure1, maps_of_figure1):
    picture = plots.basins(maps_of_figure1[0])
    assert [line.get_label() for line in picture.artists["points"]] == [
        "DNE and DSE", "DSE, not DNE", "saddle"]
    image, = picture.artists["basins"]
    assert all(line.get_zorder() > image.get_zorder() for line in picture.artists["points"])
    assert picture.ax.get_title() == "simultaneous"
    assert picture.ax.get_aspect() == 1 and picture.ax.get_xlim() == (-16, 16)


def test_colours_differ_in_grey():
    grey = [np.dot(to_rgb(color), (0.2126, 0.7152, 0.0722)) for color in maps.COLORS[:5]]
    assert np.diff(np.sort([*grey, 0.95])).min() > 0.08


def test_starts_that_reach_nothing_are_hatched_by_how_they_ended():
    game = zero_sum(x**4/4 - x**2/2 + x*y - y**2/2, x, y)
    analysis = analyze(game, [(-2, 2), (-2, 2)])
    field = VectorField([-x**3 + x/9, y], [x, y])             # |x| > 1/3 diverges, or leaves
    found = basins_of(field, analysis, ((-2, 2), (-1, 1)), (12, 5), steps=900, step_size=0.1)
    away = np.abs(found.starts[:, 0]) > 1/3
    assert (away == (found.index < 0)).all()
    assert set(found.status[away]) == {Outcome.DIVERGED}
    picture = plots.basins(found, points=False)
    patch, = picture.artists["hatches"]
    inside = [patch.get_path().contains_point(z) for z in found.starts]
    assert (np.array(inside) == away).all() and patch.get_hatch() == "////"
    assert texts(picture.figure.legends[0]) == ["to (0, 0): 17 %", "left or diverged: 83 %"]
    # The other ends, at the same starts, each with words and a hatch of its own.
    others = {Outcome.PERIODIC: "closed orbit", Outcome.SINGULAR: "not defined",
              Outcome.BUDGET: "not arrived", Outcome.LEFT: "left or diverged"}
    for outcome, words in others.items():
        status = np.where(away, outcome, found.status)
        picture = plots.basins(replace(found, status=status), points=False)
        assert texts(picture.figure.legends[0])[1] == f"{words}: 83 %"


def test_paler_is_later(maps_of_figure1):
    found = maps_of_figure1[0]
    image, = plots.basins(found, times=True, points=False).artists["basins"]
    colors = np.asarray(image.get_array()).reshape(-1, 3)
    for k in set(found.index) - {-1}:
        mine = found.index == k
        light = colors[mine].mean(axis=1)[np.argsort(found.time[mine])]
        assert (np.diff(light) > -1e-12).all()
        assert light[-1] > light[0] or mine.sum() == 1


def test_a_sample_is_scattered(figure1):
    starts = np.random.default_rng(5).uniform(-16, 16, (60, 2))
    found = basins_of(simultaneous_gradient(figure1.game), figure1, BOX, None, steps=2500,
                      step_size=0.004, sample=starts)
    dots, = plots.basins(found).artists["basins"]
    np.testing.assert_array_equal(dots.get_offsets(), starts)
    colors = dots.get_facecolors()
    for k in set(found.index):
        assert len(np.unique(colors[found.index == k], axis=0)) == 1


@pytest.mark.parametrize("count, columns", [(2, 3), (4, 3)])
def test_panels_share_axes_colours_and_legend(count, columns, maps_of_figure1):
    labels = ["simultaneous", "leader", "again", "and again"][:count]
    each = dict(zip(labels, maps_of_figure1 * 2))
    picture = plots.compare_basins(each, columns=columns)
    assert [ax.get_title() for ax in picture.axes] == labels
    assert list(picture.artists) == labels
    shades = {}
    for label, found in each.items():
        colors = np.asarray(picture.artists[label][0].get_array()).reshape(-1, 3)
        for k, color in zip(found.index, colors):
            assert tuple(color) == shades.setdefault(k, tuple(color))
    assert len({ax.get_xlim() for ax in picture.axes}) == 1
    FigureCanvasAgg(picture.figure).draw()
    legend, = picture.figure.legends
    named = [t for t in texts(legend) if t.startswith("to ")]
    assert all(t.count("%") == count for t in named) and len(named) == len(shades) - 1
    boxes = [ax.get_tightbbox() for ax in picture.axes]
    assert not any(legend.get_window_extent().overlaps(box) for box in boxes)
    assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])
    lowest = [bool(ax.xaxis.get_tick_params()["labelbottom"]) for ax in picture.axes]
    assert lowest == [k + columns >= count for k in range(count)]


def test_basins_that_do_not_fit_raise(maps_of_figure1, torus):
    one, other = maps_of_figure1
    with pytest.raises(ValueError, match="mapping"):
        plots.compare_basins([one, other])
    with pytest.raises(ValueError, match="columns"):
        plots.compare_basins({"a": one}, columns=0)
    with pytest.raises(GameError, match="same game"):
        plots.compare_basins({"a": one, "b": replace(other, points=other.points[:3])})
    with pytest.raises(GameError, match="same box"):
        plots.compare_basins({"a": one, "b": replace(other, box=PI_BOX)})
    with pytest.raises(BoxError, match="no box"):
        plots.basins(replace(one, box=None))


def test_a_narrow_legend_stays_in_the_figure(maps_of_figure1):
    picture = plots.basins(maps_of_figure1[0], width=3.3)
    FigureCanvasAgg(picture.figure).draw()
    extent = picture.figure.legends[0].get_window_extent()
    assert extent.x0 >= 0 and extent.x1 <= picture.figure.bbox.x1
    assert extent.y0 >= 0 and not extent.overlaps(picture.ax.get_tightbbox())


# -- eigenvalues --------------------------------------------------------------

def test_eigenvalues_of_flows_lie_over_the_right_half_plane(figure1):
    spectra = {key: np.array([p.eigenvalues[key] for p in figure1]) for key in ("J", "J_S")}
    picture = plots.eigenvalues(spectra)
    for line, z in zip(picture.artists["eigenvalues"], spectra.values(), strict=True):
        np.testing.assert_array_equal(np.array(line.get_data()), [z.real.ravel(), z.imag.ravel()])
        (left, right), (low, high) = picture.ax.get_xlim(), picture.ax.get_ylim()
        assert left < z.real.min() and z.real.max() < right
        assert low < z.imag.min() and z.imag.max() < high
    assert picture.ax.get_aspect() == 1
    shaded = to_rgb("#dceefb")
    np.testing.assert_allclose(pixel(picture, picture.ax, (3.0, 7.0)), shaded, atol=0.01)
    np.testing.assert_allclose(pixel(picture, picture.ax, (-3.0, 7.0)), 1, atol=0.01)
    one, other = picture.artists["eigenvalues"]
    assert one.get_marker() != other.get_marker()
    assert texts(picture.figure.legends[0]) == ["J", "J_S", "stable: real part > 0"]


def test_eigenvalues_of_updates_lie_over_the_unit_disc():
    z = np.linalg.eigvals([[0.2, -1.1], [0.9, 0.1]])
    picture = plots.eigenvalues(z, kind="update")
    assert picture.ax.get_xlim()[0] < -1 and picture.ax.get_ylim()[1] > 1
    shaded = to_rgb("#dceefb")
    for at, expected in (((0.5, 0.5), shaded), ((-0.9, 0.0), shaded), ((0.9, 0.9), (1, 1, 1)),
                         ((-0.9, -0.9), (1, 1, 1))):
        np.testing.assert_allclose(pixel(picture, picture.ax, at), expected, atol=0.01)
    # All close to 1: only that part of the disc, with its edge.
    near = plots.eigenvalues(1 - 0.01 * np.array([1 + 3j, 1 - 3j]), kind="update")
    left, right = near.ax.get_xlim()
    assert 0.9 < left < 1 < right < 1.1
    np.testing.assert_allclose(pixel(near, near.ax, (0.98, 0.002)), shaded, atol=0.01)
    np.testing.assert_allclose(pixel(near, near.ax, (1.02, 0.002)), 1, atol=0.01)


@pytest.mark.parametrize("values", [[2j, -2j], [1, 3, 40], [0], [[1, 2], [3, 4]]])
@pytest.mark.parametrize("kind", ["flow", "update"])
@pytest.mark.parametrize("width", [3.3, 6.0])
def test_the_legend_of_eigenvalues_overlaps_nothing(values, kind, width):
    picture = plots.eigenvalues({"rule": values}, kind=kind, width=width)
    FigureCanvasAgg(picture.figure).draw()
    legend, box = picture.figure.legends[0].get_window_extent(), picture.ax.get_tightbbox()
    assert not legend.overlaps(box)
    assert min(legend.x0, legend.y0, box.x0, box.y0) > -0.5
    assert max(legend.x1, box.x1) < picture.figure.bbox.x1 + 0.5
    assert box.height > 0.5 * picture.figure.bbox.height


@pytest.mark.parametrize("values, words", [
    ([], "no eigenvalues"), ({}, "no eigenvalues"), ([np.nan], "not all finite"),
    ({"a": ["b"]}, "'a' are not numbers"), ([{}], "not numbers")])
def test_eigenvalues_that_are_none_raise(values, words):
    with pytest.raises(ValueError, match=words):
        plots.eigenvalues(values)
    with pytest.raises(ValueError, match="kind"):
        plots.eigenvalues([1], kind="disc")


# -- the stability table ------------------------------------------------------

@pytest.mark.parametrize("kind", ["flow", "update"])
def test_a_cell_has_its_verdict_and_the_colour_of_its_side(kind, table):
    picture = plots.stability(table, kind=kind)
    image, = picture.artists["cells"]
    shade = image.to_rgba(np.ma.masked_invalid(image.get_array()))[..., :3]
    words = iter(picture.artists["verdicts"])
    values, depths = [], []
    for i in range(len(table.rules)):
        for j in range(len(table.points)):
            text, cell = next(words), table.cell(i, j)
            assert text.get_position() == (j, i)
            truth = cell.stable if kind == "flow" else cell.attracting
            value = cell.abscissa if kind == "flow" else cell.radius
            assert text.get_text() == {
                Truth.YES: "yes", Truth.NO: "no", Truth.UNDECIDED: "?", None: "\u2013"}[truth]
            red, _, blue = shade[i, j]
            if value is None:
                assert red == blue                              # grey: not known
                continue
            assert (blue > red) == (truth is Truth.YES) and blue != red
            values.append(value.value if kind == "flow" else -value.value)
            depths.append(image.get_array()[i, j])
    assert (np.diff(np.array(depths)[np.argsort(values)]) >= -1e-12).all()
    assert min(depths) == -1 and max(depths) == 1


def test_the_scale_says_what_its_colours_stand_for(table):
    for kind, boundary in (("flow", 0), ("update", 1)):
        picture = plots.stability(table, kind=kind)
        image, = picture.artists["cells"]
        bar, = picture.artists["scale"]
        said = {float(d): float(t.get_text()) for d, t in zip(
            bar.get_ticks(), bar.ax.get_yticklabels())}
        assert said[0] == boundary
        each = [table.cell(i, j) for i in range(len(table.rules)) for j in range(9)]
        values = [(c.abscissa if kind == "flow" else c.radius).value for c in each
                  if c.radius is not None]
        ends = max(values), min(values)
        assert (said[1], said[-1]) == pytest.approx(ends if kind == "flow" else ends[::-1],
                                                    rel=0.01)
        assert bar.ax.get_ylabel() == ("spectral abscissa" if kind == "flow"
                                       else "spectral radius")


def test_rows_are_rules_and_columns_are_points(table, figure1):
    ax = plots.stability(table).ax
    assert [t.get_text() for t in ax.get_yticklabels()] == list(map(str, table.rules))
    assert [t.get_text() for t in ax.get_xticklabels()] == [
        f"({p.x[0]:.3g}, {p.x[1]:.3g})" for p in figure1]
    top, bottom = ax.get_ylim()
    assert top > bottom                                         # the first rule on top
    lines = {line.get_label(): line for line in plots.stability(table).artists["points"]}
    for j, point in enumerate(figure1):
        assert j in lines[plots.point_class(point)].get_xdata()


@pytest.mark.parametrize("rules", [1, 20])
def test_a_large_table_can_be_read(rules, table):
    many = replace(table, rules=(table.rules * 5)[:rules], cells=(table.cells * 5)[:rules])
    picture = plots.stability(many)
    figure, ax = picture.figure, picture.ax
    FigureCanvasAgg(figure).draw()
    boxes = [t.get_window_extent() for t in picture.artists["verdicts"]]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    names = [t.get_window_extent() for t in ax.get_yticklabels()]
    assert not any(a.overlaps(b) for a, b in zip(names, names[1:]))
    assert min(n.x0 for n in names) > -0.5
    legend = figure.legends[0].get_window_extent()
    below = [t.get_window_extent() for t in ax.get_xticklabels()]
    assert not any(legend.overlaps(box) for box in (*below, *boxes))
    assert min(box.x0 for box in below) > -0.5
    heads = [line.get_window_extent() for line in picture.artists["points"]]
    assert not any(head.overlaps(box) for head in heads for box in boxes)
    assert figure.get_figwidth() < 9 and figure.get_figheight() < 8


def test_a_table_of_one_sign_has_half_a_scale():
    game = catalog.dirac_gan()
    analysis = analyze(game, catalog.info("dirac_gan").box)
    table = table_of(analysis, {"simultaneous": simultaneous_gradient(game)})
    bar, = plots.stability(table).artists["scale"]
    low, high = bar.ax.get_ylim()
    assert -0.1 < low < 0 and high == 1
    unknown = table_of(analysis, {"no flow": None})
    bar, = plots.stability(unknown).artists["scale"]
    assert list(bar.get_ticks()) == [0]
    with pytest.raises(ValueError, match="no rules"):
        plots.stability(replace(table, rules=()))
    with pytest.raises(ValueError, match="kind"):
        plots.stability(table, kind="both")


def test_points_of_many_variables_are_numbered():
    game = catalog.finite_learning_ratio()
    analysis = analyze(game, [(-3, 3)] * 4)
    table = table_of(analysis, {"simultaneous": simultaneous_gradient(game)})
    picture = plots.stability(table, with_legend=False)
    assert [t.get_text() for t in picture.ax.get_xticklabels()] == ["point 0", "point 1"]
    assert not picture.figure.legends


# -- all of them --------------------------------------------------------------

@pytest.mark.parametrize("draw", [
    lambda ax, t, m, p: plots.distance(p, (0, 0), ax=ax),
    lambda ax, t, m, p: plots.eigenvalues([1 + 1j], ax=ax),
    lambda ax, t, m, p: plots.basins(m, ax=ax, with_legend=True),
    lambda ax, t, m, p: plots.stability(t, ax=ax, with_legend=True)])
def test_a_picture_on_a_given_axes_leaves_the_rest_alone(draw, table, maps_of_figure1, play):
    figure = Figure()
    left, right = figure.subplots(1, 2)
    size, empty = figure.get_size_inches().tolist(), len(right.get_children())
    picture = draw(left, table, maps_of_figure1[0], play)
    assert picture.ax is left and picture.figure is figure and not figure.legends
    assert len(right.get_children()) == empty
    assert figure.get_size_inches().tolist() == size
    assert repr(picture).startswith("Picture with the artists ")
    with pytest.raises(TypeError):
        picture.artists["more"] = ()
