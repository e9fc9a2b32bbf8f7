"""Hypothesis draws the same examples in every default run, so that a run can be repeated.

    HYPOTHESIS_PROFILE=explore python -m pytest

draws new ones, and is how a new counterexample is found; it then becomes an ``@example``.

The fixtures here are those that several files need.
"""

import os

import pytest
from hypothesis import settings

from gameanalysis import analyze, catalog
from gameanalysis.__main__ import main

settings.register_profile("default", derandomize=True, deadline=None)
settings.register_profile("explore", derandomize=False, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture
def run(capsys):
    """Status, standard output and standard error of one command line."""
    def run(*arguments):
        status = main(list(arguments))
        captured = capsys.readouterr()
        return status, captured.out, captured.err
    return run


@pytest.fixture(scope="session")
def figure1():
    """The analysis of Figure 1's game in its own box."""
    return analyze(catalog.figure1(), catalog.info("figure1").box)
