r"""Classification: which kind of equilibrium a critical point is, with proof.

At a point x with omega(x) = 0 (or omega_S(x) = 0) the following are decided, each on
its own, because the classes overlap (paper, definitions 3 and 4, section 2.2):

    differential Nash           omega = 0,              D_ii f_i > 0 for every player i
    differential Stackelberg    omega_S = 0,            D^2 f1 = S1(J_S) > 0, D_22 f2 > 0
    stable (simultaneous)       omega = 0,              spec J in the open right half-plane
    stable (Stackelberg)        omega_S = 0,            spec J_S in the open right half-plane

With several followers D_jj f_j > 0 is asked of each follower and det M != 0 of their
joint Jacobian.  Signs are decided in interval arithmetic at rising precision over the
enclosure of the point and, where that fails, exactly at the rational or algebraic
number which the point is proved to be; at a rational point with rational derivatives
they are exact from the start (`evidence`).  What nothing decides is UNDECIDED.

Where the game has continuous symmetries that move the point, no strict definition can hold
in their directions; the classes modulo symmetry are decided beside the strict ones
(`manifolds`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..declaration.game import Game
from ..errors import GameError
from ..exact.definiteness import inertia, is_hyperbolic, is_singular, is_stable, spectrum_inertia
from ..exact.symmetries import Symmetries, symmetries
from ..programs.blocks import determinant_and_adjugate
from ..compilation.compiled import CompiledGame, CompiledMatrixGame, compile_game
from ..truth import Truth, both
from .continua import SliceLocation
from .evidence import (Evidence, Order, all_zero, follower_definite, of_scaled, own_definite,
                       total_definite)
from .forms import Matrices
from .location import Location, RationalLocation
from .manifolds import Manifold, ModuloSymmetry, own_name

__all__ = ["CriticalPoint", "Classifier"]

Array = NDArray[np.float64]

CENTRE = "a centre: eigenvalues of J on the imaginary axis, away from zero"
SINGULAR = "the Jacobian of the field is singular here"
ZERO_FOLLOWER = ("the follower's Hessian is zero: a candidate for a local Stackelberg "
                 "equilibrium that second-order conditions cannot see")
SINGULAR_FOLLOWER = ("the follower's Hessian is singular: the Stackelberg gradient is not "
                     "defined here")
UNCERTIFIED = "found without proof: nothing about it is proved"
#: Where the Jacobian is closer to a singular one than this, symmetries are looked for.
_NEARLY_SINGULAR = 1e-7


@dataclass(frozen=True, eq=False)
class CriticalPoint:
    """A critical point and the independent facts about it.

    ``x`` : the point as floats, shape (n,); ``radius`` bounds its distance to the exact
        point in every coordinate.
    ``certified`` : whether a critical point is proved to lie there, and only one; on a
        ``manifold`` only one on a slice across it.
    ``exact`` : the point as SymPy numbers where it is known exactly, else None.
    ``differential_nash``, ``differential_stackelberg`` : `Truth`; the latter in the
        declared order of play, and for each player leading in
        ``differential_stackelberg_by_leader``.
    ``stable`` : Truth for "simultaneous" and "stackelberg" gradient dynamics.
    ``hyperbolic`` : whether no eigenvalue of the field's Jacobian is on the imaginary axis.
    ``degenerate`` : whether that Jacobian or the followers' joint Hessian is singular.
    ``inertia`` : how many eigenvalues have positive, negative and zero real part, for
        each matrix of ``eigenvalues``; None where not proved.
    ``eigenvalues`` : floats, rounded, without proof: "J", "J_S", "D11 f1", "D22 f2", ...,
        "Schur complement" (S1(J)) and "total Hessian" (S1(J_S)); None where undefined.
    ``notes`` : sentences on what is special about the point.
    ``of`` : the field that vanishes here, "simultaneous" or "stackelberg".
    ``manifold`` : the dimension of the manifold of critical points that the symmetries of the
        game make here, 0 where the point is proved to be isolated, None where neither is.
    ``modulo_symmetry`` : the classes across that manifold, None where there is none.
    """

    x: Array
    radius: float
    certified: bool
    differential_nash: Truth
    differential_stackelberg_by_leader: tuple[Truth, ...]
    stable: Mapping[str, Truth]
    hyperbolic: Truth
    degenerate: Truth
    inertia: Mapping[str, tuple[int, int, int] | None]
    eigenvalues: Mapping[str, NDArray[Any] | None]
    exact: tuple[Any, ...] | None = None
    notes: tuple[str, ...] = field(default=())
    of: str = "simultaneous"
    manifold: int | None = None
    modulo_symmetry: ModuloSymmetry | None = None

    def __post_init__(self) -> None:
        for name in ("stable", "inertia", "eigenvalues"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
        for array in (self.x, *self.eigenvalues.values()):
            if array is not None:
                array.flags.writeable = False

    def __reduce__(self) -> tuple[Any, ...]:
        # A mapping proxy cannot be pickled.
        values = (getattr(self, each.name) for each in fields(self))
        return CriticalPoint, tuple(
            dict(v) if isinstance(v, MappingProxyType) else v for v in values)

    @property
    def differential_stackelberg(self) -> Truth:
        """Truth in the declared order of play."""
        return self.differential_stackelberg_by_leader[0]

    @property
    def label(self) -> str:
        """One phrase for tables and pictures, derived from the facts."""
        if not self.certified:
            return "uncertified"
        modulo = self.modulo_symmetry
        if modulo is None:
            facts = self.differential_nash, self.differential_stackelberg, self.stable
            return self._label(*facts, self.degenerate is Truth.YES)
        label = self._label(modulo.differential_nash, modulo.differential_stackelberg,
                            modulo.stable, modulo.explained is Truth.NO)
        return f"{label}, modulo a symmetry of dimension {modulo.dimension}"

    def _label(self, nash: Truth, leader: Truth, stable: Mapping[str, Truth],
               degenerate: bool) -> str:
        if Truth.UNDECIDED in (nash, leader):
            return "undecided"
        kinds = {(Truth.YES, Truth.YES): "DNE and DSE", (Truth.NO, Truth.YES): "DSE, not DNE",
                 (Truth.YES, Truth.NO): "DNE, not DSE"}
        name = kinds.get((nash, leader)) or self._other_label(stable)
        return f"degenerate, {name}" if degenerate else name

    def _other_label(self, stability: Mapping[str, Truth]) -> str:
        stable = [kind for kind, t in stability.items() if t is Truth.YES]
        if stable:
            return f"stable ({', '.join(stable)}), not DNE, not DSE"
        counts = self.inertia["J" if self.of == "simultaneous" else "J_S"]
        if counts is None:
            return "not DNE, not DSE"
        right, left, axis = counts
        if self.modulo_symmetry is not None:
            axis -= self.modulo_symmetry.dimension
        if axis:
            centre = self.of == "simultaneous" and CENTRE in self.notes
            return "centre" if centre and not right and not left else "non-hyperbolic"
        return "saddle" if right and left else "unstable"

    def __repr__(self) -> str:
        at = ", ".join(f"{v:.6g}" for v in self.x)
        return f"CriticalPoint(({at}), {self.label})"

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON: Truths as text, complex numbers as pairs, no NaN.

        The radius of a point without proof is None.
        """
        return {
            "x": [float(v) for v in self.x],
            "radius": float(self.radius) if np.isfinite(self.radius) else None,
            "certified": self.certified,
            "exact": None if self.exact is None else [str(v) for v in self.exact],
            "differential_nash": str(self.differential_nash),
            "differential_stackelberg": str(self.differential_stackelberg),
            "differential_stackelberg_by_leader": [
                str(t) for t in self.differential_stackelberg_by_leader],
            "stable": {kind: str(t) for kind, t in self.stable.items()},
            "hyperbolic": str(self.hyperbolic),
            "degenerate": str(self.degenerate),
            "inertia": {name: None if counts is None else list(counts)
                        for name, counts in self.inertia.items()},
            "eigenvalues": {name: None if values is None else [_plain(v) for v in values]
                            for name, values in self.eigenvalues.items()},
            "label": self.label,
            "notes": list(self.notes),
            "manifold": self.manifold,
            "modulo_symmetry": (None if self.modulo_symmetry is None
                                else self.modulo_symmetry.to_dict()),
        }


def _plain(value: complex) -> Any:
    return ([float(value.real), float(value.imag)] if isinstance(value, complex)
            else float(value))


class Classifier:
    """Classifies points of one game; programs are built once, and only where they are needed.

    ``of`` is the field whose zeros the points are: "simultaneous" or "stackelberg".
    """

    def __init__(self, game: Game, of: str = "simultaneous") -> None:
        self.game, self.of = game, of
        self.zero_sum = game.is_zero_sum

    @cached_property
    def compiled(self) -> CompiledGame | CompiledMatrixGame:
        """The game as NumPy functions."""
        return compile_game(self.game)

    @cached_property
    def orders(self) -> list[Order]:
        """The order of play for each player leading; the declared one first."""
        return [Order(self.game, leader) for leader in range(self.game.n_players)]

    def is_zero(self, location: RationalLocation) -> bool:
        """Whether the field is seen to be exactly zero at a rational point, by its jet.

        False also where the costs have no rational jet there, or omega_S is not defined.
        """
        if location.jet(self.game) is None:
            return False
        declared = Evidence(self.orders[0], location, False)
        if self.of == "simultaneous":
            return declared.truth(lambda m: all_zero(m.omega, m.sign)) is Truth.YES
        return declared.truth(lambda m: all_zero(
            [*m.omega[m.n1:], *m.total_derivative()], m.sign) if m.sign(m.d) else Truth.NO
            ) is Truth.YES

    def classify(self, location: Location) -> CriticalPoint:
        """All facts about one point."""
        evidence = [Evidence(order, location, self._is_response_free(location, leader))
                    for leader, order in enumerate(self.orders)]
        declared = evidence[0]
        jacobian = self._field_jacobian()
        nash = self.nash_critical(declared)
        leading = [self.leader_critical(e, leader) for leader, e in enumerate(evidence)]
        floats = declared.floats() or self._floats(location.x)
        manifold = self._manifold(evidence, floats)
        if manifold is not None and nash is Truth.YES:
            leading = [Truth.NO if critical is Truth.UNDECIDED
                       and manifold.is_response_singular(leader) else critical
                       for leader, critical in enumerate(leading)]
        counts = {name: declared.decide(question)
                  for name, question in self._inertia_questions(
                      manifold, nash, leading[0], declared.jet is not None).items()}
        singular_response = (
            Truth.YES if manifold is not None and manifold.is_response_singular(0)
            else declared.truth(lambda m: is_singular(m.response, m.sign)))
        singular = (declared.truth(lambda m: is_singular(jacobian(m), m.sign))
                    if manifold is None else Truth.YES)
        modulo = None if manifold is None else manifold.classes(nash, leading)
        return CriticalPoint(
            x=np.array(location.x, dtype=float), radius=location.radius,
            certified=location.certified,
            exact=location.exact if location.certified else None,
            differential_nash=both(nash, lambda: Truth.NO if manifold and manifold.moves_alone
                                   else declared.truth(own_definite)),
            differential_stackelberg_by_leader=tuple(
                both(critical, partial(_is_leading, each)) if manifold is None else Truth.NO
                for critical, each in zip(leading, evidence)),
            stable={
                "simultaneous": both(nash, lambda: _stable(counts["J"], lambda: declared.truth(
                    lambda m: is_stable(m.jacobian, m.sign)))) if manifold is None else Truth.NO,
                "stackelberg": both(leading[0], lambda: _stable(
                    counts["J_S"], lambda: declared.truth(
                        lambda m: is_stable(m.stackelberg_jacobian(), m.sign))))
                if manifold is None else Truth.NO},
            hyperbolic=Truth.NO if manifold else _hyperbolic(
                counts["J" if self.of == "simultaneous" else "J_S"], lambda: declared.truth(
                    lambda m: is_hyperbolic(jacobian(m), m.sign))),
            degenerate=singular | singular_response,
            inertia=counts, eigenvalues=self._eigenvalues(floats), of=self.of,
            notes=_notes(location, singular, singular_response, counts, declared)
            + (() if modulo is None else (modulo.sentence,)),
            manifold=(0 if singular is Truth.NO else
                      None if manifold is None else manifold.dimension),
            modulo_symmetry=modulo)

    @cached_property
    def symmetries(self) -> Symmetries:
        """The continuous symmetries of the game; found when first needed."""
        return symmetries(self.game)

    def _manifold(self, evidence: Sequence[Evidence], floats: tuple[Array, Array, Array]
                  ) -> Manifold | None:
        """The orbit of the symmetries through the point, if it is proved to be no point.

        Symmetries are looked for only where the field's Jacobian seems to be singular, as it
        is on every orbit.
        """
        if not evidence[0].location.certified or not _is_nearly_singular(
                floats[0 if self.of == "simultaneous" else 1]) or not self.symmetries.dimension:
            return None
        manifold = Manifold(self.symmetries, evidence, self._field_jacobian())
        return manifold if manifold.rank else None

    def _is_response_free(self, location: Location, leader: int) -> bool:
        """Whether the others' derivatives of the leader's cost are known to vanish."""
        return self.zero_sum or (isinstance(location, SliceLocation)
                                 and leader in location.response_free)

    @cached_property
    def is_response_singular_everywhere(self) -> bool:
        """Whether det M is zero identically, seen from the graph of the costs."""
        blocks = self.orders[0].forms.blocks
        n1 = blocks.n1
        determinant, _ = determinant_and_adjugate(
            blocks.graph, [row[n1:] for row in blocks.jacobian[n1:]])
        return determinant == blocks.graph.zero

    def is_response_singular(self, location: Location) -> Truth:
        """Whether det M = 0 at a point, so that omega_S is not defined there."""
        evidence = Evidence(self.orders[0], location, self.zero_sum)
        return evidence.truth(lambda m: is_singular(m.response, m.sign))

    def _field_jacobian(self) -> Callable[[Matrices], Any]:
        if self.of == "simultaneous":
            return lambda m: m.jacobian
        return lambda m: m.stackelberg_jacobian()

    def nash_critical(self, declared: Evidence) -> Truth:
        """Whether omega = 0."""
        location = declared.location
        if location.certified and (self.of == "simultaneous" or self.zero_sum):
            return Truth.YES
        if isinstance(location, SliceLocation) and location.of == "simultaneous":
            return Truth.YES
        # The followers' gradients vanish at a zero of omega_S.
        return declared.truth(lambda m: all_zero(m.omega[:m.n1], m.sign))

    def leader_critical(self, evidence: Evidence, leader: int) -> Truth:
        """Whether the leader's total derivative and the followers' gradients are zero."""
        if not evidence.location.certified:
            return Truth.UNDECIDED
        regular = evidence.truth(
            lambda m: Truth.of(None if (s := m.sign(m.d)) is None else s != 0))
        if evidence.response_free or (self.of == "stackelberg" and leader == 0):
            return regular
        if self.of == "simultaneous":
            # omega = 0, so only the followers' answer can give the leader a slope.
            return both(regular, lambda: evidence.truth(lambda m: all_zero(m.pull(), m.sign)))
        return both(regular, lambda: evidence.truth(
            lambda m: all_zero(m.omega[m.n1:] + m.total_derivative(), m.sign)))

    def _inertia_questions(self, manifold: Manifold | None, nash: Truth, leading: Truth,
                           exact: bool) -> dict[str, Callable[[Matrices], Any]]:
        questions: dict[str, Callable[[Matrices], Any]] = {
            "J": lambda m: spectrum_inertia(m.jacobian, m.sign),
            "J_S": lambda m: (spectrum_inertia(m.stackelberg_jacobian(), m.sign)
                              if m.sign(m.d) else None)}
        for i in range(self.game.n_players):
            questions[own_name(i)] = partial(_own_inertia, i)
        questions["Schur complement"] = lambda m: of_scaled(
            m.schur_complement(), m.sign, spectrum_inertia)
        questions["total Hessian"] = lambda m: of_scaled(m.total_hessian(), m.sign, inertia)
        if manifold is not None and not exact:
            # Intervals cannot see the zero eigenvalues that symmetry forces.
            questions.update(manifold.inertia_questions(nash, leading))
        return questions

    def _eigenvalues(self, floats: tuple[Array, Array, Array]
                     ) -> dict[str, NDArray[Any] | None]:
        n1 = self.game.sizes[0]
        jacobian, stackelberg, schur = floats
        found = {"J": _spectrum(jacobian), "J_S": _spectrum(stackelberg)}
        start = 0
        for i, size in enumerate(self.game.sizes):
            own = slice(start, start + size)
            found[own_name(i)] = _spectrum(jacobian[own, own], symmetric=True)
            start += size
        found["Schur complement"] = _spectrum(schur, symmetric=self.zero_sum)
        found["total Hessian"] = _spectrum(_schur(stackelberg, n1), symmetric=True)
        return found

    def _floats(self, x: Array) -> tuple[Array, Array, Array]:
        """J, J_S and S1(J) by the compiled game, NaN where they are not defined."""
        game = self.compiled
        jacobian = game.jacobian(x)
        try:
            return jacobian, game.stackelberg_jacobian(x), game.schur_complement(x)
        except GameError:
            # The follower's Hessian is singular everywhere.
            undefined = np.full(jacobian.shape, np.nan)
            return jacobian, undefined, undefined


def _is_leading(evidence: Evidence) -> Truth:
    """The second-order conditions of a differential Stackelberg equilibrium."""
    return evidence.truth(follower_definite) & evidence.truth(total_definite)


def _stable(counts: tuple[int, int, int] | None, otherwise: Callable[[], Truth]) -> Truth:
    """Whether all eigenvalues have positive real part, from their inertia if it is known."""
    return otherwise() if counts is None else Truth.of(not counts[1] and not counts[2])


def _hyperbolic(counts: tuple[int, int, int] | None, otherwise: Callable[[], Truth]) -> Truth:
    """Whether no eigenvalue is on the imaginary axis, from their inertia if it is known."""
    return otherwise() if counts is None else Truth.of(not counts[2])


def _own_inertia(player: int, m: Matrices) -> tuple[int, int, int] | None:
    return inertia(m.own_hessians()[player], m.sign)


def _spectrum(matrix: Array, symmetric: bool = False) -> NDArray[Any] | None:
    """Eigenvalues in ascending order, None where the matrix is not finite."""
    if not np.isfinite(matrix).all():
        return None
    if symmetric:
        return np.linalg.eigvalsh(0.5 * (matrix + matrix.T))
    return np.sort_complex(np.linalg.eigvals(matrix)) if np.iscomplexobj(
        values := np.linalg.eigvals(matrix)) else np.sort(values)


def _is_nearly_singular(matrix: Array) -> bool:
    if not np.isfinite(matrix).all():
        return False
    values = np.linalg.svd(matrix, compute_uv=False)
    return bool(values[-1] <= _NEARLY_SINGULAR * values[0])


def _schur(matrix: Array, n1: int) -> Array:
    if not np.isfinite(matrix).all():
        return np.full((n1, n1), np.nan)
    try:
        slopes = np.linalg.solve(matrix[n1:, n1:], matrix[n1:, :n1])
    except np.linalg.LinAlgError:
        return np.full((n1, n1), np.nan)
    return matrix[:n1, :n1] - matrix[:n1, n1:] @ slopes


def _notes(location: Location, singular: Truth, singular_response: Truth,
           counts: Mapping[str, Any], declared: Evidence) -> tuple[str, ...]:
    if not location.certified:
        return (UNCERTIFIED,)
    notes = []
    if singular is Truth.YES:
        notes.append(SINGULAR)
    elif counts["J"] is not None and counts["J"][2] and declared.truth(
            lambda m: is_singular(m.jacobian, m.sign)) is Truth.NO:
        notes.append(CENTRE)
    if singular_response is Truth.YES:
        zero = declared.truth(lambda m: all_zero(
            [e for row in m.response for e in row], m.sign))
        notes.append(ZERO_FOLLOWER if zero is Truth.YES else SINGULAR_FOLLOWER)
    return tuple(notes)
