"""Zero-sum quadratic games with prescribed blocks, equilibria by construction."""

import numpy as np
import sympy as sp
from hypothesis import strategies as st

import gameanalysis as ga

entries = st.integers(-3, 3)


def matrices(rows, columns):
    return st.lists(entries, min_size=rows * columns, max_size=rows * columns).map(
        lambda flat: sp.Matrix(rows, columns, flat) / 2)


@st.composite
def positive(draw, n):
    """L L^T + I/4 with L lower triangular."""
    lower = draw(matrices(n, n))
    lower = sp.Matrix(n, n, lambda i, j: lower[i, j] if j <= i else 0)
    return lower * lower.T + sp.eye(n) / 4


@st.composite
def equilibria(draw, largest=2):
    """(game, S, B, D): f = x'Ax/2 + x'By - y'Dy/2 with A = S - B D^-1 B', S, D > 0: a DSE."""
    n, m = draw(st.integers(1, largest)), draw(st.integers(1, largest))
    s, d, b = draw(positive(n)), draw(positive(m)), draw(matrices(n, m))
    return zero_sum(s - b * d.inv() * b.T, b, d), s, b, d


def actions(n, m):
    return sp.symbols(f"x1:{n + 1}", real=True), sp.symbols(f"y1:{m + 1}", real=True)


def zero_sum(a, b, d, more=0):
    u, v = actions(*b.shape)
    one, two = sp.Matrix(u), sp.Matrix(v)
    f = (one.T * a * one / 2 + one.T * b * two - two.T * d * two / 2)[0] + more
    return ga.zero_sum(sp.expand(f), u, v)


def numbers(matrix):
    return np.array(matrix.tolist(), dtype=float)
