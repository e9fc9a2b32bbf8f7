r"""Learning rules on games: one update as a formula, its flow and its Jacobian.

A rule takes the joint action z and a memory m (none for most rules) to

    z+ = F(z, m; gamma),      m+ = h(z, m; gamma),

with gamma_i > 0 the learning rate of player i; the followers' rates are multiplied by
the rule's tau.  Everything else follows from F and h:

    flow        z' = -g(z),   g = -dF/dgamma at gamma = 0, m at rest,   if F(z, m; 0) = z,
    stability   M = D(F, h) at a fixed point: attracting if its spectral radius is below 1.

The flow is the limit of the rule for small steps; rules that differ at order gamma^2
only, such as simultaneous gradient play and the extragradient method, share it.

Reference for such limits: H. K. Khalil, Nonlinear Systems, 3rd ed., Prentice Hall 2002;
E. Hairer, C. Lubich, G. Wanner, Geometric Numerical Integration, Springer 2006, ch. IX.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import ClassVar

import sympy as sp

from ..declaration.costs import Number, exact
from ..declaration.game import Game
from ..dynamics import VectorField
from ..errors import GameError
from ..exact.derivatives import ratio
from .play import LARGEST, Entries, Formulas, Play, Trial, entries, expression

__all__ = ["Rule", "RuleField", "Update", "trial_of"]


@dataclass(frozen=True, kw_only=True)
class Rule(ABC):
    r"""A learning rule: a small frozen object that knows its formula and its source.

    A subclass is one entry of `rules`: its fields are the rule's parameters, exact
    numbers or integers, and

    ``name``, ``title`` : identifier, and words for tables.
    ``formula`` : the update in LaTeX; ``source``: where it is from.
    ``remembers`` : whether it carries a memory of n numbers.
    ``has_flow`` : whether F(z; 0) = z, so that small steps have a limit.
    ``rest`` : which points it leaves where they are: every zero of omega
        ("simultaneous"), every zero of omega_S ("stackelberg"), or zeros of omega in
        zero-sum games ("zero-sum"); it may have other fixed points beside.
    ``needs`` : "" for any game, "two players" or "zero-sum".
    ``any_size`` : whether its linear systems may have more than 6 unknowns, as programs.

    ``tau`` > 0 multiplies the followers' learning rates.
    """

    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    formula: ClassVar[str] = ""
    source: ClassVar[str] = ""
    remembers: ClassVar[bool] = False
    has_flow: ClassVar[bool] = True
    rest: ClassVar[str] = "simultaneous"
    needs: ClassVar[str] = ""
    any_size: ClassVar[bool] = False

    tau: Number = 1

    def __post_init__(self) -> None:
        for each in fields(self):
            value, what = getattr(self, each.name), f"{each.name} of {type(self).__name__}"
            if isinstance(each.default, (bool, Rule)):
                if isinstance(each.default, bool) and not isinstance(value, bool):
                    raise GameError(f"{what} is True or False, not {value!r}")
                continue
            if value is None and each.default is None:
                continue
            number = ratio(exact(value, what)) if each.name == "tau" else exact(value, what)
            if number < 0:
                raise GameError(f"{what} must not be negative, and is {number}")
            object.__setattr__(self, each.name, number)

    @abstractmethod
    def next(self, play: Play, rates: Entries, memory: Entries) -> Entries:
        """F(z, m; gamma) as entries, (n,); ``rates`` holds one gamma for each variable."""

    def remember(self, play: Play, rates: Entries, memory: Entries) -> Entries:
        """h(z, m; gamma) as entries, (n,), for rules with a memory; here it stays."""
        return memory

    def memory_at_start(self, play: Play, rates: Entries) -> Entries:
        """The memory before the first update, and at rest: omega(z), for most rules."""
        return play.omega

    def tangent(self) -> Rule:
        """A smooth rule with the same Jacobian where omega = 0; itself if it is smooth."""
        return self

    def field(self, game: Game) -> VectorField | None:
        """The field g of the flow z' = -g(z), or None where there is none."""
        return RuleField(game, self) if self.has_flow else None

    def on(self, game: Game) -> Update:
        """The rule on a game.  Raises `GameError` where it is not defined for it."""
        return Update(game, self)

    def __str__(self) -> str:
        given = [f"{each.name} = {value}" for each in fields(self)
                 if (value := getattr(self, each.name)) != each.default]
        return f"{self.title} ({', '.join(given)})" if given else self.title

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.formula}$"


class Update:
    """A learning rule on a game: z+ = F(z, m; gamma), still formulas.  Immutable.

    Made by ``rule.on(game)``; `iterate` follows it.  ``expressions`` are the components
    of F, ``memory_expressions`` those of h, in the variables, the symbols ``memory`` and
    ``gamma``, the step of the leader; SymPy derives them when first asked for.

    Raises `GameError`, when formulas or programs are asked for, where the rule inverts a
    matrix that is singular everywhere in the game, or has more than 6 rows.

    >>> from gameanalysis import rules
    >>> from gameanalysis.declaration.game import zero_sum
    >>> x, y = sp.symbols("x y", real=True)
    >>> rules.Extragradient().on(zero_sum(x*y, x, y)).expressions
    (-gamma*(gamma*x + y) + x, -gamma*(gamma*y - x) + y)
    """

    def __init__(self, game: Game, rule: Rule) -> None:
        if not isinstance(game, Game):
            raise GameError(f"a rule learns a Game, not {game!r}")
        if not isinstance(rule, Rule):
            raise GameError(f"expected a rule such as rules.Extragradient(), not {rule!r}")
        if rule.needs and game.n_players != 2:
            raise GameError(f"{rule.title} is defined for two players, not {game.n_players}")
        if rule.needs == "zero-sum" and not game.is_zero_sum:
            raise GameError(f"{rule.title} is defined for zero-sum games, and this one is not "
                            f"known to be one")
        self.game, self.rule = game, rule
        self.variables = game.variables
        self.periods: Mapping[sp.Symbol, sp.Expr] = game.periods
        self.n_memory = len(game.variables) * rule.remembers
        taken = {symbol.name for symbol in game.variables}
        self.memory = tuple(_free(f"m_{v}", taken) for v in game.variables)[:self.n_memory]
        self.gamma = _free("gamma", taken)

    @property
    def name(self) -> str:
        """The rule, and the game's name if it has one."""
        return f"{self.rule}" + (f" on {self.game.name}" if self.game.name else "")

    def entries(self, play: Play, rates: Entries, memory: Entries) -> tuple[Entries, Entries]:
        """F and h in the algebra of ``play``; ``rates`` are those without tau."""
        scaled = self.scaled(play, rates)
        after = self.rule.next(play, scaled, memory)
        return after, (self.rule.remember(play, scaled, memory) if self.n_memory
                       else entries([]))

    def at_start(self, play: Play, rates: Entries) -> Entries:
        """The memory before the first update, in the algebra of ``play``."""
        if not self.n_memory:
            return entries([])
        return self.rule.memory_at_start(play, self.scaled(play, rates))

    def scaled(self, play: Play, rates: Entries) -> Entries:
        """The learning rates with the followers' multiplied by tau."""
        scaled = rates.copy()
        if self.rule.tau != 1:
            scaled[play.followers] = scaled[play.followers] * play.number(self.rule.tau)
        return scaled

    def require_defined(self, trial: Trial | None = None) -> None:
        """Raise `GameError` where the rule inverts a matrix that no point makes regular.

        Cheaper than the formulas.  In large games only sizes are checked.  ``trial`` is
        one for the same game, to be used for many rules.
        """
        trial = trial if trial is not None else trial_of(self.game)
        if not (self.rule.any_size and trial.n - self.game.sizes[0] > LARGEST):
            self.entries(trial, entries([self.gamma] * trial.n), entries(self.memory))

    def _play(self) -> Play:
        game = self.game.without_parameters()
        return Play(Formulas(), game.costs, game.variables, game.sizes)

    @cached_property
    def _formulas(self) -> tuple[Entries, Entries]:
        play = self._play()
        return self.entries(play, entries([self.gamma] * play.n), entries(self.memory))

    @property
    def expressions(self) -> tuple[sp.Expr, ...]:
        """The components of F, exact."""
        return tuple(map(expression, self._formulas[0].tolist()))

    @property
    def memory_expressions(self) -> tuple[sp.Expr, ...]:
        """The components of h, exact; empty for rules without a memory."""
        return tuple(map(expression, self._formulas[1].tolist()))

    @property
    def jacobian(self) -> sp.ImmutableMatrix:
        """M = D(F, h) in (z, m), exact."""
        after, kept = self._formulas
        return sp.ImmutableMatrix([*after, *kept]).jacobian([*self.variables, *self.memory])

    @property
    def field(self) -> VectorField | None:
        """The field g of the flow z' = -g(z), or None where the rule has none."""
        return self.rule.field(self.game)

    def _key(self) -> tuple:
        return self.game, self.rule

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Update) else NotImplemented

    def __hash__(self) -> int:
        return hash((Update, self._key()))

    def __reduce__(self) -> tuple:
        return Update, self._key()

    def __repr__(self) -> str:
        names = ", ".join(map(str, self.variables[:6])) + ", ..." * (len(self.variables) > 6)
        return f"{self.name}: update in {len(self.variables)} variables ({names})"

    def latex(self) -> str:
        """The components of F as a LaTeX ``aligned`` block."""
        return (r"\begin{aligned}" + r" \\ ".join(
            rf"{sp.latex(z)}^+ &= {sp.latex(e)}"
            for z, e in zip(self.variables, self.expressions)) + r"\end{aligned}")

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"


def trial_of(game: Game) -> Trial:
    """What `Update.require_defined` looks at."""
    game = game.without_parameters()
    return Trial(game.costs, game.variables, game.sizes)


def _free(name: str, taken: set[str]) -> sp.Symbol:
    """A real symbol of that name, with underscores behind it if the name is taken."""
    while name in taken:
        name += "_"
    taken.add(name)
    return sp.Symbol(name, real=True)


class RuleField(VectorField):
    """The field g of a rule's flow on a game; made by ``rule.field(game)``.

    It is derived from the update, and its formulas only when asked for.

    >>> from gameanalysis import rules
    >>> from gameanalysis.declaration.game import zero_sum
    >>> x, y = sp.symbols("x y", real=True)
    >>> rules.Consensus(lam=1).field(zero_sum(x*y, x, y)).expressions
    (x + y, -x + y)
    """

    __slots__ = ("_game", "_rule")
    _game: Game
    _rule: Rule

    def __init__(self, game: Game, rule: Rule) -> None:
        if not rule.has_flow:
            raise GameError(f"{rule.title} has no flow: its update is no small step")
        update = Update(game, rule)
        self._set(game=game, rule=rule, expressions=(), jacobian=None,
                  variables=game.variables, periods=game.periods)
        object.__setattr__(self, "name", f"flow of {update.name}")

    @property
    def game(self) -> Game:
        """The game that is learned."""
        return self._game

    @property
    def rule(self) -> Rule:
        """The rule whose limit this is."""
        return self._rule

    def limit(self, play: Play, rates: Entries, memory: Entries) -> Entries:
        """g in the algebra of ``play``; ``rates`` and ``memory`` are variables of it."""
        update, algebra = Update(self._game, self._rule), play.algebra
        after, _ = update.entries(play, rates, memory)
        slopes = [-sum(row) for row in play.derivative(after, rates)]
        zeros = entries([algebra.number(sp.S.Zero)] * play.n)
        still = algebra.moved(slopes, rates, zeros)
        rest = algebra.moved(update.at_start(play, rates), rates, zeros)
        return entries(algebra.moved(still, memory, rest))

    @property
    def expressions(self) -> tuple[sp.Expr, ...]:
        """The components, exact, derived when first asked for."""
        if not self._expressions:
            game = self._game.without_parameters()
            play = Play(Formulas(), game.costs, game.variables, game.sizes)
            rates = entries([sp.Dummy(f"gamma{k}", real=True) for k in range(play.n)])
            memory = Update(self._game, self._rule).memory
            self._set(expressions=tuple(
                map(expression, self.limit(play, rates, entries(memory)).tolist())))
        return self._expressions

    def _derive(self) -> sp.ImmutableMatrix:
        return sp.ImmutableMatrix(self.expressions).jacobian(self.variables)

    def _key(self) -> tuple:
        return self._game, self._rule

    def __reduce__(self) -> tuple:
        return RuleField, self._key()

    def __repr__(self) -> str:
        return f"{self.name} in {len(self.variables)} variables"
