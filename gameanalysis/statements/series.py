r"""Power series of the follower's response, and what follows from them: exact oracles.

At a point of the reaction curve, F = 0 for the followers' own gradients F and det D_y F != 0,
the response y = r(x) with F(x, r(x)) = 0 is a power series in u = x - x*,

    s_0 = 0,    s_(k+1) = s_k - (D_y F)^-1 F(u, s_k),

where every step gains an order, and phi(u) = f1(u, r(u)) is the leader's cost along it.  So
D f1 and D^2 f1 are read off phi, without the formula of J_S and without its derivation; J_S
itself, with a regularisation eta, is the linear part of the series of

    D1 f1 - C^T v,    (D^T + eta I) v = D_y f1,    C = D_x F,  D = D_y F.

Polynomials are dicts from sorted tuples of variables' indices to rationals, in e = z - z*
(`jets`).

Neighbourhoods, in the norm |u| = max |u_i|.  With all coefficients of a polynomial p whose
terms have degree >= k, |p(u)| <= sum |c| |u|^k for |u| <= 1: that makes statements of all
small u decidable from finitely many rational numbers (`local_nash`, `local_stackelberg`).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import sympy as sp

from ..exact.definiteness import inertia, is_positive_definite
from ..exact.jets import Polynomial, multiplied, taylor
from ..truth import Truth
from ..verdicts.local import LocalGame
from .claims import Finding

__all__ = ["NO_JET", "along_response", "composed", "costs_at", "derivative", "local_nash",
           "local_stackelberg", "quadratic_part", "response", "ridge_linearisation", "solved",
           "stackelberg_linearisation"]

Rows = list[list[Fraction]]

#: Why a statement that needs series is not decided.
NO_JET = Finding(Truth.UNDECIDED, "the derivatives at the point are not rational")


# -- polynomials ------------------------------------------------------------------------

def costs_at(local: LocalGame) -> list[Polynomial] | None:
    """The 3-jet of each player's cost with rational coefficients; None without one."""
    jet = local.jet
    if jet is None:
        return None
    return [{word: Fraction(c, jet.scale) for word, c in cost.items()} for cost in jet.costs]


def _whole_costs(local: LocalGame) -> list[Polynomial] | None:
    """The costs themselves where they are polynomials with rational coefficients."""
    game = local.game
    if local.jet is None or not all(f.is_polynomial(*game.variables) for f in game.valued_costs):
        return None
    order = max(sp.Poly(f, *game.variables).total_degree() if f.free_symbols else 0
                for f in game.valued_costs)
    at = [Fraction(int(v.p), int(v.q)) for v in local.point]
    return taylor(game.valued_costs, game.variables, at, max(order, 1))


def derivative(f: Polynomial, i: int) -> Polynomial:
    """D_i f.

    >>> derivative({(0, 0, 1): 3, (1,): 1}, 0)
    {(0, 1): 6}
    """
    out: Polynomial = {}
    for word, c in f.items():
        times = word.count(i)
        if times:
            k = word.index(i)
            out[word[:k] + word[k + 1:]] = c * times
    return out


def composed(f: Polynomial, parts: Sequence[Polynomial], order: int) -> Polynomial:
    """f with a polynomial in the place of each variable, without terms above an order.

    >>> composed({(0, 1): 2}, [{(0,): 1}, {(0,): 1, (0, 0): 5}], 2)
    {(0, 0): 2}
    """
    out: Polynomial = {}
    for word, c in f.items():
        term: Polynomial = {(): c}
        for i in word:
            term = multiplied(term, parts[i], order)
        for longer, d in term.items():
            out[longer] = out.get(longer, 0) + d
    return {word: c for word, c in out.items() if c}


def quadratic_part(f: Polynomial, n: int) -> Rows:
    """The Hessian at 0 by the first n variables."""
    return [[Fraction(f.get((min(i, j), max(i, j)), 0) * (2 if i == j else 1))
             for j in range(n)] for i in range(n)]


def solved(matrix: Sequence[Sequence[Fraction]], right: Sequence[Polynomial]
           ) -> list[Polynomial]:
    """X with matrix X = right, a column of polynomials; ZeroDivisionError if singular.

    >>> solved([[0, 2], [1, 0]], [{(): 4}, {(0,): 3}])
    [{(0,): Fraction(3, 1)}, {(): Fraction(2, 1)}]
    """
    rows = [[Fraction(c) for c in row] for row in matrix]
    column = [dict(p) for p in right]
    n = len(rows)
    for k in range(n):
        pivot = next((i for i in range(k, n) if rows[i][k]), None)
        if pivot is None:
            raise ZeroDivisionError("the matrix is singular")
        rows[k], rows[pivot] = rows[pivot], rows[k]
        column[k], column[pivot] = column[pivot], column[k]
        head = rows[k][k]
        rows[k] = [c / head for c in rows[k]]
        column[k] = {word: c / head for word, c in column[k].items()}
        for i in range(n):
            if i != k and rows[i][k]:
                factor = rows[i][k]
                rows[i] = [a - factor * b for a, b in zip(rows[i], rows[k])]
                column[i] = _sum(column[i], column[k], -factor)
    return column


def _sum(f: Polynomial, g: Polynomial, factor: int | Fraction = 1) -> Polynomial:
    """f + factor g."""
    out = dict(f)
    for word, c in g.items():
        out[word] = out.get(word, 0) + factor * c
    return {word: c for word, c in out.items() if c}


def _constants(polynomials: Sequence[Sequence[Polynomial]]) -> Rows:
    return [[Fraction(p.get((), 0)) for p in row] for row in polynomials]


# -- the response and the Stackelberg gradient ------------------------------------------------

def _own_gradients(costs: Sequence[Polynomial], sizes: Sequence[int]) -> list[Polynomial]:
    """F, the followers' own gradients."""
    owners = [player for player, size in enumerate(sizes) for _ in range(size)]
    return [derivative(costs[owners[i]], i) for i in range(sizes[0], len(owners))]


def response(costs: Sequence[Polynomial], sizes: Sequence[int], order: int
             ) -> list[Polynomial]:
    """The response's power series, one for each action of the followers, in u = x - x*.

    At a point with F = 0; ZeroDivisionError where D_y F is singular.

    >>> y2_xy_x2y = {(1, 1): Fraction(1, 2), (0, 1): 1, (0, 0, 1): 1}    # of f2
    >>> response([{}, y2_xy_x2y], (1, 1), 2)
    [{(0,): Fraction(-1, 1), (0, 0): Fraction(-1, 1)}]
    """
    n1, n = sizes[0], sum(sizes)
    own = _own_gradients(costs, sizes)
    slopes = _constants([[derivative(f, j) for j in range(n1, n)] for f in own])
    leads: list[Polynomial] = [{(i,): Fraction(1)} for i in range(n1)]
    out: list[Polynomial] = [{} for _ in own]
    for k in range(1, order + 1):
        rest = [composed(f, [*leads, *out], k) for f in own]
        out = [_sum(s, step, -1) for s, step in zip(out, solved(slopes, rest))]
    return out


def along_response(costs: Sequence[Polynomial], sizes: Sequence[int], order: int = 2
                   ) -> Polynomial:
    """phi(u) = f1(u, r(u)) up to an order, in u = x - x*.

    >>> f1, f2 = {(0, 0): 1, (0, 1): 1, (1,): 1}, {(1, 1): Fraction(1, 2), (0, 1): 1}
    >>> along_response([f1, f2], (1, 1))
    {(0,): Fraction(-1, 1)}
    """
    leads: list[Polynomial] = [{(i,): Fraction(1)} for i in range(sizes[0])]
    return composed(costs[0], [*leads, *response(costs, sizes, order)], order)


def stackelberg_linearisation(costs: Sequence[Polynomial], sizes: Sequence[int],
                              eta: Fraction = Fraction(0)) -> tuple[list[Fraction], Rows]:
    """(w_S, J_S) with the regularisation eta, from the series of w_S to first order.

    ZeroDivisionError where D + eta I is singular.
    """
    n1, n = sizes[0], sum(sizes)
    own = _own_gradients(costs, sizes)
    follow = range(n1, n)
    hessian = [[derivative(f, j) for j in follow] for f in own]
    turned = [[_sum(p, {(): eta}) if i == j else p for j, p in enumerate(row)]
              for i, row in enumerate(map(list, zip(*hessian)))]
    v = _solved_to_first_order(turned, [derivative(costs[0], j) for j in follow])
    field = [_sum(derivative(costs[0], i), _inner([derivative(f, i) for f in own], v), -1)
             for i in range(n1)] + own
    return [Fraction(p.get((), 0)) for p in field], _slopes(field, n)


def ridge_linearisation(costs: Sequence[Polynomial], sizes: Sequence[int], ratio: Fraction
                        ) -> Rows:
    """Dg of follow-the-ridge, g = (D1 f1, ratio F - D^-1 C D1 f1), from the series of g."""
    n1, n = sizes[0], sum(sizes)
    own = _own_gradients(costs, sizes)
    lead = [derivative(costs[0], i) for i in range(n1)]
    pull = [_inner([derivative(f, i) for i in range(n1)], lead) for f in own]
    turned = _solved_to_first_order([[derivative(f, j) for j in range(n1, n)] for f in own], pull)
    follow = [_sum(_scaled(f, ratio), step, -1) for f, step in zip(own, turned)]
    return _slopes([*lead, *follow], n)


def _solved_to_first_order(rows: Sequence[Sequence[Polynomial]], right: Sequence[Polynomial]
                           ) -> list[Polynomial]:
    """v0 + v1 with (M0 + M1)(v0 + v1) = b0 + b1:  v1 = M0^-1 (b1 - M1 v0)."""
    start = _constants(rows)
    v = solved(start, [{(): p.get((), 0)} for p in right])
    defect = [_sum(p, _inner(row, v), -1) for p, row in zip(right, rows)]
    return [_sum(a, b) for a, b in zip(v, solved(start, [_linear(p) for p in defect]))]


def _slopes(field: Sequence[Polynomial], n: int) -> Rows:
    return [[Fraction(p.get((j,), 0)) for j in range(n)] for p in field]


def _scaled(f: Polynomial, factor: Fraction) -> Polynomial:
    return {word: factor * c for word, c in f.items()}


def _inner(row: Sequence[Polynomial], v: Sequence[Polynomial]) -> Polynomial:
    out: Polynomial = {}
    for p, q in zip(row, v):
        out = _sum(out, multiplied(p, q, 1))
    return out


def _linear(p: Polynomial) -> Polynomial:
    return {word: c for word, c in p.items() if len(word) == 1}


# -- strict minima with a proved neighbourhood ---------------------------------------------

def local_nash(local: LocalGame) -> Finding:
    """Whether the point is a strict local Nash equilibrium (Definition 1), by function values.

    Each player's cost as a function of its own actions u alone is f* + g.u + u^T H u/2 +
    terms of degree >= 3.  YES for g = 0 and H >= h > 0: with K the sum of the moduli of the
    coefficients of degree >= 3, the cost is above f* for 0 < |u| < min(1, h/2K); the radius
    is the note.  NO for g != 0 or an eigenvalue of H below zero.  Costs that are no
    polynomials have a remainder of order 3 (Taylor) and so the same answers, without a radius.
    """
    whole = _whole_costs(local)
    costs = whole or costs_at(local)
    if costs is None:
        return NO_JET
    found, start, radius = Truth.YES, 0, Fraction(1)
    for player, size in enumerate(local.sizes):
        own = range(start, start + size)
        f = {tuple(i - start for i in word): c for word, c in costs[player].items()
             if all(i in own for i in word)}
        answer, h = _minimum(f, size)
        found, start = found & answer, start + size
        if h:
            radius = min(radius, _ratio(h, 2 * _modulus(f, 3)))
    if found is Truth.YES:
        return _within(radius, whole is not None)
    return Finding(found, "" if found is Truth.NO else "a Hessian is singular")


def local_stackelberg(local: LocalGame) -> Finding:
    """Whether the point is a strict local Stackelberg equilibrium (Definition 2).

    Two players.  By function values, with s the response's series to order 2 and |.| the
    largest modulus of an entry:

    * D22 f2 >= m > 0 where |u|, |v| < sigma, from the moduli of its coefficients, so f2 has
      at most one minimum in v there, for each u;
    * |D2 f2(u, s(u))| <= a |u|^3, so that minimum exists within a |u|^3/m of s(u) as long as
      |s(u)| + 2 a |u|^3/m < sigma;
    * f1(u, s(u)) >= f1* + h |u|^2/2 - K |u|^3, and f1 changes by at most G a |u|^3/m on the
      way to the minimum.

    So f1 > f1* at the best response in |v| < sigma to each 0 < |u| < rho, the radius that is
    the note.  NO where f2 has no minimum at the point or phi a direction of descent.  Costs
    that are no polynomials: the same answers by Taylor's theorem, without a radius.
    """
    whole = _whole_costs(local)
    costs = whole or costs_at(local)
    if costs is None:
        return NO_JET
    n1, n = local.sizes[0], local.n
    f2 = {tuple(i - n1 for i in word): c for word, c in costs[1].items()
          if all(i >= n1 for i in word)}
    answer, least = _minimum(f2, n - n1)
    if answer is not Truth.YES:
        return Finding(answer, "f2 has no strict minimum in the follower's actions"
                       if answer is Truth.NO else "D22 f2 is singular")
    phi = along_response(costs, local.sizes)
    answer, h = _minimum(phi, n1)
    if answer is not Truth.YES:
        return Finding(answer, "f1(x1, r(x1)) decreases" if answer is Truth.NO
                       else "D^2 f1 is singular")
    if whole is None:
        return _within(Fraction(1), False)
    return _within(_stackelberg_radius(whole, local.sizes, least, h), True)


def _stackelberg_radius(costs: Sequence[Polynomial], sizes: Sequence[int], least: Fraction,
                        h: Fraction) -> Fraction:
    n1, n = sizes[0], sum(sizes)
    follow = range(n1, n)
    own = [derivative(costs[1], j) for j in follow]
    # |D22 f2 - D| <= sigma * drift in the norm of largest row sums, for sigma <= 1.
    drift = max(sum((_modulus(derivative(f, j), 1) for j in follow), Fraction(0)) for f in own)
    sigma = min(Fraction(1), _ratio(least, 2 * drift))
    s = response(costs, sizes, 2)
    leads: list[Polynomial] = [{(i,): Fraction(1)} for i in range(n1)]
    parts = [*leads, *s]
    degree = 2 * max(map(len, (word for f in costs for word in f)))
    defect = sum((_modulus(composed(f, parts, degree), 3) for f in own), Fraction(0))
    miss = 2 * defect / least                                   # a/m with m = least/2
    slope = max(map(_modulus, s))
    # Bounds of the first derivatives by v for |u|, |v| <= 1.
    gain = sum((_modulus(derivative(costs[0], j)) for j in follow), Fraction(0))
    rest = _modulus(composed(costs[0], parts, degree), 3)
    return min(sigma, _ratio(sigma, slope + 2 * miss),
               _ratio(h, 2 * (rest + gain * miss)))


def _minimum(f: Polynomial, n: int) -> tuple[Truth, Fraction]:
    """Whether 0 is a strict local minimum, and h > 0 with u^T H u >= h |u|^2 if it is."""
    if any(f.get((i,), 0) for i in range(n)):
        return Truth.NO, Fraction(0)
    hessian = quadratic_part(f, n)
    counts = inertia(hessian)
    assert counts is not None
    if counts[1]:
        return Truth.NO, Fraction(0)
    if counts[2]:
        return Truth.UNDECIDED, Fraction(0)
    h = min(hessian[i][i] for i in range(n))
    while is_positive_definite([[c - h * (i == j) for j, c in enumerate(row)]
                                for i, row in enumerate(hessian)]) is not Truth.YES:
        h /= 2
    return Truth.YES, h


def _modulus(f: Polynomial, lowest: int = 0) -> Fraction:
    """The sum of the moduli of the coefficients of terms of at least a degree."""
    return sum((abs(Fraction(c)) for word, c in f.items() if len(word) >= lowest), Fraction(0))


def _ratio(a: Fraction, b: Fraction) -> Fraction:
    return a / b if b else Fraction(1)


def _within(radius: Fraction, known: bool) -> Finding:
    return Finding(Truth.YES, f"for displacements below {float(radius):.3g}" if known else "")
