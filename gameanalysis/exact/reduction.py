"""Dropping factors that never vanish, exactly.

A critical system g(x) = 0 often carries factors without real zeros, such as
exp(-|x|^2/100) in Figure 1's game.  Every component is written as a quotient
of polynomials in the variables and in kernels: E_m = exp(m) to rational powers
for each monomial m in an exponent,

    exp(c_1 m_1 + c_2 m_2 + ...) = E_{m_1}^{c_1} E_{m_2}^{c_2} ...,

and one kernel for every other function or irrational constant.  The common
power of each kernel that never vanishes is divided out.  What remains has the
same real zeros; where no kernel remains it is a polynomial, and exact algebra
applies.

Kernels are treated as independent: an identity between them (sin^2 + cos^2 =
1) may go unnoticed, never is one invented.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import comb
from typing import Any

import sympy as sp
from sympy.polys.domains import QQ

from ..declaration.costs import exact

__all__ = ["Kernels", "ReducedSystem", "TooManyTerms", "definite_sign", "reduce_system"]

#: The most terms a component may have on the way; beyond, it is left as it is.
MAX_TERMS = 3000

#: Functions that are defined on all of R.
_ENTIRE = (sp.exp, sp.sin, sp.cos, sp.sinh, sp.cosh, sp.tanh, sp.atan, sp.asinh, sp.erf, sp.erfc)

#: Odd functions with the sign of their argument.
_SIGN_KEEPING = (sp.sinh, sp.tanh, sp.atan, sp.asinh, sp.asin, sp.atanh, sp.erf)

_ANY = frozenset((-1, 0, 1))
_POSITIVE = frozenset((1,))


def definite_sign(expression: sp.Expr) -> int:
    """1 or -1 where an expression is proved positive or negative, else 0.

    The proof covers every real value of the symbols at which the expression
    is defined; 0 proves nothing.  It looks at the form (even powers,
    exponentials, positive constants) and, for polynomials in one symbol,
    counts real roots.

    >>> x, y = sp.symbols("x y", real=True)
    >>> definite_sign(1 + x**2 + sp.exp(y)), definite_sign(x**2 - x + 1), definite_sign(x)
    (1, 1, 0)
    """
    signs = _signs(expression)
    if len(signs) == 1:
        return next(iter(signs))
    symbols = expression.free_symbols
    if len(symbols) == 1 and expression.is_Add and expression.is_polynomial(*symbols):
        poly = sp.Poly(expression, *symbols)
        if poly.degree() <= 12 and poly.domain in (sp.ZZ, sp.QQ) and poly.count_roots() == 0:
            return 1 if poly.eval(0) > 0 else -1
    return 0


def _signs(node: sp.Expr) -> frozenset[int]:
    """A set of signs that holds the sign of every value of the node."""
    if node.is_Number or node.is_NumberSymbol:
        return frozenset((int(sp.sign(node)),)) if node.is_finite else _ANY
    if isinstance(node, (sp.exp, sp.cosh, sp.erfc)):
        return _POSITIVE
    if isinstance(node, _SIGN_KEEPING):
        return _signs(node.args[0])
    if isinstance(node, sp.Add):
        parts = [_signs(arg) for arg in node.args]
        together = frozenset().union(*parts)
        if {1, -1} <= together:
            return _ANY
        return together - {0} if any(0 not in part for part in parts) else together
    if isinstance(node, sp.Mul):
        signs = _POSITIVE
        for arg in node.args:
            signs = frozenset(a * b for a in signs for b in _signs(arg))
        return signs
    if isinstance(node, sp.Pow):
        return _signs_of_power(_signs(node.base), node.exp)
    return _ANY


def _signs_of_power(base: frozenset[int], exponent: sp.Expr) -> frozenset[int]:
    if base == _POSITIVE:
        return _POSITIVE
    if not isinstance(exponent, sp.Rational):
        return _ANY
    if exponent < 0:
        base = base - {0}
    if exponent.is_Integer:
        return frozenset(s if int(exponent) % 2 else s * s for s in base)
    # A real power is taken of numbers >= 0 only.
    return (base & {0, 1}) or _ANY


def _is_total(node: sp.Basic) -> bool:
    """Whether an expression is proved to be defined at all real points."""
    if isinstance(node, sp.Pow):
        if not all(_is_total(arg) for arg in node.args):
            return False
        if node.exp.is_Integer and node.exp >= 0:
            return True
        sign = definite_sign(node.base)
        return sign == 1 or sign == -1 and bool(node.exp.is_Integer)
    if isinstance(node, (sp.Add, sp.Mul, *_ENTIRE)):
        return all(_is_total(arg) for arg in node.args)
    return isinstance(node, (sp.Symbol, sp.Rational, sp.NumberSymbol))


@dataclass(frozen=True)
class ReducedSystem:
    """A system with the same real zeros as a given one, and simpler.

    At every real point where the given expressions are defined, all
    ``expressions`` are zero if and only if all the given ones are.

    expressions : SymPy expressions, one for each given one.
    polynomials : the same as `sympy.Poly` over QQ in the variables, or None
        when some expression is no polynomial with rational coefficients.
    conditions : expressions that must not be zero for the given system to be
        defined.  Necessary only: a logarithm that remains in
        ``expressions`` still has its own domain.
    dropped : what was divided out, for people.
    """

    expressions: tuple[sp.Expr, ...]
    polynomials: tuple[sp.Poly, ...] | None
    conditions: tuple[sp.Expr, ...]
    dropped: tuple[str, ...]


def reduce_system(expressions: Iterable[sp.Expr],
                  variables: Sequence[sp.Symbol]) -> ReducedSystem:
    """Divide every expression by its factors that never vanish.

    Exponentials, other positive functions and positive denominators go;
    other denominators become conditions.  The real zeros, where the given
    expressions are defined, stay exactly the same.  An expression from which
    nothing can be dropped, or whose expansion would exceed 3000 terms, is
    returned unchanged.

    Parameters
    ----------
    expressions : SymPy expressions without floats.
    variables : the unknowns, real symbols.

    >>> x, y = sp.symbols("x y", real=True)
    >>> reduce_system([(x**2 - y)*sp.exp(-x**2 - y**2), y/(1 + x**2)], (x, y)).expressions
    (x**2 - y, y)
    """
    variables = tuple(variables)
    reduced = [_reduce(e if isinstance(e, sp.Expr) else exact(e, "an expression"), variables)
               for e in expressions]
    polynomials = tuple(p for _, p, _, _ in reduced if p is not None)
    return ReducedSystem(
        tuple(e for e, _, _, _ in reduced),
        polynomials if len(polynomials) == len(reduced) else None,
        tuple(dict.fromkeys(c for _, _, conditions, _ in reduced for c in conditions)),
        tuple(dict.fromkeys(d for _, _, _, dropped in reduced for d in dropped)))


_Reduced = tuple[sp.Expr, "sp.Poly | None", list[sp.Expr], list[str]]


def _reduce(expression: sp.Expr, variables: tuple[sp.Symbol, ...]) -> _Reduced:
    kept, dropped = [], []
    for factor in sp.Mul.make_args(expression):
        if not factor.is_Rational and definite_sign(factor) and _is_total(factor):
            dropped.append(str(factor))
        else:
            kept.append(factor)
    if dropped:
        expression = sp.Mul(*kept)
    kernels = Kernels(variables)
    try:
        top, below = kernels.quotient(expression)
        conditions = []
        for key in below:
            base = kernels.expression(dict(key))
            if definite_sign(base):
                dropped.append(f"1/({base})")
            else:
                conditions.append(base)
    except TooManyTerms:
        return expression, None, [], dropped
    common, top = kernels.content(top)
    if kernels.lost_a_domain(top, below):
        return expression, None, conditions, dropped
    if common:
        dropped.append(str(kernels.expression({((0,) * len(variables), common): QQ(1)})))
    polynomial = None
    if all(not powers for _, powers in top):
        polynomial = sp.Poly.from_dict({m: c for (m, _), c in top.items()}, *variables,
                                       domain=QQ)
    if common or below:
        expression = polynomial.as_expr() if polynomial is not None else kernels.expression(top)
    return expression, polynomial, conditions, dropped


class TooManyTerms(Exception):
    """Expanding would take too many terms, or meets what is no exact number."""


#: Powers of kernels, sorted by kernel; and polynomials {(exponents, powers): c}.
_Powers = tuple[tuple[int, Any], ...]
_Terms = dict[tuple[tuple[int, ...], _Powers], Any]
#: {denominator as frozenset of its terms: exponent}
_Below = dict[frozenset, int]


class Kernels:
    """Expressions as quotients of polynomials in variables and kernels."""

    def __init__(self, variables: tuple[sp.Symbol, ...]) -> None:
        self.n = len(variables)
        self.variables = variables
        self.position = {v: i for i, v in enumerate(variables)}
        self.zero = (0,) * self.n
        self.index: dict[tuple[str, Any], int] = {}
        self.kernels: list[sp.Expr] = []
        self.never_zero: list[bool] = []
        self.exponentials: set[int] = set()
        self.partial: set[int] = set()

    def quotient(self, node: sp.Expr) -> tuple[_Terms, _Below]:
        """Numerator and denominators of an expression."""
        if isinstance(node, sp.Add):
            return self._sum(node)
        if isinstance(node, sp.Mul):
            return self._product(node)
        if isinstance(node, sp.Rational):
            return ({(self.zero, ()): QQ(int(node.p), int(node.q))} if node else {}), {}
        if node in self.position:
            return {(self._monomial(node, 1), ()): QQ(1)}, {}
        if isinstance(node, sp.Pow):
            return self._power(node)
        if isinstance(node, sp.exp):
            return self._exponential(node)
        if isinstance(node, sp.Float) or not isinstance(node, sp.Expr):
            raise TooManyTerms
        return self._opaque(node), {}

    def _monomial(self, variable: sp.Expr, exponent: int) -> tuple[int, ...]:
        i = self.position[variable]
        return self.zero[:i] + (exponent,) + self.zero[i + 1:]

    def _sum(self, node: sp.Expr) -> tuple[_Terms, _Below]:
        parts = [self.quotient(arg) for arg in node.args]
        below: _Below = {}
        for _, denominators in parts:
            for key, e in denominators.items():
                below[key] = max(e, below.get(key, 0))
        total: _Terms = {}
        for terms, denominators in parts:
            for key, e in below.items():
                for _ in range(e - denominators.get(key, 0)):
                    terms = _multiply(terms, dict(key))
            for m, c in terms.items():
                c = total.pop(m, 0) + c
                if c:
                    total[m] = c
            if len(total) > MAX_TERMS:
                raise TooManyTerms
        return total, below

    def _product(self, node: sp.Expr) -> tuple[_Terms, _Below]:
        exponents, coefficient, others = list(self.zero), QQ(1), []
        for arg in node.args:
            base, e = arg.as_base_exp() if isinstance(arg, sp.Pow) else (arg, sp.S.One)
            if base in self.position and e.is_Integer and e > 0:
                exponents[self.position[base]] += int(e)
            elif isinstance(arg, sp.Rational):
                coefficient *= QQ(int(arg.p), int(arg.q))
            else:
                others.append(arg)
        terms: _Terms = {(tuple(exponents), ()): coefficient}
        below: _Below = {}
        for arg in others:
            more, denominators = self.quotient(arg)
            terms = _multiply(terms, more)
            for key, e in denominators.items():
                below[key] = below.get(key, 0) + e
        return terms, below

    def _power(self, node: sp.Expr) -> tuple[_Terms, _Below]:
        base, e = node.base, node.exp
        if not isinstance(e, sp.Rational):
            return self._opaque(node), {}
        if e.q != 1:
            terms = self._opaque(sp.Pow(base, sp.Rational(1, int(e.q))))
            below: _Below = {}
        elif base in self.position and e > 0:
            return {(self._monomial(base, int(e)), ()): QQ(1)}, {}
        else:
            terms, below = self.quotient(base)
        times = abs(int(e.p))
        if e > 0:
            return _raise(terms, times), {key: k * times for key, k in below.items()}
        top: _Terms = {(self.zero, ()): QQ(1)}
        for key, k in below.items():
            top = _multiply(top, _raise(dict(key), k * times))
        if not terms:
            raise TooManyTerms
        if len(terms) == 1:
            ((m, powers), c), = terms.items()
            if m == self.zero and all(self.never_zero[k] for k, _ in powers):
                inverse = {(m, tuple((k, -q * times) for k, q in powers)): 1 / c**times}
                return _multiply(top, inverse), {key: 0 for key in below}
        # The inner denominators must not vanish either: kept with exponent 0.
        return top, {**{key: 0 for key in below}, frozenset(terms.items()): times}

    def _exponential(self, node: sp.Expr) -> tuple[_Terms, _Below]:
        if not _is_total(node):
            return self._opaque(node), {}
        terms, below = self.quotient(node.exp)
        if below:
            return self._opaque(node), {}
        powers = []
        for (m, inner), c in terms.items():
            k = self.index.setdefault(("exp", (m, inner)), len(self.kernels))
            if k == len(self.kernels):
                self.kernels.append(sp.exp(self.expression({(m, inner): QQ(1)})))
                self.never_zero.append(True)
                self.exponentials.add(k)
            powers.append((k, c))
        return {(self.zero, tuple(sorted(powers))): QQ(1)}, {}

    def _opaque(self, node: sp.Expr) -> _Terms:
        k = self.index.setdefault(("", node), len(self.kernels))
        if k == len(self.kernels):
            total = _is_total(node)
            self.kernels.append(node)
            self.never_zero.append(total and definite_sign(node) != 0)
            if not total:
                self.partial.add(k)
        return {(self.zero, ((k, QQ(1)),)): QQ(1)}

    def content(self, terms: _Terms) -> tuple[_Powers, _Terms]:
        """The common power of the kernels that never vanish, and the rest."""
        least: dict[int, Any] = {}
        for number, (_, powers) in enumerate(terms):
            present = {k: q for k, q in powers if self.never_zero[k]}
            for k in present.keys() | least.keys():
                q = present.get(k, QQ(0))
                least[k] = min(least.get(k, QQ(0) if number else q), q)
        common = tuple(sorted((k, q) for k, q in least.items() if q))
        if not common:
            return (), terms
        inverse = {(self.zero, tuple((k, -q) for k, q in common)): QQ(1)}
        return common, _multiply(terms, inverse)

    def lost_a_domain(self, top: _Terms, below: _Below) -> bool:
        """Whether a function with a restricted domain cancelled out."""
        left = {k for terms in (top, *map(dict, below)) for _, powers in terms for k, _ in powers}
        return not self.partial <= left

    def expression(self, terms: Mapping[Any, Any]) -> sp.Expr:
        """Back to SymPy."""
        parts = []
        for (m, powers), c in terms.items():
            factors = [v**e for v, e in zip(self.variables, m) if e]
            factors += [self.kernels[k]**QQ.to_sympy(q) for k, q in powers
                        if k not in self.exponentials]
            factors.append(sp.exp(sp.Add(*(QQ.to_sympy(q) * _exponent(self.kernels[k])
                                           for k, q in powers if k in self.exponentials))))
            parts.append(sp.Mul(QQ.to_sympy(c), *factors))
        return sp.Add(*parts)


def _exponent(kernel: sp.Expr) -> sp.Expr:
    """u of exp(u); SymPy's number e is no exp."""
    return sp.S.One if kernel is sp.E else kernel.exp


def _multiply(f: Mapping[Any, Any], g: Mapping[Any, Any]) -> _Terms:
    if len(f) * len(g) > 20 * MAX_TERMS:
        raise TooManyTerms
    result: _Terms = {}
    for (m, a), c in f.items():
        for (o, b), d in g.items():
            key = tuple(map(int.__add__, m, o)), _join(a, b)
            total = result.pop(key, 0) + c * d
            if total:
                result[key] = total
    if len(result) > MAX_TERMS:
        raise TooManyTerms
    return result


def _join(a: _Powers, b: _Powers) -> _Powers:
    if not a or not b:
        return a or b
    powers = dict(a)
    for k, q in b:
        powers[k] = powers.get(k, 0) + q
    return tuple(sorted((k, q) for k, q in powers.items() if q))


def _raise(f: _Terms, n: int) -> _Terms:
    if n > 1 and len(f) > 1 and (n > 200 or comb(len(f) + n - 1, n) > MAX_TERMS):
        raise TooManyTerms
    if len(f) == 1:
        ((m, powers), c), = f.items()
        if n > 10_000:
            raise TooManyTerms
        return {(tuple(e * n for e in m), tuple((k, q * n) for k, q in powers)): c**n}
    result = f
    for _ in range(n - 1):
        result = _multiply(result, f)
    return result
