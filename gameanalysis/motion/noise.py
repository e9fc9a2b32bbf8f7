r"""Noise of learning: zero-mean martingale differences, reproducible start by start.

A stochastic update moves player i by -gamma_i (g_i + w_i), w = w_{k+1} drawn after x_k is
known.  The theory asks of it, F_k standing for all that has happened up to x_k,

    E[w | F_k] = 0                           zero-mean martingale differences,
    w_1, ..., w_N independent given F_k,
    E[|w_i| | F_k] <= c_i (1 + |x_k|)        a bound on its size,
    E[(w_i . v)+ | F_k] >= b_i > 0           for every unit vector v: it excites every direction.

Each noise below states c and b, and they hold by proof.  For independent components u_j,
symmetric about 0, Khintchine's inequality with Szarek's constant, E|sum_j a_j e_j| >=
|a|/sqrt(2) for signs e_j, gives E|u . v| >= E[(sum_j v_j^2 u_j^2)^(1/2)]/sqrt(2) >= min_j
E|u_j|/sqrt(2) by Jensen's inequality, and E[(u . v)+] is half of E|u . v|.

Reproducible: Philox is a function of a key, from the seed, and of a counter, here (number of
the start, update / 256).  What start i meets depends on the seed and on i, on nothing else.

References: V. S. Borkar, Stochastic Approximation, Cambridge University Press 2008, ch. 2;
S. J. Szarek, On the best constants in the Khinchin inequality, Studia Math. 58, 1976;
J. Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC 2011.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator, Philox, SeedSequence
from numpy.typing import NDArray

from ..errors import ShapeError
from ..truth import Truth
from .trajectory import checked_positive

__all__ = ["Gaussian", "Martingale", "Noise", "Rademacher", "StateDependent", "Streams",
           "Uniform", "seed_of"]

Array = NDArray[np.float64]

#: Draws of so many updates are made at once for each start.  A part of the definition of
#: what a seed gives.
_BLOCK = 256
_PIECE = 64


class Noise:
    """Zero-mean noise w, a martingale difference; see the classes below."""

    def draw(self, rng: Generator, shape: tuple[int, ...]) -> Array:
        """The part of w that does not depend on the state, independent entries."""
        raise NotImplementedError

    def shaped(self, u: Array, x: Array) -> Array:
        """w from the draws u at points x, both (n, N)."""
        return u

    @property
    def is_martingale_difference(self) -> Truth:
        """Whether E[w | F_k] = 0."""
        return Truth.YES

    @property
    def is_independent(self) -> Truth:
        """Whether the players' parts of w are independent given F_k."""
        return Truth.YES

    def moment_bound(self, n: int) -> float | None:
        """c with E|w_i| <= c (1 + |x|) for a player with n variables; None if not known."""
        return None

    @property
    def excitation(self) -> float | None:
        """b > 0 with E[(w_i . v)+] >= b for all unit vectors v; None if not known."""
        return None


class _Independent(Noise):
    """Independent entries, the same for all points."""


@dataclass(frozen=True)
class Gaussian(_Independent):
    """Independent normal entries of standard deviation ``sigma`` > 0.

    E|w_i| <= sigma sqrt(n), and w . v is normal, so that E[(w . v)+] = sigma/sqrt(2 pi).

    >>> round(Gaussian(1.0).excitation, 4)
    0.3989
    """

    sigma: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "sigma", checked_positive(self.sigma, "sigma"))

    def draw(self, rng: Generator, shape: tuple[int, ...]) -> Array:
        """sigma times standard normal numbers."""
        drawn: Array = rng.standard_normal(shape)
        drawn *= self.sigma
        return drawn

    def moment_bound(self, n: int) -> float:
        """sigma sqrt(n)."""
        return self.sigma * math.sqrt(n)

    @property
    def excitation(self) -> float:
        """sigma / sqrt(2 pi)."""
        return self.sigma / math.sqrt(2 * math.pi)


@dataclass(frozen=True)
class Rademacher(_Independent):
    """Independent entries +-``sigma``, each sign with probability 1/2; bounded.

    |w_i| = sigma sqrt(n), and E[(w . v)+] >= sigma/sqrt(8).

    >>> Rademacher(2.0).moment_bound(4)
    4.0
    """

    sigma: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "sigma", checked_positive(self.sigma, "sigma"))

    def draw(self, rng: Generator, shape: tuple[int, ...]) -> Array:
        """sigma times random signs."""
        return np.where(rng.integers(0, 2, shape) > 0, self.sigma, -self.sigma)

    def moment_bound(self, n: int) -> float:
        """sigma sqrt(n)."""
        return self.sigma * math.sqrt(n)

    @property
    def excitation(self) -> float:
        """sigma / sqrt(8)."""
        return self.sigma / math.sqrt(8)


@dataclass(frozen=True)
class Uniform(_Independent):
    """Independent entries uniform on [-``bound``, ``bound``].

    E|w_i| <= bound sqrt(n/3), and E[(w . v)+] >= bound/(4 sqrt(2)).

    >>> Uniform(3.0).moment_bound(3)
    3.0
    """

    bound: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "bound", checked_positive(self.bound, "bound"))

    def draw(self, rng: Generator, shape: tuple[int, ...]) -> Array:
        """Uniform numbers."""
        return self.bound * (2.0 * rng.random(shape) - 1.0)

    def moment_bound(self, n: int) -> float:
        """bound sqrt(n/3)."""
        return self.bound * math.sqrt(n / 3)

    @property
    def excitation(self) -> float:
        """bound / (4 sqrt(2))."""
        return self.bound / math.sqrt(32)


@dataclass(frozen=True)
class StateDependent(Noise):
    """w = (1 + ``scale`` |x|) u, u drawn from ``base``; larger far out, never smaller.

    ``base`` is `Gaussian`, `Rademacher` or `Uniform`, and scale >= 0.  With c of the base,
    E|w_i| <= c max(1, scale) (1 + |x|); its excitation is at least that of the base.

    >>> StateDependent(Uniform(3.0), scale=2).moment_bound(3)
    6.0
    """

    base: Noise
    scale: float

    def __post_init__(self) -> None:
        if not isinstance(self.base, _Independent):
            raise TypeError(f"the base of a StateDependent noise is Gaussian, Rademacher or "
                            f"Uniform, not {self.base!r}")
        scale = 0.0 if self.scale == 0 else checked_positive(self.scale, "scale")
        object.__setattr__(self, "scale", scale)

    def draw(self, rng: Generator, shape: tuple[int, ...]) -> Array:
        """The draws of the base."""
        return self.base.draw(rng, shape)

    def shaped(self, u: Array, x: Array) -> Array:
        """(1 + scale |x|) u."""
        square = np.zeros(x.shape[1])
        for row in x:               # not a sum over an axis, whose order depends on N
            square += row * row
        return u * (1 + self.scale * np.sqrt(square))

    def moment_bound(self, n: int) -> float | None:
        """c max(1, scale), c that of the base."""
        c = self.base.moment_bound(n)
        return None if c is None else c * max(1.0, self.scale)

    @property
    def excitation(self) -> float | None:
        """That of the base."""
        return self.base.excitation


@dataclass(frozen=True)
class Martingale(Noise):
    """w = ``function(rng, x, k)``, of the caller's: what it is like is UNDECIDED.

    It is called for one start and one update k at a time, with a Generator of that start's
    own and x of shape (1, n), and returns w of that shape: Python's pace, for small studies.

    >>> noise = Martingale(lambda rng, x, k: rng.standard_normal(x.shape) / (k + 1))
    >>> noise.is_martingale_difference
    <Truth.UNDECIDED>
    """

    function: Callable[[Generator, Array, int], Any]

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise TypeError(f"Martingale needs a function (rng, x, k) -> w, not "
                            f"{self.function!r}")

    @property
    def is_martingale_difference(self) -> Truth:
        """UNDECIDED."""
        return Truth.UNDECIDED

    @property
    def is_independent(self) -> Truth:
        """UNDECIDED."""
        return Truth.UNDECIDED

    def at(self, rng: Generator, x: Array, k: int) -> Array:
        """w at one point x (n,), checked: raises `ShapeError` or `ValueError`."""
        given = self.function(rng, x[None].copy(), k)
        try:
            w = np.asarray(given, dtype=float)
        except (TypeError, ValueError):
            raise ShapeError(f"the noise at update {k} is not an array of real numbers: "
                             f"{given!r}") from None
        if w.shape not in ((1, len(x)), x.shape):
            raise ShapeError(f"the noise at update {k} has shape {w.shape}, and x has shape "
                             f"(1, {len(x)}): return one of the same shape")
        if not np.isfinite(w).all():
            raise ValueError(f"the noise at update {k} is not finite at x = {x.tolist()}")
        return w.reshape(-1)


def seed_of(rng: Any) -> int:
    """The seed that ``rng`` stands for: an int, one drawn from a Generator, or a fresh one.

    Raises `ValueError` or `TypeError` for anything else.

    >>> seed_of(5)
    5
    """
    if rng is None:
        return int(np.random.SeedSequence().generate_state(1, np.uint64)[0])
    if isinstance(rng, Generator):
        return int(rng.integers(0, 2 ** 63))
    if isinstance(rng, bool) or not isinstance(rng, (int, np.integer)):
        raise TypeError(f"rng is None, an int or a numpy.random.Generator, not {rng!r}")
    if rng < 0:
        raise ValueError(f"rng as a seed must not be negative, and is {rng}")
    return int(rng)


class Streams:
    """The noise of many starts, each with a stream of its own.

    ``first`` is the number of the start 0 of a batch: a batch that is cut in pieces gives the
    pieces their first numbers, and meets the same noise.
    """

    def __init__(self, noise: Noise, seed: int, first: int, n: int, steps: int) -> None:
        self.noise, self.first, self.n, self.steps = noise, first, n, steps
        #: Whether nobody may be asked beyond the end of a start: each update is looked at.
        self.is_stepwise = isinstance(noise, Martingale)
        self._key = SeedSequence(seed).generate_state(2, np.uint64)
        self._source = Philox(key=self._key)
        self._state = self._source.state
        self._generators: dict[int, Generator] = {}
        self._block, self._starts = -1, np.empty(0, dtype=int)
        self._draws = np.empty((0, n, 0))

    def add(self, x: Array, before: Array, rates: Array, k: int, starts: NDArray[np.int_]
            ) -> None:
        """x -= gamma w of update k, in place: ``before`` is x_k, both (n, N).

        ``starts`` : the numbers of the columns in the batch, ascending.
        """
        if isinstance(self.noise, Martingale):
            for column, start in enumerate(starts.tolist()):
                w = self.noise.at(self._generator(start), before[:, column], k)
                x[:, column] -= rates * w
            return
        if k // _BLOCK != self._block or starts is not self._starts:
            self._prepare(k // _BLOCK, starts)
        w = self.noise.shaped(self._draws[k % _BLOCK], before)
        x -= rates[:, None] * w

    def _prepare(self, block: int, starts: NDArray[np.int_]) -> None:
        """Have the draws of a block of updates ready for ascending ``starts``."""
        if block == self._block and np.isin(starts, self._starts).all():    # some have ended
            self._draws = self._draws[:, :, np.searchsorted(self._starts, starts)]
            self._starts = starts
        else:
            self._draw(block, starts)

    def _draw(self, block: int, starts: NDArray[np.int_]) -> None:
        rng, state = Generator(self._source), self._state
        # Of the last block only the beginning, which is the same.
        shape = (min(_BLOCK, self.steps - block * _BLOCK), self.n)
        draws = np.empty((*shape, len(starts)))
        # Transposed by pieces that stay in the cache.
        for begin in range(0, len(starts), _PIECE):
            piece = starts[begin:begin + _PIECE].tolist()
            rows = np.empty((len(piece), *shape))
            for row, start in zip(rows, piece):
                state["state"]["counter"] = np.array([0, block, self.first + start, 0],
                                                     dtype=np.uint64)
                self._source.state = state
                row[:] = self.noise.draw(rng, shape)
            draws[:, :, begin:begin + _PIECE] = rows.transpose(1, 2, 0)
        self._draws = draws
        self._block, self._starts = block, starts

    def _generator(self, start: int) -> Generator:
        if start not in self._generators:
            counter = np.array([0, 0, self.first + start, 0], dtype=np.uint64)
            self._generators[start] = Generator(Philox(counter=counter, key=self._key))
        return self._generators[start]
