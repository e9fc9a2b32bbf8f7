r"""Statements on where Stackelberg learning ends: saddles are avoided, equilibria are reached.

They are almost sure and asymptotic, so each is a statistical test: learning is run from K
starts for N updates, and N is chosen so that what is looked for happens in every run but with
a probability that is stated and proved.  The costs are quadratic, so that w_S_tau is affine
and Lipschitz on the whole space, as the theorems ask, and the law of the iterates is known.

No noise.  With M = I - gamma J_S_tau let M^T Q M - r^2 Q = r^2 I, r > 1, and let u be an
eigenvector of lmax(Q) > 0.  For two starts with difference d u, V(e) = e^T Q e gives

    lmax(Q) |M^N d u|^2 >= V(M^N d u) >= r^(2N) V(d u) = r^(2N) lmax(Q) d^2,

so the starts that are in a ball of radius R after N updates meet a line along u in a set of
diameter at most 2 R r^-N: of the starts in the ball, a share of at most
2 (V_(n-1)/V_n) r^-N <= 2 sqrt(n) r^-N, V_n the volume of the unit ball.

With noise of standard deviation s, x_N - x* is normal with mean Phi (x_0 - x*) and covariance
S_N: Phi_(k+1) = M_k Phi_k, S_(k+1) = M_k S_k M_k^T + s^2 G_k^2, M_k = I - G_k J_S, G_k the
learning rates.  Then

    P(|x_N - x*| <= R) <= 2 R/sqrt(2 pi lmax(S_N)),
    P(|x_N - x*|^2 > t m) <= (2q - 1)!!/t^q,   m = E|x_N - x*|^2,   q = 1, 2, ...,

the latter as E|x|^(2q) <= (2q - 1)!! (E|x|^2)^q for normal vectors, by Minkowski's inequality.

Phi, S and the runs are computed in floats, whose rounding the probabilities leave out.

References: Fiez, Chasnov and Ratliff, ICML 2020, sections 4.1, 4.2, appendix G; R. Pemantle,
Nonconvergence to unstable points in urn models and stochastic approximations, Ann. Probab. 18
(1990); V. S. Borkar, Stochastic Approximation, Cambridge University Press 2008, chapter 6.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..exact.definiteness import inertia, spectrum_inertia
from ..exact.minors import determinant
from ..learning.gradients import StackelbergGradient
from ..learning.updates import Update
from ..motion.noise import Gaussian
from ..motion.schedules import Polynomial
from ..motion.simulate import iterate
from ..motion.stochastic import stochastic_hypotheses
from ..truth import Truth
from ..verdicts.local import LocalGame
from .claims import Claim, Condition, Finding, claim
from .lyapunov import Rows, decrease, expansion, gram, root_above, update_derivative
from .update_conditions import QUADRATIC, blocks_of, derivative_of
from .vocabulary import (STACKELBERG, STACKELBERG_CRITICAL, TWO_PLAYERS, ZERO_SUM,
                         positive_value)

__all__ = ["STRICT_SADDLE", "TABLE", "avoids_saddle", "avoids_saddle_with_noise",
           "reaches_equilibrium", "tail"]

Array = NDArray[np.float64]

TABLE: dict[str, Claim] = {}

_ERROR = 1e-6
#: Starts of a test, and updates after which it is given up.
_STARTS = 32
_MOST = 30_000
#: Learning rates fall as (k + 1)^-p where k is beyond this.
_OFFSET = 10_000
#: p of the leader and of the follower: 1/2 < p2 < p1 <= 1.
_POWERS = (0.6, 0.55)
#: All runs end within half the distance if E|x_N - x*|^2 is below 1/(4 t) of its square.
_T = 50


def _is_strict_saddle(local: LocalGame) -> Truth | Finding:
    found = blocks_of(local)
    if isinstance(found, Finding):
        return found
    counts = spectrum_inertia(found.stackelberg)
    return Truth.of(None if counts is None else counts[1] > 0)


STRICT_SADDLE = Condition(
    "an eigenvalue of J_S_tau in the left half-plane",
    r"\operatorname{spec}J_{S_\tau}(x) \cap \mathbb C_-^\circ \neq \emptyset", _is_strict_saddle)

_SADDLE = (TWO_PLAYERS, STACKELBERG_CRITICAL, positive_value("tau"), QUADRATIC, STRICT_SADDLE)
_EQUILIBRIUM = (STACKELBERG, positive_value("tau"), QUADRATIC)


def _saddles(s: Any) -> Any:
    return (s.with_values(s.saddle_games(zero_sum=True, completion="none"), tau=s.ratios())
            | s.saddle_games(zero_sum=False, completion="none"))


def _equilibria(s: Any) -> Any:
    return (s.stackelberg_games(zero_sum=True, completion="none")
            | s.stackelberg_games(zero_sum=False, completion="none"))


# -- Theorem 4 ---------------------------------------------------------------------------------

def _fits(rows: Rows) -> bool:
    """Whether entries are of a size that floats can simulate."""
    return all(not e or 2.0 ** -300 < abs(e) < 2.0 ** 300 for row in rows for e in row)


_TOO_LARGE = Finding(Truth.UNDECIDED, "a number is too large or too small for floats")


def _norm_above(rows: Rows) -> Fraction:
    """A rational at or above |M|_2: Frobenius' norm."""
    square = gram(rows)
    return root_above(sum((square[i][i] for i in range(len(square))), Fraction(0)))


def _learning(local: LocalGame, tau: Fraction = Fraction(1)) -> Update:
    return StackelbergGradient(tau=tau).on(local.game)


def _centre(local: LocalGame) -> Array:
    return np.array([float(v) for v in local.point])


def _in_ball(rng: np.random.Generator, count: int, n: int) -> Array:
    """Points uniform in the unit ball."""
    direction = rng.standard_normal((count, n))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    return np.asarray(direction * rng.random((count, 1)) ** (1 / n))


def avoids_saddle(local: LocalGame, rng: np.random.Generator) -> Finding:
    """Whether learning leaves a saddle from random starts in the unit ball round it.

    NO where a start is still in the ball, or where the point is proved to attract.
    """
    rows = derivative_of(local)
    if isinstance(rows, Finding) or not _fits(rows):
        return rows if isinstance(rows, Finding) else _TOO_LARGE
    gamma = Fraction(15, 16) / _norm_above(rows)
    m = update_derivative(rows, gamma)
    if decrease(m) is not None:
        return Finding(Truth.NO, "P - M^T P M = I has a solution P > 0: the point attracts")
    if not determinant(m):
        return Finding(Truth.NO, "I - gamma J_S_tau is singular")
    found = expansion(m)
    if found is None:
        return Finding(Truth.UNDECIDED, "no expanding direction was found")
    n, r = local.n, float(found[0])
    updates = math.ceil(math.log(2 * math.sqrt(n) * _STARTS / _ERROR) / math.log(r))
    if updates > _MOST:
        return Finding(Truth.UNDECIDED, f"it would take {updates} updates")
    centre = _centre(local)
    run = iterate(_learning(local, local.value("tau")), centre + _in_ball(rng, _STARTS, n),
                  updates, step_size=float(gamma), keep="last")
    inside = int((np.linalg.norm(run.x[:, -1] - centre, axis=1) <= 1).sum())
    return Finding(Truth.of(inside == 0), f"{inside} of {_STARTS} starts are near after "
                                          f"{updates} updates")


@claim(TABLE, "theorem-4", "Theorem 4 (saddles are avoided)", source="section 4.1",
       statement=r"$\omega_{S_\tau}\ L\text{-Lipschitz},\ \gamma < 1/L \Rightarrow x^+ = x - "
                 r"\gamma\omega_{S_\tau}(x) \text{ converges to a strict saddle from a set of "
                 r"measure zero}$", hypotheses=_SADDLE,
       then="no random start near the saddle stays", games=_saddles, error_probability=_ERROR)
def _saddle_avoided(local: LocalGame, rng: np.random.Generator) -> Finding:
    """From almost every start the deterministic update does not converge to a strict saddle.

    Decided exactly, for gamma = 15/(16 L), L >= |J_S_tau|_2: det(I - gamma J_S_tau) != 0, and
    a cone on which the update expands by r > 1.  Tested: of 32 starts, uniform in the unit ball
    round the saddle, none is in it after N = ceil(log(2 sqrt(n) 32/error)/log r) updates.

    Error: by the slab argument at the head of the module a start is in the ball with
    probability at most 2 sqrt(n) r^-N, and some of 32 is with at most ``error_probability``.

    Proof, quadratic costs.  The starts that converge are a subspace on which no eigenvalue
    outside the disc acts, and there is such an eigenvalue: |1 - gamma l| > 1 where Re l < 0.
    """
    return avoids_saddle(local, rng)


# -- Theorem 6 ----------------------------------------------------------------------------------

def _rates(gamma: float, tau: float) -> list[Polynomial]:
    """gamma_i,k = c_i (1 + k/offset)^-p_i: the leader the slower, by more and more."""
    return [Polynomial(c * _OFFSET ** p, p, offset=_OFFSET)
            for c, p in zip((gamma, gamma * tau), _POWERS)]


def _unmet(update: Update, rates: Sequence[Polynomial], noise: Gaussian, theorem: int) -> str:
    """The hypotheses on steps, noise and Lipschitz constant that are not proved.

    That D f1 is bounded cannot be for an affine field, and a start is near enough
    wherever it is: neither is used by the proofs for affine fields.
    """
    left_out = {"D f1 bounded", "start near an equilibrium"}
    return ", ".join(each.name for each in stochastic_hypotheses(update, rates, noise).of(theorem)
                     if each.truth is not Truth.YES and each.name not in left_out)


class _Law:
    """Phi_k and S_k for noise of standard deviation 1, update by update."""

    def __init__(self, jacobian: Rows, n1: int, rates: Sequence[Polynomial]) -> None:
        # J_S itself: the rates of the follower contain tau.
        self.jacobian = np.array(jacobian, dtype=float)
        n, k = len(jacobian), np.arange(_MOST)
        self.rates = np.stack([rates[i >= n1].at(k) for i in range(n)], axis=1)
        self.k, self.phi, self.covariance = 0, np.eye(n), np.zeros((n, n))

    def step(self) -> None:
        """One update."""
        rates = self.rates[self.k]
        m = np.eye(len(rates)) - rates[:, None] * self.jacobian
        self.phi = m @ self.phi
        self.covariance = m @ self.covariance @ m.T + np.diag(rates * rates)
        self.k += 1


def avoids_saddle_with_noise(local: LocalGame, rng: np.random.Generator) -> Finding:
    """Whether noisy learning started at a saddle leaves the unit ball round it."""
    rows = derivative_of(local)
    if isinstance(rows, Finding) or not _fits(rows):
        return rows if isinstance(rows, Finding) else _TOO_LARGE
    gamma, tau = float(Fraction(15, 16) / _norm_above(rows)), float(local.value("tau"))
    if decrease(update_derivative(rows, Fraction(gamma))) is not None:
        return Finding(Truth.NO, "P - M^T P M = I has a solution P > 0: the point attracts")
    update, rates, noise = _learning(local), _rates(gamma, tau), Gaussian(1.0)
    unmet = _unmet(update, rates, noise, 6)
    if unmet:
        return Finding(Truth.UNDECIDED, f"not proved: {unmet}")
    law = _Law(_without_tau(local, rows), local.sizes[0], rates)
    enough = (2 * _STARTS / _ERROR) ** 2 / (2 * math.pi)
    while law.k < _MOST:
        law.step()
        if law.k % 16 == 0 and np.linalg.eigvalsh(law.covariance)[-1] >= enough:
            break
    else:
        return Finding(Truth.UNDECIDED, f"it would take more than {_MOST} updates")
    centre = _centre(local)
    run = iterate(update, np.tile(centre, (_STARTS, 1)), law.k, step_size=rates, keep="last",
                  noise=noise, rng=rng)
    inside = int((np.linalg.norm(run.x[:, -1] - centre, axis=1) <= 1).sum())
    return Finding(Truth.of(inside == 0), f"{inside} of {_STARTS} runs are near after {law.k} "
                                          f"updates")


def _without_tau(local: LocalGame, rows: Rows) -> Rows:
    n1, tau = local.sizes[0], local.value("tau")
    return [[e / tau for e in row] if i >= n1 else row for i, row in enumerate(rows)]


@claim(TABLE, "theorem-6", "Theorem 6 (saddles are avoided under noise)", source="section 4.2",
       statement=r"$\mathbb E[(w_{i,k} \cdot v)^+] \geq b_i > 0 \text{ for unit } v \Rightarrow "
                 r"P(x_k \to x^*) = 0 \text{ for each strict saddle } x^* \text{ of } \omega_S$",
       hypotheses=_SADDLE, then="no run that starts at the saddle is near it in the end",
       games=_saddles, error_probability=_ERROR)
def _noisy_saddle_avoided(local: LocalGame, rng: np.random.Generator) -> Finding:
    """Under noise that excites every direction learning leaves a strict saddle, started there.

    Tested, with normal noise, s = 1, and rates c_i (1 + k/10000)^-p_i, 1/2 < p2 < p1 < 1, that
    meet the theorem's hypotheses: of 32 runs that start at the saddle none is in the unit ball
    round it after N updates.  (Without noise each would be at the saddle for ever.)

    Error: N is the first multiple of 16 at which the exact law has 32 * 2/sqrt(2 pi lmax(S_N))
    <= ``error_probability``; UNDECIDED if that is not so after 30000 updates.  The theorem asks
    for a bounded D f1, which no affine field has, and which is not used for these.
    """
    return avoids_saddle_with_noise(local, rng)


# -- Theorem 7, Theorem G.3 and Corollary G.2 -------------------------------------------------

def tail(t: int) -> float:
    """min over q of (2q - 1)!!/t^q, a bound of P(|x|^2 > t E|x|^2) for normal vectors.

    >>> tail(50) < 3e-11
    True
    """
    best, value = 1.0, 1.0
    for q in range(1, t):
        value *= (2 * q - 1) / t
        best = min(best, value)
    return best


def reaches_equilibrium(local: LocalGame, rng: np.random.Generator, *, distance: float
                        ) -> Finding:
    """Whether stochastic two-timescale learning halves its distance from a DSE, in each run."""
    rows = derivative_of(local)
    if isinstance(rows, Finding) or not _fits(rows):
        return rows if isinstance(rows, Finding) else _TOO_LARGE
    if _limit_is_unstable(local):
        return Finding(Truth.NO, "D^2 f1 or D22 f2 has a negative eigenvalue: learning leaves")
    plain = _without_tau(local, rows)
    steps = _quick_steps(np.array(plain, dtype=float), local.sizes[0])
    if steps is None:
        return Finding(Truth.UNDECIDED, "no ratio of the rates was found that is stable at first")
    rates, update = _rates(*steps), _learning(local)
    law = _Law(plain, local.sizes[0], rates)
    while law.k < _MOST and np.linalg.norm(law.phi, 2) ** 2 > 1 / (8 * _T):
        law.step()
    if law.k == _MOST:
        return Finding(Truth.UNDECIDED, f"it would take more than {_MOST} updates")
    # The noise is as large as the test can bear: half of what E|x_N - x*|^2 may be.
    noise = Gaussian(distance / math.sqrt(8 * _T * float(np.trace(law.covariance))))
    unmet = _unmet(update, rates, noise, 7)
    if unmet:
        return Finding(Truth.UNDECIDED, f"not proved: {unmet}")
    centre, offsets = _centre(local), rng.standard_normal((_STARTS, local.n))
    offsets *= distance / np.linalg.norm(offsets, axis=1, keepdims=True)
    run = iterate(update, centre + offsets, law.k, step_size=rates, keep="last", noise=noise,
                  rng=rng)
    ends = np.linalg.norm(run.x[:, -1] - centre, axis=1)
    far = int((~(ends <= distance / 2)).sum())      # NaN is far
    return Finding(Truth.of(far == 0), f"{far} of {_STARTS} runs are beyond half the distance "
                                       f"after {law.k} updates")


def _quick_steps(jacobian: Array, n1: int) -> tuple[float, float] | None:
    """(gamma, tau) for which I - gamma J_S_tau has a small spectral radius; tau a power of 2."""
    found: list[tuple[float, float, float]] = []
    for tau in 2.0 ** np.arange(-8, 21):
        scaled = jacobian.copy()
        scaled[n1:] *= tau
        values = np.linalg.eigvals(scaled)
        if values.real.min() > 0:
            gamma = float((values.real / np.abs(values) ** 2).min())
            found.append((float(np.abs(1 - gamma * values).max()), gamma, float(tau)))
    return min(found)[1:] if found else None


def _limit_is_unstable(local: LocalGame) -> bool:
    """Whether the follower's system, or the leader's on the reaction curve, is unstable."""
    m = local.matrices
    if m is None:
        return False
    total, power = m.total_hessian()
    flip = 1 if m.sign(power) == 1 else -1
    return any(counts is not None and counts[1] for counts in (
        inertia([[flip * e for e in row] for row in total]), inertia(m.response)))


@claim(TABLE, "theorem-7", "Theorem 7 (stochastic convergence)", source="section 4.2",
       statement=r"$x^* \text{ a DSE},\ \gamma_{1,k} = o(\gamma_{2,k}) \Rightarrow x_k \to x^* "
                 r"\text{ almost surely, for } x_0 \text{ in a neighbourhood}$",
       hypotheses=(TWO_PLAYERS, *_EQUILIBRIUM), then="every run halves its distance from x",
       games=_equilibria, error_probability=_ERROR)
def _reached(local: LocalGame, rng: np.random.Generator) -> Finding:
    """Stochastic two-timescale learning converges to a DSE from nearby.

    Tested, with normal noise and rates that meet the theorem's hypotheses: 32 runs that start at
    the distance 1/10 from x are all within 1/20 after N updates.

    Error: N is chosen so that E|x_N - x*|^2 is at most 1/200 of the squared distance, by the
    exact law, and s accordingly; a normal vector then is beyond half the distance with
    probability at most min_q (2q - 1)!!/50^q < 3e-11, 32 times which is below
    ``error_probability``.  UNDECIDED if that takes more than 30000 updates.  Where D^2 f1 or
    D2^2 f2 has a negative eigenvalue, the limit is unstable and the answer NO.
    """
    return reaches_equilibrium(local, rng, distance=0.1)


@claim(TABLE, "theorem-G.3", "Theorem G.3 (global stochastic convergence)",
       source="appendix G.3",
       statement=r"$x^* \text{ globally asymptotically stable for the limit } "
                 r"\dot x_1 = -Df_1(x_1, r(x_1)),\ \dot x_2 = -D_2f_2(x) \Rightarrow x_k \to x^* "
                 r"\text{ almost surely}$",
       hypotheses=(TWO_PLAYERS, *_EQUILIBRIUM), then="every run halves its distance from x",
       games=lambda s: s.stackelberg_games(zero_sum=False, completion="none"),
       error_probability=_ERROR)
def _reached_globally(local: LocalGame, rng: np.random.Generator) -> Finding:
    """With quadratic costs stochastic learning converges to a DSE from everywhere.

    The limiting systems are linear, with the matrices D^2 f1 and D2^2 f2 > 0, hence globally
    asymptotically stable.  The test is that of ``theorem-7`` from the distance 1000.
    """
    return reaches_equilibrium(local, rng, distance=1000.0)


@claim(TABLE, "corollary-G.2", "Corollary G.2 (global stochastic convergence, zero-sum)",
       source="appendix G.3",
       statement=r"$f_2 = -f_1,\ x^* \text{ a DSE, the only critical point} \Rightarrow x_k \to "
                 r"x^* \text{ almost surely}$",
       hypotheses=(ZERO_SUM, *_EQUILIBRIUM), then="every run halves its distance from x",
       games=lambda s: s.stackelberg_games(completion="none"), error_probability=_ERROR)
def _reached_zero_sum(local: LocalGame, rng: np.random.Generator) -> Finding:
    """In quadratic zero-sum games stochastic learning converges to the DSE from everywhere.

    The test is that of ``theorem-7`` from the distance 1000.
    """
    return reaches_equilibrium(local, rng, distance=1000.0)
