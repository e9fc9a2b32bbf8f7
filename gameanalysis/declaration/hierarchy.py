"""Declaration: who moves before whom.

A hierarchy puts the players of a game on levels 1, ..., L.  A level moves before all lower
ones, which see its actions and answer them; the players of one level move at the same time,
in Nash equilibrium among themselves.  So with players counted from 0

    [(0, 1, 2)]         Nash (Cournot) among three,
    [0, 1]              Stackelberg: player 0 leads, player 1 follows,
    [0, (1, 2)]         one leader, two followers in Nash equilibrium,
    [(0, 1), (2, 3)]    two leaders, two followers,
    [0, 1, 2]           a chain, three-level Stackelberg.

A game says what the players want, a hierarchy what they know of each other when they choose:
one game has many hierarchies.

Reference: H. D. Sherali, A multiple leader Stackelberg model and analysis, Operations
Research 32 (1984) 390-404; T. Basar, G. J. Olsder, Dynamic noncooperative game theory, 2nd
ed., SIAM 1999, section 3.6.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sympy as sp

from ..errors import GameError
from .costs import Number
from .game import Game

__all__ = ["Hierarchy"]


class Hierarchy:
    """A game with the order in which its players move.  Immutable.

    Parameters
    ----------
    game : a `Game`.
    levels : the levels from the top, each the number of a player (from 0, in the order of
        ``game.players``) or several of them, who move at the same time.

    Raises `GameError` for what is no game, and for a player who is missing, is named twice
    or does not exist.

    >>> x, y, z = sp.symbols("x y z", real=True)
    >>> from gameanalysis.declaration.game import Player
    >>> game = Game(Player(x**2 - x*y, x), Player(y**2 - x*y + y*z, y), Player(z**2 - y*z, z))
    >>> Hierarchy(game, [0, (1, 2)])
    Hierarchy 1 > (2, 3): players in their order of moves, on 2 levels
      level 1: player 1 (x)
      level 2: player 2 (y), player 3 (z)
    """

    __slots__ = ("_game", "_levels")
    _game: Game
    _levels: tuple[tuple[int, ...], ...]

    def __init__(self, game: Game, levels: Iterable[int | Iterable[int]]) -> None:
        if not isinstance(game, Game):
            raise GameError(f"expected a Game, not {game!r}")
        if isinstance(levels, (str, bytes)) or not isinstance(levels, Iterable):
            raise GameError(f"levels is a sequence of levels from the top, such as "
                            f"[0, (1, 2)], not {levels!r}")
        object.__setattr__(self, "_game", game)
        object.__setattr__(self, "_levels", tuple(
            _level(level, game.n_players) for level in levels))
        named = [player for level in self._levels for player in level]
        twice = sorted({player for player in named if named.count(player) > 1})
        if twice:
            raise GameError(f"player {twice[0]} is named twice: each player moves once "
                            f"(players are counted from 0)")
        missing = sorted(set(range(game.n_players)).difference(named))
        if missing:
            raise GameError(f"the levels leave out player {missing[0]} of {game.n_players} "
                            f"(players are counted from 0)")

    def __setattr__(self, key: str, value: object) -> None:
        raise AttributeError(f"a Hierarchy is immutable: cannot set {key}")

    @property
    def game(self) -> Game:
        """The game whose players move in this order."""
        return self._game

    @property
    def levels(self) -> tuple[tuple[int, ...], ...]:
        """The players of each level, from the top; players are counted from 0."""
        return self._levels

    @property
    def n_levels(self) -> int:
        """The number of levels; 1 for Nash among all players."""
        return len(self._levels)

    @property
    def variables(self) -> tuple[sp.Symbol, ...]:
        """All actions in the declared order of the game, not in the order of moves."""
        return self._game.variables

    @property
    def name(self) -> str:
        """The order of moves as text, players counted from 1: ``1 > (2, 3)``."""
        return " > ".join(str(level[0] + 1) if len(level) == 1 else
                          "(" + ", ".join(str(player + 1) for player in level) + ")"
                          for level in self._levels)

    def level_of(self, player: int) -> int:
        """The level of a player, both counted from 0; `GameError` if there is no such player.

        >>> x, y = sp.symbols("x y", real=True)
        >>> from gameanalysis.declaration.game import zero_sum
        >>> Hierarchy(zero_sum(x*y, x, y), [1, 0]).level_of(0)
        1
        """
        for number, level in enumerate(self._levels):
            if player in level:
                return number
        raise GameError(f"there is no player {player} among {self._game.n_players} "
                        f"(they are counted from 0)")

    def actions(self, player: int) -> range:
        """Where the actions of a player, from 0, stand among ``variables``."""
        sizes = self._game.sizes
        if not 0 <= player < len(sizes):
            raise GameError(f"there is no player {player} among {len(sizes)} "
                            f"(they are counted from 0)")
        start = sum(sizes[:player])
        return range(start, start + sizes[player])

    def at_or_below(self, level: int) -> list[int]:
        """Where the actions of a level and of all lower ones stand, in the order of moves.

        ``level`` counts from 0; for ``n_levels`` the list is empty.
        """
        return [k for players in self._levels[level:] for player in players
                for k in self.actions(player)]

    def substitute(self, parameters: Mapping[sp.Symbol | str, Number]) -> Hierarchy:
        """The same order of moves with other values of the game's parameters."""
        return Hierarchy(self._game.substitute(parameters), self._levels)

    def without_parameters(self) -> Hierarchy:
        """The same order of moves with the values of the parameters in the costs."""
        return Hierarchy(self._game.without_parameters(), self._levels)

    def _key(self) -> tuple:
        return self._game, self._levels

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Hierarchy):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash((Hierarchy, self._key()))

    def __reduce__(self) -> tuple:
        return Hierarchy, self._key()

    def __repr__(self) -> str:
        title = f"{self._game.name}: hierarchy" if self._game.name else "Hierarchy"
        count = f"{self.n_levels} level" + "s" * (self.n_levels > 1)
        lines = [f"{title} {self.name}: players in their order of moves, on {count}"]
        for number, level in enumerate(self._levels, 1):
            owners = ", ".join(
                f"player {player + 1} "
                f"({', '.join(map(str, self._game.players[player].actions))})"
                for player in level)
            lines.append(f"  level {number}: {owners}")
        return "\n".join(lines)


def _level(level: Any, n_players: int) -> tuple[int, ...]:
    """The players of a level, checked one by one."""
    players: Sequence[Any]
    if isinstance(level, Iterable) and not isinstance(level, (str, bytes)):
        players = tuple(level)
    else:
        players = (level,)
    if not players:
        raise GameError("a level needs at least one player")
    for player in players:
        if isinstance(player, bool) or not hasattr(player, "__index__"):
            raise GameError(f"a level holds numbers of players, from 0, not {player!r}")
        if not 0 <= int(player) < n_players:
            raise GameError(f"there is no player {player} among {n_players} "
                            f"(they are counted from 0)")
    return tuple(int(player) for player in players)
