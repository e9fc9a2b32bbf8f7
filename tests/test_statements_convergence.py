"""Statements on the deterministic update: they survive, broken constants do not."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from gameanalysis import catalog, iterate, rules, strategies, zero_sum
from gameanalysis.statements.claims import Condition, Finding, Ruling, judge
from gameanalysis.statements.convergence import (TABLE, general_sum_ends, general_sum_iterations,
                                                 general_sum_rate, updates_needed, zero_sum_ends,
                                                 zero_sum_iterations, zero_sum_rate,
                                                 zero_sum_step_limit)
from gameanalysis.statements.falsify import falsify
from gameanalysis.statements.lyapunov import (decrease, eigenvalue_ends, expansion, gram,
                                              is_norm_at_most, n_outside, power,
                                              stackelberg_derivative, update_derivative)
from gameanalysis.statements.update_conditions import (QUADRATIC, with_contracting_step,
                                                       with_monotone_update)
from gameanalysis.statements.vocabulary import ZERO_SUM
from gameanalysis.truth import Truth
from gameanalysis.verdicts.forms import Matrices
from gameanalysis.verdicts.local import LocalGame

some = settings(max_examples=40)
small = st.fractions(-3, 3, max_denominator=4)


def matrices(size):
    return st.lists(st.lists(small, min_size=size, max_size=size), min_size=size, max_size=size)


square = st.integers(1, 4).flatmap(matrices)


def known(name, **values):
    game = catalog.game(name)
    return LocalGame(game, [0] * len(game.variables), values)


def moduli(rows):
    return np.abs(np.linalg.eigvals(np.array(rows, dtype=float)))


# -- the claims ------------------------------------------------------------------------------

def broken(name, decide):
    return replace(TABLE[name], conclusion=Condition("broken", "broken", decide))


@pytest.mark.parametrize("name, decide", [
    ("theorem-3", lambda game: zero_sum_rate(game, step=Fraction(2))),
    ("theorem-3", lambda game: zero_sum_rate(game, share=Fraction(11, 20))),
    ("theorem-5", lambda game: general_sum_rate(game, share=Fraction(2))),
    ("corollary-2", lambda game: zero_sum_iterations(game, K=Fraction(1))),
    ("corollary-3", lambda game: general_sum_iterations(game, factor=Fraction(1, 8))),
    ("proposition-5", lambda game: zero_sum_step_limit(game, factor=Fraction(3))),
    ("proposition-F.1", TABLE["proposition-F.1-converse"].conclusion.decide),
    ("proposition-F.1-converse", TABLE["proposition-F.1"].conclusion.decide)])
def test_broken_constants_are_noticed(name, decide):
    assert falsify(broken(name, decide), examples=100, shrink=False).refuted


class WithoutResponse(Matrices):
    """J in the place of J_S."""

    def stackelberg_jacobian(self):
        return [[self.d * self.d * e for e in row] for row in self.jacobian]


class WrongSign(Matrices):
    """A + B D^-1 C in the place of S1."""

    def schur_complement(self):
        schur, d = super().schur_complement()
        return [[2 * d * self.jacobian[i][j] - e for j, e in enumerate(row)]
                for i, row in enumerate(schur)], d


@pytest.mark.parametrize("kind", [WithoutResponse, WrongSign])
def test_theorem_3_notices_other_definitions(kind):
    local = known("dse_unstable")
    assert judge(TABLE["theorem-3"], local).ruling is Ruling.HOLDS
    assert judge(TABLE["theorem-3"], local.with_matrices(kind)).ruling is Ruling.VIOLATED


def test_proposition_f1_notices_another_jacobian():
    # J has the eigenvalues 1/2 +- i sqrt(7)/2, and S1 = -2.
    local = known("stable_neither", gamma=Fraction(1, 4))
    assert judge(TABLE["proposition-F.1"], local).ruling is Ruling.NOT_MET
    assert judge(TABLE["proposition-F.1-converse"], local).ruling is Ruling.HOLDS
    mutant = local.with_matrices(WithoutResponse)
    assert judge(TABLE["proposition-F.1"], mutant).ruling is Ruling.VIOLATED


def test_points_without_rational_derivatives_are_undecided():
    x, y = sp.symbols("x y", real=True)
    local = LocalGame(zero_sum(sp.sqrt(2)*x**2 - y**2, x, y), (0, 0))
    for name in ("theorem-3", "proposition-5"):
        assert judge(TABLE[name], local).ruling is Ruling.UNDECIDED


# -- published and known numbers ----------------------------------------------------------------

@pytest.mark.parametrize("tau, alpha, beta", [(1, 2, 4), (2, 3, 8), (Fraction(1, 2), 1, 4)])
def test_ends_of_the_game_with_tau_star_2(tau, alpha, beta):
    # S1 = diag(4, 3), D = diag(2, 4).
    _, a, b = zero_sum_ends(known("tau_star_2", tau=tau))
    assert alpha * (1 - Fraction(1, 2 ** 39)) < a < alpha and b == beta


def test_the_printed_bound_of_corollary_2_is_false():
    # f = (1 - c^2)x^2/2 + cxy - y^2/2, c = 100: S1 = D = 1, and 3 updates are promised to halve
    # the distance, which grows 37-fold.
    local = known("non_normal")
    assert updates_needed(Fraction(4), Fraction(2)) == 3
    m = update_derivative(stackelberg_derivative(local), Fraction(1, 2))
    third = np.linalg.matrix_power(np.array(m, dtype=float), 3)
    assert np.linalg.norm(third @ [1, 0]) == pytest.approx(37.5, rel=1e-3)
    assert zero_sum_iterations(local, K=Fraction(1)).truth is Truth.NO
    assert zero_sum_iterations(local).truth is Truth.YES
    assert judge(TABLE["corollary-2"], local).ruling is Ruling.HOLDS


def test_duopoly_has_the_rate_of_theorem_5():
    # J_S = [[3/2, 1], [1, 2]] is symmetric: sqrt(alpha) and sqrt(beta) are 7/4 -+ sqrt(17)/4.
    local = LocalGame(catalog.game("duopoly"), (46, 26))
    rows, c, b = general_sum_ends(local)
    assert rows == [[Fraction(3, 2), 1], [1, 2]]
    assert float(c) == pytest.approx((7 - 17 ** 0.5) / 4, rel=1e-11)
    assert float(b) == pytest.approx(((7 + 17 ** 0.5) / 4) ** 2, rel=1e-11)
    assert (1 - float(c * c / b) / 2) ** 0.5 == pytest.approx(0.983134, abs=1e-6)
    assert judge(TABLE["theorem-5"], local).ruling is Ruling.HOLDS


def test_stability_of_the_update_ends_at_twice_the_limit():
    # S1 = D = 1: eigenvalues 1 - gamma, stable up to gamma = 2.
    local = known("realizable")
    assert zero_sum_step_limit(local, factor=Fraction(199, 100)).truth is Truth.YES
    assert zero_sum_step_limit(local, factor=Fraction(2)).truth is Truth.NO


@pytest.mark.parametrize("tau, claim", [
    (1, "proposition-F.1-converse"), (2, "proposition-F.1-converse"), (3, "proposition-F.1")])
def test_a_general_sum_equilibrium_attracts_from_tau_2_on(tau, claim):
    # On the imaginary axis, tau = 2, every step is too large.
    local = known("dse_unstable_general_sum", tau=tau, gamma=Fraction(1, 16))
    for name in ("proposition-F.1", "proposition-F.1-converse"):
        expected = Ruling.HOLDS if name == claim else Ruling.NOT_MET
        assert judge(TABLE[name], local).ruling is expected


def test_proposition_5_needs_a_zero_sum_game():
    local = known("dse_unstable_general_sum")
    assert judge(TABLE["proposition-5"].without(ZERO_SUM), local).ruling is Ruling.VIOLATED


def test_quadratic_is_a_matter_of_the_actions():
    x, y, p = sp.symbols("x y p", real=True)
    assert QUADRATIC.find(LocalGame(zero_sum(p**3*x*y, x, y, parameters={p: 2}), (0, 0))
                          ).truth is Truth.YES
    for f in (x**2*y, sp.exp(x)*y):
        assert QUADRATIC.find(LocalGame(zero_sum(f, x, y), (0, 0))).truth is Truth.NO


# -- the tools, against other computations ---------------------------------------------------

@given(strategies.critical_games(zero_sum=False, of="stackelberg", completion="any",
                                 at="anywhere"), strategies.ratios())
@settings(max_examples=8)
def test_stackelberg_derivative_is_the_jacobian_of_the_gradient_by_sympy(local, tau):
    game, point = local
    f1, f2 = (player.cost for player in game.players)
    x, y = (list(player.actions) for player in game.players)

    def slope(f, v):
        return sp.Matrix([sp.diff(f, w) for w in v])

    cross, response = slope(f2, y).jacobian(x), slope(f2, y).jacobian(y)
    inverse = response.adjugate() / response.det()
    field = sp.Matrix([*(slope(f1, x) - cross.T * inverse * slope(f1, y)),
                       *(slope(f2, y) * sp.Rational(tau.numerator, tau.denominator))])
    expected = field.jacobian([*x, *y]).subs(dict(zip(game.variables, point)))
    assert sp.Matrix(stackelberg_derivative(local, tau)) == sp.simplify(expected)


@given(square)
@some
def test_the_quadratic_form_falls_if_and_only_if_the_radius_is_below_1(rows):
    p, radius = decrease(rows), moduli(rows).max()
    if abs(radius - 1) > 1e-6:
        assert (p is not None) == (radius < 1)
    if p is not None:
        m = sp.Matrix(rows)
        left = sp.Matrix(p) - m.T * sp.Matrix(p) * m
        assert left == sp.eye(len(rows)) and sp.Matrix(p).is_positive_definite


@given(square)
@some
def test_the_quadratic_form_grows_on_a_cone_if_the_radius_is_above_1(rows):
    found, radius = expansion(rows), moduli(rows).max()
    if abs(radius - 1) > 1e-3:
        assert (found is not None) == (radius > 1)
    if found is not None:
        r, q = found
        m, q = sp.Matrix(rows), sp.Matrix(q)
        assert r > 1 and m.T * q * m - r**2 * q == r**2 * sp.eye(len(rows))
        assert np.linalg.eigvalsh(np.array(q, dtype=float)).max() > 0


@given(square, st.sampled_from([Fraction(1, 3), Fraction(1), Fraction(5, 2)]))
@some
def test_eigenvalues_outside_the_disc_are_counted(rows, gamma):
    size = moduli(update_derivative(rows, gamma))
    if (np.abs(size - 1) > 1e-4).all():
        assert n_outside(rows, gamma) == (size > 1).sum()


@pytest.mark.parametrize("rows, count", [
    ([[0, 1], [0, 0]], 0), ([[2]], 0), ([[1, -1], [1, 1]], 0), ([[0, 0], [0, -1]], 1),
    ([[2, 1], [0, 2]], 0), ([[0, -1], [1, 0]], 2)])
def test_eigenvalues_on_the_circle_are_not_outside(rows, count):
    # 1 - gamma l for gamma = 1: 1 twice; -1; -+i; 1 and 2; -1 twice; 1 -+ i.
    assert n_outside([[Fraction(e) for e in row] for row in rows], 1) == count


@given(square)
@some
def test_ends_enclose_the_eigenvalues_of_symmetric_matrices(rows):
    symmetric = [[x + y for x, y in zip(row, column)] for row, column in zip(rows, zip(*rows))]
    ends = eigenvalue_ends([symmetric])
    values = np.linalg.eigvalsh(np.array(symmetric, dtype=float))
    if ends is None:
        assert min(abs(values[0]), abs(values[-1])) < 1e-9
        return
    for k, end in ((0, ends[0]), (-1, ends[1])):
        assert float(end) == pytest.approx(values[k], rel=1e-9, abs=1e-9)
    # On the proved side: no eigenvalue is below a, none above b, by Sylvester's criterion.
    a, b = (sp.Rational(e.numerator, e.denominator) for e in ends)
    m, one = sp.Matrix(symmetric), sp.eye(len(symmetric))
    assert (m - a * one).is_positive_definite and (b * one - m).is_positive_semidefinite


@given(square, st.integers(1, 12), st.sampled_from([Fraction(9, 10), Fraction(11, 10)]))
@some
def test_norms_of_powers_are_decided_as_by_exact_powers(rows, n, share):
    exact = np.linalg.matrix_power(np.array(rows, dtype=object), n)
    norm = np.linalg.norm(exact.astype(float), 2)
    if norm:
        found = is_norm_at_most(power(rows, n), share * Fraction(float(norm)))
        assert found is Truth.of(share > 1)
    centre, error = power(rows, n)
    distance = sum((Fraction(c, 2 ** 320) - Fraction(e)) ** 2
                   for c, e in zip((c for row in centre for c in row), exact.flat))
    assert distance <= Fraction(error, 2 ** 320) ** 2


@given(strategies.stackelberg_games(zero_sum=False, completion="any"))
@settings(max_examples=10)
def test_the_form_falls_along_the_update_of_the_nonlinear_game(local):
    local = with_contracting_step(local)
    tau, gamma = local.value("tau"), local.value("gamma")
    p = np.array(decrease(update_derivative(stackelberg_derivative(local, tau), gamma)), float)
    rng = np.random.default_rng(0)
    starts = rng.standard_normal((20, local.n)) * 1e-7 / np.linalg.norm(p)
    rule = rules.named("stackelberg", tau=tau).on(local.game)
    run = iterate(rule, starts, 1, step_size=float(gamma), wrap=False)
    before, after = (np.einsum("ki,ij,kj->k", x, p, x) for x in (run.x[:, 0], run.x[:, 1]))
    assert (after < before).all()


@given(strategies.stackelberg_games(zero_sum=False, completion="any", at="anywhere"))
@settings(max_examples=15)
def test_a_steeper_leader_is_at_an_equilibrium_still(local):
    found = with_monotone_update(local)
    assert found.stackelberg is Truth.YES
    rows = sp.Matrix(stackelberg_derivative(found, found.value("tau")))
    assert (rows + rows.T).is_positive_definite


def test_gram_and_findings():
    rows = [[Fraction(1), Fraction(2)], [Fraction(0), Fraction(3)]]
    assert gram(rows) == [[1, 2], [2, 13]]
    saddle = zero_sum_rate(known("stable_neither"))
    assert isinstance(saddle, Finding) and saddle.truth is Truth.NO
