r"""A file of the user's own that defines claims: executed, and what it defines.

A conjecture is a Python function, so its file is run, as pytest runs a test file: with all
that its author may do, and after its author asked for it.  What it raises is shown as one
line with the file and the line number.

    claim, claim_...    functions of a game and a point that the file defines, or Claims
    games, games_...    strategies; ``games_tau`` is for ``claim_tau``, ``games`` for the others
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from types import ModuleType
from typing import Any

from .commandline import WrongInput
from .declaration.scanning import shown
from .errors import GameError
from .statements.claims import Claim, needs_hypothesis

__all__ = ["claims_of", "executed", "games_of"]


@contextmanager
def executed(path: str, quiet: bool) -> Iterator[Any]:
    """The module of a file that was executed; errors of its code become `WrongInput`.

    The context holds for what calls that code, too.  quiet : what the code prints goes to the
    standard error.
    """
    module, code = _compiled(path)
    folder = os.path.dirname(os.path.abspath(path))
    sys.path.insert(0, folder)                      # as for a script, or a test of pytest
    sys.modules[module.__name__] = module           # dataclasses and pickle look there
    try:
        with redirect_stdout(sys.stderr) if quiet else nullcontext():
            exec(code, module.__dict__)
            yield module
    except (WrongInput, OSError, KeyboardInterrupt, MemoryError):
        raise
    except ModuleNotFoundError as error:
        if error.name == "hypothesis":
            raise WrongInput(str(needs_hypothesis(error))) from None
        raise WrongInput(_told(path, error)) from None
    except (Exception, SystemExit) as error:
        raise WrongInput(_told(path, error)) from None
    finally:
        sys.path.remove(folder)


def _compiled(path: str) -> tuple[ModuleType, Any]:
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as error:
        raise WrongInput(f"cannot read {shown(path, 80)}: {error.strerror}") from None
    if path.endswith(".toml"):
        raise WrongInput(f"{shown(path, 80)} is a game file and no Python file: a saved "
                         f"counterexample is read with --replay")
    name = os.path.splitext(os.path.basename(path))[0]
    module = ModuleType(f"claims of {name}")        # no name that another module could have
    module.__file__ = os.path.abspath(path)
    try:
        return module, compile(source, module.__file__, "exec", dont_inherit=True)
    except SyntaxError as error:
        at = f", line {error.lineno}" if error.lineno else ""
        raise WrongInput(f"{path}{at}: {error.msg}") from None
    except ValueError as error:                     # null bytes
        raise WrongInput(f"{path} is no Python file: {error}") from None


def _told(path: str, error: BaseException) -> str:
    """One line: the last place in the file that the error went through, and what it says."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == os.path.abspath(path)]
    at, behind = (f", line {lines[-1]}", "") if lines else ("", "")
    if isinstance(error, SystemExit):
        return f"{path}{at}: it calls sys.exit"
    if not lines and frames and not isinstance(error, GameError):
        behind = f" (in {frames[-1].filename}, line {frames[-1].lineno})"
    kind = "" if isinstance(error, GameError) else f"{type(error).__name__}: "
    notes = "".join(f"; {note}" for note in getattr(error, "__notes__", ())
                    if note.startswith("raised by"))
    return f"{path}{at}: {kind}{error}{behind}{notes}"


def claims_of(path: str, module: ModuleType) -> dict[str, Any]:
    """By name: Claims, and functions that the file itself defines."""
    found: dict[str, Any] = {}
    for name, value in vars(module).items():
        if name != "claim" and not name.startswith("claim_"):
            continue
        if isinstance(value, Claim):
            found[value.name] = value
        elif callable(value) and getattr(value, "__module__", None) == module.__name__:
            if getattr(value, "__name__", "") == "<lambda>":
                value.__name__ = name
            found[name] = value
    if not found:
        raise WrongInput(f"{path} defines no claim: write def claim(game, point), or functions "
                         f"with names that start with claim_ (see gameanalysis falsify --help)")
    return found


def games_of(path: str, module: ModuleType, name: str, claim: Any) -> Any:
    """The strategy of a claim: games_NAME, or games, or None for a Claim's own."""
    own = "games" + name.removeprefix("claim")
    for each in dict.fromkeys((own, "games")):
        if each in vars(module):
            return vars(module)[each]
    if isinstance(claim, Claim) and claim.make_games is not None:
        return None
    wanted = "games" if own in ("games", f"games{name}") else f"games or {own}"
    raise WrongInput(f"{path} defines no {wanted} for {name}: write "
                     f"games = strategies.nash_games(), say, after from gameanalysis import "
                     f"strategies")
