r"""The waist: vector fields to descend, still formulas.

A field g on R^n (or on a torus) is something to descend: continuous time is
x' = -g(x), a plain update x - gamma g(x), and a zero is stable if the
spectrum of g's Jacobian lies in the open right half-plane.  Every analysis
below this module works on a field and asks for no game.

Two fields come from a game (f1, f2), with omega and D f1 of `derivatives`:

    simultaneous gradient   omega         = (D1 f1, D2 f2),
    Stackelberg gradient    omega_S(tau)  = (D f1, tau D2 f2),
        D f1 = D1 f1 - D21 f2^T (D22 f2 + eta I)^-1 D2 f1,

and one from a `Hierarchy`, with the stacked gradients F_j of `anticipation`:

    hierarchy gradient      G_1           = (tau_1 F_1, ..., tau_L F_L).

Reference: Fiez, Chasnov and Ratliff, ICML 2020, section 2 and eq. (4).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sympy as sp

from .declaration.costs import Number, checked_periods, exact
from .declaration.game import Game, Player
from .declaration.hierarchy import Hierarchy
from .errors import GameError, UnsupportedFunction
from .exact.derivatives import (game_gradient, game_jacobian, jacobian, ratio, regularisation,
                                stackelberg_jacobian, total_derivative)
from .exact.anticipation import hierarchy_gradient_column
from .tables import short

__all__ = ["VectorField", "GameField", "HierarchyField", "hierarchy_gradient",
           "simultaneous_gradient", "stackelberg_gradient"]


class VectorField:
    """A smooth vector field g, something to descend: x' = -g(x).  Immutable.

    Equality and hash compare formulas, variables and periods, not the name.

    Parameters
    ----------
    expressions : the components of g, SymPy expressions or numbers, one for
        each variable; decimals become exact rationals.
    variables : the coordinates, real symbols, in the order to keep.
    name : shown in titles.
    periods : for coordinates on a circle, their period.

    Raises `GameError` for a wrong number of components, an undeclared symbol
    or a wrong period, `UnsupportedFunction` for Abs, Max and their like.

    >>> x = sp.Symbol("x", real=True)
    >>> VectorField(1 - x**2, x)            # the field of x' = x**2 - 1
    VectorField in 1 variable (x), descended as x' = -g(x)
      g_x = 1 - x**2
    """

    __slots__ = ("_expressions", "_variables", "_periods", "_jacobian", "name")
    _expressions: tuple[sp.Expr, ...]
    _variables: tuple[sp.Symbol, ...]
    _periods: Mapping[sp.Symbol, sp.Expr]
    _jacobian: sp.ImmutableMatrix | None
    name: str

    def __init__(self, expressions: Number | Iterable[Number],
                 variables: sp.Symbol | Iterable[sp.Symbol], name: str = "",
                 periods: Mapping[sp.Symbol, Number] | None = None) -> None:
        if isinstance(expressions, sp.MatrixBase):
            expressions = tuple(expressions)
        components = expressions if isinstance(expressions, Iterable) else (expressions,)
        # A player's declaration is the one place that knows what a symbol may be.
        coordinates = Player(0, variables).actions
        checked = tuple(_component(c, coordinates, k) for k, c in enumerate(components, 1))
        if len(checked) != len(coordinates):
            raise GameError(f"a vector field needs one component for each variable: "
                            f"{len(checked)} components, {len(coordinates)} variables")
        self._set(expressions=checked, variables=coordinates, jacobian=None)
        self._set(periods=checked_periods(
            periods, self.variables, self.expressions, "component"))
        object.__setattr__(self, "name", str(name))

    def _set(self, **slots: Any) -> None:
        for slot, value in slots.items():
            object.__setattr__(self, "_" + slot, value)

    def __setattr__(self, key: str, value: object) -> None:
        raise AttributeError(f"a {type(self).__name__} is immutable: cannot set {key}")

    @property
    def expressions(self) -> tuple[sp.Expr, ...]:
        """The components of g, exact; values stand for all parameters."""
        return self._expressions

    @property
    def variables(self) -> tuple[sp.Symbol, ...]:
        """The coordinates in declared order."""
        return self._variables

    @property
    def periods(self) -> Mapping[sp.Symbol, sp.Expr]:
        """Periods of the coordinates that live on a circle, read-only."""
        return self._periods

    @property
    def jacobian(self) -> sp.ImmutableMatrix:
        """The Jacobian Dg, n x n, derived when first asked for."""
        if self._jacobian is None:
            self._set(jacobian=self._derive())
        return self._jacobian

    def _derive(self) -> sp.ImmutableMatrix:
        return jacobian(sp.ImmutableMatrix(self.expressions), self.variables)

    def _key(self) -> tuple:
        return self._expressions, self._variables, frozenset(self._periods.items())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, VectorField):
            return NotImplemented
        return type(self) is type(other) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash((type(self), self._key()))

    def __reduce__(self) -> tuple:
        return type(self), (self._expressions, self._variables, self.name,
                            dict(self._periods))

    def __repr__(self) -> str:
        n = len(self.variables)
        title = f"{self.name}: vector field" if self.name else "VectorField"
        names = ", ".join(map(str, self.variables))
        lines = [f"{title} in {n} variable{'s' * (n > 1)} ({names}), "
                 f"descended as x' = -g(x)"]
        lines += [f"  g_{z} = {short(g)}"
                  for z, g in list(zip(self.variables, self.expressions))[:4]]
        return "\n".join(lines + ["  ..."] * (n > 4))

    def latex(self) -> str:
        r"""The components as a LaTeX ``aligned`` block, one line each."""
        return (r"\begin{aligned}" + r" \\ ".join(
            rf"g_{{{sp.latex(z)}}} &= {sp.latex(g)}"
            for z, g in zip(self.variables, self.expressions)) + r"\end{aligned}")

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"


class GameField(VectorField):
    """The field of a game's gradient dynamics; made by the functions below.

    Beyond a `VectorField` it knows where it comes from, so that programs can
    derive it from the costs; ``expressions`` and ``jacobian`` are derived only
    when asked for, because the symbolic inverse of a large follower's Hessian
    is too large to write down.

    Parameters
    ----------
    game : the `Game`; the values of its parameters are put in place.
    kind : "simultaneous" or "stackelberg".
    tau : the factor of the followers' components, > 0 (Stackelberg only).
    eta : the regularisation of D22 f2, >= 0 (Stackelberg only).

    >>> x, y = sp.symbols("x y", real=True)
    >>> from gameanalysis.declaration.game import zero_sum
    >>> GameField(zero_sum(x*y - y**2, x, y), "simultaneous").expressions
    (y, -x + 2*y)
    """

    __slots__ = ("_game", "_kind", "_tau", "_eta")
    _game: Game
    _kind: str
    _tau: sp.Expr
    _eta: sp.Expr

    def __init__(self, game: Game, kind: str, tau: Number = 1, eta: Number = 0) -> None:
        if not isinstance(game, Game):
            raise GameError(f"expected a Game, not {game!r}")
        if kind not in ("simultaneous", "stackelberg"):
            raise GameError(f"the kind of field is 'simultaneous' or 'stackelberg', "
                            f"not {kind!r}")
        tau, eta = ratio(exact(tau, "tau")), regularisation(exact(eta, "eta"))
        if kind == "simultaneous" and (tau, eta) != (1, 0):
            raise GameError("the simultaneous gradient takes neither tau nor eta")
        self._set(game=game, kind=kind, tau=tau, eta=eta, expressions=(),
                  jacobian=None, variables=game.variables, periods=game.periods)
        object.__setattr__(self, "name", f"{kind} gradient" + (
            f" of {game.name}" if game.name else ""))

    @property
    def game(self) -> Game:
        """The game whose gradient this is."""
        return self._game

    @property
    def kind(self) -> str:
        """Which gradient: "simultaneous" or "stackelberg"."""
        return self._kind

    @property
    def tau(self) -> sp.Expr:
        """The factor of the followers' components, exact."""
        return self._tau

    @property
    def eta(self) -> sp.Expr:
        """The regularisation of the followers' Jacobian, exact."""
        return self._eta

    @property
    def expressions(self) -> tuple[sp.Expr, ...]:
        """The components, exact, derived when first asked for.

        Raises `GameError` if D22 f2 + eta I is singular everywhere.
        """
        if not self._expressions:
            game = self._game.without_parameters()
            omega = tuple(game_gradient(game))
            if self._kind == "stackelberg":
                leader = tuple(total_derivative(game, self._eta))
                omega = leader + tuple(self._tau * g for g in omega[len(leader):])
            self._set(expressions=omega)
        return self._expressions

    def _derive(self) -> sp.ImmutableMatrix:
        game = self._game.without_parameters()
        if self._kind == "simultaneous":
            return game_jacobian(game)
        return stackelberg_jacobian(game, self._tau, self._eta)

    def _key(self) -> tuple:
        return self._game, self._kind, self._tau, self._eta

    def __reduce__(self) -> tuple:
        return GameField, self._key()

    def __repr__(self) -> str:
        names = short(sp.Tuple(*self.variables))[1:-1].rstrip(",")
        rates = (f", tau = {self.tau}, eta = {self.eta}"
                 if self.kind == "stackelberg" else "")
        n = len(self.variables)
        return f"{self.name} in {n} variables ({names}){rates}"


class HierarchyField(VectorField):
    """The field of gradient play in a hierarchy; made by `hierarchy_gradient`.

    Like a `GameField` it knows where it comes from, so that programs can derive it from the
    costs; ``expressions`` and ``jacobian`` are derived only when asked for.

    Parameters
    ----------
    hierarchy : the `Hierarchy`; the values of the game's parameters are put in place.
    tau : the factor of each level's components, from the top; numbers > 0.
    """

    __slots__ = ("_hierarchy", "_tau")
    _hierarchy: Hierarchy
    _tau: tuple[sp.Expr, ...]

    def __init__(self, hierarchy: Hierarchy, tau: Number | Sequence[Number] = 1) -> None:
        if not isinstance(hierarchy, Hierarchy):
            raise GameError(f"expected a Hierarchy(game, levels), not {hierarchy!r}")
        game = hierarchy.game
        self._set(hierarchy=hierarchy, tau=_factors(tau, hierarchy.n_levels), expressions=(),
                  jacobian=None, variables=game.variables, periods=game.periods)
        object.__setattr__(self, "name", f"gradient of the hierarchy {hierarchy.name}" + (
            f" of {game.name}" if game.name else ""))

    @property
    def hierarchy(self) -> Hierarchy:
        """The hierarchy whose gradient this is."""
        return self._hierarchy

    @property
    def tau(self) -> tuple[sp.Expr, ...]:
        """The factor of each level's components, from the top, exact."""
        return self._tau

    @property
    def factors(self) -> tuple[sp.Expr, ...]:
        """The factor of each component, in the order of ``variables``."""
        h = self._hierarchy
        by_place = {k: self._tau[h.level_of(player)] for player in range(h.game.n_players)
                    for k in h.actions(player)}
        return tuple(by_place[k] for k in range(len(by_place)))

    @property
    def expressions(self) -> tuple[sp.Expr, ...]:
        """The components, exact, derived when first asked for.

        Raises `GameError` if the system of a lower level is singular everywhere.
        """
        if not self._expressions:
            column = hierarchy_gradient_column(self._hierarchy.without_parameters())
            self._set(expressions=tuple(t * g for t, g in zip(self.factors, column)))
        return self._expressions

    def _key(self) -> tuple:
        return self._hierarchy, self._tau

    def __reduce__(self) -> tuple:
        return HierarchyField, self._key()

    def __repr__(self) -> str:
        names = short(sp.Tuple(*self.variables))[1:-1].rstrip(",")
        rates = "" if set(self.tau) == {1} else f", tau = {', '.join(map(str, self.tau))}"
        return f"{self.name} in {len(self.variables)} variables ({names}){rates}"


def hierarchy_gradient(hierarchy: Hierarchy, tau: Number | Sequence[Number] = 1
                       ) -> HierarchyField:
    """The field G_1 = (F_1, ..., F_L) of all players' total derivatives in a hierarchy.

    F_{j,i} = D_i f_i - (D_i G_{j+1})^T (D_y G_{j+1})^-T D_y f_i, the derivative of player i's
    cost along the response of all lower levels where these are at rest (`anticipation`); below
    the lowest level there is nothing, and F_i = D_i f_i.  Its zeros are the critical points of
    the hierarchy.  With one level it is the simultaneous gradient, with one leader and one
    level below it the Stackelberg gradient.  It is undefined where a D_y G_{j+1} is singular.

    Parameters: ``tau``, the learning rates of the levels relative to each other: one number
    > 0 for each level from the top, or one number, by which every level is faster than the
    one above it (1, tau, tau^2, ...).
    Raises `GameError` for other values; a level that is singular everywhere raises when
    ``.expressions`` are asked for, or when the field is compiled.

    >>> x, y = sp.symbols("x y", real=True)
    >>> from gameanalysis.declaration.game import zero_sum
    >>> game = zero_sum(x*y - y**2/2, x, y)
    >>> hierarchy_gradient(Hierarchy(game, [0, 1]), tau=2).expressions
    (x, -2*x + 2*y)
    """
    return HierarchyField(hierarchy, tau)


def simultaneous_gradient(game: Game) -> GameField:
    """The field omega = (D1 f1, ..., Dn fn) of all the players' gradients.

    Its zeros are the critical points of the game; x' = -omega(x) is
    simultaneous gradient play.  Every number of players is covered.

    >>> x, y = sp.symbols("x y", real=True)
    >>> from gameanalysis.declaration.game import zero_sum
    >>> simultaneous_gradient(zero_sum(x*y - y**2/2, x, y)).expressions
    (y, -x + y)
    """
    return GameField(game, "simultaneous")


def stackelberg_gradient(game: Game, tau: Number = 1, eta: Number = 0) -> GameField:
    """The field omega_S = (D f1, tau D2 f2) of the leader's total derivative.

    D f1 = D1 f1 - D21 f2^T (D22 f2 + eta I)^-1 D2 f1.  With more than two
    players the first leads, and the others' joint Jacobian takes the place of
    D22 f2.  With eta = 0 the field is undefined where that matrix is singular;
    with eta > 0 it is defined where D22 f2 is positive semidefinite, but a
    stable zero need not be a Stackelberg equilibrium.

    Parameters: ``tau`` > 0, the ratio gamma_2/gamma_1 of the learning rates,
    and ``eta`` >= 0, in units of D22 f2; numbers, read exactly.
    Raises `GameError` for other values; a follower's Hessian that is singular
    everywhere raises when ``.expressions`` or ``.jacobian`` are asked for.

    >>> x, y = sp.symbols("x y", real=True)
    >>> from gameanalysis.declaration.game import zero_sum
    >>> stackelberg_gradient(zero_sum(x*y - y**2/2, x, y), tau=2).expressions
    (x, -2*x + 2*y)
    """
    return GameField(game, "stackelberg", tau, eta)


def _factors(tau: Number | Sequence[Number], n_levels: int) -> tuple[sp.Expr, ...]:
    if isinstance(tau, Iterable) and not isinstance(tau, (str, sp.Basic)):
        factors = tuple(ratio(exact(t, "tau")) for t in tau)
        if len(factors) != n_levels:
            raise GameError(f"tau needs one number, or one for each of the {n_levels} levels "
                            f"from the top, not {len(factors)}")
        return factors
    step = ratio(exact(tau, "tau"))
    return tuple(step ** k for k in range(n_levels))


def _component(expression: Number, variables: tuple[sp.Symbol, ...], number: int) -> sp.Expr:
    try:
        component = Player(expression, variables).cost
    except (GameError, UnsupportedFunction) as error:
        raise type(error)(f"component {number} of the field, read as a cost: "
                          f"{error}") from None
    unknown = component.free_symbols - set(variables)
    if unknown:
        names = ", ".join(sorted(map(str, unknown)))
        raise GameError(f"component {number} of the field contains {names}, which is no "
                        f"variable: put its value in with .subs, or declare it once and "
                        f"use that symbol everywhere")
    return component
