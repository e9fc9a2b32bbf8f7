"""Bifurcation diagrams: what is drawn is the branches, in the words and colours of portraits."""

import numpy as np
import pytest
import sympy as sp

import gameanalysis as ga
from gameanalysis import plots
from gameanalysis.pictures.canvas import MARKERS, new_axes
from gameanalysis.parameters.continuation import continuation

x, y, lam = sp.symbols("x y lam", real=True)


@pytest.fixture(scope="module")
def pitchfork():
    game = ga.zero_sum(x**4/4 - lam*x**2/2 - y**2/2, x, y, parameters={lam: 1})
    return continuation(game, lam, (-1, 1), box=[(-2, 2), (-2, 2)])


@pytest.fixture(scope="module")
def turned():
    """Hopf points of two DSE of the torus and the centre between them."""
    return continuation(ga.catalog.torus(), "tau", (0.5, 1.5), box=[(-sp.pi, sp.pi)] * 2)


def words(picture):
    (legend,) = picture.figure.legends
    return [text.get_text() for text in legend.get_texts()]


def test_every_line_is_a_segment_of_the_curve(pitchfork):
    picture = plots.bifurcation_diagram(pitchfork, x)
    lines = picture.artists["branches"]
    assert len(lines) == 3          # before and after on the axis; the arms look alike
    for line in lines:
        value, height = line.get_data()
        assert np.abs(height * (height**2 - value)).max() < 1e-12
        stable = bool(abs(height).max() > 0 or value.max() <= 0)    # the arms, and 0 before
        assert (line.get_linestyle() == "-") is stable
        assert line.get_color() == MARKERS["DNE and DSE" if stable else "saddle"][2]
    (marks,) = picture.artists["events"]
    assert np.abs(np.array(marks.get_data())).max() == 0 and len(marks.get_xdata()) == 2


def test_the_legend_names_what_is_drawn_and_hides_nothing(pitchfork):
    picture = plots.bifurcation_diagram(pitchfork)
    assert words(picture) == ["DNE and DSE", "saddle", "stable", "not stable", "branch point"]
    figure = picture.figure
    figure.draw_without_rendering()
    frame = figure.legends[0].get_window_extent()
    assert not frame.overlaps(picture.ax.get_window_extent())
    for narrow in (3.2,):
        picture = plots.bifurcation_diagram(pitchfork, width=narrow)
        picture.figure.draw_without_rendering()
        frame = picture.figure.legends[0].get_window_extent()
        assert not frame.overlaps(picture.ax.get_window_extent())


@pytest.mark.parametrize("coordinate", [x, "x", 0])
def test_a_coordinate_is_a_variable_a_name_or_a_number(pitchfork, coordinate):
    picture = plots.bifurcation_diagram(pitchfork, coordinate)
    assert picture.ax.get_ylabel() == "$x$" and picture.ax.get_xlabel() == r"$lam$"
    drawn = np.concatenate([line.get_ydata() for line in picture.artists["branches"]])
    assert drawn.max() == 1 and drawn.min() == -1


def test_a_coordinate_can_be_a_function(pitchfork):
    def square(point):
        return point[0]**2
    picture = plots.bifurcation_diagram(pitchfork, square)
    assert picture.ax.get_ylabel() == "square"
    drawn = [line.get_data() for line in picture.artists["branches"]]
    assert all(np.abs(h * (h - v)).max() < 1e-12 for v, h in drawn)


def test_angles_are_drawn_within_one_period(turned):
    picture = plots.bifurcation_diagram(turned, "x")
    drawn = np.concatenate([line.get_ydata() for line in picture.artists["branches"]])
    assert drawn.min() >= -np.pi - 1e-9 and drawn.max() < np.pi + 1e-9
    (hopf,) = picture.artists["events"]
    assert np.abs(np.sort(hopf.get_xdata()) - [17/23, 1, 23/17]).max() < 1e-12
    assert "node or focus" in words(plots.bifurcation_diagram(turned, "x", nodes=True))


def test_an_axes_that_is_given_is_drawn_on_and_has_no_legend(pitchfork):
    ax = new_axes()
    picture = plots.bifurcation_diagram(pitchfork, 1, ax=ax)
    assert picture.ax is ax and not ax.get_figure().legends and ax.get_legend() is None
    assert tuple(ax.get_xlim()) == (-1, 1)


@pytest.mark.parametrize("coordinate, error", [(2, ValueError), ("z", ValueError),
                                               (-1, ValueError)])
def test_wrong_coordinates_are_named(pitchfork, coordinate, error):
    with pytest.raises(error, match=str(coordinate)):
        plots.bifurcation_diagram(pitchfork, coordinate)


def test_only_continuations_are_drawn():
    with pytest.raises(TypeError, match="Continuation"):
        plots.bifurcation_diagram([1, 2])
