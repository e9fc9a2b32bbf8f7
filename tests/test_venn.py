"""Venn diagrams: every number stands in the region that it counts."""

import itertools

import pytest

from gameanalysis import plots


def written(picture):
    """The number of each region: the discs that its text lies in, and what the text says."""
    out = {}
    discs = dict(zip([t.get_text() for t in picture.artists["names"]], picture.artists["discs"]))
    for text in picture.artists["counts"]:
        x, y = text.get_position()
        inside = frozenset(name for name, disc in discs.items()
                           if (x - disc.center[0]) ** 2 + (y - disc.center[1]) ** 2 < 1)
        first = text.get_text().splitlines()[0].replace("\u2009", "").replace("none: ", "")
        assert inside not in out
        out[inside] = int(first)
    return out


@pytest.mark.parametrize("names", [("DNE", "DSE"), ("DSE", "DNE", "stable")])
def test_each_count_stands_in_its_region(names):
    counts = {frozenset(chosen): 7 ** k for k, chosen in enumerate(
        c for size in range(len(names) + 1) for c in itertools.combinations(names, size))}
    assert written(plots.venn(counts, names)) == counts


def test_missing_combinations_are_none_and_hatched():
    picture = plots.venn({("DNE", "DSE"): 3, "DSE": 2, (): 5})
    assert written(picture) == {frozenset(): 5, frozenset({"DSE"}): 2,
                                frozenset({"DNE"}): 0, frozenset({"DNE", "DSE"}): 3}
    hatched = [c for c in picture.ax.collections if any(c.hatches)]
    assert len(hatched) == 1
    # the crescent of DNE alone lies left of the other disc
    assert hatched[0].get_paths()[0].get_extents().x1 < 0.05


def test_shares_are_rounded_but_never_to_all():
    texts = [t.get_text() for t in plots.venn(
        {("a", "b"): 99_999, "a": 1}).artists["counts"]]
    assert any("99.9 %" in t for t in texts) and any("0.001 %" in t for t in texts)
    texts = [t.get_text() for t in plots.venn({"a": 4}, ["a", "b"]).artists["counts"]]
    assert any("100 %" in t for t in texts)


@pytest.mark.parametrize("counts, names, what", [
    ({"a": 1}, None, "two or three"), ({"a": 1, "b": 2}, ["a", "c"], "b is none of"),
    ({"a": 1, "b": -2}, None, "whole numbers"), ({"a": 1, "b": 1.5}, None, "whole numbers"),
    ({}, ["a", "a"], "two or three")])
def test_what_cannot_be_drawn_is_said(counts, names, what):
    with pytest.raises(ValueError, match=what):
        plots.venn(counts, names)
