"""Programs compiled to machine code by heyoka, an extra that may be missing.

The nodes of a straight-line program become heyoka expressions, which LLVM turns into
vector instructions: y = F(x) at the columns of an array in one pass, without temporaries.
What is computed is the same formula in double precision; sums and products may be taken in
another order, so values agree with those of `program` to rounding.

A function that heyoka lacks (gamma, loggamma, polygamma) makes a program `supported` no
more, and whoever asked goes on with NumPy.  heyoka is imported when it is first needed.

Reference: F. Biscani, D. Izzo, Revisiting high-order Taylor methods for astrodynamics and
celestial mechanics, Monthly Notices of the Royal Astronomical Society 504, 2021.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..programs.graph import Node
from ..programs.printing import nearest
from ..programs.program import Program

__all__ = ["HINT", "available", "compiled", "expressions", "lanes", "native_function",
           "supported"]

Array = NDArray[np.float64]
Columns = Callable[[Array, Array], None]

HINT = "heyoka is not installed: pip install 'gameanalysis[native]', or leave out native=True"

_BINARY = {"add": lambda a, b: a + b, "sub": lambda a, b: a - b,
           "mul": lambda a, b: a * b, "div": lambda a, b: a / b}
_LACKING = frozenset(("gamma", "loggamma", "polygamma"))


@cache
def available() -> bool:
    """Whether heyoka can be imported; it is not imported by asking."""
    return importlib.util.find_spec("heyoka") is not None


def supported(program: Program) -> bool:
    """Whether heyoka has all functions of the program.

    >>> from ..programs.graph import Graph
    >>> g = Graph(1)
    >>> supported(Program(g, [g.apply("gamma", g.variables[0])]))
    False
    """
    return _LACKING.isdisjoint(node[0] for node in program.nodes)


def expressions(program: Program, inputs: Sequence[Any]) -> list[Any]:
    """The outputs of a program as heyoka expressions in the expressions ``inputs``.

    Raises ImportError without heyoka, and ValueError for a program that is not `supported`.
    """
    if not supported(program):
        lacking = sorted(_LACKING.intersection(node[0] for node in program.nodes))
        raise ValueError(f"heyoka has no {' and no '.join(lacking)}: use native=False")
    heyoka = _heyoka()
    values: list[Any] = []
    for node in program.nodes:
        values.append(_expression(heyoka, node, values, inputs))
    return [values[k] for k in program.outputs]


def _expression(heyoka: Any, node: Node, values: Sequence[Any], inputs: Sequence[Any]) -> Any:
    operation = node[0]
    if operation == "var":
        return inputs[node[1]]
    if operation == "const":
        return heyoka.expression(nearest(node[1]))
    if operation == "pi":
        return heyoka.pi
    first = values[node[1]]
    if operation in _BINARY:
        return _BINARY[operation](first, values[node[2]])
    if operation == "neg":
        return -first
    if operation == "pow":
        return first ** float(node[2])
    if operation == "powr":
        return first ** nearest(node[2])
    if operation == "select":
        return heyoka.select(heyoka.gt(first, heyoka.expression(0.0)),
                             values[node[2]], values[node[3]])
    return getattr(heyoka, operation)(first)


def compiled(outputs: Sequence[Any], inputs: Sequence[Any]) -> Columns:
    """heyoka expressions as a function (x, y) that fills y (m, N) from x (n, N).

    Both arrays are C-contiguous and share no memory.  Points where a function is not defined
    give NaN or an infinity and leave the others alone.
    """
    function = _heyoka().cfunc(list(outputs), vars=list(inputs), batch_size=lanes())

    def columns(x: Array, y: Array) -> None:
        function(x, outputs=y)

    return columns


def lanes() -> int:
    """How many columns are computed together; what is left over may round otherwise.

    Raises ImportError without heyoka.
    """
    # Two vectors at a time hide the latency of their operations, measured on figure1.
    return 2 * int(_heyoka().recommended_simd_size())


def native_function(program: Program) -> Columns:
    """The program as a compiled function (x, y) that fills y (m, N) from x (n, N).

    Both arrays are C-contiguous and share no memory.  The function is kept for the next call
    with an equal program.  Raises ImportError without heyoka, and ValueError for a program
    that is not `supported`.
    """
    return _native_function(program.n_inputs, program.nodes, program.outputs)


@lru_cache(maxsize=64)
def _native_function(n_inputs: int, nodes: tuple[Node, ...], outputs: tuple[int, ...]) -> Columns:
    program = object.__new__(Program)
    program.__setstate__((n_inputs, nodes, outputs))
    heyoka = _heyoka()
    inputs = [heyoka.expression(f"x{k}") for k in range(n_inputs)]
    return compiled(expressions(program, inputs), inputs)


def _heyoka() -> Any:
    if not available():
        raise ImportError(HINT)
    return importlib.import_module("heyoka")
