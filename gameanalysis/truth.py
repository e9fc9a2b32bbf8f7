"""Three-valued truth: what is proved, what is refuted, what is neither.

Every verdict of this library is one of three values. ``YES`` and ``NO`` are
proofs; ``UNDECIDED`` says that neither was reached.  The connectives are
those of Kleene's strong logic: a conjunction is NO as soon as one part is
NO, and YES only when all parts are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum


class Truth(Enum):
    """A proved yes, a proved no, or neither.

    ``bool(Truth.UNDECIDED)`` raises `ValueError`, so that nobody mistakes it
    for a no.  ``str`` and ``.value`` give ``"yes"``, ``"no"``, ``"undecided"``.

    >>> Truth.YES & Truth.UNDECIDED
    <Truth.UNDECIDED>
    >>> bool(Truth.NO | Truth.YES)
    True
    """

    YES = "yes"
    NO = "no"
    UNDECIDED = "undecided"

    @classmethod
    def of(cls, value: bool | None) -> Truth:
        """YES for True, NO for False, UNDECIDED for None."""
        if value is None:
            return cls.UNDECIDED
        return cls.YES if value else cls.NO

    @classmethod
    def all(cls, parts: Iterable[Truth]) -> Truth:
        """Kleene's conjunction of any number of parts (YES for none)."""
        parts = tuple(parts)
        if cls.NO in parts:
            return cls.NO
        return cls.UNDECIDED if cls.UNDECIDED in parts else cls.YES

    def __and__(self, other: Truth) -> Truth:
        return Truth.all((self, other))

    def __or__(self, other: Truth) -> Truth:
        return ~Truth.all((~self, ~other))

    def __invert__(self) -> Truth:
        return {Truth.YES: Truth.NO, Truth.NO: Truth.YES}.get(self, self)

    def __bool__(self) -> bool:
        if self is Truth.UNDECIDED:
            raise ValueError(
                "Truth.UNDECIDED is neither true nor false: compare with "
                "'is Truth.YES' or 'is Truth.NO' instead")
        return self is Truth.YES

    def __str__(self) -> str:
        return self.value

    def __repr__(self) -> str:
        return f"<Truth.{self.name}>"


def both(first: Truth, then: Callable[[], Truth]) -> Truth:
    """first & then(), the second not asked for where the first is NO.

    >>> both(Truth.NO, lambda: 1 / 0)
    <Truth.NO>
    """
    return first if first is Truth.NO else first & then()
