r"""Small rational matrices with a prescribed property, drawn without rejection.

    symmetric, any inertia   L diag(d) L^T    L unit lower triangular in integers (Sylvester)
    positive definite        the same with d > 0
    prescribed spectrum      Q diag(d) Q^T    Q a product of rotations with cosine and sine
                                              from Pythagorean triples, 3/5 and 4/5, ...

A matrix is a list of rows of ints and Fractions; most are integers.  Functions whose first
argument is ``draw``, a `Draw`, belong in a Hypothesis composite.  Everything shrinks to the
simplest: L and Q to the identity, d to ones (or minus ones), other entries to zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any, Union

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ..errors import GameError

__all__ = ["Draw", "Number", "Rows", "congruence", "conjugated", "definite", "diagonal",
           "difference", "free", "half", "inertias", "integers", "nonzero", "numbers", "place",
           "positive", "product", "rationals", "ratios", "rotation", "scaled", "slope",
           "strategy_of_sizes", "sylvester", "symmetric", "total", "transposed", "unit_lower"]

Number = Union[int, Fraction]
Rows = list[list[Number]]

#: Positive numbers, the simplest first.
_POSITIVE: tuple[Number, ...] = (1, 2, 3, Fraction(1, 2))
#: (cosine, sine) of rotations; the second exchanges two axes.
_ROTATIONS = ((1, 0), (0, 1), (Fraction(3, 5), Fraction(4, 5)), (Fraction(4, 5), Fraction(-3, 5)),
              (Fraction(5, 13), Fraction(12, 13)))


# -- arithmetic ---------------------------------------------------------------------------

def transposed(a: Rows) -> Rows:
    """A^T of a matrix with at least one row."""
    return [list(column) for column in zip(*a)]


def product(a: Rows, b: Rows) -> Rows:
    """A B."""
    columns = list(zip(*b))
    return [[sum(x * y for x, y in zip(row, column) if x and y) for column in columns]
            for row in a]


def total(*matrices: Rows) -> Rows:
    """The sum of matrices of one shape."""
    return [[sum(entries) for entries in zip(*rows)] for rows in zip(*matrices)]


def difference(a: Rows, b: Rows) -> Rows:
    """A - B."""
    return [[x - y for x, y in zip(*rows)] for rows in zip(a, b)]


def scaled(a: Rows, factor: Number) -> Rows:
    """factor * A."""
    return [[factor * x for x in row] for row in a]


def congruence(w: Rows, m: Rows) -> Rows:
    """W M W^T."""
    return product(product(w, m), transposed(w))


def diagonal(values: Sequence[Number], columns: int | None = None) -> Rows:
    """The matrix with given diagonal, square or with another number of columns."""
    n = len(values) if columns is None else columns
    return [[value if i == j else 0 for j in range(n)] for i, value in enumerate(values)]


def half(value: Number) -> Number:
    """value / 2, an int where it is one.

    >>> half(4), half(3)
    (2, Fraction(3, 2))
    """
    out = Fraction(value) / 2
    return out.numerator if out.denominator == 1 else out


# -- numbers ---------------------------------------------------------------------------------

class Draw:
    """A composite's own ``draw``, and the room in which matrices are drawn.

    Hypothesis shrinks a list of choices by their positions.  Where sizes are drawn as well
    (``varies``), a matrix is the leading block of one of even size, so that most sizes can
    shrink while the entries that remain keep their positions.
    """

    def __init__(self, draw: Callable[[SearchStrategy[Any]], Any], varies: bool = False) -> None:
        self._draw, self._varies = draw, varies

    def __call__(self, strategy: SearchStrategy[Any]) -> Any:
        """A value of a strategy."""
        return self._draw(strategy)

    def room(self, n: int) -> int:
        """The size of which n is the leading part."""
        return n + n % 2 if self._varies else n


@lru_cache(maxsize=None)
def _tuples(count: int, low: int, high: int) -> SearchStrategy[tuple[int, ...]]:
    return st.tuples(*[st.integers(low, high)] * count)


def numbers(draw: Draw, count: int, low: int, high: int) -> tuple[int, ...]:
    """Numbers from low to high, each shrinking to the one next to zero."""
    # One strategy for a whole matrix: what costs time is the number of draws.
    drawn: tuple[int, ...] = draw(_tuples(count, low, high)) if count else ()
    return drawn


def integers(draw: Draw, n: int, low: int, high: int) -> list[Number]:
    """`numbers` drawn in the room for n of them."""
    return list(numbers(draw, draw.room(n), low, high)[:n])


def place(draw: Draw, n: int) -> int:
    """One of 0, ..., n - 1, which shrinks to 0."""
    return numbers(draw, 1, 0, draw.room(n) - 1)[0] % n if draw.room(n) > 1 else 0


def positive(draw: Draw, count: int) -> list[Number]:
    """Positive numbers; they shrink to 1."""
    return [_POSITIVE[k] for k in numbers(draw, draw.room(count), 0, 3)[:count]]


def nonzero(draw: Draw, count: int) -> list[Number]:
    """Numbers that are not zero; they shrink to 1."""
    return [_signed(k) for k in numbers(draw, draw.room(count), 0, 7)[:count]]


def _signed(k: int) -> Number:
    value = _POSITIVE[k // 2]
    return -value if k % 2 else value


def _fractions(largest: int, smallest: Fraction) -> list[Fraction]:
    """The p/q >= smallest with p <= largest and q <= 4, the simplest first."""
    found = {Fraction(p, q) for q in range(1, 5) for p in range(1, largest + 1)}
    return sorted((f for f in found if smallest <= f),
                  key=lambda f: (f.denominator * f.numerator, f.denominator))


def ratios() -> SearchStrategy[Fraction]:
    """Positive rationals from 1/4 to 8, such as a ratio of learning rates tau.

    They shrink to 1.
    """
    return st.sampled_from(_fractions(8, Fraction(1, 4)))


def rationals() -> SearchStrategy[Fraction]:
    """Rationals from -8 to 8 with denominators up to 4; they shrink to 0."""
    values = [sign * f for f in _fractions(8, Fraction(0)) for sign in (1, -1)]
    return st.sampled_from([Fraction(0), *values])


# -- matrices -----------------------------------------------------------------------------

def free(draw: Draw, n: int, m: int, bound: int = 3) -> Rows:
    """Any n x m matrix of integers from -bound to bound; it shrinks to zero."""
    columns = draw.room(m)
    flat = numbers(draw, draw.room(n) * columns, -bound, bound)
    return [list(flat[k * columns:k * columns + m]) for k in range(n)]


def slope(draw: Draw, n: int, m: int) -> Rows:
    """Any n x m matrix of integers, or of halves; it shrinks to zero."""
    out = free(draw, n, m)
    # Halves are the rarer and the less simple kind.
    return [[half(c) for c in row] for row in out] if numbers(draw, 1, 0, 3)[0] == 3 else out


def symmetric(draw: Draw, n: int, bound: int = 3) -> Rows:
    """Any symmetric matrix of integers; it shrinks to zero."""
    room = draw.room(n)
    flat = iter(numbers(draw, room * (room + 1) // 2, -bound, bound))
    out: Rows = [[0] * n for _ in range(n)]
    for i in range(n):
        for j in range(i + 1):
            out[i][j] = out[j][i] = next(flat)
    return out


def unit_lower(draw: Draw, n: int) -> Rows:
    """A unit lower triangular matrix of integers from -1 to 1; it shrinks to the identity."""
    room = draw.room(n)
    flat = iter(numbers(draw, room * (room - 1) // 2, -1, 1))
    return [[next(flat) if j < i else int(i == j) for j in range(n)] for i in range(n)]


def sylvester(draw: Draw, values: Sequence[Number]) -> Rows:
    """L diag(values) L^T: symmetric, with the signs of the values (Sylvester's law).

    L is unit lower triangular with entries from -1 to 1; it shrinks to the identity.
    """
    return congruence(unit_lower(draw, len(values)), diagonal(values)) if values else []


def definite(draw: Draw, n: int) -> Rows:
    """A positive definite matrix; it shrinks to the identity."""
    return sylvester(draw, positive(draw, n))


def inertias(draw: Draw, p: int, q: int, z: int = 0) -> Rows:
    """A symmetric matrix with p positive, q negative and z zero eigenvalues.

    It shrinks to diag(1, ..., 1, -1, ..., -1, 0, ..., 0).
    """
    sizes = positive(draw, p + q)
    signed = [*sizes[:p], *(-s for s in sizes[p:]), *[0] * z]
    return sylvester(draw, _turned(draw, signed))


def _turned(draw: Draw, values: list[Number]) -> list[Number]:
    """The values from another start on, so that the first is not always positive."""
    k = place(draw, len(values))
    return values[k:] + values[:k]


def rotation(draw: Draw, n: int) -> Rows:
    """A rational orthogonal matrix; it shrinks to the identity."""
    out: Rows = diagonal([1] * n)
    room = draw.room(n)
    turns = numbers(draw, room * (room - 1) // 2, 0, len(_ROTATIONS) - 1)
    for (i, j), k in zip([(i, j) for i in range(n) for j in range(i)], turns):
        c, s = _ROTATIONS[k]
        out[i], out[j] = ([c * x + s * y for x, y in zip(out[i], out[j])],
                          [c * y - s * x for x, y in zip(out[i], out[j])])
    return out


def conjugated(draw: Draw, values: Sequence[Number]) -> Rows:
    """Q diag(values) Q^T with Q orthogonal: the symmetric matrices of that spectrum.

    It shrinks to diag(values).
    """
    return congruence(rotation(draw, len(values)), diagonal(values))


# -- arguments -----------------------------------------------------------------------------

def strategy_of_sizes(value: Any, name: str) -> SearchStrategy[int]:
    """A number of actions, given as an int >= 1 or as a strategy of such ints."""
    if isinstance(value, SearchStrategy):
        return value
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise GameError(f"{name} is the number of that player's actions: pass an int >= 1 or "
                        f"a strategy of such ints, not {value!r}")
    return st.just(value)
