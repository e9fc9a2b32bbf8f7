r"""What a search for a counterexample found, shown and kept.

A `Falsification` is a census of the games that a claim survived, or the simplest game found
that refutes it.  That game is saved as a game file (see `parsing`) with a table more,

    [counterexample]
    claim = "proposition-3"     # the claim's name
    point = ["0", "1/2"]        # exact numbers
    values = {"tau" = "2"}      # that the claim speaks of
    seed = 0                    # of the search

so that it is read back exactly, and nothing in it is executed.
"""

from __future__ import annotations

import os
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from .. import parsing
from ..declaration.scanning import check_name
from ..errors import GameError, ParseError
from ..verdicts.local import LocalGame
from .claims import Ruling

__all__ = ["Falsification", "counterexample", "local_dict", "saved", "shown_lines"]


@dataclass(frozen=True, eq=False)
class Falsification:
    """What a search for a counterexample found.

    ``claim`` : its name.  ``counterexample`` : the simplest refuting `LocalGame` found, a
        pair (game, point), or None.  ``reason`` : how it refutes the claim.
    ``n_examples`` : games that the claim was asked about, up to one that refutes it;
        ``n_rejected`` : further ones that the strategy or the claim gave up.
    ``rulings`` : how many games ended with each `Ruling`.
    ``spread`` : how many games had each (sizes of the players, label of the point).
    ``seed`` : of the search; equal arguments give equal results.
    """

    claim: str
    counterexample: LocalGame | None
    reason: str
    n_examples: int
    n_rejected: int
    rulings: Mapping[Ruling, int]
    spread: Mapping[tuple[tuple[int, ...], str], int]
    seed: int

    @property
    def refuted(self) -> bool:
        """Whether a counterexample was found; if not, the claim may still be false."""
        return self.counterexample is not None

    def __bool__(self) -> bool:
        raise ValueError("a Falsification is neither true nor false: ask for .refuted")

    @property
    def n_tested(self) -> int:
        """How many games met the hypotheses, and had the conclusion decided."""
        return sum(self.rulings.get(r, 0) for r in (Ruling.HOLDS, Ruling.VIOLATED))

    @property
    def rejected(self) -> float:
        """The share of games that were given up."""
        return self.n_rejected / max(1, self.n_examples + self.n_rejected)

    def by_size(self) -> dict[tuple[int, ...], int]:
        """How many games there were of each size."""
        return self._summed(0)

    def by_class(self) -> dict[str, int]:
        """How many games had each label."""
        return self._summed(1)

    def _summed(self, part: int) -> dict[Any, int]:
        total: Counter[Any] = Counter()
        for key, count in self.spread.items():
            total[key[part]] += count
        return dict(total.most_common())

    def __repr__(self) -> str:
        if self.counterexample is None:
            games = f"{self.n_examples} game{'s' * (self.n_examples != 1)}"
            met = ", ".join(f"{self.rulings[r]} {r.value}" for r in Ruling
                            if self.rulings.get(r, 0))
            if not self.n_tested:
                met += ", so that nothing was tested"
            sizes = ", ".join(f"{'+'.join(map(str, s))}: {k}" for s, k in self.by_size().items())
            classes = ", ".join(f"{name}: {k}" for name, k in self.by_class().items())
            return "\n".join([
                f"{self.claim}: survived {games} (seed {self.seed})",
                f"  {met}; {self.n_rejected} given up", f"  sizes: {sizes}",
                f"  classes: {classes}"])
        games = f"{self.n_examples} game{'s' * (self.n_examples != 1)}"
        return "\n".join([f"{self.claim}: refuted after {games} (seed {self.seed}), by a game "
                          f"shrunk to", *shown_lines(self.counterexample), f"  {self.reason}"])

    def latex(self) -> str:
        """The claim's name and what became of it, with the counterexample as formulas."""
        name = self.claim.replace("_", r"\_").replace("-", r"\text{-}").replace(" ", r"\ ")
        games = f"{self.n_examples} game{'s' * (self.n_examples != 1)}"
        if self.counterexample is None:
            return rf"\mathtt{{{name}}}\text{{ survived {games}}}"
        return rf"\mathtt{{{name}}}\text{{ is refuted by }}{self.counterexample.latex()}"

    def _repr_latex_(self) -> str | None:
        # What survived is told by the census, as text.
        return f"$\\displaystyle {self.latex()}$" if self.refuted else None

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        found = self.counterexample
        return {
            "claim": self.claim, "refuted": self.refuted, "reason": self.reason or None,
            "counterexample": None if found is None else local_dict(found),
            "n_examples": self.n_examples, "n_rejected": self.n_rejected,
            "n_tested": self.n_tested, "seed": self.seed,
            "rulings": {r.value: k for r, k in self.rulings.items()},
            "spread": [{"sizes": list(sizes), "class": label, "games": k}
                       for (sizes, label), k in self.spread.items()]}

    def to_toml(self) -> str:
        """The counterexample as a game file, which `counterexample` reads back.

        Names that a game file cannot hold are replaced.  Raises `GameError` if there is no
        counterexample, or one that would not be read back exactly.
        """
        if self.counterexample is None:
            raise GameError(f"{self.claim} survived: there is no counterexample to save")
        game, point = self.counterexample
        names = _file_names((*game.variables, *game.parameters))
        costs = [player.cost.xreplace(names) for player in game.players]
        lines = []
        for player, cost in zip(game.players, costs):
            actions = ", ".join(f'"{names[a]}"' for a in player.actions)
            lines += ["[[player]]", f"actions = [{actions}]", f'cost = "{cost}"', ""]
        for title, table in (("parameters", game.parameters), ("periods", game.periods)):
            if table:
                lines += [f"[{title}]", *(f'{names[s]} = "{v}"' for s, v in table.items()), ""]
        at = ", ".join(f'"{v}"' for v in point)
        values = ", ".join(f'"{_plain(k)}" = "{v}"'
                           for k, v in self.counterexample.values.items())
        text = "\n".join([*lines, "[counterexample]", f'claim = "{_plain(self.claim)}"',
                          f"point = [{at}]", f"values = {{{values}}}", f"seed = {self.seed}", ""])
        try:
            read, there = parsing.read_text(text).game, [parsing.expression(str(v), [])
                                                         for v in point]
        except ParseError as error:
            raise GameError(f"the counterexample does not fit in a game file: {error}") from None
        if there != list(point) or [p.cost for p in read.players] != [
                cost.xreplace(_real(names)) for cost in costs]:
            raise GameError("the counterexample does not fit in a game file: it would not be "
                            "read back exactly")
        return text

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write `to_toml` to a file."""
        text = self.to_toml()
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


def _file_names(symbols: Sequence[sp.Symbol]) -> dict[sp.Symbol, sp.Symbol]:
    """Each symbol under a name that a game file can hold: its own, or x1, x2, ..."""
    out, taken = {}, {symbol.name for symbol in symbols}
    for number, symbol in enumerate(symbols, 1):
        name = symbol.name
        try:
            check_name(name)
        except ParseError:
            name = f"x{number}"
            while name in taken:
                name += "_"
        out[symbol] = symbol if name == symbol.name else sp.Symbol(name, real=True)
    return out


def _real(names: Mapping[sp.Symbol, sp.Symbol]) -> dict[sp.Symbol, sp.Symbol]:
    """From the names in a file to the symbols that reading it makes."""
    return {symbol: sp.Symbol(symbol.name, real=True) for symbol in names.values()}


def _plain(text: str) -> str:
    """Text as it may stand in quotes in a TOML file."""
    return "".join(c if c.isprintable() and c not in '"\\' else "?" for c in text)


def shown_lines(local: LocalGame) -> list[str]:
    """A game at a point as text: a line for each player, and one for the point."""
    game, point = local
    lines = []
    for number, player in enumerate(game.players, 1):
        actions = ", ".join(map(str, player.actions))
        lines.append(f"  player {number} ({actions}): minimise {player.cost}")
    at = (*zip(game.variables, point), *game.parameters.items(), *local.values.items())
    return [*lines, "  at " + ", ".join(f"{name} = {value}" for name, value in at)]


def local_dict(local: LocalGame) -> dict[str, Any]:
    """A game at a point as plain data for JSON."""
    game, point = local
    return {"costs": [str(player.cost) for player in game.players],
            "actions": [[a.name for a in player.actions] for player in game.players],
            "parameters": {str(s): str(v) for s, v in game.parameters.items()},
            "point": [str(v) for v in point],
            "values": {name: str(v) for name, v in local.values.items()}}


def counterexample(path: str | os.PathLike[str]) -> tuple[str, LocalGame]:
    """The claim's name and the game at its point, from a file that `Falsification.save` wrote.

    The file is a game file as well, for ``gameanalysis analyze``.  Nothing in it is executed.
    Raises `ParseError` for a file that is not one.
    """
    return saved(path)[:2]


def saved(path: str | os.PathLike[str]) -> tuple[str, LocalGame, int]:
    """The same as `counterexample`, and the seed of the search."""
    game = parsing.load(path)
    with open(path, "rb") as file:
        table: Any = tomllib.load(file).get("counterexample")
    try:
        name, at, values = table["claim"], table["point"], table["values"]
        point = [parsing.expression(str(text), []) for text in at]
        read = {str(k): parsing.expression(str(v), []) for k, v in values.items()}
        seed = int(table.get("seed", 0))
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        if isinstance(error, ParseError):
            raise ParseError(f"{path}, [counterexample]: {error}") from None
        raise ParseError(f"{path}: there is no [counterexample] table with a claim, a point "
                         f"and values") from None
    return str(name), LocalGame(game, point, read), seed
