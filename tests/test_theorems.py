"""Every claim that is said to hold survives, on games that meet its hypotheses.

    HYPOTHESIS_PROFILE=thorough python -m pytest tests/test_theorems.py

asks each of a hundred times as many games, drawn anew.
"""

import pytest

from gameanalysis import theorems


@pytest.mark.parametrize("name", theorems.names(holds=True))
def test_no_game_refutes_it(name, hunt):
    claim = theorems.named(name)
    hunt.healthy(claim, examples=12 if claim.is_statistical else 30)


@pytest.mark.parametrize("name", theorems.names())
def test_error_probabilities_are_small(name):
    claim = theorems.named(name)
    assert claim.error_probability is None or 0 < claim.error_probability <= 1e-6
