r"""Claims: hypotheses about a game at a point, and what is said to follow.

A `Claim` is an implication

    H_1(G, x) and ... and H_k(G, x)    =>    C(G, x)

for every game G and point x, each part a `Condition`: a sentence and a function that decides
it for a `LocalGame`.  `judge` gives the `Verdict` for one game and one point:

    holds                  every H_i is YES and C is YES
    hypotheses not met     some H_i is NO
    violated               every H_i is YES and C is NO: a counterexample
    undecided              otherwise, with the condition that was not decided

A claim that is asymptotic or almost sure has a conclusion that is a statistical test: it
draws from a generator whose seed depends on the claim and on ``seed`` alone, and it states
the probability with which it calls a true claim violated.
"""

from __future__ import annotations

import inspect
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from enum import Enum
from typing import Any, NamedTuple

import numpy as np

from ..errors import GameError
from ..truth import Truth
from ..verdicts.local import LocalGame

__all__ = ["Claim", "Condition", "Finding", "KNOWN", "Ruling", "Verdict", "claim", "judge",
           "named", "needs_hypothesis"]


class Ruling(Enum):
    """What a check of a claim ends with; the value is the sentence shown."""

    HOLDS = "holds"
    NOT_MET = "hypotheses not met"
    VIOLATED = "violated"
    UNDECIDED = "undecided"


class Finding(NamedTuple):
    """A Truth with what there is to know about it: numbers, a margin, a reason."""

    truth: Truth
    note: str = ""


Decision = Callable[..., "Truth | Finding"]


@dataclass(frozen=True)
class Condition:
    """A sentence about a game at a point, and the function that decides it.

    text : the sentence, plain.  latex : the same as a formula.
    decide : from a `LocalGame` to a `Truth` or a `Finding`.

    ``~c`` is its negation, ``c & d`` and ``c | d`` are Kleene's conjunction and disjunction;
    ``and``, ``or`` and ``not`` raise, because Python would silently drop a part.
    """

    text: str
    latex: str
    decide: Decision = field(repr=False)

    def find(self, local: LocalGame) -> Finding:
        """The decision as a `Finding`."""
        return _finding(self.decide(local))

    def __bool__(self) -> bool:
        raise TypeError("a condition is neither true nor false: join conditions with &, | and ~")

    def __and__(self, other: Condition) -> Condition:
        if not isinstance(other, Condition):
            return NotImplemented
        return Condition(f"{_grouped(self.text)} and {_grouped(other.text)}",
                         rf"{self.latex},\ {other.latex}",
                         lambda local: _joined(self, other, local, lambda a, b: a & b))

    def __or__(self, other: Condition) -> Condition:
        if not isinstance(other, Condition):
            return NotImplemented
        return Condition(f"{_grouped(self.text)} or {_grouped(other.text)}",
                         rf"{self.latex} \text{{ or }} {other.latex}",
                         lambda local: _joined(self, other, local, lambda a, b: a | b))

    def __invert__(self) -> Condition:
        def decide(local: LocalGame) -> Finding:
            found = self.find(local)
            return Finding(~found.truth, found.note)
        return Condition(f"not ({self.text})", rf"\neg({self.latex})", decide)


def _grouped(text: str) -> str:
    """A part of a sentence, in parentheses where it is one of several parts itself."""
    return f"({text})" if " or " in text or " and " in text else text


def _joined(one: Condition, other: Condition, local: LocalGame,
            connective: Callable[[Truth, Truth], Truth]) -> Finding:
    """Both decisions as one, with the notes of the parts that have its Truth."""
    parts = one.find(local), other.find(local)
    truth = connective(parts[0].truth, parts[1].truth)
    notes = [part.note for part in parts if part.note and part.truth is truth]
    return Finding(truth, "; ".join(notes))


def _finding(found: Truth | Finding) -> Finding:
    if isinstance(found, Finding):
        return found
    if isinstance(found, Truth):
        return Finding(found)
    raise GameError(f"a condition answers with a Truth or a Finding, not {found!r}")


@dataclass(frozen=True)
class Claim:
    """Hypotheses, a conclusion, and a strategy that generates games which meet the former.

    Parameters
    ----------
    name : for the command line, such as "proposition-3"; title : for people.
    statement : LaTeX.  source : where it stands.  about : in words, with the proof.
    hypotheses : conditions.  conclusion : a condition.
    make_games : from the module `strategies` to a Hypothesis strategy of `LocalGame`, whose
        games meet the hypotheses by construction; see `games`.
    holds : False for a reading that is known to be false, to be refuted.
    witnesses : names of games of the catalogue that refute it.
    error_probability : of a statistical conclusion, which is called with a generator, too:
        how probable it is, at most, that a check of a true claim says "violated".

    >>> from gameanalysis import theorems
    >>> theorems.named("proposition-3").title
    'Proposition 3'
    """

    name: str
    title: str
    statement: str = field(repr=False)
    source: str = field(repr=False)
    hypotheses: tuple[Condition, ...] = field(repr=False)
    conclusion: Condition = field(repr=False)
    make_games: Callable[[Any], Any] | None = field(default=None, repr=False)
    about: str = field(default="", repr=False)
    holds: bool = True
    witnesses: tuple[str, ...] = field(default=(), repr=False)
    error_probability: float | None = None

    @property
    def is_statistical(self) -> bool:
        """Whether the conclusion is a statistical test."""
        return self.error_probability is not None

    def games(self) -> Any:
        """The Hypothesis strategy of games that meet the hypotheses.

        Raises `GameError` for a claim without one, ImportError without Hypothesis.
        """
        if self.make_games is None:
            raise GameError(f"{self.name} has no strategy of games: pass games=")
        from importlib import import_module
        try:
            strategies = import_module("gameanalysis.strategies")
        except ModuleNotFoundError as error:
            raise needs_hypothesis(error) from None
        return self.make_games(strategies)

    def without(self, hypothesis: Condition | str) -> Claim:
        """The claim with one hypothesis dropped; by condition or by its text."""
        text = hypothesis if isinstance(hypothesis, str) else hypothesis.text
        kept = tuple(h for h in self.hypotheses if h.text != text)
        if len(kept) == len(self.hypotheses):
            raise GameError(f"{self.name} has no hypothesis '{text}'; it has "
                            + "; ".join(f"'{h.text}'" for h in self.hypotheses))
        return replace(self, name=f"{self.name}, without '{text}'", hypotheses=kept)

    def latex(self) -> str:
        """The statement."""
        return self.statement

    def _repr_latex_(self) -> str:
        return self.statement

    def __str__(self) -> str:
        kind = "" if self.holds else " (false)"
        lines = [f"{self.name}{kind}: {self.title}", f"  {self.about.splitlines()[0]}"
                 if self.about else "", *(f"  if    {h.text}" for h in self.hypotheses),
                 f"  then  {self.conclusion.text}", f"  source: {self.source}"]
        return "\n".join(line for line in lines if line)


@dataclass(frozen=True, eq=False)
class Verdict:
    """What a claim comes to at one game and one point.

    ``ruling`` : a `Ruling`.  ``hypotheses`` : each condition's text and its `Finding`;
        those after one that is not met may be missing.  ``conclusion`` : the `Finding`, or
        None where it was not asked for.  ``local`` : the game at the point.
    """

    claim: Claim
    local: LocalGame
    ruling: Ruling
    hypotheses: Mapping[str, Finding]
    conclusion: Finding | None

    def __bool__(self) -> bool:
        """True where the claim holds, False where it is violated; otherwise raises ValueError."""
        if self.ruling in (Ruling.HOLDS, Ruling.VIOLATED):
            return self.ruling is Ruling.HOLDS
        raise ValueError(f"{self.claim.name}: {self.ruling.value}, so neither true nor false "
                         "here: compare .ruling instead")

    def require(self) -> Verdict:
        """The verdict itself; raises `GameError` unless the claim holds here."""
        if self.ruling is not Ruling.HOLDS:
            raise GameError(str(self))
        return self

    def __repr__(self) -> str:
        lines = [f"{self.claim.name}: {self.ruling.value}"]
        rows = [(text, found) for text, found in self.hypotheses.items()]
        if self.conclusion is not None:
            rows.append((f"=> {self.claim.conclusion.text}", self.conclusion))
        for text, found in rows:
            lines.append(f"  {found.truth.value:<9} {text}"
                         + (f" ({found.note})" if found.note else ""))
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        def plain(found: Finding) -> dict[str, str]:
            return {"truth": str(found.truth), "note": found.note}
        game, point = self.local
        return {"claim": self.claim.name, "ruling": self.ruling.value,
                "costs": [str(player.cost) for player in game.players],
                "point": [str(v) for v in point],
                "values": {name: str(v) for name, v in self.local.values.items()},
                "hypotheses": {t: plain(f) for t, f in self.hypotheses.items()},
                "conclusion": None if self.conclusion is None else {
                    "text": self.claim.conclusion.text, **plain(self.conclusion)}}


def needs_hypothesis(error: ModuleNotFoundError) -> ModuleNotFoundError:
    """The error to raise where a module is missing: it says how to install Hypothesis."""
    if error.name != "hypothesis":
        return error
    return ModuleNotFoundError("drawing games needs Hypothesis: pip install "
                               "'gameanalysis[falsify]', or pip install hypothesis",
                               name="hypothesis")


#: The claims that have a name everywhere; `theorems` enters them.
KNOWN: dict[str, Claim] = {}


def named(name: str) -> Claim:
    """The claim of a name.  Raises `GameError` for another one, with the nearest.

    >>> named("proposition-3")
    Claim(name='proposition-3', title='Proposition 3', holds=True, error_probability=None)
    """
    if name not in KNOWN:
        near = get_close_matches(str(name), KNOWN, n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise GameError(f"there is no claim called {name!r}{hint} "
                        "(gameanalysis.theorems.names() lists all)")
    return KNOWN[name]


def judge(claim: Claim, local: LocalGame, *, seed: int = 0, every: bool = False) -> Verdict:
    """The verdict of a claim at a game and a point.

    every : ask for all hypotheses; otherwise only up to the first that is not met.
    seed : of a statistical conclusion; equal seeds give equal verdicts.
    """
    found: dict[str, Finding] = {}
    met = Truth.YES
    for hypothesis in claim.hypotheses:
        answer = hypothesis.find(local)
        found[hypothesis.text] = answer
        met = met & answer.truth
        if met is Truth.NO and not every:
            break
    if met is Truth.NO:
        return Verdict(claim, local, Ruling.NOT_MET, found, None)
    if claim.is_statistical:
        rng = np.random.default_rng([seed, zlib.crc32(claim.name.encode())])
        end = _finding(claim.conclusion.decide(local, rng))
    else:
        end = claim.conclusion.find(local)
    if Truth.UNDECIDED in (met, end.truth):
        ruling = Ruling.UNDECIDED
    else:
        ruling = Ruling.HOLDS if end.truth is Truth.YES else Ruling.VIOLATED
    return Verdict(claim, local, ruling, found, end)


def claim(table: dict[str, Claim], name: str, title: str, *, statement: str, source: str,
          hypotheses: Sequence[Condition], then: str, games: Callable[[Any], Any] | None = None,
          holds: bool = True, witnesses: Sequence[str] = (),
          error_probability: float | None = None) -> Callable[[Decision], Decision]:
    """The decorator that enters a conclusion into a table of claims.

    The function decides the conclusion, whose sentence is ``then``; its docstring says in
    words what is claimed, and proves it.
    """
    def entered(decide: Decision) -> Decision:
        if name in table:
            raise GameError(f"there are two claims called {name}")
        table[name] = Claim(
            name=name, title=title, statement=statement, source=source,
            hypotheses=tuple(hypotheses), conclusion=Condition(then, then, decide),
            make_games=games, about=inspect.cleandoc(decide.__doc__ or ""), holds=holds,
            witnesses=tuple(witnesses), error_probability=error_probability)
        return decide
    return entered
