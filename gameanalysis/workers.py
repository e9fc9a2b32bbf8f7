r"""Work in parallel: results in the order of the items, whoever computes them.

    map_ordered(f, [a, b, c], workers) = [f(a), f(b), f(c)]

bit for bit, for one process or many, here or elsewhere: each item is one call of f, whatever
the workers, and nothing is summed in the order in which results arrive.

``workers`` is a number of processes, or any callable like `map`: ``pool.map`` of
`multiprocessing` or of MPI pools, ``executor.map`` of `concurrent.futures`, or a cluster
client's ``map``, whose results are futures.  With processes of our own, one that dies in the
middle (killed, out of memory) costs no more than the items it was working on: they are done
again.  An item whose worker has died twice runs alone, so that the third time it is known
to be the item.

With a checkpoint (`checkpoints`) every result is kept on disk as soon as it is there.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import (FIRST_COMPLETED, BrokenExecutor, CancelledError, Future,
                                ProcessPoolExecutor, wait)
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager, suppress
from typing import Any

from .checkpoints import Checkpoint, Kept

__all__ = ["NotSendable", "Path", "WorkerError", "Workers", "checked_workers", "finished",
           "map_ordered"]

#: What ``workers`` may be: a number of processes, or a map.
Workers = int | Callable[..., Iterable[Any]]
Path = str | os.PathLike[str]
Keep = Callable[[int, Any], None]

#: An item whose worker died so often is run alone, and the next time is given up.
_STRIKES = 2


class WorkerError(RuntimeError):
    """Work in other processes failed in a way that is not an error of the work itself."""


class NotSendable(TypeError):
    """A function or an item cannot be sent to another process."""


def map_ordered(function: Callable[[Any], Any], items: Iterable[Any], workers: Workers = 1, *,
                checkpoint: Path | Checkpoint | None = None,
                progress: Callable[[int], object] | None = None) -> list[Any]:
    """The results of a function for each item, in order, computed in parallel.

    Guarantee: the list is the same for all ``workers``.  With a number of processes, one
    that dies loses nothing; what a checkpoint holds is never computed again.

    Parameters
    ----------
    function : of one item.  For processes it must be picklable, except where they can fork.
    items : any iterable.
    workers : how many processes (1 is this one), or a map such as ``executor.map`` or the
        ``map`` of a cluster's client.
    checkpoint : a path, or a `Checkpoint` that says how results are written as JSON.
    progress : called with the number of items that are newly finished, those that the
        checkpoint holds included, so that the numbers add up to that of the items.

    Raises what the function raises; `ValueError` or `TypeError` for workers that are none,
    `CheckpointError` for a file of another task, `WorkerError` for an item whose process
    dies three times.  With a checkpoint, errors and Ctrl-C carry a note on what is kept.

    >>> map_ordered(abs, [-2, 1, -3])
    [2, 1, 3]
    """
    items = list(items)
    results: list[Any] = [None] * len(items)
    with closing(finished(function, items, workers, checkpoint=checkpoint)) as found:
        try:
            for k, result in found:
                results[k] = result
                if progress is not None:
                    progress(1)
        except KeyboardInterrupt as stop:
            found.throw(stop)               # it keeps what is there, and says so
    return results


def finished(function: Callable[[Any], Any], items: Sequence[Any], workers: Workers = 1, *,
             checkpoint: Path | Checkpoint | None = None, inherit: bool = False
             ) -> Generator[tuple[int, Any], None, None]:
    """The results of `map_ordered` as they come: pairs (number of the item, result).

    Those that a checkpoint holds come first.  Close the iterator, with `contextlib.closing`,
    to end the workers early: results that are there by then are still kept.  With ``inherit``
    processes fork where they can, and inherit the function and the items, as they always do
    where these cannot be sent.
    """
    checked_workers(workers)
    if checkpoint is None:
        yield from _computed(function, items, list(range(len(items))), workers, None, inherit)
        return
    if not isinstance(checkpoint, Checkpoint):
        checkpoint = Checkpoint(checkpoint)
    kept = checkpoint.open(function, items)
    try:
        yield from sorted(kept.results.items())
        todo = [k for k in range(len(items)) if k not in kept.results]
        yield from _computed(function, items, todo, workers, kept, inherit)
    finally:
        kept.close()


def checked_workers(workers: Any) -> Workers:
    """The workers, if they are a number of processes or callable like `map`."""
    if callable(workers):
        return workers
    if isinstance(workers, bool) or not hasattr(workers, "__index__"):
        raise TypeError(f"workers is a number of processes or a map such as executor.map, not "
                        f"{workers!r}")
    if workers.__index__() < 1:
        raise ValueError(f"workers is a number of processes, at least 1, not {workers!r}")
    return int(workers.__index__())


def _computed(function: Callable[[Any], Any], items: Sequence[Any], todo: list[int],
              workers: Workers, kept: Kept | None, inherit: bool
              ) -> Generator[tuple[int, Any], None, None]:
    """The results still to be computed, each kept before it is handed on."""
    done = len(items) - len(todo)

    def keep(k: int, result: Any) -> None:
        nonlocal done
        done += kept is None or kept.keep(k, result)

    if callable(workers):
        source = _over_map(function, items, todo, workers, keep)
    elif min(workers, len(todo)) <= 1:
        source = ((k, function(items[k])) for k in todo)
    else:
        source = _over_processes(function, items, todo, min(workers, len(todo)), keep, inherit)
    try:
        with closing(source):
            for k, result in source:
                keep(k, result)
                yield k, result
    except GeneratorExit:
        raise
    except BaseException as error:
        if kept is not None:
            error.add_note(f"{done} of {len(items)} results are kept in {kept.path}: the same "
                           f"call goes on from them")
        elif isinstance(error, (KeyboardInterrupt, BrokenExecutor)):
            error.add_note(f"{done} of {len(items)} results were there, and none is kept: with "
                           f"checkpoint=PATH the same call would go on from them")
        raise


# -- a map of the caller's ---------------------------------------------------------------------

def _over_map(function: Callable[[Any], Any], items: Sequence[Any], todo: list[int],
              mapping: Callable[..., Iterable[Any]], keep: Keep
              ) -> Generator[tuple[int, Any], None, None]:
    results = mapping(function, [items[k] for k in todo])
    try:
        source, left = iter(results), deque(todo)
    except TypeError:
        raise WorkerError(f"the map that workers= is gave no results to go through, but "
                          f"{results!r}") from None
    try:
        while left:
            try:
                result = next(source)
            except StopIteration:
                raise WorkerError(f"the map that workers= is gave {len(todo) - len(left)} "
                                  f"results for {len(todo)} items") from None
            result = result.result() if _is_future(result) else result
            yield left.popleft(), result
    except BaseException:
        if isinstance(results, Sequence):
            for k, future in zip(todo[-len(left):] if left else (), results[-len(left):]):
                if _is_future(future) and future.done():
                    with suppress(Exception, CancelledError):
                        keep(k, future.result())
        raise
    finally:
        if isinstance(results, Sequence):
            for future in results:
                if _is_future(future) and not future.done():
                    future.cancel()
        elif hasattr(results, "close"):     # a generator over futures cancels what it can
            results.close()


def _is_future(value: Any) -> bool:
    return all(callable(getattr(value, name, None)) for name in ("result", "done", "cancel"))


# -- processes of our own ------------------------------------------------------------------------

def _over_processes(function: Callable[[Any], Any], items: Sequence[Any], todo: list[int],
                    count: int, keep: Keep, inherit: bool
                    ) -> Generator[tuple[int, Any], None, None]:
    context, setup = _start(function, items, inherit)
    waiting, strikes = deque(todo), Counter[int]()
    while waiting:
        pool = ProcessPoolExecutor(count, context, _begin, setup)
        flying: dict[Future[bytes], int] = {}
        try:
            while waiting or flying:
                while waiting and _may_join(waiting[0], flying, strikes, count):
                    k = waiting[0]
                    item = items[k] if setup[1] is None else None
                    with _interrupts_held():
                        flying[pool.submit(_one, k, item)] = waiting.popleft()
                ready, _ = wait(flying, return_when=FIRST_COMPLETED)
                for future in sorted(ready, key=flying.__getitem__):
                    result = pickle.loads(future.result())
                    yield flying.pop(future), result
            pool.shutdown()
        except BrokenProcessPool:
            yield from _landed(flying)
            for k in sorted(flying.values(), reverse=True):
                strikes[k] += 1
                if strikes[k] > _STRIKES:
                    raise WorkerError(_given_up(k, items[k])) from None
                waiting.appendleft(k)
        except BaseException:
            for k, result in _landed(flying):
                keep(k, result)
            raise
        finally:
            _end(pool)


def _may_join(k: int, flying: dict[Any, int], strikes: Counter[int], count: int) -> bool:
    """Whether an item may start now; one that is suspected of killing its worker goes alone."""
    alone = any(strikes[each] >= _STRIKES for each in (k, *flying.values()))
    return len(flying) <= (0 if alone else count)


def _landed(flying: dict[Future[bytes], int]) -> Iterator[tuple[int, Any]]:
    """What was finished when the work broke off, taken out of those in flight."""
    for future in list(flying):
        if future.done() and not future.cancelled() and future.exception() is None:
            yield flying.pop(future), pickle.loads(future.result())


def _given_up(k: int, item: Any) -> str:
    text = repr(item)
    text = text if len(text) <= 100 else text[:97] + "..."
    return (f"the process that worked on item {k}, {text}, died three times: it crashes there, "
            f"or is killed for want of memory.  (If no process gets to work at all: a script "
            f"calls from under \"if __name__ == '__main__':\")")


def _start(function: Any, items: Sequence[Any], inherit: bool) -> tuple[Any, tuple[Any, Any]]:
    """How processes start, and what each is told: the function, and the items if inherited.

    Fresh processes are safer than copies of one that has threads, and the same everywhere.
    """
    forks = "fork" in multiprocessing.get_all_start_methods()
    if not (inherit and forks):
        try:
            sent = pickle.dumps(function)
            pickle.dumps(items[0])
            return multiprocessing.get_context("spawn"), (sent, None)
        except Exception as error:
            if not forks:
                raise NotSendable(
                    f"this cannot be sent to another process ({error}), and the system has no "
                    f"processes that fork: define it at the top of a module, or leave "
                    f"workers=1") from None
    return multiprocessing.get_context("fork"), (function, items)


#: In a worker: the function, or its pickle; and the items, if they were inherited.
_told: list[Any] = []


def _begin(function: Any, items: Any) -> None:
    """A worker starts: it leaves Ctrl-C to its parent, and does not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_watch, daemon=True).start()
    _told[:] = function, items


def _watch() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _one(k: int, item: Any) -> bytes:
    """The pickled result of one item."""
    function, items = _told
    if isinstance(function, bytes):
        function = _told[0] = pickle.loads(function)
    try:
        return pickle.dumps(function(item if items is None else items[k]))
    except Exception as error:
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:
            raise WorkerError("".join(traceback.format_exception(error))) from None
        raise


def _end(pool: ProcessPoolExecutor) -> None:
    """End the processes of a pool, at once."""
    # There is no public way before Python 3.14; the processes of a pool shut down are gone.
    for process in list((getattr(pool, "_processes", None) or {}).values()):
        process.kill()
    pool.shutdown(cancel_futures=True)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C waits, and processes that start here do not see it."""
    if not hasattr(signal, "pthread_sigmask"):      # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
