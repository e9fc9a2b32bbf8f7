"""The result of an analysis: every critical point, what is proved, and what is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ..declaration.game import Game
from ..numerics.undecided import Undecided
from ..tables import data_frame, html_table, text_table
from ..truth import Truth
from .classify import CriticalPoint

__all__ = ["Analysis", "decimal"]

_FIELD = {"simultaneous": "critical points of simultaneous gradient play (omega = 0)",
          "stackelberg": "critical points of Stackelberg gradient play (omega_S = 0)"}
#: At most this many undecided boxes are printed.
_SHOWN = 5


def decimal(value: float) -> str:
    """Six decimals, and no minus sign before a zero."""
    text = f"{value:.6f}"
    return text[1:] if float(text) == 0 and text[0] == "-" else text


@dataclass(frozen=True, eq=False)
class Analysis:
    """The critical points of a game in a box, made by `analyze`.

    Iterates over its `CriticalPoint`, prints as a table, renders as one in a notebook.

    ``points`` : the critical points, in ascending order of their coordinates.
    ``undecided`` : boxes that may hold more critical points, each with a reason.
    ``complete`` : YES exactly if there are none, so that ``points`` is proved to be
        the whole list; otherwise UNDECIDED.
    ``of`` : "simultaneous" or "stackelberg", the field whose zeros these are.
    ``box`` : pairs of exact numbers, one for each variable, or None for the whole space.
    ``method`` : how it was proved; ``notes`` : what else was found.
    """

    game: Game
    of: str
    box: tuple[tuple[Any, Any], ...] | None
    points: tuple[CriticalPoint, ...]
    undecided: tuple[Undecided, ...]
    method: str
    notes: tuple[str, ...] = field(default=())

    @property
    def complete(self) -> Truth:
        """YES if ``points`` are proved to be all critical points in the box."""
        return Truth.UNDECIDED if self.undecided else Truth.YES

    def __iter__(self) -> Iterator[CriticalPoint]:
        return iter(self.points)

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, index: int) -> CriticalPoint:
        return self.points[index]

    @property
    def where(self) -> str:
        """The box as text."""
        if self.box is None:
            return "the whole space"
        if len(set(self.box)) == 1 and len(self.box) > 1:
            a, b = self.box[0]
            return f"[{a}, {b}]^{len(self.box)}"
        return " x ".join(f"[{a}, {b}]" for a, b in self.box)

    def _table(self) -> tuple[list[str], list[list[str]], list[bool]]:
        players = range(1, self.game.n_players + 1)
        header = ([str(v) for v in self.game.variables] + ["class", "DNE"]
                  + [f"DSE {k} leads" for k in players]
                  + ["stable w", "stable w_S", "radius"])
        rows = []
        for p in self.points:
            rows.append([decimal(v) for v in p.x] + [p.label, str(p.differential_nash)]
                        + [str(t) for t in p.differential_stackelberg_by_leader]
                        + [str(p.stable["simultaneous"]), str(p.stable["stackelberg"]),
                           f"{p.radius:.0e}" if p.certified else "unknown"])
        n = len(self.game.variables)
        return header, rows, [True] * n + [False] * (len(header) - n - 1) + [True]

    def _statement(self) -> str:
        count = f"{len(self.points)} point" + "s" * (len(self.points) != 1)
        if self.complete is Truth.YES:
            return f"{count}; the list is proved complete ({self.method})"
        boxes = len(self.undecided)
        return (f"{count}; NOT proved complete: {boxes} undecided "
                f"box{'es' * (boxes > 1)} ({self.method})")

    @property
    def _title(self) -> str:
        title = f"{self.game.name}: " if self.game.name else ""
        return f"{title}{_FIELD[self.of]} in {self.where}"

    def __str__(self) -> str:
        lines = [self._title, self._statement()]
        if self.points:
            lines += ["", text_table(*self._table())]
        notes = [f"({', '.join(f'{v:.6g}' for v in p.x)}): {note}"
                 for p in self.points for note in p.notes if p.certified]
        if notes or self.notes:
            lines += ["", *notes, *self.notes]
        if self.undecided:
            lines += ["", "undecided:"]
            lines += [f"  {u}" for u in self.undecided[:_SHOWN]]
            if len(self.undecided) > _SHOWN:
                lines.append(f"  ... and {len(self.undecided) - _SHOWN} more")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        parts = [f"<p>{self._title}<br>{self._statement()}</p>"]
        if self.points:
            parts.append(html_table(*self._table()))
        if self.undecided:
            rows = [[str(u)] for u in self.undecided[:_SHOWN]]
            parts.append(html_table(["undecided"], rows, [False]))
        return "".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON: Truths as text, no NaN, no infinity."""
        return {
            "game": self.game.name,
            "variables": [str(v) for v in self.game.variables],
            "of": self.of,
            "box": None if self.box is None else [[float(a), float(b)] for a, b in self.box],
            "complete": str(self.complete),
            "method": self.method,
            "notes": list(self.notes),
            "points": [point.to_dict() for point in self.points],
            "undecided": [u.to_dict() for u in self.undecided],
        }

    def to_dataframe(self) -> Any:
        """A pandas DataFrame with a row for each point; needs pandas installed."""
        names = list(map(str, self.game.variables))
        return data_frame([dict(zip(names, map(float, point.x))) | self._columns(point.to_dict())
                           for point in self.points])

    def _columns(self, facts: dict[str, Any]) -> dict[str, Any]:
        """The columns of a DataFrame after the coordinates."""
        return {key: facts[key] for key in (
            "label", "certified", "radius", "differential_nash", "differential_stackelberg",
            "hyperbolic", "degenerate", "manifold")} | {
            f"stable_{kind}": truth for kind, truth in facts["stable"].items()}
