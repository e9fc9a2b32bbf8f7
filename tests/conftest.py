"""Hypothesis draws the same examples in every default run, so that a run can be repeated.

    HYPOTHESIS_PROFILE=explore python -m pytest

draws new ones, and is how a new counterexample is found; it then becomes an ``@example``.
"""

import os

from hypothesis import settings

settings.register_profile("default", derandomize=True, deadline=None)
settings.register_profile("explore", derandomize=False, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
