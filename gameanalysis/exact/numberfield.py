r"""Real algebraic points and exact arithmetic with their coordinates.

A real algebraic point x* in R^n is stored as a rational univariate
representation: a real root theta of a squarefree polynomial p in Z[t], and
N_1, ..., N_n, D in Z[t] with D(theta) != 0 and

    x*_i = N_i(theta) / D(theta),      i = 1, ..., n.

Numbers of the form N(theta) / (d D(theta)^e), with N in Z[t] reduced modulo
p, d a positive integer and e >= 0, form a ring; the signs of N and D at
theta, which are exact, decide everything.

Reference: F. Rouillier, Solving zero-dimensional systems through the rational
univariate representation, AAECC 9 (1999).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import reduce
from math import gcd, lcm
from typing import Union

import sympy as sp
from sympy.polys.domains import QQ
from sympy.polys.matrices import DomainMatrix

from .univariate import (Dense, RealRoot, add, common_divisor, dense, divide, evaluate, invert,
                         multiply, primitive, real_roots, remainder, sign)

__all__ = ["AlgebraicPoint", "FieldElement"]

#: The highest degree of a minimal polynomial that is shown.
_LONGEST = 8

#: Bits of the coordinates in interval arithmetic, before exact arithmetic.
_QUICK = (64, 256)


def _decimal(ends: tuple[Fraction, Fraction]) -> str:
    middle = (ends[0] + ends[1]) / 2
    return str(sp.Rational(middle.numerator, middle.denominator).n(10))


class FieldElement:
    """An exact number N(theta) / (d D(theta)^e) at an algebraic point.

    Supports ``+ - *`` with elements of the same point, `int` and
    `fractions.Fraction`, and powers by integers >= 0; `AlgebraicPoint.sign_of`
    gives its exact sign.  Division is `AlgebraicPoint.inverse`.

    Elements of different points do not mix: `ValueError`.
    """

    __slots__ = ("point", "_n", "_d", "_e")

    def __init__(self, point: AlgebraicPoint, numerator: Dense, d: int, e: int) -> None:
        numerator, scale = remainder(numerator, point._root.p)
        d *= scale
        common = reduce(gcd, numerator, d)
        self.point, self._e = point, e if numerator else 0
        self._n, self._d = tuple(c // common for c in numerator), d // common

    def _lift(self, other: object) -> FieldElement | None:
        if isinstance(other, FieldElement):
            if other.point is not self.point:
                raise ValueError("elements of two different points do not mix")
            return other
        if isinstance(other, (int, Fraction)):
            return self.point.constant(other)
        return None

    def __add__(self, other: object) -> FieldElement:
        right = self._lift(other)
        if right is None:
            return NotImplemented
        e = max(self._e, right._e)
        power = self.point._denominator_power
        f = multiply(self._n, power(e - self._e))
        g = multiply(right._n, power(e - right._e))
        return FieldElement(self.point, add(f, g, right._d, self._d),
                            self._d * right._d, e)

    def __mul__(self, other: object) -> FieldElement:
        right = self._lift(other)
        if right is None:
            return NotImplemented
        return FieldElement(self.point, multiply(self._n, right._n),
                            self._d * right._d, self._e + right._e)

    __radd__ = __add__
    __rmul__ = __mul__

    def __neg__(self) -> FieldElement:
        return self * -1

    def __sub__(self, other: object) -> FieldElement:
        right = self._lift(other)
        return NotImplemented if right is None else self + -right

    def __rsub__(self, other: object) -> FieldElement:
        return -self + other

    def __pow__(self, exponent: int) -> FieldElement:
        if not isinstance(exponent, int) or exponent < 0:
            raise ValueError(f"the exponent must be an integer >= 0, not {exponent!r}")
        result = self.point.constant(1)
        base = self
        while exponent:
            if exponent & 1:
                result = result * base
            exponent >>= 1
            if exponent:
                base = base * base
        return result

    @property
    def sign(self) -> int:
        """The exact sign, -1, 0 or 1."""
        return self.point.sign_of(self)

    def enclosure(self, bits: int = 53) -> tuple[Fraction, Fraction]:
        """An interval of width at most 2^-bits that holds the number."""
        root, work = self.point._root, bits + 32
        while True:
            lo, hi = root.range_of(self._n, work)
            below, above = root.range_of(self._power_of_d(), work)
            if below > 0 or above < 0:
                ends = [Fraction(a, b * self._d) for a in (lo, hi) for b in (below, above)]
                if (max(ends) - min(ends)) * (1 << bits) <= 1:
                    return min(ends), max(ends)
            work *= 2

    def _power_of_d(self) -> Dense:
        return self.point._denominator_power(self._e)

    def __repr__(self) -> str:
        return f"FieldElement({_decimal(self.enclosure(64))})"


Entry = Union[sp.Expr, sp.Poly, int, Fraction, FieldElement]


class AlgebraicPoint:
    """A point of R^n with algebraic coordinates, known exactly.

    Made by `algebra.real_zeros`.  ``variables`` are the SymPy symbols of its
    coordinates, in order; ``multiplicity`` is the multiplicity of the zero in
    its system, or None where it was not computed.

    >>> from gameanalysis.exact.algebra import real_zeros
    >>> x, y = sp.symbols("x y", real=True)
    >>> point = real_zeros([x**2 - 2, y - x], (x, y))[1]
    >>> point.sign(x*y - 2), point.sign(7*x - 10)
    (0, -1)
    """

    __slots__ = ("variables", "multiplicity", "_root", "_numerators", "_denominator",
                 "_powers")

    def __init__(self, variables: Sequence[sp.Symbol], root: RealRoot,
                 numerators: Sequence[Dense], denominator: Dense,
                 multiplicity: int | None = None) -> None:
        self.variables, self.multiplicity = tuple(variables), multiplicity
        theta = root.rational()
        if theta is not None:
            below = evaluate(denominator, theta)
            values = [evaluate(n, theta) / below for n in numerators]
            common = lcm(*(v.denominator for v in values))
            root = RealRoot((1, 0), Fraction(0), Fraction(0))
            numerators = [dense([v * common]) for v in values]
            denominator = (common,)
        else:
            # A private copy: splitting p for one point must not touch others.
            root = RealRoot(root.p, root.lo, root.hi)
        self._root, self._numerators = root, tuple(numerators)
        self._denominator, self._powers = denominator, [(1,), denominator]

    def _denominator_power(self, e: int) -> Dense:
        while len(self._powers) <= e:
            self._powers.append(multiply(self._powers[-1], self._denominator))
        return self._powers[e]

    @property
    def is_rational(self) -> bool:
        """Whether every coordinate is rational."""
        return self._root.lo == self._root.hi

    @property
    def rational(self) -> tuple[Fraction, ...] | None:
        """The coordinates as fractions, or None when one is irrational."""
        if not self.is_rational:
            return None
        return tuple(Fraction(n[0] if n else 0, self._denominator[0])
                     for n in self._numerators)

    @property
    def degree(self) -> int:
        """The degree of the polynomial p that defines the point."""
        return len(self._root.p) - 1

    @property
    def coordinates(self) -> tuple[FieldElement, ...]:
        """The coordinates as exact field elements."""
        return tuple(FieldElement(self, n, 1, 1) for n in self._numerators)

    def constant(self, value: int | Fraction) -> FieldElement:
        """A rational number as an element of this point's field."""
        value = Fraction(value)
        return FieldElement(self, dense([value.numerator]), value.denominator, 0)

    def enclosure(self, bits: int = 53) -> tuple[tuple[Fraction, Fraction], ...]:
        """One interval of width <= 2^-bits for each coordinate, proved to hold it."""
        return tuple(c.enclosure(bits) for c in self.coordinates)

    def sign_of(self, element: FieldElement | int | Fraction) -> int:
        """The exact sign (-1, 0 or 1) of a field element; 0 is a proof of zero."""
        if not isinstance(element, FieldElement):
            return sign(element)
        if element.point is not self:
            raise ValueError("the element belongs to another point")
        result = self._root.sign_of(element._n)
        if result and element._e % 2:
            result *= self._root.sign_of(self._denominator)
        return result

    def inverse(self, element: FieldElement) -> FieldElement:
        """1 / element.  Raises `ZeroDivisionError` where the element is zero."""
        if self.sign_of(element) == 0:
            raise ZeroDivisionError("the element is zero at this point")
        common = common_divisor(element._n, self._root.p)
        if len(common) > 1:
            self._root.p = divide(self._root.p, common)
        n, scale = remainder(element._n, self._root.p)
        inverse, below = invert(n, self._root.p)
        # element = n / (scale d D^e), so 1/element = scale d D^e inverse / below.
        top = multiply(inverse, element._power_of_d())
        return FieldElement(self, add(top, (), scale * element._d), below, 0)

    def value(self, expression: Entry) -> FieldElement:
        """A polynomial or rational function in the variables, at this point.

        Raises `ValueError` for anything else than arithmetic with rational
        numbers and `ZeroDivisionError` where a denominator is zero.
        """
        if isinstance(expression, FieldElement):
            return expression + 0
        if isinstance(expression, (int, Fraction)):
            return self.constant(expression)
        if isinstance(expression, sp.Poly):
            expression = expression.as_expr()
        known = dict(zip(self.variables, self.coordinates))
        return self._value(expression, known)

    def _value(self, node: sp.Basic, known: dict) -> FieldElement:
        found = known.get(node)
        if found is not None:
            return found
        if isinstance(node, sp.Rational):
            return self.constant(Fraction(int(node.p), int(node.q)))
        if isinstance(node, (sp.Add, sp.Mul)):
            parts = [self._value(arg, known) for arg in node.args]
            result = parts[0]
            for part in parts[1:]:
                result = result + part if isinstance(node, sp.Add) else result * part
        elif isinstance(node, sp.Pow) and isinstance(node.exp, sp.Integer):
            result = self._value(node.base, known)
            if node.exp < 0:
                result = self.inverse(result)
            result = result ** abs(int(node.exp))
        else:
            raise ValueError(f"{node} is not a rational function of "
                             f"{', '.join(map(str, self.variables))}")
        known[node] = result
        return result

    def sign(self, expression: Entry) -> int:
        """The exact sign (-1, 0 or 1) of a rational function at this point.

        Interval arithmetic decides most signs; exact arithmetic the others,
        zero among them.  Errors are those of `value`.
        """
        if isinstance(expression, (sp.Expr, sp.Poly)):
            for bits in _QUICK:
                known = dict(zip(self.variables, self.enclosure(bits)))
                ends = _interval(expression.as_expr(), known)
                if ends is not None and (ends[0] > 0 or ends[1] < 0):
                    return 1 if ends[0] > 0 else -1
        return self.sign_of(self.value(expression))

    def exact(self) -> tuple[sp.Expr | None, ...]:
        """Each coordinate as a SymPy number, or None where it has no short form.

        Rational numbers, numbers with one square root, and `sympy.CRootOf` up
        to degree 8.
        """
        return tuple(_closed_form(c) for c in self.coordinates)

    def __repr__(self) -> str:
        if self.is_rational:
            text = ", ".join(str(v) for v in self.rational or ())
        else:
            text = ", ".join(_decimal(ends) for ends in self.enclosure(64))
        return f"AlgebraicPoint({text})"


Ends = tuple[Fraction, Fraction]


def _interval(node: sp.Basic, known: dict[sp.Basic, Ends]) -> Ends | None:
    """An interval that holds a rational function's value; None: not found."""
    if node in known:
        return known[node]
    if isinstance(node, sp.Rational):
        value = Fraction(int(node.p), int(node.q))
        return value, value
    if isinstance(node, (sp.Add, sp.Mul)):
        parts = [_interval(arg, known) for arg in node.args]
        total: Ends | None = parts[0]
        for part in parts[1:]:
            if total is None or part is None:
                return None
            total = (total[0] + part[0], total[1] + part[1]) if isinstance(node, sp.Add) \
                else _hull(a * b for a in total for b in part)
        return total
    if isinstance(node, sp.Pow) and isinstance(node.exp, sp.Integer):
        base, n = _interval(node.base, known), int(node.exp)
        if base is None or n < 0 and base[0] <= 0 <= base[1]:
            return None
        low, high = _hull(end**n for end in base)
        return (Fraction(0) if n % 2 == 0 and base[0] < 0 < base[1] else low), high
    return None


def _hull(values: Iterable[Fraction]) -> Ends:
    ends = tuple(values)
    return min(ends), max(ends)


def _closed_form(number: FieldElement) -> sp.Expr | None:
    """The number by its minimal polynomial, of degree at most 8."""
    point, root = number.point, number.point._root
    if point.is_rational:
        lo, _ = number.enclosure(0)
        return sp.Rational(lo.numerator, lo.denominator)
    root.make_irreducible()
    if point.degree > _LONGEST:
        return None
    inverse, below = invert(remainder(number._power_of_d(), root.p)[0], root.p)
    scale = remainder(number._power_of_d(), root.p)[1]
    plain = FieldElement(point, multiply(number._n, add(inverse, (), scale)),
                         number._d * below, 0)
    # The powers 1, a, ..., a^degree in the basis 1, t, ... are dependent.
    rows, power = [], point.constant(1)
    for _ in range(point.degree + 1):
        rows.append([QQ(c, power._d) for c in (0,) * (point.degree - len(power._n)) + power._n])
        power = power * plain
    matrix = DomainMatrix(rows, (point.degree + 1, point.degree), QQ).transpose()
    relation = matrix.nullspace().to_list()[0]
    while not relation[-1]:
        relation.pop()
    common = lcm(*(int(c.denominator) for c in relation))
    minimal = primitive(dense([int(c * common) for c in reversed(relation)]))
    candidates = real_roots(minimal)
    if len(minimal) == 2:
        return sp.Rational(-minimal[1], minimal[0])
    index, bits = None, 32
    while index is None:
        lo, hi = number.enclosure(bits)
        index = next((k for k, r in enumerate(candidates) if r.lo < lo and hi < r.hi), None)
        bits *= 2
    if len(minimal) == 3:
        a, b, c = (sp.Integer(k) for k in minimal)
        half_width = sp.sqrt(b**2 - 4*a*c) / (2*abs(a))
        return -b/(2*a) + (half_width if index else -half_width)
    return sp.CRootOf(sp.Poly(list(minimal), sp.Dummy("t")), index)
