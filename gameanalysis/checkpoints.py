r"""Checkpoint files: results of long work, kept one by one, and taken up again after a stop.

A checkpoint is a text file of JSON lines.  The first says what is computed and holds a
fingerprint H of it; each further one is a result,

    {"gameanalysis checkpoint": 1, "version": ..., "of": ..., "items": N, "task": H}
    {"item": k, "value": ...}

H is the SHA-256 hash of the structure of the function and of all N items, read the way
pickling reads objects: types, values, and for functions their code, defaults and closures.
What a function reads from elsewhere, a global or a file, is not seen.  A file with another
H is refused, so results of two tasks never mix.

Lines are only ever appended, each by one write, so that a process that is killed loses at
most the line it was writing: a last line without an end is dropped.  Nothing is ever
unpickled, because that runs code.  JSON writes a float with as many digits as tell it from
every other, so floats come back to the bit.
"""

from __future__ import annotations

import copyreg
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import (BuiltinFunctionType, CodeType, FunctionType, MappingProxyType, MethodType,
                   ModuleType)
from typing import Any

__all__ = ["Checkpoint", "CheckpointError", "Kept", "fingerprint"]


class CheckpointError(ValueError):
    """A checkpoint file is another task's, is damaged or in use, or cannot hold a result."""


@dataclass(frozen=True)
class Checkpoint:
    """Where results are kept, and how they are written as JSON.

    ``path`` : the file; it is made if it does not exist, and gone on from if it does.
    ``encode``, ``decode`` : from a result to plain JSON data and back, or to None for one that
        is not to be kept; by default results are plain data already: None, bool, int, float,
        str, lists, and dicts with str keys.
    ``task`` : what is computed, if the function and the items themselves are not to be
        looked at; anything `fingerprint` can read.
    """

    path: str | os.PathLike[str]
    encode: Callable[[Any], Any] | None = None
    decode: Callable[[Any], Any] | None = None
    task: Any = None

    def open(self, function: Callable[..., Any], items: Sequence[Any]) -> Kept:
        """The results kept for this task, and a way to keep more.

        Raises `CheckpointError` for a file of another task, or one that is no checkpoint.
        """
        task = fingerprint((function, items) if self.task is None else self.task)
        header = {"gameanalysis checkpoint": 1,
                  "version": getattr(sys.modules[__package__], "__version__", ""),
                  "of": _name(function), "items": len(items), "task": task}
        return Kept(self, header)


class Kept:
    """An open checkpoint file: ``results`` by the number of their item.

    Made by `Checkpoint.open`; `keep` appends a result, `close` closes the file.
    """

    def __init__(self, checkpoint: Checkpoint, header: Mapping[str, Any]) -> None:
        self.path = os.fspath(checkpoint.path)
        self._checkpoint, self._header = checkpoint, header
        self.results: dict[int, Any] = {}
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self._file = os.open(self.path, flags, 0o666)
        try:
            _lock(self._file, self.path)
            self._read()
        except BaseException:
            self.close()
            raise

    def _read(self) -> None:
        # Not by a second descriptor: closing that would give up the lock.
        data = b"".join(iter(lambda: os.read(self._file, 1 << 20), b""))
        first = _line(self._header)
        whole = data[:data.rfind(b"\n") + 1]
        if not whole and first.startswith(data):
            os.ftruncate(self._file, 0)
            self._write(first)
            return
        lines = whole.split(b"\n")[:-1]
        self._check_header(lines[0] if lines else data)
        for number, line in enumerate(lines[1:], 2):
            try:
                record = json.loads(line)
                k, value = record["item"], record["value"]
                if not isinstance(k, int) or not 0 <= k < self._header["items"]:
                    raise ValueError(f"there is no item {k}")
                decode = self._checkpoint.decode
                self.results[k] = value if decode is None else decode(value)
            except (ValueError, KeyError, TypeError, IndexError) as error:
                raise CheckpointError(f"{self.path}, line {number}, is damaged ({error}): remove "
                                      f"the line, or the file") from None
        if len(whole) < len(data):
            os.ftruncate(self._file, len(whole))

    def _check_header(self, line: bytes) -> None:
        try:
            header = json.loads(line)
            known = header["gameanalysis checkpoint"] == 1
        except (ValueError, KeyError, TypeError):
            known = False
        if not known:
            raise CheckpointError(f"{self.path} exists and is no checkpoint file: give another "
                                  f"path")
        for key, text in (("version", "was written by version {0} of this library, not {1}"),
                          ("of", "holds results of {0}, not of {1}"),
                          ("items", "is of a task with {0} items, not {1}"),
                          ("task", "is of a task with other arguments")):
            if header.get(key) != self._header[key]:
                raise CheckpointError(
                    f"{self.path} {text.format(header.get(key), self._header[key])}: repeat the "
                    f"call that made it, or give another path")

    def keep(self, k: int, result: Any) -> bool:
        """Append the result of item k; False if it is one not to be kept.

        Raises `CheckpointError` for a result that would not come back as it is.
        """
        encode = self._checkpoint.encode
        value = result if encode is None else encode(result)
        if value is None and encode is not None:
            return False
        odd = _not_plain(value)
        if odd is not None:
            raise CheckpointError(f"a {type(odd).__name__} does not come back from JSON as it "
                                  f"is: give Checkpoint(path, encode=..., decode=...)")
        self._write(_line({"item": k, "value": value}))
        return True

    def _write(self, line: bytes) -> None:
        # One write: an interrupt comes before it or after it.
        if os.write(self._file, line) < len(line):
            raise OSError(f"{self.path}: no space left to keep a result")

    def close(self) -> None:
        """Close the file; what was kept stays."""
        os.close(self._file)


def _line(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode("ascii") + b"\n"


def _not_plain(value: Any) -> Any:
    """What in a value would come back from JSON as something else; None if nothing does."""
    if value is None or type(value) in (bool, int, float, str):
        return None
    if type(value) is list:
        return next((odd for odd in map(_not_plain, value) if odd is not None), None)
    if type(value) is dict:
        keys = (key for key in value if type(key) is not str)
        return next(keys, None) or _not_plain(list(value.values()))
    return value


def _lock(file: int, path: str) -> None:
    """One process writes a checkpoint at a time, where the system can see to it."""
    try:
        import fcntl
    except ImportError:                     # Windows
        return
    try:
        # Unlike flock's, this lock is not passed on to processes that are forked.
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        raise CheckpointError(f"{path} is in use by another process") from None
    except OSError:                         # a file system without locks
        pass


def _name(function: Any) -> str:
    while hasattr(function, "func"):        # a partial
        function = function.func
    return getattr(function, "__qualname__", type(function).__qualname__)


# -- fingerprints ----------------------------------------------------------------------------

def fingerprint(value: Any) -> str:
    """A hash of what a value is made of: equal for equal values, in every process.

    Sets and dicts are read without their order.  A function is its module, its name, its
    code, defaults and closure, so an edited function is another one.  Other objects are read
    as pickling does.  Raises `CheckpointError` for what cannot be read.

    >>> fingerprint({"a": 0.1, "b": [1]}) == fingerprint({"b": [1], "a": 0.1})
    True
    """
    try:
        return _Reader().hash(value).hex()
    except RecursionError:
        raise CheckpointError("what is computed is nested too deeply to be kept apart from other "
                              "tasks: give Checkpoint(path, task=...)") from None


class _Reader:
    """Hashes of objects by structure; what is shared is read once."""

    def __init__(self) -> None:
        # The objects are held, so that no id is used twice.
        self.known: dict[int, tuple[Any, bytes]] = {}

    def hash(self, value: Any) -> bytes:
        if type(value) in (type(None), bool, int, float, complex, str, bytes):
            return _digest(type(value).__name__, repr(value).encode("utf-8", "surrogatepass"))
        if id(value) in self.known:
            return self.known[id(value)][1]
        # An object that contains itself meets this entry.
        self.known[id(value)] = value, _digest("inside", str(len(self.known)).encode())
        tag, parts, ordered = self._parts(value)
        hashes: Iterable[bytes] = map(self.hash, parts)
        out = _digest(tag, *(hashes if ordered else sorted(hashes)))
        self.known[id(value)] = value, out
        return out

    def _parts(self, value: Any) -> tuple[str, Iterable[Any], bool]:
        """A tag, the parts, and whether their order matters."""
        kind = type(value)
        if kind in (list, tuple):
            return kind.__name__, value, True
        if kind in (dict, MappingProxyType):
            return "dict", list(value.items()), False
        if kind in (set, frozenset):
            return kind.__name__, value, False
        if isinstance(value, (type, BuiltinFunctionType)):
            return "name", (value.__module__, value.__qualname__), True
        if kind is FunctionType:
            return "function", list(_of_function(value)), True
        if kind is MethodType:
            return "method", (value.__func__, value.__self__), True
        if kind is CodeType:
            return "code", (value.co_code, value.co_consts, value.co_names, value.co_varnames,
                            value.co_flags), True
        if kind is ModuleType:
            return "module", (value.__name__,), True
        try:
            reduced: Any = value.__reduce_ex__(4)
        except Exception as error:
            raise CheckpointError(f"a {kind.__qualname__} cannot be kept apart from others in a "
                                  f"checkpoint ({error}): leave it out, or give "
                                  f"Checkpoint(path, task=...)") from None
        if isinstance(reduced, str):
            return "global", (kind.__module__, kind.__qualname__, reduced), True
        function, arguments, state, listed, named = (*reduced, None, None, None)[:5]
        name = "new" if function is getattr(copyreg, "__newobj__", None) else function
        return "object", (name, arguments, state, list(listed or ()), dict(named or ())), True


def _of_function(function: FunctionType) -> Iterator[Any]:
    yield from (function.__module__, function.__qualname__, function.__code__,
                function.__defaults__, function.__kwdefaults__)
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:                  # not assigned yet
            yield "empty"


def _digest(tag: str, *parts: bytes) -> bytes:
    out = hashlib.sha256(tag.encode())
    for part in parts:
        out.update(len(part).to_bytes(8, "big") + part)
    return out.digest()
