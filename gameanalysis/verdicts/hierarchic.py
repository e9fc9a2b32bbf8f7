r"""Classification in a hierarchy: which critical points are equilibria of the order of moves.

At a zero x of G_1 (`anticipation`) at which no level is singular, the following are decided, each
on its own; player i is on level j, and y are the actions of all lower levels:

    second order of i   D_i F_{j,i} - (D_y F_{j,i}) (D_y G_{j+1})^-1 (D_i G_{j+1}) > 0
    equilibrium         the second order of every player
    stable              spec D G_1 in the open right half-plane, for x' = -G_1(x)
    differential Nash   omega = 0 and D_ii f_i > 0 for every player of the game

Everything is computed from N = d^ F (form "exact" of `stacked`), without a division.  At a zero
D F_j = D N_j / d^_j; so with e the product of all (d^_k)^2 > 0, row r on level j of e D G_1 is
that of D N times d^_j and all (d^_k)^2, k != j; and since multiplying rows of the lower system
by numbers does not change a Schur complement, the total Hessian is a Schur complement of D N
over d^_j.  Signs are decided exactly at rational points and in intervals of rising precision
elsewhere (`evidence`).  What nothing decides is UNDECIDED.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from fractions import Fraction
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..declaration.hierarchy import Hierarchy
from ..dynamics import HierarchyField
from ..errors import GameError
from ..exact.definiteness import (is_hyperbolic, is_positive_definite, is_singular, is_stable,
                                  spectrum_inertia)
from ..exact.minors import exact_sign, interval_sign, scaled_schur_complement, times
from ..compilation.compiled import (CompiledField, CompiledGame, CompiledMatrixGame,
                                    compile_game)
from ..programs.precise import PreciseIntervals
from ..programs.program import Program, Rationals
from ..programs.stacked import StackedBlocks, hierarchy_field_nodes
from ..truth import Truth
from .evidence import Evidence, Sign, all_zero, of_scaled
from .location import Location, RationalLocation

__all__ = ["HierarchyClassifier", "HierarchyPoint"]

Array = NDArray[np.float64]
Rows = list[list[Any]]

_DIGITS, _MORE_DIGITS = (20, 50), (120,)

SINGULAR = "the Jacobian of the gradient is singular here"
UNCERTIFIED = "found without proof: nothing about it is proved"


@dataclass(frozen=True, eq=False)
class HierarchyPoint:
    """A critical point of a hierarchy and the independent facts about it.

    ``x`` : the point as floats, shape (n,); ``radius`` bounds its distance to the exact point
        in every coordinate.
    ``certified`` : whether a critical point of the hierarchy is proved to lie there, at which
        no level is singular, and only one.
    ``second_order`` : a `Truth` for each player of the game: its total Hessian is positive
        definite.
    ``equilibrium`` : whether all of them are, so that every player is at a strict local
        minimum while those below answer.
    ``differential_nash`` : whether it is a differential Nash equilibrium of the game as well.
    ``stable`` : whether x' = -G_1(x) is attracted, with the levels' factors tau.
    ``hyperbolic`` : whether no eigenvalue of D G_1 is on the imaginary axis.
    ``degenerate`` : whether D G_1 is singular.
    ``inertia`` : how many eigenvalues of D G_1 have positive, negative and zero real part;
        None where not proved.
    ``eigenvalues`` : floats, rounded, without proof: "gradient" (D G_1), and "total Hessian 1",
        ... of each player; None where undefined.
    ``exact`` : the point as SymPy numbers where it is known exactly, else None.
    ``notes`` : sentences on what is special about the point.
    """

    x: Array
    radius: float
    certified: bool
    second_order: tuple[Truth, ...]
    differential_nash: Truth
    stable: Truth
    hyperbolic: Truth
    degenerate: Truth
    inertia: tuple[int, int, int] | None
    eigenvalues: Mapping[str, NDArray[Any] | None]
    exact: tuple[Any, ...] | None = None
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "eigenvalues", MappingProxyType(dict(self.eigenvalues)))
        for array in (self.x, *self.eigenvalues.values()):
            if array is not None:
                array.flags.writeable = False

    def __reduce__(self) -> tuple[Any, ...]:
        values = [getattr(self, each.name) for each in fields(self)]    # no mapping proxy
        return HierarchyPoint, tuple(
            dict(v) if isinstance(v, MappingProxyType) else v for v in values)

    @property
    def equilibrium(self) -> Truth:
        """Whether every player's second-order condition holds."""
        return Truth.all(self.second_order)

    @property
    def margins(self) -> tuple[float | None, ...]:
        """The smallest eigenvalue of each player's total Hessian, a float without proof."""
        found = (self.eigenvalues[_total_name(k)] for k in range(len(self.second_order)))
        return tuple(None if values is None else float(values[0]) for values in found)

    @property
    def label(self) -> str:
        """One phrase for tables and pictures, derived from the facts."""
        if not self.certified:
            return "uncertified"
        if self.equilibrium is Truth.UNDECIDED:
            return "undecided"
        kinds = {(Truth.YES, Truth.YES): "equilibrium and DNE",
                 (Truth.YES, Truth.NO): "equilibrium, not DNE",
                 (Truth.YES, Truth.UNDECIDED): "equilibrium",
                 (Truth.NO, Truth.YES): "DNE, no equilibrium"}
        name = kinds.get((self.equilibrium, self.differential_nash)) or self._other_label()
        return f"degenerate, {name}" if self.degenerate is Truth.YES else name

    def _other_label(self) -> str:
        if self.stable is Truth.YES:
            return "stable, no equilibrium"
        if self.inertia is None:
            return "no equilibrium"
        right, left, axis = self.inertia
        if axis:
            return "non-hyperbolic"
        return "saddle" if right and left else "unstable"

    def __repr__(self) -> str:
        at = ", ".join(f"{v:.6g}" for v in self.x)
        return f"HierarchyPoint(({at}), {self.label})"

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON: Truths as text, complex numbers as pairs, no NaN."""
        return {
            "x": [float(v) for v in self.x],
            "radius": float(self.radius) if np.isfinite(self.radius) else None,
            "certified": self.certified,
            "exact": None if self.exact is None else [str(v) for v in self.exact],
            "equilibrium": str(self.equilibrium),
            "second_order": [str(t) for t in self.second_order],
            "differential_nash": str(self.differential_nash),
            "stable": str(self.stable),
            "hyperbolic": str(self.hyperbolic),
            "degenerate": str(self.degenerate),
            "inertia": None if self.inertia is None else list(self.inertia),
            "margins": list(self.margins),
            "eigenvalues": {name: None if values is None else [_plain(v) for v in values]
                            for name, values in self.eigenvalues.items()},
            "label": self.label,
            "notes": list(self.notes),
        }


def _plain(value: Any) -> Any:
    return ([float(value.real), float(value.imag)] if isinstance(value, complex)
            else float(value))


def _total_name(player: int) -> str:
    return f"total Hessian {player + 1}"


class _Forms:
    """Programs of a hierarchy's systems, built when first needed."""

    def __init__(self, hierarchy: Hierarchy) -> None:
        self.hierarchy = hierarchy
        self.n = len(hierarchy.variables)

    @cached_property
    def blocks(self) -> StackedBlocks:
        """The nodes of N and d^."""
        return StackedBlocks(self.hierarchy, "exact")

    @cached_property
    def first(self) -> Program:
        """omega, then d^ of each level."""
        b = self.blocks
        return Program(b.graph, [*b.omega, *b.determinants])

    @cached_property
    def second(self) -> Program:
        """D N, row by row."""
        return Program(self.blocks.graph, [e for row in self.blocks.jacobian() for e in row])

    @cached_property
    def own(self) -> Program:
        """D_ii f_i of each player, row by row."""
        return Program(self.blocks.graph, [
            e for rows in self.blocks.own_hessians() for row in rows for e in row])


class _Matrices:
    """The numbers that decide, at one point, in one kind of arithmetic."""

    def __init__(self, forms: _Forms, inputs: Sequence[Any],
                 new_arithmetic: Callable[[], Any], sign: Sign) -> None:
        self.forms, self.hierarchy = forms, forms.hierarchy
        self.inputs, self.new_arithmetic, self.sign = list(inputs), new_arithmetic, sign

    def _evaluate(self, program: Program) -> list[Any]:
        arithmetic = self.new_arithmetic()
        values = program.evaluate(self.inputs, arithmetic)
        if not getattr(arithmetic, "defined", True):
            raise ArithmeticError("a derivative is not defined in the whole enclosure")
        return values

    @cached_property
    def _first(self) -> list[Any]:
        return self._evaluate(self.forms.first)

    @property
    def omega(self) -> list[Any]:
        """The game's own gradient."""
        return self._first[:self.forms.n]

    @property
    def determinants(self) -> list[Any]:
        """d^ of each level, 1 for the lowest."""
        return self._first[self.forms.n:]

    @cached_property
    def scaled(self) -> Rows:
        """D N: the rows of D G_1, each times d^ of its level, where N = 0."""
        flat, n = self._evaluate(self.forms.second), self.forms.n
        return [flat[k:k + n] for k in range(0, len(flat), n)]

    def own_hessians(self) -> list[Rows]:
        """D_ii f_i of each player."""
        flat, found = iter(self._evaluate(self.forms.own)), []
        for size in self.hierarchy.game.sizes:
            found.append([[next(flat) for _ in range(size)] for _ in range(size)])
        return found

    def total_hessian(self, player: int) -> tuple[Rows, Any]:
        """(p H, p): the total Hessian of a player times a number p that is not zero."""
        h = self.hierarchy
        level, own = h.level_of(player), list(h.actions(player))
        places = own + h.at_or_below(level + 1)
        block = [[self.scaled[i][j] for j in places] for i in places]
        rows, d = scaled_schur_complement(block, len(own))
        return rows, times(d, self.determinants[level])

    def jacobian(self, factors: Sequence[Fraction]) -> Rows:
        """A positive multiple of D G_1, its rows times positive factors."""
        h, ds = self.hierarchy, self.determinants
        weights = []
        for level in range(h.n_levels):
            weight = ds[level]
            for other, d in enumerate(ds):
                if other != level:
                    weight = times(weight, times(d, d))
            weights.append(weight)
        level_of = {k: h.level_of(player) for player in range(h.game.n_players)
                    for k in h.actions(player)}
        scale = math.lcm(*(f.denominator for f in factors))
        whole = [int(f * scale) for f in factors]
        return [[times(times(weights[level_of[k]], whole[k]), e) for e in row]
                for k, row in enumerate(self.scaled)]


class _HierarchyEvidence(Evidence):
    """One hierarchy at one point: the matrices at rising precision."""

    def __init__(self, forms: _Forms, location: Location) -> None:
        self.forms, self.location = forms, location
        self._levels: list[Any] = []
        self._source = self._make()

    def decide(self, question: Callable[[Any], Any]) -> Any:
        """The first answer that is neither None nor UNDECIDED; None if there is none."""
        return super().decide(question)

    def truth(self, question: Callable[[Any], Truth]) -> Truth:
        """`decide` for a question whose answer is a Truth."""
        return super().truth(question)

    def _make(self) -> Iterator[Any]:
        location = self.location
        if isinstance(location, RationalLocation):
            yield _Matrices(self.forms, location.values, Rationals, exact_sign)
        yield from self._over_intervals(_DIGITS)
        exact = location.exact_numbers()
        if exact is not None:
            yield _Matrices(self.forms, exact.inputs, lambda: exact, exact.sign)
        yield from self._over_intervals(_MORE_DIGITS)

    def _over_intervals(self, digits: Sequence[int]) -> Iterator[Any]:
        for count in digits:
            ends = self.location.enclosure(count)
            arithmetic = PreciseIntervals(count + 10)
            yield _Matrices(self.forms, [arithmetic.interval(*pair) for pair in ends],
                            partial(PreciseIntervals, count + 10), interval_sign)


class HierarchyClassifier:
    """Classifies points of one hierarchy; programs are built once, where they are needed.

    hierarchy : a `Hierarchy`.
    tau : the factors of the levels' gradients for stability, as in `hierarchy_gradient`;
        rational numbers, else `GameError`.
    """

    def __init__(self, hierarchy: Hierarchy, tau: Any = 1) -> None:
        self.hierarchy, self.game = hierarchy, hierarchy.game
        self.field = HierarchyField(hierarchy, tau)
        if not all(t.is_Rational for t in self.field.tau):
            raise GameError(f"verdicts need rational factors tau, not {self.field.tau}")
        self.factors = [Fraction(int(t.p), int(t.q)) for t in self.field.factors]
        self.zero_sum = False               # what Problem asks of a classifier
        self.forms = _Forms(hierarchy)

    @cached_property
    def compiled(self) -> CompiledGame | CompiledMatrixGame:
        """The game as NumPy functions."""
        return compile_game(self.game)

    @cached_property
    def compiled_field(self) -> CompiledField:
        """The hierarchy's gradient as NumPy functions."""
        graph, values, _ = hierarchy_field_nodes(self.field)
        return CompiledField(self.field, (graph, values))

    def is_zero(self, location: Location) -> bool:
        """Whether a point is seen to be a zero without the field searched: never."""
        return False

    def is_singular(self, location: Location) -> Truth:
        """Whether a level's determinant is zero at a point, so that G_1 is undefined there."""
        evidence = _HierarchyEvidence(self.forms, location)
        return evidence.truth(lambda m: ~Truth.all(
            Truth.of(None if s is None else s != 0) for s in map(m.sign, m.determinants)))

    def classify(self, location: Location) -> HierarchyPoint:
        """All facts about one point."""
        evidence = _HierarchyEvidence(self.forms, location)

        def jacobian(m: Any) -> Rows:
            return m.jacobian(self.factors)
        singular = evidence.truth(lambda m: is_singular(m.scaled, m.sign))
        return HierarchyPoint(
            x=np.array(location.x, dtype=float), radius=location.radius,
            certified=location.certified,
            exact=location.exact if location.certified else None,
            second_order=tuple(
                evidence.truth(partial(_is_minimum, player))
                for player in range(self.game.n_players)),
            differential_nash=self._nash(evidence),
            stable=evidence.truth(lambda m: is_stable(jacobian(m), m.sign)),
            hyperbolic=evidence.truth(lambda m: is_hyperbolic(jacobian(m), m.sign)),
            degenerate=singular,
            inertia=evidence.decide(lambda m: spectrum_inertia(jacobian(m), m.sign)),
            eigenvalues=self._eigenvalues(location.x),
            notes=((UNCERTIFIED,) if not location.certified
                   else (SINGULAR,) if singular is Truth.YES else ()))

    def _nash(self, evidence: _HierarchyEvidence) -> Truth:
        """omega = 0 and every player's own Hessian positive definite."""
        h = self.hierarchy
        # The lowest level's gradients vanish at every critical point.
        above = [k for level in h.levels[:-1] for player in level for k in h.actions(player)]
        critical = evidence.truth(lambda m: all_zero([m.omega[k] for k in above], m.sign))
        if critical is Truth.NO:
            return critical
        return critical & evidence.truth(lambda m: Truth.all(
            is_positive_definite(rows, m.sign) for rows in m.own_hessians()))

    def _eigenvalues(self, x: Array) -> dict[str, NDArray[Any] | None]:
        h = self.hierarchy
        found: dict[str, NDArray[Any] | None] = {}
        with np.errstate(all="ignore"):
            matrix = self.compiled_field.jacobian(x)
        found["gradient"] = _spectrum(matrix)
        for player in range(self.game.n_players):
            own = list(h.actions(player))
            below = h.at_or_below(h.level_of(player) + 1)
            # The factors tau cancel but for the player's own.
            hessian = matrix[np.ix_(own, own)] / float(self.factors[own[0]])
            if below and np.isfinite(matrix).all():
                try:
                    slopes = np.linalg.solve(matrix[np.ix_(below, below)],
                                             matrix[np.ix_(below, own)])
                except np.linalg.LinAlgError:
                    slopes = np.full((len(below), len(own)), np.nan)
                across = matrix[np.ix_(own, below)] / float(self.factors[own[0]])
                hessian = hessian - across @ slopes
            found[_total_name(player)] = _spectrum(0.5 * (hessian + hessian.T), symmetric=True)
        return found


def _is_minimum(player: int, m: _Matrices) -> Truth:
    """Whether a player's total Hessian is positive definite."""
    answer = of_scaled(m.total_hessian(player), m.sign, is_positive_definite)
    return Truth.UNDECIDED if answer is None else answer


def _spectrum(matrix: Array, symmetric: bool = False) -> NDArray[Any] | None:
    """Eigenvalues in ascending order, None where the matrix is not finite."""
    if not np.isfinite(matrix).all():
        return None
    if symmetric:
        return np.linalg.eigvalsh(matrix)
    values = np.linalg.eigvals(matrix)
    return np.sort_complex(values) if np.iscomplexobj(values) else np.sort(values)
