"""One run of Hypothesis over games: generate, steer towards the boundary, shrink.

This is the only place that runs Hypothesis; the strategies are in the other modules of this
row.  A run is deterministic: equal strategies, tests, seeds and numbers of examples draw
equal games.  Nothing is read from or written to Hypothesis's example database.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis import strategies as st
from hypothesis.errors import UnsatisfiedAssumption

__all__ = ["REJECTED", "is_strategy", "run", "target"]

#: What a test raises, by ``hypothesis.assume``, about an example that is of no use to it.
REJECTED = UnsatisfiedAssumption
target = hypothesis.target


def is_strategy(value: Any) -> bool:
    """Whether a value is a Hypothesis strategy."""
    return isinstance(value, st.SearchStrategy)


def run(strategy: st.SearchStrategy[Any], test: Callable[[Any], None], *, examples: int,
        seed: int, drawn: Callable[[], None]) -> BaseException | None:
    """Call ``test`` on drawn examples; what it raised on the simplest failing one, or None.

    test : raises on an example that fails.  After the search for a simpler one, the last
        failing example it is called with is the simplest that was found.
    drawn : called when an example begins to be drawn; not every one reaches the test.
    """
    @st.composite
    def counted(draw: st.DrawFn) -> Any:
        drawn()
        return draw(strategy)

    @hypothesis.settings(
        max_examples=examples, database=None, deadline=None, derandomize=False,
        phases=(Phase.generate, Phase.target, Phase.shrink), report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck), verbosity=Verbosity.quiet, print_blob=False)
    @hypothesis.seed(seed)
    @hypothesis.given(counted())
    def search(example: Any) -> None:
        test(example)

    try:
        search()
    except Exception as error:
        return error
    return None
