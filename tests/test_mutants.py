"""Every theorem's check fails when the theorem is broken on purpose (see `mutants`)."""

import mutants
import pytest
from mutants import ALIVE, GAMES, MATRICES, Asked

from gameanalysis import strategies as s
from gameanalysis import theorems
from gameanalysis.statements.claims import Ruling
from gameanalysis.statements.falsify import falsify
from gameanalysis.verdicts.local import LocalGame

#: The claims that are true; the false ones are refuted as they are, in test_refuted.
TABLE = {name: claim for name, claim in theorems.TABLE.items() if claim.holds}

#: Games that are drawn, at most, to refute a mutant; few take more than a hundred.
EXAMPLES = 500


def all_mutants(claim, asked=None):
    return [*mutants.of_matrices(claim, asked), *mutants.of_formulas(claim),
            *mutants.of_hypotheses(claim)]


@pytest.mark.parametrize("claim", TABLE.values(), ids=TABLE)
def test_broken_theorems_are_refuted(claim):
    """All mutants with wrong matrices, wrong formulas and without a hypothesis, but `ALIVE`.

    A claim that asks for no matrices, and has no wrong formula, notices another game.
    """
    asked = mutants.asked_for(claim, 10)
    broken = [m for m in all_mutants(claim, asked) if m.wrong not in ALIVE.get(claim.name, {})]
    survivors = [m.wrong for m in broken if not m.refuted(EXAMPLES)]
    assert not survivors
    if not asked and claim.name not in mutants.FORMULAS:
        assert any(m.refuted(EXAMPLES) for m in mutants.of_games(claim))


def test_every_theorem_is_broken():
    """Each has a mutant that is to be refuted; what is said to be equivalent is a mutant."""
    assert set(ALIVE) | set(mutants.FORMULAS) | {name for name, _ in mutants.SPECIAL_GAMES} <= (
        set(TABLE))
    for name, claim in TABLE.items():
        known = {m.wrong for m in all_mutants(claim)}
        reasons = ALIVE.get(name, {})
        assert known > set(reasons)
        assert all(len(reason) > 15 for reason in reasons.values())
        assert known >= {wrong for of, wrong in mutants.SPECIAL_GAMES if of == name}


@pytest.mark.thorough
@pytest.mark.parametrize("claim", [TABLE[name] for name in ALIVE], ids=ALIVE)
def test_equivalent_mutants_survive(claim):
    """A mutant that is said to be equivalent is not refuted by many games, either."""
    alive = [m for m in all_mutants(claim) if m.wrong in ALIVE[claim.name]]
    assert [m.wrong for m in alive if m.refuted(3*EXAMPLES)] == []


@pytest.mark.parametrize("name, claims", [
    ("S1 with a flipped sign", ("proposition-1-zero-sum", "statement-2.9-real-eigenvalues")),
    ("the response with a flipped sign", ("schur-identity", "proposition-3")),
    ("J for J_S", ("proposition-1", "proposition-2")),
    ("no response", ("proposition-2", "statement-2.9")),
    ("J + J^T for J", ("proposition-1", "statement-2.9")),
    ("-D22 f2 for D22 f2", ("proposition-3", "local-symplectic-surgery"))])
def test_each_wrong_matrix_is_noticed_by_a_theorem(name, claims):
    for claim in claims:
        found, = [m for m in mutants.of_matrices(TABLE[claim]) if m.wrong == name]
        assert found.refuted(EXAMPLES), claim


@pytest.mark.parametrize("name, claims", [
    ("leader and follower swapped", ("definition-4", "statement-2.9", "theorem-3")),
    ("B with a flipped sign", ("proposition-3", "proposition-2-spectrum", "proposition-E.2")),
    ("f1 negated", ("definition-3", "proposition-D.1", "fiez-ratliff")),
    ("f2 negated", ("proposition-1", "proposition-E.1", "theorem-5")),
    ("B = 0", ("proposition-3", "statement-2.9", "fiez-ratliff")),
    ("the point moved", ("schur-identity", "proposition-3", "local-symplectic-surgery")),
    ("1/tau for tau", ("theorem-5", "corollary-3"))])
def test_conclusions_are_about_the_game_of_the_hypotheses(name, claims):
    for claim in claims:
        found, = [m for m in mutants.of_games(TABLE[claim]) if m.wrong == name]
        assert found.refuted(EXAMPLES), claim


# -- the mutants are what they say ----------------------------------------------------------------

@pytest.fixture
def local():
    """f1 = x^2 + 3xy + y, f2 = 2y^2 + 5xy, at 0: A = 2, B = 3, C = 5, D = 4."""
    return LocalGame.of_polynomials([{(0, 0): 1, (0, 1): 3, (1,): 1}, {(1, 1): 2, (0, 1): 5}],
                                    (1, 1), values={"tau": 2})


@pytest.mark.parametrize("name, expected", [
    # det D S1(J) = A D - B C and det D D f1 = 0 - C
    ("S1 with a flipped sign", ([[8 + 15]], [-5])),
    ("the response with a flipped sign", ([[8 - 15]], [5])),
    ("J for J_S", ([[8 - 15]], [-5])),
    ("no response", ([[8 - 15]], [0])),
    ("J + J^T for J", ([[4*8 - 8*8]], [-8])),
    ("-D22 f2 for D22 f2", ([[-(8 + 15)]], [-5]))])
def test_wrong_matrices_by_hand(local, name, expected):
    m = local.with_matrices(MATRICES[name]).matrices
    schur, slope = expected
    assert m.schur_complement()[0] == schur
    assert m.total_derivative() == slope
    right = local.matrices
    assert right.schur_complement() == ([[8 - 15]], 4) and right.total_derivative() == [-5]


def test_wrong_stackelberg_matrices_by_hand(local):
    right = local.matrices
    # D^2 f1 = A - 2 B C/D + 0 = 2 - 30/4, and J_S has B - 0 in its corner.
    rows, power = right.total_hessian()
    assert rows[0][0]*4 == (8 - 30)*power
    assert right.stackelberg_jacobian() == [[16*2 - 4*15, 16*3], [16*5, 16*4]]
    wrong = local.with_matrices(mutants.SimultaneousForStackelberg).matrices
    assert wrong.stackelberg_jacobian() == [[32, 48], [80, 64]]
    assert wrong.total_hessian() == right.schur_complement()
    rows, power = local.with_matrices(mutants.FlippedResponse).matrices.total_hessian()
    assert rows[0][0]*4 == (8 + 30)*power
    assert local.with_matrices(mutants.LeaderOnly).matrices.total_hessian() == ([[2]], 1)


def test_other_games_by_hand(local):
    def costs(change):
        found = GAMES[change](local)
        return [{w: c for w, c in cost.items() if c} for cost in mutants._costs(found)]
    f1, f2 = {(0, 0): 1, (0, 1): 3, (1,): 1}, {(1, 1): 2, (0, 1): 5}
    assert costs("f1 negated") == [{w: -c for w, c in f1.items()}, f2]
    assert costs("f2 negated") == [f1, {w: -c for w, c in f2.items()}]
    assert costs("B with a flipped sign") == [{(0, 0): 1, (0, 1): -3, (1,): -1}, f2]
    assert costs("B = 0") == [{(0, 0): 1, (1,): 1}, f2]
    assert costs("the point moved") == [{**f1, (0,): 1}, {**f2, (1,): 1}]
    assert costs("leader and follower swapped") == [{(0, 0): 2, (0, 1): 5},
                                                    {(1, 1): 1, (0, 1): 3, (0,): 1}]
    assert GAMES["1/tau for tau"](local).values == {"tau": .5}


def test_the_true_matrices_write_down_what_they_are_asked_for():
    claim = TABLE["proposition-1-zero-sum"]
    assert mutants.asked_for(claim, 5) >= {"schur_complement", "stackelberg_jacobian"}
    assert mutants.asked_for(TABLE["definition-3"], 5) == set()
    # They are the true ones: the claim holds.
    found = falsify(mutants._asked_of(claim, "noted", lambda g: g.with_matrices(Asked)),
                    examples=30)
    assert not found.refuted and found.rulings[Ruling.HOLDS] == 30


def test_flattened_games_have_no_hessian_of_the_leader():
    found = falsify(lambda game, point: LocalGame(game, point).matrices.own_hessians()[0] == [[0]],
                    s.off_curve_games(leader=1, follower=1).map(mutants.flattened), examples=30)
    assert not found.refuted
