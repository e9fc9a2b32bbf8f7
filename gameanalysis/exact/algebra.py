r"""All real zeros of polynomial systems with finitely many complex zeros.

For f_1, ..., f_m in Q[x_1, ..., x_n] this module lists every real zero of
f_1 = ... = f_m = 0, each once, as an exact algebraic point, or says why it
does not.  Variables that occur linearly are eliminated first.  What remains:

- one variable: the real roots of gcd(f_1, ..., f_m);
- two variables: with t = x + c y and c such that f and g have constant
  leading coefficients in y, every root of R(t) = Res_y(f(t - c y, y), g) lies
  under a zero.  Over a root of R the first subresultant S_k whose leading
  coefficient s_k does not vanish is gcd(f, g); when it is s_k (y - r)^k, with
  r = -s_{k-1} / (k s_k), exactly one zero lies there, and otherwise another c
  is taken;
- three or more: the quotient algebra Q[x]/(f_1, ..., f_m) by linear algebra
  on Macaulay matrices (module `macaulay`).

A set of zeros of positive dimension is recognised by a common factor g of
all f_j: where g takes both signs, its zeros separate the two sides.

References: D. Cox, J. Little, D. O'Shea, Using Algebraic Geometry (2005),
chapters 2 and 3; M. El Kahoui, An elementary approach to subresultants
theory, J. Symbolic Comput. 35 (2003).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import reduce
from itertools import chain, islice, product
from math import comb, lcm, prod
from typing import Union

import sympy as sp
from sympy.polys.domains import QQ, ZZ
from sympy.polys.euclidtools import dmp_subresultants
from sympy.polys.orderings import grlex
from sympy.polys.polyerrors import PolynomialError
from sympy.polys.rings import PolyElement, PolyRing

from .macaulay import NotZeroDimensional, TooLarge, quotient_representation
from .numberfield import AlgebraicPoint
from .reduction import definite_sign
from .univariate import (Dense, add, common_divisor, dense, divide, exact_quotient, multiply,
                         product_modulo, real_roots, remainder, scale, sign, squarefree_factors,
                         substitute)

__all__ = ["NotZeroDimensional", "TooLarge", "positive_dimensional_part", "real_zeros"]

#: Work bounds: degree in one variable; degree products in two and in more.
MAX_DEGREE = 400
MAX_BEZOUT_TWO = 144
MAX_BEZOUT_MORE = 40

#: Slopes c tried for t = x + c y.
_SLOPES = (0, 1, -1, 2, -2, 3, -3, 5, -5, 7, 11, -13, 17, 101, 1009)

Polynomial = Union[sp.Expr, sp.Poly]


def real_zeros(polynomials: Sequence[Polynomial],
               variables: Sequence[sp.Symbol]) -> tuple[AlgebraicPoint, ...]:
    r"""All real zeros of a polynomial system with finitely many complex ones.

    The x in R^n with f_1(x) = ... = f_m(x) = 0.  The list is proved complete
    on the whole space and holds each zero once, multiple zeros too.  Nothing
    is approximated.

    Parameters
    ----------
    polynomials : polynomials with rational coefficients in ``variables``.
    variables : the n unknowns, in the order of the coordinates.

    Returns the points in ascending order of their coordinates.

    Raises `NotZeroDimensional` when there are, over the complex numbers,
    infinitely many zeros (``.factor`` is a common factor, if there is one);
    `TooLarge`, before work that would take more than some seconds: in one
    unknown above degree 400, in two above a product of degrees of 144, in
    more above 40 or where Macaulay matrices would exceed their bounds; and
    `ValueError` for what is no polynomial with rational coefficients.

    >>> x, y = sp.symbols("x y", real=True)
    >>> [p.exact() for p in real_zeros([x**2 + y**2 - 1, x - y], (x, y))]
    [(-sqrt(2)/2, -sqrt(2)/2), (sqrt(2)/2, sqrt(2)/2)]

    Reference: F. Rouillier, AAECC 9 (1999).
    """
    variables = tuple(variables)
    ring = PolyRing(variables, QQ, grlex)
    system = _Elimination(ring, [_ring_element(f, ring) for f in polynomials])
    points = [AlgebraicPoint(variables, root, numerators, denominator, multiplicity)
              for p, multiplicity, active, below in system.solve()
              for numerators, denominator in [system.complete(active, below, p)]
              for root in real_roots(p)]
    return tuple(sorted(points, key=_order))


def _order(point: AlgebraicPoint) -> list[int]:
    return [((a + b) * 2**40).__floor__() for a, b in point.enclosure(60)]


def _ring_element(f: Polynomial, ring: PolyRing) -> PolyElement:
    """f as a sparse polynomial over the rationals."""
    try:
        poly = f if isinstance(f, sp.Poly) and f.gens == ring.symbols and f.domain in (QQ, ZZ) \
            else sp.Poly(f.as_expr() if isinstance(f, sp.Poly) else f, *ring.symbols, domain=QQ)
    except (PolynomialError, sp.CoercionFailed) as error:
        raise ValueError(f"{f} is not a polynomial with rational coefficients in "
                         f"{', '.join(map(str, ring.symbols))}") from error
    return _integral(ring.from_dict({m: QQ.convert(c) for m, c in poly.rep.to_dict().items()}))


def _integral(f: PolyElement) -> PolyElement:
    """The multiple of f with coprime integer coefficients."""
    return f.clear_denoms()[1].primitive()[1] if f else f


def _total_degree(f: PolyElement) -> int:
    return max((sum(m) for m in f), default=-1)


#: (p, multiplicity or None, numerators of the active variables, denominator)
Family = tuple[Dense, Union[int, None], list[Dense], Dense]


class _Elimination:
    """The system without the variables that some equation gives explicitly."""

    def __init__(self, ring: PolyRing, system: list[PolyElement]) -> None:
        self.ring = ring
        self.system = _lower_degrees(_tidy(system))
        self.given = list(self.system)
        self.active = list(range(ring.ngens))
        self.explicit: list[tuple[int, PolyElement]] = []
        while (found := self._explicit_variable()) is not None:
            k, index, value = found
            del self.system[k]
            variable = self.ring.gens[index]
            self.system = _lower_degrees(_tidy(
                [_integral(f.compose(variable, value)) for f in self.system]))
            self.active.remove(index)
            self.explicit.append((index, value))

    def _explicit_variable(self) -> tuple[int, int, PolyElement] | None:
        """An equation c x_i + h = 0, h without x_i, that is safe to use."""
        choices = []
        degrees = [_total_degree(f) for f in self.system]
        for k, f in enumerate(self.system):
            for index in self.active:
                unit = tuple(int(j == index) for j in range(self.ring.ngens))
                if unit in f and sum(1 for m in f if m[index]) == 1:
                    after = prod(max(sum(m) + m[index] * (degrees[k] - 1) for m in g)
                                 for j, g in enumerate(self.system) if j != k)
                    if degrees[k] == 1 or after <= prod(degrees):
                        choices.append((degrees[k], len(f), k, index, unit))
        if not choices or 0 in degrees:
            return None
        _, _, k, index, unit = min(choices)
        f = self.system[k]
        return k, index, self.ring.gens[index] - f / f[unit]

    def solve(self) -> Iterator[Family]:
        """The zeros of what remains, in the active variables."""
        if any(_total_degree(f) == 0 for f in self.system):
            return
        names = ", ".join(str(self.ring.symbols[k]) for k in self.active)
        if not self.active:
            yield (1, 0), 1, [], (1,)
        elif not self.system:
            raise self._infinite(f"no equation is left for {names}: the zeros have dimension "
                                 f"{len(self.active)}")
        elif len(self.active) == 1:
            yield from _solve_one(self.system, self.active[0])
        else:
            if len(self.active) == 2 or len(self.system) < len(self.active):
                self._remove_common_factor()
            if any(_total_degree(f) == 0 for f in self.system):
                return
            if len(self.system) < len(self.active):
                raise self._infinite(
                    f"{len(self.system)} equations are left for {names}: their complex zeros "
                    f"have dimension at least {len(self.active) - len(self.system)}, or there "
                    f"are none")
            if len(self.active) == 2:
                yield from _solve_two(self.system, *self.active)
            else:
                yield from self._solve_more()

    def _remove_common_factor(self) -> None:
        """Divide by a common factor that is never zero; raise for any other."""
        common = _common_factor(self.system)
        if _total_degree(common) == 0:
            return
        if not definite_sign(common.as_expr()):
            raise self._infinite("", self.system)
        self.system = _tidy([_integral(f.exquo(common)) for f in self.system])

    def _infinite(self, message: str,
                  system: list[PolyElement] | None = None) -> NotZeroDimensional:
        """The error, naming the common factor if there is one."""
        system = self.given if system is None else system
        common = _common_factor(system) if system else self.ring.one
        if _total_degree(common) == 0:
            return NotZeroDimensional(message)
        factor = sp.factor(common.as_expr())
        return NotZeroDimensional(f"all equations have the common factor {factor}: its zeros "
                                  f"are zeros of the system", factor)

    def _solve_more(self) -> Iterator[Family]:
        names = [self.ring.symbols[k] for k in self.active]
        degrees = [_total_degree(f) for f in self.system]
        bezout = prod(sorted(degrees)[-len(self.active):])
        if bezout > MAX_BEZOUT_MORE:
            raise TooLarge(f"the degrees {degrees} allow {bezout} complex zeros in "
                           f"{len(names)} unknowns; the bound is {MAX_BEZOUT_MORE}")
        system = [{tuple(m[k] for k in self.active): int(c) for m, c in f.items()}
                  for f in self.system]
        try:
            yield from quotient_representation(system)
        except TooLarge:
            if _total_degree(_common_factor(self.system)) == 0:
                raise
            raise self._infinite("", self.system) from None

    def complete(self, numerators: list[Dense], denominator: Dense,
                 p: Dense) -> tuple[list[Dense], Dense]:
        """Numerators of all variables, in order, over one denominator."""
        known = dict(zip(self.active, numerators))
        for index, value in reversed(self.explicit):
            degree = max(_total_degree(value), 1)
            cleared, value = value.clear_denoms()
            top, c = substitute(_integers(value), self._columns(known), denominator, p, degree)
            c *= int(cleared)
            # lift = e D^(degree - 1) and below = b D lift, modulo p.
            lift, e = product_modulo((denominator,) * (degree - 1), p)
            below, b = remainder(multiply(denominator, lift), p)
            lifted = {k: remainder(multiply(n, lift), p) for k, n in known.items()}
            common = lcm(c, *(a for _, a in lifted.values()))
            known = {k: scale(n, b * common // a) for k, (n, a) in lifted.items()}
            known[index] = scale(top, b * e * common // c)
            denominator = scale(below, common)
        return self._columns(known), denominator

    def _columns(self, known: dict[int, Dense]) -> list[Dense]:
        return [known.get(k, ()) for k in range(self.ring.ngens)]


def _integers(f: PolyElement) -> dict[tuple[int, ...], int]:
    return {m: int(c) for m, c in f.items()}


def _tidy(system: list[PolyElement]) -> list[PolyElement]:
    """Without zeros and repetitions, lowest degrees first."""
    distinct = dict.fromkeys(f if f.LC > 0 else -f for f in system if f)
    return sorted(distinct, key=lambda f: (_total_degree(f), len(f)))


def _lower_degrees(system: list[PolyElement]) -> list[PolyElement]:
    """Linear combinations of the same span of lower degrees, where there are."""
    if sum(map(_total_degree, system)) > 60 or not system:
        return system
    reduced: dict[tuple[int, ...], PolyElement] = {}
    for f in system:
        while f and f.LM in reduced:
            g = reduced[f.LM]
            f = f - g * (f.LC / g.LC)
        if f:
            reduced[f.LM] = f
    found = _tidy([_integral(f) for f in reduced.values()])
    lower = sum(map(_total_degree, found)) < sum(map(_total_degree, system))
    return _lower_degrees(found) if lower else system


def _common_factor(system: Sequence[PolyElement]) -> PolyElement:
    return _integral(reduce(lambda f, g: f.gcd(g), system))


def _solve_one(system: Sequence[PolyElement], index: int) -> Iterator[Family]:
    degree = max(_total_degree(f) for f in system)
    if degree > MAX_DEGREE:
        raise TooLarge(f"degree {degree} in one unknown exceeds {MAX_DEGREE}")
    common = reduce(common_divisor, (_one_variable(f, index) for f in system))
    for p, multiplicity in squarefree_factors(common):
        yield p, multiplicity, [(1, 0)], (1,)


def _one_variable(f: PolyElement, index: int) -> Dense:
    by_degree = {m[index]: int(c) for m, c in f.items()}
    return dense([by_degree.get(k, 0) for k in range(max(by_degree), -1, -1)])


def _solve_two(system: Sequence[PolyElement], ix: int, iy: int) -> Iterator[Family]:
    """Zeros of two or more coprime polynomials in two variables."""
    f, g = _coprime_pair(system)
    bezout = _total_degree(f) * _total_degree(g)
    if bezout > MAX_BEZOUT_TWO:
        raise TooLarge(f"the degrees {_total_degree(f)} and {_total_degree(g)} allow {bezout} "
                       f"complex zeros in two unknowns; the bound is {MAX_BEZOUT_TWO}")
    ring = f.ring
    x, y = ring.gens[ix], ring.gens[iy]
    for c in _SLOPES:
        sheared = [_by_powers(h.compose(x, x - c * y), ix, iy) for h in (f, g)]
        if any(len(h[0]) != 1 or len(h) - 1 != _total_degree(k)
               for h, k in zip(sheared, (f, g))):
            continue
        families = _shape(*sheared)
        if families is None:
            continue
        for p, simple, r, d in families:
            multiplicity: int | None = simple
            # y = r/d and x = t - c y
            numerators = [add(multiply((1, 0), d), r, 1, -c), r]
            if len(system) > 2:
                multiplicity = None
                columns: list[Dense] = [()] * ring.ngens
                columns[ix], columns[iy] = numerators
                for h in system:
                    p = common_divisor(
                        p, substitute(_integers(h), columns, d, p, _total_degree(h))[0])
            yield p, multiplicity, numerators, d
        return
    raise TooLarge("no separating linear form was found among "
                   + ", ".join(f"{ring.symbols[ix]} + {c}*{ring.symbols[iy]}" for c in _SLOPES))


def _coprime_pair(system: Sequence[PolyElement]) -> tuple[PolyElement, PolyElement]:
    """Two combinations of polynomials without common factor that have none."""
    f, *others = system
    weight = 1
    # An irreducible factor of f divides g for fewer than m weights, or for all.
    while True:
        g = _integral(sum((weight**k * h for k, h in enumerate(others)), f.ring.zero))
        if g and _total_degree(f.gcd(g)) == 0:
            return f, g
        weight += 1


def _by_powers(f: PolyElement, ix: int, iy: int) -> list[Dense]:
    """The coefficients of f in powers of y, highest first, as polynomials in x."""
    rows: dict[int, dict[int, int]] = {}
    for m, c in f.items():
        rows.setdefault(m[iy], {})[m[ix]] = int(c)
    return [dense([rows[k].get(j, 0) for j in range(max(rows[k]), -1, -1)]) if k in rows else ()
            for k in range(max(rows), -1, -1)]


def _shape(f: list[Dense], g: list[Dense]) -> list[tuple[Dense, int, Dense, Dense]] | None:
    """(p, multiplicity, r, d): over each root of p one zero, at y = r/d.

    None when some root of the resultant lies under several zeros, which another
    slope cures.
    """
    sequence = [[dense(row) for row in s] for s in dmp_subresultants(
        [[ZZ(c) for c in row] for row in f], [[ZZ(c) for c in row] for row in g], 1, ZZ)]
    by_degree = {len(sequence[1]) - 1: sequence[1]}
    h = _power_of(sequence[1][0], len(sequence[0]) - len(sequence[1]))
    for before, s in zip(sequence[1:], sequence[2:]):
        # Where degrees drop by more than one, s is not S_k but similar to it.
        drop = len(before) - len(s)
        factor, divisor = _power_of(s[0], drop - 1), _power_of(h, drop - 1)
        regular = [exact_quotient(multiply(row, factor), divisor) for row in s]
        by_degree[len(s) - 1] = [row for row in regular if row is not None]
        h = by_degree[len(s) - 1][0]
    families = []
    for p, multiplicity in squarefree_factors(by_degree[0][0]):
        for k in sorted(by_degree)[1:]:
            leading = by_degree[k][0]
            shared = common_divisor(p, leading)
            here = divide(p, shared)
            if len(here) > 1:
                r, d = scale(by_degree[k][1], -1), scale(leading, k)
                if not _is_power(by_degree[k], r, d, here):
                    return None
                families.append((here, multiplicity, remainder(r, here), remainder(d, here)))
            p = shared
    return [(p, m, scale(r, b), scale(d, a)) for p, m, (r, a), (d, b) in families]


def _power_of(f: Dense, n: int) -> Dense:
    return reduce(multiply, [f] * n, (1,))


def _is_power(s: list[Dense], r: Dense, d: Dense, p: Dense) -> bool:
    """Whether s = s_k (y - r/d)^k modulo p."""
    k = len(s) - 1
    for j in range(2, k + 1):
        expected, a = product_modulo([s[0]] + [r] * j, p)
        found, b = product_modulo([s[j]] + [d] * j, p)
        if add(expected, found, (-1)**j * comb(k, j) * b, -a):
            return False
    return True


def positive_dimensional_part(polynomials: Sequence[Polynomial],
                              variables: Sequence[sp.Symbol],
                              box: Sequence[tuple] | None = None) -> sp.Expr | None:
    """A common factor whose real zeros are proved to form a hypersurface.

    Returns an irreducible g that divides every polynomial and is positive at
    one rational point of the box and negative at another.  Its zeros in the
    box, all of them zeros of the system, then separate the two: they are
    infinitely many, of dimension n - 1.  Returns 0 when every polynomial is
    zero, and None when there is no such proof, which proves nothing; always
    so for n = 1, where zeros are isolated.

    Parameters
    ----------
    polynomials, variables : as in `real_zeros`.
    box : one pair of rational numbers for each variable, or None for R^n.

    >>> x, y = sp.symbols("x y", real=True)
    >>> positive_dimensional_part([x*(x + y - 1), y*(x + y - 1)], (x, y))
    x + y - 1
    """
    variables = tuple(variables)
    ring = PolyRing(variables, QQ, grlex)
    system = _tidy([_ring_element(f, ring) for f in polynomials])
    if not system:
        return sp.S.Zero
    common = _common_factor(system)
    if len(variables) < 2 or _total_degree(common) == 0:
        return None
    sides = [(Fraction(a), Fraction(b)) for a, b in box or [(-16, 16)] * len(variables)]
    for factor, _ in common.factor_list()[1]:
        if _changes_sign(factor, sides):
            return factor.as_expr()
    return None


def _changes_sign(f: PolyElement, sides: list[tuple[Fraction, Fraction]]) -> bool:
    """Whether f takes both signs at some rational points of the box."""
    n = len(sides)
    parts = [Fraction(k, 4) for k in range(5)] if n <= 4 else [Fraction(0), Fraction(1)]
    seen = set()
    # Beside the grid, points on a curve that no low-degree surface contains.
    curve = (tuple(Fraction((k + 1)**(j + 1) % 61, 61) for j in range(n)) for k in range(60))
    for weights in chain(islice(product(parts, repeat=n), 700), curve):
        point = [a + w * (b - a) for (a, b), w in zip(sides, weights)]
        value = f.evaluate([(x, QQ(q.numerator, q.denominator))
                            for x, q in zip(f.ring.gens, point)])
        seen.add(sign(Fraction(int(value.numerator), int(value.denominator))))
        if {1, -1} <= seen:
            return True
    return False
