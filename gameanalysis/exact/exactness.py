"""Exact tests at exactly given points, and candidates for such points.

A critical point found in a narrow box is often a simple number: a rational or
a rational multiple of pi.  The simplest one in the box is a candidate; that
it is a zero is then proved, not assumed: its value is exactly 0 as a
polynomial in independent-looking kernels, or interval arithmetic excludes 0.

Reference: R. Graham, D. Knuth, O. Patashnik, Concrete Mathematics, 4.5 (the
Stern-Brocot tree).
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import sympy as sp
from mpmath.ctx_iv import MPIntervalContext

from .reduction import Kernels, TooManyTerms, definite_sign

__all__ = ["is_exact_zero", "nearest_exact"]

#: floor(pi 10^40)
_PI = 31415926535897932384626433832795028841971


def is_exact_zero(expression: sp.Expr, point: Mapping[sp.Symbol, sp.Expr]) -> bool | None:
    """Whether an expression is exactly zero at an exactly given point.

    True is a proof: the value is 0 by automatic evaluation (sin(pi) = 0) or as
    a polynomial in kernels.  False is a proof: interval arithmetic with 256
    bits excludes 0.  None means that neither was reached, or that the
    expression is not defined there.

    Parameters
    ----------
    expression : a SymPy expression without floats.
    point : an exact real number for every symbol, e.g. a rational or pi/2.

    >>> x, y = sp.symbols("x y", real=True)
    >>> is_exact_zero(sp.sin(x) - y, {x: sp.pi/6, y: sp.Rational(1, 2)})
    True
    """
    value = expression.xreplace(dict(point))
    if value.free_symbols or value.has(sp.nan, sp.zoo, sp.oo, -sp.oo, sp.I, sp.Float):
        return None
    if value.is_Rational:
        return value == 0
    kernels = Kernels(())
    try:
        top, below = kernels.quotient(value)
        if not top and not kernels.partial and all(
                definite_sign(kernels.expression(dict(key))) for key in below):
            return True
    except TooManyTerms:
        pass
    context = MPIntervalContext()
    context.prec = 256
    enclosure = _enclose(value, context)
    if enclosure is not None and (enclosure.a > 0 or enclosure.b < 0):
        return False
    return None


def _enclose(node: sp.Expr, iv: MPIntervalContext) -> Any:
    """An interval that holds the value of a constant expression, or None."""
    if isinstance(node, sp.Rational):
        return iv.mpf(int(node.p)) / iv.mpf(int(node.q))
    if node == sp.pi:
        return iv.pi
    if isinstance(node, sp.exp) or node == sp.E:
        parts = [_enclose(sp.S.One if node == sp.E else node.exp, iv)]
        return None if parts[0] is None else iv.exp(parts[0])
    parts = [_enclose(arg, iv) for arg in node.args]
    if not parts or any(part is None for part in parts):
        return None
    if isinstance(node, (sp.Add, sp.Mul)):
        total = parts[0]
        for part in parts[1:]:
            total = total + part if isinstance(node, sp.Add) else total * part
        return total
    first = parts[0]
    if isinstance(node, sp.Pow):
        if node.exp.is_Integer:
            n = int(node.exp)
            if abs(n) > 10_000 or (n < 0 and first.a <= 0 <= first.b):
                return None
            return first**n
        return iv.exp(parts[1] * iv.log(first)) if first.a > 0 else None
    if isinstance(node, sp.log):
        return iv.log(first) if first.a > 0 else None
    if isinstance(node, sp.sin):
        return iv.sin(first)
    if isinstance(node, sp.cos):
        return iv.cos(first)
    if isinstance(node, (sp.sinh, sp.cosh, sp.tanh)):
        up, down = iv.exp(first), iv.exp(-first)
        return {sp.sinh: (up - down) / 2, sp.cosh: (up + down) / 2,
                sp.tanh: (up - down) / (up + down)}[node.func]
    return None


def nearest_exact(lo: Fraction, hi: Fraction, *, denominator: int = 10**6,
                  pi_denominator: int = 64) -> tuple[sp.Expr, ...]:
    """The simplest rational number and multiple of pi in [lo, hi].

    Candidates for an exact value, to be proved by `is_exact_zero`: the
    rational of least denominator if that is at most ``denominator``, and the
    rational multiple of pi of least denominator if that is at most
    ``pi_denominator``.  Nothing is claimed about them but that they lie in
    the interval.  Raises `ValueError` when lo > hi.

    >>> nearest_exact(Fraction(785398, 10**6), Fraction(785399, 10**6))
    (355/452, pi/4)
    """
    if lo > hi:
        raise ValueError(f"[{lo}, {hi}] is empty")
    found: list[sp.Expr] = []
    simplest = _simplest(Fraction(lo), Fraction(hi))
    if simplest.denominator <= denominator:
        found.append(sp.Rational(simplest.numerator, simplest.denominator))
    # Widened by what is not known of pi, then checked.
    below, above = Fraction(_PI, 10**40), Fraction(_PI + 1, 10**40)
    ends = [end / p for end in (lo, hi) for p in (below, above)]
    turns = _simplest(min(ends), max(ends))
    if turns and turns.denominator <= pi_denominator:
        ends = [turns * below, turns * above]
        if lo <= min(ends) and max(ends) <= hi:
            found.append(sp.Rational(turns.numerator, turns.denominator) * sp.pi)
    return tuple(found)


def _simplest(lo: Fraction, hi: Fraction) -> Fraction:
    """The rational of least denominator in [lo, hi] (Stern and Brocot)."""
    if lo <= 0 <= hi:
        return Fraction(0)
    if hi < 0:
        return -_simplest(-hi, -lo)
    whole = lo.__ceil__()
    if whole <= hi:
        return Fraction(whole)
    rest = lo.__floor__()
    return rest + 1 / _simplest(1 / (hi - rest), 1 / (lo - rest))
