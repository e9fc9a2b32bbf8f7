r"""Known games: each with reference, natural box, parameters, known points.

The catalogue is where theorems and algorithms are tried, so each game here is
declared exactly, in the symbols of its source, and each point listed with it
has been verified apart from this library.  For a critical point x* of

    omega(x) = (D1 f1(x), D2 f2(x))

the facts are those of Definitions 3 and 4 and the stability of
x' = -omega(x) and x' = -omega_S(x), all for the default parameters.

A new game is one function below, under the decorator that holds its facts; or
in ``matrix_games`` where players mix finitely many actions, in ``oligopolies``
where firms choose quantities, or in ``separating`` where it only keeps two
notions apart.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import sympy as sp
from sympy.polys.domains import QQ
from sympy.polys.matrices import DomainMatrix

from .declaration import matrix_games, oligopolies, separating
from .declaration.entries import (FIEZ_2019, FIEZ_2020, FIEZ_RATLIFF_2021, LINEAR, Entry,
                                  KnownPoint, at, entry)
from .declaration.costs import Number
from .declaration.game import Game, Player, zero_sum
from .declaration.matrices import exact_matrix
from .declaration.matrix_games import (iterated_prisoners_dilemma, matching_pennies,
                                       prisoners_dilemma, rock_paper_scissors, softmax_bimatrix)
from .declaration.oligopolies import cournot, isoelastic, oligopoly, oligopoly_quantities
from .declaration.separating import (bilinear, dse_not_nash, dse_unstable,
                                     dse_unstable_general_sum, jin_centre, jin_cosine,
                                     nash_not_dse_general_sum, nash_unstable_general_sum,
                                     non_normal, realizable, schur_not_total_hessian,
                                     schur_off_curve, stable_neither, stable_not_dse_general_sum,
                                     tandem, tau_star_2)
from .errors import GameError

__all__ = [
    "Entry", "KnownPoint", "game", "info", "names",
    "bilinear", "cournot", "covariance", "dirac_gan", "dse_not_nash", "dse_unstable",
    "dse_unstable_general_sum", "duopoly", "figure1", "finite_learning_ratio", "forsaken",
    "hamiltonian", "isoelastic", "iterated_prisoners_dilemma", "jin_centre", "jin_cosine",
    "matching_pennies", "nash_not_dse_general_sum", "nash_unstable_general_sum",
    "non_normal", "oligopoly", "oligopoly_quantities", "prisoners_dilemma", "realizable",
    "rock_paper_scissors", "schur_not_total_hessian", "schur_off_curve", "softmax_bimatrix",
    "stable_neither", "stable_not_dse_general_sum", "tandem", "tau_star_2", "torus",
    "torus_location", "wgan_dirac",
]

if TYPE_CHECKING:
    from numpy.random import Generator

_TABLE: dict[str, Entry] = {}

_DIRAC = ("L. Mescheder, A. Geiger, S. Nowozin, Which training methods for GANs do actually "
          "converge?, ICML 2018; regularised by the follower's mu")

_x, _y = sp.symbols("x y", real=True)


def names() -> tuple[str, ...]:
    """The names of all games: the literature, finite games, witnesses.

    >>> names()[0], "jin_centre" in names()
    ('figure1', True)
    """
    return (*_TABLE, *matrix_games.TABLE, *oligopolies.TABLE, *separating.TABLE)


def info(name: str) -> Entry:
    """What is recorded about a game: reference, box, known points, notes.

    Raises `GameError` for an unknown name, with the nearest names.

    >>> info("duopoly").known[0].x
    (92/3, 101/3)
    """
    found = {**_TABLE, **matrix_games.TABLE, **oligopolies.TABLE, **separating.TABLE}.get(name)
    if found is None:
        close = difflib.get_close_matches(str(name), names(), n=3, cutoff=0.4)
        hint = f"; did you mean {', '.join(close)}?" if close else ""
        raise GameError(f"there is no game called {name!r} in the catalogue{hint} "
                        f"(catalog.names() lists all)")
    return found


def game(name: str) -> Game:
    """The game of that name with its default parameters.

    Raises `GameError` for an unknown name, with the nearest names.

    >>> game("bilinear").is_zero_sum
    True
    """
    return info(name).build()


# Figure 1: the nine points of the resultant, to twelve decimals; the middle
# column says whether they are Nash and who may lead.
_FIGURE1 = (
    ("-13.339180395684", "-9.991698385593", False, (True, False), (True, True)),
    ("-2.501508715683", "-2.339861494422", False, (True, False), (True, True)),
    ("-10.416623295114", "8.480548853727", True, (True, True), (True, True)),
    ("12.188575649031", "-5.423167761845", True, (True, True), (True, True)),
    (0, 0, False, (False, False), (False, False)),
    ("-13.184298234998", "1.799694388020", False, (False, False), (False, False)),
    ("-5.622884435345", "-4.742524405987", False, (False, False), (False, False)),
    ("1.660418227480", "-13.669210739431", False, (False, False), (False, False)),
    ("2.311938049964", "13.509334611272", False, (False, False), (False, False)),
)


@entry(_TABLE, reference=FIEZ_2020 + ", equation (3) and Figure 1", box=[(-30, 30)],
       known=lambda: tuple(at((x, y), nash=nash, leads=leads, stable=stable)
                           for x, y, nash, leads, stable in _FIGURE1),
       complete="without the factor exp(...) omega is polynomial; its resultant, of degree 17, "
                "has 9 real roots, all in the box: complete in the whole plane")
def figure1(a: Number = 0.15, b: Number = 0.25) -> Game:
    """The zero-sum game of the paper's Figure 1.

    f = -exp(-(x1^2 + x2^2)/100) ((a x1^2 + x2)^2 + (b x2^2 + x1)^2).

    Nine critical points at a = 0.15, b = 0.25: two DSE that are not Nash, two
    that are, five saddles.  Other (a, b), such as a = b = 0.3, have
    non-hyperbolic centres.

    >>> figure1().parameters
    mappingproxy({a: 3/20, b: 1/4})
    """
    x1, x2, sa, sb = sp.symbols("x1 x2 a b", real=True)
    f = -sp.exp(-(x1**2 + x2**2)/100)*((sa*x1**2 + x2)**2 + (sb*x2**2 + x1)**2)
    return zero_sum(f, x1, x2, parameters={sa: a, sb: b}, name="figure1")


@entry(_TABLE, reference=FIEZ_RATLIFF_2021, box=[(-10, 10)],
       known=lambda: (
           at((1, 1, 1, 1), nash=True, leads=(True, True), stable=(True, True)),
           at((0, 0, 0, 0), nash=False, leads=(False, False), stable=(True, False))),
       complete="omega is linear in (x2, w, z); elimination leaves a polynomial in x1 with the "
                "real roots 0, 1 and -4.734..., the last one with w = -92.47...; where the "
                "linear part is singular it has no solution")
def finite_learning_ratio() -> Game:
    """The 2+2 polynomial game of gradient descent ascent at finite ratios.

    f = (5/4)(x1 - 1)^2 (x1^2 + 2 x1 w + w^2/2 - x2^2/2 + 2 x2 z - z^2)
      + x1^2 ((x1 - 1)^2 + (x2 - 1)^2 - (w - 1)^2 - (z - 1)^2)

    with leader (x1, x2) and follower (w, z).  Simultaneous gradient play is
    stable at (1, 1, 1, 1), which is Nash, and at 0, which is no equilibrium.
    """
    x1, x2, w, z = sp.symbols("x1 x2 w z", real=True)
    first = x1**2 + 2*x1*w + w**2/2 - x2**2/2 + 2*x2*z - z**2
    second = (x1 - 1)**2 + (x2 - 1)**2 - (w - 1)**2 - (z - 1)**2
    f = sp.Rational(5, 4)*(x1 - 1)**2*first + x1**2*second
    return zero_sum(f, (x1, x2), (w, z), name="finite_learning_ratio")


def _known_covariance() -> tuple[KnownPoint, ...]:
    values = {symbol.name: value for symbol, value in covariance().parameters.items()}
    s11, s12, s22 = (values[f"Sigma{k}"] for k in (11, 12, 22))
    root = sp.sqrt(s11)
    factor = (root, 0, s12/root, sp.sqrt(s22 - s12**2/s11))
    flat = tuple(s/values["eta"] for s in (s11, s12, s12, s22))
    return (at((*factor, 0, 0, 0, 0), nash=False, leads=(False, False),
               stable=(False, False), isolated=False),
            at((0, 0, 0, 0, *flat), nash=False, leads=(False, False), stable=(False, False)))


@entry(_TABLE, reference=FIEZ_2020 + ", Example 1, after C. Daskalakis, A. Ilyas, V. Syrgkanis, "
       "H. Zeng, Training GANs with optimism, ICLR 2018", box=[(-4, 4)],
       known=_known_covariance)
def covariance(m: int = 2, *, eta: Number = 0.5,
               sigma: Sequence[Sequence[Number]] | sp.MatrixBase | None = None,
               rng: int | Generator | None = 0) -> Game:
    """Learning an m x m covariance matrix with a Wasserstein GAN.

    f1 = tr(W^T (Sigma - V V^T)),  f2 = -f1 + (eta/2) |W|^2 (Frobenius), so
    omega = (-(W + W^T) V, V V^T - Sigma + eta W).  The leader chooses V, the follower W, both
    m x m: 2 m^2 variables, row by row.

    V V^T = Sigma with W = 0 is critical.  V -> VQ with Q orthogonal leaves it
    so: for m > 1 these points are not isolated, the total Hessian is
    singular along the orbit, and no strict definition can hold there; the
    classes are meant modulo that symmetry.  V = 0 with W = Sigma/eta is
    critical too, and unstable.

    Parameters
    ----------
    m : the dimension.
    eta : the follower's regularisation, positive.
    sigma : the symmetric m x m matrix Sigma.  By default U U^T + I, the
        entries of U standard normal, rounded to multiples of 2^-20.
    rng : None, an int or a NumPy Generator, for U.

    >>> len(covariance(3).variables)
    18
    """
    if isinstance(m, bool) or not isinstance(m, int) or m < 1:
        raise GameError(f"the dimension m must be a positive integer, not {m!r}")
    matrix = _random_covariance(m, rng) if sigma is None else exact_matrix(sigma, "sigma")
    if matrix.shape != (m, m) or matrix != matrix.T:
        raise GameError(f"sigma must be a symmetric {m} x {m} matrix")
    V, W, S = (sp.MatrixSymbol(name, m, m) for name in ("V", "W", "Sigma"))
    strength = sp.Symbol("eta", real=True)
    f = sp.Trace(W.T*(S - V*V.T))
    return Game(Player(f, V), Player(strength/2*sp.Trace(W.T*W) - f, W),
                parameters={strength: eta, S: matrix}, name="covariance")


def _random_covariance(m: int, rng: int | Generator | None) -> sp.MatrixBase:
    # Here, not above: the declaration of games needs no NumPy otherwise.
    from numpy.random import default_rng
    draws = default_rng(rng).standard_normal((m, m))
    u = DomainMatrix([[QQ(round(value*2**20), 2**20) for value in row]
                      for row in draws.tolist()], (m, m), QQ)
    return (u*u.transpose() + DomainMatrix.eye(m, QQ)).to_Matrix()


@entry(_TABLE, reference=_DIRAC, box=[(-4, 4)],
       known=lambda: (at((0, 0), nash=False, leads=(True, False), stable=(True, True)),),
       complete="D1 f1 = psi/(1 + exp(theta psi)) vanishes for psi = 0 only, and then "
                "D2 f2 = -theta/2")
def dirac_gan(mu: Number = 0.5) -> Game:
    """The Dirac GAN: one parameter for the generator, one for the critic.

    f1 = -log(1 + exp(-theta psi)),  f2 = -f1 + (mu/2) psi^2, so
    omega = (psi/(1 + e), -theta/(1 + e) + mu psi) with e = exp(theta psi).

    At 0: J = [[0, 1/2], [-1/2, mu]], real eigenvalues when mu >= 1; stable for
    every time scale; S1(J) = 1/(4 mu) and D^2 f1 = 1/(2 mu), for mu > 0.
    """
    theta, psi, strength = sp.symbols("theta psi mu", real=True)
    f = -sp.log(1 + sp.exp(-theta*psi))
    return Game(Player(f, theta), Player(strength*psi**2/2 - f, psi),
                parameters={strength: mu}, name="dirac_gan")


@entry(_TABLE, reference=_DIRAC, box=[(-4, 4)],
       known=lambda: (at((0, 0), nash=False, leads=(True, False), stable=(True, True)),),
       complete=LINEAR)
def wgan_dirac(mu: Number = 0.5) -> Game:
    """The Dirac GAN with the Wasserstein cost.

    f1 = theta psi,  f2 = -theta psi + (mu/2) psi^2.
    At 0: J = [[0, 1], [-1, mu]], S1(J) = 1/mu and D^2 f1 = 2/mu, for mu > 0.
    """
    theta, psi, strength = sp.symbols("theta psi mu", real=True)
    return Game(Player(theta*psi, theta), Player(strength*psi**2/2 - theta*psi, psi),
                parameters={strength: mu}, name="wgan_dirac")


def _known_torus() -> tuple[KnownPoint, ...]:
    pi, angle = sp.pi, sp.acos(sp.Rational(3, 40))
    no = (False, False)
    return (at((0, 0), nash=False, leads=(True, False), stable=(True, True)),
            at((pi, pi), nash=False, leads=(True, False), stable=(False, True)),
            at((0, pi), nash=False, leads=no, stable=no),
            at((pi, 0), nash=False, leads=(False, True), stable=no),
            at((pi - angle, angle), nash=False, leads=no, stable=no),
            at((angle - pi, -angle), nash=False, leads=no, stable=no))


@entry(_TABLE, reference=FIEZ_RATLIFF_2021, box=[(-sp.pi, sp.pi)], known=_known_torus,
       complete="the sum of D1 f and D2 f gives sin x = sin y for a = b, so y = x or "
                "y = pi - x, and each line leaves one equation in x")
def torus(a: Number = 0.15, b: Number = 0.15) -> Game:
    """A zero-sum game on the torus.

    f = -a cos x + cos(x - y) + b cos y, with period 2 pi in x and in y.

    At a = b = 0.15 six critical points: (0, 0) and (pi, pi) are DSE, with
    S1 = 0.01957 and 0.02647 and tau* = 0.7391 and 1.3529; four are not.  Of
    these, (pi, 0) is a centre, and a DSE with player 2 leading.
    """
    sa, sb = sp.symbols("a b", real=True)
    f = -sa*sp.cos(_x) + sp.cos(_x - _y) + sb*sp.cos(_y)
    return zero_sum(f, _x, _y, parameters={sa: a, sb: b}, name="torus",
                    periods={_x: 2*sp.pi, _y: 2*sp.pi})


def _known_location() -> tuple[KnownPoint, ...]:
    phi, pi = sp.pi/8, sp.pi
    u, v = sp.acos(sp.Rational(5, 13)), sp.acos(sp.Rational(119, 169))
    no = (False, False)
    return (at((phi, phi), nash=False, leads=no, stable=no),
            at((phi, phi - pi), nash=False, leads=no, stable=no),
            at((phi - pi, phi), nash=False, leads=no, stable=no),
            at((phi - pi, phi - pi), nash=False, leads=no, stable=no),
            at((phi + u, phi - v), nash=True, leads=no, stable=(True, None)),
            at((phi - u, phi + v), nash=True, leads=no, stable=(True, None)))


@entry(_TABLE, reference=FIEZ_2019, box=[(-sp.pi, sp.pi)], known=_known_location,
       complete="with u = x - phi1, v = y - phi2 and alpha1 = 1: sin u = 0, or cos u = "
                "1/(2 alpha2) = 5/13 and cos v = 119/169")
def torus_location(alpha1: Number = 1, alpha2: Number = 1.3,
                   phi1: Number = sp.pi/8, phi2: Number = sp.pi/8) -> Game:
    """A general-sum location game on the torus.

    f1 = -alpha1 cos(x - phi1) + cos(x - y),
    f2 = -alpha2 cos(y - phi2) + cos(y - x):
    each player has a favourite place phi_i and flees the other.

    At the default values six critical points: two are Nash and stable, but not
    Stackelberg-critical, and D11 f1 = 0 at two others.
    """
    symbols = a1, a2, p1, p2 = sp.symbols("alpha1 alpha2 phi1 phi2", real=True)
    return Game(Player(-a1*sp.cos(_x - p1) + sp.cos(_x - _y), _x),
                Player(-a2*sp.cos(_y - p2) + sp.cos(_y - _x), _y),
                parameters=dict(zip(symbols, (alpha1, alpha2, phi1, phi2))),
                name="torus_location", periods={_x: 2*sp.pi, _y: 2*sp.pi})


def _known_duopoly() -> tuple[KnownPoint, ...]:
    cournot = (sp.Rational(92, 3), sp.Rational(101, 3))
    stackelberg = (sp.Integer(46), sp.Integer(26))
    return (at(cournot, nash=True, leads=(False, False), stable=(True, None)),
            at(stackelberg, nash=False, leads=(True, False), stable=(None, True),
               of="stackelberg"))


@entry(_TABLE, reference="A. Cournot, 1838; H. von Stackelberg, 1934; as in " + FIEZ_2019,
       box=[(0, 100)], known=_known_duopoly,
       complete=LINEAR)
def duopoly(A: Number = 100, c1: Number = 5, c2: Number = 2) -> Game:
    """Two firms choose quantities; the price falls with their sum.

    f1 = -(A - x - y - c1) x,  f2 = -(A - x - y - c2) y: minimised costs, the
    negatives of the profits.

    omega vanishes at Cournot's ((A - 2 c1 + c2)/3, (A + c1 - 2 c2)/3), omega_S
    at Stackelberg's (A/2 - c1 + c2/2, A/4 + c1/2 - 3 c2/4), where the leader
    earns (A - 2 c1 + c2)^2/8 in place of /9.  J = [[2, 1], [1, 2]],
    J_S = [[3/2, 1], [1, 2]] with spectrum 7/4 +- sqrt(17)/4, D^2 f1 = 1.
    """
    symbols = size, k1, k2 = sp.symbols("A c1 c2", real=True)
    price = size - _x - _y
    return Game(Player(-(price - k1)*_x, _x), Player(-(price - k2)*_y, _y),
                parameters=dict(zip(symbols, (A, c1, c2))), name="duopoly")


@entry(_TABLE, reference="D. Balduzzi, S. Racaniere, J. Martens, J. Foerster, K. Tuyls, "
       "T. Graepel, The mechanics of n-player differentiable games, ICML 2018", box=[(-2, 2)],
       known=lambda: (at((0, 0, 0, 0), nash=False, leads=(False, False),
                         stable=(False, None)),),
       complete=LINEAR + ": det J = (det M)^2")
def hamiltonian(M: Sequence[Sequence[Number]] | sp.MatrixBase = ((1, 2), (-1, 1))) -> Game:
    """A Hamiltonian game: gradient play only rotates.

    f = x^T M y, zero-sum: J = [[0, M], [-M^T, 0]] is antisymmetric, every
    eigenvalue is imaginary, and |x|^2 + |y|^2 and |omega|^2 are conserved.

    Parameters
    ----------
    M : a matrix of numbers; its shape gives the numbers of actions.
    """
    matrix = exact_matrix(M, "M")
    rows, columns = matrix.shape
    x = sp.symbols(f"x1:{rows + 1}", real=True)
    y = sp.symbols(f"y1:{columns + 1}", real=True)
    f = sp.Add(*(matrix[i, j]*x[i]*y[j] for i in range(rows) for j in range(columns)))
    return zero_sum(f, x, y, name="hamiltonian")


@entry(_TABLE, reference="Y.-P. Hsieh, P. Mertikopoulos, V. Cevher, The limits of min-max "
       "optimization algorithms: convergence to spurious non-critical sets, ICML 2021",
       box=[(-1.5, 1.5)],
       known=lambda: (at(("0.078026668738", "0.411933851366"), nash=False,
                         leads=(False, True), stable=(True, False)),),
       complete="x = phi'(y) leaves a polynomial of degree 25 in y with one real root: complete "
                "in the whole plane")
def forsaken() -> Game:
    """Gradient play may circle for ever around this game's only solution.

    f = x (y - 9/20) + phi(x) - phi(y), phi(z) = z^2/4 - z^4/2 + z^6/6,
    zero-sum.  Its single critical point has A = 0.4637, B = 1, D = -0.3742,
    spectrum of J 0.0447 +- 0.908 i: stable, neither Nash nor Stackelberg with
    player 1 leading (S1 = -2.209), but a DSE with player 2 leading.
    """
    def phi(z: sp.Expr) -> sp.Expr:
        return z**2/4 - z**4/2 + z**6/6

    return zero_sum(_x*(_y - sp.Rational(9, 20)) + phi(_x) - phi(_y), _x, _y, name="forsaken")
