r"""Matrix programs: one Python function of NumPy calls for one point, one for batches.

A program takes flat arrays, x of shape (..., n) and perhaps directions p (..., n), each holding
its variables one after the other, row by row, and returns its outputs in the same way.  At one
point the variables are views of x, results are written to their place in the output, and the
memory of a matrix that is needed no more holds the next sum: nothing is copied.  Batches go
through broadcasting, so that one point meets many directions without being repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .matrix_graph import MatrixGraph
from .matrix_kernels import BATCH, IN_PLACE, POINT, SCALAR, BatchFactors, elementwise, factors
from .matrix_lowering import Step, Steps, lower
from .matrix_nodes import Shape

__all__ = ["MatrixProgram", "size_of"]

Array = NDArray[np.float64]

#: Values that the inputs and outputs of a block of points may have.
_BLOCK = 2 ** 18
_FLOAT = np.dtype(np.float64)
_NAMES = {name: getattr(np, name) for name in
          ("add asarray broadcast_shapes divide einsum empty errstate matmul multiply negative "
           "sqrt subtract swapaxes vdot").split()}
_NAMES |= {"factors": factors, "BatchFactors": BatchFactors}
_SUMS = frozenset(("add", "sub", "neg", "had", "by", "scale"))


def size_of(shape: Shape) -> int:
    """The number of entries.

    >>> size_of((2, 3)), size_of(())
    (6, 1)
    """
    return shape[0] * shape[1] if shape else 1


class MatrixProgram:
    """Nodes of a graph as a function of flat arrays.

    Parameters: the graph, the output nodes, and for each argument the variables that it holds.
    Called with arrays of shapes (..., n_k), whose leading shapes broadcast, it returns
    (..., total size of the outputs).  ``source`` is the printed function of one point.

    >>> g = MatrixGraph(); X = g.variable((2, 2))
    >>> MatrixProgram(g, [g.product([X, X])], [[X]])(np.array([1., 1, 0, 1]))
    array([1., 2., 0., 1.])
    """

    def __init__(self, graph: MatrixGraph, outputs: Sequence[int],
                 arguments: Sequence[Sequence[int]]) -> None:
        self._graph, self._outputs = graph, list(outputs)
        self.sizes = [sum(size_of(graph.shapes[v]) for v in variables)
                      for variables in arguments]
        self.size = sum(size_of(graph.shapes[a]) for a in outputs)
        self._place: dict[int, tuple[int, int]] = {}        # variable -> argument, start
        for k, variables in enumerate(arguments):
            start = 0
            for v in variables:
                self._place[graph.nodes[v][1]] = k, start
                start += size_of(graph.shapes[v])

    @cached_property
    def steps(self) -> Steps:
        """The operations, in order."""
        return lower(self._graph, self._outputs)

    @cached_property
    def _point_printer(self) -> _Printer:
        return _Printer(self.steps, self._place, len(self.sizes), False)

    @property
    def source(self) -> str:
        """The function of one point."""
        return self._point_printer.source

    @cached_property
    def point(self) -> Callable[..., Array]:
        """The function of one point: float arrays (n_k,) to (size,), unchecked."""
        return self._point_printer.compiled()

    @cached_property
    def _batch(self) -> Callable[..., Array]:
        return _Printer(self.steps, self._place, len(self.sizes), True).compiled()

    def __call__(self, *arrays: Array) -> Array:
        """The outputs, for arrays of shapes (..., n_k)."""
        if all(a.ndim == 1 for a in arrays):
            return self.point(*arrays)
        batch = arrays[0].shape[:-1]
        count = int(np.prod(batch))
        rows = max(1, _BLOCK // (self.size + sum(self.sizes)))
        if count <= rows or any(a.shape[:-1] != batch for a in arrays):
            return self._batch(*arrays)
        flat = [a.reshape(count, -1) for a in arrays]
        out = np.empty((count, self.size))
        for start in range(0, count, rows):
            out[start:start + rows] = self._batch(*(a[start:start + rows] for a in flat))
        return out.reshape(*batch, self.size)


class _Printer:
    """Prints steps as the source of one function."""

    def __init__(self, steps: Steps, place: dict[int, tuple[int, int]], n_arguments: int,
                 batch: bool) -> None:
        self.steps, self.place, self.batch = steps, place, batch
        self.arguments = [f"x{k}" for k in range(n_arguments)]
        self.names: dict[int, str] = {}
        self.namespace: dict[str, Any] = dict(_NAMES)
        self.head: list[str] = []
        self.lines: list[str] = []
        self._needed = self._reachable()
        self._last = self._last_uses()
        self._owned: set[int] = set()
        self._slots = self._output_slots()
        self.source = self._printed()

    def compiled(self) -> Callable[..., Array]:
        """The function."""
        exec(compile(self.source, "<matrix program>", "exec"), self.namespace)
        return self.namespace["program"]

    def _reachable(self) -> set[int]:
        needed: set[int] = set()
        stack = list(self.steps.outputs)
        while stack:
            k = stack.pop()
            if k not in needed:
                needed.add(k)
                if k not in self.steps.constants:
                    stack.extend(self.steps.steps[k].args)
        return needed

    def _last_uses(self) -> dict[int, int]:
        """The last step that reads a value, itself or through a transpose of it."""
        last: dict[int, int] = {}
        for k in sorted(self._needed, reverse=True):
            if k not in self.steps.constants:
                step = self.steps.steps[k]
                for a in step.args:
                    until = last.get(k, k) if step.operation == "T" else k
                    last[a] = max(last.get(a, 0), until)
        for k in self.steps.outputs:
            last[k] = len(self.steps.steps)
            while self.steps.steps[k].operation == "T":
                k = self.steps.steps[k].args[0]
                last[k] = len(self.steps.steps)
        return last

    def _output_slots(self) -> dict[int, str]:
        """The name of the output's view for each matrix that can be computed into it."""
        slots: dict[int, str] = {}
        start, self._views = 0, []
        for number, k in enumerate(self.steps.outputs):
            shape = self.steps.steps[k].shape
            stop = start + size_of(shape)
            name = f"o{number}"
            if shape:
                view = f"out[..., {start}:{stop}].reshape(batch + {shape})" if self.batch else (
                    f"out[{start}:{stop}].reshape({shape})")
            else:
                view = f"{start}"
            self._views.append((name, k, view))
            direct = (shape and not self.batch and k not in slots
                      and k not in self.steps.constants
                      and self.steps.steps[k].operation in IN_PLACE)
            if direct:
                slots[k] = name
            start = stop
        self.size = start
        return slots

    def _printed(self) -> str:
        for k in sorted(self._needed):
            self._print(k)
        tail = []
        for name, k, view in self._views:
            if not self.steps.steps[k].shape:
                tail.append(f"out[{'..., ' * self.batch}{view}] = {self.names[k]}")
            elif self._slots.get(k) == name:
                self.head.append(f"{name} = {view}")
            elif self.batch:
                tail.append(f"{view}[...] = {self.names[k]}")
            else:
                tail.append(f"{view}[:] = {self.names[k]}")
        if self.batch:
            shapes = ", ".join(f"{x}.shape[:-1]" for x in self.arguments)
            start = [f"batch = broadcast_shapes({shapes})", f"out = empty(batch + ({self.size},))"]
        else:
            start = [f"out = empty({self.size})"]
        body = [*start, *self.head, "with errstate(all='ignore'):",
                *("    " + line for line in [*self.lines, *tail] or ["pass"]), "return out"]
        return "\n    ".join([f"def program({', '.join(self.arguments)}):", *body]) + "\n"

    def _print(self, k: int) -> None:
        step = self.steps.steps[k]
        if k in self.steps.constants:
            value = self.steps.constants[k]
            if step.operation == "lu" and self.batch:
                value = BatchFactors(self.steps.constants[step.args[0]])
            elif not step.shape:
                value = float(value)
            self.names[k] = f"c{k}"
            self.namespace[f"c{k}"] = value
        elif step.operation == "input":
            self.names[k] = f"v{k}"
            self.head.append(f"v{k} = {self._input(step)}")
        else:
            self._print_operation(k, step)

    def _input(self, step: Step) -> str:
        argument, start = self.place[step.extra]
        x, stop, shape = self.arguments[argument], start + size_of(step.shape), step.shape
        if self.batch:
            return (f"{x}[..., {start}:{stop}].reshape({x}.shape[:-1] + {shape})" if shape
                    else f"{x}[..., {start}]")
        return f"{x}[{start}:{stop}].reshape({shape})" if shape else f"{x}[{start}]"

    def _print_operation(self, k: int, step: Step) -> None:
        names = [self.names[a] for a in step.args]
        operation, extra = step.operation, step.extra
        if operation == "map":
            extra = f"f{k}"
            self.namespace[extra] = elementwise(step.extra)
        elif operation == "by" and step.shape and not self.batch:
            # An array without dimensions is multiplied with sooner than a float is.
            extra, self.namespace[f"c{k}"] = f"c{k}", np.array(extra)
        elif operation == "by":
            extra = repr(extra)
        if operation in IN_PLACE and step.shape and not self.batch:
            self._print_in_place(k, step, names, extra)
            return
        template = self._template(operation, step)
        self.names[k] = f"v{k}"
        self.lines.append(f"v{k} = {template.format(*names, extra=extra)}")

    def _template(self, operation: str, step: Step) -> str:
        if self.batch and operation in BATCH:
            return BATCH[operation]
        if operation in SCALAR:
            return SCALAR[operation]
        template = POINT[operation]
        return template if isinstance(template, str) else template(step.extra)

    def _print_in_place(self, k: int, step: Step, names: list[str], extra: Any) -> None:
        """Into the output, into an operand that is needed no more, or into new memory."""
        call = IN_PLACE[step.operation].format(*names, extra=extra)
        if k in self._slots:
            self.names[k] = self._slots[k]
            self.lines.append(f"{call}, {self._slots[k]})")
            return
        if step.operation in _SUMS:
            for a, name in zip(step.args, names):
                if a in self._owned and self._last[a] == k and self.steps.steps[a].shape:
                    self.names[k] = name
                    self.lines.append(f"{call}, {name})")
                    self._owned.add(k)
                    return
        self.names[k] = f"v{k}"
        self._owned.add(k)
        self.lines.append(f"v{k} = {call})")
