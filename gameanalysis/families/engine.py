"""One run of Hypothesis over games: generate, steer towards the boundary, shrink.

This is the only place that runs Hypothesis; the strategies are in the other modules of this
row.  A run is deterministic: equal strategies, tests, seeds and numbers of examples draw
equal games.  Nothing is read from or written to Hypothesis's example database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis import strategies as st
from hypothesis.control import current_build_context
from hypothesis.errors import StopTest, UnsatisfiedAssumption
from hypothesis.internal.conjecture import providers
from hypothesis.internal.conjecture.data import Status

__all__ = ["REJECTED", "is_strategy", "run", "target"]

#: What a test raises, by ``hypothesis.assume``, about an example that is of no use to it.
REJECTED = UnsatisfiedAssumption
target = hypothesis.target


def is_strategy(value: Any) -> bool:
    """Whether a value is a Hypothesis strategy."""
    return isinstance(value, st.SearchStrategy)


class _Enough(BaseException):
    """No Exception, so that Hypothesis does not take it for a failure of the test."""


def run(strategy: st.SearchStrategy[Any], test: Callable[[Any], None], *, examples: int,
        seed: int, steered: bool = False, shrink: bool = True) -> tuple[BaseException | None, int]:
    """Call ``test`` on drawn examples.

    test : raises on an example that fails.  After the search for a simpler one, the last
        failing example it is called with is the simplest that was found.
    steered : climb towards larger values of what the test hands to `target`.  Most of the
        changes that Hypothesis tries then do not amount to an example; so many may fail to,
        in all, as there are examples.

    shrink : search for a simpler example when one fails.

    Returns what the test raised on the simplest failing example, or None; and how many
    examples were rejected before any failed, by the strategy or by the test.
    """
    rejected = unfinished = 0
    failed = False

    @st.composite
    def counted(draw: st.DrawFn) -> Any:
        nonlocal rejected, unfinished
        if steered and not failed and unfinished > examples:
            raise _Enough
        try:
            return draw(strategy)
        except (StopTest, REJECTED):
            # Hypothesis's own mutations may break off before an example is drawn; that is no
            # rejection.
            broken_off = current_build_context().data.status is Status.OVERRUN
            unfinished += not failed
            rejected += not failed and not broken_off
            raise

    @hypothesis.settings(
        max_examples=examples, database=None, deadline=None, derandomize=False,
        phases=(Phase.generate, *[Phase.target] * steered, *[Phase.shrink] * shrink),
        report_multiple_bugs=False, suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet, print_blob=False)
    @hypothesis.seed(seed)
    @hypothesis.given(counted())
    def search(example: Any) -> None:
        nonlocal rejected, failed
        try:
            test(example)
        except REJECTED:
            rejected += not failed
            raise
        except Exception:
            failed = True
            raise

    error = None
    try:
        with _no_local_constants():
            search()
    except _Enough:
        pass
    except Exception as raised:
        error = raised
    return error, rejected


@contextmanager
def _no_local_constants() -> Iterator[None]:
    """Draw no numbers that Hypothesis finds in the source of the user's own modules.

    They would make the games depend on what is imported and on how this package is
    installed, and write a folder where the user works.
    """
    kept = getattr(providers, "_get_local_constants", None)
    if kept is None:                        # a version of Hypothesis that looks for none
        yield
        return
    none = providers.Constants()
    providers.CONSTANTS_CACHE.cache.clear()
    setattr(providers, "_get_local_constants", lambda: none)
    try:
        yield
    finally:
        setattr(providers, "_get_local_constants", kept)
        providers.CONSTANTS_CACHE.cache.clear()
