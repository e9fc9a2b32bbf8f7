r"""One step of the pair of Dormand and Prince, for many points at once.

For x' = -g(x), a step of size h from x, with k_1 = g(x), is

    k_j = g(x - h sum_{l<j} a_jl k_l),  j = 2, ..., 7,        x1 = x - h sum_l a_7l k_l,
    E^2 = mean_i (h sum_l e_l k_l,i / (atol + rtol max(|x_i|, |x1_i|)))^2,
    x(theta) = x + theta (-h k_1 + theta (q_1 + theta (q_2 + theta q_3))),
    q_i = -h sum_l p_il k_l,

of order 5 in x1 and 4 in between; k_7 = g(x1) is the next step's k_1.  The step is accepted
if E < 1, and the next one is h times 0.9 E^(-1/5), kept between 1/5 and 10.  The coefficients
are exact fractions, rounded once.

Where a field divides by a determinant d(x) (the guard), a step is refused if d at one of its
stages is not between a quarter and sixteen times its value at x.  So d keeps its sign, and
steps underflow beside the set d = 0.  Where d has a double zero without a change of sign, a
straight line cannot jump over it either: the stages lie too close for that.

Points are columns.  As NumPy calls, the stages are the rows of one array, and a sum over stages
is one product of a vector and a matrix.  With heyoka the whole step is one compiled
function, made of the same program.

Reference: Dormand and Prince, J. Comput. Appl. Math. 6, 1980; Shampine, Math. Comp. 46, 1986;
Hairer, Norsett and Wanner, Solving Ordinary Differential Equations I, section II.4.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction as F
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from ..compilation.compiled import CompiledField
from ..programs.graph import Graph
from ..compilation.native import native_function
from ..programs.program import Program

__all__ = ["FALL", "NumpyStep", "RISE", "Step", "native_step", "step_program"]

Array = NDArray[np.float64]
Step = Callable[[Array, Array], None]

_A = ((), (F(1, 5),), (F(3, 40), F(9, 40)), (F(44, 45), F(-56, 15), F(32, 9)),
      (F(19372, 6561), F(-25360, 2187), F(64448, 6561), F(-212, 729)),
      (F(9017, 3168), F(-355, 33), F(46732, 5247), F(49, 176), F(-5103, 18656)),
      (F(35, 384), F(0), F(500, 1113), F(125, 192), F(-2187, 6784), F(11, 84)))
_E = (F(71, 57600), F(0), F(-71, 16695), F(71, 1920), F(-17253, 339200), F(22, 525), F(-1, 40))
_P = ((F(-8048581381, 2820520608), F(0), F(131558114200, 32700410799),
       F(-1754552775, 470086768), F(127303824393, 49829197408),
       F(-282668133, 205662961), F(40617522, 29380423)),
      (F(8663915743, 2820520608), F(0), F(-68118460800, 10900136933),
       F(14199869525, 1410260304), F(-318862633887, 49829197408),
       F(2019193451, 616988883), F(-110615467, 29380423)),
      (F(-12715105075, 11282082432), F(0), F(87487479700, 32700410799),
       F(-10690763975, 1880347072), F(701980252875, 199316789632),
       F(-1453857185, 822651844), F(69997945, 29380423)))
_SAFETY, _SHRINK, _GROW = 0.9, 0.2, 10.0
#: How far the guard may change in one step; E^2 of a step in which it changes more.
FALL, RISE, _REFUSED = 0.25, 16.0, 1e10


# A step, in two ways: columns of (x, k_1, r[, d], h), where r is the time that remains, to
# columns of the same after the step, refused or not, and below them (E^2[, q_1, q_2, q_3]).


class NumpyStep:
    """The step as NumPy calls on whole rows: ``step(z, out)`` fills ``out``."""

    def __init__(self, field: CompiledField, rtol: float, atol: float, dense: bool) -> None:
        self.field, self.rtol, self.atol, self.dense = field, rtol, atol, dense
        self.n, self.guarded = field.n, field.is_guarded
        self._a = [np.array([1, *row], dtype=float) for row in _A]
        self._e, self._p = np.array(_E, dtype=float), np.array(_P, dtype=float)
        self._memory: dict[str, Array] = {}
        self._blocks = field.blocks

    def _buffer(self, name: str, *shape: int) -> Array:
        """An array that is used again, its values those of an earlier step."""
        size = math.prod(shape)
        if name not in self._memory or self._memory[name].size < size:
            self._memory[name] = np.ones(size)
        return self._memory[name][:size].reshape(shape)

    def _columns(self, x: Array) -> Array:
        """The field at columns, in memory that the next call uses again."""
        if self._blocks is None:
            return self.field.columns(x)
        m = x.shape[1]
        out = self._buffer("values", self.n + self.guarded, m)
        with np.errstate(all="ignore"):
            self._blocks(x, out, self._buffer("work", self._blocks.memory(m)))
        return out

    def __call__(self, z: Array, out: Array) -> None:
        """One step of every column."""
        n, m = self.n, z.shape[1]
        state = 2 * n + 1 + self.guarded
        x, h, x1, square = z[:n], z[state], out[:n], out[state + 1]
        # The rows are x and c_j = -h k_j, so that a stage needs one product and one multiple.
        flat = self._buffer("stages", 8, n * m)
        rows, backwards = flat.reshape(8, n, m), np.negative(h, out=self._buffer("back", m))
        rows[0] = x
        np.multiply(z[n:2 * n], backwards, out=rows[1])
        guards = []
        for j in range(1, 7):
            np.dot(self._a[j], flat[:j + 1], out=x1.reshape(-1))
            values = self._columns(x1)
            np.multiply(values[:n], backwards, out=rows[j + 1])
            if self.guarded:
                guards += [values[n:].copy()]
        error = np.dot(self._e, flat[1:], out=self._buffer("error", n * m)).reshape(n, m)
        scale = np.abs(x, out=self._buffer("scale", n, m))
        np.maximum(scale, np.abs(x1, out=self._buffer("size", n, m)), out=scale)
        scale *= self.rtol
        scale += self.atol
        error /= scale
        error *= error
        np.add.reduce(error, axis=0, out=square)
        square /= n
        out[n:2 * n] = values[:n]
        if self.guarded:
            out[2 * n + 1] = values[n]
            ratio = np.concatenate(guards) / z[2 * n + 1]
            square[~((ratio.min(axis=0) > FALL) & (ratio.max(axis=0) < RISE))] = _REFUSED
        if self.dense:
            out[-3 * n:] = np.dot(self._p, flat[1:]).reshape(3 * n, m)
        np.subtract(z[2 * n], h, out=out[2 * n])
        refused = ~(square < 1)
        np.copyto(out[:state], z[:state], where=refused)
        wanted = np.power(square, -0.1, out=out[state])
        wanted *= _SAFETY
        np.fmax(wanted, _SHRINK, out=wanted)                # NaN becomes the least factor
        np.minimum(wanted, _GROW, out=wanted)
        wanted *= h
        np.minimum(wanted, out[2 * n], out=wanted)


def native_step(field: CompiledField, rtol: float, atol: float, dense: bool) -> Step:
    """The step compiled by heyoka: the same formulas, so the same values to rounding.

    Raises ImportError without heyoka.  The field must have a program that is `supported`.
    """
    assert field.guarded_program is not None
    return native_function(_step_program(
        field.guarded_program, field.is_guarded, F(rtol), F(atol), dense))


class _Formulas:
    """Nodes of a graph as numbers: the arithmetic that puts one program into another."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def __getattr__(self, operation: str) -> Callable[..., int]:
        if operation == "powr":
            return self.graph.power
        return getattr(self.graph, operation, None) or partial(self.graph.apply, operation)


def step_program(field: Program, guarded: bool, rtol: F, atol: F, dense: bool) -> Program:
    """The step as a program, whose constants are the exact coefficients.

    ``field`` computes g, and after it the guard if ``guarded``.
    """
    n = field.n_inputs
    g = Graph(2 * n + 2 + guarded)
    x, k1, (r, *guard, h) = g.variables[:n], g.variables[n:2 * n], g.variables[2 * n:]
    arithmetic, number = _Formulas(g), g.constant
    stages, least = [k1], g.one

    def combined(row: tuple[F, ...], i: int) -> int:
        return g.dot([number(a) for a in row], [k[i] for k in stages])

    def larger(a: int, b: int) -> int:
        return g.select(g.sub(a, b), a, b)

    def smaller(a: int, b: int) -> int:
        return g.select(g.sub(b, a), a, b)

    for row in _A[1:]:
        x1 = [g.sub(x[i], g.mul(h, combined(row, i))) for i in range(n)]
        values = field.evaluate(x1, arithmetic)
        stages.append(values[:n])
        for d, before in zip(values[n:], guard):
            ratio = g.div(d, before)
            least = smaller(least, smaller(g.sub(ratio, number(F(FALL))),
                                           g.sub(number(F(RISE)), ratio)))
    errors = []
    for i in range(n):
        sizes = [larger(a, g.neg(a)) for a in (x[i], x1[i])]
        scale = g.add(number(atol), g.mul(number(rtol), larger(*sizes)))
        errors.append(g.pow(g.div(g.mul(h, combined(_E, i)), scale), 2))
    square = g.mul(number(F(1, n)), g.sum(errors))
    if guarded:
        square = g.select(least, square, number(F(_REFUSED)))
    accepted = g.sub(g.one, square)                         # NaN is not positive either
    after = [g.select(accepted, new, old) for new, old in zip(
        [*x1, *stages[6], g.sub(r, h), *values[n:]], [*x, *k1, r, *guard])]
    factor = g.mul(number(F(_SAFETY)), g.power(square, F(-1, 10)))
    factor = smaller(larger(factor, number(F(_SHRINK))), number(F(_GROW)))
    outputs = [*after, smaller(g.mul(h, factor), after[2 * n]), square]
    if dense:
        outputs += [g.neg(g.mul(h, combined(row, i))) for row in _P for i in range(n)]
    return Program(g, outputs)


_step_program = lru_cache(maxsize=16)(step_program)
