"""Work in parallel: order, deaths of workers, checkpoints, interrupts; and Dask."""

import concurrent.futures
import json
import math
import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

from gameanalysis import catalog
from gameanalysis.checkpoints import Checkpoint, CheckpointError, fingerprint
from gameanalysis.workers import NotSendable, WorkerError, finished, map_ordered

ROOT = Path(__file__).resolve().parent.parent
ITEMS = [0.1, -0.0, 5e-324, math.pi, 1e308, 1/3]


#: What was computed in this process; a global, since a fingerprint sees what closures hold.
CALLS = []


@pytest.fixture(autouse=True)
def no_calls():
    CALLS.clear()


def third(x):
    return x / 3


def futures_of(executor):
    """A map that gives a list of futures, as a cluster's client does."""
    return lambda function, items: [executor.submit(function, item) for item in items]


def calls_in(folder):
    return sorted(int(path.name.split("-")[0]) for path in folder.iterdir())


def recording(folder, then=lambda k: None):
    """A function that leaves a file for each call."""
    def work(k):
        (folder / f"{k}-{os.getpid()}-{time.monotonic_ns()}").touch()
        then(k)
        return k / 7
    return work


# -- order and workers ---------------------------------------------------------------------

def test_results_are_those_of_a_loop_whatever_the_workers():
    expected = [third(x).hex() for x in ITEMS]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        for workers in (1, 2, map, pool.map, futures_of(pool)):
            told = []
            found = map_ordered(third, iter(ITEMS), workers, progress=told.append)
            assert [x.hex() for x in found] == expected
            assert sum(told) == len(ITEMS)
    assert map_ordered(third, [], 4) == []


def test_slow_items_do_not_change_the_order():
    def slow(k):
        time.sleep(0.03 * (k % 3 == 0))
        return k * k
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for workers in (3, pool.map, futures_of(pool)):
            assert map_ordered(slow, range(10), workers) == [k * k for k in range(10)]


def test_a_lambda_is_inherited_where_processes_fork():
    shift = 10
    assert map_ordered(lambda x: (x + shift, os.getpid() != parent), [1, 2, 3], 2) == [
        (11, True), (12, True), (13, True)]


parent = os.getpid()


def test_without_forks_what_cannot_be_sent_is_said(monkeypatch):
    monkeypatch.setattr("multiprocessing.get_all_start_methods", lambda: ["spawn"])
    with pytest.raises(NotSendable, match="top of a module, or leave workers=1"):
        map_ordered(lambda x: x, [1, 2], 2)


def test_processes_are_started_outside_the_main_thread_too():
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        found = thread.submit(map_ordered, lambda x: -x, [1, 2, 3], 2)
        assert found.result(timeout=60) == [-1, -2, -3]


@pytest.mark.parametrize("workers, error", [(0, ValueError), (-2, ValueError), (1.0, TypeError),
                                            (True, TypeError), ("two", TypeError)])
def test_workers_that_are_none(workers, error):
    with pytest.raises(error, match="workers"):
        map_ordered(third, [1], workers)


def test_a_map_that_loses_results_is_found_out():
    with pytest.raises(WorkerError, match="2 results for 3 items"):
        map_ordered(third, [1, 2, 3], lambda function, items: map(function, items[:2]))


def test_errors_of_the_function_come_through():
    def fails(k):
        return 1 // (k - 2)
    for workers in (1, 2):
        with pytest.raises(ZeroDivisionError):
            map_ordered(fails, range(4), workers)

    class Local(Exception):
        def __init__(self, one, two):
            super().__init__(one)

    def raises(k):
        raise Local(k, k)
    with pytest.raises(WorkerError, match="Local"):
        map_ordered(raises, range(4), 2)


# -- deaths of workers ------------------------------------------------------------------------

def test_a_worker_that_is_killed_loses_nothing(tmp_path):
    flag, calls = tmp_path / "killed", tmp_path / "calls"
    calls.mkdir()

    def once(k):
        if k == 7 and not flag.exists():
            flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    found = map_ordered(recording(calls, once), range(30), 2)
    assert found == [k / 7 for k in range(30)] and flag.exists()
    # Only what was in flight is done again: at most one item more than there are workers.
    done = calls_in(calls)
    assert set(done) == set(range(30)) and done.count(7) == 2 and len(done) <= 33


def test_an_item_that_always_kills_its_worker_is_named(tmp_path):
    def deadly(k):
        if k == 3:
            os.kill(os.getpid(), signal.SIGKILL)
    with pytest.raises(WorkerError, match=r"item 3, 3, died three times"):
        map_ordered(recording(tmp_path, deadly), range(6), 2)
    assert calls_in(tmp_path).count(3) == 3


def test_a_broken_executor_of_the_caller_leaves_a_checkpoint(tmp_path):
    from multiprocessing import get_context
    path, calls = tmp_path / "kept", tmp_path / "calls"
    calls.mkdir()
    flag = tmp_path / "killed"
    work = recording(calls, lambda k: (k == 5 and not flag.exists()
                                       and (flag.touch(), os.kill(os.getpid(), 9))))
    global _inherited
    _inherited = work

    def mapping(executor):
        return lambda function, items: [executor.submit(_call, k) for k in items]
    with concurrent.futures.ProcessPoolExecutor(2, get_context("fork")) as pool:
        with pytest.raises(concurrent.futures.BrokenExecutor) as caught:
            map_ordered(work, range(12), mapping(pool), checkpoint=path)
    kept = {json.loads(line)["item"] for line in path.read_text().splitlines()[1:]}
    assert caught.value.__notes__ == [
        f"{len(kept)} of 12 results are kept in {path}: the same call goes on from them"]
    before = calls_in(calls)
    assert map_ordered(work, range(12), checkpoint=path) == [k / 7 for k in range(12)]
    after = calls_in(calls)
    assert len(after) - len(before) == 12 - len(kept)
    with concurrent.futures.ProcessPoolExecutor(1, get_context("fork")) as pool:
        pool.submit(os.getpid).result()
        os.kill(next(iter(pool._processes)), signal.SIGKILL)
        with pytest.raises(concurrent.futures.BrokenExecutor) as caught:
            map_ordered(third, range(12), futures_of(pool))
            time.sleep(1)
            map_ordered(third, range(12), futures_of(pool))
    assert "with checkpoint=PATH" in caught.value.__notes__[0]


def _call(k):
    return _inherited(k)


# -- checkpoints ---------------------------------------------------------------------------

def test_a_checkpoint_keeps_floats_to_the_bit_and_computes_nothing_again(tmp_path):
    path, values = tmp_path / "kept", [*ITEMS, math.inf, -math.inf]

    def work(x):
        CALLS.append(x)
        return {"x": [x, str(x)], "n": None}
    first = map_ordered(work, values, checkpoint=path)
    again = map_ordered(work, values, checkpoint=str(path))
    assert len(CALLS) == len(values)
    for a, b in zip(first, again):
        assert a["x"][0].hex() == b["x"][0].hex() and a["x"][1] == b["x"][1]
    header, *lines = path.read_text().splitlines()
    assert json.loads(header)["items"] == len(values) == len(lines)


def test_a_line_that_was_half_written_is_dropped(tmp_path):
    path = tmp_path / "kept"

    def work(k):
        CALLS.append(k)
        return k / 7
    map_ordered(work, range(4), checkpoint=path)
    whole = path.read_bytes()
    for cut in (1, 5, 20):
        path.write_bytes(whole[:-cut])
        CALLS.clear()
        assert map_ordered(work, range(4), checkpoint=path) == [k / 7 for k in range(4)]
        assert CALLS == [3] and path.read_bytes() == whole
    path.write_bytes(whole[:30])            # the header itself
    assert map_ordered(work, range(4), checkpoint=path)[3] == 3 / 7
    assert path.read_bytes() == whole


def test_what_is_not_this_task_s_file_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "kept"

    def made(shift, default=1):
        return lambda x, d=default: x + shift + d
    map_ordered(made(1), [1, 2], checkpoint=path)
    text = path.read_text()
    for work, items, words in [
            (made(1), [1, 3], "other arguments"), (made(1), [1, 2.0], "other arguments"),
            (made(2), [1, 2], "other arguments"), (made(1, 2), [1, 2], "other arguments"),
            (made(1), [1, 2, 3], "a task with 2 items, not 3"), (third, [1, 2], "not of third")]:
        with pytest.raises(CheckpointError, match=words):
            map_ordered(work, items, checkpoint=path)
    assert path.read_text() == text
    assert map_ordered(made(1), [1, 2], checkpoint=path) == [3, 4]
    path.write_text(text.replace('"item":0', '"item":7'))
    with pytest.raises(CheckpointError, match="line 2, is damaged"):
        map_ordered(made(1), [1, 2], checkpoint=path)
    for other in ("my notes\n", "{}", "[1]\n", '{"version": 3}\n'):
        path.write_text(other)
        with pytest.raises(CheckpointError, match="no checkpoint"):
            map_ordered(made(1), [1, 2], checkpoint=path)
        assert path.read_text() == other


@pytest.mark.parametrize("odd", [(1, 2), {1: 2}, Fraction(1, 2), [[{"a": {3}}]], b"x"])
def test_results_that_json_would_change_are_refused(tmp_path, odd):
    with pytest.raises(CheckpointError, match="encode"):
        map_ordered(lambda x: odd, [1], checkpoint=tmp_path / "kept")


def test_encode_and_decode_make_the_rest_plain(tmp_path):
    kept = Checkpoint(tmp_path / "kept", lambda q: None if q == 2 else str(q), Fraction)

    def work(k):
        CALLS.append(k)
        return Fraction(k, 3) if k != 6 else Fraction(2)
    for _ in range(2):
        assert map_ordered(work, [1, 6, 5], checkpoint=kept) == [
            Fraction(1, 3), 2, Fraction(5, 3)]
    assert CALLS == [1, 6, 5, 6]            # encode says that 2 is not to be kept


def test_two_processes_do_not_share_a_file(tmp_path):
    pytest.importorskip("fcntl")
    path = tmp_path / "kept"
    code = ("import sys; sys.path.insert(0, sys.argv[2])\n"
            "from gameanalysis.checkpoints import *\n"
            "try: Checkpoint(sys.argv[1], task=1).open(abs, [1])\n"
            "except CheckpointError as error: print(error)")

    def work(k):
        done = subprocess.run([sys.executable, "-c", code, path, ROOT], text=True,
                              capture_output=True, check=True)
        return done.stdout
    assert "in use by another process" in map_ordered(work, [1], checkpoint=path)[0]


def test_a_fingerprint_is_that_of_the_structure():
    x = sp.Symbol("x", real=True)
    different = [1, 1.0, True, "1", b"1", [1], (1,), {1}, {1: 1}, None, x, sp.Symbol("x"),
                 x + 1, catalog.figure1(), catalog.figure1(0.3), Fraction(1), third, abs,
                 lambda: 1, lambda: 2, third.__code__, math, 0.0, -0.0, [[1], [1]], [[1]]]
    assert len({fingerprint(v) for v in different}) == len(different)
    one = [1]
    assert fingerprint([one, one]) == fingerprint([[1], [1]])
    circle = []
    circle.append(circle)
    assert fingerprint(circle) == fingerprint(circle)
    with pytest.raises(CheckpointError, match="generator"):
        fingerprint(k for k in "ab")
    deep = []
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(CheckpointError, match="too deeply"):
        fingerprint(deep)


def member(x, among={"a", "b", "c"}):
    return x in {"p", "q", "r"} or x in among


def described():
    return fingerprint([catalog.figure1(), member, np.arange(3.0), {"u": 1, "v": {"x", "y", "z"}}])


def test_fingerprints_agree_between_processes():
    # Sets and hashes of text differ from process to process.
    code = ("import sys; sys.path[:0] = sys.argv[1:]\n"
            "from test_workers import described\nprint(described())")
    there = subprocess.run([sys.executable, "-c", code, ROOT, ROOT / "tests"], text=True,
                           capture_output=True, check=True)
    assert there.stdout.strip() == described()


# -- interrupts ------------------------------------------------------------------------------

def test_an_interrupt_says_what_is_kept(tmp_path):
    path = tmp_path / "kept"

    def work(k):
        CALLS.append(k)
        if k == 3 and len(CALLS) == 4:
            raise KeyboardInterrupt
        return k
    with pytest.raises(KeyboardInterrupt) as caught:
        map_ordered(work, range(6), checkpoint=path)
    assert caught.value.__notes__ == [
        f"3 of 6 results are kept in {path}: the same call goes on from them"]
    assert map_ordered(work, range(6), checkpoint=path) == list(range(6))
    assert CALLS == [0, 1, 2, 3, 3, 4, 5]
    CALLS[:] = [0, 0, 0]
    with pytest.raises(KeyboardInterrupt) as caught:
        map_ordered(work, range(3, 6))
    assert "0 of 3 results were there, and none is kept" in caught.value.__notes__[0]


@pytest.mark.parametrize("where", ["threads", "processes", "here"])
def test_an_interrupt_while_results_are_read_keeps_those_that_are_there(tmp_path, where):
    path, calls = tmp_path / "kept", tmp_path / "calls"
    calls.mkdir()

    def stop(k):
        time.sleep(0.2)                     # others are finished meanwhile
        raise KeyboardInterrupt
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        workers = {"threads": futures_of(pool), "processes": 2, "here": 1}[where]
        work = recording(calls)
        with pytest.raises(KeyboardInterrupt) as caught:
            map_ordered(work, range(5), workers, checkpoint=path, progress=stop)
    kept = len(path.read_text().splitlines()) - 1
    assert kept >= (1 if where == "here" else 2)
    assert [f"{kept} of 5 results are kept"] == [n[:23] for n in caught.value.__notes__]
    before = len(calls_in(calls))
    assert map_ordered(work, range(5), checkpoint=path) == [k / 7 for k in range(5)]
    assert len(calls_in(calls)) - before == 5 - kept


def test_closing_early_ends_the_workers():
    source = finished(lambda k: time.sleep(60 * (k > 0)), range(4), 2)
    assert next(source) == (0, None)
    start = time.monotonic()
    source.close()
    assert time.monotonic() - start < 20


SCRIPT = """
import os, sys
sys.path.insert(0, sys.argv[1])
from fractions import Fraction
import sympy as sp
import gameanalysis as ga
from gameanalysis.parameters.cells import Cells
from gameanalysis.parameters.sweep import sweep

inner = Cells.__call__

def counted(self, values):
    found = inner(self, values)
    with open(sys.argv[3], "a") as file:
        file.write(str(values) + "\\n")
    return found

Cells.__call__ = counted
x, y, a = sp.symbols("x y a", real=True)
game = ga.zero_sum(x**4/4 - a*x**2/2 + x*y/3 - y**2/2, x, y, parameters={a: 1})
values = [Fraction(k, 40) for k in range(-10, 30)]
"""


def test_ctrl_c_in_the_middle_of_a_sweep_and_a_restart(tmp_path):
    from gameanalysis.parameters.sweep import sweep
    path, calls = tmp_path / "kept", tmp_path / "calls"
    script = tmp_path / "script.py"
    script.write_text(SCRIPT + "workers = int(sys.argv[4])\n"
                      "sweep(game, {a: values}, [(-3, 3)]*2, checkpoint=sys.argv[2], "
                      "workers=(lambda f, items: map(f, items)) if workers == 0 else workers)\n")
    command = [sys.executable, script, ROOT, path, calls]
    running = subprocess.Popen([*command, "1"], stderr=subprocess.PIPE, text=True)
    while not calls.exists() or calls.read_text().count("\n") < 5:
        assert running.poll() is None
        time.sleep(0.002)
    running.send_signal(signal.SIGINT)
    _, told = running.communicate(timeout=60)
    kept = path.read_text().count("\n") - 1
    assert running.returncode == -signal.SIGINT or running.returncode == 1
    assert f"{kept} of 40 results are kept in {path}" in told and 5 <= kept < 40
    done = calls.read_text().splitlines()
    assert kept <= len(done) <= kept + 1
    # The rest is done here, by other workers, and all is as if nothing had happened.
    namespace = {}
    exec(SCRIPT.split("inner =")[0].replace("sys.argv[1]", repr(str(ROOT)))
         + SCRIPT.split("counted\n")[-1], namespace)
    game, a, values = (namespace[name] for name in ("game", "a", "values"))
    fresh = []
    rest = sweep(game, {a: values}, [(-3, 3)] * 2, checkpoint=path, progress=fresh.append)
    assert path.read_text().count("\n") == 41 and sum(fresh) == 40
    whole = sweep(game, {a: values}, [(-3, 3)] * 2)
    assert rest.to_dict() == whole.to_dict()
    lines = [json.loads(line)["item"] for line in path.read_text().splitlines()[1:]]
    assert sorted(lines) == list(range(40))           # each once: only the rest was computed


# -- Dask ----------------------------------------------------------------------------------

@pytest.mark.filterwarnings("ignore")
def test_dask_gives_the_same_to_the_bit_and_outlives_a_killed_worker(tmp_path):
    distributed = pytest.importorskip("distributed")
    from gameanalysis import analyze, basins, simultaneous_gradient, zero_sum
    from gameanalysis.parameters.sweep import sweep
    x, y, a = sp.symbols("x y a", real=True)
    game = zero_sum(x**4/4 - a*x**2/2 + x*y/3 - y**2/2, x, y, parameters={a: 1})
    box, values = [(-3, 3)] * 2, [Fraction(k, 40) for k in range(-20, 20)]
    alone = sweep(game, {a: values}, box)
    field, points = simultaneous_gradient(game), analyze(game, box)
    wells = basins(field, points, grid=8)
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None,
                                  silence_logs=50) as cluster, \
            distributed.Client(cluster) as client:
        pids = list(client.run(os.getpid).values())
        killed = []

        def kill(_):
            if not killed:
                killed.append(pids[0])
                os.kill(pids[0], signal.SIGKILL)
        found = sweep(game, {a: values}, box, workers=client.map, progress=kill,
                      checkpoint=tmp_path / "kept")
        assert killed and found.to_dict() == alone.to_dict()
        executor = client.get_executor()
        there = basins(field, points, grid=8, workers=executor.map)
    assert there.to_dict() == wells.to_dict()
