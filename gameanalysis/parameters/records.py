r"""Branches as plain data, so that a checkpoint can keep them to the bit.

A value v becomes JSON data e(v): None, bool, int, float and str are themselves, anything
else is a list [tag, ...]:

    tuple, list, dict, complex, array          their parts, floats with all their digits
    Fraction, rational number                  numerator and denominator
    other exact number                         the tree of its SymPy expression
    member of an enum, record of a branch      the name of its class, what it is made of

Only the classes named here are ever made again: reading a file runs no code of the file's.

A continuation follows its branches in stages, each of which starts where those before it
have not been; all stages share one file, in the order in which paths are started.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from ..checkpoints import Checkpoint, CheckpointError, Kept, fingerprint
from ..numerics.arclength import End, Path, Tubes
from ..truth import Truth
from ..verdicts.classify import CriticalPoint
from ..verdicts.manifolds import ModuloSymmetry
from .branches import BranchSegment
from .following import Followed
from .unfoldings import EventKind, Found

__all__ = ["Stages", "decoded", "encoded"]

_RECORDS = {kind.__name__: kind for kind in (
    Followed, Path, Tubes, Found, BranchSegment, CriticalPoint, ModuloSymmetry)}
_ENUMS: dict[str, type[Enum]] = {kind.__name__: kind for kind in (End, EventKind, Truth)}
#: What an exact number may be made of.
_HEADS = {head.__name__: head for head in (sp.Add, sp.Mul, sp.Pow)}
_ATOMS = {"pi": sp.pi, "E": sp.E, "I": sp.I}
#: More paths than a continuation follows.
_PATHS = 1_000_000


def encoded(value: Any) -> Any:
    """A branch, or a part of one, as plain data.

    Raises `CheckpointError` for a value of which no branch is made.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or type(value) in (bool, int, float, str):
        return value
    name = type(value).__name__
    if isinstance(value, Enum) and name in _ENUMS:
        return ["enum", name, value.name]
    if is_dataclass(value) and name in _RECORDS:
        return ["record", name, {f.name: encoded(getattr(value, f.name)) for f in fields(value)}]
    if isinstance(value, (list, tuple, frozenset)):
        return [name, [encoded(v) for v in value]]
    if isinstance(value, complex):
        return ["complex", value.real, value.imag]
    if isinstance(value, Fraction):
        return ["Fraction", value.numerator, value.denominator]
    if isinstance(value, Mapping):
        return ["dict", [[encoded(k), encoded(v)] for k, v in value.items()]]
    if isinstance(value, np.ndarray):
        flat = np.ascontiguousarray(value)
        if flat.dtype.kind == "c":
            return ["array", "complex128", list(flat.shape), flat.view(float).ravel().tolist()]
        return ["array", flat.dtype.name, list(flat.shape), flat.ravel().tolist()]
    if isinstance(value, sp.Basic):
        return ["number", _tree(value)]
    raise CheckpointError(f"a {name} is no part of a branch that could be kept")


def _tree(value: sp.Basic) -> Any:
    if isinstance(value, sp.Rational):
        return [str(value.p), str(value.q)]
    for name, atom in _ATOMS.items():
        if value == atom:
            return name
    head = type(value).__name__
    if head not in _HEADS:
        raise CheckpointError(f"a {head} is no part of a branch that could be kept")
    return {head: [_tree(part) for part in value.args]}


def decoded(data: Any) -> Any:
    """What `encoded` was given, from plain data.

    Raises ValueError, KeyError or TypeError for data that it has not made.
    """
    if not isinstance(data, list):
        return data
    tag, *parts = data
    if tag == "enum":
        return _ENUMS[parts[0]][parts[1]]
    if tag == "record":
        return _RECORDS[parts[0]](**{name: decoded(part) for name, part in parts[1].items()})
    if tag == "array":
        kind, shape, values = parts
        flat = np.array(values, dtype=float if kind == "complex128" else kind)
        return (flat.view(complex) if kind == "complex128" else flat).reshape(shape)
    if tag == "number":
        return _number(parts[0])
    if tag == "dict":
        return {decoded(k): decoded(v) for k, v in parts[0]}
    if tag in ("complex", "Fraction"):
        return {"complex": complex, "Fraction": Fraction}[tag](*parts)
    return {"list": list, "tuple": tuple, "frozenset": frozenset}[tag](map(decoded, parts[0]))


def _number(tree: Any) -> sp.Expr:
    if isinstance(tree, str):
        return _ATOMS[tree]
    if isinstance(tree, list):
        return sp.Rational(*map(int, tree))
    (head, parts), = tree.items()
    return _HEADS[head](*map(_number, parts))


# -- stages that share a file ------------------------------------------------------------------

class Stages:
    """A checkpoint file for work whose items are known only stage by stage.

    ``task`` : what is computed.  `checkpoint` is asked for before each stage; an item is
    taken from the file only if it is the item that was kept there.
    """

    def __init__(self, path: Any, function: Callable[[Any], Any], task: Any) -> None:
        keeper = Checkpoint(path, _with_item, _decoded_pair, task)
        self._kept: Kept = keeper.open(function, range(_PATHS))
        self._path, self._begun = path, 0

    def checkpoint(self, items: Sequence[Any]) -> Checkpoint:
        """Where the results of the next items are kept."""
        first, self._begun = self._begun, self._begun + len(items)
        return _Stage(self._path, kept=self._kept, first=first,
                      items=tuple(map(fingerprint, items)))

    def close(self) -> None:
        """Close the file; what was kept stays."""
        self._kept.close()


@dataclass(frozen=True)
class _Stage(Checkpoint):
    """The part of a file that holds some items, and their results."""

    kept: Any = None
    first: int = 0
    items: tuple[str, ...] = ()

    def open(self, function: Callable[..., Any], items: Sequence[Any]) -> Any:
        return _Part(self)


class _Part:
    """What `Kept` is for a file of its own."""

    def __init__(self, stage: _Stage) -> None:
        self._stage, self.path = stage, stage.kept.path
        known = ((k, stage.kept.results.get(stage.first + k)) for k in range(len(stage.items)))
        self.results = {k: pair[1] for k, pair in known
                        if pair is not None and pair[0] == stage.items[k]}

    def keep(self, k: int, result: Any) -> bool:
        """Append the result of item k of the stage."""
        stage = self._stage
        return bool(stage.kept.keep(stage.first + k, (stage.items[k], result)))

    def close(self) -> None:
        """The file is closed after the last stage."""


def _with_item(pair: tuple[str, Any]) -> Any:
    return [pair[0], encoded(pair[1])]


def _decoded_pair(data: Any) -> tuple[str, Any]:
    item, value = data
    return item, decoded(value)
