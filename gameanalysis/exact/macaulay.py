r"""Zeros of polynomial systems in several variables by Macaulay matrices.

The Macaulay matrix of degree d has one row for each multiple x^a f_j of
degree at most d and one column for each monomial, highest degrees first.  Let
all monomials of some degree g be pivots of its echelon form, and let B be the
monomials below degree g that are not.  Then every monomial is, modulo the
ideal I, a combination of B, so dim Q[x]/I <= k = |B|.  Computed modulo a
prime this is a proof over Q: pivots left of degree g that fill every column
come from a minor that is not zero; where they do not, the rank of that part
over Q is bounded by its rank modulo primes whose product exceeds Hadamard's
bound on its minors.

On the quotient x_i acts as a matrix M_i.  For l = sum c_i x_i and Tr the trace
of multiplication, with chi the characteristic polynomial of l,

    G_u(t) = sum_xi mu(xi) u(xi) chi(t) / (t - l(xi))
           = sum_j Tr(u l^j) H_{k-1-j}(t),      H_j Horner's polynomials of chi,

the zeros xi are x_i = G_{x_i}/G_1 at the roots of chi.  These polynomials are
computed modulo primes and reconstructed over Q; nothing is then taken on
trust.  Each listed point is checked to be a zero, in exact arithmetic.  If
chi is squarefree there are k distinct points, so the list is complete.
Otherwise the M_i themselves are reconstructed over Q, checked to commute and
to satisfy every f_j, which proves that they describe Q[x]/I, and the
polynomials x_i G_1(l) - G_{x_i}(l) and the squarefree part of chi(l), divided by
what they share, are checked to lie in the radical of the trace form: they
are nilpotent, so they vanish at every zero.  Newton's identities confirm chi,
and with it the multiplicities.

References: F. Rouillier, AAECC 9 (1999); B. Mourrain, A new criterion for
normal form algorithms, AAECC-13 (1999); H. M. Moeller, H. J. Stetter, Numer.
Math. 70 (1995).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from math import comb
from typing import Any, Union

import numpy as np
import sympy as sp
from sympy.polys.domains import ZZ
from sympy.polys.galoistools import gf_gcd, gf_trunc

from .univariate import (Dense, Monomial, Sparse, common_divisor, dense, derivative,
                         exact_quotient, multiply, reconstruct, squarefree_factors, substitute)

__all__ = ["NotZeroDimensional", "TooLarge", "quotient_representation"]

#: Bounds: columns of a Macaulay matrix, cells visited by elimination in all,
#: the dimension of the quotient when zeros are multiple, primes for lifting.
MAX_COLUMNS = 500
MAX_WORK = 600_000_000
MAX_MULTIPLE = 36
MAX_PRIMES = 300

#: Primes below this keep sums of 64 products of residues within 64 bits.
_BELOW = 1 << 28

System = Sequence[Sparse]

#: (p, multiplicity or None, numerators of the variables, denominator)
Family = tuple[Dense, Union[int, None], list[Dense], Dense]


class NotZeroDimensional(ValueError):
    """The polynomials have infinitely many complex zeros, or too few equations.

    ``factor`` is a common factor of all polynomials, or None.
    """

    def __init__(self, message: str, factor: sp.Expr | None = None) -> None:
        super().__init__(message)
        self.factor = factor


class TooLarge(ValueError):
    """The system exceeds a stated bound on work; nothing is known about it."""


def quotient_representation(system: System) -> list[Family]:
    """All complex zeros of a system of integer polynomials, n >= 2 variables.

    Returns families (p, multiplicity, numerators, denominator): one zero over
    each root of each squarefree p.  Every complex zero belongs to exactly one
    family; none is returned twice.

    Raises `TooLarge` when a bound on work is reached, which also happens when
    there are infinitely many zeros.
    """
    n = len(next(iter(system[0])))
    work = _Work()
    basis = None
    degrees = sorted(max(map(sum, f)) for f in system)
    regular = sum(degrees[-n:]) - n + 1
    prime = int(sp.prevprime(_BELOW))
    for degree in range(degrees[-1], regular + 5):
        matrix = _Macaulay(system, n, degree)
        basis = matrix.quotient(prime, work)
        if basis is not None and basis.commutes():
            break
    else:
        raise TooLarge(f"no finite quotient appears up to degree {regular + 4}: the zeros at "
                       f"infinity, and probably the finite ones, are infinitely many")
    if not basis.monomials:
        matrix.prove(prime, work)
        return []
    return _Lifting(system, matrix, basis, prime, work).run()


class _Work:
    """Counts cells visited by elimination and stops at the bound."""

    def __init__(self) -> None:
        self.cells = 0

    def spend(self, cells: int) -> None:
        self.cells += cells
        if self.cells > MAX_WORK:
            raise TooLarge(f"elimination would visit more than {MAX_WORK} cells")


def _echelon(matrix: np.ndarray, q: int, work: _Work,
             n_forward: int = 0) -> tuple[np.ndarray, list[int], list[int]]:
    """The reduced row echelon form modulo q, its pivots, the rows it came from.

    Zero rows are left out.  In the first ``n_forward`` columns only the rows
    below a pivot are cleared.
    """
    matrix = matrix % q
    order = list(range(matrix.shape[0]))
    pivots: list[int] = []
    for column in range(matrix.shape[1]):
        row = len(pivots)
        if row == matrix.shape[0]:
            break
        below = np.flatnonzero(matrix[row:, column])
        if not below.size:
            continue
        chosen = row + int(below[0])
        if chosen != row:
            matrix[[row, chosen]] = matrix[[chosen, row]]
            order[row], order[chosen] = order[chosen], order[row]
        scale = pow(int(matrix[row, column]), -1, q)
        matrix[row, column:] = matrix[row, column:] * scale % q
        factors = matrix[:, column].copy()
        factors[:row + 1 if column < n_forward else 0] = 0
        factors[row] = 0
        touched = np.flatnonzero(factors)
        work.spend(touched.size * (matrix.shape[1] - column) + matrix.shape[1])
        matrix[touched, column:] = (matrix[touched, column:] - np.outer(
            factors[touched], matrix[row, column:])) % q
        pivots.append(column)
    return matrix[:len(pivots)], pivots, order[:len(pivots)]


def _monomials(n: int, degree: int) -> Iterator[Monomial]:
    """All monomials of exactly this degree in n variables."""
    for bars in combinations(range(degree + n - 1), n - 1):
        ends = (-1, *bars, degree + n - 1)
        yield tuple(b - a - 1 for a, b in zip(ends, ends[1:]))


def _times(a: Monomial, b: Monomial) -> Monomial:
    return tuple(u + v for u, v in zip(a, b))


def _unit(n: int, i: int) -> Monomial:
    return tuple(int(j == i) for j in range(n))


class _Macaulay:
    """The Macaulay matrix of one degree."""

    def __init__(self, system: System, n: int, degree: int) -> None:
        n_columns = comb(n + degree, n)
        if n_columns > MAX_COLUMNS:
            raise TooLarge(f"a Macaulay matrix of degree {degree} in {n} unknowns has "
                           f"{n_columns} columns; the bound is {MAX_COLUMNS}")
        self.n, self.degree = n, degree
        self.columns = [m for d in range(degree, -1, -1) for m in _monomials(n, d)]
        self.index = {m: k for k, m in enumerate(self.columns)}
        rows = [{_times(a, m): c for m, c in f.items()} for f in system
                for d in range(degree - max(map(sum, f)) + 1) for a in _monomials(n, d)]
        self.norms = sorted((sum(c * c for c in row.values()) for row in rows), reverse=True)
        self.entries = [[(self.index[m], c) for m, c in row.items()] for row in rows]
        self.independent: list[int] = []
        self.gap = 0
        self.n_left = 0
        self.left_rank = 0

    def modulo(self, q: int) -> np.ndarray:
        matrix = np.zeros((len(self.entries), len(self.columns)), dtype=np.int64)
        for k, row in enumerate(self.entries):
            for column, c in row:
                matrix[k, column] = c % q
        return matrix

    def quotient(self, q: int, work: _Work) -> _Quotient | None:
        """The quotient modulo q, if all monomials of one degree are pivots."""
        echelon, pivots, self.independent = _echelon(self.modulo(q), q, work)
        missing = {sum(self.columns[k])
                   for k in set(range(len(self.columns))) - set(pivots)}
        gap = next((g for g in range(self.degree + 1) if g not in missing), None)
        if gap is None:
            return None
        self.gap = gap
        self.n_left = sum(comb(self.n + d - 1, d) for d in range(gap + 1, self.degree + 1))
        self.left_rank = sum(1 for k in pivots if k < self.n_left)
        return self._quotient(echelon, pivots, q)

    def again(self, q: int, work: _Work) -> _Quotient | None:
        """The quotient modulo another prime; None when its pivots differ."""
        echelon, pivots, _ = _echelon(self.modulo(q)[self.independent], q, work, self.n_left)
        missing = set(range(len(self.columns))) - set(pivots)
        if (sum(1 for k in pivots if k < self.n_left) != self.left_rank
                or any(sum(self.columns[k]) == self.gap for k in missing)):
            return None
        return self._quotient(echelon, pivots, q)

    def _quotient(self, echelon: np.ndarray, pivots: list[int], q: int) -> _Quotient:
        rows = {self.columns[p]: k for k, p in enumerate(pivots)}
        low = [m for m in self.columns[self.n_left:]
               if m not in rows and sum(m) < self.gap][::-1]
        places = [self.index[m] for m in low]
        k = len(low)
        actions = np.zeros((self.n, k, k), dtype=np.int64)
        position = {m: j for j, m in enumerate(low)}
        for i in range(self.n):
            for j, m in enumerate(low):
                product = _times(m, _unit(self.n, i))
                if product in position:
                    actions[i, position[product], j] = 1
                else:
                    actions[i, :, j] = -echelon[rows[product], places] % q
        return _Quotient(low, actions, q)

    @property
    def proved_by_one(self) -> bool:
        """Whether one prime proves the bound on the dimension."""
        return self.left_rank == self.n_left

    @property
    def hadamard(self) -> int:
        """A bound on the squares of the minors whose vanishing is the proof."""
        bound = 1
        for norm in self.norms[:self.left_rank + 1]:
            bound *= norm
        return bound

    def prove(self, prime: int, work: _Work) -> None:
        """Prove over Q what was found modulo one prime, by enough others."""
        modulus = prime
        while not self.proved_by_one and modulus * modulus <= self.hadamard:
            prime = int(sp.prevprime(prime))
            _, pivots, _ = _echelon(self.modulo(prime)[:, :self.n_left], prime, work,
                                    self.n_left)
            if len(pivots) > self.left_rank:
                raise TooLarge(f"the prime {_BELOW} was unlucky for this system")
            modulus *= prime


class _Quotient:
    """Multiplication matrices on the monomials B, modulo a prime."""

    def __init__(self, monomials: list[Monomial], actions: np.ndarray, q: int) -> None:
        self.monomials, self.actions, self.q = monomials, actions, q

    def commutes(self) -> bool:
        """Whether the matrices commute and B is connected to 1."""
        if not self.monomials:
            return True
        known = set(self.monomials)
        if any(sum(m) and not any(_lower(m, i) in known for i in range(len(m)) if m[i])
               for m in self.monomials):
            return False
        return all(not ((a @ b - b @ a) % self.q).any()
                   for a, b in combinations(self.actions, 2))

    def gram(self) -> np.ndarray:
        """The matrix Tr(b b') of the trace form."""
        k, q = len(self.monomials), self.q
        by_monomial = {self.monomials[0]: np.eye(k, dtype=np.int64)}
        for m in self.monomials[1:]:
            i = next(i for i in range(len(m)) if m[i] and _lower(m, i) in by_monomial)
            by_monomial[m] = self.actions[i] @ by_monomial[_lower(m, i)] % q
        traces = np.array([int(np.trace(by_monomial[m])) % q for m in self.monomials])
        return np.array([traces @ by_monomial[m] % q for m in self.monomials])

    def representation(self, form: Sequence[int]) -> list[list[int]]:
        """chi and G_{x_1}, ..., G_{x_n}, padded to k + 1 coefficients, modulo q."""
        k, q = len(self.monomials), self.q
        gram = self.gram()
        action = sum(c * a for c, a in zip(form, self.actions)) % q
        one = np.zeros(k, dtype=np.int64)
        one[0] = 1
        functionals = [gram[0]] + [a.T @ gram[0] % q for a in self.actions]
        traces: list[list[int]] = [[] for _ in functionals]
        power = one
        for _ in range(k + 1):
            for row, functional in zip(traces, functionals):
                row.append(int(functional @ power % q))
            power = action @ power % q
        chi = [1]
        for j in range(1, k + 1):
            total = sum(chi[i] * traces[0][j - i] for i in range(j))
            chi.append(-total * pow(j, -1, q) % q)
        return [chi] + [[0] + [sum(row[j] * chi[m - j] for j in range(m + 1)) % q
                               for m in range(k)] for row in traces[1:]]

    def n_distinct(self, work: _Work) -> int:
        return len(_echelon(self.gram(), self.q, work, len(self.monomials))[1])


def _lower(m: Monomial, i: int) -> Monomial:
    return tuple(e - (j == i) for j, e in enumerate(m))


class _Residues:
    """Integers known modulo a growing product of primes."""

    def __init__(self) -> None:
        self.modulus = 1
        self.values: Any = None

    def join(self, residues: np.ndarray, q: int) -> None:
        fresh = residues.astype(object)
        if self.values is None:
            self.values = fresh
        else:
            inverse = pow(self.modulus % q, -1, q)
            self.values = self.values + self.modulus * ((fresh - self.values) * inverse % q)
        self.modulus *= q

    def rational(self) -> tuple[tuple[int, ...], int] | None:
        """Numerators over one denominator, or None while the product is too small."""
        return reconstruct([int(v) for v in self.values], self.modulus)


class _Lifting:
    """From residues modulo primes to a proved representation over Q."""

    def __init__(self, system: System, matrix: _Macaulay, basis: _Quotient,
                 prime: int, work: _Work) -> None:
        self.system, self.matrix, self.basis = system, matrix, basis
        self.prime, self.work = prime, work
        self.form = self._separating_form()

    def _separating_form(self) -> list[int]:
        """A linear form with as many values as there are zeros, modulo q."""
        n, q = self.matrix.n, self.basis.q
        n_distinct = self.basis.n_distinct(self.work)
        for base in (1, -1, 2, -2, 3, -3, 5, 7, 11, 101, 1009):
            form = [base**i + (i if base == 1 else 0) for i in range(n)]
            chi = self.basis.representation(form)[0]
            slope = [c * (len(chi) - 1 - j) % q for j, c in enumerate(chi[:-1])]
            shared = gf_gcd([ZZ(c) for c in gf_trunc(chi, q)],
                            [ZZ(c) for c in gf_trunc(slope, q)], ZZ(q), ZZ)
            if len(chi) - len(shared) == n_distinct:
                return form
        raise TooLarge("no separating linear form with small coefficients was found")

    def run(self) -> list[Family]:
        forms, actions = _Residues(), _Residues()
        basis: _Quotient | None = self.basis
        prime, count, due = self.prime, 0, 2
        while count < MAX_PRIMES:
            if basis is not None and basis.monomials == self.basis.monomials:
                forms.join(np.array(basis.representation(self.form)).ravel(), prime)
                actions.join(basis.actions.ravel(), prime)
                count += 1
                if count >= due:
                    due = count + 2 + count // 3
                    found = self._attempt(forms, actions)
                    if found is not None:
                        self.matrix.prove(prime, self.work)
                        return found
            prime = int(sp.prevprime(prime))
            basis = self.matrix.again(prime, self.work)
        raise TooLarge(f"{MAX_PRIMES} primes do not suffice to represent the zeros")

    def _attempt(self, forms: _Residues, actions: _Residues) -> list[Family] | None:
        found = forms.rational()
        if found is None:
            return None
        width = len(self.basis.monomials) + 1
        chi, *tops = (dense(found[0][k:k + width]) for k in range(0, len(found[0]), width))
        below = derivative(chi)
        shared = common_divisor(chi, below)
        reduced = [exact_quotient(f, shared) for f in (*tops, below)]
        if any(f is None for f in reduced):
            return None
        *numerators, denominator = [f for f in reduced if f is not None]
        families: list[Family] = []
        for p, multiplicity in squarefree_factors(chi):
            families.append((p, multiplicity, numerators, denominator))
        if not all(self._vanishes(*family) for family in families):
            return None
        proved = len(shared) == 1 or self._is_radical(actions, chi, families, numerators,
                                                      denominator)
        return families if proved else None

    def _vanishes(self, p: Dense, _: int | None, numerators: list[Dense],
                  denominator: Dense) -> bool:
        return all(not substitute(f, numerators, denominator, p, max(map(sum, f)))[0]
                   for f in self.system)

    def _is_radical(self, actions: _Residues, chi: Dense, families: list,
                    numerators: list[Dense], denominator: Dense) -> bool:
        """Proof that every zero is listed, when some are multiple."""
        k, n = len(self.basis.monomials), self.matrix.n
        if k > MAX_MULTIPLE:
            raise TooLarge(f"{k} zeros counted with multiplicity, some multiple; the bound "
                           f"for such systems is {MAX_MULTIPLE}")
        found = actions.rational()
        if found is None:
            return False
        # d M_i as integer matrices
        entries, d = np.array(found[0], dtype=object).reshape(n, k, k), found[1]
        if any((a @ b - b @ a).any() for a, b in combinations(entries, 2)):
            return False
        one = np.array([1] + [0] * (k - 1), dtype=object)
        images: dict[Monomial, np.ndarray] = {(0,) * n: one}
        for f in self.system:
            f_degree = max(map(sum, f))
            if np.any(sum(c * d**(f_degree - sum(m)) * _image(m, entries, images)
                          for m, c in f.items())):
                return False
        gram = self._gram(entries, d)
        form = np.tensordot(np.array(self.form, dtype=object), entries, axes=1)
        if not _is_characteristic(chi, form, gram[0], d, one, d**sum(self.basis.monomials[-1])):
            return False
        square_free: Dense = (1,)
        for p, *_ in families:
            square_free = multiply(square_free, p)
        zero = np.zeros_like(one)
        elements = [_horner(square_free, form, d, one, zero)]
        below = _horner(denominator, form, d, one, zero)
        degree = len(denominator) - 1
        for action, top in zip(entries, numerators):
            # d^(degree + 1) (x_i G_1(l) - G_i(l)), as a vector on B
            right = _horner((0,) * (degree + 1 - len(top)) + top, form, d, one, zero)
            elements.append(action @ below - d * right)
        return not any((gram @ e).any() for e in elements)

    def _gram(self, entries: np.ndarray, d: int) -> np.ndarray:
        """A positive multiple of the trace form over Q, row by row."""
        k = len(self.basis.monomials)
        first = self.basis.monomials[0]
        scaled = {first: np.array([[int(i == j) for j in range(k)] for i in range(k)],
                                  dtype=object)}
        for m in self.basis.monomials[1:]:
            i = next(i for i in range(len(m)) if m[i] and _lower(m, i) in scaled)
            scaled[m] = entries[i] @ scaled[_lower(m, i)]
        top = sum(self.basis.monomials[-1])
        traces = np.array([d**(top - sum(m)) * int(np.trace(scaled[m]))
                           for m in self.basis.monomials], dtype=object)
        return np.array([traces @ scaled[m] for m in self.basis.monomials])


def _is_characteristic(chi: Dense, form: np.ndarray, trace: np.ndarray, d: int,
                       one: np.ndarray, unit: int) -> bool:
    """Newton's identities: chi is a multiple of l's characteristic polynomial.

    ``form`` is d M_l and ``trace`` is ``unit`` times the trace functional.
    """
    sums, power = [], one
    for _ in chi:
        sums.append(int(trace @ power))
        power = form @ power
    return all(sum(chi[i] * d**i * sums[j - i] for i in range(j)) + j * chi[j] * d**j * unit == 0
               for j in range(1, len(chi)))


def _image(m: Monomial, entries: np.ndarray, images: dict) -> np.ndarray:
    """d^|m| times the vector of the monomial m on B."""
    if m not in images:
        i = next(i for i in range(len(m)) if m[i])
        images[m] = entries[i] @ _image(_lower(m, i), entries, images)
    return images[m]


def _horner(f: Dense, form: np.ndarray, d: int, one: np.ndarray,
            zero: np.ndarray) -> np.ndarray:
    """d^deg f(l) as a vector on B, where form = d M_l; leading zeros count."""
    value, power = zero, 1
    for c in f:
        value = form @ value + c * power * one
        power *= d
    return value
