"""Pictures: what the artists hold is what the formulas say, and it can be read."""

import io
from itertools import combinations

import numpy as np
import pytest
import sympy as sp
from matplotlib import pyplot
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from gameanalysis import catalog, plots
from gameanalysis.declaration.game import Game, Player, zero_sum
from gameanalysis.dynamics import VectorField, simultaneous_gradient, stackelberg_gradient
from gameanalysis.errors import BoxError, GameError, ShapeError
from gameanalysis.motion.simulate import iterate
from gameanalysis.pictures import canvas
from gameanalysis.verdicts.analyze import analyze

x, y = sp.symbols("x y", real=True)
BOX = [(-16, 16), (-16, 16)]
PI_BOX = [(-sp.pi, sp.pi), (-sp.pi, sp.pi)]
STARTS = [(3, 3), (-3, 1), (-4, -6)]


@pytest.fixture(autouse=True)
def nothing_left_open():
    before = dict(pyplot.rcParams)
    yield
    assert not pyplot.get_fignums()
    assert dict(pyplot.rcParams) == before


@pytest.fixture
def ax():
    return Figure().add_subplot()


@pytest.fixture(scope="module")
def torus():
    return analyze(catalog.torus(), PI_BOX)


@pytest.fixture(scope="module")
def paths():
    return iterate(simultaneous_gradient(catalog.figure1()), STARTS, 4000, step_size=0.0025)


def gradients(name):
    """(D1 f1, D2 f2, Df1, D22 f2) of a catalogued game, as functions of two floats.

    By SymPy alone: Df1 = D1 f1 - D21 f2 D2 f1 / D22 f2.
    """
    game = catalog.game(name)
    f1, f2 = (sp.sympify(cost).subs(game.parameters) for cost in game.costs)
    u, v = game.variables
    forms = (f1.diff(u), f2.diff(v), f1.diff(u) - f2.diff(u, v)*f1.diff(v)/f2.diff(v, v),
             f2.diff(v, v))
    return [sp.lambdify((u, v), form, "numpy") for form in forms]


def oracle(name, of):
    first, second, total, _ = gradients(name)
    return (first if of == "simultaneous" else total), second


# -- the field ----------------------------------------------------------------

@pytest.mark.parametrize("name, of", [("figure1", "simultaneous"), ("figure1", "stackelberg"),
                                      ("torus", "simultaneous"), ("duopoly", "stackelberg")])
def test_arrows_point_down_the_gradients(name, of, ax):
    first, second = oracle(name, of)
    quiver, = plots.field(catalog.game(name), catalog.info(name).box, of=of, ax=ax, count=8)
    u, v = -first(quiver.X, quiver.Y), -second(quiver.X, quiver.Y)
    size = np.hypot(u, v)
    np.testing.assert_allclose(quiver.U, u / size, atol=1e-9)
    np.testing.assert_allclose(quiver.V, v / size, atol=1e-9)
    assert len(quiver.X) == 64
    # Darker, that is a larger value of the grey, where |g| is larger.
    shade = quiver.get_array()
    assert (np.diff(shade[np.argsort(size)]) > -1e-9).all()
    assert shade.min() == 0 and shade.max() == 1
    dark, light = (quiver.cmap(float(v))[0] for v in (1, 0))
    assert dark < light


def test_arrows_stand_in_the_middles_of_their_cells(ax):
    quiver, = plots.field(VectorField([1, x], [x, y]), [(0, 4), (-1, 1)], count=4, ax=ax)
    assert sorted(set(quiver.X)) == [0.5, 1.5, 2.5, 3.5]
    assert sorted(set(quiver.Y)) == [-0.75, -0.25, 0.25, 0.75]


@pytest.mark.parametrize("kind", ["arrows", "streamlines"])
def test_nothing_is_drawn_where_the_field_is_not_defined(kind, ax):
    field = VectorField([sp.sqrt(x), 1 + sp.sqrt(x)], [x, y])
    drawn = plots.field(field, [(-1, 1), (-1, 1)], kind=kind, ax=ax)
    at = drawn[0].X if kind == "arrows" else np.concatenate(drawn[0].get_segments())[:, 0]
    assert at.min() > -0.02 and at.max() > 0.9
    assert plots.field(VectorField([0, 0], [x, y]), BOX, ax=ax)[0].N == 0


@pytest.mark.parametrize("name, of", [("figure1", "simultaneous"), ("figure1", "stackelberg")])
def test_streamlines_are_tangent_to_the_field_and_stay_off_the_singular_set(name, of, ax):
    first, second = oracle(name, of)
    singular = gradients(name)[3]
    lines, _ = plots.field(catalog.game(name), BOX, of=of, kind="streamlines", ax=ax)
    # Not the short ones: within a cell of a zero they end where interpolation has it.
    ends = np.array([segment for segment in lines.get_segments()
                     if len(segment) == 2 and np.hypot(*(segment[1] - segment[0])) > 0.1])
    step, middle = ends[:, 1] - ends[:, 0], ends.mean(axis=1)
    g = np.column_stack([first(*middle.T), second(*middle.T)])
    cosine = -(step * g).sum(axis=1) / np.linalg.norm(step, axis=1) / np.linalg.norm(g, axis=1)
    assert len(cosine) > 500 and np.quantile(cosine, 0.02) > 0.9 and np.median(cosine) > 0.99
    if of == "stackelberg":
        before, after = (singular(*ends[:, k].T) for k in (0, 1))
        assert (np.sign(before) == np.sign(after)).all()


# -- curves -------------------------------------------------------------------

def vertices(collection):
    return np.concatenate([np.asarray(segment) for segment in collection.get_segments()])


@pytest.mark.parametrize("name, of", [("figure1", "simultaneous"), ("torus", "simultaneous"),
                                      ("figure1", "stackelberg"),
                                      ("torus_location", "stackelberg")])
def test_nullclines_are_where_one_gradient_vanishes(name, of, ax):
    first, second, total, singular = gradients(name)
    box = np.array([[float(v) for v in ends] for ends in catalog.info(name).box])
    cell = (box[:, 1] - box[:, 0]).max() / 400
    curves = plots.nullclines(catalog.game(name), catalog.info(name).box, of=of, ax=ax)
    # Across a cell the function, cleared of its pole, changes its sign.
    leader = first if of == "simultaneous" else (lambda u, v: total(u, v) * singular(u, v))
    for g, curve in zip((leader, second), curves):
        at = vertices(curve)
        assert (at >= box[:, 0] - 1e-9).all() and (at <= box[:, 1] + 1e-9).all()
        around = [g(*(at + cell * np.array(shift)).T) for shift in (
            (1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1))]
        assert np.mean((np.min(around, axis=0) <= 0) & (np.max(around, axis=0) >= 0)) > 0.999


def test_nullclines_cross_at_every_certified_point(figure1, ax):
    curves = plots.nullclines(figure1.game, BOX, ax=ax)
    for curve in curves:
        at = vertices(curve)
        for point in figure1:
            assert np.linalg.norm(at - point.x, axis=1).min() < 32 / 400


def test_poles_are_no_nullclines(ax):
    field = VectorField([1/x, (y - 1)/(x - 1)], [x, y])
    first, second = plots.nullclines(field, [(-2, 2), (-2, 2)], ax=ax)
    assert not first.get_segments() and first.get_label() == "_"
    np.testing.assert_allclose(vertices(second)[:, 1], 1, atol=1e-9)


def test_the_singular_set_of_the_torus_is_its_formula(ax):
    curve, = plots.singular_set(catalog.torus(), PI_BOX, ax=ax)
    at = vertices(curve)
    # f2 = -f, and D22 f = -cos(x - y) - b cos y.
    np.testing.assert_allclose(np.cos(at[:, 0] - at[:, 1]) + 0.15*np.cos(at[:, 1]), 0, atol=1e-3)
    assert curve.get_label() == "$D_{22}f_2 = 0$"


def test_the_singular_set_of_a_regularised_field_is_shifted(ax):
    game = zero_sum(x*y - y**3/6, x, y)                              # D22 f2 = y
    curve, = plots.singular_set(stackelberg_gradient(game, eta=sp.Rational(1, 2)), BOX, ax=ax)
    np.testing.assert_allclose(vertices(curve)[:, 1], -0.5, atol=1e-9)


def test_no_curve_where_the_determinant_has_no_zero_or_only_zeros(ax):
    for name in ("dse_not_nash", "bilinear"):
        curve, = plots.singular_set(catalog.game(name), BOX, ax=ax)
        assert not curve.get_segments()
    assert plots.legend(ax) is None


# -- points -------------------------------------------------------------------

def test_each_class_is_marked_at_its_certified_points(figure1, ax):
    drawn = {line.get_label(): line for line in plots.points(figure1, ax=ax)}
    assert list(drawn) == ["DNE and DSE", "DSE, not DNE", "saddle"]
    for label, line in drawn.items():
        expected = sorted(tuple(p.x) for p in figure1 if p.label == label)
        assert sorted(zip(*line.get_data())) == expected
        marker, fill, *_ = plots.MARKERS[label]
        assert (line.get_marker(), line.get_fillstyle()) == (marker, fill)
    expected = {(-2.50151, -2.33986), (-13.33918, -9.99170)}
    assert {(round(u, 5), round(v, 5))
            for u, v in zip(*drawn["DSE, not DNE"].get_data())} == expected


def test_points_of_a_list_need_no_analysis(figure1, ax):
    stable = [p for p in figure1 if p.label == "DNE and DSE"]
    line, = plots.points(stable, BOX, ax=ax)
    assert len(line.get_xdata()) == 2
    assert plots.points([], BOX, ax=ax) == ()


def test_a_point_on_a_circle_has_all_its_images(torus, ax):
    drawn = {line.get_label(): line for line in plots.points(torus, ax=ax)}
    corners = {(s, t) for s in (-1, 1) for t in (-1, 1)}
    at = np.column_stack(drawn["DSE, not DNE"].get_data()) / np.pi
    assert {tuple(row) for row in at.round(9)} == {(0, 0), *corners}
    at = np.column_stack(drawn["saddle"].get_data()) / np.pi
    assert {(0, 1), (0, -1)} <= {tuple(np.abs(row) * np.sign(row)) for row in at.round(9) + 0.0}
    # A box of another period shows the same points elsewhere.
    shifted = plots.points(torus, [(0, 2*sp.pi), (0, 2*sp.pi)], ax=ax)
    at = np.column_stack({line.get_label(): line for line in shifted}["DSE, not DNE"].get_data())
    assert {tuple(row) for row in (at / np.pi).round(9) + 0.0} == {
        (0, 0), (0, 2), (2, 0), (2, 2), (1, 1)}


@pytest.mark.parametrize("name, expected", [
    ("dse_not_nash", {"DSE, not DNE"}), ("nash_not_dse_general_sum", {"DNE, not DSE"}),
    ("stable_neither", {"stable, not DNE, not DSE"}), ("jin_cosine", {"unstable"}),
    ("bilinear", {"degenerate"}), ("schur_off_curve", {"DSE, not DNE", "unstable"})])
def test_a_label_becomes_a_class_of_the_legend(name, expected):
    found = {plots.point_class(p) for p in analyze(catalog.game(name), catalog.info(name).box)}
    assert found == expected <= set(plots.MARKERS)


def test_every_label_there_is_has_a_marker(torus):
    found = [p for name in catalog.names() if len(catalog.game(name).variables) == 2
             and name not in ("tandem", "torus", "figure1", "softmax_bimatrix")
             for p in analyze(catalog.game(name), catalog.info(name).box)]
    assert {plots.point_class(p) for p in (*found, *torus)} <= set(plots.MARKERS)


def grey(figure):
    """The figure as it is printed in grey: luminances between 0 and 1."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3] @ [0.2126, 0.7152, 0.0722] / 255


def test_classes_differ_in_grey_by_shape_or_fill():
    assert len({(m, fill) for m, fill, *_ in plots.MARKERS.values()}) == len(plots.MARKERS)
    pictures = {}
    for name in plots.MARKERS:
        axes = Figure(figsize=(0.2, 0.2), dpi=150).add_axes((0, 0, 1, 1))
        axes.set(xlim=(-1, 1), ylim=(-1, 1))
        axes.set_axis_off()
        canvas.draw_points(axes, name, np.zeros((1, 2)))
        pictures[name] = grey(axes.figure)
    for one, other in combinations(plots.MARKERS, 2):
        ink = min((pictures[one] < 0.9).sum(), (pictures[other] < 0.9).sum())
        different = (np.abs(pictures[one] - pictures[other]) > 0.35).sum()
        assert different > 0.25 * ink, (one, other)


# -- trajectories -------------------------------------------------------------

def test_trajectories_are_drawn_as_they_are(paths, ax):
    *lines, starts, heads = plots.trajectories(paths, BOX, label="play", ax=ax)
    for line, path in zip(lines, paths.x, strict=True):
        np.testing.assert_array_equal(np.column_stack(line.get_data()), path)
    assert list(zip(*starts.get_data())) == STARTS
    assert heads.N == len(STARTS)
    for k in range(heads.N):                     # an arrowhead lies on its path, along it
        at = np.array([heads.X[k], heads.Y[k]])
        i = int(np.linalg.norm(paths.x[k] - at, axis=1).argmin())
        step = paths.x[k, i + 1] - paths.x[k, i]
        assert np.allclose(paths.x[k, i], at)
        np.testing.assert_allclose([heads.U[k], heads.V[k]], step / np.linalg.norm(step))


def test_families_differ_in_colour_and_dashes(paths, ax):
    drawn = [plots.trajectories(paths, BOX, family=k, ax=ax)[0] for k in range(4)]
    assert len({line.get_color() for line in drawn}) == 4
    assert len({str(line._dash_pattern) for line in drawn}) == 4
    styled = plots.trajectories(paths.x[0], BOX, ax=ax, color="red", linewidth=3)[0]
    assert styled.get_color() == "red" and styled.get_linewidth() == 3


def test_paths_on_a_circle_are_cut_where_they_jump(ax):
    path = np.column_stack([np.linspace(0, 4*np.pi, 200), np.full(200, 7*np.pi/2)])
    line, *_ = plots.trajectories(path, PI_BOX, game=catalog.torus(), ax=ax)
    drawn = np.column_stack(line.get_data())
    cuts = np.isnan(drawn).all(axis=1)
    assert cuts.sum() == 2
    np.testing.assert_allclose(np.exp(1j * drawn[~cuts]), np.exp(1j * path), atol=1e-9)
    assert (np.abs(drawn[~cuts]) <= np.pi).all()
    whole, *_ = plots.trajectories(path)
    np.testing.assert_array_equal(np.column_stack(whole.get_data()), path)
    unboxed, *_ = plots.trajectories(path, game=catalog.torus(), ax=ax)
    np.testing.assert_allclose(np.column_stack(unboxed.get_data())[~cuts], drawn[~cuts],
                               atol=1e-12)


def test_a_path_that_does_not_move_has_no_arrowhead(ax):
    *_, heads = plots.trajectories(np.zeros((1, 5, 2)), BOX, ax=ax)
    assert heads.N == 0
    *_, heads = plots.trajectories(np.full((1, 2), 3.0), BOX, ax=ax)
    assert heads.N == 0


# -- layers together ----------------------------------------------------------

@pytest.mark.parametrize("draw", [
    lambda g, **k: plots.field(g, BOX, **k), lambda g, **k: plots.nullclines(g, BOX, **k),
    lambda g, **k: plots.singular_set(g, BOX, **k),
    lambda g, **k: plots.trajectories(np.zeros((3, 2)), BOX, game=g, **k),
    lambda g, **k: plots.points([], BOX, game=g, **k)])
def test_a_layer_is_usable_alone(draw):
    figure = Figure()
    other, own = figure.subplots(1, 2)
    empty = len(other.get_children())
    artists = draw(catalog.figure1(), ax=own)
    assert isinstance(artists, tuple)
    assert all(artist.axes is own for artist in artists)
    assert len(other.get_children()) == empty and figure.axes == [other, own]
    for artist in draw(catalog.figure1()):                 # a figure of its own
        assert artist.axes.figure not in (figure, None)
        assert artist.axes.get_xlabel() == "$x_{1}$"
        assert artist.axes.get_xlim() == (-16, 16)


def test_a_legend_names_nothing_twice(figure1, paths, ax):
    for family in (0, 1):
        plots.trajectories(paths, BOX, label=f"rule {family}", family=family, ax=ax)
        plots.points(figure1, BOX, ax=ax)
        plots.nullclines(figure1.game, BOX, ax=ax)
    texts = [text.get_text() for text in plots.legend(ax).get_texts()]
    assert texts == ["DNE and DSE", "DSE, not DNE", "saddle", "rule 0", "rule 1", "start",
                     "$D_1f_1 = 0$", "$D_2f_2 = 0$"]


def test_a_portrait_is_its_layers(figure1, paths):
    portrait = plots.phase_portrait(figure1.game, BOX, analysis=figure1,
                                    trajectories={"one": paths, "two": paths.x[:1]})
    assert list(portrait.artists) == list(plots.LAYERS)
    assert portrait.ax.figure is portrait.figure
    assert len(portrait.artists["trajectories"]) == (3 + 2) + (1 + 2)
    for artists in portrait.artists.values():
        assert all(a.axes in (portrait.ax, None) for a in artists)     # None: stream arrows
    legend, = portrait.figure.legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert len(texts) == len(set(texts)) == 9
    assert repr(portrait).startswith("Portrait with the artists field (2), singular_set (1)")
    with pytest.raises(TypeError):
        portrait.artists["field"] = ()


@pytest.mark.parametrize("width", [3.3, 6.0])
def test_nothing_overlaps_and_little_is_empty(width, figure1, paths):
    portrait = plots.phase_portrait(figure1.game, BOX, analysis=figure1, width=width,
                                    trajectories={"simultaneous gradient": paths})
    figure, ax = portrait.figure, portrait.ax
    FigureCanvasAgg(figure).draw()
    assert figure.get_figwidth() == width
    legend = figure.legends[0].get_window_extent()
    inside = ax.get_tightbbox()
    assert not legend.overlaps(ax.get_window_extent())
    assert not any(legend.overlaps(axis.label.get_window_extent())
                   for axis in (ax.xaxis, ax.yaxis))
    for box in (legend, inside):
        assert box.x0 >= -0.5 and box.y0 >= -0.5
        assert box.x1 <= figure.bbox.x1 + 0.5 and box.y1 <= figure.bbox.y1 + 0.5
    used = legend.height + inside.height if width < 5 else inside.height
    assert used > 0.9 * figure.bbox.height
    assert ax.get_window_extent().width > (0.8 if width < 5 else 0.5) * figure.bbox.width
    labels = [t.get_window_extent() for t in ax.get_xticklabels() if t.get_text()]
    assert not any(one.overlaps(other) for one, other in zip(labels, labels[1:]))


@pytest.mark.parametrize("kind", ["png", "pdf", "svg"])
def test_a_portrait_is_saved(kind, tmp_path):
    game = catalog.dse_not_nash()
    portrait = plots.phase_portrait(game, [(-1, 1), (-1, 1)], kind="arrows")
    portrait.save(tmp_path / f"portrait.{kind}", dpi=80)
    start = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}[kind]
    assert (tmp_path / f"portrait.{kind}").read_bytes().startswith(start)
    if kind == "png":
        assert portrait._repr_png_().startswith(start)
        shown = pyplot.imread(io.BytesIO(portrait._repr_png_()))
        assert shown[..., :3].min() < 0.2 and shown.shape[1] == 900


def test_a_portrait_on_a_given_axes_leaves_the_rest_alone(figure1):
    figure, (left, right) = pyplot.subplots(1, 2)
    try:
        size = figure.get_size_inches().tolist()
        portrait = plots.phase_portrait(figure1.game, BOX, analysis=figure1, ax=left,
                                        layers=("nullclines", "points"))
        assert portrait.ax is left and portrait.figure is figure
        assert not figure.legends and left.get_legend() is None
        assert not right.lines and not right.collections
        assert figure.get_size_inches().tolist() == size
        plots.phase_portrait(figure1.game, BOX, analysis=figure1, ax=right, layers=["points"],
                             with_legend=True)
        assert len(right.get_legend().get_texts()) == 3
    finally:
        pyplot.close(figure)


def test_circles_are_labelled_in_multiples_of_pi(torus):
    portrait = plots.phase_portrait(torus.game, analysis=torus, layers=("points",))
    FigureCanvasAgg(portrait.figure).draw()
    shown = [t.get_text() for t in portrait.ax.get_xticklabels()]
    assert [t for t in shown if t in (r"$-\pi$", r"$-\pi/2$", "$0$", r"$\pi/2$", r"$\pi$")] == [
        r"$-\pi$", r"$-\pi/2$", "$0$", r"$\pi/2$", r"$\pi$"]
    assert [canvas.in_pi(v * np.pi) for v in (3, -0.75, 0.125)] == [
        r"$3\pi$", r"$-3\pi/4$", r"$\pi/8$"]


def test_stackelberg_points_of_a_general_sum_game():
    portrait = plots.phase_portrait(catalog.duopoly(), {"x": (0, 100), y: (0, 100)},
                                    of="stackelberg", kind="arrows")
    line, = portrait.artists["points"]
    np.testing.assert_allclose(line.get_data(), [[46], [26]])
    assert portrait.artists["nullclines"][0].get_label() == "$Df_1 = 0$"


def test_without_a_box_the_analysis_says_where():
    game = zero_sum((x - 3)**2 - (y - 5)**2, x, y)
    result = analyze(game, None)
    portrait = plots.phase_portrait(game, analysis=result, layers=["points"])
    (low, high), (bottom, top) = portrait.ax.get_xlim(), portrait.ax.get_ylim()
    assert (low + high, bottom + top) == pytest.approx((6, 10))
    assert high - low == pytest.approx(top - bottom) and high - low > 1
    empty = analyze(zero_sum(x + y - y**2, x, y), None)
    with pytest.raises(BoxError, match="no critical points"):
        plots.phase_portrait(empty.game, analysis=empty)


def test_a_long_box_is_not_drawn_to_scale():
    game = catalog.dse_not_nash()
    portrait = plots.phase_portrait(game, [(-10, 10), (-1, 1)], kind="arrows")
    assert portrait.ax.get_aspect() == "auto"
    assert portrait.ax.get_xlim() == (-10, 10) and portrait.ax.get_ylim() == (-1, 1)
    # An arrow has the direction of -g in the units of the axes.
    assert portrait.artists["field"][0].angles == "xy"
    assert plots.phase_portrait(game, [(-2, 2), (-1, 1)], layers=[]).ax.get_aspect() == 1


# -- planes through games with more variables ---------------------------------

def test_a_plane_through_four_variables(ax):
    game, at = catalog.finite_learning_ratio(), {"x2": 1, "z": 1}
    result = analyze(game, [(-3, 3)] * 4)
    portrait = plots.phase_portrait(game, [(-3, 3)] * 4, plane=("x1", "w"), at=at,
                                    analysis=result, kind="arrows")
    quiver, = portrait.artists["field"]
    f = game.costs[0]
    x1, x2, w, z = game.variables
    for k in (0, 17, 100, 333, 575):
        where = {x1: quiver.X[k], w: quiver.Y[k], x2: 1, z: 1}
        u, v = float(-f.diff(x1).subs(where)), float(f.diff(w).subs(where))
        np.testing.assert_allclose([quiver.U[k], quiver.V[k]], np.array([u, v]) / np.hypot(u, v),
                                   atol=1e-9)
    line, = portrait.artists["points"]              # (0, 0, 0, 0) is not in this plane
    np.testing.assert_allclose(line.get_data(), [[1], [1]], atol=1e-9)
    assert portrait.artists["nullclines"][1].get_label() == "$g_{w} = 0$"
    assert portrait.artists["singular_set"][0].get_label() == r"$\det D_{22}f_2 = 0$"
    assert portrait.ax.get_xlabel() == "$x_{1}$" and portrait.ax.get_ylabel() == "$w$"
    # The other way round, with the box of the plane alone.
    turned, = plots.field(game, [(-3, 3), (-3, 3)], plane=(w, x1), at={x2: 1, z: 1}, ax=ax)
    order = np.arange(24 * 24).reshape(24, 24).T.ravel()
    np.testing.assert_allclose(turned.U, quiver.V[order], atol=1e-12)
    *_, starts, _ = plots.trajectories(np.arange(8.0).reshape(1, 2, 4), plane=("w", "x1"),
                                       game=game, ax=ax)
    assert list(zip(*starts.get_data())) == [(2, 0)]


def test_several_followers_have_a_joint_jacobian(ax):
    u, v = sp.symbols("u v", real=True)
    game = Game(Player(x*u, x), Player(u**2/2 + x*u*v, u), Player(v**2/2 + u*v*x + v**3, v))
    # The followers' Jacobian is [[1, x], [x, 1 + 6 v]]: singular on 6 v = x^2 - 1.
    curve, = plots.singular_set(game, [(-2, 2), (-2, 2)], plane=(x, v), at={u: 0}, ax=ax)
    at = vertices(curve)
    np.testing.assert_allclose(6 * at[:, 1], at[:, 0]**2 - 1, atol=1e-3)


# -- what does not fit --------------------------------------------------------

FOUR = catalog.finite_learning_ratio()


@pytest.mark.parametrize("call, error, words", [
    (lambda: plots.field(FOUR, [(-1, 1)] * 4), GameError, "choose two with plane"),
    (lambda: plots.field(FOUR, [(-1, 1)] * 4, plane=("x1", "w")), GameError, "at must give"),
    (lambda: plots.field(FOUR, BOX, plane=("x1", "w"), at={"x2": 1}), GameError, "at must give"),
    (lambda: plots.field(FOUR, BOX, plane=("x1", "w"), at={"x2": 1, "z": 1, "w": 0}),
     GameError, "at must give"),
    (lambda: plots.field(FOUR, BOX, plane=("x1", "w"), at={"x2": 1, "z": np.inf}),
     GameError, "finite"),
    (lambda: plots.field(FOUR, BOX, plane=("x1", "x1"), at={}), GameError, "two different"),
    (lambda: plots.field(FOUR, BOX, plane=("x1", "q"), at={}), GameError, "two different"),
    (lambda: plots.field(FOUR, BOX, plane=("x1",), at={}), GameError, "two different"),
    (lambda: plots.field(FOUR, [(-1, 1)] * 3, plane=("x1", "w"), at={"x2": 1, "z": 1}),
     BoxError, "2 pairs"),
    (lambda: plots.field(catalog.torus(), None), BoxError, "needs a box"),
    (lambda: plots.field(catalog.torus(), [(1, 0), (0, 1)]), BoxError, "not below"),
    (lambda: plots.field(catalog.torus(), {"x": (0, 1)}), BoxError, "must name"),
    (lambda: plots.field(catalog.torus(), {"x": (0, 1), "y": (0, 1), "q": (0, 1)}),
     BoxError, "must name"),
    (lambda: plots.field(catalog.torus(), [(0, np.inf), (0, 1)]), BoxError, "finite"),
    (lambda: plots.field(catalog.torus(), 3), BoxError, "box"),
    (lambda: plots.field(catalog.torus(), BOX, count=1), ValueError, "count"),
    (lambda: plots.field(catalog.torus(), BOX, count=2.5), ValueError, "count"),
    (lambda: plots.field(catalog.torus(), BOX, kind="dots"), ValueError, "kind"),
    (lambda: plots.field(catalog.torus(), BOX, of="nash"), GameError, "simultaneous"),
    (lambda: plots.field("torus", BOX), GameError, "expected a Game"),
    (lambda: plots.singular_set(VectorField([x, y], [x, y]), BOX), GameError, "follower"),
    (lambda: plots.points([(1, 2)], BOX), TypeError, "CriticalPoints"),
    (lambda: plots.trajectories(np.zeros(2), BOX), ShapeError, "time"),
    (lambda: plots.trajectories(np.zeros((0, 5, 2)), BOX), ShapeError, "time"),
    (lambda: plots.trajectories(np.zeros((5, 3)), BOX, game=catalog.torus()), ShapeError, "2"),
    (lambda: plots.trajectories(np.zeros((5, 3)), BOX), GameError, "choose two"),
    (lambda: plots.phase_portrait(catalog.torus()), BoxError, "give a box"),
    (lambda: plots.phase_portrait(catalog.torus(), BOX, layers="field"), ValueError, "layers"),
    (lambda: plots.phase_portrait(catalog.torus(), BOX, layers=["dots"]), ValueError, "layers"),
    (lambda: plots.phase_portrait(catalog.torus(), BOX, width=0), ValueError, "inches"),
    (lambda: plots.phase_portrait(FOUR, [(-1, 1)] * 4), GameError, "choose two with plane"),
])
def test_what_does_not_fit_raises(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_the_analysis_must_be_that_of_the_game(figure1):
    with pytest.raises(GameError, match="another game"):
        plots.phase_portrait(catalog.torus(), BOX, analysis=figure1)
    with pytest.raises(ShapeError, match="coordinates"):
        plots.points(list(figure1), [(-1, 1)] * 4, game=FOUR, plane=("x1", "w"),
                     at={"x2": 1, "z": 1})


def test_a_field_has_a_portrait_of_its_own(figure1):
    plain = plots.phase_portrait(VectorField([x**2 - 1, y], [x, y]), [(-2, 2), (-2, 2)],
                                 kind="arrows")
    assert list(plain.artists) == ["field", "nullclines"]
    np.testing.assert_allclose(np.abs(vertices(plain.artists["nullclines"][0])[:, 0]), 1,
                               atol=1e-4)
    field = stackelberg_gradient(figure1.game, tau=10)
    portrait = plots.phase_portrait(field, BOX, analysis=figure1, kind="arrows",
                                    layers=("field", "singular_set", "points"))
    assert list(portrait.artists) == ["field", "singular_set", "points"]
    quiver, = portrait.artists["field"]
    first, second = oracle("figure1", "stackelberg")
    u, v = -first(quiver.X, quiver.Y), -10 * second(quiver.X, quiver.Y)
    np.testing.assert_allclose(quiver.U, u / np.hypot(u, v), atol=1e-9)


def test_no_field_no_shade(ax):
    nothing = plots.field(VectorField([sp.log(-1 - x**2), y], [x, y]), BOX, ax=ax)
    assert nothing[0].N == 0
    curves = plots.nullclines(VectorField([sp.log(-1 - x**2), y], [x, y]), BOX, ax=ax)
    assert not curves[0].get_segments()
