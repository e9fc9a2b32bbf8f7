r"""Statements on generic games and on what survives a perturbation.

Genericity is about almost all costs.  It is tested by perturbing a given game at random,

    lemma-C.3                  f + t zeta,  zeta a quadratic form in e = z - z*
    theorem-1, corollary-1     f + b . z,   b a vector

and deciding exactly what became of it.  The random numbers are k/N, k uniform in the integers
from -N to N, N = 2^40: by the lemma of Schwartz and Zippel a polynomial of degree d that is
not identically zero vanishes at them with probability at most d/(2N + 1).

Structural stability is proved, not sampled: an interval Newton operator over a ball V and an
interval |t| <= t0 of parameters shows one critical point in V for each t, and intervals
containing D2^2 f2 and S1(J) over V show that it is an equilibrium.

References: T. Fiez, B. Chasnov, L. Ratliff, ICML 2020, section 2.3 and appendix C; E. Mazumdar,
L. Ratliff, Local Nash equilibria are isolated, strict local Nash equilibria in 'almost all'
zero-sum continuous games, CDC 2019; J. T. Schwartz, J. ACM 27 (1980), 701-717.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from ..declaration.game import zero_sum
from ..exact.definiteness import is_positive_definite
from ..exact.minors import determinant, interval_sign, scaled_schur_complement
from ..programs.graph import Graph
from ..programs.precise import NoEnclosure, PreciseIntervals
from ..programs.program import Program
from ..programs.reading import Reader
from ..truth import Truth
from ..verdicts.local import LocalGame
from .claims import Claim, Condition, Finding, claim
from .vocabulary import CRITICAL, NASH, STACKELBERG, TWO_PLAYERS, ZERO_SUM

__all__ = ["ONE_PARAMETER", "POLYNOMIAL", "Persistence", "TABLE", "degenerate_set_is_empty",
           "generic_determinant", "persistence"]

TABLE: dict[str, Claim] = {}

#: Random numbers are multiples of 1/_N between -1 and 1.
_N = 1 << 40
#: The degrees of what is to vanish are below this, and 2^16/(2N + 1) < 10^-7.
_DEGREE = 1 << 16
_ERROR = 1e-7
#: Digits of the interval arithmetic, and the radii of balls that are tried.
_DIGITS = 25
_RADII = tuple(Fraction(1, 4 ** k) for k in range(1, 16))


def _random(rng: np.random.Generator, count: int) -> list[Fraction]:
    return [Fraction(int(k), _N) for k in rng.integers(-_N, _N, count, endpoint=True)]


# -- Lemma C.3: the follower's Hessian under f + t zeta ---------------------------------------

def generic_determinant(local: LocalGame, rng: np.random.Generator) -> Finding:
    """Whether det(D22 f2 + t Z) is not the zero polynomial in t, for a random symmetric Z.

    Decided by its values at t = 0, 1, ..., m: a polynomial of degree m in t that is not zero
    has at most m roots.
    """
    m = local.matrices
    if m is None or local.jet is None:
        return Finding(Truth.UNDECIDED, "the derivatives are not known as rational numbers")
    size, scale = len(m.response), local.jet.scale
    entries = iter(_random(rng, size * (size + 1) // 2))
    z = [[Fraction(0)] * size for _ in range(size)]
    for i in range(size):
        for j in range(i + 1):
            z[i][j] = z[j][i] = next(entries)
    at = [t for t in range(size + 1) if determinant(
        [[Fraction(e, scale) + t * more for e, more in zip(*rows)]
         for rows in zip(m.response, z)])]
    if not at:
        return Finding(Truth.NO, "det(D22 f2 + t Z) = 0 for every t")
    return Finding(Truth.YES, f"it is not zero at t = {at[0]}, so at all but at most {size} t")


@claim(TABLE, "lemma-C.3", "Lemma C.3", source="appendix C",
       statement=r"$\det D_2^2 f_2(x) \neq 0 \text{ for generic } f:\quad \det(D_2^2f_2(x) + tZ)"
                 r" \not\equiv 0 \text{ in } t, \text{ for almost every symmetric } Z$",
       hypotheses=(TWO_PLAYERS,),
       then="f + t zeta has det D22 f2 != 0 for all but finitely many t",
       games=lambda s: (s.degenerate_follower_games(zero_sum=True)
                        | s.degenerate_follower_games(zero_sum=False)
                        | s.critical_games(zero_sum=True)), error_probability=_ERROR)
def _follower_regular(local: LocalGame, rng: np.random.Generator) -> Finding:
    """A random quadratic form cures a singular Hessian of the follower, at the same point.

    What is decided, exactly, for any game and point, degenerate ones included, and a random
    zeta = e^T Z e/2 that leaves the point critical: det(D22 f2 + t Z), a polynomial of degree
    m in t, is not identically zero.  So the degenerate 2-jets are nowhere dense, and of
    measure zero on almost every line.  Nothing is said about the other points of the game.

    Error: the coefficient of t^m is det Z, a polynomial of degree m in the entries of Z that is
    not identically zero, so it vanishes with probability at most m/(2N + 1) < 10^-7.
    """
    return generic_determinant(local, rng)


# -- Theorem 1 and Corollary 1: all critical points under f + b . z ---------------------------

def _is_polynomial(local: LocalGame) -> Truth:
    return Truth.of(all(player.cost.is_polynomial(*local.game.variables)
                        for player in local.game.players))


POLYNOMIAL = Condition("polynomial costs", r"f_i \in \mathbb Q[x]", _is_polynomial)


def degenerate_set_is_empty(local: LocalGame, rng: np.random.Generator, *,
                            of: str = "follower") -> Finding:
    """Whether f + b . z, b random, has no critical point where a determinant vanishes.

    of : "follower" for det D22 f2, "game" for det J.

    Decided by a Groebner basis over QQ of D f + b and the determinant: it is {1} if and only if
    they have no common zero, complex ones included.
    """
    game, variables = local.game, local.game.variables
    f = game.players[0].cost.subs(game.parameters)
    n, n1 = len(variables), game.sizes[0]
    hessian = sp.Matrix(n, n, lambda i, j: sp.diff(f, variables[i], variables[j]))
    block = hessian[n1:, n1:] if of == "follower" else hessian
    singular = sp.Poly(block.det(method="berkowitz"), *variables)
    if singular.is_zero:
        return Finding(Truth.NO, "the determinant vanishes identically")
    gradient = [sp.Poly(sp.diff(f, v), *variables) for v in variables]
    power = max(g.total_degree() for g in gradient)
    degree = singular.total_degree() * max(1, power) ** (n - 1)
    if degree >= _DEGREE:
        return Finding(Truth.UNDECIDED, "the degrees are too high for the error stated")
    b = [sp.Rational(c.numerator, c.denominator) for c in _random(rng, n)]
    basis = sp.groebner([g + c for g, c in zip(gradient, b)] + [singular], *variables,
                        order="grevlex", domain=sp.QQ)
    return Finding(Truth.of(basis.exprs == [1]),
                   f"a critical point is degenerate with probability < {degree / (2 * _N):.1g}")


def _perturbed(local: LocalGame, rng: np.random.Generator, names: Sequence[str]) -> Finding:
    found = [degenerate_set_is_empty(local, rng, of=name) for name in names]
    answer = Truth.all(each.truth for each in found)
    return Finding(answer, next(each.note for each in found if each.truth is answer))


def _planar(s: Any) -> Any:
    """Games that are not degenerate identically: a convex quartic is added to the cost."""
    small = {"leader": 1, "follower": 1, "completion": "polynomial"}
    return (s.critical_games(**small) | s.degenerate_follower_games(**small)
            | s.zero_sum_games(leader=1, follower=1)).map(_with_quartic)


def _with_quartic(local: LocalGame) -> LocalGame:
    """f + |x1|^4 - |x2|^4, in e = z - z*: now det D22 f2 and det J are not identically zero.

    Their terms of highest degree are not, unless the quartic part of f cancels; then an
    eighth more does.
    """
    game = local.game
    leader, follower = game.players
    e = dict(zip(game.variables, (z - p for z, p in zip(game.variables, local.point))))
    for weight in (1, sp.Rational(9, 8), sp.Rational(5, 4)):
        f = leader.cost + weight * (sp.Add(*(e[v]**4 for v in leader.actions))
                                    - sp.Add(*(e[v]**4 for v in follower.actions)))
        hessian = sp.hessian(sp.expand(f), game.variables)
        n1 = game.sizes[0]
        if sp.expand(hessian.det()) != 0 and sp.expand(hessian[n1:, n1:].det()) != 0:
            break
    return LocalGame(zero_sum(f, leader.actions, follower.actions), local.point, local.values)


_HESSIANS = Condition(
    "det D22 f2 and det J are not identically zero", r"\det D_2^2f_2 \not\equiv 0,\ "
    r"\det J \not\equiv 0", lambda local: _not_identically_zero(local))


def _not_identically_zero(local: LocalGame) -> Truth:
    if _is_polynomial(local) is not Truth.YES:
        return Truth.UNDECIDED
    game, n1 = local.game, local.sizes[0]
    hessian = sp.hessian(game.players[0].cost.subs(game.parameters), game.variables)
    return Truth.of(all(sp.Poly(m.det(method="berkowitz"), *game.variables).is_zero is False
                        for m in (hessian, hessian[n1:, n1:])))


@claim(TABLE, "theorem-1", "Theorem 1", source="section 2.3",
       statement=r"$\text{for almost every } b \text{ all critical local Stackelberg equilibria "
                 r"of } (f + b \cdot z, -f - b \cdot z) \text{ are DSE}$",
       hypotheses=(ZERO_SUM, POLYNOMIAL, _HESSIANS),
       then="f + b . z has no critical point with det D22 f2 = 0 or det J = 0",
       games=_planar, error_probability=_ERROR)
def _generic_equilibria(local: LocalGame, rng: np.random.Generator) -> Finding:
    """In almost every zero-sum game the critical local Stackelberg equilibria are differential.

    What is decided, exactly, for a polynomial f and one random b: no critical point of
    f + b . z, not even a complex one, has det D22 f2 = 0 or det J = 0.  That is Theorem 1 along
    the perturbations by linear terms, and it is about all critical points of the game.  A local
    equilibrium at which w = 0 has D >= 0, and S1 >= 0 where D > 0: with det J = det D det S1 it
    is a DSE unless one of both determinants vanishes.  (Where det D = 0 a local equilibrium
    need not be critical, as the follower's answers may end there; of such points nothing
    is said.)

    Proof, and the error.  The points z with det = 0 form a hypersurface of degree d.  They are
    critical for b = -D f(z), and the image of the hypersurface under D f, of degree p, lies in
    a hypersurface of degree at most d p^(n-1) < 2^16 (Bezout), which b meets with probability
    at most 2^16/(2N + 1) < 10^-7.
    """
    return _perturbed(local, rng, ("follower", "game"))


@claim(TABLE, "corollary-1", "Corollary 1", source="section 2.3",
       statement=r"$\text{for almost every } b \text{ the local Stackelberg equilibria of } "
                 r"(f + b \cdot z, -f - b \cdot z) \text{ are non-degenerate, hyperbolic}$",
       hypotheses=(ZERO_SUM, POLYNOMIAL, _HESSIANS),
       then="at no critical point of f + b . z J_S is singular or not defined",
       games=_planar, error_probability=_ERROR)
def _generic_hyperbolic(local: LocalGame, rng: np.random.Generator) -> Finding:
    """In almost every zero-sum game local Stackelberg equilibria are hyperbolic zeros of w_S.

    What is decided is what ``theorem-1`` decides, with another b.  Where det D and det J are
    not zero, J_S is defined, and at a critical point its spectrum is that of S1 and of D, which
    are symmetric and invertible: real and without 0, hence hyperbolic.
    """
    return _perturbed(local, rng, ("follower", "game"))


# -- Theorem 2: structural stability --------------------------------------------------------------

ONE_PARAMETER = Condition("one parameter t, with t = 0", r"f_t,\ t = 0", lambda local: Truth.of(
    [value for value in local.game.parameters.values()] == [0]))


@dataclass(frozen=True)
class Persistence:
    """A proof that a critical point persists for |t| <= t0.

    For each such t the game has exactly one critical point within ``radius`` of the point in
    every coordinate, and there D22 f2 > 0 and the leader's matrix is positive definite.
    """

    t0: Fraction
    radius: Fraction


def persistence(local: LocalGame, *, of: str = "stackelberg") -> Persistence | Finding:
    r"""How far a DSE or DNE of a zero-sum game with a parameter t = 0 is proved to persist.

    of : "stackelberg" for S1(J) > 0 and D22 f2 > 0, "nash" for D11 f1 > 0 and D22 f2 > 0.

    With Y near J(z*)^-1, V = z* + [-r, r]^n and T = [-t0, t0], Krawczyk's operator

        K = z* - Y w_T(z*) + (I - Y J_T(V)) (V - z*)

    in the interior of V proves for each t in T a zero of w_t in V, and one only, as then
    |I - Y J_t| < 1 in V.  Rational r = 4^-k and t0 in a fixed proportion to r are tried, largest
    first.  A `Finding` says why there is none: NO if the point is none at t = 0.
    """
    at_zero = local.stackelberg if of == "stackelberg" else local.nash
    if at_zero is Truth.NO:
        return Finding(Truth.NO, f"the point is no differential {of} equilibrium at t = 0")
    if local.jet is None:
        return Finding(Truth.UNDECIDED, "the derivatives are not known as rational numbers")
    try:
        family = _Family(local)
        for r in _RADII:
            t0 = family.slack * r
            if family.persists(r, t0, of):
                return Persistence(t0, r)
    except (NoEnclosure, np.linalg.LinAlgError, OverflowError) as error:
        return Finding(Truth.UNDECIDED, str(error))
    return Finding(Truth.UNDECIDED, "no ball was found in which it is proved")


class _Family:
    """w, J and d w/dt of a game with one parameter, over boxes of z and t."""

    def __init__(self, local: LocalGame) -> None:
        game = local.game
        (t,) = game.parameters
        self.n, self.n1 = len(game.variables), game.sizes[0]
        own = [(p.cost, v) for p in game.players for v in p.actions]
        omega = [sp.diff(cost, v) for cost, v in own]
        jacobian = [sp.diff(w, v) for w in omega for v in game.variables]
        graph = Graph(self.n + 1)
        reader = Reader(graph, dict(zip((*game.variables, t), graph.variables)))
        self.omega, self.jacobian = (
            Program(graph, [reader.read(e) for e in each], self.n + 1)
            for each in (omega, jacobian))
        self.point = [Fraction(int(v.p), int(v.q)) for v in local.point]
        assert local.jet is not None and local.matrices is not None
        inverse = np.linalg.inv(local.matrices.floats(local.jet.scale)[0])
        self.inverse = [[Fraction(e) for e in row] for row in inverse.tolist()]
        at = [sp.diff(w, t).subs(dict(zip(game.variables, local.point))).subs(t, 0)
              for w in omega]
        # |Y| |d w/dt| t0, which intervals see of |Y w|, is to be an eighth of r.
        speed = float((np.abs(inverse) @ np.abs(np.array(at, dtype=float))).max(initial=0.0))
        self.slack = Fraction(1, 8) / (1 + Fraction(speed).limit_denominator(1 << 20))

    def persists(self, r: Fraction, t0: Fraction, of: str) -> bool:
        """Whether the proof succeeds for this ball and these parameters."""
        a = PreciseIntervals(_DIGITS)
        parameter = a.interval(-t0, t0)
        there = [*(a.constant(p) for p in self.point), parameter]
        ball = [*(a.interval(p - r, p + r) for p in self.point), parameter]
        residual = self.omega.evaluate(there, a)
        flat = self.jacobian.evaluate(ball, a)
        if not a.defined:
            return False
        rows = [flat[k:k + self.n] for k in range(0, len(flat), self.n)]
        return self._is_unique(a, residual, rows, r) and self._is_equilibrium(rows, of)

    def _is_unique(self, a: Any, residual: Sequence[Any], rows: Sequence[Sequence[Any]],
                   r: Fraction) -> bool:
        """Whether K - z* lies in the interior of [-r, r]^n: |Y w| + |I - Y J| r < r."""
        for i, weights in enumerate(self.inverse):
            total = _size(a, _dot(a, weights, residual))
            for j in range(self.n):
                entry = _dot(a, weights, [row[j] for row in rows])
                total += _size(a, a.sub(a.constant(Fraction(int(i == j))), entry)) * r
            if total >= r:
                return False
        return True

    def _is_equilibrium(self, rows: Sequence[Sequence[Any]], of: str) -> bool:
        n1 = self.n1
        follower = [row[n1:] for row in rows[n1:]]
        leader: Sequence[Sequence[Any]] = [row[:n1] for row in rows[:n1]]
        if of == "stackelberg":
            # The follower's determinant is positive where its matrix is positive definite.
            leader = _mirrored(scaled_schur_complement(rows, n1)[0])
        return (is_positive_definite(_mirrored(follower), interval_sign) is Truth.YES
                and is_positive_definite(_mirrored(leader), interval_sign) is Truth.YES)


def _mirrored(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """The upper triangle of a matrix that is symmetric, on both sides."""
    return [[rows[min(i, j)][max(i, j)] for j in range(len(rows))] for i in range(len(rows))]


def _dot(a: Any, weights: Sequence[Fraction], values: Sequence[Any]) -> Any:
    total = a.constant(Fraction(0))
    for weight, value in zip(weights, values):
        total = a.add(total, a.mul(a.constant(weight), value))
    return total


def _size(a: Any, value: Any) -> Fraction:
    """The largest modulus in an interval."""
    return max(abs(end) for end in a.bounds(value))


def _persists(local: LocalGame, of: str) -> Finding:
    found = persistence(local, of=of)
    if isinstance(found, Finding):
        return found
    return Finding(Truth.YES, f"for |t| <= {float(found.t0):.3g}, within {float(found.radius):g}")


@claim(TABLE, "theorem-2", "Theorem 2 (structural stability)", source="section 2.3",
       statement=r"$x^* \text{ a DSE of } (f, -f) \Rightarrow \exists\, t_0 > 0, V \ni x^*: "
                 r"(f + t\zeta, -f - t\zeta) \text{ has one DSE in } V \text{ for all } |t| "
                 r"\leq t_0$",
       hypotheses=(ZERO_SUM, ONE_PARAMETER, STACKELBERG),
       then="one DSE in a ball, for every t in an interval round 0",
       games=lambda s: s.perturbed_games(s.stackelberg_games(completion="any")))
def _stackelberg_persists(local: LocalGame) -> Finding:
    """A zero-sum DSE moves a little, stays one, and stays the only one nearby.

    Decided: YES only with a certificate, numbers r and t0 > 0 for which the interval operator
    of Krawczyk and interval matrices prove it for all |t| <= t0 at once; see `persistence`.

    Proof.  det J = det D det S1 is not zero, so the implicit function theorem gives the critical
    point; D > 0 and S1 > 0 are open conditions.
    """
    return _persists(local, "stackelberg")


@claim(TABLE, "mazumdar-ratliff", "Zero-sum Nash equilibria are structurally stable",
       source="Mazumdar and Ratliff, CDC 2019",
       statement=r"$x^* \text{ a DNE of } (f, -f) \Rightarrow \exists\, t_0 > 0, V \ni x^*: "
                 r"(f + t\zeta, -f - t\zeta) \text{ has one DNE in } V \text{ for all } |t| "
                 r"\leq t_0$",
       hypotheses=(ZERO_SUM, ONE_PARAMETER, NASH),
       then="one DNE in a ball, for every t in an interval round 0",
       games=lambda s: s.perturbed_games(s.nash_games(completion="any")))
def _nash_persists(local: LocalGame) -> Finding:
    """A zero-sum DNE moves a little, stays one, and stays the only one nearby.

    Decided as in ``theorem-2``, with D11 f1 in the place of S1(J).

    Proof.  J + J^T > 0, so J is invertible and the implicit function theorem gives the
    critical point; A > 0 and D > 0 are open conditions.
    """
    return _persists(local, "nash")


@claim(TABLE, "mazumdar-ratliff-generic", "Differential Nash equilibria are generic",
       source="Mazumdar and Ratliff, CDC 2019",
       statement=r"$f_2 = -f_1,\ \omega(x) = 0 \Rightarrow \det(D_1^2f_1(x) + tZ_1) "
                 r"\det(D_2^2f_2(x) + tZ_2) \not\equiv 0 \text{ for almost every } Z_1, Z_2$",
       hypotheses=(ZERO_SUM, CRITICAL),
       then="f + t zeta has det D11 f1 != 0 and det D22 f2 != 0 for all but finitely many t",
       games=lambda s: s.critical_games(zero_sum=True) | s.critical_line_games(zero_sum=True),
       error_probability=_ERROR)
def _nash_generic(local: LocalGame, rng: np.random.Generator) -> Finding:
    """A random quadratic form makes both players' own Hessians regular, at the same point.

    What is decided is that of ``lemma-C.3`` for both players, the second leading in turn: at a
    local Nash equilibrium the Hessians are positive semi-definite, so regular ones make it a
    DNE.  The error is twice as large at most, and below 10^-7.
    """
    if local.jet is None:
        return Finding(Truth.UNDECIDED, "the derivatives are not known as rational numbers")
    found = [generic_determinant(each, rng) for each in (local, local.swapped)]
    return Finding(found[0].truth & found[1].truth, "; ".join(each.note for each in found))
