r"""Jets: the Taylor polynomials of costs at a rational point, in integers.

With e = z - z* and s > 0 a common denominator of all coefficients, the 3-jet of f at z* is

    s f(z* + e) = sum over |m| <= 3 of c_m e^m + O(|e|^4),      c_m integers,

and every derivative up to the third is a multiple of one coefficient: s D_i D_j f is
2 c_ii for i = j and c_ij otherwise, and so on.  A polynomial is a dict from monomials to
numbers; the monomial e_0 e_2^2 is the sorted tuple (0, 2, 2), the constant 1 is ().

Definiteness, stability and the other questions asked of a game's derivatives do not change
when all costs are multiplied by one positive number, so s is kept aside and the work is
done in Python's integers, without rounding and without fractions.

Elementary functions have a rational jet where their argument's value there gives rational
derivatives, such as exp and sin at 0 or log at 1; elsewhere there is none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any, Union

import sympy as sp

from ..declaration.game import Game, Player

__all__ = ["Jet", "Monomial", "ORDER", "Polynomial", "action_names", "game_of_polynomials",
           "multiplied", "shifted", "taylor"]

Monomial = tuple[int, ...]
Polynomial = dict[Monomial, Union[int, Fraction]]

#: The order of the jets: J_S contains third derivatives.
ORDER = 3

_F = Fraction
#: f(c), f'(c), f''(c)/2, f'''(c)/6 of elementary functions at the c that are given.
#: By class, not by name: a user's own function may be called "sin".
_SERIES: dict[Any, tuple[int, tuple[Any, ...]]] = {
    getattr(sp, _name): _series for _name, _series in {
        "exp": (0, (1, 1, _F(1, 2), _F(1, 6))),
        "log": (1, (0, 1, _F(-1, 2), _F(1, 3))),
        "sin": (0, (0, 1, 0, _F(-1, 6))), "cos": (0, (1, 0, _F(-1, 2), 0)),
        "tan": (0, (0, 1, 0, _F(1, 3))), "sec": (0, (1, 0, _F(1, 2), 0)),
        "sinh": (0, (0, 1, 0, _F(1, 6))), "cosh": (0, (1, 0, _F(1, 2), 0)),
        "tanh": (0, (0, 1, 0, _F(-1, 3))), "sech": (0, (1, 0, _F(-1, 2), 0)),
        "asin": (0, (0, 1, 0, _F(1, 6))), "atan": (0, (0, 1, 0, _F(-1, 3))),
        "asinh": (0, (0, 1, 0, _F(-1, 6))), "atanh": (0, (0, 1, 0, _F(1, 3)))}.items()}

#: Powers of a variable up to this one are written out as words.
_WRITTEN_OUT = 64
#: Powers of numbers with more bits than this are not computed.
_LARGEST = 100_000


class _NoJet(Exception):
    """A value on the way is irrational, or not defined."""


class Jet:
    """The 3-jets of a game's costs at a point; integers over one denominator.

    sizes : the number of actions of each player, in order of play.
    costs : for each player the polynomial ``scale * f_i`` in e = z - z*, in integers.
    scale : the common denominator, a positive integer.

    >>> jet = Jet.of((1, 1), [{(0, 0): Fraction(1, 2), (0, 1): 1}, {(1, 1): 1}])
    >>> jet.scale, jet.hessian(0, 0, 0), jet.hessian(0, 0, 1)
    (2, 2, 2)
    """

    __slots__ = ("sizes", "costs", "scale")

    def __init__(self, sizes: Sequence[int], costs: Sequence[Mapping[Monomial, int]],
                 scale: int) -> None:
        self.sizes, self.costs, self.scale = tuple(sizes), tuple(costs), scale

    @classmethod
    def of(cls, sizes: Sequence[int], costs: Sequence[Polynomial]) -> Jet:
        """The jet of costs given as polynomials with rational coefficients.

        One cost f stands for the zero-sum game (f, -f).
        """
        jets: list[dict[Monomial, Any]] = [
            {m: c for m, c in cost.items() if len(m) <= ORDER} for cost in costs]
        scale = math.lcm(*{c.denominator for jet in jets for c in jet.values()})
        if scale > 1:
            jets = [{m: int(c * scale) for m, c in jet.items()} for jet in jets]
        if len(jets) == 1:
            jets.append({m: -c for m, c in jets[0].items()})
        return cls(sizes, jets, scale)

    @classmethod
    def at(cls, game: Game, point: Sequence[int | Fraction]) -> Jet | None:
        """The jet of a game at a rational point; None where `taylor` finds none."""
        f = game.zero_sum_cost
        found = taylor(game.valued_costs if f is None else [f], game.variables, point)
        return None if found is None else cls.of(game.sizes, found)

    @property
    def n(self) -> int:
        """The number of variables."""
        return sum(self.sizes)

    @property
    def owners(self) -> list[int]:
        """The player that owns each variable."""
        return [player for player, size in enumerate(self.sizes) for _ in range(size)]

    def slope(self, player: int, i: int) -> int:
        """scale D_i f of a player."""
        return self.costs[player].get((i,), 0)

    def hessian(self, player: int, i: int, j: int) -> int:
        """scale D_i D_j f of a player."""
        if i == j:
            return 2 * self.costs[player].get((i, i), 0)
        return self.costs[player].get((i, j) if i < j else (j, i), 0)

    def hessian_row(self, player: int, i: int) -> list[int]:
        """scale D_i D f of a player."""
        entry = self.costs[player].get
        row = [entry(pair, 0) for pair in _pairs(self.n)[i]]
        row[i] *= 2
        return row

    def third(self, player: int, i: int, j: int, k: int) -> int:
        """scale D_i D_j D_k f of a player."""
        i, j, k = sorted((i, j, k))
        times = 1 if i < j < k else 6 if i == k else 2
        return times * self.costs[player].get((i, j, k), 0)

    def reordered(self, order: Sequence[int], sizes: Sequence[int],
                  players: Sequence[int]) -> Jet:
        """The same game with variables and players in another order."""
        place = {old: new for new, old in enumerate(order)}
        costs = [{tuple(sorted(place[i] for i in m)): c for m, c in self.costs[p].items()}
                 for p in players]
        return Jet(sizes, costs, self.scale)


@lru_cache(maxsize=None)
def _pairs(n: int) -> list[list[Monomial]]:
    """The monomial e_i e_j in row i and column j."""
    return [[(i, j) if i < j else (j, i) for j in range(n)] for i in range(n)]


# -- from expressions -------------------------------------------------------------------

def taylor(expressions: Sequence[sp.Expr], variables: Sequence[sp.Symbol],
           point: Sequence[int | Fraction], order: int = ORDER) -> list[Polynomial] | None:
    """The Taylor polynomials of expressions at a rational point, exact, in e = z - z*.

    Guarantee: the coefficients are exact.  None if one of them is not found to be
    rational: an elementary function at a value where its derivatives are irrational, a
    division by zero, a function that is not known here.

    >>> x, y = sp.symbols("x y", real=True)
    >>> taylor([x*y**2, sp.exp(x)], (x, y), (0, 1), order=2)
    [{(0,): 1, (0, 1): 2}, {(): 1, (0,): 1, (0, 0): Fraction(1, 2)}]
    """
    reader = _Reader(variables, point, order)
    try:
        return [reader.read(e) for e in expressions]
    except _NoJet:
        return None


class _Reader:
    """Truncated power series of the nodes of expressions."""

    def __init__(self, variables: Sequence[sp.Symbol], point: Sequence[int | Fraction],
                 order: int) -> None:
        self.index = {v: i for i, v in enumerate(variables)}
        self.point = [v.numerator if v.denominator == 1 else v for v in point]
        self.order = order
        self.moved = any(self.point)
        self.known: dict[sp.Basic, Polynomial] = {}
        self.words: dict[sp.Basic, Monomial] = {v: (i,) for v, i in self.index.items()}

    def read(self, node: sp.Expr) -> Polynomial:
        found = self.known.get(node)
        if found is None:
            found = self.known[node] = self._read(node)
        return found

    def _read(self, node: sp.Expr) -> Polynomial:
        written: Polynomial = {}
        rest: list[Polynomial] = []
        for term in node.args if node.is_Add else (node,):
            monomial = self._monomial(term)
            if monomial is None:
                rest.append(self._series(term))
            else:
                word, c = monomial
                written[word] = written[word] + c if word in written else c
        if self.moved:
            written = shifted(written, self.point, self.order)
        out = {m: c for m, c in written.items() if c and len(m) <= self.order}
        for other in rest:
            for m, c in other.items():
                out[m] = out.get(m, 0) + c
        return {m: c for m, c in out.items() if c} if rest else out

    def _monomial(self, term: sp.Expr) -> tuple[Monomial, int | Fraction] | None:
        """A number times powers of variables, or None."""
        word: Monomial = ()
        c: int | Fraction = 1
        for factor in term.args if term.is_Mul else (term,):
            part = self.words.get(factor)
            if part is not None:
                word += part
            elif factor.is_Rational:
                c *= _rational(factor)
            else:
                part = self._variable_to_a_power(factor)
                if part is None:
                    return None
                self.words[factor] = part
                word += part
        return tuple(sorted(word)), c

    def _variable_to_a_power(self, factor: sp.Expr) -> Monomial | None:
        if not factor.is_Pow or not factor.args[1].is_Integer:
            return None
        i, p = self.index.get(factor.args[0]), int(factor.args[1])
        return None if i is None or not 0 < p <= _WRITTEN_OUT else (i,) * p

    def _series(self, node: sp.Expr) -> Polynomial:
        if node.is_Mul:
            out = self.read(node.args[0])
            for factor in node.args[1:]:
                out = multiplied(out, self.read(factor), self.order)
            return out
        if node.is_Pow and node.args[1].is_Rational:
            return self._power(self.read(node.args[0]), _rational(node.args[1]))
        if node.func in _SERIES:
            at, values = _SERIES[node.func]
            inner = self.read(node.args[0])
            if inner.get((), 0) != at or self.order >= len(values):
                raise _NoJet
            return self._composed(values, inner)
        raise _NoJet

    def _power(self, base: Polynomial, q: int | Fraction) -> Polynomial:
        c = base.get((), 0)
        if isinstance(q, int) and 0 <= q and (q <= self.order or not c):
            out: Polynomial = {(): 1} if q <= self.order else {}
            for _ in range(q if out else 0):
                out = multiplied(out, base, self.order)
            return out
        if not c or c < 0 and q.denominator > 1:
            raise _NoJet
        root = _exact_root(_F(c), q.denominator)
        if root is None or abs(q.numerator) * _bits(root) > _LARGEST:
            raise _NoJet
        values, binomial = [], _F(1)
        for k in range(self.order + 1):
            values.append(binomial * root ** q.numerator / _F(c) ** k)
            binomial *= _F(q - k) / (k + 1)
        return self._composed(values, base)

    def _composed(self, values: Sequence[int | Fraction], inner: Polynomial) -> Polynomial:
        """sum of values_k u^k with u the inner series without its constant."""
        u = {m: c for m, c in inner.items() if m}
        out: Polynomial = {(): values[0]}
        power: Polynomial = {(): 1}
        for value in values[1:self.order + 1]:
            power = multiplied(power, u, self.order)
            for m, c in power.items():
                out[m] = out.get(m, 0) + value * c
        return {m: c for m, c in out.items() if c}


def _rational(number: sp.Rational) -> int | Fraction:
    return int(number.p) if number.q == 1 else Fraction(int(number.p), int(number.q))


def _bits(value: Fraction) -> int:
    """How many bits each power adds, at most; 0 for 1 and -1."""
    largest = max(abs(value.numerator), value.denominator)
    return 0 if largest == 1 else largest.bit_length()


def _exact_root(value: Fraction, k: int) -> Fraction | None:
    """The positive rational whose k-th power is the value, if there is one."""
    if k == 1:
        return value
    parts = []
    for part in (value.numerator, value.denominator):
        root, is_exact = sp.integer_nthroot(part, k)
        if not is_exact:
            return None
        parts.append(int(root))
    return Fraction(*parts)


# -- polynomials ----------------------------------------------------------------------------

def multiplied(f: Polynomial, g: Polynomial, order: int) -> Polynomial:
    """The product of two polynomials without its terms above an order.

    >>> multiplied({(): 1, (0,): 2}, {(0,): 1, (0, 1): 1}, 2)
    {(0,): 1, (0, 1): 1, (0, 0): 2}
    """
    out: Polynomial = {}
    for m, c in f.items():
        for k, d in g.items():
            if len(m) + len(k) <= order:
                word = tuple(sorted(m + k)) if m and k else m + k
                out[word] = out.get(word, 0) + c * d
    return out


def shifted(f: Polynomial, point: Sequence[int | Fraction], order: int) -> Polynomial:
    """f(point + e) as a polynomial in e, without its terms above an order.

    >>> shifted({(0, 0): 1}, [3], 2)
    {(): 9, (0,): 6, (0, 0): 1}
    """
    for i, at in enumerate(point):
        if not at:
            continue
        grown: Polynomial = {}
        expansions: dict[int, list[int | Fraction]] = {}
        for word, c in f.items():
            p = word.count(i)
            if not p:
                grown[word] = grown.get(word, 0) + c
                continue
            # The variables before z_i have been shifted: their degree is final.
            start = word.index(i)
            head, tail = word[:start], word[start + p:]
            if p not in expansions:
                expansions[p] = [math.comb(p, k) * at ** (p - k) for k in range(p + 1)]
            for k, times in enumerate(expansions[p][:max(0, order + 1 - start)]):
                longer = head + (i,) * k + tail
                grown[longer] = grown.get(longer, 0) + c * times
        f = grown
    return {m: c for m, c in f.items() if c and len(m) <= order}


# -- back to formulas -------------------------------------------------------------------------

def action_names(sizes: Sequence[int]) -> list[list[sp.Symbol]]:
    """x, y, z, ... for the players; x1, x2, ... where a player has more than one action."""
    out = []
    for player, size in enumerate(sizes):
        letter = "xyzuvw"[player] if len(sizes) <= 6 else f"x{player + 1}_"
        names = [letter] if size == 1 else [f"{letter}{k}" for k in range(1, size + 1)]
        out.append([sp.Symbol(name, real=True) for name in names])
    return out


def game_of_polynomials(costs: Sequence[Polynomial], sizes: Sequence[int],
                        point: Sequence[sp.Expr], more: Sequence[Any] = ()) -> Game:
    """The game whose costs are polynomials in e = z - point, and ``more[k](e)`` if not None.

    One cost f stands for the zero-sum game (f, -f).
    """
    actions = action_names(sizes)
    e = [z - p for z, p in zip((a for own in actions for a in own), point)]
    written = []
    for k, cost in enumerate(costs):
        terms = [sp.Rational(c.numerator, c.denominator) * sp.Mul(*(e[i] for i in word))
                 for word, c in cost.items()]
        if k < len(more) and more[k] is not None:
            terms.append(more[k](e))
        written.append(sp.Add(*terms))
    if len(written) == 1:
        written.append(-written[0])
    return Game(*(Player(f, own) for f, own in zip(written, actions)))
