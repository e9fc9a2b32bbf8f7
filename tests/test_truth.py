"""Three-valued truth against the truth tables of Kleene's strong logic; texts and tables."""

import itertools
import pickle

import pytest

from gameanalysis import Truth
from gameanalysis.tables import html_table, short, text_table

ORDER = {Truth.NO: 0, Truth.UNDECIDED: 1, Truth.YES: 2}


def test_connectives_are_minimum_maximum_and_reflection():
    for p, q in itertools.product(Truth, repeat=2):
        assert ORDER[p & q] == min(ORDER[p], ORDER[q])
        assert ORDER[p | q] == max(ORDER[p], ORDER[q])
        assert ORDER[~p] == 2 - ORDER[p]
    for parts in itertools.product(Truth, repeat=3):
        assert ORDER[Truth.all(parts)] == min(map(ORDER.get, parts))
    assert Truth.all([]) is Truth.YES


def test_undecided_is_neither_true_nor_false():
    assert bool(Truth.YES) and not Truth.NO
    with pytest.raises(ValueError, match="neither true nor false"):
        bool(Truth.UNDECIDED)


def test_values_and_texts():
    assert [str(t) for t in Truth] == ["yes", "no", "undecided"] == [t.value for t in Truth]
    assert [Truth.of(v) for v in (True, False, None)] == list(Truth)
    assert all(pickle.loads(pickle.dumps(t)) is t for t in Truth)


def test_tables_align_and_escape():
    text = text_table(["n", "name"], [["10", "a"], ["2", "bcd"]], [True, False])
    assert text.splitlines() == [" n  name", "10  a", " 2  bcd"]
    html = html_table(["<n>"], [["a & b"]], [False])
    assert "&lt;n&gt;" in html and "a &amp; b" in html and html.count("<tr>") == 2
    assert short("abc", 3) == "abc" and short("abcdef", 5) == "ab..."
