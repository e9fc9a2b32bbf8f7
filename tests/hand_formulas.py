"""Learning rules written a second time, in NumPy and mpmath, for comparison.

Costs are plain SymPy expressions, derived by SymPy and turned into functions by `lambdify`;
nothing here uses the library.  Directions are float arrays, z of shape (n,), ``rates`` one
learning rate for each variable.
"""

from functools import cached_property

import mpmath
import numpy as np
import sympy as sp

x, y, x1, x2, y1, y2, w = sp.symbols("x y x1 x2 y1 y2 w", real=True)
sin, cos, exp = sp.sin, sp.cos, sp.exp
R = sp.Rational


class Hand:
    """Costs with their derivatives as functions of an array, for ``groups`` of actions."""

    def __init__(self, costs, groups, lib="numpy"):
        self.costs, self.groups = list(costs), [tuple(g) for g in groups]
        self.variables = [v for g in self.groups for v in g]
        self.n, self.lib = len(self.variables), lib
        ends = np.cumsum([0, *map(len, self.groups)])
        self.players = [slice(a, b) for a, b in zip(ends, ends[1:])]
        self.lead, self.rest = self.players[0], slice(len(self.groups[0]), None)

    @cached_property
    def _functions(self):
        return [sp.lambdify(self.variables, c, self.lib) for c in self.costs]

    @cached_property
    def _slopes(self):
        return [[sp.lambdify(self.variables, sp.diff(c, v), self.lib) for v in self.variables]
                for c in self.costs]

    @cached_property
    def _hessians(self):
        return [[[sp.lambdify(self.variables, sp.diff(c, v, u), self.lib)
                  for u in self.variables] for v in self.variables] for c in self.costs]

    def cost(self, i, z):
        return self._functions[i](*z)

    def slope(self, i, z):
        """D f_i, in all variables."""
        return np.array([f(*z) for f in self._slopes[i]])

    def hessian(self, i, z):
        return np.array([[f(*z) for f in row] for row in self._hessians[i]])

    def omega(self, z):
        return np.concatenate([self.slope(i, z)[own] for i, own in enumerate(self.players)])

    def jacobian(self, z):
        return np.concatenate([self.hessian(i, z)[own] for i, own in enumerate(self.players)])

    def own(self, z):
        """H_d."""
        out = np.zeros((self.n, self.n))
        for i, own in enumerate(self.players):
            out[own, own] = self.hessian(i, z)[own, own]
        return out

    def others(self, z):
        """H_o."""
        return self.jacobian(z) - self.own(z)


_saddle = x**2 * y / 3 + sin(x - 2*y) + exp(x/4) * y - 2 * y**2 + x**2 / 2
_wide = (x1**2 * y1 / 2 + sin(x2 + y2) + x1*x2 + exp(y1/3) * x2 - y1**2 - R(3, 2) * y2**2
         + y1*y2/2 + x1*y2*x2)
COSTS = {
    "zs11": ([_saddle, -_saddle], [[x], [y]]),
    "gs11": ([x**3/3 + x*y**2 - cos(x*y) + x**2, y**2 + exp(x*y/2) - x**2 * y**3 / 5],
             [[x], [y]]),
    "zs22": ([_wide, -_wide], [[x1, x2], [y1, y2]]),
    "gs22": ([x1**2 + x2**4/3 + x1**2 * y1 + sin(x2*y2) - x2*y1 + x1*x2,
              y1**2 + y2**2 + x1*y1**2/3 + x1*y2**3 - y1*x2 + exp(y1/2)*y2 + cos(x1)*y2],
             [[x1, x2], [y1, y2]]),
    "gs212": ([x1**2 + x2**2 + x1*w*y1 - x2*y2 + sin(x1*x2) + w**2 * x1,
               w**2 + w*x1*y2 - exp(w*x2/3) + y1*w + y1**2 * x2,
               y1**2 + R(3, 2) * y2**2 + y1*y2*w/2 + cos(x1 - y2) + y1*x2**2 - y2*w**2 / 3],
              [[x1, x2], [w], [y1, y2]]),
}
HANDS = {name: Hand(*given) for name, given in COSTS.items()}


# -- directions and updates -----------------------------------------------------

def simultaneous(h, z, rates):
    return z - rates * h.omega(z)


def alternating(h, z, rates):
    z = z.copy()
    for own in h.players:
        z[own] -= rates[own] * h.omega(z)[own]
    return z


def stackelberg(h, z, rates, eta=0.0):
    j, g = h.jacobian(z), h.omega(z)
    d = j[h.rest, h.rest] + eta * np.eye(h.n - h.lead.stop)
    g[h.lead] -= j[h.rest, h.lead].T @ np.linalg.inv(d).T @ h.slope(0, z)[h.rest]
    return z - rates * g


def extragradient(h, z, rates):
    return z - rates * h.omega(z - rates * h.omega(z))


def lookahead_optimiser(h, z, rates, inner, steps, alpha):
    moved = z
    for _ in range(steps):
        moved = inner(h, moved, rates)
    return (1 - alpha) * z + alpha * moved


def consensus(h, z, rates, lam):
    return z - rates * (h.omega(z) + lam * h.jacobian(z).T @ h.omega(z))


def symplectic_sign(h, z, epsilon):
    j, g = h.jacobian(z), h.omega(z)
    a = (j - j.T) / 2
    return np.sign((g @ (j.T @ g)) * ((a.T @ g) @ (j.T @ g)) / h.n + epsilon)


def symplectic(h, z, rates, lam, epsilon=None):
    j, g = h.jacobian(z), h.omega(z)
    sign = 1 if epsilon is None else symplectic_sign(h, z, epsilon)
    return z - rates * (g + lam * sign * ((j - j.T) / 2).T @ g)


def ahead(h, z, alpha):
    """xi_0, player by player."""
    out = h.omega(z)
    for i, own in enumerate(h.players):
        for k, other in enumerate(h.players):
            if k != i:
                out[own] -= h.hessian(i, z)[own, other] @ (alpha * h.omega(z))[other]
    return out


def chi(h, z, alpha):
    out = np.zeros(h.n)
    for i, own in enumerate(h.players):
        for k, other in enumerate(h.players):
            if k != i:
                out[own] += h.hessian(k, z)[other, own].T @ (alpha * h.slope(i, z))[other]
    return out


def shaping_weights(h, z, alpha, a, b):
    """(which case p_1 is, p_1, p_2) of SOS; chi holds the alpha of the source."""
    xi, g = ahead(h, z, alpha), h.omega(z)
    c = -chi(h, z, alpha) @ xi
    p1 = 1.0 if c >= 0 else min(1.0, -a * (xi @ xi) / c)
    p2 = g @ g if np.sqrt(g @ g) < b else 1.0
    case = "descent" if c >= 0 else "mild" if p1 == 1 else "against"
    return case, p1, p2


def shaped(h, z, rates, alpha, a, b):
    _, p1, p2 = shaping_weights(h, z, alpha, a, b)
    return z - rates * (ahead(h, z, alpha) - min(p1, p2) * chi(h, z, alpha))


def surgery(h, z, rates, lam=0.0):
    j, g = h.jacobian(z), h.omega(z)
    if lam:
        v = j.T @ np.linalg.inv(j.T @ j + lam * np.eye(h.n)) @ j.T @ g
    else:
        v = j.T @ np.linalg.inv(j) @ g
    return z - rates / 2 * (g + v)


def ridge(h, z, rates):
    """With f the leader's cost, as it is printed: y ascends f."""
    f = h.hessian(0, z)
    out = z.copy()
    slope = h.slope(0, z)
    out[h.lead] -= rates[h.lead] * slope[h.lead]
    out[h.rest] += rates[h.rest] * slope[h.rest] + np.linalg.inv(f[h.rest, h.rest]) @ f[
        h.rest, h.lead] @ (rates[h.lead] * slope[h.lead])
    return out


def double_ridge(h, z, rates, lam=0.0, epsilon=0.0, exact=False):
    own, others, g = h.own(z), h.others(z), h.omega(z)
    if exact:
        return z - rates * (np.linalg.inv(np.eye(h.n) + np.linalg.inv(own) @ others) @ g)
    c = np.linalg.inv(own @ own + lam * np.eye(h.n)) @ own @ others @ g
    return z - rates * (g - np.exp(-epsilon * (c @ c)) * c)


def newton_follower(h, z, rates):
    out = z.copy()
    out[h.rest] -= np.linalg.solve(h.hessian(1, z)[h.rest, h.rest], h.slope(1, z)[h.rest])
    out[h.lead] -= rates[h.lead] * h.slope(0, out)[h.lead]
    return out


def complete_newton(h, z, rates):
    out = z.copy()
    out[h.rest] -= np.linalg.solve(h.hessian(1, z)[h.rest, h.rest], h.slope(1, z)[h.rest])
    j = h.jacobian(out)
    schur = j[h.lead, h.lead] - j[h.lead, h.rest] @ np.linalg.inv(j[h.rest, h.rest]) @ j[
        h.rest, h.lead]
    out[h.lead] -= np.linalg.solve(schur, h.slope(0, out)[h.lead])
    return out


def newton(h, z, rates):
    return z - rates * np.linalg.solve(h.jacobian(z), h.omega(z))


# -- many digits ----------------------------------------------------------------

class Digits:
    """mpmath numbers for `Program.evaluate`."""

    constant = staticmethod(lambda q: mpmath.mpf(q.numerator) / q.denominator)
    pi = staticmethod(lambda: +mpmath.pi)
    add = staticmethod(lambda a, b: a + b)
    sub = staticmethod(lambda a, b: a - b)
    mul = staticmethod(lambda a, b: a * b)
    div = staticmethod(lambda a, b: a / b)
    neg = staticmethod(lambda a: -a)
    pow = staticmethod(lambda a, n: a ** n)
    powr = staticmethod(lambda a, q: a ** (mpmath.mpf(q.numerator) / q.denominator))
    select = staticmethod(lambda c, a, b: a if c > 0 else b)

    def __getattr__(self, name):
        return getattr(mpmath, name)


def in_digits(program, values):
    """A program's outputs, a list of mpmath numbers."""
    return program.evaluate([mpmath.mpf(v) for v in values], Digits())


def slopes_in_digits(program, values, which):
    """Central differences of a program's outputs in some inputs, to about 20 digits."""
    values = [mpmath.mpf(v) for v in values]
    step = mpmath.mpf(10)**-12
    columns = []
    for k in which:
        up, down = (program.evaluate([*values[:k], values[k] + sign * step, *values[k + 1:]],
                                     Digits()) for sign in (1, -1))
        columns.append([float((a - b) / (2 * step)) for a, b in zip(up, down)])
    return np.array(columns).T
