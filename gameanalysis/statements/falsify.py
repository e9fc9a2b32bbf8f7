r"""`falsify`: look for a game that refutes a claim, and shrink it to the simplest one.

A claim is a `Claim` or any Python function of a game and a point.  Games are drawn from a
strategy; for a fifth of them the search is steered towards the boundary, where the sign of
an eigenvalue that decides changes, by maximising

    - min over M in {J, S1(J), D11 f1, D22 f2} of min |Re spec M| / |M|.

A counterexample is replaced by simpler ones (fewer variables, fewer and smaller
coefficients, no terms of higher order) as long as they refute the claim, too.
"""

from __future__ import annotations

import inspect
import os
import pickle
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from sympy.logic.boolalg import BooleanAtom

from ..checkpoints import Checkpoint
from ..errors import GameError
from ..truth import Truth
from ..verdicts.local import LocalGame
from ..workers import NotSendable, Path, Workers, finished
from .claims import Claim, Ruling, Verdict, judge, named, needs_hypothesis
from .falsification import Falsification

__all__ = ["falsify", "ruling_of"]

Predicate = Callable[[Any, Any], Any]


def falsify(claim: Claim | str | Predicate, games: Any = None, *, examples: int = 1000,
            seed: int = 0, workers: Workers = 1, shares: int | None = None,
            shrink: bool = True, save: Path | None = None, checkpoint: Path | None = None,
            progress: Callable[[int], None] | None = None) -> Falsification:
    """Search for a counterexample to a claim, and shrink it.

    Guarantee: a counterexample refutes the claim: for a `Claim` all hypotheses are proved and
    the conclusion is proved to fail; for a function it is what the function said.  Nothing
    follows from surviving.  Equal arguments give equal results.

    Parameters
    ----------
    claim : a `Claim` or the name of one, or a function of a game and a point that returns
        whether the claim holds there, as a bool or a `Truth` (UNDECIDED counts as such), or raises
        AssertionError where it does not.  It may call ``hypothesis.assume``.
    games : a Hypothesis strategy of `LocalGame`, of pairs (game, point), or a `Claim`'s own
        if None; see `gameanalysis.strategies`.
    examples : how many games to draw, at most.
    seed : a whole number.
    workers : processes to use, or a map such as ``executor.map``.  A claim or a strategy that
        is a lambda or made in a function needs processes that fork, as on Linux.
    shares : the examples are shared out among so many searches with seeds of their own, which
        the workers run; the result depends on their number, and on nothing else.  By default
        one for each process, and 8 for a map.
    shrink : False keeps the first counterexample found, in a fraction of the time.
    save : a path to write a counterexample to.
    checkpoint : a path: shares that find no counterexample are kept there, and the same call
        goes on from them.
    progress : called with the number of games drawn since the last call: in this process
        after each game, elsewhere after each share.

    Raises `GameError` for arguments that make no sense, and what a function raises other
    than AssertionError, with a note of the simplest game that makes it do so.

    >>> from gameanalysis import strategies, theorems
    >>> general = theorems.named("proposition-3").without("zero-sum")
    >>> falsify(general, strategies.nash_games(zero_sum=False), examples=200).refuted
    True
    """
    if isinstance(claim, str):
        claim = named(claim)
    _check_claim(claim)
    strategy = _strategy(claim, games)
    if shares is None:
        shares = _SHARES if callable(workers) else workers
    for what, number in (("examples", examples), ("workers", workers), ("shares", shares)):
        if what == "workers" and callable(number):
            continue
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise GameError(f"{what} is a whole number of at least 1, not {number!r}")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise GameError(f"seed is a whole number, 0 or above, not {seed!r}")
    if save is not None and not os.path.isdir(os.path.dirname(os.fspath(save)) or os.curdir):
        raise GameError(f"cannot save to {os.fspath(save)}: there is no such folder")
    shares = min(shares, examples)
    sizes = [examples // shares + (k < examples % shares) for k in range(shares)]
    here = not callable(workers) and min(workers, shares) == 1
    search = _Search(claim, strategy, seed, shrink, progress if here else None)
    kept = None
    if checkpoint is not None:
        version = import_module("hypothesis").__version__
        task = (claim, repr(strategy), sizes, seed, shrink, version)
        kept = Checkpoint(checkpoint, _encoded, _decoded, task)
    found: list[Any] = [None] * shares
    try:
        with closing(finished(search, list(enumerate(sizes)), workers, checkpoint=kept,
                              inherit=True)) as source:
            try:
                for k, outcome in source:
                    # What was not sent is found again here, an error with its traceback.
                    found[k] = outcome.result() or search.hunt(k, sizes[k]).run(quiet=True)
                    if progress is not None and not (here and outcome.is_new):
                        progress(found[k].n_examples)
            except KeyboardInterrupt as stop:
                source.throw(stop)          # it says what is kept
    except NotSendable as error:
        raise GameError(str(error)) from None
    out = _merged(_name(claim), seed, found)
    if save is not None and out.refuted:
        try:
            out.save(save)
        except (GameError, OSError) as error:
            error.add_note(repr(out))       # the search is not lost
            raise
    return out


def _check_claim(claim: Any) -> None:
    if isinstance(claim, Claim):
        return
    if not callable(claim):
        raise GameError(f"a claim is a Claim, the name of one, or a function of a game and a "
                        f"point, not {claim!r}")
    try:
        inspect.signature(claim).bind(None, None)
    except TypeError as error:
        raise GameError(f"a claim is called with a game and a point, and {_name(claim)} "
                        f"cannot be: {error}") from None
    except ValueError:                      # a function that does not tell
        pass


def _strategy(claim: Any, games: Any) -> Any:
    try:
        from ..families.engine import is_strategy
    except ModuleNotFoundError as error:
        raise needs_hypothesis(error) from None
    if games is None:
        if not isinstance(claim, Claim):
            raise GameError("a function needs games=: a strategy such as "
                            "gameanalysis.strategies.stackelberg_games()")
        return claim.games()
    if not is_strategy(games):
        call = "; call it" if callable(games) else ""
        raise GameError(f"games is a Hypothesis strategy, not {games!r}{call}")
    return games


def _name(claim: Any) -> str:
    return claim.name if isinstance(claim, Claim) else getattr(claim, "__name__", repr(claim))


#: So many searches share the examples where the number of workers is not known.
_SHARES = 8
#: One example in so many is sought near the boundary.
_STEERED = 5
#: A simpler counterexample is sought so often, among so many games each time.
_ROUNDS, _TRIES = 4, 200


class _Refuted(Exception):
    """The claim fails at this game."""


class _Hunt:
    """One run of Hypothesis, and what it counts."""

    def __init__(self, claim: Any, strategy: Any, examples: int, seed: int, worker: int,
                 shrink: bool, progress: Callable[[int], None] | None) -> None:
        self.claim, self.strategy, self.progress = claim, strategy, progress
        self.examples, self.seed, self.worker, self.shrink = examples, seed, worker, shrink
        self._reset()

    def _reset(self) -> None:
        self.rulings: Counter[Ruling] = Counter()
        self.spread: Counter[Any] = Counter()
        self.n_examples = self.n_rejected = 0
        self.failed = False
        self.found: LocalGame | None = None
        self.reason = ""

    def run(self, quiet: bool = False) -> _Hunt:
        """Search; raises what a predicate raises.  quiet : these games were counted before."""
        if quiet:
            self.progress = None
        from ..families import engine
        self.engine = engine
        self._reset()
        seed, steered = self.seed + 1_000_003 * self.worker, self.examples // _STEERED
        error, self.n_rejected = engine.run(
            self.strategy, self._test, examples=self.examples - steered, seed=seed,
            shrink=self.shrink)
        if error is None and steered:
            error, _ = engine.run(self.strategy, self._test, examples=steered, seed=seed + 1,
                                  steered=True, shrink=self.shrink)
        problems = engine.hypothesis.errors
        if isinstance(error, problems.Unsatisfiable):
            if not self.n_examples:
                raise GameError(f"{_name(self.claim)}: all {self.n_rejected} games were given up; "
                                f"the strategy, or assume in the claim, rejects too much")
        elif error is None:
            pass
        elif not isinstance(error, _Refuted):
            if isinstance(error, problems.Flaky):
                raise GameError(f"{_name(self.claim)} does not always say the same of the same "
                                f"game: {self.found!r}") from None
            if self.found is not None:
                error.add_note(f"raised by the claim {_name(self.claim)} for {self.found!r}")
            raise error
        elif self.shrink:
            self._simplify(seed + 2)
        return self

    def _simplify(self, seed: int) -> None:
        """Draw again, for games that refute the claim and are simpler than the one found.

        Hypothesis changes a few choices at a time, and a game with a variable too many may be
        one that it cannot get away from.
        """
        for k in range(_ROUNDS):
            known, reason = self.found, self.reason
            assert known is not None
            bound = _size(known)

            def simpler(example: Any) -> None:
                local = _local(example)
                if _size(local) < bound:
                    self._test(local)

            error, _ = self.engine.run(self.strategy, simpler, examples=_TRIES, seed=seed + k)
            if not isinstance(error, _Refuted):
                self.found, self.reason = known, reason
                return

    def __getstate__(self) -> dict[str, Any]:
        kept = dict(self.__dict__)
        for name in ("claim", "strategy", "progress", "engine"):
            kept.pop(name, None)
        if self.found is not None:          # without what was worked out about it
            kept["found"] = self.found.with_matrices(self.found._kind)
        return kept

    def _test(self, example: Any) -> None:
        local = _local(example)
        try:
            ruling, reason = ruling_of(self.claim, local, seed=self.seed)
        except self.engine.REJECTED:
            raise
        except Exception:
            self.failed, self.found = True, local
            raise
        if not self.failed:
            self.n_examples += 1
            self.rulings[ruling] += 1
            self.spread[local.sizes, local.label] += 1
            if self.progress is not None:
                self.progress(1)
        if ruling is Ruling.VIOLATED:
            self.failed, self.found, self.reason = True, local, reason
            raise _Refuted
        if not self.failed and local.matrices is not None:
            try:
                near = -_distance(local)
            except OverflowError:           # an entry beyond 1e308
                return
            self.engine.target(near, label="towards the boundary")


def ruling_of(claim: Claim | Predicate, local: LocalGame, *, seed: int = 0
              ) -> tuple[Ruling, str]:
    """What a claim or a predicate says of one game at its point, and why if it fails.

    Raises `GameError` for an answer that is none, and what a predicate raises other than
    AssertionError.

    >>> from gameanalysis import PolynomialFamily
    >>> local = PolynomialFamily((1, 1), degrees=(2,)).at([1, 0, -1])
    >>> ruling_of(lambda game, point: not game.is_zero_sum, local)
    (<Ruling.VIOLATED: 'violated'>, 'the claim says False')
    """
    if isinstance(claim, Claim):
        verdict = judge(claim, local, seed=seed)
        return verdict.ruling, _reason(verdict)
    try:
        answer = claim(*local)
    except AssertionError as error:
        text = str(error).partition("\n")[0]
        return Ruling.VIOLATED, f"an assertion of the claim fails{': ' * bool(text)}{text}"
    if isinstance(answer, Verdict):
        return answer.ruling, _reason(answer)
    if answer is Truth.UNDECIDED:
        return Ruling.UNDECIDED, ""
    if answer is not None and not isinstance(answer, (bool, np.bool_, Truth, BooleanAtom)):
        raise GameError(f"a claim answers with a bool, a Truth, a Verdict or None, "
                        f"not {answer!r}")
    if answer is None or answer:
        return Ruling.HOLDS, ""
    return Ruling.VIOLATED, "the claim says False"


def _reason(verdict: Verdict) -> str:
    end = verdict.conclusion
    if verdict.ruling is not Ruling.VIOLATED:
        return ""
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
        n_examples=sum(hunt.n_examples for hunt in hunts),
        n_rejected=sum(hunt.n_rejected for hunt in hunts),
        rulings=dict(rulings), spread=dict(spread.most_common()), seed=seed)


def _size(local: LocalGame | None) -> tuple[int, int, int]:
    """How complicated a game is: its variables, then its terms, then their digits."""
    assert local is not None
    return (local.n, *local.written_size)


# -- shares --------------------------------------------------------------------------------

@dataclass
class _Search:
    """The function from (number, examples) of a share to its outcome."""

    claim: Any
    strategy: Any
    seed: int
    shrink: bool
    progress: Callable[[int], None] | None

    def hunt(self, k: int, examples: int) -> _Hunt:
        return _Hunt(self.claim, self.strategy, examples, self.seed, k, self.shrink,
                     self.progress)

    def __call__(self, share: tuple[int, int]) -> _Outcome:
        try:
            return _Outcome(self.hunt(*share).run())
        except Exception as error:
            return _Outcome(None, error)


class _Outcome:
    """A finished hunt or an error; on its way to another process, the hunt or nothing.

    Games and errors may be of a kind that cannot be sent.
    """

    def __init__(self, hunt: _Hunt | None, error: Exception | None = None,
                 is_new: bool = True) -> None:
        self._hunt, self._error, self.is_new = hunt, error, is_new

    def result(self) -> _Hunt | None:
        """The hunt, None if it was not sent; raises the error."""
        if self._error is not None:
            raise self._error
        return self._hunt

    def __reduce__(self) -> tuple[Any, ...]:
        try:
            sent = pickle.dumps(self._hunt)
            pickle.loads(sent)
        except Exception:
            sent = pickle.dumps(None)
        return _received, (sent,)


def _received(sent: bytes) -> _Outcome:
    return _Outcome(pickle.loads(sent))


def _encoded(outcome: _Outcome) -> Any:
    """What a checkpoint keeps of a share; None, nothing, where there is a game to show."""
    try:
        hunt = outcome.result()
    except Exception:
        return None
    if hunt is None or hunt.found is not None:
        return None
    return [hunt.n_examples, hunt.n_rejected, [[r.name, n] for r, n in hunt.rulings.items()],
            [[list(sizes), label, n] for (sizes, label), n in hunt.spread.items()]]


def _decoded(data: Any) -> _Outcome:
    hunt = _Hunt(None, None, 0, 0, 0, False, None)
    hunt.n_examples, hunt.n_rejected, rulings, spread = data
    hunt.rulings = Counter({Ruling[name]: n for name, n in rulings})
    hunt.spread = Counter({(tuple(sizes), label): n for sizes, label, n in spread})
    return _Outcome(hunt, is_new=False)
