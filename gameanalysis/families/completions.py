r"""Terms of order three and higher, which leave the 2-jet of a cost as it is.

In e = z - z*, with u = a . e a linear form with small integer coefficients:

    polynomial      monomials of degree 3 and 4 (or up to another degree)
    trigonometric   sin u - u,  cos u - 1 + u^2/2
    exponential     exp u - 1 - u - u^2/2,  exp(-u^2) - 1 + u^2

They do not move the point, its critical conditions, J or, where D_y f1 = 0, anything of
the Stackelberg gradient's linearisation.  Elsewhere the cubic part of f2 does enter: with
v = D^-1 D2 f1 and h = v . D2 f2, the Hessian of h is part of D^2 f1 (`forms`), so a
completion knows it exactly (`hessian`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement

import sympy as sp

from ..exact.jets import Monomial, Polynomial, multiplied
from .sampling import Draw, Number, Rows, numbers

__all__ = ["Completion", "KINDS", "Wave", "completion"]

#: The kinds of completion, the simplest first.
KINDS = ("none", "polynomial", "trigonometric", "exponential", "any")


#: Each function of u with its third derivative at u = 0.
_WAVES: dict[str, tuple[Callable[[sp.Expr], sp.Expr], int]] = {
    "sin": (lambda u: sp.sin(u) - u, -1),
    "cos": (lambda u: sp.cos(u) - 1 + u**2/2, 0),
    "exp": (lambda u: sp.exp(u) - 1 - u - u**2/2, 1),
    "bell": (lambda u: sp.exp(-u**2) - 1 + u**2, 0)}
_OF_KIND = {"trigonometric": ("sin", "cos"), "exponential": ("exp", "bell"), "any": tuple(_WAVES)}


@dataclass(frozen=True)
class Wave:
    """coefficient * w(u), u = form . e, with w one of the functions above."""

    name: str
    coefficient: int
    form: tuple[Number, ...]

    def __call__(self, e: Sequence[sp.Expr]) -> sp.Expr:
        """The term as an expression."""
        u = sp.Add(*(a * x for a, x in zip(self.form, e) if a))
        return self.coefficient * _WAVES[self.name][0](u)


@dataclass(frozen=True)
class Completion:
    """What is added to one cost: a polynomial and functions of linear forms.

    terms : monomials of degree >= 3 with their coefficients.
    waves : the terms that are not polynomials.
    """

    terms: Polynomial
    waves: tuple[Wave, ...] = ()

    @property
    def more(self) -> Completion | None:
        """The part that is not a polynomial, for `LocalGame.of_polynomials`."""
        return self if self.waves else None

    def __call__(self, e: Sequence[sp.Expr]) -> sp.Expr:
        """The part that is not a polynomial, as an expression."""
        return sp.Add(*(wave(e) for wave in self.waves))

    def hessian(self, v: Sequence[Number]) -> Rows:
        """D^2 (v . D f) at e = 0 for f this completion; v has one entry for each variable.

        >>> Completion({(0, 0, 1): 1}).hessian([1, 0])
        [[0, 2], [2, 0]]
        """
        n = len(v)
        out: Rows = [[0] * n for _ in range(n)]
        if not any(v):
            return out
        for word, c in self.terms.items():
            if len(word) == 3:
                for place in range(3):
                    weight = v[word[place]] * c
                    i, j = word[:place] + word[place + 1:]
                    out[i][j] += weight
                    out[j][i] += weight
        for wave in self.waves:
            third = _WAVES[wave.name][1] * wave.coefficient
            weight = third * sum(a * w for a, w in zip(wave.form, v))
            if weight:
                for i, a in enumerate(wave.form):
                    for j, b in enumerate(wave.form):
                        out[i][j] += weight * a * b
        return out

    def pulled(self, rows: Sequence[Sequence[Number]]) -> Completion:
        """The completion in new variables, e = rows e'.

        >>> Completion({(0, 0, 0): 2}).pulled([[1, 0]])
        Completion(terms={(0, 0, 0): 2}, waves=())
        """
        forms: list[Polynomial] = [{(j,): c for j, c in enumerate(row) if c} for row in rows]
        terms: Polynomial = {}
        for word, c in self.terms.items():
            grown: Polynomial = {(): c}
            for i in word:
                grown = multiplied(grown, forms[i], len(word))
            for longer, d in grown.items():
                terms[longer] = terms.get(longer, 0) + d
        waves = tuple(Wave(w.name, w.coefficient,
                           tuple(sum(a * c for a, c in zip(w.form, column))
                                 for column in zip(*rows))) for w in self.waves)
        return Completion({word: c for word, c in terms.items() if c}, waves)


@lru_cache(maxsize=None)
def _monomials(n: int, lowest: int, highest: int) -> tuple[Monomial, ...]:
    return tuple(word for degree in range(lowest, highest + 1)
                 for word in combinations_with_replacement(range(n), degree))


def _coefficient(k: int) -> int:
    """1, -1, 2, -2, ... for 0, 1, 2, 3, ..."""
    return -(k // 2 + 1) if k % 2 else k // 2 + 1


# What is left out is drawn as well: with one length for all choices Hypothesis can vary them
# at one place without running out of them at another.

def completion(draw: Draw, kind: str, places: Sequence[int], room: int, degree: int = 4
               ) -> Completion:
    """A completion of one kind, which shrinks to none at all.

    kind : one of `KINDS`.  degree : the highest of a monomial.
    places, room : linear forms are drawn in ``room`` variables (`sampling.Draw`), of which
        those at ``places`` are there.
    """
    terms = _polynomial(draw, len(places), degree) if kind in ("polynomial", "any") else {}
    names = _OF_KIND.get(kind, ())
    waves = [_wave(draw, names, places, room) for _ in names[::2]]
    return Completion(terms, tuple(wave for wave in waves if wave is not None))


def _polynomial(draw: Draw, n: int, degree: int) -> Polynomial:
    """Up to three terms; one number stands for a monomial and its coefficient."""
    words = _monomials(n, 3, degree)
    if not words:
        return {}
    count, = numbers(draw, 1, 0, 3)
    return {words[k % len(words)]: _coefficient(k // len(words))
            for k in numbers(draw, 3, 0, 6 * len(words) - 1)[:count]}


def _wave(draw: Draw, names: Sequence[str], places: Sequence[int], room: int) -> Wave | None:
    """One function or none; one entry of the form is 1, so that u is never zero."""
    k, = numbers(draw, 1, 0, 4 * len(names))
    pivot, = numbers(draw, 1, 0, room - 1)
    form = numbers(draw, room, -1, 1)
    if not k:
        return None
    return Wave(names[(k - 1) % len(names)], _coefficient((k - 1) // len(names)),
                tuple(1 if i == pivot % len(places) else form[place]
                      for i, place in enumerate(places)))
