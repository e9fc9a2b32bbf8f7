"""Programs in floats: printed as Python source, or run level by level.

A straight-line program y = F(x) is evaluated on floats in one of four forms:

``point_function``   F at one point, as a Python function of `math` calls;
``loop_function``    x <- F(x) again and again, in the same words, inside one function;
``Blocks``           F at the columns of an array, as a printed list of NumPy
                     calls on blocks of columns, with few buffers, used again and
                     again, that stay in the processor's cache;
``Levels``           F for long programs, which take longer to compile than to run
                     (Python compiles about 10^5 statements a second): all equal
                     operations of one depth are one NumPy call on index arrays.

Before, the program is lowered: powers become products that share their squares,
whatever depends on no variable becomes a float, signs go into constants.

Rounding starts here.  A constant is the float nearest to its exact rational, and
infinite where the rational is out of range.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .graph import Node, operands

__all__ = ["Blocks", "Levels", "LevelBlocks", "Lowered", "loop_function", "loop_source", "lower",
           "point_function", "point_source"]

Array = NDArray[np.float64]

#: Bytes that all buffers of a block should fit, in the L2 cache or a share of the L3.
CACHE = 2 ** 22
#: At least and at most so many points in a block: the calls of small blocks cost
#: more than the arithmetic (measured with programs of 30 to 260 operations).
BLOCK = (4096, 16384)
#: Values held at once by a block of levels.
LEVEL_VALUES = 2 ** 18
#: Expressions nested deeper than this get a name of their own when printed.
_DEPTH = 20

_SYMBOL = {"add": "+", "sub": "-", "mul": "*", "div": "/"}
_UFUNC = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide,
          "neg": np.negative, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
          "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh}
_MATH = ("exp log sin cos tan sinh cosh tanh asin acos atan asinh acosh atanh "
         "sqrt pow inf nan").split()
_SPECIAL = frozenset("erf erfc gamma loggamma polygamma".split())
_LEAVES = frozenset(("var", "const", "pi"))


class Lowered(NamedTuple):
    """A program ready to be printed: no ``pow``, no ``pi``, constants floats."""

    n_inputs: int
    nodes: tuple[Node, ...]
    outputs: tuple[int, ...]


def nearest(value: int | Fraction) -> float:
    """The nearest float (an infinity where the rational is out of range)."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def renumbered(node: Node, place: Sequence[int] | dict[int, int]) -> Node:
    """The same operation on operands that have moved."""
    needed = operands(node)
    if len(needed) > 1:
        return (node[0], *[place[k] for k in needed])
    return (node[0], place[needed[0]], *node[2:]) if needed else node


def _function(node: Node) -> Callable[..., Any]:
    """The NumPy or SciPy function ``f(*operands, out)`` of an operation."""
    operation = node[0]
    if operation in _SPECIAL:
        from scipy import special  # slow to import, seldom needed
        if operation == "polygamma" and node[2]:
            return _WithParameter(special.polygamma, node[2], parameter_first=True)
        # The real loggamma is NaN for a < 0, as it must be, unlike gammaln.
        return special.digamma if operation == "polygamma" else getattr(special, operation)
    if operation == "select":
        return _select
    if operation == "powr":
        return _WithParameter(np.power, nearest(node[2]), parameter_first=False)
    return _UFUNC.get(operation) or getattr(np, operation)


def _select(c: Any, a: Any, b: Any, out: Any = None) -> Any:
    """a where c > 0, else b (NaN too is not above 0)."""
    value = np.where(np.greater(c, 0), a, b)
    if out is None:
        return value
    out[...] = value
    return out


class _WithParameter:
    """A function of an array and a number, with the signature of a ufunc."""

    def __init__(self, function: Callable[..., Any], parameter: float,
                 parameter_first: bool) -> None:
        self.function, self.parameter = function, parameter
        self.parameter_first = parameter_first

    def __call__(self, a: Any, out: Any = None) -> Any:
        if not self.parameter_first:
            return self.function(a, self.parameter, out)
        value = self.function(self.parameter, a)
        if out is None:
            return value
        out[...] = value
        return out


def lower(n_inputs: int, program: Sequence[Node], outputs: Sequence[int]) -> Lowered:
    """The program with powers as products, constants as floats, fewer signs."""
    nodes: list[Node] = []
    index: dict[Node, int] = {}
    uses = _uses(program, outputs)

    def emit(node: Node) -> int:
        known = index.get(node)
        if known is None:
            known = index[node] = len(nodes)
            nodes.append(node)
        return known

    def power(a: int, n: int) -> int:
        if n == 1:
            return a
        half = power(a, n // 2)
        square = emit(("mul", half, half))
        return emit(("mul", square, a)) if n % 2 else square

    place: list[int] = []
    for node in program:
        operation = node[0]
        if operation == "var":
            new = emit(node)
        elif operation == "const":
            new = emit(("const", nearest(node[1])))
        elif operation == "pi":
            new = emit(("const", math.pi))
        elif all(nodes[place[k]][0] == "const" for k in operands(node)):
            new = emit(("const", _folded(node, [nodes[place[k]][1] for k in operands(node)])))
        elif operation == "pow":
            new = power(place[node[1]], node[2])
        elif operation == "neg" and program[node[1]][0] == "mul" and uses[node[1]] == 1 \
                and nodes[place[program[node[1]][1]]][0] == "const":
            _, constant, other = program[node[1]]
            new = emit(("mul", emit(("const", -nodes[place[constant]][1])), place[other]))
        else:
            new = emit(renumbered(node, place))
        place.append(new)
    return _pruned(Lowered(n_inputs, tuple(nodes), tuple(place[k] for k in outputs)))


def _folded(node: Node, values: list[float]) -> float:
    """An operation on constants, in floats."""
    with np.errstate(all="ignore"):
        if node[0] == "pow":
            return float(np.power(np.float64(values[0]), float(node[2])))
        return float(_function(node)(*map(np.float64, values)))


def _pruned(program: Lowered) -> Lowered:
    needed = [False] * len(program.nodes)
    for k in program.outputs:
        needed[k] = True
    for k in range(len(needed) - 1, -1, -1):
        if needed[k]:
            for j in operands(program.nodes[k]):
                needed[j] = True
    place = [0] * len(needed)
    nodes: list[Node] = []
    for k, node in enumerate(program.nodes):
        if needed[k]:
            place[k] = len(nodes)
            nodes.append(renumbered(node, place))
    return Lowered(program.n_inputs, tuple(nodes), tuple(place[k] for k in program.outputs))


def _uses(nodes: Sequence[Node], outputs: Sequence[int]) -> list[int]:
    """How many operations and outputs need each node."""
    uses = [0] * len(nodes)
    for node in nodes:
        for k in operands(node):
            uses[k] += 1
    for k in outputs:
        uses[k] += 1
    return uses


# One point


def _statements(program: Lowered) -> tuple[list[str], list[str]]:
    """Python statements that compute the outputs from ``x0, x1, ...``, and their texts."""
    uses = _uses(program.nodes, program.outputs)
    lines: list[str] = []
    text: list[str] = []
    depth: list[int] = []
    for k, node in enumerate(program.nodes):
        operation, needed = node[0], operands(node)
        depth.append(1 + max((depth[j] for j in needed), default=-1))
        if operation == "var":
            code = f"x{node[1]}"
        elif operation == "const":
            code = f"({node[1]!r})"
        elif operation in _SYMBOL:
            code = f"({text[node[1]]} {_SYMBOL[operation]} {text[node[2]]})"
        elif operation == "neg":
            code = f"(-{text[node[1]]})"
        elif operation == "select":
            code = f"({text[node[2]]} if {text[node[1]]} > 0 else {text[node[3]]})"
        elif operation == "powr":
            # Not **, which turns to complex numbers below zero.
            code = f"pow({text[node[1]]}, {nearest(node[2])!r})"
        elif operation in _SPECIAL:
            code = f"special{k}({text[node[1]]})"
        else:
            code = f"{operation}({text[node[1]]})"
        if needed and (uses[k] > 1 or depth[k] > _DEPTH):
            lines.append(f"t{k} = {code}")
            code, depth[k] = f"t{k}", 0
        text.append(code)
    return lines, [text[k] for k in program.outputs]


def point_source(program: Lowered) -> str:
    """Python source of ``program(x0, x1, ...)``, which returns a tuple."""
    lines, outputs = _statements(program)
    arguments = ", ".join(f"x{i}" for i in range(program.n_inputs))
    results = "".join(f"{text}, " for text in outputs)
    return "\n".join([f"def program({arguments}):", *(f"    {line}" for line in lines),
                      f"    return ({results})"])


def loop_source(program: Lowered, n: int) -> str:
    """Python source of ``program(steps, x0, ..., a0, ...)``: a loop over y = F(x, u).

    Its first n inputs are the state x, which its n outputs replace; each new x_i is handed to
    the function a_i.  The other inputs u are taken from ``steps``, a tuple for each step; for
    a program without them ``steps`` is any iterable.
    """
    lines, outputs = _statements(program)
    state = [f"x{i}" for i in range(n)]
    given = "".join(f"x{i}, " for i in range(n, program.n_inputs)) or "_"
    body = [*lines, f"{', '.join(state)} = {', '.join(outputs)}",
            *(f"a{i}(x{i})" for i in range(n))]
    arguments = ", ".join(["steps", *state, *(f"a{i}" for i in range(n))])
    return "\n".join([f"def program({arguments}):", f"    for {given} in steps:",
                      *(f"        {line}" for line in body)])


def point_function(program: Lowered) -> Callable[..., tuple[float, ...]]:
    """The printed program at one point: floats to a tuple of floats.

    Raises ArithmeticError or ValueError, as `math` does, where it is not defined.
    """
    return _compiled(point_source(program), _scope(program))


def loop_function(program: Lowered, n: int) -> Callable[..., None]:
    """The loop of `loop_source`: x <- F(x, u), a Python function without a call a step.

    Raises as `point_function` does; the steps before that one have been handed over.
    """
    return _compiled(loop_source(program, n), _scope(program))


def _scope(program: Lowered) -> dict[str, Any]:
    """The names that printed statements use."""
    scope: dict[str, Any] = {name: getattr(math, name) for name in _MATH}
    for k, node in enumerate(program.nodes):
        if node[0] in _SPECIAL:
            scope[f"special{k}"] = _PlainFloat(_function(node))
    return scope


class _PlainFloat:
    """A NumPy or SciPy function that returns a Python float."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, a: float) -> float:
        return float(self.function(a))


def _compiled(source: str, scope: dict[str, Any]) -> Callable[..., Any]:
    # The text is printed by this module from a checked list of operations: names
    # are made of numbers, constants are floats; no text of a user's gets here.
    exec(compile(source, "<program>", "exec"), scope)
    return scope["program"]


# Many points


class Blocks:
    """The printed program on columns: ``blocks(x, y)`` fills ``y``.

    ``x`` has shape (n, N) and ``y`` shape (m, N); they share no memory.
    """

    def __init__(self, program: Lowered) -> None:
        self.n_inputs = program.n_inputs
        source, scope, self.n_buffers = _block_source(program)
        self.block = _compiled(source, scope)
        held = 8 * (self.n_buffers + self.n_inputs + len(program.outputs))
        self.width = min(max(CACHE // held if held else BLOCK[1], BLOCK[0]), BLOCK[1])

    def memory(self, n: int) -> int:
        """How many floats of working memory ``n`` columns take."""
        return self.n_buffers * max(1, min(n, self.width))

    def __call__(self, x: Array, y: Array, memory: Array | None = None) -> None:
        n = x.shape[1]
        size = max(1, min(n, self.width))
        if memory is None:
            memory = np.empty(self.memory(n))
        work = memory[:self.n_buffers * size].reshape(self.n_buffers, size)
        # Rows of strided memory are read many times: copy them once.
        copied = None if x.strides[1] == x.itemsize else np.empty((len(x), size))
        for start in range(0, n, size):
            stop = min(start + size, n)
            width = stop - start
            inputs = x[:, start:stop]
            if copied is not None:
                copied[:, :width] = inputs
                inputs = copied[:, :width]
            self.block(inputs, y[:, start:stop], work[:, :width])


def _block_source(program: Lowered) -> tuple[str, dict[str, Any], int]:
    """Source, names and number of buffers of ``program(x, y, work)``."""
    last_use = [-1] * len(program.nodes)
    for k, node in enumerate(program.nodes):
        for j in operands(node):
            last_use[j] = k
    row_of: dict[int, int] = {}
    copies = []
    for row, k in enumerate(program.outputs):
        if k in row_of or program.nodes[k][0] in _LEAVES:
            copies.append((row, k))
        else:
            row_of[k] = row
    scope: dict[str, Any] = {}
    lines: list[str] = []
    text: list[str] = []
    free: list[int] = []
    n_buffers = 0
    for k, node in enumerate(program.nodes):
        if node[0] == "var":
            text.append(f"x{node[1]}")
            continue
        if node[0] == "const":
            # An array of no dimension: NumPy converts a float anew at every call.
            text.append(f"c{k}")
            scope[text[k]] = np.array(node[1])
            continue
        # An operation may overwrite an operand that nobody needs afterwards.
        free += {int(text[j][1:]) for j in operands(node)
                 if last_use[j] == k and text[j][0] == "t"}
        if k in row_of:
            target = f"y{row_of[k]}"
        elif free:
            target = f"t{free.pop()}"
        else:
            target = f"t{n_buffers}"
            n_buffers += 1
        named = node[0] if len(node) == 1 + len(operands(node)) else f"{node[0]}{k}"
        scope[f"f_{named}"] = _function(node)
        arguments = ", ".join(text[j] for j in operands(node))
        lines.append(f"f_{named}({arguments}, {target})")
        text.append(target)
    lines += [f"y{row}[:] = {text[k]}" for row, k in copies]
    inputs = sorted(node[1] for node in program.nodes if node[0] == "var")
    head = [f"x{i} = x[{i}]" for i in inputs]
    head += [f"y{r} = y[{r}]" for r in range(len(program.outputs))]
    head += [f"t{b} = work[{b}]" for b in range(n_buffers)]
    code = ["def program(x, y, work):", *(f"    {line}" for line in head + lines), "    return"]
    return "\n".join(code), scope, n_buffers


class Levels:
    """Equal operations of one depth at once: columns (n, N) to (m, N), or (n,) to (m,)."""

    def __init__(self, program: Lowered) -> None:
        depth: list[int] = []
        groups: dict[tuple, list[int]] = {}
        for k, node in enumerate(program.nodes):
            needed = operands(node)
            depth.append(1 + max((depth[j] for j in needed), default=-1))
            extra = node[1:] if node[0] == "var" else node[1 + len(needed):] if needed else ()
            groups.setdefault((depth[k], node[0], extra), []).append(k)
        place = [0] * len(program.nodes)
        self.size = 0
        self.steps: list[tuple[int, int, Callable[..., Any], list[NDArray[np.intp]]]] = []
        self.constants: list[tuple[int, int, Array]] = []
        self.inputs: list[tuple[int, int]] = []
        # Stable: operands have a smaller depth, hence a place already.
        for (_, operation, extra), members in sorted(groups.items(), key=lambda g: g[0][0]):
            start, stop = self.size, self.size + len(members)
            for offset, k in enumerate(members):
                place[k] = start + offset
            if operation == "var":
                self.inputs.append((start, extra[0]))
            elif operation == "const":
                values = [program.nodes[k][1] for k in members]
                self.constants.append((start, stop, np.array(values)))
            else:
                columns = zip(*(operands(program.nodes[k]) for k in members))
                index = [np.array([place[j] for j in column]) for column in columns]
                self.steps.append((start, stop, _function(program.nodes[members[0]]), index))
            self.size = stop
        self.outputs = np.array([place[k] for k in program.outputs], dtype=np.intp)

    def __call__(self, x: Array) -> Array:
        values = np.empty((self.size, *x.shape[1:]))
        for start, stop, constants in self.constants:
            values[start:stop] = constants.reshape((-1,) + (1,) * (x.ndim - 1))
        for place, i in self.inputs:
            values[place] = x[i]
        with np.errstate(all="ignore"):
            for start, stop, function, index in self.steps:
                function(*[values[k] for k in index], values[start:stop])
        return values[self.outputs]


class LevelBlocks:
    """Run `Levels` over blocks of columns of bounded memory, as `Blocks` does."""

    def __init__(self, levels: Levels) -> None:
        self.levels = levels
        self.width = max(1, LEVEL_VALUES // max(1, levels.size))

    def __call__(self, x: Array, y: Array) -> None:
        for start in range(0, x.shape[1], self.width):
            stop = start + self.width
            y[:, start:stop] = self.levels(x[:, start:stop])
