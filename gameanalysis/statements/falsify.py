r"""`falsify`: look for a game that refutes a claim, and shrink it to the simplest one.

A claim is a `Claim` or any Python function of a game and a point.  Games are drawn from a
strategy; the search is steered towards the boundary, where the sign of some eigenvalue that
decides changes, by maximising

    - min over M in {J, S1(J), D11 f1, D22 f2} of min |Re spec M| / |M|.

A counterexample is replaced by simpler ones (fewer variables, fewer and smaller
coefficients, no terms of higher order) as long as they refute the claim, too.
"""

from __future__ import annotations

import multiprocessing
import os
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from .. import parsing
from ..errors import GameError, ParseError
from ..truth import Truth
from ..verdicts.local import LocalGame
from .claims import Claim, Ruling, Verdict, judge

__all__ = ["Falsification", "counterexample", "falsify"]

Predicate = Callable[[Any, Any], Any]


@dataclass(frozen=True, eq=False)
class Falsification:
    """What a search for a counterexample found.

    ``claim`` : its name.  ``counterexample`` : the simplest refuting `LocalGame` found, a
        pair (game, point), or None.  ``reason`` : how it refutes the claim.
    ``n_examples`` : games drawn before one refuted the claim, or in all; ``n_rejected``: those
        of them that the strategy or the claim gave up.
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

    @property
    def rejected(self) -> float:
        """The share of examples that were given up."""
        return self.n_rejected / max(1, self.n_examples)

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
        met = ", ".join(f"{self.rulings.get(r, 0)} {r.value}" for r in Ruling
                        if self.rulings.get(r, 0) and r is not Ruling.VIOLATED)
        if self.counterexample is None:
            sizes = ", ".join(f"{'+'.join(map(str, s))}: {k}" for s, k in self.by_size().items())
            classes = ", ".join(f"{name}: {k}" for name, k in self.by_class().items())
            return "\n".join([
                f"{self.claim}: survived {self.n_examples} games (seed {self.seed})",
                f"  {met}; {self.n_rejected} given up", f"  sizes: {sizes}",
                f"  classes: {classes}"])
        game, point = self.counterexample
        lines = [f"{self.claim}: refuted after {self.n_examples} games (seed {self.seed}), "
                 f"by a game shrunk to"]
        for number, player in enumerate(game.players, 1):
            actions = ", ".join(map(str, player.actions))
            lines.append(f"  player {number} ({actions}): minimise {player.cost}")
        at = ", ".join(f"{v} = {p}" for v, p in zip(game.variables, point))
        more = "".join(f", {k} = {v}" for k, v in self.counterexample.values.items())
        return "\n".join([*lines, f"  at {at}{more}", f"  {self.reason}"])

    def latex(self) -> str:
        """The counterexample as LaTeX, or a sentence."""
        if self.counterexample is None:
            return rf"\text{{{self.claim}: survived {self.n_examples} games}}"
        return self.counterexample.latex()

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        found = self.counterexample
        return {
            "claim": self.claim, "refuted": self.refuted, "reason": self.reason or None,
            "counterexample": None if found is None else {
                "costs": [str(p.cost) for p in found.game.players],
                "actions": [[a.name for a in p.actions] for p in found.game.players],
                "point": [str(v) for v in found.point],
                "values": {k: str(v) for k, v in found.values.items()}},
            "n_examples": self.n_examples, "n_rejected": self.n_rejected, "seed": self.seed,
            "rulings": {r.value: k for r, k in self.rulings.items()},
            "spread": [{"sizes": list(sizes), "class": label, "games": k}
                       for (sizes, label), k in self.spread.items()]}

    def to_toml(self) -> str:
        """The counterexample as a game file, which `counterexample` reads back.

        Raises `GameError` if there is none.
        """
        if self.counterexample is None:
            raise GameError(f"{self.claim} survived: there is no counterexample to save")
        game, point = self.counterexample
        lines = []
        for player in game.players:
            actions = ", ".join(f'"{a.name}"' for a in player.actions)
            lines += ["[[player]]", f"actions = [{actions}]", f'cost = "{player.cost}"', ""]
        if game.parameters:
            lines += ["[parameters]",
                      *(f'{s.name} = "{v}"' for s, v in game.parameters.items()), ""]
        at = ", ".join(f'"{v}"' for v in point)
        values = ", ".join(f'{k} = "{v}"' for k, v in self.counterexample.values.items())
        claim = "".join(c if c.isprintable() and c not in '"\\' else "?" for c in self.claim)
        return "\n".join([*lines, "[counterexample]", f'claim = "{claim}"', f"point = [{at}]",
                          f"values = {{{values}}}", f"seed = {self.seed}", ""])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write `to_toml` to a file."""
        text = self.to_toml()
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


def counterexample(path: str | os.PathLike[str]) -> tuple[str, LocalGame]:
    """The claim's name and the game at its point, from a file that `Falsification.save` wrote.

    The file is a game file as well, for ``gameanalysis analyze``.  Nothing in it is executed.
    Raises `ParseError` for a file that is not one.
    """
    game = parsing.load(path)
    with open(path, "rb") as file:
        table: Any = tomllib.load(file).get("counterexample")
    try:
        name, at, values = table["claim"], table["point"], table["values"]
        point = [parsing.expression(str(text), []) for text in at]
        read = {str(k): parsing.expression(str(v), []) for k, v in values.items()}
        return str(name), LocalGame(game, point, read)
    except (TypeError, KeyError, AttributeError):
        raise ParseError(f"{path}: there is no [counterexample] table with a claim, a point "
                         f"and values") from None


def falsify(claim: Claim | Predicate, games: Any = None, *, examples: int = 1000, seed: int = 0,
            workers: int = 1, save: str | os.PathLike[str] | None = None,
            progress: Callable[[int], None] | None = None) -> Falsification:
    """Search for a counterexample to a claim, and shrink it.

    Guarantee: a counterexample refutes the claim: for a `Claim` all hypotheses are proved and
    the conclusion is proved to fail; for a function it is what the function said.  Nothing
    follows from surviving.  Equal arguments give equal results.

    Parameters
    ----------
    claim : a `Claim`, or a function of a game and a point that returns whether the claim
        holds there, as a bool or a `Truth` (UNDECIDED counts as such), or raises
        AssertionError where it does not.  It may call ``hypothesis.assume``.
    games : a Hypothesis strategy of `LocalGame`, of pairs (game, point), or a `Claim`'s own
        if None; see `gameanalysis.strategies`.
    examples : how many games to draw, at most.
    seed : a whole number.
    workers : so many processes share the examples, each with a seed of its own; so the
        result depends on their number.  Needs processes that fork, as on Linux.
    save : a path to write a counterexample to.
    progress : called with the number of games drawn since the last call.

    Raises `GameError` for arguments that make no sense, and what a function raises other
    than AssertionError, with a note of the simplest game that makes it do so.

    >>> from gameanalysis import strategies, theorems
    >>> claim = theorems.named("false-nash-is-stackelberg")
    >>> falsify(claim, examples=200).counterexample.label      # doctest: +SKIP
    'DNE stable'
    """
    strategy = _strategy(claim, games)
    if not callable(claim) and not isinstance(claim, Claim):
        raise GameError(f"a claim is a Claim or a function of a game and a point, not {claim!r}")
    for what, number in (("examples", examples), ("workers", workers)):
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise GameError(f"{what} is a whole number of at least 1, not {number!r}")
    workers = min(workers, examples)
    shares = [examples // workers + (k < examples % workers) for k in range(workers)]
    hunts = [_Hunt(claim, strategy, share, seed + 1_000_003 * k if k else seed, progress)
             for k, share in enumerate(shares)]
    if workers == 1:
        found = [hunts[0].run()]
    else:
        found = _forked(hunts)
    out = _merged(_name(claim), seed, found)
    if save is not None and out.refuted:
        out.save(save)
    return out


def _strategy(claim: Any, games: Any) -> Any:
    from ..families.engine import is_strategy
    if games is None:
        if not isinstance(claim, Claim):
            raise GameError("a function needs games=: a strategy such as "
                            "gameanalysis.strategies.stackelberg_games()")
        return claim.games()
    if not is_strategy(games):
        raise GameError(f"games is a Hypothesis strategy, not {games!r}")
    return games


def _name(claim: Any) -> str:
    return claim.name if isinstance(claim, Claim) else getattr(claim, "__name__", repr(claim))


class _Refuted(Exception):
    """The claim fails at this game."""


class _Hunt:
    """One run of Hypothesis, and what it counts."""

    def __init__(self, claim: Any, strategy: Any, examples: int, seed: int,
                 progress: Callable[[int], None] | None) -> None:
        self.claim, self.strategy, self.progress = claim, strategy, progress
        self.examples, self.seed = examples, seed
        self.rulings: Counter[Ruling] = Counter()
        self.spread: Counter[Any] = Counter()
        self.started = self.finished = 0
        self.failed = False
        self.found: LocalGame | None = None
        self.reason = ""

    def run(self) -> _Hunt:
        """Search; raises what a predicate raises."""
        from ..families import engine
        self.engine = engine
        error = engine.run(self.strategy, self._test, examples=self.examples, seed=self.seed,
                           drawn=self._drawn)
        if error is not None and not isinstance(error, _Refuted):
            if self.found is not None:
                error.add_note(f"raised by the claim {_name(self.claim)} for {self.found!r}")
            raise error
        return self

    def __getstate__(self) -> dict[str, Any]:
        kept = dict(self.__dict__)
        for name in ("claim", "strategy", "progress", "engine"):
            kept.pop(name, None)
        return kept

    def _drawn(self) -> None:
        if not self.failed:
            self.started += 1

    def _test(self, example: Any) -> None:
        local = _local(example)
        try:
            ruling, reason = self._judged(local)
        except self.engine.REJECTED:
            raise
        except Exception:
            self.failed, self.found = True, local
            raise
        if not self.failed:
            self.finished += 1
            self.rulings[ruling] += 1
            self.spread[local.sizes, local.label] += 1
            if self.progress is not None:
                self.progress(1)
        if ruling is Ruling.VIOLATED:
            self.failed, self.found, self.reason = True, local, reason
            raise _Refuted
        if not self.failed and local.matrices is not None:
            self.engine.target(-_distance(local), label="towards the boundary")

    def _judged(self, local: LocalGame) -> tuple[Ruling, str]:
        if isinstance(self.claim, Claim):
            verdict = judge(self.claim, local, seed=self.seed)
            return verdict.ruling, _reason(verdict)
        try:
            answer = self.claim(*local)
        except AssertionError as error:
            text = str(error).partition("\n")[0]
            return Ruling.VIOLATED, f"an assertion of the claim fails{': ' * bool(text)}{text}"
        if isinstance(answer, Truth):
            answer = {Truth.YES: True, Truth.NO: False}.get(answer)
            if answer is None:
                return Ruling.UNDECIDED, ""
        elif isinstance(answer, Verdict):
            return answer.ruling, _reason(answer)
        if answer is not None and not isinstance(answer, (bool, np.bool_)):
            raise GameError(f"a claim answers with a bool, a Truth, a Verdict or None, "
                            f"not {answer!r}")
        holds = answer is None or bool(answer)
        return (Ruling.HOLDS if holds else Ruling.VIOLATED), "the claim says False"


def _reason(verdict: Verdict) -> str:
    end = verdict.conclusion
    note = f" ({end.note})" if end is not None and end.note else ""
    return f"the hypotheses are met, and this fails: {verdict.claim.conclusion.text}{note}"


def _local(example: Any) -> LocalGame:
    if isinstance(example, LocalGame):
        return example
    try:
        game, point = example
    except (TypeError, ValueError):
        raise GameError(f"the strategy is to draw a LocalGame or a pair (game, point), "
                        f"not {example!r}") from None
    return LocalGame(game, point)


def _distance(local: LocalGame) -> float:
    """How far the nearest eigenvalue that decides is from the boundary, relative, in floats."""
    m = local.matrices
    assert m is not None and local.jet is not None
    least = 1.0
    schur = m.floats(local.jet.scale)[2]
    for matrix in (m.jacobian, schur, *m.own_hessians()):
        a = np.array(matrix, dtype=float)
        size = float(np.abs(a).max(initial=0.0))
        if np.isfinite(a).all() and size:
            least = min(least, float(np.abs(np.linalg.eigvals(a / size).real).min()))
    return least


def _merged(name: str, seed: int, hunts: list[_Hunt]) -> Falsification:
    rulings: Counter[Ruling] = Counter()
    spread: Counter[Any] = Counter()
    for hunt in hunts:
        rulings += hunt.rulings
        spread += hunt.spread
    found = [hunt for hunt in hunts if hunt.found is not None]
    best = min(found, key=lambda hunt: _size(hunt.found), default=None)
    return Falsification(
        claim=name, counterexample=None if best is None else best.found,
        reason="" if best is None else best.reason,
        n_examples=sum(hunt.started for hunt in hunts),
        n_rejected=sum(hunt.started - hunt.finished for hunt in hunts),
        rulings=dict(rulings), spread=dict(spread.most_common()), seed=seed)


def _size(local: LocalGame | None) -> tuple[int, int, int]:
    """Variables, then terms, then the length of the formulas."""
    assert local is not None
    costs = [player.cost for player in local.game.players]
    return (local.n, sum(len(sp.Add.make_args(cost)) for cost in costs),
            sum(len(str(cost)) for cost in costs))


#: What forked processes inherit: claims and strategies are closures, which do not pickle.
_hunts: list[_Hunt] = []


def _run_inherited(k: int) -> _Hunt:
    return _hunts[k].run()


def _forked(hunts: list[_Hunt]) -> list[_Hunt]:
    if "fork" not in multiprocessing.get_all_start_methods():
        raise GameError("workers > 1 needs processes that fork, which this system does not "
                        "have: leave workers=1")
    _hunts[:] = hunts
    try:
        with multiprocessing.get_context("fork").Pool(len(hunts)) as pool:
            return pool.map(_run_inherited, range(len(hunts)), chunksize=1)
    finally:
        _hunts.clear()
