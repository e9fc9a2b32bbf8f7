"""Linear systems: solutions against exact arithmetic, and every way in which they fail."""

import json
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse
import sympy as sp

from gameanalysis.errors import ShapeError
from gameanalysis.programs.solves import METHODS, SolveStatus, factorised, solve

ITERATIVE = ("cg", "minres", "gmres")


def with_spectrum(values, seed=0):
    """A symmetric matrix with these eigenvalues, and a right-hand side."""
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.normal(size=(len(values), len(values))))
    matrix = turn * values @ turn.T
    return (matrix + matrix.T) / 2, rng.normal(size=len(values))


def hilbert(n):
    return sp.Matrix(n, n, lambda i, j: sp.Rational(1, i + j + 1))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("form", ("operator", "dense", "sparse"))
def test_positive_definite_systems_are_solved_by_every_method(method, form):
    exact = hilbert(4) + sp.eye(4)
    right = [1, -2, 3, Fraction(1, 2)]
    truth = np.array(exact.LUsolve(sp.Matrix(right)).tolist(), dtype=float).ravel()
    matrix = np.array(exact.tolist(), dtype=float)
    given = {"operator": lambda p: matrix @ p, "dense": matrix,
             "sparse": scipy.sparse.csr_array(matrix)}[form]
    found = solve(given, [float(b) for b in right], method=method).require()
    np.testing.assert_allclose(found.x, truth, rtol=1e-9)
    assert found.method == ("direct" if method == "auto" else method)
    assert (found.iterations == 0) == (found.method == "direct")
    least = float(min(sp.re(v) for v in map(sp.N, exact.eigenvals())))
    assert found.curvature >= least * (1 - 1e-12)
    assert not found.x.flags.writeable


def test_conjugate_gradients_do_not_return_garbage_on_an_indefinite_matrix():
    # The trap: SciPy's own cg says info = 0 here, whatever the curvatures were.
    matrix, right = with_spectrum(np.r_[-np.linspace(1, 5, 20), np.linspace(1, 100, 180)])
    found = solve(lambda p: matrix @ p, right, method="cg")
    assert found.status is SolveStatus.INDEFINITE and not found.is_solved
    assert np.linalg.eigvalsh(matrix)[0] <= found.curvature <= 0
    assert np.isfinite(found.x).all()
    assert found.residual == pytest.approx(
        np.linalg.norm(right - matrix @ found.x) / np.linalg.norm(right), rel=1e-9)
    with pytest.raises(ArithmeticError, match="negative curvature met"):
        found.require()
    # "auto" sees the same curvature and goes on with minres.
    found = solve(lambda p: matrix @ p, right)
    assert (found.method, found.status) == ("minres", SolveStatus.SOLVED)
    assert found.curvature < 0
    np.testing.assert_allclose(found.x, np.linalg.solve(matrix, right), rtol=0, atol=1e-8)


def test_a_curvature_of_zero_is_met_where_the_first_direction_is_isotropic():
    # p = b = (1, 1) has p^T M p = 0: conjugate gradients divide by zero at once.
    swap = np.array([[0.0, 1.0], [1.0, 0.0]])
    found = solve(swap, [1.0, -1.0], method="cg")
    assert found.status is SolveStatus.INDEFINITE
    found = solve(np.diag([1.0, -1.0]), [1.0, 1.0], method="cg")
    assert (found.status, found.curvature, found.iterations) == (SolveStatus.INDEFINITE, 0, 1)


def test_unsymmetric_operators_take_gmres():
    rng = np.random.default_rng(3)
    matrix = rng.normal(size=(120, 120)) / 12 + 3 * np.eye(120)
    right = rng.normal(size=120)
    found = solve(lambda p: matrix @ p, right, symmetric=False)
    assert found.method == "gmres" and found.is_solved
    np.testing.assert_allclose(found.x, np.linalg.solve(matrix, right), atol=1e-8)


@pytest.mark.parametrize("form", (np.asarray, scipy.sparse.csr_array))
def test_a_singular_matrix_is_named(form):
    matrix = form(np.diag([1.0, 2.0, 0.0]))
    found = solve(matrix, [1.0, 2.0, 3.0])
    assert found.status is SolveStatus.SINGULAR and np.isnan(found.x).all()
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["residual"] is None
    assert factorised(matrix) is SolveStatus.SINGULAR
    # The residual of minres says that there is no solution: no vector has a smaller one.
    found = solve(matrix, [1.0, 2.0, 3.0], method="minres")
    assert found.status is SolveStatus.INEXACT
    assert 3 / np.sqrt(14) * (1 - 1e-12) <= found.residual <= 1
    # With a right-hand side in its range, the singular system has solutions.
    assert solve(matrix, [1.0, 2.0, 0.0], method="minres").is_solved


@pytest.mark.parametrize("method", METHODS)
def test_what_is_not_finite_is_undefined(method):
    broken = np.diag([1.0, np.nan])
    for found in (solve(lambda p: broken @ p, [1.0, 1.0], method=method),
                  solve(broken, [1.0, 1.0], method=method),
                  solve(np.eye(2), [1.0, np.inf], method=method)):
        assert found.status is SolveStatus.UNDEFINED and np.isnan(found.x).all()


@pytest.mark.parametrize("method", METHODS)
def test_zero_and_huge_right_hand_sides(method):
    assert solve(np.eye(3), np.zeros(3), method=method).residual == 0
    found = solve(2 * np.eye(3), [1e308, 1.7e308, 1.7e308], method=method)
    assert found.is_solved
    np.testing.assert_allclose(found.x, [5e307, 8.5e307, 8.5e307])


def test_too_few_iterations_say_so():
    matrix, right = with_spectrum(np.geomspace(1, 1e6, 200))
    for method in ITERATIVE:
        found = solve(lambda p: matrix @ p, right, method=method, max_iterations=10)
        assert found.status is SolveStatus.INEXACT and found.residual > 1e-10
        assert found.iterations <= 10
    assert "1" in repr(found) and found.status.value in repr(found)


@pytest.mark.parametrize("method", ("cg", "minres"))
def test_the_true_residual_counts_and_not_the_updated_one(method):
    matrix, right = with_spectrum(np.geomspace(1, 1e5, 150))
    found = solve(lambda p: matrix @ p, right, method=method, rtol=1e-11, max_iterations=10**5)
    truth = np.linalg.norm(right - matrix @ found.x) / np.linalg.norm(right)
    assert found.residual == pytest.approx(truth, rel=0.5)
    assert found.is_solved == (found.residual <= 1e-11)
    assert found.is_solved


def test_the_direct_method_takes_a_matrix_that_is_made_when_it_is_needed():
    matrix = 2 * np.eye(100)
    asked = []

    def made():
        asked.append(1)
        return matrix
    assert solve(lambda p: matrix @ p, np.ones(100), matrix=made, method="cg").is_solved
    assert not asked
    assert solve(lambda p: matrix @ p, np.ones(100), matrix=made).method == "direct"
    assert asked == [1]


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match="method must be one of"):
        solve(np.eye(2), [1, 1], method="lu")
    with pytest.raises(ValueError, match="symmetric matrices"):
        solve(np.eye(2), [1, 1], method="cg", symmetric=False)
    with pytest.raises(ValueError, match="symmetric=False"):
        solve(np.array([[1, 2], [0, 1]]), [1, 1])
    with pytest.raises(ShapeError, match="vector"):
        solve(np.eye(2), [[1, 1]])
    with pytest.raises(ShapeError, match=r"\(2, 2\)"):
        solve(np.eye(3), [1, 1])
    with pytest.raises(ShapeError, match="product"):
        solve(lambda p: p[:1], [1, 1])
