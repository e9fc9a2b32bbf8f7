r"""Engines: many updates z+ = F(z, m; gamma) in a row, of one start or of a batch.

The state of N starts is an array (S, N), z over m, one column a start.  An engine fills a
path (L + 1, S, N), whose first entry is the state before, with the states after each of L
updates; it does not look at them.  The engines compute the same formula:

``Loops``    one start after the other, each in one printed Python function that runs all L
             updates: no call, no array, a fraction of a microsecond an update;
``Blocks``   all columns at once: printed NumPy calls into the path itself and a few buffers,
             nothing is allocated in an update;
``Compiled`` all columns at once, in a function compiled by heyoka;
``Values``   through the values of a field or of a long program, which have no printed form.

Where nothing in between is asked for, the engines that take all columns at once leap: they
keep no path, only a sum of squares that bounds all numbers on the way, and a column for which
it is too large, or that may have settled, takes the way again as a path.

They agree to rounding.  In each of them what becomes of a column depends on that column
alone.  Constant learning rates are folded into the constants of the program.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..compilation import native as machine
from ..programs.graph import Node, operands
from ..compilation.moves import CompiledUpdate
from ..programs.printing import renumbered
from ..programs.program import Program
from .noise import Streams
from .schedules import Rates

__all__ = ["Engine", "LOOK", "Together", "engine_for", "squares", "started"]

Array = NDArray[np.float64]
Starts = NDArray[np.int_]

#: Up to this many starts are faster one by one than as a batch, measured on figure1.
_FEW = 12
#: With at least so many updates of starts, compiling to machine code pays.
_MANY = 10 ** 6
#: Bytes of a path that should stay in the cache.
_CACHE = 2 ** 22
#: Paths have a multiple of so many updates: settling is looked at that often.
LOOK = 16
_LONGEST = 256
#: Updates of a leap, which has no path to keep in the cache.
_STRIDE = 64
#: Updates in one call of a compiled function, which keeps them in registers.
_AT_ONCE = 2
#: Sums of products over longer arrays are shared by threads in some BLAS.
_PIECE = 10_000


class Engine(Protocol):
    """What follows starts; see above."""

    method: str

    def width(self, size: int) -> int:
        """How many of ``size`` starts to take at once."""

    def length(self, size: int) -> int:
        """How many updates to take in one path: a multiple of LOOK where nothing is random."""

    def fill(self, path: Array, k: int, starts: Starts) -> None:
        """path[j + 1] = F(path[j]) with the rates of update k + j."""


def engine_for(update: CompiledUpdate, rates: Rates, size: int, steps: int,
               noise: Streams | None, native: bool | None) -> Engine:
    """The engine for ``size`` starts and ``steps`` updates.

    ``native`` : True demands heyoka, False leaves it out, None takes it where it is
    installed, pays, and no noise is asked for.  Raises ImportError and ValueError if it is
    demanded and cannot be had.
    """
    if not update.has_program:
        if native:
            raise ValueError(f"{update.name or 'the field'} is known numerically only, because "
                             f"it solves a linear system in many variables: native=True needs "
                             f"a formula")
        return _Values(update, rates, None, noise, size == 1)
    program = (update.update_program if rates.constant is None
               else update.program_at(rates.constant.tolist()))
    if native or (native is None and noise is None and size > _FEW and size * steps >= _MANY
                  and program.is_printed and machine.available() and machine.supported(program)):
        return _Compiled(update, rates, program, noise)
    if not program.is_printed:
        return _Values(update, rates, program, noise, size == 1)
    # With noise, small batches take the way of large ones, to give the same to the last bit.
    if size <= _FEW and noise is None:
        return _Loops(update, rates, program)
    return _Blocks(update, rates, program, noise)


def squares(values: Array) -> float:
    """The sum of the squares of a contiguous array; NaN or infinite if an entry is."""
    flat, total = values.reshape(-1), 0.0
    for begin in range(0, len(flat), _PIECE):
        piece = flat[begin:begin + _PIECE]
        total += float(np.dot(piece, piece))
    return total


def started(update: CompiledUpdate, rates: Rates, x: Array) -> Array:
    """The state (S, N) before the first update from starts (N, n): x and the memory."""
    state = np.empty((update.n + update.n_memory, len(x)))
    state[:update.n] = x.T
    if update.n_memory:
        program = update.start_program
        assert program is not None
        inputs = np.zeros((program.n_inputs, len(x)))
        inputs[:update.n] = x.T
        inputs[update.n + update.n_memory:] = rates.at(0, 1).T
        state[update.n:] = program.columns(inputs)
    return state


class Together(ABC):
    """Engines that take one update of all columns at a time.

    ``stride`` : how many updates `leap` should take at once; 0 if none.
    """

    def __init__(self, update: CompiledUpdate, rates: Rates, noise: Streams | None) -> None:
        self.n, self.rows = update.n, update.n + update.n_memory
        self.rates, self.noise = rates, noise
        self.stride = 0 if noise is not None and noise.is_stepwise else _STRIDE
        self.pair = np.empty((2, self.rows, 0))

    @abstractmethod
    def step(self, x: Array, y: Array, rates: Array) -> None:
        """y = F(x) with rates (n,)."""

    def prepare(self, width: int) -> None:
        """Have buffers ready for so many columns."""

    def width(self, size: int) -> int:
        """As many as keep a path of LOOK updates in the cache, in equal parts."""
        most = max(1, _CACHE // (8 * self.rows * (LOOK + 1)))
        return -(-size // max(1, -(-size // most)))

    def length(self, size: int) -> int:
        """As many as stay in the cache; 1 if the noise must not see starts that have ended."""
        if not self.stride:
            return 1
        wanted = _CACHE // (8 * self.rows * max(1, size)) // LOOK * LOOK
        return max(LOOK, min(_LONGEST, wanted))

    def fill(self, path: Array, k: int, starts: Starts) -> None:
        """Update by update."""
        self.prepare(path.shape[2])
        states = list(path)
        with np.errstate(all="ignore"):
            for j, gamma in enumerate(self.rates.at(k, len(path) - 1)):
                self._update(states[j], states[j + 1], gamma, k + j, starts)

    def leap(self, state: Array, k: int, count: int, starts: Starts
             ) -> tuple[Array, Array, Array]:
        """The last state but one and the last of what `fill` computes, up to rounding.

        Between two buffers that stay in the cache.  The third (N,) is at least the square of
        every number in the later z of a column, up to rounding, and not finite if one is not.
        All are views of buffers that the next call fills anew.
        """
        self.prepare(state.shape[1])
        if self.pair.shape[1:] != state.shape:
            self.pair = np.empty((2, *state.shape))
        x, y = self.pair
        x[:], total = state, 0.0
        with np.errstate(all="ignore"):
            for j, gamma in enumerate(self.rates.at(k, count)):
                self._update(x, y, gamma, k + j, starts)
                total += squares(y)
                x, y = y, x
        return y, x, np.broadcast_to(total, x.shape[1:])

    def _update(self, x: Array, y: Array, rates: Array, k: int, starts: Starts) -> None:
        self.step(x, y, rates)
        if self.noise is not None:
            self.noise.add(y[:self.n], x[:self.n], rates, k, starts)


class _Blocks(Together):
    """A printed list of NumPy calls."""

    method = "NumPy"

    def __init__(self, update: CompiledUpdate, rates: Rates, program: Program,
                 noise: Streams | None) -> None:
        super().__init__(update, rates, noise)
        blocks = program.blocks
        assert blocks is not None
        self.block, self.n_buffers = blocks.block, blocks.n_buffers
        self.memory = np.empty(0)

    def prepare(self, width: int) -> None:
        """Buffers of that width, in the same memory."""
        size = self.n_buffers * width
        if self.memory.size < size:
            self.memory = np.empty(size)
        self.work = self.memory[:size].reshape(self.n_buffers, width)

    def step(self, x: Array, y: Array, rates: Array) -> None:
        """One call of the printed block."""
        # The rates are arrays of no dimension: scalars that NumPy need not convert.
        inputs = (x if self.rates.constant is not None
                  else [*x, *(rates[i, ...] for i in range(self.n))])
        self.block(inputs, y, self.work)


class _Compiled(Together):
    """Functions compiled to machine code: one update, and `_AT_ONCE` of them for leaps.

    Columns are taken by vectors and what is left over one by one, which may round otherwise:
    so that a column does not feel its place, the columns are filled up.
    """

    method = "heyoka cfunc"

    def __init__(self, update: CompiledUpdate, rates: Rates, program: Program,
                 noise: Streams | None) -> None:
        super().__init__(update, rates, noise)
        self.lanes = machine.lanes()
        self.one, self.many = machine.native_function(program), None
        if rates.constant is not None and noise is None and program.is_printed:
            self.many = machine.native_function(_repeated(program, self.n))
            self.stride = _LONGEST
        self.inputs = np.empty((program.n_inputs, 0))
        self.outputs = np.empty((2, self.rows + 1, 0))

    def prepare(self, width: int) -> None:
        """Inputs and outputs for that width, filled up to whole vectors."""
        whole = -(-width // self.lanes) * self.lanes
        self.is_whole = whole == width and self.rates.constant is not None
        if self.inputs.shape[1] != whole:
            self.inputs = np.ones((len(self.inputs), whole))
            self.outputs = np.ones((2, self.rows + 1, whole))

    def step(self, x: Array, y: Array, rates: Array) -> None:
        """One call of the compiled function."""
        if self.is_whole:
            self.one(x, y)
            return
        width, outputs = x.shape[1], self.outputs[0, :self.rows]
        self.inputs[:self.rows, :width] = x
        if self.rates.constant is None:
            self.inputs[self.rows:] = rates[:, None]
        self.one(self.inputs, outputs)
        y[:] = outputs[:, :width]

    def leap(self, state: Array, k: int, count: int, starts: Starts
             ) -> tuple[Array, Array, Array]:
        """Several updates in a call, and the last ones one by one."""
        if self.many is None:
            return super().leap(state, k, count, starts)
        width, rows, n = state.shape[1], self.rows, self.n
        self.prepare(width)
        x, y = self.outputs
        x[:rows, :width] = state
        square = np.zeros(x.shape[1])
        calls = (count - 1) // _AT_ONCE
        with np.errstate(all="ignore"):
            for _ in range(calls):
                self.many(x[:rows], y)
                square += y[rows]
                x, y = y, x
            for _ in range(count - calls * _AT_ONCE):
                self.one(x[:rows], y[:rows])
                square += (y[:n] * y[:n]).sum(axis=0)
                x, y = y, x
        return y[:rows, :width], x[:rows, :width], square[:width]


def _repeated(program: Program, n: int) -> Program:
    """State to the state after _AT_ONCE updates, and the sum of |z|^2 over them."""
    nodes: list[Node] = []
    leaves: dict[Node, int] = {}
    state: list[int] = []
    total = -1
    for _ in range(_AT_ONCE):
        place: dict[int, int] = {}
        for k, node in enumerate(program.nodes):
            if node[0] == "var" and state:
                place[k] = state[node[1]]
            elif not operands(node) and node in leaves:
                place[k] = leaves[node]
            else:
                place[k] = len(nodes)
                nodes.append(renumbered(node, place))
                if not operands(node):
                    leaves[node] = place[k]
        state = [place[k] for k in program.outputs]
        for k in state[:n]:
            nodes.append(("mul", k, k))
            if total >= 0:
                nodes.append(("add", total, len(nodes) - 1))
            total = len(nodes) - 1
    repeated = Program.__new__(Program)
    repeated.__setstate__((program.n_inputs, tuple(nodes), (*state, total)))
    return repeated


class _Values(Together):
    """The field's values (``program`` is None), or a program run level by level.

    ``alone`` : one start, whose functions of one point are faster, and may round otherwise.
    """

    def __init__(self, update: CompiledUpdate, rates: Rates, program: Program | None,
                 noise: Streams | None, alone: bool) -> None:
        super().__init__(update, rates, noise)
        self.update, self.program, self.alone = update, program, alone
        self.method = "NumPy, one start" if alone else "NumPy"

    def step(self, x: Array, y: Array, rates: Array) -> None:
        """One call of the field or of the program."""
        if self.program is not None:
            inputs = x if self.rates.constant is not None else np.concatenate(
                [x, np.repeat(rates[:, None], x.shape[1], axis=1)])
            if self.alone:
                y[:, 0] = self.program.at(inputs[:, 0])
            else:
                y[:] = self.program.columns(inputs)
            return
        assert self.update.field is not None
        if self.alone:
            np.subtract(x[:, 0], rates * self.update.field.value(x[:, 0]), out=y[:, 0])
        else:
            np.subtract(x, rates[:, None] * self.update.field.value(x.T).T, out=y)


class _Loops:
    """One start after the other, in printed loops."""

    method = "Python"

    def __init__(self, update: CompiledUpdate, rates: Rates, program: Program) -> None:
        self.rows, self.rates, self.program = update.n + update.n_memory, rates, program
        self.loop = program.loop()

    def width(self, size: int) -> int:
        """All of them: there are few."""
        return size

    def length(self, size: int) -> int:
        """Long paths: what is looked at in NumPy should not be felt."""
        return LOOK * max(1, 4096 // (LOOK * max(1, size)))

    def fill(self, path: Array, k: int, starts: Starts) -> None:
        """Column by column."""
        count = len(path) - 1
        given: list[Any] = ([()] * count if self.rates.constant is not None
                            else list(zip(*self.rates.at(k, count).T.tolist())))
        for column in range(path.shape[2]):
            self._follow(path[:, :, column], given)

    def _follow(self, path: Array, given: list[Any]) -> None:
        state = path[0].tolist()
        kept: list[list[float]] = [[] for _ in state]
        accept = [values.append for values in kept]
        done = 0
        while done < len(given):
            try:
                self.loop(given[done:], *state, *accept)
                done = len(given)
            except (ArithmeticError, ValueError):       # math raises there, NumPy goes on
                done = len(kept[-1])
                if done:
                    state = [values[-1] for values in kept]
                state = self.program.columns(
                    np.array([*state, *given[done]])[:, None])[:, 0].tolist()
                for values, value in zip(kept, state):
                    values.append(value)
                done += 1
                if not np.isfinite(state).all():
                    for values in kept:
                        values += [np.nan] * (len(given) - done)
                    done = len(given)
        for row, values in enumerate(kept):
            path[1:, row] = values
