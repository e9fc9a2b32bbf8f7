r"""From a formula's text to SymPy, without ever running the text.

Once the grammar is checked, Python's ``ast`` gives the tree of precedences,
and each node of it is built as a SymPy expression.  A number is the rational
that its digits write: 0.1 is 1/10, never a float.

SymPy evaluates while it builds: it would write out gamma(10**9) or
(2*x)**(10**9).  So each step is bounded before it is taken:

- with b(e) a bound on the bits of the numbers that a power or product takes
  out of e (b(p/q) = log2 p + log2 q, b(u*v) = b(u) + b(v), b(u**c) =
  b(u) (1 + |c|), and 0 for a sum or a function), u**c needs b(u) |c| <= B;
- a product needs the sum of its b below B, a sum a common denominator below 2**B;
- an expression without symbols carries its value in 512-bit arithmetic, and a
  function at it is evaluated there first: that value must be real, finite and
  of a size below 2**B.

What SymPy gives back is then admitted node by node: declared symbols, listed
functions, and constants that are finite and real.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from math import gcd
from typing import Any

import sympy as sp
from mpmath.ctx_mp import MPContext

from .scanning import CONSTANTS, FUNCTIONS, MAX_OPERANDS, Source, scan, split_number

__all__ = ["build"]

# The limits, and why each has its value.
#: Bits of an exact number, and of a constant's size: doubles reach 2**1024, and
#: 2**2048 has 617 digits, of the 640 that every Python can print.
MAX_BITS = 2_048
#: Size of a number in an exponent: a polynomial of degree 1000 is no small game.
MAX_POWER = 1_000
#: Denominator of a number in an exponent: four decimals.
MAX_ROOT = 10_000
#: Size of a constant argument of gamma and its kin: gamma(171) overflows a double.
MAX_GAMMA = 170
#: Order of polygamma: each further one is one more derivative.
MAX_ORDER = 20
#: Irrational constants in a formula, and levels in each: SymPy asks for signs, about
#: twice as often with each further level; sqrt(2 + sqrt(2)) has 4, digamma(7/5) has 9.
MAX_CONSTANTS, MAX_LEVELS = 100, 10
#: Nodes under a root: SymPy asks for the sign of each.
MAX_ROOTED = 500
#: Nodes after SymPy's own rewriting: tanh(acosh(x)) becomes three times x.
MAX_SIZE = 5 * MAX_OPERANDS

_GAMMAS = ("gamma", "loggamma", "digamma", "polygamma")
_CALLS = {name: getattr(sp, name) for name in FUNCTIONS}
_NAMED = {name: getattr(sp, name) for name in CONSTANTS}
_ADMITTED = (sp.Symbol, sp.Add, sp.Mul, sp.Pow, *(
    call for call in _CALLS.values() if isinstance(call, type)))
_REWRITTEN = {
    "Abs": "an absolute value, which has no derivative at 0: in place of sqrt(x**2) write "
           "x where x >= 0, or sqrt(x**2 + 1/1000)",
    "ImaginaryUnit": "a complex number, but a formula is real",
    "ComplexInfinity": "an infinite number",
    "NaN": "no number at all",
}

# A private context, so that no other part of a program meets its precision.
# What lies nearer to zero than _NOISE may be the rounding of zero.
_REAL = MPContext()
_REAL.prec = 512
_NOISE = _REAL.ldexp(1, -256)
_LARGEST = _REAL.ldexp(1, MAX_BITS)
_VALUES = {sp.pi: +_REAL.pi, sp.E: +_REAL.e,
           sp.EulerGamma: +_REAL.euler, sp.Catalan: +_REAL.catalan}
# Functions that grow, but have no poles on the real line.
_ENTIRE = ("exp", "sinh", "cosh", "gamma")


def build(source: Source, symbols: Mapping[str, sp.Symbol]) -> sp.Expr:
    """The SymPy expression that a formula writes; see `parsing.expression`."""
    numbers = scan(source, symbols)
    # To Python a leading space is an indent and a line break the end; as the
    # parentheses are known to match, every such character can be a space.
    flat = re.sub(r"\s", " ", source.text[source.start:])
    start = source.start + len(flat) - len(flat.lstrip())
    try:
        tree = ast.parse(flat.strip(), filename="<formula>", mode="eval")
        return _Builder(source, start, numbers, symbols).build(tree.body)
    except RecursionError:
        source.fail(start, "too little of Python's stack is left to read this")


class _Builder:
    """The tree of one formula on its way to SymPy."""

    def __init__(self, source: Source, start: int, numbers: Mapping[int, str],
                 symbols: Mapping[str, sp.Symbol]) -> None:
        self.fail, self.start = source.fail, start
        self.numbers, self.symbols = numbers, symbols
        # What is known of each SymPy node: its size as a tree; its value where
        # it has no symbols, else None; the levels of each irrational constant.
        self.known: dict[sp.Basic, tuple[int, Any]] = {}
        self.levels: dict[sp.Basic, int] = {}

    def place(self, node: ast.expr) -> int:
        return self.start + node.col_offset

    def build(self, node: ast.expr) -> sp.Expr:
        match node:
            case ast.Constant():
                return self.admit(_number(self.numbers[self.place(node)]), node)
            case ast.Name(id=name):
                return self.admit(_NAMED[name] if name in _NAMED else self.symbols[name], node)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self.call(name, [self.build(a) for a in arguments], node)
            case ast.BinOp(op=ast.Add() | ast.Sub()):
                return self.sum(node)
            case ast.BinOp(op=ast.Mult() | ast.Div()) | ast.UnaryOp(op=ast.UAdd() | ast.USub()):
                return self.product(node)
            case ast.BinOp(left=base, op=ast.Pow(), right=exponent):
                return self.power(self.build(base), self.build(exponent), exponent)
        # The grammar lets nothing else pass; a second lock costs one line.
        self.fail(self.place(node), f"{type(node).__name__} is not used in formulas")

    def sum(self, node: ast.expr) -> sp.Expr:
        """A chain of + and - at once: pair by pair takes quadratic time."""
        terms: list[sp.Expr] = []
        denominator = 1
        stack = [(node, 1)]
        while stack:
            part, sign = stack.pop()
            match part:
                case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=right):
                    stack.append((right, sign if isinstance(op, ast.Add) else -sign))
                    stack.append((left, sign))
                case ast.UnaryOp(op=ast.UAdd() | ast.USub() as op, operand=operand):
                    stack.append((operand, sign if isinstance(op, ast.UAdd) else -sign))
                case _:
                    term = self.build(part)
                    for piece in sp.Add.make_args(term):
                        q = int(piece.as_coeff_Mul()[0].q)
                        denominator *= q // gcd(denominator, q)
                        if denominator.bit_length() > MAX_BITS:
                            self.fail(self.place(part), f"the common denominator of this sum "
                                                        f"has more than {MAX_BITS} bits")
                    terms.append(sp.Mul(sign, term))
        return self.admit(sp.Add(*terms), node)

    def product(self, node: ast.expr) -> sp.Expr:
        """A chain of * and / at once, for the same reason."""
        factors: list[sp.Expr] = []
        bits = 0
        stack = [(node, 1)]
        while stack:
            part, power = stack.pop()
            match part:
                case ast.BinOp(left=left, op=ast.Mult() | ast.Div() as op, right=right):
                    stack.append((right, power if isinstance(op, ast.Mult) else -power))
                    stack.append((left, power))
                case ast.UnaryOp(op=ast.UAdd() | ast.USub() as op, operand=operand):
                    factors.append(sp.Integer(1 if isinstance(op, ast.UAdd) else -1))
                    stack.append((operand, power))
                case _:
                    factor = self.build(part)
                    if power < 0:
                        factor = self.power(factor, sp.Integer(-1), part)
                    bits += _bits(factor)
                    if bits > MAX_BITS:
                        self.fail(self.place(part), f"the numbers of this product have more "
                                                    f"than {MAX_BITS} bits")
                    factors.append(factor)
        return self.admit(sp.Mul(*factors), node)

    def power(self, base: sp.Expr, exponent: sp.Expr, node: ast.expr) -> sp.Expr:
        """base**exponent; ``node`` is where a message points."""
        if base is sp.E:
            return self.call("exp", [exponent], node)
        place = self.place(node)
        value, power = self.value(base), self.value(exponent)
        if value is not None and not exponent.is_Integer:
            if abs(value) < _NOISE and not (base.is_zero and exponent.is_Rational):
                self.fail(place, "zero needs a rational number as its exponent"
                          if base.is_zero else
                          "this power of a number too close to zero to tell from it")
            if value < 0:
                self.fail(place, "a negative number has a real power only where the exponent "
                                 "is a whole number")
        if value is not None and abs(value) < _NOISE and power is not None and power < 0:
            self.fail(place, "division by zero" if base.is_zero else
                      "division by a number too close to zero to tell from it")
        if not exponent.is_Integer and self.known[base][0] > MAX_ROOTED:
            self.fail(place, f"a root is taken of at most {MAX_ROOTED} terms and factors")
        self.check_exponent(base, exponent, place)
        if value and power is not None:
            self.check_size(_REAL.log(abs(value), 2) * power, place)
        return self.admit(sp.Pow(base, exponent), node)

    def check_exponent(self, base: sp.Expr, exponent: sp.Expr, place: int) -> None:
        """Bound what SymPy may multiply out in base**exponent."""
        bits = _bits(base)
        for term in sp.Add.make_args(exponent):
            number = term.as_coeff_Mul()[0]
            p, q = abs(int(number.p)), int(number.q)
            if p > MAX_POWER * q:
                self.fail(place, f"a number in an exponent is at most {MAX_POWER}")
            if q > MAX_ROOT:
                self.fail(place, f"a fraction in an exponent has a denominator of at most "
                                 f"{MAX_ROOT}: write 1/3, not 0.333333")
            if bits * max(p, q) > MAX_BITS:
                self.fail(place, f"this power of a number needs more than {MAX_BITS} bits: "
                                 f"take a smaller exponent, or one with fewer decimals")

    def check_size(self, log2: Any, place: int) -> None:
        if not abs(log2) <= MAX_BITS:
            self.fail(place, f"this constant is too {'small' if log2 < 0 else 'large'}: "
                             f"beyond 2**{'-' if log2 < 0 else ''}{MAX_BITS}")

    def call(self, name: str, arguments: list[sp.Expr], node: ast.expr) -> sp.Expr:
        """A function, once its value at a constant is known to be real and finite."""
        place = self.place(node)
        if len(arguments) != (2 if name == "polygamma" else 1):
            self.fail(place, "polygamma takes an order and an argument: polygamma(1, x)"
                      if name == "polygamma" else f"{name} takes 1 argument, not "
                      f"{len(arguments)}" + ("; the logarithm to base b is log(x)/log(b)"
                                             if name == "log" else ""))
        if name == "polygamma" and not (
                arguments[0].is_Integer and 0 <= arguments[0] <= MAX_ORDER):
            self.fail(place, f"the order of polygamma is a whole number from 0 to {MAX_ORDER}")
        argument = arguments[-1]
        value = self.value(argument)
        if name == "sqrt":
            if value is not None and value < -_NOISE:
                self.fail(place, "the square root of a negative number is not real")
            return self.power(argument, sp.Rational(1, 2), node)
        if name == "exp":
            for term in sp.Add.make_args(argument):
                for part in sp.Mul.make_args(term):
                    if isinstance(part, sp.log):    # exp(c*log(b)) becomes b**c
                        self.check_exponent(part.args[0], term / part, place)
            if value is not None:
                self.check_size(value / _REAL.ln2, place)
        if value is not None:
            if name in _GAMMAS and abs(value) > MAX_GAMMA:
                self.fail(place, f"a number in {name} is at most {MAX_GAMMA}")
            if name == "log" and abs(value) < _NOISE:
                self.fail(place, "the logarithm of zero" if argument.is_zero else
                          "the logarithm of a number too close to zero to tell from it")
            self.evaluate(name, [*map(int, arguments[:-1]), value], place)
        return self.admit(_CALLS[name](*arguments), node)

    def evaluate(self, name: str, arguments: list[Any], place: int) -> Any:
        """The value of a function at a number, which must be real and finite."""
        at = arguments[-1]
        try:
            value = getattr(_REAL, "psi" if name == "polygamma" else name)(*arguments)
        except (ValueError, ZeroDivisionError):     # a pole
            value = _REAL.inf
        if isinstance(value, _REAL.mpc):
            self.fail(place, f"{name} has no real value at {_REAL.nstr(at, 6)}")
        # Beside a pole the rounding of the argument decides the value.
        if not abs(value) < (_LARGEST if name in _ENTIRE else max(1 / _NOISE, 2 * abs(at))):
            self.fail(place, f"{name} at {_REAL.nstr(at, 6)} is not finite, or too large")
        return value

    def value(self, expression: sp.Expr) -> Any:
        """The value of an expression without symbols, else None."""
        self.visit(expression, self.start)
        return self.known[expression][1]

    def admit(self, result: sp.Expr, node: ast.expr) -> sp.Expr:
        """What SymPy made of one node of the tree, once it is checked."""
        if self.visit(result, self.place(node)) > MAX_SIZE:
            self.fail(self.place(node), f"SymPy writes this out to more than {MAX_SIZE} terms "
                                        f"and factors")
        return result

    def visit(self, new: sp.Basic, place: int) -> int:
        """Check the nodes not met before; the size of the tree."""
        if new in self.known:
            return self.known[new][0]
        size = 1 + sum(self.visit(part, place) for part in new.args)
        values = [self.known[part][1] for part in new.args]
        name = new.func.__name__
        value = None
        if isinstance(new, sp.Rational):
            if max(abs(int(new.p)), int(new.q)).bit_length() > MAX_BITS:
                self.fail(place, f"an exact number here has more than {MAX_BITS} bits")
            value = _REAL.mpf(int(new.p)) / int(new.q)
        elif new in _VALUES:
            value = _VALUES[new]
        elif not isinstance(new, _ADMITTED):
            self.fail(place, "SymPy reads this as " + _REWRITTEN.get(
                name, f"{name}, which is not a function of this library"))
        elif isinstance(new, sp.Pow):
            self.check_exponent(sp.Integer(1), new.exp, place)
        if values and None not in values:
            if isinstance(new, sp.Add):
                value = _REAL.fsum(values)
            elif isinstance(new, sp.Mul):
                value = _REAL.fprod(values)
            elif isinstance(new, sp.Pow):
                value = _REAL.power(*values)
            else:
                value = self.evaluate(name, [*map(int, values[:-1]), values[-1]], place)
            if isinstance(value, _REAL.mpc):
                self.fail(place, "SymPy reads this as a complex number, but a formula is real")
            if abs(value) > _LARGEST:
                self.fail(place, f"this constant is too large: beyond 2**{MAX_BITS}")
        if value is not None and not isinstance(new, sp.Rational):
            self.levels[new] = 1 + max((self.levels.get(part, 1) for part in new.args), default=0)
            if self.levels[new] > MAX_LEVELS:
                self.fail(place, f"an irrational constant is nested at most {MAX_LEVELS} deep")
            if len(self.levels) > MAX_CONSTANTS:
                self.fail(place, f"a formula has at most {MAX_CONSTANTS} irrational constants")
        self.known[new] = size, value
        return size


def _number(token: str) -> sp.Rational:
    """The rational that the digits write."""
    whole, fraction, power = split_number(token)
    shift = int(power) - len(fraction)
    digits = int(whole + fraction)
    return sp.Rational(digits * 10**shift) if shift >= 0 else sp.Rational(digits, 10**-shift)


def _bits(part: sp.Basic) -> int:
    """The bound b of the head of this module."""
    if isinstance(part, sp.Rational):
        return (max(1, abs(int(part.p))) - 1).bit_length() + (int(part.q) - 1).bit_length()
    if isinstance(part, sp.Pow):
        powers = (abs(term.as_coeff_Mul()[0]) for term in sp.Add.make_args(part.exp))
        return _bits(part.base) * (1 + sum(int(power) for power in powers))
    if isinstance(part, sp.Mul):
        return sum(map(_bits, part.args))
    return 0
