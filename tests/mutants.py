"""Theorems broken on purpose, to see that checking them notices.

A mutant of a claim is the claim with one thing wrong.  Four kinds:

    matrices     the conclusion is asked of wrong matrices: S1 with a sign flipped, the response
                 x2 = r(x1) with the wrong sign, J for J_S, ...  Claims that compare the matrices
                 with another computation notice that the two differ.
    game         the conclusion is asked of another game than the hypotheses: the players swapped,
                 one cost negated, B without C changing its sign, tau upside down, ...
    formula      the conclusion calls another function than the right one.
    hypothesis   one hypothesis is dropped, and games that need not meet it are tried.

A mutant that no game refutes is either equivalent to the claim, for a reason given in `ALIVE`, or
the check of the claim is empty.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache, cached_property
from typing import Any
from unittest import mock

import numpy as np
from hypothesis import strategies as st
from sympy.polys.matrices.exceptions import DMError

from gameanalysis import strategies as s
from gameanalysis.errors import GameError
from gameanalysis.exact.minors import scaled_schur_complement
from gameanalysis.learning.gradients import StackelbergGradient
from gameanalysis.motion.noise import Gaussian
from gameanalysis.statements import (avoidance, convergence, equilibria, genericity, lyapunov,
                                     neighbours, placement, series)
from gameanalysis.statements.claims import Claim, Condition
from gameanalysis.statements.falsify import falsify
from gameanalysis.statements.rational_blocks import Blocks
from gameanalysis.truth import Truth
from gameanalysis.verdicts.forms import Matrices
from gameanalysis.verdicts.local import LocalGame


# -- wrong matrices -----------------------------------------------------------------------

class FlippedSchur(Matrices):
    """S1(J) = A + B D^-1 C."""

    def schur_complement(self):
        flipped = [[-e if i < self.n1 <= j else e for j, e in enumerate(row)]
                   for i, row in enumerate(self.jacobian)]
        return scaled_schur_complement(flipped, self.n1)


class FlippedResponse(Matrices):
    """Dr = +D^-1 C in D f1, J_S and D^2 f1."""

    @property
    def cross(self):
        return [[-e for e in row[:self.n1]] for row in self.jacobian[self.n1:]]


class SimultaneousForStackelberg(Matrices):
    """J for J_S, and S1(J) for S1(J_S)."""

    def stackelberg_jacobian(self):
        return [[self.d * self.d * e for e in row] for row in self.jacobian]

    def total_hessian(self):
        return self.schur_complement()


class LeaderOnly(Matrices):
    """D f1 = D1 f1 and D^2 f1 = A: the leader takes the follower's action as given."""

    def total_derivative(self):
        return self.omega[:self.n1]

    def total_hessian(self):
        return self.own_hessians()[0], 1


class SymmetricPart(Matrices):
    """J + J^T for J."""

    @property
    def jacobian(self):
        rows = self.source.second()
        return [[e + f for e, f in zip(row, column)] for row, column in zip(rows, zip(*rows))]


class OutOfFollower(Matrices):
    """-D for D."""

    @property
    def jacobian(self):
        return [[-e if i >= self.n1 <= j else e for j, e in enumerate(row)]
                for i, row in enumerate(self.source.second())]


MATRICES = {
    "S1 with a flipped sign": FlippedSchur,
    "the response with a flipped sign": FlippedResponse,
    "J for J_S": SimultaneousForStackelberg,
    "no response": LeaderOnly,
    "J + J^T for J": SymmetricPart,
    "-D22 f2 for D22 f2": OutOfFollower,
}


# -- another game -------------------------------------------------------------------------

def _made_of(local, costs):
    point = [Fraction(int(v.p), int(v.q)) for v in local.point]
    return LocalGame.of_polynomials(costs, local.sizes, point, values=local.values)


def _costs(local):
    return [{word: Fraction(c, local.jet.scale) for word, c in cost.items()}
            for cost in local.jet.costs]


def _negated(player):
    def other(local):
        costs = _costs(local)
        costs[player] = {word: -c for word, c in costs[player].items()}
        return _made_of(local, costs)
    return other


def flipped_interaction(local):
    """f1(x, -y) for f1(x, y): B changes its sign, and C does not."""
    costs, n1 = _costs(local), local.sizes[0]
    costs[0] = {word: -c if sum(i >= n1 for i in word) % 2 else c for word, c in costs[0].items()}
    return _made_of(local, costs)


def without_interaction(local):
    """B = 0: f1(x, 0) + f1(0, y) for f1(x, y)."""
    costs, n1 = _costs(local), local.sizes[0]
    costs[0] = {word: c for word, c in costs[0].items()
                if all(i < n1 for i in word) or all(i >= n1 for i in word)}
    return _made_of(local, costs)


def moved(local):
    """f1 + x1 and f2 + y1: no critical point."""
    costs = _costs(local)
    for cost, i in zip(costs, (0, local.sizes[0])):
        cost[i,] = cost.get((i,), 0) + 1
    return _made_of(local, costs)


class NoChange(Exception):
    """There is nothing in the game to change."""


def inverted_values(local):
    """1/tau for tau, 1/eta for eta, ..."""
    if not local.values:
        raise NoChange
    return local.with_values(**{name: 1/v if v else v for name, v in local.values.items()})


GAMES = {
    "leader and follower swapped": lambda local: local.swapped,
    "f1 negated": _negated(0),
    "f2 negated": _negated(1),
    "B with a flipped sign": flipped_interaction,
    "B = 0": without_interaction,
    "the point moved": moved,
    "1/tau for tau": inverted_values,
}


# -- mutants of a claim ---------------------------------------------------------------------

class Asked(Matrices):
    """The true matrices, which write down what they are asked for."""

    names: set = set()


def _noted(name):
    found = vars(Matrices)[name]
    if isinstance(found, cached_property):
        def noted(self):
            Asked.names.add(name)
            return found.func(self)
        return property(noted)

    def called(self):
        Asked.names.add(name)
        return found(self)
    return called


for _name in ("jacobian", "cross", "schur_complement", "stackelberg_jacobian", "total_hessian",
              "total_derivative"):
    setattr(Asked, _name, _noted(_name))


def asked_for(claim, examples):
    """What a claim's conclusion asks of the matrices, over some games of its strategy."""
    Asked.names = set()
    falsify(_asked_of(claim, "noted", lambda local: local.with_matrices(Asked)),
            examples=examples)
    return Asked.names


def _asked_of(claim, name, change):
    """The claim whose conclusion is asked of a changed game; undecided where that fails."""
    decide = claim.conclusion.decide

    def mutated(local, *rest):
        try:
            return decide(change(local), *rest)
        except (ArithmeticError, DMError, GameError, NoChange, ValueError):
            return Truth.UNDECIDED
    end = claim.conclusion
    return replace(claim, name=f"{claim.name}, {name}",
                   conclusion=Condition(end.text, end.latex, mutated))


def _same(local):
    return local


@cache
def zoo(text):
    """Games that may fail a hypothesis, and meet others, with values of both signs.

    One action each: nearly every theorem that needs the hypothesis needs it there.
    """
    small = {"leader": 1, "follower": 1}
    general = (s.critical_games(zero_sum=False, **small), s.nash_games(zero_sum=False, **small),
               s.stackelberg_games(zero_sum=False, **small),
               s.stable_games(zero_sum=False, **small),
               s.critical_games(zero_sum=False, of="stackelberg", **small))
    critical = (s.critical_games(**small), s.stackelberg_games(nash=False, **small),
                s.saddle_games(**small), s.stable_games(follower_definite=False, **small),
                s.degenerate_follower_games(**small), s.critical_games(**small).map(flattened))
    anywhere = (s.off_curve_games(**small), s.reaction_curve_games(zero_sum=True, **small),
                s.off_curve_games(zero_sum=False, **small), s.reaction_curve_games(**small),
                s.off_curve_games(**small).map(flattened))
    players = (s.players_games(kind="nash"), s.players_games(kind="critical"))
    kinds = {"zero-sum": general, "omega = 0": anywhere, "omega_S = 0": anywhere,
             "D2 f2 = 0": anywhere, "D22 f2 > 0": critical, "D11 f1 = 0": critical,
             "two players": players}.get(text, general + critical + anywhere)
    return valued(st.one_of(*kinds))


def valued(games):
    """The same games with values of both signs."""
    numbers = s.ratios() | s.rationals()
    return s.with_values(games, tau=numbers, eta=numbers, c=numbers, gamma=numbers)


def flattened(local):
    """A zero-sum game with D11 f = 0."""
    cost = {word: c for word, c in _costs(local)[0].items()
            if len(word) != 2 or max(word) >= local.sizes[0]}
    point = [Fraction(int(v.p), int(v.q)) for v in local.point]
    return LocalGame.of_polynomials([cost], local.sizes, point)


@dataclass(frozen=True)
class Mutant:
    """A claim broken on purpose: what is wrong with it, and where to look."""

    of: str
    wrong: str
    claim: Claim
    games: Any = None

    def refuted(self, examples, seed=0):
        """Whether `falsify` finds a counterexample; it is not simplified, which takes longest."""
        return falsify(self.claim, self.games, examples=examples, seed=seed,
                       shrink=False).refuted


def of_matrices(claim, asked=None):
    """Mutants with wrong matrices; only of what is asked for, if that is given."""
    for name, kind in MATRICES.items():
        if asked is None or asked & set(vars(kind)):
            yield Mutant(claim.name, name, _asked_of(
                claim, name, lambda local, k=kind: local.with_matrices(k)))


def of_games(claim):
    """Mutants with the conclusion asked of another game."""
    for name, change in GAMES.items():
        yield Mutant(claim.name, name, _asked_of(claim, name, change))


def of_hypotheses(claim):
    """Mutants with one hypothesis dropped.

    Where that leaves the conclusion without a meaning, it is not decided.
    """
    for hypothesis in claim.hypotheses:
        wrong = f"without '{hypothesis.text}'"
        name, positive, _ = hypothesis.text.partition(" > 0")
        if (claim.name, wrong) in SPECIAL_GAMES:
            games = SPECIAL_GAMES[claim.name, wrong]()
        elif positive and name in ("tau", "eta", "gamma", "c"):
            games = s.with_values(claim.games(), **{name: s.rationals()})
        else:
            games = zoo(hypothesis.text)
        yield Mutant(claim.name, wrong, _asked_of(claim.without(hypothesis), "guarded", _same),
                     games)


def of_formulas(claim):
    """Mutants with another function in the place of one that the conclusion calls."""
    for wrong, owner, name, other in FORMULAS.get(claim.name, ()):
        yield Mutant(claim.name, wrong, _with_formula(claim, wrong, owner, name, other))


def _with_formula(claim, wrong, owner, name, other):
    decide = claim.conclusion.decide

    def mutated(local, *rest):
        with mock.patch.object(owner, name, other):
            return decide(local, *rest)
    end = claim.conclusion
    return replace(claim, name=f"{claim.name}, {wrong}",
                   conclusion=Condition(end.text, end.latex, mutated))


# -- where to look, and what is equivalent ------------------------------------------------------

def _general_realizable():
    """f1 = b x y + e y^2/2 + g y, f2 = c x y + d y^2/2: critical, with D11 f1 = 0."""
    number = st.integers(-3, 3)
    return valued(st.builds(
        lambda b, c, d, e, g: LocalGame.of_polynomials(
            [{(0, 1): b, (1, 1): Fraction(e, 2), (1,): g},
             {(0, 1): c, (1, 1): Fraction(d, 2)}], (1, 1)), *[number] * 5))


def _pulled_up():
    """A = 0, B = k diag(1, 2) and D = [[1, 2], [2, 1]]: stable for large k, and not D > 0."""
    return st.integers(1, 9).map(lambda k: LocalGame.of_polynomials(
        [{(0, 2): k, (1, 3): 2*k, (2, 2): Fraction(-1, 2), (2, 3): -2, (3, 3): Fraction(-1, 2)}],
        (2, 2)))


def _unseen_directions():
    """S1(J) = -I, D = diag(1, 4), and J has no negative real eigenvalue."""
    return LocalGame.of_polynomials(
        [{(0, 0): Fraction(1, 2), (0, 1): -1, (0, 2): -1, (0, 3): 2, (1, 3): -1},
         {(2, 2): Fraction(1, 2), (3, 3): 2, (1, 2): -1, (0, 3): 4, (1, 3): -4}], (2, 2))


def _three_players(sign):
    """x^2/2, y^2/2 - z^2/2, +-z^2/2: neither f2 has a minimum in (y, z), nor -z^2/2 one in z."""
    half = Fraction(1, 2)
    return LocalGame.of_polynomials(
        [{(0, 0): half}, {(1, 1): half, (2, 2): -half}, {(2, 2): sign*half}], (1, 1, 1))


def _indifferent(local):
    """f1(x, 0) without its slope in x: the leader is content wherever the follower is."""
    costs = _costs(local)
    costs[0] = {word: c for word, c in costs[0].items() if len(word) > 1 and not any(word)}
    return _made_of(local, costs)


def _timed(games):
    return s.with_values(games, tau=s.ratios())


#: Games for mutants that the zoo refutes rarely or never.
SPECIAL_GAMES = {
    ("definition-4", "without 'two players'"): lambda: st.just(_three_players(1)),
    ("proposition-1", "without 'two players'"): lambda: st.just(_three_players(-1)),
    ("proposition-1", "without 'D2 f2 = 0'"): lambda: s.off_curve_games(
        zero_sum=False, leader=1, follower=1).map(_indifferent),
    ("proposition-2", "without 'zero-sum'"): lambda: _timed(
        s.stackelberg_games(zero_sum=False, leader=1, follower=1)),
    ("proposition-4", "without 'zero-sum'"): _general_realizable,
    ("proposition-4", "without 'D22 f2 > 0'"): _pulled_up,
    ("realizable-rank", "without 'zero-sum'"): _general_realizable,
    ("realizable-rank", "without 'D11 f1 = 0'"): lambda: _timed(
        s.nash_games(leader=1, follower=1)),
    ("statement-2.9-real-eigenvalues", "without 'zero-sum'"): lambda: st.just(
        _unseen_directions()),
    ("proposition-E.2", "without 'A, B B^T, B D B^T commute, and D, B^T B'"): (
        lambda: s.critical_games(leader=2, follower=1, completion="none")),
    ("proposition-E.2", "without 'D22 f2 > 0'"): (
        lambda: s.critical_games(leader=1, follower=1, completion="none")),
    ("corollary-E.1", "without 'zero-sum'"): lambda: _timed(
        s.stable_games(zero_sum=False, leader=1, follower=1, follower_definite=True)),
    ("corollary-E.1", "without 'D22 f2 > 0'"): lambda: valued(
        s.stable_games(leader=1, follower=1, follower_definite=False)),
    ("jin-minimax", "without 'det D22 f2 != 0'"): lambda: s.degenerate_follower_games(
        leader=1, follower=1),
    ("corollary-2", "without 'zero-sum'"): lambda: _timed(
        s.stackelberg_games(zero_sum=False, completion="none")),
    ("proposition-5", "without 'zero-sum'"): lambda: _timed(
        s.stackelberg_games(zero_sum=False, leader=1, follower=1)),
    ("theorem-2", "without 'differential Stackelberg'"): lambda: s.perturbed_games(
        s.critical_games(leader=1, follower=1)),
    ("mazumdar-ratliff", "without 'differential Nash'"): lambda: s.perturbed_games(
        s.critical_games(leader=1, follower=1)),
}


def _no_perturbation(rng, count):
    return [Fraction(0)] * count


def _at_the_centre(rng, count, n):
    return np.zeros((count, n))


def _quiet(scale):
    return Gaussian(1e-9 * scale)


def _ascending(local, tau=Fraction(1)):
    return StackelbergGradient(tau=tau).on(_negated(0)(_negated(1)(local)).game)


def _negative_response(costs, sizes, order):
    return [{word: -c for word, c in p.items()} for p in _response(costs, sizes, order)]


def _more_regular(costs, sizes, eta=Fraction(0)):
    return _linearisation(costs, sizes, eta + 1)


def _backwards(rows, gamma):
    return _update(rows, -gamma)


_null_vector, _response = neighbours._null_vector, series.response
_linearisation, _update = series.stackelberg_linearisation, lyapunov.update_derivative

_NO_PERTURBATION = ("the perturbation is zero", genericity, "_random", _no_perturbation)
_ASCENT = ("both players ascend", avoidance, "_learning", _ascending)
_BACKWARDS = ("the update x + gamma w_S", convergence, "update_derivative", _backwards)
_BLOCKS = ("S1 of the blocks with a flipped sign", Blocks, "schur",
           property(lambda self: self.a + self.b * self.d.inv() * self.c))
_SERIES = ("-r(x1) for the series of r(x1)", series, "response", _negative_response)

#: Other functions than the right ones, where a conclusion takes an independent route, or a claim
#: holds in every game, or there is a simulation.
FORMULAS = {
    "definition-4": (_SERIES,),
    "proposition-1": (_SERIES,),
    "schur-identity": (_SERIES,),
    "proposition-1-zero-sum": (_SERIES, _BLOCKS),
    "schur-difference": (
        ("w_S regularised", equilibria, "stackelberg_linearisation", _more_regular),),
    "proposition-2": (_SERIES,),
    "proposition-2-spectrum": (_BLOCKS,),
    "jin-minimax": (_BLOCKS,),
    "fiez-ratliff": (_BLOCKS,),
    "regularised-condition": (
        ("1 + eta for eta", placement, "stackelberg_linearisation", _more_regular),),
    "chasnov": (("left eigenvectors", neighbours, "_null_vector",
                 lambda j, factor: _null_vector(j.transpose(), factor)),),
    "proposition-F.1": (_BACKWARDS,),
    "theorem-3": (_BACKWARDS,),
    "theorem-5": (_BACKWARDS,),
    "corollary-2": (_BACKWARDS,),
    "corollary-3": (_BACKWARDS,),
    "lemma-C.3": (_NO_PERTURBATION,),
    "theorem-1": (_NO_PERTURBATION,),
    "corollary-1": (_NO_PERTURBATION,),
    "mazumdar-ratliff-generic": (_NO_PERTURBATION,),
    "theorem-4": (("starts at the saddle", avoidance, "_in_ball", _at_the_centre),),
    "theorem-6": (("noise of size 1e-9", avoidance, "Gaussian", _quiet),),
    "theorem-7": (_ASCENT,),
    "theorem-G.3": (_ASCENT,),
    "corollary-G.2": (_ASCENT,),
}

_MEANING = "the conclusion has no meaning without it, and is not decided"
_AGREE = "S1(J) = S1(J_S) at a critical point of a zero-sum game: Proposition 1"
_IMPLIED = "the other hypotheses imply it"
_UNMET = ("for tau <= 0 no such point is stable: J_tau is singular, or similar to a symmetric "
          "matrix with the block tau D < 0")
_ANY_NUMBER = "true of any number of players, with the followers' joint action"
_SYMMETRIC = "J + J^T is 2 diag(A, D) in a zero-sum game, and A > 0, D > 0"
_OWN = "D f1 = D1 f1 at a critical point of a zero-sum game"
_ONLY_DET = "of J only det D != 0 is asked"

_DERIVATIVE = "what is decided is about the derivative of the update at the point"
_ONLY_RADIUS = "the spectral radius is all that is used of the step"
_ONLY_MONOTONE = "J_S_tau + J_S_tau^T > 0 is all that the bound needs"
_ONLY_SADDLE = "the eigenvalue in the left half-plane is all that is used of tau"
_FROM_FIELD = "the J_S that is compared comes from w_S, not from this matrix"
_UNUSED = "the matrix is computed along with others, and not used"
_OWN_RATES = "the test chooses the ratio of the rates itself"
_ANY_HESSIAN = "a random quadratic form makes any Hessian regular"
_FIRST_COST = "it is decided for f1 alone"
_GROWTH = "what the theorem asks of the growth of w_S is then not proved: UNDECIDED"
_NOT_PROVED = "the certificate then fails, which is UNDECIDED, and never a NO"

#: Mutants that are equivalent to the claim, and why.
ALIVE: dict[str, dict[str, str]] = {
    "schur-identity": {"without 'det D22 f2 != 0'": _MEANING},
    "proposition-1-zero-sum": {
        "without 'det D22 f2 != 0'": _MEANING,
        "J for J_S": "that S1(J) may be taken for S1(J_S) is the claim",
        "the response with a flipped sign":
            "the leader's rows become [A - B D^-1 B^T, 2B], and the Schur complement stays"},
    "schur-difference": {"without 'det D22 f2 != 0'": _MEANING},
    "proposition-2-spectrum": {"without 'det D22 f2 != 0'": _MEANING},
    "critical-points-agree": {
        "without 'det D22 f2 != 0'": _MEANING, "no response": _OWN,
        "J + J^T for J": _ONLY_DET, "-D22 f2 for D22 f2": _ONLY_DET},
    "proposition-3": {
        "J for J_S": _AGREE, "no response": "a Nash point has D1 f1 = 0 and A > 0",
        "J + J^T for J": _SYMMETRIC},
    "proposition-D.1": {
        "J for J_S": "J is stable, too: the claim says both", "no response": _OWN,
        "J + J^T for J": _SYMMETRIC},
    "statement-2.9": {
        "J for J_S": _AGREE, "without 'omega = 0'": _IMPLIED, "without 'tau > 0'": _UNMET},
    "proposition-E.2": {"J for J_S": _AGREE},
    "corollary-E.1": {
        "J for J_S": _AGREE, "without 'tau > 0'": _UNMET,
        "without 'one action for each of two players'":
            "statement-2.9 says the same of any dimensions; what is decided here needs scalars"},
    "proposition-4": {
        "J for J_S": _AGREE, "without 'tau > 0'": _UNMET,
        "without 'D11 f1 = 0'": "statement-2.9 says the same without it"},
    "realizable-rank": {"J for J_S": _AGREE},
    "statement-2.9-time-scales": {"J for J_S": _AGREE},
    "jin-minimax": {
        "J for J_S": _AGREE,
        "without 'det J != 0'": "where det J = 0 none of the three equivalent properties holds"},
    "follow-the-ridge": {"J for J_S": _AGREE, "without 'det D22 f2 != 0'": _MEANING},
    "local-symplectic-surgery": {
        "J + J^T for J": "A and D, which decide a Nash point, are only doubled",
        "without 'det J != 0'": _MEANING},
    "chasnov": {"without 'two players'": _MEANING},
    "proposition-F.1": {
        "without 'two players'": _ANY_NUMBER, "without 'omega_S = 0'": _DERIVATIVE,
        "without 'tau > 0'": _ONLY_RADIUS, "without 'gamma > 0'": _ONLY_RADIUS},
    "proposition-F.1-converse": {
        "without 'two players'": _ANY_NUMBER, "without 'omega_S = 0'": _DERIVATIVE,
        "without 'tau > 0'": _ONLY_RADIUS, "without 'gamma > 0'": _ONLY_RADIUS},
    "corollary-2": {
        "J for J_S": _FROM_FIELD, "the response with a flipped sign": _FROM_FIELD,
        "without 'quadratic costs'": _DERIVATIVE},
    "theorem-5": {
        "S1 with a flipped sign": _UNUSED, "without 'two players'": _ANY_NUMBER,
        "without 'tau > 0'": _ONLY_MONOTONE, "without 'differential Stackelberg'": _ONLY_MONOTONE},
    "corollary-3": {
        "S1 with a flipped sign": _UNUSED, "without 'two players'": _ANY_NUMBER,
        "without 'tau > 0'": _ONLY_MONOTONE, "without 'differential Stackelberg'": _ONLY_MONOTONE,
        "without 'quadratic costs'": _DERIVATIVE},
    "proposition-5": {
        "J for J_S": _FROM_FIELD, "without 'det D22 f2 != 0'": _IMPLIED,
        "without 'no eigenvalue of J_S_tau on the imaginary axis'":
            "with an eigenvalue 0 the point is no DSE, and the update's derivative has 1"},
    "theorem-4": {
        "without 'two players'": _ANY_NUMBER, "without 'omega_S = 0'": _DERIVATIVE,
        "without 'tau > 0'": _ONLY_SADDLE},
    "theorem-6": {
        "without 'two players'": _ANY_NUMBER, "without 'omega_S = 0'": _DERIVATIVE,
        "without 'tau > 0'": _ONLY_SADDLE,
        "without 'quadratic costs'": "the probability that is tested is that of the linear part"},
    "theorem-7": {
        "without 'two players'": _ANY_NUMBER, "without 'tau > 0'": _OWN_RATES,
        "without 'quadratic costs'": _GROWTH},
    "theorem-G.3": {
        "without 'two players'": _ANY_NUMBER, "without 'tau > 0'": _OWN_RATES,
        "without 'quadratic costs'": _GROWTH},
    "corollary-G.2": {
        "J for J_S": _AGREE, "without 'tau > 0'": _OWN_RATES, "without 'quadratic costs'": _GROWTH,
        "without 'zero-sum'": "theorem-G.3 says the same of general-sum games"},
    "lemma-C.3": {
        "J + J^T for J": _ANY_HESSIAN, "-D22 f2 for D22 f2": _ANY_HESSIAN,
        "without 'two players'": _ANY_NUMBER},
    "theorem-1": {
        "without 'zero-sum'": _FIRST_COST, "without 'polynomial costs'": _MEANING},
    "corollary-1": {
        "without 'zero-sum'": _FIRST_COST, "without 'polynomial costs'": _MEANING},
    "theorem-2": {
        "S1 with a flipped sign": _UNUSED, "J for J_S": _AGREE,
        "without 'zero-sum'": _NOT_PROVED, "without 'one parameter t, with t = 0'": _MEANING},
    "mazumdar-ratliff": {
        "S1 with a flipped sign": _UNUSED, "J for J_S": _UNUSED,
        "the response with a flipped sign": _UNUSED, "J + J^T for J": _NOT_PROVED,
        "without 'zero-sum'": _NOT_PROVED, "without 'one parameter t, with t = 0'": _MEANING},
    "mazumdar-ratliff-generic": {
        "J + J^T for J": _ANY_HESSIAN, "-D22 f2 for D22 f2": _ANY_HESSIAN,
        "without 'zero-sum'": _ANY_HESSIAN, "without 'omega = 0'": _ANY_HESSIAN},
}
