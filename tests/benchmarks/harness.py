"""What every benchmark needs: versions, interleaved timing, a table of demands.

    table = Table("Programs", "sympy", "casadi")
    times = race({"ours": f, "peer": g})
    table.ratio("job", "ours", "peer", times, at_least=8)
    table.value("job", times["ours"] * 1e6, "us a call", at_most=2)
    sys.exit(table.finish())

Peers are measured in the same run, in turns with the library, so that a busy machine
slows all of them; the best time of each counts.  A line without a demand is there to
compare.  The exit status is 1 if a demand was missed.

Import this module before NumPy: linear algebra gets one thread, for everyone, because
threads that wait for each other on a busy machine measure the machine.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import time
from collections.abc import Callable, Mapping

for _name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_name, "1")


def best(function: Callable[[], object], repeat: int = 5, number: int = 1) -> float:
    """The least time of one call in seconds, of ``repeat`` runs of ``number`` calls."""
    return race({"": function}, repeat, number)[""]


def race(functions: Mapping[str, Callable[[], object]], repeat: int = 5,
         number: int = 1) -> dict[str, float]:
    """`best` of several functions that take turns."""
    times = dict.fromkeys(functions, float("inf"))
    for _ in range(repeat):
        for name, function in functions.items():
            start = time.perf_counter()
            for _ in range(number):
                function()
            times[name] = min(times[name], (time.perf_counter() - start) / number)
    return times


def installed(package: str) -> str | None:
    """The version of a package, None if it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


class Table:
    """Lines of (job, measured, demand, ok or MISSED), printed as they come.

    ``packages`` are those whose versions matter; missing ones are said to be missing.
    """

    def __init__(self, title: str, *packages: str) -> None:
        self.missed = 0
        found = [f"{name} {installed(name) or '(not installed)'}"
                 for name in ("numpy", "sympy", *packages)]
        print(f"{title}\nPython {platform.python_version()}, {', '.join(found)}; "
              f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n", flush=True)
        print(f"{'job':<64} {'measured':>22}  {'demand':<10} ")
        print("-" * 108, flush=True)

    def value(self, job: str, measured: float, unit: str, *, at_most: float | None = None,
              at_least: float | None = None) -> None:
        """One line; ``at_most`` and ``at_least`` are demands on ``measured``."""
        ok = ((at_most is None or measured <= at_most)
              and (at_least is None or measured >= at_least))
        self.missed += not ok
        demand = " ".join(f"{sign} {bound:g}" for sign, bound in
                          (("<=", at_most), (">=", at_least)) if bound is not None)
        verdict = ("ok" if ok else "MISSED") if demand else ""
        print(f"{job:<64} {f'{measured:.4g} {unit}':>22}  {demand:<10} {verdict}",
              flush=True)

    def ratio(self, job: str, ours: str, peer: str, times: Mapping[str, float], *,
              at_least: float | None = None, at_most: float | None = None) -> None:
        """How much faster ``ours`` is than a peer; ``at_most`` bounds ours / peer instead."""
        if at_most is not None:
            self.value(f"{job}: time / time of {peer}", times[ours] / times[peer], "",
                       at_most=at_most)
        else:
            self.value(f"{job}: faster than {peer}", times[peer] / times[ours], "times",
                       at_least=at_least)

    def finish(self) -> int:
        """Print the sum and return the exit status."""
        print(f"\n{self.missed} demands missed" if self.missed else "\nall demands met")
        return int(self.missed > 0)
