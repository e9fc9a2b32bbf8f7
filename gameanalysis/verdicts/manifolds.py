r"""Classes modulo symmetry: definite and stable across a manifold of critical points.

Let x be critical, and let the symmetries xi of the game (`exact.symmetries`) span
T = {xi(x)} of dimension d.  The flows of the symmetries map critical points to critical points,
so x lies on a manifold of them, its orbit, with tangent space T.  With d > 0 no strict
definition can hold along it; across it one can.  In what follows phi is a symmetry near
the identity.

**Jacobian.**  g(phi(x)) = 0 for the field g (omega, or omega_S where M is regular), so
J T = 0, and J acts on R^n / T by a matrix Q with spec J = {0, ..., 0} u spec Q, d zeros.
Where spec Q lies in the open right half-plane the orbit is normally hyperbolic: it
attracts all solutions of x' = -g(x) that start near, each to one of its points
(Fenichel; Aulbach).  det Q = 0 says that symmetry does not explain all of the kernel.

**Nash.**  N_i = {xi_i(x) : xi_j(x) = 0 for every j != i}.  Row i of J xi(x) = 0 then reads
D_ii f_i N_i = 0.  These xi fix the others' actions and f_i (c_i = xi_i . D_i f_i = 0), so
f_i is constant along the orbit of x_i that they span, and if D_ii f_i > 0 on R^(m_i) / N_i,
x_i is a local minimum of f_i(., x_-i), strict but for that orbit (Morse and Bott).

**Stackelberg**, the followers' D_jj f_j > 0 and M regular.  phi maps the followers' critical
points to such, and these are locally unique, so r(phi_1(x1)) = phi_2(r(x1)), and the
reduced cost F(x1) = f1(x1, r(x1)) changes by c t along phi; c = DF . xi_1(x) = 0 at a
critical point.  Hence D^2 F T_1 = 0 on T_1 = {xi_1(x)}, whose dimension is d, because
xi_2(x) = Dr xi_1(x).  If D^2 F > 0 on R^(m_1) / T_1, the leader is at a local
minimum, strict but for the orbit.

**A follower with symmetries of its own** (two players): let N_2 come from the xi with
xi_1 = 0 identically and c_1 = 0.  If D_22 f2 > 0 on R^(m_2) / N_2, every action near
x_2 is phi_2(s) with s in a slice, an affine space through x_2 across N_2; f2 is constant on
the orbits (c_2 = 0 as D_2 f2 = 0), so critical on the slice is critical.  The follower's
answers are then the orbit of the slice's r(x1); f1 does not tell them apart, and the
game with x_2 in the slice has the same F, for which the paragraph above holds.

References: R. Bott, Ann. Math. 60 (1954); N. Fenichel, Indiana Univ. Math. J. 21 (1971);
B. Aulbach, Continuous and Discrete Dynamics near Manifolds of Equilibria, LNM 1058 (1984).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any

from ..exact.definiteness import (inertia, is_positive_definite, is_singular, is_stable,
                                  spectrum_inertia)
from ..exact.minors import determinant
from ..exact.sparse_forms import Elimination
from ..exact.symmetries import Symmetries
from ..truth import Truth
from .evidence import Evidence, all_zero, follower_definite, of_scaled
from .forms import Matrices
from .location import RationalLocation
from .quotients import Frame, Tangents, principal, quotient, sliced

__all__ = ["Manifold", "ModuloSymmetry", "own_name"]

Rows = list[list[Any]]
Question = Callable[[Matrices], Any]

EXPLAINED = "all zero eigenvalues of the Jacobian are along it"
NOT_EXPLAINED = ("the Jacobian is singular across it, too: symmetry does not explain all of its "
                 "zero eigenvalues")
OPEN = "whether the Jacobian is singular across it, too, is undecided"


@dataclass(frozen=True, eq=False)
class ModuloSymmetry:
    """Facts about a critical point across the manifold of its images under symmetries.

    ``dimension`` : of that manifold.
    ``differential_nash``, ``differential_stackelberg_by_leader``, ``stable`` : as in
        `CriticalPoint`, but definite, or stable, modulo the directions that symmetry forces.
    ``explained`` : whether the Jacobian has no zero eigenvalues but those along the manifold.
    """

    dimension: int
    differential_nash: Truth
    differential_stackelberg_by_leader: tuple[Truth, ...]
    stable: Mapping[str, Truth]
    explained: Truth

    def __post_init__(self) -> None:
        object.__setattr__(self, "stable", MappingProxyType(dict(self.stable)))

    def __reduce__(self) -> tuple[Any, ...]:
        # A mapping proxy cannot be pickled.
        return ModuloSymmetry, (self.dimension, self.differential_nash,
                                self.differential_stackelberg_by_leader, dict(self.stable),
                                self.explained)

    @property
    def differential_stackelberg(self) -> Truth:
        """Truth in the declared order of play."""
        return self.differential_stackelberg_by_leader[0]

    @property
    def sentence(self) -> str:
        """What symmetry makes of the point, in words."""
        about = {Truth.YES: EXPLAINED, Truth.NO: NOT_EXPLAINED}.get(self.explained, OPEN)
        return (f"the symmetries of the game make a manifold of critical points of dimension "
                f"{self.dimension} here; {about}")

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "dimension": self.dimension,
            "differential_nash": str(self.differential_nash),
            "differential_stackelberg": str(self.differential_stackelberg),
            "differential_stackelberg_by_leader": [
                str(t) for t in self.differential_stackelberg_by_leader],
            "stable": {kind: str(t) for kind, t in self.stable.items()},
            "explained": str(self.explained),
        }


class Manifold:
    """The orbit of a game's symmetries through a certified critical point.

    Parameters
    ----------
    found : the symmetries of the game.
    evidence : of the point, one for each player leading.
    jacobian : J of the field that vanishes there, in the declared order.

    ``rank`` : so many generators are proved to be independent there; 0 where there are none.
    """

    def __init__(self, found: Symmetries, evidence: Sequence[Evidence],
                 jacobian: Question) -> None:
        self.found, self.evidence, self.declared = found, evidence, evidence[0]
        self.jacobian = jacobian
        self.location = self.declared.location
        self.tangents = Tangents(found, self.location)
        self.n = self.tangents.n
        sizes = found.game.sizes
        starts = [sum(sizes[:p]) for p in range(len(sizes))]
        self.blocks = [range(a, a + size) for a, size in zip(starts, sizes)]
        self.frame = self.tangents.framed(found.generators, range(self.n))
        self.rank = len(self.frame) if self.tangents.is_frame(self.declared, self.frame) else 0

    # -- facts about the manifold --------------------------------------------------------

    def quotient(self, m: Matrices, matrix: Sequence[Sequence[Any]]) -> Rows | None:
        """A positive multiple of the action of an n x n matrix on R^n / T; None if unknown.

        The matrix is in the declared order and maps T to zero.
        """
        vectors = self.tangents.vectors(m, self.declared, self.frame.generators)
        return quotient(matrix, vectors, self.frame.dropped, m.sign)

    def _across(self, question: Callable[[Rows, Any], Any], jacobian: Question) -> Any:
        """A question about Q, asked at rising precision."""
        def ask(m: Matrices) -> Any:
            rows = self.quotient(m, jacobian(m))
            return None if rows is None else question(rows, m.sign)
        return self.declared.decide(ask)

    @cached_property
    def explained(self) -> Truth:
        """Whether det Q != 0, so that all zero eigenvalues of J are along the orbit."""
        singular = self._across(is_singular, self.jacobian)
        return Truth.UNDECIDED if singular is None else ~singular

    @cached_property
    def dimension(self) -> int | None:
        """d, the dimension of the orbit; None where only d >= rank is proved."""
        if self.rank == self.found.dimension or self.explained is Truth.YES:
            # T is in the kernel of J, which is no larger than the frame.
            return self.rank
        return self.rank if self.declared.decide(self._has_rank) else None

    def _has_rank(self, m: Matrices) -> bool | None:
        """Whether every minor of xi(x) that borders the frame's is exactly zero."""
        inner = self.tangents.vectors(m, self.declared, self.frame.generators)
        others = [g for g in self.found.generators if g not in self.frame.generators]
        dropped = self.frame.dropped
        for vector in self.tangents.vectors(m, self.declared, others):
            for j in range(self.n):
                if j not in dropped:
                    rows = [[v[k] for k in (*dropped, j)] for v in (*inner, vector)]
                    if m.sign(determinant(rows)) != 0:
                        return None
        return True

    def inertia_questions(self, nash: Truth, leading: Truth) -> dict[str, Question]:
        """The inertia of matrices that map T, or a part of it, to zero, by the quotient's.

        For those that are known to: nash says whether omega = 0, leading whether omega_S = 0.
        """
        out: dict[str, Question] = {}
        if nash is Truth.YES:
            out["J"] = self._inertia(lambda m: m.jacobian)
            out["Schur complement"] = self._schur_inertia
            for player in range(len(self.blocks)):
                out[own_name(player)] = partial(self._own_inertia, player)
        if leading is Truth.YES:
            out["J_S"] = self._inertia(lambda m: m.stackelberg_jacobian())
            out["total Hessian"] = self._total_inertia
        return out

    def _inertia(self, matrix: Question) -> Question:
        def ask(m: Matrices) -> Any:
            rows = self.quotient(m, matrix(m))
            return None if rows is None else _with_zeros(
                spectrum_inertia(rows, m.sign), self.rank)
        return ask

    def _own_inertia(self, player: int, m: Matrices) -> Any:
        frame, block = self._own(player)[0], self.blocks[player]
        kept = [j - block.start for j in block if j not in frame.dropped]
        rows = principal(m.own_hessians()[player], kept)
        return _with_zeros(inertia(rows, m.sign), len(frame))

    @cached_property
    def _leader_frame(self) -> Frame | None:
        """A frame of T_1 in the declared order, if it is proved to be one."""
        frame = self.tangents.framed(self.found.generators, self.blocks[0])
        return frame if self.tangents.is_frame(self.declared, frame) else None

    def _schur_inertia(self, m: Matrices) -> Any:
        """J T = 0 makes S1(J) T_1 = 0."""
        frame = self._leader_frame
        if frame is None:
            return None
        rows, power = m.schur_complement()
        vectors = [v[:m.n1] for v in self.tangents.vectors(m, self.declared, frame.generators)]
        across = quotient(rows, vectors, frame.dropped, m.sign) if len(frame) else rows
        return None if across is None else _with_zeros(
            of_scaled((across, power), m.sign, spectrum_inertia), len(frame))

    def _total_inertia(self, m: Matrices) -> Any:
        frame = self._leader_frame
        if frame is None:
            return None
        across = [k for k in self.blocks[0] if k not in frame.dropped]
        rows, power = m.total_hessian()
        return _with_zeros(of_scaled((principal(rows, across), power), m.sign, inertia),
                           len(frame))

    @cached_property
    def moves_alone(self) -> bool:
        """Whether symmetries move the action of one player alone: then D_ii f_i is singular."""
        return any(self._own(player)[0].dropped for player in range(len(self.blocks)))

    def is_response_singular(self, leader: int) -> bool:
        """Whether symmetries move followers alone: xi_1 = 0 and J xi = 0 give M xi_y = 0."""
        others = [j for j in range(self.n) if j not in self.blocks[leader]]
        frame = self.tangents.framed(self.tangents.acting_on(others, everywhere=True), others)
        return bool(len(frame)) and self.tangents.is_frame(self.declared, frame)

    # -- classes -----------------------------------------------------------------------------

    def classes(self, nash: Truth, leading: Sequence[Truth]) -> ModuloSymmetry | None:
        """Everything modulo symmetry, given which criticalities hold; None if d is unknown.

        nash : whether omega = 0.  leading : whether the leader's total derivative is zero,
        for each player leading, NO also where M is singular.
        """
        if not self.rank or self.dimension is None:
            return None
        stable = {"simultaneous": nash, "stackelberg": leading[0]}
        jacobians: dict[str, Question] = {
            "simultaneous": lambda m: m.jacobian,
            "stackelberg": lambda m: m.stackelberg_jacobian()}
        for kind, critical in stable.items():
            if critical is Truth.YES:
                answer = self._across(is_stable, jacobians[kind])
                stable[kind] = Truth.UNDECIDED if answer is None else answer
        return ModuloSymmetry(
            self.dimension,
            nash if nash is not Truth.YES else Truth.all(
                self._own_definite(p) for p in range(len(self.blocks))),
            tuple(self._leading(leader, nash, critical)
                  for leader, critical in enumerate(leading)),
            stable, self.explained)

    def _own(self, player: int) -> tuple[Frame, bool]:
        """A frame of N_i, and whether it is proved to span N_i."""
        found = self._owns.get(player)
        if found is None:
            found = self._owns[player] = self._find_own(player)
        return found

    @cached_property
    def _owns(self) -> dict[int, tuple[Frame, bool]]:
        return {}

    def _find_own(self, player: int) -> tuple[Frame, bool]:
        block = self.blocks[player]
        exact = isinstance(self.location, RationalLocation)
        alone = self.tangents.acting_on(block, everywhere=not exact)
        frame = self.tangents.framed(alone, block)
        if not self.tangents.is_frame(self.declared, frame):
            return Frame((), ()), False
        if exact:
            assert isinstance(self.location, RationalLocation)
            values = [g.at(self.location.values) for g in alone]
            rank = Elimination({j: Fraction(v) for j, v in enumerate(row) if v}
                               for row in values).rank
            return frame, rank == len(frame)
        others = self.tangents.framed(self.found.generators,
                                      [j for j in range(self.n) if j not in block])
        spans = self.dimension == len(frame) + len(others) \
            and self.tangents.is_frame(self.declared, others)
        return frame, spans

    def _own_definite(self, player: int) -> Truth:
        """Whether D_ii f_i > 0 on the quotient by N_i."""
        frame, spans = self._own(player)
        block = self.blocks[player]
        kept = [j - block.start for j in block if j not in frame.dropped]
        answer = self.declared.truth(lambda m: is_positive_definite(
            principal(m.own_hessians()[player], kept), m.sign))
        return answer if answer is Truth.YES or spans else Truth.UNDECIDED

    def _leading(self, leader: int, nash: Truth, critical: Truth) -> Truth:
        """Differential Stackelberg modulo symmetry for one player leading."""
        evidence = self.evidence[leader]
        followers = evidence.truth(follower_definite)
        if followers is Truth.YES:
            if len(self.blocks) > 2 and evidence.truth(
                    lambda m: is_singular(m.response, m.sign)) is not Truth.NO:
                return Truth.UNDECIDED          # r may still be unique modulo symmetry
            if critical is not Truth.YES:
                return critical
            return self._total_definite(leader, None, self.rank)
        if len(self.blocks) > 2:
            # Several followers' answers are no orbit of one: nothing is claimed of them.
            aside = all(g.moved.issubset(self.blocks[leader]) for g in self.found)
            return followers if aside else Truth.UNDECIDED
        follower = 1 - leader
        alone = [g for g in self.tangents.acting_on(self.blocks[follower], everywhere=True)
                 if not g.changes[leader]]
        frame = self.tangents.framed(alone, self.blocks[follower])
        if not self.tangents.is_frame(evidence, frame):
            return Truth.UNDECIDED
        spans = self._spans(leader, frame)
        if not len(frame):
            return followers if spans else Truth.UNDECIDED
        size, n1 = evidence.order.sizes[1], evidence.order.sizes[0]
        kept = [k for k in range(size) if evidence.order.variables[n1 + k] not in frame.dropped]
        answer = evidence.truth(lambda m: is_positive_definite(
            principal(m.own_hessians()[1], kept), m.sign))
        if answer is not Truth.YES:
            return answer if spans else Truth.UNDECIDED
        if nash is not Truth.YES:
            return Truth.UNDECIDED
        if kept:
            still = evidence.truth(lambda m: all_zero(sliced(m, kept).pull(), m.sign))
            if still is not Truth.YES:
                return still
        return self._total_definite(leader, kept, self.rank - len(frame))

    def _spans(self, leader: int, frame: Frame) -> bool:
        """Whether a frame is proved to span {xi_2(x) : xi_1(x) = 0}: by dimensions."""
        lead = self.tangents.framed(self.found.generators, self.blocks[leader])
        return len(lead) + len(frame) == self.dimension and \
            self.tangents.is_frame(self.evidence[leader], lead)

    def _total_definite(self, leader: int, kept: Sequence[int] | None, size: int) -> Truth:
        """Whether D^2 F > 0 on the quotient by T_1, whose dimension is ``size``.

        kept : the follower's coordinates of a slice; None for all of them.
        """
        evidence = self.evidence[leader]
        frame = self.tangents.framed(self.found.generators, self.blocks[leader])
        if len(frame) != size or not self.tangents.is_frame(evidence, frame):
            return Truth.UNDECIDED
        n1 = evidence.order.sizes[0]
        across = [k for k in range(n1) if evidence.order.variables[k] not in frame.dropped]

        def ask(m: Matrices) -> Any:
            if kept is not None and not kept:   # the slice is a point: F(x1) = f1(x1, x2)
                return is_positive_definite(principal(m.own_hessians()[0], across), m.sign)
            rows, power = (m if kept is None else sliced(m, kept)).total_hessian()
            return of_scaled((principal(rows, across), power), m.sign, is_positive_definite)
        return evidence.truth(ask)


def own_name(player: int) -> str:
    """The name of a player's own Hessian, "D11 f1" for the first (0)."""
    return f"D{player + 1}{player + 1} f{player + 1}"


def _with_zeros(counts: tuple[int, int, int] | None, zeros: int) -> Any:
    return None if counts is None else (counts[0], counts[1], counts[2] + zeros)
