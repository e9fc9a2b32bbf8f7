"""Families of polynomial games, held as rows of coefficients.

A game of the family is a row of numbers, and what is asked of it at a point needs no SymPy
expression: thousands of games are classified in a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations_with_replacement
from typing import Any

import numpy as np

from ..errors import GameError
from ..exact.jets import Monomial
from .local import LocalGame
from .placing import rational

__all__ = ["PolynomialFamily"]


class PolynomialFamily:
    """Games whose costs are polynomials of given degrees, held as coefficients.

    Parameters
    ----------
    sizes : the number of actions of each player.
    degrees : the degrees of the monomials, such as ``(2, 3, 4)``; without 1 the origin is
        a critical point.
    zero_sum : one polynomial f for (f, -f); otherwise one for each player.

    ``monomials`` : the monomials as sorted tuples of variables' indices; a game is a row of
    ``n_coefficients`` numbers, one polynomial after the other.

    >>> family = PolynomialFamily((1, 1), degrees=(2,))
    >>> family.monomials
    ((0, 0), (0, 1), (1, 1))
    >>> family.at([Fraction(-1, 2), 2, -1]).label
    'DSE stable S-stable'
    """

    def __init__(self, sizes: Sequence[int], degrees: Sequence[int] = (2, 3, 4), *,
                 zero_sum: bool = True) -> None:
        self.sizes, self.zero_sum = tuple(int(s) for s in sizes), bool(zero_sum)
        self.degrees = tuple(int(d) for d in degrees)
        if len(self.sizes) < 2 or min(self.sizes) < 1:
            raise GameError(f"sizes are two or more positive numbers, not {tuple(sizes)}")
        if zero_sum and len(self.sizes) != 2:
            raise GameError(f"a zero-sum game has two players, not {len(self.sizes)}")
        if not self.degrees or min(self.degrees) < 0:
            raise GameError(f"degrees are numbers >= 0, not {tuple(degrees)}")
        self.monomials: tuple[Monomial, ...] = tuple(
            word for d in self.degrees
            for word in combinations_with_replacement(range(sum(self.sizes)), d))

    @property
    def n_coefficients(self) -> int:
        """The number of coefficients of one game."""
        return len(self.monomials) * (1 if self.zero_sum else len(self.sizes))

    def at(self, coefficients: Any, point: Sequence[int | Fraction] | None = None
           ) -> LocalGame:
        """One game of the family at a point: the monomials are powers of z - point."""
        if len(coefficients) != self.n_coefficients:
            raise GameError(f"a game of this family has {self.n_coefficients} coefficients, "
                            f"not {len(coefficients)}")
        row = coefficients.tolist() if isinstance(coefficients, np.ndarray) else coefficients
        if not {int, Fraction}.issuperset(map(type, row)):
            row = [rational(c, "a coefficient") for c in row]
        m = len(self.monomials)
        costs = [{word: c for word, c in zip(self.monomials, row[k:k + m]) if c}
                 for k in range(0, len(row), m)]
        return LocalGame.of_polynomials(costs, self.sizes, point)
