r"""What a command leaves behind: text, strict JSON, CSV and pictures.

Files are checked before the work rather than after it.  Everything that cannot be written
is a `WrongInput`, one line that names the file.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from .commandline import WrongInput, plain
from .declaration.game import Game
from .declaration.scanning import shown
from .truth import Truth
from .verdicts.analysis import Analysis

__all__ = ["add_outputs", "check_csv", "check_outputs", "check_picture", "described",
           "json_text", "place_problem", "print_result", "progress_bar", "save_picture",
           "statement", "write", "write_csv"]

#: Seconds before a bar is shown.
_DELAY = 1.0


def json_text(data: Any) -> str:
    """Strict JSON: raises `ValueError` for NaN and infinities.

    >>> json_text(None)
    'null'
    """
    return json.dumps(data, indent=2, allow_nan=False)


def write(text: str) -> None:
    """Print, with escapes for what the terminal's encoding lacks."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding))


def check_csv(path: str | None) -> None:
    """Raise `WrongInput` for a CSV file that cannot be written; - is the standard output."""
    if path not in (None, "-"):
        assert path is not None
        problem = place_problem(path)
        if problem:
            raise WrongInput(f"cannot write the CSV file {shown(path, 80)}: {problem}")


def write_csv(path: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A header and rows to a file, or to the standard output for -; floats to the last bit."""
    if path == "-":
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([header, *rows])
        write(text.getvalue()[:-1])
        return
    with _one_line(f"cannot write the CSV file {shown(path, 80)}"):
        with open(path, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)


def check_picture(path: str, game: Game | None = None) -> None:
    """Raise `WrongInput` for a picture that cannot be written, or for a game of many variables.

    A ``game`` is given where the picture shows its plane.
    """
    if game is not None and len(game.variables) != 2:
        raise WrongInput(f"a picture shows a game in two variables, and this one has "
                         f"{len(game.variables)}")
    import matplotlib  # takes long: only where it is needed
    matplotlib.use("Agg")
    from matplotlib.backend_bases import FigureCanvasBase
    kinds = sorted(FigureCanvasBase.get_supported_filetypes())
    problem = place_problem(path)
    if os.path.splitext(path)[1][1:].lower() not in kinds:
        problem = f"the name of a picture ends in one of .{', .'.join(kinds)}"
    if problem:
        raise WrongInput(f"cannot write the picture {shown(path, 80)}: {problem}")


def save_picture(path: str, figure: Any) -> None:
    """Write a Matplotlib figure."""
    with _one_line(f"cannot write the picture {shown(path, 80)}"):
        figure.savefig(path)


@contextmanager
def progress_bar(args: argparse.Namespace, **options: Any) -> Iterator[Any]:
    """A tqdm bar of long work, on a terminal where tqdm is installed; else None."""
    if args.json or sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    try:
        from tqdm import tqdm
    except ImportError:
        yield None
        return
    with tqdm(file=sys.stderr, delay=_DELAY, leave=False, **options) as bar:
        yield bar


@contextmanager
def _one_line(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise WrongInput(f"{what}: {error.strerror}") from None


def place_problem(path: str) -> str:
    """Why nothing can be written there, or ''."""
    folder = os.path.dirname(path) or os.curdir
    if not path:
        return "the name is empty"
    if not os.path.isdir(folder):
        return f"there is no folder {shown(folder, 80)}"
    if os.path.isdir(path):
        return "this is a folder"
    if not os.access(path if os.path.exists(path) else folder, os.W_OK):
        return "no permission to write there"
    return ""


# -- what commands share ---------------------------------------------------------

def add_outputs(parser: argparse.ArgumentParser, rows: str, picture: str) -> None:
    """The options --csv, --json and --plot; the texts say what they write."""
    add = parser.add_argument_group("results").add_argument
    add("--csv", metavar="FILE", type=plain, help=f"write {rows}; - is the standard output")
    add("--json", action="store_true", help="print all results as JSON")
    add("--plot", metavar="FILE", type=plain, help=picture)


def check_outputs(args: argparse.Namespace, game: Game | None = None) -> None:
    """Raise `WrongInput` for what these options cannot do; ``game`` as for `check_picture`."""
    if args.csv == "-" and args.json:
        raise WrongInput("--csv - and --json exclude each other: both are for the standard "
                         "output")
    check_csv(args.csv)
    if args.plot is not None:
        check_picture(args.plot, game)


def print_result(args: argparse.Namespace, text: Callable[[], str],
                 data: Callable[[], Any]) -> None:
    """The result as text or as JSON, unless CSV goes to the standard output."""
    if args.json:
        write(json_text(data()))
    elif args.csv != "-":
        write(text())


def statement(found: Analysis) -> str:
    """How many critical points there are, where, and whether that is proved."""
    field = {"simultaneous": "omega", "stackelberg": "omega_S"}[found.of]
    proved = ("proved complete" if found.complete is Truth.YES else
              "NOT proved complete (gameanalysis analyze tells why)")
    return (f"{len(found)} critical point{'s' * (len(found) != 1)} ({field} = 0) in "
            f"{found.where}, {proved}")


def described(found: Analysis) -> dict[str, Any]:
    """Plain data for JSON: of which game the results are, and where."""
    return {"game": found.game.name, "variables": [str(v) for v in found.game.variables],
            "of": found.of, "complete": str(found.complete),
            "box": found.to_dict()["box"]}
