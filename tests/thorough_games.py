"""The long comparison with exactly known games: python tests/thorough_games.py 1000.

Prints what came out of each family.  The test run calls `check` with a few seeds, and
with over a thousand under ``-m thorough``.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence

import random_games
from random_games import KnownGame

from gameanalysis.verdicts.analyze import analyze

SIZES: tuple[Sequence[int], ...] = ((1, 1), (2, 1), (1, 2), (1, 1, 1), (2, 2))


def plane(seed: int) -> KnownGame:
    """Two scalar players, polynomial or times an exponential; all zeros by resultants."""
    return random_games.plane_game(random.Random(seed))


def even(seed: int) -> KnownGame:
    """Quadratic costs of squares, two or three players, up to four variables."""
    rng = random.Random(seed)
    sizes = rng.choice(SIZES)
    return random_games.even_game(rng, sizes, len(sizes) == 2 and rng.random() < 0.7)


def jet(seed: int) -> KnownGame:
    """A prescribed critical point at a rational place, of omega or omega_S."""
    rng = random.Random(seed)
    return random_games.jet_game(rng, rng.choice(SIZES), quadratic=rng.random() < 0.3,
                                 of=rng.choice(("simultaneous", "stackelberg")))


FAMILIES = {"plane": plane, "even": even, "jet": jet}


def check(family: str, seeds: Iterable[int]) -> Counter:
    """Analyse the games of a family and compare; AssertionError for anything wrong."""
    total: Counter = Counter()
    for seed in seeds:
        known = FAMILIES[family](seed)
        game, box = known.play()
        try:
            result = analyze(game, box, known.of)
            total += random_games.compare(result, known)
        except Exception as error:
            raise AssertionError(f"{family} game of seed {seed}: {error}") from error
        for undecided in result.undecided:
            total[f"open: {undecided.reason.name}"] += 1
    return total


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    for name, share in (("plane", 0.7), ("jet", 0.15), ("even", 0.15)):
        start = time.perf_counter()
        outcome = check(name, range(10_000, 10_000 + int(share * count)))
        print(f"{name}: {dict(outcome)}, {time.perf_counter() - start:.0f} s", flush=True)
