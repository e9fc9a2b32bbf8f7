"""heyoka's compiled programs and flows beside those of NumPy and of SymPy."""

import subprocess
import sys
from fractions import Fraction as F

import numpy as np
import pytest
import sympy as sp

import gameanalysis as ga
from gameanalysis import Outcome
from gameanalysis.motion import flow as flow_module
from gameanalysis.motion.flow import flow
from gameanalysis.compilation import native
from gameanalysis.programs.graph import UNARY, Graph
from gameanalysis.programs.program import Program

heyoka = pytest.importorskip("heyoka", reason="heyoka, an optional extra, is not installed")

x, y = sp.symbols("x y", real=True)
LACKING = {"gamma", "loggamma", "polygamma"}


def evaluated(program, inputs):
    out = np.empty((len(program.outputs), inputs.shape[1]))
    native.native_function(program)(np.ascontiguousarray(inputs), out)
    return out


@pytest.mark.parametrize("name", sorted(UNARY - LACKING))
def test_every_function_beside_sympy(name):
    g = Graph(1)
    program = Program(g, [g.apply(name, g.variables[0])])
    points = {"acosh": [1.25, 2, 7]}.get(name, [0.125, 0.5, 0.875])
    exact = [float(getattr(sp, name)(sp.Float(u, 30))) for u in points]
    np.testing.assert_allclose(evaluated(program, np.array([points]))[0], exact, rtol=1e-14)


def test_operations_and_constants_beside_python():
    g = Graph(2)
    a, b = g.variables
    outputs = [g.add(a, b), g.sub(a, b), g.mul(a, b), g.div(a, b), g.neg(a), g.pow(a, 5),
               g.power(a, F(3, 2)), g.mul(g.pi(), a), g.constant(F(1, 3)), b,
               g.select(b, a, g.neg(a)), g.select(g.sub(a, b), a, b)]
    columns = np.array([[0.5, 2.0, 4.0], [3.0, -2.0, 0.0]])
    expected = [[u + v, u - v, u * v, u / v if v else np.inf, -u, u**5, u * np.sqrt(u),
                 np.pi * u, 1 / 3, v, u if v > 0 else -u, max(u, v)] for u, v in columns.T]
    np.testing.assert_allclose(evaluated(Program(g, outputs), columns),
                               np.transpose(expected), rtol=1e-15)


def test_a_point_outside_a_domain_leaves_the_others_alone():
    g = Graph(1)
    found = evaluated(Program(g, [g.apply("log", g.variables[0])]), np.array([[-1.0, 1.0, 0.0]]))
    assert np.isnan(found[0, 0]) and found[0, 1] == 0 and found[0, 2] == -np.inf


@pytest.mark.parametrize("size", [0, 1, 7, 1001])
def test_any_number_of_columns(size):
    g = Graph(2)
    columns = np.random.default_rng(0).normal(size=(2, size))
    np.testing.assert_allclose(evaluated(Program(g, [g.mul(*g.variables)]), columns)[0],
                               columns.prod(axis=0), rtol=1e-15)


def test_equal_programs_are_compiled_once():
    def program():
        g = Graph(1)
        return Program(g, [g.pow(g.variables[0], 3)])

    assert native.native_function(program()) is native.native_function(program())


def test_without_heyoka_programs_are_not_compiled(monkeypatch):
    monkeypatch.setattr(native, "available", lambda: False)
    g = Graph(1)
    with pytest.raises(ImportError, match=r"pip install 'gameanalysis\[native\]'"):
        native.native_function(Program(g, [g.pow(g.variables[0], 7)]))


def test_a_function_that_heyoka_lacks_is_named():
    g = Graph(1)
    program = Program(g, [g.polygamma(g.variables[0], 1), g.apply("gamma", g.variables[0])])
    assert not native.supported(program)
    with pytest.raises(ValueError, match="heyoka has no gamma and no polygamma.*native=False"):
        native.native_function(program)


@pytest.mark.parametrize("name", ["figure1", "torus", "dirac_gan", "finite_learning_ratio",
                                  "rock_paper_scissors", "softmax_bimatrix", "hamiltonian"])
@pytest.mark.parametrize("kind", ["simultaneous", "stackelberg"])
def test_flows_beside_numpy(name, kind):
    game = ga.catalog.game(name)
    field = (ga.simultaneous_gradient(game) if kind == "simultaneous"
             else ga.stackelberg_gradient(game, eta=sp.Rational(1, 2)))
    start = np.random.default_rng(7).uniform(-1.5, 1.5, (60, len(game.variables)))
    options = {"t_eval": 7, "rtol": 1e-8, "atol": 1e-10}
    ours = flow(field, start, 4, native=False, **options)
    theirs = flow(field, start, 4, native=True, **options)
    assert (ours.method, theirs.method) == ("Dormand-Prince 5(4), NumPy",
                                            "Dormand-Prince 5(4), heyoka")
    assert (ours.status == theirs.status).all()
    assert (ours.status == Outcome.COMPLETED).sum() > 10
    np.testing.assert_allclose(ours.stopped, theirs.stopped, rtol=1e-5)
    done = ours.status == Outcome.COMPLETED
    np.testing.assert_allclose(ours.x[done], theirs.x[done], rtol=1e-5, atol=1e-6)


def test_every_outcome_beside_numpy():
    rotation = ga.VectorField((y, -x), (x, y))
    runs = [
        (rotation, [[1, 0], [0.2, 0]], 20, {"detect_period": True, "box": [(-2, 0.9), (-2, 2)]}),
        (ga.VectorField(-x**2, x), [[1.0], [-1.0]], 2, {}),
        (ga.VectorField(1 + sp.sqrt(x), x), [[1.0], [9.0], [-1.0]], 1, {}),
        (rotation, [[1, 0]], 100, {"max_steps": 30}),
        (ga.VectorField((x, y), (x, y)), [[1, 2], [0, 0]], 30, {"points": [[0, 0]]}),
        (ga.stackelberg_gradient(ga.catalog.figure1()),
         np.random.default_rng(8).uniform(-9, 9, (50, 2)), 5, {}),
        (ga.stackelberg_gradient(ga.Game(ga.Player(x + y, x), ga.Player(x * y**2 / 2, y))),
         [[1, 0], [0, 1]], 2, {})]
    seen = set()
    for field, start, span, options in runs:
        ours = flow(field, start, span, method="dormand-prince", native=False, **options)
        theirs = flow(field, start, span, method="heyoka", **options)
        assert (ours.status == theirs.status).all()
        assert (ours.settled == theirs.settled).all()
        np.testing.assert_allclose(ours.stopped, theirs.stopped, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(ours.period, theirs.period, rtol=1e-6)
        seen |= set(theirs.status)
    assert seen == set(Outcome) - {Outcome.INTERRUPTED}


def test_dense_output_beside_numpy():
    field = ga.simultaneous_gradient(ga.catalog.figure1())
    start, times = [[1.0, 2.0], [-5.0, 3.0]], np.linspace(0, 3, 50)
    ours, theirs = (flow(field, start, 3, dense=True, native=native, t_eval="last").at(times)
                    for native in (False, True))
    np.testing.assert_allclose(ours, theirs, rtol=1e-8)


def test_one_start_may_be_compiled_too():
    found = flow(ga.VectorField((y, -x), (x, y)), [1, 0], 1, native=True)
    assert found.method == "Dormand-Prince 5(4), heyoka" and found.x.shape == (201, 2)
    np.testing.assert_allclose(found.last, [np.cos(1), np.sin(1)], atol=1e-5)


def test_what_heyoka_cannot_compile_falls_back_and_says_so():
    v = sp.symbols("v1:5", real=True)               # four followers' actions, coupled
    f = x**2 + x*v[0] - sum(w**2 for w in v) - sum(a*b for a, b in zip(v, v[1:]))
    numerical = ga.stackelberg_gradient(ga.zero_sum(f, x, v))
    for field, n in ((ga.VectorField(sp.gamma(x), x), 1), (numerical, 5)):
        found = flow(field, np.full((2, n), 2.0), 0.1, native=True)
        assert found.method == "Dormand-Prince 5(4), NumPy, since heyoka cannot compile this field"
        assert set(found.status) == {Outcome.COMPLETED}


def test_many_starts_choose_heyoka_and_few_do_not(monkeypatch):
    monkeypatch.setattr(flow_module, "_MANY", 50)
    field = ga.VectorField((y, -x), (x, y))
    for size, native_, method in ((49, None, "NumPy"), (50, None, "heyoka"),
                                  (50, False, "NumPy"), (2, True, "heyoka")):
        found = flow(field, np.ones((size, 2)), 1, native=native_, t_eval=2)
        assert found.method == f"Dormand-Prince 5(4), {method}"
    monkeypatch.setattr(flow_module, "_SHORT", 0)
    assert flow(field, np.ones((50, 2)), 1, t_eval=2).method.endswith("NumPy")


def test_heyoka_is_imported_when_it_is_needed_and_not_before():
    code = ("import sys, numpy as np, sympy as sp, gameanalysis as ga\n"
            "from gameanalysis.motion.flow import flow\n"
            "from gameanalysis.compilation import native\n"
            "x = sp.Symbol('x', real=True)\n"
            "native.available()\n"
            "flow(ga.VectorField(x, x), [[1.0], [2.0]], 1)\n"
            "print('heyoka' in sys.modules)\n")
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True)
    assert done.stdout.strip() == "False"
