"""Hypothesis draws the same examples in every default run, so that a run can be repeated.

    HYPOTHESIS_PROFILE=explore python -m pytest

draws new ones, and is how a new counterexample is found; it then becomes an ``@example``.

    HYPOTHESIS_PROFILE=thorough python -m pytest

draws new ones, a hundred times as many, also where a theorem is checked with `falsify`; run
it on some files at a time, it takes hours.

The fixtures here are those that several files need.
"""

import os
import secrets
import signal

import pytest
import strict_json
from hypothesis import settings

from gameanalysis import analyze, catalog, falsify
from gameanalysis.__main__ import main
from gameanalysis.theorems import Ruling

# Started in the background, a shell has its processes ignore Ctrl-C, which is tested here.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("default", derandomize=True, deadline=None)
settings.register_profile("explore", derandomize=False, deadline=None)
settings.register_profile("thorough", derandomize=False, deadline=None, max_examples=10_000)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "default")
settings.load_profile(PROFILE)


@pytest.fixture(scope="session")
def hunt():
    """`falsify` with so many examples times the profile's factor, and the profile's seed."""
    factor = 100 if PROFILE == "thorough" else 1
    seed = 0 if PROFILE == "default" else secrets.randbelow(2**31)

    def hunt(claim, games=None, *, examples, **options):
        return falsify(claim, games, examples=examples * factor, seed=seed, **options)

    def healthy(claim, games=None, *, examples):
        """The claim survives, and its games were worth the while."""
        found = hunt(claim, games, examples=examples)
        assert not found.refuted, found
        assert found.rulings.get(Ruling.UNDECIDED, 0) == 0, found
        assert found.rulings[Ruling.HOLDS] >= 0.9 * found.n_examples, found
        assert found.rejected < 0.05, found

    hunt.healthy = healthy
    return hunt


@pytest.fixture
def run(capsys):
    """Status, standard output and standard error of one command line."""
    def run(*arguments):
        status = main(list(arguments))
        captured = capsys.readouterr()
        return status, captured.out, captured.err
    return run


@pytest.fixture
def data(run):
    """The status and the JSON of a command, which must be strict JSON."""
    def data(*arguments):
        status, out, err = run(*arguments, "--json")
        assert err == ""
        return status, strict_json.loads(out)
    return data


@pytest.fixture(scope="session")
def figure1():
    """The analysis of Figure 1's game in its own box."""
    return analyze(catalog.figure1(), catalog.info("figure1").box)
