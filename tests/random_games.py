r"""Random games whose critical points are known exactly, with their exact facts.

Nothing here uses the library: critical points come from their construction or from
resultants over the rationals, facts from formulas of two scalar players or from exact
rational matrices.

Two scalar players, costs e^w f1, e^w f2 with polynomials f1, f2, w.  With u = x + s y
and R(u) the resultant of the reduced gradient, every root of R carries one zero at
y = -b(u)/a(u), where a y + b is the first subresultant; a sign is that of a polynomial
at a real root of R, found by a gcd and by bisection.

Many players, even costs.  f_p(z) = Q_p(q), q_i = (z_i - c_i)^2, Q_p quadratic: the
gradient is 2 (z_i - c_i) g_i(q) with affine g, so each set of indices with z_i = c_i
leaves a linear system.  J is similar to a rational matrix.

Transcendental costs.  Newton's method from random starts finds some zeros, each of which
must be listed or lie in an undecided box; classes are compared in floats.

A known jet.  Costs with a prescribed Taylor polynomial of degree two (and more) at a
rational point: one zero is known, and everything about it.
"""

from __future__ import annotations

import itertools
import random
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

import numpy as np
import sympy as sp
from sympy.polys.domains import QQ
from sympy.polys.rings import ring

Ends = tuple[Fraction, Fraction]

#: Width of the enclosures of known zeros.
BITS = 100


@dataclass(frozen=True)
class KnownZero:
    """A zero: enclosures of width 2^-100 or less, and facts (True, False or None)."""

    ends: tuple[Ends, ...]
    facts: dict = field(default_factory=dict)


@dataclass(frozen=True)
class KnownGame:
    """Costs, players' actions and a box with its zeros; ``all``: whether these are all."""

    costs: tuple[sp.Expr, ...]
    actions: tuple[tuple[sp.Symbol, ...], ...]
    box: tuple[Ends, ...]
    zeros: tuple[KnownZero, ...]
    of: str = "simultaneous"
    all: bool = True
    name: str = ""

    def play(self):
        """The same as a `Game`, and its box as SymPy numbers."""
        from gameanalysis.declaration.game import Game, Player
        game = Game(*(Player(c, a) for c, a in zip(self.costs, self.actions)), name=self.name)
        return game, [tuple(sp.Rational(e.numerator, e.denominator) for e in side)
                      for side in self.box]


# -- comparison ------------------------------------------------------------------

def truths(point) -> dict:
    """The facts of a `CriticalPoint` as True, False or None."""
    def plain(truth):
        return {"yes": True, "no": False, "undecided": None}[str(truth)]
    out = {"nash": plain(point.differential_nash),
           "simultaneous": plain(point.stable["simultaneous"]),
           "stackelberg": plain(point.stable["stackelberg"]),
           "hyperbolic": plain(point.hyperbolic), "degenerate": plain(point.degenerate)}
    for k, truth in enumerate(point.differential_stackelberg_by_leader):
        out[f"leader {k + 1}"] = plain(truth)
    for name, counts in point.inertia.items():
        out[f"inertia {name}"] = counts
    return out


def _covers(ends: Ends, low: float, high: float) -> bool:
    return ends[1] >= Fraction(low) and ends[0] <= Fraction(high)


def compare(result, known: KnownGame) -> Counter:
    """Compare an `Analysis` with the truth: counts of what came out; AssertionError.

    Keys: "games", "zeros", "complete", "certified", "facts", "undecided facts".
    """
    counts = Counter(games=1, zeros=len(known.zeros), complete=str(result.complete) == "yes")
    matched: dict[int, int] = {}
    for k, point in enumerate(result):
        if not point.certified:
            counts["uncertified points"] += 1
            continue
        assert point.radius < 1e-9 * (1 + max(abs(point.x)))
        near = [j for j, zero in enumerate(known.zeros)
                if all(_covers(e, *_around(v, point.radius))
                       for e, v in zip(zero.ends, point.x.tolist()))]
        if not near and not known.all:
            continue
        assert near, f"no zero of {known} lies at {point.x.tolist()}"
        assert len(near) == 1, f"{len(near)} zeros lie within the radius of {point}"
        assert near[0] not in matched, f"the zero at {point.x.tolist()} is listed twice"
        matched[near[0]] = k
    for j, zero in enumerate(known.zeros):
        if j not in matched:
            assert str(result.complete) != "yes", f"missed: {zero.ends} of {known}"
            assert any(all(_covers(e, low, high) for e, low, high in zip(zero.ends, u.low, u.high))
                       for u in result.undecided), f"in no undecided box: {zero.ends} of {known}"
    counts["certified"] += len(matched)
    for j, k in matched.items():
        found = truths(result[k])
        for name, expected in known.zeros[j].facts.items():
            if expected is None:
                continue
            counts["facts"] += 1
            if found[name] is None:
                counts["undecided facts"] += 1
                counts[f"undecided {name}"] += 1
            else:
                assert found[name] == expected, (
                    f"{name} is {found[name]}, not {expected}, at {result[k]} of {known}")
    return counts


def _around(x: float, radius: float) -> tuple[Fraction, Fraction]:
    return Fraction(x) - Fraction(radius), Fraction(x) + Fraction(radius)


# -- two scalar players: resultants ----------------------------------------------

# y first: the main variable of resultants.
PLANE, Y, X = ring("y,x", QQ)
_x, _y = sp.symbols("x y", real=True)
_t = sp.Symbol("t")


class _Root:
    """A real root of a squarefree integer polynomial, between lo and hi."""

    def __init__(self, poly: sp.Poly, lo: Fraction, hi: Fraction) -> None:
        self.poly, self.lo, self.hi = poly, lo, hi
        self.coefficients = [Fraction(int(c.p), int(c.q)) for c in poly.all_coeffs()]

    def value(self, v: Fraction) -> Fraction:
        total = Fraction(0)
        for c in self.coefficients:
            total = total * v + c
        return total

    def halve(self) -> None:
        middle = (self.lo + self.hi) / 2
        at = self.value(middle)
        if at == 0:
            self.lo = self.hi = middle
        elif (at > 0) == (self.value(self.hi) > 0):
            self.hi = middle
        else:
            self.lo = middle

    def range_of(self, poly: sp.Poly) -> Ends:
        low = high = Fraction(0)
        for c in poly.all_coeffs():
            ends = [a * b for a in (low, high) for b in (self.lo, self.hi)]
            c = Fraction(int(c.p), int(c.q))
            low, high = min(ends) + c, max(ends) + c
        return low, high

    def sign_of(self, poly: sp.Poly) -> int:
        """The sign of a polynomial at the root."""
        poly = poly.rem(self.poly)
        if poly.is_zero:
            return 0
        common = _Root(poly.gcd(self.poly), self.lo, self.hi)
        if common.poly.degree() > 0:
            ends = common.value(self.lo), common.value(self.hi)
            if ends[0] == 0 == ends[1] or ends[0] * ends[1] < 0:
                return 0
        while True:
            low, high = self.range_of(poly)
            if low > 0 or high < 0:
                return 1 if low > 0 else -1
            self.halve()


class PlaneZero:
    """A real common zero of two polynomials, with exact signs."""

    def __init__(self, root: _Root, x: sp.Poly, y: sp.Poly) -> None:
        self.root, self.coordinates = root, (x, y)

    def at(self, h) -> sp.Poly:
        """h(x, y) as a polynomial in the root."""
        x, y = self.coordinates
        one = sp.Poly(1, _t, domain=QQ)
        powers = {"x": [one], "y": [one]}
        total = sp.Poly(0, _t, domain=QQ)
        for (j, i), c in h.terms():
            for name, value, k in (("x", x, i), ("y", y, j)):
                while len(powers[name]) <= k:
                    powers[name].append((powers[name][-1] * value).rem(self.root.poly))
            total += (powers["x"][i] * powers["y"][j]).rem(self.root.poly) * sp.Rational(
                int(c.numerator), int(c.denominator))
        return total

    def sign(self, h) -> int:
        """The sign of h(x, y)."""
        return self.root.sign_of(self.at(h))

    @cached_property
    def ends(self) -> tuple[Ends, ...]:
        """Enclosures of the coordinates."""
        while any(b - a > Fraction(1, 2**BITS) for a, b in map(
                self.root.range_of, self.coordinates)):
            self.root.halve()
        return tuple(map(self.root.range_of, self.coordinates))


def _univariate(h) -> sp.Poly:
    return sp.Poly({(m[1],): c for m, c in h.terms()} or {(0,): 0}, _t, domain=QQ)


def plane_zeros(p, q) -> list[PlaneZero] | None:
    """All real common zeros of p and q, or None where no shear tried separates them."""
    for s in (1, -2, 3, Fraction(5, 3)):
        s = QQ(s) if isinstance(s, int) else QQ(s.numerator, s.denominator)
        found = _sheared_zeros(p, q, s)
        if found is not None:
            return found
    return None


def _sheared_zeros(p, q, s) -> list[PlaneZero] | None:
    pair = [h.compose(X, X - s * Y) for h in (p, q)]
    if any(not h or not _leading_is_constant(h) for h in pair):
        return [] if any(h.is_ground and h for h in pair) else None
    sequence = PLANE.dmp_subresultants(*sorted(pair, key=lambda h: -h.degree(Y)))
    if sequence[-1].degree(Y) > 0:
        return None
    resultant = _univariate(sequence[-1])
    if resultant.degree() == 0:
        return []
    linear = [h for h in sequence if h.degree(Y) == 1]
    if not linear:
        return None
    a = _univariate(PLANE.from_dict({(0, m[1]): c for m, c in linear[-1].terms() if m[0]}))
    b = _univariate(PLANE.from_dict({m: c for m, c in linear[-1].terms() if not m[0]}))
    squarefree = resultant.quo(resultant.gcd(resultant.diff()))
    squarefree = squarefree.clear_denoms(convert=True)[1].primitive()[1].set_domain(QQ)
    if a.gcd(squarefree).degree() > 0:
        return None
    y = (-b * a.invert(squarefree)).rem(squarefree)
    x = (sp.Poly(_t, _t, domain=QQ) - y * sp.Rational(int(s.numerator), int(s.denominator))
         ).rem(squarefree)
    zeros = []
    intervals = squarefree.intervals()
    assert len(intervals) == squarefree.count_roots()
    for (lo, hi), _ in intervals:
        ends = [Fraction(int(e.p), int(e.q)) for e in (lo, hi)]
        root = _Root(squarefree, *ends)
        if ends[0] != ends[1] and root.value(ends[0]) * root.value(ends[1]) >= 0:
            return None
        zero = PlaneZero(root, x, y)
        assert zero.at(p).rem(squarefree).is_zero and zero.at(q).rem(squarefree).is_zero
        zeros.append(zero)
    return zeros


def _leading_is_constant(h) -> bool:
    degree = h.degree(Y)
    return degree > 0 and all(m[1] == 0 for m in h if m[0] == degree)


class ScalarGame:
    """Costs e^w f1 and e^w f2 of two scalar players; polynomials of `PLANE`."""

    def __init__(self, f1, f2, w=PLANE.zero) -> None:
        self.f1, self.f2, self.w = f1, f2, w
        d = self._d
        self.f1x, self.f1y, self.f2x, self.f2y = (
            d(f, v, 1) for f in (f1, f2) for v in (X, Y))
        self.a, self.b, self.e = d(self.f1x, X, 1), d(self.f1x, Y, 1), d(self.f1y, Y, 1)
        self.c, self.d, self.h = d(self.f2y, X, 1), d(self.f2y, Y, 1), d(self.f2x, X, 1)
        # D2^2 f2 times D f1, for either order of play
        self.total = self.f1x * self.d - self.f1y * self.c
        self.total_reversed = self.f2y * self.a - self.f2x * self.b

    def _d(self, h, variable, power):
        """The polynomial part of the derivative of e^(power w) h."""
        return h.diff(variable) + power * self.w.diff(variable) * h

    def costs(self) -> tuple[sp.Expr, ...]:
        """The costs as expressions in real symbols."""
        factor = sp.exp(self.expression(self.w)) if self.w else sp.S.One
        return tuple(factor * self.expression(f) for f in (self.f1, self.f2))

    @staticmethod
    def expression(h) -> sp.Expr:
        """A polynomial as an expression in the real symbols x and y."""
        return h.as_expr(_y, _x)

    def system(self, of: str):
        """Two polynomials whose common zeros are those of omega (or of d omega_S)."""
        return (self.f1x if of == "simultaneous" else self.total), self.f2y

    def facts(self, sign: Callable[..., int], of: str) -> dict:
        """Everything that is decided at a zero, from the signs of polynomials there."""
        a, b, c, d = self.a, self.b, self.c, self.d
        sign_a, sign_d = sign(a), sign(d)
        trace, determinant = sign(a + d), sign(a * d - b * c)
        omega = sign(self.f1x) == 0 == sign(self.f2y)
        out = {"nash": omega and sign_a > 0 and sign_d > 0,
               "simultaneous": omega and trace > 0 and determinant > 0,
               "inertia J": _counts(trace, determinant),
               "inertia D11 f1": _sign_counts(sign_a), "inertia D22 f2": _sign_counts(sign_d)}
        leads = sign_d != 0 and sign(self.total) == 0 == sign(self.f2y)
        # d^3 times the second derivative of f1 along y = r(x), r' = -c/d
        hessian = (a * d**3 - 2 * b * c * d**2 + self.e * c**2 * d - self.f1y * (
            d**2 * self._d(c, X, 1) - 2 * c * d * self._d(c, Y, 1) + c**2 * self._d(d, Y, 1)))
        sign_s = sign(hessian) * sign_d
        out["leader 1"] = leads and sign_d > 0 and sign_s > 0
        # D omega_S,1 = D(total)/d where total = 0
        tx, ty = self._d(self.total, X, 2), self._d(self.total, Y, 2)
        trace_s = sign(tx + d * d) * sign_d
        determinant_s = sign(tx * d - ty * c) * sign_d
        out["stackelberg"] = leads and trace_s > 0 and determinant_s > 0
        if leads:
            out["inertia J_S"] = _counts(trace_s, determinant_s)
            out["inertia total Hessian"] = _sign_counts(sign_s)
            out["inertia Schur complement"] = _sign_counts(determinant * sign_d)
        regular = sign_a != 0 and sign(self.total_reversed) == 0 == sign(self.f1x)
        reversed_hessian = (d * a**3 - 2 * c * b * a**2 + self.h * b**2 * a - self.f2x * (
            a**2 * self._d(b, Y, 1) - 2 * a * b * self._d(a, Y, 1) + b**2 * self._d(a, X, 1)))
        out["leader 2"] = regular and sign_a > 0 and sign(reversed_hessian) * sign_a > 0
        t, k = (trace, determinant) if of == "simultaneous" else (trace_s, determinant_s)
        out["hyperbolic"] = k < 0 or (k > 0 and t != 0)
        out["degenerate"] = k == 0 or sign_d == 0
        return out

    def known(self, box: Sequence[Ends], of: str = "simultaneous", name: str = ""
              ) -> KnownGame | None:
        """The game with all its zeros in a box; None if the oracle cannot tell."""
        zeros = plane_zeros(*self.system(of))
        if zeros is None:
            return None
        inside = []
        for zero in zeros:
            if all(zero.sign(v - _qq(low)) >= 0 and zero.sign(v - _qq(high)) <= 0
                   for v, (low, high) in zip((X, Y), box)) \
                    and (of == "simultaneous" or zero.sign(self.d)):
                inside.append(KnownZero(zero.ends, self.facts(zero.sign, of)))
        return KnownGame(self.costs(), ((_x,), (_y,)), tuple(box), tuple(inside), of, True, name)


def _qq(v: Fraction):
    v = Fraction(v)
    return QQ(v.numerator, v.denominator)


def _sign_counts(sign: int) -> tuple[int, int, int]:
    return int(sign > 0), int(sign < 0), int(sign == 0)


def _counts(trace: int, determinant: int) -> tuple[int, int, int]:
    """(right, left, axis) of two eigenvalues."""
    if determinant < 0:
        return 1, 1, 0
    if determinant == 0:
        return int(trace > 0), int(trace < 0), 2 if trace == 0 else 1
    return {1: (2, 0, 0), -1: (0, 2, 0), 0: (0, 0, 2)}[trace]


def rational(rng: random.Random, size: int = 4, denominators: Sequence[int] = (1, 1, 2, 3)
             ) -> Fraction:
    """A small rational number."""
    return Fraction(rng.randint(-size, size), rng.choice(denominators))


def polynomial(rng: random.Random, degree: int, size: int = 4):
    """A random polynomial of `PLANE`; coefficients are 0, 1 and -1 for size 1."""
    total = PLANE.zero
    for i, j in itertools.product(range(degree + 1), repeat=2):
        if 0 < i + j <= degree and rng.random() < 0.8:
            total += _qq(rational(rng, size, (1,) if size == 1 else (1, 1, 2, 3))) * X**i * Y**j
    return total


def plane_game(rng: random.Random, *, exponential: bool | None = None,
               of: str | None = None) -> KnownGame:
    """A random game of two scalar players in a random box; sides may pass through zeros."""
    while True:
        of_now = of or rng.choice(("simultaneous",) * 3 + ("stackelberg",))
        weighted = rng.random() < 0.2 if exponential is None else exponential
        degree = 3 if weighted else rng.choice((2, 3, 3, 4)) if of_now[1] == "i" \
            else rng.choice((2, 3))
        # Small coefficients: double zeros, centres and singular Hessians are common.
        size = rng.choice((1, 4))
        f1 = polynomial(rng, degree, size)
        f2 = -f1 if rng.random() < 0.5 else polynomial(rng, degree, size)
        w = PLANE.zero
        if weighted:
            w = -(X**2 + Y**2) / rng.choice((2, 5, 20)) + _qq(rational(rng, 1)) * X
        box = []
        for _ in range(2):
            low = -abs(rational(rng, 6))
            box.append((low, low + Fraction(rng.randint(2, 20), rng.choice((1, 2)))))
        game = ScalarGame(f1, f2, w)
        if not all(game.system(of_now)) or not game.d:
            continue
        found = game.known(box, of_now, f"plane {'exp ' * weighted}{of_now}")
        if found is not None:
            return found


# -- exact facts of small rational matrices --------------------------------------

def positive_definite(matrix: sp.Matrix) -> bool:
    """Sylvester's criterion."""
    return all(matrix[:k, :k].det(method="berkowitz") > 0 for k in range(1, matrix.rows + 1))


def stable(matrix: sp.Matrix) -> bool:
    """Whether the spectrum is in the open right half-plane (Hurwitz's determinants)."""
    n = matrix.rows
    # det(s I + M) must be a Hurwitz polynomial.
    coefficients = (-matrix).charpoly().all_coeffs()
    hurwitz = sp.Matrix(n, n, lambda i, j: coefficients[2 * j - i + 1]
                        if 0 <= 2 * j - i + 1 <= n else 0)
    return positive_definite(hurwitz)


def hyperbolic(matrix: sp.Matrix) -> bool:
    """Whether no eigenvalue lies on the imaginary axis: p(i s) has no real root s."""
    s = sp.Symbol("s", real=True)
    polynomial = matrix.charpoly().as_expr()
    symbol, = polynomial.free_symbols
    real, imaginary = (sp.Poly(part, s) for part in sp.expand(
        polynomial.subs(symbol, sp.I * s)).as_real_imag())
    return real.gcd(imaginary).count_roots() == 0


# -- many players: even costs ----------------------------------------------------

def even_game(rng: random.Random, sizes: Sequence[int], zero_sum: bool) -> KnownGame:
    """Quadratic costs of squares: up to 3^n zeros, rational and square roots."""
    n = sum(sizes)
    z = sp.symbols(f"z1:{n + 1}", real=True)
    owner = [p for p, size in enumerate(sizes) for _ in range(size)]
    while True:
        centre = [rational(rng, 2) for _ in range(n)]
        hessians, slopes = [], []
        for p in range(len(sizes)):
            if zero_sum and p:
                hessians.append(-hessians[0])
                slopes.append([-v for v in slopes[0]])
                continue
            lower = [[rng.randint(-3, 3) for _ in range(n)] for _ in range(n)]
            hessians.append(sp.Matrix(n, n, lambda i, j: lower[max(i, j)][min(i, j)]))
            slopes.append([rng.randint(-4, 4) for _ in range(n)])
        rows = sp.Matrix([list(hessians[owner[i]][i, :]) for i in range(n)])
        constant = sp.Matrix([slopes[owner[i]][i] for i in range(n)])
        squares = _even_zeros(rows, constant)
        if squares is not None:
            break
    # Some sides pass through zeros with z_i = c_i.
    box = tuple((c - Fraction(rng.choice((0, 3, 4, 5, 6, 7)), 2), c + Fraction(
        rng.randint(3, 7), 2)) for c in centre)
    q = [(v - sp.Rational(c.numerator, c.denominator))**2 for v, c in zip(z, centre)]
    costs = tuple(sp.Rational(1, 2) * sum(h[i, j] * q[i] * q[j]
                                          for i in range(n) for j in range(n))
                  + sum(a * b for a, b in zip(line, q)) for h, line in zip(hessians, slopes))
    zeros = []
    for values in squares:
        facts = _even_facts(rows, constant, values, sizes, zero_sum)
        roots = [_square_root(v) for v in values]
        for signs in itertools.product(*((1, -1) if v else (1,) for v in values)):
            ends = tuple(_shifted(c, s, r) for c, s, r in zip(centre, signs, roots))
            if all(low <= e[0] and e[1] <= high for e, (low, high) in zip(ends, box)):
                zeros.append(KnownZero(ends, facts))
    starts = list(itertools.accumulate(sizes, initial=0))
    actions = tuple(tuple(z[a:b]) for a, b in zip(starts, starts[1:]))
    return KnownGame(costs, actions, box, tuple(zeros), name=f"even {tuple(sizes)}")


def _shifted(centre: Fraction, sign: int, root: Ends) -> Ends:
    ends = sorted((centre + sign * root[0], centre + sign * root[1]))
    return ends[0], ends[1]


def _square_root(v: sp.Rational) -> Ends:
    value = Fraction(int(v.p), int(v.q))
    scaled = value * 4**(BITS + 2)
    low = sp.integer_nthroot(scaled.numerator // scaled.denominator, 2)[0]
    exact = Fraction(low)**2 == scaled
    unit = 2**(BITS + 2)
    return Fraction(low, unit), Fraction(low + (0 if exact else 1), unit)


def _even_zeros(rows: sp.Matrix, constant: sp.Matrix) -> list[list[sp.Rational]] | None:
    """All vectors of squares: for each set of indices q = 0, the others solve g = 0."""
    n = rows.rows
    found = []
    for chosen in itertools.product((False, True), repeat=n):
        free = [i for i in range(n) if not chosen[i]]
        if free:
            part = rows.extract(free, free)
            if part.det(method="berkowitz") == 0:
                return None
            solved = part.LUsolve(-constant.extract(free, [0]))
            if any(v <= 0 for v in solved):
                if any(v == 0 for v in solved):
                    return None
                continue
        values = [sp.S.Zero] * n
        for i, k in enumerate(free):
            values[k] = solved[i]
        found.append(values)
    return found


def _even_facts(rows: sp.Matrix, constant: sp.Matrix, values: Sequence[sp.Rational],
                sizes: Sequence[int], zero_sum: bool) -> dict:
    """Facts from a rational matrix with the principal minors of J."""
    n, n1 = rows.rows, sizes[0]
    gradient = rows * sp.Matrix(values) + constant
    j = sp.Matrix(n, n, lambda i, k: 4 * rows[i, k] * values[k] + (
        2 * gradient[i] if i == k else 0))
    starts = list(itertools.accumulate(sizes, initial=0))
    own = [list(range(a, b)) for a, b in zip(starts, starts[1:])]
    definite = [positive_definite(j.extract(i, i)) for i in own]
    response = j[n1:, n1:].det(method="berkowitz")
    facts = {"nash": all(definite), "simultaneous": stable(j), "hyperbolic": hyperbolic(j),
             "degenerate": j.det(method="berkowitz") == 0 or response == 0}
    if zero_sum:
        for leader, name in ((0, "leader 1"), (1, "leader 2")):
            facts[name] = definite[1 - leader] and all(
                j.extract(k, k).det(method="berkowitz") > 0
                for k in (own[leader][:m] + own[1 - leader]
                          for m in range(1, sizes[leader] + 1)))
        # Proposition 2: for w_S stable means DSE with player 1 leading.
        facts["stackelberg"] = facts["leader 1"]
    return facts


# -- a known jet at a rational point ---------------------------------------------

def jet_game(rng: random.Random, sizes: Sequence[int], *, of: str = "simultaneous",
             quadratic: bool = False) -> KnownGame:
    """Costs with a critical point at a rational place, higher terms of degree >= 3.

    ``quadratic``: without the higher terms, so that it is the only critical point.
    """
    n, n1 = sum(sizes), sizes[0]
    starts = list(itertools.accumulate(sizes, initial=0))
    z = sp.symbols(f"z1:{n + 1}", real=True)
    place = [rational(rng, 3) for _ in range(n)]
    shift = [v - sp.Rational(p.numerator, p.denominator) for v, p in zip(z, place)]
    leader_slope = of == "stackelberg"
    while True:
        costs = []
        for p in range(len(sizes)):
            cost = sum((sp.Rational(rng.randint(-4, 4), 2) * a * b for a, b in
                        itertools.combinations_with_replacement(shift, 2)), sp.S.Zero)
            # Slopes of other players' actions make no difference to omega.
            cost += sum(rng.randint(-2, 2) * s for i, s in enumerate(shift)
                        if not starts[p] <= i < starts[p + 1])
            if not quadratic:
                for a, b, c in itertools.combinations_with_replacement(shift, 3):
                    if rng.random() < 0.3:
                        cost += rng.randint(-2, 2) * a * b * c
                cost += rng.randint(-1, 1) * shift[rng.randrange(n)]**4
            costs.append(cost)
        at = dict(zip(z, (sp.Rational(p.numerator, p.denominator) for p in place)))
        others = z[n1:]
        followers = [sp.diff(costs[p], v) for p in range(1, len(sizes))
                     for v in z[starts[p]:starts[p + 1]]]
        m = sp.Matrix(followers).jacobian(others).subs(at)
        jacobian = sp.Matrix([sp.diff(costs[0], v) for v in z[:n1]] + followers).jacobian(z).subs(
            at)
        if m.det() == 0 or jacobian.det() == 0:
            continue
        if leader_slope:
            # D1 f1 = C^T M^-T D_y f1, so that the total derivative vanishes.
            c = sp.Matrix(followers).jacobian(z[:n1]).subs(at)
            gradient = sp.Matrix([sp.diff(costs[0], v) for v in others]).subs(at)
            wanted = c.T * m.inv().T * gradient
            costs[0] += sum(a * b for a, b in zip(wanted, shift[:n1]))
        facts = rational_facts(costs, sizes, z, at, of)
        if not (quadratic and facts.pop("singular")):
            break
    facts.pop("singular", None)
    box = tuple((p - Fraction(rng.randint(1, 5), 4), p + Fraction(rng.randint(1, 5), 4))
                for p in place)
    actions = tuple(tuple(z[a:b]) for a, b in zip(starts, starts[1:]))
    zero = KnownZero(tuple((p, p) for p in place), facts)
    return KnownGame(tuple(map(sp.expand, costs)), actions, box, (zero,), of, quadratic,
                     f"jet {tuple(sizes)} {of}")


def rational_facts(costs, sizes, z, at, of) -> dict:
    """Facts at a rational point by explicit inverses and differentiation."""
    starts = list(itertools.accumulate(sizes, initial=0))
    own = [list(range(a, b)) for a, b in zip(starts, starts[1:])]
    omega = sp.Matrix([sp.diff(costs[p], z[i]) for p, block in enumerate(own) for i in block])
    jacobian = omega.jacobian(z).subs(at)
    critical = all(v == 0 for v in omega.subs(at))
    definite = [positive_definite(jacobian.extract(i, i)) for i in own]
    facts = {"nash": critical and all(definite), "simultaneous": critical and stable(jacobian)}
    for leader in range(len(sizes)):
        x = [z[i] for i in own[leader]]
        rest = [i for p, block in enumerate(own) if p != leader for i in block]
        y = [z[i] for i in rest]
        answers = omega.extract(rest, [0])
        m, c = answers.jacobian(y), answers.jacobian(x)
        inverse = m.subs(at)
        if inverse.det() == 0:
            facts[f"leader {leader + 1}"] = False
            if leader == 0:
                facts["stackelberg"] = False
            continue
        inverse = inverse.inv()
        c0 = c.subs(at)
        slope = -inverse * c0
        gradient = sp.Matrix([sp.diff(costs[leader], v) for v in y])
        total = sp.Matrix([sp.diff(costs[leader], v) for v in x]).subs(at) + slope.T * \
            gradient.subs(at)
        leads = all(v == 0 for v in total) and all(v == 0 for v in answers.subs(at))
        # f1(x, r(x)) to second order: r'' from differentiating F(x, r(x)) = 0 twice.
        lift = sp.eye(len(x)).col_join(slope)
        curvature = lift.T * sp.hessian(costs[leader], [*x, *y]).subs(at) * lift
        bends = [lift.T * sp.hessian(a, [*x, *y]).subs(at) * lift for a in answers]
        pull = (gradient.subs(at).T * inverse)
        for weight, bend in zip(pull, bends):
            curvature -= weight * bend
        positive = all(definite[p] for p in range(len(sizes)) if p != leader)
        facts[f"leader {leader + 1}"] = leads and positive and positive_definite(curvature)
        if leader == 0:
            # w_S,1 = D1 f1 - C^T M^-T D_y f1, the derivative of the inverse by hand
            rows = []
            v = m.subs(at).T.inv() * gradient.subs(at)
            for k, variable in enumerate(x):
                row = []
                for s in z:
                    dv = m.subs(at).T.inv() * (gradient.diff(s).subs(at)
                                               - m.diff(s).subs(at).T * v)
                    row.append((sp.diff(costs[0], variable, s).subs(at)
                                - (c[:, k].diff(s).subs(at).T * v)[0]
                                - (c0[:, k].T * dv)[0]))
                rows.append(row)
            j_s = sp.Matrix(rows).col_join(jacobian[len(x):, :])
            facts["stackelberg"] = leads and stable(j_s)
    field_jacobian = jacobian if of == "simultaneous" else j_s
    facts["hyperbolic"] = hyperbolic(field_jacobian)
    singular = field_jacobian.det() == 0
    facts["degenerate"] = singular or jacobian[sizes[0]:, sizes[0]:].det() == 0
    facts["singular"] = singular
    return facts


# -- transcendental costs: some zeros, by Newton's method ------------------------

def wild_costs(rng: random.Random) -> tuple[sp.Expr, sp.Expr]:
    """Two costs made of elementary functions, some with edges of their domain in reach."""
    def affine() -> sp.Expr:
        a, b, c = (sp.Rational(rng.randint(-6, 6), rng.choice((2, 3, 4))) for _ in range(3))
        return a * _x + b * _y + rng.choice((0, 0, c)) * _x * _y

    def term() -> sp.Expr:
        a, q = affine(), 1 + affine()**2
        kinds = (sp.sin(a), sp.cos(a), sp.exp(a / 4), sp.tanh(a), sp.atan(a), sp.log(q),
                 sp.sqrt(q), _x * _y, _x**2, _y**2, a**3,
                 rng.choice((sp.log(a + 3), sp.sqrt(a + 3), 1 / (a + 3), sp.tan(a), sp.erf(a),
                             sp.asin(a / 5), sp.acosh(a + 2), sp.sinh(a), sp.cosh(a),
                             sp.asinh(a), (a + 4)**sp.Rational(4, 3))))
        return sp.Rational(rng.randint(-6, 6), rng.choice((1, 2, 3))) * rng.choice(kinds)
    f = sum((term() for _ in range(rng.randint(2, 4))), _x * _y)
    if rng.random() < 0.5:
        return f, -f
    return f, sum((term() for _ in range(rng.randint(2, 4))), _y**2)


def omega_s(f: sp.Expr, g: sp.Expr) -> list[sp.Expr]:
    """The Stackelberg gradient of two scalar players."""
    return [f.diff(_x) - f.diff(_y) * g.diff(_x, _y) / g.diff(_y, 2), g.diff(_y)]


def numeric(expressions):
    """A function of x and y; NaN where an expression is not real and finite."""
    function = sp.lambdify((_x, _y), expressions, "numpy")

    def at(point) -> np.ndarray:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                values = np.array(function(*point), dtype=complex)
            except (ArithmeticError, TypeError, ValueError):
                return np.full(np.shape(expressions), np.nan)
        return np.where(np.isfinite(values) & (values.imag == 0), values.real, np.nan)
    return at


def newton_zeros(field: list[sp.Expr], box: Sequence[tuple[float, float]], seed: int,
                 n_starts: int = 40) -> list[np.ndarray]:
    """Well-conditioned zeros strictly inside a box, from random starts."""
    value, slope = numeric(field), numeric(sp.Matrix(field).jacobian((_x, _y)).tolist())
    rng = np.random.default_rng(seed)
    zeros: list[np.ndarray] = []
    for _ in range(n_starts):
        point = np.array([rng.uniform(*side) for side in box])
        for _ in range(40):
            residual, jacobian = value(point), slope(point)
            if not (np.isfinite(jacobian).all() and np.isfinite(residual).all()) \
                    or np.linalg.cond(jacobian) > 1e6:
                break
            step = np.linalg.solve(jacobian, residual)
            point = point - step * min(1, 1 / max(np.abs(step).max(), 1e-300))
            if np.abs(step).max() < 1e-13:
                inside = all(a + 1e-6 < v < b - 1e-6 for v, (a, b) in zip(point, box))
                if inside and np.abs(residual).max() < 1e-10 and all(
                        np.abs(point - other).max() > 1e-8 for other in zeros):
                    zeros.append(point)
                break
    return zeros
