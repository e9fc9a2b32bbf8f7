r"""Continuous symmetries of a game: exact, infinitesimal, affine, player by player.

A block-diagonal affine vector field

    xi(x) = (K_1 x_1 + k_1, ..., K_N x_N + k_N)

transforms each player's actions among themselves.  It is a *symmetry* of the game if

    xi . D f_i = c_i        identically, c_i a number, for every player's cost f_i.

Its flow phi_t is then a group of affine maps, with f_i(phi_t(x)) = f_i(x) + c_i t: every cost
is kept up to a constant that no player can change.  Block by block this gives

    D_i f_i(phi_t(x)) . exp(t K_i) = D_i f_i(x),

so critical points go to critical points, and so do Nash and Stackelberg equilibria of every
kind.  The symmetries form a Lie algebra: [xi, eta] f_i = xi(d_i) - eta(c_i) = 0.

For polynomial costs with rational coefficients the condition is a linear system over Q for
the entries of K_i and k_i, solved exactly; its rational solutions span the real ones, so
the list is complete.  Other functions are treated as independent variables (`sparse_forms`): every
symmetry found is one, but some may be missed.

The same system with the game's gradient omega in place of D f_i,

    eta . omega = 0         identically,

finds the *identities* of the critical system: equations that follow from the others.  In a
zero-sum game the symmetry xi gives the identity eta = (xi_1, -xi_2), as c = 0 wherever there
is a critical point; a symmetry that moves one player only is an identity itself.

Reference: P. J. Olver, Applications of Lie Groups to Differential Equations, chapter 2.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import sympy as sp

from ..declaration.game import Game
from ..errors import GameError
from ..truth import Truth
from .sparse_forms import Elimination, SparseForms, TooManyWords, Words

__all__ = ["Generator", "Symmetries", "combination", "critical_identities", "symmetries"]

#: The linear system may have so many terms.
_MAX_TERMS = 400_000
#: The place of the constant k_j beside the entries K_jk.
_SHIFT = -1

POLYNOMIAL = "complete"
KERNELS = "others may exist: the costs are not polynomials with rational coefficients"


@dataclass(frozen=True, eq=False)
class Generator:
    """One affine vector field xi(x) = K x + k with integer coefficients.

    ``entries`` : {(j, l): K_jl, ...}, and k_j at (j, -1); zeros are left out.
    ``n`` : the number of variables.  ``changes`` : the numbers c_i = xi . D f_i.
    """

    entries: Mapping[tuple[int, int], int]
    n: int
    changes: tuple[sp.Expr, ...] = ()

    @property
    def matrix(self) -> sp.ImmutableMatrix:
        """K, n x n, block-diagonal."""
        return sp.ImmutableMatrix(self.n, self.n, lambda j, k: self.entries.get((j, k), 0))

    @property
    def vector(self) -> sp.ImmutableMatrix:
        """k, n x 1."""
        return sp.ImmutableMatrix(self.n, 1, lambda j, _: self.entries.get((j, _SHIFT), 0))

    @cached_property
    def moved(self) -> frozenset[int]:
        """The variables j for which xi_j is not identically zero."""
        return frozenset(j for j, _ in self.entries)

    def at(self, x: Sequence[Any]) -> list[Any]:
        """xi(x), in any numbers that can be added and multiplied by an int.

        >>> Generator({(0, 1): 1, (1, 0): -1}, 2).at([3, Fraction(1, 2)])
        [Fraction(1, 2), -3]
        """
        out: list[Any] = [0] * self.n
        for (j, k), c in self.entries.items():
            term = c if k == _SHIFT else x[k] if c == 1 else c * x[k]
            out[j] = term if type(out[j]) is int and out[j] == 0 else out[j] + term
        return out

    def describe(self, variables: Sequence[sp.Symbol]) -> str:
        """The field as text: where each variable is moved."""
        parts = []
        for j in sorted(self.moved):
            value = self.at(list(variables))[j]
            parts.append(f"{variables[j]}' = {value}")
        return ", ".join(parts)


@dataclass(frozen=True, eq=False)
class Symmetries:
    """The continuous symmetries of a game, made by `symmetries`.

    A sequence of `Generator`, a basis of their Lie algebra over Q (and R).

    ``game`` : the game.  ``complete`` : YES if these are proved to be all affine symmetries
    that move each player's actions among themselves, else UNDECIDED.  ``reason`` : why.
    """

    game: Game
    generators: tuple[Generator, ...]
    complete: Truth
    reason: str

    @property
    def dimension(self) -> int:
        """The dimension of the Lie algebra that was found."""
        return len(self.generators)

    def __iter__(self) -> Iterator[Generator]:
        return iter(self.generators)

    def __len__(self) -> int:
        return len(self.generators)

    def __getitem__(self, index: int) -> Generator:
        return self.generators[index]

    def __str__(self) -> str:
        title = f"{self.game.name}: " if self.game.name else ""
        lines = [f"{title}Lie algebra of affine symmetries of dimension {self.dimension} "
                 f"({self.reason})"]
        for k, generator in enumerate(self.generators):
            lines.append(f"  [{k}] {generator.describe(self.game.variables)}")
            if any(generator.changes):
                lines.append("      changes the costs at the rates "
                             + ", ".join(map(str, generator.changes)))
        return "\n".join(lines)

    __repr__ = __str__

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; the entries of K and k are integers."""
        return {
            "game": self.game.name,
            "variables": [str(v) for v in self.game.variables],
            "dimension": self.dimension,
            "complete": str(self.complete),
            "reason": self.reason,
            "generators": [
                {"matrix": [[g.entries.get((j, k), 0) for k in range(g.n)] for j in range(g.n)],
                 "vector": [g.entries.get((j, _SHIFT), 0) for j in range(g.n)],
                 "changes": [str(c) for c in g.changes]} for g in self.generators],
        }


def combination(generators: Sequence[Generator], weights: Sequence[Any]) -> Generator:
    """A positive multiple of the sum of generators with rational weights.

    >>> x, y = Generator({(0, -1): 1}, 2), Generator({(1, -1): 1}, 2)
    >>> combination([x, y], [Fraction(1, 2), -1]).at([0, 0])
    [1, -2]
    """
    total: dict[tuple[int, int], Any] = {}
    for generator, weight in zip(generators, weights):
        for place, c in generator.entries.items():
            total[place] = total.get(place, 0) + weight * c
    changes = tuple(sp.Add(*(sp.Rational(w.numerator, w.denominator) * c
                             for w, c in zip(weights, column)))
                    for column in zip(*(g.changes for g in generators)))
    return _integral(total, generators[0].n, changes)


def symmetries(game: Game) -> Symmetries:
    """The continuous affine symmetries of a game, player by player, exact.

    Finds every field xi(x) = (K_1 x_1 + k_1, ..., K_N x_N + k_N) along which each cost
    changes at a constant rate, xi . D f_i = c_i.

    Guarantee: each generator is one, identically in x.  ``complete`` is YES if the costs are
    polynomials with rational coefficients; then there are no others.  With other functions
    some may be missed; a game that is too large has none, and ``reason`` says so.

    game : a `Game`; its parameters have values.  Raises `GameError` for anything else.

    >>> x, y = sp.symbols("x y", real=True)
    >>> from gameanalysis.declaration.game import Player
    >>> print(symmetries(Game(Player((x + y)**2 - 2*x, x), Player((x + y)**2 - 2*y, y))))
    Lie algebra of affine symmetries of dimension 1 (complete)
      [0] x' = -1, y' = 1
          changes the costs at the rates 2, -2
    """
    if not isinstance(game, Game):
        raise GameError(f"expected a Game, not {game!r}: symmetries are those of the costs, "
                        f"whatever the order of moves")
    forms = SparseForms(game.variables)
    try:
        gradients = [forms.gradient(forms.read(cost)) for cost in game.valued_costs]
        found = _solutions(gradients, _blocks(game), forms, up_to_a_number=True)
    except TooManyWords as error:
        return Symmetries(game, (), Truth.UNDECIDED, f"not searched: {error}")
    if forms.kernels:
        return Symmetries(game, found, Truth.UNDECIDED, KERNELS)
    return Symmetries(game, found, Truth.YES, POLYNOMIAL)


def critical_identities(game: Game) -> tuple[Generator, ...]:
    """A basis of the affine fields eta with eta . omega = 0 identically.

    Here eta_j may depend on every variable; in a game too large for that, only on those of
    the player who owns variable j.

    Guarantee: each is an identity; none if the game is larger still.

    >>> x, y = sp.symbols("x y", real=True)
    >>> from gameanalysis.declaration.game import zero_sum
    >>> [eta.describe((x, y)) for eta in critical_identities(zero_sum(x*y, x, y))]
    ["x' = x, y' = y"]
    """
    forms = SparseForms(game.variables)
    blocks = _blocks(game)
    try:
        gradients = [forms.gradient(forms.read(cost)) for cost in game.valued_costs]
    except TooManyWords:
        return ()
    omega = [gradients[p][j] for p, block in enumerate(dict.fromkeys(blocks)) for j in block]
    for ranges in ([range(forms.n)] * forms.n, blocks):
        try:
            return _solutions([omega], ranges, forms, up_to_a_number=False)
        except TooManyWords:
            continue
    return ()


def _blocks(game: Game) -> list[range]:
    """For each variable the variables of the player who owns it."""
    out: list[range] = []
    for size in game.sizes:
        out += [range(len(out), len(out) + size)] * size
    return out


def _solutions(gradients: Sequence[Sequence[Words]], block: Sequence[range],
               forms: SparseForms, up_to_a_number: bool) -> tuple[Generator, ...]:
    """The affine fields xi with xi . g identically zero, or a number, for each g given.

    block : for each j the variables on which xi_j may depend.
    """
    terms = sum(len(words) * (1 + len(block[j])) for g in gradients
                for j, words in enumerate(g))
    if terms > _MAX_TERMS:
        raise TooManyWords(f"a linear system of {terms} terms")
    system: list[dict[tuple[int, int], Any]] = []
    constants: list[dict[tuple[int, ...], dict[tuple[int, int], Any]]] = []
    for g in gradients:
        equations: dict[tuple[int, ...], dict[tuple[int, int], Any]] = {}
        for j, words in enumerate(g):
            for word, c in words.items():
                row = equations.setdefault(word, {})
                row[j, _SHIFT] = row.get((j, _SHIFT), 0) + c
                for k in block[j]:
                    row = equations.setdefault(tuple(sorted((*word, k))), {})
                    row[j, k] = row.get((j, k), 0) + c
        kept = [word for word in equations if up_to_a_number and forms.is_constant(word)]
        constants.append({word: equations.pop(word) for word in kept})
        system += equations.values()
    # Short equations first: most say that an unknown is zero, or that two are opposite.
    elimination = Elimination(sorted(system, key=len))
    unknowns = [(j, k) for j in range(forms.n) for k in (*block[j], _SHIFT)]
    out = []
    for vector in elimination.null_space(unknowns):
        scale = _denominator(vector)
        vector = {place: c * scale for place, c in vector.items()}
        changes = tuple(forms.expression({
            word: sum(c * vector.get(place, 0) for place, c in row.items())
            for word, row in rows.items()}) for rows in constants)
        out.append(_integral(vector, forms.n, changes))
    return tuple(out)


def _denominator(values: Mapping[Any, Any]) -> int:
    return math.lcm(*(Fraction(c).denominator for c in values.values()))


def _integral(values: Mapping[tuple[int, int], Any], n: int,
              changes: tuple[sp.Expr, ...]) -> Generator:
    """The field times the least positive number that makes its entries coprime integers."""
    values = {place: Fraction(c) for place, c in values.items() if c}
    scale = _denominator(values)
    common = math.gcd(*(int(c * scale) for c in values.values())) or 1
    factor = sp.Rational(scale, common)
    return Generator({place: int(c * scale) // common for place, c in sorted(values.items())}, n,
                     tuple(factor * c for c in changes))
